"""What Python's set does with the order of its items, beside `unique`."""

import sys
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from core.experiments.claim import Claim
from core.ops.sets import UniqueSteps, unique_steps


@dataclass(frozen=True)
class SetOrder:
    """Why a set of these items is walked through in the order it is."""

    order: tuple[Hashable, ...]  # as list(set(items)) gives it
    hashes: tuple[int, ...]  # of each, in that order
    slots: tuple[int, ...]  # hash mod table size: where each was first looked for
    table_size: int
    is_sorted: bool


def set_order(items: Sequence[Hashable]) -> SetOrder:
    """The set of items as CPython keeps it: the table's size is read off its memory (16 bytes a slot)."""
    unordered = set(items)
    order = tuple(unordered)
    beyond_the_first_eight = (sys.getsizeof(unordered) - sys.getsizeof(set())) // 16
    table_size = max(8, beyond_the_first_eight)
    hashes = tuple(hash(item) for item in order)
    slots = tuple(h % table_size for h in hashes)
    return SetOrder(order, hashes, slots, table_size, is_sorted=list(order) == sorted_items(order))


def sorted_items(items: Sequence[Hashable]) -> list[Hashable]:
    """The items in ascending order."""
    return sorted(items)  # type: ignore[type-var]


@dataclass(frozen=True)
class Deduplicated:
    """The same numbers without duplicates, three ways."""

    by_set: tuple[float, ...]
    by_torch: UniqueSteps
    by_numpy: tuple[float, ...]
    first_seen: tuple[float, ...]  # dict.fromkeys keeps the order of first appearance


def deduplicate(numbers: Sequence[float]) -> Deduplicated:
    """Put the numbers through set, torch.unique (by our steps), numpy.unique and dict.fromkeys."""
    return Deduplicated(
        by_set=tuple(set(numbers)),
        by_torch=unique_steps(torch.tensor(numbers)),
        by_numpy=tuple(np.unique(np.array(numbers)).tolist()),
        first_seen=tuple(dict.fromkeys(numbers)),
    )


# ---- what is said about sets -----------------------------------------------------------------------------------


def set_sorts(items: Sequence[Hashable] = (8, 1)) -> Claim:
    """The tutorial's «duplicates removed, and sorted», on the items given."""
    found = set_order(items)
    return Claim(
        says="A set removes duplicates and sorts.",
        holds=found.is_sorted,
        facts={"list(set(items))": list(found.order), "hash mod table size": list(found.slots)},
        rather="A set has no order to rely on: it is walked in the order of hash slots. "
        "Small integers hash to themselves, so that a few of them look sorted; sorted(set(items)) sorts.",
    )


def set_compares_tensors_by_value() -> Claim:
    """Two equal tensors in a set, in a list, and through torch.unique."""
    a, b = torch.tensor(1.0), torch.tensor(1.0)
    return Claim(
        says="A set of tensors drops the equal ones.",
        holds=len({a, b}) == 1,
        facts={
            "bool(a == b)": bool(a == b),
            "hash(a) == hash(b)": hash(a) == hash(b),
            "len({a, b})": len({a, b}),
            "len({a.item(), b.item()})": len({a.item(), b.item()}),
            "len(torch.unique(torch.stack([a, b])))": len(torch.unique(torch.stack([a, b]))),
        },
        rather="A tensor hashes by identity, so that a set keeps both; use torch.unique, or numbers from .item().",
    )


def nan_is_one_value() -> Claim:
    """Two NaNs through set, torch.unique and numpy.unique."""
    first, second = float("nan"), float("nan")
    counts = {
        "set": len({first, second}),
        "set, twice the same object": len({first, first}),
        "torch.unique": len(torch.unique(torch.tensor([first, second]))),
        "numpy.unique": len(np.unique(np.array([first, second]))),
    }
    return Claim(
        says="NaN counts as one value.",
        holds=all(count == 1 for count in counts.values()),
        facts=counts,
        rather="NaN equals nothing, itself included: torch keeps each, numpy merges them (equal_nan=True), "
        "a set tells objects apart and merges only the same one.",
    )


CLAIMS: tuple[Callable[[], Claim], ...] = (set_sorts, set_compares_tensors_by_value, nan_is_one_value)
