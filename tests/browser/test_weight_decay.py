"""The page on weight decay in a real browser."""

import pytest

from tests.browser.driving import drawn, move_slider, open_page

pytestmark = pytest.mark.browser


def test_moving_lambda_changes_the_curves(page, url):
    open_page(page, f"{url}/weight_decay")
    before = drawn(page, "norms")
    move_slider(page, "lambd", 1)
    assert drawn(page, "norms") != before
