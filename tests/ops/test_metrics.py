import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ops import metrics


def batch(n: int, classes: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, classes, generator=generator), torch.randint(classes, (n,), generator=generator)


def count_right(logits, target, k):
    """By hand: the target's rank is the number of classes that come before it."""
    right = 0
    for row, label in zip(logits.tolist(), target.tolist(), strict=True):
        before = [j for j, s in enumerate(row) if s > row[label] or (s == row[label] and j < label)]
        right += len(before) < k
    return right


@given(n=st.integers(1, 30), classes=st.integers(1, 7), seed=st.integers(0, 999), ties=st.booleans())
@settings(max_examples=100, deadline=None)
def test_topk_accuracy_counts_the_targets_rank(n, classes, seed, ties):
    logits, target = batch(n, classes, seed)
    logits = logits.round() if ties else logits
    for k in range(1, classes + 1):
        expected = count_right(logits, target, k) / n
        assert metrics.accuracy(logits, target, k).item() == pytest.approx(expected, abs=1e-6)
    assert metrics.accuracy(logits, target, classes) == 1


@given(n=st.integers(1, 50), classes=st.integers(2, 7), seed=st.integers(0, 999), extra=st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_confusion_matrix_counts_each_pair(n, classes, seed, extra):
    logits, target = batch(n, classes, seed)
    counts = metrics.confusion_matrix(logits, target, classes + extra)
    expected = torch.zeros(classes + extra, classes + extra, dtype=torch.int64)
    for true, predicted in zip(target, logits.argmax(1), strict=True):
        expected[true, predicted] += 1
    assert torch.equal(counts, expected)
    assert counts.diagonal().sum().item() / n == pytest.approx(metrics.accuracy(logits, target).item())
    torch.testing.assert_close(
        metrics.per_class_accuracy(logits, target, classes + extra),
        expected.diagonal() / expected.sum(1),
        equal_nan=True,
    )


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64], ids=str)
def test_targets_of_any_integer_type(dtype):
    logits, target = batch(200, 30)
    counts = metrics.confusion_matrix(logits, target)
    assert torch.equal(metrics.confusion_matrix(logits, target.to(dtype)), counts)
    assert metrics.accuracy(logits, target.to(dtype), 5) == metrics.accuracy(logits, target, 5)


def test_probabilities_rank_as_logits_do():
    logits, target = batch(100, 10)
    assert metrics.accuracy(logits.softmax(1), target, 3) == metrics.accuracy(logits, target, 3)


def test_topk_never_falls_with_k():
    logits, target = batch(100, 10)
    shares = metrics.topk_accuracy(logits, target, range(1, 11))
    assert list(shares) == list(range(1, 11))
    assert all(shares[k] <= shares[k + 1] for k in range(1, 10))


def test_equal_scores_go_to_the_lower_class():
    logits = torch.ones(3, 4)
    assert metrics.accuracy(logits, torch.tensor([0, 1, 2])).item() == pytest.approx(1 / 3)
    assert metrics.accuracy(logits, torch.tensor([0, 1, 2]), 2).item() == pytest.approx(2 / 3)


def test_no_samples_is_nan_and_an_empty_matrix():
    logits, target = torch.empty(0, 4), torch.empty(0, dtype=torch.int64)
    assert metrics.accuracy(logits, target).isnan()
    assert not metrics.confusion_matrix(logits, target).any()
    assert math.isnan(metrics.evaluate([], lambda X: X).accuracy)


def test_mean_of_classes_is_not_the_accuracy_when_classes_are_uneven():
    logits = torch.tensor([[1.0, 0.0]] * 4)
    target = torch.tensor([0, 0, 0, 1])
    assert metrics.accuracy(logits, target).item() == 0.75
    assert metrics.per_class_accuracy(logits, target).mean().item() == 0.5


# ---- over batches, and the tutorial's mistakes -------------------------------------------------------------------


def perfect(X: torch.Tensor) -> torch.Tensor:
    """A model that recognises every X, a one-hot row."""
    return X


def batches(labels: list[list[int]]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [(torch.eye(3)[label], torch.tensor(label)) for label in labels]


def test_the_tutorials_y_hat_is_right_for_one_batch():
    ((X, y),) = batches([[0, 1, 2, 1]])
    assert metrics.evaluate_accuracy([(X, y)], perfect(X)) == 1 == metrics.evaluate([(X, y)], perfect).accuracy


def test_the_tutorials_y_hat_belongs_to_another_batch_from_the_second_on():
    data = batches([[0, 1, 2, 1], [1, 0, 2, 2]])
    assert metrics.evaluate(data, perfect).accuracy == 1
    assert metrics.evaluate_accuracy(data, perfect(data[0][0])) == 5 / 8  # one of the second four, by chance


def test_the_tutorials_loop_breaks_on_a_smaller_last_batch():
    data = batches([[0, 1, 2, 1], [1, 0]])
    with pytest.raises(RuntimeError):
        metrics.evaluate_accuracy(data, perfect(data[0][0]))
    assert metrics.evaluate(data, perfect) == metrics.Evaluation(6, 6)


def test_the_tutorials_one_step_form_divides_twice():
    ((X, y),) = batches([[0, 1, 2, 1]])
    assert metrics.evaluate_accuracy_mean([(X, y)], perfect(X)) == 0.25


def test_a_smaller_last_batch_must_not_count_as_much_as_a_full_one():
    data = [(torch.eye(3)[[0, 1, 2, 0]], torch.tensor([0, 1, 2, 0])), (torch.eye(3)[[1]], torch.tensor([2]))]
    assert metrics.evaluate(data, perfect).accuracy == 4 / 5


def test_evaluate_top_k_and_without_a_graph():
    model = torch.nn.Linear(3, 3)
    seen = []

    def watched(X):
        seen.append(model(X))
        return seen[-1]

    assert metrics.evaluate(batches([[0, 1, 2], [1]]), watched, topk=3).accuracy == 1
    assert not any(output.requires_grad for output in seen)


# ---- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logits", "target", "kwargs", "error", "naming"),
    [
        ([[1.0, 2.0]], torch.tensor([0]), {}, TypeError, r"\blogits\b"),
        (torch.ones(2, 3), [0, 1], {}, TypeError, r"\btarget\b"),
        (torch.ones(3), torch.tensor([0]), {}, ValueError, r"\blogits\b"),
        (torch.ones(2, 3), torch.tensor([0]), {}, ValueError, r"\btarget\b"),
        (torch.ones(2, 3), torch.tensor([[0], [1]]), {}, ValueError, r"\btarget\b"),
        (torch.ones(2, 3), torch.tensor([0.0, 1.0]), {}, TypeError, r"\btarget\b"),
        (torch.ones(2, 3), torch.tensor([0, 3]), {}, IndexError, r"\btarget\b.*3"),
        (torch.ones(2, 3), torch.tensor([-1, 1]), {}, IndexError, r"\btarget\b.*-1"),
        (torch.ones(2, 3), torch.tensor([0, 1]), {"topk": 0}, ValueError, r"\btopk\b"),
        (torch.ones(2, 3), torch.tensor([0, 1]), {"topk": 4}, ValueError, r"\btopk\b.*4"),
        (torch.ones(2, 3), torch.tensor([0, 1]), {"topk": 1.0}, TypeError, r"\btopk\b"),
    ],
)
def test_refusals_name_the_argument(logits, target, kwargs, error, naming):
    with pytest.raises(error, match=naming):
        metrics.accuracy(logits, target, **kwargs)


def test_confusion_matrix_refuses_fewer_classes_than_there_are():
    with pytest.raises(ValueError, match=r"\bnum_classes\b"):
        metrics.confusion_matrix(torch.ones(2, 3), torch.tensor([0, 1]), 2)
