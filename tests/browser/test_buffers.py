"""Buffers in a browser: pick a tensor in table and picture, move the learning rate, step through MoCo."""

import pytest

from tests.browser.driving import click_cell, drawn, move_slider, open_page, rest

pytestmark = pytest.mark.browser


def test_a_click_picks_a_tensor_in_all_pictures(page, url):
    open_page(page, f"{url}/buffers")
    before = drawn(page, "step after")
    click_cell(page, "roles", 2, 1)
    page.wait_for_url("**of=buffer**")
    assert drawn(page, "step after") != before
    click_cell(page, "step grad", 4, 1)
    page.wait_for_url("**of=plain**")
    move_slider(page, "lr", 3)
    page.wait_for_url("**lr=0.25**")


def test_moco_steps_on(page, url):
    open_page(page, f"{url}/buffers?tab=MoCo")
    before = drawn(page, "moco after")
    move_slider(page, "step", 1)
    page.wait_for_url("**step=3**")
    rest(page)
    assert drawn(page, "moco after") != before
