"""What people believe of accuracy, and what the runs say; and the questions of the page."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any

from core.experiments import accuracy as runs
from core.experiments.accuracy import CLASSES, Run
from core.ui.frame import Pitfall
from core.ui.predict import Draw, Question
from core.words import _, say


def pitfalls(run: Run) -> list[Pitfall]:
    """What people believe of accuracy, the tutorial's own first."""
    return [
        Pitfall("The tutorial's `evaluate_accuracy(data_iter, y_hat)` works over batches",
                partial(runs.stale_scores, run), first_alone(run, says_stale)),
        Pitfall("The tutorial's commented-out line: with `.mean()` it goes “in one step”",
                partial(runs.divided_twice, run), first_alone(run, says_divided)),
        Pitfall("The tutorial divides by “the samples of this batch”, as its comment says",
                partial(runs.by_the_last_batch, run), says_by_last),
        Pitfall("The accuracy is the mean of the batches' accuracies", partial(runs.mean_of_batches, run), says_uneven),
        Pitfall("The scores must go through softmax first", partial(runs.softmax_first, run), says_softened),
        Pitfall("Accuracy is what is trained", partial(runs.small_step, run), says_stepped),
        Pitfall("A high accuracy means that every class is recognised", partial(runs.rare_class, run),
                "On screen the classes reach between {shown.low} and {shown.high}. In the extreme, {frequent} of "
                "{samples} samples are of one class, and a model says that class whatever it is shown: its accuracy is "
                "**{accuracy}**, and it recognises **{of_rare}** of the other class."),
        Pitfall("When a training diverges to NaN, the accuracy is NaN too", partial(runs.diverged, run),
                "The loss of NaN scores is **{loss}**, the accuracy **{accuracy:.4g}**, as if the model were guessing. "
                "In a row of NaN, `argmax` says the first place, so every image is predicted as {predicted}, and "
                "{of_class} of the {samples} images are of that class. Look at the loss, too."),
    ]  # fmt: skip


def first_alone(run: Run, says: Callable[[Any], str]) -> Callable[[Any], str]:
    """What to say first where the page counts more than the tutorial does."""
    return says if run.topk == 1 else lambda found: _("The tutorial counts the best class alone, k = 1. ") + says(found)


def says_stale(found: runs.Stale) -> str:
    """What the tutorial's loop gives; with one batch it is right."""
    if found.batches == 1:
        return _(
            "There is one batch only, and `y_hat` was made from it: the function says {tutorial:.4g}, which is "
            "right. Choose a smaller batch size, and there are batches that `y_hat` does not belong to."
        )
    says = _("`y_hat`, the scores, come from outside and stay those of the first batch; the loop never uses `X`. ")
    if found.full == 1:
        says += _("For the first batch that is right, {tutorial:.4g}. ")
    else:
        says += (
            _("Over the {full} batches of the first one's size it says **{tutorial:.4g}**; with scores for each of "
              "them it is **{right:.4g}**, the same by chance. ")
            if found.tutorial == found.right else
            _("Over the {full} batches of the first one's size it says **{tutorial:.4g}**; with scores for each of "
              "them it is **{right:.4g}**. ")
        )  # fmt: skip
    return says + (_("At the smaller last batch torch refuses: “{refusal}”.") if found.refusal else "")


def says_divided(found: runs.Divided) -> str:
    """That the line divides twice; where nothing is right, 0 stays 0."""
    first = _(
        "For the first batch it returns **{tutorial}** instead of **{right}**: too small by the batch size, {size}."
    )
    return (
        _("`.mean()` has divided by the number of samples already, and `acc_sum / n` does so again. ")
        + (first if found.right else _("In the first batch nothing is right, and 0 stays 0."))
        + _(" Perfect predictions would score {perfect} = 1/{size}.")
    )


def says_by_last(found: runs.ByLast) -> str:
    """What the division by the last batch's size would give."""
    if found.batches == 1:
        return _("With one batch it is so: {right} right of its {last}. With a smaller batch size there are several.")
    return _(
        "The comment says so, the code does not: `n` grows over all batches. {right} right by the {last} samples of "
        "the last batch would be **{by_last:.4g}**; by all {samples} it is **{accuracy:.4g}**."
    )


def says_uneven(found: runs.Uneven) -> str:
    """The two numbers on screen, and at their farthest."""
    shown = found.shown
    if shown.first == shown.last:
        says = _("On screen all batches have {shown.first} images, and both are {shown.whole:.6g}.")
    elif shown.same:
        says = _("On screen both happen to be {shown.whole:.6g}.")
    else:
        says = _(
            "On screen the mean is **{shown.mean:.6g}**, right over all **{shown.whole:.6g}**: the last batch has "
            "{shown.last:|image|images} instead of {shown.first}, and each of them weighs more in the mean."
        )
    if found.left_over is None:
        return says + _(" All images are right, or none is, and so every mean says the same.")
    return says + _(
        " At its worst one image is left over for the last batch, and that one is wrong: the mean is "
        "**{left_over.mean:.4g}**, right over all {left_over.whole:.4g}."
    )


def says_softened(found: runs.Softened) -> str:
    """That softmax keeps the order, and when it loses it."""
    says = (
        _("Softmax keeps the order of the scores: **{differ} of {samples}** predictions differ without it "
          "(two scores so close that their probabilities are rounded to one). ")
        if found.differ else
        _("Softmax keeps the order of the scores: **{differ} of {samples}** predictions differ without it. ")
    )  # fmt: skip
    if not found.zeros:
        return says + _("Even with scores {larger} times as large no probability is rounded to 0 here.")
    if not found.ties:
        return says + _(
            "It can only do harm: with scores {larger} times as large, {zeros} of {cells} probabilities are rounded "
            "to 0, and among zeros there is no order, which the k best need."
        )
    return says + _(
        "It can only do harm: with scores {larger} times as large, {zeros} of {cells} probabilities are rounded to "
        "0, and among zeros there is no order, which the k best need; {ties:|row has|rows have} not even a single "
        "largest."
    )


def says_stepped(found: runs.Stepped) -> str:
    """What a small step changes."""
    says = _(
        "`argmax` has no gradient: the accuracy's `requires_grad` is **{accuracy_has_gradient}**, the loss's "
        "{loss_has_gradient}. One step with lr = {lr} down the loss's gradient changes the loss by **{loss}** and "
        "the accuracy by **{accuracy}**. "
    )
    return says + (_("{flipped:|prediction|predictions} changed.") if found.flipped else _("No prediction changed: the "
                   "accuracy is a staircase, flat almost everywhere, and tells no step where to go."))  # fmt: skip


def questions(run: Run) -> list[Draw]:
    """Questions that are counted out from what is on screen, or from batches small enough to do in one's head."""

    def recognised(draw: random.Random) -> Question:
        c = draw.choice([c for c in range(CLASSES) if run.confusion[c].sum()])
        row = run.confusion[c].tolist()
        return Question(
            say("Row {c} of the matrix is {terms}. Which share of the {c}s counts as right?", c=c, terms=', '.join(map(str, row))),
            f"{row[c] / sum(row):.4g}", say("{right} of {all}.", right=row[c], all=sum(row)), tolerance=0.002, covers=("confusion",),
        )  # fmt: skip

    def tied(_draw: random.Random) -> Question:
        found = runs.equal_scores(run)
        return Question(
            say("A model gives all ten classes the same score, whatever it sees. {zeros} of these {samples} images are of a 0. Which accuracy does `argmax` give?", zeros=found.zeros, samples=found.samples), f"{found.accuracy:.4g}",
            say("Among equal scores `argmax` takes the first, class 0: {zeros} of {samples}.", zeros=found.zeros, samples=found.samples), tolerance=0.002,
        )  # fmt: skip

    def guessed(draw: random.Random) -> Question:
        k = draw.randrange(2, CLASSES)
        return Question(
            say("A model guesses, and the true class is as often in one place as in another. Which share of the images has it among the {k} best?", k=k), f"{runs.at_random(k):.4g}", say("{k} of {classes} places are good ones.", k=k, classes=CLASSES),
            tolerance=0.002,
        )  # fmt: skip

    def uneven(draw: random.Random) -> Question:
        n, last = draw.choice((9, 19, 99)), draw.choice((1, 2))
        found = runs.two_batches(n, last)
        return Question(
            say("A batch of {n}, all right, and a last one of {last}, all wrong. What is the accuracy?", n=n, last=last),
            f"{found.whole:.4g}", say("{n} of {n2}; the mean of both batches would say {mean:g}.", n=n, n2=n + last, mean=found.mean),
            tolerance=0.002,
        )  # fmt: skip

    def twice(draw: random.Random) -> Question:
        size = draw.choice((4, 8, 32))
        return Question(
            say("Perfect predictions for one batch of {size}: what does the tutorial's line with `.mean()` return?", size=size),
            f"{runs.perfect_mean(run.y[:1].expand(size)):.4g}",
            "The mean is 1, and it is divided by the number of samples once more.", tolerance=0.002,
        )  # fmt: skip

    return [recognised, tied, guessed, uneven, twice]
