import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ops.embedding import (
    OPERATORS,
    embedding,
    embedding_backward,
    embedding_by_loop,
    embedding_by_one_hot,
    gradient_by_loop,
)
from tests.ops.composing import KINDS, compile_kind, tried
from tests.ops.like_torch import check, check_refused

THEIRS = torch.nn.functional.embedding
W = torch.tensor([[3.0, 4.0], [0.0, 0.5], [-1.0, 2.0]])
I = torch.tensor([2, 0, 2, 2])  # noqa: E741


@st.composite
def cases(draw, dtypes=(torch.float64, torch.float32, torch.float16, torch.bfloat16)):
    """Indices, a table with a gradient, and options."""
    rows, columns = draw(st.integers(1, 6)), draw(st.integers(0, 4))
    shape = draw(st.lists(st.integers(0, 4), max_size=3))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    weight = (torch.randn(rows, columns, generator=generator, dtype=torch.float64) * 2).to(
        draw(st.sampled_from(dtypes))
    )
    input = torch.randint(rows, shape, generator=generator).to(draw(st.sampled_from([torch.int64, torch.int32])))
    options = {"padding_idx": draw(st.none() | st.integers(-rows, rows - 1)), "scale_grad_by_freq": draw(st.booleans())}
    return input, weight.requires_grad_(), options


@settings(max_examples=150, deadline=None)
@given(cases())
def test_values_and_gradients_are_torchs(case):
    input, weight, options = case
    check(embedding, THEIRS, input, weight, **options)


@settings(max_examples=100, deadline=None)
@given(cases(), st.sampled_from([0.0, 0.1, 1.0, 3.0]), st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0, math.inf]))
def test_max_norm_leaves_the_same_table_behind(case, max_norm, norm_type):
    input, weight, options = case
    if not weight.numel():
        return
    check(embedding, THEIRS, input, weight, max_norm=max_norm, norm_type=norm_type, **options)
    ours, theirs = weight.detach().clone(), weight.detach().clone()
    embedding(input, ours, max_norm=max_norm, norm_type=norm_type)
    THEIRS(input, theirs, max_norm=max_norm, norm_type=norm_type)
    tolerance = 8 * torch.finfo(weight.dtype).eps
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)
    unpicked = torch.isin(torch.arange(len(weight)), input).logical_not()
    assert torch.equal(ours[unpicked], weight.detach()[unpicked])


@settings(max_examples=60, deadline=None)
@given(cases((torch.float64,)), st.integers(0, 99))
def test_textbooks_agree(case, seed):
    input, weight, _ = case
    expected = THEIRS(input, weight)
    assert torch.equal(embedding_by_loop(input, weight), expected)
    torch.testing.assert_close(embedding_by_one_hot(input, weight), expected)
    grad = torch.randn(expected.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    (back,) = torch.autograd.grad(expected, weight, grad)
    torch.testing.assert_close(gradient_by_loop(grad, input, weight.detach()), back)
    torch.testing.assert_close(embedding_backward(grad, input, weight.detach()), back)


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.complex64])
def test_tables_of_other_numbers(dtype):
    check(embedding, THEIRS, I, W.abs().to(dtype))


def test_a_row_that_stands_three_times_gets_three_times_the_gradient():
    weight = W.clone().requires_grad_()
    embedding(I, weight).sum().backward()
    assert weight.grad.tolist() == [[1, 1], [0, 0], [3, 3]]


def test_padding_keeps_its_numbers_and_stops_its_gradient():
    weight = W.clone().requires_grad_()
    out = embedding(I, weight, padding_idx=-1)
    assert torch.equal(out[0], W[2])
    out.sum().backward()
    assert weight.grad[2].tolist() == [0, 0]


def test_an_infinite_gradient_stays_out_of_the_padding_row():
    grad = torch.full((4, 2), math.inf)
    assert embedding_backward(grad, I, W, padding_idx=2)[2].tolist() == [0, 0]


@pytest.mark.parametrize("padding_idx", [None, 0, 2])
def test_sparse_gradients_are_torchs(padding_idx):
    grads = []
    for function in (embedding, THEIRS):
        weight = W.clone().requires_grad_()
        function(I, weight, padding_idx=padding_idx, sparse=True).sum().backward()
        grads.append(weight.grad)
    ours, theirs = grads
    assert ours.is_sparse
    assert torch.equal(ours._indices(), theirs._indices())
    assert torch.equal(ours._values(), theirs._values())


def test_sparse_with_scaling_is_refused_on_the_way_back_as_by_torch():
    for function in (embedding, THEIRS):
        out = function(I, W.clone().requires_grad_(), sparse=True, scale_grad_by_freq=True)
        with pytest.raises(RuntimeError, match="scale_grad_by_freq"):
            out.sum().backward()


def test_second_derivatives_are_torchs():
    for function in (embedding, THEIRS):
        weight = W.double().requires_grad_()
        assert torch.autograd.gradgradcheck(lambda w, f=function: f(I, w, padding_idx=0).pow(3), weight)


@pytest.mark.parametrize(
    ("naming", "args", "options"),
    [
        ("input", (I.float(), W), {}), ("input", (I.short(), W), {}), ("input", (I > 0, W), {}),
        ("input", ([1], W), {}), ("weight", (I, [1.0]), {}), ("weight", (I, W[0]), {}), ("weight", (I, W[None]), {}),
        ("input", (I + 1, W), {}), ("input", (-I, W), {}), ("input", (I + 1, W), {"max_norm": 1.0}),
        ("padding_idx", (I, W), {"padding_idx": 3}), ("padding_idx", (I, W), {"padding_idx": -4}),
        ("padding_idx", (I, W), {"padding_idx": 1.5}), ("padding_idx", (I, W), {"padding_idx": True}),
        ("max_norm", (I, W), {"max_norm": "1"}), ("weight", (I, W.long()), {"max_norm": 1.0}),
        ("weight", (I, torch.ones(3, 1).expand(3, 2)), {"max_norm": 0.1}),
        ("scale_grad_by_freq", (I, W), {"scale_grad_by_freq": 1}), ("sparse", (I, W), {"sparse": "yes"}),
    ],
)  # fmt: skip
def test_what_torch_refuses(naming, args, options):
    if naming == "weight" and isinstance(args[1], torch.Tensor) and args[1].stride()[-1:] == (0,):
        for function in (embedding, THEIRS):  # a copy would have memory of its own
            with pytest.raises(RuntimeError):
                function(*args, **options)
        return
    check_refused(embedding, THEIRS, *args, naming=naming, **options)


@pytest.mark.parametrize("kind", [*KINDS, compile_kind("eager")], ids=lambda kind: kind.name)
def test_every_sample_composes(kind):
    assert not tried(OPERATORS[0], kind, 20).failures
