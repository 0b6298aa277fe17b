"""Paths over a function of two numbers, seen from above: where an optimiser went, step by step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from core.figures import colour
from core.figures.curves import SERIES
from core.figures.drawing import unchecked
from core.figures.loss_surface import contours

HEIGHT = 400  # pixels
LEGEND = 48  # pixels of them below the surface
FAR = 1e6  # a path that runs away is drawn to here: it has left the window long before
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x")  # so that paths differ without their colour too

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Window:
    """The part of the plane that is drawn."""

    x: tuple[float, float]
    y: tuple[float, float]


def spread(z: Tensor) -> Tensor:
    """Heights made to tell apart at the bottom as well as high up: log(1 + height above the lowest)."""
    return (z - z.min()).log1p()


def walked(
    x: Tensor, y: Tensor, z: Tensor, paths: Mapping[str, Points], *, title: str = "", width: int = 480,
    height: int = HEIGHT, named: bool = True,
) -> go.Figure:  # fmt: skip
    """Contours of z (len(y), len(x)) with paths over it: a line and a dot for each step, a ring where each begins.

    The contours are even in `spread`, not in z: a valley's floor shows beside its walls. A path that leaves the
    window is cut at its edge. A legend stands below unless the paths are `named` elsewhere.
    """
    drawn = contours(x, y, spread(z), ("x", "y"), title=title).to_dict()
    surface = drawn["data"][0] | {"contours": {"showlabels": False}, "hoverinfo": "skip", "hovertemplate": None}
    window = Window((x[0].item(), x[-1].item()), (y[0].item(), y[-1].item()))
    lines = [_path(points, name, i) for i, (name, points) in enumerate(paths.items())]
    starts = dict.fromkeys(points[0] for points in paths.values() if points)
    layout = drawn["layout"] | _layout(drawn["layout"], window, width, height, named)
    return unchecked([surface, *lines, *map(_start, starts)], layout)


def _path(points: Points, name: str, i: int) -> dict:
    ink = SERIES[i % len(SERIES)]
    x, y = np.asarray(points, dtype=np.float64).reshape(-1, 2).clip(-FAR, FAR).T.round(4).astype(np.float32)
    return {
        "type": "scatter",
        "x": x,
        "y": y,
        "name": name,
        "mode": "lines+markers",
        "line": {"color": ink, "width": 1.5},
        "marker": {"color": ink, "size": 5, "symbol": SYMBOLS[i % len(SYMBOLS)]},
        "hovertemplate": f"{name}, step %{{pointNumber}}<br>(%{{x}}, %{{y}})<extra></extra>",
    }


def _start(place: tuple[float, float]) -> dict:
    return {
        "type": "scatter",
        "x": [place[0]],
        "y": [place[1]],
        "mode": "markers",
        "marker": {"color": colour.PICKED, "size": 13, "symbol": "circle-open", "line": {"width": 3}},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _layout(before: dict, window: Window, width: int, height: int, named: bool) -> dict:
    return {
        "width": width,
        "height": height,
        "margin": before["margin"] | {"b": 44 + (LEGEND if named else 0)},
        "xaxis": before["xaxis"] | {"range": list(window.x)},
        "yaxis": before["yaxis"] | {"range": list(window.y)},
        "showlegend": named,
        "legend": {"orientation": "h", "y": -0.22, "yanchor": "top", "x": 0, "font": {"size": 12}},
    }
