"""What Python's set does with the order of its items, slot by slot, beside `unique`."""

import itertools
import math
import sys
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.ops.sets import UniqueSteps, unique_steps
from core.words import say

TUTORIAL, SCATTERED, HASHES = "tutorial", "scattered", "hashes"
EXAMPLES = {SCATTERED: [5, 64, 33, 7, 5, 64, 33], TUTORIAL: [1, 2, 3, 2, 6, 7, 8, 7], HASHES: [64, 0, 32, 8, 0, 64]}
MOST = 12  # items that a sentence names
NEIGHBOURS, FEWEST = 9, 8  # slots that CPython tries behind a taken one, and those of the smallest table


def example(name: str) -> Tensor:
    """The items of an example."""
    return torch.tensor(EXAMPLES[name])


# ---- the table of a set ----------------------------------------------------------------------------------------


def laid_out(items: Sequence[Hashable]) -> list[int | None]:
    """The slots of CPython's table for set(items): in each the number of its item, or None.

    An item goes to slot hash mod size, or to the next free one that probing finds; at three fifths full, the table is
    made anew, four times as large as the items.
    """
    table: list[int | None] = [None] * FEWEST
    used = 0
    for number in range(len(items)):
        slot = free_slot(table, items, number)
        if slot is None:
            continue  # an equal item is there
        table[slot], used = number, used + 1
        if used * 5 >= (len(table) - 1) * 3:
            old, table = table, [None] * (1 << (used * (2 if used > 50_000 else 4)).bit_length())
            for kept in old:
                if kept is not None:
                    slot = free_slot(table, items, kept)
                    assert slot is not None
                    table[slot] = kept
    return table


def free_slot(table: Sequence[int | None], items: Sequence[Hashable], number: int) -> int | None:
    """Where an item is to go: from its hash's slot along its neighbours, then elsewhere; None where an equal one is."""
    size, code = len(table), hash(items[number])
    slot, rest = code % size, code % 2**64
    while True:
        for tried in range(slot, slot + NEIGHBOURS + 1 if slot + NEIGHBOURS < size else slot + 1):
            there = table[tried]
            if there is None:
                return tried
            if items[there] is items[number] or items[there] == items[number]:
                return None
        rest >>= 5
        slot = (slot * 5 + 1 + rest) % size


@dataclass(frozen=True)
class SetOrder:
    """Why a set of these items is walked through in the order it is."""

    order: tuple[Hashable, ...]  # as list(set(items)) gives it
    numbers: tuple[int, ...]  # of each, in that order: its place among the items
    hashes: tuple[int, ...]
    first: tuple[int, ...]  # hash mod table size: the slot at which each is first looked for
    slots: tuple[int, ...]  # the slot at which it lies
    table_size: int
    is_sorted: bool


def set_order(items: Sequence[Hashable]) -> SetOrder:
    """The set of items as CPython keeps it; the table's size is read off its memory, 16 bytes a slot."""
    unordered = set(items)
    order, table = tuple(unordered), laid_out(items)
    beyond_the_first_eight = (sys.getsizeof(unordered) - sys.getsizeof(set())) // 16
    table_size = max(FEWEST, beyond_the_first_eight)
    slots = [slot for slot, number in enumerate(table) if number is not None]
    numbers = [number for number in table if number is not None]
    walked = [items[number] for number in numbers]
    if len(table) != table_size or not all(a is b or a == b for a, b in zip(walked, order, strict=True)):
        raise RuntimeError("this Python lays out its sets in another way than CPython 3.11 to 3.13")
    hashes = tuple(hash(item) for item in order)
    return SetOrder(order, tuple(numbers), hashes, tuple(h % table_size for h in hashes), tuple(slots), table_size,
                    ascending(order))  # fmt: skip


def ascending(values: Sequence[Any]) -> bool:
    """Whether no value is below the one before it; NaN is neither above nor below."""
    return all(a <= b for a, b in itertools.pairwise(values))


# ---- the run on screen -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """Items through unique and through a set, and where each unique value lies in the set."""

    x: Tensor  # (n,) the items in a row
    items: list[Any]
    steps: UniqueSteps
    walk: SetOrder
    firsts: list[int]  # for each unique value, the first item that has it
    walked: list[int]  # for each unique value, its place in the walk


def run(x: Tensor) -> Run:
    """Unique and set of the numbers of a tensor."""
    flat = x.flatten()
    items, steps = flat.tolist(), unique_steps(flat)
    walk = set_order(items)
    places = {number: place for place, number in enumerate(walk.numbers)}
    firsts = steps.order[steps.is_first].tolist()
    return Run(flat, items, steps, walk, firsts, [places[number] for number in firsts])


# ---- pitfalls --------------------------------------------------------------------------------------------------


def head(values: Sequence[Any]) -> list[Any]:
    """The first values, and how many more there are."""
    return list(values) if len(values) <= MOST + 1 else [*values[:MOST], say("{n:,} more", n=len(values) - MOST)]


@dataclass(frozen=True)
class Sorts:
    """A set of the items, and one that is not walked in ascending order."""

    order: list[Any]
    is_sorted: bool
    nans: int  # of the items that are left
    several: bool  # whether more than one is
    table_size: int
    counter: list[int]
    counter_order: list[Any]


def set_sorts(items: Sequence[Any]) -> Sorts:
    """The tutorial's «duplicates removed, and sorted» on these items and on four others."""
    found, counter = set_order(items), EXAMPLES[SCATTERED][:4]
    nans, several = sum(item != item for item in found.order), len(found.order) > 1
    ordered = list(set_order(counter).order)
    return Sorts(head(found.order), found.is_sorted, nans, several, found.table_size, counter, ordered)


@dataclass(frozen=True)
class Hashes:
    """Whole numbers and their hashes."""

    seven: int
    minus_one: int
    minus_two: int
    large: int  # of 2**61 - 1
    pair: list[Any]  # the set of 8 and 1, as it is walked
    slots: tuple[int, ...]
    table_size: int


def whole_numbers_and_their_hashes() -> Hashes:
    """Most whole numbers are their own hash; two kinds are not, and the slot is what orders a set."""
    pair = set_order([8, 1])
    return Hashes(hash(7), hash(-1), hash(-2), hash(2**61 - 1), list(pair.order), pair.slots, pair.table_size)


@dataclass(frozen=True)
class Equal:
    """Two equal tensors."""

    equal: bool
    same_hash: bool
    in_set: int
    numbers_in_set: int
    by_unique: int


def set_of_tensors() -> Equal:
    """Two equal tensors in a set, their numbers in a set, and both through torch.unique."""
    a, b = torch.tensor(1.0), torch.tensor(1.0)
    unique = torch.unique(torch.stack([a, b]))
    return Equal(bool(a == b), hash(a) == hash(b), len({a, b}), len({a.item(), b.item()}), len(unique))


@dataclass(frozen=True)
class Nans:
    """How many values two NaNs are."""

    in_set: int
    same_object: int  # where both are the same object
    by_torch: int
    by_numpy: int


def nan_is_one_value() -> Nans:
    """Two NaNs through set, torch.unique and numpy.unique."""
    first, second = float("nan"), float("nan")
    both = [first, second]
    return Nans(len(set(both)), len({first, first}), len(torch.unique(torch.tensor(both))), len(np.unique(both)))


@dataclass(frozen=True)
class Orders:
    """The different items in the orders of several ways to find them."""

    several: bool  # whether there is an order at all
    by_first: list[Any]  # first appearance, as dict.fromkeys keeps it
    by_set: list[Any]
    turned: list[Any]  # the set of the items given the other way round
    by_torch: list[Any]  # torch.unique(sorted=False)
    set_keeps: bool
    torch_keeps: bool
    torch_sorts: bool
    counter: list[int]
    counter_torch: list[int]  # torch.unique(sorted=False) of it


def orders(x: Tensor) -> Orders:
    """What a set, torch.unique(sorted=False) and dict.fromkeys make of the items, and torch of five others."""
    items, counter = x.flatten().tolist(), [3, 1, 2, 3, 1]
    first, loose, by_set = list(dict.fromkeys(items)), torch.unique(x, sorted=False).tolist(), list(set(items))
    turned = items[::-1]
    return Orders(
        len(first) > 1, head(first), head(by_set), head(list(set(turned))), head(loose),
        _same(by_set, first), _same(loose, first), ascending(loose),
        counter, torch.unique(torch.tensor(counter), sorted=False).tolist(),
    )  # fmt: skip


def _same(left: Sequence[Any], right: Sequence[Any]) -> bool:
    """Whether both are the same values in the same order; NaN counts as NaN here."""
    return len(left) == len(right) and all(a == b or (a != a and b != b) for a, b in zip(left, right, strict=True))


# ---- questions -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Slot:
    """Where a set of one size first looks for an item."""

    item: Any
    code: int
    table_size: int
    slot: int


def slot_of(item: Any, table_size: int) -> Slot:
    """The hash modulo the size of the table."""
    return Slot(item, hash(item), table_size, hash(item) % table_size)


def askable(found: SetOrder) -> list[Any]:
    """The items whose hash can be divided in the head."""
    return [item for item, code in zip(found.order, found.hashes, strict=True) if abs(code) < 1000] or [0, 9, 30]


def whole(value: Any) -> bool:
    """Whether a number is written without decimals."""
    return isinstance(value, (bool, int)) or (math.isfinite(value) and value == int(value))
