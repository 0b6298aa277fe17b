"""What a board's links say of a cell, followed as `core/ui/assets/links.js` does, for tests without a browser."""

from itertools import product

import numpy as np

from core.figures.board import Board, Cells

Index = tuple[int, ...]


def axes_of(cells: Cells) -> list[str]:
    return cells.axes.split()


def indices(cells: Cells) -> list[Index]:
    """The index of every cell as the picture's axes count it."""
    origin = cells.origin or (0,) * len(cells.shape)
    return [tuple(i + o for i, o in zip(at, origin, strict=True)) for at in np.ndindex(*cells.shape)]


def partners(board: Board, name: str, index: Index, role: str = "used") -> dict[str, set[Index]]:
    """For each picture of the board the cells that light up when this one is pointed at."""
    pictures = {panel.name: panel.cells for panel in board.panels if panel.cells}
    letters = axes_of(pictures[name])
    factors = [(letters, {tuple(index)})]
    bound = {letter: {i} for letter, i in zip(letters, index, strict=True)}
    waiting = [relation for relation in board.relations if relation.role == role]
    while following := next((r for r in waiting if set(r.axes.split()) & set(bound)), None):
        waiting.remove(following)
        axes = following.axes.split()
        fitting = [row for row in following.rows.tolist() if agrees(axes, row, bound)]
        fresh = [letter for letter in axes if letter not in bound]
        tuples = {tuple(row[axes.index(letter)] for letter in fresh) for row in fitting}
        factors.append((fresh, tuples))
        bound |= {letter: {t[d] for t in tuples} for d, letter in enumerate(fresh)}
        if not fitting and not fresh:
            return {other: set() for other in pictures}
    return {other: {i for i in indices(cells) if lit(axes_of(cells), i, factors)} for other, cells in pictures.items()}


def agrees(axes: list[str], row: list[int], bound: dict[str, set[int]]) -> bool:
    return all(letter not in bound or i in bound[letter] for letter, i in zip(axes, row, strict=True))


def lit(axes: list[str], index: Index, factors: list[tuple[list[str], set[Index]]]) -> bool:
    """Whether a cell agrees with what is bound, and is tied to it at all."""
    at = dict(zip(axes, index, strict=True))
    tied = [(letters, tuples) for letters, tuples in factors if set(letters) & set(at)]
    fits = (
        any(all(at[letter] == i for letter, i in zip(letters, t, strict=True) if letter in at) for t in tuples)
        for letters, tuples in tied
    )
    return all(fits) if tied else not axes or not factors[0][0]


def products_of(board: Board, name: str, index: Index, others: list[str]) -> list[tuple[Index, ...]]:
    """The combinations of cells of other pictures over which a sentence's {sum:…} of this cell runs."""
    pictures = {panel.name: panel.cells for panel in board.panels if panel.cells}
    found = partners(board, name, index)
    return [
        cells for cells in product(*(sorted(found[other]) for other in others))
        if consistent([axes_of(pictures[other]) for other in others], cells)
    ]  # fmt: skip


def consistent(axes: list[list[str]], cells: tuple[Index, ...]) -> bool:
    at: dict[str, int] = {}
    return all(
        at.setdefault(letter, i) == i
        for letters, index in zip(axes, cells, strict=True)
        for letter, i in zip(letters, index, strict=True)
    )
