"""A convolution on screen: its pictures, which cells of theirs hang together, and their arithmetic in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.figures import colour, images
from core.figures.board import Panel, Relation
from core.figures.heatmap import Picture
from core.figures.numbers import number
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

    def taps(self, axis: int) -> np.ndarray:
        """(output, tap, input) positions that meet along one axis, the input counted without its padding: (n, 3)."""
        output, tap = (n.ravel() for n in np.mgrid[: self.outputs[axis], : self.kernel_size[axis]])
        cell = output * self.stride[axis] + tap * self.dilation[axis] - self.pads[axis][0]
        return np.stack([output, tap, cell], 1)

    def reads(self, axis: int) -> np.ndarray:
        """(output, input) positions that meet along one axis: (n, 2)."""
        return self.taps(axis)[:, [0, 2]]


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
        rows, cols = zip(*self.windows.read_by(cell), strict=True)
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


def nearest(x: Tensor, weight: Tensor, bias: Tensor | None, settings: dict[str, Any], names: Sequence[str]) -> Run:
    """The run with the settings that go with any input and kernel: stride 1, padding 'same'."""
    return convolve(x, weight, bias, settings | {"stride": 1, "padding": "same"}, names)


# ---- pictures ------------------------------------------------------------------------------------------------------

INPUT, KERNEL, OUTPUT = ("c y x", "y x"), ("o g u v", "u v"), ("o p q", "p q")  # axes: with channels, and without


def links(run: Run) -> list[Relation]:
    """Which cells of input "c y x", kernel "o g u v" and output "o p q" hang together."""
    channels = [(o, g, c) for o in range(len(run.weight)) for g, c in enumerate(run.read_channels(o))]
    return [
        Relation("o g c", np.array(channels)), Relation("p u y", run.windows.taps(0)),
        Relation("q v x", run.windows.taps(1)),
    ]  # fmt: skip


def sentences(run: Run) -> dict[str, str]:
    """What is said of the cell under the pointer, by its picture."""
    bias = "" if run.bias is None else " + {b}"
    outputs = "Outputs that read it" if run.flat or not run.as_image else "Outputs on screen that read it"
    each = "each output" if run.flat else "each output of its channel"
    inputs = (
        f"It meets one input for {each}."
        if run.as_image
        else f"It meets {{count:x}} inputs, one for {each}; a gradient of 1 to every output brings it their sum, "
        "**{total:x}**."
    )
    return {
        "y": f"`{{at:y}}` = {{sum:x*w}}{bias} = **{{y}}**",
        "x": f"`{{at:x}}` = {{x}}{{note:x}}. {outputs}: **{{count:y}}**, times the weights {{list:w}}. A gradient of 1 "
        "to each brings it their sum, **{total:w}**.",
        "w": f"`{{at:w}}` = {{w}}. {inputs}",
        "b": f"`{{at:b}}` = **{{b}}** is added to {each}: it gets the sum of their gradients.",
    }


def equation(run: Run, fit: Callable[[Sequence[Picture]], int]) -> list[Picture | str]:
    """input ⋆ kernel + bias = output with numbers in the cells, channels laid out so that `fit` gives large cells."""
    parts = [input_picture(run), kernel_picture(run), output_picture(run)]
    if run.bias is not None:
        parts.insert(2, bias_picture(run))
    best = max(product(*map(layouts, parts)), key=fit)
    signs = ["⋆", "+", "="] if run.bias is not None else ["⋆", "="]
    return [best[0], *(part for pair in zip(signs, best[1:], strict=True) for part in pair)]


def layouts(picture: Picture) -> list[Picture]:
    """The ways to lay out a picture's channels, one dimension of them, in lines."""
    leading = [size for size in picture.values.shape[:-2] if size > 1]
    if len(leading) != 1:
        return [picture]
    return [picture, *(replace(picture, across=k) for k in range(1, leading[0] + 1))]


def input_picture(run: Run) -> Picture:
    """The input with its padding around it."""
    (top, _), (left, _) = run.windows.pads
    padded = run.steps.padded[0]
    outside = padding_cells(padded.shape, run.windows.pads)
    within = np.full(run.x.shape, "", dtype=object)
    notes = np.pad(within, ((0, 0), *run.windows.pads), constant_values=" (padding)")
    return Picture(
        "x", padded[0] if run.flat else padded, colour.signed(run.x), f"x: input {times(run.x.shape)}",
        muted=[index[1:] for index in outside] if run.flat else outside, origin=(-top, -left), leading_names=("c",),
        axes=INPUT[run.flat], notes=notes.ravel().tolist(),
    )  # fmt: skip


def kernel_picture(run: Run, channel: int | None = None) -> Picture:
    """The kernels of all output channels, or of one."""
    first = channel or 0
    weight = run.weight if channel is None else run.weight[channel : channel + 1]
    name = run.names[first] if run.names else ""
    known = name in ops.FAMOUS_KERNELS and len(weight) == 1
    return Picture(
        "w", weight[0, 0] if run.flat else weight, colour.signed(run.weight),
        f"w: {name}" if known else f"w: weight {times(weight.shape)}", leading_names=("o", "g"), axes=KERNEL[run.flat],
        origin=(first, 0, 0, 0),
    )  # fmt: skip


def bias_picture(run: Run) -> Picture:
    """The bias: one number for each output channel."""
    assert run.bias is not None
    bias = run.bias[0] if run.flat else run.bias
    return Picture("b", bias, colour.signed(run.bias), "b: bias", axes="" if run.flat else "o")


def output_picture(run: Run) -> Picture:
    """All output channels."""
    output = run.output[0] if run.flat else run.output
    return Picture(
        "y", output, colour.signed(output), f"y: output {times(run.output.shape)}", leading_names=("o",),
        axes=OUTPUT[run.flat],
    )  # fmt: skip


def image_panels(run: Run, channel: int, width: int, height: int) -> tuple[Panel, Panel]:
    """Input and one output channel as images, as large as they fit side by side."""
    channels, pads, output = len(run.x), run.windows.pads, run.output[channel]
    shape = run.x.shape[1:] if run.flat else run.x.shape
    alone = (output.shape, images.NO_PADS, 0)
    cell, across = max(
        (images.fitting([(shape, pads, k), alone], width, height), -k) for k in range(1, channels + 1)
    )  # fmt: skip
    x = images.panel(
        "x", run.x.reshape(shape), images.shades(run.x), cell, INPUT[run.flat], title=f"x: input {times(run.x.shape)}",
        pads=pads, across=-across,
    )  # fmt: skip
    title = f"y: output {times(output.shape)}" if run.flat else f"y: channel {channel} of {times(run.output.shape)}"
    y = images.panel("y", output, images.shades(output), cell, OUTPUT[run.flat], title=title)
    if run.flat:
        return x, y
    assert y.cells is not None
    return x, replace(y, cells=replace(y.cells, shape=(1, *output.shape), origin=(channel, 0, 0)))


def padding_cells(shape: Sequence[int], pads: Pads) -> list[Index]:
    """The indices of a padded tensor (…, H, W) that are there only by padding."""
    (top, bottom), (left, right) = pads
    *_, height, width = shape
    return [
        index
        for index in product(*map(range, shape))
        if not (top <= index[-2] < height - bottom and left <= index[-1] < width - right)
    ]


# ---- the windows as columns ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unrolled:
    """A part of the im2col matrix of one output channel, with the kernel as a row and the outputs as a row."""

    kernel: Picture  # "o k", (1, K)
    columns: Picture  # "k l", (K, L)
    outputs: Picture  # "o l", (1, L)
    links: list[Relation]
    sentences: dict[str, str]

    def pinned(self, run: Run, o: int, cell: tuple[str, Index]) -> tuple[str, Index]:
        """The pinned cell of the convolution's own pictures in these."""
        name, index = cell
        if name == "y":
            return "product", (o, flat_output(run, index))
        if name == "w":
            g, u, v = (0, *index)[-3:]
            return "kernel", (o, int(np.ravel_multi_index((g, u, v), run.weight.shape[1:])))
        return cell


def flat_output(run: Run, index: Index) -> int:
    """The column that makes this output cell (…, y, x)."""
    return index[-2] * run.windows.outputs[1] + index[-1]


def unroll(run: Run, o: int, columns: range, rows: int) -> Unrolled:
    """The first `rows` rows and these columns of the im2col matrix that output channel `o` is made of."""
    group, width = o // (len(run.weight) // run.settings["groups"]), run.windows.outputs[1]
    shown = slice(columns.start, columns.stop)
    matrix = run.steps.columns[0, group][:rows, shown]
    kernel, product_row = run.weight[o].reshape(1, -1)[:, :rows], run.steps.product[0, o].reshape(1, -1)[:, shown]
    leading = "" if run.flat else f"{o}, "
    cells = [f"{leading}{p}, {q}" for p, q in (divmod(i, width) for i in columns)]
    taps = [
        leading + ", ".join(map(str, tap[1:] if run.flat else tap))
        for tap in product(*map(range, run.weight.shape[1:]))
    ]  # fmt: skip
    return Unrolled(
        Picture("kernel", kernel, colour.signed(run.weight), "kernel as a row", axes="o k", origin=(o, 0),
                picks=taps[:rows]),
        Picture("columns", matrix, colour.signed(run.x), "columns: one window each", axes="k l",
                origin=(0, columns.start), picks=cells * len(matrix)),
        Picture("product", product_row, colour.signed(run.output), "= one output each", axes="o l",
                origin=(o, columns.start), picks=cells),
        [] if run.as_image else [copies(run, o, columns, rows)],
        {
            "columns": "`{at:columns}` = **{columns}**"
            + ("" if run.as_image else " is a copy of `{at:x}`")
            + " and is multiplied by `{at:kernel}` = {kernel}.",
            "product": "`{at:product}` = {sum:kernel*columns} = **{product}**",
            "kernel": "`{at:kernel}` = **{kernel}** is multiplied by each number of its row, `{at:columns}`.",
            "x": "`{at:x}` = **{x}**. Its copies among the columns shown: {count:columns}.",
        },
    )  # fmt: skip


def copies(run: Run, o: int, columns: range, rows: int) -> Relation:
    """Which cell of the input each cell of the im2col matrix was copied from."""
    g, u, v = (n[:rows, None] for n in np.unravel_index(np.arange(run.weight[0].numel()), run.weight.shape[1:]))
    p, q = np.divmod(np.array(columns)[None], run.windows.outputs[1])
    y, x = (
        output * s + tap * d - pad
        for output, tap, s, d, (pad, _) in zip(
            (p, q), (u, v), run.windows.stride, run.windows.dilation, run.windows.pads, strict=True
        )
    )
    k, channel = np.arange(rows)[:, None], g + run.read_channels(o)[0]
    parts = (k, np.array(columns)[None], y, x) if run.flat else (k, np.array(columns)[None], channel, y, x)
    table = np.stack([part.ravel() for part in np.broadcast_arrays(*parts)], 1)
    return Relation("k l y x" if run.flat else "k l c y x", table)


def turned(run: Run) -> list[Relation]:
    """Which place of the kernel "u v" each place of the turned one "a b" comes from."""
    height, width = run.windows.kernel_size
    return [
        Relation(axes, np.stack([np.arange(size), np.arange(size)[::-1]], 1))
        for axes, size in (("u a", height), ("v b", width))
    ]


# ---- words ---------------------------------------------------------------------------------------------------------


def output_arithmetic(run: Run, o: int, cell: Index) -> str:
    """One output cell (y, x) of channel `o` as the sum that made it, channel by channel."""
    window, weight, value = run.window(cell, o), run.weight[o], run.output[(o, *cell)].item()
    name = f"y[{', '.join(map(str, cell if run.flat else (o, *cell)))}]"
    bias = "" if run.bias is None else f" + bias {number(run.bias[o].item())}"
    if len(weight) == 1:
        return f"`{name}` = `{spelled(window, weight)}`{bias} = **{number(value)}**"
    lines = [
        f"- channel {c}: `{spelled(part, kernel)}` = {number((part * kernel).sum().item())}"
        for c, part, kernel in zip(run.read_channels(o), window, weight, strict=True)
    ]
    sums = " + ".join(factor((part * kernel).sum().item()) for part, kernel in zip(window, weight, strict=True))
    return "\n".join([*lines, f"- all of them: `{name}` = {sums}{bias} = **{number(value)}**"])


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
