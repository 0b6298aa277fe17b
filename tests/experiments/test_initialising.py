"""Schemes of initial weights through depth, against torch's own functions."""

import math
import random

import pytest
import torch
from torch import nn

from core.experiments import initialising
from core.experiments.initialising import BATCH, DEEPEST, Setup
from core.experiments.schemes import ACTIVATIONS, SCHEMES

HOW = Setup(64, "relu", 0)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_scheme_is_torchs_through_depth(scheme, activation):
    how, drawn = Setup(16, activation, 3), SCHEMES[scheme]
    run = initialising.run(scheme, 5, how)
    theirs = initialising.through_depth_of_torch(
        getattr(nn.init, drawn.fill.__name__), 5, 16, activation, 3, BATCH, **drawn.options
    )
    ours = initialising.through_depth_stds(scheme, 5, 16, activation, 3, BATCH)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-9)
    assert ours.tolist() == pytest.approx(initialising.stds(scheme, how)[:5], nan_ok=True)
    assert run.last == pytest.approx(ours[-1].item())


@pytest.mark.parametrize("depth", [1, DEEPEST])
@pytest.mark.parametrize("scheme", ["zeros", "normal 1", "kaiming normal"])
def test_facts_of_a_run(depth, scheme):
    run = initialising.run(scheme, depth, HOW)
    assert len(run.values("weights")) == len(run.values("activations")) == len(run.gradients) == depth
    assert run.zeros == (1 if scheme == "zeros" else pytest.approx(0.5, abs=0.1))
    assert run.factor == pytest.approx({"zeros": 0, "normal 1": 64, "kaiming normal": 2}[scheme], rel=0.1)
    if depth == 1:
        assert run.first == run.last
        assert run.back == initialising.std(run.gradients[-1])


def test_only_zeros_draw_nothing():
    assert [name for name in SCHEMES if initialising.operator_of(name) is None] == ["zeros"]
    call = initialising.call_of("kaiming normal", 16)
    assert call.of(initialising.operator_of("kaiming normal").manual).shape == (16, 16)


def test_fans_of_a_shape():
    fans = initialising.fans((8, 6, 5, 5), 0)
    assert (fans.fan_in, fans.fan_out) == nn.init._calculate_fan_in_and_fan_out(torch.empty(8, 6, 5, 5))
    assert fans.drawn["kaiming normal"][0] == pytest.approx(fans.kaiming, rel=0.1)
    assert fans.drawn["as nn.Linear"][0] == pytest.approx(fans.default, rel=0.1)
    assert initialising.fans((1, 1), 0).drawn["zeros"] == (0, 0, 0)


# ---- what people believe, and what is asked --------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 9999])
def test_equal_weights_stay_equal(seed):
    facts = initialising.ties(seed)
    assert [g > 0 for g in facts.from_zero] == [False, False, False, True]
    assert min(facts.from_half) > 0
    assert (facts.distinct, facts.units) == (1, 3)


@pytest.mark.parametrize("width", [16, 128])
def test_kaimings_is_root_six_times_the_default(width):
    facts = initialising.default_beside_kaiming(Setup(width, "tanh", 0))
    assert facts.ratio == pytest.approx(6**0.5, rel=0.15)
    assert facts.default_after < facts.kaiming_after


@pytest.mark.parametrize("depth", [1, 8, DEEPEST])
def test_root_two_counts_once_a_layer(depth):
    facts = initialising.root_two(HOW, depth)
    assert facts.ratio == pytest.approx(facts.power, rel=0.01)
    assert facts.power == pytest.approx(math.sqrt(2) ** depth)


def test_bounds_are_values_and_windows_count():
    cut = initialising.cut_nowhere()
    assert cut.at_two <= 0.04 < cut.default
    found = initialising.fans_of_kernels()
    for shape, fans in ((found.kernel, found.fans), (found.turned, found.turned_fans)):
        assert nn.init._calculate_fan_in_and_fan_out(torch.empty(shape)) == fans


@pytest.mark.parametrize("seed", range(4))
def test_questions_have_torchs_answers(seed):
    draw = random.Random(seed)
    asked = initialising.kaiming_std(draw)
    drawn = nn.init.kaiming_normal_(torch.empty(2000, asked.fan_in), nonlinearity="relu").std().item()
    assert drawn == pytest.approx(asked.std, rel=0.05)
    fans = initialising.some_fans(draw)
    assert nn.init._calculate_fan_in_and_fan_out(torch.empty(fans.shape)) == fans.fans
    shrinks = initialising.through_relu(draw)
    torch.manual_seed(seed)
    x = torch.randn(200, shrinks.fan_in)
    before = x.square().mean()
    for _ in range(shrinks.depth):
        x = (x @ torch.randn(shrinks.fan_in, shrinks.fan_in).mul(shrinks.std)).relu()
    assert (x.square().mean() / before).item() == pytest.approx(shrinks.factor, rel=0.5)
