"""What embedding asks of its indices and its table."""

from typing import Any

import torch
from torch import Tensor

from core.ops.kit.checks import check_boolean, check_integer, check_number, check_tensor, readable, require


def embedding_arguments(
    input: Any, weight: Any, padding_idx: Any, max_norm: Any, norm_type: Any, scale_grad_by_freq: Any, sparse: Any
) -> None:
    """TypeError, RuntimeError, IndexError and, for padding_idx, AssertionError as torch."""
    check_tensor(input, "input")
    check_tensor(weight, "weight")
    check_boolean(scale_grad_by_freq, "scale_grad_by_freq")
    check_boolean(sparse, "sparse")
    require(weight.ndim == 2, "weight", "be 2-D", f"{weight.ndim} dimensions")
    require(input.dtype in (torch.int64, torch.int32), "input", "be int64 or int32", input.dtype)
    rows = weight.shape[0]
    if padding_idx is not None:
        fits = -rows <= check_integer(padding_idx, "padding_idx") < max(rows, 1)
        require(fits, "padding_idx", f"lie in {-rows}…{rows - 1}, the rows of weight", padding_idx, AssertionError)
    if max_norm is not None:
        check_number(max_norm, "max_norm")
        check_number(norm_type, "norm_type")
        _check_renormalised(weight)
    if input.numel() and readable(input):
        low, high = (int(bound) for bound in input.aminmax())
        must = f"hold numbers in 0…{rows - 1}, the rows of weight"
        require(low >= 0 and high < rows, "input", must, low if low < 0 else high, IndexError)


def _check_renormalised(weight: Tensor) -> None:
    """A table that can be written to and whose rows have a norm."""
    real = weight.is_floating_point() or weight.is_complex()
    require(real, "weight", "be floating point where max_norm is given", weight.dtype)
    shared = any(stride == 0 and size > 1 for stride, size in zip(weight.stride(), weight.shape, strict=True))
    require(not shared, "weight", "have memory of its own for each element where max_norm is given", "an expanded one")
