"""torch.compile as one more contender. Compiling takes seconds, so there is one run of it."""

import pytest

from core.ops import normalize
from core.timing import devices, runner
from core.timing.results import ratios
from core.timing.settings import Settings
from tests.timing.fakes import known_limits


def test_the_compiled_tier_is_timed_with_its_compile_time_apart(monkeypatch):
    reason = devices.compile_failure("cpu")
    if reason:
        pytest.skip(reason)
    monkeypatch.setattr(runner, "SLICE_S", 0.002)
    chosen = Settings(sizes="small", tiers=("manual", "compiled", "torch"))
    *_, last = runner.run(normalize.OPERATORS, chosen, measure_limits=known_limits)
    by_tier = {m.tier: m for m in last.result.measurements}
    assert {m.status for m in by_tier.values()} == {"ok"}, by_tier
    assert by_tier["compiled"].compile_s is not None
    assert by_tier["manual"].compile_s is None
    assert {r.tier for r in ratios(last.result)} == {"manual", "compiled"}
