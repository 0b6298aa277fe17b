"""What gather reads and scatter writes, cell by cell, and what is believed of them."""

import itertools
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from core.experiments.refusals import words_of
from core.ops.gather import gather, scatter, source_of
from core.ops.losses import nll_loss
from core.ops.operator import Call
from core.ops.softmax import log_softmax

Place = tuple[int, ...]
Way = Literal["gather", "scatter"]
TUTORIAL, LOSS, SORT = "tutorial", "loss", "sort"
TUTORIALS_INPUT, TUTORIALS_INDEX = torch.arange(1.0, 16).reshape(3, 5), torch.tensor([[0, 2], [3, 4], [1, 4]])


def example_input(preset: str, seed: int) -> Tensor:
    """The tutorial's matrix, log-probabilities of four samples, or four rows to be sorted."""
    if preset == TUTORIAL:
        return TUTORIALS_INPUT
    scores = torch.randn(4, 5, generator=torch.Generator().manual_seed(seed)).round(decimals=1)
    return log_softmax(scores, 1) if preset == LOSS else scores


def example_index(preset: str, input: Tensor, dim: int, seed: int) -> Tensor:
    """An index of the preset's kind that fits this input along dim; the tutorial's own wherever that fits."""
    if preset == SORT:
        return torch.sort(input, dim=dim, descending=True, stable=True).indices
    if preset == TUTORIAL and misfit(input, dim, TUTORIALS_INDEX) is None:
        return TUTORIALS_INDEX
    shape = list(input.shape)
    shape[dim] = 1 if preset == LOSS else 2
    return torch.randint(input.shape[dim], shape, generator=torch.Generator().manual_seed(seed))


# ---- the run on screen -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One gather or scatter, and for each place of index the cell that it names."""

    way: Way
    input: Tensor
    dim: int
    index: Tensor
    src: Tensor | None  # what scatter writes
    output: Tensor
    places: list[Place]  # of index, in reading order
    cells: list[Place]  # the cell of input (gather) or of the output (scatter) that each place names
    reads: Tensor  # how often index names each cell: gather's gradient, where every output gets 1

    @property
    def call(self) -> Call:
        """The arguments of the operation."""
        return Call((self.input, self.dim, self.index, *([] if self.src is None else [self.src])))

    def naming(self, cell: Place) -> list[Place]:
        """The places of index that name this cell."""
        return [place for place, named in zip(self.places, self.cells, strict=True) if named == cell]


def run(way: Way, input: Tensor, dim: int, index: Tensor) -> Run:
    """Gather, or scatter numbers that tell where they came from. Raises what the operation raises."""
    src = source(input, index) if way == "scatter" else None
    output = gather(input, dim, index) if src is None else scatter(input, dim, index, src)
    places = list(itertools.product(*map(range, index.shape)))
    cells = [source_of(index, dim, place) for place in places]
    ones = torch.ones(index.shape)
    reads = scatter(torch.zeros(input.shape), dim, index, ones, reduce="add")
    return Run(way, input, dim, index, src, output, places, cells, reads)


def source(input: Tensor, index: Tensor) -> Tensor:
    """What scatter writes: 100, 101, … in input's dtype, or 1, 2, … where that ends too soon."""
    exact = {torch.bool: 1, torch.int8: 127, torch.uint8: 255, torch.bfloat16: 256}.get(input.dtype, 2048)
    first = 100 if 100 + index.numel() <= exact else 1
    return torch.arange(first, first + index.numel()).reshape(index.shape).to(input.dtype)


def staying(run: Run) -> list[Place]:
    """The places of index whose number of src stays, where several are written to one cell."""
    assert run.src is not None
    return [place for place, cell in zip(run.places, run.cells, strict=True) if run.output[cell] == run.src[place]]


# ---- refusals --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Misfit:
    """Why an index does not fit an input, and one near it that does."""

    kind: Literal["dtype", "rank", "size", "range"]
    dtype: torch.dtype
    index_shape: tuple[int, ...]
    input_shape: tuple[int, ...]
    rank: int  # of the input
    dim: int
    places: int  # of input along dim
    last: int
    wrong: float  # the first number of index that is no place, where that is why
    mended: Tensor


def misfit(input: Tensor, dim: int, index: Tensor) -> Misfit | None:
    """What keeps torch from taking this index; None where nothing does."""
    if index.dtype not in (torch.int64, torch.int32):
        kind: Literal["dtype", "rank", "size", "range"] | None = "dtype"
    elif index.dim() != input.dim():
        kind = "rank"
    elif any(index.shape[d] > input.shape[d] for d in range(input.dim()) if d != dim):
        kind = "size"
    else:
        kind = "range" if bool(_outside(input, dim, index).any()) else None
    if kind is None:
        return None
    outside = _outside(input, dim, index)
    wrong = float(index[outside][0]) if bool(outside.any()) else 0.0
    places = input.shape[dim]
    return Misfit(kind, index.dtype, tuple(index.shape), tuple(input.shape), input.dim(), dim, places, places - 1,
                  wrong, _mended(input, dim, index))  # fmt: skip


def _outside(input: Tensor, dim: int, index: Tensor) -> Tensor:
    return (index < 0) | (index >= input.shape[dim])


def _mended(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Whole numbers, in input's rank, cut to input across dim, and counted round along it."""
    whole = index.nan_to_num(0, 0, 0).long() if index.is_floating_point() else index.long()
    while whole.dim() < input.dim():
        whole = whole[None]
    while whole.dim() > input.dim():
        whole = whole.flatten(0, 1)
    for d, size in enumerate(input.shape):
        if d != dim:
            whole = whole.narrow(d, 0, min(whole.shape[d], size))
    return whole % input.shape[dim]


def theirs(way: Way, input: Tensor, dim: int, index: Tensor) -> str:
    """What torch says to this index; empty where it takes it."""
    if way == "gather":
        return words_of(lambda: torch.gather(input, dim, index))
    return words_of(lambda: torch.scatter(input, dim, index, source(input, index)))


# ---- pitfalls --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Places:
    """The same index on two inputs, and a tensor of values in its stead."""

    dim: int
    picked: Tensor
    other: Tensor
    refusal: str


def places_not_values(input: Tensor, dim: int) -> Places:
    """An index of zeros picks what stands at place 0, whatever it is; values are no index."""
    zeros = torch.zeros_like(input, dtype=torch.int64).narrow(dim, 0, 1)
    values = input.double()
    refusal = words_of(lambda: torch.gather(input, dim, values))
    return Places(dim, gather(input, dim, zeros), gather(input.flip(dim), dim, zeros), refusal)


@dataclass(frozen=True)
class TwoDims:
    """One index along both dimensions of the tutorial's matrix."""

    index: Tensor
    along_0: Tensor
    along_1: Tensor


def dims_count_from_0() -> TwoDims:
    """The tutorial's matrix, and one index that fits along dim 0 and along dim 1."""
    index = torch.tensor([[0, 0], [1, 0]])
    return TwoDims(index, gather(TUTORIALS_INPUT, 0, index), gather(TUTORIALS_INPUT, 1, index))


@dataclass(frozen=True)
class Sizes:
    """An index of one place, a long one, and one that is too large across dim."""

    rank: int
    dim: int
    input_shape: tuple[int, ...]
    small: tuple[int, ...]  # the output's shape for a one-place index
    long: tuple[int, ...]  # for an index twice as long as input along dim
    too_large: tuple[int, ...]  # this index is refused
    refusal: str


def index_has_its_own_size(input: Tensor, dim: int) -> Sizes:
    """Which sizes of index are taken, tried with zeros."""
    shape = tuple(input.shape)
    one, long = (1,) * len(shape), tuple(2 * n if d == dim else n for d, n in enumerate(shape))
    large = tuple(n if d == dim else n + 1 for d, n in enumerate(shape))
    small_output, long_output = (gather(input, dim, torch.zeros(s, dtype=torch.int64)) for s in (one, long))
    refusal = words_of(lambda: torch.gather(input, dim, torch.zeros(large, dtype=torch.int64)))
    return Sizes(len(shape), dim, shape, tuple(small_output.shape), tuple(long_output.shape), large, refusal)


@dataclass(frozen=True)
class Negative:
    """An index of −1 given to gather, and to square brackets."""

    refusal: str
    ours: str
    by_brackets: Tensor


def negative_index(input: Tensor, dim: int) -> Negative:
    """−1 is no place for gather; in brackets it is the last."""
    minus_one = torch.full((1,) * input.dim(), -1)
    last = input.select(dim, -1)
    return Negative(words_of(lambda: torch.gather(input, dim, minus_one)),
                    words_of(lambda: gather(input, dim, minus_one)), last)  # fmt: skip


@dataclass(frozen=True)
class Losses:
    """The tutorial's loss beside torch's."""

    shape: tuple[int, ...]  # of the tutorial's result
    mean: float
    loss: float  # torch's
    confident: float  # the tutorial's, for a sample whose class got a score 150 below another's
    confident_loss: float  # torch's


def loss_by_gather() -> Losses:
    """-log(softmax).gather on four samples and on one that is confidently wrong."""
    scores, y = torch.randn(4, 5, generator=torch.Generator().manual_seed(0)), torch.tensor([1, 0, 4, 2])
    ours = tutorials_loss(scores.softmax(1), y)
    wrong, its_class = torch.tensor([[0.0, 150.0]]), torch.tensor([0])
    confident = tutorials_loss(wrong.softmax(1), its_class)
    return Losses(tuple(ours.shape), ours.mean().item(), nll_loss(log_softmax(scores, 1), y).item(),
                  confident.item(), nll_loss(log_softmax(wrong, 1), its_class).item())  # fmt: skip


def tutorials_loss(y_hat: Tensor, y: Tensor) -> Tensor:
    """The tutorial's ce_loss."""
    return -torch.log(y_hat.gather(1, y.view(-1, 1)))


@dataclass(frozen=True)
class Back:
    """What gather read, scattered into zeros."""

    cells: int
    named: int  # cells that index names
    restored: int  # cells that are as they were
    unnamed: int
    most: int  # reads of the cell that is read most
    undone: bool  # whether all of input came back
    fewer: int  # cells that come back where the last place along dim is left out of index


def scatter_back(input: Tensor, dim: int, index: Tensor) -> Back:
    """gather, then scatter to where it was read; again with an index that is one place shorter along dim."""
    reads = scatter(torch.zeros(input.shape), dim, index, torch.ones(index.shape), reduce="add")
    restored, named = _restored(input, dim, index), int((reads > 0).sum())
    fewer = _restored(input, dim, index.narrow(dim, 0, index.shape[dim] - 1))
    return Back(input.numel(), named, restored, input.numel() - named, int(reads.max()), restored == input.numel(),
                fewer)  # fmt: skip


def _restored(input: Tensor, dim: int, index: Tensor) -> int:
    back = scatter(torch.zeros_like(input), dim, index, gather(input, dim, index))
    return int(((back == input) | (back != back) & (input != input)).sum())


# ---- questions -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Picked:
    """A place of index, the cell it names, and the number there."""

    place: Place
    names: int  # what index holds
    cell: Place
    value: float


def picked(run: Run, number: int) -> Picked:
    """The place of this number, in reading order."""
    place, cell = run.places[number], run.cells[number]
    return Picked(place, int(run.index[place]), cell, run.input[cell].item())


@dataclass(frozen=True)
class Shaped:
    """A gather of another size: taken, or refused."""

    input: Place
    index: Place
    dim: int
    output: Place | None
    refusal: str


def shaped(input: Place, index: Place, dim: int) -> Shaped:
    """What torch makes of an index of zeros of this shape."""
    x, zeros = torch.zeros(input), torch.zeros(index, dtype=torch.int64)
    refusal = words_of(lambda: torch.gather(x, dim, zeros))
    return Shaped(input, index, dim, None if refusal else tuple(torch.gather(x, dim, zeros).shape), refusal)
