"""The page on weight decay in a real browser: move λ, point at a step, and take a λ from the curve over all of them."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import move_slider, open_page, open_tab, rest
from tests.browser.test_board import outlined

pytestmark = pytest.mark.browser


def ys(page: Page, panel: str) -> str:
    """What the lines of a picture run through, as text to compare."""
    return page.locator(f"[data-panel='{panel}'] .js-plotly-plot").evaluate(
        "plot => JSON.stringify(plot._fullData.map(line => Array.from(line.y)))"
    )


def spot(page: Page, panel: str, x: float, y: float) -> list[float]:
    """Where on the screen this point of a curve is."""
    return page.locator(f"[data-panel='{panel}'] .js-plotly-plot").evaluate(
        """(plot, [x, y]) => {
            plot.scrollIntoView({block: 'center'});
            const {xaxis, yaxis} = plot._fullLayout, box = plot.getBoundingClientRect();
            return [box.x + xaxis._offset + xaxis.d2p(x), box.y + yaxis._offset + yaxis.d2p(y)];
        }""",
        [x, y],
    )


def test_moving_lambda_changes_every_picture_in_place(page: Page, url: str):
    open_page(page, f"{url}/weight_decay")
    page.evaluate("document.querySelectorAll('.js-plotly-plot').forEach((plot, i) => { plot.tag = i; })")
    before = {name: ys(page, name) for name in ("losses", "norms", "weights")}
    move_slider(page, "lambd", 3)
    expect(page).to_have_url(re.compile("lambd=3.3"))
    assert all(ys(page, name) != drawn for name, drawn in before.items())
    assert page.evaluate("[...document.querySelectorAll('.js-plotly-plot')].map(plot => plot.tag)") == [0, 1, 2]
    open_tab(page, "Loss or optimiser")
    assert ys(page, "places")


def test_pointing_at_a_step_rings_it_in_all_curves_and_its_histogram(page: Page, url: str):
    open_page(page, f"{url}/weight_decay")
    last = page.locator("[data-panel='norms'] .js-plotly-plot").evaluate("plot => plot._fullData[0].y[40]")
    page.mouse.move(*spot(page, "norms", 40, last))
    assert [outlined(page, name) for name in ("losses", "norms", "weights")] == [1, 1, 1]
    assert page.locator(".st-key-board-board .line").inner_text().startswith("Step 40, λ = 0: ‖w‖ =")


def test_a_click_on_the_curve_over_all_lambdas_takes_that_lambda(page: Page, url: str):
    open_page(page, f"{url}/weight_decay?tab=All+%CE%BB")
    height = page.locator("[data-panel='sweep'] .js-plotly-plot").evaluate("plot => plot._fullData[1].y[3]")
    page.mouse.click(*spot(page, "sweep", 1, height))
    rest(page)
    expect(page).to_have_url(re.compile("lambd=1(&|$|\\.0)"))
