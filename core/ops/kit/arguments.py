"""What single operators ask of their arguments."""

import math
from typing import Any

from torch import Tensor

from core.ops.kit import checks


def vector_norm_arguments(input: Any, p: Any, dim: Any) -> tuple[int, ...]:
    """The reduced dimensions, counted from the front. AttributeError, RuntimeError, TypeError, IndexError as torch."""
    if not isinstance(input, Tensor):
        raise AttributeError(f"argument 'input' must be a Tensor, but got {type(input).__name__}")
    checks.require(input.is_floating_point() or input.is_complex(), "input", "be floating or complex", input.dtype)
    checks.check_number(p, "p")
    dims = checks.dims_of(input, dim)
    if (p < 0 or p == math.inf) and any(input.shape[d] == 0 for d in dims):
        raise RuntimeError(f"argument 'input' must not be empty along dim {dims} for p={p}: {tuple(input.shape)}")
    return dims
