"""Digits as sequences of patches: a network with one attention, trained while one looks."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from core.experiments import patches
from core.experiments.patches import Setup, Trained
from core.figures import attention as draw
from core.ui import board, controls, process_run
from core.words import N_, _, say

ABOUT = N_("""An image of 28×28 is read as 16 tokens, its patches of 7×7 pixels. One attention over them, written by hand as on this page, layer norm in front of it, the mean of
the tokens behind it, and a linear layer: that is the whole network. It trains on {samples:,} of the shipped digits.""")
BEFORE = N_("Before the first step {right:.0%} of 1,000 test images are right; guessing gets 10%. Press *Train*.")
AFTER = N_("After step {step} of {steps} **{right:.1%}** of 1,000 test images are right.")
WITHOUT = N_(
    "Without positions the network sees the patches of an image in a bag. Train with positions too, and compare."
)
LOOKS = N_("""The network takes this {label} for a **{predicted}** ({probability:.0%}). From the outlined patch its {heads:|head looks|heads look} at the others: the largest weight is **{spread:.1f}** times the
even share of 1/16, and {ink:.0%} of all weight lies on patches with ink, of which there are {even_ink:.0%}.""")


def show(seed: int) -> None:
    """Set-up, training, and where the network looks on an image."""
    with controls.row("digits"):
        heads = controls.choice("patch_heads", "num_heads", (1, 2, 4), 2)
        positions = controls.toggle("positions", "Positions", True)
        steps = controls.slider("steps", "Steps", 60, 600, 300, step=60)
        number = controls.number("image", "Image", 0, 999, 0)
    patch = controls.cell("patch", "Patch that asks", (patches.GRID, patches.GRID), "1,1") or (1, 1)
    st.markdown(say(ABOUT, samples=patches.SAMPLES))
    setup = Setup(heads, positions, steps, seed)
    look = partial(shown, setup, number, patch)
    process_run.show(patches.train, setup, start="Train", doing="It trains.", look=look)


def shown(setup: Setup, number: int, patch: tuple[int, ...], found: Sequence[Trained], under_way: bool) -> None:
    """The network as far as it is trained, and where it looks."""
    last = found[-1] if found else patches.first(setup)
    st.markdown(say(AFTER if last.step else BEFORE, step=last.step, steps=setup.steps, right=last.accuracy))
    seen = patches.looked(setup, last.parameters, number, patch)
    parts, links = draw.digit(seen)
    board.show(
        *parts, links=links, spelled={"looks": "`{at:looks}` = **{looks}**"}, picks={} if under_way else {"image": "patch"},
        name="digit",
    )  # fmt: skip
    st.markdown(say(LOOKS, seen, heads=setup.num_heads))
    if last.losses:
        board.show(*draw.training(last.losses, [(one.step, one.accuracy) for one in found]), name="training")
        st.markdown("" if setup.positions else _(WITHOUT))
