"""Show plotly figures: alone, or side by side as an equation; and report the cell that the reader picked."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import plotly.graph_objects as go

from core.figures.heatmap import Picture
from core.ui import board
from core.ui.board import drawn, forget

__all__ = ["drawn", "forget"]


def show(figure: go.Figure, alt: str, *, key: str, width: int | Literal["content", "stretch"] = "content") -> None:
    board.alone(figure, alt, name=key, width=width if isinstance(width, int) else width == "stretch")


def pickable(
    figure: go.Figure, alt: str, *, key: str, cell_key: str, spell: Callable[[int], str] | None = None
) -> None:
    board.alone(figure, alt, name=key)


def equation(
    *parts: Picture | str,
    picks: Mapping[str, str] | None = None,
    height: int = 400,
    cell: int | None = None,
    name: str = "equation",
) -> None:
    board.show(*parts, picks=picks, height=height, cell=cell, name=name)


def sign(text: str) -> None:
    board.show(text, name=f"sign {text}")


def one(picture: Picture, side: int, cell_key: str | None, key: str) -> None:
    board.show(picture, cell=side, name=key, picks={picture.name: cell_key} if cell_key else None)


def many(pictures: Sequence[Picture], *, cell: int | None = None, name: str = "many", picks: Any = None) -> None:
    equation(*pictures, cell=cell or 28, name=name, picks=picks)
