"""The cut font of the icons has all that can be shown."""

import pytest
from fontTools.ttLib import TTFont

from core.web import files
from docs import icons
from tests.browser.driving import open_page

AGAIN = "make it anew: python -m docs.icons"

WIDE = """() => [...document.querySelectorAll('[data-testid=stIconMaterial]')].filter((icon) => {
    const range = document.createRange();
    range.selectNodeContents(icon);
    return range.getBoundingClientRect().width > 1.6 * parseFloat(getComputedStyle(icon).fontSize);
}).map((icon) => icon.textContent)"""


@pytest.fixture(scope="module")
def kept():
    return icons.icons(TTFont(files.CUT / files.ICONS.name)).keys()


def test_it_is_cut_from_the_font_that_streamlit_brings():
    assert [path.name for path in files.CUT.iterdir()] == [files.ICONS.name], AGAIN


def test_it_has_every_icon_that_a_script_or_we_name(kept):
    whole = icons.icons(TTFont(files.ICONS)).keys()
    ours = icons.named_by_us()
    assert ours <= whole, f"Streamlit has no icon {ours - whole}"
    assert (icons.named_by_streamlit() | ours) & whole <= kept, AGAIN


@pytest.mark.browser
def test_icons_show_as_pictures_not_as_their_names(page, url):
    open_page(page, f"{url}/dropout")
    page.get_by_role("button", name="Share").click()
    page.wait_for_timeout(500)
    assert page.locator("[data-testid=stIconMaterial]").count() > 20
    assert page.evaluate(WIDE) == []
