"""Optimisers that go down a surface of two numbers, several of them and from many starts at once.

Every optimiser here works element by element, so that one run from (starts, 2) points is as many runs of its own.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from core.ops.operator import Call, Operator
from core.ops.weight_decay import OPERATORS, Moments, adam_step, adamw_step, sgd_step

Surface = Callable[[Tensor, Tensor], Tensor]


def bowl(x: Tensor, y: Tensor) -> Tensor:
    """As steep along x as along y; lowest at (0, 0)."""
    return (x**2 + y**2) / 2


def valley(x: Tensor, y: Tensor) -> Tensor:
    """20 times as curved across as along; lowest at (0, 0)."""
    return (x**2 + 20 * y**2) / 2


def saddle(x: Tensor, y: Tensor) -> Tensor:
    """Level at (0, 0), which is no minimum; lowest at (0, ±√2)."""
    return (x**2 - y**2) / 2 + y**4 / 8


def rosenbrock(x: Tensor, y: Tensor) -> Tensor:
    """A bent valley with steep walls (Rosenbrock, 1960); lowest at (1, 1)."""
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def waves(x: Tensor, y: Tensor) -> Tensor:
    """Many local minima in a shallow bowl."""
    return (x**2 + y**2) / 8 + (3 * x).sin() * (3 * y).sin()


def quadratic(x: Tensor, y: Tensor, A: Tensor) -> Tensor:
    """½·pᵀAp with p = (x, y) and A (2, 2), of which only the symmetric part counts."""
    return (A[0, 0] * x**2 + (A[0, 1] + A[1, 0]) * x * y + A[1, 1] * y**2) / 2


SURFACES: Mapping[str, Surface] = {
    "bowl": bowl, "valley": valley, "saddle": saddle, "Rosenbrock": rosenbrock, "waves": waves,
}  # fmt: skip


@dataclass(frozen=True)
class Curved:
    """The eigenvalues of the symmetric part of A, and what they mean for SGD."""

    low: float
    high: float

    @property
    def has_minimum(self) -> bool:
        """Whether the surface is nowhere curved downwards."""
        return self.low >= 0

    @property
    def stable_below(self) -> float:
        """Below this lr no distance grows under SGD; infinity on a plane, 0 where some direction is curved downwards.

        Along a direction of curvature c a step multiplies the distance by 1 − lr·c.
        """
        if not self.has_minimum:
            return 0.0
        return 2 / self.high if self.high > 0 else float("inf")


def curved(A: Tensor) -> Curved:
    """The curvatures of ½·pᵀAp; those that are 0 but for rounding are 0."""
    values = torch.linalg.eigvalsh((A + A.T) / 2)
    values = torch.where(values.abs() <= 1e-12 * values.abs().max(), 0.0, values)
    return Curved(*values.tolist())


# ---- runs ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Contestant:
    """An optimiser's step function (of `core.ops.weight_decay`) and its options."""

    step: Callable[..., Any]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Race:
    """Where everyone stood before the first step and after each: K contestants, S starts."""

    points: Tensor  # (steps + 1, K, S, 2)
    heights: Tensor  # (steps + 1, K, S)
    gradients: Tensor  # (steps + 1, K, S, 2), at the points
    states: tuple[tuple[Any, ...], ...]  # [step][contestant]: what it remembers then; None before its first step

    def finite_steps(self, k: int, s: int = 0) -> int:
        """How many steps the contestant has made until it left the finite numbers."""
        lost = (~self.heights[:, k, s].isfinite()).nonzero()
        return int(lost[0]) - 1 if len(lost) else len(self.heights) - 1

    def path(self, k: int, s: int = 0) -> list[tuple[float, float]]:
        """Its places while they are finite; none where it starts outside."""
        return [(x, y) for x, y in self.points[: self.finite_steps(k, s) + 1, k, s].tolist()]


def race(surface: Surface, starts: Tensor, contestants: Sequence[Contestant], steps: int) -> Race:
    """Let each contestant make `steps` steps from each of the starts (S, 2); one backward serves all of them."""
    now = starts.detach().double().expand(len(contestants), *starts.shape).contiguous()  # (K, S, 2)
    states: tuple[Any, ...] = (None,) * len(contestants)
    points, heights, gradients, kept = [], [], [], []
    for _ in range(steps + 1):
        height, gradient = height_and_gradient(surface, now)
        points.append(now)
        heights.append(height)
        gradients.append(gradient)
        kept.append(states)
        moved = [
            one.step((p,), (g,), state, **one.options)
            for one, p, g, state in zip(contestants, now, gradient, states, strict=True)
        ]
        now, states = torch.stack([p for (p,), _ in moved]), tuple(state for _, state in moved)
    return Race(torch.stack(points), torch.stack(heights), torch.stack(gradients), tuple(kept))


def height_and_gradient(surface: Surface, points: Tensor) -> tuple[Tensor, Tensor]:
    """The surface and its slope at points (*, 2): (*) and (*, 2)."""
    leaf = points.detach().requires_grad_()
    height = surface(leaf[..., 0], leaf[..., 1])
    (gradient,) = torch.autograd.grad(height.sum(), leaf)
    return height.detach(), gradient


def grid(low: float, high: float, count: int) -> tuple[Tensor, Tensor]:
    """Places along an axis (count,), and all pairs of them (count·count, 2), the second number slower."""
    axis = torch.linspace(low, high, count, dtype=torch.float64)
    x, y = torch.meshgrid(axis, axis, indexing="xy")
    return axis, torch.stack([x, y], -1).reshape(-1, 2)


# ---- four optimisers from one start ----------------------------------------------------------------------------

EXAMPLE = torch.tensor([[3.0, 2.0], [2.0, 8.0]])
OWN = "own"  # the reader's own surface, ½·pᵀAp
NAMES = ("SGD", "momentum", "Adam", "AdamW")
KINDS = ("SGD", "SGD", "Adam", "AdamW")  # of torch.optim, for each of NAMES
MOST_STEPS = 80
FAR = 100  # times the size of the start's height, or of 1: what is beyond has run away


@dataclass(frozen=True)
class Setup:
    """What the paths depend on. `A` is of the reader's own surface."""

    surface: str  # of SURFACES, or OWN
    A: tuple[float, ...]
    rates: tuple[float, ...]  # of each of NAMES
    momentum: float
    nesterov: bool
    weight_decay: float

    @property
    def heights(self) -> Surface:
        """The surface."""
        if self.surface != OWN:
            return SURFACES[self.surface]
        A = torch.tensor(self.A, dtype=torch.float64).view(2, 2)
        return lambda x, y: quadratic(x, y, A)

    @property
    def contestants(self) -> tuple[Contestant, ...]:
        """One for each of NAMES."""
        sgd, momentum, adam, adamw = self.rates
        heavy = {"lr": momentum, "momentum": self.momentum, "nesterov": self.nesterov and self.momentum > 0}
        return (
            Contestant(sgd_step, {"lr": sgd}),
            Contestant(sgd_step, heavy),
            Contestant(adam_step, {"lr": adam}),
            Contestant(adamw_step, {"lr": adamw, "weight_decay": self.weight_decay}),
        )


Start = tuple[float, float]


@lru_cache(maxsize=64)
def run(how: Setup, start: Start) -> Race:
    """The longest run: a shorter one begins with the same steps."""
    return race(how.heights, torch.tensor([start], dtype=torch.float64), how.contestants, MOST_STEPS)


@dataclass(frozen=True)
class End:
    """Where one optimiser stands after so many steps."""

    name: str
    steps: int  # made among finite numbers
    place: tuple[float, float]
    height: float
    gone: int | None  # the first step whose height is beyond the bound, or not finite


def bound(race: Race) -> float:
    """A height of this size, upwards or downwards, counts as run away."""
    return FAR * max(abs(race.heights[0, 0, 0].item()), 1.0)


def ends(race: Race, steps: int) -> list[End]:
    """Where each of NAMES stands after so many steps, and which of them have run away."""
    found = []
    for k, name in enumerate(NAMES):
        made = min(steps, race.finite_steps(k))
        heights = race.heights[: steps + 1, k, 0]
        beyond = (~(heights.abs() <= bound(race))).nonzero()  # NaN is beyond too
        x, y = race.points[made, k, 0].tolist()
        gone = int(beyond[0]) if len(beyond) else None
        found.append(End(name, made, (x, y), race.heights[made, k, 0].item(), gone))
    return found


@dataclass(frozen=True)
class Everywhere:
    """The height at the end from each start of a grid, for each optimiser: (4, y, x), the highest y first."""

    steps: int
    ends: Tensor

    @property
    def lowest(self) -> float:
        """The lowest end of all; 0 where nobody ends among finite numbers."""
        finite = self.ends[self.ends.isfinite()]
        return finite.min().item() if len(finite) else 0.0

    @property
    def shares(self) -> dict[str, float]:
        """For each optimiser, the share of the starts from which it ends within 0.01 of the lowest."""
        near = (self.ends - self.lowest < 0.01).double().flatten(1).mean(1)
        return dict(zip(NAMES, near.tolist(), strict=True))


@lru_cache(maxsize=32)
def everywhere(how: Setup, steps: int, count: int = 21) -> Everywhere:
    """One run from count·count starts."""
    _, starts = grid(-2.0, 2.0, count)
    heights = race(how.heights, starts, how.contestants, steps).heights[-1]
    return Everywhere(steps, heights.view(len(NAMES), count, count).flip(1))


def inputs_of(how: Setup, start: Start) -> dict[str, Tensor]:
    """What a path needs: its start, and the matrix of the reader's own surface."""
    own = {"A": torch.tensor(how.A, dtype=torch.float64).view(2, 2)} if how.surface == OWN else {}
    return {"start": torch.tensor(start, dtype=torch.float64)} | own


def operator_of(k: int) -> Operator:
    """The operator that makes the steps of NAMES[k]."""
    return next(operator for operator in OPERATORS if operator.name == KINDS[k])


def call_of(how: Setup, race: Race, k: int, at: int) -> Call:
    """The call that was step `at` (from 1) of NAMES[k], or the last one among finite numbers."""
    t = min(at - 1, race.finite_steps(k))
    return Call(((race.points[t, k],), (race.gradients[t, k],), race.states[t][k]), how.contestants[k].options)


# ---- one step, line by line ------------------------------------------------------------------------------------


def sgd_lines(
    p: Tensor, g: Tensor, buffer: Tensor | None, lr: float, momentum: float, nesterov: bool, weight_decay: float
) -> Tensor:
    """One step of SGD as its definition reads."""
    g = g + weight_decay * p
    buffer = g if buffer is None else momentum * buffer + g
    step = lr * (g + momentum * buffer if nesterov else buffer)
    p = p - step
    return p  # noqa: RET504 - a line of its own, to be walked through


def adam_lines(
    p: Tensor, g: Tensor, m: Tensor, v: Tensor, t: int, lr: float, beta1: float, beta2: float, weight_decay: float,
    decoupled: bool,
) -> Tensor:  # fmt: skip
    """Step t (from 1) of Adam, or with `decoupled` of AdamW, as its definition reads."""
    if decoupled:
        p = p * (1 - lr * weight_decay)
    else:
        g = g + weight_decay * p
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    step = lr * m_hat / (v_hat.sqrt() + 1e-8)
    p = p - step
    return p  # noqa: RET504 - a line of its own, to be walked through


def lines_of(run: Race, k: int, t: int, contestant: Contestant) -> tuple[Callable[..., Tensor], dict[str, Any]]:
    """The function above that is contestant k's step t (from 0) from the first start, and its arguments."""
    options, (state,) = contestant.options, run.states[t][k] or (None,)
    p, g = run.points[t, k, 0], run.gradients[t, k, 0]  # (2,)
    common = {"p": p, "g": g, "lr": options["lr"], "weight_decay": options.get("weight_decay", 0.0)}
    if contestant.step is sgd_step:
        buffer = None if state is None else state[0]
        nesterov = options.get("nesterov", False)
        return sgd_lines, common | {"buffer": buffer, "momentum": options.get("momentum", 0.0), "nesterov": nesterov}
    zero = torch.zeros_like(run.points[t, k])  # (S, 2)
    before = state or Moments(0, zero, zero, zero)
    beta1, beta2 = options.get("betas", (0.9, 0.999))
    moments = {"m": before.exp_avg[0], "v": before.exp_avg_sq[0], "t": before.step + 1, "beta1": beta1, "beta2": beta2}
    return adam_lines, common | moments | {"decoupled": contestant.step is adamw_step}


def path(surface: Surface, start: Tensor, step: Callable[..., Any], steps: int, **options: Any) -> Tensor:
    """The start (2,) and the place after each step of one optimiser: (steps + 1, 2)."""
    places, state = [start], None
    for _ in range(steps):
        leaf = places[-1].clone().requires_grad_()
        gradient = torch.autograd.grad(surface(leaf[0], leaf[1]), leaf)
        (p,), state = step((places[-1],), gradient, state, **options)
        places.append(p)
    return torch.stack(places)


def path_of_torch(
    surface: Surface, start: Tensor, optimiser: Callable[..., torch.optim.Optimizer], steps: int, **options: Any
) -> Tensor:
    """The same by an optimiser of torch.optim."""
    leaf = start.clone().requires_grad_()
    running = optimiser([leaf], **options)
    places = [start]
    for _ in range(steps):
        running.zero_grad()
        surface(leaf[0], leaf[1]).backward()
        running.step()
        places.append(leaf.detach().clone())
    return torch.stack(places)


# ---- what people believe ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FirstSteps:
    """The first step of each optimiser with one lr."""

    start: Start
    lr: float
    gradient: tuple[float, ...]
    sgd: tuple[float, ...]
    momentum: tuple[float, ...]
    adam: tuple[float, ...]
    adamw: tuple[float, ...]


def first_steps(how: Setup, start: Start, lr: float = 0.01) -> FirstSteps:
    """Let each of the four make one step on the surface, all with the same lr."""
    one = Setup(how.surface, how.A, (lr,) * len(NAMES), how.momentum, False, how.weight_decay)
    made = race(one.heights, torch.tensor([start], dtype=torch.float64), one.contestants, 1)
    moved = (made.points[1] - made.points[0])[:, 0]
    return FirstSteps(start, lr, tuple(made.gradients[0, 0, 0].tolist()), *(tuple(step.tolist()) for step in moved))


@dataclass(frozen=True)
class Stability:
    """Heights in the valley under SGD, for lr below and above 2 divided by the largest curvature."""

    curvature: float
    limit: float
    steps: int
    below: dict[str, float]  # lr: height after the steps
    above: dict[str, float]


def stability() -> Stability:
    """SGD from (1, 0.5) in the valley, whose curvature across is 20."""
    start, steps, limit = torch.tensor([1.0, 0.5], dtype=torch.float64), 40, 2 / 20
    heights = {lr: valley(*path(valley, start, sgd_step, steps, lr=lr)[-1]).item() for lr in (0.05, 0.09, 0.101, 0.11)}
    below, above = ({f"{lr:g}": h for lr, h in heights.items() if (lr < limit) == low} for low in (True, False))
    return Stability(20.0, limit, steps, below, above)


@dataclass(frozen=True)
class Grown:
    """The lengths of momentum's first steps and of the last, under a gradient that stays 1."""

    first: list[float]
    last: float
    steps: int
    limit: float  # lr / (1 − μ)


def momentum_grows(lr: float = 0.1, momentum: float = 0.9, steps: int = 60) -> Grown:
    """Step after step under the same gradient."""
    p, state, lengths = torch.zeros(1, dtype=torch.float64), None, []
    for _ in range(steps):
        (after,), state = sgd_step((p,), (torch.ones_like(p),), state, lr=lr, momentum=momentum)
        lengths.append((p - after).item())
        p = after
    return Grown(lengths[:3], lengths[-1], steps, lr / (1 - momentum))


@dataclass(frozen=True)
class Decayed:
    """Where AdamW ends that starts in Rosenbrock's minimum, without decay and with it."""

    steps: int
    plain: tuple[float, ...]
    decayed: tuple[float, ...]


@lru_cache(maxsize=1)
def decay_moves(steps: int = 300) -> Decayed:
    """AdamW from (1, 1) with weight_decay 0 and 1."""
    start = torch.ones(2, dtype=torch.float64)
    places = [path(rosenbrock, start, adamw_step, steps, lr=0.01, weight_decay=d)[-1].tolist() for d in (0.0, 1.0)]
    return Decayed(steps, *map(tuple, places))


@dataclass(frozen=True)
class AddedUp:
    """p.grad after each of several backward passes, and after zero_grad()."""

    p: float
    seen: list[float]
    after: Tensor | None


def gradients_add_up() -> AddedUp:
    """backward of p² three times without zero_grad() between them."""
    p, seen = torch.tensor([1.0], requires_grad=True), []
    for _ in range(3):
        p.square().sum().backward()
        assert p.grad is not None
        seen.append(p.grad.item())
    torch.optim.SGD([p], lr=0.1).zero_grad()
    return AddedUp(p.item(), seen, p.grad)


# ---- what is asked ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OneStep:
    """A first step from a place, along x."""

    start: Start
    gradient: tuple[float, ...]
    lr: float
    after: float  # x after it
    moved: float  # how far x moved


def some_step(how: Setup, draw: random.Random, step: Callable[..., Any]) -> OneStep:
    """The first step of an optimiser on the surface, from a drawn place with a drawn lr."""
    start = (draw.choice((-1.2, -0.7, 0.4, 0.9, 1.3)), draw.choice((-1.4, -0.6, 0.3, 1.1)))
    p, lr = torch.tensor(start, dtype=torch.float64), draw.choice((0.02, 0.04, 0.06))  # none of the page's
    _, g = height_and_gradient(how.heights, p)
    (after,), _ = step((p,), (g,), None, lr=lr)
    return OneStep(start, tuple(g.tolist()), lr, after[0].item(), (after[0] - p[0]).abs().item())


@dataclass(frozen=True)
class Shrunk:
    """What AdamW's decay alone multiplies a weight by."""

    lr: float
    weight_decay: float
    steps: int
    factor: float


def some_decay(draw: random.Random) -> Shrunk:
    """AdamW on a weight whose gradient is 0, for some steps."""
    lr, decay, steps = draw.choice((0.01, 0.1, 0.2)), draw.choice((0.1, 0.5, 1.0)), draw.choice((1, 2, 3))
    p, state = torch.ones(1, dtype=torch.float64), None
    for _ in range(steps):
        (p,), state = adamw_step((p,), (torch.zeros_like(p),), state, lr=lr, weight_decay=decay)
    return Shrunk(lr, decay, steps, p.item())
