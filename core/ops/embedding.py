"""embedding: pick rows of a table by their numbers.

    out[t] = weight[input[t]]            gradient of row v = Σ grad[t] over all t with input[t] = v

It is the product one_hot(input) @ weight without the products: each row of the one-hot matrix has a single 1.
"""

import itertools
from typing import Any

import torch
from torch import Tensor

from core.ops import kit
from core.ops.kit.rows import embedding_arguments
from core.ops.operator import Call, Operator

# ---- textbook --------------------------------------------------------------------------------------------------


def embedding_by_loop(input: Tensor, weight: Tensor) -> Tensor:
    """Textbook: one row of the table for each index. No options; a negative index is not refused, it wraps."""
    out = weight.new_zeros(*input.shape, weight.shape[1])
    for place in itertools.product(*map(range, input.shape)):
        out[place] = weight[int(input[place])]
    return out


def embedding_by_one_hot(input: Tensor, weight: Tensor) -> Tensor:
    """Textbook: one_hot(input) @ weight, of shape (…, D). Every number that is not picked is multiplied by 0."""
    one_hot = (input[..., None] == torch.arange(len(weight), device=input.device)).to(weight.dtype)  # (…, V)
    return one_hot @ weight


def gradient_by_loop(grad: Tensor, input: Tensor, weight: Tensor) -> Tensor:
    """Textbook: each row of grad is added to the row that was picked. Shape of weight, (V, D)."""
    out = torch.zeros_like(weight)
    for place in itertools.product(*map(range, input.shape)):
        out[int(input[place])] += grad[place]
    return out


def _embedding_textbook_call(input: Tensor, weight: Tensor, *options: Any, **named: Any) -> Tensor:
    """The loop on the arguments of the other tiers, of which it has the first two."""
    del options, named
    return embedding_by_loop(input, weight)


# ---- embedding -------------------------------------------------------------------------------------------------


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` (V, D) that `input` (int64 or int32, any shape) names: (*input.shape, D). As F.embedding.

    `padding_idx` names a row that gets no gradient; its numbers come out as they are. `max_norm` first scales picked
    rows of a larger `norm_type`-norm, in `weight` itself and without a gradient. `scale_grad_by_freq` divides a row's
    gradient by how often input names it. `sparse` gives the gradient as a sparse tensor of the rows that were picked.
    A complex weight is left to autograd, which knows no options.

    Raises TypeError (no tensor, a flag that is no bool), RuntimeError (rank of weight, dtype of input), IndexError
    (a number that is no row), AssertionError (padding_idx is no row); on the way back RuntimeError for sparse and
    scale_grad_by_freq together.
    """
    embedding_arguments(input, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
    if max_norm is not None:
        renormalise(input, weight.detach(), max_norm, norm_type)

    def pick(weight: Tensor, input: Tensor) -> Tensor:
        return weight.index_select(0, input.reshape(-1)).reshape(*input.shape, weight.shape[1])

    def back(grad: Tensor, weight: Tensor, input: Tensor) -> Tensor:
        return embedding_backward(grad, input, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)

    # Autograd's own way back through index_select would know none of the options.
    return kit.with_gradient(pick, back, weight, input, lambda tangent, _, index: pick(tangent, index))


def renormalise(input: Tensor, weight: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the picked rows of `weight` whose norm exceeds max_norm, in place: row · max_norm / (‖row‖ + 1e-7)."""
    picked = input.reshape(-1)
    rows = weight[picked]  # (T, D)
    norm = torch.linalg.vector_norm(rows, norm_type, 1, keepdim=True).double()  # half precision has no room for 1e-7
    scaled = (rows * (max_norm / (norm + 1e-7))).to(rows.dtype)
    weight[picked] = torch.where(norm > max_norm, scaled, rows)


def embedding_backward(
    grad: Tensor, input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:  # fmt: skip
    """The gradient of `weight` (V, D): each row of grad added at its index, Σ grad[t] over all t with input[t] = v."""
    del max_norm, norm_type  # the scaling is no step of the graph
    index, rows = input.reshape(-1), grad.reshape(input.numel(), weight.shape[1])  # (T,), (T, D)
    if sparse:
        kit.require(not scale_grad_by_freq, "scale_grad_by_freq", "be False where sparse is True", True)
        stays = index != (-1 if padding_idx is None else padding_idx % len(weight))
        return torch.sparse_coo_tensor(index[stays][None], rows[stays], weight.shape, check_invariants=False)
    if padding_idx is not None:
        rows = torch.where((index == padding_idx % len(weight))[:, None], 0, rows)
    if scale_grad_by_freq:
        counts = index.new_zeros(len(weight)).index_add(0, index, torch.ones_like(index))
        rows = rows / counts[index][:, None]
    return torch.zeros_like(weight).index_add(0, index, rows)


# ---- the register ----------------------------------------------------------------------------------------------


def _make_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(size, 64, generator=generator).to(dtype=dtype, device=device)
    return Call((torch.randint(size, (size,), generator=generator).to(device), weight))


OPERATORS = (
    Operator(
        mirrors="torch.nn.functional.embedding",
        manual=embedding,
        torch=torch.nn.functional.embedding,
        make_call=_make_call,
        sizes=(16, 1024, 65536),
        size_meaning="n: input of n numbers, weight of shape (n, 64)",
        bytes_moved=lambda size, itemsize: size * (2 * 64 * itemsize + 8),
        operations=lambda size: 2 * size,  # the address of each row: one multiply-add
        textbook=embedding_by_loop,
        textbook_call=_embedding_textbook_call,
        backward=embedding_backward,
    ),
)
