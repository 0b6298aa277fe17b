"""Checks and blocks of the losses, until they follow `core.ops.kit`."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


def require_tensor(value: Any, name: str) -> None:
    """TypeError unless `value`, the argument called `name`, is a tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(f"argument '{name}' must be a Tensor, but got {type(value).__name__}")


def require_floating(value: Any, name: str) -> None:
    """TypeError unless `value` is a tensor, NotImplementedError unless it holds real floating point numbers."""
    require_tensor(value, name)
    if not value.is_floating_point():
        raise NotImplementedError(f"argument '{name}' must be floating point, but got dtype {value.dtype}")


def require_number(value: Any, name: str) -> None:
    """TypeError unless `value` is a real number, or a tensor of one that needs no gradient."""
    if isinstance(value, Tensor) and value.ndim == 0 and not value.requires_grad:
        return
    if not isinstance(value, int | float):
        raise TypeError(f"argument '{name}' must be a real number, but got {type(value).__name__}")


def widened(tensor: Tensor) -> Tensor:
    """float16 and bfloat16 as float32, in which torch's own kernels compute them; anything else unchanged."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def _is_row(tensor: Tensor) -> bool:
    """Whether view(-1) is possible: contiguous, or one number expanded, as the gradient that comes from a mean."""
    return tensor.is_contiguous() or not any(tensor.stride())


BLOCK = 1 << 18  # elements: 1 MiB of float32


def by_blocks(function: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
    """function(*tensors), element by element, in the dtype and layout of the first tensor; half precision widened.

    Each step of a formula makes a tensor. On a CPU, for large contiguous tensors, the steps are taken for one block
    after the other, so that their results stay in the cache: up to twice as fast, and no memory to speak of.
    """
    first = tensors[0]
    if not (_is_worth_blocks(first) and all(map(_is_row, tensors))):
        return function(*map(widened, tensors)).to(first.dtype)
    output = torch.empty_like(first, memory_format=torch.contiguous_format)
    _fill(output.view(-1), function, [tensor.view(-1) for tensor in tensors], BLOCK)
    return output


def by_rows(function: Callable[..., Tensor], dim: int, *tensors: Tensor) -> Tensor:
    """As `by_blocks`, for a function that needs all numbers along `dim` together: blocks are cut along dimension 0."""
    first = tensors[0]
    if not _is_worth_blocks(first) or dim in (0, -first.ndim):
        return function(*map(widened, tensors)).to(first.dtype)
    output = torch.empty_like(first)
    _fill(output, function, tensors, max(1, BLOCK * len(first) // first.numel()))
    return output


def _is_worth_blocks(tensor: Tensor) -> bool:
    """Where autograd records the steps (a second derivative) or a compiler fuses them, they are taken at once."""
    watched = torch.is_grad_enabled() or torch.compiler.is_compiling()
    return tensor.device.type == "cpu" and tensor.numel() > BLOCK and not watched


def _fill(output: Tensor, function: Callable[..., Tensor], tensors: Iterable[Tensor], length: int) -> None:
    blocks = zip(*(tensor.split(length) for tensor in (output, *tensors)), strict=True)
    for written, *read in blocks:
        written.copy_(function(*map(widened, read)))
