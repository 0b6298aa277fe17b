"""Attention by hand against torch's: values, gradients, masks, grouped heads, refusals; heads, blocks and cache."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ops.attention import (
    attention_by_queries,
    attention_in_blocks,
    attention_steps,
    attention_with_cache,
    merge_heads,
    multi_head_steps,
    scaled_dot_product_attention,
    split_heads,
)
from tests.ops.like_torch import check, check_refused

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
torch_attention = F.scaled_dot_product_attention


@st.composite
def operands(draw):
    batch = draw(st.lists(st.integers(1, 3), max_size=2))
    rows, keys, features, width = (draw(st.integers(1, 4)) for _ in range(4))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    dtype = draw(st.sampled_from(DTYPES))
    q, k, v = (
        torch.randn(*batch, *shape, generator=generator).to(dtype).requires_grad_()
        for shape in ((rows, features), (keys, features), (keys, width))
    )
    kind = draw(st.sampled_from(["none", "bool", "numbers", "row"]))
    mask = None
    if kind == "bool":
        mask = torch.rand(rows, keys, generator=generator) < 0.6
    elif kind == "numbers":
        mask = torch.randn(*batch, rows, keys, generator=generator).to(dtype)
    elif kind == "row":
        mask = torch.where(torch.rand(1, keys, generator=generator) < 0.6, 0.0, -math.inf)
    return q, k, v, mask


@given(operands(), st.sampled_from([None, 0.0, -1.0, 0.7]))
@settings(max_examples=150, deadline=None)
def test_values_and_gradients_under_any_mask(given_, scale):
    q, k, v, mask = given_
    check(scaled_dot_product_attention, torch_attention, q, k, v, mask, scale=scale)


@given(operands(), st.sampled_from([0.0, 0.5]))
@settings(max_examples=60, deadline=None)
def test_causal_and_dropout_from_the_same_seed(given_, dropout_p):
    q, k, v, _ = given_
    check(scaled_dot_product_attention, torch_attention, q, k, v, None, dropout_p, True)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_grouped_heads(groups):
    q = torch.randn(2, 4, 3, 8, dtype=torch.float64, requires_grad=True)
    k, v = (torch.randn(2, groups, 5, 8, dtype=torch.float64, requires_grad=True) for _ in range(2))
    check(scaled_dot_product_attention, torch_attention, q, k, v, enable_gqa=True)


def test_what_has_no_rows_keys_or_features():
    for rows, keys, features in ((0, 3, 2), (3, 0, 2), (3, 4, 0)):
        q, k, v = torch.randn(rows, features), torch.randn(keys, features), torch.randn(keys, 2)
        torch.testing.assert_close(scaled_dot_product_attention(q, k, v), torch_attention(q, k, v))


def test_a_row_that_sees_nothing_is_zero_with_a_gradient_of_zero():
    q, k, v = (torch.randn(2, 3, requires_grad=True) for _ in range(3))
    mask = torch.tensor([[False, False], [True, True]])
    check(scaled_dot_product_attention, torch_attention, q, k, v, mask)
    assert scaled_dot_product_attention(q, k, v, mask)[0].tolist() == [0, 0, 0]


Q, K, V = torch.randn(3, 4), torch.randn(5, 4), torch.randn(5, 2)


@pytest.mark.parametrize(
    ("arguments", "more", "naming"),
    [
        ((Q[0], K, V), {}, "query"),
        ((Q, K[:, :3], V), {}, "key"),
        ((Q, K, V[:4]), {}, "value"),
        ((Q, K, V.double()), {}, "value"),
        ((Q.long(), K.long(), V.long()), {}, "query"),
        ((Q.to(torch.complex64), K.to(torch.complex64), V.to(torch.complex64)), {}, "query"),
        (([1.0], K, V), {}, "query"),
        ((Q, K, V, torch.ones(3, 5, dtype=torch.bool)), {"is_causal": True}, "attn_mask"),
        ((Q, K, V, torch.ones(4, dtype=torch.bool)), {}, "attn_mask"),
        ((Q, K, V, torch.ones(1, 3, 5, dtype=torch.bool)), {}, "attn_mask"),
        ((Q, K, V, torch.ones(3, 5, dtype=torch.int64)), {}, "attn_mask"),
        ((Q, K, V, torch.ones(3, 5, dtype=torch.float64)), {}, "attn_mask"),
        ((Q, K, V, None, 1.5), {}, "dropout_p"),
        ((Q, K, V, None, 0.0, 1), {}, "is_causal"),
        ((Q, K, V), {"scale": "half"}, "scale"),
        ((Q, K, V), {"enable_gqa": True}, "key"),
        ((Q.expand(4, 3, 4), K.expand(3, 5, 4), V.expand(3, 5, 2)), {"enable_gqa": True}, "key"),
        ((Q.expand(4, 3, 4), K.expand(2, 5, 4), V.expand(2, 5, 2)), {}, "other|broadcast|Shape|shape"),
    ],
)
def test_torch_refuses_and_so_do_we(arguments, more, naming):
    check_refused(scaled_dot_product_attention, torch_attention, *arguments, naming=naming, **more)


def test_the_textbooks_loop():
    torch.testing.assert_close(attention_by_queries(Q, K, V), torch_attention(Q, K, V))


def test_autocast_computes_in_its_dtype():
    with torch.autocast("cpu", torch.bfloat16):
        ours, theirs = scaled_dot_product_attention(Q, K, V), torch_attention(Q, K, V)
    assert ours.dtype == theirs.dtype == torch.bfloat16
    torch.testing.assert_close(ours, theirs)


# ---- heads, blocks, cache --------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_heads", [1, 2, 4])
@pytest.mark.parametrize("shape", [(5, 8), (3, 5, 8)])
def test_a_whole_layer_is_torchs_module(num_heads, shape):
    torch.manual_seed(0)
    module, x = torch.nn.MultiheadAttention(8, num_heads, batch_first=True).double(), torch.randn(shape).double()
    hidden = torch.ones(5, 5, dtype=torch.bool).triu(1)
    output, weights = module(x, x, x, attn_mask=hidden, average_attn_weights=False)
    added = torch.zeros(5, 5).masked_fill(hidden, -math.inf)
    ours = multi_head_steps(
        x, num_heads, module.in_proj_weight, module.in_proj_bias, module.out_proj.weight, module.out_proj.bias, added
    )
    torch.testing.assert_close(ours.output, output)
    torch.testing.assert_close(ours.attention.weights, weights)


def test_splitting_is_a_view_and_merging_brings_it_back():
    x = torch.randn(2, 5, 12)
    heads = split_heads(x, 3)
    assert heads.shape == (2, 3, 5, 4)
    assert heads.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    assert torch.equal(merge_heads(heads), x)


@given(operands(), st.integers(1, 6), st.floats(-2, 2))
@settings(max_examples=80, deadline=None)
def test_in_blocks_it_is_the_same(given_, block_size, scale):
    q, k, v, mask = (
        None if x is None else x.detach() if x.dtype == torch.bool else x.detach().double() for x in given_
    )
    added = torch.where(mask, 0.0, -math.inf) if mask is not None and mask.dtype == torch.bool else mask
    *_, last = attention_in_blocks(q, k, v, block_size, added, scale)
    torch.testing.assert_close(last.output, attention_steps(q, k, v, added, 0.0, scale).output)


def test_token_by_token_it_is_causal_attention():
    q, k, v = torch.randn(3, 2, 6, 4).double().unbind(0)
    step_by_step = torch.cat(attention_with_cache(q, k, v, 0.5), -2)
    torch.testing.assert_close(step_by_step, torch_attention(q, k, v, is_causal=True))
