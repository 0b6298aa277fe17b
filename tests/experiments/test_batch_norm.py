"""What the batch norm page finds out is what torch does, for every norm and mode and whatever is typed."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from core.experiments import batch_norm as runs
from core.tensors.dtypes import as_floats

INPUTS = {
    "images": runs.example((3, 4, 2, 2), 0),
    "rows": runs.example((5, 4), 1),
    "signals": runs.example((2, 4, 3), 2),
    "one row": torch.tensor([[1.0, -2, 3, 0]]),
    "one image": runs.example((1, 4, 2, 2), 3),
    "two rows": torch.tensor([[1.0, 2, 3, 4], [5, 6, 7, 9]]),
    "equal rows": torch.ones(3, 4),
    "zeros": torch.zeros(3, 4),
    "integers": torch.arange(12).reshape(3, 4),
    "half": runs.example((3, 4), 4).half(),
    "double": runs.example((3, 4), 5).double(),
    "not finite": torch.tensor([[1.0, 2, 3, 4], [torch.nan, torch.inf, 7, 9], [0, 0, 1, -1]]),
}
every_input = pytest.mark.parametrize("x", INPUTS.values(), ids=INPUTS.keys())
every_kind = pytest.mark.parametrize("kind", runs.KINDS)


def setup(kind="batch", training=True, channels=4, **more):
    settings = {"momentum": 0.3, "eps": 1e-5, "gamma": 1.5, "beta": -1.0} | more
    running = torch.linspace(-1, 1, channels), torch.linspace(0.5, 2, channels)
    return runs.Setup(kind, 2, training, *settings.values(), *running)


@every_input
@every_kind
@pytest.mark.parametrize("training", [True, False])
def test_the_run_is_torchs(x, kind, training):
    run = runs.run(x, setup(kind, training))
    try:
        runs.call(x, run.setup).of(runs.TORCHS[kind])
        said = ""
    except (ValueError, RuntimeError) as refused:
        said = f"{type(refused).__name__}: {refused}"
    assert run.refusal == said
    if run.steps is None:
        with pytest.raises(ValueError, match="Expected more than 1"):
            runs.call(run.x, run.setup).of(runs.TORCHS[kind])
        return
    expected = runs.call(run.x, run.setup).of(runs.TORCHS[kind])
    limit = 1e-2 if x.dtype == torch.half else 1e-4
    torch.testing.assert_close(run.steps.output.to(expected.dtype), expected, rtol=limit, atol=limit, equal_nan=True)
    for cell in [(0,) * x.dim(), tuple(n - 1 for n in x.shape)]:
        found = runs.group(run, cell)
        numbers = run.x[run.marks == run.marks[cell]].double()
        assert found.size * found.groups == x.numel()
        assert (found.own_mean, found.own_var) == pytest.approx(
            (numbers.mean().item(), numbers.var(correction=0).item()), nan_ok=True
        )
        if not run.setup.reads_running:
            assert (found.mean, found.var) == pytest.approx((found.own_mean, found.own_var), abs=1e-3, nan_ok=True)
        after = expected[run.marks == run.marks[cell]].double()
        assert found.out_mean == pytest.approx(after.mean().item(), abs=0.01, nan_ok=True)


@every_input
@pytest.mark.parametrize("training", [True, False])
def test_this_batch_moves_what_torchs_module_moves(x, training):
    run = runs.run(x, setup(training=training))
    if run.steps is None:
        return
    module = nn.BatchNorm1d(4, momentum=0.3, dtype=run.x.dtype)
    module.running_mean.copy_(run.setup.running_mean)
    module.running_var.copy_(run.setup.running_var)
    module.train(training)(run.x.flatten(2) if x.dim() > 2 else run.x)
    found = runs.moved(run)
    torch.testing.assert_close(found.new_mean, module.running_mean, equal_nan=True)
    torch.testing.assert_close(found.new_var, module.running_var, equal_nan=True)
    assert found.n == x.numel() // 4


@pytest.mark.parametrize("momentum", ["0", "0.1", "1", "None"])
def test_the_history_is_torchs_modules(momentum):
    module = nn.BatchNorm1d(3, momentum=None if momentum == "None" else float(momentum))
    generator = torch.Generator().manual_seed(7)
    history = runs.other_batches(3, momentum, 8, 7)
    assert torch.equal(history.running_mean[0], torch.zeros(3))
    for step in range(12):
        module(batch := runs.source((8, 3), generator))
        torch.testing.assert_close(history.running_mean[step + 1], module.running_mean)
        torch.testing.assert_close(history.running_var[step + 1], module.running_var)
        torch.testing.assert_close(history.mean[step], batch.mean(0))
    assert (history.first(5).steps, len(history.first(5).running_mean)) == (5, 6)
    assert history.first(0).running_var[-1].tolist() == [1, 1, 1]


@every_input
def test_a_readers_batch_over_and_over_comes_to_its_own_statistics(x):
    history = runs.same_batch(x, "0.5", 60)
    numbers = as_floats(x).transpose(0, 1).flatten(1)
    if numbers.shape[1] == 1:
        assert history.steps == 0
        return
    assert history.steps == 60
    torch.testing.assert_close(history.running_mean[-1], numbers.mean(1), rtol=0.01, atol=0.01, equal_nan=True)
    torch.testing.assert_close(
        torch.tensor(history.true_var), numbers.var(1).float(), rtol=0.01, atol=0.01, equal_nan=True
    )


@every_input
def test_pitfalls_hold_on_every_input(x):
    floats = as_floats(x)
    channel, n = floats[:, 0].flatten(), runs.per_channel(x)
    limit = (
        {"rel": 1e-2, "abs": 1e-2, "nan_ok": True}
        if x.dtype == torch.half
        else {"rel": 1e-4, "abs": 1e-5, "nan_ok": True}
    )
    mean, refused = channel.mean().item(), n == 1
    found = runs.turned_momentum(x)
    assert bool(found.refusal) == refused
    if not refused:
        assert (found.tutorials, found.same, found.other) == pytest.approx(
            (0.1 * mean, 0.9 * mean, 0.1 * mean), **limit
        )
        var = runs.biased(x)
        assert (var.n, var.tutorials) == (n, pytest.approx(channel.var(correction=0).item(), **limit))
        assert var.torchs == pytest.approx(channel.var().item(), **limit)
    shapes = runs.channels_dimension(x)
    assert math.prod(shapes.means) == 4
    assert shapes.over_dim_0 == tuple(x.shape[1:])
    parts = runs.mean_of_means(x)
    assert sum(parts.sizes) == n
    assert parts.mean == pytest.approx(mean, **limit)
    if len(set(parts.sizes)) == 1 and math.isfinite(mean):
        assert parts.mean_of_means == pytest.approx(parts.mean)
    one = runs.batch_of_one(x)
    assert one.each == n // len(x)
    assert bool(one.whole) == (one.each == 1)
    with pytest.raises(ValueError, match="Expected more than 1 value per channel") as said:
        F.batch_norm(torch.ones(1, 4), None, None, training=True)
    assert one.refusal == f"ValueError: {said.value}"
    assert all(value == 0 or not math.isfinite(value) for value in one.tutorials)


@every_input
def test_forgetting_eval(x):
    found = runs.forgotten_eval(x, setup())
    if found.refusal:
        assert runs.per_channel(x) == 1
        return
    floats = as_floats(x)
    mean, var = (t.to(floats.dtype) for t in (setup().running_mean, setup().running_var))
    expected = F.batch_norm(floats, mean.clone(), var.clone())
    trained = F.batch_norm(floats, mean, var, training=True)
    assert found.differ == (~torch.isclose(expected, trained, equal_nan=True)).sum()
    assert found.trained == pytest.approx(mean[0].item(), nan_ok=True)
    assert (found.before, found.evaluated) == (-1, -1)
    assert not found.alone_differs
    assert math.isfinite(found.largest)


@pytest.mark.parametrize(
    ("kind", "training", "depends"),
    [("batch", True, True), ("batch", False, False), ("layer", True, False), ("group", True, False)],
)
def test_which_norm_hangs_on_the_other_samples(kind, training, depends):
    assert runs.depends_on_others(kind, training) == depends


def test_means_and_a_moved_mean():
    shape = (5, 6, 3, 4)
    assert [runs.means_of(kind, shape, 3) for kind in runs.KINDS] == [6, 5, 30, 15]
    assert runs.mean_after(setup(), 0, 4.0) == pytest.approx(0.7 * -1 + 0.3 * 4)
