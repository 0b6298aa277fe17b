"""The fully connected layer: y = x·Wᵀ + b, each output a sum of products of the input's features and one row of W."""

from typing import Any

import torch
from torch import Tensor

from core.ops import kit
from core.ops.kit.layers import linear_arguments
from core.ops.operator import Call, Operator


def linear_rows(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y[n, o] = Σₖ input[n, k]·weight[o, k] + bias[o], one output at a time.

    Limits: input must be (N, in), weight (out, in), bias (out,) or None, all of one dtype, with N and out at least 1.
    """
    rows = []
    for x in input:  # (in,)
        outputs = [(x * w).sum() for w in weight]
        rows.append(torch.stack(outputs))
    y = torch.stack(rows)  # (N, out)
    return y if bias is None else y + bias


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = input·weightᵀ + bias, over the last dimension of input. As F.linear.

    input (*, in), weight (out, in), bias (out,) or anything that broadcasts to the output, (*, out). A weight of one
    dimension (in,) drops the output's last dimension, (*), and takes no bias.

    All three must share one dtype: there is no type promotion here, as in torch. Raises RuntimeError for shapes that
    do not fit or dtypes that differ, NotImplementedError for booleans, TypeError for what is not a tensor.
    """
    x, w, b, dtype = linear_arguments(input, weight, bias)
    y = x @ w.t()  # (*, out), or (*) for a weight of one dimension, which t() leaves as it is
    return kit.finish(y if b is None else y + b, like=dtype)


def linear_backward(grad: Tensor, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> tuple[Tensor, ...]:
    """The gradients: input's grad·weight, weight's gradᵀ·input and bias's grad, summed over all rows of input.

    Each is what makes the shapes fit: grad (*, out), weight (out, in), input (*, in).
    """
    if weight.ndim == 1:
        of_input, of_weight = linear_backward(grad.unsqueeze(-1), input, weight.unsqueeze(0))
        return of_input, of_weight.squeeze(0)
    rows = list(range(input.ndim - 1))
    of_bias = () if bias is None else (grad.sum_to_size(bias.shape),)
    return grad @ weight, torch.tensordot(grad, input, (rows, rows)), *of_bias


def _make_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(device, dtype)

    return Call((draw(size, size), draw(size, size), draw(size)))


def _operations(n: int) -> int:
    return 2 * n**3 + n**2


def _bytes_moved(n: int, itemsize: int) -> int:
    return (3 * n**2 + n) * itemsize


_library: Any = torch.nn.functional.linear

OPERATORS = (
    Operator(
        mirrors="torch.nn.functional.linear",
        textbook=linear_rows,
        manual=linear,
        backward=linear_backward,
        torch=_library,
        make_call=_make_call,
        sizes=(8, 128, 1024),
        size_meaning="n: input (n, n), weight (n, n), bias (n,)",
        bytes_moved=_bytes_moved,
        operations=_operations,
    ),
)
