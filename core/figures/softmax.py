"""Pictures of a softmax: its steps, one group's Jacobian, that group over the temperature, and the textbook's way."""

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor

from core.experiments import softmax as runs
from core.experiments.softmax import Run
from core.figures import colour, curves
from core.figures.board import Cells, Panel, Relation
from core.figures.colour import Scale
from core.figures.heatmap import Picture
from core.figures.montage import cell_size
from core.figures.walk import Walk, record
from core.ops import softmax as ops
from core.words import Words, _, say
from core.words.numbers import number

LEAST, LARGEST = 26, 34  # pixels of a cell: so that digits fit, and so that two lines of pictures fit the screen
CURVES = 212  # pixels of the curves' height
SHARES = Scale(colour.MAGNITUDE, 0.0, 1.0)
SLOPES = Scale(colour.SIGNED, -0.25, 0.25)  # s(1 − s) and sᵢsⱼ are never more: what is coloured is not nearly 0
Part = Picture | str


# ---- the board -------------------------------------------------------------------------------------------------


def equation(run: Run) -> list[Part]:
    """z → z − largest → exp ÷ sum = softmax."""
    z, steps, own = run.z, run.steps, axes(run, "j")
    group = "i" if z.dim() > 1 else "o"
    largest, sums = each(z.amax(run.dim, keepdim=True).expand_as(z)), colour.magnitude(steps.total)
    return [
        picture("z", z, colour.signed(z), "z: the scores", axes=axes(run, "m"), group=group, notes=largest), "→",
        picture("shifted", steps.shifted, colour.signed(z, steps.shifted), "z − largest", axes=own, notes=largest), "→",
        picture("exp", steps.exp, SHARES, "exp of it", axes=own, group=group), "÷",
        picture("total", steps.total, sums, "sum", axes=axes(run, "o"), notes=summed(run)), "=",
        picture("softmax", run.output, SHARES, say("softmax along dim {dim}", dim=run.dim), axes=own, group=group),
    ]  # fmt: skip


def picture(name: str, values: Tensor, scale: Scale, title: Words, **more: Any) -> Picture:
    """A tensor whose cells that hold nan are grey."""
    undefined = [tuple(index) for index in values.isnan().nonzero().tolist()]
    return Picture(name, values, scale, title, muted=undefined, **more)


def side(run: Run) -> int:
    """The side of a cell with which five pictures stand in one line, or three where five would be too small."""
    five = cell_size([run.z.shape] * 4 + [run.steps.total.shape], height=240, largest=LARGEST)
    return five if five >= LEAST else cell_size([run.z.shape] * 3, height=240, largest=LEAST)


def axes(run: Run, along: str) -> str:
    """The words of a picture of z's shape: `along` for dim, i for the other."""
    words = ["i"] * (run.z.dim() - 1)
    words.insert(run.dim, along)
    return " ".join(words)


def links(run: Run) -> list[Relation]:
    """A score and what is made of it; each row's largest score; the scores that the Jacobian's columns stand for."""
    same = [(j, j) for j in range(run.z.shape[run.dim])]
    winners = run.z.argmax(run.dim).flatten().tolist()
    ties = [relation("j m", same), relation("b m", same, "origin")]
    if run.row:
        return [*ties, relation("i m", list(enumerate(winners)), "winner")]
    return [*ties, *one_row(run), relation("j m", [(j, winners[0]) for j, _ in same], "winner")]


def one_row(run: Run) -> list[Relation]:
    """A vector's only sum with all of its cells; of a matrix the row's index ties them."""
    return [] if run.row else [relation("o j", [(0, j) for j in range(len(run.z))])]


def relation(axes: str, rows: Sequence[tuple[int, ...]], role: str = "used") -> Relation:
    """Indices that hang together, one combination a row."""
    return Relation(axes, torch.tensor(rows).numpy(), role)


def summed(run: Run) -> list[str]:
    """For each sum what it is the sum of."""
    rows = run.steps.exp.movedim(run.dim, -1).reshape(-1, run.z.shape[run.dim])
    return [" + ".join(each(row)) for row in rows]


def each(values: Tensor) -> list[str]:
    """Every number as a text of four digits."""
    return [number(value, 4) for value in values.double().flatten().tolist()]


def sub(i: int) -> str:
    """A number as an index below the line."""
    return "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in str(i))


def jacobian(run: Run, matrix: Tensor) -> Picture:
    """∂sᵢ/∂zⱼ of the picked row: (1, C, C), the slice of that row among those of all rows; (C, C) for a vector."""
    c = len(matrix)
    return picture(
        "J", matrix.expand(*[1] * len(run.row), c, c), SLOPES, "Jacobian ∂sᵢ/∂zⱼ: row i, column j",
        axes="i j b" if run.row else "j b", origin=(*run.row, 0, 0), leading_names=(_("row"),),
        notes=slopes_spelled(run.slice(run.output)),
        picks=[", ".join(map(str, run.group[a])) for a in range(c) for _ in range(c)], side=max(16, min(34, 140 // c)),
    )  # fmt: skip


def slopes_spelled(s: Tensor) -> list[str]:
    """For each ∂sᵢ/∂zⱼ its formula and the numbers in it."""
    said = each(s)
    return [
        f"s{sub(i)}·(1 − s{sub(i)}) = {said[i]}·(1 − {said[i]})" if i == j
        else f"−s{sub(i)}·s{sub(j)} = −{said[i]}·{said[j]}"
        for i in range(len(s)) for j in range(len(s))
    ]  # fmt: skip


def over_temperature(run: Run) -> Panel:
    """The picked row's probabilities over the temperature."""
    scores, now = run.slice(run.z).double() * run.temperature, run.temperature  # the scores that T divides
    ts, stops = torch.logspace(-1, 1, 61), torch.tensor(runs.TEMPERATURES)
    over, at_stops = runs.over_temperature(scores, ts), runs.over_temperature(scores, stops)
    c = len(scores)
    figure = curves.lines(
        {f"s{sub(i)}": (ts, over[:, i]) for i in range(c)} | {f"T = {now:g}": ([now] * 2, [0, 1])},
        curves.Axis("temperature T", log=True), curves.Axis("probability", range=(0, 1)),
        title="The row over T: sharp when cold, even when hot", height=CURVES + 19 * (c // 5), targets={"1/C": 1 / c},
    )  # fmt: skip
    places = [(j, t, at_stops[t, j].item()) for j in range(c) for t in range(len(stops))]
    cells = Cells(
        "i j t" if run.row else "j t", (*[1] * len(run.row), c, len(stops)), at_stops.T.contiguous(),
        notes=[f"T = {runs.TEMPERATURES[t]:g}: s{sub(j)}" for j, t, _ in places], origin=(*run.row, 0, 0),
        spots=[None if math.isnan(share) else (runs.TEMPERATURES[t], share) for _, t, share in places],
    )  # fmt: skip
    here, hot = (", ".join(each(shares)) for shares in (run.slice(run.output), over[-1]))
    alt = say(
        "Probabilities over the temperature; at T = {now:g}: {here}; at T = 10: {hot}.", now=now, here=here, hot=hot
    )
    return Panel("curves", figure, alt, cells, picks=[f"{runs.TEMPERATURES[t]:g}" for _, t, _ in places], stretch=460)


# ---- the tabs --------------------------------------------------------------------------------------------------


def naive(run: Run, found: runs.Naive) -> list[Part]:
    """exp ÷ sum = softmax, with nothing subtracted before."""
    own = axes(run, "j")
    return [
        picture("naive_exp", found.exp, colour.magnitude(found.exp), "exp(z)", axes=own), "÷",
        picture("naive_sum", found.total, colour.magnitude(found.total), "sum", axes=axes(run, "o")), "=",
        picture("naive", found.output, SHARES, "the textbook's softmax", axes=own),
    ]  # fmt: skip


def log_softmax(run: Run, found: runs.LogSoftmax) -> list[Part]:
    """z − largest − log Σ exp = log_softmax, and beside it the logarithm of softmax."""
    steps, own, scale = found.steps, axes(run, "j"), colour.signed(found.output)
    return [
        picture("shifted", steps.shifted, scale, "z − largest", axes=own), "−",
        picture("log_total", steps.log_total, colour.signed(steps.log_total), "log Σ exp", axes=axes(run, "o")), "=",
        picture("log_softmax", found.output, scale, "log_softmax", axes=own), "",
        picture("log", found.two, scale, "log(softmax(z))", axes=own),
    ]  # fmt: skip


def sigmoid(curve: runs.SigmoidCurve) -> go.Figure:
    """Sigmoid and the softmax of two, one on the other, and the slope."""
    return curves.lines(
        {"sigmoid(d)": (curve.d, curve.sigmoid), "softmax((d, 0))₀": (curve.d, curve.softmax),
         "slope σ(1 − σ)": (curve.d, curve.slope)},
        curves.Axis("d = a − b, the difference of two scores"), curves.Axis("probability"),
        title="Sigmoid is the softmax of two", targets={"½": 0.5},
    )  # fmt: skip


def walk(run: Run, version: str) -> tuple[Walk, dict[str, Scale]]:
    """The textbook's lines, or those of the manual version, on the scores with each group as a row."""
    X = torch.atleast_2d(run.z).float()
    X = X.T.contiguous() if run.z.dim() == 2 and run.dim == 0 else X
    if version == "textbook":
        steps = record(ops.softmax_textbook, X, panels=("X", "X_exp", "partition", "return"))
        exp = colour.magnitude(X.exp())
        return steps, {"X": colour.signed(X), "X_exp": exp, "partition": exp, "return": SHARES}
    steps = record(ops.softmax_steps, X, 1, panels=("input", "shifted", "exp", "total", "output"))
    end = steps.steps[-1].values
    return steps, {
        "input": colour.signed(X), "shifted": colour.signed(X, end["shifted"]), "exp": SHARES,
        "total": colour.magnitude(end["total"]), "output": SHARES,
    }  # fmt: skip
