"""What products ask of their operands, and how many products of numbers are held at a time."""

import math
from collections.abc import Callable
from numbers import Number
from typing import Any

import torch
from torch import Tensor

from core.ops.kit import checks
from core.ops.kit.precision import WIDE, autocast

Formula = Callable[[Tensor, Tensor], Tensor]

AT_A_TIME = 2**18  # products: a block of them stays in the cache


# ---- operands --------------------------------------------------------------------------------------------------


def factors(input: Any, other: Any) -> tuple[Tensor, Tensor, torch.dtype]:
    """Two factors, each a tensor or a number, on one device in the dtype they are multiplied in; the product's dtype.

    TypeError for what is neither.
    """
    for name, value in (("input", input), ("other", other)):
        must = "be a Tensor or a number"
        checks.require(isinstance(value, (Tensor, Number)), name, must, type(value).__name__, TypeError)
    product = _sample(input) * _sample(other)
    dtype = product.dtype if isinstance(product, Tensor) else torch.tensor(product).dtype
    left, right = (value if isinstance(value, Tensor) else _of_number(value) for value in (input, other))
    if left.ndim == 0 or right.ndim == 0:  # a single number follows the other operand to its device
        left, right = (left, right.to(left.device)) if right.ndim == 0 else (left.to(right.device), right)
    computed_in = WIDE.get(dtype, dtype)
    return left.to(computed_in), right.to(computed_in), dtype


def _sample(value: Any) -> Any:
    """What promotes dtypes as the value does: a number, a tensor of no dimension, one of some."""
    if not isinstance(value, Tensor):
        return value if isinstance(value, bool) else type(value)(1)
    return torch.empty((0,) * min(value.ndim, 1), dtype=value.dtype, device=value.device)


def _of_number(value: Any) -> Tensor:
    """A number in the widest dtype of its kind: rounding comes with the promotion."""
    kind = complex if isinstance(value, complex) else float if isinstance(value, float) else type(value)
    widest = {complex: torch.complex128, float: torch.float64}.get(kind)
    return torch.tensor(value, dtype=widest)


def matrices(rank: int | None = None, **operands: Any) -> tuple[Tensor, Tensor]:
    """Operands of a matrix product, as autocast hands them over: of `rank` dimensions, or at least of one.

    TypeError for what is no tensor, RuntimeError for another rank or two dtypes, NotImplementedError for bools.
    """
    _check_ranks(rank, operands)
    left, right = autocast(*operands.values())
    return one_dtype(list(operands)[-1], left, right)


def vectors(**operands: Any) -> tuple[Tensor, Tensor]:
    """Operands of an inner product, which autocast leaves alone; errors as `matrices`."""
    _check_ranks(1, operands)
    left, right = operands.values()
    return one_dtype(list(operands)[-1], left, right)


def _check_ranks(rank: int | None, operands: dict[str, Any]) -> None:
    must = "have dimensions" if rank is None else f"have {rank} dimensions"
    for name, operand in operands.items():
        checks.check_tensor(operand, name)
        fits = operand.ndim > 0 if rank is None else operand.ndim == rank
        checks.require(fits, name, must, f"shape {tuple(operand.shape)}")


def one_dtype(name: str, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Both, or RuntimeError where dtypes differ, NotImplementedError for one that has no sum of products."""
    checks.require(left.dtype == right.dtype, name, f"have the other's dtype, {left.dtype}", right.dtype)
    summable = left.dtype not in (torch.bool, torch.complex32)
    checks.require(summable, name, "hold numbers that can be summed", left.dtype, NotImplementedError)
    return left, right


def check_inner(A: Tensor, B: Tensor, name: str) -> None:
    """RuntimeError unless (..., n, k) meets (..., k, m) and the dimensions before those broadcast."""
    must = f"have {A.shape[-1]} rows, as many as the first has columns"
    checks.require(A.shape[-1] == B.shape[-2], name, must, f"{B.shape[-2]} in shape {tuple(B.shape)}")
    pairs = zip(reversed(A.shape[:-2]), reversed(B.shape[:-2]), strict=False)
    fits = all(a == b or 1 in (a, b) for a, b in pairs)
    checks.require(fits, name, f"broadcast with shape {tuple(A.shape)} before its matrices", f"shape {tuple(B.shape)}")


# ---- blocks ----------------------------------------------------------------------------------------------------


def in_blocks(formula: Formula, A: Tensor, B: Tensor, summed: int = 1) -> Tensor:
    """formula(A, B), which sums A · B over the last `summed` dimensions, slice by slice of the longest other one.

    All products at once would be many times as many as the sums. A slice has at most as many as operands and sums have
    numbers, and at most `AT_A_TIME`; where one position of the longest dimension has more, the next one is cut too.
    A compiler adds each product to its sum as it comes, and gets everything at once.
    """
    shape = torch.broadcast_shapes(A.shape, B.shape)
    if torch.compiler.is_compiling() or 0 in shape:
        return formula(A, B)
    numbers = A.numel() + B.numel() + math.prod(shape[: len(shape) - summed])
    return _cut(formula, A, B, summed, min(numbers, AT_A_TIME))


def _cut(formula: Formula, A: Tensor, B: Tensor, summed: int, most: int) -> Tensor:
    """`formula` of slices with so many products at most, put together."""
    shape = torch.broadcast_shapes(A.shape, B.shape)
    kept = [1, *shape[: len(shape) - summed]]
    if math.prod(shape) <= most or max(kept) == 1:
        return formula(A, B)
    dim = kept.index(max(kept)) - 1 - len(shape)  # from the end: one may have fewer dimensions than the other
    size = max(1, most * shape[dim] // math.prod(shape))  # positions of one slice
    slices = ((_slice(A, dim, start, size), _slice(B, dim, start, size)) for start in range(0, shape[dim], size))
    return torch.cat([_cut(formula, a, b, summed, most) for a, b in slices], dim + summed)


def _slice(tensor: Tensor, dim: int, start: int, size: int) -> Tensor:
    """So many positions along `dim`, or the only one."""
    if tensor.ndim < -dim or tensor.shape[dim] == 1:
        return tensor
    return tensor.narrow(dim, start, min(size, tensor.shape[dim] - start))
