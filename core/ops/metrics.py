"""Accuracy: how many predictions are right, over all, per class, among the k best, and which class is taken for which.

Scores are logits or probabilities of shape (N, C), the prediction is the class with the largest one. Nothing here
is differentiable: a step of the weights that changes no largest score changes no accuracy.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from core.ops.kit.classes import scored_classes
from core.ops.operator import Call, Operator

# ---- textbook: the tutorial's loop -----------------------------------------------------------------------------


def evaluate_accuracy(data_iter: Iterable[tuple[Tensor | None, Tensor]], y_hat: Tensor) -> float:
    """The tutorial's accuracy over batches (X, y): right predictions over all samples.

    Its mistake: y_hat comes from outside and stays the same for every batch, while X is never used, so that from the
    second batch on it compares the labels with the predictions for another batch (and breaks on a smaller last one).
    It is right for one batch only. See `evaluate`.
    """
    acc_sum, n = 0.0, 0
    for _, y in data_iter:
        acc_sum += (y_hat.argmax(dim=1) == y).float().sum().item()
        n += y.shape[0]
    return acc_sum / n


def evaluate_accuracy_mean(data_iter: Iterable[tuple[Tensor | None, Tensor]], y_hat: Tensor) -> float:
    """The tutorial's commented-out line, "or in one step": a batch's mean, then divided by the number of samples again.

    The result is too small by the batch size: perfect predictions for a batch of 4 score ¼.
    """
    acc_sum, n = 0.0, 0
    for _, y in data_iter:
        acc_sum += (y_hat.argmax(dim=1) == y).float().mean().item()
        n += y.shape[0]
    return acc_sum / n


def _evaluate_accuracy_call(logits: Tensor, target: Tensor) -> Tensor:
    return torch.tensor(evaluate_accuracy([(None, target)], logits))


# ---- accuracy --------------------------------------------------------------------------------------------------


def accuracy(logits: Tensor, target: Tensor, topk: int = 1) -> Tensor:
    """The share of samples whose target is among the `topk` classes of largest score: (N, C), (N,) → () float32.

    Among equal scores the lower class counts as larger, as for argmax. A nan is the largest. nan without samples.
    Raises TypeError for arguments that are no tensors or ints, ValueError for shapes that don't belong together and
    for a topk outside 1 … C, IndexError for a class outside 0 … C − 1.
    """
    return correct(logits, target, topk).float().mean()


def correct(logits: Tensor, target: Tensor, topk: int = 1) -> Tensor:
    """Which samples have their target among the `topk` best classes: (N, C), (N,) → (N,) bools. As `accuracy`."""
    scored_classes(logits, target, topk)
    if topk == 1:
        return logits.argmax(dim=1) == target
    best = logits.argsort(dim=1, descending=True, stable=True)[:, :topk]  # (N, topk)
    return (best == target.unsqueeze(1)).any(dim=1)


def topk_accuracy(logits: Tensor, target: Tensor, ks: Iterable[int] = (1, 5)) -> dict[int, Tensor]:
    """`accuracy` for several k: it never falls as k grows, and is 1 at k = C."""
    return {k: accuracy(logits, target, k) for k in ks}


def confusion_matrix(logits: Tensor, target: Tensor, num_classes: int | None = None) -> Tensor:
    """Counts of (true class, predicted class): (N, C), (N,) → (C, C) int64, rows the truth, columns the prediction.

    Each pair is one number, true · C + predicted, of which `bincount` counts how often each comes. The diagonal is
    right, its sum over N is the accuracy. `num_classes` may enlarge the matrix beyond C.
    Raises what `accuracy` raises, and ValueError for a num_classes below C.
    """
    scored_classes(logits, target)
    classes = logits.shape[1] if num_classes is None else num_classes
    if classes < logits.shape[1]:
        raise ValueError(f"argument 'num_classes' must be at least the {logits.shape[1]} classes, but got {classes}")
    pairs = target.long() * classes + logits.argmax(dim=1)
    return torch.bincount(pairs, minlength=classes * classes).view(classes, classes)


def per_class_accuracy(logits: Tensor, target: Tensor, num_classes: int | None = None) -> Tensor:
    """The share of each class's samples that is recognised: (C,) float32, nan for a class without samples.

    Its mean is not the accuracy unless all classes are equally frequent. Raises what `confusion_matrix` raises.
    """
    counts = confusion_matrix(logits, target, num_classes)
    return counts.diagonal() / counts.sum(dim=1)


# ---- over batches ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Evaluation:
    """The outcome over all batches."""

    right: int
    samples: int

    @property
    def accuracy(self) -> float:
        """Right predictions over all samples; nan without any."""
        return self.right / self.samples if self.samples else float("nan")


def evaluate(
    data_iter: Iterable[tuple[Tensor, Tensor]], model: Callable[[Tensor], Tensor], topk: int = 1
) -> Evaluation:
    """Accuracy of `model` over batches (X, y): predicted anew for each batch, counted before dividing.

    Dividing once, at the end, gives each sample the same weight; the mean of the batches' accuracies would give the
    samples of a smaller last batch more. Raises what `accuracy` raises.
    """
    right, samples = 0, 0
    with torch.no_grad():
        for X, y in data_iter:
            right += int(correct(model(X), y, topk).sum())
            samples += len(y)
    return Evaluation(right, samples)


# ---- the operator ----------------------------------------------------------------------------------------------


def _accuracy_reference(logits: Tensor, target: Tensor, topk: int = 1) -> Tensor:
    """torch has no function for accuracy: the same share by torch.topk, which ranks where `accuracy` takes argmax."""
    best = torch.topk(logits, topk, dim=1).indices
    return torch.eq(best, target.unsqueeze(1)).sum() / target.numel()


def _call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(size, 10, generator=generator)
    target = torch.randint(10, (size,), generator=generator)
    return Call((logits.to(device, dtype), target.to(device)))


OPERATORS = (
    Operator(
        mirrors="accuracy",  # of no library: the torch tier is made of torch.topk
        manual=accuracy,
        torch=_accuracy_reference,
        textbook=evaluate_accuracy,
        textbook_call=_evaluate_accuracy_call,
        make_call=_call,
        sizes=(16, 10_000, 200_000),
        size_meaning="n: logits of shape (n, 10)",
        bytes_moved=lambda size, itemsize: 10 * size * itemsize + 8 * size,
        operations=lambda size: 10 * size,
        differentiable=False,
    ),
)
