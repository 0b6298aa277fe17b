"""Which numbers meet in a product, by the letters of their dimensions; what is refused, and why.

    matmul  A[b, i, k] · B[b, k, j] = C[b, i, j]        mul  A[i, j] · B[i, j] = C[i, j]

Every product of tensors is one rule: cells whose letters have equal indices meet, and a letter that C does not carry
is summed. An einsum equation is that rule written down.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from core.experiments.refusals import words_of
from core.ops import products as ops
from core.ops.operator import Call

Letters = tuple[str, ...]
Shape = tuple[int, ...]
NAMES = ("A", "B", "D")  # of the operands; the result is C
BATCHES = ("b3", "b2", "b")  # of the dimensions ahead of two matrices, from the right
PAIRS: dict[str, tuple[Shape, Shape]] = {
    "matrices": ((2, 3), (3, 2)), "wider": ((3, 4), (4, 2)), "batches": ((3, 4), (5, 4, 2)),
    "bmm": ((2, 3, 4), (2, 4, 3)), "broadcast": ((3, 4), (4,)), "vectors": ((4,), (4,)),
}  # fmt: skip
OPERATIONS = ("matmul", "mm", "bmm", "dot", "mul", "einsum")
RANKS = {"mm": 2, "bmm": 3, "dot": 1}  # of both tensors, where it is one alone
SIZES = (2, 3, 4, 2, 3, 2, 2)  # of the letters of an equation, in the order in which they appear


# ---- letters ---------------------------------------------------------------------------------------------------


def letters_of(operation: str, equation: str, ranks: Sequence[int]) -> tuple[Letters, ...]:
    """The letters of the operands' dimensions and of C's, for operands of these ranks that fit."""
    if operation == "einsum":
        return _letters_of_equation(equation, ranks)
    left, right = ranks
    if operation == "mul":
        names = (*BATCHES, "i", "j")
        return tuple(names[len(names) - n :] for n in (left, right, max(left, right)))
    rows, columns = ("i",) if left > 1 else (), ("j",) if right > 1 else ()
    first, second = _batches(left), _batches(right)
    return (*first, *rows, "k"), (*second, "k", *columns), (*max(first, second, key=len), *rows, *columns)


def _batches(rank: int) -> Letters:
    return BATCHES[len(BATCHES) - max(rank - 2, 0) :]


def operands_named(equation: str) -> int:
    """How many operands an equation names."""
    return equation.partition("->")[0].count(",") + 1


def tokens(part: str) -> Letters:
    """The signs of one operand's part of an equation: letters, and "..." for the dimensions without one."""
    return tuple(part.replace(" ", "").replace("...", "…"))


def _letters_of_equation(equation: str, ranks: Sequence[int]) -> tuple[Letters, ...]:
    left, arrow, right = equation.partition("->")
    parts = [tokens(part) for part in left.split(",")]
    covered = [rank - len(part) + 1 if "…" in part else 0 for part, rank in zip(parts, ranks, strict=True)]
    named = [_expanded(part, count) for part, count in zip(parts, covered, strict=True)]
    if arrow:
        return (*named, _expanded(tokens(right), max(covered)))
    every = [letter for part in parts for letter in part if letter != "…"]
    once = sorted(letter for letter in every if every.count(letter) == 1)
    return (*named, (*_expanded(("…",), max(covered)), *once))


def _expanded(part: Letters, covered: int) -> Letters:
    """Dimensions that "..." covers count from the right: …1 …0."""
    dots = tuple(f"…{place}" for place in reversed(range(covered)))
    return tuple(letter for sign in part for letter in (dots if sign == "…" else (sign,)))


# ---- examples --------------------------------------------------------------------------------------------------


def example(operation: str, equation: str, pair: str, before: Sequence[Tensor], own: bool, seed: int) -> Tensor:
    """The next operand after those `before`, of the pair's shape or of an equation's; it fits the reader's `own`."""
    if operation == "einsum":
        shape = _equations_shape(equation, before)
    else:
        shape = PAIRS[pair][len(before)]
        if own and before:
            shape = _fitting(operation, shape, before[0])
    if operation != "einsum" and pair == "matrices" and seed == 0 and shape in PAIRS[pair]:
        return torch.arange(1.0, 7).reshape(shape)  # the tutorial's
    generator = torch.Generator().manual_seed(seed * len(NAMES) + len(before))
    return torch.randint(1, 7, shape, generator=generator).float()


def _fitting(operation: str, shape: Shape, before: Tensor) -> Shape:
    """The shape with the sizes of those letters that the tensor before has."""
    if operation not in ("matmul", "mm", "mul") and before.dim() != RANKS.get(operation):
        return shape
    if operation != "mul" and not before.dim():
        return shape
    left, right, _ = letters_of(operation, "", (before.dim(), len(shape)))
    sizes = dict(zip(left, before.shape, strict=True))
    return tuple(sizes.get(letter, size) for letter, size in zip(right, shape, strict=True))


def _equations_shape(equation: str, before: Sequence[Tensor]) -> Shape:
    """The shape of the next operand of an equation, in the sizes of the letters that stand before it."""
    parts = [tokens(part) for part in repaired(equation).partition("->")[0].split(",")]
    order = list(dict.fromkeys(itertools.chain(*parts)))
    sizes = {letter: SIZES[min(n, len(SIZES) - 1)] for n, letter in enumerate(order)}
    for part, x in zip(parts, before, strict=False):
        if "…" not in part and len(part) == x.dim():
            sizes |= {letter: size for letter, size in zip(part, x.shape, strict=True) if size > 1}
    return tuple(sizes[letter] for letter in parts[min(len(before), len(parts) - 1)])


# ---- the run on screen -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One product, and the letters of its tensors."""

    operation: str
    equation: str  # of einsum; empty elsewhere
    operands: tuple[Tensor, ...]
    result: Tensor
    letters: tuple[Letters, ...]  # of the operands, then of C

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The operands and the result by their names."""
        return {**dict(zip(NAMES, self.operands, strict=False)), "C": self.result}

    @property
    def named(self) -> dict[str, Letters]:
        """The letters of the operands and of the result by their names."""
        return dict(zip(self.tensors, self.letters, strict=True))

    @property
    def summed(self) -> list[str]:
        """The letters that C does not carry."""
        return [n for n in dict.fromkeys(itertools.chain(*self.letters[:-1])) if n not in self.letters[-1]]

    @property
    def diagonal(self) -> list[str]:
        """The operands of which a letter stands twice, so that equal indices alone are read."""
        return [name for name, letters in self.named.items() if len(set(letters)) < len(letters)]


def call_of(operation: str, equation: str, operands: Sequence[Tensor]) -> Call:
    """The arguments of a product."""
    return Call((equation, *operands) if operation == "einsum" else tuple(operands))


def run(operation: str, equation: str, operands: Sequence[Tensor]) -> Run:
    """The product by the manual version. Raises what that raises."""
    result = call_of(operation, equation, operands).of(getattr(ops, operation))
    letters = letters_of(operation, equation, [x.dim() for x in operands])
    return Run(operation, equation, tuple(operands), result, letters)


def sizes(run: Run) -> dict[str, int]:
    """How long the dimension of each letter is."""
    found: dict[str, int] = {}
    for x, letters in zip(run.operands, run.letters, strict=False):
        for letter, size in zip(letters, x.shape, strict=True):
            found[letter] = max(size, found.get(letter, 1))
    return found


def summands(run: Run) -> int:
    """How many products add up to one cell of C."""
    return math.prod(size for letter, size in sizes(run).items() if letter in run.summed)


def terms(run: Run, cell: Shape, most: int | None = None) -> list[tuple[float, ...]]:
    """The numbers of the operands whose products add up to this cell of C, or the first of them."""
    long, found = sizes(run), []
    for combination in itertools.islice(itertools.product(*(range(long[letter]) for letter in run.summed)), most):
        at = dict(zip(run.letters[-1], cell, strict=True)) | dict(zip(run.summed, combination, strict=True))
        found.append(tuple(_at(x, letters, at) for x, letters in zip(run.operands, run.letters, strict=False)))
    return found


def _at(x: Tensor, letters: Letters, at: dict[str, int]) -> float:
    """A dimension of size 1 is read again for every index of its letter."""
    place = tuple(0 if size == 1 else at[letter] for letter, size in zip(letters, x.shape, strict=True))
    return float(x[place].item())


# ---- refusals --------------------------------------------------------------------------------------------------

Kind = Literal[
    "dtype", "rank", "inner", "batch", "broadcast", "sign", "many", "count", "size", "twice", "nowhere", "other"
]


@dataclass(frozen=True)
class Misfit:
    """What torch says to these operands, and what does not fit."""

    kind: Kind
    words: str  # torch's own
    by: str  # who refuses: torch, or the manual version where torch takes it
    name: str = ""  # the operand or the letter that does not fit
    given: Any = None
    other: Any = None


def misfit(operation: str, equation: str, operands: Sequence[Tensor]) -> Misfit | None:
    """Why these operands are refused; None where they are taken."""
    call = call_of(operation, equation, operands)
    said = words_of(lambda: call.of(getattr(torch, operation)))
    if not said:
        ours = words_of(lambda: call.of(getattr(ops, operation)))
        return Misfit("other", ours, "the manual version") if ours else None
    shapes = [tuple(x.shape) for x in operands]
    kind, *facts = _in_equation(equation, shapes) if operation == "einsum" else _in_shapes(operation, *shapes)
    if "dtype" in said or "not implemented for" in said:
        kind, *facts = "dtype", "", operands[0].dtype, operands[-1].dtype
    return Misfit(kind, said, "torch", *facts)


def _in_shapes(operation: str, left: Shape, right: Shape) -> tuple[Any, ...]:
    wanted = RANKS.get(operation)
    for name, shape in (("A", left), ("B", right)):
        if operation != "mul" and (len(shape) != wanted if wanted else not shape):
            return "rank", name, len(shape), wanted or 1
    if operation == "mul":
        return ("broadcast", "", left, right) if not _broadcast(left, right) else ("other",)
    if left[-1] != right[-2 if len(right) > 1 else -1]:
        return "inner", "k", left[-1], right[-2 if len(right) > 1 else -1]
    first, second = left[:-2], right[:-2]
    return ("batch", "", first, second) if first != second else ("other",)


def _broadcast(left: Shape, right: Shape) -> bool:
    return all(1 in (a, b) or a == b for a, b in zip(reversed(left), reversed(right), strict=False))


def _in_equation(equation: str, shapes: Sequence[Shape]) -> tuple[Any, ...]:
    left, arrow, right = equation.partition("->")
    parts, output = [tokens(part) for part in left.split(",")], tokens(right)
    for sign in (*itertools.chain(*parts), *output):
        if sign != "…" and not (sign.isascii() and sign.isalpha()):
            return "sign", sign
    if len(parts) != len(shapes):
        return "many", "", len(parts), len(shapes)
    sizes: dict[str, int] = {}
    for name, part, shape in zip(NAMES, parts, shapes, strict=False):
        if len(part) != len(shape) and "…" not in part:
            return "count", name, len(part), len(shape)
        for letter, size in zip(part, shape, strict=False) if "…" not in part else ():
            if 1 not in (size, sizes.get(letter, 1)) and sizes[letter] != size:
                return "size", letter, sizes[letter], size
            sizes[letter] = max(size, sizes.get(letter, 1))
    for letter in output if arrow else ():
        if output.count(letter) > 1:
            return "twice", letter
        if letter != "…" and not any(letter in part for part in parts):
            return "nowhere", letter
    return ("other",)


def repaired(equation: str) -> str:
    """The equation without the signs that keep it from being one: for as many operands as there can be."""
    left, arrow, right = equation.partition("->")
    parts = [_legal(part) for part in left.split(",")[: len(NAMES)]]
    if not arrow:
        return ",".join(parts)
    output = "".join(dict.fromkeys(sign for sign in tokens(_legal(right)) if any(sign in tokens(p) for p in parts)))
    return f"{','.join(parts)}->{output.replace('…', '...')}"


def _legal(part: str) -> str:
    kept = [sign for sign in tokens(part) if sign == "…" or (sign.isascii() and sign.isalpha())]
    return "".join("..." if sign == "…" else sign for n, sign in enumerate(kept) if sign != "…" or "…" not in kept[:n])


def one_dtype(operands: Sequence[Tensor]) -> list[Tensor]:
    """The operands in the dtype to which they promote; flags as numbers."""
    dtype = operands[0].dtype
    for x in operands:
        dtype = torch.promote_types(dtype, x.dtype)
    return [x.to(torch.float32 if dtype == torch.bool else dtype) for x in operands]


def operation_for(operands: Sequence[Tensor]) -> str | None:
    """Another operation that takes these two tensors."""
    if len(operands) != 2:
        return None
    return next((name for name in OPERATIONS if name != "einsum" and not _refuses(name, *operands)), None)


def pair_for(operation: str) -> str | None:
    """Example shapes that an operation takes."""
    return next((n for n, (a, b) in PAIRS.items() if not _refuses(operation, torch.ones(a), torch.ones(b))), None)


def _refuses(operation: str, A: Tensor, B: Tensor) -> bool:
    return bool(words_of(lambda: getattr(torch, operation)(A, B)))


ALL: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "torch.mul, *": torch.mul, "torch.mm": torch.mm, "torch.matmul, @": torch.matmul, "torch.bmm": torch.bmm,
    "torch.dot": torch.dot, "np.multiply, *": lambda a, b: np.multiply(a.numpy(), b.numpy()),
    "np.dot": lambda a, b: np.dot(a.numpy(), b.numpy()), "np.matmul, @": lambda a, b: a.numpy() @ b.numpy(),
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What an operation does with two tensors: the shape it gives, or the words with which it refuses."""

    operation: str
    shape: Shape | None
    words: str


def answers(A: Tensor, B: Tensor) -> list[Answer]:
    """What each operation of torch and numpy does with these two, tried now."""
    return [answer(name, A, B) for name in ALL]


def answer(name: str, A: Tensor, B: Tensor) -> Answer:
    """What this one does."""
    words = words_of(lambda: ALL[name](A, B))
    return Answer(name, None if words else tuple(np.shape(ALL[name](A, B))), words)


# ---- pitfalls --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Star:
    """`*`, `@` and dot on the tutorial's matrix."""

    a: Tensor
    star: Tensor
    product: Tensor
    dot: float  # of its two rows
    broadcast: Shape  # of (3, 4) * (4,)


def star_is_not_dot() -> Star:
    """Three products of one matrix with itself."""
    a = torch.tensor([[1, 2], [2, 3]])
    broadcast = torch.ones(3, 4) * torch.ones(4)
    return Star(a, a * a, a @ a, torch.dot(a[0], a[1]).item(), tuple(broadcast.shape))


@dataclass(frozen=True)
class Rules:
    """What matmul broadcasts, and what it does with vectors."""

    batched: Shape  # of (3, 4) @ (5, 4, 2)
    words: str  # to (3, 4) @ (1, 2)
    by_vector: Shape  # of (3, 4) @ (4,)
    of_vectors: Shape  # of (4,) @ (4,)
    mm: str  # mm's words to the vector


def matmul_has_rules_of_its_own() -> Rules:
    """Batches broadcast, matrices do not; vectors are taken by matmul and refused by mm."""
    three, four = torch.ones(3, 4), torch.ones(4)
    return Rules(
        tuple((three @ torch.ones(5, 4, 2)).shape), words_of(lambda: three @ torch.ones(1, 2)),
        tuple((three @ four).shape), tuple((four @ four).shape), words_of(lambda: torch.mm(three, four)),
    )  # fmt: skip


@dataclass(frozen=True)
class Batches:
    """What bmm takes."""

    shape: Shape  # of (2, 3, 4) and (2, 4, 5)
    words: str  # to (2, 3, 4) and (1, 4, 5)
    matmul: Shape  # matmul of the same


def bmm_shapes() -> Batches:
    """Another last size is taken, another batch size is not."""
    a, one = torch.ones(2, 3, 4), torch.ones(1, 4, 5)
    taken = torch.bmm(a, torch.ones(2, 4, 5))
    return Batches(tuple(taken.shape), words_of(lambda: torch.bmm(a, one)), tuple((a @ one).shape))


@dataclass(frozen=True)
class Numpy:
    """np.dot and np.matmul of one pair."""

    dot: Shape  # of (2, 3, 4) and (5, 4, 6)
    words: str  # np.matmul's to the same


def dot_and_matmul_differ() -> Numpy:
    """From rank 3 on they part."""
    a, b = np.ones((2, 3, 4)), np.ones((5, 4, 6))
    return Numpy(np.dot(a, b).shape, words_of(lambda: np.matmul(a, b)))


@dataclass(frozen=True)
class Order:
    """Two matrices in both orders."""

    a: Tensor
    b: Tensor
    ab: Tensor
    ba: Tensor


def order_matters() -> Order:
    """A stretch and a turn by a right angle."""
    a, b = torch.tensor([[2, 0], [0, 1]]), torch.tensor([[0, -1], [1, 0]])
    return Order(a, b, a @ b, b @ a)


@dataclass(frozen=True)
class Dtypes:
    """Integers times floats."""

    left: torch.dtype
    right: torch.dtype
    star: torch.dtype
    words: str  # matmul's


def dtypes_promote() -> Dtypes:
    """`*` promotes, `@` refuses."""
    a, b = torch.tensor([[1, 2]]), torch.tensor([[0.5], [2.0]])
    return Dtypes(a.dtype, b.dtype, (a * b).dtype, words_of(lambda: a @ b))


@dataclass(frozen=True)
class NoArrow:
    """einsum of one matrix without an arrow."""

    a: Tensor
    ij: Tensor
    ji: Tensor


def without_an_arrow() -> NoArrow:
    """The letters that stand once make the output, in the order of the alphabet."""
    a = torch.arange(6).reshape(2, 3)
    return NoArrow(a, torch.einsum("ij", a), torch.einsum("ji", a))


# ---- questions -------------------------------------------------------------------------------------------------


def random_shapes(n: int, k: int, m: int, batch: int) -> list[tuple[Shape, Shape]]:
    """Pairs of shapes that matmul takes, a different rule in each."""
    return [
        ((n, k), (k, m)),
        ((n, k), (batch, k, m)),
        ((n, k), (k,)),
        ((batch, n, k), (k, m)),
        ((k,), (k, m)),
        ((k,), (k,)),
    ]


TAKEN_OR_NOT = [((2, 3), (3, 2)), ((2, 3), (3,)), ((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (4, 5)), ((4,), (4,))]


def by_shapes(name: str, left: Shape, right: Shape) -> Answer:
    """What an operation does with ones of these shapes."""
    return answer(name, torch.ones(left), torch.ones(right))


def is_whole(value: float) -> bool:
    """Whether an answer is exact."""
    return math.isfinite(value) and value == int(value)


def tutorials() -> list[Tensor]:
    """The tutorial's two matrices."""
    return [torch.arange(1.0, 7).reshape(shape) for shape in PAIRS["matrices"]]
