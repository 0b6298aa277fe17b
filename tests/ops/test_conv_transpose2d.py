"""Transposed convolution by hand against torch's: values, gradients, refusals, and that it is conv2d's transpose."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from core.ops.conv_transpose2d import conv_transpose2d, conv_transpose2d_steps, trans_conv_channels
from core.ops.kit.convolution import transposed_size
from tests.ops.like_torch import check, check_refused

small = st.integers(1, 3)
either = st.one_of(small, st.tuples(small), st.tuples(small, small))


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@st.composite
def calls(draw, dtypes=(torch.float64, torch.float32, torch.bfloat16, torch.int64)):
    groups, dtype = draw(small), draw(st.sampled_from(dtypes))
    channels, lead = groups * draw(small), draw(st.sampled_from([(), (2,), (0,)]))
    input = normal(*lead, channels, draw(st.integers(1, 5)), draw(st.integers(1, 5))).mul(3).to(dtype)
    weight = normal(channels, draw(small), draw(small), draw(small), seed=1).mul(3).to(dtype)
    bias = normal(weight.shape[1] * groups, seed=2).mul(3).to(dtype) if draw(st.booleans()) else None
    padding, extra = (draw(st.one_of(st.integers(0, 2), st.tuples(st.integers(0, 2), small))) for _ in range(2))
    call = input, weight, bias, draw(either), padding, extra, groups, draw(either)
    try:
        size = F.conv_transpose2d(*call).shape[-2:]
    except RuntimeError:
        assume(False)
    assume(0 not in size)  # torch lets only an empty batch end there
    return call


@given(calls())
@settings(max_examples=150, deadline=None)
def test_values_and_gradients(call):
    given_ = [t.requires_grad_() if torch.is_tensor(t) and t.is_floating_point() else t for t in call]
    check(conv_transpose2d, F.conv_transpose2d, *given_)


@given(calls((torch.float32,)))
@settings(max_examples=50, suppress_health_check=[HealthCheck.filter_too_much])
def test_textbook_by_channels_agrees(call):
    assume(call[0].dim() == 4 and len(call[0]))
    check(trans_conv_channels, F.conv_transpose2d, *call, tol=1e-5)


@given(st.integers(1, 6), small, small, st.integers(0, 2), st.integers(0, 2), small)
@settings(max_examples=60, deadline=None)
def test_the_size_is_torchs(size, kernel, stride, padding, extra, dilation):
    assume(extra < max(stride, dilation))
    found = transposed_size(size, kernel, stride, padding, extra, dilation)
    assume(found > 0)
    ones = torch.ones(1, size, size)
    output = F.conv_transpose2d(ones, torch.ones(1, 1, kernel, kernel), None, stride, padding, extra, 1, dilation)
    assert output.shape[1:] == (found, found)


def test_it_is_the_way_of_conv2ds_gradient():
    x, weight = normal(1, 2, 7, 7).requires_grad_(), normal(3, 2, 3, 3, seed=1)
    y = F.conv2d(x, weight, stride=2, padding=1)
    grad = normal(*y.shape, seed=2)
    (of_input,) = torch.autograd.grad(y, x, grad)
    torch.testing.assert_close(conv_transpose2d(grad, weight, stride=2, padding=1), of_input)


def test_the_taps_are_what_each_cell_lays_down():
    x, weight = normal(1, 2, 2, 3), normal(2, 1, 2, 2, seed=1)
    steps = conv_transpose2d_steps(x, weight, stride=2)
    whole = torch.einsum("nchw,coij->noijhw", x, weight)
    torch.testing.assert_close(steps.taps[:, 0], whole)
    torch.testing.assert_close(steps.summed[0, 0, 2:, 4:], whole[0, 0, :, :, 1, 2])


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_complex_numbers(dtype):
    parts = [torch.complex(normal(*s, seed=1), normal(*s, seed=2)) for s in ((2, 4, 4, 3), (4, 3, 3, 2), (6,))]
    tensors = [part.to(dtype).requires_grad_() for part in parts]
    check(
        conv_transpose2d,
        F.conv_transpose2d,
        *tensors,
        stride=2,
        groups=2,
        tol=1e-5 if dtype == torch.complex64 else 1e-12,
    )


X, W = normal(2, 4, 4, 4), normal(4, 3, 3, 3)


@pytest.mark.parametrize(
    ("arguments", "naming"),
    [
        ((None, W), "input"), ((X, None), "weight"), ((X, W, 1.0), "bias"), ((X[0, 0], W), "input"),
        ((X[None], W), "input"), ((X, W[0, 0]), "weight"), ((X, W[:3]), "input"), ((X, W[:, :, :0]), "weight"),
        ((X[:, :, :0], W), "input"), ((X, W, normal(4)), "bias"), ((X.float(), W), "weight"),
        ((X.int(), W.int()), "input"), ((X.bool(), W.bool()), "input"),
        *(((X, W, None, stride), "stride") for stride in (0, -1, 1.5, None, (1, 1, 1), (), True)),
        *(((X, W, None, 1, padding), "padding") for padding in (-1, 1.0, None, (1, 1, 1), "same", 3)),
        *(((X, W, None, 2, 0, extra), "output_padding") for extra in (-1, 2, 1.0, None, (1, 1, 1))),
        *(((X, W, None, 1, 0, 0, groups), "groups") for groups in (0, 1.0, None)),
        ((X, W, None, 1, 0, 0, 3), "weight"),
        *(((X, W, None, 1, 0, 0, 1, dilation), "dilation") for dilation in (0, "2", None, (1, 1, 1))),
    ],
)  # fmt: skip
def test_refusals(arguments, naming):
    if arguments[4:5] == (3,):
        arguments = (X[:, :, :1], *arguments[1:])  # an output of no row
    check_refused(conv_transpose2d, F.conv_transpose2d, *arguments, naming=rf"\b{naming}\b")
