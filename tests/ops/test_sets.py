"""unique against torch's."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ops import sets
from core.ops.sets import unique
from tests.ops.like_torch import check, check_refused

FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
INTEGERS = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]
UNSIGNED = [torch.uint16, torch.uint32, torch.uint64]
flags = st.fixed_dictionaries({name: st.booleans() for name in ("sorted", "return_inverse", "return_counts")})


def same(x, **kwargs):
    ours, theirs = unique(x, **kwargs), torch.unique(x, **kwargs)
    assert type(ours) is type(theirs)
    for a, b in zip(*(r if isinstance(r, tuple) else (r,) for r in (ours, theirs)), strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert torch.equal(a, b)


def numbers(shape, dtype, seed=0, values=4):
    return torch.randint(values, shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


@settings(max_examples=100, deadline=None)
@given(
    shape=st.lists(st.integers(0, 5), max_size=4),
    dtype=st.sampled_from(FLOATS + INTEGERS + UNSIGNED),
    flags=flags,
    seed=st.integers(0, 99),
)
def test_values(shape, dtype, flags, seed):
    same(numbers(shape, dtype, seed), **flags)


@settings(max_examples=100, deadline=None)
@given(
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    dtype=st.sampled_from(FLOATS + INTEGERS + UNSIGNED),
    flags=flags,
    dim=st.integers(-4, 3),
    seed=st.integers(0, 99),
)
def test_sub_tensors(shape, dtype, flags, dim, seed):
    dim = dim % len(shape) - (len(shape) if dim < 0 else 0)
    same(numbers(shape, dtype, seed, values=2), dim=dim, **flags)


@pytest.mark.parametrize(("shape", "dim"), [((0, 3), 0), ((3, 0), 1), ((0,), 0), ((2, 0, 3), 1)])
def test_nothing_along_dim(shape, dim):
    check(unique, torch.unique, torch.empty(shape), dim=dim, return_inverse=True, return_counts=True)


def test_layouts():
    for layout in (numbers((4, 6), torch.float32)[:, ::2], numbers((4, 6), torch.float32).t()):
        check(unique, torch.unique, layout, return_inverse=True)
        check(unique, torch.unique, layout, return_inverse=True, dim=1)
    images = numbers((2, 3, 4, 4), torch.float32).to(memory_format=torch.channels_last)
    check(unique, torch.unique, images, dim=1, return_counts=True)


def test_huge_infinite_and_signed_zero():
    x = torch.tensor([1e38, -1e38, float("inf"), 0.0, -0.0, float("-inf"), 1e38])
    check(unique, torch.unique, x, return_inverse=True, return_counts=True)


def test_every_nan_is_its_own_and_comes_last():
    x = torch.tensor([3.0, 1.0, float("nan"), 1.0, float("nan")])
    check(unique, torch.unique, x, return_inverse=True, return_counts=True)
    output, counts = unique(torch.stack([x, x], 1), dim=0, return_counts=True)  # torch leaves this order undefined
    assert output[:2].tolist() == [[1, 1], [3, 3]]
    assert output[2:].isnan().all()
    assert counts.tolist() == [2, 1, 1, 1]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-5, 5), min_size=1))
def test_inverse_and_counts_say_what_they_mean(items):
    x = torch.tensor(items)
    output, inverse, counts = unique(x, return_inverse=True, return_counts=True)
    assert torch.equal(output[inverse], x)
    assert output.tolist() == sorted(set(items))
    assert counts.tolist() == [items.count(value) for value in output.tolist()]


def test_gradient_reaches_the_first_of_each_value():
    x = torch.tensor([2.0, 1.0, 2.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(unique(x).sum(), x)
    assert gradient.tolist() == [1, 1, 0]
    with pytest.raises(RuntimeError):
        torch.autograd.grad(torch.unique(x).sum(), x)


@pytest.mark.parametrize(
    ("args", "kwargs", "naming"),
    [
        (([1, 2],), {}, "input"),
        ((torch.ones(2, dtype=torch.complex64),), {}, "input"),
        ((torch.ones(2, dtype=torch.complex64),), {"dim": 0}, "input"),
        ((torch.ones(2), 2), {}, "sorted"),
        ((torch.ones(2), None), {}, "sorted"),
        ((torch.ones(2),), {"dim": 1}, "dim"),
        ((torch.ones(2),), {"dim": -2}, "dim"),
        ((torch.tensor(1),), {"dim": 0}, "dim"),
        ((torch.ones(2),), {"dim": 0.5}, "dim"),
        ((torch.ones(2),), {"dim": (0,)}, "dim"),
        ((torch.ones(2),), {"dim": True}, "dim"),
        ((torch.ones(3, 0),), {"dim": 0}, "dim"),
        ((torch.ones(0, 3),), {"dim": 1}, "dim"),
        ((torch.ones(0, 0),), {"dim": 1}, "dim"),
    ],
)
def test_refusals(args, kwargs, naming):
    check_refused(unique, torch.unique, *args, naming=rf"\b{naming}\b", **kwargs)


def test_steps_are_the_run():
    steps = sets.unique_steps(torch.tensor([3, 1, 2, 1]))
    assert steps.order.tolist() == [1, 3, 2, 0]
    assert steps.sorted.tolist() == [1, 1, 2, 3]
    assert steps.is_first.tolist() == [True, False, True, True]
    assert steps.inverse.tolist() == [2, 0, 1, 0]
    assert (steps.output.tolist(), steps.counts.tolist()) == ([1, 2, 3], [2, 1, 1])
