"""The stage that the memory page looks at, and the picked cell, which keeps its number from stage to stage."""

import streamlit as st

from core.experiments.chain import origins, run
from core.experiments.chain.run import Stage, facts_of
from core.experiments.layout import addresses, window
from core.figures import memory
from core.ui import controls, state

Index = tuple[int, ...]


def look_at(ran: list[Stage]) -> tuple[Stage, Index | None]:
    """The stage that is looked at, and its picked cell. A picked cell keeps its address from stage to stage."""
    names = [memory.name_of(stage) for stage in ran]
    stage = ran[names.index(controls.choice("stage", "Look at", names, names[-1]))]
    keep_address(ran, stage)
    facts = facts_of(stage)
    cell = controls.cell("cell", "Picked cell", facts.layout.shape)
    address = addresses.address(facts.layout, cell) if cell else None
    state.own()["look"] = (stage.number, controls.standing("cell", ""), facts.storage, address)
    return stage, cell


def keep_address(ran: list[Stage], stage: Stage) -> None:
    """Where another stage is looked at than before, the picked cell becomes the one that reads the same number."""
    number, typed, storage, address = state.own().get("look", (None, "", 0, None))
    if number in (None, stage.number) or address is None or controls.standing("cell", "") != typed:
        return
    known = max(storage, facts_of(stage).storage) <= max(facts_of(s).storage for s in ran)
    st.session_state["cell"] = same_number(ran, stage, storage, address) if known else ""


def same_number(ran: list[Stage], stage: Stage, storage: int, address: int) -> str:
    """The index, as the control writes it, at which a stage reads the number at this address; empty where none does."""
    facts = facts_of(stage)
    if stage.whole:
        first = memory.first_at(facts.layout)
        there = run.followed(run.sources(ran), storage, address, facts.storage)
        return next((first[place] for place in there if place in first), "")
    at = origins.of(ran).followed(storage, address, facts.storage)
    index = None if at is None else window.index_at(facts.layout, at)
    return "" if index is None else ", ".join(map(str, index))


def pin(stage: str, index: str) -> None:
    """Look at this stage and pick its cell: what a click in a picture does."""
    state.own().pop("look", None)
    st.session_state["stage"], st.session_state["cell"] = stage, index


def pin_address(reader: str) -> None:
    """Pick the cell of the stage that reads an address of a storage; nothing where none does."""
    if reader:
        pin(*reader.split(" ", 1))
