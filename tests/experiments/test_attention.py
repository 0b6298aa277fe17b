"""What the attention page finds out, against torch's own functions and counted by hand."""

import math

import pytest
import torch
import torch.nn.functional as F

from core.experiments import attention as runs

TOKENS = tuple(runs.SENTENCE.split())


def default(kind="none", own=None, dropout_p=0.0, factor=1.0):
    made = runs.example(runs.SENTENCE, 0)
    mask = runs.masked(kind, own, len(made.query), len(made.key))
    return runs.run(made.tokens, runs.call_of(made.query, made.key, made.value, mask, dropout_p, factor), 0)


@pytest.mark.parametrize("kind", ["none", "causal", "padding"])
@pytest.mark.parametrize("factor", [0.0, 1.0, 4.0])
def test_the_run_is_torchs(kind, factor):
    run = default(kind, factor=factor)
    torch.testing.assert_close(run.output, run.call.of(F.scaled_dot_product_attention))


def test_the_example_finds_whom_it_looks_for():
    found = [runs.told(default(), row) for row in range(5)]
    assert (found[3].query, found[3].best) == ("its", "cat")
    assert found[3].weight == pytest.approx(math.exp(4) / (math.exp(4) + 4))
    assert not any(one.even for one in found)


def test_what_is_told_of_a_row_at_the_ends():
    assert runs.told(default(factor=0.0), 0).even
    first = runs.told(default("causal"), 0)
    assert (first.seen, first.weight, first.best) == (1, 1.0, "the")
    hidden = torch.zeros(5, 5)
    hidden[1] = -math.inf
    blind = runs.told(default("own", hidden), 1)
    assert (blind.seen, blind.weight) == (0, 0.0)
    assert runs.told(default(dropout_p=0.9), 0).dropped > 0


def test_the_mask_for_one_token_leaves_it_to_see():
    assert runs.masked("padding", None, 1, 1).tolist() == [[True]]


def test_other_words_draw_numbers_and_too_many_are_cut():
    made = runs.example("a b c d e f g h i j", 1)
    assert len(made.tokens) == len(made.query) == runs.MOST_TOKENS
    assert runs.example("   ", 0).tokens == TOKENS


def test_what_does_not_fit_is_refused_in_torchs_words_and_mended():
    call = runs.call_of(torch.ones(2, 3), torch.ones(4, 2), torch.ones(3, 2), torch.zeros(9, 9), 0.0, 1.0)
    assert runs.refusal(call)
    fitted = runs.mended(call)
    assert runs.refusal(fitted) == ""
    assert [tuple(x.shape) for x in fitted.args] == [(2, 2), (3, 2), (3, 2)]


def test_integers_become_floats_with_torchs_words():
    call, said = runs.as_floats(runs.call_of(*(torch.ones(2, 2, dtype=torch.int64),) * 3, None, 0.0, 1.0))
    assert said
    assert {x.dtype for x in call.args} == {torch.float32}
    assert runs.as_floats(call)[1] == ""


@pytest.mark.parametrize("num_heads", runs.HEAD_SIZES)
def test_heads_are_torchs_and_only_merging_copies(num_heads):
    found = runs.heads(TOKENS, num_heads, 3)
    assert max(found.off, found.weights_off) < 1e-6
    assert [step.copied for step in found.way[:-1]] == [0, 0, 0, 0]
    assert found.way[-1].copied == (0 if num_heads == 1 else 5 * runs.FEATURES * 4)
    assert (found.alike > 0) == (num_heads > 1)


@pytest.mark.parametrize(("num_heads", "kv_heads"), [(2, 1), (2, 2), (4, 1), (4, 2), (1, 1)])
@pytest.mark.parametrize("tokens", [TOKENS, ("one",)])
def test_grouped_heads_are_torchs(num_heads, kv_heads, tokens):
    found = runs.grouped(runs.heads(tokens, num_heads, 3), kv_heads)
    assert found.off < 1e-6
    assert (found.shared, len(found.keys)) == (num_heads // kv_heads, kv_heads)
    assert found.kept * found.shared == found.kept_ungrouped == 2 * runs.FEATURES
    assert (found.differ > 0) == (found.shared > 1 and len(tokens) > 1)


def test_order_does_not_matter_without_positions():
    found = runs.order(runs.heads(TOKENS, 2, 0), 0)
    assert found.without < 1e-6 < 0.01 < found.with_positions
    alone = runs.order(runs.heads(TOKENS[:1], 2, 0), 0)
    assert alone.with_positions == 0


@pytest.mark.parametrize(("size", "seen"), [(1, 1), (2, 2), (2, 8), (8, 1)])
def test_blocks_come_to_the_same(size, seen):
    found = runs.blocks(default("causal"), size, seen)
    assert found.equal < 1e-6
    assert found.at_a_time == 5 * min(size, 5)
    assert (found.off == found.equal) == (found.block.stop == 5)


@pytest.mark.parametrize("token", [0, 4])
def test_a_step_with_a_cache_is_a_row_of_causal_attention(token):
    found = runs.cached(default(), token)
    assert found.off < 1e-6
    assert found.products == sum(range(1, token + 2)) <= found.again


def test_pitfalls():
    scale = runs.without_the_scale()
    assert scale.spread == pytest.approx(16, rel=0.1)
    assert scale.largest > 0.8 > scale.scaled
    assert scale.slope < scale.scaled_slope
    masks = runs.mask_meanings()
    assert (masks.function, masks.module) == ([1, 2, 3, 4], [3, 2, 1, 0])
    blind = runs.nothing_to_see()
    assert math.isnan(blind.softmax)
    assert math.isnan(blind.module)
    assert (blind.function, blind.gradient) == (0, 0)
    batch = runs.batch_first()
    assert (batch.weights, batch.right, batch.leaked, batch.kept) == ((3, 2, 2), (2, 3, 3), 12, 0)
    mean = runs.averaged_of(4)
    assert mean.mean < max(mean.largest)
    late = runs.overflows()
    assert late.product > late.limit
    assert math.isnan(late.late)
    assert late.early == 0.5
    assert runs.causal_corner() == runs.Corner(5, 1, 5)


def test_answers():
    assert runs.seen_by(5, 2) == 3
    assert runs.split_shape(5, 2, 8) == (2, 5, 8)
