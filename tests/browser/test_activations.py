"""The activations page in a real browser: choose, pick a number, see its tangent; layers through depth."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import choose, click_cell, drawn, move_slider, open_page

pytestmark = pytest.mark.browser


def test_a_choice_a_pick_and_a_slider_change_the_pictures(page: Page, url: str):
    open_page(page, f"{url}/activations?tab=Through+depth")
    before = drawn(page, "equation y")
    choose(page, "f", "silu")
    assert drawn(page, "equation y") != before

    curve = drawn(page, "curve")
    click_cell(page, "equation x", 2, 0)
    expect(page).to_have_url(re.compile("cell=2%2C0"))
    assert drawn(page, "curve") != curve

    dead = drawn(page, "depth std")
    move_slider(page, "depth", 5)
    assert drawn(page, "depth std") != dead
