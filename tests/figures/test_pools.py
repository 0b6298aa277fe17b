"""What is drawn and said of a pooling, and which cells hang together, proven by torch's own gradients."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from core.experiments import pooling as runs
from core.figures import board, pools
from core.figures.board import Board
from tests.linking import partners
from tests.poolings import pooled, settings_of, some_settings


def board_of(run: runs.Run) -> Board:
    parts = pools.equation(run, 800, 400)
    panels = [part if isinstance(part, board.Panel) else board.panel(part, 20) for part in parts]
    return Board(panels, [], pools.links(run), pools.sentences(run))


def reached(output: torch.Tensor, leaf: torch.Tensor) -> set[tuple[int, ...]]:
    (grad,) = torch.autograd.grad(output, leaf, retain_graph=True)
    return {tuple(index) for index in grad.nonzero().tolist()}


def within(cells: set, x: torch.Tensor) -> set:
    """The cells that are not padding."""
    return {cell for cell in cells if all(0 <= i < n for i, n in zip(cell, x.shape, strict=True))}


@settings(max_examples=40, deadline=None)
@given(some_settings, st.integers(2, 7), st.integers(2, 7), st.integers(0, 99))
def test_outputs_light_their_windows_and_winners_both_ways(given_, height, width, seed):
    x = torch.randperm(height * width, generator=torch.Generator().manual_seed(seed)).reshape(height, width).float()
    run = pooled(x, given_)
    leaf = x.clone().requires_grad_()
    highest = F.max_pool2d(leaf[None], **runs.settings_of("max", given_))[0]
    mean = F.avg_pool2d(leaf[None], **runs.settings_of("average", given_))[0]
    shown, source = board_of(run), pools.DENSE if runs.apart(run) else "x"
    for out in np.ndindex(*mean.shape):
        assert within(partners(shown, "average", out)[source], x) == reached(mean[out], leaf)
    wins: dict[tuple[int, ...], set] = {}
    for out in np.ndindex(*highest.shape):
        (winner,) = partners(shown, "max", out, "winner")["x"]
        assert {winner} == reached(highest[out], leaf)
        assert winner in partners(shown, "max", out)["x"]
        assert partners(shown, "max", out)["x"] == set(run_window(run, out))
        wins.setdefault(winner, set()).add(out)
    for at in np.ndindex(*x.shape):
        read = {out for out in np.ndindex(*highest.shape) if at in run_window(run, out)}
        assert partners(shown, "x", at)["max"] == read
        assert partners(shown, "x", at, "winner")["max"] == wins.get(at, set())


def run_window(run: runs.Run, out: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The window of a maximum by torch's definition, padding included."""
    k, p, d = (run.settings[name] for name in ("kernel_size", "padding", "dilation"))
    s = run.settings["stride"] or k
    return [(out[0] * s - p + a * d, out[1] * s - p + b * d) for a in range(k) for b in range(k)]


@settings(max_examples=30, deadline=None)
@given(some_settings, st.integers(0, 99))
def test_a_gradient_lights_where_it_goes(given_, seed):
    x = torch.randint(0, 9, (5, 6), generator=torch.Generator().manual_seed(seed)).float()
    run = pooled(x, given_)
    came = {pool.kind: torch.rand_like(pool.output) for pool in run.pools}
    went = {kind: runs.gradient(kind, run, came[kind]) for kind in came}
    parts = pools.backward(run, {kind: runs.Flow(kind, came[kind], went[kind]) for kind in came}, 800, 400)
    shown = Board([board.panel(part, 20) for part in parts], [], pools.backward_links(run))
    for at in np.ndindex(*x.shape):
        from_max = sum(came["max"][out].item() for out in partners(shown, "dx_max", at)["dmax"])
        assert from_max == pytest.approx(went["max"][at].item(), abs=1e-5)
        shares = (
            came["average"][out].item() / int(run.average.divisors[out])
            for out in partners(shown, "dx_average", at)["daverage"]
        )
        assert sum(shares) == pytest.approx(went["average"][at].item(), abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(some_settings, st.integers(0, 99))
def test_ties_and_divisors_are_counted_for_all_windows_at_once(given_, seed):
    x = torch.randint(0, 3, (5, 6), generator=torch.Generator().manual_seed(seed)).float()
    run = pooled(x, given_)
    for out in np.ndindex(*run.max.output.shape):
        held = [x[cell].item() for cell in run_window(run, out) if within({cell}, x)]
        assert runs.ties(run)[out] == held.count(max(held))
    said = pools.divisors(run)
    for place, out in enumerate(np.ndindex(*run.average.output.shape)):
        assert said[place] == pools.division(run, out)


@pytest.mark.parametrize("given_", [settings_of(), settings_of(stride=3), settings_of(ceil=True), settings_of(2, 2, 1)])
def test_padding_is_drawn_on_all_four_sides_and_blank(given_):
    run = runs.pool(torch.ones(6, 6), given_)
    x = pools.equation(run, 800, 400)[0]
    edges = [x.values.shape[d] - 1 for d in (0, 1)]
    for corner in [(0, 0), (0, edges[1]), (edges[0], 0), tuple(edges)]:
        assert corner in x.muted
        assert x.texts[corner[0] * x.values.shape[1] + corner[1]] == ""
    assert len(x.texts) - x.texts.count("") == 36


def test_an_image_lights_its_windows_and_winners():
    x = torch.rand(20, 24)
    run = runs.pool(x, settings_of())
    shown = board_of(run)
    leaf = x.clone().requires_grad_()
    highest = F.max_pool2d(leaf[None], 3, 2, 1)[0]
    assert partners(shown, "max", (4, 5), "winner")["x"] == reached(highest[4, 5], leaf)
    assert len(partners(shown, "max", (0, 0))["x"]) == 4, "padding is no cell of an image"
    assert partners(shown, "max", (4, 5))["average"] == {(4, 5)}


def test_a_dropped_window_is_said():
    assert "dropped: **2**" in pools.sizes((6, 6), settings_of(stride=4, ceil=True))
    assert "= 3$" in pools.sizes((6, 6), settings_of())


def test_the_size_is_filled_in_once_unless_dilation_sets_the_two_poolings_apart():
    once, twice = pools.sizes((6, 6), settings_of()), pools.sizes((6, 6), settings_of(dilation=2))
    assert [text.count("frac") for text in (once, twice)] == [2, 3], "the general formula, and with the numbers"
    assert [kind in text for text in (once, twice) for kind in ("max: ", "average: ")] == [False, False, True, True]
