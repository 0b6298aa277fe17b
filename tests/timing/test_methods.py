"""One call timed in several ways: each says something, the table tells them apart, the verdict hangs on them."""

import pytest

from core.timing import methods
from core.timing.methods import Way, Ways
from pages.timing_parts.methods import MEASURED, NAMES, verdict

ALL = ["first", "once", "mean", "best", "median", "cold"]


def test_every_way_says_a_time_and_the_shortest_is_no_longer_than_the_mean():
    *some, found = methods.timed_in_every_way("cpu", lambda: False)
    assert [len(ways.ways) for ways in some] == [1, 2, 3, 4, 5]
    assert [way.method for way in found.ways] == ALL
    assert all(way.seconds > 0 and way.calls > 0 for way in found.ways)
    assert found.share == 1
    assert found.said("best").seconds <= found.said("mean").seconds <= found.ordered[-1].seconds * 2
    assert found.apart >= 1
    assert set(ALL) < set(NAMES) == set(MEASURED)


def test_it_can_be_stopped():
    asked = iter([False, True])
    assert len(list(methods.timed_in_every_way("cpu", lambda: next(asked)))) == 1


@pytest.mark.parametrize("times", [(1, 1, 1), (30, 1.5, 2), (0.9, 1, 0.8)])
def test_the_verdict_follows_the_times(times):
    first, mean, cold = times
    seconds = {"first": first, "once": 1, "mean": mean, "best": 0.9, "median": 1, "cold": cold}
    said = verdict(Ways("cpu", tuple(Way(method, seconds[method] * 1e-5, 1) for method in ALL), len(ALL)))
    assert ("leave the first calls out" in said[1]) == (first > 1.1)
    assert ("Time it again" in said[-2]) == (cold < 0.9)
    assert ("waits for them" in said[-2]) == (cold > 1.1)
    assert len(said) == 4 + (mean > 1.1)
    assert f"{max(times) / min(*times, 0.9):.1f}" in said[0]
