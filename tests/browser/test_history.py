"""Back and Forward, in a real browser: one action of the reader is one entry, and a page comes back as it was left."""

import numpy as np
import pytest

from tests.browser.driving import choose, move_slider, numbers, open_page, open_tab, pin, rest, type_into
from tests.browser.test_frame import parameters

pytestmark = pytest.mark.browser


def side_bar(page, name):
    page.locator(f"[data-testid=stSidebarNav] a[href$='/{name}']").click()
    page.wait_for_function("name => location.pathname.endsWith('/' + name)", arg=name)
    rest(page)


def entries(page):
    return page.evaluate("history.length")


def back(page):
    page.go_back()
    rest(page)


def forward(page):
    page.go_forward()
    rest(page)


def stood(page, key):
    return page.locator(f".st-key-{key} input[type=range]").first.input_value()


def test_back_after_the_side_bar_brings_the_page_before_with_its_settings_at_once(page, url):
    open_page(page, f"{url}/softmax?z0=4&T=5")
    before = entries(page)
    side_bar(page, "gather")
    assert (entries(page), parameters(page)) == (before + 1, {})
    back(page)
    assert page.url == f"{url}/softmax?z0=4&T=5"
    assert stood(page, "z0") == "4"
    forward(page)
    assert page.url == f"{url}/gather"
    side_bar(page, "softmax")
    assert (entries(page), parameters(page)) == (before + 2, {"z0": "4", "T": "5"})
    assert stood(page, "z0") == "4"


def test_settings_of_the_same_name_come_back_with_their_own_page(page, url):
    open_page(page, f"{url}/convolution?stride=3&seed=7")
    side_bar(page, "pooling")
    assert parameters(page) == {}
    move_slider(page, "padding", -1)
    assert parameters(page) == {"padding": "0"}
    back(page)  # to pooling as it opened
    assert (page.url, stood(page, "padding")) == (f"{url}/pooling", "1")
    back(page)
    assert parameters(page) == {"stride": "3", "seed": "7"}
    assert stood(page, "stride") == "3"
    forward(page)
    forward(page)
    assert (parameters(page), stood(page, "padding")) == ({"padding": "0"}, "0")


def test_each_action_is_one_entry_and_back_takes_it_back(page, url):
    open_page(page, f"{url}/layout")
    seen = [(entries(page), page.url)]
    page.locator(".st-key-preset input[role=combobox]").first.click()
    page.get_by_role("option").nth(3).click()  # sets shape, dtype, numbers and chain
    rest(page)
    seen.append((entries(page), page.url))
    open_tab(page, "Predict")
    seen.append((entries(page), page.url))
    page.get_by_role("button", name="Reset").click()
    rest(page)
    seen.append((entries(page), page.url))
    side_bar(page, "dropout")
    pin(page, "x", 2, 3)
    assert parameters(page) == {"cell": "2, 3"}
    assert [count - seen[0][0] for count, _ in seen] == [0, 1, 2, 3]
    assert entries(page) == seen[-1][0] + 2
    back(page)
    assert parameters(page) == {}
    for _, address in reversed(seen):
        back(page)
        assert page.url == address


def test_an_upload_a_typed_text_and_a_complaint_wait_for_their_page(page, url, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(64 * 64.0).reshape(64, 64) / 7)  # too large for a link
    open_page(page, f"{url}/dropout?p=0&seed=abc&more=true")
    assert page.get_by_text("The link asked for").count() == 1
    choose(page, "x_from", "a file")
    page.locator("[data-testid=stFileUploader] input[type=file]").set_input_files(tmp_path / "x.npy")
    page.wait_for_function("() => document.body.innerText.includes('64×64')")
    rest(page)
    side_bar(page, "normalize")
    assert page.get_by_text("The link asked for").count() == 0
    choose(page, "x_from", "typed or pasted")
    type_into(page, "x", "1 2; 3 four")
    assert page.get_by_text("four").count() >= 1
    away = lambda: side_bar(page, "dropout"), lambda: back(page)
    home = lambda: side_bar(page, "normalize"), lambda: forward(page)
    for leave, come_back in zip(away, home, strict=True):
        leave()
        assert page.get_by_text("64×64").count() >= 1
        assert page.get_by_text("The link asked for").count() == 1
        come_back()
        assert page.locator(".st-key-x textarea").input_value() == "1 2; 3 four"
        assert page.get_by_text("The link asked for").count() == 0


def test_a_number_typed_into_the_grid_counts_when_the_reader_clicks_elsewhere(page, url):
    open_page(page, f"{url}/dropout?p=0&x_from=typed&x=[[5,6]]&more=true")
    page.get_by_text("Edit as a grid").click()
    grid = page.locator("[data-testid=stDataFrame] canvas").first
    grid.wait_for()
    rest(page)
    box = grid.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 30, box["y"] + box["height"] - 15)
    page.keyboard.press("7")
    page.locator(".gdg-input").wait_for()  # the editor, which the first key opens
    page.keyboard.press("7")
    page.locator("h1").click()
    rest(page)
    assert numbers(page, "x") == [["5", "77"]]


def test_what_a_teacher_hides_and_the_language_travel_by_the_side_bar_and_locks_stay(page, url):
    open_page(page, f"{url}/dropout?hide=answers,code&lock=p&p=0.25")
    side_bar(page, "softmax")
    rest(page)
    assert "hide=answers" in page.url
    assert "lock" not in page.url
    assert page.get_by_role("tab", name="Code").count() == 0
    back(page)
    assert "lock=p" in page.url
    assert "p=0.25" in page.url
