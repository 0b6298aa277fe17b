import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.ops.normalize import l2norm, normalize, normalize_steps, p_norm
from tests.ops.like_torch import check, check_refused

POWERS = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 2.7, -1.0, -2.5, math.inf, -math.inf]
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
dims_of = st.sampled_from([0, 1, -1, (0,), (0, 1), (1, 2), (-1, 0), None, ()])
layouts = st.sampled_from(["contiguous", "transposed", "strided", "expanded"])


def laid_out(shape, layout, dtype, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(shape, generator=generator, dtype=torch.float64) + 0.25  # away from 0, where rounding is relative
    x = (x * torch.where(torch.rand(shape, generator=generator) < 0.5, -1, 1)).to(dtype)
    if layout == "transposed":
        return x.transpose(0, -1).contiguous().transpose(0, -1)
    if layout == "strided":
        return torch.stack([x, x], -1)[..., 0]
    return x[:1].expand(shape) if layout == "expanded" and shape[0] else x


@settings(max_examples=200, deadline=None)
@given(
    st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(2, 6)),
    st.sampled_from(POWERS), dims_of, layouts, st.sampled_from(DTYPES), st.integers(0, 99),
)  # fmt: skip
def test_like_torch(shape, p, dim, layout, dtype, seed):
    x = laid_out(shape, layout, dtype, seed)
    check(normalize, F.normalize, x, p=p, dim=dim)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(POWERS), st.sampled_from([0, 1, 2, (1, 2)]), st.integers(0, 99))
@example(p=2.0, dim=1, seed=0)
def test_gradients_like_torch(p, dim, seed):
    x = laid_out((2, 3, 2), "contiguous", torch.float64, seed).requires_grad_()
    check(normalize, F.normalize, x, p=p, dim=dim, tol=1e-11)
    assert torch.autograd.gradcheck(lambda t: normalize(t, p, dim), x)
    if not math.isinf(p):  # torch's own second derivative there is that of a fixed choice, as ours
        assert torch.autograd.gradgradcheck(lambda t: normalize(t, p, dim), x)


@pytest.mark.parametrize("p", POWERS)
def test_zeros_in_a_row_and_a_row_of_zeros(p):
    x = torch.tensor([[0.0, 3, 4], [0, 0, 0], [2, 2, -2]], dtype=torch.float64, requires_grad=True)
    check(normalize, F.normalize, x, p=p)
    ours, theirs = normalize_steps(x, p).norm, x.norm(p, 1, keepdim=True)
    torch.testing.assert_close(ours, theirs)
    if p != 0:  # the norm's own gradient at 0 is 0, not NaN
        (our_gradient,), (their_gradient,) = (torch.autograd.grad(n.sum(), x) for n in (ours, theirs))
        torch.testing.assert_close(our_gradient, their_gradient)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("value", [1e30, 1e-30, 3e4, 0.0, math.inf, math.nan])
@pytest.mark.parametrize("width", [1, 3, 300])
@pytest.mark.parametrize("p", [0.0, 1.0, 2.0, 3.0, math.inf])
def test_huge_and_tiny_overflow_as_torch(dtype, value, width, p):
    x = torch.full((2, width), value, dtype=torch.float64).to(dtype)
    check(normalize, F.normalize, x, p=p)
    check(normalize, F.normalize, x, p=p, eps=0)
    check(normalize, F.normalize, x.T, p=p, dim=0)


@pytest.mark.parametrize("p", [0.0, 1.0, 2.0, 3.0, 0.5, math.inf])
def test_complex(p):
    x = torch.randn(3, 4, dtype=torch.complex128, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(normalize(x, p), F.normalize(x, p))
    assert torch.autograd.gradcheck(lambda t: normalize(t, p), x.requires_grad_())


@pytest.mark.parametrize(
    ("shape", "arguments"),
    [((), {"dim": 0}), ((), {"dim": -1}), ((), {"dim": ()}), ((0, 3), {}), ((2, 0), {}), ((2, 0), {"dim": 0}),
     ((0, 2), {"p": math.inf}), ((2, 3), {"eps": 10.0}), ((2, 3), {"eps": -1.0}), ((2, 3), {"p": math.nan}),
     ((2, 3), {"p": True}), ((2, 3), {"p": 3})],
)  # fmt: skip
def test_corners(shape, arguments):
    check(normalize, F.normalize, torch.ones(shape, requires_grad=True), **arguments)


def test_channels_last_keeps_its_layout():
    x = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    check(normalize, F.normalize, x)
    assert normalize(x).stride() == F.normalize(x).stride()


@pytest.mark.parametrize(
    ("args", "kwargs", "naming"),
    [
        ((torch.ones(2, 3).long(),), {}, r"\binput\b"),
        (([1.0],), {}, r"\binput\b"),
        ((torch.ones(3),), {}, r"\bdim\b"),
        ((torch.ones(2, 3),), {"dim": 2}, r"\bdim\b"),
        ((torch.ones(2, 3),), {"dim": (0, -2)}, r"\bdim\b"),
        ((torch.ones(2, 3),), {"dim": 1.0}, r"\bdim\b"),
        ((torch.ones(2, 3),), {"eps": "a"}, r"\beps\b"),
        ((torch.ones(2, 0),), {"p": math.inf}, r"\binput\b"),
        ((torch.ones(2, 0),), {"p": -1.0}, r"\binput\b"),
        ((torch.ones(2, 3),), {"out": torch.ones(2, 3).long()}, r"\bout\b"),
        ((torch.ones(2, 3),), {"out": torch.ones(1).expand(2, 3)}, r"\bout\b"),
        ((torch.ones(2, 3, requires_grad=True),), {"out": torch.ones(2, 3)}, r"\bout\b"),
    ],
)
def test_refusals(args, kwargs, naming):
    if kwargs.get("out") is not None and kwargs["out"].stride() == (0, 0):  # a fresh copy would not be expanded
        with pytest.raises(RuntimeError, match=naming):
            normalize(*args, **kwargs)
        return
    check_refused(normalize, F.normalize, *args, naming=naming, **kwargs)


def test_out_is_written_and_resized():
    x = torch.randn(2, 3)
    for out in (torch.empty(2, 3), torch.empty(0), torch.empty(2, 3, dtype=torch.float64), x.clone()):
        assert normalize(x, out=out) is out
        torch.testing.assert_close(out, F.normalize(x).to(out.dtype))


def test_the_output_is_the_last_step():
    x = torch.randn(4, 5)
    steps = normalize_steps(x, 3.0)
    torch.testing.assert_close(steps.norm, p_norm(x, 3.0, 1))
    assert steps.output.equal(x / steps.clamped)
    assert steps.output.equal(normalize(x, 3.0))


# ---- the textbook form, and where it is wrong ------------------------------------------------------------------


def test_textbook_is_right_for_p_2_and_for_positive_numbers():
    x = torch.randn(4, 5)
    torch.testing.assert_close(l2norm(x), F.normalize(x))
    torch.testing.assert_close(l2norm(x.abs(), 3), F.normalize(x.abs(), 3))


def test_textbook_odd_p_lets_negative_numbers_cancel():
    x = torch.tensor([[1.0, -2.0, 3.0]])
    assert not torch.allclose(l2norm(x, 1), F.normalize(x, 1))
    torch.testing.assert_close(l2norm(x, 1), x / 2)  # 1 − 2 + 3, not 6
    assert l2norm(torch.tensor([[-3.0, 1.0]]), 1).equal(torch.tensor([[1.5, -0.5]]))  # a "norm" of −2
    assert l2norm(torch.tensor([[-3.0, 1.0]]), 3).isnan().all()  # the root of a negative number
    torch.testing.assert_close(normalize(x, 1), x / 6)


def test_textbook_divides_a_row_of_zeros_by_zero():
    assert l2norm(torch.zeros(1, 3)).isnan().all()
    assert normalize(torch.zeros(1, 3)).equal(torch.zeros(1, 3))


def test_textbook_takes_integers_and_lets_them_wrap():
    assert l2norm(torch.tensor([[3, 4]])).equal(torch.tensor([[0.6, 0.8]]))
    small = torch.tensor([[100, 100]], dtype=torch.int8)  # 100² = 10000 is 16 modulo 256
    assert not torch.allclose(l2norm(small), F.normalize(small.float()))


def test_the_result_is_not_between_0_and_1():
    assert normalize(torch.tensor([[3.0, -4.0]])).min() == pytest.approx(-0.8)
