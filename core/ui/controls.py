"""Controls that live in the address bar.

Every control's `key` is its parameter's name in the URL. Whatever a control is handed (by a link, by what the page
kept, by code that writes session state) is checked here before it is drawn: what does not fit becomes the default,
and a sentence under the control says so.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import streamlit as st

from core.ui import link, state
from core.ui.state import Setting
from core.words import N_, Words, _, say

T = TypeVar("T")
Index = tuple[int, ...]
Width = int | Literal["stretch", "content"]


@dataclass(frozen=True)
class Takes:
    """What a control takes. `read` and `fit` raise ValueError for what it does not."""

    allowed: str  # in words
    read: Callable[[str], Any]  # the value that a URL's text names
    fit: Callable[[Any], Any]  # the value itself in the control's own type and limits, wherever it came from
    limits: object = None  # Streamlit makes the control anew, at its default, when these change
    text: Callable[[Any], str] = str  # the value as it stands in a URL


WIDTH = 190  # pixels of a control in a row: four beside each other on a projector, one on a phone
FEW = 4  # up to so many options are shown side by side
LONGEST_QUOTE = 40  # characters of a refused value that are quoted back
LARGEST_SEED = 9999
OPEN_MORE, COMPLAINTS = "open more", "complaints"  # what a page lays aside about its complaints


def forget() -> None:
    """Start a run afresh: the page's controls note themselves as they are drawn."""
    page = state.current()
    page.settings.clear()
    page.parts.clear()
    page.complaints.clear()


def settings() -> dict[str, Setting]:
    """What the controls drawn so far stand at, by their keys."""
    return state.current().settings


def reset() -> None:
    """Put everything of the page back to its default; the seed stays. To be called before the page is drawn."""
    page = state.current()
    stays = {key for key in page.values if key == "seed" or link.locked(key)}
    for key in set(page.values) - stays:
        del page.values[key]
        st.session_state.pop(key, None)
    page.link = {key: text for key, text in page.link.items() if key in stays or key in link.WORDS}
    page.refused.clear()
    page.own.clear()


def set_up(asked: Mapping[str, str]) -> None:
    """Put the page at its defaults and at what a link asks for; to be called before the page is drawn."""
    reset()
    page = state.current()
    page.link |= {key: text for key, text in asked.items() if not link.locked(key)}


def main() -> Any:
    """The row of the page's main controls, which wraps where it is narrow and which a link can hide."""
    return row("main")


def more() -> Any:
    """Where the page's other controls stand: behind *More settings*, which stays as the reader leaves it."""
    if state.own().pop(OPEN_MORE, False):
        st.session_state["more"] = True
    folded = st.container(key="controls-more")
    with folded:
        return expander("more", "More settings").container(horizontal=True, gap="medium", vertical_alignment="top")


def show_complaints() -> None:
    """Open *More settings* where a sentence that stands in it is new: run the page again with it open."""
    page = state.current()
    known, page.own[COMPLAINTS] = page.own.get(COMPLAINTS, ()), tuple(page.complaints)
    if page.values.get("more") is False and set(page.complaints) - set(known):
        page.own[OPEN_MORE] = True
        # The browser has not drawn this run: each control, as if its limits were others, is told anew where it stands.
        page.limits = dict.fromkeys(page.limits, object())
        st.rerun()


def row(name: str = "main") -> Any:
    """A row of controls, which wraps where it is narrow and which a link can hide."""
    return st.container(horizontal=True, gap="medium", vertical_alignment="top", key=f"controls-{name}")


NO_INDEX = N_("`{typed}` is not an index: write whole numbers with commas, as in `{hint}`.")
NO_CELL = N_("There is no cell `{typed}`: the tensor's indices are {limits}.")
NOT_A_CELL = N_("`{said}` is no cell: name one of {pictures} and an index, as in `{hint}`.")
NO_CELL_OF = N_("There is no cell `{said}`: the indices of {name} are {limits}.")
DOES_NOT_FIT = N_("`{asked}` does not fit here. This takes {allowed}.")
IN_VAIN = N_("The link asked for `{asked}`. This takes {allowed}.")

# ---- the kinds of controls ---------------------------------------------------------------------------------------


def slider(
    key: str,
    label: Words,
    low: float,
    high: float,
    default: float,
    *,
    step: float | None = None,
    help: Words | None = None,
    width: int = WIDTH,
) -> Any:
    """A slider from `low` to `high`; integers stay integers. A range of one value is said, not shown."""
    default = min(max(default, low), high)
    if low == high:
        only_choice(label, str(low), width)
        return low
    whole = isinstance(low, int) and isinstance(high, int) and isinstance(default, int)

    def draw(at: float | None, **bound: Any) -> Any:
        return st.slider(_(label), low, high, at, step, help=looked_up(help), width=width, **bound)

    allowed = say("a number from {low:g} to {high:g}", low=low, high=high)
    takes = numbers(low, high, step or (1 if whole else 0.01), whole, allowed)
    return remembered(key, label, default, takes, draw, width)


def number(key: str, label: Words, low: int, high: int, default: int, *, help: Words | None = None) -> int:
    """A whole number typed or stepped, for ranges too wide for a slider."""

    def draw(at: int | None, **bound: Any) -> int:
        first: int | Literal["min"] = "min" if at is None else at
        return st.number_input(_(label), low, high, first, 1, help=looked_up(help), width=WIDTH, **bound)

    takes = numbers(low, high, 1, True, say("a whole number from {low} to {high}", low=low, high=high))
    return remembered(key, label, default, takes, draw, WIDTH)


def seed(default: int = 0) -> int:
    """The seed of everything random on the page."""
    return number(
        "seed", "Seed", 0, LARGEST_SEED, default, help="The same seed draws the same numbers, here and elsewhere."
    )


def choice(
    key: str,
    label: Words,
    options: Mapping[T, Words] | Sequence[T],
    default: T | None = None,
    *,
    help: Words | None = None,
    format: Callable[[T], str] = str,
    width: int | None = None,
    few: int = FEW,
    linked: bool = True,
) -> T:
    """One of several options (the first by default): side by side up to `few`, a list when they are more.

    A mapping gives each option's label; the option itself stands in the link then. A choice that is not `linked` is
    kept with the page but not in its link.
    """
    ids, takes, labelled = choices(options, format)
    first: T = ids[0] if default is None else default

    def draw(at: T | None, **bound: Any) -> T:
        if len(ids) <= few:
            chosen = st.segmented_control(
                _(label),
                ids,
                default=at,
                required=True,
                format_func=labelled,
                help=looked_up(help),
                width=width or "content",
                **bound,
            )
            return first if chosen is None else chosen
        place = 0 if at is None else ids.index(at)
        return st.selectbox(
            _(label), ids, place, format_func=labelled, help=looked_up(help), width=width or WIDTH, **bound
        )

    return remembered(key, label, first, takes, draw, width or WIDTH, linked)


def stops(
    key: str,
    label: Words,
    options: Mapping[T, Words] | Sequence[T],
    default: T | None = None,
    *,
    help: Words | None = None,
    format: Callable[[T], str] = str,
    width: int = WIDTH,
) -> T:
    """One of several options in their order (the first by default), as the stops of a slider. One option is said."""
    ids, takes, labelled = choices(options, format)
    first: T = ids[0] if default is None else default
    if len(ids) == 1:
        only_choice(label, labelled(ids[0]), width)
        return ids[0]

    def draw(at: T | None, **bound: Any) -> Any:
        return st.select_slider(_(label), ids, at, format_func=labelled, help=looked_up(help), width=width, **bound)

    return remembered(key, label, first, takes, draw, width)


def several(key: str, label: Words, options: Sequence[str], *, format: Callable[[str], str] = str) -> list[str]:
    """Any of several options, kept with the page but not in its link."""

    def fit(value: Any) -> list[str]:
        return [option for option in options if option in value]

    settle(key, [], Takes("", str.split, fit, text=str))
    chosen = st.multiselect(_(label), options, format_func=lambda option: _(format(option)), key=key)
    state.current().values[key] = chosen
    return chosen


def toggle(key: str, label: Words, default: bool = False, *, help: Words | None = None, linked: bool = True) -> bool:
    """A switch; one that is not `linked` is kept with the page but not in its link."""

    def draw(at: bool | None, **bound: Any) -> bool:
        return st.toggle(_(label), bool(at), help=looked_up(help), width="content", **bound)

    return remembered(key, label, default, ON_OFF, draw, WIDTH, linked)


def text(
    key: str, label: Words, default: str = "", *, longest: int = 400, help: Words | None = None,
    placeholder: str | None = None, width: int | None = None,
) -> str:  # fmt: skip
    """A line of text; whoever reads it says what is wrong with it."""

    def draw(at: str | None, **bound: Any) -> str:
        return st.text_input(
            _(label),
            at or "",
            longest,
            help=looked_up(help),
            placeholder=placeholder,
            width=width or "stretch",
            **bound,
        )

    return remembered(key, label, default, words(longest), draw, width or "stretch")


def area(
    key: str, label: Words, default: str, *, longest: int, height: int, width: int, help: Words,
    on_change: Callable[[], None],
) -> str:  # fmt: skip
    """Several lines of text; what stands in them is in the link, whatever it is."""

    def draw(at: str | None, **bound: Any) -> str:
        return st.text_area(
            _(label), at or "", height, longest, help=_(help), width=width, on_change=on_change, **bound
        )

    value: str = remembered(key, label, default, words(longest), draw, width)
    settings()[key] = Setting(label, value, "", value)
    return value


def cell(key: str, label: Words, shape: Sequence[int], default: str = "") -> Index | None:
    """The index of a picked cell, typed here or clicked in a picture; None where none is picked.

    A remembered cell outside the present shape counts as none, and comes back when the shape holds it again.
    """
    hint = "0, 0" if len(shape) == 2 else ", ".join("0" * len(shape))
    typed = text(key, label, default, longest=40, placeholder=click_or_type(hint), width=WIDTH)
    if not typed.strip():
        return None
    try:
        index = tuple(int(part) for part in typed.split(","))
    except ValueError:
        complain(say(NO_INDEX, typed=quoted(typed), hint=hint))
        return None
    if len(index) != len(shape) or not all(0 <= i < n for i, n in zip(index, shape, strict=True)):
        limits = ", ".join(f"0…{n - 1}" for n in shape)
        complain(say(NO_CELL, typed=quoted(typed), limits=limits))
        return None
    return index


def cell_of(
    key: str, label: Words, pictures: Mapping[str, Sequence[range]], default: tuple[str, Index]
) -> tuple[str, Index]:  # fmt: skip
    """The picked cell of one of several pictures, as `y[1, 2]`: the picture's name, and the index.

    `pictures` gives for each what its indices run over. An index that has too few numbers is one of the first leading
    ones, of one with too many the leading ones are left out: it stays when channels come and go. A cell that no
    picture has counts as the default, and comes back when one has it again.
    """
    hint = f"{default[0]}[{', '.join(map(str, default[1]))}]"
    typed = text(key, label, "", longest=40, placeholder=click_or_type(hint), width=WIDTH)
    if not typed.strip():
        return default
    name, bracket, rest = typed.strip().removesuffix("]").partition("[")
    name, ranges = name.strip(), pictures.get(name.strip(), ())
    try:
        index = tuple(int(part) for part in rest.split(",") if part.strip())
    except ValueError:
        bracket, index = "", ()
    said = quoted(typed.replace("[", "(").replace("]", ")"))
    if not bracket or name not in pictures:
        complain(say(NOT_A_CELL, said=said, pictures=", ".join(pictures), hint=hint))
        return default
    index = ((0,) * len(ranges) + index)[-len(ranges) :] if ranges else ()
    if not all(i in allowed for i, allowed in zip(index, ranges, strict=True)):
        limits = ", ".join(f"{allowed[0]}…{allowed[-1]}" for allowed in ranges)
        complain(say(NO_CELL_OF, said=said, name=name, limits=limits))
        return default
    return name, index


# ---- parts of a page that open and close -------------------------------------------------------------------------


def tabs(key: str, label: Words, names: Sequence[Words]) -> tuple[str, Any]:
    """Tabs, of which only the open one is to be drawn: its name, and where. A link that locks them shows it alone."""
    if link.locked(key):
        asked = standing(key, names[0])
        names = [asked if asked in names else names[0]]
    opened, made = tabs_at(key, names, names[0])
    note(key, label, names[opened], names[0])
    return names[opened], made[opened]


def tabs_at(key: str, names: Sequence[Words], default: str) -> tuple[int, Sequence[Any]]:
    """Tabs that stay as the reader leaves them: the number of the open one, and all of them."""
    shown = [_(name) for name in names]
    settle(key, _(default), named_tabs(names))
    made = st.tabs(shown, key=key, default=_(default), on_change="rerun")
    opened = next((i for i, tab in enumerate(made) if tab.open), 0)
    stands(key, names[opened], default)
    return opened, made


def expander(key: str, label: Words, expanded: bool = False) -> Any:
    """An expander that stays as the reader leaves it, and says so in the link."""
    settle(key, expanded, Takes(N_("true or false"), ON_OFF.read, ON_OFF.fit, label))
    made = st.expander(_(label), expanded, key=key, on_change="rerun")
    stands(key, bool(made.open), expanded)
    return made


def popover(key: str, label: Words, icon: str) -> Any:
    """A popover that stays with the page as the reader leaves it; no link opens it."""
    settle(key, False, Takes(N_("true or false"), ON_OFF.read, ON_OFF.fit, label))
    made = st.popover(_(label), icon=icon, key=key, on_change="rerun")
    state.current().values[key] = bool(made.open)
    return made


def stands(key: str, value: Any, default: Any) -> None:
    """Keep where a part of the page stands, for the link too where that is not its default."""
    page = state.current()
    page.values[key] = value
    if value != default:
        page.parts[key] = ON_OFF.text(value) if isinstance(value, bool) else value


# ---- what they all do --------------------------------------------------------------------------------------------


def remembered(
    key: str, label: str, default: T, takes: Takes, draw: Callable[..., T], width: Width, linked: bool = True
) -> T:  # fmt: skip
    """Draw a control at what it is to stand at, note it, and say what was asked for in vain."""
    at = settle(key, default, takes, as_default=True)
    refused = state.current().refused
    # A container is one more message in every rerun: only where there is, or was, a sentence to hold.
    with st.container(width=width, gap="xxsmall") if key in refused else contextlib.nullcontext():
        value = draw(at, key=key, disabled=link.locked(key))
        if value != default and key in refused:
            refused[key] = ""
        if refused.get(key):
            complain(refused[key], "link_off")
    state.current().values[key] = value
    if linked:
        note(key, label, value, default, takes.text(value))
    return value


def settle(key: str, default: Any, takes: Takes, *, as_default: bool = False) -> Any:
    """Put what a control is to stand at, made to fit, where Streamlit looks for it.

    What is on screen goes first, then what the page kept, then what its link asks for. Session state is written only
    where it has to be: while a reader moves a control, its answer must not put it back. Hence with `as_default` the
    value of a control that the session has never drawn is not written but returned, to be drawn as the default: a
    reader may have moved it while the server was away.
    """
    page, shown, value = state.current(), key in st.session_state, None
    try:
        if shown or key in page.values:
            value = st.session_state[key] if shown else page.values[key]
        else:
            value = takes.read(page.link[key]) if key in page.link else default
        fitting = takes.fit(value)
    except (ValueError, TypeError):
        linked = page.link.get(key) if not shown else None
        asked = DOES_NOT_FIT if linked is None else IN_VAIN
        page.refused[key] = say(asked, asked=quoted(str(value if linked is None else linked)), allowed=_(takes.allowed))
        fitting = default
    page.link.pop(key, None)
    known, anew = key in page.limits, not shown or page.limits.get(key) != takes.limits
    page.limits[key] = takes.limits
    if as_default and not known and not shown:
        return fitting
    if anew or type(fitting) is not type(value) or fitting != value:
        st.session_state[key] = fitting
    return None


def standing(key: str, default: T) -> T:
    """What a control that is yet to be drawn will stand at; as text where only the link has named it so far."""
    page = state.current()
    return st.session_state.get(key, page.values.get(key, page.link.get(key, default)))


def note(key: str, label: str, value: Any, default: Any, text: str | None = None) -> None:
    """Note what a control stands at, for the link and for the way back."""
    page = state.current()
    page.values[key] = value
    page.settings[key] = Setting(label, value, default, str(value) if text is None else text)


def complain(sentence: str, icon: str = "error") -> None:
    """Say under a control what is wrong with what it was given."""
    state.current().complaints.append(sentence)
    st.markdown(f":orange[:material/{icon}:] :small[{sentence}]")


def quoted(text: str) -> str:
    """A short harmless quotation of what somebody put into a URL."""
    plain = "".join(c for c in text if c.isprintable() and c not in "`$[]\\")
    return plain if len(plain) <= LONGEST_QUOTE else plain[: LONGEST_QUOTE - 1] + "…"


# ---- what controls take ------------------------------------------------------------------------------------------


def numbers(low: float, high: float, step: float, whole: bool, allowed: str) -> Takes:
    """Numbers from `low` to `high` in steps; a whole one may be spelt 3.0."""

    def read(asked: str) -> float:
        value = float(asked)
        if not low <= value <= high or (whole and not value.is_integer()):
            raise ValueError(asked)
        return fit(value)

    def fit(value: Any) -> float:
        if isinstance(value, bool):
            raise ValueError("a switch is no number")
        inside = min(max(float(value), low), high)  # another control may have narrowed the range
        if inside != inside:
            raise ValueError("not a number")
        on_step = min(low + round((inside - low) / step) * step, high)
        return int(on_step) if whole else inside if abs(on_step - inside) < step * 1e-6 else round(on_step, 10)

    def text(value: float) -> str:
        return str(int(value)) if value == int(value) else str(value)

    return Takes(allowed, read, fit, (low, high, step), text)


def choices(
    options: Mapping[T, Words] | Sequence[T], format: Callable[[T], str], limits: object = None
) -> tuple[list[T], Takes, Callable[[T], str]]:
    """The options, what a control of them takes, and each one's label.

    The link holds an option of a mapping as it is, another by its label; an old link may say the one for the other.
    """
    named = options if isinstance(options, Mapping) else {}
    ids = list(options)
    labels = [named[option] if named else format(option) for option in ids]

    def read(asked: str) -> T:
        names = list(map(str, ids))
        return ids[names.index(asked) if named and asked in names else labels.index(asked)]

    def fit(value: Any) -> T:
        return ids[ids.index(value)]

    def in_link(option: T) -> str:
        # Streamlit also asks for what was chosen before another control narrowed the options.
        return labels[ids.index(option)] if option in ids else str(option)

    said = map(str, ids) if named else labels
    takes = Takes(say("one of {options}", options=", ".join(said)), read, fit, limits, str if named else in_link)
    return ids, takes, lambda option: _(in_link(option))


def named_tabs(names: Sequence[Words]) -> Takes:
    """Tabs by what stands on them; a link names them in English."""
    shown = [_(name) for name in names]

    def read(asked: str) -> str:
        return shown[names.index(asked)]

    def fit(value: Any) -> str:
        return value if value in shown else read(value)

    return Takes(say("one of {options}", options=", ".join(names)), read, fit, tuple(shown))


def only_choice(label: Words, value: str, width: int) -> None:
    """A control with one option: said, not shown."""
    st.markdown(say("{label}  \n**{value}** (the only choice here)", label=_(label), value=value), width=width)


def click_or_type(hint: str) -> str:
    """What stands in the empty field of a picked cell."""
    return say("click a cell, or type {hint}", hint=hint)


def looked_up(words: Words | None) -> str | None:
    """Words that may be left out, in the reader's language."""
    return None if words is None else _(words)


def words(longest: int) -> Takes:
    """Text of at most so many characters."""

    def fit(value: Any) -> str:
        if not isinstance(value, str) or len(value) > longest:
            raise ValueError("too long")
        return value

    return Takes(say("at most {longest} characters", longest=longest), fit, fit, longest)


def switch(value: Any) -> bool:
    """A switch's position, from itself or from its word."""
    asked = str(value).lower()
    if asked not in ("true", "false"):
        raise ValueError(asked)
    return asked == "true"


ON_OFF = Takes(N_("true or false"), switch, switch, text=lambda on: str(on).lower())
