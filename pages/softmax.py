"""Softmax: exp, sum, divide as pictures, stable against naive, temperature, and the Jacobian."""

from functools import partial

import streamlit as st

from core.experiments import softmax as runs
from core.figures import softmax as draw
from core.topics import Topic
from core.ui import board, check, controls, frame, take_away, tensor_input, walk
from core.ui.frame import Try
from core.words import N_, _, say, spelled
from pages.softmax_parts import pitfalls, questions

NARROW = 100  # pixels of a slider: three in a row on a phone
AS_GIVEN = "given"


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    own = tensor_input.source("x") != "example"
    with controls.main():
        scores = runs.SCORES if own else [
            controls.slider(f"z{i}", say("Score {i}", i=i), -5.0, 5.0, z, step=0.1, width=NARROW) for i, z in enumerate(runs.SCORES)
        ]  # fmt: skip
        temperature = controls.stops("T", "Temperature", runs.TEMPERATURES, 1.0, format="{:g}".format, width=NARROW)
        magnitude = controls.stops("magnitude", "Magnitude", runs.MAGNITUDES, 1, width=NARROW)
    with controls.more():
        rows, seed = (1, 0) if own else (controls.slider("rows", "Rows", 1, 6, 3, width=NARROW), controls.seed())
        given = tensor_input.tensor("x", "Scores (logits)", runs.example(scores, rows, seed), runs.LIMITS)
        kinds = {AS_GIVEN: say("as given: {dtype}", dtype=spelled(given.dtype))} | {name: name for name in runs.DTYPES}
        x, refusal = runs.taken(given, controls.choice("dtype", "dtype", kinds, width=180, few=0))
        dims = tuple(range(x.dim()))
        dim = controls.choice("dim", "dim", dims, dims[-1]) if len(dims) > 1 else 0
        cell = controls.cell("cell", "Picked cell", x.shape)
    run = runs.run(x, magnitude, temperature, dim, cell)
    sums, naive, slopes = runs.sums(run.output, dim), runs.naive(run.z, dim), runs.slopes(run.slice(run.z))
    if refusal:
        st.caption(
            say(
                "torch.softmax does not take {dtype}: “{refusal}”. These scores were made float32, as its argument `dtype=torch.float32` does.",
                dtype=spelled(given.dtype),
                refusal=refusal,
            )
        )
    takers: dict[str, board.Pick] = dict.fromkeys(("z", "shifted", "exp", "total", "softmax", "J"), "cell")
    board.show(
        *draw.equation(run), board.BREAK, draw.jacobian(run, slopes.matrix), draw.over_temperature(run),
        links=draw.links(run), spelled=SPELLED, picks=takers | {"curves": set_temperature},
        pinned=("softmax", run.picked) if run.picked else None, cell=draw.side(run),
    )  # fmt: skip
    check.show(topic.operators[0], run.call)
    st.markdown(say(what_sums_to_1(sums), sums, only=sums.along.sum()))
    st.markdown(say(naive_outcome(naive), naive))
    st.markdown(say(JACOBIAN if slopes.defined else NO_JACOBIAN, slopes))
    tensors = {"z": run.z, "exp": run.steps.exp, "total": run.steps.total, "output": run.output}
    frame.below(
        topic,
        pitfalls=pitfalls.of(run),
        tries=TRIES,
        walk=partial(walk_through, run),
        questions=questions.of(run, magnitude),
        take=lambda: take_away.of(topic.operators[0], run.call, tensors, title="Softmax"),
        more={
            "Without the largest": partial(without_the_largest, run, naive),
            "Sigmoid": partial(sigmoid, run),
            "Log softmax": partial(log_softmax, topic, run),
        },
    )


def set_temperature(said: str) -> None:
    """Take the temperature of a clicked point of the curves."""
    st.session_state["T"] = float(said)


SPELLED = {
    "z": N_("`{at:z}` = {z}, less the largest {note:z} = {shifted}; exp of it is {exp}, and its share **{softmax}**"),
    "shifted": N_(
        "`{at:shifted}` = {z} − {note:shifted} = **{shifted}**: the largest is 0 now, and no exp can overflow"
    ),
    "exp": "`{at:exp}` = exp({shifted}) = **{exp}**",
    "total": "`{at:total}` = {note:total} = **{total}**",
    "softmax": "`{at:softmax}` = {exp} / ({note:total}) = {exp} / {total} = **{softmax}**",
    "J": "`{at:J}` = {note:J} = **{J}**",
    "curves": N_("At {note:curves} = **{curves}**; a click sets this temperature"),
}
NAIVE_SPELLED = N_("`{at:naive}` = {naive_exp} / {naive_sum} = **{naive}**, without the largest subtracted")
LOG_SPELLED = N_("`{at:log_softmax}` = {shifted} − {log_total} = **{log_softmax}** in one step; in two **{log}**")


# ---- what the pictures show ------------------------------------------------------------------------------------


def what_sums_to_1(sums: runs.Sums) -> str:
    """What is made 1 and what is not; and groups that have no softmax."""
    said = (
        _("**What sums to 1.** Softmax makes numbers that sum to 1 along the dimension `dim`: here, along dim {dim}, the sum is {only}.")
        if sums.groups == 1 else
        _("**What sums to 1.** Softmax makes numbers that sum to 1 along the dimension `dim`: here, along dim {dim}, the sums are {along}.")
    )  # fmt: skip
    if sums.other is not None:
        said += _(" Along dim {other} nothing makes them 1: {across}.")
    if sums.undefined:
        said += _(
            " **{undefined:|group has|groups have} no softmax**, and torch gives nan there too: where all scores "
            "of a group are −∞, or one is +∞ or nan, there is no largest to subtract."
        )
    return said


def naive_outcome(found: runs.Naive) -> str:
    """Whether the textbook's formula goes wrong on these scores, and by what."""
    said = _("**Why the largest goes first.** In {dtype}, exp of a score above {limit:.4g} is ∞. ")
    if not found.cells:
        return said + _("No group here has a softmax to lose.")
    if not found.wrong:
        said += (
            _("Without the largest subtracted exactly the same comes out here. ")
            if not found.difference
            else _("Without the largest subtracted the same comes out here, within {difference}. ")
            if found.rounded
            else _(
                "Without the largest subtracted the results are off by up to **{difference}**: exp of scores near {floor:.4g} is so small that it keeps hardly a digit. "
            )
        )
        return said + _("The largest score is {largest}.")
    causes = [
        (found.inf_by_inf, _("**{inf_by_inf:|is|are}** nan, since ∞ is divided by ∞")),
        (
            found.zero_by_zero,
            _("**{zero_by_zero:|is|are}** nan, since every exp of the group became 0, and 0 is divided by 0"),
        ),
        (found.by_inf, _("**{by_inf:|is|are}** 0 in place of a probability, since the sum is ∞")),
    ]
    reasons = _("; ").join(reason for n, reason in causes if n)
    return (
        ":orange[:material/warning:] "
        + said
        + say(
            "Without the largest subtracted, of {cells:|result|results} {reasons}. The largest score is {largest}. With it subtracted no exponent is above 0, every exp is at most 1, and every sum at least 1.",
            found,
            reasons=reasons,
        )
    )


JACOBIAN = N_(
    "**The Jacobian** holds all slopes of the picked row: row i, column j says how fast probability i rises with score j. On the diagonal stands "
    "s(1 − s), never below 0; elsewhere −sᵢsⱼ, never above 0: raise one score, and all other probabilities fall. Each of its rows sums to {row_sum}: "
    "the same number added to all scores changes nothing."
)
NO_JACOBIAN = N_(
    "**The Jacobian** is nan as well: the picked row has no softmax, and so no slopes. A gradient that comes back through this row is nan."
)


# ---- the page's own tabs ---------------------------------------------------------------------------------------


def without_the_largest(run: runs.Run, found: runs.Naive) -> None:
    """The same by the textbook's formula."""
    names = ("naive_exp", "naive_sum", "naive")
    board.show(
        *draw.naive(run, found), links=draw.one_row(run), spelled=NAIVE_SPELLED, picks=dict.fromkeys(names, "cell"),
        pinned=("naive", run.picked) if run.picked else None, cell=draw.side(run), name="naive",
    )  # fmt: skip
    st.caption(_("The textbook's formula on the same scores: exp, sum and divide, with nothing subtracted before."))


def sigmoid(run: runs.Run) -> None:
    """The softmax of two scores is the sigmoid of their difference."""
    facts, curve = runs.sigmoid(run.slice(run.z)), runs.sigmoid_curve()
    left, right = st.columns([5, 4])
    with left:
        alt = say("Sigmoid and two-class softmax lie on each other: largest difference {difference}.", curve)
        board.alone(draw.sigmoid(curve), alt, name="sigmoid", width=500)
    with right:
        st.markdown(say(two_classes(facts), facts))
        if facts.classes > 2:
            st.markdown(say(
                "{classes} sigmoids of {classes} classes answer {classes} questions of yes or no. They need not sum to 1: here they sum to "
                "**{total:.4g}**. That is right where several labels may be true at once, and wrong where exactly one is.", facts,
            ))  # fmt: skip


def two_classes(facts: runs.Sigmoid) -> str:
    """The first two scores, both ways."""
    said = (
        _("The picked row's first two scores are a = {a} and b = {b}.") if facts.classes > 1
        else _("The picked row's first two scores are a = {a} and b = 0 (there is no second one).")
    )  # fmt: skip
    if facts.pair != facts.pair:
        return said + _(" Their softmax is nan; sigmoid(a − b) = {one}.")
    return said + _("\n\n- softmax((a, b))₀ = **{pair:.6g}**\n- sigmoid(a − b) = **{one:.6g}**\n\nDivide numerator and denominator of exp(a)/(exp(a) + exp(b)) by exp(a), and 1/(1 + exp(−(a − b))) is left. So a classifier of two classes needs one score, not two.")  # fmt: skip


def log_softmax(topic: Topic, run: runs.Run) -> None:
    """The logarithm of the probabilities, in one step and in two."""
    facts = runs.log_softmax(run.z, run.dim)
    board.show(
        *draw.log_softmax(run, facts), links=draw.one_row(run), spelled=LOG_SPELLED,
        picks=dict.fromkeys(("shifted", "log_softmax", "log"), "cell"), height=300, name="log",
    )  # fmt: skip
    st.markdown(say(
        "In two steps **{lost} of {cells}** logarithms are −∞, since their probability is too small for {dtype} and became 0 before the logarithm was taken. "
        "In one step they are numbers: **{kept}** are, the smallest **{smallest}**."
        if facts.lost else
        "In two steps no logarithm is lost here: as in one step **{kept} of {cells}** are numbers. Raise the magnitude until a probability becomes 0.", facts,
    ))  # fmt: skip
    check.show(topic.operators[1], run.call)


def walk_through(run: runs.Run) -> None:
    """Line by line, the textbook's version or the manual one."""
    version = controls.choice("walk", "Version", {"manual": "manual", "textbook": "textbook"})
    walk.show(*draw.walk(run, version), key=f"walk {version}")


TRIES = (
    Try(
        "Cold", "T=0.1",
        "A temperature below 1 enlarges the differences between the scores. Look at `softmax`: nearly all of each row lies on its largest score. "
        "Point at a curve to find the temperature at which the winner of row 0 still has less than half.",
    ),
    Try(
        "Scores in the hundreds", "magnitude=100",
        "Look at `exp`: since the largest went first, nothing is above 1. Find out in *Without the largest* which results the textbook's formula "
        "loses, and which of its steps loses them.",
    ),
    Try(
        "Only the sum overflows", "x_from=typed&x=[[88.5, 88.5, 88.5]]",
        "exp(88.5) is still a number in float32, but three of them sum to ∞. Find out what the textbook's formula gives then, and why it is no nan.",
    ),
    Try(
        "A masked row", "x_from=typed&x=[[0, -inf, -inf], [-inf, -inf, -inf]]",
        "A score of −∞ masks its class: row 0 gives it probability 0. In row 1 every class is masked, and nothing is left to divide by: look at z − largest, "
        "and find the first step that is nan.",
    ),
    Try(
        "Along dim 0", "dim=0",
        "Now each column sums to 1: the scores of different samples compete for one class. Find out which rows of `softmax` changed their most probable class.",
    ),
)  # fmt: skip


frame.page("softmax", lesson)
