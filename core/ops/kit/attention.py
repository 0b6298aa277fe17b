"""What attention asks of its arguments, and its masks as numbers to add."""

import math
from typing import Any

import torch
from torch import Tensor

from core.ops.kit import checks, precision


def attention_arguments(
    query: Any, key: Any, value: Any, attn_mask: Any, dropout_p: Any, is_causal: Any, scale: Any, enable_gqa: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor | None, float]:
    """query, key and value, wide, each head of the query with a head of its own; what to add to the scores; the scale.

    RuntimeError for fewer than two dimensions, dtypes that differ, a mask beside `is_causal`, a mask or a number of
    heads that does not fit, a probability above 1; IndexError for grouped heads in two dimensions; TypeError for
    arguments of the wrong type, NotImplementedError for complex numbers.
    """
    given = {"query": query, "key": key, "value": value}
    for name, tensor in given.items():
        checks.check_tensor(tensor, name)
        checks.require(tensor.ndim >= 2, name, "have at least 2 dimensions", tensor.ndim)
    checks.check_number(dropout_p, "dropout_p")
    checks.require(not dropout_p > 1, "dropout_p", "be a probability between 0 and 1", dropout_p)
    checks.check_boolean(is_causal, "is_causal")
    _check_dtypes(given)
    q, k, v = (precision.wide(tensor) for tensor in precision.autocast(query, key, value))
    if enable_gqa:
        k, v = _for_each_query_head(k, q, "key"), _for_each_query_head(v, q, "value")
    checks.require(q.shape[-1] == k.shape[-1], "key", f"have the query's last size, {q.shape[-1]}", k.shape[-1])
    checks.require(k.shape[-2] == v.shape[-2], "value", f"have a row for each of the {k.shape[-2]} keys", v.shape[-2])
    number = 1 / math.sqrt(max(q.shape[-1], 1)) if scale is None else checks.check_number(scale, "scale")
    return q, k, v, _added(attn_mask, is_causal, query, q, k), number


def _check_dtypes(given: dict[str, Tensor]) -> None:
    dtype = given["query"].dtype
    for name, tensor in given.items():
        checks.require(tensor.dtype == dtype, name, f"have the query's dtype, {dtype}", tensor.dtype)
    checks.require(not dtype.is_complex, "query", "be real", dtype, NotImplementedError)
    checks.require(dtype.is_floating_point, "query", "be floating point", dtype)


def _for_each_query_head(heads: Tensor, query: Tensor, name: str) -> Tensor:
    """Each head (dimension -3) as often as there are query heads in its group."""
    if min(heads.ndim, query.ndim) < 3:
        raise IndexError(f"argument '{name}' must have 3 dimensions or more, for its heads, but got {heads.ndim}")
    many, few = query.shape[-3], heads.shape[-3]
    checks.require(few > 0 and many % few == 0, name, f"have a number of heads that divides the query's, {many}", few)
    return heads.repeat_interleave(many // few, -3)


def _added(attn_mask: Any, is_causal: bool, given: Tensor, query: Tensor, key: Tensor) -> Tensor | None:
    """What is added to the scores: 0 where a query may see a key, −∞ where not; a mask of numbers as it is."""
    checks.require(attn_mask is None or not is_causal, "attn_mask", "be None beside is_causal=True", "a mask")
    if is_causal:
        attn_mask = query.new_ones(query.shape[-2], key.shape[-2], dtype=torch.bool).tril()
    if attn_mask is None:
        return None
    mask = checks.check_tensor(attn_mask, "attn_mask")
    allowed = (torch.bool, torch.float32, given.dtype)
    checks.require(mask.dtype in allowed, "attn_mask", f"be bool, float32 or {given.dtype}", mask.dtype)
    batch = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2])
    checks.broadcastable(mask, "attn_mask", (*batch, query.shape[-2], key.shape[-2]))
    return torch.where(mask, 0.0, -math.inf) if mask.dtype == torch.bool else mask
