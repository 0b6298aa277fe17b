"""The check: the hand-written version against torch's, on what is on screen, values and gradients, now."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
import torch
from torch import Tensor

from core.figures.heatmap import number
from core.ops.operator import Call, Operator
from core.ops.seeded import seeded
from core.timing.calls import Function, difference_of, evaluate, leaves_of, prepared

ULPS = 64  # what two orders of summation may differ by, in units of the last place of the largest number


@dataclass(frozen=True)
class Agreement:
    """How far two runs lie apart, and how far they may."""

    values: float
    gradients: float | None  # None where there is nothing to differentiate
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Whether both differences lie within the tolerance."""
        return self.values <= self.tolerance and (self.gradients is None or self.gradients <= self.tolerance)


def compare(operator: Operator, call: Call, seed: int = 0) -> Agreement:
    """Run both versions on the same inputs and the same seed, forward and backward.

    Shapes or dtypes that differ make the difference infinite. Equal infinities, and NaN in the same place, are equal.
    """
    leaves = leaves_of(operator, call)
    ours, our_gradients = run(operator.manual, prepared(call, leaves, copy=True), seed)
    theirs, their_gradients = run(operator.torch, prepared(call, leaves, copy=True), seed)
    real = [t for t in [*theirs, *their_gradients] if t is not None and t.is_floating_point() and t.numel()]
    scale = max((t.detach().abs().nan_to_num(0, 0, 0).max().item() for t in real), default=0.0)
    eps = max((torch.finfo(t.dtype).eps for t in real), default=0.0)
    gradients = apart(our_gradients, their_gradients) if their_gradients else None
    return Agreement(apart(ours, theirs), gradients, ULPS * eps * max(scale, 1.0))


def run(function: Function, call: Call, seed: int) -> tuple[list[Tensor], list[Tensor | None]]:
    """Outputs and gradients of one version, with torch's generator at the seed."""
    with seeded(seed):
        return evaluate(function, call)


def apart(ours: Sequence[Tensor | None], theirs: Sequence[Tensor | None]) -> float:
    """The largest difference over all tensors; infinite where their number, shape or dtype differ."""
    pairs = list(zip(ours, theirs, strict=False))
    kinds = [
        (our.shape == their.shape, our.dtype == their.dtype)
        for our, their in pairs
        if our is not None and their is not None
    ]
    if len(ours) != len(theirs) or not all(map(all, kinds)):
        return math.inf
    return max((difference_of(our, their) for our, their in pairs), default=0.0)


def show(operator: Operator, call: Call, seed: int = 0) -> None:
    """The check's one line for an operator."""
    say(operator.name, compare(operator, call, seed))


def say(name: str, result: Agreement) -> None:
    """The check's one line: a badge, and the largest differences against the tolerance."""
    said = f"largest difference in values **{number(result.values)}**"
    if result.gradients is not None:
        said += f", in gradients **{number(result.gradients)}**"
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if result.agrees:
            st.badge(f"manual {name} agrees with torch", icon=":material/check:", color="green")
        else:
            st.badge(f"manual {name} differs from torch", icon=":material/close:", color="red")
        st.markdown(f"{said} (tolerance {number(result.tolerance)})", width="content")
