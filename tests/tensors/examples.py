"""Tensors for the round trips: every dtype, small shapes, and bit patterns rather than polite numbers."""

import math
import re
from collections.abc import Callable
from typing import Any

import torch
from hypothesis import strategies as st

from core.tensors.limits import DTYPES, Limits, TensorInputError

ANYTHING = Limits(ranks=tuple(range(9)), allow_nonfinite=True, allow_empty=True)


def from_bits(dtype: torch.dtype, shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """Random bit patterns: subnormals, infinities, NaN, negative zero and all the rest."""
    if dtype == torch.bool:
        return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < 0.5
    count = math.prod(shape) * dtype.itemsize
    raw = torch.randint(0, 256, (count,), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    return raw.view(dtype).reshape(shape)


dtypes = st.sampled_from(list(DTYPES.values()))
shapes = st.lists(st.integers(1, 3), max_size=4).map(tuple)
bits = st.builds(from_bits, dtypes, shapes, st.integers(0, 2**32))
floats = st.builds(
    lambda values, dtype: torch.tensor(values, dtype=torch.float64).to(dtype),
    st.lists(st.floats(), min_size=1, max_size=30),
    st.sampled_from([torch.float64, torch.float32, torch.float16, torch.bfloat16]),
)
short = st.builds(
    lambda values, dtype: (torch.tensor(values, dtype=torch.float64) / 10).to(dtype),
    st.lists(st.integers(-100, 100), min_size=1, max_size=60),
    dtypes,
)
tensors = bits | floats | short


def assert_identical(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    """The same shape, dtype and bits, where any NaN is like any other."""
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    if theirs.is_floating_point():
        assert torch.equal(ours.isnan(), theirs.isnan())
        assert torch.equal(ours.signbit() & ~ours.isnan(), theirs.signbit() & ~theirs.isnan())
        ours, theirs = ours.nan_to_num(0.5), theirs.nan_to_num(0.5)
    assert torch.equal(ours, theirs)


def assert_tensor_or_sentence(read: Callable[..., torch.Tensor], *args: Any, **kwargs: Any) -> None:
    """Whatever is read, it gives a tensor or is refused with one sentence; any other exception fails the test."""
    try:
        result: Any = read(*args, **kwargs)
    except TensorInputError as error:
        result = error
    assert isinstance(result, torch.Tensor) or re.fullmatch(r"[^\n]+[.]", str(result))
