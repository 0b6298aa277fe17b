"""Products of tensors, written from products and sums of numbers.

    mul     cᵢⱼ = aᵢⱼ · bᵢⱼ            after broadcasting
    matmul  cᵢⱼ = Σₖ aᵢₖ · bₖⱼ         row i of a meets column j of b

The product of two numbers is the primitive (Python's `*` on tensors that already have one shape); broadcasting, type
promotion, the sums and their order are written here. No BLAS: the functions of `LADDER` show what that costs.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any

import torch

from core.ops.kit import write_out
from core.ops.operator import Call, Operator

Tensor = torch.Tensor
Shape = tuple[int, ...]


# ---- element by element ----------------------------------------------------------------------------------------


def broadcast_shape(left: Sequence[int], right: Sequence[int]) -> Shape:
    """The shape both broadcast to: aligned at the last dimension, where sizes differ one of them must be 1.

    RuntimeError, naming the second shape as `other`, where they don't fit.
    """
    rank = max(len(left), len(right))
    padded = ([1] * (rank - len(shape)) + list(shape) for shape in (left, right))
    sizes = []
    for dim, (a, b) in enumerate(zip(*padded, strict=True)):
        if a != b and 1 not in (a, b):
            raise RuntimeError(
                f"other of shape {tuple(right)} does not broadcast with input of shape {tuple(left)}: "
                f"sizes {a} and {b} at dimension {dim} differ and neither is 1"
            )
        sizes.append(b if a == 1 else a)
    return tuple(sizes)


def mul(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """Element by element product, as `torch.mul` and `*`: shapes broadcast, dtypes promote.

    Either argument may be a number. Mixed float16 or bfloat16 operands are multiplied in float32 and rounded once.
    RuntimeError for shapes that don't broadcast, TypeError for what is neither tensor nor number.
    """
    left, right = _as_tensor("input", input), _as_tensor("other", other)
    dtype = torch.result_type(input, other)  # type: ignore[arg-type]
    shape = broadcast_shape(left.shape, right.shape)
    if left.ndim == 0 or right.ndim == 0:  # a single number follows the other operand to its device
        left, right = (left, right.to(left.device)) if right.ndim == 0 else (left.to(right.device), right)
    if left.dtype != right.dtype:
        left, right = left.to(_wide(dtype)), right.to(_wide(dtype))
    product = left.expand(shape) * right.expand(shape)
    return write_out(product.to(dtype), out, (left, right), cast=True)


def _as_tensor(name: str, value: Tensor | Number) -> Tensor:
    """Numbers in the widest dtype of their kind: rounding comes with the promotion."""
    if isinstance(value, Tensor):
        return value
    if not isinstance(value, Number):
        raise TypeError(f"{name} must be a Tensor or a number, not {type(value).__name__}")
    kind = torch.tensor(value).dtype
    widest = torch.complex128 if kind.is_complex else torch.float64 if kind.is_floating_point else kind
    return torch.tensor(value, dtype=widest)


def _wide(dtype: torch.dtype) -> torch.dtype:
    """The dtype to calculate in: half precision is calculated in single."""
    halves = {torch.float16: torch.float32, torch.bfloat16: torch.float32, torch.complex32: torch.complex64}
    return halves.get(dtype, dtype)


# ---- one matrix product, four ways -----------------------------------------------------------------------------


def matmul_by_loops(A: Tensor, B: Tensor) -> Tensor:
    """Textbook: three loops over the definition, n · m · k products one at a time. Two matrices, nothing else."""
    n, m = A.shape[0], B.shape[1]
    C = torch.zeros(n, m, dtype=A.dtype, device=A.device)
    for i in range(n):
        for j in range(m):
            for k in range(A.shape[1]):
                C[i, j] += A[i, k] * B[k, j]
    return C


def matmul_by_rows(A: Tensor, B: Tensor) -> Tensor:
    """Each cell the inner product of a row and a column: the innermost loop becomes one vector product and sum."""
    cells = [(row * column).sum() for row in A.unbind(0) for column in B.unbind(1)]
    return torch.stack(cells).reshape(A.shape[0], B.shape[1])


def matmul_by_outer_products(A: Tensor, B: Tensor) -> Tensor:
    """The sum of k outer products, column k of A times row k of B: one pass over the whole result for each k."""
    C = torch.zeros(A.shape[0], B.shape[1], dtype=A.dtype, device=A.device)
    for column, row in zip(A.unbind(1), B.unbind(0), strict=True):
        C.addcmul_(column[:, None], row)  # (n, 1) · (m,)
    return C


def matmul_by_columns(A: Tensor, B: Tensor) -> Tensor:
    """Each column of the result a combination of A's columns; B's column holds the weights."""
    C = torch.zeros(A.shape[0], B.shape[1], dtype=A.dtype, device=A.device)
    for j in range(B.shape[1]):
        for k in range(A.shape[1]):
            C[:, j] += A[:, k] * B[k, j]
    return C


SCRATCH = 1 << 14  # numbers of a block of products: below that, starting a loop step costs more than its arithmetic


def matmul_by_blocks(A: Tensor, B: Tensor) -> Tensor:
    """Several outer products at a time, as many as keep the block of products below `SCRATCH` numbers.

    A is (..., n, k), B (..., k, m), with batch dimensions that broadcast. A large result takes one outer product a
    step; a small one (an inner product is 1 × 1) takes many, so that neither needs many steps nor much memory.
    """
    k, cells = A.shape[-1], math.prod(broadcast_shape(A.shape[:-2], B.shape[:-2])) * A.shape[-2] * B.shape[-1]
    together = max(1, SCRATCH // max(cells, 1))
    if together >= k:
        return _sum_of_products(A, B)
    if together > 1:
        blocks = zip(A.split(together, -1), B.split(together, -2), strict=True)
        first = _sum_of_products(*next(blocks))
        return sum((_sum_of_products(a, b) for a, b in blocks), start=first)
    (column, row), *rest = zip(A.unbind(-1), B.unbind(-2), strict=True)  # (..., n) and (..., m)
    C = column[..., None] * row[..., None, :]
    for column, row in rest:
        C.addcmul_(column[..., None], row[..., None, :])
    return C


def _sum_of_products(A: Tensor, B: Tensor) -> Tensor:
    """All products at once, (..., n, k, m), and their sum over k."""
    return (A[..., :, :, None] * B[..., None, :, :]).sum(-2, dtype=A.dtype)


@dataclass(frozen=True)
class Rung:
    """One way to multiply two matrices, from the definition up to the library."""

    name: str
    function: Callable[[Tensor, Tensor], Tensor]
    idea: str
    largest: int  # for n × n matrices above this a run takes more than about a second


LADDER = (
    Rung("three loops", matmul_by_loops, "one product at a time", 32),
    Rung("row dots", matmul_by_rows, "one cell at a time", 256),
    Rung("sum of outer products", matmul_by_outer_products, "the whole result, one k at a time", 1024),
    Rung("blocked", matmul_by_blocks, "as many k at a time as a small scratch holds", 1024),
    Rung("torch.matmul", torch.matmul, "tiles in registers and caches, by BLAS", 2048),
)


# ---- the matrix products ---------------------------------------------------------------------------------------


def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Matrix product, as `torch.matmul` and `@`.

    1-D by 1-D is the inner product; a 1-D input counts as a row, a 1-D other as a column, and the dimension added
    for that goes again; with more than two dimensions the last two are matrices and those before broadcast (only
    those: the matrices' own sizes must fit). float16 and bfloat16 are summed in float32.
    RuntimeError for a 0-dim argument, sizes that don't fit, or two dtypes; NotImplementedError for bool.
    """
    _check_tensors(input=input, other=other)
    for name, operand in (("input", input), ("other", other)):
        if operand.ndim == 0:
            raise RuntimeError(f"{name} has no dimensions; matmul needs at least one (mul multiplies by a number)")
    left = input[None, :] if input.ndim == 1 else input  # (..., n, k)
    right = other[:, None] if other.ndim == 1 else other  # (..., k, m)
    _check_inner("other", input, other, left.shape[-1], right.shape[-2])
    broadcast_shape(left.shape[:-2], right.shape[:-2])
    _check_dtypes("other", input, other)
    product = _matrix_product(left, right)
    if other.ndim == 1:
        product = product.squeeze(-1)
    if input.ndim == 1:
        product = product.squeeze(-1 if other.ndim == 1 else -2)
    return write_out(product, out, (input, other))


def mm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Product of two matrices, (n, k) by (k, m), as `torch.mm`. Nothing broadcasts: both must have two dimensions."""
    _check_tensors(input=input, mat2=mat2)
    _check_rank(2, input=input, mat2=mat2)
    _check_inner("mat2", input, mat2, input.shape[1], mat2.shape[0])
    _check_dtypes("mat2", input, mat2)
    return write_out(_matrix_product(input, mat2), out, (input, mat2))


def bmm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Products of matrices pair by pair, (b, n, k) by (b, k, m), as `torch.bmm`. The batch sizes must be equal."""
    _check_tensors(input=input, mat2=mat2)
    _check_rank(3, input=input, mat2=mat2)
    if input.shape[0] != mat2.shape[0]:
        raise RuntimeError(
            f"mat2 has a batch of {mat2.shape[0]}, input one of {input.shape[0]}; bmm broadcasts neither"
        )
    _check_inner("mat2", input, mat2, input.shape[2], mat2.shape[1])
    _check_dtypes("mat2", input, mat2)
    return write_out(_matrix_product(input, mat2), out, (input, mat2))


def dot(input: Tensor, tensor: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Inner product of two vectors of one size, as `torch.dot`; unlike numpy's, nothing but vectors."""
    _check_tensors(input=input, tensor=tensor)
    _check_rank(1, input=input, tensor=tensor)
    _check_dtypes("tensor", input, tensor)
    _check_inner("tensor", input, tensor, input.shape[0], tensor.shape[0])
    return write_out(_matrix_product(input[None, :], tensor[:, None]).reshape(()), out, (input, tensor))


def dot_by_loop(input: Tensor, tensor: Tensor) -> Tensor:
    """Textbook: Σ xᵢ · yᵢ, one product at a time."""
    total = torch.zeros((), dtype=input.dtype, device=input.device)
    for x, y in zip(input, tensor, strict=True):
        total = total + x * y
    return total


def numpy_dot(a: Tensor, b: Tensor) -> Tensor:
    """`numpy.dot` on tensors: differs from matmul above two dimensions, and takes single numbers.

    With a number it multiplies; a 1-D b meets the last dimension of a; otherwise the last dimension of a meets the
    last but one of b, and every matrix of a meets every one of b: (x, n, k) by (y, k, m) is (x, n, y, m).
    """
    if a.ndim == 0 or b.ndim == 0:
        return mul(a, b)
    columns = b[:, None] if b.ndim == 1 else b.movedim(-2, 0)  # (k, ...)
    inner = columns.shape[0]
    _check_inner("b", a, b, a.shape[-1], inner)
    _check_dtypes("b", a, b)
    rest = a.shape[:-1] + (b.shape[:-2] + b.shape[-1:] if b.ndim > 1 else ())
    rows = a.reshape(math.prod(a.shape[:-1]), inner)
    return _matrix_product(rows, columns.reshape(inner, math.prod(columns.shape[1:]))).reshape(rest)


def _matrix_product(left: Tensor, right: Tensor) -> Tensor:
    """(..., n, k) by (..., k, m), by the fastest rung of the ladder."""
    wide = _wide(left.dtype)
    return matmul_by_blocks(left.to(wide), right.to(wide)).to(left.dtype)


def _check_tensors(**operands: Any) -> None:
    for name, operand in operands.items():
        if not isinstance(operand, Tensor):
            raise TypeError(f"{name} must be a Tensor, not {type(operand).__name__}")


def _check_rank(rank: int, **operands: Tensor) -> None:
    for name, operand in operands.items():
        if operand.ndim != rank:
            raise RuntimeError(f"{name} must have {rank} dimensions, but its shape is {tuple(operand.shape)}")


def _check_inner(name: str, left: Tensor, right: Tensor, k_left: int, k_right: int) -> None:
    if k_left != k_right:
        shapes = f"{tuple(left.shape)} and {tuple(right.shape)}"
        raise RuntimeError(f"{name} does not fit: shapes {shapes} have inner sizes {k_left} and {k_right}")


def _check_dtypes(name: str, left: Tensor, right: Tensor) -> None:
    if left.dtype != right.dtype:
        raise RuntimeError(f"{name} has dtype {right.dtype}, the first operand {left.dtype}; they must be equal")
    if left.dtype in (torch.bool, torch.complex32):
        raise NotImplementedError(f"{name} has dtype {right.dtype}, which has no matrix product")


# ---- three ways to see one product -----------------------------------------------------------------------------


@dataclass(frozen=True)
class CellSteps:
    """How one cell of a matrix product comes about: the row meets the column."""

    row: Tensor  # (k,) of the left matrix
    column: Tensor  # (k,) of the right matrix
    terms: Tensor  # (k,) their products
    output: Tensor  # the sum of the terms


def cell_steps(A: Tensor, B: Tensor, i: int, j: int) -> CellSteps:
    """Cell (i, j) of the product of two matrices as an inner product."""
    row, column = A[i], B[:, j]
    terms = row * column
    return CellSteps(row, column, terms, terms.sum())


def outer_products(A: Tensor, B: Tensor) -> Tensor:
    """The k outer products, column k of A times row k of B, as (k, n, m): their sum over k is the product."""
    return A.T[:, :, None] * B[:, None, :]


def column_terms(A: Tensor, B: Tensor, j: int) -> Tensor:
    """Column j of the product as a combination of A's columns: (k, n), row k is A[:, k] · B[k, j]; they sum to it."""
    return A.T * B[:, j, None]


# ---- which ranks each operation takes --------------------------------------------------------------------------


def _elementwise_rank(left: int, right: int) -> int:
    return max(left, right)


def _matmul_rank(left: int, right: int) -> int | None:
    if left == 0 or right == 0:
        return None
    return max(left, right, 2) - (left == 1) - (right == 1)


def _numpy_dot_rank(left: int, right: int) -> int:
    if left == 0 or right == 0:
        return max(left, right)
    return left + right - 2


def _only(rank: int, result: int) -> Callable[[int, int], int | None]:
    return lambda left, right: result if left == right == rank else None


RANKS = range(5)
_RANK_OF_RESULT: dict[str, Callable[[int, int], int | None]] = {
    "torch.mul": _elementwise_rank,
    "*": _elementwise_rank,
    "torch.mm": _only(2, 2),
    "torch.matmul": _matmul_rank,
    "@": _matmul_rank,
    "torch.bmm": _only(3, 3),
    "torch.dot": _only(1, 0),
    "numpy.multiply": _elementwise_rank,
    "numpy.dot": _numpy_dot_rank,
    "numpy @": _matmul_rank,
}

# operation → (rank of left, rank of right) → rank of the result, None where it refuses whatever the sizes
ACCEPTS: Mapping[str, Mapping[tuple[int, int], int | None]] = {
    operation: {(left, right): rank(left, right) for left in RANKS for right in RANKS}
    for operation, rank in _RANK_OF_RESULT.items()
}


# ---- einsum ----------------------------------------------------------------------------------------------------

Label = str  # a letter, or "…2" for the third dimension from the right of those an ellipsis covers
Labelled = tuple[Tensor, list[Label]]


def einsum(equation: Any, *operands: Any) -> Tensor:
    """Einstein summation, as `torch.einsum`: name every dimension, multiply, sum what the output does not name.

    `einsum("ij,jk->ik", A, B)` is the matrix product. A label twice in one operand takes the diagonal; `...` stands
    for the unnamed dimensions, which broadcast; without `->` the labels that occur once make the output, in
    alphabetical order, after the ellipsis. Also takes the sublist form `einsum(A, [0, 1], B, [1, 2], [0, 2])`.
    Operands are contracted two at a time from the left, each pair by one matrix product.

    Raises ValueError (no operands, a sublist entry outside 0…51), TypeError (equation not a string, operands not
    tensors), RuntimeError (an equation that does not parse or does not fit the operands).
    """
    if not operands:
        raise ValueError("operands are missing: einsum takes an equation and at least one operand")
    if isinstance(equation, Tensor):
        equation, operands = _from_sublists((equation, *operands))
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    if not isinstance(equation, str):
        raise TypeError(f"equation must be a string, not {type(equation).__name__}")
    for operand in operands:
        if not isinstance(operand, Tensor):
            raise TypeError(f"operands must be Tensors, not {type(operand).__name__}")
    inputs, output = _parse(equation, operands)
    labelled = [_diagonal(operand, labels) for operand, labels in zip(operands, inputs, strict=True)]
    _check_label_sizes(labelled)
    total, *rest = labelled
    for position, operand in enumerate(rest, start=1):
        still_needed = {label for _, labels in labelled[position + 1 :] for label in labels}
        total = _contract(total, operand, still_needed.union(output))
    return _to_output(total, output)


def _from_sublists(arguments: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """`A, [0, 1], B, [1, 2], [0, 2]` as the equation "AB,BC->AC" and the operands."""
    subscripts = ",".join("".join(map(_letter, sublist)) for sublist in arguments[1::2])
    if len(arguments) % 2 == 0:
        return subscripts, tuple(arguments[::2])
    return subscripts + "->" + "".join(map(_letter, arguments[-1])), tuple(arguments[:-1:2])


def _letter(entry: Any) -> str:
    if entry is Ellipsis:
        return "..."
    if not isinstance(entry, int):
        raise TypeError(f"operands in sublist form must be followed by lists of ints and Ellipsis, not {entry!r}")
    if not 0 <= entry < 52:
        raise ValueError(f"operands in sublist form take entries from 0 to 51, not {entry}")
    return chr(ord("A") + entry) if entry < 26 else chr(ord("a") + entry - 26)


def _tokens(equation: str, part: str) -> list[str]:
    """The letters and ellipses of one operand's or the output's part of the equation."""
    tokens, rest = [], part.strip()
    while rest:
        size = 3 if rest.startswith("...") else 1
        token, rest = rest[:size], rest[size:].lstrip()
        if token != "..." and not (token.isascii() and token.isalpha()):
            raise RuntimeError(f"equation {equation!r} has {token!r} where a letter, '...', ',' or '->' may stand")
        tokens.append(token)
    if tokens.count("...") > 1:
        raise RuntimeError(f"equation {equation!r} has more than one ellipsis in {part.strip()!r}")
    return tokens


def _parse(equation: str, operands: Sequence[Tensor]) -> tuple[list[list[Label]], list[Label]]:
    """The labels of each operand's dimensions and of the output's."""
    left, arrow, right = equation.partition("->")
    parts = left.split(",")
    if len(parts) != len(operands):
        raise RuntimeError(f"equation {equation!r} names {len(parts)} operands, but {len(operands)} are given")
    inputs = [_labels(equation, _tokens(equation, part), t) for part, t in zip(parts, operands, strict=True)]
    covered = max((sum(label[0] == "…" for label in labels) for labels in inputs), default=0)
    ellipsis = [f"…{place}" for place in reversed(range(covered))]
    if not arrow:
        letters = [label for labels in inputs for label in labels if label[0] != "…"]
        return inputs, ellipsis + sorted(label for label in letters if letters.count(label) == 1)
    output = []
    for token in _tokens(equation, right):
        output.extend(ellipsis if token == "..." else [token])
    for label in output:
        if output.count(label) > 1:
            raise RuntimeError(f"equation {equation!r} has {label} more than once in the output")
        if not any(label in labels for labels in inputs):
            raise RuntimeError(f"equation {equation!r} has {label} in the output, but in no operand")
    return inputs, output


def _labels(equation: str, tokens: list[str], operand: Tensor) -> list[Label]:
    """One label for each dimension of the operand: the ellipsis covers those that have no letter."""
    covered = operand.ndim - (len(tokens) - tokens.count("..."))
    if covered < 0 or (covered and "..." not in tokens):
        shape = tuple(operand.shape)
        raise RuntimeError(f"equation {equation!r} has {''.join(tokens)!r} for an operand of shape {shape}")
    labels: list[Label] = []
    for token in tokens:
        labels.extend([f"…{place}" for place in reversed(range(covered))] if token == "..." else [token])
    return labels


def _diagonal(operand: Tensor, labels: list[Label]) -> Labelled:
    """Every label once: a repeated one walks the diagonal."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first, second = (d for d, name in enumerate(labels) if name == label and labels[:d].count(label) < 2)
            if operand.shape[first] != operand.shape[second]:
                sizes = f"{operand.shape[first]} and {operand.shape[second]}"
                raise RuntimeError(f"equation repeats {label} in one of the operands for sizes {sizes}")
            operand = operand.diagonal(0, first, second)  # the diagonal becomes the last dimension
            labels = [name for d, name in enumerate(labels) if d not in (first, second)] + [label]
    return operand, labels


def _check_label_sizes(labelled: Sequence[Labelled]) -> None:
    sizes: dict[Label, int] = {}
    for operand, labels in labelled:
        for label, size in zip(labels, operand.shape, strict=True):
            known = sizes.setdefault(label, size)
            if size != known and 1 not in (size, known):
                raise RuntimeError(f"operands have sizes {known} and {size} for {label} of the equation")
            sizes[label] = max(size, known) if 1 in (size, known) and 0 not in (size, known) else min(size, known)


def _contract(left: Labelled, right: Labelled, keep: set[Label]) -> Labelled:
    """Multiply two operands and sum the labels that nothing after them needs."""
    left, right = _without_stretched(left, right), _without_stretched(right, left)
    left, right = _sum_private(left, right, keep), _sum_private(right, left, keep)
    (A, a), (B, b) = left, right
    shared = [label for label in a if label in b and label in keep]
    summed = [label for label in a if label in b and label not in keep]
    only_a, only_b = ([x for x in labels if x not in shared + summed] for labels in (a, b))
    if not summed:
        labels = shared + only_a + only_b
        return mul(_aligned(left, labels), _aligned(right, labels)), labels
    _check_dtypes("operands", A, B)
    A, B = _permuted(left, shared + only_a + summed), _permuted(right, shared + summed + only_b)
    batch, k = A.shape[: len(shared)], A.shape[A.ndim - len(summed) :]
    n, m = A.shape[len(shared) : A.ndim - len(summed)], B.shape[len(shared) + len(summed) :]
    flat = [math.prod(sizes) for sizes in (batch, n, k, m)]
    product = _matrix_product(A.reshape(flat[0], flat[1], flat[2]), B.reshape(flat[0], flat[2], flat[3]))
    return product.reshape(batch + n + m), shared + only_a + only_b


def _without_stretched(operand: Labelled, other: Labelled) -> Labelled:
    """Drop dimensions of size 1 that the other operand has in another size: they only broadcast."""
    tensor, labels = operand
    sizes = dict(zip(other[1], other[0].shape, strict=True))
    dims = [d for d, label in enumerate(labels) if tensor.shape[d] == 1 and sizes.get(label, 1) != 1]
    return tensor.squeeze(tuple(dims)), [label for d, label in enumerate(labels) if d not in dims]


def _sum_private(operand: Labelled, other: Labelled, keep: set[Label]) -> Labelled:
    """Sum what only this operand has and nobody needs, before multiplying."""
    tensor, labels = operand
    dims = [d for d, label in enumerate(labels) if label not in other[1] and label not in keep]
    return (tensor.sum(dims) if dims else tensor), [label for d, label in enumerate(labels) if d not in dims]


def _permuted(operand: Labelled, order: Sequence[Label]) -> Tensor:
    tensor, labels = operand
    return tensor.permute([labels.index(label) for label in order])


def _aligned(operand: Labelled, order: Sequence[Label]) -> Tensor:
    """Dimensions in the given order, with size 1 where the operand has no such label."""
    tensor = _permuted(operand, [label for label in order if label in operand[1]])
    sizes: Iterator[int] = iter(tensor.shape)
    return tensor.reshape([next(sizes) if label in operand[1] else 1 for label in order])


def _to_output(operand: Labelled, output: Sequence[Label]) -> Tensor:
    tensor, labels = operand
    dims = [d for d, label in enumerate(labels) if label not in output]
    if dims:
        tensor, labels = tensor.sum(dims), [label for label in labels if label in output]
    return _permuted((tensor, labels), output)


# ---- the register ----------------------------------------------------------------------------------------------


def _random(shape: Sequence[int], dtype: torch.dtype, device: torch.device, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator).to(dtype=dtype, device=device)


def _pair(shape: Callable[[int], Shape]) -> Callable[[int, torch.dtype, torch.device, int], Call]:
    """Inputs of two tensors of one shape."""

    def make_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
        generator = torch.Generator().manual_seed(seed)
        return Call(tuple(_random(shape(size), dtype, device, generator) for _ in range(2)))

    return make_call


def _einsum_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    return Call(("ij,jk->ik", *(_random((size, size), dtype, device, generator) for _ in range(2))))


MATRICES: dict[str, Any] = {  # what the products of two n × n matrices have in common
    "sizes": (16, 128, 768),
    "size_meaning": "n: two matrices of shape (n, n)",
    "bytes_moved": lambda n, itemsize: 3 * n * n * itemsize,
    "operations": lambda n: 2 * n**3,
}


OPERATORS = (
    Operator(
        mirrors="torch.mul",
        manual=mul,
        torch=torch.mul,
        make_call=_pair(lambda n: (n, n)),
        sizes=(16, 512, 4096),
        size_meaning="n: two tensors of shape (n, n)",
        bytes_moved=lambda n, itemsize: 3 * n * n * itemsize,
        operations=lambda n: n * n,
        target_ratio=1.0,
    ),
    Operator(
        mirrors="torch.matmul",
        manual=matmul,
        torch=torch.matmul,
        make_call=_pair(lambda n: (n, n)),
        textbook=matmul_by_loops,
        **MATRICES,
    ),
    Operator(
        mirrors="torch.mm",
        manual=mm,
        torch=torch.mm,
        make_call=_pair(lambda n: (n, n)),
        textbook=matmul_by_loops,
        **MATRICES,
    ),
    Operator(
        mirrors="torch.bmm",
        manual=bmm,
        torch=torch.bmm,
        make_call=_pair(lambda n: (n, 128, 128)),
        sizes=(1, 16, 128),
        size_meaning="n: n pairs of matrices of shape (128, 128)",
        bytes_moved=lambda n, itemsize: 3 * n * 128 * 128 * itemsize,
        operations=lambda n: 2 * n * 128**3,
    ),
    Operator(
        mirrors="torch.dot",
        manual=dot,
        torch=torch.dot,
        make_call=_pair(lambda n: (n,)),
        sizes=(1024, 1 << 18, 1 << 24),
        size_meaning="n: two vectors of n numbers",
        bytes_moved=lambda n, itemsize: 2 * n * itemsize,
        operations=lambda n: 2 * n,
        textbook=dot_by_loop,
    ),
    Operator(mirrors="torch.einsum", manual=einsum, torch=torch.einsum, make_call=_einsum_call, **MATRICES),
)
