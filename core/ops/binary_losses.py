"""Binary losses: how far a probability of yes, or its logit, is from a target of 0 … 1.

    L = −[y · log p + (1 − y) · log(1 − p)],  p = σ(x)        ∂L/∂x = σ(x) − y

Several labels of one sample are several such questions: their probabilities, unlike a softmax's, need not sum to 1.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from core.ops import kit
from core.ops.kit.yes_or_no import label_arguments, logit_pair, probability_pair
from core.ops.operator import Call, Operator
from core.ops.softmax import logsigmoid, sigmoid, sigmoid_textbook

# ---- textbook: the tutorial's form -----------------------------------------------------------------------------


def binary_cross_entropy_textbook(p: Tensor, y: Tensor) -> Tensor:
    """The tutorial's formula 1/N Σ −[y·log p + (1 − y)·log(1 − p)]: nan where p is exactly 0 or 1 (0 · log 0)."""
    return (-(y * torch.log(p) + (1 - y) * torch.log(1 - p))).mean()


def _logits_textbook_call(input: Tensor, target: Tensor) -> Tensor:
    return binary_cross_entropy_textbook(sigmoid_textbook(input), target)


# ---- of probabilities ------------------------------------------------------------------------------------------


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """weight · −[y·log p + (1 − y)·log(1 − p)] of probabilities p = `input`. As F.binary_cross_entropy.

    The logarithms are cut off at −100, so that a loss is never infinite. `weight` broadcasts to input.

    Raises ValueError for a target of another shape or a bad reduction, RuntimeError for values of input or target
    outside 0 … 1, for different dtypes, and for a weight that doesn't broadcast or requires grad.
    """
    reduction = kit.reduction_of(reduction, size_average, reduce)
    input, target, weight = kit.in_float32(input, target, weight)
    p, y, w = probability_pair(input, target, weight)
    # autograd through the cut would give gradient 0 exactly where the prediction is most wrong
    losses = kit.with_gradient(cut_entropy, (cut_entropy_to_input, cut_entropy_to_target), p, y)
    return kit.finish(kit.reduced(losses, reduction, w), like=input)


def cut_entropy(p: Tensor, y: Tensor) -> Tensor:
    """−[y·log p + (1 − y)·log(1 − p)], each logarithm −100 at least."""
    log_p, log_q = torch.log(p).clamp(min=-100), torch.log1p(-p).clamp(min=-100)
    return (y - 1) * log_q - y * log_p


def cut_entropy_to_input(grad: Tensor, p: Tensor, y: Tensor) -> Tensor:
    """The gradient of p: grad · (p − y) / (p · (1 − p)), finite at 0 and 1."""
    return grad * (p - y) / ((1 - p) * p).clamp(min=1e-12)


def cut_entropy_to_target(grad: Tensor, p: Tensor, y: Tensor) -> Tensor:
    """The gradient of y: grad · (log(1 − p) − log p), not cut off."""
    del y
    return grad * (torch.log1p(-p) - torch.log(p))


# ---- of logits -------------------------------------------------------------------------------------------------


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean", pos_weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """weight · −[pos_weight · y·log σ(x) + (1 − y)·log(1 − σ(x))] of logits x. As F.binary_cross_entropy_with_logits.

    Sigmoid and logarithm in one: finite for any finite logit, since log(1 − σ(x)) = log σ(x) − x. weight and
    pos_weight broadcast to input; the result has target's dtype, as in torch.

    Raises ValueError for a target of another shape or a bad reduction, RuntimeError for a target that is not
    floating point, and for a weight or pos_weight that doesn't broadcast or requires grad.
    """
    reduction = kit.reduction_of(reduction, size_average, reduce)
    input, target, weight, pos_weight = kit.in_float32(input, target, weight, pos_weight)
    x, y, w, pos = logit_pair(input, target, weight, pos_weight)
    yes_or_no = 1 if pos is None else 1 + (pos - 1) * y  # pos · y + 1 − y
    losses = (1 - y) * x - yes_or_no * logsigmoid(x)
    return kit.finish(kit.reduced(losses, reduction, w), like=target)


def binary_cross_entropy_with_logits_backward(
    grad: Tensor, input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean", pos_weight: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The gradients of input and target: grad · (σ(x) − y) and −grad · x, without a pos_weight; the mean divides."""
    grad = grad if weight is None else grad * weight
    if kit.reduction_of(reduction, size_average, reduce) == "mean":
        grad = grad / input.numel()
    extra = 0 if pos_weight is None else pos_weight - 1
    of_input = grad * (sigmoid(input) - target - extra * target * sigmoid(-input))
    return of_input, -grad * (input + extra * logsigmoid(input))


def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Binary cross entropy with logits for each of C labels, averaged over the labels (the last dimension).

    As F.multilabel_soft_margin_loss: a sample may have several labels or none, since its C sigmoids, unlike a
    softmax, need not sum to 1. input, target and weight broadcast.

    Raises IndexError for a 0-dim input, RuntimeError for shapes that don't broadcast and for a target of bools,
    NotImplementedError for an input that is not floating point, ValueError for a bad reduction.
    """
    old = size_average is not None or reduce is not None
    x, y, w = label_arguments(input, target, weight, reduction, old)
    reduction = kit.reduction_of(reduction, size_average, reduce)
    losses = -(y * logsigmoid(x) + (1 - y) * logsigmoid(-x))  # 1 − σ(x) = σ(−x)
    weighted = losses if w is None else losses * w
    mean = weighted.sum(x.ndim - 1) / x.shape[-1]
    return kit.finish(kit.reduced(mean, reduction), like=kit.promoted(input, target, weight))


# ---- the operators ---------------------------------------------------------------------------------------------

LABELS = 10


def _labels_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(size, LABELS, generator=generator)
    target = torch.randint(2, (size, LABELS), generator=generator)
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
    backward: Callable[..., tuple[Tensor, ...]] | None = None,
) -> Operator:
    return Operator(
        mirrors=f"torch.nn.functional.{manual.__name__}",
        manual=manual,
        torch=torch_function,
        textbook=textbook,
        textbook_call=textbook_call,
        backward=backward,
        make_call=make_call,
        sizes=(16, 10_000, 200_000),
        size_meaning="n: input of shape (n, 10)",
        bytes_moved=lambda size, itemsize: elements * size * itemsize,
        operations=lambda size: operations * size,
    )


OPERATORS = (
    _operator(
        F.binary_cross_entropy,
        binary_cross_entropy,
        _probabilities_call,
        2 * LABELS,
        7 * LABELS,
        binary_cross_entropy_textbook,
    ),
    _operator(
        F.binary_cross_entropy_with_logits,
        binary_cross_entropy_with_logits,
        _labels_call,
        2 * LABELS,
        8 * LABELS,
        binary_cross_entropy_textbook,
        _logits_textbook_call,
        binary_cross_entropy_with_logits_backward,
    ),
    _operator(F.multilabel_soft_margin_loss, multilabel_soft_margin_loss, _labels_call, 2 * LABELS, 9 * LABELS),
)
