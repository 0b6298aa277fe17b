"""Curves and bars."""

import numpy as np
import torch

from core.figures.curves import MOST_DECADES, Axis, bars, lines, powers
from tests.figures.checking import valid


def test_lines_with_targets():
    figure = lines({"a": (range(3), torch.tensor([1.0, 2, 3]))}, Axis("x", log=True), Axis("y"), targets={"goal": 2.0})
    drawn = valid(figure)
    assert [trace["name"] for trace in drawn["data"]] == ["a", "goal"]
    assert figure.data[1]["y"] == [2.0, 2.0] or list(figure.data[1]["y"]) == [2.0, 2.0]
    assert drawn["layout"]["xaxis"]["type"] == "log"


def test_numbers_travel_with_four_digits_and_keep_nan():
    figure = lines({"a": ([0, 1, 2], np.array([1.23456789, np.nan, 0.0]))}, Axis(), Axis())
    assert figure.data[0]["y"][0] == 1.235
    assert np.isnan(figure.data[0]["y"][1])


def test_bars_and_empty_series():
    valid(bars({"a": (["x", "y"], [1.0, 2.0])}, Axis(), Axis(), overlay=True))
    valid(lines({"a": ([], [])}, Axis(), Axis(), targets={"goal": 1.0}))


def test_a_logarithmic_axis_over_many_decades_has_few_ticks():
    runaway = lines({"a": (range(4), [1e-5, 1.0, 1e150, 1e203])}, Axis(), Axis(log=True))
    assert 208 / runaway.layout.yaxis.dtick <= MOST_DECADES
    near = lines({"a": (range(2), [0.5, 20.0]), "b": (range(2), [float("nan"), 0.0])}, Axis(), Axis(log=True))
    assert near.layout.yaxis.dtick == 1
    assert powers([[0.0, -1.0], [100.0, float("inf"), 0.01]]) == (-2, 2)
    assert powers([]) == (0, 0)
    assert lines({}, Axis(log=True), Axis(log=True, step=2.0)).layout.yaxis.dtick == 2
