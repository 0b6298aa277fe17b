"""The gather page in a real browser: a pick in any of the three tensors leads to the others."""

import pytest

from tests.browser.driving import click_cell, drawn, open_page

pytestmark = pytest.mark.browser


def test_picking_links_input_index_and_output(page, url):
    open_page(page, f"{url}/gather")
    before = drawn(page, "gather input")
    click_cell(page, "gather index", 2, 1)
    assert page.get_by_text("input[2][4]").count() == 1
    assert drawn(page, "gather input") != before
    click_cell(page, "gather input", 1, 3)  # read by index[1][0]
    assert page.get_by_text("input[1][3]").count() == 1
