"""What conv2d asks of its arguments."""

from typing import Any

import torch
from torch import Tensor

from core.ops.kit.checks import check_integer, check_tensor, require, same_dtype
from core.ops.kit.precision import autocast
from core.ops.kit.windows import Ints, Pads, Pair, Windows, output_size, pair, same_padding

DTYPES = {
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
    *(torch.complex128, torch.complex64, torch.complex32),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8),
}


def pads(padding: str | Ints, kernel_size: Pair, dilation: Pair) -> Pads:
    """Zeros ((top, bottom), (left, right)) that `padding` of `conv2d` stands for. RuntimeError."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        return same_padding(kernel_size[0], dilation[0]), same_padding(kernel_size[1], dilation[1])
    require(not isinstance(padding, str), "padding", "be 'same', 'valid' or ints", repr(padding))
    rows, cols = pair(padding, "padding")
    require(rows >= 0 and cols >= 0, "padding", "be at least 0", padding)
    return (rows, rows), (cols, cols)


def conv2d_arguments(
    input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: Any
) -> tuple[Tensor, Tensor, Tensor | None, Windows]:
    """The tensors as autocast hands them on, and where the kernel's windows lie. Raises what conv2d does.

    An input without channels makes torch give an output without channels: weight and bias then come back empty.
    """
    for name, tensor in (("input", input), ("weight", weight), ("bias", 0.0 if bias is None else bias)):
        if not (name == "bias" and bias is None):
            check_tensor(tensor, name)
    input, weight, bias = autocast(input, weight, bias)
    same_dtype(input, weight=weight, bias=bias)
    require(input.dtype in DTYPES, "input", "have a dtype with products", input.dtype, NotImplementedError)
    _check_weight(weight, check_integer(groups, "groups"))
    steps, spread = _positive(stride, "stride"), _positive(dilation, "dilation")
    if not isinstance(padding, str):
        padding = pair(padding, "padding")
    _check_shapes(input, weight, bias, groups)
    require(padding != "same" or steps == (1, 1), "stride", "be 1 for padding='same'", stride)
    windows = _windows(input, weight, steps, padding, spread)
    if input.shape[-3] == 0:
        return input, weight[:0], None if bias is None else bias[:0], windows
    return input, weight, bias, windows


def _positive(value: Any, name: str) -> Pair:
    numbers = pair(value, name)
    require(min(numbers) > 0, name, "be at least 1", value)
    return numbers


def _check_weight(weight: Tensor, groups: int) -> None:
    require(groups > 0, "groups", "be at least 1", groups)
    shape = tuple(weight.shape)
    require(weight.dim() == 4, "weight", "be (O, C/groups, kh, kw)", f"the shape {shape}")
    require(0 not in shape[2:], "weight", "have a kernel of at least 1×1", f"the shape {shape}")
    fits = len(weight) >= groups and len(weight) % groups == 0
    require(fits, "weight", f"have a multiple of groups={groups} output channels", len(weight))


def _check_shapes(input: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> None:
    shape = tuple(input.shape)
    require(len(shape) in (3, 4), "input", "be (C, H, W) or (N, C, H, W)", f"the shape {shape}")
    channels = weight.shape[1] * groups
    fitting = f"have {channels} channels for weight {tuple(weight.shape)} and groups={groups}"
    require(shape[-3] == channels, "input", fitting, shape[-3])
    if bias is not None:
        fitting = f"have the shape ({len(weight)},) as weight asks"
        require(bias.shape == weight.shape[:1], "bias", fitting, tuple(bias.shape))


def _windows(input: Tensor, weight: Tensor, stride: Pair, padding: str | Ints, dilation: Pair) -> Windows:
    channels, *size = input.shape[-3:]
    if channels and (input.dim() == 3 or len(input)):
        require(0 not in size, "input", "have rows and columns unless it has no images", f"{size[0]}×{size[1]}")
    kernel = (weight.shape[2], weight.shape[3])
    around = pads(padding, kernel, dilation)
    outputs = []
    for d in (0, 1):
        cells, span = size[d] + sum(around[d]), dilation[d] * (kernel[d] - 1) + 1
        fitting = f"be as large as the dilated kernel, which spans {span} cells"
        require(cells >= span, "input", fitting, f"{size[d]} with {sum(around[d])} of padding")
        outputs.append(output_size(cells, kernel[d], stride[d], 0, dilation[d]))
    before = (around[0][0], around[1][0])
    return Windows((size[0], size[1]), kernel, stride, before, dilation, (outputs[0], outputs[1]))


# ---- the convolutions beside conv2d ----------------------------------------------------------------------------


def conv1d_arguments(
    input: Any, weight: Any, stride: Any, padding: Any, dilation: Any
) -> tuple[Tensor, Tensor, Pair, str | Pair, Pair]:
    """A signal and its kernel as an image and a kernel of one row, and their settings as pairs for conv2d.

    RuntimeError, TypeError for what conv2d would not refuse by itself.
    """
    for name, tensor, shapes in (
        ("input", input, {2: "(C, L)", 3: "(N, C, L)"}),
        ("weight", weight, {3: "(O, C/groups, k)"}),
    ):
        shape = tuple(check_tensor(tensor, name).shape)
        require(len(shape) in shapes, name, "be " + " or ".join(shapes.values()), f"the shape {shape}")
    around = padding if isinstance(padding, str) else (0, _single(padding, "padding"))
    return (
        input.unsqueeze(-2), weight.unsqueeze(-2), (1, _single(stride, "stride")), around,
        (1, _single(dilation, "dilation")),
    )  # fmt: skip


def _single(value: Any, name: str) -> int:
    """A setting for one axis: an int, or a tuple or list of one."""
    listed = value if isinstance(value, (tuple, list)) else (value,)
    require(len(listed) == 1, name, "be one int", value)
    return check_integer(listed[0], name)


TRANSPOSED_DTYPES = {dtype for dtype in DTYPES if dtype.is_floating_point or dtype.is_complex} | {torch.int64}


def conv_transpose2d_arguments(
    input: Any, weight: Any, bias: Any, stride: Any, padding: Any, output_padding: Any, groups: Any, dilation: Any
) -> tuple[Tensor, Tensor, Tensor | None, Windows]:
    """The tensors as autocast hands them on, and the windows that the kernel has in the *output*, one an input cell.

    Raises what conv_transpose2d does.
    """
    for name, tensor in (("input", input), ("weight", weight), *((("bias", bias),) if bias is not None else ())):
        check_tensor(tensor, name)
    input, weight, bias = autocast(input, weight, bias)
    same_dtype(input, weight=weight, bias=bias)
    require(
        input.dtype in TRANSPOSED_DTYPES, "input", "be floating, complex or int64", input.dtype, NotImplementedError
    )
    _check_transposed_shapes(input, weight, bias, check_integer(groups, "groups"))
    steps, spread = _positive(stride, "stride"), _positive(dilation, "dilation")
    before, after = pair(padding, "padding"), pair(output_padding, "output_padding")
    require(min(before) >= 0, "padding", "be at least 0", padding)
    for d in (0, 1):
        fitting = f"lie between 0 and {max(steps[d], spread[d]) - 1}, below stride or dilation"
        # Of an input without images torch does not ask it.
        fits = after[d] >= 0 and (after[d] < max(steps[d], spread[d]) or len(input) == 0)
        require(fits, "output_padding", fitting, output_padding)
    return input, weight, bias, _windows_of_output(input, weight, steps, before, after, spread)


def _check_transposed_shapes(input: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> None:
    shape, kernels = tuple(input.shape), tuple(weight.shape)
    require(groups > 0, "groups", "be at least 1", groups)
    require(len(kernels) == 4, "weight", "be (C, O/groups, kh, kw)", f"the shape {kernels}")
    require(0 not in kernels, "weight", "have channels and a kernel of at least 1×1", f"the shape {kernels}")
    require(kernels[0] % groups == 0, "weight", f"have a multiple of groups={groups} input channels", kernels[0])
    require(len(shape) in (3, 4), "input", "be (C, H, W) or (N, C, H, W)", f"the shape {shape}")
    require(shape[-3] == kernels[0], "input", f"have {kernels[0]} channels for weight {kernels}", shape[-3])
    require(0 not in shape[-2:] or shape[0] == 0, "input", "have rows and columns unless it has no images", shape)
    if bias is not None:
        wanted = (kernels[1] * groups,)
        require(tuple(bias.shape) == wanted, "bias", f"have the shape {wanted} as weight asks", tuple(bias.shape))


def _windows_of_output(
    input: Tensor, weight: Tensor, stride: Pair, padding: Pair, extra: Pair, dilation: Pair
) -> Windows:
    """The windows of the convolution whose transpose this is: it makes the input's size from the output's."""
    windows = (input.shape[-2], input.shape[-1])
    kernel = (weight.shape[2], weight.shape[3])
    sizes = []
    for d in (0, 1):
        sizes.append(transposed_size(windows[d], kernel[d], stride[d], padding[d], extra[d], dilation[d]))
        require(sizes[d] > 0, "padding", "leave an output of at least one cell", f"{padding} for a size of {sizes[d]}")
    return Windows((sizes[0], sizes[1]), kernel, stride, padding, dilation, windows)


def transposed_size(
    size: int, kernel_size: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> int:
    """Cells along one axis of a transposed convolution, `output_size` solved for the size.

    (size − 1)·stride − 2·padding + dilation·(kernel_size − 1) + output_padding + 1, as in the documentation of
    torch.nn.ConvTranspose2d.
    """
    return (size - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1
