"""What a page takes as a tensor, and the one sentence that says why something is not taken."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from core.tensors import dtypes
from core.words import N_, Words, _, say

TOO_LARGE = N_(
    "This is {given}, and at most {side:,} along a side and {all:,} numbers in all are taken here: scale it down or "
    "crop it."
)
TOO_LARGE_SHAPE = N_(
    "This is {given}, and at most {side:,} along a side and {all:,} numbers in all are taken here: choose a smaller "
    "shape."
)

DTYPES = {name: dtype for name, dtype in dtypes.DTYPES.items() if not dtype.is_complex}


class TensorInputError(ValueError):
    """A reader's tensor cannot be taken: one sentence, ready to be shown beside the control."""

    def __init__(self, template: Words, **facts: Any) -> None:
        super().__init__(say(template, **facts))


class TooLargeError(TensorInputError):
    """A good tensor beyond the limits. It comes along in `tensor`, to be scaled down or cropped on demand."""

    def __init__(self, tensor: torch.Tensor, limits: "Limits") -> None:
        super().__init__(TOO_LARGE, **beyond(tensor.shape, limits))
        self.tensor = tensor


@dataclass(frozen=True)
class Limits:
    """What a page takes as a tensor."""

    ranks: tuple[int, ...] = (1, 2)
    max_elements: int = 4096
    max_side: int = 64
    allow_nonfinite: bool = False  # nan, inf, -inf
    allow_empty: bool = False
    integers_only: bool = False  # whole floats become int64
    low: float | None = None  # smallest and largest number taken
    high: float | None = None


def check(tensor: torch.Tensor, limits: Limits) -> torch.Tensor:
    """The tensor, if it is within the limits; as int64 where `integers_only` asks for it and its floats are whole.

    Raises TensorInputError, and TooLargeError where scaling or cropping would help.
    """
    if tensor.ndim in limits.ranks and tensor.numel() and not _fits(tensor.shape, limits):
        raise TooLargeError(tensor, limits)
    check_shape(tensor.shape, limits)
    if tensor.dtype not in DTYPES.values():
        raise TensorInputError(
            "Numbers of type {dtype} are not taken: convert them to float32 first.", dtype=tensor.dtype
        )
    _check_finite(tensor, limits)
    _check_range(tensor, limits)
    return _as_integers(tensor) if limits.integers_only else tensor


def check_shape(shape: Sequence[int], limits: Limits) -> None:
    """Raise TensorInputError unless tensors of this shape are taken."""
    if len(shape) not in limits.ranks:
        wanted = f" {_('or')} ".join(_rank_name(rank) for rank in sorted(limits.ranks))
        raise TensorInputError(
            "This is {given}, and {wanted} is needed here: put more brackets around it."
            if len(shape) < min(limits.ranks)
            else "This is {given}, and {wanted} is needed here: take a part of it.",
            given=described(shape), wanted=wanted,
        )  # fmt: skip
    if 0 in shape and not limits.allow_empty:
        raise TensorInputError("This tensor is empty ({shape}): give it at least one number.", shape=times(shape))
    if not _fits(shape, limits):
        raise TensorInputError(TOO_LARGE_SHAPE, **beyond(shape, limits))


def _fits(shape: Sequence[int], limits: Limits) -> bool:
    return math.prod(shape) <= limits.max_elements and all(side <= limits.max_side for side in shape)


def beyond(shape: Sequence[int], limits: Limits) -> dict[str, Any]:
    """What a sentence says of a shape beyond the limits."""
    return {"given": described(shape), "side": limits.max_side, "all": limits.max_elements}


def _check_finite(tensor: torch.Tensor, limits: Limits) -> None:
    bad = ~tensor.isfinite()
    if bad.any() and not limits.allow_nonfinite:
        where = _first(bad)
        raise TensorInputError(
            "{place} is {value}, and only finite numbers are taken here: replace it by a number.",
            place=place(where), value=str(tensor[tuple(where)].item()),
        )  # fmt: skip


def _check_range(tensor: torch.Tensor, limits: Limits) -> None:
    low = -math.inf if limits.low is None else limits.low
    high = math.inf if limits.high is None else limits.high
    outside = (tensor < low) | (tensor > high)
    if outside.any():
        where = _first(outside)
        raise TensorInputError(
            "{place} is {value}, and numbers {range} are taken here.",
            place=place(where), value=f"{tensor[tuple(where)].item():g}", range=_between(limits),
        )  # fmt: skip


def _between(limits: Limits) -> str:
    if limits.low is None:
        return say("up to {high}", high=f"{limits.high:g}")
    low, high = f"{limits.low:g}", f"{limits.high:g}" if limits.high is not None else ""
    return say("from {low} to {high}" if high else "from {low}", low=low, high=high)


def _as_integers(tensor: torch.Tensor) -> torch.Tensor:
    if not tensor.is_floating_point():
        return tensor.long() if tensor.dtype == torch.bool else tensor
    broken = (tensor != tensor.trunc()) | ~(tensor.abs() < 2**63)  # nan and inf are broken too
    if broken.any():
        where = _first(broken)
        raise TensorInputError(
            "{place} is {value}, and only whole numbers are taken here: round it.",
            place=place(where), value=f"{tensor[tuple(where)].item():g}",
        )  # fmt: skip
    return tensor.long()


def _first(mask: torch.Tensor) -> list[int]:
    """The index of the first True in reading order."""
    return mask.nonzero()[0].tolist()


# ---- words for shapes and places --------------------------------------------------------------------------------


def times(shape: Sequence[int]) -> str:
    """A shape in a sentence: "2×3"."""
    return "×".join(str(side) for side in shape)


def described(shape: Sequence[int]) -> str:
    """A tensor of this shape in a sentence: "a matrix (2×3)"."""
    if not shape:
        return _("a single number")
    if len(shape) == 1:
        return say("a vector of {n:,}", n=shape[0])
    return f"{_rank_name(len(shape))} ({times(shape)})"


def _rank_name(rank: int) -> str:
    names = N_(("a single number", "a vector", "a matrix"))
    return _(names[rank]) if rank < len(names) else say("a tensor of rank {rank}", rank=rank)


def place(index: Sequence[int]) -> str:
    """Where a number is, counting from 1: "Row 2, column 3", and with a higher rank "Block 1.4, row 2, column 3"."""
    counted = [str(i + 1) for i in index]
    if len(counted) < 2:
        return say("Number {n}" if counted else "The number", n="".join(counted))
    *blocks, row, column = counted
    if not blocks:
        return say("Row {row}, column {column}", row=row, column=column)
    return say("Block {block}, row {row}, column {column}", block=".".join(blocks), row=row, column=column)


def quote(text: str, limit: int = 20) -> str:
    """A reader's text to repeat in a sentence: short, and as code, in which Markdown makes no link, icon or picture."""
    kept = "".join(c if c.isalnum() or c in " .,+-/:" else "·" for c in text[:limit])
    return f"`{kept}{'…' if len(text) > limit else ''}`"
