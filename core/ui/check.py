"""The check: the hand-written version against torch's, on what is on screen, values and gradients, now."""

from typing import Literal

import streamlit as st

from core import compare, words
from core.compare import Comparison, Difference
from core.ops.operator import Call, Operator
from core.words import N_, _

LARGEST = N_("largest difference in {kind} **{largest}** (up to {allowed} is rounding)")
JUDGED = N_(". From the {what} in float64 the manual version is off by **{ours}**, torch by **{theirs}**")


def show(operator: Operator, call: Call, seed: int = 0) -> None:
    """The check's one line for an operator."""
    say(operator.name, compare.operator(operator, call, seed))


def say(name: str, result: Comparison) -> None:
    """The check's one line: a badge, the largest differences with what is allowed, and the judge's word if asked."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        text, icon, colour = badge(name, result)
        st.badge(text, icon=icon, color=colour)
        st.markdown(said(result), width="content")


def badge(name: str, result: Comparison) -> tuple[str, str, Literal["green", "blue", "red"]]:
    """Text, icon and colour: whether the two agree, and else which of them float64 finds to be nearer the truth."""
    if result.agrees:
        return words.say("manual {name} agrees with torch", name=_(name)), ":material/check:", "green"
    if result.worst.nearer == "ours":
        return words.say("manual {name} is nearer float64 than torch", name=_(name)), ":material/balance:", "blue"
    return words.say("manual {name} differs from torch", name=_(name)), ":material/close:", "red"


def said(result: Comparison) -> str:
    """The largest difference in values and in gradients, each with what is allowed, and what float64 says of them."""
    differences = _part("values", result.values)
    if result.gradients:
        differences = words.say("{first}, {then}", first=differences, then=_part("gradients", result.gradients))
    judged = [d for d in (*result.values, *result.gradients) if d.ours_off is not None]
    return differences + "".join(_judgement(d) for d in judged)


def _part(kind: words.Words, found: tuple[Difference, ...]) -> str:
    worst = max(found, key=lambda d: (bool(d.misfit), d.largest - d.allowed), default=Difference(kind, 0.0, 0.0))
    if worst.misfit:
        return f"{worst}"
    return words.say(LARGEST, kind=_(kind), largest=worst.largest, allowed=worst.allowed)


def _judgement(found: Difference) -> str:
    assert found.ours_off is not None
    assert found.theirs_off is not None
    return words.say(JUDGED, what=_(found.what), ours=found.ours_off, theirs=found.theirs_off)
