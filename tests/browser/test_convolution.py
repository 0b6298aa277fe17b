"""The convolution page in a real browser: sliders, pins in matrices and in images, links between the pictures."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import line, move_slider, open_page, outlined, pin, point

pytestmark = pytest.mark.browser


def digits(page: Page, panel: str) -> int:
    return page.locator(f"[data-panel='{panel}'] .digits text[text-anchor=middle]").count()


def test_pointing_spells_the_sum_and_lights_window_and_kernel(page: Page, url: str):
    open_page(page, f"{url}/convolution?x_from=typed&x=[[0,1,2],[3,4,5],[6,7,8]]&kernel=own&w=[[0,1],[2,3]]&padding=0")
    point(page, "y", 0, 1)
    assert line(page) == "y[0, 1] = 1·0 + 2·1 + 4·2 + 5·3 = 25"
    assert outlined(page, "x") == {(0, 1), (0, 2), (1, 1), (1, 2)}
    assert outlined(page, "w") == {(0, 0), (0, 1), (1, 0), (1, 1)}
    point(page, "x", 1, 1)
    assert "Outputs that read it: 4, times the weights 3, 2, 1, 0." in line(page)
    assert line(page).endswith("their sum, 6.")
    assert outlined(page, "y") == {(0, 0), (0, 1), (1, 0), (1, 1)}
    point(page, "w", 1, 1)
    assert line(page).endswith(f"their sum, {4 + 5 + 7 + 8}.")


def test_groups_and_bias_are_spelled_too(page: Page, url: str):
    open_page(page, f"{url}/convolution?in_channels=2&out_channels=2&groups=2&bias=true&padding=valid&kernel_size=2")
    y = page.locator("[data-panel='y'] .digits text").all_text_contents()
    point(page, "y", 0, 0)
    said = line(page)
    terms = re.findall(r"(\d+)·(\d+)", said)
    assert len(terms) == 4
    total = 1 + sum(int(a) * int(b) for a, b in terms)
    assert said == "y[0, 0, 0] = " + " + ".join(f"{a}·{b}" for a, b in terms) + f" + 1 = {total}"
    assert str(total) in y
    assert outlined(page, "x") == {(0, 0), (0, 1), (1, 0), (1, 1)}, "one window, in the group's channel alone"


def test_a_slider_and_pins_in_all_pictures_change_them(page: Page, url: str):
    open_page(page, f"{url}/convolution?tab=im2col")
    before = digits(page, "y")
    move_slider(page, "stride")
    assert digits(page, "y") < before
    expect(page).to_have_url(re.compile("stride=2"))
    pin(page, "y", 1, 2)
    expect(page).to_have_url(re.compile(r"cell=y%5B1%2C\+2%5D"))
    assert line(page, "im2col").startswith("product[0, 5] =")
    pin(page, "columns", 2, 7)  # the eighth window: row 2, column 1
    expect(page).to_have_url(re.compile(r"cell=y%5B2%2C\+1%5D"))
    assert line(page).startswith("y[2, 1] =")
    pin(page, "w", 0, 2)
    expect(page).to_have_url(re.compile(r"cell=w%5B0%2C\+2%5D"))
    pin(page, "x", 3, 3)  # padding comes first: the input's cell (2, 2)
    expect(page).to_have_url(re.compile(r"cell=x%5B2%2C\+2%5D"))
    page.get_by_role("tab", name="Walk through").click()
    expect(page.get_by_text("1 / 9")).to_be_visible(timeout=15_000)
    page.locator(".walk .on").click()
    expect(page.get_by_text("output[0, 1] = ").first).to_be_visible()


def test_a_pixel_of_an_image_can_be_pinned_and_a_phone_holds_it(page: Page, url: str):
    open_page(page, f"{url}/convolution?x_from=photo&padding=3")
    pin(page, "y", 20, 31)
    expect(page).to_have_url(re.compile(r"cell=y%5B20%2C\+31%5D"))
    pin(page, "x", 5, 40)
    expect(page).to_have_url(re.compile(r"cell=x%5B5%2C\+40%5D"))
    assert line(page).startswith("x[5, 40] = ")
    point(page, "w", 0, 0)
    assert len(outlined(page, "x")) > 5000, "all inputs that this weight meets"

    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(500)
    assert page.evaluate(
        "() => { const m = document.querySelector('[data-testid=stMain]'); return m.scrollWidth <= m.clientWidth + 1; }"
    )


LINKS = [
    "", "?in_channels=4&out_channels=4&groups=4", "?size=12&apart=true&kernel_height=1&kernel_width=7", "?op=conv1d",
    "?op=conv_transpose2d&projector=1",
]  # fmt: skip


@pytest.mark.parametrize("link", LINKS)
def test_the_first_board_stands_whole_above_the_fold(page: Page, url: str, link: str):
    open_page(page, f"{url}/convolution{link}")
    box = page.locator(".st-key-board-board .board").bounding_box()
    assert box["y"] + box["height"] <= 725
    assert digits(page, "y") >= 12
    assert digits(page, "x") >= 9
