"""Other ways to hold a matrix than one storage and its strides: what is 0 left out, or rows of their own length."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from core.experiments.refusals import refusal, words_of

Kind = Literal["coo", "csr", "jagged"]
MOST_ROWS, MOST_COLUMNS = 6, 8  # of the matrix: what is longer is shown by its corner
EXAMPLE = torch.tensor([[0.0, 2, 0, 0, 1], [0, 0, 0, 0, 0], [3, 0, 0, 4, 0], [0, 0, 5, 0, 0]])


@dataclass(frozen=True)
class Held:
    """A matrix held in another way."""

    kind: Kind
    dense: Tensor  # (rows, columns)
    parts: Mapping[str, Tensor]  # by torch's names, the values last
    at: tuple[tuple[int, int], ...]  # the row and the column of each value
    bytes: int  # of all parts
    dense_bytes: int
    most: int  # values with which it still takes fewer bytes than the matrix; 0 where it never does
    stride: str  # what torch says when it is asked for the strides: the answer, or the refusal
    view: str  # what torch says to view(-1), in its first sentence

    @property
    def numel(self) -> int:
        """Numbers of the matrix."""
        return self.dense.numel()


def corner(x: Tensor | None) -> Tensor | None:
    """The first rows and columns of a matrix of numbers that are there; None of anything else."""
    if x is None or x.is_meta or x.ndim != 2 or x.is_complex() or x.numel() == 0:
        return None
    return x[:MOST_ROWS, :MOST_COLUMNS].clone(memory_format=torch.contiguous_format)


def thinned(x: Tensor, share: float) -> Tensor:
    """The matrix with this share of its numbers, always the same ones for one size, set to 0."""
    drawn = torch.randperm(x.numel(), generator=torch.Generator().manual_seed(0))[: round(share * x.numel())]
    return x.flatten().index_fill(0, drawn, 0).reshape(x.shape)


def held(dense: Tensor, kind: Kind) -> Held:
    """A matrix of at least one element as torch holds it in this way."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says once a process that these are not finished
        tensor = {"coo": Tensor.to_sparse_coo, "csr": Tensor.to_sparse_csr, "jagged": jagged}[kind](dense)
        parts = {name: getattr(tensor, name)() for name in PARTS[kind]}
        stride = refusal(tensor.stride) or str(tensor.stride())
        view = words_of(lambda: tensor.view(-1)).split(". ")[0]  # a long list of backends follows
    values = parts["values"]
    taken = sum(part.nbytes for part in parts.values())
    each = values.element_size() + 8 * INDICES[kind]
    fixed = taken - each * len(values)
    most = min(max((dense.nbytes - 1 - fixed) // each, 0), dense.numel())
    return Held(kind, dense, parts, places(kind, parts), taken, dense.nbytes, most, stride, view)


PARTS: Mapping[Kind, tuple[str, ...]] = {
    "coo": ("indices", "values"), "csr": ("crow_indices", "col_indices", "values"), "jagged": ("offsets", "values"),
}  # fmt: skip
INDICES: Mapping[Kind, int] = {"coo": 2, "csr": 1, "jagged": 0}  # of 8 bytes, beside each value


def jagged(dense: Tensor) -> Tensor:
    """The rows without the zeros at their ends, one behind the other."""
    rows = [row[: int(row.nonzero().max()) + 1 if row.any() else 0] for row in dense]
    return torch.nested.nested_tensor(rows, layout=torch.jagged)


def places(kind: Kind, parts: Mapping[str, Tensor]) -> tuple[tuple[int, int], ...]:
    """Row and column of each value, read from the parts alone."""
    if kind == "coo":
        return tuple((int(i), int(j)) for i, j in parts["indices"].T)
    pointers = parts["crow_indices" if kind == "csr" else "offsets"].tolist()
    rows = [i for i, (start, stop) in enumerate(pairwise(pointers)) for _ in range(stop - start)]
    if kind == "csr":
        return tuple(zip(rows, parts["col_indices"].tolist(), strict=True))
    return tuple((i, k - pointers[i]) for k, i in enumerate(rows))


@dataclass(frozen=True)
class Turned:
    """What a transpose of a CSR matrix is."""

    layout: str
    shares: bool  # whether its values lie in the same storage


def turned(dense: Tensor) -> Turned:
    """csr.t()."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        csr = dense.to_sparse_csr()
        other = csr.t()
    return Turned(str(other.layout).removeprefix("torch."), other.values().data_ptr() == csr.values().data_ptr())
