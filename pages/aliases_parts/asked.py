"""The walk of the page on aliases, its questions, and what it gives to take away."""

import random
from typing import Any

import streamlit as st

from core.experiments import memory
from core.experiments.memory import WAYS, Trial, Way
from core.figures import colour
from core.figures.walk import record
from core.tensors.script import Script
from core.ui import walk
from core.ui.predict import Draw, Question
from core.ui.take_away import TakeAway
from core.words import N_, _, listed, say, spelled

COVERS = ("ways",)  # the table answers most questions
ARRIVES = (N_("a.grad gets numbers"), N_("a.grad stays None, no error"), N_("an error"))
OUTCOMES = {"right": N_("a right gradient"), "wrong": N_("a wrong gradient"), "refused": N_("an error from backward"), "not made": N_("an error making b")}  # fmt: skip


def show_walk(a: Any) -> None:
    """Three writes, one line after another."""
    if len(a) < 2:
        st.caption(_("`a[1:]` of a single number is empty, and nothing can be written to it: the walk takes the example."))  # fmt: skip
        a = memory.EXAMPLE
    panels = ("a", "name", "view", "clone")
    scale = colour.signed(a, a.new_tensor([30.0]))
    walk.show(record(memory.write_to_each, a.clone(), panels=panels), dict.fromkeys(panels, scale), key="walk")


def questions(chosen: Way) -> list[Draw]:
    """Questions on other ways than the one on screen, and on other numbers."""
    others = [way for way in WAYS.values() if way is not chosen]

    def write(draw: random.Random) -> Question:
        a, value = memory.EXAMPLE * draw.randint(2, 9), draw.randint(-9, -1)
        way = draw.choice(others)
        seen = memory.try_out(way, a, False, "b", 0, value)
        return Question(
            say("a is {a} and requires no gradient. After `b = {code}` and `b[0] = {value}`, what is a?", a=a, code=way.code, value=str(value)),
            spelled(seen.a.after), "b has memory of its own." if seen.first is None else "b lies in the memory of a.",
            tolerance=0, covers=COVERS,
        )  # fmt: skip

    def gradient(draw: random.Random) -> Question:
        way = draw.choice(others)
        found = memory.backward_through(way)
        answer = ARRIVES[2 if found.error else 1 if found.a_grad is None else 0]
        why = found.error or say("With a = {example}, a.grad is {a_grad}.", found, example=memory.EXAMPLE)
        return Question(
            say("a requires a gradient. `b = {code}`, then `(b ** 2).sum().backward()`. What happens?", code=way.code),
            answer, why, ARRIVES, covers=COVERS,
        )  # fmt: skip

    def overwritten(draw: random.Random) -> Question:
        way = draw.choice(others)
        return Question(
            say("`a = x.exp()`, and autograd saves a for backward. Then `b = {code}`, `b[:] = 0`, `a.sum().backward()`: what comes of it?", code=way.code),
            OUTCOMES[memory.overwrite_saved(way).outcome],
            "Where b shares memory and version counter, backward is refused. Where it shares the memory alone, the gradient is wrong. Where it shares nothing, the gradient is right.",
            tuple(OUTCOMES.values()), covers=COVERS,
        )  # fmt: skip

    def pieces(draw: random.Random) -> Question:
        ways = draw.sample(others, 4)
        count = memory.pieces_of_memory(ways)
        return Question(
            say("You keep a, which requires no gradient, and the four tensors or arrays {ways}. In how many separate pieces of memory do they lie?", ways=listed([f'`{way.code}`' for way in ways])),
            str(count), say("One is that of a; {count} of the four have one of their own.", count=count - 1), tolerance=0, covers=COVERS,
        )  # fmt: skip

    return [write, gradient, overwritten, pieces]


def take(way: Way, a: Any, requires_grad: bool, wrote: str | None, trial: Trial) -> TakeAway:
    """The run on screen as a script, and its numbers."""
    tensors = {"a": trial.a.after}
    calls = ["import copy"]
    if trial.b is not None:
        tensors["b_numbers"] = trial.b.after
        write = f"try:\n    {wrote or 'pass'}\nexcept Exception as refusal:\n    print('refused:', refusal)"
        calls += [
            f"b = {way.code}",
            write,
            'print("shared memory:", shares_memory(a, b))',
            "b_numbers = torch.as_tensor(b).detach().clone()",
        ]
    start = ["a.requires_grad_()"] if requires_grad else []
    script = Script(
        title=say("b = {code}: copy or alias?", code=way.code), inputs={"a": a}, functions=(memory.shares_memory,),
        calls=(*start, *calls), results=tuple(tensors),
    )  # fmt: skip
    return TakeAway(script, tensors)
