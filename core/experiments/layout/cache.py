"""What a walk over a tensor asks of the memory: the cache lines that it touches and fetches again."""

from dataclasses import dataclass

import numpy as np

from core.experiments.layout.addresses import addresses
from core.experiments.layout.rule import Ints, Layout


@dataclass(frozen=True)
class CacheLines:
    """What a walk in reading order asks of the memory, with a cache that keeps the lines used last."""

    touched: int  # different lines
    fetched_at: Ints  # steps of the walk, counted from 0, that had to wait for a line from memory
    least: int  # lines that the same numbers would fill if they lay side by side

    @property
    def fetched(self) -> int:
        """How often a line came from memory."""
        return len(self.fetched_at)

    @property
    def refetched(self) -> int:
        """Fetches of a line that had been in the cache before, and was dropped."""
        return self.fetched - self.touched


def cache_lines(layout: Layout, itemsize: int, line_bytes: int = 64, capacity: int = 8) -> CacheLines:
    """Walk the tensor in reading order through a cache of `capacity` lines that drops the least recently used.

    Memory comes in lines of `line_bytes`; the storage begins on one, as torch's allocator makes it, and no
    element lies across two. The default is a scale model for small tensors: a first-level cache of 32 KiB
    has a `capacity` of 512 lines. Real caches also fetch ahead and place lines by their address; this counts
    lines and predicts no times.
    """
    line = addresses(layout).ravel() * itemsize // line_bytes
    arrivals = np.flatnonzero(np.diff(line, prepend=-1))  # staying on a line costs nothing
    cache: dict[int, None] = {}  # the least recently used first
    touched, fetched_at = set(), []
    for at, number in zip(arrivals.tolist(), line[arrivals].tolist(), strict=True):
        if number in cache:
            del cache[number]
        else:
            touched.add(number)
            fetched_at.append(at)
            if len(cache) == capacity:
                del cache[next(iter(cache))]
        cache[number] = None
    return CacheLines(len(touched), tuple(fetched_at), -(-layout.numel * itemsize // line_bytes))
