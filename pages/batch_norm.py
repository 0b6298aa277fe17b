"""Batch norm and its neighbours: which numbers share a mean, the run in numbers, and running statistics over steps."""

import functools
import random
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st
import torch
from torch import Tensor

from core.figures import colour, curves
from core.figures.board import Cells, Panel, Relation
from core.figures.heatmap import Picture
from core.figures.montage import Index, Montage, cell_size
from core.figures.numbers import number
from core.figures.walk import record
from core.ops import batch_norm as ops
from core.ops.operator import Call, Operator
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, frame, tensor_input, walk
from core.ui.board import At
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
GROUP = {"batch": "c", "layer": "n", "instance": "n c", "group": "n g"}  # whose words a group's numbers agree in
MOMENTUM, BATCH, STEPS_BEFORE = "0.1", 8, 40  # of the running statistics, at first
NARROW = 120  # pixels of a slider
WIDEST = 156  # pixels of the cells of all channels' statistics
SMALL = 26  # pixels of a cell of the statistics and the parameters
WIDTH, HEIGHT = 770, 420  # pixels of input, standardized and output, side by side
STATISTICS = 112  # pixels of the height of a mean and of a variance


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
    with controls.main():
        kind = controls.choice("kind", "Normalise by", KINDS)
        mode = controls.choice("mode", "Mode", ("train", "eval"))
        gamma = controls.slider("weight", "weight γ", -3.0, 3.0, 1.0, step=0.1, width=NARROW)
        beta = controls.slider("bias", "bias β", -3.0, 3.0, 0.0, step=0.1, width=NARROW)
        of_groups = st.container(width=NARROW)
    with controls.more():
        x = choose_input()
        eps = float(controls.stops("eps", "eps", EPS, "1e-5", width=NARROW))
        cell = controls.cell("cell", "Picked cell", x.shape) or (0,) * x.dim()
    with of_groups:
        groups = choose_groups(x.shape[1])
    above = st.container()  # the pictures, which need the controls of the running statistics below them
    momentum, batch, steps = choose_history(kind)
    history = chase(x.shape[1], momentum, batch, source_seed()).first(steps)
    share = ops.cumulative_momentum(steps + 1) if momentum == "None" else float(momentum)
    setup = Setup(
        kind, groups, mode == "train", share, eps, gamma, beta, history.running_mean[-1], history.running_var[-1]
    )
    with above:
        done = frame.attempt("run", lambda: (x, setup, cell, run(x, setup)))
        if done:
            equation(*done)
            check.show(operator(topic, done[1].kind), call(done[0], done[1]))
        draw_groups(x, setup, cell)
    if kind == "batch":
        running_statistics(history, cell[1], x, setup)
    if done:
        draw_histogram(done[0], done[3])
    frame.below(
        topic,
        pitfalls=pitfalls(x, setup),
        walk=lambda: textbook_walk(x, setup),
        questions=questions(done[0], done[1], done[3], share) if done else (),
        take=(lambda: take(done[0], done[1], done[3])) if done else None,
        operator=operator(topic, kind),
    )


def choose_input() -> Tensor:
    """The input: an example of these sizes, or the reader's own."""
    rank = controls.choice("rank", "Shape", ("N×C×H×W", "N×C"))
    sizes = [
        controls.slider("N", "N: samples", 1, 6, 3, width=NARROW),
        controls.slider("C", "C: channels", 1, 6, 4, width=NARROW),
    ]
    if rank == "N×C×H×W":
        sizes += [controls.slider(key, key, 1, 4, 2, width=NARROW) for key in ("H", "W")]
    seed = controls.seed()
    example = source(tuple(sizes), torch.Generator().manual_seed(seed)).round(decimals=1)
    return tensor_input.tensor("x", "Input", example, LIMITS).float()


def choose_groups(channels: int) -> int:
    """num_groups, of those that divide the channels."""
    possible = [g for g in range(1, channels + 1) if channels % g == 0]
    return controls.stops("num_groups", "num_groups", possible, 2 if channels % 2 == 0 else 1, width=NARROW)


def choose_history(kind: str) -> tuple[str, int, int]:
    """Momentum, batch size and number of the steps before this batch; only batch norm remembers any."""
    if kind != "batch":
        st.markdown("Layer, instance and group norm keep no running statistics: train and eval are the same for them.")
        return MOMENTUM, BATCH, STEPS_BEFORE
    with controls.row("running"):
        momentum = controls.stops(
            "momentum", "momentum", MOMENTA, MOMENTUM, help="None: the plain average of all batches."
        )
        batch = controls.slider("batch", "Batch size", 2, 64, BATCH)
        return momentum, batch, controls.slider("steps", "Steps before this batch", 1, MOST_STEPS, STEPS_BEFORE)


def source_seed() -> int:
    """The seed on screen, which draws the batches before this one too."""
    return int(controls.settings()["seed"].value)


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


# ---- pictures --------------------------------------------------------------------------------------------------


def axes_of(x: Tensor) -> str:
    """The words of the input's dimensions."""
    return "n c h w" if x.dim() == 4 else "n c"


def channels_in_groups(x: Tensor, s: Setup) -> Relation:
    """Which channel is in which group of group norm."""
    c = torch.arange(x.shape[1])
    return Relation("c g", torch.stack([c, c // (x.shape[1] // s.groups)], 1).numpy())


def statistics_pictures(x: Tensor, s: Setup, steps: ops.BatchNormSteps) -> list[Picture]:
    """Mean and variance of each group; in evaluation batch norm's running ones."""
    marks = ops.normalization_groups(s.kind, x.shape, s.groups).flatten()
    firsts = [(marks == i).nonzero()[0].item() for i in range(int(marks.max()) + 1)]
    picks = [", ".join(map(str, place_at(int(first), x))) for first in firsts]
    shape = (x.shape[0], -1) if s.kind in ("instance", "group") else (-1,)
    side = min(SMALL, (STATISTICS - 54) // steps.mean.reshape(shape).shape[0]) if len(shape) > 1 else SMALL
    running = "running_" if s.kind == "batch" and not s.training else ""
    return [
        Picture(name, values.reshape(shape), scale, running + name, axes=GROUP[s.kind], picks=picks, side=side)
        for name, values, scale in (("mean", steps.mean, colour.signed(x)), ("var", steps.var, colour.magnitude(steps.var)))
    ]  # fmt: skip


def picked_statistics(x: Tensor, s: Setup, cell: Index, steps: ops.BatchNormSteps) -> tuple[float, float]:
    """Mean and variance of the picked cell's group."""
    if s.kind == "group":
        index = (cell[0], cell[1] // (x.shape[1] // s.groups), 0, 0)
        return steps.mean[index].item(), steps.var[index].item()
    return steps.mean.expand_as(x)[cell].item(), steps.var.expand_as(x)[cell].item()


def place_at(flat: int, x: Tensor) -> Index:
    """The index of the element at this place in reading order."""
    return tuple(int(i) for i in torch.unravel_index(torch.tensor(flat), x.shape))


def parameter_pictures(x: Tensor, s: Setup) -> list[Picture]:
    """weight and bias: one number a channel, in layer norm one for each element of a sample."""
    weight, bias = s.by_channel(x)
    scale, axes = colour.signed(weight, bias), axes_of(x).removeprefix("n ") if s.kind == "layer" else "c"
    picks = [", ".join(map(str, [0, *i, *[0] * (x.dim() - 1 - len(i))])) for i in weight.isfinite().nonzero().tolist()]
    columns = Montage(tuple(weight.shape), across=True).cells[1]
    side = min(SMALL, WIDEST // columns)
    return [
        Picture(name, values, scale, title, axes=axes, across=True, picks=picks, side=side, leading_names=("c",))
        for name, values, title in (("gamma", weight, "weight γ"), ("beta", bias, "bias β"))
    ]


def equation(x: Tensor, s: Setup, cell: Index, steps: ops.BatchNormSteps) -> None:
    """Input, standardized and output; the statistics and the parameters that lead from one to the next."""
    scaled = colour.signed(steps.standardized, steps.output)
    axes, group = axes_of(x), GROUP[s.kind]
    names = ("n", "c") if x.dim() == 4 else ()
    high: list[board.Part] = [
        Picture("x", x, colour.signed(x), "input x", axes=axes, group=group, leading_names=names), "→",
        Picture("standardized", steps.standardized, scaled, "standardized", axes=axes, group=group), "→",
        Picture("output", steps.output, scaled, "output", axes=axes, group=group),
    ]  # fmt: skip
    beside = [*statistics_pictures(x, s, steps), *parameter_pictures(x, s)]
    board.show(
        *(At(1, column, part, rows=len(beside)) for column, part in enumerate(high, start=1)),
        *(At(row, len(high) + 1, part) for row, part in enumerate(beside, start=1)),
        links=[channels_in_groups(x, s)], spelled=spelled(s),
        picks=dict.fromkeys(("x", "standardized", "output", "mean", "var", "gamma", "beta"), "cell"),
        pinned=("x", cell), cell=cell_size([x.shape] * 3, WIDTH, HEIGHT),
    )  # fmt: skip


def spelled(s: Setup) -> dict[str, str]:
    """A cell's way from input to output, and where a mean and a variance come from."""
    way = (
        f"`{{at:standardized}}` = ({{x}} − {{sum:mean}}) / √({{var}} + {number(s.eps)}) = **{{standardized}}**; "
        "`{at:output}` = {standardized} · {sum:gamma} + {sum:beta} = **{output}**"
    )
    applies = "`{at:%s}` = **{%s}**, for {count:output} numbers: `{at:output}`"
    parameters = {name: applies % (name, name) for name in ("gamma", "beta")}
    if s.kind == "batch" and not s.training:
        kept = "`running_{at:%s}` = **{%s}**: what the batches before have left, whatever this one holds"
        return {"": way, "mean": kept % ("mean", "mean"), "var": kept % ("var", "var")} | parameters
    return {
        "": way,
        "mean": "`{at:mean}` = ({sum:x}) / {count:x} = **{mean}**",
        "var": "`{at:var}` = Σ(x − {sum:mean})² / {count:x}, over the {count:x} numbers that share the mean, = **{var}**",
    } | parameters


def draw_groups(x: Tensor, s: Setup, cell: Index) -> None:
    """Which numbers share a mean, for all four, one colour a group."""
    marks = {kind: ops.normalization_groups(kind, x.shape, s.groups) for kind in KINDS}
    counts = {kind: int(mark.max()) + 1 for kind, mark in marks.items()}
    goes = "; ".join(
        f"{{{kind}}} of {count} in {kind} norm ({x.numel() // count} numbers)" for kind, count in counts.items()
    )
    board.show(
        *(
            Picture(kind, marks[kind], colour.identity(count), f"{'▶ ' if kind == s.kind else ''}{kind}: {count} means",
                    axes=axes_of(x), group=GROUP[kind])
            for kind, count in counts.items()
        ),
        links=[channels_in_groups(x, s)], spelled=f"This number goes into the mean {goes}.",
        picks=dict.fromkeys(KINDS, "cell"), pinned=(s.kind, cell), height=260, name="groups",
    )  # fmt: skip
    where = (
        "Samples stand side by side, channels below each other."
        if x.dim() == 4
        else "Rows are samples, columns channels."
    )
    st.caption(f"{where} One colour is one mean and one variance; the whole group of the cell is outlined.")


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
    board.alone(figure, f"Histogram of all numbers. {said}", name="histogram", width=430)


def running_statistics(history: Chase, c: int, x: Tensor, s: Setup) -> None:
    """The running statistics of each channel: how they came about, and what this batch makes of them."""
    board.show(
        *this_batch(x, s),
        chart("means", "running_mean", history.mean, history.running_mean, c, float(c), x),
        chart("variances", "running_var", history.var, history.running_var, c, (1 + c / 2) ** 2, x),
        spelled=moves(x, s), pinned=("running_mean", (c,)), name="running",
        picks=dict.fromkeys(("running_mean", "batch_mean", "new_mean", "running_var", "batch_var", "new_var", "means",
                             "variances"), "cell"),
    )  # fmt: skip
    st.markdown(
        f"Before this batch, in channel {c}: running_mean = **{number(s.running_mean[c].item())}**, running_var = "
        f"**{number(s.running_var[c].item())}**, after {len(history.mean)} batches. In training each batch is standardised by its own "
        "statistics and moves the running ones; evaluation uses the running ones and moves nothing."
    )


def moved(x: Tensor, s: Setup) -> tuple[Tensor, Tensor]:
    """running_mean and running_var after this batch."""
    made = call(x, s)
    STEPS[s.kind](*made.args, **made.kwargs)
    return made.args[1], made.args[2]


def this_batch(x: Tensor, s: Setup) -> list[board.Part]:
    """Running statistics before this batch and, in training, the batch's own and what comes of both."""
    try:
        after = moved(x, s)
    except ValueError:
        return []  # said above: one number a channel
    steps = run(x, s)
    parts: list[board.Part] = []
    for name, before, own, new in (
        ("mean", s.running_mean, steps.mean.flatten(), after[0]), ("var", s.running_var, steps.var.flatten(), after[1]),
    ):  # fmt: skip
        scale = colour.signed(before, own, new)
        strip = functools.partial(Picture, scale=scale, axes="c", side=SMALL, picks=first_cells(x))
        parts.append(strip(f"running_{name}", before, title=f"running_{name}"))
        if s.training:
            parts += ["→", strip(f"batch_{name}", own, title=f"{name} of this batch"), "→",
                      strip(f"new_{name}", new, title=f"running_{name} after it"), board.BREAK]  # fmt: skip
    return [*parts, board.BREAK]


def first_cells(x: Tensor) -> list[str]:
    """The index of each channel's first number."""
    return [", ".join(map(str, [0, c, *[0] * (x.dim() - 2)])) for c in range(x.shape[1])]


def moves(x: Tensor, s: Setup) -> dict[str, str]:
    """How this batch moves the running statistics of a channel."""
    if not s.training:
        return {"": "Evaluation uses running_mean {running_mean} and running_var {running_var}, and moves neither."}
    n, share = x.numel() // x.shape[1], number(s.momentum)
    way = f"running_%s: (1 − {share}) · {{sum:running_%s}} + {share} · {{sum:batch_%s}}%s = **{{new_%s}}**"
    mean, var = way % ("mean", "mean", "mean", "", "mean"), way % ("var", "var", "var", f" · {n}/{n - 1}", "var")
    return {"": f"{mean}; {var}", **dict.fromkeys(("running_var", "batch_var", "new_var", "variances"), var)}


def chart(name: str, statistic: str, batches: Tensor, running: Tensor, c: int, true: float, x: Tensor) -> Panel:
    """The running statistic of each channel step by step, and what one channel's batches gave."""
    places = range(1, len(running) + 1)
    series = {f"batches, c = {c}": (places, batches[:, c])}
    series |= {f"c = {k}": (places, running[:, k]) for k in range(running.shape[1])}
    figure = curves.lines(
        series, curves.Axis("step"), curves.Axis(), title=statistic, height=280,
        targets={f"c = {c} over all data": true},
    )  # fmt: skip
    last = running[-1].tolist()
    said = f"{statistic} after {len(running)} steps: {', '.join(map(number, last))}; in channel {c} all data have {number(true)}"
    ends = Cells("c", (len(last),), running[-1], spots=[(len(running), value) for value in last])
    return Panel(name, figure, said, ends, picks=first_cells(x), stretch=430)


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
