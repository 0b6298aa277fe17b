"""The pooling page in a real browser: a slider, pins in all pictures and in an image, the winner marked."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import line, move_slider, open_page, open_tab, outlined, pin, point

pytestmark = pytest.mark.browser


def test_pointing_lights_the_window_and_its_winner(page: Page, url: str):
    open_page(page, f"{url}/pooling?x_from=typed&x=[[1,2,3],[4,9,6],[7,8,5]]&kernel_size=2&stride=1&padding=1")
    point(page, "max", 1, 1)
    assert line(page) == "max[1, 1] = max(1, 2, 4, 9) = 9, at x[1, 1]"
    assert outlined(page, "x") == {(1, 1), (1, 2), (2, 1), (2, 2)}
    assert outlined(page, "x", role="winner") == {(2, 2)}
    assert outlined(page, "average") == {(1, 1)}
    point(page, "average", 0, 0)
    assert line(page) == "average[0, 0] = (1) / 4 (1 of the input, 3 of padding) = 0.25"
    assert outlined(page, "x") == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert not outlined(page, "x", role="winner")
    point(page, "x", 2, 2)  # padding comes first: the input's cell (1, 1)
    assert line(page) == "x[1, 1] = 9 is the maximum of 4 of its windows. Windows that read it: 4."
    assert outlined(page, "max", role="winner") == {(1, 1), (1, 2), (2, 1), (2, 2)}
    point(page, "x", 0, 0)
    assert "is padding" in line(page)


def test_a_dilated_maximum_lights_windows_of_its_own(page: Page, url: str):
    open_page(page, f"{url}/pooling?dilation=2")
    point(page, "average", 0, 0)
    assert outlined(page, "x₂") == {(row, column) for row in range(3) for column in range(3)}
    assert not outlined(page, "x") | outlined(page, "max")
    point(page, "max", 0, 0)
    assert outlined(page, "x") == {(row, column) for row in (0, 2, 4) for column in (0, 2, 4)}
    assert not outlined(page, "x₂") | outlined(page, "average")


def test_a_slider_and_pins_change_both_pictures_and_the_gradients(page: Page, url: str):
    open_page(page, f"{url}/pooling")
    move_slider(page, "stride", -1)
    expect(page).to_have_url(re.compile("stride=1"))
    pin(page, "average", 1, 2)
    expect(page).to_have_url(re.compile(r"cell=average%5B1%2C\+2%5D"))
    pin(page, "x", 3, 3)
    expect(page).to_have_url(re.compile(r"cell=x%5B2%2C\+2%5D"))
    open_tab(page, "Backward")
    point(page, "dmax", 0, 0)
    assert len(outlined(page, "dx_max")) == 1
    assert line(page, "backward").startswith("dmax[0, 0] = 1 goes whole to the winner of the window, dx_max[")
    pin(page, "dmax", 0, 1)
    expect(page).to_have_url(re.compile(r"cell=max%5B0%2C\+1%5D"))


def test_a_pixel_of_an_image_can_be_pinned_and_a_phone_holds_it(page: Page, url: str):
    open_page(page, f"{url}/pooling?x_from=digit")
    pin(page, "max", 5, 6)
    expect(page).to_have_url(re.compile(r"cell=max%5B5%2C\+6%5D"))
    point(page, "max", 7, 7)
    assert len(outlined(page, "x")) == 9
    assert len(outlined(page, "x", role="winner")) == 1
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(500)
    assert page.evaluate(
        "() => { const m = document.querySelector('[data-testid=stMain]'); return m.scrollWidth <= m.clientWidth + 1; }"
    )


@pytest.mark.parametrize("link", ["", "?projector=1"])
def test_the_first_board_stands_whole_above_the_fold(page: Page, url: str, link: str):
    open_page(page, f"{url}/pooling{link}")
    box = page.locator(".st-key-board-board .board").bounding_box()
    assert box["y"] + box["height"] <= 720
