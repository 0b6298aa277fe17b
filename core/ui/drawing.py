"""A pad to draw a digit on, with mouse, pen or finger."""

import base64
import binascii
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st
import torch
from torch import Tensor

from core.words import N_, _

ASSETS = Path(__file__).parent / "assets"
WORDS = N_(
    {
        "label": "Pad to draw a digit on, with mouse, pen, finger or keys",
        "keys": "Keys: the arrows move the brush, space puts it down and lifts it.",
        "down": "Brush down, row {row}, column {column}",
        "up": "Brush up, row {row}, column {column}",
        "clear": "Clear",
    }
)
SIDE = 28  # pixels of the drawing


@st.cache_resource(show_spinner=False)
def pad() -> Callable[..., Any]:
    """The component, registered once a process."""
    html, css, js = ((ASSETS / f"drawing.{kind}").read_text() for kind in ("html", "css", "js"))
    return st.components.v2.component("drawing", html=html, css=css, js=js)


def show(key: str, take: Callable[[Tensor], None]) -> None:
    """The pad; after each stroke `take` gets the drawing, (28, 28) uint8, 0 background, 255 full ink."""

    def drawn() -> None:
        image = read(st.session_state[key].get("drawn"))
        if image is not None:
            take(image)

    pad()(data={"words": {name: _(text) for name, text in WORDS.items()}}, key=key, on_drawn_change=drawn, width=300)


def read(sent: object) -> Tensor | None:
    """The drawing that a browser sent: 784 bytes in base64; None for anything else."""
    try:
        raw = base64.b64decode(sent, validate=True) if isinstance(sent, str) else b""
    except (binascii.Error, ValueError):
        return None
    return torch.frombuffer(bytearray(raw), dtype=torch.uint8).view(SIDE, SIDE) if len(raw) == SIDE**2 else None
