"""Paths on surfaces are those of torch.optim."""

import math
import random

import pytest
import torch

from core.experiments import descent
from core.experiments.descent import NAMES, OWN, Contestant, Setup
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
    found = descent.curved(A)
    assert found.low + found.high == pytest.approx(5)
    assert found.low * found.high == pytest.approx(6 - 0.25)


def test_a_grid_runs_along_x_first():
    axis, places = descent.grid(-1, 1, 3)
    assert axis.tolist() == [-1, 0, 1]
    assert places[:4].tolist() == [[-1, -1], [0, -1], [1, -1], [-1, 0]]


# ---- four optimisers from one start ----------------------------------------------------------------------------

DEFAULT = Setup("valley", (1.0, 0.0, 0.0, 20.0), (0.03, 0.03, 0.1, 0.1), 0.9, False, 0.1)


def own(*A, lr=0.1):
    return Setup(OWN, tuple(map(float, A)), (lr,) * 4, 0.9, False, 0.1)


@pytest.mark.parametrize(
    ("A", "limit"),
    [((4, 0, 0, 1), 0.5), ((1, 0, 0, -1), 0.0), ((0, 0, 0, 0), math.inf), ((2, 0, 0, 0), 1.0), ((-1, 0, 0, -3), 0.0),
     ((3, 2, 2, 8), None), ((1, 1, 1, 1), 1.0)],
)  # fmt: skip
def test_below_its_limit_sgd_keeps_to_the_surface_and_above_it_runs_away(A, limit):
    found = descent.curved(torch.tensor(A, dtype=torch.float64).view(2, 2))
    assert limit is None or found.stable_below == pytest.approx(limit)
    for lr in (0.9 * found.stable_below, 1.1 * found.stable_below or 0.01):
        if not 0 < lr < math.inf:
            continue
        heights = descent.race(
            own(*A).heights, torch.tensor([[0.7, 0.3]]), [Contestant(sgd_step, {"lr": lr})], 400
        ).heights
        stays = heights[-1].abs().item() <= heights[0].abs().item()
        assert stays == (lr < found.stable_below), (A, lr)


@pytest.mark.parametrize("surface", descent.SURFACES)
def test_nobody_runs_away_at_the_rates_of_the_page(surface):
    steep = surface == "Rosenbrock"
    how = Setup(surface, DEFAULT.A, (0.001, 0.0003, 0.1, 0.1) if steep else DEFAULT.rates, 0.9, False, 0.1)
    assert not any(end.gone for end in descent.ends(descent.run(how, (-1.5, 0.8)), 80))


@pytest.mark.parametrize(
    ("how", "gone"),
    [
        (Setup("valley", (), (0.2, 0.03, 0.1, 0.1), 0.9, False, 0.1), {"SGD"}),
        (Setup("Rosenbrock", (), (0.1, 0.0003, 0.1, 0.1), 0.9, False, 0.1), {"SGD"}),
        (own(1, 0, 0, -1, lr=1.0), {"SGD", "momentum", "Adam"}),
        (DEFAULT, set()),
    ],
)  # fmt: skip
def test_who_runs_away_and_when(how, gone):
    race = descent.run(how, (-1.5, 0.8))
    ends = descent.ends(race, 80)
    assert {end.name for end in ends if end.gone is not None} == gone
    for k, end in enumerate(ends):
        if end.gone is not None:
            assert race.heights[end.gone - 1, k, 0].abs() <= descent.bound(race)
            assert not race.heights[end.gone, k, 0].abs() <= descent.bound(race)


def test_the_calls_are_those_of_the_steps():
    race = descent.run(DEFAULT, (-1.5, 0.8))
    for k, name in enumerate(NAMES):
        assert descent.operator_of(k).name in (name, "SGD")
        (after,), _ = descent.call_of(DEFAULT, race, k, 7).of(descent.operator_of(k).manual)
        torch.testing.assert_close(after, race.points[7, k])


def test_everywhere_agrees_with_a_run_of_its_own():
    found = descent.everywhere(DEFAULT, 40, 21)
    ends = descent.ends(descent.run(DEFAULT, (-2.0, 2.0)), 40)
    assert [end.height for end in ends] == pytest.approx(found.ends[:, 0, 0].tolist())
    assert found.lowest == found.ends.min().item()
    assert set(found.shares) == set(NAMES)
    lost = descent.everywhere(own(-4, 0, 0, -4, lr=1.0), 80, 3)
    assert math.isfinite(lost.lowest)


# ---- what people believe, and what is asked --------------------------------------------------------------------


@pytest.mark.parametrize("start", [(-1.5, 0.8), (-1.1, 0.0), (0.0, 0.0)])
def test_first_steps_are_lr_times_the_gradient_and_lr(start):
    found = descent.first_steps(DEFAULT, start)
    assert found.gradient == pytest.approx((start[0], 20 * start[1]))
    assert found.sgd == pytest.approx(tuple(-0.01 * g for g in found.gradient))
    assert found.adam == pytest.approx([-0.01 * ((g > 0) - (g < 0)) for g in found.gradient], abs=1e-8)


def test_claims_about_optimisers():
    found = descent.stability()
    assert all(height < 1 for height in found.below.values())
    assert all(height > 10.5 for height in found.above.values())  # of the start
    assert {float(lr) < found.limit for lr in found.below} == {True}
    grown = descent.momentum_grows()
    assert grown.first == pytest.approx([0.1, 0.19, 0.271])
    assert grown.last == pytest.approx(grown.limit, rel=0.01)
    moved = descent.decay_moves()
    assert moved.plain == pytest.approx((1, 1))
    assert max(moved.decayed) < 0.9
    assert descent.gradients_add_up() == descent.AddedUp(1.0, [2.0, 4.0, 6.0], None)


@pytest.mark.parametrize("surface", [*descent.SURFACES, OWN])
def test_questions_have_torchs_answers(surface):
    how = Setup(surface, (0.0, 0.0, 0.0, 0.0), DEFAULT.rates, 0.9, False, 0.1)
    for seed in range(3):
        for step, kind in ((sgd_step, torch.optim.SGD), (adam_step, torch.optim.Adam)):
            asked = descent.some_step(how, random.Random(seed), step)
            path = descent.path_of_torch(
                how.heights, torch.tensor(asked.start, dtype=torch.float64), kind, 1, lr=asked.lr
            )
            assert path[1, 0].item() == pytest.approx(asked.after)
    decay = descent.some_decay(random.Random(0))
    assert decay.factor == pytest.approx((1 - decay.lr * decay.weight_decay) ** decay.steps)
