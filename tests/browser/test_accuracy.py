"""The accuracy page in a real browser: train further, pick a cell of the matrix, then one of its images."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import chart, click_cell, drawn, move_slider, open_page, rest

pytestmark = pytest.mark.browser


def test_a_cell_of_the_matrix_shows_its_images_and_one_of_them_its_probabilities(page: Page, url: str):
    open_page(page, f"{url}/accuracy")
    before = drawn(page, "confusion")
    move_slider(page, "epochs", 3)
    expect(page).to_have_url(re.compile("epochs=5"))
    assert drawn(page, "confusion") != before

    click_cell(page, "confusion", 7, 7)
    expect(page).to_have_url(re.compile("cell=7%2C7"))
    expect(page.get_by_text("predicted 7").first).to_be_visible()

    probabilities = drawn(page, "one image")
    place = chart(page, "images").evaluate(
        """plot => {
            plot.scrollIntoView({block: 'center'});
            const {xaxis, yaxis} = plot._fullLayout, box = plot.getBoundingClientRect();
            return [box.x + xaxis._offset + xaxis.l2p(44), box.y + yaxis._offset + yaxis.l2p(14)];
        }"""
    )
    page.mouse.move(*place)
    page.mouse.click(*place)
    rest(page)
    expect(page).to_have_url(re.compile(r"image=\d+"))
    assert drawn(page, "one image") != probabilities
