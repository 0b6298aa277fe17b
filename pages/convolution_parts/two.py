"""conv2d: a window slides over a matrix or an image, and each output is a weighted sum of what it holds."""

from functools import partial
from typing import Any

import streamlit as st

from core.experiments import convolution as runs
from core.experiments.convolution import Run
from core.experiments.refusals import Refusal
from core.figures import colour, slide, windows
from core.figures.montage import Index
from core.tensors.limits import Limits, times
from core.topics import Topic
from core.ui import board, check, controls, frame, link, state, take_away, tensor_input, walk
from core.words import N_, _, say
from pages.convolution_parts import two_below
from pages.convolution_parts.shared import (
    HEIGHT,
    NARROW,
    PROJECTED_HEIGHT,
    REFUSED_HEIGHT,
    height,
    pin,
    refuse,
    say_dtype,
)

LIMITS = Limits(ranks=(2, 3), max_side=96, max_elements=5832, allow_nonfinite=True)
GREY = Limits(ranks=(2,), max_side=96, max_elements=9216, allow_nonfinite=True)
OWN = Limits(ranks=(2,), max_side=7, max_elements=49, allow_nonfinite=True)
LARGEST_KERNEL = 7
KERNELS = {
    "counting": "0, 1, 2, …", "random": N_("random"), "identity": N_("identity"), "box blur": N_("box blur"),
    "gaussian blur": N_("gaussian blur"), "edges (Laplacian)": N_("edges (Laplacian)"), "sharpen": N_("sharpen"),
    "Sobel x": "Sobel x", "Sobel y": "Sobel y", "emboss": N_("emboss"), "own": N_("my own"),
}  # fmt: skip
WALKS = {
    "window": N_("the window, these settings"),
    "corr2d": N_("corr2d, the textbook"),
    "manual": N_("conv2d, the manual version"),
}
Pinned = tuple[str, Index]


def part(topic: Topic, main: Any) -> None:
    """The lesson on conv2d; its main controls join those in `main`."""
    run, given, found, channel, pinned = choose(main)
    if found:
        board.show(
            *windows.inputs_alone(run, room()[0], REFUSED_HEIGHT), links=windows.links(run), height=REFUSED_HEIGHT
        )
        refuse(found, _("stride 1 and padding 'same'"))
    else:
        show_board(run, channel, pinned)
        say_dtype(given, run.x.dtype)
        if pinned[0] == "y" and run.weight.shape[1] > 1:
            st.markdown(windows.output_arithmetic(run, channel, pinned[1][-2:]))
        check.show(topic.operator("conv2d"), run.call)
        st.markdown(windows.sizes(run.x.shape, run.weight.shape, run.settings))
        st.markdown(windows.costs(run))
    frame.below(
        topic, operator=topic.operator("conv2d"), pitfalls=two_below.pitfalls(run, channel), questions=two_below.questions(run), tries=two_below.TRIES,
        more={"im2col": lambda: show_columns(run, channel, pinned)}, walk=lambda: walks(run, channel),
        take=lambda: take_away.of(
            topic.operator("conv2d"), run.call, {"x": run.x, "weight": run.weight, "output": run.output, "columns": run.steps.columns[0]},
            title="Convolution",
        ),
    )  # fmt: skip


# ---- controls --------------------------------------------------------------------------------------------------


def choose(main: Any) -> tuple[Run, object, Refusal | None, int, Pinned]:
    """The run, the input's own dtype, what is refused, the output channel that is looked at, and the pinned cell."""
    more = controls.more()
    with main:
        kernel = choose_kernel()
    with more:
        given, seed = choose_input()
        given = given if given.dim() == 3 else given[None]
        own = tensor_input.tensor("w", "Numbers of the kernel", runs.CORNER, OWN) if kernel == "own" else None
        out_channels = controls.slider("out_channels", "Channels out", 1, 4, 1, width=NARROW)
        divisors = [g for g in range(1, len(given) + 1) if len(given) % g == 0 and out_channels % g == 0]
        groups = controls.stops("groups", "Groups", divisors, width=NARROW) if len(divisors) > 1 else 1
        biased = controls.toggle("bias", "Bias")
        apart = kernel in ("counting", "random") and controls.toggle("apart", "Kernel not square")
    with main:
        size = choose_size(kernel, None if own is None else own.shape, apart)
        width = 84 if apart else NARROW
        stride = controls.slider("stride", "Stride", 1, 4, 1, width=width)
        padding = controls.stops("padding", "Padding", ["valid", *range(max(size) + 1), "same"], 1, width=width)
        dilation = controls.slider("dilation", "Dilation", 1, 3, 1, width=width)
    shape = (out_channels, len(given) // groups, *size)
    weight, names = (
        (own.expand(shape).contiguous(), (kernel,) * out_channels)
        if own is not None
        else runs.kernels(kernel, shape, seed)
    )
    x, weight = runs.in_one_dtype(given, weight)
    bias = weight.new_tensor(range(1, out_channels + 1)) if biased else None
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    found = runs.refusal(x, weight, bias, settings)
    run = (runs.nearest if found else runs.convolve)(x, weight, bias, settings, names)
    with more:
        return run, given.dtype, found, *choose_cell(run)


def choose_kernel() -> str:
    """The kind of kernel: at first one that counts, and of an image one that finds edges."""
    first = runs.EDGES if tensor_input.source("x") in ("digit", "photo") else "counting"
    former = state.own().get("first kernel", first)
    if former != first and controls.standing("kernel", former) == former:
        st.session_state["kernel"] = first
    state.own()["first kernel"] = first
    return controls.choice("kernel", "Kernel", KERNELS, first, width=130)


def choose_input() -> tuple[Any, int]:
    """The input, as it was given, and the seed."""
    size, channels, limits = 5, 1, LIMITS
    if tensor_input.source("x") == "photo":
        limits = LIMITS if controls.toggle("colour", "In colour") else GREY
    elif tensor_input.source("x") == "example":
        size = controls.slider("size", "Input size", 1, 12, 5, width=NARROW)
        channels = controls.slider("in_channels", "Channels in", 1, 4, 1, width=NARROW)
    seed = controls.seed()
    return tensor_input.tensor("x", "Input", runs.example(size, channels, seed), limits, images=True), seed


def choose_size(kernel: str, own: Any, apart: bool) -> tuple[int, int]:
    """Height and width: those of a given kernel, else from one slider or, on demand, from two."""
    if kernel not in ("counting", "random"):
        height, width = own or (3, 3)
        st.markdown(say("Kernel size  \n**{height}×{width}**", height=height, width=width), width=NARROW)
        return height, width
    if apart:
        height = controls.slider("kernel_height", "Kernel height", 1, LARGEST_KERNEL, 3, width=84)
        return height, controls.slider("kernel_width", "Kernel width", 1, LARGEST_KERNEL, 2, width=84)
    size = controls.slider("kernel_size", "Kernel size", 1, LARGEST_KERNEL, 3, width=NARROW)
    return size, size


def choose_cell(run: Run) -> tuple[int, Pinned]:
    """The output channel that is looked at, and the pinned cell; the output in the middle where none is pinned."""
    channels, channel = len(run.output), 0
    if run.as_image and channels > 1:
        channel = controls.slider("o", "Output channel", 0, channels - 1, 0, width=NARROW)
    middle = tuple(n // 2 for n in run.windows.outputs)
    default = middle if run.flat else (channel, *middle)
    name, index = controls.cell_of("cell", "Pinned cell", windows.indices(run), ("y", default))
    if run.flat or name == "x":
        return (0 if run.flat else run.made_of(index[0])[0] if not run.as_image else channel), (name, index)
    return (channel, (name, (channel, *index[1:]))) if run.as_image else (index[0], (name, index))


# ---- the pictures ----------------------------------------------------------------------------------------------


def room() -> tuple[int, int]:
    """Width and height of the room for images."""
    return (board.PROJECTOR_WIDTH, PROJECTED_HEIGHT) if link.projector() else (board.PAGE_WIDTH, HEIGHT)


def show_board(run: Run, channel: int, pinned: Pinned) -> None:
    """input ⋆ kernel (+ bias) = output: numbers in the cells with the padding drawn, or images."""
    numbers = partial(windows.equation, run, lambda way: board.fitting(way, height()))
    board.show(
        *(windows.image_equation(run, channel, *room()) if run.as_image else numbers()), links=windows.links(run),
        spelled=windows.sentences(run), height=height(), picks={name: partial(pin, name) for name in ("x", "w", "b", "y")}, pinned=pinned,
    )  # fmt: skip
    if len(set(run.names)) > 1:
        held = [say("channel {o} has {name}", o=o, name=_(name)) for o, name in enumerate(run.names)]
        st.caption(say("The kernels: {held}.", held=_(", ").join(held)))
    if run.as_image:
        st.caption(
            _(
                "In grey, black is 0. In colours, orange is above 0 and blue below; the largest 2 % of the numbers share the last shade."
            )
        )


def show_columns(run: Run, o: int, pinned: Pinned) -> None:
    """The windows as columns: one matrix product makes all outputs."""
    rows, length = run.steps.columns.shape[-2:]
    st.markdown(
        say(
            "A convolution is a matrix product in disguise. Each window, laid out as a column, makes a matrix of **{rows} × {length:,}**: {rows2:,} numbers, copied from {numel:,} in the padded input. The kernel, laid out as a row, times this matrix gives all {length:,} outputs of channel {o} at once."
            if run.bias is None
            else "A convolution is a matrix product in disguise. Each window, laid out as a column, makes a matrix of **{rows} × {length:,}**: {rows2:,} numbers, copied from {numel:,} in the padded input. The kernel, laid out as a row, times this matrix gives all {length:,} outputs of channel {o} at once, before the bias is added.",
            rows=rows,
            length=length,
            rows2=rows * length,
            numel=run.steps.padded[0][list(run.read_channels(o))].numel(),
            o=o,
        )
    )
    at = windows.shown_columns(run, runs.flat_output(run, pinned[1]) if pinned[0] == "y" else 0)
    if length > len(at) or rows > windows.MOST_ROWS:
        st.caption(
            say(
                "Shown are columns {at} to {at2}, and at most {most_rows} rows.",
                at=at[0],
                at2=at[-1],
                most_rows=windows.MOST_ROWS,
            )
        )
    pictures = windows.column_pictures(run, runs.unroll(run, o, at, min(rows, windows.MOST_ROWS)))
    places, side = windows.placed_columns(run, pictures)
    board.show(
        *(board.At(*place, picture) for place, picture in places), links=pictures.links, spelled=pictures.sentences, cell=side,
        name="im2col", picks={name: partial(pin, of) for name, of in (("x", "x"), ("kernel", "w"), ("columns", "y"), ("product", "y"))},
        pinned=windows.pinned_in_columns(run, o, pinned),
    )  # fmt: skip


def walks(run: Run, o: int) -> None:
    """The window with all settings, the textbook, or the manual version, line by line."""
    which = controls.choice("walk", "Walk through", WALKS, few=3)
    part = runs.patch(run)
    if run.as_image:
        st.caption(say("The walk goes over the middle of the image, {shape}.", shape=times(part.shape[1:])))
    small = (
        runs.nearest(part, run.weight, run.bias, run.settings, ())
        if runs.refusal(part, run.weight, run.bias, run.settings)
        else runs.convolve(part, run.weight, run.bias, run.settings)
    )
    panels: tuple[str, ...]
    if which == "corr2d":
        steps, panels = slide.corr2d_walk(*runs.fitting(run)), ("X", "K", "Y")
    elif which == "manual":
        steps, panels = slide.manual_walk(small), slide.MANUAL
    else:
        padded = small.steps.padded[0][list(small.read_channels(o))]
        bias = padded.new_tensor(0) if small.bias is None else small.bias[o]
        steps, panels = slide.slide_walk(padded, small.weight[o], bias, small.windows), ("padded", "weight", "output")
    last = steps.steps[-1].values if steps.steps else {}
    walk.show(steps, {name: colour.signed(last[name]) for name in panels if name in last}, key=f"walk_{which}")
