"""Trips through memory and the roofline: what they draw is what they were given, and plotly takes it."""

from dataclasses import dataclass

import pytest

from core.figures.timing_roof import Dot, Line, roofline
from core.figures.timing_trips import Lane, boxes, in_time, shown, through_memory
from tests.figures.checking import valid


@dataclass(frozen=True)
class Trip:
    short: str
    read: tuple[int, ...]
    written: tuple[int, ...]
    seconds: float

    @property
    def moved(self):
        return sum(self.read) + sum(self.written)


LANES = [
    Lane("manual", [Trip("exp", (100,), (100,), 2e-3), Trip("div", (100, 10), (100,), 1e-3)], 5e-3),
    Lane("torch", [Trip("_softmax", (100,), (100,), 1e-3)], 1e-3),
]


def test_bars_follow_each_other_as_long_as_their_bytes():
    drawn = valid(through_memory(LANES))
    reads, writes = (trace for trace in drawn["data"] if trace["type"] == "bar")
    manual = [(b, w) for b, w, y in zip(reads["base"], reads["x"], reads["y"], strict=True) if y == 0]
    assert manual == [(0, 100), (200, 100), (300, 10)]
    assert [b for b, y in zip(writes["base"], writes["y"], strict=True) if y == 0] == [100, 310]
    assert drawn["layout"]["yaxis"]["ticktext"] == ["manual", "torch"]


def test_what_is_not_within_a_call_is_drawn_as_the_rest():
    drawn = valid(in_time(LANES))
    calls, rest = (trace for trace in drawn["data"] if trace["type"] == "bar")
    assert calls["x"] == [2e-3, 1e-3, 1e-3]
    assert rest["base"] == pytest.approx([3e-3])
    assert rest["x"] == pytest.approx([2e-3])


def test_boxes_stand_where_the_calls_are_drawn():
    found = boxes(LANES, [[200, 210], [200]])
    assert [box and box[:2] for box in found] == [(0, 200), (200, 410), (0, 200), None]
    assert found[2][2] < 1 < found[2][3]


def test_a_kernels_name_is_what_it_fuses():
    assert shown(Trip("cpp_fused_amax_div_exp_0", (), (), 0)) == "amax div exp"
    assert shown(Trip("triton_poi_fused_add_12", (), (), 0)) == "add"
    assert shown(Trip("exp", (), (), 0)) == "exp"


@dataclass(frozen=True)
class Rate:
    median: float
    low: float
    high: float


def test_dots_stand_at_their_intensity_and_the_roof_bends_at_the_peak():
    dots = [Dot("torch", 0.5, Rate(1e9, 0.9e9, 1.2e9))]
    roof = [Line("memory", Rate(1e10, 0.9e10, 1.1e10), True), Line("matmul", Rate(1e11, 1e11, 1e11), False)]
    drawn = valid(roofline(dots, roof, 1e11))
    lines = {trace["name"]: trace for trace in drawn["data"] if trace.get("name")}
    assert lines["memory"]["x"][1] == pytest.approx(10), "where the slope meets the peak"
    assert lines["memory"]["y"][1] == pytest.approx(1e11)
    assert lines["matmul"]["y"] == [1e11, 1e11]
    assert (lines["torch"]["x"], lines["torch"]["y"]) == ([0.5], [1e9])
    assert lines["torch"]["error_y"]["arrayminus"] == pytest.approx([0.1e9])
