"""A convolution's parts, proven by torch's own outputs and gradients."""

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from torch.nn.functional import conv2d

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


def test_a_refusal_says_what_torch_says():
    weight = torch.ones(1, 1, 3, 3)
    settings_ = {"stride": 2, "padding": "same", "dilation": 1, "groups": 1}
    with pytest.raises(RuntimeError, match="padding='same' is not supported for strided convolutions"):
        convolve(torch.ones(1, 5, 5), weight, None, settings_)
    with pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input size"):
        convolve(torch.ones(1, 2, 2), weight, None, settings_ | {"padding": 0})
