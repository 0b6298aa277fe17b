"""What the dropout page finds out is what torch does: at both ends of p, in both modes, on whatever is typed."""

import math

import pytest
import torch
import torch.nn.functional as F

from core.experiments import dropout as runs
from core.tensors.dtypes import as_floats

INPUTS = {
    "example": runs.example(6, 0),
    "one number": torch.tensor(-3.0),
    "one row": torch.tensor([[1.0, 2, 3]]),
    "zeros": torch.zeros(3, 3),
    "half": torch.randn(4, 5, generator=torch.Generator().manual_seed(1)).half(),
    "double": torch.randn(4, generator=torch.Generator().manual_seed(2), dtype=torch.float64),
    "not finite": torch.tensor([[1, torch.inf], [torch.nan, -2]]),
    "integers": torch.arange(6).reshape(2, 3),
    "truth values": torch.tensor([True, False]),
}
every_input = pytest.mark.parametrize("x", INPUTS.values(), ids=INPUTS.keys())
every_p = pytest.mark.parametrize("p", [0.0, 0.3, 1.0])


def seeded(function, *arguments):
    torch.manual_seed(5)
    return function(*arguments)


@every_input
@every_p
@pytest.mark.parametrize("training", [True, False])
def test_the_run_is_torchs(x, p, training):
    run = runs.run(x, p, training, 5)
    if not x.is_floating_point() and training and 0 < p < 1:
        with pytest.raises(RuntimeError) as refused:
            F.dropout(x, p)
        assert run.refusal == f"RuntimeError: {refused.value}"
        x = x.float()
    else:
        assert not run.refusal
    expected = seeded(F.dropout, x, p, training)
    torch.testing.assert_close(run.y, expected, rtol=0, atol=0, equal_nan=True)
    assert run.y.dtype == expected.dtype
    ones = seeded(F.dropout, torch.ones_like(run.x, dtype=torch.float64), p, training)
    assert run.dropped == (ones == 0).sum()
    torch.testing.assert_close(run.mask.double(), ones, rtol=1e-3, atol=0)
    assert (run.grad is None) == (not run.x.is_floating_point())
    if run.grad is not None:
        torch.testing.assert_close(run.grad, run.mask, rtol=0, atol=0)
    kept = torch.where(ones != 0, run.x.double(), run.x.double() * 0)
    assert run.mean_unscaled == pytest.approx(kept.mean().item(), rel=1e-2, abs=1e-4, nan_ok=True)


@every_p
def test_averages_over_masks(p):
    x = runs.example(6, 3)
    found = runs.over_masks(x, p, 1000, 0)
    assert found.masks == 1000
    if p == 1:
        assert (found.mean, found.mean_unscaled, found.variance) == (0, 0, 0)
        assert math.isnan(found.expected_variance)
        return
    assert found.mean == pytest.approx(x.mean().item(), rel=0.02)
    assert found.mean_unscaled == pytest.approx((1 - p) * x.mean().item(), rel=0.02)
    assert found.variance == pytest.approx(found.expected_variance, rel=0.05)
    assert found.expected_variance == pytest.approx(p / (1 - p) * (x.double() ** 2).mean().item())


@every_input
@every_p
def test_pitfalls_hold_on_every_input(x, p):
    x = as_floats(x)
    draws = runs.two_draws(x, p, 5)
    assert draws.changed == 0
    assert draws.dropped == (seeded(F.dropout, torch.ones_like(x), p) == 0).sum()
    if p in (0, 1):
        assert (draws.dropped, draws.differ) == (p * x.numel(), 0)
    shift = runs.shifts_the_mean(x, p, 5)
    assert shift.unscaled == pytest.approx(shift.scaled * (1 - p) if p < 1 else shift.scaled, nan_ok=True)
    stopped = runs.no_grad_is_not_eval(x, p, 5)
    assert (stopped.after_eval, stopped.grad_fn) == (0, "None")
    moved = x.nan_to_num(7).double() != seeded(F.dropout, x, p).nan_to_num(7).double()
    found = runs.after_eval(x, p, 5)
    assert found.by_careful == 0
    assert found.by_careless == stopped.under_no_grad == moved.sum()
    textbook = runs.textbook_limits(x, p, 5)
    assert (textbook.dtype, textbook.torch_dtype) == (torch.float32, torch.float64)
    assert textbook.same_mask or 0 < p < 1
    assert textbook.refusal == "AssertionError"
    with pytest.raises(ValueError, match="between 0 and 1") as refused:
        F.dropout(x, 1.5)
    assert textbook.torch_refusal == f"ValueError: {refused.value}"


def test_the_tutorials_mask_is_another_on_many_cells():
    assert not runs.textbook_limits(torch.ones(20, 20), 0.5, 0).same_mask


def test_a_second_call_draws_anew():
    found = runs.two_draws(torch.ones(20, 20), 0.5, 0)
    assert 150 < found.differ < 250


@pytest.mark.parametrize(("p", "follows", "drops"), [(0.3, True, False), (0.3, False, True), (0.0, False, False)])
def test_what_drops_in_eval(p, follows, drops):
    assert runs.drops_in_eval(p, follows) == drops


def test_the_example_is_positive_and_its_mean_shifts_visibly_without_the_factor():
    for seed in range(5):
        run = runs.run(runs.example(6, seed), 0.5, True, seed)
        assert run.x.min() >= 1
        assert run.mean_unscaled < 0.75 * run.mean_x
