"""Pooling by hand against torch's: values, indices, gradients, refusals, and the small facts that the page shows."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.ops.pooling import (
    avg_pool2d,
    avg_pool2d_steps,
    divisors,
    max_pool2d,
    pool2d,
    pool_output_size,
    windows_of,
    winners,
)
from tests.ops.like_torch import check, check_refused

FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
INTEGERS = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8]
small = st.integers(1, 3)
either = st.one_of(small, st.tuples(small), st.tuples(small, small), st.lists(small, min_size=2, max_size=2))


def numbers(shape, dtype, seed, levels):
    """Random numbers; few levels give many equal maxima, None gives none."""
    generator = torch.Generator().manual_seed(seed)
    if levels is None and dtype.is_floating_point:
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
    return torch.randint(0, levels or 9, shape, generator=generator).to(dtype)


def layouts(tensor, layout):
    """The same numbers, laid out in memory in another way."""
    if layout == "transposed":
        return tensor.mT.contiguous().mT
    if layout == "sliced":
        return tensor.repeat_interleave(2, -1)[..., ::2]
    if layout == "channels_last" and tensor.dim() == 4:
        return tensor.contiguous(memory_format=torch.channels_last)
    return tensor


@st.composite
def inputs(draw, dtypes):
    dtype = draw(st.sampled_from(dtypes))
    shape = (
        *draw(st.sampled_from([(), (1,), (2,), (0,)])),
        draw(small),
        draw(st.integers(1, 9)),
        draw(st.integers(1, 9)),
    )
    tensor = numbers(shape, dtype, draw(st.integers(0, 99)), draw(st.sampled_from([None, 2, 4])))
    return layouts(tensor, draw(st.sampled_from(["contiguous", "transposed", "sliced", "channels_last"])))


@st.composite
def kernels(draw):
    """kernel_size, stride and padding that torch takes."""
    kernel_size = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel_size)
    stride = draw(st.one_of(st.none(), st.just(()), either))
    if draw(st.booleans()):
        return kernel_size[0], stride, min(padding[0], kernel_size[0] // 2)
    return kernel_size, stride, padding


def taken(function, *arguments):
    try:
        function(*arguments)
    except RuntimeError:
        return False
    return True


def without_empty_windows(input, kernel_size, stride, padding, dilation, ceil_mode):
    """Whether each window holds a cell of the input: dilation can make one that holds none."""
    ones = torch.ones(1, 1, *input.shape[-2:])
    return max_pool2d(ones, kernel_size, stride, padding, dilation, ceil_mode).isfinite().all()


# ---- max -------------------------------------------------------------------------------------------------------


@given(inputs(FLOATS + INTEGERS), kernels(), either, st.booleans(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_max_values_indices_and_gradients(input, kernel, dilation, ceil_mode, return_indices):
    arguments = (*kernel, dilation, ceil_mode)
    assume(taken(F.max_pool2d, input, *arguments))
    assume(without_empty_windows(input, *arguments))
    input.requires_grad_(input.is_floating_point())
    check(max_pool2d, F.max_pool2d, input, *arguments, return_indices)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_nan_wins_and_the_last_of_them_takes_the_gradient(dtype):
    input = numbers((2, 3, 8, 8), dtype, 0, None)
    input[torch.rand(input.shape, generator=torch.Generator().manual_seed(1)) < 0.3] = torch.nan
    for arguments in ((2,), (3, 1, 1), (3, 2, 1, 2, True)):
        check(max_pool2d, F.max_pool2d, input.clone().requires_grad_(), *arguments, return_indices=True)


def test_minus_infinity_loses_to_nothing_but_padding_never_wins():
    input = torch.full((1, 4, 4), -torch.inf)
    check(max_pool2d, F.max_pool2d, input.requires_grad_(), 3, 1, 1, return_indices=True)
    least = torch.full((1, 4, 4), -128, dtype=torch.int8)
    check(max_pool2d, F.max_pool2d, least, 3, 2, 1, return_indices=True)


def test_huge_numbers_and_infinity():
    input = torch.tensor([[[1e308, -1e308, torch.inf], [torch.inf, 3.0, -torch.inf], [0.0, -0.0, 1e-308]]])
    check(max_pool2d, F.max_pool2d, input.double().requires_grad_(), 2, 1, return_indices=True)


def test_a_kernel_of_more_cells_than_a_byte_counts():
    input = numbers((1, 20, 300), torch.float64, 0, 50).requires_grad_()
    check(max_pool2d, F.max_pool2d, input, (17, 20), return_indices=True)
    check(max_pool2d, F.max_pool2d, input, (1, 300), return_indices=True)


def test_a_window_of_padding_alone_gives_minus_infinity_and_some_cell():
    input = torch.arange(4.0).reshape(1, 2, 2).requires_grad_()
    values, indices = max_pool2d(input, 2, 1, 1, 3, return_indices=True)
    assert torch.equal(values, F.max_pool2d(input, 2, 1, 1, 3))
    assert values.item() == -torch.inf
    assert indices.item() in range(4)
    assert torch.autograd.grad(values.sum(), input)[0].shape == input.shape


def test_the_result_may_be_changed_in_place():
    def ours(x):
        return max_pool2d(x, 1).relu_() + max_pool2d(x, 2, 1, 1)[..., 1:, 1:].relu_()

    def theirs(x):
        return F.max_pool2d(x, 1).relu_() + F.max_pool2d(x, 2, 1, 1)[..., 1:, 1:].relu_()

    check(ours, theirs, numbers((2, 3, 5, 5), torch.float64, 0, None).requires_grad_())


def test_indices_are_the_winners_of_the_flattened_plane():
    input = numbers((2, 3, 7, 6), torch.float64, 0, 3)
    values, indices = max_pool2d(input, 3, 2, 1, return_indices=True)
    assert torch.equal(input.flatten(-2).gather(-1, indices.flatten(-2)).view_as(values), values)
    windows = windows_of(input, 3, 2, 1, 1, False)
    assert torch.equal(winners(windows.pad(input, -torch.inf), windows), indices)


# ---- average ---------------------------------------------------------------------------------------------------

overrides = st.one_of(st.none(), st.sampled_from([-2, 1, 5]))


@given(inputs([*FLOATS, torch.int64]), kernels(), st.booleans(), st.booleans(), overrides)
@settings(max_examples=200, deadline=None)
def test_avg_values_and_gradients(input, kernel, ceil_mode, count_include_pad, divisor_override):
    arguments = (*kernel, ceil_mode, count_include_pad, divisor_override)
    assume(taken(F.avg_pool2d, input, *arguments))
    input.requires_grad_(input.is_floating_point())
    check(avg_pool2d, F.avg_pool2d, input, *arguments)


def test_avg_of_infinite_and_large_numbers():
    input = numbers((2, 3, 6, 6), torch.float64, 0, None) * 1e300
    input[0, 0, 0, 0], input[1, 2, 3, 3], input[1, 0, 5, 5] = torch.inf, -torch.inf, torch.nan
    check(avg_pool2d, F.avg_pool2d, input, 3, 2, 1)
    half = torch.full((1, 4, 4), 6e4, dtype=torch.float16)  # the sum is past float16's largest number
    check(avg_pool2d, F.avg_pool2d, half, 2)


def test_avg_of_whole_numbers_is_cut_towards_zero():
    check(avg_pool2d, F.avg_pool2d, torch.tensor([[[-1, -2], [-3, -5]]]), 2)
    check(avg_pool2d, F.avg_pool2d, torch.arange(-30, 33).reshape(1, 7, 9), 3, 2, 1, True, False)


@given(inputs([torch.float64]), kernels(), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_divisor_of_each_cell(input, kernel, ceil_mode, count_include_pad):
    assume(taken(F.avg_pool2d, input, *kernel, ceil_mode) and 0 not in input.shape)
    ones = torch.ones(1, *input.shape[-2:], dtype=torch.float64)
    totals = F.avg_pool2d(ones, *kernel, ceil_mode, True, 1)[0]
    means = F.avg_pool2d(ones, *kernel, ceil_mode, count_include_pad)[0]
    windows = windows_of(ones, *kernel, ceil_mode=ceil_mode)
    assert torch.equal(totals / divisors(windows, count_include_pad, ones.device), means)


def test_steps_of_the_average_are_the_run():
    input = numbers((1, 2, 5, 5), torch.float64, 0, None)
    steps = avg_pool2d_steps(input, windows_of(input, 3, 2, 1, 1, False), count_include_pad=False)
    assert steps.padded.shape == (1, 2, 7, 7)
    assert steps.divisor.tolist() == [[4, 6, 4], [6, 9, 6], [4, 6, 4]]
    assert torch.equal(steps.output, steps.total / steps.divisor)
    assert torch.equal(steps.output, avg_pool2d(input, 3, 2, 1, count_include_pad=False))


# ---- both ------------------------------------------------------------------------------------------------------

both = pytest.mark.parametrize(("ours", "theirs"), [(max_pool2d, F.max_pool2d), (avg_pool2d, F.avg_pool2d)])


@both
@pytest.mark.parametrize("arguments", [(2,), (3, 1, 1), ((3, 2), (2, 1), 1)], ids=str)
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_first_and_second_derivatives(ours, theirs, arguments, ceil_mode):
    input = torch.randperm(60, generator=torch.Generator().manual_seed(0)).double().reshape(1, 2, 5, 6).requires_grad_()

    def run(x):
        return ours(x, *arguments, ceil_mode=ceil_mode)

    assert torch.autograd.gradcheck(run, input)
    assert torch.autograd.gradgradcheck(run, input)


@both
@pytest.mark.parametrize("arguments", [(1,), (2,), (3, 2, 1)], ids=str)
def test_channels_last_stays(ours, theirs, arguments):
    input = numbers((2, 3, 6, 6), torch.float32, 0, None).contiguous(memory_format=torch.channels_last)
    assert ours(input, *arguments).stride() == theirs(input, *arguments).stride()


@both
def test_the_output_is_new_memory(ours, theirs):
    input = torch.ones(1, 2, 2)
    assert ours(input, 1).data_ptr() != input.data_ptr()


@both
def test_the_input_may_be_a_leaf_without_grad_mode(ours, theirs):
    with torch.no_grad():
        assert not ours(torch.ones(1, 2, 2, requires_grad=True), 2).requires_grad


X = numbers((2, 3, 7, 7), torch.float64, 0, None)
BAD_NUMBERS = (0, -1, 2.0, "2", True, (2, 2, 2), (2, 2.0), (0, 2))


@both
@pytest.mark.parametrize(
    ("arguments", "naming"),
    [
        ((None, 1), "input"),
        (([[1.0]], 1), "input"),
        *((shape, "input") for shape in ((X[0, 0], 1), (X[0, 0, 0], 1), (X[0, 0, 0, 0], 1), (X[None], 1))),
        *((shape, "input") for shape in ((X[:, :0], 2), (X[:, :, :0], 2), (X[0, :0], 2), (X[0, :, :, :0], 1))),
        ((X, 8), "kernel_size"),
        ((X.bool(), 2), "input"),
        ((X.cfloat(), 2), "input"),
        ((X.to(torch.float8_e4m3fn), 2), "input"),
        *(((X, value), "kernel_size") for value in (*BAD_NUMBERS, None, ())),
        *(((X, 2, value), "stride") for value in BAD_NUMBERS),
        *(((X, 3, 1, value), "padding") for value in (-1, 2, 1.0, None, "1", True, (1, 1, 1), (), (0, -1))),
    ],
)
def test_refusals(ours, theirs, arguments, naming):
    check_refused(ours, theirs, *arguments, naming=rf"\b{naming}\b")


@both
@pytest.mark.parametrize("value", [None, 1, "yes"])
def test_ceil_mode_must_be_a_bool(ours, theirs, value):
    check_refused(ours, theirs, X, 2, ceil_mode=value, naming=r"\bceil_mode\b")


@pytest.mark.parametrize("value", [*BAD_NUMBERS, None, ()])
def test_max_refuses_dilation(value):
    check_refused(max_pool2d, F.max_pool2d, X, 3, 1, 0, value, naming=r"\bdilation\b")


def test_max_padding_is_held_to_half_the_kernel_even_where_dilation_widens_it():
    check_refused(max_pool2d, F.max_pool2d, X, 3, 1, 2, 2, naming=r"\bpadding\b")


@pytest.mark.parametrize("dtype", [torch.int32, torch.int16, torch.int8, torch.uint8])
def test_avg_refuses_narrow_integers(dtype):
    check_refused(avg_pool2d, F.avg_pool2d, X.to(dtype), 2, naming=r"\binput\b")


@pytest.mark.parametrize("value", [0, 2.0, True, "2", (1,)])
def test_avg_refuses_divisor_override(value):
    check_refused(avg_pool2d, F.avg_pool2d, X, 2, divisor_override=value, naming=r"\bdivisor_override\b")


@pytest.mark.parametrize("value", [None, 1])
def test_avg_refuses_count_include_pad(value):
    check_refused(avg_pool2d, F.avg_pool2d, X, 2, count_include_pad=value, naming=r"\bcount_include_pad\b")


@given(st.integers(1, 12), st.integers(1, 4), st.one_of(st.none(), small), st.integers(0, 2), small, st.booleans())
@settings(max_examples=200, deadline=None)
def test_output_size(size, kernel_size, stride, padding, dilation, ceil_mode):
    arguments = (kernel_size, stride, padding, dilation, ceil_mode)
    plane = torch.zeros(1, size, 50)
    assume(taken(F.max_pool2d, plane, *arguments))
    assert F.max_pool2d(plane, *arguments).shape[1] == pool_output_size(size, *arguments)


def test_ceil_mode_drops_a_window_that_starts_in_the_padding():
    assert pool_output_size(5, 2, 2, 0, ceil_mode=True) == 3  # the third hangs over, but starts in the input
    assert pool_output_size(4, 2, 3, 1, ceil_mode=True) == 2  # a third would start at cell 5, past the input


# ---- what the tutorial's version cannot do ---------------------------------------------------------------------


def test_textbook_agrees_within_its_limits():
    plane = numbers((6, 7), torch.float32, 0, None)
    for mode, reference in (("max", F.max_pool2d), ("avg", F.avg_pool2d)):
        ours = pool2d(plane, torch.ones(2, 3), mode)
        torch.testing.assert_close(ours, reference(plane[None], (2, 3), stride=1)[0])


def test_textbook_never_reads_the_numbers_of_its_kernel():
    plane = numbers((4, 4), torch.float32, 0, None)
    for mode in ("max", "avg"):
        assert torch.equal(pool2d(plane, torch.ones(2, 2), mode), pool2d(plane, torch.full((2, 2), 99.0), mode))


def test_textbook_has_a_maximum_of_whole_numbers_but_no_mean():
    plane = torch.tensor([[0, 1, 2], [3, 4, 5], [6, 7, 8]])
    assert pool2d(plane, torch.ones(2, 2), "max").tolist() == [[4.0, 5.0], [7.0, 8.0]]
    with pytest.raises(RuntimeError, match="mean"):
        pool2d(plane, torch.ones(2, 2))


def test_textbook_moves_by_one_cell_takes_any_mode_and_gives_float32():
    plane = numbers((4, 4), torch.float64, 0, None)
    assert pool2d(plane, torch.ones(2, 2), "max").shape == (3, 3)
    assert max_pool2d(plane[None], 2).shape == (1, 2, 2)
    assert not pool2d(plane, torch.ones(2, 2), "maximum").any()
    assert pool2d(plane, torch.ones(2, 2), "max").dtype == torch.float32


@given(inputs(FLOATS), kernels(), either, st.booleans())
def test_windows_know_whether_all_hold_input(input, kernel, dilation, ceil_mode):
    arguments = (*kernel, dilation, ceil_mode)
    assume(taken(windows_of, input, *arguments))
    holds = without_empty_windows(input, *arguments)
    assert windows_of(input, *arguments).all_hold_input() == holds
