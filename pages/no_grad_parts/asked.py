"""The walk of the page on no_grad, its questions, and what it gives to take away."""

import random
from typing import Any

from core.experiments import autograd
from core.experiments import no_grad as runs
from core.experiments.autograd import CALLS, Expression
from core.figures import colour
from core.figures.walk import Moment, record, source_of
from core.tensors.script import Script
from core.ui import walk
from core.ui.predict import Draw, Question
from core.ui.take_away import TakeAway
from core.words import _, listed, say, spelled


def show_walk(x: Any, w: Any) -> None:
    """Two steps of gradient descent from the reader's w."""
    lines = source_of(runs.descend).splitlines()

    def note(moment: Moment) -> str:
        return _("w changes in place, unrecorded") if "w -=" in lines[moment.line] else ""

    panels, scale = ("w", "x", "loss", "gradient"), colour.signed(w, x)
    walk.show(record(runs.descend, w, x, 0.1, panels=panels, note=note), dict.fromkeys(panels, scale), key="walk")


def gradient(draw: random.Random) -> Question:
    """A gradient through steps that may be unrecorded."""
    found = runs.ask_gradient(draw)
    lines = autograd.code_of(found.contexts, "none", found.function).replace("\n", " ⏎ ")
    brought = say("x.grad is {x_grad}: a step that is not recorded counts as a constant.", found.run)
    return Question(
        say("`{lines}` with x = {x} and w = {w}: what is x.grad[{place}]? (`error` if backward is refused, `None` if no gradient arrives.)", lines=lines, x=spelled(found.run.x), w=spelled(found.run.w), place=found.place),
        found.answer, found.run.error or brought, tolerance=0,
    )  # fmt: skip


def kept(draw: random.Random) -> Question:
    """The bytes that a graph holds."""
    found = runs.ask_bytes(draw)
    why = "; ".join(f"{node} keeps {listed(list(tensors))}" for node, tensors in found.kept)
    return Question(
        say("Everything is recorded, a is `{function}`, and x and w have {length} numbers of {dtype}. How many bytes does the graph behind y hold for backward?", found),
        str(found.nbytes), say("{why}. Memory that two nodes keep counts once.", why=why), tolerance=0,
    )  # fmt: skip


def nested(draw: random.Random) -> Question:
    """Contexts within contexts."""
    contexts = [draw.choice(list(CALLS)) for _ in range(3)]
    return Question(
        say("Inside {contexts}: is `z = x * w` recorded?", contexts=_(", in it ").join(f"`with {CALLS[context]}`" for context in contexts)),
        "yes" if runs.recorded_inside(contexts) else "no",
        "The innermost block decides, except that nothing is recorded anywhere inside inference_mode().", ("yes", "no"),
    )  # fmt: skip


def made(draw: random.Random) -> Question:
    """What requires a gradient under no_grad."""
    maker = draw.choice(list(runs.MAKERS))
    return Question(
        say("x is a leaf that requires a gradient. Under `no_grad()` comes `z = {maker}`. What is z.requires_grad?", maker=maker),
        str(runs.requires_grad_inside(maker)),
        "The result of a computation does not require a gradient there. A leaf keeps what it asks for, and another name changes nothing.",
        ("True", "False"),
    )  # fmt: skip


QUESTIONS: list[Draw] = [gradient, kept, nested, made]


def take(run: Expression, leaves: tuple[str, ...], source: str) -> TakeAway:
    """The run on screen as a script, and its tensors."""
    tensors = {"x": run.x, "w": run.w} | {facts.name: facts.values for facts in run.tensors}
    arrived = {"x_grad": run.x_grad, "w_grad": run.w_grad}
    tensors |= {name: gradient for name, gradient in arrived.items() if gradient is not None}
    lines = [f"{name}.requires_grad_()" for name in leaves] + source.splitlines()
    last = run.tensors[-1].name if run.tensors else ""
    script = Script(
        title=_("An expression under contexts"),
        inputs={"x": run.x, "w": run.w},
        functions=(autograd.graph_of,),
        calls=(
            "\n    ".join(["try:", *lines]) + '\nexcept RuntimeError as refusal:\n    print("refused:", refusal)',
            "x_grad, w_grad = x.grad, w.grad",
            *((f"for node in graph_of({last}).nodes:\n    print(node.name, node.shape)",) if last else ()),
        ),
        results=tuple(name for name in tensors if name not in ("x", "w")) or ("x", "w"),
    )
    return TakeAway(script, tensors)
