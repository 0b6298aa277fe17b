"""A walk shows the lines that ran, in their order, and what they read and wrote."""

import json

import pytest
import torch

from core.figures import colour
from core.figures.walk import MOST_STEPS, folded, hue, moments, packed, record
from core.ops.convolution import corr2d
from core.ops.softmax import softmax_steps


def countdown(x):
    total = torch.zeros(1)
    for i in range(len(x)):
        total[0] = total[0] + x[i]
    return total


def test_the_lines_are_those_that_ran():
    seen, result = moments(countdown, torch.tensor([1.0, 2.0]))
    assert result.item() == 3
    assert [moment.line for moment in seen] == [1, 2, 3, 2, 3, 2, 4]


def test_writes_are_found_by_comparing_and_reads_are_told():
    x = torch.tensor([1.0, 2.0])
    walk = record(
        countdown, x, panels=("x", "total"), reads=lambda now: {"x": [(now.names["i"],)]} if now.line == 3 else {}
    )
    adding = [step for step in walk.steps if step.line == 3]
    assert [step.reads for step in adding] == [{"x": [0]}, {"x": [1]}]
    assert [step.writes for step in adding] == [{"total": [0]}, {"total": [0]}]
    assert [step.values["total"].item() for step in adding] == [1, 3]


def test_the_walk_ends_on_the_result_of_corr2d():
    X, K = torch.arange(16.0).reshape(4, 4), torch.ones(2, 2)
    walk = record(corr2d, X, K, panels=("X", "K", "Y"))
    assert torch.equal(walk.steps[-1].values["Y"], corr2d(X, K))
    assert "def corr2d" in walk.source


def test_the_walk_ends_on_the_fields_of_a_result_that_has_some():
    walk = record(softmax_steps, torch.tensor([[1.0, 3, 2]]), 1, panels=("shifted", "output"))
    assert "output" not in walk.steps[-2].values
    torch.testing.assert_close(walk.steps[-1].values["output"], torch.softmax(torch.tensor([[1.0, 3, 2]]), 1))


def test_only_changes_travel_and_replaying_them_gives_the_end():
    X, K = torch.arange(16.0).reshape(4, 4), torch.ones(2, 2)
    walk = record(corr2d, X, K, panels=("Y",))
    data = json.loads(json.dumps(packed(walk, {"Y": colour.signed(X)})))
    cells: dict[int, str] = {}
    for step in data["steps"]:
        for place, text, _ in step["changes"].get("Y", {}).get("cells", []):
            cells[place] = text
    assert [cells[i] for i in range(9)] == [f"{v:g}" for v in corr2d(X, K).flatten().tolist()]


def test_a_long_run_is_cut():
    walk = record(countdown, torch.zeros(MOST_STEPS), panels=("total",))
    assert walk.cut
    assert len(walk.steps) == MOST_STEPS


@pytest.mark.parametrize(
    ("value", "expected"), [(-1.0, colour.SIGNED[0]), (1.0, colour.SIGNED[-1]), (9.0, colour.SIGNED[-1])]
)
def test_hue_of_the_ends(value, expected):
    assert hue(value, colour.Scale(colour.SIGNED, -1, 1)).lower() == expected.lower()
    assert hue(float("nan"), colour.Scale(colour.SIGNED, -1, 1)) == "transparent"


def test_the_matrices_of_a_walk_stand_as_on_a_board():
    x = torch.arange(24.0).reshape(2, 3, 2, 2)
    walk = record(softmax_steps, x, 3, panels=("input",))
    (change,) = packed(walk, {"input": colour.signed(x)})["steps"][0]["changes"].values()
    assert change["shape"] == [8, 5]  # three channels below each other, two samples side by side, gaps of one cell
    places = dict(zip(map(tuple, torch.ones_like(x).nonzero().tolist()), map(tuple, change["at"]), strict=True))
    assert places[0, 0, 0, 0] == (1, 1)
    assert places[0, 2, 1, 0] == (8, 1)
    assert places[1, 1, 0, 1] == (4, 5)


def test_a_long_docstring_is_folded_below_its_first_line():
    source = 'def f(x):\n    """First.\n\n    More.\n    """\n    return x\n'
    assert folded(source) == [2, 3, 4]
    assert folded('def f(x):\n    """First."""\n    return x\n') == []
    assert folded("def f(x):\n    return x\n") == []
