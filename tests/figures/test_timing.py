"""The pictures of times: what they draw is what they were given, and plotly takes it."""

import math

import pytest

from core.figures.timing import (
    COLOURS,
    LONGEST_NAME,
    REACH,
    Bar,
    Cell,
    Series,
    against_size,
    bar_places,
    ratio_bars,
    ratio_table,
    shortened,
    table_boxes,
    thumbnail,
)
from tests.figures.checking import valid

MANUAL = Series("manual", "manual", [10, 1000], [2e-3, 8e-3], [1e-3, 6e-3], [5e-3, 9e-3])


def test_times_lie_on_logarithmic_axes_with_bars_from_quartile_to_quartile():
    drawn = valid(against_size([MANUAL], title="t", x="n", unit="s"))
    (line,) = drawn["data"]
    assert [drawn["layout"][axis]["type"] for axis in ("xaxis", "yaxis")] == ["log", "log"]
    assert drawn["layout"]["xaxis"]["ticktext"] == ["10", "1,000"]
    figure = against_size([MANUAL], title="t", x="n", unit="s").data[0]
    assert list(figure["y"]) == MANUAL.values
    assert [y - m for y, m in zip(figure["y"], figure["error_y"]["arrayminus"], strict=True)] == pytest.approx(
        MANUAL.low
    )
    assert [y + m for y, m in zip(figure["y"], figure["error_y"]["array"], strict=True)] == pytest.approx(MANUAL.high)
    assert line["line"]["color"] == COLOURS["manual"]


def test_the_axis_holds_a_single_size():
    low, high = against_size([Series("a", "torch", [50], [1e-3])], title="", x="", unit="s").layout["xaxis"]["range"]
    assert low < math.log10(50) < high


def test_an_older_run_is_dashed_and_the_limit_dotted_and_the_note_is_there():
    older = Series("manual, run 2", "manual", [10], [1e-3], run=1)
    limit = Series("limit", "torch", [10], [1e-6])
    drawn = valid(against_size([MANUAL, older], title="t", x="n", unit="s", note="textbook left out", limit=limit))
    assert [trace["line"].get("dash") for trace in drawn["data"]] == ["solid", "dash", "dot"]
    assert drawn["layout"]["title"]["subtitle"]["text"] == "textbook left out"


def test_versions_without_a_time_are_not_drawn():
    assert len(against_size([MANUAL, Series("x", "torch", [], [])], title="", x="", unit="B").data) == 1
    assert not against_size([], title="", x="", unit="s").data


def test_ratio_bars_reach_the_ratio():
    bars = {"manual": [Bar(10, 2.0, 1.5, 3.0), Bar(1000, 0.5, 0.4, 0.6)]}
    drawn = valid(ratio_bars(bars, title="t", x="n"))
    assert drawn["layout"]["xaxis"]["ticktext"] == ["10", "1,000"]
    assert drawn["data"][0]["x"] == [0, 1]
    assert len(drawn["data"]) == 1
    assert drawn["layout"]["shapes"][0]["y0"] == 1


def test_the_bars_of_two_versions_stand_beside_each_other():
    bars = {"manual": [Bar(10, 2.0, 1.5, 3.0), Bar(20, 1.0, 1.0, 1.0)], "compiled": [Bar(20, 0.5, 0.4, 0.6)]}
    drawn = valid(ratio_bars(bars, title="t", x="n"))
    manual, compiled = drawn["data"]
    assert bar_places(bars, "compiled") == compiled["x"]
    assert manual["x"][1] + manual["width"] == pytest.approx(compiled["x"][0])
    assert (manual["x"][1] + compiled["x"][0]) / 2 == 1, "about the number of their size"


def test_the_table_colours_ratios_and_greys_what_has_none():
    cells = [[Cell("2.00", 2.0), Cell("left out")], [Cell("0.50", 0.5), Cell("1,000", 1000.0)]]
    figure = ratio_table(["conv2d", "softmax"], ["manual", "textbook"], cells)
    valid(figure)
    coloured, grey = figure.data
    assert coloured["z"][0][0] == 1
    assert coloured["z"][1].tolist() == [-1, REACH]
    assert math.isnan(coloured["z"][0][1])
    assert [list(row) for row in grey["text"]] == [["", "left out"], ["", ""]]
    assert table_boxes(2, 2)[2] == (-0.5, 0.5, 0.5, 1.5), "row 1, column 0"


def test_long_names_keep_both_ends():
    name = "binary_cross_entropy_with_logits"
    assert len(shortened(name)) == LONGEST_NAME
    assert shortened(name).startswith("binary_cro")
    assert shortened(name).endswith("_logits")
    assert shortened("conv2d") == "conv2d"


def test_the_thumbnail_times_three_ways():
    drawn = valid(thumbnail())
    assert drawn["data"][0]["y"] == ["textbook", "manual", "torch"]
