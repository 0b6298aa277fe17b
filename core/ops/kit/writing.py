"""The `out=` argument: write a finished result into a tensor that the caller provides."""

from collections.abc import Iterable

import torch
from torch import Tensor

from core.ops.kit.checks import readable


def shares_memory(left: Tensor, right: Tensor) -> bool:
    """Whether some byte of one tensor's span of storage lies in the other's span; False where there is none to see."""
    if not (readable(left) and readable(right)):
        return False
    if left.untyped_storage().data_ptr() != right.untyped_storage().data_ptr():
        return False
    (left_first, left_last), (right_first, right_last) = _span(left), _span(right)
    return left_first <= right_last and right_first <= left_last


def _span(tensor: Tensor) -> tuple[int, int]:
    """Addresses of the first and the last byte that the tensor reads; the last before the first if it is empty."""
    if tensor.numel() == 0:
        return tensor.data_ptr(), tensor.data_ptr() - 1
    reach = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return tensor.data_ptr(), tensor.data_ptr() + (reach + 1) * tensor.element_size() - 1


def _reads_a_cell_twice(tensor: Tensor) -> bool:
    return any(stride == 0 and size > 1 for size, stride in zip(tensor.shape, tensor.stride(), strict=True))


def write_out(result: Tensor, out: Tensor | None, inputs: Iterable[Tensor] = (), *, cast: bool = False) -> Tensor:
    """`result` itself without an `out`, else `out` with the result written into it.

    An `out` of another shape is resized. With `cast` its dtype may be any that `torch.can_cast` allows, otherwise
    it must be the result's. Refused with a RuntimeError, as torch does: a dtype that doesn't fit, an `out` that
    holds one cell at several places, and any argument that requires grad (the result does then, unless it is detached
    or discrete: name such `inputs`), since a write leaves no graph behind.
    """
    if out is None:
        return result
    if not isinstance(out, Tensor):
        raise TypeError(f"argument 'out' must be a Tensor, but got {type(out).__name__}")
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (result, out, *inputs)):
        raise RuntimeError("argument 'out' must be None where an argument requires grad: a write is not differentiable")
    if not (torch.can_cast(result.dtype, out.dtype) if cast else result.dtype == out.dtype):
        raise RuntimeError(f"argument 'out' must be able to hold {result.dtype}, but got {out.dtype}")
    if _reads_a_cell_twice(out):
        raise RuntimeError("argument 'out' must not have several elements in one memory cell: clone() it first")
    with torch.no_grad():
        if out.shape != result.shape:
            out.resize_(result.shape)
        return out.copy_(result)
