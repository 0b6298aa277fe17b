"""What each operation makes of a layout, as torch does it. Refusals are of torch's exception types."""

import math
from collections.abc import Sequence
from dataclasses import replace

from core.experiments.layout.addresses import needed_cells, wrap_index
from core.experiments.layout.arguments import check_rank, distinct_dims, infer_size, spelled, wrap_dim
from core.experiments.layout.rule import (
    Copy,
    Ints,
    Layout,
    ViewRefused,
    channels_last_order,
    channels_last_stride,
    contiguous_stride,
    dense_stride,
    expand_stride,
    fresh,
    is_contiguous,
    is_dense,
    view_refusals,
    view_stride,
)
from core.words import _, say


def view(layout: Layout, shape: Sequence[int]) -> Layout:
    """The same cells in another shape. ViewRefused where no strides can do it."""
    shape = infer_size(shape, layout.numel)
    stride = view_stride(layout, shape)
    if stride is None:
        raise ViewRefused(layout, shape, view_refusals(layout, shape))
    return replace(layout, shape=shape, stride=stride)


def reshape(layout: Layout, shape: Sequence[int]) -> Layout | Copy:
    """A view where one exists, otherwise a contiguous copy."""
    shape = infer_size(shape, layout.numel)
    stride = view_stride(layout, shape)
    if stride is None:
        return Copy(fresh(shape))
    return replace(layout, shape=shape, stride=stride)


def permute(layout: Layout, dims: Sequence[int]) -> Layout:
    """Dimensions in another order: shape and strides move together."""
    if len(dims) != layout.ndim:
        raise RuntimeError(say("permute: {given} dims given, the tensor has {ndim}", given=len(dims), ndim=layout.ndim))
    order = distinct_dims(dims, layout.ndim, "permute")
    return replace(layout, shape=tuple(layout.shape[d] for d in order), stride=tuple(layout.stride[d] for d in order))


def transpose(layout: Layout, dim0: int, dim1: int) -> Layout:
    """Two dimensions change places."""
    dim0, dim1 = wrap_dim(dim0, layout.ndim), wrap_dim(dim1, layout.ndim)
    order = list(range(layout.ndim))
    if order:
        order[dim0], order[dim1] = order[dim1], order[dim0]
    return permute(layout, order)


def T(layout: Layout) -> Layout:  # noqa: N802
    """All dimensions reversed; meant for 2."""
    return permute(layout, range(layout.ndim)[::-1])


def mT(layout: Layout) -> Layout:  # noqa: N802
    """The last two dimensions change places. RuntimeError for 1 dimension; 0 dimensions stay as they are."""
    if layout.ndim == 1:
        raise RuntimeError(_("mT: needs a matrix or a batch of them, the tensor has 1 dimension"))
    return transpose(layout, -2, -1) if layout.ndim else layout


def movedim(layout: Layout, source: Sequence[int], destination: Sequence[int]) -> Layout:
    """Dimension source[k] goes to place destination[k]; the others keep their order."""
    if len(source) != len(destination):
        raise RuntimeError(
            say(
                "movedim: {sources} sources but {destinations} destinations",
                sources=len(source),
                destinations=len(destination),
            )
        )
    wrapped = [tuple(wrap_dim(d, layout.ndim) for d in dims) for dims in (source, destination)]
    sources = distinct_dims(wrapped[0], layout.ndim, "movedim: source")
    places = distinct_dims(wrapped[1], layout.ndim, "movedim: destination")
    if layout.ndim == 0:
        return layout
    rest = iter(d for d in range(layout.ndim) if d not in sources)
    came = dict(zip(places, sources, strict=True))
    return permute(layout, [came[d] if d in came else next(rest) for d in range(layout.ndim)])


def slice_(
    layout: Layout, dim: int, start: int | None = None, stop: int | None = None, step: int | None = None
) -> Layout:
    """x[start:stop:step] along dim: the offset moves by start steps, the stride is multiplied by step."""
    if layout.ndim == 0:
        raise IndexError(_("slice: a tensor of 0 dimensions has no dimension to slice"))
    dim = wrap_dim(dim, layout.ndim)
    if step is not None and step < 1:
        raise ValueError(say("slice: step {step} is not allowed, torch only steps forward (at least 1)", step=step))
    start, stop, step = slice(start, stop, step).indices(layout.shape[dim])
    size = len(range(start, stop, step))
    return _resized(layout, dim, size, layout.stride[dim] * step, start)


def select(layout: Layout, dim: int, index: int) -> Layout:
    """x[index] along dim: the offset moves by index steps and the dimension goes."""
    if layout.ndim == 0:
        raise IndexError(_("select: a tensor of 0 dimensions has nothing to select from"))
    dim = wrap_dim(dim, layout.ndim)
    index = wrap_index(index, layout.shape[dim], dim)
    return _without(_resized(layout, dim, 1, layout.stride[dim], index), {dim})


def narrow(layout: Layout, dim: int, start: int, length: int) -> Layout:
    """`length` elements from `start` along dim: the offset moves, the strides stay."""
    if layout.ndim == 0:
        raise RuntimeError(_("narrow: a tensor of 0 dimensions has no dimension to narrow"))
    if length < 0:
        raise RuntimeError(say("narrow: length {length} is negative", length=length))
    dim = wrap_dim(dim, layout.ndim)
    size = layout.shape[dim]
    if not -size <= start <= size:
        raise IndexError(
            say("narrow: start {start} is outside dimension {dim} of size {size}", start=start, dim=dim, size=size)
        )
    start = start + size if start < 0 else start
    if start + length > size:
        raise RuntimeError(
            say(
                "narrow: start {start} + length {length} exceeds size {size} of dimension {dim}",
                start=start,
                length=length,
                size=size,
                dim=dim,
            )
        )
    return _resized(layout, dim, length, layout.stride[dim], start)


MOST_PARTS = 256


class TooMany(ValueError):  # noqa: N818 (what is asked for, not a fault)
    """More parts than are made here."""


def lengths(name: str, size: int, asked: int) -> list[int]:
    """How long the parts are into which chunk (so many) and split (so long) cut a dimension of this size."""
    at_least_1(name, asked)
    if name == "chunk" and size == 0:  # as many empty ones as asked for
        at_most(asked)
        return [0] * asked
    each = max(asked if name == "split" else -(-size // asked), 1)
    at_most(count := max(-(-size // each), 1))
    return [min(each, size - start) for start in range(0, count * each, each)]


def at_least_1(name: str, asked: int) -> None:
    """RuntimeError where no part, or parts of no length, are asked for."""
    if asked < 1:
        raise RuntimeError(say("{name}: {asked} is not allowed; it takes at least 1", name=name, asked=asked))


def at_most(parts: int) -> None:
    """TooMany where there are more parts than are made here."""
    if parts > MOST_PARTS:
        raise TooMany(say("there would be {parts:,} parts; {most} are the most here", parts=parts, most=MOST_PARTS))


def chunk(layout: Layout, chunks: int, dim: int, which: int) -> Layout:
    """One of `chunks` parts along dim, each as long as the first but for the last: narrow."""
    if layout.ndim:
        at_least_1("chunk", chunks)
    return _part(layout, dim, lengths("chunk", _size(layout, dim, "chunk"), chunks), which)


def split(layout: Layout, split_size: int, dim: int, which: int) -> Layout:
    """One of the parts of `split_size` along dim; the last may be shorter."""
    if layout.ndim and split_size < 0:
        at_least_1("split", split_size)
    size = _size(layout, dim, "split")
    if split_size == size == 0:  # torch gives one part, which is empty
        return _part(layout, dim, [0], which)
    return _part(layout, dim, lengths("split", size, split_size), which)


def unbind(layout: Layout, dim: int, which: int) -> Layout:
    """One of the tensors that lie side by side along dim: select."""
    if layout.ndim == 0:
        raise IndexError(_("unbind: a tensor of 0 dimensions has none to take apart"))
    size = layout.shape[dim := wrap_dim(dim, layout.ndim)]
    at_most(size)
    return select(layout, dim, wrap_index(which, size, dim))


def _size(layout: Layout, dim: int, name: str) -> int:
    if layout.ndim == 0:
        raise RuntimeError(say("{name}: a tensor of 0 dimensions has none to take apart", name=name))
    return layout.shape[wrap_dim(dim, layout.ndim)]


def _part(layout: Layout, dim: int, long: Sequence[int], which: int) -> Layout:
    which = wrap_index(which, len(long), wrap_dim(dim, layout.ndim))
    return narrow(layout, dim, sum(long[:which]), long[which])


def expand(layout: Layout, size: Sequence[int]) -> Layout:
    """Repeat dimensions of size 1, and add leading ones, without a copy: their stride is 0."""
    shape, stride = expand_stride(layout, size)
    return replace(layout, shape=shape, stride=stride)


def unsqueeze(layout: Layout, dim: int) -> Layout:
    """A new dimension of size 1; torch gives it the stride that would keep a contiguous tensor tidy."""
    dim = wrap_dim(dim, layout.ndim + 1)
    stride = layout.shape[dim] * layout.stride[dim] if dim < layout.ndim else 1
    shape, strides = list(layout.shape), list(layout.stride)
    shape.insert(dim, 1)
    strides.insert(dim, stride)
    return replace(layout, shape=tuple(shape), stride=tuple(strides))


def squeeze(layout: Layout, dim: Sequence[int] = ()) -> Layout:
    """Without the dimensions of size 1 (all of them, or those of `dim`; others named there stay)."""
    named = distinct_dims(dim, layout.ndim, "squeeze") if dim else tuple(range(layout.ndim))
    return _without(layout, {d for d in named if d < layout.ndim and layout.shape[d] == 1})


def flatten(layout: Layout, start_dim: int = 0, end_dim: int = -1) -> Layout | Copy:
    """Dimensions start_dim … end_dim become one: a reshape, so a view or a copy."""
    start_dim, end_dim = wrap_dim(start_dim, layout.ndim), wrap_dim(end_dim, layout.ndim)
    if start_dim > end_dim:
        raise RuntimeError(
            say("flatten: start_dim {start_dim} comes after end_dim {end_dim}", start_dim=start_dim, end_dim=end_dim)
        )
    if layout.ndim == 0:
        return view(layout, (1,))
    if start_dim == end_dim:
        return layout
    merged = math.prod(layout.shape[start_dim : end_dim + 1])
    return reshape(layout, (*layout.shape[:start_dim], merged, *layout.shape[end_dim + 1 :]))


def unflatten(layout: Layout, dim: int, sizes: Sequence[int]) -> Layout:
    """One dimension becomes several. Always a view: splitting never merges."""
    if not sizes:
        raise RuntimeError(_("unflatten: sizes is empty; give at least one size"))
    dim = wrap_dim(dim, layout.ndim)
    if layout.ndim == 0:
        raise RuntimeError(_("unflatten: a tensor of 0 dimensions has no dimension to split"))
    split = infer_size(sizes, layout.shape[dim])
    return view(layout, (*layout.shape[:dim], *split, *layout.shape[dim + 1 :]))


def unfold(layout: Layout, dimension: int, size: int, step: int) -> Layout:
    """Windows of `size`, `step` apart, as a new last dimension: both walk along the same cells."""
    dimension = wrap_dim(dimension, layout.ndim)
    length, stride = (layout.shape[dimension], layout.stride[dimension]) if layout.ndim else (1, 1)
    if size < 0:
        raise RuntimeError(say("unfold: size {size} is negative", size=size))
    if size > length:
        raise RuntimeError(
            say(
                "unfold: a window of {size} does not fit into dimension {dimension} of size {length}",
                size=size,
                dimension=dimension,
                length=length,
            )
        )
    if step < 1:
        raise RuntimeError(say("unfold: step {step} is not allowed, it must be at least 1", step=step))
    shape, strides = list(layout.shape), list(layout.stride)
    if layout.ndim:
        shape[dimension], strides[dimension] = (length - size) // step + 1, stride * step
    return replace(layout, shape=(*shape, size), stride=(*strides, stride))


def as_strided(layout: Layout, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None) -> Layout:
    """Any shape, strides and offset over the same storage. RuntimeError where that leaves the storage.

    Negative sizes are refused even beside a size of 0, where torch lets them pass.
    """
    if len(size) != len(stride):
        raise RuntimeError(say("as_strided: {sizes} sizes but {strides} strides", sizes=len(size), strides=len(stride)))
    if any(n < 0 for n in (*size, *stride)):
        raise RuntimeError(
            say(
                "as_strided: negative numbers in {size}, {stride} are not allowed",
                size=spelled(size),
                stride=spelled(stride),
            )
        )
    offset = layout.storage_offset if storage_offset is None else storage_offset
    if offset < 0:
        raise RuntimeError(say("as_strided: storage_offset {offset} is negative", offset=offset))
    result = Layout(tuple(size), tuple(stride), offset, layout.storage_size)
    if needed_cells(result) > layout.storage_size:
        raise RuntimeError(
            say(
                "as_strided: the last element would lie in cell {cell}, but the storage has {cells} cells (0 to {last})",
                cell=needed_cells(result) - 1,
                cells=layout.storage_size,
                last=layout.storage_size - 1,
            )
        )
    return result


def diagonal(layout: Layout, offset: int, dim1: int, dim2: int) -> Layout:
    """The elements whose indices along dim1 and dim2 differ by offset: one stride, the sum of the two, walks them."""
    dim1, dim2 = wrap_dim(dim1, layout.ndim), wrap_dim(dim2, layout.ndim)
    if dim1 == dim2:
        raise RuntimeError(say("diagonal: dim1 and dim2 are both {dim1}; it takes two different dimensions", dim1=dim1))
    rows, columns = layout.shape[dim1], layout.shape[dim2]
    size = max(min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns), 0)
    first = offset * layout.stride[dim2] if offset >= 0 else -offset * layout.stride[dim1]
    rest = _without(layout, {dim1, dim2})
    return replace(
        rest,
        shape=(*rest.shape, size),
        stride=(*rest.stride, layout.stride[dim1] + layout.stride[dim2]),
        storage_offset=layout.storage_offset + (first if size else 0),
    )


def clone(layout: Layout) -> Copy:
    """A copy that keeps the order of the dimensions in memory, but neither gaps nor overlaps."""
    return Copy(fresh(layout.shape, layout.stride if is_dense(layout) else preserved_stride(layout)))


def contiguous_copy(layout: Layout) -> Copy:
    """A new storage in reading order."""
    return Copy(fresh(layout.shape))


def contiguous(layout: Layout) -> Layout | Copy:
    """The tensor itself where it is contiguous, otherwise a contiguous copy."""
    return layout if is_contiguous(layout) else contiguous_copy(layout)


def channels_last(layout: Layout) -> Layout | Copy:
    """x.to(memory_format=torch.channels_last): itself where the strides look like it, otherwise a copy."""
    return _channels_last(layout, 4)


def channels_last_3d(layout: Layout) -> Layout | Copy:
    """x.to(memory_format=torch.channels_last_3d), of an (N, C, D, H, W) tensor."""
    return _channels_last(layout, 5)


def _channels_last(layout: Layout, ndim: int) -> Layout | Copy:
    check_rank(layout.shape, ndim)
    if looks_channels_last(layout):
        return layout
    return Copy(fresh(layout.shape, channels_last_stride(layout.shape)))


def resize_(layout: Layout, size: Sequence[int]) -> Layout:
    """The tensor itself, made contiguous in a new shape over its own storage, in place.

    No number moves: a smaller shape leaves cells unread, a larger one reads on beyond and lets the storage grow.
    RuntimeError for negative sizes, even beside a size of 0, where torch lets them pass.
    """
    if any(n < 0 for n in size):
        raise RuntimeError(say("resize_: negative sizes in {size} are not allowed, -1 included", size=spelled(size)))
    if tuple(size) == layout.shape:
        return layout
    result = replace(layout, shape=tuple(size), stride=contiguous_stride(size))
    return replace(result, storage_size=max(layout.storage_size, needed_cells(result)))


def preserved_stride(layout: Layout, beside: Ints = ()) -> Ints:
    """Dense strides that keep the order of the dimensions: smallest stride innermost (c10 infer_dense_strides).

    `beside` are the strides of a second tensor that is read with it: they tell where its own do not (TensorIterator).
    """
    order = list(range(layout.ndim))[::-1]  # innermost first, as in a contiguous tensor
    for i in range(1, layout.ndim):  # an insertion sort, because stride 0 compares with nothing
        k = i
        for j in reversed(range(i)):
            comparison = _compare(layout, beside, order[j], order[k])
            if comparison < 0:
                break
            if comparison > 0:
                order[j], order[k] = order[k], order[j]
                k = j
    return dense_stride(layout.shape, order)


def _compare(layout: Layout, beside: Ints, a: int, b: int) -> int:
    """-1 where dimension a belongs inside b, 1 where outside, 0 where strides do not tell."""
    for stride in (layout.stride, beside):
        if not stride or stride[a] == 0 or stride[b] == 0:
            continue
        if stride[a] != stride[b]:
            return -1 if stride[a] < stride[b] else 1
        if layout.shape[a] > layout.shape[b]:
            return 1
    return 0


def looks_channels_last(layout: Layout) -> bool:
    """True where strides ascend in the order C, W, H, N, or C, W, H, D, N (c10 is_channels_last_strides_2d, _3d).

    Gaps are allowed.
    """
    if layout.ndim not in (4, 5) or layout.stride[1] == 0:
        return False
    least = 0
    for d in channels_last_order(layout.ndim):
        size, stride = layout.shape[d], layout.stride[d]
        # the last test: where all of C, H, W have size 1 torch says contiguous, not channels_last
        if size == 0 or stride < least or (d == 0 and least == layout.stride[1]):
            return False
        least = stride * size
    return True


def suggested_stride(layouts: Sequence[Layout], shape: Ints) -> Ints:
    """Strides of a new tensor that torch makes in the memory format of all of these, contiguous where they differ."""
    formats = {looks_channels_last(layout) for layout in layouts}
    return channels_last_stride(shape) if formats == {True} else contiguous_stride(shape)


def _resized(layout: Layout, dim: int, size: int, stride: int, start: int) -> Layout:
    """One dimension with another size and stride, beginning at element `start` of it."""
    shape, strides = list(layout.shape), list(layout.stride)
    offset = layout.storage_offset + start * strides[dim]
    shape[dim], strides[dim] = size, stride
    return replace(layout, shape=tuple(shape), stride=tuple(strides), storage_offset=offset)


def _without(layout: Layout, dims: set[int]) -> Layout:
    keep = [d for d in range(layout.ndim) if d not in dims]
    return replace(layout, shape=tuple(layout.shape[d] for d in keep), stride=tuple(layout.stride[d] for d in keep))
