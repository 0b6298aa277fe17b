"""What a layout costs: cache lines of a walk, and a walk timed."""

import streamlit as st

from core.experiments.chain import large
from core.experiments.chain.run import Stage, facts_of
from core.experiments.layout import cache
from core.figures import windowed
from core.ui import board, process_run
from core.words import N_, _, say

Index = tuple[int, ...]
ON_LINE = N_("{note}.")


SMALL = N_("""A processor fetches memory in lines of 64 bytes and keeps the lines that it used last. Here a walk in reading order goes through a
cache of {capacity} lines, a scale model for tensors of this size. The picture shows the tensor that you look at: on which line each number lies, and where the walk has to wait for one.""")
LARGE = N_("""A processor fetches memory in lines of 64 bytes and keeps the lines that it used last. Here a walk in reading order goes through a
cache of {capacity} lines, as a first-level cache of 32 KiB has. The window shows the tensor that you look at: on which line each number lies, and where a walk through the window alone has to wait for one.""")
TABLE = N_("| | lines touched | fetched | fetched again | lines the numbers would fill |")
TOO_LONG = N_("too many to count")


def show_cost(ran: list[Stage], stage: Stage, cell: Index | None) -> None:
    """Cache lines of a walk in reading order for every stage, the walk in a picture, and one measured on a button."""
    capacity = cache.SCALE_MODEL if stage.whole else cache.FIRST_LEVEL
    st.markdown(say(SMALL if stage.whole else LARGE, capacity=capacity))
    rows = [_(TABLE), "|---" * 5 + "|"]
    for each in ran:
        facts = facts_of(each)
        lines = cache.traffic(facts.layout, facts.itemsize, cache.LINE_BYTES, capacity)
        said = [_(TOO_LONG) if n is None else f"{n:,}" for n in (lines.touched, lines.fetched, lines.refetched)]
        rows.append(f"| `x{each.number}` | {' | '.join(said)} | {lines.least:,} |")
    st.markdown("\n".join(rows))
    if facts_of(stage).layout.numel:
        board.show(windowed.walk(stage, cell), name="walk lines", spelled=say(ON_LINE, note="{note:lines}"))
    found = process_run.show(
        large.walks,
        facts_of(ran[-1]).layout,
        start="Time a walk over a large tensor of this pattern",
        doing="Timing both walks in turn.",
    )
    if found:
        st.markdown(say(TIMES, found[-1]) + " " + say(walked(found[-1]), found[-1]))


TIMES = N_(
    """`cumsum(-1)` over shape {shape}, one thread: **{strided} ns** an element with strides {stride}, **{packed} ns** with strides {packed_stride}."""
)
EQUAL = N_("The two have the same strides: what differs is the machine's own spread, {least:.2f} to {most:.2f} times.")
BUSY = N_(
    "The ratio went from {least:.2f} to {most:.2f} within the run: something else takes this machine, and the times tell nothing yet."
)
SLOWER = N_(
    "With these strides the walk takes **{ratio:.2f}** times as long ({least:.2f} to {most:.2f} over the rounds)."
)
FASTER = N_(
    "With these strides the walk is the faster one: **{ratio:.2f}** times the time ({least:.2f} to {most:.2f} over the rounds)."
)
EITHER = N_(
    "The ratio, {ratio:.2f}, lies on both sides of 1 over the rounds ({least:.2f} to {most:.2f}): no difference that this run can tell."
)


def walked(found: large.Walked) -> str:
    """What the two times say."""
    if found.stride == found.packed_stride:
        return EQUAL
    if found.busy:
        return BUSY
    return SLOWER if found.least > 1 else FASTER if found.most < 1 else EITHER
