"""A window onto a tensor of any size, and which element reads an address, without going through the tensor."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.experiments.layout.addresses import Terms, merged_terms, nested, reach
from core.experiments.layout.rule import Ints, Layout

LINE, MATRIX, BLOCK = (
    (10,),
    (6, 6),
    (2, 4, 6),
)  # elements of a window of a vector, a matrix, and what has more dimensions
SEARCHED = 256  # places tried until an address counts as read by nobody


@dataclass(frozen=True)
class Window:
    """A box of a tensor's elements: the index of the first, and how many along each dimension."""

    start: Ints
    shape: Ints

    @property
    def numel(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


def window(shape: Sequence[int], holds: Sequence[int] = ()) -> Window:
    """The window that holds this index, of those that tile the tensor; the corner's without one.

    The last window of a dimension is moved in where it would reach beyond it.
    """
    most = ((), LINE, MATRIX, (1,) * (len(shape) - 3) + BLOCK)[min(len(shape), 3)]
    sizes = [min(size, n) for size, n in zip(most, shape, strict=True)]
    at = holds or (0,) * len(shape)
    start = [min(i // max(s, 1) * s, n - s) for i, s, n in zip(at, sizes, shape, strict=True)]
    return Window(tuple(start), tuple(sizes))


def addresses(layout: Layout, window: Window) -> np.ndarray:
    """The address of every element of the window, as an int64 array of its shape."""
    table = np.full(window.shape, layout.storage_offset, dtype=np.int64)
    for d, (first, size) in enumerate(zip(window.start, window.shape, strict=True)):
        along = np.arange(first, first + size, dtype=np.int64) * (layout.stride[d] if layout.shape[d] > 1 else 0)
        table += along.reshape([-1 if k == d else 1 for k in range(layout.ndim)])
    return table


def index_at(layout: Layout, address: int) -> Ints | None:
    """An index that reads the address; None where there is none, or none among the first places tried."""
    if layout.numel == 0:
        return None
    stepping = [d for d in range(layout.ndim) if layout.shape[d] > 1 and layout.stride[d]]
    dims = sorted(stepping, key=lambda d: -layout.stride[d])
    found = _solved(layout, dims, address - layout.storage_offset, [SEARCHED])
    return None if found is None else tuple(found.get(d, 0) for d in range(layout.ndim))


def _solved(layout: Layout, dims: list[int], rest: int, steps: list[int]) -> dict[int, int] | None:
    """For each of these dimensions, the largest stride first, an index, so that Σ index·stride is `rest`."""
    if not dims:
        return {} if rest == 0 else None
    d, *others = dims
    stride, further = layout.stride[d], reach([(layout.shape[k], layout.stride[k]) for k in others])
    low, high = max(0, -(-(rest - further) // stride)), min(layout.shape[d] - 1, rest // stride)
    for i in _congruent(low, high, stride, rest, math.gcd(*(layout.stride[k] for k in others))):
        steps[0] -= 1
        if steps[0] < 0:
            return None
        found = _solved(layout, others, rest - i * stride, steps)
        if found is not None:
            return {d: i, **found}
    return None


def _congruent(low: int, high: int, stride: int, rest: int, divisor: int) -> range:
    """The i from low to high for which rest - i·stride is a multiple of the divisor; 0: for which it is 0."""
    if divisor == 0:
        only = rest // stride
        return range(only, only + (rest % stride == 0 and low <= only <= high))
    common = math.gcd(stride, divisor)
    if rest % common:
        return range(0)
    period = divisor // common
    first = rest // common * pow(stride // common, -1, period) % period if period > 1 else 0
    return range(low + (first - low) % period, high + 1, period)


def next_read(layout: Layout, address: int) -> int | None:
    """The first address from this one on that the tensor reads; None where there is none.

    Where dimensions of different strides overlap and do not merge, every address from the first to the last counts.
    """
    if layout.numel == 0:
        return None
    least = address - layout.storage_offset
    terms = merged_terms(layout)
    if not nested(terms):
        found: int | None = max(least, 0) if least <= reach(terms) else None
    else:
        found = _at_least(terms[::-1], least)
    return None if found is None else layout.storage_offset + found


def _at_least(terms: Terms, least: int) -> int | None:
    """The smallest sum of one multiple a term, the largest stride first, that is `least` or more."""
    if least <= 0:
        return 0
    if not terms:
        return None
    (size, stride), *others = terms
    i = least // stride
    rest = _at_least(others, least - i * stride) if i < size else None
    if rest is not None:
        return i * stride + rest
    return (i + 1) * stride if i + 1 < size else None
