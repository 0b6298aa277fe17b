"""What conv2d's part stands on below its pictures: what people believe of it, questions, and what to try."""

from functools import partial
from random import Random

from core.experiments import convolution as runs
from core.experiments.convolution import Run
from core.figures import windows
from core.tensors.limits import times
from core.ui import board
from core.ui.frame import Pitfall, Try
from core.ui.predict import Draw, Question
from core.words import _, listed, say
from core.words.numbers import number
from pages.convolution_parts.shared import rows, tolerance

# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(run: Run, o: int) -> list[Pitfall]:
    """What people believe of conv2d, the tutorial's own first."""
    return [
        Pitfall("The tutorial's `corr2d` is `conv2d` with the padding, stride and channels left out", partial(runs.textbook_on_float64, run), textbook_sentence),
        Pitfall("The tutorial's title: this is two-dimensional convolution", partial(runs.flip, run, o), flip_sentence, partial(show_flip, run)),
        Pitfall("An output channel has one k×k kernel", partial(runs.one_kernel_a_channel, run), channels_sentence),
        Pitfall("`padding='same'` keeps the size for any stride", partial(runs.same_with_stride, run), same_sentence),
        Pitfall("A stride of s divides the size by s", partial(runs.stride_rounds, run), strides_table),
        Pitfall("A kernel larger than the input just gives an empty output", partial(runs.kernel_too_large, run),
                "A kernel of {kernel} on an input of {input}: `corr2d` gives an empty tensor of the shape {textbook}, without a word, and training goes on with nothing. torch refuses: “{says}”."),
        Pitfall("Every output cell has a bias of its own", partial(runs.one_bias_a_channel, run), bias_sentence),
    ]  # fmt: skip


def textbook_sentence(facts: runs.Textbook) -> str:
    """What the tutorial's function does to digits, and to the graph."""
    return _(
        "Given float64 numbers (part of the input, {shape}, plus 0.1), `corr2d` answers in **{dtype}**, torch and the manual version in **{ours}**: its outputs are off by up to {apart}. "
        if facts.apart
        else "Given float64 numbers (part of the input, {shape}, plus 0.1), `corr2d` answers in **{dtype}**, torch and the manual version in **{ours}**: here the rounding happens to change nothing. "
    ) + _(
        "For {outputs:|output|outputs} its loop records **{nodes}** graph nodes, the manual version {our_nodes} and torch {torchs_nodes}, and each of them is a step of its backward."
        if facts.nodes > facts.our_nodes
        else "For {outputs:|output|outputs} its loop records **{nodes}** graph nodes, the manual version {our_nodes} and torch {torchs_nodes}: with so few outputs the loop costs nothing yet."
    )


def flip_sentence(facts: runs.Flip) -> str:
    """What the turn of the kernel changes."""
    here = (
        _("This kernel is the same after the turn, and so the two agree everywhere.")
        if facts.symmetric
        else _(
            "This kernel is another one after the turn: **{differ} of {outputs}** outputs differ, by **{largest}** at most."
        )
        if facts.differ
        else _(
            "This kernel is another one after the turn, and yet none of the {outputs:|output|outputs} shows it on this input."
        )
    )
    return (
        _("Mathematics turns the kernel by 180° before it slides. `conv2d` does not: what it computes is the cross-correlation ⋆, and the tutorial's function is rightly called `corr2d`. ")
        + here + _(" A network loses nothing by that, for it learns the turned kernel just as well.")
    )  # fmt: skip


def show_flip(run: Run, facts: runs.Flip) -> None:
    """Both kernels, both outputs and their difference."""
    (kernel, turned), (ours, theirs, apart), cell = windows.flip_equation(run, facts)
    board.show(
        kernel,
        "→",
        turned,
        board.BREAK,
        ours,
        "−",
        theirs,
        "=",
        apart,
        links=windows.turned(run),
        name="flip",
        cell=cell,
        spelled=windows.FLIP_SENTENCES,
    )


def channels_sentence(facts: runs.Channels) -> str:
    """What several kernels of one output channel give."""
    return say(
        "With {channels} channels in (the input, and the input mirrored) and 2 out, the weight is **{weight}**: each output channel has {channels} kernels, one for each input channel, and adds up what they give. The first output is {sums} = **{whole}**; the first kernel alone would be wrong in {differ} of {outputs} cells."
        if facts.mirrored
        else "With {channels} channels in and 2 out, the weight is **{weight}**: each output channel has {channels} kernels, one for each input channel, and adds up what they give. The first output is {sums} = **{whole}**; the first kernel alone would be wrong in {differ} of {outputs} cells.",
        facts,
        sums=" + ".join(windows.factor(value) for value in facts.parts),
    )


def same_sentence(facts: runs.SameWithStride) -> str:
    """What torch says, and whether half a kernel of padding gives what was hoped for."""
    return _(
        "With stride 2, torch refuses: “{says}”. Say the number instead: `padding={padding}`, half the kernel, makes **{outputs:|row|rows}** of {rows}, just the half, rounded up."
        if facts.outputs == facts.halved
        else "With stride 2, torch refuses: “{says}”. Say the number instead: `padding={padding}`, half the kernel, makes **{outputs:|row|rows}** of {rows}, not the half rounded up, which is {halved}: an even kernel has no middle."
    )


def strides_table(facts: runs.Strides) -> str:
    """Output rows under several strides."""
    rows = "\n".join(
        f"| {s.stride} | {number(s.divided)} | **{s.outputs}** | {s.unread} | **{s.padded}** |" for s in facts.found
    )
    return (
        say("What counts is how many windows fit, and the last one must fit whole. For {rows:|row|rows} and a kernel of {kernel:|row|rows}:\n\n| stride | rows / stride | output rows, no padding | rows never read | output rows, padding k // 2 |\n|---|---|---|---|---|\n{table}", facts, table=rows)
    )  # fmt: skip


def bias_sentence(facts: runs.Bias) -> str:
    """What the bias adds to each channel."""
    added = _("; ").join(
        say("to channel {o}: {terms}", o=o, terms=", ".join(map(number, values)))
        for o, values in enumerate(facts.added)
    )
    return (
        say("`nn.Conv2d` with these channels learns a bias of the shape **{shape}** for {outputs:|output|outputs}. A bias of {bias} adds, {added}. It is one number a channel, the same in every cell.", facts, bias=listed(facts.bias), added=added)
    )  # fmt: skip


# ---- questions, and what to try --------------------------------------------------------------------------------


def questions(run: Run) -> list[Draw]:
    """Questions on what is on screen; the output and the line under the board are covered while they are open."""
    return [partial(ask, run) for ask in (ask_shape, ask_value, ask_parameters, ask_readers, ask_rows)]


def ask_shape(run: Run, draw: Random) -> Question:
    """The output's shape for a drawn kernel, stride, padding and dilation."""
    q = runs.drawn_shape(run, draw)
    (outputs, _groups, k, _width), height = q.weight, q.input[1]
    return Question(
        say("The input {input} meets a weight {weight} with stride {stride}, padding {padding}, dilation {dilation}. What is the output's shape?", input=times(q.input), weight=times(q.weight), stride=q.stride, padding=q.padding, dilation=q.dilation),
        ", ".join(map(str, q.output)),
        say("{outputs} kernels make {outputs} channels; of rows there are ⌊({height} + 2·{padding} − {dilation}·({k} − 1) − 1) / {stride}⌋ + 1 = {output}.", outputs=outputs, height=height, padding=q.padding, dilation=q.dilation, k=k, stride=q.stride, output=q.output[1]),
        tolerance=0,
    )  # fmt: skip


def ask_value(run: Run, draw: Random) -> Question:
    """An output cell's value from its window and kernel."""
    q = runs.drawn_cell(run, draw)
    pairs = _("; ").join(
        say("window {rows} under kernel {rows2}", rows=rows(part), rows2=rows(kernel))
        for part, kernel in zip(q.window, q.kernel, strict=True)
    )
    return Question(
        say(
            "Output cell {cell} of channel {channel}: {pairs}. What is its value?"
            if q.bias is None
            else "Output cell {cell} of channel {channel}: {pairs}, bias {bias}. What is its value?",
            cell=q.at[1:], channel=q.at[0], pairs=pairs, bias=q.bias,
        ),
        f"{q.value:.6g}", windows.output_arithmetic(run, q.at[0], q.at[1:]), tolerance=tolerance(q.value), covers=("y",),
    )  # fmt: skip


def ask_parameters(run: Run, draw: Random) -> Question:
    """How many numbers a drawn layer learns."""
    q = runs.drawn_layer(run, draw)
    return Question(
        say("How many parameters has nn.Conv2d({inputs}, {outputs}, kernel_size={kernel}, groups={groups}), bias included?", inputs=q.inputs, outputs=q.outputs, kernel=q.kernel, groups=q.groups), str(q.parameters),
        say("Each of {outputs} output channels has {in_group} kernels of {kernel}×{kernel}, and one bias.", outputs=q.outputs, in_group=q.in_group, kernel=q.kernel), tolerance=0,
    )  # fmt: skip


def ask_readers(run: Run, draw: Random) -> Question:
    """How many outputs read a drawn input cell."""
    q = runs.drawn_readers(run, draw)
    return Question(
        say("How many outputs, over all channels, read the input at {at}, with the settings on screen?", at=q.at), str(q.outputs),
        say("{rows} rows of windows and {columns} columns of them hold it, in each of {channels} output channels.", rows=q.rows, columns=q.columns, channels=q.channels), tolerance=0, covers=("y",),
    )  # fmt: skip


def ask_rows(run: Run, draw: Random) -> Question:
    """The input rows that a drawn output row reads."""
    q = runs.drawn_rows(run, draw)
    return Question(
        say("Which input rows does output row {row} read? Padding counts, as rows below 0 or past the end. Give the first and the last.", row=q.row), f"{q.read[0]}, {q.read[-1]}",
        say("The window starts at {row}·{stride} − {padding} = {read} and goes on in steps of {dilation}: {read2}.", row=q.row, stride=q.stride, padding=q.padding, read=q.read[0], dilation=q.dilation, read2=listed(q.read)), tolerance=0, covers=("y",),
    )  # fmt: skip


TRIES = (
    Try("Edges in a photograph", "x_from=photo&kernel=Sobel x",
        "Sobel x subtracts what is left of a pixel from what is right of it: orange where it gets brighter, blue where it gets darker, and nothing where all is even. Which edges does Sobel y find?"),
    Try("A flat image grows an edge", "x_from=typed&x=[[9,9,9,9],[9,9,9,9],[9,9,9,9],[9,9,9,9]]&kernel=own&w_from=typed&w=[[1,1,1],[1,1,1],[1,1,1]]",
        "Every number is 9, and yet the output is 81 in the middle, 54 along the sides and 36 in the corners: the padding's zeros are part of the sum. Point at a corner to count them."),
    Try("A kernel that shifts", "kernel=own&w_from=typed&w=[[0,0,0],[1,0,0],[0,0,0]]",
        "The only 1 stands left of the middle, so each output is the number left of its own place. Which way has the picture moved, and where would the 1 of a kernel stand that moves it back?"),
    Try("Cells that nobody reads", "size=7&padding=0&stride=2&dilation=2",
        "With stride 2 and dilation 2 all windows meet the even rows and columns alone. Point at an input in row 1: no output reads it, and no gradient will ever come to it."),
    Try("One kernel a channel", "in_channels=4&out_channels=4&groups=4",
        "With as many groups as channels, the depthwise convolution, output channel 2 reads input channel 2 and no other. How many weights would there be with one group?"),
)  # fmt: skip
