"""Half precision, one way: an operator computes in float32 and rounds once, when it gives its result.

Both casts are steps of the graph, so that a gradient too is computed in float32, from float32 intermediates, and
rounded once.
"""

import functools
from typing import Any

import torch
from torch import Tensor

from core.ops.kit import checks
from core.ops.kit.writing import write_out

WIDE = {torch.float16: torch.float32, torch.bfloat16: torch.float32, torch.complex32: torch.complex64}


def wide(tensor: Tensor) -> Tensor:
    """Half precision in the precision that it is computed in; anything else unchanged."""
    return tensor.to(WIDE.get(tensor.dtype, tensor.dtype))


def floating(value: Any, name: str, *, complex: bool = False, inplace: bool = False) -> Tensor:
    """`value`, wide. TypeError unless a tensor, NotImplementedError unless of floating point, or `complex`, numbers.

    With `inplace` a copy where autograd may need the old numbers once the result is written over them.
    """
    checks.check_tensor(value, name)
    if not (value.is_floating_point() or (complex and value.is_complex())):
        raise NotImplementedError(f"argument '{name}' must be floating point, but got {value.dtype}")
    return wide(_kept(value) if inplace else value)


def numeric(value: Any, name: str, *, complex: bool = False) -> Tensor:
    """As `floating`, but integers and bools become the default float dtype."""
    checks.check_tensor(value, name)
    if value.is_complex() and not complex:
        raise NotImplementedError(f"argument '{name}' must be real, but got {value.dtype}")
    if not (value.is_floating_point() or value.is_complex()):
        return value.to(torch.get_default_dtype())
    return wide(value)


def ordered(value: Any, name: str, *, inplace: bool = False) -> Tensor:
    """As `floating`, but integers stay integers: RuntimeError for bools, NotImplementedError for complex numbers."""
    checks.check_tensor(value, name)
    checks.require(value.dtype != torch.bool, name, "hold numbers", value.dtype)
    checks.require(not value.is_complex(), name, "be real, for there is no order", value.dtype, NotImplementedError)
    return wide(_kept(value) if inplace else value)


def autocast(*tensors: Tensor | None) -> tuple[Any, ...]:
    """The tensors as autocast hands them to torch's products: in its dtype, but for float64 and integers."""
    device = next(tensor.device.type for tensor in tensors if tensor is not None)
    if device == "meta" or not torch.is_autocast_enabled(device):
        return tensors
    dtype = torch.get_autocast_dtype(device)
    cast = (torch.float32, torch.float16, torch.bfloat16)
    return tuple(t.to(dtype) if t is not None and t.dtype in cast else t for t in tensors)


def in_float32(*values: Any) -> tuple[Any, ...]:
    """The values as autocast hands them to torch's losses: half precision in float32. Unchanged without autocast."""
    device = next((value.device.type for value in values if isinstance(value, Tensor)), "meta")
    if device == "meta" or not torch.is_autocast_enabled(device):
        return values
    return tuple(wide(value) if isinstance(value, Tensor) else value for value in values)


def promoted(*tensors: Tensor | None) -> torch.dtype:
    """The dtype that can hold all of these tensors' numbers."""
    dtypes = [tensor.dtype for tensor in tensors if tensor is not None]
    return functools.reduce(torch.promote_types, dtypes)


def converted(value: Any, name: str, dtype: Any) -> Tensor:
    """`value` in `dtype`, as an operator's argument of that name asks for, not yet wide; unchanged for None.

    TypeError for what is no tensor or no dtype, NotImplementedError unless floating point then.
    """
    checks.check_tensor(value, name)
    if dtype is None:
        checks.require(value.is_floating_point(), name, "be floating point", value.dtype, NotImplementedError)
        return value
    if not isinstance(dtype, torch.dtype):
        raise TypeError(f"argument 'dtype' must be a torch.dtype, but got {type(dtype).__name__}")
    checks.require(dtype.is_floating_point, "dtype", "be floating point", dtype, NotImplementedError)
    return value.to(dtype)


def finish(
    value: Tensor, *, like: Tensor | torch.dtype, inplace: bool = False, out: Tensor | None = None, cast: bool = False
) -> Tensor:
    """The operator's result: `value` rounded to the dtype of `like`, written to `like` itself or to `out` if asked.

    `cast` lets `out` have any dtype that can hold the result. Integers and bools are no dtype to round to.
    """
    dtype = like.dtype if isinstance(like, Tensor) else like
    if dtype.is_floating_point or dtype.is_complex:
        value = value.to(dtype)
    if inplace:
        assert isinstance(like, Tensor)
        return like.copy_(value)
    return write_out(value, out, cast=cast)


def _kept(input: Tensor) -> Tensor:
    checks.writable(input)
    return input.clone() if input.requires_grad and torch.is_grad_enabled() else input
