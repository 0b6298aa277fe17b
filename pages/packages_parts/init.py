"""torch.nn.init: what becomes of weights, activations and gradients through depth."""

import random
from collections.abc import Mapping
from functools import partial

import streamlit as st

from core.experiments import initialising, schemes
from core.experiments.initialising import BATCH, DEEPEST, Setup, Signals
from core.figures import colour
from core.figures import initialising as draw
from core.figures.walk import record
from core.ops import init
from core.tensors.limits import Limits, TensorInputError
from core.tensors.random import parse_shape
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, walk
from core.ui.frame import Pitfall, Try
from core.ui.predict import Question
from core.ui.take_away import TakeAway
from core.words import N_, _, say, spelled
from pages.packages_parts.lesson import NARROW, below

WEIGHT = Limits(ranks=(2, 3, 4, 5), max_side=1024, max_elements=65_536)
SCHEMES = {name: name for name in schemes.SCHEMES}
ACTIVATIONS = {name: name for name in schemes.ACTIVATIONS}
WHAT_IT_DOES = {  # to the mean square of its input, which is symmetric about 0
    "linear": N_(
        "no activation changes it. So the signal keeps its size where fan in · Var(W) is 1, which is Xavier's 2/(fan in + fan out) for a square weight."
    ),
    "relu": N_(
        "relu then sets the negative half to 0, which halves it. So the signal keeps its size where fan in · Var(W) is 2: that is Kaiming's scheme. Xavier's makes it 1, and the signal shrinks by √2 a layer."
    ),
    "tanh": N_(
        "tanh then makes every number smaller, the large ones most. So it holds a signal that would grow below 1, and lets one that shrinks go on shrinking; at a factor of 1, which is Xavier's, the signal shrinks slowly."
    ),
    "sigmoid": N_(
        "sigmoid then moves everything to between 0 and 1, about 1/2. So the activations never vanish. Its slope is at most 1/4, so a layer multiplies the mean square of the gradients by at most a sixteenth of that factor."
    ),
}


def init_part(topic: Topic) -> None:
    """Weights, activations and gradients through depth for a scheme, beside another."""
    with controls.main():
        scheme = controls.choice("scheme", "Scheme", SCHEMES, _("kaiming normal"))
        other = controls.choice("other", "Beside it", SCHEMES, "normal 0.01")
        activation = controls.choice("activation", "Activation", ACTIVATIONS, "relu")
        depth = controls.slider("depth", "Depth", 1, DEEPEST, 8, width=NARROW)
    with controls.more():
        width = controls.slider("width", "Width", 16, 128, 64, step=16, width=NARROW)
        own_scale = controls.toggle("own", "Each histogram on its own scale")
        seed = controls.seed()
    how = Setup(width, activation, seed)
    runs = {name: initialising.run(name, depth, how) for name in dict.fromkeys((scheme, other))}
    show_depth(runs, own_scale)
    say_depth(runs, activation)
    operator = initialising.operator_of(scheme)
    if operator:
        check.show(operator, initialising.call_of(scheme, width), seed)
    below(
        topic, "init", topic.operators, operator=operator, pitfalls=pitfalls(how, depth), questions=QUESTIONS, tries=TRIES,
        walk=partial(walk_gram_schmidt, seed), take=partial(take_depth, scheme, depth, how), functions=(schemes.through_depth, schemes.back_through),
        more={"All schemes": partial(all_schemes, how, depth), "A weight of your shape": partial(own_shape, seed)},
    )  # fmt: skip


def show_depth(runs: Mapping[str, Signals], own_scale: bool) -> None:
    """Standard deviations layer by layer, and the layers' histograms: a layer is the same in all four."""
    st.markdown(
        _(
            "**Look first** at the curves on the left: what has become of the signal after the last layer, and of the gradient on its way back to layer 1?"
        )
    )
    shown = draw.shown_layers(runs)
    panels = [draw.deviations(runs), *(draw.histograms(runs, what, shown, own_scale) for what in draw.PARTS)]
    board.show(
        *panels, links=[draw.same_layer(shown)], spelled={panel.name: f"{{note:{panel.name}}}" for panel in panels}
    )


def say_depth(runs: Mapping[str, Signals], activation: str) -> None:
    """What becomes of the numbers, and why."""
    said = _(
        "After {depth:|layer|layers}, **{scheme}** leaves activations with standard deviation **{last}**, and the gradient at layer 1 has **{back}**."
    )
    st.markdown(" ".join(say(said, run) for run in runs.values()))
    run = next(iter(runs.values()))
    zeros = (
        _(" {zeros:.0%} of the last activations are exactly 0; the histograms leave zeros out.") if run.zeros else ""
    )
    st.markdown(
        say(
            _(
                "A layer multiplies the mean square by fan in · Var(W), where *fan in* is how many numbers each output is made of, here {fan_in}. Under {scheme} that is **{factor}**; "
            )
            + _(WHAT_IT_DOES[activation])
            + zeros,
            run,
        )
    )


def all_schemes(how: Setup, depth: int) -> None:
    """Every scheme's activations through the same depth."""
    runs = {name: initialising.run(name, depth, how) for name in SCHEMES if name != "zeros"}
    board.show(
        draw.schemes({name: initialising.stds(name, how)[:depth] for name in runs}, how.activation), name="schemes"
    )
    rows = [_("| scheme | weights | fan in · Var(W) | activations at the end |"), "|:--|--:|--:|--:|"]
    rows += [say("| {scheme} | {weight} | {factor} | **{last}** |", run) for run in runs.values()]
    st.markdown("\n".join(rows))
    st.caption(
        _(
            "Under zeros every sum is 0 from the first layer on: with relu, tanh or none there is nothing left to draw, and sigmoid makes 1/2 of all."
        )
    )


def own_shape(seed: int) -> None:
    """Fans and standard deviations of a weight of the reader's shape under every scheme."""
    with controls.row("shape"):
        text = controls.text("shape", "Shape (out, in, *kernel)", "16, 4, 3, 3", longest=40, width=220)
    try:
        shape = parse_shape(text, WEIGHT)
    except TensorInputError as refused:
        controls.complain(str(refused))
        return
    fans = initialising.fans(tuple(shape), seed)
    st.markdown(say(
        "**fan in** is how many numbers each output is made of: in · kernel = **{fan_in}**. **fan out** is how many outputs each number goes into: out · kernel = **{fan_out}**. "
        "Xavier draws with standard deviation √(2/({fan_in} + {fan_out})) = **{xavier}**, Kaiming for relu with √(2/{fan_in}) = **{kaiming}**, and `nn.Linear` and `nn.Conv2d` "
        "with 1/√(3·{fan_in}) = **{default}**.", fans,
    ))  # fmt: skip
    rows = [_("| scheme | standard deviation of one draw | smallest | largest |"), "|:--|--:|--:|--:|"]
    rows += [
        f"| {name} | **{spelled(std)}** | {spelled(low)} | {spelled(high)} |"
        for name, (std, low, high) in fans.drawn.items()
    ]
    st.markdown("\n".join(rows))


# ---- below the pictures ----------------------------------------------------------------------------------------

TRIES = (
    Try("√2 a layer", "part=nn.init&scheme=kaiming+normal&other=xavier+normal&depth=20", "Both lines start close together. By how much do they differ at layer 20? Compare with √2 to the 20, which is 1024."),
    Try("Too large", "part=nn.init&scheme=normal+1&other=kaiming+normal&depth=20", "The activations grow by the same factor at every layer: a straight line on this logarithmic axis. The width is 64: which factor is it?"),
    Try("Saturated tanh", "part=nn.init&scheme=normal+1&other=xavier+normal&activation=tanh", "Under normal 1 the activations look well kept: almost all are near ±1, where tanh is flat. Now follow the gradients back to layer 1. They grow a hundredfold: the few units that are not flat hand on a lot, for the weights are large."),
    Try("Sigmoid lets nothing back", "part=nn.init&scheme=xavier+normal&other=kaiming+normal&activation=sigmoid&depth=12", "Follow the gradients from layer 12 back to layer 1. Neither scheme keeps them: the slope of sigmoid is at most 1/4."),
)  # fmt: skip


def pitfalls(how: Setup, depth: int) -> list[Pitfall]:
    """What people believe of initial weights."""
    return [
        Pitfall("All weights 0 is a neutral start", partial(initialising.ties, how.seed),
                "The largest gradients from 0, of weight, bias, weight and bias, are {from_zero}: only the last bias learns, since every other gradient passes through weights of 0. From 0.5 everywhere they "
                "are {from_half}, but the {units} hidden units get **{distinct}** distinct gradient between them, so they stay equal for ever. Random numbers break the tie."),
        Pitfall("`nn.Linear` starts as Kaiming says for relu", partial(initialising.default_beside_kaiming, how),
                "`nn.Linear({width}, {width})` calls `kaiming_uniform_(weight, a=√5)`: its standard deviation is {default} where Kaiming's for relu is {kaiming}, **{ratio:.2f}** times as much (√6 = 2.45). "
                "After {depth} layers of relu, {width} wide, the activations have {default_after} against {kaiming_after}."),
        Pitfall("Xavier or Kaiming: the factor √2 hardly matters", partial(initialising.root_two, how, depth),
                "It counts once a layer. After {depth:|layer|layers} of relu the activations have {kaiming} under Kaiming and {xavier} under Xavier, **{ratio:,.1f}** times as much; √2 to the {depth} is {power:,.1f}."),
        Pitfall("`trunc_normal_` cuts at two standard deviations", initialising.cut_nowhere,
                "Its a = −2 and b = 2 are values, not multiples: with std = 0.02 they lie 100 standard deviations out. Of {draws:,} draws the largest is **{default}**; with a = −0.04 and b = 0.04 it is {at_two}."),
        Pitfall("fan in is the last size of the weight", initialising.fans_of_kernels,
                "A kernel of shape {kernel} has fan in and fan out {fans}: the window counts too. And the tutorial's `W1` of shape {turned}, used as X·W1, would be read as {turned_fans}, the wrong way round: pass `W1.T`."),
    ]  # fmt: skip


def ask_std(draw: random.Random) -> Question:
    """Kaiming's standard deviation."""
    asked = initialising.kaiming_std(draw)
    return Question(
        say("`kaiming_normal_(weight, nonlinearity='relu')` with fan in {fan_in}: which standard deviation?", asked),
        f"{asked.std:.4g}",
        "gain / √fan_in, and the gain of relu is √2.",
    )


def ask_fans(draw: random.Random) -> Question:
    """A kernel's fans."""
    asked = initialising.some_fans(draw)
    return Question(
        say("A kernel of shape {shape}, as (out, in, height, width): fan in and fan out?", asked),
        spelled(asked.fans),
        "fan in = in · height · width, fan out = out · height · width.",
        tolerance=0,
    )


def ask_factor(draw: random.Random) -> Question:
    """What many layers multiply by."""
    asked = initialising.through_relu(draw)
    return Question(say("Weights with standard deviation {std}, fan in {fan_in}, relu: by which factor do {depth:|layer|layers} change the mean square, on average?", asked), f"{asked.factor:.4g}",
                    say("fan in · Var(W) / 2 a layer, to the power of {depth}.", asked))  # fmt: skip


QUESTIONS = (ask_std, ask_fans, ask_factor)


def walk_gram_schmidt(seed: int) -> None:
    """Where an orthogonal matrix comes from: column by column."""
    matrix = initialising.small_matrix(seed)
    steps = record(init.gram_schmidt, matrix, panels=("matrix", "column", "earlier"))
    walk.show(steps, dict.fromkeys(("matrix", "column", "earlier"), colour.signed(matrix)), key="walk")


def take_depth(scheme: str, depth: int, how: Setup) -> TakeAway:
    """The curve of the activations as a script, by hand and with torch's function."""
    drawn = schemes.SCHEMES[scheme]
    options = "".join(f", {name}={value!r}" for name, value in drawn.options.items())
    common = f"{depth}, {how.width}, {how.activation!r}, {how.seed}, {BATCH}"
    script = Script(
        say("Standard deviations under {scheme}", scheme=scheme), {}, (initialising.through_depth_stds, initialising.through_depth_of_torch), (f"std = through_depth_stds({scheme!r}, {common})",), ("std",),
        {"std": f"through_depth_of_torch(torch.nn.init.{drawn.fill.__name__}, {common}{options})"},
    )  # fmt: skip
    return TakeAway(
        script, {"std": initialising.through_depth_stds(scheme, depth, how.width, how.activation, how.seed, BATCH)}
    )
