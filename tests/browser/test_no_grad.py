"""no_grad in a browser: change a context and see the graph change; move a slider of the memory tab."""

import pytest

from tests.browser.driving import chart, choose, drawn, move_slider, open_page, rest

pytestmark = pytest.mark.browser


def said(page):
    return chart(page, "graph").evaluate("plot => plot.layout.annotations.map(a => a.text).join(' | ')")


def test_the_graph_follows_the_context(page, url):
    open_page(page, f"{url}/no_grad")
    assert said(page).count("not recorded") == 1
    choose(page, "all", "inference_mode()")
    assert said(page).count("not recorded") == 6
    assert "all=inference_mode" in page.url


def test_the_memory_tab(page, url):
    open_page(page, f"{url}/no_grad?tab=Memory")
    before = drawn(page, "network")
    move_slider(page, "depth", 2)
    page.wait_for_url("**depth=6**")
    rest(page)
    assert drawn(page, "network") != before
