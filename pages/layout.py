"""Memory layout: a chain of operations on a real tensor, and where every number lies at each step."""

import random
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import streamlit as st
import torch
from torch import Tensor
from torch.utils.benchmark import Timer

from core.figures import colour, memory
from core.figures.heatmap import Outline, Picture, cell_size, number
from core.figures.walk import record
from core.ops import chain, layout
from core.ops.chain import Facts, Stage, Step
from core.ops.layout import Layout
from core.tensors.script import Script
from core.topics import Topic
from core.ui import chain_editor, controls, frame, pictures, walk
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

LINE_BYTES = 64
LETTERS = "ABCDEFGHIJKLM"  # names of storages
READABLE = 26  # pixels of a cell that holds two digits
Index = tuple[int, ...]


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    stages = chain_editor.show()
    ran = [stage for stage in stages if stage.tensor is not None]
    with controls.row("stage"):
        names = [f"x{stage.number}" for stage in ran]
        chosen = controls.choice("stage", "Look at", names, names[-1], few=8)
        stage = ran[names.index(chosen)]
        assert stage.facts is not None
        cell = controls.cell("cell", "Picked cell", stage.facts.layout.shape)
        value = controls.text("write", "Write into it", longest=12, placeholder="a number, such as 99", width=190)
    before = stages[stage.number - 1] if stage.number else None
    facts_table(stages)
    draw(stage, before, cell)
    if cell:
        st.markdown(spelled(stage, cell))
    if cell and value.strip():
        write(stages, stage, cell, value)
    for refused in (s for s in stages if s.status == "refused"):
        show_refusal(refused, stages)
    agreement(stages)
    frame.below(
        topic,
        pitfalls=pitfalls(stage),
        walk=lambda: walk_in_order(stage),
        questions=questions(stages, stage),
        take=lambda: take(stages),
        more={"Merging": lambda: show_merging(stage.facts), "Cost": lambda: show_cost(ran)},
    )


# ---- the facts and the pictures --------------------------------------------------------------------------------


def facts_table(stages: tuple[Stage, ...]) -> None:
    """One line a stage: what is true of its real tensor."""
    rows = [
        "| step | shape | stride | offset | contiguous | viewed / held | view or copy | storage |",
        "|---" * 8 + "|",
    ]
    rows += [facts_row(stage) for stage in stages]
    st.markdown("\n".join(rows))


VERDICTS = {
    "start": "", "view": ":green-badge[view]", "copy": ":orange-badge[copy]", "itself": ":green-badge[itself]",
    "in place": ":violet-badge[in place]",
}  # fmt: skip


def facts_row(stage: Stage) -> str:
    """The stage's line of the table."""
    facts = stage.facts
    if facts is None:
        said = f":red-badge[refused: {stage.error_type}]" if stage.status == "refused" else ":gray-badge[not run]"
        return f"| `{stage.code}` | | | | | | {said} | |"
    contiguous = "yes" if facts.is_contiguous else "no, but channels_last" if facts.is_channels_last else "no"
    return (
        f"| `{stage.code}` | {plain(facts.layout.shape)} | {plain(facts.layout.stride)} | "
        f"{facts.layout.storage_offset} | {contiguous} | {facts.extent.bytes_viewed} / {facts.extent.bytes_held} B | "
        f"{VERDICTS[facts.verdict]} | {LETTERS[facts.storage]} |"
    )


def plain(numbers: tuple[int, ...]) -> str:
    """A shape or stride as torch writes it."""
    return f"({', '.join(map(str, numbers))}{',' if len(numbers) == 1 else ''})"


def texts_of(tensor: Tensor, unknown: frozenset[int], where: list[int]) -> list[str]:
    """What stands in each element; a question mark where torch has written nothing."""
    values = tensor.flatten().tolist()
    return [
        "?" if address in unknown else str(v) if isinstance(v, (bool, complex)) else number(v)
        for v, address in zip(values, where, strict=True)
    ]


def by_address(stage: Stage, facts: Facts, outlined: list[Index], picks: list[str] | None) -> Picture:
    """A stage's tensor, coloured by where each number lies."""
    assert stage.tensor is not None
    where = layout.reading_order(facts.layout)
    name = f"x{stage.number}"
    return Picture(
        name,
        torch.tensor(where, dtype=torch.float64).reshape(facts.layout.shape),
        colour.identity(facts.layout.storage_size),
        f"{name} {plain(facts.layout.shape)}, storage {LETTERS[facts.storage]}",
        outlines=[Outline(outlined)] if outlined else [],
        texts=texts_of(stage.tensor, facts.uninitialised, where),
        pickable=True,
        picks=picks,
    )


def first_at(facts: Facts) -> dict[int, str]:
    """For every address read, the first index that reads it, as the control of the picked cell writes it."""
    indices = product(*map(range, facts.layout.shape))
    first: dict[int, str] = {}
    for address, index in zip(layout.reading_order(facts.layout), indices, strict=True):
        first.setdefault(address, ",".join(map(str, index)))
    return first


def draw(stage: Stage, before: Stage | None, cell: Index | None) -> None:
    """The stage before, the stage itself, and their storage in address order; the same colour is the same address."""
    facts = stage.facts
    assert facts is not None
    address = layout.address(facts.layout, cell) if cell else None
    here = layout.indices_at(facts.layout, address) if address is not None else []
    shown = [(stage, facts, by_address(stage, facts, here, None))]
    if before is not None and before.facts is not None:
        shown.insert(0, (before, before.facts, seen_from(before, before.facts, facts, address)))
    shapes = [picture.values.shape for _, _, picture in shown]
    side = max(cell_size(shapes, width=560, height=300), min(READABLE, cell_size(shapes, height=3000)))
    with st.container(horizontal=True, gap="xsmall"):
        for _, _, picture in shown:
            pictures.one(picture, side, "cell", f"tensor {picture.name}")
        if len({f.storage for _, f, _ in shown}) == 2:
            one_strip(shown[0][0], shown[0][1], dict.fromkeys(layout.reading_order(shown[0][1].layout), ""), None)
        one_strip(stage, facts, first_at(facts), address)


def seen_from(before: Stage, facts: Facts, later: Facts, address: int | None) -> Picture:
    """The stage before, linked to the later one where both read one storage."""
    same = facts.storage == later.storage
    there = layout.indices_at(facts.layout, address) if same and address is not None else []
    first = first_at(later) if same else {}
    return by_address(before, facts, there, [first.get(a, "") for a in layout.reading_order(facts.layout)])


def one_strip(stage: Stage, facts: Facts, picks: dict[int, str], address: int | None) -> None:
    """One storage as a strip of cells."""
    cells = stage.cells
    held, letter = len(cells), LETTERS[facts.storage]
    texts = texts_of(cells, facts.uninitialised, list(range(held)))
    title = f"storage {letter}: {held} cells of {facts.itemsize} B"
    wanted = memory.Strip("storage", texts, picks, [] if address is None else [address], title)
    alt = (
        f"{title}, one cache line of {LINE_BYTES} bytes a row, {facts.extent.distinct} cells read by x{stage.number}. "
        f"In address order: {', '.join(texts[:24])}{', …' if held > 24 else ''}"
    )
    pictures.pickable(memory.strip(wanted, LINE_BYTES // facts.itemsize), alt, key=f"storage {letter}", cell_key="cell")


def spelled(stage: Stage, cell: Index) -> str:
    """The address of the picked cell in numbers, and who else lies there."""
    facts = stage.facts
    assert facts is not None
    assert stage.tensor is not None
    terms = layout.address_terms(facts.layout, cell)
    symbols = "".join(f" + i{d}·stride{d}" for d in range(len(cell)))
    others = [i for i in layout.indices_at(facts.layout, terms.address) if i != cell]
    shared = (
        f" The same cell is read by {', '.join(map(str, others[:8]))}{' …' if len(others) > 8 else ''}."
        if others
        else ""
    )
    byte = terms.address * facts.itemsize
    return (
        f"`x{stage.number}[{', '.join(map(str, cell))}]`: address = offset{symbols} = **{terms}**, "
        f"byte {byte}, cache line {byte // LINE_BYTES}.{shared}"
    )


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
    changed = [f"x{w.number} ({int(w.changed.sum())})" for w in written if w.changed.any()]
    st.markdown(
        f"`x{stage.number}[{', '.join(map(str, cell))}] = {controls.quoted(typed)}` has changed these tensors of the "
        f"chain (in brackets, how many elements): **{', '.join(changed) or 'none'}**."
    )
    pictures.many([after_write(stages[w.number], w) for w in written], name="written")


def after_write(stage: Stage, written: chain.Written) -> Picture:
    """A stage's tensor after the write, its changed elements outlined."""
    assert stage.facts is not None
    changed = [tuple(index) for index in written.changed.nonzero().tolist()]
    picture = by_address(replace(stage, tensor=written.tensor), stage.facts, changed, None)
    return replace(picture, title=f"x{stage.number}: {len(changed)} changed", pickable=False)


# ---- where view is refused -------------------------------------------------------------------------------------


def show_refusal(stage: Stage, stages: tuple[Stage, ...]) -> None:
    """torch's own words, the pair of dimensions behind them, and what reshape does instead."""
    said = f" torch says: {stage.error_type}: {stage.message}" if stage.message else ""
    st.error(f"`{stage.code}` is refused.{said}", icon=":material/block:")
    if stage.explanation:
        st.markdown(stage.explanation)
    tensor = stages[stage.number - 1]
    if stage.refusals and tensor.facts is not None:
        pictures.show(memory.dimensions(tensor.facts.layout, stage.refusals), stage.explanation, key="refused")
    if stage.instead is not None:
        st.markdown(
            f"`reshape` would make a **copy** instead, of shape {plain(stage.instead.shape)} with strides "
            f"{plain(stage.instead.stride)}: it reads the tensor in order and writes a new storage."
        )


def show_merging(facts: Facts | None) -> None:
    """Which dimensions one stride could walk: the condition of view."""
    assert facts is not None
    groups = layout.merged_groups(facts.layout)
    said = ", ".join(f"{plain(g.dims)}: size {g.size}, stride {g.stride}" for g in groups)
    st.markdown(
        "Two neighbouring dimensions merge where stride[left] = stride[right]·shape[right]. `view` may cut and join "
        f"within a group of dimensions that merge, never across. Here the groups of dimensions are {said or 'none'}."
    )
    pictures.show(memory.dimensions(facts.layout), f"Groups of dimensions that merge: {said}", key="merging")


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
        lines = layout.cache_lines(stage.facts.layout, stage.facts.itemsize, LINE_BYTES)
        rows.append(f"| `x{stage.number}` | {lines.touched} | {lines.fetched} | {lines.refetched} | {lines.least} |")
    st.markdown("\n".join(rows))
    if st.button("Measure a sum on this machine", icon=":material/timer:"):
        measure(ran[-1])


def measure(stage: Stage) -> None:
    """Time a sum over a large tensor with this stage's strides, and over a contiguous one of the same shape."""
    assert stage.facts is not None
    strided = chain.make_large(stage.facts.layout, torch.float32)
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
    groups = layout.merged_groups(facts.layout)
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
        foreseen = "view" if layout.view_stride(facts.layout, shape) is not None else "copy"
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
    pictures.equation(
        Picture("view", viewed, colour.identity(5), "x.view(5, 6)"), "≠",
        Picture("permute", permuted, colour.identity(5), "x.permute(1, 0)"), cell=30, name="both",
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
    return f"values{list(names['index'])}: {layout.address_terms(where, names['index'])}"


def questions(stages: tuple[Stage, ...], stage: Stage) -> list:
    """Questions on the chain on screen."""
    facts = stage.facts
    assert facts is not None

    def where(draw: random.Random) -> Question:
        cell = tuple(draw.randrange(n) for n in facts.layout.shape)
        terms = layout.address_terms(facts.layout, cell)
        return Question(
            f"At which address of its storage does x{stage.number}{list(cell)} lie? "
            f"Strides {plain(facts.layout.stride)}, offset {facts.layout.storage_offset}.",
            str(terms.address),
            f"offset + index·stride: {terms}.",
        )

    def next_step(draw: random.Random) -> tuple[Step, Stage]:
        step = chain.default_step(draw.choice(chain.usable(facts.layout)), facts.layout)
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
