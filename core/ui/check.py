"""The check: the hand-written version against torch's, on what is on screen, values and gradients, now."""

from dataclasses import dataclass
from typing import Any

import streamlit as st
import torch

from core.figures.heatmap import number
from core.ops.operator import Call, Operator
from core.ops.seeded import seeded

ULPS = 64  # what two orders of summation may differ by, in units of the last place of the largest number


@dataclass(frozen=True)
class Agreement:
    """How far two runs lie apart, and how far they may."""

    values: float
    gradients: float | None  # None where there is nothing to differentiate
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Whether both differences lie within the tolerance; NaN never does."""
        return self.values <= self.tolerance and (self.gradients is None or self.gradients <= self.tolerance)


def compare(operator: Operator, call: Call, seed: int = 0) -> Agreement:
    """Run both versions on the same inputs and the same seed, forward and backward."""
    ours, our_gradients = _run(operator.manual, call, seed, operator.differentiable)
    theirs, their_gradients = _run(operator.torch, call, seed, operator.differentiable)
    every = [t for t in theirs + their_gradients if t is not None and t.numel()]
    scale = max((t.detach().double().abs().nan_to_num(0, 0, 0).max().item() for t in every), default=0.0)
    eps = max((torch.finfo(t.dtype).eps for t in every if t.dtype.is_floating_point), default=0.0)
    return Agreement(
        _largest_difference(ours, theirs),
        _largest_difference(our_gradients, their_gradients) if their_gradients else None,
        ULPS * eps * max(scale, 1.0),
    )


def show(operator: Operator, call: Call, seed: int = 0) -> None:
    """The check's one line: a badge, and the largest differences against the tolerance."""
    result = compare(operator, call, seed)
    said = f"largest difference in values **{number(result.values)}**"
    if result.gradients is not None:
        said += f", in gradients **{number(result.gradients)}**"
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if result.agrees:
            st.badge(f"manual {operator.name} agrees with torch", icon=":material/check:", color="green")
        else:
            st.badge(f"manual {operator.name} differs from torch", icon=":material/close:", color="red")
        st.markdown(f"{said} (tolerance {number(result.tolerance)})", width="content")


def _run(function: Any, call: Call, seed: int, differentiable: bool) -> tuple[list, list]:
    def leaf(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        return value.detach().clone().requires_grad_(differentiable and value.dtype.is_floating_point)

    args = [leaf(value) for value in call.args]
    kwargs = {name: leaf(value) for name, value in call.kwargs.items()}
    with seeded(seed):
        result = function(*args, **kwargs)
    outputs = list(result) if isinstance(result, (tuple, list)) else [result]
    leaves = [v for v in [*args, *kwargs.values()] if isinstance(v, torch.Tensor) and v.requires_grad]
    ends = [out for out in outputs if isinstance(out, torch.Tensor) and out.requires_grad]
    if not leaves or not ends:
        return outputs, []
    weights = [torch.linspace(0.5, 1.5, max(out.numel(), 1))[: out.numel()].reshape(out.shape).to(out) for out in ends]
    return outputs, list(torch.autograd.grad(ends, leaves, weights, allow_unused=True))


def _largest_difference(ours: list, theirs: list) -> float:
    """Over all elements; equal infinities and NaN in the same place count as equal, anything else unlike as NaN."""
    worst = 0.0
    for our, their in zip(ours, theirs, strict=True):
        if our is None or their is None:
            present = our if our is not None else their
            difference = 0.0 if present is None else present.abs().max().item()
        elif our.shape != their.shape or our.dtype != their.dtype:
            return float("nan")
        else:
            difference = _difference(our.detach().double(), their.detach().double())
        if difference != difference:
            return difference
        worst = max(worst, difference)
    return worst


def _difference(our: torch.Tensor, their: torch.Tensor) -> float:
    same = (our == their) | (our.isnan() & their.isnan())
    apart = torch.where(same, 0.0, (our - their).abs())
    return apart.max().item() if apart.numel() else 0.0
