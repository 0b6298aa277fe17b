"""Tensors as heatmaps: what stands in their cells."""

import base64
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.figures import colour
from core.figures.heatmap import SMALLEST_TEXT, Outline, Picture, describe, draw
from core.figures.montage import cell_size
from tests.figures.checking import valid

shapes = st.lists(st.integers(1, 4), max_size=6).map(tuple)


def picture(values, **more):
    return Picture("x", values, colour.signed(values), "title", **more)


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


def test_numbers_are_shortened_until_they_fit_at_a_readable_size():
    drawn = draw(picture(torch.tensor([[-1.23456, 12.3456]])), 30)
    assert drawn.data[0]["textfont"]["size"] >= SMALLEST_TEXT
    assert [list(row) for row in drawn.data[0]["text"]] == [["-1.2", "12.3"]]


def test_describe_names_shape_and_numbers():
    assert describe(picture(torch.tensor([1.0, 2.0]))) == "title, 2: 1, 2"
