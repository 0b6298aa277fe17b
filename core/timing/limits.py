"""How fast the device can move and compute numbers at best, measured, and what that means for an operator."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.utils.benchmark import Timer
from torch.utils.benchmark.utils.timer import timer

from core.ops.operator import Operator
from core.timing import devices
from core.timing.settings import Settings

COPY_BYTES = 2**28  # of a copy's source at most; a few times the last cache, so that memory is measured and not it
CACHED_BYTES = tuple(4**k for k in range(8, 14))  # read and written by the copies inside the caches: 64 KiB to 64 MiB
RUN_S = 0.15  # time given to each figure
SIDES = (256, 512, 1024, 2048, 4096, 8192)  # of a square matmul
LONG_ENOUGH_S = 0.01  # a product that takes this long is past the cost of starting it
IN_CACHE = 2**15  # numbers of an addcmul whose four tensors stay in a core's own cache
ON_GPU = 2**24  # numbers that keep all of a GPU busy
QUARTILES = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)


@dataclass(frozen=True)
class Rate:
    """So many a second: the median of the runs, and their quartiles."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Copy:
    """The rate of a copy that reads and writes so many bytes in all."""

    bytes: int
    rate: Rate


@dataclass(frozen=True)
class Limits:
    """What the device reached in this run on random numbers, for the run's dtype and threads."""

    memory: Rate  # bytes a second of a copy that no cache holds, what is read and what is written counted
    matrix: Rate  # operations a second of a square matmul, a multiply-add counted as two
    elementwise: Rate  # operations a second of a + b · c, in the cache where there is one
    cached: tuple[Copy, ...] = ()  # copies that the caches hold, ascending

    @property
    def operations_per_s(self) -> float:
        """Of whichever work is the faster in this dtype: a slow matmul limits nothing but matmuls."""
        return max(self.matrix.median, self.elementwise.median)

    def bandwidth(self, held: int) -> Rate:
        """Bytes a second for work on so many bytes, over and over: the fastest copy that is no smaller.

        The copies' sizes are far apart, so that the one below counts as no smaller.
        """
        first = sum(copy.bytes <= held for copy in self.cached) - 1
        larger = [copy.rate for copy in self.cached[max(first, 0) :]]
        return max([self.memory, *larger], key=lambda rate: rate.median)


def measure(settings: Settings, clock: Callable[[], float] = timer) -> Limits:
    """Time copies in and out of the caches, matmul at growing sizes, and a + b · c."""
    numbers = min(COPY_BYTES, 4 * devices.last_level_cache(settings.device)) // 4
    inside = [size for size in CACHED_BYTES if size <= devices.last_level_cache(settings.device)]
    return Limits(
        _copy_rate(numbers, settings, clock), _matrix_rate(settings, clock), _elementwise_rate(settings, clock),
        tuple(Copy(size, _copy_rate(size // 8, settings, clock)) for size in inside),
    )  # fmt: skip


def _random(*shape: int, settings: Settings, dtype: torch.dtype) -> torch.Tensor:
    """Zeros and ones would flip fewer wires, and run up to a third faster on a GPU that its power limits."""
    generator = torch.Generator().manual_seed(settings.seed)
    return torch.randn(shape, generator=generator).to(settings.device, dtype)


def _copy_rate(numbers: int, settings: Settings, clock: Callable[[], float]) -> Rate:
    source = _random(numbers, settings=settings, dtype=torch.float32)
    names = {"source": source, "target": torch.ones_like(source)}
    return _rate(2 * 4 * numbers, "target.copy_(source)", names, settings, clock)


def _matrix_rate(settings: Settings, clock: Callable[[], float]) -> Rate:
    """The best over n = 256, 512, …, until one product takes 10 ms."""
    best = Rate(0.0, 0.0, 0.0)
    for n in SIDES:
        a = _random(n, n, settings=settings, dtype=settings.torch_dtype)
        reached = _rate(2 * n**3, "a @ a", {"a": a}, settings, clock)
        best = max(best, reached, key=lambda rate: rate.median)
        if 2 * n**3 / reached.median > LONG_ENOUGH_S:
            break
    return best


def _elementwise_rate(settings: Settings, clock: Callable[[], float]) -> Rate:
    """In the run's dtype or in float32, whichever is faster: versions may widen short numbers while they compute."""
    n = IN_CACHE if settings.torch_device.type == "cpu" else ON_GPU
    kinds = {settings.torch_dtype, torch.float32} if settings.torch_dtype.itemsize < 4 else {settings.torch_dtype}
    reached = []
    for dtype in kinds:
        a = _random(n, settings=settings, dtype=dtype)
        names = {"torch": torch, "a": a, "out": torch.empty_like(a)}
        reached.append(_rate(2 * n, "torch.addcmul(a, a, a, out=out)", names, settings, clock))
    return max(reached, key=lambda rate: rate.median)


def _rate(done: float, statement: str, names: dict, settings: Settings, clock: Callable[[], float]) -> Rate:
    """So much done a call ÷ the seconds of a call."""
    timed = Timer(statement, globals=names, timer=clock, num_threads=settings.threads)
    seconds = torch.tensor(timed.blocked_autorange(min_run_time=RUN_S).times, dtype=torch.float64)
    fast, middle, slow = seconds.quantile(QUARTILES).tolist()
    return Rate(done / middle, done / slow, done / fast)


def floor_s(operator: Operator, size: int, settings: Settings, limits: Limits, sets: int = 1) -> float:
    """The least seconds the operator can take at this size: max(bytes / bandwidth, operations / rate).

    Bytes are those of the definition: inputs read once, outputs written once; with so many sets of inputs in turn
    the bandwidth is that of as many bytes together. With the backward pass both numbers are doubled: it reads the
    gradient of each output, writes that of each input, and does no fewer operations. Many operators need more (a
    product twice the forward's operations, others their inputs again), so that the true floor mostly lies higher;
    inputs without a gradient, targets for example, are counted as if they had one.
    """
    moved, done = needed(operator, size, settings)
    return max(moved / limits.bandwidth(sets * moved).median, done / limits.operations_per_s)


def needed(operator: Operator, size: int, settings: Settings) -> tuple[int, int]:
    """Bytes and operations of the definition, as `floor_s` counts them."""
    passes = 2 if settings.backward else 1
    return passes * operator.bytes_moved(size, settings.torch_dtype.itemsize), passes * operator.operations(size)
