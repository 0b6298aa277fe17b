"""What a run's numbers say: trips, standings under the roof, and why a share may be above 1."""

from dataclasses import replace

import pytest

from core.timing import explain
from core.timing.limits import Copy, Rate
from core.timing.results import Machine, Measurement
from core.timing.why import Trip
from tests.timing.fakes import limits
from tests.timing.test_results import result_of

LIMITS = limits(1e9, 1e10)


def trip(read=(4000,), written=(4000,), seconds=1e-6):
    return Trip("aten::exp", ("1000",) * len(read), ("1000",) * len(written), read, written, seconds)


def measured(tier, median=1e-5, spread=0.0, **other):
    known = {"needed_bytes": 8000, "operations": 4000, "floor_s": 8e-6, "moved_bytes": 8000} | other
    return Measurement(
        "torch.x", 8, tier, "ok", "", median, median * (1 - spread), median * (1 + spread), 9, 800, **known
    )


def test_a_trip_with_a_small_tensor_is_not_counted():
    small = trip(read=(4000, 40), written=(40,))
    result = result_of(
        measured("manual", calls=2, trips=(small, trip()), moved_bytes=12080),
        measured("torch", calls=1, trips=(trip(),)),
    )
    found = explain.why(result)
    assert [(path.tier, path.large, path.moved) for path in found.paths] == [("manual", 3, 12080), ("torch", 2, 8000)]
    assert explain.why(result_of(measured("torch"))) is None


def standing(m, machine=None, known=LIMITS):
    result = replace(result_of(m), limits=known)
    found = explain.roof(replace(result, machine=machine or result.machine))
    return found.standings[0]


def test_a_version_stands_at_its_own_bytes_and_operations():
    one = standing(measured("manual", 4e-5, 0.25, moved_bytes=32000))
    assert one.intensity == 4000 / 32000
    assert (one.rate.median, one.rate.low, one.rate.high) == pytest.approx((1e8, 4000 / 5e-5, 4000 / 3e-5))
    assert one.share == pytest.approx(0.2)
    assert one.own_share == pytest.approx(0.8), "of the lower roof over its own dot"
    assert one.above == ""


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        (measured("torch", 1e-6, moved_bytes=4000), "moves less"),
        (measured("torch", 6e-6, trips=(trip((4000, 4000), (4,)),)), "only reads"),
        (measured("torch", 7.9e-6, spread=0.05), "spread"),
        (measured("torch", 2e-6, input_sets=4), "outputs in the cache"),
        (measured("torch", 2e-6), "unknown"),
        (measured("torch", 1e-6, operations=10**6, floor_s=1e-4), "fewer operations"),
        (measured("torch", 9e-6), ""),
    ],
    ids=["less", "reads", "spread", "outputs", "unknown", "operations", "below"],
)
def test_a_share_above_one_has_its_reason(measured, reason):
    machine = Machine("CPU", "CPU", 2, "Linux", cache_bytes=10**6)
    assert standing(measured, machine).above == reason


def test_the_outputs_are_no_reason_where_the_cache_cannot_hold_them():
    machine = Machine("CPU", "CPU", 2, "Linux", cache_bytes=1000)
    assert standing(measured("torch", 2e-6, input_sets=4), machine).above == "unknown"


def test_the_roof_is_that_of_a_copy_of_the_calls_own_size():
    fast = Rate(4e9, 4e9, 4e9)
    known = replace(LIMITS, cached=(Copy(8000, fast),))
    result = replace(result_of(measured("torch")), limits=known)
    found = explain.roof(result)
    assert (found.bandwidth, found.cached, found.memory_bound) == (fast, True, True)
    assert explain.roof(result_of(measured("torch"))) is None, "without limits there is no roof"


def test_all_operators_together():
    both = [measured("manual", 3e-5), measured("compiled", 1e-5), measured("torch", 1e-5)]
    other = [replace(m, operator="torch.y", median_s=1e-5, low_s=1e-5, high_s=1e-5) for m in both]
    found = explain.overall(result_of(*both, *other))
    assert (found.operators, found.manual, found.slowest) == (2, 2.0, "x")
    assert (found.compiled_of, found.compiled, found.helped) == (2, 1.0, 1)
    assert explain.overall(result_of(measured("torch"))) is None
