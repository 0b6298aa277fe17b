"""The page on normalising in a real browser: a number, its vector, its norm and its arrow."""

import pytest

from tests.browser.driving import line, move_slider, open_page, outlined, pin, point

pytestmark = pytest.mark.browser


def test_a_number_lights_up_its_vector_norm_and_arrow(page, url):
    open_page(page, f"{url}/normalize?x_from=typed&x=[[3.0,4.0],[1.0,0.0]]")
    point(page, "output", 0, 1)
    assert outlined(page, "input") == {(0, 0), (0, 1)}
    assert outlined(page, "input", role="winner") == {(0, 1)}
    assert outlined(page, "norm") == {(0, 0)}
    assert page.locator("[data-panel='arrows'] .marks path.hovered.used").count() == 1
    assert line(page).startswith("output[0, 1] = 4 / 5 = 0.8")


def test_an_arrow_leads_to_its_vector_and_p_changes_it_in_place(page, url):
    open_page(page, f"{url}/normalize?x_from=typed&x=[[3.0,4.0],[-1.0,0.0]]")
    point(page, "arrows", -0.0, -1.0)  # y 0, x -1: where the second vector ends
    assert outlined(page, "output") == {(1, 0), (1, 1)}
    pin(page, "norm", 1, 0)
    assert page.locator(".st-key-cell input").input_value() == "1, 0"
    move_slider(page, "p", 3)
    assert "p=10" in page.url
