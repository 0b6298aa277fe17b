"""The outer product: every number of one vector times every number of another."""

from typing import Any

import torch
from torch import Tensor

from core.ops import kit
from core.ops.operator import Call, Operator


def outer_rows(input: Tensor, vec2: Tensor) -> Tensor:
    """y[i, j] = input[i]·vec2[j], row by row. Limits: two vectors, input with at least one number."""
    return torch.stack([x * vec2 for x in input])


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """y[i, j] = input[i]·vec2[j]. As torch.outer. RuntimeError unless both are vectors."""
    for name, vector in (("input", input), ("vec2", vec2)):
        kit.require(vector.ndim == 1, name, "be a vector", tuple(vector.shape))
    return input[:, None] * vec2  # (n, 1) times (m,)


def outer_backward(grad: Tensor, input: Tensor, vec2: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients: grad·vec2 for input, and gradᵀ·input for vec2."""
    return grad @ vec2, grad.t() @ input


def _make_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    x, y = torch.randn(2, size, generator=generator).to(device, dtype)
    return Call((x, y))


_library: Any = torch.outer

OPERATORS = (
    Operator(
        mirrors="torch.outer",
        textbook=outer_rows,
        manual=outer,
        backward=outer_backward,
        torch=_library,
        make_call=_make_call,
        sizes=(4, 256, 2048),
        size_meaning="n: two vectors of n",
        bytes_moved=lambda n, itemsize: (2 * n + n * n) * itemsize,
        operations=lambda n: n * n,
    ),
)
