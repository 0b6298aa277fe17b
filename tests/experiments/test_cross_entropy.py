"""Cross entropy: the facts that the page states, against torch, on input that nobody planned."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from core.experiments import cross_entropy as runs

nan, inf = torch.nan, torch.inf
INPUTS = {
    "example": runs.example(3, 4, 0), "integers": torch.tensor([[1, 2], [3, 4]]),
    "bools": torch.tensor([[True, False]]), "vector": torch.tensor([1.0, 2, 3]),
    "half": runs.example(3, 4, 1).half(), "bfloat16": runs.example(2, 3, 2).bfloat16(),
    "double": runs.example(2, 3, 3).double(), "one": torch.tensor([[5.0]]), "equal": torch.zeros(2, 3),
    "negative": torch.tensor([[-1.0, -3.0], [-2.0, -2.5]]), "nan": torch.tensor([[nan, 1.0], [0, 1]]),
    "inf": torch.tensor([[inf, 1.0], [0, -inf]]), "masked": torch.tensor([[0, -inf, -inf], [-inf, -inf, -inf]]),
    "far": torch.tensor([[100.0, -100.0]]), "enormous": torch.tensor([[3e38, -3e38]]),
    "sums to 1": torch.tensor([[0.5, 0.5]]),
}  # fmt: skip
every_input = pytest.mark.parametrize("x", INPUTS.values(), ids=INPUTS)


def settings_of(x):
    """Settings at the ends of every control, with the first target ignored, and with weights of all signs."""
    classes = x.shape[1]
    first = int(runs.example_targets(x)[0])
    counting = torch.arange(1.0, classes + 1).to(x.dtype)
    return [
        {}, {"smoothing": 1.0}, {"smoothing": 0.1, "weight": counting}, {"ignore_index": first, "reduction": "sum"},
        {"weight": torch.zeros(classes, dtype=x.dtype)}, {"weight": -counting, "reduction": "none", "smoothing": 1.0},
        {"weight": counting, "ignore_index": first, "smoothing": 0.3},
    ]  # fmt: skip


def torchs(x, y, weight=None, ignore_index=-100, reduction="mean", smoothing=0.0):
    return F.cross_entropy(x, y, weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=smoothing)


def close(ours, theirs, rtol=2e-3):
    exact = theirs.dtype in (torch.float32, torch.float64)
    torch.testing.assert_close(
        ours.double(), theirs.double(), rtol=1e-4 if exact else 4 * rtol, atol=1e-6 if exact else 2e-2, equal_nan=True
    )


@every_input
def test_a_run_is_torchs_and_its_parts_make_it(x):
    x = runs.logits(x).x
    y = runs.example_targets(x)
    for given_ in settings_of(x):
        run = runs.run(x, y, **given_)
        leaf = x.clone().requires_grad_()
        loss = torchs(leaf, y, **given_)
        loss.sum().backward()
        close(run.loss, loss.detach())
        close(run.grad, leaf.grad)
        finite = run.log_p.isfinite().all(1)
        by_hand = -(run.share * run.log_p).sum(1)[finite]
        close(by_hand, torchs(x, y, **{**given_, "reduction": "none"})[finite])
        off = run.share if run.class_by_class else run.target
        equation = run.factor * run.p - off if run.class_by_class else run.factor * (run.p - off)
        if run.divisor:
            close((equation / run.divisor)[finite], leaf.grad[finite])


@pytest.mark.parametrize(("y", "ignored"), [([-100, 2, 0], -100), ([255, 2, 255], 255), ([-1, -1, -1], -1)])
def test_ignored_targets_are_taken_and_neither_weigh_nor_cost(y, ignored):
    x, y = runs.example(3, 4, 0), torch.tensor(y)
    assert runs.misfit(x, y, None, ignored) is None
    run = runs.run(x, y, torch.tensor([2.0, 2, 2, 2]), ignored)
    left_out = y == ignored
    close(run.loss, torchs(x, y, torch.full((4,), 2.0), ignored))
    assert run.weights[left_out].tolist() == run.losses[left_out].tolist() == [0.0] * int(left_out.sum())
    assert run.divisor == 2.0 * int((~left_out).sum())
    assert math.isnan(run.loss.item()) == bool(left_out.all())


@pytest.mark.parametrize(
    ("y", "weight", "of_weights", "outside"),
    [([0, 1], None, False, None), ([0, 1, 255], None, False, 255), ([0, 1, 2], torch.ones(3), True, None)],
)
def test_what_torch_refuses_is_told_apart_and_in_its_words(y, weight, of_weights, outside):
    x, y = runs.example(3, 4, 0), torch.tensor(y)
    found = runs.misfit(x, y, weight, -100)
    with pytest.raises((ValueError, IndexError, RuntimeError)) as refusal:
        F.cross_entropy(x, y, weight)
    assert found.words == f"{refusal.type.__name__}: {str(refusal.value).splitlines()[0]}"
    assert (found.targets, found.of_weights, found.outside) == (len(y), of_weights, outside)


@every_input
def test_logits_keep_their_dtype_where_torch_takes_it(x):
    found = runs.logits(x)
    assert found.x.dtype == (x.dtype if x.is_floating_point() else torch.float32)
    assert bool(found.refused) != x.is_floating_point()
    assert found.x.shape == (x if x.dim() == 2 else x[None]).shape


def test_the_examples_targets_are_the_likeliest_the_second_and_the_last():
    x = torch.tensor([[1.0, 3, 2, 0], [1, 3, 2, 0], [1, 3, 2, 0], [0, 1, 2, 3]])
    assert runs.example_targets(x).tolist() == [1, 2, 3, 3]
    assert runs.example_targets(torch.ones(3, 1)).tolist() == [0, 0, 0]


# ---- pitfalls ----------------------------------------------------------------------------------------------------


@every_input
def test_pitfalls_state_what_torch_gives(x):
    x = runs.logits(x).x
    run = runs.run(x, runs.example_targets(x))
    samples = runs.samples(run)
    x, y = samples.x, samples.y
    assert x.isfinite().all()
    assert samples.given == len(run.x)
    loss = F.cross_entropy(x, y).item()

    without = runs.tutorials_loss(x, y)
    assert without.shape == (len(x), 1)
    assert bool(without.refused) == (len(x) > 1)
    assert without.torchs == loss
    assert without.slope_of_sum == pytest.approx(len(x) * without.slope_of_mean, rel=1e-4)

    twice = runs.softmax_first(x, y)
    assert (twice.once, twice.twice) == (loss, F.cross_entropy(x.softmax(1), y).item())
    assert twice.perfect == pytest.approx(math.log(1 + twice.wrong_classes / math.e), rel=1e-5)

    zero = runs.log_of_zero(x)
    if x.shape[1] > 1:
        assert (zero.loss_in_two, zero.nan_in_one) == (inf, 0)
        assert zero.nan_in_two > 0
        assert zero.below <= zero.loss_in_one <= zero.below + math.log(x.shape[1])
    else:
        assert zero.loss_in_two == zero.loss_in_one == 0

    nll = runs.no_log(x, y)
    assert nll.of_log_probabilities == pytest.approx(loss, rel=1e-5, abs=1e-6)
    assert nll.of_logits == pytest.approx(-x[range(len(y)), y].mean().item(), rel=1e-5, abs=1e-6)

    weighted = runs.weighted_mean(x, y)
    assert weighted.torchs == pytest.approx(weighted.by_weights, rel=1e-5, abs=1e-6)
    assert weighted.doubled == pytest.approx(weighted.torchs, rel=1e-5, abs=1e-6)
    assert weighted.by_n * len(y) == pytest.approx(weighted.by_weights * sum(weighted.of_targets), rel=1e-5, abs=1e-6)

    ignored = runs.ignored_sample(x, y)
    assert (ignored.gradient, math.isnan(ignored.all_ignored)) == (0, True)
    if len(y) > 1:
        assert ignored.torchs == pytest.approx(F.cross_entropy(x[1:], y[1:]).item(), rel=1e-5, abs=1e-6)
        assert ignored.by_n * len(y) == pytest.approx(ignored.summed)

    sums = runs.row_sums(x)
    assert sums.softmax == pytest.approx([1] * len(sums.softmax))
    assert sums.softmax_moved < 1e-12


@pytest.mark.parametrize("classes", [1, 2, 4, 10])
@pytest.mark.parametrize("smoothing", [0.05, 0.5, 1.0])
def test_no_prediction_costs_less_than_the_floor(classes, smoothing):
    found = runs.smoothed_floor(classes, smoothing)
    logits = torch.linspace(-20, 20, 4001, dtype=torch.float64)[:, None] * F.one_hot(torch.tensor([0]), classes)
    losses = F.cross_entropy(logits, torch.zeros(4001, dtype=torch.int64), reduction="none", label_smoothing=smoothing)
    assert min(losses.min().item(), *found.losses) >= found.floor - 1e-9
    assert losses.min().item() == pytest.approx(found.floor, abs=1e-4)
    surest = logits[losses.argmin()].softmax(0)[0].item()
    assert surest == pytest.approx(found.best, abs=0.01)


@pytest.mark.parametrize("weight", [[1.0, 1.0, 1.0, 1.0], [0.0, 0, 0, 0], [-1.0, 2, 1, 4]])
def test_weights_on_screen_are_the_ones_that_are_tried(weight):
    x = runs.example(3, 4, 0)
    y = runs.example_targets(x)
    found = runs.weighted_mean(x, y, torch.tensor(weight))
    assert found.weights == weight
    assert found.torchs == pytest.approx(F.cross_entropy(x, y, torch.tensor(weight)).item(), nan_ok=True)


def test_convex_in_the_logits_and_not_in_the_weights():
    x = runs.example(3, 4, 0)
    found = runs.convexity(x, runs.example_targets(x))
    assert found.above_in_logits == 0 < found.above_in_weights
    assert found.losses == sorted(found.losses, reverse=True)
    assert found.losses[-1] > 0
    one = runs.convexity(torch.ones(2, 1), torch.tensor([0, 0]))
    assert (one.above_in_logits, one.above_in_weights, one.losses) == (0, 0, [0, 0, 0])
    assert runs.chords_above(lambda a: -a.square().sum(1), 3) == 200


def test_losses_of_many_points_are_torchs_one_by_one():
    generator = torch.Generator().manual_seed(0)
    y = torch.tensor([0, 2, 1])
    flat = torch.randn(4, 9, generator=generator, dtype=torch.float64)
    expected = torch.stack([F.cross_entropy(row.view(3, 3), y) for row in flat])
    torch.testing.assert_close(runs.loss_of_logits(flat, y), expected)
    X = torch.randn(3, 2, generator=generator, dtype=torch.float64)
    flat = torch.randn(4, 2 * 5 + 5 + 5 * 3 + 3, generator=generator, dtype=torch.float64)
    for row, loss in zip(flat, runs.loss_of_weights(flat, X, y, (2, 5, 3)), strict=True):
        W1, b1, W2, b2 = row[:10].view(2, 5), row[10:15], row[15:30].view(5, 3), row[30:]
        torch.testing.assert_close(loss, F.cross_entropy(torch.relu(X @ W1 + b1) @ W2 + b2, y))


# ---- ways, curves, questions -------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 8), st.integers(1, 6), st.integers(0, 999))
def test_all_ways_are_equal(n, c, seed):
    generator = torch.Generator().manual_seed(seed)
    x, y = 3 * torch.randn(n, c, generator=generator), torch.randint(c, (n,), generator=generator)
    torch.testing.assert_close(runs.four_steps(x, y), F.cross_entropy(x, y))
    for way in runs.equal_ways(x, y):
        assert way.loss == pytest.approx(F.cross_entropy(x, y).item(), rel=1e-4, abs=1e-5), way.name
        assert max(way.apart, way.gradient_apart) < 1e-4, way.name


def test_four_steps_fail_where_a_probability_is_0():
    assert runs.four_steps(torch.tensor([[0.0, 80, -80]]), torch.tensor([2])) == torch.inf


@every_input
def test_curves_pass_through_the_sample(x):
    x = runs.logits(x).x
    run = runs.run(x, runs.example_targets(x), smoothing=0.2)
    for i in range(len(x)):
        one, two = runs.over_one_logit(run, i), runs.over_two_logits(run, i, 0)
        assert (one.target, two.target, one.now) == (
            int(run.y[i]),
            int(run.y[i]),
            pytest.approx(two.now[0], nan_ok=True),
        )
        near = (one.z - one.now).abs().argmin()
        if abs(one.z[near] - one.now) < 1e-6:
            assert one.loss[near].item() == pytest.approx(run.losses[i].item(), rel=1e-3)


def test_questions_are_answered_by_torch():
    found = runs.prediction(0.25, 4)
    x = torch.tensor([[math.log(0.25), math.log(0.75)]] * 4, requires_grad=True)
    loss = F.cross_entropy(x, torch.zeros(4, dtype=torch.int64))
    loss.backward()
    assert found.cost == pytest.approx(loss.item())
    assert found.slope == pytest.approx(x.grad[0, 0].item())
    assert (found.slope_elsewhere, runs.clueless(10)) == (pytest.approx(0.25 / 4), pytest.approx(math.log(10)))
    assert runs.weighted_pair((0.5, 2.0), (1.0, 4.0)) == pytest.approx((0.5 + 8) / 5)
