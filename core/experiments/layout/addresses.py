"""Where each element lies. The element at index (i₀, i₁, …) lies in cell

address = storage_offset + i₀·stride₀ + i₁·stride₁ + …
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from core.experiments.layout.arguments import spelled
from core.experiments.layout.rule import Ints, Layout
from core.words import say

LONGEST_COUNT = 1 << 20  # steps of a common stride up to which different cells are counted one by one


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


def distinct_addresses(layout: Layout) -> int | None:
    """How many different storage cells the tensor reads; None where strides of no order make that too long to count.

    The cells are all sums of one term a dimension, i·stride. Terms that merge into one run of equal steps, or lie
    farther apart than all smaller ones reach, need no counting.
    """
    if layout.numel == 0:
        return 0
    counts = [_distinct_sums(terms) for terms in _separated(layout)]
    known = [count for count in counts if count is not None]
    return math.prod(known) if len(known) == len(counts) else None


def overlaps(layout: Layout) -> bool | None:
    """True where two elements share a cell, so that a write to one changes the other; None where it can't be told."""
    distinct = distinct_addresses(layout)
    return None if distinct is None else distinct < layout.numel


Terms = list[tuple[int, int]]  # (size, stride) of dimensions: the terms i·stride, i = 0 … size-1


def _separated(layout: Layout) -> list[Terms]:
    """The dimensions in groups: two sums of one group differ by more than all groups of smaller strides reach."""
    groups: list[Terms] = []
    for term in merged_terms(layout):
        last = [term]
        while groups and math.gcd(*(s for _, s in last)) <= sum(reach(group) for group in groups):
            last = groups.pop() + last
        groups.append(last)
    return groups


def reach(terms: Terms) -> int:
    """The largest sum of one multiple a term."""
    return sum((n - 1) * s for n, s in terms)


def merged_terms(layout: Layout) -> Terms:
    """The dimensions in order of their strides, those joined whose cells are one run of equal steps."""
    return _merged([(n, s) for n, s in zip(layout.shape, layout.stride, strict=True) if n > 1 and s])


def nested(terms: Terms) -> bool:
    """Whether each stride, in their order, goes farther than all smaller ones reach."""
    return all(stride > reach(terms[:k]) for k, (_, stride) in enumerate(terms))


def _merged(terms: Terms) -> Terms:
    terms = sorted(terms, key=lambda term: term[1])
    for a, b in combinations(range(len(terms)), 2):
        (n, s), (m, t) = terms[a], terms[b]
        if t % s == 0 and t <= n * s:  # a step of the second lands within the first's run, or right behind it
            rest = [term for k, term in enumerate(terms) if k not in (a, b)]
            return _merged([*rest, (n + (m - 1) * t // s, s)])
    return terms


def _distinct_sums(terms: Terms) -> int | None:
    """How many different sums these terms have."""
    if len(terms) == 1:
        return terms[0][0]
    if len(terms) == 2:  # i·s + j·t repeats where i gives t/gcd steps for s/gcd of j
        (n, s), (m, t) = terms
        common = math.gcd(s, t)
        return n * m - max(n - t // common, 0) * max(m - s // common, 0)
    common = math.gcd(*(stride for _, stride in terms))
    if reach(terms) // common > LONGEST_COUNT:
        return None
    sums = 1  # bit k: k steps of the common divisor are such a sum
    for n, s in terms:
        sums = _repeated(sums, n, s // common)
    return sums.bit_count()


def _repeated(sums: int, times: int, step: int) -> int:
    """The sums with 0 … times-1 steps added, doubling as long as that goes."""
    done = 1
    while done < times:
        more = min(done, times - done)
        sums |= sums << more * step
        done += more
    return sums


@dataclass(frozen=True)
class Extent:
    """How much memory a tensor reads and keeps alive."""

    bytes_viewed: int  # elements × bytes each; more than is held where elements share cells
    bytes_held: int  # the whole storage, which lives as long as any tensor views it
    first: int | None  # the lowest address read; None without elements
    last: int | None  # the highest
    distinct: int | None  # different cells read; None where that is too long to count


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


def wrap_index(index: int, size: int, dim: int) -> int:
    """An index counted from the front. IndexError where it is outside the size."""
    if not -size <= index < size:
        raise IndexError(
            say("index {index} is out of range for dimension {dim} of size {size}", index=index, dim=dim, size=size)
        )
    return index % size


def _check_index(layout: Layout, index: Sequence[int]) -> Ints:
    if len(index) != layout.ndim:
        raise IndexError(
            say(
                "index {index} has {given} numbers, the tensor has {ndim} dimensions",
                index=spelled(index),
                given=len(index),
                ndim=layout.ndim,
            )
        )
    return tuple(wrap_index(i, size, d) for d, (i, size) in enumerate(zip(index, layout.shape, strict=True)))
