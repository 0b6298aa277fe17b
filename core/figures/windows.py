"""Windows on an image: which cells a convolution reads and writes, the slide as a walk, and images without numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from core.figures import colour
from core.figures.colour import Scale
from core.figures.heatmap import MARGIN_LEFT, MARGIN_TOP, NARROWEST, Outline, number
from core.figures.walk import Cells, Moment, Walk, record, source_of
from core.ops.convolution import Pads, Pair, outputs_using, window

Index = tuple[int, ...]

GREY = ["#000000", "#FFFFFF"]
LEVELS = 255  # shades of an image: one byte each on their way to the browser
MOST_TERMS = 9  # of a sum that is spelt out in full


@dataclass(frozen=True)
class Windows:
    """Where the windows of a convolution lie. Each pair is (rows, columns)."""

    outputs: Pair
    kernel_size: Pair
    stride: Pair
    dilation: Pair
    pads: Pads

    def read_by(self, output: Index) -> list[Index]:
        """Cells of the padded input that the output cell (y, x) is made of, in the kernel's reading order."""
        settings = zip(output, self.kernel_size, self.stride, self.dilation, strict=True)
        return list(product(*(window(o, k, s, 0, d) for o, k, s, d in settings)))

    def using(self, cell: Index) -> list[Index]:
        """Output cells whose windows hold the input cell (y, x), the input counted without its padding."""
        settings = zip(cell, self.outputs, self.kernel_size, self.stride, self.pads, self.dilation, strict=True)
        return list(product(*(outputs_using(i, n, k, s, before, d) for i, n, k, s, (before, _), d in settings)))

    def tap(self, output: Index, cell: Index) -> Index:
        """The kernel's position at which the window of an output meets an input cell. ValueError where it doesn't."""
        settings = zip(output, cell, self.kernel_size, self.stride, self.pads, self.dilation, strict=True)
        return tuple(window(o, k, s, before, d).index(i) for o, i, k, s, (before, _), d in settings)


def padding_cells(shape: Sequence[int], pads: Pads) -> list[Index]:
    """The indices of a padded tensor (…, H, W) that are there only by padding."""
    (top, bottom), (left, right) = pads
    *_, height, width = shape
    return [
        index
        for index in product(*map(range, shape))
        if not (top <= index[-2] < height - bottom and left <= index[-1] < width - right)
    ]


def spelled(values: Tensor, weights: Tensor) -> str:
    """A window times a kernel, term by term: `1·0 + 2·1 + …`; the middle of a long sum is left out."""
    pairs = list(zip(values.flatten().tolist(), weights.flatten().tolist(), strict=True))
    terms = [f"{_factor(value)}·{_factor(weight)}" for value, weight in pairs]
    if len(terms) > MOST_TERMS:
        terms = [*terms[:4], f"… {len(terms) - 6} more …", *terms[-2:]]
    return " + ".join(terms)


def _factor(value: float) -> str:
    return number(value) if value >= 0 else f"({number(value)})"


# ---- the window in motion --------------------------------------------------------------------------------------


def slide(padded: Tensor, weight: Tensor, bias: Tensor, stride: int, dilation: int, size: Pair) -> Tensor:
    """One output channel (H, W) of `size`, window after window: padded (C, …), weight (C, kh, kw), bias one number."""
    kh, kw = weight.shape[1:]
    output = torch.zeros(size)
    for y in range(size[0]):
        for x in range(size[1]):
            rows = slice(y * stride, y * stride + kh * dilation, dilation)
            cols = slice(x * stride, x * stride + kw * dilation, dilation)
            output[y, x] = (padded[:, rows, cols] * weight).sum() + bias
    return output


def slide_walk(padded: Tensor, weight: Tensor, bias: Tensor, windows: Windows) -> Walk:
    """`slide` line by line; the sum's line says what it adds up, and marks the window that it reads."""
    stride, dilation = windows.stride[0], windows.dilation[0]

    def note(now: Moment) -> str:
        if not _at_the_sum(slide, now):
            return ""
        y, x = now.names["y"], now.names["x"]
        read = padded[:, now.names["rows"], now.names["cols"]]
        added = f" + bias {number(bias.item())}" if bias.item() else ""
        return f"output[{y}, {x}] = {spelled(read, weight)}{added} = {number(((read * weight).sum() + bias).item())}"

    def reads(now: Moment) -> Cells:
        if not _at_the_sum(slide, now):
            return {}
        spot = windows.read_by((now.names["y"], now.names["x"]))
        return {"padded": _in_every_channel(padded, spot), "weight": list(product(*map(range, weight.shape)))}

    return record(
        slide, padded, weight, bias, stride, dilation, windows.outputs,
        panels=("padded", "weight", "output"), reads=reads, note=note,
    )  # fmt: skip


def _in_every_channel(image: Tensor, cells: Sequence[Index]) -> list[Index]:
    return [(channel, *cell) for channel in range(len(image)) for cell in cells]


def _at_the_sum(function: object, now: Moment) -> bool:
    return ".sum()" in source_of(function).splitlines()[now.line]  # type: ignore[arg-type]


def textbook_walk(function: object, X: Tensor, K: Tensor) -> Walk:
    """The tutorial's `corr2d` line by line on X and K."""

    def note(now: Moment) -> str:
        if not _at_the_sum(function, now):
            return ""
        i, j = now.names["i"], now.names["j"]
        read = X[i : i + K.shape[0], j : j + K.shape[1]]
        return f"Y[{i}, {j}] = {spelled(read, K)} = {number((read * K).sum().item())}"

    def reads(now: Moment) -> Cells:
        if not _at_the_sum(function, now):
            return {}
        taps = list(product(*map(range, K.shape)))
        return {"X": [(now.names["i"] + a, now.names["j"] + b) for a, b in taps], "K": taps}

    return record(function, X, K, panels=("X", "K", "Y"), reads=reads, note=note)  # type: ignore[arg-type]


# ---- images ----------------------------------------------------------------------------------------------------


def shades(image: Tensor) -> Scale:
    """Black to white where nothing is negative, else the diverging scale about 0."""
    if image.numel() and image.min() >= 0:
        return Scale(GREY, 0.0, image.max().item() or 1.0)
    return colour.signed(image)


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
    figure = go.Figure(go.Heatmap(z=z, colorscale=colours, zmin=0, zmax=LEVELS, showscale=False, hoverinfo="skip"))
    if pickable:
        figure.add_trace(_markers(height, width, cell))
    boxes = [_bordered(outline) for outline in outlines if outline.cells]
    return figure.update_layout(_image_layout(frame, cell, title)).update_layout(shapes=[padding, *boxes])


def _box(cells: Sequence[Index]) -> dict:
    rows, columns = [cell[-2] for cell in cells], [cell[-1] for cell in cells]
    corners = {"x0": min(columns) - 0.5, "x1": max(columns) + 0.5, "y0": min(rows) - 0.5, "y1": max(rows) + 0.5}
    return {"type": "rect", **corners}


def _bordered(outline: Outline) -> dict:
    return {**_box(outline.cells), "line": {"color": outline.colour, "width": outline.width, "dash": outline.dash}}


def _markers(height: int, width: int, cell: float) -> go.Scatter:
    """Invisible squares that take the clicks: a heatmap itself reports none. Small integers travel as bytes."""
    rows, columns = np.mgrid[:height, :width].astype(np.int16)
    shown = {"marker": {"opacity": 0}}
    return go.Scatter(
        x=columns.ravel(), y=rows.ravel(), mode="markers",
        marker={"symbol": "square", "size": cell, "opacity": 0}, selected=shown, unselected=shown,
        hovertemplate="[%{y}, %{x}]<extra></extra>", showlegend=False,
    )  # fmt: skip


def _image_layout(frame: dict, cell: float, title: str) -> dict:
    across, down = (frame["x1"] - frame["x0"]) * cell, (frame["y1"] - frame["y0"]) * cell
    width = max(across + MARGIN_LEFT + 8, NARROWEST)
    axis = {
        "showgrid": False, "zeroline": False, "showline": False, "ticks": "", "fixedrange": True, "dtick": 8, "tick0": 0,
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
        "clickmode": "event+select" if pickable_trace(across) else "event",
        "showlegend": False,
    }
