"""A two-layer network by hand: 784 pixels → 256 hidden units → 10 classes, without torch.nn and without autograd.

The parameters are plain tensors, W1 (784, 256), b1 (256,), W2 (256, 10), b2 (10,), so that a layer is X·W + b;
`torch.nn.Linear` keeps the same numbers transposed, (out, in), and computes X·Wᵀ + b.
Training is cross entropy and plain SGD. Everything is a function of its arguments: a run is fixed by the start
parameters, the data and a seed, and can be stopped after any step and continued from there.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from core.data import mnist
from core.experiments.schemes import SCHEMES

SIZES = INPUTS, HIDDEN, CLASSES = 784, 256, 10


@dataclass(frozen=True)
class Parameters:
    """The four tensors of the network (or their gradients)."""

    W1: Tensor  # (inputs, hidden)
    b1: Tensor  # (hidden,)
    W2: Tensor  # (hidden, outputs)
    b2: Tensor  # (outputs,)

    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The four tensors in order."""
        return self.W1, self.b1, self.W2, self.b2


def initial_parameters(
    seed: int = 0,
    scheme: str = "normal 0.01",
    sizes: tuple[int, int, int] = SIZES,
    dtype: torch.dtype = torch.float32,
) -> Parameters:
    """Weights drawn by one of `SCHEMES` from a generator seeded with `seed`, and zero biases.

    "normal 0.01" is the tutorial's. The schemes take a weight as (out, in), the orientation that fans are defined for.
    """
    generator = torch.Generator().manual_seed(seed)
    inputs, hidden, outputs = sizes
    W1, W2 = torch.empty(inputs, hidden, dtype=dtype), torch.empty(hidden, outputs, dtype=dtype)
    for W in (W1, W2):
        SCHEMES[scheme](W.T, generator)
    return Parameters(W1, torch.zeros(hidden, dtype=dtype), W2, torch.zeros(outputs, dtype=dtype))


# ---- forward ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ForwardSteps:
    """What the network computes on the way to its logits."""

    hidden_pre: Tensor  # (N, hidden), before the ReLU
    hidden: Tensor  # (N, hidden)
    logits: Tensor  # (N, outputs)


def forward(parameters: Parameters, X: Tensor) -> ForwardSteps:
    """hidden = max(X·W1 + b1, 0), logits = hidden·W2 + b2; X is (N, 784) or images (N, 28, 28)."""
    W1, b1, W2, b2 = parameters.tensors()
    hidden_pre = X.flatten(1) @ W1 + b1  # (N, hidden)
    hidden = hidden_pre.clamp(min=0)
    return ForwardSteps(hidden_pre, hidden, hidden @ W2 + b2)


def cross_entropy_loss(logits: Tensor, y: Tensor) -> Tensor:
    """Mean over the batch of −log softmax(logits)[label] = log Σ exp(logits) − logits[label]."""
    picked = logits.gather(1, y.view(-1, 1)).squeeze(1)  # (N,)
    return (logits.logsumexp(dim=1) - picked).mean()


def accuracy(parameters: Parameters, X: Tensor, y: Tensor) -> float:
    """Share of the samples whose largest logit is the label's."""
    return (forward(parameters, X).logits.argmax(dim=1) == y).double().mean().item()


# ---- backward --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BackwardSteps:
    """The gradient of the mean cross entropy for everything that the forward pass made, last step first."""

    logits: Tensor  # (N, outputs)
    hidden: Tensor  # (N, hidden)
    hidden_pre: Tensor  # (N, hidden)
    parameters: Parameters


def backward(parameters: Parameters, X: Tensor, y: Tensor, steps: ForwardSteps) -> BackwardSteps:
    """The chain rule by hand.

    d logits = (softmax(logits) − onehot(y)) / N; through a product A·B, dA = dC·Bᵀ and dB = Aᵀ·dC; a bias is added
    to every row, so its gradient is the sum over rows; the ReLU lets through where its input was positive (0 at 0).
    """
    X = X.flatten(1)
    d_logits = steps.logits.softmax(dim=1)  # (N, outputs)
    d_logits[torch.arange(len(y), device=y.device), y] -= 1
    d_logits /= len(y)
    d_hidden = d_logits @ parameters.W2.T  # (N, hidden)
    d_hidden_pre = d_hidden * (steps.hidden_pre > 0)
    gradients = Parameters(
        W1=X.T @ d_hidden_pre,  # (inputs, N) · (N, hidden)
        b1=d_hidden_pre.sum(dim=0),
        W2=steps.hidden.T @ d_logits,  # (hidden, N) · (N, outputs)
        b2=d_logits.sum(dim=0),
    )
    return BackwardSteps(d_logits, d_hidden, d_hidden_pre, gradients)


# ---- training --------------------------------------------------------------------------------------------------


def sgd_step(parameters: Parameters, gradients: Parameters, lr: float) -> Parameters:
    """p − lr·dp for each parameter, as new tensors."""
    pairs = zip(parameters.tensors(), gradients.tensors(), strict=True)
    return Parameters(*(p - lr * dp for p, dp in pairs))


@dataclass(frozen=True)
class Data:
    """Images as floats, (N, 784) or (N, 28, 28), with their labels, (N,), to train and to test on."""

    X: Tensor
    y: Tensor
    X_test: Tensor
    y_test: Tensor


@functools.cache
def _all_digits() -> Data:
    """The shipped images as floats, 0 … 1, once a process: 31 MB."""
    d = mnist()
    X, X_test = (images.flatten(1).float() / 255 for images in (d.train_images, d.test_images))
    return Data(X, d.train_labels.long(), X_test, d.test_labels.long())


def digits(samples: int) -> Data:
    """The first so many training images, and all test images. Shared by all: copy before writing."""
    whole = _all_digits()
    return Data(whole.X[:samples], whole.y[:samples], whole.X_test, whole.y_test)


@dataclass(frozen=True)
class Settings:
    """How to train: the same settings, data and start give the same run."""

    lr: float = 0.5
    batch_size: int = 128
    epochs: int = 8
    seed: int = 0
    evaluate_every: int = 21  # steps between two measurements of accuracy; 0 for never


@dataclass(frozen=True)
class Progress:
    """Where the training stands after a step. To continue: `train(progress.parameters, ..., start=progress.step)`."""

    parameters: Parameters
    step: int  # steps done, from 1
    epoch: float  # passes over the training data done
    loss: float  # of this step's batch, before the step
    train_accuracy: float | None  # None between measurements
    test_accuracy: float | None


@dataclass(frozen=True)
class Measured:
    """Accuracies of the network by hand and of torch.nn's after a step."""

    step: int
    train: float
    test: float
    test_of_torch: float


def steps_per_epoch(samples: int, batch_size: int) -> int:
    """Batches in a pass over the data, the last one smaller where the division leaves a rest."""
    return -(-samples // batch_size)


def batches(samples: int, settings: Settings, start: int = 0) -> Iterator[Tensor]:
    """The sample indices of each batch from step `start` on.

    The order of an epoch depends on (seed, epoch) alone, so that a run can continue at any step.
    """
    an_epoch = steps_per_epoch(samples, settings.batch_size)
    for epoch in range(start // an_epoch, settings.epochs):
        generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + epoch)
        order = torch.randperm(samples, generator=generator).split(settings.batch_size)
        yield from order[max(start - epoch * an_epoch, 0) :]


def train(parameters: Parameters, data: Data, settings: Settings, start: int = 0) -> Iterator[Progress]:
    """Train by hand-written backward and SGD, yielding after every step."""
    for step, batch in enumerate(batches(len(data.y), settings, start), start + 1):
        X, y = data.X[batch], data.y[batch]
        steps = forward(parameters, X)
        loss = cross_entropy_loss(steps.logits, y).item()
        gradients = backward(parameters, X, y, steps).parameters
        parameters = sgd_step(parameters, gradients, settings.lr)
        yield _progress(parameters, step, loss, data, settings)


def train_module(module: nn.Sequential, data: Data, settings: Settings, start: int = 0) -> Iterator[Progress]:
    """Train the same network in torch.nn by autograd and torch.optim.SGD, on the same batches in the same order."""
    optimiser = torch.optim.SGD(module.parameters(), lr=settings.lr)
    for step, batch in enumerate(batches(len(data.y), settings, start), start + 1):
        loss = nn.functional.cross_entropy(module(data.X[batch]), data.y[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        yield _progress(from_module(module), step, loss.item(), data, settings)


def _progress(parameters: Parameters, step: int, loss: float, data: Data, settings: Settings) -> Progress:
    an_epoch = steps_per_epoch(len(data.y), settings.batch_size)
    last = step == settings.epochs * an_epoch
    measure = settings.evaluate_every > 0 and (last or step % settings.evaluate_every == 0)
    train_accuracy = accuracy(parameters, data.X, data.y) if measure else None
    test_accuracy = accuracy(parameters, data.X_test, data.y_test) if measure else None
    return Progress(parameters, step, step / an_epoch, loss, train_accuracy, test_accuracy)


# ---- the same network in torch.nn ------------------------------------------------------------------------------


def as_module(parameters: Parameters) -> nn.Sequential:
    """The network in torch.nn with a copy of these parameters: Linear keeps its weight as (out, in)."""
    W1, b1, W2, b2 = parameters.tensors()

    def linear(W: Tensor, b: Tensor) -> nn.Linear:
        inputs, outputs = W.shape
        layer = nn.Linear(inputs, outputs, device="meta")
        layer.weight = nn.Parameter(W.detach().T.clone(memory_format=torch.contiguous_format))
        layer.bias = nn.Parameter(b.detach().clone())
        return layer

    return nn.Sequential(nn.Flatten(), linear(W1, b1), nn.ReLU(), linear(W2, b2))


def from_module(module: nn.Sequential) -> Parameters:
    """A copy of the parameters of such a module, as plain tensors in this module's orientation."""
    first: Any = module[1]
    second: Any = module[3]
    weights = (first.weight.T, first.bias, second.weight.T, second.bias)
    return Parameters(*(p.detach().clone(memory_format=torch.contiguous_format) for p in weights))
