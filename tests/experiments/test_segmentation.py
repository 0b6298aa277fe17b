"""Cross entropy of every pixel: the facts that the page states, against torch."""

import math

import pytest
import torch
import torch.nn.functional as F

from core.experiments import segmentation as runs


@pytest.mark.parametrize("sure", [0.0, 6.0, 20.0])
@pytest.mark.parametrize("ignored", [-100, 0, 1, 2])
def test_a_run_is_torchs_as_image_and_as_list(sure, ignored):
    run = runs.run(7, sure, ignored, 0)
    loss = F.cross_entropy(run.x, run.y, ignore_index=ignored)
    torch.testing.assert_close(run.loss, loss)
    assert run.of_list == pytest.approx(loss.item(), rel=1e-5)
    assert run.counted == int((run.y != ignored).sum())
    assert run.losses.sum().item() == pytest.approx(loss.item() * run.counted, rel=1e-4)


@pytest.mark.parametrize("sure", [0.0, 6.0, 20.0])
def test_pitfalls_state_what_torch_gives(sure):
    run = runs.run(0, sure, -100, 0)
    x, y, loss = run.x, run.y, F.cross_entropy(run.x, run.y).item()
    last = runs.channels_last(x, y)
    with pytest.raises(RuntimeError) as refusal:
        F.cross_entropy(x.permute(0, 2, 3, 1), y)
    assert last.refused.endswith(str(refusal.value).splitlines()[0])
    assert last.loss == pytest.approx(loss)
    listed = runs.pixel_list(x, y)
    assert (listed.image, listed.permuted) == (loss, pytest.approx(loss))
    assert (listed.reshaped == pytest.approx(loss, rel=1e-6)) == (sure == 0)
    assert listed.mixed > 0.9 * listed.rows
    means = runs.mean_of_classes(x, y)
    assert sum(n * cost for n, cost in zip(means.counts, means.costs, strict=True)) / y.numel() == pytest.approx(loss)
    assert means.over_classes == pytest.approx(sum(means.costs) / len(means.costs))


def test_the_surest_guess_without_noise_is_right():
    image = torch.rand(6, 7, generator=torch.Generator().manual_seed(1))
    logits, classes = runs.segmentation(image, 5.0, torch.Generator().manual_seed(2))
    assert (logits.shape, classes.shape) == ((1, 3, 6, 7), (1, 6, 7))
    assert torch.equal(classes[0], (image * 2).round().long())
    assert (logits <= 0).all()
    assert (logits.argmax(1) == classes).double().mean() > 0.6


def test_questions_are_answered_by_torch():
    found = runs.batch(2, 5, 8, ignored=9)
    assert (found.logits, found.targets, found.losses) == ((2, 5, 8, 8), (2, 8, 8), 2 * 64 - 9)
    assert found.clueless == pytest.approx(math.log(5))
