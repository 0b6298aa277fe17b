"""Timing in a real browser: start a run, see it go on, stop it, and keep what has been measured."""

import pytest

from tests.browser.driving import open_page, rest

pytestmark = pytest.mark.browser


def test_a_run_on_a_topics_page_from_start_to_end(page, url):
    open_page(page, f"{url}/dropout?tab=Timing&t_sizes=small")
    page.get_by_role("button", name="Run").click()
    page.wait_for_selector(".st-key-timing-times .js-plotly-plot .main-svg", timeout=60_000)
    rest(page)
    assert page.get_by_role("button", name="CSV").count() == 1
    assert page.get_by_role("button", name="JSON").count() == 1


def test_a_run_over_all_operators_is_stopped_and_keeps_what_it_has(page, url):
    open_page(page, f"{url}/timing")
    page.get_by_role("button", name="Run").click()
    page.get_by_role("button", name="Stop").click(timeout=30_000)
    page.get_by_role("button", name="Run").wait_for(timeout=60_000)
    rest(page)
    assert page.get_by_text("stopped", exact=False).count() >= 1
