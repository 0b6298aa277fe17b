"""A transposed convolution: what each input lays onto the output, what overlaps, and what it does not undo."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import Any

import torch
from torch import Tensor

from core.experiments import convolution
from core.experiments.refusals import Refusal, UnsafeError, refused
from core.experiments.windows import Index
from core.ops.conv_transpose2d import TransposedSteps, conv_transpose2d, conv_transpose2d_steps
from core.ops.kit.convolution import TRANSPOSED_DTYPES, conv_transpose2d_arguments
from core.ops.kit.windows import Windows
from core.ops.operator import Call
from core.words import N_

torchs = torch.nn.functional.conv_transpose2d


@dataclass(frozen=True)
class Run:
    """One transposed convolution of one image."""

    x: Tensor  # (C, H, W)
    weight: Tensor  # (C, O/groups, kh, kw)
    bias: Tensor | None  # (O,)
    settings: dict[str, Any]  # stride, padding, output_padding, groups, dilation
    steps: TransposedSteps
    windows: Windows  # in the output, one for each input cell

    @property
    def call(self) -> Call:
        """The arguments of conv_transpose2d."""
        return Call((self.x, self.weight, self.bias), self.settings)

    @property
    def output(self) -> Tensor:
        """(O, H', W')"""
        return self.steps.output[0]

    @property
    def flat(self) -> bool:
        """Whether there is one channel in and one out: then all are matrices, without an index for channels."""
        return len(self.x) == len(self.output) == 1

    def reached(self, c: int) -> range:
        """The output channels that input channel `c` reaches: those of its group."""
        first = c // (len(self.x) // self.settings["groups"]) * self.weight.shape[1]
        return range(first, first + self.weight.shape[1])


def example(height: int, width: int, channels: int, seed: int) -> Tensor:
    """Whole numbers from 1 to 4: (H, W), or (C, H, W)."""
    shape = (height, width) if channels == 1 else (channels, height, width)
    return torch.randint(1, 5, shape, generator=torch.Generator().manual_seed(seed)).float()


def kernels(kind: str, shape: Sequence[int], seed: int) -> Tensor:
    """The weight (C, O/groups, kh, kw): ones, 1, 2, 3, …, or random whole numbers."""
    if kind == "ones":
        return torch.ones(*shape)
    if kind == "counting":
        return torch.arange(1.0, torch.Size(shape[1:]).numel() + 1).reshape(1, *shape[1:]).expand(*shape).contiguous()
    return torch.randint(-2, 3, tuple(shape), generator=torch.Generator().manual_seed(seed + 1)).float()


def in_one_dtype(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Input and kernel in one dtype that the transposed convolution takes; of integers that is int64 alone."""
    x, weight = convolution.in_one_dtype(x, weight)
    return (x, weight) if x.dtype in TRANSPOSED_DTYPES else (x.float(), weight.float())


def transpose(x: Tensor, weight: Tensor, bias: Tensor | None, settings: dict[str, Any]) -> Run:
    """Run conv_transpose2d and keep its steps. RuntimeError where the arguments don't go together."""
    *_, windows = conv_transpose2d_arguments(x[None], weight, bias, **settings)
    return Run(x, weight, bias, settings, conv_transpose2d_steps(x[None], weight, bias, **settings), windows)


def refusal(x: Tensor, weight: Tensor, bias: Tensor | None, settings: dict[str, Any]) -> Refusal | None:
    """torch's words to settings that it does not take, and which single change of them it would take."""
    changes = [
        *(("output_padding", extra) for extra in range(settings["output_padding"] - 1, -1, -1)),
        *(("padding", cut) for cut in range(settings["padding"] - 1, -1, -1)),
        *(("stride", s) for s in range(settings["stride"] + 1, 5)),
    ]

    def call(**given: Any) -> None:
        if not torchs(x, weight, bias, **given).numel():  # half precision is let through
            raise UnsafeError(N_("The padding cuts off the whole output: nothing is left."))

    return refused(call, settings, changes)


def nearest(x: Tensor, weight: Tensor, bias: Tensor | None, settings: dict[str, Any]) -> Run:
    """The run with the settings that go with any input and kernel: nothing cut off, nothing added."""
    return transpose(x, weight, bias, settings | {"padding": 0, "output_padding": 0})


def matrix(run: Run) -> Tensor:
    """The matrix (outputs, inputs) that the run is, between the first channels: a column for each input cell."""
    height, width = run.windows.outputs
    cells = torch.eye(height * width, dtype=run.weight.dtype).reshape(-1, 1, height, width)
    settings = run.settings | {"groups": 1}
    return conv_transpose2d(cells, run.weight[:1, :1], None, **settings).flatten(1).t()


# ---- what people believe ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Undone:
    """A convolution, and its transpose on what it gave."""

    input: tuple[int, ...]
    middle: tuple[int, ...]
    back: tuple[int, ...]
    first: float  # of the input's numbers
    first_back: float
    differ: int
    cells: int


def undoes(run: Run) -> Undone:
    """Convolve the run's output with the same weight and settings, and transpose the result again."""
    settings = {name: run.settings[name] for name in ("stride", "padding", "dilation", "groups")}
    middle = torch.nn.functional.conv2d(run.output, run.weight, None, **settings)
    back = torchs(middle, run.weight, None, **run.settings)
    shared = tuple(slice(min(a, b)) for a, b in zip(run.output.shape, back.shape, strict=True))
    return Undone(
        tuple(run.output.shape), tuple(middle.shape), tuple(back.shape), run.output[0, 0, 0].item(),
        back[0, 0, 0].item(), int((run.output[shared] != back[shared]).sum()), run.output[shared].numel(),
    )  # fmt: skip


@dataclass(frozen=True)
class Padded:
    """Output sizes under several paddings."""

    input: tuple[int, ...]
    sizes: tuple[tuple[int, tuple[int, ...]], ...]  # (padding, output size)


def padding_cuts(run: Run) -> Padded:
    """What torch's output measures as the padding grows, as long as a cell is left."""
    sizes = []
    for padding in range(4):
        settings = run.settings | {"padding": padding}
        if refusal(run.x, run.weight, run.bias, settings) is None:
            sizes.append((padding, tuple(torchs(run.x, run.weight, run.bias, **settings).shape[1:])))
    return Padded(tuple(run.x.shape[1:]), tuple(sizes))


@dataclass(frozen=True)
class Extra:
    """What stands in the rows that output_padding leaves."""

    stride: int
    padding: int
    rows: int  # of the output without it
    rows_with: int  # with an output_padding of 1
    row: Tensor  # the last one then, of the first channel
    sums: int  # numbers of it that some input reaches
    sources: tuple[int, ...]  # input sizes that the convolution of this stride brings to one output size


def output_padding_adds(run: Run) -> Extra:
    """Run with an output_padding of 0 and of 1, without a bias; where the stride is 1, with a stride of 2."""
    settings = run.settings | {"output_padding": 0, "stride": max(run.settings["stride"], 2)}
    bare = torchs(run.x, run.weight, None, **settings)
    more = torchs(run.x, run.weight, None, **settings | {"output_padding": 1})
    reach = torchs(torch.ones_like(run.x), torch.ones_like(run.weight), None, **settings | {"output_padding": 1})
    rows, stride, dilation = bare.shape[1], settings["stride"], settings["dilation"]
    kernel, height = run.weight.shape[2], run.x.shape[1]
    sources = tuple(
        size for size in range(1, rows + 2 * stride)
        if (size + 2 * settings["padding"] - dilation * (kernel - 1) - 1) // stride + 1 == height
    )  # fmt: skip
    return Extra(
        stride, settings["padding"], rows, more.shape[1], more[0, -1], int((reach[0, -1] != 0).sum()), sources
    )  # fmt: skip


@dataclass(frozen=True)
class WeightShape:
    """The weight that conv2d has for these channels, handed to the transposed convolution."""

    inputs: int
    outputs: int
    weight: tuple[int, ...]  # nn.ConvTranspose2d's
    conv: tuple[int, ...]  # nn.Conv2d's
    says: str  # torch, to the latter; "" where it takes it


def weight_is_turned(run: Run) -> WeightShape:
    """Channels in and out unlike each other, and the weights that torch's two layers learn for them."""
    inputs, outputs, kernel = len(run.x), len(run.x) + 1, tuple(run.weight.shape[2:])
    layers = torch.nn.ConvTranspose2d(inputs, outputs, kernel), torch.nn.Conv2d(inputs, outputs, kernel)  # type: ignore[arg-type]
    turned, straight = (tuple(layer.weight.shape) for layer in layers)
    weight = torch.zeros(straight, dtype=run.x.dtype)
    found = refused(torchs, {"input": run.x, "weight": weight}, [])
    return WeightShape(inputs, outputs, turned, straight, found.says if found else "")


@dataclass(frozen=True)
class Overlap:
    """How many inputs reach each output cell."""

    counts: Tensor  # (H', W')
    fewest: int
    most: int
    inner: list[int]  # the different counts away from the border
    kernel: tuple[int, ...]
    stride: int


def overlap(run: Run) -> Overlap:
    """The transposed convolution of ones with a kernel of ones counts them."""
    ones = torch.ones(1, *run.windows.outputs), torch.ones(1, 1, *run.windows.kernel_size)
    settings = run.settings | {"groups": 1}
    counts = torchs(*ones, None, **settings)[0]
    span = max(run.settings["dilation"] * (k - 1) + 1 for k in run.windows.kernel_size)
    whole = settings | {"padding": 0, "output_padding": 0}
    large = torchs(torch.ones(1, 4 * span, 4 * span), ones[1], None, **whole)[0]  # so that there is an inside
    inner = large[span : len(large) - span, span : large.shape[1] - span].unique().int().tolist()
    return Overlap(
        counts, int(counts.min()), int(counts.max()), inner, run.windows.kernel_size, run.settings["stride"]
    )  # fmt: skip


# ---- questions -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Size:
    """A drawn transposed convolution, and its output's rows."""

    rows: int
    kernel: int
    stride: int
    padding: int
    output_padding: int
    outputs: int


def drawn_size(draw: Random) -> Size:
    """Settings that torch takes."""
    rows, k, s, p = (draw.choice(n) for n in ((4, 7, 14), (2, 3, 4), (1, 2, 3), (0, 1)))
    extra = draw.randrange(s)
    output = torchs(torch.zeros(1, rows, rows), torch.zeros(1, 1, k, k), None, s, p, extra)
    return Size(rows, k, s, p, extra, output.shape[1])


@dataclass(frozen=True)
class Cell:
    """An output cell of the run on screen, and what reaches it."""

    at: Index  # (channel, y, x)
    terms: list[tuple[float, float]]  # (input, weight)
    bias: float
    value: float


def drawn_cell(run: Run, draw: Random) -> Cell:
    """An output cell, and the inputs and weights whose products it adds up."""
    at = (draw.randrange(len(run.output)), *(draw.randrange(n) for n in run.output.shape[1:]))
    return Cell(at, terms(run, at), 0.0 if run.bias is None else run.bias[at[0]].item(), run.output[at].item())


def terms(run: Run, at: Index) -> list[tuple[float, float]]:
    """The inputs that reach an output cell (channel, y, x), each with the weight that it brings along."""
    o, row, column = at
    pairs = list(product(meeting(run, 0, row), meeting(run, 1, column)))
    return [
        (run.x[c, y, x].item(), run.weight[c, o - run.reached(c)[0], u, v].item())
        for c in range(len(run.x)) if o in run.reached(c)
        for (y, u), (x, v) in pairs
    ]  # fmt: skip


def meeting(run: Run, d: int, place: int) -> list[tuple[int, int]]:
    """(input, tap) positions along one axis that lay a number onto this place of the output."""
    w = run.windows
    return [
        (y, u) for y in range(w.outputs[d]) for u in range(w.kernel_size[d])
        if y * w.stride[d] + u * w.dilation[d] - w.padding[d] == place
    ]  # fmt: skip


@dataclass(frozen=True)
class Reach:
    """How many output cells one input cell reaches, over all channels."""

    at: Index
    outputs: int


def drawn_reach(run: Run, draw: Random) -> Reach:
    """An input cell; its reach is measured by a 1 in it alone, with a kernel of ones."""
    at = tuple(draw.randrange(n) for n in run.x.shape)
    lone = torch.zeros_like(run.x)
    lone[at] = 1
    reached = torchs(lone, torch.ones_like(run.weight), None, **run.settings)
    return Reach(at, int(reached.count_nonzero()))
