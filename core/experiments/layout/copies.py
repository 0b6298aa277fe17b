"""What each operation makes of a layout that fills a new storage, as torch does it: the strides of the copy."""

import math
from collections.abc import Sequence
from dataclasses import replace

from core.experiments.layout.addresses import wrap_index
from core.experiments.layout.arguments import distinct_dims, spelled, wrap_dim
from core.experiments.layout.operations import (
    as_strided,
    clone,
    contiguous_copy,
    narrow,
    preserved_stride,
    suggested_stride,
    transpose,
    unsqueeze,
    view,
)
from core.experiments.layout.rule import Copy, Ints, Layout, contiguous_stride, expand_stride, fresh
from core.words import _, say


def repeat(layout: Layout, sizes: Sequence[int]) -> Copy:
    """Each dimension so many times, one after the other, in a new contiguous storage."""
    if len(sizes) < layout.ndim:
        raise RuntimeError(
            say("repeat: {given} numbers given, the tensor has {ndim} dimensions", given=len(sizes), ndim=layout.ndim)
        )
    shape = (*(1,) * (len(sizes) - layout.ndim), *layout.shape)
    repeated = tuple(n * times for n, times in zip(shape, sizes, strict=True))
    if any(n < 0 for n in repeated):
        raise RuntimeError(say("repeat: negative numbers in {sizes} are not allowed", sizes=spelled(sizes)))
    return Copy(fresh(repeated))


def tile(layout: Layout, dims: Sequence[int]) -> Copy:
    """repeat, whose numbers stand for the last dimensions."""
    return repeat(layout, (*(1,) * (layout.ndim - len(dims)), *dims))


class NoSuchPlace(IndexError, RuntimeError):  # noqa: N818
    """torch raises the one or the other, as the kernel has it that meets the index."""


def index_select(layout: Layout, dim: int, index: Sequence[int]) -> Copy:
    """The elements at these places along dim. A copy, because no stride walks an arbitrary list."""
    dim = wrap_dim(dim, layout.ndim)
    size = layout.shape[dim] if layout.ndim else 1
    if layout.ndim == 0 and len(index) != 1:
        raise RuntimeError(_("index_select: a tensor of 0 dimensions gives one element"))
    if wrong := [i for i in index if not 0 <= i < size]:
        raise NoSuchPlace(
            say(
                "index_select: index {index} is outside dimension {dim} of size {size}; it counts from 0",
                index=wrong[0],
                dim=dim,
                size=size,
            )
        )
    if layout.ndim == 0:
        return Copy(fresh(()))
    return Copy(fresh((*layout.shape[:dim], len(index), *layout.shape[dim + 1 :])))


def flip(layout: Layout, dims: Sequence[int]) -> Copy:
    """Reversed along dims. A copy, because torch has no negative strides."""
    distinct_dims(dims, layout.ndim, "flip")
    return clone(layout)


def triangle(layout: Layout, _diagonal: int) -> Copy:
    """tril and triu: the part of each matrix on one side of a diagonal, 0 in place of the rest. Always contiguous."""
    if layout.ndim < 2:
        raise RuntimeError(say("tril, triu: need 2 dimensions or more, the tensor has {ndim}", ndim=layout.ndim))
    return contiguous_copy(layout)


def roll(layout: Layout, shifts: Sequence[int], dims: Sequence[int]) -> Copy:
    """Along each of dims so far, what falls out at the end comes in at the front; without dims in reading order.

    torch cuts the tensor in two and joins the parts the other way round, one dimension after the other.
    """
    if not shifts:
        raise RuntimeError(_("roll: shifts is empty; give at least one"))
    if not dims and len(shifts) == 1:
        return contiguous_copy(layout) if layout.numel else Copy(fresh(layout.shape))
    if len(shifts) != len(dims):
        raise RuntimeError(say("roll: {shifts} shifts but {dims} dims", shifts=len(shifts), dims=len(dims)))
    for shift, dim in zip(shifts, dims, strict=True):
        layout = _rolled(layout, shift, dim)
    return Copy(layout)


def _rolled(layout: Layout, shift: int, dim: int) -> Layout:
    if layout.numel == 0:
        return clone(layout).layout
    if layout.ndim == 0:
        raise IndexError(_("roll: a tensor of 0 dimensions has no dimension to roll along"))
    dim = wrap_dim(dim, layout.ndim)
    start = -shift % layout.shape[dim]
    parts = narrow(layout, dim, start, layout.shape[dim] - start), narrow(layout, dim, 0, start)
    return fresh(layout.shape, suggested_stride(parts, layout.shape))


def rot90(layout: Layout, k: int, dims: Sequence[int]) -> Copy:
    """k quarter turns in the plane of two dims: flip, and for an odd k a transpose of what flip gave."""
    if len(dims) != 2 or layout.ndim < 2:
        raise RuntimeError(
            say("rot90: takes two dims of a tensor of 2 dimensions or more, not {dims}", dims=spelled(dims))
        )
    first, second = distinct_dims(dims, layout.ndim, "rot90")
    if k % 4 == 0:
        return contiguous_copy(layout)
    turned = clone(layout).layout
    return Copy(turned if k % 4 == 2 else transpose(turned, first, second))


def repeat_interleave(layout: Layout, repeats: int, dim: int | None) -> Copy:
    """Each element so many times behind itself along dim; without dim those of the tensor in reading order."""
    if repeats < 0:
        raise RuntimeError(say("repeat_interleave: repeats {repeats} is negative", repeats=repeats))
    if dim is not None and layout.ndim == 0:
        raise IndexError(_("repeat_interleave: a tensor of 0 dimensions has no dimension; leave dim out"))
    shape = (layout.numel,) if dim is None else layout.shape
    dim = wrap_dim(dim or 0, len(shape))
    return Copy(fresh((*shape[:dim], shape[dim] * repeats, *shape[dim + 1 :])))


def cat(layout: Layout, dim: int) -> Copy:
    """The tensor twice, one behind the other along a dimension, in the memory format that it has."""
    if layout.ndim == 0:
        raise RuntimeError(_("cat: tensors of 0 dimensions can't be joined; stack makes a dimension for them"))
    if layout.shape == (0,):  # torch passes over such a tensor, whatever the dimension
        return Copy(fresh((0,)))
    dim = wrap_dim(dim, layout.ndim)
    shape = (*layout.shape[:dim], 2 * layout.shape[dim], *layout.shape[dim + 1 :])
    return Copy(fresh(shape, suggested_stride([layout], shape)))


def stack(layout: Layout, dim: int) -> Copy:
    """The tensor twice, side by side along a new dimension: cat, and the joined dimension cut in two."""
    dim = wrap_dim(dim, layout.ndim + 1)
    if dim == layout.ndim:
        return cat(unsqueeze(layout, dim), dim)
    joined = cat(layout, dim).layout
    shape = (*layout.shape[:dim], 2, *layout.shape[dim:])
    return Copy(view(joined, shape))


def pad(layout: Layout, pad: Sequence[int]) -> Copy:
    """F.pad(x, pad): zeros before and behind the last dimension, then the one before it, …; negative numbers crop."""
    if len(pad) % 2 or len(pad) > 2 * layout.ndim:
        raise RuntimeError(
            say(
                "pad: takes two numbers a dimension, the last dimension first; {pad} has {numbers}",
                pad=spelled(pad),
                numbers=len(pad),
            )
        )
    shape, cropped = list(layout.shape), layout
    for place in range(len(pad) // 2):
        dim, (before, behind) = layout.ndim - 1 - place, pad[2 * place : 2 * place + 2]
        shape[dim] += before + behind
        if before < 0:
            cropped = narrow(cropped, dim, -before, cropped.shape[dim] + before)
        if behind < 0:
            cropped = narrow(cropped, dim, 0, cropped.shape[dim] + behind)
    if all(n <= 0 for n in pad):
        return clone(cropped)
    if any(n < 0 for n in shape):
        raise RuntimeError(say("pad: {pad} leaves a negative size, {shape}", pad=spelled(pad), shape=spelled(shape)))
    return Copy(fresh(tuple(shape), suggested_stride([layout], tuple(shape))))


def index(layout: Layout, dim: int, index: Sequence[int]) -> Copy:
    """x[:, [2, 0]]: the elements at these places along dim, negative ones counted from the end.

    The other dimensions keep their order in memory; the indexed one, of which no stride is known, goes inside them
    where they do not say otherwise.
    """
    if layout.ndim == 0:
        raise IndexError(_("a tensor of 0 dimensions takes no index"))
    dim = wrap_dim(dim, layout.ndim)
    shape = (*layout.shape[:dim], len(index), *layout.shape[dim + 1 :])
    for place in index if math.prod(shape) or layout.shape[dim] == 0 else ():  # without elements torch looks at none
        wrap_index(place, layout.shape[dim], dim)
    read = Layout(shape, tuple(0 if d == dim else s for d, s in enumerate(layout.stride)))
    alone = contiguous_stride([len(index) if d == dim else 1 for d in range(len(shape))])
    beside = tuple(s if d == dim or n == 1 else 0 for d, (s, n) in enumerate(zip(alone, shape, strict=True)))
    return Copy(fresh(shape, preserved_stride(read, beside)))


def mask(layout: Layout, dim: int, mask: Sequence[int]) -> Copy:
    """x[:, mask]: the elements along dim for which the mask says True."""
    dim = wrap_dim(dim, layout.ndim)
    size = layout.shape[dim] if layout.ndim else 0
    if len(mask) != size:
        raise IndexError(
            say("the mask has {given} entries, dimension {dim} has size {size}", given=len(mask), dim=dim, size=size)
        )
    return index(layout, dim, places(mask))


def places(mask: Sequence[int]) -> Ints:
    """Where a mask says True."""
    return tuple(i for i, holds in enumerate(mask) if holds)


def masked_select(layout: Layout, mask: Sequence[int]) -> Copy:
    """The elements for which a mask along the last dimension says True, in reading order, in one dimension."""
    shape = against(layout, mask).shape
    holds = sum(map(bool, mask)) * (shape[-1] // len(mask) if mask else 0)
    return Copy(fresh((math.prod(shape[:-1]) * holds,)))


def where(layout: Layout, mask: Sequence[int]) -> Copy:
    """x.where(mask, 0): x where a mask along the last dimension says True, 0 elsewhere."""
    read = against(layout, mask)
    return Copy(fresh(read.shape, preserved_stride(read)))


def against(layout: Layout, mask: Sequence[int]) -> Layout:
    """The tensor broadcast against a mask of one dimension. RuntimeError where the two do not fit."""
    last = layout.shape[-1] if layout.ndim else 1
    if last not in (1, len(mask)) and len(mask) != 1:
        raise RuntimeError(
            say("the mask has {given} entries, the last dimension has size {size}", given=len(mask), size=last)
        )
    size = len(mask) if last == 1 else last
    shape, stride = expand_stride(layout, (*layout.shape[:-1], size))
    return replace(layout, shape=shape, stride=stride)


def take_along_dim(layout: Layout, indices: Sequence[int]) -> Copy:
    """The elements at these places of the tensor in reading order. Without a dim, torch views the tensor as a row."""
    return index_select(view(layout, (layout.numel,)), 0, indices)


def as_strided_scatter(
    layout: Layout, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Copy:
    """The whole storage copied, and zeros written where as_strided would read."""
    repeats = any(n > 1 and s == 0 for n, s in zip(layout.shape, layout.stride, strict=True))
    copied = clone(layout).layout if repeats else layout
    written = as_strided(copied, size, stride, storage_offset)
    if any(n > 1 and s == 0 for n, s in zip(written.shape, written.stride, strict=True)) and written.numel:
        raise RuntimeError(_("as_strided_scatter: a stride of 0 would write to one cell more than once"))
    return Copy(copied)
