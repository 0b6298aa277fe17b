"""Softmax: exp, sum, divide as pictures, stable against naive, temperature, and the Jacobian."""

import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
import torch
from torch import Tensor

from core.figures import colour, curves
from core.figures.board import Cells, Panel, Relation
from core.figures.heatmap import Picture
from core.figures.montage import cell_size
from core.figures.numbers import number
from core.figures.walk import record
from core.ops import softmax as ops
from core.ops.operator import Call
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, frame, tensor_input, walk
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

LIMITS = Limits(ranks=(1, 2), max_side=12, max_elements=96)
LOGITS = (2.0, 1.0, 0.1, -1.5)  # the first row of the example
MAGNITUDES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
TEMPERATURES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
DTYPES = {"float32": torch.float32, "float64": torch.float64, "float16": torch.float16, "bfloat16": torch.bfloat16}
NARROW = 100  # pixels of a slider: three in a row on a phone
LEAST = 26  # pixels of a cell, so that digits fit
CURVES = 212  # pixels of the curves' height

Index = tuple[int, ...]


@dataclass(frozen=True)
class Run:
    """What is on screen: the logits z and the steps of their softmax."""

    x: Tensor  # as given
    z: Tensor  # magnitude · x / temperature: what softmax gets
    dim: int
    steps: ops.SoftmaxSteps
    picked: Index | None

    @property
    def cell(self) -> Index:
        """The picked cell, the first if none is."""
        return self.picked or (0,) * self.z.dim()

    @property
    def group(self) -> list[Index]:
        """The cells that are divided by the same sum as the picked one."""
        before, after = self.cell[: self.dim], self.cell[self.dim + 1 :]
        return [(*before, i, *after) for i in range(self.z.shape[self.dim])]

    @property
    def row(self) -> Index:
        """The number of the picked cell's group among all of them; () for a vector, which is one group."""
        return self.cell[: self.dim] + self.cell[self.dim + 1 :]

    def slice(self, values: Tensor) -> Tensor:
        """The picked cell's row along dim, of any tensor of z's shape: (C,)."""
        return torch.stack([values[index] for index in self.group])

    def axes(self, along: str) -> str:
        """The words of a picture of z's shape: `along` for dim, i for the other."""
        words = [*"i" * (self.z.dim() - 1)]
        words.insert(self.dim, along)
        return " ".join(words)


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.main():
        scores = choose_scores() if tensor_input.source("x") == "example" else list(LOGITS)
        temperature = controls.stops("T", "Temperature T", TEMPERATURES, 1.0, format=lambda t: f"{t:g}", width=NARROW)
        magnitude = controls.stops("magnitude", "Magnitude", MAGNITUDES, 1, width=NARROW)
    with controls.more():
        x = choose_rows(scores)
        dtype = DTYPES[controls.choice("dtype", "dtype", tuple(DTYPES), width=116, few=0)]
        dims = tuple(range(x.dim()))
        dim = controls.choice("dim", "dim", dims, dims[-1]) if len(dims) > 1 else 0
        z = (magnitude * x.to(dtype) / temperature).to(dtype)
        cell = controls.cell("cell", "Picked cell", z.shape)
    run = Run(x.to(dtype), z, dim, ops.softmax_steps(z, dim), cell)
    equation(run, temperature)
    check.show(topic.operators[0], Call((z, dim)))
    st.markdown(sums(run))
    st.markdown(naive_outcome(run))
    frame.below(
        topic,
        pitfalls=pitfalls(run),
        walk=lambda: textbook_walk(run),
        questions=questions(run),
        take=lambda: take(run),
        more={
            "Without the largest": lambda: naive_pictures(run),
            "Sigmoid": lambda: sigmoid(run),
            "Log softmax": lambda: log_softmax(topic, run),
        },
    )


def choose_scores() -> list[float]:
    """The first row of the example, by sliders."""
    return [controls.slider(f"z{i}", f"Score {i}", -5.0, 5.0, z, step=0.1, width=NARROW) for i, z in enumerate(LOGITS)]


def choose_rows(scores: list[float]) -> Tensor:
    """The scores with further rows drawn at random, or the reader's own tensor."""
    rows, seed = 1, 0
    if tensor_input.source("x") == "example":
        rows, seed = controls.slider("rows", "Rows", 1, 6, 3, width=NARROW), controls.seed()
    others = torch.randn(rows - 1, len(scores), generator=torch.Generator().manual_seed(seed)) * 2
    example = torch.cat([torch.tensor([scores]), others.round(decimals=1)])
    return tensor_input.tensor("x", "Scores (logits)", example, LIMITS).float()


# ---- the pictures ----------------------------------------------------------------------------------------------


SPELLED = {
    "z": "`{at:z}` = {z}, less the largest {note:z} = {shifted}; exp of it is {exp}, and its share **{softmax}**",
    "shifted": "`{at:shifted}` = {z} − {note:shifted} = **{shifted}**: the largest is 0 now, and no exp can overflow",
    "exp": "`{at:exp}` = exp({shifted}) = **{exp}**",
    "total": "`{at:total}` = {note:total} = **{total}**",
    "softmax": "`{at:softmax}` = {exp} / ({note:total}) = {exp} / {total} = **{softmax}**",
    "J": "`{at:J}` = {note:J} = **{J}**",
    "curves": "At {note:curves} = **{curves}**; a click sets this temperature",
}


def equation(run: Run, temperature: float) -> None:
    """z → z − largest → exp ÷ sum = softmax, and how one row of it answers to the scores and to the temperature."""
    steps, own = run.steps, run.axes("j")
    group = "i" if run.z.dim() > 1 else "o"
    largest, probabilities = run.z.amax(run.dim, keepdim=True), colour.Scale(colour.MAGNITUDE, 0.0, 1.0)
    taken = each(largest.expand_as(run.z))
    scores = colour.signed(run.z)
    slopes, over_t = jacobian(run), temperatures(run, temperature)
    takers: dict[str, board.Pick] = dict.fromkeys(("z", "shifted", "exp", "total", "softmax", "J"), "cell")
    board.show(
        Picture("z", run.z, scores, "z: the scores", axes=run.axes("m"), group=group, notes=taken), "→",
        Picture("shifted", steps.shifted, colour.signed(run.z, steps.shifted), "z − largest", axes=own, notes=taken), "→",
        Picture("exp", steps.exp, probabilities, "exp of it", axes=own, group=group), "÷",
        Picture("total", steps.total, colour.magnitude(steps.total), "sum", axes=run.axes("o"), notes=summed(run)), "=",
        Picture("softmax", steps.output, probabilities, f"softmax along dim {run.dim}", axes=own, group=group),
        board.BREAK, slopes, over_t,
        links=links(run), spelled=SPELLED, picks=takers | {"curves": set_temperature},
        pinned=("softmax", run.picked) if run.picked else None, cell=side(run),
    )  # fmt: skip


def side(run: Run) -> int:
    """The side of a cell with which five pictures stand in one line, or three where five would be too small."""
    total = run.steps.total.shape
    five = cell_size([run.z.shape] * 4 + [total], height=240, largest=34)
    return five if five >= LEAST else cell_size([run.z.shape] * 3, height=240, largest=LEAST)


def links(run: Run) -> list[Relation]:
    """A score and what is made of it; the largest score of each row; the scores that the Jacobian's columns stand for."""
    c = run.z.shape[run.dim]
    same = [(j, j) for j in range(c)]
    winners = run.z.argmax(run.dim).flatten().tolist()
    ties = [relation("j m", same), relation("b m", same, "origin")]
    if run.row:
        return [*ties, relation("i m", list(enumerate(winners)), "winner")]
    one_row = relation("o j", [(0, j) for j in range(c)])
    return [*ties, one_row, relation("j m", [(j, winners[0]) for j in range(c)], "winner")]


def each(values: Tensor) -> list[str]:
    """Every number as a text of four digits."""
    return [number(value, 4) for value in values.double().flatten().tolist()]


def summed(run: Run) -> list[str]:
    """For each sum what it is the sum of."""
    rows = run.steps.exp.movedim(run.dim, -1).reshape(-1, run.z.shape[run.dim])
    return [" + ".join(each(row)) for row in rows]


def set_temperature(said: str) -> None:
    """Take the temperature of a clicked point of the curves."""
    st.session_state["T"] = float(said)


def jacobian(run: Run) -> Picture:
    """∂sᵢ/∂zⱼ of the picked row: (1, C, C), the slice of that row among those of all rows; (C, C) for a vector."""
    s = run.slice(run.steps.output)
    values, c = ops.softmax_jacobian(s), len(s)
    return Picture(
        "J", values.expand(*[1] * len(run.row), c, c), colour.signed(values), "Jacobian ∂sᵢ/∂zⱼ: row i, column j",
        axes="i j b" if run.row else "j b", origin=(*run.row, 0, 0), leading_names=("row",), notes=slopes_spelled(s),
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


def temperatures(run: Run, temperature: float) -> Panel:
    """The picked row's probabilities over the temperature."""
    ts, stops = torch.logspace(-1, 1, 61).double(), torch.tensor(TEMPERATURES, dtype=torch.float64)
    scores = run.slice(run.z).double() * temperature  # what T divides
    over, at_stops = (ops.softmax(scores / t[:, None], 1) for t in (ts, stops))  # (T, C)
    c, here = len(scores), run.slice(run.steps.output)
    figure = curves.lines(
        {f"s{sub(i)}": (ts, over[:, i]) for i in range(c)} | {f"T = {temperature:g}": ([temperature] * 2, [0, 1])},
        curves.Axis("temperature T", log=True), curves.Axis("probability", range=(0, 1)),
        title="The row over T: sharp when cold, even when hot", height=CURVES + 19 * (c // 5), targets={"1/C": 1 / c},
    )  # fmt: skip
    places = [(j, t) for j in range(c) for t in range(len(stops))]
    cells = Cells(
        "i j t" if run.row else "j t", (*[1] * len(run.row), c, len(stops)), at_stops.T.contiguous(),
        notes=[f"T = {TEMPERATURES[t]:g}: s{sub(j)}" for j, t in places], origin=(*run.row, 0, 0),
        spots=[(TEMPERATURES[t], at_stops[t, j].item()) for j, t in places],
    )  # fmt: skip
    alt = f"Probabilities over the temperature; at T = {temperature:g}: {listed(here)}; at T = 10: {listed(over[-1])}."
    return Panel("curves", figure, alt, cells, picks=[str(TEMPERATURES[t]) for _, t in places], stretch=460)


def naive_steps(run: Run) -> tuple[Tensor, Tensor, Tensor]:
    """exp, its sum and their quotient, by the textbook's formula, which does not subtract the largest number."""
    exp = run.z.exp()
    total = exp.sum(run.dim, keepdim=True)
    return exp, total, exp / total


def naive_pictures(run: Run) -> None:
    """The same by the textbook's formula."""
    exp, total, output = naive_steps(run)
    own, share = run.axes("j"), colour.Scale(colour.MAGNITUDE, 0.0, 1.0)
    ties = [] if run.row else [relation("o j", [(0, j) for j in range(len(exp))])]
    board.show(
        Picture("naive_exp", exp, colour.magnitude(exp), "naive: exp(z)", muted=not_numbers(exp), axes=own), "÷",
        Picture("naive_sum", total, colour.magnitude(total), "sum", muted=not_numbers(total), axes=run.axes("o")), "=",
        Picture("naive", output, share, "naive softmax", muted=not_numbers(output), axes=own),
        links=ties, spelled="`{at:naive}` = {naive_exp} / {naive_sum} = **{naive}**, without the largest subtracted",
        picks=dict.fromkeys(("naive_exp", "naive_sum", "naive"), "cell"), pinned=("naive", run.picked) if run.picked else None,
        cell=side(run), name="naive",
    )  # fmt: skip
    st.caption("The textbook's formula on the same scores: exp, sum and divide, with nothing subtracted before.")


def naive_outcome(run: Run) -> str:
    """Whether the textbook's formula goes wrong on these scores, and by what."""
    exp, total, output = naive_steps(run)
    largest = torch.finfo(run.z.dtype).max
    bound = f"exp overflows above {number(torch.tensor(largest).double().log().item(), 4)} in {spelled(run.z.dtype)}"
    bad = int((~output.isfinite()).sum())
    lost = int((total.isinf() & exp.isfinite() & (run.steps.output > 0) & (output == 0)).sum())
    if not bad + lost:
        apart = (output.double() - run.steps.output.double()).abs().max().item()
        return (
            f"Without the largest subtracted it comes to the same, within {number(apart)}. Raise the magnitude: {bound}; the largest score here is "
            f"{number(run.z.max().item())}."
        )
    causes = {
        "∞/∞ is nan": exp.isinf() & total.isinf(),
        "where every exp of a row becomes 0, 0/0 is nan": (exp == 0) & (total == 0),
        "a number divided by a sum of ∞ is 0": total.isinf() & exp.isfinite(),
    }
    said = "; ".join(cause for cause, cells in causes.items() if cells.any())
    wrong = " and ".join(
        f"**{count} of {output.numel()}** results that are {what}"
        for count, what in ((bad, "no numbers"), (lost, "0 and should not be")) if count
    )  # fmt: skip
    return (
        f":orange[:material/warning:] The naive version has {wrong}: {bound}, and {said}. The largest score is "
        f"{number(run.z.max().item())}. Minus the largest first, no exponent is above 0."
    )


def not_numbers(values: Tensor) -> list[Index]:
    """The cells that hold nan, to be drawn in grey."""
    return [tuple(index) for index in values.isnan().nonzero().tolist()]


def spelled(dtype: torch.dtype) -> str:
    """A dtype without the module."""
    return str(dtype).removeprefix("torch.")


def sums(run: Run) -> str:
    """Which numbers sum to 1, and what the Jacobian's rows sum to."""
    along = f"Sums along dim {run.dim}: {listed(run.steps.output.sum(run.dim))}."
    if run.z.dim() == 2:
        other = 1 - run.dim
        along += f" Along dim {other}, which nothing made 1: {listed(run.steps.output.sum(other))}."
    row = ops.softmax_jacobian(run.slice(run.steps.output).double()).sum(1).abs().max().item()
    return (
        f"{along} In the Jacobian the diagonal s(1 − s) is never below 0 and all else, −sᵢsⱼ, never above it: one score "
        f"up, all other probabilities down. Its rows sum to {number(round(row, 9))}: the same added to all scores "
        "changes nothing."
    )


def listed(values: Tensor) -> str:
    """Numbers in a sentence, four digits each."""
    return ", ".join(each(values))


def sub(i: int) -> str:
    """A number as an index below the line."""
    return "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in str(i))


def relation(axes: str, rows: Sequence[tuple[int, ...]], role: str = "used") -> Relation:
    """Indices that hang together, one combination a row."""
    return Relation(axes, torch.tensor(rows).numpy(), role)


# ---- the page's own tabs ---------------------------------------------------------------------------------------


def sigmoid(run: Run) -> None:
    """The softmax of two scores is the sigmoid of their difference."""
    scores = run.slice(run.z)
    a, b = (scores[0], scores[1]) if len(scores) > 1 else (scores[0], torch.zeros_like(scores[0]))
    pair, one = ops.softmax(torch.stack([a, b]), 0)[0], ops.sigmoid(a - b)
    d = torch.linspace(-8, 8, 81)
    both = ops.softmax(torch.stack([d, torch.zeros_like(d)], 1), 1)[:, 0]
    left, right = st.columns([5, 4])
    with left:
        board.alone(
            curves.lines(
                {"sigmoid(d)": (d, ops.sigmoid(d)), "softmax((d, 0))₀": (d, both),
                 "slope σ(1 − σ)": (d, ops.sigmoid(d) * (1 - ops.sigmoid(d)))},
                curves.Axis("d = a − b, the difference of two scores"), curves.Axis("probability"),
                title="Sigmoid is the softmax of two", targets={"½": 0.5},
            ),
            "Sigmoid and two-class softmax lie on each other: largest difference "
            f"{number((both - ops.sigmoid(d)).abs().max().item())}.",
            name="sigmoid", width=500,
        )  # fmt: skip
    with right:
        st.markdown(
            f"The picked row's first two scores are a = {number(a.item())} and b = "
            f"{number(b.item())}{'' if len(scores) > 1 else ' (no second one: 0)'}.\n\n- softmax((a, b))₀ = "
            f"**{number(pair.item(), 6)}**\n- sigmoid(a − b) = **{number(one.item(), 6)}**\n\nDivide numerator "
            "and denominator of exp(a)/(exp(a) + exp(b)) by exp(a): 1/(1 + exp(−(a − b))). So a binary "
            "classifier needs one score, not two."
        )
        if len(scores) > 2:
            st.markdown(
                f"{len(scores)} sigmoids of {len(scores)} classes are answers that need not sum to 1: here "
                f"**{number(ops.sigmoid(scores).sum().item(), 4)}**. That is right for several labels at once, "
                "and wrong for one of many."
            )


def log_softmax(topic: Topic, run: Run) -> None:
    """The logarithm of the probabilities, in one step and in two."""
    steps = ops.log_softmax_steps(run.z, run.dim)
    two = run.steps.output.log()
    scale = colour.signed(steps.output)
    own = run.axes("j")
    ties = [] if run.row else [relation("o j", [(0, j) for j in range(len(run.z))])]
    board.show(
        Picture("shifted", steps.shifted, scale, "z − largest", axes=own), "−",
        Picture("log_total", steps.log_total, colour.signed(steps.log_total), "log Σ exp", axes=run.axes("o")), "=",
        Picture("log_softmax", steps.output, scale, "log_softmax", axes=own), "",
        Picture("log", two, scale, "log(softmax(z))", axes=own),
        links=ties, picks=dict.fromkeys(("shifted", "log_softmax", "log"), "cell"), height=300, name="log",
        spelled="`{at:log_softmax}` = {shifted} − {log_total} = **{log_softmax}** in one step; in two **{log}**",
    )  # fmt: skip
    lost, kept = int(two.isinf().sum()), int(steps.output.isfinite().sum())
    why = f": their probability is too small for {spelled(run.z.dtype)} and became 0" if lost else ""
    st.markdown(
        f"In two steps **{lost} of {two.numel()}** are −∞{why}. In one step **{kept}** are finite, the smallest is "
        f"**{number(steps.output.min().item())}**."
    )
    check.show(topic.operators[1], Call((run.z, run.dim)))


# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(run: Run) -> list[Pitfall]:
    """What people believe of softmax, the tutorial's own first."""
    return [
        Pitfall("exp, sum, divide is all there is to it (the tutorial's code)", lambda: overflows(run)),
        Pitfall("The tutorial: “`keepdim` only keeps the dimension”, so one can do without", lambda: keepdim(run)),
        Pitfall("Either dim will do, since all of them sum to 1", lambda: wrong_dim(run)),
        Pitfall("`F.softmax(x)` knows by itself which dim is meant", implicit_dim),
        Pitfall("Scores twice as large are the same prediction: only their ratio counts", lambda: not_ratio(run)),
        Pitfall("A probability of 0 means that the class is impossible", lambda: never_zero(run)),
    ]


def overflows(run: Run) -> None:
    """The magnitude at which the textbook fails on the reader's scores."""
    rows = run.x.float().movedim(run.dim, -1).reshape(-1, run.x.shape[run.dim])
    tried = [(m, ops.softmax_textbook(rows * m), ops.softmax(rows * m, 1)) for m in MAGNITUDES]
    failed = next(((m, bad, good) for m, bad, good in tried if bad.isnan().any()), None)
    if failed is None:
        st.markdown(f"These scores times {MAGNITUDES[-1]} still pass. It fails for scores above 88 (∞/∞) and for rows "
                    "all below −104 (0/0): try larger scores.")  # fmt: skip
        return
    m, bad, good = failed
    apart = (tried[0][1] - tried[0][2]).abs().max().item()
    st.markdown(
        f"On these scores times **{m}** (largest: {number((rows * m).max().item())}) it gives "
        f"**{int(bad.isnan().sum())} nan of {bad.numel()}** in float32; minus the largest first, "
        f"**{int(good.isnan().sum())}**. Times 1 they differ by at most {number(apart)}."
    )


def keepdim(run: Run) -> None:
    """The division without keepdim: refused, or, for a square, along the wrong dimension without a word."""
    X = torch.atleast_2d(run.x).float()
    try:
        said = f"gives {tuple((X.exp() / X.exp().sum(dim=1)).shape)}" if X.shape[0] != 1 else "passes, for one row"
    except RuntimeError as refusal:
        said = f"raises RuntimeError: “{str(refusal).split(' at non')[0]}”"
    side = min(X.shape)
    square = X[:side, :side].exp()
    wrong = square / square.sum(dim=1)
    st.markdown(
        f"Without it the sum has shape ({len(X)},), and dividing {tuple(X.shape)} by it {said}. Worse for a square: "
        f"the {side}×{side} corner divides without an error, each **column** by a row's sum: its rows then sum to "
        f"**{listed(wrong.sum(1))}**. `keepdim=True` makes it ({len(X)}, 1), which lines up with the rows."
    )


def wrong_dim(run: Run) -> None:
    """Both dims on the reader's scores, what sums to 1, and whether the prediction stays."""
    X = torch.atleast_2d(run.x).float()
    by_row, by_column = ops.softmax(X, 1), ops.softmax(X, 0)
    moved = int((by_row.argmax(1) != by_column.argmax(1)).sum())
    st.markdown(
        f"`dim=1` runs along the columns' index, so that each **row** sums to 1: {listed(by_row.sum(1))}. With "
        f"`dim=0` each column does, and the rows sum to {listed(by_column.sum(1))}; the most probable class of "
        f"**{moved} of {len(X)}** rows changes. In the tutorial's formula Σ runs over classes of one sample, not over "
        "the samples."
    )


def implicit_dim() -> None:
    """torch's own guess for random scores of one to four dimensions."""
    guesses = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for rank in (1, 2, 3, 4):
            scores = torch.randn([3] * rank, generator=torch.Generator().manual_seed(0))
            theirs = torch.nn.functional.softmax(scores)
            same = [dim for dim in range(rank) if torch.equal(theirs, torch.softmax(scores, dim))]
            guesses.append(f"rank {rank}: dim {', '.join(map(str, same))}")
    st.markdown(f"Without `dim` torch warns and guesses by the rank ({'; '.join(guesses)}): a batch dimension more, "
                "and something else sums to 1. Always give it.")  # fmt: skip


def not_ratio(run: Run) -> None:
    """Shifted and scaled scores of the picked row."""
    scores = run.slice(run.x).double()
    plain, twice, shifted = (ops.softmax(s, 0) for s in (scores, 2 * scores, scores + 100))
    st.markdown(
        f"Probabilities of the picked row: {listed(plain)}. From scores twice as large: **{listed(twice)}**, the same "
        f"order, more sure. From scores + 100: {listed(shifted)}, largest difference "
        f"**{number((plain - shifted).abs().max().item(), 2)}**. Only differences count: sᵢ/sⱼ = exp(zᵢ − zⱼ)."
    )


def never_zero(run: Run) -> None:
    """The smallest probability at the largest magnitude, and its logarithm."""
    scores = run.slice(run.x).float() * MAGNITUDES[-1]
    s, log_s = ops.softmax(scores, 0), ops.log_softmax(scores, 0)
    zeros = int((s == 0).sum())
    st.markdown(
        f"exp is never 0. At magnitude {MAGNITUDES[-1]}, **{zeros} of {len(s)}** probabilities of the picked row are "
        "0 in float32, only since they are too small for it: the smallest logarithm is "
        f"**{number(log_s.min().item())}** by `log_softmax`, where `log(softmax)` has {number(s.log().min().item())}. "
        "A class is ruled out by a score of −∞."
    )


# ---- walk, questions, take away --------------------------------------------------------------------------------


def textbook_walk(run: Run) -> None:
    """The textbook version, line by line, along the chosen dim."""
    X = torch.atleast_2d(run.z).float()
    X = X.T if run.z.dim() == 2 and run.dim == 0 else X
    steps = record(ops.softmax_textbook, X, panels=("X", "X_exp", "partition", "return"))
    scale = colour.magnitude(X.exp())
    ones = colour.magnitude(torch.ones(1))
    walk.show(steps, {"X": colour.signed(X), "X_exp": scale, "partition": scale, "return": ones}, key="walk")


def questions(run: Run) -> list:
    """Questions on what is on screen."""
    s, z = run.slice(run.steps.output).double(), run.slice(run.z).double()

    def shifted(_: random.Random) -> Question:
        moved = ops.softmax(z + 3, 0)[run.group.index(run.cell)].item()
        return Question(
            f"3 is added to every score of the picked row. What is then softmax[{', '.join(map(str, run.cell))}]?",
            f"{moved:.4g}", "exp(3) stands in the numerator and in every term of the sum, and cancels.",
        )  # fmt: skip

    def ratio(draw: random.Random) -> Question:
        i, j = draw.sample(range(len(z)), 2) if len(z) > 1 else (0, 0)
        return Question(
            f"z = {listed(z)}. How many times as probable as class {j} is class {i}?",
            f"{(z[i] - z[j]).exp().item():.4g}",
            f"The sum cancels: s{sub(i)}/s{sub(j)} = exp(z{sub(i)} − z{sub(j)}) = exp({number((z[i] - z[j]).item())}).",
            tolerance=0.05,
        )

    def slope(draw: random.Random) -> Question:
        i, j = draw.randrange(len(z)), draw.randrange(len(z))
        value = ops.softmax_jacobian(s)[i, j].item()
        rule = f"s{sub(i)}(1 − s{sub(i)})" if i == j else f"−s{sub(i)}s{sub(j)}"
        return Question(
            f"s = {listed(s)}. What is ∂s{sub(i)}/∂z{sub(j)}?", f"{value:.4g}", f"It is {rule}.", tolerance=0.03
        )

    def total(draw: random.Random) -> Question:
        other = draw.choice((2, 3, 10))
        whole = ops.softmax(run.z.double().expand(other, *run.z.shape), -1).sum().item()
        return Question(
            f"{other} copies of the scores ({'×'.join(map(str, (other, *run.z.shape)))}) go through softmax with "
            "dim=−1. What do all numbers of the result sum to?",
            f"{whole:.4g}", "Each row along the last dimension sums to 1, so the sum is the number of rows.",
        )  # fmt: skip

    return [shifted, ratio, slope, total]


def take(run: Run) -> TakeAway:
    """The run on screen as a script, and its tensors."""
    script = Script(
        title="Softmax",
        inputs={"z": run.z},
        functions=(ops.softmax,),
        calls=(f"output = softmax(z, dim={run.dim})",),
        results=("output",),
        reference={"output": f"torch.softmax(z, dim={run.dim})"},
    )
    return TakeAway(script, {"z": run.z, "exp": run.steps.exp, "total": run.steps.total, "output": run.steps.output})


frame.page("softmax", lesson)
