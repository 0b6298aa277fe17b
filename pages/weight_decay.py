"""Weight decay: few samples and many features, with and without it, in the loss and in the optimiser."""

import math
import random
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st
import torch
from torch import Tensor

from core.figures import curves
from core.figures.board import Cells, Panel, Relation
from core.figures.numbers import number
from core.figures.ridges import Ridge, boxes, ridges
from core.ops import weight_decay as ops
from core.ops.init import Histogram
from core.ops.operator import Call, Operator
from core.ops.weight_decay import RegressionProgress
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, frame
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

RATES = (0.003, 0.01, 0.03, 0.1)
SWEPT = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
DECAYED = {"SGD": "SGD, weight_decay", "Adam": "AdamW, weight_decay"}  # what stands beside no decay
PLACES = (
    "SGD, penalty in the loss",
    "SGD, weight_decay",
    "Adam, penalty in the loss",
    "Adam, weight_decay",
    "AdamW, weight_decay",
)
SHORT = 10  # steps of the runs that compare the optimisers: five of them at each move of a slider
STEPS = 40  # of every other run: the slider says how many of them are shown
BINS, RIDGES = 40, 7
TRUE_W = 0.01  # of make_regression
NARROW = 140  # pixels of a slider: two in a row on a phone
HEIGHT = 330  # pixels of a curve
PARTS = ("train", "test")


@dataclass(frozen=True)
class Setting:
    """What a run depends on, besides the method and λ. Each step takes all samples, so an epoch is a step."""

    n_train: int
    inputs: int
    lr: float
    seed: int
    epochs: int = STEPS

    @property
    def data(self) -> ops.Regression:
        """The samples."""
        return ops.make_regression(self.n_train, inputs=self.inputs, seed=self.seed)


Run = tuple[RegressionProgress, ...]  # the start and after each step


@st.cache_resource(max_entries=128, show_spinner=False)
def run_of(method: str, lambd: float, setting: Setting) -> Run:
    """A run of one of ops.METHODS, kept for the next reader with the same settings; it stops where it overflows."""
    steps = []
    for step in ops.regression_run(
        setting.data, method, lambd, setting.lr, setting.n_train, setting.epochs, setting.seed
    ):
        if not math.isfinite(step.train_loss + step.test_loss):
            break
        steps.append(step)
    return tuple(steps)


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.main():
        lambd = controls.slider("lambd", "λ", 0.0, 10.0, 3.0, step=0.1, width=NARROW)
        n_train = controls.slider("n_train", "Training samples n", 5, 200, 20, step=5, width=NARROW)
        inputs = controls.slider("inputs", "Features", 10, 200, 200, step=10, width=NARROW)
        optimiser = controls.choice("optimiser", "Optimiser", tuple(DECAYED))
        lr = controls.stops("lr", "Learning rate", RATES, 0.03, format=lambda v: f"{v:g}", width=NARROW)
    with controls.more():
        epochs = controls.slider("epochs", "Steps", 1, STEPS, STEPS, width=NARROW)
        seed = controls.seed()
    setting = Setting(n_train, inputs, lr, seed)
    method = DECAYED[optimiser]
    without, within = (run_of(name, by, setting)[: epochs + 1] for name, by in ((optimiser, 0.0), (method, lambd)))
    draw(without, within, lambd)
    st.markdown(outcome(without, within, method, lambd, setting, epochs))
    operator = next(operator for operator in topic.operators if operator.name == method.split(",")[0])
    check_step(operator, within, lambd, setting)
    frame.below(
        topic,
        pitfalls=pitfalls(within, lambd, setting),
        questions=questions(lambd, setting),
        take=lambda: take(within, lambd, setting, optimiser),
        more={
            "Loss or optimiser": lambda: places(lambd, setting),
            "Adam and AdamW": lambda: two_weights(lambd, lr),
            "All λ": lambda: sweep(lambd, setting, optimiser),
        },
        operator=operator,
    )


def check_step(operator: Operator, within: Run, lambd: float, setting: Setting) -> None:
    """One step of the optimiser on screen, by hand and by torch, from where the run ended."""
    last = within[-1]
    gradient = gradient_at(last.w, last.b, setting)
    check.show(operator, Call(((last.w,), (gradient,)), {"lr": setting.lr, "weight_decay": lambd}))


def gradient_at(w: Tensor, b: Tensor, setting: Setting) -> Tensor:
    """∂(mean loss)/∂w, without any penalty."""
    data, leaf = setting.data, w.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(ops.squared_losses(data.X, data.y, leaf, b).mean(), leaf)
    return gradient


# ---- the pictures ----------------------------------------------------------------------------------------------


def draw(without: Run, within: Run, lambd: float) -> None:
    """Losses, norms and the weights' histogram over the steps, without decay and with it: a step is one in all three."""
    named = {"λ = 0": without, f"λ = {lambd:g}" if lambd else "λ = 0, again": within}
    board.show(
        losses(named), norms(named), weights(named), links=[ridges_of_steps(named)],
        spelled={
            "losses": "{note:losses}: loss **{losses}**; ‖w‖ is {norms} there",
            "norms": "{note:norms}: ‖w‖ = **{norms}**; loss {losses} (training, then test)",
            "weights": "{note:weights}; ‖w‖ is {norms} there",
        },
    )  # fmt: skip


Named = dict[str, Run]  # what each run is called


def losses(named: Named) -> Panel:
    """The loss in training and in the test over the steps."""
    parts = {
        f"{part}, {name}": [getattr(s, f"{part}_loss") for s in run] for name, run in named.items() for part in PARTS
    }
    figure = curves.lines(
        {name: (range(len(values)), [positive(v) for v in values]) for name, values in parts.items()},
        curves.Axis("step"), curves.Axis("loss, without the penalty", log=True), title="Loss", height=HEIGHT,
    )  # fmt: skip
    without, within = named.values()
    alt = (
        f"Loss over {len(without) - 1} steps. Without decay it ends at {number(without[-1].train_loss)} in training "
        f"and {number(without[-1].test_loss)} in the test; with decay at {number(within[-1].train_loss)} and "
        f"{number(within[-1].test_loss)}."
    )
    cells = points("run part s", (2, len(PARTS)), parts)
    spots = [spot if spot and spot[1] > 0 else None for spot in cells.spots or ()]  # a logarithmic axis has no 0
    return Panel("losses", figure, alt, replace(cells, spots=spots), stretch=345)


def norms(named: Named) -> Panel:
    """‖w‖ over the steps."""
    parts = {name: [s.weight_norm for s in run] for name, run in named.items()}
    figure = curves.lines(
        {name: (range(len(values)), values) for name, values in parts.items()},
        curves.Axis("step"), curves.Axis("‖w‖"), title="Norm of the weights", height=HEIGHT,
    )  # fmt: skip
    without, within = parts.values()
    alt = (
        f"‖w‖ starts at {number(without[0])} and ends at {number(without[-1])} without decay, at {number(within[-1])} "
        "with it."
    )
    return Panel("norms", figure, alt, points("run s", (2,), parts), stretch=245)


def points(axes: str, shape: tuple[int, ...], parts: dict[str, list[float]]) -> Cells:
    """The points of curves over the steps as cells, a step the last axis; a run that broke off has fewer of them."""
    steps = max(map(len, parts.values()))
    padded = [[*values, *[math.nan] * (steps - len(values))] for values in parts.values()]
    return Cells(
        axes, (*shape, steps), torch.tensor(padded, dtype=torch.float64).view(*shape, steps),
        notes=[f"Step {k}, {name}" for name in parts for k in range(steps)],
        spots=[(k, v) if math.isfinite(v) else None for values in padded for k, v in enumerate(values)],
    )  # fmt: skip


def weights(named: Named) -> Panel:
    """Histograms of w at a few steps, below each other."""
    without = next(iter(named.values()))
    reach, shown = reach_of(without), shown_steps(named)
    rows = {name: [Ridge(f"step {k}", bins(run[k].w, reach)) for k in shown] for name, run in named.items()}
    spreads = ", ".join(f"{name} {number(run[-1].w.std().item())}" for name, run in named.items())
    alt = (
        "Histograms of the weights from step 0 to the last, below each other. Standard deviation at the start "
        f"{number(without[0].w.std().item())}, at the end: {spreads}."
    )
    said = [
        f"Step {k}: the weights' standard deviation is "
        + ", ".join(f"**{number(run[k].w.std().item())}** for {name}" for name, run in named.items())
        for k in shown
    ]
    cells = Cells(
        "ridge", (len(shown),), texts=said, notes=said, boxes=boxes(next(iter(rows.values())), own_scale=False)
    )
    return Panel("weights", ridges(rows, "weight", title="Histogram of w", width=290), alt, cells)


def shown_steps(named: Named) -> list[int]:
    """The steps that have a histogram: denser at first, when the weights move most."""
    last = min(map(len, named.values())) - 1
    return sorted({round(last * (i / (RIDGES - 1)) ** 1.5) for i in range(RIDGES)})


def ridges_of_steps(named: Named) -> Relation:
    """Which histogram is of which step."""
    return Relation("ridge s", torch.tensor(list(enumerate(shown_steps(named)))).numpy())


def positive(loss: float) -> float:
    """A loss for a logarithmic axis, which has no 0."""
    return loss if loss > 0 else math.nan


def reach_of(run: Run) -> float:
    """How far from 0 a histogram goes: to where the run ends, and not beyond its start."""
    return min(run[0].w.abs().max().item(), 2 * run[-1].w.abs().max().item()) or 1.0


def bins(w: Tensor, reach: float) -> Histogram:
    """Counts from −reach to reach."""
    counts = torch.histc(w, BINS, -reach, reach)
    return Histogram(tuple(int(count) for count in counts), -reach, reach)


def outcome(without: Run, within: Run, method: str, lambd: float, setting: Setting, epochs: int) -> str:
    """What decay has changed, in a sentence or two."""
    said = [
        f"{name} the step {run[-1].epoch + 1} overflows: the learning rate is too large for this data."
        for name, run in (("Without decay", without), (f"With λ = {lambd:g}", within))
        if len(run) <= epochs
    ]
    free = setting.inputs - setting.n_train
    fits = f"{setting.n_train} samples leave **{free}** of {setting.inputs} directions of w free: " if free > 0 else ""
    best = TRUE_W * setting.inputs**0.5
    return (
        f"{fits}{method} with λ = {lambd:g} against none: training loss **{number(within[-1].train_loss)}** against "
        f"{number(without[-1].train_loss)}, test loss **{number(within[-1].test_loss)}** against "
        f"**{number(without[-1].test_loss)}**; ‖w‖ ends at {number(within[-1].weight_norm)} against "
        f"{number(without[-1].weight_norm)}, the true w has {number(best)}. " + " ".join(said)
    )


# ---- where the penalty goes ------------------------------------------------------------------------------------


def places(lambd: float, setting: Setting) -> None:
    """Every place where the decay can enter, and how far from each other the weights end."""
    short = replace(setting, epochs=SHORT)
    runs = {name: run_of(name, lambd, short) for name in PLACES}
    left, right = st.columns(2)
    with left:
        figure = curves.lines(
            {name: ([s.epoch for s in run], [s.weight_norm for s in run]) for name, run in runs.items()},
            curves.Axis("step"), curves.Axis("‖w‖"), title=f"The first {SHORT} steps", height=340,
        )  # fmt: skip
        alt = "‖w‖ at the end: " + "; ".join(f"{name} {number(run[-1].weight_norm)}" for name, run in runs.items())
        cells = points("run s", (len(runs),), {name: [s.weight_norm for s in run] for name, run in runs.items()})
        spelled = "{note:places}: ‖w‖ = **{places}**"
        board.show(Panel("places", figure, alt, cells, stretch=430), spelled=spelled, name="places")
    with right:
        rows = ["| | ‖w‖ | farthest from the same optimiser with the penalty in the loss |", "|:--|--:|--:|"]
        for name, run in runs.items():
            reference = runs[f"{name[:4].rstrip(',').removesuffix('W')}, penalty in the loss"]
            apart = (run[-1].w - reference[-1].w).abs().max().item()
            rows.append(f"| {name} | {number(run[-1].weight_norm)} | **{number(apart)}** |")
        st.markdown("\n".join(rows))
    st.markdown(
        "λ/2·‖w‖² in the loss has the gradient λ·w. `weight_decay=λ` adds the same λ·w to the gradient, in `SGD` and in "
        "`Adam`: these pairs agree. SGD multiplies by lr alone, so that it shrinks w by 1 − lr·λ, whoever adds the "
        "term. Adam divides by the running size of the gradient, λ·w included; `AdamW` shrinks w itself and leaves "
        "the gradient alone."
    )


def two_weights(lambd: float, lr: float) -> None:
    """Two weights of 1 whose gradients push to and fro, one hard and one softly: what is left of them by decay."""
    with controls.row("two"):
        large = controls.stops("large", "Gradient of the first weight ±", (1.0, 10.0, 100.0), 100.0, format=str)
        small = controls.stops("small", "Gradient of the second ±", (0.01, 0.1, 1.0), 0.01, format=str)
    steps = 60
    found = {
        name: pushed(step, (large, small), lambd, lr, steps)
        for name, step in (("Adam", ops.adam_step), ("AdamW", ops.adamw_step))
    }
    paths = {
        f"{name}, gradient ±{size:g}": path[:, i].tolist()
        for name, path in found.items()
        for i, size in enumerate((large, small))
    }
    figure = curves.lines(
        {name: (range(steps + 1), path) for name, path in paths.items()}, curves.Axis("step"), curves.Axis("weight"),
        height=320, title=f"Two weights of 1 under weight_decay = {lambd:g}, lr = {lr:g}",
    )  # fmt: skip
    alt = "At the end: " + "; ".join(
        f"{name} {number(p[-1, 0].item())} and {number(p[-1, 1].item())}" for name, p in found.items()
    )
    board.show(
        Panel("paths", figure, alt, points("path s", (len(paths),), paths), stretch=640),
        spelled="{note:paths}: **{paths}**", name="two weights",
    )  # fmt: skip
    adam, adamw = found["Adam"][-1], found["AdamW"][-1]
    st.markdown(
        f"The gradients change their sign at each step, so that only the decay is left in the long run. Adam leaves "
        f"**{number(adam[0].item())}** of the weight with the large gradient and **{number(adam[1].item())}** of the "
        f"other: the λ·w is divided by √v̂, and so is hardly felt where gradients are large. AdamW leaves "
        f"**{number(adamw[0].item())}** and **{number(adamw[1].item())}**, apart from the wobble (1 − lr·λ)^{steps} = "
        f"{number((1 - lr * lambd) ** steps)} of each."
    )


def pushed(step: Any, sizes: tuple[float, ...], lambd: float, lr: float, steps: int) -> Tensor:
    """The weights after each step, (steps + 1, weights), under gradients of these sizes and alternating sign."""
    (w,), state = (torch.ones(len(sizes), dtype=torch.float64),), None
    path = [w]
    for k in range(steps):
        gradient = torch.tensor(sizes, dtype=torch.float64) * (-1) ** k
        (w,), state = step((w,), (gradient,), state, lr=lr, weight_decay=lambd)
        path.append(w)
    return torch.stack(path)


def sweep(lambd: float, setting: Setting, optimiser: str) -> None:
    """Training and test loss at the end, over λ."""
    setting = replace(setting, epochs=30)
    ends = [run_of(DECAYED[optimiser], value, setting)[-1] for value in (*SWEPT, lambd)]
    *swept, here = ends
    best = min(range(len(swept)), key=lambda i: swept[i].test_loss)
    places_ = [max(value, 0.03) for value in SWEPT]  # a logarithmic axis has no 0
    ends_of = {"training": [end.train_loss for end in swept], "test": [end.test_loss for end in swept]}
    figure = curves.lines(
        {name: (places_, [positive(v) for v in values]) for name, values in ends_of.items()}
        | {f"test, λ = {lambd:g}": ([max(lambd, 0.03)], [here.test_loss])},
        curves.Axis("λ (0 drawn at 0.03)", log=True), curves.Axis("loss at the end", log=True), markers=True,
        title=f"{DECAYED[optimiser]}, {setting.epochs} steps", height=320,
    )  # fmt: skip
    alt = "; ".join(
        f"λ = {value:g}: training {number(end.train_loss)}, test {number(end.test_loss)}"
        for value, end in zip(SWEPT, swept, strict=True)
    )
    cells = Cells(
        "part l", (2, len(SWEPT)), torch.tensor(list(ends_of.values()), dtype=torch.float64),
        notes=[f"λ = {value:g}, {name}" for name in ends_of for value in SWEPT],
        spots=[(at, v) if v > 0 else None for values in ends_of.values() for at, v in zip(places_, values, strict=True)],
    )  # fmt: skip
    board.show(
        Panel("sweep", figure, alt, cells, picks=[str(value) for _ in ends_of for value in SWEPT], stretch=640),
        spelled="{note:sweep}: loss **{sweep}**; a click sets this λ", picks={"sweep": set_lambda}, name="sweep",
    )  # fmt: skip
    st.markdown(
        f"The training loss alone would choose λ = {SWEPT[min(range(len(swept)), key=lambda i: swept[i].train_loss)]:g}. "
        f"On samples that it has not seen λ = **{SWEPT[best]:g}** does best here, with {number(swept[best].test_loss)}: "
        f"the true weights are all {TRUE_W}, so that pulling towards 0 is hardly wrong."
    )


def set_lambda(said: str) -> None:
    """Take the λ of a clicked point."""
    st.session_state["lambd"] = float(said)


# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(within: Run, lambd: float, setting: Setting) -> list[Pitfall]:
    """What people believe of weight decay, the tutorial's own lines first."""
    w = within[-1].w
    return [
        Pitfall("The tutorial's formula λ/2n·‖w‖² is what its code adds", lambda: formula_and_code(w, lambd, setting)),
        Pitfall(
            "The tutorial's `l = loss(…) + lambd·l2_penalty(w)`, `l.sum()` counts the penalty once",
            lambda: counted_n_times(within[-1], lambd, setting),
        ),
        Pitfall("The tutorial's `w.grad.data.zero_()` comes first in every step", lambda: no_gradient_yet(w)),
        Pitfall("`weight_decay` in Adam is the decoupled decay", lambda: adam_is_not_adamw(lambd, setting)),
        Pitfall("AdamW shrinks the weights by `weight_decay` a step", lambda: times_the_rate(w, setting)),
        Pitfall(
            "`weight_decay` leaves the bias alone (the tutorial: only the weights)", lambda: bias_decays(lambd, setting)
        ),
        Pitfall("More decay is always safer", lambda: too_much(w, setting)),
    ]


def formula_and_code(w: Tensor, lambd: float, setting: Setting) -> None:
    """Both penalties on the weights on screen, and a run with each."""
    both = ops.penalties(w, lambd, setting.n_train)
    code, formula = (run_of(DECAYED["SGD"], by, setting)[-1] for by in (lambd, lambd / setting.n_train))
    st.markdown(
        f"For the weights on screen and n = {setting.n_train} the formula gives **{number(both.formula)}**, the code "
        f"**{number(both.code)}**, beside the same mean loss. With the code's λ/2 SGD ends after {STEPS} steps at ‖w‖ = "
        f"**{number(code.weight_norm)}** and a test loss of {number(code.test_loss)}, with the formula's λ/2n at "
        f"**{number(formula.weight_norm)}** and {number(formula.test_loss)}. With λ/n in the code both are the same; a "
        "λ taken from a text with the other convention is n times too weak or too strong. And ‖w‖² = w₁² + w₂² holds "
        f"for two weights; here the sum has {len(w)} terms."
    )


def counted_n_times(last: RegressionProgress, lambd: float, setting: Setting) -> None:
    """One loss a sample: the penalty is broadcast to each, and the sum's gradient holds it n times."""
    data, leaf = setting.data, last.w.clone().requires_grad_()
    losses = ops.squared_losses(data.X, data.y, last.w, last.b)
    (gradient,) = torch.autograd.grad(ops.tutorial_loss(losses, leaf, lambd), leaf)
    once = lambd * leaf.detach()
    times = (gradient.norm() / once.norm()).item() if lambd else 0.0
    st.markdown(
        f"`loss` with one number a sample has {len(losses)}, the penalty is broadcast to all of them, and of the sum's "
        f"gradient the penalty's part is **{number(times)}** times λ·w. It comes out right only where the step then "
        "divides by the batch size, which the tutorial does not show, or where `loss` is already one mean."
    )


def no_gradient_yet(w: Tensor) -> None:
    """The tutorial's lines on fresh leaves."""
    fresh, b = w.clone().requires_grad_(), torch.zeros((), requires_grad=True)
    try:
        ops.tutorial_backward(ops.l2_penalty(fresh)[None], fresh, b, 1.0)
        said = "passes"
    except AttributeError as error:
        said = f"AttributeError “{error}”"
    st.markdown(
        f"Before the first `backward()` the gradient is `None`, and the line says: {said}. `optimizer.zero_grad()` "
        "skips those, and since torch 2.0 sets the others to `None` rather than to 0."
    )


def adam_is_not_adamw(lambd: float, setting: Setting) -> None:
    """Adam's weight_decay against the penalty in the loss, and against AdamW."""
    short = replace(setting, epochs=SHORT)
    loss, adam, adamw = (run_of(name, lambd, short)[-1].w for name in PLACES[2:])
    st.markdown(
        f"After {SHORT} steps Adam with `weight_decay` is **{number((adam - loss).abs().max().item())}** away from Adam "
        f"with the penalty in the loss, at the farthest weight, and **{number((adam - adamw).abs().max().item())}** from "
        "AdamW. Only `AdamW`, or `Adam(decoupled_weight_decay=True)`, takes the decay past the division."
    )


def times_the_rate(w: Tensor, setting: Setting) -> None:
    """One step of torch's AdamW without a gradient, by its defaults and by the learning rate on screen."""
    shrunk = []
    for lr in (0.001, setting.lr):
        leaf = torch.ones_like(w).requires_grad_()
        leaf.grad = torch.zeros_like(w)
        torch.optim.AdamW([leaf], lr=lr).step()
        shrunk.append(1 - leaf[0].item())
    st.markdown(
        f"By lr·weight_decay: with its defaults (lr = 0.001, weight_decay = 0.01) a step takes **{number(shrunk[0])}** "
        f"of each weight, with lr = {setting.lr:g} **{number(shrunk[1])}**. A schedule that lowers lr lowers the decay "
        "with it."
    )


def bias_decays(lambd: float, setting: Setting) -> None:
    """torch's SGD on a layer whose gradients are 0, with all parameters and with two groups."""
    left = []
    for groups in (False, True):
        layer = torch.nn.Linear(2, 1)
        torch.nn.init.ones_(layer.bias)
        for p in layer.parameters():
            p.grad = torch.zeros_like(p)
        parts: Any = layer.parameters()
        if groups:
            parts = [{"params": [layer.weight]}, {"params": [layer.bias], "weight_decay": 0.0}]
        torch.optim.SGD(parts, lr=setting.lr, weight_decay=lambd).step()
        left.append(layer.bias.item())
    st.markdown(
        f"torch decays every parameter that it is given. With gradients of 0 a bias of 1 becomes **{number(left[0], 4)}** "
        f"in a step of `SGD(layer.parameters(), …)`, and **{number(left[1], 4)}** where it has a group of its own with "
        "`weight_decay=0`. The runs on this page spare the bias, as the tutorial does."
    )


def too_much(w: Tensor, setting: Setting) -> None:
    """Steps of decay alone, just below and just above what the learning rate bears."""
    ends = []
    for factor in (1.9, 2.1):
        now: tuple[Tensor, ...] = (w,)
        for _ in range(40):
            now, _ = ops.sgd_step(now, (torch.zeros_like(w),), lr=setting.lr, weight_decay=factor / setting.lr)
        ends.append(now[0].norm().item())
    st.markdown(
        f"SGD multiplies w by 1 − lr·λ. From ‖w‖ = {number(w.norm().item())}, without any loss, 40 steps with lr·λ = 1.9 "
        f"lead to {number(ends[0])}, with 2.1 to **{number(ends[1])}**: beyond λ = 2/lr = {number(2 / setting.lr)} decay "
        "itself explodes. And long before, the training loss rises with λ: see *All λ*."
    )


# ---- questions, take away --------------------------------------------------------------------------------------


def questions(lambd: float, setting: Setting) -> list:
    """Questions on what is on screen."""

    def shrink(draw: random.Random) -> Question:
        steps = draw.choice((1, 2, 10))
        return Question(
            f"The loss has no gradient. By what do {steps} step(s) of SGD with lr = {setting.lr:g} and weight_decay = "
            f"{lambd:g} multiply each weight?",
            f"{(1 - setting.lr * lambd) ** steps:.4g}", "w − lr·λ·w = (1 − lr·λ)·w each time: hence the name.",
        )  # fmt: skip

    def penalty(draw: random.Random) -> Question:
        w = torch.tensor([float(draw.randint(-4, 4)) for _ in range(3)])
        n = draw.choice((2, 10))
        both = ops.penalties(w, 2.0, n)
        return Question(
            f"w = {[int(x) for x in w.tolist()]}, λ = 2, n = {n}: the tutorial's formula, then its code?",
            f"{both.formula:g}, {both.code:g}", f"λ/2n·‖w‖² and λ/2·‖w‖², with ‖w‖² = {int((w**2).sum())}.",
        )  # fmt: skip

    def equal(draw: random.Random) -> Question:
        first, second = draw.choice(((0, 1), (2, 3), (3, 4), (2, 4)))
        short = replace(setting, epochs=SHORT)
        apart = (run_of(PLACES[first], 1.0, short)[-1].w - run_of(PLACES[second], 1.0, short)[-1].w).abs().max().item()
        return Question(
            f"“{PLACES[first]}” and “{PLACES[second]}”: do they end on the same weights?", "yes" if apart < 1e-9 else "no",
            f"With λ = 1, after {SHORT} steps, they are at most {number(apart)} apart.", ("yes", "no"),
        )  # fmt: skip

    def times(draw: random.Random) -> Question:
        n = draw.choice((4, 16, setting.n_train))
        losses, w = torch.zeros(n), torch.ones(2)
        return Question(
            f"`losses` is {n} zeros, w = [1, 1], lambd = 3: what is (losses + lambd·l2_penalty(w)).sum()?",
            f"{ops.tutorial_loss(losses, w, 3.0).item():g}", f"l2_penalty is 1, and it is added to each of the {n}.",
        )  # fmt: skip

    return [shrink, penalty, equal, times]


BY_TORCH = """generator = torch.Generator().manual_seed({seed})
weights = torch.randn({inputs}, generator=generator, dtype=torch.float64).requires_grad_()
bias = torch.zeros((), dtype=torch.float64, requires_grad=True)
groups = [{{"params": [weights], "weight_decay": {lambd}}}, {{"params": [bias], "weight_decay": 0.0}}]
optimiser = torch.optim.{optimiser}(groups, lr={lr})
for _ in range({epochs}):
    optimiser.zero_grad()
    ((data.X @ weights + bias - data.y) ** 2 / 2).mean().backward()
    optimiser.step()"""


def take(within: Run, lambd: float, setting: Setting, optimiser: str) -> TakeAway:
    """The run with decay as a script, beside the same by torch's optimiser; and its weights."""
    method = DECAYED[optimiser]
    n, inputs, lr, epochs, seed = setting.n_train, setting.inputs, setting.lr, within[-1].epoch, setting.seed
    by_torch = BY_TORCH.format(
        seed=seed, inputs=inputs, lambd=lambd, lr=lr, epochs=epochs, optimiser=method.split(",")[0]
    )
    script = Script(
        title="Weight decay: few samples, many features",
        inputs={},
        functions=(ops.make_regression, ops.regression_run),
        calls=(
            "torch.set_num_threads(1)",
            f"data = make_regression({n}, inputs={inputs}, seed={seed})",
            f"*_, last = regression_run(data, {method!r}, {lambd}, {lr}, {n}, {epochs}, {seed})",
            "w = last.w",
            "losses = torch.tensor([last.train_loss, last.test_loss])",
            by_torch,
        ),
        results=("losses", "w"),
        reference={"w": "weights.detach()"},
    )
    losses = torch.tensor([within[-1].train_loss, within[-1].test_loss])
    return TakeAway(script, {"w": within[-1].w, "losses": losses, "start": within[0].w})


frame.page("weight_decay", lesson)
