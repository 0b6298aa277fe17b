"""Linear regression on few samples with many features, under each way of decaying its weights."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.ops.weight_decay import adam_step, adamw_step, sgd_step


@dataclass(frozen=True)
class Method:
    """An optimiser and where the decay of w enters (b never decays)."""

    step: Callable[..., Any]
    decay: str  # "none", "loss" or "optimiser"


METHODS: Mapping[str, Method] = {
    "SGD": Method(sgd_step, "none"),
    "SGD, penalty in the loss": Method(sgd_step, "loss"),
    "SGD, weight_decay": Method(sgd_step, "optimiser"),
    "Adam": Method(adam_step, "none"),
    "Adam, penalty in the loss": Method(adam_step, "loss"),
    "Adam, weight_decay": Method(adam_step, "optimiser"),
    "AdamW, weight_decay": Method(adamw_step, "optimiser"),
}


@dataclass(frozen=True)
class Regression:
    """y = X·w + b + noise with too few samples to find w: w is 0.01 throughout and b is 0.05."""

    X: Tensor  # (n_train, inputs)
    y: Tensor  # (n_train,)
    X_test: Tensor
    y_test: Tensor


def make_regression(
    n_train: int = 20, n_test: int = 100, inputs: int = 200, noise: float = 0.01, seed: int = 0
) -> Regression:
    """Standard normal features and their noisy labels, in float64."""
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(n_train + n_test, inputs, generator=generator, dtype=torch.float64)
    y = X @ torch.full((inputs,), 0.01, dtype=torch.float64) + 0.05
    y = y + noise * torch.randn(len(y), generator=generator, dtype=torch.float64)
    return Regression(X[:n_train], y[:n_train], X[n_train:], y[n_train:])


@dataclass(frozen=True)
class RegressionProgress:
    """Where a run stands after an epoch; epoch 0 is the start."""

    epoch: int
    train_loss: float  # mean squared error / 2, without the penalty
    test_loss: float
    weight_norm: float
    w: Tensor
    b: Tensor


def squared_losses(X: Tensor, y: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """(X·w + b − y)² / 2, one a sample."""
    return (X @ w + b - y) ** 2 / 2


def regression_run(
    data: Regression,
    method: str,
    lambd: float = 3.0,
    lr: float = 0.003,
    batch_size: int = 1,
    epochs: int = 100,
    seed: int = 0,
) -> Iterator[RegressionProgress]:
    """Train linear regression from w ~ N(0, 1), b = 0 by one of `METHODS`, yielding after each epoch.

    The same seed gives every method the same start and the same batches.
    """
    generator = torch.Generator().manual_seed(seed)
    w = torch.randn(data.X.shape[1], generator=generator, dtype=data.X.dtype)
    b = torch.zeros((), dtype=data.X.dtype)
    step, decay = METHODS[method].step, METHODS[method].decay
    in_loss, in_optimiser = (lambd if decay == place else 0.0 for place in ("loss", "optimiser"))
    w_state = b_state = None
    yield _regression_progress(data, 0, w, b)
    for epoch in range(1, epochs + 1):
        for batch in torch.randperm(len(data.y), generator=generator).split(batch_size):
            dw, db = _gradients(data.X[batch], data.y[batch], w, b, in_loss)
            (w,), w_state = step((w,), (dw,), w_state, lr=lr, weight_decay=in_optimiser)
            (b,), b_state = step((b,), (db,), b_state, lr=lr, weight_decay=0.0)
        yield _regression_progress(data, epoch, w, b)


def _gradients(X: Tensor, y: Tensor, w: Tensor, b: Tensor, lambd: float) -> tuple[Tensor, Tensor]:
    """Those of the mean loss + λ·‖w‖²/2, by hand: Xᵀe/n + λw and the mean of the errors e."""
    error = X @ w + b - y  # (n,)
    return error @ X / len(y) + lambd * w, error.mean()


def _regression_progress(data: Regression, epoch: int, w: Tensor, b: Tensor) -> RegressionProgress:
    train_loss = squared_losses(data.X, data.y, w, b).mean().item()
    test_loss = squared_losses(data.X_test, data.y_test, w, b).mean().item()
    return RegressionProgress(epoch, train_loss, test_loss, w.norm().item(), w, b)
