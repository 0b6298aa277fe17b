"""Pooling: maximum and average of each window side by side, forward, backward and under a shift."""

import random
from functools import partial
from typing import Any

import streamlit as st
import torch
from torch import Tensor

from core.experiments import pooling as runs
from core.experiments.pooling import Pool, Run
from core.experiments.windows import read_by
from core.figures import colour, images, pools
from core.figures.montage import PROJECTED, SIGN_WIDTH, Index
from core.figures.numbers import number
from core.figures.walk import Moment, record, source_of
from core.ops import pooling as ops
from core.tensors.limits import Limits, times
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, frame, link, tensor_input, walk
from core.ui.board import BREAK
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

LIMITS = Limits(ranks=(2,), max_side=96, max_elements=9216)
NARROW = 130  # pixels of a slider
HEIGHT = 400  # pixels of the pictures
PATCH = 7  # cells along a side of the part of an image that is walked through
KERNEL = "kernel"  # the stride that is the kernel size
STRIDES = {KERNEL: "kernel size", 1: "1", 2: "2", 3: "3", 4: "4"}
ARRIVING = {"ones": "1 to every output", "pinned": "1 to the pinned output", "counting": "1, 2, 3, …"}


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    run, pinned = choose()
    show_board(run, pinned)
    for operator, kind in zip(topic.operators, runs.KINDS, strict=True):
        check.show(operator, run.call(kind))
    st.markdown(pools.sizes(run.x.shape, run.settings))
    frame.below(
        topic,
        pitfalls=pitfalls(run),
        walk=lambda: walks(run),
        questions=questions(run),
        take=lambda: take(run),
        more={"Backward": lambda: show_backward(run, pinned), "Shift": lambda: show_shift(run)},
    )


# ---- controls --------------------------------------------------------------------------------------------------


def choose() -> tuple[Run, tuple[str, Index]]:
    """The pooling to show, and the pinned cell; the maximum in the middle where none is pinned."""
    with controls.main():
        settings = choose_settings()
    more = controls.more()
    with more:
        x = choose_input()
        settings["count_include_pad"] = controls.toggle("count_include_pad", "count_include_pad (average)", True)
    run = frame.attempt("pooling", lambda: runs.pool(x, settings))
    if run is None:
        st.info(
            "Shown below instead: half a kernel of padding, no dilation and no ceil_mode, which go with every input."
        )
        run = runs.nearest(x, settings)
    middle = tuple(n // 2 for n in run.max.output.shape)
    with more:
        return run, controls.cell_of("cell", "Pinned cell", pools.indices(run), ("max", middle))


def choose_settings() -> dict[str, Any]:
    """The settings of both poolings, under torch's names."""
    kernel = controls.slider("kernel_size", "Kernel size", 1, 8, 3, width=NARROW)
    stride = controls.stops("stride", "Stride", STRIDES, 2, width=NARROW, help="Left out, it is the kernel size.")
    padding = controls.slider("padding", "Padding", 0, kernel // 2, 1, width=NARROW)
    dilation = controls.slider("dilation", "Dilation (max)", 1, 3, 1, width=NARROW, help="avg_pool2d has none.")
    return {
        "kernel_size": kernel, "stride": None if stride == KERNEL else stride, "padding": padding, "dilation": dilation,
        "ceil_mode": controls.toggle("ceil_mode", "ceil_mode"),
    }  # fmt: skip


def choose_input() -> Tensor:
    """The input (H, W)."""
    size = 6
    if tensor_input.source("x") == "example":
        size = controls.slider("size", "Input size", 1, 12, 6, width=NARROW)
    seed = controls.seed()
    example = torch.randint(0, 50, (size, size), generator=torch.Generator().manual_seed(seed))
    return tensor_input.tensor("x", "Input", example, LIMITS, images=True).float()


def pin(picture: str, index: str) -> None:
    """Take a cell that the reader pinned in a picture."""
    st.session_state["cell"] = f"{picture}[{index}]"


# ---- the pictures ----------------------------------------------------------------------------------------------


def show_board(run: Run, pinned: tuple[str, Index]) -> None:
    """Input, maximum and average; the input once more where the two have windows of their own."""
    x, highest, *average = pools.equation(run, *room())
    board.show(
        x, "→", highest, *([average[0], "→", average[1]] if runs.apart(run) else average), links=pools.links(run),
        spelled=pools.sentences(run), pinned=pinned, height=HEIGHT,
        picks={name: partial(pin, name) for name in ("x", "max", "average")} | {pools.DENSE: partial(pin, "x")},
    )  # fmt: skip
    st.caption(
        "Dashed in purple: the window of an output, or the outputs that read an input. Dotted in pink: the window's "
        "winner, or the maxima that an input is. The grey frame is padding: −∞ to the maximum, 0 to the average."
    )


def room() -> tuple[int, int]:
    """Width and height of the room for images with two signs between them."""
    if link.projector():
        return board.PROJECTOR_WIDTH - 2 * SIGN_WIDTH, int(HEIGHT * PROJECTED)
    return board.PAGE_WIDTH - 2 * SIGN_WIDTH, HEIGHT


def show_maps(run: Run, maps: dict[str, tuple[Tensor, str, str]]) -> None:
    """How input and outputs change, side by side on one signed scale; each has values, axes and a title."""
    values = [matrix for matrix, _, _ in maps.values()]
    how = pools.drawn(run, colour.signed(*values), [(matrix, images.NO_PADS) for matrix in values], *room())
    parts = [how.part(name, *rest) for name, rest in maps.items()]
    board.show(*parts, links=pools.links(run), name="shift", height=300)


# ---- backward and shift ----------------------------------------------------------------------------------------


def show_backward(run: Run, pinned: tuple[str, Index]) -> None:
    """Where the gradient of each pooling goes."""
    arriving = controls.choice("arriving", "Gradient that comes to the outputs", ARRIVING)
    out = pinned[1] if pinned[0] != "x" else (0, 0)
    came = {pool.kind: make_arriving(arriving, pool, out) for pool in run.pools}
    went = {kind: runs.gradient(kind, run, came[kind]) for kind in came}
    dmax, dx_max, daverage, dx_average = pools.backward(run, came, went, *room())
    parts = {"max": "dmax", "average": "daverage", "x": "dx_max"}
    board.show(
        dmax, "→", dx_max, BREAK if run.as_image else "", daverage, "→", dx_average, name="backward", height=300,
        links=pools.backward_links(run), spelled=pools.backward_sentences(run), pinned=(parts[pinned[0]], pinned[1]),
        picks={"dmax": partial(pin, "max"), "daverage": partial(pin, "average"), "dx_max": partial(pin, "x"),
               "dx_average": partial(pin, "x")},
    )  # fmt: skip
    said = [
        f"- **{kind}**: {number(came[kind].sum().item(), 5)} arrives, {number(went[kind].sum().item(), 5)} goes on, to "
        f"**{int((went[kind] != 0).sum())} of {run.x.numel()}** cells; the largest share is {number(went[kind].abs().max().item())}."
        for kind in went
    ]
    st.markdown(
        "The maximum passes all of an output's gradient to its one winner; a cell that wins several windows gets their sum. "
        "The average gives 1/divisor of it to each cell of the window; the share of the padding is lost.\n"
        + "\n".join(said)
    )


def make_arriving(which: str, pool: Pool, out: Index) -> Tensor:
    """The gradient (h, w) that comes to the outputs."""
    if which == "ones":
        return torch.ones_like(pool.output)
    if which == "counting":
        return torch.arange(1.0, pool.output.numel() + 1).reshape(pool.output.shape)
    chosen = torch.zeros_like(pool.output)
    if pool.holds(out):
        chosen[out] = 1
    return chosen


def show_shift(run: Run) -> None:
    """Outputs before and after a small shift of the input, and the same for a row of shifts."""
    with controls.row("shift"):
        down = controls.slider("down", "Shift down", 0, 4, 0, width=NARROW)
        across = controls.slider("across", "Shift right", 0, 4, 1, width=NARROW)
    moved = ops.shifted(run.x, down, across)
    changes = {"input": ops.change(run.x, moved)} | {kind: shift_change(run, kind, down, across) for kind in runs.KINDS}
    names = {"input": ("x", "y x"), "max": ("max", "p q"), "average": ("average", "r s")}
    show_maps(run, {
        name: (changes[kind].apart, axes, f"{kind}: after − before") for kind, (name, axes) in names.items()
    })  # fmt: skip
    st.markdown("  \n".join(
        f"{kind}: **{change.cells} of {change.apart.numel()}** cells change, by **{percent(change.relative)}** of the whole"
        for kind, change in changes.items()
    ))  # fmt: skip
    st.markdown(shift_table(run))
    st.caption("What leaves on one side comes in on the other. By how much: ‖after − before‖ / ‖before‖.")


def shift_change(run: Run, kind: str, down: int, across: int) -> ops.Change:
    """How one pooling's output changes when the input is shifted."""
    return ops.change(
        runs.apply(kind, run.x, run.settings), runs.apply(kind, ops.shifted(run.x, down, across), run.settings)
    )


def shift_table(run: Run) -> str:
    """By how much input and outputs change for shifts to the right."""
    rows = ["| shift right | input changes by | max: cells, by | average: cells, by |", "|---|---|---|---|"]
    for across in range(1, 5):
        found = [
            f"{change.cells} of {change.apart.numel()}, {percent(change.relative)}"
            for change in (shift_change(run, kind, 0, across) for kind in runs.KINDS)
        ]
        moved = ops.change(run.x, ops.shifted(run.x, 0, across))
        rows.append(f"| {across} | {percent(moved.relative)} | {found[0]} | {found[1]} |")
    return "\n".join(rows)


def percent(share: float) -> str:
    """A share in percent: 12 %."""
    return f"{number(100 * share)} %"


# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(run: Run) -> list[Pitfall]:
    """What people believe of pooling, the tutorial's own first."""
    return [
        Pitfall("The tutorial: pooling has a kernel of ones", lambda: ones_unread(run)),
        Pitfall("The tutorial's `pool2d` averages its own example", whole_numbers),
        Pitfall("The tutorial's `pool2d` is torch's with one channel", lambda: stride_one(run)),
        Pitfall("Padding is 0, as in a convolution", lambda: padding_is_lowest(run)),
        Pitfall("An average divides by the kernel's height times its width", lambda: divisors_differ(run)),
        Pitfall("Equal maxima share the gradient", lambda: first_wins(run)),
        Pitfall("Pooling makes the result invariant to small shifts", lambda: not_invariant(run)),
        Pitfall("`ceil_mode` rounds the output size up", lambda: window_dropped(run)),
    ]


def patch(run: Run) -> Tensor:
    """The input (H, W), of an image its middle, small enough to go through cell by cell."""
    if not run.as_image:
        return run.x
    top, left = (max((size - PATCH) // 2, 0) for size in run.x.shape)
    return run.x[top : top + PATCH, left : left + PATCH]


def textbook_window(run: Run) -> Tensor:
    """The tutorial's pool_k, as large as the kernel on screen if the input holds it."""
    k = run.settings["kernel_size"]
    return torch.ones(tuple(min(k, size) for size in patch(run).shape))


def ones_unread(run: Run) -> None:
    """The textbook with ones and with random numbers in pool_k."""
    X, ones = patch(run), textbook_window(run)
    drawn = torch.randn(ones.shape, generator=torch.Generator().manual_seed(0))
    differ = [int((ops.pool2d(X, ones, mode) != ops.pool2d(X, drawn, mode)).sum()) for mode in ("max", "avg")]
    said = " / ".join(" ".join(number(value, 2) for value in row) for row in drawn.tolist())
    st.markdown(
        f"`pool_k` holds no weights: only its shape is used. With [{said}] in place of ones, **{differ[0]}** of its maxima and "
        f"**{differ[1]}** of its averages change. torch takes the numbers `kernel_size={tuple(ones.shape)}`; pooling has nothing to learn."
    )


def whole_numbers() -> None:
    """The textbook's default mode on its own integers, and a mode that it does not know."""
    X, pool_k = torch.tensor([[0, 1, 2], [3, 4, 5], [6, 7, 8]]), torch.ones(2, 2)
    st.markdown(
        f"Its X holds whole numbers, and `mode='avg'` is its default: {refusal(lambda: ops.pool2d(X, pool_k))}. It was only run with "
        f"'max', which gives {ops.pool2d(X, pool_k, 'max').tolist()}; on floats the averages are {ops.pool2d(X.float(), pool_k).tolist()}. "
        f"An unknown mode goes through: `pool2d(X, pool_k, 'mean')` gives {ops.pool2d(X, pool_k, 'mean').tolist()}."
    )


def refusal(call: Any) -> str:
    """What a call says when it is refused, in one line."""
    try:
        call()
    except (RuntimeError, NotImplementedError, TypeError) as error:
        return f"it raises {type(error).__name__}: “{str(error).strip().splitlines()[0]}”"
    return "it goes through"


def stride_one(run: Run) -> None:
    """Output sizes of the textbook and of torch's default."""
    X, pool_k = patch(run), textbook_window(run)
    theirs = ops.pool2d(X, pool_k, "max")
    torchs = torch.nn.functional.max_pool2d(X[None], tuple(pool_k.shape))[0]
    st.markdown(
        f"On this {times(X.shape)} input with a {times(pool_k.shape)} window, `pool2d` gives **{times(theirs.shape)}**: its windows are one "
        f"cell apart. `max_pool2d` gives **{times(torchs.shape)}**: left out, `stride` is the kernel size. There is no padding either, "
        f"and the output is {str(ops.pool2d(X.double(), pool_k).dtype).removeprefix('torch.')} even for float64."
    )


def padding_is_lowest(run: Run) -> None:
    """A negative input padded with −∞ and with 0; padding beyond half the kernel."""
    X, k = run.x - run.x.max() - 1, max(run.settings["kernel_size"], 2)
    ours = torch.nn.functional.max_pool2d(X[None], k, 1, k // 2)[0]
    zeros = torch.nn.functional.max_pool2d(torch.nn.functional.pad(X[None], (k // 2,) * 4), k, 1)[0]
    said = refusal(lambda: torch.nn.functional.max_pool2d(run.x[None], k, 1, k // 2 + 1))
    st.markdown(
        f"For a maximum it is −∞, so that it never wins. This input less {number(run.x.max().item() + 1)} (all below 0), kernel {k}, stride 1, "
        f"padding {k // 2}: padded with 0 by hand, **{int((ours != zeros).sum())} of {ours.numel()}** maxima would differ, all 0 at the border; "
        f"torch's largest output is {number(ours.max().item())}. More than half a kernel of padding is refused: with {k // 2 + 1}, {said}."
    )


def divisors_differ(run: Run) -> None:
    """The divisors that occur under each setting, on the input."""
    k, p = max(run.settings["kernel_size"], 2), max(run.settings["kernel_size"], 2) // 2
    s = run.settings["stride"] or k
    rows = [
        f"Kernel {k}, stride {s}, padding {p} on {times(run.x.shape)}:\n",
        "| ceil_mode | count_include_pad | divisors that occur | last output |",
        "|---|---|---|---|",
    ]
    for ceil in (False, True):
        for counted in (True, False):
            settings = {
                "kernel_size": k,
                "stride": s,
                "padding": p,
                "dilation": 1,
                "ceil_mode": ceil,
                "count_include_pad": counted,
            }
            pool = runs.pool(run.x, settings).average
            assert pool.divisors is not None
            occur = ", ".join(map(str, sorted(set(pool.divisors.flatten().tolist()))))
            rows.append(f"| {ceil} | {counted} | **{occur}** | {number(pool.output[-1, -1].item(), 4)} |")
    st.markdown(
        "\n".join(rows)
        + "\n\nPadding counts as zeros unless `count_include_pad=False`; what `ceil_mode` lets hang over the padding's end never counts."
    )


def first_wins(run: Run) -> None:
    """The gradient of equal numbers: to one cell in max_pool2d, shared in amax."""
    k = run.settings["kernel_size"]
    equal = torch.full((1, k, k), run.x.max().item(), requires_grad=True)
    (whole,) = torch.autograd.grad(ops.max_pool2d(equal, k).sum(), equal)  # type: ignore[union-attr]
    (torchs,) = torch.autograd.grad(torch.nn.functional.max_pool2d(equal, k).sum(), equal)
    (shared,) = torch.autograd.grad(equal.amax((-2, -1)).sum(), equal)
    tied = int((runs.ties(run) > 1).sum())
    st.markdown(
        f"In **{tied} of {run.max.output.numel()}** windows on screen the maximum occurs more than once. The first in reading order takes "
        f"all: on {k}×{k} equal numbers torch's `max_pool2d` gives {said_rows(torchs[0])}, the manual version {said_rows(whole[0])}. "
        f"It is `amax` that shares: {said_rows(shared[0])}."
    )


def said_rows(matrix: Tensor) -> str:
    """A small matrix in a sentence: [0 1 / 2 3]."""
    return "[" + " / ".join(" ".join(number(value) for value in row) for row in matrix.tolist()) + "]"


def windows_of(pool: Pool) -> list[Index]:
    """All output cells."""
    return [(y, x) for y in range(pool.output.shape[0]) for x in range(pool.output.shape[1])]


def not_invariant(run: Run) -> None:
    """Shifts by one cell and by a whole stride, measured."""
    moved, stride = ops.change(run.x, ops.shifted(run.x, 0, 1)), run.settings["stride"] or run.settings["kernel_size"]
    changes = {kind: shift_change(run, kind, 0, 1) for kind in runs.KINDS}
    said = "; ".join(
        f"**{change.cells} of {change.apart.numel()}** outputs of the {kind} change, by {percent(change.relative)}"
        for kind, change in changes.items()
    )
    follows = ops.change(
        ops.shifted(run.max.output, 0, 1), runs.apply("max", ops.shifted(run.x, 0, stride), run.settings)
    )
    st.markdown(
        f"Shift this input right by one cell, and it changes by {percent(moved.relative)}. {said}. A shift by the stride, {stride}, "
        f"shifts the output by one cell: {follows.cells} of {follows.apart.numel()} maxima differ from the old ones moved by one, "
        "at the sides. Pooling dampens a small shift; how much depends on the input."
    )


def window_dropped(run: Run) -> None:
    """Rows for several strides: rounded down, rounded up, and what torch gives."""
    k, p, size = run.settings["kernel_size"], run.settings["padding"], run.x.shape[0]
    rows = ["| stride | rounded down | rounded up | with ceil_mode |", "|---|---|---|---|"]
    over = size + 2 * p - k
    for stride in (1, 2, 3, 4):
        given = max(ops.pool_output_size(size, k, stride, p, ceil_mode=True), 0)
        rows.append(f"| {stride} | {over // stride + 1} | {-(-over // stride) + 1} | **{given}** |")
    st.markdown(
        f"A last window that would start in the padding after the input is dropped again. Kernel {k}, padding {p}, {size} rows:\n\n"
        + "\n".join(rows)
    )


# ---- walk, questions, take away --------------------------------------------------------------------------------


def walks(run: Run) -> None:
    """The tutorial's pool2d line by line."""
    mode = controls.choice("mode", "mode", ("avg", "max"))
    X, pool_k = patch(run), textbook_window(run)
    if run.as_image:
        st.caption(f"On the middle of the image, {times(X.shape)}.")
    line = next(
        i
        for i, text in enumerate(source_of(ops.pool2d).splitlines())
        if f".{'mean' if mode == 'avg' else 'max'}()" in text
    )

    def window(now: Moment) -> list[Index]:
        i, j = now.names["i"], now.names["j"]
        return [(i + a, j + b) for a in range(pool_k.shape[0]) for b in range(pool_k.shape[1])]

    def reads(now: Moment) -> dict[str, list[Index]]:
        return {"X": window(now)} if now.line == line else {}

    def note(now: Moment) -> str:
        if now.line != line:
            return ""
        values = [X[cell].item() for cell in window(now)]
        listed = ", ".join(map(number, values))
        return f"Y[{now.names['i']}, {now.names['j']}] = {'mean' if mode == 'avg' else 'max'}({listed})"

    steps = record(ops.pool2d, X, pool_k, mode, panels=("X", "pool_k", "Y"), reads=reads, note=note)
    scale = colour.signed(X)
    walk.show(steps, {"X": scale, "pool_k": colour.signed(pool_k), "Y": scale}, key=f"walk_{mode}")


def questions(run: Run) -> list:
    """Questions on what is on screen."""

    def drawn(pool: Pool, draw: random.Random) -> Index:
        return draw.choice(windows_of(pool))

    def highest(draw: random.Random) -> Question:
        out = drawn(run.max, draw)
        cells = runs.window_cells(run, run.max, out)
        padding = len(cells) < len(read_by(run.max.windows, out))
        return Question(
            f"The window of max[{out[0]}, {out[1]}] holds {', '.join(number(run.x[cell].item()) for cell in cells)}{' and padding' if padding else ''}. What is the output?",
            str(run.max.output[out].item()) if not cells else f"{run.max.output[out].item():.4g}",
            pools.output_arithmetic(run, run.max, out),
        )

    def by(draw: random.Random) -> Question:
        out = drawn(run.average, draw)
        assert run.average.divisors is not None
        return Question(
            f"What is the sum of the window of average[{out[0]}, {out[1]}] divided by, settings as on screen?",
            str(int(run.average.divisors[out])),
            pools.output_arithmetic(run, run.average, out),
        )

    def receives(draw: random.Random) -> Question:
        at = (draw.randrange(run.x.shape[0]), draw.randrange(run.x.shape[1]))
        kind = draw.choice(runs.KINDS)
        arrives = runs.gradient(kind, run, torch.ones_like(getattr(run, kind).output))[at].item()
        return Question(
            f"A gradient of 1 comes to every output of the {kind}. How much arrives at input[{at[0]}, {at[1]}]?",
            f"{arrives:.4g}",
            pools.input_arithmetic(run, getattr(run, kind), at),
            tolerance=0.02,
        )

    def shape(draw: random.Random) -> Question:
        k, s, size, ceil = (
            draw.choice((2, 3)),
            draw.choice((None, 1, 2, 3)),
            draw.randint(5, 12),
            draw.choice((False, True)),
        )
        output = torch.nn.functional.max_pool2d(torch.zeros(1, 8, size, size), k, s, ceil_mode=ceil)
        return Question(
            f"The input is 1×8×{size}×{size}. Which shape has max_pool2d(input, {k}, stride={s}, ceil_mode={ceil})?",
            str(tuple(output.shape)),
            f"Batch and channels stay. The stride is {s or k}: ({size} − {k}) / {s or k} rounded {'up' if ceil else 'down'}, plus 1.",
        )

    return [highest, by, receives, shape]


def take(run: Run) -> TakeAway:
    """The run on screen as a script, and its tensors."""
    given = {
        kind: ", ".join(f"{name}={value!r}" for name, value in run.call(kind).kwargs.items()) for kind in runs.KINDS
    }
    calls = {"maximum": f"max_pool2d(x, {given['max']})", "average": f"avg_pool2d(x, {given['average']})"}
    script = Script(
        "Pooling", {"x": run.x[None]}, (ops.max_pool2d, ops.avg_pool2d),
        tuple(f"{name} = {call}" for name, call in calls.items()), tuple(calls),
        {name: f"torch.nn.functional.{call}" for name, call in calls.items()},
    )  # fmt: skip
    return TakeAway(script, {"x": run.x[None], "maximum": run.max.output[None], "average": run.average.output[None]})


frame.page("pooling", lesson)
