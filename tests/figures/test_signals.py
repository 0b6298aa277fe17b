"""Pictures of signals and of transposed convolutions: their cells hang together as torch's gradients say."""

import numpy as np
import pytest
import torch
from torch.nn.functional import conv1d, conv_transpose2d

from core.experiments import conv1d as of_signals
from core.experiments import conv_transpose2d as of_images
from core.figures import board, signals, transposed
from core.figures.board import Board
from tests.linking import partners

PLAIN = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
SIGNALS = [
    (PLAIN | {"padding": 1}, 1, 1),
    (PLAIN | {"padding": "same"}, 1, 1),
    (PLAIN | {"stride": 2, "padding": 2, "dilation": 2, "groups": 2}, 4, 2),
    (PLAIN, 3, 2),
]
IMAGES = [
    ({"stride": 2, "padding": 0, "output_padding": 0, "groups": 1, "dilation": 1}, 1, 1),
    ({"stride": 2, "padding": 1, "output_padding": 1, "groups": 1, "dilation": 1}, 2, 3),
    ({"stride": 1, "padding": 1, "output_padding": 0, "groups": 2, "dilation": 2}, 2, 1),
]


@pytest.mark.parametrize(("settings", "channels", "outputs"), SIGNALS)
def test_an_output_of_a_signal_lights_what_its_gradient_reaches(settings, channels, outputs):
    x = of_signals.example(9, channels, 0).reshape(channels, 9)
    weight = torch.ones(outputs, channels // settings["groups"], 3)
    run = of_signals.convolve(x, weight, torch.ones(outputs), settings)
    pictures = [each for each in signals.equation(run) if each is not None]
    shown = Board([board.panel(each, 20) for each in pictures], [], signals.links(run), signals.sentences(run))
    for cell in np.ndindex(*run.output.shape):
        leaf = torch.ones_like(x).requires_grad_()
        (grad,) = torch.autograd.grad(conv1d(leaf, weight, None, **settings)[cell], leaf)
        lit = {at for at in partners(shown, "y", cell)["x"] if 0 <= at[1] < 9}
        assert lit == {tuple(at) for at in grad.nonzero().tolist()}
        assert partners(shown, "y", cell)["b"] == {cell[:1]}


@pytest.mark.parametrize(("settings", "channels", "outputs"), IMAGES)
def test_an_input_lights_the_outputs_that_it_is_laid_onto(settings, channels, outputs):
    x = of_images.example(3, 3, channels, 0).reshape(channels, 3, 3)
    weight = torch.ones(channels, outputs, 2, 2)
    run = of_images.transpose(x, weight, None, settings)
    shown = Board([board.panel(each, 20) for each in transposed.equation(run)], [], transposed.links(run), {})
    for cell in np.ndindex(*run.x.shape):
        lone = torch.zeros_like(x)
        lone[cell] = 1
        reached = {tuple(at) for at in conv_transpose2d(lone, weight, None, **settings).nonzero().tolist()}
        found = partners(shown, "x", cell[-2:] if run.flat else cell)["y"]
        assert {(0,) * (3 - len(at)) + at for at in found} == reached


def test_the_matrix_says_which_cells_each_of_its_numbers_ties():
    run = of_images.transpose(torch.ones(1, 2, 3), torch.ones(1, 1, 2, 2), None, IMAGES[0][0])
    straight, turned, side = transposed.matrix_pictures(run)
    assert turned.values.shape == straight.values.t().shape == (4 * 6, 2 * 3)
    assert len(turned.notes) == turned.values.numel()
    assert side * turned.values.shape[0] <= 400
    shown = Board([board.panel(each, 20) for each in (straight, turned)], [], [], {})
    assert partners(shown, "C", (2, 7))["M"] == {(7, 2)}
