"""Dropout: input, mask and output side by side, what the factor 1/(1 − p) keeps, and what stops dropout."""

import math
import random
from functools import partial
from typing import Any

import streamlit as st

from core.experiments import dropout as runs
from core.figures import colour
from core.figures import dropout as pictures
from core.figures.walk import record
from core.ops import dropout as ops
from core.ops.operator import Call
from core.ops.seeded import seeded
from core.tensors.limits import Limits
from core.topics import Topic
from core.ui import board, check, controls, frame, take_away, tensor_input, walk
from core.ui.frame import Pitfall, Try
from core.ui.predict import Draw, Question
from core.words import N_, _, say
from core.words.numbers import number

LIMITS = Limits(ranks=(0, 1, 2, 3, 4), max_side=28, max_elements=784, allow_nonfinite=True)

DRAWN = N_("""Look at the mask first: it drops **{dropped}** of {cells:|number|numbers}, each by a toss of its own, and
multiplies the others by 1/(1 − p) = **{factor}**. The mean of the input is **{mean_x}**, that of the output
**{mean_y}**. If the kept numbers stayed as they are, it would be **{mean_unscaled}**: over many masks, below, it comes to
(1 − p) times the input's mean, and the factor brings it back.""")
ALL_DROPPED = N_("""With p = 1 the mask drops **{dropped}** of {cells:|number|numbers}. No factor could bring back
what was multiplied by 0, so dropout does not try: 1/(1 − p) would be 1/0.""")
NOT_DRAWN = N_("""In evaluation dropout draws nothing, whatever p is: the output is the input, with its mean of **{mean_x}**.
That is the mean which training has on average, as the curves below show; so the next layer sees what it was trained on.""")
NO_P = N_("""With p = 0 nothing is drawn, in training as in evaluation: the output is the input, with its mean of **{mean_x}**.
Move p up to see a mask.""")
KEPT_HERE = N_("The input at {at} is {x}, and it is kept. What does the output hold there?")
DROPPED_HERE = N_("The input at {at} is {x}, and it is dropped, as all are. What does the output hold there?")
NOISE = N_("""After {masks:|mask|masks} the mean output is **{mean}**, where the input has **{mean_x}**; without the factor it is
**{mean_unscaled}**. The price is noise: each output varies around its input with the variance p/(1 − p) · x², **{expected_variance}** on
average, and **{variance}** in these draws.""")


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.main():
        p = controls.slider("p", "p: probability of zero", 0.0, 1.0, 0.5, step=0.05)
        training = controls.choice("mode", "Mode", {"train": "train", "eval": "eval"}) == "train"
        masks = controls.slider("masks", "Masks to average", 10, 1000, 200, step=10)
    with controls.more():
        seed = controls.seed()
        size = controls.slider("size", "Size", 2, 16, 6) if tensor_input.source("x") == "example" else 6
        x = tensor_input.tensor("x", "Input", runs.example(size, seed), LIMITS)
        cell = controls.cell("cell", "Picked cell", x.shape)
    run = runs.run(x, p, training, seed)
    call = Call((run.x,), {"p": p, "training": training})
    if run.refusal:
        refused(run)
    else:
        equation(run, cell)
        check.show(topic.operators[0], call, seed)
    averages = runs.over_masks(run.floats, p, masks, seed)
    board.show(*pictures.averages(averages), name="averages")
    st.markdown(say(NOISE, averages) if p < 1 else _("Every mask of p = 1 drops every number."))
    frame.below(
        topic,
        pitfalls=pitfalls(run),
        walk=lambda: walk_through(run),
        questions=questions(run),
        take=lambda: take_away.of(
            topic.operators[0], call, {"x": run.x, "mask": run.mask, "output": run.y}, title="Dropout", seed=seed
        ),
        tries=TRIES,
    )


def equation(run: runs.Run, cell: tuple[int, ...] | None) -> None:
    """The board: input ⊙ mask = output, the gradient, and the means in a sentence."""
    board.show(
        *pictures.equation(run, board.axes_of(run.x)),
        spelled="`{at:y}` = {x} · {mask} = **{y}**, {note:mask}; the gradient is multiplied by the same {grad}."
        if run.grad is not None else "`{at:y}` = {x} · {mask} = **{y}**, {note:mask}.",
        picks=dict.fromkeys(("x", "mask", "y", "grad"), "cell"), pinned=("y", cell) if cell else None, height=320,
    )  # fmt: skip
    st.markdown(say(means_of(run), run))
    if run.grad is None:
        st.caption(say("The input keeps its {dtype}. Only floating-point numbers have gradients.", run))


def means_of(run: runs.Run) -> str:
    """What there is to say of this mask."""
    if not run.drawn:
        return NO_P if run.training else NOT_DRAWN
    return DRAWN if run.p < 1 else ALL_DROPPED


def refused(run: runs.Run) -> None:
    """The input, and why torch does not drop any of it."""
    board.show(pictures.input_alone(run, board.axes_of(run.given)), height=320)
    frame.refused(
        run.refusal,
        say("The input is of {dtype}, and 1/(1 − p) times a whole number need not be whole. What follows takes the same numbers as float32.", run),
        {"Make the input float32": lambda: tensor_input.hold("x", run.floats)},
    )  # fmt: skip


# ---- pitfalls --------------------------------------------------------------------------------------------------


def weights(found: runs.TwoDraws) -> str:
    """Weights and activations, by what was dropped."""
    if not found.p:
        return N_("With p = 0 nothing is set to zero, neither weight nor activation: choose a larger p and look again.")
    if found.p == 1:
        return N_("In training, a linear layer ran on what dropout gave: **{changed}** of its {weights} weights have changed. The mask drops **{dropped}** of the {cells:|activation|activations} in front of it, and a second call drops them all again. What zeroes weights is another method, DropConnect.")  # fmt: skip
    return N_("In training, a linear layer ran on what dropout gave: **{changed}** of its {weights} weights have changed. The mask drops **{dropped}** of the {cells:|activation|activations} in front of it, and in a second call {differ:|activation has|activations have} another fate. What zeroes weights is another method, DropConnect.")  # fmt: skip


def shift(found: runs.Shift) -> str:
    """The mean with and without the factor."""
    if not found.p:
        return N_("With p = 0 the factor is 1, and there is nothing to make up for: choose a larger p and look again.")
    if not math.isfinite(found.mean):
        return N_("The mean of |x| is {mean} here, before dropout and after it: give the page finite numbers to see the shift.")  # fmt: skip
    if found.p == 1:
        return N_("With p = 1 every number is multiplied by 0, and no factor can help: the mean of |x| goes from **{mean}** to **{scaled}**.")  # fmt: skip
    if not found.mean > 0:
        return N_("The mean of |x| is {mean} here, and no mask moves it: give the page other numbers to see the shift.")
    return N_("The mean of |x| is **{mean}**. Over {masks} masks the output has the mean **{scaled}** with the factor 1/(1 − p), and **{unscaled}** without it. In evaluation, where nothing is dropped, the next layer would then get numbers **{factor}** times as large as those it was trained on.")  # fmt: skip


def stopped(found: runs.Stopped) -> str:
    """What no_grad leaves on."""
    if not found.under_no_grad:
        return N_("Here `nn.Dropout({p})` returns its input under `no_grad()` and after `.eval()`: there is nothing in it to drop or to scale. Choose a larger p, or other numbers.")  # fmt: skip
    return N_("Under `no_grad()` the output of `nn.Dropout({p})` differs from its input in **{under_no_grad}** of {cells:|cell|cells}; after `.eval()` it differs in **{after_eval}**. `no_grad` stops the recording of the graph (the output's `grad_fn` is {grad_fn}), and nothing else. What stops dropout is `training=False`, which `.eval()` sets for the module.")  # fmt: skip


def functional(found: runs.AfterEval) -> str:
    """What eval() cannot reach."""
    if not found.by_careless:
        return N_("With these settings no dropout changes anything, in whatever mode. Choose a larger p, or other numbers.")  # fmt: skip
    return N_("Both modules have been put into `eval()`. `F.dropout(x, p)` in `forward` still drops or scales **{by_careless}** of {cells:|number|numbers}: its argument `training` is True unless it is given, and `eval()` only sets `self.training`. Handed on, as `F.dropout(x, p, self.training)`, it does so with **{by_careful}**. `nn.Dropout` hands it on for you.")  # fmt: skip


def ten_lines(found: runs.Textbook) -> str:
    """Where the tutorial's function is not F.dropout."""
    if found.same_mask:
        return N_("The result of a float64 input is **{dtype}** there and **{torch_dtype}** in torch. It has no argument `training`: in evaluation the call must be left out by hand. From one seed it draws the same mask here, since p leaves nothing to chance. A probability of 1.5 is refused with `{refusal}`, by torch with `{torch_refusal}`.")  # fmt: skip
    return N_("The result of a float64 input is **{dtype}** there and **{torch_dtype}** in torch. It has no argument `training`: in evaluation the call must be left out by hand. From one seed it draws another mask, since it asks `torch.rand` where torch asks `bernoulli_`. A probability of 1.5 is refused with `{refusal}`, by torch with `{torch_refusal}`.")  # fmt: skip


def after_eval(found: runs.AfterEval) -> None:
    """The outputs of the two modules."""
    board.show(*pictures.after_eval(found, board.axes_of(found.x)), height=260, name="after eval")


def pitfalls(run: runs.Run) -> list[Pitfall]:
    """What people believe of dropout, the tutorial's own mistake first."""
    given = (run.floats, run.p, run.seed)
    return [
        Pitfall("Dropout sets weights to zero (the tutorial: “X is the weights”)", partial(runs.two_draws, *given), weights),
        Pitfall("Setting some numbers to zero is all there is to it", partial(runs.shifts_the_mean, *given), shift),
        Pitfall("After `model.eval()` nothing is dropped any more", partial(runs.after_eval, *given), functional, after_eval),
        Pitfall("`torch.no_grad()` switches dropout off", partial(runs.no_grad_is_not_eval, *given), stopped),
        Pitfall("The tutorial's ten lines are `F.dropout`", partial(runs.textbook_limits, *given), ten_lines),
    ]  # fmt: skip


# ---- walk and questions ----------------------------------------------------------------------------------------


def walk_through(run: runs.Run) -> None:
    """The manual version, whose mask stands above, or the tutorial's, line by line."""
    options = N_({"manual": "the manual version", "textbook": "the tutorial's"})
    function: partial[Any]
    panels: tuple[str, ...]
    if controls.choice("walked", "Function", options) == "textbook":
        st.caption(_("From the same seed the tutorial's `torch.rand` draws another mask than the one above, unless p is 0 or 1. Its function knows no evaluation."))  # fmt: skip
        function, panels = partial(ops.dropout_textbook, run.x, run.p), ("X", "mask", "return")
    elif run.drawn:
        st.caption(_("This is what `dropout` calls in training; the mask is the one above."))
        function, panels = partial(ops.dropout_steps, run.x, run.p), ("input", "scaled_mask", "output")
    else:
        st.caption(_("Nothing is to be drawn, so `dropout` hands its input back before it comes to a mask."))
        function, panels = partial(ops.dropout, run.x, run.p, run.training), ("input", "return")
    with seeded(run.seed):
        steps = record(function.func, *function.args, panels=panels)
    factors, numbers = colour.magnitude(run.mask), colour.signed(run.x, run.y)
    walk.show(steps, {name: factors if "mask" in name else numbers for name in panels}, key="walk")


def questions(run: runs.Run) -> list[Draw]:
    """Questions on what is on screen, and one on what eval() reaches."""

    def output(draw: random.Random) -> Question:
        at = draw.choice([tuple(c) for c in run.kept.nonzero().tolist()] or [(0,) * run.x.dim()])
        why = N_("Kept numbers are multiplied by 1/(1 − p) = {factor}.") if run.drawn else N_("Nothing is drawn: the output is the input.")  # fmt: skip
        return Question(
            say(KEPT_HERE if run.kept[at] else DROPPED_HERE, at=str(list(at)), x=number(run.x[at].item(), 5)),
            f"{run.y[at].item():.5g}", say(why if run.kept[at] else "Dropped numbers are multiplied by 0.", run),
            tolerance=0.002, covers=("y",),
        )  # fmt: skip

    def expected(_draw: random.Random) -> Question:
        return Question(
            say("How many of the {cells} cells are dropped on average, over many masks, in this mode?", run),
            f"{runs.expected_drops(run.cells, run.p, run.training):.6g}",
            "In training each cell is dropped with probability p on its own; in evaluation none is.", tolerance=1e-6,
        )  # fmt: skip

    def gradient(draw: random.Random) -> Question:
        at = tuple(draw.randrange(n) for n in run.x.shape)
        return Question(
            say("A gradient of 1 arrives at every output. Which gradient does the input at {at} receive?", at=str(list(at))),
            f"{run.mask[at].item():.5g}", "Backward multiplies by the very mask of the forward pass, with its factor.",
            tolerance=0.002, covers=("grad",),
        )  # fmt: skip

    def evaluated(draw: random.Random) -> Question:
        p, follows = draw.choice((0.1, 0.3, 0.8)), draw.choice((True, False))
        call = f"F.dropout(x, {p}{', self.training' if follows else ''})"
        return Question(
            say("A module calls `{call}` in its `forward`. After `eval()`, are numbers still dropped?", call=call),
            "yes" if runs.drops_in_eval(p, follows) else "no",
            "eval() sets self.training to False. F.dropout takes training=True unless it is told otherwise.", ("yes", "no"),
        )  # fmt: skip

    return [output, expected, gradient, evaluated] if run.grad is not None else [output, expected, evaluated]


TRIES = (
    Try("Without the factor", "p=0.8&masks=1000",
        "The kept numbers are five times as large. Read the left curves at their right end: to which share of the "
        "input's mean does the line without the factor come, and why to just that one?"),
    Try("Evaluation", "p=0.8&mode=eval",
        "The mask is 1 everywhere, although p is 0.8. Which of the two lines of the left chart ends at the mean that the output has now?"),
    Try("One in twenty is left", "p=0.95&masks=1000",
        "A kept number is multiplied by 20. The mean still comes to that of the input, but look how far the first "
        "masks are from it, and how large the variance is: 19 times the mean of x²."),
    Try("Infinity is dropped", "p=1&x_from=typed&x=[[1, inf], [nan, -2]]",
        "Dropping is a product with 0, and neither ∞ · 0 nor nan · 0 is 0. Where is the output not 0? One broken "
        "activation gets through dropout even where all are dropped."),
)  # fmt: skip


frame.page("dropout", lesson)
