"""The operations of a chain: how torch is called, what integers predict, which arguments there are."""

import math
from collections.abc import Mapping
from itertools import chain
from typing import Any

import torch
from torch.nn import functional as F

from core.experiments.chain.operation import MAX_RANK, MOST_PLACES, Operation, Parameter, Value, one_or_tuple
from core.experiments.layout import copies, rule
from core.experiments.layout import operations as predicted
from core.experiments.layout.rule import Ints, Layout


def _slice_index(dim: int, what: Any) -> tuple[Any, ...]:
    """The index x[:, :, what] for dim 2, and x[..., what, :] for dim -2."""
    return (*[slice(None)] * dim, what) if dim >= 0 else (..., what, *[slice(None)] * (-dim - 1))


def _slice_written(x: str, dim: int, start: int | None, stop: int | None, step: int | None) -> str:
    first, last = ("" if n is None else str(n) for n in (start, stop))
    return _written_index(x, dim, f"{first}:{last}" + ("" if step is None else f":{step}"))


def _as_strided_written(x: str, size: Ints, stride: Ints, storage_offset: int | None) -> str:
    offset = "" if storage_offset is None else f", {storage_offset}"
    return f"{x}.as_strided({size}, {stride}{offset})"


def _scatter_written(x: str, size: Ints, stride: Ints, storage_offset: int | None) -> str:
    zeros = f"{x}.new_zeros(()).expand({size})"
    return _as_strided_written(x, size, stride, storage_offset).replace("as_strided(", f"as_strided_scatter({zeros}, ")


def _last(layout: Layout) -> int:
    return max(layout.ndim - 1, 0)


def _longest(layout: Layout) -> int:
    """The first of the longest dimensions, where a cut shows most."""
    return max(range(layout.ndim), key=lambda d: layout.shape[d], default=0)


def _two_factors(n: int) -> Ints:
    """n as a product of two sizes, as close to each other as can be, or a small one and its counterpart."""
    middle = math.isqrt(n)
    candidates = chain(range(middle, max(middle - 4096, 1), -1), range(min(4096, middle), 1, -1))
    return next(((d, n // d) for d in candidates if n % d == 0), (1, n))


def _half(n: int) -> int:
    return (n + 1) // 2


def _other_shape(layout: Layout) -> Ints:
    """Another shape that can be viewed: two neighbours merged where their strides allow it, else one cut in two."""
    for d in reversed(range(layout.ndim - 1)):
        merged = (*layout.shape[:d], layout.shape[d] * layout.shape[d + 1], *layout.shape[d + 2 :])
        if rule.view_stride(layout, merged) is not None:
            return merged
    d = _longest(layout)
    cut = _two_factors(layout.shape[d]) if layout.ndim else (1,)
    return (*layout.shape[:d], *cut, *layout.shape[d + 1 :])


def _narrow_default(layout: Layout) -> tuple[Value, ...]:
    d = _longest(layout)
    length = _half(layout.shape[d]) if layout.ndim else 1
    return (d, length // 2, length)


def _diagonal(layout: Layout) -> tuple[Value, ...]:
    """The diagonal of the last two dimensions as as_strided reads it; of fewer dimensions, every second element."""
    offset = min(layout.storage_offset, max(layout.storage_size - 1, 0))
    if layout.ndim >= 2:
        length, step = min(layout.shape[-2:]), sum(layout.stride[-2:])
    else:
        length, step = _half(layout.numel), 2 * sum(layout.stride)
    return ((length,), (step,), offset)


def _shortest(layout: Layout) -> int:
    """The first of the shortest dimensions that have elements, where a mask is shortest."""
    return min(range(layout.ndim), key=lambda d: (layout.shape[d] == 0, layout.shape[d]), default=0)


def _every_second(size: int) -> Ints:
    return tuple((i + 1) % 2 for i in range(min(size, MOST_PLACES)))


# ---- how torch is called ---------------------------------------------------------------------------------------


def _places(x: torch.Tensor, index: Ints) -> torch.Tensor:
    return torch.tensor(index, dtype=torch.int64, device=x.device)


def _mask(mask: Ints) -> torch.Tensor:
    return torch.tensor(mask, dtype=torch.bool)


def _spelled_places(index: Ints) -> str:
    return f"torch.tensor({list(index)}{'' if index else ', dtype=torch.int64'})"


def _spelled_mask(mask: Ints) -> str:
    return f"torch.tensor({[bool(n) for n in mask]}{'' if mask else ', dtype=torch.bool'})"


def _written_index(x: str, dim: int, what: str) -> str:
    """x[:, [2, 0]] for dim 1, and x[..., [2, 0], :] for dim -2."""
    parts = [":"] * dim + [what] if dim >= 0 else ["...", what] + [":"] * (-dim - 1)
    return f"{x}[{', '.join(parts)}]"


_DIM = Parameter("dim", "dim", "the dimension, counted from 0; -1 is the last")


_WHICH = Parameter("which", "int", "which of them; -1 is the last")


_MASK = Parameter("mask", "mask", "1 or 0 for each element along the last dimension: True or False")


_SHAPE = Parameter("shape", "sizes", "the new shape; one size may be -1 and is then worked out")


_ALL = (
    Operation(
        "view",
        "the same cells in another shape, or a refusal",
        (_SHAPE,),
        lambda x, shape: x.view(shape),
        predicted.view,
        lambda s: (_other_shape(s),),
    ),
    Operation(
        "reshape",
        "a view where one exists, otherwise a copy",
        (_SHAPE,),
        lambda x, shape: x.reshape(shape),
        predicted.reshape,
        lambda s: (_other_shape(s),),
    ),
    Operation(
        "permute",
        "all dimensions in another order",
        (Parameter("dims", "dims", "for each new dimension, which old one it is"),),
        lambda x, dims: x.permute(dims),
        predicted.permute,
        lambda s: (tuple(reversed(range(s.ndim))),),
    ),
    Operation(
        "transpose",
        "two dimensions change places",
        (Parameter("dim0", "dim", "the first of the two"), Parameter("dim1", "dim", "the other")),
        lambda x, dim0, dim1: x.transpose(dim0, dim1),
        predicted.transpose,
        lambda s: (max(s.ndim - 2, 0), _last(s)),
    ),
    Operation(
        "T",
        "a matrix transposed",
        (),
        lambda x: x.T,
        predicted.T,
        lambda _: (),
        lambda x: f"{x}.T",
    ),
    Operation(
        "mT",
        "the last two dimensions change places",
        (),
        lambda x: x.mT,
        predicted.mT,
        lambda _: (),
        lambda x: f"{x}.mT",
    ),
    Operation(
        "movedim",
        "dimensions move to other places, the rest keep their order",
        (
            Parameter("source", "dims", "which dimensions move"),
            Parameter("destination", "dims", "the place of each of them afterwards"),
        ),
        lambda x, source, destination: x.movedim(source, destination),
        predicted.movedim,
        lambda s: ((0,), (_last(s),)),
    ),
    Operation(
        "slice",
        "every step-th element from start to stop",
        (
            _DIM,
            Parameter("start", "int", "the first index; None: from the beginning", optional=True),
            Parameter("stop", "int", "the index to stop before; None: to the end", optional=True),
            Parameter("step", "int", "how far apart, at least 1; None: 1", optional=True),
        ),
        lambda x, dim, start, stop, step: x[_slice_index(dim, slice(start, stop, step))],
        predicted.slice_,
        lambda s: (_longest(s), None, None, 2),
        _slice_written,
    ),
    Operation(
        "select",
        "one element along a dimension, which goes",
        (_DIM, Parameter("index", "int", "which element; -1 is the last")),
        lambda x, dim, index: x.select(dim, index),
        predicted.select,
        lambda s: (_longest(s), s.shape[_longest(s)] // 2 if s.ndim else 0),
    ),
    Operation(
        "narrow",
        "length elements from start along a dimension",
        (
            _DIM,
            Parameter("start", "int", "the first index"),
            Parameter("length", "int", "how many elements"),
        ),
        lambda x, dim, start, length: x.narrow(dim, start, length),
        predicted.narrow,
        _narrow_default,
    ),
    Operation(
        "chunk",
        "one of so many parts along a dimension",
        (Parameter("chunks", "int", "how many parts"), _DIM, _WHICH),
        lambda x, chunks, dim, which: x.chunk(chunks, dim)[which],
        predicted.chunk,
        lambda s: (2, _longest(s), 0),
        lambda x, chunks, dim, which: f"{x}.chunk({chunks}, {dim})[{which}]",
    ),
    Operation(
        "split",
        "one of the parts of so many elements along a dimension",
        (Parameter("split_size", "int", "how many elements a part has; the last may have fewer"), _DIM, _WHICH),
        lambda x, split_size, dim, which: x.split(split_size, dim)[which],
        predicted.split,
        lambda s: (max(_half(s.shape[_longest(s)]), 1) if s.ndim else 1, _longest(s), 0),
        lambda x, split_size, dim, which: f"{x}.split({split_size}, {dim})[{which}]",
    ),
    Operation(
        "unbind",
        "one of the tensors that lie side by side along a dimension, which goes",
        (_DIM, _WHICH),
        lambda x, dim, which: x.unbind(dim)[which],
        predicted.unbind,
        lambda s: (_shortest(s), 0),
        lambda x, dim, which: f"{x}.unbind({dim})[{which}]",
    ),
    Operation(
        "expand",
        "dimensions of size 1 repeated without a copy",
        (Parameter("size", "sizes", "the new sizes, more dimensions in front if wished; -1 keeps one"),),
        lambda x, size: x.expand(size),
        predicted.expand,
        lambda s: (
            tuple(3 if n == 1 else n for n in s.shape) if 1 in s.shape or s.ndim == MAX_RANK else (2, *s.shape),
        ),
    ),
    Operation(
        "unsqueeze",
        "a new dimension of size 1",
        (Parameter("dim", "dim", "its place afterwards"),),
        lambda x, dim: x.unsqueeze(dim),
        predicted.unsqueeze,
        lambda _: (0,),
    ),
    Operation(
        "squeeze",
        "dimensions of size 1 go (all, or those named)",
        (Parameter("dim", "dims", "which ones; none named: all of size 1", optional=True),),
        lambda x, dim: x.squeeze(dim) if dim else x.squeeze(),
        predicted.squeeze,
        lambda _: ((),),
        lambda x, dim: f"{x}.squeeze({one_or_tuple(dim) if dim else ''})",
    ),
    Operation(
        "flatten",
        "dimensions from start to end become one: a view or a copy",
        (Parameter("start_dim", "dim", "the first of them"), Parameter("end_dim", "dim", "the last of them")),
        lambda x, start_dim, end_dim: x.flatten(start_dim, end_dim),
        predicted.flatten,
        lambda _: (0, -1),
    ),
    Operation(
        "unflatten",
        "one dimension becomes several",
        (_DIM, Parameter("sizes", "sizes", "the sizes it becomes; one may be -1")),
        lambda x, dim, sizes: x.unflatten(dim, sizes),
        predicted.unflatten,
        lambda s: (_longest(s), _two_factors(s.shape[_longest(s)]) if s.ndim else (1,)),
        lambda x, dim, sizes: f"{x}.unflatten({dim}, {sizes})",
    ),
    Operation(
        "diagonal",
        "the elements on a diagonal: one stride, the sum of two, walks them",
        (
            Parameter("offset", "int", "0: the main diagonal; above it, or below it if negative"),
            Parameter("dim1", "dim", "the dimension of the rows"),
            Parameter("dim2", "dim", "the dimension of the columns"),
        ),
        lambda x, offset, dim1, dim2: x.diagonal(offset, dim1, dim2),
        predicted.diagonal,
        lambda s: (0, max(s.ndim - 2, 0), _last(s)),
    ),
    Operation(
        "repeat",
        "whole dimensions one after the other, always a copy; expand makes none",
        (Parameter("repeats", "ints", "how often each dimension, more in front if wished"),),
        lambda x, repeats: x.repeat(repeats),
        copies.repeat,
        lambda s: ((*(1,) * (s.ndim - 1), 2),),
    ),
    Operation(
        "tile",
        "as repeat, the numbers for the last dimensions",
        (Parameter("dims", "ints", "how often each of the last dimensions"),),
        lambda x, dims: x.tile(dims),
        copies.tile,
        lambda _: ((2,),),
    ),
    Operation(
        "repeat_interleave",
        "each element several times behind itself; always a copy",
        (
            Parameter("repeats", "int", "how often each element"),
            Parameter("dim", "dim", "along which dimension; None: of the tensor in reading order", optional=True),
        ),
        lambda x, repeats, dim: x.repeat_interleave(repeats, dim),
        copies.repeat_interleave,
        lambda s: (2, _last(s)),
        by_integers=True,
    ),
    Operation(
        "roll",
        "what falls out at the end of a dimension comes in at its front; always a copy",
        (
            Parameter("shifts", "ints", "how far, for each of dims"),
            Parameter("dims", "dims", "along which dimensions; none named: in reading order", optional=True),
        ),
        lambda x, shifts, dims: x.roll(shifts, dims),
        copies.roll,
        lambda s: ((1,), (_last(s),) if s.ndim else ()),
        by_integers=True,
    ),
    Operation(
        "rot90",
        "quarter turns in the plane of two dimensions; always a copy",
        (
            Parameter("k", "int", "how many quarter turns, against the clock"),
            Parameter("dims", "dims", "the two dimensions; the turn goes from the first towards the second"),
        ),
        lambda x, k, dims: x.rot90(k, dims),
        copies.rot90,
        lambda s: (1, (max(s.ndim - 2, 0), _last(s))),
        by_integers=True,
    ),
    Operation(
        "cat",
        "twice, one behind the other along a dimension; always a copy",
        (_DIM,),
        lambda x, dim: torch.cat([x, x], dim),
        copies.cat,
        lambda _: (0,),
        lambda x, dim: f"torch.cat([{x}, {x}], {dim})",
        by_integers=True,
    ),
    Operation(
        "stack",
        "twice, side by side along a new dimension; always a copy",
        (Parameter("dim", "dim", "the place of the new dimension"),),
        lambda x, dim: torch.stack([x, x], dim),
        copies.stack,
        lambda _: (0,),
        lambda x, dim: f"torch.stack([{x}, {x}], {dim})",
        by_integers=True,
    ),
    Operation(
        "pad",
        "zeros around it; always a copy",
        (Parameter("pad", "ints", "before and behind the last dimension, then the one before it; negative: cropped"),),
        lambda x, pad: F.pad(x, pad),
        copies.pad,
        lambda s: ((1, 1) if s.ndim else (),),
        lambda x, pad: f"F.pad({x}, {pad})",
        by_integers=True,
    ),
    Operation(
        "index",
        "a list in the brackets: the elements at these places; always a copy",
        (_DIM, Parameter("index", "places", "the places, in any order, each as often as wished; -1 is the last")),
        lambda x, dim, index: x[_slice_index(dim, _places(x, index))],
        copies.index,
        lambda s: (_longest(s), (-1, 0) if s.numel else ()),
        lambda x, dim, index: _written_index(x, dim, str(list(index))),
        by_integers=True,
    ),
    Operation(
        "mask",
        "a mask in the brackets: the elements for which it says True; always a copy",
        (_DIM, Parameter("mask", "mask", "1 or 0 for each element along the dimension: True or False")),
        lambda x, dim, mask: x[_slice_index(dim, _mask(mask))],
        copies.mask,
        lambda s: (_shortest(s), _every_second(s.shape[_shortest(s)]) if s.ndim else ()),
        lambda x, dim, mask: _written_index(x, dim, _spelled_mask(mask)),
        by_integers=True,
    ),
    Operation(
        "masked_select",
        "the elements for which a mask says True, in one dimension; always a copy",
        (_MASK,),
        lambda x, mask: x.masked_select(_mask(mask)),
        copies.masked_select,
        lambda s: (_every_second(s.shape[-1]) if s.ndim and 0 < s.shape[-1] <= MOST_PLACES else (1,),),
        lambda x, mask: f"{x}.masked_select({_spelled_mask(mask)})",
        by_integers=True,
    ),
    Operation(
        "where",
        "zeros in place of the elements for which a mask says False; always a copy",
        (_MASK,),
        lambda x, mask: x.where(_mask(mask), x.new_zeros(())),
        copies.where,
        lambda s: (_every_second(s.shape[-1]) if s.ndim and 0 < s.shape[-1] <= MOST_PLACES else (1,),),
        lambda x, mask: f"{x}.where({_spelled_mask(mask)}, {x}.new_zeros(()))",
        by_integers=True,
    ),
    Operation(
        "index_select",
        "the elements at a list of places along a dimension; always a copy",
        (_DIM, Parameter("index", "places", "the places, in any order, each as often as wished")),
        lambda x, dim, index: x.index_select(dim, _places(x, index)),
        copies.index_select,
        lambda s: (_longest(s), (max(s.shape[_longest(s)] - 1, 0), 0) if s.ndim else (0,)),
        lambda x, dim, index: f"{x}.index_select({dim}, {_spelled_places(index)})",
    ),
    Operation(
        "take_along_dim",
        "the elements at these places of the tensor in reading order; always a copy",
        (Parameter("indices", "places", "the places, in any order, each as often as wished"),),
        lambda x, indices: x.take_along_dim(_places(x, indices)),
        copies.take_along_dim,
        lambda s: ((max(s.numel - 1, 0), 0) if s.numel else (),),
        lambda x, indices: f"{x}.take_along_dim({_spelled_places(indices)})",
        by_integers=True,
    ),
    Operation(
        "flip",
        "reversed along dimensions; always a copy",
        (Parameter("dims", "dims", "which dimensions run backwards"),),
        lambda x, dims: x.flip(dims),
        copies.flip,
        lambda s: ((_last(s),) if s.ndim else (),),
        by_integers=True,
    ),
    Operation(
        "tril",
        "the lower triangle of each matrix, 0 above it; always a copy",
        (Parameter("diagonal", "int", "0: up to the main diagonal; more of it, or less if negative"),),
        lambda x, diagonal: x.tril(diagonal),
        copies.triangle,
        lambda _: (0,),
        by_integers=True,
    ),
    Operation(
        "triu",
        "the upper triangle of each matrix, 0 below it; always a copy",
        (Parameter("diagonal", "int", "0: from the main diagonal on; less of it, or more if negative"),),
        lambda x, diagonal: x.triu(diagonal),
        copies.triangle,
        lambda _: (0,),
        by_integers=True,
    ),
    Operation(
        "unfold",
        "sliding windows as a new last dimension",
        (
            Parameter("dimension", "dim", "along which dimension the window slides"),
            Parameter("size", "int", "the length of a window"),
            Parameter("step", "int", "from one window to the next, at least 1"),
        ),
        lambda x, dimension, size, step: x.unfold(dimension, size, step),
        predicted.unfold,
        lambda s: (_last(s), min(3, s.shape[-1]) if s.ndim else 1, 1),
    ),
    Operation(
        "as_strided",
        "any shape, strides and offset over the storage",
        (
            Parameter("size", "sizes", "the shape"),
            Parameter("stride", "ints", "for each dimension, how many cells one step goes"),
            Parameter("storage_offset", "int", "the cell of the first element; None: as it is", optional=True),
        ),
        lambda x, size, stride, storage_offset: x.as_strided(size, stride, storage_offset),
        predicted.as_strided,
        _diagonal,
        _as_strided_written,
    ),
    Operation(
        "as_strided_scatter",
        "the storage copied, and zeros written where as_strided would read",
        (
            Parameter("size", "sizes", "the shape of what is written"),
            Parameter("stride", "ints", "for each dimension, how many cells one step goes"),
            Parameter("storage_offset", "int", "the cell of the first element; None: as it is", optional=True),
        ),
        lambda x, size, stride, offset: x.as_strided_scatter(x.new_zeros(()).expand(size), size, stride, offset),
        copies.as_strided_scatter,
        _diagonal,
        _scatter_written,
        by_integers=True,
    ),
    Operation(
        "contiguous",
        "itself where contiguous, otherwise a contiguous copy",
        (),
        lambda x: x.contiguous(),
        predicted.contiguous,
        lambda _: (),
    ),
    Operation(
        "clone",
        "always a copy, which keeps the order of the dimensions in memory",
        (),
        lambda x: x.clone(),
        predicted.clone,
        lambda _: (),
    ),
    Operation(
        "channels_last",
        "shape (N, C, H, W), kept in memory as N, H, W, C",
        (),
        lambda x: x.to(memory_format=torch.channels_last),
        predicted.channels_last,
        lambda _: (),
        lambda x: f"{x}.to(memory_format=torch.channels_last)",
    ),
    Operation(
        "channels_last_3d",
        "shape (N, C, D, H, W), kept in memory as N, D, H, W, C",
        (),
        lambda x: x.to(memory_format=torch.channels_last_3d),
        predicted.channels_last_3d,
        lambda _: (),
        lambda x: f"{x}.to(memory_format=torch.channels_last_3d)",
    ),
    Operation(
        "resize_",
        "in place: another shape over the storage, cropped or grown",
        (Parameter("size", "sizes", "the new shape, with any number of elements"),),
        lambda x, size: x.resize_(size),
        predicted.resize_,
        lambda s: ((_half(s.shape[0]), *s.shape[1:]) if s.ndim else (1,),),
    ),
)


OPERATIONS: Mapping[str, Operation] = {operation.name: operation for operation in _ALL}
