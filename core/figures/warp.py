"""A warp's load from global memory, thread by thread and sector by sector, and a tile of shared memory by its banks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from core.experiments.layout.warp import BANK_BYTES, BANKS, LINE_BYTES, SECTOR_BYTES, Tile, Warp
from core.figures import board, colour
from core.figures.board import Cells, Panel, Relation
from core.figures.colour import Scale
from core.figures.drawing import unchecked
from core.figures.heatmap import Outline, Picture, describe
from core.figures.memory import in_rows
from core.words import N_, _, say

THREADS_A_ROW, THREAD_SIDE = 16, 24  # pixels of a thread
LINE_WIDTH, LARGEST, SMALLEST = 352, 22, 2  # pixels of a line of 128 bytes; of an element of it
TILE_SIDE = 8  # pixels of an element of a tile
DIGIT = 6.2  # pixels of a digit beside a picture

THREAD = N_("thread {thread} reads {name}[{index}] at address {address:,}: byte {byte:,}, sector {sector:,}")
WANTED = N_("address {address:,}, in sector {sector:,}")
UNWANTED = N_("address {address:,}, in sector {sector:,}: fetched along, and wanted by none")
NOT_FETCHED = N_("address {address:,}: not fetched")
READS = N_("{note}.")
READ_BY = N_("{note}. Read by: {threads}.")


@dataclass(frozen=True)
class Load:
    """The two pictures of a load, how their cells hang together, and the sentences for them."""

    threads: Panel
    memory: Panel
    relations: Sequence[Relation]
    spelled: Mapping[str, str]


def load(read: Warp, name: str) -> Load:
    """The threads of a warp, coloured by the sector that they need, and the lines of memory that those lie in."""
    cells = line_cells(read)
    place = {int(address): i for i, address in enumerate(cells)}
    rows = np.array([(t, place[a]) for t, a in enumerate(read.addresses)], dtype=np.int64)
    said = {
        "thread": say(READS, note="{note:thread}"),
        "memory": say(READ_BY, note="{note:memory}", threads="{each:thread}"),
    }
    return Load(threads(read, name), lines(read, cells), [Relation("thread memory", rows)], said)


def scale(read: Warp) -> Scale:
    """A colour for each sector."""
    return Scale(colour.IDENTITY, 0.0, float(max(len(read.sectors) - 1, 1)))


def threads(read: Warp, name: str) -> Panel:
    """A cell a thread."""
    numbers = torch.tensor(read.sector_of, dtype=torch.float32)
    notes = [
        say(THREAD, thread=t, name=name, index=", ".join(map(str, index)), address=at, byte=at * read.itemsize,
            sector=at * read.itemsize // SECTOR_BYTES)
        for t, (index, at) in enumerate(zip(read.indices, read.addresses, strict=True))
    ]  # fmt: skip
    texts = [str(t) for t in range(len(numbers))]
    picture = Picture("thread", numbers, scale(read), say(THREADS), texts=texts, notes=notes)
    across = min(THREADS_A_ROW, len(numbers))
    cells = Cells("thread", (len(numbers),), texts=texts, notes=notes, wrap=across)
    return Panel("thread", in_rows(picture, across, THREAD_SIDE, 10), describe(picture), cells)


THREADS = N_("threads of the warp")
MEMORY = N_("memory, a line of 128 bytes a row")


def line_cells(read: Warp) -> np.ndarray:
    """The addresses of all elements of the lines that are touched, in order."""
    lines = sorted({sector * SECTOR_BYTES // LINE_BYTES for sector in read.sectors})
    across = LINE_BYTES // read.itemsize
    return (np.array(lines, dtype=np.int64)[:, None] * across + np.arange(across)).ravel()


def lines(read: Warp, cells: np.ndarray) -> Panel:
    """The touched lines: coloured what a thread wants, grey what only comes along, blank what is not fetched."""
    across = LINE_BYTES // read.itemsize
    sector = cells * read.itemsize // SECTOR_BYTES
    ranks = np.searchsorted(read.sectors, sector)
    fetched, wanted = np.isin(sector, read.sectors), np.isin(cells, read.addresses)
    values = torch.from_numpy(np.where(fetched, ranks, np.nan)).float()
    wanted_is, unwanted_is, absent_is = _(WANTED), _(UNWANTED), _(NOT_FETCHED)  # looked up once for all cells
    notes = [
        (wanted_is if w else unwanted_is if f else absent_is).format(address=a, sector=s)
        for a, s, f, w in zip(cells.tolist(), sector.tolist(), fetched.tolist(), wanted.tolist(), strict=True)
    ]
    picture = Picture(
        "memory", values, scale(read), say(MEMORY), texts=[""] * len(cells),
        muted=[(i,) for i in np.flatnonzero(fetched & ~wanted).tolist()],
    )  # fmt: skip
    side = max(min(LINE_WIDTH // across, LARGEST), SMALLEST)
    drawn = in_rows(picture, across, side, 10).to_dict()
    starts = [str(a) for a in cells[::across].tolist()]
    every = -(-13 // side)
    layout, margin = drawn["layout"], int(DIGIT * max(map(len, starts)) + 8)
    layout["width"] += margin - layout["margin"]["l"]
    layout["margin"] |= {"l": margin}
    layout["yaxis"] |= {"tickvals": list(range(0, len(starts), every)), "ticktext": starts[::every]}
    made = Cells("memory", (len(cells),), texts=[""] * len(cells), notes=notes, wrap=across)
    return Panel("memory", unchecked(drawn["data"], layout), describe(picture), made)


# ---- shared memory ---------------------------------------------------------------------------------------------

TILE = N_("{arranged}, by bank")
CELL = N_("row {row}, column {column}: word {word}, bank {bank}")
ARRANGED = {"plain": N_("as it is"), "padded": N_("padded by {padding}"), "swizzled": N_("swizzled")}


def arranged(tile: Tile) -> str:
    """How a tile lies in shared memory, in words."""
    return say(ARRANGED[tile.arranged], tile)


def banks(tile: Tile, column: int = 0) -> Panel:
    """A tile coloured by bank; the column that a warp reads is outlined."""
    rows, columns = range(tile.rows), range(tile.columns)
    words = [[tile.place(r, c) * tile.itemsize // BANK_BYTES for c in columns] for r in rows]
    numbers, cell = torch.tensor(words) % BANKS, _(CELL)
    notes = [cell.format(row=r, column=c, word=words[r][c], bank=words[r][c] % BANKS) for r in rows for c in columns]
    name = f"tile {tile.arranged}"
    picture = Picture(
        name, numbers.float(), Scale(colour.IDENTITY, 0.0, BANKS - 1.0), say(TILE, arranged=arranged(tile)),
        texts=[""] * numbers.numel(), notes=notes, axes="row column",
        outlines=[Outline([(r, column) for r in range(tile.rows)], width=2)],
    )  # fmt: skip
    made = board.panel(picture, TILE_SIDE if tile.columns <= 32 else TILE_SIDE * 32 // tile.columns)
    assert made.cells is not None
    return replace(made, cells=replace(made.cells, texts=[str(int(n)) for n in numbers.flatten()]))
