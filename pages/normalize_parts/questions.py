"""Questions about normalising, on other vectors than those on screen."""

import random

from core.experiments import normalize as runs
from core.ui.predict import Question
from core.words import say
from core.words.numbers import number


def value(draw: random.Random) -> Question:
    """One number of a normalised vector."""
    (a, b), p = draw.choice(((3, -4), (-6, 8), (5, -12), (-8, 15))), draw.choice((1, 2, float("inf")))
    k = draw.randrange(2)
    return Question(
        say("The vector ({a}, {b}) is normalised with p = {p}. What is its number {k} then?", a=a, b=b, p=number(p), k=k),
        f"{runs.normalized((a, b), p)[k]:.4g}", "The norm is √(a² + b²) for p = 2, |a| + |b| for p = 1, and the larger of |a| and |b| for p = ∞; the sign stays.",
        tolerance=0.001,
    )  # fmt: skip


def doubled(draw: random.Random) -> Question:
    """What a factor of the input does to the output."""
    factor, eps = draw.choice((2, 10, -3)), draw.choice((1e-12, 100.0))
    return Question(
        say("eps = {eps}, p = 2, and the vector (3, 4) is multiplied by {factor}. By what is its normalised vector multiplied?", eps=number(eps), factor=factor),
        f"{runs.grows_by((3.0, 4.0), factor, eps):.4g}",
        "A norm above eps grows by the factor's magnitude, and only the sign is left. Where eps divides, it does not grow, and the whole factor is left.", tolerance=0,
    )  # fmt: skip


def count(draw: random.Random) -> Question:
    """How many norms a tensor has."""
    shape = tuple(draw.randint(2, 6) for _ in range(draw.choice((2, 3, 4))))
    dim = draw.randrange(len(shape))
    return Question(
        say("How many norms does F.normalize compute for an input of shape {shape} with dim={dim}?", shape=shape, dim=dim), str(runs.count_of_norms(shape, dim)),
        say("One for each vector along dim {dim}: the product of all other sizes.", dim=dim), tolerance=0,
    )  # fmt: skip


def at_zero(draw: random.Random) -> Question:
    """The gradient at a zero row."""
    eps = draw.choice((0.001, 0.01, 0.5, 4.0))
    return Question(
        say("A row is (0, 0), eps = {eps}, and the loss is the sum of the outputs. What is the gradient of each of its numbers?", eps=number(eps)),
        f"{runs.at_zero(eps):.6g}", "The norm 0 is below eps, so the row is divided by the constant eps: the slope is 1/eps.", tolerance=1e-6,
    )  # fmt: skip


ALL = (value, doubled, count, at_zero)
