"""What a layout costs: cache lines of a walk, and a walk timed."""

import streamlit as st

from core.experiments.chain import large
from core.experiments.chain.run import Stage
from core.experiments.layout import cache
from core.figures import memory
from core.ui import process_run
from core.words import say

LINE_BYTES = 64


def show_cost(ran: list[Stage]) -> None:
    """Cache lines of a walk in reading order for every stage, and a measured walk on a button."""
    st.markdown(
        "A processor fetches memory in lines of 64 bytes and keeps the lines it used last. Here a walk in reading order goes through a cache of 8 lines, a scale model for tensors of this size:"
    )
    rows = ["| | lines touched | fetched | fetched again | lines the numbers would fill |", "|---" * 5 + "|"]
    for stage in ran:
        facts = memory.of(stage)
        lines = cache.cache_lines(facts.layout, facts.itemsize, LINE_BYTES)
        rows.append(f"| `x{stage.number}` | {lines.touched} | {lines.fetched} | {lines.refetched} | {lines.least} |")
    st.markdown("\n".join(rows))
    found = process_run.show(
        large.walks,
        memory.of(ran[-1]).layout,
        start="Time a walk over a large tensor of this pattern",
        doing="Timing both walks in turn.",
    )
    if found:
        st.markdown(say(walked(found[-1]), found[-1]))


def walked(found: large.Walked) -> str:
    """What the two times say."""
    times = "`cumsum(-1)` over shape {shape}, one thread: **{strided} ns** an element with strides {stride}, **{packed} ns** with strides {packed_stride}. "
    if found.stride == found.packed_stride:
        return (
            times
            + "The two have the same strides: what differs is the machine's own spread, {least:.2f} to {most:.2f} times."
        )
    if found.busy:
        return (
            times
            + "The ratio went from {least:.2f} to {most:.2f} within the run: something else takes this machine, and the times tell nothing yet."
        )
    if found.least > 1:
        return (
            times
            + "With these strides the walk takes **{ratio:.2f}** times as long ({least:.2f} to {most:.2f} over the rounds)."
        )
    if found.most < 1:
        return (
            times
            + "With these strides the walk is the faster one: **{ratio:.2f}** times the time ({least:.2f} to {most:.2f} over the rounds)."
        )
    return (
        times
        + "The ratio, {ratio:.2f}, lies on both sides of 1 over the rounds ({least:.2f} to {most:.2f}): no difference that this run can tell."
    )
