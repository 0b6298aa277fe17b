"""2-D convolution as networks use it: a window slides over the input, and each output is a weighted sum.

    output[n, o, y, x] = bias[o] + Σ_c Σ_i Σ_j weight[o, c, i, j] · input[n, c, y·stride + i·dilation − padding, …]

with zeros outside the input. The kernel is not flipped: signal processing calls this cross-correlation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.ops import kit
from core.ops.kit.convolution import conv2d_arguments, pads
from core.ops.kit.windows import Ints, Pads, Pair, Windows, output_size, outputs_using, pair, same_padding, window
from core.ops.operator import Call, Operator

__all__ = ["Ints", "Pads", "Pair", "output_size", "outputs_using", "pads", "pair", "same_padding", "window"]


# ---- textbook --------------------------------------------------------------------------------------------------


def corr2d(X: Tensor, K: Tensor) -> Tensor:
    """Cross-correlation of one channel, as the tutorial writes it: each output the sum of window times kernel.

    Limits: one image, one channel, one kernel; no bias, stride, padding, dilation or groups. The output is
    always float32 on the CPU, whatever went in, so that float64 loses digits. A kernel one larger than the
    input gives an empty tensor without a word. One graph node for every cell makes the backward pass slow.
    """
    h, w = K.shape
    Y = torch.zeros((X.shape[0] - h + 1, X.shape[1] - w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + w] * K).sum()
    return Y


def corr2d_channels(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: str | Ints = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    """`corr2d` for each image and pair of channels, summed over the input channels, with conv2d's arguments.

    Padding is added before, dilation spreads the kernel with zeros, and stride drops outputs after.
    """
    weight = _spread_kernel(weight, pair(dilation, "dilation"))
    (top, bottom), (left, right) = pads(padding, (weight.shape[2], weight.shape[3]), (1, 1))
    padded = torch.nn.functional.pad(input, (left, right, top, bottom))
    down, across = pair(stride, "stride")
    images = [_corr2d_image(image, weight, groups) for image in padded]  # each (O, H, W)
    output = torch.stack(images)[:, :, ::down, ::across]
    return output if bias is None else output + bias[:, None, None]


def _corr2d_image(image: Tensor, weight: Tensor, groups: int) -> Tensor:
    out_channels, in_group = weight.shape[:2]
    output = []
    for o in range(out_channels):
        first = o // (out_channels // groups) * in_group  # the first input channel of o's group
        output.append(torch.stack([corr2d(image[first + c], weight[o, c]) for c in range(in_group)]).sum(0))
    return torch.stack(output)


def _spread_kernel(weight: Tensor, dilation: Pair) -> Tensor:
    """The kernel with dilation − 1 zeros between its numbers."""
    height, width = ((size - 1) * d + 1 for size, d in zip(weight.shape[2:], dilation, strict=True))
    spread = weight.new_zeros(*weight.shape[:2], height, width)
    spread[:, :, :: dilation[0], :: dilation[1]] = weight
    return spread


# ---- manual ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ConvolutionSteps:
    """How the result of a convolution comes about. L = output height · output width, G = groups."""

    padded: Tensor  # (N, C, H + top + bottom, W + left + right)
    columns: Tensor  # (N, G, C/G · kh · kw, L): the im2col matrix, one window a column
    product: Tensor  # (N, O, output height, output width)
    output: Tensor  # the same, bias added


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: str | Ints = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of `input` (N, C, H, W) or (C, H, W) with `weight` (O, C/groups, kh, kw). As F.conv2d.

    Each group of C/groups input channels makes its own O/groups output channels. `padding` is zeros on both sides,
    'valid' (none) or 'same' (output as large as the input, stride 1 only). Integers wrap.

    Raises TypeError for an argument of a wrong type, NotImplementedError for a dtype without products (bool,
    float8), RuntimeError for shapes, dtypes or numbers that don't go together.
    """
    steps = conv2d_steps(input, weight, bias, stride, padding, dilation, groups)
    return kit.laid_out(steps.output, input, weight)


def conv2d_steps(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: str | Ints = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> ConvolutionSteps:
    """`conv2d`: the windows become the columns of a matrix (im2col), so that one matrix product does all sums."""
    input, weight, bias, windows = conv2d_arguments(input, weight, bias, stride, padding, dilation, groups)
    padded = windows.pad(kit.wide(input), 0)
    columns = im2col(padded, windows, groups)
    matrix = kit.wide(weight).unflatten(0, (groups, len(weight) // groups)).flatten(2)  # (G, O/G, C/G · kh · kw)
    product = (matrix @ columns).flatten(-3, -2).unflatten(-1, windows.outputs)
    output = product if bias is None else product + bias[:, None, None]
    return ConvolutionSteps(padded, columns, product, kit.finish(output, like=input))


def im2col(padded: Tensor, windows: Windows, groups: int) -> Tensor:
    """All windows as columns: (N, C, H', W') → (N, G, C/G · kh · kw, L). A copy, kh · kw times as large."""
    channels = padded.unflatten(-3, (groups, padded.shape[-3] // groups))
    taps = windows.of(channels).movedim((-2, -1), (-4, -3))  # (N, G, C/G, kh, kw, output height, output width)
    return taps.flatten(-2).flatten(-4, -2)


def conv2d_backward(
    grad: Tensor,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: str | Ints = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> tuple[Tensor, ...]:
    """The gradients of input, weight and bias. Of product = matrix · columns they are, for the columns,
    matrixᴴ · grad, each number of which is added back onto the cell that it was copied from (col2im); for the matrix,
    Σ grad · columnsᴴ over the images; for the bias, the sum of grad over all but the channels.
    """
    input, weight, bias, windows = conv2d_arguments(input, weight, bias, stride, padding, dilation, groups)
    columns = im2col(windows.pad(input, 0), windows, groups)
    matrix = weight.unflatten(0, (groups, len(weight) // groups)).flatten(2)
    grads = grad.flatten(-2).unflatten(-2, matrix.shape[:2])  # (N, G, O/G, L)
    grad_input = col2im(matrix.mH @ grads, windows)
    grad_weight = (grads @ columns.mH).sum_to_size(matrix.shape).reshape(weight.shape)
    if bias is None:
        return grad_input, grad_weight
    return grad_input, grad_weight, grad.sum((-2, -1)).sum_to_size(bias.shape)


def col2im(columns: Tensor, windows: Windows) -> Tensor:
    """The way back of im2col, (N, G, C/G · kh · kw, L) → (N, C, H, W): what was copied from one cell is summed."""
    taps = columns.unflatten(-1, windows.outputs).unflatten(-3, (-1, *windows.kernel_size))
    return windows.fold(taps.movedim((-4, -3), (-2, -1))).flatten(-4, -3)


# ---- what it costs, and kernels to look at ---------------------------------------------------------------------


def count_parameters(in_channels: int, out_channels: int, kernel_size: Ints, groups: int = 1, bias: bool = True) -> int:
    """Numbers that a layer learns: out · in/groups · kh · kw, and one bias an output channel."""
    kh, kw = pair(kernel_size, "kernel_size")
    return out_channels * (in_channels // groups) * kh * kw + (out_channels if bias else 0)


def count_multiply_adds(
    output_shape: Sequence[int], in_channels: int, kernel_size: Ints, groups: int = 1, batch: int = 1
) -> int:
    """Multiply-adds of one run: each cell of `output_shape` (O, H, W) takes in/groups · kh · kw of them.

    Products with the padding's zeros count, since im2col does them; the bias doesn't.
    """
    out_channels, height, width = output_shape
    kh, kw = pair(kernel_size, "kernel_size")
    return batch * out_channels * height * width * (in_channels // groups) * kh * kw


# ---- registry --------------------------------------------------------------------------------------------------


def _make_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    input = torch.randn(4, size, size, size, generator=generator)
    weight = torch.randn(size, size, 3, 3, generator=generator) / (3 * size**0.5)
    bias = torch.randn(size, generator=generator)
    return Call(tuple(t.to(device, dtype) for t in (input, weight, bias)), {"padding": 1})


OPERATORS = (
    Operator(
        mirrors="torch.nn.functional.conv2d",
        textbook=corr2d,
        textbook_call=corr2d_channels,
        manual=conv2d,
        backward=conv2d_backward,
        torch=torch.nn.functional.conv2d,
        make_call=_make_call,
        sizes=(4, 16, 64),
        size_meaning="n: input of shape (4, n, n, n), weight (n, n, 3, 3), padding 1",
        bytes_moved=lambda n, itemsize: (2 * 4 * n**3 + 9 * n**2 + n) * itemsize,
        operations=lambda n: 2 * count_multiply_adds((n, n, n), n, 3, batch=4) + 4 * n**3,
    ),
)
