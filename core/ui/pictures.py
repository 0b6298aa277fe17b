"""Show plotly figures: alone, or side by side as an equation; and report the cell that the reader picked."""

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import plotly.graph_objects as go
import streamlit as st

from core.figures.heatmap import Picture, cell_size, describe, draw
from core.ui import link

DRAWN = "_drawn"  # where session state keeps the figures of this page, to be taken away: {name: (figure, alt)}
PAGE_WIDTH, PROJECTOR_WIDTH = 890, 1180  # pixels beside the side bar, and without it, on a screen of 1280
CONFIG = {"displayModeBar": False, "responsive": False, "showTips": False}  # tips are white on pale grey


def forget() -> None:
    """Start a page afresh: its figures note themselves as they are shown."""
    st.session_state[DRAWN] = {}


def drawn() -> dict[str, tuple[go.Figure, str]]:
    """The figures shown so far on this page and what they show in words, by name."""
    return st.session_state.setdefault(DRAWN, {})


def show(figure: go.Figure, alt: str, *, key: str, width: int | Literal["content", "stretch"] = "content") -> None:
    """One figure, with what it shows said in words for a screen reader."""
    drawn()[key] = figure, alt
    st.plotly_chart(
        figure,
        width=width,
        key=key,
        alt=alt[:1000],
        config=CONFIG,
        theme="streamlit",
    )


def pickable(
    figure: go.Figure, alt: str, *, key: str, cell_key: str, spell: Callable[[int], str] | None = None
) -> None:
    """One figure whose cells can be picked: a click writes the cell's index into the control `cell_key`.

    The index is the point's own `customdata`, or what `spell` makes of its number where there are very many points.
    """

    def take() -> None:
        points = st.session_state[key]["selection"]["points"]
        if points and spell:
            st.session_state[cell_key] = spell(points[0]["point_index"])
        elif points and points[0].get("customdata") is not None:
            picked = points[0]["customdata"]
            st.session_state[cell_key] = picked if isinstance(picked, str) else picked[0]

    drawn()[key] = figure, alt
    st.plotly_chart(
        figure, width="content", key=key, alt=alt[:1000], config=CONFIG, theme="streamlit",
        on_select=take, selection_mode="points",
    )  # fmt: skip


def equation(
    *parts: Picture | str,
    picks: Mapping[str, str] | None = None,
    height: int = 400,
    cell: int | None = None,
    name: str = "equation",
) -> None:
    """Pictures side by side in reading order with signs between them, all with cells of one size.

    `picks` gives, for the name of a pickable picture, the key of the control that holds its picked cell.
    """
    pictures = [part for part in parts if isinstance(part, Picture)]
    room = (PROJECTOR_WIDTH, int(height * 1.4)) if link.projector() else (PAGE_WIDTH, height)
    side = cell or cell_size([picture.values.shape for picture in pictures], *room)
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        for part in parts:
            if isinstance(part, str):
                sign(part)
            else:
                one(part, side, (picks or {}).get(part.name), f"{name} {part.name}")


def sign(text: str) -> None:
    """What stands between two pictures: large, and no heading to those who hear the page."""
    st.html(f'<span class="sign">{html.escape(text) or "&emsp;"}</span>', width="content")


def one(picture: Picture, side: int, cell_key: str | None, key: str) -> None:
    """One picture with cells of this side; a click on it writes into the control `cell_key`, if there is one."""
    figure, alt = draw(picture, side), describe(picture)
    if cell_key and picture.pickable:
        pickable(figure, alt, key=key, cell_key=cell_key)
    else:
        show(figure, alt, key=key)


def many(
    pictures: Sequence[Picture], *, cell: int | None = None, name: str = "many", picks: Mapping[str, str] | None = None
) -> None:
    """Pictures that wrap onto as many lines as they need, all with cells of one size."""
    equation(*pictures, cell=cell or 28, name=name, picks=picks)
