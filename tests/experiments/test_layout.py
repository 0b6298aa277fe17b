"""Our reasoning about memory against torch's: on real tensors, after random chains of operations."""

import math
from itertools import pairwise, permutations

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from core.experiments.chain.run import same_copy, whole_storage
from core.experiments.chain.table import OPERATIONS
from core.experiments.layout import addresses, cache, operations, rule
from core.experiments.layout.arguments import infer_size
from core.experiments.layout.rule import Copy, Layout, ViewRefused

pytestmark = pytest.mark.filterwarnings("ignore:.*(T. on tensors|T is deprecated)")

REFUSALS = (RuntimeError, IndexError, ValueError, TypeError)


# ---- random tensors --------------------------------------------------------------------------------------------


@st.composite
def factored(draw, numel):
    """A shape of this many elements, with sizes of 1 mixed in."""
    sizes = [1] * draw(st.integers(0, 2))
    while numel > 1:
        size = draw(st.sampled_from([n for n in range(2, numel + 1) if numel % n == 0]))
        sizes.append(size)
        numel //= size
    return tuple(draw(st.permutations(sizes)))


@st.composite
def new_shapes(draw, x):
    """A shape to view x in: mostly of as many elements, sometimes with -1, sometimes wrong."""
    if draw(st.integers(0, 9)) == 0:
        return tuple(draw(st.lists(st.integers(-2, 6), max_size=4)))
    if x.numel() == 0:
        return tuple(draw(st.permutations([0, *draw(st.lists(st.integers(0, 3), max_size=3))])))
    shape = list(draw(factored(x.numel())))
    if shape and draw(st.booleans()):
        shape[draw(st.integers(0, len(shape) - 1))] = -1
    return tuple(shape)


@st.composite
def arguments(draw, x, name):
    """Arguments for one operation on x: mostly accepted, sometimes not."""
    n = x.dim()
    dim = st.integers(-n, max(n - 1, 0)) if draw(st.integers(0, 9)) else st.integers(-n - 2, n + 1)
    dims = st.lists(dim, max_size=3).map(tuple)
    small = st.integers(-4, 6)
    if name in ("view", "reshape"):
        return (draw(new_shapes(x)),)
    if name == "permute":
        order = draw(st.permutations(range(n)))
        return (tuple(order) if draw(st.integers(0, 9)) else draw(dims),)
    if name == "expand":
        front = draw(st.lists(st.integers(0, 3), max_size=2))
        kept = [draw(st.sampled_from([s, -1, 3])) if s == 1 else draw(st.sampled_from([s, s, -1])) for s in x.shape]
        return ((*front, *kept) if draw(st.integers(0, 9)) else tuple(draw(st.lists(st.integers(-2, 4), max_size=4))),)
    if name == "unflatten":
        d = draw(dim)
        known = n > 0 and -n <= d < n and x.shape[d] > 0 and draw(st.integers(0, 9))
        return (d, draw(factored(x.shape[d]) if known else st.lists(st.integers(-2, 4), max_size=3).map(tuple)))
    if name in ("as_strided", "as_strided_scatter"):
        least = -1 if name == "as_strided" and draw(st.integers(0, 9)) == 0 else 0
        size = draw(st.lists(st.integers(least, 4), max_size=3))
        stride = draw(st.lists(st.integers(0, 4), min_size=len(size), max_size=len(size)))
        return (tuple(size), tuple(stride), draw(st.none() | st.integers(-1, 3)))
    if name == "resize_":
        return (tuple(draw(st.lists(st.integers(-1 if draw(st.integers(0, 9)) == 0 else 0, 4), max_size=4))),)
    if name == "pad":
        return (tuple(draw(st.lists(st.integers(-2, 3), max_size=2 * n + draw(st.integers(0, 1))))),)
    if name == "rot90":
        return draw(small), draw(dims | st.permutations(range(n)).map(lambda order: tuple(order[:2])))
    if name in ("chunk", "split", "unbind"):
        which = draw(st.integers(-2, 2))
        return (draw(dim), which) if name == "unbind" else (draw(st.integers(-1, 4)), draw(dim), which)
    sizes = st.sampled_from([*x.shape, 1] if n else [1])
    places = st.lists(st.integers(-1, 3), max_size=4).map(tuple)
    mask = sizes.flatmap(lambda size: st.lists(st.integers(0, 1), min_size=size, max_size=size)).map(tuple)
    values = {
        "dim": dim, "int": small, "dims": dims, "sizes": dims, "ints": dims, "places": places,
        "mask": mask if draw(st.integers(0, 9)) else st.just((1, 0)),
    }  # fmt: skip
    return tuple(
        draw(values[p.kind] | st.none() if p.optional and not p.is_tuple else values[p.kind])
        for p in OPERATIONS[name].parameters
    )


shapes = st.lists(st.integers(1, 6), max_size=4) | st.lists(st.integers(0, 3), max_size=4)
dtypes = st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.int8, torch.int64, torch.complex64])


def call(x, name, args):
    """Run an operation on an alias, so that resize_ leaves x as it looked. Storage that grew is set to -1."""
    if name != "resize_":
        return OPERATIONS[name].call(x, *args)
    before = whole_storage(x).numel()
    y = OPERATIONS[name].call(x.as_strided(x.shape, x.stride(), x.storage_offset()), *args)
    whole_storage(y)[before:] = -1
    return y


@st.composite
def tensors(draw, most=4):
    """A real tensor at the end of a random chain of operations."""
    shape = draw(shapes)
    x = torch.arange(math.prod(shape)).to(draw(dtypes)).reshape(shape)
    for _ in range(draw(st.integers(0, most))):
        name = draw(st.sampled_from(list(OPERATIONS)))
        try:
            y = call(x, name, draw(arguments(x, name)))
        except REFUSALS:
            continue
        if y.dim() <= 6 and 0 <= y.numel() <= 400 and all(n >= 0 for n in y.shape):
            x = y
    return x


# ---- every operation -------------------------------------------------------------------------------------------


def outcome(function, *args):
    try:
        return function(*args)
    except REFUSALS as error:
        return type(error)


@pytest.mark.parametrize("name", OPERATIONS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_each_operation_is_predicted_layout_storage_and_refusal(name, data):
    x = data.draw(tensors(most=3))
    args = data.draw(arguments(x, name))
    before = Layout.of(x)
    predicted = outcome(OPERATIONS[name].predict, before, *args)
    storage = x.untyped_storage()._cdata
    y = outcome(call, x, name, args)
    if isinstance(y, type):
        assert isinstance(predicted, type), f"torch refuses {name}{args} of {before}, we predict {predicted}"
        assert issubclass(predicted, y)
        return
    assume(all(n >= 0 for n in y.shape))  # torch makes a size of -1 beside one of 0
    assert isinstance(predicted, Layout | Copy), f"torch accepts {name}{args} of {before}, we refuse: {predicted}"
    copied = y.untyped_storage()._cdata != storage
    assert isinstance(predicted, Copy) == copied
    if copied:
        assert same_copy(predicted.layout, Layout.of(y))
    else:
        assert predicted == Layout.of(y)


@pytest.mark.parametrize(
    ("name", "args"), [("expand", ((0, -1),)), ("as_strided", ((0, -1), (0, 0))), ("resize_", ((0, -1),))]
)
def test_a_size_of_minus_1_is_refused_where_torch_makes_one(name, args):
    x = torch.zeros(())
    assert -1 in OPERATIONS[name].call(x, *args, *[None] * (name == "as_strided")).shape
    with pytest.raises(RuntimeError, match=r"negative|-1"):
        OPERATIONS[name].predict(rule.fresh(()), *args)


@settings(max_examples=200, deadline=None)
@given(tensors())
def test_contiguity_is_torchs(x):
    layout = Layout.of(x)
    assert rule.is_contiguous(layout) == x.is_contiguous()
    assert rule.is_dense(layout) == torch.ops.aten.is_non_overlapping_and_dense(x)
    if x.dim() == 4:
        assert rule.is_channels_last(layout) == x.is_contiguous(memory_format=torch.channels_last)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=5).map(tuple))
def test_fresh_strides_are_torchs(shape):
    assert rule.contiguous_stride(shape) == torch.empty(shape).stride()
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    if len(shape) in formats:
        assert rule.channels_last_stride(shape) == torch.empty(shape, memory_format=formats[len(shape)]).stride()
    else:
        with pytest.raises(RuntimeError, match="4 dimensions"):
            rule.channels_last_stride(shape)


# ---- addresses -------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(tensors(), st.data())
def test_an_address_is_where_the_element_lies(x, data):
    assume(x.numel())
    index = tuple(data.draw(st.integers(-n, n - 1)) for n in x.shape)
    layout = Layout.of(x)
    parts = addresses.address_terms(layout, index)
    assert (
        parts.storage_offset + sum(i * s for i, s in parts.terms) == parts.address == addresses.address(layout, index)
    )
    start = x.untyped_storage().data_ptr()
    assert x[index].data_ptr() == start + parts.address * x.element_size()
    assert str(parts).endswith(f"= {parts.address}")


@settings(max_examples=150, deadline=None)
@given(tensors())
def test_all_addresses_find_the_numbers_in_the_storage(x):
    layout = Layout.of(x)
    table = addresses.addresses(layout)
    assert table.shape == tuple(x.shape)
    cells = whole_storage(x)
    assert torch.equal(cells[torch.from_numpy(table)], x)
    assert addresses.reading_order(layout) == table.ravel().tolist()
    assert table.ravel().tolist() == [addresses.address(layout, index) for index in np.ndindex(*x.shape)]


def test_the_sum_is_written_in_numbers():
    layout = Layout.of(torch.arange(30).reshape(6, 5)[1:].T)
    assert str(addresses.address_terms(layout, (2, 3))) == "5 + 2·1 + 3·5 = 22"


@pytest.mark.parametrize("index", [(2, 0), (0, -4), (0,), (0, 0, 0)])
def test_an_index_outside_the_shape_is_refused(index):
    with pytest.raises(IndexError, match="index"):
        addresses.address(rule.fresh((2, 3)), index)


@settings(max_examples=150, deadline=None)
@given(tensors())
def test_extent_is_what_the_storage_says(x):
    found = addresses.extent(Layout.of(x), x.element_size())
    assert found.bytes_viewed == x.numel() * x.element_size()
    assert found.bytes_held == x.untyped_storage().nbytes()
    visited = addresses.addresses(Layout.of(x))
    assert (found.first, found.last) == ((visited.min(), visited.max()) if x.numel() else (None, None))
    assert found.distinct == len(set(visited.ravel().tolist()))
    assert addresses.overlaps(Layout.of(x)) == (found.distinct < x.numel())
    assert addresses.needed_cells(Layout.of(x)) <= Layout.of(x).storage_size


strides = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 24, 36])


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1, 2, 3, 4, 5, 7]), strides), max_size=5))
def test_different_cells_are_counted_without_going_through_them(dims):
    layout = Layout(tuple(n for n, _ in dims), tuple(s for _, s in dims), 2)
    assert addresses.distinct_addresses(layout) == len(set(addresses.reading_order(layout)))


@pytest.mark.parametrize(
    ("shape", "stride", "distinct"),
    [
        ((2**20, 2**20), (1, 2**20), 2**40),
        ((2**20, 5, 2**20), (2**20, 0, 1), 2**40),
        ((2**20 - 2, 3, 2**19), (2**20, 2**20, 2), 2**39),  # windows of three rows, over every second column
        ((2**30, 2**30), (2, 3), 5 * (2**30 - 1) - 1),  # all sums but 1 and the last but one
    ],
)
def test_different_cells_of_any_size_are_counted(shape, stride, distinct):
    assert addresses.distinct_addresses(Layout(shape, stride)) == distinct


def test_cells_too_many_to_count_are_said_to_be_so():
    assert addresses.distinct_addresses(Layout((10**4,) * 3, (6, 10, 15 * 10**4 + 1))) is None
    assert addresses.overlaps(Layout((10**4,) * 3, (6, 10, 15 * 10**4 + 1))) is None


# ---- view ------------------------------------------------------------------------------------------------------


@st.composite
def strided(draw, least=0):
    """A tensor of any strides, with sizes of 1 often."""
    shape = tuple(draw(st.lists(st.sampled_from([least, 1, 1, 2, 2, 3, 4]), max_size=5)))
    dense = rule.contiguous_stride(shape)
    loose = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 8, 12, 24])
    stride = tuple(draw(st.sampled_from([s, s, 2 * s]) | loose) for s in dense)
    layout = Layout(shape, stride, draw(st.integers(0, 3)))
    return torch.arange(max(addresses.needed_cells(layout), 1)).as_strided(shape, stride, layout.storage_offset)


def torch_views(x, shape):
    try:
        return x.view(shape)
    except RuntimeError:
        return None


@settings(max_examples=500, deadline=None)
@given(st.one_of(strided(), strided(1), tensors()), st.data())
@example(torch.arange(3).as_strided((3, 1), (1, 7)), None)
def test_a_view_exists_where_torch_says_so_with_torchs_strides(x, data):
    shape = (3, 1) if data is None else data.draw(new_shapes(x))
    layout = Layout.of(x)
    try:
        shape = infer_size(shape, x.numel())
    except RuntimeError:
        assert torch_views(x, shape) is None
        return
    theirs = torch_views(x, shape)
    assert rule.view_stride(layout, shape) == (None if theirs is None else theirs.stride())
    assert bool(rule.view_refusals(layout, shape)) == (theirs is None)


@settings(max_examples=300, deadline=None)
@given(st.one_of(strided(1), tensors()), st.data())
def test_a_refusal_names_pairs_that_do_not_merge_and_that_the_new_shape_runs_across(x, data):
    assume(x.numel())
    shape = data.draw(factored(x.numel()))
    layout = Layout.of(x)
    for pair in rule.view_refusals(layout, shape):
        left, right = pair.left_dim, pair.right_dim
        assert left < right
        assert all(n == 1 for n in x.shape[left + 1 : right])
        # the numbers of the sentence are the tensor's, and unequal
        assert (pair.left_stride, pair.right_stride, pair.right_size) == (
            x.stride(left),
            x.stride(right),
            x.size(right),
        )
        assert pair.left_stride != pair.needed_stride == pair.right_stride * pair.right_size
        # torch can't merge these two alone either
        matrix = x.permute(*[d for d in range(x.dim()) if d not in (left, right)], left, right)
        assert torch_views(matrix[(0,) * (x.dim() - 2)], (-1,)) is None
        # the named dimension of the new shape lies on both sides of the border between them
        assert shape[pair.new_dim] == pair.new_size
        after = math.prod(x.shape[right:])
        assert math.prod(shape[pair.new_dim + 1 :]) < after < math.prod(shape[pair.new_dim :])
    if rule.view_refusals(layout, shape):
        with pytest.raises(ViewRefused) as refused:
            operations.view(layout, shape)
        assert refused.value.refusals == rule.view_refusals(layout, shape)
        assert "stride" in str(refused.value)


@settings(max_examples=300, deadline=None)
@given(strided(1), st.data())
def test_a_view_exists_exactly_where_one_stride_a_dimension_visits_the_cells_in_order(x, data):
    """The definition itself, without torch's rule: is the list of addresses an affine function of the new index?"""
    shape = data.draw(factored(x.numel()))
    visited = addresses.addresses(Layout.of(x)).reshape(shape)
    origin = visited[(0,) * len(shape)]
    steps = [int(np.moveaxis(visited, d, 0)[1].flat[0] - origin) if n > 1 else 0 for d, n in enumerate(shape)]
    affine = np.array_equal(visited, addresses.addresses(Layout(shape, tuple(steps), int(origin))))
    assert affine == (rule.view_stride(Layout.of(x), shape) is not None)


@settings(max_examples=200, deadline=None)
@given(st.one_of(strided(), strided(1), tensors()))
def test_merged_groups_are_the_coarsest_view(x):
    assume(x.dim() and x.numel())
    groups = rule.merged_groups(Layout.of(x))
    assert [d for group in groups for d in group.dims] == list(range(x.dim()))
    merged = x.view([group.size for group in groups])
    assert all(group.stride == s for group, s in zip(groups, merged.stride(), strict=True) if group.size > 1)
    for left, right in pairwise(range(merged.dim())):  # no two of them merge any further
        coarser = [*merged.shape[:left], merged.shape[left] * merged.shape[right], *merged.shape[right + 1 :]]
        assert torch_views(x, coarser) is None


@settings(max_examples=200, deadline=None)
@given(st.one_of(strided(), strided(1), tensors()))
def test_neighbours_merge_where_torch_merges_the_two(x):
    for d in range(x.dim() - 1):
        both = [*x.shape[:d], x.shape[d] * x.shape[d + 1], *x.shape[d + 2 :]]
        if 1 not in x.shape[d : d + 2]:
            assert rule.mergeable(Layout.of(x), d) == (torch_views(x, both) is not None)


def test_sizes_of_1_are_skipped_when_dimensions_merge():
    x = torch.arange(24).reshape(2, 12)[:, ::2].unsqueeze(1)  # (2, 1, 6), strides 12, _, 2
    assert [rule.mergeable(Layout.of(x), d) for d in range(3)] == [True, True, True]
    apart = x[:, :, :4]
    assert [rule.mergeable(Layout.of(apart), d) for d in range(3)] == [False, True, True]
    (pair,) = rule.view_refusals(Layout.of(apart), (8,))
    assert (pair.left_dim, pair.right_dim, pair.left_stride, pair.needed_stride) == (0, 2, 12, 8)


def test_every_broken_border_is_named():
    x = torch.arange(24).reshape(2, 3, 4).permute(2, 1, 0)  # (4, 3, 2), strides 1, 4, 12
    assert [(p.left_dim, p.right_dim) for p in rule.view_refusals(Layout.of(x), (24,))] == [(0, 1), (1, 2)]
    assert [(p.left_dim, p.right_dim) for p in rule.view_refusals(Layout.of(x), (4, 6))] == [(1, 2)]
    assert [(p.left_dim, p.right_dim) for p in rule.view_refusals(Layout.of(x), (12, 2))] == [(0, 1)]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-2, 5), max_size=4).map(tuple), st.integers(0, 24))
def test_minus_one_is_worked_out_as_torch_does(shape, numel):
    theirs = outcome(lambda: tuple(torch.empty(numel).view(shape).shape))
    assert outcome(infer_size, shape, numel) == theirs


# ---- broadcasting ----------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(tensors(), st.lists(st.integers(1, 3), max_size=3), st.data())
def test_broadcast_strides_are_those_of_expand_and_of_broadcasting(x, front, data):
    assume(x.dim() + len(front) <= 6)
    shape = (*front, *[data.draw(st.sampled_from([1, 3])) if n == 1 else n for n in x.shape])
    assert rule.expand_stride(Layout.of(x), shape)[1] == x.expand(shape).stride()
    assert rule.expand_stride(Layout.of(x), shape)[1] == torch.broadcast_to(x, shape).stride()


@pytest.mark.parametrize("shape", [(3,), (3, 5), (3, -2)])
def test_what_does_not_broadcast_is_refused(shape):
    with pytest.raises(RuntimeError, match="expand"):
        rule.expand_stride(rule.fresh((2, 4)), shape)


# ---- cache lines -----------------------------------------------------------------------------------------------


def walk(layout, itemsize, line_bytes, capacity):
    """The cache written out as a list, the last used line at its end."""
    cache, fetched_at, touched = [], [], set()
    for at, cell in enumerate(addresses.reading_order(layout)):
        line = cell * itemsize // line_bytes
        if line in cache:
            cache.remove(line)
        else:
            fetched_at.append(at)
        touched.add(line)
        cache = [*cache, line][-capacity:]
    return len(touched), tuple(fetched_at)


@settings(max_examples=150, deadline=None)
@given(tensors(), st.sampled_from([8, 16, 64]), st.integers(1, 4))
def test_cache_lines_are_those_of_a_cache_that_drops_the_least_recently_used(x, line_bytes, capacity):
    layout, itemsize = Layout.of(x), x.element_size()
    cost = cache.cache_lines(layout, itemsize, line_bytes, capacity)
    assert (cost.touched, cost.fetched_at) == walk(layout, itemsize, line_bytes, capacity)
    assert cost.refetched == cost.fetched - cost.touched >= 0
    if x.is_contiguous():
        assert cost.refetched == 0
    if x.is_contiguous() and x.storage_offset() == 0:
        assert cost.touched == cost.least


def test_a_transposed_matrix_fetches_a_line_for_every_number():
    rows = Layout.of(torch.zeros(64, 64))
    columns = Layout.of(torch.zeros(64, 64).T)
    assert (cache.cache_lines(rows, 4).fetched, cache.cache_lines(rows, 4).refetched) == (256, 0)
    assert (cache.cache_lines(columns, 4).fetched, cache.cache_lines(columns, 4).refetched) == (4096, 3840)
    assert cache.cache_lines(columns, 4, capacity=64).refetched == 0  # one line of every row fits


# ---- the strides of copies -------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.one_of(strided(), strided(1), tensors()))
def test_a_copy_keeps_the_order_of_dimensions_as_torch_does(x):
    assert operations.clone(Layout.of(x)) == Copy(Layout.of(x.clone()))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([0, 1, 1, 2, 3]), min_size=4, max_size=4), st.sampled_from([*permutations(range(4))]))
def test_channels_last_copies_unless_the_strides_look_like_it(shape, order):
    x = torch.zeros(shape).permute(order)
    y = x.to(memory_format=torch.channels_last)
    predicted = operations.channels_last(Layout.of(x))
    if y is x:
        assert predicted == Layout.of(x)
    else:
        assert predicted == Copy(Layout.of(y))


# ---- cache lines of any size -----------------------------------------------------------------------------------

loops = st.lists(
    st.tuples(st.sampled_from([1, 2, 3, 5, 7, 17, 33]), st.sampled_from([0, 1, 2, 3, 5, 8, 16, 17, 32, 36, 64, 100])),
    max_size=3,
)


@settings(max_examples=300, deadline=None)
@given(loops, st.integers(0, 3), st.sampled_from([1, 4, 8]), st.sampled_from([16, 64]), st.sampled_from([1, 2, 8]))
def test_a_walk_counted_in_periods_fetches_what_the_walk_itself_does(drawn, offset, itemsize, line_bytes, capacity):
    layout = Layout(tuple(n for n, _ in drawn), tuple(s for _, s in drawn), offset)
    walked, counted = (f(layout, itemsize, line_bytes, capacity) for f in (cache.cache_lines, cache.traffic))
    assert (counted.fetched, counted.least) == (walked.fetched, walked.least)
    assert counted.touched in (walked.touched, None)
    if addresses.nested(addresses.merged_terms(layout)):
        assert (counted.touched, counted.refetched) == (walked.touched, walked.refetched)


@pytest.mark.parametrize(
    ("shape", "stride", "touched", "fetched"),
    [
        ((2**20, 2**20), (2**20, 1), 2**36, 2**36),
        ((2**20, 2**20), (1, 2**20), 2**36, 2**40),  # a line for every number
        ((2**20, 256), (1, 2**20), 2**24, 2**24),  # a line of every row stays
        ((2**20, 2**20), (0, 1), 2**16, 2**36),
        ((32, 12, 512, 64), (512 * 768, 64, 768, 1), 32 * 512 * 48, 32 * 512 * 48),
    ],
)
def test_walks_over_the_largest_tensors(shape, stride, touched, fetched):
    assert cache.traffic(Layout(shape, stride), 4) == cache.Traffic(touched, fetched, -(-math.prod(shape) // 16))


def test_a_walk_too_long_to_count_is_said_to_be_so():
    primes = (7, 11, 13, 17, 19, 23, 29, 5)
    order = (3, 7, 0, 5, 1, 6, 2, 4)
    stride = [0] * 8
    for place, d in enumerate(order):
        stride[d] = math.prod(primes[k] for k in order[place + 1 :])
    assert cache.traffic(Layout(primes, tuple(stride)), 4).fetched is None
    assert cache.traffic(Layout(primes, tuple(stride)), 4).touched == -(-math.prod(primes) // 16)
