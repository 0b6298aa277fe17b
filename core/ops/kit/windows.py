"""Windows that slide over an input, for convolution and pooling: how many, where, and the cells of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.ops.kit.checks import check_integer

Ints = int | Sequence[int]
Pair = tuple[int, int]
Pads = tuple[Pair, Pair]  # ((top, bottom), (left, right))


def pair(value: Any, name: str) -> Pair:
    """A setting for rows and columns: one int, or a tuple or list of one or two. TypeError, RuntimeError."""
    if not isinstance(value, (tuple, list)):
        value = (value,)
    if len(value) not in (1, 2):
        raise RuntimeError(f"{name} must be one int or a tuple of two, but has {len(value)} numbers: {value}")
    first, *_, last = (check_integer(number, name) for number in value * (3 - len(value)))
    return first, last


# ---- one axis: which cells a window meets ----------------------------------------------------------------------


def output_size(size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Windows that fit along one axis: ⌊(size + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1.

    Zero or negative where the kernel is larger than the padded input. Source: torch.nn.Conv2d's documentation.
    """
    return (size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1


def window(output_index: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> range:
    """Input positions along one axis that an output cell is made of; below 0 or past the end they are padding.

    `padding` is the padding before the first cell. The window of a cell (y, x) is the product of both axes'.
    """
    start = output_index * stride - padding
    return range(start, start + kernel_size * dilation, dilation)


def outputs_using(
    input_index: int, outputs: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> list[int]:
    """Output positions along one axis, of `outputs` in all, whose window holds the input position."""
    return [o for o in range(outputs) if input_index in window(o, kernel_size, stride, padding, dilation)]


def same_padding(kernel_size: int, dilation: int = 1) -> Pair:
    """Zeros before and after one axis so that stride 1 keeps its size; an odd total puts the extra one after."""
    total = dilation * (kernel_size - 1)
    return total // 2, total - total // 2


def tap_slices(outputs: int, kernel_size: int, stride: int = 1, dilation: int = 1) -> list[slice]:
    """For each kernel position along one axis, the padded cells that it meets, one for each output."""
    span = (outputs - 1) * stride + 1 if outputs else 0
    return [slice(k * dilation, k * dilation + span, stride) for k in range(kernel_size)]


# ---- both axes -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Windows:
    """Where the windows of one call lie: pairs for rows and columns, checked."""

    input_size: Pair
    kernel_size: Pair
    stride: Pair
    padding: Pair
    dilation: Pair
    outputs: Pair

    @property
    def taps(self) -> tuple[list[slice], list[slice]]:
        """For each kernel row, the padded rows it meets, one an output row; for each kernel column likewise."""
        rows, cols = (
            tap_slices(self.outputs[d], self.kernel_size[d], self.stride[d], self.dilation[d]) for d in (0, 1)
        )
        return rows, cols

    def pad(self, input: Tensor, value: float) -> Tensor:
        """The input with `value` around it, as far as the windows reach."""
        top, left = self.padding
        bottom, right = (max(0, self._end(d) - self.input_size[d]) for d in (0, 1))
        if not any((top, left, bottom, right)):
            return input
        return torch.nn.functional.pad(input, (left, right, top, bottom), value=value)

    def of(self, padded: Tensor) -> Tensor:
        """Every window of the padded input (…, H, W) as a view: (…, output height, output width, kh, kw)."""
        for d in (0, 1):  # the axis is the last but one both times: unfold puts the cells of its windows last
            span = self.dilation[d] * (self.kernel_size[d] - 1) + 1
            padded = padded.unfold(-2, span, self.stride[d])[..., :: self.dilation[d]]
        return padded[..., : self.outputs[0], : self.outputs[1], :, :]

    def _end(self, d: int) -> int:
        """The first position past the last window."""
        last = window(self.outputs[d] - 1, self.kernel_size[d], self.stride[d], self.padding[d], self.dilation[d])
        return last[-1] + 1

    def positions(self, d: int, device: torch.device) -> Tensor:
        """Input positions along axis `d` that each kernel position meets: (kernel size, outputs)."""
        starts = torch.arange(self.outputs[d], device=device) * self.stride[d] - self.padding[d]
        return torch.arange(self.kernel_size[d], device=device)[:, None] * self.dilation[d] + starts

    def all_hold_input(self) -> bool:
        """Whether each window holds a cell of the input: with dilation one can hold padding alone."""
        positions = (self.positions(d, torch.device("cpu")) for d in (0, 1))
        inside = [(cells >= 0) & (cells < size) for cells, size in zip(positions, self.input_size, strict=True)]
        return all(bool(cells.any(0).all()) for cells in inside)
