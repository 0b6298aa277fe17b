"""Contours of a function of two numbers."""

import torch

from core.figures.loss_surface import contours
from tests.figures.checking import valid


def test_the_values_stand_where_their_places_are():
    x, y = torch.linspace(-1, 1, 5), torch.linspace(0, 1, 3)
    figure = contours(x, y, x[None, :] + 10 * y[:, None], ("a", "b"), title="t", points={"here": (0.5, 0.25)})
    drawn = valid(figure)
    assert figure.data[0]["z"].shape == (3, 5)
    assert figure.data[0]["z"][2, 0] == 9
    assert drawn["data"][1]["text"] == ["here"]
    assert (figure.data[1]["x"][0], figure.data[1]["y"][0]) == (0.5, 0.25)
