import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.tensors.limits import Limits, TensorInputError
from core.tensors.random import DISTRIBUTIONS, parse_shape, random_tensor
from tests.tensors.examples import shapes


@given(shapes, st.integers(0, 2**31 - 1), st.sampled_from(DISTRIBUTIONS))
@settings(max_examples=50, deadline=None)
def test_same_seed_same_numbers(shape, seed, distribution):
    state = torch.get_rng_state()
    first = random_tensor(shape, seed, distribution)
    assert first.shape == shape
    assert torch.equal(first, random_tensor(shape, seed, distribution))
    assert torch.equal(torch.get_rng_state(), state)


def test_another_seed_other_numbers():
    for distribution in DISTRIBUTIONS:
        assert not torch.equal(random_tensor((20,), 0, distribution), random_tensor((20,), 1, distribution))


def test_the_distributions():
    normal = random_tensor((20000,), 0)
    assert abs(normal.mean()) < 0.03
    assert abs(normal.std() - 1) < 0.03
    uniform = random_tensor((20000,), 0, "uniform", low=-1, high=3)
    assert -1 <= uniform.min() < -0.9
    assert 2.9 < uniform.max() < 3
    integers = random_tensor((20000,), 0, "integers", low=-2, high=2)
    assert integers.dtype == torch.int64
    assert integers.unique().tolist() == [-2, -1, 0, 1, 2]
    assert random_tensor((20000,), 0, "integers").unique().tolist() == list(range(10))


def test_another_dtype_rounds_the_same_numbers():
    drawn = random_tensor((50,), 3)
    assert torch.equal(random_tensor((50,), 3, dtype=torch.bfloat16), drawn.bfloat16())


def test_an_unknown_distribution():
    with pytest.raises(TensorInputError, match="`banana` is not one of normal, uniform, integers"):
        random_tensor((1,), 0, "banana")


@pytest.mark.parametrize("text", ["2,3", "2, 3", "(2, 3)", "[2,3]", "2x3", "2×3", "2 3", "2 * 3", "torch.Size([2, 3])"])
def test_shapes_are_read(text):
    assert parse_shape(text, Limits()) == (2, 3)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "This is a single number, and a vector or a matrix is needed"),
        ("2,banana", "`banana` is not a size: write a shape such as 2, 3 or 2×3"),
        ("2,-3", "`-3` is not a size"),
        ("1e3", "`1e3` is not a size"),
        ("9999999,1", "`9999999` is not a size"),
        ("999999,999999", "at most 64 along a side and 4,096 numbers in all are taken here: choose a smaller shape"),
        ("0,3", "empty"),
        ("1,2,3", "rank 3"),
        ("1" * 1000, "is not a size"),
    ],
)
def test_shapes_are_refused(text, sentence):
    with pytest.raises(TensorInputError, match=sentence):
        parse_shape(text, Limits())
