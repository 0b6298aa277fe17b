"""What is known about an operation of a chain, and how large its tensors may be."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from core.experiments.layout.rule import Copy, Ints, Layout
from core.words import Words

MAX_RANK, MAX_ELEMENTS = 8, 2**40  # of every tensor; no storage gets more cells either
WHOLE = 4096  # elements and cells up to which tensors are real and drawn whole; larger ones are torch's meta tensors
MAX_STEPS, MAX_TEXT, MAX_DIGITS, MOST_PLACES = 12, 2000, 13, 64
Fill = Literal["arange", "rows"]
Value = int | None | Ints  # of one argument
Kind = Literal["dim", "int", "dims", "sizes", "ints", "places", "mask"]


@dataclass(frozen=True)
class Parameter:
    """One argument of an operation, by torch's name.

    Kinds: "dim" and "int" are one number; "dims", "sizes" and "ints" a tuple of them, "places" and "mask" (1 and 0
    for True and False) a longer one. An optional one may be None.
    """

    name: str
    kind: Kind
    meaning: Words
    optional: bool = False

    @property
    def is_tuple(self) -> bool:
        """True for the kinds whose value is a tuple."""
        return self.kind not in ("dim", "int")

    @property
    def most(self) -> int:
        """How many numbers a tuple holds at most."""
        return MOST_PLACES if self.kind in ("places", "mask") else MAX_RANK


@dataclass(frozen=True)
class Operation:
    """One operation: how torch is called, what we predict, what its arguments are and how it is written."""

    name: str
    description: Words
    parameters: tuple[Parameter, ...]
    call: Callable[..., torch.Tensor]  # (tensor, *args)
    predict: Callable[..., Layout | Copy]  # (layout, *args)
    default: Callable[[Layout], tuple[Value, ...]]  # arguments to begin with, for a tensor of this layout
    written: Callable[..., str] | None = None  # (x, *args) -> Python, where it is not simply x.name(args)
    by_integers: bool = False  # True: torch's meta kernel has other strides than its real one, or there is none

    @property
    def variadic(self) -> bool:
        """True where the only argument is a tuple, so that its numbers stand in the call directly."""
        return len(self.parameters) == 1 and self.parameters[0].is_tuple


def one_or_tuple(numbers: Ints) -> str:
    """Numbers as torch takes them: one alone, or a tuple."""
    return str(numbers[0]) if len(numbers) == 1 else str(numbers)
