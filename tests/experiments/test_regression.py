"""What decay does in a linear regression of few samples, and where it enters."""

import pytest
import torch

from core.experiments import regression


def end_of(method, **options):
    *_, end = regression.regression_run(regression.make_regression(), method, **{"epochs": 30, **options})
    return end


def test_sgd_does_not_care_where_the_decay_stands():
    for batch_size in (1, 7, 20):
        loss, optimiser = (end_of(m, batch_size=batch_size) for m in ("SGD, penalty in the loss", "SGD, weight_decay"))
        torch.testing.assert_close(loss.w, optimiser.w, rtol=1e-10, atol=1e-12)


def test_adam_decays_differently_from_adamw():
    loss, coupled, decoupled = (
        end_of(m, lr=0.01) for m in ("Adam, penalty in the loss", "Adam, weight_decay", "AdamW, weight_decay")
    )
    torch.testing.assert_close(loss.w, coupled.w, rtol=1e-6, atol=1e-8)
    assert decoupled.weight_norm < 0.5 * coupled.weight_norm


def test_decay_trades_training_loss_for_test_loss():
    free, decayed = end_of("SGD", epochs=100), end_of("SGD, weight_decay", epochs=100)
    assert free.train_loss < decayed.train_loss
    assert free.test_loss > 100 * decayed.test_loss
    assert free.weight_norm > 10 * decayed.weight_norm


@pytest.mark.parametrize("method", regression.METHODS)
def test_runs_report_each_epoch_and_start_alike(method):
    progress = list(regression.regression_run(regression.make_regression(), method, epochs=2, seed=5))
    assert [p.epoch for p in progress] == [0, 1, 2]
    start = next(iter(regression.regression_run(regression.make_regression(), "SGD", seed=5)))
    assert torch.equal(progress[0].w, start.w)
    assert progress[2].weight_norm == progress[2].w.norm().item()


def test_regression_data():
    data = regression.make_regression(noise=0.0)
    assert (data.X.shape, data.X_test.shape) == ((20, 200), (100, 200))
    torch.testing.assert_close(data.y, data.X.sum(1) * 0.01 + 0.05)
