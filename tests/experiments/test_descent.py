"""Paths on surfaces are those of torch.optim."""

import pytest
import torch

from core.experiments import descent
from core.experiments.descent import Contestant
from core.ops.weight_decay import adam_step, adamw_step, sgd_step

KINDS = (
    (sgd_step, torch.optim.SGD, {"lr": 1e-4}),
    (sgd_step, torch.optim.SGD, {"lr": 1e-4, "momentum": 0.9}),
    (sgd_step, torch.optim.SGD, {"lr": 1e-4, "momentum": 0.9, "nesterov": True}),
    (adam_step, torch.optim.Adam, {"lr": 0.05}),
    (adamw_step, torch.optim.AdamW, {"lr": 0.05, "weight_decay": 0.3}),
)
CONTESTANTS = tuple(Contestant(step, options) for step, _, options in KINDS)
STARTS = torch.tensor([[-1.5, 0.8], [0.3, 2.0]], dtype=torch.float64)


@pytest.mark.parametrize("surface", descent.SURFACES.values(), ids=descent.SURFACES)
def test_a_race_follows_torchs_optimisers_from_every_start(surface):
    run = descent.race(surface, STARTS, CONTESTANTS, 20)
    assert run.points.shape == (21, len(KINDS), 2, 2)
    for k, (step, theirs, options) in enumerate(KINDS):
        for s, start in enumerate(STARTS):
            expected = descent.path_of_torch(surface, start, theirs, 20, **options)
            torch.testing.assert_close(run.points[:, k, s], expected, rtol=1e-9, atol=1e-12)
            torch.testing.assert_close(descent.path(surface, start, step, 20, **options), expected)
            torch.testing.assert_close(run.heights[-1, k, s], surface(*expected[-1]))


@pytest.mark.parametrize("t", [0, 1, 7])
@pytest.mark.parametrize("k", range(len(KINDS)))
def test_a_step_line_by_line_is_the_step(k, t):
    run = descent.race(descent.rosenbrock, STARTS, CONTESTANTS, 8)
    function, arguments = descent.lines_of(run, k, t, CONTESTANTS[k])
    torch.testing.assert_close(function(**arguments), run.points[t + 1, k, 0])


def test_a_path_that_runs_away_ends():
    run = descent.race(descent.rosenbrock, torch.tensor([[-2.0, 2.0]]), [Contestant(sgd_step, {"lr": 0.1})], 50)
    assert 1 < run.finite_steps(0) < 50
    assert len(run.path(0)) == run.finite_steps(0) + 1
    assert run.heights[: run.finite_steps(0) + 1].isfinite().all()


def test_a_matrix_makes_a_surface():
    A = torch.tensor([[3.0, 1.0], [0.0, 2.0]])
    p = torch.tensor([0.5, -1.5])
    torch.testing.assert_close(descent.quadratic(p[0], p[1], A), p @ A @ p / 2)
    low, high = descent.curvatures(A)
    assert low + high == pytest.approx(5)
    assert low * high == pytest.approx(6 - 0.25)


def test_a_grid_runs_along_x_first():
    axis, places = descent.grid(-1, 1, 3)
    assert axis.tolist() == [-1, 0, 1]
    assert places[:4].tolist() == [[-1, -1], [0, -1], [1, -1], [-1, 0]]
