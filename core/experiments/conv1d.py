"""A convolution of a signal: what each output reads, and how far back and ahead."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import torch
from torch import Tensor

from core.experiments import convolution
from core.experiments.refusals import Refusal, refused
from core.ops.conv1d import conv1d
from core.ops.kit.windows import window
from core.ops.operator import Call

torchs = torch.nn.functional.conv1d
KERNELS = ("difference", "average", "counting")


@dataclass(frozen=True)
class Run:
    """One convolution of one signal."""

    x: Tensor  # (C, L)
    weight: Tensor  # (O, C/groups, k)
    bias: Tensor | None  # (O,)
    settings: dict[str, Any]  # stride, padding, dilation, groups
    row: convolution.Run  # the same as a convolution of an image of one row, which is how it is computed

    @property
    def call(self) -> Call:
        """The arguments of conv1d."""
        return Call((self.x, self.weight, self.bias), self.settings)

    @property
    def output(self) -> Tensor:
        """(O, L')"""
        return self.row.output[:, 0]

    @property
    def pads(self) -> tuple[int, int]:
        """The padding before and after the signal."""
        return self.row.windows.pads[1]

    def reads(self, t: int) -> range:
        """The positions that output `t` reads; below 0 or past the end they are padding."""
        return window(t, self.weight.shape[2], self.settings["stride"], self.pads[0], self.settings["dilation"])


def example(length: int, channels: int, seed: int) -> Tensor:
    """A signal of steps, each three long: (L,), or (C, L)."""
    heights = torch.randint(0, 7, (channels, -(-length // 3)), generator=torch.Generator().manual_seed(seed))
    steps = heights.repeat_interleave(3, 1)[:, :length].float()
    return steps[0] if channels == 1 else steps


def kernels(kind: str, shape: Sequence[int]) -> Tensor:
    """The weight (O, C/groups, k): last minus first, the average, or 0, 1, 2, …"""
    size = shape[-1]
    if kind == "counting":
        return torch.arange(float(torch.Size(shape[1:]).numel())).reshape(1, *shape[1:]).expand(*shape).contiguous()
    kernel = torch.full((size,), 1 / size) if kind == "average" else torch.zeros(size)
    if kind == "difference":
        kernel[0], kernel[-1] = -1.0, 1.0
    return kernel.expand(*shape).contiguous()


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, settings: dict[str, Any]) -> Run:
    """Run conv1d as conv2d on one row, and keep its steps. RuntimeError where the arguments don't go together."""
    around = settings["padding"] if isinstance(settings["padding"], str) else (0, settings["padding"])
    of_row = settings | {"stride": (1, settings["stride"]), "dilation": (1, settings["dilation"]), "padding": around}
    row = convolution.convolve(x[:, None], weight[:, :, None], bias, of_row)
    return Run(x, weight, bias, settings, row)


def refusal(x: Tensor, weight: Tensor, bias: Tensor | None, settings: dict[str, Any]) -> Refusal | None:
    """torch's words to settings that it does not take, and which single change of them it would take."""
    k = weight.shape[2]
    changes = [*(("padding", p) for p in range(k // 2, k + 1)), ("stride", 1), ("dilation", 1), ("padding", "same")]
    return refused(partial(torchs, x, weight, bias), settings, changes)


def nearest(x: Tensor, weight: Tensor, bias: Tensor | None, settings: dict[str, Any]) -> Run:
    """The run with the settings that go with any signal and kernel: stride 1, padding 'same'."""
    return convolve(x, weight, bias, settings | {"stride": 1, "padding": "same"})


# ---- what people believe ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LastChannels:
    """A sequence (L, C), its channels last as a text's are, handed to conv1d."""

    length: int
    channels: int
    says: str  # torch; "" where it takes it
    differ: int  # outputs that differ from those of the signal (C, L) then
    outputs: int


def channels_last(run: Run) -> LastChannels:
    """Hand the reader's signal over transposed; a square one goes through."""
    conv = partial(torchs, weight=run.weight, padding="same", groups=run.settings["groups"])
    found = refused(conv, {"input": run.x.t()}, [])
    channels, length = run.x.shape
    if found:
        return LastChannels(length, channels, found.says, 0, 0)
    ours, theirs = conv(run.x), conv(run.x.t())
    return LastChannels(length, channels, "", int((ours != theirs).sum()), ours.numel())


@dataclass(frozen=True)
class Causal:
    """How far padding='same' lets an output look ahead, and what does not look ahead."""

    kernel: int
    dilation: int
    back: int  # places before its own that an output reads
    ahead: int  # places after it
    zeros: int  # in front, none behind: so many that nothing is read ahead
    ahead_then: int  # places after its own that a gradient still reaches then
    same_length: bool


def looks_ahead(run: Run) -> Causal:
    """Measure by gradients which inputs the middle output reads, under 'same' and under zeros in front alone."""
    kernel, dilation = run.weight.shape[2], run.settings["dilation"]
    reach = dilation * (kernel - 1)
    length = 2 * reach + 1
    signal = torch.zeros(1, length, requires_grad=True)
    ones = torch.ones(1, 1, kernel)
    (same,) = torch.autograd.grad(torchs(signal, ones, padding="same", dilation=dilation)[0, reach], signal)
    causal = torchs(torch.nn.functional.pad(signal, (reach, 0)), ones, dilation=dilation)
    (front,) = torch.autograd.grad(causal[0, reach], signal)
    read, then = same[0].nonzero().flatten() - reach, front[0].nonzero().flatten() - reach
    return Causal(
        kernel, dilation, int(-read.min()), int(read.max()), reach, int(then.max()), causal.shape[1] == length
    )  # fmt: skip


@dataclass(frozen=True)
class HalfPadding:
    """The length under half a kernel of padding."""

    length: int
    kernel: int
    dilation: int
    padding: int  # half the kernel
    outputs: int
    next_outputs: int  # of a kernel one larger, with half of that
    needed: float  # padding on each side that would keep the length


def half_padding(run: Run) -> HalfPadding:
    """Lengths that torch gives with stride 1 and half the kernel as the padding."""
    kernel, dilation, length = run.weight.shape[2], run.settings["dilation"], max(run.x.shape[1], 32)
    outputs, of_next = (
        torchs(torch.zeros(1, length), torch.zeros(1, 1, k), padding=k // 2, dilation=dilation).shape[1]
        for k in (kernel, kernel + 1)
    )
    return HalfPadding(length, kernel, dilation, kernel // 2, outputs, of_next, dilation * (kernel - 1) / 2)


# ---- questions -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Length:
    """A drawn convolution, and the length of its output."""

    length: int
    kernel: int
    stride: int
    padding: int
    dilation: int
    outputs: int


def drawn_length(draw: Random) -> Length:
    """Settings that go together."""
    length, k, s, p, d = (draw.choice(n) for n in ((10, 16, 25), (2, 3, 5), (1, 2, 3), (0, 1, 2), (1, 2)))
    return Length(length, k, s, p, d, torchs(torch.zeros(1, length), torch.zeros(1, 1, k), None, s, p, d).shape[1])


@dataclass(frozen=True)
class Cell:
    """An output of the run on screen, and what it is made of."""

    at: tuple[int, int]  # (channel, place)
    window: Tensor  # (C/groups, k), padding included
    kernel: Tensor
    bias: float | None
    value: float


def drawn_cell(run: Run, draw: Random) -> Cell:
    """An output cell of the run on screen."""
    o, t = draw.randrange(len(run.output)), draw.randrange(run.output.shape[1])
    bias = None if run.bias is None else run.bias[o].item()
    return Cell((o, t), run.row.window((0, t), o)[:, 0], run.weight[o], bias, run.output[o, t].item())


@dataclass(frozen=True)
class Field:
    """Layers on one another, and how many inputs one output of the last reads."""

    kernel: int
    dilations: tuple[int, ...]
    inputs: int


def drawn_field(draw: Random) -> Field:
    """Two to four layers whose dilation doubles, or stays; the field is measured by the gradient."""
    kernel, layers, doubles = draw.choice((2, 3)), draw.choice((2, 3, 4)), draw.random() < 0.5
    dilations = tuple(2**i if doubles else 1 for i in range(layers))
    signal = torch.zeros(1, 64, requires_grad=True)
    y: Tensor = signal
    for dilation in dilations:
        y = conv1d(y, torch.ones(1, 1, kernel), dilation=dilation)
    (grad,) = torch.autograd.grad(y[0, 0], signal)
    return Field(kernel, dilations, int(grad.count_nonzero()))
