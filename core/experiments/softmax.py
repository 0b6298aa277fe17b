"""What the softmax page finds out: the steps of a softmax, where the textbook's formula fails, and what scores mean."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.ops import kit
from core.ops import softmax as ops
from core.ops.operator import Call
from core.tensors.limits import Limits

LIMITS = Limits(ranks=(1, 2), max_side=12, max_elements=96, allow_nonfinite=True)
SCORES = (2.0, 1.0, 0.1, -1.5)  # the first row of the example
MAGNITUDES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
TEMPERATURES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
DTYPES = {"float32": torch.float32, "float64": torch.float64, "float16": torch.float16, "bfloat16": torch.bfloat16}
ROUNDING = 8  # units of the last place that two right ways to a probability may lie apart

Index = tuple[int, ...]


# ---- the run on screen -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """The scores z and the steps of their softmax."""

    x: Tensor  # the scores before magnitude and temperature
    z: Tensor  # magnitude · x / temperature: what softmax gets
    dim: int
    temperature: float
    steps: ops.SoftmaxSteps  # of the manual version: of half precision in float32
    output: Tensor  # softmax(z, dim), of z's dtype
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

    @property
    def call(self) -> Call:
        """The arguments of torch.softmax."""
        return Call((self.z, self.dim))

    def slice(self, values: Tensor) -> Tensor:
        """The picked cell's group along dim, of any tensor of z's shape: (C,)."""
        return torch.stack([values[index] for index in self.group])


def example(scores: Sequence[float], rows: int, seed: int) -> Tensor:
    """These scores, and further rows drawn at random: (rows, C)."""
    others = torch.randn(rows - 1, len(scores), generator=torch.Generator().manual_seed(seed)) * 2
    return torch.cat([torch.tensor([list(scores)]), others.round(decimals=1)])


def taken(x: Tensor, dtype: str) -> tuple[Tensor, str]:
    """The scores in the dtype of this name, or in their own; and torch's words where it refuses that: float32 then."""
    if dtype in DTYPES:
        return x.to(DTYPES[dtype]), ""
    try:
        torch.softmax(x, 0)
    except NotImplementedError as refusal:
        return x.float(), str(refusal)
    return x, ""


def scaled(x: Tensor, magnitude: float, temperature: float) -> Tensor:
    """magnitude · x / temperature, in x's dtype."""
    return (magnitude * x / temperature).to(x.dtype)


def run(x: Tensor, magnitude: float, temperature: float, dim: int, picked: Index | None = None) -> Run:
    """Softmax of the scores along dim, step by step."""
    z = scaled(x, magnitude, temperature)
    return Run(x, z, dim, temperature, ops.softmax_steps(kit.wide(z), dim), ops.softmax(z, dim), picked)


@dataclass(frozen=True)
class Sums:
    """What the probabilities sum to along the chosen dimension, and along the other."""

    dim: int
    along: Tensor
    other: int | None  # None for a vector
    across: Tensor | None
    groups: int
    undefined: int  # groups whose softmax is nan


def sums(output: Tensor, dim: int) -> Sums:
    """The sums of a softmax's output along each dimension."""
    along, other = output.sum(dim), 1 - dim if output.dim() == 2 else None
    across = None if other is None else output.sum(other)
    return Sums(dim, along, other, across, along.numel(), int(along.isnan().sum()))


@dataclass(frozen=True)
class Slopes:
    """The Jacobian of one group: ∂sᵢ/∂zⱼ in row i, column j."""

    matrix: Tensor  # (C, C)
    row_sum: float  # the largest |sum of a row|, in float64
    defined: bool


def slopes(scores: Tensor) -> Slopes:
    """The Jacobian of one group's softmax."""
    exact = ops.softmax_jacobian(ops.softmax(scores.double(), 0))
    row_sum = exact.sum(1).abs().max().item()
    return Slopes(ops.softmax_jacobian(ops.softmax(scores, 0)), round(row_sum, 12), not math.isnan(row_sum))


def over_temperature(scores: Tensor, temperatures: Tensor) -> Tensor:
    """The softmax of the scores at each temperature: (T, C), in float64."""
    return ops.softmax(scores.double() / temperatures.double()[:, None], 1)


# ---- without the largest ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Naive:
    """The textbook's softmax of some scores, and how many of its results are wrong for which reason."""

    dtype: torch.dtype
    exp: Tensor
    total: Tensor
    output: Tensor
    limit: float  # exp of a larger score is ∞ in this dtype
    floor: float  # exp of a smaller score is 0
    largest: float  # score
    cells: int  # results that are numbers if the largest score goes first
    undefined: int  # results that are nan either way
    inf_by_inf: int  # exp and the sum are ∞: nan
    zero_by_zero: int  # all exp of the group are 0: nan
    by_inf: int  # the sum alone is ∞: 0 in place of a probability
    difference: float  # the largest, of results that are numbers both ways
    rounded: bool  # whether that is what rounding does

    @property
    def nan(self) -> int:
        """How many results are nan and should not be."""
        return self.inf_by_inf + self.zero_by_zero

    @property
    def wrong(self) -> int:
        """How many results are nan or 0 and should not be."""
        return self.nan + self.by_inf


def naive(z: Tensor, dim: int) -> Naive:
    """exp, sum and divide as in the textbook, held against the softmax that subtracts the largest score first."""
    exp = z.exp()
    total = exp.sum(dim, keepdim=True)
    output, right = exp / total, ops.softmax(z, dim)
    defined, of = right.isfinite(), torch.finfo(z.dtype)
    apart = (output.double() - right.double()).abs()[defined & output.isfinite()]
    difference = apart.max().item() if apart.numel() else 0.0
    return Naive(
        z.dtype, exp, total, output, math.log(of.max), math.log(of.smallest_normal) + math.log(of.eps / 2),
        z.max().item(), int(defined.sum()), int((~defined).sum()),
        inf_by_inf=int((defined & exp.isinf() & total.isinf()).sum()),
        zero_by_zero=int((defined & (total == 0)).sum()),
        by_inf=int((defined & total.isinf() & exp.isfinite() & (right > 0)).sum()),
        difference=difference, rounded=difference <= ROUNDING * of.eps,
    )  # fmt: skip


@dataclass(frozen=True)
class Breaks:
    """The smallest magnitude at which the textbook's formula gives wrong results, if there is one."""

    magnitude: int  # the largest tried where none is wrong
    found: Naive
    plain: Naive  # at magnitude 1


def breaks(x: Tensor, dim: int) -> Breaks:
    """Raise the scores' magnitude until the textbook's formula is wrong."""
    for magnitude in MAGNITUDES:
        found = naive(scaled(x, magnitude, 1.0), dim)
        if found.wrong:
            break
    return Breaks(magnitude, found, naive(x, dim))


# ---- other pitfalls --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Keepdim:
    """The textbook's division without keepdim."""

    shape: tuple[int, ...]
    sum_shape: tuple[int, ...]
    kept_shape: tuple[int, ...]
    error: str  # torch's, "" where it divides
    result_shape: tuple[int, ...]  # () where it does not
    right: bool  # whether the result is the softmax after all
    row_sums: Tensor | None  # of the result, where it has the shape of the scores


def keepdim(x: Tensor) -> Keepdim:
    """exp and divide by a sum that has lost its dimension; a vector counts as one row."""
    exp = torch.atleast_2d(x).exp()
    total, kept = exp.sum(dim=1), exp.sum(dim=1, keepdim=True)
    shapes = tuple(exp.shape), tuple(total.shape), tuple(kept.shape)
    try:
        result = exp / total
    except RuntimeError as refusal:
        return Keepdim(*shapes, str(refusal), (), False, None)
    same = result.shape == exp.shape
    right = same and torch.allclose(result, exp / kept, equal_nan=True)
    return Keepdim(*shapes, "", tuple(result.shape), right, result.sum(1) if same else None)


def square(x: Tensor) -> Keepdim | None:
    """The same for the largest square corner of the scores; None where that is a single score."""
    X = torch.atleast_2d(x)
    side = min(X.shape)
    return keepdim(X[:side, :side]) if side > 1 else None


@dataclass(frozen=True)
class Dims:
    """Softmax along either dimension of a matrix; a vector counts as one row."""

    rows: int  # those with a most probable class in both
    rows_along_1: Tensor  # the sums of the rows of softmax(x, 1)
    rows_along_0: Tensor  # and of softmax(x, 0)
    moved: int  # rows whose most probable class is another
    differ: int  # probabilities of these rows that do
    cells: int
    one_row: bool


def both_dims(x: Tensor) -> Dims:
    """Along dim 1 and along dim 0: what the rows sum to, and which class is the most probable."""
    X = torch.atleast_2d(x)
    by_row, by_column = ops.softmax(X, 1), ops.softmax(X, 0)
    defined = ~(by_row.isnan() | by_column.isnan()).any(1)
    moved = (by_row.argmax(1) != by_column.argmax(1)) & defined
    differ = (by_row != by_column)[defined]
    return Dims(
        int(defined.sum()), by_row.sum(1), by_column.sum(1), int(moved.sum()), int(differ.sum()), differ.numel(),
        len(X) == 1,
    )  # fmt: skip


@dataclass(frozen=True)
class Guesses:
    """What `F.softmax` takes for dim where it is not told."""

    warning: str  # torch's
    dims: tuple[int, ...]  # for 1, 2, 3 and 4 dimensions


def guessed_dims() -> Guesses:
    """Call F.softmax without dim on random scores of one to four dimensions, and see along which it went."""
    dims = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for rank in (1, 2, 3, 4):
            scores = torch.randn([3] * rank, generator=torch.Generator().manual_seed(0))
            theirs = torch.nn.functional.softmax(scores)
            dims += [dim for dim in range(rank) if torch.equal(theirs, torch.softmax(scores, dim))]
    return Guesses(str(caught[0].message), tuple(dims))


@dataclass(frozen=True)
class Ratio:
    """The probabilities of scores, of scores twice as large, and of scores that are all larger by 100."""

    plain: Tensor
    twice: Tensor
    shifted: Tensor
    sharper: float  # the largest difference between plain and twice
    moved: float  # and between plain and shifted
    defined: bool


def doubled_and_shifted(scores: Tensor) -> Ratio:
    """Softmax of z, of 2z and of z + 100, in float64."""
    z = scores.double()
    plain, twice, shifted = (ops.softmax(s, 0) for s in (z, 2 * z, z + 100))
    sharper, moved = ((other - plain).abs().max().item() for other in (twice, shifted))
    return Ratio(plain, twice, shifted, sharper, moved, bool(plain.isfinite().all()))


@dataclass(frozen=True)
class Zeros:
    """Probabilities that are 0 at the largest magnitude, and their logarithms."""

    dtype: torch.dtype
    magnitude: int
    classes: int
    ruled_out: int  # 0, and their score is −∞
    too_small: int  # 0, and their score is a number
    log_softmax: float  # the smallest finite logarithm, in one step
    log_of_softmax: float  # the smallest logarithm of the same class in two
    defined: bool


def zero_probabilities(scores: Tensor) -> Zeros:
    """Softmax and log_softmax of scores at the largest magnitude."""
    z = scaled(scores, MAGNITUDES[-1], 1.0)
    s, log_s = ops.softmax(z, 0), ops.log_softmax(z, 0)
    zero, finite = s == 0, log_s.isfinite()
    least = log_s.masked_fill(~finite, torch.inf).argmin()
    return Zeros(
        z.dtype, MAGNITUDES[-1], len(z), int((zero & z.isinf()).sum()), int((zero & z.isfinite()).sum()),
        log_s[least].item(), s.log()[least].item(), bool(s.isfinite().all()),
    )  # fmt: skip


@dataclass(frozen=True)
class Masked:
    """Softmax of a row of which all scores but the first, or all, are masked."""

    scores: Tensor
    all_but_one: Tensor  # masked with −inf
    all: Tensor
    torch_all: Tensor
    all_finite: Tensor  # masked with the lowest finite number in place of −inf


def masked(scores: Tensor) -> Masked:
    """Set all scores but the first to −inf, then all of them; then all to the lowest number of their dtype."""
    row = scores.nan_to_num(0, 0, 0)  # the masks decide, not what stands under them
    others = torch.arange(len(row)) > 0
    everything = torch.full_like(row, -torch.inf)
    lowest = torch.full_like(row, torch.finfo(row.dtype).min)
    return Masked(
        row, ops.softmax(row.masked_fill(others, -torch.inf), 0),
        ops.softmax(everything, 0), torch.softmax(everything, 0), ops.softmax(lowest, 0),
    )  # fmt: skip


# ---- the page's own tabs ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sigmoid:
    """The softmax of two scores and the sigmoid of their difference."""

    a: float
    b: float
    pair: float  # softmax((a, b))₀
    one: float  # sigmoid(a − b)
    classes: int
    total: float  # what the sigmoids of all scores sum to


def sigmoid(scores: Tensor) -> Sigmoid:
    """The first two scores, in float64; a single one stands beside a score of 0."""
    z = scores.double()
    a, b = (z[0], z[1]) if len(z) > 1 else (z[0], torch.zeros_like(z[0]))
    pair = ops.softmax(torch.stack([a, b]), 0)[0].item()
    return Sigmoid(a.item(), b.item(), pair, ops.sigmoid(a - b).item(), len(z), ops.sigmoid(z).sum().item())


@dataclass(frozen=True)
class SigmoidCurve:
    """The sigmoid over the difference of two scores, and the softmax of the two."""

    d: Tensor
    sigmoid: Tensor
    softmax: Tensor
    slope: Tensor
    difference: float


def sigmoid_curve() -> SigmoidCurve:
    """From −8 to 8."""
    d = torch.linspace(-8, 8, 81, dtype=torch.float64)
    s, pair = ops.sigmoid(d), ops.softmax(torch.stack([d, torch.zeros_like(d)], 1), 1)[:, 0]
    return SigmoidCurve(d, s, pair, s * (1 - s), (s - pair).abs().max().item())


@dataclass(frozen=True)
class LogSoftmax:
    """log_softmax in one step, and the logarithm of softmax in two."""

    dtype: torch.dtype
    steps: ops.LogSoftmaxSteps  # of half precision in float32
    output: Tensor
    two: Tensor
    cells: int
    lost: int  # −∞ in two steps, and a number in one
    kept: int  # numbers in one step
    smallest: float  # of them


def log_softmax(z: Tensor, dim: int) -> LogSoftmax:
    """Both ways to the logarithm of the probabilities."""
    output, two = ops.log_softmax(z, dim), ops.softmax(z, dim).log()
    finite = output.isfinite()
    smallest = output[finite].min().item() if finite.any() else math.nan
    return LogSoftmax(
        z.dtype, ops.log_softmax_steps(kit.wide(z), dim), output, two, z.numel(),
        int((two.isinf() & finite).sum()), int(finite.sum()), smallest,
    )  # fmt: skip


# ---- questions -------------------------------------------------------------------------------------------------

CHANGES = {"all + 3": (1, 3), "all × 2": (2, 0), "all ÷ 2": (0.5, 0)}  # factor and summand


def change(scores: Sequence[float], how: str, k: int) -> tuple[float, float]:
    """The probability of class k before and after all scores are changed."""
    z, (factor, summand) = torch.tensor(scores, dtype=torch.float64), CHANGES[how]
    return ops.softmax(z, 0)[k].item(), ops.softmax(factor * z + summand, 0)[k].item()


def times_as_probable(scores: Sequence[float], i: int, j: int) -> float:
    """How many times as probable as class j class i is."""
    s = ops.softmax(torch.tensor(scores, dtype=torch.float64), 0)
    return (s[i] / s[j]).item()


def slope(s: Sequence[float], i: int, j: int) -> float:
    """∂sᵢ/∂zⱼ at these probabilities."""
    return ops.softmax_jacobian(torch.tensor(s, dtype=torch.float64))[i, j].item()


def sum_of_all(shape: Sequence[int], dim: int) -> int:
    """What all numbers of a softmax of this shape sum to."""
    return round(ops.softmax(torch.zeros(*shape, dtype=torch.float64), dim).sum().item())
