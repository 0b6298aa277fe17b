"""The convolution page in a real browser: sliders, picks in matrices and in images, links between the pictures."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import click_cell, drawn, move_slider, numbers, open_page

pytestmark = pytest.mark.browser


def test_a_slider_and_picks_in_all_pictures_change_them(page: Page, url: str):
    open_page(page, f"{url}/convolution?tab=im2col")
    assert len(numbers(page, "equation output")) == 5
    move_slider(page, "stride")
    assert len(numbers(page, "equation output")) == 3
    expect(page).to_have_url(re.compile("stride=2"))

    before = drawn(page, "equation padded")
    click_cell(page, "equation output", 1, 2)
    expect(page).to_have_url(re.compile(r"out=1%2C\+2"))
    expect(page.get_by_text("output[0, 1, 2]").first).to_be_visible()
    assert drawn(page, "equation padded") != before  # the window has moved

    click_cell(page, "im2col columns", 2, 7)  # the eighth window: row 2, column 1
    expect(page).to_have_url(re.compile(r"out=2%2C\+1"))

    click_cell(page, "equation padded", 3, 3)  # padding comes first: the input's cell (2, 2)
    expect(page).to_have_url(re.compile(r"in=2%2C\+2"))
    expect(page.get_by_text("is read by").first).to_be_visible()
    assert "out=" not in page.url

    page.get_by_role("tab", name="Walk through").click()
    expect(page.get_by_text("1 / 9")).to_be_visible(timeout=15_000)
    page.locator(".walk .on").click()
    expect(page.get_by_text("output[0, 1] = ").first).to_be_visible()


def test_a_pixel_of_an_image_can_be_picked_and_a_phone_holds_it(page: Page, url: str):
    open_page(page, f"{url}/convolution?x_from=a+photograph&kernel=Sobel+x&padding=3")
    click_cell(page, "image output", 20, 31)
    expect(page).to_have_url(re.compile(r"out=20%2C\+31"))
    click_cell(page, "image input 0", 5, 40)
    expect(page).to_have_url(re.compile(r"in=5%2C\+40"))
    expect(page.get_by_text("input[0, 5, 40]").first).to_be_visible()

    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(500)
    assert page.evaluate(
        "() => { const m = document.querySelector('[data-testid=stMain]'); return m.scrollWidth <= m.clientWidth + 1; }"
    )
