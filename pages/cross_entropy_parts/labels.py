"""Yes or no, and several labels: logits → sigmoid → −log of what the true answer got → one number."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from core.experiments import binary_cross_entropy as runs
from core.experiments.cross_entropy import LIMITS, example
from core.figures import colour
from core.figures import losses as draw
from core.figures.walk import record
from core.ops import binary_losses as ops
from core.topics import Topic
from core.ui import board, check, controls, frame, take_away, tensor_input, walk
from core.ui.frame import Pitfall, Try
from core.words import N_, _, say
from core.words.numbers import number
from pages.cross_entropy_parts import asked, shared
from pages.cross_entropy_parts.shared import REDUCTIONS, cell_pixels, hint, look, narrow, say_conversion, table, typed

BCE, WITH_LOGITS, SOFT_MARGIN = 2, 3, 4  # places in the topic's operators

FIRST = N_(
    "**Compare pictures 2 and 3:** a yes costs −log p, a no costs −log(1 − p). Below is the gradient at the logits."
)
REDUCED = N_("The mean over all {n:|answer|answers} is **{loss}**.")
SUMMED = N_("The sum over all {n:|answer|answers} is **{loss}**.")
ROWS = N_(" The probabilities of each row sum to {sums}: every label is a question of its own.")
NOT_FINITE = N_("Not all of these logits are finite numbers: the pitfalls below take the page's example.")

SURE = Try(
    "Surely wrong", "x_from=typed&x=[[-20.], [0.], [20.]]&y=[[1.], [1.], [1.]]",
    "All three answers are yes. The losses are 20, 0.693 = log 2 and almost 0, and the gradient of the wrong one is near "
    "−1/3, no matter how wrong it is.",
)  # fmt: skip
TRIES = {
    "binary": (
        SURE,
        Try("A yes is rare", "x_from=typed&x=[[-2.], [-2.], [-2.], [-2.]]&y=[[1.], [0.], [0.], [0.]]&pos_weight=3",
            "One of four answers is yes, and `pos_weight` is 3. Compare the gradient of the yes with those of the three "
            "noes: which way do they push a network together? Then take `pos_weight` back to 1."),
        Try("Between yes and no", "x_from=typed&x=[[-2.], [0.], [2.]]&y=[[0.7], [0.7], [0.7]]",
            "The targets are 0.7. No logit costs 0, and the gradient changes its sign where sigmoid is 0.7."),
    ),
    "labels": (
        Try("Every label, and none", "x_from=typed&x=[[5., 5., 5.], [-5., -5., -5.]]&y=[[1., 1., 1.], [0., 0., 0.]]",
            "One sample has all three labels, the other has none, and both are right: the probabilities of a row sum to "
            "2.98 and to 0.0201. No softmax can say either."),
        Try("Two answers are wrong", "x_from=typed&x=[[4., -4., 4.]]&y=[[1., 1., 0.]]&reduction=none",
            "Of three answers one is right. Compare the losses: 0.0181 and twice 4.02. Each is a loss of its own, and each "
            "logit's gradient depends on its own answer alone."),
        Try("A yes weighs more", "pos_weight=5",
            "The losses and gradients of the targets 1 are five times as large, those of the targets 0 are as before. The "
            "mean still divides by the number of answers."),
    ),
}  # fmt: skip


def binary(topic: Topic, main: Any, more: Any) -> None:
    """The lesson on one question for each sample."""
    lesson(topic, "binary", main, more)


def several(topic: Topic, main: Any, more: Any) -> None:
    """The lesson on several questions for each sample."""
    lesson(topic, "labels", main, more)


def lesson(topic: Topic, kind: str, main: Any, more: Any) -> None:
    """Controls, pictures, and what stands below."""
    run, picked = choose(kind, main, more)
    look(FIRST)
    board.show(
        *draw.binary_forward(run), board.BREAK, *draw.binary_backward(run), spelled=draw.binary_spelled(run),
        picks=dict.fromkeys(("x", "p", "y", "loss", "w", "grad"), "cell"), pinned=("p", picked) if picked else None,
        cell=draw.binary_cell(run, cell_pixels()), hint=hint(),
    )  # fmt: skip
    st.markdown(total(run))
    check.show(topic.operators[WITH_LOGITS], run.call)
    check.show(topic.operators[BCE], run.bce_call)
    samples = runs.samples(run)
    if not samples.own:
        st.caption(_(NOT_FINITE))
    frame.below(
        topic, tries=[Try(each.title, f"kind={kind}&{each.link}", each.look) for each in TRIES[kind]],
        pitfalls=pitfalls(kind, run, samples), questions=asked.LABELS,
        walk=lambda: walk_through(run, samples), operator=topic.operators[WITH_LOGITS],
        take=lambda: take_away.of(
            topic.operators[WITH_LOGITS], run.call, {"x": run.x, "y": run.y, "p": run.p, "output": run.loss},
            title="Binary cross entropy",
        ),
        more={"Equal ways": lambda: ways(topic, samples)},
    )  # fmt: skip


def choose(kind: str, main: Any, more: Any) -> tuple[runs.Run, Any]:
    """Logits, targets and settings; and the picked cell."""
    with main:
        factor = controls.slider("pos_weight", "pos_weight", 0.5, 5.0, 1.0, step=0.5, width=narrow())
        reduction = controls.choice("reduction", "reduction", REDUCTIONS)
    with more:
        n, labels = 3, 1 if kind == "binary" else 4
        if tensor_input.source("x") == "example":
            n = controls.slider("N", "Samples N", 1, 6, 3, width=narrow())
            labels = 1 if kind == "binary" else controls.slider("L", "Labels", 1, 6, 4, width=narrow())
        seed = controls.seed()
        given = tensor_input.tensor("x", "Logits", example(n, labels, seed), LIMITS)
        logits = runs.logits(given, kind == "labels")
        x, places = logits.x, runs.example_targets(logits.x, seed)
        y = typed("y", _("Targets"), runs.TARGETS, str(places.int().tolist()),
                  _("For each logit 1 for yes, 0 for no, or what lies between."))  # fmt: skip
        picked = controls.cell("cell", "Picked cell", x.shape)
    say_conversion(logits)
    y = places if y is None else y.to(x.dtype)
    y = y.view(x.shape) if tuple(y.shape) == logits.given else y
    if refused := runs.misfit(x, y):
        mend = {N_("Go on without these targets"): partial(st.session_state.update, y="")}
        frame.refused(refused, "Each logit takes one target. The pictures below go on without these.", mend)
        y = places
    return runs.run(x, y, factor, reduction), picked


def total(run: runs.Run) -> str:
    """The one number, and what the probabilities of a row sum to."""
    said = {"mean": REDUCED, "sum": SUMMED, "none": shared.NOT_REDUCED}[run.reduction]
    facts = {"n": run.x.numel(), "loss": number(run.loss.sum().item(), 5), "sums": run.p.sum(1).tolist()}
    return say(_(said) + (_(ROWS) if run.x.shape[1] > 1 else ""), facts)


def ways(topic: Topic, samples: runs.Samples) -> None:
    """Binary cross entropy by all its names."""
    st.markdown(table(runs.equal_ways(samples.x, samples.y)))
    check.show(topic.operators[SOFT_MARGIN], samples.call)


WALKS: Mapping[str, tuple[str, Callable[..., Any], tuple[str, ...]]] = {  # what is walked, its function, what it shows
    "formula": (N_("the tutorial's formula"), ops.binary_cross_entropy_textbook, ("p", "y", "return")),
    "manual": (N_("manual, with your settings"), ops.binary_cross_entropy_with_logits, ("x", "y", "losses", "return")),
}


def walk_through(run: runs.Run, samples: runs.Samples) -> None:
    """The formula on probabilities, or the complete version on logits, line by line."""
    which = controls.choice("walk_of", "Walk through", {key: named for key, (named, *_) in WALKS.items()})
    _name, function, panels = WALKS[which]
    args, kwargs = (run.call.args, run.call.kwargs) if which == "manual" else ((samples.p, samples.y), {})
    steps = record(function, *args, panels=panels, **kwargs)
    scale = colour.signed(samples.x)
    walk.show(steps, {name: draw.ONES if name in "py" else scale for name in panels}, key=f"walk {which}")


# ---- what is believed of it ------------------------------------------------------------------------------------------


def pitfalls(kind: str, run: runs.Run, samples: runs.Samples) -> Sequence[Pitfall]:
    """Each claim, tried on the answers on screen."""
    x, y = samples.x, samples.y
    both = (
        Pitfall("The tutorial's formula 1/N Σ −[y·log p + (1 − y)·log(1 − p)] can be written as it stands",
                partial(runs.rounded_answers, x, y), rounded),
        Pitfall("`binary_cross_entropy` takes logits, as `cross_entropy` does", partial(runs.mistaken, x, y), mistaken),
        Pitfall("The mean divides by the weights, as with the `weight` of `cross_entropy`",
                partial(runs.weighted_yes, x, y, run.pos_weight), weighted),
    )  # fmt: skip
    if kind == "binary":
        return both
    return (
        *both,
        Pitfall("Several labels take a softmax, as classes do", partial(runs.softmax_on_labels, x, y), softmax),
        Pitfall("The mean is over the samples", partial(runs.mean_over_labels, x, y), mean),
    )


def rounded(found: runs.RoundedAnswers) -> str:
    """Where the formula takes the log of 0, and whether it multiplies that by 0."""
    said = _("Round the probabilities to 0 and 1, and {wrong} of {cells} differ from their targets. ")
    if math.isnan(found.formula):
        said += _("The formula gives **{formula}**, since 0 · log 0 is nan. ")
    else:
        said += _("The formula gives **{formula}**, since log 0 is −∞. ")
    if found.certain:
        said += _("torch cuts the logarithms off at −100 and gives **{cut}** = 100 · {wrong} / {cells}. ")
    else:
        said += _("torch cuts the logarithms off at −100 and gives **{cut}**. ")
    return said + _("From logits, here times 1000, nothing has to be cut: **{of_logits}**.")


def mistaken(found: runs.Mistaken) -> str:
    """A refusal, or a number that nobody meant."""
    takes = (
        _("It takes probabilities: torch refuses these logits: “{refused}”. ")
        if found.refused
        else _("It takes probabilities: torch takes these logits, since they all lie between 0 and 1, and gives {of_logits}. ")
    )  # fmt: skip
    return takes + _(
        "The other way round nobody complains: "
        "`binary_cross_entropy_with_logits` of probabilities gives **{twice}**, of the logits {right}."
    )


def weighted(found: runs.WeightedYes) -> str:
    """Where there is a yes to weigh."""
    if not found.yeses:
        return _("Not one of the {cells:|answer|answers} is a yes, so that no `pos_weight` changes the loss, {torchs}.")
    if math.isclose(found.by_weights, found.torchs, rel_tol=1e-4, abs_tol=1e-7):
        return _("These answers cost {torchs} with `pos_weight={pos_weight}`, whatever the sum is divided by.")
    return _(
        "With `pos_weight={pos_weight}` the losses sum to {summed}. Divided by the weights that would be "
        "{by_weights}; torch divides by the {cells:|answer|answers} and gives **{torchs}**. Unlike the weights of "
        "classes, `pos_weight` makes the loss, and each step, larger as a whole."
    )


def softmax(found: runs.SoftmaxOnLabels) -> str:
    """What a softmax can say, and whether the samples on screen need more."""
    if found.labels == 1:
        return _(
            "A softmax of a single logit is **{soft}** whatever the logit: it could only say yes. A sigmoid of 5 is "
            "{sigmoid}, and of −5 it is close to 0."
        )
    here = (
        _("Each sample on screen happens to have one label, which a softmax could say. ")
        if found.one_each
        else _("The samples on screen have {counts} labels, and a softmax can only share 1 among them. ")
    )
    return here + (
        _("Take a sample with all {labels} labels, and logits of 5: the sigmoids are {sigmoid} each and cost "
        "**{sigmoid_loss}**; the softmax is {soft} each and costs **{soft_loss}**, however large the logits are.")
    )  # fmt: skip


def mean(found: runs.MeanOverLabels) -> str:
    """Over the samples and their labels."""
    if found.labels == 1:
        return _("With one label for each sample it is: {summed} / {samples} = **{torchs}**.")
    return _(
        "The losses sum to {summed}. Divided by {samples:|sample|samples} that would be {over_samples}; torch "
        "divides by all {cells} answers: **{torchs}**."
    )
