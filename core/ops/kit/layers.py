"""What linear and dropout ask of their arguments."""

import math
import numbers
from typing import Any

import torch
from torch import Tensor

from core.ops.kit import checks, precision


def linear_arguments(input: Any, weight: Any, bias: Any) -> tuple[Any, ...]:
    """input, weight and bias, wide, and the result's dtype, autocast's where it is on.

    TypeError, RuntimeError, NotImplementedError as torch.
    """
    given = {name: t for name, t in (("input", input), ("weight", weight), ("bias", bias)) if t is not None}
    for name in ("input", "weight", *given):
        checks.check_tensor(given.get(name), name)
    shapes = f"{tuple(input.shape)} and {tuple(weight.shape)}"
    if input.ndim == 0 or weight.ndim not in (1, 2):
        raise RuntimeError(
            f"arguments 'input' and 'weight' must have 1 or more, and 1 or 2 dimensions, but got {shapes}"
        )
    if input.shape[-1] != weight.shape[-1]:
        raise RuntimeError(f"arguments 'input' and 'weight' must have as many features (last size), but got {shapes}")
    if bias is not None:
        checks.require(weight.ndim == 2, "bias", "be None where weight has 1 dimension", tuple(bias.shape))
        checks.broadcastable(bias, "bias", (*input.shape[:-1], weight.shape[0]))
    input, weight, bias = precision.autocast(input, weight, bias)
    dtypes = [t.dtype for t in (input, weight, bias) if t is not None]
    if len(set(dtypes)) > 1:
        got = ", ".join(f"{name} {dtype}" for name, dtype in zip(given, dtypes, strict=True))
        raise RuntimeError(f"arguments must share one dtype, but got {got}")
    checks.require(input.dtype != torch.bool, "input", "hold numbers", input.dtype, NotImplementedError)
    widened = (None if t is None else precision.wide(t) for t in (input, weight, bias))
    return *widened, input.dtype


def dropout_arguments(input: Any, p: Any, training: Any) -> float:
    """p as a float. TypeError, ValueError; RuntimeError for nan and for a tensor of several numbers."""
    if isinstance(p, Tensor):
        checks.require(p.numel() == 1, "p", "be one number", tuple(p.shape))
    if not isinstance(p, numbers.Real) and not (isinstance(p, Tensor) and p.ndim == 0):
        raise TypeError(f"argument 'p' must be a real number, but got {type(p).__name__}")
    probability = float(p)
    refused = probability < 0 or probability > 1
    checks.require(not refused, "p", "be a probability between 0 and 1", probability, ValueError)
    checks.require(not math.isnan(probability), "p", "be a probability between 0 and 1", probability)
    checks.check_tensor(input, "input")
    checks.check_boolean(training, "training")
    return probability


def scalable(input: Tensor, p: float, inplace: bool) -> None:
    """RuntimeError where input cannot be written to, or is of integers; NotImplementedError without random numbers."""
    if inplace:
        checks.writable(input)
    if p == 1:  # a product with 0, of any dtype
        return
    drawn = not input.is_complex() and not (input.is_floating_point() and input.dtype.itemsize == 1)
    checks.require(drawn, "input", "have a dtype of which random numbers are drawn", input.dtype, NotImplementedError)
    checks.require(input.is_floating_point(), "input", "be floating point, to be scaled by 1/(1 − p)", input.dtype)
