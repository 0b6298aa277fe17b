"""A table of short answers in colour: one row for each thing asked about, one column for each question."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import plotly.graph_objects as go

from core.figures import colour
from core.figures.board import Cells, Panel
from core.figures.drawing import unchecked
from core.words import Words, _, say

Tone = Literal["no", "yes", "careful", "wrong"]

TONES: tuple[Tone, ...] = ("no", "yes", "careful", "wrong")
FILLS = ["#E9ECEE", "#78C8BC", "#F7D08A", "#E58E3A"]  # from quiet to loud, in lightness as well
ROW, HEADER, LINE = 24, 40, 10.5  # pixels: a row, the questions, and the size of all letters


@dataclass(frozen=True)
class Answer:
    """What stands in one cell, and how loudly."""

    text: Words
    tone: Tone


def panel(
    name: str,
    rows: Mapping[str, Sequence[Answer]],
    questions: Sequence[Words],
    axis: str,
    notes: Sequence[str],
    **how: Any,
) -> Panel:
    """The table as a board's picture: a pin anywhere in a row, its name included, reports the row's key.

    `axis` is the word of its rows; columns count the name as 0. `notes` are said of the cells, the names' included, in
    reading order; `how` is for `table`.
    """
    figure = table(rows, questions, **how)
    left, width = figure.layout.xaxis.range[0], len(questions)
    boxes = [
        (left if column < 0 else column - 0.5, -0.5 if column < 0 else column + 0.5, row - 0.5, row + 0.5)
        for row in range(len(rows)) for column in range(-1, width)
    ]  # fmt: skip
    texts = [text for key, answers in rows.items() for text in (key, *(_(answer.text) for answer in answers))]
    cells = Cells(f"{axis} fact", (len(rows), width + 1), texts=texts, notes=notes, boxes=boxes, group=axis)
    return Panel(name, figure, describe(rows, questions), cells, picks=[key for key in rows for _ in range(width + 1)])


def table(
    rows: Mapping[str, Sequence[Answer]],
    questions: Sequence[Words],
    *,
    names: Mapping[str, str] | None = None,
    column: float = 42,
    width: float = 360,
    scale: float = 1.0,
) -> go.Figure:
    """The answers as a figure. `names` says how a row is written, by default its key.

    `column` and `width` are in pixels; the names get what the columns leave. `scale` enlarges all of it.
    """
    left = -0.5 - (width - 4 - column * len(questions)) / column  # where names begin, in columns
    layout = _layout(len(rows), questions, left, width, scale)
    layout["annotations"] = [_name((names or {}).get(key, key), left, row, scale) for row, key in enumerate(rows)]
    return unchecked([_cells(list(rows.values()), scale)], layout)


def describe(rows: Mapping[str, Sequence[Answer]], questions: Sequence[Words]) -> str:
    """The table in words."""
    asked = ", ".join(map(in_line, questions))
    told = "; ".join(f"{key}: {', '.join(_(answer.text) for answer in answers)}" for key, answers in rows.items())
    return say("Columns {asked}. {told}", asked=asked, told=told)


def in_line(question: Words) -> str:
    """A question as it stands in a sentence: on one line, where Chinese letters join without a space."""
    return re.sub(r"(?<=[\u4e00-\u9fff])<br>(?=[\u4e00-\u9fff])", "", _(question)).replace("<br>", " ")


def _cells(rows: Sequence[Sequence[Answer]], scale: float) -> dict:
    return {
        "type": "heatmap",
        "z": [[TONES.index(answer.tone) for answer in row] for row in rows],
        "text": [[_(answer.text) for answer in row] for row in rows],
        "texttemplate": "%{text}",
        "textfont": {"size": LINE * scale, "color": colour.INK},
        "colorscale": [(i / (len(FILLS) - 1), fill) for i, fill in enumerate(FILLS)],
        "zmin": 0,
        "zmax": len(FILLS) - 1,
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "hoverinfo": "skip",
    }


def _name(text: str, left: float, row: int, scale: float) -> dict:
    return {
        "text": text, "x": left, "y": row, "xanchor": "left", "yanchor": "middle", "showarrow": False,
        "font": {"size": LINE * scale, "family": "monospace"},
    }  # fmt: skip


def _layout(rows: int, questions: Sequence[str], left: float, width: float, scale: float) -> dict:
    axis = {"showgrid": False, "zeroline": False, "showline": False, "ticks": "", "fixedrange": True}
    asked = {
        "tickvals": list(range(len(questions))),
        "ticktext": [_(question) for question in questions],
        "tickfont": {"size": LINE * scale},
    }
    return {
        "template": None,
        "width": width * scale,
        "height": (HEADER + ROW * rows) * scale + 4,
        "margin": {"l": 2, "r": 2, "t": HEADER * scale, "b": 4},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": axis | asked | {"side": "top", "tickangle": 0, "range": [left - 0.05, len(questions) - 0.45]},
        "yaxis": axis | {"showticklabels": False, "range": [rows - 0.45, -0.55]},
        "dragmode": False,
        "showlegend": False,
    }
