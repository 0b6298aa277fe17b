"""What the page on weight decay finds out: regression with few samples and many features, with decay and without.

Each step of a run takes all samples, and a run stops where it diverges.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from core.experiments.regression import (
    Regression,
    RegressionProgress,
    make_regression,
    regression_run,
    squared_losses,
)
from core.ops import weight_decay as ops
from core.ops.operator import Call
from core.words import N_

DECAYED = {"SGD": "SGD, weight_decay", "Adam": "AdamW, weight_decay"}  # what stands beside no decay
PLACES = N_(
    (
        "SGD, penalty in the loss", "SGD, weight_decay", "Adam, penalty in the loss", "Adam, weight_decay",
        "AdamW, weight_decay",
    )
)  # fmt: skip
SWEPT = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
SHORT = 10  # steps of the runs that compare the optimisers
DIVERGED = 1e6  # a loss of so many times the first one: the run stops there
TRUE_W = 0.01  # of make_regression


@dataclass(frozen=True)
class Setting:
    """What a run depends on, besides the method and λ."""

    n_train: int
    inputs: int
    lr: float
    seed: int
    epochs: int  # steps, since each takes all samples

    @property
    def data(self) -> Regression:
        """The samples."""
        return regression(self.n_train, self.inputs, self.seed)

    @property
    def free(self) -> int:
        """How many directions of w the samples say nothing about."""
        return max(0, self.inputs - self.n_train)

    @property
    def true_norm(self) -> float:
        """‖w‖ of the weights that the samples were made with."""
        return TRUE_W * self.inputs**0.5


@lru_cache(maxsize=32)
def regression(n_train: int, inputs: int, seed: int) -> Regression:
    """The samples, made once."""
    return make_regression(n_train, inputs=inputs, seed=seed)


# ---- a run -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """A run of one of `regression.METHODS`."""

    method: str
    lambd: float
    setting: Setting
    steps: tuple[RegressionProgress, ...]  # the start, and after each step

    @property
    def diverged(self) -> bool:
        """Whether it was stopped because its loss had grown beyond all bounds."""
        return len(self.steps) <= self.setting.epochs

    @property
    def last(self) -> RegressionProgress:
        """Where it ends."""
        return self.steps[-1]

    @property
    def losses(self) -> Tensor:
        """Where it ends: the loss in training, and in the test."""
        return torch.tensor([self.last.train_loss, self.last.test_loss])

    @property
    def step(self) -> Call:
        """The optimiser's next step from where the run ends, as a call."""
        gradient = gradient_at(self.last.w, self.last.b, self.setting)
        return Call(((self.last.w,), (gradient,)), {"lr": self.setting.lr, "weight_decay": self.lambd})


@lru_cache(maxsize=256)
def run(method: str, lambd: float, setting: Setting) -> Run:
    """A run by one of `regression.METHODS`, up to where it diverges."""
    steps: list[RegressionProgress] = []
    made = regression_run(setting.data, method, lambd, setting.lr, setting.n_train, setting.epochs, setting.seed)
    for step in made:
        if steps and not step.train_loss <= DIVERGED * steps[0].train_loss:
            break
        steps.append(step)
    return Run(method, lambd, setting, tuple(steps))


def gradient_at(w: Tensor, b: Tensor, setting: Setting) -> Tensor:
    """∂(mean loss)/∂w, without any penalty."""
    data, leaf = setting.data, w.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(squared_losses(data.X, data.y, leaf, b).mean(), leaf)
    return gradient


@lru_cache(maxsize=256)
def stable_rate(lambd: float, setting: Setting) -> float:
    """2 / the largest curvature of the loss with its penalty: with a larger learning rate SGD diverges."""
    X, n = setting.data.X, setting.n_train
    ones = torch.cat([X, torch.ones(n, 1, dtype=X.dtype)], 1)  # the last column belongs to b, which does not decay
    curvature = ones.T @ ones / n
    curvature.diagonal()[:-1] += lambd
    return 2 / torch.linalg.eigvalsh(curvature)[-1].item()


@dataclass(frozen=True)
class Minimum:
    """Where SGD ends if it goes on for ever."""

    train: float
    test: float
    norm: float


@lru_cache(maxsize=256)
def minimum(lambd: float, setting: Setting) -> Minimum:
    """The minimum of mean loss + λ/2·‖w‖². With λ = 0 there are many: the one that SGD reaches, nearest its start."""
    data, n = setting.data, setting.n_train
    ones = torch.cat([data.X, torch.ones(n, 1, dtype=data.X.dtype)], 1)
    if lambd:
        curvature = ones.T @ ones / n
        curvature.diagonal()[:-1] += lambd
        found = torch.linalg.solve(curvature, ones.T @ data.y / n)
    else:
        start = next(iter(regression_run(data, "SGD", seed=setting.seed)))
        first = torch.cat([start.w, start.b[None]])
        found = first + torch.linalg.pinv(ones) @ (data.y - ones @ first)
    w, b = found[:-1], found[-1]
    train, test = (squared_losses(X, y, w, b).mean().item() for X, y in ((data.X, data.y), (data.X_test, data.y_test)))
    return Minimum(train, test, w.norm().item())


@dataclass(frozen=True)
class Outcome:
    """A run with decay beside the one without."""

    without: Run
    within: Run
    bound: float | None  # the largest learning rate with which SGD does not diverge, with decay
    bound_without: float | None
    minimum: Minimum | None  # None for Adam, whose decay is not the gradient of any penalty
    minimum_without: Minimum | None

    @property
    def left(self) -> float:
        """What the decay alone leaves of a weight over the steps, by SGD or by AdamW."""
        return (1 - self.within.setting.lr * self.within.lambd) ** self.within.last.epoch

    @property
    def unfinished(self) -> bool:
        """Whether more steps would move the test loss by more than a tenth."""
        pairs = ((self.within, self.minimum), (self.without, self.minimum_without))
        return any(end and not 0.9 < run.last.test_loss / end.test < 1.1 for run, end in pairs)


def outcome(optimiser: str, lambd: float, setting: Setting) -> Outcome:
    """The two runs, and where they would end."""
    without, within = run(optimiser, 0.0, setting), run(DECAYED[optimiser], lambd, setting)
    if optimiser != "SGD":
        return Outcome(without, within, None, None, None, None)
    bounds = (stable_rate(lambd, setting), stable_rate(0.0, setting))
    return Outcome(without, within, *bounds, minimum(lambd, setting), minimum(0.0, setting))


# ---- where the penalty goes, two weights, and all λ --------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A place where the decay can enter: its run, and how far its weights end from the penalty in the loss."""

    run: Run
    apart: float  # the farthest weight


def places(lambd: float, setting: Setting) -> Mapping[str, Place]:
    """A short run for every place where the decay can enter, beside the same optimiser with the penalty in the loss."""
    short = replace(setting, epochs=SHORT)
    runs = {name: run(name, lambd, short) for name in PLACES}
    in_loss = {name: runs[f"{'SGD' if name.startswith('SGD') else 'Adam'}, penalty in the loss"] for name in runs}
    return {name: Place(runs[name], apart(runs[name], in_loss[name])) for name in runs}


def apart(one: Run, other: Run) -> float:
    """How far two runs end from each other, at the farthest weight."""
    return (one.last.w - other.last.w).abs().max().item()


@dataclass(frozen=True)
class TwoWeights:
    """What is left of two weights of 1 whose gradients change their sign at each step."""

    adam: Tensor  # (steps + 1, 2): the weight with large gradients, the one with small gradients
    adamw: Tensor
    alone: float  # what the decay alone leaves of a weight

    @property
    def spared(self) -> bool:
        """Whether Adam's decay leaves clearly more of the weight with the larger gradients."""
        large, small = self.adam[-1].tolist()
        return large - small > 0.01


def two_weights(sizes: Sequence[float], lambd: float, lr: float, steps: int = 60) -> TwoWeights:
    """Two weights of 1 under gradients of these sizes and alternating sign, with Adam's decay and with AdamW's."""

    def path(step: Callable[..., Any]) -> Tensor:
        (w,), state = (torch.ones(len(sizes), dtype=torch.float64),), None
        path = [w]
        for k in range(steps):
            gradient = torch.tensor(sizes, dtype=torch.float64) * (-1) ** k
            (w,), state = step((w,), (gradient,), state, lr=lr, weight_decay=lambd)
            path.append(w)
        return torch.stack(path)

    return TwoWeights(path(ops.adam_step), path(ops.adamw_step), (1 - lr * lambd) ** steps)


@dataclass(frozen=True)
class Sweep:
    """The losses over λ, where the runs end and where they would end after many more steps."""

    method: str
    steps: int
    lambdas: tuple[float, ...]
    train: tuple[float, ...]  # NaN where the run diverges
    test: tuple[float, ...]
    minimum: tuple[float, ...]  # of the test loss, where more steps would lead; empty for Adam

    @property
    def diverged(self) -> list[float]:
        """The λ whose runs diverge."""
        return [lambd for lambd, loss in zip(self.lambdas, self.test, strict=True) if math.isnan(loss)]

    @property
    def train_best(self) -> float:
        """The λ with the smallest training loss."""
        return self._best(self.train)

    @property
    def test_best(self) -> float:
        """The λ with the smallest test loss."""
        return self._best(self.test)

    @property
    def minimum_best(self) -> float:
        """The λ with the smallest test loss after many more steps."""
        return self._best(self.minimum)

    @property
    def reversed(self) -> bool:
        """Whether more steps would make another λ the best: the runs are not at their end."""
        return bool(self.minimum) and self.minimum_best not in (self.test_best, *self.diverged)

    @property
    def smallest(self) -> float:
        """The smallest test loss."""
        return min(loss for loss in self.test if not math.isnan(loss))

    @property
    def smallest_minimum(self) -> float:
        """The smallest test loss after many more steps."""
        return min(self.minimum)

    def _best(self, losses: Sequence[float]) -> float:
        return min(zip(losses, self.lambdas, strict=True), key=lambda pair: (math.isnan(pair[0]), pair[0]))[1]


def sweep(optimiser: str, setting: Setting) -> Sweep:
    """Training and test loss over λ."""
    runs = [run(DECAYED[optimiser], lambd, setting) for lambd in SWEPT]
    train, test = (
        tuple(math.nan if each.diverged else getattr(each.last, part) for each in runs)
        for part in ("train_loss", "test_loss")
    )
    ends = tuple(minimum(lambd, setting).test for lambd in SWEPT) if optimiser == "SGD" else ()
    return Sweep(DECAYED[optimiser], setting.epochs, SWEPT, train, test, ends)


# ---- what people believe: each run takes λ = 1 where it is 0, and says so ------------------------------------------


def not_zero(lambd: float) -> float:
    """λ, or 1 where it is 0, with which nothing would be seen."""
    return lambd or 1.0


@dataclass(frozen=True)
class FormulaAndCode:
    """The tutorial's penalty as its formula writes it, and as its code adds it."""

    lambd: float
    n: int
    terms: int  # of ‖w‖²
    formula: float
    code: float
    of_formula: Minimum  # where SGD ends with it
    of_code: Minimum


def formula_and_code(w: Tensor, lambd: float, setting: Setting) -> FormulaAndCode:
    """Both penalties at these weights, and the minimum that each leads to."""
    lambd, n = not_zero(lambd), setting.n_train
    both = ops.penalties(w, lambd, n)
    ends = minimum(lambd / n, setting), minimum(lambd, setting)
    return FormulaAndCode(lambd, n, len(w), both.formula, both.code, *ends)


@dataclass(frozen=True)
class Counted:
    """How often the tutorial's sum counts the penalty."""

    lambd: float
    losses: int
    times: float  # the penalty's part of the sum's gradient, in units of λ·w


def counted(last: RegressionProgress, lambd: float, setting: Setting) -> Counted:
    """The gradient of `(losses + lambd * l2_penalty(w)).sum()` with one loss a sample, without the losses' own part."""
    lambd, data, leaf = not_zero(lambd), setting.data, last.w.clone().requires_grad_()
    losses = squared_losses(data.X, data.y, last.w, last.b)  # (n,), constants: w alone is the leaf
    (gradient,) = torch.autograd.grad(ops.tutorial_loss(losses, leaf, lambd), leaf)
    return Counted(lambd, len(losses), (gradient.norm() / (lambd * last.w).norm()).item())


@dataclass(frozen=True)
class FirstStep:
    """What the tutorial's lines say in the very first step."""

    error: str
    after_zero_grad: str  # what a gradient is after `optimizer.zero_grad()`


def first_step(w: Tensor) -> FirstStep:
    """`w.grad.data.zero_()` on fresh leaves; and torch's own `zero_grad` after a backward."""
    fresh, b = w.clone().requires_grad_(), torch.zeros((), requires_grad=True)
    error = ""
    try:
        ops.tutorial_backward(ops.l2_penalty(fresh)[None], fresh, b, 1.0)
    except AttributeError as refusal:
        error = f"AttributeError: {refusal}"
    ops.l2_penalty(fresh).backward()
    torch.optim.SGD([fresh]).zero_grad()
    return FirstStep(error, str(fresh.grad))


@dataclass(frozen=True)
class AdamIsNotAdamW:
    """Adam with `weight_decay` beside Adam with the penalty in the loss, and beside AdamW."""

    lambd: float
    steps: int
    from_loss: float  # at the farthest weight
    from_adamw: float


def adam_is_not_adamw(lambd: float, setting: Setting) -> AdamIsNotAdamW:
    """Three short runs from the same start."""
    short, lambd = replace(setting, epochs=SHORT), not_zero(lambd)
    in_loss, adam, adamw = (run(name, lambd, short) for name in PLACES[2:])
    return AdamIsNotAdamW(lambd, SHORT, apart(adam, in_loss), apart(adam, adamw))


@dataclass(frozen=True)
class Shrinkage:
    """What a step of torch's AdamW takes of a weight whose gradient is 0."""

    lr: float
    default_lr: float
    weight_decay: float  # the default
    taken: float
    taken_by_default: float


def shrinkage(lr: float) -> Shrinkage:
    """One step from a weight of 1 by the default learning rate, and by this one."""

    def taken(**options: Any) -> float:
        leaf = torch.ones(1, dtype=torch.float64, requires_grad=True)
        leaf.grad = torch.zeros_like(leaf)
        torch.optim.AdamW([leaf], **options).step()
        return 1 - leaf.item()

    defaults = torch.optim.AdamW([torch.zeros(1)]).defaults
    return Shrinkage(lr, defaults["lr"], defaults["weight_decay"], taken(lr=lr), taken())


@dataclass(frozen=True)
class Biases:
    """What a step of SGD leaves of a bias of 1 whose gradient is 0."""

    lambd: float
    together: float  # where it is given with the weights
    grouped: float  # where it has a group of its own


def biases(lambd: float, lr: float) -> Biases:
    """torch's SGD on a layer, with all parameters in one group and with the bias in its own."""
    lambd, left = not_zero(lambd), []
    for grouped in (False, True):
        layer = torch.nn.Linear(2, 1, dtype=torch.float64)
        torch.nn.init.ones_(layer.bias)
        for p in layer.parameters():
            p.grad = torch.zeros_like(p)
        weight: dict[str, Any] = {"params": [layer.weight]}
        bias: dict[str, Any] = {"params": [layer.bias]} | ({"weight_decay": 0.0} if grouped else {})
        torch.optim.SGD([weight, bias], lr=lr, weight_decay=lambd).step()
        left.append(round(layer.bias.item(), 12) + 0.0)  # 1 − 0.1·10 is not 0 in binary; and no −0
    return Biases(lambd, *left)


@dataclass(frozen=True)
class TooMuch:
    """Steps of decay alone, just below and just above what the learning rate bears."""

    lr: float
    bound: float  # λ = 2/lr
    steps: int
    start: float  # ‖w‖
    below: float  # after the steps with lr·λ = 1.9
    above: float  # with lr·λ = 2.1


def too_much(w: Tensor, lr: float, steps: int = 40) -> TooMuch:
    """SGD without any loss: each step multiplies w by 1 − lr·λ."""

    def norm_after(lambd: float) -> float:
        now: tuple[Tensor, ...] = (w,)
        for _ in range(steps):
            now, _ = ops.sgd_step(now, (torch.zeros_like(w),), lr=lr, weight_decay=lambd)
        return now[0].norm().item()

    return TooMuch(lr, 2 / lr, steps, w.norm().item(), norm_after(1.9 / lr), norm_after(2.1 / lr))


# ---- questions -------------------------------------------------------------------------------------------------


def shrunk(lr: float, lambd: float, steps: int) -> float:
    """What so many steps of SGD leave of a weight of 1 whose gradient is 0."""
    now: tuple[Tensor, ...] = (torch.ones(1, dtype=torch.float64),)
    for _ in range(steps):
        now, _ = ops.sgd_step(now, (torch.zeros(1, dtype=torch.float64),), lr=lr, weight_decay=lambd)
    return now[0].item()


def penalties_of(w: Sequence[int], lambd: float, n: int) -> ops.Penalties:
    """The tutorial's formula and its code at these weights."""
    return ops.penalties(torch.tensor(w, dtype=torch.float64), lambd, n)


def sum_of_zeros(n: int, w: Sequence[float], lambd: float) -> float:
    """The tutorial's `(losses + lambd * l2_penalty(w)).sum()` where the n losses are 0."""
    return ops.tutorial_loss(torch.zeros(n), torch.tensor(w), lambd).item()
