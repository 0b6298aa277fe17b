"""The one comparison of two versions of an operator, for the check, the timing, the benchmark and the tests.

Each tensor is held against its own magnitude, never against another's: a gradient of zeros beside large values is
seen. NaN and infinity have to stand in the same places; shape, dtype and, for values, the order of the strides have to
be the same; integers and truth values have to be equal.

Two right versions may differ by more where terms cancel. Then both run again in float64, which says which of the two
is nearer the truth, and whether the difference is rounding: rounding shrinks with the precision, a mistake does not.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core.calls import Function, Outcome, arguments, evaluate, leaves_of, mapped, prepared
from core.ops.operator import Call, Operator
from core.ops.seeded import seeded

ULPS = 64  # what two orders of summation may differ by, in units of the last place of a tensor's largest number
SHRINKS = 1024  # how much less than in proportion to the precision rounding may shrink

Judge = Callable[[], tuple[Outcome, Outcome] | None]  # both versions in another precision; None where they can't run


@dataclass(frozen=True)
class Difference:
    """How far one tensor of ours lies from torch's, and how far it may."""

    what: str  # "value", "gradient", counted where there are several: "gradient 2"
    largest: float  # of all elements; infinity for a misfit, and where one has NaN or infinity and the other not
    allowed: float
    misfit: str = ""  # what makes the two incomparable
    rounding: bool = False  # in another precision the two agree
    ours_off: float | None = None  # from the float64 result; None where float64 was not asked
    theirs_off: float | None = None

    @property
    def agrees(self) -> bool:
        """Whether the two are the same but for rounding."""
        return not self.misfit and (self.largest <= self.allowed or self.rounding)

    @property
    def nearer(self) -> str:
        """Which version is nearer the float64 result, "ours" or "theirs"; empty where neither is or nobody asked."""
        if self.ours_off is None or self.theirs_off is None or self.ours_off == self.theirs_off:
            return ""
        return "ours" if self.ours_off < self.theirs_off else "theirs"

    def __str__(self) -> str:
        if self.misfit:
            return f"{self.what} of {self.misfit}"
        return f"{self.what} differs from torch's by {self.largest:.3g}, {self.allowed:.3g} allowed"


@dataclass(frozen=True)
class Comparison:
    """Two outcomes, tensor by tensor, values and gradients apart."""

    values: tuple[Difference, ...]
    gradients: tuple[Difference, ...]  # none where there is nothing to differentiate

    @property
    def agrees(self) -> bool:
        """Whether every value and every gradient agrees."""
        return all(difference.agrees for difference in (*self.values, *self.gradients))

    @property
    def worst(self) -> Difference:
        """The one that stands for all: a disagreement where there is one, then what exceeds its tolerance most."""
        return max((*self.values, *self.gradients), key=_badness, default=Difference("value", 0.0, 0.0))

    @property
    def largest(self) -> float:
        """The largest difference of all, whatever is allowed for it."""
        return max((difference.largest for difference in (*self.values, *self.gradients)), default=0.0)

    def __str__(self) -> str:
        return str(self.worst)


def _badness(difference: Difference) -> tuple[bool, float]:
    return not difference.agrees, difference.largest - difference.allowed


# ---- two versions on one call ----------------------------------------------------------------------------------


def operator(operator: Operator, call: Call, seed: int = 0) -> Comparison:
    """The manual version against torch's, on the same inputs and the same draws, forward and backward."""
    leaves = leaves_of(operator, call)
    return functions(operator.manual, operator.torch, call, leaves, seed)


def functions(ours: Function, theirs: Function, call: Call, leaves: frozenset[int], seed: int = 0) -> Comparison:
    """Two functions on copies of the same arguments, from the same seed, with gradients for `leaves`."""
    pair = (run(version, call, leaves, seed) for version in (ours, theirs))
    return outcomes(*pair, judge=lambda: other_precision(ours, theirs, call, leaves, seed))


def run(function: Function, call: Call, leaves: frozenset[int], seed: int) -> Outcome:
    """What one version gives for a copy of the call, with torch's generator at the seed."""
    with seeded(seed):
        return evaluate(function, prepared(call, leaves, copy=True))


def other_precision(
    ours: Function, theirs: Function, call: Call, leaves: frozenset[int], seed: int = 0
) -> tuple[Outcome, Outcome] | None:
    """Both in float64, or in float32 where the call is in float64 already; None where one of them refuses that."""
    double = any(tensor.dtype in (torch.float64, torch.complex128) for tensor in arguments(call))
    precision = torch.float32 if double else torch.float64

    def cast(value: Tensor | torch.dtype) -> Tensor | torch.dtype:
        if isinstance(value, torch.dtype):
            return _matching(value, precision)
        return value.detach().to(_matching(value.dtype, precision))

    args, kwargs = mapped((call.args, dict(call.kwargs)), cast, (Tensor, torch.dtype))
    try:
        return run(ours, Call(args, kwargs), leaves, seed), run(theirs, Call(args, kwargs), leaves, seed)
    except (RuntimeError, ValueError, TypeError, IndexError):
        return None


def _matching(dtype: torch.dtype, precision: torch.dtype) -> torch.dtype:
    """`dtype` in the given precision: real stays real, complex complex, integers integers."""
    if dtype.is_complex:
        return precision.to_complex()
    return precision if dtype.is_floating_point else dtype


# ---- two outcomes ----------------------------------------------------------------------------------------------


def outcomes(
    ours: Outcome,
    theirs: Outcome,
    *,
    judge: Judge | None = None,
    relative: float | None = None,
    layout: bool = True,
) -> Comparison:
    """Each tensor of ours against torch's, within `relative` of its own largest number: ULPS units of its dtype's eps.

    `judge` is asked only where something lies beyond that. `layout`: whether the order of the values' strides counts.
    """
    values = _pairs("value", ours.values, theirs.values, relative, layout)
    gradients = _pairs("gradient", ours.gradients, theirs.gradients, relative, layout=False)
    found = Comparison(values, gradients)
    if judge is None or found.agrees or any(difference.misfit for difference in (*values, *gradients)):
        return found
    again = judge()
    return found if again is None else _judged(found, ours, theirs, *again)


def _pairs(
    what: str, ours: Sequence[Tensor | None], theirs: Sequence[Tensor | None], relative: float | None, layout: bool
) -> tuple[Difference, ...]:
    if len(ours) != len(theirs):
        return (Difference(what, math.inf, 0.0, f"number {len(ours)} in place of {len(theirs)}"),)
    names = [what] if len(ours) == 1 else [f"{what} {i}" for i in range(1, len(ours) + 1)]
    pairs = zip(names, ours, theirs, strict=True)
    return tuple(difference(name, our, their, relative=relative, layout=layout) for name, our, their in pairs)


def difference(
    what: str, ours: Tensor | None, theirs: Tensor | None, *, relative: float | None = None, layout: bool = False
) -> Difference:
    """One tensor against another; None, no gradient, is a gradient of zeros."""
    misfit = "" if ours is None or theirs is None else _misfit(ours, theirs, layout)
    if misfit:
        return Difference(what, math.inf, 0.0, misfit)
    return Difference(what, apart(ours, theirs), _allowed(theirs, relative))


def _misfit(ours: Tensor, theirs: Tensor, layout: bool) -> str:
    """How shape, dtype or layout differ; empty where they do not."""
    if ours.shape != theirs.shape:
        return f"shape {tuple(ours.shape)} in place of {tuple(theirs.shape)}"
    if ours.dtype != theirs.dtype:
        return f"{ours.dtype} in place of {theirs.dtype}"
    if layout and _order(ours) != _order(theirs):
        return f"strides {ours.stride()} in place of {theirs.stride()}"
    return ""


def _order(tensor: Tensor) -> list[int]:
    """The dimensions from the outermost in memory to the innermost; those of size 1 lie nowhere."""
    if tensor.numel() == 0:
        return []
    strides = tensor.stride()
    return sorted((d for d, size in enumerate(tensor.shape) if size > 1), key=lambda d: -strides[d])


def _allowed(theirs: Tensor | None, relative: float | None) -> float:
    if theirs is None or not (theirs.is_floating_point() or theirs.is_complex()):
        return 0.0
    return (ULPS * torch.finfo(theirs.dtype).eps if relative is None else relative) * _magnitude(theirs)


def apart(ours: Tensor | None, theirs: Tensor | None) -> float:
    """The largest difference of all elements. Equal infinities, and NaN in the same place, are equal."""
    if ours is None or theirs is None:
        return max(_magnitude(ours), _magnitude(theirs))
    if not ours.numel():
        return 0.0
    a, b = _wide(ours), _wide(theirs)
    distance = torch.where((a == b) | (a.isnan() & b.isnan()), 0.0, (a - b).abs())
    return distance.nan_to_num(math.inf).max().item()


def _magnitude(tensor: Tensor | None) -> float:
    """The largest finite magnitude."""
    if tensor is None or tensor.numel() == 0:
        return 0.0
    return _wide(tensor).abs().nan_to_num(0, 0, 0).max().item()


def _wide(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().to(torch.complex128 if tensor.is_complex() else torch.float64)


# ---- the judge -------------------------------------------------------------------------------------------------


def _judged(found: Comparison, ours: Outcome, theirs: Outcome, our_other: Outcome, their_other: Outcome) -> Comparison:
    pooled = max((_magnitude(tensor) for tensor in (*theirs.values, *theirs.gradients)), default=0.0)

    def judged(kind: int) -> tuple[Difference, ...]:
        others = (our_other[kind], their_other[kind])
        if any(len(tensors) != len(ours[kind]) for tensors in others):
            return found.gradients if kind else found.values
        rows = zip((found.values, found.gradients)[kind], ours[kind], theirs[kind], *others, strict=True)
        return tuple(d if d.agrees else _judge(d, (our, their), others, pooled) for d, our, their, *others in rows)

    return Comparison(judged(0), judged(1))


def _judge(
    found: Difference, tensors: Sequence[Tensor | None], others: Sequence[Tensor | None], pooled: float
) -> Difference:
    """The same difference, with what the other precision says of it.

    It is rounding if it shrinks, or grows, as the precision does, and ours is about as near the truth as torch's, or
    off by what is small beside the call's other numbers: a gradient whose terms cancel to 0 is noise of their size.
    """
    (ours, theirs), (our_other, their_other) = tensors, others
    dtypes = [next((t.dtype for t in pair if t is not None), None) for pair in (tensors, others)]
    if any(dtype is None or not (dtype.is_floating_point or dtype.is_complex) for dtype in dtypes):
        return found
    eps, other_eps = (torch.finfo(dtype).eps for dtype in dtypes if dtype)
    there = apart(our_other, their_other)
    small = ULPS * eps * pooled
    if other_eps > eps:  # in float64 already: nothing says which is right
        return replace(found, rounding=found.largest <= min(small, SHRINKS * eps / other_eps * there))
    ours_off, theirs_off = apart(ours, their_other), apart(theirs, their_other)
    shrinks = there <= max(_allowed(their_other, None), SHRINKS * other_eps / eps * found.largest)
    near = ours_off <= max(theirs_off, small)
    # Infinity or NaN in place of a number is more than rounding, unless both versions overflow.
    finite = math.isfinite(found.largest) or ours_off == theirs_off
    return replace(found, rounding=shrinks and near and finite, ours_off=ours_off, theirs_off=theirs_off)


# ---- random versions -------------------------------------------------------------------------------------------


def distributions(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Comparison:
    """For random versions that draw other numbers from the same seed: the Kolmogorov–Smirnov distance.

    Two samples of n numbers from one distribution lie further apart than 3·√(2/n) once in 30 million times.
    """
    found = _pairs("distribution", ours, theirs, None, layout=False)
    if any(difference.misfit for difference in found):
        return Comparison(found, ())
    return Comparison(
        tuple(
            Difference(d.what, _ks(our, their), 3 * math.sqrt(2 / max(our.numel(), 1)))
            for d, our, their in zip(found, ours, theirs, strict=True)
        ),
        (),
    )


def _ks(ours: Tensor, theirs: Tensor) -> float:
    """The largest gap between the shares of elements at most x, over all x."""
    a, b = (t.detach().cpu().double().flatten().sort().values for t in (ours, theirs))
    if a.numel() == 0:
        return 0.0
    x = torch.cat([a, b])
    shares = [torch.searchsorted(t, x, right=True) / t.numel() for t in (a, b)]
    return (shares[0] - shares[1]).abs().max().item()
