"""Predict, then look: questions whose answers the code computes for the reader's own settings."""

import json
import math
import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import streamlit as st

from core.ui import controls, link
from core.words import Words, _, say

ANSWERS = "_answers"  # where session state keeps them: {Mark: Answer}; nothing outlasts the session
LONGEST_ANSWER = 100


@dataclass(frozen=True)
class Question:
    """One question, its answer as the code computed it, and why it is so.

    With `options` the reader picks one, otherwise types numbers, a shape or a word; numbers count as right within
    `tolerance` of the answer, relative to it.
    """

    ask: Words
    answer: str
    why: Words
    options: tuple[Words, ...] = ()
    tolerance: float = 0.01
    picture: Callable[[], None] | None = None  # draws the explanation
    covers: tuple[str, ...] = ()  # the pictures on the page, by name, that give the answer away while it is asked for

    def accepts(self, given: str) -> bool:
        """Whether an answer says the same as the right one, however it is spelt."""
        ours = numbers(self.answer)
        if ours is not None:
            return any(self._near(ours, theirs) for theirs in readings(given))
        return self.answer.strip().casefold() == given.strip().casefold()

    def understands(self, given: str) -> bool:
        """Whether an answer is of the kind that is asked for: numbers where the right one is numbers."""
        return bool(self.options) or numbers(self.answer) is None or bool(readings(given))

    def _near(self, ours: list[float], theirs: list[float]) -> bool:
        return len(ours) == len(theirs) and all(
            math.isclose(a, b, rel_tol=self.tolerance, abs_tol=self.tolerance / 100)
            or (math.isnan(a) and math.isnan(b))
            for a, b in zip(ours, theirs, strict=True)
        )


Mark = tuple[str, int, int]  # page, number of the question, draw


@dataclass(frozen=True)
class Answer:
    """The reader's first answer to a question."""

    ask: str
    given: str
    right: bool


Draw = Callable[[random.Random], Question]  # makes a question about what is on screen


def numbers(text: str) -> list[float] | None:
    """The numbers of an answer such as `3, 4`, `[3 4]`, `2x3`, `64.6 %`, `1/1.548` or `-0.25`; None for others."""
    bare = re.sub(r"torch\.Size|[()\[\]]", " ", text).replace("×", " ").replace("−", "-").replace("%", " ")
    bare = re.sub(r"(?<=\d)\s*[xX]\s*(?=\d)", " ", bare)
    try:
        found = [_quotient(part) for part in re.sub(r"\s*/\s*", "/", bare.replace(",", " ")).split()]
    except (ValueError, ZeroDivisionError):
        return None
    return found or None


def _quotient(text: str) -> float:
    above, slash, below = text.partition("/")
    return float(above) / (float(below) if slash else 1)


def readings(text: str) -> list[list[float]]:
    """What an answer may mean: its numbers; a percentage is a share too, and a comma between digits can be a point."""
    found = [numbers(text)]
    if text.count("%") == 1 and found[0] and len(found[0]) == 1:
        found.append([found[0][0] / 100])
    if re.fullmatch(r"\s*[-−+]?\d+,\d+\s*%?\s*", text):
        found += readings(text.replace(",", "."))
    return [reading for reading in found if reading]


def show(page: str, draws: Sequence[Draw]) -> None:
    """The questions of a page, each hidden from its answer until the reader commits to one; and the score."""
    with controls.row("questions"):
        draw = controls.number("draw", "Draw", 0, 999, 0, help="Another number, other questions. A link keeps it.")
        if not link.locked("draw"):
            st.button(_("New questions"), icon=":material/casino:", on_click=redraw)
        counted = st.container(width="content")
    covered: set[str] = set()
    for number, make in enumerate(draws):
        question, mark = make(random.Random(f"{page} {number} {draw}")), (page, number, draw)
        with st.container(border=True):
            one(question, mark)
        if mark not in st.session_state.get(ANSWERS, {}):
            covered.update(question.covers)
    if covered:
        st.html(cover(covered))
    counted.markdown(score())


def cover(pictures: Iterable[str]) -> str:
    """The style that hides these pictures, and the line that spells their numbers, while a question is open."""
    chosen = ", ".join(f".board .panel[data-panel={json.dumps(name)}]" for name in sorted(pictures))
    said = json.dumps(_("covered until you answer"), ensure_ascii=False)
    return (
        f"<style>:is({chosen}) > * {{ visibility: hidden !important; }} .board p.line {{ visibility: hidden; }}"
        f":is({chosen})::after {{ content: {said}; position: absolute; inset: 0; display: grid; "
        "place-items: center; visibility: visible; border: 1px dashed; border-radius: .5rem; font-size: .8rem; "
        "text-align: center; }</style>"
    )


def redraw() -> None:
    """Move on to the next draw."""
    st.session_state["draw"] = (int(controls.standing("draw", 0)) + 1) % 1000


def one(question: Question, mark: Mark) -> None:
    """One question: ask, take an answer, then say whether it was right, and why."""
    name = "answer " + " ".join(map(str, mark))
    st.markdown(f"**{_(question.ask)}**")
    with st.form(name, border=False), st.container(horizontal=True, vertical_alignment="center"):
        if question.options:
            given = st.radio(_("Your answer"), question.options, format_func=_, index=None, horizontal=True,
                             key=f"{name} given", label_visibility="collapsed", width="content")  # fmt: skip
        else:
            given = st.text_input(_("Your answer"), max_chars=LONGEST_ANSWER, key=f"{name} given", width=260,
                                  label_visibility="collapsed", placeholder=_("your answer"))  # fmt: skip
        committed = st.form_submit_button(_("Commit"))
    answers: dict[Mark, Answer] = st.session_state.setdefault(ANSWERS, {})
    if mark in answers and answers[mark].ask != question.ask:
        del answers[mark]  # the settings have changed, and with them the question
    if committed and not given:
        st.caption(f":orange[{_('Give an answer first.')}]")
    elif committed and given and not question.understands(given):
        st.caption(f":orange[{_('The answer is a number, or several with commas between them: write it so.')}]")
    elif committed and given and mark not in answers:  # the first answer counts
        answers[mark] = Answer(question.ask, given, question.accepts(given))
    if mark in answers:
        reveal(question, answers[mark])


def reveal(question: Question, answer: Answer) -> None:
    """Right or wrong, and the explanation; only the commitment where a teacher keeps the answers back."""
    said, right, why = _(controls.quoted(answer.given)), _(question.answer), _(question.why)
    if link.hidden("answers"):
        st.info(say("You said **{said}**. The answers are kept back for now.", said=said))
        return
    if answer.right:
        st.success(say("Right: **{right}**. {why}", right=right, why=why), icon=":material/check:")
    else:
        st.error(
            say("You said {said}; it is **{right}**. {why}", said=said, right=right, why=why), icon=":material/close:"
        )
    if question.picture:
        question.picture()


def score() -> str:
    """How many first answers were right, over all pages of this session."""
    answers: dict[Mark, Answer] = st.session_state.get(ANSWERS, {})
    if not answers or link.hidden("answers"):
        return say("{n} answered", n=len(answers))
    right = sum(answer.right for answer in answers.values())
    return say("Score: **{right} of {all}**", right=right, all=len(answers))
