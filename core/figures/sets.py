"""Items, their unique values and the table of their set as rows that hang together.

An item hangs together with its place once sorted ("n s"), with its unique value ("n u"), and that with its place in
the set's walk ("u w") and with its slot ("u t"). Of a long row the cells around the picked item are shown.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from core.experiments.sets import Run
from core.figures import colour
from core.figures.board import Relation
from core.figures.colour import Scale
from core.figures.heatmap import Picture
from core.figures.walk import Walk, record
from core.ops import sets as ops
from core.words import N_, _, say
from core.words.numbers import SPELLINGS, number

WINDOW, SLOTS = 24, 16  # cells of a row, and of the table's, which has the walk beside it
LARGEST, ROOM = 34, 900  # pixels of a cell, and of a line of pictures
LONGEST = 5  # letters of a number in a slot
EXACT = 10**6  # integers from here on are written out in sentences


def pictures(run: Run, picked: int) -> dict[str, Picture]:
    """The rows by their names; each cell pins an item."""
    steps, size = run.steps, run.walk.table_size
    values, flags, said = colour.signed(run.x), colour.magnitude(torch.ones(1)), notes(run)
    u = int(steps.inverse[picked])
    at = {"n": picked, "s": steps.order.tolist().index(picked), "u": u, "w": run.walked[u],
          "t": run.walk.slots[run.walked[u]]}  # fmt: skip
    items, order, firsts, numbers = list(range(len(run.x))), steps.order.tolist(), run.firsts, list(run.walk.numbers)
    slots = dict(zip(run.walk.slots, numbers, strict=True))
    table = torch.tensor([run.items[slots[t]] if t in slots else 0 for t in range(size)], dtype=torch.float64)

    def row(name: str, letter: str, cells: Tensor, scale: Scale, title: str, pins: Sequence[int | None]) -> Picture:
        window = SLOTS if letter == "t" else WINDOW
        start = min(at[letter] // window * window, max(len(cells) - window, 0))
        part = slice(start, start + window)
        if len(cells) > window:
            title = say(
                "{title}, {first} to {last} of {n:,}", title=_(title), first=start, last=part.stop - 1, n=len(cells)
            )
        empty = [t for t, pin in enumerate(pins[part]) if pin is None]
        return Picture(
            name, cells[part], scale, title, axes=letter, origin=(0, start), notes=said[letter][part],
            picks=["" if pin is None else str(pin) for pin in pins[part]], muted=[(t,) for t in empty],
            texts=_texts(cells[part].tolist(), empty) if letter == "t" else None,
        )  # fmt: skip

    rows = (
        row("x", "n", run.x, values, N_("items, in the order given"), items),
        row("sorted", "s", steps.sorted, values, "sorted", order),
        row("first", "s", steps.is_first.int(), flags, N_("1: differs from its left neighbour"), order),
        row("unique", "u", steps.output, values, "unique", firsts),
        row("counts", "u", steps.counts, colour.magnitude(steps.counts), "counts", firsts),
        row("inverse", "n", steps.inverse, colour.identity(len(firsts)), N_("inverse: place in unique"), items),
        row("table", "t", table, values, N_("the set's table, slot by slot"), [slots.get(t) for t in range(size)]),
        row("walk", "w", run.x[list(numbers)], values, N_("list(set(items)): what the slots hold"), numbers),
    )
    return {picture.name: picture for picture in rows}


def _texts(values: list[float], empty: Sequence[int]) -> list[str]:
    """The numbers in the slots, as exact as the longest has room; nothing in those that are empty."""
    for spelling in SPELLINGS:
        texts = ["" if t in empty else spelling(value) for t, value in enumerate(values)]
        if max(map(len, texts)) <= LONGEST:
            break
    return texts


def ties(run: Run) -> list[Relation]:
    """How items, sorted places, unique values, the set's walk and its slots hang together."""
    uniques = range(len(run.firsts))
    slots = [run.walk.slots[place] for place in run.walked]
    return [
        Relation("n s", _pairs(run.steps.order.tolist(), range(len(run.items)))),
        Relation("n u", _pairs(range(len(run.items)), run.steps.inverse.tolist())),
        Relation("u w", _pairs(uniques, run.walked)),
        Relation("u t", _pairs(uniques, slots)),
    ]


def _pairs(left: Sequence[int], right: Sequence[int]) -> np.ndarray:
    return np.array([left, right]).T


def side(count: int) -> int:
    """Pixels of a cell with which as many rows as can be read stand beside each other."""
    count = min(count, WINDOW)
    beside = 3 if count <= 8 else 2 if count <= 14 else 1
    return min(LARGEST, (ROOM // beside - 32) // count)


# ---- sentences -------------------------------------------------------------------------------------------------


def notes(run: Run) -> dict[str, list[str]]:
    """What is to be said of each item, sorted place, unique value, place in the set's walk and slot."""
    return {"n": _of_items(run), "s": _of_sorted(run), "u": _of_unique(run), "w": _of_walk(run), "t": _of_slots(run)}


def _of_items(run: Run) -> list[str]:
    stands, counts = run.steps.order.argsort().tolist(), run.steps.counts.tolist()
    return [
        say(
            "Item {n} is {item}. Once sorted it stands at place {stands}; `unique[inverse[{n}]]` = `unique[{u}]` = **{item}**, which occurs {often}.",
            n=n,
            item=spelled(item),
            stands=stands[n],
            u=u,
            often=often(counts[u]),
        )
        for n, (item, u) in enumerate(zip(run.items, run.steps.inverse.tolist(), strict=True))
    ]


def _of_sorted(run: Run) -> list[str]:
    def says(place: int, first: bool) -> str:
        if not first:
            return N_("`sorted[{s}]` = **{item}** is item {n}. It equals its left neighbour: it is no new value.")
        if not place:
            return N_(
                "`sorted[{s}]` = **{item}** is item {n}. Nothing stands left of it: it is the first of its value."
            )
        return N_(
            "`sorted[{s}]` = **{item}** is item {n}. It differs from its left neighbour: it is the first of its value."
        )

    places = enumerate(zip(run.steps.order.tolist(), run.steps.is_first.tolist(), strict=True))
    return [say(says(s, first), s=s, item=spelled(run.items[n]), n=n) for s, (n, first) in places]


def _of_unique(run: Run) -> list[str]:
    having: list[list[int]] = [[] for _ in run.firsts]
    for n, u in enumerate(run.steps.inverse.tolist()):
        having[u].append(n)
    return [
        say(
            "`unique[{u}]` = **{item}** occurs {often}: `inverse` is {u} at {places}.",
            u=u,
            item=spelled(run.items[n]),
            often=often(len(having[u])),
            places=some(having[u]),
        )
        for u, n in enumerate(run.firsts)
    ]


def _of_walk(run: Run) -> list[str]:
    return [_lies(run, w) for w in range(len(run.walk.order))]


def _of_slots(run: Run) -> list[str]:
    places = {slot: w for w, slot in enumerate(run.walk.slots)}
    return [
        _lies(run, places[t]) if t in places else say("Slot {t} is empty: the walk passes it by.", t=t)
        for t in range(run.walk.table_size)
    ]


def _lies(run: Run, w: int) -> str:
    walk = run.walk
    item = spelled(walk.order[w])
    says = N_("`hash({item})` = {hash}, and {hash} mod {size} = {first}: {item} lies at slot **{slot}**.")
    if walk.first[w] != walk.slots[w]:
        says = N_(
            "`hash({item})` = {hash}, and {hash} mod {size} = {first}, but slot {first} was taken: {item} lies at slot **{slot}**, the next that was tried and free."
        )
    return say(says, item=item, hash=walk.hashes[w], size=walk.table_size, first=walk.first[w], slot=walk.slots[w])


def spelled(item: object) -> str:
    """An item as it stands in a sentence: an integer in full."""
    return str(item) if isinstance(item, int) else number(float(item)) if isinstance(item, float) else str(item)


def often(count: int) -> str:
    """How often, in words."""
    return _("once") if count == 1 else say("{count} times", count=count)


def some(numbers: Sequence[object]) -> str:
    """Numbers in a sentence, the first of many."""
    first = ", ".join(map(str, numbers[:12]))
    return say("{first} and {n} more", first=first, n=len(numbers) - 12) if len(numbers) > 12 else first


# ---- the walk through unique -----------------------------------------------------------------------------------


def walk(run: Run) -> tuple[Walk, dict[str, Scale]]:
    """unique line by line, on so many items as a row shows: sort, compare with the left neighbour, count, map back."""
    x = run.x[:WINDOW]
    places, values, flags = colour.identity(len(x)), colour.signed(x), colour.magnitude(torch.ones(1))
    scales = {"items": values, "order": places, "ordered": values, "is_first": flags, "place": places,
              "inverse": places, "counts": colour.magnitude(torch.tensor([len(x)]))}  # fmt: skip
    return record(ops.unique_steps, x, panels=tuple(scales)), scales
