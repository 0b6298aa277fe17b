"""Removing duplicates: Python's set, torch.unique and numpy.unique, and which of them sorts.

A set is a hash table: each item is looked for at slot hash(item) mod table size (and nearby slots, if taken), and a
walk over the set visits the slots in order. Small integers hash to themselves, so that {3, 1, 2} looks sorted; {8, 1},
with a table of 8 slots, does not. torch.unique and numpy.unique sort and drop what equals its left neighbour.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.ops.kit.sets import unique_arguments
from core.ops.operator import Call, Operator

# ---- torch.unique by sort and neighbour comparison -------------------------------------------------------------


@dataclass(frozen=True)
class UniqueSteps:
    """How the unique values of a row come about."""

    order: Tensor  # (n,) which item stands at each place once sorted
    sorted: Tensor  # (n, ...) the items in that order
    is_first: Tensor  # (n,) True where an item differs from its left neighbour
    inverse: Tensor  # (n,) for each input item, its place among the unique values
    counts: Tensor  # (u,)
    output: Tensor  # (u, ...)


def unique_steps(items: Tensor) -> UniqueSteps:
    """Unique items along dimension 0: numbers, or whole sub-tensors compared number by number from the left."""
    rows = items.reshape(len(items), -1) if items.numel() else items.new_empty(len(items), 0)  # (n, numbers an item)
    order = _lexicographic_order(rows)
    ordered = rows[order]
    is_first = torch.ones_like(order, dtype=torch.bool)
    is_first[1:] = (ordered[1:] != ordered[:-1]).any(dim=1)
    place = is_first.cumsum(0) - 1  # (n,) at each sorted place, how many different items stand before it
    inverse = torch.zeros_like(order)
    inverse[order] = place
    starts = is_first.nonzero().squeeze(1)  # (u,)
    counts = torch.diff(starts, append=starts.new_tensor([len(order)]))
    in_order = items[order]
    return UniqueSteps(order, in_order, is_first, inverse, counts, in_order[is_first])


def _lexicographic_order(rows: Tensor) -> Tensor:
    """Sort by the last column first and by the first column last; stable sorts keep what is already in order."""
    order = torch.arange(len(rows), device=rows.device)
    for column in reversed(range(rows.shape[1])):
        order = order[rows[order, column].sort(stable=True).indices]
    return order


def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Tensor | tuple[Tensor, ...]:
    """The different values of input in ascending order; with dim, the different sub-tensors along it.

    Returns the output, then, where asked for, the inverse (output[inverse] is input; input's shape, or (n,) with dim)
    and the counts. The result is sorted even with sorted=False, as torch's is. A NaN differs from every other NaN;
    0 and −0 are one value.

    Does not follow torch in two points: with dim, NaN comes last and the rest stays sorted and merged (torch's order is
    then undefined), and a gradient flows back to the first of each value (torch's backward raises).
    TypeError where input is not a tensor, sorted not a bool or dim not an int, IndexError for a dim out of range,
    RuntimeError where sub-tensors along dim are empty, NotImplementedError for complex numbers.
    """
    unique_arguments(input, sorted, dim)
    items = input.reshape(-1) if dim is None else input.movedim(dim, 0)
    steps = unique_steps(items)
    inverse = steps.inverse.reshape(input.shape) if dim is None else steps.inverse
    output = steps.output if dim is None else steps.output.movedim(0, dim)
    asked = (output, inverse if return_inverse else None, steps.counts if return_counts else None)
    results = tuple(result for result in asked if result is not None)
    return results if len(results) > 1 else output


# ---- operator --------------------------------------------------------------------------------------------------


def _make_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.randint(max(size // 4, 2), (size,), generator=generator)
    return Call((numbers.to(device, dtype),), {"return_inverse": True, "return_counts": True})


OPERATORS = (
    Operator(
        mirrors="torch.unique",
        manual=unique,
        torch=torch.unique,
        make_call=_make_call,
        sizes=(1_000, 30_000, 1_000_000),
        size_meaning="n: numbers, about n/4 different ones; inverse and counts returned",
        bytes_moved=lambda n, itemsize: n * (itemsize + 8) + n // 4 * (itemsize + 8),
        operations=lambda n: n * max(n.bit_length(), 1),  # comparisons of a sort
        differentiable=False,
    ),
)
