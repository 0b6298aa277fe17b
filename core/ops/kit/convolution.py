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
