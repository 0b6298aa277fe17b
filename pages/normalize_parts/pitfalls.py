"""What people believe of normalising, the tutorial's words first, and what the run on the reader's input says of it."""

from functools import partial

from core.experiments import normalize as runs
from core.ui.frame import Pitfall
from core.words import N_, _, say


def of(run: runs.Run) -> tuple[Pitfall, ...]:
    """What people believe of normalising, the tutorial's words first."""
    x, p, dim, eps = run.x, run.p, run.dim, run.eps
    return (
        Pitfall(
            "The tutorial: it turns numbers into numbers between 0 and 1", partial(runs.ranges, x, p, dim, eps), ranges
        ),
        Pitfall("The tutorial's formula Σxᵖ holds for every p", partial(runs.without_magnitudes, x, dim), powers),
        Pitfall("The tutorial's code works on its own integer tensor as torch does", runs.integer_tensors, INTEGERS),
        Pitfall("A row of zeros becomes NaN", partial(runs.zero_row, run.vectors.shape[1], eps), zero_row),
        Pitfall("After normalising, the rows sum to 1", partial(runs.row_sums, x, p, dim, eps), sums),
        Pitfall("Any dim will do", partial(runs.both_dims, x, p, eps), other_dim),
    )


def ranges(facts: runs.Ranges) -> str:
    """The range of the output."""
    if not facts.cells:
        return N_("Every number of this output is nan. Give it numbers.")
    if not (facts.low or facts.high):
        return N_("Every number of this output is 0: a zero vector, or one whose norm overflowed. Give it other numbers.")  # fmt: skip
    said = _("The output runs from **{low}** to **{high}**, and {negative} of {cells} numbers are negative. ")
    if not facts.outside:
        said += _(
            "These happen to lie between 0 and 1. With all signs turned, the output runs from **{turned_low}** to **{turned_high}**. "
        )
    return said + _(
        "Signs stay: it is the length that becomes 1, not the range. What maps numbers to 0…1 is min-max scaling."
    )


def powers(facts: tuple[runs.Powers, runs.Powers]) -> str:
    """The textbook's form with p = 1 and p = 3."""
    one, three = (say(by_power(each), each) for each in facts)
    return say("{one} {three} Without the magnitude of each number, negative ones cancel the others in Σxᵖ, and a root of a negative sum is nan: it takes Σ|x|ᵖ.", one=one, three=three)  # fmt: skip


def by_power(each: runs.Powers) -> str:
    """The textbook's form with one p."""
    if each.wrong:
        return N_("For p = {p}, **{wrong} of {vectors}** vectors get a wrong norm (the first of them {first[0]} in place of {first[1]}).")  # fmt: skip
    return N_("For p = {p}, **{wrong} of {vectors}** vectors get a wrong norm; with all signs turned, {turned_wrong} of {vectors}.")  # fmt: skip


INTEGERS = N_(
    "`F.normalize` refuses it: “{error}”. The tutorial's lines take it, since the root makes floats of it: row 0 is divided by {norm}. But the powers are of integers "
    "before that: for [{base}, 1] and p = 3, Σxᵖ comes out as **{cubes}** in place of {true_cubes}. It has wrapped round."
)


def zero_row(facts: runs.ZeroRow) -> str:
    """A zero row in both forms."""
    said = _(
        "In the tutorial's form it does: 0/0 gives {textbook}, and gradient {textbook_slope}. torch divides by max(norm, eps) = {eps}, and gives {torch}, with gradient **{slope}** = 1/eps. "
    )
    if facts.half_eps == 0:
        return said + _(
            "In float16 it does in torch, too: eps = {eps} rounds to {half_eps} there, and torch gives {torch_half}. Give a larger eps with half precision."
        )
    return said + _("With this eps torch gives {torch_half} in float16 as well; the default, 1e−12, rounds to 0 there.")


def sums(facts: runs.RowSums) -> str:
    """Sums and norms after normalising."""
    said = _("Their sums are {sums}. ")
    if facts.sum_to_1 == facts.vectors:
        said += (
            _("So they do here: with p = 1 and no negative number the sum is the norm. ")
            if facts.p == 1
            else _("So they do here, but only with these numbers. ")
        )
        said += _("Turn one sign, and they do not. ")
    said += _("Their p-norms are {norms}: **{norm_1} of {vectors}** are 1. ")
    if facts.norm_1 < facts.vectors:
        said += _(
            "The others are shorter than eps, or their norm is no finite number, or p is 0, which counts and measures no length. "
        )
    return said + _("Rows that always sum to 1 are what softmax makes.")


def other_dim(facts: runs.Dims) -> str:
    """Both dims on the input."""
    if facts.error:
        return N_("A vector has one dimension, 0. With dim=1, the default, torch raises IndexError: “{error}”.")
    said = _("**{differ} of {cells}** numbers come out differently along dim 0 and along dim 1. ")
    if not facts.differ:
        said += _("This input gives the same both ways, which few do. ")
    return said + _(
        "The default is dim = 1; for images (N, C, H, W) that normalises across the channels of each pixel."
    )
