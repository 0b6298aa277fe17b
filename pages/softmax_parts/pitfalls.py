"""What people believe of softmax, the tutorial's own first, and what the run on the reader's scores says of it."""

from functools import partial

from core.experiments import softmax as runs
from core.ui.frame import Pitfall
from core.words import N_, _


def of(run: runs.Run) -> tuple[Pitfall, ...]:
    """The pitfalls, each with the scores on screen before magnitude and temperature."""
    row = run.slice(run.x)
    return (
        Pitfall(
            "exp, sum, divide is all there is to it (the tutorial's code)", partial(runs.breaks, run.x, run.dim), breaks
        ),
        Pitfall(
            "The tutorial: “`keepdim` only keeps the dimension”, so one can do without",
            partial(runs.keepdim, run.x),
            keepdim,
        ),
        Pitfall("Without `keepdim` a wrong shape would at least raise an error", partial(runs.square, run.x), square),
        Pitfall("Either dim will do, since all of them sum to 1", partial(runs.both_dims, run.x), both_dims),
        Pitfall("`F.softmax(x)` knows by itself which dim is meant", runs.guessed_dims, GUESSES),
        Pitfall(
            "Scores twice as large are the same prediction: only their ratio counts",
            partial(runs.doubled_and_shifted, row),
            ratio,
        ),
        Pitfall("A probability of 0 means that the class is impossible", partial(runs.zero_probabilities, row), zeros),
        Pitfall("A row of which everything is masked gives zeros", partial(runs.masked, row), MASKED),
    )


def breaks(facts: runs.Breaks) -> str:
    """At which magnitude the textbook fails."""
    found = facts.found
    if not found.cells:
        return _("No group of these scores has a softmax, whoever computes it.")
    said = _("In {found.dtype} exp of a score above {found.limit} is ∞, and of one below {found.floor} it is 0. ")
    if not found.wrong:
        return said + _(
            "Times **{magnitude}** these scores still pass: the largest of each group stays between the two."
        )
    if not found.by_inf:
        said += _("On these scores times **{magnitude}** the formula gives {found.cells:|result|results}, and among them **{found.nan:|that is|that are}** nan.")  # fmt: skip
    elif not found.nan:
        said += _("On these scores times **{magnitude}** the formula gives {found.cells:|result|results}, and among them **{found.by_inf:|that is|that are}** 0 in place of a probability.")  # fmt: skip
    else:
        said += _("On these scores times **{magnitude}** the formula gives {found.cells:|result|results}, and among them **{found.nan:|that is|that are}** nan and **{found.by_inf:|that is|that are}** 0 in place of a probability.")  # fmt: skip
    said += _(" With the largest subtracted first all of them are probabilities.")
    if facts.magnitude > 1:
        said += _(" Times 1 the two ways differ by at most {plain.difference}.")
    return said


def keepdim(facts: runs.Keepdim) -> str:
    """The division without keepdim."""
    said = _("Without it the sum has shape {sum_shape}, with it {kept_shape}. ")
    if facts.error:
        return said + _(
            "Dividing {shape} by {sum_shape} raises RuntimeError: “{error}”. With {kept_shape} each row meets its own sum."
        )
    if facts.result_shape != facts.shape:
        return said + _(
            "Dividing {shape} by {sum_shape} raises no error, and gives {result_shape}: every score meets every row's sum."
        )
    if facts.shape[0] == 1:
        return said + _("For one row the division still finds its only sum. Give it a second row, and see.")
    if facts.right:
        return said + _(
            "The division raises no error, and is even right here, but only since all rows have the same sum."
        )
    return said + _(
        "The division raises no error, and is wrong: each **column** is divided by a row's sum. The rows then sum to {row_sums}."
    )


def square(facts: runs.Keepdim | None) -> str:
    """The same for as many rows as columns."""
    if facts is None:
        return _("It takes as many rows as columns to see it, at least two: give the scores a second row.")
    if facts.right:
        return _(
            "The corner {shape} of these scores divides without an error, and is right by luck: all its rows have the same sum. Change one score."
        )
    return _(
        "Where there are as many rows as columns there is none. The corner {shape} of these scores divides by a sum of shape {sum_shape} without a "
        "word, each **column** by a row's sum. Its rows then sum to **{row_sums}**."
    )


def both_dims(facts: runs.Dims) -> str:
    """Softmax along each dimension."""
    if facts.one_row:
        return _(
            "This is one row. Along dim 1 it sums to {rows_along_1}. Along dim 0 each score stands alone, is divided by itself, and becomes 1: the row sums to {rows_along_0}."
        )
    said = _(
        "`dim=1` runs along a row, so that each **row** sums to 1: {rows_along_1}. With `dim=0` each column does, and the rows sum to {rows_along_0}. "
    )
    if facts.rows:
        said += _(
            "In **{moved} of {rows:|row|rows}** another class is the most probable one, and {differ} of {cells} probabilities differ. "
        )
    return said + _("The Σ in the tutorial's formula runs over the classes of one sample, not over the samples.")


GUESSES = N_(
    "It warns (“{warning}”) and guesses by the number of dimensions: for tensors of 1, 2, 3 and 4 dimensions it takes dim {dims[0]}, {dims[1]}, {dims[2]} and {dims[3]}. With "
    "one batch dimension more, something else sums to 1. Always give `dim`."
)


def ratio(facts: runs.Ratio) -> str:
    """Doubled and shifted scores."""
    if not facts.defined:
        return _("The picked row has no softmax. Pick another one.")
    said = _("The picked row's probabilities are {plain}. ")
    if facts.sharper:
        said += _("From scores twice as large they are **{twice}**: the same order, but surer. ")
    else:
        said += _(
            "From scores twice as large the same comes out here, since no two scores differ, or they differ so much that all probabilities are 0 and 1. "
        )
    if facts.moved:
        said += _(
            "From scores that are all larger by 100 they are {shifted}: within {moved} the same, which is rounding. "
        )
    else:
        said += _("From scores that are all larger by 100 they are {shifted}: exactly the same. ")
    return said + _("Only differences count: sᵢ/sⱼ = exp(zᵢ − zⱼ).")


def zeros(facts: runs.Zeros) -> str:
    """Probabilities that became 0."""
    if not facts.defined:
        return _("The picked row has no softmax at magnitude {magnitude}. Pick another one.")
    said = ""
    if facts.ruled_out:
        said += _(
            "{ruled_out:|class of the picked row has|classes of the picked row have} a score of −∞: that rules a class out, and its probability is 0 indeed. "
        )
    if not facts.too_small:
        return said + _(
            "exp of a number is never 0, and at magnitude {magnitude} no score that is a number got probability 0 in {dtype}: none lies far enough below the largest."
        )
    return said + (
        _(
            "exp of a number is never 0. At magnitude {magnitude}, **{too_small} of {classes}** probabilities of the picked row are 0 only since they are too small for "
            "{dtype}: the smallest has the logarithm **{log_softmax}** by `log_softmax`, where `log(softmax)` has {log_of_softmax}."
        )
    )


MASKED = N_(
    "With all scores but the first of {scores} set to −∞, softmax is {all_but_one}: a masked class gets exactly 0. With all of them −∞ it is **{all}**, and torch's is {torch_all}: "
    "the largest score is −∞, and −∞ − (−∞) is nan. So are all gradients that come back through it. Masked with the lowest finite number instead, the row is {all_finite}: no nan, but "
    "as if all were equally likely. A row without a class must be left out by hand."
)
