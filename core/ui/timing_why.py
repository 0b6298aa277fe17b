"""Why a version takes its time, and how far the device's limits are: the pictures and what they say."""

import streamlit as st

from core.figures.board import Cells, Panel
from core.figures.timing_roof import Dot, Line, roofline
from core.figures.timing_trips import Lane, boxes, in_time, shown, through_memory
from core.ops.operator import Operator
from core.timing import explain
from core.timing.explain import Path, Roof, Why
from core.timing.report import seconds
from core.timing.results import Result
from core.timing.why import Trip
from core.ui import board, code, controls, timing_words
from core.words import N_, _, say

TRIP = N_("{tier}: `{name}` reads {read} ({read_bytes}), writes {written} ({written_bytes}), in **{time}**")
NOTHING = N_("nothing")


def show(operator: Operator, result: Result) -> None:
    """Both, for a result of one operator; neither where the run did not come to it."""
    found = explain.why(result)
    if found:
        st.markdown("#### " + _("Where the time goes"))
        st.markdown(timing_words.why(found))
        _trips(found)
        _code(operator, found)
    limits = explain.roof(result)
    if limits:
        st.markdown("#### " + _("How far the limit is"))
        st.markdown(timing_words.roof(limits))
        board.show(Panel("roof", _roofline(limits), _roof_alt(limits), stretch=640), name="roof")


# ---- trips through memory --------------------------------------------------------------------------------------


def _trips(found: Why) -> None:
    """The calls of every version by their bytes and by their seconds, as one board."""
    lanes = [Lane(path.tier, path.trips, path.seconds) for path in found.paths]
    notes = [_note(path.tier, trip) for path in found.paths for trip in path.trips]
    drawn = (
        ("bytes", through_memory(lanes), [[float(trip.moved) for trip in lane.trips] for lane in lanes]),
        ("seconds", in_time(lanes), [[trip.seconds for trip in lane.trips] for lane in lanes]),
    )
    longest = max(len(lane.trips) for lane in lanes)
    filled = iter(notes)
    texts = [next(filled) if i < len(lane.trips) else "" for lane in lanes for i in range(longest)]
    panels = []
    for name, figure, widths in drawn:
        cells = Cells(
            "version call", (len(lanes), longest), texts=texts, notes=texts, boxes=boxes(lanes, widths)
        )  # fmt: skip
        panels.append(Panel(name, figure, _alt(name, found.paths), cells, stretch=True))
    board.show(
        panels[0], board.BREAK, panels[1], spelled={panel.name: f"{{note:{panel.name}}}" for panel in panels},
        name="trips", hint="Point at a call: its bytes and its time light up together.",
    )  # fmt: skip


def _note(tier: str, trip: Trip) -> str:
    return say(
        TRIP, tier=_(tier), name=shown(trip), time=seconds(trip.seconds),
        read=", ".join(trip.inputs) or _(NOTHING), read_bytes=bytes_said(sum(trip.read)),
        written=", ".join(trip.outputs) or _(NOTHING), written_bytes=bytes_said(sum(trip.written)),
    )  # fmt: skip


def _alt(name: str, paths: tuple[Path, ...]) -> str:
    if name == "bytes":
        each = [
            say("{tier} {bytes} in {calls}", tier=_(path.tier), bytes=bytes_said(path.moved), calls=path.calls)
            for path in paths
        ]
        return say("Bytes through memory and the calls that move them: {each}", each="; ".join(each))
    each = [f"{_(path.tier)} {seconds(sum(trip.seconds for trip in path.trips))}" for path in paths]
    return say("Seconds within the calls: {each}", each="; ".join(each))


def bytes_said(count: int) -> str:
    """Three digits and the unit that suits."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{count} B"


# ---- the compiler's code ---------------------------------------------------------------------------------------


def _code(operator: Operator, found: Why) -> None:
    """The formula, and beside it each kernel that the compiler made of it."""
    compiled = found.of("compiled")
    kernels = {trip.name: trip for trip in compiled.trips if trip.code} if compiled else {}
    if not kernels:
        return
    with controls.expander("t_code", "The code that the compiler wrote") as opened:
        if not opened.open:
            return
        ours, theirs = st.columns(2)
        with ours:
            st.markdown(say("**The formula** · `{name}`", name=operator.manual.__name__))
            st.code(code.source(operator.manual), language="python", wrap_lines=True)
        with theirs:
            for number, trip in enumerate(kernels.values(), start=1):
                said = N_("**Kernel {number} of {all}** · fuses {name}; reads {read}, writes {written}")
                st.markdown(
                    say(
                        said,
                        number=number,
                        all=len(kernels),
                        name=shown(trip),
                        read=", ".join(trip.inputs) or "–",
                        written=", ".join(trip.outputs) or "–",
                    )
                )
                st.code(trip.code, language="python" if "triton" in trip.name else "cpp")


# ---- the roof --------------------------------------------------------------------------------------------------


def _roofline(found: Roof) -> object:
    dots = [Dot(one.tier, one.intensity, one.rate) for one in found.standings if one.intensity]
    lines = [Line("memory", found.limits.memory, True)]
    if found.cached:
        lines.append(Line("a copy of this size, in the cache", found.bandwidth, True, "dash"))
    matrix, single = found.limits.matrix, found.limits.elementwise
    if matrix.median >= single.median:
        lines.append(Line("matmul", matrix, False))
    lines.append(Line("a + b · c, call by call", single, False, "dot"))
    return roofline(dots, lines, found.peak)


def _roof_alt(found: Roof) -> str:
    each = [
        say(
            "{tier} {rate:.3g} GFLOP/s at {intensity:.2g} operations a byte",
            tier=_(one.tier),
            rate=one.rate.median / 1e9,
            intensity=one.intensity,
        )
        for one in found.standings
    ]
    return say("Operations a second against operations for each byte: {each}", each="; ".join(each))
