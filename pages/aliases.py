"""Copies and aliases: what b shares with a, for every way to make b from a."""

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from core.experiments import memory
from core.experiments.memory import WAYS, Gradient, Overwritten, Trial, Way
from core.figures import aliases as pictures
from core.figures.montage import PROJECTED
from core.tensors.limits import Limits
from core.topics import Topic
from core.ui import board, controls, frame, link, tensor_input
from core.ui.frame import Try
from core.words import N_, _, say
from pages.aliases_parts import asked
from pages.aliases_parts.believed import pitfalls

LIMITS = Limits(ranks=(1,), max_side=6, allow_nonfinite=True)

BOTH = N_(
    "**The write.** `{wrote}` has changed **both**: a is now {a.after}, and b is {b.after}. They read one piece of memory."
)
ONE = N_("**The write.** `{wrote}` has changed only **{changed}**: a is {a.after}, and b is {b.after}.")
NONE = N_(
    "**The write.** `{wrote}` has changed nothing, for that number stood there already: a is {a.after}, and b is {b.after}."
)
ARRIVED = N_("**The gradient.** `(b ** 2).sum().backward()` brings `a.grad` = **{a_grad}**.")
WENT_ELSEWHERE = N_(
    "**The gradient.** `(b ** 2).sum().backward()` runs, but `a.grad` stays **None**: b is a leaf of its own, and the gradient ends in `b.grad`."
)
NO_GRADIENT = N_("**The gradient.** `(b ** 2).sum().backward()` is refused: “{error}”")
OVERWRITTEN = {
    "right": N_("Backward is right all the same, x.grad = {gradient}: the zeros went to another piece of memory."),
    "refused": N_("Backward is **refused**, because the version counter, in which autograd counts the writes to a tensor, has told of it: “{error}”"),
    "wrong": N_("Backward is **wrong without a word**: x.grad = {gradient}, where {expected} is right. b shares the memory of a but not its version counter, in which autograd counts the writes to a tensor."),
    "not made": N_("There is no such b of a computed a: “{error}”"),
}  # fmt: skip
ZEROS = N_(
    "Backward is right, x.grad = {gradient}, but only because zeros stood there already: memory is shared, and nothing would have told of a change."
)


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.main():
        way = WAYS[controls.choice("way", "b =", list(WAYS), "a.detach()", width=260)]
        to = controls.choice("to", "Write to", {"b": "b", "a": "a"})
        value = controls.number("value", "the number", -999, 999, 99)
        requires_grad = controls.toggle("grad", "a requires a gradient", True)
    with controls.more():
        given = tensor_input.tensor("x", "a", memory.EXAMPLE, LIMITS)
        a = given.float() if requires_grad and memory.leaf_refusal(given) else given
        untouched = memory.try_out(way, a, requires_grad, to=None)
        target = untouched.a if to == "a" or untouched.b is None else untouched.b
        cell = controls.cell("cell", "at place", (len(target.before),), "0") if len(target.before) else None
    if a is not given:
        frame.refused(
            memory.leaf_refusal(given), say("a is of {dtype}. What follows takes the same numbers as float32.", {"dtype": given.dtype}),
            {"Make a float32": partial(tensor_input.hold, "x", a), "Let a require no gradient": without_gradient},
        )  # fmt: skip
    place = cell[0] if cell else None
    trial = memory.try_out(way, a, requires_grad, None if place is None else to, place or 0, value)
    every = memory.every_way(a, requires_grad)
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=640 if link.projector() else 500, gap="small"):
            found, gradient, overwritten = every[way.code]
            picture, tie, written = pictures.trial(trial, found, to, place, link.projector())
            board.show(
                picture, links=[tie], spelled="{note:sharing}", picks={"sharing": write_there}, name="sharing",
                pinned=None if written is None else ("sharing", (written,)),
            )  # fmt: skip
            wrote = None if place is None else f"{to}[{place}] = {value}"
            what_happened(trial, wrote, gradient, overwritten)
        table(every, way)
    frame.below(
        topic,
        pitfalls=pitfalls(memory.as_floats(a), float(value)),
        walk=lambda: asked.show_walk(memory.as_floats(a)),
        questions=asked.questions(way),
        take=lambda: asked.take(way, a, requires_grad, wrote, trial),
        tries=TRIES,
        functions=(memory.try_out, memory.facts, memory.backward_through, memory.overwrite_saved),
    )


def write_there(picked: str) -> None:
    """Write to the cell that was clicked, through the name that was clicked."""
    if picked:
        st.session_state["to"], st.session_state["cell"] = picked.split()


def without_gradient() -> None:
    """Let a require no gradient."""
    st.session_state["grad"] = False


# ---- what happened ---------------------------------------------------------------------------------------------


def what_happened(trial: Trial, wrote: str | None, gradient: Gradient, overwritten: Overwritten) -> None:
    """The write, the backward, and the write to a number that backward keeps."""
    if trial.making_error:
        frame.refused(f"`b = {trial.code}`: {trial.making_error}", why_not_made(trial), mends_of_making(trial))
    elif trial.writing_error:
        leaf = trial.a.requires_grad and "leaf" in trial.writing_error
        why = N_("The number is none that {dtype} holds.")
        mend: dict[str, Callable[[], None]] = {N_("Write 1"): partial(st.session_state.update, value=1)}
        if leaf:
            why = N_(
                "A leaf that requires a gradient, and a view of one, may be written to under `torch.no_grad()` alone."
            )
            mend = {N_("Let a require no gradient"): without_gradient}
        frame.refused(f"`{wrote}`: {trial.writing_error}", say(why, dtype=trial.a.before.dtype), mend)
    elif wrote and trial.b is not None:
        changed = [name for name, x in (("a", trial.a), ("b", trial.b)) if x.changed]
        st.markdown(say({0: NONE, 1: ONE, 2: BOTH}[len(changed)], trial, wrote=wrote, changed=changed))
    st.markdown(
        say(ARRIVED if gradient.a_grad is not None else NO_GRADIENT if gradient.error else WENT_ELSEWHERE, gradient)
    )
    silent = overwritten.outcome == "right" and memory_is_shared(overwritten.code)
    kept = say("**A number that backward keeps.** With `a = x.exp()`, backward multiplies by a, so autograd saves it. Now `b = {code}`, and `b[:] = 0` writes over b. ", overwritten)  # fmt: skip
    st.markdown(kept + say(ZEROS if silent else OVERWRITTEN[overwritten.outcome], overwritten))


def memory_is_shared(code: str) -> Any:
    """Whether b, made this way from a result of a computation, lies in its memory."""
    return memory.facts(WAYS[code], requires_grad=False).shares_memory


def why_not_made(trial: Trial) -> str:
    """Why there is no b, as far as torch does not say it."""
    a = trial.a
    return say("a has {n:|number|numbers} of {dtype}, and requires_grad is {grad}.", n=len(a.before), dtype=a.before.dtype, grad=a.requires_grad)  # fmt: skip


def mends_of_making(trial: Trial) -> dict:
    """What makes a b, one click each."""
    if len(trial.a.before) < 2:
        return {N_("Take the example's numbers"): partial(st.session_state.update, x_from="example")}
    if memory.as_floats(trial.a.before).dtype != trial.a.before.dtype:
        return {N_("Make a float32"): partial(tensor_input.hold, "x", trial.a.before.float())}
    return {
        N_("Detach it first"): partial(st.session_state.update, way="a.detach().numpy()"),
        N_("Let a require no gradient"): without_gradient,
    }


def table(every: dict, chosen: Way) -> None:
    """All ways in one table, each cell from a run on this a; a click chooses."""
    with st.container(width=int(pictures.TABLE_WIDTH * (PROJECTED if link.projector() else 1)), gap="xxsmall"):
        st.caption(
            _("All ways with this a; click one to choose it. *Kept safe*: is backward still right after `b[:] = 0`?")
        )
        board.show(
            pictures.ways(every, link.projector()), spelled="{note:ways}", picks={"ways": "way"}, name="ways",
            pinned=("ways", (list(WAYS).index(chosen.code), 0)),
        )  # fmt: skip


TRIES = (
    Try("A copy that stays in the graph", "way=a.clone()&grad=true",
        "b has memory of its own, so the write does not reach a. But look at the line on the right: a gradient at b still reaches a. Which step does it go through?"),
    Try("A copy and nothing else", "way=a.detach().clone()&grad=true",
        "Neither a write nor a gradient gets from b to a. Of the two calls, which gives b its memory, and which takes it out of the graph?"),
    Try("A write that nobody notices", "way=a.data&grad=true",
        "Compare the version counters of a and b after the write with those of `a.detach()`. Then read the last paragraph: what does backward come to here?"),
    Try("A slice and a list", "way=a[1:]&grad=false&cell=0",
        "b[0] is a[1]: the same cell of memory, seen from another start. Now choose `a[[0, 1]]` in the table: how many pieces of memory are there?"),
    Try("numpy's view of a", "way=a.detach().numpy()&grad=true",
        "An array over the memory of a: a write to it changes a, and no counter moves. Which way in the table gives an array that is safe to write to?"),
)  # fmt: skip


frame.page("aliases", lesson)
