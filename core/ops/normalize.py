"""Lp normalisation: divide each vector by its p-norm, so that it lands on the unit ball of that norm.

    output = input / max(‖input‖ₚ, eps),   ‖x‖ₚ = (Σ |xᵢ|ᵖ)^(1/p)

The result has length 1; its signs stay, so it lies in −1…1 and not in 0…1.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch

from core.ops.operator import Call, Operator
from core.ops.out import write_out


def l2norm(x: torch.Tensor, p: float = 2) -> torch.Tensor:
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

    norm: torch.Tensor  # ‖input‖ₚ along dim
    clamped: torch.Tensor  # max(norm, eps)
    output: torch.Tensor  # input / clamped


def normalize(
    input: torch.Tensor,
    p: float = 2.0,
    dim: int | tuple[int, ...] | None = 1,
    eps: float = 1e-12,
    out: torch.Tensor | None = None,
) -> torch.Tensor:
    """`input / max(‖input‖ₚ, eps)` along `dim`, as `torch.nn.functional.normalize`.

    p is any number: 0 counts the non-zero entries, inf and -inf take the largest and the smallest magnitude, p
    between 0 and 1 and negative p follow the formula though they are no norms. `dim` is one dimension, several, or
    None for all. Floating-point and complex input only.

    Edge cases, as in torch: a row of zeros stays zeros (in float16 eps=1e-12 rounds to 0 and the row becomes NaN);
    squares overflow, so a float32 row around 1e30 becomes 0; the gradient of the norm at 0 is 0.
    Unlike torch, which also takes the names of matrix norms for p ("fro", "nuc"), this takes numbers.

    Raises TypeError for arguments of a wrong type, IndexError for a dim out of range, RuntimeError for an integer
    input, a dim given twice, or an inf or negative norm of an empty dimension.
    """
    return write_out(normalize_steps(input, p, dim, eps).output, out, (input,), cast=True)


def normalize_steps(
    input: torch.Tensor, p: float = 2.0, dim: int | tuple[int, ...] | None = 1, eps: float = 1e-12
) -> NormalizeSteps:
    """`normalize`, with the norm and the clamped norm kept."""
    _check_numbers(input, p, eps)
    dims = _dims(input, dim)
    _check_identity(input, p, dims)
    return NormalizeSteps(*_Normalize.apply(input, float(p), dims, float(eps)))


def p_norm(input: torch.Tensor, p: float, dims: tuple[int, ...], scratch: torch.Tensor | None = None) -> torch.Tensor:
    """(Σ |xᵢ|ᵖ)^(1/p) along `dims`, which stay with size 1; float16 and bfloat16 are summed in float32.

    The powers are written into `scratch` where one is given. No autograd: `normalize` writes its gradient out.
    """
    if p != 0 and all(input.shape[dim] == 1 for dim in dims):
        return input.abs()  # one number: no power that could overflow
    x = input.float() if input.dtype in (torch.float16, torch.bfloat16) else input
    real = torch.empty((), dtype=input.dtype).abs().dtype  # the norm of complex numbers is real
    return _p_norm(x, p, dims, scratch).to(real)


def _p_norm(x: torch.Tensor, p: float, dims: tuple[int, ...], scratch: torch.Tensor | None) -> torch.Tensor:
    if p == 2:
        squares = (x.conj() * x).real if x.is_complex() else torch.mul(x, x, out=scratch)
        return squares.sum(dims, keepdim=True).sqrt_()
    size = torch.abs(x, out=scratch)
    if p == math.inf:
        return size.amax(dims, keepdim=True)
    if p == -math.inf:
        return size.amin(dims, keepdim=True)
    if p == 0:
        return (size != 0).sum(dims, keepdim=True).to(size.dtype)
    if p == 1:
        return size.sum(dims, keepdim=True)
    return size.pow_(p).sum(dims, keepdim=True).pow_(1 / p)


class _Normalize(torch.autograd.Function):
    """The norm and the quotient with their gradient in closed form.

    Written out because autograd's own chain through the root would give ∞·0 = NaN at a row of zeros. The backward
    is made of differentiable operations, so it can be differentiated again.
    """

    @staticmethod
    def forward(
        ctx: Any, input: torch.Tensor, p: float, dims: tuple[int, ...], eps: float
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        # one new tensor, first for the powers and then for the output: half the memory traffic
        scratch = torch.empty_like(input) if input.dtype in (torch.float32, torch.float64) else None
        norm = p_norm(input, p, dims, scratch)
        clamped = norm.clamp_min(eps)
        output = torch.div(input, clamped, out=scratch)
        ctx.save_for_backward(input, norm, clamped, output)
        ctx.p, ctx.dims, ctx.eps = p, dims, eps
        return norm, clamped, output

    @staticmethod
    def backward(
        ctx: Any, grad_norm: torch.Tensor, grad_clamped: torch.Tensor, grad_output: torch.Tensor
    ) -> tuple[torch.Tensor, None, None, None]:
        input, norm, clamped, output = ctx.saved_tensors
        through = (grad_output * (output / clamped).conj()).sum(ctx.dims, keepdim=True)
        through = through.real if through.is_complex() else through
        total = grad_norm + torch.where(norm >= ctx.eps, grad_clamped - through, 0)  # all that reaches the norm
        return grad_output / clamped + _norm_gradient(input, norm, ctx.p, ctx.dims, total), None, None, None


def _norm_gradient(
    x: torch.Tensor, norm: torch.Tensor, p: float, dims: tuple[int, ...], grad: torch.Tensor
) -> torch.Tensor:
    """grad · ∂‖x‖ₚ/∂x = grad · sign(x) · |x|^(p−1) / ‖x‖ₚ^(p−1), and 0 where it is not defined."""
    if p == 0:
        return torch.zeros_like(x)
    if p == 1:
        return x.sgn() * grad
    if p == 2:
        return x * (grad / norm).masked_fill(norm == 0, 0)
    if math.isinf(p):  # ties share the gradient
        chosen = x.abs() == norm
        return x.sgn() * chosen * (grad / chosen.sum(dims, keepdim=True))
    if p < 1:
        powers = x.sgn() * x.abs().pow(p - 1).masked_fill(x == 0, 0)
        return powers * grad * norm.pow(1 - p)
    powers = x.sgn() * x.abs().pow(p - 1) if p < 2 else x * x.abs().pow(p - 2)
    return powers * (grad / norm.pow(p - 1)).masked_fill(norm == 0, 0)


def _check_numbers(input: torch.Tensor, p: float, eps: float) -> None:
    if not isinstance(input, torch.Tensor):
        raise AttributeError(f"input must be a Tensor, not {type(input).__name__}")
    if not (input.is_floating_point() or input.is_complex()):
        raise RuntimeError(f"input must be floating point or complex, but it is {input.dtype}: convert it first")
    for name, value in (("p", p), ("eps", eps)):
        if not isinstance(value, (int, float, torch.Tensor)):
            raise TypeError(f"{name} must be a number, not {value!r}")


def _dims(input: torch.Tensor, dim: int | tuple[int, ...] | None) -> tuple[int, ...]:
    """The reduced dimensions, counted from the front: all of them for None and ()."""
    if dim is None or dim == ():
        return tuple(range(input.ndim))
    wanted = (dim,) if isinstance(dim, int) else dim
    if not isinstance(wanted, (tuple, list)) or not all(isinstance(d, int) for d in wanted):
        raise TypeError(f"dim must be an int or a tuple of ints, not {dim!r}")
    rank = max(input.ndim, 1)  # a 0-dim tensor takes the dims of a 1-dim one
    for d in wanted:
        if not -rank <= d < rank:
            raise IndexError(f"dim must lie in [{-rank}, {rank - 1}] for an input of rank {input.ndim}, but it is {d}")
    dims = tuple(d % rank for d in wanted)
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"dim names a dimension more than once: {dim}")
    return dims if input.ndim else ()


def _check_identity(input: torch.Tensor, p: float, dims: tuple[int, ...]) -> None:
    """No numbers have no largest magnitude, and no negative norm."""
    if (p < 0 or p == math.inf) and any(input.shape[dim] == 0 for dim in dims):
        raise RuntimeError(f"input of shape {tuple(input.shape)} is empty along dim {dims}: no norm with p={p}")


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
        target_ratio=1.0,
    ),
)
