"""The page on the packages in a real browser: pick a batch, go to another package, move its sliders."""

import pytest

from tests.browser.driving import chart, click_cell, drawn, move_slider, open_page, open_tab

pytestmark = pytest.mark.browser


def test_picking_a_batch_and_going_to_the_optimisers(page, url):
    open_page(page, f"{url}/packages")
    before = drawn(page, "epoch 1")
    click_cell(page, "epoch 1", 2, 0)
    assert drawn(page, "epoch 1") != before
    assert page.locator(".st-key-batch input").input_value() == "1, 2"
    open_tab(page, "optim")
    chart(page, "paths").locator(".main-svg").first.wait_for()
    assert "part=optim" in page.url
    before = drawn(page, "paths")
    move_slider(page, "steps", -3)
    assert drawn(page, "paths") != before
