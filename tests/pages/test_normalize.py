"""The page on normalising shows what torch computes, for every p."""

from itertools import product

import pytest
import torch

from tests.linking import partners
from tests.pages.opening import boards, open_page, panels, words

POWERS = ("-1", "0", "0.5", "1", "1.5", "2", "3", "4", "10", "inf", "-inf")


@pytest.mark.parametrize("p", POWERS)
def test_the_check_agrees_for_every_p(p):
    assert "manual normalize agrees with torch" in words(open_page("normalize", p=p))


TYPED = {"x_from": "typed", "x": "[[3, 4], [0, 0]]"}


def test_the_picked_cell_is_torchs_number():
    app = open_page("normalize", **TYPED, cell="0,1")
    assert boards(app)["board"].pinned == ("output", (0, 1))
    assert panels(app)["output"].cells.notes[1] == "4 / 5"
    assert panels(app)["norm"].cells.notes[0] == "(3^2 + 4^2)^(1/2) = **5**"


def test_eps_raises_a_short_norm():
    app = open_page("normalize", x_from="typed", x="[[0.3, 0.4]]", eps="1")
    assert "raised to eps = 1" in panels(app)["norm"].cells.notes[0]


@pytest.mark.parametrize("numbers", ["2", "4"])
@pytest.mark.parametrize("dim", [0, 1])
def test_a_vector_lights_up_with_its_norm_and_its_arrow(dim, numbers):
    board = boards(open_page("normalize", dim=str(dim), numbers=numbers))["board"]
    x = torch.randn(5, int(numbers), dtype=torch.float64).requires_grad_()
    out = torch.nn.functional.normalize(x, dim=dim)
    for cell in product(*map(range, x.shape)):
        (grad,) = torch.autograd.grad(out[cell], x, retain_graph=True)
        found = partners(board, "output", cell)
        assert found["input"] == {tuple(at) for at in grad.nonzero().tolist()}
        vector = cell[1 - dim]
        assert found["norm"] == {(vector, 0) if dim == 1 else (0, vector)}
        assert found.get("arrows", {(vector,)}) == {(vector,)}
        assert partners(board, "output", cell, "winner")["input"] == {cell}, "the number that is divided"
        assert partners(board, "input", cell)["output"] == found["input"]


def test_the_readers_dtype_is_kept():
    app = open_page("normalize", x_from="typed", x="tensor([[60000., 60000.]], dtype=torch.float16)")
    half = torch.tensor([[60000.0, 60000.0]], dtype=torch.float16)
    assert panels(app)["output"].figure.to_dict()["data"][0]["text"] == [
        [f"{v:g}" for v in torch.nn.functional.normalize(half)[0].tolist()]
    ]
    assert "these numbers are float32 here" in words(open_page("normalize", **TYPED))


def test_the_textbook_is_refuted_on_the_input():
    app = open_page("normalize", x_from="typed", x="[[1, -1], [2, 3]]")
    text = words(app)
    assert "p = 1: **1 of 2**" in text
    assert f"**{2**63 - 2**64 + 1:,}**" in text or "wrapped round" in text
    assert str(torch.nn.functional.normalize(torch.zeros(1, 2)).tolist()[0]) in text


@pytest.mark.parametrize("numbers", ["2", "3", "4"])
def test_arrows_are_drawn_for_two_and_three_numbers(numbers):
    assert ("arrows" in panels(open_page("normalize", numbers=numbers))) == (numbers != "4")
