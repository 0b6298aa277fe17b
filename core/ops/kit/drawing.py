"""What the draws of initial weights ask of their arguments."""

import warnings
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from core.ops.kit.checks import require


def check_filled(tensor: Any, at_least: int = 0) -> None:
    """AttributeError for what is no tensor, as torch trips over a missing method; ValueError for too few dimensions."""
    require(isinstance(tensor, Tensor), "tensor", "be a Tensor", type(tensor).__name__, AttributeError)
    must = f"have at least {at_least} dimensions, (out, in, *kernel)"
    require(tensor.ndim >= at_least, "tensor", must, tensor.ndim, ValueError)


def check_numbers(**numbers: Any) -> None:
    """TypeError unless all are real numbers, or tensors."""
    for name, value in numbers.items():
        require(isinstance(value, (Real, Tensor)), name, "be a number", type(value).__name__, TypeError)


def check_drawn(tensor: Any, **numbers: Any) -> None:
    """As both above; NotImplementedError for a dtype that random numbers can't be drawn in."""
    check_filled(tensor)
    check_numbers(**numbers)
    drawn = tensor.is_floating_point() or tensor.is_complex()
    require(drawn, "tensor", "have a floating or complex dtype", tensor.dtype, NotImplementedError)


def check_bounds(tensor: Tensor, a: Any, b: Any) -> None:
    """RuntimeError where a > b, or where tensor's dtype can't hold a or b."""
    limit = torch.finfo(tensor.dtype).max
    if not -limit <= a <= b <= limit:
        raise RuntimeError(f"a and b must satisfy {-limit:g} <= a <= b <= {limit:g}, but got a={a} and b={b}")


def check_slope(value: Any, name: str) -> None:
    """ValueError unless a number, the negative slope of leaky_relu."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    require(number, name, "be a number, the negative slope", repr(value), ValueError)


def check_mode(mode: Any) -> str:
    """'fan_in' or 'fan_out', in small letters: AttributeError for what is no str, ValueError for another."""
    require(isinstance(mode, str), "mode", "be 'fan_in' or 'fan_out'", repr(mode), AttributeError)
    require(mode.lower() in ("fan_in", "fan_out"), "mode", "be 'fan_in' or 'fan_out'", repr(mode), ValueError)
    return mode.lower()


def has_elements(tensor: Any) -> bool:
    """Whether there is something to draw, a warning where there is not. AttributeError for what is no tensor."""
    check_filled(tensor)
    if tensor.numel() == 0:
        warnings.warn("argument 'tensor' has no elements: there is nothing to draw", stacklevel=3)
    return tensor.numel() > 0
