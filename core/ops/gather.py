"""gather and scatter: pick numbers along one dimension by index, and put numbers back.

    gather   out[i][j] = input[index[i][j]][j]   for dim 0        scatter   out[index[i][j]][j] = src[i][j]
             out[i][j] = input[i][index[i][j]]   for dim 1                  out[i][index[i][j]] = src[i][j]

Every coordinate but the one along `dim` stays where it is. The vectorised tier does address arithmetic: in a row of
memory the element at (i₀, i₁, …) lies at Σ i·stride, so the index becomes one flat address for each output.
"""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from core.ops import kit
from core.ops.kit.indices import gather_arguments, scatter_arguments
from core.ops.operator import Call, Operator

# ---- textbook --------------------------------------------------------------------------------------------------


def source_of(index: Tensor, dim: int, output_index: Sequence[int]) -> tuple[int, ...]:
    """Where `gather` reads the output at `output_index`: the same coordinates, but index's own number along `dim`.

    For `scatter` it is the place that the element of src at `output_index` goes to.
    """
    if index.ndim == 0:
        return ()
    source = list(output_index)
    source[dim] = int(index[tuple(output_index)])
    return tuple(source)


def _places(index: Tensor) -> itertools.product:
    return itertools.product(*map(range, index.shape))


def gather_by_loops(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Textbook: one read for each place of `index`. Out-of-range indices are not refused: negative ones wrap."""
    out = input.new_zeros(index.shape)
    for place in _places(index):
        out[place] = input[source_of(index, dim, place)]
    return out


def scatter_by_loops(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Textbook: one write for each place of `index`, into a copy; the last of several writes to one place stays."""
    out = input.clone()
    for place in _places(index):
        out[source_of(index, dim, place)] = src[place]
    return out


# ---- addresses -------------------------------------------------------------------------------------------------


def contiguous_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """How far apart neighbours along each dimension lie in row-major order."""
    return tuple(math.prod(shape[d + 1 :]) for d in range(len(shape)))


def flat_addresses(index: Tensor, dim: int, shape: Sequence[int]) -> Tensor:
    """For each place of `index` the address, in a row-major tensor of `shape`, of what gather reads there.

    address = index · stride_dim + Σ over the other dimensions of coordinate · stride; int64, in index's shape.
    """
    strides = contiguous_strides(shape)
    others = torch.zeros([1] * index.ndim, dtype=torch.int64, device=index.device)  # size 1 along dim
    for d, size in enumerate(index.shape):
        if d != dim:
            steps = torch.arange(size, device=index.device) * strides[d]
            others = others + steps.reshape([-1 if axis == d else 1 for axis in range(index.ndim)])
    return torch.add(others, index, alpha=strides[dim])  # others + index · stride


# ---- gather ----------------------------------------------------------------------------------------------------


def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False, out: Tensor | None = None) -> Tensor:
    """The elements of `input` that `index` names along `dim`, in index's shape. As torch.gather.

    `index` (int64 or int32) has input's rank and may be smaller in every dimension, larger along `dim` only. An empty
    index gives an empty result of its shape, whatever its rank and dtype. A 0-dim input counts as one of size 1.
    The gradient adds up where an element was picked more than once. `sparse_grad` is taken and has no effect: the
    gradient is dense.

    Raises IndexError (dim), TypeError (no tensor, dim not an int), RuntimeError (rank, shape or dtype of index, an
    index that is negative or not below input's size along dim, an `out` of another dtype or sharing memory).
    """
    del sparse_grad
    dim = gather_arguments(input, dim, index, out)
    cells = input.reshape(-1)
    if index.numel() == 0:
        return kit.write_out(cells[:0].reshape(index.shape), out, (input,))
    addresses = flat_addresses(index, dim, input.shape or (1,))
    picked = cells.index_select(0, addresses.reshape(-1))
    return kit.write_out(picked.reshape(index.shape), out, (input,))


# ---- scatter ---------------------------------------------------------------------------------------------------


def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor | complex | None = None,
    *,
    value: Tensor | complex | None = None,
    reduce: str | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """A copy of `input` with the elements of `src`, or one `value`, written where `index` names. As torch.scatter.

    The inverse walk of `gather`. `index` may be smaller than src, whose rest is not used. Where several elements go
    to one place, one of them stays, and which one is not said: several threads write at the same time.
    reduce="add" or "multiply" combines them all with what was there.

    Unlike torch, this differentiates with a `reduce` too, and with a src larger than index (torch raises for both).

    Raises as `gather`, and RuntimeError for a src of another rank, dtype or too small, for a `value` that input's
    dtype can't hold and for another `reduce`; TypeError unless exactly one of src and value is given.
    """
    dim, source = scatter_arguments(input, dim, index, src, value, reduce)
    if index.numel() == 0:
        return kit.write_out(input.clone(), out, (input, source))
    cells, addresses = input.reshape(-1), flat_addresses(index, dim, input.shape or (1,)).reshape(-1)
    written = source.reshape(-1)
    if reduce is None:
        cells = cells.index_copy(0, addresses, written)
    elif reduce == "add":
        cells = cells.index_add(0, addresses, written)
    else:
        cells = cells.scatter_reduce(0, addresses, written, "prod")
    return kit.write_out(cells.reshape(input.shape), out, (input, source))


# ---- the register ----------------------------------------------------------------------------------------------


def _make_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    input = torch.randn(size, size, generator=generator).to(dtype=dtype, device=device)
    return Call((input, 1, torch.randint(size, (size, size), generator=generator).to(device)))


def _make_scatter_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    """Every row of index a permutation, so that no place is written twice."""
    generator = torch.Generator().manual_seed(seed)
    input, src = (torch.randn(size, size, generator=generator).to(dtype=dtype, device=device) for _ in range(2))
    index = torch.rand(size, size, generator=generator).argsort(1).to(device)
    return Call((input, 1, index, src))


OPERATORS = (
    Operator(
        mirrors="torch.gather",
        manual=gather,
        torch=torch.gather,
        make_call=_make_call,
        sizes=(16, 256, 2048),
        size_meaning="n: input and index of shape (n, n), dim 1",
        bytes_moved=lambda size, itemsize: size * size * (2 * itemsize + 8),
        operations=lambda size: 2 * size * size,  # the address: one multiply-add
        textbook=gather_by_loops,
    ),
    Operator(
        mirrors="torch.scatter",
        manual=scatter,
        torch=torch.scatter,
        make_call=_make_scatter_call,
        sizes=(16, 256, 2048),
        size_meaning="n: input, index and src of shape (n, n), dim 1",
        bytes_moved=lambda size, itemsize: size * size * (3 * itemsize + 8),
        operations=lambda size: 2 * size * size,
        textbook=scatter_by_loops,
    ),
)
