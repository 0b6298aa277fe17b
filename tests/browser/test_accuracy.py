"""The accuracy page in a real browser: train further, pick a cell of the matrix, then one of its images."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import move_slider, open_page, rest
from tests.browser.test_board import cell, outlined

pytestmark = pytest.mark.browser


def digits(page: Page, panel: str) -> list[str]:
    """What stands in the cells of a picture."""
    return page.locator(f"[data-panel='{panel}'] .digits text").all_text_contents()


def image(page: Page, number: int) -> list[float]:
    """Where on the screen an image of the column is."""
    return page.locator("[data-panel='images'] .js-plotly-plot").evaluate(
        """(plot, number) => {
            plot.scrollIntoView({block: 'center'});
            const {xaxis, yaxis} = plot._fullLayout, box = plot.getBoundingClientRect();
            return [box.x + xaxis._offset + xaxis.l2p(14), box.y + yaxis._offset + yaxis.l2p(30 * number + 14)];
        }""",
        number,
    )


def test_a_cell_of_the_matrix_shows_its_images_and_each_of_them_its_classes(page: Page, url: str):
    open_page(page, f"{url}/accuracy")
    before = digits(page, "confusion")
    move_slider(page, "epochs", 3)
    expect(page).to_have_url(re.compile("epochs=5"))
    assert digits(page, "confusion") != before

    page.mouse.click(*cell(page, "confusion", 7, 7))
    rest(page)
    expect(page).to_have_url(re.compile("cell=7%2C"))
    page.mouse.move(*image(page, 2))
    assert [outlined(page, name) for name in ("images", "ranks", "confusion")] == [1, 1, 1]
    assert re.search(r"\d+\D+7\D+7", page.locator(".st-key-board-board .line").inner_text())

    page.mouse.click(*image(page, 2))
    rest(page)
    expect(page).to_have_url(re.compile(r"image=\d+"))
    assert outlined(page, "images", "pinned") == outlined(page, "ranks", "pinned") == 1


@pytest.mark.parametrize("link", ["accuracy", "accuracy?projector=1"])
def test_the_board_stands_on_the_screen(page: Page, url: str, link: str):
    page.set_viewport_size({"width": 1280, "height": 720})
    open_page(page, f"{url}/{link}")
    line = page.locator(".st-key-board-board .line").bounding_box()
    last = page.locator("[data-panel='confusion'] .js-plotly-plot").evaluate(
        """plot => plot.getBoundingClientRect().y + plot._fullLayout.yaxis._offset + plot._fullLayout.yaxis._length"""
    )
    assert last <= line["y"] + 1
    assert line["y"] + line["height"] <= 720
    images, ranks = (page.locator(f"[data-panel='{name}']").bounding_box() for name in ("images", "ranks"))
    assert ranks["x"] - images["x"] - images["width"] < 40
