"""What each package's tab gives to the frame below it, and what the four share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from core.ui.frame import Pitfall
from core.ui.predict import Draw
from core.ui.take_away import TakeAway

NARROW = 104  # pixels of a slider

kept = st.cache_data(max_entries=64, show_spinner=False)  # what is said stays for the next reader with these settings


@dataclass(frozen=True)
class Lesson:
    """What the frame shows below the pictures of the open package."""

    pitfalls: Sequence[Pitfall]
    questions: Sequence[Draw]
    walk: Callable[[], None]
    take: Callable[[], TakeAway]
    functions: tuple[Callable[..., Any], ...]
    more: Mapping[str, Callable[[], None]] = field(default_factory=dict)


def refusal(run: Callable[[], object]) -> str:
    """What torch says to a call that it refuses."""
    try:
        run()
    except (ValueError, RuntimeError, TypeError) as error:
        return f"torch refuses: `{type(error).__name__}: {str(error).splitlines()[0]}`"
    return "torch takes it."
