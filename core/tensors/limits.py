"""What a page takes as a tensor, and the one sentence that says why something is not taken."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from core.tensors import dtypes

DTYPES = {name: dtype for name, dtype in dtypes.DTYPES.items() if not dtype.is_complex}


class TensorInputError(ValueError):
    """A reader's tensor cannot be taken: one sentence, ready to be shown beside the control."""


class TooLargeError(TensorInputError):
    """A good tensor beyond the limits. It comes along in `tensor`, to be scaled down or cropped on demand."""

    def __init__(self, message: str, tensor: torch.Tensor) -> None:
        super().__init__(message)
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
        raise TooLargeError(f"{_beyond(tensor.shape, limits)}: scale it down or crop it.", tensor)
    check_shape(tensor.shape, limits)
    if tensor.dtype not in DTYPES.values():
        raise TensorInputError(f"Numbers of type {_name(tensor.dtype)} are not taken: convert them to float32 first.")
    _check_finite(tensor, limits)
    _check_range(tensor, limits)
    return _as_integers(tensor) if limits.integers_only else tensor


def check_shape(shape: Sequence[int], limits: Limits) -> None:
    """Raise TensorInputError unless tensors of this shape are taken."""
    if len(shape) not in limits.ranks:
        wanted = " or ".join(_rank_name(rank) for rank in sorted(limits.ranks))
        mend = "put more brackets around it" if len(shape) < min(limits.ranks) else "take a part of it"
        raise TensorInputError(f"This is {described(shape)}, and {wanted} is needed here: {mend}.")
    if 0 in shape and not limits.allow_empty:
        raise TensorInputError(f"This tensor is empty ({times(shape)}): give it at least one number.")
    if not _fits(shape, limits):
        raise TensorInputError(f"{_beyond(shape, limits)}: choose a smaller shape.")


def _fits(shape: Sequence[int], limits: Limits) -> bool:
    return math.prod(shape) <= limits.max_elements and all(side <= limits.max_side for side in shape)


def _beyond(shape: Sequence[int], limits: Limits) -> str:
    return (
        f"This is {described(shape)}, and at most {limits.max_side:,} along a side and "
        f"{limits.max_elements:,} numbers in all are taken here"
    )


def _check_finite(tensor: torch.Tensor, limits: Limits) -> None:
    bad = ~tensor.isfinite()
    if bad.any() and not limits.allow_nonfinite:
        where = _first(bad)
        raise TensorInputError(
            f"{place(where)} is {tensor[tuple(where)].item()}, and only finite numbers are taken here: "
            "replace it by a number."
        )


def _check_range(tensor: torch.Tensor, limits: Limits) -> None:
    low = -math.inf if limits.low is None else limits.low
    high = math.inf if limits.high is None else limits.high
    outside = (tensor < low) | (tensor > high)
    if outside.any():
        where = _first(outside)
        raise TensorInputError(
            f"{place(where)} is {tensor[tuple(where)].item():g}, and numbers {_between(limits)} are taken here."
        )


def _between(limits: Limits) -> str:
    if limits.low is None:
        return f"up to {limits.high:g}"
    return f"from {limits.low:g}" + ("" if limits.high is None else f" to {limits.high:g}")


def _as_integers(tensor: torch.Tensor) -> torch.Tensor:
    if not tensor.is_floating_point():
        return tensor.long() if tensor.dtype == torch.bool else tensor
    broken = (tensor != tensor.trunc()) | ~(tensor.abs() < 2**63)  # nan and inf are broken too
    if broken.any():
        where = _first(broken)
        raise TensorInputError(
            f"{place(where)} is {tensor[tuple(where)].item():g}, and only whole numbers are taken here: round it."
        )
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
        return "a single number"
    return f"{_rank_name(len(shape))} ({times(shape)})" if len(shape) > 1 else f"a vector of {shape[0]:,}"


def _rank_name(rank: int) -> str:
    names = ("a single number", "a vector", "a matrix")
    return names[rank] if rank < len(names) else f"a tensor of rank {rank}"


def place(index: Sequence[int]) -> str:
    """Where a number is, counting from 1: "Row 2, column 3", and with a higher rank "Block 1.4, row 2, column 3"."""
    counted = [str(i + 1) for i in index]
    if len(counted) < 2:
        return f"Number {counted[0]}" if counted else "The number"
    *blocks, row, column = counted
    return f"Block {'.'.join(blocks)}, row {row}, column {column}" if blocks else f"Row {row}, column {column}"


def quote(text: str, limit: int = 20) -> str:
    """A reader's text to repeat in a sentence: short, and as code, in which Markdown makes no link, icon or picture."""
    kept = "".join(c if c.isalnum() or c in " .,+-/:" else "·" for c in text[:limit])
    return f"`{kept}{'…' if len(text) > limit else ''}`"


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
