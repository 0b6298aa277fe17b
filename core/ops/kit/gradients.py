"""A gradient that is written down, where autograd's own chain through the formula's steps goes wrong."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Formula = Callable[[Tensor], Tensor]
Gradient = Callable[[Tensor, Tensor], Tensor]  # of (gradient of the output, input)


def with_gradient(formula: Formula, gradient: Gradient, x: Tensor) -> Tensor:
    """formula(x), element by element, differentiated by `gradient` in place of autograd's chain.

    For a tie (the slope of max(x, 0) at 0), a kink between the steps (|x| in a formula that is smooth), an overflow on
    the way (inf · 0 is nan). `gradient` has to be of differentiable operations itself, and of real numbers: complex
    ones are left to autograd.
    """
    return formula(x) if x.is_complex() else _WithGradient.apply(x, formula, gradient)


class _WithGradient(torch.autograd.Function):
    """Each output depends on one input alone, so that forward-mode multiplies by the same slope."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, formula: Formula, gradient: Gradient) -> Tensor:
        del gradient
        return formula(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        del output
        ctx.save_for_backward(inputs[0])
        ctx.save_for_forward(inputs[0])
        ctx.gradient = inputs[2]

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (x,) = ctx.saved_tensors
        return ctx.gradient(grads[0], x), None, None

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        (x,) = ctx.saved_tensors
        return ctx.gradient(tangents[0], x)
