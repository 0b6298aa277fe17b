"""Convolution: input, kernel and output side by side, and which numbers each output is made of."""

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import streamlit as st
import torch
from torch import Tensor

from core.experiments import autograd
from core.experiments import convolution as runs
from core.experiments.convolution import Run, convolve, torchs_refusal
from core.experiments.windows import using
from core.figures import colour, images, slide, windows
from core.figures.board import Panel
from core.figures.heatmap import NARROWEST, Picture
from core.figures.montage import PROJECTED, SIGN_WIDTH, Index, cell_size
from core.figures.numbers import number
from core.ops import convolution as ops
from core.tensors.limits import Limits, times
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, frame, link, state, tensor_input, walk
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

LIMITS = Limits(ranks=(2, 3), max_side=96, max_elements=5832)
GREY = Limits(ranks=(2,), max_side=96, max_elements=9216)
KERNEL_LIMITS = Limits(ranks=(2,), max_side=7, max_elements=49)
LARGEST_KERNEL = 7
KERNELS = {
    "counting": "0, 1, 2, …", "random": "random", **{name: name for name in ops.FAMOUS_KERNELS}, "own": "my own",
}  # fmt: skip
EDGES = "Sobel x"  # the kernel at first of an image
WALKS = {"window": "the window, these settings", "corr2d": "corr2d, the textbook"}
PATCH = 7  # cells along a side of the part of an image that is walked through
MOST_COLUMNS, MOST_ROWS = 30, 49  # of the im2col matrix at once
LONG = 12  # weights of a kernel from which on its row stands above the columns, not beside them
NARROW = 120  # pixels of a slider: six controls in a row
HEIGHT, KERNEL_CELL = 400, 30  # pixels of the pictures, and of a cell of the kernel beside an image


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    run, channel, pinned = choose()
    show_board(run, channel, pinned)
    if pinned[0] == "y" and run.weight.shape[1] > 1:
        st.markdown(windows.output_arithmetic(run, channel, pinned[1][-2:]))
    check.show(topic.operators[0], run.call)
    st.markdown(windows.sizes(run.x.shape, run.weight.shape, run.settings))
    st.markdown(windows.costs(run))
    frame.below(
        topic,
        pitfalls=pitfalls(run),
        walk=lambda: walks(run, channel),
        questions=questions(run),
        take=lambda: take(run),
        more={"im2col": lambda: show_columns(run, channel, pinned), "Flipped kernel": lambda: show_flip(run, channel)},
    )


# ---- controls --------------------------------------------------------------------------------------------------


def choose() -> tuple[Run, int, tuple[str, Index]]:
    """The convolution to show, the output channel that is looked at, and the pinned cell."""
    main, more = controls.main(), controls.more()
    with main:
        kernel = choose_kernel()
    with more:
        x, seed = choose_input()
        own = choose_own() if kernel == "own" else None
        out_channels = controls.slider("out_channels", "Channels out", 1, 4, 1, width=NARROW)
        divisors = [g for g in range(1, len(x) + 1) if len(x) % g == 0 and out_channels % g == 0]
        groups = controls.stops("groups", "Groups", divisors, width=NARROW) if len(divisors) > 1 else 1
        bias = torch.arange(1.0, out_channels + 1) if controls.toggle("bias", "Bias") else None
        apart = kernel in ("counting", "random") and controls.toggle("apart", "Kernel not square")
    with main:
        kernel_size = choose_kernel_size(kernel, own, apart)
        stride = controls.slider("stride", "Stride", 1, 4, 1, width=NARROW)
        padding = controls.stops("padding", "Padding", ["valid", *range(max(kernel_size) + 1), "same"], 1, width=NARROW)
        dilation = controls.slider("dilation", "Dilation", 1, 3, 1, width=NARROW)
    weight, names = make_weight(kernel, own, (out_channels, len(x) // groups, *kernel_size), seed)
    run = convolved(
        x, weight, bias, {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}, names
    )
    with more:
        return run, *choose_cell(run)


def choose_kernel() -> str:
    """The kind of kernel: at first one that counts, and of an image one that finds edges."""
    first = EDGES if tensor_input.source("x") in ("digit", "photo") else "counting"
    former = state.own().get("first kernel", first)
    if former != first and controls.standing("kernel", former) == former:
        st.session_state["kernel"] = first
    state.own()["first kernel"] = first
    return controls.choice("kernel", "Kernel", KERNELS, first, width=160)


def choose_input() -> tuple[Tensor, int]:
    """The input (C, H, W) and the seed."""
    size, channels, limits = 5, 1, LIMITS
    if tensor_input.source("x") == "photo":
        limits = LIMITS if controls.toggle("colour", "In colour") else GREY
    elif tensor_input.source("x") == "example":
        size = controls.slider("size", "Input size", 1, 12, 5, width=NARROW)
        channels = controls.slider("in_channels", "Channels in", 1, 4, 1, width=NARROW)
    seed = controls.seed()
    x = tensor_input.tensor("x", "Input", example(size, channels, seed), limits, images=True).float()
    return x if x.dim() == 3 else x[None], seed


def example(size: int, channels: int, seed: int) -> Tensor:
    """Whole numbers from 0 to 4: (size, size), or (channels, size, size)."""
    shape = (size, size) if channels == 1 else (channels, size, size)
    return torch.randint(0, 5, shape, generator=torch.Generator().manual_seed(seed))


def choose_own() -> Tensor:
    """The reader's own kernel."""
    corner = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
    return tensor_input.tensor("w", "Numbers of the kernel", corner, KERNEL_LIMITS).float()


def choose_kernel_size(kernel: str, own: Tensor | None, apart: bool) -> tuple[int, int]:
    """Height and width: those of a given kernel, else from one slider or, on demand, from two."""
    if own is not None:
        st.markdown(f"Kernel size  \n**{times(own.shape)}** (as given)", width=NARROW)
        return own.shape[0], own.shape[1]
    if kernel in ops.FAMOUS_KERNELS:
        st.markdown("Kernel size  \n**3×3**", width=NARROW)
        return 3, 3
    if apart:
        height = controls.slider("kernel_height", "Kernel height", 1, LARGEST_KERNEL, 3, width=NARROW)
        return height, controls.slider("kernel_width", "Kernel width", 1, LARGEST_KERNEL, 2, width=NARROW)
    size = controls.slider("kernel_size", "Kernel size", 1, LARGEST_KERNEL, 3, width=NARROW)
    return size, size


def make_weight(
    kernel: str, own: Tensor | None, shape: tuple[int, ...], seed: int
) -> tuple[Tensor, tuple[str, ...]]:  # fmt: skip
    """The weight (O, C/groups, kh, kw), and a name for each output channel's kernel."""
    if kernel == "random":
        drawn = torch.randint(-2, 3, shape, generator=torch.Generator().manual_seed(seed + 1))
        return drawn.float(), (kernel,) * shape[0]
    if kernel == "counting":
        count = torch.Size(shape[1:]).numel()
        starts = torch.arange(float(shape[0]))[:, None]  # so that no two output channels are alike
        return (starts + torch.arange(count)).reshape(shape), (kernel,) * shape[0]
    if own is not None:
        return own.expand(shape).contiguous(), (kernel,) * shape[0]
    famous = list(ops.FAMOUS_KERNELS)
    names = tuple(famous[(famous.index(kernel) + o) % len(famous)] for o in range(shape[0]))
    kernels = torch.stack([torch.tensor(ops.FAMOUS_KERNELS[name], dtype=torch.float32) for name in names])
    return kernels[:, None].expand(shape).contiguous(), names


def convolved(
    x: Tensor, weight: Tensor, bias: Tensor | None, settings: dict[str, Any], names: tuple[str, ...]
) -> Run:  # fmt: skip
    """The run; where it is refused the last one, and on a fresh page one that nothing refuses."""
    run = frame.attempt("convolution", lambda: convolve(x, weight, bias, settings, names))
    if run is None:
        st.info("Shown below instead: stride 1 and padding 'same', which go with every input and every kernel.")
        return runs.nearest(x, weight, bias, settings, names)
    return run


def choose_cell(run: Run) -> tuple[int, tuple[str, Index]]:
    """The output channel that is looked at, and the pinned cell; the output in the middle where none is pinned."""
    channels, channel = len(run.output), 0
    if run.as_image and channels > 1:
        channel = controls.slider("o", "Output channel", 0, channels - 1, 0, width=NARROW)
    middle = tuple(n // 2 for n in run.windows.outputs)
    default = middle if run.flat else (channel, *middle)
    name, index = controls.cell_of("cell", "Pinned cell", indices(run), ("y", default))
    if run.flat or name == "x":
        return (0 if run.flat else run.made_of(index[0])[0] if not run.as_image else channel), (name, index)
    return (channel, (name, (channel, *index[1:]))) if run.as_image else (index[0], (name, index))


def indices(run: Run) -> dict[str, list[range]]:
    """What the indices of each picture's cells run over: of an input with numbers its padding too."""
    around = ((0, 0), (0, 0)) if run.as_image else run.windows.pads
    plane = [range(-before, n + after) for n, (before, after) in zip(run.x.shape[1:], around, strict=True)]
    sizes = {"w": list(map(range, run.weight.shape)), "y": list(map(range, run.output.shape))}
    found = {"x": [range(len(run.x)), *plane], **sizes}
    if run.flat:
        found = {name: ranges[-2:] for name, ranges in found.items()}
    return found if run.bias is None else found | {"b": [] if run.flat else [range(len(run.bias))]}


def pin(picture: str, index: str) -> None:
    """Take a cell that the reader pinned in a picture."""
    st.session_state["cell"] = f"{picture}[{index}]"


# ---- the pictures ----------------------------------------------------------------------------------------------


def show_board(run: Run, channel: int, pinned: tuple[str, Index]) -> None:
    """input ⋆ kernel (+ bias) = output: numbers in the cells with the padding drawn, or images."""
    parts = image_equation(run, channel) if run.as_image else windows.equation(run, fit)
    board.show(
        *parts, links=windows.links(run), spelled=windows.sentences(run), height=HEIGHT,
        picks={name: partial(pin, name) for name in ("x", "w", "b", "y")}, pinned=pinned,
    )  # fmt: skip
    if len(set(run.names)) > 1:
        st.caption("Kernels: " + ", ".join(f"channel {o} {name}" for o, name in enumerate(run.names)) + ".")
    if run.as_image:
        st.caption("Grey: black is 0. Colours: orange is above 0, blue below; the largest 2 % share the last one.")


def fit(way: Sequence[Picture]) -> int:
    """The side of a cell with which pictures laid out in this way fit."""
    return board.fitting(way, HEIGHT)


def image_equation(run: Run, channel: int) -> list[Picture | Panel | str]:
    """Input and one output channel as images, and the kernel between them."""
    wide, tall = board.PAGE_WIDTH, HEIGHT
    if link.projector():
        wide, tall = board.PROJECTOR_WIDTH, int(HEIGHT * PROJECTED)
    kernel = replace(windows.kernel_picture(run, channel), side=KERNEL_CELL)
    beside = 1 if run.bias is None else 2  # narrow pictures, each with a sign
    x, y = windows.image_panels(run, channel, wide - beside * (NARROWEST + SIGN_WIDTH) - SIGN_WIDTH, tall)
    parts: list[Picture | Panel | str] = [x, "⋆", kernel, "=", y]
    if run.bias is not None:
        bias = run.bias[0] if run.flat else run.bias[channel : channel + 1]
        parts[3:3] = ["+", replace(windows.bias_picture(run), values=bias, origin=(0, channel))]
    return parts


# ---- im2col and the flip ---------------------------------------------------------------------------------------


def show_columns(run: Run, o: int, pinned: tuple[str, Index]) -> None:
    """The windows as columns: one matrix product makes all outputs."""
    columns = run.steps.columns[0, o // (len(run.weight) // run.settings["groups"])]
    rows, length = columns.shape
    at = runs.flat_output(run, pinned[1]) if pinned[0] == "y" else 0
    first = max(0, min(at - MOST_COLUMNS // 2, length - MOST_COLUMNS))
    padded = run.steps.padded[0][list(run.read_channels(o))]
    st.markdown(
        f"Each window, laid out as a column: `columns` is **{rows} × {length:,}**, {columns.numel():,} numbers where "
        f"the padded input has {padded.numel():,}. The kernel as a row of {rows} times this matrix gives all "
        f"{length:,} outputs of channel {o} at once" + (", bias not yet added." if run.bias is not None else ".")
    )
    if length > MOST_COLUMNS or rows > MOST_ROWS:
        st.caption(f"Shown: columns {first} to {min(length, first + MOST_COLUMNS) - 1}, and at most {MOST_ROWS} rows.")
    unrolled = runs.unroll(run, o, range(first, min(length, first + MOST_COLUMNS)), min(rows, MOST_ROWS))
    pictures = windows.column_pictures(run, unrolled)
    x = () if run.as_image else (replace(windows.input_picture(run), across=True),)
    w, cells, y = pictures.kernel, pictures.columns, pictures.outputs
    beside = rows <= LONG
    across = max(w.values.shape[1], *(part.montage.cells[1] for part in x), 1)
    side = cell_size([(1, across), (1, cells.values.shape[1])] if beside else [(1, max(rows, MOST_COLUMNS))], height=80)
    places = ((1, 2), (2, 1), (2, 2), (1, 1)) if beside else ((3, 1), (2, 1), (4, 1), (1, 1))
    parts = [board.At(*place, part) for place, part in zip(places, (cells, w, y, *x), strict=False)]
    board.show(
        *parts, links=pictures.links, spelled=pictures.sentences, cell=side, name="im2col",
        picks={"x": partial(pin, "x"), "kernel": partial(pin, "w"), "columns": partial(pin, "y"),
               "product": partial(pin, "y")},
        pinned=windows.pinned_in_columns(run, o, pinned),
    )  # fmt: skip


def show_flip(run: Run, o: int) -> None:
    """conv2d beside the convolution of mathematics, and their difference."""
    ours = run.steps.product[0, o]
    theirs = ops.true_convolution(run.x[None], run.weight, **run.settings)[0, o]
    apart = ours - theirs
    st.markdown(flip_sentence(run, o, apart))
    weight, scale = run.weight[o], colour.signed(run.weight)
    kernel = weight[0] if len(weight) == 1 else weight
    maps, shared = {"conv2d": ours, "convolution": theirs, "difference": apart}, colour.signed(ours, theirs, apart)
    cell = min(9.0, max(2.0, 780 / (3 * ours.shape[1])))
    drawn: list[Picture | Panel] = [
        images.panel(name, values, shared, cell, "p q", title=name) if run.as_image
        else Picture(name, values, shared, name, axes="p q")
        for name, values in maps.items()
    ]  # fmt: skip
    board.show(
        Picture("kernel", kernel, scale, "kernel: conv2d", leading_names=("g",), across=True,
                axes=board.axes_of(kernel, "g u v")),
        "→",
        Picture("turned", kernel.flip(-2, -1), scale, "turned by 180°", leading_names=("g",), across=True,
                axes=board.axes_of(kernel, "g a b")),
        board.BREAK, drawn[0], "−", drawn[1], "=", drawn[2],
        links=windows.turned(run), name="flip",
        cell=32 if run.as_image else cell_size([ours.shape] * 3, height=260),
        spelled={
            "kernel": "`{at:kernel}` = **{kernel}** stands at `{at:turned}` after the turn.",
            "turned": "`{at:turned}` = **{turned}** stood at `{at:kernel}` before the turn.",
            "": "`{at:conv2d}` = {conv2d}, `{at:convolution}` = {convolution}: they differ by **{difference}**.",
        },
    )  # fmt: skip


def flip_sentence(run: Run, o: int, apart: Tensor) -> str:
    """What the flip changed on this input."""
    if torch.equal(run.weight[o], run.weight[o].flip(-2, -1)):
        here = "This kernel is unchanged by the turn, so here the two are one"
    else:
        here = "This kernel is changed by the turn"
    return (
        f"Mathematics turns the kernel by 180° before it slides; `conv2d` does not: it is the cross-correlation ⋆. "
        f"{here}: **{int((apart != 0).sum())} of {apart.numel()}** outputs differ, the largest difference is "
        f"**{number(apart.abs().max().item())}**. A network that learns its kernel learns the turned one just as well."
    )


# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(run: Run) -> list[Pitfall]:
    """What people believe of conv2d, the tutorial's own first."""
    return [
        Pitfall("The tutorial's `corr2d` is `conv2d` with the padding, stride and channels left out",
                lambda: textbook_limits(run)),
        Pitfall("The tutorial's title: this is two-dimensional convolution", lambda: not_flipped(run)),
        Pitfall("An output channel has one k×k kernel", lambda: one_kernel_a_channel(run)),
        Pitfall("`padding='same'` keeps the size for any stride", lambda: same_with_stride(run)),
        Pitfall("A stride of s divides the size by s", lambda: stride_rounds(run)),
        Pitfall("A kernel larger than the input just gives an empty output", lambda: kernel_too_large(run)),
        Pitfall("Every output cell has a bias of its own", lambda: one_bias_a_channel(run)),
    ]  # fmt: skip


def patch(run: Run) -> Tensor:
    """The input (C, H, W), of an image its middle, small enough to go through cell by cell."""
    if not run.as_image:
        return run.x
    side = max(PATCH, *(run.settings["dilation"] * (k - 1) + 1 for k in run.windows.kernel_size))
    top, left = ((size - side) // 2 for size in run.x.shape[1:])
    return run.x[:, max(top, 0) : max(top, 0) + side, max(left, 0) : max(left, 0) + side]


def textbook_limits(run: Run) -> None:
    """The textbook on float64: dtype, digits and graph beside conv2d's."""
    X, K = patch(run)[0].double() + 0.1, run.weight[0, 0].double().requires_grad_()
    if X.shape[0] < K.shape[0] or X.shape[1] < K.shape[1]:
        st.markdown(kernel_larger(X, K))
        return
    theirs, ours = ops.corr2d(X, K), ops.conv2d(X[None, None], K[None, None])
    torchs = torch.nn.functional.conv2d(X[None, None], K[None, None])
    apart = (theirs.double() - ours).abs().max().item()
    nodes = [len(autograd.graph_of(y).nodes) for y in (theirs, ours, torchs)]
    st.markdown(
        f"On float64 numbers (a {times(X.shape)} part of the input, plus 0.1) it gives **{dtype(theirs)}** where "
        f"torch and the manual version give **{dtype(ours)}**: off by up to {number(apart)}. For {theirs.numel()} "
        f"outputs its loop records **{nodes[0]}** graph nodes, the manual version {nodes[1]}, torch {nodes[2]}: that "
        "makes its backward slow. It writes into `torch.zeros` on the CPU, wherever the input lies, and takes one "
        "image, one channel and one kernel."
    )


def dtype(tensor: Tensor) -> str:
    """A tensor's dtype without the module."""
    return str(tensor.dtype).removeprefix("torch.")


def kernel_larger(X: Tensor, K: Tensor) -> str:
    """Says why the textbook cannot run."""
    return f"The kernel ({times(K.shape)}) is larger than the input ({times(X.shape)}), and `corr2d` cannot pad it."


def not_flipped(run: Run) -> None:
    """conv2d against true convolution, and against conv2d with the kernel turned by hand."""
    ours = ops.conv2d(run.x, run.weight, **run.settings)
    theirs = ops.true_convolution(run.x, run.weight, **run.settings)
    turned = torch.nn.functional.conv2d(run.x, run.weight.flip(-2, -1), **run.settings)
    differ = int((ours != theirs).sum())
    st.markdown(
        f"`conv2d` does not turn the kernel, convolution does: **{differ} of {ours.numel()}** outputs differ here"
        + (" (every kernel on screen is the same after a turn by 180°). " if not differ else ". ")
        + f"`conv2d` with `weight.flip(-2, -1)` is the convolution: largest difference "
        f"{number((turned - theirs).abs().max().item())}. The tutorial's own function is called `corr2d`, rightly."
    )


def one_kernel_a_channel(run: Run) -> None:
    """The weight of two input channels, and what the first slice alone gives."""
    x = run.x if len(run.x) > 1 else torch.cat([run.x, run.x.flip(-1)])
    generator = torch.Generator().manual_seed(0)
    weight = torch.randint(-2, 3, (2, len(x), *run.weight.shape[2:]), generator=generator).float()
    settings = run.settings | {"groups": 1}
    whole = ops.conv2d(x, weight, **settings)[0]
    parts = [ops.conv2d(x[c : c + 1], weight[:1, c : c + 1], **settings)[0] for c in range(len(x))]
    mirrored = " (the input, and the input mirrored)" if len(run.x) == 1 else ""
    st.markdown(
        f"With {len(x)} channels in{mirrored} and 2 out, the weight is **{times(weight.shape)}**: each output channel "
        f"has {len(x)} kernels, one for each input channel of its group, and sums over them. First output: "
        + " + ".join(windows.factor(part[0, 0].item()) for part in parts)
        + f" = **{number(whole[0, 0].item())}**. The first kernel alone would differ in "
        f"{int((parts[0] != whole).sum())} of {whole.numel()} cells."
    )


def same_with_stride(run: Run) -> None:
    """padding='same' with stride 2, refused; and what gives ⌈size/stride⌉."""
    height, kernel = run.x.shape[1], run.weight.shape[2]
    said = torchs_refusal(run.x, run.weight, stride=2, padding="same", groups=run.settings["groups"])
    outputs = ops.output_size(height, kernel, 2, kernel // 2)
    st.markdown(
        f"With stride 2 on this input, {said}. Ask for the number instead: `padding={kernel // 2}` (k // 2) gives "
        f"**{outputs}** rows from {height}; the size divided by 2 and rounded up is {-(-height // 2)}."
    )


def stride_rounds(run: Run) -> None:
    """Output rows for several strides, and the input rows that no window reads."""
    height, kernel = run.x.shape[1], run.weight.shape[2]
    pad = kernel // 2
    rows = [
        "| stride | rows / stride | output rows, padding 0 | rows never read | output rows, padding k // 2 |",
        "|---|---|---|---|---|",
    ]
    for stride in (1, 2, 3, 4):
        bare, padded = (max(ops.output_size(height, kernel, stride, p), 0) for p in (0, pad))
        unread = [y for y in range(height) if not ops.outputs_using(y, bare, kernel, stride)]
        rows.append(f"| {stride} | {height / stride:.4g} | **{bare}** | {len(unread)} | **{padded}** |")
    st.markdown(
        f"The windows that fit are counted, and the division rounds down: {height} rows, a kernel of {kernel}.\n\n"
        + "\n".join(rows)
    )


def kernel_too_large(run: Run) -> None:
    """A kernel one larger than the input: torch, manual and textbook."""
    x = patch(run)[0]
    K = torch.ones(x.shape[0] + 1, x.shape[1] + 1)
    empty = ops.corr2d(x, K)
    try:
        ops.conv2d(x[None], K[None, None])
        ours = "takes it"
    except RuntimeError as refusal:
        ours = f"refuses: “{refusal}”"
    st.markdown(
        f"A {times(K.shape)} kernel on the {times(x.shape)} input: `corr2d` gives an **empty tensor** of "
        f"shape {tuple(empty.shape)} without a word. {torchs_refusal(x[None], K[None, None])}. "
        f"The manual version {ours}."
    )


def one_bias_a_channel(run: Run) -> None:
    """Outputs with bias minus outputs without: one number a channel."""
    bias = torch.arange(1.0, len(run.weight) + 1) * 0.5
    with_bias = ops.conv2d(run.x, run.weight, bias, **run.settings)
    added = (with_bias - ops.conv2d(run.x, run.weight, **run.settings)).round(decimals=3)
    distinct = [sorted(set(channel.flatten().tolist())) for channel in added]
    said = "; ".join(f"channel {o}: {', '.join(map(number, values))}" for o, values in enumerate(distinct))
    learned = torch.nn.Conv2d(len(run.x), len(run.weight), run.windows.kernel_size, groups=run.settings["groups"])
    assert learned.bias is not None
    st.markdown(
        f"`nn.Conv2d` with these channels has a bias of shape **{tuple(learned.bias.shape)}** for {added.numel():,} "
        f"outputs. Output with the bias {', '.join(map(number, bias.tolist()))} minus output without it: {said}. "
        "One number a channel, the same in every cell, and none at all where the layer is made with `bias=False`."
    )


# ---- walk, questions, take away --------------------------------------------------------------------------------


def walks(run: Run, o: int) -> None:
    """The textbook line by line, or the window with all settings."""
    which = controls.choice("walk", "Walk through", WALKS)
    if run.as_image:
        st.caption(f"On the middle of the image, {times(patch(run).shape[1:])}.")
    if which == "corr2d":
        X, K = patch(run)[0], run.weight[o, 0]
        if X.shape[0] < K.shape[0] or X.shape[1] < K.shape[1]:
            st.info(kernel_larger(X, K))
            return
        scales = {"X": colour.signed(X), "K": colour.signed(K), "Y": colour.signed(ops.corr2d(X, K))}
        walk.show(slide.corr2d_walk(X, K), scales, key="walk_corr2d")
        return
    small = convolve(patch(run), run.weight, run.bias, run.settings)
    padded = small.steps.padded[0][list(small.read_channels(o))]
    bias = torch.tensor(0.0) if small.bias is None else small.bias[o]
    scales = {
        "padded": colour.signed(padded),
        "weight": colour.signed(small.weight[o]),
        "output": colour.signed(small.output[o]),
    }
    walk.show(slide.slide_walk(padded, small.weight[o], bias, small.windows), scales, key="walk_slide")


def questions(run: Run) -> list:
    """Questions on what is on screen."""
    return [
        lambda draw: ask_shape(run, draw),
        lambda draw: ask_value(run, draw),
        lambda draw: ask_parameters(run, draw),
        lambda draw: ask_readers(run, draw),
        lambda draw: ask_window(run, draw),
    ]


def ask_shape(run: Run, draw: random.Random) -> Question:
    """The output's shape for a drawn kernel, stride, padding and dilation."""
    height, width = run.x.shape[1:]
    settings = [
        (k, s, p, d)
        for k, s, p, d in product((1, 2, 3, 5), (1, 2, 3), (0, 1, 2), (1, 2))
        if min(height, width) + 2 * p >= d * (k - 1) + 1
    ]
    k, s, p, d = draw.choice(settings)
    out_channels = draw.choice((2, 3, 8))
    output = ops.conv2d(run.x, torch.zeros(out_channels, len(run.x), k, k), None, s, p, d)
    return Question(
        f"The input {times(run.x.shape)} meets a weight {times((out_channels, len(run.x), k, k))} with stride {s}, "
        f"padding {p}, dilation {d}. What is the output's shape?",
        ", ".join(map(str, output.shape)),
        f"{out_channels} kernels make {out_channels} channels; down, "
        f"⌊({height} + 2·{p} − {d}·({k}−1) − 1)/{s}⌋ + 1 = {output.shape[1]}.",
    )


def ask_value(run: Run, draw: random.Random) -> Question:
    """An output cell's value from its window and kernel, in one channel."""
    o = draw.randrange(len(run.output))
    cell = tuple(draw.randrange(n) for n in run.windows.outputs)
    window = run.window(cell, o)
    listed = "; ".join(
        f"window {rows(part)} under kernel {rows(k)}" for part, k in zip(window, run.weight[o], strict=True)
    )
    bias = "" if run.bias is None else f", bias {number(run.bias[o].item())}"
    return Question(
        f"Output cell {cell} of channel {o}: {listed}{bias}. What is its value?",
        f"{run.output[(o, *cell)].item():.4g}",
        windows.output_arithmetic(run, o, cell) if len(window) == 1 else "Sum over all channels, then the bias.",
        tolerance=0.03,
    )


def rows(matrix: Tensor) -> str:
    """A small matrix in a sentence: [0 1 / 2 3]."""
    return "[" + " / ".join(" ".join(map(number, row)) for row in matrix.tolist()) + "]"


def ask_parameters(run: Run, draw: random.Random) -> Question:
    """How many numbers a drawn layer learns."""
    groups = draw.choice((1, 2, 4))
    in_channels, out_channels, k = groups * draw.choice((1, 2, 4)), groups * draw.choice((1, 2, 4)), run.weight.shape[2]
    layer = torch.nn.Conv2d(in_channels, out_channels, k, groups=groups)
    return Question(
        f"How many parameters has nn.Conv2d({in_channels}, {out_channels}, kernel_size={k}, groups={groups}), "
        "bias included?",
        str(sum(p.numel() for p in layer.parameters())),
        f"out · in/groups · k · k + out = {out_channels}·{in_channels // groups}·{k}·{k} + {out_channels}.",
    )


def ask_readers(run: Run, draw: random.Random) -> Question:
    """How many outputs read a drawn input cell."""
    c, y, x = (draw.randrange(n) for n in run.x.shape)
    readers, channels = using(run.windows, (y, x)), run.made_of(c)
    return Question(
        f"How many outputs, over all channels, are made with the input at ({c}, {y}, {x}), settings as on screen?",
        str(len(readers) * len(channels)),
        f"In each of {len(channels)} output channels: {len({a for a, _ in readers})} rows of windows by "
        f"{len({b for _, b in readers})} columns.",
    )


def ask_window(run: Run, draw: random.Random) -> Question:
    """The input rows that a drawn output row reads."""
    y = draw.randrange(run.windows.outputs[0])
    (top, _), stride, dilation = run.windows.pads[0], run.settings["stride"], run.settings["dilation"]
    read = list(ops.window(y, run.weight.shape[2], stride, top, dilation))
    return Question(
        f"Which input rows does output row {y} read? Padding counts, as rows below 0 or past the end. "
        "Give the first and the last.",
        f"{read[0]}, {read[-1]}",
        f"It starts at {y}·{stride} − {top} = {read[0]}, in steps of {dilation}: {', '.join(map(str, read))}.",
    )


def take(run: Run) -> TakeAway:
    """The run on screen as a script, and its tensors."""
    settings = ", ".join(f"{name}={value!r}" for name, value in run.settings.items())
    inputs = {"x": run.x, "weight": run.weight} | ({} if run.bias is None else {"bias": run.bias})
    arguments = f"x, weight, {None if run.bias is None else 'bias'}, {settings}"
    script = Script(
        title="Convolution",
        inputs=inputs,
        functions=(ops.conv2d,),
        calls=(f"output = conv2d({arguments})",),
        results=("output",),
        reference={"output": f"torch.nn.functional.conv2d({arguments})"},
    )
    return TakeAway(script, inputs | {"output": run.output, "columns": run.steps.columns[0]})


frame.page("convolution", lesson)
