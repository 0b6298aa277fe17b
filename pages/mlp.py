"""The two-layer network by hand: trained live beside torch.nn's, seen from pixel to probability, and backward."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import streamlit as st
import torch
from torch import Tensor

from core import compare
from core.calls import Outcome
from core.compare import Comparison
from core.experiments import mlp
from core.experiments.mlp import Parameters
from core.figures import colour, curves
from core.figures.board import Cells, Panel
from core.figures.colour import Scale
from core.figures.gallery import gallery, panel, signed_bytes
from core.figures.heatmap import Outline, Picture
from core.figures.montage import PROJECTED
from core.figures.numbers import number
from core.figures.walk import record
from core.ops import init
from core.ops.softmax import softmax
from core.tensors.digits import as_shares, centred, padded
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, drawing, frame, link, state, tensor_input, training, walk
from core.ui.board import At
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway
from core.ui.training import Run, Setup

T = TypeVar("T")
LIMITS = Limits(ranks=(2,), max_side=28, max_elements=784)
SCHEMES = ("normal 0.01", *(name for name in init.SCHEMES if name != "normal 0.01"))
RATES = (0.01, 0.05, 0.1, 0.2, 0.5, 1.0)
BATCHES = (32, 64, 128, 256, 512)
SAMPLES = (500, 2000, 8000)
CLASSES, HIDDEN, SIDE, GRID = 10, 256, 28, 16  # the hidden units are drawn as a grid of 16×16
UNITS = 24  # hidden units whose weights are shown
MISTAKES = 24  # wrong predictions that are shown
PIXEL, DIGIT, ROW = 5, 26, 11  # pixels: of an image's pixel, of a class's cell, of a row of the first layer's units
LABEL = 28  # pixels over a control
GREY = ["#000000", "#FFFFFF"]
MOST_POINTS = 250  # of a curve
BATCH = 64  # training images of the check and of the pitfalls
NARROW = 112  # pixels of a slider
SHARE = Scale(colour.MAGNITUDE, 0.0, 1.0)


@dataclass(frozen=True)
class Seen:
    """A network, and what it makes of the image on screen."""

    setup: Setup
    net: Parameters
    image: Tensor  # (28, 28), 0 … 1
    label: int | None  # None for the reader's own
    unit: int  # the picked hidden unit

    @cached_property
    def forward(self) -> mlp.ForwardSteps:
        """The pass over this one image: (1, 256) and (1, 10)."""
        return mlp.forward(self.net, self.image[None])

    @cached_property
    def probabilities(self) -> Tensor:
        """Of the ten classes."""
        return softmax(self.forward.logits[0], 0)

    @cached_property
    def predicted(self) -> int:
        """The class with the largest logit."""
        return int(self.forward.logits[0].argmax())


def first_batch(setup: Setup) -> tuple[Tensor, Tensor]:
    """The first training images, (64, 784), and their labels."""
    of = mlp.digits(setup.samples)
    return of.X[:BATCH], of.y[:BATCH]


@st.cache_resource(max_entries=16, show_spinner=False)
def start_of(seed: int, scheme: str) -> Parameters:
    """The network before its first step, drawn once for each of these."""
    return mlp.initial_parameters(seed, scheme)


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.main():
        own = choose_own()
        which = 0 if own else controls.number("image", "Test image", 0, len(mlp.digits(1).y_test) - 1, 0)
        scheme = controls.choice("scheme", "Start", SCHEMES, width=150)
        lr = controls.stops("lr", "Learning rate", RATES, 0.5, format=lambda v: f"{v:g}", width=NARROW)
        epochs = controls.slider("epochs", "Epochs", 1, 20, 8, width=NARROW)
        start = beside_labels()
    with controls.more():
        image, label = choose_image(which)
        batch_size = controls.stops("batch_size", "Batch size", BATCHES, 128, width=NARROW)
        samples = controls.stops("train", "Training images", SAMPLES, 8000, width=NARROW)
        seed = controls.seed()
        cell = controls.cell("unit", "Picked hidden unit", (GRID, GRID))
    setup = Setup(scheme=scheme, lr=lr, batch_size=batch_size, epochs=epochs, samples=samples, seed=seed)
    with start:
        training.buttons(setup)
    busy = training.watch(lambda run: show_live(run, image, label))
    run = training.runs().get(setup)
    net = run.ours if run else start_of(setup.seed, setup.scheme)
    seen = Seen(setup, net, image, label, cell[0] * GRID + cell[1] if cell else strongest(net, image))
    if not busy:
        through_the_network(seen)
        training.where(setup)
        check.say("network and its gradients", once_a_network(seen.net, "compared", lambda: by_hand_and_by_torch(seen)))
        if run:
            show_training(run)
        first_layer(seen)
    frame.below(
        topic,
        pitfalls=pitfalls(seen),
        walk=lambda: small_walk(setup.seed),
        questions=questions(seen),
        take=lambda: take(seen),
        more={
            "Backward": lambda: backward(seen),
            "Starts": lambda: starts(setup),
            "Mistakes": lambda: mistakes(seen),
        },
        functions=(mlp.initial_parameters, mlp.train),
    )


def once_a_network(net: Parameters, name: str, make: Callable[[], T]) -> T:
    """What is made of the network alone, kept for the images that are looked at with it."""
    of, made = state.own().get(name, (None, None))
    if of is not net:
        made = make()
        state.own()[name] = net, made
    return made


def strongest(net: Parameters, image: Tensor) -> int:
    """The hidden unit that adds most to the largest logit."""
    steps = mlp.forward(net, image[None])
    return int((steps.hidden[0] * net.W2[:, steps.logits[0].argmax()]).argmax())


def show_live(run: Run, image: Tensor, label: int | None) -> None:
    """A training under way: what the network makes of the image by now, and its curves."""
    through_the_network(Seen(run.setup, run.ours, image, label, strongest(run.ours, image)), live=True)
    show_training(run)


def choose_own() -> bool:
    """The pad to draw on, and whether the image is the reader's own: typed, drawn, uploaded."""
    with beside_labels():
        pad = st.popover("Draw a digit", icon=":material/draw:", key="pad", on_change="rerun")
    if pad.open:
        with pad:
            drawing.show("drawn", lambda drawn: tensor_input.hold("x", drawn))
            st.caption("After each stroke the network says what it sees.")
    return tensor_input.source("x") != "example"


def beside_labels() -> Any:
    """Where buttons stand in line with the controls beside them, which have labels above."""
    column = st.container(width="content", gap=None)
    column.space(LABEL)
    return column.container(horizontal=True, width="content")


def choose_image(which: int) -> tuple[Tensor, int | None]:
    """This image of the test set with its label, or the reader's own."""
    of = mlp.digits(1)
    given = tensor_input.tensor("x", "Image", of.X_test[which].view(SIDE, SIDE), LIMITS, images=True)
    image = padded(as_shares(given))
    if tensor_input.source("x") == "example":
        return image, int(of.y_test[which])
    as_mnist = controls.toggle("centre", "Centre it as MNIST does", True, help="Ink into 20×20, its mass in the middle")
    return (centred(image) if as_mnist else image), None


# ---- the training ----------------------------------------------------------------------------------------------


def show_training(run: Run) -> None:
    """Loss and accuracy so far, of both networks."""
    losses = run.losses[:]
    if not losses:
        return
    stride = -(-len(losses) // MOST_POINTS)
    steps = torch.arange(1, len(losses) + 1)[::stride]
    ours, theirs = torch.tensor(losses, dtype=torch.float64)[::stride].T
    apart = max(abs(a - b) for a, b in losses)
    every = f", each {stride}th" if stride > 1 else ""
    figure = curves.lines(
        {"by hand": (steps, ours), "torch.nn": (steps, theirs)}, curves.Axis(f"step{every}"),
        curves.Axis("loss of the batch"), title="Loss: two curves, one on the other", height=250,
    )  # fmt: skip
    said = (
        f"Loss of {len(losses)} steps, from {number(losses[0][0])} to {number(losses[-1][0])}; the two networks differ "
        f"by at most {number(apart)}."
    )
    board.show(Panel("loss", figure, said, stretch=435), accuracy(run), name="training")
    st.markdown(f"Over {len(losses)} steps the two losses differ by at most **{number(apart)}**. {how_equal(run)}")


def accuracy(run: Run) -> Panel:
    """Accuracy on training and test images at each measurement."""
    found = run.measured[:]
    steps = [m.step for m in found]
    figure = curves.lines(
        {
            "training images": (steps, [m.train for m in found]),
            "test images": (steps, [m.test for m in found]),
            "test, torch.nn": (steps, [m.test_of_torch for m in found]),
        },
        curves.Axis("step"), curves.Axis("accuracy", range=(0, 1.02)), title="Accuracy", height=250, markers=True,
    )  # fmt: skip
    said = (
        f"Accuracy after {steps[-1]} steps: {number(found[-1].train, 4)} on training images, "
        f"{number(found[-1].test, 4)} on test images by hand, {number(found[-1].test_of_torch, 4)} with torch.nn."
    )
    return Panel("accuracy", figure, said, stretch=435)


def how_equal(run: Run) -> str:
    """The weights and the accuracies of both, compared."""
    largest = max((a - b).abs().max().item() for a, b in zip(run.ours.tensors(), run.theirs.tensors(), strict=True))
    last = run.measured[-1]
    return (
        f"Their weights differ by at most **{number(largest)}**: `X·W` and `x·Wᵀ` add in another order, and float32 "
        f"rounds. Test accuracy after step {last.step}: **{number(last.test, 4)}** by hand, "
        f"**{number(last.test_of_torch, 4)}** with `torch.nn`."
    )


# ---- from pixels to probabilities ------------------------------------------------------------------------------


def pixels(name: str, values: Tensor, shown: Tensor, title: str, colours: Sequence[str], says: str) -> Panel:
    """Numbers for each pixel (28, 28), drawn as an image of bytes."""
    side = PIXEL * (PROJECTED if link.projector() else 1)
    figure = gallery(shown[None], across=1, pixel=side, title=title, colours=colours)
    return Panel(name, figure, says, Cells("i j", (SIDE, SIDE), values))


def weights_of(unit: int, W1: Tensor, name: str = "W1", title: str = "W1") -> Panel:
    """The weights (784, 256) into one hidden unit as an image."""
    weights = W1[:, unit].view(SIDE, SIDE)
    reach = number(weights.abs().max().item())
    says = f"{title} of unit {unit}: an image of 28×28, at most {reach} in size."
    return pixels(name, weights, signed_bytes(weights), f"{title}[:, {unit}] ±{reach}", colour.SIGNED, says)


def grey(image: Tensor) -> Tensor:
    """Shares as bytes."""
    return (image * 255).round().to(torch.uint8)


def image_of(seen: Seen) -> Panel:
    """The image on screen."""
    said = "your image" if seen.label is None else f"a {seen.label}"
    return pixels("x", seen.image, grey(seen.image), f"x: {said}", GREY, f"The image: {said}, 28×28.")


def through_the_network(seen: Seen, *, live: bool = False) -> None:
    """Image → hidden units → logits → probabilities; while it is trained nothing is to be picked."""
    steps, net = seen.forward, seen.net
    hidden, logits = steps.hidden[0].view(GRID, GRID), steps.logits[0]
    W2 = net.W2.T.reshape(CLASSES, GRID, GRID)
    truth = [] if seen.label is None else [Outline([(seen.label,)], colour.USED, 2)]
    parts: list[board.Part] = [
        image_of(seen), "⊙", weights_of(seen.unit, net.W1), "→",
        Picture("hidden", hidden, colour.magnitude(hidden), f"{HIDDEN} hidden units, {int((hidden > 0).sum())} above 0",
                axes="r s", side=10, notes=[number(value, 4) for value in steps.hidden_pre[0].tolist()]),
        "→",
    ]  # fmt: skip
    ends: list[board.Part] = [
        Picture("logits", logits, colour.signed(logits), "logits", axes="class", side=DIGIT,
                notes=[added(b) for b in net.b2.tolist()]),
        Picture("p", seen.probabilities, SHARE, "softmax (solid: predicted, dashed: true)",
                [Outline([(seen.predicted,)], width=5), *truth], axes="class", side=DIGIT),
        board.Words(verdict(seen)),
    ]  # fmt: skip
    board.show(
        *(At(1, column, part, rows=len(ends)) for column, part in enumerate(parts, start=1)),
        *(At(row, len(parts) + 1, part) for row, part in enumerate(ends, start=1)),
        At(len(ends) + 1, 1, Picture("W2", W2, colour.signed(W2), "W2: the weights from the hidden units to each class",
                                     axes="class r s", across=True, side=5), columns=len(parts) + 1),
        spelled=spelled(seen), picks={} if live else {"hidden": "unit", "W2": look_at_unit},
        pinned=("hidden", divmod(seen.unit, GRID)), name="network",
    )  # fmt: skip


def look_at_unit(weight: str) -> None:
    """Make the unit that this weight of W2 (class, row, column) starts from the picked one."""
    st.session_state["unit"] = weight.split(", ", 1)[1]


def added(value: float) -> str:
    """A number as the last term of a sum: + 0.5, − 0.5."""
    return f"{'−' if value < 0 else '+'} {number(abs(value))}"


def spelled(seen: Seen) -> dict[str, str]:
    """The arithmetic of a cell of each picture."""
    j = seen.unit
    pixel = (
        f"`{{at:x}}` = {{x}}, times its weight to unit {j}, {{W1}}, is **{{total:x*W1}}**; unit {j} adds up all "
        f"{SIDE**2} of them and b = {number(seen.net.b1[j].item())}: {number(seen.forward.hidden_pre[0, j].item(), 4)}."
    )
    return {
        "x": pixel, "W1": pixel,
        "hidden": "`{at:hidden}` = max(0, Σ x·w + b = {note:hidden}) = **{hidden}**; W2: {list:W2}",
        "W2": "`{at:W2}`: {hidden} · {sum:W2} = **{total:hidden*W2}** is what this unit adds to `{at:logits}`, {logits}.",
        "logits": "`{at:logits}` = {sum:hidden*W2} {note:logits} = **{logits}**",
        "p": "`{at:p}` = exp({logits}) / Σ exp(logits) = **{p}**",
    }  # fmt: skip


def verdict(seen: Seen) -> str:
    """What the network says of the image, and what it costs."""
    p = seen.probabilities
    said = f"Predicted {seen.predicted} ({number(p[seen.predicted].item())})"
    if seen.label is None:
        return said
    loss = mlp.cross_entropy_loss(seen.forward.logits, torch.tensor([seen.label])).item()
    right = "right" if seen.predicted == seen.label else "wrong"
    return f"{said}: {right}, loss {number(loss)}"


@dataclass(frozen=True)
class FirstLayer:
    """The hidden units that the second layer uses most."""

    units: Tensor
    reach: float  # the size of a weight that the colours end at
    images: Panel  # the weights into each


def strongest_units(net: Parameters) -> FirstLayer:
    """The units with the largest weights to the classes, and their own weights as images."""
    units = net.W2.norm(dim=1).argsort(descending=True, stable=True)[:UNITS]
    weights = net.W1[:, units].T  # (units, 784)
    reach = weights.abs().quantile(0.995).item()
    images = panel(
        "units", signed_bytes(weights.view(-1, SIDE, SIDE), reach), [f"unit {j}" for j in units],
        [f"{j // GRID}, {j % GRID}" for j in units], pixel=2.3, title="weights as images", colours=colour.SIGNED,
    )  # fmt: skip
    return FirstLayer(units, reach, images)


def first_layer(seen: Seen) -> None:
    """The weights into those hidden units that the second layer uses most, as images, and where those units go."""
    layer = once_a_network(seen.net, "first layer", lambda: strongest_units(seen.net))
    shown, reach, places = layer.units, layer.reach, layer.images.picks or ()
    hidden, out = seen.forward.hidden[0, shown, None], seen.net.W2[shown]
    st.markdown(
        f"**First layer**: the weights into the {UNITS} hidden units with the largest outgoing weights, from "
        f":blue[−{number(reach)}] to :orange[{number(reach)}], and each unit's row of W2. A click looks at the unit above."
    )
    board.show(
        layer.images, "",
        Picture("unit", hidden, colour.magnitude(seen.forward.hidden), "hidden", axes="tile one", side=ROW, picks=places), "·",
        Picture("weights", out, colour.signed(out), "W2 of these", axes="tile class", side=ROW,
                picks=[place for place in places for _ in range(CLASSES)]),
        spelled={
            "weights": "{note:units} is {unit} for this image; its weight to the class is **{weights}**.",
            "": "{note:units} is **{unit}** for this image; its weights to the classes 0 … 9 are {list:weights}.",
        },
        picks=dict.fromkeys(("units", "unit", "weights"), "unit"), name="first layer",
        pinned=("units", (shown.tolist().index(seen.unit),)) if seen.unit in shown else None,
    )  # fmt: skip


def by_hand_and_by_torch(seen: Seen) -> Comparison:
    """Logits, loss and gradients by hand against torch.nn and autograd, on 64 training images."""
    X, y = first_batch(seen.setup)
    steps = mlp.forward(seen.net, X)
    ours = mlp.backward(seen.net, X, y, steps).parameters
    module = mlp.as_module(seen.net)
    scores = module(X)
    loss = torch.nn.functional.cross_entropy(scores, y)
    gradients = torch.autograd.grad(loss, list(module.parameters()))
    theirs = [gradients[0].T, gradients[1], gradients[2].T, gradients[3]]
    values = [steps.logits, mlp.cross_entropy_loss(steps.logits, y)]
    return compare.outcomes(Outcome(values, list(ours.tensors())), Outcome([scores, loss], theirs))


# ---- backward, starts, mistakes --------------------------------------------------------------------------------


def backward(seen: Seen) -> None:
    """The chain rule on the image on screen, last step first."""
    label = seen.predicted if seen.label is None else seen.label
    if seen.label is None:
        label = controls.choice("label", "What it should be", tuple(range(CLASSES)), seen.predicted)
    y = torch.tensor([label])
    steps = mlp.backward(seen.net, seen.image[None], y, seen.forward)
    hidden, pre = steps.hidden[0].view(GRID, GRID), steps.hidden_pre[0].view(GRID, GRID)
    scale, logits = colour.signed(hidden), steps.logits[0]
    d = number(pre.flatten()[seen.unit].item(), 4)
    passes = [
        "the unit is above 0 and lets it pass" if h > 0 else "the unit is 0 and stops it"
        for h in seen.forward.hidden[0]
    ]
    board.show(
        Picture("dlogits", logits, colour.signed(logits), f"d logits = softmax − onehot({label})", axes="class", side=36,
                notes=[number(p) + (" − 1" if c == label else "") for c, p in enumerate(seen.probabilities.tolist())]),
        board.BREAK,
        Picture("dhidden", hidden, scale, "d hidden = d logits · W2ᵀ", axes="r s", side=11), "→",
        Picture("dpre", pre, scale, "where the unit is above 0", axes="r s", side=11, notes=passes), "→",
        image_of(seen), "·",
        weights_of(seen.unit, steps.parameters.W1, "dW1", "d W1"),
        spelled={
            "dlogits": "`{at:dlogits}` = {note:dlogits} = **{dlogits}**",
            "x": f"{{x}} · {d} = **{{dW1}}**: the pixel times what reached unit {seen.unit}",
            "dW1": f"`{{at:dW1}}` = {{x}} · {d} = **{{dW1}}**: the pixel times what reached unit {seen.unit}",
            "": "`{at:dhidden}`: **{dhidden}** arrives; {note:dpre}: **{dpre}**.",
        },
        picks=dict.fromkeys(("dhidden", "dpre"), "unit"), pinned=("dpre", divmod(seen.unit, GRID)), name="backward",
    )  # fmt: skip
    through = int((pre != 0).sum())
    st.markdown(
        f"Unit {seen.unit}: {number(hidden.flatten()[seen.unit].item())} arrives, "
        f"**{number(pre.flatten()[seen.unit].item())}** passes the ReLU; times each pixel it is the gradient of that "
        f"pixel's weight. {through} of {HIDDEN} units let their gradient through. The parts of d logits sum to "
        f"{number(logits.sum().item(), 2)}: what one class is to lose, the others are to gain."
    )


@st.cache_data(max_entries=64, show_spinner=False)
def facts_of_start(seed: int, scheme: str) -> tuple[str, ...]:
    """On the first images, before the first step: spreads, loss and gradients."""
    of = mlp.digits(BATCH)
    net = start_of(seed, scheme)
    steps = mlp.forward(net, of.X)
    gradients = mlp.backward(net, of.X, of.y, steps).parameters
    facts = (
        net.W1.std(), net.W2.std(), steps.hidden_pre.std(), steps.logits.std(),
        mlp.cross_entropy_loss(steps.logits, of.y), gradients.W1.norm(), gradients.W2.norm(),
    )  # fmt: skip
    return tuple(number(float(fact)) for fact in facts)


def starts(setup: Setup) -> None:
    """What each start gives on the first batch, and the trainings of this session beside each other."""
    head = ("start", "std W1", "std W2", "std x·W1 + b", "std logits", "loss", "‖∇W1‖", "‖∇W2‖")
    lines = ["| " + " | ".join(head) + " |", "|:--|" + "--:|" * (len(head) - 1)]
    lines += [f"| {scheme} | " + " | ".join(facts_of_start(setup.seed, scheme)) + " |" for scheme in SCHEMES]
    st.markdown(f"Before the first step, on {BATCH} images; guessing costs log 10 = 2.303:\n\n" + "\n".join(lines))
    found = {str(run.setup): run for run in training.runs().values() if len(run.measured) > 1}
    if not found:
        st.info("Train with one start, then with another: their curves are laid over each other here.")
        return
    figure = curves.lines(
        {name: ([m.step for m in run.measured], [m.test for m in run.measured]) for name, run in found.items()},
        curves.Axis("step"), curves.Axis("accuracy on the test images", range=(0, 1.02)), markers=True,
        title="The trainings of this session", height=340,
    )  # fmt: skip
    said = "; ".join(f"{name}: {number(run.measured[-1].test, 4)}" for name, run in found.items())
    board.alone(figure, f"Test accuracy at the end: {said}", name="starts", width=760)


def mistakes(seen: Seen) -> None:
    """Test images that the network gets wrong, to be picked."""
    of = mlp.digits(1)
    scores = mlp.forward(seen.net, of.X_test).logits
    wrong = (scores.argmax(1) != of.y_test).nonzero().flatten().tolist()
    st.markdown(
        f"**{len(wrong)} of {len(scores)}** test images are taken for another class by the network on screen. The "
        f"first {min(len(wrong), MISTAKES)} of them, to be picked:"
    )
    if not wrong:
        return
    shown = wrong[:MISTAKES]
    says = [f"image {i}: a {int(of.y_test[i])} taken for a {int(scores[i].argmax())}" for i in shown]
    board.show(
        panel("mistakes", grey(of.X_test[shown].view(-1, SIDE, SIDE)), says, list(map(str, shown)), across=8, pixel=2.3),
        spelled="{note:mistakes}", picks={"mistakes": look_at}, name="mistakes",
    )  # fmt: skip


def look_at(image: str) -> None:
    """Make this test image the one on screen, also where the reader's own stood there."""
    st.session_state["image"] = int(image)
    st.session_state["x_from"] = "example"


# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(seen: Seen) -> list[Pitfall]:
    """What people believe of this network, the tutorial's own first."""
    return [
        Pitfall("The tutorial's `normal(0, 0.01)` is a good start", lambda: small_start(seen)),
        Pitfall("The tutorial's `X.view((-1, num_inputs))` takes any images", lambda: view_fails(seen)),
        Pitfall("`dtype=torch.float` in the tutorial's `W1` is decoration", lambda: float64_weights(seen)),
        Pitfall("The tutorial's `MLP(X)` returns probabilities", lambda: logits_not_probabilities(seen)),
        Pitfall("Zero is as good a start as any", lambda: zero_start(seen)),
        Pitfall("`loss.backward()` gives this batch's gradient", lambda: adds_up(seen)),
    ]


def small_start(seen: Seen) -> None:
    """Spread and gradients at 0.01 and at Kaiming's."""
    _, _, pre, logits, _, g1, g2 = facts_of_start(seen.setup.seed, "normal 0.01")
    _, _, kaiming_pre, kaiming_logits, _, kaiming_g1, kaiming_g2 = facts_of_start(seen.setup.seed, "kaiming normal")
    st.markdown(
        f"On real digits x·W1 + b spreads by **{pre}** and the logits by **{logits}** (Kaiming: {kaiming_pre} and "
        f"{kaiming_logits}); the gradient of W1 has norm **{g1}** against {kaiming_g1}, that of W2 {g2} against "
        f"{kaiming_g2}. For 784 inputs Kaiming's scale is √(2/784) = {number((2 / 784) ** 0.5)}, for 256 it is "
        f"{number((2 / 256) ** 0.5)}: 0.01 for both is too small, and more so the deeper the network. It still "
        "learns here, only later: train with both and see the tab *Starts*."
    )


def view_fails(seen: Seen) -> None:
    """The tutorial's view on images whose rows and columns were exchanged."""
    images = first_batch(seen.setup)[0].view(-1, SIDE, SIDE).transpose(1, 2)
    try:
        images.view((-1, SIDE * SIDE))
        said = "passes"
    except RuntimeError as refusal:
        said = f"“{str(refusal).split('. ')[0]}”"
    st.markdown(
        f"On a batch turned by `transpose(1, 2)` it says {said}; `flatten(1)` copies and gives "
        f"{tuple(images.flatten(1).shape)}. And −1 takes the number of images for granted: on one colour image of "
        f"3×28×28 it makes **{len(torch.zeros(3, SIDE, SIDE).view(-1, SIDE * SIDE))}** samples without a word."
    )


def float64_weights(seen: Seen) -> None:
    """NumPy draws float64, and a product of two dtypes is refused."""
    X, _ = first_batch(seen.setup)
    W = torch.from_numpy(seen.net.W1.double().numpy())
    try:
        X @ W
        said = "passes"
    except RuntimeError as refusal:
        said = f"“{refusal}”"
    st.markdown(
        f"`np.random.normal` draws **{str(W.dtype).removeprefix('torch.')}**. Without the argument the first product "
        f"says {said}. Drawn by torch itself (`torch.empty(784, 256).normal_(0, 0.01)`) nothing has to be converted."
    )


def logits_not_probabilities(seen: Seen) -> None:
    """Sum of the outputs, and what a second softmax does to the gradient."""
    X, y = first_batch(seen.setup)
    scores = mlp.forward(seen.net, X).logits
    norms = []
    for twice in (False, True):
        leaf = scores.detach().requires_grad_()
        mlp.cross_entropy_loss(leaf.softmax(1) if twice else leaf, y).backward()
        assert leaf.grad is not None
        norms.append(leaf.grad.norm().item())
    logits = seen.forward.logits[0]
    st.markdown(
        f"For the image on screen they run from {number(logits.min().item())} to {number(logits.max().item())} and "
        f"sum to **{number(logits.sum().item())}**. The loss takes them as they are. With a softmax before it, which "
        f"does one of its own, the gradient at the logits changes from norm {number(norms[0])} to "
        f"**{number(norms[1])}**, and the loss cannot fall below "
        f"{number(mlp.cross_entropy_loss(torch.eye(CLASSES)[:1], torch.tensor([0])).item(), 4)}."
    )


def zero_start(seen: Seen) -> None:
    """Gradients from zero weights, by our ReLU and by the tutorial's."""
    X, y = first_batch(seen.setup)
    zero = start_of(seen.setup.seed, "zeros")
    gradients = mlp.backward(zero, X, y, mlp.forward(zero, X)).parameters
    said = ", ".join(
        f"∇{name} **{number(g.norm().item())}**"
        for name, g in zip(("W1", "b1", "W2", "b2"), gradients.tensors(), strict=True)
    )
    same = Parameters(*(torch.full_like(p, 0.01) for p in zero.tensors()))
    step = mlp.backward(same, X, y, mlp.forward(same, X)).parameters.W1
    differ = int((step != step[:, :1]).any(0).sum())
    st.markdown(
        f"Norms of the gradients: {said}. Only the last bias ever moves: the network learns how frequent the classes "
        f"are, and nothing else. Any equal start is hardly better: with 0.01 everywhere, {differ} of {HIDDEN} hidden "
        "units get a gradient other than the first one's. They stay copies of each other; only random numbers break "
        "the tie."
    )


def adds_up(seen: Seen) -> None:
    """Two backward passes without setting the gradient to zero."""
    X, y = first_batch(seen.setup)
    module = mlp.as_module(seen.net)
    norms = []
    for _ in range(2):
        torch.nn.functional.cross_entropy(module(X), y).backward()
        grad = next(module.parameters()).grad
        assert grad is not None
        norms.append(grad.norm().item())
    st.markdown(
        f"Called twice on the same batch, `W1.grad` has norm {number(norms[0], 4)}, then **{number(norms[1], 4)}**: "
        "autograd adds to what is there. The tutorial's network needs a `zero_()` of each gradient before each "
        "`backward()`; `optimizer.zero_grad()` does it in `torch.optim`. By hand nothing is left over: `backward` "
        "returns new tensors."
    )


# ---- walk, questions, take away --------------------------------------------------------------------------------


def small_walk(seed: int) -> None:
    """`backward`, line by line, on a network small enough to read."""
    st.caption(
        "`backward`, the function that trains above, on 3 samples and a network of 4 inputs, 5 units, 3 classes."
    )
    net = mlp.initial_parameters(seed, "kaiming normal", (4, 5, 3))
    generator = torch.Generator().manual_seed(seed)
    X, y = torch.randn(3, 4, generator=generator), torch.randint(3, (3,), generator=generator)
    forward = mlp.forward(net, X)
    panels = ("X", "d_logits", "d_hidden", "d_hidden_pre")
    steps = record(mlp.backward, net, X, y, forward, panels=panels)
    gradients = mlp.backward(net, X, y, forward)
    scale = colour.signed(gradients.logits, gradients.hidden)
    walk.show(steps, {"X": colour.signed(X), **dict.fromkeys(panels[1:], scale)}, key="walk")


def questions(seen: Seen) -> list:
    """Questions on what is on screen."""
    setup = seen.setup

    def parameters(draw: random.Random) -> Question:
        hidden = draw.choice((16, 64, HIDDEN))
        count = sum(p.numel() for p in mlp.initial_parameters(0, "zeros", (784, hidden, CLASSES)).tensors())
        return Question(
            f"How many numbers does the network train with {hidden} hidden units?", str(count),
            f"784·{hidden} + {hidden} + {hidden}·10 + 10.", tolerance=1e-6,
        )  # fmt: skip

    def untrained(_: random.Random) -> Question:
        X, y = first_batch(setup)
        start = start_of(setup.seed, "normal 0.01")
        loss = mlp.cross_entropy_loss(mlp.forward(start, X).logits, y).item()
        return Question(
            "What is the loss of the network with start normal 0.01, before any training?", f"{loss:.4g}",
            "Its logits are all nearly 0, each class has probability 1/10, and −log(1/10) = 2.303.", tolerance=0.02,
        )  # fmt: skip

    def steps(draw: random.Random) -> Question:
        size = draw.choice(BATCHES)
        an_epoch = mlp.steps_per_epoch(setup.samples, size)
        last = setup.samples - (an_epoch - 1) * size
        return Question(
            f"{setup.samples} images in batches of {size}: how many steps are {setup.epochs} epochs?",
            str(setup.epochs * an_epoch), f"{an_epoch} an epoch, the last batch holding {last}.", tolerance=1e-6,
        )  # fmt: skip

    def asleep(_: random.Random) -> Question:
        zeros = int((seen.forward.hidden == 0).sum())
        return Question(
            f"The picture of the hidden units is on screen. How many of the {HIDDEN} weights from the hidden units to "
            "class 3 get a gradient of 0 from this image?",
            str(zeros), "Those of the units that are 0: the gradient of W2[j, 3] is hidden[j] · d logits[3].",
            tolerance=1e-6,
        )  # fmt: skip

    def pushed(draw: random.Random) -> Question:
        c = draw.randrange(CLASSES)
        p = seen.probabilities
        return Question(
            f"If this image is a {c}: what is d loss / d logits[{c}]?", f"{p[c].item() - 1:.4g}",
            f"softmax − onehot: {number(p[c].item())} − 1.",
        )  # fmt: skip

    return [parameters, untrained, steps, asleep, pushed]


def take(seen: Seen) -> TakeAway:
    """The start, its first step and the image's logits there as a script; and the tensors of the network on screen."""
    setup = seen.setup
    batch = next(mlp.batches(setup.samples, setup.settings))
    of = mlp.digits(setup.samples)
    start = start_of(setup.seed, setup.scheme)
    steps = mlp.forward(start, of.X[batch])
    stepped = mlp.sgd_step(start, mlp.backward(start, of.X[batch], of.y[batch], steps).parameters, setup.lr)
    script = Script(
        title="An MLP by hand: its start, the first step of its training, and an image's logits before it",
        inputs={"images": grey(of.X[batch].view(-1, SIDE, SIDE)), "labels": of.y[batch], "image": seen.image},
        functions=(mlp.initial_parameters, mlp.forward, mlp.cross_entropy_loss, mlp.backward, mlp.sgd_step),
        calls=(
            "torch.set_num_threads(1)",
            f"start = initial_parameters({setup.seed}, {setup.scheme!r})",
            "X = images.flatten(1).float() / 255",
            "passed = forward(start, X)",
            "first_loss = cross_entropy_loss(passed.logits, labels)",
            f"stepped = sgd_step(start, backward(start, X, labels, passed).parameters, lr={setup.lr})",
            "second_loss = cross_entropy_loss(forward(stepped, X).logits, labels)  # of the same batch",
            "start_logits = forward(start, image[None]).logits",
        ),
        results=("first_loss", "second_loss", "start_logits"),
        reference={
            "first_loss": "torch.nn.functional.cross_entropy(torch.relu(X @ start.W1 + start.b1) @ start.W2 + "
            "start.b2, labels)"
        },
    )
    tensors = {
        "first_loss": mlp.cross_entropy_loss(steps.logits, of.y[batch]),
        "second_loss": mlp.cross_entropy_loss(mlp.forward(stepped, of.X[batch]).logits, of.y[batch]),
        "start_logits": mlp.forward(start, seen.image[None]).logits,
        "image": seen.image, "hidden": seen.forward.hidden, "logits": seen.forward.logits,
        **dict(zip(("W1", "b1", "W2", "b2"), seen.net.tensors(), strict=True)),
    }  # fmt: skip
    return TakeAway(script, tensors)


frame.page("mlp", lesson)
