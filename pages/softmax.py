"""Softmax: exp, sum, divide as pictures, stable against naive, temperature, and the Jacobian."""

import random
import warnings
from dataclasses import dataclass
from typing import Any

import streamlit as st
import torch
from torch import Tensor

from core.figures import colour, curves
from core.figures.heatmap import Outline, Picture, cell_size, number
from core.figures.walk import record
from core.ops import softmax as ops
from core.ops.operator import Call
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import check, controls, frame, pictures, tensor_input, walk
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

LIMITS = Limits(ranks=(1, 2), max_side=12, max_elements=96)
LOGITS = (2.0, 1.0, 0.1, -1.5)  # the first row of the example
MAGNITUDES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
TEMPERATURES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
DTYPES = {"float32": torch.float32, "float64": torch.float64, "float16": torch.float16, "bfloat16": torch.bfloat16}
NARROW = 88  # pixels of a slider

Index = tuple[int, ...]


@dataclass(frozen=True)
class Run:
    """What is on screen: the logits z, the steps of their softmax, and the textbook's, without the shift."""

    x: Tensor  # as given
    z: Tensor  # magnitude · x / temperature: what softmax gets
    dim: int
    steps: ops.SoftmaxSteps
    cell: Index

    @property
    def group(self) -> list[Index]:
        """The cells that are divided by the same sum as the picked one."""
        before, after = self.cell[: self.dim], self.cell[self.dim + 1 :]
        return [(*before, i, *after) for i in range(self.z.shape[self.dim])]

    @property
    def total_cell(self) -> Index:
        """Where the picked cell's sum stands."""
        return (*self.cell[: self.dim], 0, *self.cell[self.dim + 1 :])

    @property
    def side(self) -> int:
        """The side of a cell with which the pictures of one line fit beside each other."""
        shapes = (self.z.shape, self.z.shape, self.steps.total.shape, self.z.shape)
        return cell_size(shapes, width=800, height=330)

    def slice(self, values: Tensor) -> Tensor:
        """The picked cell's row along dim, of any tensor of z's shape: (C,)."""
        return torch.stack([values[index] for index in self.group])


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    first, second = controls.row("input"), controls.row("softmax")
    with first:
        x = choose_logits(second)
    with second:
        magnitude = controls.stops("magnitude", "Magnitude", MAGNITUDES, 1, width=NARROW)
        temperature = controls.stops("T", "Temperature T", TEMPERATURES, 1.0, format=lambda t: f"{t:g}", width=NARROW)
        dtype = DTYPES[controls.choice("dtype", "dtype", tuple(DTYPES), width=116, few=0)]
        dims = tuple(range(x.dim()))
        dim = controls.choice("dim", "dim", dims, dims[-1]) if len(dims) > 1 else 0
        z = (magnitude * x.to(dtype) / temperature).to(dtype)
        cell = controls.cell("cell", "Picked cell", z.shape) or (0,) * z.dim()
    run = Run(x.to(dtype), z, dim, ops.softmax_steps(z, dim), cell)
    three_pictures(run)
    st.markdown(arithmetic(run))
    naive_pictures(run)
    check.show(topic.operators[0], Call((z, dim)))
    jacobian_and_temperature(run, temperature)
    frame.below(
        topic,
        pitfalls=pitfalls(run),
        walk=lambda: textbook_walk(run),
        questions=questions(run),
        take=lambda: take(run),
        more={"Sigmoid": lambda: sigmoid(run), "Log softmax": lambda: log_softmax(topic, run)},
    )


def choose_logits(below: Any) -> Tensor:
    """The scores: the example's first row by sliders, or the reader's own tensor. The seed stands in the row below."""
    example = torch.tensor([LOGITS])
    if tensor_input.source("x") == "example":
        scores = [
            controls.slider(f"z{i}", f"Score {i}", -5.0, 5.0, z, step=0.1, width=NARROW) for i, z in enumerate(LOGITS)
        ]
        rows = controls.slider("rows", "Rows", 1, 6, 3, width=NARROW)
        with below:
            seed = controls.seed()
        others = torch.randn(rows - 1, len(scores), generator=torch.Generator().manual_seed(seed)) * 2
        example = torch.cat([torch.tensor([scores]), others.round(decimals=1)])
    return tensor_input.tensor("x", "Scores (logits)", example, LIMITS).float()


# ---- the pictures ----------------------------------------------------------------------------------------------


def three_pictures(run: Run) -> None:
    """z → exp(z − max) ÷ sum = softmax."""
    steps, picked, group = run.steps, Outline([run.cell]), Outline(run.group, colour.USED)
    total = Outline([run.total_cell], colour.USED)
    probabilities = colour.Scale(colour.MAGNITUDE, 0.0, 1.0)
    pictures.equation(
        Picture("z", run.z, colour.signed(run.z), "z: the scores", [picked], pickable=True), "→",
        Picture("exp", steps.exp, probabilities, "exp(z − largest)", [group, picked], pickable=True), "÷",
        Picture("total", steps.total, colour.magnitude(steps.total), "sum", [total]), "=",
        Picture("softmax", steps.output, probabilities, f"softmax along dim {run.dim}", [group, picked], pickable=True),
        picks=dict.fromkeys(("z", "exp", "softmax"), "cell"), cell=run.side,
    )  # fmt: skip


def naive_pictures(run: Run) -> None:
    """The same by the textbook's formula, which does not subtract the largest number."""
    exp = run.z.exp()
    total = exp.sum(run.dim, keepdim=True)
    output = exp / total
    finite = colour.magnitude(exp)
    bad = int((~output.isfinite()).sum())
    parts = [("naive exp", exp, finite, "naive: exp(z)"), ("naive sum", total, colour.magnitude(total), "sum"),
             ("naive", output, colour.Scale(colour.MAGNITUDE, 0.0, 1.0), "naive softmax")]  # fmt: skip
    naive = [Picture(name, values, scale, title, muted=not_numbers(values)) for name, values, scale, title in parts]
    pictures.equation(naive[0], "÷", naive[1], "=", naive[2], cell=run.side, name="naive")
    largest = torch.finfo(run.z.dtype).max
    bound = f"exp overflows above {number(torch.tensor(largest).double().log().item(), 4)} in {spelled(run.z.dtype)}"
    if bad:
        st.markdown(f":orange[:material/warning:] The naive version has **{bad} of {output.numel()}** results that are "
                    f"no numbers: {bound}, and ∞/∞ is nan. The largest score is {number(run.z.max().item())}. "
                    "Minus the largest first, no exponent is above 0.")  # fmt: skip
    else:
        apart = (output.double() - run.steps.output.double()).abs().max().item()
        st.markdown(f"Both agree within {number(apart)}. Raise the magnitude: {bound}; the largest score here is "
                    f"{number(run.z.max().item())}.")  # fmt: skip


def not_numbers(values: Tensor) -> list[Index]:
    """The cells that hold nan, to be drawn in grey."""
    return [tuple(index) for index in values.isnan().nonzero().tolist()]


def spelled(dtype: torch.dtype) -> str:
    """A dtype without the module."""
    return str(dtype).removeprefix("torch.")


def arithmetic(run: Run) -> str:
    """The picked cell's number, spelt out, and which numbers sum to 1."""
    place = ", ".join(map(str, run.cell))
    exps = run.slice(run.steps.exp).tolist()
    mine, output = run.steps.exp[run.cell].item(), run.steps.output[run.cell].item()
    summed = " + ".join(map(number, exps))
    sums = f"Sums along dim {run.dim}: {listed(run.steps.output.sum(run.dim))}."
    if run.z.dim() == 2:
        other = 1 - run.dim
        sums += f" Along dim {other}, which nothing made 1: {listed(run.steps.output.sum(other))}."
    return f"`softmax[{place}]` = {number(mine)} / ({summed}) = **{number(output)}**. {sums}"


def listed(values: Tensor) -> str:
    """Numbers in a sentence, four digits each."""
    return ", ".join(number(value, 4) for value in values.double().flatten().tolist())


def jacobian_and_temperature(run: Run, temperature: float) -> None:
    """How each probability of the picked row answers to each score, and to the temperature."""
    s = run.slice(run.steps.output)
    jacobian, i = ops.softmax_jacobian(s), run.group.index(run.cell)
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=370):
            width = len(s)
            picks = [",".join(map(str, run.group[row])) for row in range(width) for _ in range(width)]
            picture = Picture(
                "∂s/∂z", jacobian, colour.signed(jacobian), "Jacobian ∂sᵢ/∂zⱼ: row i, column j",
                [Outline([(i, j) for j in range(width)])], pickable=True, picks=picks,
            )  # fmt: skip
            pictures.one(picture, max(22, min(46, 230 // width)), "cell", "jacobian")
            st.caption(
                f"Diagonal s(1 − s) ≥ 0, elsewhere −sᵢsⱼ ≤ 0: one score up, all others down.  \nRow {i} sums to "
                f"{number(jacobian[i].sum().item(), 2)}: the same added to all scores changes nothing."
            )
        temperatures(run, temperature)


def temperatures(run: Run, temperature: float) -> None:
    """The picked row's probabilities over the temperature."""
    ts = torch.logspace(-1, 1, 61)
    scores = run.slice(run.z).double() * temperature  # what T divides
    over = ops.softmax(scores / ts.double()[:, None], 1)  # (T, C)
    lines = {f"s{sub(i)}": (ts, over[:, i]) for i in range(len(scores))}
    here = run.slice(run.steps.output)
    pictures.show(
        curves.lines(
            lines | {f"T = {temperature:g}": ([temperature] * 2, [0, 1])},
            curves.Axis("temperature T", log=True), curves.Axis("probability", range=(0, 1)),
            title="The picked row over T: sharp when cold, even when hot", height=280,
            targets={"1/C": 1 / len(scores)},
        ),
        f"Probabilities over the temperature; at T = {temperature:g}: {listed(here)}; at T = 10: {listed(over[-1])}.",
        key="temperature", width=480,
    )  # fmt: skip


def sub(i: int) -> str:
    """A number as an index below the line."""
    return "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in str(i))


# ---- the page's own tabs ---------------------------------------------------------------------------------------


def sigmoid(run: Run) -> None:
    """The softmax of two scores is the sigmoid of their difference."""
    scores = run.slice(run.z)
    a, b = (scores[0], scores[1]) if len(scores) > 1 else (scores[0], torch.zeros_like(scores[0]))
    pair, one = ops.softmax(torch.stack([a, b]), 0)[0], ops.sigmoid(a - b)
    d = torch.linspace(-8, 8, 81)
    both = ops.softmax(torch.stack([d, torch.zeros_like(d)], 1), 1)[:, 0]
    with st.container(horizontal=True, gap="medium"):
        pictures.show(
            curves.lines(
                {"sigmoid(d)": (d, ops.sigmoid(d)), "softmax((d, 0))₀": (d, both),
                 "slope σ(1 − σ)": (d, ops.sigmoid(d) * (1 - ops.sigmoid(d)))},
                curves.Axis("d = a − b, the difference of two scores"), curves.Axis("probability"),
                title="Sigmoid is the softmax of two", targets={"½": 0.5},
            ),
            "Sigmoid and two-class softmax lie on each other: largest difference "
            f"{number((both - ops.sigmoid(d)).abs().max().item())}.",
            key="sigmoid", width=500,
        )  # fmt: skip
        with st.container(width=420):
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
    pictures.equation(
        Picture("shifted", steps.shifted, scale, "z − largest"), "−",
        Picture("log_total", steps.log_total, colour.signed(steps.log_total), "log Σ exp"), "=",
        Picture("log_softmax", steps.output, scale, "log_softmax"), "",
        Picture("log", two, scale, "log(softmax(z))"), height=300, name="log",
    )  # fmt: skip
    lost, kept = int(two.isinf().sum()), int(steps.output.isfinite().sum())
    st.markdown(
        f"In two steps **{lost} of {two.numel()}** are −∞: their probability is too small for {spelled(run.z.dtype)} "
        f"and became 0. In one step **{kept}** are finite, the smallest is **{number(steps.output.min().item())}**."
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
