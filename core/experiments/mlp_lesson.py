"""What the page of the network by hand finds out: about one image, about starts, about trainings, about beliefs."""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from core import compare
from core.calls import Outcome
from core.compare import Comparison
from core.experiments import mlp, schemes
from core.experiments.mlp import CLASSES, HIDDEN, Measured, Parameters
from core.ops.softmax import softmax
from core.tensors.digits import SIDE, are_bytes, as_shares, centred, padded

BATCH = 64  # training images of the check, of the starts and of the pitfalls
SCHEMES = ("normal 0.01", *(name for name in schemes.SCHEMES if name != "normal 0.01"))
STRONGEST = 24  # hidden units whose weights are shown
DIVERGES = 10  # times its first loss is where a training is said to diverge


def first_batch() -> tuple[Tensor, Tensor]:
    """The first training images, (64, 784), and their labels."""
    of = mlp.digits(BATCH)
    return of.X, of.y


@functools.lru_cache(maxsize=16)
def start_of(seed: int, scheme: str) -> Parameters:
    """The network before its first step, drawn once for each of these. Shared: steps make new tensors."""
    return mlp.initial_parameters(seed, scheme)


# ---- one image ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OwnImage:
    """A reader's image as the network takes it, and what was done to it."""

    image: Tensor  # (28, 28), 0 … 1
    dtype: torch.dtype  # that it came in
    shape: tuple[int, ...]
    divided: bool  # by 255
    cut: int  # numbers below 0 or above 1 (after the division) that were cut there
    enlarged: bool  # put in the middle of 28×28
    moved: bool  # centred as MNIST's digits are


def same(a: Tensor, b: Tensor) -> bool:
    """Whether two images are of one shape and equal."""
    return torch.equal(a, b)


def own_image(given: Tensor, as_mnist: bool) -> OwnImage:
    """The image in 28×28 from 0 to 1, and the conversions that led there."""
    shares, divided = as_shares(given), are_bytes(given)
    before = given.float() / 255 if divided else given.float()
    whole = padded(shares)
    image = centred(whole) if as_mnist else whole
    return OwnImage(
        image, given.dtype, tuple(given.shape), divided, int((before != shares).sum()),
        given.shape != (SIDE, SIDE), not torch.equal(image, whole),
    )  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """A network, and what it makes of one image."""

    net: Parameters
    image: Tensor  # (28, 28), 0 … 1
    label: int | None  # None for the reader's own
    unit: int  # the picked hidden unit

    @cached_property
    def forward(self) -> mlp.ForwardSteps:
        """The pass over this one image: (1, 256) and (1, 10)."""
        return mlp.forward(self.net, self.image[None])

    @cached_property
    def probabilities(self) -> Tensor:
        """Of the ten classes."""
        return softmax(self.forward.logits[0], 0)

    @cached_property
    def predicted(self) -> int:
        """The class with the largest logit."""
        return int(self.forward.logits[0].argmax())

    @property
    def loss(self) -> float | None:
        """The cross entropy, where a label is known."""
        if self.label is None:
            return None
        return mlp.cross_entropy_loss(self.forward.logits, torch.tensor([self.label])).item()

    def backward(self, label: int) -> mlp.BackwardSteps:
        """The gradients for this one image, if it is to be a `label`."""
        return mlp.backward(self.net, self.image[None], torch.tensor([label]), self.forward)


def strongest(net: Parameters, image: Tensor) -> int:
    """The hidden unit that adds most to the largest logit."""
    steps = mlp.forward(net, image[None])
    return int((steps.hidden[0] * net.W2[:, steps.logits[0].argmax()]).argmax())


@functools.lru_cache(maxsize=16)
def by_hand_and_by_torch(net: Parameters) -> Comparison:
    """Logits, loss and gradients by hand against torch.nn and autograd, on 64 training images."""
    X, y = first_batch()
    steps = mlp.forward(net, X)
    ours = mlp.backward(net, X, y, steps).parameters
    module = mlp.as_module(net)
    scores = module(X)
    loss = nn.functional.cross_entropy(scores, y)
    gradients = torch.autograd.grad(loss, list(module.parameters()))
    theirs = [gradients[0].T, gradients[1], gradients[2].T, gradients[3]]
    values = [steps.logits, mlp.cross_entropy_loss(steps.logits, y)]
    return compare.outcomes(Outcome(values, list(ours.tensors())), Outcome([scores, loss], theirs))


def strongest_units(net: Parameters) -> Tensor:
    """The hidden units with the largest weights to the classes, the largest first."""
    return net.W2.norm(dim=1).argsort(descending=True, stable=True)[:STRONGEST]


@dataclass(frozen=True)
class Mistakes:
    """The test images that are taken for another class."""

    wrong: list[int]
    taken_for: list[int]
    samples: int

    @property
    def count(self) -> int:
        """How many."""
        return len(self.wrong)


@functools.lru_cache(maxsize=8)
def mistakes(net: Parameters) -> Mistakes:
    """All that this network gets wrong."""
    of = mlp.digits(1)
    said = mlp.forward(net, of.X_test).logits.argmax(1)
    wrong = (said != of.y_test).nonzero().flatten()
    return Mistakes(wrong.tolist(), said[wrong].tolist(), len(said))


# ---- starts and trainings ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Start:
    """The network before its first step, on the first 64 images."""

    W1: float  # standard deviations
    W2: float
    pre: float  # of X·W1 + b1
    logits: float
    loss: float
    gradient1: float  # norms of the gradients of W1 and W2
    gradient2: float


@functools.lru_cache(maxsize=64)
def facts_of_start(seed: int, scheme: str) -> Start:
    """Spreads, loss and gradients."""
    (X, y), net = first_batch(), start_of(seed, scheme)
    steps = mlp.forward(net, X)
    gradients = mlp.backward(net, X, y, steps).parameters
    facts = (
        net.W1.std(), net.W2.std(), steps.hidden_pre.std(), steps.logits.std(),
        mlp.cross_entropy_loss(steps.logits, y), gradients.W1.norm(), gradients.W2.norm(),
    )  # fmt: skip
    return Start(*(fact.item() for fact in facts))


@dataclass(frozen=True)
class Together:
    """How equal two networks are that were trained on the same batches, by hand and by torch.nn."""

    steps: int
    first: float  # loss by hand
    last: float
    loss: float  # the largest difference
    weights: float
    step: int  # of the last measurement
    test: float
    test_of_torch: float
    diverged: int  # the first step whose loss is NaN or beyond `bound`; 0 for none
    bound: float


def together(losses: Sequence[tuple[float, float]], ours: Parameters, theirs: Parameters, last: Measured) -> Together:
    """The losses (by hand, torch.nn's), the weights and the accuracies of both, compared."""
    bound = DIVERGES * max(losses[0][0], math.log(CLASSES))
    diverged = next((step for step, (loss, _) in enumerate(losses, 1) if not loss <= bound), 0)
    weights = max((a - b).abs().max().item() for a, b in zip(ours.tensors(), theirs.tensors(), strict=True))
    return Together(
        len(losses), losses[0][0], losses[-1][0], max(abs(a - b) for a, b in losses), weights,
        last.step, last.test, last.test_of_torch, diverged, bound,
    )  # fmt: skip


# ---- pitfalls ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SmallStart:
    """The tutorial's start beside Kaiming's."""

    small: Start
    kaiming: Start
    scale1: float  # Kaiming's standard deviations, for 784 and for 256 inputs
    scale2: float
    steps: int
    lr: float
    after_small: float  # the loss after so many steps from each
    after_kaiming: float


@functools.lru_cache(maxsize=32)
def small_start(seed: int, lr: float, steps: int = 8) -> SmallStart:
    """Spreads and gradients at both starts, and the loss after a few steps of 64 images."""
    of = mlp.digits(BATCH * steps)
    how = mlp.Settings(lr=lr, batch_size=BATCH, epochs=1, seed=seed, evaluate_every=0)
    X, y = first_batch()

    def after(scheme: str) -> float:
        *_, end = mlp.train(start_of(seed, scheme), of, how)
        return mlp.cross_entropy_loss(mlp.forward(end.parameters, X).logits, y).item()

    return SmallStart(
        facts_of_start(seed, "normal 0.01"), facts_of_start(seed, "kaiming normal"), math.sqrt(2 / mlp.SIZES[0]),
        math.sqrt(2 / HIDDEN), steps, lr, after("normal 0.01"), after("kaiming normal"),
    )  # fmt: skip


@dataclass(frozen=True)
class Viewed:
    """The tutorial's view on images that it does not fit."""

    refusal: str  # torch's words for a transposed batch
    flattened: tuple[int, ...]  # the shape that flatten(1) gives
    samples_of_colour: int  # that one colour image becomes


def viewed() -> Viewed:
    """`X.view((-1, 784))` on a batch whose rows and columns were exchanged, and on one image of three channels."""
    images = first_batch()[0].view(-1, SIDE, SIDE).transpose(1, 2)
    colour = torch.zeros(3, SIDE, SIDE)
    return Viewed(
        refused_by(lambda: images.view((-1, SIDE * SIDE))), tuple(images.flatten(1).shape),
        len(colour.view((-1, SIDE * SIDE))),
    )  # fmt: skip


def refused_by(run: Callable[[], Tensor]) -> str:
    """torch's own words where a run raises; else none."""
    try:
        run()
    except RuntimeError as refusal:
        return str(refusal)
    return ""


@dataclass(frozen=True)
class Doubles:
    """Weights as NumPy draws them."""

    dtype: torch.dtype
    refusal: str  # torch's words for the first product


def float64_weights(net: Parameters) -> Doubles:
    """What the product of float32 images and weights from NumPy gives."""
    X, W = first_batch()[0], torch.from_numpy(net.W1.double().numpy())
    return Doubles(W.dtype, refused_by(lambda: X @ W))


@dataclass(frozen=True)
class Scores:
    """The network's outputs, and what a softmax before the loss does."""

    low: float
    high: float
    total: float
    once: float  # norm of the gradient at the logits
    twice: float  # with a softmax before the loss
    floor: float  # below which the loss cannot fall then


def logits_not_probabilities(seen: Seen) -> Scores:
    """The outputs for the image on screen; the gradients on 64 training images."""
    X, y = first_batch()
    scores, logits = mlp.forward(seen.net, X).logits, seen.forward.logits[0]

    def gradient(through: bool) -> float:
        leaf = scores.detach().requires_grad_()
        (grad,) = torch.autograd.grad(mlp.cross_entropy_loss(leaf.softmax(1) if through else leaf, y), leaf)
        return grad.norm().item()

    floor = mlp.cross_entropy_loss(torch.eye(CLASSES)[:1], torch.tensor([0])).item()
    return Scores(
        logits.min().item(), logits.max().item(), logits.sum().item(), gradient(False), gradient(True), floor
    )  # fmt: skip


@dataclass(frozen=True)
class ZeroStart:
    """Gradients from a start at 0, and from one at 0.01 everywhere."""

    norms: tuple[float, ...]  # of the gradients of W1, b1, W2, b2, from 0
    hidden: int
    unlike: int  # hidden units whose gradient differs from the first one's, at 0.01 everywhere


def zero_start() -> ZeroStart:
    """What moves when all weights are equal."""
    X, y = first_batch()
    zero = start_of(0, "zeros")
    norms = tuple(g.norm().item() for g in mlp.backward(zero, X, y, mlp.forward(zero, X)).parameters.tensors())
    same = Parameters(*(torch.full_like(p, 0.01) for p in zero.tensors()))
    step = mlp.backward(same, X, y, mlp.forward(same, X)).parameters.W1
    return ZeroStart(norms, HIDDEN, int((step != step[:, :1]).any(0).sum()))


@dataclass(frozen=True)
class Accumulated:
    """Two backward passes without a reset."""

    once: float  # norm of all gradients together
    twice: float


def adds_up(net: Parameters) -> Accumulated:
    """`loss.backward()` twice on the same batch, and `.grad` after each."""
    (X, y), module = first_batch(), mlp.as_module(net)

    def norm_after_backward() -> float:
        nn.functional.cross_entropy(module(X), y).backward()
        return torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None]).norm().item()

    return Accumulated(norm_after_backward(), norm_after_backward())


# ---- questions -----------------------------------------------------------------------------------------------------


def parameter_count(hidden: int) -> int:
    """How many numbers a network with so many hidden units has."""
    return sum(p.numel() for p in mlp.initial_parameters(0, "zeros", (mlp.SIZES[0], hidden, CLASSES)).tensors())


def equal_probabilities() -> float:
    """The loss of a network that finds all classes equally likely."""
    return mlp.cross_entropy_loss(torch.zeros(1, CLASSES), torch.tensor([0])).item()


@dataclass(frozen=True)
class Asleep:
    """The weights from the hidden units to one class, and those that the image on screen leaves alone."""

    cls: int
    zeros: int  # weights whose gradient is 0
    units: int  # hidden units that are 0
    of_logit: float  # the gradient of the class's logit


def asleep(seen: Seen, cls: int) -> Asleep:
    """How many weights to class `cls` get a gradient of 0 from this image."""
    steps = seen.backward(seen.predicted if seen.label is None else seen.label)
    zeros = (steps.parameters.W2[:, cls] == 0).sum()
    return Asleep(cls, int(zeros), int((seen.forward.hidden == 0).sum()), steps.logits[0, cls].item())


# ---- backward, a small network, and what to take home ---------------------------------------------------------------


@dataclass(frozen=True)
class Through:
    """The gradient on its way back through one hidden unit."""

    unit: int
    total: float  # of the logits' gradients
    arrived: float  # at the unit
    passed: float  # through its ReLU
    through: int  # units that let a gradient through
    units: int


def through_unit(seen: Seen, label: int) -> Through:
    """What reaches the picked unit if the image is to be a `label`."""
    steps, j = seen.backward(label), seen.unit
    return Through(
        j, steps.logits.sum().item(), steps.hidden[0, j].item(), steps.hidden_pre[0, j].item(),
        int((steps.hidden_pre != 0).sum()), HIDDEN,
    )  # fmt: skip


def small_network(seed: int) -> tuple[Parameters, Tensor, Tensor]:
    """A network of 4 inputs, 5 units and 3 classes, and 3 samples with labels."""
    generator = torch.Generator().manual_seed(seed)
    X, y = torch.randn(3, 4, generator=generator), torch.randint(3, (3,), generator=generator)
    return mlp.initial_parameters(seed, "kaiming normal", (4, 5, 3)), X, y


@dataclass(frozen=True)
class FirstStep:
    """The first step of a training."""

    X: Tensor  # the first batch
    y: Tensor
    first: Tensor  # its loss before the step
    second: Tensor  # and after


def first_step(seed: int, scheme: str, samples: int, how: mlp.Settings) -> FirstStep:
    """One step from this start, on the batch that the training begins with."""
    of, batch, start = mlp.digits(samples), next(mlp.batches(samples, how)), start_of(seed, scheme)
    X, y = of.X[batch], of.y[batch]
    steps = mlp.forward(start, X)
    stepped = mlp.sgd_step(start, mlp.backward(start, X, y, steps).parameters, how.lr)
    second = mlp.cross_entropy_loss(mlp.forward(stepped, X).logits, y)
    return FirstStep(X, y, mlp.cross_entropy_loss(steps.logits, y), second)


def unit_of(image: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    """One hidden unit: max(0, Σ x·w + b)."""
    return (image.flatten() @ weights + bias).clamp(min=0)


def logits_of(hidden: Tensor, W2: Tensor, b2: Tensor) -> Tensor:
    """The scores of the classes: hidden·W2 + b2."""
    return hidden @ W2 + b2


@dataclass(frozen=True)
class LastLayer:
    """The picked unit from the pixels, and the classes from all hidden units."""

    weights: Tensor  # (784,) into the unit
    bias: Tensor  # ()
    hidden: Tensor  # (256,)
    unit: Tensor
    logits: Tensor
    p: Tensor


def last_layer(seen: Seen) -> LastLayer:
    """What a script says of a trained network, whose first layer is too long for it."""
    weights, bias, hidden = seen.net.W1[:, seen.unit].contiguous(), seen.net.b1[seen.unit], seen.forward.hidden[0]
    scores = logits_of(hidden, seen.net.W2, seen.net.b2)
    return LastLayer(weights, bias, hidden, unit_of(seen.image, weights, bias), scores, scores.softmax(0))
