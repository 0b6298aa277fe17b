"""How `torch.utils.data` makes batches: a sampler gives an order of indices, a loader cuts it and stacks the items.

From the same generator the orders here are those of torch's samplers, and the epochs those of its DataLoader.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils import data as torchs

Generator = torch.Generator

CHUNK = 32  # RandomSampler draws so many at once where it puts back

# ---- orders ----------------------------------------------------------------------------------------------------


def in_order(n: int) -> Tensor:
    """0, 1, …, n−1: SequentialSampler."""
    return torch.arange(n)


def shuffled(n: int, generator: Generator | None = None) -> Tensor:
    """Each of n once, in a drawn order: RandomSampler, and `shuffle=True`.

    torch's sampler draws one more permutation at its end, for the rest of a number of samples that n does not divide,
    even where there is no rest: the next epoch of a generator depends on it.
    """
    order = torch.randperm(n, generator=generator)
    torch.randperm(n, generator=generator)
    return order


def put_back(n: int, generator: Generator | None = None) -> Tensor:
    """n draws from n, each put back: RandomSampler(replacement=True). About n/e of them never come."""
    sizes = [CHUNK] * (n // CHUNK) + [n % CHUNK]
    return torch.cat([torch.randint(n, (size,), generator=generator) for size in sizes])


def weighted(weights: Tensor, generator: Generator | None = None) -> Tensor:
    """As many draws as there are weights, each put back, index i with chance wᵢ/Σw: WeightedRandomSampler.

    RuntimeError where a weight is negative or all are 0.
    """
    return torch.multinomial(weights.double(), len(weights), replacement=True, generator=generator)


@dataclass(frozen=True)
class Order:
    """A way through a data set: by hand, and torch's sampler; both from n, weights and a generator."""

    ours: Callable[[int, Tensor, Generator], Tensor]
    theirs: Callable[[int, Tensor, Generator], torchs.Sampler]


ORDERS: Mapping[str, Order] = {
    "shuffle=True": Order(
        lambda n, _, generator: shuffled(n, generator),
        lambda n, _, generator: torchs.RandomSampler(range(n), generator=generator),
    ),
    "shuffle=False": Order(
        lambda n, _w, _g: in_order(n),
        lambda n, _w, _g: torchs.SequentialSampler(range(n)),
    ),
    "RandomSampler, replacement": Order(
        lambda n, _, generator: put_back(n, generator),
        lambda n, _, generator: torchs.RandomSampler(range(n), replacement=True, generator=generator),
    ),
    "WeightedRandomSampler": Order(
        lambda _, weights, generator: weighted(weights, generator),
        lambda n, weights, generator: torchs.WeightedRandomSampler(weights.tolist(), n, generator=generator),
    ),
}

# ---- batches ---------------------------------------------------------------------------------------------------


def batch_up(order: Tensor, batch_size: int, drop_last: bool = False) -> list[Tensor]:
    """Cut an order of indices into batches, one index at a time: BatchSampler.

    The last batch holds what is left, and is dropped under `drop_last` where it is not full.
    """
    batches, batch = [], order[:0]
    for index in order:
        batch = torch.cat([batch, index[None]])
        if len(batch) == batch_size:
            batches.append(batch)
            batch = order[:0]
    if len(batch) and not drop_last:
        batches.append(batch)
    return batches


def epochs_of(
    order: Callable[[Generator], Tensor], batch_size: int, drop_last: bool, epochs: int, seed: int
) -> list[list[Tensor]]:
    """The indices of each batch of each epoch, as one DataLoader with one generator gives them.

    At the start of each epoch the loader draws the number from which its workers are seeded, before the sampler draws.
    """
    generator = Generator().manual_seed(seed)
    made = []
    for _ in range(epochs):
        torch.empty((), dtype=torch.int64).random_(generator=generator)
        made.append(list(order(generator).split(batch_size)))
        if drop_last and made[-1] and len(made[-1][-1]) < batch_size:
            made[-1].pop()
    return made


def times_drawn(epochs: Sequence[Sequence[Tensor]], n: int) -> Tensor:
    """How often each of n samples came in each epoch: (epochs, n)."""
    rows = [torch.cat([*batches, torch.zeros(0, dtype=torch.int64)]) for batches in epochs]
    return torch.stack([torch.bincount(row, minlength=n) for row in rows])


# ---- workers ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Slot:
    """When one batch is loaded, by which worker (None: by the training process), and when it is trained on, in ms."""

    batch: int
    worker: int | None
    load: tuple[float, float]
    train: tuple[float, float]


def schedule(
    sizes: Sequence[int], num_workers: int, prefetch_factor: int, load_ms: float, step_ms: float
) -> list[Slot]:
    """Who loads which batch when, by the DataLoader's rule, for a given time a sample and a training step.

    Batch b goes to worker b mod num_workers; prefetch_factor·num_workers batches are asked for at once, and one more
    each time that the training takes one. With no workers the training waits for each batch. The times of starting
    processes, and of sending tensors between them, are left out.
    """
    slots: list[Slot] = []
    free: dict[int | None, float] = {}  # worker: when it has finished what it was asked for so far
    for b, size in enumerate(sizes):
        ahead, worker = prefetch_factor * num_workers, b % num_workers if num_workers else None
        before = slots[-1].train[1] if slots else 0.0
        asked = slots[b - ahead].train[0] if b >= ahead > 0 else (0.0 if num_workers else before)
        start = max(asked, free.get(worker, 0.0))
        free[worker] = loaded = start + size * load_ms
        begin = max(before, loaded)
        slots.append(Slot(b, worker, (start, loaded), (begin, begin + step_ms)))
    return slots


def idle_share(slots: Sequence[Slot]) -> float:
    """The share of the whole time in which the training waits for a batch; 0 without batches."""
    if not slots:
        return 0.0
    return 1 - sum(slot.train[1] - slot.train[0] for slot in slots) / slots[-1].train[1]
