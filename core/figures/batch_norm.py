"""Pictures of batch norm and its neighbours: from input to output, who shares a mean, and the running statistics."""

from collections.abc import Sequence

import torch
from torch import Tensor

from core.experiments.batch_norm import KINDS, History, Moved, Run, groups_of
from core.figures import colour, curves
from core.figures.board import Cells, Panel, Relation
from core.figures.heatmap import Picture
from core.figures.montage import Index, Montage
from core.words import _, say
from core.words.numbers import number

GROUP = {"batch": "c", "layer": "n", "instance": "n c", "group": "n g"}  # whose words a group's numbers agree in
AXES = {2: "n c", 3: "n c l", 4: "n c h w"}
SMALL = 26  # pixels of a cell of the statistics and the parameters
WIDEST = 156  # pixels of the cells of all channels' statistics
STATISTICS = 112  # pixels of the height of a mean and of a variance


def axes_of(x: Tensor) -> str:
    """The words of the input's dimensions."""
    return AXES[x.dim()]


def names_of(x: Tensor) -> Sequence[str]:
    """What the leading dimensions are called over each matrix."""
    return AXES[x.dim()].split()[:-2]


def channels_in_groups(x: Tensor, num_groups: int) -> Relation:
    """Which channel is in which group of group norm."""
    c = torch.arange(x.shape[1])
    return Relation("c g", torch.stack([c, c // (x.shape[1] // num_groups)], 1).numpy())


def way(run: Run) -> list[Picture | str]:
    """Input, standardized, output."""
    assert run.steps is not None
    scaled = colour.signed(run.steps.standardized, run.steps.output)
    axes, group, names = axes_of(run.x), GROUP[run.kind], names_of(run.x)
    return [
        Picture("x", run.x, colour.signed(run.x), "input x", axes=axes, group=group, leading_names=names), "→",
        Picture("standardized", run.steps.standardized, scaled, "standardized", axes=axes, group=group), "→",
        Picture("output", run.steps.output, scaled, "output", axes=axes, group=group),
    ]  # fmt: skip


def input_alone(run: Run) -> Picture:
    """The input of a call that torch refuses."""
    return Picture("x", run.given, colour.signed(run.given), say("input x, {dtype}", run), axes=axes_of(run.x),
                   group=GROUP[run.kind], leading_names=names_of(run.x))  # fmt: skip


def statistics(run: Run) -> list[Picture]:
    """Mean and variance of each group; in evaluation batch norm's running ones."""
    assert run.steps is not None
    marks = run.marks.flatten()
    firsts = [int((marks == i).nonzero()[0]) for i in range(run.groups)]
    picks = [", ".join(map(str, place_at(first, run.x))) for first in firsts]
    shape = (run.x.shape[0], -1) if run.kind in ("instance", "group") else (-1,)
    side = min(SMALL, (STATISTICS - 54) // run.x.shape[0]) if len(shape) > 1 else SMALL
    running = "running_" if run.setup.reads_running else ""
    scales = {"mean": colour.signed(run.x), "var": colour.magnitude(run.steps.var)}
    return [
        Picture(name, getattr(run.steps, name).reshape(shape), scale, running + name, axes=GROUP[run.kind], picks=picks,
                side=side)
        for name, scale in scales.items()
    ]  # fmt: skip


def place_at(flat: int, x: Tensor) -> Index:
    """The index of the element at this place in reading order."""
    return tuple(int(i) for i in torch.unravel_index(torch.tensor(flat), x.shape))


def parameters(run: Run) -> list[Picture]:
    """weight and bias: one number a channel, in layer norm one for each element of a sample."""
    weight, bias = run.setup.by_channel(run.x)
    scale = colour.signed(weight, bias)
    axes = axes_of(run.x).removeprefix("n ") if run.kind == "layer" else "c"
    picks = [
        ", ".join(map(str, [0, *i, *[0] * (run.x.dim() - 1 - len(i))])) for i in weight.isfinite().nonzero().tolist()
    ]
    side = min(SMALL, WIDEST // Montage(tuple(weight.shape), across=True).cells[1])
    return [
        Picture(name, values, scale, title, axes=axes, across=True, picks=picks, side=side, leading_names=("c",))
        for name, values, title in (("gamma", weight, "weight γ"), ("beta", bias, "bias β"))
    ]  # fmt: skip


def all_groups(run: Run) -> list[Picture]:
    """Which numbers share a mean, for all four, one colour a group."""
    marks = {kind: groups_of(kind, run.x, run.setup.groups) for kind in KINDS}
    counts = {kind: int(mark.max()) + 1 for kind, mark in marks.items()}
    return [
        Picture(kind, marks[kind], colour.identity(count), axes=axes_of(run.x), group=GROUP[kind],
                title=("▶ " if kind == run.kind else "") + say("{kind}: {n:|mean|means}", kind=_(kind), n=count))
        for kind, count in counts.items()
    ]  # fmt: skip


# ---- running statistics ------------------------------------------------------------------------------------------


def this_batch(found: Moved, x: Tensor) -> list[list[Picture | str]]:
    """A line for the mean, one for the variance: running, the batch's own, running after it; in eval the first."""
    lines: list[list[Picture | str]] = []
    for name in ("mean", "var"):
        values = [getattr(found, f"{when}{name}") for when in ("", "batch_", "new_")]
        titles = (f"running_{name}", say("{name} of this batch", name=name), say("running_{name} after it", name=name))
        scale, picks = colour.signed(*values), first_cells(x)
        strips = [
            Picture(f"{when}_{name}", value, scale, title, axes="c", side=SMALL, picks=picks)
            for when, value, title in zip(("running", "batch", "new"), values, titles, strict=True)
        ]
        lines.append([strips[0], "→", strips[1], "→", strips[2]] if found.training else [strips[0]])
    return lines


def first_cells(x: Tensor) -> list[str]:
    """The index of each channel's first number."""
    return [", ".join(map(str, [0, c, *[0] * (x.dim() - 2)])) for c in range(x.shape[1])]


def charts(history: History, c: int, x: Tensor) -> list[Panel]:
    """The running statistics of each channel step by step, and what the batches gave in channel c."""
    return [
        chart("means", "running_mean", history.mean, history.running_mean, c, history.true_mean[c], x),
        chart("variances", "running_var", history.var, history.running_var, c, history.true_var[c], x),
    ]


def chart(name: str, statistic: str, batches: Tensor, running: Tensor, c: int, true: float, x: Tensor) -> Panel:
    """The running statistic of each channel after 0, 1, 2, … steps, and what channel c's batches gave."""
    last = running[-1].tolist()
    series = {say("batches, c = {c}", c=c): (range(1, len(running)), batches[:, c])}
    series |= {f"c = {k}": (range(len(running)), running[:, k]) for k in range(len(last))}
    figure = curves.lines(
        series, curves.Axis("step"), curves.Axis(), title=statistic, height=280,
        targets={say("c = {c} over all data", c=c): true},
    )  # fmt: skip
    said = say(
        "{statistic} after {steps} steps: {values}; in channel {c} all data have {true}", statistic=statistic,
        steps=len(batches), values=", ".join(map(number, last)), c=c, true=number(true),
    )  # fmt: skip
    ends = Cells("c", (len(last),), running[-1], spots=[(len(batches), value) for value in last])
    return Panel(name, figure, said, ends, picks=first_cells(x), stretch=430)
