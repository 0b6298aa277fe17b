"""How torch lays a tensor out in memory: reasoning in integers, no tensor touched.

A tensor is a storage (one row of cells) and three things that say how to read it: shape, stride and
storage_offset. The element at index (i₀, i₁, …) lies in cell

    address = storage_offset + i₀·stride₀ + i₁·stride₁ + …

and every function here follows from that line. An operation maps a `Layout` to the `Layout` of a view of the
same storage, or to a `Copy`, the layout of a new storage. Refusals are of torch's exception types;
`ViewRefused` names the pairs of dimensions that break the rule of `view`.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch

Ints = tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """How a tensor reads its storage, in torch's words. All numbers count elements, not bytes."""

    shape: Ints
    stride: Ints
    storage_offset: int = 0
    storage_size: int = 0  # cells of the whole storage, viewed or not; as_strided and resize_ depend on it

    @staticmethod
    def of(tensor: torch.Tensor) -> "Layout":
        """The layout of a real tensor."""
        cells = tensor.untyped_storage().nbytes() // tensor.element_size()
        return Layout(tuple(tensor.shape), tensor.stride(), int(tensor.storage_offset()), cells)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def numel(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Copy:
    """What an operation gives that fills a new storage instead of viewing the old one."""

    layout: Layout


# ---- strides of a fresh tensor, and whether a layout is one ----------------------------------------------------


def _dense_stride(shape: Sequence[int], order: Iterable[int]) -> Ints:
    """Strides that fill memory without gaps, the first dimension of `order` varying fastest."""
    stride, step = [0] * len(shape), 1
    for d in order:
        stride[d] = step
        step *= max(shape[d], 1)
    return tuple(stride)


def contiguous_stride(shape: Sequence[int]) -> Ints:
    """Row-major strides, the last dimension varying fastest: stride[d] = stride[d+1]·shape[d+1]."""
    return _dense_stride(shape, reversed(range(len(shape))))


def channels_last_stride(shape: Sequence[int]) -> Ints:
    """Strides of an (N, C, H, W) tensor kept in memory as N, H, W, C. RuntimeError unless there are 4 dimensions."""
    _check_rank_4(shape)
    _, c, h, w = shape
    return (h * w * c, 1, w * c, c)


def fresh(shape: Sequence[int], stride: Sequence[int] | None = None) -> Layout:
    """The layout of a new tensor in a storage of its own: contiguous unless a dense `stride` is given."""
    stride = contiguous_stride(shape) if stride is None else stride
    return Layout(tuple(shape), tuple(stride), 0, math.prod(shape))


def _fills(layout: Layout, order: Iterable[int]) -> bool:
    """True where walking the dimensions in this order, fastest first, steps through memory without gaps."""
    step = 1
    for d in order:
        if layout.shape[d] != 1:  # the stride of a dimension of size 1 is never used
            if layout.stride[d] != step:
                return False
            step *= layout.shape[d]
    return True


def is_contiguous(layout: Layout) -> bool:
    """Reading order is address order, without gaps. The offset does not matter, nor strides of size-1 dimensions."""
    return layout.numel == 0 or _fills(layout, reversed(range(layout.ndim)))


def is_channels_last(layout: Layout) -> bool:
    """Contiguous in the order N, H, W, C: what is_contiguous(memory_format=torch.channels_last) says."""
    return layout.ndim == 4 and _fills(layout, (1, 3, 2, 0))


def is_dense(layout: Layout) -> bool:
    """No gaps and no overlaps: contiguous in some order of the dimensions (is_non_overlapping_and_dense)."""
    by_stride = sorted(range(layout.ndim), key=lambda d: (layout.shape[d] < 2, layout.stride[d]))
    return layout.numel == 0 or _fills(layout, by_stride)


# ---- addresses -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AddressTerms:
    """`address = storage_offset + Σ index·stride`, term by term."""

    storage_offset: int
    terms: tuple[tuple[int, int], ...]  # (index, stride) of each dimension
    address: int

    def __str__(self) -> str:
        """The sum in numbers: "0 + 2·1 + 3·5 = 17"."""
        products = "".join(f" + {i}·{stride}" for i, stride in self.terms)
        return f"{self.storage_offset}{products} = {self.address}"


def address(layout: Layout, index: Sequence[int]) -> int:
    """The storage cell of an element. IndexError where the index is outside the shape; negative counts from the end."""
    return address_terms(layout, index).address


def address_terms(layout: Layout, index: Sequence[int]) -> AddressTerms:
    """The sum that gives the address of an element, term by term."""
    index = _check_index(layout, index)
    terms = tuple(zip(index, layout.stride, strict=True))
    return AddressTerms(layout.storage_offset, terms, layout.storage_offset + sum(i * stride for i, stride in terms))


def addresses(layout: Layout) -> np.ndarray:
    """The address of every element, as an int64 array of the tensor's shape."""
    table = np.full(layout.shape, layout.storage_offset, dtype=np.int64)
    for d, (size, stride) in enumerate(zip(layout.shape, layout.stride, strict=True)):
        along = np.arange(size, dtype=np.int64) * stride
        table += along.reshape([-1 if k == d else 1 for k in range(layout.ndim)])
    return table


def reading_order(layout: Layout) -> list[int]:
    """The addresses visited when the tensor is walked row by row, the last index varying fastest."""
    return addresses(layout).ravel().tolist()


def distinct_addresses(layout: Layout) -> int:
    """How many different storage cells the tensor reads."""
    read = np.zeros(needed_cells(layout), dtype=bool)
    read[addresses(layout)] = True
    return int(read.sum())


def overlaps(layout: Layout) -> bool:
    """True where two elements share a cell, so that a write to one changes the other."""
    return distinct_addresses(layout) < layout.numel


# ---- when a view exists, and its strides -----------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """Neighbouring dimensions that one (size, stride) could replace."""

    dims: Ints
    size: int
    stride: int


@dataclass(frozen=True)
class ViewRefusal:
    """Two neighbouring dimensions that a requested shape would merge, though their strides do not allow it.

    Merging needs stride[left] = stride[right]·shape[right]: stepping off the end of `right` must land where one
    step of `left` lands. Dimensions of size 1 between the two take no step and are skipped.
    """

    left_dim: int
    right_dim: int
    left_stride: int
    right_stride: int
    right_size: int
    new_dim: int  # the dimension of the requested shape that would have to run across both
    new_size: int

    @property
    def needed_stride(self) -> int:
        """The stride that the left dimension would need."""
        return self.right_stride * self.right_size

    def __str__(self) -> str:
        return (
            f"dimension {self.new_dim} of the requested shape (size {self.new_size}) would run across dimensions "
            f"{self.left_dim} and {self.right_dim} of the tensor; one stride can only do that if "
            f"stride[{self.left_dim}] = stride[{self.right_dim}]·shape[{self.right_dim}], "
            f"but {self.left_stride} ≠ {self.right_stride}·{self.right_size} = {self.needed_stride}"
        )


class ViewRefused(RuntimeError):  # noqa: N818 (what happened, not a fault)
    """No strides exist that would show the storage in the requested shape."""

    def __init__(self, layout: Layout, shape: Ints, refusals: tuple[ViewRefusal, ...]):
        self.layout, self.shape, self.refusals = layout, shape, refusals
        super().__init__("view: " + "; ".join(map(str, refusals)))


def mergeable(layout: Layout, dim: int) -> bool:
    """True where `dim` and its right neighbour could be one dimension: stride[d] = stride[d+1]·shape[d+1].

    The right neighbour is the next dimension that takes steps: those of size 1 are skipped. True where `dim`
    itself has size 1, where nothing follows, and where the tensor has no elements.
    """
    right = next((d for d in range(dim + 1, layout.ndim) if layout.shape[d] != 1), None)
    if right is None or layout.shape[dim] == 1 or layout.numel == 0:
        return True
    return layout.stride[dim] == layout.stride[right] * layout.shape[right]


def _borders(layout: Layout) -> list[tuple[int, int]]:
    """Pairs (left, right) of neighbouring dimensions that do not merge."""
    stepping = [d for d in range(layout.ndim) if layout.shape[d] != 1]
    return [(left, right) for left, right in pairwise(stepping) if not mergeable(layout, left)]


def merged_groups(layout: Layout) -> tuple[Group, ...]:
    """The fewest groups of neighbouring dimensions that merge; a contiguous tensor is one group.

    A dimension of size 1 takes no step: it joins the group on its right, the last ones that on their left.
    """
    starts = [0, *(left + 1 for left, _ in _borders(layout))]
    spans = zip(starts, [*starts[1:], layout.ndim], strict=True)
    return tuple(_group(layout, tuple(range(start, stop))) for start, stop in spans if start < stop)


def _group(layout: Layout, dims: Ints) -> Group:
    innermost = max((d for d in dims if layout.shape[d] != 1), default=dims[-1])
    return Group(dims, math.prod(layout.shape[d] for d in dims), layout.stride[innermost])


def view_refusals(layout: Layout, shape: Sequence[int]) -> tuple[ViewRefusal, ...]:
    """Every pair of dimensions that stands against view(shape); empty where the view exists.

    Count elements from the end. The border between `left` and `right` has `after` elements behind it. If the
    requested shape has a border there too, the two need not merge; if not, one of its dimensions runs across,
    and they must. `shape` is complete (no -1) and has as many elements as the tensor.
    """
    behind = [math.prod(shape[d:]) for d in range(len(shape) + 1)]
    found = []
    for left, right in _borders(layout):
        after = math.prod(layout.shape[right:])
        if after not in behind:
            across = max(d for d in range(len(shape)) if behind[d] > after)
            stride, size = layout.stride, layout.shape[right]
            found.append(ViewRefusal(left, right, stride[left], stride[right], size, across, shape[across]))
    return tuple(found)


def view_stride(layout: Layout, shape: Sequence[int]) -> Ints | None:
    """The strides of view(shape), or None where no view exists (the rule of at::detail::computeStride).

    What counts is not contiguity: each group of merging dimensions must be cut up exactly by some of the
    requested ones. `shape` is complete (no -1, see `infer_size`) and has as many elements as the tensor.
    """
    if layout.numel == 0:
        return layout.stride if tuple(shape) == layout.shape else contiguous_stride(shape)
    if view_refusals(layout, shape):
        return None
    stride = [1] * len(shape)
    d = len(shape) - 1
    while layout.ndim and d >= 0 and shape[d] == 1:  # sizes of 1 at the end keep torch's last stride
        stride[d] = layout.stride[-1]
        d -= 1
    for group in reversed(merged_groups(layout)):
        done = 1  # elements of this group that requested dimensions have covered
        while d >= 0 and (done < group.size or shape[d] == 1):
            stride[d] = done * group.stride
            done *= shape[d]
            d -= 1
    return tuple(stride)


def expand_stride(layout: Layout, size: Sequence[int]) -> tuple[Ints, Ints]:
    """Shape and stride of expand(size): a repeated dimension gets stride 0, so that all its steps stay in place.

    -1 keeps the size of an existing dimension. RuntimeError where a dimension to repeat is not of size 1, the
    rank shrinks, or a size is negative (torch lets -1 pass for a new dimension beside one of size 0, and makes a
    tensor with a size of -1).
    """
    new = len(size) - layout.ndim
    if new < 0:
        raise RuntimeError(f"expand: size {_text(size)} has fewer dimensions than the tensor {_text(layout.shape)}")
    shape, stride = list(size), [0] * len(size)
    for d in reversed(range(len(size))):
        if d >= new:
            old, stride[d] = layout.shape[d - new], layout.stride[d - new]
        else:  # a new leading dimension: as if it had been there with size 1
            old, stride[d] = 1, (shape[d + 1] * stride[d + 1] if d + 1 < len(size) and layout.ndim else 0)
        if size[d] == -1 and d >= new:
            shape[d] = old
        elif size[d] < 0:
            raise RuntimeError(f"expand: size {size[d]} in place {d} is not allowed; -1 keeps an existing size")
        elif size[d] != old:
            if old != 1:
                raise RuntimeError(
                    f"expand: dimension {d - new} has size {old} and can't become {size[d]}; only size 1 repeats"
                )
            stride[d] = 0
    return tuple(shape), tuple(stride)


# ---- what a layout costs ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Extent:
    """How much memory a tensor reads and keeps alive."""

    bytes_viewed: int  # elements × bytes each; more than is held where elements share cells
    bytes_held: int  # the whole storage, which lives as long as any tensor views it
    first: int | None  # the lowest address read; None without elements
    last: int | None  # the highest
    distinct: int  # different cells read


def extent(layout: Layout, itemsize: int) -> Extent:
    """What the tensor reads and what it holds. `itemsize` is the number of bytes of one element."""
    viewed, held = layout.numel * itemsize, layout.storage_size * itemsize
    if layout.numel == 0:
        return Extent(viewed, held, None, None, 0)
    return Extent(viewed, held, layout.storage_offset, needed_cells(layout) - 1, distinct_addresses(layout))


def needed_cells(layout: Layout) -> int:
    """Cells that a storage must have to be read this way: the highest address + 1; 0 without elements."""
    if layout.numel == 0:
        return 0
    return layout.storage_offset + 1 + sum((n - 1) * s for n, s in zip(layout.shape, layout.stride, strict=True))


@dataclass(frozen=True)
class CacheLines:
    """What a walk in reading order asks of the memory, with a cache that keeps the lines used last."""

    touched: int  # different lines
    fetched_at: Ints  # steps of the walk, counted from 0, that had to wait for a line from memory
    least: int  # lines that the same numbers would fill if they lay side by side

    @property
    def fetched(self) -> int:
        """How often a line came from memory."""
        return len(self.fetched_at)

    @property
    def refetched(self) -> int:
        """Fetches of a line that had been in the cache before, and was dropped."""
        return self.fetched - self.touched


def cache_lines(layout: Layout, itemsize: int, line_bytes: int = 64, capacity: int = 8) -> CacheLines:
    """Walk the tensor in reading order through a cache of `capacity` lines that drops the least recently used.

    Memory comes in lines of `line_bytes`; the storage begins on one, as torch's allocator makes it, and no
    element lies across two. The default is a scale model for small tensors: a first-level cache of 32 KiB
    has a `capacity` of 512 lines. Real caches also fetch ahead and place lines by their address; this counts
    lines and predicts no times.
    """
    line = addresses(layout).ravel() * itemsize // line_bytes
    arrivals = np.flatnonzero(np.diff(line, prepend=-1))  # staying on a line costs nothing
    cache: dict[int, None] = {}  # the least recently used first
    touched, fetched_at = set(), []
    for at, number in zip(arrivals.tolist(), line[arrivals].tolist(), strict=True):
        if number in cache:
            del cache[number]
        else:
            touched.add(number)
            fetched_at.append(at)
            if len(cache) == capacity:
                del cache[next(iter(cache))]
        cache[number] = None
    return CacheLines(len(touched), tuple(fetched_at), -(-layout.numel * itemsize // line_bytes))


# ---- the operations --------------------------------------------------------------------------------------------


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
        raise RuntimeError(f"permute: {len(dims)} dims given, the tensor has {layout.ndim}")
    order = _distinct_dims(dims, layout.ndim, "permute")
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
        raise RuntimeError("mT: needs a matrix or a batch of them, the tensor has 1 dimension")
    return transpose(layout, -2, -1) if layout.ndim else layout


def movedim(layout: Layout, source: Sequence[int], destination: Sequence[int]) -> Layout:
    """Dimension source[k] goes to place destination[k]; the others keep their order."""
    if len(source) != len(destination):
        raise RuntimeError(f"movedim: {len(source)} sources but {len(destination)} destinations")
    wrapped = [tuple(wrap_dim(d, layout.ndim) for d in dims) for dims in (source, destination)]
    sources = _distinct_dims(wrapped[0], layout.ndim, "movedim: source")
    places = _distinct_dims(wrapped[1], layout.ndim, "movedim: destination")
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
        raise IndexError("slice: a tensor of 0 dimensions has no dimension to slice")
    dim = wrap_dim(dim, layout.ndim)
    if step is not None and step < 1:
        raise ValueError(f"slice: step {step} is not allowed, torch only steps forward (at least 1)")
    start, stop, step = slice(start, stop, step).indices(layout.shape[dim])
    size = len(range(start, stop, step))
    return _resized(layout, dim, size, layout.stride[dim] * step, start)


def select(layout: Layout, dim: int, index: int) -> Layout:
    """x[index] along dim: the offset moves by index steps and the dimension goes."""
    if layout.ndim == 0:
        raise IndexError("select: a tensor of 0 dimensions has nothing to select from")
    dim = wrap_dim(dim, layout.ndim)
    index = _wrap_index(index, layout.shape[dim], dim)
    return _without(_resized(layout, dim, 1, layout.stride[dim], index), {dim})


def narrow(layout: Layout, dim: int, start: int, length: int) -> Layout:
    """`length` elements from `start` along dim: the offset moves, the strides stay."""
    if layout.ndim == 0:
        raise RuntimeError("narrow: a tensor of 0 dimensions has no dimension to narrow")
    if length < 0:
        raise RuntimeError(f"narrow: length {length} is negative")
    dim = wrap_dim(dim, layout.ndim)
    size = layout.shape[dim]
    if not -size <= start <= size:
        raise IndexError(f"narrow: start {start} is outside dimension {dim} of size {size}")
    start = start + size if start < 0 else start
    if start + length > size:
        raise RuntimeError(f"narrow: start {start} + length {length} exceeds size {size} of dimension {dim}")
    return _resized(layout, dim, length, layout.stride[dim], start)


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
    named = _distinct_dims(dim, layout.ndim, "squeeze") if dim else tuple(range(layout.ndim))
    return _without(layout, {d for d in named if d < layout.ndim and layout.shape[d] == 1})


def flatten(layout: Layout, start_dim: int = 0, end_dim: int = -1) -> Layout | Copy:
    """Dimensions start_dim … end_dim become one: a reshape, so a view or a copy."""
    start_dim, end_dim = wrap_dim(start_dim, layout.ndim), wrap_dim(end_dim, layout.ndim)
    if start_dim > end_dim:
        raise RuntimeError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    if layout.ndim == 0:
        return view(layout, (1,))
    if start_dim == end_dim:
        return layout
    merged = math.prod(layout.shape[start_dim : end_dim + 1])
    return reshape(layout, (*layout.shape[:start_dim], merged, *layout.shape[end_dim + 1 :]))


def unflatten(layout: Layout, dim: int, sizes: Sequence[int]) -> Layout:
    """One dimension becomes several. Always a view: splitting never merges."""
    if not sizes:
        raise RuntimeError("unflatten: sizes is empty; give at least one size")
    dim = wrap_dim(dim, layout.ndim)
    if layout.ndim == 0:
        raise RuntimeError("unflatten: a tensor of 0 dimensions has no dimension to split")
    split = infer_size(sizes, layout.shape[dim])
    return view(layout, (*layout.shape[:dim], *split, *layout.shape[dim + 1 :]))


def unfold(layout: Layout, dimension: int, size: int, step: int) -> Layout:
    """Windows of `size`, `step` apart, as a new last dimension: both walk along the same cells."""
    dimension = wrap_dim(dimension, layout.ndim)
    length, stride = (layout.shape[dimension], layout.stride[dimension]) if layout.ndim else (1, 1)
    if size < 0:
        raise RuntimeError(f"unfold: size {size} is negative")
    if size > length:
        raise RuntimeError(f"unfold: a window of {size} does not fit into dimension {dimension} of size {length}")
    if step < 1:
        raise RuntimeError(f"unfold: step {step} is not allowed, it must be at least 1")
    shape, strides = list(layout.shape), list(layout.stride)
    if layout.ndim:
        shape[dimension], strides[dimension] = (length - size) // step + 1, stride * step
    return replace(layout, shape=(*shape, size), stride=(*strides, stride))


def as_strided(layout: Layout, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None) -> Layout:
    """Any shape, strides and offset over the same storage. RuntimeError where that leaves the storage.

    Negative sizes are refused even beside a size of 0, where torch lets them pass.
    """
    if len(size) != len(stride):
        raise RuntimeError(f"as_strided: {len(size)} sizes but {len(stride)} strides")
    if any(n < 0 for n in (*size, *stride)):
        raise RuntimeError(f"as_strided: negative numbers in {_text(size)}, {_text(stride)} are not allowed")
    offset = layout.storage_offset if storage_offset is None else storage_offset
    if offset < 0:
        raise RuntimeError(f"as_strided: storage_offset {offset} is negative")
    result = Layout(tuple(size), tuple(stride), offset, layout.storage_size)
    if needed_cells(result) > layout.storage_size:
        raise RuntimeError(
            f"as_strided: the last element would lie in cell {needed_cells(result) - 1}, "
            f"but the storage has {layout.storage_size} cells (0 to {layout.storage_size - 1})"
        )
    return result


def clone(layout: Layout) -> Copy:
    """A copy that keeps the order of the dimensions in memory, but neither gaps nor overlaps."""
    return Copy(fresh(layout.shape, layout.stride if is_dense(layout) else preserved_stride(layout)))


def flip(layout: Layout, dims: Sequence[int]) -> Copy:
    """Reversed along dims. A copy, because torch has no negative strides."""
    _distinct_dims(dims, layout.ndim, "flip")
    return clone(layout)


def contiguous(layout: Layout) -> Layout | Copy:
    """The tensor itself where it is contiguous, otherwise a contiguous copy."""
    return layout if is_contiguous(layout) else Copy(fresh(layout.shape))


def channels_last(layout: Layout) -> Layout | Copy:
    """x.to(memory_format=torch.channels_last): itself where the strides look like it, otherwise a copy."""
    _check_rank_4(layout.shape)
    if looks_channels_last(layout):
        return layout
    return Copy(fresh(layout.shape, channels_last_stride(layout.shape)))


def resize_(layout: Layout, size: Sequence[int]) -> Layout:
    """The tensor itself, made contiguous in a new shape over its own storage, in place.

    No number moves: a smaller shape leaves cells unread, a larger one reads on beyond and lets the storage grow.
    RuntimeError for negative sizes, even beside a size of 0, where torch lets them pass.
    """
    if any(n < 0 for n in size):
        raise RuntimeError(f"resize_: negative sizes in {_text(size)} are not allowed, -1 included")
    if tuple(size) == layout.shape:
        return layout
    result = replace(layout, shape=tuple(size), stride=contiguous_stride(size))
    return replace(result, storage_size=max(layout.storage_size, needed_cells(result)))


# ---- torch's conventions for strides that copies get -----------------------------------------------------------


def preserved_stride(layout: Layout) -> Ints:
    """Dense strides that keep the order of the dimensions: smallest stride innermost (c10 infer_dense_strides)."""
    order = list(range(layout.ndim))[::-1]  # innermost first, as in a contiguous tensor
    for i in range(1, layout.ndim):  # an insertion sort, because stride 0 compares with nothing
        k = i
        for j in reversed(range(i)):
            comparison = _compare(layout, order[j], order[k])
            if comparison < 0:
                break
            if comparison > 0:
                order[j], order[k] = order[k], order[j]
                k = j
    return _dense_stride(layout.shape, order)


def _compare(layout: Layout, a: int, b: int) -> int:
    """-1 where dimension a belongs inside b, 1 where outside, 0 where strides do not tell."""
    if layout.stride[a] == 0 or layout.stride[b] == 0:
        return 0
    if layout.stride[a] != layout.stride[b]:
        return -1 if layout.stride[a] < layout.stride[b] else 1
    return 1 if layout.shape[a] > layout.shape[b] else 0


def looks_channels_last(layout: Layout) -> bool:
    """True where strides ascend in the order C, W, H, N (c10 is_channels_last_strides_2d); gaps are allowed."""
    if layout.ndim != 4 or layout.stride[1] == 0:
        return False
    least = 0
    for d in (1, 3, 2, 0):
        size, stride = layout.shape[d], layout.stride[d]
        # the last test: all of C, H, W have size 1, which torch calls contiguous, not channels_last
        if size == 0 or stride < least or (d == 0 and least == layout.stride[1]):
            return False
        least = stride * size
    return True


# ---- arguments -------------------------------------------------------------------------------------------------


def infer_size(shape: Sequence[int], numel: int) -> Ints:
    """`shape` with its -1 worked out. RuntimeError where the number of elements does not fit."""
    unknown = [d for d, n in enumerate(shape) if n == -1]
    if len(unknown) > 1:
        raise RuntimeError(f"shape {_text(shape)}: only one dimension can be -1")
    if any(n < -1 for n in shape):
        raise RuntimeError(f"shape {_text(shape)}: sizes can't be negative, except one -1")
    known = math.prod(n for n in shape if n != -1)
    if not unknown:
        if known != numel:
            raise RuntimeError(f"shape {_text(shape)} has {known} elements, the tensor has {numel}")
        return tuple(shape)
    if known == 0:
        raise RuntimeError(f"shape {_text(shape)}: -1 could be any size, the others already make 0 elements")
    if numel % known:
        raise RuntimeError(f"shape {_text(shape)}: {numel} elements can't be divided by {known} to find the -1")
    return tuple(numel // known if n == -1 else n for n in shape)


def wrap_dim(dim: int, ndim: int) -> int:
    """A dimension counted from the front; -1 is the last. IndexError outside -ndim … ndim-1 (a scalar: -1, 0)."""
    reach = max(ndim, 1)
    if not -reach <= dim < reach:
        raise IndexError(f"dimension {dim} is out of range: expected {-reach} to {reach - 1}")
    return dim % reach


def _distinct_dims(dims: Sequence[int], ndim: int, who: str) -> Ints:
    """The dims counted from the front. IndexError or RuntimeError for the first that is out of range or repeated."""
    seen: list[int] = []
    for dim in dims:
        if wrap_dim(dim, ndim) in seen:
            raise RuntimeError(f"{who}: dimension {dim} appears twice in {_text(dims)}")
        seen.append(wrap_dim(dim, ndim))
    return tuple(seen)


def _wrap_index(index: int, size: int, dim: int) -> int:
    if not -size <= index < size:
        raise IndexError(f"index {index} is out of range for dimension {dim} of size {size}")
    return index % size


def _check_index(layout: Layout, index: Sequence[int]) -> Ints:
    if len(index) != layout.ndim:
        raise IndexError(f"index {_text(index)} has {len(index)} numbers, the tensor has {layout.ndim} dimensions")
    return tuple(_wrap_index(i, size, d) for d, (i, size) in enumerate(zip(index, layout.shape, strict=True)))


def _check_rank_4(shape: Sequence[int]) -> None:
    if len(shape) != 4:
        raise RuntimeError(f"channels_last: needs 4 dimensions (N, C, H, W), the tensor has {len(shape)}")


def _resized(layout: Layout, dim: int, size: int, stride: int, start: int) -> Layout:
    """One dimension with another size and stride, beginning at element `start` of it."""
    shape, strides = list(layout.shape), list(layout.stride)
    offset = layout.storage_offset + start * strides[dim]
    shape[dim], strides[dim] = size, stride
    return replace(layout, shape=tuple(shape), stride=tuple(strides), storage_offset=offset)


def _without(layout: Layout, dims: set[int]) -> Layout:
    keep = [d for d in range(layout.ndim) if d not in dims]
    return replace(layout, shape=tuple(layout.shape[d] for d in keep), stride=tuple(layout.stride[d] for d in keep))


def _text(numbers: Sequence[int]) -> str:
    return "(" + ", ".join(map(str, numbers)) + ")"
