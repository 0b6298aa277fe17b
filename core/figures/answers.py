"""A table of short answers in colour: one row for each thing asked about, one column for each question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import plotly.graph_objects as go

from core.figures import colour
from core.figures.heatmap import unchecked, unseen_squares

Tone = Literal["no", "yes", "careful", "wrong"]

TONES: tuple[Tone, ...] = ("no", "yes", "careful", "wrong")
FILLS = ["#E9ECEE", "#78C8BC", "#F7D08A", "#E58E3A"]  # from quiet to loud, in lightness as well
ROW, HEADER, LINE = 24, 40, 10.5  # pixels: a row, the questions, and the size of all letters


@dataclass(frozen=True)
class Answer:
    """What stands in one cell, and how loudly."""

    text: str
    tone: Tone


def table(
    rows: Mapping[str, Sequence[Answer]],
    questions: Sequence[str],
    *,
    chosen: str | None = None,
    names: Mapping[str, str] | None = None,
    column: int = 42,
    width: int = 360,
) -> go.Figure:
    """The answers as a figure whose rows can be picked: a click on a cell or a name reports the row's key.

    `names` says how a row is written, by default its key; the chosen row has a border. `column` and `width` are in
    pixels; the names get what the columns leave.
    """
    left = -0.5 - (width - 4 - column * len(questions)) / column  # where names begin, in columns
    layout = _layout(len(rows), questions, left, width)
    layout["annotations"] = [_name((names or {}).get(key, key), left, row) for row, key in enumerate(rows)]
    if chosen is not None:
        layout["shapes"] = [_border(list(rows).index(chosen), left, len(questions))]
    return unchecked([_cells(list(rows.values())), _picks(rows, questions, left)], layout)


def describe(rows: Mapping[str, Sequence[Answer]], questions: Sequence[str]) -> str:
    """The table in words."""
    asked = ", ".join(question.replace("<br>", " ") for question in questions)
    return f"Columns {asked}. " + "; ".join(
        f"{key}: {', '.join(answer.text for answer in answers)}" for key, answers in rows.items()
    )


def _cells(rows: Sequence[Sequence[Answer]]) -> dict:
    return {
        "type": "heatmap",
        "z": [[TONES.index(answer.tone) for answer in row] for row in rows],
        "text": [[answer.text for answer in row] for row in rows],
        "texttemplate": "%{text}",
        "textfont": {"size": LINE, "color": colour.INK},
        "colorscale": [(i / (len(FILLS) - 1), fill) for i, fill in enumerate(FILLS)],
        "zmin": 0,
        "zmax": len(FILLS) - 1,
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "hoverinfo": "skip",
    }


def _picks(rows: Mapping[str, Sequence[Answer]], questions: Sequence[str], left: float) -> dict:
    """Invisible markers over the cells, and as far apart over the names."""
    before = [-1.0 - i for i in range(int(-left - 0.5))]
    points = [(x, row, key, key) for row, key in enumerate(rows) for x in before]
    for row, (key, answers) in enumerate(rows.items()):
        for x, (question, answer) in enumerate(zip(questions, answers, strict=True)):
            points.append((float(x), row, key, f"{key}<br>{question.replace('<br>', ' ')}: {answer.text}"))
    return unseen_squares(
        [x for x, _, _, _ in points],
        [row for _, row, _, _ in points],
        ROW,
        customdata=[key for _, _, key, _ in points],
        text=[said for _, _, _, said in points],
        hovertemplate="%{text}<extra></extra>",
    )


def _name(text: str, left: float, row: int) -> dict:
    return {
        "text": text, "x": left, "y": row, "xanchor": "left", "yanchor": "middle", "showarrow": False,
        "font": {"size": LINE, "family": "monospace"},
    }  # fmt: skip


def _border(row: int, left: float, columns: int) -> dict:
    line = {"color": colour.PICKED, "width": 2.5}
    return {"type": "rect", "x0": left, "x1": columns - 0.5, "y0": row - 0.5, "y1": row + 0.5, "line": line}


def _layout(rows: int, questions: Sequence[str], left: float, width: int) -> dict:
    axis = {"showgrid": False, "zeroline": False, "showline": False, "ticks": "", "fixedrange": True}
    asked = {"tickvals": list(range(len(questions))), "ticktext": list(questions), "tickfont": {"size": LINE}}
    return {
        "template": None,
        "width": width,
        "height": HEADER + ROW * rows + 4,
        "margin": {"l": 2, "r": 2, "t": HEADER, "b": 4},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": axis | asked | {"side": "top", "tickangle": 0, "range": [left - 0.05, len(questions) - 0.45]},
        "yaxis": axis | {"showticklabels": False, "range": [rows - 0.45, -0.55]},
        "dragmode": False,
        "clickmode": "event+select",
        "showlegend": False,
    }
