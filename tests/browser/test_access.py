"""Every page for everyone: axe, a phone, the keyboard alone, reduced motion.

The open tab of each page is looked at in light, another one in dark; with ACCESS=all in the environment, all of them in
both.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, WebSocket, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from core.topics import PAGES as TOPICS
from tests.browser.driving import open_page, rest
from tests.pages.opening import tells

expect.set_options(timeout=20_000)  # what a busy machine takes
pytestmark = pytest.mark.browser
EVERY_TAB = os.environ.get("ACCESS") == "all"
PAGES = ["", *(topic.name for topic in TOPICS)]
# Streamlit's own side bar wraps its sections in a way that axe takes for a broken list; nothing of ours is in it.
OURS = {"exclude": [["[data-testid=stSidebarNav]"]]}
FAULTS_ALONE = {"resultTypes": ["violations"]}  # not each of the thousands of elements that are as they should be
SCREEN, PHONE = {"width": 1280, "height": 720}, {"width": 390, "height": 844}


def looked_at(page: Page, name: str, theme: str) -> list[str]:
    """The tabs to look at; in light the one that is open anyway, in dark another one on each page."""
    names = [tab.strip() for tab in page.get_by_role("tab").all_inner_texts()]
    if EVERY_TAB or not names:
        return names or [""]
    return [names[PAGES.index(name) % len(names)] if theme == "dark" else ""]


def faults(page: Page) -> list[str]:
    return [
        f"{fault['id']}: {node['html'][:200]}"
        for fault in Axe().run(page, context=OURS, options=FAULTS_ALONE).response["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


def silent_charts(page: Page) -> list[str]:
    said = page.locator("[data-testid=stMain] [data-panel]").evaluate_all(
        "charts => charts.map(chart => chart.getAttribute('aria-label') || '')"
    )
    return [alt for alt in said if not tells(alt)]


def sideways(page: Page) -> bool:
    return page.evaluate(
        "() => { const m = document.querySelector('[data-testid=stMain]'); return m.scrollWidth > m.clientWidth + 1; }"
    )


def dressed(page: Page, theme: str) -> None:
    """Change the theme under the open page, as an evening does."""
    page.emulate_media(color_scheme=theme)
    scheme = f"() => getComputedStyle(document.querySelector('[data-testid=stApp]')).colorScheme === '{theme}'"
    page.wait_for_function(scheme)
    rest(page)


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_serious_fault_charts_speak_and_a_phone_need_not_scroll_sideways(page, url, name):
    page.emulate_media(color_scheme="light")
    open_page(page, f"{url}/{name}")
    views = [(theme, tab) for theme in ("light", "dark") for tab in looked_at(page, name, theme)]
    for theme, tab in views:
        dressed(page, theme)
        page.set_viewport_size(SCREEN)
        if tab:
            page.get_by_role("tab", name=tab, exact=True).press("Enter")
            rest(page)
            assert page.get_by_role("tab", name=tab, exact=True).get_attribute("aria-selected") == "true"
        assert not faults(page), tab
        assert not silent_charts(page), tab
        page.set_viewport_size(PHONE)
        page.wait_for_timeout(300)
        rest(page)  # the charts take their new width
        assert not sideways(page), tab


# ---- the keyboard alone ----------------------------------------------------------------------------------------


def reach(page: Page, selector: str, words: str = "", key: str = "Tab") -> None:
    """Press a key until the focus stands on, or within, what the selector names and has these words."""
    for _ in range(60):
        page.keyboard.press(key)
        if page.evaluate(
            """([selector, words]) => {
                let focus = document.activeElement;
                while (focus?.shadowRoot?.activeElement) focus = focus.shadowRoot.activeElement;
                const found = focus?.closest(selector);
                return !!found && found.textContent.includes(words);
            }""",
            [selector, words],
        ):
            return
    raise AssertionError(f"{key} does not lead to {selector} {words}")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def write(page: Page, text: str, end: str) -> None:
    """Write into the field that has the focus, in place of what stood there."""
    page.keyboard.press("Control+a")
    page.keyboard.type(text)
    press(page, end)


@contextmanager
def answered(page: Page, socket: WebSocket) -> Iterator[None]:
    """Wait until the app has run for what is done meanwhile, and the page shows it, however late that is."""
    rest(page)
    with socket.expect_event("framereceived", ends_a_run):
        yield
    rest(page)


def ends_a_run(frame: bytes) -> bool:
    return ForwardMsg.FromString(frame).WhichOneof("type") == "script_finished"


@pytest.fixture
def keyboard(chromium):
    """A page in one theme: keys are the same in both."""
    context = chromium.new_context(viewport=SCREEN)
    yield context.new_page()
    context.close()


def test_the_keyboard_alone_works_a_page(keyboard, url):
    page, sockets = keyboard, []
    page.on("websocket", lambda socket: sockets.append(socket))  # Playwright takes no built-in function
    open_page(page, f"{url}/dropout?walked=textbook")  # a walk of more than two steps
    reach(page, "a", "Skip to main content")
    press(page, "Enter")  # past the side bar

    reach(page, "button", "Share")
    press(page, "Enter")
    expect(page.locator("[data-testid=stPopoverBody] img")).to_be_visible()
    with answered(page, sockets[-1]):  # it asks for a run, in which a key's move would be lost
        press(page, "Escape")
    expect(page.locator("[data-testid=stPopoverBody]")).to_be_hidden()

    reach(page, ".st-key-p input")
    press(page, "ArrowRight", "ArrowRight")
    expect(page).to_have_url(re.compile("p=0.6"))
    reach(page, ".st-key-more summary")
    press(page, "Enter")
    expect(page).to_have_url(re.compile("more=true"))
    reach(page, ".st-key-x_from input")
    write(page, "typed", "Enter")
    reach(page, ".st-key-x textarea")
    write(page, "1.5 2; 3 4", "Control+Enter")
    expect(page.locator("[data-panel=x]")).to_have_attribute("aria-label", "input, 2×2: 1.5, 2, 3, 4")
    reach(page, ".st-key-cell input")
    write(page, "1, 0", "Enter")
    expect(page.get_by_text("y[1, 0]")).to_be_visible()

    rest(page)
    reach(page, "[role=tab]")
    press(page, "ArrowRight", "Enter")
    walk = page.locator(".walk")
    expect(walk.locator(".where")).to_contain_text("1 /")
    reach(page, ".walk")
    page.keyboard.press("ArrowRight")
    expect(walk.locator(".where")).to_contain_text("2 /")
    page.keyboard.press("Space")
    expect(walk.locator(".where")).to_contain_text(re.compile(r"([4-9]|\d\d) /"))  # it does not wait to be looked at
    page.keyboard.press("Space")

    reach(page, "[role=tab]", key="Shift+Tab")
    press(page, "ArrowRight", "Enter")
    reach(page, "[data-testid=stForm] input")
    if page.evaluate("() => document.activeElement.matches('[type=radio]')"):
        press(page, "Space", "Tab", "Enter")
    else:
        write(page, "7", "Enter")
    rest(page)
    expect(page.get_by_text(re.compile("^[01] of 1$"))).to_be_visible()

    reach(page, "[role=tab]", key="Shift+Tab")
    press(page, "ArrowRight", "ArrowRight", "Enter")
    reach(page, "[role=tabpanel] button", "Run")
    press(page, "Enter")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    reach(page, "[role=tabpanel] button", "Stop")
    press(page, "Enter")
    expect(page.get_by_role("button", name="Run")).to_be_visible(timeout=60_000)


def test_a_digit_is_drawn_with_the_keys(keyboard, url):
    page = keyboard
    open_page(page, f"{url}/mlp")
    reach(page, "a", "Skip to main content")
    press(page, "Enter")
    reach(page, "button", "Draw a digit")
    press(page, "Enter")
    reach(page, "canvas")
    page.keyboard.press("Space")
    for _ in range(6):
        page.keyboard.press("ArrowUp")
    press(page, "Space")
    expect(page.get_by_text("x: your image")).to_be_visible()
    expect(page).to_have_url(re.compile(r"x=[nz][0-9a-f]{6}_u8_28x28"))


# ---- reduced motion --------------------------------------------------------------------------------------------

MOVING = """() => {
    const moving = [];
    const look = root => root.querySelectorAll('*').forEach(element => {
        if (element.shadowRoot) look(element.shadowRoot);
        const {animationName, transitionDuration} = getComputedStyle(element);
        if (animationName !== 'none' || /[1-9]/.test(transitionDuration))
            moving.push(`${element.tagName} ${element.className} ${animationName} ${transitionDuration}`);
    });
    look(document);
    document.querySelectorAll('.js-plotly-plot').forEach(plot => {
        if (plot._fullLayout.transition?.duration) moving.push('a chart');
    });
    return [...new Set(moving)];
}"""


def test_nothing_moves_by_itself_where_the_reader_wants_no_motion(chromium, url):
    context = chromium.new_context(viewport=SCREEN, reduced_motion="reduce")
    page = context.new_page()
    open_page(page, f"{url}/dropout?tab=Walk+through")
    where = page.locator(".walk .where")
    expect(where).to_contain_text("1 /")
    assert page.evaluate(MOVING) == []
    page.get_by_role("button", name="Share").click()
    expect(page.locator("[data-testid=stPopoverBody] img")).to_be_visible()
    page.wait_for_timeout(1000)  # longer than a step of the walk
    assert page.evaluate(MOVING) == []
    expect(where).to_contain_text("1 /")
    context.close()
