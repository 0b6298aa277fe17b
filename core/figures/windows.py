"""A convolution on screen: its pictures, which cells of theirs hang together, and their arithmetic in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from torch import Tensor

from core.experiments.convolution import Run, Unrolled, copied_from, flat_output
from core.experiments.windows import Index, padding_cells, taps
from core.figures import colour, images
from core.figures.board import Panel, Relation
from core.figures.heatmap import Picture
from core.figures.numbers import number
from core.ops import convolution as ops
from core.tensors.limits import times

MOST_TERMS = 9  # of a sum that is spelt out in full


# ---- pictures ------------------------------------------------------------------------------------------------------

INPUT, KERNEL, OUTPUT = ("c y x", "y x"), ("o g u v", "u v"), ("o p q", "p q")  # axes: with channels, and without


def links(run: Run) -> list[Relation]:
    """Which cells of input "c y x", kernel "o g u v" and output "o p q" hang together."""
    channels = [(o, g, c) for o in range(len(run.weight)) for g, c in enumerate(run.read_channels(o))]
    return [
        Relation("o g c", np.array(channels)), Relation("p u y", taps(run.windows, 0)),
        Relation("q v x", taps(run.windows, 1)),
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


# ---- the windows as columns ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Columns:
    """The pictures of a part of the im2col matrix, with the kernel as a row and the outputs as a row."""

    kernel: Picture  # "o k", (1, K)
    columns: Picture  # "k l", (K, L)
    outputs: Picture  # "o l", (1, L)
    links: list[Relation]
    sentences: dict[str, str]


def column_pictures(run: Run, unrolled: Unrolled) -> Columns:
    """The windows as columns; a cell of theirs is spelled and picked as that of the convolution's own pictures."""
    o, first = unrolled.channel, unrolled.outputs.start
    leading = "" if run.flat else f"{o}, "
    cells = [f"{leading}{p}, {q}" for p, q in unrolled.cells]
    taps = [leading + ", ".join(map(str, tap[1:] if run.flat else tap)) for tap in unrolled.taps]
    return Columns(
        Picture("kernel", unrolled.kernel, colour.signed(run.weight), "kernel as a row", axes="o k", origin=(o, 0),
                picks=taps),
        Picture("columns", unrolled.columns, colour.signed(run.x), "columns: one window each", axes="k l",
                origin=(0, first), picks=cells * len(taps)),
        Picture("product", unrolled.product, colour.signed(run.output), "= one output each", axes="o l",
                origin=(o, first), picks=cells),
        [] if run.as_image else [copies(run, unrolled)],
        {
            "columns": "`{at:columns}` = **{columns}**"
            + ("" if run.as_image else " is a copy of `{at:x}`")
            + " and is multiplied by `{at:kernel}` = {kernel}.",
            "product": "`{at:product}` = {sum:kernel*columns} = **{product}**",
            "kernel": "`{at:kernel}` = **{kernel}** is multiplied by each number of its row, `{at:columns}`.",
            "x": "`{at:x}` = **{x}**. Its copies among the columns shown: {count:columns}.",
        },
    )  # fmt: skip


def copies(run: Run, unrolled: Unrolled) -> Relation:
    """Which cell of the input each cell of the im2col matrix was copied from."""
    table = copied_from(run, unrolled)
    return Relation("k l y x", table[:, [0, 1, 3, 4]]) if run.flat else Relation("k l c y x", table)


def pinned_in_columns(run: Run, o: int, cell: tuple[str, Index]) -> tuple[str, Index]:
    """The pinned cell of the convolution's own pictures in those of its columns."""
    name, index = cell
    if name == "y":
        return "product", (o, flat_output(run, index))
    if name == "w":
        g, u, v = (0, *index)[-3:]
        return "kernel", (o, int(np.ravel_multi_index((g, u, v), run.weight.shape[1:])))
    return cell


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
