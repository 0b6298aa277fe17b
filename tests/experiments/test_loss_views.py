"""The loss in four lines, its convexity, and pixels as samples, against torch."""

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from core.experiments.loss_views import chords_above, four_steps, loss_of_logits, loss_of_weights, segmentation


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 8), st.integers(1, 6), st.integers(0, 999))
def test_four_steps_are_cross_entropy(n, c, seed):
    generator = torch.Generator().manual_seed(seed)
    x, y = 3 * torch.randn(n, c, generator=generator), torch.randint(c, (n,), generator=generator)
    torch.testing.assert_close(four_steps(x, y), F.cross_entropy(x, y))


def test_four_steps_fail_where_a_probability_is_0():
    assert four_steps(torch.tensor([[0.0, 80, -80]]), torch.tensor([2])) == torch.inf


def test_losses_of_many_points_are_torchs_one_by_one():
    generator = torch.Generator().manual_seed(0)
    y = torch.tensor([0, 2, 1])
    flat = torch.randn(4, 9, generator=generator, dtype=torch.float64)
    expected = torch.stack([F.cross_entropy(row.view(3, 3), y) for row in flat])
    torch.testing.assert_close(loss_of_logits(flat, y), expected)
    X = torch.randn(3, 2, generator=generator, dtype=torch.float64)
    flat = torch.randn(4, 2 * 5 + 5 + 5 * 3 + 3, generator=generator, dtype=torch.float64)
    for row, loss in zip(flat, loss_of_weights(flat, X, y, (2, 5, 3)), strict=True):
        W1, b1, W2, b2 = row[:10].view(2, 5), row[10:15], row[15:30].view(5, 3), row[30:]
        torch.testing.assert_close(loss, F.cross_entropy(torch.relu(X @ W1 + b1) @ W2 + b2, y))


def test_chords_tell_convex_from_not():
    assert chords_above(lambda a: a.square().sum(1), 3) == 0
    assert chords_above(lambda a: -a.square().sum(1), 3) == 200
    assert chords_above(lambda a: loss_of_logits(a, torch.tensor([1, 0])), 6) == 0


def test_the_surest_guess_without_noise_is_right():
    image = torch.rand(6, 7, generator=torch.Generator().manual_seed(1))
    logits, classes = segmentation(image, 5.0, torch.Generator().manual_seed(2))
    assert (logits.shape, classes.shape) == ((1, 3, 6, 7), (1, 6, 7))
    assert torch.equal(classes[0], (image * 2).round().long())
    assert (logits <= 0).all()
    assert (logits.argmax(1) == classes).double().mean() > 0.6
