"""The `out=` argument: write a finished result into a tensor that the caller provides."""

from collections.abc import Iterable

import torch


def shares_memory(left: torch.Tensor, right: torch.Tensor) -> bool:
    """Whether some byte of one tensor's span of storage lies in the other's span."""
    if left.untyped_storage().data_ptr() != right.untyped_storage().data_ptr():
        return False
    (left_first, left_last), (right_first, right_last) = _span(left), _span(right)
    return left_first <= right_last and right_first <= left_last


def _span(tensor: torch.Tensor) -> tuple[int, int]:
    """Addresses of the first and the last byte that the tensor reads; the last before the first if it is empty."""
    if tensor.numel() == 0:
        return tensor.data_ptr(), tensor.data_ptr() - 1
    reach = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return tensor.data_ptr(), tensor.data_ptr() + (reach + 1) * tensor.element_size() - 1


def _reads_a_cell_twice(tensor: torch.Tensor) -> bool:
    return any(stride == 0 and size > 1 for size, stride in zip(tensor.shape, tensor.stride(), strict=True))


def write_out(
    result: torch.Tensor, out: torch.Tensor | None, inputs: Iterable[torch.Tensor], *, cast: bool = False
) -> torch.Tensor:
    """`result` itself without an `out`, else `out` with the result written into it.

    An `out` of another shape is resized. With `cast` its dtype may be any that `torch.can_cast` allows, otherwise
    it must be the result's. Refused with a RuntimeError, as torch does: a dtype that doesn't fit, an `out` that
    holds one cell at several places, and any argument that requires grad, since a write leaves no graph behind.
    """
    if out is None:
        return result
    if not isinstance(out, torch.Tensor):
        raise TypeError(f"out must be a Tensor, not {type(out).__name__}")
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (*inputs, out)):
        raise RuntimeError("a call with out= is not differentiable, but one of its arguments requires grad")
    if not (torch.can_cast(result.dtype, out.dtype) if cast else result.dtype == out.dtype):
        raise RuntimeError(f"out has dtype {out.dtype}, but the result has {result.dtype}")
    if _reads_a_cell_twice(out):
        raise RuntimeError("out has several elements in one memory cell (it was expanded); clone() it first")
    with torch.no_grad():
        if out.shape != result.shape:
            out.resize_(result.shape)
        return out.copy_(result)
