"""Who shares a storage with whom: two names, the elements that each reads, the storages, and the graph beside."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
import plotly.graph_objects as go

from core.figures import colour
from core.figures.board import Box, Cells, Panel, Relation
from core.figures.drawing import unchecked
from core.figures.heatmap import PROJECTED_TEXT
from core.words import _, say

WIDTH, RIGHT = 360, 304  # pixels: of the picture, and of boxes; right of those runs the graph
BOX, ELEMENT, LINE, CELL, SPACE = 62, 26, 16, 44, 8  # heights in pixels
WIDEST = 44  # pixels of a cell
FILLS = (colour.IDENTITY[1], colour.IDENTITY[4])  # of the first storage, and of a second one
PATH = CHANGED = colour.USED


@dataclass(frozen=True)
class Name:
    """A name and the object behind it: which cells of which storage it reads."""

    name: str  # "a", as its elements are called: a[0]
    title: str
    lines: Sequence[str]
    storage: int
    first: int
    count: int


@dataclass(frozen=True)
class Storage:
    """A piece of memory: what its cells hold, and what they held before a write."""

    title: str
    texts: Sequence[str]
    before: Sequence[str]


@dataclass(frozen=True)
class Cell:
    """A cell of the picture: an element of a name, or a cell of a storage."""

    name: str  # "" for a cell of a storage
    index: int  # the element's, or the cell's address
    storage: int
    address: int
    box: Box


@dataclass
class Marks:
    """What a picture is drawn with, collected first: plotly takes a list far faster than one by one."""

    shapes: list[dict] = field(default_factory=list)
    notes: list[dict] = field(default_factory=list)


def panel(
    names: Sequence[Name], storages: Sequence[Storage], alt: str, path: str | None, picks: Sequence[str],
    notes: Sequence[str], scale: float = 1.0,
) -> tuple[Panel, Relation]:  # fmt: skip
    """The picture, and that its cells hang together where they are one address of one storage.

    `picks` and `notes` are for the cells in the order of `cells`.
    """
    found = cells(names, storages)
    boxed = Cells("cell", (len(found),), notes=notes, texts=notes, boxes=[cell.box for cell in found], group="address")
    starts = [0, *accumulate(len(storage.texts) for storage in storages)]
    rows = np.array([(i, starts[cell.storage] + cell.address) for i, cell in enumerate(found)])
    return Panel("sharing", draw(names, storages, path, scale), alt, boxed, picks=picks), Relation("cell address", rows)


def draw(names: Sequence[Name], storages: Sequence[Storage], path: str | None = None, scale: float = 1.0) -> go.Figure:
    """The first name, the storages, and the second name if there is one: elements stand over the cells they read.

    `path` is the step of the graph by which a gradient at the lower name reaches the upper one; None for none. `scale`
    enlarges all of it.
    """
    height = _height(len(storages), len(names))
    marks = Marks()
    for name, top in zip(names, (0, height - BOX - 2), strict=False):
        _box(marks, name, top)
    for storage, top in zip(storages, _tops(storages), strict=True):
        beside = 6 + len(storage.texts) * _wide(storages)
        font = {"size": 11, "color": colour.MUTED}
        _say(marks, storage.title, beside, top + CELL / 2, xanchor="left", yanchor="middle", align="left", font=font)
    for cell in cells(names, storages):
        _cell(marks, cell, storages[cell.storage])
        if cell.name:
            _reads(marks, cell, _tops(storages)[cell.storage])
    if len(names) > 1:
        _path(marks, path, height)
    for note in marks.notes:
        if "font" in note:
            note["font"] = note["font"] | {"size": note["font"]["size"] * scale}
            note["text"] = note["text"].replace("{small}", f"font-size:{10 if scale == 1 else PROJECTED_TEXT:g}px")
    unseen = {"type": "scatter", "x": [], "y": []}
    return unchecked([unseen], _layout(height, scale) | {"shapes": marks.shapes, "annotations": marks.notes})


def cells(names: Sequence[Name], storages: Sequence[Storage]) -> list[Cell]:
    """All cells of the picture, from the top down: elements, storages, elements."""
    wide, height = _wide(storages), _height(len(storages), len(names))
    held = [
        Cell("", i, which, i, (1 + i * wide, 1 + (i + 1) * wide, top, top + CELL))
        for which, (storage, top) in enumerate(zip(storages, _tops(storages), strict=True))
        for i in range(len(storage.texts))
    ]
    above, *below = (_elements(name, wide, top) for name, top in zip(names, (BOX, height - BOX - 2 - ELEMENT)))  # noqa: B905
    return [*above, *held, *(cell for row in below for cell in row)]


def _elements(name: Name, wide: float, top: float) -> Iterator[Cell]:
    for i in range(name.count):
        left = 1 + (name.first + i) * wide
        yield Cell(name.name, i, name.storage, name.first + i, (left, left + wide, top, top + ELEMENT))


def _height(storages: int, names: int) -> float:
    return names * (BOX + ELEMENT + LINE) + storages * (CELL + SPACE) - SPACE + 2


def _tops(storages: Sequence[Storage]) -> list[float]:
    return [BOX + ELEMENT + LINE + i * (CELL + SPACE) for i in range(len(storages))]


def _wide(storages: Sequence[Storage]) -> float:
    longest = max((len(storage.texts) for storage in storages), default=1)
    return min(float(WIDEST), (RIGHT - 40) / max(longest, 1))


def _box(marks: Marks, name: Name, top: float) -> None:
    line = {"color": colour.MUTED, "width": 1.5}
    marks.shapes.append({"type": "rect", "x0": 1, "x1": RIGHT, "y0": top, "y1": top + BOX, "line": line})
    text = f"<b>{name.title}</b><br>" + "<br>".join(name.lines)
    _say(marks, text, 8, top + BOX / 2, xanchor="left", yanchor="middle", align="left", font={"size": 12})


def _cell(marks: Marks, cell: Cell, storage: Storage) -> None:
    """A cell with its index or its number; one that a write has changed has a stronger border and says what it was."""
    left, right, top, bottom = cell.box
    text, before = storage.texts[cell.address], storage.before[cell.address]
    changed = text != before
    line = {"color": CHANGED if changed else colour.MUTED, "width": 3 if changed else 1}
    marks.shapes.append(
        {"type": "rect", "x0": left, "x1": right, "y0": top, "y1": bottom, "line": line,
         "fillcolor": FILLS[cell.storage], "layer": "below"}
    )  # fmt: skip
    said = f"{cell.name}[{cell.index}]" if cell.name else text
    if changed:
        said = f"<b>{said}</b>" + (
            "" if cell.name else "<br><span style='{small}'>" + say("was {before}", before=before) + "</span>"
        )
    font = {"size": 11 if cell.name else 13, "color": colour.INK}
    _say(marks, said, (left + right) / 2, (top + bottom) / 2, yanchor="middle", font=font)


def _reads(marks: Marks, cell: Cell, storage_top: float) -> None:
    """A line from an element to the cell it reads."""
    left, right, top, bottom = cell.box
    ends = (bottom, storage_top) if bottom < storage_top else (top, storage_top + CELL)
    middle, line = (left + right) / 2, {"color": colour.MUTED, "width": 2}
    marks.shapes.append({"type": "line", "x0": middle, "x1": middle, "y0": ends[0], "y1": ends[1], "line": line})


def _path(marks: Marks, path: str | None, height: float) -> None:
    """The graph: the way of a gradient from the lower box to the upper one, or a broken line where there is none."""
    low, high, out = height - BOX / 2, BOX / 2, RIGHT + 26
    line = {"color": PATH, "width": 2.5} if path else {"color": colour.MUTED, "width": 1.5, "dash": "dot"}
    way = f"M {RIGHT} {low} L {out} {low} L {out} {high} L {RIGHT + 8} {high}"
    marks.shapes.append({"type": "path", "path": way, "line": line})
    if path:
        _arrow(marks, (RIGHT + 20, high), (RIGHT, high), PATH, 2.5)
    said = say("gradient: {path}", path=path) if path else _("no gradient")
    _say(marks, said, out + 14, height / 2, textangle=90, yanchor="middle", font={"size": 12})


def _arrow(marks: Marks, tail: tuple[float, float], tip: tuple[float, float], hue: str, wide: float) -> None:
    marks.notes.append(
        {"x": tip[0], "y": tip[1], "ax": tail[0], "ay": tail[1], "xref": "x", "yref": "y", "axref": "x", "ayref": "y",
         "text": "", "showarrow": True, "arrowhead": 2, "arrowsize": 1.2, "arrowwidth": wide, "arrowcolor": hue}
    )  # fmt: skip


def _say(marks: Marks, text: str, x: float, y: float, **how: object) -> None:
    marks.notes.append({"text": text, "x": x, "y": y, "showarrow": False, **how})


def _layout(height: float, scale: float) -> dict:
    hidden = {"visible": False, "fixedrange": True}
    return {
        "template": None,
        "width": WIDTH * scale,
        "height": height * scale,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": hidden | {"range": [-1, WIDTH - 1]},
        "yaxis": hidden | {"range": [height, 0]},
        "showlegend": False,
        "dragmode": False,
    }
