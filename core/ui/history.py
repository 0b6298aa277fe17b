"""The browser's history: one action of the reader, one entry.

Streamlit makes an entry of its own each time a page's address and its parameters change, and a page that is entered
with its settings changes both.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

SCRIPT = Path(__file__).parent / "assets" / "history.js"


@st.cache_resource(show_spinner=False)
def keeper() -> Callable[..., Any]:
    """The component, registered once a process."""
    return st.components.v2.component("history", js=SCRIPT.read_text())


def keep() -> None:
    """Let one action make one entry, from here on; nothing of it is seen."""
    with st.container(key="history"):
        keeper()(key="history_keeper")
