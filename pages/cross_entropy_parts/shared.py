"""What the kinds of cross entropy share: typed targets, what was made of the input, a table of equal ways."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.experiments.cross_entropy import Logits, Way
from core.tensors.limits import Limits, TensorInputError
from core.ui import board, controls, link, tensor_input
from core.words import N_, Words, _, say
from core.words.numbers import number

REDUCTIONS = {name: f"`{name}`" for name in ("mean", "sum", "none")}  # torch's words in every language
NOT_REDUCED = N_("With `reduction='none'` the losses stay as they are; the gradient is that of their sum.")

CONVERTED = N_(
    "These logits are {dtype}, for which torch has no such loss: “{refused}”. The page takes them as float32."
)
RESHAPED = N_("A vector of shape {given} is shown, and computed, as a matrix of shape {shape}.")


def narrow() -> int:
    """Pixels of a slider: as many as its label takes."""
    return 146 if link.projector() else 112


def cell_pixels() -> int:
    """The largest side of a cell with which two lines of pictures stand above the fold."""
    return 27 if link.projector() else 33


def hint() -> str:
    """What stands under the board until a cell is pointed at; a projector has no room for it."""
    return "" if link.projector() else board.HINT


def look(sentence: Words) -> None:
    """What to look at first; before a class the teacher says it, and the pictures have the room."""
    if not link.projector():
        st.markdown(_(sentence))


def typed(key: str, label: str, limits: Limits, placeholder: str, help: str, width: int = 170) -> Any:
    """The tensor that the reader typed here; None where there is none, and where it cannot be read."""
    text = controls.text(key, label, longest=400, placeholder=placeholder, help=help, width=width)
    if not text.strip():
        return None
    try:
        return tensor_input.read_text(text, limits)
    except TensorInputError as refusal:
        controls.complain(say("{refusal} Until then the page goes on without it.", refusal=refusal))
        return None


def say_conversion(logits: Logits) -> None:
    """What was made of the reader's numbers, where they are not taken as they came."""
    if logits.refused:
        st.caption(say(CONVERTED, logits))
    if len(logits.given) == 1:
        st.caption(say(RESHAPED, logits, shape=tuple(logits.x.shape)))


def table(ways: Sequence[Way]) -> str:
    """Each way's value, and how far value and gradient lie from the first way's."""
    rows = [
        f"| `{_(way.name)}` | {way.loss:.7g} | {number(way.apart, 2)} | {number(way.gradient_apart, 2)} |"
        for way in ways
    ]
    head = [_("| Way | Loss | Difference | Difference of gradients |"), "|:--|--:|--:|--:|"]
    return _("Without weights, smoothing or ignored targets, and with the mean:\n\n") + "\n".join(head + rows)
