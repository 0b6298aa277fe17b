"""A pooling's windows, winners and divisors are those of torch's own runs."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.experiments import pooling as runs
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


def test_a_window_of_padding_alone_is_refused():
    with pytest.raises(RuntimeError, match="padding alone"):
        runs.pool(torch.ones(2, 2), settings_of(2, 1, 1, 3))
