"""Copies and aliases in a browser: choose a way by its row, write to another cell, see the picture change."""

import pytest

from tests.browser.driving import chart, click_cell, drawn, open_page, rest

pytestmark = pytest.mark.browser


def said(page):
    return chart(page, "sharing").evaluate("plot => plot.layout.annotations.map(a => a.text).join(' | ')")


def test_a_click_on_a_row_chooses_the_way(page, url):
    open_page(page, f"{url}/aliases")
    assert "no gradient" in said(page)
    before = drawn(page, "sharing")
    click_cell(page, "ways", 10, 2)
    assert "b = a.clone()" in said(page)
    assert "gradient: CloneBackward0" in said(page)
    assert "way=a.clone" in page.url
    assert drawn(page, "sharing") != before


def test_a_click_on_a_cell_writes_there(page, url):
    open_page(page, f"{url}/aliases?value=42")
    place = chart(page, "sharing").evaluate(
        """plot => {
            const {xaxis, yaxis} = plot._fullLayout, box = plot.getBoundingClientRect(), cells = plot.data[0];
            return [box.x + xaxis._offset + xaxis.l2p(cells.x[2]), box.y + yaxis._offset + yaxis.l2p(cells.y[2])];
        }"""
    )
    page.mouse.click(*place)
    rest(page)
    assert "<b>42</b>" in said(page)
    assert "was 3" in said(page)
    assert "cell=2" in page.url
