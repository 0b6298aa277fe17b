"""The storage strip and the boxes of dimensions."""

import torch

from core.figures.memory import Strip, dimensions, row_length, strip
from core.ops.layout import Layout, view_refusals
from tests.figures.checking import valid


def test_a_row_of_the_strip_is_a_cache_line():
    assert row_length(16) == 16  # float32
    assert row_length(8) == 8  # int64
    assert row_length(64) == 32  # int8: as far as it can be read


def test_the_strip_shows_all_cells_and_greys_those_not_read():
    wanted = Strip("s", [str(n) for n in range(20)], {n: f"{n}" for n in range(0, 20, 2)}, [4])
    figure = strip(wanted, 8)
    drawn = valid(figure)
    colours, greys = torch.tensor(figure.data[0]["z"]), torch.tensor(figure.data[1]["z"])
    assert colours.shape == (3, 8)
    assert int((~colours.isnan()).sum()) == 10
    assert int((~greys.isnan()).sum()) == 10
    assert len(drawn["layout"]["shapes"]) == 1
    assert figure.data[-1]["text"][1] == "address 1: 1, not read by this tensor"


def test_the_boxes_mark_the_pair_that_breaks_the_rule():
    layout = Layout.of(torch.zeros(3, 4).t())
    drawn = valid(dimensions(layout, view_refusals(layout, (12,))))
    texts = [a["text"] for a in drawn["layout"]["annotations"]]
    assert "1 ≠ 4·3" in texts
    assert "do not merge" in texts
    assert any("would span both" in text for text in texts)
    assert "merge" in [a["text"] for a in valid(dimensions(Layout.of(torch.zeros(3, 4))))["layout"]["annotations"]]
