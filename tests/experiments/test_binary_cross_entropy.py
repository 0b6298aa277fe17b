"""Binary cross entropy: the facts that the page states, against torch, on input that nobody planned."""

import math

import pytest
import torch
import torch.nn.functional as F

from core.experiments import binary_cross_entropy as runs
from tests.experiments.test_cross_entropy import INPUTS, close

every_input = pytest.mark.parametrize("x", INPUTS.values(), ids=INPUTS)


def answers(x):
    """Drawn targets, no yes, only yeses, and targets between."""
    drawn = runs.example_targets(x, 0)
    return [drawn, torch.zeros_like(drawn), torch.ones_like(drawn), torch.full_like(drawn, 0.3)]


@every_input
@pytest.mark.parametrize(("pos_weight", "reduction"), [(1.0, "mean"), (5.0, "mean"), (0.5, "sum"), (3.0, "none")])
def test_a_run_is_torchs_and_its_parts_make_it(x, pos_weight, reduction):
    logits = runs.logits(x, labels=True)
    assert bool(logits.refused) != x.is_floating_point()
    for y in answers(logits.x):
        run = runs.run(logits.x, y, pos_weight, reduction)
        leaf = logits.x.clone().requires_grad_()
        factor = torch.tensor(pos_weight, dtype=leaf.dtype)
        loss = F.binary_cross_entropy_with_logits(leaf, y, reduction=reduction, pos_weight=factor)
        loss.sum().backward()
        close(run.loss, loss.detach())
        close(run.grad, leaf.grad)
        finite = leaf.detach().isfinite()
        equation = run.weights * run.p - (run.weights if run.certain else pos_weight) * y
        close((equation / run.divisor)[finite], leaf.grad[finite])


def test_a_vector_is_one_samples_labels_or_many_samples_answers():
    x = torch.tensor([1.0, 2.0, 3.0])
    assert runs.logits(x, labels=True).x.shape == (1, 3)
    assert runs.logits(x, labels=False).x.shape == (3, 1)


def test_targets_of_another_shape_are_refused_in_torchs_words():
    x, y = torch.zeros(3, 4), torch.zeros(3)
    with pytest.raises(ValueError) as refusal:
        F.binary_cross_entropy_with_logits(x, y)
    assert runs.misfit(x, y) == f"ValueError: {refusal.value}"
    assert runs.misfit(x, torch.zeros(3, 4)) == ""


@every_input
def test_pitfalls_state_what_torch_gives(x):
    for y in answers(runs.logits(x, labels=True).x):
        samples = runs.samples(runs.run(runs.logits(x, labels=True).x, y))
        x_, y_ = samples.x, samples.y
        assert x_.isfinite().all()
        right = F.binary_cross_entropy_with_logits(x_, y_).item()

        rounded = runs.rounded_answers(x_, y_)
        assert not math.isfinite(rounded.formula)
        assert math.isfinite(rounded.cut)
        if rounded.certain:
            assert rounded.cut == pytest.approx(100 * rounded.wrong / rounded.cells)

        mistaken = runs.mistaken(x_, y_)
        assert bool(mistaken.refused) == bool(((x_ < 0) | (x_ > 1)).any())
        assert math.isnan(mistaken.of_logits) == bool(mistaken.refused)
        assert mistaken.right == right

        mean = runs.mean_over_labels(x_, y_)
        assert (mean.torchs, mean.cells) == (right, x_.numel())
        assert mean.summed == pytest.approx(right * x_.numel(), rel=1e-4)

        weighted = runs.weighted_yes(x_, y_, 1.0)
        assert weighted.torchs == pytest.approx(
            F.binary_cross_entropy_with_logits(x_, y_, pos_weight=torch.tensor(3.0, dtype=x_.dtype)).item()
        )
        assert weighted.summed == pytest.approx(weighted.torchs * x_.numel(), rel=1e-4)

        soft = runs.softmax_on_labels(x_, y_)
        assert soft.counts == (y_ > 0.5).sum(1).tolist()
        assert soft.one_each == all(n == 1 for n in soft.counts)
        assert soft.soft == pytest.approx(1 / x_.shape[1])
        assert soft.soft_loss == pytest.approx(math.log(x_.shape[1]), abs=1e-6)


def test_one_yes_each_is_what_a_softmax_can_say():
    x = torch.zeros(2, 3)
    assert runs.softmax_on_labels(x, torch.eye(3)[:2]).one_each
    assert not runs.softmax_on_labels(x, torch.tensor([[1.0, 0, 0], [1, 1, 0]])).one_each


@pytest.mark.parametrize("labels", [1, 4])
def test_all_ways_are_equal(labels):
    x = torch.randn(3, labels, generator=torch.Generator().manual_seed(0))
    for y in answers(x):
        for way in runs.equal_ways(x, y):
            assert way.loss == pytest.approx(F.binary_cross_entropy_with_logits(x, y).item(), rel=1e-5), way.name
            assert max(way.apart, way.gradient_apart) < 1e-5, way.name


@pytest.mark.parametrize("yes", [0, 1])
def test_questions_are_answered_by_torch(yes):
    found = runs.answer(0.2, yes, 3.0)
    assert found.cost == pytest.approx(-3 * math.log(0.2) if yes else -math.log(0.8))
    assert found.slope == pytest.approx(3 * (0.2 - 1) if yes else 0.2)
    assert runs.undecided(7) == pytest.approx(math.log(2))
