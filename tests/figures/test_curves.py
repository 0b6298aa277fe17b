"""Curves and bars."""

import numpy as np
import torch

from core.figures.curves import Axis, bars, lines
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
