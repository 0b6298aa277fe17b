"""Digits read as sequences of patches, by one layer of the attention that is written by hand here.

An image of 28×28 becomes 16 tokens, its patches of 7×7 pixels: tokens = patches · Wᵀ + b + position;
tokens + attention(layer norm(tokens)) is averaged over the tokens, and a linear layer makes 10 logits of it.
Source: Dosovitskiy et al., "An image is worth 16×16 words", 2021, with a single attention and no MLP.
"""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.experiments.mlp import Data, Settings, batches, digits
from core.ops.attention import MultiHeadSteps, multi_head_steps
from core.ops.batch_norm import layer_norm
from core.ops.linear import linear
from core.ops.losses import cross_entropy

SIDE, GRID, PIXELS = 28, 4, 7  # an image, its patches along a side, the pixels along a side of a patch
FEATURES, CLASSES = 32, 10
SAMPLES, BATCH, EVERY = 6000, 64, 20  # training images, of a batch, steps between two measurements
LR = 3e-3

Parameters = dict[str, Tensor]


@dataclass(frozen=True)
class Setup:
    """What fixes a training: the same gives the same again."""

    num_heads: int
    positions: bool  # whether a token says where its patch stands
    steps: int
    seed: int


@dataclass(frozen=True)
class Trained:
    """Where a training stands."""

    step: int
    share: float  # of all its steps
    losses: tuple[float, ...]  # of each batch so far
    accuracy: float  # of the test images
    arrays: dict[str, np.ndarray]  # of the parameters: they come from another process, which tensors do not like

    @property
    def parameters(self) -> Parameters:
        """The parameters as tensors."""
        return {name: torch.from_numpy(array) for name, array in self.arrays.items()}


def start(setup: Setup) -> Parameters:
    """Weights of standard deviation 1/√in, biases of 0, and positions that are learned too."""
    generator = torch.Generator().manual_seed(setup.seed)
    d = FEATURES
    shapes = {"embed": (d, PIXELS**2), "in_proj": (3 * d, d), "out_proj": (d, d), "classify": (CLASSES, d)}
    found = {name: torch.randn(shape, generator=generator) / shape[1] ** 0.5 for name, shape in shapes.items()}
    found |= {f"{name}_bias": torch.zeros(shape[0]) for name, shape in shapes.items()}
    found["positions"] = torch.randn(GRID**2, d, generator=generator) * 0.3 * setup.positions
    return found


def as_patches(images: Tensor) -> Tensor:
    """(N, 784) as (N, 16, 49): each patch of 7×7 pixels a row, in reading order."""
    tiles = images.view(-1, GRID, PIXELS, GRID, PIXELS).transpose(2, 3)  # (N, 4, 4, 7, 7)
    return tiles.reshape(-1, GRID**2, PIXELS**2)


@dataclass(frozen=True)
class Read:
    """What the network computes on the way to its logits."""

    tokens: Tensor  # (N, 16, 32)
    attention: MultiHeadSteps
    logits: Tensor  # (N, 10)


def forward(p: Parameters, images: Tensor, num_heads: int) -> Read:
    """tokens → tokens + attention(layer norm(tokens)) → mean over the tokens → logits."""
    tokens = linear(as_patches(images), p["embed"], p["embed_bias"]) + p["positions"]
    normed = layer_norm(tokens, (FEATURES,))
    looked = multi_head_steps(
        normed, num_heads, p["in_proj"], p["in_proj_bias"], p["out_proj"], p["out_proj_bias"]
    )  # fmt: skip
    logits = linear((tokens + looked.output).mean(1), p["classify"], p["classify_bias"])
    return Read(tokens, looked, logits)


def train(setup: Setup, stop: Callable[[], bool]) -> Iterator[Trained]:
    """Adam on cross entropy; where it stands after every `EVERY` steps."""
    of, p = digits(SAMPLES), start(setup)
    learned = [tensor.requires_grad_() for name, tensor in p.items() if setup.positions or name != "positions"]
    optimiser = torch.optim.Adam(learned, lr=LR)
    losses: list[float] = []
    yield measured(setup, of, p, losses)
    for step, batch in enumerate(order(setup), start=1):
        if stop():
            return
        loss = cross_entropy(forward(p, of.X[batch], setup.num_heads).logits, of.y[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        if step % EVERY == 0 or step == setup.steps:
            yield measured(setup, of, p, losses)


def order(setup: Setup) -> Iterator[Tensor]:
    """The images of each step's batch."""
    epochs = setup.steps * BATCH // SAMPLES + 1
    found = batches(SAMPLES, Settings(batch_size=BATCH, epochs=epochs, seed=setup.seed))
    for _step, batch in zip(range(setup.steps), found, strict=False):
        yield batch


def measured(setup: Setup, of: Data, p: Parameters, losses: list[float]) -> Trained:
    """The network as it is now, on 1,000 test images."""
    with torch.no_grad():
        right = forward(p, of.X_test[:1000], setup.num_heads).logits.argmax(1) == of.y_test[:1000]
    kept = {name: tensor.detach().numpy().copy() for name, tensor in p.items()}
    return Trained(len(losses), len(losses) / setup.steps, tuple(losses), float(right.float().mean()), kept)


# ---- what is looked at -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Looked:
    """One test image, and where the network looks from one of its patches."""

    image: Tensor  # (28, 28)
    label: int
    predicted: int
    probability: float
    patch: tuple[int, ...]
    weights: Tensor  # (heads, 4, 4): of the patch's query
    spread: float  # the largest of them over the even share of 1/16
    ink: float  # the share of the weights that lies on patches with ink, all heads together
    even_ink: float  # the share of such patches


def looked(setup: Setup, p: Parameters, number: int, patch: tuple[int, ...]) -> Looked:
    """Test image of this number, its patch in this row and column."""
    of = digits(1)
    image, label = of.X_test[number : number + 1], int(of.y_test[number])
    with torch.no_grad():
        read = forward(p, image, setup.num_heads)
    shares = read.logits[0].softmax(0)
    weights = read.attention.attention.weights[0, :, patch[0] * GRID + patch[1]].view(-1, GRID, GRID)
    inked = as_patches(image)[0].sum(1).view(GRID, GRID) > 0
    return Looked(
        image.view(SIDE, SIDE), label, int(shares.argmax()), float(shares.max()), patch, weights,
        float(weights.max() * GRID**2), float((weights * inked).sum() / len(weights)), float(inked.float().mean()),
    )  # fmt: skip


@functools.lru_cache(maxsize=16)
def first(setup: Setup) -> Trained:
    """Before the first step."""
    return measured(setup, digits(SAMPLES), start(setup), [])
