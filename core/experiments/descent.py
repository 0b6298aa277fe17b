"""Optimisers that go down a surface of two numbers, several of them and from many starts at once.

Every optimiser here works element by element, so that one run from (starts, 2) points is as many runs of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from core.ops.weight_decay import Moments, adamw_step, sgd_step

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


def curvatures(A: Tensor) -> tuple[float, float]:
    """The eigenvalues of A's symmetric part, the smaller first."""
    low, high = torch.linalg.eigvalsh((A + A.T) / 2).tolist()
    return low, high


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
