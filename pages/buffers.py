"""Buffers and parameters: one module with one of each kind, and what saving, moving and training do to each."""

import random
import textwrap
from functools import partial

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from core.experiments import buffers
from core.experiments.buffers import KINDS, Holder, MoCo, MoCoSteps, Role
from core.figures import answers, colour, curves
from core.figures.answers import Answer
from core.figures.board import Panel, Relation, with_row_names
from core.figures.heatmap import Outline, Picture
from core.figures.montage import PROJECTED
from core.figures.numbers import number
from core.figures.walk import record
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, code, controls, frame, link, tensor_input, walk
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

X = torch.tensor([1.0, 2.0, 3.0])
LIMITS = Limits(ranks=(1,), max_side=4)
NAMES = list(KINDS)
QUESTIONS = (
    "param-<br>eters()",
    "buffers()",
    "state_<br>dict()",
    "moved<br>by .to()",
    "has a<br>.grad",
    "step<br>changed",
)
ASKED = (
    "in parameters()", "in buffers()", "in the state dict", "moved by .to()", "given a gradient", "changed by the step",
)  # fmt: skip
HANDED = {"parameters()": (), "and the buffer": ("buffer",)}
CALLS = {"as made": None, "requires_grad_(True)": True, "requires_grad_(False)": False}
MOST_STEPS = 12  # of MoCo
NAME_SPACE = 52  # pixels for the names beside the first picture


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.main():
        lr = controls.slider("lr", "lr of SGD", 0.0, 1.0, 0.1, step=0.05, width=150)
        handed = HANDED[controls.choice("sgd", "SGD gets", list(HANDED))]
        call = CALLS[controls.choice("call", "module", list(CALLS), help="What is called on the module before.")]
    with controls.more():
        x = tensor_input.tensor("x", "x", X, LIMITS).float()
        chosen = controls.choice("of", "Look at", NAMES, few=5)
        asks = controls.toggle("grad", "buffer requires_grad", False)
    module = made(asks, len(x), call)
    values = tuple(x.tolist())
    found = frame.attempt("roles", lambda: buffers.roles(module, values, lr, handed))
    if found is None:
        st.caption("Shown is the module as made.")
        found = buffers.roles(Holder(size=len(x)), values, lr)
    draw(found, lr, chosen)
    st.markdown(told(found, chosen, lr))
    st.code(making(), language="python")
    frame.below(
        topic,
        pitfalls=[*map(frame.claimed, buffers.CLAIMS), *pitfalls(values, lr)],
        walk=show_walk,
        questions=questions(found, lr),
        take=lambda: take(x, lr, handed, call, asks, found),
        more={"Save and load": partial(save_and_load, len(x)), "MoCo": moco},
        functions=(Holder, buffers.roles, buffers.save_and_load, buffers.moco_step),
    )


def made(asks: bool, size: int, call: bool | None) -> Holder:
    """The module on screen."""
    module = Holder(asks, size)
    if call is not None:
        module.requires_grad_(call)
    return module


def making() -> str:
    """The lines of `Holder` that make the five."""
    lines = code.source(Holder).partition("super().__init__()\n")[2].partition("\n\n")[0]
    return textwrap.dedent(lines)


# ---- the table and the step ------------------------------------------------------------------------------------


def facts(role: Role) -> tuple[bool, ...]:
    """The answers to `QUESTIONS`."""
    return (role.in_parameters, role.in_buffers, role.in_state_dict, role.moved, role.has_gradient,
            role.changed_by_optimiser)  # fmt: skip


def draw(found: tuple[Role, ...], lr: float, chosen: str) -> None:
    """What each tensor is and what happens to it; and before − lr · gradient = after, a row for each tensor."""
    before, after = (torch.tensor([getattr(role, when) for role in found]) for when in ("before", "after"))
    count = before.shape[1]
    gradient = torch.tensor([role.gradient or (float("nan"),) * count for role in found])
    none = [(i, j) for i, role in enumerate(found) if not role.gradient for j in range(count)]
    picture = partial(
        Picture, scale=colour.signed(before, after, gradient), axes="role i", picks=[n for n in NAMES for _ in range(count)],
        notes=[stepped(role, i, lr) for role in found for i in range(count)], side=min(34, 120 // count),
    )  # fmt: skip
    values = gradient.flatten().tolist()
    drawn = (
        picture("before", before, title="before"),
        picture("grad", gradient, title=".grad", muted=none,
                texts=[number(value, 2) if value == value else "–" for value in values]),
        picture("after", after, title="after step()"),
    )  # fmt: skip
    first, grad, last = (with_names(shown, NAMES if shown.name == "before" else None) for shown in drawn)
    pictures = dict.fromkeys(("before", "grad", "after"), "of")
    board.show(
        roles_table(found), first, f"− {lr:g} ·", grad, "=", last, picks={"roles": "of"} | pictures,
        pinned=("roles", (NAMES.index(chosen), 0)), spelled={name: f"{{note:{name}}}" for name in ("roles", *pictures)},
    )  # fmt: skip


def roles_table(found: tuple[Role, ...]) -> Panel:
    """What each tensor is and what happens to it."""
    rows = {role.name: [Answer("yes", "yes") if yes else Answer("no", "no") for yes in facts(role)] for role in found}
    notes = [
        f"`{role.name}`, made by `{role.kind}`" + (f", {asked}? **{yes(fact)}**" if asked else "")
        for role in found
        for asked, fact in zip(("", *ASKED), (False, *facts(role)), strict=True)
    ]
    scale = PROJECTED if link.projector() else 1.0
    return answers.panel("roles", rows, QUESTIONS, "role", notes, column=47, scale=scale)


def stepped(role: Role, i: int, lr: float) -> str:
    """What the step makes of one number."""
    held, after = f"`{role.name}[{i}]`", number(role.after[i])
    if role.changed_by_optimiser and role.gradient:
        return f"{held} = {number(role.before[i])} − {lr:g} · {number(role.gradient[i])} = **{after}**"
    arrives = f"has the gradient {number(role.gradient[i])}" if role.gradient else "has no gradient"
    return f"{held} {arrives}, and the step leaves it at **{after}**"


def with_names(picture: Picture, names: list[str] | None) -> Panel:
    """The picture as a panel, with the tensors' names at its rows where there are any."""
    panel = board.as_panel(picture, picture.side, {})
    assert panel is not None
    return with_row_names(panel, names, NAME_SPACE) if names else panel


def listed(values: tuple[float, ...] | list[float] | None) -> str:
    """Numbers as Python lists them."""
    return "None" if values is None else f"[{', '.join(map(number, values))}]"


def told(found: tuple[Role, ...], chosen: str, lr: float) -> str:
    """The chosen tensor's part, in a sentence for each answer."""
    role = next(role for role in found if role.name == chosen)
    lists = "parameters()" if role.in_parameters else "buffers()" if role.in_buffers else "neither list"
    kept = "in" if role.in_state_dict else "not in"
    moves = "becomes" if role.moved else "does not become"
    step = f"{listed(role.before)} − {lr:g} · {listed(role.gradient)} = **{listed(role.after)}**"
    trained = step if role.changed_by_optimiser else f"the step leaves it at **{listed(role.after)}**"
    arrives = f"its .grad is {listed(role.gradient)}" if role.gradient else "no gradient arrives"
    return (
        f"**`{role.name}`**, `{role.kind}`: listed by **{lists}**, **{kept}** the state dict, **{moves}** float64 by "
        f"`.to(torch.float64)`; {arrives}; {trained}."
    )


# ---- save and load ---------------------------------------------------------------------------------------------


def save_and_load(size: int) -> None:
    """A state dict through real bytes into a fresh module of 1s."""
    with controls.row("save"):
        fill = controls.slider("fill", "Number in the saved module", 2, 9, 7)
        missing = controls.choice("without", "Left out of the file", ("nothing", "weight", "frozen", "buffer"))
        strict = controls.toggle("strict", "strict=True", True)
    trip = buffers.save_and_load(float(fill), None if missing == "nothing" else missing, strict, size)
    st.markdown(
        f"`torch.save(module.state_dict(), file)` writes **{trip.nbytes} bytes** for "
        f"{', '.join(f'`{key}`' for key in trip.keys)}. `load_state_dict` of these into a new module of 1s gives:"
    )
    if trip.error:
        st.error(trip.error.replace("\n\t", " "), icon=":material/block:")
    rows = ["| name | made by | saved module | new module after loading | came back |", "|---" * 5 + "|"]
    rows += [
        f"| `{name}` | `{KINDS[name]}` | {listed(trip.saved[name])} | {listed(trip.loaded[name])} | "
        f"{':green-badge[yes]' if back else ':red-badge[no]'} |"
        for name, back in trip.came_back.items()
    ]
    st.markdown("\n".join(rows))


# ---- MoCo ------------------------------------------------------------------------------------------------------


def moco() -> None:
    """Momentum contrast: one training step after another, and what of it are buffers."""
    with controls.row("moco"):
        step = controls.slider("step", "Step", 1, MOST_STEPS, 2)
        batch = controls.choice("batch", "Batch", (2, 3, 4, 6), 4)
        momentum = controls.slider("m", "m of the key encoder", 0.0, 1.0, 0.9, step=0.05)
        seed = controls.seed()
    run = partial(buffers.moco_run, batch=batch, momentum=momentum, seed=seed)
    model, steps = run(step)[0], run(MOST_STEPS + 1)[1]
    st.markdown(steps_told(steps[step - 1], momentum, batch))
    draw_moco(steps[step - 1])
    resumed = {keep: buffers.next_loss(model, step, batch=batch, momentum=momentum, seed=seed, keep=keep)
               for keep in (True, False)}  # fmt: skip
    st.markdown(
        f"**Why buffers**: the next loss is {steps[step].loss:.4f}. Saved, loaded into a fresh MoCo and gone on, it is "
        f"**{resumed[True]:.4f}**; with queue and pointer left out of the file it is **{resumed[False]:.4f}**."
    )
    st.markdown(moco_table(model))
    drift = [taken.key_drift for taken in steps[:MOST_STEPS]]
    board.alone(
        curves.lines({"‖θₖ − θ_q‖": (range(1, MOST_STEPS + 1), drift)}, curves.Axis("step"), curves.Axis("distance"),
                     title="How far the key encoder lags behind", height=240, markers=True),
        f"Distance between the weights of the two encoders before steps 1 to {MOST_STEPS}: {listed(drift)}",
        name="drift", width=440,
    )  # fmt: skip


def steps_told(taken: MoCoSteps, momentum: float, batch: int) -> str:
    """One step in order, with its numbers."""
    size = len(taken.queue_before)
    return "\n".join(
        (
            f"1. The key encoder follows: θₖ ← {momentum:g}·θₖ + {1 - momentum:.3g}·θ_q. It was "
            f"{number(taken.key_drift)} away.",
            f"2. {batch} samples, two views each: queries by the one encoder, keys by the other, as unit vectors.",
            f"3. Each query must pick its own key among 1 + {size}: cross entropy of `logits` with label 0 is "
            f"**{number(taken.loss)}**. Only the query encoder gets a gradient.",
            f"4. The keys overwrite rows {taken.pointer_before}…{taken.pointer_before + batch - 1} of the queue; "
            f"then the pointer is ({taken.pointer_before} + {batch}) mod {size} = **{taken.pointer_after}**.",
        )
    )


def draw_moco(taken: MoCoSteps) -> None:
    """Queue, keys, queue; and the logits. A row of the new queue is a key of the batch, or the old one's."""
    queue, keys, first = taken.queue_before, taken.key, taken.pointer_before
    slots, batch = range(len(queue)), range(len(keys))
    kept = [slot for slot in slots if not first <= slot < first + len(keys)]
    written = [Outline([(first + i, j) for i in batch for j in range(keys.shape[1])])]
    came = {slot: f"kept from `queue[{slot}]`" for slot in kept} | {
        first + i: f"written from `key[{i}]`" for i in batch
    }
    scale = colour.signed(queue, keys, taken.queue_after)
    notes = [came[slot] for slot in slots for _ in range(keys.shape[1])]
    board.show(
        Picture("queue", queue, scale, "queue before", written, axes="slot d"), "←",
        Picture("key", keys, scale, "keys of the batch", axes="b d"), "=",
        Picture("after", taken.queue_after, scale, "queue after", written, axes="new d", notes=notes),
        links=[Relation("slot new", np.array([(slot, slot) for slot in kept]).reshape(-1, 2)),
               Relation("b new", np.array([(i, first + i) for i in batch]))],
        spelled={"after": "`{at:after}` = **{after}**, {note:after}"}, cell=26, name="moco",
    )  # fmt: skip
    own = [Outline([(i, 0) for i in batch], colour.USED)]
    against = [
        f"query {i} · " + (f"queue[{c - 1}]" if c else "its own key")
        for i in batch for c in range(1 + len(queue))
    ]  # fmt: skip
    board.show(
        Picture("logits", taken.logits, colour.signed(taken.logits), "logits, rounded: own key, then the queue", own,
                [str(round(value)) for value in taken.logits.flatten().tolist()], axes="q c", notes=against),
        spelled="`{at:logits}` is {note:logits}, divided by the temperature: about **{logits}**", cell=26, name="logits",
    )  # fmt: skip


def moco_table(model: MoCo) -> str:
    """What each tensor of the model is."""
    parameters, buffered, saved = dict(model.named_parameters()), dict(model.named_buffers()), model.state_dict()
    rows = ["| tensor | shape | parameter | requires_grad | buffer | in state_dict |", "|---" * 6 + "|"]
    rows += [
        f"| `{name}` | {tuple(value.shape)} | {yes(name in parameters)} | {yes(value.requires_grad)} | "
        f"{yes(name in buffered)} | {yes(name in saved)} |"
        for name, value in {**parameters, **buffered}.items()
    ]
    return "\n".join(rows)


def yes(truth: bool) -> str:
    """Yes or no."""
    return "yes" if truth else "no"


# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(x: tuple[float, ...], lr: float) -> list[Pitfall]:
    """What people believe, beyond the tutorial's seven points."""
    return [
        Pitfall("A tensor saved with the model is constant", buffers_change),
        Pitfall("`self.buffer = self.buffer + 1` makes a plain attribute of a buffer", assignment_keeps_a_buffer),
        Pitfall("A tensor in a Python list on the module is registered like any other", lists_hide_tensors),
        Pitfall("`model.to(...)` changes the tensors in place, so an optimiser made before keeps its own",
                partial(moving_keeps_parameters, x, lr)),
    ]  # fmt: skip


def buffers_change() -> None:
    """Batch norm's running mean after one forward pass."""
    layer = torch.nn.BatchNorm1d(2)
    layer(torch.tensor([[1.0, 10.0], [3.0, 30.0]]))
    names = [name for name, _ in layer.named_buffers()]
    assert layer.running_mean is not None
    st.markdown(
        f"`BatchNorm1d(2)` has the buffers {', '.join(f'`{name}`' for name in names)}. One forward pass in training of "
        f"two rows, means 2 and 20, makes running_mean = **{listed(layer.running_mean.tolist())}**: changed, without "
        "an optimiser."
    )


def assignment_keeps_a_buffer() -> None:
    """Assign to each kind of name."""
    module = Holder()
    module.buffer = module.buffer + 1
    still = "buffer" in dict(module.named_buffers())
    try:
        module.weight = torch.ones(3)  # type: ignore[assignment]
        refusal = "nothing"
    except TypeError as error:
        refusal = str(error)
    st.markdown(
        f"After the assignment it is in `buffers()`: **{still}**, with {listed(module.buffer.tolist())}. What is "
        f"registered is the name. A tensor under a parameter's name is refused: “{refusal}”."
    )


def lists_hide_tensors() -> None:
    """A parameter in a list, and in a ParameterList."""
    module = Holder()
    module.extra = [torch.nn.Parameter(torch.ones(3))]  # type: ignore[assignment]
    before = sum(1 for _ in module.parameters())
    module.extra = torch.nn.ParameterList([torch.nn.Parameter(torch.ones(3))])
    st.markdown(
        f"With `self.extra = [nn.Parameter(…)]`, parameters() gives **{before}** tensors; with `nn.ParameterList`, "
        f"**{sum(1 for _ in module.parameters())}**. What is not registered is neither trained, saved nor moved."
    )


def moving_keeps_parameters(x: tuple[float, ...], lr: float) -> None:
    """The identity of a parameter and of a buffer over .to()."""
    module = Holder(size=len(x))
    weight, buffer = module.weight, module.buffer
    optimiser = torch.optim.SGD(module.parameters(), lr=lr)
    module.to(torch.float64)
    module(torch.tensor(x)).sum().backward()
    optimiser.step()
    st.markdown(
        f"After `.to(torch.float64)`, `module.weight` is the same object: **{module.weight is weight}**, so an "
        f"optimiser made before goes on with it: {listed(module.weight.tolist())} after a step. `module.buffer` is the "
        f"same object: **{module.buffer is buffer}**; whoever held the old one holds a stale copy."
    )


# ---- walk, questions, take away --------------------------------------------------------------------------------


def show_walk() -> None:
    """Batches of keys written into a queue of six."""
    queue, keys = torch.zeros(6, 2), torch.arange(1.0, 17.0).reshape(8, 2)
    steps = record(buffers.write_in_a_ring, queue, keys, 2, panels=("queue", "keys", "pointer"))
    walk.show(steps, dict.fromkeys(("queue", "keys", "pointer"), colour.magnitude(keys)), key="walk")


def questions(found: tuple[Role, ...], lr: float) -> list:
    """Questions on the module on screen."""

    def fact(draw: random.Random) -> Question:
        role = draw.choice(found)
        asked = (
            "in parameters()",
            "in buffers()",
            "in the state dict",
            "moved by .to()",
            "given a gradient",
            "changed by the step",
        )
        i = draw.randrange(len(asked))
        return Question(
            f"With the settings on screen: is `{role.name}` (`{role.kind}`) {ASKED[i]}?", yes(facts(role)[i]),
            f"{ASKED[i].capitalize()}: {', '.join(r.name for r in found if facts(r)[i]) or 'none of the five'}.",
            ("yes", "no"),
        )  # fmt: skip

    def after(draw: random.Random) -> Question:
        role, i = draw.choice(found), draw.randrange(len(found[0].before))
        return Question(
            f"lr is {lr:g}, and `{role.name}[{i}]` is 1 before the step. What is it after?",
            f"{role.after[i]:.6g}",
            f"Its gradient is {number(role.gradient[i]) if role.gradient else 'None'}, and the optimiser "
            f"{'changed' if role.changed_by_optimiser else 'did not change'} it.",
            tolerance=1e-4,
        )

    def counted(draw: random.Random) -> Question:
        size = draw.randint(2, 50)
        return Question(
            f"The same module with size {size}: what is `sum(p.numel() for p in module.parameters())`?",
            str(sum(p.numel() for p in Holder(size=size).parameters())),
            "weight and frozen are parameters, the other three are not; a frozen one counts.",
        )

    def pointer(draw: random.Random) -> Question:
        batch, steps = draw.choice((2, 3, 4, 6)), draw.randint(2, 9)
        moco = buffers.moco_run(steps, batch=batch)[0]
        return Question(
            f"MoCo's queue has {len(moco.queue)} rows, the batch {batch}. Where is the pointer after {steps} steps?",
            str(int(moco.pointer)),
            f"{steps}·{batch} mod {len(moco.queue)}: the queue is a ring.",
        )

    def refused(draw: random.Random) -> Question:
        name, strict = draw.choice(("weight", "frozen", "buffer", "scratch")), draw.choice((True, False))
        said = buffers.load_refusal(name, strict)
        return Question(
            f"A file lacks `{name}`. Does `load_state_dict(..., strict={strict})` take it?", "no" if said else "yes",
            said.replace("\n\t", " ") if said else "Nothing is missing that it insists on.", ("yes", "no"),
        )  # fmt: skip

    return [fact, after, counted, pointer, refused]


def take(
    x: Tensor, lr: float, handed: tuple[str, ...], call: bool | None, asks: bool, found: tuple[Role, ...]
) -> TakeAway:
    """The step on screen as a script, and the five tensors after it."""
    given = ", ".join(["*module.parameters()", *(f"module.{name}" for name in handed)])
    script = Script(
        title="One of each kind, and a step of SGD",
        inputs={"x": x},
        functions=(Holder,),
        calls=(
            f"module = Holder({asks}, {len(x)})",
            *(() if call is None else (f"module.requires_grad_({call})",)),
            "try:\n    module(x).sum().backward()\nexcept RuntimeError as refusal:\n    print('refused:', refusal)",
            f"torch.optim.SGD([{given}], lr={lr}).step()",
            'print("parameters:", [name for name, _ in module.named_parameters()])',
            'print("buffers:", [name for name, _ in module.named_buffers()])',
            'print("state_dict:", list(module.state_dict()))',
            *(f"{name} = module.{name}.detach()" for name in NAMES),
        ),
        results=tuple(NAMES),
    )
    return TakeAway(script, {"x": x} | {role.name: torch.tensor(role.after) for role in found})


frame.page("buffers", lesson)
