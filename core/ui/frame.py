"""The frame of a page: the question on top, and below the pictures the same parts in the same order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import streamlit as st

from core.topics import TOPICS, Topic
from core.ui import code, link

T = TypeVar("T")
REFUSALS = (ValueError, RuntimeError, IndexError, TypeError, NotImplementedError)

STYLE = """<style>
.stMainBlockContainer { padding: 2.2rem 2rem 4rem; max-width: 1500px; }
.stMainBlockContainer h1 { padding: 0 0 .1rem; }
@media (max-width: 640px) { .stMainBlockContainer { padding: 3.2rem .8rem 3rem; } }
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
</style>"""

PROJECTOR = """<style>
html { font-size: 125%; }
.stSidebar, [data-testid="stSidebarCollapsedControl"], [data-testid="stExpandSidebarButton"] { display: none; }
</style>"""

HIDE_CONTROLS = "<style>.st-key-controls { display: none; }</style>"


@dataclass(frozen=True)
class Pitfall:
    """A claim that people believe, and the run that refutes it (a function that shows it on the reader's input)."""

    claim: str
    refute: Callable[[], None]


def open_topic(name: str) -> Topic:
    """The top of a topic's page: its title and its one-line question."""
    topic = next(topic for topic in TOPICS if topic.name == name)
    style()
    st.title(topic.title, anchor=False)
    st.markdown(topic.question)
    return topic


def style() -> None:
    """What the theme cannot say: narrower margins, and what the link asks for."""
    st.html(STYLE + (PROJECTOR if link.projector() else "") + (HIDE_CONTROLS if link.hidden("controls") else ""))


def attempt(key: str, build: Callable[[], T]) -> T | None:
    """The result of `build`; where it is refused, the reason and the last result that stood here."""
    try:
        result = build()
    except REFUSALS as refusal:
        kept = st.session_state.get(f"last {key}")
        rest = " The picture below is the last one that worked." if kept is not None else ""
        st.error(f"{type(refusal).__name__}: {refusal}{rest}", icon=":material/block:")
        return kept
    st.session_state[f"last {key}"] = result
    return result


def below(topic: Topic, *, pitfalls: Sequence[Pitfall] = (), **_: Any) -> None:
    """Everything under the pictures, one tab each; only the open one is computed."""
    parts: dict[str, Callable[[], None]] = {
        "Pitfalls": lambda: show_pitfalls(pitfalls),
        "Code": lambda: code.show(topic.operators),
    }
    names = [name for name in parts if not link.hidden(name.lower().replace(" ", "-"))]
    for name, tab in zip(names, st.tabs(names, key="tab", on_change="rerun", bind="query-params"), strict=True):
        if tab.open:
            with tab:
                parts[name]()


def show_pitfalls(pitfalls: Sequence[Pitfall]) -> None:
    """Each claim, and under it the run that refutes it."""
    for pitfall in pitfalls:
        with st.container(border=True):
            st.markdown(f":material/close: **“{pitfall.claim}”**")
            pitfall.refute()
