"""What the parts of the convolution page share."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from core.experiments.refusals import Refusal
from core.figures.montage import PROJECTED
from core.ui import frame, link
from core.words import _, say, spelled
from core.words.numbers import number

NARROW = 112  # pixels of a slider
HEIGHT, PROJECTED_HEIGHT = 400, 310  # pixels of the pictures, so that they stand above the fold
REFUSED_HEIGHT = 240  # of the inputs alone, so that what is refused stands there too


def height() -> int:
    """The pictures' height, as a board asks for it: it enlarges that on a projector."""
    return int(PROJECTED_HEIGHT / PROJECTED) if link.projector() else HEIGHT


def pin(picture: str, index: str) -> None:
    """Take a cell that the reader pinned in a picture."""
    st.session_state["cell"] = f"{picture}[{index}]"


def refuse(found: Refusal, instead: str, keys: Mapping[str, str] | None = None) -> None:
    """What torch says to the settings, what the parts below run with instead, and each change that torch would take.

    `keys` names the controls of settings that are not called as these.
    """
    keys = keys or {}
    mends = {
        say("Set {name} to {value}", name=name, value=value): partial(
            st.session_state.__setitem__, keys.get(name, name), value
        )
        for name, value in found.mends
    }
    frame.refused(
        _(found.says),  # torch's words stay; those of the app's own refusals are looked up
        say("The parts below run with {instead} instead, which every input and kernel go with.", instead=instead),
        mends,
    )


def say_dtype(given: object, taken: object) -> None:
    """Say that the reader's numbers were converted, where they were."""
    if given != taken:
        st.caption(
            say(
                "The input was {given}. Input and kernel must have one dtype, and that one does not hold this kernel or is not taken here: both are {taken}.",
                given=spelled(given),
                taken=spelled(taken),
            )
        )


def rows(matrix: Any) -> str:
    """A small matrix in a sentence: [0 1 / 2 3]."""
    listed = matrix if isinstance(matrix, list) else matrix.tolist()
    return (
        "["
        + " / ".join(" ".join(map(number, row)) for row in (listed if isinstance(listed[0], list) else [listed]))
        + "]"
    )


def tolerance(value: float) -> float:
    """How far an answer may lie off, relative to it: a whole number is to be given exactly."""
    return 0 if float(value).is_integer() else 0.005
