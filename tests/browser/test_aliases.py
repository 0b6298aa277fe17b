"""Copies and aliases in a browser: choose a way by its row, write to another cell, see what is one number in memory."""

import pytest

from tests.browser.driving import line, open_page, picture, rest

pytestmark = pytest.mark.browser


def said(page):
    return picture(page, "sharing").evaluate("plot => plot.layout.annotations.map(a => a.text).join(' | ')")


def at(page, panel, x, y):
    """Where on the screen a place of a picture is, in its own numbers."""
    return picture(page, panel).evaluate(
        """(plot, [x, y]) => {
            plot.scrollIntoView({block: 'center'});
            const {xaxis, yaxis} = plot._fullLayout, box = plot.getBoundingClientRect();
            return [box.x + xaxis._offset + xaxis.d2p(x), box.y + yaxis._offset + yaxis.d2p(y)];
        }""",
        [x, y],
    )


def test_a_pin_on_a_row_chooses_the_way(page, url):
    open_page(page, f"{url}/aliases")
    assert "no gradient" in said(page)
    page.mouse.click(*at(page, "ways", 2, 10))
    rest(page)
    assert "b = a.clone()" in said(page)
    assert "gradient: CloneBackward0" in said(page)
    assert "way=a.clone" in page.url
    page.mouse.click(*at(page, "ways", -3, 2))  # on the name
    rest(page)
    assert "b = a[1:]" in said(page)


def test_pointing_at_an_element_lights_up_its_cell_and_the_other_name(page, url):
    open_page(page, f"{url}/aliases?way=a[1:]&grad=false&value=42")
    page.mouse.move(*at(page, "sharing", 66, 75))  # a[1]
    marked = page.locator("[data-panel=sharing] .marks path.hovered.group")
    assert marked.get_attribute("d").count("M") == 3
    assert line(page, "sharing").startswith("a[1] and b[0] read cell 1")


def test_a_pin_writes_there(page, url):
    open_page(page, f"{url}/aliases?value=42")
    page.mouse.click(*at(page, "sharing", 110, 120))  # the storage's third cell
    rest(page)
    assert "<b>42</b>" in said(page)
    assert "was 3" in said(page)
    assert "cell=2" in page.url
