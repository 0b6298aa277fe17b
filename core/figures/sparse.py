"""A matrix beside what it is held as: pointing at a value shows its cell, its column and its row's two pointers."""

from collections.abc import Sequence

import numpy as np
import torch

from core.experiments.layout.sparse import Held
from core.figures import colour
from core.figures.board import Relation
from core.figures.colour import Scale
from core.figures.heatmap import Picture
from core.words import _

PLACES = Scale(["#E7E2DA", "#E7E2DA"], 0.0, 1.0)  # of indices, whose size means nothing
SIDE = 26


def pictures(held: Held) -> tuple[Sequence[Picture], list[Relation]]:
    """The matrix, the parts by torch's names, and how their cells hang together."""
    scale, places = colour.signed(held.dense), np.array(held.at, dtype=int).reshape(-1, 2)
    muted = [at for at in np.ndindex(*held.dense.shape) if at not in set(held.at)]
    made = [Picture("dense", held.dense, scale, _("the matrix"), axes="i j", muted=muted, side=SIDE)]
    for name, part in held.parts.items():
        if name == "values":
            made.append(Picture(name, part[None], scale, name, axes="v k", side=SIDE))
        elif name in ("crow_indices", "offsets"):
            made.append(Picture(name, part[None], PLACES, name, axes="p r", side=SIDE))
        else:
            made.append(Picture(name, torch.atleast_2d(part), PLACES, name, axes="n k", side=SIDE))
    number = np.arange(len(places))[:, None]
    ties = [Relation("i j k", np.hstack([places, number]))]
    if held.kind != "coo":
        rows = np.arange(len(held.dense))
        ties.append(Relation("i r", np.array([*zip(rows, rows, strict=True), *zip(rows, rows + 1, strict=True)])))
    return made, ties
