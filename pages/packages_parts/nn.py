"""torch.nn: the layers of a small network, with shapes and parameters as it runs."""

import copy
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st
import torch
from torch import Tensor, nn

from core import compare
from core.calls import Outcome
from core.data import digit, mnist
from core.experiments import network
from core.experiments.network import Passed
from core.figures import colour, curves
from core.figures.board import Cells, Panel
from core.figures.gallery import panel, signed_bytes
from core.figures.heatmap import Picture
from core.figures.numbers import number
from core.figures.walk import record
from core.ops.activations import gelu, relu, tanh
from core.ops.batch_norm import batch_norm
from core.ops.convolution import conv2d
from core.ops.dropout import dropout
from core.ops.pooling import max_pool2d
from core.tensors.limits import Limits, times
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, frame, tensor_input, walk
from core.ui.frame import Pitfall
from core.ui.predict import Draw, Question
from core.ui.take_away import TakeAway
from pages.packages_parts.lesson import NARROW, Lesson, kept, refusal

IMAGE = Limits(ranks=(2,), max_side=28, max_elements=784)


@dataclass(frozen=True)
class Net:
    """A network, its input, and its run."""

    model: nn.Sequential
    x: Tensor  # (N, 1, H, W)
    layers: list[Passed]
    seed: int


def nn_part(_: Topic) -> Lesson | None:
    """The layers of a small network, with shapes and parameters as it runs."""
    row, more = controls.main(), controls.more()
    net = frame.attempt("network", lambda: choose_network(row, more))
    if net is None:
        return None
    with row:
        chosen = controls.slider("layer", "Layer to look at", 0, len(net.layers) - 1, 0)
    with more:
        which = controls.slider("sample", "of sample", 0, len(net.x) - 1, 0, width=NARROW)
    show_layers(net, chosen, which)
    st.markdown(table_of(net, chosen))
    say_network(net)
    return Lesson(
        nn_pitfalls(net), nn_questions(net), lambda: walk_layers(net.seed), lambda: take_network(net),
        (network.run, network.by_hand, network.two_layers),
    )  # fmt: skip


def choose_network(row: Any, more: Any) -> Net:
    """The network that the controls describe, and its run on the input."""
    with row:
        channels = controls.slider("channels", "Channels", 1, 16, 4, width=NARROW)
        kernel_size = controls.slider("kernel_size", "kernel_size", 1, 9, 5, width=NARROW)
        hidden = controls.slider("hidden", "Hidden units", 8, 128, 32, step=8, width=NARROW)
        norm = controls.toggle("norm", "BatchNorm2d")
        drop = controls.toggle("drop", "Dropout")
    with more:
        act = controls.choice("act", "Activation", tuple(network.ACTIVATIONS))
        mode = controls.choice("mode", "Mode", ("train", "eval"))
        batch = controls.slider("n", "Batch", 1, 16, 4, width=NARROW)
        seed = controls.seed()
        image = tensor_input.tensor("x", "First image", digit(0), IMAGE, images=True).float()
    others = mnist().train_images[1:batch].float() / 255
    alike = image.shape == (28, 28)
    x = torch.cat([image[None], others])[:, None] if alike else image.expand(batch, 1, *image.shape).contiguous()
    model = network.build((image.shape[0], image.shape[1]), channels, kernel_size, hidden, act, norm, drop, seed)
    model.train(mode == "train")
    return Net(model, x, network.run(model, x, seed), seed)


def table_of(net: Net, chosen: int) -> str:
    """Each layer, the shape that comes out of it, and its parameters."""
    rows = ["| | layer | comes out | parameters |", "|--:|:--|:--|:--|", f"| | input | {times(net.x.shape)} | |"]
    for i, layer in enumerate(net.layers):
        name = f"**`{layer.name}`** ◂" if i == chosen else f"`{layer.name}`"
        learns = " + ".join(map(times, layer.shapes)) + f" = **{layer.parameters:,}**" if layer.shapes else ""
        rows.append(f"| {i} | {name} | {times(layer.output.shape)} | {learns} |")
    total = sum(layer.parameters for layer in net.layers)
    return "\n".join(rows) + f"\n| | together | | **{total:,}** |"


def show_layers(net: Net, chosen: int, which: int) -> None:
    """What comes out of the chosen layer, beside what every layer holds, hands on and works; a pin there chooses."""
    bars, output = costs_panel(net), output_panel(net.layers[chosen], which)
    names = [part.name for part in (output, bars) if isinstance(part, (Panel, Picture))]

    def choose(layer: str) -> None:
        st.session_state["layer"] = int(layer)

    board.show(
        output, bars, spelled={name: f"{{note:{name}}}" for name in names}, picks={"costs": choose},
        pinned=("costs", (1, chosen)),
    )  # fmt: skip


def output_panel(layer: Passed, which: int) -> Panel | Picture:
    """One sample after a layer: channels as images, vectors as rows of 32, scores as numbers."""
    output = layer.output[which].detach()
    title = f"sample {which} after {layer.name.split('(')[0]}, {times(output.shape)}"
    if output.numel() <= network.CLASSES:
        says = [f"The score of class {i} is **{number(value)}**." for i, value in enumerate(output.tolist())]
        return Picture("output", output, colour.signed(output), title, axes="unit", notes=says, side=36)
    if output.dim() == 1:
        padded = torch.zeros(-(-len(output) // 32) * 32)
        padded[: len(output)] = output
        output = padded.view(1, -1, 32)
    across = math.ceil(len(output) ** 0.5)
    pixel = min(6.0, 380 / (across * output.shape[2]), 260 / (-(-len(output) // across) * output.shape[1]))
    says = [
        f"channel {c}: {number(o.min().item())} to {number(o.max().item())}, orange above 0, blue below"
        for c, o in enumerate(output)
    ]
    return panel(
        "output", signed_bytes(output), says, axes="unit", across=across, pixel=pixel, title=title,
        colours=colour.SIGNED,
    )  # fmt: skip


def costs_panel(net: Net) -> Panel:
    """Parameters, numbers and products of each layer, as bars whose ends can be pointed at."""
    n = len(net.x)
    series = {
        "parameters": [layer.parameters for layer in net.layers],
        "numbers a sample": [layer.output.numel() // n for layer in net.layers],
        "multiply-adds a sample": [layer.multiply_adds // n for layer in net.layers],
    }
    names = [f"{i} {layer.name.split('(')[0]}" for i, layer in enumerate(net.layers)]
    figure = curves.bars(
        {name: (names, [float(v) for v in values]) for name, values in series.items()},
        curves.Axis(), curves.Axis("how many", log=True), title="What each layer holds, hands on and works", height=300,
    )  # fmt: skip
    spots = [  # the middle of each bar's end; a third of 0.8 of a layer's room is a bar's width
        (i + 0.8 * (k - 1) / 3, float(v)) if v else None
        for k, values in enumerate(series.values())
        for i, v in enumerate(values)
    ]
    notes = [f"`{names[i]}`: **{v:,}** {name}." for name, values in series.items() for i, v in enumerate(values)]
    cells = Cells("series layer", (3, len(names)), spots=spots, texts=notes, notes=notes, group="layer")
    said = "; ".join(f"{name}: " + ", ".join(f"{v:,}" for v in values) for name, values in series.items())
    return Panel("costs", figure, said, cells, picks=[str(i) for _ in series for i in range(len(names))], stretch=500)


def both(model: nn.Sequential, x: Tensor, seed: int) -> tuple[Outcome, Outcome]:
    """Output and gradients by hand, and by torch."""

    def outcome(version: Callable[[nn.Sequential, Tensor, int], Tensor]) -> Outcome:
        own = copy.deepcopy(model)  # a run moves the running statistics
        y = version(own, x, seed)
        return Outcome([y], torch.autograd.grad(y.square().sum(), list(own.parameters())))

    return outcome(network.by_hand), outcome(lambda *run: network.run(*run)[-1].output)


def say_network(net: Net) -> None:
    """The check against the operators written by hand, and what a convolution saves."""
    double = copy.deepcopy(net.model).double()
    ours, theirs = both(net.model, net.x, net.seed)
    check.say("network", compare.outcomes(ours, theirs, judge=lambda: both(double, net.x.double(), net.seed)))
    first = net.layers[0]
    dense = net.x[0].numel() * first.output[0].numel()
    st.markdown(
        f"The convolution makes {first.output[0].numel():,} numbers from {net.x[0].numel()} with **{first.parameters}** parameters; a "
        f"`Linear` for the same would have {dense:,}. `Flatten`, pooling and activations have none."
    )


def walk_layers(seed: int) -> None:
    """Two small layers on four numbers, a line a layer."""
    generator = torch.Generator().manual_seed(seed)
    x, W1, b1, W2, b2 = (
        torch.randint(-2, 3, shape, generator=generator).float() for shape in ((4,), (3, 4), (3,), (2, 3), (2,))
    )
    steps = record(network.two_layers, x, W1, b1, W2, b2, panels=("x", "W1", "b1", "h", "a", "W2", "b2", "y"))
    scale = colour.Scale(colour.SIGNED, -8.0, 8.0)
    walk.show(steps, dict.fromkeys(("x", "W1", "b1", "h", "a", "W2", "b2", "y"), scale), key="walk")


def nn_pitfalls(net: Net) -> list[Pitfall]:
    """What people believe of modules, the tutorial's own sentence first."""
    return [
        Pitfall("The tutorial: torch.nn “defines layers”, so a layer is its formula", layers_hold_state),
        Pitfall("A module's layers may stand in a plain list", plain_list),
        Pitfall("`layer.forward(x)` is `layer(x)`", forward_skips_hooks),
        Pitfall("A Linear layer takes the images as they come", lambda: linear_takes_rows(tuple(net.x.shape))),
        Pitfall("`eval()` switches the gradients off", eval_keeps_gradients),
    ]


@kept
def layers_hold_state() -> None:
    """Parameters, buffers and training mode of three layers."""
    rows = [
        f"{type(layer).__name__}: {sum(p.numel() for p in layer.parameters())} parameters, {len(list(layer.buffers()))} buffers"
        for layer in (nn.Linear(4, 3), nn.BatchNorm1d(4), nn.Dropout())
    ]
    st.markdown(
        f"A layer is a formula **and** what it keeps: {'; '.join(rows)}. And `training` = {nn.Dropout().training} until "
        "`eval()`. The bare formulas are in `torch.nn.functional`."
    )


class Holding(nn.Module):
    """A module with something in its attribute `layers`."""

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self.layers = layers


@kept
def plain_list() -> None:
    """Parameters that an optimiser would find in a list, and in a ModuleList."""
    layers = [nn.Linear(4, 3), nn.Linear(3, 2)]
    model, registered = Holding(layers), Holding(nn.ModuleList(layers))
    st.markdown(
        f"Two linear layers in a list: `parameters()` finds **{len(list(model.parameters()))}** tensors, so that the optimiser has "
        f"nothing to train and `state_dict()` nothing to save. In an `nn.ModuleList` it finds {len(list(registered.parameters()))}."
    )


@kept
def forward_skips_hooks() -> None:
    """How often a hook runs by either way."""
    layer, calls = nn.ReLU(), []
    layer.register_forward_hook(lambda *_: calls.append(1))
    layer(torch.ones(2))
    by_call = len(calls)
    layer.forward(torch.ones(2))
    st.markdown(
        f"A forward hook ran {by_call} time for `layer(x)`, and {len(calls) - by_call} times for `layer.forward(x)`. The table above "
        "comes from such hooks: called by `forward`, the layers would not show up in it."
    )


@kept
def linear_takes_rows(shape: tuple[int, ...]) -> None:
    """A Linear layer on images, and on their rows by chance."""
    x = torch.zeros(shape)
    height, width = shape[2:]
    layer, by_chance = nn.Linear(height * width, 10), nn.Linear(width, 10)
    st.markdown(
        f"`Linear({height * width}, 10)` on {times(shape)}: {refusal(lambda: layer(x))}. Worse is `Linear({width}, 10)`: it "
        f"takes them, row by row, and gives {times(by_chance(x).shape)}. `Flatten` makes one row of each image first."
    )


@kept
def eval_keeps_gradients() -> None:
    """A backward in evaluation mode."""
    layer = nn.Linear(4, 3).eval()
    y = layer(torch.ones(1, 4))
    y.sum().backward()
    assert layer.weight.grad is not None
    st.markdown(
        f"After `eval()` the output still has `grad_fn` = {type(y.grad_fn).__name__}, and backward leaves a gradient of "
        f"{layer.weight.grad.sum().item():g} in all. `eval()` only tells dropout and batch norm how to behave; `torch.no_grad()` stops the recording."
    )


def nn_questions(net: Net) -> list[Draw]:
    """On the network on screen, and on layers like its own."""

    def parameters(draw: random.Random) -> Question:
        few, many = draw.randint(2, 9), draw.randint(2, 9)
        layer = draw.choice(
            (nn.Linear(few, many), nn.Conv2d(few, many, 3), nn.BatchNorm2d(few), nn.Linear(few, many, bias=False))
        )
        return Question(
            f"How many parameters has `{layer}`?", str(sum(p.numel() for p in layer.parameters())),
            "It has tensors of the shapes " + " and ".join(times(p.shape) for p in layer.parameters()) + ".",
        )  # fmt: skip

    def shape(draw: random.Random) -> Question:
        i = draw.randrange(len(net.layers))
        before = net.x.shape if i == 0 else net.layers[i - 1].output.shape
        return Question(
            f"Without looking: {times(before)} goes into `{net.layers[i].name}`. What shape comes out?",
            ", ".join(map(str, net.layers[i].output.shape)),
            "A convolution of k takes k − 1 off each side, a pooling by 2 halves it rounded down, Linear changes the last size, the rest nothing.",
        )

    def largest(_: random.Random) -> Question:
        names = [layer.name for layer in net.layers]
        most = max(net.layers, key=lambda layer: layer.parameters)
        return Question(
            "Which layer of this network has the most parameters?", most.name,
            f"It has {most.parameters:,}: " + ", ".join(f"`{layer.name}` {layer.parameters:,}" for layer in net.layers if layer.parameters) + ".",
            options=tuple(dict.fromkeys(names)),
        )  # fmt: skip

    return [parameters, shape, largest]


def take_network(net: Net) -> TakeAway:
    """The network's run as a script: the operators by hand, and torch's."""
    ours, theirs, inputs, used = ["y = x"], "x", {"x": net.x}, set()
    for i, layer in enumerate(net.model):
        inputs |= {f"{name}{i}": t.detach() for name, t in (*layer.named_parameters(), *layer.named_buffers())}
        call = SPELLED[type(layer)](layer, i)
        linear = isinstance(layer, nn.Linear)
        ours.append(f"y = y @ weight{i}.T + bias{i}" if linear else f"y = {call.format('y')}")
        theirs = call.format(theirs) if call.startswith("torch.") else f"torch.nn.functional.{call.format(theirs)}"
        used.add(call.partition("(")[0])
    functions = tuple(f for f in (conv2d, batch_norm, relu, tanh, gelu, max_pool2d, dropout) if f.__name__ in used)
    script = Script("A small network", inputs, functions, tuple(ours), ("y",), {"y": theirs}, net.seed)
    return TakeAway(script, {"y": network.by_hand(net.model, net.x, net.seed).detach()})


SPELLED: dict[type[nn.Module], Callable[[Any, int], str]] = {
    nn.Conv2d: lambda _, i: f"conv2d({{}}, weight{i}, bias{i})",
    nn.BatchNorm2d: lambda layer, i: (
        f"batch_norm({{}}, None, None, weight{i}, bias{i}, True)"
        if layer.training
        else f"batch_norm({{}}, running_mean{i}, running_var{i}, weight{i}, bias{i})"
    ),
    nn.ReLU: lambda *_: "relu({})",
    nn.Tanh: lambda *_: "tanh({})",
    nn.GELU: lambda *_: "gelu({})",
    nn.MaxPool2d: lambda layer, _: f"max_pool2d({{}}, {layer.kernel_size})",
    nn.Flatten: lambda *_: "torch.flatten({}, 1)",
    nn.Dropout: lambda layer, _: f"dropout({{}}, {layer.p}, {layer.training})",
    nn.Linear: lambda _, i: f"linear({{}}, weight{i}, bias{i})",
}
