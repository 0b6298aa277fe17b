"""What a page keeps in the session, under that page's name, and the address that says it.

Everything that a page keeps lives in its `Kept`: what its controls stand at, and whatever its code lays aside with
`own`. Streamlit's session state holds the values of the page on screen alone: `enter` clears it when another page
comes. So no page reads another's, and a page that is left and entered again stands as it was.

A link wins over what was kept, as a whole: a page entered by an address with parameters starts from its defaults
and takes the parameters. The address is written once a run, from what the controls stand at: one entry in the
browser's history.
"""

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

PAGE, PAGES, KEPT = "_page", "_pages", "_kept"  # in session state: the page on screen, {page: Kept}, and its own
WIDE = "_wide"  # where session state keeps what the address asks of every page, for the side bar to take along
APP_WIDE = frozenset({"lang", "hide", "projector"})  # belong to no page; nor does a key that begins with "_"


@dataclass(frozen=True)
class Setting:
    """What a control of a page stands at, for the link that shares the page and for the way back."""

    label: str
    value: Any
    default: Any
    text: str  # the value as it stands in a URL


@dataclass
class Kept:
    """One page's part of the session."""

    settings: dict[str, Setting] = field(default_factory=dict)  # of the controls that the last run drew
    parts: dict[str, str] = field(default_factory=dict)  # tabs and expanders that stand otherwise than at first
    values: dict[str, Any] = field(default_factory=dict)  # of every control, when it was last drawn
    limits: dict[str, object] = field(
        default_factory=dict
    )  # what each took then: Streamlit makes a slider anew by them
    link: dict[str, str] = field(default_factory=dict)  # parameters of the address that no control has taken up
    refused: dict[str, str] = field(default_factory=dict)  # what was asked for in vain; empty once mended
    complaints: list[str] = field(default_factory=list)  # what the last run said under its controls
    address: dict[str, str] = field(default_factory=dict)  # the parameters as last seen or written
    own: dict[str, Any] = field(default_factory=dict)  # whatever else the page's code lays aside

    def start_from(self, link: dict[str, str]) -> None:
        """Forget what the controls stood at: a link says it now."""
        self.link, self.address = dict(link), dict(link)
        self.values.clear()
        self.refused.clear()


def current() -> Kept:
    """The part of the page on screen."""
    found: Kept | None = st.session_state.get(KEPT)  # one look-up: a run asks some seventy times
    if found is None:
        found = st.session_state[KEPT] = Kept()
    return found


def own() -> MutableMapping[str, Any]:
    """What the code of the page on screen lays aside besides its controls' values."""
    return current().own


def enter(name: str) -> None:
    """Bring this page's part of the session on screen; to be called before anything of the page is drawn."""
    pages: dict[str, Kept] = st.session_state.setdefault(PAGES, {})
    left, back = st.session_state.get(PAGE), by_history()
    if left == name and not back:
        return
    arrived = parameters()
    take_along(moved=left is not None and not back)
    if left is not None:
        clear()
    st.session_state[PAGE] = name
    page = st.session_state[KEPT] = pages.setdefault(name, Kept())
    if back and arrived == page.address:
        return  # the entry that this page was left at
    if back:
        page.start_from(arrived)
    elif arrived and not (left in pages and arrived == pages[left].address):
        page.start_from(arrived)
        page.own.clear()
    elif arrived != page.address:
        write(page.address)


def take_along(moved: bool) -> None:
    """Keep what the address asks of every page; who has moved to another page by the side bar is asked it still."""
    asked = {key: text for key, text in st.query_params.items() if key in APP_WIDE}
    if moved and (kept := {**st.session_state.get(WIDE, {}), **asked}) != asked:
        st.query_params.from_dict({**parameters(), **kept})
        asked = kept
    st.session_state[WIDE] = asked


def asked_of_all(key: str) -> str:
    """What the address asks of every page under this key, or asked of the page that the reader comes from."""
    known = {} if by_history() else st.session_state.get(WIDE, {})
    return st.query_params.get(key, known.get(key, ""))


def ask_all(key: str, text: str) -> None:
    """Ask this of every page from now on."""
    st.query_params[key] = text
    st.session_state[WIDE] = {**st.session_state.get(WIDE, {}), key: text}


def clear() -> None:
    """Take the values of a page's controls out of Streamlit's session state; `Kept.values` has them."""
    for key in map(str, list(st.session_state)):
        if not key.startswith("_") and key not in APP_WIDE:
            del st.session_state[key]


def anew() -> None:
    """Let each control of the page be drawn anew where it stands: what it says of itself is other words now."""
    clear()
    current().limits.clear()


def by_history() -> bool:
    """Whether this run shows an entry of the browser's history, after Back or Forward."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def say_address() -> None:
    """Let the address bar say what the page stands at, if it says anything else."""
    page = current()
    moved = {key: s.text for key, s in page.settings.items() if s.value != s.default}
    page.address = {**page.link, **moved, **page.parts}
    if parameters() != page.address:
        write(page.address)


def parameters() -> dict[str, str]:
    """The page's own parameters in the address bar."""
    return {key: text for key, text in st.query_params.items() if key not in APP_WIDE}


def write(address: dict[str, str]) -> None:
    """Make these the page's own parameters in the address bar."""
    wide = {key: text for key, text in st.query_params.items() if key in APP_WIDE}
    st.query_params.from_dict(wide | address)
