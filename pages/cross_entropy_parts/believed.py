"""What people believe of cross entropy, the tutorial's own claims first; and what a run says of it."""

import math
from collections.abc import Sequence
from functools import partial

from core.experiments import cross_entropy as runs
from core.ui.frame import Pitfall
from core.words import N_, _


def pitfalls(run: runs.Run, samples: runs.Samples) -> Sequence[Pitfall]:
    """Each claim, tried on the samples on screen."""
    x, y = samples.x, samples.y
    weight = run.weight if samples.taken else None
    return (
        Pitfall("The tutorial's `ce_loss` is the cross entropy (it “didn't divide by the batch size”)",
                partial(runs.tutorials_loss, x, y), without_mean),
        Pitfall("Cross entropy takes probabilities, so a softmax comes first", partial(runs.softmax_first, x, y),
                two_softmaxes),
        Pitfall("log(softmax(x)) is what `log_softmax` computes", partial(runs.log_of_zero, x), log_of_zero),
        Pitfall("The tutorial: cross entropy is “convex, it has a global optimum”", partial(runs.convexity, x, y),
                convexity),
        Pitfall("The tutorial: the logits sum to 1 over the classes, so softmax or sigmoid normalises them",
                partial(runs.row_sums, x), row_sums),
        Pitfall("`nll_loss` takes the logarithm: it is the negative log likelihood", partial(runs.no_log, x, y), NO_LOG),
        Pitfall("With class weights the mean still divides by N", partial(runs.weighted_mean, x, y, weight), weighted),
        Pitfall("An ignored sample counts in the mean, with a loss of 0", partial(runs.ignored_sample, x, y), ignored),
        Pitfall("A perfect prediction costs 0, with label smoothing too",
                partial(runs.smoothed_floor, x.shape[1], run.smoothing or 0.1), smoothed),
    )  # fmt: skip


def without_mean(found: runs.WithoutMean) -> str:
    """The tutorial's loss where a probability vanished, of one sample, and of several."""
    if not math.isclose(found.mean, found.torchs, rel_tol=1e-3, abs_tol=1e-5):
        return _(
            "The mean of `ce_loss` is **{mean}** here, and torch's loss is **{torchs}**: the tutorial takes the "
            "logarithm of a probability that has become 0, or nearly so."
        )
    if found.n == 1:
        return _(
            "With a single sample `ce_loss` returns the shape {shape}, which `backward()` takes, and its value "
            "**{mean:.5g}** is torch's. With two samples it returns two numbers, and `backward()` refuses them."
        )
    return _(
        "`ce_loss` returns one number for each sample, in the shape {shape}, and `backward()` refuses it: “{refused}”. "
        "The mean of these numbers, **{mean:.5g}**, is torch's loss. If you take their sum instead, the largest slope is "
        "**{slope_of_sum}** where the mean's is {slope_of_mean}: {n} times as large for {n} samples, so that the learning "
        "rate would depend on the batch size. And `ce_loss` takes probabilities, where `F.cross_entropy` takes logits."
    )


def two_softmaxes(found: runs.TwoSoftmaxes) -> str:
    """What the second softmax does to the loss and to its gradient."""
    if found.classes == 1:
        return _("With one class every probability is 1, and both ways cost {once}. Give the samples a second class.")
    same = math.isclose(found.once, found.twice, rel_tol=1e-4)
    loss = (
        _("On these logits the loss is {once} with and without the first softmax: only the gradient tells. ")
        if same
        else _(
            "The softmax of the logits goes through a second softmax inside, and torch does not complain: the loss is "
            "**{twice}** instead of {once}. "
        )
    )
    slope = _("The gradient's norm is {slope_twice} instead of {slope_once}. ")
    if found.slope_twice < found.slope_once:
        slope = _("The gradient's norm falls from {slope_once} to **{slope_twice}**. ")
    elif found.slope_once == found.slope_twice == 0:
        slope = _("The gradient is 0 both times: nothing moves these logits. ")
    return loss + slope + (
        _("Even probabilities that are exactly right cost **{perfect}** = log(1 + {wrong_classes}/e).")
    )  # fmt: skip


def log_of_zero(found: runs.LogOfZero) -> str:
    """Where there is another class that can push a probability to 0."""
    if found.classes == 1:
        return _(
            "With one class the probability is always 1, and both give {loss_in_one}. Give the samples a second class."
        )
    return _(
        "In each row the smallest logit is put {below} below the largest and made the target, so that its probability is "
        "0 in {dtype}. In two steps the loss is **{loss_in_two}**, since log 0 = −∞, and **{nan_in_two} of {cells}** "
        "gradients are nan. `log_softmax` takes the logarithm before it divides: the loss is **{loss_in_one}**, and "
        "{nan_in_one} gradients are nan."
    )


def convexity(found: runs.Convexity) -> str:
    """In the logits, in the weights, and on the way to the optimum."""
    if found.classes == 1:
        return _("With one class the loss is {losses}, whatever the logit. Give the samples a second class.")
    said = _(
        "In the **logits** the loss is convex: on **{above_in_logits}** of {tried} random segments it lies half-way above the "
        "mean of its ends. "
    )
    if found.above_in_weights:
        said += _(
            "But training moves **weights**, and in those of a network with one hidden layer of 4 units "
            "it lies above it on **{above_in_weights}** of them. "
        )
    else:
        said += _(
            "But training moves **weights**, and in those of a network with one hidden layer of 4 units "
            "it lies above it on {above_in_weights} of them for these targets; others show that it can. "
        )
    return said + _(
        "Nor is there an optimum to reach: with the target's logit at {at} and the others at 0 "
        "the loss is {losses}. It tends to 0 and never gets there."
    )


def row_sums(found: runs.RowSums) -> str:
    """What sums to 1, by chance or always."""
    said = (
        _("The sums of the logits are 1 here by chance. ")
        if ones(found.logits)
        else _("The sums of the logits are {logits}: nothing makes them 1. ")
    )
    said += _(
        "Add 1 to each logit, and they become {shifted}, while no probability "
        "of softmax moves by more than {softmax_moved}. Softmax is what makes the sum **{softmax}**. "
    )
    if ones(found.sigmoids):
        return said + _(
            "Sigmoids, one a class, sum to 1 here by chance: each answers a question of its own, so that they are "
            "no distribution over classes."
        )
    return said + _(
        "Sigmoids, one a class, sum to **{sigmoids}**: each answers a question of its own, so that they are "
        "no distribution over classes."
    )


def ones(sums: Sequence[float]) -> bool:
    """Whether all of them are 1."""
    return all(abs(value - 1) < 1e-6 for value in sums)


NO_LOG = N_(
    "There is no logarithm in `nll_loss`. Of probabilities it gives **{of_probabilities}**, of the logits {of_logits}, and "
    "only of `log_softmax` the cross entropy, **{of_log_probabilities}**. As the tutorial says, it picks each sample's "
    "number at the target, turns its sign, and takes the mean."
)


def weighted(found: runs.WeightedMean) -> str:
    """Where the divisor can be told from N."""
    if sum(found.of_targets) == 0:
        return _("The weights of these targets, {of_targets}, sum to 0, and torch divides by that sum: **{torchs}**.")
    if math.isclose(found.by_n, found.torchs, rel_tol=1e-4, abs_tol=1e-7):
        return _(
            "Here the losses' sum divided by N = {n} and torch's mean are both {torchs}: the weights of the targets are "
            "{of_targets}. Double all weights, and torch still gives **{doubled}**: it divides by the sum of the weights."
        )
    return _(
        "With the weights {weights} the sum of the losses divided by N = {n} would be {by_n}. torch divides by the sum "
        "of the weights of the targets, {of_targets}, and gives **{torchs}**. So nothing changes if you double all "
        "weights: torch still gives {doubled}."
    )


def ignored(found: runs.IgnoredSample) -> str:
    """With nothing left, without a difference, and with one."""
    if not found.counted:
        return _("With its only sample ignored the mean is 0 / 0: **{torchs}**.")
    if math.isclose(found.by_n, found.torchs, rel_tol=1e-4):
        return _("The samples that are left cost {summed} together: here it makes no difference what torch divides by.")
    return _(
        "With the first target ignored the losses sum to {summed}. Divided by all N = {n} that would be {by_n}; "
        "torch divides by the {counted:|sample that is left|samples that are left}: **{torchs}**. The gradient at the ignored sample's logits is "
        "{gradient}. If every sample is ignored, the mean is 0 / 0: **{all_ignored}**."
    )


def smoothed(found: runs.Smoothed) -> str:
    """The least that a smoothed target costs."""
    if found.classes == 1:
        return _("With one class there is nothing to spread: the loss is {losses}. Give the samples a second class.")
    return _(
        "With ε = {smoothing} and {classes} classes the target is never a plain 1. A right prediction whose logit lies "
        "{at} above the rest costs **{losses}**. The least, **{floor}**, is what the probability {best} costs: whoever is "
        "surer than that pays more again."
    )
