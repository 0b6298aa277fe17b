"""A table of short answers in colour: one row for each thing asked about, one column for each question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import plotly.graph_objects as go

from core.figures import colour

Tone = Literal["no", "yes", "careful", "wrong"]

TONES: tuple[Tone, ...] = ("no", "yes", "careful", "wrong")
FILLS = ["#E4E7EA", "#78C8BC", "#F7D08A", "#E58E3A"]  # from quiet to loud, in lightness as well
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
    """The answers as a figure whose rows can be picked: a click reports the row's key.

    `names` says how a row is written, by default its key; the chosen row has a border.
    """
    written = [(names or {}).get(key, key) for key in rows]
    figure = go.Figure(_cells(list(rows.values())), layout=_layout(written, questions, column, width))
    figure.add_trace(_picks(list(rows), list(rows.values()), questions, width - column * len(questions), column))
    if chosen is not None:
        figure.update_layout(shapes=[_border(list(rows).index(chosen), len(questions))])
    return figure


def describe(rows: Mapping[str, Sequence[Answer]], questions: Sequence[str]) -> str:
    """The table in words."""
    asked = ", ".join(question.replace("<br>", " ") for question in questions)
    return f"Columns {asked}. " + "; ".join(
        f"{key}: {', '.join(answer.text for answer in answers)}" for key, answers in rows.items()
    )


def _cells(rows: Sequence[Sequence[Answer]]) -> go.Heatmap:
    return go.Heatmap(
        z=[[TONES.index(answer.tone) for answer in row] for row in rows],
        text=[[answer.text for answer in row] for row in rows],
        texttemplate="%{text}",
        textfont={"size": LINE, "color": colour.INK},
        colorscale=[(i / (len(FILLS) - 1), fill) for i, fill in enumerate(FILLS)],
        zmin=0,
        zmax=len(FILLS) - 1,
        showscale=False,
        xgap=2,
        ygap=2,
        hoverinfo="skip",
    )


def _picks(
    keys: Sequence[str], rows: Sequence[Sequence[Answer]], questions: Sequence[str], label: int, column: int
) -> go.Scatter:
    """Invisible markers over the cells and, at the left of the first column, over the names."""
    places = [(-label / (2 * column) - 0.5, row) for row in range(len(keys))]
    places += [(place, row) for row in range(len(keys)) for place in range(len(questions))]
    said = list(keys)
    said += [
        f"{key} · {question.replace('<br>', ' ')}: {answer.text}"
        for key, row in zip(keys, rows, strict=True)
        for question, answer in zip(questions, row, strict=True)
    ]
    shown = {"marker": {"opacity": 0}}
    return go.Scatter(
        x=[x for x, _ in places],
        y=[y for _, y in places],
        customdata=[keys[row] for _, row in places],
        text=said,
        mode="markers",
        marker={"symbol": "square", "size": ROW, "opacity": 0},
        selected=shown,
        unselected=shown,
        cliponaxis=False,
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )


def _border(row: int, columns: int) -> dict:
    line = {"color": colour.PICKED, "width": 3}
    return {"type": "rect", "x0": -0.5, "x1": columns - 0.5, "y0": row - 0.5, "y1": row + 0.5, "line": line}


def _layout(names: Sequence[str], questions: Sequence[str], column: int, width: int) -> dict:
    axis = {"showgrid": False, "zeroline": False, "showline": False, "ticks": "", "fixedrange": True}
    return {
        "template": None,
        "width": width,
        "height": HEADER + ROW * len(names) + 4,
        "margin": {"l": width - column * len(questions) - 2, "r": 2, "t": HEADER, "b": 4, "pad": 4},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": axis | {"side": "top", "automargin": False, "tickvals": list(range(len(questions))), "ticktext": list(questions),
                         "tickfont": {"size": LINE}, "tickangle": 0},
        "yaxis": axis | {"automargin": False, "tickvals": list(range(len(names))), "ticktext": list(names),
                         "tickfont": {"size": LINE, "family": "monospace"}, "range": [len(names) - 0.5, -0.5]},
        "dragmode": False,
        "clickmode": "event+select",
        "showlegend": False,
    }  # fmt: skip
