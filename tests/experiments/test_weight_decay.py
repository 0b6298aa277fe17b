"""What the page on weight decay finds out, against torch's own optimisers."""

import math
from dataclasses import replace

import pytest
import torch

from core.experiments import weight_decay as runs
from core.experiments.weight_decay import DECAYED, PLACES, SWEPT, Setting
from core.figures import weight_decay as draw

DEFAULT = Setting(n_train=20, inputs=200, lr=0.03, seed=0, epochs=40)
ENDS = [  # of every control
    DEFAULT,
    Setting(5, 200, 0.1, 0, 40),
    Setting(200, 10, 0.003, 9999, 5),
    Setting(5, 10, 0.1, 1, 40),
    Setting(100, 200, 0.1, 2, 1),
]
every_end = pytest.mark.parametrize("setting", ENDS, ids=str)
every_lambda = pytest.mark.parametrize("lambd", [0.0, 0.1, 10.0])


def by_torch(optimiser, lambd, setting=DEFAULT, *, in_loss=False, steps=None):
    """The run by torch's own optimiser: w and b at the end."""
    data = setting.data
    w = torch.randn(setting.inputs, generator=torch.Generator().manual_seed(setting.seed), dtype=torch.float64)
    w, b = w.requires_grad_(), torch.zeros((), dtype=torch.float64, requires_grad=True)
    groups = [{"params": [w], "weight_decay": 0.0 if in_loss else lambd}, {"params": [b], "weight_decay": 0.0}]
    made = getattr(torch.optim, optimiser)(groups, lr=setting.lr)
    for _ in range(setting.epochs if steps is None else steps):
        made.zero_grad()
        loss = ((data.X @ w + b - data.y) ** 2 / 2).mean()
        (loss + lambd / 2 * (w**2).sum() if in_loss else loss).backward()
        made.step()
    return w.detach(), b.detach()


def loss_in_test(w, b, setting=DEFAULT):
    return ((setting.data.X_test @ w + b - setting.data.y_test) ** 2 / 2).mean().item()


# ---- the runs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("optimiser", "of_torch"), [("SGD", "SGD"), ("Adam", "AdamW")])
@pytest.mark.parametrize("setting", [DEFAULT, Setting(40, 50, 0.01, 3, 20)], ids=str)
@pytest.mark.parametrize("lambd", [0.0, 0.5, 10.0])
def test_both_runs_are_torchs(optimiser, of_torch, lambd, setting):
    found = runs.outcome(optimiser, lambd, setting)
    for run, (w, b) in (
        (found.within, by_torch(of_torch, lambd, setting)),
        (found.without, by_torch(optimiser, 0.0, setting)),
    ):
        torch.testing.assert_close(run.last.w, w)
        assert run.last.test_loss == pytest.approx(loss_in_test(w, b, setting))
        assert not run.diverged


@pytest.mark.parametrize("setting", ENDS[:4], ids=str)
@pytest.mark.parametrize("lambd", [0.0, 10.0])
def test_a_run_of_sgd_diverges_above_the_bound_and_nowhere_below(setting, lambd):
    bound = runs.stable_rate(lambd, setting)
    long = replace(setting, epochs=100)
    for factor, grows in ((0.97, False), (1.5, True)):
        run = runs.run(DECAYED["SGD"], lambd, replace(long, lr=bound * factor))
        assert run.diverged == grows
        assert all(math.isfinite(step.train_loss + step.test_loss) for step in run.steps)
        assert run.last.train_loss <= runs.DIVERGED * run.steps[0].train_loss


def test_the_bound_is_2_over_the_largest_curvature():
    data, lambd = DEFAULT.data, 3.0

    def objective(p):
        return ((data.X @ p[:-1] + p[-1] - data.y) ** 2 / 2).mean() + lambd / 2 * (p[:-1] ** 2).sum()

    curvature = torch.autograd.functional.hessian(objective, torch.zeros(201, dtype=torch.float64))
    assert runs.stable_rate(lambd, DEFAULT) == pytest.approx(2 / torch.linalg.eigvalsh(curvature)[-1].item())


@pytest.mark.parametrize(
    ("lambd", "setting"), [(3.0, Setting(20, 20, 0.1, 0, 1)), (0.0, DEFAULT), (10.0, Setting(5, 10, 0.1, 4, 1))]
)
def test_endless_steps_lead_to_the_minimum(lambd, setting):
    w, b = by_torch("SGD", lambd, setting, steps=1500)
    found = runs.minimum(lambd, setting)
    assert found.test == pytest.approx(loss_in_test(w, b, setting), rel=1e-3)
    assert found.norm == pytest.approx(w.norm().item(), rel=1e-3)


def test_at_the_end_the_order_of_the_lambdas_is_another():
    """Short runs favour a large λ, which is only faster."""
    found = runs.sweep("SGD", DEFAULT)
    assert found.test_best == max(SWEPT)
    assert found.minimum_best != found.test_best
    assert found.reversed
    plenty = runs.sweep("SGD", Setting(200, 10, 0.1, 0, 200))
    assert plenty.test_best == plenty.minimum_best == 0.0
    assert not plenty.reversed


def test_decay_alone_is_left_where_the_samples_say_nothing():
    found = runs.outcome("SGD", 3.0, DEFAULT)
    X, start = DEFAULT.data.X, found.within.steps[0].w
    free = lambda w: w - torch.linalg.pinv(X) @ (X @ w)  # noqa: E731
    torch.testing.assert_close(free(found.within.last.w), found.left * free(start))
    assert DEFAULT.free == 200 - torch.linalg.matrix_rank(X).item()
    assert Setting(200, 10, 0.03, 0, 1).free == 0


def test_a_run_is_unfinished_until_more_steps_change_nothing():
    assert runs.outcome("SGD", 3.0, DEFAULT).unfinished
    assert not runs.outcome("SGD", 3.0, Setting(200, 10, 0.1, 0, 200)).unfinished
    adam = runs.outcome("Adam", 3.0, DEFAULT)
    assert adam.minimum is None
    assert not adam.unfinished


# ---- the page's own tabs ---------------------------------------------------------------------------------------


@every_end
@every_lambda
def test_where_the_decay_enters_matters_to_adam_alone(setting, lambd):
    found = runs.places(lambd, setting)
    assert tuple(found) == PLACES
    assert all(found[name].apart < 1e-9 for name in PLACES[:4])
    assert (found["AdamW, weight_decay"].apart > 1e-6) == (lambd > 0)
    w, _ = by_torch("Adam", lambd, setting, in_loss=True, steps=runs.SHORT)
    torch.testing.assert_close(found["Adam, weight_decay"].run.last.w, w)


@pytest.mark.parametrize(("large", "small"), [(1.0, 0.01), (100.0, 0.01), (1.0, 1.0), (100.0, 1.0)])
@pytest.mark.parametrize(("lambd", "lr"), [(0.0, 0.03), (0.1, 0.003), (1.0, 0.03), (10.0, 0.1)])
def test_adam_spares_the_weight_with_large_gradients(large, small, lambd, lr):
    found = runs.two_weights((large, small), lambd, lr)
    for name, path in (("Adam", found.adam), ("AdamW", found.adamw)):
        w = torch.ones(2, dtype=torch.float64, requires_grad=True)
        optimiser = getattr(torch.optim, name)([w], lr=lr, weight_decay=lambd)
        for k in range(60):
            w.grad = torch.tensor([large, small], dtype=torch.float64) * (-1) ** k
            optimiser.step()
        torch.testing.assert_close(path[-1], w.detach())
    assert found.spared == (found.adam[-1, 0] - found.adam[-1, 1] > 0.01).item()
    if lambd == 0 or large == small:
        assert not found.spared
    assert found.adamw[-1, 0].item() == pytest.approx(found.adamw[-1, 1].item(), abs=1e-5)
    assert found.alone == pytest.approx((1 - lr * lambd) ** 60)


@pytest.mark.parametrize("optimiser", DECAYED)
@every_end
def test_all_lambdas(optimiser, setting):
    found = runs.sweep(optimiser, setting)
    assert bool(found.minimum) == (optimiser == "SGD")
    for i, lambd in enumerate(SWEPT):
        run = runs.run(DECAYED[optimiser], lambd, setting)
        assert math.isnan(found.test[i]) == math.isnan(found.train[i]) == run.diverged == (lambd in found.diverged)
        if not run.diverged:
            assert found.test[i] == run.last.test_loss
            assert found.test[i] >= found.smallest
    if len(found.diverged) < len(SWEPT):
        assert found.test[SWEPT.index(found.test_best)] == found.smallest
        assert found.train[SWEPT.index(found.train_best)] == min(t for t in found.train if not math.isnan(t))
    if found.reversed:
        assert found.minimum_best not in found.diverged
        assert runs.run(DECAYED["SGD"], found.minimum_best, setting).last.test_loss > found.smallest_minimum


def test_the_training_loss_rises_with_lambda_for_sgd_and_not_for_adam():
    sgd, adam = (runs.sweep(name, DEFAULT).train for name in DECAYED)
    assert list(sgd) == sorted(sgd)
    assert list(adam) != sorted(adam)


# ---- what people believe ---------------------------------------------------------------------------------------


@every_end
@every_lambda
def test_the_code_adds_n_times_the_formulas_penalty(setting, lambd):
    run = runs.run(DECAYED["SGD"], lambd, setting)
    facts = runs.formula_and_code(run.last.w, lambd, setting)
    assert facts.lambd == (lambd or 1.0)
    assert facts.code == pytest.approx(facts.lambd / 2 * (run.last.w**2).sum().item())
    assert facts.code == pytest.approx(facts.n * facts.formula)
    assert facts.of_code.norm < facts.of_formula.norm
    assert facts.of_code == runs.minimum(facts.lambd, setting)
    assert facts.terms == setting.inputs


@every_end
@every_lambda
def test_the_sum_counts_the_penalty_once_a_sample(setting, lambd):
    facts = runs.counted(runs.run(DECAYED["SGD"], lambd, setting).last, lambd, setting)
    assert facts.times == pytest.approx(setting.n_train)
    assert facts.losses == setting.n_train
    assert facts.lambd > 0


def test_there_is_no_gradient_before_the_first_backward():
    facts = runs.first_step(torch.ones(3))
    with pytest.raises(AttributeError) as refusal:
        torch.ones(3, requires_grad=True).grad.data.zero_()
    assert facts.error == f"AttributeError: {refusal.value}"
    assert facts.after_zero_grad == "None"


@every_end
@every_lambda
def test_adams_decay_is_the_penaltys_and_not_adamws(setting, lambd):
    facts = runs.adam_is_not_adamw(lambd, setting)
    assert facts.from_loss < 1e-9
    assert facts.from_adamw > 1e-4
    assert (facts.lambd, facts.steps) == (lambd or 1.0, runs.SHORT)


@pytest.mark.parametrize("lr", [0.003, 0.1])
def test_adamw_takes_lr_times_weight_decay(lr):
    facts = runs.shrinkage(lr)
    assert facts.taken == pytest.approx(lr * 0.01)
    assert facts.taken_by_default == pytest.approx(0.001 * 0.01)
    assert (facts.default_lr, facts.weight_decay) == (0.001, 0.01)


@pytest.mark.parametrize("lr", [0.003, 0.1])
@every_lambda
def test_a_bias_decays_unless_it_has_a_group_of_its_own(lr, lambd):
    facts = runs.biases(lambd, lr)
    assert facts.together == pytest.approx(1 - lr * facts.lambd)
    assert facts.together < 1
    assert abs(facts.together) > 1e-9 or str(facts.together) == "0.0"  # 1 − 0.1·10 leaves no dust
    assert facts.grouped == 1


@pytest.mark.parametrize("lr", [0.003, 0.1])
def test_decay_explodes_beyond_2_over_lr(lr):
    w = runs.run("SGD", 0.0, DEFAULT).steps[0].w
    facts = runs.too_much(w, lr)
    assert facts.start == w.norm().item()
    assert facts.below == pytest.approx(0.9**40 * facts.start)
    assert facts.above == pytest.approx(1.1**40 * facts.start)
    assert facts.bound == pytest.approx(2 / lr)


def test_the_answers_of_the_questions():
    assert runs.shrunk(0.05, 3.0, 10) == pytest.approx(0.85**10)
    found = runs.penalties_of([2, -3, 1], 2.0, 10)
    assert (found.formula, found.code) == (pytest.approx(1.4), 14)
    assert runs.sum_of_zeros(16, (1.0, 1.0), 3.0) == 48


# ---- the pictures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("optimiser", "of_torch"), [("SGD", "SGD"), ("Adam", "AdamW"), ("Adam", "Adam")])
def test_the_walk_is_the_first_step(optimiser, of_torch):
    lambd = 3.0 if of_torch != "Adam" else 0.0
    method = DECAYED[optimiser] if lambd else optimiser
    steps, scales = draw.walk(runs.run(method, lambd, DEFAULT))
    w, _ = by_torch(of_torch, lambd, steps=1)
    torch.testing.assert_close(steps.steps[-1].values["p"], w[: draw.WALKED])
    assert {"p", "g", "step"} <= set(scales)


def test_a_run_has_one_colour_in_all_pictures():
    found = runs.outcome("SGD", 3.0, DEFAULT)
    named = {"λ = 0": found.without, "λ = 3": found.within}
    colours = [
        [(line["name"], line["line"]["color"]) for line in panel.figure.to_dict()["data"]]
        for panel in (draw.losses(named), draw.norms(named), draw.weights(named))
    ]
    by_name = [{name.split(", ")[-1]: colour for name, colour in drawn} for drawn in colours]
    assert by_name[0] == by_name[1] == by_name[2]
    assert len({line["line"]["dash"] for line in draw.losses(named).figure.to_dict()["data"]}) == 4


@every_end
@pytest.mark.parametrize("lambd", [0.1, 10.0])
def test_logarithmic_axes_have_few_decades_and_no_zero(setting, lambd):
    named = {"a": runs.run("SGD", 0.0, setting), "b": runs.run(DECAYED["SGD"], lambd, setting)}
    panel = draw.losses(named)
    heights = [spot[1] for spot in panel.cells.spots if spot]
    assert all(0 < height < math.inf for height in heights)
    decades = math.log10(max(heights)) - math.log10(min(heights))
    assert decades / panel.figure.to_dict()["layout"]["yaxis"]["dtick"] <= 7
