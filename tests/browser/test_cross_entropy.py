"""The cross entropy page in a real browser: a slider, linked picks, what pointing outlines, and the contours."""

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
    open_page(page, f"{url}/cross_entropy?tab=Curve+and+surface")
    before = digits(page, "grad")
    move_slider(page, "label_smoothing", 4)
    expect(page).to_have_url(re.compile("label_smoothing=0.2"))
    assert digits(page, "grad") != before

    curve = "JSON.stringify(document.querySelector('[data-panel=\"one logit\"] .js-plotly-plot').layout.xaxis.title)"
    one = page.evaluate(curve)
    page.mouse.click(*cell(page, "loss", 1, 0))
    rest(page)
    expect(page).to_have_url(re.compile("cell=1%2C"))
    assert outlined(page, "grad", "pinned") == 1
    assert page.evaluate(curve) != one
    assert page.locator("[data-panel='surface'] .contourlabels").count() >= 1


def test_pointing_tells_the_row_from_the_target(page: Page, url: str):
    open_page(page, f"{url}/cross_entropy")
    page.mouse.move(*cell(page, "p", 2, 1))
    assert page.locator("[data-panel='log'] .marks path.hovered.used").count() == 1
    assert page.locator("[data-panel='log'] .marks path.hovered.winner").count() == 1
    assert page.locator("[data-panel='x'] .marks path.hovered.group").count() == 1
    assert outlined(page, "loss") == outlined(page, "grad") == outlined(page, "target") == 1
    assert page.locator(".st-key-board-board .line").inner_text().startswith("p[2, 1] = e^")
