"""A network of torch.nn layers and the operators written by hand."""

import random

import pytest
import torch
from torch import nn

from core.data import digit
from core.experiments import network
from core.experiments.network import Setup

X = torch.rand(3, 1, 12, 10, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("activation", network.ACTIVATIONS)
@pytest.mark.parametrize("extra", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_by_hand_is_torchs_run(activation, extra, training):
    model = network.build((12, 10), Setup(2, 3, 8, activation, extra, extra, seed=1)).train(training)
    kept = [b.clone() for b in model.buffers()]
    ours = network.by_hand(model, X, seed=5)
    assert all(torch.equal(a, b) for a, b in zip(kept, model.buffers(), strict=True))
    layers = network.run(model, X, seed=5)
    torch.testing.assert_close(ours, layers[-1].output, rtol=1e-5, atol=1e-6)
    assert sum(layer.parameters for layer in layers) == sum(p.numel() for p in model.parameters())
    assert not any(layer._forward_hooks for layer in model)


def test_layers_are_caught_as_they_run():
    first, *_, last = network.run(network.build((12, 10), Setup(2, 3, 8)), X)
    assert (first.name, first.output.shape) == ("Conv2d(1, 2, 3)", (3, 2, 10, 8))
    assert (last.name, last.shapes) == ("Linear(8, 10)", ((10, 8), (10,)))
    assert first.multiply_adds == 3 * 2 * 10 * 8 * 9
    assert last.multiply_adds == 3 * 10 * 8


def test_an_image_smaller_than_a_window_is_refused():
    with pytest.raises(RuntimeError, match="Output size is too small"):
        network.build((9, 20), Setup(2, 9, 8))
    with pytest.raises(RuntimeError, match=r"Kernel size: \(5 x 5\)"):
        network.build((2, 2), Setup(2, 5, 8))
    for side in ((2, 2), (9, 20), (28, 28)):
        assert network.build(side, Setup(2, network.largest_kernel(side), 8))
    assert network.largest_kernel((1, 9)) == 0


def test_two_layers_are_a_sequential():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    x = torch.randn(4, generator=torch.Generator().manual_seed(0))
    W1, b1, W2, b2 = model.parameters()
    torch.testing.assert_close(network.two_layers(x, W1, b1, W2, b2), model(x))


def test_no_hook_stays_on_a_model_that_raises():
    model = nn.Sequential(nn.Linear(3, 2))
    with pytest.raises(RuntimeError):
        network.run(model, torch.zeros(1, 5))
    assert not model[0]._forward_hooks


# ---- on images -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", [digit(0), torch.arange(42).view(6, 7), torch.rand(28, 28).half()])
@pytest.mark.parametrize(("batch", "training"), [(1, False), (3, True)])
def test_the_batch_begins_with_the_readers_image(image, batch, training):
    net = network.run_on(image, batch, Setup(2, 3, 8, norm=True, drop=True, seed=3), training)
    assert torch.equal(net.x[0, 0], image.float())
    assert net.x.shape == (batch, 1, *image.shape)
    assert network.check(net).agrees
    assert net.parameters == sum(p.numel() for p in net.model.parameters())
    assert {o.name for o in net.operators} == {"conv2d", "batch_norm", "relu", "max_pool2d", "dropout", "linear"}


def test_one_number_a_channel_has_no_deviation_in_training():
    how = Setup(2, 2, 8, norm=True)
    with pytest.raises(RuntimeError):  # of the pooling already
        network.run_on(torch.ones(2, 2), 1, how, True)
    assert network.run_on(torch.ones(3, 3), 1, how, True).layers[-1].output.shape == (1, 10)


@pytest.mark.parametrize("how", [Setup(4, 5, 32), Setup(1, 1, 8), Setup(16, 9, 128)])
def test_a_linear_layer_for_the_convolution_counts_its_bias(how):
    found = network.as_linear(network.run_on(digit(0), 1, how, False))
    assert found.parameters == how.channels * (how.kernel_size**2 + 1)
    assert found.linear == found.into * found.out + found.out
    if how == Setup(4, 5, 32):
        assert found.linear == 1_808_640


def test_who_learns_and_who_works():
    net = network.run_on(digit(0), 2, Setup(4, 5, 32), True)
    assert (net.learns_most.short, net.works_most.short) == ("Linear", "Conv2d")
    assert net.works_most.multiply_adds == 2 * 4 * 24 * 24 * 25
    halved = network.run_on(digit(0), 2, Setup(4, 5, 32, drop=True), True).layers
    dropped, before = halved[4].output, halved[3].output
    assert torch.equal(dropped[dropped != 0], 2 * before[dropped != 0])


# ---- what people believe, and what is asked --------------------------------------------------------------------


def test_claims_about_modules():
    assert network.layers_hold_state() == network.Kept((15, 0), (8, 3), (0, 0), True)
    assert network.plain_list() == network.Found(0, 4)
    assert network.forward_skips_hooks() == network.Hooks(1, 0)
    evaluated = network.eval_keeps_gradients()
    assert (evaluated.training, evaluated.gradient.tolist()) == (False, [[1.0] * 4] * 3)


def test_a_linear_layer_takes_rows():
    found = network.linear_on_images((4, 1, 28, 28))
    assert found.says.startswith("RuntimeError: mat1 and mat2")
    assert found.by_chance == (4, 1, 28, 10)
    assert network.linear_on_images((4, 1, 1, 7)).says == ""  # one row: the image is a vector


@pytest.mark.parametrize("seed", range(8))
def test_questions_have_torchs_answers(seed):
    draw = random.Random(seed)
    layer = network.some_layer(draw)
    assert layer.parameters == sum(p.numel() for p in eval(f"nn.{layer.layer}").parameters())
    asked = network.some_shape(Setup(3, 1 + seed, 8), draw)
    assert asked.before[2:] != (28, 28)
    if asked.name.startswith("Linear"):
        assert asked.name == f"Linear({asked.before[1]}, {asked.after[1]})"
    largest = network.some_network(Setup(8, 5, 64), draw)
    assert largest.channels != 8
    assert largest.counts[largest.most] == max(largest.counts.values())
