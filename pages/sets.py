"""Sets and unique: what a set does with items, and how unique sorts, compares neighbours, counts and maps back."""

import random
from collections.abc import Sequence

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from core.experiments import sets as study
from core.figures import colour
from core.figures.board import Relation
from core.figures.heatmap import Picture
from core.figures.walk import record
from core.ops import sets as ops
from core.ops.operator import Call
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, frame, tensor_input, walk
from core.ui.board import Words
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

TUTORIAL, SCATTERED, HASHES = "tutorial", "scattered", "hashes"
NAMES = {TUTORIAL: "the tutorial's", SCATTERED: "not in order", HASHES: "one slot for all"}
EXAMPLES = {TUTORIAL: [1, 2, 3, 2, 6, 7, 8, 7], SCATTERED: [5, 64, 33, 7, 5, 64, 33], HASHES: [64, 0, 32, 8, 0, 64]}
LIMITS = Limits(ranks=(1,), max_side=1000, max_elements=1000, integers_only=True, low=-999, high=999)
WINDOW = 24  # cells of a row: of a longer one those around the picked item are shown
LARGEST, ROOM = 34, 900  # pixels of a cell, and of a line of pictures


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    row = controls.main()
    with row:
        name = controls.choice("example", "Example", NAMES)
    with controls.more():
        x = tensor_input.tensor("x", "Items", torch.tensor(EXAMPLES[name]), LIMITS)
    with row:
        cell = controls.cell("cell", "Picked item", x.shape) or (0,)
    items = x.tolist()
    found, steps = study.set_order(items), ops.unique_steps(x)
    show(x, steps, found, cell[0])
    check.show(topic.operators[0], Call((x,), {"return_inverse": True, "return_counts": True}))
    frame.below(
        topic,
        pitfalls=[sorts(items, found), *map(frame.claimed, study.CLAIMS[1:]), *pitfalls(x)],
        walk=lambda: walk_unique(x[:WINDOW]),
        questions=questions(x, found, steps),
        take=lambda: take(x, steps),
    )


def sorts(items: list, found: study.SetOrder) -> Pitfall:
    """Items that happen to come out sorted would bear the claim out: one counterexample refutes it."""
    shown = EXAMPLES[SCATTERED] if found.is_sorted or len(items) > WINDOW else items
    claim = study.set_sorts(shown)
    return Pitfall(claim.says, lambda: frame.show_claim(claim))


# ---- the pictures ----------------------------------------------------------------------------------------------


def show(x: Tensor, steps: ops.UniqueSteps, found: study.SetOrder, picked: int) -> None:
    """Items, sorted items, first of each run, unique values, counts and inverse; and the set's walk over its table.

    An item hangs together with its place once sorted ("n s"), with its unique value ("n u") and with its place in the
    set's walk ("n w").
    """
    walked = torch.tensor(found.order)
    places = {item: place for place, item in enumerate(found.order)}
    at = torch.tensor([places[value] for value in steps.output.tolist()])  # (u,) in the walk
    where = {
        "n": picked, "s": int((steps.order == picked).nonzero()[0, 0]), "u": int(steps.inverse[picked]),
        "w": int(at[steps.inverse[picked]]),
    }  # fmt: skip
    values, flags, said = colour.signed(x), colour.magnitude(torch.ones(1)), notes(x, steps, found)
    firsts = steps.order[steps.is_first]  # (u,) the first item with each value
    of_walk = torch.empty_like(firsts)
    of_walk[at] = firsts

    def row(name: str, letter: str, numbers: Tensor, scale: colour.Scale, title: str, items: Tensor) -> Picture:
        """The part of a row that holds the picked item, and the item that a pin of each cell picks."""
        start = min(where[letter] // WINDOW * WINDOW, max(len(numbers) - WINDOW, 0))
        part = slice(start, start + WINDOW)
        cut = f", {start} to {min(part.stop, len(numbers)) - 1} of {len(numbers)}" if len(numbers) > WINDOW else ""
        return Picture(
            name, numbers[part], scale, title + cut, axes=letter, origin=(0, start), notes=said[letter][part],
            picks=list(map(str, items[part].tolist())),
        )  # fmt: skip

    pictures = [
        row("x", "n", x, values, "items, in the order given", torch.arange(len(x))),
        row("sorted", "s", steps.sorted, values, "sorted", steps.order),
        row("first", "s", steps.is_first.int(), flags, "1: differs from its left neighbour", steps.order),
        row("unique", "u", steps.output, values, "unique", firsts),
        row("counts", "u", steps.counts, colour.magnitude(steps.counts), "counts", firsts),
        row(
            "inverse",
            "n",
            steps.inverse,
            colour.identity(len(steps.output)),
            "inverse: place in unique",
            torch.arange(len(x)),
        ),
        row("walk", "w", walked, values, "the set, as it is walked", of_walk),
        row(
            "slots",
            "w",
            torch.tensor(found.slots),
            colour.identity(found.table_size),
            f"hash mod {found.table_size}",
            of_walk,
        ),
    ]
    board.show(
        *pictures[:6], Words(walk_said(found)), *pictures[6:],
        links=[
            Relation("n s", table(steps.order, torch.arange(len(x)))), Relation("n u", table(torch.arange(len(x)), steps.inverse)),
            Relation("u w", table(torch.arange(len(at)), at)),
        ],
        spelled={picture.name: f"{{note:{picture.name}}}" for picture in pictures},
        picks=dict.fromkeys((picture.name for picture in pictures), "cell"), pinned=("x", (picked,)), cell=side(len(x)),
    )  # fmt: skip


def table(left: Tensor, right: Tensor) -> np.ndarray:
    """Pairs of indices, one a row."""
    return torch.stack([left, right], 1).numpy()


def side(count: int) -> int:
    """Pixels of a cell with which as many rows as can be read stand beside each other."""
    count = min(count, WINDOW)
    beside = 3 if count <= 8 else 2 if count <= 14 else 1
    return min(LARGEST, (ROOM // beside - 32) // count)


def notes(x: Tensor, steps: ops.UniqueSteps, found: study.SetOrder) -> dict[str, list[str]]:
    """What is to be said of each item, each sorted place, each unique value and each place of the set's walk."""
    items, order, inverse = x.tolist(), steps.order.tolist(), steps.inverse.tolist()
    values, counts, stands = steps.output.tolist(), steps.counts.tolist(), steps.order.argsort().tolist()
    having: list[list[int]] = [[] for _ in values]
    for item, value in enumerate(inverse):
        having[value].append(item)
    often = ["once" if n == 1 else f"{n} times" for n in counts]
    return {
        "n": [f"Item {i} is {item}: sorted it stands at {stands[i]}; `unique[inverse[{i}]]` = `unique[{u}]` = **{item}**, which occurs {often[u]}."
              for i, (item, u) in enumerate(zip(items, inverse, strict=True))],
        "s": [f"`sorted[{s}]` = **{items[i]}** is item {i}. " + ("It equals its left neighbour: it is not a new value."
              if not first else "It differs from its left neighbour: it is the first of its value." if s else "Nothing stands left of it: it is the first of its value.")
              for s, (i, first) in enumerate(zip(order, steps.is_first.tolist(), strict=True))],
        "u": [f"`unique[{u}]` = **{value}** occurs {often[u]}: `inverse` is {u} at {some(having[u])}." for u, value in enumerate(values)],
        "w": [f"`hash({item})` = {h}, and {h} mod {found.table_size} = **{slot}**: the slot at which {item} is first looked for."
              for item, h, slot in zip(found.order, found.hashes, found.slots, strict=True)],
    }  # fmt: skip


def some(numbers: Sequence[object]) -> str:
    """Numbers in a sentence, the first of many."""
    return ", ".join(map(str, numbers[:12])) + (f" and {len(numbers) - 12} more" if len(numbers) > 12 else "")


def walk_said(found: study.SetOrder) -> str:
    """The order in which Python walks a set of the items."""
    said = "happens to be sorted" if found.is_sorted else "is not sorted"
    return (
        f"list(set(items)) {said}. The set is a table of {found.table_size} slots: an item is first looked for at "
        f"hash(item) mod {found.table_size}, and the walk follows the slots."
    )


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
        f"torch gives {some(loose)}; the order of first appearance is {some(first)}: {verdict}. `sorted=False` promises no order at all."
    )


def first_seen(x: Tensor) -> None:
    """dict.fromkeys, and the same from the inverse."""
    found = study.deduplicate(x.tolist())
    st.markdown(
        f"`list(dict.fromkeys(items))` is {some(found.first_seen)}: dictionaries keep the order of insertion. set: "
        f"{some(found.by_set)}; numpy.unique: {some(found.by_numpy)}; torch.unique: {some(found.by_torch.output.tolist())}."
    )


def questions(x: Tensor, found: study.SetOrder, steps: ops.UniqueSteps) -> list:
    """Questions on the items on screen."""

    def inverse(draw: random.Random) -> Question:
        place = draw.randrange(len(x))
        return Question(
            f"What is inverse[{place}], for the item {int(x[place])}?", str(int(steps.inverse[place])),
            f"{int(x[place])} is number {int(steps.inverse[place])} of the sorted unique values {some(steps.output.tolist())}.",
        )  # fmt: skip

    def slot(draw: random.Random) -> Question:
        item = draw.choice(found.order)
        return Question(
            f"hash({item}) is {hash(item)}. At which of the {found.table_size} slots is {item} first looked for?",
            str(hash(item) % found.table_size), "The hash modulo the size of the table.",
        )  # fmt: skip

    def ordered(draw: random.Random) -> Question:
        items = draw.sample((0, 1, 2, 3, 8, 9, 16, 17, 32), 3)
        answer = study.set_order(items)
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
