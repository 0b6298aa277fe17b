"""The page on sets in a real browser: a picked item is found among the sorted and the unique."""

import pytest

from tests.browser.driving import click_cell, drawn, open_page

pytestmark = pytest.mark.browser


def test_picking_an_item(page, url):
    open_page(page, f"{url}/sets?example=not+in+order")
    before = drawn(page, "unique unique")
    click_cell(page, "unique x", 0, 2)
    assert page.get_by_text("Item 2 is 33").count() == 1
    assert drawn(page, "unique unique") != before
