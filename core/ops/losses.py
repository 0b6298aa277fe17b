"""Losses: how far predictions are from targets, as one number to be minimised.

Cross entropy takes four steps, each a function here: softmax → log → pick the target's → mean (with a minus).

    L = −1/N Σᵢ log softmax(xᵢ)[yᵢ]         ∂L/∂x = (softmax(x) − one_hot(y)) / N

The classes are dimension 1 of (N, C, d₁, …), or dimension 0 of a single sample (C,).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from core.ops import kit
from core.ops.elementwise import by_blocks, require_floating, require_number, require_tensor, widened
from core.ops.operator import Call, Operator
from core.ops.softmax import log_softmax, sigmoid, sigmoid_textbook, softmax, softmax_textbook

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


def binary_cross_entropy_textbook(p: Tensor, y: Tensor) -> Tensor:
    """The tutorial's formula 1/N Σ −[y·log p + (1 − y)·log(1 − p)]: nan where p is exactly 0 or 1 (0 · log 0)."""
    return (-(y * torch.log(p) + (1 - y) * torch.log(1 - p))).mean()


def _logits_textbook_call(input: Tensor, target: Tensor) -> Tensor:
    return binary_cross_entropy_textbook(sigmoid_textbook(input), target)


# ---- the four steps, for logits (N, C) and classes (N,) --------------------------------------------------------


@dataclass(frozen=True)
class CrossEntropySteps:
    """How a cross entropy comes about."""

    probabilities: Tensor  # (N, C) softmax of the logits
    log_probabilities: Tensor  # (N, C)
    picked: Tensor  # (N,) the target's log probability of each sample
    output: Tensor  # () minus their mean


def cross_entropy_steps(input: Tensor, target: Tensor) -> CrossEntropySteps:
    """The steps from logits (N, C) and classes (N,) to one number.

    The logarithm is that of `log_softmax`, taken before softmax divides, so that a probability of 0 keeps a finite one.
    """
    log_probabilities = log_softmax(input, 1)
    picked = pick(log_probabilities, target)
    return CrossEntropySteps(softmax(input, 1), log_probabilities, picked, -picked.mean())


def pick(values: Tensor, target: Tensor) -> Tensor:
    """values[i, target[i]] for each i: (N, C), (N,) → (N,)."""
    return values.gather(1, target.unsqueeze(1)).squeeze(1)


def one_hot(target: Tensor, num_classes: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """1 at each sample's class, 0 elsewhere: (N,) → (N, C)."""
    return (target.unsqueeze(1) == torch.arange(num_classes, device=target.device)).to(dtype)


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


# ---- one of C classes: nll_loss and cross_entropy --------------------------------------------------------------


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """−weight[y] · input[y], picked from log probabilities (N, C, d₁, …) by classes (N, d₁, …). As F.nll_loss.

    "mean" divides by the sum of the picked weights, without those of ignored targets; if all are ignored, or there
    are none, it is nan. Also takes one sample, (C,) and () or (1,).

    Raises ValueError for a batch of another size or a bad reduction, RuntimeError for another mismatch of shape or
    dtype and for a weight that requires grad, IndexError for a class outside 0 … C − 1.
    """
    reduction = kit.reduction_of(reduction, size_average, reduce)
    _check_classes(input, target, weight, ignore_index)
    return _reduced_nll(*_picked(input, target, weight, ignore_index), reduction).to(input.dtype)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """nll_loss of log_softmax of the logits `input`, (N, C, d₁, …) or (C,). As F.cross_entropy.

    `target` holds classes (N, d₁, …) or, in the shape of input, probabilities of the classes. With `label_smoothing`
    ε the target becomes (1 − ε) · target + ε / C. It takes logits: probabilities would go through a second softmax.

    Raises what nll_loss raises, and RuntimeError for a label_smoothing above 1, for probabilities that are not
    floating point, and for an ignore_index ≥ 0 with probabilities.
    """
    reduction = kit.reduction_of(reduction, size_average, reduce)
    require_tensor(input, "input")
    require_tensor(target, "target")
    _check_smoothing(label_smoothing)
    if target.shape == input.shape:
        _check_probabilities(input, target, weight, ignore_index)
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    _check_classes(input, target, weight, ignore_index)
    log_probabilities = log_softmax(input, _class_dim(input))
    loss, weights = _picked(log_probabilities, target, weight, ignore_index)
    if label_smoothing > 0:
        spread = _spread(log_probabilities, target, weight, ignore_index)
        loss = (1 - label_smoothing) * loss + label_smoothing * spread
    return _reduced_nll(loss, weights, reduction).to(input.dtype)


def _class_dim(input: Tensor) -> int:
    return 0 if input.ndim == 1 else 1


def _picked(values: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int) -> tuple[Tensor, Tensor]:
    """−weight · value of each target, and the weights: 0 for both where the target is ignored."""
    ignored = target == ignore_index
    label = target.long().masked_fill(ignored, 0)
    _check_range(label, values.shape[_class_dim(values)])
    if values.ndim == 1:  # one sample, whose target may be () or (1,)
        label, ignored = label.view(()), ignored.view(())
    dim = _class_dim(values)
    picked = widened(values.gather(dim, label.unsqueeze(dim)).squeeze(dim))  # (N, d₁, …)
    if weight is None:
        return (-picked).masked_fill(ignored, 0), ~ignored  # True counts 1 in the sum that the mean divides by
    weights = widened(weight)[label]
    return (-weights * picked).masked_fill(ignored, 0), weights.masked_fill(ignored, 0)


def _spread(log_probabilities: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int) -> Tensor:
    """What label smoothing adds: −weight · log probability, averaged over the classes; 0 where target is ignored."""
    dim = _class_dim(log_probabilities)
    losses = -widened(log_probabilities)
    if weight is not None:
        losses = losses * _along_classes(widened(weight), losses)
    spread = losses.mean(dim)  # (N, d₁, …)
    return spread.masked_fill((target == ignore_index).view_as(spread), 0)


def _reduced_nll(loss: Tensor, weights: Tensor, reduction: str) -> Tensor:
    """As `kit.reduced`, but the mean is a weighted one."""
    return loss.sum() / weights.sum() if reduction == "mean" else kit.reduced(loss, reduction)


def _soft_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None, reduction: str, label_smoothing: float
) -> Tensor:
    """−Σ over classes of weight · target · log softmax, for targets that are probabilities."""
    dim = _class_dim(input)
    if label_smoothing > 0:
        target = (1 - label_smoothing) * target + label_smoothing / input.shape[dim]
    losses = -log_softmax(input, dim) * target
    if weight is not None:
        losses = losses * _along_classes(weight, input)
    return kit.reduced(losses.sum(dim), reduction)  # (N, d₁, …): the mean is over samples and places, not classes


def _along_classes(weight: Tensor, input: Tensor) -> Tensor:
    """weight (C,) in a shape that broadcasts with input: (C,) or (1, C, 1, …)."""
    return weight if input.ndim == 1 else weight.view(1, -1, *[1] * (input.ndim - 2))


# ---- yes or no: binary and multi-label cross entropy -----------------------------------------------------------


class _BinaryCrossEntropy(torch.autograd.Function):
    """−[y·log p + (1 − y)·log(1 − p)] with both logarithms cut off at −100; backward (p − y) / (p(1 − p)).

    Autograd through the cut would give gradient 0 exactly where the prediction is most wrong.
    """

    @staticmethod
    def forward(ctx: Any, input: Tensor, target: Tensor) -> Tensor:
        ctx.save_for_backward(input, target)
        return by_blocks(_cut_entropy, input, target)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        input, target = ctx.saved_tensors
        to_input, to_target = ctx.needs_input_grad
        return (
            by_blocks(_cut_entropy_input_gradient, grads[0], input, target) if to_input else None,
            by_blocks(_cut_entropy_target_gradient, grads[0], input) if to_target else None,
        )


def _cut_entropy(p: Tensor, y: Tensor) -> Tensor:
    log_p = torch.log(p).clamp(min=-100)
    log_q = torch.log1p(-p).clamp(min=-100)
    return (y - 1) * log_q - y * log_p


def _cut_entropy_input_gradient(grad: Tensor, p: Tensor, y: Tensor) -> Tensor:
    return grad * (p - y) / ((1 - p) * p).clamp(min=1e-12)


def _cut_entropy_target_gradient(grad: Tensor, p: Tensor) -> Tensor:
    return grad * (torch.log1p(-p) - torch.log(p))


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """weight · −[y·log p + (1 − y)·log(1 − p)] of probabilities p = `input`. As F.binary_cross_entropy.

    The logarithms are cut off at −100, so that a loss is never infinite. `weight` broadcasts to input.

    Raises ValueError for a target of another shape or a bad reduction, RuntimeError for values of input or target
    outside 0 … 1, for different dtypes, and for a weight that doesn't broadcast or requires grad.
    """
    reduction = kit.reduction_of(reduction, size_average, reduce)
    _check_pair(input, target)
    _check_extra("weight", weight, target)
    if input.dtype != target.dtype:
        raise RuntimeError(f"argument 'target' must have the dtype of input, {input.dtype}, but got {target.dtype}")
    require_floating(input, "input")
    _check_unit_interval("input", input)
    _check_unit_interval("target", target)
    return _weighted(_BinaryCrossEntropy.apply(input, target), weight, reduction)


class _LogitsCrossEntropy(torch.autograd.Function):
    """(1 − y)·x + (1 + (w − 1)·y)·log(1 + exp(−x)), w the weight of a yes; backward without w: sigmoid(x) − y."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, target: Tensor, pos_weight: Tensor | None) -> Tensor:
        saved = (input, target) if pos_weight is None else (input, target, pos_weight)
        ctx.save_for_backward(*saved)
        return by_blocks(_logits_entropy, *saved)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        to_input, to_target, _ = ctx.needs_input_grad
        return (
            by_blocks(_logits_entropy_input_gradient, grads[0], *ctx.saved_tensors) if to_input else None,
            by_blocks(_logits_entropy_target_gradient, grads[0], *ctx.saved_tensors) if to_target else None,
            None,
        )


def _softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(−|x|)), whose exponent is never positive."""
    return x.clamp(min=0) + torch.exp(-x.abs()).log1p()


def _logits_entropy(x: Tensor, y: Tensor, pos_weight: Tensor | None = None) -> Tensor:
    softplus = _softplus(-x)
    return (1 - y) * x + (softplus if pos_weight is None else (1 + (pos_weight - 1) * y) * softplus)


def _logits_entropy_input_gradient(grad: Tensor, x: Tensor, y: Tensor, pos_weight: Tensor | None = None) -> Tensor:
    yes = y if pos_weight is None else pos_weight * y
    total = 1 if pos_weight is None else yes + 1 - y
    return grad * (total * sigmoid(x) - yes)


def _logits_entropy_target_gradient(grad: Tensor, x: Tensor, _: Tensor, pos_weight: Tensor | None = None) -> Tensor:
    return grad * (-x if pos_weight is None else pos_weight * _softplus(-x) - _softplus(x))


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """weight · −[pos_weight · y·log σ(x) + (1 − y)·log(1 − σ(x))] of logits x. As F.binary_cross_entropy_with_logits.

    Sigmoid and logarithm in one: finite for any finite logit. weight and pos_weight broadcast to input; the result
    has target's dtype, as in torch.

    Raises ValueError for a target of another shape or a bad reduction, RuntimeError for a target that is not
    floating point, and for a weight or pos_weight that doesn't broadcast or requires grad.
    """
    reduction = kit.reduction_of(reduction, size_average, reduce)
    _check_pair(input, target)
    _check_extra("weight", weight, target)
    _check_extra("pos_weight", pos_weight, target)
    if not target.is_floating_point():
        raise RuntimeError(f"argument 'target' must be floating point, but got dtype {target.dtype}")
    require_floating(input, "input")
    common = torch.promote_types(input.dtype, target.dtype)
    yes = pos_weight if pos_weight is None else pos_weight.to(common).expand_as(target)
    losses = _LogitsCrossEntropy.apply(input.to(common), target.to(common), yes)
    return _weighted(losses.to(target.dtype), weight, reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Binary cross entropy with logits for each of C labels, averaged over the labels (the last dimension).

    As F.multilabel_soft_margin_loss: a sample may have several labels or none, since its C sigmoids, unlike a
    softmax, need not sum to 1. input, target and weight broadcast.

    Raises IndexError for a 0-dim input, RuntimeError for shapes that don't broadcast and for a target of bools,
    NotImplementedError for an input that is not floating point, ValueError for a bad reduction.
    """
    if size_average is None and reduce is None and reduction == "elementwise_mean":
        raise ValueError("argument 'reduction' must be 'none', 'mean' or 'sum', but got 'elementwise_mean'")
    reduction = kit.reduction_of(reduction, size_average, reduce)
    _check_labels(input, target, weight)
    common = torch.promote_types(input.dtype, target.dtype)
    scores, labels = torch.broadcast_tensors(input.to(common), target.to(common))
    losses = _LogitsCrossEntropy.apply(scores, labels, None)  # (N, C)
    if weight is not None:
        losses = losses * weight
    dim = input.ndim - 1
    return kit.reduced(losses.sum(dim) / input.shape[dim], reduction)


def _weighted(losses: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    return kit.reduced(losses if weight is None else losses * weight.to(losses.dtype), reduction)


# ---- refusals --------------------------------------------------------------------------------------------------


def _check_classes(input: Any, target: Any, weight: Any, ignore_index: Any) -> None:
    """What nll_loss asks of its arguments, apart from the range of the classes."""
    require_tensor(input, "input")
    require_tensor(target, "target")
    if isinstance(ignore_index, bool) or not isinstance(ignore_index, int):
        raise TypeError(f"argument 'ignore_index' must be an int, but got {type(ignore_index).__name__}")
    _check_class_shapes(input, target)
    allowed = (torch.int64, torch.uint8) if input.ndim <= 2 else (torch.int64,)
    if target.dtype not in allowed:
        raise RuntimeError(f"argument 'target' must hold classes as {allowed}, but got {target.dtype}")
    require_floating(input, "input")
    _check_class_weight(weight, input)
    if weight is not None and weight.dtype != input.dtype:
        raise RuntimeError(f"argument 'weight' must have the dtype of input, {input.dtype}, but got {weight.dtype}")
    _check_no_gradient("weight", weight)


def _check_class_shapes(input: Tensor, target: Tensor) -> None:
    if input.ndim == 0:
        raise ValueError("argument 'input' must have at least 1 dimension, the classes, but got a 0-dim tensor")
    if input.ndim == 1:
        if target.ndim > 1:
            raise RuntimeError(f"argument 'target' must be () or (1,) for one sample, but got {tuple(target.shape)}")
        if target.numel() != 1:
            raise ValueError(f"argument 'target' must hold 1 class for 1-dim input, but got {target.numel()}")
        return
    expected = (input.shape[0], *input.shape[2:])
    if target.ndim == 0 or target.shape[0] != input.shape[0]:
        raise ValueError(
            f"argument 'target' has shape {tuple(target.shape)}, but input's batch size of {input.shape[0]}"
            f" asks for {expected}"
        )
    if target.shape != expected:
        raise RuntimeError(
            f"argument 'target' must have shape {expected} for input of shape {tuple(input.shape)},"
            f" but got {tuple(target.shape)}"
        )


def _check_class_weight(weight: Any, input: Tensor) -> None:
    if weight is None:
        return
    require_tensor(weight, "weight")
    classes = input.shape[_class_dim(input)]
    if weight.shape != (classes,):
        raise RuntimeError(f"argument 'weight' must have shape ({classes},), but got {tuple(weight.shape)}")


def _check_range(label: Tensor, classes: int) -> None:
    """IndexError if a class is out of range."""
    if label.numel() == 0:
        return
    for extreme in label.aminmax():
        if not 0 <= extreme < classes:
            raise IndexError(f"argument 'target' must hold classes from 0 to {classes - 1}, but holds {extreme.item()}")


def _check_smoothing(label_smoothing: Any) -> None:
    require_number(label_smoothing, "label_smoothing")
    if label_smoothing > 1:
        raise RuntimeError(f"argument 'label_smoothing' must lie between 0 and 1, but got {label_smoothing}")


def _check_probabilities(input: Tensor, target: Tensor, weight: Any, ignore_index: int) -> None:
    if not target.is_floating_point():
        raise RuntimeError(
            f"argument 'target' has input's shape: probabilities, floating point, but got {target.dtype}"
        )
    if ignore_index >= 0:
        raise RuntimeError(f"argument 'ignore_index' ({ignore_index}) has no meaning for a target of probabilities")
    if input.ndim == 0:
        raise IndexError("argument 'input' must have at least 1 dimension, the classes, but got a 0-dim tensor")
    require_floating(input, "input")
    _check_class_weight(weight, input)


def _check_pair(input: Any, target: Any) -> None:
    require_tensor(input, "input")
    require_tensor(target, "target")
    if input.shape != target.shape:
        raise ValueError(
            f"argument 'target' must have the shape of input, {tuple(input.shape)}, but got {tuple(target.shape)}"
        )


def _check_extra(name: str, extra: Any, target: Tensor) -> None:
    """A weight or pos_weight must broadcast to target, without making it larger."""
    if extra is None:
        return
    require_tensor(extra, name)
    fits = extra.ndim <= target.ndim and all(
        size in (1, full) for size, full in zip(reversed(extra.shape), reversed(target.shape), strict=False)
    )
    if not fits:
        raise RuntimeError(
            f"argument '{name}' must broadcast to {tuple(target.shape)}, but got shape {tuple(extra.shape)}"
        )
    _check_no_gradient(name, extra)


def _check_no_gradient(name: str, extra: Tensor | None) -> None:
    if extra is not None and extra.requires_grad and torch.is_grad_enabled():
        raise RuntimeError(f"argument '{name}' can't require grad: the loss is not differentiable with respect to it")


def _check_unit_interval(name: str, values: Tensor) -> None:
    """RuntimeError unless all values lie in [0, 1]; nan doesn't."""
    if values.numel() == 0:
        return
    low, high = values.detach().aminmax()
    if not (low >= 0 and high <= 1):
        raise RuntimeError(f"argument '{name}' must lie between 0 and 1, but goes from {low:g} to {high:g}")


def _check_labels(input: Any, target: Any, weight: Any) -> None:
    require_tensor(target, "target")
    require_floating(input, "input")
    if target.dtype == torch.bool:
        raise RuntimeError("argument 'target' must hold numbers, 0 or 1, but got dtype torch.bool")
    if input.ndim == 0:
        raise IndexError("argument 'input' must have at least 1 dimension, the labels, but got a 0-dim tensor")
    shapes = [input.shape, target.shape]
    if weight is not None:
        require_tensor(weight, "weight")
        shapes.append(weight.shape)
    try:
        torch.broadcast_shapes(*shapes)
    except RuntimeError:
        raise RuntimeError(f"arguments input, target and weight must broadcast, but got {shapes}") from None


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


def _labels_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(size, CLASSES, generator=generator)
    target = torch.randint(2, (size, CLASSES), generator=generator)
    return Call((logits.to(device, dtype), target.to(device, dtype)))


def _probabilities_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    logits, target = _labels_call(size, dtype, device, seed).args
    return Call((sigmoid(logits), target))


def _operator(
    torch_function: Callable[..., Tensor],
    manual: Callable[..., Tensor],
    make_call: Callable[[int, torch.dtype, torch.device, int], Call],
    elements: int,  # read a sample, all tensors together
    operations: int,  # a sample
    textbook: Callable[..., Tensor] | None = None,
    textbook_call: Callable[..., Tensor] | None = None,
) -> Operator:
    return Operator(
        mirrors=f"torch.nn.functional.{manual.__name__}",
        manual=manual,
        torch=torch_function,
        textbook=textbook,
        textbook_call=textbook_call,
        make_call=make_call,
        sizes=(16, 10_000, 200_000),
        size_meaning=f"n: input of shape (n, {CLASSES})",
        bytes_moved=lambda size, itemsize: elements * size * itemsize,
        operations=lambda size: operations * size,
        target_ratio=1.0,
    )


OPERATORS = (
    _operator(F.nll_loss, nll_loss, _log_probabilities_call, 3, 1, nll_loss_textbook),
    _operator(
        F.cross_entropy, cross_entropy, _classes_call, CLASSES + 2, 4 * CLASSES, ce_loss, _cross_entropy_textbook_call
    ),
    _operator(
        F.binary_cross_entropy,
        binary_cross_entropy,
        _probabilities_call,
        2 * CLASSES,
        7 * CLASSES,
        binary_cross_entropy_textbook,
    ),
    _operator(
        F.binary_cross_entropy_with_logits,
        binary_cross_entropy_with_logits,
        _labels_call,
        2 * CLASSES,
        8 * CLASSES,
        binary_cross_entropy_textbook,
        _logits_textbook_call,
    ),
    _operator(F.multilabel_soft_margin_loss, multilabel_soft_margin_loss, _labels_call, 2 * CLASSES, 9 * CLASSES),
)
