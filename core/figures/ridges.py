"""Ridges: histograms below each other, one for each layer or epoch, so that one sees a distribution change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from core.figures.board import Box
from core.figures.curves import GRID, SERIES
from core.figures.drawing import unchecked

TALL = 0.9  # of the distance between two base lines: how high the tallest bin of a ridge stands
ROW, ABOVE, BELOW = 34, 64, 40  # pixels of a ridge, and around all of them


@dataclass(frozen=True)
class Histogram:
    """How many of the finite values lie in each of the equal bins from `low` to `high`."""

    counts: tuple[int, ...]
    low: float
    high: float


def histogram(values: Tensor, bins: int = 40, reach: float | None = None) -> Histogram:
    """Counts over equal bins between the smallest and the largest finite value, or from −reach to reach.

    What lies beyond the reach is not counted.
    """
    values = values.detach().flatten()
    values = values[values.isfinite()]  # a growing network overflows
    if reach is not None:
        low, high = -reach, reach
    else:
        low, high = (values.min().item(), values.max().item()) if len(values) else (0.0, 0.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts = torch.histc(values.double(), bins, low, high)
    return Histogram(tuple(map(int, counts.tolist())), low, high)


@dataclass(frozen=True)
class Ridge:
    """One histogram and what it is called on the left."""

    label: str
    histogram: Histogram
    share: float = 1.0  # of the numbers, those that the histogram holds: its height as part of a row's


def ridges(
    series: Mapping[str, Sequence[Ridge]],
    axis: str,
    *,
    title: str = "",
    width: int = 300,
    row: int = ROW,
    own_scale: bool = False,
) -> go.Figure:
    """Ridges from the top down; several series lie over each other, ridge by ridge, with the first one's labels.

    With `own_scale` each ridge runs over the whole width, from its smallest value to its largest, which its label
    should then say; else all share one axis.
    """
    traces = [
        _series(rows, name, SERIES[number % len(SERIES)], own_scale)
        for number, (name, rows) in enumerate(series.items())
    ]
    labels = [ridge.label for ridge in next(iter(series.values()))]
    return unchecked(traces, _layout(labels, axis, title, width, row, own_scale, named=len(series) > 1))


def boxes(rows: Sequence[Ridge], own_scale: bool) -> list[Box]:
    """Where each ridge of a series is drawn, in the axes' numbers: as wide as its histogram, up to the next one."""
    ends = [(0.0, 1.0) if own_scale else (row.histogram.low, row.histogram.high) for row in rows]
    return [(low, high, -i - 0.05, TALL - i) for i, (low, high) in enumerate(ends)]


def outline(histogram: Histogram, own_scale: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The corners of a histogram's steps, from 0 to 0, the tallest bin at height TALL."""
    low, high = (0.0, 1.0) if own_scale else (histogram.low, histogram.high)
    counts = np.asarray(histogram.counts, dtype=np.float64)
    edges = np.linspace(low, high, len(counts) + 1)
    x = np.repeat(edges, 2)
    y = np.concatenate([[0.0], np.repeat(counts / max(counts.max(), 1.0) * TALL, 2), [0.0]])
    return x.astype(np.float32), y.round(3)


def _series(rows: Sequence[Ridge], name: str, colour: str, own_scale: bool) -> dict:
    """The ridges of one series as one line with gaps: a line for each would take Plotly three times as long."""
    gap = np.full(1, np.nan, dtype=np.float32)
    xs, ys = [], []
    for i, ridge in enumerate(rows):
        x, y = outline(ridge.histogram, own_scale)
        xs += [x, gap]
        ys += [(y * ridge.share - i).astype(np.float32), gap]
    return {
        "type": "scatter",
        "x": np.concatenate(xs[:-1]),
        "y": np.concatenate(ys[:-1]),
        "mode": "lines",
        "line": {"color": colour, "width": 1.2},
        "fill": "toself",
        "fillcolor": colour + "59",
        "name": name,
        "hoverinfo": "skip",
    }


def _layout(labels: list[str], axis: str, title: str, width: int, row: int, own_scale: bool, *, named: bool) -> dict:
    count = len(labels)
    return {
        "template": None,
        "width": width,
        "height": ABOVE + BELOW + row * count,
        "margin": {"l": 10, "t": ABOVE, "r": 12, "b": BELOW},
        "title": {"text": title, "font": {"size": 14}, "x": 0, "xref": "container", "y": 0.99, "yanchor": "top"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": {
            "title": {"text": axis, "font": {"size": 12}}, "gridcolor": GRID, "zeroline": False, "fixedrange": True,
            "showticklabels": not own_scale, "nticks": 5, "showgrid": not own_scale,
        },
        "yaxis": {
            "tickmode": "array", "tickvals": [-i for i in range(count)], "ticktext": labels, "gridcolor": GRID,
            "zeroline": False, "fixedrange": True, "automargin": True, "range": [0.15 - count, 1.05],
            "tickfont": {"size": 11},
        },
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": 12}},
        "showlegend": named,
        "dragmode": False,
    }  # fmt: skip
