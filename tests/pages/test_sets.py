"""The page on sets shows what Python's set and torch.unique do."""

import pytest
import torch

from tests.pages.opening import open_page, words

EXAMPLES = {
    "the tutorial's": [1, 2, 3, 2, 6, 7, 8, 7],
    "not in order": [5, 64, 33, 7, 5, 64, 33],
    "one slot for all": [64, 0, 32, 8, 16, 0],
}


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_the_set_is_pythons_and_the_check_agrees(name):
    app = open_page("sets", example=name)
    text = words(app)
    assert f"**{list(set(EXAMPLES[name]))}**" in text
    assert "manual unique agrees with torch" in text


def test_sorted_is_refuted_on_items_that_are_not_in_order():
    assert "is **not** sorted" in words(open_page("sets", example="not in order"))


@pytest.mark.parametrize("place", [0, 3, 6])
def test_the_picked_item_is_counted_as_torch_counts_it(place):
    x = torch.tensor(EXAMPLES["not in order"])
    values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
    at = int(inverse[place])
    text = words(open_page("sets", example="not in order", cell=str(place)))
    assert f"`unique[{at}]` = **{int(values[at])}**, which occurs **{int(counts[at])}** times" in text


def test_only_whole_numbers_in_a_row_are_taken():
    text = words(open_page("sets", x_from="typed or pasted", x="1.5, 2"))
    assert "whole numbers" in text
