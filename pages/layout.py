"""Memory layout: a chain of operations on a real tensor, and where every number lies at each step."""

import random
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import streamlit as st
import torch
from torch import Tensor
from torch.utils.benchmark import Timer

from core.experiments.chain import large
from core.experiments.chain import operations as steps
from core.experiments.chain import run as chain
from core.experiments.chain.operations import Step
from core.experiments.chain.run import Facts, Stage
from core.experiments.layout import addresses, cache, rule
from core.experiments.layout.rule import Layout
from core.figures import colour, memory
from core.figures.board import Panel
from core.figures.heatmap import PROJECTED_TEXT, SMALLEST_TEXT, Picture
from core.figures.walk import record
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, chain_editor, controls, frame, link, state, walk
from core.ui.board import At, Part
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

LINE_BYTES = 64
ROOM = memory.Room(950, 412, largest=40, least=SMALLEST_TEXT)  # above the fold of 1280×720
ROOM_ON_A_PROJECTOR = memory.Room(1190, 325, largest=56, least=PROJECTED_TEXT)
Index = tuple[int, ...]


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    above = controls.main()
    with above:
        chain_editor.presets()
    stages = chain_editor.show()
    ran = [stage for stage in stages if stage.tensor is not None]
    with above:
        stage, cell = look_at(ran)
        value = controls.text("write", "Write into it", longest=12, placeholder="a number: 99", width=140)
    show_chain(ran, stage, cell)
    if cell and value.strip():
        write(stages, stage, cell, value)
    for refused in (s for s in stages if s.status == "refused"):
        show_refusal(refused, stages)
    agreement(stages)
    facts_table(stages)
    frame.below(
        topic,
        pitfalls=pitfalls(stage),
        walk=lambda: walk_in_order(stage),
        questions=questions(stages, stage),
        take=lambda: take(stages),
        more={"Merging": lambda: show_merging(stage.facts), "Cost": lambda: show_cost(ran)},
    )


# ---- the picked cell -------------------------------------------------------------------------------------------


def look_at(ran: list[Stage]) -> tuple[Stage, Index | None]:
    """The stage that is looked at, and its picked cell. A picked cell keeps its address from stage to stage."""
    names = [memory.name_of(stage) for stage in ran]
    stage = ran[names.index(controls.choice("stage", "Look at", names, names[-1]))]
    keep_address(ran, stage)
    facts = memory.of(stage)
    cell = controls.cell("cell", "Picked cell", facts.layout.shape)
    address = addresses.address(facts.layout, cell) if cell else None
    state.own()["look"] = (stage.number, controls.standing("cell", ""), facts.storage, address)
    return stage, cell


def keep_address(ran: list[Stage], stage: Stage) -> None:
    """Where another stage is looked at than before, the picked cell becomes the one that reads the same number."""
    number, typed, storage, address = state.own().get("look", (None, "", 0, None))
    if number in (None, stage.number) or address is None or controls.standing("cell", "") != typed:
        return
    facts, copies = memory.of(stage), chain.sources(ran)
    first = memory.first_at(facts.layout)
    known = max(storage, facts.storage) <= max(copies, default=0)
    there = chain.followed(copies, storage, address, facts.storage) if known else []
    st.session_state["cell"] = next((first[place] for place in there if place in first), "")


def pin(stage: str, index: str) -> None:
    """Look at this stage and pick its cell: what a click in a picture does."""
    state.own().pop("look", None)
    st.session_state["stage"], st.session_state["cell"] = stage, index


def pin_address(reader: str) -> None:
    """Pick the cell of the stage that reads an address of a storage; nothing where none does."""
    if reader:
        pin(*reader.split(" ", 1))


# ---- the facts and the pictures --------------------------------------------------------------------------------


def show_chain(ran: list[Stage], stage: Stage, cell: Index | None) -> None:
    """The stages and their storages; cells that hang together read one address, the same colour is the same address."""
    drawn = memory.draw_chain(ran, stage, ROOM_ON_A_PROJECTOR if link.projector() else ROOM)
    count, held = len(drawn.tensors), len(drawn.strips)
    parts: list[Part]
    if drawn.plan.beside:
        parts = [At(1, column, panel, held, "start") for column, panel in enumerate(drawn.tensors, 1)]
        parts += [At(row, count + 1, panel, align="start") for row, panel in enumerate(drawn.strips, 1)]
    else:
        parts = [*drawn.tensors, board.BREAK, *drawn.strips]
    tensors = {panel.name: partial(pin, panel.name) for panel in drawn.tensors}
    board.show(
        *parts, links=drawn.relations, spelled=drawn.spelled,
        picks=tensors | {panel.name: pin_address for panel in drawn.strips},
        pinned=(memory.name_of(stage), cell) if cell else None,
    )  # fmt: skip
    if count < len(ran):
        st.caption(f"Shown are {', '.join(tensors)}; *Look at* another stage to see it and its neighbours.")


def facts_table(stages: tuple[Stage, ...]) -> None:
    """One line a stage: what is true of its real tensor; and what is worth knowing about a step."""
    rows = ["| step | storage | shape | stride | offset | contiguous |", "|---" * 6 + "|"]
    st.markdown("\n".join(rows + [facts_row(stage) for stage in stages]))
    for stage in stages:
        if stage.facts is not None and stage.explanation:
            st.markdown(f"`{stage.code}`: {stage.explanation}")


VERDICTS = {
    "start": ":gray-badge[{}]", "view": ":green-badge[view of {}]", "copy": ":orange-badge[copy: {}]",
    "itself": ":green-badge[itself, in {}]", "in place": ":violet-badge[in place, in {}]",
}  # fmt: skip


def facts_row(stage: Stage) -> str:
    """The stage's line of the table."""
    facts = stage.facts
    if facts is None:
        said = f":red-badge[refused: {stage.error_type}]" if stage.status == "refused" else ":gray-badge[not run]"
        return f"| `{stage.code}` | {said} | | | | |"
    contiguous = "yes" if facts.is_contiguous else "no, but channels_last" if facts.is_channels_last else "no"
    return (
        f"| `{stage.code}` | {VERDICTS[facts.verdict].format(memory.letter(facts.storage))} | "
        f"{plain(facts.layout.shape)} | {plain(facts.layout.stride)} | {facts.layout.storage_offset} | {contiguous} |"
    )


def plain(numbers: tuple[int, ...]) -> str:
    """A shape or stride as torch writes it."""
    return f"({', '.join(map(str, numbers))}{',' if len(numbers) == 1 else ''})"


def write(stages: tuple[Stage, ...], stage: Stage, cell: Index, typed: str) -> None:
    """Write a number through one tensor, really, and show every tensor of the chain that changed."""
    try:
        value: complex = int(typed) if typed.strip().lstrip("+-").isdecimal() else float(typed)
    except ValueError:
        controls.complain(f"`{controls.quoted(typed)}` can't be written here: it is not a number.")
        return
    try:
        written = chain.write_through(stages, stage.number, cell, value)
    except ValueError as refusal:
        controls.complain(f"`{controls.quoted(typed)}` can't be written here: {refusal}")
        return
    ran = [s for s in stages if s.tensor is not None]
    changed = [f"x{w.number} ({int(w.changed.sum())})" for w in written if w.changed.any()]
    st.markdown(
        f"`x{stage.number}[{', '.join(map(str, cell))}] = {controls.quoted(typed)}` has changed these tensors of the "
        f"chain (in brackets, how many elements): **{', '.join(changed) or 'none'}**."
    )
    traced, shown = memory.trace(ran), memory.plan(ran, stage.number, ROOM)
    changes = {w.number: w for w in written}
    panels = [after_write(s, changes[s.number], traced, shown.side) for s in shown.stages]
    board.show(*panels, links=[memory.read_table(s) for s in shown.stages], name="written")


def after_write(stage: Stage, written: chain.Written, traced: memory.Trace, side: int) -> Panel:
    """A stage's tensor after the write, its changed elements outlined."""
    changed = [tuple(index) for index in written.changed.nonzero().tolist()]
    title = f"{memory.name_of(stage)} after: {len(changed)} changed"
    return memory.tensor(replace(stage, tensor=written.tensor), traced, side, ROOM.least, changed, title)


# ---- where view is refused -------------------------------------------------------------------------------------


def show_refusal(stage: Stage, stages: tuple[Stage, ...]) -> None:
    """torch's own words, the pair of dimensions behind them, and what reshape does instead."""
    said = f" torch says: {stage.error_type}: {stage.message}" if stage.message else ""
    st.error(f"`{stage.code}` is refused.{said}", icon=":material/block:")
    if stage.explanation:
        st.markdown(stage.explanation)
    tensor = stages[stage.number - 1]
    if stage.refusals and tensor.facts is not None:
        board.alone(memory.dimensions(tensor.facts.layout, stage.refusals), stage.explanation, name="refused")
    if stage.instead is not None:
        st.markdown(
            f"`reshape` would make a **copy** instead, of shape {plain(stage.instead.shape)} with strides "
            f"{plain(stage.instead.stride)}: it reads the tensor in order and writes a new storage."
        )


def show_merging(facts: Facts | None) -> None:
    """Which dimensions one stride could walk: the condition of view."""
    assert facts is not None
    groups = rule.merged_groups(facts.layout)
    said = ", ".join(f"{plain(g.dims)}: size {g.size}, stride {g.stride}" for g in groups)
    st.markdown(
        "Two neighbouring dimensions merge where stride[left] = stride[right]·shape[right]. `view` may cut and join "
        f"within a group of dimensions that merge, never across. Here the groups of dimensions are {said or 'none'}."
    )
    board.alone(memory.dimensions(facts.layout), f"Groups of dimensions that merge: {said}", name="merging")


def agreement(stages: tuple[Stage, ...]) -> None:
    """The check: what our reasoning in integers said of every step, against what torch did."""
    judged = [s for s in stages if s.facts is not None or s.message]  # torch did it, or refused it
    right = sum(s.agrees for s in judged)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if right == len(judged):
            st.badge("our reasoning agrees with torch", icon=":material/check:", color="green")
        else:
            st.badge("our reasoning differs from torch", icon=":material/close:", color="red")
        st.markdown(f"**{right} of {len(judged)}** tensors foretold from integers alone", width="content")


# ---- what it costs ---------------------------------------------------------------------------------------------


def show_cost(ran: list[Stage]) -> None:
    """Cache lines of a walk in reading order for every stage, and a measured sum on a button."""
    st.markdown(
        "Memory comes in lines of 64 bytes. A walk in reading order through a cache of 8 lines, which forgets the "
        "line used longest ago (a scale model for tensors of this size):"
    )
    rows = ["| | lines touched | fetched | fetched again | lines the numbers would fill |", "|---" * 5 + "|"]
    for stage in ran:
        assert stage.facts is not None
        lines = cache.cache_lines(stage.facts.layout, stage.facts.itemsize, LINE_BYTES)
        rows.append(f"| `x{stage.number}` | {lines.touched} | {lines.fetched} | {lines.refetched} | {lines.least} |")
    st.markdown("\n".join(rows))
    if st.button("Measure a sum on this machine", icon=":material/timer:"):
        measure(ran[-1])


def measure(stage: Stage) -> None:
    """Time a sum over a large tensor with this stage's strides, and over a contiguous one of the same shape."""
    assert stage.facts is not None
    strided = large.make_large(stage.facts.layout, torch.float32)
    packed = strided.clone(memory_format=torch.contiguous_format)
    rows = ["| tensor | ns an element |", "|---|---|"]
    for name, x in ((f"strides {plain(strided.stride())}", strided), (f"contiguous {plain(packed.stride())}", packed)):
        timer = Timer("x.cumsum(-1)", globals={"x": x}, num_threads=1)
        rows.append(f"| {name} | {timer.blocked_autorange(min_run_time=0.2).median / max(x.numel(), 1) * 1e9:.3g} |")
    st.markdown(
        f"`cumsum(-1)` walks in reading order, as `sum` need not; shape {plain(tuple(strided.shape))}, one thread:\n\n"
        + "\n".join(rows)
    )


# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(stage: Stage) -> list[Pitfall]:
    """What people believe of layout, the tutorial's claims first."""
    return [
        Pitfall("view works on contiguous tensors only", lambda: view_without_contiguity(stage)),
        Pitfall("We cannot know whether reshape copies, so avoid it", lambda: reshape_is_predictable(stage)),
        Pitfall("After permute or transpose a tensor is never contiguous", permuted_and_contiguous),
        Pitfall("view and permute to the same shape give the same tensor", view_is_not_permute),
        Pitfall("clone() before view makes it work", clone_keeps_strides),
        Pitfall("A small view holds a small piece of memory", lambda: view_holds_all(stage)),
    ]


def view_without_contiguity(stage: Stage) -> None:
    """A view of a tensor that is not contiguous, and what the tensor on screen allows."""
    x = torch.arange(32).reshape(4, 8)[:, ::2]
    y = x.view(16)
    facts = stage.facts
    assert facts is not None
    groups = rule.merged_groups(facts.layout)
    st.markdown(
        f"`x = arange(32).reshape(4, 8)[:, ::2]` has strides {plain(x.stride())} and `is_contiguous()` is "
        f"**{x.is_contiguous()}**; `x.view(16)` works all the same, with stride {plain(y.stride())} and the same "
        f"storage (**{chain.shares_storage(x, y)}**). The rule is that strides fit: stride[left] = "
        f"stride[right]·shape[right] for the dimensions to be joined. The tensor on screen, x{stage.number}, falls "
        f"into **{len(groups)}** group{'s' if len(groups) != 1 else ''} of dimensions that may be joined."
    )


def reshape_is_predictable(stage: Stage) -> None:
    """Our prediction of reshape for every shape of two factors, held against what torch does."""
    facts = stage.facts
    assert facts is not None
    assert stage.tensor is not None
    count = facts.layout.numel
    shapes = [(d, count // d) for d in range(1, count + 1) if count % d == 0][:24]
    rows = []
    for shape in shapes:
        foreseen = "view" if rule.view_stride(facts.layout, shape) is not None else "copy"
        happened = "view" if chain.shares_storage(stage.tensor, stage.tensor.reshape(shape)) else "copy"
        rows.append((shape, foreseen, happened))
    right = sum(foreseen == happened for _, foreseen, happened in rows)
    views = [str(shape) for shape, _, happened in rows if happened == "view"]
    st.markdown(
        f"For x{stage.number} and all {len(rows)} shapes of two factors, the strides foretold it **{right} of "
        f"{len(rows)}** times. A view: {', '.join(views) or 'none'}; the others are copies."
    )


def permuted_and_contiguous() -> None:
    """A permuted tensor that is contiguous."""
    x = torch.zeros(3, 1, 4).permute(1, 0, 2)
    y = torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last).permute(0, 2, 3, 1)
    st.markdown(
        f"`zeros(3, 1, 4).permute(1, 0, 2).is_contiguous()` is **{x.is_contiguous()}**, since a dimension of size 1 "
        f"takes no step; a channels_last tensor permuted to NHWC: **{y.is_contiguous()}**."
    )


def view_is_not_permute() -> None:
    """The tutorial's example, both ways."""
    x = torch.arange(5).repeat(6, 1)
    viewed, permuted = x.view(5, 6), x.permute(1, 0)
    st.markdown(
        "The tutorial's 6×5 tensor, once viewed as 5×6 (its comment says 5*5), once permuted: "
        f"**{int((viewed != permuted).sum())} of {x.numel()}** numbers differ. Strides {plain(viewed.stride())} read "
        f"the storage straight on, {plain(permuted.stride())} jump down the columns. Neither moved a number."
    )
    board.show(
        Picture("view", viewed, colour.identity(5), "x.view(5, 6)", axes="i j"), "≠",
        Picture("permute", permuted, colour.identity(5), "x.permute(1, 0)", axes="i j"), cell=30, name="both",
    )  # fmt: skip


def clone_keeps_strides() -> None:
    """clone keeps the order in memory; contiguous makes it fit."""
    x = torch.zeros(3, 4).t()
    try:
        x.clone().view(12)
        said = "it worked"
    except RuntimeError as refusal:
        said = f"“{refusal}”"
    st.markdown(
        f"`zeros(3, 4).t().clone()` has strides {plain(x.clone().stride())}, as before: `view(12)` gives {said} "
        f"`contiguous()` makes strides {plain(x.contiguous().stride())}, and view works."
    )


def view_holds_all(stage: Stage) -> None:
    """Bytes viewed against bytes held."""
    x = torch.zeros(1000, 1000)
    row = x[0]
    facts = stage.facts
    assert facts is not None
    st.markdown(
        f"One row of a 1000×1000 tensor shows {row.numel() * row.element_size():,} bytes and keeps "
        f"**{row.untyped_storage().nbytes():,}** alive; its clone keeps {row.clone().untyped_storage().nbytes():,}. "
        f"x{stage.number} shows {facts.extent.bytes_viewed} and holds {facts.extent.bytes_held}."
    )


# ---- walk, questions, take away --------------------------------------------------------------------------------


def read_in_order(storage: Tensor, shape: Index, stride: Index, storage_offset: int) -> Tensor:
    """Fetch every number of a tensor from its storage, in reading order."""
    values = torch.full(shape, torch.nan)
    for index in product(*map(range, shape)):
        address = storage_offset + sum(i * s for i, s in zip(index, stride, strict=True))
        values[index] = storage[address]
    return values


def walk_in_order(stage: Stage) -> None:
    """The walk through the chosen tensor: which cell of the strip each element comes from."""
    facts = stage.facts
    assert facts is not None
    storage = stage.cells.real.float() if stage.cells.is_complex() else stage.cells.float()
    run = record(
        read_in_order, storage, facts.layout.shape, facts.layout.stride, facts.layout.storage_offset,
        panels=("storage", "values"),
        reads=lambda now: {"storage": [(now.names["address"],)]} if now.line == 5 else {},
        note=lambda now: note(now.names, facts.layout) if now.line == 5 else "",
    )  # fmt: skip
    scale = colour.signed(storage)
    walk.show(run, {"storage": scale, "values": scale}, key="walk")


def note(names: Mapping[str, Any], where: Layout) -> str:
    """The address sum of the element that is being fetched."""
    return f"values{list(names['index'])}: {addresses.address_terms(where, names['index'])}"


def questions(stages: tuple[Stage, ...], stage: Stage) -> list:
    """Questions on the chain on screen."""
    facts = stage.facts
    assert facts is not None

    def where(draw: random.Random) -> Question:
        cell = tuple(draw.randrange(n) for n in facts.layout.shape)
        terms = addresses.address_terms(facts.layout, cell)
        return Question(
            f"At which address of its storage does x{stage.number}{list(cell)} lie? "
            f"Strides {plain(facts.layout.stride)}, offset {facts.layout.storage_offset}.",
            str(terms.address),
            f"offset + index·stride: {terms}.",
        )

    def next_step(draw: random.Random) -> tuple[Step, Stage]:
        step = steps.default_step(draw.choice(steps.usable(facts.layout)), facts.layout)
        assert stage.tensor is not None
        return step, chain.run_chain(stage.tensor, [step])[-1]

    def view_or_copy(draw: random.Random) -> Question:
        step, after = next_step(draw)
        assert after.facts is not None
        verdict = "a copy" if after.facts.verdict == "copy" else "the same storage"
        return Question(
            f"Next comes `{step.code(f'x{stage.number}')}`. Does it read the same storage, or a copy?",
            verdict,
            f"The storage pointers of the two real tensors say so. {after.explanation}",
            ("the same storage", "a copy"),
        )

    def strides(draw: random.Random) -> Question:
        step, after = next_step(draw)
        assert after.facts is not None
        return Question(
            f"Which strides does `{step.code(f'x{stage.number}')}` have? "
            f"Its shape is {plain(after.facts.layout.shape)}.",
            plain(after.facts.layout.stride),
            f"{step.operation.description.capitalize()}.",
        )

    def how_many_change(draw: random.Random) -> Question:
        cell = tuple(draw.randrange(n) for n in facts.layout.shape)
        written = chain.write_through(stages, stage.number, cell, 77)
        return Question(
            f"Someone writes 77 into x{stage.number}{list(cell)}. "
            f"How many of the tensors x0 … x{written[-1].number} change?",
            str(sum(bool(w.changed.any()) for w in written)),
            "All that read that cell of that storage: "
            + (", ".join(f"x{w.number}" for w in written if w.changed.any()) or "none")
            + ".",
        )

    return [where, view_or_copy, strides, how_many_change] if facts.layout.numel else [view_or_copy, strides]


def take(stages: tuple[Stage, ...]) -> TakeAway:
    """The chain as a script that prints every tensor and its strides."""
    ran = [stage for stage in stages if stage.tensor is not None]
    tensors = {f"x{stage.number}": stage.tensor for stage in ran if stage.tensor is not None}
    calls = [stage.code for stage in ran[1:]]
    calls += [f"x{s.number}_stride = torch.tensor(x{s.number}.stride())" for s in ran]
    names = [name for stage in ran for name in (f"x{stage.number}", f"x{stage.number}_stride")]
    return TakeAway(Script("Memory layout", {"x0": tensors["x0"]}, (), tuple(calls), tuple(names)), tensors)


frame.page("layout", lesson)
