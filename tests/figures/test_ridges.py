"""Histograms below each other."""

import math

import numpy as np
import pytest
import torch

from core.figures.ridges import TALL, Histogram, Ridge, histogram, outline, ridges
from tests.figures.checking import valid


def apart(line):
    """The ridges of a line with gaps."""
    return [part[~np.isnan(part)] for part in np.split(line, np.flatnonzero(np.isnan(line)))]


def test_an_outline_steps_over_the_bins_and_closes():
    x, y = outline(Histogram((1, 4, 0), -1.0, 2.0))
    assert x.tolist() == [-1, -1, 0, 0, 1, 1, 2, 2]
    assert y.tolist() == pytest.approx([0, TALL / 4, TALL / 4, TALL, TALL, 0, 0, 0], abs=1e-3)


def test_on_its_own_scale_it_runs_over_the_whole_width():
    x, _ = outline(Histogram((1, 2), 1e-9, 3e-9), own_scale=True)
    assert (x[0], x[-1]) == (0, 1)


def test_without_a_count_it_is_flat():
    _, y = outline(Histogram((0, 0), 0.0, 1.0))
    assert not y.any()


def test_ridges_stand_from_the_top_down_and_series_over_each_other():
    rows = [Ridge(f"layer {i}", histogram(torch.randn(100) * i, 8)) for i in (1, 2, 3)]
    figure = ridges({"a": rows, "b": rows}, "value", title="t")
    drawn = valid(figure)
    assert [trace["name"] for trace in drawn["data"]] == ["a", "b"]
    for trace in figure.data:
        assert [y.min() for y in apart(trace["y"])] == pytest.approx([0, -1, -2])
    assert drawn["layout"]["yaxis"]["ticktext"] == ["layer 1", "layer 2", "layer 3"]
    assert drawn["layout"]["showlegend"] is True
    assert valid(ridges({"a": rows}, "value"))["layout"]["showlegend"] is False


def test_a_ridge_that_holds_few_of_its_numbers_is_low():
    drawn = ridges(
        {"a": [Ridge("all", Histogram((1, 2), 0, 1)), Ridge("half", Histogram((1, 2), 0, 1), 0.5)]}, "x"
    ).data
    whole, half = apart(drawn[0]["y"])
    assert whole.max() == pytest.approx(TALL, abs=1e-3)
    assert half.max() == pytest.approx(-1 + TALL / 2, abs=1e-3)


def test_a_histogram_to_a_reach_counts_what_lies_within():
    assert histogram(torch.tensor([-3.0, -0.5, 0.5, 0.6]), 2, 1.0) == Histogram((1, 2), -1.0, 1.0)


def test_histogram_leaves_out_what_is_not_finite():
    counted = histogram(torch.tensor([0.0, 1.0, 1.0, math.inf, math.nan]), bins=2)
    assert counted == Histogram((1, 2), 0.0, 1.0)
    assert sum(histogram(torch.tensor([math.nan])).counts) == 0
