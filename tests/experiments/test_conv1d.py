"""What the page finds out about convolutions of signals, against torch."""

from random import Random

import pytest
import torch
from torch.nn.functional import conv1d

from core.experiments import conv1d as runs

PLAIN = {"stride": 1, "padding": "same", "dilation": 1, "groups": 1}


@pytest.mark.parametrize("kernel", runs.KERNELS)
@pytest.mark.parametrize("settings", [PLAIN, {"stride": 3, "padding": 2, "dilation": 2, "groups": 1}], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64])
def test_the_run_is_torchs(kernel, settings, dtype):
    x = runs.example(12, 2, 3).to(dtype)
    weight = runs.kernels(kernel, (3, 2, 3)).to(dtype)
    run = runs.convolve(x, weight, None, settings)
    assert torch.allclose(run.output, conv1d(x, weight, None, **settings))
    assert run.call.of(conv1d).shape == run.output.shape
    for t in range(run.output.shape[1]):
        leaf = torch.ones(2, 12, requires_grad=True)
        (grad,) = torch.autograd.grad(conv1d(leaf, torch.ones(1, 2, 3), None, **settings)[0, t], leaf)
        inside = [i for i in run.reads(t) if 0 <= i < 12]
        assert grad[0].nonzero().flatten().tolist() == inside


def of(x, size=3, dilation=1):
    x = x if x.dim() == 2 else x[None]
    return runs.convolve(x, torch.ones(1, len(x), size).to(x.dtype), None, PLAIN | {"dilation": dilation})


@pytest.mark.parametrize("x", [torch.ones(3, 8), torch.ones(1, 1), torch.arange(9.0).reshape(3, 3), torch.ones(2, 2)])
def test_channels_last_are_refused_unless_the_signal_is_square(x):
    facts = runs.channels_last(of(x))
    if x.shape[0] != x.shape[1]:
        with pytest.raises(RuntimeError) as theirs:
            conv1d(x.t(), torch.ones(1, len(x), 3), padding="same")
        assert str(theirs.value).splitlines()[0] in facts.says
    else:
        assert not facts.says
        ours, theirs = (conv1d(t, torch.ones(1, len(x), 3), padding="same") for t in (x, x.t()))
        assert facts.differ == int((ours != theirs).sum())


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("size", range(1, 8))
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_same_looks_ahead_and_zeros_in_front_do_not(size, dilation):
    facts = runs.looks_ahead(of(torch.ones(12), size, dilation))
    assert facts.back + facts.ahead == dilation * (size - 1) == facts.zeros
    assert facts.ahead_then == 0
    assert facts.same_length
    assert (facts.ahead == 0) == (size == 1)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("size", range(1, 8))
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_half_a_kernel_of_padding(size, dilation):
    facts = runs.half_padding(of(torch.ones(4), size, dilation))
    assert facts.outputs == facts.length + 2 * facts.padding - dilation * (size - 1)
    assert (facts.outputs == facts.length) == (facts.needed == facts.padding)


def test_refusals_are_torchs_and_their_mends_are_taken():
    x, weight = torch.ones(1, 3), torch.ones(1, 1, 7)
    for settings in ({"padding": 0}, {"padding": "same", "stride": 2}):
        found = runs.refusal(x, weight, None, PLAIN | settings)
        assert found is not None
        assert found.mends
        for name, value in found.mends:
            conv1d(x, weight, **PLAIN | settings | {name: value})
        assert runs.nearest(x, weight, None, PLAIN | settings).output.shape == (1, 3)


def test_questions_are_torchs():
    run = runs.convolve(runs.example(9, 2, 0), runs.kernels("counting", (2, 2, 3)), torch.tensor([1.0, 2.0]), PLAIN)
    for number in range(8):
        cell = runs.drawn_cell(run, Random(number))
        assert cell.value == run.output[cell.at].item() == (cell.window * cell.kernel).sum().item() + cell.bias
        field = runs.drawn_field(Random(number))
        assert field.inputs == 1 + sum(d * (field.kernel - 1) for d in field.dilations)
        length = runs.drawn_length(Random(number))
        layer = torch.nn.Conv1d(1, 1, length.kernel, length.stride, length.padding, length.dilation)
        assert layer(torch.zeros(1, length.length)).shape[1] == length.outputs
