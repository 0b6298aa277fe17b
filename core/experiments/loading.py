"""How `torch.utils.data` makes batches: a sampler gives an order of indices, a loader cuts it and stacks the items.

From the same generator the orders here are those of torch's samplers, and the epochs those of its DataLoader.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import e
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils import data as torchs

from core import compare
from core.calls import Outcome
from core.compare import Comparison
from core.data import mnist
from core.experiments.refusals import refusal

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
    "shuffle": Order(
        lambda n, _, generator: shuffled(n, generator),
        lambda n, _, generator: torchs.RandomSampler(range(n), generator=generator),
    ),
    "in-order": Order(
        lambda n, _w, _g: in_order(n),
        lambda n, _w, _g: torchs.SequentialSampler(range(n)),
    ),
    "replacement": Order(
        lambda n, _, generator: put_back(n, generator),
        lambda n, _, generator: torchs.RandomSampler(range(n), replacement=True, generator=generator),
    ),
    "weighted": Order(
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


def epochs_of_torch(
    sampler: Callable[[Generator], torchs.Sampler], n: int, batch_size: int, drop_last: bool, epochs: int, seed: int
) -> list[list[Tensor]]:
    """The same by torch's DataLoader over the indices themselves."""
    generator = Generator().manual_seed(seed)
    loader: torchs.DataLoader = torchs.DataLoader(
        range(n), batch_size, sampler=sampler(generator), drop_last=drop_last, generator=generator  # type: ignore[arg-type]
    )  # fmt: skip
    return [list(loader) for _ in range(epochs)]


def flat(epochs: Sequence[Sequence[Tensor]]) -> Tensor:
    """All indices in the order in which they come."""
    return torch.cat([torch.zeros(0, dtype=torch.int64), *(batch for epoch in epochs for batch in epoch)])


def times_drawn(epochs: Sequence[Sequence[Tensor]], n: int) -> Tensor:
    """How often each of n samples came in each epoch: (epochs, n)."""
    rows = [torch.cat([*batches, torch.zeros(0, dtype=torch.int64)]) for batches in epochs]
    return torch.stack([torch.bincount(row, minlength=n) for row in rows])


# ---- a loader over the digits ----------------------------------------------------------------------------------


class Items(torchs.Dataset[Any]):
    """Samples given as they are: numbers, or tensors."""

    def __init__(self, samples: Sequence[Any]) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Any:
        return self.samples[index]


class Digits(torchs.Dataset[tuple[int, Tensor, int]]):
    """The first shipped digits as a Dataset: a length, and an item for each index."""

    def __init__(self, count: int) -> None:
        self.images = mnist().train_images[:count]
        self.labels = mnist().train_labels[:count]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[int, Tensor, int]:
        return index, self.images[index], int(self.labels[index])


@dataclass(frozen=True)
class Loading:
    """The settings of a loader."""

    sampler: str  # of ORDERS
    weights: Tensor  # one a sample
    batch_size: int
    drop_last: bool
    epochs: int
    seed: int

    @property
    def count(self) -> int:
        """How many samples there are."""
        return len(self.weights)


@dataclass(frozen=True)
class Batch:
    """What a loader hands on at once."""

    index: Tensor
    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Loaded:
    """Every epoch of one DataLoader, batch by batch."""

    how: Loading
    epochs: tuple[tuple[Batch, ...], ...]
    sampler: str  # the name of torch's class
    agrees: Comparison | None  # with the order made by hand; None where every epoch is empty

    @property
    def count(self) -> int:
        """How many samples there are."""
        return self.how.count

    @property
    def longest(self) -> int:
        """The batches of the longest epoch."""
        return max(map(len, self.epochs))

    @property
    def sizes(self) -> list[int]:
        """How many samples each batch of the first epoch has."""
        return [len(batch.index) for batch in self.epochs[0]]

    @property
    def batches(self) -> int:
        """How many batches the first epoch has."""
        return len(self.epochs[0])

    @property
    def unseen(self) -> int:
        """How many samples the first epoch leaves out."""
        return self.count - len({i for batch in self.epochs[0] for i in batch.index.tolist()})

    @property
    def moved(self) -> int:
        """How many places of the second epoch have another sample than in the first."""
        first, second = (torch.cat([batch.index for batch in epoch]) for epoch in self.epochs[:2])
        return int((first != second).sum())


def fair_weights(count: int) -> Tensor:
    """1 / how many samples share a sample's label: each digit that occurs then comes as often as another."""
    labels = mnist().train_labels[:count].long()
    return (1 / labels.bincount().double())[labels].round(decimals=3)


def run(how: Loading) -> Loaded:
    """Every epoch of one torch DataLoader over the digits, beside the order made by hand.

    What torch refuses, as weights of 0 alone, it refuses here.
    """
    generator = Generator().manual_seed(how.seed)
    sampler = ORDERS[how.sampler].theirs(how.count, how.weights, generator)
    loader: torchs.DataLoader = torchs.DataLoader(
        Digits(how.count), how.batch_size, sampler=sampler, drop_last=how.drop_last, generator=generator
    )
    epochs = tuple(tuple(Batch(*batch) for batch in loader) for _ in range(how.epochs))
    theirs = [torch.cat([batch.index for batch in epoch]) for epoch in epochs if epoch]
    ours = [torch.cat(epoch) for epoch in by_hand(how) if epoch]
    agrees = compare.outcomes(Outcome(ours, []), Outcome(theirs, [])) if theirs else None
    return Loaded(how, epochs, type(sampler).__name__, agrees)


def first_order(how: Loading) -> Tensor:
    """The order of the first epoch, before it is cut into batches."""
    return flat(epochs_of(lambda g: ORDERS[how.sampler].ours(how.count, how.weights, g), how.count, False, 1, how.seed))


def by_hand(how: Loading) -> list[list[Tensor]]:
    """The same epochs' indices from the samplers written here."""

    def order(generator: Generator) -> Tensor:
        return ORDERS[how.sampler].ours(how.count, how.weights, generator)

    return epochs_of(order, how.batch_size, how.drop_last, how.epochs, how.seed)


# ---- what people believe ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TwoEpochs:
    """The order of two epochs of one loader, and of the first epoch of another."""

    first: tuple[int, ...]
    second: tuple[int, ...]
    again: tuple[int, ...]  # of a new loader with the same seed


def two_epochs(seed: int) -> TwoEpochs:
    """One loader asked twice, and a second loader with the same seed."""

    def loader() -> torchs.DataLoader:
        return torchs.DataLoader(range(8), 8, shuffle=True, generator=Generator().manual_seed(seed))  # type: ignore[arg-type]

    one = loader()
    return TwoEpochs(*(tuple(next(iter(it)).tolist()) for it in (one, one, loader())))


@dataclass(frozen=True)
class Dropped:
    """The samples that `drop_last` leaves out of each of two epochs."""

    count: int
    batch_size: int
    first: list[int]
    second: list[int]

    @property
    def left(self) -> int:
        """How many an epoch leaves out."""
        return len(self.first)


def dropped(count: int, batch_size: int, seed: int) -> Dropped:
    """Two shuffled epochs under `drop_last`."""
    loader: torchs.DataLoader = torchs.DataLoader(
        range(count), batch_size, shuffle=True, drop_last=True, generator=Generator().manual_seed(seed)  # type: ignore[arg-type]
    )  # fmt: skip
    seen = [{i for batch in loader for i in batch.tolist()} for _ in range(2)]
    return Dropped(count, batch_size, *(sorted(set(range(count)) - epoch) for epoch in seen))


@dataclass(frozen=True)
class PutBack:
    """The share of n samples that n draws with replacement leave out, over many epochs and by the formula."""

    n: int
    epochs: int
    share: float
    expected: float  # (1 − 1/n)ⁿ
    limit: float = 1 / e


def never_drawn(n: int, seed: int, epochs: int = 100) -> PutBack:
    """Count, over many epochs, what n draws from n with replacement never bring."""
    generator = Generator().manual_seed(seed)
    seen = [len(set(put_back(n, generator).tolist())) for _ in range(epochs)]
    return PutBack(n, epochs, 1 - sum(seen) / (epochs * n), (1 - 1 / n) ** n)


@dataclass(frozen=True)
class Refused:
    """torch's own words to a call, and what comes of the call that it takes instead."""

    says: str
    instead: Any = None


def sampler_and_shuffle() -> Refused:
    """A loader that is given a sampler and told to shuffle."""
    dataset = Items(range(8))
    return Refused(refusal(lambda: torchs.DataLoader(dataset, sampler=torchs.RandomSampler(dataset), shuffle=True)))


def ragged() -> Refused:
    """A batch of two sequences of different lengths, and the same with a `collate_fn` that pads them."""
    dataset = Items([torch.arange(3), torch.arange(5)])

    def pad(items: list[Tensor]) -> Tensor:
        return pad_sequence(items, batch_first=True, padding_value=-1)

    padded = next(iter(torchs.DataLoader(dataset, 2, collate_fn=pad)))
    return Refused(refusal(lambda: list(torchs.DataLoader(dataset, 2))), padded)


@dataclass(frozen=True)
class Ranks:
    """The samples of rank 0 of 2 in two epochs, and in a third after `set_epoch(1)`."""

    first: tuple[int, ...]
    second: tuple[int, ...]
    third: tuple[int, ...]


def without_set_epoch(count: int, seed: int) -> Ranks:
    """Ask a `DistributedSampler` twice, and once more after it was told the epoch."""
    sampler: torchs.DistributedSampler = torchs.DistributedSampler(Items(range(count)), 2, rank=0, seed=seed)
    first, second = tuple(sampler), tuple(sampler)
    sampler.set_epoch(1)
    return Ranks(first, second, tuple(sampler))


@dataclass(frozen=True)
class Steps:
    """The order of the samples, and what a loss averaged over batches comes to beside one over the samples."""

    sizes: list[int]
    of_batches: float
    of_samples: float

    @property
    def batches(self) -> int:
        """How many batches there are."""
        return len(self.sizes)

    @property
    def samples(self) -> int:
        """How many samples they hold."""
        return sum(self.sizes)


def mean_of_means(count: int, batch_size: int) -> Steps:
    """The mean of the batches' mean labels, and the mean of all labels."""
    loader = torchs.DataLoader(Digits(count), batch_size)
    labels = [labels.double() for _, _, labels in loader]
    means = torch.stack([batch.mean() for batch in labels])
    return Steps([len(batch) for batch in labels], means.mean().item(), torch.cat(labels).mean().item())


# ---- what is asked ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Length:
    """A loader, and how many batches it has."""

    n: int
    size: int
    drop_last: bool
    batches: int


def length(how: Loading, draw: random.Random) -> Length:
    """How many batches a loader of other settings than on screen has, by torch's own count."""
    n = draw.choice([n for n in range(5, 41) if n != how.count])
    size, drop = draw.randint(2, 9), draw.random() < 0.5
    return Length(n, size, drop, len(torchs.DataLoader(Items(range(n)), size, drop_last=drop)))


@dataclass(frozen=True)
class LastBatch:
    """The images of a loader's last batch."""

    n: int
    size: int
    shape: tuple[int, ...]


def last_batch(how: Loading, draw: random.Random) -> LastBatch:
    """The shape of the last batch of another number of digits than on screen."""
    n = draw.choice([n for n in range(how.batch_size + 1, how.batch_size + 30) if n != how.count])
    *_, (_, images, _) = torchs.DataLoader(Digits(n), how.batch_size)
    return LastBatch(n, how.batch_size, tuple(images.shape))


@dataclass(frozen=True)
class Loader:
    """Who loads a batch."""

    batch: int
    workers: int
    worker: int


def loader_of(draw: random.Random) -> Loader:
    """The worker of a drawn batch, by the rule that `schedule` follows."""
    workers, batch = draw.randint(2, 5), draw.randint(6, 20)
    *_, slot = schedule([1] * (batch + 1), workers, 1, 1.0, 1.0)
    assert slot.worker is not None
    return Loader(batch, workers, slot.worker)


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


@dataclass(frozen=True)
class Workers:
    """An epoch's schedule with workers, beside the one without."""

    slots: list[Slot]
    workers: int
    prefetch: int
    total: float  # ms of the epoch
    alone: float  # ms of the epoch without workers
    idle: float  # the share in which the training waits

    @property
    def first(self) -> float:
        """ms that the training waits for the first batch, which nobody could load ahead."""
        return self.slots[0].train[0]

    @property
    def later(self) -> float:
        """ms that the training waits for all other batches."""
        return self.idle * self.total - self.first


def with_workers(sizes: Sequence[int], workers: int, prefetch: int, load_ms: float, step_ms: float) -> Workers | None:
    """The schedule of an epoch of batches of these sizes; None for an empty epoch."""
    slots = schedule(sizes, workers, prefetch, load_ms, step_ms)
    if not slots:
        return None
    alone = schedule(sizes, 0, 1, load_ms, step_ms)
    return Workers(slots, workers, prefetch, slots[-1].train[1], alone[-1].train[1], idle_share(slots))


def idle_share(slots: Sequence[Slot]) -> float:
    """The share of the whole time in which the training waits for a batch; 0 without batches."""
    if not slots:
        return 0.0
    return 1 - sum(slot.train[1] - slot.train[0] for slot in slots) / slots[-1].train[1]
