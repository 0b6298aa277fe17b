"""Controls that live in the address bar.

Every control's `key` is its parameter's name in the URL. A value in the URL that the control cannot take gives
the default, and a sentence under the control that says so.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import streamlit as st

from core.ui import link

T = TypeVar("T")
Index = tuple[int, ...]


@dataclass(frozen=True)
class Setting:
    """What a control of this page stands at, for the link that shares the page and for the way back."""

    label: str
    value: Any
    default: Any
    text: str  # the value as it stands in a URL


WIDTH = 190  # pixels of a control in a row: four beside each other on a projector, one on a phone
FEW = 4  # up to so many options are shown side by side
SETTINGS = "_settings"  # where session state keeps this page's settings: {key: Setting}
REFUSED = "_refused"  # where session state keeps what the URL asked for in vain: {key: sentence, empty once mended}
LONGEST_QUOTE = 40  # characters of a refused value that are quoted back
LARGEST_SEED = 9999


def forget() -> None:
    """Start a page afresh: its controls note themselves as they are drawn."""
    st.session_state[SETTINGS] = {}


def settings() -> dict[str, Setting]:
    """What the controls drawn so far stand at, by their keys."""
    return st.session_state.setdefault(SETTINGS, {})


def reset() -> None:
    """Put every control of the page back to its default; the seed stays. To be called before they are drawn."""
    for key, setting in settings().items():
        if key != "seed" and not link.locked(key):
            st.session_state[key] = setting.default


def row(name: str = "main") -> Any:
    """A row of controls, which wraps where it is narrow and which a link can hide."""
    return st.container(horizontal=True, gap="medium", vertical_alignment="top", key=f"controls-{name}")


def slider(
    key: str,
    label: str,
    low: float,
    high: float,
    default: float,
    *,
    step: float | None = None,
    help: str | None = None,
    width: int = WIDTH,
) -> Any:
    """A slider from `low` to `high`; integers stay integers. A range of one value is said, not shown."""
    default = min(max(default, low), high)
    if low == high:
        st.markdown(f"{label}  \n**{low}** (the only choice here)", width=width)
        return low
    clamp_stored(key, low, high)

    def draw(**bound: Any) -> Any:
        return st.slider(label, low, high, default, step, help=help, width=width, **bound)

    whole = isinstance(low, int) and isinstance(high, int) and isinstance(default, int)
    takes = is_number(low, high, whole=whole)
    return remembered(key, label, default, f"a number from {low:g} to {high:g}", draw, width, takes)


def number(key: str, label: str, low: int, high: int, default: int, *, help: str | None = None) -> int:
    """A whole number typed or stepped, for ranges too wide for a slider."""
    clamp_stored(key, low, high)

    def draw(**bound: Any) -> int:
        # As a float: an infinite whole number in a link would raise within Streamlit.
        limits = float(low), float(high), float(default), 1.0
        return int(st.number_input(label, *limits, format="%.0f", help=help, width=WIDTH, **bound))

    takes = is_number(low, high, whole=True)
    return remembered(key, label, default, f"a whole number from {low} to {high}", draw, WIDTH, takes)


def seed(default: int = 0) -> int:
    """The seed of everything random on the page."""
    return number(
        "seed", "Seed", 0, LARGEST_SEED, default, help="The same seed draws the same numbers, here and elsewhere."
    )


def choice(
    key: str,
    label: str,
    options: Sequence[T],
    default: T | None = None,
    *,
    help: str | None = None,
    format: Callable[[T], str] = str,
    width: int | None = None,
    few: int = FEW,
) -> T:
    """One of several options (the first by default): side by side up to `few`, a list when they are more."""
    first: T = options[0] if default is None else default
    if st.session_state.get(key, first) not in options:
        del st.session_state[key]

    def draw(**bound: Any) -> T:
        if len(options) <= few:
            chosen = st.segmented_control(
                label, options, default=first, required=True, format_func=format, help=help,
                width=width or "content", **bound,
            )  # fmt: skip
            return first if chosen is None else chosen  # None: a link with nothing behind the key
        return st.selectbox(
            label, options, options.index(first), format_func=format, help=help, width=width or WIDTH, **bound
        )

    names = list(map(format, options))
    allowed = "one of " + ", ".join(names)
    return remembered(key, label, first, allowed, draw, width or WIDTH, lambda asked: asked in names, format)


def stops(
    key: str,
    label: str,
    options: Sequence[T],
    default: T | None = None,
    *,
    help: str | None = None,
    format: Callable[[T], str] = str,
    width: int = WIDTH,
) -> T:
    """One of several options in their order (the first by default), as the stops of a slider. One option is said."""
    first: T = options[0] if default is None else default
    if len(options) == 1:
        st.markdown(f"{label}  \n**{format(options[0])}** (the only choice here)", width=width)
        return options[0]
    if st.session_state.get(key, first) not in options:
        del st.session_state[key]
    names = list(map(format, options))

    def draw(**bound: Any) -> Any:
        return st.select_slider(label, options, first, format_func=format, help=help, width=width, **bound)

    allowed = "one of " + ", ".join(names)
    return remembered(key, label, first, allowed, draw, width, lambda asked: asked in names, format)


def tabs(key: str, label: str, names: Sequence[str]) -> tuple[str, Any]:
    """Tabs, of which only the open one is to be drawn: its name, and where. A link that locks them shows it alone."""
    asked = st.session_state.get(key, st.query_params.get(key))
    if link.locked(key):
        names = [asked if asked in names else names[0]]
    made = st.tabs(names, key=key, default=names[0], on_change="rerun", bind="query-params")
    opened = next((i for i, tab in enumerate(made) if tab.open), 0)
    note(key, label, names[opened], names[0])
    return names[opened], made[opened]


def toggle(key: str, label: str, default: bool = False, *, help: str | None = None) -> bool:
    """A switch."""

    def draw(**bound: Any) -> bool:
        return st.toggle(label, default, help=help, width="content", **bound)

    def takes(asked: str) -> bool:
        return asked.lower() in ("true", "false")

    return remembered(key, label, default, "true or false", draw, WIDTH, takes, lambda on: str(on).lower())


def text(
    key: str, label: str, default: str = "", *, longest: int = 400, help: str | None = None,
    placeholder: str | None = None, width: int | None = None,
) -> str:  # fmt: skip
    """A line of text; whoever reads it says what is wrong with it."""

    def draw(**bound: Any) -> str:
        return st.text_input(
            label, default, longest, help=help, placeholder=placeholder, width=width or "stretch", **bound
        )

    def takes(asked: str) -> bool:
        return len(asked) <= longest

    return remembered(key, label, default, f"at most {longest} characters", draw, width or "stretch", takes)


def cell(key: str, label: str, shape: Sequence[int], default: str = "") -> Index | None:
    """The index of a picked cell, typed here or clicked in a picture; None where none is picked.

    A remembered cell outside the present shape counts as none, and comes back when the shape holds it again.
    """
    hint = "0, 0" if len(shape) == 2 else ", ".join("0" * len(shape))
    typed = text(key, label, default, longest=40, placeholder=f"click a cell, or type {hint}", width=WIDTH)
    if not typed.strip():
        return None
    try:
        index = tuple(int(part) for part in typed.split(","))
    except ValueError:
        complain(f"`{quoted(typed)}` is not an index: write whole numbers with commas, as in `{hint}`.")
        return None
    if len(index) != len(shape) or not all(0 <= i < n for i, n in zip(index, shape, strict=True)):
        limits = ", ".join(f"0…{n - 1}" for n in shape)
        complain(f"There is no cell `{quoted(typed)}`: the tensor's indices are {limits}.")
        return None
    return index


def remembered(
    key: str,
    label: str,
    default: T,
    allowed: str,
    draw: Callable[..., T],
    width: int | Literal["stretch"],
    takes: Callable[[str], bool],
    format: Callable[[T], str] = str,
) -> T:
    """Draw a control bound to the URL, note what it stands at, and say what the URL asked for in vain.

    `takes` says whether the control can take a URL's text; Streamlit puts the default in place of what it can't.
    """
    refused: dict[str, str] = st.session_state.setdefault(REFUSED, {})
    asked = st.query_params.get(key) if key not in st.session_state else None
    if asked is not None and not takes(asked):
        refused[key] = f"The link asked for `{quoted(asked)}`. This takes {allowed}."
    # A container is one more message in every rerun: only where there is, or was, a sentence to hold.
    with st.container(width=width, gap="xxsmall") if key in refused else contextlib.nullcontext():
        value = draw(key=key, bind="query-params", disabled=link.locked(key))
        if value != default and key in refused:
            refused[key] = ""
        if refused.get(key):
            complain(refused[key], "link_off")
    note(key, label, value, default, format(value))
    return value


def note(key: str, label: str, value: Any, default: Any, text: str | None = None) -> None:
    """Note what a control stands at, for the link and for the way back."""
    settings()[key] = Setting(label, value, default, str(value) if text is None else text)


def complain(sentence: str, icon: str = "error") -> None:
    """Say under a control what is wrong with what it was given."""
    st.markdown(f":orange[:material/{icon}:] :small[{sentence}]")


def is_number(low: float, high: float, *, whole: bool) -> Callable[[str], bool]:
    """Whether a text spells a number in the range; a whole one may be spelt 3.0."""

    def takes(asked: str) -> bool:
        try:
            value = float(asked)
        except ValueError:
            return False
        return low <= value <= high and (value.is_integer() or not whole)

    return takes


def quoted(text: str) -> str:
    """A short harmless quotation of what somebody put into a URL."""
    plain = "".join(c for c in text if c.isprintable() and c not in "`$[]\\")
    return plain if len(plain) <= LONGEST_QUOTE else plain[: LONGEST_QUOTE - 1] + "…"


def clamp_stored(key: str, low: float, high: float) -> None:
    """Keep a remembered value inside a range that another control has narrowed since."""
    stored = st.session_state.get(key)
    if stored is not None and not low <= stored <= high:
        st.session_state[key] = min(max(stored, low), high)
