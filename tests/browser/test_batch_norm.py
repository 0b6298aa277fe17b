"""The page on batch norm in a real browser."""

import pytest

from tests.browser.driving import click_cell, drawn, move_slider, open_page

pytestmark = pytest.mark.browser


def test_moving_gamma_and_picking_a_cell(page, url):
    open_page(page, f"{url}/batch_norm?rank=N×C")
    before = drawn(page, "equation output")
    move_slider(page, "weight", 2)
    assert drawn(page, "equation output") != before
    click_cell(page, "equation x", 1, 0)
    assert page.get_by_text("output[1, 0]").count() == 1
