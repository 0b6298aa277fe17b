"""A reader's digit made ready for a network trained on MNIST, in the way in which MNIST itself was made."""

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE, BOX = 28, 20  # pixels of an image, and of the box into which MNIST's digits were scaled
MIDDLE = 14  # row and column, from 0, of the pixel at which MNIST's digits have their centre of mass
INK = 0.1  # what is darker is background


def are_bytes(image: Tensor) -> bool:
    """Whether pixels count as running from 0 to 255: bytes do, and numbers that go above 1."""
    return image.dtype == torch.uint8 or bool((image.float() > 1).any())


def as_shares(image: Tensor) -> Tensor:
    """Pixels (H, W) as float32 from 0 to 1: those from 0 to 255 are divided by 255, what is beyond is cut."""
    values = image.float()
    return (values / 255 if are_bytes(image) else values).clamp(0, 1)


def padded(image: Tensor) -> Tensor:
    """The image (H, W), sides up to 28, in the middle of 28×28 zeros."""
    height, width = image.shape
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    return F.pad(image, (left, SIDE - width - left, top, SIDE - height - top))


def centred(image: Tensor) -> Tensor:
    """The ink scaled into a box of 20×20, its aspect kept, and its centre of mass put in the middle: (28, 28).

    So LeCun, Cortes and Burges made MNIST. An image (28, 28) without ink comes back as it is.
    """
    inked = image > INK
    rows, columns = inked.any(1).nonzero().flatten(), inked.any(0).nonzero().flatten()
    if not len(rows):
        return image
    ink = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(ink.shape)
    size = [max(1, round(side * scale)) for side in ink.shape]
    scaled = F.interpolate(ink[None, None], size=size, mode="bilinear", antialias=True)[0, 0].clamp(0, 1)
    return _by_its_mass(scaled)


def _by_its_mass(ink: Tensor) -> Tensor:
    """The ink, sides up to 20, on 28×28 zeros, its centre of mass as near to (14, 14) as whole pixels allow."""
    height, width = ink.shape
    down = (ink.sum(1) * torch.arange(height)).sum() / ink.sum()
    across = (ink.sum(0) * torch.arange(width)).sum() / ink.sum()
    top = min(max(round(MIDDLE - down.item()), 0), SIDE - height)
    left = min(max(round(MIDDLE - across.item()), 0), SIDE - width)
    return F.pad(ink, (left, SIDE - width - left, top, SIDE - height - top))
