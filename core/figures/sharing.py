"""Who shares a storage with whom: two names as boxes, the storages between them as cells, and the graph beside."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import plotly.graph_objects as go

from core.figures import colour
from core.figures.heatmap import unchecked, unseen_squares

WIDTH, RIGHT = 360, 304  # pixels: of the picture, and of boxes and cells; right of those runs the graph
BOX, ARROW, CELL, TITLE = 62, 34, 44, 22  # heights in pixels
FILLS = (colour.IDENTITY[1], colour.IDENTITY[4])  # of the first storage, and of a second one
PATH = colour.USED


@dataclass(frozen=True)
class Name:
    """A name and the object behind it: which cells of which storage it reads."""

    name: str
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
    picks: Sequence[str] = ()  # for each cell, what picking it reports
    outlined: Collection[int] = field(default=())


@dataclass
class Marks:
    """What a picture is drawn with, collected first: plotly takes a list far faster than one by one."""

    shapes: list[dict] = field(default_factory=list)
    notes: list[dict] = field(default_factory=list)


def draw(above: Name, below: Name | None, storages: Sequence[Storage], path: str | None = None) -> go.Figure:
    """The name `above`, the storages, the name `below` (None where both names are one object).

    `path` is the step of the graph by which a gradient at the lower name reaches the upper one; None for none.
    """
    height = _height(len(storages), below is not None)
    marks = Marks()
    tops = [BOX + ARROW + i * (TITLE + CELL + 6) for i in range(len(storages))]
    for i, (storage, top) in enumerate(zip(storages, tops, strict=True)):
        _cells(marks, storage, top + TITLE, FILLS[i])
    _box(marks, above, 0)
    _points_at(marks, above, BOX, tops[above.storage] + TITLE, len(storages[above.storage].texts))
    if below is not None:
        _box(marks, below, height - BOX - 2)
        bottom = tops[below.storage] + TITLE + CELL
        _points_at(marks, below, height - BOX - 2, bottom, len(storages[below.storage].texts))
        _path(marks, path, height)
    return unchecked([_picks(storages, tops)], _layout(height) | {"shapes": marks.shapes, "annotations": marks.notes})


def _height(storages: int, two: bool) -> int:
    return BOX + ARROW + storages * (TITLE + CELL + 6) - 6 + (ARROW + BOX if two else 0) + 2


def _cell_width(count: int) -> float:
    return min(48.0, RIGHT / max(count, 1))


def _box(marks: Marks, name: Name, top: float) -> None:
    line = {"color": colour.MUTED, "width": 1.5}
    marks.shapes.append({"type": "rect", "x0": 1, "x1": RIGHT, "y0": top, "y1": top + BOX, "line": line})
    text = f"<b>{name.name}</b><br>" + "<br>".join(name.lines)
    _say(marks, text, 8, top + BOX / 2, xanchor="left", yanchor="middle", align="left", font={"size": 12})


def _cells(marks: Marks, storage: Storage, top: float, fill: str) -> None:
    wide = _cell_width(len(storage.texts))
    _say(marks, storage.title, 0, top - 3, xanchor="left", yanchor="bottom", font={"size": 11, "color": colour.MUTED})
    for i, (text, before) in enumerate(zip(storage.texts, storage.before, strict=True)):
        picked, changed = i in storage.outlined, text != before
        line = {"color": colour.PICKED if picked else colour.MUTED, "width": 3 if picked else 1}
        marks.shapes.append(
            {"type": "rect", "x0": 1 + i * wide, "x1": 1 + (i + 1) * wide, "y0": top, "y1": top + CELL, "line": line,
             "fillcolor": fill, "layer": "below"}
        )  # fmt: skip
        said = f"<b>{text}</b><br><span style='font-size:10px'>was {before}</span>" if changed else text
        middle = 1 + (i + 0.5) * wide
        _say(marks, said, middle, top + CELL / 2, yanchor="middle", font={"size": 13, "color": colour.INK})


def _points_at(marks: Marks, name: Name, start: float, end: float, held: int) -> None:
    """An arrow from a box to the cells it reads, and a bracket over exactly those."""
    wide = _cell_width(held)
    left, right = 1 + name.first * wide + 2, 1 + (name.first + name.count) * wide - 2
    middle, bar = (left + right) / 2, end + (-TITLE if start < end else 7)
    line = {"color": colour.MUTED, "width": 3}
    marks.shapes.append({"type": "line", "x0": left, "x1": right, "y0": bar, "y1": bar, "line": line})
    _arrow(marks, (middle, start), (middle, bar), colour.MUTED, 1.5)


def _path(marks: Marks, path: str | None, height: float) -> None:
    """The graph: the way of a gradient from the lower box to the upper one, or a broken line where there is none."""
    low, high, out = height - BOX / 2, BOX / 2, RIGHT + 26
    line = {"color": PATH, "width": 2.5} if path else {"color": colour.MUTED, "width": 1.5, "dash": "dot"}
    way = f"M {RIGHT} {low} L {out} {low} L {out} {high} L {RIGHT + 8} {high}"
    marks.shapes.append({"type": "path", "path": way, "line": line})
    if path:
        _arrow(marks, (RIGHT + 20, high), (RIGHT, high), PATH, 2.5)
    said = f"gradient: {path}" if path else "no gradient"
    _say(marks, said, out + 14, height / 2, textangle=90, yanchor="middle", font={"size": 12})


def _picks(storages: Sequence[Storage], tops: Sequence[float]) -> dict:
    """Invisible squares over the cells that take the clicks."""
    cells = [
        (1 + (i + 0.5) * _cell_width(len(s.texts)), top + TITLE + CELL / 2, pick)
        for s, top in zip(storages, tops, strict=True)
        for i, pick in enumerate(s.picks)
        if pick
    ]
    x, y, picks = ([cell[i] for cell in cells] for i in range(3))
    return unseen_squares(x, y, 40, customdata=picks, hoverinfo="none")


def _arrow(marks: Marks, tail: tuple[float, float], tip: tuple[float, float], hue: str, wide: float) -> None:
    marks.notes.append(
        {"x": tip[0], "y": tip[1], "ax": tail[0], "ay": tail[1], "xref": "x", "yref": "y", "axref": "x", "ayref": "y",
         "text": "", "showarrow": True, "arrowhead": 2, "arrowsize": 1.2, "arrowwidth": wide, "arrowcolor": hue}
    )  # fmt: skip


def _say(marks: Marks, text: str, x: float, y: float, **how: object) -> None:
    marks.notes.append({"text": text, "x": x, "y": y, "showarrow": False, **how})


def _layout(height: int) -> dict:
    hidden = {"visible": False, "fixedrange": True}
    return {
        "template": None,
        "width": WIDTH,
        "height": height,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": hidden | {"range": [-1, WIDTH - 1]},
        "yaxis": hidden | {"range": [height, 0]},
        "showlegend": False,
        "dragmode": False,
        "clickmode": "event+select",
    }
