"""A pooling's windows, winners and divisors are those of torch's own runs."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.experiments import pooling as runs
from core.experiments.refusals import UnsafeError
from core.experiments.windows import using
from tests.poolings import pooled, settings_of, some_settings


@settings(max_examples=60, deadline=None)
@given(some_settings, st.integers(2, 7), st.integers(2, 7), st.integers(0, 99))
def test_windows_winners_and_divisors_remake_torchs_outputs(given_, height, width, seed):
    x = torch.randint(-9, 10, (height, width), generator=torch.Generator().manual_seed(seed)).float()
    run = pooled(x, given_)
    assert torch.equal(run.max.output, F.max_pool2d(x[None], **runs.settings_of("max", given_))[0])
    average = F.avg_pool2d(x[None], **runs.settings_of("average", given_))[0]
    for pool in run.pools:
        for out in [tuple(cell) for cell in torch.ones_like(pool.output).nonzero().tolist()]:
            values = [x[cell].item() for cell in runs.window_cells(run, pool, out)]
            if pool.kind == "average":
                assert sum(values) / int(pool.divisors[out]) == pytest.approx(average[out].item(), abs=1e-5)
            elif values:
                assert x[pool.winner(out, width)].item() == max(values) == run.max.output[out].item()
            for at in runs.window_cells(run, pool, out):
                assert out in using(pool.windows, at)


@settings(max_examples=40, deadline=None)
@given(some_settings, st.integers(0, 99))
def test_an_input_wins_as_many_windows_as_its_gradient_says(given_, seed):
    x = torch.randint(0, 4, (6, 5), generator=torch.Generator().manual_seed(seed)).float()
    run = pooled(x, given_)
    assume(run.max.output.isfinite().all())
    grad = runs.gradient("max", run, torch.ones_like(run.max.output))
    for at in [(0, 0), (2, 3), (5, 4)]:
        assert len(runs.won_by(run, run.max, at)) == grad[at]


def test_the_nearest_run_goes_with_every_input_and_kernel():
    for k in range(1, 9):
        for stride in (None, 1, 4):
            run = runs.nearest(torch.ones(1, 1), settings_of(k, stride, 0, 3, True))
            assert run.max.output.numel() >= 1


def test_a_window_of_padding_alone_is_refused_in_our_own_words():
    x = torch.ones(2, 2)
    with pytest.raises(UnsafeError):
        runs.pool(x, settings_of(2, 1, 1, 3))
    found = runs.misfit(x, settings_of(2, 1, 1, 3))
    assert found is not None
    assert "Error: " not in found.refusal.says
    for name, value in found.refusal.mends:
        runs.pool(x, settings_of(2, 1, 1, 3) | {name: value})


def test_a_refusal_is_torchs_and_knows_the_span_of_a_window():
    x = torch.ones(6, 6)
    found = runs.misfit(x, settings_of(5, 2, 1, 3))
    with pytest.raises(RuntimeError) as theirs:
        F.max_pool2d(x[None], 5, 2, 1, 3)
    assert found is not None
    assert found.refusal.says == f"RuntimeError: {theirs.value}"
    assert (found.span, found.padded) == (13, (8, 8))
    assert dict(found.refusal.mends)["dilation"] == 1
    assert runs.misfit(x, settings_of()) is None


ODD = {
    "half": torch.arange(36.0).reshape(6, 6).half(), "bfloat16": torch.arange(36.0).reshape(6, 6).bfloat16(),
    "one element": torch.ones(1, 1), "one row": torch.arange(6.0)[None], "equal": torch.full((5, 5), 3.0),
    "zeros": torch.zeros(4, 4), "negative": -torch.arange(25.0).reshape(5, 5),
    "nan": torch.tensor([[1.0, torch.nan], [2.0, 3.0]]), "inf": torch.tensor([[1.0, torch.inf], [-torch.inf, 3.0]]),
    "photo": torch.rand(30, 40, generator=torch.Generator().manual_seed(0)),
}  # fmt: skip
ENDS = [settings_of(), settings_of(1, None, 0), settings_of(8, 4, 4, ceil=True), settings_of(3, 1, 1, counted=False)]


@pytest.fixture(params=ODD, ids=str)
def odd(request):
    return ODD[request.param]


@pytest.mark.parametrize("given_", ENDS, ids=str)
def test_the_facts_of_every_pitfall_are_torchs(odd, given_):
    run = runs.pool(odd, given_)
    unread = runs.ones_unread(run)
    assert (unread.maxima, unread.averages) == (0, 0)
    strides = runs.stride_one(run)
    assert strides.torchs == tuple(F.max_pool2d(runs.patch(run)[None], strides.kernel).shape[1:])
    lowest = runs.padding_is_lowest(run)
    assert lowest.largest == -1
    assert 0 < lowest.differ <= lowest.outputs
    for each in runs.divisors_differ(run).found:
        counted = {"ceil_mode": each.ceil_mode, "count_include_pad": each.count_include_pad}
        k, s, p = (getattr(runs.divisors_differ(run), name) for name in ("kernel", "stride", "padding"))
        ones, x = torch.ones(1, *odd.shape), odd.double()[None]
        divided = F.avg_pool2d(ones, k, s, p, divisor_override=1, ceil_mode=each.ceil_mode)
        average = F.avg_pool2d(ones, k, s, p, **counted)
        assert each.divisors == sorted(set((divided / average).round().int().flatten().tolist()))
        expected = F.avg_pool2d(x, k, s, p, **counted)[0, -1, -1].item()
        assert each.last == pytest.approx(expected, rel=1e-2, nan_ok=True)
    tied = runs.first_wins(run)
    assert torch.equal(tied.torchs, tied.manual)
    assert tied.torchs.flatten().tolist() == [1.0, *[0.0] * (tied.kernel**2 - 1)]
    assert torch.allclose(tied.amax, torch.full_like(tied.amax, 1 / tied.kernel**2))
    for rounded in runs.window_dropped(run).found:
        k = given_["kernel_size"]
        assert rounded.down <= rounded.given <= rounded.up
        x = torch.zeros(1, odd.shape[0], k)
        assert F.max_pool2d(x, k, rounded.stride, k // 2, ceil_mode=True).shape[1] == rounded.given
        assert F.max_pool2d(x, k, rounded.stride, k // 2).shape[1] == rounded.down


def test_shifts_are_torchs_and_of_equal_numbers_nothing(odd):
    run = runs.pool(odd, settings_of())
    facts = runs.not_invariant(run)
    x, moved = odd[None], odd.roll(1, 1)[None]
    before, after = (F.max_pool2d(each, 3, 2, 1) for each in (x, moved))
    assert facts.by_one.max.cells == int((~torch.isclose(before, after, rtol=0, atol=0, equal_nan=True)).sum())
    if odd.isfinite().all() and len(odd.unique()) == 1:
        assert facts.by_one.input.cells == facts.by_one.max.cells == facts.by_one.average.cells == 0


def test_the_tutorials_own_example():
    facts = runs.whole_numbers()
    x = torch.arange(9.0).reshape(1, 3, 3)
    assert facts.says.startswith("RuntimeError: ")
    assert facts.maxima == F.max_pool2d(x, 2, 1)[0].tolist()
    assert facts.averages == F.avg_pool2d(x, 2, 1)[0].tolist()
    assert facts.unknown == [[0, 0], [0, 0]]


@pytest.mark.parametrize("which", ["ones", "pinned", "counting"])
def test_flows_are_torchs_gradients(odd, which):
    run = runs.pool(odd, settings_of())
    for kind, flow in runs.flows(run, which, (0, 0)).items():
        leaf = odd.clone().requires_grad_()
        output = (F.max_pool2d if kind == "max" else F.avg_pool2d)(leaf[None], 3, 2, 1)[0]
        (grad,) = torch.autograd.grad(output, leaf, flow.came)
        torch.testing.assert_close(flow.went, grad, rtol=1e-2, atol=1e-3)
        assert flow.reached == int((grad != 0).sum())
        if kind == "max":
            assert flow.goes_on == pytest.approx(flow.arrives)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.float64])
def test_whole_numbers_become_floats_that_hold_them(dtype):
    x = torch.ones(2, 2).to(dtype)
    assert runs.floating(x).dtype == (dtype if dtype.is_floating_point else torch.float32)
    large = torch.tensor([[2**24 + 1]])
    assert runs.floating(large).long() == large
