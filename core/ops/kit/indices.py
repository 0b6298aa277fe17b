"""What gather and scatter ask of their index and their source."""

from typing import Any

import torch
from torch import Tensor

from core.ops.kit.checks import check_choice, check_tensor, dim_of, readable, require
from core.ops.kit.writing import shares_memory


def gather_arguments(input: Any, dim: Any, index: Any, out: Any) -> int:
    """`dim` counted from the front. TypeError, IndexError, RuntimeError as torch."""
    dim = _dim_and_index(input, dim, index)
    if index.numel():
        _check_index(input, dim, index)
    shared = isinstance(out, Tensor) and (shares_memory(out, input) or shares_memory(out, index))
    require(not shared, "out", "share no memory with input or index", "one that does")
    return dim


def scatter_arguments(input: Any, dim: Any, index: Any, src: Any, value: Any, reduce: str | None) -> tuple[int, Tensor]:
    """`dim` counted from the front, and what to write at each place of index: from src, or the one value.

    TypeError, IndexError, RuntimeError as torch.
    """
    dim = _dim_and_index(input, dim, index)
    require((src is None) != (value is None), "value", "be given where src is not, and only there", value, TypeError)
    given = value if src is None else src
    source = given if isinstance(src, Tensor) else _filled(input, index, given)
    require(source.dtype == input.dtype, "src", f"have the dtype of input, {input.dtype}", source.dtype)
    if reduce is not None:
        check_choice(reduce, "reduce", ("add", "multiply"), RuntimeError)
    if index.numel():
        _check_index(input, dim, index)
        source = _as_large(source, dim, index)
    return dim, source


def _as_large(source: Tensor, dim: int, index: Tensor) -> Tensor:
    """As much of src as index has places."""
    rank, sizes, shape = max(index.ndim, 1), index.shape or (1,), source.shape or (1,)
    require(source.ndim == 0 or dim < source.ndim, "src", f"have a dimension {dim}", source.ndim, IndexError)
    require(len(shape) == rank, "src", f"have {rank} dimensions, as index has", source.ndim)
    fits = all(size <= given for size, given in zip(sizes, shape, strict=True))
    require(fits, "src", f"be no smaller than index of shape {tuple(index.shape)}", f"shape {tuple(source.shape)}")
    return source.reshape(shape)[tuple(slice(size) for size in sizes)]


def _dim_and_index(input: Any, dim: Any, index: Any) -> int:
    check_tensor(input, "input")
    check_tensor(index, "index")
    return dim_of(input, dim)


def _filled(input: Tensor, index: Tensor, value: Any) -> Tensor:
    """`value`, a number or a tensor of one, at every place of index, in input's dtype."""
    if isinstance(value, Tensor) and value.ndim == 0:
        if not readable(value):
            return value.to(input).expand(index.shape)
        value = value.item()
    require(isinstance(value, (int, float, complex)), "value", "be a number", type(value).__name__, TypeError)
    fits = input.dtype.is_complex or not isinstance(value, complex)
    require(fits, "value", f"be real for an input of {input.dtype}", value)
    return torch.full((), value, dtype=input.dtype, device=input.device).expand(index.shape)


def _check_index(input: Tensor, dim: int, index: Tensor) -> None:
    """Dtype, rank, shape and, where they can be read, the numbers of an index that has elements."""
    require(index.dtype in (torch.int64, torch.int32), "index", "be int64 or int32", index.dtype)
    rank, sizes = max(input.ndim, 1), input.shape or (1,)
    require(max(index.ndim, 1) == rank, "index", f"have {rank} dimensions, as input has", index.ndim)
    fits = all(size <= sizes[d] for d, size in enumerate(index.shape) if d != dim)
    must = f"be no larger than input of shape {tuple(input.shape)}, but along dim {dim}"
    require(fits, "index", must, f"shape {tuple(index.shape)}")
    if readable(index):
        low, high = (int(bound) for bound in index.aminmax())
        must = f"lie in 0…{sizes[dim] - 1}, the places of input along dim {dim}"
        require(low >= 0 and high < sizes[dim], "index", must, low if low < 0 else high)
