"""torch.utils.data: which sample lands in which batch, and who loads it when."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import streamlit as st
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, DistributedSampler, RandomSampler

from core import compare
from core.calls import Outcome
from core.data import mnist
from core.experiments import loading
from core.experiments.loading import ORDERS
from core.figures import colour
from core.figures.board import Cells, Panel, Relation
from core.figures.gallery import panel
from core.figures.heatmap import Outline, Picture
from core.figures.lanes import Busy, boxes, lanes
from core.figures.numbers import number
from core.figures.walk import record
from core.tensors.limits import Limits, times
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, frame, tensor_input, walk
from core.ui.board import BREAK, Part
from core.ui.frame import Pitfall
from core.ui.predict import Draw, Question
from core.ui.take_away import TakeAway
from pages.packages_parts.lesson import NARROW, Lesson, kept, refusal

Batches = list[tuple[Tensor, Tensor, Tensor]]  # of an epoch: the indices, images and labels of each


class Numbers(Dataset[Any]):
    """Samples given as they are: numbers, or tensors."""

    def __init__(self, samples: Sequence[Any]) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Any:
        return self.samples[index]


class Digits(Dataset[tuple[int, Tensor, int]]):
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


def run_loader(how: Loading) -> list[Batches]:
    """Every epoch of one torch DataLoader over the digits."""
    generator = torch.Generator().manual_seed(how.seed)
    sampler = ORDERS[how.sampler].theirs(how.count, how.weights, generator)
    loader = DataLoader(
        Digits(how.count), how.batch_size, sampler=sampler, drop_last=how.drop_last, generator=generator
    )
    return [[(index, images, labels) for index, images, labels in loader] for _ in range(how.epochs)]


def by_hand(how: Loading) -> list[list[Tensor]]:
    """The same epochs' indices from the samplers written here."""

    def order(generator: torch.Generator) -> Tensor:
        return ORDERS[how.sampler].ours(how.count, how.weights, generator)

    return loading.epochs_of(order, how.batch_size, how.drop_last, how.epochs, how.seed)


def data_part(_: Topic) -> Lesson | None:
    """Which sample lands in which batch, and the picked batch as images."""
    how, more = choose_loader()
    epochs = frame.attempt("loader", lambda: run_loader(how))
    if epochs is None:
        return None
    how = replace_count(how, epochs)
    longest = max(map(len, epochs))
    with more:
        cell = controls.cell("batch", "Picked batch: epoch, batch", (len(epochs), longest)) if longest else None
    picked = (cell[0], cell[1]) if cell and cell[1] < len(epochs[cell[0]]) else (0, 0)
    if longest:
        show_epochs(epochs, how, picked)
    else:
        st.info("No batch is full, and `drop_last` drops the one that is not: every epoch is empty.")
    say_loading(how, epochs)
    with controls.row("workers"):
        workers = choose_workers()
    show_workers([len(index) for index, _, _ in epochs[0]], *workers)
    return Lesson(
        data_pitfalls(how), data_questions(how, epochs), lambda: walk_batches(how), lambda: take_batches(how),
        (loading.epochs_of, loading.shuffled, loading.put_back, loading.weighted, loading.schedule),
    )  # fmt: skip


def choose_loader() -> tuple[Loading, Any]:
    """The data set, the sampler and the loader's settings; and where the controls of less weight stand."""
    with controls.main():
        sampler = controls.choice("sampler", "Sampler", tuple(ORDERS), few=0, width=225)
        count = controls.slider("count", "Samples", 4, 48, 20, width=NARROW)
        batch_size = controls.slider("batch_size", "batch_size", 1, 16, 6, width=NARROW)
        epochs = controls.slider("epochs", "Epochs", 1, 3, 2, width=NARROW)
        drop_last = controls.toggle("drop_last", "drop_last")
    more = controls.more()
    weights = torch.ones(count)
    with more:
        seed = controls.seed()
        if sampler == "WeightedRandomSampler":
            limits = Limits(ranks=(1,), max_side=48, max_elements=48, low=0, high=1e6)
            weights = tensor_input.tensor("w", "Weights, one a sample", fair_weights(count), limits).double()
    return Loading(sampler, weights, batch_size, drop_last, epochs, seed), more


def fair_weights(count: int) -> Tensor:
    """1 / how many samples share a sample's label: each digit that occurs then comes as often as another."""
    labels = mnist().train_labels[:count].long()
    return (1 / labels.bincount().double())[labels].round(decimals=3)


def replace_count(how: Loading, epochs: list[Batches]) -> Loading:
    """The settings that the epochs on screen were made with, where the present ones were refused."""
    return how if len(epochs) == how.epochs else replace(how, epochs=len(epochs))


def choose_workers() -> tuple[int, int, float, float]:
    """num_workers, prefetch_factor, and how long things take."""
    return (
        controls.slider("workers", "num_workers", 0, 4, 2, width=NARROW),
        controls.slider("prefetch", "prefetch_factor", 1, 4, 2, width=NARROW),
        float(controls.slider("load", "ms to load a sample", 1, 20, 4, width=150)),
        float(controls.slider("step", "ms to train on a batch", 1, 60, 15, width=150)),
    )


def show_epochs(epochs: list[Batches], how: Loading, picked: tuple[int, int]) -> None:
    """The epochs side by side, a batch a row; the picked batch's images; and how often each sample comes.

    Everywhere a cell stands for a sample ("i"): the same sample lights up in all epochs.
    """
    side = max(min(28, 560 // (len(epochs) * (how.batch_size + 1)), 300 // max(map(len, epochs))), 9)
    pictures = [epoch_picture(e, batches, how, picked, side) for e, batches in enumerate(epochs)]
    links = [Relation(f"b{e} p{e} i", samples_of(batches)) for e, batches in enumerate(epochs) if batches]
    e, b = picked
    shown: list[Part] = [*pictures]
    if b < len(epochs[e]):
        index, images, labels = epochs[e][b]
        says = [f"sample {i}: a {label}" for i, label in zip(index.tolist(), labels.tolist(), strict=True)]
        shown.append(panel("images", images, says, across=4, pixel=1.8, title=f"epoch {e}, batch {b}"))
        links.append(Relation("tile i", np.array(list(enumerate(index.tolist())))))
    shown += [BREAK, times_picture(epochs, how)]
    names = [part.name for part in shown if isinstance(part, (Picture, Panel))]
    board.show(
        *shown, links=links, spelled={name: f"{{note:{name}}}" for name in names},
        picks=dict.fromkeys((name for name in names if name != "images"), "batch"),
    )  # fmt: skip


def samples_of(batches: Batches) -> np.ndarray:
    """(batch, place in it, sample) for all samples of an epoch, one a row."""
    return np.array([(b, p, i) for b, (index, _, _) in enumerate(batches) for p, i in enumerate(index.tolist())])


def epoch_picture(e: int, batches: Batches, how: Loading, picked: tuple[int, int], side: int) -> Picture:
    """One epoch: a batch a row, the samples' indices in the cells, the batch whose images are shown outlined."""
    table = torch.full((max(len(batches), 1), how.batch_size), -1.0)
    notes = [["No sample: the batch is not full."] * how.batch_size for _ in table]
    for b, (index, _, labels) in enumerate(batches):
        table[b, : len(index)] = index.float()
        for p, (i, label) in enumerate(zip(index.tolist(), labels.tolist(), strict=True)):
            notes[b][p] = f"**Sample {i}**, a {label}, stands at place {p} of batch {b} in epoch {e}."
    full = [(b, p) for b, (index, _, _) in enumerate(batches) for p in range(len(index))]
    outlines = [Outline([cell for cell in full if cell[0] == picked[1]])] if picked[0] == e else []
    empty = [tuple(cell) for cell in (table < 0).nonzero().tolist()]
    return Picture(
        f"epoch {e}", table, colour.identity(how.count), f"epoch {e}: a batch a row", outlines,
        texts=["" if value < 0 else f"{value:g}" for value in table.flatten().tolist()], muted=empty, side=side,
        picks=[f"{e}, {b}" for b in range(len(table)) for _ in range(how.batch_size)],
        axes=f"b{e} p{e}", notes=[note for row in notes for note in row],
    )  # fmt: skip


def times_picture(epochs: list[Batches], how: Loading) -> Picture:
    """How often each sample came, an epoch a row; a pin picks the first batch that has it."""
    drawn = loading.times_drawn([[index for index, _, _ in epoch] for epoch in epochs], how.count)
    cells = [(e, i) for e in range(len(epochs)) for i in range(how.count)]
    often = ["never", "once"]
    return Picture(
        "times", drawn, colour.magnitude(drawn), "how often each sample comes, an epoch a row",
        side=min(26, 850 // how.count), axes="e i", picks=[first_batch(epochs[e], e, i) for e, i in cells],
        notes=[f"**Sample {i}** comes {often[n] if n < 2 else f'{n} times'} in epoch {e}."
               for (e, i), n in zip(cells, drawn.flatten().int().tolist(), strict=True)],
    )  # fmt: skip


def first_batch(batches: Batches, e: int, sample: int) -> str:
    """The first batch of an epoch that has the sample, as the control names it; empty where none has it."""
    return next((f"{e}, {b}" for b, (index, _, _) in enumerate(batches) if sample in index.tolist()), "")


def say_loading(how: Loading, epochs: list[Batches]) -> None:
    """What each of the three parts did, and the check of the indices."""
    sampler = type(ORDERS[how.sampler].theirs(how.count, how.weights, torch.Generator())).__name__
    batches = epochs[0]
    label = int(mnist().train_labels[0])
    given = f"`{sampler}` gives the order of the indices."
    made = "1 batch an epoch" if len(batches) == 1 else f"{len(batches)} batches an epoch"
    if batches:
        _, images, labels = batches[-1]
        made += f"; the last one's images are stacked to {times(images.shape)}, its labels are {labels.tolist()}"
    lost = how.count - len({i for index, _, _ in batches for i in index.tolist()})
    st.markdown(
        f"**Dataset**: `len(dataset)` is {how.count}, `dataset[0]` an image and its label {label}. **Sampler**: {given} "
        f"**DataLoader**: {made}. In epoch 0 **{lost}** of {how.count} samples are not seen."
    )
    theirs = [torch.cat([index for index, _, _ in epoch]) for epoch in epochs if epoch]
    ours = [torch.cat(epoch) for epoch in by_hand(how) if epoch]
    check.say("order of the samples", compare.outcomes(Outcome(ours, []), Outcome(theirs, [])))


def show_workers(sizes: list[int], num_workers: int, prefetch_factor: int, load_ms: float, step_ms: float) -> None:
    """The first epoch's batches in time: who loads them, and when they are trained on."""
    slots = loading.schedule(sizes, num_workers, prefetch_factor, load_ms, step_ms)
    if not slots:
        return
    alone = loading.schedule(sizes, 0, 1, load_ms, step_ms)
    names = ["training", *(f"worker {w}" for w in range(num_workers))]
    work = [Busy(lane_of(slot), *slot.load, f"load {slot.batch}", slot.batch) for slot in slots]
    work += [Busy("training", *slot.train, f"train {slot.batch}", slot.batch) for slot in slots]
    says = [f"`{piece.text}`: by {piece.lane}, from {number(piece.start)} to {number(piece.end)} ms." for piece in work]
    idle, total, before = loading.idle_share(slots), slots[-1].train[1], alone[-1].train[1]
    figure = lanes(names, work, "ms", title="Epoch 0 in time: the batches by their numbers", width=880)
    cells = Cells("what batch", (2, len(slots)), texts=says, boxes=boxes(names, work), group="batch")
    alt = (
        f"{len(sizes)} batches, {num_workers} workers: the epoch takes {number(total)} ms, and the training waits for "
        f"{idle:.0%} of it. Without workers it takes {number(before)} ms."
    )
    board.show(Panel("lanes", figure, alt, cells, stretch=880), spelled="{lanes}", name="workers")
    st.markdown(
        f"Batch b is loaded by worker b mod num_workers; {prefetch_factor} batches a worker are asked for ahead. The "
        f"epoch takes **{number(total)} ms**, {number(before)} ms without workers, and the training waits for "
        f"**{idle:.0%}** of it. The order of the samples is the same with any number of workers. Times follow from the "
        "DataLoader's rule and the two sliders; starting processes is left out."
    )


def lane_of(slot: loading.Slot) -> str:
    """Who loads: a worker, or the training itself."""
    return "training" if slot.worker is None else f"worker {slot.worker}"


def walk_batches(how: Loading) -> None:
    """An epoch's order cut into batches, one index at a time."""
    generator = torch.Generator().manual_seed(how.seed)
    order = ORDERS[how.sampler].ours(how.count, how.weights, generator)[:16]
    steps = record(loading.batch_up, order, how.batch_size, how.drop_last, panels=("order", "index", "batch"))
    scale = colour.identity(how.count)
    walk.show(steps, {"order": scale, "index": scale, "batch": scale}, key="walk")


def data_pitfalls(how: Loading) -> list[Pitfall]:
    """What people believe of loaders."""
    return [
        Pitfall("`shuffle=True` gives the same order in every epoch with one seed", lambda: epochs_differ(how.seed)),
        Pitfall("Dropping the last batch loses nothing", lambda: last_batch(how.count, how.batch_size, how.seed)),
        Pitfall("n draws with replacement see about all n samples", lambda: unseen_samples(how.count, how.seed)),
        Pitfall("`sampler=` and `shuffle=True` go together", not_both),
        Pitfall("Samples may have any shape: the loader makes a batch of them", ragged),
        Pitfall(
            "A `DistributedSampler` with `shuffle=True` shuffles each epoch anew",
            lambda: set_epoch(how.count, how.seed),
        ),
    ]


@kept
def epochs_differ(seed: int) -> None:
    """Two epochs of one loader, and the first of a second one."""

    def loader() -> DataLoader:
        return DataLoader(Numbers(range(8)), 8, shuffle=True, generator=torch.Generator().manual_seed(seed))

    one = loader()
    first, second, again = (next(iter(it)).tolist() for it in (one, one, loader()))
    st.markdown(
        f"Two epochs of one loader: {first}, then {second}: the generator goes on. A new loader with the seed "
        f"{'starts again with the first' if again == first else 'gives ' + str(again)}."
    )


@kept
def last_batch(count: int, batch_size: int, seed: int) -> None:
    """Samples never seen in one epoch."""
    dropping = Loading("shuffle=True", torch.ones(count), batch_size, True, 2, seed)
    unseen = [
        sorted(set(range(count)) - set(torch.cat([torch.zeros(0).long(), *e]).tolist())) for e in by_hand(dropping)
    ]
    st.markdown(
        f"{count} samples in batches of {batch_size}: epoch 0 leaves out {unseen[0]}, epoch 1 {unseen[1]}. In "
        "training another epoch shuffles anew; in evaluation, which has one, they are never counted."
    )


@kept
def unseen_samples(n: int, seed: int) -> None:
    """The share that never comes, over many epochs, beside (1 − 1/n)ⁿ."""
    generator = torch.Generator().manual_seed(seed)
    seen = [len(set(loading.put_back(n, generator).tolist())) for _ in range(100)]
    st.markdown(
        f"Over 100 epochs of {n} draws, **{1 - sum(seen) / (100 * n):.1%}** of the samples do not come in an epoch; "
        f"(1 − 1/n)ⁿ is {(1 - 1 / n) ** n:.1%}, and goes to 1/e = {1 / math.e:.1%}."
    )


@kept
def not_both() -> None:
    """torch's refusal."""
    dataset = Numbers(range(8))
    st.markdown(refusal(lambda: DataLoader(dataset, sampler=RandomSampler(dataset), shuffle=True)))


@kept
def ragged() -> None:
    """Two sequences of unlike length, and a collate_fn that pads them."""
    dataset = Numbers([torch.arange(3), torch.arange(5)])

    def pad(items: list[Tensor]) -> Tensor:
        return nn.utils.rnn.pad_sequence(items, batch_first=True, padding_value=-1)

    batch = next(iter(DataLoader(dataset, 2, collate_fn=pad)))
    st.markdown(
        f"Sequences of 3 and 5 numbers: {refusal(lambda: list(DataLoader(dataset, 2)))}. The default stacks. With a "
        f"`collate_fn` of your own that pads: `{batch.tolist()}`."
    )


@kept
def set_epoch(count: int, seed: int) -> None:
    """Two epochs of rank 0 of 2 without set_epoch, and with it."""
    sampler: DistributedSampler = DistributedSampler(Numbers(range(count)), num_replicas=2, rank=0, seed=seed)
    first, second = list(sampler), list(sampler)
    sampler.set_epoch(1)
    third = list(sampler)
    st.markdown(
        f"Rank 0 of 2, first six samples: epoch 0 {first[:6]}, epoch 1 {second[:6]} (**{'the same' if first == second else 'another'}"
        f"** order), and after `sampler.set_epoch(1)` {third[:6]}. It seeds each epoch with seed + epoch, and knows the epoch "
        "only from you: the ranks must agree on the order without speaking to each other."
    )


def data_questions(how: Loading, epochs: list[Batches]) -> list[Draw]:
    """On the loader on screen."""

    def count(draw: random.Random) -> Question:
        n, size, drop = draw.randint(5, 40), draw.randint(2, 9), draw.random() < 0.5
        found = len(DataLoader(Numbers(range(n)), size, drop_last=drop))
        return Question(
            f"{n} samples, batch_size={size}, drop_last={drop}: how many batches?", str(found),
            f"{n} / {size} rounded {'down' if drop else 'up'}.",
        )  # fmt: skip

    def unseen(draw: random.Random) -> Question:
        epoch = draw.randrange(len(epochs))
        seen = {i for index, _, _ in epochs[epoch] for i in index.tolist()}
        return Question(
            f"Look at the pictures: how many of the {how.count} samples does epoch {epoch} leave out?",
            str(how.count - len(seen)),
            "Those whose number is 0 in the row of the epoch: never drawn, or in a last batch that was dropped.",
        )

    def shape(_: random.Random) -> Question:
        size = how.count % how.batch_size or how.batch_size
        return Question(
            f"Without drop_last, what is the shape of the last batch's images, of {how.count} digits in batches of {how.batch_size}?",
            f"{size}, 28, 28",
            f"{how.count} mod {how.batch_size} are left, and the default collate stacks them along a new first dimension.",
        )

    return [count, unseen, shape]


def take_batches(how: Loading) -> TakeAway:
    """The epochs' indices by hand and by torch's DataLoader, as a script."""
    n, w = how.count, how.weights
    ours, theirs = {
        "shuffle=True": (f"shuffled({n}, g)", f"RandomSampler(range({n}), generator=g)"),
        "shuffle=False": (f"in_order({n})", f"SequentialSampler(range({n}))"),
        "RandomSampler, replacement": (f"put_back({n}, g)", f"RandomSampler(range({n}), True, generator=g)"),
        "WeightedRandomSampler": ("weighted(weights, g)", f"WeightedRandomSampler(weights.tolist(), {n}, generator=g)"),
    }[how.sampler]
    empty = "torch.zeros(0, dtype=torch.int64)"
    loader = (
        f"torch.utils.data.DataLoader(range({n}), {how.batch_size}, sampler=torch.utils.data.{theirs}, "
        f"drop_last={how.drop_last}, generator=g)"
    )
    script = Script(
        "Batches of a DataLoader", {"weights": w},
        (loading.epochs_of, loading.shuffled, loading.in_order, loading.put_back, loading.weighted),
        (
            f"epochs = epochs_of(lambda g: {ours}, {how.batch_size}, {how.drop_last}, {how.epochs}, {how.seed})",
            f"indices = torch.cat([{empty}, *(batch for epoch in epochs for batch in epoch)])",
        ),
        ("indices",),
        {
            "indices": f"(lambda g: (lambda loader: torch.cat([{empty}, *(batch for _ in range({how.epochs}) for batch in loader)]))"
            f"({loader}))(torch.Generator().manual_seed({how.seed}))"
        },
    )  # fmt: skip
    indices = torch.cat([torch.zeros(0, dtype=torch.int64), *(batch for epoch in by_hand(how) for batch in epoch)])
    return TakeAway(script, {"indices": indices})
