"""Dropout: input, mask and output side by side, and what the mask does to mean, variance and gradient."""

import random

import streamlit as st
import torch
from torch import Tensor

from core.figures import colour, curves
from core.figures.board import Panel
from core.figures.heatmap import Picture
from core.figures.numbers import number
from core.figures.walk import record
from core.ops import dropout as ops
from core.ops.operator import Call
from core.ops.seeded import seeded
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, frame, tensor_input, walk
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

LIMITS = Limits(ranks=(1, 2), max_side=28, max_elements=784)


def draw_mask(x: Tensor, p: float, training: bool, seed: int) -> ops.DropoutSteps:
    """The run on screen: one mask from this seed, or the identity in evaluation."""
    with seeded(seed):
        return ops.dropout_steps(x, p) if training and p else ops.DropoutSteps(torch.ones_like(x), x)


def gradient(x: Tensor, p: float, training: bool, seed: int) -> Tensor:
    """What arrives at each input when a 1 comes from above to each output, through the same mask."""
    leaf = x.clone().requires_grad_()
    with seeded(seed):
        ops.dropout(leaf, p, training).sum().backward()
    assert leaf.grad is not None
    return leaf.grad


def over_masks(x: Tensor, p: float, masks: int, seed: int) -> tuple[Tensor, Tensor]:
    """For the first 1, 2, … masks: mean output and variance of the output, averaged over the cells."""
    with seeded(seed):
        outputs = ops.dropout(x.expand(masks, *x.shape), p).flatten(1).double()  # (masks, cells)
    count = torch.arange(1, masks + 1)[:, None]
    mean = outputs.cumsum(0) / count
    return mean.mean(1), ((outputs**2).cumsum(0) / count - mean**2).mean(1)


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.main():
        p = controls.slider("p", "p: probability of zero", 0.0, 1.0, 0.5, step=0.05)
        mode = controls.choice("mode", "Mode", ("train", "eval"))
        size = controls.slider("size", "Size", 2, 16, 6)
        masks = controls.slider("masks", "Masks to average", 10, 1000, 200, step=10)
    with controls.more():
        seed = controls.seed()
        example = torch.randn(size, size, generator=torch.Generator().manual_seed(seed)).round(decimals=2)
        x = tensor_input.tensor("x", "Input", example, LIMITS).float()
        cell = controls.cell("cell", "Picked cell", x.shape)
    training = mode == "train"
    steps = draw_mask(x, p, training, seed)
    grad = gradient(x, p, training, seed)
    equation(x, steps, grad, cell)
    check.show(topic.operators[0], Call((x,), {"p": p, "training": training}), seed)
    averages(x, p, masks, seed)
    frame.below(
        topic,
        pitfalls=pitfalls(x, p, seed),
        walk=lambda: textbook_walk(x, p, seed),
        questions=questions(x, p, training, steps),
        take=lambda: take(x, p, training, seed, steps),
    )


def equation(x: Tensor, steps: ops.DropoutSteps, grad: Tensor, cell: tuple[int, ...] | None) -> None:
    """input ⊙ scaled mask = output, and the gradient that goes back through the same mask."""
    scale, factors = colour.signed(x, steps.output), colour.magnitude(steps.scaled_mask, grad)
    axes = board.axes_of(x)
    fates = ["kept and scaled" if factor else "dropped" for factor in steps.scaled_mask.flatten().tolist()]
    board.show(
        Picture("x", x, scale, "input", axes=axes), "⊙",
        Picture("mask", steps.scaled_mask, factors, "mask: 0 or 1/(1−p)", axes=axes, notes=fates), "=",
        Picture("y", steps.output, scale, "output", axes=axes), "",
        Picture("grad", grad, factors, "gradient at the input", axes=axes),
        spelled="`{at:y}` = {x} · {mask} = **{y}** ({note:mask}); the gradient is multiplied by the same {grad}.",
        picks=dict.fromkeys(("x", "mask", "y", "grad"), "cell"), pinned=("y", cell) if cell else None, height=320,
    )  # fmt: skip


def averages(x: Tensor, p: float, masks: int, seed: int) -> None:
    """Mean and variance over many masks, against what they should come to."""
    if p == 1:
        st.info("With p = 1 every output is 0 under every mask: there is nothing left to average.")
        return
    mean, variance = over_masks(x, p, masks, seed)
    count = range(1, masks + 1)
    ours, target = x.double().mean().item(), (p / (1 - p) * x.double() ** 2).mean().item()
    unscaled = mean * (1 - p)
    means = curves.lines(
        {"scaled by 1/(1−p)": (count, mean), "not scaled": (count, unscaled)},
        curves.Axis("masks averaged", log=True), curves.Axis("mean output"),
        title="The mean comes to the input's mean", targets={f"mean of the input: {number(ours)}": ours},
    )  # fmt: skip
    variances = curves.lines(
        {"variance over the masks": (count, variance)},
        curves.Axis("masks averaged", log=True), curves.Axis("variance"),
        title="The price: variance p/(1−p)·x²", targets={f"p/(1−p)·mean x²: {number(target)}": target},
    )  # fmt: skip
    board.show(
        Panel(
            "means", means,
            f"Mean output after {masks} masks: {number(mean[-1].item())} scaled, {number(unscaled[-1].item())} "
            f"not scaled; the input's mean is {number(ours)}.", stretch=440,
        ),
        Panel(
            "variances", variances,
            f"Variance of the output over {masks} masks: {number(variance[-1].item())}; p/(1-p) times the mean "
            f"square of the input is {number(target)}.", stretch=440,
        ),
        name="averages",
    )  # fmt: skip


# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(x: Tensor, p: float, seed: int) -> list[Pitfall]:
    """What people believe of dropout, the tutorial's own mistake first."""
    return [
        Pitfall(
            "Dropout sets weights to zero (the tutorial: “X is the weights”)", lambda: drops_activations(x, p, seed)
        ),
        Pitfall("Setting some numbers to zero is all there is to it", lambda: shifts_the_mean(x, p, seed)),
        Pitfall("`torch.no_grad()` switches dropout off", lambda: no_grad_is_not_eval(x, p, seed)),
        Pitfall("The tutorial's ten lines are `F.dropout`", lambda: textbook_limits(x, p, seed)),
    ]


def drops_activations(x: Tensor, p: float, seed: int) -> None:
    """A layer with dropout before it: the weights stay, the activations go."""
    x = torch.atleast_2d(x)
    layer = torch.nn.Linear(x.shape[-1], 3)
    before = layer.weight.detach().clone()
    with seeded(seed):
        first, second = ops.dropout(x, p), ops.dropout(x, p)
    layer(first)
    changed = int((layer.weight != before).sum())
    st.markdown(
        f"A linear layer after dropout ran on the input: **{changed} of {before.numel()}** weights changed, while "
        f"**{int((first == 0).sum())} of {x.numel()}** activations are 0. The next call draws anew: "
        f"{int(((first == 0) != (second == 0)).sum())} cells differ in whether they were dropped. "
        "Zeroing weights is another method, DropConnect."
    )


def shifts_the_mean(x: Tensor, p: float, seed: int) -> None:
    """The same mask with and without the factor, on positive numbers, where a shift shows."""
    positive = x.abs()
    with seeded(seed):
        outputs = ops.dropout(positive.expand(500, *x.shape), p) if p < 1 else torch.zeros(500, *x.shape)
    st.markdown(
        f"Mean of |x| is **{number(positive.mean().item())}**. Over 500 masks the mean output is "
        f"**{number(outputs.mean().item())}** with the factor 1/(1−p), and "
        f"**{number((outputs * (1 - p)).mean().item())}** without it: then every layer after it would see smaller "
        "numbers in training than in evaluation."
    )


def no_grad_is_not_eval(x: Tensor, p: float, seed: int) -> None:
    """Dropout under no_grad, and after eval()."""
    layer = torch.nn.Dropout(p)
    with seeded(seed), torch.no_grad():
        under = int((layer(x) == 0).sum())
    after = int((layer.eval()(x) == 0).sum())
    zeros = int((x == 0).sum())
    st.markdown(
        f"`nn.Dropout({p:g})` under `no_grad()` gives **{under}** zeros (the input has {zeros}); after `.eval()` it "
        f"gives **{after}**. `no_grad` stops the recording of the graph; only `eval()` stops dropout."
    )


def textbook_limits(x: Tensor, p: float, seed: int) -> None:
    """The textbook version on the same input: dtype, mode, mask and refusal."""
    with seeded(seed):
        theirs = ops.dropout_textbook(x.double(), p)
    with seeded(seed):
        ours = ops.dropout(x.double(), p)
    same = bool(((theirs == 0) == (ours == 0)).all())
    refusals = []
    for function in (ops.dropout_textbook, torch.nn.functional.dropout):
        try:
            function(x, 1.5)
        except (AssertionError, ValueError) as refusal:
            refusals.append(f"{type(refusal).__name__} “{refusal}”")
    st.markdown(
        f"From a float64 input it makes **{str(theirs.dtype).removeprefix('torch.')}**, torch keeps "
        f"**{str(ours.dtype).removeprefix('torch.')}**. It has no `training` argument. From one seed its mask is "
        f"{'the same as' if same else '**another** than'} torch's, since it draws uniform numbers where torch draws "
        f"Bernoulli's. And p = 1.5 gives {refusals[0]} there, {refusals[1]} in torch."
    )


# ---- walk, questions, take away --------------------------------------------------------------------------------


def textbook_walk(x: Tensor, p: float, seed: int) -> None:
    """The textbook version, line by line, on the input on screen."""
    with seeded(seed):
        steps = record(ops.dropout_textbook, x, p, panels=("X", "mask"))
    walk.show(steps, {"X": colour.signed(x), "mask": colour.magnitude(torch.ones(1))}, key="walk")


def questions(x: Tensor, p: float, training: bool, steps: ops.DropoutSteps) -> list:
    """Questions on what is on screen."""

    def scaled(draw: random.Random) -> Question:
        cells = [tuple(c) for c in steps.output.nonzero().tolist()] or [(0,) * x.dim()]
        cell = draw.choice(cells)
        return Question(
            f"The input at {cell} is {number(x[cell].item())}, and it is kept. What does the output hold there?",
            f"{steps.output[cell].item():.4g}",
            f"Kept numbers are multiplied by 1/(1 − p) in training, here {number(steps.scaled_mask[cell].item())}.",
        )

    def expected(_: random.Random) -> Question:
        count = x.numel() * p if training else 0.0
        return Question(
            f"How many of the {x.numel()} cells are dropped on average, over many masks, in this mode?",
            f"{count:g}",
            "Each cell is dropped with probability p on its own in training, and none is in evaluation.",
        )

    def grad(draw: random.Random) -> Question:
        cell = tuple(draw.randrange(n) for n in x.shape)
        return Question(
            f"A gradient of 1 arrives at every output. What does the input at {cell} receive?",
            f"{steps.scaled_mask[cell].item():.4g}",
            "Backward multiplies by the very mask of the forward pass, its scaling included.",
        )

    return [scaled, expected, grad]


def take(x: Tensor, p: float, training: bool, seed: int, steps: ops.DropoutSteps) -> TakeAway:
    """The run on screen as a script, and its tensors."""
    script = Script(
        title="Dropout",
        inputs={"x": x},
        functions=(ops.dropout,),
        calls=(f"output = dropout(x, p={p}, training={training})",),
        results=("output",),
        reference={"output": f"torch.nn.functional.dropout(x, p={p}, training={training})"},
        seed=seed,
    )
    return TakeAway(script, {"x": x, "mask": steps.scaled_mask, "output": steps.output})


frame.page("dropout", lesson)
