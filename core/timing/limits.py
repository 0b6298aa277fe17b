"""How fast the device can move and multiply numbers at best, measured, and what that means for an operator."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.utils.benchmark import Timer
from torch.utils.benchmark.utils.timer import timer

from core.ops.operator import Operator
from core.timing import devices
from core.timing.settings import Settings

COPY_BYTES = 2**28  # at most; a few times the last-level cache, so that memory is measured and not the cache
RUN_S = 0.2  # time given to each figure
LONG_ENOUGH_S = 0.01  # a product that takes this long is past the cost of starting it


@dataclass(frozen=True)
class Limits:
    """What the device reached in this run, for the run's dtype and threads."""

    bytes_per_s: float  # of a copy, what is read and what is written counted
    operations_per_s: float  # of a square matmul, a multiply-add counted as two


def measure(settings: Settings, clock: Callable[[], float] = timer) -> Limits:
    """Time a copy that does not fit the cache, and matmul at growing sizes."""
    return Limits(_copy_rate(settings, clock), _matmul_rate(settings, clock))


def _copy_rate(settings: Settings, clock: Callable[[], float]) -> float:
    numbers = min(COPY_BYTES, 4 * devices.last_level_cache(settings.device)) // 4
    source = torch.zeros(numbers, device=settings.device)
    target = torch.ones(numbers, device=settings.device)
    seconds = _median("target.copy_(source)", {"source": source, "target": target}, settings, clock)
    return 2 * 4 * numbers / seconds


def _matmul_rate(settings: Settings, clock: Callable[[], float]) -> float:
    """The best rate over n = 256, 512, …, until one product takes 10 ms."""
    best = 0.0
    for n in (256, 512, 1024, 2048, 4096, 8192):
        a = torch.ones(n, n, device=settings.device, dtype=settings.torch_dtype)
        seconds = _median("a @ a", {"a": a}, settings, clock)
        best = max(best, 2 * n**3 / seconds)
        if seconds > LONG_ENOUGH_S:
            break
    return best


def _median(statement: str, names: dict, settings: Settings, clock: Callable[[], float]) -> float:
    measured = Timer(statement, globals=names, timer=clock, num_threads=settings.threads)
    return measured.blocked_autorange(min_run_time=RUN_S).median


def floor_s(operator: Operator, size: int, settings: Settings, limits: Limits) -> float:
    """The least seconds the operator can take at this size: max(bytes / bandwidth, operations / rate).

    Bytes are those of the definition: inputs read once, outputs written once. With the backward pass both
    numbers are doubled: it reads the gradient of each output, writes that of each input, and does no fewer
    operations. Many operators need more (a product twice the forward's operations, others their inputs
    again), so that the true floor mostly lies higher; inputs without a gradient, targets for example, are
    counted as if they had one.

    A measured time can lie below the floor where the inputs fit the cache, which is faster than memory.
    """
    passes = 2 if settings.backward else 1
    moved = passes * operator.bytes_moved(size, settings.torch_dtype.itemsize)
    done = passes * operator.operations(size)
    return max(moved / limits.bytes_per_s, done / limits.operations_per_s)
