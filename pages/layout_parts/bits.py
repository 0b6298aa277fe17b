"""The picked number as the bits of each floating-point dtype."""

import streamlit as st

from core.experiments.chain.run import Stage
from core.experiments.layout import bits
from core.figures import bits as draw
from core.ui import board, controls
from core.words import N_, _, say
from core.words.numbers import number

Index = tuple[int, ...]

ABOUT = N_("""A number's bytes hold its **sign**, an **exponent** (the power of two) and a **fraction** (where between two powers of two it lies). The exponent's bits
decide how large and how small a number may be, the fraction's how fine. Look at bfloat16 beside float16: both have 16 bits, and give them away differently.""")
NO_NUMBER = N_("{typed} is no number: write one such as 0.1, 70000 or 1e-6.")
NORMAL = N_(
    "**{dtype}**: {sign}2^{exponent} · {significand:.9g} = **{value:.9g}**, off by {off:.3g}. Its neighbours are {step:.3g} away."
)
EXACT = N_(
    "**{dtype}**: {sign}2^{exponent} · {significand:.9g} = **{value:.9g}**, to the last bit. Its neighbours are {step:.3g} away."
)
SUBNORMAL = N_(
    "**{dtype}**: {sign}2^{exponent} · {significand:.9g} = **{value:.9g}**, off by {off:.3g}: subnormal, for the exponent's bits are all 0. Steps are {step:.3g}, and get no finer."
)
ZERO = N_("**{dtype}**: every bit but the sign's is 0: **0**.")
LOST = N_("**{dtype}**: **0**, for the number is nearer to 0 than to the smallest that this dtype has.")
INFINITE = N_("**{dtype}**: **∞**: the exponent's bits are all 1, the fraction's all 0.")
TOO_LARGE = N_("**{dtype}**: **∞**, for the number is larger than the largest that this dtype has.")
NO_INFINITY = N_(
    "**{dtype}**: **nan**, for the number is larger than the largest that this dtype has, and of its bits none mean ∞."
)
CUT = N_(
    "**{dtype}**: **{value:.9g}**, the largest that this dtype has: the number is larger, and of its bits none mean ∞."
)
NAN = N_("**{dtype}**: **nan**: the exponent's bits are all 1, the fraction's not all 0.")


def show(stage: Stage, cell: Index | None) -> None:
    """The picked cell's number, or one that is typed, in five dtypes."""
    with controls.row("bits"):
        typed = controls.text("number", "Number", first(stage, cell), longest=30, width=200)
    try:
        given = float(typed)
    except ValueError:
        st.error(say(NO_NUMBER, typed=controls.quoted(typed)), icon=":material/error:")
        return
    found = bits.in_all(given)
    st.markdown(_(ABOUT))
    parts = [part for one in found for part in (draw.row(one), board.BREAK)]
    board.show(*parts, spelled={one.dtype: f"`{{at:{one.dtype}}}`: {{note:{one.dtype}}}" for one in found}, name="bits")
    st.markdown("\n".join(f"- {say(verdict(one), one, sign='−' if one.bits[0] == '1' else '')}" for one in found))


def verdict(found: bits.Bits) -> str:
    """What there is to say of a number in a dtype."""
    if found.kind == "normal":
        return CUT if found.cut else NORMAL if found.off else EXACT
    if found.kind == "zero":
        return LOST if found.asked else ZERO
    if found.kind == "infinite":
        return TOO_LARGE if found.overflowed else INFINITE
    if found.kind == "nan":
        return NO_INFINITY if found.asked == found.asked else NAN
    return SUBNORMAL


def first(stage: Stage, cell: Index | None) -> str:
    """The number in the picked cell; 0.1, which no dtype holds, where none is picked or its number is not at hand."""
    if cell is None or not stage.whole or stage.tensor is None or stage.tensor.is_complex():
        return "0.1"
    return number(float(stage.tensor[cell]), 17)
