"""A product's dimensions by their letters: what row meets what column, and where a dimension of size 1 is read again.

    matmul  A "b i k" · B "b k j" = C "b i j"        mul  A "i j" ⊙ B "i j" = C "i j"

Equal letters are equal indices on a board. A dimension of size 1 that is broadcast belongs to every index of its
letter: it gets a letter of its own, tied to all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np
from torch import Tensor

from core.figures.board import Relation

Letters = tuple[str, ...]
Shape = Sequence[int]
BATCHES = ("b3", "b2", "b")  # of the dimensions ahead of two matrices, from the right


@dataclass(frozen=True)
class Operand:
    """A tensor's name, the letters of its dimensions, and their sizes."""

    name: str
    letters: Letters
    shape: tuple[int, ...]


def letters_of(operation: str, equation: str, left: int, right: int) -> tuple[Letters, Letters, Letters]:
    """The letters of A, B and C for A and B of these ranks: einsum's are its equation's."""
    if operation == "einsum":
        left_named, right_named, output = equation.replace("->", ",").split(",")
        return tuple(left_named), tuple(right_named), tuple(output)
    if operation == "mul":
        names = (*BATCHES, "i", "j")
        return tuple(names[len(names) - n :] for n in (left, right, max(left, right)))  # type: ignore[return-value]
    rows, columns = ("i",) if left > 1 else (), ("j",) if right > 1 else ()
    first, second = _batches(left), _batches(right)
    return (*first, *rows, "k"), (*second, "k", *columns), (*max(first, second, key=len), *rows, *columns)


def _batches(rank: int) -> Letters:
    return BATCHES[len(BATCHES) - max(rank - 2, 0) :]


def linked(*operands: Operand) -> tuple[list[Operand], list[Relation]]:
    """The operands with letters of their own where they are broadcast, and the relations that tie these."""
    sizes = {letter: max(s for o in operands for n, s in zip(o.letters, o.shape, strict=True) if n == letter)
             for o in operands for letter in o.letters}  # fmt: skip
    named, ties = [], []
    for operand in operands:
        repeated = [s == 1 < sizes[n] for n, s in zip(operand.letters, operand.shape, strict=True)]
        own = tuple(f"{operand.name}.{n}" if r else n for n, r in zip(operand.letters, repeated, strict=True))
        named.append(replace(operand, letters=own))
        ties += [
            Relation(f"{mine} {n}", np.array([[0, i] for i in range(sizes[n])]))
            for mine, n, r in zip(own, operand.letters, repeated, strict=True)
            if r
        ]
    return named, ties + _crossed(named)


def _crossed(operands: Sequence[Operand]) -> list[Relation]:
    """Tensors without a letter in common still meet, each cell of the one all of the other: an outer product does."""
    strangers = [
        (one, other)
        for one, other in combinations(operands, 2)
        if one.letters and other.letters and not set(one.letters) & set(other.letters)
    ]
    return [
        Relation(f"{one.letters[0]} {other.letters[0]}", np.argwhere(np.ones((one.shape[0], other.shape[0]))))
        for one, other in strangers
    ]


def terms_of(A: Tensor, B: Tensor, letters: tuple[Letters, Letters, Letters], cell: Shape) -> list[tuple[float, float]]:
    """The pairs of numbers of A and B whose products add up to this cell of C."""
    first, second, output = letters
    every = (*output, *dict.fromkeys(n for n in (*first, *second) if n not in output))
    both = [_spread(x, named, every) for x, named in ((A, first), (B, second))]
    picked = [x[tuple(cell)].flatten().tolist() for x in np.broadcast_arrays(*both)]
    return list(zip(*picked, strict=True))


def _spread(x: Tensor, letters: Letters, every: Letters) -> np.ndarray:
    """A tensor with a dimension for every letter, of size 1 where it has none."""
    ordered = x.permute(*(letters.index(n) for n in every if n in letters)).numpy(force=True)
    return np.expand_dims(ordered, tuple(d for d, n in enumerate(every) if n not in letters))


def goes_into(operand: Operand, output: Operand) -> list[str]:
    """For each cell of an operand the first cell of the output that it goes into, as a pin says it."""
    at = {letter: d for d, letter in enumerate(operand.letters)}
    return [
        ", ".join(str(index[at[letter]] if letter in at else 0) for letter in output.letters)
        for index in product(*map(range, operand.shape))
    ]
