"""Timing in a real browser: start a run, see it go on, stop it, and keep what has been measured."""

import re
from urllib.parse import parse_qs, urlparse

import pytest

from core.topics import TOPICS
from tests.browser.driving import line, open_page, point, rest, spot

pytestmark = pytest.mark.browser


def test_a_run_on_a_topics_page_from_start_to_end(page, url):
    open_page(page, f"{url}/dropout?tab=Timing&t_sizes=small")
    page.get_by_role("button", name="Run").click()
    page.get_by_role("button", name="Stop").wait_for(timeout=30_000)
    page.get_by_role("button", name="Run").wait_for(timeout=120_000)
    page.wait_for_selector("[data-panel='call times'] .js-plotly-plot .main-svg", timeout=60_000)
    page.wait_for_selector("[data-panel='bytes'] .js-plotly-plot .main-svg", timeout=60_000)
    rest(page)
    assert page.get_by_text("recorded, not live").count() == 0
    files = page.locator("[data-testid=stDownloadButton]").all_inner_texts()
    assert [text.split()[-1] for text in files[-2:]] == ["CSV", "JSON"]
    assert page.get_by_role("button", name="JSON").count() == 1


def test_a_run_over_all_operators_is_stopped_and_keeps_what_it_has(page, url):
    open_page(page, f"{url}/timing")
    page.get_by_role("button", name="Run").click()
    page.get_by_role("button", name="Stop").click(timeout=30_000)
    page.get_by_role("button", name="Run").wait_for(timeout=60_000)
    rest(page)
    assert page.get_by_text("stopped", exact=False).count() >= 1


def test_a_cell_of_the_table_leads_to_its_operators_timing(page, url):
    first = next(topic for topic in TOPICS if topic.operators)
    open_page(page, f"{url}/timing")
    point(page, "table 0", 0, 0)
    assert line(page).startswith(next(iter(first.operators)).name)
    page.mouse.click(*spot(page, "table 0", 0, 0))
    page.get_by_role("heading", name=first.title, exact=True).wait_for(timeout=30_000)
    page.get_by_role("button", name="Run").wait_for(timeout=30_000)
    address = urlparse(page.url)
    assert address.path == f"/{first.name}"
    assert parse_qs(address.query)["tab"] == ["Timing"]


def test_leaving_the_page_gives_the_turn_away(page, url):
    open_page(page, f"{url}/dropout?tab=Timing&t_budget=120+s")
    page.get_by_role("button", name="Run").click()
    page.get_by_role("button", name="Stop").wait_for(timeout=30_000)
    page.locator("[data-testid=stSidebarNav]").get_by_role("link", name="Timing").click()
    page.get_by_role("heading", name="Timing", exact=True).wait_for(timeout=30_000)
    page.get_by_role("button", name="Run").click()
    page.get_by_text(re.compile(r"\(\d+ of")).wait_for(timeout=30_000)  # its turn has come
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Run").wait_for(timeout=60_000)
    rest(page)
