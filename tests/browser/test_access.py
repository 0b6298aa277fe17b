"""Every page for everyone: axe finds no serious fault in light or dark, and a phone need not scroll sideways."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from core.topics import TOPICS
from tests.browser.driving import open_page

pytestmark = pytest.mark.browser
PAGES = ["", *(topic.name for topic in TOPICS)]
# Streamlit's own side bar wraps its sections in a way that axe takes for a broken list; nothing of ours is in it.
OURS = {"exclude": [["[data-testid=stSidebarNav]"]]}


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_serious_fault(page, url, name):
    open_page(page, f"{url}/{name}")
    found = Axe().run(page, context=OURS).response["violations"]
    serious = [
        f"{fault['id']}: {node['html'][:200]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
    assert not serious, serious


def test_a_phone_sees_every_page_without_sideways_scrolling(chromium, url):
    tab = chromium.new_context(viewport={"width": 390, "height": 844}).new_page()
    for name in PAGES:
        open_page(tab, f"{url}/{name}")
        wide, view = tab.evaluate(
            "() => { const m = document.querySelector('[data-testid=stMain]'); return [m.scrollWidth, m.clientWidth]; }"
        )
        assert wide <= view + 1, name
    tab.context.close()
