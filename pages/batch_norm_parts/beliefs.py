"""What people believe of batch norm, the tutorial's words first."""

from functools import partial

from core.experiments import batch_norm as runs
from core.ui.frame import Pitfall
from core.words import N_, listed, say

REFUSED = N_(
    "torch refuses to train on this input: `{refusal}`. Give each channel more than one number, and look again."
)


def turned(found: runs.Momentum) -> str:
    """Whose momentum is the share of the old."""
    if found.refusal:
        return REFUSED
    if found.tutorials == found.same:
        return N_("Channel 0 of this batch has the mean 0, from which nothing can be told: all three make running_mean **{same}** of it. Choose another input.")  # fmt: skip
    return N_("One batch comes to a running_mean of 0. In channel 0 the tutorial's momentum of 0.9 makes it **{tutorials}**, torch's 0.9 makes it **{same}**, torch's 0.1 **{other}**. The tutorial's momentum is the share of the old value that stays, torch's is the share of the new one: 1 minus the other.")  # fmt: skip


def biased(found: runs.Biased) -> str:
    """Over n, or over n − 1."""
    if found.refusal:
        return REFUSED
    if not found.torchs > 0:
        return N_("Here all numbers of channel 0 are equal or not finite, and both store **{torchs}**. Choose an input that varies.")  # fmt: skip
    return N_("Let a batch replace the old statistics altogether. For channel 0 the tutorial stores **{tutorials}**, the mean square over n = {n}, and torch **{torchs}**, the same sum over n − 1. What standardises the batch itself is the one over n, in both.")  # fmt: skip


CHANNELS = N_(
    "The code averages over every dimension but dimension 1: of this input, of shape {shape}, it makes means of shape **{means}**. So dimension 1 holds the channels, and its X is (N, C, H, W) or (N, C). If dimension 0 held them, `x.mean(dim=0)`, of shape {over_dim_0}, would mix them up."
)


def of_parts(found: runs.MeanOfMeans) -> str:
    """Where parts are of unequal size."""
    says = N_("A loader may deliver this batch in parts: channel 0 in parts of {sizes} numbers, whose means are {parts}. The mean of these means is **{mean_of_means}**, the mean of all the numbers **{mean}**. The two are the same only where all parts have one size, as height and width have in the tutorial's code.")  # fmt: skip
    if len(found.sizes) == 1:
        says = N_("It is where all parts have one size, as here: channel 0 comes in one part, and both ways give **{mean}**. Give the input a third sample, and look again.")  # fmt: skip
    elif len(set(found.sizes)) == 1:
        says = N_("It is where all parts have one size, as here: channel 0 comes in parts of {sizes} numbers, and both ways give **{mean}**. Give the input a third sample, and look again.")  # fmt: skip
    return say(says, found, sizes=listed(found.sizes), parts=listed(found.parts))


def alone(found: runs.OneSample) -> str:
    """One sample, and one number a channel."""
    if found.whole:
        return N_("The first sample alone is refused: `{whole}`. The number would be its own mean: the tutorial's version, which does not refuse, makes {tutorials} of it whatever it was.")  # fmt: skip
    return N_("The first sample alone is taken, since a channel of it has {each} numbers. With one number a channel torch says `{refusal}`. The number would be its own mean: the tutorial's version, which does not refuse, makes {tutorials} of it whatever it was.")  # fmt: skip


def forgotten(found: runs.Forgotten) -> str:
    """What training instead of evaluation does."""
    if found.refusal:
        return N_("Here it costs an error: `{refusal}`. In evaluation one number a channel would do.")
    if not found.differ:
        return N_("Here all **{cells}** outputs are the same in training and in evaluation, but running_mean[0] goes from {before} to **{trained}** (momentum 0.1); in evaluation it stays at **{evaluated}**.")  # fmt: skip
    if found.alone_differs:
        return N_("Without `eval()` **{differ}** of {cells:|output|outputs} differ, by up to {largest}, and running_mean[0] goes from {before} to **{trained}** (momentum 0.1); in evaluation it stays at **{evaluated}**. In training a sample's output depends on the others of its batch; but here the first sample comes out of evaluation as something else by itself, too.")  # fmt: skip
    return N_("Without `eval()` **{differ}** of {cells:|output|outputs} differ, by up to {largest}, and running_mean[0] goes from {before} to **{trained}** (momentum 0.1); in evaluation it stays at **{evaluated}**. In training a sample's output depends on the others of its batch, whereas in evaluation the first sample comes out the same by itself.")  # fmt: skip


def pitfalls(run: runs.Run) -> list[Pitfall]:
    """What people believe of batch norm, the tutorial's words first."""
    return [
        Pitfall("The tutorial: momentum = 0.9, as in torch", partial(runs.turned_momentum, run.x), turned),
        Pitfall("The tutorial's moving variance is torch's running_var", partial(runs.biased, run.x), biased),
        Pitfall("The tutorial: X has the shape [C, B, H, W]", partial(runs.channels_dimension, run.x), CHANNELS),
        Pitfall("The tutorial: a mean of means of means is the mean", partial(runs.mean_of_means, run.x), of_parts),
        Pitfall("Batch norm trains on a batch of one", partial(runs.batch_of_one, run.x), alone),
        Pitfall("Forgetting eval() costs nothing", partial(runs.forgotten_eval, run.x, run.setup), forgotten),
    ]  # fmt: skip
