"""What the embedding page states, against torch: at every option, and on tables nobody planned."""

import math

import pytest
import torch
from torch.nn import functional as F

from core.experiments import embedding as runs

I = torch.tensor([1, 0, 2, 0, 2, 0])  # noqa: E741
TABLES = {
    "drawn": runs.example_weight(3, 4, 0),
    "half": runs.example_weight(3, 4, 0).half(),
    "double": runs.example_weight(3, 4, 0).double(),
    "integers": torch.arange(12).reshape(3, 4),
    "flags": torch.ones(3, 2, dtype=torch.bool),
    "zeros": torch.zeros(3, 2),
    "one column": torch.tensor([[1.0], [-2.0], [0.0]]),
    "infinite": torch.tensor([[math.nan, math.inf], [1.0, -math.inf], [0.0, 2.0]]),
}
tables = pytest.mark.parametrize("weight", TABLES.values(), ids=TABLES)


def same(one, other):
    return one.dtype == other.dtype and torch.equal(one.nan_to_num(7, 8, 9), other.nan_to_num(7, 8, 9))


def test_a_text_becomes_numbers_of_its_distinct_tokens():
    found = runs.tokens_of(runs.TEXT, words=False)
    assert found.vocabulary == ["a", "b", "n"]
    assert [found.vocabulary[number] for number in found.input.tolist()] == list(runs.TEXT)
    found = runs.tokens_of("to be or not to be", words=True)
    assert found.vocabulary == ["be", "not", "or", "to"]
    assert found.input.tolist() == [3, 0, 2, 1, 3, 0]


@pytest.mark.parametrize("words", [True, False])
@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_a_text_of_nothing_has_no_tokens(text, words):
    assert runs.tokens_of(text, words) is None


def test_a_long_text_is_cut_and_a_space_can_be_seen():
    found = runs.tokens_of("a b" * 30, words=False)
    assert (len(found.tokens), found.dropped) == (runs.MOST_TOKENS, 90 - runs.MOST_TOKENS)
    assert found.tokens[1] == runs.SPACE


@tables
@pytest.mark.parametrize("loss", ["sum", "squares"])
@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize(("padding_idx", "max_norm"), [(None, None), (0, None), (2, 1.0), (None, 0.5)])
def test_the_run_is_torchs(weight, loss, scale, padding_idx, max_norm):
    run = runs.run(I, weight, runs.Options(padding_idx, max_norm, 2.0, scale), loss)
    table = weight.clone().requires_grad_(weight.is_floating_point())
    options = {"padding_idx": padding_idx, "scale_grad_by_freq": scale}
    if weight.is_floating_point():
        options["max_norm"] = max_norm
    out = F.embedding(I, table, **options)
    tolerance = {"rtol": 1e-2, "atol": 1e-2} if weight.dtype == torch.float16 else {}
    torch.testing.assert_close(run.output, out.detach(), equal_nan=True, **tolerance)
    assert run.counts.tolist() == [3, 1, 2]
    assert run.most == 0
    if not weight.is_floating_point():
        assert run.grad is None
        return
    (out.sum() if loss == "sum" else out.pow(2).sum() / 2).backward()
    torch.testing.assert_close(run.grad, table.grad, equal_nan=True, **tolerance)
    torch.testing.assert_close(run.after, table.detach(), equal_nan=True, **tolerance)
    assert same(run.weight, weight)
    if max_norm is None:
        assert run.rescaled == []


def test_rows_that_are_too_long_and_picked_are_rescaled():
    weight = torch.tensor([[3.0, 4.0], [0.3, 0.4], [30.0, 40.0]])
    run = runs.run(torch.tensor([0, 1]), weight, runs.Options(max_norm=1.0))
    assert run.rescaled == [0]


@pytest.mark.parametrize(
    ("kind", "input"),
    [
        ("dtype", torch.tensor([0.0, 1.0])), ("dtype", torch.tensor([True])), ("dtype", torch.tensor([math.nan])),
        ("range", torch.tensor([0, 3])), ("range", torch.tensor([[-1]])),
    ],
)  # fmt: skip
def test_what_is_refused_is_what_torch_refuses_and_the_mended_input_is_taken(kind, input):
    weight = TABLES["drawn"]
    found = runs.misfit(input, weight)
    assert found.kind == kind
    assert found.says
    assert runs.misfit(found.mended, weight) is None
    F.embedding(found.mended, weight)
    assert runs.misfit(I, weight) is None


# ---- pitfalls --------------------------------------------------------------------------------------------------


@tables
def test_the_product_has_the_same_numbers_where_0_extinguishes_the_others(weight):
    found = runs.one_hot(I, weight)
    table = weight if weight.is_floating_point() else weight.float()
    assert found.same == bool(table.isfinite().all())
    assert found.multiplications == 6 * 3 * weight.shape[1]
    assert found.pick_multiplications == 0
    assert found.one_hot_bytes == F.one_hot(I, 3).to(table.dtype).nbytes
    assert found.index_bytes == I.nbytes


@tables
@pytest.mark.parametrize("row", [0, 2])
def test_padding_stops_the_gradient_and_nothing_else(weight, row):
    found = runs.padding(weight, row)
    assert same(found.functional, found.before)
    assert same(found.pretrained, found.before)
    assert not found.grad.any()
    assert found.other_grad.eq(1).all()
    assert not found.module.any()
    assert found.drawn.any()
    assert found.was_zero == (not found.before.any())


@tables
def test_numbers_that_are_no_rows_are_refused_and_quoted(weight):
    found = runs.numbers_that_are_no_rows(weight)
    assert "Long, Int" in found.of_floats
    assert found.beyond == found.negative == "index out of range in self"
    assert "0…2" in found.ours
    assert same(found.by_brackets, weight[-1])


@pytest.mark.parametrize("token", [0, 1, 2])
def test_what_moves_a_row_that_is_not_in_the_batch(token):
    weight = TABLES["drawn"]
    found = runs.absent_row(weight, token)
    assert found.row != token
    assert not found.grad.any()
    assert found.sgd == found.sparse_adam == 0
    after_one_step = weight[found.row] - 0.1 * (1 + 0.1 * weight[found.row])
    assert found.decay == pytest.approx(0.1 * 0.1 * after_one_step.abs().max().item(), rel=1e-4)
    assert found.momentum == pytest.approx(0.1 * 0.9, rel=1e-4)
    assert found.adam > 0.05


@tables
def test_every_table_takes_the_steps(weight):
    assert runs.absent_row(weight, 0).rows == 3


def test_a_table_of_one_row_has_no_other():
    assert runs.absent_row(torch.ones(1, 2), 0).rows == 1


@tables
@pytest.mark.parametrize("max_norm", [None, 0.5, 1e9])
def test_max_norm_writes_to_the_table_once(weight, max_norm):
    found = runs.max_norm_writes(I, weight, max_norm)
    table = (weight if weight.is_floating_point() else weight.float()).clone()
    before = table.clone()
    F.embedding(I, table, max_norm=found.max_norm)
    assert found.same_memory
    assert found.changed == runs.differing(table, before)
    if max_norm == 1e9 and before.isfinite().all():
        assert found.changed == 0
    if max_norm is None and before.isfinite().all() and before.any():
        assert found.norm_after == pytest.approx(found.norm_before / 2, rel=1e-2)


def test_the_rows_that_move_are_those_with_a_gradient():
    weight = TABLES["drawn"]
    assert runs.moves(runs.run(torch.tensor([2, 2]), weight, runs.Options())) == [2]
    assert runs.moves(runs.run(I, weight, runs.Options(padding_idx=0))) == [1, 2]
    assert runs.moves(runs.run(torch.tensor([0]), weight, runs.Options(padding_idx=0))) == []
