import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ops import softmax
from tests.ops.like_torch import check, check_refused

INF, NAN = math.inf, math.nan
FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
ALONG_DIM = [(softmax.softmax, torch.softmax), (softmax.log_softmax, torch.log_softmax)]
ONE_NUMBER = [(softmax.sigmoid, torch.sigmoid), (softmax.logsigmoid, F.logsigmoid)]
along_dim = pytest.mark.parametrize(("manual", "reference"), ALONG_DIM, ids=["softmax", "log_softmax"])
one_number = pytest.mark.parametrize(("manual", "reference"), ONE_NUMBER, ids=["sigmoid", "logsigmoid"])
EXTREMES = torch.tensor([0.0, -0.0, 1.0, -1.0, 95.0, -95.0, 1e4, -1e4, 1e30, -1e30, INF, -INF, NAN])


@st.composite
def inputs(draw, dtypes=FLOATS):
    """A tensor of rank 0 to 4, perhaps empty, transposed, strided or expanded, of small or large numbers."""
    shape = draw(st.lists(st.integers(0, 5), max_size=4))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    input = torch.randn(shape, generator=generator, dtype=torch.float64) * draw(st.sampled_from([1, 30, 1e4]))
    input = input.to(draw(st.sampled_from(dtypes)))
    layout = draw(st.sampled_from(["contiguous", "transposed", "every second", "expanded"]))
    if input.ndim >= 2 and layout == "transposed":
        input = input.transpose(0, -1)
    if input.ndim and layout == "every second":
        input = input[..., ::2]
    if input.ndim and len(input) and layout == "expanded":
        input = input[:1].expand(3, *input.shape[1:])
    return input


# A gradient may be a difference of nearly equal numbers (1 − y² of a tanh): its own size is no measure then.
GRADIENT_TOLERANCE = {torch.float64: 1e-11, torch.float32: 1e-4, torch.float16: 0.02, torch.bfloat16: 0.1}


def check_values_and_gradients(manual, reference, input, *args, **kwargs):
    """Values to a few ulp for numbers of any size, gradients for numbers up to 3 or so."""
    check(manual, reference, input, *args, **kwargs)
    small = input.clamp(-3, 3).requires_grad_()
    check(manual, reference, small, *args, tol=GRADIENT_TOLERANCE[input.dtype], **kwargs)


# ---- as torch ----------------------------------------------------------------------------------------------------


@along_dim
@given(data=st.data())
@settings(max_examples=120, deadline=None)
def test_along_any_dim_of_any_tensor(manual, reference, data):
    input = data.draw(inputs())
    size = max(input.ndim, 1)
    check_values_and_gradients(manual, reference, input, data.draw(st.integers(-size, size - 1)))


@along_dim
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("source", [torch.int64, torch.bool, torch.uint8, torch.float16, torch.float64], ids=str)
def test_dtype_converts_first(manual, reference, source, dtype):
    input = torch.tensor([[1, 0, 3], [0, 0, 1]]).to(source)
    check(manual, reference, input, 1, dtype=dtype)
    check(manual, reference, input, 1, dtype)


@one_number
@given(input=inputs())
@settings(max_examples=100, deadline=None)
def test_one_number_at_a_time(manual, reference, input):
    check_values_and_gradients(manual, reference, input)


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.complex64], ids=str)
def test_sigmoid_of_other_dtypes(dtype):
    check(softmax.sigmoid, torch.sigmoid, torch.tensor([0, 1, 1, 0]).to(dtype))


@along_dim
def test_extreme_rows(manual, reference):
    rows = torch.tensor(
        [[1e4, 0, -1e4], [-INF, 0, 1], [-INF, -INF, 5], [-INF] * 3, [INF, 0, 1], [NAN, 0, 1], [1e38, -1e38, 0]]
    )
    check(manual, reference, rows, 1)
    check(manual, reference, rows.requires_grad_(), 1, tol=1e-6)


@one_number
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_extreme_numbers(manual, reference, dtype):
    for number in EXTREMES:
        check(manual, reference, number.to(dtype).requires_grad_())


@along_dim
def test_channels_last(manual, reference):
    input = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last).requires_grad_()
    check(manual, reference, input, 1)


@pytest.mark.parametrize(("manual", "reference"), [*ALONG_DIM, *ONE_NUMBER], ids=lambda f: f.__name__)
def test_gradients_of_first_and_second_order(manual, reference):
    input = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    arguments = (input, 1) if (manual, reference) in ALONG_DIM else (input,)
    assert torch.autograd.gradcheck(manual, arguments)
    assert torch.autograd.gradgradcheck(manual, arguments)


@along_dim
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_layouts(manual, reference, dtype):
    input = torch.randn(30, 4, 6, generator=torch.Generator().manual_seed(0)).to(dtype)
    for layout in (input, input.transpose(0, 2), input[::2], input[:1].expand(20, 4, 6), input[:, :, :0]):
        for dim in (0, 1, 2, -3):
            check(manual, reference, layout, dim)
            check(manual, reference, layout.clone().requires_grad_(), dim, tol=GRADIENT_TOLERANCE[dtype])


def test_sigmoid_keeps_the_layout_of_what_is_not_contiguous():
    input = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    assert softmax.sigmoid(input).stride() == torch.sigmoid(input).stride()


# ---- out ---------------------------------------------------------------------------------------------------------


@along_dim
def test_out_is_filled_and_returned(manual, reference):
    input, out = torch.randn(2, 3), torch.empty(0)
    assert manual(input, 1, out=out) is out
    torch.testing.assert_close(out, reference(input, 1))
    check_refused(manual, reference, input, 1, out=torch.empty(2, 3, dtype=torch.float64), naming=r"\bout\b")


def test_out_of_logsigmoid():
    input, out = torch.randn(2, 3), torch.empty(0)
    assert softmax.logsigmoid(input, out=out) is out
    torch.testing.assert_close(out, F.logsigmoid(input))


def test_out_of_sigmoid_may_have_another_dtype_that_can_hold_it():
    input, out = torch.randn(2, 3), torch.empty(2, 3, dtype=torch.float64)
    assert softmax.sigmoid(input, out=out) is out
    torch.testing.assert_close(out, torch.sigmoid(input).double())
    softmax.sigmoid(input, out=input)  # in place
    for refused in (torch.empty(2, 3, dtype=torch.int64), [1.0]):
        check_refused(softmax.sigmoid, torch.sigmoid, torch.randn(2, 3), out=refused, naming=r"\bout\b")
    check_refused(
        softmax.sigmoid, torch.sigmoid, torch.ones(2, requires_grad=True), out=torch.empty(2), naming=r"\bout\b"
    )


# ---- what it means -----------------------------------------------------------------------------------------------


@given(input=inputs(dtypes=[torch.float64, torch.float32]))
@settings(max_examples=50, deadline=None)
def test_the_last_step_is_the_operators_result(input):
    dim = input.ndim - 1
    steps = softmax.softmax_steps(input.detach(), dim)
    assert torch.equal(steps.output, softmax.softmax(input, dim))
    assert (steps.shifted <= 0).all()
    assert (steps.total >= 1).all() or input.shape[-1:] == (0,)
    logs = softmax.log_softmax_steps(input.detach(), dim)
    assert torch.equal(logs.output, softmax.log_softmax(input, dim))


def test_probabilities_sum_to_1_along_dim():
    output = softmax.softmax(torch.randn(3, 4, 5) * 50, 1)
    torch.testing.assert_close(output.sum(1), torch.ones(3, 5))
    assert (output >= 0).all()


def test_jacobian_is_what_autograd_finds():
    input = torch.randn(5, dtype=torch.float64)
    expected = torch.autograd.functional.jacobian(lambda x: softmax.softmax(x, 0), input)
    torch.testing.assert_close(softmax.softmax_jacobian(softmax.softmax(input, 0)), expected)


def test_sigmoid_is_the_softmax_of_two_classes_one_of_them_at_0():
    x = torch.randn(20, dtype=torch.float64)
    pairs = torch.stack([x, torch.zeros_like(x)], dim=1)
    torch.testing.assert_close(softmax.sigmoid(x), softmax.softmax(pairs, 1)[:, 0])


def test_sigmoids_of_the_classes_do_not_sum_to_1():
    """The tutorial: predictions sum to 1, so normalise "with softmax or sigmoid"."""
    logits = torch.tensor([2.0, 1.0, 0.5])
    assert softmax.softmax(logits, 0).sum().item() == pytest.approx(1)
    assert softmax.sigmoid(logits).sum().item() > 2


# ---- textbook ----------------------------------------------------------------------------------------------------


def test_textbook_softmax_agrees_within_its_limits():
    X = torch.randn(5, 7, requires_grad=True)
    check(softmax.softmax_textbook, lambda X: torch.softmax(X, 1), X)


def test_textbook_softmax_overflows_where_the_manual_one_stays():
    X = torch.tensor([[89.0, 0.0], [-104.0, -105.0]])
    assert softmax.softmax_textbook(X)[0, 0].isnan()
    assert softmax.softmax_textbook(X)[1].isnan().all()
    assert softmax.softmax(X, 1).isfinite().all()
    assert softmax.softmax_textbook(torch.tensor([[88.0, 0.0]])).isfinite().all()


def test_textbook_softmax_takes_two_dimensions_only():
    with pytest.raises(IndexError):
        softmax.softmax_textbook(torch.ones(3))


def test_textbook_sigmoid_loses_its_gradient():
    x = torch.tensor(-89.0, requires_grad=True)
    assert torch.autograd.grad(softmax.sigmoid_textbook(x), x)[0].isnan()
    assert torch.autograd.grad(softmax.sigmoid(x), x)[0] == 0


def test_log_of_softmax_loses_what_log_softmax_keeps():
    logits = torch.tensor([0.0, 200.0])
    assert softmax.softmax(logits, 0).log()[0] == -INF
    assert softmax.log_softmax(logits, 0)[0] == -200


# ---- refusals ----------------------------------------------------------------------------------------------------


@along_dim
@pytest.mark.parametrize(
    ("args", "kwargs", "naming"),
    [
        (([1.0, 2.0], 0), {}, "input"),
        ((torch.ones(2, 3), 2), {}, "dim"),
        ((torch.ones(2, 3), -3), {}, "dim"),
        ((torch.tensor(1.0), 1), {}, "dim"),
        ((torch.ones(2, 3), None), {}, "dim"),
        ((torch.ones(2, 3), 1.0), {}, "dim"),
        ((torch.ones(2, 3), True), {}, "dim"),
        ((torch.ones(2, 3), "a"), {}, "dim"),
        ((torch.ones(2, 3),), {}, "dim"),
        ((torch.ones(2, 3, dtype=torch.int64), 0), {}, "input"),
        ((torch.ones(2, 3, dtype=torch.bool), 0), {}, "input"),
        ((torch.ones(2, 3, dtype=torch.complex64), 0), {}, "input"),
        ((torch.ones(2, 3), 0), {"dtype": torch.int64}, "dtype"),
        ((torch.ones(2, 3), 0), {"dtype": torch.complex64}, "dtype"),
        ((torch.ones(2, 3), 0), {"dtype": "float32"}, "dtype"),
    ],
)
def test_softmax_refusals(manual, reference, args, kwargs, naming):
    check_refused(manual, reference, *args, **kwargs, naming=rf"\b{naming}\b")


@one_number
@pytest.mark.parametrize("input", [1.0, None, [1.0]], ids=str)
def test_one_number_refuses_what_is_no_tensor(manual, reference, input):
    check_refused(manual, reference, input, naming=r"\binput\b")


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64], ids=str)
def test_logsigmoid_refuses_what_is_not_floating(dtype):
    check_refused(softmax.logsigmoid, F.logsigmoid, torch.ones(2, dtype=dtype), naming=r"\binput\b")
