"""The embedding page in a real browser: the pointer on a token leads to its rows."""

import pytest

from tests.browser.driving import line, open_page, outlined, pin, point

pytestmark = pytest.mark.browser


def row(number):
    return {(number, column) for column in range(4)}


def test_pointing_links_a_token_with_its_rows(page, url):
    open_page(page, f"{url}/embedding")
    point(page, "input", 0, 2)
    assert outlined(page, "weight") == outlined(page, "grad") == row(2)
    assert outlined(page, "output") == row(2)
    point(page, "weight", 0, 1)
    assert outlined(page, "input") == {(0, 1), (0, 3), (0, 5)}
    assert "input[1], input[3] and input[5]" in line(page)
    point(page, "grad", 0, 0)
    assert line(page).startswith("grad[0, 0] = 1 + 1 + 1 = 3")
    point(page, "output", 5, 0)
    assert line(page).startswith("output[5, 0] = weight[0, 0] = 1.5")


def test_a_pinned_row_of_the_table_pins_the_first_place_that_picks_it(page, url):
    open_page(page, f"{url}/embedding")
    pin(page, "grad", 2, 1)
    assert page.locator(".st-key-cell input").input_value() == "2"
    assert outlined(page, "output", "pinned") == row(2)
