"""Questions about softmax, on other scores than those on screen."""

import random
from functools import partial

from core.experiments import softmax as runs
from core.figures.softmax import sub
from core.ui.predict import Draw, Question
from core.words import _, say, spelled


def of(run: runs.Run, magnitude: float) -> tuple[Draw, ...]:
    """The questions; the last one is about the reader's scores at another magnitude."""
    return changed, ratio, slope, total, partial(breaks, run, magnitude)


def scores(draw: random.Random) -> tuple[int, ...]:
    """Three whole scores, no two alike."""
    return tuple(draw.sample(range(-2, 4), 3))


def changed(draw: random.Random) -> Question:
    """Whether a probability changes when all scores do."""
    z, how, first = scores(draw), draw.choice(list(runs.CHANGES)), draw.random() < 0.5
    k = z.index(max(z) if first else min(z))
    before, after = runs.change(z, how, k)
    done = {
        "all + 3": _("3 is added to every score"),
        "all × 2": _("Every score is doubled"),
        "all ÷ 2": _("Every score is halved"),
    }[how]
    answer = "it stays" if abs(before - after) < 1e-9 else "it rises" if after > before else "it falls"
    return Question(
        say(
            "z = {z}. {done}. What becomes of the probability of class {k}, which has the largest score?"
            if first
            else "z = {z}. {done}. What becomes of the probability of class {k}, which has the smallest score?",
            z=z, done=done, k=k,
        ),
        answer, say("It was {before:.4g} and is {after:.4g}: probabilities depend on the differences between scores, and grow apart as these do.", before=before, after=after),
        options=("it rises", "it falls", "it stays"),
    )  # fmt: skip


def ratio(draw: random.Random) -> Question:
    """How two probabilities compare."""
    z = scores(draw)
    i, j = draw.sample(range(3), 2)
    return Question(
        say("z = {z}. How many times as probable as class {j} is class {i}?", z=spelled(z), j=j, i=i), f"{runs.times_as_probable(z, i, j):.4g}",
        say("The sum cancels: s{sub}/s{sub2} = exp(z{sub} − z{sub2}) = exp({z}).", sub=sub(i), sub2=sub(j), z=spelled(z[i] - z[j])),
    )  # fmt: skip


def slope(draw: random.Random) -> Question:
    """One entry of a Jacobian."""
    s = draw.choice(((0.5, 0.3, 0.2), (0.6, 0.3, 0.1), (0.7, 0.2, 0.1), (0.4, 0.4, 0.2)))
    i, j = draw.randrange(3), draw.randrange(3)
    rule = f"s{sub(i)}(1 − s{sub(i)})" if i == j else f"−s{sub(i)}s{sub(j)}"
    return Question(
        say("s = {s}. What is ∂s{sub}/∂z{sub2}?", s=spelled(s), sub=sub(i), sub2=sub(j)),
        f"{runs.slope(s, i, j):.4g}",
        say("It is {rule}.", rule=rule),
        tolerance=1e-6,
    )


def total(draw: random.Random) -> Question:
    """What all numbers of an output sum to."""
    shape = tuple(draw.randint(2, 6) for _ in range(draw.choice((2, 3))))
    dim = draw.randrange(len(shape))
    return Question(
        say("Scores of shape {shape} go through softmax with dim={dim}. What do all numbers of the result sum to?", shape=spelled(shape), dim=dim),
        str(runs.sum_of_all(shape, dim)), say("Every group along dim {dim} sums to 1, and there are as many groups as the other dimensions have places.", dim=dim),
        tolerance=0,
    )  # fmt: skip


def breaks(run: runs.Run, magnitude: float, draw: random.Random) -> Question:
    """How many results the textbook gets wrong at a magnitude that is not on screen."""
    other = draw.choice([m for m in runs.MAGNITUDES if m != magnitude and m > 1])
    found = runs.naive(runs.scaled(run.x, other, run.temperature), run.dim)
    return Question(
        say("At magnitude {other}, how many results of your scores does the textbook's formula, with nothing subtracted, get wrong (nan, or 0 in place of a probability)?", other=other),
        str(found.wrong), say("The largest score is {largest} then, and exp overflows above {limit:.4g} in {dtype}.", found), tolerance=0,
    )  # fmt: skip
