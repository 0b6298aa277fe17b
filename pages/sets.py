"""Sets and unique: what a set does with items, and how unique sorts, compares neighbours, counts and maps back."""

import random

import streamlit as st
import torch
from torch import Tensor

from core.figures import colour
from core.figures.heatmap import Outline, Picture
from core.figures.walk import record
from core.ops import sets as ops
from core.ops.operator import Call
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import check, controls, frame, pictures, tensor_input, walk
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

TUTORIAL, SCATTERED, HASHES = "the tutorial's", "not in order", "one slot for all"
EXAMPLES = {TUTORIAL: [1, 2, 3, 2, 6, 7, 8, 7], SCATTERED: [5, 64, 33, 7, 5, 64, 33], HASHES: [64, 0, 32, 8, 16, 0]}
LIMITS = Limits(ranks=(1,), max_side=24, max_elements=24, integers_only=True, low=-999, high=999)


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.row():
        name = controls.choice("example", "Example", tuple(EXAMPLES))
        x = tensor_input.tensor("x", "Items", torch.tensor(EXAMPLES[name]), LIMITS)
        cell = controls.cell("cell", "Picked item", x.shape) or (0,)
    items = x.tolist()
    found, steps = ops.set_order(items), ops.unique_steps(x)
    draw_unique(x, steps, cell[0])
    draw_set(items, found, items[cell[0]])
    check.show(topic.operators[0], Call((x,), {"return_inverse": True, "return_counts": True}))
    frame.below(
        topic,
        pitfalls=[sorts(items, found), *map(frame.claimed, ops.CLAIMS[1:]), *pitfalls(x)],
        walk=lambda: walk_unique(x),
        questions=questions(x, found, steps),
        take=lambda: take(x, steps),
    )


def sorts(items: list, found: ops.SetOrder) -> Pitfall:
    """Items that happen to come out sorted would bear the claim out: one counterexample refutes it."""
    claim = ops.set_sorts(EXAMPLES[SCATTERED] if found.is_sorted else items)
    return Pitfall(claim.says, lambda: frame.show_claim(claim))


def row(
    name: str, values: Tensor, scale: colour.Scale, title: str, outlined: list[int], picks: list[str] | None = None
) -> Picture:
    """A row of numbers as one picture, its places outlined."""
    cells = [(0, place) for place in outlined]
    return Picture(
        name, values[None], scale, title, [Outline(cells)] if cells else [], pickable=picks is not None, picks=picks
    )


def draw_unique(x: Tensor, steps: ops.UniqueSteps, picked: int) -> None:
    """Items, sorted items, first of each run, and the unique values with counts and inverse."""
    scale, flags = colour.signed(x), colour.magnitude(torch.ones(1))
    order = steps.order.tolist()
    where, value = order.index(picked), int(steps.inverse[picked])
    mine = [place for place, other in enumerate(steps.inverse.tolist()) if other == value]
    side = min(46, 860 // max(len(x), 1))
    pictures.many(
        [
            row("x", x, scale, "items, in the order given", [picked], [str(i) for i in range(len(x))]),
            row("sorted", steps.sorted, scale, "sorted", [where], [str(i) for i in order]),
            row("first", steps.is_first.int(), flags, "1 where it differs from its left neighbour", [where]),
            row("unique", steps.output, scale, "unique", [value]),
            row("counts", steps.counts, colour.magnitude(steps.counts), "counts", [value]),
            row("inverse", steps.inverse, colour.identity(len(steps.output)), "inverse: place among the unique, for each item", mine),
        ],
        cell=side, name="unique", picks={"x": "cell", "sorted": "cell"},
    )  # fmt: skip
    st.markdown(
        f"Item {picked} is {int(x[picked])}: sorted it stands at {where}; `unique[inverse[{picked}]]` = `unique[{value}]` = "
        f"**{int(steps.output[value])}**, which occurs **{int(steps.counts[value])}** times."
    )


def draw_set(items: list[int], found: ops.SetOrder, picked: int) -> None:
    """The set's table: each item first looked for at hash mod table size, and the order of the walk."""
    said = "happens to be sorted" if found.is_sorted else "is **not** sorted"
    st.markdown(
        f"`list(set(items))` is **{list(found.order)}**, which {said}. The set is a table of {found.table_size} slots; an item "
        f"is first looked for at `hash(item) mod {found.table_size}`, and the walk follows the slots."
    )
    at = [list(found.order).index(picked)]
    order, slots = torch.tensor(found.order), torch.tensor(found.slots)
    pictures.many(
        [
            row("walk", order, colour.signed(torch.tensor(items)), "the set, as it is walked", at),
            row("slots", slots, colour.identity(found.table_size), f"hash mod {found.table_size}", at),
        ],
        cell=min(46, 860 // max(len(items), 1)), name="set",
    )  # fmt: skip


def walk_unique(x: Tensor) -> None:
    """unique line by line: sort, compare with the left neighbour, count, map back."""
    panels = ("items", "order", "ordered", "is_first", "place", "inverse", "counts")
    steps = record(ops.unique_steps, x, panels=panels)
    places, flags = colour.identity(len(x)), colour.magnitude(torch.ones(1))
    scales = dict.fromkeys(panels, places) | {"items": colour.signed(x), "ordered": colour.signed(x), "is_first": flags}
    walk.show(steps, scales, key="walk")


def pitfalls(x: Tensor) -> list[Pitfall]:
    """What people believe of unique."""
    return [
        Pitfall("`torch.unique(sorted=False)` keeps the order of first appearance", lambda: unsorted(x)),
        Pitfall("To drop duplicates and keep the order there is nothing", lambda: first_seen(x)),
    ]


def unsorted(x: Tensor) -> None:
    """sorted=False on the input, by torch."""
    loose, first = torch.unique(x, sorted=False).tolist(), list(dict.fromkeys(x.tolist()))
    verdict = "the same here, which is chance" if loose == first else "another order"
    st.markdown(
        f"torch gives {loose}; the order of first appearance is {first}: {verdict}. `sorted=False` promises no order at all."
    )


def first_seen(x: Tensor) -> None:
    """dict.fromkeys, and the same from the inverse."""
    found = ops.deduplicate(x.tolist())
    st.markdown(
        f"`list(dict.fromkeys(items))` is {list(found.first_seen)}: dictionaries keep the order of insertion. set: "
        f"{list(found.by_set)}, numpy.unique: {[int(n) for n in found.by_numpy]}, torch.unique: {found.by_torch.output.tolist()}."
    )


def questions(x: Tensor, found: ops.SetOrder, steps: ops.UniqueSteps) -> list:
    """Questions on the items on screen."""

    def inverse(draw: random.Random) -> Question:
        place = draw.randrange(len(x))
        return Question(
            f"What is inverse[{place}], for the item {int(x[place])}?", str(int(steps.inverse[place])),
            f"{int(x[place])} is number {int(steps.inverse[place])} of the sorted unique values {steps.output.tolist()}.",
        )  # fmt: skip

    def slot(draw: random.Random) -> Question:
        item = draw.choice(found.order)
        return Question(
            f"hash({item}) is {hash(item)}. At which of the {found.table_size} slots is {item} first looked for?",
            str(hash(item) % found.table_size), "The hash modulo the size of the table.",
        )  # fmt: skip

    def ordered(draw: random.Random) -> Question:
        items = draw.sample((0, 1, 2, 3, 8, 9, 16, 17, 32), 3)
        answer = ops.set_order(items)
        return Question(
            f"Is list(set({items})) sorted?", "yes" if answer.is_sorted else "no",
            f"It is {list(answer.order)}: the slots are {list(answer.slots)} of {answer.table_size}.", ("yes", "no"),
        )  # fmt: skip

    return [inverse, slot, ordered]


def take(x: Tensor, steps: ops.UniqueSteps) -> TakeAway:
    """The run on screen as a script, and its tensors."""
    call = "(x, return_inverse=True, return_counts=True)"
    script = Script(
        "Unique", {"x": x}, (ops.unique,), (f"output, inverse, counts = unique{call}",), ("output", "inverse", "counts")
    )
    return TakeAway(script, {"x": x, "output": steps.output, "inverse": steps.inverse, "counts": steps.counts})


frame.page("sets", lesson)
