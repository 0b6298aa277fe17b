"""Paths over a surface."""

import numpy as np
import torch

from core.figures.surface import spread, walked
from tests.figures.checking import valid


def test_paths_lie_where_their_points_are():
    x, y = torch.linspace(-2, 2, 9), torch.linspace(-1, 3, 5)
    z = x[None, :] ** 2 + y[:, None] ** 2
    paths = {"SGD": [(1.0, 2.0), (0.5, 1.0)], "Adam": [(1.0, 2.0)], "none": []}
    figure = walked(x, y, z, paths, title="t")
    drawn = valid(figure)
    surface, sgd, adam, none, start = figure.data
    assert surface["z"].shape == (5, 9)
    assert (sgd["x"].tolist(), sgd["y"].tolist()) == ([1, 0.5], [2, 1])
    assert (adam["x"].tolist(), none["x"].tolist()) == ([1], [])
    assert (start["x"][0], start["y"][0]) == (1, 2)
    assert drawn["layout"]["xaxis"]["range"] == [-2, 2]
    assert drawn["layout"]["yaxis"]["range"] == [-1, 3]
    assert [trace.get("name") for trace in drawn["data"][1:4]] == ["SGD", "Adam", "none"]


def test_spread_keeps_the_order_and_starts_at_zero():
    z = torch.tensor([5.0, -3.0, 1e6, -2.9])
    made = spread(z)
    assert made.min() == 0
    assert torch.equal(made.argsort(), z.argsort())
    assert np.isfinite(made.numpy()).all()
