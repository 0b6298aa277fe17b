"""Transposed convolution: each input cell lays the kernel, times its number, onto the output; what overlaps is summed.

    output[n, o, y·stride + i·dilation − padding, …] += weight[c, o, i, j] · input[n, c, y, x]

A convolution is a matrix; this is the transposed matrix. It takes the convolution's outputs back to its input's
*shape*, and is the way of its gradient; it does not undo it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.ops import kit
from core.ops.convolution import im2col
from core.ops.kit.convolution import conv_transpose2d_arguments, transposed_size
from core.ops.kit.windows import Ints, pair
from core.ops.operator import Call, Operator


def trans_conv(X: Tensor, K: Tensor) -> Tensor:
    """The transposed convolution of one channel: each number of X times the kernel, laid onto Y at its place.

    Limits: one image, one channel, one kernel; stride 1, no bias, padding, dilation or groups; float32 on the CPU.
    """
    h, w = K.shape
    Y = torch.zeros((X.shape[0] + h - 1, X.shape[1] + w - 1))
    for i in range(X.shape[0]):
        for j in range(X.shape[1]):
            Y[i : i + h, j : j + w] += X[i, j] * K
    return Y


def trans_conv_channels(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
) -> Tensor:
    """`trans_conv` for each image and pair of channels, summed over the input channels, with all arguments.

    A stride sets zeros between the input's cells, dilation between the kernel's; padding crops the output on all
    sides, `output_padding` leaves more of it at its end.
    """
    image, kernel = _apart(input, pair(stride, "stride")), _apart(weight, pair(dilation, "dilation"))
    in_group, out_group = len(weight) // groups, weight.shape[1]
    whole = torch.stack([
        torch.stack([
            torch.stack([
                trans_conv(x[c], kernel[c, o % out_group])
                for c in range(o // out_group * in_group, (o // out_group + 1) * in_group)
            ]).sum(0)
            for o in range(out_group * groups)
        ])
        for x in image
    ])  # fmt: skip
    (top, left), (down, right) = pair(padding, "padding"), pair(output_padding, "output_padding")
    whole = torch.nn.functional.pad(whole, (0, right, 0, down))
    output = whole[..., top : whole.shape[-2] - top, left : whole.shape[-1] - left]
    return output if bias is None else output + bias[:, None, None]


def _apart(tensor: Tensor, steps: Sequence[int]) -> Tensor:
    """The same matrices with zeros between their cells, so that these lie `steps` apart."""
    down, across = steps
    *lead, height, width = tensor.shape
    spread = tensor.new_zeros(*lead, (height - 1) * down + 1, (width - 1) * across + 1)
    spread[..., ::down, ::across] = tensor
    return spread


@dataclass(frozen=True)
class TransposedSteps:
    """How the result of a transposed convolution comes about."""

    taps: Tensor  # (N, G, O/G, kh, kw, H, W): the number that each input cell lays onto each place of its window
    summed: Tensor  # (N, O, output height, output width): the taps of each output cell, added
    output: Tensor  # the same, bias added


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
) -> Tensor:
    """conv2d transposed: `input` (N, C, H, W) or (C, H, W), `weight` (C, O/groups, kh, kw). As F.conv_transpose2d.

    `padding` is the padding of the convolution that it transposes: as many rows and columns are *cut off* here.
    `output_padding` leaves more of them at the end, below stride or dilation.

    Raises TypeError for an argument of a wrong type, NotImplementedError for integers but int64, RuntimeError for
    shapes, dtypes or numbers that don't go together.
    """
    steps = conv_transpose2d_steps(input, weight, bias, stride, padding, output_padding, groups, dilation)
    return kit.laid_out(steps.output, input, weight)


def conv_transpose2d_steps(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
) -> TransposedSteps:
    """`conv_transpose2d`: one matrix product makes every input cell's window, and what meets in a cell is summed."""
    input, weight, bias, windows = conv_transpose2d_arguments(
        input, weight, bias, stride, padding, output_padding, groups, dilation
    )
    cells = kit.wide(input).flatten(-2).unflatten(-2, (groups, len(weight) // groups))  # (N, G, C/G, H · W)
    matrix = kit.wide(weight).unflatten(0, (groups, len(weight) // groups)).flatten(2)  # (G, C/G, O/G · kh · kw)
    columns = matrix.mT @ cells  # (N, G, O/G · kh · kw, H · W)
    taps = columns.unflatten(-1, windows.outputs).unflatten(-3, (-1, *windows.kernel_size))
    summed = windows.fold(taps.movedim((-4, -3), (-2, -1))).flatten(-4, -3)
    output = summed if bias is None else summed + bias[:, None, None]
    return TransposedSteps(taps, summed, kit.finish(output, like=input))


def conv_transpose2d_backward(
    grad: Tensor,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
) -> tuple[Tensor, ...]:
    """The gradients of input, weight and bias. Where forward lays windows onto the output, backward reads them there:
    of the input it is the convolution of grad, matrix* · columns; of the matrix Σ input* · columnsᵀ over the images.
    """
    input, weight, bias, windows = conv_transpose2d_arguments(
        input, weight, bias, stride, padding, output_padding, groups, dilation
    )
    columns = im2col(windows.pad(grad, 0), windows, groups)  # (N, G, O/G · kh · kw, H · W)
    cells = input.flatten(-2).unflatten(-2, (groups, len(weight) // groups))
    matrix = weight.unflatten(0, (groups, len(weight) // groups)).flatten(2)
    grad_input = (matrix.conj() @ columns).reshape(input.shape)
    grad_weight = (cells.conj() @ columns.mT).sum_to_size(matrix.shape).reshape(weight.shape)
    if bias is None:
        return grad_input, grad_weight
    return grad_input, grad_weight, grad.sum((-2, -1)).sum_to_size(bias.shape)


def _make_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    input = torch.randn(4, size, size, size, generator=generator)
    weight = torch.randn(size, size, 3, 3, generator=generator) / (3 * size**0.5)
    bias = torch.randn(size, generator=generator)
    settings = {"stride": 2, "padding": 1, "output_padding": 1}
    return Call(tuple(t.to(device, dtype) for t in (input, weight, bias)), settings)


OPERATORS = (
    Operator(
        mirrors="torch.nn.functional.conv_transpose2d",
        textbook=trans_conv,
        textbook_call=trans_conv_channels,
        manual=conv_transpose2d,
        backward=conv_transpose2d_backward,
        torch=torch.nn.functional.conv_transpose2d,
        make_call=_make_call,
        sizes=(4, 16, 32),
        size_meaning="n: input of shape (4, n, n, n), weight (n, n, 3, 3), stride 2, padding 1, output_padding 1",
        bytes_moved=lambda n, itemsize: (
            (4 * n**3 + 4 * n * transposed_size(n, 3, 2, 1, 1) ** 2 + 9 * n**2 + n) * itemsize
        ),
        operations=lambda n: 2 * 9 * n * 4 * n**3 + 4 * n * transposed_size(n, 3, 2, 1, 1) ** 2,
    ),
)
