"""A number as the bits of a floating-point dtype: sign, exponent and fraction, and what is lost on the way into it.

    value = (−1)^sign · 2^(exponent − bias) · (1 + fraction / 2^f)        subnormal: 2^(1 − bias) · (fraction / 2^f)

Source: IEEE 754-2019 for float64, float32 and float16; bfloat16 cuts float32's fraction; the float8 formats are those of
Micikevicius et al., "FP8 formats for deep learning", 2022, of which e4m3fn has no ∞.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch

# exponent bits of each; what is left after them and the sign is the fraction
EXPONENT_BITS = {"float32": 8, "bfloat16": 8, "float16": 5, "float8_e5m2": 5, "float8_e4m3fn": 4}
RAW = {1: torch.uint8, 2: torch.int16, 4: torch.int32}

Kind = Literal["normal", "subnormal", "zero", "infinite", "nan"]


@dataclass(frozen=True)
class Bits:
    """One number in one dtype."""

    asked: float
    dtype: str
    bits: str  # sign, exponent, fraction: "0" and "1"
    exponent_bits: int
    value: float  # what these bits say
    off: float  # from the number that was asked for; nan where that or this is not finite
    kind: Kind

    @property
    def overflowed(self) -> bool:
        """Whether the number was finite and this is not."""
        return math.isfinite(self.asked) and not math.isfinite(self.value)

    @property
    def cut(self) -> bool:
        """Whether the largest finite number stands for one that no rounding takes there."""
        return not abs(self.off) <= self.step / 2  # nan: an ∞ was asked for

    @property
    def fraction_bits(self) -> int:
        """Bits behind the exponent's."""
        return len(self.bits) - 1 - self.exponent_bits

    @property
    def bias(self) -> int:
        """What is taken off the exponent's bits."""
        return 2 ** (self.exponent_bits - 1) - 1

    @property
    def exponent(self) -> int:
        """The power of two in front of the fraction; subnormals share the smallest normal one."""
        return max(int(self.bits[1 : 1 + self.exponent_bits], 2), 1) - self.bias

    @property
    def significand(self) -> float:
        """1 + fraction, or the fraction alone where the exponent's bits are all 0."""
        hidden = "1" in self.bits[1 : 1 + self.exponent_bits]
        return hidden + int(self.bits[1 + self.exponent_bits :], 2) / 2**self.fraction_bits

    @property
    def step(self) -> float:
        """From this number to the next larger one of its power of two."""
        return 2.0 ** (self.exponent - self.fraction_bits)

    @property
    def worth(self) -> list[str]:
        """What each bit behind the sign stands for."""
        exponent = [f"2^{i}" for i in reversed(range(self.exponent_bits))]
        return [*exponent, *(f"2^−{i}" for i in range(1, self.fraction_bits + 1))]


def as_bits(number: float, dtype: str) -> Bits:
    """The number rounded to the dtype by torch, and the bits that torch keeps for it."""
    held = torch.tensor(number, dtype=torch.float64).to(getattr(torch, dtype))
    raw = int(held.view(RAW[held.element_size()]))
    size = 8 * held.element_size()
    value = float(held.double())
    off = value - number if math.isfinite(value) and math.isfinite(number) else math.nan
    return Bits(
        number, dtype, f"{raw & (2**size - 1):0{size}b}", EXPONENT_BITS[dtype], value, off, kind_of(value, dtype)
    )


def kind_of(value: float, dtype: str) -> Kind:
    """What sort of number these bits are."""
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "infinite"
    if value == 0:
        return "zero"
    return "subnormal" if abs(value) < 2.0 ** (2 - 2 ** (EXPONENT_BITS[dtype] - 1)) else "normal"


def in_all(number: float) -> tuple[Bits, ...]:
    """The number in every dtype of `EXPONENT_BITS`."""
    return tuple(as_bits(number, dtype) for dtype in EXPONENT_BITS)
