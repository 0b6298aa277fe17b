"""The reader's language: what the address asks for, else the browser's own; and the switch in the side bar."""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core import words
from core.ui import link, state
from core.words import LANGUAGES

KEY = "_language"  # of the switch


def of_reader() -> str:
    """The language that this run is to be said in."""
    if get_script_run_ctx() is None:
        return "en"
    own = (st.context.locale or "").partition("-")[0]
    return link.language() or (own if own in LANGUAGES else "en")


def speak() -> None:
    """Say what follows in this run in the reader's language."""
    words.speak(of_reader())


def switch() -> None:
    """The languages, each by its own name; the chosen one goes into the address, and so along to every page."""
    now = of_reader()

    def take() -> None:
        st.query_params["lang"] = st.session_state[KEY]
        state.anew()

    st.session_state[KEY] = now
    with st.sidebar:
        st.segmented_control(
            "Language / 语言", LANGUAGES, format_func=LANGUAGES.__getitem__, key=KEY, on_change=take, required=True,
            label_visibility="collapsed",
        )  # fmt: skip


words.ask_with(of_reader)
