"""A convolution on screen: what it reads and writes, cell by cell, in outlines and in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from core.figures import colour
from core.figures.heatmap import Outline, Picture, number
from core.ops import convolution as ops
from core.ops.convolution import Pads, Pair
from core.ops.operator import Call
from core.tensors.limits import times

Index = tuple[int, ...]

LARGEST_WITH_NUMBERS = 16  # cells along a side; a larger input is shown as an image
MOST_TERMS = 9  # of a sum that is spelt out in full


@dataclass(frozen=True)
class Windows:
    """Where the windows of a convolution lie. Each pair is (rows, columns)."""

    outputs: Pair
    kernel_size: Pair
    stride: Pair
    dilation: Pair
    pads: Pads

    def read_by(self, output: Index) -> list[Index]:
        """Cells of the padded input that the output cell (y, x) is made of, in the kernel's reading order."""
        settings = zip(output, self.kernel_size, self.stride, self.dilation, strict=True)
        return list(product(*(ops.window(o, k, s, 0, d) for o, k, s, d in settings)))

    def using(self, cell: Index) -> list[Index]:
        """Output cells whose windows hold the input cell (y, x), the input counted without its padding."""
        settings = zip(cell, self.outputs, self.kernel_size, self.stride, self.pads, self.dilation, strict=True)
        return list(product(*(ops.outputs_using(i, n, k, s, before, d) for i, n, k, s, (before, _), d in settings)))

    def tap(self, output: Index, cell: Index) -> Index:
        """The kernel's position at which the window of an output meets an input cell. ValueError where it doesn't."""
        settings = zip(output, cell, self.kernel_size, self.stride, self.pads, self.dilation, strict=True)
        return tuple(ops.window(o, k, s, before, d).index(i) for o, i, k, s, (before, _), d in settings)


@dataclass(frozen=True)
class Run:
    """What is on screen: one convolution of one image, and how it came about."""

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
        rows, cols = zip(*self.windows.read_by(cell), strict=True)
        read = self.steps.padded[0][list(self.read_channels(o))][:, list(rows), list(cols)]
        return read.reshape(self.weight.shape[1:])


@dataclass(frozen=True)
class Picked:
    """The output channel shown, and the cell that the reader picked: of the output, or of the input."""

    channel: int
    output: Index | None  # (y, x)
    input: Index | None  # (c, y, x)


def convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None, settings: dict[str, Any], names: Sequence[str] = ()
) -> Run:
    """Run conv2d and keep its steps. RuntimeError where the arguments don't go together, torch's reason beside ours."""
    try:
        ops.conv2d(x, weight, bias, **settings)
    except RuntimeError as refusal:
        raise RuntimeError(f"{refusal}. {torchs_refusal(x, weight, bias, **settings)}") from None
    steps = ops.conv2d_steps(x[None], weight, bias, **settings)
    kernel_size, dilation = ops.pair(tuple(weight.shape[2:]), "kernel_size"), ops.pair(settings["dilation"], "dilation")
    spots = Windows(
        outputs=(steps.output.shape[2], steps.output.shape[3]),
        kernel_size=kernel_size,
        stride=ops.pair(settings["stride"], "stride"),
        dilation=dilation,
        pads=ops.pads(settings["padding"], kernel_size, dilation),
    )
    return Run(x, weight, bias, settings, steps, spots, names)


def torchs_refusal(x: Tensor, weight: Tensor, bias: Tensor | None = None, **settings: Any) -> str:
    """What torch says to these arguments."""
    try:
        torch.nn.functional.conv2d(x, weight, bias, **settings)
    except RuntimeError as refusal:
        return f"torch says: “{str(refusal).strip()}”"
    return "torch takes it."


# ---- pictures ------------------------------------------------------------------------------------------------------


def input_picture(run: Run, picked: Picked) -> Picture:
    """The input with its padding around it; a click reports an input cell, nothing on padding."""
    padded = run.steps.padded[0]
    (top, _), (left, _) = run.windows.pads
    return Picture(
        "padded", one_or_all(padded), colour.signed(run.x), f"input {times(run.x.shape)}", input_outlines(run, picked),
        muted=[place(run.x, index) for index in padding_cells(padded.shape, run.windows.pads)],
        pickable=True, picks=input_picks(run), origin=(-top, -left), leading_names=("c",),
    )  # fmt: skip


def kernel_picture(run: Run, picked: Picked) -> Picture:
    """The kernel of the output channel that is shown."""
    name = run.names[picked.channel] if run.names else ""
    return Picture(
        "weight", one_or_all(run.weight[picked.channel]), colour.signed(run.weight),
        name if name in ops.FAMOUS_KERNELS else f"weight[{picked.channel}]",
        kernel_outlines(run, picked), leading_names=("c",),
    )  # fmt: skip


def output_picture(run: Run, picked: Picked) -> Picture:
    """All output channels; a click reports channel, row and column."""
    picks = [", ".join(map(str, index)) for index in product(*map(range, run.output.shape))]
    return Picture(
        "output", one_or_all(run.output), colour.signed(run.output), f"output {times(run.output.shape)}",
        output_outlines(run, picked), pickable=True, picks=picks, leading_names=("o",),
    )  # fmt: skip


def one_or_all(channels: Tensor) -> Tensor:
    """A matrix where there is a single channel, (1, H, W) → (H, W)."""
    return channels[0] if len(channels) == 1 else channels


def place(channels: Tensor, index: Index) -> Index:
    """The index (c, y, x) as `one_or_all` draws it."""
    return index[1:] if len(channels) == 1 else index


def spelled_index(run: Run, index: Index) -> str:
    """An input cell (c, y, x) as its control spells it."""
    return ", ".join(map(str, place(run.x, index)))


def input_picks(run: Run) -> list[str]:
    """What a click on each cell of the padded input reports; nothing for padding."""
    (top, _), (left, _) = run.windows.pads
    _, height, width = run.x.shape
    return [
        spelled_index(run, (c, y - top, x - left)) if 0 <= y - top < height and 0 <= x - left < width else ""
        for c, y, x in product(*map(range, run.steps.padded.shape[1:]))
    ]


def padding_cells(shape: Sequence[int], pads: Pads) -> list[Index]:
    """The indices of a padded tensor (…, H, W) that are there only by padding."""
    (top, bottom), (left, right) = pads
    *_, height, width = shape
    return [
        index
        for index in product(*map(range, shape))
        if not (top <= index[-2] < height - bottom and left <= index[-1] < width - right)
    ]


def input_outlines(run: Run, picked: Picked) -> list[Outline]:
    """The picked output's window in every channel that it reads; or the picked input cell."""
    (top, _), (left, _) = run.windows.pads
    if picked.input:
        c, y, x = picked.input
        return [Outline([place(run.x, (c, y + top, x + left))])]
    assert picked.output is not None
    spot = run.windows.read_by(picked.output)
    return [
        Outline([place(run.x, (c, *cell)) for cell in spot], colour.USED) for c in run.read_channels(picked.channel)
    ]


def kernel_outlines(run: Run, picked: Picked) -> list[Outline]:
    """The kernel's positions that meet the picked input cell."""
    if not picked.input or picked.input[0] not in run.read_channels(picked.channel):
        return []
    c, *cell = picked.input
    taps = [run.windows.tap(output, tuple(cell)) for output in run.windows.using(tuple(cell))]
    kernel, within = run.weight[picked.channel], c - run.read_channels(picked.channel)[0]
    return [Outline([place(kernel, (within, *tap)) for tap in taps], colour.USED)] if taps else []


def output_outlines(run: Run, picked: Picked) -> list[Outline]:
    """The picked output cell; or all outputs that use the picked input cell."""
    colours = colour.PICKED if picked.output else colour.USED
    return [
        Outline([place(run.output, (o, *cell)) for cell in cells], colours)
        for o in range(len(run.output))
        if (cells := cells_meant(run, picked, o))
    ]


def cells_meant(run: Run, picked: Picked, o: int) -> list[Index]:
    """The cells (y, x) of output channel `o` that are picked, or that read the picked input cell."""
    if picked.input:
        c, *cell = picked.input
        return run.windows.using(tuple(cell)) if o in run.made_of(c) else []
    return [picked.output] if picked.output and o == picked.channel else []


# ---- words ---------------------------------------------------------------------------------------------------------


def arithmetic(run: Run, picked: Picked) -> str:
    """The picked cell in numbers: what an output is made of, or who reads an input."""
    return input_arithmetic(run, picked) if picked.input else output_arithmetic(run, picked)


def output_arithmetic(run: Run, picked: Picked) -> str:
    """One output cell as the sum that made it, channel by channel."""
    o, cell = picked.channel, picked.output
    assert cell is not None
    window, weight, value = run.window(cell, o), run.weight[o], run.output[(o, *cell)].item()
    name = f"output[{o}, {cell[0]}, {cell[1]}]"
    bias = "" if run.bias is None else f" + bias {number(run.bias[o].item())}"
    if len(weight) == 1:
        return f"`{name}` = `{spelled(window, weight)}`{bias} = **{number(value)}**"
    lines = [
        f"- channel {c}: `{spelled(part, kernel)}` = {number((part * kernel).sum().item())}"
        for c, part, kernel in zip(run.read_channels(o), window, weight, strict=True)
    ]
    sums = " + ".join(factor((part * kernel).sum().item()) for part, kernel in zip(window, weight, strict=True))
    return "\n".join([*lines, f"- all of them: `{name}` = {sums}{bias} = **{number(value)}**"])


def input_arithmetic(run: Run, picked: Picked) -> str:
    """Which outputs read one input cell, and with which weight."""
    assert picked.input is not None
    c, *at = picked.input
    cell = tuple(at)
    using, channels = run.windows.using(cell), run.made_of(c)
    name, value = f"input[{c}, {cell[0]}, {cell[1]}]", number(run.x[picked.input].item())
    if not using:
        return f"`{name}` = {value} is read by **no output**: no window meets it."
    said = f"`{name}` = {value} is read by **{len(using) * len(channels)}** outputs"
    if len(channels) > 1:
        said += f" ({len(using)} in each of the channels {channels[0]} to {channels[-1]})"
    o = picked.channel if picked.channel in channels else channels[0]
    within = c - run.read_channels(o)[0]
    weights = [run.weight[(o, within, *run.windows.tap(out, cell))].item() for out in using]
    listed = ", ".join(
        f"`[{o}, {y}, {x}]` times {number(weight)}" for (y, x), weight in list(zip(using, weights, strict=True))[:9]
    )
    rest = f" and {len(using) - 9} more" if len(using) > 9 else ""
    arrives = number(gradient_at(run, picked.input))
    return f"{said}: {listed}{rest}. Where a gradient of 1 comes to every output, **{arrives}** arrives here."


def gradient_at(run: Run, cell: Index) -> float:
    """What arrives at an input cell where a gradient of 1 comes to every output."""
    leaf = run.x.clone().requires_grad_()
    (grad,) = torch.autograd.grad(ops.conv2d(leaf, run.weight, run.bias, **run.settings).sum(), leaf)
    return grad[cell].item()


def spelled(values: Tensor, weights: Tensor) -> str:
    """A window times a kernel, term by term: `1·0 + 2·1 + …`; the middle of a long sum is left out."""
    pairs = list(zip(values.flatten().tolist(), weights.flatten().tolist(), strict=True))
    terms = [f"{factor(value)}·{factor(weight)}" for value, weight in pairs]
    if len(terms) > MOST_TERMS:
        terms = [*terms[:4], f"… {len(terms) - 6} more …", *terms[-2:]]
    return " + ".join(terms)


def factor(value: float) -> str:
    """A number to stand in a sum or a product: in brackets if it is negative."""
    return number(value) if value >= 0 else f"({number(value)})"


def plus_bias(run: Run, o: int) -> str:
    """The sign before the output."""
    return "=" if run.bias is None else f"+ {number(run.bias[o].item())} ="


def sizes(input_shape: Sequence[int], weight_shape: Sequence[int], settings: dict[str, Any]) -> str:
    """The output size's formula with its numbers, for rows, and for columns where they differ."""
    kernel_size = (weight_shape[2], weight_shape[3])
    pads = ops.pads(settings["padding"], kernel_size, ops.pair(settings["dilation"], "dilation"))
    lines = [
        size_line(letter, input_shape[i - 2], weight_shape[i - 2], pads[i], settings)
        for i, letter in enumerate(("H", "W"))
    ]
    alike = lines[1].replace("W", "H") == lines[0]
    return f"**Output size** &ensp;{lines[0]}" + ("" if alike else f"  \n**and across** &ensp;{lines[1]}")


def size_line(letter: str, size: int, kernel: int, pad: tuple[int, int], settings: dict[str, Any]) -> str:
    """The formula for one axis, as TeX."""
    stride, dilation = settings["stride"], settings["dilation"]
    outputs = ops.output_size(size + sum(pad), kernel, stride, 0, dilation)
    padding = f"2 \\cdot {pad[0]}" if pad[0] == pad[1] else f"({pad[0]} + {pad[1]})"
    general = rf"\left\lfloor \frac{{{letter} + 2p - d(k-1) - 1}}{{s}} \right\rfloor + 1"
    filled = (
        rf"\left\lfloor \frac{{{size} + {padding} - {dilation} \cdot ({kernel}-1) - 1}}{{{stride}}} \right\rfloor + 1"
    )
    return f"${general} = {filled} = {outputs}$"


def costs(run: Run) -> str:
    """Parameters and multiply-adds of the layer, beside those of a linear layer between the same tensors."""
    out_channels, in_group, kh, kw = run.weight.shape
    in_channels, groups = len(run.x), run.settings["groups"]
    parameters = ops.count_parameters(in_channels, out_channels, (kh, kw), groups, run.bias is not None)
    work = ops.count_multiply_adds(run.output.shape, in_channels, (kh, kw), groups)
    bias = f" + {out_channels} bias" if run.bias is not None else ""
    dense = run.x.numel() * run.output.numel()
    return (
        f"**{parameters:,} parameters** = {out_channels}·{in_group}·{kh}·{kw}{bias} (out · in/groups · kh · kw) "
        f"&ensp;·&ensp; **{work:,} multiply-adds** = {run.output.numel():,} outputs · {in_group * kh * kw} "
        f"&ensp;·&ensp; a linear layer instead: {dense:,} weights."
    )
