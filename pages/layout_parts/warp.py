"""What a warp of 32 threads asks of a GPU's memory when it reads the tensor with its strides."""

import streamlit as st

from core.experiments.chain.run import Stage, facts_of
from core.experiments.layout import warp
from core.experiments.layout.warp import Banks, Tile, Warp
from core.figures import memory
from core.figures import warp as draw
from core.ui import board, controls
from core.words import N_, _, say

Index = tuple[int, ...]
IN_ORDER = "order"

INTRO = N_("""A GPU runs threads in **warps** of 32, and serves all 32 loads of an instruction at once. Memory comes in **sectors** of 32
bytes: those that the threads need are fetched once each, whatever they hold. Thread 0 reads x{number}[{first}]: pick another cell to move it.""")
READ = N_("""The {threads:|thread wants|threads want} **{used:|byte|bytes}** and **{sectors:|sector comes|sectors come}**, {fetched:|byte|bytes} in {lines:|line|lines} of
128: **{share:.1%}** of what comes is wanted. Side by side the same bytes would fill {least:|sector|sectors}.""")
COALESCED = N_("The load is **coalesced**: neighbouring threads read neighbouring addresses.")
UNALIGNED = N_("The load is coalesced, and begins in the middle of a sector: that costs one more.")
BROADCAST = N_("All threads read one address: one sector serves them all.")
SCATTERED = N_(
    "The load is **not coalesced**: from one thread to the next the address goes {step:|element|elements} on. Let the threads go along the dimension whose stride is 1, or go through shared memory."
)

SHARED = N_("""**Shared memory** is where such a load is mended: the warp reads a tile of 32 rows from global memory along its rows, and takes it out
along its columns. It has 32 **banks** of 4 bytes, and gives one word a bank in one pass: threads that want different words of one bank wait for each other.
In each picture a colour is a bank. The outlined column is what a warp reads at once: many colours are one pass, one colour is a pass a thread.""")
TABLE = N_("| tile of 32×{columns}, {itemsize} B each | passes down a column | passes along a row | bytes |")
FREE = N_(
    "A load of {itemsize} B a thread takes {least:|pass|passes} at the least. This tile has no conflict as it is: {columns} columns put the rows' beginnings into different banks."
)
MEND = N_("""A load of {itemsize} B a thread takes {least:|pass|passes} at the least. Down a column the plain tile takes **{plain}**: a row of {columns} elements is {words:|word|words} long, and
every row begins in one of {starts:|bank|banks}. **Padding** each row by {padding:|element|elements} takes {padded}, for {more:|byte|bytes} more; a **swizzle**, column `c` of row `r` stored in column `c ^ r`, takes {swizzled}, for none.""")  # fmt: skip


def show_gpu(stage: Stage, cell: Index | None) -> None:
    """One load of a warp from global memory, then a tile of shared memory."""
    facts = facts_of(stage)
    if not facts.layout.numel:
        st.markdown(_("The tensor has no elements: there is nothing to read."))
        return
    first = cell or (0,) * facts.layout.ndim
    st.markdown(say(INTRO, number=stage.number, first=", ".join(map(str, first))))
    ways = {IN_ORDER: _("in reading order")} | {str(d): f"dim {d}" for d in range(facts.layout.ndim)}
    along = controls.choice("threads", "The threads go", ways, IN_ORDER)
    read = warp.warp(facts.layout, facts.itemsize, first, None if along == IN_ORDER else int(along))
    show_load(read, memory.name_of(stage))
    show_shared(facts.itemsize)


def show_load(read: Warp, name: str) -> None:
    """The threads, the memory that they read, and what comes of it."""
    shown = draw.load(read, name)
    board.show(shown.threads, "→", shown.memory, links=shown.relations, spelled=shown.spelled, name="warp")
    facts = {"threads": len(read.addresses), "sectors": len(read.sectors)}
    st.markdown(say(READ, read, **facts) + " " + say(verdict(read), step=abs(read.step)))


def verdict(read: Warp) -> str:
    """What kind of load it is."""
    if len(set(read.addresses)) == 1:
        return BROADCAST
    if len(read.sectors) <= read.least:
        return COALESCED
    return UNALIGNED if read.dense else SCATTERED


def show_shared(itemsize: int) -> None:
    """A tile of 32 rows as it is, padded and swizzled."""
    st.markdown(_(SHARED))
    columns = controls.choice("tile", "Columns of the tile", (8, 16, 32, 33, 64), 32, few=5)
    found = warp.banks(columns, itemsize)
    tiles = [Tile(warp.THREADS, columns, itemsize, each.arranged, each.padding) for each in found]
    board.show(*[draw.banks(tile) for tile in tiles], name="tile", spelled="{note}")
    rows = [say(TABLE, columns=columns, itemsize=itemsize), "|---" * 4 + "|"]
    rows += [
        f"| {draw.arranged(tile)} | {each.column} | {each.row} | {each.bytes:,} |"
        for tile, each in zip(tiles, found, strict=True)
    ]
    st.markdown("\n".join(rows))
    st.markdown(mended(found, columns, itemsize))


def mended(found: tuple[Banks, Banks, Banks], columns: int, itemsize: int) -> str:
    """What padding and swizzle do for the tile."""
    plain, padded, swizzled = found
    facts = {"columns": columns, "itemsize": itemsize, "least": plain.least}
    if plain.column <= plain.least:
        return say(FREE, facts)
    return say(
        MEND, facts, plain=plain.column, padded=padded.column, swizzled=swizzled.column, padding=padded.padding,
        more=padded.bytes - plain.bytes, words=columns * itemsize / 4, starts=warp.starts(columns, itemsize),
    )  # fmt: skip
