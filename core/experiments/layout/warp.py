"""What 32 threads that read at once ask of a GPU's memory: sectors of global memory, banks of shared memory.

Global memory comes in sectors of 32 bytes, four to a line of 128: what one instruction of a warp needs is fetched
once, however many threads want it. Shared memory has 32 banks of 4 bytes side by side; in one pass each bank gives
one word, to all threads that want that word. Elements of 8 and 16 bytes are read by a half and a quarter warp a pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.experiments.layout.addresses import address
from core.experiments.layout.rule import Ints, Layout

THREADS, SECTOR_BYTES, LINE_BYTES = 32, 32, 128
BANKS, BANK_BYTES = 32, 4


@dataclass(frozen=True)
class Warp:
    """One load of a warp: thread t reads the t-th element from `first` along a dimension, or in reading order."""

    indices: tuple[Ints, ...]  # of each thread's element; fewer than 32 where the tensor ends
    addresses: Ints
    itemsize: int

    @property
    def sectors(self) -> Ints:
        """The sectors that it needs, in order."""
        return tuple(sorted({a * self.itemsize // SECTOR_BYTES for a in self.addresses}))

    @property
    def sector_of(self) -> Ints:
        """For each thread the place of its sector among them."""
        place = {sector: i for i, sector in enumerate(self.sectors)}
        return tuple(place[a * self.itemsize // SECTOR_BYTES] for a in self.addresses)

    @property
    def lines(self) -> int:
        """Lines of 128 bytes that the sectors lie in: requests to the cache."""
        return len({sector * SECTOR_BYTES // LINE_BYTES for sector in self.sectors})

    @property
    def step(self) -> int:
        """How many elements the address goes on from the first thread to the second."""
        return self.addresses[1] - self.addresses[0] if len(self.addresses) > 1 else 0

    @property
    def dense(self) -> bool:
        """Whether the threads read neighbouring addresses, in any order."""
        return max(self.addresses) - min(self.addresses) < len(self.addresses)

    @property
    def least(self) -> int:
        """Sectors that the same bytes would fill side by side."""
        return -(-len(self.addresses) * self.itemsize // SECTOR_BYTES)

    @property
    def used(self) -> int:
        """Different bytes that the threads want."""
        return len(set(self.addresses)) * self.itemsize

    @property
    def fetched(self) -> int:
        """Bytes that come for them."""
        return len(self.sectors) * SECTOR_BYTES

    @property
    def share(self) -> float:
        """How much of what comes is wanted."""
        return self.used / self.fetched


def warp(layout: Layout, itemsize: int, first: Sequence[int], dim: int | None = None) -> Warp:
    """The load whose first thread reads the element at `first`; the others go on along `dim`, or in reading order."""
    if dim is None:
        start = int(np.ravel_multi_index(tuple(first), layout.shape)) if layout.ndim else 0
        count = min(THREADS, layout.numel - start)
        indices = (
            [tuple(int(i) for i in np.unravel_index(start + t, layout.shape)) for t in range(count)]
            if layout.ndim
            else [()]
        )
    else:
        count = min(THREADS, layout.shape[dim] - first[dim])
        indices = [(*first[:dim], first[dim] + t, *first[dim + 1 :]) for t in range(count)]
    return Warp(tuple(indices), tuple(address(layout, index) for index in indices), itemsize)


# ---- shared memory ---------------------------------------------------------------------------------------------

Arranged = Literal["plain", "padded", "swizzled"]


@dataclass(frozen=True)
class Tile:
    """A tile of rows and columns in shared memory, and one load of a warp from it."""

    rows: int
    columns: int
    itemsize: int
    arranged: Arranged = "plain"
    padding: int = 0  # elements behind each row, where it is padded

    def place(self, row: int, column: int) -> int:
        """Where an element lies, in elements from the tile's beginning. A swizzle exchanges the columns of a row."""
        if self.arranged == "swizzled":
            return row * self.columns + (column ^ row % self.mask)
        return row * (self.columns + (self.padding if self.arranged == "padded" else 0)) + column

    @property
    def mask(self) -> int:
        """The largest power of two that divides the number of columns: by less than it a column may be exchanged."""
        return self.columns & -self.columns

    @property
    def bytes(self) -> int:
        """What the tile takes."""
        behind = self.padding * (self.rows - 1) if self.arranged == "padded" else 0
        return (self.rows * self.columns + behind) * self.itemsize

    def bank(self, row: int, column: int) -> int:
        """The bank of an element's first byte."""
        return self.place(row, column) * self.itemsize // BANK_BYTES % BANKS

    def passes(self, cells: Sequence[tuple[int, int]]) -> int:
        """How often shared memory has to be read for one load of these elements, a thread each."""
        a_time = min(THREADS, BANKS * BANK_BYTES // self.itemsize)
        return sum(self._passes(cells[i : i + a_time]) for i in range(0, len(cells), a_time))

    def _passes(self, cells: Sequence[tuple[int, int]]) -> int:
        words = {byte // BANK_BYTES for cell in cells for byte in self._bytes(*cell)}
        return int(np.bincount([word % BANKS for word in words]).max())

    def _bytes(self, row: int, column: int) -> range:
        first = self.place(row, column) * self.itemsize
        return range(first, first + self.itemsize, min(self.itemsize, BANK_BYTES))

    def column(self, which: int = 0) -> list[tuple[int, int]]:
        """What a warp reads that goes down a column."""
        return [(row, which) for row in range(min(self.rows, THREADS))]

    def row(self, which: int = 0) -> list[tuple[int, int]]:
        """What a warp reads that goes along a row."""
        return [(which, column) for column in range(min(self.columns, THREADS))]


@dataclass(frozen=True)
class Banks:
    """The passes of one load down a column and one along a row, for a way to lay out the tile."""

    arranged: Arranged
    padding: int
    column: int
    row: int
    bytes: int
    least: int  # passes of a load without conflict


def banks(columns: int, itemsize: int, rows: int = THREADS) -> tuple[Banks, Banks, Banks]:
    """A plain tile, one with the padding that costs least and helps most, and a swizzled one."""
    best = min(range(1, 9), key=lambda pad: (_worst(Tile(rows, columns, itemsize, "padded", pad)), pad))
    tiles = [
        Tile(rows, columns, itemsize), Tile(rows, columns, itemsize, "padded", best),
        Tile(rows, columns, itemsize, "swizzled"),
    ]  # fmt: skip
    plain, padded, swizzled = (
        Banks(t.arranged, t.padding, t.passes(t.column()), t.passes(t.row()), t.bytes, least(itemsize)) for t in tiles
    )
    return plain, padded, swizzled


def starts(columns: int, itemsize: int, rows: int = THREADS) -> int:
    """In how many different banks the rows of a plain tile begin."""
    tile = Tile(rows, columns, itemsize)
    return len({tile.bank(row, 0) for row in range(rows)})


def least(itemsize: int) -> int:
    """Passes of a warp's load without conflict: as often as all banks must give a word."""
    return max(THREADS * itemsize // (BANKS * BANK_BYTES), 1)


def _worst(tile: Tile) -> int:
    return max(tile.passes(tile.column()), tile.passes(tile.row()))
