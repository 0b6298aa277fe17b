"""The frame of a page: the question on top, and below the pictures the same parts in the same order."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import streamlit as st

from core.ops.operator import Operator
from core.ops.threads import settle_thread
from core.topics import PAGES, Topic
from core.ui import (
    board,
    code,
    controls,
    history,
    language,
    link,
    predict,
    share,
    start,
    state,
    take_away,
    timing_panel,
)
from core.words import N_, Words, _, say

# Readers' pages are computed in turn: at once they would only take the interpreter from each other at every call of
# torch, which gives it up, and all would wait longer. What takes seconds runs elsewhere.
ONE_AT_A_TIME = threading.Lock()

STYLE = """<style>
.stMainBlockContainer { padding: 2rem 1.75rem 4rem; max-width: 1500px; }
.stMainBlockContainer h1 { padding: 0 0 .1rem; }
@media (max-width: 640px) {
  .stMainBlockContainer { padding: 4.2rem .8rem 3rem; }
  [data-testid="stButtonGroup"] [role="radiogroup"] { flex-wrap: wrap; row-gap: .25rem; }
}
.stMain:focus-visible { outline: 2px solid currentColor; outline-offset: -2px; }
.st-key-history { display: none; }
[data-testid="stBaseButton-primary"] * { color: light-dark(#fff, #14171c); }
[data-testid="stSidebarContent"] { display: flex; flex-direction: column; }
[data-testid="stSidebarHeader"] { order: -2; flex: none; }
[data-testid="stSidebarUserContent"] { order: -1; flex: none; padding: 0 1.9rem .5rem; }
[data-testid="stSidebarNav"] { flex: none; }
[data-testid="stMarkdownContainer"] table { display: block; overflow-x: auto; max-width: 100%; }
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] * { color: inherit; opacity: 1; }
[data-testid="stCode"] .token:is(.keyword, .function, .class-name) {
  color: color-mix(in srgb, #1c83e1 60%, currentColor); }
[data-testid="stCode"] .token:is(.string, .boolean) { color: color-mix(in srgb, #09ab3b 50%, currentColor); }
[data-testid="stCode"] .token.conversion-option { color: inherit; }
[data-testid="stCode"] .token.number { color: color-mix(in srgb, #29b09d 50%, currentColor); }
[data-testid="stCode"] .token.decorator { color: color-mix(in srgb, #ed6f13 50%, currentColor); }
[data-testid="stCode"] .token.comment { color: color-mix(in srgb, #808495 60%, currentColor); }
@media (prefers-reduced-motion: reduce) {
  *, *::before, *::after { animation: none !important; transition: none !important; scroll-behavior: auto !important; }
}
</style>"""

PROJECTOR = """<style>
html { font-size: 125%; }
.stMainBlockContainer { padding: .5rem 1rem 2rem; max-width: none; }
.stMainBlockContainer h1 { font-size: 1.6rem; padding: 0; }
.stMainBlockContainer [data-testid="stVerticalBlock"] { gap: .55rem; }
.stAppHeader { display: none; }
.stSidebar, [data-testid="stSidebarCollapsedControl"], [data-testid="stExpandSidebarButton"] { display: none; }
</style>"""

HIDE_CONTROLS = "<style>[class*='st-key-controls-'] { display: none; }</style>"
LOOKED_WITH = {"seed", "cell"}  # controls that leave what a link to try has set up as it is
HIDDEN_AS = {"Walk through": "walk", "Take away": "take-away"}  # where a tab's word in a link is not its name


@dataclass(frozen=True)
class Pitfall:
    """A claim that people believe, and the run that refutes it on the reader's input.

    `run` is an experiment with the reader's input bound to it (`partial(runs.two_draws, x, p)`); what it finds out is
    put into `says`, a template for `say` or a function that chooses one by the facts, and drawn by `picture`.
    """

    claim: Words
    run: Callable[[], Any]
    says: Words | Callable[[Any], str]
    picture: Callable[[Any], None] | None = None


@dataclass(frozen=True)
class Try:
    """A link that sets the page up for something worth seeing, and what to look for in it."""

    title: Words
    link: str  # "p=0.9&mode=train"
    look: Words


def page(name: str, lesson: Callable[[Topic], None]) -> None:
    """A topic's page: its title and question, the lesson itself, and the buttons that share and reset it.

    The lesson is a fragment: a control that moves runs it again, and nothing around it.
    """
    topic = next(topic for topic in PAGES if topic.name == name)
    style(name)
    head(topic)

    @st.fragment
    def body() -> None:
        with ONE_AT_A_TIME:
            language.speak()
            settle_thread()
            controls.forget()
            board.forget()
            lesson(topic)
            controls.show_complaints()
            state.say_address()
            start.freeze(name)

    body()


# A browser asks a server that has been restarted for its page only where something on the page runs by itself; else
# the first move would be for a fragment that the new server has never seen. Once a day is enough for that.
@st.fragment(run_every="1D")
def head(topic: Topic) -> None:
    """Title, question, and the buttons that share and reset what the page's controls stood at when they last ran."""
    language.speak()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.title(_(topic.title), anchor=False, width="stretch")
        share.buttons()
    st.markdown(_(topic.question))


def style(name: str = "home") -> None:
    """Bring what the page keeps, and what the theme cannot say: narrower margins, and what the link asks for."""
    language.speak()
    state.enter(name)
    history.keep()
    st.html(
        STYLE
        + language.letters()
        + (PROJECTOR if link.projector() else "")
        + (HIDE_CONTROLS if link.hidden("controls") else "")
    )


def refused(says: str, why: Words = "", mends: Mapping[Words, Callable[[], None]] | None = None) -> None:
    """A refusal in torch's own words, the reason in ours, and what mends it, one click each."""
    st.error(says + (f"  \n{_(why)}" if why else ""), icon=":material/block:")
    with st.container(horizontal=True):
        for label, mend in (mends or {}).items():
            st.button(_(label), key=f"mend {label}", on_click=mend)


def below(
    topic: Topic,
    *,
    pitfalls: Sequence[Pitfall] = (),
    walk: Callable[[], None] | None = None,
    questions: Sequence[predict.Draw] = (),
    take: Callable[[], take_away.TakeAway] | None = None,
    tries: Sequence[Try] = (),
    more: Mapping[Words, Callable[[], None]] | None = None,
    functions: Sequence[Callable[..., Any]] = (),
    operator: Operator | None = None,
) -> None:
    """Everything under the pictures, one tab each; only the open one is computed. `more` are the page's own tabs.

    `functions` are shown as code ahead of the operators. Code and Timing open at `operator`, which the page's controls
    have chosen, or else at the topic's first.
    """
    if tries and not link.hidden("try"):
        show_tries(tries)
    parts: dict[str, Callable[[], None]] = dict(more or {})
    if pitfalls:
        parts[N_("Pitfalls")] = lambda: show_pitfalls(pitfalls)
    if walk:
        parts[N_("Walk through")] = walk
    if questions:
        parts[N_("Predict")] = lambda: predict.show(topic.name, questions)
    operators = with_chosen(topic.operators, operator)
    if operators or functions:
        parts[N_("Code")] = lambda: show_code(operators, functions, operator)
    if operators:
        parts[N_("Timing")] = lambda: timing_panel.show(topic.name, operators, operator)
    if take:
        parts[N_("Take away")] = lambda: take_away.show(topic.name, take())
    names = [name for name in parts if not link.hidden(HIDDEN_AS.get(name, name.lower()))]
    if not names:
        return
    default = "Pitfalls" if "Pitfalls" in names else names[0]
    opened, tabs = controls.tabs_at("tab", names, default)
    with tabs[opened]:
        parts[names[opened]]()


def with_chosen(operators: tuple[Operator, ...], operator: Operator | None) -> tuple[Operator, ...]:
    """The topic's operators, and the chosen one where it belongs to another topic."""
    return operators if operator is None or operator in operators else (*operators, operator)


def show_code(
    operators: tuple[Operator, ...], functions: Sequence[Callable[..., Any]], operator: Operator | None
) -> None:
    """The source of what ran: the page's own functions, then the tiers of its operators."""
    if functions:
        code.show_functions(functions)
    if operators:
        code.show(operators, operator)


def show_pitfalls(pitfalls: Sequence[Pitfall]) -> None:
    """Each claim, to be believed or not, and what the run says of it; that runs once the reader opens it."""
    for number, pitfall in enumerate(pitfalls, start=1):
        part = controls.expander(f"claim{number}", say("**“{claim}”**", claim=_(pitfall.claim)), number == 1)
        if part.open:
            with part:
                refute(pitfall, number)


def refute(pitfall: Pitfall, number: int) -> None:
    """Run it, say and draw what it found, and show its code to whoever asks."""
    facts = pitfall.run()
    st.markdown(say(pitfall.says if isinstance(pitfall.says, str) else pitfall.says(facts), facts))
    if pitfall.picture:
        pitfall.picture(facts)
    if controls.toggle(f"run{number}", "Show the code of this run", linked=False):
        st.code(code.source(pitfall.run), language="python", wrap_lines=True)


def show_tries(tries: Sequence[Try]) -> None:
    """The links of a page, and what to look for once one is chosen; the page says itself which one it stands at.

    A link is chosen where the page stands at what it asks for and else at its defaults; it stays so while the reader
    moves what it does not ask for.
    """
    links = [dict(parse_qsl(each.link)) for each in tries]
    stands = {key: setting.text for key, setting in controls.settings().items()}
    at = {key: stands.get(key, as_in_link(controls.standing(key, ""))) for asked in links for key in asked}
    moved = {key for key, setting in controls.settings().items() if setting.value != setting.default} - LOOKED_WITH
    held = [i for i, asked in enumerate(links) if asked.items() <= at.items()]
    exact = next((i for i in held if moved <= links[i].keys()), None)
    before = state.own().get("try")
    chosen = state.own()["try"] = before if exact is None and before in held else exact
    key = f"try {chosen}"  # another control for another state: what it stands at follows the page

    def set_up() -> None:
        if (picked := st.session_state.get(key)) is not None:
            controls.set_up(links[picked])

    st.pills(
        _("Try"), range(len(tries)), format_func=lambda i: _(tries[i].title), default=chosen, key=key, on_change=set_up
    )
    if chosen is not None:
        st.markdown(_(tries[chosen].look))


def as_in_link(value: Any) -> str:
    """A value as a link spells it, of a tab or a control that is yet to be drawn."""
    return f"{value:g}" if isinstance(value, float) else str(value)
