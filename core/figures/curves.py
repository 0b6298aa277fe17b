"""Curves, bars and histograms: numbers that change along an axis."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import plotly.graph_objects as go
import torch

from core.figures.drawing import unchecked
from core.words import Words, _

# The first four are of Okabe and Ito's palette; its others are too pale for lines on a light page.
SERIES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#865D45", "#646C78"]
DASHES = ["solid", "dash", "dot", "dashdot", "longdash", "longdashdot"]  # so that lines differ without their colour too
GRID = "rgba(125, 131, 140, 0.25)"
MOST_DECADES = 6  # written on a logarithmic axis: more would touch

Values = Sequence[float] | np.ndarray | torch.Tensor


@dataclass(frozen=True)
class Axis:
    """What an axis says, and how it counts."""

    title: Words = ""
    log: bool = False
    range: tuple[float, float] | None = None
    step: float | None = None  # between two ticks


def lines(
    series: Mapping[Words, tuple[Values, Values]],
    x: Axis,
    y: Axis,
    *,
    title: Words = "",
    height: int = 300,
    targets: Mapping[Words, float] | None = None,
    markers: bool = False,
) -> go.Figure:
    """One line for each named pair of x and y; `targets` are horizontal lines that they should reach."""
    mode = "lines+markers" if markers else "lines"
    traces = [
        {"type": "scatter", "x": _short(xs), "y": _short(ys), "name": _(name), "mode": mode, "line": _line(i)}
        for i, (name, (xs, ys)) in enumerate(series.items())
    ]
    reach = [float(end) for xs, _y in series.values() if len(xs) for end in (xs[0], xs[-1])]
    dotted = {"color": "#7D838C", "dash": "dot", "width": 2}
    traces += [
        {
            "type": "scatter",
            "x": [min(reach), max(reach)],
            "y": [value] * 2,
            "name": _(name),
            "mode": "lines",
            "line": dotted,
        }
        for name, value in (targets or {}).items()
        if reach
    ]
    pairs = list(series.values())
    x, y = _thinned(x, [xs for xs, _y in pairs]), _thinned(y, [ys for _x, ys in pairs])
    return unchecked(traces, _layout(title, x, y, height))


def _thinned(axis: Axis, drawn: Sequence[Values]) -> Axis:
    """A logarithmic axis with a tick at every second, third, … power of ten where there are many of them."""
    if not axis.log or axis.step:
        return axis
    low, high = axis.range or powers(drawn)
    return replace(axis, step=max(1, math.ceil((high - low) / MOST_DECADES)))


def powers(drawn: Sequence[Values]) -> tuple[float, float]:
    """Between which powers of ten the positive ones of these numbers lie; (0, 0) where there are none."""
    array = np.concatenate([np.asarray(values, dtype=np.float64) for values in drawn] or [np.zeros(0)])
    positive = array[np.isfinite(array) & (array > 0)]
    return (math.log10(positive.min()), math.log10(positive.max())) if positive.size else (0.0, 0.0)


def _line(i: int) -> dict:
    return {"color": SERIES[i % len(SERIES)], "dash": DASHES[i % len(DASHES)], "width": 2}


def bars(
    series: Mapping[Words, tuple[Sequence, Values]],
    x: Axis,
    y: Axis,
    *,
    title: Words = "",
    height: int = 300,
    overlay: bool = False,
) -> go.Figure:
    """Bars for each named pair of places and heights: side by side, or over each other for histograms."""
    traces = [
        {
            "type": "bar",
            "x": list(xs),
            "y": _short(ys),
            "name": _(name),
            "marker": {"color": SERIES[i % len(SERIES)]},
            "opacity": 0.65 if overlay else 1,
        }
        for i, (name, (xs, ys)) in enumerate(series.items())
    ]
    arranged = {"barmode": "overlay" if overlay else "group", "bargap": 0.05 if overlay else 0.2}
    return unchecked(traces, _layout(title, x, y, height) | arranged)


def _short(values: Values) -> np.ndarray:
    """Four digits are what a curve shows; more would only travel."""
    array = np.asarray(values)
    if array.dtype.kind != "f":
        return array
    with np.errstate(all="ignore"):
        digits = 10.0 ** (4 - np.ceil(np.log10(np.abs(np.where(array == 0, 1, array)))))
        return np.where(np.isfinite(array), np.round(array * digits) / digits, array)


def _axis(axis: Axis) -> dict:
    return {
        "title": {"text": _(axis.title), "font": {"size": 12}},
        **({"type": "log", "dtick": 1, "exponentformat": "power"} if axis.log else {}),
        **({"range": axis.range} if axis.range else {}),
        **({"dtick": axis.step} if axis.step else {}),
        "gridcolor": GRID,
        "zerolinecolor": GRID,
        "fixedrange": True,
        "automargin": True,
    }


def _layout(title: str, x: Axis, y: Axis, height: int) -> dict:
    return {
        "template": None,
        "height": height,
        "margin": {"l": 50, "t": 56 if title else 30, "r": 16, "b": 40},
        "title": {"text": _(title), "font": {"size": 14}, "x": 0, "xref": "container", "y": 0.99, "yanchor": "top"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": _axis(x),
        "yaxis": _axis(y),
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": 12}},
        "showlegend": True,
        "dragmode": False,
        "hovermode": "closest",
    }
