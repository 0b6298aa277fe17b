"""Dropout: one draw with its mask and gradient, averages over many draws, and what stops it and what does not."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.experiments.refusals import refusal
from core.ops import dropout as ops
from core.ops.seeded import seeded
from core.tensors.dtypes import as_floats

MANY = 500  # masks behind a pitfall's mean


def example(size: int, seed: int) -> Tensor:
    """Positive activations, as a ReLU or a sigmoid hands them on: their mean shows a shift, one near 0 hides it."""
    return (1 + 4 * torch.rand(size, size, generator=torch.Generator().manual_seed(seed))).round(decimals=1)


@dataclass(frozen=True)
class Run:
    """One call of dropout, and what comes of it."""

    given: Tensor
    refusal: str  # what torch says of it where it does not take it, else empty
    x: Tensor  # what was given; where that was refused, the same numbers as float32
    p: float
    training: bool
    seed: int
    mask: Tensor  # the factor of each number: 0 or 1/(1 − p) in training, else 1
    y: Tensor
    grad: Tensor | None  # at x, for a 1 at every output; None for integers, which have no gradient

    @property
    def floats(self) -> Tensor:
        """The input as floating-point numbers, which training needs and which have gradients."""
        return as_floats(self.given)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of what was given."""
        return self.given.dtype

    @property
    def kept(self) -> Tensor:
        """True where the input is kept."""
        return self.mask != 0

    @property
    def cells(self) -> int:
        """How many numbers the input has."""
        return self.x.numel()

    @property
    def dropped(self) -> int:
        """How many of them this mask drops."""
        return int((~self.kept).sum())

    @property
    def factor(self) -> float:
        """By what the kept ones are multiplied."""
        return 1 / (1 - self.p) if self.drawn and self.p < 1 else 1.0

    @property
    def drawn(self) -> bool:
        """Whether anything can be dropped at all."""
        return self.training and self.p > 0

    @property
    def mean_x(self) -> float:
        """The mean of the input."""
        return mean(self.x)

    @property
    def mean_y(self) -> float:
        """The mean of the output."""
        return mean(self.y)

    @property
    def mean_unscaled(self) -> float:
        """The mean that the output would have if the kept numbers stayed as they are."""
        return mean(self.y) / self.factor


def mean(x: Tensor) -> float:
    """The mean of all numbers, in double precision."""
    return x.double().mean().item()


def run(given: Tensor, p: float, training: bool, seed: int) -> Run:
    """One draw from this seed, and the gradient that goes back through the same mask."""
    refused = refusal(lambda: F.dropout(given, p, training))
    x = as_floats(given) if refused else given
    mask, y, grad = torch.ones_like(x), x, None
    if training and p:
        with seeded(seed):
            steps = ops.dropout_steps(x, p)
        mask, y = steps.scaled_mask, steps.output
    if x.is_floating_point():
        leaf = x.clone().requires_grad_()
        with seeded(seed):
            (grad,) = torch.autograd.grad(ops.dropout(leaf, p, training).sum(), leaf)
    return Run(given, refused, x, p, training, seed, mask, y, grad)


# ---- averages ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Averages:
    """What the output comes to after 1, 2, … masks, averaged over the cells."""

    means: Tensor  # (masks,): mean of the output
    unscaled: Tensor  # the same without the factor 1/(1 − p)
    variances: Tensor  # variance of the output over the masks
    mean_x: float
    expected_variance: float  # p/(1 − p) · mean of x²; NaN for p = 1, where no factor would do

    @property
    def masks(self) -> int:
        """How many masks were drawn."""
        return len(self.means)

    @property
    def mean(self) -> float:
        """The mean over all masks."""
        return self.means[-1].item()

    @property
    def mean_unscaled(self) -> float:
        """The same without the factor."""
        return self.unscaled[-1].item()

    @property
    def variance(self) -> float:
        """The variance over all masks."""
        return self.variances[-1].item()


def over_masks(x: Tensor, p: float, masks: int, seed: int) -> Averages:
    """Dropout in training, so many times on the same input."""
    outputs = many(x, p, masks, seed).reshape(masks, -1).double()  # (masks, cells)
    kept = outputs if p == 1 else outputs * (1 - p)
    count = torch.arange(1, masks + 1)[:, None]
    means = outputs.cumsum(0) / count
    variances = ((outputs**2).cumsum(0) / count - means**2).mean(1)
    expected = torch.nan if p == 1 else p / (1 - p) * mean(x.double() ** 2)
    return Averages(means.mean(1), (kept.cumsum(0) / count).mean(1), variances, mean(x), expected)


def many(x: Tensor, p: float, masks: int, seed: int) -> Tensor:
    """The outputs (masks, *shape of x) of so many calls in training."""
    with seeded(seed):
        return ops.dropout(x.expand(masks, *x.shape), p)


# ---- pitfalls ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TwoDraws:
    """A linear layer after dropout, and dropout called once more."""

    p: float
    weights: int
    changed: int  # weights that the call has changed
    cells: int
    dropped: int
    differ: int  # cells dropped in one call and kept in the other


def two_draws(x: Tensor, p: float, seed: int) -> TwoDraws:
    """What dropout sets to zero: the layer's weights, or what goes into the layer."""
    layer = nn.Linear(x.shape[-1] if x.dim() else 1, 3, dtype=x.dtype)
    before = layer.weight.detach().clone()
    first, second = run(x, p, True, seed), run(x, p, True, seed + 1)
    layer(torch.atleast_1d(first.y))
    changed = int((layer.weight != before).sum())
    return TwoDraws(p, before.numel(), changed, x.numel(), first.dropped, int((first.kept != second.kept).sum()))


@dataclass(frozen=True)
class Shift:
    """The mean of the input's magnitudes, and of what dropout makes of them over many masks."""

    p: float
    factor: float  # 1/(1 − p), infinite for p = 1
    masks: int
    mean: float
    scaled: float
    unscaled: float


def shifts_the_mean(x: Tensor, p: float, seed: int) -> Shift:
    """The same masks with and without the factor, on |x|: among numbers of both signs a shift could hide."""
    found = over_masks(x.abs(), p, MANY, seed)
    return Shift(p, 1 / (1 - p) if p < 1 else torch.inf, MANY, found.mean_x, found.mean, found.mean_unscaled)


@dataclass(frozen=True)
class Stopped:
    """In how many cells the output is not the input."""

    p: float
    cells: int
    under_no_grad: int
    after_eval: int
    grad_fn: str  # of the output under no_grad


def no_grad_is_not_eval(x: Tensor, p: float, seed: int) -> Stopped:
    """nn.Dropout under no_grad, and after eval()."""
    layer = nn.Dropout(p)
    leaf = x.clone().requires_grad_()
    with seeded(seed), torch.no_grad():
        under = layer(leaf)
    return Stopped(p, x.numel(), differing(under, x), differing(layer.eval()(x), x), str(under.grad_fn))


def differing(a: Tensor, b: Tensor) -> int:
    """How many cells differ; NaN equals NaN."""
    return int(((a != b) & ~((a != a) & (b != b))).sum())


class Careless(nn.Module):
    """F.dropout as it is often written: nobody tells it of train and eval."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Its argument `training` is True unless it is given."""
        return F.dropout(x, self.p)


class Careful(Careless):
    """F.dropout that follows the module's mode, as nn.Dropout does."""

    def forward(self, x: Tensor) -> Tensor:
        """The module's own flag, which eval() sets to False."""
        return F.dropout(x, self.p, self.training)


@dataclass(frozen=True)
class AfterEval:
    """Two modules after eval(), and the cells in which their output is not the input."""

    x: Tensor
    p: float
    careless: Tensor
    careful: Tensor

    @property
    def cells(self) -> int:
        """How many numbers the input has."""
        return self.x.numel()

    @property
    def by_careless(self) -> int:
        """Of `F.dropout(x, p)`."""
        return differing(self.careless, self.x)

    @property
    def by_careful(self) -> int:
        """Of `F.dropout(x, p, self.training)`."""
        return differing(self.careful, self.x)


def after_eval(x: Tensor, p: float, seed: int) -> AfterEval:
    """What eval() does to a dropout that is a function call, not a module."""
    with seeded(seed):
        return AfterEval(x, p, Careless(p).eval()(x), Careful(p).eval()(x))


@dataclass(frozen=True)
class Textbook:
    """The tutorial's function beside torch's, on the same numbers in float64 and from one seed."""

    p: float
    dtype: torch.dtype  # of the tutorial's result
    torch_dtype: torch.dtype
    same_mask: bool
    refusal: str  # of a probability of 1.5
    torch_refusal: str


def textbook_limits(x: Tensor, p: float, seed: int) -> Textbook:
    """The tutorial's ten lines where they differ from F.dropout: dtype, mask and refusal."""
    ones = torch.ones_like(x, dtype=torch.float64)
    with seeded(seed):
        theirs = ops.dropout_textbook(ones, p)
    with seeded(seed):
        ours = F.dropout(ones, p)
    refusals = []
    for function in (ops.dropout_textbook, F.dropout):
        try:
            function(x, 1.5)
        except (AssertionError, ValueError) as said:
            refusals.append(f"{type(said).__name__}: {said}".removesuffix(": "))
    return Textbook(p, theirs.dtype, ours.dtype, torch.equal(theirs != 0, ours != 0), *refusals)


# ---- questions ---------------------------------------------------------------------------------------------------


def expected_drops(cells: int, p: float, training: bool) -> float:
    """How many cells are dropped on average: each with probability p on its own."""
    return cells * p if training else 0.0


def drops_in_eval(p: float, follows: bool, cells: int = 1000) -> bool:
    """Whether a module whose forward calls F.dropout drops anything after eval(); it `follows` the mode or not."""
    found = after_eval(torch.ones(cells), p, 0)
    return (found.by_careful if follows else found.by_careless) > 0
