"""Questions on buffers and parameters, and links that set the page up for something worth seeing."""

import random
from collections.abc import Sequence
from typing import Any

from core.experiments import buffers as runs
from core.figures.buffers import FACTS, yes
from core.ui.frame import Try
from core.ui.predict import Draw, Question
from core.words import _, say
from core.words.numbers import number

TRIES = (
    Try("The buffer is handed over", "sgd=buffer&grad=true&of=buffer",
        "The buffer asks for a gradient, and SGD gets it beside the parameters. Which two answers of its row have "
        "turned, and is it still a buffer? Then let SGD have `parameters()` alone: which of the two turns back?"),
    Try("Everything thawed", "call=thawed&of=frozen",
        "`module.requires_grad_(True)` reaches all parameters. Compare the rows of frozen and buffer: which of the two "
        "did it change, and why is that a reason to make a fixed tensor a buffer?"),
    Try("Everything frozen", "call=frozen",
        "Now nothing requires a gradient, and backward has nothing to do: read what torch says. Would a buffer that "
        "requires a gradient be reached by `requires_grad_(False)`?"),
    Try("A file without the buffer", "tab=Save+and+load&without=buffer",
        "Below, the file lacks `buffer`, and loading is refused. Which tensors came back all the same? Then switch "
        "strict off: who notices now that the buffer holds 1s?"),
)  # fmt: skip


def questions(found: Sequence[runs.Role], chosen: str, x: Any, lr: float) -> list[Draw]:
    """Questions on the tensors that the page does not spell out, and on what is not on screen."""
    others = [role for role in found if role.name != chosen]

    def fact(draw: random.Random) -> Question:
        role, (name, (_kind, asked)) = draw.choice(others), draw.choice(list(FACTS.items()))
        held = _(", ").join(each.name for each in found if getattr(each, name)) or _("none of the five")
        return Question(
            say("With the settings on screen: is `{name}` (`{kind}`) {asked}?", name=role.name, kind=role.kind, asked=_(asked)), yes(getattr(role, name)),
            say("{asked}: {held}.", asked=_(asked).capitalize(), held=held), ("yes", "no"), covers=("roles",),
        )  # fmt: skip

    def after(draw: random.Random) -> Question:
        rate, i = draw.choice([rate for rate in (0.2, 0.4, 0.7) if rate != lr]), draw.randrange(len(x))
        role = draw.choice(runs.roles(runs.Holder(size=len(x)), x, rate))
        return Question(
            say("The module as made, and lr is {rate:g}: `{name}[{i}]` is 1 before the step, x[{i}] is {value}. What is `{name}[{i}]` after it?", rate=rate, name=role.name, i=i, value=number(float(x[i]), 5)),
            f"{role.after[i]:.6g}",
            say("1 − {rate:g} · {gradient}: y = x · (the sum of the five), so that the gradient is x.", rate=rate, gradient=number(role.gradient[i])) if role.gradient
            else "It has no gradient, and the step leaves it alone.",
            tolerance=1e-3,
        )  # fmt: skip

    return [fact, after, counted, pointer, refused]


def counted(draw: random.Random) -> Question:
    """Which of the five count as parameters."""
    size = draw.randint(5, 50)
    return Question(
        say("The same module with size {size}: what is `sum(p.numel() for p in module.parameters())`?", size=size),
        str(sum(p.numel() for p in runs.Holder(size=size).parameters())),
        "weight and frozen are parameters, the other three are not; a frozen one counts.", tolerance=0,
    )  # fmt: skip


def pointer(draw: random.Random) -> Question:
    """Where a ring goes on."""
    batch, steps = draw.choice((2, 3, 4, 6)), draw.randint(14, 29)
    moco = runs.moco_run(steps, batch=batch)[0]
    return Question(
        say("MoCo's queue has {count} rows and is written in a ring, a batch of {batch} keys a step, from row 0. At which row does the next batch begin after {steps} steps?", count=len(moco.queue), batch=batch, steps=steps),
        str(int(moco.pointer)), f"{steps} · {batch} mod {len(moco.queue)}.", tolerance=0,
    )  # fmt: skip


def refused(draw: random.Random) -> Question:
    """What loading insists on."""
    name, strict = draw.choice(("weight", "frozen", "buffer", "scratch")), draw.choice((True, True, False))
    said = runs.load_refusal(name, strict)
    return Question(
        say("A file lacks `{name}`. Does `load_state_dict(..., strict={strict})` take it?", name=name, strict=strict), "no" if said else "yes",
        said.replace("\n\t", " ") if said else "It takes it: nothing is missing that it insists on.", ("yes", "no"),
    )  # fmt: skip
