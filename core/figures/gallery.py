"""A gallery: small images of one size side by side, each of which can be picked."""

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from core.figures.board import Box, Cells, Panel
from core.figures.drawing import packed, unchecked
from core.words import Words, _, say

GAP = 2  # pixels of an image between two of them
TITLE, PLAIN = 30, 4  # pixels above, with a title and without
GREY = ("#000000", "#FFFFFF")
CLEAR = "rgba(0,0,0,0)"


def tiled(images: Tensor, across: int) -> Tensor:
    """Images (N, H, W) of bytes in rows of `across`, -1 between and behind them: (rows·(H+GAP) − GAP, …) int16."""
    n, height, width = images.shape
    rows, across = math.ceil(n / across), min(n, across)
    canvas = torch.full((rows * (height + GAP) - GAP, across * (width + GAP) - GAP), -1, dtype=torch.int16)
    for i, image in enumerate(images):
        top, left = i // across * (height + GAP), i % across * (width + GAP)
        canvas[top : top + height, left : left + width] = image
    return canvas


def signed_bytes(values: Tensor, reach: float | None = None) -> Tensor:
    """Numbers as bytes: 0 in the middle, at 128; those of size `reach` (the largest) or beyond at 1 or 255."""
    reach = reach or values.abs().max().item() or 1.0
    return ((values / reach).clamp(-1, 1) * 127 + 128).round().to(torch.uint8)


def gallery(
    images: Tensor,
    *,
    across: int = 6,
    pixel: float = 2,
    title: Words = "",
    colours: Sequence[str] = GREY,
    margins: tuple[int, int] | None = None,
) -> go.Figure:
    """Images (N, H, W) of bytes, at least one.

    `colours` run from byte 0 to byte 255; `margins` are the pixels above and below, to stand level with a heatmap.
    """
    canvas = tiled(images, min(len(images), across)).numpy()
    z = np.where(canvas < 0, 0, np.maximum(canvas, 1)).astype(np.uint8)  # 0 is what lies between the images
    trace = {
        "type": "heatmap", "z": packed(z), "zmin": 0, "zmax": 255, "showscale": False, "hoverinfo": "skip",
        "colorscale": [[0, CLEAR], [0.5 / 255, CLEAR], *_spread(colours)],
    }  # fmt: skip
    return unchecked([trace], _layout(canvas.shape, pixel, title, margins))


def panel(
    name: str,
    images: Tensor,
    says: Sequence[str],
    picks: Sequence[str] | None = None,
    *,
    axes: str = "tile",
    across: int = 6,
    pixel: float = 2,
    title: Words = "",
    colours: Sequence[str] = GREY,
    margins: tuple[int, int] | None = None,
) -> Panel:
    """The gallery as a picture of a board; each image is a cell, of which a sentence says {note:name}."""
    n, height, width = images.shape
    figure = gallery(images, across=across, pixel=pixel, title=title, colours=colours, margins=margins)
    cells = Cells(axes, (n,), texts=says, notes=says, boxes=boxes(n, min(n, across), height, width))
    return Panel(
        name,
        figure,
        say("{title}: {each}", title=_(title) if title else _("images"), each="; ".join(says)),
        cells,
        picks=picks,
    )


def boxes(n: int, across: int, height: int, width: int) -> list[Box]:
    """Where the images stand."""
    corners = [(i % across * (width + GAP) - 0.5, i // across * (height + GAP) - 0.5) for i in range(n)]
    return [(left, left + width, top, top + height) for left, top in corners]


def _spread(colours: Sequence[str]) -> list[list]:
    """The colours from byte 1 to byte 255."""
    steps = len(colours) - 1
    return [[(1 + 254 * i / steps) / 255, colour] for i, colour in enumerate(colours)]


def _layout(shape: tuple[int, ...], pixel: float, title: str, margins: tuple[int, int] | None) -> dict:
    down, across = shape
    axis = {"visible": False, "fixedrange": True, "constrain": "domain"}
    width = max(across * pixel + 8, 8 * len(title) + 8)
    top, bottom = margins or (TITLE if title else PLAIN, PLAIN)
    return {
        "template": None,
        "width": width,
        "height": down * pixel + top + bottom,
        "margin": {"l": 4, "t": top, "r": width - across * pixel - 4, "b": bottom, "pad": 0},
        "title": {"text": _(title), "font": {"size": 14}, "x": 0, "xref": "container", "y": 0.99, "yanchor": "top"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": axis | {"range": [-0.5, across - 0.5]},
        "yaxis": axis | {"range": [down - 0.5, -0.5], "scaleanchor": "x"},
        "dragmode": False,
        "clickmode": "event+select",
        "showlegend": False,
    }
