"""The reader's language: what the address asks for, else the browser's own; and the switch in the side bar."""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core import words
from core.ui import state
from core.web import files
from core.words import LANGUAGES

KEY = "_language"  # of the switch
# Streamlit's fonts have no such letters: .streamlit/config.toml names this family after them. Its letters are those of
# the reader's system, and where that has none either, of our own files.
FACE = """@font-face {{ font-family: "Torch Underneath"; font-weight: {weight}; src: {sources}; }}"""
SYSTEM = {
    "400": ("PingFangSC-Regular", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", "WenQuanYi Micro Hei"),
    "700": ("PingFangSC-Semibold", "Microsoft YaHei Bold", "Noto Sans CJK SC Bold", "Noto Sans SC Bold"),
}


def of_reader() -> str:
    """The language that this run is to be said in."""
    if get_script_run_ctx() is None:
        return "en"
    asked, own = state.asked_of_all("lang"), (st.context.locale or "").partition("-")[0]
    return next((language for language in (asked, own) if language in LANGUAGES), "en")


def speak() -> None:
    """Say what follows in this run in the reader's language."""
    words.speak(of_reader())


def letters() -> str:
    """The style that gives the language's letters to the page's fonts; nothing where they have them."""
    language = of_reader()
    if language == "en":
        return ""
    return f"<style>{''.join(face(language, weight) for weight in SYSTEM)}</style>"


def face(language: str, weight: str) -> str:
    """The language's letters in one weight."""
    address = files.letters_address(f"{language}-{weight}")
    sources = [*(f'local("{name}")' for name in SYSTEM[weight]), f'url("{address}") format("woff2")']
    return FACE.format(weight=weight, sources=", ".join(sources))


def switch() -> None:
    """The languages, each by its own name; the chosen one goes into the address, and so along to every page."""
    now = of_reader()

    def take() -> None:
        state.ask_all("lang", st.session_state[KEY])
        state.anew()

    st.session_state[KEY] = now
    with st.sidebar:
        st.segmented_control(
            "Language / 语言", LANGUAGES, format_func=LANGUAGES.__getitem__, key=KEY, on_change=take, required=True,
            label_visibility="collapsed",
        )  # fmt: skip


words.ask_with(of_reader)
