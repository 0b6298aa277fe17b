"""What batch, layer, group and instance norm ask of their arguments, and the tensors that they compute with.

All come back wide, parameters in a shape that broadcasts.
"""

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from core.ops.kit import checks, precision


def batch_norm_arguments(
    input: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, training: bool, momentum: Any, eps: Any
) -> tuple[Any, ...]:
    """input, running_mean, running_var, weight and bias, the last four (1, C, 1, …) or None.

    IndexError, NotImplementedError, RuntimeError, TypeError, ValueError as torch.
    """
    checks.check_number(momentum, "momentum")
    checks.check_number(eps, "eps")
    shape = tuple(checks.check_tensor(input, "input").shape)
    if training:
        checks.require(input.ndim > 0, "input", "be (N, C, …)", shape, IndexError)
        several = shape[0] * math.prod(shape[2:]) != 1
        checks.require(several, "input", "have several values a channel, for they have a variance", shape, ValueError)
    allowed = eps > 0 or (eps == 0 and not training)
    checks.require(allowed, "eps", "be positive, or 0 in evaluation", eps, ValueError)
    _check_statistics(input, running_mean, running_var, needed=not training)
    _check_channels(input, weight=weight, bias=bias)
    checks.require(input.ndim > 1 or not input.numel(), "input", "be (N, C, …)", shape, IndexError)
    return _normed(input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)


def instance_norm_arguments(
    input: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, own: bool, momentum: Any, eps: Any
) -> tuple[Any, ...]:
    """As `batch_norm_arguments`. `own`: whether each instance's own statistics standardise it."""
    checks.check_number(momentum, "momentum")
    checks.check_number(eps, "eps")
    shape = tuple(checks.check_tensor(input, "input").shape)
    several = not own or math.prod(shape[2:]) != 1
    checks.require(several, "input", "have several positions a channel, for they have a variance", shape, ValueError)
    _check_statistics(input, running_mean, running_var, needed=not own)
    _check_channels(input, weight=weight, bias=bias)
    x, *others = _normed(input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    return x.contiguous() if own else x, *others  # as torch lays the output out


def layer_norm_arguments(
    input: Any, normalized_shape: Any, weight: Any, bias: Any, eps: Any
) -> tuple[Tensor, tuple[int, ...], Tensor | None, Tensor | None]:
    """input, the dimensions that are normalised, weight and bias. TypeError, RuntimeError, NotImplementedError."""
    checks.check_number(eps, "eps")
    if not isinstance(normalized_shape, Sequence) or not all(isinstance(n, int) for n in normalized_shape):
        raise TypeError(f"argument 'normalized_shape' must be a sequence of ints, but got {normalized_shape!r}")
    shape = tuple(normalized_shape)
    checks.require(bool(shape), "normalized_shape", "name at least one dimension", shape)
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None:
            fits = parameter.shape == shape
            checks.require(fits, name, f"have normalized_shape {shape}", tuple(parameter.shape))
    fits = input.shape[-len(shape) :] == shape
    checks.require(fits, "input", f"end in normalized_shape {shape}", tuple(input.shape))
    _check_dtypes(input, weight=weight, bias=bias)
    dims = tuple(range(input.ndim - len(shape), input.ndim))
    return precision.wide(input).contiguous(), dims, _wide(weight), _wide(bias)


def group_norm_arguments(
    input: Any, num_groups: Any, weight: Any, bias: Any, eps: Any
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """input (N, num_groups, C / num_groups, positions), weight and bias (num_groups, C / num_groups, 1).

    TypeError, ZeroDivisionError, ValueError, RuntimeError, NotImplementedError as torch.
    """
    checks.check_number(eps, "eps")
    shape = tuple(input.shape)
    checks.require(len(shape) > 1, "input", "be (N, C, …)", shape)
    if not isinstance(num_groups, int):
        raise TypeError(f"argument 'num_groups' must be an int, but got {type(num_groups).__name__}")
    checks.require(num_groups != 0, "num_groups", "be at least 1", 0, ZeroDivisionError)
    N, C, *places = shape
    several = (N * C // num_groups) * math.prod(places) != 1
    checks.require(several, "input", "have several values a group, for they have a variance", shape, ValueError)
    checks.require(num_groups > 0, "num_groups", "be at least 1", num_groups)
    checks.require(C % num_groups == 0, "num_groups", f"divide the {C} channels", num_groups)
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None:
            checks.require(parameter.shape == (C,), name, f"have shape ({C},)", tuple(parameter.shape))
    _check_dtypes(input, weight=weight, bias=bias)
    grouped = (num_groups, C // num_groups)
    w, b = (None if p is None else precision.wide(p).reshape(*grouped, 1) for p in (weight, bias))
    return precision.wide(input).reshape(N, *grouped, math.prod(places)), w, b


def _check_statistics(input: Tensor, running_mean: Any, running_var: Any, needed: bool) -> None:
    running = {"running_mean": running_mean, "running_var": running_var}
    missing = [name for name, statistic in running.items() if statistic is None]
    if needed and missing:
        raise RuntimeError(f"argument '{missing[0]}' must be a Tensor where it standardises, but got None")
    if len(missing) == 1:
        raise ValueError(f"argument '{missing[0]}' must be given with the other running statistic, but got None")
    _check_channels(input, **running)
    for name, statistic in running.items():
        if statistic is not None:
            checks.require(statistic.ndim == 1, name, "have one dimension", tuple(statistic.shape))
            checks.without_gradient(statistic, name)


def _check_channels(input: Tensor, **parameters: Any) -> None:
    channels = input.shape[1] if input.ndim > 1 else 0
    for name, parameter in parameters.items():
        if parameter is not None:
            fits = parameter.numel() == channels
            checks.require(fits, name, f"have one element for each of {channels} channels", parameter.numel())


def _check_dtypes(input: Tensor, **others: Tensor | None) -> None:
    """Parameters have input's dtype, or float32 beside half precision."""
    checks.require(input.is_floating_point(), "input", "be floating point", input.dtype, NotImplementedError)
    allowed = {input.dtype, precision.WIDE.get(input.dtype, input.dtype)}
    for name, other in others.items():
        if other is not None:
            checks.require(other.dtype in allowed, name, f"have a dtype of {allowed}", other.dtype)


def _normed(input: Tensor, **others: Tensor | None) -> tuple[Any, ...]:
    """All wide, the others along the channels."""
    _check_dtypes(input, **others)
    shape = (1, -1, *[1] * (input.ndim - 2)) if input.ndim > 1 else (-1,)  # an empty input may lack the channels
    return precision.wide(input), *(None if t is None else precision.wide(t).reshape(shape) for t in others.values())


def _wide(parameter: Tensor | None) -> Tensor | None:
    return None if parameter is None else precision.wide(parameter)
