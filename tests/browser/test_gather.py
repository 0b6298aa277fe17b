"""The gather page in a real browser: the pointer on any of the tensors leads to the others."""

import pytest

from tests.browser.driving import line, open_page, outlined, pin, point

pytestmark = pytest.mark.browser


def test_pointing_links_input_index_output_and_gradient(page, url):
    open_page(page, f"{url}/gather")
    point(page, "index", 2, 1)
    assert outlined(page, "output") == {(2, 1)}
    assert outlined(page, "input") == outlined(page, "grad") == {(2, 4)}
    assert line(page).startswith("output[2, 1] = input[2, 4] = 15")
    point(page, "input", 0, 1)
    assert outlined(page, "index") == set()
    assert "input[0, 1] = 2" in line(page)


def test_a_pinned_cell_of_input_pins_the_place_that_picks_it(page, url):
    open_page(page, f"{url}/gather")
    pin(page, "input", 1, 3)
    assert page.locator(".st-key-cell input").input_value() == "1, 0"
    assert outlined(page, "output", "pinned") == {(1, 0)}
