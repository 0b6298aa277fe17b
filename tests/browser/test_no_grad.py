"""no_grad in a browser: change a context and see the graph change; move a slider of the memory tab."""

import pytest

from tests.browser.driving import choose, line, move_slider, open_page, outlined, picture, point, rest

pytestmark = pytest.mark.browser


def said(page):
    return picture(page, "graph").evaluate("plot => plot.layout.annotations.map(a => a.text).join(' | ')")


def test_the_graph_follows_the_context(page, url):
    open_page(page, f"{url}/no_grad")
    assert said(page).count("not recorded") == 1
    choose(page, "all", "inference_mode()")
    assert said(page).count("not recorded") == 6
    assert "all=inference_mode" in page.url


def test_the_memory_tab(page, url):
    open_page(page, f"{url}/no_grad?tab=Memory")
    bars = "plot => JSON.stringify(plot.data.map(t => t.y))"
    before = picture(page, "network").evaluate(bars)
    move_slider(page, "depth", 2)
    page.wait_for_url("**depth=6**")
    rest(page)
    assert picture(page, "network").evaluate(bars) != before


def test_pointing_at_a_node_shows_what_it_keeps(page, url):
    open_page(page, f"{url}/no_grad?a=recorded")
    page.mouse.move(*picture(page, "graph").evaluate(
        "plot => { const b = plot.getBoundingClientRect(); return [b.x + 100, b.y + 100]; }"
    ))  # fmt: skip
    assert outlined(page, "tensors") == {(row, i) for row in (2, 3) for i in range(3)}
    assert line(page).startswith("MulBackward0 keeps")
    point(page, "tensors", 3, 1)
    assert page.locator("[data-panel=graph] .marks path.hovered.used").get_attribute("d").count("M") == 2
