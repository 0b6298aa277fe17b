"""Bits of floating-point dtypes: what they say is what torch holds."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.experiments.layout import bits

numbers = st.one_of(
    st.floats(width=32), st.sampled_from([0.1, -0.0, 65504.0, 65520.0, 448.0, 464.0, 465.0, 6e-8, 1e-45])
)


def said(found: bits.Bits) -> float:
    """The value, by the formula."""
    sign = -1.0 if found.bits[0] == "1" else 1.0
    return sign * 2.0**found.exponent * found.significand


@given(numbers, st.sampled_from(list(bits.EXPONENT_BITS)))
def test_the_formula_gives_what_torch_holds(number, dtype):
    found = bits.as_bits(number, dtype)
    held = float(torch.tensor(number, dtype=torch.float64).to(getattr(torch, dtype)).double())
    assert found.value == held or math.isnan(found.value) == math.isnan(held) == True  # noqa: E712
    assert len(found.bits) == 8 * getattr(torch, dtype).itemsize == 1 + len(found.worth)
    if found.kind in ("normal", "subnormal", "zero"):
        assert said(found) == held
        assert not found.cut or abs(held) == torch.finfo(getattr(torch, dtype)).max
    assert (found.kind == "subnormal") == (0 < abs(held) < torch.finfo(getattr(torch, dtype)).tiny)


@pytest.mark.parametrize("dtype", ["float8_e5m2", "float8_e4m3fn"])
def test_every_float8(dtype):
    for raw in range(256):
        value = float(torch.tensor(raw, dtype=torch.uint8).view(getattr(torch, dtype)).double())
        if math.isfinite(value):
            found = bits.as_bits(value, dtype)
            assert found.bits == f"{raw:08b}"
            assert said(found) == value


def test_what_is_too_large_too_small_or_no_number():
    assert bits.as_bits(1e6, "float16").kind == "infinite"
    assert bits.as_bits(1e6, "float16").overflowed
    assert bits.as_bits(1e6, "bfloat16").kind == "normal"
    large = bits.as_bits(1e6, "float8_e4m3fn")  # cut to 448, or nan in an older torch
    assert large.kind == "nan" or (large.cut and large.value == 448)
    assert not bits.as_bits(0.1, "float8_e4m3fn").cut
    endless = bits.as_bits(math.inf, "float8_e4m3fn")
    assert endless.kind == "nan" or endless.cut
    assert bits.as_bits(1e-9, "float16").kind == "zero"
    assert not bits.as_bits(math.inf, "float32").overflowed
    assert bits.as_bits(math.nan, "float32").kind == "nan"
