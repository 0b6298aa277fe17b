"""L2 normalise: rows before and after, their norms, the unit ball they land on for any p, and the gradient."""

from functools import partial

import streamlit as st

from core.experiments import normalize as runs
from core.figures import normalize as draw
from core.topics import Topic
from core.ui import board, check, controls, frame, link, take_away, tensor_input, walk
from core.ui.frame import Try
from core.words import N_, _, say
from pages.normalize_parts import pitfalls, questions

STEEP = 1000  # a slope from which on one row moves the weights more than all the others


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    row, own = controls.main(), tensor_input.source("x") != "example"
    with row:
        p = float(controls.stops("p", "p", runs.POWERS, "2"))
        eps = float(controls.stops("eps", "eps", runs.EPS, "1e-12"))
        size = 2 if own else controls.choice("numbers", "Numbers a vector", (2, 3, 4), 2)
    with controls.more():
        seed = 0 if own else controls.seed()
        given = tensor_input.tensor("x", "Input", runs.example(size, seed), runs.LIMITS)
        cell = controls.cell("cell", "Picked cell", given.shape) or (0,) * given.dim()
    x, conversion = runs.taken(given)
    with row:
        asked = controls.choice(
            "dim", "dim", (0, 1), x.dim() - 1, help="The dimension along which the vectors lie: 1 takes the rows."
        )
        refusal = runs.refusal(x, asked)
        run = runs.run(x, p, 0 if refusal else asked, eps)
        space = run.vectors.shape[1] == draw.DEEP and not refusal
        turn = controls.slider("turn", "Seen from, in degrees", 0, 350, 50, step=10) if space else 0
    if conversion:
        st.caption(say("torch refuses {dtype}: “{conversion}”. These numbers were made float32.", dtype=given.dtype, conversion=conversion))  # fmt: skip
    if refusal:
        frame.refused(f"IndexError: {refusal}", NO_DIM_1, {"dim = 0": partial(set_dim, 0)})
        board.show(draw.given(x), height=330)
    else:
        show(run, cell, turn)
    frame.below(
        topic,
        pitfalls=pitfalls.of(run),
        tries=TRIES,
        walk=partial(walk_through, run),
        questions=questions.ALL,
        take=lambda: take_away.of(
            topic.operators[0],
            run.call,
            {"x": x, "norm": run.steps.norm, "output": run.steps.output},
            title="Normalise",
        ),
        more={"Gradient": partial(gradient, run)},
    )


def set_dim(dim: int) -> None:
    """Take this dim."""
    st.session_state["dim"] = dim


NO_DIM_1 = N_(
    "A vector has dimension 0 alone, and F.normalize takes dim=1 unless it is told: the default is made for rows of a matrix."
)


def show(run: runs.Run, cell: tuple[int, ...], turn: int) -> None:
    """input ÷ norm = output, the vectors as arrows, the check, and what became of the lengths."""
    arrows = draw.vectors(run, turn)
    board.show(
        *draw.equation(run), *([arrows] if arrows else []), links=draw.links(run), spelled=SPELLED,
        picks=dict.fromkeys(("input", "norm", "output", "arrows"), "cell"), pinned=("output", cell),
        height=225 if link.projector() else 330,
    )  # fmt: skip
    check.say("normalize", runs.compared(run))
    facts = runs.lengths(run)
    st.markdown(say(what_became_of_lengths(facts), facts))


SPELLED = {
    "output": N_("`{at:output}` = {note:output} = **{output}**; its vector's norm is {note:norm}."),
    "norm": "`{at:norm}` = {note:norm}.",
    "input": N_(
        "`{at:input}` = **{input}** is in the norm {note:norm}, and so in every number of `{at:output}`: {list:output}."
    ),
    "arrows": N_("({list:input}) ÷ {norm} = (**{list:output}**); the norm is {note:norm}."),
}


def what_became_of_lengths(facts: runs.Lengths) -> str:
    """How many vectors are of length 1 now, and what became of the others."""
    said = _(
        "**What changes is the length.** Each vector is divided by one number, its p-norm, so its direction and its signs stay. "
    )
    if facts.p == 0:
        said += _("For p = 0 that number counts what is not 0: dividing by a count makes nothing of length 1. ")
    else:
        said += _("Of {vectors:|vector|vectors}, **{unit}** have p-norm 1 now. ")
    if facts.raised:
        said += _(
            "**{raised:|vector is|vectors are} shorter than eps** = {eps}: divided by eps instead of the norm, a vector stays shorter than 1. "
        )
    if facts.zero:
        said += _("Of them {zero:|is|are} zero: there the output is 0, but see the gradient. ")
    if facts.overflowed:
        said += _(
            "The norm of {overflowed:|vector|vectors} is more than {dtype} can hold and became ∞: divided by it, every number is 0. "
        )
    if facts.undefined:
        said += _(
            "{undefined:|vector holds|vectors hold} nan now: where the input is nan or infinite, or where eps rounds to 0 in this dtype."
        )
    return said


# ---- the gradient ----------------------------------------------------------------------------------------------


def gradient(run: runs.Run) -> None:
    """What comes back to each vector, and how steep the output is for short ones."""
    facts, slopes = runs.gradients(run), runs.slopes(run.eps)
    alt = say("The slope rises as the vector gets shorter, and stays at {plateau} = 1/eps below eps = {eps}.", slopes)
    board.show(
        *draw.gradient(run, facts),
        board.Panel("slopes", draw.slopes(slopes), alt, stretch=460),
        height=300,
        name="gradient",
    )
    st.markdown(say(what_comes_back(facts, run.p), facts))
    st.caption(
        _(
            "The curves are for p = 2. A step along a vector longer than eps changes nothing: a slope of 0, which a logarithmic axis cannot show."
        )
    )


def what_comes_back(facts: runs.Gradients, p: float) -> str:
    """Right angles where the norm divides, 1/eps where eps does."""
    said = _("Here a 1 comes back to every number of the output. ")
    if facts.longer and facts.right_angles == facts.longer:
        said += _(
            "For **{right_angles:|vector|vectors}** that the norm divides, input · gradient is 0: the gradient is at a right angle to the vector, since a "
            "longer vector has the same output. "
        )
    elif p == 0:
        said += _("For p = 0 the count of numbers that are not 0 has no slope, and the gradient is 1 over the count. ")
    if facts.undefined:
        said += _(
            "For {undefined:|vector|vectors} shorter than eps torch's gradient is nan: a power of such small numbers overflowed. "
        )
    if not facts.shorter:
        said += _(
            "No vector is shorter than eps = {eps} here: where one is, each number of its gradient is 1/eps = **{inverse}**. Type a row of zeros, and see."
        )
    elif facts.shorter > facts.undefined:
        said += _(
            "**{shorter:|vector is|vectors are} shorter than eps**, and divided by the constant eps: each of the gradient's numbers is 1/eps = **{inverse}**. "
        )
        if facts.inverse > STEEP:
            said += _("One such row in a batch is enough to throw the weights before it: raise eps, and see.")
    return said


# ---- walk, links ----------------------------------------------------------------------------------------------------


def walk_through(run: runs.Run) -> None:
    """Line by line, the tutorial's version or the manual one."""
    versions = N_({"manual": "manual"} if run.p == 0 else {"manual": "manual", "textbook": "textbook"})
    version = controls.choice("walk", "Version", versions)
    if run.p == 0:
        st.caption(_("The tutorial's form has no p = 0: it would take the root 1/0."))
    walk.show(*draw.walk(run, version), key=f"walk {version}")


TRIES = (
    Try("The largest number", "p=inf", "For p = ∞ the norm is the largest magnitude of each vector, and the ball is a square. Find in every vector of the output the number that is 1 or −1."),
    Try("p = 1 of positive numbers", "p=1&x_from=typed&x=[[1., 3.], [2., 2.], [0.5, 4.5]]", "The norm for p = 1 is the sum of the magnitudes. Look at the output: every row sums to 1, and it lies on a straight edge of the ball. Make one number negative, and find out which of the two is left."),
    Try("A zero row", "x_from=typed&x=[[3., 4.], [0., 0.]]&tab=Gradient", "Row 1 has length 0, and eps takes its place. Its output is 0; look at its gradient in the tab below, and find the eps that makes it 10."),
    Try("Shorter than eps", "eps=3", "eps is made to guard against 0, but it holds for every vector shorter than it. Look at `max(norm, eps)`: find the vectors that do not reach the circle."),
    Try("Half precision", "x_from=typed&x=tensor([[60000., 60000.]], dtype=torch.float16)", "The norm of this vector, 84853, is more than float16 can hold, and becomes ∞. Find out what the output is then, and whether torch does the same."),
)  # fmt: skip


frame.page("normalize", lesson)
