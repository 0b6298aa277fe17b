"""Windows onto tensors of any size, and who reads an address: as going through the tensor finds it."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.experiments.layout import addresses, window
from core.experiments.layout.rule import Layout, contiguous_stride

dims = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 3, 4, 5, 7, 9]),
        st.sampled_from([0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 24, 36]),
    ),
    max_size=4,
)


def layout_of(drawn):
    return Layout(tuple(n for n, _ in drawn), tuple(s for _, s in drawn), 2)


@settings(max_examples=200, deadline=None)
@given(dims, st.data())
def test_a_window_holds_the_index_and_lies_inside_and_has_the_tensors_addresses(drawn, data):
    layout = layout_of(drawn)
    index = tuple(data.draw(st.integers(0, n - 1)) for n in layout.shape)
    box = window.window(layout.shape, index)
    assert all(a <= i < a + n for i, a, n in zip(index, box.start, box.shape, strict=True))
    assert all(a >= 0 and a + n <= m for a, n, m in zip(box.start, box.shape, layout.shape, strict=True))
    part = tuple(slice(a, a + n) for a, n in zip(box.start, box.shape, strict=True))
    assert np.array_equal(window.addresses(layout, box), addresses.addresses(layout)[part])


@settings(max_examples=200, deadline=None)
@given(dims)
def test_an_index_reads_the_address_and_is_found_where_one_does(drawn):
    layout = layout_of(drawn)
    read = set(addresses.reading_order(layout))
    for address in range(max(read) + 2):
        index = window.index_at(layout, address)
        assert (index is not None) == (address in read)
        assert index is None or addresses.address(layout, index) == address


@settings(max_examples=200, deadline=None)
@given(dims)
def test_the_next_address_that_is_read(drawn):
    layout = layout_of(drawn)
    assume(addresses.nested(addresses.merged_terms(layout)))
    read = sorted(set(addresses.reading_order(layout)))
    for address in range(read[-1] + 2):
        assert window.next_read(layout, address) == next((there for there in read if there >= address), None)


@pytest.mark.parametrize("shape", [(2**20, 2**20), (2**10,) * 4, (2**5,) * 8, (2**40,)])
def test_the_largest_tensors_are_looked_at_at_once(shape):
    layout = Layout(shape[::-1], contiguous_stride(shape)[::-1])
    last = tuple(n - 1 for n in layout.shape)
    box = window.window(layout.shape, last)
    assert window.addresses(layout, box).max() == 2**40 - 1
    assert window.index_at(layout, 2**40 - 1) == last
    assert window.next_read(layout, 2**40 - 1) == 2**40 - 1
    assert window.next_read(layout, 2**40) is None


def test_nothing_reads_an_empty_tensor():
    empty = Layout((3, 0), (1, 1))
    assert window.window(empty.shape).numel == 0
    assert window.index_at(empty, 0) is None
    assert window.next_read(empty, 0) is None
