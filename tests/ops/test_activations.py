import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings

from core.ops import activations as ours
from tests.ops.like_torch import check, check_refused
from tests.ops.test_softmax import check_values_and_gradients, inputs

INF, NAN = math.inf, math.nan
CASES = {
    "relu": (ours.relu, F.relu, {}),
    "leaky_relu": (ours.leaky_relu, F.leaky_relu, {}),
    "leaky_relu 0": (ours.leaky_relu, F.leaky_relu, {"negative_slope": 0.0}),
    "leaky_relu -0.5": (ours.leaky_relu, F.leaky_relu, {"negative_slope": -0.5}),
    "leaky_relu 2": (ours.leaky_relu, F.leaky_relu, {"negative_slope": 2}),
    "elu": (ours.elu, F.elu, {}),
    "elu 0.3": (ours.elu, F.elu, {"alpha": 0.3}),
    "elu -2": (ours.elu, F.elu, {"alpha": -2.0}),
    "gelu": (ours.gelu, F.gelu, {}),
    "gelu tanh": (ours.gelu, F.gelu, {"approximate": "tanh"}),
    "silu": (ours.silu, F.silu, {}),
    "softplus": (ours.softplus, F.softplus, {}),
    "softplus 3": (ours.softplus, F.softplus, {"beta": 3, "threshold": 0.2}),
    "softplus -1": (ours.softplus, F.softplus, {"beta": -1.0}),
    "tanh": (ours.tanh, torch.tanh, {}),
}
by_case = pytest.mark.parametrize(("manual", "reference", "kwargs"), CASES.values(), ids=CASES.keys())
INPLACE = {name: case for name, case in CASES.items() if name.split()[0] in ("relu", "leaky_relu", "elu", "silu")}
by_inplace = pytest.mark.parametrize(("manual", "reference", "kwargs"), INPLACE.values(), ids=INPLACE.keys())


# ---- as torch ----------------------------------------------------------------------------------------------------


@by_case
@given(input=inputs())
@settings(max_examples=60, deadline=None)
def test_any_tensor(manual, reference, kwargs, input):
    check_values_and_gradients(manual, reference, input, **kwargs)


@by_case
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("number", [0.0, -0.0, 1e-30, 1.0, -1.0, 50.0, -50.0, 1e4, -1e4])
def test_corners_and_large_numbers(manual, reference, kwargs, number, dtype):
    """In the corner at 0 above all: the gradient there is a convention."""
    check(manual, reference, torch.tensor(number, dtype=dtype, requires_grad=True), **kwargs)


@by_case
def test_nan_goes_through(manual, reference, kwargs):
    check(manual, reference, torch.tensor([NAN, 1.0]), **kwargs)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "softplus", "silu", "tanh", "gelu tanh"])
def test_infinite_numbers(name):
    manual, reference, kwargs = CASES[name]
    infinite = torch.tensor([INF, -INF])
    check(manual, reference, infinite, **kwargs)


def test_gelu_of_infinity_as_its_docstring_says():
    assert ours.gelu(torch.tensor(INF)) == INF
    assert ours.gelu(torch.tensor(-INF)).isnan()
    with torch.backends.mkldnn.flags(enabled=True):
        assert F.gelu(torch.full((16,), INF)).isnan().all()


@by_case
def test_gradients_of_first_and_second_order(manual, reference, kwargs):
    input = torch.randn(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: manual(x, **kwargs), input)
    assert torch.autograd.gradgradcheck(lambda x: manual(x, **kwargs), input)


@by_case
def test_second_derivative_is_torchs(manual, reference, kwargs):
    """Away from 0: at elu's corner ours differs, as its docstring says."""
    second = []
    for function in (manual, reference):
        x = torch.linspace(-3, 3, 12, dtype=torch.float64, requires_grad=True)
        (first,) = torch.autograd.grad(function(x, **kwargs).sum(), x, create_graph=True)
        grad = torch.autograd.grad(first.sum(), x, allow_unused=True)[0] if first.requires_grad else None
        second.append(torch.zeros_like(x) if grad is None else grad)
    torch.testing.assert_close(*second)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int8, torch.uint8], ids=str)
def test_integers(dtype):
    input = torch.tensor([0, 1, 5, 100]).to(dtype)
    check(ours.relu, F.relu, input)
    check(ours.relu, F.relu, -input)
    check(ours.tanh, torch.tanh, input)


def test_silu_of_complex_numbers():
    check(ours.silu, F.silu, torch.tensor([1 + 2j, -3 + 0.5j]))


def test_an_infinite_gradient_stops_at_a_shut_relu():
    """sqrt(relu(x)): torch masks the gradient, where a product would give inf · 0 = nan."""
    for function in (ours.relu, F.relu):
        x = torch.tensor([-1.0, 4.0], requires_grad=True)
        assert torch.autograd.grad(function(x).sqrt().sum(), x)[0].tolist() == [0, 0.25]


@pytest.mark.parametrize(("manual", "reference"), [(ours.tanh, torch.tanh), (ours.softplus, F.softplus)])
def test_out(manual, reference):
    input, out = torch.randn(2, 3), torch.empty(0)
    assert manual(input, out=out) is out
    torch.testing.assert_close(out, reference(input))
    check_refused(manual, reference, input, out=torch.empty(2, 3, dtype=torch.int64), naming=r"\bout\b")


# ---- inplace -----------------------------------------------------------------------------------------------------


@by_inplace
def test_inplace_overwrites_and_returns_the_input(manual, reference, kwargs):
    input = torch.randn(20)
    expected = reference(input.clone(), **kwargs)
    assert manual(input, inplace=True, **kwargs) is input
    torch.testing.assert_close(input, expected)


@by_inplace
def test_inplace_on_a_step_of_a_graph(manual, reference, kwargs):
    """Torch itself can't differentiate a negative slope in place: the reference is its ordinary form."""
    start = torch.randn(20, dtype=torch.float64, requires_grad=True)

    def chain(function, **more):
        middle = start * 2
        return torch.autograd.grad((function(middle, **more, **kwargs) * 3).sum(), start)[0]

    torch.testing.assert_close(chain(manual, inplace=True), chain(reference))


@by_inplace
def test_inplace_on_a_view_reaches_its_base(manual, reference, kwargs):
    start = torch.randn(6, dtype=torch.float64, requires_grad=True)
    base = start * 1
    manual(base[:3], inplace=True, **kwargs)
    (gradient,) = torch.autograd.grad(base.sum(), start)
    (expected,) = torch.autograd.grad(reference(start[:3], **kwargs).sum() + start[3:].sum(), start)
    torch.testing.assert_close(gradient, expected)


@by_inplace
def test_inplace_is_noticed_by_a_step_that_needed_the_old_value(manual, reference, kwargs):
    start = torch.randn(6, requires_grad=True)
    middle = start.exp()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        manual(middle, inplace=True, **kwargs).sum().backward()


@by_inplace
def test_inplace_refusals(manual, reference, kwargs):
    leaf = torch.randn(3, requires_grad=True)
    check_refused(manual, reference, leaf, inplace=True, **kwargs, naming=r"\binplace\b")
    with pytest.raises(RuntimeError, match=r"\binplace\b"):  # not through check_refused: its copy isn't expanded
        manual(torch.randn(1).expand(3), inplace=True, **kwargs)
    with pytest.raises(RuntimeError):
        reference(torch.randn(1).expand(3), inplace=True, **kwargs)


# ---- textbook ----------------------------------------------------------------------------------------------------


def test_textbook_relu_agrees_away_from_0():
    X = torch.randn(5, 7, requires_grad=True)
    check(ours.relu_textbook, F.relu, X)


def test_textbook_relu_shares_the_gradient_at_0():
    for function, gradient in ((ours.relu_textbook, 0.5), (ours.relu, 0.0), (F.relu, 0.0)):
        X = torch.zeros(1, requires_grad=True)
        function(X).sum().backward()
        assert X.grad.item() == gradient


def test_textbook_relu_changes_dtypes():
    assert ours.relu_textbook(torch.tensor([1, -1])).dtype == torch.float32
    assert ours.relu(torch.tensor([1, -1])).dtype == torch.int64
    half = torch.tensor(-1.0, dtype=torch.float16)
    assert ours.relu_textbook(half).dtype == torch.float32
    assert ours.relu(half).dtype == torch.float16


def test_textbook_tanh_and_its_limits():
    x = torch.linspace(-5, 5, 20, dtype=torch.float64, requires_grad=True)
    check(ours.tanh_textbook, torch.tanh, x, tol=1e-12)
    assert ours.tanh_textbook(torch.tensor(90.0)).isnan()
    assert ours.tanh(torch.tensor(90.0)) == 1
    tiny = torch.tensor(1e-8)
    assert ours.tanh_textbook(tiny) == 0
    assert ours.tanh(tiny) == tiny


def test_elus_second_derivative_in_its_corner():
    for function, expected in ((ours.elu, 0.5), (F.elu, 0.0)):
        x = torch.zeros(1, requires_grad=True)
        (first,) = torch.autograd.grad(function(x, 0.5), x, create_graph=True)
        assert first == 0.5
        assert torch.autograd.grad(first, x)[0] == expected


def test_leaky_relu_with_slope_0_is_relu_and_with_slope_1_is_the_identity():
    x = torch.randn(50)
    assert torch.equal(ours.leaky_relu(x, 0.0), ours.relu(x))
    assert torch.equal(ours.leaky_relu(x, 1.0), x)


# ---- refusals ----------------------------------------------------------------------------------------------------


@by_case
@pytest.mark.parametrize("input", [1.0, [1.0], None], ids=str)
def test_what_is_no_tensor(manual, reference, kwargs, input):
    check_refused(manual, reference, input, **kwargs, naming=r"\binput\b")


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64, torch.uint8], ids=str)
@pytest.mark.parametrize("name", ["leaky_relu", "elu", "gelu", "softplus"])
def test_what_is_not_floating(name, dtype):
    manual, reference, kwargs = CASES[name]
    check_refused(manual, reference, torch.ones(2, dtype=dtype), **kwargs, naming=r"\binput\b")


def test_dtypes_refused_by_relu_silu_and_tanh():
    for dtype in (torch.bool, torch.complex64):
        check_refused(ours.relu, F.relu, torch.ones(2, dtype=dtype), naming=r"\binput\b")
    for dtype in (torch.bool, torch.int64):
        check_refused(ours.silu, F.silu, torch.ones(2, dtype=dtype), naming=r"\binput\b")
    with pytest.raises(NotImplementedError, match=r"\binput\b"):  # unlike torch, as its docstring says
        ours.tanh(torch.ones(2, dtype=torch.complex64))


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("leaky_relu", "negative_slope", "a"),
        ("leaky_relu", "negative_slope", None),
        ("elu", "alpha", "a"),
        ("elu", "alpha", None),
        ("softplus", "beta", "a"),
        ("softplus", "threshold", None),
        ("gelu", "approximate", "erf"),
        ("gelu", "approximate", None),
    ],
)
def test_bad_parameters(name, argument, value):
    manual, reference, _ = CASES[name]
    check_refused(manual, reference, torch.ones(2), **{argument: value}, naming=rf"\b{argument}\b")


def test_gelu_takes_approximate_by_name_only():
    check_refused(ours.gelu, F.gelu, torch.ones(2), "tanh", naming="positional")
