"""The storages of a chain over time: a row a storage, a column a moment."""

import torch

from core.experiments.chain.holding import Holding
from core.figures import board
from core.figures.board import Panel
from core.figures.colour import magnitude
from core.figures.drawing import unchecked
from core.figures.heatmap import Outline, Picture
from core.figures.memory import letter
from core.figures.windowed import in_units
from core.words import N_, _, say

SIDE, NAMES = 58, 60  # pixels of a cell, and of the names beside the rows
ALIVE = N_("storage {name} has {bytes:,} bytes {when}")
DEAD = N_("storage {name} is not there {when}")
TOTAL = N_("{bytes:,} bytes in all {when}")
WHILE, AFTERWARDS = N_("while x{number} is made"), N_("once the chain is done")
TITLE = N_("bytes held while each step runs, and afterwards")


def over_time(found: Holding) -> Panel:
    """The bytes of each storage and of all at every moment; the peak is outlined."""
    storages = sorted({storage for moment in found.moments for storage in moment.alive})
    rows = [[moment.alive.get(storage) for moment in found.moments] for storage in storages]
    rows.append([moment.total for moment in found.moments])
    filled = torch.tensor([[value or 0 for value in row] for row in rows], dtype=torch.float64)
    whens = [say(WHILE, moment) if moment.code else _(AFTERWARDS) for moment in found.moments]
    notes = [
        say(TOTAL if r == len(storages) else ALIVE if value is not None else DEAD,
            name=letter(storages[min(r, len(storages) - 1)]), bytes=value, when=when)
        for r, row in enumerate(rows) for value, when in zip(row, whens, strict=True)
    ]  # fmt: skip
    peak = found.moments.index(found.peak)
    picture = Picture(
        "holding", filled, magnitude(filled), say(TITLE), axes="storage moment", notes=notes,
        texts=["" if value is None else in_units(value) for row in rows for value in row],
        muted=[(r, c) for r, row in enumerate(rows) for c, value in enumerate(row) if value is None],
        outlines=[Outline([(len(storages), peak)])],
    )  # fmt: skip
    made = board.with_row_names(board.panel(picture, SIDE), [*map(letter, storages), _("in all")], NAMES)
    drawn = made.figure.to_dict()
    columns = [f"x{moment.number}" if moment.code else _("after") for moment in found.moments]
    axis = drawn["layout"]["xaxis"] | {"tickvals": list(range(len(columns))), "ticktext": columns}
    return Panel("holding", unchecked(drawn["data"], drawn["layout"] | {"xaxis": axis}), made.alt, made.cells)
