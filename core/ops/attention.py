"""Attention: each query asks every key, and gets a mean of the values, weighted by how well the keys fit.

    attention(Q, K, V) = softmax(Q·Kᵀ / √E + mask) · V

Source: Vaswani et al., "Attention is all you need", 2017, equation 1. A row of Q, K and V belongs to one token.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.ops import kit
from core.ops.dropout import dropout, dropout_steps
from core.ops.kit.attention import attention_arguments
from core.ops.linear import linear
from core.ops.operator import Call, Operator
from core.ops.products import rows_by_columns
from core.ops.softmax import softmax

# ---- textbook: one query at a time -----------------------------------------------------------------------------


def attention_by_queries(Q: Tensor, K: Tensor, V: Tensor) -> Tensor:
    """For each query: its product with every key, softmax of these scores, the values' mean with these weights.

    Limits: matrices only, Q (L, E), K (S, E), V (S, Ev); no mask, no dropout, the scale 1/√E alone.
    """
    rows = []
    for q in Q:
        scores = torch.stack([(q * k).sum() for k in K]) / Q.shape[1] ** 0.5  # (S,)
        weights = scores.exp() / scores.exp().sum()
        rows.append(sum((w * v for w, v in zip(weights, V, strict=True)), torch.zeros_like(V[0])))
    return torch.stack(rows)  # (L, Ev)


# ---- scaled dot product attention ------------------------------------------------------------------------------


@dataclass(frozen=True)
class AttentionSteps:
    """How attention comes about: all but the output are (..., L, S), a row for each query, a column for each key."""

    scores: Tensor  # query · keyᵀ · scale
    masked: Tensor  # scores + mask: −∞ where a query may not see a key
    weights: Tensor  # softmax of each row: how much a query takes of each value
    dropped: Tensor  # weights after dropout
    output: Tensor  # dropped · value: (..., L, Ev)


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, *, scale: float | None = None, enable_gqa: bool = False,
) -> Tensor:  # fmt: skip
    """softmax(query · keyᵀ · scale + mask) · value. As F.scaled_dot_product_attention.

    query (..., L, E), key (..., S, E), value (..., S, Ev): output (..., L, Ev). `attn_mask` broadcasts to (..., L, S):
    True where a query may see a key, or numbers to be added to the scores. `is_causal` lets query i see keys 0 … i.
    `scale` is 1/√E if not given. `enable_gqa` lets several heads of the query, (..., H, L, E), share one of the keys.
    `dropout_p` always drops: there is no argument `training`. Errors: see kit.attention.
    """
    q, k, v, mask, number = attention_arguments(
        query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa
    )  # fmt: skip
    (like,) = kit.autocast(query)
    return kit.finish(attention_steps(q, k, v, mask, dropout_p, number).output, like=like)


def attention_steps(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout_p: float, scale: float
) -> AttentionSteps:
    """The steps of attention; `mask` is what is added to the scores."""
    scores = rows_by_columns(query * scale, key.mT)  # scaled first: products of unscaled numbers are larger
    masked = scores if mask is None else scores + mask
    weights = softmax_or_zero(masked)
    dropped = dropout(weights, dropout_p) if dropout_p > 0 else weights
    return AttentionSteps(scores, masked, weights, dropped, rows_by_columns(dropped, value))


def softmax_or_zero(masked: Tensor) -> Tensor:
    """softmax of each row; 0 in a row of nothing but −∞, where softmax has 0/0: this query may see no key at all."""
    blind = (masked == -torch.inf).all(-1, keepdim=True)
    weights = softmax(torch.where(blind, 0.0, masked), -1)  # both times, so that no nan comes into a gradient
    return torch.where(blind, 0.0, weights)


def scaled_dot_product_attention_backward(
    grad: Tensor, query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, *, scale: float | None = None, enable_gqa: bool = False,
) -> tuple[Tensor, ...]:  # fmt: skip
    """The gradients of query, key and value, and of a mask of numbers. With w the weights, before dropout:

        value: wᵀ · grad      w: grad · valueᵀ      scores: w · (w's grad − Σ w's grad · w), as softmax's
        query: scores' grad · key · scale           key: scores' gradᵀ · query · scale

    The dropout mask is drawn again, so the generator has to stand where it stood in the forward pass.
    """
    q, k, v, mask, number = attention_arguments(
        query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa
    )  # fmt: skip
    w = attention_steps(q, k, v, mask, 0.0, number).weights
    kept = dropout_steps(w, dropout_p).scaled_mask if dropout_p > 0 else torch.ones_like(w)
    of_w = (grad @ v.mT) * kept
    of_scores = w * (of_w - (of_w * w).sum(-1, keepdim=True))
    found = [of_scores @ k * number, of_scores.mT @ q * number, (w * kept).mT @ grad]
    found = [_summed_to(of, tensor) for of, tensor in zip(found, (query, key, value), strict=True)]
    if attn_mask is None or attn_mask.dtype == torch.bool:
        return tuple(found)
    return (*found, of_scores.sum_to_size(attn_mask.shape))


def _summed_to(grad: Tensor, tensor: Tensor) -> Tensor:
    """The gradient of a tensor whose heads, or batch, were read several times."""
    if grad.ndim > 2 and tensor.ndim > 2 and 1 < tensor.shape[-3] < grad.shape[-3]:
        grad = grad.unflatten(-3, (tensor.shape[-3], -1)).sum(-3)
    return grad.sum_to_size(tensor.shape)


# ---- several heads -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MultiHeadSteps:
    """Self-attention with H heads on x (..., L, D), D = H · E."""

    projected: Tensor  # (..., L, 3·D): query, key and value of all heads side by side, from one product
    heads: tuple[Tensor, Tensor, Tensor]  # query, key and value, each (..., H, L, E): views of `projected`
    attention: AttentionSteps  # of all heads at once
    merged: Tensor  # (..., L, D): the heads' outputs side by side, in a storage of its own
    output: Tensor  # (..., L, D)


def multi_head_steps(
    x: Tensor, num_heads: int, in_proj_weight: Tensor, in_proj_bias: Tensor | None, out_proj_weight: Tensor,
    out_proj_bias: Tensor | None, mask: Tensor | None = None,
) -> MultiHeadSteps:  # fmt: skip
    """What nn.MultiheadAttention(D, num_heads, batch_first=True) does to (x, x, x), with its own parameters.

    in_proj_weight (3·D, D), out_proj_weight (D, D), their biases (3·D,) and (D,); `mask` is added to the scores.
    """
    projected = linear(x, in_proj_weight, in_proj_bias)  # (..., L, 3·D)
    q, k, v = (split_heads(part, num_heads) for part in projected.chunk(3, -1))
    attention = attention_steps(q, k, v, mask, 0.0, q.shape[-1] ** -0.5)
    merged = merge_heads(attention.output)
    return MultiHeadSteps(projected, (q, k, v), attention, merged, linear(merged, out_proj_weight, out_proj_bias))


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """(..., L, D) as (..., H, L, E): a view that cuts the last dimension in H parts. No number moves."""
    return x.unflatten(-1, (num_heads, -1)).transpose(-3, -2)


def merge_heads(x: Tensor) -> Tensor:
    """(..., H, L, E) as (..., L, D). The heads of a token do not lie side by side, so this copies."""
    return x.transpose(-3, -2).flatten(-2)


# ---- the same numbers in other orders ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """What online softmax knows once it has seen the keys before `stop`."""

    start: int
    stop: int
    scores: Tensor  # of this block alone, masked: (..., L, stop − start)
    largest: Tensor  # score so far: (..., L, 1)
    total: Tensor  # of exp(score − largest) so far: (..., L, 1)
    output: Tensor  # the mean of the values so far: (..., L, Ev)


def attention_in_blocks(
    query: Tensor, key: Tensor, value: Tensor, block_size: int, mask: Tensor | None, scale: float
) -> list[Block]:
    """Attention that never holds all scores: a block of keys at a time, as FlashAttention does.

    A larger score makes all exponents so far too large by exp(old largest − new largest): total and sum shrink by that
    factor. Source: Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018; Dao et al., 2022.
    """
    shape = (*torch.broadcast_shapes(query.shape[:-2], key.shape[:-2]), query.shape[-2])
    largest = query.new_full((*shape, 1), -torch.inf)
    total, summed = torch.zeros_like(largest), query.new_zeros(*shape, value.shape[-1])
    blocks = []
    for start in range(0, key.shape[-2], block_size):
        stop = min(start + block_size, key.shape[-2])
        scores = rows_by_columns(query * scale, key[..., start:stop, :].mT)
        scores = scores if mask is None else scores + mask.expand(*shape, key.shape[-2])[..., start:stop]
        new = torch.maximum(largest, scores.amax(-1, keepdim=True))
        shift = torch.where(new == -torch.inf, 0.0, new)  # a query that has seen no key yet
        shrink, exp = (largest - shift).exp(), (scores - shift).exp()
        total = total * shrink + exp.sum(-1, keepdim=True)
        summed = summed * shrink + rows_by_columns(exp, value[..., start:stop, :])
        largest = new
        blocks.append(
            Block(start, stop, scores, largest, total, summed / total.clamp(min=torch.finfo(total.dtype).tiny))
        )
    return blocks


def attention_with_cache(query: Tensor, key: Tensor, value: Tensor, scale: float) -> list[Tensor]:
    """Causal attention one token after the other: token t asks the keys 0 … t, which are kept, and no other is asked
    again. Gives the output of each token, (..., 1, Ev)."""
    return [
        attention_steps(query[..., t : t + 1, :], key[..., : t + 1, :], value[..., : t + 1, :], None, 0.0, scale).output
        for t in range(query.shape[-2])
    ]


# ---- the register ----------------------------------------------------------------------------------------------


def _make_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    q, k, v = torch.randn(3, 4, size, 32, generator=generator).to(device, dtype)
    return Call((q, k, v))


def _textbook_call(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return torch.stack([attention_by_queries(q, k, v) for q, k, v in zip(query, key, value, strict=True)])


_library: Any = torch.nn.functional.scaled_dot_product_attention

OPERATORS = (
    Operator(
        mirrors="torch.nn.functional.scaled_dot_product_attention",
        textbook=attention_by_queries,
        textbook_call=_textbook_call,
        manual=scaled_dot_product_attention,
        backward=scaled_dot_product_attention_backward,
        torch=_library,
        make_call=_make_call,
        sizes=(8, 64, 512),
        size_meaning="n: query, key and value of shape (4, n, 32)",
        bytes_moved=lambda n, itemsize: 4 * 4 * n * 32 * itemsize,
        operations=lambda n: 4 * (2 * 2 * n * n * 32 + 5 * n * n),
        random=True,
    ),
)
