"""ReLU and its neighbours: curve and slope, on a tensor, at 0, and how units die over depth."""

import random
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from core.experiments import activations as runs
from core.experiments.activations import Activation, Run
from core.figures import activations as draw
from core.tensors.dtypes import as_floats
from core.topics import Topic
from core.ui import board, check, controls, frame, take_away, tensor_input, walk
from core.ui.frame import Try
from core.ui.predict import Draw, Question
from core.words import N_, _, listed, say
from pages.activations_parts.pitfalls import pitfalls
from pages.activations_parts.tabs import at_zero, depth

NARROW, WIDE = 112, 150  # pixels of a control
NUMBERS = (-3.0, -2.0, -1.5, -0.5, 0.5, 1.5)  # that the questions are about
NAMES = tuple(runs.ACTIVATIONS)
FORMULAS = {  # the function, its slope
    "relu": ("max(x, 0)", N_("1 above 0, else 0")),
    "leaky_relu": (N_("x above 0, else negative_slope · x"), N_("1 above 0, else negative_slope")),
    "elu": (N_("x above 0, else alpha·(exp(x) − 1)"), N_("1 above 0, else alpha·exp(x)")),
    "gelu": (N_("x·Φ(x) with Φ(x) = ½(1 + erf(x/√2))"), N_("Φ(x) + x·φ(x), φ being the bell curve exp(−x²/2)/√(2π)")),
    "silu": ("x·σ(x) = x/(1 + exp(−x))", "σ(x) + x·σ(x)(1 − σ(x))"),
    "softplus": (N_("log(1 + exp(beta·x))/beta, and x itself where beta·x > 20"), "σ(beta·x)"),
    "tanh": ("(exp(x) − exp(−x))/(exp(x) + exp(−x))", "1 − tanh(x)²"),
    "sigmoid": ("σ(x) = 1/(1 + exp(−x))", N_("σ(x)(1 − σ(x)), ¼ at most")),
    "logsigmoid": ("log σ(x)", "1 − σ(x)"),
}
GELU_BY_TANH = (N_("x·Φ(x) with Φ(x) ≈ ½(1 + tanh(√(2/π)(x + 0.044715x³)))"), "Φ(x) + x·Φ′(x)")
VERSIONS = {
    "textbook": N_("the tutorial's or a book's"),
    "manual": N_("the whole function"),
    "backward": N_("its gradient"),
}
TRIES = (
    Try("The corner at 0", "f=relu&x_from=typed&x=[-2.0, -0.5, 0.0, 0.5, 2.0]",
        "The number in the middle is exactly 0 and stands in the corner of the curve, where any slope from 0 to 1 would do: torch takes 0. Choose `leaky_relu`: does its slope there come from the left or from the right? The tab *At 0* has them all."),
    Try("Where gelu falls", "f=gelu&beside=relu&x_from=typed&x=[-3.0, -1.5, -0.75, -0.25, 0.5]",
        "The first two slopes are below 0: there gelu falls while x rises, so a gradient changes its sign on the way back. Between which two of the five numbers does gelu turn?"),
    Try("A saturated sigmoid", "f=sigmoid&x_from=typed&x=[-10.0, -4.0, 0.0, 4.0, 10.0]",
        "At ±10 the curve is level and hardly any gradient returns; the largest slope, ¼, is at 0. How much would be left of a gradient that meets ¼ five times?"),
    Try("Infinity and NaN", "f=silu&x_from=typed&x=[-inf, -1.0, 1.0, inf, nan]",
        "The first output is NaN: silu multiplies −∞ by σ(−∞) = 0. The last is NaN because its input is. Choose `relu`: which of the two NaNs is left?"),
    Try("A network that dies", "f=relu&tab=Through depth&bias=-1&depth=10",
        "With a bias of −1 ever more units are 0 for every sample, from layer to layer, until none is left and no gradient returns. How far up must the bias go for the tenth layer to live?"),
)  # fmt: skip


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.main():
        name = controls.choice("f", "Activation", NAMES, width=WIDE)
        chosen = Activation(name, settings_of(name))
        beside = controls.choice("beside", "Beside it", ("none", *NAMES), width=WIDE)
    with controls.more():
        sized = tensor_input.source("x") == "example"
        size = controls.slider("size", "Size", 2, 12, 5, width=NARROW) if sized else 5
        seed = controls.seed()
        x = tensor_input.tensor("x", "Input", runs.example(size, seed), runs.LIMITS, images=True)
        cell = controls.cell("cell", "Picked cell", x.shape) or (0,) * x.dim()
    run = runs.run(chosen, x)
    show(run, cell, None if beside in ("none", name) else Activation(beside))
    frame.below(
        replace(topic, operators=runs.OPERATORS),
        tries=TRIES,
        pitfalls=pitfalls(run, seed),
        walk=lambda: walk_through(chosen, run),
        questions=questions(chosen),
        take=None if run.refusal else partial(take, run),
        more={"Through depth": lambda: depth(chosen, seed), "At 0": lambda: at_zero(chosen)},
        operator=chosen.operator,
    )


def settings_of(name: str) -> dict[str, Any]:
    """The activation's own arguments, by torch's names."""
    if name == "leaky_relu":
        key = "negative_slope"
        return {key: controls.slider(key, key, 0.0, 1.0, 0.01, step=0.01, width=130)}
    if name == "elu":
        return {"alpha": controls.slider("alpha", "alpha", 0.1, 3.0, 1.0, step=0.1, width=NARROW)}
    if name == "softplus":
        return {"beta": controls.slider("beta", "beta", 0.5, 10.0, 1.0, step=0.5, width=NARROW)}
    if name == "gelu":
        return {
            "approximate": controls.choice(
                "approximate", "approximate", {kind: f"`{kind}`" for kind in ("none", "tanh")}
            )
        }
    return {}


def formulas(f: Activation) -> tuple[str, str]:
    """The function and its slope, as they are written in books."""
    function, slope = GELU_BY_TANH if f.settings.get("approximate") == "tanh" else FORMULAS[f.name]
    return _(function), _(slope)


# ---- the pictures ----------------------------------------------------------------------------------------------


def show(run: Run, cell: tuple[int, ...], beside: Activation | None) -> None:
    """The three tensors and the curve, what they say, and the check."""
    axes, name = board.axes_of(run.x), run.activation.name
    formula, steep = formulas(run.activation)
    st.markdown(say("`{name}(x)` = {formula}. On the way back each gradient is multiplied by the slope: {steep}.",
                          {"name": name, "formula": formula, "steep": steep}))  # fmt: skip
    if run.refusal:
        says = _(
            "`{name}` takes floating-point numbers, and the input is {x.dtype}. The slopes below are those of the same numbers as {slope.dtype}."
        )
        floats = partial(tensor_input.hold, "x", as_floats(run.x))
        frame.refused(run.refusal, say(says, run, name=name), {"Make the input float32": floats})
    told = _("`{at:y}` = {f}({x}) = **{y}**; the slope is **{slope}**: a gradient of 1 arrives at `{at:x}` as {slope}.")
    if run.y is None:
        told = _("At `{at:x}` = {x} the slope is **{slope}**: a gradient of 1 arrives at `{at:x}` as {slope}.")
    board.show(
        *draw.tensors(run, axes), draw.curve(run, cell, beside, axes),
        spelled=told.replace("{f}", name),
        picks=dict.fromkeys(("x", "y", "slope", "curve"), "cell"), pinned=("x", cell), cell=draw.cell(run),
    )  # fmt: skip
    if not run.refusal:
        st.markdown(say(in_words(run), run))
        check.show(run.activation.operator, run.call)


def in_words(run: Run) -> str:
    """What to see in the tensors."""
    said = _(
        "**{zeros}** of {cells:|output|outputs} and **{flat}** of the slopes are 0: where a slope is 0, no gradient returns."
        if run.flat
        else "**{zeros}** of {cells:|output|outputs} and **{flat}** of the slopes are 0."
    )
    if run.x.dtype != run.slope.dtype:
        said += _(
            " The input is {x.dtype}, which has no gradient: the slopes are those of the same numbers as {slope.dtype}."
        )
    if run.new_nans:
        said += _(" {new_nans:|output is|outputs are} NaN although the input is not: −∞ is multiplied by 0 there.")
    if run.nans_of_torch:
        said += _(
            " And torch's own kernel for many numbers gives NaN at {nans_of_torch:|more output|more outputs}, where the formula does not."
        )
    return said


# ---- walk, questions, take away --------------------------------------------------------------------------------


def walk_through(f: Activation, run: Run) -> None:
    """One of the versions of the chosen activation, line by line."""
    version = controls.choice("version", "Version", {name: VERSIONS[name] for name in draw.versions(f)})
    if run.x.dtype != run.slope.dtype:
        st.caption(say("Walked with the input as {slope.dtype}.", run))
    walk.show(*draw.walk(f, run.x, version), key=f"walk {f.name} {version}")


def questions(f: Activation) -> list[Draw]:
    """Questions about numbers that are drawn, while the pictures that would tell are covered."""
    given = "".join(f", {key} = {value}" for key, value in f.settings.items())
    formula, steep = formulas(f)

    def value(draw: random.Random) -> Question:
        x = draw.choice(NUMBERS)
        ask = say("What is {f}({x}){given}?", {"f": f.name, "x": x, "given": given})
        return Question(
            ask, f"{f.at(x):.4g}", say("{f}(x) = {formula}.", f=f.name, formula=formula), covers=("y", "curve")
        )

    def passed_on(draw: random.Random) -> Question:
        x, above = draw.choice(NUMBERS), draw.choice((2, -1, 10))
        ask = _("A gradient of {above} arrives at {f}({x}){given}. How much of it is passed on to x?")
        asked = say(ask, {"f": f.name, "x": x, "given": given, "above": above})
        why = say("It is multiplied by the slope: {steep}.", steep=steep)
        return Question(asked, f"{above * f.slope_at(x):.4g}", why, covers=("slope", "curve"))

    def flat(draw: random.Random) -> Question:
        xs = [draw.choice((-2.0, -0.5, 0.0, 0.5, 3.0)) for _ in range(6)]
        why = _("Those at all numbers that are not above 0: at 0 itself torch takes 0.")
        return Question(
            say("How many of the slopes of relu at {xs} are 0?", xs=listed(xs)),
            str(runs.flat_of_relu(xs)),
            why,
            tolerance=0,
        )

    def bound(draw: random.Random) -> Question:
        layers = draw.choice((3, 5, 8))
        facts = runs.saturation(runs.example(2, 0), layers)
        ask = say(
            "A sigmoid's slope is ¼ at most. Which bound does that give for a gradient of 1 on its way through {layers} sigmoids?",
            layers=layers,
        )
        why = _(
            "The slopes multiply. Really {most} arrive at most: no sigmoid's output is 0, where the next one is steepest."
        )
        return Question(ask, f"{facts.bound:.4g}", say(why, facts))

    return [value, passed_on, flat, bound]


def take(run: Run) -> take_away.TakeAway:
    """The run on screen as a script, and its tensors."""
    assert run.y is not None
    tensors = {"x": run.x, "output": run.y, "slope": run.slope}
    return take_away.of(
        run.activation.operator, run.call, tensors, title=say("Activation: {name}", name=run.activation.name)
    )


frame.page("activations", lesson)
