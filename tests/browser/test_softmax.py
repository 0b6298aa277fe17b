"""The softmax page in a real browser: a slider, a picked row, and a temperature picked from the curves."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import move_slider, open_page, rest
from tests.browser.test_board import cell, outlined

pytestmark = pytest.mark.browser


def digits(page: Page, panel: str) -> list[str]:
    """What stands in the cells of a picture."""
    return page.locator(f"[data-panel='{panel}'] .digits text").all_text_contents()


def test_a_slider_and_a_pick_change_the_pictures(page: Page, url: str):
    open_page(page, f"{url}/softmax")
    before = digits(page, "softmax")
    move_slider(page, "T", 2)
    assert digits(page, "softmax") != before
    expect(page).to_have_url(re.compile("T=5"))

    slopes = digits(page, "J")
    page.mouse.click(*cell(page, "softmax", 2, 3))
    rest(page)
    expect(page).to_have_url(re.compile("cell=2%2C"))
    assert digits(page, "J") != slopes
    assert outlined(page, "total", "pinned") == 1

    page.mouse.click(*cell(page, "J", 1, 0))
    rest(page)
    expect(page).to_have_url(re.compile("cell=2%2C[+ ]?(%20)?1"))


def test_pointing_at_a_probability_lights_its_row_and_the_largest_score(page: Page, url: str):
    open_page(page, f"{url}/softmax")
    page.mouse.move(*cell(page, "softmax", 1, 2))
    assert all(outlined(page, name) for name in ("z", "shifted", "exp", "total", "softmax"))
    assert page.locator("[data-panel='z'] .marks path.hovered.winner").count() == 1
    assert page.locator("[data-panel='exp'] .marks path.hovered.winner").count() == 0
    assert page.locator("[data-panel='exp'] .marks path.hovered.group").count() == 1
    assert page.locator(".st-key-board-board .line").inner_text().startswith("softmax[1, 2] =")


def test_a_click_on_the_curves_sets_the_temperature(page: Page, url: str):
    open_page(page, f"{url}/softmax")
    place = page.locator("[data-panel='curves'] .js-plotly-plot").evaluate(
        """plot => {
            plot.scrollIntoView({block: 'center'});
            const {xaxis, yaxis} = plot._fullLayout, box = plot.getBoundingClientRect();
            return [box.x + xaxis._offset + xaxis.d2p(0.5), box.y + yaxis._offset + yaxis.d2p(0.85)];
        }"""
    )
    page.mouse.click(*place)
    rest(page)
    expect(page).to_have_url(re.compile("T=0.5"))
