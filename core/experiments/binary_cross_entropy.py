"""Binary cross entropy: how the number comes about for questions of yes or no, and what is believed of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.experiments.cross_entropy import Logits, Way, compared, example, gradient, refusal
from core.ops import binary_losses as ops
from core.ops.operator import Call
from core.ops.softmax import sigmoid
from core.tensors.limits import Limits
from core.words import N_

TARGETS = Limits(ranks=(1, 2), max_side=10, max_elements=60, low=0.0, high=1.0)


def logits(given: Tensor, labels: bool) -> Logits:
    """A matrix (N, L); a vector is one sample's labels or, without `labels`, many samples' single answers."""
    x = (given[None] if labels else given[:, None]) if given.dim() == 1 else given
    refused = refusal(lambda: F.logsigmoid(x))
    return Logits(x.float() if refused else x, tuple(given.shape), given.dtype, refused)


def example_targets(x: Tensor, seed: int) -> Tensor:
    """0 or 1 for each logit."""
    return torch.randint(2, x.shape, generator=torch.Generator().manual_seed(seed + 1)).to(x.dtype)


def misfit(x: Tensor, y: Tensor) -> str:
    """Torch's words where it refuses these targets; nothing where it takes them."""
    return refusal(lambda: F.binary_cross_entropy_with_logits(x, y))


@dataclass(frozen=True)
class Run:
    """A binary cross entropy of logits and targets (N, L), and its gradient at the logits."""

    call: Call
    x: Tensor
    y: Tensor
    pos_weight: float
    reduction: str
    p: Tensor  # sigmoid
    weights: Tensor  # what sigmoid is multiplied by in the gradient: pos_weight for a yes, 1 for a no
    losses: Tensor
    loss: Tensor
    grad: Tensor

    @property
    def certain(self) -> bool:
        """Whether every target is a plain yes or no."""
        return bool(((self.y == 0) | (self.y == 1)).all())

    @property
    def bce_call(self) -> Call:
        """The same loss from the probabilities, which knows no pos_weight."""
        return Call((self.p, self.y), {"reduction": self.reduction})

    @property
    def divisor(self) -> int:
        """What the sum of the losses, and the gradient, are divided by: 1 unless the reduction is the mean."""
        return self.x.numel() if self.reduction == "mean" else 1


def run(x: Tensor, y: Tensor, pos_weight: float = 1.0, reduction: str = "mean") -> Run:
    """The loss of logits (N, L) and targets of 0 … 1, and all that leads to it."""
    factor = None if pos_weight == 1 else torch.tensor(pos_weight, dtype=x.dtype)
    given = {"reduction": reduction, "pos_weight": factor}

    def loss(x: Tensor, reduction: str = reduction) -> Tensor:
        return ops.binary_cross_entropy_with_logits(x, y, reduction=reduction, pos_weight=factor)

    return Run(
        Call((x, y), given), x, y, pos_weight, reduction, sigmoid(x), 1 + (pos_weight - 1) * y,
        loss(x, "none"), loss(x), gradient(loss, x),
    )  # fmt: skip


def equal_ways(x: Tensor, y: Tensor) -> list[Way]:
    """The plain loss by all its names; as cross entropy of two classes only where every target is 0 or 1."""
    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "F.binary_cross_entropy_with_logits(x, y)": lambda x: F.binary_cross_entropy_with_logits(x, y),
        N_("manual binary_cross_entropy_with_logits(x, y)"): lambda x: ops.binary_cross_entropy_with_logits(x, y),
        "F.binary_cross_entropy(sigmoid(x), y)": lambda x: F.binary_cross_entropy(sigmoid(x), y),
        N_("manual binary_cross_entropy(sigmoid(x), y)"): lambda x: ops.binary_cross_entropy(sigmoid(x), y),
        N_("tutorial: 1/N Σ −[y·log p + (1 − y)·log(1 − p)]"): lambda x: ops.binary_cross_entropy_textbook(
            sigmoid(x), y
        ),
        "F.multilabel_soft_margin_loss(x, y)": lambda x: F.multilabel_soft_margin_loss(x, y),
        N_("manual multilabel_soft_margin_loss(x, y)"): lambda x: ops.multilabel_soft_margin_loss(x, y),
        N_("F.cross_entropy of two classes with the logits 0 and x"): lambda x: F.cross_entropy(
            torch.stack([torch.zeros_like(x), x], -1).flatten(0, 1), torch.stack([1 - y, y], -1).flatten(0, 1)
        ),
    }
    return compared(ways, x)


# ---- what is believed of it --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Samples:
    """The answers that the runs below take: those on screen where they are finite, else the example's."""

    x: Tensor
    y: Tensor
    own: bool

    @property
    def p(self) -> Tensor:
        """The probabilities of yes."""
        return sigmoid(self.x)

    @property
    def call(self) -> Call:
        """The arguments of a loss without settings."""
        return Call((self.x, self.y))


def samples(run: Run) -> Samples:
    """What a claim can be tried on; half precision as float32."""
    if run.x.isfinite().all():
        dtype = torch.float64 if run.x.dtype == torch.float64 else torch.float32
        return Samples(run.x.to(dtype), run.y.to(dtype), own=True)
    x = example(3, run.x.shape[1], 0)
    return Samples(x, example_targets(x, 0), own=False)


@dataclass(frozen=True)
class RoundedAnswers:
    """The tutorial's formula and torch's, where every probability is exactly 0 or 1."""

    wrong: int
    cells: int
    formula: float
    cut: float  # torch's, which takes no logarithm below −100
    of_logits: float  # with the logits times 1000 in place of the rounded probabilities
    certain: bool


def rounded_answers(x: Tensor, y: Tensor) -> RoundedAnswers:
    """The probabilities are rounded to 0 and 1."""
    p = (x > 0).to(x.dtype)
    return RoundedAnswers(
        int((p != y).sum()), p.numel(), ops.binary_cross_entropy_textbook(p, y).item(),
        F.binary_cross_entropy(p, y).item(), F.binary_cross_entropy_with_logits(x.double() * 1000, y.double()).item(),
        bool(((y == 0) | (y == 1)).all()),
    )  # fmt: skip


@dataclass(frozen=True)
class Mistaken:
    """Logits where probabilities are taken, and probabilities where logits are."""

    refused: str  # torch's words to logits
    of_logits: float  # what it gives where it takes them: all lie in 0 … 1
    right: float
    twice: float  # with_logits of probabilities


def mistaken(x: Tensor, y: Tensor) -> Mistaken:
    """`binary_cross_entropy` of logits, and `binary_cross_entropy_with_logits` of probabilities."""
    refused = refusal(lambda: F.binary_cross_entropy(x, y))
    return Mistaken(
        refused, math.nan if refused else F.binary_cross_entropy(x, y).item(),
        F.binary_cross_entropy_with_logits(x, y).item(), F.binary_cross_entropy_with_logits(torch.sigmoid(x), y).item(),
    )  # fmt: skip


@dataclass(frozen=True)
class SoftmaxOnLabels:
    """A sample that has every label, through a softmax and through sigmoids; and how many those on screen have."""

    labels: int
    counts: list[int]  # yeses of each sample on screen
    one_each: bool
    soft: float  # the probability of each label
    soft_loss: float
    sigmoid: float
    sigmoid_loss: float


def softmax_on_labels(x: Tensor, y: Tensor) -> SoftmaxOnLabels:
    """All logits are 5, all answers yes."""
    answers = torch.ones(1, x.shape[1])
    five = torch.full_like(answers, 5.0)
    soft, several = torch.softmax(five, 1), torch.sigmoid(five)
    counts = [int(n) for n in (y > 0.5).sum(1)]
    return SoftmaxOnLabels(
        x.shape[1], counts, set(counts) == {1}, soft[0, 0].item(), F.binary_cross_entropy(soft, answers).item(),
        several[0, 0].item(), F.binary_cross_entropy(several, answers).item(),
    )  # fmt: skip


@dataclass(frozen=True)
class MeanOverLabels:
    """The sum, over the samples and over all answers."""

    summed: float
    over_samples: float
    torchs: float
    samples: int
    labels: int
    cells: int


def mean_over_labels(x: Tensor, y: Tensor) -> MeanOverLabels:
    """What torch's mean divides by."""
    summed, mean = (F.binary_cross_entropy_with_logits(x, y, reduction=how).item() for how in ("sum", "mean"))
    return MeanOverLabels(summed, summed / len(x), mean, len(x), x.shape[1], x.numel())


@dataclass(frozen=True)
class WeightedYes:
    """The mean with a pos_weight, divided in two ways."""

    pos_weight: float
    yeses: float  # what the targets sum to
    cells: int
    summed: float
    by_weights: float
    torchs: float


def weighted_yes(x: Tensor, y: Tensor, pos_weight: float = 1.0) -> WeightedYes:
    """With the pos_weight on screen, or else with 3."""
    pos_weight = 3.0 if pos_weight == 1 else pos_weight
    factor = torch.tensor(pos_weight, dtype=x.dtype)
    summed, mean = (
        F.binary_cross_entropy_with_logits(x, y, reduction=how, pos_weight=factor).item() for how in ("sum", "mean")
    )
    weights = (1 + (pos_weight - 1) * y).sum().item()
    return WeightedYes(pos_weight, y.sum().item(), x.numel(), summed, summed / weights, mean)


# ---- what is asked -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """A probability of yes, the true answer, the loss and its slope at the logit."""

    p: float
    yes: int
    cost: float
    slope: float


def answer(p: float, yes: int, pos_weight: float = 1.0) -> Answer:
    """One question whose logit gives the probability p."""
    x, y = torch.tensor([p], dtype=torch.float64).logit(), torch.tensor([float(yes)], dtype=torch.float64)
    factor = torch.tensor(pos_weight, dtype=torch.float64)

    def loss(x: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(x, y, pos_weight=factor)

    return Answer(p, yes, loss(x).item(), gradient(loss, x).item())


def undecided(cells: int) -> float:
    """The mean loss where every logit is 0."""
    x = torch.zeros(cells, dtype=torch.float64)
    return F.binary_cross_entropy_with_logits(x, torch.ones_like(x)).item()
