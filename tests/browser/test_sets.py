"""The page on sets in a real browser: an item leads to its place among the sorted and the unique."""

import pytest

from tests.browser.driving import line, open_page, outlined, pin, point

pytestmark = pytest.mark.browser


def test_an_item_is_found_in_every_row(page, url):
    open_page(page, f"{url}/sets?example=scattered")
    point(page, "x", 0, 2)
    assert outlined(page, "unique") == outlined(page, "counts") == {(0, 2)}
    assert len(outlined(page, "walk")) == len(outlined(page, "sorted")) == 1
    assert line(page).startswith("Item 2 is 33")
    point(page, "unique", 0, 0)
    assert outlined(page, "x") == {(0, 0), (0, 4)}  # 5 occurs twice
    pin(page, "walk", 0, 0)
    assert page.locator(".st-key-cell input").input_value() != ""
    assert len(outlined(page, "walk", "pinned")) == 1
