"""Activations through depth, against the same network in torch.nn."""

import pytest
import torch

from core.experiments.depth import dead_units, through_depth
from core.ops.activations import leaky_relu, relu, tanh


@pytest.mark.parametrize(("ours", "theirs"), [(relu, torch.relu), (tanh, torch.tanh)])
def test_the_same_as_torchs_functions(ours, theirs):
    for a, b in zip(through_depth(ours, 5, bias=-0.2), through_depth(theirs, 5, bias=-0.2), strict=True):
        assert (a.dead, a.zeros) == (b.dead, b.zeros)
        assert a.std == pytest.approx(b.std, rel=1e-4)
        assert a.gradient == pytest.approx(b.gradient, rel=1e-4)


def test_kaimings_scale_keeps_relus_size_and_half_of_it_is_zero():
    facts = through_depth(relu, 1, width=256, samples=512)
    assert facts[0].zeros == pytest.approx(0.5, abs=0.02)
    assert facts[0].gradient == pytest.approx(1, abs=0.02)


def test_a_negative_bias_kills_units_of_relu_and_none_of_leaky_relu():
    assert through_depth(relu, 6, bias=-3.0)[-1].dead == 1
    assert through_depth(leaky_relu, 6, bias=-3.0)[-1].dead == 0


def test_a_dead_layer_stops_every_gradient_below_it():
    assert through_depth(relu, 6, bias=-5.0)[0].gradient == 0
    assert through_depth(relu, 6, seed=1) == through_depth(relu, 6, seed=1)


def test_dead_units_are_those_that_never_fire():
    hidden = torch.relu(torch.tensor([[1.0, -1.0, 0.0], [-2.0, -3.0, 0.5]]))
    assert dead_units(hidden).tolist() == [False, True, False]
