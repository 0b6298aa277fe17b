"""The pooling page in a real browser: a slider, picks in both pictures and in an image."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import click_cell, drawn, move_slider, numbers, open_page, open_tab

pytestmark = pytest.mark.browser


def test_a_slider_and_picks_change_both_pictures(page: Page, url: str):
    open_page(page, f"{url}/pooling")
    assert len(numbers(page, "pool max output")) == 3
    move_slider(page, "size", 2)
    assert len(numbers(page, "pool max output")) == 4
    expect(page).to_have_url(re.compile("size=8"))

    before = drawn(page, "pool max input")
    click_cell(page, "pool average output", 1, 2)
    expect(page).to_have_url(re.compile(r"out=1%2C\+2"))
    expect(page.get_by_text("max[1, 2]").first).to_be_visible()
    assert drawn(page, "pool max input") != before  # the window has moved in the other equation too

    click_cell(page, "pool max input", 3, 3)  # padding comes first: the input's cell (2, 2)
    expect(page).to_have_url(re.compile(r"in=2%2C\+2"))
    expect(page.get_by_text("arrives here").first).to_be_visible()
    assert "out=" not in page.url

    open_tab(page, "Backward")
    expect(page.get_by_text("one winner").first).to_be_visible()


def test_a_pixel_of_an_image_can_be_picked_and_a_phone_holds_it(page: Page, url: str):
    open_page(page, f"{url}/pooling?x_from=a+digit+%28MNIST%29")
    click_cell(page, "image max", 5, 6)
    expect(page).to_have_url(re.compile(r"out=5%2C\+6"))
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(500)
    assert page.evaluate(
        "() => { const m = document.querySelector('[data-testid=stMain]'); return m.scrollWidth <= m.clientWidth + 1; }"
    )
