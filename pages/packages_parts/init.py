"""torch.nn.init: what becomes of weights, activations and gradients through depth."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from torch import Tensor, nn

from core.figures import colour, curves
from core.figures.board import Cells, Panel, Relation
from core.figures.numbers import number
from core.figures.ridges import Ridge, boxes, ridges
from core.figures.walk import record
from core.ops import init
from core.ops.operator import Call
from core.ops.seeded import seeded
from core.tensors.limits import Limits, TensorInputError, times
from core.tensors.random import parse_shape
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, walk
from core.ui.frame import Pitfall
from core.ui.predict import Draw, Question
from core.ui.take_away import TakeAway
from pages.packages_parts.lesson import NARROW, Lesson, kept

DEEPEST, ROWS, BATCH = 20, 10, 64
WEIGHT = Limits(ranks=(2, 3, 4, 5), max_side=1024, max_elements=65_536)


@dataclass(frozen=True)
class Depth:
    """What a drawn network depends on, besides the scheme."""

    width: int
    activation: str
    seed: int


@dataclass(frozen=True)
class Signals:
    """A scheme's network: its layers, and the gradients that come back through them."""

    layers: list[init.Layer]
    gradients: list[Tensor]


@st.cache_resource(max_entries=64, show_spinner=False)
def deepest(scheme: str, how: Depth) -> tuple[init.Layer, ...]:
    """The layers of the deepest network; a shallower one begins with the same."""
    return tuple(init.through_depth(scheme, DEEPEST, how.width, how.activation, how.seed, BATCH))


@st.cache_data(max_entries=256, show_spinner=False)
def forward_spreads(scheme: str, how: Depth) -> list[float]:
    """The activations' standard deviation after each layer of the deepest network."""
    return [init.spread(layer.activation) for layer in deepest(scheme, how)]


def signals(scheme: str, depth: int, how: Depth) -> Signals:
    """Forward and back through `depth` layers."""
    layers = list(deepest(scheme, how)[:depth])
    return Signals(layers, init.back_through(layers, how.seed))


def init_part(topic: Topic) -> Lesson:
    """Weights, activations and gradients through depth for a scheme, beside another."""
    schemes = tuple(init.SCHEMES)
    with controls.main():
        scheme = controls.choice("scheme", "Scheme", schemes, "kaiming normal")
        other = controls.choice("other", "Beside it", schemes, "normal 0.01")
        activation = controls.choice("activation", "Activation", tuple(init.ACTIVATIONS), "relu")
        depth = controls.slider("depth", "Depth", 1, DEEPEST, 8, width=NARROW)
    with controls.more():
        width = controls.slider("width", "Width", 16, 128, 64, step=16, width=NARROW)
        own_scale = controls.toggle("own", "Each histogram on its own scale")
        seed = controls.seed()
    how = Depth(width, activation, seed)
    runs = {name: signals(name, depth, how) for name in dict.fromkeys((scheme, other))}
    show_depth(runs, own_scale)
    say_init(runs, scheme, activation, depth)
    check_scheme(topic, scheme, width, seed)
    return Lesson(
        init_pitfalls(how, depth), init_questions(how, depth), lambda: walk_gram_schmidt(seed),
        lambda: take_weights(scheme, width, seed), (init.through_depth, init.back_through, init.gram_schmidt),
        {"All schemes": lambda: all_schemes(how, depth), "A weight of your shape": lambda: own_shape(seed)},
    )  # fmt: skip


PARTS = ("weights", "activations", "gradients")


def show_depth(runs: Mapping[str, Signals], own_scale: bool) -> None:
    """Spreads layer by layer, and the layers' histograms: a layer ("l") is the same in all four."""
    name, *_ = runs
    count = len(runs[name].layers)
    rows = min(count, ROWS)
    shown = sorted({round(i * (count - 1) / max(rows - 1, 1)) for i in range(rows)})
    board.show(
        spreads_panel(runs), *(ridges_panel(runs, what, shown, own_scale) for what in PARTS),
        links=[Relation("r l", np.array([(row, i + 1) for row, i in enumerate(shown)]))],
        spelled={panel: f"{{note:{panel}}}" for panel in ("spread", *PARTS)},
    )  # fmt: skip


def spreads_panel(runs: Mapping[str, Signals]) -> Panel:
    """Standard deviations layer by layer, on the way forward and on the way back."""
    series = {}
    for name, run in runs.items():
        layers = range(1, len(run.layers) + 1)
        series[f"{name}, activations"] = (layers, [positive(init.spread(layer.activation)) for layer in run.layers])
        series[f"{name}, gradients"] = (layers, [positive(init.spread(g)) for g in run.gradients])
    figure = curves.lines(
        series, curves.Axis("layer"), logarithmic("standard deviation", [y for _, ys in series.values() for y in ys]),
        title="Spread", height=304, markers=True,
    )  # fmt: skip
    points = [(name, layer, y) for name, (layers, ys) in series.items() for layer, y in zip(layers, ys, strict=True)]
    notes = [f"Layer {layer}, {name}: standard deviation **{number(y)}**." for name, layer, y in points]
    cells = Cells(
        "line l", (len(series), len(points) // len(series)), origin=(0, 1), texts=notes, notes=notes,
        spots=[(layer, y) if math.isfinite(y) else None for _, layer, y in points],
    )  # fmt: skip
    said = "; ".join(f"{name} from {number(ys[0])} to {number(ys[-1])}" for name, (_, ys) in series.items())
    return Panel("spread", figure, f"Standard deviation from the first layer to the last: {said}", cells, stretch=270)


def logarithmic(title: str, values: Sequence[float]) -> curves.Axis:
    """A logarithmic axis with at most six powers of ten on it."""
    powers = [math.log10(value) for value in values if 0 < value < math.inf] or [0.0]
    return curves.Axis(title, log=True, step=max(1, math.ceil((max(powers) - min(powers)) / 6)))


def positive(value: float) -> float:
    """A number for a logarithmic axis, which has no 0."""
    return value if value > 0 else math.nan


def ridges_panel(runs: Mapping[str, Signals], what: str, shown: Sequence[int], own_scale: bool) -> Panel:
    """A histogram for each layer shown, ten at most; zeros, of which relu makes a half, are left out."""
    name, *_ = runs
    spreads = [init.spread(values_of(runs[name], what)[i]) for i in shown]
    reaches = [4 * s if 0 < s < math.inf else 4.0 for s in spreads]
    reaches = reaches if own_scale else [max(reaches)] * len(shown)
    series = {
        name: [ridge(values_of(run, what)[i], i, reach, own_scale) for i, reach in zip(shown, reaches, strict=True)]
        for name, run in runs.items()
    }
    title = f"{what.capitalize()}, layer by layer"
    figure = ridges(series, what, title=title, width=198, row=min(30, 200 // len(shown)), own_scale=own_scale)
    notes = [
        f"Layer {i + 1}: the standard deviation of the {what} is "
        + ", ".join(
            f"**{number(init.spread(values_of(run, what)[i]))}** under {scheme}" for scheme, run in runs.items()
        )
        + "."
        for i in shown
    ]
    cells = Cells("r", (len(shown),), texts=notes, notes=notes, boxes=boxes(series[name], own_scale))
    said = ", ".join(f"layer {i + 1} {number(s)}" for i, s in zip(shown, spreads, strict=True))
    alt = f"Histograms of the {what}, layer by layer; standard deviations under {name}: {said}"
    return Panel(what, figure, alt, cells)


def ridge(values: Tensor, i: int, reach: float, own_scale: bool) -> Ridge:
    """One layer's histogram; as tall as the share of the numbers that it holds."""
    values = values[values != 0]
    drawn = init.histogram(values, 30, reach)
    share = sum(drawn.counts) / max(values.numel(), 1)
    return Ridge(f"{i + 1} ±{number(reach, 2)}" if own_scale else f"{i + 1}", drawn, share)


def values_of(run: Signals, what: str) -> list[Tensor]:
    """The tensors to draw, a layer each."""
    if what == "gradients":
        return run.gradients
    return [layer.weight if what == "weights" else layer.activation for layer in run.layers]


def say_init(runs: Mapping[str, Signals], scheme: str, activation: str, depth: int) -> None:
    """What becomes of the numbers, and why."""
    last = runs[scheme].layers[-1]
    width = len(last.weight)
    zeros = (last.activation == 0).double().mean().item()
    ends = "; ".join(
        f"{name}: activations **{number(init.spread(run.layers[-1].activation))}**, gradients at layer 1 "
        f"**{number(init.spread(run.gradients[0]))}**"
        for name, run in runs.items()
    )
    st.markdown(
        f"fan in {width}, fan out {width}. Under {scheme} the weights have standard deviation {number(init.spread(last.weight))}. After {depth} {'layer' if depth == 1 else 'layers'} of "
        f"{activation}: {ends}; {zeros:.0%} of the activations are exactly 0 (left out of the histograms). A layer multiplies the mean square by "
        "fan in · Var(W), and relu halves it: Kaiming's Var(W) = 2/fan in makes the two cancel, Xavier's 2/(fan in + fan out) leaves the relu out."
    )


def check_scheme(topic: Topic, scheme: str, width: int, seed: int) -> None:
    """The scheme's function against torch's, where it draws anything."""
    drawn = init.SCHEMES[scheme]
    for operator in topic.operators:
        if operator.manual is drawn.fill:
            check.show(operator, Call((torch.empty(width, width),), drawn.options), seed)


def all_schemes(how: Depth, depth: int) -> None:
    """Every scheme's activations through the same depth."""
    runs = {name: forward_spreads(name, how)[:depth] for name in init.SCHEMES if name != "zeros"}
    figure = curves.lines(
        {name: (range(1, depth + 1), [positive(v) for v in values]) for name, values in runs.items()},
        curves.Axis("layer"), logarithmic("standard deviation", [y for ys in runs.values() for y in ys]), title=f"Activations under {how.activation}", height=420, markers=True,
    )  # fmt: skip
    said = "; ".join(f"{name} ends at {number(v[-1])}" for name, v in runs.items())
    board.alone(figure, said, name="schemes", width=700)
    rows = ["| scheme | weights | activations at the end | a layer multiplies by |", "|:--|--:|--:|--:|"]
    for name, values in runs.items():
        factor = (values[-1] / values[0]) ** (1 / (depth - 1)) if depth > 1 and values[0] else math.nan
        weights = init.spread(deepest(name, how)[0].weight)
        rows.append(f"| {name} | {number(weights)} | **{number(values[-1])}** | {number(factor)} |")
    st.markdown("\n".join(rows))
    st.caption("Under zeros every activation is 0 from the first layer on: nothing to draw on a logarithmic axis.")


def own_shape(seed: int) -> None:
    """Fans and spreads of a weight of the reader's shape under every scheme."""
    with controls.row("shape"):
        text = controls.text("shape", "Shape (out, in, *kernel)", "16, 4, 3, 3", longest=40, width=220)
    try:
        shape = parse_shape(text, WEIGHT)
    except TensorInputError as refused:
        controls.complain(str(refused))
        return
    fan_in, fan_out = init.fan_in_and_fan_out(torch.empty(shape))
    st.markdown(
        f"fan in = in · kernel = **{fan_in}**, fan out = out · kernel = **{fan_out}**. "
        f"Xavier: √(2/({fan_in} + {fan_out})) = **{number((2 / (fan_in + fan_out)) ** 0.5)}**; Kaiming for relu: √(2/{fan_in}) = **{number((2 / fan_in) ** 0.5)}**; "
        f"as `nn.Linear` and `nn.Conv2d` draw: 1/√(3·{fan_in}) = **{number((1 / (3 * fan_in)) ** 0.5)}**."
    )
    rows = ["| scheme | standard deviation drawn | smallest | largest |", "|:--|--:|--:|--:|"]
    for name, scheme in init.SCHEMES.items():
        W = scheme(torch.empty(shape), torch.Generator().manual_seed(seed))
        std = W.std(correction=0).item()
        rows.append(f"| {name} | **{number(std)}** | {number(W.min().item())} | {number(W.max().item())} |")
    st.markdown("\n".join(rows))


def walk_gram_schmidt(seed: int) -> None:
    """Where an orthogonal matrix comes from: column by column."""
    matrix = torch.randn(4, 3, generator=torch.Generator().manual_seed(seed)).round(decimals=2)
    steps = record(init.gram_schmidt, matrix, panels=("matrix", "column", "earlier"))
    scale = colour.signed(matrix)
    walk.show(steps, dict.fromkeys(("matrix", "column", "earlier"), scale), key="walk")


def init_pitfalls(how: Depth, depth: int) -> list[Pitfall]:
    """What people believe of initial weights."""
    return [
        Pitfall("All weights 0 is a neutral start", lambda: zeros_never_break(how.seed)),
        Pitfall("`nn.Linear` starts as Kaiming says for relu", lambda: default_is_smaller(how.width)),
        Pitfall("Xavier or Kaiming: the factor √2 hardly matters", lambda: root_two(depth)),
        Pitfall("`trunc_normal_` cuts at two standard deviations", cut_nowhere),
        Pitfall("fan in is the last size of the weight", fan_of_kernels),
    ]


@kept
def zeros_never_break(seed: int) -> None:
    """Gradients of a network that starts at 0, and of one that starts at equal numbers."""
    said = []
    for value in (0.0, 0.5):
        model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
        for p in model.parameters():
            init.constant_(p, value)
        (model(torch.randn(5, 4, generator=torch.Generator().manual_seed(seed))) - 1).pow(2).sum().backward()
        grads = [p.grad for p in model.parameters() if p.grad is not None]
        said.append((", ".join(number(g.abs().max().item()) for g in grads), len(grads[0].unique(dim=0))))
    st.markdown(
        f"Largest gradients from 0 (weight, bias, weight, bias): {said[0][0]}. Only the last bias learns: each layer's gradient passes through weights of 0. "
        f"From 0.5 everywhere: {said[1][0]}, but the three hidden units get **{said[1][1]}** distinct gradient: they stay equal for ever. Random numbers break the tie."
    )


def spread_after(scheme: str, depth: int) -> float:
    """The activations' standard deviation after so many layers of relu, 64 wide."""
    *_, last = init.through_depth(scheme, depth, 64, "relu", 0, BATCH)
    return init.spread(last.activation)


@kept
def default_is_smaller(width: int) -> None:
    """The default's spread against Kaiming's, on a layer of torch's own."""
    with seeded(0):
        torch_layer = nn.Linear(width, width)
    ours, kaiming = (spread_after("as nn.Linear", 8), spread_after("kaiming normal", 8))
    st.markdown(
        f"`nn.Linear({width}, {width})` calls `kaiming_uniform_(weight, a=√5)`: standard deviation {number(init.spread(torch_layer.weight.detach()))} where Kaiming "
        f"for relu has {number((2 / width) ** 0.5)}, √6 times as much. After 8 layers of relu the activations have {number(ours)} against {number(kaiming)}."
    )


@kept
def root_two(depth: int) -> None:
    """The two schemes at the end of the network on screen."""
    ends = [spread_after(name, depth) for name in ("kaiming normal", "xavier normal")]
    st.markdown(
        f"It counts once a layer: after {depth} layers of relu the activations have {number(ends[0])} under Kaiming and {number(ends[1])} under Xavier, "
        f"**{number(ends[0] / ends[1])}** times apart; √2 to the {depth} is {number(2 ** (depth / 2))}."
    )


@kept
def cut_nowhere() -> None:
    """How many values the default bounds cut."""
    generator = torch.Generator().manual_seed(0)
    default, two = (
        init.trunc_normal_(torch.empty(10_000), std=0.02, generator=generator, **bounds).abs().max().item()
        for bounds in ({}, {"a": -0.04, "b": 0.04})
    )
    st.markdown(
        f"Its a = −2 and b = 2 are values, not multiples: with std = 0.02 they lie 100 of them out. Of 10,000 draws the largest is **{number(default)}**; with "
        f"a = −0.04, b = 0.04 it is {number(two)}."
    )


@kept
def fan_of_kernels() -> None:
    """Fans of a kernel, and of a weight that is used the other way round."""
    kernel, turned = torch.empty(16, 4, 3, 3), torch.empty(784, 256)
    st.markdown(
        f"A kernel {times(kernel.shape)} has fan in and out {init.fan_in_and_fan_out(kernel)}: the window counts. And the tutorial's `W1`, {times(turned.shape)}, used as X·W1, would be "
        f"read as {init.fan_in_and_fan_out(turned)}, the wrong way round: pass `W1.T`."
    )


def init_questions(how: Depth, depth: int) -> list[Draw]:
    """On spreads and fans."""

    def std(draw: random.Random) -> Question:
        fan_in = draw.choice((32, 50, 128, 200))
        return Question(
            f"kaiming_normal_ for relu, fan in {fan_in}: which standard deviation?", f"{init.calculate_gain('relu') / fan_in**0.5:.4g}",
            "gain / √fan_in, and the gain of relu is √2.", tolerance=0.02,
        )  # fmt: skip

    def fans(draw: random.Random) -> Question:
        shape = (draw.choice((8, 16)), draw.choice((3, 4)), 3, 3)
        return Question(
            f"A kernel of shape {times(shape)}: fan in and fan out?", ", ".join(map(str, init.fan_in_and_fan_out(torch.empty(shape)))),
            "in · kernel cells, and out · kernel cells.",
        )  # fmt: skip

    def after(_: random.Random) -> Question:
        ends = {name: forward_spreads(name, how)[depth - 1] for name in ("normal 0.01", "kaiming normal", "normal 1")}
        largest = max(ends, key=lambda name: ends[name] if math.isfinite(ends[name]) else math.inf)
        return Question(
            f"After {depth} layers of {how.activation}, {how.width} wide: which scheme has the widest activations?", largest,
            "; ".join(f"{name}: {number(value)}" for name, value in ends.items()) + ".", options=tuple(ends),
        )  # fmt: skip

    return [std, fans, after]


def take_weights(scheme: str, width: int, seed: int) -> TakeAway:
    """Weights drawn by hand and by torch, as a script."""
    drawn = init.SCHEMES[scheme]
    options = "".join(f", {name}={value!r}" for name, value in drawn.options.items())
    name = drawn.fill.__name__
    script = Script(
        "Initial weights", {"empty": torch.zeros(width, width)}, (drawn.fill,), (f"weights = {name}(empty.clone(){options})",), ("weights",),
        {"weights": f"torch.nn.init.{name}(empty.clone(){options})"}, seed,
    )  # fmt: skip
    return TakeAway(script)
