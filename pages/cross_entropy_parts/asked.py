"""Questions on cross entropy: about numbers that are not on screen, answered by torch."""

import random

from core.experiments import binary_cross_entropy, segmentation
from core.experiments import cross_entropy as runs
from core.ui.predict import Question
from core.words import _

# ---- one of C classes ------------------------------------------------------------------------------------------------


def cost(draw: random.Random) -> Question:
    """−log p."""
    found = runs.prediction(draw.randint(2, 95) / 100, 1)
    return Question(
        f"A network gives a sample's true class the probability {found.p:g}. What does the sample cost?",
        f"{found.cost:.4g}", f"−log {found.p:g}, the natural logarithm.",
    )  # fmt: skip


def slope(draw: random.Random) -> Question:
    """(softmax − target) / N."""
    found, hit = runs.prediction(draw.randint(2, 95) / 100, draw.randint(2, 8)), draw.random() < 0.5
    which = _("is the sample's target") if hit else _("is not the sample's target")
    return Question(
        f"Softmax gives a class the probability {found.p:g}, and this class {which}. The batch has {found.n} samples. "
        "What is the gradient of the mean loss at this class's logit?",
        f"{found.slope if hit else found.slope_elsewhere:.4g}",
        f"(softmax − target) / N = ({found.p:g} − {int(hit)}) / {found.n}.",
    )  # fmt: skip


def clueless(draw: random.Random) -> Question:
    """log C."""
    classes = draw.choice((2, 10, 100, 1000))
    return Question(
        f"A network that knows nothing gives all {classes} classes the same logit. What is its loss?",
        f"{runs.clueless(classes):.4g}",
        f"p = 1/{classes}, so −log p = log {classes}. Look at the first loss of a training: one far from log C tells of "
        "a fault.",
    )  # fmt: skip


def weighted(draw: random.Random) -> Question:
    """Σ w·loss / Σ w."""
    costs = draw.sample((0.2, 0.5, 1.0, 1.5, 2.0, 3.0), 2)
    weights = draw.choice(((1.0, 3.0), (1.0, 4.0), (0.5, 2.0), (3.0, 1.0)))
    return Question(
        f"Two samples cost {costs[0]:g} and {costs[1]:g} without weights. Their targets' classes have the weights "
        f"{weights[0]:g} and {weights[1]:g}. What is torch's mean?",
        f"{runs.weighted_pair((costs[0], costs[1]), weights):.4g}",
        f"({weights[0]:g}·{costs[0]:g} + {weights[1]:g}·{costs[1]:g}) / ({weights[0]:g} + {weights[1]:g}): torch divides "
        "by the weights, not by the number of samples.",
    )  # fmt: skip


def row_sum(draw: random.Random) -> Question:
    """0."""
    classes = draw.randint(3, 9)
    return Question(
        f"A sample has {classes} logits. What do the gradients at its logits sum to?", "0",
        "Softmax sums to 1 and so does the target: their differences sum to 0.", tolerance=0,
    )  # fmt: skip


CLASSES = (cost, slope, clueless, weighted, row_sum)


# ---- yes or no, and several labels -----------------------------------------------------------------------------------


def answer_cost(draw: random.Random) -> Question:
    """−log of what the true answer got."""
    found = binary_cross_entropy.answer(draw.randint(2, 95) / 100, draw.randrange(2))
    return Question(
        f"Sigmoid gives yes the probability {found.p:g}, and the true answer is {'yes' if found.yes else 'no'}. What does "
        "the answer cost?",
        f"{found.cost:.4g}", "−log p for a yes, −log(1 − p) for a no.",
    )  # fmt: skip


def answer_slope(draw: random.Random) -> Question:
    """pos_weight · (sigmoid − 1) for a yes, sigmoid for a no."""
    weight = draw.choice((1.0, 2.0, 3.0))
    found = binary_cross_entropy.answer(draw.randint(2, 95) / 100, draw.randrange(2), weight)
    return Question(
        f"Sigmoid gives yes the probability {found.p:g}; the true answer is {'yes' if found.yes else 'no'}, and pos_weight "
        f"is {weight:g}. What is the gradient of the summed loss at this logit?",
        f"{found.slope:.4g}", "sigmoid − target; for a yes, and only for a yes, times pos_weight.",
    )  # fmt: skip


def undecided(draw: random.Random) -> Question:
    """log 2."""
    cells = draw.randint(2, 40)
    return Question(
        f"All {cells} logits are 0. What is the mean loss, without pos_weight?",
        f"{binary_cross_entropy.undecided(cells):.4g}", "p = ½ for every answer: log 2, however many there are.",
    )  # fmt: skip


LABELS = (answer_cost, answer_slope, undecided)

# ---- every pixel -----------------------------------------------------------------------------------------------------


def target_shape(draw: random.Random) -> Question:
    """(N, H, W)."""
    found = segmentation.batch(draw.randint(2, 8), draw.randint(3, 9), draw.choice((8, 16, 32)))
    return Question(
        f"The logits have shape {found.logits}, with the classes in dimension 1. Which shape do the targets have?",
        str(found.targets), "One class for each pixel of each image: the dimension of the classes is gone.", tolerance=0,
    )  # fmt: skip


def pixels_counted(draw: random.Random) -> Question:
    """All pixels that are not ignored."""
    ignored = draw.randint(5, 60)
    found = segmentation.batch(draw.randint(2, 4), draw.randint(3, 6), 8, ignored)
    return Question(
        f"The logits have shape {found.logits}; {ignored} pixels have the target −100. What is the sum of the losses "
        "divided by for the mean?",
        str(found.losses), f"By the pixels that count: {found.targets[0]}·8·8 − {ignored}.", tolerance=0,
    )  # fmt: skip


def clueless_pixels(draw: random.Random) -> Question:
    """log C, whatever the size."""
    found = segmentation.batch(1, draw.choice((3, 5, 21)), draw.choice((8, 16)))
    return Question(
        f"All logits of an image, of shape {found.logits}, are equal. What is its mean loss?",
        f"{found.clueless:.4g}", f"log {found.logits[1]}, as for a single sample: the mean is over the pixels.",
    )  # fmt: skip


PIXELS = (target_shape, pixels_counted, clueless_pixels)
