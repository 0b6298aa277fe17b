"""The walk-through: one step slider, play, pause, speed and arrow keys, with the line that runs beside the picture."""

import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from core.figures.colour import Scale
from core.figures.walk import Walk, packed
from core.words import N_, _

ASSETS = Path(__file__).parent / "assets"
KEY = N_(
    "The numbers are those after the marked line has run: :violet-badge[dashed: read] by it, "
    ":red-badge[solid: written] by it"
)

WORDS = N_(  # on the player's buttons
    (
        "Walk through the run: arrow keys step, space plays", "One step back", "One step back (left arrow)", "Play",
        "Pause", "Play or pause (space)", "One step on", "One step on (right arrow)", "Step", "Speed",
        "The code that runs", "The run goes on; it is cut here.",
    )
)  # fmt: skip


@st.cache_resource(show_spinner=False)
def player() -> Callable[..., Any]:
    """The component, registered once a process."""
    html, css, js = ((ASSETS / f"walk.{kind}").read_text() for kind in ("html", "css", "js"))
    return st.components.v2.component("walk", html=html, css=css, js=js)


def show(walk: Walk, scales: Mapping[str, Scale], *, key: str) -> None:
    """Show a walk; `scales` gives the panels, in reading order, and the colours of their numbers."""
    if not walk.steps:
        return
    data = packed(walk, scales) | {"words": {word: _(word) for word in WORDS}}
    data["id"] = zlib.crc32(repr(data).encode())  # the player keeps its place while the walk stays the same
    player()(data=data, key=key)
    st.caption(_(KEY))
