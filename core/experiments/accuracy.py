"""Accuracy on handwritten digits: what is counted on a page, and what people believe of it, put to a run."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from core.data import mnist
from core.experiments.mlp import digits
from core.experiments.softmax_regression import Model, logits, train
from core.ops import metrics as ops
from core.ops.losses import cross_entropy
from core.ops.softmax import softmax

CLASSES, EPOCHS = 10, 10
Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Run:
    """A model's scores for images, and how they are counted."""

    model: Model
    images: Tensor  # (N, 28, 28) bytes
    X: Tensor  # the same as the model takes them: (N, 784), 0 … 1
    y: Tensor  # (N,)
    batch_size: int
    topk: int

    @cached_property
    def scores(self) -> Tensor:
        """(N, 10)"""
        return logits(self.model, self.X)

    @cached_property
    def right(self) -> Tensor:
        """Which images count as right: (N,) bools."""
        return ops.correct(self.scores, self.y, self.topk)

    @cached_property
    def counted(self) -> Tensor:
        """The class that each image counts as: (N,)."""
        return counted_as(self.scores, self.y, self.topk)

    @cached_property
    def confusion(self) -> Tensor:
        """How many images of each class (row) count as each class (column): (10, 10)."""
        return ops.confusion_matrix(one_hot(self.counted, CLASSES), self.y)

    @property
    def batches(self) -> list[Batch]:
        """The images in batches, the last one smaller if they don't divide."""
        return list(zip(self.X.split(self.batch_size), self.y.split(self.batch_size), strict=True))

    @property
    def right_in_batches(self) -> list[int]:
        """How many images of each batch are right."""
        return [int(part.sum()) for part in self.right.split(self.batch_size)]

    @property
    def sizes(self) -> list[int]:
        """How many images each batch has."""
        return [len(y) for _, y in self.batches]

    @property
    def share(self) -> float:
        """The accuracy."""
        return ops.evaluate(self.batches, self.predict, self.topk).accuracy

    def predict(self, X: Tensor) -> Tensor:
        """The model's scores."""
        return logits(self.model, X)

    def order(self, i: int) -> list[int]:
        """The classes of an image, the one with the largest score first."""
        return self.scores[i].argsort(descending=True, stable=True).tolist()

    def place(self, i: int) -> int:
        """Where the true class of an image stands among all, from 1."""
        return self.order(i).index(int(self.y[i])) + 1

    def inside(self, cell: tuple[int, int]) -> list[int]:
        """The images that are counted in a cell (true class, counted class) of the matrix."""
        return ((self.y == cell[0]) & (self.counted == cell[1])).nonzero().flatten().tolist()


def counted_as(scores: Tensor, target: Tensor, topk: int) -> Tensor:
    """The true class where it is among the `topk` best, else the best class: (N, C), (N,) → (N,)."""
    best = scores.argsort(dim=1, descending=True, stable=True)[:, :topk]  # (N, topk)
    return torch.where((best == target.unsqueeze(1)).any(dim=1), target, scores.argmax(dim=1))


@functools.lru_cache(maxsize=64)
def _begun(samples: int, lr: float, seed: int) -> tuple[list[Model], Iterator[Model]]:
    """A training with these settings: the models so far, and what goes on with it."""
    data = digits(samples)
    return [], train(data.X, data.y, classes=CLASSES, epochs=EPOCHS, lr=lr, seed=seed)


def trained(samples: int, lr: float, seed: int, epochs: int = EPOCHS) -> list[Model]:
    """The model before training and after each epoch up to this one, trained as far as anybody has asked."""
    models, more = _begun(samples, lr, seed)
    while len(models) <= epochs:
        models.append(next(more))
    return models[: epochs + 1]


def run(samples: int, lr: float, seed: int, epochs: int, count: int, batch_size: int, topk: int) -> Run:
    """The model trained with these settings, on the first `count` test images."""
    data, images = digits(samples), mnist().test_images[:count]
    model = trained(samples, lr, seed, epochs)[-1]
    return Run(model, images, data.X_test[:count], data.y_test[:count], batch_size, topk)


def worst_cell(confusion: Tensor) -> tuple[int, int]:
    """The most frequent mistake; (0, 0) where there is none."""
    wrong = confusion - torch.diag(confusion.diagonal())
    return divmod(int(wrong.argmax()), len(confusion)) if wrong.any() else (0, 0)


# ---- what the page's tabs show ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Means:
    """Right over all, and the mean of the batches' accuracies: exact, since each is a fraction."""

    shares: list[float]  # of each batch
    whole: float
    mean: float
    same: bool
    first: int  # images of the first batch
    last: int  # of the last


def means(right: Sequence[int], sizes: Sequence[int]) -> Means:
    """Both, from how many of how many are right in each batch."""
    each = [Fraction(r, n) for r, n in zip(right, sizes, strict=True)]
    whole, mean = Fraction(sum(right), sum(sizes)), sum(each, Fraction(0)) / len(each)
    return Means([float(share) for share in each], float(whole), float(mean), whole == mean, sizes[0], sizes[-1])


@dataclass(frozen=True)
class ClassShares:
    """How much of each class counts as right."""

    own: Tensor  # (10,), nan for a class without images
    low: float
    high: float
    lowest: int  # the class with the smallest share
    mean: float  # of the classes that have images
    accuracy: float
    frequent: int  # the class with the most images
    images: int  # of that class
    samples: int


def class_shares(run: Run) -> ClassShares:
    """The shares of the classes, and the accuracy beside their mean."""
    of_class = run.confusion.sum(1)
    own = run.confusion.diagonal() / of_class
    known, frequent = own[~own.isnan()], int(of_class.argmax())
    return ClassShares(
        own, known.min().item(), known.max().item(), int(own.nan_to_num(2).argmin()), known.mean().item(),
        run.share, frequent, int(of_class[frequent]), len(run.y),
    )  # fmt: skip


def among_the_best(run: Run) -> list[float]:
    """The accuracy for each k from 1 to all classes."""
    return [value.item() for value in ops.topk_accuracy(run.scores, run.y, range(1, CLASSES + 1)).values()]


@dataclass(frozen=True)
class Learnt:
    """Accuracy before training and after each epoch."""

    samples: int
    training: list[float]
    test: list[float]

    @property
    def before(self) -> float:
        """On the test images, untrained."""
        return self.test[0]

    @property
    def on_training(self) -> float:
        """On the training images, after the last epoch."""
        return self.training[-1]

    @property
    def on_test(self) -> float:
        """On the test images, after the last epoch."""
        return self.test[-1]


@functools.lru_cache(maxsize=16)
def learnt(samples: int, lr: float, seed: int) -> Learnt:
    """Measured on the training images and on all test images."""
    data, models = digits(samples), trained(samples, lr, seed)
    training, test = (
        [ops.accuracy(logits(model, X), y).item() for model in models]
        for X, y in ((data.X, data.y), (data.X_test, data.y_test))
    )
    return Learnt(samples, training, test)


# ---- pitfalls --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stale:
    """The tutorial's loop, which takes the scores from outside."""

    batches: int
    full: int  # batches as large as the first
    tutorial: float  # what the loop returns for those
    right: float  # with scores for each of those
    refusal: str  # torch's words at a smaller last batch; empty where all are of one size


def stale_scores(run: Run) -> Stale:
    """The tutorial's function with the first batch's scores, over all batches."""
    y_hat = run.predict(run.batches[0][0])
    full = [(X, y) for X, y in run.batches if len(y) == len(y_hat)]
    refusal = ""
    try:
        ops.evaluate_accuracy(run.batches, y_hat)
    except RuntimeError as error:
        refusal = str(error)
    right = ops.evaluate(full, run.predict).accuracy
    return Stale(len(run.batches), len(full), ops.evaluate_accuracy(full, y_hat), right, refusal)


@dataclass(frozen=True)
class Divided:
    """The tutorial's commented-out line on one batch."""

    size: int
    tutorial: float
    right: float
    perfect: float  # what it returns for perfect predictions


def divided_twice(run: Run) -> Divided:
    """The line with `.mean()` on the first batch, and on perfect predictions for it."""
    X, y = run.batches[0]
    y_hat = run.predict(X)
    return Divided(
        len(y), ops.evaluate_accuracy_mean([(X, y)], y_hat), ops.evaluate_accuracy([(X, y)], y_hat), perfect_mean(y)
    )


def perfect_mean(y: Tensor) -> float:
    """What the tutorial's line with `.mean()` returns for one batch of perfect predictions."""
    return ops.evaluate_accuracy_mean([(None, y)], one_hot(y, CLASSES))


@dataclass(frozen=True)
class ByLast:
    """All right predictions, divided by the samples of the last batch."""

    batches: int
    right: int
    samples: int
    last: int
    by_last: float
    accuracy: float


def by_the_last_batch(run: Run) -> ByLast:
    """What the comment in the tutorial says, and what its code does."""
    outcome = ops.evaluate(run.batches, run.predict, run.topk)
    last = len(run.batches[-1][1])
    return ByLast(len(run.batches), outcome.right, outcome.samples, last, outcome.right / last, outcome.accuracy)


@dataclass(frozen=True)
class Uneven:
    """The mean of the batches' accuracies: of the batches on screen, and with one image left over."""

    shown: Means
    left_over: Means | None  # the left-over image is a wrong one; None where all are right, or none is


def mean_of_batches(run: Run) -> Uneven:
    """Right over all against the mean, and in the worst case: one wrong image alone in the last batch."""
    total, samples = int(run.right.sum()), len(run.y)
    shown = means(run.right_in_batches, run.sizes)
    return Uneven(shown, means([total, 0], [samples - 1, 1]) if 0 < total < samples else None)


@dataclass(frozen=True)
class Softened:
    """Predictions from scores and from probabilities."""

    differ: int
    samples: int
    zeros: int  # probabilities that are 0 with scores `larger` times as large
    cells: int
    ties: int  # rows that have no single largest probability then
    larger: int


def softmax_first(run: Run, larger: int = 1000) -> Softened:
    """What changes when the scores go through softmax, and when large scores do."""
    p, huge = softmax(run.scores, 1), softmax(run.scores * larger, 1)
    differ = (p.argmax(1) != run.scores.argmax(1)).sum()
    ties = ((huge == huge.amax(1, keepdim=True)).sum(1) > 1).sum()
    return Softened(int(differ), len(p), int((huge == 0).sum()), huge.numel(), int(ties), larger)


@dataclass(frozen=True)
class Stepped:
    """A small step of the weights down the loss's gradient."""

    accuracy_has_gradient: bool
    loss_has_gradient: bool
    lr: float
    loss: float  # how much it changes
    accuracy: float
    flipped: int  # predictions that change


def small_step(run: Run, lr: float = 1e-4) -> Stepped:
    """Whether accuracy and loss have a gradient, and what a step changes; in float64, for the step is small."""
    W, b, X = run.model.W.double().requires_grad_(), run.model.b.double(), run.X.double()
    before = logits(Model(W, b), X)
    accuracy, loss = ops.accuracy(before, run.y), cross_entropy(before, run.y)
    (gradient,) = torch.autograd.grad(loss, W)
    after = logits(Model(W.detach() - lr * gradient, b), X)
    return Stepped(
        accuracy.requires_grad, loss.requires_grad, lr, (cross_entropy(after, run.y) - loss).item(),
        (ops.accuracy(after, run.y) - accuracy).item(), int((after.argmax(1) != before.argmax(1)).sum()),
    )  # fmt: skip


@dataclass(frozen=True)
class Rare:
    """The classes on screen, and a model that always says the one frequent class."""

    shown: ClassShares
    frequent: int  # samples of the frequent class
    samples: int
    accuracy: float
    of_rare: float  # the share of the rare class that is recognised


def rare_class(run: Run, frequent: int = 99, samples: int = 100) -> Rare:
    """A data set of nearly one class."""
    y = torch.tensor([0] * frequent + [1] * (samples - frequent))
    lazy = torch.zeros(samples, 2)  # equal scores: argmax says class 0
    own = ops.per_class_accuracy(lazy, y)
    return Rare(class_shares(run), frequent, samples, ops.accuracy(lazy, y).item(), own[1].item())


@dataclass(frozen=True)
class Diverged:
    """A model whose weights have become NaN."""

    loss: float
    predicted: list[int]  # all classes that it predicts
    of_class: int  # images of that class
    samples: int
    accuracy: float


def diverged(run: Run) -> Diverged:
    """The loss and the accuracy of scores that are all NaN."""
    scores = torch.full_like(run.scores, torch.nan)
    predicted = scores.argmax(1).unique().tolist()
    return Diverged(
        cross_entropy(scores, run.y).item(), predicted, int((run.y == predicted[0]).sum()), len(run.y),
        ops.accuracy(scores, run.y).item(),
    )  # fmt: skip


# ---- questions -------------------------------------------------------------------------------------------------


def two_batches(right: int, wrong: int) -> Means:
    """A batch that is all right, and a last one that is all wrong."""
    return means([right, 0], [right, wrong])


@dataclass(frozen=True)
class Tied:
    """Scores that are all equal."""

    samples: int
    zeros: int  # images of class 0
    accuracy: float


def equal_scores(run: Run) -> Tied:
    """A model that gives every class the same score."""
    scores = torch.zeros_like(run.scores)
    return Tied(len(run.y), int((run.y == 0).sum()), ops.accuracy(scores, run.y).item())


def at_random(topk: int) -> float:
    """The accuracy among the `topk` best where the true class stands in each place equally often."""
    scores = torch.stack([torch.arange(CLASSES).roll(place) for place in range(CLASSES)]).float()
    return ops.accuracy(scores, torch.zeros(CLASSES, dtype=torch.long), topk).item()
