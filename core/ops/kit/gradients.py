"""A gradient that is written down, where autograd's own chain through the formula's steps goes wrong."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Formula = Callable[..., Tensor]
Gradient = Callable[..., Tensor]  # of (gradient of the output, *inputs)


def with_gradient(
    formula: Formula,
    gradient: Gradient | tuple[Gradient, Gradient],
    x: Tensor,
    y: Tensor | None = None,
    tangent: Gradient | None = None,
) -> Tensor:
    """formula(x), element by element, differentiated by `gradient` in place of autograd's chain.

    For a tie (the slope of max(x, 0) at 0), a kink between the steps (|x| in a formula that is smooth), an overflow on
    the way (inf · 0 is nan). `gradient` has to be of differentiable operations itself, and of real numbers: complex
    ones are left to autograd. With a `y` of x's shape, formula(x, y), and a gradient for each.
    Where an output depends on several elements of x, `tangent` is the forward-mode derivative, of (tangent of x, x).
    """
    if x.is_complex():
        return formula(x) if y is None else formula(x, y)
    function = _Backward if torch.compiler.is_compiling() else _WithTangent
    return function.apply(x, y, formula, gradient if isinstance(gradient, tuple) else (gradient,), tangent)


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

    return with_gradient(formula, gradient, x, tangent=tangent)


class _Backward(torch.autograd.Function):
    """What a compiler can trace: it refuses a function with a `jvp`."""

    @staticmethod
    def forward(
        x: Tensor, y: Tensor | None, formula: Formula, gradients: tuple[Gradient, ...], tangent: Gradient | None
    ) -> Tensor:
        del gradients, tangent
        return formula(x) if y is None else formula(x, y)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        del output
        x, y, _, ctx.gradients, ctx.tangent = inputs
        xs = (x,) if y is None else (x, y)
        ctx.save_for_backward(*xs)
        ctx.save_for_forward(*xs)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        xs, needed = ctx.saved_tensors, ctx.needs_input_grad
        to_x = ctx.gradients[0](grads[0], *xs) if needed[0] else None
        to_y = ctx.gradients[1](grads[0], *xs) if needed[1] else None
        return to_x, to_y, None, None, None


class _WithTangent(_Backward):
    """Forward-mode too; where each output depends on one element of each input, it multiplies by the same slopes."""

    generate_vmap_rule = True

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        xs = ctx.saved_tensors
        if ctx.tangent is not None:
            return ctx.tangent(tangents[0], *xs)
        moved = [(gradient, t) for gradient, t in zip(ctx.gradients, tangents, strict=False) if t is not None]
        terms = [gradient(tangent, *xs) for gradient, tangent in moved]
        return sum(terms[1:], terms[0])
