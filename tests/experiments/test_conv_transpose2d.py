"""What the page finds out about transposed convolutions, against torch."""

from random import Random

import pytest
import torch
from torch.nn.functional import conv2d, conv_transpose2d

from core.experiments import conv_transpose2d as runs

PLAIN = {"stride": 2, "padding": 0, "output_padding": 0, "groups": 1, "dilation": 1}
SETTINGS = [
    PLAIN, PLAIN | {"padding": 1, "output_padding": 1}, PLAIN | {"stride": 1}, PLAIN | {"stride": 3, "padding": 1},
    PLAIN | {"dilation": 2, "padding": 2}, PLAIN | {"groups": 2},
]  # fmt: skip
each = pytest.mark.parametrize("settings", SETTINGS, ids=str)


def make(settings, size=3, channels=2, dtype=torch.float32, kernel="counting"):
    weight = runs.kernels(kernel, (channels, 2, 3, 3), 0)
    return runs.transpose(
        runs.example(size, size, channels, 0).reshape(channels, size, size).to(dtype), weight.to(dtype), None, settings
    )


@each
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.float64])
def test_the_run_is_torchs(settings, dtype):
    run = make(settings, dtype=dtype)
    assert torch.equal(run.output, conv_transpose2d(run.x, run.weight, None, **settings))


@each
def test_an_output_is_the_sum_of_its_terms_and_an_input_reaches_what_its_gradient_says(settings):
    run = make(settings)
    for number in range(6):
        cell = runs.drawn_cell(run, Random(number))
        assert cell.value == sum(a * b for a, b in cell.terms) == run.output[cell.at].item()
        reach = runs.drawn_reach(run, Random(number))
        leaf = torch.zeros_like(run.x).requires_grad_()
        output = conv_transpose2d(leaf, torch.ones_like(run.weight), **settings)
        (grad,) = torch.autograd.grad(output.sum(), leaf)
        assert reach.outputs == grad[reach.at]
        size = runs.drawn_size(Random(number))
        layer = torch.nn.ConvTranspose2d(1, 1, size.kernel, size.stride, size.padding, size.output_padding)
        assert layer(torch.zeros(1, size.rows, size.rows)).shape[1] == size.outputs


@each
def test_the_matrix_is_conv2ds_transposed(settings):
    if settings["groups"] > 1 or settings["output_padding"]:
        settings = PLAIN
    run = make(settings, channels=1)
    matrix = runs.matrix(run)
    assert torch.equal((matrix @ run.x.reshape(-1, 1)).flatten(), run.output[0].flatten())
    shape = run.output.shape[1:]
    images = torch.eye(shape.numel()).reshape(-1, 1, *shape)
    used = {name: settings[name] for name in ("stride", "padding", "dilation")}
    convolution = conv2d(images, run.weight[:1, :1], None, **used).flatten(1).t()
    assert torch.equal(convolution, matrix.t())


@each
def test_it_does_not_undo_the_convolution(settings):
    run = make(settings)
    facts = runs.undoes(run)
    assert facts.back == facts.input
    used = {name: settings[name] for name in ("stride", "padding", "dilation", "groups")}
    middle = conv2d(run.output, run.weight, None, **used)
    assert facts.middle == tuple(middle.shape)
    back = conv_transpose2d(middle, run.weight, None, **settings)
    assert facts.differ == int((back != run.output).sum()) > 0


@each
def test_padding_cuts_and_output_padding_adds(settings):
    run = make(settings)
    facts = runs.padding_cuts(run)
    for padding, size in facts.sizes:
        assert tuple(conv_transpose2d(run.x, run.weight, None, **settings | {"padding": padding}).shape[1:]) == size
    heights = [size[0] for _, size in facts.sizes]
    assert heights == sorted(heights, reverse=True)
    extra = runs.output_padding_adds(run)
    assert extra.rows_with == extra.rows + 1
    assert (extra.sums == 0) == (not extra.row.any())
    assert {extra.rows, extra.rows_with} <= set(extra.sources)
    for size in extra.sources:
        x = torch.zeros(1, size, 9)
        used = {"stride": (extra.stride, 1), "padding": (extra.padding, 1), "dilation": (settings["dilation"], 1)}
        assert conv2d(x, torch.zeros(1, 1, 3, 3), None, **used).shape[1] == run.x.shape[1]


def test_the_weight_is_turned():
    facts = runs.weight_is_turned(make(PLAIN))
    assert facts.weight == tuple(torch.nn.ConvTranspose2d(2, 3, 3).weight.shape)
    assert facts.conv == tuple(torch.nn.Conv2d(2, 3, 3).weight.shape)
    assert facts.says.startswith("RuntimeError: ")


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_a_kernel_that_is_a_multiple_of_the_stride_has_no_checkerboard(stride):
    for size in range(1, 6):
        weight = torch.ones(1, 1, size, size)
        facts = runs.overlap(runs.transpose(torch.ones(1, 3, 3), weight, None, PLAIN | {"stride": stride}))
        assert torch.equal(facts.counts, conv_transpose2d(torch.ones(1, 3, 3), weight, stride=stride)[0])
        assert (len(facts.inner) == 1) == (size % stride == 0)


def test_dilation_brings_the_checkerboard_back():
    run = runs.transpose(torch.ones(1, 3, 3), torch.ones(1, 1, 2, 2), None, PLAIN | {"stride": 2, "dilation": 2})
    assert runs.overlap(run).inner == [0, 4]


def test_a_kernel_of_a_single_one_is_undone():
    assert runs.undoes(runs.transpose(torch.ones(1, 3, 3), torch.ones(1, 1, 1, 1), None, PLAIN)).differ == 0


def test_refusals_are_torchs_and_their_mends_are_taken():
    x, weight = torch.ones(1, 1, 1), torch.ones(1, 1, 1, 1)
    for settings in ({"output_padding": 3}, {"padding": 4}):
        found = runs.refusal(x, weight, None, PLAIN | settings)
        assert found is not None
        assert found.mends
        for name, value in found.mends:
            conv_transpose2d(x, weight, **PLAIN | settings | {name: value})
        assert runs.nearest(x, weight, None, PLAIN | settings).output.numel()


def test_integers_that_torch_does_not_transpose_become_floats():
    for dtype in (torch.int32, torch.uint8, torch.bool, torch.int64, torch.float16):
        x, weight = runs.in_one_dtype(torch.ones(1, 2, 2).to(dtype), runs.kernels("ones", (1, 1, 2, 2), 0))
        conv_transpose2d(x, weight)
        assert x.dtype == (dtype if dtype in (torch.int64, torch.float16) else torch.float32)
