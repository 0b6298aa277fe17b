"""A board: pictures side by side whose cells hang together, as one text for the browser that draws them.

Each picture names the axes of its cells: A `"i k"`, B `"k j"`, C `"i j"`. Cells hang together where the letters that
they share have equal indices; a `Relation` ties letters of different names, row by row. `core/ui/assets/links.js`
follows both in the browser, and fills the sentences in which a cell's arithmetic is spelled.
"""

import base64
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import orjson
import plotly.graph_objects as go
import torch
from torch import Tensor

from core.figures.drawing import unchecked
from core.figures.heatmap import SMALLEST_TEXT, Picture, describe, draw, first_index
from core.figures.montage import GAP, MARGIN_LEFT, Index, Montage
from core.words import Words, _

Box = tuple[float, float, float, float]  # left, right, top, bottom, in the axes' own numbers
AS_NUMPY = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


@dataclass(frozen=True)
class Cells:
    """What the cells of a picture are: their axes, and where and what each is, in reading order."""

    axes: str  # a letter or word for each dimension: "n c h w"; equal words on a board are equal indices
    shape: tuple[int, ...]
    values: Tensor | None = None  # what the cells hold; None where the heatmap itself has the very numbers
    texts: Sequence[str] | None = None  # said in place of the numbers
    notes: Sequence[str] | None = None  # what a sentence can add of each cell, as {note:name}
    origin: Index = ()  # the index of the first cell: (-1, -1) with a padding of 1
    wrap: int = 0  # cells a row, where one long line of them is broken into rows
    spots: Sequence[tuple[float, float] | None] | None = None  # the cells are points of a curve, at these places
    boxes: Sequence[Box | None] | None = None  # the cells are drawn as these boxes
    group: str = ""  # cells that agree in these letters are one group, outlined as a whole: "n" for a sample
    across: bool | int = False  # of rank 3 or more: so many matrices in a line, all of them if True; see Montage
    gap: int = GAP  # cells between two matrices


@dataclass(frozen=True)
class Panel:
    """One picture of a board."""

    name: str  # how sentences call its cells: x[0, 1]
    figure: go.Figure
    alt: Words  # what it shows, for a screen reader
    cells: Cells | None = None  # None: nothing in it can be pointed at
    pick: bool = False  # whether a click pins a cell
    picks: Sequence[str] | None = None  # for each cell, what a pin reports besides its index
    stretch: bool | int = False  # as wide as its room, or as this many pixels where there is room


@dataclass(frozen=True)
class Relation:
    """Indices that hang together, one combination a row: `Relation("out tap in", rows)`, rows (n, 3)."""

    axes: str
    rows: np.ndarray
    role: str = "used"  # how the partners are outlined: "used", "winner", "origin"


@dataclass(frozen=True)
class Board:
    """What a board shows: its parts in reading order, and how their cells hang together."""

    panels: Sequence[Panel]
    flow: Sequence[
        Mapping[str, Any]
    ]  # {"panel": name}, {"sign": "="}, {"words": …} or {"break": True}; "at": (row, column)
    relations: Sequence[Relation] = ()
    spelled: Mapping[str, str] = field(default_factory=dict)  # the sentence for a cell of a picture; "" for all others
    pinned: tuple[str, Index] | None = None  # picture and index
    hint: str = ""  # stands where the sentence will be
    projector: bool = False
    save: str = ""  # how files of its pictures are called; "" offers none


def panel(picture: Picture, side: int, pick: bool = False, least: float = SMALLEST_TEXT) -> Panel:
    """A heatmap of a tensor as a panel, with no text smaller than `least` pixels; its cells can be pinned if `pick`."""
    return Panel(picture.name, draw(picture, side, least), describe(picture), _cells(picture), pick, picture.picks)


def with_row_names(panel: Panel, names: Sequence[str], width: int) -> Panel:
    """The picture of a matrix with a name at each row in place of its index, in a margin of `width` pixels."""
    drawn = panel.figure.to_dict()
    layout = drawn["layout"] | {"width": drawn["layout"]["width"] + width - MARGIN_LEFT}
    layout["yaxis"] = layout["yaxis"] | {"ticktext": list(names)}
    layout["margin"] = layout["margin"] | {"l": width}
    return replace(panel, figure=unchecked(drawn["data"], layout))


def _cells(picture: Picture) -> Cells | None:
    if not picture.values.numel():
        return None
    rank = picture.values.dim()
    axes = picture.axes or " ".join(f"{picture.name}.{d}" for d in range(rank))
    return Cells(
        axes, tuple(picture.values.shape), None if _shows_its_numbers(picture) else picture.values, picture.texts,
        picture.notes, first_index(picture), group=picture.group, across=picture.across,
    )  # fmt: skip


def _shows_its_numbers(picture: Picture) -> bool:
    """Whether the heatmap's single precision, clipped to its scale, still says the numbers."""
    values = picture.values.detach()
    if values.element_size() > 4 or not values.is_floating_point():
        return False
    low, high = picture.scale.low, picture.scale.high
    return bool(((values >= low) & (values <= high)).all()) and high <= 1e6


def packed(board: Board, plotly: str = "") -> bytes:
    """The board as JSON; `plotly` is the address of Plotly.js. A panel's `sum` says whether its drawing has changed."""
    return orjson.dumps(
        {
            "plotly": plotly,
            "panels": [_packed_panel(panel) for panel in board.panels],
            "flow": board.flow,
            "relations": [
                {"axes": r.axes.split(), "rows": np.ascontiguousarray(r.rows), "role": r.role} for r in board.relations
            ],
            "spelled": board.spelled,
            "pinned": _pinned(board),
            "hint": board.hint,
            "projector": board.projector,
            "save": board.save,
        },
        option=AS_NUMPY,
    )


def _packed_panel(panel: Panel) -> dict[str, Any]:
    figure = orjson.dumps(panel.figure.to_dict(), default=np.ascontiguousarray, option=AS_NUMPY)
    return {
        "name": panel.name,
        "alt": _(panel.alt),
        "figure": orjson.Fragment(figure),
        "sum": zlib.crc32(figure),
        "cells": _packed_cells(panel.cells) if panel.cells else None,
        "pick": panel.pick,
        "picks": panel.picks,
        "stretch": panel.stretch,
    }


def _packed_cells(cells: Cells) -> dict[str, Any]:
    rows, columns = _grid(cells)
    return {
        "axes": cells.axes.split(),
        "group": cells.group.split(),
        "shape": cells.shape,
        "origin": cells.origin,
        "values": None if cells.values is None else as_base64(cells.values),
        "texts": cells.texts,
        "notes": cells.notes,
        "spots": cells.spots,
        "boxes": cells.boxes,
        "grid": {"wrap": cells.wrap, "gap": cells.gap, "rows": rows, "columns": columns, "across": cells.across},
    }


def _grid(cells: Cells) -> tuple[int, int]:
    if cells.wrap:
        return -(-math.prod(cells.shape) // cells.wrap), cells.wrap
    return Montage(cells.shape, cells.across, cells.gap).cells


def as_base64(values: Tensor) -> dict[str, str]:
    """Numbers in bytes: four each, eight where four would round them."""
    exact = values.element_size() <= (4 if values.is_floating_point() else 2)
    array = values.detach().to(torch.float32 if exact else torch.float64).contiguous().numpy(force=True)
    return {"dtype": "f4" if exact else "f8", "bdata": base64.b64encode(array.tobytes()).decode()}


def _pinned(board: Board) -> dict[str, Any] | None:
    """The pinned cell by its place in reading order; None where the picture has no such cell."""
    if board.pinned is None:
        return None
    name, index = board.pinned
    cells = next((panel.cells for panel in board.panels if panel.name == name), None)
    place = None if cells is None else place_of(cells, index)
    return None if place is None else {"panel": name, "place": place}


def place_of(cells: Cells, index: Sequence[int]) -> int | None:
    """The place of an index in reading order; None where there is no such cell."""
    if len(index) != len(cells.shape) or not all(isinstance(i, int) for i in index):
        return None
    at = [i - start for i, start in zip(index, cells.origin or (0,) * len(index), strict=True)]
    if not all(0 <= i < size for i, size in zip(at, cells.shape, strict=True)):
        return None
    return int(np.ravel_multi_index(at, cells.shape)) if at else 0
