"""2-D pooling: each window of the input, channel by channel, becomes its maximum or its average.

Windows lie as in a convolution, with two differences: the stride is the kernel size unless it is given, and
with `ceil_mode` a last window may hang over the end, provided that it starts before the padding after the input.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.ops import kit
from core.ops.kit.pooling import avg_pool2d_windows, max_pool2d_windows, stride_pair, windows_of
from core.ops.kit.windows import Ints, Windows, pair, pool_output_size
from core.ops.operator import Call, Operator

__all__ = ["Ints", "Windows", "pool_output_size", "windows_of"]

# ---- textbook --------------------------------------------------------------------------------------------------


def pool2d(X: Tensor, pool_k: Tensor, mode: str = "avg") -> Tensor:
    """Average or maximum of each window of one channel, as the tutorial writes it.

    `pool_k` is a tensor whose numbers are never read: only its shape counts, although the tutorial passes
    ones, as if they were weights. (It also calls the width of the window p_k, as if it were the kernel.)

    Limits: one channel, and windows one cell apart, where torch's default stride is the kernel size; no
    padding, dilation, ceil_mode or indices. Whole numbers have a maximum but no mean: 'avg', the default,
    raises RuntimeError for them. Any other `mode` gives zeros without a word. The output is always float32 on
    the CPU.
    """
    p_h, p_w = pool_k.shape
    h, w = X.shape
    Y = torch.zeros([h - p_h + 1, w - p_w + 1]).float()
    if mode == "avg":
        for i in range(Y.shape[0]):
            for j in range(Y.shape[1]):
                Y[i][j] = X[i : i + p_h, j : j + p_w].mean()
    if mode == "max":
        for i in range(Y.shape[0]):
            for j in range(Y.shape[1]):
                Y[i][j] = X[i : i + p_h, j : j + p_w].max()
    return Y


def _pool2d_channels(input: Tensor, kernel_size: Ints, stride: Ints | None, padding: Ints, mode: str) -> Tensor:
    """`pool2d` for each image and channel, every stride-th output kept; padding that is no maximum, or zero."""
    kernel = pair(kernel_size, "kernel_size")
    (down, across), (rows, cols) = stride_pair(stride, kernel), pair(padding, "padding")
    empty = lowest(input.dtype) if mode == "max" else 0
    padded = torch.nn.functional.pad(input, (cols, cols, rows, rows), value=empty)
    outputs = [pool2d(X, torch.ones(kernel), mode) for X in padded.flatten(0, -3)]
    output = torch.stack(outputs)[:, ::down, ::across]
    return output.unflatten(0, input.shape[:-2])


def _max_textbook(input: Tensor, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0) -> Tensor:
    return _pool2d_channels(input, kernel_size, stride, padding, "max")


def _avg_textbook(input: Tensor, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0) -> Tensor:
    return _pool2d_channels(input, kernel_size, stride, padding, "avg")


# ---- max pooling -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MaxPoolSteps:
    """How the result of max pooling comes about."""

    padded: Tensor  # (…, H', W'), −inf around the input
    output: Tensor  # (…, output height, output width)


def max_pool2d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest number of each window of `input` (N, C, H, W) or (C, H, W), nan before all. As F.max_pool2d.

    The gradient goes to one cell of each window, its winner; `return_indices` gives the winners beside the maxima.
    Dilation can make a window of padding alone: −inf, and some cell of the plane (torch's may lie outside it).

    Raises TypeError for an argument of a wrong type, NotImplementedError for a dtype that can't be pooled,
    RuntimeError for sizes that don't fit: padding of more than half the kernel, an output of no cells.
    """
    windows = max_pool2d_windows(input, kernel_size, stride, padding, dilation, ceil_mode)
    largest = lambda x: max_pool2d_steps(x, windows).output  # noqa: E731
    where = lambda x: winners(windows.pad(x, lowest(x.dtype)), windows)  # noqa: E731
    output = kit.laid_out(kit.with_choice(largest, where, input), input)  # autograd would share among equal maxima
    return (output, kit.laid_out(where(input.detach()), input)) if return_indices else output


def max_pool2d_steps(input: Tensor, windows: Windows) -> MaxPoolSteps:
    """The steps of max_pool2d. The padding is −inf, or the least integer, so that it is never the largest."""
    padded = windows.pad(input, lowest(input.dtype))
    return MaxPoolSteps(padded, windows.of(padded).amax(-1).amax(-1))  # over columns, then over rows


def winners(padded: Tensor, windows: Windows) -> Tensor:
    """Where each window's maximum stands, as a position in the flattened H·W: the first one, or the last nan."""
    taps, cells = windows.of(padded), windows.cells(padded.device)  # numbers and positions, both (…, h, w, kh, kw)
    nowhere = math.prod(windows.input_size)  # the position of padding, past all others
    largest = taps.amax((-2, -1), keepdim=True)
    first = torch.where(taps == largest, cells, nowhere).amin((-2, -1))
    last_nan = torch.where(taps.isnan(), cells, -1).amax((-2, -1))
    return torch.where(last_nan < 0, first.clamp(max=nowhere - 1), last_nan)


def max_pool2d_backward(
    grad: Tensor,
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    """The gradient of input: each number of grad added onto the winner of its window, and 0 for all other cells."""
    del return_indices  # they have no gradient
    windows = max_pool2d_windows(input, kernel_size, stride, padding, dilation, ceil_mode)
    cells = winners(windows.pad(input, lowest(input.dtype)), windows)
    zeros = grad.new_zeros(input.shape).flatten(-2)
    return zeros.scatter_add(-1, cells.flatten(-2), grad.flatten(-2)).reshape(input.shape)


def lowest(dtype: torch.dtype) -> float:
    """What is never larger than a number of this dtype: −inf, or the least integer."""
    return -torch.inf if dtype.is_floating_point else torch.iinfo(dtype).min


# ---- average pooling -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AvgPoolSteps:
    """How the result of average pooling comes about."""

    padded: Tensor  # (…, H', W'), zeros around the input
    total: Tensor  # (…, output height, output width): the sum of each window
    divisor: Tensor | int  # (output height, output width), or one number for all
    output: Tensor  # total / divisor


def avg_pool2d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The average of each window of `input` (N, C, H, W) or (C, H, W). As F.avg_pool2d.

    `divisor_override` takes the place of the number of cells. int64 is divided towards zero.

    Raises TypeError for an argument of a wrong type, NotImplementedError for a dtype that can't be averaged,
    IndexError for a rank below 3, RuntimeError for sizes that don't fit and for a `divisor_override` of 0.
    """
    windows = avg_pool2d_windows(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    return kit.laid_out(avg_pool2d_steps(input, windows, count_include_pad, divisor_override).output, input)


def avg_pool2d_steps(
    input: Tensor, windows: Windows, count_include_pad: bool = True, divisor_override: int | None = None
) -> AvgPoolSteps:
    """The steps of avg_pool2d, in the order in which they are taken."""
    padded = windows.pad(kit.wide(input), 0)
    total = windows.of(padded).sum(-1).sum(-1)  # over columns, then over rows
    divisor = divisor_override or divisors(windows, count_include_pad, input.device)
    output = total.div(divisor, rounding_mode=None if total.is_floating_point() else "trunc")
    return AvgPoolSteps(padded, total, divisor, kit.finish(output, like=input))


def divisors(windows: Windows, count_include_pad: bool, device: torch.device) -> Tensor:
    """How many cells each window counts, rows times columns: (output height, output width).

    The padding counts if `count_include_pad`; what hangs over the padding's end, as `ceil_mode` allows, never does.
    """
    counted = []
    for d in (0, 1):
        around = windows.padding[d] if count_include_pad else 0
        first = torch.arange(windows.outputs[d], device=device) * windows.stride[d] - windows.padding[d]
        end = (first + windows.kernel_size[d]).clamp(max=windows.input_size[d] + around)
        counted.append(end - first.clamp(min=-around))
    return counted[0][:, None] * counted[1]


def avg_pool2d_backward(
    grad: Tensor,
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The gradient of input: each number of grad, over its window's divisor, added onto all cells of the window."""
    windows = avg_pool2d_windows(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    shares = grad / (divisor_override or divisors(windows, count_include_pad, grad.device))
    return windows.fold(shares[..., None, None].expand(*shares.shape, *windows.kernel_size))


# ---- registry --------------------------------------------------------------------------------------------------


def _make_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    input = torch.randn(4, 16, size, size, generator=generator)
    return Call((input.to(device, dtype),), {"kernel_size": 3, "stride": 2, "padding": 1})


def _outputs(size: int) -> int:
    return 4 * 16 * pool_output_size(size, 3, 2, 1) ** 2


OPERATORS = tuple(
    Operator(
        mirrors=f"torch.nn.functional.{manual.__name__}",
        textbook=pool2d,
        textbook_call=textbook_call,
        manual=manual,
        backward=backward,
        torch=library,
        make_call=_make_call,
        sizes=(8, 32, 256),
        size_meaning="n: input of shape (4, 16, n, n), kernel 3×3, stride 2, padding 1",
        bytes_moved=lambda n, itemsize: (4 * 16 * n**2 + _outputs(n)) * itemsize,
        operations=lambda n: 9 * _outputs(n),
    )
    for manual, backward, textbook_call, library in (
        (max_pool2d, max_pool2d_backward, _max_textbook, torch.nn.functional.max_pool2d),
        (avg_pool2d, avg_pool2d_backward, _avg_textbook, torch.nn.functional.avg_pool2d),
    )
)
