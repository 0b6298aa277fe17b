"""Losses as equations of pictures: from logits to one number, and from there to the gradient at the logits."""

from collections.abc import Sequence

import torch
from torch import Tensor

from core.experiments import binary_cross_entropy as binary
from core.experiments import cross_entropy as classes
from core.experiments import segmentation
from core.figures import board, colour, curves
from core.figures.board import Panel, Relation
from core.figures.colour import Scale
from core.figures.heatmap import Outline, Picture
from core.figures.loss_surface import contours
from core.figures.montage import Index, cell_size
from core.words import N_, _, say
from core.words.numbers import number

Part = Picture | Panel | str
ONES = Scale(colour.MAGNITUDE, 0.0, 1.0)


def sized(values: Tensor) -> Scale:
    """Colours for what is 0 … 1, or positive, or has a sign."""
    if (values < 0).any():
        return colour.signed(values)
    return colour.magnitude(values) if (values > 1).any() else ONES


def undefined(values: Tensor) -> list[Index]:
    """The cells that hold nan, to be drawn in grey."""
    return [tuple(index) for index in values.isnan().nonzero().tolist()]


def relation(axes: str, rows: Sequence[tuple[int, ...]], role: str = "used") -> Relation:
    """Indices that hang together, one combination a row."""
    return Relation(axes, torch.tensor(rows).numpy(), role)


def signed(value: float, digits: int = 4) -> str:
    """A number as a term of a sum or a factor of a product: a negative one in brackets."""
    said = number(value, digits)
    return f"({said})" if said.startswith("-") else said


def sum_of(values: Sequence[float], digits: int = 4) -> str:
    """Terms with plus signs between them."""
    return " + ".join(signed(value, digits) for value in values)


# ---- one of C classes ----------------------------------------------------------------------------------------------


def classes_forward(run: classes.Run) -> list[Part]:
    """logits → softmax → log → the target's → one number."""
    each, targets = run.losses[:, None], target_cells(run)
    framed = [Outline(targets, colour.PICKED, 2)] if targets else []
    return [
        Picture("x", run.x, colour.signed(run.x), "1 logits", muted=undefined(run.x), axes="i j", group="i"), "→",
        Picture("p", run.p, ONES, "2 softmax", muted=undefined(run.p), axes="i j", group="i", notes=sums_of_exp(run.x)),
        "→",
        Picture("log", run.log_p, colour.signed(run.log_p), "3 log, the target's framed", framed,
                muted=undefined(run.log_p), axes="i t", notes=logs_spelled(run)), "→",
        Picture("loss", each, sized(each), "4 loss", muted=undefined(each), axes="i one", picks=picks_of(run),
                notes=losses_spelled(run)), *reduced(run.loss, run.reduction, run.divisor),
    ]  # fmt: skip


def classes_backward(run: classes.Run) -> list[Part]:
    """weight · (softmax − target) ÷ divisor = gradient, the weight where it is not 1.

    With smoothing and weights together each class's share of the target has a weight of its own, which stays inside.
    """
    off = run.share if run.class_by_class else run.target
    ignored = [(i, j) for i, kept in enumerate(run.kept.tolist()) for j in range(off.shape[1]) if not kept]
    kind = N_("target, smoothed") if run.smoothing else N_("target, one-hot")
    if run.class_by_class:
        kind = N_("target · weight, class by class")
    target = Picture("target", off, sized(off), kind, muted=ignored, axes="i j", notes=targets_spelled(run))
    slope = Picture("grad", run.grad, colour.signed(run.grad), "gradient at the logits", muted=undefined(run.grad),
                    axes="i j")  # fmt: skip
    divided = f") ÷ {number(run.divisor)} =" if run.reduction == "mean" else ") ="
    if not weighs(run):
        return ["(softmax −", target, divided, slope]
    title = N_("Σ of target's row") if run.class_by_class else "weight"
    weight = Picture("w", run.factor, sized(run.factor), title, axes="i one", picks=picks_of(run))
    if run.class_by_class:
        return ["(", weight, "· softmax −", target, divided, slope]
    return [weight, "· (softmax −", target, divided, slope]


def weighs(run: classes.Run) -> bool:
    """Whether softmax has a factor in the gradient."""
    return bool((run.factor != 1).any()) or run.class_by_class


def target_cells(run: classes.Run) -> list[tuple[int, int]]:
    """The cell of each sample's target, without the ignored ones."""
    return [(i, c) for i, (c, kept) in enumerate(zip(run.label.tolist(), run.kept.tolist(), strict=True)) if kept]


def picks_of(run: classes.Run) -> list[str]:
    """What a picture with one cell for each sample reports: the target's cell."""
    return [f"{i}, {c}" for i, c in enumerate(run.label.tolist())]


def reduced(loss: Tensor, reduction: str, divisor: float) -> list[str]:
    """The sign that ends the equation: how the losses become one number."""
    if reduction == "none":
        return []
    return [f"{'Σ' if reduction == 'sum' else f'Σ ÷ {number(divisor)}'} = {number(loss.item())}"]


def classes_links(run: classes.Run) -> list[Relation]:
    """The log's classes are softmax's; a sample's target is what its loss picks."""
    same = relation("j t", [(j, j) for j in range(run.x.shape[1])])
    targets = target_cells(run)
    return [same, relation("i t", targets, "winner")] if targets else [same]


def classes_spelled(run: classes.Run) -> dict[str, str]:
    """The arithmetic of a cell, by the picture it stands in."""
    divided = f" / {signed(run.divisor)}" if run.reduction == "mean" else ""
    slope = "({p} − {sum:target})"
    if weighs(run):
        slope = "({sum:w} · {p} − {sum:target})" if run.class_by_class else "{sum:w} · ({p} − {target})"
    return {
        "x": _("`{at:x}` = **{x}** has the probability {p}; the loss's slope along this logit is **{grad}**"),
        "p": "`{at:p}` = e^{x} / ({note:p}) = **{p}**",
        "log": "`{at:log}` = {note:log} = **{log}**",
        "loss": "{note:loss}",
        "target": "`{at:target}` = {note:target} = **{target}**",
        "w": _("`{at:w}` = **{w}**: softmax's row is multiplied by it"),
        "grad": f"`{{at:grad}}` = {slope}{divided} = **{{grad}}**",
    }


def sums_of_exp(x: Tensor) -> list[str]:
    """For each logit what its softmax divides by."""
    rows = [" + ".join(f"e^{number(value, 4)}" for value in row) for row in x.tolist()]
    return [row for row in rows for _ in range(x.shape[1])]


def logs_spelled(run: classes.Run) -> list[str]:
    """For each log probability where it is from; a probability that became 0 has none."""
    dtype = str(run.x.dtype).removeprefix("torch.")
    gone = say("logit − log of the sum of exp (the probability itself is 0 in {dtype})", dtype=dtype)
    return [f"log {number(value, 4)}" if value else gone for value in run.p.flatten().tolist()]


def losses_spelled(run: classes.Run) -> list[str]:
    """For each sample the sum that its loss is, as it would be computed by hand."""
    said = []
    for i, (shares, logs) in enumerate(zip(run.share.tolist(), run.log_p.tolist(), strict=True)):
        if not run.kept[i]:
            said.append(say("`loss[{i}]` = **0**: its target {value} is ignored", i=i, value=int(run.y[i])))
            continue
        terms = [(share, -log) for share, log in zip(shares, logs, strict=True) if share]
        if len(terms) == 1 and terms[0][0] == 1:
            summed = f"−({number(-terms[0][1], 5)})"
        else:
            summed = " + ".join(f"{signed(share)}·{signed(cost, 5)}" for share, cost in terms) or "0"
        said.append(f"`loss[{i}]` = {summed} = **{number(run.losses[i].item(), 5)}**")
    return said


def targets_spelled(run: classes.Run) -> list[str]:
    """For each sample and class what its target is made of."""
    return [
        target_spelled(run, true, j) if kept else _("0 (the sample is ignored)")
        for true, kept in zip(run.label.tolist(), run.kept.tolist(), strict=True)
        for j in range(run.x.shape[1])
    ]


def target_spelled(run: classes.Run, true: int, j: int) -> str:
    """What the target of class j is made of where class `true` is right."""
    if not run.smoothing:
        return say("{value} (the target is {true})", value=int(j == true), true=true)
    share = f"(1 − {run.smoothing:g})·{int(j == true)} + {run.smoothing:g}/{run.x.shape[1]}"
    if run.weight is None or not run.class_by_class:
        return share
    return f"{signed(run.weight[j].item())} · ({share})"


def mean_spelled(run: classes.Run) -> str:
    """The losses, added and divided as torch does: "(3.1 + 0.2) / (1 + 2)"."""
    losses = sum_of(run.losses.tolist(), 5)
    if run.reduction == "sum":
        return losses
    weighted = bool((run.weights != 1).any())
    return f"({losses}) / " + (f"({sum_of(run.weights.tolist())})" if weighted else str(len(run.losses)))


def classes_cell(run: classes.Run, largest: int = 33) -> int:
    """The side of a cell with which the first line fits."""
    return min(largest, cell_size([run.x.shape] * 3 + [(len(run.x), 1)], 800, 230))


# ---- a loss over one logit, and over two ---------------------------------------------------------------------------


def minus_log(one: classes.OneLogit) -> Panel:
    """−log p over p, and where this sample stands."""
    p = torch.linspace(0.005, 1, 100)
    drawn: dict[str, tuple[curves.Values, curves.Values]] = {
        "−log p": (p, -p.log()),
        "1 − p": (p, 1 - p),
        N_("this sample"): ([one.p, one.p], [0, 5]),
    }
    figure = curves.lines(
        drawn, curves.Axis("probability of the target"), curves.Axis("loss", range=(0, 5.3)),
        title=say("Sample {sample}: −log p", one), height=360,
    )  # fmt: skip
    said = say("Minus log p: {cost} at this sample's p of {p}.", cost=number(one.cost), p=number(one.p))
    return Panel("minus log", figure, said, stretch=290)


def over_one_logit(one: classes.OneLogit) -> Panel:
    """The loss and its slope over the target's logit."""
    top = float(one.loss.max())
    now: dict[str, tuple[curves.Values, curves.Values]] = {N_("now"): ([one.now, one.now], [-1, top])}
    now = now if abs(one.now) <= 8 else {}
    figure = curves.lines(
        {"loss": (one.z, one.loss), "slope": (one.z, one.slope)} | now,
        curves.Axis(say("logit of the target, class {target}", target=one.target), range=(-8.4, 8.4)), curves.Axis(),
        title="Over one logit", height=360,
    )  # fmt: skip
    loss, slope = one.loss.tolist(), one.slope
    said = say(
        "Loss from {loss} at logit −8 to {loss2} at 8; slope between {slope} and {slope2}.",
        loss=number(loss[0]),
        loss2=number(loss[-1]),
        slope=number(slope.min().item()),
        slope2=number(slope.max().item()),
    )
    return Panel("one logit", figure, said, stretch=290)


def over_two_logits(two: classes.TwoLogits) -> Panel:
    """The loss over the target's logit and another's, as contours."""
    names = say("logit {target} (target)", two), say("logit {other}", two)
    points = {_("now"): two.now} if max(map(abs, two.now)) <= 6 else {}
    low, high = two.loss.min().item(), two.loss.max().item()
    figure = contours(two.z, two.z, two.loss, names, title=_("Over two logits"), points=points)
    said = say(
        "Loss over {names} and {names2}: from {low} to {high}.",
        names=names[0],
        names2=names[1],
        low=number(low),
        high=number(high),
    )
    return Panel("surface", figure, said, stretch=330)


# ---- yes or no -----------------------------------------------------------------------------------------------------


def binary_forward(run: binary.Run) -> list[Part]:
    """logits → sigmoid, beside the targets → the loss of each answer → one number."""
    return [
        Picture("x", run.x, colour.signed(run.x), "1 logits", muted=undefined(run.x), axes="i j"), "→",
        Picture("p", run.p, ONES, "2 sigmoid", muted=undefined(run.p), axes="i j"), "",
        Picture("y", run.y, ONES, "targets", axes="i j"), "→",
        Picture("loss", run.losses, sized(run.losses), "3 −log of the answer's", muted=undefined(run.losses),
                axes="i j", notes=answers_spelled(run)), *reduced(run.loss, run.reduction, run.divisor),
    ]  # fmt: skip


def binary_backward(run: binary.Run) -> list[Part]:
    """weight · (sigmoid − target) ÷ divisor = gradient; a target between yes and no has its weight inside."""
    divided = f"÷ {run.divisor} =" if run.reduction == "mean" else "="
    slope = Picture("grad", run.grad, colour.signed(run.grad), "gradient at the logits", muted=undefined(run.grad),
                    axes="i j")  # fmt: skip
    if run.pos_weight == 1:
        return [say("(sigmoid − targets) {divided}", divided=divided), slope]
    weight = Picture("w", run.weights, sized(run.weights), "weight", axes="i j")
    if run.certain:
        return [weight, say("· (sigmoid − targets) {divided}", divided=divided), slope]
    return ["(", weight, say("· sigmoid − {pos_weight} · targets) {divided}", run, divided=divided), slope]


def binary_spelled(run: binary.Run) -> dict[str, str]:
    """The arithmetic of a cell, by the picture it stands in."""
    divided = f" / {run.divisor}" if run.reduction == "mean" else ""
    slope = "({p} − {y})"
    if run.pos_weight != 1:
        slope = "{w} · ({p} − {y})" if run.certain else f"({{w}} · {{p}} − {number(run.pos_weight)} · {{y}})"
    return {
        "x": _("`{at:x}` = **{x}** has the probability {p}; the loss's slope along this logit is **{grad}**"),
        "p": "`{at:p}` = 1 / (1 + e^−({x})) = **{p}**",
        "y": _("`{at:y}` = **{y}**: the loss is {note:loss} = {loss}"),
        "loss": "`{at:loss}` = {note:loss} = **{loss}**",
        "w": _("`{at:w}` = **{w}** where the target is {y}"),
        "grad": f"`{{at:grad}}` = {slope}{divided} = **{{grad}}**",
    }


def answers_spelled(run: binary.Run) -> list[str]:
    """For each answer the logarithms that its loss is, taken of the logit: they hold where p rounds to 0 or 1."""
    return [
        " + ".join(
            ("" if share == 1 else f"{number(share, 4)}·") + f"log(1 + e^{sign}({number(x, 4)}))"
            for share, sign in ((run.pos_weight * y, "−"), (1 - y, ""))
            if share
        )
        for x, y in zip(run.x.flatten().tolist(), run.y.flatten().tolist(), strict=True)
    ]


def binary_cell(run: binary.Run, largest: int = 33) -> int:
    """The side of a cell with which the first line fits."""
    return min(largest, cell_size([run.x.shape] * 4, 740, 230))


# ---- every pixel ---------------------------------------------------------------------------------------------------

REGIONS = N_(("0 background", "1 edge", "2 ink"))  # the classes of a pixel


def pixels_forward(run: segmentation.Run) -> list[Part]:
    """The logits' three planes → softmax's."""
    places = pixel_picks(run) * run.x.shape[1]
    return [
        Picture("x", run.x, colour.signed(run.x), "1 logits of 3 classes", leading_names=("n", "c"), axes="n c h w",
                group="n h w", picks=places, across=True), "→",
        Picture("p", run.p, ONES, "2 softmax over the classes", leading_names=("n", "c"), axes="n k h w",
                group="n h w", picks=places, across=True),
    ]  # fmt: skip


def pixels_losses(run: segmentation.Run) -> list[Part]:
    """The targets, what their colours mean, and the loss of each pixel."""
    regions, places = [_(region) for region in REGIONS], pixel_picks(run)
    named = [regions[c] for c in run.y.flatten().tolist()]
    ignored = [tuple(index) for index in (run.y == run.ignore_index).nonzero().tolist()]
    key = Picture("class", torch.arange(3)[:, None], colour.identity(3), "colours", axes="k one", notes=regions,
                  texts=["", "", ""], side=22)  # fmt: skip
    return [
        Picture("y", run.y, colour.identity(3), "targets", leading_names=("n",), axes="n h w", picks=places,
                notes=named, muted=ignored),
        board.with_row_names(board.panel(key, 22), regions, 96), "→",
        Picture("loss", run.losses, colour.magnitude(run.losses), "3 −log of the target's", leading_names=("n",),
                axes="n h w", picks=places, notes=pixels_spelled(run), muted=ignored),
        f"Σ ÷ {run.counted} = {number(run.loss.item())}",
    ]  # fmt: skip


def pixel_picks(run: segmentation.Run) -> list[str]:
    """What each pixel reports when it is pinned: its row and column."""
    height, width = run.y.shape[1:]
    return [f"{h}, {w}" for h in range(height) for w in range(width)]


def pixels_links(run: segmentation.Run) -> list[Relation]:
    """A class of the logits is that of softmax; a pixel's target is what its loss picks."""
    where = [(*index, int(run.y[tuple(index)])) for index in torch.ones_like(run.y).nonzero().tolist()]
    return [relation("c k", [(c, c) for c in range(run.x.shape[1])]), relation("n h w k", where, "winner")]


def pixels_spelled(run: segmentation.Run) -> list[str]:
    """For each pixel what its loss is."""
    chances = run.p.gather(1, run.y[:, None]).flatten().tolist()
    return [
        say("**0**: its target {c} is ignored", c=c) if c == run.ignore_index
        else f"−log {number(chance, 4)} = **{number(loss, 4)}**"
        for c, chance, loss in zip(run.y.flatten().tolist(), chances, run.losses.flatten().tolist(), strict=True)
    ]  # fmt: skip


PIXELS_SPELLED = {
    "x": N_("`{at:x}` = **{x}**; softmax makes it {p}, over the three classes of this pixel"),
    "p": N_("`{at:p}` = e^{x} / the sum over the three classes of this pixel = **{p}**"),
    "y": N_("`{at:y}` = **{note:y}**: the loss is {note:loss}"),
    "loss": "`{at:loss}` = {note:loss}",
    "class": N_("**{note:class}** is the target of the outlined pixels"),
}
