"""Small functions that use of their module, and of others, all that an operator may use."""

import math
from dataclasses import dataclass, field
from functools import wraps

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.tensors import sample_helpers as helpers
from tests.tensors.sample_helpers import Pair, halved

Sizes = tuple[int, ...]
SHIFT, _UNUSED = 0.25, 1
TABLE = {"twice": lambda value: value * FACTOR}
FACTOR: float = 2.0


def loud(function):
    @wraps(function)
    def wrapped(*args):
        return function(*args)

    return wrapped


@dataclass(frozen=True)
class Steps:
    """A dataclass with a default, and a method that uses a function of the module."""

    shifted: Tensor
    sizes: Sizes = field(default_factory=tuple)

    def output(self) -> Tensor:
        return _rooted(self.shifted)


def _rooted(value: Tensor) -> Tensor:
    return value * math.sqrt(2)


def even(n: int) -> bool:
    return n == 0 or odd(n - 1)


def odd(n: int) -> bool:
    return n != 0 and even(n - 1)


@loud
def work(input: Tensor, pair: helpers.Pair | None = None) -> Tensor:
    """Uses `helpers.quarter`, constants, a table, a class, a cycle, a decorator and torch."""
    steps = Steps(input + SHIFT, tuple(input.shape))
    message = f"{helpers.quarter(4.0)}"
    pair = Pair(halved(steps.output()), helpers.quarter(F.relu(input)))
    return TABLE["twice"](pair.left + pair.right) * float(message) + even(len(steps.sizes)) + torch.pi


def draws(input: Tensor) -> Tensor:
    return input * (torch.rand(input.shape) < 0.5)


class Scale:
    def __init__(self, by: float) -> None:
        self.by = by

    def __call__(self, input: Tensor) -> Tensor:
        return input * self.by


def takes_the_name(input: Tensor, quarter: float) -> Tensor:
    return helpers.quarter(input) * quarter


def binds_the_name(input: Tensor) -> Tensor:
    quarter = [helpers.quarter(number) for number in input]
    return torch.stack(quarter)


def names_it_within(input: Tensor) -> Tensor:
    return torch.stack([helpers.quarter(input) for quarter in range(4)])


class Quarter:
    """A method's name is no local of it."""

    def quarter(self, input: Tensor) -> Tensor:
        return helpers.quarter(input)
