"""torch.nn: the layers of a small network, with shapes and parameters as it runs."""

import random
from functools import partial
from typing import Any

import streamlit as st

from core.data import digit
from core.experiments import network
from core.experiments.network import Net, Setup
from core.figures import colour
from core.figures import network as draw
from core.figures.walk import record
from core.tensors.limits import Limits, times
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, frame, tensor_input, walk
from core.ui.frame import Pitfall, Try
from core.ui.predict import Draw, Question
from core.ui.take_away import TakeAway
from core.words import N_, _, say, spelled
from pages.packages_parts.lesson import NARROW, below, put

IMAGE = Limits(ranks=(2,), max_side=28, max_elements=784)


def nn_part(topic: Topic) -> None:
    """The layers of a small network, with shapes and parameters as it runs."""
    row, more = controls.main(), controls.more()
    how, training, batch, image = choose_network(row, more)
    try:
        net = network.run_on(image, batch, how, training)
    except (RuntimeError, ValueError) as refusal:
        refuse(refusal, how, image)
        tabs(topic, how, (batch, 1, *image.shape))
        return
    with row:
        chosen = controls.slider("layer", "Layer to look at", 0, len(net.layers) - 1, 0, width=NARROW + 16)
    with more:
        sample = controls.slider("sample", "of sample", 0, len(net.x) - 1, 0, width=NARROW)
    show_layers(net, chosen, sample)
    say_network(net)
    st.markdown(table_of(net, chosen))
    tabs(
        topic, how, tuple(net.x.shape), operators=net.operators, operator=net.layers[chosen].operator, take=partial(take_network, net),
        functions=(network.run_on, network.by_hand),
    )  # fmt: skip


def choose_network(row: Any, more: Any) -> tuple[Setup, bool, int, Any]:
    """The network that the controls describe, its mode, the batch's size and its first image."""
    with row:
        channels = controls.slider("channels", "Channels", 1, 16, 4, width=NARROW)
        kernel_size = controls.slider("kernel_size", "kernel_size", 1, 9, 5, width=NARROW)
        hidden = controls.slider("hidden", "Hidden units", 8, 128, 32, step=8, width=NARROW)
        norm = controls.toggle("norm", "BatchNorm2d")
        drop = controls.toggle("drop", "Dropout")
    with more:
        activation = controls.choice("act", "Activation", tuple(network.ACTIVATIONS))
        training = controls.choice("mode", "Mode", ("train", "eval")) == "train"
        batch = controls.slider("n", "Batch", 1, 16, 4, width=NARROW)
        seed = controls.seed()
        image = tensor_input.tensor("x", "First image", digit(0), IMAGE, images=True)
        if spelled(image.dtype) != "float32":
            st.markdown(
                say(
                    "The image's {dtype} became float32: the layers' weights are float32, and torch refuses to mix the two.",
                    image,
                ),
                width=330,
            )
    return Setup(channels, kernel_size, hidden, activation, norm, drop, seed), training, batch, image


def refuse(refusal: Exception, how: Setup, image: Any) -> None:
    """torch's refusal of the image, what does not fit, and what mends it."""
    board.show(draw.image(image))
    fits = network.largest_kernel(image.shape)
    if how.kernel_size > fits:
        why = say(
            "The convolution takes kernel_size − 1 = {kernel_size} off each side, and the pooling needs 2 that are left: an image of {shape} is too small.",
            kernel_size=how.kernel_size - 1,
            shape=times(image.shape),
        )
        mends = {f"kernel_size = {fits}": partial(put, kernel_size=fits)} if fits else {}
        mends |= {"A digit instead": partial(put, x_from="example")}
    else:
        why = _("In training, batch norm divides by the deviation within each channel, and one number has none.")
        mends = {"Batch = 2": partial(put, n=2), "Mode: eval": partial(put, mode="eval")}
    frame.refused(f"{type(refusal).__name__}: {refusal}", why, mends)


def show_layers(net: Net, chosen: int, sample: int) -> None:
    """What comes out of the chosen layer, beside what every layer holds, hands on and works; a pin there chooses."""
    st.markdown(
        _(
            "**Look first** at the bars: which layer learns the most numbers, and which one works the most? Click a bar to see that layer's output."
        )
    )
    output, costs = draw.output(net.layers[chosen], sample), draw.costs(net)
    board.show(
        output, costs, spelled={name: f"{{note:{name}}}" for name in (output.name, costs.name)},
        picks={"costs": lambda layer: put(layer=int(layer))}, pinned=("costs", (1, chosen)),
    )  # fmt: skip


def table_of(net: Net, chosen: int) -> str:
    """Each layer, the shape that comes out of it, and its parameters."""
    rows = [_("| | layer | comes out | parameters |"), "|--:|:--|:--|:--|", f"| | input | {times(net.x.shape)} | |"]
    for i, layer in enumerate(net.layers):
        name = f"**`{layer.name}`** ◂" if i == chosen else f"`{layer.name}`"
        learns = " + ".join(map(times, layer.shapes)) + f" = **{layer.parameters:,}**" if layer.shapes else ""
        rows.append(f"| {i} | {name} | {times(layer.output.shape)} | {learns} |")
    return "\n".join(rows) + f"\n| | together | | **{net.parameters:,}** |"


def say_network(net: Net) -> None:
    """Who learns and who works, what a convolution saves, and the check against the operators written by hand."""
    learns, works = net.learns_most, net.works_most
    share = learns.parameters / net.parameters
    who = _("and also works the most") if works is learns else say("but `{name}` works the most", name=works.name)
    st.markdown(
        say("`{name}` holds **{share:.0%}** of the {parameters:,} parameters, {who}, with {multiply_adds:,} multiply-adds a sample. ", name=learns.name, share=share, parameters=net.parameters, who=who, multiply_adds=works.multiply_adds // len(net.x))
        + say("The convolution uses its {parameters:,} parameters again at every place. A `Linear` from the same {into:|number|numbers} to the same {out:|number|numbers} "
                    "would learn **{linear:,}**, bias included: {times:,.0f} times as many.", network.as_linear(net))
    )  # fmt: skip
    check.say("network", network.check(net))


# ---- below the pictures ----------------------------------------------------------------------------------------

TRIES = (
    Try("Look through a filter", "part=nn&layer=0&channels=16", "Each image is one channel: the same digit through another 5×5 kernel, drawn at random. Which ones respond to strokes in one direction only?"),
    Try("What pooling keeps", "part=nn&layer=2", "Half as high and half as wide, and the digit is still there. Compare the numbers a sample before and after it in the bars."),
    Try("Batch norm, ready to train", "part=nn&norm=true&layer=1", "BatchNorm2d holds a weight and a bias for each channel, and works on every number. Set Mode to *eval* in More settings: the output changes, since it is normalised by the running statistics then, and those are still at mean 0 and variance 1."),
    Try("A kernel of one pixel", "part=nn&kernel_size=1&channels=2", "Each channel is the digit times one number, plus another: a convolution that sees no neighbour. How many parameters has it?"),
    Try("Dropout in the middle", "part=nn&drop=true&layer=4", "Dropout sets about half of Flatten's numbers to 0, others in each sample, and doubles the rest: compare layer 3 with layer 4. Set Mode to *eval*, and the two are equal."),
)  # fmt: skip

PITFALLS = (
    Pitfall("The tutorial: torch.nn “defines layers”, so a layer is its formula", network.layers_hold_state,
            "A layer is a formula **and** what it keeps. As (parameters, buffers): `Linear(4, 3)` {linear}, `BatchNorm1d(4)` {norm}, `Dropout()` {dropout}. Each also keeps its mode: `training` is "
            "{training} until `eval()`. The bare formulas, which keep nothing, are in `torch.nn.functional`."),
    Pitfall("A module's layers may stand in a plain list", network.plain_list,
            "Two linear layers in a list: `parameters()` finds **{in_list}** tensors, so the optimiser has nothing to train and `state_dict()` nothing to save, and nobody complains. In an "
            "`nn.ModuleList` it finds **{in_module_list}**."),
    Pitfall("`layer.forward(x)` is `layer(x)`", network.forward_skips_hooks,
            "A forward hook is a function that a layer calls when its output is ready. `layer(x)` called it {by_call:|time|times}, `layer.forward(x)` called it {by_forward:|time|times}. The table of layers on this page comes from such hooks."),
    Pitfall("`eval()` switches the gradients off", network.eval_keeps_gradients,
            "After `eval()`, `training` is {training}, and still the output has a `grad_fn`, {grad_fn}, and backward leaves the gradient {gradient}. `eval()` tells dropout and batch norm how to "
            "behave. `torch.no_grad()` stops the recording."),
)  # fmt: skip
ROWS = (
    N_("`Linear({pixels}, 10)` on {shape}: torch says `{says}`. Worse is `Linear({width}, 10)`: torch takes the images, one row of pixels at a time, and gives {by_chance}. `Flatten` makes one row of each image first.")
)  # fmt: skip
ONE_ROW = N_(
    "An image of one row is a vector: here both layers take it and give {by_chance}. With a second row torch would refuse the first of them."
)


def tabs(topic: Topic, how: Setup, shape: tuple[int, ...], **parts: Any) -> None:
    """The frame's tabs; those that a refused network has nothing for are left out."""
    rows = Pitfall(
        "A Linear layer takes the images as they come",
        partial(network.linear_on_images, shape),
        lambda facts: ROWS if facts.says else ONE_ROW,
    )
    below(
        topic,
        "nn",
        pitfalls=(*PITFALLS, rows),
        questions=questions(how),
        tries=TRIES,
        walk=partial(walk_layers, how.seed),
        **parts,
    )


def questions(how: Setup) -> list[Draw]:
    """On layers and networks like the one on screen."""

    def parameters(draw: random.Random) -> Question:
        asked = network.some_layer(draw)
        return Question(
            say("How many parameters has `{layer}`?", asked),
            str(asked.parameters),
            say("Its tensors have the shapes {shapes}.", asked),
            tolerance=0,
        )

    def shape(draw: random.Random) -> Question:
        asked = network.some_shape(how, draw)
        why = _(
            "A convolution of k takes k − 1 off each side, a pooling by 2 halves each side and rounds down, Flatten multiplies all sizes but the first, Linear changes the last, and batch norm and dropout change none."
        )
        return Question(
            say("{before} goes into `{name}`. What shape comes out?", asked),
            spelled(asked.after),
            why,
            tolerance=0,
        )

    def largest(draw: random.Random) -> Question:
        asked = network.some_network(how, draw)
        counts = ", ".join(f"`{name}` {count:,}" for name, count in asked.counts.items())
        return Question(
            say(
                "With {channels:|channel|channels} and {hidden} hidden units, on digits of 28×28: which layer has the most parameters?",
                asked,
            ),
            asked.most,
            f"{counts}.",
            options=tuple(asked.counts),
        )

    return [parameters, shape, largest]


def walk_layers(seed: int) -> None:
    """Two small layers on four numbers, a line a layer."""
    names = ("x", "W1", "b1", "h", "a", "W2", "b2", "y")
    steps = record(network.two_layers, *network.small_numbers(seed), panels=names)
    walk.show(steps, dict.fromkeys(names, colour.Scale(colour.SIGNED, -8.0, 8.0)), key="walk")


def take_network(net: Net) -> TakeAway:
    """The network's run as a script: the operators by hand, and torch's."""
    ours, theirs, inputs = ["y = x"], "x", {"x": net.x}
    for i, layer in enumerate(net.model):
        inputs |= {f"{name}{i}": t.detach() for name, t in (*layer.named_parameters(), *layer.named_buffers())}
        call = network.SPELLED[type(layer)](layer, i)
        ours.append(f"y = {call.format('y')}")
        theirs = call.format(theirs) if call.startswith("torch.") else f"torch.nn.functional.{call.format(theirs)}"
    script = Script(
        _("A small network"),
        inputs,
        tuple(operator.manual for operator in net.operators),
        tuple(ours),
        ("y",),
        {"y": theirs},
        net.how.seed,
    )
    return TakeAway(script, {"y": net.layers[-1].output.detach()})
