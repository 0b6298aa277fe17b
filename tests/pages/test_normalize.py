"""The page on normalising shows what torch computes, for every p."""

import pytest
import torch

from tests.pages.opening import open_page, words

POWERS = ("-1", "0", "0.5", "1", "1.5", "2", "3", "4", "10", "inf", "-inf")


@pytest.mark.parametrize("p", POWERS)
def test_the_check_agrees_for_every_p(p):
    assert "manual normalize agrees with torch" in words(open_page("normalize", p=p))


def test_the_picked_cell_is_torchs_number():
    app = open_page("normalize", x_from="typed or pasted", x="[[3, 4], [0, 0]]", cell="0,1")
    assert "**5**" in words(app)
    assert "= **0.8**" in words(app)


def test_eps_raises_a_short_norm():
    app = open_page("normalize", x_from="typed or pasted", x="[[0.3, 0.4]]", cell="0,0", eps="1")
    assert "raised to eps = 1" in words(app)


def test_the_textbook_is_refuted_on_the_input():
    app = open_page("normalize", x_from="typed or pasted", x="[[1, -1], [2, 3]]")
    text = words(app)
    assert "p = 1: **1 of 2**" in text
    assert f"**{2**63 - 2**64 + 1:,}**" in text or "wrapped round" in text
    assert str(torch.nn.functional.normalize(torch.zeros(1, 2)).tolist()[0]) in text


@pytest.mark.parametrize("numbers", ["2", "3", "4"])
def test_arrows_are_drawn_for_two_and_three_numbers(numbers):
    charts = open_page("normalize", numbers=numbers).get("plotly_chart")
    assert len(charts) == (3 if numbers == "4" else 4)
