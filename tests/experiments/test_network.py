"""A network of torch.nn layers and the operators written by hand."""

import pytest
import torch
from torch import nn

from core.experiments import network

X = torch.rand(3, 1, 12, 10, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("activation", network.ACTIVATIONS)
@pytest.mark.parametrize("extra", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_by_hand_is_torchs_run(activation, extra, training):
    model = network.build((12, 10), 2, 3, 8, activation, extra, extra, seed=1).train(training)
    kept = [b.clone() for b in model.buffers()]
    ours = network.by_hand(model, X, seed=5)
    assert all(torch.equal(a, b) for a, b in zip(kept, model.buffers(), strict=True))
    layers = network.run(model, X, seed=5)
    torch.testing.assert_close(ours, layers[-1].output, rtol=1e-5, atol=1e-6)
    assert sum(layer.parameters for layer in layers) == sum(p.numel() for p in model.parameters())
    assert not any(layer._forward_hooks for layer in model)


def test_layers_are_caught_as_they_run():
    first, *_, last = network.run(network.build((12, 10), 2, 3, 8), X)
    assert (first.name, first.output.shape) == ("Conv2d(1, 2, 3)", (3, 2, 10, 8))
    assert (last.name, last.shapes) == ("Linear(8, 10)", ((10, 8), (10,)))
    assert first.multiply_adds == 3 * 2 * 10 * 8 * 9
    assert last.multiply_adds == 3 * 10 * 8


def test_an_image_smaller_than_a_window_is_refused():
    with pytest.raises(ValueError, match="kernel_size=9"):
        network.build((9, 20), 2, 9, 8)


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
