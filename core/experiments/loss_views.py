"""Cross entropy seen from several sides: in four lines, as a shape (convex or not), and pixel by pixel."""

from collections.abc import Callable

import torch
from torch import Tensor

from core.experiments.mlp import Parameters, forward
from core.ops.losses import cross_entropy
from core.ops.softmax import softmax_textbook


def four_steps(input: Tensor, target: Tensor) -> Tensor:
    """The tutorial's four steps from logits (N, C) and classes (N,) to one number.

    Its limit: a probability that underflows to 0 makes the loss infinite.
    """
    probabilities = softmax_textbook(input)  # (N, C)
    logs = probabilities.log()
    picked = logs.gather(1, target.view(-1, 1))  # (N, 1)
    return -picked.mean()


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
    logits = flat.reshape(len(flat) * len(target), -1)  # (M·N, C)
    return cross_entropy(logits, target.repeat(len(flat)), reduction="none").view(len(flat), -1).mean(1)


def loss_of_weights(flat: Tensor, X: Tensor, target: Tensor, sizes: tuple[int, int, int]) -> Tensor:
    """The mean loss of a two-layer network for each of M flattened sets of weights and biases: (M, count) → (M,)."""
    inputs, hidden, outputs = sizes
    shapes = ((inputs, hidden), (hidden,), (hidden, outputs), (outputs,))
    counts = [torch.Size(shape).numel() for shape in shapes]
    losses = []
    for row in flat:
        W1, b1, W2, b2 = (part.view(shape) for part, shape in zip(row.split(counts), shapes, strict=True))
        losses.append(cross_entropy(forward(Parameters(W1, b1, W2, b2), X).logits, target))
    return torch.stack(losses)


TINTS = (0.0, 0.5, 1.0)  # what background, edge and ink look like


def segmentation(image: Tensor, sure: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Each pixel of an image (H, W), 0 … 1, as background, edge or ink, and a noisy guess by its brightness.

    Gives logits (1, 3, H, W), −sure · 2 · (brightness − tint)², and classes (1, H, W), the nearest tint's.
    """
    tints = torch.tensor(TINTS).view(1, 3, 1, 1)
    noisy = image + 0.15 * torch.randn(image.shape, generator=generator)
    return -sure * 2 * (noisy - tints).square(), (image - tints).abs().argmin(1)
