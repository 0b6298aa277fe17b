"""Pictures of two names: who reads which cells of whose storage, and a table of all ways to make b from a."""

from collections.abc import Mapping
from functools import partial

from torch import Tensor

from core.experiments.memory import Facts, Gradient, Overwritten, Seen, Trial
from core.figures import answers, sharing
from core.figures.answers import Answer
from core.figures.board import Panel, Relation
from core.figures.montage import PROJECTED
from core.words import N_, _, listed, say
from core.words.numbers import number

LONGEST = 29  # letters of a way that fit beside the table
LARGER = 1.2  # how much larger the picture of a and b is on a projector, where it still stands above the fold
QUESTIONS = N_(("shares<br>memory", "shares<br>version", "passes<br>grad", "kept<br>safe"))
TABLE_WIDTH = 364  # pixels


def trial(ran: Trial, found: Facts, to: str, place: int | None, projector: bool) -> tuple[Panel, Relation, int | None]:
    """Who reads which cells, who has a graph and what a write changed; and the number of the cell written to."""
    names, storages, b = [name_of_a(ran)], [storage("a", ran.a)], ran.b
    if b is not None and not ran.same_object:
        lines = about(b, found.shares_version)
        count = len(b.after)
        names.append(sharing.Name("b", f"b = {ran.code}", lines, int(ran.first is None), ran.first or 0, count))
        storages += [storage("b", b)] if ran.first is None else []
    cells = sharing.cells(names, storages)
    picks = [pick(cell, to, ran) for cell in cells]
    picture, tie = sharing.panel(
        names, storages, spoken(ran), b.grad_fn if b is not None else None, picks,
        [note(cell, cells, storages) for cell in cells], LARGER if projector else 1.0,
    )  # fmt: skip
    wanted = f"{to} {place}"
    written = (i for i, cell in enumerate(cells) if cell.name and picks[i] == wanted)
    return picture, tie, next(written, None)


def name_of_a(ran: Trial) -> sharing.Name:
    """a and all its cells, which is b as well where they are one object."""
    title = _("a and b: one object") if ran.same_object else "a"
    return sharing.Name("a", title, about(ran.a), 0, 0, len(ran.a.after))


def pick(cell: sharing.Cell, to: str, ran: Trial) -> str:
    """What a click on a cell writes to: an element of its own name, a storage's cell through the one written to."""
    if ran.same_object or ran.b is None:
        return f"{to} {cell.index}"
    if cell.name:
        return f"{cell.name} {cell.index}"
    places = dict(readers(cell.storage, cell.address, ran))
    reader = to if to in places else next(iter(places), "")
    return f"{reader} {places[reader]}" if reader else ""


def readers(which: int, address: int, ran: Trial) -> list[tuple[str, int]]:
    """The elements that read a cell."""
    found = [("a", address)] if which == 0 else []
    place = address - (ran.first or 0)
    if ran.b is not None and which == int(ran.first is None) and 0 <= place < len(ran.b.after):
        found.append(("b", place))
    return found


def note(cell: sharing.Cell, found: list[sharing.Cell], storages: list[sharing.Storage]) -> str:
    """The line of a cell: who reads it, what it holds, and what it held before the write."""
    owner = "ab"[cell.storage]
    there = [c for c in found if c.name and (c.storage, c.address) == (cell.storage, cell.address)]
    who = listed([f"`{c.name}[{c.index}]`" for c in there])
    now, before = (texts[cell.address] for texts in (storages[cell.storage].texts, storages[cell.storage].before))
    says = {
        (False, False): N_("{who} reads cell {address} of the storage of {owner}: **{now}**."),
        (False, True): N_("{who} reads cell {address} of the storage of {owner}: **{now}** (was {before})."),
        (True, False): N_("{who} read cell {address} of the storage of {owner}: **{now}**."),
        (True, True): N_("{who} read cell {address} of the storage of {owner}: **{now}** (was {before})."),
    }[len(there) > 1, now != before]
    return say(says, who=who, address=cell.address, owner=owner, now=now, before=before)


def about(x: Seen, shares_version: bool | None = None) -> tuple[str, str]:
    """Two lines on an object."""
    if x.versions is None:
        return _("ndarray: autograd knows nothing of it"), _("no version counter")
    made = _("leaf") if x.is_leaf else say("made by {grad_fn}", grad_fn=x.grad_fn)
    before, after = x.versions
    counter = say("version {before} → {after}" if before != after else "version {after}", before=before, after=after)
    if shares_version is not None:
        says = N_("{counter}, the counter that a has") if shares_version else N_("{counter}, a counter of its own")
        counter = say(says, counter=counter)
    return f"requires_grad={x.requires_grad}, {made}", counter


def storage(owner: str, x: Seen) -> sharing.Storage:
    """The memory behind a, or behind a b with memory of its own."""
    return sharing.Storage(say("storage<br>of {owner}", owner=owner), texts_of(x.after), texts_of(x.before))


def texts_of(values: Tensor) -> list[str]:
    """Each number as it stands in a cell."""
    return [number(float(value)) for value in values.tolist()]


def spoken(ran: Trial) -> str:
    """The picture in words."""
    a_before, a_after = as_list(ran.a.before), as_list(ran.a.after)
    if ran.b is None:
        return say("a holds {a_after}; b = {code} is refused", a_after=a_after, code=ran.code)
    says = N_("b = {code} shares memory; {path}. a: {a_before}, then {a_after}. b: {b_before}, then {b_after}.")
    if ran.same_object:
        says = N_("b = {code} is a itself; {path}. a: {a_before}, then {a_after}. b: {b_before}, then {b_after}.")
    elif ran.first is None:
        says = N_(
            "b = {code} has memory of its own; {path}. a: {a_before}, then {a_after}. b: {b_before}, then {b_after}."
        )
    reaches = N_("a gradient at b reaches a by {grad_fn}") if ran.b.grad_fn else N_("b is not in a graph")
    return say(
        says, code=ran.code, path=say(reaches, ran.b), a_before=a_before, a_after=a_after,
        b_before=as_list(ran.b.before), b_after=as_list(ran.b.after),
    )  # fmt: skip


def as_list(values: Tensor) -> str:
    """Numbers as Python lists them."""
    return f"[{', '.join(texts_of(values))}]"


# ---- all ways --------------------------------------------------------------------------------------------------

OUTCOMES = {
    "right": Answer("yes", "no"), "refused": Answer("refused", "careful"),
    "wrong": Answer("wrong", "wrong"), "not made": Answer("no b", "no"),
}  # fmt: skip


def ways(found: Mapping[str, tuple[Facts, Gradient, Overwritten]], projector: bool) -> Panel:
    """All ways in one table, each cell from a run; a pin anywhere in a row reports the way."""
    rows = {code: answered(*of) for code, of in found.items()}
    names = {code: code.removeprefix("torch.") if len(code) > LONGEST else code for code in rows}
    notes = [
        note for code, given in rows.items() for note in (f"`b = {code}`", *map(partial(told, code), QUESTIONS, given))
    ]
    scale = PROJECTED if projector else 1.0
    return answers.panel("ways", rows, QUESTIONS, "way", notes, names=names, column=41, scale=scale)


def told(code: str, question: str, answer: Answer) -> str:
    """A cell of the table in words."""
    return say(
        "`b = {code}`: {question}? **{answer}**", code=code, question=answers.in_line(question), answer=_(answer.text)
    )


def answered(found: Facts, gradient: Gradient, overwritten: Overwritten) -> list[Answer]:
    """One row: memory, version counter, gradient, and a kept number overwritten."""
    if found.error:
        first = [Answer("error", "careful")] * 2
    else:
        counter = yes_or_no(found.shares_version) if found.kind == "Tensor" else Answer("none", "no")
        first = [yes_or_no(found.shares_memory), counter]
    return [*first, yes_or_no(gradient.a_grad is not None), OUTCOMES[overwritten.outcome]]


def yes_or_no(truth: bool | None) -> Answer:
    """Shared stands out, not shared does not."""
    return Answer("yes", "yes") if truth else Answer("no", "no")
