"""The memory page's walk, its questions, and what it gives to take away."""

import random
from functools import partial

from core.experiments.chain import operations as steps
from core.experiments.chain import reading, run
from core.experiments.chain.run import Stage, facts_of
from core.experiments.layout import addresses
from core.figures import colour, memory
from core.figures.walk import record
from core.tensors.script import Script
from core.ui import walk
from core.ui.predict import Draw, Question
from core.ui.take_away import TakeAway
from core.words import _, say, spelled


def walk_in_order(stage: Stage) -> None:
    """The walk through the chosen tensor: which cell of the strip each element comes from."""
    layout, storage = facts_of(stage).layout, reading.as_floats(stage)
    found = record(
        reading.read_in_order, storage, layout.shape, layout.stride, layout.storage_offset,
        panels=("storage", "values"),
        reads=lambda now: {"storage": [(now.names["address"],)]} if now.line == 5 else {},
        note=lambda now: f"values{list(now.names['index'])}: {addresses.address_terms(layout, now.names['index'])}" if now.line == 5 else "",
    )  # fmt: skip
    scale = colour.signed(storage)
    walk.show(found, {"storage": scale, "values": scale}, key="walk")


def questions(stages: tuple[Stage, ...], stage: Stage) -> list[Draw]:
    """Questions on the chain on screen."""
    made = (where, *[how_many_change] * stage.whole) if facts_of(stage).layout.numel else ()
    return [partial(ask, stages, stage) for ask in (*made, view_or_copy, strides)]


def where(stages: tuple[Stage, ...], stage: Stage, draw: random.Random) -> Question:
    """The address of an element."""
    layout = facts_of(stage).layout
    cell = tuple(draw.randrange(n) for n in layout.shape)
    terms = addresses.address_terms(layout, cell)
    return Question(
        say("At which address of its storage does x{number}{cell} lie? Its strides are {stride}, its offset is {storage_offset}.",
            layout, number=stage.number, cell=str(list(cell))),
        str(terms.address), say("offset + index·stride: {terms}.", terms=terms), tolerance=0, covers=covered(stages),
    )  # fmt: skip


def view_or_copy(_stages: tuple[Stage, ...], stage: Stage, draw: random.Random) -> Question:
    """Whether a further step copies."""
    step, after = next_step(stage, draw)
    verdict = _("a copy") if facts_of(after).verdict == "copy" else _("the same storage")
    return Question(
        say("Next comes `{code}`. Does it read the same storage, or a copy?", code=step.code(f"x{stage.number}")), verdict,
        say("The storages of the two tensors say so. {remark}", remark=after.explanation),
        (_("the same storage"), _("a copy")),
    )  # fmt: skip


def strides(_stages: tuple[Stage, ...], stage: Stage, draw: random.Random) -> Question:
    """The strides after a further step."""
    step, after = next_step(stage, draw)
    layout = facts_of(after).layout
    return Question(
        say("Which strides does `{code}` have? Its shape is {shape}.", layout, code=step.code(f"x{stage.number}")),
        spelled(layout.stride), say("The operation: {what}.", what=_(step.operation.description)), tolerance=0,
    )  # fmt: skip


def how_many_change(stages: tuple[Stage, ...], stage: Stage, draw: random.Random) -> Question:
    """How far a write reaches."""
    cell = tuple(draw.randrange(n) for n in facts_of(stage).layout.shape)
    changed = run.reached_by_a_write(stages, stage.number, cell)
    return Question(
        say("Someone writes another number into x{number}{cell}. How many of the tensors x0 … x{last} change?",
            number=stage.number, cell=str(list(cell)), last=memory.last(stages)),
        str(len(changed)),
        say("All that read that cell of that storage: {changed}.", changed=[f"x{n}" for n in changed]), tolerance=0,
    )  # fmt: skip


def next_step(stage: Stage, draw: random.Random) -> tuple[steps.Step, Stage]:
    """A step that the stage takes, and what it gives."""
    layout = facts_of(stage).layout
    step = steps.default_step(draw.choice(steps.usable(layout)), layout)
    assert stage.tensor is not None
    return step, run.run_chain(stage.tensor, [step])[-1]


def covered(stages: tuple[Stage, ...]) -> tuple[str, ...]:
    """The strips, whose cells say their addresses."""
    return tuple({memory.letter(stage.facts.storage) for stage in stages if stage.facts is not None})


def take(ran: list[Stage]) -> TakeAway:
    """The chain as a script that prints every tensor and its strides; of tensors without numbers the strides."""
    tensors = {f"x{s.number}": s.tensor for s in ran if s.tensor is not None and s.whole}
    calls = [stage.code for stage in ran[1:]]
    calls += [f"x{s.number}_stride = torch.tensor(x{s.number}.stride())" for s in ran]
    strides = [f"x{s.number}_stride" for s in ran]
    if not tensors:
        facts = facts_of(ran[0])
        start = f'x0 = torch.empty({facts.layout.shape}, dtype={facts.dtype}, device="meta")'
        return TakeAway(Script(_("Memory layout"), {}, (), (start, *calls), tuple(strides)))
    names = [name for pair in zip(tensors, strides, strict=True) for name in pair]
    return TakeAway(Script(_("Memory layout"), {"x0": tensors["x0"]}, (), tuple(calls), tuple(names)), tensors)
