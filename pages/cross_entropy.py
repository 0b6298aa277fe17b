"""Cross entropy: from logits to one number in four linked pictures, all the ways to it, its gradient and its shape."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st
import torch
import torch.nn.functional as F
from torch import Tensor

from core.data import digit
from core.figures import colour, curves
from core.figures.heatmap import Outline, Picture, cell_size, number
from core.figures.loss_surface import contours
from core.figures.walk import Moment, record
from core.ops import binary_losses as binary
from core.ops import loss_views as views
from core.ops import losses as ops
from core.ops.operator import Call
from core.ops.softmax import log_softmax, sigmoid, softmax
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import check, controls, frame, pictures, tensor_input, walk
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
    cell: Index
    steps: ops.CrossEntropySteps

    @property
    def plain(self) -> bool:
        """Whether nothing but the reduction is set."""
        s = self.settings
        return s["weight"] is None and s["ignore_index"] == -100 and not s["label_smoothing"]

    def loss(self, x: Tensor, **other: Any) -> Tensor:
        """The loss of these logits, with the settings on screen unless others are given."""
        return ops.cross_entropy(x, self.y, **{**self.settings, **other})

    @property
    def aim(self) -> Tensor:
        """What the probabilities should be: one-hot, smoothed if asked for."""
        smooth = self.settings["label_smoothing"]
        return (1 - smooth) * ops.one_hot(self.y, self.x.shape[1]) + smooth / self.x.shape[1]


def gradient(loss: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """By autograd through `loss`, of the sum where it gives several numbers."""
    leaf = x.detach().clone().requires_grad_()
    loss(leaf).sum().backward()
    assert leaf.grad is not None
    return leaf.grad


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.row("kind"):
        kind = controls.choice("kind", "What is predicted", tuple(KINDS), format=KINDS.__getitem__)
        seed = controls.seed()
    if kind == "classes":
        classes(topic, seed)
    elif kind == "images":
        pixels(topic, seed)
    else:
        yes_or_no(topic, kind, seed)


# ---- one of C classes ------------------------------------------------------------------------------------------


def classes(topic: Topic, seed: int) -> None:
    """Logits → softmax → log → the target's → one number; and the gradient."""
    run = choose_run(seed)
    losses = run.loss(run.x, reduction="none")
    loss = run.loss(run.x)
    grad = gradient(run.loss, run.x)
    four_pictures(run, losses, loss)
    gradient_pictures(run, grad)
    st.markdown(arithmetic(run, losses, loss, grad))
    check.show(topic.operators[CROSS_ENTROPY], Call((run.x, run.y), dict(run.settings)))
    frame.below(
        topic,
        pitfalls=pitfalls(run),
        walk=lambda: steps_walk(run),
        questions=questions(run),
        take=lambda: take(run, loss),
        more={"Curve and surface": lambda: curve_and_surface(run), "Equal ways": lambda: equal_ways(topic, run)},
    )


def choose_run(seed: int) -> Run:
    """Logits, targets and settings."""
    with controls.row("input"):
        n, c = 3, 4
        if tensor_input.source("x") == "example":
            n = controls.slider("N", "Samples N", 1, 6, 3, width=NARROW)
            c = controls.slider("C", "Classes C", 2, 6, 4, width=NARROW)
        generator = torch.Generator().manual_seed(seed)
        example = (torch.randn(n, c, generator=generator) * 2).round(decimals=1)
        x = tensor_input.tensor("x", "Logits", example, LIMITS).float()
        y = choose_targets(x, seed)
        cell = controls.cell("cell", "Picked cell", x.shape) or (0, int(y[0]))
    with controls.row("loss"):
        smoothing = controls.slider("label_smoothing", "label_smoothing", 0.0, 1.0, 0.0, step=0.05, width=NARROW)
        ignored = controls.stops(
            "ignore_index", "ignore_index", (-100, *range(x.shape[1])), format=lambda i: "none" if i < 0 else str(i),
            width=NARROW,
        )  # fmt: skip
        reduction = controls.choice("reduction", "reduction", REDUCTIONS)
        weight = choose_weight(x.shape[1])
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


def four_pictures(run: Run, losses: Tensor, loss: Tensor) -> None:
    """logits → softmax → log → pick → mean."""
    steps, picked = run.steps, Outline([run.cell])
    row = [(run.cell[0], j) for j in range(run.x.shape[1])]
    target = Outline([(i, int(c)) for i, c in enumerate(run.y)], colour.USED)
    each = losses[:, None]
    pictures.equation(
        Picture("x", run.x, colour.signed(run.x), "1 logits", [picked], pickable=True), "→",
        Picture("p", steps.probabilities, ONES, "2 softmax", [Outline(row, colour.USED), picked], pickable=True), "→",
        Picture("log", steps.log_probabilities, colour.signed(steps.log_probabilities), "3 log", [target, picked],
                pickable=True), "→",
        Picture("loss", each, colour.magnitude(each), "4 −target's", [Outline([(run.cell[0], 0)], colour.USED)],
                muted=not_numbers(each)), *ending(loss, run.settings["reduction"]),
        picks=dict.fromkeys(("x", "p", "log"), "cell"), cell=min(33, cell_size([run.x.shape] * 3, 630, 260)),
    )  # fmt: skip


def ending(loss: Tensor, reduction: str) -> list[Picture | str]:
    """The sign that ends the equation: how the losses become one number."""
    return [] if reduction == "none" else [{"mean": "mean", "sum": "Σ"}[reduction] + f" = {number(loss.item())}"]


def not_numbers(values: Tensor) -> list[Index]:
    """The cells that hold nan, to be drawn in grey."""
    return [tuple(index) for index in values.isnan().nonzero().tolist()]


def gradient_pictures(run: Run, grad: Tensor) -> None:
    """softmax − one-hot, divided by N, is the gradient."""
    outline = [Outline([run.cell])]
    mean = run.settings["reduction"] == "mean"
    sign = (f"÷ {len(run.x)} =" if mean else "=") if run.plain else "→"
    pictures.equation(
        Picture("p", run.steps.probabilities, ONES, "softmax", outline, pickable=True), "−",
        Picture("aim", run.aim, ONES, "one-hot" if run.plain else "target, smoothed", outline, pickable=True), sign,
        Picture("grad", grad, colour.signed(grad), "gradient at the logits", outline,
                muted=not_numbers(grad), pickable=True),
        picks=dict.fromkeys(("p", "aim", "grad"), "cell"), cell=min(38, cell_size([run.x.shape] * 3, 800, 260)),
        name="gradient",
    )  # fmt: skip


def arithmetic(run: Run, losses: Tensor, loss: Tensor, grad: Tensor) -> str:
    """The picked sample, spelt out."""
    (i, j), c = run.cell, int(run.y[run.cell[0]])
    p, log_p = run.steps.probabilities, run.steps.log_probabilities
    said = (
        f"Sample {i}: target **{c}**, p = {number(p[i, c].item())}, −log p = **{number(-log_p[i, c].item())}**; "
        f"gradient[{i}, {j}] = **{number(grad[i, j].item())}**"
    )
    if run.plain:
        factor = f" / {len(run.x)}" if run.settings["reduction"] == "mean" else ""
        hot = "1" if j == c else "0"
        return f"{said} = ({number(p[i, j].item())} − {hot}){factor}. {total(run, losses, loss)}"
    apart = [f"ignored, since its target is {c}"] if c == run.settings["ignore_index"] else []
    if run.settings["weight"] is not None:
        apart.append(f"weight {number(run.settings['weight'][c].item())}")
    if smooth := run.settings["label_smoothing"]:
        apart.append(f"(1 − {smooth:g}) of it and {smooth:g} of the mean over all classes")
    with_all = "; ".join(apart) or "as it is"
    return f"{said}. Its loss here: {with_all} → **{number(losses[i].item())}**. {total(run, losses, loss)}"


def total(run: Run, losses: Tensor, loss: Tensor) -> str:
    """How the losses become one number."""
    how = run.settings["reduction"]
    if how == "none":
        return "With `reduction='none'` they stay as they are."
    if how == "sum":
        return f"Their sum is **{number(loss.item(), 5)}**."
    weight = run.settings["weight"]
    counted = run.y != run.settings["ignore_index"]
    divisor = float(counted.sum()) if weight is None else weight[run.y][counted].sum().item()
    by = f"{number(divisor)}" + (
        "" if run.plain else ", the targets that count" if weight is None else ", their weights"
    )
    return f"Loss = {number(losses.sum().item(), 5)} / {by} = **{number(loss.item(), 5)}**."


# ---- the tabs of one of C classes ------------------------------------------------------------------------------


def curve_and_surface(run: Run) -> None:
    """−log p, the picked sample's loss over one logit, and over two."""
    (i, j), c = run.cell, int(run.y[run.cell[0]])
    other = j if j != c else (c + 1) % run.x.shape[1]
    p = torch.linspace(0.005, 1, 100)
    mine = run.steps.probabilities[i, c].item()
    with st.container(horizontal=True, gap="small"):
        pictures.show(
            curves.lines(
                {"−log p": (p, -p.log()), "1 − p": (p, 1 - p), "this sample": ([mine, mine], [0, 5])},
                curves.Axis("probability of the target"), curves.Axis("loss", range=(0, 5.3)),
                title=f"Sample {i}: −log p", height=360,
            ),
            f"Minus log p: {number(-run.steps.log_probabilities[i, c].item())} at this sample's p of {number(mine)}.",
            key="minus log", width=290,
        )  # fmt: skip
        over_one_logit(run, i, c)
        over_two_logits(run, i, c, other)
    st.markdown(convexity(run))


def sample_loss(run: Run, i: int, logits: Tensor) -> Tensor:
    """The loss of sample i for many logits (M, C) in place of its own: (M,)."""
    settings = dict(run.settings) | {"reduction": "none"}
    return ops.cross_entropy(logits, run.y[i].expand(len(logits)), **settings)


def over_one_logit(run: Run, i: int, c: int) -> None:
    """The loss and its slope over the target's logit, all others as they are."""
    z = torch.linspace(-8, 8, 81)
    logits = run.x[i].repeat(len(z), 1)
    logits[:, c] = z
    loss = sample_loss(run, i, logits)
    slope = gradient(lambda x: sample_loss(run, i, x), logits)[:, c]
    now = run.x[i, c].item()
    pictures.show(
        curves.lines(
            {"loss": (z, loss), "slope": (z, slope), "now": ([now, now], [-1, float(loss.max())])},
            curves.Axis(f"logit of the target, class {c}"), curves.Axis(), title="Over one logit", height=360,
        ),
        f"Loss from {number(loss[0].item())} at logit -8 to {number(loss[-1].item())} at 8; slope between "
        f"{number(slope.min().item())} and {number(slope.max().item())}.",
        key="one logit", width=290,
    )  # fmt: skip


def over_two_logits(run: Run, i: int, c: int, other: int) -> None:
    """The loss over the target's logit and another's, as contours."""
    z = torch.linspace(-6, 6, 41)
    logits = run.x[i].repeat(len(z) * len(z), 1)
    logits[:, c], logits[:, other] = z.repeat(len(z)), z.repeat_interleave(len(z))
    loss = sample_loss(run, i, logits).view(len(z), len(z))  # (other, target)
    now = (run.x[i, c].item(), run.x[i, other].item())
    here = {"now": now} if max(map(abs, now)) <= 6 else {}
    pictures.show(
        contours(z, z, loss, (f"logit {c} (target)", f"logit {other}"), title="Over two logits", points=here),
        f"Loss over the logits of class {c}, the target, and {other}: from {number(loss.min().item())} to "
        f"{number(loss.max().item())}.",
        key="surface", width=330,
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
    cell: Index
    p: Tensor
    losses: Tensor
    loss: Tensor
    grad: Tensor


def yes_or_no(topic: Topic, kind: str, seed: int) -> None:
    """Logits → sigmoid → −[y·log p + (1 − y)·log(1 − p)] → one number."""
    run = choose_labels(kind, seed)
    label_pictures(run)
    st.markdown(label_arithmetic(run))
    check.show(topic.operators[BCE_LOGITS], Call((run.x, run.y), run.settings))
    check.show(topic.operators[BCE], Call((run.p, run.y), {"reduction": run.settings["reduction"]}))
    frame.below(
        topic,
        pitfalls=label_pitfalls(run.x, run.y),
        questions=label_questions(run.x, run.y, run.p),
        take=lambda: take_labels(run),
        more={"Equal ways": lambda: equal_label_ways(topic, run.x, run.y)},
    )


def choose_labels(kind: str, seed: int) -> Labels:
    """Logits, answers of 0 and 1, and settings; and what the loss makes of them."""
    with controls.row("labels"):
        n = controls.slider("N", "Samples N", 1, 6, 3, width=NARROW)
        labels = 1 if kind == "binary" else controls.slider("L", "Labels", 1, 6, 4, width=NARROW)
        generator = torch.Generator().manual_seed(seed)
        example = (torch.randn(n, labels, generator=generator) * 2).round(decimals=1)
        x = tensor_input.tensor("x", "Logits", example, LIMITS).float()
        factor = controls.slider("pos_weight", "pos_weight", 0.5, 5.0, 1.0, step=0.5, width=NARROW)
        reduction = controls.choice("reduction", "reduction", REDUCTIONS)
        cell = controls.cell("cell", "Picked cell", x.shape) or (0, 0)
    y = torch.randint(2, x.shape, generator=torch.Generator().manual_seed(seed + 1)).float()
    settings = {"reduction": reduction, "pos_weight": None if factor == 1 else torch.tensor(factor)}

    def loss(x: Tensor, **other: Any) -> Tensor:
        return binary.binary_cross_entropy_with_logits(x, y, **settings | other)

    return Labels(x, y, settings, cell, sigmoid(x), loss(x, reduction="none"), loss(x), gradient(loss, x))


def label_pictures(run: Labels) -> None:
    """Logits, sigmoid, answers, losses, one number; then the gradient."""
    outline, side = [Outline([run.cell])], min(38, cell_size([run.x.shape] * 4, 740, 260))
    p = Picture("p", run.p, ONES, "2 sigmoid", outline, pickable=True)
    y = Picture("y", run.y, ONES, "targets", outline, pickable=True)
    pictures.equation(
        Picture("x", run.x, colour.signed(run.x), "1 logits", outline, pickable=True), "→", p, "", y, "→",
        Picture("loss", run.losses, colour.magnitude(run.losses), "3, 4 −log of the answer's", outline, pickable=True),
        *ending(run.loss, run.settings["reduction"]),
        picks=dict.fromkeys(("x", "p", "y", "loss"), "cell"), cell=side,
    )  # fmt: skip
    factor = f"÷ {run.x.numel()} =" if run.settings["reduction"] == "mean" else "="
    pictures.equation(
        replace(p, title="sigmoid"), "−", y, factor if run.settings["pos_weight"] is None else "→",
        Picture("grad", run.grad, colour.signed(run.grad), "gradient at the logits", outline, pickable=True),
        picks=dict.fromkeys(("p", "y", "grad"), "cell"), cell=side, name="gradient",
    )  # fmt: skip


def label_arithmetic(run: Labels) -> str:
    """The picked answer, spelt out."""
    cell, factor = run.cell, run.settings["pos_weight"]
    yes = "log p" if run.y[cell] else "log(1 − p)"
    weighted = f"pos_weight {number(factor.item())} · " if factor is not None and run.y[cell] else ""
    row, labels = run.p[cell[0]], run.x.shape[1]
    sums = f" The {labels} probabilities of row {cell[0]} sum to {number(row.sum().item(), 4)}: nothing made them 1."
    whole = f" All together: **{number(run.loss.item(), 5)}**." if run.settings["reduction"] != "none" else ""
    return (
        f"Cell {cell}: p = sigmoid({number(run.x[cell].item())}) = {number(run.p[cell].item())}, target "
        f"{int(run.y[cell])}, {weighted}(−{yes}) = **{number(run.losses[cell].item())}**; gradient "
        f"**{number(run.grad[cell].item())}**.{whole}{sums if labels > 1 else ''}"
    )


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


def pixels(topic: Topic, seed: int) -> None:
    """Logits (1, C, H, W), classes (1, H, W): a loss for each pixel."""
    with controls.row("pixels"):
        which = controls.number("digit", "Which digit", 0, 7999, 0)
        sure = controls.slider("sure", "How sure the model is", 0.0, 20.0, 6.0, step=1.0)
        ignored = controls.stops("ignore_index", "ignore_index", (-100, 0, 1, 2),
                                 format=lambda i: "none" if i < 0 else str(i), width=NARROW)  # fmt: skip
        cell = controls.cell("cell", "Picked pixel", (SIDE, SIDE)) or (5, 5)
    image = F.avg_pool2d(digit(which)[None], 2)[0]  # (14, 14)
    x, y = views.segmentation(image, sure, torch.Generator().manual_seed(seed))
    settings: dict[str, Any] = {"ignore_index": ignored}
    log_p, losses = log_softmax(x, 1), ops.cross_entropy(x, y, reduction="none", **settings)
    loss = ops.cross_entropy(x, y, **settings)
    outline = [Outline([cell])]
    picks = [f"{a},{b}" for _ in range(3) for a in range(SIDE) for b in range(SIDE)]
    over = [Outline([(c, *cell)]) for c in range(3)]
    pictures.equation(
        Picture("x", x[0], colour.signed(x), "logits of 3 classes", over, pickable=True, picks=picks), "→",
        Picture("log", log_p[0], colour.signed(log_p), "log softmax", over, pickable=True, picks=picks), "",
        Picture("y", y[0], colour.identity(3), "targets (H, W)", outline, pickable=True), "→",
        Picture("loss", losses[0], colour.magnitude(losses), "−target's log", outline, pickable=True),
        picks=dict.fromkeys(("x", "log", "y", "loss"), "cell"), cell=9,
    )  # fmt: skip
    c = int(y[0][cell])
    listed = ", ".join(number(v) for v in x[0, :, cell[0], cell[1]].tolist())
    st.markdown(
        f"Pixel {cell}: logits ({listed}), target **{c}**, loss **{number(losses[0][cell].item())}**. The classes are "
        f"dimension 1 of {tuple(x.shape)}, the targets have shape {tuple(y.shape)}: background 0, edge 1, ink 2. The "
        f"mean over {int((y != ignored).sum())} pixels is **{number(loss.item(), 5)}**."
    )
    check.show(topic.operators[CROSS_ENTROPY], Call((x, y), settings))
    flat = Run(
        x.permute(0, 2, 3, 1).reshape(-1, 3), y.flatten(), {"weight": None, "ignore_index": ignored,
        "reduction": "mean", "label_smoothing": 0.0}, (cell[0] * SIDE + cell[1], c),
        ops.cross_entropy_steps(x.permute(0, 2, 3, 1).reshape(-1, 3), y.flatten()),
    )  # fmt: skip
    st.markdown(
        f"As a list of {len(flat.y)} samples, `x.permute(0, 2, 3, 1).reshape(-1, 3)`: "
        f"**{number(flat.loss(flat.x).item(), 5)}**."
    )
    frame.below(
        topic, pitfalls=pitfalls(flat), questions=questions(flat), take=lambda: take_pixels(x, y, ignored, loss)
    )


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
