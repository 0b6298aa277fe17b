"""Dropout by hand against torch's: the same mask bit for bit, gradients, in-place rules and refusals."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ops.dropout import dropout, dropout_steps, dropout_textbook
from tests.ops.like_torch import check, check_refused

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
probabilities = st.one_of(st.sampled_from([0, 1, 0.0, 0.5, 1.0, True]), st.floats(0, 1))


def layouts(tensor, layout):
    """The same numbers, laid out in memory in another way."""
    if layout == "transposed" and tensor.dim() > 1:
        return tensor.transpose(0, -1).contiguous().transpose(0, -1)
    if layout == "sliced" and tensor.dim():
        return tensor.repeat_interleave(2, -1)[..., ::2]
    if layout == "channels_last" and tensor.dim() == 4:
        return tensor.contiguous(memory_format=torch.channels_last)
    return tensor


@st.composite
def inputs(draw):
    shape = draw(st.lists(st.integers(0, 5), max_size=4))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 9)))
    tensor = torch.randn(shape, generator=generator, dtype=torch.float64).to(draw(st.sampled_from(DTYPES)))
    return layouts(tensor, draw(st.sampled_from(["contiguous", "transposed", "sliced", "channels_last"])))


def drawn(function, seed, *arguments):
    torch.manual_seed(seed)
    return function(*arguments)


@given(inputs(), probabilities, st.booleans(), st.integers(0, 99))
@settings(max_examples=200, deadline=None)
def test_same_seed_same_bits_same_layout(input, p, training, seed):
    ours, theirs = (drawn(f, seed, input, p, training) for f in (dropout, F.dropout))
    assert torch.equal(ours, theirs)
    assert ours.stride() == theirs.stride()
    assert (ours is input) == (theirs is input)


@given(inputs(), probabilities, st.booleans())
@settings(max_examples=100, deadline=None)
def test_gradients(input, p, training):
    check(dropout, F.dropout, input.requires_grad_(), p, training)


@given(inputs(), probabilities, st.booleans(), st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_in_place(input, p, training, seed):
    mine, other = input.clone(), input.clone()
    ours = drawn(dropout, seed, mine, p, training, True)
    drawn(F.dropout, seed, other, p, training, True)
    assert ours is mine
    assert torch.equal(mine, other)


def test_in_place_gradient_on_an_intermediate_result():
    def run(function):
        return lambda x: function(x * 2, 0.3, True, True)

    check(run(dropout), run(F.dropout), torch.randn(5, 5, dtype=torch.float64).requires_grad_())


@pytest.mark.parametrize("p", [0.5, 1.0])
def test_infinity_and_nan_as_in_torch(p):
    input = torch.tensor([torch.nan, torch.inf, -torch.inf, -0.0, 1e308, -1.0] * 5, dtype=torch.float64)
    ours, theirs = (drawn(f, 3, input, p) for f in (dropout, F.dropout))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(ours.signbit(), theirs.signbit())


def test_a_million_draws_are_the_same_mask():
    input = torch.ones(1000, 1000)
    assert torch.equal(drawn(dropout, 7, input, 0.1), drawn(F.dropout, 7, input, 0.1))


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_first_and_second_derivatives(p):
    input = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)

    def run(x):
        return drawn(dropout, 0, x, p)

    assert torch.autograd.gradcheck(run, input)
    assert torch.autograd.gradgradcheck(run, input)


@pytest.mark.parametrize("p", [0.0, 1.0])
@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64])
def test_other_dtypes_pass_where_nothing_is_scaled(dtype, p):
    input = torch.ones(3, dtype=dtype)
    assert torch.equal(dropout(input, p), F.dropout(input, p))
    assert dropout(input, 0.5, training=False) is input


ONES = torch.ones(4, 5)


@pytest.mark.parametrize(
    ("arguments", "naming"),
    [
        *(((ONES, p), "p") for p in (-0.1, 1.1, 2, float("nan"), float("inf"), "a", None, (0.5,), 0.5j)),
        *(((ONES, p, False), "p") for p in (-0.1, 1.1, float("nan"))),
        ((ONES, torch.tensor([0.5, 0.5])), "p"),
        ((ONES, torch.tensor([0.5])), "p"),
        (([1.0], 0.5), "input"),
        ((None,), "input"),
        (([1.0], 0.5, False), "input"),
        *(((ONES, 0.5, training), "training") for training in (None, 1, "a")),
        *(((ONES.to(dtype), 0.5), "input") for dtype in (torch.int64, torch.bool, torch.uint8, torch.complex64)),
        ((ONES.to(torch.float8_e4m3fn), 0.5), "input"),
        ((ONES.long(), 0.5, True, True), "input"),
        ((ONES.clone().requires_grad_(), 0.5, True, True), "inplace"),
        ((ONES.clone().requires_grad_(), 1.0, True, True), "inplace"),
    ],
)
def test_refusals(arguments, naming):
    check_refused(dropout, F.dropout, *arguments, naming=rf"\b{naming}\b")


@pytest.mark.parametrize("p", [0.5, 1.0])
@pytest.mark.parametrize("make", [lambda: torch.ones(1, 3).expand(4, 3), lambda: ONES.clone().requires_grad_()[0]])
def test_in_place_is_refused_on_shared_memory_and_views_of_leaves(p, make):
    with pytest.raises(RuntimeError):
        F.dropout(make(), p, True, True)
    with pytest.raises(RuntimeError, match=r"\binplace\b"):
        dropout(make(), p, True, True)


def test_in_place_on_a_leaf_is_fine_where_nothing_is_written_or_recorded():
    leaf = torch.ones(3, requires_grad=True)
    assert dropout(leaf, 0.5, False, True) is leaf
    assert dropout(leaf, 0.0, True, True) is leaf
    with torch.no_grad():
        assert dropout(leaf, 0.5, True, True) is leaf


# ---- what the page shows ---------------------------------------------------------------------------------------


def test_steps_are_the_run():
    input = torch.randn(40, 50)
    steps = drawn(dropout_steps, 1, input, 0.25)
    assert torch.equal(steps.output, drawn(dropout, 1, input, 0.25))
    assert torch.equal(steps.mask, drawn(F.dropout, 1, torch.ones_like(input), 0.25) != 0)
    assert set(steps.scaled_mask.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}


def test_the_gradient_passes_through_the_same_mask():
    input = torch.randn(10, 10, requires_grad=True)
    steps = drawn(dropout_steps, 1, input, 0.4)
    (gradient,) = torch.autograd.grad(steps.output.sum(), input)
    assert torch.equal(gradient, steps.scaled_mask)


def test_the_mean_is_kept_and_without_scaling_it_is_not():
    torch.manual_seed(0)
    input = torch.full((1000, 1000), 3.0)
    steps = dropout_steps(input, 0.4)
    assert abs(steps.output.mean() - 3.0) < 0.02
    assert abs((input * steps.mask).mean() - 3.0 * 0.6) < 0.02


# ---- the tutorial's version ------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0, 0.0, 0.2, 0.5, 1, 1.0])
def test_textbook_keeps_and_scales_like_dropout(p):
    torch.manual_seed(0)
    output = dropout_textbook(torch.ones(300, 300), p)
    kept = output[output != 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / (1 - p) if p < 1 else 1.0))
    assert abs(kept.numel() / output.numel() - (1 - p)) < 0.01


def test_textbook_has_no_evaluation_and_turns_everything_into_float32():
    assert dropout_textbook(torch.ones(3, dtype=torch.float64), 0.5).dtype == torch.float32
    assert dropout_textbook(torch.ones(3, dtype=torch.float16), 0.5).dtype == torch.float32
    assert dropout_textbook(torch.ones(3, dtype=torch.int64), 0.5).dtype == torch.float32


def test_textbook_refuses_a_probability_without_a_word():
    with pytest.raises(AssertionError) as error:
        dropout_textbook(ONES, 1.5)
    assert str(error.value) == ""


def test_textbook_draws_another_mask_from_the_same_seed():
    masks = [drawn(f, 0, torch.ones(100), 0.5) != 0 for f in (dropout_textbook, F.dropout)]
    assert not torch.equal(*masks)
