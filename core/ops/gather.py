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

from core.ops.kit import shares_memory, write_out
from core.ops.operator import Call, Operator

Tensor = torch.Tensor


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
    out = input.new_empty(index.shape)
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
    others = torch.zeros([1] * index.ndim, dtype=torch.int64, device=index.device)
    for d, size in enumerate(index.shape):
        if d != dim:
            coordinate = torch.arange(size, device=index.device)
            others = others + coordinate.reshape([-1 if axis == d else 1 for axis in range(index.ndim)]) * strides[d]
    return torch.add(others, index, alpha=strides[dim])  # others has size 1 along dim


# ---- gather ----------------------------------------------------------------------------------------------------


def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False, out: Tensor | None = None) -> Tensor:
    """The elements of `input` that `index` names along `dim`, in index's shape, as `torch.gather`.

    `index` (int64 or int32) has input's rank and may be smaller in every dimension, larger along `dim` only. An empty
    index gives an empty result of its shape, whatever its rank and dtype. A 0-dim input counts as one of size 1.
    The gradient adds up where an element was picked more than once. `sparse_grad` is taken and has no effect: the
    gradient is dense.

    Raises IndexError (dim), TypeError (no tensor, dim not an int), RuntimeError (rank, shape or dtype of index, an
    index that is negative or not below input's size along dim, an `out` of another dtype or sharing memory).
    """
    del sparse_grad
    place = _check_dim(input, dim, index)
    if out is not None and isinstance(out, Tensor) and (shares_memory(out, input) or shares_memory(out, index)):
        raise RuntimeError("out shares memory with input or index; clone() it first")
    if index.numel() == 0:
        return write_out(_nothing_picked(input, index), out, (input,))
    _check_index(input, place, index)
    rows, at = _at_least_1d(input), _at_least_1d(index)
    addresses = flat_addresses(at, place, rows.shape)
    picked = input.reshape(-1).index_select(0, addresses.reshape(-1))
    return write_out(picked.reshape(index.shape), out, (input,))


def _nothing_picked(input: Tensor, index: Tensor) -> Tensor:
    return input.reshape(-1)[:0].reshape(index.shape)


def _at_least_1d(tensor: Tensor) -> Tensor:
    return tensor.reshape(1) if tensor.ndim == 0 else tensor


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
    """A copy of `input` with the elements of `src`, or one `value`, written where `index` names, as `torch.scatter`.

    The inverse walk of `gather`. `index` may be smaller than src, whose rest is not used. Where several elements go
    to one place the last in memory order stays; reduce="add" or "multiply" combines them all with what was there.

    Unlike torch, this differentiates with a `reduce` too, and with a src larger than index (torch raises for both).

    Raises as `gather`, and RuntimeError for a src of another rank, dtype or too small, for a `value` that input's
    dtype can't hold and for another `reduce`; TypeError unless exactly one of src and value is given.
    """
    place = _check_dim(input, dim, index)
    if (src is None) == (value is None):
        raise TypeError("give either src or value, and not both")
    given = src if src is not None else value
    source = _check_source(input, place, index, src) if isinstance(src, Tensor) else _filled(input, index, given)
    if reduce not in (None, "add", "multiply"):
        raise RuntimeError(f"reduce must be 'add' or 'multiply', not {reduce!r}")
    if index.numel() == 0:
        return write_out(input.clone(), out, (input, source))
    _check_index(input, place, index, source)
    target, at = _at_least_1d(input), _at_least_1d(index)
    addresses = flat_addresses(at, place, target.shape)
    written = _at_least_1d(source)[tuple(slice(size) for size in at.shape)]
    cells = _write(target.reshape(-1), place, addresses, written, reduce)
    return write_out(cells.reshape(input.shape), out, (input, source))


def _write(cells: Tensor, dim: int, addresses: Tensor, written: Tensor, reduce: str | None) -> Tensor:
    """The flat `cells` after writing to the given addresses, in memory order."""
    if reduce is None:
        return cells.index_copy(0, addresses.reshape(-1), written.reshape(-1))
    if reduce == "add":
        return cells.index_add(0, addresses.reshape(-1), written.reshape(-1))
    for at, factors in zip(addresses.unbind(dim), written.unbind(dim), strict=True):
        at, factors = at.reshape(-1), factors.reshape(-1)  # one slice along dim writes to no place twice
        cells = cells.index_copy(0, at, cells.index_select(0, at) * factors)
    return cells


def _filled(input: Tensor, index: Tensor, value: object) -> Tensor:
    """`value` at every place of index."""
    if isinstance(value, Tensor) and value.ndim == 0:
        value = value.item()
    if not isinstance(value, (int, float, complex)):
        raise TypeError(f"value must be a number, not {value!r}")
    if isinstance(value, complex) and not input.dtype.is_complex:
        raise RuntimeError(f"value {value} is complex, but input is {input.dtype}")
    return torch.full((), value, dtype=input.dtype, device=input.device).expand(index.shape)


# ---- refusals --------------------------------------------------------------------------------------------------


def _check_dim(input: Tensor, dim: int, index: Tensor) -> int:
    """`dim` counted from the front."""
    for name, tensor in (("input", input), ("index", index)):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name} must be a Tensor, not {type(tensor).__name__}")
    if not isinstance(dim, int):
        raise TypeError(f"dim must be an int, not {dim!r}")
    rank = max(input.ndim, 1)
    if not -rank <= dim < rank:
        raise IndexError(f"dim must lie in [{-rank}, {rank - 1}] for an input of rank {input.ndim}, but it is {dim}")
    return dim % rank


def _check_index(input: Tensor, dim: int, index: Tensor, src: Tensor | None = None) -> None:
    """Rank, shape, dtype and range of an index that has elements."""
    if index.dtype not in (torch.int64, torch.int32):
        raise RuntimeError(f"index must be int64 or int32, but it is {index.dtype}")
    sizes = _at_least_1d(input).shape
    for name, other in (("input", input), ("src", src)):
        if other is not None and max(other.ndim, 1) != max(index.ndim, 1):
            raise RuntimeError(f"index has {index.ndim} dimensions, {name} has {other.ndim}; they must be equal")
    for d, size in enumerate(_at_least_1d(index).shape):
        if d != dim and size > sizes[d]:
            raise RuntimeError(
                f"index has size {size} at dimension {d}, input only {sizes[d]}: it may exceed at dim only"
            )
        if src is not None and size > _at_least_1d(src).shape[d]:
            raise RuntimeError(f"index of shape {tuple(index.shape)} is larger than src of shape {tuple(src.shape)}")
    low, high = (int(bound) for bound in index.aminmax())
    if low < 0 or high >= sizes[dim]:
        wrong = low if low < 0 else high
        raise RuntimeError(f"index holds {wrong}, which is outside 0…{sizes[dim] - 1} of input along dim {dim}")


def _check_source(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    if src.dtype != input.dtype:
        raise RuntimeError(f"src has dtype {src.dtype}, input has {input.dtype}; they must be equal")
    if index.numel() and 0 < src.ndim <= dim:
        raise IndexError(f"src of rank {src.ndim} has no dimension {dim}")
    return src


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
