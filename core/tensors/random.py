"""Random tensors of a chosen shape, seed and distribution: the same choice gives the same numbers."""

import math
import re
from typing import Literal, get_args

import torch

from core.tensors.limits import Limits, TensorInputError, check_shape, quote

Distribution = Literal["normal", "uniform", "integers"]
DISTRIBUTIONS: tuple[Distribution, ...] = get_args(Distribution)


def random_tensor(
    shape: tuple[int, ...],
    seed: int = 0,
    distribution: Distribution = "normal",
    *,
    low: float = 0,
    high: float | None = None,
    dtype: torch.dtype | None = None,
) -> torch.Tensor:
    """A tensor drawn by a generator of its own, so that torch's global one neither matters nor moves.

    "normal": mean 0, variance 1 (`low`, `high` unused). "uniform": low ≤ x < high (1). "integers": whole numbers from
    low to high (9), both included, int64. Floats are drawn as float32 and then converted, so that another dtype shows
    the same numbers, rounded.
    """
    generator = torch.Generator().manual_seed(seed)
    if distribution == "normal":
        drawn = torch.randn(shape, generator=generator)
    elif distribution == "uniform":
        top = 1 if high is None else high
        drawn = low + (top - low) * torch.rand(shape, generator=generator)
    elif distribution == "integers":
        top = 9 if high is None else high
        drawn = torch.randint(math.ceil(low), math.floor(top) + 1, shape, generator=generator)
    else:
        raise TensorInputError(
            "The distribution {name} is not one of {known}.", name=quote(distribution), known=", ".join(DISTRIBUTIONS)
        )
    return drawn if dtype is None else drawn.to(dtype)


def parse_shape(text: str, limits: Limits) -> tuple[int, ...]:
    """A shape from its text ("2, 3", "2x3", "(2, 3)", "2×3"), within the limits. Raises TensorInputError."""
    inner = re.sub(r"^\s*(?:torch\.Size\()?[\[(]?|[\])]*\s*$", "", text[:200])
    words = [word for word in re.split(r"[\s,x×*]+", inner) if word]
    for word in words:
        if not re.fullmatch(r"\d{1,6}", word, re.ASCII):
            raise TensorInputError("{text} is not a size: write a shape such as 2, 3 or 2×3.", text=quote(word))
    shape = tuple(int(word) for word in words)
    check_shape(shape, limits)
    return shape
