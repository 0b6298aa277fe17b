"""Lanes: who is busy with what, and when."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from core.figures import colour
from core.figures.board import Box
from core.figures.curves import GRID
from core.figures.drawing import unchecked
from core.figures.walk import hue

ROW, ABOVE, BELOW = 32, 34, 40  # pixels of a lane, and around all of them
BAR_GAP = 0.25  # of a lane: what its bar leaves free


@dataclass(frozen=True)
class Busy:
    """One piece of work: in which lane, from when to when, what is written on it, and its number for the colour."""

    lane: str
    start: float
    end: float
    text: str
    number: int


def lanes(names: Sequence[str], work: Sequence[Busy], axis: str, *, title: str = "", width: int = 620) -> go.Figure:
    """The lanes from the top down, their work as bars along one axis of time; a number has one colour everywhere."""
    scale = colour.identity(max((piece.number for piece in work), default=0) + 1)
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": [piece.lane for piece in work],
        "base": [round(piece.start, 2) for piece in work],
        "x": [round(piece.end - piece.start, 2) for piece in work],
        "text": [piece.text for piece in work],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "textfont": {"color": colour.INK, "size": 12},
        "marker": {
            "color": [hue(piece.number, scale) for piece in work], "line": {"color": colour.INK, "width": 0.5},
        },
        "hovertemplate": "%{text}: from %{base} for %{x}<extra></extra>",
    }  # fmt: skip
    return unchecked([bars], _layout(names, axis, title, width))


def boxes(names: Sequence[str], work: Sequence[Busy]) -> list[Box]:
    """Where each piece of work is drawn, in the axes' numbers: lanes count from the bottom up."""
    place = {name: len(names) - 1 - n for n, name in enumerate(names)}
    half = (1 - BAR_GAP) / 2
    return [(piece.start, piece.end, place[piece.lane] - half, place[piece.lane] + half) for piece in work]


def _layout(names: Sequence[str], axis: str, title: str, width: int) -> dict:
    return {
        "template": None,
        "width": width,
        "height": ABOVE + BELOW + ROW * len(names),
        "margin": {"l": 10, "t": ABOVE, "r": 12, "b": BELOW},
        "title": {"text": title, "font": {"size": 14}, "x": 0, "xref": "container", "y": 0.98, "yanchor": "top"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": {
            "title": {"text": axis, "font": {"size": 12}}, "gridcolor": GRID, "zeroline": False, "fixedrange": True,
        },
        "yaxis": {
            "categoryorder": "array", "categoryarray": list(reversed(names)), "range": [-0.5, len(names) - 0.5],
            "fixedrange": True, "automargin": True, "tickfont": {"size": 12},
        },
        "bargap": BAR_GAP,
        "showlegend": False,
        "dragmode": False,
    }  # fmt: skip
