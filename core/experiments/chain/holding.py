"""Who holds the memory of a chain: which storages live while each step runs, and what a small view keeps alive.

A storage lives as long as any tensor reads it, however little of it. Which tensors live is up to the names that the
program keeps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.experiments.chain.run import Facts, Stage, facts_of

Kept = Literal["all", "ends", "result"]  # names: of every step; of the start and the result; of the result alone


@dataclass(frozen=True)
class Moment:
    """While a step runs, or once the chain is done."""

    number: int  # of the tensor that is being made; of the last one where the chain is done
    code: str  # the step; empty where the chain is done
    alive: dict[int, int]  # the bytes of each storage that lives then

    @property
    def total(self) -> int:
        """Bytes of all of them."""
        return sum(self.alive.values())


@dataclass(frozen=True)
class Holding:
    """A chain's memory from its first step to its end."""

    moments: tuple[Moment, ...]
    number: int  # of the tensor at the end
    reads: int  # bytes of the different cells that it reads
    holds: int  # of its storage

    @property
    def peak(self) -> Moment:
        """The first moment that needs the most."""
        return max(self.moments, key=lambda moment: moment.total)

    @property
    def after(self) -> int:
        """What stays."""
        return self.moments[-1].total

    @property
    def share(self) -> float:
        """How much of what the last tensor holds it reads."""
        return self.reads / self.holds if self.holds else 1.0


def holding(ran: Sequence[Stage], kept: Kept) -> Holding:
    """The moments of a chain whose program keeps these names."""
    facts = [facts_of(stage) for stage in ran]
    moments = []
    for stage, before, now in zip(ran[1:], facts, facts[1:], strict=False):
        named = facts[: stage.number] if kept == "all" else facts[:1] if kept == "ends" else []
        alive = _bytes([*named, before, now])
        if now.verdict == "in place" and now.layout.storage_size > before.layout.storage_size:
            alive[now.storage] += before.extent.bytes_held  # a storage that grows is copied into a larger one
        moments.append(Moment(stage.number, stage.code, alive))
    named = facts if kept == "all" else facts[:1] if kept == "ends" else []
    last = facts[-1]
    moments.append(Moment(ran[-1].number, "", _bytes([*named, last])))
    distinct = last.layout.numel if last.extent.distinct is None else last.extent.distinct
    return Holding(
        tuple(moments), ran[-1].number, min(distinct * last.itemsize, last.extent.bytes_held), last.extent.bytes_held
    )


def _bytes(named: Sequence[Facts]) -> dict[int, int]:
    """The bytes of each storage that these tensors read, as long as the last of them has it."""
    return {facts.storage: facts.extent.bytes_held for facts in named}
