"""The cross entropy page in a real browser: a slider, linked picks, and the contours."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import chart, click_cell, drawn, move_slider, open_page

pytestmark = pytest.mark.browser


def test_a_slider_and_a_pick_change_the_pictures(page: Page, url: str):
    open_page(page, f"{url}/cross_entropy?tab=Curve+and+surface")
    before = drawn(page, "gradient grad")
    move_slider(page, "label_smoothing", 4)
    expect(page).to_have_url(re.compile("label_smoothing=0.2"))
    assert drawn(page, "gradient grad") != before

    one = drawn(page, "one logit")
    click_cell(page, "equation p", 2, 1)
    expect(page).to_have_url(re.compile("cell=2%2C1"))
    expect(page.get_by_text("gradient[2, 1]").first).to_be_visible()
    assert drawn(page, "one logit") != one
    assert chart(page, "surface").locator(".contourlabels").count() >= 1
