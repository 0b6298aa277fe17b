"""What the optimisers share: checks of their settings, and a step for each parameter."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from core.ops.kit.checks import require


def check_not_negative(**numbers: float) -> None:
    """ValueError unless all are at least 0."""
    for name, value in numbers.items():
        require(value >= 0, name, "be at least 0", value, ValueError)


def check_betas(betas: tuple[float, float]) -> tuple[float, float]:
    """ValueError unless both lie in [0, 1)."""
    require(all(0 <= beta < 1 for beta in betas), "betas", "lie in [0, 1)", betas, ValueError)
    return betas


def check_nesterov(momentum: float, dampening: float) -> None:
    """ValueError unless Nesterov's momentum can be taken: it needs momentum, undampened."""
    given = f"momentum={momentum} and dampening={dampening}"
    fits = momentum > 0 and dampening == 0
    require(fits, "nesterov", "be False unless momentum > 0 and dampening is 0", given, ValueError)


@torch.no_grad()
def step_each(
    update: Callable[..., Any], params: tuple[Tensor, ...], grads: tuple[Tensor | None, ...], state: Any
) -> tuple[tuple[Tensor, ...], Any]:
    """update(parameter, gradient, its state) of each: new parameters, new states.

    A parameter without a gradient stays as it is, weight decay included.
    """
    state = state or (None,) * len(params)
    triples = zip(params, grads, state, strict=True)
    pairs = [(p, s) if g is None else update(p, g, s) for p, g, s in triples]
    return tuple(p for p, _ in pairs), tuple(s for _, s in pairs)
