"""Weight decay: few samples and many features, with and without a penalty, in the loss and in the optimiser."""

import random
from dataclasses import dataclass

import streamlit as st
import torch
from torch import Tensor

from core.figures import curves
from core.figures.heatmap import number
from core.ops import weight_decay as ops
from core.ops.operator import Call
from core.tensors.script import Script
from core.topics import Topic
from core.ui import check, controls, frame, pictures
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

LAMBDAS = ("0", "0.1", "0.3", "1", "3", "10")
BINS = 24
BATCH = 5


@dataclass(frozen=True)
class History:
    """A run, epoch by epoch, and the weights it ends on."""

    train: list[float]
    test: list[float]
    norm: list[float]
    first: Tensor
    last: Tensor


@dataclass(frozen=True)
class Setting:
    """What a run depends on, besides the method and λ."""

    n_train: int
    inputs: int
    lr: float
    epochs: int
    seed: int


@st.cache_resource(max_entries=256, show_spinner=False)
def history(method: str, lambd: float, setting: Setting) -> History:
    """One run, kept for the next reader with the same settings."""
    data = ops.make_regression(setting.n_train, 100, setting.inputs, seed=setting.seed)
    steps = list(ops.regression_run(data, method, lambd, setting.lr, BATCH, setting.epochs, setting.seed))
    return History(
        [s.train_loss for s in steps],
        [s.test_loss for s in steps],
        [s.weight_norm for s in steps],
        steps[0].w,
        steps[-1].w,
    )


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.row():
        lambd = float(controls.stops("lambd", "λ", LAMBDAS, "1"))
        n_train = controls.slider("n_train", "Training samples", 10, 100, 20, step=10)
        inputs = controls.slider("inputs", "Features", 20, 200, 200, step=20)
        epochs = controls.slider("epochs", "Epochs", 5, 40, 20, step=5)
    with controls.row("more"):
        optimiser = controls.choice("optimiser", "Optimiser", ("SGD", "Adam"))
        lr = float(controls.stops("lr", "Learning rate", ("0.001", "0.003", "0.01", "0.03"), "0.01"))
        seed = controls.seed()
    setting = Setting(n_train, inputs, lr, epochs, seed)
    decayed = "SGD, weight_decay" if optimiser == "SGD" else "AdamW, weight_decay"
    without, within = history(optimiser, 0.0, setting), history(decayed, lambd, setting)
    draw(without, within, lambd)
    st.markdown(
        f"{n_train} samples for {inputs} weights. Without decay the training loss ends at **{number(without.train[-1])}** and the test loss at "
        f"**{number(without.test[-1])}**; with λ = {lambd:g} ({decayed}) at **{number(within.train[-1])}** and **{number(within.test[-1])}**, "
        f"while ‖w‖ goes from {number(within.norm[0])} to {number(within.norm[-1])} (without: {number(without.norm[-1])}; the true one is "
        f"{number(0.01 * inputs**0.5)})."
    )
    gradient = torch.randn(inputs, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    operator = next(o for o in topic.operators if o.name == decayed.split(",")[0])
    check.show(operator, Call(((within.last,), (gradient,)), {"lr": lr, "weight_decay": lambd}))
    frame.below(
        topic,
        more={"Where the penalty goes": lambda: places(lambd, setting)},
        pitfalls=pitfalls(lambd, setting, within),
        questions=questions(lambd, setting),
        take=lambda: take(within.last, gradient, lr, lambd),
    )


def draw(without: History, within: History, lambd: float) -> None:
    """Losses, norms and weights, with and without decay."""
    epochs = range(len(without.train))
    with st.container(horizontal=True, gap="xsmall"):
        pictures.show(
            curves.lines(
                {"train, λ = 0": (epochs, without.train), "test, λ = 0": (epochs, without.test),
                 f"train, λ = {lambd:g}": (epochs, within.train), f"test, λ = {lambd:g}": (epochs, within.test)},
                curves.Axis("epoch"), curves.Axis("loss", log=True), title="Loss",
            ),
            f"Losses over {len(epochs) - 1} epochs; at the end without decay {number(without.train[-1])} in training and {number(without.test[-1])} "
            f"in the test, with it {number(within.train[-1])} and {number(within.test[-1])}.",
            key="losses", width=370,
        )  # fmt: skip
        pictures.show(
            curves.lines(
                {"λ = 0": (epochs, without.norm), f"λ = {lambd:g}": (epochs, within.norm)},
                curves.Axis("epoch"), curves.Axis("‖w‖"), title="Norm of the weights",
            ),
            f"The norm of the weights: {number(without.norm[-1])} at the end without decay, {number(within.norm[-1])} with it.",
            key="norms", width=250,
        )  # fmt: skip
        reach = max(without.last.abs().max().item(), within.last.abs().max().item(), 1e-6)
        places_ = ((torch.arange(BINS) + 0.5) / BINS * 2 - 1) * reach
        bars = {
            name: (places_.tolist(), torch.histc(run.last, BINS, -reach, reach))
            for name, run in (("λ = 0", without), (f"λ = {lambd:g}", within))
        }
        pictures.show(
            curves.bars(bars, curves.Axis("weight"), curves.Axis("how many"), title="Weights at the end", overlay=True),
            f"Histogram of the weights at the end: within ±{number(reach)} without decay, ±{number(within.last.abs().max().item())} with it.",
            key="weights", width=260,
        )  # fmt: skip


def places(lambd: float, setting: Setting) -> None:
    """Every place where the decay can enter, and how far the weights end from each other."""
    st.markdown(
        "The penalty λ/2·‖w‖² adds λ·w to the gradient. SGD only scales its gradient by the learning rate, so it does not matter whether the "
        "loss or the optimiser adds it. Adam divides the gradient by its own recent size, and the λ·w in it too: AdamW takes the decay past that."
    )
    rows = ["| | ‖w‖ at the end | test loss | farthest from the penalty in the loss |", "|---|---|---|---|"]
    for family in ("SGD", "Adam"):
        reference = history(f"{family}, penalty in the loss", lambd, setting)
        names = [name for name in ops.METHODS if name.startswith(family)]
        for name in names:
            run = history(name, lambd, setting)
            apart = (run.last - reference.last).abs().max().item()
            rows.append(f"| {name} | {number(run.norm[-1])} | {number(run.test[-1])} | **{number(apart)}** |")
    st.markdown("\n".join(rows))


# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(lambd: float, setting: Setting, run: History) -> list[Pitfall]:
    """What people believe of weight decay, the tutorial's own lines first."""
    return [
        Pitfall(
            "The tutorial's formula λ/2n·‖w‖² is what its code adds", lambda: formula_and_code(run.last, lambd, setting)
        ),
        Pitfall(
            "The tutorial's `l = loss + λ·penalty; l = l.sum()` counts the penalty once",
            lambda: counted_n_times(run.last, lambd, setting),
        ),
        Pitfall("The tutorial's `w.grad.data.zero_()` comes before every backward", zero_grad_fails_first),
        Pitfall("`weight_decay` in Adam is decoupled decay", lambda: adam_is_not_adamw(lambd, setting)),
        Pitfall("The bias should decay too", lambda: bias_stays(setting)),
    ]


def formula_and_code(w: Tensor, lambd: float, setting: Setting) -> None:
    """The two penalties on the weights on screen."""
    both = ops.penalties(w, lambd, setting.n_train)
    st.markdown(
        f"For the weights on screen and n = {setting.n_train} the formula gives **{number(both.formula)}**, the code **{number(both.code)}**: the code's λ "
        f"acts {setting.n_train} times as hard beside a mean loss. With λ/n in the code they are the same objective."
    )


def counted_n_times(w: Tensor, lambd: float, setting: Setting) -> None:
    """One loss a sample, and the penalty broadcast to each."""
    losses = torch.zeros(setting.n_train, dtype=w.dtype)
    total, once = ops.tutorial_loss(losses, w, lambd).item(), lambd * ops.l2_penalty(w).item()
    times = total / once if once else float("nan")
    st.markdown(
        f"With one loss a sample, the penalty is added to each and the sum holds it **{number(times)}** times: {number(total)} in place of {number(once)}. "
        "It does no harm only where the step then divides by the batch size."
    )


def zero_grad_fails_first() -> None:
    """The tutorial's two lines on fresh leaves."""
    w, b = torch.zeros(2, requires_grad=True), torch.zeros((), requires_grad=True)
    try:
        ops.tutorial_backward((w * 2).sum()[None], w, b, 1.0)
        said = "it works"
    except AttributeError as error:
        said = f"AttributeError “{error}”"
    st.markdown(
        f"On the first step `w.grad` is None: {said}. `optimizer.zero_grad()` looks first, and sets the gradients to None."
    )


def adam_is_not_adamw(lambd: float, setting: Setting) -> None:
    """Adam's weight_decay against the penalty in the loss, and against AdamW."""
    adam, loss, adamw = (
        history(name, lambd, setting).last
        for name in ("Adam, weight_decay", "Adam, penalty in the loss", "AdamW, weight_decay")
    )
    st.markdown(
        f"It is the penalty in the loss: the weights end at most **{number((adam - loss).abs().max().item())}** apart. AdamW's, which is decoupled, end "
        f"**{number((adam - adamw).abs().max().item())}** away."
    )


def bias_stays(setting: Setting) -> None:
    """The bias with and without its own decay."""
    data = ops.make_regression(setting.n_train, 100, setting.inputs, seed=setting.seed)
    st.markdown(
        f"The penalty stands for a belief that weights are near 0; the bias only shifts, here by the true 0.05 (mean of y: {number(data.y.mean().item())}). In "
        "torch, parameter groups leave it out: `[{'params': [w], 'weight_decay': λ}, {'params': [b]}]`. All runs here do so."
    )


# ---- questions, take away --------------------------------------------------------------------------------------


def questions(lambd: float, setting: Setting) -> list:
    """Questions on what is on screen."""

    def shrink(_: random.Random) -> Question:
        factor = 1 - setting.lr * lambd
        return Question(
            f"The gradient of the loss is 0. By what does one step of SGD with lr {setting.lr:g} and λ = {lambd:g} multiply each weight?",
            f"{factor:.5g}", "w − lr·λ·w = (1 − lr·λ)·w: hence the name.", tolerance=1e-4,
        )  # fmt: skip

    def penalty(draw: random.Random) -> Question:
        w = torch.tensor([float(draw.randint(-3, 3)) for _ in range(3)])
        return Question(
            f"What is l2_penalty({w.tolist()})?",
            f"{ops.l2_penalty(w).item():g}",
            "Half the sum of squares; its gradient is w itself.",
        )

    def equal(draw: random.Random) -> Question:
        pair = draw.choice((("SGD, weight_decay", "SGD, penalty in the loss"), ("Adam, weight_decay", "Adam, penalty in the loss"),
                            ("AdamW, weight_decay", "Adam, penalty in the loss")))  # fmt: skip
        apart = (history(pair[0], 1.0, setting).last - history(pair[1], 1.0, setting).last).abs().max().item()
        return Question(
            f"Do “{pair[0]}” and “{pair[1]}” end on the same weights?", "yes" if apart < 1e-9 else "no",
            f"With λ = 1 they end at most {number(apart)} apart.", ("yes", "no"),
        )  # fmt: skip

    return [shrink, penalty, equal]


def take(w: Tensor, gradient: Tensor, lr: float, lambd: float) -> TakeAway:
    """One step of SGD on the weights on screen, as a script."""
    script = Script(
        "Weight decay", {"w": w, "gradient": gradient}, (ops.sgd_step,),
        (f"(stepped,), _ = sgd_step((w,), (gradient,), lr={lr!r}, weight_decay={lambd!r})",), ("stepped",),
        {"stepped": f"w - {lr!r} * (gradient + {lambd!r} * w)"},
    )  # fmt: skip
    return TakeAway(script, {"w": w, "gradient": gradient})


frame.page("weight_decay", lesson)
