"""What the broadcasting page finds out, against torch's own broadcasting."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.experiments import broadcasting as runs

shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)


@given(shapes, shapes)
@settings(max_examples=200, deadline=None)
def test_the_shape_of_two_and_where_they_clash(a, b):
    x, y = torch.zeros(a), torch.zeros(b)
    made = runs.result_shape(a, b)
    assert made == runs.asked_shape(a, b)
    clash = runs.clash(x, y)
    assert (made is None) == (clash is not None) == bool(runs.refusal("add", x, y))
    if clash:
        assert clash.a_size != clash.b_size
        for _code, name, longer in clash.mends:
            pair = (longer, y) if name == "a" else (x, longer)
            assert runs.clash(*pair) is None


@pytest.mark.parametrize("operation", runs.OPERATIONS)
@pytest.mark.parametrize("pair", [name for name in runs.PAIRS if name != "refused"])
def test_a_run_is_torchs_with_its_gradients(operation, pair):
    a, b = runs.example(pair, 0), runs.example(pair, 1)
    run = runs.run(operation, a, b)
    leaves = a.clone().requires_grad_(), b.clone().requires_grad_()
    theirs = runs.OPERATIONS[operation](*leaves)
    assert torch.equal(run.output, theirs)
    for ours, grad in zip((run.a_grad, run.b_grad), torch.autograd.grad(theirs.sum(), leaves), strict=True):
        torch.testing.assert_close(ours, grad)
    assert [each.result for each in run.dimensions] == list(theirs.shape)
    assert [each.a_stride for each in run.dimensions] == list(a.expand(theirs.shape).stride())
    assert run.seen - run.held == 4 * run.again


def test_whole_numbers_have_no_gradient():
    run = runs.run("add", torch.ones(2, 1, dtype=torch.int64), torch.ones(3, dtype=torch.int64))
    assert (run.a_grad, run.b_grad) == (None, None)


def test_pitfalls():
    assert runs.aligned_at_the_right().shape == (3, 4)
    assert runs.aligned_at_the_right().says
    squares = runs.prediction_and_target()
    assert (squares.shape, squares.right) == ((4, 4), 0)
    assert squares.wrong == pytest.approx(2.5)
    assert "target size" in squares.warning
    copied = runs.no_copy()
    assert copied.held == copied.expanded == 4000
    assert copied.repeated == copied.contiguous == 1000 * copied.held
    assert copied.stride == (0, 1)
    there = runs.in_place()
    assert there.shape == (3, 4)
    assert there.smaller
    assert there.expanded
    nothing = runs.size_zero()
    assert (nothing.shape, nothing.numbers) == ((3, 0), 0)
    assert nothing.says


def test_answers():
    assert runs.read_cell((1, 4), (2, 3)) == (0, 3)
    assert runs.read_cell((4,), (2, 3)) == (3,)
    assert runs.times_read((3, 1), (3, 5)) == 5
