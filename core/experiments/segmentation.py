"""Cross entropy of an image: every pixel is a sample, whose classes are dimension 1 of the logits."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from core.data import digit
from core.experiments.cross_entropy import refusal
from core.ops import losses as ops
from core.ops.operator import Call
from core.ops.softmax import softmax

SIDE = 14  # pixels of a side of the image
TINTS = (0.0, 0.5, 1.0)  # what background, edge and ink look like
BACKGROUND, EDGE, INK = range(3)


@dataclass(frozen=True)
class Run:
    """The loss of an image's pixels."""

    call: Call
    x: Tensor  # (1, C, H, W) logits
    y: Tensor  # (1, H, W) classes
    ignore_index: int
    p: Tensor  # (1, C, H, W)
    losses: Tensor  # (1, H, W)
    loss: Tensor
    of_list: float  # of the pixels as a list of samples (H·W, C)
    counted: int  # pixels whose target is not ignored
    pixels: int


def run(which: int, sure: float, ignore_index: int, seed: int) -> Run:
    """A digit's pixels as background, edge or ink."""
    image = F.avg_pool2d(digit(which)[None], 2)[0]  # (SIDE, SIDE)
    x, y = segmentation(image, sure, torch.Generator().manual_seed(seed))
    given: dict[str, Any] = {"ignore_index": ignore_index}
    listed = ops.cross_entropy(x.permute(0, 2, 3, 1).reshape(-1, x.shape[1]), y.flatten(), **given)
    losses, loss = ops.cross_entropy(x, y, **given, reduction="none"), ops.cross_entropy(x, y, **given)
    counted = int((y != ignore_index).sum())
    return Run(Call((x, y), given), x, y, ignore_index, softmax(x, 1), losses, loss, listed.item(), counted, y.numel())


def segmentation(image: Tensor, sure: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Each pixel of an image (H, W), 0 … 1, as background, edge or ink, and a noisy guess by its brightness.

    Gives logits (1, 3, H, W), −sure · 2 · (brightness − tint)², and classes (1, H, W), the nearest tint's.
    """
    tints = torch.tensor(TINTS).view(1, 3, 1, 1)
    noisy = image + 0.15 * torch.randn(image.shape, generator=generator)
    return -sure * 2 * (noisy - tints).square(), (image - tints).abs().argmin(1)


# ---- what is believed of it --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ChannelsLast:
    """Logits whose classes are the last dimension."""

    shape: tuple[int, ...]
    targets: tuple[int, ...]
    refused: str
    moved: tuple[int, ...]  # their shape once the classes are dimension 1
    loss: float


def channels_last(x: Tensor, y: Tensor) -> ChannelsLast:
    """Logits in the order in which pictures are stored, and moved back."""
    last = x.permute(0, 2, 3, 1)
    moved = last.movedim(-1, 1)
    refused = refusal(lambda: F.cross_entropy(last, y))
    return ChannelsLast(
        tuple(last.shape), tuple(y.shape), refused, tuple(moved.shape), F.cross_entropy(moved, y).item()
    )


@dataclass(frozen=True)
class PixelList:
    """The pixels as a list of samples, made in two ways."""

    shape: tuple[int, ...]
    permuted: float
    reshaped: float
    image: float
    mixed: int  # rows of the reshaped list that hold the logits of several pixels
    rows: int


def pixel_list(x: Tensor, y: Tensor) -> PixelList:
    """`reshape(-1, C)` with and without `permute` before it."""
    classes = x.shape[1]
    right, wrong = x.permute(0, 2, 3, 1).reshape(-1, classes), x.reshape(-1, classes)
    pixel = torch.arange(y.numel()).view(1, 1, *y.shape[1:]).expand_as(x).reshape(-1, classes)
    mixed = int((pixel != pixel[:, :1]).any(1).sum())
    permuted, reshaped = (F.cross_entropy(given, y.flatten()).item() for given in (right, wrong))
    return PixelList(tuple(right.shape), permuted, reshaped, F.cross_entropy(x, y).item(), mixed, len(right))


@dataclass(frozen=True)
class MeanOfClasses:
    """What each class costs, and the mean over all pixels."""

    counts: list[int]  # pixels of each class
    costs: list[float]  # their mean loss
    over_pixels: float
    over_classes: float


def mean_of_classes(x: Tensor, y: Tensor) -> MeanOfClasses:
    """The mean over the pixels beside the mean over the classes' own means."""
    losses = F.cross_entropy(x, y, reduction="none")
    classes = [c for c in range(x.shape[1]) if (y == c).any()]
    costs = [losses[y == c].mean().item() for c in classes]
    return MeanOfClasses(
        [int((y == c).sum()) for c in classes], costs, F.cross_entropy(x, y).item(), sum(costs) / len(costs)
    )


# ---- what is asked -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Batch:
    """The shapes of a batch of images, and how many numbers its loss is the mean of."""

    logits: tuple[int, ...]
    targets: tuple[int, ...]
    losses: int
    clueless: float  # with equal logits


def batch(n: int, classes: int, side: int, ignored: int = 0) -> Batch:
    """A batch of n square images of which so many pixels are ignored."""
    x, y = torch.zeros(n, classes, side, side), torch.zeros(n, side, side, dtype=torch.int64)
    y.view(-1)[:ignored] = -100
    losses = F.cross_entropy(x, y, reduction="sum") / F.cross_entropy(x, y)
    return Batch(tuple(x.shape), tuple(y.shape), round(losses.item()), F.cross_entropy(x, y).item())
