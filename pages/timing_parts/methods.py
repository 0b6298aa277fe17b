"""One call timed in several ways, which disagree."""

import streamlit as st

from core.timing import devices, methods
from core.ui import process_run
from core.words import N_, _, say

ABOUT = N_(
    """**How one times decides what one sees.** The same call, softmax of the rows of a (256, 256) matrix in a process of its own, timed in the ways that people use."""
)
NAMES = N_({
    "first": "its first call, by the clock", "once": "one call, by the clock", "mean": "the mean of many calls",
    "best": "the shortest of many calls", "median": "the median over blocks of calls (`torch.utils.benchmark`)",
    "cold": "each call on another matrix, the median", "unwaited": "one call, without waiting for the device",
})  # fmt: skip
MEASURED = N_({
    "first": "also what happens only once, memory asked for and code loaded",
    "once": "also whatever else the machine did at that moment",
    "mean": "the call and its share of every interruption",
    "best": "the call undisturbed, its input in the cache, and a look at the clock",
    "median": "the call as it usually is, its input in the cache",
    "cold": "the call and the fetching of its input from farther away",
    "unwaited": "how long the launch takes; the device is still at work",
})  # fmt: skip
LINE = N_("- **{us:,.1f} µs**: {name} ({calls:|call|calls}). It measures {what}.")
APART = N_("The ways are **{apart:.1f}** times apart, for one and the same call.")
FIRST = N_("The first call took **{times:.1f}** times the median: leave the first calls out.")
FIRST_FAST = N_("The first call was not slower than the median here: this process had what it needs.")
COLD = N_(
    "With its input out of the cache the call takes **{times:.2f}** times the median: a program that comes to its data for the first time waits for them."
)
COLD_ALIKE = N_(
    "On other matrices the call takes {times:.2f} times the median: this machine's caches hold all of them, or fetch them in time."
)
BUSY = N_(
    "On other matrices the call takes only {times:.2f} times the median: while the median was taken, something else had the machine. Time it again."
)
MEAN = N_(
    "The mean is **{times:.2f}** times the median: a few interrupted calls raise it, and move the median hardly at all."
)
HERE = N_("The runs on this page take the median, inputs in turn, all versions in turn, and say the spread.")
SHARE = 1.1  # from where two times count as different


def show() -> None:
    """A button, and the ways, with what each measures."""
    device = "cpu" if devices.without_gpu() else "cuda"
    st.markdown(_(ABOUT))
    process_run.show(
        methods.timed_in_every_way, device, start="Time one call in every way", doing="Timing it in one way after the other.",
        look=told,
    )  # fmt: skip


def told(found: list[methods.Ways], running: bool) -> None:
    """A list of what was said so far; at the end what the numbers say."""
    if not found:
        return
    ways = found[-1]
    lines = [
        say(LINE, us=way.seconds * 1e6, name=_(NAMES[way.method]), calls=way.calls, what=_(MEASURED[way.method]))
        for way in ways.ways
    ]
    st.markdown("\n".join(lines))
    if not running and ways.share == 1:
        st.markdown(" ".join(verdict(ways)))


def verdict(ways: methods.Ways) -> list[str]:
    """What the times say, sentence by sentence."""
    median = ways.said("median").seconds
    first, mean, cold = (ways.said(method).seconds / median for method in ("first", "mean", "cold"))
    said = [say(APART, ways), say(FIRST if first > SHARE else FIRST_FAST, times=first)]
    said += [say(MEAN, times=mean)] * (mean > SHARE)
    far = COLD if cold > SHARE else BUSY if cold < 1 / SHARE else COLD_ALIKE
    return [*said, say(far, times=cold), _(HERE)]
