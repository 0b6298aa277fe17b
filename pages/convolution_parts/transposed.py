"""conv_transpose2d: each input lays the kernel, times its number, onto the output."""

from functools import partial
from random import Random
from typing import Any

import streamlit as st

from core.experiments import conv_transpose2d as runs
from core.experiments.conv_transpose2d import Run
from core.experiments.convolution import CORNER
from core.experiments.refusals import Refusal
from core.figures import colour, slide, transposed
from core.tensors.limits import Limits, times
from core.topics import Topic
from core.ui import board, check, controls, frame, take_away, tensor_input, walk
from core.ui.frame import Pitfall, Try
from core.ui.predict import Draw, Question
from core.words import N_, _, listed, say
from core.words.numbers import number
from pages.convolution_parts.shared import NARROW, REFUSED_HEIGHT, height, pin, refuse, say_dtype, tolerance

LIMITS = Limits(ranks=(2, 3), max_side=7, max_elements=147, allow_nonfinite=True)
OWN = Limits(ranks=(2,), max_side=5, max_elements=25, allow_nonfinite=True)
KEYS = {"stride": "stride_t", "padding": "padding_t"}  # their defaults and limits are not conv2d's
KERNELS = {"ones": N_("ones"), "counting": "1, 2, 3, …", "random": N_("random"), "own": N_("my own")}


def part(topic: Topic, main: Any) -> None:
    """The lesson on conv_transpose2d; its main controls join those in `main`."""
    run, given, found, pinned = choose(main)
    operator = topic.operator("conv_transpose2d")
    x, w, *b, y = transposed.equation(run)
    if found:
        board.show(x, "⋆ᵀ", w, links=transposed.links(run), height=REFUSED_HEIGHT)
        refuse(found, _("padding 0 and output_padding 0"), KEYS)
    else:
        board.show(
            x, "⋆ᵀ", w, *(("+", b[0]) if b else ()), "=", y, links=transposed.links(run), spelled=transposed.sentences(run), height=height(),
            picks={name: partial(pin, name) for name in ("x", "y")}, pinned=pinned,
        )  # fmt: skip
        say_dtype(given, run.x.dtype)
        check.show(operator, run.call)
        st.markdown(size_line(run))
    frame.below(
        topic, operator=operator, pitfalls=pitfalls(run), questions=questions(run), tries=TRIES, walk=lambda: show_walk(run),
        more={"As a matrix": lambda: show_matrix(run)},
        take=lambda: take_away.of(operator, run.call, {"x": run.x, "weight": run.weight, "output": run.output}, title="Transposed convolution"),
    )  # fmt: skip


def choose(main: Any) -> tuple[Run, object, Refusal | None, Any]:
    """The run, the input's own dtype, what is refused, and the pinned cell."""
    more = controls.more()
    with main:
        kernel = controls.choice("kernel_t", "Kernel", KERNELS, "counting", few=0, width=130)
    with more:
        size, channels = 3, 1
        if tensor_input.source("t") == "example":
            size = controls.slider("size_t", "Input size", 1, 7, 3, width=NARROW)
            channels = controls.slider("in_channels", "Channels in", 1, 3, 1, width=NARROW)
        seed = controls.seed()
        given = tensor_input.tensor("t", "Input", runs.example(size, size, channels, seed), LIMITS)
        given = given if given.dim() == 3 else given[None]
        own = tensor_input.tensor("wt", "Numbers of the kernel", CORNER, OWN) if kernel == "own" else None
        out_channels = controls.slider("out_channels", "Channels out", 1, 3, 1, width=NARROW)
        divisors = [g for g in range(1, len(given) + 1) if len(given) % g == 0 and out_channels % g == 0]
        groups = controls.stops("groups", "Groups", divisors, width=NARROW) if len(divisors) > 1 else 1
        dilation = controls.slider("dilation", "Dilation", 1, 3, 1, width=NARROW)
        biased = controls.toggle("bias", "Bias")
    with main:
        side = controls.slider("kernel_size", "Kernel size", 1, 5, 3, width=NARROW) if own is None else 0
        stride = controls.slider("stride_t", "Stride", 1, 4, 2, width=NARROW)
        padding = controls.slider("padding_t", "Padding", 0, 4, 0, width=NARROW)
        extra = controls.slider("output_padding", "output_padding", 0, 3, 0, width=130)
    shape = (len(given), out_channels // groups, *((side, side) if own is None else own.shape))
    x, weight = runs.in_one_dtype(
        given, runs.kernels(kernel, shape, seed) if own is None else own.expand(shape).contiguous()
    )
    bias = weight.new_tensor(range(1, out_channels + 1)) if biased else None
    settings = {"stride": stride, "padding": padding, "output_padding": extra, "groups": groups, "dilation": dilation}
    found = runs.refusal(x, weight, bias, settings)
    run = (runs.nearest if found else runs.transpose)(x, weight, bias, settings)
    with more:
        ranges = transposed.indices(run)
        middle = tuple(each[len(each) // 2] if d or run.flat else 0 for d, each in enumerate(ranges["x"]))
        return run, given.dtype, found, controls.cell_of("cell", "Pinned cell", ranges, ("x", middle))


# ---- the pictures ----------------------------------------------------------------------------------------------


def size_line(run: Run) -> str:
    """The output's rows by the formula."""
    s, (k, _width), d = run.settings, run.windows.kernel_size, run.settings["dilation"]
    rows, outputs = run.x.shape[1], run.output.shape[1]
    return (
        rf"**{_('Output rows')}** &ensp;$(H - 1)\,s - 2p + d(k - 1) + 1 + \text{{output\_padding}} = ({rows} - 1) \cdot {s['stride']} - 2 \cdot {s['padding']} + {d} \cdot ({k} - 1) + 1 "
        rf"+ {s['output_padding']} = {outputs}$"
    )  # fmt: skip


def show_matrix(run: Run) -> None:
    """The matrix that the run is, whose transpose is the convolution's."""
    outputs, inputs = run.output[0].numel(), run.x[0].numel()
    st.markdown(
        say("Here is where the name comes from. Lay a picture out as a column of {outputs} numbers, and `conv2d` with this kernel, stride and padding is the product with a matrix **C** of {inputs} × {outputs}: each of its rows holds the kernel, where that output's window lies. The transposed convolution is the product with the same matrix **transposed**, M: its columns hold the kernel, where each input lays it. The shapes go the other way, but no number is inverted: the one does not undo the other.", outputs=outputs, inputs=inputs)
    )  # fmt: skip
    straight, turned, side = transposed.matrix_pictures(run)
    board.show(
        straight, board.BREAK, turned, spelled="`{at:M}` = **{M}** and `{at:C}`: {note:M}.", cell=side, name="matrix"
    )


def show_walk(run: Run) -> None:
    """The textbook, each input cell in turn."""
    st.caption(_("The textbook knows no stride and no padding: it lays the kernel down one cell on at a time."))
    X, K = run.x[0], run.weight[0, 0]
    steps = slide.trans_conv_walk(X, K)
    walk.show(
        steps,
        {"X": colour.signed(X), "K": colour.signed(K), "Y": colour.signed(steps.steps[-1].values["Y"])},
        key="walk_transposed",
    )


# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(run: Run) -> list[Pitfall]:
    """What people believe of conv_transpose2d."""
    return [
        Pitfall("A transposed convolution undoes the convolution", partial(runs.undoes, run),
                undone_sentence),
        Pitfall("`padding` makes the output larger, as in a convolution", partial(runs.padding_cuts, run), padding_sentence),
        Pitfall("`output_padding` sets zeros around the output", partial(runs.output_padding_adds, run), extra_sentence),
        Pitfall("The weight has the shape of conv2d's: (out, in, kh, kw)", partial(runs.weight_is_turned, run),
                "For {inputs:|channel|channels} in and {outputs} out, `nn.ConvTranspose2d` learns a weight of **{weight}**, input channels first; `nn.Conv2d` learns {conv}. Handed the latter, torch says: “{says}”."),
        Pitfall("Every output is made of equally many inputs", partial(runs.overlap, run), overlap_sentence,
                lambda facts: board.show(transposed.overlap_picture(facts), spelled="{n} inputs reach this output.", name="overlap", height=260)),
    ]  # fmt: skip


def undone_sentence(facts: runs.Undone) -> str:
    """What comes back of the numbers."""
    return _(
        "Its other name, deconvolution, promises that. Here an input of {input} goes through `conv2d`, which makes {middle} of it, and back through `conv_transpose2d`: the **shape** is {back} again, but **{differ} of {cells}** numbers are others. The first was {first} and is {first_back} now."
        if facts.differ
        else "Its other name, deconvolution, promises that. Here an input of {input} goes through `conv2d`, which makes {middle} of it, and back through `conv_transpose2d`: the **shape** is {back} again, and here the numbers happen to be the same, too. Choose another input and another kernel to see that they need not be."
    )


def padding_sentence(facts: runs.Padded) -> str:
    """The output's size under each padding."""
    sizes = listed([say("with padding {p} **{size}**", p=p, size=times(size)) for p, size in facts.sizes])
    return say(
        "The padding is that of the convolution which this one transposes, so here it is cut off on all sides. Of an input of {input} the output is, {sizes}.",
        input=times(facts.input),
        sizes=sizes,
    )


def extra_sentence(facts: runs.Extra) -> str:
    """What output_padding adds, and what for."""
    return say(
        "With stride {stride} and padding {padding}, `output_padding=1` makes {rows_with} rows instead of {rows}, for it adds at the end only. The new row holds real sums, which the padding had cut off: {row}. It is there because the convolution, rounding down, makes one size of several ({sources} rows here), and going back somebody must say which."
        if facts.sums
        else "With stride {stride} and padding {padding}, `output_padding=1` makes {rows_with} rows instead of {rows}, for it adds at the end only. The new row holds zeros, for no input reaches it with padding 0: {row}. It is there because the convolution, rounding down, makes one size of several ({sources} rows here), and going back somebody must say which.",
        facts,
        sources=listed(facts.sources),
    )


def overlap_sentence(facts: runs.Overlap) -> str:
    """How many inputs reach an output, and whether that makes a checkerboard."""
    if len(facts.inner) == 1:
        border = "" if facts.fewest >= facts.inner[0] else _(" At the border there are as few as {fewest}.")
        return (
            say(
                "Away from the border it is so here: {reach:|input reaches|inputs reach} each output, for the kernel {kernel} is a multiple of the stride {stride}.",
                facts,
                reach=facts.inner[0],
            )
            + border
        )
    return _(
        "With a kernel of {kernel} and stride {stride}, an output away from the border is reached, in turn, by {inner} inputs: an even input comes out as a **checkerboard**. Without dilation, a kernel that is a multiple of the stride has none."
    )


# ---- questions, and what to try --------------------------------------------------------------------------------


def questions(run: Run) -> list[Draw]:
    """Questions on what is on screen."""
    return [ask_size, partial(ask_value, run), partial(ask_reach, run)]


def ask_size(draw: Random) -> Question:
    """The rows of a drawn transposed convolution."""
    q = runs.drawn_size(draw)
    return Question(
        say("An input of {rows} rows, a kernel of {kernel}, stride {stride}, padding {padding}, output_padding {output_padding}: how many rows has the output of conv_transpose2d?", rows=q.rows, kernel=q.kernel, stride=q.stride, padding=q.padding, output_padding=q.output_padding),
        str(q.outputs), f"({q.rows} − 1)·{q.stride} − 2·{q.padding} + ({q.kernel} − 1) + 1 + {q.output_padding} = {q.outputs}.", tolerance=0,
    )  # fmt: skip


def ask_value(run: Run, draw: Random) -> Question:
    """An output cell's value."""
    q = runs.drawn_cell(run, draw)
    terms = " + ".join(f"{number(a)}·{number(b)}" for a, b in q.terms) or "0"
    return Question(
        say("What is the output at {at}?" if run.flat else "What is the output at {at} of channel {channel}?", at=q.at[1:], channel=q.at[0]),
        f"{q.value:.6g}",
        say(
            "The inputs that lay something there, each times its weight: {terms} + bias {bias} = {value}." if q.bias
            else "The inputs that lay something there, each times its weight: {terms} = {value}.",
            terms=terms, bias=number(q.bias or 0), value=number(q.value),
        ),
        tolerance=tolerance(q.value), covers=("y",),
    )  # fmt: skip


def ask_reach(run: Run, draw: Random) -> Question:
    """How many outputs an input reaches."""
    q = runs.drawn_reach(run, draw)
    return Question(
        say("Onto how many output cells, over all channels, is the kernel laid by the input at {at}?", at=q.at), str(q.outputs),
        "One for each weight of its kernels, less those that the padding cuts off.", tolerance=0, covers=("y",),
    )  # fmt: skip


TRIES = (
    Try("The checkerboard", "op=conv_transpose2d&kernel_t=ones&kernel_size=3&stride_t=2&t_from=typed&t=[[1,1,1,1],[1,1,1,1],[1,1,1,1],[1,1,1,1]]",
        "Input and kernel hold nothing but ones, and yet the output has a pattern of 1, 2 and 4: so many windows overlap there. Which kernel size makes it even?"),
    Try("Twice as large", "op=conv_transpose2d&kernel_t=ones&kernel_size=2&stride_t=2",
        "A kernel as large as the stride: no two windows meet, and each number fills a square of four. This is nearest-neighbour upsampling."),
    Try("A window each, summed", "op=conv_transpose2d&kernel_t=counting&kernel_size=2&stride_t=1",
        "Point at an input: its window in the output is the kernel times its number. Point at an output in the middle: four windows meet there, and are added."),
    Try("Back to an even size", "op=conv_transpose2d&kernel_size=3&stride_t=2&padding_t=1&output_padding=1",
        "Three rows become six. Without output_padding they would be five: a convolution with these settings makes three rows of five and of six alike."),
)  # fmt: skip
