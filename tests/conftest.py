"""A real server and a real browser, one of each a session, for every test that asks for them.

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
from playwright.sync_api import Browser, Page, sync_playwright

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


@pytest.fixture
def page(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Page]:
    """A tab in a theme; the test fails if the page writes an error to the console."""
    context = chromium.new_context(color_scheme=request.param, viewport={"width": 1280, "height": 720})
    tab = context.new_page()
    errors: list[str] = []
    tab.on(
        "console", lambda message: errors.append(f"{message.text} {message.location}") if is_error(message) else None
    )
    tab.on("pageerror", lambda error: errors.append(str(error)))
    yield tab
    context.close()
    assert not errors, errors


def is_error(message) -> bool:
    # Streamlit looks for its health page below the page's own path first, and the 404 it gets is expected.
    return message.type == "error" and "/_stcore/" not in message.location.get("url", "")
