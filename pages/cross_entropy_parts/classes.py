"""One of C classes: logits → softmax → log → the target's → one number; and the gradient."""

from collections.abc import Collection
from functools import partial
from typing import Any

import streamlit as st

from core.experiments import cross_entropy as runs
from core.figures import colour
from core.figures import losses as draw
from core.figures.walk import Moment, record
from core.ops import losses as ops
from core.topics import Topic
from core.ui import board, check, controls, frame, take_away, tensor_input, walk
from core.ui.frame import Try
from core.words import N_, _, say
from core.words.numbers import number
from pages.cross_entropy_parts import asked
from pages.cross_entropy_parts.believed import pitfalls
from pages.cross_entropy_parts.shared import (
    NOT_REDUCED,
    REDUCTIONS,
    cell_pixels,
    hint,
    look,
    narrow,
    say_conversion,
    table,
    typed,
)

NLL, CROSS_ENTROPY = range(2)  # places in the topic's operators

PLAIN = N_(
    "**Look at the frames in picture 3 first:** a sample costs minus the log of what its target got. Below is the gradient."
)
SMOOTHED = N_(
    "**Compare picture 3 with the target below it:** every class has a share of the target now, and costs by its share."
)
BY_CLASS = N_("**Point at a loss and follow its sum:** every class's share of the target has that class's own weight.")
REDUCED = N_("loss = {arithmetic} = **{loss}**")
NOTHING_COUNTS = N_(
    "Every target is ignored: the mean is 0 / 0, which is **{loss}**. The largest slope is {slope}: torch passes nothing on "
    "to samples that are ignored."
)
TAKEN = N_("The pitfalls below take {taken} of these {given} samples: those that count and hold finite numbers.")
NONE_TAKEN = N_("None of these samples counts and holds finite numbers: the pitfalls below take the page's example.")

TRIES = (
    Try("Right, unsure, wrong", "x_from=typed&x=[[8., 0., 0.], [0., 0., 0.], [-8., 0., 0.]]&y=0, 0, 0",
        "All three samples have class 0 as their target. Compare their losses, 0.0007, 1.0986 = log 3 and 8.6933: being "
        "surely wrong costs about as much as the logits lie apart. Then compare the gradients: none exceeds 1/3."),
    Try("A padded batch", "y=-100, 1, -100",
        "Two targets are −100, which `ignore_index` leaves out by default. Which number is the loss divided by? Find "
        "the gradient of the samples that are left out."),
    Try("255 marks what is unknown", "y=0, 255, 1&ignore_index=255",
        "Data sets of images mark unknown pixels by 255. Put `ignore_index` back to −100, and torch refuses the target."),
    Try("Weights and smoothing", "x_from=typed&x=[[0.05, 1.]]&y=0&weight=0.1, 0.9&label_smoothing=0.1",
        "Point at the loss: class 1 has a small share of the target, 0.05, and a large weight, 0.9. The divisor is 0.1, "
        "the target's weight alone. Take the smoothing away: the loss falls from 1.360 to 1.277."),
    Try("A probability that vanishes", "x_from=typed&x=[[120., 0.]]&y=1",
        "Picture 2 holds a probability of exactly 0, whose log would be −∞. Picture 3 holds −120: the logarithm is taken "
        "before softmax divides."),
)  # fmt: skip


def part(topic: Topic, main: Any, more: Any) -> None:
    """The lesson on one class a sample."""
    run, picked = choose(main, more)
    look(BY_CLASS if run.class_by_class else SMOOTHED if run.smoothing else PLAIN)
    board.show(
        *draw.classes_forward(run), board.BREAK, *draw.classes_backward(run), links=draw.classes_links(run),
        spelled=draw.classes_spelled(run), cell=draw.classes_cell(run, cell_pixels()), pinned=("p", picked) if picked else None,
        picks=dict.fromkeys(("x", "p", "log", "loss", "target", "w", "grad"), "cell"), hint=hint(),
    )  # fmt: skip
    st.markdown(total(run))
    operator = topic.operators[CROSS_ENTROPY]
    check.show(operator, run.call)
    samples = runs.samples(run)
    if samples.taken < samples.given:
        st.caption(say(TAKEN if samples.taken else NONE_TAKEN, samples))
    frame.below(
        topic, tries=TRIES, pitfalls=pitfalls(run, samples), walk=lambda: walk_through(run, samples),
        questions=asked.CLASSES, operator=operator,
        take=lambda: take_away.of(
            operator, run.call, {"x": run.x, "y": run.y, "p": run.p, "output": run.loss}, title="Cross entropy"
        ),
        more={"Curve and surface": lambda: curves(run, picked), "Equal ways": lambda: ways(topic, run, samples)},
    )  # fmt: skip


def choose(main: Any, more: Any) -> tuple[runs.Run, Any]:
    """Logits, targets, weights and settings; and the picked cell."""
    with more:
        n, c, seed = 3, 4, 0
        if tensor_input.source("x") == "example":
            n = controls.slider("N", "Samples N", 1, 6, 3, width=narrow())
            c = controls.slider("C", "Classes C", 2, 6, 4, width=narrow())
            seed = controls.seed()
        logits = runs.logits(tensor_input.tensor("x", "Logits", runs.example(n, c, seed), runs.LIMITS))
        x = logits.x
        places = runs.example_targets(x)
        y = typed("y", _("Targets"), runs.TARGETS, ", ".join(map(str, places.tolist())),
                  _("The true class of each sample, from 0 to C − 1. One that is the `ignore_index` is left out."))  # fmt: skip
        weight = typed("weight", "weight", runs.WEIGHTS, say("none; or {numbers}", numbers=", ".join(map(str, range(1, x.shape[1] + 1)))),
                       _("One number for each class, taken in the dtype of the logits."))  # fmt: skip
        picked = controls.cell("cell", "Picked cell", x.shape)
    with main:
        smoothing = controls.slider("label_smoothing", "label_smoothing", 0.0, 1.0, 0.0, step=0.05, width=narrow())
        indices = {-100: "−100", -1: "−1", **{c: str(c) for c in range(x.shape[1])}, 255: "255"}
        ignored = controls.choice("ignore_index", "ignore_index", indices, width=narrow())
        reduction = controls.choice("reduction", "reduction", REDUCTIONS)
    say_conversion(logits)
    y, weight = places if y is None else y, None if weight is None else weight.to(x.dtype)
    while misfit := runs.misfit(x, y, weight, ignored):
        refuse(misfit, indices)
        y, weight = (y, None) if misfit.of_weights else (places, weight)
    return runs.run(x, y, weight, ignored, reduction, smoothing), picked


COUNT = N_("There are {samples:|sample|samples} and {targets:|target|targets}: each sample takes one.")
WEIGHTS = N_("There are {classes:|class|classes} and {weights:|weight|weights}: each class takes one.")
OUTSIDE = N_("The classes of these logits are 0 to {last}, and {outside} is not the ignored index either.")
DTYPE = N_("Targets are {dtype} here; torch takes int64 and uint8.")
GO_ON = {  # what mends targets or weights that torch refuses, and how the page goes on until then
    "y": (N_("Go on without these targets"), N_(" The pictures below go on without these targets.")),
    "weight": (N_("Go on without these weights"), N_(" The pictures below go on without these weights.")),
}


def refuse(misfit: runs.Misfit, indices: Collection[int]) -> None:
    """What torch says to these targets or weights, why, and what mends it."""
    why, key = DTYPE, "y"
    if misfit.of_weights:
        why, key = WEIGHTS, "weight"
    elif misfit.targets != misfit.samples:
        why = COUNT
    elif misfit.outside is not None:
        why = OUTSIDE
    go_on, meanwhile = GO_ON[key]
    mends = {go_on: partial(st.session_state.update, {key: ""})}
    if why == OUTSIDE and misfit.outside in indices:
        mends = {say("Ignore {outside}", misfit): partial(st.session_state.update, ignore_index=misfit.outside)} | mends
    frame.refused(misfit.words, say(_(why) + _(meanwhile), misfit, last=misfit.classes - 1), mends)


def total(run: runs.Run) -> str:
    """How the losses become one number."""
    if run.reduction == "none":
        return _(NOT_REDUCED)
    if run.reduction == "mean" and not run.kept.any():
        return say(NOTHING_COUNTS, {"loss": run.loss.item(), "slope": run.grad.abs().max().item()})
    return say(REDUCED, {"loss": number(run.loss.item(), 5), "arithmetic": draw.mean_spelled(run)})


# ---- the tabs ------------------------------------------------------------------------------------------------------

CONVEX = N_(
    "The loss is convex in the logits: on **{above}** of 200 random segments it lies half-way above the mean of its ends. "
    "There is no lowest point, though: without smoothing it falls on towards 0 as the target's logit grows."
)


OUTSIDE_CURVE = N_("The logit of this sample's target, {now}, lies outside of the second picture, which shows −8 to 8.")


def curves(run: runs.Run, picked: Any) -> None:
    """−log p, the picked sample's loss over one logit, and over two."""
    i, j = picked or (0, int(run.label[0]))
    one = runs.over_one_logit(run, i)
    surface = [draw.over_two_logits(runs.over_two_logits(run, i, j))] if run.x.shape[1] > 1 else []
    board.show(draw.minus_log(one), draw.over_one_logit(one), *surface, name="curves")
    if abs(one.now) > 8:
        st.caption(say(OUTSIDE_CURVE, one))
    above = runs.chords_above(lambda flat: runs.loss_of_logits(flat, run.label), run.x.numel())
    st.markdown(say(CONVEX, {"above": above}))


def ways(topic: Topic, run: runs.Run, samples: runs.Samples) -> None:
    """All ways to the same number, with values and gradients."""
    st.markdown(table(runs.equal_ways(samples.x, samples.y)))
    check.show(topic.operators[NLL], run.nll_call)


WALKS = {  # what is walked, its function, what it shows
    "four": (N_("the tutorial's four steps"), runs.four_steps,
             ("input", "target", "probabilities", "logs", "picked", "return")),
    "hot": (N_("by one-hot"), ops.cross_entropy_by_one_hot, ("input", "target", "log_probabilities", "return")),
    "nll": (N_("the tutorial's NLLLoss"), ops.nll_loss_textbook, ("log_probabilities", "target", "return")),
    "manual": (N_("manual, with your settings"), ops.cross_entropy,
               ("x", "label", "log_p", "weights", "losses", "return")),
}  # fmt: skip


def walk_through(run: runs.Run, samples: runs.Samples) -> None:
    """The tutorial's four steps, the formula with one-hot, its NLLLoss, or the complete version, line by line."""
    which = controls.choice("walk_of", "Walk through", {key: named for key, (named, *_) in WALKS.items()})
    _name, function, panels = WALKS[which]
    first = samples.log_p if which == "nll" else samples.x
    args, kwargs = (run.call.args, run.call.kwargs) if which == "manual" else ((first, samples.y), {})
    steps = record(function, *args, panels=panels, reads=read_cells, **kwargs)
    signed, named = colour.signed(run.x, samples.log_p), {name for step in steps.steps for name in step.values}
    classes = colour.identity(max(run.x.shape[1], samples.x.shape[1]))
    own = {"target": classes, "label": classes, "probabilities": draw.ONES}
    walk.show(steps, {name: own.get(name, signed) for name in panels if name in named}, key=f"walk {which}")


def read_cells(now: Moment) -> dict[str, list[tuple[int, ...]]]:
    """The cells that the step which picks reads: of each row the target's."""
    if "logs" not in now.names or "picked" in now.names:
        return {}
    target = now.names["target"].tolist()
    return {"logs": list(enumerate(target)), "target": [(i,) for i in range(len(target))]}
