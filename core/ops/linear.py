"""The fully connected layer: y = x·Wᵀ + b, each output a sum of products of the input's features and one row of W."""

from typing import Any

import torch
from torch import Tensor

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
    """y = input·weightᵀ + bias, over the last dimension of input.

    input (*, in), weight (out, in), bias (out,) or anything that broadcasts to the output, (*, out). A weight of one
    dimension (in,) drops the output's last dimension, (*), and takes no bias, as in torch.

    All three must share one dtype: there is no type promotion here, as in torch. Raises RuntimeError for shapes that
    do not fit or dtypes that differ, NotImplementedError for booleans, TypeError for what is not a tensor.
    """
    _check(input, weight, bias)
    y = input @ (weight.mT if weight.ndim == 2 else weight)  # (*, out), or (*) for a weight of one dimension
    if bias is None:
        return y
    _check_bias_fits(bias, y)
    return y + bias


def _check(input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    for name, value in (("input", input), ("weight", weight), ("bias", bias)):
        if not isinstance(value, Tensor) and not (name == "bias" and value is None):
            raise TypeError(f"{name} must be a tensor, but got {type(value).__name__}")
    if input.ndim == 0 or weight.ndim not in (1, 2):
        raise RuntimeError(
            "input must have at least 1 dimension and weight 1 or 2, "
            f"but input has {input.ndim} and weight has {weight.ndim}"
        )
    if input.shape[-1] != weight.shape[-1]:
        raise RuntimeError(
            f"input and weight must have the same number of features (their last size), but input has shape "
            f"{tuple(input.shape)} and weight has shape {tuple(weight.shape)}"
        )
    if bias is not None and weight.ndim == 1:
        raise RuntimeError(f"bias must be None where weight has 1 dimension, but got shape {tuple(bias.shape)}")
    _check_dtypes(input, weight, bias)


def _check_dtypes(input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    dtypes = {"input": input.dtype, "weight": weight.dtype, "bias": input.dtype if bias is None else bias.dtype}
    if torch.is_autocast_enabled(input.device.type):  # autocast brings the three to one dtype
        return
    if len(set(dtypes.values())) > 1:
        raise RuntimeError(f"input, weight and bias must have the same dtype, but got {dtypes}")
    if input.dtype == torch.bool:
        raise NotImplementedError("input must hold numbers, but got torch.bool")


def _check_bias_fits(bias: Tensor, y: Tensor) -> None:
    """The bias may be stretched to the output's shape; the output is never stretched to the bias's."""
    padded = (1,) * (y.ndim - bias.ndim) + tuple(bias.shape)
    fits = bias.ndim <= y.ndim and all(b in (1, n) for b, n in zip(padded, y.shape, strict=True))
    if not fits:
        raise RuntimeError(
            f"bias must broadcast to the output's shape {tuple(y.shape)}, but has shape {tuple(bias.shape)}"
        )


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
        torch=_library,
        make_call=_make_call,
        sizes=(8, 128, 1024),
        size_meaning="n: input (n, n), weight (n, n), bias (n,)",
        bytes_moved=_bytes_moved,
        operations=_operations,
        target_ratio=1.1,
    ),
)
