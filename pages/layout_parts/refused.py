"""Where view is refused: the pair of dimensions behind it, torch's words, what mends it; and the rule itself."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from core.experiments.chain.mends import Mend, mends
from core.experiments.chain.run import Stage, facts_of
from core.experiments.layout import rule
from core.figures import memory
from core.figures.board import Panel
from core.figures.windowed import in_units
from core.ui import board, chain_editor
from core.words import N_, _, say

LABELS = {
    "reshape": N_("`{code}` instead: copies {bytes}"),
    "contiguous": N_("`.contiguous()` after x{behind}: copies {bytes}"),
    "channels_last": N_("channels_last after x{behind}: copies {bytes}"),
    "undo": N_("`{code}` after x{behind}: no copy, other order"),
    "earlier": N_("`{code}` right after x{behind}: no copy, other order"),
    "without": N_("leave it out"),
}
ALSO = N_("""`x.clone(memory_format=torch.contiguous_format)` copies as much as `x.contiguous()` and gives the same strides; a bare
`x.clone()` keeps the order in memory, and with it the refusal.""")
ORDER = N_(
    "What copies nothing gives the elements in another order than reshape: right only where the order was the mistake."
)


GROUP = N_("{dims}: size {size}, stride {stride}")
JOINING = N_("""Two neighbouring dimensions can become one where stride[left] = stride[right]·shape[right]: one step past the end of the right one lands where a step of the left one does.
`view` may join and cut within such a group of dimensions, never across. The groups of x{number} are {groups}.""")


def show(stage: Stage, stages: tuple[Stage, ...]) -> None:
    """The verdict, the pair of dimensions behind it, and what mends the step, one click each."""
    said = say("`{code}` is refused. {why}", stage, why=stage.explanation)
    torchs = say("  \ntorch says: {error_type}: {message}", stage) if stage.message else ""
    st.error(said + torchs, icon=":material/block:")
    tensor = stages[stage.number - 1]
    if stage.refusals and tensor.facts is not None:
        layout = tensor.facts.layout
        pairs = [memory.pair(layout, pair.left_dim, pair.right_dim, pair) for pair in stage.refusals]
        show_pairs(pairs, stage.explanation, "refused")
    found = mends(stages)
    with st.container(horizontal=True, gap="small"):
        for number, mend in enumerate(found):
            label = say(LABELS[mend.kind], mend, code=mend.step.code("x"), bytes=in_units(mend.bytes))
            st.button(label, key=f"mend {number}", on_click=partial(chain_editor.write, mend.steps))
    if stage.instead is not None:
        st.caption(explained(stage, found))


def explained(stage: Stage, found: list[Mend]) -> str:
    """What the mends have in common, and what not."""
    made = say(
        "`reshape` would make a **copy** instead, of shape {shape} with strides {stride}: it reads the tensor in order and writes a new storage.",
        stage.instead,
    )
    return " ".join([made, _(ALSO), *[_(ORDER)] * any(m.kind in ("undo", "earlier") for m in found)])


def show_joining(stage: Stage) -> None:
    """Which dimensions one stride could walk: the condition of view."""
    groups = rule.merged_groups(facts_of(stage).layout)
    said = ", ".join(say(GROUP, g) for g in groups) or _("none")
    st.markdown(say(JOINING, number=stage.number, groups=said))
    layout = facts_of(stage).layout
    alt = say("Groups of dimensions that can be joined: {groups}", groups=said)
    show_pairs([memory.pair(layout, d, d + 1) for d in range(layout.ndim - 1)], alt, "joining")


def show_pairs(figures: Sequence[Any], alt: str, name: str) -> None:
    """Pairs of dimensions side by side, as many lines as they need."""
    if figures:
        board.show(*[Panel(f"{name} {i}", figure, alt) for i, figure in enumerate(figures)], name=name)
