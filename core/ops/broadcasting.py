"""Broadcasting: a tensor read as if it had another shape, its one number of a dimension of size 1 again and again.

    output[…, i, …] = input[…, 0, …] where the input's size is 1, and input[…, i, …] elsewhere

Shapes are aligned at the last dimension; what the shorter one lacks in front counts as 1. Source: numpy's rule, which
torch follows.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor

from core.ops import kit
from core.ops.operator import Call, Operator


def broadcast_by_index(input: Tensor, size: Sequence[int]) -> Tensor:
    """Textbook: the number at each place of the result, one at a time. It copies, and takes no -1 in `size`."""
    output = torch.empty(tuple(size), dtype=input.dtype, device=input.device)
    for place in product(*map(range, size)):
        behind = place[len(size) - input.ndim :]
        output[place] = input[tuple(0 if n == 1 else i for i, n in zip(behind, input.shape, strict=True))]
    return output


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """A view of input in the shape `size`, which repeats dimensions of size 1 by a stride of 0. As torch.broadcast_to.

    -1 in `size` keeps a size that input has. No number is copied: cells that were repeated are one cell in memory.
    RuntimeError where input has more dimensions, or a size that is neither 1 nor the one asked for.
    """
    shape = broadcast_size(kit.check_tensor(input, "input"), size)
    return input.expand(shape)  # a stride of 0 for each new dimension, and for each that was 1 and is more


def broadcast_size(input: Tensor, size: Sequence[int]) -> tuple[int, ...]:
    """`size` with its -1 worked out, checked against input's shape from the last dimension on."""
    shape, new = [kit.check_integer(n, "size") for n in size], len(size) - input.ndim
    kit.require(new >= 0, "size", f"have {input.ndim} dimensions at least, as input has", tuple(shape))
    for d, have in enumerate(input.shape, start=new):
        kit.require(shape[d] in (-1, have) or have == 1, "size", f"be {have} or -1 in place {d}, or input 1", shape[d])
        shape[d] = have if shape[d] == -1 else shape[d]
    kit.require(
        min(shape, default=0) >= 0, "size", "have no negative number but -1 for a dimension of input", tuple(shape)
    )
    return tuple(shape)


def broadcast_to_backward(grad: Tensor, input: Tensor, size: Sequence[int]) -> Tensor:
    """The gradient of input: a cell that was read many times gets the sum of what comes back to each reading."""
    del size
    grad = grad.sum(tuple(range(grad.ndim - input.ndim))) if grad.ndim > input.ndim else grad
    repeated = tuple(d for d, n in enumerate(input.shape) if n == 1 and grad.shape[d] != 1)
    return grad.sum(repeated, keepdim=True) if repeated else grad


def _make_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    return Call((torch.randn(size, 1, generator=generator).to(device, dtype), (size, size)))


_library: Any = torch.broadcast_to

OPERATORS = (
    Operator(
        mirrors="torch.broadcast_to",
        textbook=broadcast_by_index,
        manual=broadcast_to,
        backward=broadcast_to_backward,
        torch=_library,
        make_call=_make_call,
        sizes=(8, 128, 2048),
        size_meaning="n: input of shape (n, 1) as (n, n)",
        bytes_moved=lambda n, itemsize: n * itemsize,
        operations=lambda n: n,
    ),
)
