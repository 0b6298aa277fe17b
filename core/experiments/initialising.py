"""What a scheme of initial weights does to activations and gradients through depth, and what people believe of it."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from core.experiments import schemes
from core.experiments.schemes import ACTIVATIONS, SCHEMES, Layer
from core.ops import init
from core.ops.operator import Call, Operator
from core.ops.seeded import seeded

DEEPEST, BATCH = 20, 64


def std(values: Tensor) -> float:
    """Standard deviation; NaN where anything is not finite, for then it has none."""
    return values.double().std().item()


@dataclass(frozen=True)
class Setup:
    """What a drawn network depends on, besides the scheme and its depth."""

    width: int
    activation: str
    seed: int


@dataclass(frozen=True)
class Signals:
    """A scheme's network: its layers, and the gradients that come back through them."""

    scheme: str
    depth: int
    layers: list[Layer]
    gradients: list[Tensor]

    def values(self, what: str) -> list[Tensor]:
        """The weights, activations or gradients, a layer each."""
        if what == "gradients":
            return self.gradients
        return [layer.weight if what == "weights" else layer.activation for layer in self.layers]

    @property
    def weight(self) -> float:
        """The weights' standard deviation."""
        return std(self.layers[-1].weight)

    @property
    def first(self) -> float:
        """The activations' standard deviation after the first layer."""
        return std(self.layers[0].activation)

    @property
    def last(self) -> float:
        """The activations' standard deviation after the last layer."""
        return std(self.layers[-1].activation)

    @property
    def back(self) -> float:
        """The standard deviation of the gradient that arrives at the first layer."""
        return std(self.gradients[0])

    @property
    def zeros(self) -> float:
        """The share of the last activations that are exactly 0."""
        return (self.layers[-1].activation == 0).double().mean().item()

    @property
    def fan_in(self) -> int:
        """How many numbers each output is made of."""
        return self.layers[-1].weight.shape[1]

    @property
    def factor(self) -> float:
        """fan in · Var(W): what a layer multiplies the mean square by, before its activation."""
        return self.fan_in * self.layers[-1].weight.double().var().item()


@lru_cache(maxsize=64)
def deepest(scheme: str, how: Setup) -> tuple[Layer, ...]:
    """The layers of the deepest network; a shallower one begins with the same."""
    return tuple(schemes.through_depth(scheme, DEEPEST, how.width, how.activation, how.seed, BATCH))


@lru_cache(maxsize=256)
def stds(scheme: str, how: Setup) -> tuple[float, ...]:
    """The activations' standard deviation after each layer of the deepest network."""
    return tuple(std(layer.activation) for layer in deepest(scheme, how))


def run(scheme: str, depth: int, how: Setup) -> Signals:
    """Forward and back through `depth` layers."""
    layers = list(deepest(scheme, how)[:depth])
    return Signals(scheme, depth, layers, schemes.back_through(layers, how.seed))


def operator_of(scheme: str) -> Operator | None:
    """The operator that draws a scheme's weights; None for zeros, which draws nothing."""
    return next((operator for operator in init.OPERATORS if operator.manual is SCHEMES[scheme].fill), None)


def call_of(scheme: str, width: int) -> Call:
    """The scheme's call on a square weight."""
    return Call((torch.empty(width, width),), SCHEMES[scheme].options)


def through_depth_stds(scheme: str, depth: int, width: int, activation: str, seed: int, batch: int) -> Tensor:
    """The activations' standard deviation after each layer."""
    layers = schemes.through_depth(scheme, depth, width, activation, seed, batch)
    return torch.stack([layer.activation.double().std() for layer in layers])


def through_depth_of_torch(
    fill: Callable[..., Tensor], depth: int, width: int, activation: str, seed: int, batch: int, **options: Any
) -> Tensor:
    """The same with a function of torch.nn.init."""
    generator = torch.Generator().manual_seed(seed)
    drawn = {} if fill is nn.init.constant_ else {"generator": generator}
    x, found = torch.randn(batch, width, generator=generator), []
    for _ in range(depth):
        x = ACTIVATIONS[activation](x @ fill(torch.empty(width, width), **options, **drawn).T)
        found.append(x.double().std())
    return torch.stack(found)


# ---- a weight of the reader's shape ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Fans:
    """A weight's fans, and the standard deviations that the schemes make of them."""

    shape: tuple[int, ...]
    fan_in: int
    fan_out: int
    xavier: float
    kaiming: float
    default: float  # as nn.Linear and nn.Conv2d draw
    drawn: dict[str, tuple[float, float, float]]  # scheme: standard deviation, smallest and largest of a draw


def fans(shape: tuple[int, ...], seed: int) -> Fans:
    """The fans of a weight (out, in, *kernel), and one draw of every scheme."""
    fan_in, fan_out = init.fan_in_and_fan_out(torch.empty(shape))
    drawn = {}
    for name, scheme in SCHEMES.items():
        W = scheme(torch.empty(shape), torch.Generator().manual_seed(seed))
        drawn[name] = (W.std(correction=0).item(), W.min().item(), W.max().item())
    return Fans(
        shape, fan_in, fan_out, (2 / (fan_in + fan_out)) ** 0.5, (2 / fan_in) ** 0.5, (1 / (3 * fan_in)) ** 0.5, drawn
    )


# ---- what people believe ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ties:
    """The largest gradients (weight, bias, weight, bias) of a network from equal numbers, and what they tell apart."""

    from_zero: list[float]
    from_half: list[float]
    distinct: int  # different gradients among the hidden units, from 0.5 everywhere
    units: int


def ties(seed: int) -> Ties:
    """Gradients of a network that starts at 0, and of one that starts at 0.5 everywhere."""
    found = []
    for value in (0.0, 0.5):
        model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
        for p in model.parameters():
            init.constant_(p, value)
        x = torch.randn(5, 4, generator=torch.Generator().manual_seed(seed))
        (model(x) - 1).pow(2).sum().backward()
        found.append([p.grad for p in model.parameters() if p.grad is not None])
    largest = [[g.abs().max().item() for g in grads] for grads in found]
    return Ties(largest[0], largest[1], len(found[1][0].unique(dim=0)), 3)


@dataclass(frozen=True)
class Default:
    """nn.Linear's own draw beside Kaiming's, in one layer and after several of relu."""

    width: int
    default: float
    kaiming: float
    depth: int
    default_after: float
    kaiming_after: float

    @property
    def ratio(self) -> float:
        """How many times as large Kaiming's is."""
        return self.kaiming / self.default


def default_beside_kaiming(how: Setup, depth: int = 8) -> Default:
    """The weights of torch's own layer, and both schemes through relu."""
    with seeded(how.seed):
        layer = nn.Linear(how.width, how.width)
        kaiming = nn.init.kaiming_normal_(torch.empty(how.width, how.width), nonlinearity="relu")
    relu = Setup(how.width, "relu", how.seed)
    after = [stds(scheme, relu)[depth - 1] for scheme in ("as nn.Linear", "kaiming normal")]
    return Default(how.width, std(layer.weight.detach()), std(kaiming), depth, *after)


@dataclass(frozen=True)
class RootTwo:
    """The activations of relu under Kaiming and Xavier at the end of a network."""

    depth: int
    kaiming: float
    xavier: float
    power: float  # √2 to the depth

    @property
    def ratio(self) -> float:
        """How many times as large Kaiming's are."""
        return self.kaiming / self.xavier


def root_two(how: Setup, depth: int) -> RootTwo:
    """Both schemes through relu, from the same draws."""
    relu = Setup(how.width, "relu", how.seed)
    kaiming, xavier = (stds(scheme, relu)[depth - 1] for scheme in ("kaiming normal", "xavier normal"))
    return RootTwo(depth, kaiming, xavier, 2 ** (depth / 2))


@dataclass(frozen=True)
class Cut:
    """The largest of many draws of trunc_normal_ under its default bounds, and under two standard deviations."""

    draws: int
    default: float
    at_two: float


def cut_nowhere(seed: int = 0) -> Cut:
    """Draw with std 0.02, by the defaults and with a = −0.04, b = 0.04."""
    generator, draws = torch.Generator().manual_seed(seed), 10_000
    default, two = (
        init.trunc_normal_(torch.empty(draws), std=0.02, generator=generator, **bounds).abs().max().item()
        for bounds in ({}, {"a": -0.04, "b": 0.04})
    )
    return Cut(draws, default, two)


@dataclass(frozen=True)
class Kernels:
    """Fans of a kernel, and of a weight that its network uses the other way round."""

    kernel: tuple[int, ...]
    fans: tuple[int, int]
    turned: tuple[int, ...]
    turned_fans: tuple[int, int]


def fans_of_kernels() -> Kernels:
    """A kernel's fans, and those of the tutorial's W1, which is used as X·W1."""
    kernel, turned = torch.empty(16, 4, 3, 3), torch.empty(784, 256)
    fans = [init.fan_in_and_fan_out(weight) for weight in (kernel, turned)]
    return Kernels(tuple(kernel.shape), fans[0], tuple(turned.shape), fans[1])


# ---- what is asked ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """A standard deviation that a scheme asks for."""

    fan_in: int
    std: float


def kaiming_std(draw: random.Random) -> Wanted:
    """Kaiming's for relu, of a drawn fan in."""
    fan_in = draw.choice((8, 18, 32, 50, 128, 200))
    return Wanted(fan_in, init.calculate_gain("relu") / fan_in**0.5)


@dataclass(frozen=True)
class FansOf:
    """A kernel's shape and fans."""

    shape: tuple[int, ...]
    fans: tuple[int, int]


def some_fans(draw: random.Random) -> FansOf:
    """The fans of a kernel of a drawn shape."""
    side = draw.choice((1, 3, 5))
    shape = (draw.choice((8, 16)), draw.choice((2, 3, 4)), side, side)
    return FansOf(shape, init.fan_in_and_fan_out(torch.empty(shape)))


@dataclass(frozen=True)
class Shrinks:
    """What the mean square is multiplied by through layers of relu."""

    fan_in: int
    std: float
    depth: int
    factor: float


def through_relu(draw: random.Random) -> Shrinks:
    """(fan in · Var(W) / 2) to the depth, for a drawn standard deviation."""
    fan_in, deviation, depth = draw.choice((50, 200, 800)), draw.choice((0.05, 0.1, 0.2)), draw.choice((2, 3))
    return Shrinks(fan_in, deviation, depth, (fan_in * deviation**2 / 2) ** depth)


def small_matrix(seed: int) -> Tensor:
    """A matrix (4, 3) of few digits, to be made orthogonal column by column."""
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(seed)).round(decimals=2)
