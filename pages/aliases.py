"""Copies and aliases: what b shares with a, for every way to make b from a."""

import random
from collections.abc import Callable
from functools import partial

import streamlit as st
import torch
from torch import Tensor

from core.experiments import memory
from core.experiments.memory import WAYS, Numbers, Seen, Trial, Way
from core.figures import answers, colour, sharing
from core.figures.answers import Answer
from core.figures.montage import PROJECTED
from core.figures.numbers import number
from core.figures.walk import record
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, controls, frame, link, tensor_input, walk
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

EXAMPLE = torch.tensor([1.0, 2.0, 3.0, 4.0])
LIMITS = Limits(ranks=(1,), max_side=6)
LONGEST = 29  # letters of a way that fit beside the table
LARGER = 1.2  # how much larger the picture of a and b is on a projector, where it still stands above the fold
QUESTIONS = ("shares<br>memory", "shares<br>version", "passes<br>grad", "kept<br>safe")


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.main():
        way = WAYS[controls.choice("way", "b =", list(WAYS), "a.detach()", width=260)]
        to = controls.choice("to", "Write to", ("b", "a"))
        value = controls.number("value", "the number", -999, 999, 99)
        requires_grad = controls.toggle("grad", "a requires a gradient", True)
    with controls.more():
        values = two_or_more(tensor_input.tensor("x", "a", EXAMPLE, LIMITS).float())
        untouched = memory.try_out(way, values, requires_grad, to=None)
        target = untouched.a if to == "a" or untouched.b is None else untouched.b
        cell = controls.cell("cell", "at place", (len(target.before),), "0")
    trial = memory.try_out(way, values, requires_grad, to if cell else None, cell[0] if cell else 0, value)
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=640 if link.projector() else 500, gap="small"):
            if trial.b is None:
                st.error(f"`b = {way.code}` is refused: {trial.making_error}", icon=":material/block:")
            draw(trial, to, cell)
            what_happened(trial, way, values, requires_grad, f"{to}[{cell[0]}] = {value}" if cell else None)
        every_way(way, requires_grad)
    frame.below(
        topic,
        pitfalls=[*map(frame.claimed, memory.CLAIMS), *pitfalls(values, float(value))],
        walk=partial(show_walk, values),
        questions=questions(values, float(value)),
        take=lambda: take(way, values, requires_grad, f"{to}[{cell[0]}] = {value}" if cell else "pass", trial),
        functions=(memory.try_out, memory.facts, memory.backward_through, memory.write_to_a_saved_tensor),
    )


def two_or_more(a: Tensor) -> Numbers:
    """The numbers of a; the example's where a has too few for `a[[0, 1]]` to exist."""
    if len(a) < 2:
        controls.complain("a needs two numbers or more, so that `a[1:]` and `a[[0, 1]]` exist. Showing the example.")
        a = EXAMPLE
    return tuple(a.tolist())


# ---- the picture -----------------------------------------------------------------------------------------------


def draw(trial: Trial, to: str, cell: tuple[int, ...] | None) -> None:
    """Who reads which cells, who has a graph, and what a write changed."""
    names, storages = [read_by_a(trial)], [storage("a", trial.a)]
    b = trial.b
    if b is not None and not trial.same_object:
        names.append(read_by_b(trial, b))
        storages += [storage("b", b)] if trial.first is None else []
    found = sharing.cells(names, storages)
    picture, tie = sharing.panel(
        names, storages, spoken(trial), b.grad_fn if b is not None else None,
        [pick(cell, to, trial) for cell in found], [note(cell, found, storages) for cell in found],
        LARGER if link.projector() else 1.0,
    )  # fmt: skip
    written = [i for i, c in enumerate(found) if cell and c.name and pick(c, to, trial) == f"{to} {cell[0]}"]
    board.show(
        picture, links=[tie], spelled="{note:sharing}", picks={"sharing": write_there}, name="sharing",
        pinned=("sharing", (written[0],)) if written else None,
    )  # fmt: skip


def read_by_a(trial: Trial) -> sharing.Name:
    """a and all its cells, which is b as well where they are one object."""
    title = "a and b: one object" if trial.same_object else "a"
    return sharing.Name("a", title, about(trial.a), 0, 0, len(trial.a.after))


def read_by_b(trial: Trial, b: Seen) -> sharing.Name:
    """b and the cells it reads: a's own, or those of its own storage."""
    lines = about(b, memory.facts(WAYS[trial.code], trial.a.requires_grad or False).shares_version)
    return sharing.Name("b", f"b = {trial.code}", lines, int(trial.first is None), trial.first or 0, len(b.after))


def pick(cell: sharing.Cell, to: str, trial: Trial) -> str:
    """What a click on a cell writes to: an element of its own name, a storage's cell through the one written to."""
    if trial.same_object or trial.b is None:
        return f"{to} {cell.index}"
    if cell.name:
        return f"{cell.name} {cell.index}"
    places = dict(readers(cell.storage, cell.address, trial))
    reader = to if to in places else next(iter(places), "")
    return f"{reader} {places[reader]}" if reader else ""


def readers(storage: int, address: int, trial: Trial) -> list[tuple[str, int]]:
    """The elements that read a cell."""
    found = [("a", address)] if storage == 0 else []
    place = address - (trial.first or 0)
    if trial.b is not None and storage == int(trial.first is None) and 0 <= place < len(trial.b.after):
        found.append(("b", place))
    return found


def note(cell: sharing.Cell, found: list[sharing.Cell], storages: list[sharing.Storage]) -> str:
    """The line of a cell: who reads it, what it holds, and what it held before the write."""
    owner = "ab"[cell.storage]
    there = [c for c in found if c.name and (c.storage, c.address) == (cell.storage, cell.address)]
    who = " and ".join(f"`{c.name}[{c.index}]`" for c in there)
    held, before = (texts[cell.address] for texts in (storages[cell.storage].texts, storages[cell.storage].before))
    was = f" (was {before})" if held != before else ""
    return (
        f"{who} {'read' if len(there) > 1 else 'reads'} cell {cell.address} of the storage of {owner}: **{held}**{was}."
    )


def write_there(picked: str) -> None:
    """Write to the cell that was clicked, through the name that was clicked."""
    if picked:
        st.session_state["to"], st.session_state["cell"] = picked.split()


def about(x: Seen, shares_version: bool | None = None) -> tuple[str, str]:
    """Two lines on an object."""
    if x.versions is None:
        return "ndarray: autograd knows nothing of it", "no version counter"
    made = "leaf" if x.is_leaf else f"made by {x.grad_fn}"
    before, after = x.versions
    counter = f"version {before} → {after}" if before != after else f"version {after}"
    whose = {None: "", True: ", the counter that a has", False: ", a counter of its own"}[shares_version]
    return f"requires_grad={x.requires_grad}, {made}", counter + whose


def storage(owner: str, x: Seen) -> sharing.Storage:
    """The memory behind a, or behind a b with memory of its own."""
    texts, before = ([number(value) for value in values] for values in (x.after, x.before))
    return sharing.Storage(f"storage<br>of {owner}", texts, before)


def spoken(trial: Trial) -> str:
    """The picture in words."""
    if trial.b is None:
        return f"a holds {listed(trial.a.after)}; b = {trial.code} is refused"
    shares = "is a itself" if trial.same_object else "has memory of its own" if trial.first is None else "shares memory"
    path = f"a gradient at b reaches a by {trial.b.grad_fn}" if trial.b.grad_fn else "b is not in a graph"
    return (
        f"b = {trial.code} {shares}; {path}. a: {listed(trial.a.before)}, then {listed(trial.a.after)}. "
        f"b: {listed(trial.b.before)}, then {listed(trial.b.after)}."
    )


def listed(values: Numbers | None) -> str:
    """Numbers as Python lists them."""
    return "None" if values is None else f"[{', '.join(map(number, values))}]"


# ---- what happened ---------------------------------------------------------------------------------------------


def what_happened(trial: Trial, way: Way, values: Numbers, requires_grad: bool, wrote: str | None) -> None:
    """The write, the backward, and the write to a number that backward keeps."""
    if trial.b is not None and wrote:
        st.markdown(f"**Write** `{wrote}`: {after_writing(trial)}")
    st.markdown(f"**Backward** `(b**2).sum().backward()`: {after_backward(way, values, requires_grad)}")
    st.markdown(f"**A kept number** `a = x.exp(); b = {way.code}; b *= 0`: {after_spoiling(way, values)}")


def after_writing(trial: Trial) -> str:
    """Who changed."""
    assert trial.b is not None
    if trial.writing_error:
        return f"refused, “{trial.writing_error}” A leaf may be written to under `torch.no_grad()`."
    changed = [name for name, x in (("a", trial.a), ("b", trial.b)) if x.before != x.after]
    if len(changed) == 2:
        return f"**both** changed, a = {listed(trial.a.after)}, b = {listed(trial.b.after)}."
    said = f"only **{changed[0]}** changed" if changed else "that number stood there already"
    return f"{said}, a = {listed(trial.a.after)}, b = {listed(trial.b.after)}."


def after_backward(way: Way, values: Numbers, requires_grad: bool) -> str:
    """Where the gradient arrived."""
    gradient = memory.backward_through(way, values, requires_grad)
    if gradient.error:
        return f"no gradient, “{short(gradient.error)}”"
    if gradient.a_grad is None:
        return "no error, but `a.grad` is **None**: the gradient went to b, a leaf of its own."
    return f"`a.grad` is **{listed(gradient.a_grad)}**."


OUTCOMES = {
    "right": "backward is right, x.grad = {gradient}: the write went elsewhere.",
    "refused": "backward is **refused**, for the version counter tells of the write: “{error}”",
    "wrong": "backward is **wrong without a word**, x.grad = {gradient} where it should be {expected}: "
    "memory is shared, the version counter is not.",
    "not made": "there is no such b of a computed a: “{error}”",
}  # fmt: skip


def after_spoiling(way: Way, values: Numbers) -> str:
    """What autograd makes of a write to exp's result, which its backward multiplies by."""
    spoiled = memory.write_to_a_saved_tensor(way, values)
    return OUTCOMES[spoiled.outcome].format(
        gradient=listed(spoiled.gradient), expected=listed(spoiled.expected), error=short(spoiled.error or "")
    )


def short(error: str) -> str:
    """An error's first sentence, without its advice."""
    return error.partition(". ")[0]


# ---- all ways --------------------------------------------------------------------------------------------------


def every_way(chosen: Way, requires_grad: bool) -> None:
    """All ways in one table, each cell from a run; a click chooses."""
    rows = {code: answers_of(way, requires_grad) for code, way in WAYS.items()}
    names = {code: code.removeprefix("torch.") if len(code) > LONGEST else code for code in rows}
    asked = ("", *(question.replace("<br>", " ") for question in QUESTIONS))
    notes = [
        f"`b = {code}`" + (f": {question}? **{answer.text}**" if question else "")
        for code, given in rows.items()
        for question, answer in zip(asked, (Answer("", "no"), *given), strict=True)
    ]
    scale = PROJECTED if link.projector() else 1.0
    table = answers.panel("ways", rows, QUESTIONS, "way", notes, names=names, column=41, scale=scale)
    with st.container(width=int(364 * scale), gap="xxsmall"):
        st.caption(
            "Click a way to choose it. *Kept safe*: whether backward is still right after `b *= 0` has written over b."
        )
        board.show(
            table, spelled="{note:ways}", picks={"ways": "way"}, name="ways",
            pinned=("ways", (list(WAYS).index(chosen.code), 0)),
        )  # fmt: skip


def answers_of(way: Way, requires_grad: bool) -> list[Answer]:
    """One row: memory, version counter, gradient, and a kept number overwritten."""
    found, gradient = memory.facts(way, requires_grad), memory.backward_through(way, requires_grad=requires_grad)
    if found.error:
        first = [Answer("error", "careful")] * 2
    else:
        counter = found.shares_version if found.kind == "Tensor" else None
        first = [yes_or_no(found.shares_memory), Answer("none", "no") if counter is None else yes_or_no(counter)]
    outcome = memory.write_to_a_saved_tensor(way).outcome
    kept = {
        "right": Answer("yes", "no"), "refused": Answer("refused", "careful"),
        "wrong": Answer("wrong", "wrong"), "not made": Answer("no b", "no"),
    }[outcome]  # fmt: skip
    return [*first, yes_or_no(gradient.a_grad is not None), kept]


def yes_or_no(truth: bool | None) -> Answer:
    """Shared stands out, not shared does not."""
    return Answer("yes", "yes") if truth else Answer("no", "no")


# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(values: Numbers, value: float) -> list[Pitfall]:
    """What people believe of copies, beyond the tutorial's own sentences."""
    return [
        Pitfall("`b = a` makes a second tensor", partial(assignment_is_no_copy, values, value)),
        Pitfall("`.data` is the old spelling of `.detach()`", partial(data_is_not_detach, values)),
        Pitfall("`torch.tensor`, `as_tensor` and `from_numpy` all make a tensor of an array's numbers, so any will do",
                partial(three_ways_from_numpy, values, value)),
        Pitfall("`a[1:]` and `a[[0, 1]]` are both pieces of a", partial(slices_and_lists, values, value)),
        Pitfall("`.clone()` is enough to be rid of the graph", partial(clone_keeps_the_graph, values)),
    ]  # fmt: skip


def assignment_is_no_copy(values: Numbers, value: float) -> None:
    """Write to b = a."""
    write = memory.write_and_see(WAYS["a"], "b", values, 0, value)
    same = memory.facts(WAYS["a"]).same_object
    st.markdown(
        f"`b is a` is **{same}**: one tensor, two names. After `b[0] = {number(value)}`, a is "
        f"**{listed(write.a_after)}**. `a.view(-1)` is a second tensor (`b is a` is "
        f"{memory.facts(WAYS['a.view(-1)']).same_object}), but not a second memory."
    )


def data_is_not_detach(values: Numbers) -> None:
    """Both share memory; only detach shares the counter."""
    by_detach, by_data = (memory.write_to_a_saved_tensor(WAYS[code], values) for code in ("a.detach()", "a.data"))
    st.markdown(
        f"Both write through. With `a = x.exp()` overwritten by way of `a.detach()`, backward is "
        f"**{by_detach.outcome}**; by way of `a.data` it is **{by_data.outcome}**, x.grad = "
        f"**{listed(by_data.gradient)}** where {listed(by_data.expected)} is right, and nobody says so."
    )


def three_ways_from_numpy(values: Numbers, value: float) -> None:
    """Write to a tensor made from an array, by each of the three."""
    makers: dict[str, Callable[..., Tensor]] = {
        "torch.tensor": torch.tensor,
        "torch.as_tensor": torch.as_tensor,
        "torch.from_numpy": torch.from_numpy,
    }
    said = []
    for name, make in makers.items():
        array = torch.tensor(values).numpy().copy()
        make(array)[0] = value
        said.append(f"`{name}(array)[0] = {number(value)}` leaves the array at {listed(tuple(array.tolist()))}")
    st.markdown("; ".join(said) + ". The first copies, the others are the array's own memory.")


def slices_and_lists(values: Numbers, value: float) -> None:
    """Write to a slice and to what a list of indices gives."""
    by_slice = memory.write_and_see(WAYS["a[1:]"], "b", values, 0, value)
    by_list = memory.write_and_see(WAYS["a[[0, 1]]"], "b", values, 0, value)
    st.markdown(
        f"`b = a[1:]; b[0] = {number(value)}` leaves a = **{listed(by_slice.a_after)}**, "
        f"{memory.facts(WAYS['a[1:]']).address_offset} bytes further on in the same memory. With `b = a[[0, 1]]` the "
        f"same write leaves a = **{listed(by_list.a_after)}**: a list of indices may name any, so it copies."
    )


def clone_keeps_the_graph(values: Numbers) -> None:
    """Backward through a clone and a detached clone."""
    clone = memory.backward_through(WAYS["a.clone()"], values)
    detached = memory.backward_through(WAYS["a.detach().clone()"], values)
    st.markdown(
        f"Backward through `a.clone()` brings a.grad = **{listed(clone.a_grad)}**. Through `a.detach().clone()` it is "
        f"refused: “{detached.error}”. Detach first: then nothing is recorded for the copy."
    )


# ---- walk, questions, take away --------------------------------------------------------------------------------


def show_walk(values: Numbers) -> None:
    """Three writes, one line after another."""
    a = torch.tensor(values)
    steps = record(memory.write_to_each, a, panels=("a", "name", "view", "clone"))
    scale = colour.signed(a, torch.tensor([30.0]))
    walk.show(steps, dict.fromkeys(("a", "name", "view", "clone"), scale), key="walk")


def questions(values: Numbers, value: float) -> list:
    """Questions on the reader's own a."""

    def write(draw: random.Random) -> Question:
        way = draw.choice(list(WAYS.values()))
        seen = memory.write_and_see(way, "b", values, 0, value)
        return Question(
            f"a = {listed(values)} (no gradient). After `b = {way.code}` and `b[0] = {number(value)}`, what is a?",
            listed(seen.a_after),
            f"b {'shares' if memory.facts(way, False).shares_memory else 'does not share'} memory with a.",
        )

    def gradient(draw: random.Random) -> Question:
        way = draw.choice(list(WAYS.values()))
        found = memory.backward_through(way, values)
        options = ("a.grad gets numbers", "a.grad stays None, no error", "an error")
        answer = options[2] if found.error else options[1] if found.a_grad is None else options[0]
        why = short(found.error) if found.error else f"a.grad is {listed(found.a_grad)}."
        return Question(
            f"a requires a gradient. `b = {way.code}`, then `(b**2).sum().backward()`. What happens?",
            answer, why, options,
        )  # fmt: skip

    def spoiled(draw: random.Random) -> Question:
        way = draw.choice(list(WAYS.values()))
        options = ("a right gradient", "a wrong gradient", "an error from backward", "an error making b")
        outcome = memory.write_to_a_saved_tensor(way, values).outcome
        answer = dict(zip(("right", "wrong", "refused", "not made"), options, strict=True))[outcome]
        return Question(
            f"`a = x.exp()` keeps a for backward. `b = {way.code}`, `b *= 0`, `a.sum().backward()`: what comes of it?",
            answer,
            "Memory shared with the version counter: refused. Shared without it: wrong. Not shared: right.",
            options,
        )

    def pieces(draw: random.Random) -> Question:
        ways = draw.sample(list(WAYS.values()), 4)
        own = sum(not memory.facts(way, False).shares_memory for way in ways)
        made = ", ".join(f"`{way.code}`" for way in ways)
        return Question(
            f"You keep a and the four tensors or arrays {made}. How many separate pieces of memory hold numbers?",
            str(1 + own),
            f"a's own, and one for each of the {own} that do not share it.",
        )

    return [write, gradient, spoiled, pieces]


def take(way: Way, values: Numbers, requires_grad: bool, wrote: str, trial: Trial) -> TakeAway:
    """The run on screen as a script, and its numbers."""
    made = trial.b is not None
    refusable = f"try:\n    {wrote}\nexcept RuntimeError as refusal:\n    print('refused:', refusal)"
    script = Script(
        title=f"b = {way.code}: copy or alias?",
        inputs={"a": torch.tensor(values, requires_grad=requires_grad)},
        functions=(memory.shares_memory,),
        calls=(
            "import copy",
            *((f"b = {way.code}", refusable, 'print("shared memory:", shares_memory(a, b))') if made else ()),
            *(("b_numbers = torch.as_tensor(b).detach().clone()",) if made else ()),
        ),
        results=("a", "b_numbers") if made else ("a",),
    )
    tensors = {"a": torch.tensor(trial.a.after)}
    if trial.b is not None:
        dtype = torch.float64 if way.code == "a.double()" else torch.float32
        tensors["b_numbers"] = torch.tensor(trial.b.after, dtype=dtype)
    return TakeAway(script, tensors)


frame.page("aliases", lesson)
