"""Softmax regression: the smallest classifier, logits = X·W + b, trained by hand with the cross entropy's gradient.

∂L/∂W = Xᵀ·(softmax − one-hot)/N        ∂L/∂b = Σ over samples of (softmax − one-hot)/N
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from core.ops.losses import cross_entropy_gradient


@dataclass(frozen=True)
class Model:
    """A weight for each input and class, and a bias for each class."""

    W: Tensor  # (inputs, classes)
    b: Tensor  # (classes,)


def untrained(inputs: int, classes: int, generator: torch.Generator) -> Model:
    """Weights from N(0, 0.01²), biases 0. The loss is convex in W and b: the start only breaks ties."""
    return Model(torch.randn(inputs, classes, generator=generator) * 0.01, torch.zeros(classes))


def logits(model: Model, X: Tensor) -> Tensor:
    """Scores (N, classes) of samples (N, …), flattened to (N, inputs)."""
    return X.flatten(1) @ model.W + model.b


def sgd_step(model: Model, X: Tensor, y: Tensor, lr: float) -> Model:
    """One step down the gradient of the mean cross entropy of a batch."""
    X = X.flatten(1)
    above = cross_entropy_gradient(logits(model, X), y)  # (N, classes), divided by N
    return Model(model.W - lr * (X.T @ above), model.b - lr * above.sum(dim=0))


def train(
    X: Tensor, y: Tensor, *, classes: int = 10, epochs: int = 10, batch_size: int = 128, lr: float = 0.2, seed: int = 0
) -> Iterator[Model]:
    """The model before training and after each epoch. `seed` fixes its start and the order of the samples."""
    generator = torch.Generator().manual_seed(seed)
    X = X.flatten(1)
    model = untrained(X.shape[1], classes, generator)
    yield model
    for _ in range(epochs):
        for batch in torch.randperm(len(X), generator=generator).split(batch_size):
            model = sgd_step(model, X[batch], y[batch], lr)
        yield model
