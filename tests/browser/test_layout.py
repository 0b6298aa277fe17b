"""The memory page in a real browser: pick in the tensor and in the strip, build a chain, play the walk."""

from urllib.parse import parse_qs, urlparse

import pytest

from tests.browser.driving import click_cell, drawn, numbers, open_page, rest, type_into

pytestmark = pytest.mark.browser


def parameters(page):
    return {key: values[0] for key, values in parse_qs(urlparse(page.url).query).items()}


def test_picking_in_the_tensor_and_in_the_strip(page, url):
    open_page(page, f"{url}/layout?shape=3,4&dtype=float32&fill=arange&chain=transpose(0,1)")
    before = drawn(page, "storage A")
    click_cell(page, "tensor x1", 3, 2)
    assert parameters(page)["cell"] == "3,2"
    assert page.get_by_text("0 + 3·1 + 2·4 = 11").count() == 1
    assert drawn(page, "storage A") != before
    click_cell(page, "storage A", 0, 5)  # address 5 is x1[1, 1]
    assert parameters(page)["cell"] == "1,1"
    click_cell(page, "tensor x0", 2, 3)  # the same number in the tensor before: x1[3, 2]
    assert parameters(page)["cell"] == "3,2"


def test_building_a_chain(page, url):
    open_page(page, f"{url}/layout?shape=3,4&dtype=float32&fill=arange&chain=transpose(0,1)")
    page.get_by_role("button", name="Add a step").click()
    page.locator(".st-key-add-contiguous button").click()
    rest(page)
    assert parameters(page)["chain"] == "transpose(0,1)>contiguous"
    assert [row[:3] for row in numbers(page, "tensor x2")] == [
        ["0", "4", "8"],
        ["1", "5", "9"],
        ["2", "6", "10"],
        ["3", "7", "11"],
    ]
    page.get_by_role("button", name="1: x.transpose(0, 1)").click()
    page.get_by_role("button", name="Remove").click()
    rest(page)
    assert parameters(page)["chain"] == "contiguous"


def test_a_refused_view_is_explained(page, url):
    open_page(page, f"{url}/layout?shape=3,4&dtype=float32&fill=arange&chain=transpose(0,1)>view(12)")
    assert page.get_by_text("view size is not compatible").count() >= 1
    assert page.locator(".st-key-refused .js-plotly-plot").count() == 1


def test_writing_through_a_view(page, url):
    open_page(page, f"{url}/layout?shape=3,4&dtype=float32&fill=arange&chain=transpose(0,1)&cell=1,1")
    type_into(page, "write", "99")
    assert page.get_by_text("x0 (1), x1 (1)").count() == 1
    assert parameters(page)["write"] == "99"


def test_the_walk_reads_the_strip_in_reading_order(page, url):
    open_page(page, f"{url}/layout?shape=2,3&dtype=float32&fill=arange&chain=transpose(0,1)&tab=Walk+through")
    walk = page.locator(".walk")
    walk.wait_for()
    walk.focus()
    jumps = []
    for _ in range(40):
        page.keyboard.press("ArrowRight")
        cells = walk.locator(".panel").first.locator(".cell")
        reading = [i for i in range(6) if "reads" in (cells.nth(i).get_attribute("class") or "")]
        if reading and (not jumps or jumps[-1] != reading[0]):
            jumps.append(reading[0])
    assert jumps == [0, 3, 1, 4, 2, 5]
