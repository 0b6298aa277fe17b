"""Where the numbers of a storage came from, cell by cell, in a chain of any size: from indices alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from core.experiments.chain.operations import Step
from core.experiments.chain.run import Numbers, Stage, facts_of
from core.experiments.chain.sources import FOLLOWED, Indices
from core.experiments.layout import addresses
from core.experiments.layout import operations as predicted
from core.experiments.layout.rule import Layout
from core.experiments.layout.window import index_at

# In place of an address: torch wrote nothing there; the operation is not followed here; the step put a 0 there.
UNWRITTEN, UNKNOWN, ZERO = -1, -2, -3


@dataclass(frozen=True)
class Copied:
    """A step that filled a new storage."""

    step: Step
    before: Layout
    after: Layout

    def sources(self, cells: np.ndarray) -> np.ndarray:
        """For cells of the new storage, the addresses in the storage before it that they were copied from."""
        if self.step.op == "as_strided_scatter":
            return self._beside_the_written(cells)
        written = (cells >= 0) & (cells < self.after.numel)
        if not written.any():
            return np.full_like(cells, UNWRITTEN)
        if self.step.op not in FOLLOWED:
            return np.where(written, UNKNOWN, UNWRITTEN)
        back, _ = FOLLOWED[self.step.op]
        index = _dense_index(self.after, np.where(written, cells, 0))
        there, zero = back(self.before.shape, self.after.shape, index, self.step.args)
        found = self.before.storage_offset + sum(
            (i * s for i, s in zip(there, self.before.stride, strict=True)), np.zeros_like(cells)
        )
        return np.where(written, np.where(zero, ZERO, found), UNWRITTEN)

    def copy_of(self, address: int) -> int | None:
        """A cell of the new storage that was copied from this address; None where there is none."""
        if self.step.op == "as_strided_scatter" and self._keeps_cells:
            return None if self._is_written(address) else address
        index = index_at(self.before, address)
        if index is None or self.step.op not in FOLLOWED:
            return None
        _, forth = FOLLOWED[self.step.op]
        there = forth(self.before.shape, self.after.shape, index, self.step.args)
        return None if there is None else addresses.address(self.after, [int(np.ravel(i)[0]) for i in there])

    # ---- as_strided_scatter, which copies cells rather than elements -------------------------------------------

    @property
    def _keeps_cells(self) -> bool:
        """Whether the whole storage was copied cell by cell: not where elements shared cells."""
        return self.before.stride == self.after.stride

    def _is_written(self, cell: int) -> bool:
        size, stride, offset = self.step.args
        return index_at(predicted.as_strided(self.after, size, stride, offset), cell) is not None  # type: ignore[arg-type]

    def _beside_the_written(self, cells: np.ndarray) -> np.ndarray:
        found = cells if self._keeps_cells else Copied(Step("clone"), self.before, self.after).sources(cells)
        zero = np.array([self._is_written(cell) for cell in cells.tolist()], dtype=bool)
        return np.where(zero, ZERO, found)


def _dense_index(layout: Layout, cells: np.ndarray) -> Indices:
    """The indices of the elements at these cells of a storage that the tensor fills without gaps and overlaps."""
    index = {}
    for d in sorted(range(layout.ndim), key=lambda d: -layout.stride[d]):
        if layout.shape[d] == 1:
            index[d] = np.zeros_like(cells)
        else:
            index[d], cells = np.divmod(cells, layout.stride[d])
    return tuple(index[d] for d in range(layout.ndim))


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
        values = self.start.at(np.maximum(first, 0))
        return torch.where(torch.from_numpy(first == ZERO), torch.zeros_like(values), values), first

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
