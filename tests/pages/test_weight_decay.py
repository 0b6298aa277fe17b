"""The page on weight decay shows real runs, and what torch's optimisers do."""

import pytest
import torch

from core.ops import weight_decay as ops
from tests.pages.opening import open_page, words


@pytest.mark.parametrize("optimiser", ["SGD", "Adam"])
@pytest.mark.parametrize("lambd", ["0", "1", "10"])
def test_the_step_agrees_with_torchs_optimiser(optimiser, lambd):
    name = {"SGD": "SGD", "Adam": "AdamW"}[optimiser]
    assert f"manual {name} agrees with torch" in words(open_page("weight_decay", optimiser=optimiser, lambd=lambd))


def test_the_losses_are_those_of_the_run():
    data = ops.make_regression(20, 100, 200, seed=0)
    last = list(ops.regression_run(data, "SGD, weight_decay", 1.0, 0.01, 5, 20, 0))[-1]
    assert f"and **{last.test_loss:.3g}**" in words(open_page("weight_decay"))


def test_where_the_penalty_goes():
    text = words(open_page("weight_decay", tab="Where the penalty goes"))
    rows = {row.split("|")[1].strip(): row.split("|")[-2].strip() for row in text.splitlines() if row.startswith("| ")}
    assert float(rows["SGD, weight_decay"].strip("*")) < 1e-9
    assert float(rows["Adam, weight_decay"].strip("*")) < 1e-9
    assert float(rows["AdamW, weight_decay"].strip("*")) > 1e-3


def test_a_decay_step_is_torchs():
    w, g = torch.randn(5, dtype=torch.float64), torch.randn(5, dtype=torch.float64)
    leaf = w.clone().requires_grad_()
    leaf.grad = g.clone()
    torch.optim.SGD([leaf], lr=0.1, weight_decay=0.5).step()
    (stepped,), _ = ops.sgd_step((w,), (g,), lr=0.1, weight_decay=0.5)
    torch.testing.assert_close(stepped, leaf.detach())
