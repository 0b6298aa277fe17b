"""A warp's sectors and banks: as counting them thread by thread finds them."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.experiments.layout import warp
from core.experiments.layout.rule import Layout
from core.experiments.layout.warp import BANKS, Tile

shapes = st.lists(st.integers(1, 40), min_size=1, max_size=3).map(tuple)


@settings(max_examples=200, deadline=None)
@given(shapes, st.data(), st.sampled_from([torch.int8, torch.float16, torch.float32, torch.float64, torch.complex128]))
def test_sectors_are_those_in_which_the_threads_bytes_lie(shape, data, dtype):
    x = torch.empty(shape, dtype=dtype).permute(*data.draw(st.permutations(range(len(shape)))))
    x = x[..., data.draw(st.integers(0, x.shape[-1] - 1)) :]
    first = tuple(data.draw(st.integers(0, n - 1)) for n in x.shape)
    dim = data.draw(st.sampled_from([None, *range(x.dim())]))
    read = warp.warp(Layout.of(x), x.element_size(), first, dim)
    flat = torch.arange(x.numel()).reshape(x.shape)
    if dim is None:
        wanted = [
            tuple(int(i) for i in (flat == flat[first] + t).nonzero()[0])
            for t in range(32)
            if flat[first] + t < x.numel()
        ]
    else:
        wanted = [(*first[:dim], i, *first[dim + 1 :]) for i in range(first[dim], min(first[dim] + 32, x.shape[dim]))]
    assert list(read.indices) == wanted
    start = x.untyped_storage().data_ptr()
    spans = [x[index].data_ptr() - start + byte for index in wanted for byte in range(x.element_size())]
    assert set(read.sectors) == {byte // 32 for byte in spans}
    assert read.lines == len({byte // 128 for byte in spans})
    assert read.used == len(set(spans))
    assert 0 < read.share <= 1
    assert [read.sectors[place] for place in read.sector_of] == [at * x.element_size() // 32 for at in read.addresses]


def passes(places, itemsize):
    """Shared memory as a list of requests: in each pass every bank gives one word."""
    count, group = 0, 128 // itemsize if itemsize > 4 else 32
    for i in range(0, len(places), group):
        waiting = {
            byte // 4 for place in places[i : i + group] for byte in range(place * itemsize, (place + 1) * itemsize)
        }
        while waiting:
            served = {word % 32: word for word in waiting}
            waiting -= set(served.values())
            count += 1
    return count


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([1, 2, 4, 8, 16]), st.integers(1, 70), st.integers(1, 40), st.integers(0, 8),
    st.sampled_from(["plain", "padded", "swizzled"]), st.data(),
)  # fmt: skip
def test_passes_are_as_many_as_banks_need_to_serve_all_words(itemsize, columns, rows, padding, arranged, data):
    tile = Tile(rows, columns, itemsize, arranged, padding)
    for cells in (tile.column(data.draw(st.integers(0, columns - 1))), tile.row(data.draw(st.integers(0, rows - 1)))):
        assert tile.passes(cells) == passes([tile.place(*cell) for cell in cells], itemsize)
    places = {tile.place(row, column) for row in range(rows) for column in range(columns)}
    assert len(places) == rows * columns  # no element lies on another
    assert (max(places) + 1) * itemsize <= tile.bytes + padding * itemsize


@pytest.mark.parametrize("columns", range(1, 70))
def test_down_a_column_of_floats_the_conflict_is_the_common_divisor_with_the_banks(columns):
    tile = Tile(32, columns, 4)
    assert tile.passes(tile.column()) == math.gcd(columns, BANKS)
    assert warp.starts(columns, 4) == BANKS // math.gcd(columns, BANKS)


@pytest.mark.parametrize("itemsize", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("columns", [32, 64])
def test_padding_leaves_no_conflict_and_a_swizzle_none_of_floats(columns, itemsize):
    plain, padded, swizzled = warp.banks(columns, itemsize)
    assert plain.column > plain.least
    assert padded.column == padded.least == warp.least(itemsize)
    assert swizzled.bytes == plain.bytes == 32 * columns * itemsize
    assert padded.bytes == plain.bytes + 31 * padded.padding * itemsize
    if itemsize >= 4:
        assert swizzled.column == plain.least


def test_a_transposed_load_needs_a_sector_a_thread():
    rows = warp.warp(Layout((4096, 4096), (4096, 1)), 4, (7, 0))
    assert (len(rows.sectors), rows.least, rows.share) == (4, 4, 1.0)
    columns = warp.warp(Layout((2**20, 2**20), (1, 2**20)), 4, (7, 0))
    assert (len(columns.sectors), columns.lines, columns.share) == (32, 32, 1 / 8)
    assert columns.step == 2**20
