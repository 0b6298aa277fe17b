"""2-D convolution as networks use it: a window slides over the input, and each output is a weighted sum.

    output[n, o, y, x] = bias[o] + Σ_c Σ_i Σ_j weight[o, c, i, j] · input[n, c, y·stride + i·dilation − padding, …]

with zeros outside the input. The kernel is not flipped: signal processing calls this cross-correlation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from core.ops.kit import check_integer
from core.ops.kit.windows import (
    Ints,
    Pads,
    Pair,
    output_size,
    outputs_using,
    pair,
    same_padding,
    tap_slices,
    window,
)
from core.ops.operator import Call, Operator

__all__ = ["Ints", "Pads", "Pair", "output_size", "outputs_using", "pair", "same_padding", "tap_slices", "window"]

Kernel = tuple[tuple[float, ...], ...]


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
    columns: Tensor  # (N, G, C/G · kh · kw, L): the im2col matrix, one window a column; outside the graph
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
    """Cross-correlation of `input` (N, C, H, W) or (C, H, W) with `weight` (O, C/groups, kh, kw), as torch does it.

    Each group of C/groups input channels makes its own O/groups output channels. `padding` is zeros on both
    sides, 'valid' (none) or 'same' (output as large as the input, stride 1 only). The windows are laid out as
    the columns of a matrix (im2col), so that one matrix product does all sums. float16 and bfloat16 are
    computed in float32 and rounded once. Integers wrap. As in torch, an input without channels gives an output
    without channels, whatever `weight` says.

    Unlike torch, an even kernel with padding='same' gives no performance warning.

    Raises TypeError for an argument of the wrong type, NotImplementedError for a dtype without products
    (bool, float8), RuntimeError for shapes, dtypes, devices or numbers that don't go together.
    """
    _check_types(input, weight, bias)
    _check_groups(weight, check_integer(groups, "groups"))
    stride, dilation = _positive(stride, "stride"), _positive(dilation, "dilation")
    padding = padding if isinstance(padding, str) else pair(padding, "padding")
    _check_shapes(input, weight, bias, groups)
    if padding == "same" and stride != (1, 1):
        raise RuntimeError(f"padding='same' needs a stride of 1, but stride is {stride}")
    batch = input if input.dim() == 4 else input[None]
    _check_fit(batch, weight, padding, dilation)
    if batch.shape[1] == 0:
        weight, bias = weight[:0], None if bias is None else bias[:0]
    chunks = batch.split(_images_at_once(batch, weight, stride)) if len(batch) else (batch,)
    outputs = [conv2d_steps(chunk, weight, bias, stride, padding, dilation, groups).output for chunk in chunks]
    output = outputs[0] if len(outputs) == 1 else torch.cat(outputs)
    if _is_channels_last(input) or _is_channels_last(weight):
        output = output.contiguous(memory_format=torch.channels_last)
    return output if input.dim() == 4 else output[0]


def conv2d_steps(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: str | Ints = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> ConvolutionSteps:
    """The run of `conv2d` on a batch (N, C, H, W), its intermediates named; arguments as checked by `conv2d`."""
    stride, dilation = pair(stride, "stride"), pair(dilation, "dilation")
    kernel_size = (weight.shape[2], weight.shape[3])
    compute = COMPUTE_DTYPE.get(input.dtype, input.dtype)
    (top, bottom), (left, right) = pads(padding, kernel_size, dilation)
    padded = torch.nn.functional.pad(input.to(compute), (left, right, top, bottom))
    height, width = (output_size(padded.shape[d + 2], kernel_size[d], stride[d], 0, dilation[d]) for d in (0, 1))
    rows = tap_slices(height, kernel_size[0], stride[0], dilation[0])
    cols = tap_slices(width, kernel_size[1], stride[1], dilation[1])
    columns = im2col(padded.detach(), rows, cols, groups)
    matrix = weight.to(compute).reshape(groups, len(weight) // groups, columns.shape[2])  # (G, O/G, C/G·kh·kw)
    product = _Product.apply(padded, matrix, columns, rows, cols)  # (N, G, O/G, L)
    product = product.reshape(len(input), len(weight), height, width)
    output = product if bias is None else product + bias.to(compute)[:, None, None]
    return ConvolutionSteps(padded, columns, product, output.to(input.dtype))


def im2col(padded: Tensor, rows: list[slice], cols: list[slice], groups: int = 1) -> Tensor:
    """All windows as columns: (N, C, H, W) → (N, groups, C/groups · kh · kw, L). A copy, kh·kw times as large.

    `rows` and `cols` are the `tap_slices` of each axis.
    """
    n, channels = padded.shape[:2]
    taps = torch.stack([padded[:, :, row, col] for row in rows for col in cols], 2)  # (N, C, kh·kw, height, width)
    length = taps.shape[3] * taps.shape[4]
    return taps.reshape(n, groups, channels // groups * taps.shape[2], length)


def col2im(columns: Tensor, shape: Sequence[int], rows: list[slice], cols: list[slice]) -> Tensor:
    """Every number of the columns added back onto the cell of `shape` (N, C, H, W) it was copied from."""
    image = columns.new_zeros(shape)
    height, width = (len(range(*taps[0].indices(size))) for taps, size in zip((rows, cols), shape[2:], strict=True))
    taps = columns.reshape(*shape[:2], len(rows) * len(cols), height, width)
    for k, (row, col) in enumerate(product(rows, cols)):
        image[:, :, row, col] += taps[:, :, k]
    return image


class _Product(torch.autograd.Function):
    """matrix @ columns, where backward cuts the columns from the input again.

    Left to autograd, the columns would be kept until the backward pass, kh·kw times the memory of the input,
    and each slice's backward would fill a whole image of zeros. Backward is made of differentiable parts, so
    that it has a derivative too.
    """

    @staticmethod
    def forward(
        ctx: Any, padded: Tensor, matrix: Tensor, columns: Tensor, rows: list[slice], cols: list[slice]
    ) -> Tensor:
        ctx.save_for_backward(padded, matrix)
        ctx.taps = rows, cols
        return matrix @ columns

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (grad,) = grads  # (N, G, O/G, L)
        padded, matrix = ctx.saved_tensors
        rows, cols = ctx.taps
        grad_padded = grad_matrix = None
        if ctx.needs_input_grad[0]:
            grad_padded = col2im(matrix.mH @ grad, padded.shape, rows, cols)
        if ctx.needs_input_grad[1]:
            columns = im2col(padded, rows, cols, len(matrix))
            grad_matrix = (grad @ columns.mH).sum(0)
        return grad_padded, grad_matrix, None, None, None


def true_convolution(input: Tensor, weight: Tensor, **arguments: Any) -> Tensor:
    """Convolution as mathematics defines it: `conv2d` with the kernel turned by 180°.

    It commutes and associates, as cross-correlation does not. A network that learns its kernels can't tell
    the two apart; a hand-made kernel that isn't symmetric can. `arguments` are those of `conv2d`.
    """
    return conv2d(input, weight.flip(-2, -1), **arguments)


# ---- arguments -------------------------------------------------------------------------------------------------

# Half precision holds too few digits to add up in.
COMPUTE_DTYPE = {
    torch.float16: torch.float32,
    torch.bfloat16: torch.float32,
    torch.complex32: torch.complex64,
}
DTYPES = {
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
    *(torch.complex128, torch.complex64, torch.complex32),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8),
}
COLUMN_BUDGET = 2**21  # numbers in the im2col matrix at once, 8 MiB in float32: it stays near the cache


def pads(padding: str | Ints, kernel_size: Pair, dilation: Pair) -> Pads:
    """Zeros ((top, bottom), (left, right)) that `padding` of `conv2d` stands for. RuntimeError."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        return same_padding(kernel_size[0], dilation[0]), same_padding(kernel_size[1], dilation[1])
    if isinstance(padding, str):
        raise RuntimeError(f"padding must be 'same', 'valid' or ints, not {padding!r}")
    rows, cols = pair(padding, "padding")
    if rows < 0 or cols < 0:
        raise RuntimeError(f"padding must be at least 0, but got {padding}")
    return (rows, rows), (cols, cols)


def _positive(value: Ints, name: str) -> Pair:
    numbers = pair(value, name)
    if min(numbers) <= 0:
        raise RuntimeError(f"{name} must be at least 1, but got {value}")
    return numbers


def _check_types(input: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    for name, tensor in (("input", input), ("weight", weight), ("bias", bias)):
        if not isinstance(tensor, Tensor) and not (name == "bias" and tensor is None):
            raise TypeError(f"{name} must be a Tensor, not {type(tensor).__name__}")
    for name, tensor in (("weight", weight), ("bias", bias)):
        if tensor is not None and tensor.dtype != input.dtype:
            raise RuntimeError(f"{name} must have the dtype of input, {input.dtype}, but has {tensor.dtype}")
    if input.dtype not in DTYPES:
        raise NotImplementedError(f"input of dtype {input.dtype} can't be convolved")


def _check_groups(weight: Tensor, groups: int) -> None:
    if groups <= 0:
        raise RuntimeError(f"groups must be at least 1, but got {groups}")
    if weight.dim() != 4:
        raise RuntimeError(f"weight must be (O, C/groups, kh, kw), but its shape is {tuple(weight.shape)}")
    if 0 in weight.shape[2:]:
        raise RuntimeError(f"weight must have a kernel of at least 1×1, but its shape is {tuple(weight.shape)}")
    if len(weight) < groups or len(weight) % groups:
        raise RuntimeError(f"weight must have a multiple of groups={groups} output channels, but has {len(weight)}")


def _check_shapes(input: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> None:
    if input.dim() not in (3, 4):
        raise RuntimeError(f"input must be (C, H, W) or (N, C, H, W), but its shape is {tuple(input.shape)}")
    channels, expected = input.shape[-3], weight.shape[1] * groups
    if channels != expected:
        raise RuntimeError(
            f"input must have {expected} channels for weight {tuple(weight.shape)} and groups={groups}, "
            f"but has {channels}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise RuntimeError(f"bias must have shape ({len(weight)},) as weight asks, but has {tuple(bias.shape)}")


def _check_fit(batch: Tensor, weight: Tensor, padding: str | Ints, dilation: Pair) -> None:
    n, channels, height, width = batch.shape
    if n and channels and not (height and width):
        raise RuntimeError(f"input must have rows and columns unless it has no images, but is {height}×{width}")
    around = pads(padding, (weight.shape[2], weight.shape[3]), dilation)
    for size, kernel, (before, after), d in zip((height, width), weight.shape[2:], around, dilation, strict=True):
        if size + before + after < d * (kernel - 1) + 1:
            raise RuntimeError(
                f"input is too small for weight: {size} cells with {before + after} of padding, "
                f"but the dilated kernel spans {d * (kernel - 1) + 1}"
            )


def _images_at_once(batch: Tensor, weight: Tensor, stride: Pair) -> int:
    """How many images' columns fit in the budget, taking the output to be the input over the stride."""
    _, channels, height, width = batch.shape
    taps = weight.shape[2] * weight.shape[3]
    numbers = channels * taps * (height // stride[0] + 1) * (width // stride[1] + 1)
    return max(1, COLUMN_BUDGET // max(1, numbers))


def _is_channels_last(tensor: Tensor) -> bool:
    return tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last) and not tensor.is_contiguous()


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


FAMOUS_KERNELS: Mapping[str, Kernel] = {
    "identity": ((0, 0, 0), (0, 1, 0), (0, 0, 0)),
    "box blur": ((1 / 9, 1 / 9, 1 / 9), (1 / 9, 1 / 9, 1 / 9), (1 / 9, 1 / 9, 1 / 9)),
    "gaussian blur": ((1 / 16, 2 / 16, 1 / 16), (2 / 16, 4 / 16, 2 / 16), (1 / 16, 2 / 16, 1 / 16)),
    "edges (Laplacian)": ((0, 1, 0), (1, -4, 1), (0, 1, 0)),
    "sharpen": ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
    "Sobel x": ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
    "Sobel y": ((-1, -2, -1), (0, 0, 0), (1, 2, 1)),
    "emboss": ((-2, -1, 0), (-1, 1, 1), (0, 1, 2)),
}


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
        torch=torch.nn.functional.conv2d,
        make_call=_make_call,
        sizes=(4, 16, 64),
        size_meaning="n: input of shape (4, n, n, n), weight (n, n, 3, 3), padding 1",
        bytes_moved=lambda n, itemsize: (2 * 4 * n**3 + 9 * n**2 + n) * itemsize,
        operations=lambda n: 2 * count_multiply_adds((n, n, n), n, 3, batch=4) + 4 * n**3,
        target_ratio=2.0,
    ),
)
