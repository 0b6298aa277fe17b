"""1-D convolution: the window slides along a signal. It is the 2-D one over an image of a single row.

output[n, o, t] = bias[o] + Σ_c Σ_i weight[o, c, i] · input[n, c, t·stride + i·dilation − padding]
"""

import torch
from torch import Tensor

from core.ops.convolution import conv2d_backward, conv2d_steps
from core.ops.kit.convolution import conv1d_arguments, pads
from core.ops.kit.windows import Ints
from core.ops.operator import Call, Operator


def corr1d(X: Tensor, K: Tensor) -> Tensor:
    """Cross-correlation of one signal: each output is the sum of window times kernel.

    Limits: one signal, one channel, one kernel; no bias, stride, padding, dilation or groups; float32 on the CPU.
    """
    w = K.shape[0]
    Y = torch.zeros(X.shape[0] - w + 1)
    for i in range(Y.shape[0]):
        Y[i] = (X[i : i + w] * K).sum()
    return Y


def corr1d_channels(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: str | int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Tensor:
    """`corr1d` for each signal and pair of channels, summed over the input channels, with conv1d's arguments."""
    out_channels, in_group, size = weight.shape
    spread = weight.new_zeros(out_channels, in_group, (size - 1) * dilation + 1)
    spread[..., ::dilation] = weight
    padded = torch.nn.functional.pad(input, pads(padding, (1, spread.shape[-1]), (1, 1))[1])
    firsts = [o // (out_channels // groups) * in_group for o in range(out_channels)]  # each group's first channel
    output = torch.stack([
        torch.stack([
            torch.stack([corr1d(signal[first + c], kernel[c]) for c in range(in_group)]).sum(0)
            for first, kernel in zip(firsts, spread, strict=True)
        ])
        for signal in padded
    ])[..., ::stride]  # fmt: skip
    return output if bias is None else output + bias[:, None]


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: str | Ints = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    """Cross-correlation of `input` (N, C, L) or (C, L) with `weight` (O, C/groups, k). As F.conv1d.

    A signal is an image of one row, (N, C, 1, L), and its kernel one of one row, (O, C/groups, 1, k): the rest is
    conv2d. Raises what conv2d raises.
    """
    image, kernel, steps, around, spread = conv1d_arguments(input, weight, stride, padding, dilation)
    return conv2d_steps(image, kernel, bias, steps, around, spread, groups).output.squeeze(-2)


def conv1d_backward(
    grad: Tensor,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: str | Ints = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> tuple[Tensor, ...]:
    """The gradients of input, weight and bias: conv2d's, without the one row."""
    image, kernel, steps, around, spread = conv1d_arguments(input, weight, stride, padding, dilation)
    row = grad.unsqueeze(-2)
    of_input, of_weight, *of_bias = conv2d_backward(row, image, kernel, bias, steps, around, spread, groups)
    return of_input.squeeze(-2), of_weight.squeeze(-2), *of_bias


def _make_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    input = torch.randn(4, size, 16 * size, generator=generator)
    weight = torch.randn(size, size, 3, generator=generator) / (3 * size) ** 0.5
    bias = torch.randn(size, generator=generator)
    return Call(tuple(t.to(device, dtype) for t in (input, weight, bias)), {"padding": 1})


OPERATORS = (
    Operator(
        mirrors="torch.nn.functional.conv1d",
        textbook=corr1d,
        textbook_call=corr1d_channels,
        manual=conv1d,
        backward=conv1d_backward,
        torch=torch.nn.functional.conv1d,
        make_call=_make_call,
        sizes=(4, 16, 64),
        size_meaning="n: input of shape (4, n, 16·n), weight (n, n, 3), padding 1",
        bytes_moved=lambda n, itemsize: (2 * 4 * 16 * n**2 + 3 * n**2 + n) * itemsize,
        operations=lambda n: (2 * 3 * n + 1) * 4 * 16 * n**2,
    ),
)
