"""Questions on batch norm and its neighbours, and links that set the page up for something worth seeing."""

import random

from core.experiments import batch_norm as runs
from core.ui.frame import Try
from core.ui.predict import Draw, Question
from core.words import N_, _, say
from core.words.numbers import number

TRIES = (
    Try("A broken number", "x_from=typed&x=[[1., 2], [nan, 6], [8, 7]]",
        "One activation is nan. Which outputs does batch norm lose with it? Choose layer instead: which are lost now, "
        "and why can another sample not be among them?"),
    Try("A module that was never trained", "mode=eval&steps=0",
        "running_mean is still 0 and running_var still 1. Compare the input with the output: why are they the same but "
        "for rounding? Now let 40 batches come before."),
    Try("Without memory", "momentum=1",
        "The share of the old is 0: after each batch the running mean is that batch's. Find the two curves of channel 0 "
        "that lie on each other, then set the momentum to 0.01: how far are the curves from all the data after 40 batches?"),
    Try("A large eps", "eps=10&kind=batch",
        "eps is meant against a variance of 0. At 10 it outweighs most variances: for which channels is the variance of "
        "the output farthest below 1? Point at their var."),
    Try("A batch of one", "rank=rows&N=1",
        "Each channel has one number, and torch refuses to train on it. Which of the four norms take this input, and in "
        "which mode does batch norm?"),
)  # fmt: skip


def questions(run: runs.Run) -> list[Draw]:
    """Questions on what is on screen where torch takes it, and on inputs that are not on screen."""
    asked: list[Draw] = [means, others]
    if run.steps:
        asked = [lambda draw: output(run, draw), *asked]
    if run.kind == "batch":
        asked.append(lambda draw: moved(run.setup, draw))
    return asked


def output(run: runs.Run, draw: random.Random) -> Question:
    """One number's way."""
    assert run.steps is not None
    at, s = tuple(draw.randrange(n) for n in run.x.shape), run.setup
    mean, var = runs.picked_statistics(run, at)
    return Question(
        say("The input at {at} is {x}; its mean is {mean}, its variance {var}. What is the output there (eps {eps:g}, γ {gamma:g}, β {beta:g})?", at=str(list(at)), x=number(run.x[at].item(), 5), mean=number(mean, 5), var=number(var, 5), eps=s.eps, gamma=s.gamma, beta=s.beta),
        f"{run.steps.output[at].item():.4g}", "(input − mean) / √(var + eps) · γ + β.", tolerance=0.005,
        covers=("standardized", "output"),
    )  # fmt: skip


def means(draw: random.Random) -> Question:
    """How many means, for another input than the one on screen."""
    kind, groups = draw.choice(runs.KINDS), draw.choice((2, 3))
    shape = (draw.randint(5, 9), groups * draw.randint(2, 5), draw.randint(5, 9), draw.randint(5, 9))
    asked = N_("How many means does {norm} compute in training for an input of shape {shape}?")
    if kind == "group":
        asked = N_("How many means does {norm} with {groups} groups compute in training for an input of shape {shape}?")
    return Question(
        say(asked, norm=_(runs.NAMES[kind]), groups=groups, shape=shape),
        str(runs.means_of(kind, shape, groups)),
        "One for each set of numbers that share it: C in batch norm, N in layer norm, N · C in instance norm, N · num_groups in group norm.",
        tolerance=0,
    )  # fmt: skip


def others(draw: random.Random) -> Question:
    """Whether a sample hangs on its neighbours."""
    kind, training = draw.choice((("batch", True), ("batch", False), ("layer", True), ("group", True)))
    asked = N_("The other samples of a batch are changed. Does the output of the first sample change in {norm}, in evaluation?")  # fmt: skip
    if training:
        asked = N_("The other samples of a batch are changed. Does the output of the first sample change in {norm}, in training?")  # fmt: skip
    return Question(
        say(asked, norm=_(runs.NAMES[kind])),
        "yes" if runs.depends_on_others(kind, training) else "no",
        "Only batch norm in training takes its mean over several samples; in evaluation its statistics are fixed.", ("yes", "no"),
    )  # fmt: skip


def moved(s: runs.Setup, draw: random.Random) -> Question:
    """Where a running mean goes with a batch that is not on screen."""
    c, mean = draw.randrange(len(s.running_mean)), draw.choice((-2.0, 1.0, 4.0))
    return Question(
        say("running_mean[{c}] is {running_mean} and momentum is {momentum}. A batch with mean {mean:g} comes in training. What is running_mean[{c}] then?", c=c, running_mean=number(s.running_mean[c].item(), 5), momentum=number(s.momentum, 4), mean=mean),
        f"{runs.mean_after(s, c, mean):.4g}", "(1 − momentum) · old + momentum · batch mean.", tolerance=0.005,
    )  # fmt: skip
