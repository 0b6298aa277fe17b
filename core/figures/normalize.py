"""Pictures of normalising: input ÷ norm = output, the vectors as arrows, and the gradient at short vectors."""

import math
from typing import Any

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from core.experiments import normalize as runs
from core.experiments.normalize import Run
from core.figures import arrows, colour, curves
from core.figures.board import Cells, Panel, Relation
from core.figures.colour import Scale
from core.figures.heatmap import Picture
from core.figures.walk import Walk, record
from core.ops import normalize as ops
from core.words import _, say
from core.words.numbers import number

FLAT, DEEP = 2, 3  # numbers of a vector that is an arrow in the plane, and in space


def equation(run: Run) -> list[Picture | str]:
    """Input ÷ norm = output. A number of the output is made from its whole vector ("v")."""
    steps, scale = run.steps, colour.signed(run.x, run.steps.output)
    return [
        picture("input", run.x, scale, axes=axes(run, "k")), "÷",
        picture(
            "norm", steps.clamped, colour.magnitude(steps.clamped), "max(norm, eps)", axes=axes(run, "one"),
            notes=norms(run), picks=firsts(run),
        ), "=",
        picture("output", steps.output, scale, axes=axes(run, "e"), notes=quotients(run)),
    ]  # fmt: skip


def picture(name: str, values: Tensor, scale: Scale, title: str = "", **more: Any) -> Picture:
    """A tensor whose cells that hold nan are grey."""
    undefined = [tuple(index) for index in values.isnan().nonzero().tolist()]
    return Picture(name, values, scale, title or name, muted=undefined, **more)


def given(x: Tensor) -> Picture:
    """The input alone, where it is not normalised."""
    return picture("input", x, colour.signed(x))


def axes(run: Run, along: str) -> str:
    """The words of a picture of the input's shape: `along` for dim, v for the other."""
    return along if run.x.dim() == 1 else f"v {along}" if run.dim == 1 else f"{along} v"


def links(run: Run) -> list[Relation]:
    """A number of the output and its own of the input; a vector's only norm and all of its numbers."""
    same = np.arange(run.x.shape[run.dim]).repeat(2).reshape(-1, 2)
    if run.x.dim() > 1:
        return [Relation("k e", same, "winner")]
    all_of_it = same * [0, 1]
    return [Relation("k e", same, "winner"), Relation("one k", all_of_it), Relation("one e", all_of_it)]


def firsts(run: Run) -> list[str]:
    """For each vector the index of its first number, which is picked with its norm or its arrow."""
    if run.x.dim() == 1:
        return ["0"]
    return [f"{v}, 0" if run.dim == 1 else f"0, {v}" for v in range(len(run.vectors))]


def vectors(run: Run, turn: int) -> Panel | None:
    """Vectors of two numbers in the plane, of three in space, where a slider turns them as the mouse does."""
    before, after = run.vectors, run.scaled
    ends = "; ".join(say("{a} to {b}", a=a, b=b) for a, b in zip(said(before), said(after), strict=True))
    alt = say("Each vector scaled onto the unit ball: {ends}", ends=ends)
    if before.shape[1] == DEEP:
        return Panel("arrows", arrows.deep_arrows(before, after, run.p, turn), alt)
    if before.shape[1] != FLAT:
        return None
    axis = "v" if run.x.dim() > 1 else "one"
    cells = Cells(axis, (len(before),), spots=arrows.ends(after), texts=said(after))
    return Panel("arrows", arrows.flat_arrows(before, after, run.p), alt, cells, picks=firsts(run))


def said(rows: Tensor) -> list[str]:
    """Rows in words."""
    return ["(" + ", ".join(map(number, row)) + ")" for row in rows.tolist()]


def norms(run: Run) -> list[str]:
    """The norm of each vector in numbers, and whether eps raised it."""
    columns = run.vectors.tolist(), run.steps.norm.flatten().tolist(), run.steps.clamped.flatten().tolist()
    return [norm_said(vector, norm, by, run.p) for vector, norm, by in zip(*columns, strict=True)]


def norm_said(vector: list[float], norm: float, by: float, p: float) -> str:
    """One norm: its formula with the numbers, and what it is divided by."""
    sizes = [number(abs(value)) for value in vector]
    power = f"^{p:g}" if p > 0 else f"^({p:g})"
    formulas = {
        0.0: say("how many of {terms} are not 0", terms=", ".join(sizes)),
        math.inf: say("the largest of {terms}", terms=", ".join(sizes)),
        -math.inf: say("the smallest of {terms}", terms=", ".join(sizes)),
        1.0: " + ".join(sizes),
        2.0: f"√({' + '.join(f'{size}²' for size in sizes)})",
    }
    total = " + ".join(size + power for size in sizes)
    found = f"{formulas.get(p, f'({total})^(1/{p:g})')} = **{number(norm)}**"
    return say("{norm}, raised to eps = {by}", norm=found, by=number(by)) if by > norm else found


def quotients(run: Run) -> list[str]:
    """Each number of the output as the quotient that it is."""
    pairs = zip(run.x.flatten().tolist(), run.steps.clamped.expand_as(run.x).flatten().tolist(), strict=True)
    return [f"{number(value)} / {number(by)}" for value, by in pairs]


# ---- the gradient ----------------------------------------------------------------------------------------------


def gradient(run: Run, found: runs.Gradients) -> list[Picture | str]:
    """The input beside the gradient that comes back to it."""
    return [
        picture("input", run.x, colour.signed(run.x), axes=axes(run, "k")), "",
        picture("grad", found.input, colour.signed(found.input), _("gradient of output.sum()"), axes=axes(run, "k")),
    ]  # fmt: skip


def slopes(found: runs.Slopes) -> go.Figure:
    """The slope of the output over the vector's length, across the vector and along it."""
    drawn = found.along.clamp(min=0)
    seen = drawn > found.plateau * 1e-6  # a slope of 0 has no place on a logarithmic axis
    return curves.lines(
        {"a step across the vector": (found.length, found.across),
         "a step along it": (found.length[seen], drawn[seen])},
        curves.Axis("length of the vector (p = 2)", log=True), curves.Axis("slope of the output", log=True),
        title="The shorter a vector, the steeper, down to eps", targets={"1/eps": 1 / found.eps},
    )  # fmt: skip


# ---- the walk --------------------------------------------------------------------------------------------------


def walk(run: Run, version: str) -> tuple[Walk, dict[str, Scale]]:
    """The tutorial's two lines, or those of the manual version, on the vectors as rows."""
    x = run.vectors.contiguous()
    if version == "textbook":
        steps = record(ops.l2norm, x, run.p, panels=("x", "norm", "return"))
    else:
        steps = record(ops.normalize_steps, x, run.p, 1, run.eps, panels=("input", "norm", "clamped", "output"))
    end = steps.steps[-1].values
    signed = {name: colour.signed(end[name]) for name in end}
    lengths = {name: colour.magnitude(end[name]) for name in ("norm", "clamped") if name in end}
    return steps, signed | lengths
