"""What the page on normalising finds out: norms, what lands where, gradients at short vectors, and what is believed."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core import compare
from core.compare import Comparison
from core.ops import normalize as ops
from core.ops.operator import Call
from core.tensors.limits import Limits

LIMITS = Limits(ranks=(1, 2), max_side=16, max_elements=128, allow_nonfinite=True)
POWERS = ("-1", "0", "0.5", "1", "1.5", "2", "3", "4", "10", "inf", "-inf")
EPS = ("1e-12", "1e-3", "0.1", "1", "3")
TUTORIAL = ((1, 2, 3), (4, 5, 6), (7, 8, 9))  # its example, which is of integers


# ---- the run on screen -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """A tensor whose vectors along dim are divided by their p-norms, and the steps to it."""

    x: Tensor
    p: float
    dim: int
    eps: float
    steps: ops.NormalizeSteps

    @property
    def call(self) -> Call:
        """The arguments of F.normalize."""
        return Call((self.x,), {"p": self.p, "dim": self.dim, "eps": self.eps})

    @property
    def vectors(self) -> Tensor:
        """The vectors as rows."""
        return rows(self.x, self.dim)

    @property
    def scaled(self) -> Tensor:
        """The vectors of the output as rows."""
        return rows(self.steps.output, self.dim)

    @property
    def raised(self) -> Tensor:
        """For each vector whether eps took the place of its norm."""
        return rows(self.steps.norm < self.steps.clamped, self.dim)[:, 0]


def example(numbers: int, seed: int) -> Tensor:
    """Five vectors of so many numbers: (5, numbers)."""
    return (2 * torch.randn(5, numbers, generator=torch.Generator().manual_seed(seed))).round(decimals=1)


def rows(x: Tensor, dim: int) -> Tensor:
    """The vectors along dim as rows."""
    return torch.atleast_2d(x) if dim == x.dim() - 1 else x.T


def taken(x: Tensor) -> tuple[Tensor, str]:
    """The input in its own dtype; where torch refuses that, as float32, and torch's words."""
    try:
        torch.nn.functional.normalize(x, dim=0)
    except (RuntimeError, TypeError) as refusal:
        return x.float(), str(refusal)
    return x, ""


def refusal(x: Tensor, dim: int) -> str:
    """What torch says where x has no such dimension; "" where it has."""
    try:
        torch.nn.functional.normalize(x, dim=dim)
    except IndexError as refusal:
        return str(refusal)
    return ""


def run(x: Tensor, p: float, dim: int, eps: float) -> Run:
    """Normalise, step by step."""
    return Run(x, p, dim, eps, ops.normalize_steps(x, p, dim, eps))


@dataclass(frozen=True)
class Lengths:
    """What became of the lengths, for the sentence under the pictures."""

    p: float
    vectors: int
    unit: int  # those whose p-norm is 1 now
    raised: int  # those that are shorter than eps
    zero: int  # those that are zero, of them
    undefined: int  # those that hold nan now
    overflowed: int  # those of finite numbers whose norm is ∞
    dtype: torch.dtype
    eps: float


def lengths(run: Run) -> Lengths:
    """Count the vectors by what normalising made of them."""
    now = ops.p_norm(run.scaled, run.p, 1).flatten()
    close = torch.isclose(now, torch.ones_like(now), rtol=1e-2 if now.element_size() == 2 else 1e-4)
    zero, undefined = (run.vectors == 0).all(1), run.scaled.isnan().any(1)
    overflowed = run.vectors.isfinite().all(1) & rows(run.steps.norm, run.dim)[:, 0].isinf()
    return Lengths(
        run.p, len(run.vectors), int(close.sum()), int(run.raised.sum()), int((zero & run.raised).sum()),
        int(undefined.sum()), int(overflowed.sum()), run.x.dtype, run.eps,
    )  # fmt: skip


# ---- the check, vector by vector -------------------------------------------------------------------------------


def compared(run: Run, ours: Callable[..., Any] = ops.normalize) -> Comparison:
    """The manual version against torch's, each vector and its gradient by themselves.

    The gradient of a zero row is of the size of 1/eps: beside it, what is wrong with another row would be rounding.
    """
    vectors = list(run.vectors.unbind())
    call = Call((vectors,), {"p": run.p, "dim": 1, "eps": run.eps})
    theirs = by_vector(torch.nn.functional.normalize)
    return compare.functions(by_vector(ours), theirs, call, frozenset(range(len(vectors))))


def by_vector(version: Callable[..., Any]) -> Callable[..., Any]:
    """The same version, of a list of vectors."""
    return lambda vectors, **settings: version(torch.stack(vectors), **settings).unbind()


# ---- the gradient ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gradients:
    """The gradient of the sum of all outputs, and how it lies to each vector."""

    input: Tensor  # of x's shape
    along: Tensor  # x · gradient, a number a vector: 0 where the gradient is at a right angle to the vector
    steepest: Tensor  # the largest |gradient| of each vector
    right_angles: int  # vectors, of those that are at least eps long and finite
    longer: int  # the number of those
    shorter: int  # vectors shorter than eps
    largest: float  # the largest |gradient| of them that is a number
    undefined: int  # of them, those whose gradient is nan in torch
    eps: float
    inverse: float  # 1 / eps


def gradients(run: Run) -> Gradients:
    """Let a 1 come back to every output, and take what torch makes of it."""
    x = run.x.detach().requires_grad_()
    torch.nn.functional.normalize(x, run.p, run.dim, run.eps).sum().backward()
    assert x.grad is not None
    grad = x.grad
    by_vector = rows(grad, run.dim)
    along = (by_vector.double() * run.vectors.double()).sum(1)
    divided = ~run.raised & rows(run.steps.norm, run.dim)[:, 0].isfinite()
    longer = divided & by_vector.isfinite().all(1) & (run.vectors != 0).any(1)
    flat = along.abs() <= 1e3 * torch.finfo(grad.dtype).eps * run.scaled.double().abs().sum(1)
    steepest = by_vector.abs().amax(1)
    short = steepest[run.raised]
    return Gradients(
        grad, along, steepest, int((longer & flat).sum()), int(longer.sum()), len(short),
        max(short[short.isfinite()].tolist(), default=0.0), int(short.isnan().sum()), run.eps, 1 / run.eps,
    )  # fmt: skip


@dataclass(frozen=True)
class Slopes:
    """The slopes of normalising a vector of two equal numbers, over its length."""

    length: Tensor  # p = 2
    across: Tensor  # of the output, to a step at a right angle to the vector
    along: Tensor  # to a step along it
    eps: float
    plateau: float  # the slope at length 0


def slopes(eps: float, points: int = 61) -> Slopes:
    """From a thousandth of eps to a thousand times 1, by autograd, in float64."""
    low, high = math.log10(eps) - 3, 1.0
    length = torch.logspace(low, high, points, dtype=torch.float64)
    forward = torch.tensor([1.0, 1.0], dtype=torch.float64) / math.sqrt(2)
    sideways = torch.tensor([1.0, -1.0], dtype=torch.float64) / math.sqrt(2)
    x = (length[:, None] * forward).requires_grad_()
    output = ops.normalize(x, 2.0, 1, eps)
    across, along = (
        torch.autograd.grad(output, x, step.expand_as(x), retain_graph=True)[0] @ step for step in (sideways, forward)
    )
    return Slopes(length, across, along, eps, at_zero(eps))


def at_zero(eps: float) -> float:
    """The gradient of each number of a zero row, as torch gives it, for the sum of the outputs."""
    x = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    torch.nn.functional.normalize(x, eps=eps).sum().backward()
    assert x.grad is not None
    return x.grad[0, 0].item()


# ---- pitfalls --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ranges:
    """Between what the output lies, for the input and for its negative."""

    low: float
    high: float
    negative: int
    outside: int  # of 0…1
    cells: int  # numbers that are not nan
    turned_low: float
    turned_high: float


def ranges(x: Tensor, p: float, dim: int, eps: float) -> Ranges:
    """Normalise x, and −x."""
    output, turned = ops.normalize(x, p, dim, eps), ops.normalize(-x, p, dim, eps)
    output, turned = output[~output.isnan()], turned[~turned.isnan()]
    low, high, turned_low, turned_high = (
        pick(values).item() if values.numel() else math.nan
        for values in (output, turned)
        for pick in (torch.min, torch.max)
    )
    outside = int(((output < 0) | (output > 1)).sum())
    return Ranges(low, high, int((output < 0).sum()), outside, output.numel(), turned_low, turned_high)


@dataclass(frozen=True)
class Powers:
    """The tutorial's (Σxᵖ)^(1/p) against (Σ|x|ᵖ)^(1/p), for one p."""

    p: int
    vectors: int
    wrong: int
    first: tuple[float, float] | None  # of the first wrong one: the tutorial's, and the norm
    turned_wrong: int  # vectors of −x


def without_magnitudes(x: Tensor, dim: int) -> tuple[Powers, Powers]:
    """p = 1 and p = 3 without the magnitudes, of the vectors and of their negatives."""
    odd, three = (without_magnitude(rows(x, dim), p) for p in (1, 3))
    return odd, three


def without_magnitude(vectors: Tensor, p: int) -> Powers:
    """The tutorial's formula and the norm, row by row."""
    wrong: list[bool] = []
    turned: list[bool] = []
    pairs = []
    for given, found in ((vectors, wrong), (-vectors, turned)):
        textbook, norm = given.pow(p).sum(1).pow(1.0 / p), ops.p_norm(given, p, 1).flatten()
        found += (~torch.isclose(textbook, norm, rtol=1e-3, equal_nan=True)).tolist()
        pairs += list(zip(textbook.tolist(), norm.tolist(), strict=True))
    first = pairs[wrong.index(True)] if any(wrong) else None
    return Powers(p, len(vectors), sum(wrong), first, sum(turned))


@dataclass(frozen=True)
class Integers:
    """An integer tensor in torch and in the tutorial's lines."""

    error: str  # torch's
    norm: float  # of the tutorial's first row, by its lines
    base: int
    cubes: int  # Σx³ of [base, 1] in int64
    true_cubes: int


def integer_tensors() -> Integers:
    """The tutorial's own integer tensor; and one whose cube no int64 holds."""
    x = torch.tensor(TUTORIAL)
    _, error = taken(x)
    base = 2**21
    cubes = int(torch.tensor([base, 1]).pow(3).sum())
    return Integers(error, x.pow(2).sum(1).pow(0.5)[0].item(), base, cubes, base**3 + 1)


@dataclass(frozen=True)
class ZeroRow:
    """A row of zeros in the tutorial's form and in torch's, and its gradient there."""

    textbook: Tensor
    torch: Tensor
    torch_half: Tensor  # float16, with the same eps
    half_eps: float  # eps in float16
    eps: float
    slope: float  # of each output to its input
    textbook_slope: float


def zero_row(numbers: int, eps: float) -> ZeroRow:
    """Zeros of the input's width."""
    zeros = torch.zeros(1, numbers)
    x = zeros.clone().requires_grad_()
    ops.l2norm(x).sum().backward()
    assert x.grad is not None
    half = torch.nn.functional.normalize(zeros.half(), eps=eps)
    return ZeroRow(
        ops.l2norm(zeros)[0], torch.nn.functional.normalize(zeros, eps=eps)[0], half[0],
        torch.tensor(eps).half().item(), eps, at_zero(eps), x.grad[0, 0].item(),
    )  # fmt: skip


@dataclass(frozen=True)
class RowSums:
    """The sums of the vectors of an output, and their p-norms."""

    sums: Tensor
    norms: Tensor
    p: float
    vectors: int
    sum_to_1: int
    norm_1: int


def row_sums(x: Tensor, p: float, dim: int, eps: float) -> RowSums:
    """Normalise, then sum, then take the norm again."""
    vectors = rows(ops.normalize(x, p, dim, eps), dim)
    sums, norms = vectors.sum(1), ops.p_norm(vectors, p, 1).flatten()
    ones = [int(torch.isclose(found, torch.ones_like(found), rtol=1e-2 if x.element_size() == 2 else 1e-4).sum())
            for found in (sums, norms)]  # fmt: skip
    return RowSums(sums, norms, p, len(vectors), *ones)


@dataclass(frozen=True)
class Dims:
    """The same input normalised along either dimension."""

    rank: int
    differ: int
    cells: int
    error: str  # torch's, for a dim that a vector has not


def both_dims(x: Tensor, p: float, eps: float) -> Dims:
    """Along dim 0 and along dim 1, which is torch's default."""
    if x.dim() == 1:
        return Dims(1, 0, x.numel(), refusal(x, 1))
    first, second = (ops.normalize(x, p, dim, eps) for dim in (0, 1))
    same = (first == second) | (first.isnan() & second.isnan())
    return Dims(2, int((~same).sum()), x.numel(), "")


# ---- questions -------------------------------------------------------------------------------------------------


def normalized(vector: Sequence[float], p: float, eps: float = 1e-12) -> list[float]:
    """A vector over its p-norm."""
    return ops.normalize(torch.tensor(vector, dtype=torch.float64), p, 0, eps).tolist()


def grows_by(vector: Sequence[float], factor: float, eps: float) -> float:
    """By what the output is multiplied when the vector is."""
    (before, *_), (after, *_) = (normalized([k * v for v in vector], 2, eps) for k in (1, factor))
    return after / before


def count_of_norms(shape: Sequence[int], dim: int) -> int:
    """How many norms are computed for an input of this shape."""
    return ops.normalize_steps(torch.ones(*shape), 2.0, dim).norm.numel()
