"""One call timed in several ways, which disagree: what each of them really measures.

To be run in a process of its own: the first call of a process is one of the ways.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch.utils.benchmark import Timer

SIDE = 256  # of the matrix: 256 KiB, which the caches of a core hold
OTHERS = 128  # matrices in turn, 32 MiB, which they do not
CALLS = 200
RUN_S = 0.2  # of a median
Method = Literal["first", "once", "mean", "best", "median", "cold", "unwaited"]


@dataclass(frozen=True)
class Way:
    """What one method says of the call."""

    method: Method
    seconds: float
    calls: int  # that it took


@dataclass(frozen=True)
class Ways:
    """What the methods have said so far."""

    device: str
    ways: tuple[Way, ...]
    of: int  # methods in all

    @property
    def share(self) -> float:
        """How much of the run is done."""
        return len(self.ways) / self.of

    @property
    def ordered(self) -> list[Way]:
        """From the shortest time to the longest."""
        return sorted(self.ways, key=lambda way: way.seconds)

    @property
    def apart(self) -> float:
        """The longest time ÷ the shortest."""
        return self.ordered[-1].seconds / self.ordered[0].seconds

    def said(self, method: Method) -> Way:
        """What this method says. StopIteration where it has not been asked yet."""
        return next(way for way in self.ways if way.method == method)


def timed_in_every_way(device: str, stop: Callable[[], bool]) -> Iterator[Ways]:
    """softmax of the rows of a (256, 256) matrix, one thread, by six methods; on CUDA by a seventh."""
    torch.set_num_threads(1)
    x = torch.rand(SIDE, SIDE, device=device)
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    methods = {
        "first": lambda: Way("first", by_the_clock(x, wait), 1),
        "once": lambda: Way("once", by_the_clock(x, wait), 1),
        "mean": lambda: Way("mean", statistics.mean(each(x, wait)), CALLS),
        "best": lambda: Way("best", min(each(x, wait)), CALLS),
        "median": lambda: median(x),
        "cold": lambda: in_turn(x, wait),
    }
    if device == "cuda":
        methods["unwaited"] = lambda: Way("unwaited", by_the_clock(x, lambda: None), 1)
    found: tuple[Way, ...] = ()
    for measure in methods.values():
        if stop():
            return
        found += (measure(),)
        yield Ways(device, found, len(methods))


def by_the_clock(x: torch.Tensor, wait: Callable[[], None]) -> float:
    """Seconds of one call, from before it to behind it."""
    wait()
    begin = time.perf_counter()
    torch.softmax(x, -1)
    wait()
    return time.perf_counter() - begin


def each(x: torch.Tensor, wait: Callable[[], None]) -> list[float]:
    """Seconds of many calls, one by one."""
    return [by_the_clock(x, wait) for _ in range(CALLS)]


def median(x: torch.Tensor) -> Way:
    """By torch.utils.benchmark: blocks of calls without a look at the clock between them, the median of the blocks."""
    found = Timer("torch.softmax(x, -1)", globals={"torch": torch, "x": x}).blocked_autorange(min_run_time=RUN_S)
    return Way("median", found.median, found.number_per_run * len(found.times))


def in_turn(x: torch.Tensor, wait: Callable[[], None]) -> Way:
    """Each call on another matrix, so that none is in the caches any more when its turn comes; the median."""
    others = [torch.rand_like(x) for _ in range(OTHERS)]
    return Way("cold", statistics.median(by_the_clock(other, wait) for _ in range(2) for other in others), 2 * OTHERS)
