"""Sets and unique: how unique sorts, compares neighbours, counts and maps back, and where a set puts its items."""

import random
from functools import partial

import streamlit as st

from core.experiments import sets as runs
from core.figures import sets as draw
from core.ops.operator import Call
from core.ops.sets import unique
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, frame, tensor_input, walk
from core.ui.board import Words
from core.ui.frame import Pitfall, Try
from core.ui.predict import Draw, Question
from core.ui.take_away import TakeAway
from core.words import N_, _, listed, say, spelled

NAMES = {runs.SCATTERED: N_("not in order"), runs.TUTORIAL: N_("the tutorial's"), runs.HASHES: N_("all meet at slot 0")}
LIMITS = Limits(ranks=(1, 2, 3), max_side=1000, max_elements=1000, allow_nonfinite=True)
ASKED = {"return_inverse": True, "return_counts": True}


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    row, more = controls.main(), controls.more()
    with row:
        own = tensor_input.source("x") != "example"
        name = runs.SCATTERED if own else controls.choice("example", "Example", NAMES)
    with more:
        x = tensor_input.tensor("x", "Items", runs.example(name), LIMITS)
    with row:
        picked = (controls.cell("cell", "Picked item", (x.numel(),)) or (0,))[0]
    run = runs.run(x)
    if x.dim() > 1:
        st.caption(_("unique and set know no rows here: they read all numbers one after another."))
    show(run, picked)
    check.show(topic.operators[0], Call((x,), ASKED))
    frame.below(
        topic,
        pitfalls=pitfalls(x, run),
        walk=partial(line_by_line, run),
        questions=questions(run),
        tries=TRIES,
        take=partial(take, x),
    )


def show(run: runs.Run, picked: int) -> None:
    """unique's rows, and below them the set's table with its walk."""
    p = draw.pictures(run, picked)
    above = N_("unique sorts the items, keeps each that differs from its left neighbour, counts, and says where each item went.")  # fmt: skip
    below = say(order_of(run), run.walk)
    starts = {"x": Words(above), "table": Words(below)}
    board.show(
        *(part for name in p for part in ([starts[name]] if name in starts else []) + [p[name]]),
        links=draw.ties(run), spelled={name: f"{{note:{name}}}" for name in p}, picks=dict.fromkeys(p, "cell"),
        pinned=("x", (picked,)), cell=draw.side(len(run.items)),
    )  # fmt: skip


def order_of(run: runs.Run) -> str:
    """What a set does with its items, and what is to be said of their order."""
    if any(item != item for item in run.items):
        return N_("A set puts each item at slot hash(item) mod {table_size} of its table, or elsewhere if that is taken; its order, that of the slots, is none by size, for nan is neither above nor below another number.")  # fmt: skip
    if len(run.walk.order) < 2:
        return N_("A set puts each item at slot hash(item) mod {table_size} of its table, or elsewhere if that is taken; its order, that of the slots, shows once there are several.")  # fmt: skip
    if run.walk.is_sorted:
        return N_("A set puts each item at slot hash(item) mod {table_size} of its table, or elsewhere if that is taken; its order, that of the slots, is ascending here.")  # fmt: skip
    return N_("A set puts each item at slot hash(item) mod {table_size} of its table, or elsewhere if that is taken; its order, that of the slots, is not ascending here.")  # fmt: skip


# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(x: runs.Tensor, run: runs.Run) -> tuple[Pitfall, ...]:
    """What people believe of sets and of unique, the tutorial's words first."""
    return (
        Pitfall("A set removes duplicates and sorts, as the tutorial has it", partial(runs.set_sorts, run.items), sorts),
        Pitfall(
            "Whole numbers are their own hash, so that a set of them is sorted", runs.whole_numbers_and_their_hashes,
            "hash(7) is {seven}, but hash(−1) is {minus_one}, the same as hash(−2), for −1 means an error inside Python; and hash(2⁶¹ − 1) is {large}. "
            "Nor does an own hash sort: what counts is the slot, the hash modulo the size of the table. The set of 8 and 1 has {table_size} slots, 8 lies at slot 0, and it is walked as {pair}.",
        ),
        Pitfall("list(set(items)) keeps the order in which the items first came", partial(runs.orders, x), keeps),
        Pitfall("`torch.unique(sorted=False)` keeps the order of first appearance", partial(runs.orders, x), loose),
        Pitfall(
            "A set of tensors drops the equal ones", runs.set_of_tensors,
            "For two tensors of the number 1, `a == b` is {equal}, but their hashes are not the same: a tensor's hash is that of the object. A set of both holds **{in_set:|tensor|tensors}**; "
            "a set of their `.item()`s holds {numbers_in_set:|number|numbers}, and torch.unique of both stacked finds {by_unique:|value|values}.",
        ),
        Pitfall(
            "NaN counts as one value", runs.nan_is_one_value,
            "Only for numpy. Of two NaNs a set keeps **{in_set}**, torch.unique **{by_torch}** and numpy.unique **{by_numpy}**: NaN equals nothing, itself included. A set that is given the same "
            "object twice keeps {same_object}, since it asks first whether it is that object.",
        ),
    )  # fmt: skip


def sorts(found: runs.Sorts) -> str:
    """Items that happen to come out ascending do not bear the claim out."""
    if not found.several:
        return N_(
            "Only one item is left here, and one item is in any order. {counter} come out as **{counter_order}**."
        )
    if found.nans:
        return N_("Duplicates go, but `list(set(items))` is {order}, and nan has no place in an ascending order. {counter} come out as **{counter_order}**.")  # fmt: skip
    if found.is_sorted:
        return N_("Duplicates go. That these items come out ascending, as {order}, is chance: their slots among {table_size} happen to ascend. {counter} come out as **{counter_order}**.")  # fmt: skip
    return N_("Duplicates go, but nothing is sorted: `list(set(items))` is **{order}**, the order of the slots in a table of {table_size}. `sorted(set(items))` sorts.")  # fmt: skip


def keeps(found: runs.Orders) -> str:
    """Whether the set's order is that of first appearance hangs on the items."""
    if not found.several:
        return N_("Only one item is left here, which has no order to keep. To drop duplicates and keep the order, ask a dictionary, which keeps it: `list(dict.fromkeys(items))` is {by_first}.")  # fmt: skip
    if found.set_keeps:
        return N_("With these items it does, by chance of their slots: {by_set}. Given the other way round they come out as {turned}. To drop duplicates and keep the order, ask a dictionary, which keeps it: `list(dict.fromkeys(items))` is {by_first}.")  # fmt: skip
    return N_("It is {by_set}: the order of the slots. To drop duplicates and keep the order, ask a dictionary, which keeps it: `list(dict.fromkeys(items))` is {by_first}.")  # fmt: skip


def loose(found: runs.Orders) -> str:
    """Whether torch's order is that of first appearance hangs on the items too."""
    if not found.several:
        return N_("Only one item is left here, which has no order to keep. `sorted=False` promises no order at all, which leaves torch free to choose the fastest way.")  # fmt: skip
    if found.torch_keeps:
        return N_("With these items torch gives {by_torch}, which is that order, by chance. Of {counter} it makes **{counter_torch}**. `sorted=False` promises no order at all, which leaves torch free to choose the fastest way.")  # fmt: skip
    if found.torch_sorts:
        return N_("torch gives **{by_torch}**, ascending all the same; the order of first appearance is {by_first}. `sorted=False` promises no order at all, which leaves torch free to choose the fastest way.")  # fmt: skip
    return N_("torch gives **{by_torch}**; the order of first appearance is {by_first}. `sorted=False` promises no order at all, which leaves torch free to choose the fastest way.")  # fmt: skip


# ---- walk, questions, what to try, take away -------------------------------------------------------------------


def line_by_line(run: runs.Run) -> None:
    """unique, which is written as it is told: sort, compare with the left neighbour, count, map back."""
    if len(run.items) > draw.WINDOW:
        st.caption(say("The walk takes the first {window} items.", window=draw.WINDOW))
    steps, scales = draw.walk(run)
    walk.show(steps, scales, key="walk")


def questions(run: runs.Run) -> list[Draw]:
    """Questions on the items on screen, and on other sets."""

    def inverse(pick: random.Random) -> Question:
        place = pick.randrange(len(run.items))
        right, item = int(run.steps.inverse[place]), draw.spelled(run.items[place])
        return Question(
            say("What is inverse[{place}], for the item {item}?", place=place, item=item), str(right), say("Of the unique values in ascending order {item} stands at place {right}, counted from 0.", item=item, right=right),
            tolerance=0, covers=("inverse",),
        )  # fmt: skip

    def slot(pick: random.Random) -> Question:
        found = runs.slot_of(pick.choice(runs.askable(run.walk)), run.walk.table_size)
        return Question(
            say("hash({item}) is {code}. At which of {table_size} slots does a set first look for it?", item=draw.spelled(found.item), code=found.code, table_size=found.table_size), str(found.slot),
            say("{code} mod {table_size} is {slot}.", found), tolerance=0, covers=("table",),
        )  # fmt: skip

    def ordered(pick: random.Random) -> Question:
        found = runs.set_order(pick.sample((0, 1, 2, 3, 8, 9, 16, 17, 32), 3))
        given = listed(pick.sample(found.order, 3))
        return Question(
            say("Is the list of the set of {given} in ascending order?", given=given), "yes" if found.is_sorted else "no",
            say("The table has {table_size} slots. The walk finds {order} at the slots {slots}.", table_size=found.table_size, order=spelled(found.order), slots=spelled(found.slots)), ("yes", "no"),
        )  # fmt: skip

    return [inverse, slot, ordered]


TRIES = (
    Try("The tutorial's items", "example=tutorial",
        "list(set(items)) is ascending here, and so the tutorial says that a set sorts. Compare each item with its slot: why can 1 to 8 come out in no other order from a table of this size?"),
    Try("All meet at one slot", "example=hashes",
        "64, 0, 32 and 8 are all first looked for at slot 0. One of them lies there. Point at the others: where did they go, and what does that do to the order?"),
    Try("A fifth item", "x_from=typed&x=[8, 1, 2, 3, 4]",
        "With five items the table grows from 8 slots to 32, and 8 has a slot of its own behind 4. Take the 4 away under More settings: what becomes of the order?"),
    Try("Negative numbers", "x_from=typed&x=[-1, -2, 0, 1]",
        "hash(−1) is −2: both are first looked for at the same slot. Which of them has it?"),
    Try("NaN twice", "x_from=typed&x=[1, nan, 0.5, nan]",
        "Both NaNs stay, in unique and in the set: NaN equals nothing. Its hash is made from where the object lies in memory, so that its slot is another in each run."),
)  # fmt: skip


def take(x: runs.Tensor) -> TakeAway:
    """The run on screen as a script, and its tensors."""
    call = "(x, return_inverse=True, return_counts=True)"
    results = ("output", "inverse", "counts")
    script = Script(_("Unique"), {"x": x}, (unique,), (f"{', '.join(results)} = unique{call}",), results)
    return TakeAway(script, {"x": x, **dict(zip(results, unique(x, **ASKED), strict=True))})


frame.page("sets", lesson)
