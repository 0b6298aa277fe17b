"""Cross entropy of samples with one class each: how the number comes about, its gradient, what is believed of it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.experiments.refusals import refusal
from core.ops import losses as ops
from core.ops.operator import Call
from core.ops.softmax import log_softmax, sigmoid, softmax, softmax_textbook
from core.tensors.limits import Limits
from core.words import N_

LIMITS = Limits(ranks=(1, 2), max_side=10, max_elements=60, allow_nonfinite=True)
TARGETS = Limits(ranks=(1,), max_side=100, integers_only=True)
WEIGHTS = Limits(ranks=(1,), max_side=100)
REFUSALS = (ValueError, RuntimeError, IndexError, TypeError, NotImplementedError)


def gradient(loss: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """By autograd through `loss`, of the sum where it gives several numbers."""
    leaf = x.detach().clone().requires_grad_()
    loss(leaf).sum().backward()
    assert leaf.grad is not None
    return leaf.grad


# ---- the input ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Logits:
    """The reader's numbers as logits (N, C)."""

    x: Tensor
    given: tuple[int, ...]  # their shape: a vector is one sample
    dtype: torch.dtype  # that they came in
    refused: str  # what torch says to this dtype; they are made float32 then


def logits(given: Tensor) -> Logits:
    """A matrix, or a vector as its one row; in float32 where torch has no logarithm of softmax for their dtype."""
    x = given[None] if given.dim() == 1 else given
    refused = refusal(lambda: F.log_softmax(x, 1))
    return Logits(x.float() if refused else x, tuple(given.shape), given.dtype, refused)


def example(samples: int, classes: int, seed: int) -> Tensor:
    """Logits with one decimal: (samples, classes)."""
    drawn = torch.randn(samples, classes, generator=torch.Generator().manual_seed(seed))
    return (drawn * 2).round(decimals=1)


def example_targets(x: Tensor) -> Tensor:
    """Of the first sample the class with the largest logit, then with the second largest, then with the smallest, …"""
    ranked, last = x.argsort(stable=True, dim=1, descending=True), x.shape[1] - 1
    ranks = torch.tensor([(0, min(1, last), last)[i % 3] for i in range(len(x))])
    return ranked.gather(1, ranks[:, None])[:, 0]


@dataclass(frozen=True)
class Misfit:
    """What torch refuses of targets and weights, and what does not fit."""

    words: str  # torch's own
    samples: int
    targets: int
    classes: int
    weights: int  # as many as classes where none are given
    outside: int | None  # the first target that is no class and is not ignored
    dtype: torch.dtype  # of the targets

    @property
    def of_weights(self) -> bool:
        """Whether it is the weights that do not fit."""
        return self.targets == self.samples and self.weights != self.classes


def misfit(x: Tensor, y: Tensor, weight: Tensor | None, ignore_index: int) -> Misfit | None:
    """Why torch refuses these targets and weights; None where it takes them."""
    words = refusal(lambda: F.cross_entropy(x, y, weight, ignore_index=ignore_index))
    if not words:
        return None
    classes = x.shape[1]
    outside = [c for c in y.tolist() if c != ignore_index and c not in range(classes)]
    counted = classes if weight is None else len(weight)
    return Misfit(words, len(x), len(y), classes, counted, outside[0] if outside else None, y.dtype)


# ---- the run on screen -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """A cross entropy, from logits (N, C) and classes (N,) to one number, and its gradient at the logits."""

    call: Call
    x: Tensor
    y: Tensor
    weight: Tensor | None
    ignore_index: int
    reduction: str
    smoothing: float
    kept: Tensor  # (N,) False for ignored samples
    label: Tensor  # (N,) the classes, 0 for ignored samples
    p: Tensor  # (N, C) softmax
    log_p: Tensor  # (N, C)
    target: Tensor  # (N, C) one-hot or smoothed; zeros for ignored samples
    share: Tensor  # (N, C) the target times the classes' weights: what each −log p is multiplied by
    weights: Tensor  # (N,) the weight of each target, 0 for ignored samples
    losses: Tensor  # (N,)
    loss: Tensor  # () or, not reduced, (N,)
    grad: Tensor  # (N, C)

    @property
    def class_by_class(self) -> bool:
        """Whether the weights stand inside the sum over the classes: the target is smoothed and the classes weigh."""
        return self.weight is not None and self.smoothing > 0

    @property
    def factor(self) -> Tensor:
        """What softmax is multiplied by in the gradient, for each sample: (N, 1)."""
        return (self.share.sum(1) if self.class_by_class else self.weights)[:, None]

    @property
    def nll_call(self) -> Call:
        """The same loss from the log probabilities, which nll_loss takes; it knows no smoothing."""
        given = {name: value for name, value in self.call.kwargs.items() if name != "label_smoothing"}
        return Call((self.log_p, self.y), given)

    @property
    def divisor(self) -> float:
        """What the sum of the losses, and the gradient, are divided by: 1 unless the reduction is the mean."""
        return self.weights.sum().item() if self.reduction == "mean" else 1.0


def run(
    x: Tensor, y: Tensor, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean",
    smoothing: float = 0.0,
) -> Run:  # fmt: skip
    """The loss of logits (N, C) and classes (N,), and all that leads to it."""
    kept, classes = y != ignore_index, x.shape[1]
    label = torch.where(kept, y, 0).long()
    hot = (1 - smoothing) * ops.one_hot(label, classes, x.dtype) + smoothing / classes
    target = hot * kept[:, None]
    of_class = torch.ones(classes, dtype=x.dtype) if weight is None else weight

    def loss(x: Tensor, reduction: str = reduction) -> Tensor:
        return ops.cross_entropy(
            x, y, weight, ignore_index=ignore_index, label_smoothing=smoothing, reduction=reduction
        )

    given = {
        "weight": weight, "ignore_index": ignore_index, "reduction": reduction, "label_smoothing": smoothing
    }  # fmt: skip
    return Run(
        Call((x, y), given), x, y, weight, ignore_index, reduction, smoothing, kept, label,
        softmax(x, 1), log_softmax(x, 1), target, target * of_class, of_class[label] * kept,
        loss(x, "none"), loss(x), gradient(loss, x),
    )  # fmt: skip


@dataclass(frozen=True)
class OneLogit:
    """A sample's loss and its slope, while its target's logit moves."""

    z: Tensor
    loss: Tensor
    slope: Tensor
    sample: int
    target: int
    p: float  # of the target, now
    cost: float  # −log p, now
    now: float  # the target's logit


def over_one_logit(run: Run, i: int) -> OneLogit:
    """Sample i over its target's logit, all other logits as they are."""
    target, z = int(run.label[i]), torch.linspace(-8, 8, 81, dtype=run.x.dtype)
    x = run.x[i].repeat(len(z), 1)
    x[:, target] = z
    slope = gradient(lambda x: losses_of_one(run, i, x), x)[:, target]
    p, cost = run.p[i, target].item(), -run.log_p[i, target].item()
    return OneLogit(
        z.double(), losses_of_one(run, i, x).double(), slope.double(), i, target, p, cost, run.x[i, target].item()
    )


@dataclass(frozen=True)
class TwoLogits:
    """A sample's loss over its target's logit, to the right, and another one's, upwards."""

    z: Tensor
    loss: Tensor  # (other, target)
    target: int
    other: int
    now: tuple[float, float]


def over_two_logits(run: Run, i: int, j: int) -> TwoLogits:
    """Sample i over its target's logit and that of class j, of the class after the target where j is the target."""
    target, z = int(run.label[i]), torch.linspace(-6, 6, 41, dtype=run.x.dtype)
    other = j if j != target else (j + 1) % run.x.shape[1]
    x = run.x[i].repeat(len(z) ** 2, 1)
    x[:, target], x[:, other] = z.repeat(len(z)), z.repeat_interleave(len(z))
    loss = losses_of_one(run, i, x).view(len(z), len(z))
    return TwoLogits(z.double(), loss.double(), target, other, (run.x[i, target].item(), run.x[i, other].item()))


def losses_of_one(run: Run, i: int, x: Tensor) -> Tensor:
    """The loss of sample i with each of these logits (M, C) in place of its own: (M,)."""
    return ops.cross_entropy(x, run.y[i].expand(len(x)), **{**run.call.kwargs, "reduction": "none"})


# ---- the same number by other ways -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """What one way gives, and how far its value and its gradient lie from the first way's."""

    name: str
    loss: float
    apart: float
    gradient_apart: float


def compared(ways: Mapping[str, Callable[[Tensor], Tensor]], x: Tensor) -> list[Way]:
    """All ways from these logits to one number."""
    first = next(iter(ways.values()))
    value, slope = first(x), gradient(first, x)
    return [
        Way(name, way(x).item(), (way(x) - value).abs().item(), (gradient(way, x) - slope).abs().max().item())
        for name, way in ways.items()
    ]


def equal_ways(x: Tensor, y: Tensor) -> list[Way]:
    """The plain loss, by torch and by hand."""
    hot = ops.one_hot(y, x.shape[1], x.dtype)
    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "F.cross_entropy(x, y)": lambda x: F.cross_entropy(x, y),
        N_("manual cross_entropy(x, y)"): lambda x: ops.cross_entropy(x, y),
        N_("one-hot: −Σ y·log p, mean"): lambda x: ops.cross_entropy_by_one_hot(x, y),
        N_("gather: −log p[y], mean"): lambda x: ops.cross_entropy_by_gather(x, y),
        "nll_loss(log_softmax(x), y)": lambda x: ops.cross_entropy_by_nll_loss(x, y),
        "F.nll_loss(F.log_softmax(x, 1), y)": lambda x: F.nll_loss(F.log_softmax(x, 1), y),
        N_("F.cross_entropy(x, one-hot as probabilities)"): lambda x: F.cross_entropy(x, hot),
        N_("tutorial: ce_loss(softmax(x), y), then mean"): lambda x: ops.ce_loss(softmax(x, 1), y).mean(),
    }
    return compared(ways, x)


def four_steps(input: Tensor, target: Tensor) -> Tensor:
    """The tutorial's four steps from logits (N, C) and classes (N,) to one number.

    Its limit: a probability that underflows to 0 makes the loss infinite.
    """
    probabilities = softmax_textbook(input)  # (N, C)
    logs = probabilities.log()
    picked = logs.gather(1, target.view(-1, 1))  # (N, 1)
    return -picked.mean()


# ---- what is believed of it --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Samples:
    """The samples that the runs below take: all that count and are finite, else the example's."""

    x: Tensor
    y: Tensor
    taken: int
    given: int

    @property
    def log_p(self) -> Tensor:
        """Their log probabilities."""
        return log_softmax(self.x, 1)


def samples(run: Run) -> Samples:
    """Of the samples on screen those on which a claim can be tried; half precision as float32."""
    good = run.kept & run.x.isfinite().all(1)
    x = run.x if run.x.dtype == torch.float64 else run.x.float()
    if good.any():
        return Samples(x[good], run.label[good], int(good.sum()), len(x))
    x = example(3, 4, 0)
    return Samples(x, example_targets(x), 0, len(run.x))


@dataclass(frozen=True)
class WithoutMean:
    """The tutorial's loss, without softmax and mean, beside torch's."""

    shape: tuple[int, ...]
    refused: str  # by backward()
    mean: float
    torchs: float
    slope_of_sum: float  # largest in the gradient
    slope_of_mean: float
    n: int


def tutorials_loss(x: Tensor, y: Tensor) -> WithoutMean:
    """The tutorial's `ce_loss` of softmax."""
    leaf = x.clone().requires_grad_()
    losses = ops.ce_loss(softmax(leaf, 1), y)
    summed = gradient(lambda x: F.cross_entropy(x, y, reduction="sum"), x).abs().max()
    mean = gradient(lambda x: F.cross_entropy(x, y), x).abs().max()
    return WithoutMean(
        tuple(losses.shape), refusal(losses.backward), losses.mean().item(), F.cross_entropy(x, y).item(),
        summed.item(), mean.item(), len(x),
    )  # fmt: skip


@dataclass(frozen=True)
class TwoSoftmaxes:
    """The loss of logits and of their softmax, and the norms of their gradients."""

    once: float
    twice: float
    slope_once: float
    slope_twice: float
    perfect: float  # what probabilities cost that are exactly right
    classes: int

    @property
    def wrong_classes(self) -> int:
        """All but the target."""
        return self.classes - 1


def softmax_first(x: Tensor, y: Tensor) -> TwoSoftmaxes:
    """Cross entropy with a softmax before it, which it has inside already."""
    once, twice = (gradient(loss, x).norm().item() for loss in (
        lambda x: F.cross_entropy(x, y), lambda x: F.cross_entropy(softmax(x, 1), y)
    ))  # fmt: skip
    perfect = F.cross_entropy(ops.one_hot(y, x.shape[1], x.dtype), y)
    return TwoSoftmaxes(
        F.cross_entropy(x, y).item(), F.cross_entropy(softmax(x, 1), y).item(), once, twice, perfect.item(), x.shape[1]
    )


@dataclass(frozen=True)
class LogOfZero:
    """log(softmax(x)) and log_softmax(x) where a probability underflows."""

    below: int  # how far the targets' logits lie below the largest of their rows
    dtype: torch.dtype
    classes: int
    loss_in_two: float
    nan_in_two: int
    loss_in_one: float
    nan_in_one: int
    cells: int


def log_of_zero(x: Tensor) -> LogOfZero:
    """Each row's smallest logit is put so far below the largest that its probability is 0, and made the target."""
    below = 120 if x.dtype == torch.float32 else 800
    target = x.argmin(1, keepdim=True)
    far = (x - x.amax(1, keepdim=True)).scatter(1, target, -below)
    y = target[:, 0]

    def in_two(x: Tensor) -> Tensor:
        return F.nll_loss(torch.log(torch.softmax(x, 1)), y)

    def in_one(x: Tensor) -> Tensor:
        return F.nll_loss(torch.log_softmax(x, 1), y)

    return LogOfZero(
        below, x.dtype, x.shape[1], in_two(far).item(), int(gradient(in_two, far).isnan().sum()),
        in_one(far).item(), int(gradient(in_one, far).isnan().sum()), x.numel(),
    )  # fmt: skip


@dataclass(frozen=True)
class Convexity:
    """How often the function lies above a random chord, and what it tends to."""

    tried: int
    above_in_logits: int
    above_in_weights: int
    at: list[float]  # the target's logit, the others at 0
    losses: list[float]
    classes: int


def convexity(x: Tensor, y: Tensor) -> Convexity:
    """Chords in the logits, chords in the weights of a network with 4 hidden units, and the way to the optimum."""
    classes, tried, at = x.shape[1], 200, [1.0, 10.0, 20.0]
    inputs = torch.linspace(-1, 1, 2 * len(y), dtype=torch.float64).view(-1, 2)
    hot = ops.one_hot(y, classes, torch.float64)
    return Convexity(
        tried,
        chords_above(lambda flat: loss_of_logits(flat, y), x.numel(), tried),
        chords_above(lambda flat: loss_of_weights(flat, inputs, y, (2, 4, classes)), 12 + 5 * classes, tried),
        at, [F.cross_entropy(s * hot, y).item() for s in at], classes,
    )  # fmt: skip


def chords_above(loss: Callable[[Tensor], Tensor], size: int, tried: int = 200) -> int:
    """How many of `tried` random chords the function lies above, half-way: 0 for a convex one.

    `loss` takes points (M, size), float64, and gives (M,).
    """
    ends = torch.randn(2, tried, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3
    a, b = ends
    middle, chord = loss((a + b) / 2), (loss(a) + loss(b)) / 2
    return int((middle > chord + 1e-9).sum())


def loss_of_logits(flat: Tensor, target: Tensor) -> Tensor:
    """The mean loss for each of M flattened matrices of logits: (M, N·C), (N,) → (M,)."""
    rows = flat.reshape(len(flat) * len(target), -1)  # (M·N, C)
    return F.cross_entropy(rows, target.repeat(len(flat)), reduction="none").view(len(flat), -1).mean(1)


def loss_of_weights(flat: Tensor, X: Tensor, target: Tensor, sizes: tuple[int, int, int]) -> Tensor:
    """The mean loss of a two-layer network for each of M flattened sets of weights and biases: (M, count) → (M,)."""
    inputs, hidden, outputs = sizes
    shapes = ((inputs, hidden), (hidden,), (hidden, outputs), (outputs,))
    counts = [torch.Size(shape).numel() for shape in shapes]
    losses = []
    for row in flat:
        W1, b1, W2, b2 = (part.view(shape) for part, shape in zip(row.split(counts), shapes, strict=True))
        losses.append(F.cross_entropy(torch.relu(X @ W1 + b1) @ W2 + b2, target))
    return torch.stack(losses)


@dataclass(frozen=True)
class RowSums:
    """What the classes of each sample sum to: at most three samples."""

    logits: list[float]
    shifted: list[float]  # after 1 is added to each logit
    softmax_moved: float  # by that
    softmax: list[float]
    sigmoids: list[float]
    classes: int


def row_sums(x: Tensor) -> RowSums:
    """Sums over the classes of logits, of softmax and of sigmoids."""
    three = x[:3].double()
    moved = (softmax(three + 1, 1) - softmax(three, 1)).abs().max().item()
    sums = [values.sum(1).tolist() for values in (three, three + 1, softmax(three, 1), sigmoid(three))]
    return RowSums(sums[0], sums[1], moved, sums[2], sums[3], x.shape[1])


@dataclass(frozen=True)
class WithoutLog:
    """nll_loss of three inputs."""

    of_probabilities: float
    of_logits: float
    of_log_probabilities: float
    cross_entropy: float


def no_log(x: Tensor, y: Tensor) -> WithoutLog:
    """nll_loss of softmax, of the logits themselves and of log_softmax."""
    return WithoutLog(
        F.nll_loss(torch.softmax(x, 1), y).item(),
        F.nll_loss(x, y).item(),
        F.nll_loss(torch.log_softmax(x, 1), y).item(),
        F.cross_entropy(x, y).item(),
    )


@dataclass(frozen=True)
class WeightedMean:
    """The mean of weighted losses, divided in two ways."""

    weights: list[float]
    of_targets: list[float]
    by_n: float
    by_weights: float
    torchs: float
    doubled: float  # torch's, with all weights twice as large
    n: int


def weighted_mean(x: Tensor, y: Tensor, weight: Tensor | None = None) -> WeightedMean:
    """With the classes' weights, or else with 1, 2, 3, …"""
    weight = torch.arange(1.0, x.shape[1] + 1) if weight is None else weight
    weight = weight.to(x.dtype)
    losses = F.cross_entropy(x, y, weight, reduction="none")
    return WeightedMean(
        weight.tolist(), weight[y].tolist(), (losses.sum() / len(y)).item(),
        (losses.sum() / weight[y].sum()).item(), F.cross_entropy(x, y, weight).item(),
        F.cross_entropy(x, y, 2 * weight).item(), len(y),
    )  # fmt: skip


@dataclass(frozen=True)
class IgnoredSample:
    """The mean once the first sample is ignored, divided in two ways."""

    n: int
    counted: int
    summed: float
    by_n: float
    torchs: float
    gradient: float  # largest of the ignored sample's
    all_ignored: float


def ignored_sample(x: Tensor, y: Tensor) -> IgnoredSample:
    """The first sample's target becomes −100."""
    target = torch.cat([torch.tensor([-100]), y[1:]])
    summed = F.cross_entropy(x, target, reduction="sum").item()
    slope = gradient(lambda x: F.cross_entropy(x, target, reduction="sum"), x)[0].abs().max().item()
    nothing = F.cross_entropy(x, torch.full_like(y, -100)).item()
    return IgnoredSample(len(y), len(y) - 1, summed, summed / len(y), F.cross_entropy(x, target).item(), slope, nothing)


@dataclass(frozen=True)
class Smoothed:
    """What ever surer right predictions cost with label smoothing."""

    smoothing: float
    classes: int
    at: list[float]  # how far the target's logit lies above the others
    losses: list[float]
    best: float  # the probability that costs least
    floor: float  # what that costs


def smoothed_floor(classes: int, smoothing: float = 0.1) -> Smoothed:
    """A right prediction whose logit for the target lies 1, 5, 20 and 100 above the rest."""
    y, at = torch.tensor([0]), [1.0, 5.0, 20.0, 100.0]
    hot = ops.one_hot(y, classes, torch.float64)
    target = (1 - smoothing) * hot + smoothing / classes
    floor = F.cross_entropy(target.log(), y, label_smoothing=smoothing).item()
    losses = [F.cross_entropy(s * hot, y, label_smoothing=smoothing).item() for s in at]
    return Smoothed(smoothing, classes, at, losses, 1 - smoothing + smoothing / classes, floor)


# ---- what is asked -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prediction:
    """One class's probability in a batch of `n`, and what follows for the mean loss."""

    p: float
    n: int
    cost: float  # −log p, where this class is the target
    slope: float  # of the mean loss at this class's logit, where it is the target
    slope_elsewhere: float  # where another class is


def prediction(p: float, n: int) -> Prediction:
    """A class of probability p and another with the rest, for n such samples."""
    x = torch.tensor([[math.log(p), math.log1p(-p)]], dtype=torch.float64).repeat(n, 1)
    hit, miss = torch.zeros(n, dtype=torch.int64), torch.ones(n, dtype=torch.int64)
    at = gradient(lambda x: F.cross_entropy(x, hit), x)[0, 0].item()
    beside = gradient(lambda x: F.cross_entropy(x, miss), x)[0, 0].item()
    return Prediction(p, n, F.cross_entropy(x, hit).item(), at, beside)


def clueless(classes: int) -> float:
    """The loss of equal logits."""
    return F.cross_entropy(torch.zeros(1, classes, dtype=torch.float64), torch.tensor([0])).item()


def weighted_pair(costs: tuple[float, float], weights: tuple[float, float]) -> float:
    """torch's mean for one sample of each of two classes that cost so much without weights, with these weights."""
    p = torch.tensor(costs, dtype=torch.float64).neg().exp()
    x = torch.stack([torch.stack([p[0], 1 - p[0]]), torch.stack([1 - p[1], p[1]])]).log()
    return F.cross_entropy(x, torch.tensor([0, 1]), torch.tensor(weights, dtype=torch.float64)).item()
