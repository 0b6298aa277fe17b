"""Where the elements of a tensor are drawn, and how large their cells are.

A tensor of rank 3 or more is laid out as small multiples on one pair of axes: leading indices become a grid of
matrices with a gap between them.
"""

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

Index = tuple[int, ...]

MARGIN_LEFT, MARGIN_TOP, MARGIN_RIGHT, MARGIN_BOTTOM = 24, 46, 4, 8
LEADING_LABEL = 16  # pixels for the label over the first matrix of a tensor of rank 3 or 4
LARGEST_CELL, SMALLEST_CELL = 48, 7
PROJECTED = 1.4  # how much larger cells are on a projector
SIGN_WIDTH = 42  # pixels between two pictures for the sign, its gaps included
GAP = 1  # cells between two matrices of one tensor; the upper one's label stands in it


@dataclass(frozen=True)
class Montage:
    """Where each element of a tensor is drawn: (..., row, column) on one grid of cells.

    The last leading dimension runs down, all those before it run across. `across` puts the matrices in lines instead,
    so many in each, or all in one if True.
    """

    shape: tuple[int, ...]
    across: bool | int = False
    gap: int = GAP  # cells between two matrices

    @property
    def matrix(self) -> tuple[int, int]:
        """Rows and columns of one matrix."""
        rows = self.shape[-2] if len(self.shape) >= 2 else 1
        columns = self.shape[-1] if len(self.shape) >= 1 else 1
        return rows, columns

    @property
    def grid(self) -> tuple[int, int]:
        """How many matrices stand below each other and side by side."""
        matrices = math.prod(self.shape[:-2])
        if self.across is True or len(self.shape) < 3:
            return 1, matrices
        if self.across:
            return -(-matrices // self.across), min(self.across, matrices)
        return self.shape[-3], math.prod(self.shape[:-3])

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of the whole picture, gaps included."""
        (rows, columns), (down, across) = self.matrix, self.grid
        return max(down * (rows + self.gap) - self.gap, 0), max(across * (columns + self.gap) - self.gap, 0)

    @functools.cached_property
    def corners(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the first cells of all matrices, in the order of the elements."""
        (rows, columns), (down, across), matrix = self.matrix, self.grid, np.arange(math.prod(self.shape[:-2]))
        if self.across:
            row, column = np.divmod(matrix, max(across, 1))
        else:
            column, row = np.divmod(matrix, max(down, 1))
        return row * (rows + self.gap), column * (columns + self.gap)

    def corner(self, leading: Index) -> tuple[int, int]:
        """Row and column of the first cell of the matrix with these leading indices."""
        matrix = 0
        for i, size in zip(leading, self.shape, strict=False):
            matrix = matrix * size + i
        return int(self.corners[0][matrix]), int(self.corners[1][matrix])

    def place(self, index: Index) -> tuple[int, int]:
        """Row and column of the cell that draws the element at `index`."""
        top, left = self.corner(index[:-2])
        row = index[-2] if len(index) >= 2 else 0
        column = index[-1] if index else 0
        return top + row, left + column

    @functools.cached_property
    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the cells that draw all elements, in the order of the elements."""
        (rows, columns), (top, left) = self.matrix, self.corners
        row, column = np.broadcast_arrays(
            top[:, None, None] + np.arange(rows)[:, None], left[:, None, None] + np.arange(columns)
        )
        return row.ravel(), column.ravel()

    def leading_indices(self) -> Iterable[Index]:
        """The leading indices of all matrices: `()` for rank 2 and below."""
        return product(*(range(size) for size in self.shape[:-2]))


def cell_size(
    shapes: Iterable[Sequence[int] | Montage], width: int = 890, height: int = 400, largest: int = LARGEST_CELL
) -> int:  # fmt: skip
    """The side of a square cell, in pixels, with which tensors of these shapes fit side by side."""
    montages = [shape if isinstance(shape, Montage) else Montage(tuple(shape)) for shape in shapes]
    across = sum(m.cells[1] for m in montages)
    down = max(m.cells[0] for m in montages)
    free = width - len(montages) * (MARGIN_LEFT + MARGIN_RIGHT) - (len(montages) - 1) * SIGN_WIDTH
    top = MARGIN_TOP + LEADING_LABEL * any(len(m.shape) > 2 for m in montages)
    side = min(free / max(across, 1), (height - top - MARGIN_BOTTOM) / max(down, 1))
    return int(min(max(side, SMALLEST_CELL), largest))
