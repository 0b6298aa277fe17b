"""Batch norm and its neighbours: which numbers share a mean, the run in numbers, and running statistics over steps."""

import functools
import random
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st
import torch
from torch import Tensor

from core.figures import colour, curves
from core.figures.heatmap import Index, Outline, Picture, number
from core.figures.walk import record
from core.ops import batch_norm as ops
from core.ops.operator import Call, Operator
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import check, controls, frame, pictures, tensor_input, walk
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

LIMITS = Limits(ranks=(2, 4), max_side=8, max_elements=144)
KINDS = ("batch", "layer", "instance", "group")
EPS = ("1e-5", "1e-3", "0.1", "1", "10")
MOST_STEPS = 100  # of the running statistics
MOMENTA = ("0", "0.01", "0.1", "0.3", "0.5", "0.9", "1", "None")
FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "batch": ops.batch_norm, "layer": ops.layer_norm, "instance": ops.instance_norm, "group": ops.group_norm,
}  # fmt: skip
STEPS: dict[str, Callable[..., ops.BatchNormSteps]] = {
    "batch": ops.batch_norm_steps, "layer": ops.layer_norm_steps, "instance": ops.instance_norm_steps, "group": ops.group_norm_steps,
}  # fmt: skip
MOST_TERMS = 12  # numbers of a group that are written out


@dataclass(frozen=True)
class Setup:
    """What is on screen but the input: which normalisation, its parameters, and the statistics before this batch."""

    kind: str
    groups: int
    training: bool
    momentum: float
    eps: float
    gamma: float
    beta: float
    running_mean: Tensor
    running_var: Tensor

    def by_channel(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """weight and bias as the operator wants them: per channel, per element in layer norm."""
        shape = x.shape[1:] if self.kind == "layer" else x.shape[1:2]
        return torch.full(shape, self.gamma), torch.full(shape, self.beta)


@dataclass(frozen=True)
class Chase:
    """Batch statistics and running statistics over the steps, (steps, C) each."""

    mean: Tensor
    var: Tensor
    running_mean: Tensor
    running_var: Tensor

    def first(self, steps: int) -> "Chase":
        """The first so many steps."""
        return Chase(self.mean[:steps], self.var[:steps], self.running_mean[:steps], self.running_var[:steps])


def source(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Numbers whose channel c has mean c and standard deviation 1 + c / 2."""
    c = torch.arange(shape[1]).reshape(1, -1, *[1] * (len(shape) - 2)).float()
    return c + (1 + c / 2) * torch.randn(shape, generator=generator)


@functools.lru_cache(maxsize=64)
def chase(channels: int, momentum: str, batch: int, seed: int) -> Chase:
    """Batch norm in training on batch after batch: what it saw and what it remembers. None averages all batches.

    Kept for the sliders that change nothing of it. Not to be written to.
    """
    generator = torch.Generator().manual_seed(seed)
    running_mean, running_var = torch.zeros(channels), torch.ones(channels)
    rows: list[tuple[Tensor, ...]] = []
    for i in range(MOST_STEPS):
        share = ops.cumulative_momentum(i + 1) if momentum == "None" else float(momentum)
        seen = ops.batch_norm_steps(
            source((batch, channels), generator), running_mean, running_var, training=True, momentum=share
        )
        rows.append((seen.mean.flatten(), seen.var.flatten(), running_mean.clone(), running_var.clone()))
    return Chase(*(torch.stack(column) for column in zip(*rows, strict=True)))


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.row():
        kind = controls.choice("kind", "Normalise by", KINDS)
        mode = controls.choice("mode", "Mode", ("train", "eval"))
        rank = controls.choice("rank", "Shape", ("N×C×H×W", "N×C"))
        seed = controls.seed()
    with controls.row("sizes"):
        sizes = [
            controls.slider("N", "N: samples", 1, 6, 3, width=120),
            controls.slider("C", "C: channels", 1, 6, 4, width=120),
        ]
        if rank == "N×C×H×W":
            sizes += [controls.slider(key, key, 1, 4, 2, width=120) for key in ("H", "W")]
        gamma = controls.slider("weight", "weight γ", -3.0, 3.0, 1.0, step=0.1, width=120)
        beta = controls.slider("bias", "bias β", -3.0, 3.0, 0.0, step=0.1, width=120)
    example = source(tuple(sizes), torch.Generator().manual_seed(seed)).round(decimals=1)
    with controls.row("input"):
        x = tensor_input.tensor("x", "Input", example, LIMITS).float()
        groups = controls.stops(
            "num_groups",
            "num_groups",
            [g for g in range(1, x.shape[1] + 1) if x.shape[1] % g == 0],
            2 if x.shape[1] % 2 == 0 else 1,
        )
        eps = float(controls.stops("eps", "eps", EPS, "1e-5"))
        cell = controls.cell("cell", "Picked cell", x.shape) or (0,) * x.dim()
    above = st.container()  # the pictures, which need the controls of the running statistics below them
    with controls.row("running"):
        momentum = controls.stops(
            "momentum", "momentum", MOMENTA, "0.1", help="None: the plain average of all batches."
        )
        batch = controls.slider("batch", "Batch size", 2, 64, 8)
        steps = controls.slider("steps", "Steps before this batch", 1, MOST_STEPS, 40)
    history = chase(x.shape[1], momentum, batch, seed).first(steps)
    share = ops.cumulative_momentum(steps + 1) if momentum == "None" else float(momentum)
    setup = Setup(
        kind, groups, mode == "train", share, eps, gamma, beta, history.running_mean[-1], history.running_var[-1]
    )
    with above:
        draw_groups(x, setup, cell)
        done = frame.attempt("run", lambda: (x, setup, cell, run(x, setup)))
        if done:
            draw(*done)
            check.show(operator(topic, done[1].kind), call(done[0], done[1]))
    with st.container(horizontal=True, gap="small"):
        draw_chase(history, cell[1], setup)
        if done:
            draw_histogram(done[0], done[3])
    draw_variance(history, cell[1])
    frame.below(
        topic,
        pitfalls=pitfalls(x, setup),
        walk=lambda: textbook_walk(x, setup),
        questions=questions(done[0], done[1], done[3], share) if done else (),
        take=(lambda: take(done[0], done[1], done[3])) if done else None,
    )


def operator(topic: Topic, kind: str) -> Operator:
    """The operator of this kind of normalisation."""
    return next(op for op in topic.operators if op.name == f"{kind}_norm")


def call(x: Tensor, s: Setup) -> Call:
    """The call on screen, with its own copies of what it moves."""
    weight, bias = s.by_channel(x)
    moved = s.running_mean.clone(), s.running_var.clone()
    if s.kind == "batch":
        return Call((x, *moved, weight, bias), {"training": s.training, "momentum": s.momentum, "eps": s.eps})
    if s.kind == "layer":
        return Call((x, tuple(x.shape[1:]), weight, bias), {"eps": s.eps})
    if s.kind == "group":
        return Call((x, s.groups, weight, bias), {"eps": s.eps})
    return Call((x,), {"weight": weight, "bias": bias, "eps": s.eps})


def run(x: Tensor, s: Setup) -> ops.BatchNormSteps:
    """The normalisation on screen."""
    made = call(x, s)
    return STEPS[s.kind](*made.args, **made.kwargs)


def members(x: Tensor, s: Setup, kind: str, cell: Index) -> list[Index]:
    """The cells that share a mean with this one."""
    marks = ops.normalization_groups(kind, x.shape, s.groups)
    return [tuple(index) for index in (marks == marks[cell]).nonzero().tolist()]


# ---- pictures --------------------------------------------------------------------------------------------------


def draw_groups(x: Tensor, s: Setup, cell: Index) -> None:
    """Which numbers share a mean, for all four, one colour a group."""
    parts: list[Picture] = []
    for kind in KINDS:
        marks = ops.normalization_groups(kind, x.shape, s.groups)
        count = int(marks.max()) + 1
        outlines = [Outline(members(x, s, kind, cell), colour.USED, 2), Outline([cell])]
        parts.append(
            Picture(
                kind,
                marks,
                colour.identity(count),
                f"{'▶ ' if kind == s.kind else ''}{kind}: {count} means",
                outlines,
                pickable=True,
            )
        )
    room = sum(x.shape[-2:]) if x.dim() == 4 else sum(x.shape)
    pictures.many(
        parts,
        cell=18 if x.dim() == 4 and room < 9 else 12 if x.dim() == 4 else 24,
        name="groups",
        picks=dict.fromkeys(KINDS, "cell"),
    )
    if x.dim() == 4:
        st.caption(
            "Samples stand side by side, channels below each other. One colour, one mean and variance; outlined: the group of the picked cell."
        )
    else:
        st.caption(
            "Rows are samples, columns channels. One colour, one mean and variance; outlined: the group of the picked cell."
        )


def draw(x: Tensor, s: Setup, cell: Index, steps: ops.BatchNormSteps) -> None:
    """Input, standardized and output, and the picked cell in numbers."""
    outlines = [Outline(members(x, s, s.kind, cell), colour.USED, 2), Outline([cell])]
    scaled = colour.signed(steps.standardized, steps.output)
    pictures.equation(
        Picture("x", x, colour.signed(x), "input", outlines, pickable=True), "→",
        Picture("standardized", steps.standardized, scaled, "standardized", outlines, pickable=True), "→",
        Picture("output", steps.output, scaled, "output", outlines, pickable=True),
        picks=dict.fromkeys(("x", "standardized", "output"), "cell"), height=440,
    )  # fmt: skip
    st.markdown(spelled(x, s, cell, steps))


def picked_statistics(x: Tensor, s: Setup, cell: Index, steps: ops.BatchNormSteps) -> tuple[float, float]:
    """Mean and variance of the picked cell's group."""
    if s.kind == "group":
        index = (cell[0], cell[1] // (x.shape[1] // s.groups), 0, 0)
        return steps.mean[index].item(), steps.var[index].item()
    return steps.mean.expand_as(x)[cell].item(), steps.var.expand_as(x)[cell].item()


def spelled(x: Tensor, s: Setup, cell: Index, steps: ops.BatchNormSteps) -> str:
    """The picked cell's way from input to output, in numbers."""
    mean, var = picked_statistics(x, s, cell, steps)
    if s.kind == "batch" and not s.training:
        first = f"evaluation: running_mean[{cell[1]}] = **{number(mean)}**, running_var[{cell[1]}] = **{number(var)}**, whatever the batch"
    else:
        values = [number(x[index].item()) for index in members(x, s, s.kind, cell)]
        terms = " + ".join(values[:MOST_TERMS]).replace("+ -", "− ") + (" + …" if len(values) > MOST_TERMS else "")
        first = f"mean = ({terms}) / {len(values)} = **{number(mean)}**; var = Σ(x − mean)² / {len(values)} = **{number(var)}**"
    standardized, output = steps.standardized[cell].item(), steps.output[cell].item()
    return (
        f"{first}  \nstandardized{list(cell)} = ({number(x[cell].item())} − {number(mean)}) / √({number(var)} + {s.eps:g}) = "
        f"**{number(standardized)}**; output{list(cell)} = {number(standardized)} · {s.gamma:g} + {s.beta:g} = **{number(output)}**"
    )


def draw_histogram(x: Tensor, steps: ops.BatchNormSteps) -> None:
    """How the numbers spread before and after."""
    low, high = (f(torch.stack([x, steps.output])).item() for f in (torch.min, torch.max))
    high = high if high > low else low + 1
    width = (high - low) / 16
    places = [low + width * (i + 0.5) for i in range(16)]
    counts = {
        name: (places, torch.histc(t.detach(), 16, low, high)) for name, t in (("input", x), ("output", steps.output))
    }
    figure = curves.bars(
        counts, curves.Axis("value"), curves.Axis("numbers"), title="Before and after", height=260, overlay=True
    )
    said = "; ".join(
        f"{name} mean {number(t.mean().item())}, variance {number(t.var(correction=0).item())}"
        for name, t in (("input", x), ("output", steps.output))
    )
    pictures.show(figure, f"Histogram of all numbers. {said}", key="histogram", width=430)


def draw_chase(history: Chase, c: int, s: Setup) -> None:
    """The running mean of one channel after the batches' means."""
    places = range(1, len(history.mean) + 1)
    series = {"batch mean": (places, history.mean[:, c]), "running_mean": (places, history.running_mean[:, c])}
    figure = curves.lines(
        series,
        curves.Axis("step"),
        curves.Axis(),
        title=f"Mean of channel {c}",
        height=260,
        targets={"of the source": float(c)},
    )
    pictures.show(
        figure,
        f"running_mean of channel {c} after the steps: {number(s.running_mean[c].item())}; the source has mean {c}",
        key="means",
        width=430,
    )


def draw_variance(history: Chase, c: int) -> None:
    """The running variance of one channel after the batches' variances."""
    places = range(1, len(history.var) + 1)
    series = {"batch var (biased)": (places, history.var[:, c]), "running_var": (places, history.running_var[:, c])}
    true = (1 + c / 2) ** 2
    with st.container(horizontal=True, gap="small"):
        figure = curves.lines(
            series,
            curves.Axis("step"),
            curves.Axis(),
            title=f"Variance of channel {c}",
            height=260,
            targets={"of the source": true},
        )
        last = history.running_var[-1, c].item()
        pictures.show(
            figure,
            f"running_var of channel {c} after the steps: {number(last)}; the source has variance {number(true)}",
            key="variances",
            width=430,
        )
        st.markdown(
            f"In training each batch is standardised by its own statistics and moves the running ones. After {len(history.mean)} steps, in "
            f"channel {c}: running_mean = **{number(history.running_mean[-1, c].item())}**, running_var = **{number(last)}**. Evaluation "
            "uses these and moves nothing. Layer, instance and group norm here keep none: train and eval are the same for them.",
            width=400,
        )


# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(x: Tensor, s: Setup) -> list[Pitfall]:
    """What people believe of batch norm, the tutorial's words first."""
    return [
        Pitfall("The tutorial: momentum = 0.9, as in torch", lambda: turned_momentum(x)),
        Pitfall("The tutorial's moving variance is torch's running_var", lambda: biased(x)),
        Pitfall("The tutorial: X has the shape [C, B, H, W]", lambda: shape(x)),
        Pitfall("The tutorial: a mean of means of means is the mean", lambda: mean_of_means(x)),
        Pitfall("Batch norm trains on a batch of one", batch_of_one),
        Pitfall("Forgetting eval() costs nothing", lambda: forgotten_eval(x, s)),
    ]


def textbook(x: Tensor, momentum: float, training: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    """The textbook version from fresh statistics."""
    side = (1, -1, *[1] * (x.dim() - 2)) if x.dim() > 2 else (-1,)
    zeros, ones = torch.zeros(x.shape[1]).reshape(side), torch.ones(x.shape[1]).reshape(side)
    return ops.batch_norm_textbook(training, x, ones, zeros, zeros, ones, 1e-5, momentum)


def torchs(x: Tensor, momentum: float) -> tuple[Tensor, Tensor]:
    """torch's running statistics after this batch, from fresh ones."""
    mean, var = torch.zeros(x.shape[1]), torch.ones(x.shape[1])
    torch.nn.functional.batch_norm(x, mean, var, training=True, momentum=momentum)
    return mean, var


def count(x: Tensor) -> int:
    """How many numbers a channel has."""
    return x.numel() // x.shape[1]


def turned_momentum(x: Tensor) -> None:
    """The moved mean of both, for 0.9 and 0.1."""
    if count(x) < 2:
        st.markdown("This input has one number a channel; torch refuses to train on it. Give it more samples.")
        return
    theirs, same, other = (
        textbook(x, 0.9)[1].flatten()[0].item(),
        torchs(x, 0.9)[0][0].item(),
        torchs(x, 0.1)[0][0].item(),
    )
    st.markdown(
        f"One batch from 0, channel 0: the tutorial's 0.9 gives **{number(theirs)}**, torch's 0.9 gives **{number(same)}**, torch's 0.1 "
        f"gives **{number(other)}**. The tutorial's momentum is the share of the old that stays, one minus torch's."
    )


def biased(x: Tensor) -> None:
    """Both variances after a batch that replaces everything."""
    n = count(x)
    if n < 2:
        st.markdown("This input has one number a channel: n − 1 = 0, and torch refuses it in training.")
        return
    theirs, torch_ = textbook(x, 0.0)[2].flatten()[0].item(), torchs(x, 1.0)[1][0].item()
    st.markdown(
        f"When a batch replaces the old statistics altogether, channel 0 stores **{number(theirs, 5)}** there (over n = {n}) and "
        f"**{number(torch_, 5)}** in torch (over n − 1). Both standardise the batch itself by the biased one."
    )


def shape(x: Tensor) -> None:
    """Which dimension the means keep."""
    mean = textbook(x, 0.0)[1]
    st.markdown(
        f"From this input of shape {tuple(x.shape)} its code makes means of shape **{tuple(mean.shape)}**: it averages over every "
        "dimension but 1, so dimension 1 holds the channels: (N, C, H, W). Were dimension 0 the channels, mean(dim=0) would mix them."
    )


def mean_of_means(x: Tensor) -> None:
    """The two means on the input, and on parts of unequal size."""
    nested = textbook(x, 0.0)[1].flatten()
    plain = x.mean((0, *range(2, x.dim())))
    parts = torch.tensor([1.0, 1.0, 1.0]), torch.tensor([5.0])
    unequal = torch.stack([part.mean() for part in parts]).mean().item()
    st.markdown(
        f"Here it is: the largest difference is {number((nested - plain).abs().max().item())}, since all parts have one size. For the "
        f"parts [1, 1, 1] and [5] the mean of means is **{number(unequal)}**, the mean **{number(torch.cat(parts).mean().item())}**."
    )


def batch_of_one() -> None:
    """torch's refusal, and what the textbook makes of it."""
    x = torch.tensor([[3.0, -1.0]])
    try:
        torch.nn.BatchNorm1d(2)(x)
        said = "takes it"
    except ValueError as refusal:
        said = f"refuses it: “{refusal}”"
    st.markdown(
        f"torch {said}. The tutorial's version gives {textbook(x, 0.9)[0].tolist()[0]}: each number minus itself. With H·W > 1 one "
        "sample is enough for torch, since a channel then has several numbers."
    )


def forgotten_eval(x: Tensor, s: Setup) -> None:
    """The same batch in training and in evaluation, and what stays behind."""
    if count(x) < 2:
        st.markdown("With one number a channel, forgetting it raises an error: see above.")
        return
    mean, var = s.running_mean.clone(), s.running_var.clone()
    evaluated = ops.batch_norm(x, mean, var, eps=s.eps)
    still = bool((mean == s.running_mean).all())
    trained = ops.batch_norm(x, mean, var, training=True, momentum=0.1, eps=s.eps)
    alone = ops.batch_norm(x[:1], s.running_mean, s.running_var, eps=s.eps)
    st.markdown(
        f"Without `eval()` **{int((~torch.isclose(trained, evaluated)).sum())} of {x.numel()}** outputs differ, by up to "
        f"{number((trained - evaluated).abs().max().item())}, and running_mean[0] moves from {number(s.running_mean[0].item(), 4)} to "
        f"**{number(mean[0].item(), 4)}** (momentum 0.1; in eval it {'stays' if still else 'moves'}). A sample's output in training "
        f"depends on the others in its batch; in eval alone it {'is the same' if torch.allclose(alone, evaluated[:1]) else 'differs'}."
    )


# ---- walk, questions, take away --------------------------------------------------------------------------------


def textbook_walk(x: Tensor, s: Setup) -> None:
    """The tutorial's version of batch norm, line by line, on the input on screen."""
    side = (1, -1, 1, 1) if x.dim() == 4 else (-1,)
    gamma, beta = (torch.full((x.shape[1],), value).reshape(side) for value in (s.gamma, s.beta))
    steps = record(
        ops.batch_norm_textbook, s.training, x, gamma, beta, s.running_mean.reshape(side), s.running_var.reshape(side), s.eps, 1 - s.momentum,
        panels=("X", "X_hat", "Y"),
    )  # fmt: skip
    last = steps.steps[-1].values
    walk.show(
        steps,
        {"X": colour.signed(x), **{name: colour.signed(last[name]) for name in ("X_hat", "Y") if name in last}},
        key="walk",
    )


def questions(x: Tensor, s: Setup, steps: ops.BatchNormSteps, share: float) -> list:
    """Questions on what is on screen."""

    def output(draw: random.Random) -> Question:
        at = tuple(draw.randrange(n) for n in x.shape)
        mean, var = picked_statistics(x, s, at, steps)
        return Question(
            f"The input at {list(at)} is {number(x[at].item())}; its mean is {number(mean, 5)}, its variance {number(var, 5)}. What is the output there (eps {s.eps:g}, γ {s.gamma:g}, β {s.beta:g})?",
            f"{steps.output[at].item():.4g}",
            "(input − mean) / √(var + eps) · γ + β.",
        )

    def means(draw: random.Random) -> Question:
        kind = draw.choice(KINDS)
        groups = int(ops.normalization_groups(kind, x.shape, s.groups).max()) + 1
        extra = f" with {s.groups} groups" if kind == "group" else ""
        return Question(
            f"How many means does {kind} norm{extra} compute in training for an input of shape {tuple(x.shape)}?",
            str(groups),
            "One for each set of numbers that share it: C in batch norm, N in layer norm, N·C in instance norm, N·num_groups in group norm.",
        )

    def moved(draw: random.Random) -> Question:
        c = draw.randrange(x.shape[1])
        mean = s.running_mean.clone()
        target = draw.choice((-2.0, 1.0, 4.0))
        batch = torch.full_like(x, target).expand(2, *x.shape).flatten(0, 1)
        ops.batch_norm(batch, mean, s.running_var.clone(), training=True, momentum=share)
        return Question(
            f"running_mean[{c}] is {number(s.running_mean[c].item(), 5)} and momentum is {number(share)}. A batch with mean {target:g} comes in training. What is it then?",
            f"{mean[c].item():.4g}",
            "(1 − momentum) · old + momentum · batch mean.",
        )

    return [output, means, moved]


def take(x: Tensor, s: Setup, steps: ops.BatchNormSteps) -> TakeAway:
    """The run on screen as a script, and its tensors."""
    weight, bias = s.by_channel(x)
    inputs, arguments = {"x": x, "weight": weight, "bias": bias}, f"weight=weight, bias=bias, eps={s.eps!r}"
    if s.kind == "batch":
        inputs |= {"running_mean": s.running_mean, "running_var": s.running_var}
        given = f"(x, running_mean.clone(), running_var.clone(), {arguments}, training={s.training}, momentum={s.momentum!r})"
    else:
        first = {"layer": f"{tuple(x.shape[1:])}, ", "group": f"{s.groups}, "}.get(s.kind, "")
        given = f"(x, {first}{arguments})"
    name = f"{s.kind}_norm"
    script = Script(
        name,
        inputs,
        (FUNCTIONS[s.kind],),
        (f"output = {name}{given}",),
        ("output",),
        {"output": f"torch.nn.functional.{name}{given}"},
    )
    return TakeAway(script, inputs | {"standardized": steps.standardized, "output": steps.output})


frame.page("batch_norm", lesson)
