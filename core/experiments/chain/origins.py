"""Where the numbers of a storage came from, cell by cell, in a chain of any size: from indices alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from core.experiments.chain.operations import Step
from core.experiments.chain.run import Numbers, Stage, facts_of
from core.experiments.layout import addresses
from core.experiments.layout.rule import Ints, Layout
from core.experiments.layout.window import index_at

UNWRITTEN, UNKNOWN = -1, -2  # in place of an address: torch wrote nothing there; the operation is not followed here
SAME_INDEX = ("contiguous", "clone", "channels_last")
SAME_PLACE = ("reshape", "flatten")  # in reading order

Indices = tuple[np.ndarray, ...]  # one array a dimension


@dataclass(frozen=True)
class Copied:
    """A step that filled a new storage."""

    step: Step
    before: Layout
    after: Layout

    def sources(self, cells: np.ndarray) -> np.ndarray:
        """For cells of the new storage, the addresses in the storage before it that they were copied from."""
        written = (cells >= 0) & (cells < self.after.numel)
        if not written.any():
            return np.full_like(cells, UNWRITTEN)
        index = _dense_index(self.after, np.where(written, cells, 0))
        there = _moved(self.step, self.after.shape, self.before.shape, index)
        if there is None:
            return np.where(written, UNKNOWN, UNWRITTEN)
        found = self.before.storage_offset + sum(
            (i * s for i, s in zip(there, self.before.stride, strict=True)), np.zeros_like(cells)
        )
        return np.where(written, found, UNWRITTEN)

    def copy_of(self, address: int) -> int | None:
        """A cell of the new storage that was copied from this address; None where there is none."""
        index = index_at(self.before, address)
        if index is None:
            return None
        there = _moved(self.step, self.before.shape, self.after.shape, tuple(np.array([i]) for i in index))
        return None if there is None else addresses.address(self.after, [int(i[0]) for i in there])


def _dense_index(layout: Layout, cells: np.ndarray) -> Indices:
    """The indices of the elements at these cells of a storage that the tensor fills without gaps and overlaps."""
    index = {}
    for d in sorted(range(layout.ndim), key=lambda d: -layout.stride[d]):
        if layout.shape[d] == 1:
            index[d] = np.zeros_like(cells)
        else:
            index[d], cells = np.divmod(cells, layout.stride[d])
    return tuple(index[d] for d in range(layout.ndim))


def _moved(step: Step, shape: Ints, to: Ints, index: Indices) -> Indices | None:
    """The indices, in a tensor of the other shape, of the same numbers, before the step or behind it."""
    if step.op in SAME_INDEX:
        return index
    if step.op == "flip":
        dims = {d % max(len(shape), 1) for d in step.args[0] or ()}  # type: ignore[union-attr]
        return tuple(n - 1 - i if d in dims else i for d, (i, n) in enumerate(zip(index, shape, strict=True)))
    if step.op in SAME_PLACE:
        place = np.ravel_multi_index(index, shape) if shape else np.zeros(1, dtype=np.int64)
        return tuple(np.unravel_index(place, to)) if to else ()
    return None


@dataclass(frozen=True)
class Origins:
    """How the storages of a chain came about: what the first held, and which step filled each of the others."""

    start: Numbers
    written: dict[int, int]  # for each storage, how many cells it had when it was new: those that resize_ adds are not
    copies: dict[int, Copied]

    def back(self, storage: int, cells: np.ndarray, to: int = 0) -> np.ndarray:
        """The addresses in an earlier storage that these cells came from."""
        for later in range(storage, to, -1):
            cells = np.where(cells >= 0, self.copies[later].sources(np.maximum(cells, 0)), cells)
        return cells

    def numbers(self, storage: int, cells: np.ndarray) -> tuple[torch.Tensor, np.ndarray]:
        """The numbers in these cells, and the address each had in the first storage, or why there is none."""
        first = self.back(storage, cells)
        first = np.where(first >= self.written[0], UNWRITTEN, first)
        return self.start.at(np.maximum(first, 0)), first

    def followed(self, storage: int, address: int, to: int) -> int | None:
        """An address in another storage of the number at this one: where it came from, or where it was copied to."""
        if to <= storage:
            found = int(self.back(storage, np.array([address]), to)[0])
            return found if found >= 0 else None
        at: int | None = address
        for later in range(storage + 1, to + 1):
            at = None if at is None else self.copies[later].copy_of(at)
        return at


def of(ran: Sequence[Stage]) -> Origins:
    """Follow the storages through the stages that ran."""
    written: dict[int, int] = {}
    copies: dict[int, Copied] = {}
    for before, stage in zip([ran[0], *ran], ran, strict=False):
        facts = facts_of(stage)
        written.setdefault(facts.storage, facts.layout.storage_size)
        if facts.verdict == "copy" and stage.step is not None:
            copies[facts.storage] = Copied(stage.step, facts_of(before).layout, facts.layout)
    return Origins(ran[0].start, written, copies)
