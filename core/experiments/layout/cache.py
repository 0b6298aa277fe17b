"""What a walk over a tensor asks of the memory: the cache lines that it touches and fetches again.

A small tensor is walked cell by cell. For one of any size the same walk is counted in periods: once a round of a loop
leaves the cache as it found it, only moved along, all further rounds fetch as often.
"""

import functools
import math
from dataclasses import dataclass, field

import numpy as np

from core.experiments.layout.addresses import Terms, addresses, merged_terms, nested
from core.experiments.layout.rule import Ints, Layout, merged_groups

LINE_BYTES = 64
SCALE_MODEL, FIRST_LEVEL = 8, 512  # lines of a cache for small tensors, and of one of 32 KiB
LONGEST_WALK = 60_000  # lines looked at one by one until a walk counts as too long


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


def cache_lines(layout: Layout, itemsize: int, line_bytes: int = LINE_BYTES, capacity: int = SCALE_MODEL) -> CacheLines:
    """Walk the tensor in reading order through a cache of `capacity` lines that drops the least recently used.

    Memory comes in lines of `line_bytes`; the storage begins on one, as torch's allocator makes it, and no
    element lies across two. The default is a scale model for small tensors: a first-level cache of 32 KiB
    has a `capacity` of 512 lines. Real caches also fetch ahead and place lines by their address; this counts
    lines and predicts no times.
    """
    return walked(addresses(layout), itemsize, line_bytes, capacity)


def walked(cells: np.ndarray, itemsize: int, line_bytes: int = LINE_BYTES, capacity: int = SCALE_MODEL) -> CacheLines:
    """The same for cells at any addresses, in their order."""
    line = cells.ravel() * itemsize // line_bytes
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
    return CacheLines(len(touched), tuple(fetched_at), -(-cells.size * itemsize // line_bytes))


# ---- any size --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Traffic:
    """What a walk over a tensor of any size asks of the memory; None where that is too long to count."""

    touched: int | None  # different lines
    fetched: int | None  # lines that came from memory
    least: int  # lines that the same numbers would fill if they lay side by side

    @property
    def refetched(self) -> int | None:
        """Fetches of a line that had been in the cache before, and was dropped."""
        return None if self.touched is None or self.fetched is None else self.fetched - self.touched


@functools.lru_cache(maxsize=256)
def traffic(layout: Layout, itemsize: int, line_bytes: int = LINE_BYTES, capacity: int = FIRST_LEVEL) -> Traffic:
    """`cache_lines` without the steps at which it waits, counted in periods."""
    least = -(-layout.numel * itemsize // line_bytes)
    if layout.numel == 0:
        return Traffic(0, 0, 0)
    loops = [(group.size, group.stride) for group in merged_groups(layout) if group.size > 1]
    in_order = merged_terms(layout)  # every address once, in order: each line is then met once
    first = layout.storage_offset * itemsize
    touched = _fetches(in_order[::-1], first, itemsize, line_bytes, 1) if nested(in_order) else None
    return Traffic(touched, _fetches(loops, first, itemsize, line_bytes, capacity), least)


def _fetches(loops: Terms, first: int, itemsize: int, line_bytes: int, capacity: int) -> int | None:
    walk = _Walk([(n, s * itemsize) for n, s in loops] or [(1, 0)], line_bytes, capacity)
    try:
        walk.run(0, first)
    except _TooLong:
        return None
    return walk.fetched


Lines = tuple[int, ...]  # of a cache, counted from where the walk stands


class _TooLong(Exception):  # noqa: N818 (a limit, not a fault)
    pass


@dataclass
class _Walk:
    """Nested loops over bytes, the outermost first, through a cache; every loop's stride in bytes."""

    loops: Terms
    line_bytes: int
    capacity: int
    fetched: int = 0
    visited: int = 0
    cache: dict[int, None] = field(default_factory=dict)  # the least recently used line first
    known: dict[tuple[int, int, Lines], tuple[int, Lines]] = field(default_factory=dict)  # what loops did before

    def run(self, level: int, byte: int) -> None:
        """All rounds of the loops from `level` on, from this byte."""
        if self.loops[level][0] * self.inside(level) <= 4 * self.capacity:
            self.turn(level, byte)
            return
        grain = math.gcd(self.line_bytes, *(stride for _, stride in self.loops[level:]))
        before = (level, byte % self.line_bytes // grain, self.seen_from(byte))
        if before not in self.known:
            fetched = self.fetched
            self.turn(level, byte)
            self.known[before] = self.fetched - fetched, self.seen_from(byte)
        else:  # the same loops from the same cache
            fetched, after = self.known[before]
            self.fetched += fetched
            self.cache = {byte // self.line_bytes + line: None for line in after}

    def turn(self, level: int, byte: int) -> None:
        """One loop with all that is inside it, round by round until they repeat."""
        size, stride = self.loops[level]
        period = self.line_bytes // math.gcd(stride, self.line_bytes)  # rounds that go on by whole lines
        along = period * stride
        turns, rest = divmod(size, period)
        done, check = 0, 1
        while done < turns:
            worth = (turns - done) * period * self.inside(level) > 4 * len(self.cache)
            before = self.seen_from(byte + done * along) if done + 1 >= check and worth else None
            fetched = self.fetched
            self.rounds(level, byte + done * along, period)
            done += 1
            if before is None:
                continue
            check = 2 * done
            if self.seen_from(byte + done * along) == before:  # the next turns do the same, farther along
                self.fetched += (turns - done) * (self.fetched - fetched)
                self.move((turns - done) * along // self.line_bytes)
                break
        self.rounds(level, byte + turns * along, rest)

    def inside(self, level: int) -> int:
        """Elements of one round of a loop."""
        return math.prod(size for size, _ in self.loops[level + 1 :])

    def rounds(self, level: int, byte: int, count: int) -> None:
        """So many rounds of a loop, one by one; of the innermost those that stay on a line at once."""
        _, stride = self.loops[level]
        if level + 1 < len(self.loops):
            for i in range(count):
                self.run(level + 1, byte + i * stride)
            return
        cache, capacity, line_bytes = self.cache, self.capacity, self.line_bytes
        fetched, visited, at, end = 0, 0, byte, byte + count * stride if stride else byte + 1
        while at < end:
            line = at // line_bytes
            if line in cache:
                del cache[line]
            else:
                fetched += 1
                if len(cache) == capacity:
                    del cache[next(iter(cache))]
            cache[line] = None
            visited += 1
            at += ((line + 1) * line_bytes - 1 - at) // stride * stride + stride if stride else 1
        self.fetched += fetched
        self.took(visited)

    def took(self, steps: int) -> None:
        """Count what has been looked at. _TooLong where that is too much."""
        self.visited += steps
        if self.visited > LONGEST_WALK:
            raise _TooLong

    def seen_from(self, byte: int) -> Lines:
        """The cache as it looks from a byte: which lines before and behind it are there."""
        self.took(len(self.cache) // 16)  # a glance at a line is that much cheaper than its use
        here = byte // self.line_bytes
        return tuple(line - here for line in self.cache)

    def move(self, lines: int) -> None:
        """Count every cached line so many lines on."""
        self.cache = {line + lines: None for line in self.cache}
