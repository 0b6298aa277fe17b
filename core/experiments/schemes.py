"""The schemes by which weights are drawn, and a freshly drawn network under each: forward, and the gradient back."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from core.ops.init import (
    Generator,
    constant_,
    kaiming_normal_,
    kaiming_uniform_,
    normal_,
    orthogonal_,
    trunc_normal_,
    xavier_normal_,
    xavier_uniform_,
)


@dataclass(frozen=True)
class Scheme:
    """One of the functions that fill a weight, and its options."""

    fill: Callable[..., Tensor]
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, tensor: Tensor, generator: Generator | None = None) -> Tensor:
        """Fill a weight (out, in, *kernel) in place."""
        if self.fill is constant_:
            return constant_(tensor, **self.options)
        return self.fill(tensor, generator=generator, **self.options)


SCHEMES: Mapping[str, Scheme] = {
    "zeros": Scheme(constant_, {"val": 0.0}),
    "normal 0.01": Scheme(normal_, {"std": 0.01}),
    "normal 1": Scheme(normal_, {"std": 1.0}),
    "xavier uniform": Scheme(xavier_uniform_),
    "xavier normal": Scheme(xavier_normal_),
    "kaiming uniform": Scheme(kaiming_uniform_, {"nonlinearity": "relu"}),
    "kaiming normal": Scheme(kaiming_normal_, {"nonlinearity": "relu"}),
    "orthogonal": Scheme(orthogonal_),
    "truncated normal": Scheme(trunc_normal_, {"std": 0.02}),
    "as nn.Linear": Scheme(kaiming_uniform_, {"a": math.sqrt(5)}),
}
ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
SLOPES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {  # of each activation, from its input z and output y
    "linear": lambda z, _: torch.ones_like(z),
    "relu": lambda z, _: (z > 0).to(z.dtype),
    "tanh": lambda _, y: 1 - y**2,
    "sigmoid": lambda _, y: y * (1 - y),
}


@dataclass(frozen=True)
class Layer:
    """One layer of a freshly drawn network: y = activation(x·Wᵀ)."""

    weight: Tensor  # (out, in)
    activation: Tensor  # (batch, out)
    slope: Tensor  # (batch, out): of the activation, at x·Wᵀ


def through_depth(
    scheme: str, depth: int = 10, width: int = 256, activation: str = "relu", seed: int = 0, batch: int = 256
) -> Iterator[Layer]:
    """Send a standard normal batch through `depth` square layers x ← activation(x·Wᵀ), layer by layer.

    A deeper network of the same seed begins with the same layers.
    """
    generator = Generator().manual_seed(seed)
    x = torch.randn(batch, width, generator=generator)
    for _ in range(depth):
        W = SCHEMES[scheme](torch.empty(width, width), generator)  # (out, in)
        z = x @ W.T  # (batch, width)
        x = ACTIVATIONS[activation](z)
        yield Layer(W, x, SLOPES[activation](z, x))


def back_through(layers: Sequence[Layer], seed: int = 0) -> list[Tensor]:
    """The gradient at each layer's output, (batch, width), the first layer's first, from a standard normal one behind.

    Each layer hands on (gradient · slope)·W.
    """
    gradient = torch.randn(layers[-1].activation.shape, generator=Generator().manual_seed(seed + 1))
    gradients = [gradient]
    for layer in reversed(layers[1:]):
        gradient = (gradient * layer.slope) @ layer.weight
        gradients.append(gradient)
    return gradients[::-1]
