"""What unique asks of its arguments."""

from typing import Any

from core.ops.kit import checks


def unique_arguments(input: Any, sorted: Any, dim: Any) -> None:
    """TypeError, IndexError, RuntimeError, NotImplementedError as torch."""
    checks.check_tensor(input, "input")
    checks.check_boolean(sorted, "sorted")
    must = "be real, for complex numbers have no order"
    checks.require(not input.is_complex(), "input", must, input.dtype, NotImplementedError)
    if dim is None:
        return
    checks.require(input.ndim > 0, "dim", "be None for an input without dimensions", dim, IndexError)
    dim = checks.dim_of(input, checks.check_integer(dim, "dim"))
    rest = input.shape[:dim] + input.shape[dim + 1 :]
    must = "name a dimension whose sub-tensors have elements"
    checks.require(0 not in rest, "dim", must, f"{dim} of shape {tuple(input.shape)}")
