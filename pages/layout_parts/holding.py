"""Who holds the memory of the chain: its peak step by step, and what the last tensor keeps alive."""

from functools import partial

import streamlit as st

from core.experiments.chain import holding as runs
from core.experiments.chain.holding import Holding, Kept
from core.experiments.chain.operation import MAX_STEPS
from core.experiments.chain.operations import Step
from core.experiments.chain.run import Stage
from core.figures import holding as draw
from core.figures.windowed import in_units
from core.ui import board, chain_editor, controls
from core.words import N_, _, say

INTRO = N_("""A storage lives as long as **any** tensor reads it, however little of it. Which tensors live is up to the names that the program keeps:
`y = x.T.contiguous()` lets go of the tensor between, `a = x.T; y = a.contiguous()` does not.""")
NAMES: dict[Kept, str] = {"ends": N_("x0 and the result"), "all": N_("every step"), "result": N_("the result alone")}
PEAK = N_(
    "At its peak, while `{code}` runs, the chain holds **{peak}**; afterwards **{after}** stay, since what lay between is let go."
)
STAYS = N_("At its peak, from `{code}` on, the chain holds **{peak}**, and all of it stays.")
ALONE = N_("x0 holds **{peak}**. Add a step that copies, and see what lives at the same time.")
SMALL = N_("""x{number} reads **{reads}** and keeps **{holds}** alive: **{share:.2%}** of its storage. As long as it lives, nobody can use the rest.
A copy holds what it reads, and lets go of the storage once no other name holds it.""")
WHOLE = N_("x{number} reads all **{holds}** of the storage that it keeps alive.")
MEND = N_("Append `.clone()`: keeps {reads} alive")


def show_holding(ran: list[Stage], stages: tuple[Stage, ...]) -> None:
    """The storages over time, and what the last tensor keeps alive."""
    st.markdown(_(INTRO))
    kept = controls.choice("kept", "Names that are kept", {key: _(label) for key, label in NAMES.items()}, "ends")
    found = runs.holding(ran, kept)
    board.show(draw.over_time(found), name="holding", spelled="{note:holding}.")
    peak = found.peak
    said = ALONE if not peak.code else PEAK if found.after < peak.total else STAYS
    st.markdown(say(said, peak, peak=in_units(peak.total), after=in_units(found.after)))
    show_last(found, stages)


def show_last(found: Holding, stages: tuple[Stage, ...]) -> None:
    """How much of its storage the last tensor reads, and the copy that lets go of the rest."""
    facts = {
        "number": found.number,
        "reads": in_units(found.reads),
        "holds": in_units(found.holds),
        "share": found.share,
    }
    st.markdown(say(WHOLE if found.reads == found.holds else SMALL, facts))
    steps = tuple(stage.step for stage in stages if stage.step is not None)
    if found.reads < found.holds and found.number == len(steps) < MAX_STEPS:
        st.button(say(MEND, facts), key="let go", on_click=partial(chain_editor.write, (*steps, Step("clone"))))
