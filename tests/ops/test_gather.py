import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing._internal.common_methods_invocations import op_db

from core.ops.gather import (
    contiguous_strides,
    flat_addresses,
    gather,
    gather_by_loops,
    scatter,
    scatter_by_loops,
    source_of,
)
from tests.ops.like_torch import check, check_refused

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int8, torch.uint8]


@st.composite
def cases(draw, dtypes=DTYPES, distinct=False):
    """An input, a dim and an index that fits; with `distinct` no place is named twice."""
    shape = draw(st.lists(st.integers(1, 5), min_size=0, max_size=4))
    dim = draw(st.integers(-max(len(shape), 1), max(len(shape), 1) - 1))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    x = (torch.randn(shape, generator=generator, dtype=torch.float64) * 3).to(draw(st.sampled_from(dtypes)))
    sizes = [draw(st.integers(0, size)) for size in shape]
    if shape and not distinct:
        sizes[dim] = draw(st.integers(0, 2 * shape[dim]))
    limit = shape[dim] if shape else 1
    if distinct and shape:
        order = torch.rand(shape, generator=generator).argsort(dim)
        index = order[tuple(slice(size) for size in sizes)]
    else:
        index = torch.randint(limit, sizes, generator=generator)
    if draw(st.booleans()):
        x = x.transpose(0, -1).contiguous().transpose(0, -1) if x.ndim > 1 else x
        index = index.transpose(0, -1).contiguous().transpose(0, -1) if index.ndim > 1 else index
    return x, dim, index.to(draw(st.sampled_from([torch.int64, torch.int32])))


@settings(max_examples=200, deadline=None)
@given(cases())
def test_gather_like_torch(case):
    x, dim, index = case
    check(gather, torch.gather, x.requires_grad_(x.is_floating_point()), dim, index)


@settings(max_examples=100, deadline=None)
@given(cases())
def test_loops_gather_like_torch(case):
    x, dim, index = case
    if index.numel():
        assert gather_by_loops(x, dim, index).equal(torch.gather(x, dim, index))


@settings(max_examples=150, deadline=None)
@given(cases(), st.sampled_from([None, "add", "multiply"]), st.booleans())
def test_scatter_like_torch(case, reduce, by_value):
    x, dim, index = case
    src = torch.arange(1, index.numel() + 1).reshape(index.shape).to(x.dtype)
    options = {} if reduce is None else {"reduce": reduce}
    if x.dtype in (torch.float16, torch.bfloat16):
        src = src % 3  # the order of rounding is torch's business
    check(scatter, torch.scatter, x, dim, index, 2 if by_value else src, **options)


@settings(max_examples=100, deadline=None)
@given(cases([torch.float64], distinct=True))
def test_scatter_gradients_like_torch(case):
    x, dim, index = case
    src = torch.randn(index.shape, dtype=torch.float64, requires_grad=True)
    check(scatter, torch.scatter, x.requires_grad_(), dim, index, src)
    check(scatter, torch.scatter, x, dim, index, 1.5)


@settings(max_examples=50, deadline=None)
@given(cases([torch.float64]))
def test_loops_scatter_like_torch(case):
    x, dim, index = case
    src = torch.randn(index.shape, dtype=torch.float64)
    if index.numel():
        assert scatter_by_loops(x, dim, index, src).equal(torch.scatter(x, dim, index, src))


@pytest.mark.parametrize("reduce", [None, "add", "multiply"])
def test_derivatives(reduce):
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    src = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    picks = torch.tensor([[0, 0, 3], [1, 2, 1], [3, 3, 3]])
    places = torch.tensor([[0, 2, 3], [1, 2, 0], [3, 1, 2]]) if reduce is None else picks
    assert torch.autograd.gradcheck(lambda t: gather(t, 1, picks), x)
    assert torch.autograd.gradgradcheck(lambda t: gather(t, 1, picks), x)
    assert torch.autograd.gradcheck(lambda t, s: scatter(t, 1, places, s, reduce=reduce), (x, src))
    assert torch.autograd.gradgradcheck(lambda t, s: scatter(t, 1, places, s, reduce=reduce), (x, src))


def test_gradients_beyond_torch_are_the_numbers_they_should_be():
    x, src = torch.ones(1, 3, requires_grad=True), torch.full((1, 4), 2.0, requires_grad=True)
    index = torch.tensor([[0, 0]])
    with pytest.raises(RuntimeError):
        torch.scatter(x, 1, index, src, reduce="add").sum().backward()
    gradients = torch.autograd.grad(scatter(x, 1, index, src, reduce="add").sum(), (x, src))
    assert gradients[0].tolist() == [[1, 1, 1]]
    assert gradients[1].tolist() == [[1, 1, 0, 0]]
    gradients = torch.autograd.grad(scatter(x, 1, index, src, reduce="multiply").sum(), (x, src))
    assert gradients[0].tolist() == [[4, 1, 1]]  # 1 · 2 · 2
    assert gradients[1].tolist() == [[2, 2, 0, 0]]


def test_sparse_grad_gives_the_same_numbers_densely():
    x, index = torch.randn(2, 3, requires_grad=True), torch.tensor([[0, 0], [2, 1]])
    ours = torch.autograd.grad(gather(x, 1, index, sparse_grad=True).sum(), x)[0]
    theirs = torch.autograd.grad(torch.gather(x, 1, index, sparse_grad=True).sum(), x)[0]
    assert ours.equal(theirs.to_dense())
    assert ours.layout == torch.strided


X = torch.arange(6.0).reshape(2, 3)


def I(*values, **kwargs):  # noqa: E743, N802
    return torch.tensor(*values, **kwargs)


@pytest.mark.parametrize(
    ("args", "naming"),
    [
        ((X, 1, I([[-1], [2]])), "index"),
        ((X, 1, I([[3], [2]])), "index"),
        ((X, 2, I([[0]])), "dim"),
        ((X, "a", I([[0]])), "dim"),
        ((X, 1.0, I([[0]])), "dim"),
        ((X, 5, torch.empty(0, dtype=torch.long)), "dim"),
        ((X, 1, I([[0.0]])), "index"),
        ((X, 1, I([[True]])), "index"),
        ((X, 1, I([[0]], dtype=torch.uint8)), "index"),
        ((X, 1, [[0]]), "index"),
        ((X, 1, I([0])), "index"),
        ((X, 1, I(0)), "index"),
        ((I(5.0), 0, I(1)), "index"),
        ((I(5.0), 1, I(0)), "dim"),
        ((torch.empty(0, 3), 0, torch.zeros(1, 3, dtype=torch.long)), "index"),
        ((X, 1, torch.zeros(3, 1, dtype=torch.long)), "index"),
    ],
)
def test_gather_refusals(args, naming):
    check_refused(gather, torch.gather, *args, naming=rf"\b{naming}\b")


def test_gather_refuses_every_error_input_of_torch_uncopied():
    """The samples whose `out` shares memory with the input are errors only as long as nobody copies them."""
    info = next(info for info in op_db if info.name == "gather")
    for error in info.error_inputs("cpu"):
        sample = error.sample_input
        for function, naming in ((torch.gather, ""), (gather, r"\b(input|dim|index|out)\b")):
            with pytest.raises(RuntimeError, match=naming):
                function(sample.input, *sample.args, **sample.kwargs)


@pytest.mark.parametrize(
    ("args", "kwargs", "naming"),
    [
        ((X, 1, I([[0]]), I([[1]])), {}, "src"),
        ((X, 1, I([[0, 0]]), I([[1.0]])), {}, "src"),
        ((X, 1, I([[0]]), I([1.0])), {}, "src"),
        ((X, 1, I([[0]]), I(4.0)), {}, "src"),
        ((X, 0, I([[0]]), torch.ones(1, 1, 1)), {}, "src"),
        ((X, 1, I([[-1]]), I([[1.0]])), {}, "index"),
        ((X, 1, I([[3]]), 1.0), {}, "index"),
        ((X, 1, I([[0.0]]), I([[1.0]])), {}, "index"),
        ((X, 1, I([0]), I([[1.0]])), {}, "index"),
        ((X, 1, torch.zeros(3, 1, dtype=torch.long), torch.zeros(3, 1)), {}, "index"),
        ((X, 2, I([[0]]), I([[1.0]])), {}, "dim"),
        ((X, 1, I([[0]]), 7j), {}, "value"),
        ((X, 1, I([[0]])), {"value": torch.tensor(7j)}, "value"),
        ((X.to(torch.int8), 1, I([[0]])), {"value": I(300)}, "value"),
        ((X[0], 0, I([0, 1]), I(4.0)), {}, "src"),
        ((X, 1, I([[0]]), "a"), {}, "value"),
        ((X.to(torch.int8), 1, I([[0]]), 300), {}, "value"),
        ((X, 1, I([[0]])), {}, "value"),
        ((X, 1, I([[0]])), {"src": I([[1.0]]), "value": 2.0}, "value"),
        ((X, 1, I([[0]]), I([[1.0]])), {"reduce": "sum"}, "reduce"),
        ((X, 1, torch.empty(0, dtype=torch.long), torch.empty(0, dtype=torch.float64)), {}, "src"),
        ((X, 1, I([[0]]), 1.0), {"out": torch.empty(2, 3).double()}, "out"),
    ],
)
def test_scatter_refusals(args, kwargs, naming):
    check_refused(scatter, torch.scatter, *args, naming=rf"\b{naming}\b", **kwargs)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((X, 1, I([[0, 0], [1, 1]]), I([[9.0, 8], [7, 6]])), {}),  # the last one stays
        ((X, 1, I([[0]])), {"value": 7.5}),
        ((X.long(), 1, I([[0]]), 7.9), {}),
        ((X, 1, I([[0]])), {"value": I(2.0)}),
        ((X, 1, I([[0]]), torch.ones(5, 5)), {}),
        ((I(5.0), 0, I([0, 0]), I([2.0, 3])), {}),
        ((X[0], 0, I(1), I([9.0])), {}),
        ((X[0], 0, I(1), I([9.0, 8.0])), {}),
        ((X[0], 0, I([1]), I(9.0)), {}),
        ((X, 1, torch.zeros(2, 5, dtype=torch.long), torch.zeros(2, 5)), {}),
        ((X, 1, torch.empty(0, 0, dtype=torch.uint8), torch.empty(5)), {}),
        ((X.to(torch.complex64), 1, I([[1, 1]]), I([[3, 4]]).to(torch.complex64)), {"reduce": "multiply"}),
        ((X > 2, 1, I([[1, 1]]), I([[True, True]])), {"reduce": "add"}),
        ((X > 2, 1, I([[1, 1]]), I([[True, False]])), {"reduce": "multiply"}),
        ((X, 1, I([[0]]), 1.0), {"out": torch.empty(3)}),
    ],
)
def test_scatter_corners(args, kwargs):
    ours, theirs = scatter(*args, **kwargs).clone(), torch.scatter(*args, **kwargs)
    assert ours.equal(theirs)
    assert ours.dtype == theirs.dtype


def test_of_several_writes_to_one_place_one_stays_and_a_reduction_takes_all():
    """On several threads it need not be the last of them, ours or torch's."""
    places, writes = 1_000, 100_000
    index = torch.arange(writes) % places
    src = torch.arange(writes, dtype=torch.float64)
    written = scatter(torch.full((places,), -1.0, dtype=torch.float64), 0, index, src)
    assert (written.long() % places).equal(torch.arange(places))
    added = scatter(torch.zeros(places, dtype=torch.float64), 0, index, src, reduce="add")
    assert added.equal(src.reshape(-1, places).sum(0))
    signs = torch.where(torch.arange(writes) < places, -1.0, 1.0)
    assert (scatter(torch.ones(places), 0, index, signs, reduce="multiply") == -1).all()


def test_gather_of_truth_values():
    index = torch.tensor([[0, 2], [1, 1]])
    assert gather(X > 2, 1, index).equal(torch.gather(X > 2, 1, index))


def test_gather_empty_index_of_any_rank_and_dtype():
    for index in (torch.empty(0), torch.empty(2, 0, dtype=torch.uint8), torch.empty(5, 0, dtype=torch.long)):
        check(gather, torch.gather, X.clone().requires_grad_(), 1, index)


def test_addresses_are_those_of_the_layout():
    index = torch.tensor([[0, 2], [1, 1]])
    assert contiguous_strides((2, 3, 4)) == torch.empty(2, 3, 4).stride()
    assert flat_addresses(index, 1, (2, 3)).tolist() == [[0, 2], [4, 4]]
    assert flat_addresses(index, 0, (3, 2)).tolist() == [[0, 5], [2, 3]]


@settings(max_examples=50, deadline=None)
@given(cases([torch.int64]))
def test_source_of_is_where_gather_reads(case):
    x, dim, index = case
    out = torch.gather(x, dim, index)
    for place in itertools.product(*map(range, index.shape)):
        assert x[source_of(index, dim, place)] == out[place]


def test_the_tutorials_example_and_the_pick_of_cross_entropy():
    a = torch.arange(1, 16).reshape(3, 5)
    index = torch.tensor([[0, 2], [3, 4], [1, 4]])
    assert gather(a, 1, index).tolist() == [[1, 3], [9, 10], [12, 15]]
    assert gather(a, 1, torch.tensor([2, 0, 4]).view(-1, 1)).flatten().tolist() == [3, 6, 15]


def test_textbook_lets_a_negative_index_wrap():
    assert gather_by_loops(X, 1, I([[-1]])).item() == 2
