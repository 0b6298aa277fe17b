"""Buffers in a browser: pick a tensor in table and picture, move the learning rate, step through MoCo."""

import pytest

from tests.browser.driving import line, move_slider, open_page, outlined, picture, pin, point, rest

pytestmark = pytest.mark.browser


def digits(page, panel):
    return page.locator(f"[data-panel={panel}] .digits text").all_text_contents()


def test_a_pin_picks_a_tensor_in_all_pictures(page, url):
    open_page(page, f"{url}/buffers")
    pin(page, "roles", 2, 1)
    page.wait_for_url("**of=buffer**")
    assert outlined(page, "after", "pinned") == {(2, i) for i in range(3)}
    pin(page, "grad", 4, 1)
    page.wait_for_url("**of=plain**")
    move_slider(page, "lr", 3)
    page.wait_for_url("**lr=0.25**")
    rest(page)
    point(page, "after", 0, 1)
    assert outlined(page, "before") == {(0, 1)}
    assert line(page) == "weight[1] = 1 − 0.25 · 2 = 0.5"


def test_moco_steps_on(page, url):
    open_page(page, f"{url}/buffers?tab=MoCo")
    before = digits(page, "after")
    move_slider(page, "step", 1)
    page.wait_for_url("**step=3**")
    rest(page)
    assert digits(page, "after") != before
    assert picture(page, "drift").count() == 1
