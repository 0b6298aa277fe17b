"""What the poolings ask of their arguments."""

from typing import Any

import torch
from torch import Tensor

from core.ops.kit.checks import check_boolean, check_integer, check_tensor, require
from core.ops.kit.windows import Ints, Pair, Windows, pair, pool_output_size

FLOATS = {torch.float64, torch.float32, torch.float16, torch.bfloat16}
MAX_DTYPES = FLOATS | {torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8}
AVG_DTYPES = FLOATS | {torch.int64}


def max_pool2d_windows(
    input: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: Any
) -> Windows:
    """The windows of a max_pool2d, its arguments checked. Raises what max_pool2d does."""
    _check_dtype(input, MAX_DTYPES)
    return windows_of(input, kernel_size, stride, padding, dilation, ceil_mode)


def avg_pool2d_windows(
    input: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: Any, count_include_pad: Any, divisor: Any
) -> Windows:
    """The windows of an avg_pool2d, its arguments checked. Raises what avg_pool2d does."""
    _check_dtype(input, AVG_DTYPES)
    check_boolean(count_include_pad, "count_include_pad")
    shape = tuple(input.shape)
    require(len(shape) > 2, "input", "be (C, H, W) or (N, C, H, W)", f"the shape {shape}", IndexError)
    if divisor is not None:
        require(check_integer(divisor, "divisor_override") != 0, "divisor_override", "not be 0", divisor)
    return windows_of(input, kernel_size, stride, padding, 1, ceil_mode)


def windows_of(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
) -> Windows:
    """The windows that these arguments of a pooling ask for, checked. TypeError, RuntimeError."""
    check_boolean(ceil_mode, "ceil_mode")
    kernel = pair(kernel_size, "kernel_size")
    steps = stride_pair(stride, kernel)
    around, spread = pair(padding, "padding"), pair(dilation, "dilation")
    _check_numbers(kernel, steps, around, spread)
    _check_shape(input)
    size = (input.shape[-2], input.shape[-1])
    down, across = (pool_output_size(size[d], kernel[d], steps[d], around[d], spread[d], ceil_mode) for d in (0, 1))
    if down < 1 or across < 1:
        padded = tuple(n + 2 * p for n, p in zip(size, around, strict=True))
        span = tuple(d * (k - 1) + 1 for k, d in zip(kernel, spread, strict=True))
        raise RuntimeError(
            f"input of {size[0]}×{size[1]}, {padded[0]}×{padded[1]} with its padding, is too small for a kernel_size "
            f"of {kernel}, which spans {span[0]}×{span[1]} with a dilation of {spread}"
        )
    return Windows(size, kernel, steps, around, spread, (down, across))


def stride_pair(stride: Ints | None, kernel_size: Pair) -> Pair:
    """The stride, which is the kernel size unless it is given."""
    if stride is None or (isinstance(stride, (tuple, list)) and len(stride) == 0):
        return kernel_size
    return pair(stride, "stride")


def _check_dtype(input: Any, dtypes: set[torch.dtype]) -> None:
    check_tensor(input, "input")
    require(input.dtype in dtypes, "input", "have a dtype that can be pooled", input.dtype, NotImplementedError)


def _check_numbers(kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> None:
    for name, numbers in (("kernel_size", kernel_size), ("stride", stride), ("dilation", dilation)):
        require(min(numbers) > 0, name, "be at least 1", numbers)
    for kernel, around in zip(kernel_size, padding, strict=True):
        require(0 <= around <= kernel // 2, "padding", f"lie between 0 and half of kernel_size {kernel}", around)


def _check_shape(input: Tensor) -> None:
    shape = tuple(input.shape)
    require(len(shape) in (3, 4), "input", "be (C, H, W) or (N, C, H, W)", f"the shape {shape}")
    require(0 not in shape[-3:], "input", "have no empty dimension but the batch", f"the shape {shape}")
