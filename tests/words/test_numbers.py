"""How numbers are written."""

import math

import pytest

from core.words.numbers import decimals, number, shortest


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (19.0, "19"),
        (-0.25, "-0.25"),
        (1.2e-5, "1.2e-5"),
        (math.nan, "nan"),
        (-math.inf, "-∞"),
        (1e30, "1e30"),
        (0.1, "0.1"),
    ],
)
def test_number(value, said):
    assert number(value) == said


def test_decimals_tell_zero_from_almost_zero():
    assert decimals(0.0, 2) == "0"
    assert decimals(0.0004, 2) == "0.00"
    assert decimals(-0.0004, 2) == "0.00"


@pytest.mark.parametrize(
    ("value", "said"),
    [(12.6, "13"), (-29.3, "-29"), (0.123, "0.1"), (9.7, "10"), (12345.6, "12k"), (-44000, "-44k"), (1e6, "1e6")],
)
def test_the_shortest_spelling_has_no_exponent_where_digits_are_fewer(value, said):
    assert shortest(value) == said
