"""Losses: how far predictions are from targets, as one number to be minimised.

Cross entropy takes four steps, each a function here: softmax → log → pick the target's → mean (with a minus).

    L = −1/N Σᵢ log softmax(xᵢ)[yᵢ]         ∂L/∂x = (softmax(x) − one_hot(y)) / N

The classes are dimension 1 of (N, C, d₁, …), or dimension 0 of a single sample (C,).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from core.ops import kit
from core.ops.kit.classes import along_classes, class_arguments, class_dim, probability_arguments, smoothing_of
from core.ops.operator import Call, Operator
from core.ops.softmax import log_softmax, softmax, softmax_textbook

# ---- textbook: the tutorial's forms ----------------------------------------------------------------------------


def ce_loss(y_hat: Tensor, y: Tensor) -> Tensor:
    """The tutorial's cross entropy of PROBABILITIES y_hat (N, C), where torch's takes logits, and classes y (N,).

    Its limits: it forgets the mean over the batch and returns (N, 1), which backward() refuses; a probability that
    underflowed to 0 costs log(0) = −inf with gradient nan through the softmax before it; no class weights, no
    ignored targets, no images.
    """
    return -torch.log(y_hat.gather(1, y.view(-1, 1)))


def _cross_entropy_textbook_call(input: Tensor, target: Tensor) -> Tensor:
    """The tutorial's loss with what it leaves out: the softmax before it and the mean after it."""
    return ce_loss(softmax_textbook(input), target).mean()


def nll_loss_textbook(log_probabilities: Tensor, target: Tensor) -> Tensor:
    """NLLLoss in the tutorial's words: take the target's value, drop the minus, take the mean. No log in it."""
    picked = [row[label] for row, label in zip(log_probabilities, target, strict=True)]
    return -sum(picked, torch.zeros_like(log_probabilities[0, 0])) / len(target)


# ---- for logits (N, C) and classes (N,) ------------------------------------------------------------------------


def pick(values: Tensor, target: Tensor) -> Tensor:
    """values[i, target[i]] for each i: (N, C, d₁, …), (N, d₁, …) → (N, d₁, …); (C,), () → ()."""
    dim = class_dim(values)
    return values.gather(dim, target.unsqueeze(dim)).squeeze(dim)


def one_hot(target: Tensor, num_classes: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """1 at each sample's class, 0 elsewhere: (N, d₁, …) → (N, C, d₁, …); () → (C,)."""
    classes = torch.arange(num_classes, device=target.device).reshape(-1, *[1] * (target.ndim - 1))
    return (target.unsqueeze(min(target.ndim, 1)) == classes).to(dtype)


def cross_entropy_by_gather(input: Tensor, target: Tensor) -> Tensor:
    """Cross entropy by picking, as the tutorial's ce_loss, but of logits and with the mean."""
    return -pick(log_softmax(input, 1), target).mean()


def cross_entropy_by_one_hot(input: Tensor, target: Tensor) -> Tensor:
    """Cross entropy by the formula −1/N Σᵢ Σⱼ yᵢⱼ log ŷᵢⱼ: C products a sample, of which all but one are 0."""
    log_probabilities = log_softmax(input, 1)
    return -(one_hot(target, input.shape[1], input.dtype) * log_probabilities).sum(dim=1).mean()


def cross_entropy_by_nll_loss(input: Tensor, target: Tensor) -> Tensor:
    """Cross entropy as two library steps: log_softmax, then nll_loss."""
    return nll_loss(log_softmax(input, 1), target)


def cross_entropy_gradient(input: Tensor, target: Tensor) -> Tensor:
    """∂(mean cross entropy)/∂logits = (softmax − one-hot) / N, of shape (N, C)."""
    return (softmax(input, 1) - one_hot(target, input.shape[1], input.dtype)) / len(input)


# ---- one of C classes: nll_loss --------------------------------------------------------------------------------


def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """−weight[y] · input[y], picked from log probabilities (N, C, d₁, …) by classes (N, d₁, …). As F.nll_loss.

    "mean" divides by the sum of the picked weights, without those of ignored targets; if all are ignored, or there
    are none, it is nan. Also takes one sample, (C,) and () or (1,).

    Raises ValueError for a batch of another size or a bad reduction, RuntimeError for another mismatch of shape or
    dtype and for a weight that requires grad, IndexError for a class outside 0 … C − 1.
    """
    reduction = kit.reduction_of(reduction, size_average, reduce)
    input, weight = kit.in_float32(input, weight)
    losses, weights = negative_log_likelihood(*class_arguments(input, target, weight, ignore_index))
    return kit.finish(reduced_by_weight(losses, weights, reduction), like=input)


def negative_log_likelihood(x: Tensor, label: Tensor, kept: Tensor, w: Tensor | None) -> tuple[Tensor, Tensor]:
    """−w[label] · x[label] and w[label], of each target; 0 for both where it is not kept."""
    weights = kept.to(x.dtype)
    if w is not None:
        weights = torch.where(kept, w.index_select(0, label.flatten()).view_as(label), 0)
    return torch.where(kept, -weights * pick(x, label), 0), weights


def reduced_by_weight(losses: Tensor, weights: Tensor, reduction: str) -> Tensor:
    """The losses, their sum, or their sum over that of the weights."""
    return losses.sum() / weights.sum() if reduction == "mean" else kit.reduced(losses, reduction)


def nll_loss_backward(
    grad: Tensor, input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """The gradient of input: −grad · weight[y] at each target's class, 0 elsewhere; the mean divides by Σ weight[y]."""
    x, label, kept, w = class_arguments(input, target, weight, ignore_index)
    _, weights = negative_log_likelihood(x, label, kept, w)
    if kit.reduction_of(reduction, size_average, reduce) == "mean":
        grad = grad / weights.sum()
    dim = class_dim(input)
    return torch.zeros_like(input).scatter(dim, label.unsqueeze(dim), (-grad * weights).unsqueeze(dim))


# ---- one of C classes: cross_entropy ---------------------------------------------------------------------------


def cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """nll_loss of log_softmax of the logits `input`, (N, C, d₁, …) or (C,). As F.cross_entropy.

    `target` holds classes (N, d₁, …) or, in the shape of input, probabilities of the classes. With `label_smoothing`
    ε the target becomes (1 − ε) · target + ε / C. It takes logits: probabilities would go through a second softmax.

    Raises what nll_loss raises, and RuntimeError for a label_smoothing above 1, for probabilities that are not
    floating point, and for an ignore_index ≥ 0 with probabilities.
    """
    reduction = kit.reduction_of(reduction, size_average, reduce)
    input, target, weight = kit.in_float32(input, target, weight)
    label_smoothing = smoothing_of(input, target, label_smoothing)
    if target.shape == input.shape:
        return soft_cross_entropy(input, target, weight, ignore_index, reduction, label_smoothing)
    x, label, kept, w = class_arguments(input, target, weight, ignore_index)
    log_p = log_softmax(x, class_dim(x))
    losses, weights = negative_log_likelihood(log_p, label, kept, w)
    if label_smoothing > 0:
        of_all = -(along_classes(weight, x) * log_p).mean(class_dim(x))
        losses = (1 - label_smoothing) * losses + label_smoothing * torch.where(kept, of_all, 0)
    return kit.finish(reduced_by_weight(losses, weights, reduction), like=input)


def soft_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, label_smoothing: float
) -> Tensor:
    """−Σ over the classes of weight · target · log softmax, for targets that are probabilities."""
    x, q, w = probability_arguments(input, target, weight, ignore_index)
    if label_smoothing > 0:
        q = (1 - label_smoothing) * q + label_smoothing / x.shape[class_dim(x)]
    losses = -(w * q * log_softmax(x, class_dim(x))).sum(class_dim(x))  # (N, d₁, …)
    return kit.finish(kit.reduced(losses, reduction), like=kit.promoted(input, target, weight))


def cross_entropy_backward(
    grad: Tensor, input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean", label_smoothing: float = 0.0,
) -> tuple[Tensor, ...]:  # fmt: skip
    """The gradient of input: grad · (softmax · Σ q − q), q the target's distribution times the classes' weights.

    Of a class: grad · (softmax − one_hot). The mean divides by the number of samples, or their weights. Where the
    target is probabilities, it and the weights have a gradient too: of their product with −log softmax.
    """
    dim = class_dim(input)
    w, soft = along_classes(weight, input), target.shape == input.shape
    if soft:
        total, distribution = input.numel() // input.shape[dim], target
    else:
        _, label, kept, _ = class_arguments(input, target, weight, ignore_index)
        distribution = one_hot(label, input.shape[dim], input.dtype)
        grad, total = grad * kept, ((w * distribution).sum(dim) * kept).sum()
    grad = grad / total if kit.reduction_of(reduction, size_average, reduce) == "mean" else grad
    smoothed = (1 - label_smoothing) * distribution + label_smoothing / input.shape[dim]
    q, log_p = w * smoothed, log_softmax(input, dim)
    grad = grad.expand_as(q.sum(dim)).unsqueeze(dim)
    of_input = grad * (log_p.exp() * q.sum(dim, keepdim=True) - q)
    if not soft:
        return (of_input,)
    of_target = -grad * log_p * w * (1 - label_smoothing)
    of_weight = () if weight is None else ((-grad * log_p * smoothed).sum_to_size(w.shape).view_as(weight),)
    return of_input, of_target, *of_weight


# ---- the operators ---------------------------------------------------------------------------------------------

CLASSES = 10


def _classes_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(size, CLASSES, generator=generator)
    target = torch.randint(CLASSES, (size,), generator=generator)
    return Call((logits.to(device, dtype), target.to(device)))


def _log_probabilities_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    logits, target = _classes_call(size, dtype, device, seed).args
    return Call((log_softmax(logits, 1), target))


OPERATORS = (
    Operator(
        mirrors="torch.nn.functional.nll_loss",
        manual=nll_loss,
        backward=nll_loss_backward,
        torch=F.nll_loss,
        textbook=nll_loss_textbook,
        make_call=_log_probabilities_call,
        sizes=(16, 10_000, 200_000),
        size_meaning="n: input of shape (n, 10)",
        bytes_moved=lambda size, itemsize: 3 * size * itemsize,  # the picked number and the class of each sample
        operations=lambda size: size,
    ),
    Operator(
        mirrors="torch.nn.functional.cross_entropy",
        manual=cross_entropy,
        backward=cross_entropy_backward,
        torch=F.cross_entropy,
        textbook=ce_loss,
        textbook_call=_cross_entropy_textbook_call,
        make_call=_classes_call,
        sizes=(16, 10_000, 200_000),
        size_meaning="n: input of shape (n, 10)",
        bytes_moved=lambda size, itemsize: (CLASSES + 2) * size * itemsize,
        operations=lambda size: 4 * CLASSES * size,
    ),
)
