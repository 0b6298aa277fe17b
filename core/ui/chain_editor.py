"""The chain of operations of the memory page: choose the tensor, then add, edit, move and remove steps.

The whole chain is one text in the address bar; the buttons only rewrite that text.
"""

from collections.abc import Callable

import streamlit as st

from core.ops import chain
from core.ops.chain import PRESETS, Fill, Stage, Step
from core.ui import controls, state

FIRST = PRESETS["view"]
DEFAULTS = {"shape": ",".join(map(str, FIRST.shape)), "dtype": "int64", "fill": "rows", "chain": FIRST.chain}
FILLS: tuple[Fill, ...] = ("arange", "rows")
DTYPE_NAMES = {dtype: name for name, dtype in chain.DTYPES.items()}


def show() -> tuple[Stage, ...]:
    """The editor, and the chain as it ran; the last one that could be read while the present one cannot."""
    with controls.row("start"):
        choose_preset()
        shape = controls.text("shape", "Shape", DEFAULTS["shape"], longest=40, width=120)
        dtype = controls.choice("dtype", "dtype", tuple(chain.DTYPES), DEFAULTS["dtype"])
        fill = controls.choice("fill", "Numbers", FILLS, "rows")
    line = st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="controls-steps")
    with line, st.popover("As text", icon=":material/edit_note:", key="as_text"):
        text = controls.text(
            "chain", "Chain of operations", DEFAULTS["chain"], longest=chain.MAX_TEXT, width=560,
            help="Steps joined by `>`: `permute(1,0)>view(5,6)`. The buttons write this text for you.",
        )  # fmt: skip
    try:
        steps = chain.parse_chain(text)
        start = chain.start_tensor(chain.parse_shape(shape), chain.DTYPES[dtype], fill)
        if start.dim() > 4:
            raise ValueError(f"shape {tuple(start.shape)} has {start.dim()} dimensions; start with at most 4")
        stages = chain.run_chain(start, steps)
    except ValueError as refusal:
        controls.complain(f"{refusal}. Showing the last chain that could be read.")
        kept: tuple[Stage, ...] = state.own().get("stages") or chain.run_chain(FIRST.start(), FIRST.steps)
        return kept
    state.own()["stages"] = stages
    with line:
        edit(stages, steps)
    return stages


def choose_preset() -> None:
    """The examples; the box names the one that the controls stand at, so that any other can always be chosen."""
    standing = tuple(str(controls.standing(key, default)) for key, default in DEFAULTS.items())
    now = next((name for name, preset in PRESETS.items() if tuple(settings(preset).values()) == standing), None)
    if st.session_state.get("preset") != now:
        st.session_state["preset"] = now
    st.selectbox(
        "Start from an example", list(PRESETS), format_func=lambda name: PRESETS[name].title, index=None,
        placeholder="choose one …", key="preset", on_change=take_preset, width=300,
    )  # fmt: skip


def settings(preset: chain.Preset) -> dict[str, str]:
    """What the controls stand at for a preset."""
    return {
        "shape": ",".join(map(str, preset.shape)), "dtype": DTYPE_NAMES[preset.dtype], "fill": preset.fill,
        "chain": chain.format_chain(preset.steps),
    }  # fmt: skip


def take_preset() -> None:
    """Put a preset's tensor and chain into the controls."""
    preset = PRESETS.get(st.session_state["preset"] or "")
    if preset:
        for key, value in settings(preset).items():
            st.session_state[key] = value
        st.session_state["cell"] = ""
        write(preset.steps)


def write(steps: tuple[Step, ...]) -> None:
    """Make these the chain, and look at its end."""
    st.session_state["chain"] = chain.format_chain(steps)
    st.session_state["stage"] = f"x{len(steps)}"


def edit(stages: tuple[Stage, ...], steps: tuple[Step, ...]) -> None:
    """One popover a step to change, move and remove it, and one to add another."""
    for place, step in enumerate(steps):
        with st.popover(f"{place + 1}: {step.code('x')}", key=f"step {place}", on_change="rerun") as popover:
            if popover.open:
                change(steps, place)
    last = next(stage for stage in reversed(stages) if stage.facts is not None)
    with st.popover("Add a step", icon=":material/add:", key="add", on_change="rerun") as popover:
        if popover.open:
            add(steps, last)


def change(steps: tuple[Step, ...], place: int) -> None:
    """Edit one step's arguments; move it or take it out."""
    step = steps[place]
    st.caption(step.operation.description)
    for parameter in step.operation.parameters:
        st.caption(f"`{parameter.name}`: {parameter.meaning}")
    key = f"edit {place} {chain.format_step(step)}"

    def rewrite() -> None:
        try:
            new = chain.parse_step(st.session_state[key])
        except ValueError as refusal:
            state.own()["step fault"] = str(refusal)
            return
        state.own().pop("step fault", None)
        write((*steps[:place], new, *steps[place + 1 :]))

    st.text_input("Step", chain.format_step(step), key=key, on_change=rewrite)
    if fault := state.own().pop("step fault", None):
        controls.complain(fault)
    with st.container(horizontal=True):
        button(place, "Earlier", ":material/arrow_back:", place > 0, lambda: write(swapped(steps, place - 1)))
        button(place, "Later", ":material/arrow_forward:", place < len(steps) - 1, lambda: write(swapped(steps, place)))
        button(place, "Remove", ":material/delete:", True, lambda: write((*steps[:place], *steps[place + 1 :])))


def button(place: int, label: str, icon: str, possible: bool, act: Callable[[], None]) -> None:
    """A button of one step."""
    st.button(label, icon=icon, disabled=not possible, on_click=act, key=f"step {place} {label}")


def swapped(steps: tuple[Step, ...], place: int) -> tuple[Step, ...]:
    """The steps with this one and the next in the other order."""
    return (*steps[:place], steps[place + 1], steps[place], *steps[place + 2 :])


def add(steps: tuple[Step, ...], last: Stage) -> None:
    """Choose an operation that works on the last tensor; its arguments can be edited afterwards."""
    assert last.facts is not None
    where = last.facts.layout
    if len(steps) >= chain.MAX_STEPS:
        st.caption(f"A chain has at most {chain.MAX_STEPS} steps: remove one first.")
        return
    for name in chain.usable(where):
        step = chain.default_step(name, where)
        st.button(
            f"`{step.code(f'x{last.number}')}`  {step.operation.description}", key=f"add {name}", type="tertiary",
            on_click=lambda step=step: write((*steps[: last.number], step)),
        )  # fmt: skip
