"""Galleries of small images."""

import base64

import numpy as np
import pytest
import torch

from core.figures import colour
from core.figures.gallery import GAP, gallery, panel, signed_bytes, tiled
from core.figures.heatmap import Picture, draw
from tests.figures.checking import valid


@pytest.mark.parametrize(("n", "across"), [(1, 4), (4, 4), (5, 4), (9, 3)])
def test_each_image_stands_in_its_tile(n, across):
    images = torch.arange(n * 6, dtype=torch.uint8).view(n, 2, 3)
    canvas = tiled(images, across)
    for i in range(n):
        top, left = i // min(n, across) * (2 + GAP), i % min(n, across) * (3 + GAP)
        assert torch.equal(canvas[top : top + 2, left : left + 3], images[i].to(torch.int16))
    assert int((canvas >= 0).sum()) == n * 6


def test_bytes_run_through_the_colours_and_what_lies_between_is_clear():
    images = torch.tensor([[[0, 255]], [[128, 1]]], dtype=torch.uint8)
    figure = gallery(images, across=1, colours=("#0000FF", "#FFFFFF", "#FF0000"))
    valid(figure)
    z = figure.to_dict()["data"][0]["z"]
    assert z["dtype"] == "u1"
    drawn = np.frombuffer(base64.b64decode(z["bdata"]), "u1").reshape(4, 2)
    assert drawn.tolist() == [[1, 255], [0, 0], [0, 0], [128, 1]]
    scale = figure.data[0].colorscale
    assert [colour for _, colour in scale] == ["rgba(0,0,0,0)"] * 2 + ["#0000FF", "#FFFFFF", "#FF0000"]
    assert [round(255 * place) for place, _ in scale[2:]] == [1, 128, 255]


def test_signed_numbers_lie_about_the_middle():
    assert signed_bytes(torch.tensor([-2.0, 0.0, 1.0, 2.0])).tolist() == [1, 128, 192, 255]
    assert signed_bytes(torch.zeros(2)).tolist() == [128, 128]
    assert signed_bytes(torch.tensor([-2.0, 0.5]), reach=1.0).tolist() == [1, 192]


def test_on_a_board_each_image_is_a_cell_with_its_words():
    images = torch.zeros(5, 28, 20, dtype=torch.uint8)
    shown = panel("tiles", images, list("abcde"), list("12345"), across=3)
    valid(shown.figure)
    assert shown.picks == list("12345")
    assert shown.cells.notes == list("abcde")
    canvas = tiled(images, 3)
    for left, right, top, bottom in shown.cells.boxes:
        inside = canvas[int(top + 0.5) : int(bottom + 0.5), int(left + 0.5) : int(right + 0.5)]
        assert inside.shape == (28, 20)
        assert int(inside.min()) == 0  # the image, and nothing of the gaps


def test_a_column_of_images_stands_level_with_the_rows_of_a_heatmap():
    images = torch.zeros(10, 28, 28, dtype=torch.uint8)
    shown = panel("images", images, ["an image"] * 10, axes="n", across=1, pixel=1.1, margins=(46, 8))
    layout = valid(shown.figure)["layout"]
    heat = draw(Picture("x", torch.zeros(10, 10), colour.signed()), 33).to_dict()["layout"]
    assert layout["margin"]["t"] == heat["margin"]["t"]
    assert layout["height"] == pytest.approx(heat["height"], abs=3)
    assert [b[2:] for b in shown.cells.boxes] == [(30 * i - 0.5, 30 * i + 27.5) for i in range(10)]
