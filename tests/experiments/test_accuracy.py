"""The facts of the accuracy page against torch, at the ends of its controls and on scores that nobody planned."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from core.data import mnist
from core.experiments import accuracy as runs
from core.experiments.accuracy import Run
from core.experiments.softmax_regression import Model, logits, train

DEFAULTS = {"samples": 8000, "lr": 0.2, "seed": 0, "epochs": 2, "count": 500, "batch_size": 128, "topk": 1}


def default(**changed):
    return runs.run(**DEFAULTS | changed)


def by_hand(W, y, batch_size=4, topk=1):
    """A run whose scores are the rows of W: sample i is the i-th unit vector."""
    n = len(y)
    return Run(Model(W, torch.zeros(10)), torch.zeros(n, 28, 28, dtype=torch.uint8), torch.eye(n), y, batch_size, topk)


def labels(n):
    return torch.arange(n) * 3 % 10


def perfect(n):
    return F.one_hot(labels(n), 10).float()


UNPLANNED = {
    "nan": by_hand(torch.full((12, 10), torch.nan), labels(12)),
    "infinite": by_hand(torch.full((5, 10), torch.inf), labels(5)),  # inf · 0 is nan in the product
    "equal": by_hand(torch.zeros(7, 10), labels(7)),
    "one image": by_hand(torch.randn(1, 10), labels(1)),
    "all right": by_hand(perfect(9), labels(9)),
    "none right": by_hand(perfect(9).roll(1, 1), labels(9)),
    "one class": by_hand(torch.randn(6, 10), torch.full((6,), 4)),
    "one batch": by_hand(torch.randn(6, 10), labels(6), batch_size=500),
    "negative": by_hand(-torch.rand(6, 10), labels(6), topk=3),
}
ENDS = [
    {}, {"epochs": 0, "count": 20, "batch_size": 10},
    {"samples": 1000, "epochs": 10, "count": 2000, "batch_size": 500, "topk": 10},
    {"samples": 50, "lr": 1.0, "seed": 9999, "epochs": 10, "count": 20, "batch_size": 16, "topk": 3},
    {"samples": 50, "lr": 0.01, "count": 100, "batch_size": 500},
]  # fmt: skip
EVERY = {**{str(i): (lambda ends=ends: default(**ends)) for i, ends in enumerate(ENDS)},
         **{name: (lambda run=run: run) for name, run in UNPLANNED.items()}}  # fmt: skip
every_run = pytest.mark.parametrize("make", EVERY.values(), ids=EVERY)


def correct(run, topk=None):
    """Which samples are right, by sorting: the true class's place is the number of classes before it."""
    k = run.topk if topk is None else topk
    order = run.scores.argsort(dim=1, descending=True, stable=True) if k > 1 else run.scores.argmax(1)[:, None]
    return (order[:, :k] == run.y[:, None]).any(1)


def test_the_model_is_the_one_that_the_settings_ask_for():
    data = mnist()
    X, y = data.train_images[:200].float() / 255, data.train_labels[:200].long()
    *_, model = train(X, y, epochs=4, lr=0.5, seed=3)
    run = default(samples=200, epochs=4, lr=0.5, seed=3, count=100)
    assert torch.equal(run.scores, logits(model, data.test_images[:100].float() / 255))
    assert torch.equal(run.images, data.test_images[:100])
    assert torch.equal(run.y, data.test_labels[:100].long())


@every_run
def test_the_matrix_says_what_the_accuracy_says(make):
    run = make()
    right = correct(run)
    assert torch.equal(run.right, right)
    assert int(run.confusion.diagonal().sum()) == int(right.sum()) == sum(run.right_in_batches)
    assert run.share == pytest.approx(right.double().mean().item())
    assert run.confusion.sum(1).tolist() == run.y.bincount(minlength=10).tolist()
    pairs = list(zip(run.y.tolist(), run.counted.tolist(), strict=True))
    assert all(int(run.confusion[cell]) == pairs.count(cell) == len(run.inside(cell)) for cell in set(pairs))
    worst = runs.worst_cell(run.confusion)
    off = run.confusion - run.confusion.diagonal().diag()
    assert int(off.max()) == (int(run.confusion[worst]) if worst[0] != worst[1] else 0)


@every_run
def test_places_are_those_of_the_order(make):
    run = make()
    for i in range(min(len(run.y), 20)):
        assert sorted(run.order(i)) == list(range(10))
        assert run.order(i)[run.place(i) - 1] == run.y[i]
        if not run.scores.isnan().any():
            assert (run.place(i) <= run.topk) == bool(run.right[i])


@every_run
def test_the_mean_of_the_batches(make):
    run = make()
    found = runs.means(run.right_in_batches, run.sizes)
    each = [part.double().mean() for part in correct(run).split(run.batch_size)]
    assert found.whole == pytest.approx(correct(run).double().mean().item())
    assert found.mean == pytest.approx(torch.stack(each).mean().item())
    assert found.same == (abs(found.whole - found.mean) < 1e-12)
    shown, worst = runs.mean_of_batches(run).shown, runs.mean_of_batches(run).left_over
    assert (shown.whole, shown.mean) == (found.whole, found.mean)  # as on screen, at this k
    ones = correct(run, run.topk)
    assert (worst is None) == (bool(ones.all()) or not ones.any())
    if worst:
        assert worst.whole == pytest.approx(ones.double().mean().item())
        assert worst.mean == pytest.approx(ones.sum().item() / (len(ones) - 1) / 2)


@every_run
def test_the_tutorials_loop(make):
    run = make()
    found = runs.stale_scores(run)
    first = run.scores[: run.batch_size].argmax(1)
    full = [y for y in run.y.split(run.batch_size) if len(y) == len(first)]
    assert (found.batches, found.full) == (len(run.batches), len(full))
    assert found.tutorial == pytest.approx(sum(int((first == y).sum()) for y in full) / (len(full) * len(first)))
    scores = run.scores[: len(full) * len(first)]
    assert found.right == pytest.approx((scores.argmax(1) == run.y[: len(scores)]).double().mean().item())
    last = run.sizes[-1]
    if last in (1, len(first)):  # one label is broadcast over all scores, without a word
        assert not found.refusal
    else:
        with pytest.raises(RuntimeError) as refusal:
            _ = first == run.y[-last:]
        assert found.refusal == str(refusal.value)


@every_run
def test_the_line_with_mean_and_the_division_by_the_last_batch(make):
    run = make()
    size, ones = run.sizes[0], correct(run, 1)
    twice = runs.divided_twice(run)
    assert (twice.size, twice.perfect) == (size, pytest.approx(1 / size))
    assert twice.right == pytest.approx(ones[:size].double().mean().item())
    assert twice.tutorial == pytest.approx(twice.right / size)
    last = runs.by_the_last_batch(run)
    assert (last.right, last.samples, last.last) == (int(correct(run, run.topk).sum()), len(ones), run.sizes[-1])
    assert (last.by_last, last.accuracy) == (last.right / last.last, last.right / last.samples)


@every_run
def test_softmax_keeps_the_order_until_it_rounds_to_zero(make):
    run = make()
    found = runs.softmax_first(run)
    p, huge = run.scores.softmax(1), (run.scores * 1000).softmax(1)
    assert found.differ == int((p.argmax(1) != run.scores.argmax(1)).sum())
    assert (found.zeros, found.cells) == (int((huge == 0).sum()), huge.numel())
    assert found.ties == sum((row == row.max()).sum().item() > 1 for row in huge)


@every_run
def test_a_small_step_and_a_diverged_model(make):
    run = make()
    found = runs.small_step(run)
    assert (found.accuracy_has_gradient, found.loss_has_gradient) == (False, True)
    W = run.model.W.double().requires_grad_()
    loss = F.cross_entropy(run.X.double() @ W + run.model.b, run.y)
    loss.backward()
    after = run.X.double() @ (W - found.lr * W.grad).detach() + run.model.b
    assert found.loss == pytest.approx((F.cross_entropy(after, run.y) - loss).item(), abs=1e-12, nan_ok=True)
    right = [(s.argmax(1) == run.y).double().mean().item() for s in (after, run.X.double() @ W + run.model.b)]
    assert found.accuracy == pytest.approx(right[0] - right[1], abs=1e-6)
    lost = runs.diverged(run)
    assert lost.loss != lost.loss
    assert lost.predicted == [0]
    assert lost.accuracy == pytest.approx((run.y == 0).double().mean().item()) == lost.of_class / lost.samples


@every_run
def test_the_shares_of_the_classes(make):
    run = make()
    found = runs.class_shares(run)
    for c in range(10):
        own = correct(run)[run.y == c]
        assert found.own[c].item() == pytest.approx(own.double().mean().item(), nan_ok=True)
    known = found.own[~found.own.isnan()]
    assert (found.low, found.high) == (known.min().item(), known.max().item())
    assert found.own[found.lowest] == found.low
    assert found.images == int((run.y == found.frequent).sum()) == int(run.y.bincount().max())
    rare = runs.rare_class(run)
    assert (rare.accuracy, rare.of_rare) == (pytest.approx(rare.frequent / rare.samples), 0)


@every_run
def test_among_the_k_best(make):
    run = make()
    found = runs.among_the_best(run)
    assert found == pytest.approx([correct(run, k).double().mean().item() for k in range(1, 11)])
    assert found[-1] == 1
    assert found == sorted(found) or bool(run.scores.isnan().any())


def test_what_was_learnt_is_measured_on_both_sets():
    found, data = runs.learnt(200, 0.5, 1), mnist()
    model = runs.trained(200, 0.5, 1)[-1]
    for images, y, said in (
        (data.train_images[:200], data.train_labels[:200], found.on_training),
        (data.test_images, data.test_labels, found.on_test),
    ):
        assert said == pytest.approx((logits(model, images.float() / 255).argmax(1) == y).double().mean().item())
    assert len(found.training) == len(found.test) == 11


@pytest.mark.parametrize(("n", "last"), [(9, 1), (19, 2), (99, 2)])
def test_the_answers_of_the_questions(n, last):
    found = runs.two_batches(n, last)
    assert (found.whole, found.mean) == (pytest.approx(n / (n + last)), 0.5)
    assert runs.perfect_mean(labels(n)) == pytest.approx(1 / n)
    assert [runs.at_random(k) for k in (1, 5, 10)] == pytest.approx([0.1, 0.5, 1])
    tied = runs.equal_scores(default())
    zeros = int((mnist().test_labels[:500] == 0).sum())
    assert (tied.zeros, tied.samples, tied.accuracy) == (zeros, 500, pytest.approx(zeros / 500))


def test_a_larger_k_moves_mistakes_onto_the_diagonal():
    run = default()
    for k in range(2, 11):
        better = replace(run, topk=k)
        assert better.confusion.diagonal().sum() >= run.confusion.diagonal().sum()
        assert torch.equal(better.counted[~better.right], better.scores.argmax(1)[~better.right])
        run = better
