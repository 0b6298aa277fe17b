"""The colour scales: one for signed values, one for magnitudes, one for identity; all safe for colour blindness.

All of them stay light: the numbers in the cells are written in one dark ink that keeps a contrast of at least
5 to 1 on every colour, on a light page and on a dark one. Scales shade one into the next, and so only help the eye:
what tells two cells apart is the number in them, its index, or what picking it says.
"""

from dataclasses import dataclass

import torch

INK = "#14171C"

# Blue for negative, orange for positive: the pair that all three kinds of colour blindness tell apart.
SIGNED = ["#5B9BD0", "#9CC3E4", "#D3E4F1", "#F7F5F1", "#FBDDBB", "#F5B775", "#E58E3A"]
# From paper to blue-green, darker all the way, so that it reads without its hue.
MAGNITUDE = ["#FFFCEB", "#E3F2CD", "#B4E0BC", "#78C8BC", "#3FA3C2"]
# From violet over green to cream: order shows in hue and in lightness.
IDENTITY = ["#8386D5", "#7FA8C5", "#5AC9B8", "#9ED59C", "#CEE678", "#FFFBD6"]
# Of the storages that copies fill, ordered like the one above and apart from it: rose, then ochre.
COPIED = ["#C67C9C", "#D98FA3", "#E8A3AA", "#F2B8B8", "#F8CED0", "#FDE6EC"]
COPIED_AGAIN = ["#B98A55", "#C99C5F", "#D8AE6C", "#E4C07F", "#EED39B", "#F7E7C4"]

PICKED = "#D6006C"  # outlines what the reader picked: on neither scale
USED = "#7A1FA2"  # outlines what the picked cell was made from, or is used for
EMPTY = "#C9CDD2"  # cells that are padding, or that a tensor does not read
MUTED = "#7D838C"  # lines around what is absent, on both pages; letters in it the page writes in a stronger grey


@dataclass(frozen=True)
class Scale:
    """A colour scale and the range of values it spans."""

    colours: list[str]
    low: float
    high: float


def _finite(*tensors: torch.Tensor) -> torch.Tensor:
    flat = torch.cat([t.detach().flatten().double() for t in tensors]) if tensors else torch.zeros(0)
    return flat[flat.isfinite()]


def signed(*tensors: torch.Tensor) -> Scale:
    """A diverging scale about 0 that holds all the given tensors."""
    values = _finite(*tensors)
    reach = values.abs().max().item() if values.numel() else 0.0
    return Scale(SIGNED, -(reach or 1.0), reach or 1.0)


def magnitude(*tensors: torch.Tensor) -> Scale:
    """A sequential scale from 0, for magnitudes and probabilities."""
    values = _finite(*tensors)
    reach = values.max().item() if values.numel() else 0.0
    return Scale(MAGNITUDE, 0.0, reach if reach > 0 else 1.0)


def identity(count: int) -> Scale:
    """A scale that tells `count` storage cells apart by their address."""
    return Scale(IDENTITY, 0.0, float(max(count - 1, 1)))
