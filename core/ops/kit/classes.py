"""What losses and metrics ask of scores (N, C, …) and of the classes that are their targets."""

from typing import Any

import torch
from torch import Tensor

from core.ops.kit import checks, precision


def class_dim(input: Tensor) -> int:
    """Where the classes of scores lie: dimension 1 of (N, C, …), 0 of one sample (C,)."""
    return 0 if input.ndim == 1 else 1


def along_classes(weight: Tensor | None, input: Tensor) -> Any:
    """weight (C,), wide, in a shape that broadcasts with input; 1 where there is none."""
    return 1 if weight is None else precision.wide(weight).reshape(-1, *[1] * (input.ndim - 2))


def class_arguments(
    input: Any, target: Any, weight: Any, ignore_index: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Scores, wide; the classes, 0 where ignored; which are kept; the weights, wide.

    TypeError, NotImplementedError; ValueError for another batch size; RuntimeError for another mismatch of shape or
    dtype and a weight that requires grad; IndexError for a class outside 0 … C − 1.
    """
    checks.check_tensor(input, "input")
    checks.check_tensor(target, "target")
    if isinstance(ignore_index, bool) or not isinstance(ignore_index, int):
        raise TypeError(f"argument 'ignore_index' must be an int, but got {type(ignore_index).__name__}")
    _check_shapes(input, target)
    allowed = (torch.int64, torch.uint8) if input.ndim <= 2 else (torch.int64,)
    checks.require(target.dtype in allowed, "target", f"hold classes as {allowed}", target.dtype)
    x = precision.floating(input, "input")
    _check_weight(weight, input)
    checks.same_dtype(input, weight=weight)
    checks.without_gradient(weight, "weight")
    label = target.long() if input.ndim > 1 else target.long().reshape(())  # one sample's may be (1,)
    kept = label != ignore_index
    label = torch.where(kept, label, 0)
    in_range(label, input.shape[class_dim(input)])
    return x, label, kept, None if weight is None else precision.wide(weight)


def probability_arguments(input: Any, target: Any, weight: Any, ignore_index: int) -> tuple[Tensor, Tensor, Any]:
    """Scores and the classes' probabilities, wide, and the weights along the classes.

    RuntimeError, IndexError, NotImplementedError as torch.
    """
    checks.require(target.is_floating_point(), "target", "be floating point, of input's shape", target.dtype)
    checks.require(ignore_index < 0, "ignore_index", "be negative for a target of probabilities", ignore_index)
    checks.require(input.ndim > 0, "input", "have at least 1 dimension, the classes", (), IndexError)
    x = precision.floating(input, "input")
    _check_weight(weight, input)
    return x, precision.wide(target), along_classes(weight, input)


def smoothing_of(input: Any, target: Any, label_smoothing: Any) -> float:
    """The label_smoothing. TypeError unless a number and input and target tensors, RuntimeError above 1."""
    checks.check_tensor(input, "input")
    checks.check_tensor(target, "target")
    checks.check_number(label_smoothing, "label_smoothing")
    checks.require(label_smoothing <= 1, "label_smoothing", "lie between 0 and 1", label_smoothing)
    return label_smoothing


def _check_shapes(input: Tensor, target: Tensor) -> None:
    got = tuple(target.shape)
    checks.require(input.ndim > 0, "input", "have at least 1 dimension, the classes", "a 0-dim tensor", ValueError)
    if input.ndim == 1:
        checks.require(target.ndim <= 1, "target", "be () or (1,) for one sample", got)
        checks.require(target.numel() == 1, "target", "hold 1 class for 1-dim input", target.numel(), ValueError)
        return
    expected = (input.shape[0], *input.shape[2:])
    must = f"have shape {expected} for input of shape {tuple(input.shape)}"
    checks.require(target.ndim > 0 and got[0] == expected[0], "target", must, got, ValueError)
    checks.require(got == expected, "target", must, got)


def _check_weight(weight: Any, input: Tensor) -> None:
    if weight is not None:
        expected = (input.shape[class_dim(input)],)
        given = tuple(checks.check_tensor(weight, "weight").shape)
        checks.require(given == expected, "weight", f"have shape {expected}", given)


def in_range(target: Tensor, classes: int) -> None:
    """IndexError for a class outside 0 … classes − 1, where the numbers can be read."""
    if not checks.readable(target) or target.numel() == 0:
        return
    low, high = (extreme.item() for extreme in target.aminmax())
    must = f"hold classes from 0 to {classes - 1}"
    checks.require(low >= 0 and high < classes, "target", must, f"{low} to {high}", IndexError)


def scored_classes(logits: Any, target: Any, topk: Any = None) -> None:
    """For scores (N, C) and classes (N,): TypeError, ValueError, IndexError, naming the argument."""
    checks.check_tensor(logits, "logits")
    checks.check_tensor(target, "target")
    checks.require(logits.ndim == 2, "logits", "have shape (N, C)", tuple(logits.shape), ValueError)
    fits = target.shape == logits.shape[:1]
    checks.require(fits, "target", f"have shape ({len(logits)},)", tuple(target.shape), ValueError)
    integers = not (target.is_floating_point() or target.is_complex() or target.dtype == torch.bool)
    checks.require(integers, "target", "hold classes as integers", target.dtype, TypeError)
    classes = logits.shape[1]
    in_range(target, classes)
    if topk is not None:
        inside = 1 <= checks.check_integer(topk, "topk") <= classes
        checks.require(inside, "topk", f"lie between 1 and the {classes} classes", topk, ValueError)
