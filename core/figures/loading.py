"""Pictures of loading: which sample lands in which batch, who loads it when, and what the workers draw."""

from collections.abc import Sequence

import numpy as np
import torch

from core.experiments import loading
from core.experiments.loading import Batch, Loaded, Loading, Slot, Workers
from core.experiments.worker_seeds import BELOW, Drawn
from core.figures import board, colour
from core.figures.board import Cells, Panel, Relation, with_row_names
from core.figures.gallery import panel
from core.figures.heatmap import Outline, Picture
from core.figures.lanes import Busy, boxes, lanes
from core.words import N_, _, say
from core.words.numbers import number

ROOM, TALLEST = 560, 240  # pixels for the epochs' cells
SEED_CELL, SEED_MARGIN = 24, 46  # pixels
Place = tuple[int, int]  # epoch, batch


def epochs(loaded: Loaded, picked: Place, projector: bool = False) -> list[Picture]:
    """The epochs, a batch a row, the samples' indices in the cells, the picked batch outlined."""
    most = 19 if projector else 28  # which a projector enlarges; the counts below have to stay on its screen
    side = min(most, ROOM // (len(loaded.epochs) * (loaded.how.batch_size + 1)), TALLEST // max(loaded.longest, 1))
    return [_epoch(e, epoch, loaded, picked, max(side, 9)) for e, epoch in enumerate(loaded.epochs)]


def _epoch(e: int, batches: Sequence[Batch], loaded: Loaded, picked: Place, side: int) -> Picture:
    table = torch.full((max(len(batches), 1), loaded.how.batch_size), -1.0)
    notes = [[_("No sample: the batch is not full.")] * loaded.how.batch_size for _row in table]
    for b, batch in enumerate(batches):
        table[b, : len(batch.index)] = batch.index.float()
        for p, (i, label) in enumerate(zip(batch.index.tolist(), batch.labels.tolist(), strict=True)):
            notes[b][p] = say(
                "**Sample {i}**, a {label}, stands at place {p} of batch {b} in epoch {e}.",
                i=i,
                label=label,
                p=p,
                b=b,
                e=e,
            )
    outlined = [(picked[1], p) for p in range(len(batches[picked[1]].index))] if picked[0] == e and batches else []
    return Picture(
        f"epoch {e}", table, colour.identity(loaded.count), say("epoch {e}: a batch a row", e=e), [Outline(outlined)],
        texts=["" if value < 0 else f"{value:g}" for value in table.flatten().tolist()],
        muted=[tuple(cell) for cell in (table < 0).nonzero().tolist()], side=side,
        picks=[f"{e}, {b}" for b in range(len(table)) for _place in range(loaded.how.batch_size)],
        axes=f"b{e} p{e}", notes=[note for row in notes for note in row],
    )  # fmt: skip


def same_sample(loaded: Loaded, picked: Place) -> list[Relation]:
    """Everywhere a cell stands for a sample ("i"): in the epochs' tables, and in the images of the picked batch."""
    links = []
    for e, batches in enumerate(loaded.epochs):
        rows = [(b, p, i) for b, batch in enumerate(batches) for p, i in enumerate(batch.index.tolist())]
        links += [Relation(f"b{e} p{e} i", np.array(rows))] if rows else []
    tiles = list(enumerate(loaded.epochs[picked[0]][picked[1]].index.tolist()))
    return [*links, Relation("tile i", np.array(tiles))]


def images(loaded: Loaded, picked: Place) -> Panel:
    """The images of the picked batch."""
    batch = loaded.epochs[picked[0]][picked[1]]
    says = [
        say("sample {i}: a {label}", i=i, label=label)
        for i, label in zip(batch.index.tolist(), batch.labels.tolist(), strict=True)
    ]
    title = say("epoch {e}, batch {b}", e=picked[0], b=picked[1])
    return panel("images", batch.images, says, across=4, pixel=1.6, title=title)


def weights(how: Loading) -> Picture:
    """The weight of each sample."""
    side = min(26, 850 // how.count)
    return Picture("weights", how.weights, colour.magnitude(how.weights), _("weights, one a sample"), side=side)


OFTEN = N_(
    (
        "**Sample {i}** comes never in epoch {e}.", "**Sample {i}** comes once in epoch {e}.",
        "**Sample {i}** comes {n} times in epoch {e}.",
    )
)  # fmt: skip


def times(loaded: Loaded, projector: bool = False) -> Picture:
    """How often each sample came, an epoch a row; a pin picks the first batch that has it."""
    drawn = loading.times_drawn([[batch.index for batch in epoch] for epoch in loaded.epochs], loaded.count)
    cells = [(e, i) for e in range(len(loaded.epochs)) for i in range(loaded.count)]
    return Picture(
        "times", drawn, colour.magnitude(drawn), "how often each sample comes, an epoch a row",
        side=min(18 if projector else 26, 850 // loaded.count), axes="e i",
        picks=[_first_batch(loaded.epochs[e], e, i) for e, i in cells],
        notes=[say(OFTEN[min(n, 2)], i=i, n=n, e=e)
               for (e, i), n in zip(cells, drawn.flatten().int().tolist(), strict=True)],
    )  # fmt: skip


def _first_batch(batches: Sequence[Batch], e: int, sample: int) -> str:
    """The first batch of an epoch that has the sample, as the control names it; empty where none has it."""
    return next((f"{e}, {b}" for b, batch in enumerate(batches) if sample in batch.index.tolist()), "")


# ---- workers ---------------------------------------------------------------------------------------------------


def in_time(workers: Workers) -> Panel:
    """The batches in time: who loads them, and when they are trained on."""
    names = ["training", *(f"worker {w}" for w in range(workers.workers))]
    work = [Busy(_lane(slot), *slot.load, f"load {slot.batch}", slot.batch) for slot in workers.slots]
    work += [Busy("training", *slot.train, f"train {slot.batch}", slot.batch) for slot in workers.slots]
    says = [f"`{piece.text}`: by {piece.lane}, from {number(piece.start)} to {number(piece.end)} ms." for piece in work]
    figure = lanes(names, work, "ms", title=_("Epoch 0 in time: the batches by their numbers"), width=880)
    cells = Cells("what batch", (2, len(workers.slots)), texts=says, boxes=boxes(names, work), group="batch")
    alt = say(
        "{count} batches, num_workers={workers}: {total} ms an epoch, the training waits for {idle:.0%} of it; {alone} ms without workers",
        count=len(workers.slots),
        workers=workers.workers,
        total=number(workers.total),
        idle=workers.idle,
        alone=number(workers.alone),
    )
    return Panel("lanes", figure, alt, cells, stretch=880)


def _lane(slot: Slot) -> str:
    return "training" if slot.worker is None else f"worker {slot.worker}"


def seeds(drawn: Drawn, title: str) -> Panel:
    """The numbers that one source gave, a row for each worker of each epoch; equal numbers have one colour."""
    table = torch.tensor(drawn.numbers, dtype=torch.float32)
    notes = [
        say("Worker {worker} draws **{n}** as its number {i} in epoch {epoch}; ", worker=worker, n=n, i=i, epoch=epoch)
        + _elsewhere(drawn, row)
        for row, (epoch, worker) in enumerate(drawn.rows)
        for i, n in enumerate(drawn.numbers[row])
    ]  # fmt: skip
    picture = Picture(
        drawn.source, table, colour.identity(BELOW), title, texts=[f"{n:g}" for n in table.flatten().tolist()],
        axes="row i", notes=notes,
    )  # fmt: skip
    return with_row_names(board.panel(picture, SEED_CELL), [f"e{e} w{w}" for e, w in drawn.rows], SEED_MARGIN)


def _elsewhere(drawn: Drawn, row: int) -> str:
    """In which other rows the same numbers stand."""
    same = [at for k, at in enumerate(drawn.rows) if k != row and drawn.numbers[k] == drawn.numbers[row]]
    if not same:
        return _("no other row has this row's numbers.")
    return _("the whole row stands again at ") + ", ".join(f"epoch {e} worker {w}" for e, w in same) + "."
