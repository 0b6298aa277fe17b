"""The page on weight decay in a real browser: move λ, open the comparison of the optimisers."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import drawn, move_slider, open_page, open_tab

pytestmark = pytest.mark.browser


def test_moving_lambda_changes_every_picture(page: Page, url: str):
    open_page(page, f"{url}/weight_decay")
    before = {key: drawn(page, key) for key in ("losses", "norms", "weights")}
    move_slider(page, "lambd", 3)
    expect(page).to_have_url(re.compile("lambd=3.3"))
    assert all(drawn(page, key) != picture for key, picture in before.items())
    open_tab(page, "Loss or optimiser")
    expect(page.get_by_text("AdamW, weight_decay").first).to_be_visible()
    assert drawn(page, "places")
