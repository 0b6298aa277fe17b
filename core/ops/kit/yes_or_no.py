"""What the binary losses ask of their arguments: predictions and targets of one shape, weights that broadcast."""

from typing import Any

import torch
from torch import Tensor

from core.ops.kit import checks, precision


def probability_pair(input: Any, target: Any, weight: Any) -> tuple[Tensor, Tensor, Tensor | None]:
    """All wide. TypeError, NotImplementedError; ValueError for another shape; RuntimeError for numbers outside 0 … 1,
    other dtypes, and a weight that does not broadcast or requires grad."""
    _check_pair(input, target, weight=weight)
    checks.same_dtype(input, target=target)
    p = precision.floating(input, "input")
    _check_unit_interval(input, "input")
    _check_unit_interval(target, "target")
    return p, precision.wide(target), _wide(weight)


def logit_pair(input: Any, target: Any, weight: Any, pos_weight: Any) -> tuple[Any, ...]:
    """All wide, input and target of one dtype. Errors as `probability_pair`, but numbers of any size."""
    _check_pair(input, target, weight=weight, pos_weight=pos_weight)
    checks.require(target.is_floating_point(), "target", "be floating point", target.dtype)
    x, y = precision.floating(input, "input"), precision.wide(target)
    common = torch.promote_types(x.dtype, y.dtype)
    return x.to(common), y.to(common), _wide(weight), _wide(pos_weight)


def label_arguments(input: Any, target: Any, weight: Any, reduction: Any, old: bool) -> tuple[Any, ...]:
    """input, target and weight, wide. IndexError, RuntimeError, TypeError, NotImplementedError, ValueError as torch.

    `old`: whether an old argument overrules reduction.
    """
    known = old or reduction != "elementwise_mean"
    checks.require(known, "reduction", "be one of 'none', 'mean', 'sum'", repr(reduction), ValueError)
    checks.check_tensor(target, "target")
    x = precision.floating(input, "input")
    checks.require(target.dtype != torch.bool, "target", "hold numbers, 0 or 1", target.dtype)
    checks.require(input.ndim > 0, "input", "have at least 1 dimension, the labels", "a 0-dim tensor", IndexError)
    shapes = [input.shape, target.shape]
    if weight is not None:
        shapes.append(checks.check_tensor(weight, "weight").shape)
    try:
        torch.broadcast_shapes(*shapes)
    except RuntimeError:
        got = [tuple(shape) for shape in shapes]
        raise RuntimeError(f"arguments 'input', 'target' and 'weight' must broadcast, but got {got}") from None
    return x, precision.wide(target), _wide(weight)


def _check_pair(input: Any, target: Any, **extras: Any) -> None:
    checks.check_tensor(input, "input")
    checks.check_tensor(target, "target")
    fits = input.shape == target.shape
    must = f"have the shape of input, {tuple(input.shape)}"
    checks.require(fits, "target", must, tuple(target.shape), ValueError)
    for name, extra in extras.items():
        if extra is not None:
            checks.broadcastable(checks.check_tensor(extra, name), name, tuple(target.shape))
            checks.without_gradient(extra, name)


def _check_unit_interval(values: Tensor, name: str) -> None:
    """RuntimeError unless all values lie in [0, 1], where they can be read; nan doesn't."""
    if checks.readable(values) and values.numel():
        low, high = (extreme.item() for extreme in values.detach().aminmax())
        checks.require(low >= 0 and high <= 1, name, "lie between 0 and 1", f"{low:g} to {high:g}")


def _wide(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else precision.wide(tensor)
