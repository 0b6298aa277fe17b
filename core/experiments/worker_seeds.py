"""What the samples of a DataLoader draw in its worker processes: which random numbers differ, and which come again.

Real workers are started here. To be run in a process that has one thread, for they are forked from it.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

BELOW = 100  # a sample draws a whole number from 0 to 99


class Drawing(Dataset[tuple[int, int]]):
    """Each sample says which worker loads it, and a random number from its source."""

    def __init__(self, source: str, count: int, seed: int) -> None:
        self.source, self.count = source, count
        self.rng = np.random.default_rng(seed)  # each worker gets a copy of it, in this state

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[int, int]:
        info = get_worker_info()
        return -1 if info is None else info.id, DRAW[self.source](self)


def set_numpy_to_worker(worker: int) -> None:
    """A `worker_init_fn` that is often seen: it knows the worker, and not the epoch."""
    np.random.seed(worker)


def renew_generator(_: int) -> None:
    """A `worker_init_fn` that gives each worker's copy its own seed, one that torch draws anew for every epoch."""
    info = get_worker_info()
    assert info is not None
    assert isinstance(info.dataset, Drawing)
    info.dataset.rng = np.random.default_rng(info.seed)


DRAW: dict[str, Callable[[Drawing], int]] = {
    "torch": lambda _: int(torch.randint(BELOW, ())),
    "random": lambda _: random.randrange(BELOW),
    "numpy": lambda _: int(np.random.randint(BELOW)),
    "own": lambda dataset: int(dataset.rng.integers(BELOW)),
    "worker": lambda _: int(np.random.randint(BELOW)),
    "renewed": lambda dataset: int(dataset.rng.integers(BELOW)),
}
INIT: dict[str, Callable[[int], None]] = {"worker": set_numpy_to_worker, "renewed": renew_generator}
SOURCES = tuple(DRAW)


@dataclass(frozen=True)
class Setup:
    """What fixes a run: the same gives the same numbers again."""

    workers: int
    samples: int  # a worker, in batches of one
    epochs: int
    seed: int


@dataclass(frozen=True)
class Drawn:
    """What one source gave: a row for each worker of each epoch, with the numbers its samples drew in turn."""

    source: str  # of SOURCES
    rows: tuple[tuple[int, int], ...]  # (epoch, worker)
    numbers: tuple[tuple[int, ...], ...]
    share: float  # of the whole run, that is done with it

    @property
    def same_in_workers(self) -> bool:
        """Whether two workers of one epoch draw the same numbers."""
        return any(a == b for (e, v), a in self.by_row for (f, w), b in self.by_row if e == f and v < w)

    @property
    def same_in_epochs(self) -> bool:
        """Whether a worker draws in one epoch what it drew in another."""
        return any(a == b for (e, v), a in self.by_row for (f, w), b in self.by_row if e < f and v == w)

    @property
    def by_row(self) -> list[tuple[tuple[int, int], tuple[int, ...]]]:
        """Each row with its numbers."""
        return list(zip(self.rows, self.numbers, strict=True))

    @property
    def distinct(self) -> int:
        """How many rows differ from all before them."""
        return len(set(self.numbers))


def runs(how: Setup, stop: Callable[[], bool]) -> Iterator[Drawn]:
    """Every source in turn, each by one loader over all epochs; the loader's generator starts at the seed."""
    for number, source in enumerate(SOURCES, start=1):
        if stop():
            return
        yield run(source, how, number / len(SOURCES))


def run(source: str, how: Setup, share: float = 1.0) -> Drawn:
    """One loader whose workers start anew in each epoch: what they drew."""
    dataset = Drawing(source, how.workers * how.samples, how.seed)
    loader: DataLoader[Any] = DataLoader(
        dataset, 1, num_workers=how.workers, worker_init_fn=INIT.get(source),
        generator=torch.Generator().manual_seed(how.seed),
    )  # fmt: skip
    numbers: dict[tuple[int, int], list[int]] = {at: [] for at in product(range(how.epochs), range(how.workers))}
    for epoch in range(how.epochs):
        for worker, drawn in loader:
            numbers[epoch, int(worker)].append(int(drawn))
    return Drawn(source, tuple(numbers), tuple(map(tuple, numbers.values())), share)
