"""The softmax page in a real browser: a slider, and a pick in the result that moves all pictures."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import click_cell, drawn, move_slider, numbers, open_page

pytestmark = pytest.mark.browser


def test_a_slider_and_a_pick_change_the_pictures(page: Page, url: str):
    open_page(page, f"{url}/softmax")
    before = numbers(page, "equation softmax")
    move_slider(page, "T", 2)
    assert numbers(page, "equation softmax") != before
    expect(page).to_have_url(re.compile("T=5"))

    jacobian = drawn(page, "jacobian")
    click_cell(page, "equation softmax", 2, 3)
    expect(page).to_have_url(re.compile("cell=2%2C3"))
    expect(page.get_by_text("softmax[2, 3]").first).to_be_visible()
    assert drawn(page, "jacobian") != jacobian

    click_cell(page, "jacobian", 1, 0)
    expect(page).to_have_url(re.compile("cell=2%2C1"))
