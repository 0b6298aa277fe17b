"""The MLP page in a real browser: train, pick a unit, draw a digit."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import click_cell, drawn, open_page, rest

pytestmark = pytest.mark.browser
LINK = "mlp?train=500&epochs=2&scheme=kaiming+normal&lr=0.2"


def test_it_trains_and_its_units_can_be_picked(page: Page, url: str):
    open_page(page, f"{url}/{LINK}")
    before = drawn(page, "p"), drawn(page, "first layer 0")
    page.get_by_role("button", name="Train").click()
    expect(page.get_by_role("button", name="Train again")).to_be_visible(timeout=60_000)
    rest(page)
    expect(page.get_by_text("Step 8 of 8")).to_be_visible()
    assert drawn(page, "p") != before[0]
    assert drawn(page, "first layer 0") != before[1]

    click_cell(page, "hidden", 2, 9)
    expect(page).to_have_url(re.compile("unit=2%2C9"))
    expect(page.get_by_text("Unit 41:")).to_be_visible()


def test_a_drawn_digit_goes_through_the_network_and_into_the_link(page: Page, url: str):
    open_page(page, f"{url}/{LINK}")
    before = drawn(page, "shown image")
    page.get_by_role("button", name="Draw a digit").click()
    pad = page.locator(".drawing canvas")
    pad.wait_for()
    page.wait_for_timeout(400)  # the pad slides into its place
    for down in (60, 100):
        box = pad.bounding_box()
        assert box
        page.mouse.move(box["x"] + 140, box["y"] + down)
        page.mouse.down()
        page.mouse.move(box["x"] + 150, box["y"] + 220, steps=8)
        page.mouse.up()
        rest(page)
    expect(page).to_have_url(re.compile(r"x=[nz][0-9a-f]{6}_u8_28x28"))
    assert drawn(page, "shown image") != before
    expect(page.get_by_text("x: your image")).to_be_visible()
