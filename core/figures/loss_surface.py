"""A function of two numbers seen from above: its values as colours, lines of equal height, and points on it."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from core.figures import colour
from core.figures.drawing import unchecked

SIDE = 380  # pixels


def contours(
    x: Tensor,
    y: Tensor,
    z: Tensor,
    names: tuple[str, str],
    *,
    title: str = "",
    points: Mapping[str, tuple] | None = None,
) -> go.Figure:
    """z (len(y), len(x)) over the places x to the right and y upwards; `points` are marked and named."""
    surface = {
        "type": "contour",
        "x": x.numpy().round(4),
        "y": y.numpy().round(4),
        "z": z.detach().float().numpy().round(3),
        "colorscale": [[i / (len(colour.MAGNITUDE) - 1), c] for i, c in enumerate(colour.MAGNITUDE)],
        "contours": {"showlabels": True, "labelfont": {"size": 11, "color": colour.INK}},
        "line": {"color": colour.INK, "width": 0.6},
        "ncontours": 14,
        "showscale": False,
        "hovertemplate": f"{names[0]} = %{{x}}<br>{names[1]} = %{{y}}<br>%{{z}}<extra></extra>",
    }
    marks = [_mark(name, place) for name, place in (points or {}).items()]
    return unchecked([surface, *marks], _layout(title, names))


def _mark(name: str, place: tuple[float, float]) -> dict:
    return {
        "type": "scatter",
        "x": np.array([place[0]]),
        "y": np.array([place[1]]),
        "mode": "markers+text",
        "text": [name],
        "textposition": "top center",
        "textfont": {"color": colour.INK, "size": 12},
        "marker": {"color": colour.PICKED, "size": 10},
        "hoverinfo": "skip",
    }


def _layout(title: str, names: tuple[str, str]) -> dict:
    axis = {"fixedrange": True, "automargin": True, "showgrid": False, "zeroline": False}
    return {
        "template": None,
        "width": SIDE,
        "height": SIDE,
        "margin": {"l": 50, "t": 40, "r": 8, "b": 44},
        "title": {"text": title, "font": {"size": 14}, "x": 0, "xref": "container", "y": 0.99, "yanchor": "top"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": axis | {"title": {"text": names[0], "font": {"size": 12}}},
        "yaxis": axis | {"title": {"text": names[1], "font": {"size": 12}}},
        "showlegend": False,
        "dragmode": False,
    }
