"""What a product refuses: torch's words, the reason in ours, and what would fit, in one click."""

from functools import partial

import streamlit as st

from core.experiments import products as runs
from core.figures import products as draw
from core.ui import board, controls, frame, link, tensor_input
from core.words import N_, _, say, spelled

SHAPES = {
    "matrices": N_("2×3 times 3×2, the tutorial's"), "wider": N_("3×4 times 4×2"), "batches": N_("3×4 times 5×4×2, batches"),
    "bmm": N_("2×3×4 times 2×4×3, bmm"), "broadcast": N_("3×4 by 4, broadcast"), "vectors": N_("4 by 4, two vectors"),
}  # fmt: skip
OPERATIONS = {"matmul": "matmul (@)", "mm": "mm", "bmm": "bmm", "dot": "dot", "mul": "mul (*)", "einsum": "einsum"}
HEIGHT, ON_A_PROJECTOR = 350, 284  # pixels of the pictures; a projector shows all of it 1.4 times as large

WHY = {
    "dtype": N_(
        "A is {given}, the last operand {other}. `*` turns both into one dtype first; what sums products does not, and takes no flags."
    ),
    "rank": N_("{name} has {given:|dimension|dimensions}, and {other:|is|are} needed here."),
    "inner": N_(
        "The last dimension of A, {given}, meets the one of B, {other}, that is summed with it: both carry the letter k and must be equally long."
    ),
    "batch": N_(
        "Ahead of the matrices A has {given} and B {other}: bmm wants one batch size for both, and matmul at least such as broadcast."
    ),
    "broadcast": N_(
        "Aligned at their last dimension, {given} and {other} differ somewhere, and neither has size 1 there."
    ),
    "sign": N_("`{name}` is no letter: a dimension is named by one letter, or several by `...`"),
    "many": N_("The equation names {given:|operand|operands}, and {other:|is|are} given: this page takes up to three."),
    "count": N_(
        "The equation gives {name} {given:|letter|letters}, and {name} has {other:|dimension|dimensions}: one letter names one dimension."
    ),
    "size": N_(
        "The letter {name} stands for {given} cells at one place and for {other} at another: one letter has one size."
    ),
    "twice": N_("The letter {name} stands twice after the arrow: the result has one dimension for each letter."),
    "nowhere": N_(
        "The letter {name} stands after the arrow and in no operand: nothing says how long that dimension is."
    ),
    "other": "",
}


def refused(operation: str, equation: str, operands: list[runs.Tensor], misfit: runs.Misfit) -> None:
    """torch's words, the operands as they are, and what would fit, in one click each."""
    called = (
        f"`torch.{operation}`"
        if misfit.by == "torch"
        else say("torch takes it, and {by} of {operation}", by=_(misfit.by), operation=operation)
    )
    mends = {}
    examples = {f"{name.lower()}_from": "example" for name in runs.NAMES[: len(operands)]}
    if misfit.kind == "dtype":
        mends[_("Give them one dtype")] = partial(hold, operands)
    elif operation == "einsum":
        if (mended := runs.repaired(equation)) != equation:
            mends[say("Take `{mended}`", mended=mended)] = partial(put, equation=mended)
        else:
            mends[_("Take tensors that fit the equation")] = partial(put, **examples)
    else:
        if other := runs.operation_for(operands):
            mends[say("Take {operations} for these shapes", operations=OPERATIONS[other])] = partial(put, op=other)
        if fits := runs.pair_for(operation):
            mends[say("Take shapes that fit: {shapes}", shapes=_(SHAPES[fits]))] = partial(put, shapes=fits, **examples)
    frame.refused(f"{called}: {misfit.words}", say(WHY[misfit.kind], misfit), mends)
    board.show(*[part for p in draw.inputs(operands) for part in (p, _("and"))][:-1], height=room())


def room() -> int:
    """The height of the pictures, so that C stands whole on the screen."""
    return ON_A_PROJECTOR if link.projector() else HEIGHT


def put(**settings: str) -> None:
    """Put the page's controls where a button says; called before they are drawn."""
    st.session_state.update(settings)


def hold(operands: list[runs.Tensor]) -> None:
    """Make the operands, in one dtype, the reader's."""
    for name, x in zip(runs.NAMES, runs.one_dtype(operands), strict=False):
        tensor_input.hold(name.lower(), x)


def which_take(operands: list[runs.Tensor]) -> None:
    """Which operations take these two shapes, tried now, with torch's and numpy's own refusals."""
    part = controls.expander("takes", "Which operations take these two tensors?")
    if part.open:
        rows = [
            f"| `{a.operation}` | {'' if a.shape is None else spelled(a.shape)} | "
            + (
                say(":red-badge[refuses] {words} |", words=a.words[:110].replace("|", "/"))
                if a.shape is None
                else _(":green-badge[takes them] |")
            )
            for a in runs.answers(*operands)
        ]
        part.markdown("\n".join([_("| | gives the shape | |"), "|---|---|---|", *rows]))
