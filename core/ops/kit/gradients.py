"""A gradient that is written down, where autograd's own chain through the formula's steps goes wrong."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Formula = Callable[[Tensor], Tensor]
Gradient = Callable[[Tensor, Tensor], Tensor]  # of (gradient of the output, input)


def with_gradient(formula: Formula, gradient: Gradient, x: Tensor, tangent: Gradient | None = None) -> Tensor:
    """formula(x), element by element, differentiated by `gradient` in place of autograd's chain.

    Where an output depends on several inputs, `tangent` is the forward-mode derivative, of (tangent of x, x).

    For a tie (the slope of max(x, 0) at 0), a kink between the steps (|x| in a formula that is smooth), an overflow on
    the way (inf · 0 is nan). `gradient` has to be of differentiable operations itself, and of real numbers: complex
    ones are left to autograd.
    """
    if x.is_complex():
        return formula(x)
    function = _WithGradient if torch.compiler.is_compiling() else _WithTangent  # the compiler refuses a jvp
    return function.apply(x, formula, gradient, tangent or gradient)


def with_choice(formula: Formula, chosen: Formula, x: Tensor) -> Tensor:
    """formula(x), whose numbers are some of x's (…, H, W): each one's gradient goes to the one that was chosen.

    `chosen(x)` says which, as positions in the flattened H·W. For a maximum: autograd would share it among equals.
    """

    def gradient(grad: Tensor, x: Tensor) -> Tensor:
        zeros = grad.new_zeros(x.shape).flatten(-2)
        return zeros.scatter_add(-1, chosen(x.detach()).flatten(-2), grad.flatten(-2)).reshape(x.shape)

    def tangent(tangent: Tensor, x: Tensor) -> Tensor:
        cells = chosen(x.detach())
        return tangent.flatten(-2).gather(-1, cells.flatten(-2)).reshape(cells.shape)

    return with_gradient(formula, gradient, x, tangent)


class _WithGradient(torch.autograd.Function):
    """Reverse-mode alone."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, formula: Formula, gradient: Gradient, tangent: Gradient) -> Tensor:
        del gradient, tangent
        return formula(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        del output
        ctx.save_for_backward(inputs[0])
        ctx.save_for_forward(inputs[0])
        ctx.gradient, ctx.tangent = inputs[2:]

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (x,) = ctx.saved_tensors
        return ctx.gradient(grads[0], x), None, None, None


class _WithTangent(_WithGradient):
    """Forward-mode too; where each output depends on one input alone, it multiplies by the same slope."""

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        (x,) = ctx.saved_tensors
        return ctx.tangent(tangents[0], x)
