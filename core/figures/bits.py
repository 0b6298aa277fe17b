"""A number's bits as a row of cells, coloured by what they are: sign, exponent, fraction."""

import torch

from core.experiments.layout.bits import Bits
from core.figures.colour import Scale
from core.figures.heatmap import Picture
from core.words import _, say
from core.words.numbers import number

ROLES = Scale(["#F4C7B5", "#CDE3F5", "#DDEBD0"], 0.0, 2.0)  # sign, exponent, fraction
SIDE = 19


def row(found: Bits) -> Picture:
    """(1, bits): the sign's, the exponent's and the fraction's."""
    roles = [0] + [1] * found.exponent_bits + [2] * found.fraction_bits
    notes = [_("the sign: 1 is minus")] + [
        say("bit {at}, worth {worth}", at=len(found.worth) - place, worth=worth)
        for place, worth in enumerate(found.worth, start=1)
    ]
    title = f"{found.dtype}: {number(found.value, 9)}"
    return Picture(
        found.dtype, torch.tensor([roles], dtype=torch.float32), ROLES, title, texts=list(found.bits), notes=notes, side=SIDE,
    )  # fmt: skip
