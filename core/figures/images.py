"""Images: matrices too large for numbers in their cells, one shade a cell."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from core.figures import colour
from core.figures.colour import Scale
from core.figures.heatmap import MARGIN_LEFT, MARGIN_TOP, NARROWEST, Index, Outline, packed, unchecked, unseen_squares
from core.ops.convolution import Pads

GREY = ["#000000", "#FFFFFF"]
SHARE = 0.98  # of the cells that the scale tells apart; those beyond have its last colour
LEVELS = 255  # shades of an image: one byte each on their way to the browser


def shades(image: Tensor) -> Scale:
    """Black to white where nothing is negative, else the diverging scale about 0.

    The scale ends at the 98th percentile of the absolute values, so that a few very large ones, such as those at a
    border of padding, leave the rest its contrast.
    """
    sizes = image.detach().double().abs().flatten()
    reach = (sizes.quantile(SHARE) or sizes.max()).item() or 1.0
    return Scale(GREY, 0.0, reach) if (image >= 0).all() else Scale(colour.SIGNED, -reach, reach)


def image(
    values: Tensor,
    scale: Scale,
    cell: float,
    *,
    title: str = "",
    pads: Pads = ((0, 0), (0, 0)),
    outlines: Sequence[Outline] = (),
    pickable: bool = False,
) -> go.Figure:
    """An image (H, W) without numbers, its padding in plain grey, each cell `cell` pixels wide.

    Cells are counted from the image's corner, so that padding has indices below 0; of each outline its bounding
    box is drawn. Picking reports the number of the cell in reading order.
    """
    height, width = values.shape
    (top, bottom), (left, right) = pads
    share = (values.detach().double() - scale.low) / (scale.high - scale.low)
    z = (share.clamp(0, 1) * LEVELS).round().to(torch.uint8).numpy()
    frame = _box([(-top, -left), (height + bottom - 1, width + right - 1)])
    padding = {**frame, "fillcolor": colour.EMPTY, "line": {"width": 0}, "layer": "below"}
    colours = [(i / (len(scale.colours) - 1), c) for i, c in enumerate(scale.colours)]
    image = {
        "type": "heatmap", "z": packed(z), "colorscale": colours, "zmin": 0, "zmax": LEVELS, "showscale": False,
        "hoverinfo": "skip",
    }  # fmt: skip
    boxes = [_bordered(outline) for outline in outlines if outline.cells]
    traces = [image, _markers(height, width, cell)] if pickable else [image]
    return unchecked(traces, _image_layout(frame, cell, title) | {"shapes": [padding, *boxes]})


def _box(cells: Sequence[Index]) -> dict:
    rows, columns = [cell[-2] for cell in cells], [cell[-1] for cell in cells]
    corners = {"x0": min(columns) - 0.5, "x1": max(columns) + 0.5, "y0": min(rows) - 0.5, "y1": max(rows) + 0.5}
    return {"type": "rect", **corners}


def _bordered(outline: Outline) -> dict:
    return {**_box(outline.cells), "line": outline.line}


def _markers(height: int, width: int, cell: float) -> dict:
    rows, columns = np.mgrid[:height, :width].astype(np.int16)
    x, y = packed(columns.ravel()), packed(rows.ravel())
    return unseen_squares(x, y, cell, hovertemplate="[%{y}, %{x}]<extra></extra>")


def _image_layout(frame: dict, cell: float, title: str) -> dict:
    across, down = (frame["x1"] - frame["x0"]) * cell, (frame["y1"] - frame["y0"]) * cell
    width = max(across + MARGIN_LEFT + 8, NARROWEST)
    axis = {
        "showgrid": False, "zeroline": False, "showline": False, "ticks": "", "fixedrange": True, "dtick": 8,
        "tickfont": {"size": 10, "color": colour.MUTED}, "constrain": "domain",
    }  # fmt: skip
    return {
        "template": None,
        "width": width,
        "height": down + MARGIN_TOP + 8,
        "margin": {"l": MARGIN_LEFT, "t": MARGIN_TOP, "r": width - across - MARGIN_LEFT, "b": 8, "pad": 0},
        "title": {"text": title, "font": {"size": 14}, "x": 0, "xref": "container", "y": 0.99, "yanchor": "top"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": axis | {"side": "top", "range": [frame["x0"], frame["x1"]]},
        "yaxis": axis | {"range": [frame["y1"], frame["y0"]], "scaleanchor": "x"},
        "dragmode": False,
        "clickmode": "event+select",
        "showlegend": False,
    }
