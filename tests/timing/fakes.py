"""A clock that only the operators move, and operators that cost what a test says."""

from collections.abc import Callable

import torch

from core.ops.operator import Call, Operator
from core.timing.limits import Limits, Rate
from core.timing.settings import Settings

COSTS = {"textbook": 0.03, "manual": 0.02, "torch": 0.01}  # seconds a call


def limits(bytes_per_s: float, operations_per_s: float) -> Limits:
    """A device of these rates without a spread, whose memory has no cache before it."""
    moved, done = (Rate(rate, rate, rate) for rate in (bytes_per_s, operations_per_s))
    return Limits(moved, done, done)


LIMITS = limits(1e6, 1e9)


class Clock:
    def __init__(self, slowness: Callable[[float], float] = lambda now: 1.0) -> None:
        self.now = 0.0
        self.slowness = slowness

    def __call__(self) -> float:
        return self.now

    def spend(self, seconds: float) -> None:
        self.now += seconds * self.slowness(self.now)


def costing(clock: Clock, seconds: Callable[[int], float], function=lambda x: x + 1, called: list | None = None):
    """`function`, at a cost that depends on the number of elements."""

    def run(x: torch.Tensor):
        clock.spend(seconds(x.numel()))
        if called is not None:
            called.append(x.numel())
        return function(x)

    return run


def operator(clock: Clock, name="fake.plus_one", sizes=(10, 20), **other):
    """x + 1, each tier at its constant cost a call; `other` replaces fields."""
    fields = {
        "mirrors": name,
        "manual": costing(clock, lambda n: COSTS["manual"]),
        "torch": costing(clock, lambda n: COSTS["torch"]),
        "textbook": costing(clock, lambda n: COSTS["textbook"]),
        "make_call": lambda n, dtype, device, seed: Call((torch.arange(n, device=device).to(dtype) + seed,)),
        "sizes": sizes,
        "size_meaning": "n: a vector of n numbers",
        "bytes_moved": lambda n, itemsize: 2 * n * itemsize,
        "operations": lambda n: n,
    }
    return Operator(**(fields | other))


def known_limits(settings: Settings, clock: Callable[[], float]) -> Limits:
    return LIMITS


SETTINGS = Settings(tiers=("textbook", "manual", "torch"), budget_s=1000.0)
