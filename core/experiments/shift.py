"""What a shift of the input changes."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Change:
    """How far two tensors of one shape differ."""

    apart: Tensor  # after − before; 0 where both are the same infinity, or NaN
    cells: int  # how many of them differ
    relative: float  # ‖after − before‖ / ‖before‖ over the finite cells; 0 where nothing differs


def shifted(input: Tensor, down: int, across: int) -> Tensor:
    """The input (…, H, W) moved by whole cells; what leaves on one side comes in on the other."""
    return input.roll((down, across), (-2, -1))


def change(before: Tensor, after: Tensor) -> Change:
    """How far `after` differs from `before`."""
    same = (before == after) | (before.isnan() & after.isnan())
    apart = torch.where(same, torch.zeros_like(before), after - before)
    finite = before.isfinite() & after.isfinite()
    moved, whole = apart[finite].double().norm(), before[finite].double().norm()
    return Change(apart, int((apart != 0).sum()), (moved / whole).item() if moved else 0.0)
