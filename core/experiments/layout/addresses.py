"""Where each element lies. The element at index (i₀, i₁, …) lies in cell

address = storage_offset + i₀·stride₀ + i₁·stride₁ + …
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.experiments.layout.arguments import spelled
from core.experiments.layout.rule import Ints, Layout


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


def wrap_index(index: int, size: int, dim: int) -> int:
    """An index counted from the front. IndexError where it is outside the size."""
    if not -size <= index < size:
        raise IndexError(f"index {index} is out of range for dimension {dim} of size {size}")
    return index % size


def _check_index(layout: Layout, index: Sequence[int]) -> Ints:
    if len(index) != layout.ndim:
        raise IndexError(f"index {spelled(index)} has {len(index)} numbers, the tensor has {layout.ndim} dimensions")
    return tuple(wrap_index(i, size, d) for d, (i, size) in enumerate(zip(index, layout.shape, strict=True)))
