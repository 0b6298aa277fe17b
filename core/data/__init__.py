"""The small real data that ships with the app: a part of MNIST and one photograph (README.md: authors and licences)."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Mnist:
    """The first 8,000 training and 2,000 test images of MNIST, in their original order. All uint8."""

    train_images: torch.Tensor  # (8000, 28, 28), 0 is background, 255 full ink
    train_labels: torch.Tensor  # (8000,), 0..9
    test_images: torch.Tensor  # (2000, 28, 28)
    test_labels: torch.Tensor  # (2000,)


@cache
def mnist() -> Mnist:
    """The shipped part of MNIST, read once a process. Shared by all callers: copy before writing into it."""
    with np.load(HERE / "mnist-8000-2000.npz", allow_pickle=False) as arrays:
        return Mnist(**{name: torch.from_numpy(arrays[name]) for name in arrays.files})


def digit(i: int) -> torch.Tensor:
    """Training image `i` as a new float32 tensor (28, 28), 0 background, 1 full ink. IndexError outside 0..7999."""
    images = mnist().train_images
    if not 0 <= i < len(images):
        raise IndexError(f"i must be between 0 and {len(images) - 1}, but got {i}")
    return images[i].float() / 255


@cache
def _pixels() -> torch.Tensor:
    with Image.open(HERE / "chelsea-192x128.png") as image:
        return torch.from_numpy(np.array(image))  # (H, W, 3) uint8


def photograph() -> torch.Tensor:
    """A photograph of a cat as a new float32 tensor (3, 128, 192): red, green, blue, 0 dark, 1 bright."""
    return _pixels().permute(2, 0, 1).float().div_(255).contiguous()  # (H, W, 3) -> (3, H, W)
