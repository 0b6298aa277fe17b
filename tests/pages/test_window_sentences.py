"""Every sentence of the convolution and pooling pages is said whole, at the ends of the controls and of odd inputs."""

from itertools import product

import pytest
import torch

from core import words
from core.experiments import conv1d, conv_transpose2d, convolution, pooling
from pages.convolution_parts import one, transposed, two_below
from pages.pooling_parts import below

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")

INPUTS = {
    "numbers": torch.arange(25.0).reshape(5, 5), "one": torch.ones(1, 1), "row": torch.arange(6.0)[None],
    "equal": torch.full((4, 4), 2.0), "nan": torch.tensor([[1.0, torch.nan], [torch.inf, -1.0]]),
    "half": torch.arange(16.0).reshape(4, 4).half(),
}  # fmt: skip
each_input = pytest.mark.parametrize("x", INPUTS.values(), ids=INPUTS)


def said(pitfalls) -> list[str]:
    """What each pitfall says; no field of a template is left open, and none is empty."""
    sentences = []
    for pitfall in pitfalls:
        facts = pitfall.run()
        sentences.append(words.say(pitfall.says if isinstance(pitfall.says, str) else pitfall.says(facts), facts))
    assert all(len(sentence) > 40 and "{" not in sentence for sentence in sentences)
    return sentences


@each_input
def test_convolutions(x):
    for size, stride, dilation in product((1, 2, 7), (1, 4), (1, 3)):
        settings = {"stride": stride, "padding": 1, "dilation": dilation, "groups": 1}
        weight, names = convolution.kernels("random", (2, 1, size, size), 0)
        given, weight = convolution.in_one_dtype(x[None], weight)
        make = convolution.nearest if convolution.refusal(given, weight, None, settings) else convolution.convolve
        said(two_below.pitfalls(make(given, weight, None, settings, names), 1))


@each_input
def test_signals(x):
    for size, dilation in product((1, 2, 3, 7), (1, 2, 3)):
        weight = conv1d.kernels("counting", (1, len(x), size)).to(x.dtype)
        settings = {"stride": 1, "padding": "same", "dilation": dilation, "groups": 1}
        said(one.pitfalls(conv1d.convolve(x, weight, None, settings)))


@each_input
def test_transposed_convolutions(x):
    for size, stride, padding, extra in product((1, 3), (1, 2, 4), (0, 2), (0, 1)):
        settings = {"stride": stride, "padding": padding, "output_padding": extra, "groups": 1, "dilation": 1}
        given, weight = conv_transpose2d.in_one_dtype(
            x[None], conv_transpose2d.kernels("random", (1, 1, size, size), 0)
        )
        refused = conv_transpose2d.refusal(given, weight, None, settings)
        make = conv_transpose2d.nearest if refused else conv_transpose2d.transpose
        said(transposed.pitfalls(make(given, weight, None, settings)))


@each_input
def test_poolings(x):
    for size, stride, dilation, ceil in product((1, 2, 8), (None, 4), (1, 3), (False, True)):
        settings = {
            "kernel_size": size, "stride": stride, "padding": size // 2, "dilation": dilation, "ceil_mode": ceil,
            "count_include_pad": not ceil,
        }  # fmt: skip
        make = pooling.nearest if pooling.misfit(x, settings) else pooling.pool
        said(below.pitfalls(make(x, settings)))
