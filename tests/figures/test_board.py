import base64
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.figures import board as figures
from core.figures import colour
from core.figures.board import Board, Cells, Panel, Relation
from core.figures.drawing import unchecked
from core.figures.heatmap import Picture


def shown(picture: Picture, **more: object) -> dict:
    board = Board([figures.panel(picture, 24)], [{"panel": picture.name}], **more)
    return json.loads(figures.packed(board))


def numbers(cells: dict) -> list[float]:
    return np.frombuffer(base64.b64decode(cells["values"]["bdata"]), cells["values"]["dtype"]).tolist()


def test_a_heatmap_that_shows_its_numbers_sends_them_once():
    x = torch.tensor([[1.0, -2.0]])
    assert shown(Picture("x", x, colour.signed(x)))["panels"][0]["cells"]["values"] is None


@pytest.mark.parametrize(
    "x",
    [
        torch.tensor([[16777217, 1]]), torch.tensor([[0.1, 1.0]], dtype=torch.float64),
        torch.tensor([[1.0, torch.nan]]),
        torch.tensor([[-torch.inf, 1.0]]), torch.tensor([[3e38, 1.0]]), torch.tensor([[True, False]]),
        torch.tensor([[1.5, 2.5]], dtype=torch.bfloat16) * 1e7,
    ],
)  # fmt: skip
def test_numbers_that_the_colours_cannot_say_travel_exactly(x: torch.Tensor):
    sent = numbers(shown(Picture("x", x, colour.signed(x)))["panels"][0]["cells"])
    np.testing.assert_array_equal(sent, x.double().flatten().tolist())


def test_values_outside_the_scale_travel_too():
    x = torch.tensor([[1.0, 9.0]])
    assert numbers(shown(Picture("x", x, colour.signed(torch.ones(1))))["panels"][0]["cells"]) == [1.0, 9.0]


def test_the_sum_changes_with_the_drawing_alone():
    x, y = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 3.0]])
    first = shown(Picture("x", x, colour.signed(x)))["panels"][0]["sum"]
    assert shown(Picture("x", x.clone(), colour.signed(x), notes=["a", "b"]))["panels"][0]["sum"] == first
    assert shown(Picture("x", y, colour.signed(y)))["panels"][0]["sum"] != first


@given(st.lists(st.integers(1, 4), min_size=0, max_size=4), st.data())
@settings(deadline=None)
def test_a_place_is_the_index_in_reading_order(shape: list[int], data: st.DataObject):
    index = tuple(data.draw(st.integers(0, n - 1)) for n in shape)
    place = figures.place_of(Cells("", tuple(shape)), index)
    assert place == (np.ravel_multi_index(index, shape) if shape else 0)


@pytest.mark.parametrize("index", [(2, 0), (-2, 0), (0,), (0, 0, 0), ("0", 0), (0.5, 0)])
def test_what_is_no_index_has_no_place(index: tuple):
    assert figures.place_of(Cells("y x", (3, 3), origin=(-1, -1)), index) is None


def test_a_padded_picture_counts_from_below_zero():
    assert figures.place_of(Cells("y x", (3, 3), origin=(-1, -1)), (-1, 1)) == 2


def test_a_pin_outside_the_picture_is_none():
    x = torch.zeros(2, 2)
    assert shown(Picture("x", x, colour.signed(x)), pinned=("x", (1, 1)))["pinned"] == {"panel": "x", "place": 3}
    assert shown(Picture("x", x, colour.signed(x)), pinned=("x", (2, 1)))["pinned"] is None
    assert shown(Picture("x", x, colour.signed(x)), pinned=("y", (1, 1)))["pinned"] is None


def test_relations_travel_row_by_row():
    panel = Panel("a", unchecked([], {}), "nothing to see", None)
    sent = json.loads(figures.packed(Board([panel], [], [Relation("p q", np.array([[0, 1], [2, 3]]), "winner")])))
    assert sent["relations"] == [{"axes": ["p", "q"], "rows": [[0, 1], [2, 3]], "role": "winner"}]
