"""What people believe of memory layout, each held against real tensors."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.experiments.chain.run import Stage, facts_of, shares_storage
from core.experiments.layout import rule
from core.experiments.layout.rule import Ints

MOST_SHAPES = 24


@dataclass(frozen=True)
class NoMove:
    """What the steps of a chain did to the numbers."""

    tensors: int
    storages: int
    copies: tuple[str, ...]  # the steps that filled a new storage
    copied: int  # numbers, over all of them
    bytes: int


def moved(ran: list[Stage]) -> NoMove:
    """Which steps of a chain moved numbers, and how many."""
    facts = [(stage, stage.facts) for stage in ran if stage.facts is not None]
    copies = [(stage, f) for stage, f in facts if f.verdict == "copy"]
    numbers = sum(f.layout.numel for _, f in copies)
    return NoMove(
        len(facts), len({f.storage for _, f in facts}), tuple(stage.code for stage, _ in copies), numbers,
        sum(f.layout.numel * f.itemsize for _, f in copies),
    )  # fmt: skip


@dataclass(frozen=True)
class Strided:
    """A view of a tensor that is not contiguous, and what the tensor on screen allows."""

    stride: Ints
    contiguous: bool
    viewed: Ints
    shared: bool
    number: int  # of the stage on screen
    groups: int  # of its dimensions, each of which view may cut and join


def view_without_contiguity(stage: Stage) -> Strided:
    """x.view(16) of every second column."""
    x = torch.arange(32).reshape(4, 8)[:, ::2]
    y = x.view(16)
    groups = rule.merged_groups(facts_of(stage).layout)
    return Strided(x.stride(), x.is_contiguous(), y.stride(), shares_storage(x, y), stage.number, len(groups))


@dataclass(frozen=True)
class Foretold:
    """What the strides say of reshape to each shape of two factors, and what torch does."""

    number: int
    shapes: int
    right: int
    views: list[tuple[int, int]]  # the shapes that reshape gives as a view


def reshape_is_predictable(stage: Stage) -> Foretold:
    """Our prediction of reshape, held against the storages of torch's tensors."""
    layout, x = facts_of(stage).layout, stage.tensor
    assert x is not None
    count = layout.numel
    shapes = [(d, count // d) for d in divisors(count)][:MOST_SHAPES]
    foreseen = [rule.view_stride(layout, shape) is not None for shape in shapes]
    happened = [shares_storage(x, x.reshape(shape)) for shape in shapes]
    right = sum(a == b for a, b in zip(foreseen, happened, strict=True))
    views = [shape for shape, view in zip(shapes, happened, strict=True) if view]
    return Foretold(stage.number, len(shapes), right, views)


def divisors(n: int) -> list[int]:
    """All divisors of a number, from 1 up; none of 0."""
    candidates = np.arange(1, math.isqrt(n) + 1)
    small = candidates[n % candidates == 0].tolist()
    return small + [n // d for d in reversed(small) if d * d != n]


@dataclass(frozen=True)
class Permuted:
    """Whether two permuted tensors are contiguous."""

    size_one: bool
    channels_last: bool


def permuted_and_contiguous() -> Permuted:
    """A dimension of size 1 moved, and channels_last permuted to NHWC."""
    x = torch.zeros(3, 1, 4).permute(1, 0, 2)
    y = torch.zeros(2, 3, 4, 5).to(memory_format=torch.channels_last).permute(0, 2, 3, 1)
    return Permuted(x.is_contiguous(), y.is_contiguous())


@dataclass(frozen=True)
class Both:
    """One tensor viewed and permuted to the same shape."""

    viewed: Tensor
    permuted: Tensor
    view_stride: Ints
    permute_stride: Ints
    differ: int
    numbers: int


def view_is_not_permute() -> Both:
    """The tutorial's 6×5 tensor, both ways."""
    x = torch.arange(5).repeat(6, 1)
    viewed, permuted = x.view(5, 6), x.permute(1, 0)
    differ = int((viewed != permuted).sum())
    return Both(viewed, permuted, viewed.stride(), permuted.stride(), differ, x.numel())


@dataclass(frozen=True)
class Cloned:
    """A transposed tensor's clone, and its contiguous copy."""

    clone_stride: Ints
    refusal: str  # torch's own words on view of the clone; empty where it works
    contiguous_stride: Ints


def clone_keeps_strides() -> Cloned:
    """clone keeps the order in memory; contiguous makes it fit."""
    x = torch.zeros(3, 4).t()
    refusal = ""
    try:
        x.clone().view(12)
    except RuntimeError as error:
        refusal = str(error)
    return Cloned(x.clone().stride(), refusal, x.contiguous().stride())


@dataclass(frozen=True)
class Held:
    """Bytes shown and bytes kept alive: of one row of a matrix, and of the tensor on screen."""

    row_shows: int
    row_holds: int
    clone_holds: int
    number: int
    shows: int
    holds: int


def view_holds_all(stage: Stage) -> Held:
    """The storage lives as long as anybody views a part of it."""
    row, facts = torch.zeros(1000, 1000)[0], stage.facts
    assert facts is not None
    return Held(
        row.numel() * row.element_size(), row.untyped_storage().nbytes(), row.clone().untyped_storage().nbytes(),
        stage.number, facts.extent.bytes_viewed, facts.extent.bytes_held,
    )  # fmt: skip


@dataclass(frozen=True)
class Expanded:
    """`+=` on an expanded tensor."""

    stride: Ints
    refusal: str
    after_out_of_place: Tensor
    after_on_a_copy: Tensor


def add_to_expanded() -> Expanded:
    """A row expanded to three: torch refuses to add in place, since three elements are one cell."""
    row = torch.arange(3.0)
    x = row.expand(3, 3)
    column = torch.arange(3.0)[:, None]
    refusal = ""
    try:
        x += column
    except RuntimeError as error:
        refusal = str(error)
    copied = x.clone()
    copied += column
    return Expanded(x.stride(), refusal, x + column, copied)


@dataclass(frozen=True)
class Reread:
    """The bytes of one tensor read as another dtype."""

    numbers: Tensor
    read: Tensor
    dtype: torch.dtype
    shared: bool
    itemsize: int


def view_as_dtype(dtype: torch.dtype) -> Reread:
    """float32 numbers, their bytes read as another dtype: no byte moves; sizes change with the bytes an element."""
    x = torch.tensor([[1.0, -2.0, 0.5, 0.1]])
    y = x.view(dtype)
    return Reread(x, y, dtype, shares_storage(x, y), y.element_size())
