"""What a link can ask of a page besides its controls: parts to hide, controls to lock, larger type.

`?hide=code,answers&lock=p,seed&projector=1`. Unknown words are ignored, so that an old link still opens.
"""

import streamlit as st

PARTS = ("controls", "pitfalls", "predict", "code", "timing", "take-away", "answers")


def _words(name: str) -> set[str]:
    return {word.strip() for word in st.query_params.get(name, "")[:500].split(",") if word.strip()}


def hidden(part: str) -> bool:
    """Whether the link hides this part of the page (see PARTS)."""
    return part in _words("hide")


def locked(key: str) -> bool:
    """Whether the link locks the control with this key."""
    return key in _words("lock")


def projector() -> bool:
    """Whether the link asks for larger type and no side bar."""
    return st.query_params.get("projector") in ("1", "true")
