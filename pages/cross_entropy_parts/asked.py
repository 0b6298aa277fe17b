"""Questions on cross entropy: about numbers that are not on screen, answered by torch."""

import random

from core.experiments import binary_cross_entropy, segmentation
from core.experiments import cross_entropy as runs
from core.ui.predict import Question
from core.words import _, say

# ---- one of C classes ------------------------------------------------------------------------------------------------


def cost(draw: random.Random) -> Question:
    """−log p."""
    found = runs.prediction(draw.randint(2, 95) / 100, 1)
    return Question(
        say("A network gives a sample's true class the probability {p:g}. What does the sample cost?", p=found.p),
        f"{found.cost:.4g}", say("−log {p:g}, the natural logarithm.", p=found.p),
    )  # fmt: skip


def slope(draw: random.Random) -> Question:
    """(softmax − target) / N."""
    found, hit = runs.prediction(draw.randint(2, 95) / 100, draw.randint(2, 8)), draw.random() < 0.5
    return Question(
        say(
            "Softmax gives a class the probability {p:g}, and this class is the sample's target. The batch has {n} samples. What is the gradient of the mean loss at this class's logit?"
            if hit else
            "Softmax gives a class the probability {p:g}, and this class is not the sample's target. The batch has {n} samples. What is the gradient of the mean loss at this class's logit?",
            found,
        ),
        f"{found.slope if hit else found.slope_elsewhere:.4g}",
        say("(softmax − target) / N = ({p:g} − {target}) / {n}.", found, target=int(hit)),
    )  # fmt: skip


def clueless(draw: random.Random) -> Question:
    """log C."""
    classes = draw.choice((2, 10, 100, 1000))
    return Question(
        say("A network that knows nothing gives all {classes} classes the same logit. What is its loss?", classes=classes),
        f"{runs.clueless(classes):.4g}",
        say("p = 1/{classes}, so −log p = log {classes}. Look at the first loss of a training: one far from log C tells of a fault.", classes=classes),
    )  # fmt: skip


def weighted(draw: random.Random) -> Question:
    """Σ w·loss / Σ w."""
    costs = draw.sample((0.2, 0.5, 1.0, 1.5, 2.0, 3.0), 2)
    weights = draw.choice(((1.0, 3.0), (1.0, 4.0), (0.5, 2.0), (3.0, 1.0)))
    return Question(
        say("Two samples cost {costs:g} and {costs2:g} without weights. Their targets' classes have the weights {weights:g} and {weights2:g}. What is torch's mean?", costs=costs[0], costs2=costs[1], weights=weights[0], weights2=weights[1]),
        f"{runs.weighted_pair((costs[0], costs[1]), weights):.4g}",
        say("({weights:g}·{costs:g} + {weights2:g}·{costs2:g}) / ({weights:g} + {weights2:g}): torch divides by the weights, not by the number of samples.", weights=weights[0], costs=costs[0], weights2=weights[1], costs2=costs[1]),
    )  # fmt: skip


def row_sum(draw: random.Random) -> Question:
    """0."""
    classes = draw.randint(3, 9)
    return Question(
        say("A sample has {classes} logits. What do the gradients at its logits sum to?", classes=classes), "0",
        "Softmax sums to 1 and so does the target: their differences sum to 0.", tolerance=0,
    )  # fmt: skip


CLASSES = (cost, slope, clueless, weighted, row_sum)


# ---- yes or no, and several labels -----------------------------------------------------------------------------------


def answer_cost(draw: random.Random) -> Question:
    """−log of what the true answer got."""
    found = binary_cross_entropy.answer(draw.randint(2, 95) / 100, draw.randrange(2))
    return Question(
        say(
            "Sigmoid gives yes the probability {p:g}, and the true answer is {truth}. What does the answer cost?",
            found, truth=_("yes") if found.yes else _("no"),
        ),
        f"{found.cost:.4g}", "−log p for a yes, −log(1 − p) for a no.",
    )  # fmt: skip


def answer_slope(draw: random.Random) -> Question:
    """pos_weight · (sigmoid − 1) for a yes, sigmoid for a no."""
    weight = draw.choice((1.0, 2.0, 3.0))
    found = binary_cross_entropy.answer(draw.randint(2, 95) / 100, draw.randrange(2), weight)
    return Question(
        say(
            "Sigmoid gives yes the probability {p:g}; the true answer is {truth}, and pos_weight is {weight:g}. What is the gradient of the summed loss at this logit?",
            found, truth=_("yes") if found.yes else _("no"), weight=weight,
        ),
        f"{found.slope:.4g}", "sigmoid − target; for a yes, and only for a yes, times pos_weight.",
    )  # fmt: skip


def undecided(draw: random.Random) -> Question:
    """log 2."""
    cells = draw.randint(2, 40)
    return Question(
        say("All {cells} logits are 0. What is the mean loss, without pos_weight?", cells=cells),
        f"{binary_cross_entropy.undecided(cells):.4g}", "p = ½ for every answer: log 2, however many there are.",
    )  # fmt: skip


LABELS = (answer_cost, answer_slope, undecided)

# ---- every pixel -----------------------------------------------------------------------------------------------------


def target_shape(draw: random.Random) -> Question:
    """(N, H, W)."""
    found = segmentation.batch(draw.randint(2, 8), draw.randint(3, 9), draw.choice((8, 16, 32)))
    return Question(
        say("The logits have shape {logits}, with the classes in dimension 1. Which shape do the targets have?", logits=found.logits),
        str(found.targets), "One class for each pixel of each image: the dimension of the classes is gone.", tolerance=0,
    )  # fmt: skip


def pixels_counted(draw: random.Random) -> Question:
    """All pixels that are not ignored."""
    ignored = draw.randint(5, 60)
    found = segmentation.batch(draw.randint(2, 4), draw.randint(3, 6), 8, ignored)
    return Question(
        say("The logits have shape {logits}; {ignored} pixels have the target −100. What is the sum of the losses divided by for the mean?", logits=found.logits, ignored=ignored),
        str(found.losses), say("By the pixels that count: {targets}·8·8 − {ignored}.", targets=found.targets[0], ignored=ignored), tolerance=0,
    )  # fmt: skip


def clueless_pixels(draw: random.Random) -> Question:
    """log C, whatever the size."""
    found = segmentation.batch(1, draw.choice((3, 5, 21)), draw.choice((8, 16)))
    return Question(
        say("All logits of an image, of shape {logits}, are equal. What is its mean loss?", logits=found.logits),
        f"{found.clueless:.4g}", say("log {logits}, as for a single sample: the mean is over the pixels.", logits=found.logits[1]),
    )  # fmt: skip


PIXELS = (target_shape, pixels_counted, clueless_pixels)
