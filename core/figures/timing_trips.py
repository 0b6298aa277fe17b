"""Where a call's time goes: every tensor on its way from memory or back to it, and the seconds of each call."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import plotly.graph_objects as go

from core.figures import colour
from core.figures.board import Box
from core.figures.curves import GRID
from core.figures.drawing import unchecked
from core.figures.timing import CLEAR, COLOURS, SMALL
from core.words import Words, _

READ, WRITTEN, REST = "#8FB8DE", "#F0B27A", colour.EMPTY
LANE, EDGE = 64, 84  # pixels of a lane, and of the axis with the title
HALF = 0.26  # of a lane: how far its bars reach up and down
LETTER = 1 / 130  # of the width that a letter of a name takes
SHORTEST = 1 / 250  # of the width: bars that are narrower have no sign in them


class Trip(Protocol):
    """A call that moves numbers."""

    @property
    def short(self) -> str:
        """Its name, or that of the kernel which the compiler wrote."""

    @property
    def read(self) -> Sequence[int]:
        """Bytes of each tensor that it reads."""

    @property
    def written(self) -> Sequence[int]:
        """Bytes of each tensor that it writes."""

    @property
    def moved(self) -> int:
        """All these bytes."""

    @property
    def seconds(self) -> float:
        """What it takes."""


@dataclass(frozen=True)
class Lane:
    """A version's calls in order, and the seconds of the whole."""

    version: str
    trips: Sequence[Trip]
    seconds: float

    @property
    def moved(self) -> int:
        """Bytes that the drawn calls read and write."""
        return sum(trip.moved for trip in self.trips)

    @property
    def watched(self) -> float:
        """Seconds within the drawn calls."""
        return sum(trip.seconds for trip in self.trips)


def through_memory(lanes: Sequence[Lane]) -> go.Figure:
    """A lane for each version: a bar for each tensor read (down to the processor) or written (up again)."""
    whole = max((lane.moved for lane in lanes), default=1) or 1
    reads, writes, names = _bars("read ▼", READ), _bars("written ▲", WRITTEN), _names()
    for row, lane in enumerate(lanes):
        at = 0
        for trip in lane.trips:
            _name(names, trip, row, trip.moved / whole, at)
            for trace, sign, sizes in ((reads, "▼", trip.read), (writes, "▲", trip.written)):
                for size in sizes:
                    _add(trace, row, at, size, sign if size / whole > SHORTEST else "")
                    at += size
    return _figure([reads, writes, names], lanes, "Through memory, call by call", "B", whole)


def in_time(lanes: Sequence[Lane]) -> go.Figure:
    """The same calls by their seconds, and what a whole call takes besides them."""
    whole = max((max(lane.seconds, lane.watched) for lane in lanes), default=1.0) or 1.0
    calls, rest, names = _bars("", ""), _bars("the rest: before, between and after these calls", REST), _names()
    calls["showlegend"] = False
    calls["marker"]["color"] = [COLOURS[lane.version] for lane in lanes for _trip in lane.trips]
    for row, lane in enumerate(lanes):
        at = 0.0
        for trip in lane.trips:
            _name(names, trip, row, trip.seconds / whole, at)
            _add(calls, row, at, trip.seconds, "")
            at += trip.seconds
        if lane.seconds > at:
            _add(rest, row, at, lane.seconds - at, "")
    return _figure([calls, rest, names], lanes, "The same calls in time", "s", whole)


def boxes(lanes: Sequence[Lane], widths: Sequence[Sequence[float]]) -> list[Box | None]:
    """Where each call stands, lane by lane; None where a lane has fewer calls than the longest."""
    longest, found = max(map(len, widths), default=0), list[Box | None]()
    for row, lane in enumerate(lanes):
        at = 0.0
        for width in widths[row]:
            found.append((at, at + width, row - HALF, row + HALF))
            at += width
        found += [None] * (longest - len(lane.trips))
    return found


def _bars(name: Words, fill: str) -> dict:
    return {
        "type": "bar", "orientation": "h", "name": _(name), "x": [], "y": [], "base": [], "width": 2 * HALF, "text": [],
        "textposition": "inside", "insidetextanchor": "middle", "textangle": 0, "hoverinfo": "skip",
        "textfont": {"size": 11, "color": colour.INK}, "marker": {"color": fill, "line": {"color": "#FFF", "width": 1}},
    }  # fmt: skip


def _add(trace: dict, row: int, at: float, size: float, text: str) -> None:
    for key, value in (("x", size), ("y", row), ("base", at), ("text", text)):
        trace[key].append(value)


def _names() -> dict:
    return {
        "type": "scatter", "mode": "text", "x": [], "y": [], "text": [],
        "textfont": {"size": 11, "color": colour.MUTED}, "textposition": "middle right", "showlegend": False, "hoverinfo": "skip", "cliponaxis": False,
    }  # fmt: skip


def _name(names: dict, trip: Trip, row: int, width: float, start: float) -> None:
    """A call's name over its bars, as much of it as there is room for."""
    room = int(width / LETTER)
    said = shown(trip)
    if room >= min(len(said), 4):
        names["x"].append(start)
        names["y"].append(row - HALF - 0.12)
        names["text"].append(said if len(said) <= room else said[: max(room - 1, 1)] + "…")


def shown(trip: Trip) -> str:
    """A call's name; of a kernel that the compiler wrote, the calls that it fused."""
    for prefix in ("cpp_fused_", "triton_poi_fused_", "triton_red_fused_", "triton_per_fused_"):
        if trip.short.startswith(prefix):
            return trip.short.removeprefix(prefix).rpartition("_")[0].replace("_", " ")
    return trip.short


def _figure(traces: list[dict], lanes: Sequence[Lane], title: Words, unit: str, whole: float) -> go.Figure:
    axis = {"fixedrange": True, "gridcolor": GRID, "zerolinecolor": GRID}
    layout = {
        "template": None, "height": EDGE + LANE * len(lanes), "barmode": "overlay", "dragmode": False,
        "margin": {"l": 74, "t": 44, "r": 12, "b": 40}, "paper_bgcolor": CLEAR, "plot_bgcolor": CLEAR,
        "title": {
            "text": _(title), "font": {"size": 14}, "x": 0, "xref": "container", "y": 0.99, "yanchor": "top",
        },
        "xaxis": axis | {"range": [0, 1.02 * whole], "tickformat": "~s", "ticksuffix": unit},
        "yaxis": axis | {
            "showgrid": False, "zeroline": False, "tickvals": list(range(len(lanes))),
            "ticktext": [lane.version for lane in lanes], "range": [len(lanes) - 0.5, -0.62],
        },
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.0, "yanchor": "bottom", "font": SMALL},
        "showlegend": True,
    }  # fmt: skip
    return unchecked([trace for trace in traces if trace["x"]], layout)
