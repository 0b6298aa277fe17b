"""Where windows lie: which cells each of them reads, and which of them read a cell."""

from collections.abc import Sequence
from itertools import product

import numpy as np

from core.ops.kit.windows import Pads, Windows, outputs_using, window

Index = tuple[int, ...]

LARGEST_WITH_NUMBERS = 16  # cells along a side; a larger input is shown as an image


def read_by(windows: Windows, output: Index) -> list[Index]:
    """Cells of the padded input that the output cell (y, x) is made of, in the kernel's reading order."""
    settings = zip(output, windows.kernel_size, windows.stride, windows.dilation, strict=True)
    return list(product(*(window(o, k, s, 0, d) for o, k, s, d in settings)))


def using(windows: Windows, cell: Index) -> list[Index]:
    """Output cells whose windows hold the input cell (y, x), the input counted without its padding."""
    settings = zip(
        cell, windows.outputs, windows.kernel_size, windows.stride, windows.padding, windows.dilation, strict=True
    )
    return list(product(*(outputs_using(*along) for along in settings)))


def taps(windows: Windows, axis: int) -> np.ndarray:
    """(output, tap, input) positions that meet along one axis, the input counted without its padding: (n, 3)."""
    output, tap = (n.ravel() for n in np.mgrid[: windows.outputs[axis], : windows.kernel_size[axis]])
    cell = output * windows.stride[axis] + tap * windows.dilation[axis] - windows.padding[axis]
    return np.stack([output, tap, cell], 1)


def reads(windows: Windows, axis: int) -> np.ndarray:
    """(output, input) positions that meet along one axis: (n, 2)."""
    return taps(windows, axis)[:, [0, 2]]


def padding_cells(shape: Sequence[int], pads: Pads) -> list[Index]:
    """The indices of a padded tensor (…, H, W) that are there only by padding."""
    (top, bottom), (left, right) = pads
    *_, height, width = shape
    return [
        index
        for index in product(*map(range, shape))
        if not (top <= index[-2] < height - bottom and left <= index[-1] < width - right)
    ]
