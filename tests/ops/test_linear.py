"""The linear layer against torch's."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ops.linear import linear, linear_rows
from tests.ops.like_torch import check, check_refused

F = torch.nn.functional
sizes = st.integers(0, 4)
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.complex64]


def random(*shape, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed + sum(shape))
    if dtype.is_complex:
        return torch.view_as_complex(torch.randn((*shape, 2), generator=generator)).to(dtype)
    return (torch.randn(shape, generator=generator, dtype=torch.float64) * 3).to(dtype)


@settings(max_examples=100, deadline=None)
@given(
    lead=st.lists(sizes, max_size=3),
    features=sizes,
    outputs=sizes,
    dtype=st.sampled_from(DTYPES[:5]),
    with_bias=st.booleans(),
    strided=st.booleans(),
)
def test_any_leading_dimensions_dtypes_and_layouts(lead, features, outputs, dtype, with_bias, strided):
    x = random(*lead, features, dtype=dtype)
    weight = random(outputs, features, dtype=dtype, seed=1)
    bias = random(outputs, dtype=dtype, seed=2) if with_bias else None
    if strided:
        weight = weight.t().contiguous().t()
        x = torch.stack([x, x], dim=-1)[..., 0]
    leaves = [t for t in (x, weight, bias) if t is not None]
    if dtype.is_floating_point:
        for leaf in leaves:
            leaf.requires_grad_()
    check(linear, F.linear, x, weight, bias)


def test_complex():
    check(linear, F.linear, *(random(*s, dtype=torch.complex64) for s in ((2, 3), (4, 3), (4,))), tol=1e-6)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (6, 2, 3)])
def test_weight_of_one_dimension(shape):
    check(linear, F.linear, random(*shape).requires_grad_(), random(3, seed=1).requires_grad_())


@pytest.mark.parametrize("bias_shape", [(), (1,), (4,), (1, 4), (2, 4), (2, 1)])
def test_a_bias_that_broadcasts(bias_shape):
    check(linear, F.linear, random(2, 3), random(4, 3, seed=1), random(*bias_shape, seed=2).requires_grad_())


def test_huge_numbers():
    check(linear, F.linear, random(2, 3) * 1e300, random(4, 3, seed=1) * 1e10, random(4))


def test_first_and_second_derivatives():
    inputs = tuple(random(*s, seed=3).requires_grad_() for s in ((2, 2, 3), (4, 3), (4,)))
    assert torch.autograd.gradcheck(linear, inputs)
    assert torch.autograd.gradgradcheck(linear, inputs)


@pytest.mark.parametrize(
    ("args", "naming"),
    [
        ((random(2, 3), random(4, 5)), r"\binput\b.*\bweight\b"),
        ((random(2, 3), random(5)), r"\binput\b.*\bweight\b"),
        ((random(2, 3), random(5, 4, 3)), r"\bweight\b"),
        ((random(2, 3), torch.tensor(1.0)), r"\bweight\b"),
        ((torch.tensor(1.0), random(4, 3)), r"\binput\b"),
        ((random(2, 3), random(3), random(2)), r"\bbias\b"),
        ((random(2, 3), random(4, 3), random(5)), r"\bbias\b"),
        ((random(2, 3), random(4, 3), random(5, 2, 4)), r"\bbias\b"),
        ((random(3), random(4, 3), random(2, 4)), r"\bbias\b"),
        ((random(2, 3), random(4, 3).float()), r"\bdtype\b.*\bweight\b"),
        ((random(2, 3), random(4, 3), random(4).float()), r"\bbias\b"),
        ((random(2, 3) > 0, random(4, 3) > 0), r"\binput\b"),
        (([1.0], random(4, 3)), r"\binput\b"),
        ((random(2, 3), [1.0]), r"\bweight\b"),
        ((random(2, 3), random(4, 3), 1.0), r"\bbias\b"),
    ],
)
def test_refusals(args, naming):
    check_refused(linear, F.linear, *args, naming=naming)


def test_textbook_within_its_limits():
    check(linear_rows, F.linear, *(random(*s).requires_grad_() for s in ((2, 3), (4, 3), (4,))))
