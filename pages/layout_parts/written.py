"""A number written through one tensor of the chain, and every tensor that it changes."""

from dataclasses import replace

import streamlit as st

from core.experiments.chain import run
from core.experiments.chain.run import Stage
from core.figures import memory
from core.figures.board import Panel
from core.figures.memory import Room
from core.ui import board, controls
from core.words import N_, _, say

Index = tuple[int, ...]
CHANGED = N_(
    """`{at} = {typed}` has changed these tensors of the chain (in brackets, how many elements): **{changed}**."""
)


def write(stages: tuple[Stage, ...], stage: Stage, cell: Index, typed: str, room: Room) -> None:
    """Write a number through one tensor, really, and show every tensor of the chain that changed."""
    try:
        value: complex = int(typed) if typed.strip().lstrip("+-").isdecimal() else float(typed)
    except ValueError:
        controls.complain(say("`{typed}` can't be written here: it is not a number.", typed=controls.quoted(typed)))
        return
    try:
        written = run.write_through(stages, stage.number, cell, value)
    except ValueError as refusal:
        controls.complain(
            say("`{typed}` can't be written here: {refusal}", typed=controls.quoted(typed), refusal=refusal)
        )
        return
    ran = [s for s in stages if s.tensor is not None]
    changed = [f"x{w.number} ({int(w.changed.sum())})" for w in written if w.changed.any()]
    at = f"x{stage.number}[{', '.join(map(str, cell))}]"
    said = say(CHANGED, at=at, typed=controls.quoted(typed), changed=", ".join(changed) or _("none"))
    st.markdown(said)
    traced, shown = memory.trace(ran), memory.plan(ran, stage.number, room)
    changes = {w.number: w for w in written}
    panels = [after_write(s, changes[s.number], traced, shown.side, room.least) for s in shown.stages]
    board.show(*panels, links=[memory.read_table(s) for s in shown.stages], name="written")


def after_write(stage: Stage, written: run.Written, traced: memory.Trace, side: int, least: float) -> Panel:
    """A stage's tensor after the write, its changed elements outlined."""
    changed = [tuple(index) for index in written.changed.nonzero().tolist()]
    title = say("{name} after: {count} changed", name=memory.name_of(stage), count=len(changed))
    return memory.tensor(replace(stage, tensor=written.tensor), traced, side, least, changed, title)
