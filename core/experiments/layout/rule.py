"""What a layout is, and the rule of view: which strides read the same cells in another shape.

A tensor is a storage (one row of cells) and three things that say how to read it: shape, stride and
storage_offset. An operation maps a `Layout` to the `Layout` of a view of the same storage, or to a `Copy`, the
layout of a new storage. `ViewRefused` names the pairs of dimensions that break the rule of `view`.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from core.experiments.layout.arguments import Ints, check_rank, spelled
from core.words import say


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


def laid_out(result: Layout | Copy) -> Layout:
    """The layout that an operation gives, of a view or of a copy."""
    return result.layout if isinstance(result, Copy) else result


def dense_stride(shape: Sequence[int], order: Iterable[int]) -> Ints:
    """Strides that fill memory without gaps, the first dimension of `order` varying fastest."""
    stride, step = [0] * len(shape), 1
    for d in order:
        stride[d] = step
        step *= max(shape[d], 1)
    return tuple(stride)


def contiguous_stride(shape: Sequence[int]) -> Ints:
    """Row-major strides, the last dimension varying fastest: stride[d] = stride[d+1]·shape[d+1]."""
    return dense_stride(shape, reversed(range(len(shape))))


def channels_last_stride(shape: Sequence[int]) -> Ints:
    """Strides of an (N, C, H, W) tensor kept in memory as N, H, W, C; of (N, C, D, H, W) as N, D, H, W, C.

    RuntimeError unless there are 4 or 5 dimensions.
    """
    if len(shape) != 5:
        check_rank(shape, 4)
    _, c, *space = shape
    return (math.prod(space) * c, 1, *(c * math.prod(space[d + 1 :]) for d in range(len(space))))


def channels_last_order(ndim: int) -> Ints:
    """The dimensions from the one that varies fastest: channels, width, height, (depth,) sample."""
    return (1, *range(ndim - 1, 1, -1), 0)


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
    return layout.ndim in (4, 5) and _fills(layout, channels_last_order(layout.ndim))


def is_dense(layout: Layout) -> bool:
    """No gaps and no overlaps: contiguous in some order of the dimensions (is_non_overlapping_and_dense)."""
    by_stride = sorted(range(layout.ndim), key=lambda d: (layout.shape[d] < 2, layout.stride[d]))
    return layout.numel == 0 or _fills(layout, by_stride)


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
        return say(
            "dimension {new_dim} of the requested shape (size {new_size}) would run across dimensions {left_dim} and "
            "{right_dim} of the tensor; one stride can only do that if stride[{left_dim}] = stride[{right_dim}]·"
            "shape[{right_dim}], but {left_stride} ≠ {right_stride}·{right_size} = {needed_stride}",
            self,
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
        raise RuntimeError(
            say(
                "expand: size {size} has fewer dimensions than the tensor {shape}",
                size=spelled(size),
                shape=spelled(layout.shape),
            )
        )
    shape, stride = list(size), [0] * len(size)
    for d in reversed(range(len(size))):
        if d >= new:
            old, stride[d] = layout.shape[d - new], layout.stride[d - new]
        else:  # a new leading dimension: as if it had been there with size 1
            old, stride[d] = 1, (shape[d + 1] * stride[d + 1] if d + 1 < len(size) and layout.ndim else 0)
        if size[d] == -1 and d >= new:
            shape[d] = old
        elif size[d] < 0:
            raise RuntimeError(
                say("expand: size {size} in place {d} is not allowed; -1 keeps an existing size", size=size[d], d=d)
            )
        elif size[d] != old:
            if old != 1:
                raise RuntimeError(
                    say(
                        "expand: dimension {dim} has size {old} and can't become {size}; only size 1 repeats",
                        dim=d - new,
                        old=old,
                        size=size[d],
                    )
                )
            stride[d] = 0
    return tuple(shape), tuple(stride)
