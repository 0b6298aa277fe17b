"""Where view is refused: torch's words, the pair of dimensions behind them, what mends it; and the rule itself."""

import streamlit as st

from core.experiments.chain.run import Stage
from core.experiments.layout import rule
from core.figures import memory
from core.ui import board, chain_editor, frame
from core.words import say, spelled


def show(stage: Stage, stages: tuple[Stage, ...]) -> None:
    """torch's own words, the pair of dimensions behind them, and what mends the step, one click each."""
    torchs = f" torch says: {stage.error_type}: {stage.message}" if stage.message else ""
    mends = {f"{text} ({copies})": act for text, copies, act in chain_editor.mends(stages, stage)}
    frame.refused(f"`{stage.code}` is refused.{torchs}", stage.explanation, mends)
    tensor = stages[stage.number - 1]
    if stage.refusals and tensor.facts is not None:
        board.alone(memory.dimensions(tensor.facts.layout, stage.refusals), stage.explanation, name="refused")
    if stage.instead is not None:
        st.markdown(
            say("`reshape` would make a **copy** instead, of shape {shape} with strides {stride}: it reads the tensor in order and writes a new storage.", stage.instead)
        )  # fmt: skip


def show_joining(stage: Stage) -> None:
    """Which dimensions one stride could walk: the condition of view."""
    groups = rule.merged_groups(memory.of(stage).layout)
    said = ", ".join(f"{spelled(g.dims)}: size {g.size}, stride {g.stride}" for g in groups)
    st.markdown(
        "Two neighbouring dimensions can become one where stride[left] = stride[right]·shape[right]: one step past the end of the right one lands where a step of the left one does. "
        f"`view` may join and cut within such a group of dimensions, never across. The groups of x{stage.number} are {said or 'none'}."
    )
    board.alone(
        memory.dimensions(memory.of(stage).layout), f"Groups of dimensions that can be joined: {said}", name="joining"
    )
