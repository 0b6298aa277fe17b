"""Tensors as heatmaps: where each cell is drawn, and what stands in it."""

import base64
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.figures import colour
from core.figures.heatmap import (
    LARGEST_CELL,
    SMALLEST_CELL,
    SMALLEST_TEXT,
    Montage,
    Outline,
    Picture,
    cell_size,
    decimals,
    describe,
    draw,
    number,
)
from tests.figures.checking import valid

shapes = st.lists(st.integers(1, 4), max_size=6).map(tuple)


def picture(values, **more):
    return Picture("x", values, colour.signed(values), "title", **more)


@given(shapes, st.sampled_from([False, True, 2, 3]))
@settings(max_examples=80, deadline=None)
def test_every_element_has_a_cell_of_its_own_inside_the_picture(shape, across):
    montage = Montage(shape, across)
    indices = list(torch.ones(shape).nonzero().tolist()) if shape else [[]]
    places = [montage.place(tuple(index)) for index in indices]
    rows, columns = montage.cells
    assert len(set(places)) == len(places)
    assert all(0 <= row < rows and 0 <= column < columns for row, column in places)


def test_a_matrix_is_drawn_as_it_is_written():
    montage = Montage((3, 4))
    assert montage.place((1, 2)) == (1, 2)
    assert Montage((2, 3, 4)).place((1, 0, 0)) == (4, 0)  # the second matrix below the first, a gap between
    assert Montage((2, 2, 3, 4)).place((1, 0, 0, 0)) == (0, 5)  # the second image beside the first
    assert Montage((2, 2, 3, 4), across=True).place((1, 1, 0, 0)) == (0, 15)  # all of them side by side
    assert Montage((3, 3, 4), across=2).place((2, 0, 1)) == (4, 1)  # the third matrix begins the second line


@given(shapes)
@settings(max_examples=60, deadline=None)
def test_plotly_accepts_every_picture(shape):
    values = torch.randn(shape)
    indices = [tuple(i) for i in values.nonzero().tolist()][:2]
    valid(draw(picture(values, outlines=[Outline(indices)] if indices else [], muted=indices[:1]), 40))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (0, 0, 0), (2, 0, 3), (0, 2, 2, 2)])
def test_a_tensor_without_elements_is_an_empty_picture(shape):
    z = draw(picture(torch.zeros(shape)), cell_size([shape])).to_dict()["data"][0]["z"]
    assert np.isnan(np.frombuffer(base64.b64decode(z["bdata"]), z["dtype"])).all()


def test_the_numbers_stand_in_the_cells():
    drawn = draw(picture(torch.tensor([[1.0, -0.25], [math.nan, math.inf]])), 46)
    assert [list(row) for row in drawn.data[0]["text"]] == [["1", "-0.25"], ["nan", "∞"]]


def test_large_tensors_show_colour_without_numbers():
    drawn = draw(picture(torch.randn(64, 64)), cell_size([(64, 64)]))
    assert drawn.data[0]["text"] is None


@given(st.lists(st.tuples(st.integers(1, 80), st.integers(1, 80)), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_cells_keep_a_size_that_can_be_read(shapes):
    assert SMALLEST_CELL <= cell_size(shapes) <= LARGEST_CELL


def test_numbers_are_shortened_until_they_fit_at_a_readable_size():
    drawn = draw(picture(torch.tensor([[-1.23456, 12.3456]])), 30)
    assert drawn.data[0]["textfont"]["size"] >= SMALLEST_TEXT
    assert [list(row) for row in drawn.data[0]["text"]] == [["-1.2", "12.3"]]


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


def test_describe_names_shape_and_numbers():
    assert describe(picture(torch.tensor([1.0, 2.0]))) == "title, 2: 1, 2"


def luminance(hex_colour):
    parts = [int(hex_colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", [*colour.SIGNED, *colour.MAGNITUDE, *colour.IDENTITY, colour.EMPTY])
def test_the_ink_can_be_read_on_every_colour(name):
    light, dark = luminance(name), luminance(colour.INK)
    assert (light + 0.05) / (dark + 0.05) >= 5
