"""no_grad in a browser: change a context and see the graph change, point at a node, pin one."""

import pytest

from tests.browser.driving import choose, line, open_page, outlined, picture, pin, point, rest

pytestmark = pytest.mark.browser


def said(page):
    return picture(page, "graph").evaluate("plot => plot.layout.annotations.map(a => a.text).join(' | ')")


def test_the_graph_follows_the_context(page, url):
    open_page(page, f"{url}/no_grad")
    assert said(page).count("not recorded") == 1
    assert line(page).startswith("ExpBackward0")  # pinned at first
    choose(page, "all", "inference_mode()")
    assert said(page).count("not recorded") == 6
    assert "all=inference_mode" in page.url


def test_a_node_shows_what_it_keeps_and_can_be_pinned(page, url):
    open_page(page, f"{url}/no_grad?a=none")
    at = picture(page, "graph").evaluate(
        "plot => { const b = plot.getBoundingClientRect(); return [b.x + 100, b.y + 100]; }"
    )
    page.mouse.move(*at)
    assert outlined(page, "tensors") == {(row, i) for row in (2, 3) for i in range(3)}
    assert line(page).startswith("MulBackward0 keeps")
    point(page, "tensors", 3, 1)
    assert page.locator("[data-panel=graph] .marks path.hovered.used").get_attribute("d").count("M") == 2
    page.mouse.click(*at)
    page.wait_for_url("**cell=graph*")
    pin(page, "tensors", 2, 1)
    rest(page)
    assert "cell=h" in page.url
