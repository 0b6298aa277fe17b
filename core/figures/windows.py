"""A convolution on screen: its pictures, which cells of theirs hang together, and their arithmetic in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from torch import Tensor

from core.experiments.convolution import FAMOUS_KERNELS, Flip, Run, Unrolled, copied_from, flat_output
from core.experiments.windows import Index, padding_cells, taps
from core.figures import colour, images
from core.figures.board import Panel, Relation
from core.figures.heatmap import NARROWEST, Picture
from core.figures.montage import SIGN_WIDTH, cell_size
from core.ops import convolution as ops
from core.tensors.limits import times
from core.words import N_, _, partly, say
from core.words.numbers import number

MOST_TERMS = 9  # of a sum that is spelt out in full
KERNEL_CELL = 30  # pixels of a cell of the kernel beside an image
MOST_COLUMNS, MOST_ROWS = 30, 49  # of the im2col matrix at once
LONG = 12  # weights of a kernel from which on its row stands above the columns, not beside them

Place = tuple[int, int]  # row and column of a board's grid, from 1


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
    outputs = _("Outputs that read it") if run.flat or not run.as_image else _("Outputs on screen that read it")
    each = _("each output") if run.flat else _("each output of its channel")
    inputs = (
        say("It meets one input for {each}.", each=each)
        if run.as_image
        else partly(
            "It meets {count:x} inputs, one for {each}; a gradient of 1 to every output brings it their sum, **{total:x}**.",
            each=each,
        )
    )
    return {
        "y": f"`{{at:y}}` = {{sum:x*w}}{bias} = **{{y}}**",
        "x": partly(
            "`{at:x}` = {x}{note:x}. {outputs}: **{count:y}**, times the weights {list:w}. A gradient of 1 to each brings it their sum, **{total:w}**.",
            outputs=outputs,
        ),
        "w": f"`{{at:w}}` = {{w}}. {inputs}",
        "b": partly("`{at:b}` = **{b}** is added to {each}: it gets the sum of their gradients.", each=each),
    }


def equation(run: Run, fit: Callable[[Sequence[Picture]], int]) -> list[Picture | str]:
    """input ⋆ kernel + bias = output with numbers in the cells, channels laid out so that `fit` gives large cells."""
    parts = [input_picture(run), kernel_picture(run), output_picture(run)]
    if run.bias is not None:
        parts.insert(2, bias_picture(run))
    best = max(product(*map(layouts, parts)), key=fit)
    signs = ["⋆", "+", "="] if run.bias is not None else ["⋆", "="]
    return [best[0], *(part for pair in zip(signs, best[1:], strict=True) for part in pair)]


def image_equation(run: Run, channel: int, width: int, height: int) -> list[Picture | Panel | str]:
    """Input and one output channel as images, and the kernel between them, in so many pixels."""
    beside = 1 if run.bias is None else 2  # narrow pictures, each with a sign
    x, y = image_panels(run, channel, width - beside * (NARROWEST + SIGN_WIDTH) - SIGN_WIDTH, height)
    parts: list[Picture | Panel | str] = [x, "⋆", replace(kernel_picture(run, channel), side=KERNEL_CELL), "=", y]
    if run.bias is not None:
        bias = run.bias[0] if run.flat else run.bias[channel : channel + 1]
        parts[3:3] = ["+", replace(bias_picture(run), values=bias, origin=(0, channel))]
    return parts


def inputs_alone(run: Run, width: int, height: int) -> list[Picture | Panel | str]:
    """Input and kernel, where their convolution is refused: without padding, and without an output."""
    x = run.x[0] if run.flat else run.x
    title = say("x: input {shape}", shape=times(run.x.shape))
    if not run.as_image:
        return [Picture("x", x, colour.signed(x), title, leading_names=("c",), axes=INPUT[run.flat]), "⋆",
                kernel_picture(run)]  # fmt: skip
    cell = images.fitting([(x.shape, images.NO_PADS, 0)], width / 2, height)
    x_panel = images.panel("x", x, images.shades(x), cell, INPUT[run.flat], title=title)
    return [x_panel, "⋆", replace(kernel_picture(run, 0), side=KERNEL_CELL)]


def indices(run: Run) -> dict[str, list[range]]:
    """What the indices of each picture's cells run over: of an input with numbers its padding too."""
    around = images.NO_PADS if run.as_image else run.windows.pads
    plane = [range(-before, n + after) for n, (before, after) in zip(run.x.shape[1:], around, strict=True)]
    sizes = {"w": list(map(range, run.weight.shape)), "y": list(map(range, run.output.shape))}
    found = {"x": [range(len(run.x)), *plane], **sizes}
    if run.flat:
        found = {name: ranges[-2:] for name, ranges in found.items()}
    return found if run.bias is None else found | {"b": [] if run.flat else [range(len(run.bias))]}


def layouts(picture: Picture) -> list[Picture]:
    """The ways to lay out a picture's channels, one dimension of them, in lines."""
    leading = [size for size in picture.values.shape[:-2] if size > 1]
    if len(leading) != 1:
        return [picture]
    return [picture, *(replace(picture, across=k) for k in range(1, leading[0] + 1))]


def input_picture(run: Run) -> Picture:
    """The input with its padding around it."""
    (top, _bottom), (left, _right) = run.windows.pads
    padded = run.steps.padded[0]
    outside = padding_cells(padded.shape, run.windows.pads)
    within = np.full(run.x.shape, "", dtype=object)
    notes = np.pad(within, ((0, 0), *run.windows.pads), constant_values=_(" (padding)"))
    return Picture(
        "x", padded[0] if run.flat else padded, colour.signed(run.x), say("x: input {shape}", shape=times(run.x.shape)),
        muted=[index[1:] for index in outside] if run.flat else outside, origin=(-top, -left), leading_names=("c",),
        axes=INPUT[run.flat], notes=notes.ravel().tolist(),
    )  # fmt: skip


def kernel_picture(run: Run, channel: int | None = None) -> Picture:
    """The kernels of all output channels, or of one."""
    first = channel or 0
    weight = run.weight if channel is None else run.weight[channel : channel + 1]
    name = run.names[first] if run.names else ""
    known = name in FAMOUS_KERNELS and len(weight) == 1
    return Picture(
        "w", weight[0, 0] if run.flat else weight, colour.signed(run.weight),
        say("w: {name}", name=_(name)) if known else say("w: weight {shape}", shape=times(weight.shape)), leading_names=("o", "g"), axes=KERNEL[run.flat],
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
        "y", output, colour.signed(output), say("y: output {shape}", shape=times(run.output.shape)), leading_names=("o",),
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
        "x", run.x.reshape(shape), images.shades(run.x), cell, INPUT[run.flat], title=say("x: input {shape}", shape=times(run.x.shape)),
        pads=pads, across=-across,
    )  # fmt: skip
    title = say(
        "y: output {shape}" if run.flat else "y: channel {channel} of {shape}", channel=channel,
        shape=times(output.shape if run.flat else run.output.shape),
    )  # fmt: skip
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
            "columns": _(
                "`{at:columns}` = **{columns}** and is multiplied by `{at:kernel}` = {kernel}."
                if run.as_image
                else "`{at:columns}` = **{columns}** is a copy of `{at:x}` and is multiplied by `{at:kernel}` = {kernel}."
            ),
            "product": "`{at:product}` = {sum:kernel*columns} = **{product}**",
            "kernel": _("`{at:kernel}` = **{kernel}** is multiplied by each number of its row, `{at:columns}`."),
            "x": _("`{at:x}` = **{x}**. Its copies among the columns shown: {count:columns}."),
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


def shown_columns(run: Run, at: int) -> range:
    """The columns of the im2col matrix that are shown at once: those around this one."""
    length = run.steps.columns.shape[-1]
    first = max(0, min(at - MOST_COLUMNS // 2, length - MOST_COLUMNS))
    return range(first, min(length, first + MOST_COLUMNS))


def placed_columns(run: Run, pictures: Columns) -> tuple[list[tuple[Place, Picture]], int]:
    """The pictures of the columns in their grid, the input with them unless it is an image; and a cell's side.

    The kernel's row stands left of the columns, as in a product; a long one stands above them.
    """
    x = () if run.as_image else (replace(input_picture(run), across=True),)
    w, cells, y = pictures.kernel, pictures.columns, pictures.outputs
    beside = w.values.shape[1] <= LONG
    across = max(w.values.shape[1], *(part.montage.cells[1] for part in x), 1)
    rows = [(1, across), (1, cells.values.shape[1])] if beside else [(1, max(w.values.shape[1], MOST_COLUMNS))]
    places = ((1, 2), (2, 1), (2, 2), (1, 1)) if beside else ((3, 1), (2, 1), (4, 1), (1, 1))
    return list(zip(places, (cells, w, y, *x), strict=False)), cell_size(rows, height=80)


# ---- the kernel turned -----------------------------------------------------------------------------------------


def flip_equation(run: Run, flip: Flip) -> tuple[list[Picture | Panel], list[Picture | Panel], int]:
    """The kernel and the turned one; conv2d, convolution and their difference; and a cell's side."""
    weight, scale = run.weight[flip.channel], colour.signed(run.weight)
    kernel, names = (weight[0], "") if len(weight) == 1 else (weight, "g ")
    kernels: list[Picture | Panel] = [
        Picture("kernel", kernel, scale, "kernel: conv2d", leading_names=("g",), across=True, axes=f"{names}u v"),
        Picture("turned", kernel.flip(-2, -1), scale, "turned by 180°", leading_names=("g",), across=True,
                axes=f"{names}a b"),
    ]  # fmt: skip
    maps = {"conv2d": flip.ours, "convolution": flip.theirs, "difference": flip.difference}
    shared, cell = colour.signed(*maps.values()), min(9.0, max(2.0, 780 / (3 * flip.ours.shape[1])))
    drawn: list[Picture | Panel] = [
        images.panel(name, values, shared, cell, "p q", title=_(FLIPPED[name])) if run.as_image
        else Picture(name, values, shared, FLIPPED[name], axes="p q")
        for name, values in maps.items()
    ]  # fmt: skip
    return kernels, drawn, 32 if run.as_image else cell_size([flip.ours.shape] * 3, height=260)


FLIPPED = {"conv2d": "conv2d", "convolution": N_("convolution"), "difference": N_("difference")}  # over the pictures
FLIP_SENTENCES = {
    "kernel": N_("`{at:kernel}` = **{kernel}** stands at `{at:turned}` after the turn."),
    "turned": N_("`{at:turned}` = **{turned}** stood at `{at:kernel}` before the turn."),
    "": N_("`{at:conv2d}` = {conv2d}, `{at:convolution}` = {convolution}: they differ by **{difference}**."),
}


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
    bias = "" if run.bias is None else say(" + bias {bias}", bias=number(run.bias[o].item()))
    if len(weight) == 1:
        return f"`{name}` = `{spelled(window, weight)}`{bias} = **{number(value)}**"
    lines = [
        say(
            "- channel {c}: `{sum}` = {value}",
            c=c,
            sum=spelled(part, kernel),
            value=number((part * kernel).sum().item()),
        )
        for c, part, kernel in zip(run.read_channels(o), window, weight, strict=True)
    ]
    sums = " + ".join(factor((part * kernel).sum().item()) for part, kernel in zip(window, weight, strict=True))
    return "\n".join(
        [
            *lines,
            say(
                "- all of them: `{name}` = {sums}{bias} = **{value}**",
                name=name,
                sums=sums,
                bias=bias,
                value=number(value),
            ),
        ]
    )


def spelled(values: Tensor, weights: Tensor) -> str:
    """A window times a kernel, term by term: `1·0 + 2·1 + …`; the middle of a long sum is left out."""
    pairs = list(zip(values.flatten().tolist(), weights.flatten().tolist(), strict=True))
    terms = [f"{factor(value)}·{factor(weight)}" for value, weight in pairs]
    if len(terms) > MOST_TERMS:
        terms = shortened(terms)
    return " + ".join(terms)


def shortened(terms: list[str]) -> list[str]:
    """A long sum or list without its middle."""
    return [*terms[:4], say("… {more} more …", more=len(terms) - 6), *terms[-2:]]


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
    return say("**Output size** &ensp;{lines}", lines=lines[0]) + (
        "" if alike else say("  \n**and across** &ensp;{lines}", lines=lines[1])
    )


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
    bias = say(" + {n} bias", n=out_channels) if run.bias is not None else ""
    dense = run.x.numel() * run.output.numel()
    return say(
        "**{parameters:,} parameters** = {out_channels}·{in_group}·{kh}·{kw}{bias} (out · in/groups · kh · kw) &ensp;·&ensp; **{work:,} multiply-adds** = {numel:,} outputs · {in_group2} &ensp;·&ensp; a linear layer instead: {dense:,} weights.",
        parameters=parameters,
        out_channels=out_channels,
        in_group=in_group,
        kh=kh,
        kw=kw,
        bias=bias,
        work=work,
        numel=run.output.numel(),
        in_group2=in_group * kh * kw,
        dense=dense,
    )
