"""What the page on sets states, against Python's sets, torch and numpy."""

import math
import random
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.experiments import sets as runs

INPUTS = {
    **{name: torch.tensor(items) for name, items in runs.EXAMPLES.items()},
    "one item": torch.tensor([7]),
    "equal items": torch.zeros(5),
    "negative": torch.tensor([-1, -2, 0, 1]),
    "floats": torch.tensor([0.5, -1.1, 0.5, 1e30]),
    "half": torch.tensor([0.1, 0.1, 2.0], dtype=torch.float16),
    "flags": torch.tensor([True, False, True]),
    "large": torch.tensor([2**61 - 1, 0, -(2**63), 10**15]),
    "infinite": torch.tensor([math.nan, math.inf, -math.inf, math.nan, 0.0, -0.0]),
    "a matrix": torch.tensor([[3, 1], [1, 2]]),
    "a thousand": torch.randint(-300, 300, (1000,), generator=torch.Generator().manual_seed(1)),
}
every_input = pytest.mark.parametrize("x", INPUTS.values(), ids=INPUTS)


def same(left, right):
    return len(left) == len(right) and all(a == b or (a != a and b != b) for a, b in zip(left, right, strict=True))


# ---- the table of a set ----------------------------------------------------------------------------------------


def items_of_all_kinds(draw):
    kinds = (
        lambda: draw.randint(-999, 999), lambda: draw.randint(-5, 5) * 8, lambda: draw.random() * 10,
        lambda: 2**61 - 1, lambda: 1e300, lambda: float("nan"), lambda: True,
    )  # fmt: skip
    if draw.random() < 0.2:
        kinds = (lambda: f"w{draw.randint(0, 99)}",)
    return [draw.choice(kinds)() for _ in range(draw.choice((1, 3, 5, 8, 20, 100, 1000)))]


def test_the_table_is_laid_out_as_pythons_own():
    for seed in range(300):
        items = items_of_all_kinds(random.Random(seed))
        found = runs.set_order(items)
        assert [items[number] for number in found.numbers] == list(found.order) == list(set(items))
        assert list(found.slots) == sorted(found.slots)
        assert max(found.slots) < found.table_size


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-100, 100), min_size=1, max_size=40))
def test_an_item_lies_at_its_first_slot_unless_that_is_taken(items):
    found = runs.set_order(items)
    assert found.first[0] == found.slots[0] or found.first[0] in found.slots
    for first, slot in zip(found.first, found.slots, strict=True):
        assert first == slot or first in found.slots
    assert found.is_sorted == (list(found.order) == sorted(set(items)))


@pytest.mark.parametrize(("items", "order"), [((8, 1), (8, 1)), ((1, 16, 2), (16, 1, 2)), ((0, -1), (0, -1))])
def test_sets_do_not_sort(items, order):
    assert runs.set_order(items).order == order


def test_all_of_the_slot_example_meet_at_one_slot_and_lie_at_four():
    found = runs.set_order(runs.EXAMPLES[runs.HASHES])
    assert set(found.first) == {0}
    assert len(set(found.slots)) == 4


# ---- the run ---------------------------------------------------------------------------------------------------


@every_input
def test_the_run_is_torchs_unique_and_leads_from_there_to_the_set(x):
    run = runs.run(x)
    output, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
    assert torch.equal(run.steps.output.nan_to_num(7), output.nan_to_num(7))
    assert run.steps.inverse.tolist() == inverse.flatten().tolist() or x.isnan().any()
    assert torch.equal(run.steps.counts, counts)
    assert sorted(run.walked) == list(range(len(output)))
    for value, first, place in zip(output.tolist(), run.firsts, run.walked, strict=True):
        assert same([value], [run.items[first]])
        assert run.walk.order[place] is run.items[first] or run.walk.order[place] == run.items[first]


# ---- claims ----------------------------------------------------------------------------------------------------


@every_input
def test_a_set_is_sorted_by_chance_alone(x):
    items = x.flatten().tolist()
    found = runs.set_sorts(items)
    assert found.is_sorted == all(a <= b for a, b in pairwise(list(set(items))))
    assert found.counter_order == list(set(found.counter)) != sorted(found.counter)


def test_hashes():
    found = runs.whole_numbers_and_their_hashes()
    assert (found.seven, found.minus_one, found.minus_two, found.large) == (7, -2, -2, 0)
    assert found.pair == list({8, 1}) == [8, 1]
    assert (found.slots, found.table_size) == ((0, 1), 8)


def test_tensors_are_told_apart_and_nans_too():
    found = runs.set_of_tensors()
    assert (found.equal, found.same_hash) == (True, False)
    assert (found.in_set, found.numbers_in_set, found.by_unique) == (2, 1, 1)
    found = runs.nan_is_one_value()
    assert (found.in_set, found.same_object, found.by_torch, found.by_numpy) == (2, 1, 2, 1)


@every_input
def test_orders(x):
    found, items = runs.orders(x), x.flatten().tolist()
    first, loose = list(dict.fromkeys(items)), torch.unique(x, sorted=False).tolist()
    assert same(found.by_first[:12], first[:12])
    assert found.torch_keeps == same(loose, first)
    assert found.set_keeps == same(list(set(items)), first) or x.isnan().any()
    turned = items[::-1]
    assert same(found.turned[:12], list(set(turned))[:12]) or x.isnan().any()
    assert found.torch_sorts == all(a <= b for a, b in pairwise(loose))
    assert found.counter_torch != list(dict.fromkeys(found.counter))
    assert set(np.unique(found.counter).tolist()) == set(found.counter_torch)


@pytest.mark.parametrize("count", [1, 12, 13, 14, 1000])
def test_a_sentence_names_a_dozen_at_most_and_says_how_many_more(count):
    found = runs.head(list(range(count)))
    assert len(found) <= 13
    assert len(found) == count or found[-1] == f"{count - 12:,} more"


@every_input
def test_a_slot_that_is_asked_about_is_pythons(x):
    walk = runs.run(x).walk
    for item in runs.askable(walk):
        found = runs.slot_of(item, walk.table_size)
        assert (found.code, found.slot) == (hash(item), hash(item) % walk.table_size)
        assert abs(found.code) < 1000


def test_one_item_and_nan_have_no_order_to_speak_of():
    nan = float("nan")
    found = runs.set_sorts([3, 3])
    assert (found.order, found.several, found.nans) == ([3], False, 0)
    found = runs.set_sorts([1.0, nan, 0.5, float("nan")])
    assert (found.several, found.nans, found.is_sorted) == (True, 2, False)
    assert not runs.orders(torch.tensor([3, 3])).several
    assert runs.orders(torch.tensor([3, 4])).several
