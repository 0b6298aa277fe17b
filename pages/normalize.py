"""L2 normalise: rows before and after, their norms, and the unit ball they land on, for any p."""

import random

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from core.figures import arrows, colour
from core.figures.board import Cells, Panel, Relation
from core.figures.heatmap import Picture
from core.figures.montage import Index
from core.figures.numbers import number
from core.figures.walk import record
from core.ops import normalize as ops
from core.ops.operator import Call
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, frame, tensor_input, walk
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

LIMITS = Limits(ranks=(2,), max_side=16, max_elements=128)
POWERS = ("-1", "0", "0.5", "1", "1.5", "2", "3", "4", "10", "inf", "-inf")
EPS = ("1e-12", "1e-3", "0.1", "1", "3")


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    row = controls.main()
    with row:
        p = float(controls.stops("p", "p", POWERS, "2"))
        eps = float(controls.stops("eps", "eps", EPS, "1e-12"))
        dim = controls.choice(
            "dim", "dim", (0, 1), 1, help="The dimension along which the vectors lie: 1 takes the rows."
        )
        numbers = controls.choice("numbers", "Numbers a vector", (2, 3, 4), 2)
    with controls.more():
        seed = controls.seed()
        example = (2 * torch.randn(5, numbers, generator=torch.Generator().manual_seed(seed))).round(decimals=1)
        given = tensor_input.tensor("x", "Input", example, LIMITS)
        cell = controls.cell("cell", "Picked cell", given.shape) or (0, 0)
    x = given if given.is_floating_point() else given.float()
    if x.dtype != given.dtype:
        st.caption(f"torch normalises no {str(given.dtype).removeprefix('torch.')}: these numbers are float32 here.")
    with row:
        space = x.shape[dim] == 3
        turn = controls.slider("turn", "Seen from, in degrees", 0, 350, 50, step=10) if space else 0
    steps = ops.normalize_steps(x, p, dim, eps)
    draw(x, steps, p, dim, cell, turn)
    check.show(topic.operators[0], Call((x,), {"p": p, "dim": dim, "eps": eps}))
    frame.below(
        topic,
        pitfalls=pitfalls(x, p, dim),
        walk=lambda: textbook_walk(x, p),
        questions=questions(x, p, dim, eps, steps),
        take=lambda: take(x, p, dim, eps, steps),
    )


# ---- the pictures ----------------------------------------------------------------------------------------------


def draw(x: Tensor, steps: ops.NormalizeSteps, p: float, dim: int, cell: Index, turn: int) -> None:
    """input ÷ norm = output, and the vectors as arrows where they have two or three numbers.

    A number of the output is made from its whole vector ("v"); the relation tells its own number from the others'.
    """
    scale = colour.signed(x, steps.output)
    words = "{v} {k}" if dim == 1 else "{k} {v}"
    own = np.arange(x.shape[dim]).repeat(2).reshape(-1, 2)
    firsts = [f"{v}, 0" if dim == 1 else f"0, {v}" for v in range(steps.norm.numel())]
    arrows_ = arrows_of(*(x, steps.output) if dim == 1 else (x.T, steps.output.T), p, turn)
    board.show(
        Picture("input", x, scale, "input", axes=words.format(v="v", k="k")), "÷",
        Picture(
            "norm", steps.clamped, colour.magnitude(steps.clamped), "max(norm, eps)",
            axes=words.format(v="v", k="one"), notes=norms(x, steps, p, dim), picks=firsts,
        ), "=",
        Picture("output", steps.output, scale, "output", axes=words.format(v="v", k="e"), notes=quotients(x, steps)),
        *([arrows_] if arrows_ else []),
        links=[Relation("k e", own, "winner")],
        spelled={
            "output": "`{at:output}` = {note:output} = **{output}**; its vector's norm is {note:norm}.",
            "norm": "`{at:norm}` = {note:norm}.",
            "input": "`{at:input}` = **{input}** is in the norm {note:norm}, and so in every number of `{at:output}`: {list:output}.",
            "arrows": "({list:input}) ÷ {norm} = (**{list:output}**); the norm is {note:norm}.",
        },
        picks=dict.fromkeys(("input", "norm", "output", "arrows"), "cell"), pinned=("output", cell), height=330,
    )  # fmt: skip


def arrows_of(rows: Tensor, scaled: Tensor, p: float, turn: int) -> Panel | None:
    """Vectors of two numbers in the plane, of three in space, where a slider turns them as the mouse does."""
    ends = "; ".join(f"{a} to {b}" for a, b in zip(said(rows), said(scaled), strict=True))
    alt = f"Each vector scaled onto the unit ball: {ends}"
    if rows.shape[1] == 3:
        return Panel("arrows", arrows.deep_arrows(rows, scaled, p, turn), alt)
    if rows.shape[1] != 2:
        return None
    cells = Cells("v", (len(rows),), spots=arrows.ends(scaled), texts=said(scaled))
    return Panel("arrows", arrows.flat_arrows(rows, scaled, p), alt, cells)


def said(rows: Tensor) -> list[str]:
    """Rows in words."""
    return ["(" + ", ".join(number(value) for value in row) + ")" for row in rows.tolist()]


def norms(x: Tensor, steps: ops.NormalizeSteps, p: float, dim: int) -> list[str]:
    """The norm of each vector in numbers, and whether eps raised it."""
    vectors = (x if dim == 1 else x.T).tolist()
    pairs = zip(vectors, steps.norm.flatten().tolist(), steps.clamped.flatten().tolist(), strict=True)
    return [norm_said(vector, norm, by, p) for vector, norm, by in pairs]


def norm_said(vector: list[float], norm: float, by: float, p: float) -> str:
    """One norm: its formula with the numbers, and what it is divided by."""
    inside = ", ".join(number(abs(value)) for value in vector)
    formulas = {
        0.0: f"how many of {inside} are not 0",
        torch.inf: f"the largest of {inside}",
        -torch.inf: f"the smallest of {inside}",
    }
    power = f"^{p:g}" if p > 0 else f"^({p:g})"
    total = " + ".join(f"{number(abs(value))}{power}" for value in vector)
    raised = "" if norm == by else f", raised to eps = {number(by)}"
    return f"{formulas.get(p, f'({total})^(1/{p:g})')} = **{number(norm)}**{raised}"


def quotients(x: Tensor, steps: ops.NormalizeSteps) -> list[str]:
    """Each number of the output as the quotient that it is."""
    pairs = zip(x.flatten().tolist(), steps.clamped.expand_as(x).flatten().tolist(), strict=True)
    return [f"{number(value)} / {number(by)}" for value, by in pairs]


# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(x: Tensor, p: float, dim: int) -> list[Pitfall]:
    """What people believe of normalising, the tutorial's words first."""
    return [
        Pitfall("The tutorial: it turns numbers into numbers between 0 and 1", lambda: signs_stay(x, p, dim)),
        Pitfall("The tutorial's formula Σxᵖ holds for every p", lambda: odd_powers(x)),
        Pitfall("The tutorial's code works on its own integer tensor as torch does", integer_tensors),
        Pitfall("A row of zeros becomes NaN", lambda: zero_rows(x)),
        Pitfall("After normalising, the rows sum to 1", lambda: sums(x, p, dim)),
        Pitfall("Any dim will do", lambda: other_dim(x, p)),
    ]


def signs_stay(x: Tensor, p: float, dim: int) -> None:
    """The range of the output."""
    told = []
    for name, given in (("input", x), ("same numbers with their signs turned", -x)):
        output = ops.normalize(given, p, dim)
        told.append(
            f"from **{number(output.min().item())}** to **{number(output.max().item())}** for the {name}, with "
            f"{int((output < 0).sum())} of {output.numel()} negative"
        )
    st.markdown(
        f"The output runs {' and '.join(told)}: signs stay, and the length becomes 1, not the range. "
        "Mapping to 0…1 is min-max scaling."
    )


def odd_powers(x: Tensor) -> None:
    """The textbook form with p = 3 and p = 1 on the input."""
    said_ = []
    for p in (1, 3):
        norm = x.pow(p).sum(1, keepdim=True).pow(1.0 / p).flatten()
        true = ops.normalize_steps(x, p, 1).norm.flatten()
        wrong = ~torch.isclose(norm, true, equal_nan=False)
        said_.append(f"p = {p}: **{int(wrong.sum())} of {len(x)}** rows have a wrong norm ({number(norm[0].item())} for {number(true[0].item())} in the first)")  # fmt: skip
    st.markdown("Without the absolute value negative numbers cancel, or their root is NaN. " + "; ".join(said_) + ".")


def integer_tensors() -> None:
    """The tutorial's example, an integer tensor."""
    x = torch.tensor([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    try:
        torch.nn.functional.normalize(x)
        said_ = "takes it"
    except RuntimeError as error:
        said_ = f"refuses it: “{str(error).splitlines()[0]}”"
    big = torch.tensor([[2**21, 1]])
    st.markdown(
        f"`F.normalize` {said_} The tutorial's lines take it, since the root makes floats: row 0 over "
        f"{number(ops.l2norm(x)[0, 0].item() ** -1)}. But the powers are integers before: for [2²¹, 1] and p = 3, Σxᵖ is "
        f"**{int(big.pow(3).sum()):,}**, which has wrapped round."
    )


def zero_rows(x: Tensor) -> None:
    """A zero row in both forms."""
    zeros = torch.zeros(1, x.shape[1])
    st.markdown(
        f"In the tutorial's form it does: {ops.l2norm(zeros).tolist()[0][:3]}. torch divides by max(norm, eps) and gives "
        f"{ops.normalize(zeros).tolist()[0][:3]}. A row shorter than eps stays shorter than 1: raise eps and see."
    )


def sums(x: Tensor, p: float, dim: int) -> None:
    """Sums and norms after normalising."""
    output = ops.normalize(x, p, dim)
    st.markdown(
        f"Their sums are {', '.join(number(v) for v in output.sum(dim).tolist())}; what is 1 is their p-norm: "
        f"{', '.join(number(v) for v in ops.normalize_steps(output, p, dim).norm.flatten().tolist())} (0 for a zero vector). "
        "Rows that sum to 1 are what softmax makes."
    )


def other_dim(x: Tensor, p: float) -> None:
    """Both dims on the input."""
    along = [ops.normalize(x, p, dim) for dim in (0, 1)]
    st.markdown(
        f"Along dim 0 and dim 1 **{int((along[0] != along[1]).sum())} of {x.numel()}** numbers differ. The default is dim = 1; "
        "for images (N, C, H, W) that normalises across the channels of each pixel."
    )


# ---- walk, questions, take away --------------------------------------------------------------------------------


def textbook_walk(x: Tensor, p: float) -> None:
    """The tutorial's two lines on the input."""
    if p == 0:
        st.caption("The tutorial's form has no p = 0: it would take the root 1/0. Showing p = 2.")
        p = 2.0
    steps = record(ops.l2norm, x, p, panels=("x", "norm", "return"))
    end = steps.steps[-1].values
    walk.show(steps, {name: colour.signed(end[name]) for name in ("x", "norm", "return")}, key="walk")


def questions(x: Tensor, p: float, dim: int, eps: float, steps: ops.NormalizeSteps) -> list:
    """Questions on what is on screen."""

    def value(draw: random.Random) -> Question:
        cell = tuple(draw.randrange(n) for n in x.shape)
        return Question(
            f"The vector of {list(cell)} has norm {number(steps.clamped.expand_as(x)[cell].item(), 5)}. What does the output hold there?",
            f"{steps.output[cell].item():.4g}",
            f"input {number(x[cell].item())} over the norm.",
        )

    def doubled(draw: random.Random) -> Question:
        factor = draw.choice((2, 10, -3))
        cells = [tuple(cell) for cell in steps.output.nonzero().tolist()] or [(0, 0)]
        cell = draw.choice(cells)
        by = ops.normalize(x * factor, p, dim, eps)[cell].item() / (steps.output[cell].item() or 1.0)
        return Question(
            f"Every input is multiplied by {factor}. By what is the output at {list(cell)} multiplied?",
            f"{by:.3g}",
            "Only the direction counts: the norm grows by the factor's magnitude, and the sign stays; but where eps is in force the divisor does not grow.",
        )

    def count(_: random.Random) -> Question:
        vectors = steps.norm.numel()
        return Question(
            f"How many norms are computed for this {len(x)}×{x.shape[1]} input along dim {dim}?",
            str(vectors),
            f"One for each vector along dim {dim}; the norms keep that dimension with size 1: {tuple(steps.norm.shape)}.",
        )

    return [value, doubled, count]


def take(x: Tensor, p: float, dim: int, eps: float, steps: ops.NormalizeSteps) -> TakeAway:
    """The run on screen as a script, and its tensors."""
    given = f'(x, p=float("{p:g}"), dim={dim}, eps={eps!r})'
    script = Script(
        "Normalise", {"x": x}, (ops.normalize,), (f"output = normalize{given}",), ("output",),
        {"output": f"torch.nn.functional.normalize{given}"},
    )  # fmt: skip
    return TakeAway(script, {"x": x, "norm": steps.norm, "output": steps.output})


frame.page("normalize", lesson)
