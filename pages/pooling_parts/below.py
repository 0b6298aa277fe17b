"""What people believe of pooling, questions, and what to try."""

from functools import partial
from random import Random

from core.experiments import pooling as runs
from core.experiments.pooling import Run
from core.figures import pools
from core.ui.frame import Pitfall, Try
from core.ui.predict import Draw, Question
from core.words import N_, _, listed, say
from core.words.numbers import number
from pages.convolution_parts.shared import rows, tolerance

# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(run: Run) -> list[Pitfall]:
    """What people believe of pooling, the tutorial's own first."""
    return [
        Pitfall("The tutorial: pooling has a kernel of ones", partial(runs.ones_unread, run),
                "Nobody reads the numbers in `pool_k`, its shape alone counts. With {drawn} in place of the ones, **{maxima}** of the maxima and **{averages}** of the averages change. torch takes the shape by itself, `kernel_size={kernel}`: there is nothing to learn in a pooling."),
        Pitfall("The tutorial's `pool2d` averages its own example", runs.whole_numbers,
                lambda facts: say("Its X holds whole numbers, and the average, `mode='avg'`, is the default: `{says}`. With 'max' it gives {rows}, of floats the averages {rows2}; a mode that it does not know goes through in silence and gives {rows3}.", facts, rows=rows(facts.maxima), rows2=rows(facts.averages), rows3=rows(facts.unknown))),
        Pitfall("The tutorial's `pool2d` is torch's with one channel", partial(runs.stride_one, run), stride_sentence),
        Pitfall("Padding is 0, as in a convolution", partial(runs.padding_is_lowest, run),
                "For a maximum the padding is −∞, so that it never wins. Take {lowered} off this input, so that all is below 0, and pool it with a kernel of {kernel}, stride 1 and padding {padding}. Padded with zeros by hand, **{differ} of {outputs}** maxima would be others, all of them 0; torch's largest is {largest}. And padding must stay within half the kernel: with one more, torch says “{says}”."),
        Pitfall("An average divides by the kernel's height times its width", partial(runs.divisors_differ, run), divisors_table),
        Pitfall("Equal maxima share the gradient", partial(runs.first_wins, run), ties_sentence),
        Pitfall("Pooling makes the result invariant to small shifts", partial(runs.not_invariant, run), shift_sentence),
        Pitfall("`ceil_mode` rounds the output size up", partial(runs.window_dropped, run), dropped_table),
    ]  # fmt: skip


def stride_sentence(facts: runs.Strides) -> str:
    """The sizes of both outputs."""
    return _(
        "On an input of {input} with a window of {kernel}, `pool2d` gives **{textbook}**, for its windows lie one cell apart. `max_pool2d` gives **{torchs}** (the same, for this window is as large as the input): left out, its stride is the kernel size. The tutorial's also has no padding, and answers float64 in {dtype}."
        if facts.textbook == facts.torchs
        else "On an input of {input} with a window of {kernel}, `pool2d` gives **{textbook}**, for its windows lie one cell apart. `max_pool2d` gives **{torchs}**: left out, its stride is the kernel size. The tutorial's also has no padding, and answers float64 in {dtype}."
    )


def divisors_table(facts: runs.Divisors) -> str:
    """The divisors that occur under each setting."""
    lines = "\n".join(
        f"| {d.ceil_mode} | {d.count_include_pad} | **{', '.join(map(str, d.divisors))}** | {number(d.last, 4)} |"
        for d in facts.found
    )
    return (
        _("A kernel of {kernel}, stride {stride} and padding {padding} on {input}:\n\n| ceil_mode | count_include_pad | divisors that occur | last output |\n|---|---|---|---|\n") + lines
        + _("\n\nThe padding's zeros are counted, unless `count_include_pad=False`. With `ceil_mode` a window may reach beyond the padding; the cells that it lacks there are never counted.")
    )  # fmt: skip


def ties_sentence(facts: runs.Ties) -> str:
    """Which of several equal numbers gets the gradient."""
    return (
        say("In **{tied} of {outputs}** windows on screen the maximum occurs more than once. The first in reading order takes all: of {kernel}×{kernel} equal numbers, torch's `max_pool2d` gives the gradient {rows}, the manual version {rows2}. It is `amax` that shares: {rows3}.", facts, rows=rows(facts.torchs), rows2=rows(facts.manual), rows3=rows(facts.amax))
    )  # fmt: skip


def shift_sentence(facts: runs.Shifted) -> str:
    """What a shift by one cell changes, and one by a stride."""
    if not facts.by_one.input.cells:
        return _(
            "This input is the same after a shift to the right, and so is what is made of it. Choose another, or look at the tab *Shift*."
        )
    changes = ((N_("maxima"), facts.by_one.max), (N_("averages"), facts.by_one.average))
    said = listed(
        [
            say("**{cells} of {all}** {name} change, by {relative:.1%}", change, all=change.apart.numel(), name=_(name))
            for name, change in changes
        ]
    )
    return (
        say("Move this input one cell to the right, and it changes by {relative:.1%}: {said}. ", relative=facts.by_one.input.relative, said=said) + _("A shift by a whole stride, {stride}, moves the output by one cell, and only what crosses the border "
        "can spoil that, here in {late} of {outputs} maxima. Pooling dampens a small shift; how much depends on the input.")
    )  # fmt: skip


def dropped_table(facts: runs.Dropped) -> str:
    """Rows for several strides."""
    lines = "\n".join(f"| {r.stride} | {r.down} | {r.up} | **{r.given}** |" for r in facts.found)
    here = (
        say("Here that happens with stride {dropped}.", dropped=listed(facts.dropped))
        if facts.dropped
        else _("With this kernel and size it happens at no stride up to 6, and the rounding is all.")
    )
    return (
        _("Not always: a last window that would start in the padding behind the input is dropped again. ") + here
        + _(" A kernel of {kernel} and padding {padding} on {rows:|row|rows}:\n\n| stride | rounded down | rounded up | with ceil_mode |\n|---|---|---|---|\n") + lines
    )  # fmt: skip


# ---- questions, and what to try --------------------------------------------------------------------------------


def questions(run: Run) -> list[Draw]:
    """Questions on what is on screen; the outputs and the line under the board are covered while they are open."""
    return [partial(ask_max, run), partial(ask_divisor, run), partial(ask_gradient, run), ask_shape]


def ask_max(run: Run, draw: Random) -> Question:
    """The maximum of a window."""
    q = runs.drawn_window(run, "max", draw)
    held = ", ".join(map(number, q.cells))
    return Question(
        say("The window of max[{at}, {at2}] holds {held} and padding. What is the output?" if q.padding else "The window of max[{at}, {at2}] holds {held}. What is the output?", at=q.at[0], at2=q.at[1], held=held), number(q.value), pools.output_arithmetic(run, run.max, q.at),
        tolerance=tolerance(q.value), covers=("max",),
    )  # fmt: skip


def ask_divisor(run: Run, draw: Random) -> Question:
    """What an average is divided by."""
    q = runs.drawn_window(run, "average", draw)
    return Question(
        say("What is the sum of the window of average[{at}, {at2}] divided by, with the settings on screen?", at=q.at[0], at2=q.at[1]), str(q.divisor),
        pools.output_arithmetic(run, run.average, q.at), tolerance=0, covers=("average",),
    )  # fmt: skip


def ask_gradient(run: Run, draw: Random) -> Question:
    """How much gradient an input gets."""
    q = runs.drawn_receiver(run, draw)
    return Question(
        say("A gradient of 1 comes to every output of the {kind}. How much of it arrives at x[{at}, {at2}]?", kind=q.kind, at=q.at[0], at2=q.at[1]), f"{q.amount:.6g}",
        pools.input_arithmetic(run, getattr(run, q.kind), q.at), tolerance=tolerance(q.amount), covers=(q.kind,),
    )  # fmt: skip


def ask_shape(draw: Random) -> Question:
    """The shape of a drawn maximum."""
    q = runs.drawn_shape(draw)
    stride = q.stride or q.kernel
    return Question(
        say("The input is 1×8×{size}×{size}. Which shape has max_pool2d(input, {kernel}, stride={stride}, ceil_mode={ceil_mode})?", size=q.size, kernel=q.kernel, stride=q.stride, ceil_mode=q.ceil_mode), str(q.output),
        say(
            "Batch and channels stay. The windows lie {stride} apart: ({size} − {kernel}) / {stride}, rounded up, plus 1 (less a window that would start behind the input)." if q.ceil_mode
            else "Batch and channels stay. The windows lie {stride} apart: ({size} − {kernel}) / {stride}, rounded down, plus 1 (less a window that would start behind the input).",
            stride=stride, size=q.size, kernel=q.kernel,
        ), tolerance=0,
    )  # fmt: skip


TRIES = (
    Try("What survives of a digit", "x_from=digit&kernel_size=2&stride=kernel&padding=0",
        "A quarter of the cells is left. The maximum keeps every stroke at its full brightness and makes it thicker; the average keeps the amount of ink and makes it paler. Which of the two would you rather read?"),
    Try("Padding pulls an average down", "x_from=typed&x=[[9.,9.,9.,9.],[9.,9.,9.,9.],[9.,9.,9.,9.],[9.,9.,9.,9.]]",
        "Every number is 9, and so is every maximum; but the average is 4 in the corner and 6 beside it, for zeros of the padding are counted. Then switch count_include_pad off, under More settings."),
    Try("One winner of many windows", "kernel_size=3&stride=1&padding=1&tab=Backward",
        "The windows overlap, so that a large number wins several of them: its gradient, below, is as large as the number of windows that it wins. Most cells win none and learn nothing."),
    Try("A window too many", "size=5&kernel_size=2&stride=2&padding=1&ceil_mode=true",
        "Rounded up, the formula below the pictures promises 4 rows, and there are 3: the fourth window would start in the padding behind the input."),
    Try("NaN wins", "x_from=typed&x=[[1,2,3,4],[5,nan,7,8],[9,8,7,6],[5,4,3,2]]&kernel_size=2&stride=kernel&padding=0",
        "One NaN is enough: it is the maximum and the average of its window, and no other output knows of it. With overlapping windows, stride 1, it spreads to four."),
)  # fmt: skip
