"""Products of tensors, written from products and sums of numbers.

    mul     cᵢⱼ = aᵢⱼ · bᵢⱼ            after broadcasting
    matmul  cᵢⱼ = Σₖ aᵢₖ · bₖⱼ         row i of a meets column j of b

The product of two numbers is the primitive (Python's `*` on tensors); how shapes broadcast, which numbers meet and what
is summed is written here. No BLAS. A plain run has to store the products that it sums, and takes a few rows at a time;
compiled, a product is added to its sum as it comes.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from core.ops import kit
from core.ops.einsum import einsum
from core.ops.kit.products import check_inner, factors, in_blocks, matrices, vectors
from core.ops.operator import Call, Operator
from core.words import N_

Shape = tuple[int, ...]


# ---- element by element ----------------------------------------------------------------------------------------


def broadcast_shape(left: Sequence[int], right: Sequence[int]) -> Shape:
    """The shape both broadcast to: aligned at the last dimension, where sizes differ one of them must be 1.

    RuntimeError, naming the second shape as `other`, where they don't fit.
    """
    rank = max(len(left), len(right))
    padded = [(1,) * (rank - len(shape)) + tuple(shape) for shape in (left, right)]
    pairs = list(zip(*padded, strict=True))
    fits = all(a == b or 1 in (a, b) for a, b in pairs)
    kit.require(fits, "other", f"broadcast with input of shape {tuple(left)}", f"shape {tuple(right)}")
    return tuple(b if a == 1 else a for a, b in pairs)


def mul(input: Tensor | complex, other: Tensor | complex, *, out: Tensor | None = None) -> Tensor:
    """Element by element product, as torch.mul and `*`: shapes broadcast, dtypes promote.

    Either argument may be a number. Half precision is multiplied in float32 and rounded once.
    RuntimeError for shapes that don't broadcast, TypeError for what is neither tensor nor number.
    """
    left, right, dtype = factors(input, other)
    shape = broadcast_shape(left.shape, right.shape)
    return kit.finish(left.expand(shape) * right.expand(shape), like=dtype, out=out, cast=True)


# ---- one matrix product, as a sum of other things ---------------------------------------------------------------


def matmul_by_loops(A: Tensor, B: Tensor) -> Tensor:
    """Textbook: three loops over the definition, n · m · k products one at a time. Two matrices, nothing else."""
    n, m = A.shape[0], B.shape[1]
    C = torch.zeros(n, m, dtype=A.dtype, device=A.device)
    for i in range(n):
        for j in range(m):
            for k in range(A.shape[1]):
                C[i, j] += A[i, k] * B[k, j]
    return C


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


# ---- the matrix products ---------------------------------------------------------------------------------------


def matmul(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Matrix product, as torch.matmul and `@`.

    1-D by 1-D is the inner product; a 1-D input counts as a row, a 1-D other as a column, and the dimension added
    for that goes again; with more than two dimensions the last two are matrices and those before broadcast (only
    those: the matrices' own sizes must fit). Half precision is summed in float32; autocast is followed.
    RuntimeError for a 0-dim argument, sizes that don't fit, or two dtypes; NotImplementedError for bool.
    """
    left, right = matrices(input=input, other=other)
    A = left[None, :] if left.ndim == 1 else left  # (..., n, k)
    B = right[:, None] if right.ndim == 1 else right  # (..., k, m)
    check_inner(A, B, "other")
    product = rows_by_columns(A, B)
    if right.ndim == 1:
        product = product.squeeze(-1)
    if left.ndim == 1:
        product = product.squeeze(-1 if right.ndim == 1 else -2)
    return kit.finish(product, like=left, out=out)


def rows_by_columns(A: Tensor, B: Tensor) -> Tensor:
    """cᵢⱼ = Σₖ aᵢₖ · bₖⱼ: (..., n, k) by (..., k, m) gives (..., n, m), half precision as float32."""
    rows, columns = kit.wide(A)[..., :, None, :], kit.wide(B).mT[..., None, :, :]  # (..., n, 1, k), (..., 1, m, k)
    return in_blocks(lambda row, column: (row * column).sum(-1, dtype=row.dtype), rows, columns)


def mm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Product of two matrices, (n, k) by (k, m), as torch.mm. Nothing broadcasts: both must have two dimensions."""
    A, B = matrices(2, input=input, mat2=mat2)
    check_inner(A, B, "mat2")
    return kit.finish(rows_by_columns(A, B), like=A, out=out)


def bmm(input: Tensor, mat2: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Products of matrices pair by pair, (b, n, k) by (b, k, m), as torch.bmm. The batch sizes must be equal."""
    A, B = matrices(3, input=input, mat2=mat2)
    kit.require(len(A) == len(B), "mat2", f"have the batch size of input, {len(A)}, for bmm broadcasts none", len(B))
    check_inner(A, B, "mat2")
    return kit.finish(rows_by_columns(A, B), like=A, out=out)


def dot(input: Tensor, tensor: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Σ xᵢ · yᵢ of two vectors of one size, as torch.dot; unlike numpy's, nothing but vectors.

    Autocast leaves it alone. A plain run holds all products, as many as each vector has numbers.
    """
    x, y = vectors(input=input, tensor=tensor)
    kit.require(len(x) == len(y), "tensor", f"have the size of input, {len(x)}", len(y))
    return kit.finish((kit.wide(x) * kit.wide(y)).sum(dtype=kit.wide(x).dtype), like=x, out=out)


def dot_by_loop(input: Tensor, tensor: Tensor) -> Tensor:
    """Textbook: Σ xᵢ · yᵢ, one product at a time."""
    total = torch.zeros((), dtype=input.dtype, device=input.device)
    for x, y in zip(input, tensor, strict=True):
        total = total + x * y
    return total


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
    "sizes": (16, 128, 512),
    "size_meaning": N_("n: two matrices of shape (n, n)"),
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
