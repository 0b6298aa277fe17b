"""Schemes of weights and the networks drawn by them: what keeps its size, gradients as autograd's."""

import math

import pytest
import torch

from core.experiments import schemes
from core.experiments.initialising import std


def last_std(scheme, activation="relu"):
    *_, layer = schemes.through_depth(scheme, activation=activation)
    return std(layer.activation)


def test_kaiming_keeps_what_small_and_large_draws_lose():
    assert last_std("kaiming normal") == pytest.approx(0.8, rel=0.3)
    assert last_std("normal 0.01") < 1e-6
    assert last_std("normal 1") > 1e6
    assert 0.5 < last_std("orthogonal", "linear") < 2


def test_xavier_shrinks_under_relu_by_the_factor_that_kaiming_adds():
    assert last_std("kaiming normal") / last_std("xavier normal") == pytest.approx(math.sqrt(2) ** 10, rel=1e-3)


def test_one_scheme_draws_as_a_linear_layer_does():
    torch.manual_seed(3)
    theirs = torch.nn.Linear(6, 5).weight
    torch.manual_seed(3)
    assert torch.equal(schemes.SCHEMES["as nn.Linear"](torch.empty(5, 6)), theirs)


@pytest.mark.parametrize("scheme", schemes.SCHEMES)
@pytest.mark.parametrize("activation", schemes.ACTIVATIONS)
def test_gradients_come_back_as_autograd_sends_them(scheme, activation):
    layers = list(schemes.through_depth(scheme, 3, 16, activation, batch=8))
    longer = list(schemes.through_depth(scheme, 5, 16, activation, batch=8))
    assert all(torch.equal(a.activation, b.activation) for a, b in zip(layers, longer, strict=False))
    first = layers[0].activation.clone().requires_grad_()
    second = schemes.ACTIVATIONS[activation](first @ layers[1].weight.T)
    second.retain_grad()
    gradients = schemes.back_through(layers, seed=2)
    schemes.ACTIVATIONS[activation](second @ layers[2].weight.T).backward(gradients[2])
    torch.testing.assert_close(gradients[0], first.grad)
    torch.testing.assert_close(gradients[1], second.grad)
