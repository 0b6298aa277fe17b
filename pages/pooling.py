"""Pooling: maximum and average of each window side by side, forward, backward and under a shift."""

from functools import partial

import streamlit as st

from core.experiments import pooling as runs
from core.experiments.pooling import Misfit, Run
from core.figures import colour, pools
from core.figures.montage import SIGN_WIDTH, Index
from core.tensors.limits import Limits, times
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, frame, link, tensor_input, walk
from core.ui.board import BREAK
from core.ui.take_away import TakeAway
from core.words import N_, _, say, spelled
from pages.convolution_parts.shared import HEIGHT, PROJECTED_HEIGHT, REFUSED_HEIGHT, height, pin, refuse
from pages.pooling_parts import below

LIMITS = Limits(ranks=(2,), max_side=96, max_elements=9216, allow_nonfinite=True)
NARROW = 130  # pixels of a slider
KERNEL = "kernel"  # the stride that is the kernel size
STRIDES = {KERNEL: N_("kernel size"), 1: "1", 2: "2", 3: "3", 4: "4"}
ARRIVING = {"ones": N_("1 to every output"), "pinned": N_("1 to the pinned output"), "counting": "1, 2, 3, …"}
WALKS = {
    "avg": N_("pool2d, average"),
    "max": N_("pool2d, maximum"),
    "manual max": "max_pool2d",
    "manual average": "avg_pool2d",
}
Pinned = tuple[str, Index]


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    run, given, found, pinned = choose()
    show_board(run, given, found, pinned)
    if not found:
        for operator, kind in zip(topic.operators, runs.KINDS, strict=True):
            check.show(operator, run.call(kind))
        st.markdown(pools.sizes(run.x.shape, run.settings))
    frame.below(
        topic, pitfalls=below.pitfalls(run), walk=lambda: walks(run), questions=below.questions(run), tries=below.TRIES, take=lambda: take(run),
        more={"Backward": lambda: show_backward(run, pinned), "Shift": lambda: show_shift(run)},
    )  # fmt: skip


# ---- controls --------------------------------------------------------------------------------------------------


def choose() -> tuple[Run, object, Misfit | None, Pinned]:
    """The pooling to show, the input's own dtype, what is refused, and the pinned cell: at first a maximum."""
    with controls.main():
        kernel = controls.slider("kernel_size", "Kernel size", 1, 8, 3, width=NARROW)
        stride = controls.stops("stride", "Stride", STRIDES, 2, width=NARROW, help="Left out, it is the kernel size.")
        padding = controls.slider("padding", "Padding", 0, kernel // 2, 1, width=NARROW)
        dilation = controls.slider("dilation", "Dilation (max)", 1, 3, 1, width=NARROW, help="avg_pool2d has none.")
        ceil = controls.toggle("ceil_mode", "ceil_mode")
    more = controls.more()
    with more:
        size = (
            controls.slider("size", "Input size", 1, 12, 6, width=NARROW)
            if tensor_input.source("x") == "example"
            else 6
        )
        given = tensor_input.tensor("x", "Input", runs.example(size, controls.seed()), LIMITS, images=True)
        counted = controls.toggle("count_include_pad", "count_include_pad (average)", True)
    settings = {
        "kernel_size": kernel, "stride": None if stride == KERNEL else stride, "padding": padding, "dilation": dilation,
        "ceil_mode": ceil, "count_include_pad": counted,
    }  # fmt: skip
    x = runs.floating(given)
    found = runs.misfit(x, settings)
    run = runs.nearest(x, settings) if found else runs.pool(x, settings)
    middle = tuple(n // 2 for n in run.max.output.shape)
    with more:
        return run, given.dtype, found, controls.cell_of("cell", "Pinned cell", pools.indices(run), ("max", middle))


# ---- the pictures ----------------------------------------------------------------------------------------------


def show_board(run: Run, given: object, found: Misfit | None, pinned: Pinned) -> None:
    """Input, maximum and average, the input once more where the two have windows of their own; of a refusal the input."""
    if found:
        board.show(pools.input_alone(run, *room()), links=pools.links(run), height=REFUSED_HEIGHT)
        if found.span > min(found.padded):
            st.caption(
                say(
                    "A kernel of {kernel} with dilation {dilation} spans **{span}** cells, and the input with its padding is **{padded}**.",
                    kernel=found.kernel,
                    dilation=found.dilation,
                    span=found.span,
                    padded=times(found.padded),
                )
            )
        refuse(found.refusal, _("half a kernel of padding, no dilation and no ceil_mode"))
        return
    x, highest, *average = pools.equation(run, *room())
    board.show(
        x, "→", highest, *([average[0], "→", average[1]] if runs.apart(run) else average), links=pools.links(run), height=height(),
        spelled=pools.sentences(run), pinned=pinned, picks={name: partial(pin, name) for name in ("x", "max", "average")} | {pools.DENSE: partial(pin, "x")},
    )  # fmt: skip
    if run.x.dtype != given:
        st.caption(
            say(
                "The input was {given} and was converted to {dtype}, for an average of whole numbers is none.",
                given=spelled(given),
                dtype=spelled(run.x.dtype),
            )
        )
    st.caption(
        _(
            "Dashed in purple stands the window of an output, or the outputs that read an input; dotted in pink the number that won the window. The grey frame is padding: −∞ to the maximum, 0 to the average."
        )
    )


def room() -> tuple[int, int]:
    """Width and height of the room for images with two signs between them."""
    wide, tall = (board.PROJECTOR_WIDTH, PROJECTED_HEIGHT) if link.projector() else (board.PAGE_WIDTH, HEIGHT)
    return wide - 2 * SIGN_WIDTH, tall


def show_backward(run: Run, pinned: Pinned) -> None:
    """Where the gradient of each pooling goes."""
    which = controls.choice("arriving", "Gradient that comes to the outputs", ARRIVING)
    flows = runs.flows(run, which, pinned[1] if pinned[0] != "x" else (0, 0))
    dmax, dx_max, daverage, dx_average = pools.backward(run, flows, *room())
    parts = {"max": "dmax", "average": "daverage", "x": "dx_max"}
    board.show(
        dmax, "→", dx_max, BREAK if run.as_image else "", daverage, "→", dx_average, name="backward", height=300, links=pools.backward_links(run),
        spelled=pools.backward_sentences(run), pinned=(parts[pinned[0]], pinned[1]),
        picks={"dmax": partial(pin, "max"), "daverage": partial(pin, "average"), "dx_max": partial(pin, "x"), "dx_average": partial(pin, "x")},
    )  # fmt: skip
    st.markdown(
        _("The maximum passes all of an output's gradient on to its one winner, and a cell that wins several windows gets their sum. "
        "The average gives each cell of the window the same share of it; what falls to the padding is lost.\n")
        + "\n".join(say("- **{kind}**: of {arrives}, which arrive in all, {goes_on} go on to the input, to **{reached} of {cells}** cells.", flow, cells=run.x.numel()) for flow in flows.values())
    )  # fmt: skip


def show_shift(run: Run) -> None:
    """Outputs before and after a small shift of the input, and the same for a row of shifts."""
    with controls.row("shift"):
        down = controls.slider("down", "Shift down", 0, 4, 0, width=NARROW)
        across = controls.slider("across", "Shift right", 0, 4, 1, width=NARROW)
    moved = runs.shift(run, down, across)
    board.show(*pools.shift_maps(run, moved, *room()), links=pools.links(run), name="shift", height=300)
    said = _("{cells} of {all}, by {share:.1%}")
    lines = [_("| down | right | input: cells that change | max | average |"), "|---|---|---|---|---|"]
    for each in (moved, *(runs.shift(run, 0, right) for right in range(1, 5) if (down, across) != (0, right))):
        changes = [
            say(said, change, all=change.apart.numel(), share=change.relative)
            for change in (each.input, each.max, each.average)
        ]
        lines.append(f"| {each.down} | {each.across} | {' | '.join(changes)} |")
    st.markdown("\n".join(lines))
    st.caption(
        _(
            "The first line is the shift chosen above. What leaves on one side comes in on the other; the share is the length of the change, ‖after − before‖ / ‖before‖."
        )
    )


# ---- walk and take away ------------------------------------------------------------------------------------------


def walks(run: Run) -> None:
    """The tutorial's pool2d line by line, or the manual versions with the settings on screen."""
    mode = controls.choice("mode", "Walk through", WALKS)
    part, kind = runs.patch(run), mode.removeprefix("manual ")
    if run.as_image:
        st.caption(say("The walk goes over the middle of the image, {shape}.", shape=times(part.shape)))
    if mode != kind:
        small = runs.nearest(part, run.settings) if runs.misfit(part, run.settings) else runs.pool(part, run.settings)
        steps, panels = pools.manual_walk(small, kind), pools.MANUAL[kind]
    else:
        steps, panels = pools.pool2d_walk(part, runs.textbook_window(run), mode), ("X", "pool_k", "Y")
    last = steps.steps[-1].values
    walk.show(steps, {name: colour.signed(last[name]) for name in panels if name in last}, key=f"walk_{mode}")


def take(run: Run) -> TakeAway:
    """The run on screen as a script, and its tensors."""
    given = {
        kind: ", ".join(f"{name}={value!r}" for name, value in run.call(kind).kwargs.items()) for kind in runs.KINDS
    }
    calls = {"maximum": f"max_pool2d(x, {given['max']})", "average": f"avg_pool2d(x, {given['average']})"}
    script = Script(
        _("Pooling"), {"x": run.x[None]}, runs.FUNCTIONS, tuple(f"{name} = {call}" for name, call in calls.items()), tuple(calls),
        {name: f"torch.nn.functional.{call}" for name, call in calls.items()},
    )  # fmt: skip
    return TakeAway(script, {"x": run.x[None], "maximum": run.max.output[None], "average": run.average.output[None]})


frame.page("pooling", lesson)
