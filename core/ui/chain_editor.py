"""The chain of operations of the memory page: choose the tensor, then add, edit, move and remove steps.

The whole chain is one text in the address bar; the buttons only rewrite that text.
"""

from collections.abc import Callable

import streamlit as st

from core.experiments.chain import operation, operations
from core.experiments.chain import run as chain
from core.experiments.chain import text as chain_text
from core.experiments.chain.operation import Fill
from core.experiments.chain.operations import Step
from core.experiments.chain.presets import PRESETS
from core.experiments.chain.run import Stage
from core.experiments.layout.rule import Copy
from core.tensors.dtypes import DTYPES
from core.ui import controls, state
from core.words import N_, _, say

FIRST = PRESETS["both"]
DEFAULTS = {"shape": ",".join(map(str, FIRST.shape)), "dtype": "int64", "fill": FIRST.fill, "chain": FIRST.chain}
FILLS: tuple[Fill, ...] = ("arange", "rows")
DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def presets() -> None:
    """A list of examples; choosing one sets the tensor and the chain, and the list stands open for the next."""
    st.selectbox(
        _("Start from an example"), list(PRESETS), format_func=lambda name: _(PRESETS[name].title), index=None,
        placeholder=_("choose one …"), key="preset", on_change=take_preset, width=230,
    )  # fmt: skip


def show(beside: Callable[[], None]) -> tuple[Stage, ...]:
    """The chain as one row to edit, and as it ran; the last one that could be read while the present one cannot."""
    row = st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="controls-steps")
    with row:
        shape, dtype, fill = start()
        chips = st.container(horizontal=True, gap="xsmall", width="content")
    with row, st.popover(_("Edit as text"), key="as_text"):
        text = controls.text(
            "chain", "Chain of operations", DEFAULTS["chain"], longest=operation.MAX_TEXT, width=560,
            help="A line of Python, `x.permute(1, 0)[:, ::2].flatten()`, which is read and never run; or steps joined "
            "by `>`, `permute(1,0)>view(5,6)`, as the buttons write them.",
        )  # fmt: skip
    with row:
        beside()
    try:
        steps = chain_text.parse_chain(text)
        tensor = chain_text.start_tensor(chain_text.parse_shape(shape), DTYPES[dtype], fill)
        stages = chain.run_chain(tensor, steps, fill)
    except ValueError as refusal:
        controls.complain(say("{refusal}. Showing the last chain that could be read.", refusal=refusal))
        stages = state.own().get("stages") or chain.run_chain(FIRST.start(), FIRST.steps)
    state.own()["stages"] = stages
    with chips:
        edit(stages, tuple(stage.step for stage in stages if stage.step is not None))
    return stages


def start() -> tuple[str, str, Fill]:
    """The tensor that the chain starts from: its shape as typed, its dtype, and what it holds."""
    with st.popover(f"x0: ({controls.quoted(controls.standing('shape', DEFAULTS['shape']))})", key="start"):
        return (
            controls.text("shape", "Shape", DEFAULTS["shape"], longest=120, width=190),
            controls.choice("dtype", "dtype", tuple(DTYPES), DEFAULTS["dtype"]),
            controls.choice("fill", "Numbers", FILLS, FIRST.fill),
        )


def take_preset() -> None:
    """Put a preset's tensor and chain into the controls, all at once."""
    preset = PRESETS.get(st.session_state["preset"] or "")
    if preset:
        st.session_state["preset"] = None  # the same one can be chosen again
        st.session_state["shape"] = ",".join(map(str, preset.shape))
        st.session_state["dtype"] = DTYPE_NAMES[preset.dtype]
        st.session_state["fill"] = preset.fill
        st.session_state["cell"] = ""
        write(preset.steps)


def write(steps: tuple[Step, ...]) -> None:
    """Make these the chain, and look at its end."""
    st.session_state["chain"] = chain_text.format_chain(steps)
    st.session_state["stage"] = f"x{len(steps)}"


def edit(stages: tuple[Stage, ...], steps: tuple[Step, ...]) -> None:
    """One popover a step to change, move and remove it, and one to add another."""
    for place, step in enumerate(steps):
        with st.popover(chip(step), key=f"step {place}", on_change="rerun") as popover:
            if popover.open:
                change(steps, place)
    last = next(stage for stage in reversed(stages) if stage.facts is not None)
    with st.popover(_("Add"), icon=":material/add:", key="add", on_change="rerun") as popover:
        if popover.open:
            add(steps, last)


def chip(step: Step) -> str:
    """A step as its button names it; a slice and a list by their brackets, as people write them."""
    return f"`{step.code('')}`" if step.op in ("slice", "index") else chain_text.format_step(step)


def change(steps: tuple[Step, ...], place: int) -> None:
    """Edit one step's arguments; move it or take it out."""
    step = steps[place]
    st.caption(_(step.operation.description))
    for parameter in step.operation.parameters:
        st.caption(f"`{parameter.name}`: {_(parameter.meaning)}")
    key = f"edit {place} {chain_text.format_step(step)}"

    def rewrite() -> None:
        try:
            new = chain_text.parse_step(st.session_state[key])
        except ValueError as refusal:
            state.own()["step fault"] = str(refusal)
            return
        state.own().pop("step fault", None)
        write((*steps[:place], new, *steps[place + 1 :]))

    st.text_input(_("Step"), chain_text.format_step(step), key=key, on_change=rewrite)
    if fault := state.own().pop("step fault", None):
        controls.complain(fault)
    with st.container(horizontal=True):
        button(place, N_("Earlier"), ":material/arrow_back:", place > 0, lambda: write(swapped(steps, place - 1)))
        button(
            place, N_("Later"), ":material/arrow_forward:", place < len(steps) - 1, lambda: write(swapped(steps, place))
        )
        button(place, N_("Remove"), ":material/delete:", True, lambda: write((*steps[:place], *steps[place + 1 :])))


def button(place: int, label: str, icon: str, possible: bool, act: Callable[[], None]) -> None:
    """A button of one step."""
    st.button(_(label), icon=icon, disabled=not possible, on_click=act, key=f"step {place} {label}")


def swapped(steps: tuple[Step, ...], place: int) -> tuple[Step, ...]:
    """The steps with this one and the next in the other order."""
    return (*steps[:place], steps[place + 1], steps[place], *steps[place + 2 :])


VIEWS = N_("**Views** of this tensor: no number moves")
COPIES = N_("**Copies**: a storage of their own")


def add(steps: tuple[Step, ...], last: Stage) -> None:
    """Choose an operation that works on the last tensor; its arguments can be edited afterwards.

    Behind a refused step nothing could run: a new step goes before it, where it may mend what was refused.
    """
    assert last.facts is not None
    where = last.facts.layout
    if len(steps) >= operation.MAX_STEPS:
        st.caption(say("A chain has at most {most} steps: remove one first.", most=operation.MAX_STEPS))
        return
    if last.number < len(steps):
        st.caption(say("Step {number} is refused: a new step goes before it.", number=last.number + 1))
    offered = [operations.default_step(name, where) for name in operations.usable(where)]
    copies = [isinstance(operations.predict(step, where)[0], Copy) for step in offered]
    for heading, copy in ((VIEWS, False), (COPIES, True)):
        st.caption(_(heading))
        with st.container(gap=None):
            for step in (step for step, copied in zip(offered, copies, strict=True) if copied == copy):
                st.button(
                    f"`{step.code(f'x{last.number}')}`  {_(step.operation.description)}", type="tertiary",
                    on_click=lambda step=step: write((*steps[: last.number], step, *steps[last.number :])),
                    key=f"add {step.op}",
                )  # fmt: skip
