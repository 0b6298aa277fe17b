"""A small network of `torch.nn` layers, what flows through it, and the same run with the operators written by hand."""

import copy
import random
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from core import compare
from core.calls import Outcome
from core.compare import Comparison
from core.data import mnist
from core.ops import activations, batch_norm, convolution, dropout, linear, pooling
from core.ops.operator import Operator
from core.ops.seeded import seeded

ACTIVATIONS: dict[str, type[nn.Module]] = {"ReLU": nn.ReLU, "Tanh": nn.Tanh, "GELU": nn.GELU}
CLASSES = 10


@dataclass(frozen=True)
class Setup:
    """What a network is made from, besides the size of its images."""

    channels: int
    kernel_size: int
    hidden: int
    activation: str = "ReLU"  # of ACTIVATIONS
    norm: bool = False
    drop: bool = False
    seed: int = 0


def build(side: tuple[int, ...], how: Setup) -> nn.Sequential:
    """Convolution, pooling by 2 and two linear layers, for grey images of one size; initialised from the seed.

    torch refuses an image that is too small for one window of the kernel and of the pooling.
    """
    act = ACTIVATIONS[how.activation]
    with seeded(how.seed):
        conv, pool = nn.Conv2d(1, how.channels, how.kernel_size), nn.MaxPool2d(2)
        with torch.no_grad():
            features = pool(conv(torch.zeros(1, 1, *side))).numel()
        return nn.Sequential(
            conv,
            *([nn.BatchNorm2d(how.channels)] if how.norm else []),
            act(),
            pool,
            nn.Flatten(),
            *([nn.Dropout(0.5)] if how.drop else []),
            nn.Linear(features, how.hidden),
            act(),
            nn.Linear(how.hidden, CLASSES),
        )


def largest_kernel(side: tuple[int, ...]) -> int:
    """The largest kernel that leaves an image of this size one window of the pooling; 0 where none does."""
    return max(min(side) - 1, 0)


@dataclass(frozen=True)
class Passed:
    """One layer of a run: what it holds, and what came out of it."""

    name: str  # "Conv2d(1, 4, 5)": as it is made
    output: Tensor
    shapes: tuple[tuple[int, ...], ...]  # of its parameters
    multiply_adds: int  # of the whole batch; 0 for layers without products
    operator: Operator | None = None  # the same written by hand; None for Flatten

    @property
    def parameters(self) -> int:
        """How many numbers it learns."""
        return sum(map(prod, self.shapes))

    @property
    def short(self) -> str:
        """The name without its arguments."""
        return self.name.partition("(")[0]


def run(model: nn.Sequential, x: Tensor, seed: int = 0) -> list[Passed]:
    """Each layer as it really runs on x, caught by a forward hook; dropout draws from the seed."""
    seen: list[Passed] = []

    def catch(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        shapes = tuple(tuple(p.shape) for p in layer.parameters())
        seen.append(Passed(spelled(layer), output, shapes, multiply_adds(layer, output), OPERATORS.get(type(layer))))

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


def _named(operators: tuple[Operator, ...], name: str) -> Operator:
    return next(operator for operator in operators if operator.name == name)


OPERATORS: dict[type[nn.Module], Operator] = {
    nn.Conv2d: _named(convolution.OPERATORS, "conv2d"),
    nn.BatchNorm2d: _named(batch_norm.OPERATORS, "batch_norm"),
    nn.ReLU: _named(activations.OPERATORS, "relu"),
    nn.Tanh: _named(activations.OPERATORS, "tanh"),
    nn.GELU: _named(activations.OPERATORS, "gelu"),
    nn.MaxPool2d: _named(pooling.OPERATORS, "max_pool2d"),
    nn.Dropout: _named(dropout.OPERATORS, "dropout"),
    nn.Linear: _named(linear.OPERATORS, "linear"),
}
BY_HAND: dict[type[nn.Module], Callable[[Any, Tensor], Any]] = {
    nn.Conv2d: lambda layer, x: convolution.conv2d(x, layer.weight, layer.bias),
    nn.BatchNorm2d: lambda layer, x: batch_norm.batch_norm(
        x, layer.running_mean.clone(), layer.running_var.clone(), layer.weight, layer.bias, layer.training
    ),
    nn.ReLU: lambda _, x: activations.relu(x),
    nn.Tanh: lambda _, x: activations.tanh(x),
    nn.GELU: lambda _, x: activations.gelu(x),
    nn.MaxPool2d: lambda layer, x: pooling.max_pool2d(x, layer.kernel_size),
    nn.Flatten: lambda _, x: x.flatten(1),
    nn.Dropout: lambda layer, x: dropout.dropout(x, layer.p, layer.training),
    nn.Linear: lambda layer, x: linear.linear(x, layer.weight, layer.bias),
}
SPELLED: dict[type[nn.Module], Callable[[Any, int], str]] = {  # each layer as a call, of its i-th tensors
    nn.Conv2d: lambda _, i: f"conv2d({{}}, weight{i}, bias{i})",
    nn.BatchNorm2d: lambda layer, i: (
        f"batch_norm({{}}, None, None, weight{i}, bias{i}, True)"
        if layer.training
        else f"batch_norm({{}}, running_mean{i}, running_var{i}, weight{i}, bias{i})"
    ),
    nn.ReLU: lambda *_: "relu({})",
    nn.Tanh: lambda *_: "tanh({})",
    nn.GELU: lambda *_: "gelu({})",
    nn.MaxPool2d: lambda layer, _: f"max_pool2d({{}}, {layer.kernel_size})",
    nn.Flatten: lambda *_: "torch.flatten({}, 1)",
    nn.Dropout: lambda layer, _: f"dropout({{}}, {layer.p}, {layer.training})",
    nn.Linear: lambda _, i: f"linear({{}}, weight{i}, bias{i})",
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


def small_numbers(seed: int) -> tuple[Tensor, ...]:
    """Small whole numbers for `two_layers`: x, W1, b1, W2, b2."""
    generator = torch.Generator().manual_seed(seed)
    shapes = ((4,), (3, 4), (3,), (2, 3), (2,))
    return tuple(torch.randint(-2, 3, shape, generator=generator).float() for shape in shapes)


# ---- a network on images ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Net:
    """A network, its input, and its run."""

    how: Setup
    model: nn.Sequential
    x: Tensor  # (N, 1, H, W)
    layers: list[Passed]

    @property
    def parameters(self) -> int:
        """What all layers learn together."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def learns_most(self) -> Passed:
        """The layer with the most parameters."""
        return max(self.layers, key=lambda layer: layer.parameters)

    @property
    def works_most(self) -> Passed:
        """The layer with the most multiply-adds."""
        return max(self.layers, key=lambda layer: layer.multiply_adds)

    @property
    def operators(self) -> tuple[Operator, ...]:
        """What the layers are made of, each once."""
        return tuple(dict.fromkeys(layer.operator for layer in self.layers if layer.operator))


def run_on(image: Tensor, batch: int, how: Setup, training: bool) -> Net:
    """The network on a batch that begins with the image; the others are digits, or itself where it is no 28×28."""
    others = mnist().train_images[1:batch].float() / 255
    alike = image.shape == (28, 28)
    image = image.float()
    x = torch.cat([image[None], others])[:, None] if alike else image.expand(batch, 1, *image.shape).contiguous()
    model = build(tuple(image.shape), how).train(training)
    return Net(how, model, x, run(model, x, how.seed))


def check(net: Net) -> Comparison:
    """Output and gradients of the network by hand, against torch's; float64 judges where they differ."""
    seed, double = net.how.seed, copy.deepcopy(net.model).double()
    return compare.outcomes(
        *_both(net.model, net.x, seed), judge=lambda: _both(double, net.x.double(), seed)
    )  # fmt: skip


def _both(model: nn.Sequential, x: Tensor, seed: int) -> tuple[Outcome, Outcome]:
    def outcome(version: Callable[[nn.Sequential, Tensor, int], Tensor]) -> Outcome:
        own = copy.deepcopy(model)  # a run moves the running statistics
        y = version(own, x, seed)
        return Outcome([y], torch.autograd.grad(y.square().sum(), list(own.parameters())))

    return outcome(by_hand), outcome(lambda *given: run(*given)[-1].output)


@dataclass(frozen=True)
class Dense:
    """What a convolution learns, and what a Linear layer for the same numbers would."""

    into: int
    out: int
    parameters: int
    linear: int  # of Linear(into, out), with its bias

    @property
    def times(self) -> float:
        """How many times as many."""
        return self.linear / self.parameters


def as_linear(net: Net) -> Dense:
    """The first layer's parameters, beside those of torch's own Linear between the same numbers."""
    into, out = net.x[0].numel(), net.layers[0].output[0].numel()
    with torch.device("meta"):  # a layer without its memory
        linear = nn.Linear(into, out)
    return Dense(into, out, net.layers[0].parameters, sum(p.numel() for p in linear.parameters()))


# ---- what people believe ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """What three layers keep besides their formula: parameters and buffers, and the mode they begin in."""

    linear: tuple[int, int]
    norm: tuple[int, int]
    dropout: tuple[int, int]
    training: bool


def layers_hold_state() -> Kept:
    """Count what a Linear, a BatchNorm and a Dropout layer hold."""
    layers = (nn.Linear(4, 3), nn.BatchNorm1d(4), nn.Dropout())
    linear, norm, drop = ((sum(p.numel() for p in one.parameters()), len(list(one.buffers()))) for one in layers)
    return Kept(linear, norm, drop, nn.Dropout().training)


class Holding(nn.Module):
    """A module with something in its attribute `layers`."""

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self.layers = layers


@dataclass(frozen=True)
class Found:
    """How many parameter tensors an optimiser would find."""

    in_list: int
    in_module_list: int


def plain_list() -> Found:
    """Two linear layers in a list, and in an nn.ModuleList."""
    layers = [nn.Linear(4, 3), nn.Linear(3, 2)]
    held = (Holding(layers), Holding(nn.ModuleList(layers)))
    return Found(*(len(list(model.parameters())) for model in held))


@dataclass(frozen=True)
class Hooks:
    """How often a forward hook ran."""

    by_call: int
    by_forward: int


def forward_skips_hooks() -> Hooks:
    """Call a layer that has a hook, and then its forward."""
    layer, calls = nn.ReLU(), []
    layer.register_forward_hook(lambda *_: calls.append(1))
    layer(torch.ones(2))
    by_call = len(calls)
    layer.forward(torch.ones(2))
    return Hooks(by_call, len(calls) - by_call)


@dataclass(frozen=True)
class Rows:
    """Linear layers on images as they come."""

    shape: tuple[int, ...]
    pixels: int  # of one image
    width: int
    says: str  # what torch says to Linear(pixels, 10); empty where it takes it
    by_chance: tuple[int, ...]  # what Linear(width, 10) makes of the images


def linear_on_images(shape: tuple[int, ...]) -> Rows:
    """A Linear layer for a whole image, and one for a row of it, on images that nobody flattened."""
    x, pixels, width = torch.zeros(shape), prod(shape[1:]), shape[-1]
    try:
        nn.Linear(pixels, 10)(x)
        says = ""
    except RuntimeError as error:
        says = f"{type(error).__name__}: {error}"
    return Rows(shape, pixels, width, says, tuple(nn.Linear(width, 10)(x).shape))


@dataclass(frozen=True)
class Evaluated:
    """A backward in evaluation mode."""

    training: bool
    grad_fn: str
    gradient: Tensor  # of the weight


def eval_keeps_gradients() -> Evaluated:
    """Forward and backward of a layer after eval()."""
    layer = nn.Linear(4, 3).eval()
    y = layer(torch.ones(1, 4))
    y.sum().backward()
    assert layer.weight.grad is not None
    return Evaluated(layer.training, type(y.grad_fn).__name__, layer.weight.grad)


# ---- what is asked ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Counted:
    """A layer and its parameters."""

    layer: str
    parameters: int
    shapes: list[str]


def some_layer(draw: random.Random) -> Counted:
    """A small layer of a drawn kind and size."""
    few, many = draw.randint(2, 9), draw.randint(2, 9)
    makers: tuple[Callable[[], nn.Module], ...] = (
        lambda: nn.Linear(few, many), lambda: nn.Conv2d(few, many, 3), lambda: nn.BatchNorm2d(few),
        lambda: nn.Linear(few, many, bias=False),
    )  # fmt: skip
    layer = draw.choice(makers)()
    shapes = [tuple(p.shape) for p in layer.parameters()]
    return Counted(str(layer), sum(map(prod, shapes)), ["×".join(map(str, shape)) for shape in shapes])


@dataclass(frozen=True)
class Into:
    """What goes into a layer of a network, and what comes out."""

    before: tuple[int, ...]
    name: str
    after: tuple[int, ...]


def some_shape(how: Setup, draw: random.Random) -> Into:
    """One layer of a network of the same kind, on images of another size than those on screen."""
    sides = tuple(draw.choice([side for side in range(how.kernel_size + 2, 41) if side != 28]) for _ in range(2))
    x = torch.zeros(draw.randint(2, 9), 1, *sides)
    layers = run(build(sides, how).eval(), x, how.seed)
    i = draw.choice([i for i, layer in enumerate(layers) if layer.shapes or layer.short in ("MaxPool2d", "Flatten")])
    return Into(tuple((layers[i - 1].output if i else x).shape), layers[i].name, tuple(layers[i].output.shape))


@dataclass(frozen=True)
class Largest:
    """A network, and which of its layers has the most parameters."""

    channels: int
    hidden: int
    counts: dict[str, int]

    @property
    def most(self) -> str:
        """The layer with the most parameters."""
        return max(self.counts, key=self.counts.__getitem__)


def some_network(how: Setup, draw: random.Random) -> Largest:
    """The parameters of each layer of a network with other sizes than on screen, on digits."""
    channels = draw.choice([n for n in (1, 2, 8, 16) if n != how.channels])
    hidden = draw.choice((16, 64, 128))
    model = build((28, 28), Setup(channels, how.kernel_size, hidden))
    counts = {spelled(layer): sum(p.numel() for p in layer.parameters()) for layer in model}
    return Largest(channels, hidden, {name: count for name, count in counts.items() if count})
