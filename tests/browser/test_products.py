"""The page on products in a real browser: a picked cell of C outlines its row and its column."""

import pytest

from tests.browser.driving import click_cell, drawn, open_page

pytestmark = pytest.mark.browser


def test_picking_a_cell_of_the_product(page, url):
    open_page(page, f"{url}/products")
    before = drawn(page, "product A")
    click_cell(page, "product C", 1, 0)
    assert drawn(page, "product A") != before
    assert page.get_by_text("4·1 + 5·3 + 6·5").count() == 1
