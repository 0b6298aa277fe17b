"""The activations page in a real browser: choose, point at a number, see its points and its tangent."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import choose, line, move_slider, open_page, outlined, picture, pin, point

pytestmark = pytest.mark.browser


def lines(page: Page, panel: str) -> str:
    """What the lines of a chart are drawn with, as text to compare."""
    return picture(page, panel).evaluate("plot => JSON.stringify(plot.data.map(t => [t.name, t.y]))")


def rings(page: Page, panel: str, kind: str = "hovered") -> int:
    """How many points of a chart are ringed."""
    paths = page.locator(f"[data-panel='{panel}'] .marks path.{kind}")
    return sum(paths.nth(i).get_attribute("d").count("M") for i in range(paths.count()))


def test_a_number_lights_up_in_all_tensors_and_on_both_curves(page: Page, url: str):
    open_page(page, f"{url}/activations?f=sigmoid")
    point(page, "x", 2, 3)
    assert outlined(page, "y") == outlined(page, "slope") == {(2, 3)}
    assert rings(page, "curve") == 2
    assert "y[2, 3]" in line(page)


def test_a_choice_a_pin_and_a_slider_change_the_pictures(page: Page, url: str):
    open_page(page, f"{url}/activations?tab=Through+depth")
    before = lines(page, "curve")
    choose(page, "f", "silu")
    assert lines(page, "curve") != before

    curve = lines(page, "curve")
    pin(page, "slope", 2, 0)
    expect(page).to_have_url(re.compile("cell=2%2C\\+?0"))
    assert lines(page, "curve") != curve

    spread = lines(page, "std")
    move_slider(page, "depth", 5)
    assert lines(page, "std") != spread
