"""Lanes of work."""

from core.figures.lanes import Busy, lanes
from tests.figures.checking import valid


def test_work_lies_in_its_lane_at_its_time():
    work = [
        Busy("worker 0", 0, 2.5, "load 0", 0),
        Busy("training", 2.5, 4, "train 0", 0),
        Busy("worker 0", 2.5, 6, "load 1", 1),
    ]
    drawn = valid(lanes(["training", "worker 0"], work, "ms", title="t"))
    (bars,) = drawn["data"]
    assert bars["y"] == ["worker 0", "training", "worker 0"]
    assert (bars["base"], bars["x"]) == ([0, 2.5, 2.5], [2.5, 1.5, 3.5])
    first, same, other = bars["marker"]["color"]
    assert first == same != other
    assert drawn["layout"]["yaxis"]["categoryarray"] == ["worker 0", "training"]  # from below upwards
