"""What is drawn and said of a pooling: windows, winners and divisors are those of torch's own runs."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.figures import colour, pools
from core.ops.pooling import change, shifted


def settings_of(kernel=3, stride=2, padding=1, dilation=1, ceil=False, counted=True) -> dict:
    return {
        "kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil,
        "count_include_pad": counted,
    }  # fmt: skip


def pooled(x, given) -> pools.Run:
    try:
        return pools.pool(x, given)
    except RuntimeError:
        assume(False)
        raise


some_settings = st.builds(
    settings_of, st.integers(2, 4), st.sampled_from([None, 1, 2, 3]), st.integers(0, 1), st.integers(1, 2),
    st.booleans(), st.booleans(),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(some_settings, st.integers(2, 7), st.integers(2, 7), st.integers(0, 99))
def test_windows_winners_and_divisors_remake_torchs_outputs(given_, height, width, seed):
    x = torch.randint(-9, 10, (height, width), generator=torch.Generator().manual_seed(seed)).float()
    run = pooled(x, given_)
    assert torch.equal(run.max.output, F.max_pool2d(x[None], **pools.settings_of("max", given_))[0])
    average = F.avg_pool2d(x[None], **pools.settings_of("average", given_))[0]
    for pool in run.pools:
        for out in [tuple(cell) for cell in torch.ones_like(pool.output).nonzero().tolist()]:
            values = [x[cell].item() for cell in pools.window_cells(run, pool, out)]
            if pool.kind == "average":
                assert sum(values) / int(pool.divisors[out]) == pytest.approx(average[out].item(), abs=1e-5)
            elif values:
                assert x[pool.winner(out, width)].item() == max(values) == run.max.output[out].item()
            for at in pools.window_cells(run, pool, out):
                assert out in pool.windows.using(at)


@settings(max_examples=40, deadline=None)
@given(some_settings, st.integers(0, 99))
def test_an_input_wins_as_many_windows_as_its_gradient_says(given_, seed):
    x = torch.randint(0, 4, (6, 5), generator=torch.Generator().manual_seed(seed)).float()
    run = pooled(x, given_)
    assume(run.max.output.isfinite().all())
    grad = pools.gradient("max", run, torch.ones_like(run.max.output))
    for at in [(0, 0), (2, 3), (5, 4)]:
        assert len(pools.won_by(run, run.max, at)) == grad[at]


def test_outlines_mark_the_window_and_its_winner():
    x = torch.arange(36.0).reshape(6, 6)
    run = pools.pool(x, settings_of())
    window, winner = pools.input_outlines(run, run.max, (1, 1), None)
    assert (window.colour, winner.colour) == (colour.USED, colour.PICKED)
    assert len(window.cells) == 9
    assert list(winner.cells) == [(4, 4)]  # input[3, 3] is the largest; the padding comes first
    (inside,) = pools.input_outlines(run, run.average, (1, 1), None, padded=False)
    assert (3, 3) in inside.cells
    assert pools.output_outlines(run, run.max, None, (3, 3))[0].colour == colour.PICKED


def test_padding_is_written_as_what_it_counts_for():
    x = torch.ones(6, 6)
    run = pools.pool(x, settings_of(ceil=True))
    texts = pools.input_picture(run, run.average, (0, 0), None).texts
    assert (texts[0], texts[-1]) == ("0", "–")
    assert pools.input_picture(run, run.max, (0, 0), None).texts[0] == "-∞"
    without = pools.pool(x, settings_of(counted=False))
    assert pools.input_picture(without, without.average, (0, 0), None).texts[0] == "–"


def test_a_window_of_padding_alone_is_refused():
    with pytest.raises(RuntimeError, match="padding alone"):
        pools.pool(torch.ones(2, 2), settings_of(2, 1, 1, 3))


def test_a_dropped_window_is_said():
    assert "dropped: **2**" in pools.sizes((6, 6), settings_of(stride=4, ceil=True))
    assert "= 3$" in pools.sizes((6, 6), settings_of())


def test_a_change_counts_cells_and_leaves_equal_infinities_out():
    before = torch.tensor([3.0, 4.0, -torch.inf])
    found = change(before, torch.tensor([3.0, 9.0, -torch.inf]))
    assert (found.cells, found.relative) == (1, 1.0)
    assert change(torch.zeros(3), torch.zeros(3)).relative == 0
    x = torch.arange(6).reshape(2, 3)
    assert shifted(x, 1, 1).tolist() == [[5, 3, 4], [2, 0, 1]]
