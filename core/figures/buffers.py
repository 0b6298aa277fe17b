"""Pictures of a module's tensors: what each is, a step of SGD on all of them, and MoCo's queue and logits."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from core.experiments.buffers import KINDS, MoCoSteps, Role
from core.figures import answers, colour, curves
from core.figures.answers import Answer
from core.figures.board import Panel, Relation
from core.figures.heatmap import Outline, Picture
from core.words import N_, _, say
from core.words.numbers import number

NAMES = list(KINDS)
FACTS = {  # a fact of a role: over its column, and in a sentence
    "in_parameters": ("param-<br>eters()", N_("in parameters()")),
    "in_buffers": ("buffers()", N_("in buffers()")),
    "in_state_dict": ("state_<br>dict()", N_("in the state dict")),
    "moved": (N_("moved<br>by .to()"), N_("moved by .to()")),
    "has_gradient": (N_("has a<br>.grad"), N_("given a gradient")),
    "changed_by_optimiser": (N_("step<br>changed"), N_("changed by the step")),
}


def roles_table(found: Sequence[Role], scale: float) -> Panel:
    """What each tensor is and what happens to it."""
    rows = {role.name: [Answer(word, word) for word in map(yes, facts(role))] for role in found}
    notes = [
        say("`{name}`, made by `{kind}`", name=role.name, kind=role.kind)
        + (say(", {asked}? **{answer}**", asked=_(asked), answer=_(yes(fact))) if asked else "")
        for role in found
        for asked, fact in zip(("", *(said for _, said in FACTS.values())), (False, *facts(role)), strict=True)
    ]
    return answers.panel("roles", rows, [head for head, _ in FACTS.values()], "role", notes, column=47, scale=scale)


def facts(role: Role) -> tuple[bool, ...]:
    """The answers to `FACTS`."""
    return tuple(getattr(role, fact) for fact in FACTS)


def yes(truth: bool) -> answers.Tone:
    """Yes or no."""
    return "yes" if truth else "no"


def step(found: Sequence[Role], lr: float) -> tuple[Picture, Picture, Picture]:
    """Before, gradient and after, a row for each tensor."""
    before, after = (torch.tensor([getattr(role, when) for role in found]) for when in ("before", "after"))
    count = before.shape[1]
    gradient = torch.tensor([role.gradient or (float("nan"),) * count for role in found])
    none = [(i, j) for i, role in enumerate(found) if not role.gradient for j in range(count)]
    picks = [name for name in NAMES for _ in range(count)]
    notes = [stepped(role, i, lr) for role in found for i in range(count)]
    scale, side = colour.signed(before, after, gradient), min(34, 120 // count)
    picture = partial(Picture, scale=scale, axes="role i", picks=picks, notes=notes, side=side)
    texts = [
        number(value, 2) if role.gradient else "–" for role in found for value in role.gradient or before[0].tolist()
    ]
    return (
        picture("before", before, title=_("before")),
        picture("grad", gradient, title=".grad", muted=none, texts=texts),
        picture("after", after, title=_("after step()")),
    )


def stepped(role: Role, i: int, lr: float) -> str:
    """What the step makes of one number."""
    held, after = f"`{role.name}[{i}]`", number(role.after[i])
    if role.handed and role.gradient:
        return f"{held} = {number(role.before[i])} − {lr:g} · {number(role.gradient[i])} = **{after}**"
    arrives = (
        say("has the gradient {gradient}", gradient=number(role.gradient[i])) if role.gradient else _("has no gradient")
    )
    return say("{held} {arrives}, and the step leaves it at **{after}**", held=held, arrives=arrives, after=after)


# ---- MoCo --------------------------------------------------------------------------------------------------------


def queue(taken: MoCoSteps) -> tuple[list[Picture | str], list[Relation]]:
    """Queue, keys, queue: a row of the new queue is a key of the batch, or the old one's; and which of them."""
    before, keys, first = taken.queue_before, taken.key, taken.pointer_before
    slots, batch = range(len(before)), range(len(keys))
    kept = [slot for slot in slots if not first <= slot < first + len(keys)]
    written = [Outline([(first + i, j) for i in batch for j in range(keys.shape[1])])]
    came = {slot: say("kept from `queue[{slot}]`", slot=slot) for slot in kept}
    came |= {first + i: say("written from `key[{i}]`", i=i) for i in batch}
    scale = colour.signed(before, keys, taken.queue_after)
    notes = [came[slot] for slot in slots for _ in range(keys.shape[1])]
    parts: list[Picture | str] = [
        Picture("queue", before, scale, "queue before", written, axes="slot d"), "←",
        Picture("key", keys, scale, "keys of the batch", axes="b d"), "=",
        Picture("after", taken.queue_after, scale, "queue after", written, axes="new d", notes=notes),
    ]  # fmt: skip
    return parts, [
        Relation("slot new", np.array([(slot, slot) for slot in kept]).reshape(-1, 2)),
        Relation("b new", np.array([(i, first + i) for i in batch])),
    ]


def logits(taken: MoCoSteps) -> Picture:
    """How like each query is to its own key, and to each of the queue's."""
    own = [Outline([(i, 0) for i in range(len(taken.logits))], colour.USED)]
    against = [
        say("query {i} · queue[{slot}]" if c else "query {i} · its own key", i=i, slot=c - 1)
        for i in range(len(taken.logits)) for c in range(taken.logits.shape[1])
    ]  # fmt: skip
    texts = [str(round(value)) for value in taken.logits.flatten().tolist()]
    return Picture("logits", taken.logits, colour.signed(taken.logits), "logits, rounded: own key, then the queue", own,
                   texts, axes="q c", notes=against)  # fmt: skip


def drift(steps: Sequence[MoCoSteps]) -> Panel:
    """How far the key encoder lags behind, step by step."""
    values = [taken.key_drift for taken in steps]
    figure = curves.lines(
        {"‖θₖ − θ_q‖": (range(1, len(steps) + 1), values)}, curves.Axis("step"), curves.Axis("distance"),
        title="How far the key encoder lags behind", height=240, markers=True,
    )  # fmt: skip
    said = say("Distance between the weights of the two encoders before steps 1 to {count}: ", count=len(steps))
    return Panel("drift", figure, said + ", ".join(map(number, values)), stretch=440)
