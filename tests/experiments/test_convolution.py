"""A convolution's parts, proven by torch's own outputs and gradients."""

from itertools import product
from random import Random

import pytest
import torch
from hypothesis import given, settings
from torch.nn.functional import conv2d

from core.experiments import convolution as experiments
from core.experiments.convolution import convolve, nearest
from core.experiments.windows import read_by, using
from tests.convolutions import runs

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")


@settings(max_examples=100, deadline=None)
@given(runs())
def test_the_run_is_torchs(run):
    expected = conv2d(run.x, run.weight, run.bias, **run.settings)
    assert torch.equal(run.output, expected)
    assert run.windows.outputs == expected.shape[1:]


@settings(max_examples=40, deadline=None)
@given(runs())
def test_windows_know_the_padding_and_their_cells_both_ways(run):
    windows, (top, left) = run.windows, run.windows.padding
    padded = torch.nn.functional.pad(run.x, [n for pair in reversed(windows.pads) for n in pair])
    assert torch.equal(padded, run.steps.padded[0])
    outputs = list(product(*map(range, windows.outputs)))
    for cell in product(*map(range, run.x.shape[1:])):
        read = {out for out in outputs if (cell[0] + top, cell[1] + left) in read_by(windows, out)}
        assert set(using(windows, cell)) == read


def test_the_nearest_run_goes_with_every_input_and_kernel():
    settings_ = {"stride": 4, "padding": "same", "dilation": 3, "groups": 1}
    assert nearest(torch.ones(1, 1, 1), torch.ones(1, 1, 7, 7), None, settings_, ()).output.shape == (1, 1, 1)


def test_a_refusal_says_what_torch_says_and_what_it_would_take():
    x, weight = torch.ones(1, 5, 5), torch.ones(1, 1, 3, 3)
    found = experiments.refusal(x, weight, None, {"stride": 2, "padding": "same", "dilation": 1, "groups": 1})
    assert found is not None
    assert dict(found.mends) == {"padding": 1, "stride": 1}
    with pytest.raises(RuntimeError) as theirs:
        conv2d(x, weight, padding="same", stride=2)
    assert found.says == f"RuntimeError: {theirs.value}"
    small = {"stride": 1, "padding": 0, "dilation": 3, "groups": 1}
    found = experiments.refusal(torch.ones(1, 4, 4), weight, None, small)
    assert found is not None
    for name, value in found.mends:
        conv2d(torch.ones(1, 4, 4), weight, None, **small | {name: value})
    assert experiments.refusal(x, weight, None, small | {"dilation": 1}) is None


@pytest.mark.parametrize(
    ("dtype", "kernel", "expected"),
    [
        (torch.int64, "counting", torch.int64), (torch.uint8, "counting", torch.uint8),
        (torch.uint8, "edges (Laplacian)", torch.float32), (torch.int64, "box blur", torch.float32),
        (torch.float16, "box blur", torch.float16), (torch.float64, "counting", torch.float64),
        (torch.bool, "counting", torch.float32),
    ],
)  # fmt: skip
def test_the_inputs_dtype_is_kept_where_it_holds_the_kernel(dtype, kernel, expected):
    weight, _ = experiments.kernels(kernel, (1, 1, 3, 3), 0)
    x, taken = experiments.in_one_dtype(torch.ones(1, 4, 4).to(dtype), weight)
    assert x.dtype == taken.dtype == expected
    assert torch.allclose(taken.double(), weight.double(), atol=1e-3)
    conv2d(x, taken, padding=1)


ODD = {
    "integers": torch.arange(25).reshape(1, 5, 5), "half": torch.arange(25.0).reshape(1, 5, 5).half(),
    "one element": torch.ones(1, 1, 1), "one row": torch.arange(6.0).reshape(1, 1, 6),
    "equal": torch.full((1, 4, 4), 3.0),
    "zeros": torch.zeros(1, 4, 4), "negative": -torch.arange(16.0).reshape(1, 4, 4),
    "nan": torch.tensor([[[1.0, torch.nan], [2.0, 3.0]]]),
    "inf": torch.tensor([[[1.0, torch.inf], [-torch.inf, 3.0]]]),
    "photo": torch.rand(1, 30, 40, generator=torch.Generator().manual_seed(0)),
    "channels": torch.arange(48.0).reshape(3, 4, 4),
}  # fmt: skip


@pytest.fixture(params=ODD, ids=str)
def odd(request):
    given = ODD[request.param]
    weight, _ = experiments.kernels("random", (2, len(given), 3, 3), 0)
    x, weight = experiments.in_one_dtype(given, weight)
    return convolve(x, weight, None, {"stride": 1, "padding": 1, "dilation": 1, "groups": 1})


def test_the_textbook_answers_in_float32(odd):
    facts = experiments.textbook_on_float64(odd)
    assert (facts.dtype, facts.ours) == (torch.float32, torch.float64)
    assert facts.outputs > 0
    assert facts.apart >= 0
    assert (facts.nodes > facts.our_nodes) == (facts.outputs > 3)
    assert facts.nodes >= facts.torchs_nodes > 0


def test_the_flip_counts_what_torch_computes_otherwise(odd):
    facts = experiments.flip(odd, 1)
    theirs = conv2d(odd.x, odd.weight.flip(-2, -1), padding=1)[1]
    ours = conv2d(odd.x, odd.weight, padding=1)[1]
    assert facts.differ == int((~torch.isclose(ours, theirs, rtol=0, atol=0, equal_nan=True)).sum())
    assert facts.symmetric == torch.equal(odd.weight[1], odd.weight[1].flip(-2, -1))
    if facts.symmetric:
        assert facts.largest == 0


def test_channels_are_summed(odd):
    facts = experiments.one_kernel_a_channel(odd)
    assert facts.channels == max(len(odd.x), 2) == len(facts.parts)
    if all(torch.tensor(facts.parts).isfinite()):
        assert sum(facts.parts) == pytest.approx(facts.whole, rel=1e-2)


def test_nan_by_one_kernel_and_by_all_is_no_difference():
    settings = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
    run = experiments.convolve(torch.full((1, 3, 3), torch.nan), torch.ones(1, 1, 2, 2), None, settings, ("ones",))
    assert experiments.one_kernel_a_channel(run).differ == 0


def test_same_with_stride_a_too_large_kernel_and_the_bias(odd):
    same = experiments.same_with_stride(odd)
    with pytest.raises(RuntimeError) as theirs:
        conv2d(odd.x, odd.weight, stride=2, padding="same")
    assert str(theirs.value) in same.says
    assert same.outputs == conv2d(odd.x, odd.weight, stride=2, padding=same.padding).shape[1]
    too_large = experiments.kernel_too_large(odd)
    assert 0 in too_large.textbook
    assert too_large.says.startswith("RuntimeError: ")
    bias = experiments.one_bias_a_channel(odd)
    assert bias.added == [[1.0], [2.0]]
    assert bias.shape == (2,)


def test_strides_count_what_torch_gives(odd):
    for strided in experiments.stride_rounds(odd).found:
        x = torch.zeros(1, 1, odd.x.shape[1], 9)
        assert strided.padded == conv2d(x, torch.zeros(1, 1, 3, 3), None, strided.stride, 1).shape[2]
        if odd.x.shape[1] >= 3:
            ones = torch.ones_like(x).requires_grad_()
            output = conv2d(ones, torch.ones(1, 1, 3, 3), None, (strided.stride, 1))
            assert strided.outputs == output.shape[2]
            (grad,) = torch.autograd.grad(output.sum(), ones)
            assert strided.unread == int((grad[0, 0, :, 4] == 0).sum())
        else:
            assert strided.outputs == 0


def test_questions_about_the_run_are_torchs(odd):
    for number in range(5):
        cell = experiments.drawn_cell(odd, Random(number))
        expected = conv2d(odd.x, odd.weight, padding=1)[cell.at]
        assert torch.allclose(torch.tensor(cell.value).double(), expected.double(), equal_nan=True)
        readers = experiments.drawn_readers(odd, Random(number))
        lone = torch.zeros(odd.x.shape)
        lone[readers.at] = 1
        assert readers.outputs == int(conv2d(lone, torch.ones(odd.weight.shape), padding=1).count_nonzero())
        shape = experiments.drawn_shape(odd, Random(number))
        assert shape.output[0] == shape.weight[0]
        rows = experiments.drawn_rows(odd, Random(number))
        assert rows.read == [rows.row - 1, rows.row, rows.row + 1]
