"""The page on batch norm in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import line, move_slider, open_page, outlined, picture, pin, point

pytestmark = pytest.mark.browser


def test_pointing_at_a_number_lights_its_group_and_spells_its_way(page: Page, url: str):
    open_page(page, f"{url}/batch_norm?rank=N×C&kind=batch&weight=2&bias=1")
    point(page, "standardized", 1, 2)
    assert outlined(page, "x") == {(1, 2)}
    assert outlined(page, "x", role="group") == {(n, 2) for n in range(3)}
    assert outlined(page, "standardized", role="group") == {(n, 2) for n in range(3)}
    for name in ("mean", "var", "gamma", "beta"):
        assert outlined(page, name) == {(0, 2)}
    said = line(page)
    x, mean, var, standardized = map(
        float, re.search(r"= \((\S+) − \(?([^)]+)\)*? / √\((\S+) \+ 1e-5\) = (\S+);", said).groups()
    )
    assert standardized == pytest.approx((x - mean) / var**0.5, abs=1e-3)
    assert float(said.rsplit("= ", 1)[1]) == pytest.approx(2 * standardized + 1, abs=1e-3)

    point(page, "mean", 0, 1)
    assert outlined(page, "x") == {(n, 1) for n in range(3)}


@pytest.mark.parametrize(
    ("kind", "group"),
    [("layer", [(r, c) for r in (0, 1, 3, 4, 6, 7, 9, 10) for c in (3, 4)]),
     ("instance", [(r, c) for r in (3, 4) for c in (3, 4)]),
     ("group", [(r, c) for r in (0, 1, 3, 4) for c in (3, 4)])],
)  # fmt: skip
def test_the_group_of_a_number(page: Page, url: str, kind: str, group: list):
    open_page(page, f"{url}/batch_norm?kind={kind}&cell=2,3,0,0")
    point(page, "x", 4, 3)  # sample 1, channel 1
    assert outlined(page, "x", role="group") == set(group)
    assert outlined(page, "output", role="group") == set(group)


@pytest.mark.parametrize("link", ["", "?kind=group", "?N=6&C=6", "?kind=instance&N=6&C=6&H=4&W=4"])
def test_the_board_stands_on_the_screen(page: Page, url: str, link: str):
    page.set_viewport_size({"width": 1280, "height": 720})
    open_page(page, f"{url}/batch_norm{link}")
    board = page.locator(".st-key-board-board")
    assert board.bounding_box()["y"] + board.bounding_box()["height"] <= 720


def test_moving_gamma_and_pinning(page: Page, url: str):
    open_page(page, f"{url}/batch_norm?rank=N×C")
    before = picture(page, "output").evaluate("plot => JSON.stringify(plot.data[0].z)")
    move_slider(page, "weight", 2)
    assert picture(page, "output").evaluate("plot => JSON.stringify(plot.data[0].z)") != before
    pin(page, "x", 1, 0)
    expect(page).to_have_url(re.compile("cell=1%2C\\+?0"))
    pin(page, "beta", 0, 3)  # of channel 3: its first number
    expect(page).to_have_url(re.compile("cell=0%2C\\+?3"))
    assert outlined(page, "x", "pinned", "self") == {(0, 3)}


def test_a_channel_lights_up_in_all_running_statistics(page: Page, url: str):
    open_page(page, f"{url}/batch_norm")
    point(page, "batch_mean", 0, 2)
    for name in ("running_mean", "new_mean", "running_var", "batch_var", "new_var"):
        assert outlined(page, name) == {(0, 2)}
    assert picture(page, "variances").locator("xpath=..").locator(".marks path.hovered").count() == 1
    assert "(1 − 0.1)" in line(page, "running")
