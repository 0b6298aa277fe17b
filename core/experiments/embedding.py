"""Which rows of a table a list of tokens picks, what comes back to them, and what is believed of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from core.experiments.refusals import words_of
from core.ops.embedding import embedding, embedding_backward, embedding_by_one_hot
from core.ops.operator import Call

TEXT, MOST_TOKENS = "banana", 24
SPACE = "␣"  # how a space is shown
LARGE = (1024, 50257, 768)  # tokens, rows, columns: GPT-2's longest text and its table

# ---- text ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tokens:
    """A text cut into tokens; a token's number is its place in the vocabulary."""

    tokens: list[str]
    vocabulary: list[str]  # each token once, in alphabetical order
    dropped: int  # tokens of the text beyond the most that are shown

    @property
    def input(self) -> Tensor:
        """The tokens' numbers, (T,)."""
        return torch.tensor([self.vocabulary.index(token) for token in self.tokens])


def tokens_of(text: str, words: bool) -> Tokens | None:
    """A text's words, or its characters; None where it has none."""
    parts = text.split() if words else [c if c.isprintable() and not c.isspace() else SPACE for c in text.strip()]
    kept = parts[:MOST_TOKENS]
    return Tokens(kept, sorted(set(kept)), len(parts) - len(kept)) if kept else None


def example_weight(rows: int, columns: int, seed: int) -> Tensor:
    """A table (V, D) of a normal distribution, as nn.Embedding draws it, to one decimal."""
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)).round(decimals=1)


# ---- the run on screen -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Options:
    """The arguments of F.embedding besides input and weight."""

    padding_idx: int | None = None
    max_norm: float | None = None
    norm_type: float = 2.0
    scale_grad_by_freq: bool = False

    @property
    def named(self) -> dict[str, Any]:
        """Those that differ from torch's defaults."""
        given = vars(self)
        return {name: value for name, value in given.items() if value != getattr(Options(), name)}


Loss = Literal["sum", "squares"]


@dataclass(frozen=True)
class Run:
    """One embedding and its way back."""

    input: Tensor  # (T,) or (B, T)
    weight: Tensor  # (V, D), as it was given
    after: Tensor  # the table after the call: max_norm writes to it
    output: Tensor  # (…, D)
    upstream: Tensor | None  # the gradient of output, (…, D); None where the table holds whole numbers
    grad: Tensor | None  # the gradient of weight, (V, D)
    counts: Tensor  # how often input names each row, (V,)
    options: Options
    loss: Loss

    @property
    def call(self) -> Call:
        """The arguments of the operation."""
        return Call((self.input, self.weight.clone()), self.options.named)

    @property
    def most(self) -> int:
        """The row that is named most often."""
        return int(self.counts.argmax())

    @property
    def rescaled(self) -> list[int]:
        """The rows that max_norm has written to."""
        changed = (self.after != self.weight) & ~(self.after.isnan() & self.weight.isnan())
        return changed.any(1).nonzero().flatten().tolist()


def run(input: Tensor, weight: Tensor, options: Options, loss: Loss = "sum") -> Run:
    """The rows that input names, and the gradient of weight for output.sum() or output.pow(2).sum() / 2.

    max_norm asks for a table of floating-point numbers: of another it is left out.
    """
    if not weight.is_floating_point():
        options = Options(options.padding_idx, None, options.norm_type, options.scale_grad_by_freq)
    after = weight.clone()
    output = embedding(input, after, **vars(options))
    upstream = grad = None
    if weight.is_floating_point():
        upstream = torch.ones_like(output) if loss == "sum" else output
        grad = embedding_backward(upstream, input, after, **vars(options))
    counts = torch.bincount(input.flatten(), minlength=len(weight))
    return Run(input, weight, after, output, upstream, grad, counts, options, loss)


@dataclass(frozen=True)
class Misfit:
    """Why torch does not take an input, and one near it that it takes."""

    kind: Literal["dtype", "range"]
    dtype: torch.dtype
    wrong: float
    last: int
    says: str  # torch's words
    mended: Tensor


def misfit(input: Tensor, weight: Tensor) -> Misfit | None:
    """What keeps torch from taking these numbers as rows; None where nothing does."""
    outside = (input < 0) | (input >= len(weight))
    fits = input.dtype in (torch.int64, torch.int32)
    if fits and not bool(outside.any()):
        return None
    whole = input.nan_to_num(0, 0, 0).long() if input.is_floating_point() else input.long()
    wrong = float(input[outside][0]) if bool(outside.any()) else 0.0
    says = words_of(lambda: F.embedding(input, weight))
    return Misfit("range" if fits else "dtype", input.dtype, wrong, len(weight) - 1, says, whole % len(weight))


# ---- pitfalls --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OneHot:
    """The pick and the product, side by side."""

    same: bool
    differ: int  # numbers of the two outputs that differ
    tokens: int
    rows: int
    columns: int
    index_bytes: int
    one_hot_bytes: int
    multiplications: int  # of the product; the pick has none
    pick_multiplications: int
    large: tuple[int, int, int]
    large_bytes: float  # gigabytes of the one-hot matrix
    large_multiplications: float  # thousand millions


def one_hot(input: Tensor, weight: Tensor) -> OneHot:
    """one_hot(input) @ weight and the pick, counted; and counted for a large table, which is not computed."""
    table = in_float(weight)
    flat = input.flatten()
    product, picked = embedding_by_one_hot(flat, table), embedding(flat, table)
    differ = int((product != picked).sum())
    tokens, rows, columns = len(flat), *table.shape
    t, v, d = LARGE
    large = multiplications(lambda: torch.empty(t, v, device="meta") @ torch.empty(v, d, device="meta"))
    return OneHot(
        differ == 0, differ, tokens, rows, columns, flat.nbytes, tokens * rows * table.itemsize,
        multiplications(lambda: embedding_by_one_hot(flat, table)), multiplications(lambda: embedding(flat, table)),
        LARGE, t * v * 4 / 1e9, large / 1e9,
    )  # fmt: skip


def multiplications(call: Callable[[], Any]) -> int:
    """The multiplications of a call's matrix products, as torch's counter counts them (a multiply-add as two)."""
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops() // 2


@dataclass(frozen=True)
class Padding:
    """One row as padding, in F.embedding, in nn.Embedding and in from_pretrained."""

    row: int
    before: Tensor  # the row of the table
    functional: Tensor  # what F.embedding gives for it
    grad: Tensor  # its gradient
    other_grad: Tensor  # without padding_idx
    module: Tensor  # the row of a fresh nn.Embedding
    drawn: Tensor  # of the same module after nn.init.normal_
    pretrained: Tensor  # of nn.Embedding.from_pretrained

    @property
    def was_zero(self) -> bool:
        """Whether the row was zero in the table already."""
        return not bool(self.before.any())


def padding(weight: Tensor, row: int) -> Padding:
    """What becomes of the padding row."""
    table = in_float(weight).clone().requires_grad_()
    input = torch.tensor([row])
    (grad,) = torch.autograd.grad(F.embedding(input, table, padding_idx=row).sum(), table)
    (other,) = torch.autograd.grad(F.embedding(input, table).sum(), table)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Embedding(table.shape[0], table.shape[1], padding_idx=row)
        fresh = module.weight[row].detach().clone()
        nn.init.normal_(module.weight)
    pretrained = nn.Embedding.from_pretrained(table.detach(), padding_idx=row)
    functional = F.embedding(input, table.detach(), padding_idx=row)[0]
    return Padding(row, table[row].detach(), functional, grad[row], other[row], fresh, module.weight[row].detach(),
                   pretrained.weight[row].detach())  # fmt: skip


@dataclass(frozen=True)
class Numbers:
    """What torch and the manual version say to numbers that are no rows."""

    last: int
    too_large: int
    of_floats: str
    beyond: str
    negative: str
    ours: str  # to the one beyond
    by_brackets: Tensor  # weight[-1]


def numbers_that_are_no_rows(weight: Tensor) -> Numbers:
    """A float, one past the last row, and −1."""
    table, past = weight.detach(), len(weight)

    def said(function: Callable[..., Any], number: float) -> str:
        return words_of(lambda: function(torch.tensor([number]), table))

    return Numbers(past - 1, past, said(F.embedding, 0.0), said(F.embedding, past), said(F.embedding, -1),
                   said(embedding, past), table[-1])  # fmt: skip


@dataclass(frozen=True)
class Absent:
    """How far a row moved in a step whose batch did not hold it; by SGD and others."""

    rows: int
    token: int  # the only one of the second batch
    row: int  # one that is not in it
    grad: Tensor  # the row's gradient in the second step
    sgd: float
    decay: float
    momentum: float
    adam: float
    sparse_adam: float


OPTIMISERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "sgd": lambda params: torch.optim.SGD(params, lr=0.1),
    "decay": lambda params: torch.optim.SGD(params, lr=0.1, weight_decay=0.1),
    "momentum": lambda params: torch.optim.SGD(params, lr=0.1, momentum=0.9),
    "adam": lambda params: torch.optim.Adam(params, lr=0.1),
    "sparse_adam": lambda params: torch.optim.SparseAdam(params, lr=0.1),
}


def absent_row(weight: Tensor, token: int) -> Absent:
    """Two steps of each optimiser: the first batch holds every row, the second `token` alone."""
    row = (token + 1) % len(weight)
    moved, grad = {}, torch.zeros(weight.shape[1])
    for name, optimiser in OPTIMISERS.items():
        moved[name], grad = _moved(weight, token, row, optimiser, name == "sparse_adam")
    return Absent(len(weight), token, row, grad, **moved)


def _moved(
    weight: Tensor, token: int, row: int, optimiser: Callable[[Any], torch.optim.Optimizer], sparse: bool
) -> tuple[float, Tensor]:
    """The largest change of the row in the second step, and its gradient then."""
    table = nn.Parameter(in_float(weight).float().clone())
    steps = optimiser([table])
    before = table.detach().clone()
    for batch in (torch.arange(len(table)), torch.tensor([token])):
        before = table.detach().clone()
        steps.zero_grad()
        F.embedding(batch, table, sparse=sparse).sum().backward()
        steps.step()
    assert table.grad is not None
    grad = table.grad.to_dense() if sparse else table.grad
    return (table.detach() - before)[row].abs().max().item(), grad[row]


@dataclass(frozen=True)
class InPlace:
    """The table before and after one call with max_norm."""

    max_norm: float
    row: int
    norm_before: float
    norm_after: float
    changed: int  # rows
    rows: int
    same_memory: bool
    second_changes: int  # rows that a second call writes to


def max_norm_writes(input: Tensor, weight: Tensor, max_norm: float | None) -> InPlace:
    """F.embedding with this max_norm, or half of the largest norm of a picked row."""
    table = in_float(weight).clone()
    norms = torch.linalg.vector_norm(table, dim=1)
    picked = norms.nan_to_num(0, 0, 0)[input.flatten()]
    row = int(input.flatten()[picked.argmax()])
    limit = float(picked.max()) / 2 if max_norm is None else max_norm
    before, address = table.clone(), table.data_ptr()
    F.embedding(input, table, max_norm=limit)
    once = table.clone()
    F.embedding(input, table, max_norm=limit)
    return InPlace(limit, row, norms[row].item(), torch.linalg.vector_norm(once[row]).item(), differing(once, before),
                   len(table), table.data_ptr() == address, differing(table, once))  # fmt: skip


def differing(one: Tensor, other: Tensor) -> int:
    """How many rows differ."""
    return int(((one != other) & ~(one.isnan() & other.isnan())).any(1).sum())


def in_float(weight: Tensor) -> Tensor:
    """The table itself, or its numbers as float32 where it holds whole ones."""
    return weight if weight.is_floating_point() else weight.float()


# ---- questions -------------------------------------------------------------------------------------------------


def moves(run: Run) -> list[int]:
    """The rows that one step of SGD on this gradient changes."""
    assert run.grad is not None
    table = nn.Parameter(run.after.clone())
    table.grad = run.grad.to(table.dtype)
    torch.optim.SGD([table], lr=0.1).step()
    changed = (table.detach() != run.after) & ~run.after.isnan()
    return changed.any(1).nonzero().flatten().tolist()
