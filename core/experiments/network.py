"""A small network of `torch.nn` layers, what flows through it, and the same run with the operators written by hand."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import Tensor, nn

from core.ops.activations import gelu, relu, tanh
from core.ops.batch_norm import batch_norm
from core.ops.convolution import conv2d
from core.ops.dropout import dropout
from core.ops.linear import linear
from core.ops.pooling import max_pool2d
from core.ops.seeded import seeded

ACTIVATIONS: dict[str, type[nn.Module]] = {"ReLU": nn.ReLU, "Tanh": nn.Tanh, "GELU": nn.GELU}
CLASSES = 10


def build(
    side: tuple[int, int],
    channels: int,
    kernel_size: int,
    hidden: int,
    activation: str = "ReLU",
    norm: bool = False,
    drop: bool = False,
    seed: int = 0,
) -> nn.Sequential:
    """Convolution, pooling by 2 and two linear layers, for grey images of one size; initialised from the seed.

    ValueError where the image is too small for one window of the kernel and the pooling.
    """
    sides = [(length - kernel_size + 1) // 2 for length in side]
    if min(sides) < 1:
        raise ValueError(
            f"the image must be at least {kernel_size + 1}×{kernel_size + 1} for kernel_size={kernel_size} and a "
            f"pooling by 2, but is {side[0]}×{side[1]}"
        )
    act = ACTIVATIONS[activation]
    with seeded(seed):
        return nn.Sequential(
            nn.Conv2d(1, channels, kernel_size),
            *([nn.BatchNorm2d(channels)] if norm else []),
            act(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            *([nn.Dropout(0.5)] if drop else []),
            nn.Linear(channels * prod(sides), hidden),
            act(),
            nn.Linear(hidden, CLASSES),
        )


@dataclass(frozen=True)
class Passed:
    """One layer of a run: what it holds, and what came out of it."""

    name: str  # "Conv2d(1, 4, 5)": as it is made
    output: Tensor
    shapes: tuple[tuple[int, ...], ...]  # of its parameters
    multiply_adds: int  # of the whole batch; 0 for layers without products

    @property
    def parameters(self) -> int:
        """How many numbers it learns."""
        return sum(map(prod, self.shapes))


def run(model: nn.Sequential, x: Tensor, seed: int = 0) -> list[Passed]:
    """Each layer as it really runs on x, caught by a forward hook; dropout draws from the seed."""
    seen: list[Passed] = []

    def catch(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        shapes = tuple(tuple(p.shape) for p in layer.parameters())
        seen.append(Passed(spelled(layer), output, shapes, multiply_adds(layer, output)))

    with seeded(seed), ExitStack() as hooks:  # a hook goes also when the model raises
        for layer in model:
            hooks.enter_context(layer.register_forward_hook(catch))
        model(x)
    return seen


def spelled(layer: nn.Module) -> str:
    """The layer as one writes it to make it: shorter than torch prints it."""
    arguments: tuple[Any, ...] = ()
    if isinstance(layer, nn.Conv2d):
        arguments = (layer.in_channels, layer.out_channels, layer.kernel_size[0])
    elif isinstance(layer, nn.Linear):
        arguments = (layer.in_features, layer.out_features)
    elif isinstance(layer, nn.BatchNorm2d):
        arguments = (layer.num_features,)
    elif isinstance(layer, nn.MaxPool2d):
        arguments = (layer.kernel_size,)
    elif isinstance(layer, nn.Dropout):
        arguments = (layer.p,)
    return f"{type(layer).__name__}({', '.join(map(str, arguments))})"


def multiply_adds(layer: nn.Module, output: Tensor) -> int:
    """Products that the layer sums: outputs times the numbers each is made of."""
    weight = getattr(layer, "weight", None)
    if weight is None or weight.dim() < 2:
        return 0
    return output.numel() * prod(weight.shape[1:])


BY_HAND: dict[type[nn.Module], Callable[[Any, Tensor], Any]] = {
    nn.Conv2d: lambda layer, x: conv2d(x, layer.weight, layer.bias),
    nn.BatchNorm2d: lambda layer, x: batch_norm(
        x, layer.running_mean.clone(), layer.running_var.clone(), layer.weight, layer.bias, layer.training
    ),
    nn.ReLU: lambda _, x: relu(x),
    nn.Tanh: lambda _, x: tanh(x),
    nn.GELU: lambda _, x: gelu(x),
    nn.MaxPool2d: lambda layer, x: max_pool2d(x, layer.kernel_size),
    nn.Flatten: lambda _, x: x.flatten(1),
    nn.Dropout: lambda layer, x: dropout(x, layer.p, layer.training),
    nn.Linear: lambda layer, x: linear(x, layer.weight, layer.bias),
}


def by_hand(model: nn.Sequential, x: Tensor, seed: int = 0) -> Tensor:
    """The same layers through this project's own operators; running statistics stay as they are."""
    with seeded(seed):
        for layer in model:
            x = BY_HAND[type(layer)](layer, x)
    return x


def two_layers(x: Tensor, W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor) -> Tensor:
    """nn.Sequential(nn.Linear, nn.ReLU, nn.Linear) on one sample (in,), a line a layer."""
    h = W1 @ x + b1
    a = h.clamp(min=0)
    y = W2 @ a + b2
    return y  # noqa: RET504 - a line of its own, to be walked through
