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


def pool_output_size(
    size: int,
    kernel_size: int,
    stride: int | None = None,
    padding: int = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
) -> int:
    """Windows of a pooling along one axis: `output_size`, where the stride is the kernel size unless it is given.

    With `ceil_mode` the quotient is rounded up, and the last window dropped if it starts in the padding after
    the input: (windows − 1)·stride ≥ size + padding. Source: torch.nn.MaxPool2d's documentation.
    """
    stride = kernel_size if stride is None else stride
    extra = stride - 1 if ceil_mode else 0  # ⌈a / stride⌉ = ⌊(a + stride − 1) / stride⌋
    windows = output_size(size + extra, kernel_size, stride, padding, dilation)
    starts_in_padding = ceil_mode and (windows - 1) * stride >= size + padding
    return windows - 1 if starts_in_padding else windows


# ---- both axes -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Windows:
    """Where the windows of one call lie: pairs for rows and columns, checked."""

    input_size: Pair
    kernel_size: Pair
    stride: Pair
    padding: Pair  # before the input; behind it lies as much, or more where a window reaches farther
    dilation: Pair
    outputs: Pair

    @property
    def pads(self) -> Pads:
        """The cells around the input: its padding, and behind it as much more as a window reaches farther."""
        rows, cols = ((p, max(p, self._end(d) - self.input_size[d])) for d, p in enumerate(self.padding))
        return rows, cols

    def pad(self, input: Tensor, value: float) -> Tensor:
        """The input (…, H, W) with `value` around it."""
        (top, bottom), (left, right) = self.pads
        return torch.nn.functional.pad(input, (left, right, top, bottom), value=value)

    def of(self, padded: Tensor) -> Tensor:
        """Every window of the padded input (…, H', W') as a view: (…, output height, output width, kh, kw)."""
        for d in (0, 1):  # the axis is the last but one both times: unfold puts the cells of its windows last
            span = self.dilation[d] * (self.kernel_size[d] - 1) + 1
            padded = padded.unfold(-2, span, self.stride[d])[..., :: self.dilation[d]]
        return padded[..., : self.outputs[0], : self.outputs[1], :, :]

    def cells(self, device: torch.device) -> Tensor:
        """What `of` reads, as positions in the input's flattened H·W, padding as H·W: (height, width, kh, kw)."""
        height, width = self.input_size
        positions = torch.arange(height * width, device=device).view(height, width)
        return self.of(self.pad(positions, height * width))

    def fold(self, taps: Tensor) -> Tensor:
        """Each number of the windows, shaped as by `of`, added onto the input cell that it was read from: (…, H, W)."""
        height, width = self.input_size
        cells = self.cells(taps.device).flatten()
        numbers = taps.flatten(-4)  # (…, all cells of all windows); the padding's go to a cell behind the last
        plane = numbers.new_zeros(*numbers.shape[:-1], height * width + 1).index_add(-1, cells, numbers)
        return plane[..., :-1].unflatten(-1, (height, width))

    def all_hold_input(self) -> bool:
        """Whether each window holds a cell of the input: with dilation one can hold padding alone."""
        height, width = self.input_size
        inside = self.cells(torch.device("cpu")) < height * width
        return bool(inside.flatten(-2).any(-1).all())

    def _end(self, d: int) -> int:
        """The first position past the last window."""
        last = window(self.outputs[d] - 1, self.kernel_size[d], self.stride[d], self.padding[d], self.dilation[d])
        return last[-1] + 1
