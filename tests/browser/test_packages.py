"""The page on the packages in a real browser: samples, layers and steps light up, and pins move the controls."""

import pytest

from tests.browser.driving import line, move_slider, open_page, open_tab, outlined, picture, pin, point

pytestmark = pytest.mark.browser


def test_a_sample_and_its_batch(page, url):
    open_page(page, f"{url}/packages")
    point(page, "times", 0, 3)
    assert len(outlined(page, "epoch 0")) == len(outlined(page, "epoch 1")) == 1
    assert line(page).startswith("Sample 3 comes once in epoch 0")
    pin(page, "epoch 1", 2, 0)
    assert "batch=1%2C+2" in page.url


def test_the_optimisers_paths_change_in_place_and_a_point_is_spelled_out(page, url):
    open_page(page, f"{url}/packages")
    open_tab(page, "optim")
    picture(page, "paths").locator(".main-svg").first.wait_for()
    assert "part=optim" in page.url
    picture(page, "paths").evaluate("plot => { plot.tag = 1; }")
    before = line(page)
    move_slider(page, "steps", -3)
    assert picture(page, "paths").evaluate("plot => plot.tag") == 1
    move_slider(page, "at", 4)
    assert line(page) != before
    assert page.locator("[data-panel='heights'] .marks path.pinned.used").count() == 1


def test_a_pinned_layer_is_looked_at(page, url):
    open_page(page, f"{url}/packages?part=nn")
    place = picture(page, "costs").evaluate("""plot => {
        const {xaxis, yaxis} = plot._fullLayout, box = plot.getBoundingClientRect();
        return [box.x + xaxis._offset + xaxis.d2p(4), box.y + yaxis._offset + yaxis.d2p(32)];
    }""")
    page.mouse.click(*place)
    page.get_by_text("sample 0 after Linear, 32").first.wait_for()
    assert "layer=4" in page.url
