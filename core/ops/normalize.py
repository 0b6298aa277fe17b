"""Lp normalisation: divide each vector by its p-norm, so that it lands on the unit ball of that norm.

    output = input / max(‖input‖ₚ, eps),   ‖x‖ₚ = (Σ |xᵢ|ᵖ)^(1/p)

The result has length 1; its signs stay, so it lies in −1…1 and not in 0…1.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.ops import kit
from core.ops.kit.arguments import vector_norm_arguments
from core.ops.operator import Call, Operator


def l2norm(x: Tensor, p: float = 2) -> Tensor:
    """Textbook: each row of a matrix over its p-norm, `x / (Σⱼ xᵢⱼᵖ)^(1/p)`.

    Limits, all of them real mistakes of this form:
    - it raises the numbers themselves to the power, not their absolute values: with an odd or fractional p, negative
      numbers cancel or give NaN, and the "norm" can be negative;
    - a row of zeros is divided by 0 and becomes NaN, since nothing like `eps` guards it;
    - integer tensors are powered as integers, which can wrap round without a word;
    - rows are dimension 1, always.
    """
    norm = x.pow(p).sum(1, keepdim=True).pow(1.0 / p)
    return x.div(norm)


@dataclass(frozen=True)
class NormalizeSteps:
    """What `normalize` passes through; norm and clamped keep the reduced dimensions with size 1."""

    norm: Tensor  # ‖input‖ₚ along dim
    clamped: Tensor  # max(norm, eps)
    output: Tensor  # input / clamped


def normalize(
    input: Tensor,
    p: float = 2.0,
    dim: int | tuple[int, ...] | None = 1,
    eps: float = 1e-12,
    out: Tensor | None = None,
) -> Tensor:
    """`input / max(‖input‖ₚ, eps)` along `dim`, one dimension, several, or None for all. As F.normalize.

    p is any number: 0 counts the non-zero entries, inf and -inf take the largest and the smallest magnitude, p
    between 0 and 1 and negative p follow the formula though they are no norms.
    As in torch, a row of zeros stays zeros (in float16 eps=1e-12 rounds to 0 and the row becomes NaN); squares
    overflow, so a float32 row around 1e30 becomes 0; the gradient of the norm at 0 is 0.
    Unlike torch, which also takes the names of matrix norms for p ("fro", "nuc"), this takes numbers.

    Raises TypeError for arguments of a wrong type, IndexError for a dim out of range, RuntimeError for an integer
    input, a dim given twice, or an inf or negative norm of an empty dimension.
    """
    return kit.finish(normalize_steps(input, p, dim, eps).output, like=input, out=out, cast=True)


def normalize_steps(
    input: Tensor, p: float = 2.0, dim: int | tuple[int, ...] | None = 1, eps: float = 1e-12
) -> NormalizeSteps:
    """`normalize`, with the norm and the clamped norm kept."""
    norm = p_norm(input, p, dim)
    clamped = norm.clamp_min(kit.check_number(eps, "eps"))
    return NormalizeSteps(norm, clamped, input / clamped)


def p_norm(input: Tensor, p: float, dim: int | tuple[int, ...] | None) -> Tensor:
    """(Σ |xᵢ|ᵖ)^(1/p) along `dim`, which stays with size 1, rounded to input's dtype. As torch.linalg.vector_norm."""
    dims = vector_norm_arguments(input, p, dim)
    size = kit.wide(input).abs()
    if p == math.inf:
        norm = size.amax(dims, keepdim=True)
    elif p == -math.inf:
        norm = size.amin(dims, keepdim=True)
    elif p == 0:
        norm = (size != 0).sum(dims, keepdim=True)
    elif all(input.shape[d] == 1 for d in dims):
        norm = size  # of one number: no power that could overflow
    else:
        norm = _power(_power(size, p).sum(dims, keepdim=True), 1 / p)
    return norm.to(input.abs().dtype)


def _power(x: Tensor, p: float) -> Tensor:
    """xᵖ of x ≥ 0, with a slope of 0 at 0, where that of a root is infinite: x is 1 there during the step."""
    return torch.where(x == 0, 0**p if p > 0 else math.inf, torch.where(x == 0, 1, x) ** p)


def normalize_backward(
    grad: Tensor, input: Tensor, p: float = 2.0, dim: int | tuple[int, ...] | None = 1, eps: float = 1e-12
) -> Tensor:
    """The gradient of input x with y = x / ‖x‖: (grad − n · Σ grad · y) / ‖x‖, n = sign(x) · (|x| / ‖x‖)^(p−1).

    n is the norm's own gradient, for p = 2 it is y. Where eps takes the place of the norm, it is grad / eps.
    """
    steps = normalize_steps(input, p, dim, eps)
    along = (grad * steps.output).sum(kit.dims_of(input, dim), keepdim=True)
    norm_gradient = input.sgn() * (input.abs() / steps.norm) ** (p - 1)
    return (grad - torch.where(steps.norm >= eps, norm_gradient * along, 0)) / steps.clamped


def _make_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(size, 512, generator=generator, dtype=torch.float32)
    return Call((rows.to(dtype=dtype, device=device),))


OPERATORS = (
    Operator(
        mirrors="torch.nn.functional.normalize",
        manual=normalize,
        torch=torch.nn.functional.normalize,
        make_call=_make_call,
        sizes=(16, 512, 16384),
        size_meaning="n: input of shape (n, 512), each row to length 1",
        bytes_moved=lambda size, itemsize: 2 * size * 512 * itemsize,
        operations=lambda size: 3 * size * 512,
        textbook=l2norm,
        backward=normalize_backward,
    ),
)
