"""conv1d: the window slides along a signal."""

from functools import partial
from random import Random
from typing import Any

import streamlit as st

from core.experiments import conv1d as runs
from core.experiments.conv1d import Run
from core.experiments.convolution import in_one_dtype
from core.experiments.refusals import Refusal
from core.figures import colour, signals, slide
from core.tensors.limits import Limits
from core.topics import Topic
from core.ui import board, check, controls, frame, take_away, tensor_input, walk
from core.ui.frame import Pitfall, Try
from core.ui.predict import Draw, Question
from core.words import N_, _, listed, say
from pages.convolution_parts.shared import NARROW, pin, refuse, rows, say_dtype, tolerance

LIMITS = Limits(ranks=(1, 2), max_side=24, max_elements=96, allow_nonfinite=True)
OWN = Limits(ranks=(1,), max_side=7, max_elements=7, allow_nonfinite=True)
ROWS_HEIGHT = 230  # pixels for the rows of signal, kernel and output, which stand below each other
KERNELS = {"difference": N_("last − first"), "average": N_("average"), "counting": "0, 1, 2, …", "own": N_("my own")}


def part(topic: Topic, main: Any) -> None:
    """The lesson on conv1d; its main controls join those in `main`."""
    run, given, found, pinned = choose(main)
    operator = topic.operator("conv1d")
    x, w, y, b = signals.equation(run)
    if found:
        board.show(x, "⋆", w, links=signals.links(run), height=180)
        refuse(found, _("stride 1 and padding 'same'"))
    else:
        board.show(
            x, board.BREAK, "⋆", w, *(("+", b) if b else ()), board.BREAK, "=", y, links=signals.links(run), spelled=signals.sentences(run),
            cell=min(32, board.fitting([x], 400), ROWS_HEIGHT // (len(run.x) + run.weight.shape[1] + len(run.weight))), picks={name: partial(pin, name) for name in ("x", "y")}, pinned=pinned,
        )  # fmt: skip
        say_dtype(given, run.x.dtype)
        check.show(operator, run.call)
        st.markdown(
            _(
                "A signal is an image of one row, and `conv1d` is `conv2d` on it: the same kernel slides, but along one axis only."
            )
        )
    frame.below(
        topic, operator=operator, pitfalls=pitfalls(run), questions=questions(run), tries=TRIES, walk=lambda: show_walk(run),
        take=lambda: take_away.of(operator, run.call, {"x": run.x, "weight": run.weight, "output": run.output}, title="Convolution of a signal"),
    )  # fmt: skip


def choose(main: Any) -> tuple[Run, object, Refusal | None, Any]:
    """The run, the input's own dtype, what is refused, and the pinned cell."""
    more = controls.more()
    with main:
        kernel = controls.choice("kernel1", "Kernel", KERNELS, few=0, width=150)
    with more:
        length, channels = 12, 1
        if tensor_input.source("s") == "example":
            length = controls.slider("length", "Length", 1, 24, 12, width=NARROW)
            channels = controls.slider("in_channels", "Channels in", 1, 4, 1, width=NARROW)
        seed = controls.seed()
        given = tensor_input.tensor("s", "Signal", runs.example(length, channels, seed), LIMITS)
        given = given if given.dim() == 2 else given[None]
        own = (
            tensor_input.tensor("w1", "Numbers of the kernel", runs.kernels("difference", (3,)), OWN)
            if kernel == "own"
            else None
        )
        out_channels = controls.slider("out_channels", "Channels out", 1, 4, 1, width=NARROW)
        divisors = [g for g in range(1, len(given) + 1) if len(given) % g == 0 and out_channels % g == 0]
        groups = controls.stops("groups", "Groups", divisors, width=NARROW) if len(divisors) > 1 else 1
        biased = controls.toggle("bias", "Bias")
    with main:
        size = len(own) if own is not None else controls.slider("kernel_size", "Kernel size", 1, 7, 3, width=NARROW)
        stride = controls.slider("stride", "Stride", 1, 4, 1, width=NARROW)
        padding = controls.stops("padding", "Padding", ["valid", *range(size + 1), "same"], min(1, size), width=NARROW)
        dilation = controls.slider("dilation", "Dilation", 1, 3, 1, width=NARROW)
    shape = (out_channels, len(given) // groups, size)
    x, weight = in_one_dtype(given, runs.kernels(kernel, shape) if own is None else own.expand(shape).contiguous())
    bias = weight.new_tensor(range(1, out_channels + 1)) if biased else None
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    found = runs.refusal(x, weight, bias, settings)
    run = (runs.nearest if found else runs.convolve)(x, weight, bias, settings)
    with more:
        pinned = controls.cell_of("cell", "Pinned cell", signals.indices(run), ("y", (0, run.output.shape[1] // 2)))
    return run, given.dtype, found, pinned


def show_walk(run: Run) -> None:
    """The window along the signal, one step an output."""
    small = run.row
    padded = small.steps.padded[0][list(small.read_channels(0))]
    bias = padded.new_tensor(0) if small.bias is None else small.bias[0]
    st.caption(
        _("The walk is over the image of one row that the signal is to `conv2d`, and over its first output channel.")
    )
    scales = {
        "padded": colour.signed(padded),
        "weight": colour.signed(small.weight),
        "output": colour.signed(small.output),
    }
    walk.show(slide.slide_walk(padded, small.weight[0], bias, small.windows), scales, key="walk_signal")


# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(run: Run) -> list[Pitfall]:
    """What people believe of conv1d."""
    return [
        Pitfall(
            "A sequence goes in as it comes: (length, channels)", partial(runs.channels_last, run), channels_sentence
        ),
        Pitfall(
            "With `padding='same'` an output sees only what came before",
            partial(runs.looks_ahead, run),
            causal_sentence,
        ),
        Pitfall("A padding of half the kernel keeps the length", partial(runs.half_padding, run), half_sentence),
    ]


def channels_sentence(facts: runs.LastChannels) -> str:
    """Whether torch refuses the transposed signal."""
    if facts.says:
        return _(
            "`conv1d` wants the channels first: (channels, length). This signal, transposed to ({length}, {channels}), is refused: “{says}”."
        )
    return _(
        "This signal has as many channels as places, {channels}, and so torch takes it transposed without a word: **{differ} of {outputs}** outputs are others then."
    )


def causal_sentence(facts: runs.Causal) -> str:
    """How far ahead an output looks."""
    if not facts.ahead:
        return _("With this kernel it is so: it reads {back:|place|places} before its own and none after it.")
    return (
        _("With a kernel of {kernel} and dilation {dilation}, each output reads {back:|place|places} before its own and **{ahead} after it**: a model that is to predict the next number would see it. "
        "A causal convolution sets its whole padding, {zeros:|zero|zeros}, in front, `F.pad(x, ({zeros}, 0))`, and pads no more: the gradient then reaches {ahead_then:|place|places} ahead.")
    )  # fmt: skip


def half_sentence(facts: runs.HalfPadding) -> str:
    """What half a kernel of padding makes of the length."""
    here = _(
        "A signal of {length} under a kernel of {kernel} with dilation {dilation} and padding {padding} gives **{outputs}**: the length is kept."
        if facts.outputs == facts.length
        else "A signal of {length} under a kernel of {kernel} with dilation {dilation} and padding {padding} gives **{outputs}**: keeping the length would take {needed} on each side, and there is no half of a zero: `padding='same'` sets one more behind than in front."
        if facts.needed % 1
        else "A signal of {length} under a kernel of {kernel} with dilation {dilation} and padding {padding} gives **{outputs}**: keeping the length would take {needed} on each side, and the dilation stretches the kernel."
    )
    return here + _(
        " A kernel one larger, with half of that as its padding, keeps it."
        if facts.next_outputs == facts.length
        else " A kernel one larger, with half of that as its padding, gives **{next_outputs}**."
    )


# ---- questions, and what to try --------------------------------------------------------------------------------


def questions(run: Run) -> list[Draw]:
    """Questions on what is on screen, and on layers stacked."""
    return [ask_length, partial(ask_value, run), ask_field]


def ask_length(draw: Random) -> Question:
    """The length of the output for drawn settings."""
    q = runs.drawn_length(draw)
    why = say(
        "⌊({length} + 2·{padding} − {dilation}·({kernel} − 1) − 1) / {stride}⌋ + 1 = {outputs}: so many windows fit.",
        length=q.length,
        padding=q.padding,
        dilation=q.dilation,
        kernel=q.kernel,
        stride=q.stride,
        outputs=q.outputs,
    )
    return Question(
        say(
            "A signal of {length}, a kernel of {kernel}, stride {stride}, padding {padding}, dilation {dilation}: how long is the output?",
            length=q.length,
            kernel=q.kernel,
            stride=q.stride,
            padding=q.padding,
            dilation=q.dilation,
        ),
        str(q.outputs),
        why,
        tolerance=0,
    )


def ask_value(run: Run, draw: Random) -> Question:
    """An output's value from its window and kernel."""
    q = runs.drawn_cell(run, draw)
    return Question(
        say(
            "Output {at} of channel {at2}: window {rows} under kernel {rows2}. What is its value?" if q.bias is None
            else "Output {at} of channel {at2}: window {rows} under kernel {rows2}, bias {bias}. What is its value?",
            at=q.at[1], at2=q.at[0], rows=rows(q.window), rows2=rows(q.kernel), bias=q.bias,
        ),
        f"{q.value:.6g}",
        "Each number times the weight above which it stands, all added." if q.bias is None
        else "Each number times the weight above which it stands, all added, and the bias.",
        tolerance=tolerance(q.value), covers=("y",),
    )  # fmt: skip


def ask_field(draw: Random) -> Question:
    """The receptive field of stacked layers."""
    q = runs.drawn_field(draw)
    why = say(
        "Each layer adds dilation · (kernel − 1): 1 + {terms} = {inputs}.",
        terms=" + ".join(str(d * (q.kernel - 1)) for d in q.dilations),
        inputs=q.inputs,
    )
    return Question(
        say(
            "Layers of kernel {kernel} with dilations {dilations} lie on one another. How many inputs does one output of the last read?",
            kernel=q.kernel,
            dilations=listed(q.dilations),
        ),
        str(q.inputs),
        why,
        tolerance=0,
    )


TRIES = (
    Try("Where the signal changes", "op=conv1d&kernel1=difference&kernel_size=3&padding=1",
        "The output is 0 wherever the signal stays as it was within the window, and as large as the step where it does not. Why is the output not 0 at its two ends?"),
    Try("A moving average", "op=conv1d&kernel1=average&kernel_size=5&padding=2",
        "Each output is the mean of five neighbours, so that a step becomes a ramp. At the ends two of the five are zeros of the padding: point at output 0."),
    Try("Every second number", "op=conv1d&kernel1=average&kernel_size=2&stride=2&padding=0",
        "The windows lie side by side and each number is read once: the signal becomes half as long. This is average pooling, done by a convolution."),
    Try("A hole in the kernel", "op=conv1d&kernel1=difference&kernel_size=2&dilation=3&padding=0",
        "Two weights that lie three apart compare each number with the one three places before. The steps here are three long: how many outputs are 0?"),
)  # fmt: skip
