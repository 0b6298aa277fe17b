"""A pooling and how it comes about: what each window holds, which of its cells wins, what an average divides by."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.experiments.windows import LARGEST_WITH_NUMBERS, Index, read_by, reads, using
from core.ops import pooling as ops
from core.ops.kit.windows import Windows
from core.ops.operator import Call

MAX_SETTINGS = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
AVERAGE_SETTINGS = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")
KINDS = ("max", "average")


@dataclass(frozen=True)
class Pool:
    """One kind of pooling of one channel, and how its result came about."""

    kind: str  # of KINDS
    output: Tensor  # (h, w)
    windows: Windows
    winners: Tensor | None  # (h, w), of a maximum: each window's winner as a position in the flattened H·W
    divisors: Tensor | None  # (h, w), of an average

    def winner(self, cell: Index, width: int) -> Index:
        """The input cell (y, x) that is the maximum of this output's window; `width` is the input's."""
        assert self.winners is not None
        return divmod(int(self.winners[cell]), width)

    def holds(self, cell: Index) -> bool:
        """Whether the output has this cell."""
        return all(i < n for i, n in zip(cell, self.output.shape, strict=True))


@dataclass(frozen=True)
class Run:
    """Both poolings of one channel."""

    x: Tensor  # (H, W)
    settings: dict[str, Any]  # of both; dilation is of the maximum alone, count_include_pad of the average
    max: Pool
    average: Pool

    @property
    def pools(self) -> tuple[Pool, Pool]:
        """Both, the maximum first."""
        return self.max, self.average

    @property
    def as_image(self) -> bool:
        """Whether the input is too large for numbers in its cells."""
        return max(self.x.shape) > LARGEST_WITH_NUMBERS

    def call(self, kind: str) -> Call:
        """The arguments of max_pool2d or avg_pool2d, with one channel."""
        return Call((self.x[None],), settings_of(kind, self.settings))

    @property
    def largest(self) -> tuple[int, int]:
        """Rows and columns that hold the cells of both outputs."""
        down, across = (max(self.max.output.shape[d], self.average.output.shape[d]) for d in (0, 1))
        return down, across


def settings_of(kind: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Of all settings those that this kind of pooling has."""
    return {name: settings[name] for name in (MAX_SETTINGS if kind == "max" else AVERAGE_SETTINGS)}


PADDING_ALONE = (
    "dilation makes a window that holds padding alone. torch takes it, gives −inf and an index outside the input, and "
    "its backward then writes outside the tensor: the process may end. Lower dilation or padding, or raise the size."
)


def pool(x: Tensor, settings: dict[str, Any]) -> Run:
    """Run both poolings on one channel (H, W) and keep their steps. RuntimeError where the settings don't fit."""
    given = settings_of("max", settings)
    wide, close = ops.windows_of(x[None], **given), ops.windows_of(x[None], **(given | {"dilation": 1}))
    if not wide.all_hold_input():
        raise RuntimeError(PADDING_ALONE)
    highest = ops.max_pool2d_steps(x[None], wide)
    mean = ops.avg_pool2d_steps(x[None], close, settings["count_include_pad"])
    winners = ops.winners(highest.padded, wide)[0]
    divisors = torch.as_tensor(mean.divisor).expand(close.outputs)
    return Run(
        x,
        settings,
        Pool("max", highest.output[0], wide, winners, None),
        Pool("average", mean.output[0], close, None, divisors),
    )


def nearest(x: Tensor, settings: dict[str, Any]) -> Run:
    """The run with the settings that go with any input and kernel: half a kernel of padding, no dilation."""
    return pool(x, settings | {"padding": settings["kernel_size"] // 2, "dilation": 1, "ceil_mode": False})


def apply(kind: str, x: Tensor, settings: dict[str, Any]) -> Tensor:
    """The pooling of one channel (H, W) → (h, w)."""
    output = (ops.max_pool2d if kind == "max" else ops.avg_pool2d)(x[None], **settings_of(kind, settings))
    assert isinstance(output, Tensor)
    return output[0]


def gradient(kind: str, run: Run, arriving: Tensor) -> Tensor:
    """What comes to the input (H, W) where `arriving` (h, w) comes to the output."""
    leaf = run.x.clone().requires_grad_()
    (grad,) = torch.autograd.grad(apply(kind, leaf, run.settings), leaf, arriving)
    return grad


# ---- what its cells hold and win ---------------------------------------------------------------------------------


def apart(run: Run) -> bool:
    """Whether the windows of the two differ: avg_pool2d has no dilation."""
    return bool(run.settings["dilation"] > 1)


def winners(run: Run) -> np.ndarray:
    """Each output of the maximum (y, x) with the input (y, x) that won it: (n, 4)."""
    assert run.max.winners is not None
    rows, columns = np.indices(run.max.output.shape).reshape(2, -1)
    return np.stack([rows, columns, *np.divmod(run.max.winners.flatten().numpy(), run.x.shape[1])], 1)


def ties(run: Run) -> np.ndarray:
    """How often each window's maximum occurs in it: (h, w)."""
    windows = run.max.windows
    lowest = np.pad(run.x.numpy(), windows.pads, constant_values=-np.inf)
    rows, columns = (
        reads(windows, axis)[:, 1].reshape(-1, windows.kernel_size[axis]) + windows.pads[axis][0] for axis in (0, 1)
    )
    held = lowest[rows[:, None, :, None], columns[None, :, None, :]]  # (h, w, kh, kw)
    return (held == run.max.output.numpy()[..., None, None]).sum((2, 3))


def inside(run: Run) -> np.ndarray:
    """How many cells of the input each window of the average holds: (h, w)."""
    windows = run.average.windows
    counts = []
    for axis, size in enumerate(run.x.shape):
        output, cell = reads(windows, axis).T
        counts.append(np.bincount(output[(cell >= 0) & (cell < size)], minlength=windows.outputs[axis]))
    return np.outer(*counts)


def won_by(run: Run, pool: Pool, at: Index) -> list[Index]:
    """The outputs whose maximum is this input cell."""
    if pool.winners is None:
        return []
    return [cell for cell in using(pool.windows, at) if pool.winner(cell, run.x.shape[1]) == at]


def window_cells(run: Run, pool: Pool, out: Index) -> list[Index]:
    """The input cells (y, x) of an output's window, its padding left out."""
    (top, _), (left, _) = pool.windows.pads
    cells = [(y - top, x - left) for y, x in read_by(pool.windows, out)]
    return [cell for cell in cells if all(0 <= i < n for i, n in zip(cell, run.x.shape, strict=True))]
