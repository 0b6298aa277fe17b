"""A roofline: what the device can do at most with so many operations for each byte, and where each version stands."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import plotly.graph_objects as go

from core.figures import colour
from core.figures.curves import GRID
from core.figures.drawing import unchecked
from core.figures.timing import CLEAR, COLOURS, MARKS, SMALL
from core.words import Words, _

BAND = "rgba(125, 131, 140, 0.18)"
AIR = 2.0  # times as far as the outermost dot, to each side


class Rate(Protocol):
    """So many a second, with quartiles."""

    @property
    def median(self) -> float:
        """Half of the runs reach it."""

    @property
    def low(self) -> float:
        """Three quarters of the runs reach it."""

    @property
    def high(self) -> float:
        """A quarter of the runs reaches it."""


@dataclass(frozen=True)
class Dot:
    """A version: operations for each byte that it moves, operations a second with their quartiles."""

    version: str
    intensity: float
    rate: Rate


@dataclass(frozen=True)
class Line:
    """A part of the roof: bytes a second (it slopes), or operations a second (it is level)."""

    name: Words
    rate: Rate
    slopes: bool
    dash: str = "solid"


def roofline(dots: Sequence[Dot], roof: Sequence[Line], peak: float) -> go.Figure:
    """Rate against intensity, both axes logarithmic; sloping lines end at `peak`; bands are the limits' quartiles."""
    bandwidth = max((line.rate.median for line in roof if line.slopes), default=1.0)
    reach = [*(dot.intensity for dot in dots), peak / bandwidth]
    low, high = min(reach) / AIR, max(reach) * AIR
    traces = [trace for line in roof for trace in _line(line, low, high, peak)]
    traces += [_dot(dot) for dot in dots]
    lowest = min([*(dot.rate.low for dot in dots), bandwidth * low])
    return unchecked(traces, _layout((low, high), (lowest / AIR, peak * AIR)))


def _line(line: Line, low: float, high: float, peak: float) -> list[dict]:
    """The line, and the band between its quartiles."""

    def ends(rate: float) -> tuple[list[float], list[float]]:
        corner = min(max(peak / rate, low), high)
        return ([low, corner], [rate * low, rate * corner]) if line.slopes else ([low, high], [rate, rate])

    (xs, ys), (lower_x, lower_y), (upper_x, upper_y) = map(ends, (line.rate.median, line.rate.low, line.rate.high))
    band = {
        "type": "scatter", "mode": "lines", "x": [*lower_x, *upper_x[::-1]], "y": [*lower_y, *upper_y[::-1]],
        "fill": "toself", "fillcolor": BAND, "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip",
    }  # fmt: skip
    drawn = {
        "type": "scatter", "mode": "lines", "x": xs, "y": ys, "name": _(line.name),
        "line": {"color": colour.MUTED, "width": 2, "dash": line.dash}, "hoverinfo": "skip",
    }  # fmt: skip
    return [band, drawn]


def _dot(dot: Dot) -> dict:
    rate = dot.rate
    return {
        "type": "scatter", "mode": "markers", "name": dot.version, "x": [dot.intensity], "y": [rate.median],
        "marker": {"size": 13, "color": COLOURS[dot.version], "symbol": MARKS[dot.version]},
        "error_y": {
            "type": "data", "symmetric": False, "array": [rate.high - rate.median],
            "arrayminus": [rate.median - rate.low], "thickness": 1.5, "width": 4,
        },
        "hovertemplate": "%{y:.3s}FLOP/s<extra></extra>",
    }  # fmt: skip


def _layout(x: tuple[float, float], y: tuple[float, float]) -> dict:
    axis = {"type": "log", "dtick": 1, "fixedrange": True, "gridcolor": GRID, "zerolinecolor": GRID, "automargin": True}
    return {
        "template": None, "height": 400, "margin": {"l": 60, "t": 84, "r": 14, "b": 48}, "dragmode": False,
        "paper_bgcolor": CLEAR, "plot_bgcolor": CLEAR, "showlegend": True,
        "title": {
            "text": _("The roof, and where each version stands"), "font": {"size": 14}, "x": 0, "xref": "container",
            "y": 0.99, "yanchor": "top",
        },
        "xaxis": axis | {
            "range": [math.log10(x[0]), math.log10(x[1])], "tickformat": "~g",
            "title": {"text": _("operations for each byte moved"), "font": {"size": 12}},
        },
        "yaxis": axis | {
            "range": [math.log10(y[0]), math.log10(y[1])], "tickformat": "~s",
            "title": {"text": _("operations a second"), "font": {"size": 12}},
        },
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": SMALL},
    }  # fmt: skip
