"""A convolution and how it comes about: what each output is made of, and the windows as columns (im2col)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.experiments.windows import LARGEST_WITH_NUMBERS, Index, read_by
from core.ops import convolution as ops
from core.ops.kit.convolution import conv2d_arguments
from core.ops.kit.windows import Windows
from core.ops.operator import Call


@dataclass(frozen=True)
class Run:
    """One convolution of one image, and how it came about."""

    x: Tensor  # (C, H, W)
    weight: Tensor  # (O, C/groups, kh, kw)
    bias: Tensor | None  # (O,)
    settings: dict[str, Any]  # stride, padding, dilation, groups
    steps: ops.ConvolutionSteps
    windows: Windows
    names: Sequence[str]  # of each output channel's kernel

    @property
    def call(self) -> Call:
        """The arguments of conv2d, with a batch of one."""
        return Call((self.x[None], self.weight, self.bias), self.settings)

    @property
    def output(self) -> Tensor:
        """(O, H, W)"""
        return self.steps.output[0]

    @property
    def as_image(self) -> bool:
        """Whether the input is too large for numbers in its cells."""
        return max(self.x.shape[1:]) > LARGEST_WITH_NUMBERS

    @property
    def flat(self) -> bool:
        """Whether there is one channel in and one out: then all are matrices, without an index for channels."""
        return len(self.x) == len(self.output) == 1

    def read_channels(self, o: int) -> range:
        """The input channels that output channel `o` reads: those of its group."""
        first = o // (len(self.weight) // self.settings["groups"]) * self.weight.shape[1]
        return range(first, first + self.weight.shape[1])

    def made_of(self, c: int) -> range:
        """The output channels that read input channel `c`."""
        each = len(self.weight) // self.settings["groups"]
        first = c // self.weight.shape[1] * each
        return range(first, first + each)

    def window(self, cell: Index, o: int) -> Tensor:
        """What the output cell (y, x) of channel `o` reads, padding included: (C/groups, kh, kw)."""
        rows, cols = zip(*read_by(self.windows, cell), strict=True)
        read = self.steps.padded[0][list(self.read_channels(o))][:, list(rows), list(cols)]
        return read.reshape(self.weight.shape[1:])


def convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None, settings: dict[str, Any], names: Sequence[str] = ()
) -> Run:
    """Run conv2d and keep its steps. RuntimeError where the arguments don't go together, torch's reason beside ours."""
    try:
        ops.conv2d(x, weight, bias, **settings)
    except RuntimeError as refusal:
        raise RuntimeError(f"{refusal}. {torchs_refusal(x, weight, bias, **settings)}") from None
    *_, windows = conv2d_arguments(x[None], weight, bias, **settings)
    return Run(x, weight, bias, settings, ops.conv2d_steps(x[None], weight, bias, **settings), windows, names)


def torchs_refusal(x: Tensor, weight: Tensor, bias: Tensor | None = None, **settings: Any) -> str:
    """What torch says to these arguments."""
    try:
        torch.nn.functional.conv2d(x, weight, bias, **settings)
    except RuntimeError as refusal:
        return f"torch says: “{str(refusal).strip()}”"
    return "torch takes it."


def nearest(x: Tensor, weight: Tensor, bias: Tensor | None, settings: dict[str, Any], names: Sequence[str]) -> Run:
    """The run with the settings that go with any input and kernel: stride 1, padding 'same'."""
    return convolve(x, weight, bias, settings | {"stride": 1, "padding": "same"}, names)


# ---- the windows as columns ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unrolled:
    """A part of the im2col matrix of one output channel, with the kernel as a row and the outputs as a row."""

    channel: int
    outputs: range  # the flat output cells that the columns make
    kernel: Tensor  # (1, K)
    columns: Tensor  # (K, L)
    product: Tensor  # (1, L)
    taps: list[Index]  # each row's place (g, u, v) in the kernel
    cells: list[Index]  # each column's output cell (y, x)


def flat_output(run: Run, index: Index) -> int:
    """The column that makes this output cell (…, y, x)."""
    return index[-2] * run.windows.outputs[1] + index[-1]


def unroll(run: Run, o: int, columns: range, rows: int) -> Unrolled:
    """The first `rows` rows and these columns of the im2col matrix that output channel `o` is made of."""
    group, shown = o // (len(run.weight) // run.settings["groups"]), slice(columns.start, columns.stop)
    return Unrolled(
        o, columns,
        run.weight[o].reshape(1, -1)[:, :rows],
        run.steps.columns[0, group][:rows, shown],
        run.steps.product[0, o].reshape(1, -1)[:, shown],
        list(product(*map(range, run.weight.shape[1:])))[:rows],
        [divmod(cell, run.windows.outputs[1]) for cell in columns],
    )  # fmt: skip


def copied_from(run: Run, unrolled: Unrolled) -> np.ndarray:
    """(row, column, channel, y, x): each cell of the im2col matrix, and the input's that it is a copy of: (n, 5)."""
    (g, u, v), (p, q) = np.array(unrolled.taps).T[..., None], np.array(unrolled.cells).T[:, None]
    y, x = (
        output * stride + tap * dilation - before
        for output, tap, stride, dilation, before in zip(
            (p, q), (u, v), run.windows.stride, run.windows.dilation, run.windows.padding, strict=True
        )
    )
    row, column = np.arange(len(unrolled.taps))[:, None], np.array(unrolled.outputs)
    parts = np.broadcast_arrays(row, column, g + run.read_channels(unrolled.channel)[0], y, x)
    return np.stack([part.ravel() for part in parts], 1)
