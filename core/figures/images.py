"""Images: matrices too large for numbers in their cells, one shade a cell."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from core.figures import colour
from core.figures.board import Cells, Panel
from core.figures.colour import Scale
from core.figures.drawing import packed, unchecked
from core.figures.heatmap import NARROWEST, Outline
from core.figures.montage import LEADING_LABEL, MARGIN_LEFT, MARGIN_TOP, Index, Montage
from core.ops.convolution import Pads
from core.tensors.limits import times
from core.words import say
from core.words.numbers import number

GREY = ["#000000", "#FFFFFF"]
SHARE = 0.98  # of the cells that the scale tells apart; those beyond have its last colour
LEVELS = 255  # shades of an image: one byte each on their way to the browser
NO_PADS: Pads = ((0, 0), (0, 0))
TICKS_APART = 24  # pixels between two indices on an axis


def shades(image: Tensor) -> Scale:
    """Black to white where nothing is negative, else the diverging scale about 0.

    The scale ends at the 98th percentile of the absolute values, so that a few very large ones, such as those at a
    border of padding, leave the rest its contrast.
    """
    sizes = np.abs(image.detach()[image.isfinite()].double().numpy())
    reach = float(np.quantile(sizes, SHARE) or sizes.max()) if sizes.size else 1.0
    reach = reach or 1.0
    return Scale(GREY, 0.0, reach) if not (image < 0).any() else Scale(colour.SIGNED, -reach, reach)


def panel(
    name: str, values: Tensor, scale: Scale, cell: float, axes: str, *, title: str = "", pads: Pads = NO_PADS,
    across: int = 0,
) -> Panel:  # fmt: skip
    """An image (H, W) or (C, H, W) as a panel whose cells, without those of the padding, have these axes."""
    montage = laid_out(values.shape, pads, across, cell)
    low, high = (number(end.item()) for end in (values.min(), values.max()))
    said = say(
        "{title}, {shape}, from {low} to {high}", title=title or name, shape=times(values.shape), low=low, high=high
    )
    cells = Cells(axes, tuple(values.shape), values.float(), across=montage.across, gap=montage.gap)
    return Panel(name, image(values, scale, cell, title=title, pads=pads, across=across), said, cells)


def noted(panel: Panel, notes: Sequence[str]) -> Panel:
    """The same panel, with what a sentence can add of each cell."""
    assert panel.cells is not None
    return replace(panel, cells=replace(panel.cells, notes=notes))


def laid_out(shape: Sequence[int], pads: Pads, across: int, cell: float) -> Montage:
    """Where the channels of an image stand, room for the padding and for a label between them."""
    around = max(sum(pad) for pad in pads)
    return Montage(tuple(shape), across, around + math.ceil(LEADING_LABEL / cell))


def pixels(shape: Sequence[int], pads: Pads, across: int, cell: float) -> tuple[float, float]:
    """Width and height of such an image on screen, its margins included."""
    (top, bottom), (left, right) = pads
    rows, columns = laid_out(shape, pads, across, cell).cells
    return (
        max((columns + left + right) * cell + MARGIN_LEFT + 8, NARROWEST),
        (rows + top + bottom) * cell + _top(shape) + 8,
    )


def fitting(parts: Sequence[tuple[Sequence[int], Pads, int]], width: float, height: float) -> float:
    """The side of a cell, in quarters of a pixel, with which images (shape, pads, across) fit side by side."""
    for quarters in range(44, 8, -1):
        sizes = [pixels(*part, quarters / 4) for part in parts]
        if sum(size[0] for size in sizes) <= width and max(size[1] for size in sizes) <= height:
            return quarters / 4
    return 2.0


def _top(shape: Sequence[int]) -> int:
    return MARGIN_TOP + (LEADING_LABEL if len(shape) > 2 else 0)


def image(
    values: Tensor,
    scale: Scale,
    cell: float,
    *,
    title: str = "",
    pads: Pads = NO_PADS,
    outlines: Sequence[Outline] = (),
    across: int = 0,
) -> go.Figure:
    """An image (H, W) or (C, H, W) without numbers, its padding in plain grey, each cell `cell` pixels wide.

    Cells are counted from the image's corner, so that padding has indices below 0; of each outline its bounding
    box is drawn. The channels stand `across` in a line, below each other if 0.
    """
    height, width = values.shape[-2:]
    (top, bottom), (left, right) = pads
    montage = laid_out(values.shape, pads, across, cell)
    share = (values.detach().double().numpy() - scale.low) / (scale.high - scale.low)
    shade = (share.clip(0, 1) * LEVELS).round().reshape(-1, height, width)
    z = shade.astype(np.float32 if np.isnan(shade).any() else np.uint8)  # NaN is no byte, and left out
    corners = [(int(y), int(x)) for y, x in zip(*montage.corners, strict=True)]
    look = {
        "type": "heatmap", "zmin": 0, "zmax": LEVELS, "showscale": False, "hoverinfo": "skip",
        "colorscale": [(i / (len(scale.colours) - 1), c) for i, c in enumerate(scale.colours)],
    }  # fmt: skip
    traces = [look | {"z": packed(channel), "y0": y, "x0": x} for channel, (y, x) in zip(z, corners, strict=True)]
    frames = [_box([(y - top, x - left), (y + height + bottom - 1, x + width + right - 1)]) for y, x in corners]
    padding = {"fillcolor": colour.EMPTY, "line": {"width": 0}, "layer": "below"}
    shapes = [frame | padding for frame in frames] if any(map(any, pads)) else []
    boxes = [_box(outline.cells) | {"line": outline.line} for outline in outlines if outline.cells]
    return unchecked(traces, _layout(montage, pads, cell, title) | {"shapes": [*shapes, *boxes]})


def _box(cells: Sequence[Index]) -> dict:
    rows, columns = [cell[-2] for cell in cells], [cell[-1] for cell in cells]
    corners = {"x0": min(columns) - 0.5, "x1": max(columns) + 0.5, "y0": min(rows) - 0.5, "y1": max(rows) + 0.5}
    return {"type": "rect", **corners}


def _layout(montage: Montage, pads: Pads, cell: float, title: str) -> dict:
    (top, bottom), (left, right) = pads
    rows, columns = montage.cells
    width, height = pixels(montage.shape, pads, int(montage.across), cell)
    drawn = (columns + left + right) * cell
    axis = {"showgrid": False, "zeroline": False, "showline": False, "ticks": "", "fixedrange": True}
    axis |= {"constrain": "domain"}
    return {
        "template": None,
        "width": width,
        "height": height,
        "margin": {"l": MARGIN_LEFT, "t": _top(montage.shape), "r": width - drawn - MARGIN_LEFT, "b": 8, "pad": 0},
        "title": {"text": title, "font": {"size": 14}, "x": 0, "xref": "container", "y": 0.99, "yanchor": "top"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": axis | _ticks(montage, 1, cell) | {"side": "top", "range": [-left - 0.5, columns + right - 0.5]},
        "yaxis": axis | _ticks(montage, 0, cell) | {"range": [rows + bottom - 0.5, -top - 0.5], "scaleanchor": "x"},
        "annotations": _labels(montage, pads),
        "dragmode": False,
        "showlegend": False,
    }


def _ticks(montage: Montage, dimension: int, cell: float) -> dict:
    """Indices on the axis, every eighth or fewer."""
    size, blocks = montage.matrix[dimension], montage.grid[dimension]
    step = 8 * math.ceil(TICKS_APART / (8 * cell))
    places = [(block * (size + montage.gap) + i, i) for block in range(blocks) for i in range(0, size, step)]
    return {
        "tickmode": "array", "tickvals": [place for place, _ in places], "ticktext": [str(i) for _, i in places],
        "tickfont": {"size": 10, "color": colour.MUTED},
    }  # fmt: skip


def _labels(montage: Montage, pads: Pads) -> list[dict]:
    """Each channel's number over it."""
    if len(montage.shape) < 3:
        return []
    (top, _), (left, _) = pads
    label = {
        "xanchor": "left", "yanchor": "bottom", "showarrow": False, "font": {"size": 11, "color": colour.MUTED},
    }  # fmt: skip
    return [
        label | {
            "text": f"c={c}", "x": x - left - 0.5, "y": y - top - 0.5, "yshift": 0 if y else LEADING_LABEL,
        }
        for c, (y, x) in enumerate(zip(*(places.tolist() for places in montage.corners), strict=True))
    ]  # fmt: skip
