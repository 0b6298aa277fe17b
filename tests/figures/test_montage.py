"""Where the elements of a tensor are drawn, and how large their cells are."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.figures.montage import LARGEST_CELL, SMALLEST_CELL, Montage, cell_size

shapes = st.lists(st.integers(1, 4), max_size=6).map(tuple)


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


@given(st.lists(st.tuples(st.integers(1, 80), st.integers(1, 80)), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_cells_keep_a_size_that_can_be_read(shapes):
    assert SMALLEST_CELL <= cell_size(shapes) <= LARGEST_CELL
