"""Cross entropy: from logits to one number in four linked pictures, all the ways to it, its gradient and its shape."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
import torch
import torch.nn.functional as F
from torch import Tensor

from core.data import digit
from core.experiments import loss_views as views
from core.figures import colour, curves
from core.figures.board import Panel, Relation
from core.figures.heatmap import Outline, Picture
from core.figures.loss_surface import contours
from core.figures.montage import cell_size
from core.figures.numbers import number
from core.figures.walk import Moment, record
from core.ops import binary_losses as binary
from core.ops import losses as ops
from core.ops.operator import Call
from core.ops.softmax import log_softmax, sigmoid, softmax
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, frame, tensor_input, walk
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

LIMITS = Limits(ranks=(2,), max_side=10, max_elements=60)
KINDS = {"classes": "one of C classes", "binary": "yes or no", "labels": "several labels", "images": "every pixel"}
NLL, CROSS_ENTROPY, BCE, BCE_LOGITS, SOFT_MARGIN = range(5)  # places in the topic's operators
REDUCTIONS = ("mean", "sum", "none")
ONES = colour.Scale(colour.MAGNITUDE, 0.0, 1.0)
NARROW = 112  # pixels of a slider
SIDE = 14  # pixels of a side of the image

Index = tuple[int, ...]


@dataclass(frozen=True)
class Run:
    """Logits (N, C), classes (N,), the loss's settings, and the steps of the plain loss."""

    x: Tensor
    y: Tensor
    settings: Mapping[str, Any]
    picked: Index | None
    steps: ops.CrossEntropySteps

    @property
    def cell(self) -> Index:
        """The picked cell, the first sample's target if none is."""
        return self.picked or (0, int(self.y[0]))

    @property
    def smooth(self) -> float:
        """The share of the target that is spread over all classes."""
        return float(self.settings["label_smoothing"])

    @property
    def counts(self) -> bool:
        """Whether samples count differently: a weight or an ignored class is set."""
        return self.settings["weight"] is not None or self.settings["ignore_index"] >= 0

    def loss(self, x: Tensor, **other: Any) -> Tensor:
        """The loss of these logits, with the settings on screen unless others are given."""
        return ops.cross_entropy(x, self.y, **{**self.settings, **other})

    @property
    def weights(self) -> Tensor:
        """What each sample counts in the mean: its class's weight, 0 if ignored: (N,)."""
        weight = self.settings["weight"]
        of_class = torch.ones(self.x.shape[1]) if weight is None else weight
        return of_class[self.y] * (self.y != self.settings["ignore_index"])

    @property
    def aim(self) -> Tensor:
        """What stands before −log p: one-hot, smoothed, weighted class by class, 0 for ignored samples: (N, C)."""
        weight, c = self.settings["weight"], self.x.shape[1]
        spread = (1 - self.smooth) * ops.one_hot(self.y, c) + self.smooth / c
        return spread * (1 if weight is None else weight) * (self.y != self.settings["ignore_index"])[:, None]

    @property
    def divisor(self) -> float:
        """What the sum of the losses, and the gradient, are divided by: 1 unless the reduction is the mean."""
        return self.weights.sum().item() if self.settings["reduction"] == "mean" else 1.0


def gradient(loss: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """By autograd through `loss`, of the sum where it gives several numbers."""
    leaf = x.detach().clone().requires_grad_()
    loss(leaf).sum().backward()
    assert leaf.grad is not None
    return leaf.grad


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    main, more = controls.main(), controls.more()
    with main:
        kind = controls.choice("kind", "What is predicted", KINDS)
    {"classes": classes, "binary": yes_or_no, "labels": yes_or_no, "images": pixels}[kind](topic, kind, main, more)


# ---- one of C classes ------------------------------------------------------------------------------------------


def classes(topic: Topic, _: str, main: Any, more: Any) -> None:
    """Logits → softmax → log → the target's → one number; and the gradient."""
    run = choose_run(main, more)
    losses = run.loss(run.x, reduction="none")
    loss = run.loss(run.x)
    equation(run, losses, loss, gradient(run.loss, run.x))
    st.markdown(total(run, losses, loss))
    check.show(topic.operators[CROSS_ENTROPY], Call((run.x, run.y), dict(run.settings)))
    frame.below(
        topic,
        pitfalls=pitfalls(run),
        walk=lambda: steps_walk(run),
        questions=questions(run),
        take=lambda: take(run, loss),
        more={"Curve and surface": lambda: curve_and_surface(run), "Equal ways": lambda: equal_ways(topic, run)},
    )


def choose_run(main: Any, more: Any) -> Run:
    """Logits, targets and settings."""
    with more:
        n, c = 3, 4
        if tensor_input.source("x") == "example":
            n = controls.slider("N", "Samples N", 1, 6, 3, width=NARROW)
            c = controls.slider("C", "Classes C", 2, 6, 4, width=NARROW)
        seed = controls.seed()
        generator = torch.Generator().manual_seed(seed)
        example = (torch.randn(n, c, generator=generator) * 2).round(decimals=1)
        x = tensor_input.tensor("x", "Logits", example, LIMITS).float()
        y, weight = choose_targets(x, seed), choose_weight(x.shape[1])
        cell = controls.cell("cell", "Picked cell", x.shape)
    with main:
        smoothing = controls.slider("label_smoothing", "label_smoothing", 0.0, 1.0, 0.0, step=0.05, width=NARROW)
        ignored = controls.stops(
            "ignore_index", "ignore_index", (-100, *range(x.shape[1])), format=lambda i: "none" if i < 0 else str(i),
            width=NARROW,
        )  # fmt: skip
        reduction = controls.choice("reduction", "reduction", REDUCTIONS)
    settings = {
        "weight": weight, "ignore_index": ignored, "reduction": reduction, "label_smoothing": smoothing,
    }  # fmt: skip
    return Run(x, y, settings, cell, ops.cross_entropy_steps(x, y))


def choose_targets(x: Tensor, seed: int) -> Tensor:
    """The true classes: drawn, or typed."""
    n, c = x.shape
    drawn = torch.randint(c, (n,), generator=torch.Generator().manual_seed(seed + 1))
    typed = controls.text(
        "y", "Targets", longest=60, placeholder=", ".join(map(str, drawn.tolist())), width=150,
        help="The true class of each sample, 0 to C − 1.",
    )  # fmt: skip
    found = numbers(typed)
    if not typed.strip():
        return drawn
    if found is None or len(found) != n or not all(i in range(c) for i in found):
        controls.complain(
            f"`{controls.quoted(typed)}`: give {n} whole numbers from 0 to {c - 1}. Showing drawn targets."
        )
        return drawn
    return torch.tensor(found).long()


def choose_weight(c: int) -> Tensor | None:
    """The classes' weights, none unless typed."""
    typed = controls.text(
        "weight", "weight", longest=80, placeholder="none; or " + ", ".join(map(str, range(1, c + 1))), width=190,
        help="One number for each class.",
    )  # fmt: skip
    found = numbers(typed)
    if not typed.strip():
        return None
    if found is None or len(found) != c or not all(0 <= w <= 1000 for w in found):
        controls.complain(f"`{controls.quoted(typed)}`: give {c} numbers from 0 to 1000. Going on without weights.")
        return None
    return torch.tensor(found, dtype=torch.float32)


def numbers(text: str) -> list[float] | None:
    """The numbers in a text with commas or spaces; None if there is anything else in it."""
    try:
        return [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        return None


def equation(run: Run, losses: Tensor, loss: Tensor, grad: Tensor) -> None:
    """logits → softmax → log → the target's → one number; below it softmax − target → gradient."""
    steps, targets = run.steps, list(enumerate(run.y.tolist()))
    each, rows = losses[:, None], [f"{i}, {c}" for i, c in targets]
    framed = [Outline(targets, colour.INK, 2)]
    takers: dict[str, board.Pick] = dict.fromkeys(("x", "p", "log", "loss", "target", "w", "grad"), "cell")
    board.show(
        Picture("x", run.x, colour.signed(run.x), "1 logits", axes="i j", group="i"), "→",
        Picture("p", steps.probabilities, ONES, "2 softmax", axes="i j", group="i", notes=sums_of_exp(run.x)), "→",
        Picture("log", steps.log_probabilities, colour.signed(steps.log_probabilities), "3 log, the target's framed",
                framed, axes="i t", notes=logs_spelled(run)), "→",
        Picture("loss", each, colour.magnitude(each), "4 loss", muted=not_numbers(each), axes="i one", picks=rows,
                notes=losses_spelled(run, losses)), *ending(loss, run),
        board.BREAK, *gradient_pictures(run, grad, rows),
        links=[relation("j t", [(j, j) for j in range(run.x.shape[1])]), relation("i t", targets, "winner")],
        spelled=spelled(run), picks=takers, pinned=("p", run.picked) if run.picked else None,
        cell=min(33, cell_size([run.x.shape] * 3 + [each.shape], 800, 230)),
    )  # fmt: skip


def gradient_pictures(run: Run, grad: Tensor, rows: list[str]) -> list[board.Part]:
    """(softmax − target) ÷ divisor = gradient; with each sample's weight where samples count differently."""
    aim = Picture("target", run.aim, ONES if run.aim.max() <= 1 else colour.magnitude(run.aim), aim_title(run),
                  axes="i j", notes=aims_spelled(run))  # fmt: skip
    slope = Picture("grad", grad, colour.signed(grad), "gradient at the logits", muted=not_numbers(grad), axes="i j")
    divided = f") ÷ {number(run.divisor)} =" if run.settings["reduction"] == "mean" else ") ="
    if not run.counts:
        return ["(softmax −", aim, divided, slope]
    whole = run.aim.sum(1, keepdim=True)
    weight = Picture("w", whole, colour.magnitude(whole), "sum of target's row" if run.smooth else "weight",
                     axes="i one", picks=rows)  # fmt: skip
    return ["(", weight, "· softmax −", aim, divided, slope]


def aim_title(run: Run) -> str:
    """What the target is, with what is set."""
    parts = ["smoothed"] * bool(run.smooth) + ["weighted"] * run.counts
    return "target, " + " and ".join(parts) if parts else "target, one-hot"


def ending(loss: Tensor, run: Run) -> list[str]:
    """The sign that ends the equation: how the losses become one number."""
    how = run.settings["reduction"]
    divided = f"Σ ÷ {number(run.divisor)}" if how == "mean" else "Σ"
    return [] if how == "none" else [f"{divided} = {number(loss.item())}"]


def not_numbers(values: Tensor) -> list[Index]:
    """The cells that hold nan, to be drawn in grey."""
    return [tuple(index) for index in values.isnan().nonzero().tolist()]


def relation(axes: str, rows: Sequence[tuple[int, ...]], role: str = "used") -> Relation:
    """Indices that hang together, one combination a row."""
    return Relation(axes, torch.tensor(rows).numpy(), role)


# ---- the sentence under the pictures ---------------------------------------------------------------------------


def spelled(run: Run) -> dict[str, str]:
    """The arithmetic of a cell, by the picture it stands in."""
    divided = f" / {number(run.divisor)}" if run.settings["reduction"] == "mean" else ""
    over = "{w} · {p}" if run.counts else "{p}"
    return {
        "x": "`{at:x}` = **{x}** has the probability {p}; the loss's slope along it is **{grad}**",
        "p": "`{at:p}` = e^{x} / ({note:p}) = **{p}**",
        "log": "`{at:log}` = {note:log} = **{log}**",
        "loss": "{note:loss}",
        "target": "`{at:target}` = {note:target} = **{target}**",
        "w": "`{at:w}` = **{w}**: what softmax's row is multiplied by",
        "grad": f"`{{at:grad}}` = ({over} − {{target}}){divided} = **{{grad}}**",
    }


def sums_of_exp(x: Tensor) -> list[str]:
    """For each logit what its softmax divides by."""
    rows = [" + ".join(f"e^{number(value, 4)}" for value in row) for row in x.tolist()]
    return [row for row in rows for _ in range(x.shape[1])]


def logs_spelled(run: Run) -> list[str]:
    """For each log probability where it is from; a probability that became 0 has none."""
    p = run.steps.probabilities.flatten().tolist()
    return [f"log {number(value, 4)}" if value else "logit − log of the sum of exp (p is 0 in float32)" for value in p]


def losses_spelled(run: Run, losses: Tensor) -> list[str]:
    """For each sample the sum that its loss is."""
    terms = zip(run.aim.tolist(), run.steps.log_probabilities.tolist(), strict=True)
    said = []
    for i, (aims, logs) in enumerate(terms):
        if run.y[i] == run.settings["ignore_index"]:
            said.append(f"`loss[{i}]` = **0**: its target {int(run.y[i])} is ignored")
            continue
        parts = [(aim, log) for aim, log in zip(aims, logs, strict=True) if aim]
        one = len(parts) == 1 and parts[0][0] == 1
        summed = f"−({number(parts[0][1], 4)})" if one else " + ".join(
            f"{number(aim, 4)}·{number(-log, 4)}" for aim, log in parts
        )  # fmt: skip
        said.append(f"`loss[{i}]` = {summed or 0} = **{number(losses[i].item(), 4)}**")
    return said


def aims_spelled(run: Run) -> list[str]:
    """For each sample and class what its target is made of."""
    weight, c, smooth = run.settings["weight"], run.x.shape[1], run.smooth
    said = []
    for true in run.y.tolist():
        for j in range(c):
            share = ("1" if j == true else "0") + (f" (the target is {true})" if not smooth else "")
            if smooth:
                share = f"(1 − {smooth:g})·{int(j == true)} + {smooth:g}/{c}"
            weighted = share if weight is None else f"{number(weight[j].item())} · ({share})"
            said.append("0 (ignored)" if true == run.settings["ignore_index"] else weighted)
    return said


def total(run: Run, losses: Tensor, loss: Tensor) -> str:
    """How the losses become one number."""
    how, summed = run.settings["reduction"], number(losses.sum().item(), 5)
    if how == "none":
        return "With `reduction='none'` the losses stay as they are; the gradient is that of their sum."
    if how == "sum":
        return f"The sum of the losses is **{number(loss.item(), 5)}**."
    weights = " + ".join(map(number, run.weights.tolist()))
    by = f"({weights}), the weights of the targets" if run.counts else f"{len(run.x)} samples"
    return f"Loss = {summed} / {by} = **{number(loss.item(), 5)}**."


# ---- the tabs of one of C classes ------------------------------------------------------------------------------


def curve_and_surface(run: Run) -> None:
    """−log p, the picked sample's loss over one logit, and over two."""
    (i, j), c = run.cell, int(run.y[run.cell[0]])
    other = j if j != c else (c + 1) % run.x.shape[1]
    p = torch.linspace(0.005, 1, 100)
    mine = run.steps.probabilities[i, c].item()
    board.show(
        Panel(
            "minus log",
            curves.lines(
                {"−log p": (p, -p.log()), "1 − p": (p, 1 - p), "this sample": ([mine, mine], [0, 5])},
                curves.Axis("probability of the target"), curves.Axis("loss", range=(0, 5.3)),
                title=f"Sample {i}: −log p", height=360,
            ),
            f"Minus log p: {number(-run.steps.log_probabilities[i, c].item())} at this sample's p of {number(mine)}.",
            stretch=290,
        ),
        over_one_logit(run, i, c), over_two_logits(run, i, c, other), name="curves",
    )  # fmt: skip
    st.markdown(convexity(run))


def sample_loss(run: Run, i: int, logits: Tensor) -> Tensor:
    """The loss of sample i for many logits (M, C) in place of its own: (M,)."""
    settings = dict(run.settings) | {"reduction": "none"}
    return ops.cross_entropy(logits, run.y[i].expand(len(logits)), **settings)


def over_one_logit(run: Run, i: int, c: int) -> Panel:
    """The loss and its slope over the target's logit, all others as they are."""
    z = torch.linspace(-8, 8, 81)
    logits = run.x[i].repeat(len(z), 1)
    logits[:, c] = z
    loss = sample_loss(run, i, logits)
    slope = gradient(lambda x: sample_loss(run, i, x), logits)[:, c]
    now = run.x[i, c].item()
    return Panel(
        "one logit",
        curves.lines(
            {"loss": (z, loss), "slope": (z, slope), "now": ([now, now], [-1, float(loss.max())])},
            curves.Axis(f"logit of the target, class {c}"), curves.Axis(), title="Over one logit", height=360,
        ),
        f"Loss from {number(loss[0].item())} at logit -8 to {number(loss[-1].item())} at 8; slope between "
        f"{number(slope.min().item())} and {number(slope.max().item())}.",
        stretch=290,
    )  # fmt: skip


def over_two_logits(run: Run, i: int, c: int, other: int) -> Panel:
    """The loss over the target's logit and another's, as contours."""
    z = torch.linspace(-6, 6, 41)
    logits = run.x[i].repeat(len(z) * len(z), 1)
    logits[:, c], logits[:, other] = z.repeat(len(z)), z.repeat_interleave(len(z))
    loss = sample_loss(run, i, logits).view(len(z), len(z))  # (other, target)
    now = (run.x[i, c].item(), run.x[i, other].item())
    here = {"now": now} if max(map(abs, now)) <= 6 else {}
    return Panel(
        "surface",
        contours(z, z, loss, (f"logit {c} (target)", f"logit {other}"), title="Over two logits", points=here),
        f"Loss over the logits of class {c}, the target, and {other}: from {number(loss.min().item())} to "
        f"{number(loss.max().item())}.",
        stretch=330,
    )  # fmt: skip


def convexity(run: Run) -> str:
    """The definition of convex, tried on random segments in the space of the logits."""
    above = views.chords_above(lambda flat: views.loss_of_logits(flat, run.y), run.x.numel())
    return (
        f"Convex in the logits: on 200 random segments the loss half-way lies above the mean of its ends **{above} "
        "times**. There is no lowest point, though: without smoothing the loss falls on towards 0 as the target's "
        "logit grows."
    )


def equal_ways(topic: Topic, run: Run) -> None:
    """All ways to the same number, with values and gradients."""
    x, y = run.x, run.y
    hot = ops.one_hot(y, x.shape[1])
    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "F.cross_entropy(x, y)": lambda x: F.cross_entropy(x, y),
        "manual cross_entropy(x, y)": lambda x: ops.cross_entropy(x, y),
        "one-hot: −Σ y·log p, mean": lambda x: ops.cross_entropy_by_one_hot(x, y),
        "gather: −log p[y], mean": lambda x: ops.cross_entropy_by_gather(x, y),
        "nll_loss(log_softmax(x), y)": lambda x: ops.cross_entropy_by_nll_loss(x, y),
        "F.nll_loss(F.log_softmax(x, 1), y)": lambda x: F.nll_loss(F.log_softmax(x, 1), y),
        "F.cross_entropy(x, one-hot as probabilities)": lambda x: F.cross_entropy(x, hot),
        "tutorial: ce_loss(softmax(x), y), then mean": lambda x: ops.ce_loss(softmax(x, 1), y).mean(),
    }
    st.markdown("Plain losses of these logits (mean, no weights), each by another way:\n\n" + compared(ways, x))
    log_p = log_softmax(x, 1)
    check.show(topic.operators[NLL], Call((log_p, y), {"reduction": run.settings["reduction"]}))


def compared(ways: Mapping[str, Callable[[Tensor], Tensor]], x: Tensor) -> str:
    """A table: each way's value, and how far value and gradient lie from the first way's."""
    first, slope = next(iter(ways.values()))(x), gradient(next(iter(ways.values())), x)
    lines = ["| Way | Loss | Apart | Gradients apart |", "|:--|--:|--:|--:|"]
    for name, way in ways.items():
        value, grad = way(x), gradient(way, x)
        lines.append(
            f"| `{name}` | {value.item():.7g} | {number((value - first).abs().item(), 2)} | "
            f"{number((grad - slope).abs().max().item(), 2)} |"
        )
    return "\n".join(lines)


# ---- yes or no, and several labels -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Labels:
    """Logits and answers (N, L), probabilities, losses, their one number, and the gradient at the logits."""

    x: Tensor
    y: Tensor
    settings: Mapping[str, Any]
    picked: Index | None
    p: Tensor
    losses: Tensor
    loss: Tensor
    grad: Tensor

    @property
    def weights(self) -> Tensor:
        """What each answer counts: pos_weight where it is a yes: (N, L)."""
        factor = self.settings["pos_weight"]
        return torch.ones_like(self.y) if factor is None else torch.where(self.y == 1, factor, torch.ones(()))


def yes_or_no(topic: Topic, kind: str, main: Any, more: Any) -> None:
    """Logits → sigmoid → −[y·log p + (1 − y)·log(1 − p)] → one number."""
    run = choose_labels(kind, main, more)
    label_pictures(run)
    st.markdown(label_sums(run))
    check.show(topic.operators[BCE_LOGITS], Call((run.x, run.y), run.settings))
    check.show(topic.operators[BCE], Call((run.p, run.y), {"reduction": run.settings["reduction"]}))
    frame.below(
        topic,
        pitfalls=label_pitfalls(run.x, run.y),
        questions=label_questions(run.x, run.y, run.p),
        take=lambda: take_labels(run),
        more={"Equal ways": lambda: equal_label_ways(topic, run.x, run.y)},
        operator=topic.operators[BCE_LOGITS],
    )


def choose_labels(kind: str, main: Any, more: Any) -> Labels:
    """Logits, answers of 0 and 1, and settings; and what the loss makes of them."""
    with main:
        factor = controls.slider("pos_weight", "pos_weight", 0.5, 5.0, 1.0, step=0.5, width=NARROW)
        reduction = controls.choice("reduction", "reduction", REDUCTIONS)
    with more:
        n = controls.slider("N", "Samples N", 1, 6, 3, width=NARROW)
        labels = 1 if kind == "binary" else controls.slider("L", "Labels", 1, 6, 4, width=NARROW)
        seed = controls.seed()
        generator = torch.Generator().manual_seed(seed)
        example = (torch.randn(n, labels, generator=generator) * 2).round(decimals=1)
        x = tensor_input.tensor("x", "Logits", example, LIMITS).float()
        cell = controls.cell("cell", "Picked cell", x.shape)
    y = torch.randint(2, x.shape, generator=torch.Generator().manual_seed(seed + 1)).float()
    settings = {"reduction": reduction, "pos_weight": None if factor == 1 else torch.tensor(factor)}

    def loss(x: Tensor, **other: Any) -> Tensor:
        return binary.binary_cross_entropy_with_logits(x, y, **settings | other)

    return Labels(x, y, settings, cell, sigmoid(x), loss(x, reduction="none"), loss(x), gradient(loss, x))


def label_pictures(run: Labels) -> None:
    """Logits, sigmoid, answers, losses, one number; then the gradient."""
    how, n = run.settings["reduction"], run.x.numel()
    weight = Picture("w", run.weights, colour.magnitude(run.weights), "weight", axes="i j")
    weighted: list[board.Part] = [weight, "·"] if run.settings["pos_weight"] is not None else []
    ends = {"mean": f"Σ ÷ {n} = {number(run.loss.mean().item())}", "sum": f"Σ = {number(run.loss.sum().item())}"}
    divided = f" ÷ {n}" if how == "mean" else ""
    takers: dict[str, board.Pick] = dict.fromkeys(("x", "p", "y", "loss", "w", "grad"), "cell")
    board.show(
        Picture("x", run.x, colour.signed(run.x), "1 logits", axes="i j"), "→",
        Picture("p", run.p, ONES, "2 sigmoid", axes="i j"), "",
        Picture("y", run.y, ONES, "targets", axes="i j"), "→",
        Picture("loss", run.losses, colour.magnitude(run.losses), "3, 4 −log of the answer's", axes="i j",
                notes=answers_spelled(run)), *([ends[how]] if how in ends else []),
        board.BREAK, *weighted, f"(sigmoid − target){divided} =",
        Picture("grad", run.grad, colour.signed(run.grad), "gradient at the logits", axes="i j"),
        spelled={
            "x": "`{at:x}` = **{x}** has the probability {p}; the loss's slope along it is **{grad}**",
            "p": "`{at:p}` = 1 / (1 + e^−({x})) = **{p}**",
            "y": "`{at:y}` = **{y}**: the loss is {note:loss} = {loss}",
            "loss": "`{at:loss}` = {note:loss} = **{loss}**",
            "w": "`{at:w}` = **{w}** where the target is {y}",
            "grad": "`{at:grad}` = " + ("{w} · " if weighted else "") + "({p} − {y})"
            + (f" / {n}" if divided else "") + " = **{grad}**",
        },
        picks=takers, pinned=("p", run.picked) if run.picked else None,
        cell=min(36, cell_size([run.x.shape] * 4, 740, 230)),
    )  # fmt: skip


def answers_spelled(run: Labels) -> list[str]:
    """For each answer the logarithm that its loss is, taken of the logit, so that it holds where p rounds to 0 or 1."""
    said = []
    for x, y, weight in zip(*(t.flatten().tolist() for t in (run.x, run.y, run.weights)), strict=True):
        times = "" if weight == 1 else f"{number(weight)} · "
        which, sign = ("−log p", "−") if y else ("−log(1 − p)", "")
        said.append(f"{times}({which}) = {times}log(1 + e^{sign}({number(x, 4)}))")
    return said


def label_sums(run: Labels) -> str:
    """The one number, and what the probabilities of a row sum to."""
    whole = f"All together: **{number(run.loss.item(), 5)}**." if run.settings["reduction"] != "none" else (
        "With `reduction='none'` the losses stay as they are; the gradient is that of their sum."
    )  # fmt: skip
    labels, rows = run.x.shape[1], ", ".join(number(v, 4) for v in run.p.sum(1).tolist())
    return whole if labels == 1 else f"{whole} The {labels} probabilities of a row sum to {rows}: nothing made them 1."


def equal_label_ways(topic: Topic, x: Tensor, y: Tensor) -> None:
    """Binary cross entropy by all its names."""
    pairs = y.flatten().long()

    def as_classes(x: Tensor) -> Tensor:
        two = torch.stack([torch.zeros_like(x.flatten()), x.flatten()], 1)  # (N·L, 2): no scores 0
        return F.cross_entropy(two, pairs)

    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "F.binary_cross_entropy_with_logits(x, y)": lambda x: F.binary_cross_entropy_with_logits(x, y),
        "manual binary_cross_entropy_with_logits(x, y)": lambda x: binary.binary_cross_entropy_with_logits(x, y),
        "F.binary_cross_entropy(sigmoid(x), y)": lambda x: F.binary_cross_entropy(sigmoid(x), y),
        "manual binary_cross_entropy(sigmoid(x), y)": lambda x: binary.binary_cross_entropy(sigmoid(x), y),
        "tutorial: 1/N Σ −[y·log p + (1 − y)·log(1 − p)]": lambda x: binary.binary_cross_entropy_textbook(
            sigmoid(x), y
        ),
        "F.multilabel_soft_margin_loss(x, y)": lambda x: F.multilabel_soft_margin_loss(x, y),
        "manual multilabel_soft_margin_loss(x, y)": lambda x: binary.multilabel_soft_margin_loss(x, y),
        "F.cross_entropy of the two classes (0, x)": as_classes,
    }
    st.markdown("Plain losses of these logits (mean, no weights), each by another way:\n\n" + compared(ways, x))
    check.show(topic.operators[SOFT_MARGIN], Call((x, y)))


# ---- every pixel of an image -----------------------------------------------------------------------------------


def pixels(topic: Topic, _: str, main: Any, more: Any) -> None:
    """Logits (1, C, H, W), classes (1, H, W): a loss for each pixel."""
    with main:
        sure = controls.slider("sure", "How sure the model is", 0.0, 20.0, 6.0, step=1.0, width=160)
        ignored = controls.stops("ignore_index", "ignore_index", (-100, 0, 1, 2),
                                 format=lambda i: "none" if i < 0 else str(i), width=NARROW)  # fmt: skip
    with more:
        which = controls.number("digit", "Which digit", 0, 7999, 0)
        seed = controls.seed()
        cell = controls.cell("cell", "Picked pixel", (SIDE, SIDE))
    image = F.avg_pool2d(digit(which)[None], 2)[0]  # (14, 14)
    x, y = views.segmentation(image, sure, torch.Generator().manual_seed(seed))
    settings: dict[str, Any] = {"ignore_index": ignored}
    losses, loss = ops.cross_entropy(x, y, reduction="none", **settings), ops.cross_entropy(x, y, **settings)
    pixel_pictures(x, y, losses, ignored, cell)
    st.markdown(
        f"The classes are dimension 1 of {tuple(x.shape)}, the targets have shape {tuple(y.shape)}: 0 is background, "
        f"1 edge, 2 ink. The mean over "
        f"{int((y != ignored).sum())} pixels is **{number(loss.item(), 5)}**."
    )
    check.show(topic.operators[CROSS_ENTROPY], Call((x, y), settings))
    at = cell or (SIDE // 2, SIDE // 2)
    logits = x.permute(0, 2, 3, 1).reshape(-1, 3)
    flat = Run(
        logits, y.flatten(), {"weight": None, "ignore_index": ignored, "reduction": "mean", "label_smoothing": 0.0},
        (at[0] * SIDE + at[1], int(y[0][at])), ops.cross_entropy_steps(logits, y.flatten()),
    )  # fmt: skip
    st.markdown(
        f"As a list of {len(flat.y)} samples, `x.permute(0, 2, 3, 1).reshape(-1, 3)`: "
        f"**{number(flat.loss(flat.x).item(), 5)}**."
    )
    frame.below(
        topic, pitfalls=pitfalls(flat), questions=questions(flat), take=lambda: take_pixels(x, y, ignored, loss)
    )


REGIONS = ("background", "edge", "ink")  # the classes of a pixel


def pixel_pictures(x: Tensor, y: Tensor, losses: Tensor, ignored: int, cell: Index | None) -> None:
    """The logits' three planes, softmax's, the targets and the losses."""
    p, named = softmax(x, 1), ("n", "c")
    places = [f"{a}, {b}" for a in range(SIDE) for b in range(SIDE)]
    where = [(0, *map(int, place.split(", ")), c) for place, c in zip(places, y.flatten().tolist(), strict=True)]
    chances = p.gather(1, y[:, None]).flatten().tolist()
    said = [
        f"**0**: its target {c} is ignored" if c == ignored else f"−log {number(chance, 4)} = **{number(loss, 4)}**"
        for c, chance, loss in zip(y.flatten().tolist(), chances, losses.flatten().tolist(), strict=True)
    ]
    takers: dict[str, board.Pick] = dict.fromkeys(("x", "p", "y", "loss"), "cell")
    board.show(
        Picture("x", x, colour.signed(x), "logits of 3 classes", leading_names=named, axes="n c h w", group="n h w",
                picks=places * 3, across=True), "→",
        Picture("p", p, ONES, "softmax", leading_names=named, axes="n k h w", group="n h w", picks=places * 3,
                across=True), board.BREAK,
        Picture("y", y, colour.identity(3), "targets: violet 0, green 1, cream 2", leading_names=("n",), axes="n h w",
                picks=places,
                notes=[REGIONS[c] for c in y.flatten().tolist()]), "→",
        Picture("loss", losses, colour.magnitude(losses), "−log of the target's", leading_names=("n",), axes="n h w",
                picks=places, notes=said),
        links=[relation("c k", [(c, c) for c in range(3)]), relation("n h w k", where, "winner")],
        spelled={
            "x": "`{at:x}` = **{x}**; softmax makes it {p}, over the three classes of this pixel",
            "p": "`{at:p}` = e^{x} / the sum over the three classes of this pixel = **{p}**",
            "y": "`{at:y}` = **{y}**, {note:y}: the loss is {note:loss}",
            "loss": "`{at:loss}` = {note:loss}",
        },
        picks=takers, pinned=("y", (0, *cell)) if cell else None, cell=9,
    )  # fmt: skip


# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(run: Run) -> list[Pitfall]:
    """What people believe of cross entropy, the tutorial's own first."""
    return [
        Pitfall("The tutorial's `ce_loss` is the cross entropy (it “didn't divide by the batch size”)",
                lambda: forgotten_mean(run)),
        Pitfall("Cross entropy takes probabilities, so a softmax comes first", lambda: softmax_twice(run)),
        Pitfall("log(softmax(x)) is what `log_softmax` computes", lambda: log_of_zero(run)),
        Pitfall("The tutorial: cross entropy is “convex, it has a global optimum”", lambda: not_in_weights(run)),
        Pitfall("The tutorial: the logits sum to 1 over the classes, so softmax or sigmoid normalises them",
                lambda: logits_sum(run)),
        Pitfall("`nll_loss` takes the logarithm: it is the negative log likelihood", lambda: no_log(run)),
        Pitfall("With class weights the mean still divides by N", lambda: weighted_mean(run)),
        Pitfall("A perfect prediction costs 0, with label smoothing too", lambda: smoothed_floor(run)),
    ]  # fmt: skip


def forgotten_mean(run: Run) -> None:
    """The textbook's shape, backward's refusal, and the sum's gradient."""
    leaf = run.x.clone().requires_grad_()
    theirs = ops.ce_loss(softmax(leaf, 1), run.y)
    try:
        theirs.backward()
        said = "is taken, for one sample only"
    except RuntimeError as refusal:
        said = f"refuses: “{refusal}”"
    ours = F.cross_entropy(run.x, run.y)
    summed = gradient(lambda x: ops.ce_loss(softmax(x, 1), run.y), run.x).abs().max()
    mean = gradient(lambda x: F.cross_entropy(x, run.y), run.x).abs().max()
    st.markdown(
        f"It returns shape {tuple(theirs.shape)}, and `backward()` {said}. Its mean, "
        f"{number(theirs.mean().item(), 5)}, is torch's {number(ours.item(), 5)}. Summed instead, the gradient is "
        f"**{number((summed / mean).item(), 4)} times** as large for N = {len(run.x)}: the learning rate would depend "
        "on the batch size. And it takes probabilities, where `F.cross_entropy` takes logits."
    )


def softmax_twice(run: Run) -> None:
    """The loss and its gradient with one softmax too many."""
    once, twice = F.cross_entropy(run.x, run.y), F.cross_entropy(softmax(run.x, 1), run.y)
    slope = gradient(lambda x: F.cross_entropy(x, run.y), run.x).norm()
    flat = gradient(lambda x: F.cross_entropy(softmax(x, 1), run.y), run.x).norm()
    c = run.x.shape[1]
    perfect = F.cross_entropy(ops.one_hot(run.y, c), run.y)
    st.markdown(
        f"Logits give {number(once.item())}; their softmax goes through a second one and gives "
        f"**{number(twice.item())}**, without an error. The gradient's norm falls from {number(slope.item())} to "
        f"**{number(flat.item())}**, {number((slope / flat).item())} times smaller, and even probabilities that are "
        f"exactly right cost **{number(perfect.item())}** = log(1 + {c - 1}/e)."
    )


def log_of_zero(run: Run) -> None:
    """Both ways on logits so far apart that a probability underflows."""
    factor = 120 / max((run.x.amax(1) - run.x.amin(1)).max().item(), 1e-6)
    x = run.x * max(factor, 1)
    wrong = x.argmin(1)
    two = ops.ce_loss(softmax(x, 1), wrong).mean()
    grad = gradient(lambda x: ops.ce_loss(softmax(x, 1), wrong).mean(), x)
    one = F.cross_entropy(x, wrong)
    fine = gradient(lambda x: ops.cross_entropy(x, wrong), x)
    st.markdown(
        f"Logits times {number(max(factor, 1))}, targets where they are smallest: in two steps the loss is "
        f"**{number(two.item())}** and **{int(grad.isnan().sum())} of {grad.numel()}** gradients are nan, since p "
        f"became 0 and log 0 = −∞. In one step: loss **{number(one.item())}**, {int(fine.isnan().sum())} nan."
    )


def not_in_weights(run: Run) -> None:
    """Segments in the logits, and in the weights of a small network."""
    y, sizes = run.y[:40] % 3, (2, 4, 3)
    X = torch.linspace(-1, 1, 2 * len(y), dtype=torch.float64).view(-1, 2)
    above = views.chords_above(lambda flat: views.loss_of_logits(flat, run.y), run.x.numel(), 40)
    deep = views.chords_above(lambda flat: views.loss_of_weights(flat, X, y, sizes), 2 * 4 + 4 + 4 * 3 + 3, 40)
    far = [F.cross_entropy(run.steps.log_probabilities * 0 + s * ops.one_hot(run.y, run.x.shape[1]), run.y).item()
           for s in (1, 10, 100)]  # fmt: skip
    st.markdown(
        f"In the **logits** it is convex: {above} of 40 chords are cut. In the **weights** of a network with one "
        f"hidden layer (4 units) on these targets, {deep} of 40 are: what training moves are the weights. Nor is "
        "the optimum reached: with the target's logit at 1, 10, 100 and the others at 0 the loss is "
        f"{', '.join(number(v) for v in far)}: it only tends to 0."
    )


def logits_sum(run: Run) -> None:
    """Row sums of logits, softmax and sigmoid."""
    rows = slice(0, 3)
    listed = (", ".join(number(v, 4) for v in values.sum(1)[rows].tolist())
              for values in (run.x, softmax(run.x, 1), sigmoid(run.x)))  # fmt: skip
    logits, soft, sigm = listed
    st.markdown(
        f"The first rows' logits sum to {logits}: anything. Softmax makes it **{soft}**; {run.x.shape[1]} sigmoids "
        f"give **{sigm}**, which is no distribution over classes. A sigmoid does for two classes, as p and 1 − p."
    )


def no_log(run: Run) -> None:
    """nll_loss on probabilities, on logits, and on log probabilities."""
    p, log_p = softmax(run.x, 1), log_softmax(run.x, 1)
    st.markdown(
        f"There is no logarithm in it: on probabilities it gives **{number(F.nll_loss(p, run.y).item())}** (below 0), "
        f"on logits {number(F.nll_loss(run.x, run.y).item())}, on `log_softmax` "
        f"**{number(F.nll_loss(log_p, run.y).item())}**, the cross entropy. It picks the target's number, drops the "
        "minus and takes the mean, as the tutorial says."
    )


def weighted_mean(run: Run) -> None:
    """The mean of weighted losses, by N and by the weights."""
    weight = run.settings["weight"]
    weight = torch.arange(1.0, run.x.shape[1] + 1) if weight is None else weight
    each = ops.cross_entropy(run.x, run.y, weight, reduction="none")
    theirs = F.cross_entropy(run.x, run.y, weight)
    said = ", ".join(number(w) for w in weight.tolist())
    st.markdown(
        f"With weights {said}: Σ losses / N = {number((each.sum() / len(run.y)).item(), 4)}, Σ losses / Σ weights of "
        f"the targets = **{number((each.sum() / weight[run.y].sum()).item(), 4)}**; torch gives "
        f"**{number(theirs.item(), 4)}**. So all weights twice as large change nothing: "
        f"{number(F.cross_entropy(run.x, run.y, 2 * weight).item(), 4)}."
    )


def smoothed_floor(run: Run) -> None:
    """The loss of more and more certain right predictions, with smoothing."""
    c, smooth = run.x.shape[1], run.settings["label_smoothing"] or 0.1
    hot = ops.one_hot(run.y, c)
    sure = ", ".join(
        number(F.cross_entropy(s * hot, run.y, label_smoothing=smooth).item()) for s in (1.0, 5.0, 20.0, 100.0)
    )
    aim = torch.full((c,), smooth / c)
    aim[0] += 1 - smooth
    floor = -(aim * aim.clamp(min=1e-30).log()).sum().item()
    st.markdown(
        f"With ε = {smooth:g} and the target's logit at 1, 5, 20, 100 above the rest, it costs **{sure}**: more "
        "certain than 1 − ε + ε/C is punished. The least that can be reached is the entropy of the smoothed target, "
        f"**{number(floor)}**."
    )


def label_pitfalls(x: Tensor, y: Tensor) -> list[Pitfall]:
    """What people believe of binary cross entropy."""
    return [
        Pitfall("The tutorial's formula 1/N Σ −[y·log p + (1 − y)·log(1 − p)] can be written as it stands",
                lambda: binary_log_of_zero(x, y)),
        Pitfall("`binary_cross_entropy` takes logits, as `cross_entropy` does", lambda: takes_probabilities(x, y)),
        Pitfall("Several labels: a softmax, as with classes", lambda: softmax_on_labels(x, y)),
        Pitfall("The mean is over the samples", lambda: mean_over_labels(x, y)),
    ]  # fmt: skip


def binary_log_of_zero(x: Tensor, y: Tensor) -> None:
    """The formula where p is 0 or 1, and torch's cut."""
    p = (x > 0).float()
    theirs, ours = binary.binary_cross_entropy_textbook(p, y), binary.binary_cross_entropy(p, y)
    wrong = int((p != y).sum())
    logits = binary.binary_cross_entropy_with_logits(x * 1000, y)
    st.markdown(
        f"With p rounded to 0 and 1 ({wrong} of {p.numel()} wrong) the formula gives **{number(theirs.item())}** (0 · "
        f"log 0). torch cuts the logarithms at −100: **{number(ours.item(), 5)}** = 100 · {wrong}/{p.numel()}. From "
        f"logits, here times 1000, nothing is cut: **{number(logits.item(), 5)}**."
    )


def takes_probabilities(x: Tensor, y: Tensor) -> None:
    """The refusal of logits, and the silence of the other mistake."""
    try:
        said = f"takes these logits, which all lie in 0 … 1: {number(F.binary_cross_entropy(x, y).item())}"
    except RuntimeError as refusal:
        said = f"refuses them: “{str(refusal).splitlines()[0]}”"
    right = F.binary_cross_entropy_with_logits(x, y)
    twice = F.binary_cross_entropy_with_logits(sigmoid(x), y)
    st.markdown(
        f"It takes probabilities and {said}. The other way round nobody complains: `…_with_logits` of probabilities "
        f"gives **{number(twice.item(), 4)}** instead of **{number(right.item(), 4)}**."
    )


def softmax_on_labels(x: Tensor, y: Tensor) -> None:
    """Probabilities of a row with two labels."""
    both = torch.ones(1, x.shape[1])
    logits = torch.full_like(both, 5.0)
    soft = F.binary_cross_entropy(softmax(logits, 1), both)
    sigm = F.binary_cross_entropy(sigmoid(logits), both)
    st.markdown(
        f"A sample with all {x.shape[1]} labels and logits of 5: the sigmoids are "
        f"{number(sigmoid(logits)[0, 0].item())} each and cost **{number(sigm.item())}**; a softmax must share 1 "
        f"among them, {number(1 / x.shape[1])} each, and costs **{number(soft.item())}** however large the logits. On "
        f"screen the labels of a row number {', '.join(str(int(n)) for n in y.sum(1).tolist())}."
    )


def mean_over_labels(x: Tensor, y: Tensor) -> None:
    """Sum, mean over samples, mean over all."""
    summed, mean = (F.binary_cross_entropy_with_logits(x, y, reduction=how) for how in ("sum", "mean"))
    st.markdown(
        f"Sum {number(summed.item(), 5)}, over {len(x)} samples {number(summed.item() / len(x), 5)}; torch's mean is "
        f"**{number(mean.item(), 5)}** = sum / {x.numel()}, over samples and labels."
        + (" With one label it is the same." if x.shape[1] == 1 else "")
    )


# ---- walk, questions, take away --------------------------------------------------------------------------------


WALKS = {  # function, what it shows
    "four steps": (views.four_steps, ("input", "target", "probabilities", "logs", "picked", "return")),
    "one-hot": (ops.cross_entropy_by_one_hot, ("input", "target", "log_probabilities", "return")),
    "nll_loss": (ops.nll_loss_textbook, ("log_probabilities", "target", "return")),
}


def steps_walk(run: Run) -> None:
    """The tutorial's four steps, the formula with one-hot, or its NLLLoss, line by line."""
    which = controls.choice("walk_of", "Walk through", tuple(WALKS))
    function, panels = WALKS[which]
    first = run.steps.log_probabilities if which == "nll_loss" else run.x
    steps = record(function, first, run.y, panels=panels, reads=lambda now: picked_cells(now, run.y))
    signed, named = colour.signed(first, run.steps.log_probabilities), {n for step in steps.steps for n in step.values}
    scales = {"target": colour.identity(run.x.shape[1]), "probabilities": ONES}
    walk.show(steps, {name: scales.get(name, signed) for name in panels if name in named}, key=f"walk {which}")


def picked_cells(now: Moment, target: Tensor) -> dict[str, list[Index]]:
    """The cells that the step which picks reads: of each row the target's."""
    if "logs" in now.names and "picked" not in now.names:
        return {"logs": list(enumerate(target.tolist())), "target": [(i,) for i in range(len(target))]}
    return {}


def questions(run: Run) -> list:
    """Questions on what is on screen."""
    x, y, steps = run.x, run.y, run.steps
    n, c = x.shape

    def one_loss(draw: random.Random) -> Question:
        i = draw.randrange(n)
        p = steps.probabilities[i, y[i]].item()
        return Question(
            f"Sample {i} gives its target the probability {p:.4g}. What does it cost (plain loss)?",
            f"{-steps.picked[i].item():.4g}", f"−log p = −log {p:.4g}.", tolerance=0.02,
        )  # fmt: skip

    def slope(draw: random.Random) -> Question:
        i, j = draw.randrange(n), draw.randrange(c)
        grad = gradient(lambda x: F.cross_entropy(x, y), x)[i, j].item()
        p = steps.probabilities[i, j].item()
        return Question(
            f"p[{i}, {j}] = {p:.4g}, the target of sample {i} is {int(y[i])}, N = {n}. What is the gradient of the "
            f"mean loss at logit [{i}, {j}]?",
            f"{grad:.4g}", "(softmax − one-hot) / N.", tolerance=0.02,
        )  # fmt: skip

    def clueless(draw: random.Random) -> Question:
        classes = draw.choice((2, 10, 100, 1000))
        loss = F.cross_entropy(torch.zeros(1, classes), torch.tensor([0])).item()
        return Question(
            f"A network that knows nothing gives all {classes} classes the same logit. What is its loss?",
            f"{loss:.4g}", f"p = 1/{classes}, so −log p = log {classes}. A first loss far from it tells of a fault.",
        )  # fmt: skip

    def row_sum(draw: random.Random) -> Question:
        i = draw.randrange(n)
        total = gradient(lambda x: F.cross_entropy(x, y), x)[i].sum().item()
        return Question(
            f"What do the gradients at the {c} logits of sample {i} sum to?", f"{round(total, 5):g}",
            "Softmax sums to 1 and so does one-hot.", tolerance=0.01,
        )  # fmt: skip

    return [one_loss, slope, clueless, row_sum]


def label_questions(x: Tensor, y: Tensor, p: Tensor) -> list:
    """Questions on yes or no."""

    def one_loss(draw: random.Random) -> Question:
        cell = draw.randrange(x.shape[0]), draw.randrange(x.shape[1])
        value = F.binary_cross_entropy(p[cell], y[cell]).item()
        return Question(
            f"p{list(cell)} = {p[cell].item():.4g}, target {int(y[cell])}. What does it cost, without pos_weight?",
            f"{value:.4g}", "−log p for a yes, −log(1 − p) for a no.", tolerance=0.02,
        )  # fmt: skip

    def slope(draw: random.Random) -> Question:
        cell = draw.randrange(x.shape[0]), draw.randrange(x.shape[1])
        value = gradient(lambda x: F.binary_cross_entropy_with_logits(x, y, reduction="sum"), x)[cell].item()
        return Question(
            f"p{list(cell)} = {p[cell].item():.4g}, target {int(y[cell])}. What is the gradient of the summed loss at "
            "this logit, without pos_weight?",
            f"{value:.4g}", "sigmoid − target.", tolerance=0.02,
        )  # fmt: skip

    def undecided(_: random.Random) -> Question:
        value = F.binary_cross_entropy_with_logits(torch.zeros_like(x), y).item()
        return Question("All logits are 0. What is the mean loss?", f"{value:.4g}", "p = ½ everywhere: log 2.")

    return [one_loss, slope, undecided]


def take(run: Run, loss: Tensor) -> TakeAway:
    """The run on screen as a script, and its tensors."""
    weight = run.settings["weight"]
    inputs = {"x": run.x, "y": run.y} | ({} if weight is None else {"weight": weight})
    arguments = ["x", "y"] + ["weight"] * (weight is not None)
    arguments = [*arguments, *(f"{k}={v!r}" for k, v in run.settings.items() if k != "weight")]
    if weight is not None:
        arguments[2] = "weight=weight"
    called = ", ".join(arguments)
    script = Script(
        title="Cross entropy",
        inputs=inputs,
        functions=(ops.cross_entropy,),
        calls=(f"loss = cross_entropy({called})",),
        results=("loss",),
        reference={"loss": f"torch.nn.functional.cross_entropy({called})"},
    )
    steps = {"probabilities": run.steps.probabilities, "log_probabilities": run.steps.log_probabilities}
    return TakeAway(script, inputs | steps | {"loss": loss})


def take_labels(run: Labels) -> TakeAway:
    """The run on screen as a script, and its tensors."""
    factor = run.settings["pos_weight"]
    called = f"x, y, reduction={run.settings['reduction']!r}" + (
        ", pos_weight=pos_weight" if factor is not None else ""
    )
    inputs = {"x": run.x, "y": run.y} | ({} if factor is None else {"pos_weight": factor})
    script = Script(
        title="Binary cross entropy",
        inputs=inputs,
        functions=(binary.binary_cross_entropy_with_logits,),
        calls=(f"loss = binary_cross_entropy_with_logits({called})",),
        results=("loss",),
        reference={"loss": f"torch.nn.functional.binary_cross_entropy_with_logits({called})"},
    )
    return TakeAway(script, inputs | {"loss": run.loss})


def take_pixels(x: Tensor, y: Tensor, ignored: int, loss: Tensor) -> TakeAway:
    """The run on screen as a script, and its tensors."""
    called = f"x, y, ignore_index={ignored}"
    script = Script(
        title="Cross entropy of an image",
        inputs={"x": x, "y": y},
        functions=(ops.cross_entropy,),
        calls=(f"loss = cross_entropy({called})",),
        results=("loss",),
        reference={"loss": f"torch.nn.functional.cross_entropy({called})"},
    )
    return TakeAway(script, {"x": x, "y": y, "loss": loss})


frame.page("cross_entropy", lesson)
