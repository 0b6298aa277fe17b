"""A real server and a real browser, one of each a session, for every test that asks for them; one thread for torch.

They are here, above all folders of tests, because Playwright runs once a process: a second copy of `chromium`, imported
into another folder, would start a second Playwright and fail while the first is open.
"""

import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

from core.ui.start import settle_torch
from tests.serving import free_port, start_server

CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


settings.register_profile("unhurried", deadline=None)  # a busy machine takes as long as it takes
settings.load_profile("unhurried")

SCREEN = {"width": 1280, "height": 720}
MOST_ENTRIES = 30  # of a tab's history, which ends at 50: where it counts no further, tests could not count entries


@pytest.fixture(scope="session", autouse=True)
def settled() -> None:
    """As a server's start has it: products summed by several threads differ in the last bit from what a script prints.

    The server's start sets it, and a page that is opened without a server goes without. Where several tests run at
    once, each with as many threads as there are cores, a small product also takes thirty times as long: threads wait
    for each other in turns.
    """
    settle_torch()


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    port = free_port()
    server = start_server(port)
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait(10)


def executable() -> str | None:
    """The installed browser, or None for the one that Playwright downloads."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = executable()
        if path is None and not Path(playwright.chromium.executable_path).exists():
            subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
        try:
            browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        except Exception as reason:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"no Chromium to test with: {reason}")
        yield browser
        browser.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests of `page` run in light or in dark, half of them in each; where the theme matters, the test changes it."""
    if "page" in metafunc.fixturenames and metafunc.definition.get_closest_marker("browser"):
        theme = ("light", "dark")[zlib.crc32(metafunc.function.__name__.encode()) % 2]
        metafunc.parametrize("page", [theme], indirect=True)


@pytest.fixture(scope="session")
def visitor(chromium: Browser) -> Iterator[BrowserContext]:
    """The reader whose tab `page` is: what has been loaded once, and compiled, is at hand."""
    context = chromium.new_context(viewport=SCREEN)
    context.new_page()
    yield context
    context.close()


@pytest.fixture
def page(request: pytest.FixtureRequest, visitor: BrowserContext) -> Iterator[Page]:
    """An empty tab in a theme; the test fails if the page writes an error to the console.

    It is the same tab for many tests, since a new one compiles Plotly and Streamlit anew, for seconds.
    """
    (tab,) = visitor.pages
    if tab.evaluate("history.length") > MOST_ENTRIES:
        tab.close()
        tab = visitor.new_page()
    tab.set_viewport_size(SCREEN)
    tab.emulate_media(color_scheme=request.param)
    tab.mouse.move(0, 0)
    errors: list[str] = []
    listeners = {
        "console": lambda message: errors.append(f"{message.text} {message.location}") if is_error(message) else None,
        "pageerror": lambda error: errors.append(str(error)),
    }
    for event, listener in listeners.items():
        tab.on(event, listener)
    yield tab
    for event, listener in listeners.items():
        tab.remove_listener(event, listener)
    leave(tab)
    assert not errors, errors


def leave(tab: Page) -> None:
    """Leave the tab empty, without anything that its pages have kept; or a new one, if it does not answer."""
    try:
        tab.evaluate("() => { try { localStorage.clear(); sessionStorage.clear(); } catch {} }")
        tab.context.clear_cookies()
        tab.goto("about:blank")
    except Error:
        tab.context.new_page()
        tab.close()


def is_error(message) -> bool:
    # Streamlit looks for its health page below the page's own path first, and the 404 it gets is expected.
    return message.type == "error" and "/_stcore/" not in message.location.get("url", "")
