"""The address of a page: what a link can ask besides the controls, and the link that shows what is on screen.

`?hide=code,answers&lock=p,seed&projector=1` hides parts, locks controls and enlarges the type. Unknown words are
ignored, so that an old link still opens.
"""

from collections.abc import Collection
from urllib.parse import urlencode

import streamlit as st

PARTS = ("controls", "try", "pitfalls", "walk", "predict", "code", "timing", "take-away", "answers")
WORDS = ("hide", "lock", "projector", "lang")  # what a link asks besides the controls
LONG = 2000  # characters: some programs cut a longer link


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


def address(
    base: str,
    settings: dict[str, str],
    *,
    hide: Collection[str] = (),
    lock: Collection[str] = (),
    projector: bool = False,
    language: str = "",
) -> str:
    """The link to the page at `base` with these settings, and with what a teacher wants hidden and locked."""
    asked = dict(settings)
    if hide:
        asked["hide"] = ",".join(hide)
    if lock:
        asked["lock"] = ",".join(lock)
    if projector:
        asked["projector"] = "1"
    if language:
        asked["lang"] = language
    return base + ("?" + urlencode(asked) if asked else "")
