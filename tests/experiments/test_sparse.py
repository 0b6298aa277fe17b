"""A matrix held sparse or jagged: the parts read by hand give it back, and the bytes and the verdict are torch's."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.experiments.layout import sparse
from core.figures.sparse import pictures
from pages.layout_parts.sparse import EQUAL, LARGER, NEVER, SMALLER, verdict

KINDS = ("coo", "csr", "jagged")
DTYPES = (torch.float32, torch.float16, torch.int64, torch.uint8, torch.bool, torch.bfloat16)
sizes = st.tuples(st.integers(1, 6), st.integers(1, 8))


@st.composite
def matrices(draw):
    numbers = st.sampled_from([0, 0, 0, 1, 2, 5])
    rows, columns = draw(sizes)
    listed = draw(st.lists(numbers, min_size=rows * columns, max_size=rows * columns))
    return torch.tensor(listed).reshape(rows, columns).to(draw(st.sampled_from(DTYPES)))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(x=matrices())
def test_the_parts_give_the_matrix_back(kind, x):
    found = sparse.held(x, kind)
    again = torch.zeros_like(x)
    for (i, j), value in zip(found.at, found.parts["values"], strict=True):
        again[i, j] = value
    assert again.equal(x)
    assert found.bytes == sum(part.numel() * part.element_size() for part in found.parts.values())
    assert found.dense_bytes == x.numel() * x.element_size()
    if kind != "jagged":
        assert len(found.at) == int(x.count_nonzero())


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(x=matrices())
def test_most_is_where_it_stops_being_smaller(kind, x):
    found = sparse.held(x, kind)
    each = x.element_size() + 8 * sparse.INDICES[kind]
    fixed = found.bytes - each * len(found.at)
    assert found.most == 0 or fixed + each * found.most < found.dense_bytes
    assert found.most == x.numel() or fixed + each * (found.most + 1) >= found.dense_bytes
    expected = {-1: SMALLER, 0: EQUAL}.get((found.bytes > found.dense_bytes) - (found.bytes < found.dense_bytes))
    assert verdict(found) == (expected or (LARGER if found.most else NEVER))


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("dtype", DTYPES)
def test_thinning_sets_a_share_to_0_the_same_ones_each_time(share, dtype):
    x = torch.ones(3, 4).to(dtype)
    found = sparse.thinned(x, share)
    assert found.dtype == dtype
    assert int((found == 0).sum()) == round(share * 12)
    assert found.equal(sparse.thinned(x, share))


def test_nan_is_a_number_that_is_kept():
    x = torch.tensor([[float("nan"), 1.0], [0.0, 2.0]])
    for kind in KINDS:
        assert sparse.held(x, kind).parts["values"].isnan().sum() == 1


@pytest.mark.parametrize("x", [None, torch.zeros(3), torch.zeros(2, 0), torch.zeros(2, 2, dtype=torch.complex64)])
def test_what_is_no_matrix_of_real_numbers_is_not_taken(x):
    assert sparse.corner(x) is None
    assert sparse.corner(torch.empty(3, 3, device="meta")) is None


def test_a_large_matrix_is_taken_by_its_corner():
    assert sparse.corner(torch.zeros(9, 30)).shape == (sparse.MOST_ROWS, sparse.MOST_COLUMNS)


def test_torch_says_what_strides_and_views_are():
    x = sparse.EXAMPLE
    assert "do not have strides" in sparse.held(x, "csr").stride
    assert "view" in sparse.held(x, "csr").view
    assert sparse.held(x, "jagged").view
    assert sparse.turned(x) == sparse.Turned("sparse_csc", shares=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_hangs_together_with_its_cell_and_its_row_with_two_pointers(kind):
    found = sparse.held(sparse.EXAMPLE, kind)
    made, (cells, *pointers) = pictures(found)
    assert [picture.name for picture in made] == ["dense", *found.parts]
    assert [tuple(row) for row in cells.rows] == [(*at, k) for k, at in enumerate(found.at)]
    for relation in pointers:
        assert sorted(map(tuple, relation.rows)) == sorted((i, i + more) for i in range(4) for more in (0, 1))
    assert len(made[0].muted) == 20 - len(found.at)


@pytest.mark.parametrize("kind", KINDS)
def test_a_matrix_of_zeros_has_pictures_too(kind):
    made, _ = pictures(sparse.held(torch.zeros(2, 3), kind))
    assert len(made[0].muted) == 6
