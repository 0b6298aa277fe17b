"""A tensor as a heatmap with its numbers in the cells.

One trace draws all elements, also those of a tensor of rank 3 or more, whose matrices stand side by side (`Montage`).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import plotly.graph_objects as go
import torch

from core.figures import colour
from core.figures.colour import Scale
from core.figures.drawing import packed, unchecked
from core.figures.montage import (
    LEADING_LABEL,
    MARGIN_BOTTOM,
    MARGIN_LEFT,
    MARGIN_RIGHT,
    MARGIN_TOP,
    Index,
    Montage,
)
from core.words import Words, _
from core.words.numbers import SPELLINGS, letters, number

LETTER = 7.6  # pixels of a letter of a title, about
NARROWEST = 150  # pixels of a picture: narrower ones are cut on their right
LEADING_TEXT, LABEL_LETTER = 11, 5.5  # pixels of the text over a matrix, and of a letter of it
SMALLEST_TEXT, LARGEST_TEXT = 10.0, 15.0  # pixels: below the one a number is noise
PROJECTED_TEXT = 14.0  # pixels of the smallest text on a projector
LARGEST_COLOUR = 1e6  # beyond it colours travel as shares of the largest: in float32 they would overflow


@dataclass(frozen=True)
class Outline:
    """Cells to draw a border around."""

    cells: Sequence[Index]
    colour: str = colour.PICKED
    width: float = 3

    @property
    def line(self) -> dict:
        """Solid around what was picked, dashed around what it is made from: they differ without their colours too."""
        dash = "5px,3px" if self.colour == colour.USED else "solid"  # longer ones leave corners out
        return {"color": self.colour, "width": self.width, "dash": dash}


@dataclass(frozen=True)
class Picture:
    """A tensor to draw, and how."""

    name: str  # the letter in hover texts: x[0, 1] = 3
    values: torch.Tensor
    scale: Scale
    title: Words = ""
    outlines: Sequence[Outline] = ()
    texts: Sequence[str] | None = None  # one for each element, instead of its value
    muted: Sequence[Index] = ()  # cells that are there only by padding
    picks: Sequence[str] | None = None  # for each element, what picking it reports instead of its index
    origin: Index = (0, 0)  # the index of the first cell, of its last dimensions: (-1, -1) with a padding of 1
    leading_names: Sequence[str] = field(default=())  # what the leading dimensions are: ("n", "c")
    axes: str = ""  # a word for each dimension, "n c h w": on a board, cells hang together where equal words agree
    notes: Sequence[str] | None = None  # for each element, what a board's sentence can add
    across: bool | int = False  # of rank 3 or more: so many matrices in a line, all of them if True; see Montage
    group: str = ""  # on a board, cells that agree in these words are one group, outlined as a whole
    side: int = 0  # pixels of a cell, where it is not to be as large as the board's others

    @property
    def montage(self) -> Montage:
        """Where its elements are drawn."""
        return Montage(tuple(self.values.shape), self.across)


def draw(picture: Picture, cell: int = 32, least: float = SMALLEST_TEXT) -> go.Figure:
    """The picture as a plotly figure with square cells of `cell` pixels, row 0 on top, no text smaller than `least`."""
    montage = picture.montage
    labels = _fitting_labels(picture, cell, least)
    traces = [_cells(picture, montage, cell, labels)]
    if picture.muted:
        traces.append(_muted_cells(picture, montage, cell, labels))
    return unchecked(traces, _layout(picture, montage, cell))


def _flat(values: torch.Tensor) -> list[float]:
    return values.detach().double().flatten().tolist()


def _labels(picture: Picture, spelling: Callable[[float], str] = number) -> list[str]:
    if picture.texts is not None:
        return list(picture.texts)
    return [spelling(value) for value in _flat(picture.values)]


Labels = tuple[list[str], float]  # one for each element, and the size of their letters: 0 where none are written


def _fitting_labels(picture: Picture, cell: int, least: float) -> Labels:
    """The labels as exact as the cells hold at a readable size; none, and size 0, where the shortest do not fit."""
    if _text_size([""], cell, least):
        for spelling in SPELLINGS:
            labels = _labels(picture, spelling)
            if size := _text_size(labels, cell, least):
                return labels, size
    return [""] * picture.values.numel(), 0.0


def _cells(picture: Picture, montage: Montage, cell: int, labels: Labels) -> dict:
    low, high = picture.scale.low, picture.scale.high
    unit = high if high > LARGEST_COLOUR else 1.0
    colours = np.clip(picture.values.detach().double().numpy(force=True).ravel(), low, high) / unit
    texts = [text if shown else "" for text, shown in zip(labels[0], _shown(picture), strict=True)]
    trace = _heatmap(colours, np.ones(colours.shape, dtype=bool), picture, montage, cell, (texts, labels[1]))
    return trace | {"zmin": low / unit, "zmax": high / unit}


def _muted_cells(picture: Picture, montage: Montage, cell: int, labels: Labels) -> dict:
    """The cells that are there only by padding, all in one grey."""
    trace = _heatmap(np.zeros(picture.values.numel()), ~_shown(picture), picture, montage, cell, labels)
    return trace | {"colorscale": [[0, colour.EMPTY], [1, colour.EMPTY]]}


def _shown(picture: Picture) -> np.ndarray:
    """For each element, whether it is there by itself, not only by padding."""
    shown = np.ones(picture.values.shape, dtype=bool)
    for index in picture.muted:
        shown[index] = False
    return shown.ravel()


def _heatmap(
    colours: np.ndarray, shown: np.ndarray, picture: Picture, montage: Montage, cell: int, labels: Labels
) -> dict:
    """One trace of the elements that are shown, of these colours; nothing in the gaps."""
    texts, size = labels
    row, column = (places[shown] for places in montage.places)
    z = np.full(montage.cells, np.nan, dtype=np.float32)
    z[row, column] = colours[shown]
    return {
        "type": "heatmap",
        "z": packed(z),
        "colorscale": _spread(picture.scale.colours),
        "zmin": picture.scale.low,
        "zmax": picture.scale.high,
        "showscale": False,
        "xgap": 1 if cell >= 12 else 0,
        "ygap": 1 if cell >= 12 else 0,
        "hoverinfo": "skip",
        **(_written(texts, shown, row, column, montage, size) if size else {}),
    }


def _written(
    labels: list[str], shown: np.ndarray, row: np.ndarray, column: np.ndarray, montage: Montage, size: float
) -> dict:
    """The numbers in the cells."""
    texts = np.full(montage.cells, "", dtype=object)
    texts[row, column] = np.array(labels, dtype=object)[shown]
    return {"text": texts.tolist(), "texttemplate": "%{text}", "textfont": {"size": size, "color": colour.INK}}


def _spread(colours: list[str]) -> list[tuple[float, str]]:
    return [(i / (len(colours) - 1), c) for i, c in enumerate(colours)]


def _text_size(labels: Sequence[str], cell: int, least: float) -> float:
    """The largest size at which every label fits its cell; 0 where that is too small to read."""
    longest = max((len(label) for label in labels), default=1) or 1
    tall = max(cell * 0.45, min(least, cell * 0.6))  # closer to the edge rather than not at all
    size = min(LARGEST_TEXT * least / SMALLEST_TEXT, tall, cell * 0.94 / (0.58 * longest))
    return size if size >= least else 0.0


def _layout(picture: Picture, montage: Montage, cell: int) -> dict:
    rows, columns = montage.cells
    top = MARGIN_TOP + (LEADING_LABEL if len(montage.shape) > 2 else 0)
    drawn = columns * cell + MARGIN_LEFT + MARGIN_RIGHT
    width = max(drawn, LETTER * letters(_(picture.title)) + MARGIN_RIGHT, NARROWEST)
    axis = {"showgrid": False, "zeroline": False, "showline": False, "ticks": "", "fixedrange": True}
    return {
        "template": None,
        "width": width,
        "height": rows * cell + top + MARGIN_BOTTOM,
        "margin": {"l": MARGIN_LEFT, "t": top, "r": MARGIN_RIGHT + width - drawn, "b": MARGIN_BOTTOM, "pad": 0},
        "title": {
            "text": _(picture.title),
            "font": {"size": 14},
            "x": 0,
            "xref": "container",
            "y": 0.99,
            "yanchor": "top",
            "yref": "container",
        },
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": axis
        | _ticks(montage, 1, picture.origin[-1], cell)
        | {"side": "top", "range": [-0.5, columns - 0.5], "constrain": "domain"},
        "yaxis": axis
        | _ticks(montage, 0, picture.origin[-2], cell)
        | {"range": [rows - 0.5, -0.5], "scaleanchor": "x", "constrain": "domain"},
        "shapes": [s for outline in picture.outlines for s in _border(outline, montage)],
        "annotations": _leading_labels(picture, montage, cell),
        "dragmode": False,
        "showlegend": False,
    }


def _ticks(montage: Montage, dimension: int, origin: int, cell: int) -> dict:
    """Indices on the axis, thinned where they would touch."""
    size, count = montage.matrix[dimension], montage.grid[dimension]
    step = max(1, math.ceil(18 / cell))
    places = [(block * (size + montage.gap) + i, i + origin) for block in range(count) for i in range(0, size, step)]
    return {
        "tickmode": "array",
        "tickvals": [place for place, _i in places],
        "ticktext": [str(i) for _place, i in places],
        "tickfont": {"size": 10, "color": colour.MUTED},
    }


def _border(outline: Outline, montage: Montage) -> list[dict]:
    places = [montage.place(index) for index in outline.cells]
    return [
        {
            "type": "rect",
            "x0": left - 0.5,
            "y0": top - 0.5,
            "x1": right + 0.5,
            "y1": bottom + 0.5,
            "line": outline.line,
        }
        for top, left, bottom, right in _rectangles(places)
    ]


def _rectangles(places: Sequence[tuple[int, int]]) -> list[tuple[int, int, int, int]]:
    """One rectangle if the cells fill one, else one for each cell."""
    if not places:
        return []
    rows, columns = [r for r, _ in places], [c for _, c in places]
    top, left, bottom, right = min(rows), min(columns), max(rows), max(columns)
    if len(set(places)) == (bottom - top + 1) * (right - left + 1):
        return [(top, left, bottom, right)]
    return [(r, c, r, c) for r, c in places]


def _leading_labels(picture: Picture, montage: Montage, cell: int) -> list[dict]:
    """The leading indices over each matrix, without names where those are too wide; over small cells on top alone."""
    if len(montage.shape) <= 2:
        return []
    names = list(picture.leading_names) or [""] * (len(montage.shape) - 2)
    if LABEL_LETTER * len(", ".join(f"{name}=0" for name in names)) > (montage.matrix[1] + montage.gap) * cell:
        names = [""] * len(names)
    last = ", ".join(str(size - 1) for size in montage.shape[:-2])
    if LABEL_LETTER * len(last) > 2 * (montage.matrix[1] + montage.gap) * cell:  # matrices of very few columns
        return []
    labels, start = [], first_index(picture)
    for leading, top, left in zip(montage.leading_indices(), *(c.tolist() for c in montage.corners), strict=True):
        first = top == 0
        if not first and montage.gap * cell < LEADING_TEXT:
            continue
        counted = [i + s for i, s in zip(leading, start, strict=False)]
        text = ", ".join(f"{name}={i}" if name else str(i) for name, i in zip(names, counted, strict=True))
        labels.append(
            {
                "text": text,
                "x": left - 0.5,
                "y": top - 0.5,
                "xanchor": "left",
                "yanchor": "bottom",
                "yshift": LEADING_LABEL if first else 0,
                "showarrow": False,
                "font": {"size": LEADING_TEXT, "color": colour.MUTED},
            }
        )
    return labels


def first_index(picture: Picture) -> Index:
    """The index of the first cell, in all dimensions."""
    rank = picture.values.dim()
    return ((0,) * rank + tuple(picture.origin))[-rank:] if rank else ()


def describe(picture: Picture, limit: int = 16) -> str:
    """What a screen reader says: the name, the shape and the first numbers."""
    shape = "×".join(map(str, picture.values.shape)) or _("one number")
    values = _flat(picture.values.flatten()[:limit])
    texts = picture.texts or [""] * len(values)
    listed = ", ".join(text or number(value) for text, value in zip(texts, values, strict=False))
    listed += ", …" if picture.values.numel() > limit else ""
    return f"{_(picture.title) or picture.name}, {shape}: {listed}"
