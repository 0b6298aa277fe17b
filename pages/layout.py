"""Memory layout: a chain of operations on a real tensor, and where every number lies at each step."""

from functools import partial
from itertools import zip_longest

import streamlit as st

from core.experiments.chain import claims
from core.experiments.chain.run import Stage
from core.figures import memory, windowed
from core.figures.heatmap import PROJECTED_TEXT, SMALLEST_TEXT
from core.topics import Topic
from core.ui import board, chain_editor, controls, frame, link
from core.ui.board import At, Part
from core.ui.frame import Try
from core.words import N_, _, listed, say, spelled
from pages.layout_parts import asked, bits, pasted, refused, sparse
from pages.layout_parts.believed import pitfalls
from pages.layout_parts.cost import show_cost
from pages.layout_parts.holding import show_holding
from pages.layout_parts.picked import look_at, pin, pin_address
from pages.layout_parts.warp import show_gpu
from pages.layout_parts.written import write

ROOM = memory.Room(950, 372, largest=40, least=SMALLEST_TEXT)  # above the fold of 1280×720
ROOM_ON_A_PROJECTOR = memory.Room(1190, 305, largest=56, least=PROJECTED_TEXT)
Index = tuple[int, ...]

ALONE = N_("""This is one tensor, and the **storage** that holds its numbers. Add a step, and see whether a number moves.
Point at a number to see where it lies.""")
ONE_STORAGE = N_("""The **one storage** A is read by {tensors} tensors. No number has moved: a step has changed shape and strides,
which say how to read it. Point at a number to see where it lies.""")
COPIED = N_("""**{copied:|number was|numbers were} copied** ({bytes:,} bytes), by {steps}; the other steps moved none. A new
storage has colours of its own.""")
WINDOW = N_("""These tensors are too large to be drawn whole: torch's **meta tensors** have their shapes, strides and storages, and no
numbers; those in the windows count the cells of x0's storage and follow them to where they were copied. A window shows the cells around the picked one: type an index
under *Picked cell*, or click the map below a storage, to move all of them.""")
VERDICTS = N_({
    "start": ":gray-badge[{storage}]", "view": ":green-badge[view of {storage}]",
    "copy": ":orange-badge[copy: {storage}]", "itself": ":green-badge[itself, in {storage}]",
    "in place": ":violet-badge[in place, in {storage}]",
})  # fmt: skip
REFUSED, NOT_RUN = N_(":red-badge[refused: {error_type}]"), N_(":gray-badge[not run]")
TABLE = N_("| step | storage | shape | stride | offset | contiguous |")
YES, NO, CHANNELS_LAST = N_("yes"), N_("no"), N_("no, but channels_last")
AGREES = N_(
    """Shape, strides, offset and view or copy, worked out from the integers alone, are torch's for **{right} of {judged}** tensors."""
)
AGREES_REFUSED = N_(
    """Shape, strides, offset and view or copy, worked out from the integers alone, are torch's for **{right} of {judged}** tensors, the one that it refuses among them."""
)


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    above = controls.main()
    with above:
        chain_editor.presets()
    stages = chain_editor.show(beside=pasted.field)
    ran = [stage for stage in stages if stage.tensor is not None]
    with above:
        stage, cell = look_at(ran)
        value = ""
        if stage.whole:
            value = controls.text("write", "Write into it", longest=12, placeholder=_("a number"), width=140)
    pasted.show_understood()
    for stopped in (s for s in stages if s.status == "refused"):
        refused.show(stopped, stages)
    show_chain(ran, stage, cell)
    if cell and value.strip():
        write(stages, stage, cell, value, ROOM)
    no_move = claims.moved(ran)
    steps = listed([f"`{code}`" for code in no_move.copies])
    said = COPIED if no_move.copied else ONE_STORAGE if no_move.tensors > 1 else ALONE
    st.markdown(say(said, no_move, steps=steps) + ("" if stage.whole else "  \n" + say(WINDOW)))
    agreement(stages)
    facts_table(stages)
    frame.below(
        topic,
        pitfalls=pitfalls(stage),
        walk=partial(asked.walk_in_order, stage) if stage.whole else None,
        questions=asked.questions(stages, stage),
        take=lambda: asked.take(ran),
        more={
            N_("What view may join"): lambda: refused.show_joining(stage),
            N_("Cache lines"): lambda: show_cost(ran, stage, cell),
            N_("On a GPU"): lambda: show_gpu(stage, cell),
            N_("Who holds the memory"): lambda: show_holding(ran, stages),
            N_("As bits"): lambda: bits.show(stage, cell),
            N_("Sparse"): lambda: sparse.show(stage),
        },
        tries=TRIES,
    )


# ---- the facts and the pictures --------------------------------------------------------------------------------


def show_chain(ran: list[Stage], stage: Stage, cell: Index | None) -> None:
    """The stages and their storages; cells that hang together read one address, the same colour is the same address."""
    room = ROOM_ON_A_PROJECTOR if link.projector() else ROOM
    drawn = memory.draw_chain(ran, stage, room) if stage.whole else windowed.draw_windows(ran, stage, cell, room)
    count, below = len(drawn.tensors), [*drawn.strips, *drawn.maps]
    parts: list[Part]
    if drawn.plan.beside:
        column = [panel for pair in zip_longest(drawn.strips, drawn.maps) for panel in pair if panel]
        parts = [At(1, place, panel, len(column), "start") for place, panel in enumerate(drawn.tensors, 1)]
        parts += [At(row, count + 1, panel, align="start") for row, panel in enumerate(column, 1)]
    else:
        parts = [*drawn.tensors, board.BREAK, *drawn.strips, *[board.BREAK] * bool(drawn.maps), *drawn.maps]
    tensors = {panel.name: partial(pin, panel.name) for panel in drawn.tensors}
    board.show(
        *parts, links=drawn.relations, spelled=drawn.spelled,
        picks=tensors | {panel.name: pin_address for panel in below},
        pinned=(memory.name_of(stage), cell) if cell else None,
    )  # fmt: skip
    if count < len(ran):
        st.caption(say("Shown are {shown}; *Look at* another stage to see it and its neighbours.", shown=list(tensors)))


def facts_table(stages: tuple[Stage, ...]) -> None:
    """One line a stage: what is true of its real tensor; and what is worth knowing about a step."""
    rows = [_(TABLE), "|---" * 6 + "|"]
    st.markdown("\n".join(rows + [facts_row(stage) for stage in stages]))
    for stage in stages:
        if stage.facts is not None and stage.explanation:
            st.markdown(f"`{stage.code}`: {stage.explanation}")


def facts_row(stage: Stage) -> str:
    """The stage's line of the table."""
    facts = stage.facts
    if facts is None:
        return f"| `{stage.code}` | {say(REFUSED if stage.status == 'refused' else NOT_RUN, stage)} | | | | |"
    contiguous = YES if facts.is_contiguous else CHANNELS_LAST if facts.is_channels_last else NO
    verdict = say(VERDICTS[facts.verdict], storage=memory.letter(facts.storage))
    return (
        f"| `{stage.code}` | {verdict} | {spelled(facts.layout.shape)} | {spelled(facts.layout.stride)} | "
        f"{facts.layout.storage_offset} | {_(contiguous)} |"
    )


def agreement(stages: tuple[Stage, ...]) -> None:
    """The check: what our reasoning in integers said of every step, against what torch did."""
    judged = [s for s in stages if s.facts is not None or s.message]  # torch did it, or refused it
    right = sum(s.agrees for s in judged)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if right == len(judged):
            st.badge(_("our reasoning agrees with torch"), icon=":material/check:", color="green")
        else:
            st.badge(_("our reasoning differs from torch"), icon=":material/close:", color="red")
        said = AGREES if all(s.facts for s in judged) else AGREES_REFUSED
        st.markdown(say(said, right=right, judged=len(judged)), width="content")


TRIES = (
    Try("view against permute", "shape=6,5&fill=rows&dtype=int64&chain=view(5,6)>view(6,5)>permute(1,0)",
        "This is the tutorial's example: rows of 0 … 4. x1 and x3 have the same shape and read the same storage. Which of the two still has 0 … 4 in its columns, and which strides make it so?"),
    Try("A refused view", "shape=3,4&fill=arange&chain=transpose(0,1)>view(12)",
        "torch refuses, and its message names no dimension. Below it stands the pair that one stride would have to walk, and the step it would have to have. Which of the offered mends copies, and what?"),
    Try("Overlapping windows", "shape=10&fill=arange&chain=unfold(0,4,2)",
        "Sixteen elements read ten cells: the same colour is the same cell. Write a number into one window and see which others change with it."),
    Try("Attention at real size", "shape=32,12,512,64&dtype=bfloat16&chain=transpose(1,2)>view(32,512,768)",
        "The heads of a batch are to be joined again, and view refuses. Which pair of dimensions stands in the way, and how many bytes does each mend copy? Click one, then see under *Who holds the memory* what lives at the same time."),
    Try("A column on a GPU", "shape=4096,4096&dtype=float32&chain=T&tab=On+a+GPU",
        "A warp reads 32 neighbours of a transposed matrix. How many sectors come for them, and how much of what comes is wanted? Let the threads go along dim 0, then look at the tile in shared memory."),
)  # fmt: skip


frame.page("layout", lesson)
