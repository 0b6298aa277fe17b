"""Vectors of two or three numbers as arrows, before and after they are scaled to the unit ball of a p-norm."""

import math

import plotly.graph_objects as go
import torch
from torch import Tensor

from core.figures import colour
from core.figures.drawing import unchecked
from core.ops.normalize import normalize
from core.words import _, say

BALL, BEFORE, AFTER = "#7D838C", "#0072B2", "#D55E00"
POINTS = 181  # of a circle of directions
SIDE = 300  # pixels
GRID = "rgba(125, 131, 140, 0.25)"
FARTHEST = 3.0  # balls of p below 1 and negative p reach far along the diagonals: they are cut there


def ball(p: float) -> Tensor:
    """Points (x, y) whose p-norm is 1, one in every direction; NaN where there is none within reach."""
    angle = torch.linspace(0, 2 * math.pi, POINTS, dtype=torch.float64)
    points = normalize(torch.stack([angle.cos(), angle.sin()], 1), p, dim=1)
    far = ~(points.abs().amax(1, keepdim=True) <= FARTHEST)
    return points.masked_fill(far, torch.nan)


def sphere(p: float) -> Tensor:
    """The same in three dimensions: (latitude, longitude, 3)."""
    up, round_ = torch.linspace(0, math.pi, 19).double(), torch.linspace(0, 2 * math.pi, 37).double()
    latitude, longitude = torch.meshgrid(up, round_, indexing="ij")
    ring = latitude.sin()
    points = torch.stack([ring * longitude.cos(), ring * longitude.sin(), latitude.cos()], -1)
    points = normalize(points, p, dim=2)
    return points.masked_fill(~(points.abs().amax(2, keepdim=True) <= FARTHEST), torch.nan)


def flat_arrows(rows: Tensor, scaled: Tensor, p: float) -> go.Figure:
    """Rows of two numbers from the origin, grey lines on to where they are scaled, and the ball they land on."""
    edge = ball(p)
    traces = [
        _ball_line(ball(p), p), _arrows(rows, _("before"), BEFORE, 2), _arrows(scaled, _("after"), AFTER, 4),
    ]  # fmt: skip
    shown = torch.cat([rows, scaled, edge]).nan_to_num(0, 0, 0).abs().max().item()
    reach = min(max(shown, 1.0), 1e6) * 1.1
    axis = {
        "range": [-reach, reach],
        "zerolinecolor": BALL,
        "gridcolor": "rgba(125, 131, 140, 0.25)",
        "fixedrange": True,
    }
    return unchecked(traces, _layout() | {"xaxis": axis, "yaxis": axis | {"scaleanchor": "x"}})


def ends(rows: Tensor) -> list[tuple[float, float]]:
    """Where the arrows of rows of two numbers end."""
    return [(round(a, 4), round(b, 4)) for a, b in rows.double().nan_to_num(0, 0, 0).tolist()]


def _ball_line(edge: Tensor, p: float) -> dict:
    x, y = (column.round(decimals=3).tolist() for column in edge.unbind(1))
    line = {"color": BALL, "dash": "dot", "width": 2}
    return {"type": "scatter", "mode": "lines", "name": say("‖x‖ = 1 for p = {p:g}", p=p), "x": x, "y": y, "line": line}


def _arrows(rows: Tensor, name: str, hue: str, width: int) -> dict:
    """One line from the origin to each row, a dot at its end, all in one trace."""
    x: list[float | None] = []
    y: list[float | None] = []
    for a, b in ends(rows):
        x += [0, a, None]
        y += [0, b, None]
    dots = {"size": [0, 9, 0] * len(rows), "color": hue}
    line = {"color": hue, "width": width}
    return {
        "type": "scatter", "mode": "lines+markers", "name": name, "x": x, "y": y, "line": line, "marker": dots,
    }  # fmt: skip


def deep_arrows(rows: Tensor, scaled: Tensor, p: float, turn: int = 50) -> go.Figure:
    """Rows of three numbers and the ball they land on, seen from `turn` degrees about the last axis."""
    x, y, z = sphere(p).float().round(decimals=3).movedim(-1, 0).contiguous()
    surface = {
        "type": "surface", "x": x.numpy(), "y": y.numpy(), "z": z.numpy(), "opacity": 0.35, "showscale": False,
        "colorscale": [[0, colour.EMPTY], [1, colour.EMPTY]], "hoverinfo": "skip",
    }  # fmt: skip
    traces = [surface]
    for values, name, hue in ((rows, _("before"), BEFORE), (scaled, _("after"), AFTER)):
        points = values.double().nan_to_num(0, 0, 0)
        line = torch.stack([torch.zeros_like(points), points, torch.full_like(points, torch.nan)], 1).reshape(-1, 3)
        a, b, c = line.round(decimals=4).T.contiguous()
        traces.append(
            {"type": "scatter3d", "mode": "lines+markers", "name": name, "x": a.numpy(), "y": b.numpy(), "z": c.numpy(),
             "line": {"color": hue, "width": 5}, "marker": {"size": 3, "color": hue}}
        )  # fmt: skip
    eye = {"x": 1.6 * math.cos(math.radians(turn)), "y": 1.6 * math.sin(math.radians(turn)), "z": 1.0}
    return unchecked(traces, _layout() | {"scene": {"aspectmode": "data", "camera": {"eye": eye}}})


def _layout() -> dict:
    return {
        "template": None,
        "width": SIDE,
        "height": SIDE,
        "margin": {"l": 36, "r": 8, "t": 44, "b": 30},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": 12}},
        "showlegend": True,
        "dragmode": False,
    }
