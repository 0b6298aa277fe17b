"""The MLP page in a real browser: train, point at a unit, pick a mistake, draw a digit."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import line, open_page, open_tab, outlined, picture, pin, point, rest

pytestmark = pytest.mark.browser
LINK = "mlp?train=500&epochs=2&scheme=kaiming+normal&lr=0.2"


def shown(page: Page, panel: str) -> str:
    """What a picture is drawn with, as text to compare."""
    picture(page, panel).locator(".main-svg").first.wait_for()
    return picture(page, panel).evaluate("plot => JSON.stringify(plot.data[0].z)")


def test_it_trains_and_its_units_can_be_picked(page: Page, url: str):
    open_page(page, f"{url}/{LINK}&tab=First+layer")
    before = shown(page, "p"), shown(page, "units")
    row = page.locator(".st-key-epochs").bounding_box()
    page.get_by_role("button", name="Train").click()
    again = page.get_by_role("button", name="Train again")
    expect(again).to_be_visible(timeout=60_000)
    rest(page)
    assert again.bounding_box()["y"] < row["y"] + row["height"]  # in one row with the other controls
    assert shown(page, "p") != before[0]
    assert shown(page, "units") != before[1]

    weights = shown(page, "W1")
    pin(page, "hidden", 2, 9)
    expect(page).to_have_url(re.compile("unit=2%2C\\+?9"))
    expect(page.get_by_text("W1[:, 41]")).to_be_visible()
    assert shown(page, "W1") != weights


def test_a_unit_and_a_class_light_their_weights(page: Page, url: str):
    open_page(page, f"{url}/{LINK}")
    point(page, "hidden", 5, 6)
    assert outlined(page, "W2") == {(5, 17 * c + 6) for c in range(10)}
    assert "hidden[5, 6]" in line(page, "network")
    point(page, "logits", 0, 3)
    assert outlined(page, "W2") == {(r, 17 * 3 + s) for r in range(16) for s in range(16)}
    assert outlined(page, "p") == {(0, 3)}
    point(page, "x", 9, 20)
    assert outlined(page, "W1") == {(9, 20)}


def test_the_board_stands_on_the_screen_and_the_pad_leaves_the_prediction_free(page: Page, url: str):
    page.set_viewport_size({"width": 1280, "height": 720})
    open_page(page, f"{url}/mlp")
    box = page.locator(".st-key-board-network").bounding_box()
    assert box["y"] + box["height"] <= 720
    page.get_by_role("button", name="Draw a digit").click()
    pad = page.locator("[data-testid=stPopoverBody]")
    pad.locator("canvas").wait_for()
    page.wait_for_timeout(400)  # it slides into its place
    covered, prediction = pad.bounding_box(), page.locator("[data-panel=p]").bounding_box()
    assert covered["x"] + covered["width"] <= prediction["x"]


@pytest.mark.parametrize("link", [LINK, f"{LINK}&x_from=typed&x=[[0,255],[255,0]]"])
def test_a_click_on_a_mistake_looks_at_it(page: Page, url: str, link: str):
    open_page(page, f"{url}/{link}&tab=Mistakes")
    pin(page, "mistakes", 14, 14 + 2 * 30)  # the third image
    third = int(re.search(r"image (\d+):", line(page, "mistakes"))[1])
    expect(page).to_have_url(re.compile(f"image={third}(&|$)"))
    assert page.locator(".st-key-image input").input_value() == str(third)
    assert page.locator("[data-testid=stException]").count() == 0


def test_every_picture_that_can_be_clicked_may_be(page: Page, url: str):
    open_page(page, f"{url}/{LINK}&tab=First+layer")
    clicked: set[str] = set()
    for tab in ("First layer", "Backward", "Mistakes"):
        open_tab(page, tab)
        names = page.locator("[data-panel].linked").evaluate_all("found => found.map(e => e.dataset.panel)")
        for name in names:
            if name in clicked:
                continue
            clicked.add(name)
            panel = page.locator(f"[data-panel='{name}'] .js-plotly-plot").first
            panel.scroll_into_view_if_needed()
            box = panel.bounding_box()
            page.mouse.click(box["x"] + 0.4 * box["width"], box["y"] + 0.6 * box["height"])
            rest(page)
            assert page.locator("[data-testid=stException]").count() == 0, name
    assert {"hidden", "W2", "units", "weights", "dhidden", "dpre", "mistakes"} <= clicked
    page.reload()
    rest(page)
    assert page.locator("[data-testid=stException]").count() == 0


def test_a_drawn_digit_goes_through_the_network_and_into_the_link(page: Page, url: str):
    open_page(page, f"{url}/{LINK}")
    before = shown(page, "x")
    page.get_by_role("button", name="Draw a digit").click()
    pad = page.locator(".drawing canvas")
    pad.wait_for()
    page.wait_for_timeout(400)  # the pad slides into its place
    for down in (60, 100):
        box = pad.bounding_box()
        assert box
        page.mouse.move(box["x"] + 140, box["y"] + down)
        page.mouse.down()
        page.mouse.move(box["x"] + 150, box["y"] + 220, steps=8)
        page.mouse.up()
        rest(page)
    expect(page).to_have_url(re.compile(r"x=[nz][0-9a-f]{6}_u8_28x28"))
    assert shown(page, "x") != before
    expect(page.get_by_text("x: your image")).to_have_count(1)
