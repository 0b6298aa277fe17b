"""What an activation does to numbers and gradients on their way through many layers."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


def dead_units(activations: Tensor) -> Tensor:
    """Which units are 0 for every sample: (N, units) → (units,) bools. Their gradient through relu is 0 for all."""
    return (activations == 0).all(dim=0)


@dataclass(frozen=True)
class LayerFacts:
    """One layer of a freshly drawn network, over a batch."""

    dead: float  # share of the units that are 0 for every sample
    zeros: float  # share of the activations that are 0
    std: float  # of the activations
    gradient: float  # root mean square of the gradient at the activations


def through_depth(
    activation: Callable[[Tensor], Tensor],
    depth: int,
    *,
    width: int = 64,
    samples: int = 256,
    gain: float = 1.0,
    bias: float = 0.0,
    seed: int = 0,
) -> tuple[LayerFacts, ...]:
    """Send a standard normal batch through `depth` layers h ← activation(h·W + bias), and a gradient back.

    W is normal with standard deviation gain · √(2 / width), Kaiming's for relu where gain is 1. The gradient that
    arrives at the last layer is standard normal, so that its root mean square is about 1 there.
    """
    generator = torch.Generator().manual_seed(seed)
    h = torch.randn(samples, width, generator=generator)
    layers = []
    for _ in range(depth):
        W = torch.randn(width, width, generator=generator) * (gain * (2 / width) ** 0.5)
        h = activation((h @ W + bias).requires_grad_())  # (samples, width)
        layers.append(h)
    above = torch.randn(samples, width, generator=generator)
    gradients = torch.autograd.grad(h, layers, above)
    return tuple(_facts(h.detach(), grad) for h, grad in zip(layers, gradients, strict=True))


def _facts(h: Tensor, gradient: Tensor) -> LayerFacts:
    return LayerFacts(
        dead=dead_units(h).double().mean().item(),
        zeros=(h == 0).double().mean().item(),
        std=h.std().item(),
        gradient=gradient.square().mean().sqrt().item(),
    )
