"""The outer product of two vectors, and the rank of what it gives."""

from dataclasses import dataclass

import torch
from core.ops.outer import outer
from torch import Tensor


def example(size: int) -> Tensor:
    """1, 2, 3, …"""
    return torch.arange(1.0, size + 1)


@dataclass(frozen=True)
class Run:
    """One outer product."""

    x: Tensor
    y: Tensor
    output: Tensor


def run(x: Tensor, y: Tensor) -> Run:
    """Every product of a number of x and one of y."""
    return Run(x, y, outer(x, y))


@dataclass(frozen=True)
class Rank:
    """How many rows of an outer product are independent."""

    rows: int
    rank: int


def rank(found: Run) -> Rank:
    """The rank of the product, by torch."""
    return Rank(found.output.shape[0], int(torch.linalg.matrix_rank(found.output)))
