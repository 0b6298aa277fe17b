"""The page on the packages in a real browser: pick a batch, see its images."""

import pytest

from tests.browser.driving import click_cell, drawn, move_slider, open_page

pytestmark = pytest.mark.browser


def test_picking_a_batch_and_moving_a_slider(page, url):
    open_page(page, f"{url}/packages")
    before = drawn(page, "batches")
    click_cell(page, "batches", 2, 0)
    assert drawn(page, "batches") != before
    move_slider(page, "batch_size", 2)
    assert drawn(page, "batches") != before
