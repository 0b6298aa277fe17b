"""A convolution and how it comes about: what each output is made of, and the windows as columns (im2col)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from random import Random
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.experiments import autograd
from core.experiments.refusals import Refusal, refused
from core.experiments.windows import LARGEST_WITH_NUMBERS, Index, read_by, using
from core.ops import convolution as ops
from core.ops.kit.convolution import conv2d_arguments
from core.ops.kit.windows import Windows
from core.ops.operator import Call

LARGEST_PATCH = 7  # cells along a side of the part of an image that is gone through cell by cell
EDGES = "Sobel x"
FAMOUS_KERNELS: Mapping[str, tuple[tuple[float, ...], ...]] = {
    "identity": ((0, 0, 0), (0, 1, 0), (0, 0, 0)),
    "box blur": ((1 / 9, 1 / 9, 1 / 9), (1 / 9, 1 / 9, 1 / 9), (1 / 9, 1 / 9, 1 / 9)),
    "gaussian blur": ((1 / 16, 2 / 16, 1 / 16), (2 / 16, 4 / 16, 2 / 16), (1 / 16, 2 / 16, 1 / 16)),
    "edges (Laplacian)": ((0, 1, 0), (1, -4, 1), (0, 1, 0)),
    "sharpen": ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
    "Sobel x": ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
    "Sobel y": ((-1, -2, -1), (0, 0, 0), (1, 2, 1)),
    "emboss": ((-2, -1, 0), (-1, 1, 1), (0, 1, 2)),
}
CORNER = torch.tensor([[0.0, 1.0], [2.0, 3.0]])  # the reader's own kernel at first


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
        """The arguments of conv2d."""
        return Call((self.x, self.weight, self.bias), self.settings)

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
    """Run conv2d and keep its steps. RuntimeError where the arguments don't go together."""
    *_, windows = conv2d_arguments(x[None], weight, bias, **settings)
    return Run(x, weight, bias, settings, ops.conv2d_steps(x[None], weight, bias, **settings), windows, names)


def refusal(x: Tensor, weight: Tensor, bias: Tensor | None, settings: dict[str, Any]) -> Refusal | None:
    """torch's words to settings that it does not take, and which single change of them it would take."""
    k, largest = max(weight.shape[2:]) // 2, max(weight.shape[2:])
    changes = [("padding", k), *(("padding", p) for p in range(k + 1, largest + 1)), ("stride", 1), ("dilation", 1)]
    return refused(partial(torch.nn.functional.conv2d, x, weight, bias), settings, [*changes, ("padding", "same")])


def nearest(x: Tensor, weight: Tensor, bias: Tensor | None, settings: dict[str, Any], names: Sequence[str]) -> Run:
    """The run with the settings that go with any input and kernel: stride 1, padding 'same'."""
    return convolve(x, weight, bias, settings | {"stride": 1, "padding": "same"}, names)


# ---- input and kernel ------------------------------------------------------------------------------------------


def example(size: int, channels: int, seed: int) -> Tensor:
    """Whole numbers from 0 to 4: (size, size), or (channels, size, size)."""
    shape = (size, size) if channels == 1 else (channels, size, size)
    return torch.randint(0, 5, shape, generator=torch.Generator().manual_seed(seed)).float()


def kernels(kind: str, shape: Sequence[int], seed: int) -> tuple[Tensor, tuple[str, ...]]:
    """The weight (O, C/groups, kh, kw) of one of the built-in kinds, and a name for each output channel's kernel."""
    shape = tuple(shape)
    if kind == "random":
        drawn = torch.randint(-2, 3, shape, generator=torch.Generator().manual_seed(seed + 1))
        return drawn.float(), (kind,) * shape[0]
    if kind == "counting":
        starts = torch.arange(float(shape[0]))[:, None]  # so that no two output channels are alike
        return (starts + torch.arange(torch.Size(shape[1:]).numel())).reshape(shape), (kind,) * shape[0]
    famous = list(FAMOUS_KERNELS)
    names = tuple(famous[(famous.index(kind) + o) % len(famous)] for o in range(shape[0]))
    stacked = torch.stack([torch.tensor(FAMOUS_KERNELS[name], dtype=torch.float32) for name in names])
    return stacked[:, None].expand(shape).contiguous(), names


def in_one_dtype(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Input and kernel in one dtype, for a convolution takes no two: the input's, where that holds the kernel."""
    if x.is_floating_point() and weight.dtype == torch.float32:
        return x, weight.to(x.dtype)
    if x.dtype != torch.bool and torch.equal(weight.to(x.dtype).to(weight.dtype), weight):
        return x, weight.to(x.dtype)
    common = torch.promote_types(x.dtype, weight.dtype)
    common = torch.float32 if common == torch.bool else common
    return x.to(common), weight.to(common)


def patch(run: Run) -> Tensor:
    """The input (C, H, W), of an image its middle, small enough to go through cell by cell."""
    if not run.as_image:
        return run.x
    side = max(LARGEST_PATCH, *(run.settings["dilation"] * (k - 1) + 1 for k in run.windows.kernel_size))
    top, left = (max((size - side) // 2, 0) for size in run.x.shape[1:])
    return run.x[:, top : top + side, left : left + side]


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


# ---- what people believe ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Textbook:
    """The tutorial's corr2d beside conv2d on the same float64 numbers."""

    shape: tuple[int, ...]  # of the part of the input that both got
    dtype: torch.dtype
    ours: torch.dtype
    apart: float  # the largest difference of two finite outputs
    outputs: int
    nodes: int  # of the textbook's graph
    our_nodes: int
    torchs_nodes: int


def textbook_on_float64(run: Run) -> Textbook:
    """Run `corr2d` on float64 numbers, one image and one kernel, without any setting."""
    X, K = fitting(run)
    X, K = X.double() + 0.1, K.double().requires_grad_()
    theirs, ours = ops.corr2d(X, K), ops.conv2d(X[None, None], K[None, None])
    torchs = torch.nn.functional.conv2d(X[None, None], K[None, None])
    apart = (theirs.double() - ours[0, 0]).abs()
    nodes = [len(autograd.graph_of(y).nodes) for y in (theirs, ours, torchs)]
    largest = apart[apart.isfinite()].max().item() if apart.isfinite().any() else 0.0
    return Textbook(tuple(X.shape), theirs.dtype, ours.dtype, largest, theirs.numel(), *nodes)


def fitting(run: Run) -> tuple[Tensor, Tensor]:
    """One channel of the input, zeros behind it where the kernel is larger, and its kernel: what `corr2d` takes."""
    X, K = patch(run)[0], run.weight[0, 0]
    down, across = (max(k - n, 0) for k, n in zip(K.shape, X.shape, strict=True))
    return torch.nn.functional.pad(X, (0, across, 0, down)), K


@dataclass(frozen=True)
class Flip:
    """conv2d beside the convolution of mathematics, one output channel."""

    channel: int
    ours: Tensor
    theirs: Tensor
    difference: Tensor
    differ: int
    outputs: int
    largest: float
    symmetric: bool  # the kernel is the same after a turn by 180°


def flip(run: Run, o: int) -> Flip:
    """Turn the kernel by 180° before it slides, and compare."""
    ours = ops.conv2d(run.x, run.weight, **run.settings)[o]
    theirs = ops.conv2d(run.x, run.weight.flip(-2, -1), **run.settings)[o]
    same = (ours == theirs) | (ours.isnan() & theirs.isnan())
    apart = torch.where(same, torch.zeros_like(ours), ours - theirs)
    return Flip(
        o, ours, theirs, apart, int((~same).sum()), apart.numel(), apart.abs().max().item(),
        torch.equal(run.weight[o], run.weight[o].flip(-2, -1)),
    )  # fmt: skip


@dataclass(frozen=True)
class Channels:
    """A weight for several input channels, and what each of an output channel's kernels gives."""

    channels: int
    mirrored: bool  # the second input channel is the first, mirrored
    weight: tuple[int, ...]
    parts: list[float]  # of the first output cell: each kernel's sum
    whole: float
    differ: int  # output cells that the first kernel alone would miss
    outputs: int


def one_kernel_a_channel(run: Run) -> Channels:
    """Run two output channels over at least two input channels, and each kernel of the first by itself."""
    x = run.x if len(run.x) > 1 else torch.cat([run.x, run.x.flip(-1)])
    weight = torch.randint(-2, 3, (2, len(x), *run.weight.shape[2:]), generator=torch.Generator().manual_seed(0))
    x, weight = in_one_dtype(x, weight.float())
    settings = run.settings | {"groups": 1}
    whole = ops.conv2d(x, weight, **settings)[0]
    parts = [ops.conv2d(x[c : c + 1], weight[:1, c : c + 1], **settings)[0] for c in range(len(x))]
    return Channels(
        len(x), len(run.x) == 1, tuple(weight.shape), [part[0, 0].item() for part in parts], whole[0, 0].item(),
        int((~parts[0].isclose(whole, equal_nan=True)).sum()), whole.numel(),
    )  # fmt: skip


@dataclass(frozen=True)
class SameWithStride:
    """padding='same' with a stride of 2, and what takes its place."""

    says: str  # torch
    padding: int  # half the kernel
    rows: int
    outputs: int  # rows with that padding
    halved: int  # ⌈rows / 2⌉


def same_with_stride(run: Run) -> SameWithStride:
    """Ask torch for padding='same' with stride 2; then give it half the kernel as the padding."""
    rows, kernel = run.x.shape[1], run.weight.shape[2]
    conv = partial(torch.nn.functional.conv2d, run.x, run.weight, groups=run.settings["groups"])
    found = refused(conv, {"stride": 2, "padding": "same"}, [])
    assert found is not None
    return SameWithStride(found.says, kernel // 2, rows, ops.output_size(rows, kernel, 2, kernel // 2), -(-rows // 2))


@dataclass(frozen=True)
class Strided:
    """Output rows under one stride."""

    stride: int
    divided: float  # rows / stride
    outputs: int  # without padding
    unread: int  # rows that no window reads then
    padded: int  # output rows with half a kernel of padding


@dataclass(frozen=True)
class Strides:
    """Output rows under several strides."""

    rows: int
    kernel: int
    found: tuple[Strided, ...]


def stride_rounds(run: Run) -> Strides:
    """Count the windows that fit under the strides 1 to 4."""
    rows, kernel = run.x.shape[1], run.weight.shape[2]
    found = []
    for stride in (1, 2, 3, 4):
        bare, padded = (max(ops.output_size(rows, kernel, stride, p), 0) for p in (0, kernel // 2))
        unread = [y for y in range(rows) if not ops.outputs_using(y, bare, kernel, stride)]
        found.append(Strided(stride, rows / stride, bare, len(unread), padded))
    return Strides(rows, kernel, tuple(found))


@dataclass(frozen=True)
class TooLarge:
    """A kernel one larger than the input."""

    input: tuple[int, ...]
    kernel: tuple[int, ...]
    textbook: tuple[int, ...]  # the shape that the tutorial's function gives
    says: str  # torch


def kernel_too_large(run: Run) -> TooLarge:
    """Give a kernel one row and column larger than the input to the textbook and to torch."""
    x = patch(run)[0]
    K = torch.ones(x.shape[0] + 1, x.shape[1] + 1, dtype=x.dtype)
    found = refused(torch.nn.functional.conv2d, {"input": x[None], "weight": K[None, None]}, [])
    assert found is not None
    return TooLarge(tuple(x.shape), tuple(K.shape), tuple(ops.corr2d(x, K).shape), found.says)


@dataclass(frozen=True)
class Bias:
    """What a bias adds, by output channel."""

    shape: tuple[int, ...]  # of the bias that nn.Conv2d learns here
    outputs: int
    bias: list[float]
    added: list[list[float]]  # for each channel, the different numbers by which its cells grew


def one_bias_a_channel(run: Run) -> Bias:
    """The output with a bias less the output without it, for the finite numbers of the input."""
    x = torch.where(run.x.isfinite(), run.x, torch.zeros_like(run.x)).double()
    bias = torch.arange(1.0, len(run.weight) + 1).double()
    weight = torch.where(run.weight.isfinite(), run.weight, torch.zeros_like(run.weight)).double()
    added = ops.conv2d(x, weight, bias, **run.settings) - ops.conv2d(x, weight, **run.settings)
    layer = torch.nn.Conv2d(len(x), len(weight), run.windows.kernel_size, groups=run.settings["groups"])
    assert layer.bias is not None
    distinct = [sorted(set(channel.round(decimals=6).flatten().tolist())) for channel in added]
    return Bias(tuple(layer.bias.shape), added.numel(), bias.tolist(), distinct)


# ---- questions -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shape:
    """A drawn convolution of the input, and the shape of its output."""

    input: tuple[int, ...]
    weight: tuple[int, ...]
    stride: int
    padding: int
    dilation: int
    output: tuple[int, ...]


def drawn_shape(run: Run, draw: Random) -> Shape:
    """A kernel, stride, padding and dilation that go with the input."""
    height, width = run.x.shape[1:]
    k, s, p, d = draw.choice([
        (k, s, p, d) for k, s, p, d in product((1, 2, 3, 5), (1, 2, 3), (0, 1, 2), (1, 2))
        if min(height, width) + 2 * p >= d * (k - 1) + 1
    ])  # fmt: skip
    weight = torch.zeros(draw.choice((2, 3, 8)), len(run.x), k, k, dtype=run.x.dtype)
    output = torch.nn.functional.conv2d(run.x, weight, None, s, p, d)
    return Shape(tuple(run.x.shape), tuple(weight.shape), s, p, d, tuple(output.shape))


@dataclass(frozen=True)
class Cell:
    """One output cell, and what it is made of."""

    at: Index  # (channel, y, x)
    window: Tensor  # (C/groups, kh, kw)
    kernel: Tensor
    bias: float | None
    value: float


def drawn_cell(run: Run, draw: Random) -> Cell:
    """An output cell of the run on screen."""
    o = draw.randrange(len(run.output))
    y, x = (draw.randrange(n) for n in run.windows.outputs)
    bias = None if run.bias is None else run.bias[o].item()
    return Cell((o, y, x), run.window((y, x), o), run.weight[o], bias, run.output[o, y, x].item())


@dataclass(frozen=True)
class Layer:
    """A drawn layer, and how many numbers it learns."""

    inputs: int
    outputs: int
    kernel: int
    groups: int
    parameters: int

    @property
    def in_group(self) -> int:
        """Input channels that each kernel reads."""
        return self.inputs // self.groups


def drawn_layer(run: Run, draw: Random) -> Layer:
    """Channels and groups for a kernel of the height on screen."""
    groups = draw.choice((1, 2, 4))
    inputs, outputs, k = groups * draw.choice((1, 2, 4)), groups * draw.choice((1, 2, 4)), run.weight.shape[2]
    layer = torch.nn.Conv2d(inputs, outputs, k, groups=groups)
    return Layer(inputs, outputs, k, groups, sum(p.numel() for p in layer.parameters()))


@dataclass(frozen=True)
class Readers:
    """How many outputs read one input cell."""

    at: Index
    rows: int  # of windows that read it
    columns: int
    channels: int  # of outputs that its channel reaches

    @property
    def outputs(self) -> int:
        """All of them."""
        return self.rows * self.columns * self.channels


def drawn_readers(run: Run, draw: Random) -> Readers:
    """An input cell of the run on screen."""
    c, y, x = (draw.randrange(n) for n in run.x.shape)
    readers = using(run.windows, (y, x))
    return Readers(
        (c, y, x), len({a for a, _ in readers}), len({b for _, b in readers}), len(run.made_of(c))
    )  # fmt: skip


@dataclass(frozen=True)
class Rows:
    """The input rows that one output row reads."""

    row: int
    stride: int
    padding: int
    dilation: int
    read: list[int]


def drawn_rows(run: Run, draw: Random) -> Rows:
    """An output row of the run on screen."""
    y, windows = draw.randrange(run.windows.outputs[0]), run.windows
    (top, _), stride, dilation = windows.pads[0], windows.stride[0], windows.dilation[0]
    return Rows(y, stride, top, dilation, list(ops.window(y, windows.kernel_size[0], stride, top, dilation)))
