"""Arrows onto the unit ball."""

import pytest
import torch

from core.figures.arrows import FARTHEST, ball, deep_arrows, flat_arrows, sphere
from tests.figures.checking import valid


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0, 3.0, torch.inf, -1.0])
def test_the_ball_has_norm_1_wherever_it_is_drawn(p):
    for points in (ball(p), sphere(p).flatten(0, 1)) if p > 0 else (ball(p),):  # in three dimensions it is out of reach
        drawn = points[~points.isnan().any(1)]
        assert len(drawn) > 10
        assert drawn.abs().max() <= FARTHEST
        norms = torch.linalg.vector_norm(drawn, p, dim=1)
        torch.testing.assert_close(norms, torch.ones_like(norms))


@pytest.mark.parametrize("p", [-1.0, 0.0, 0.5, 2.0, torch.inf])
def test_plotly_accepts_the_arrows(p):
    valid(flat_arrows(torch.tensor([[3.0, -4.0], [0.0, 0.0]]), torch.tensor([[0.6, -0.8], [0.0, 0.0]]), p))
    valid(deep_arrows(torch.randn(3, 3), torch.randn(3, 3), p))


def test_turning_moves_the_eye():
    here, there = (deep_arrows(torch.ones(1, 3), torch.ones(1, 3), 2, turn).layout.scene.camera.eye for turn in (0, 90))
    assert here.x > 1 > abs(here.y)
    assert there.y > 1 > abs(there.x)
    assert here.z == there.z
