"""Two servers behind the balancer: a browser can do everything there, and one server's end ends no reader's visit."""

import asyncio
import json
import random
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
from playwright.sync_api import expect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from benchmarks.reader import Reader
from tests.browser.driving import move_slider, numbers, open_page, open_tab, pin, rest

pytestmark = pytest.mark.browser
LINK = "dropout?p=0&x_from=file&more=true&tab=Take+away"
READERS = ["convolution", "softmax", "dropout", "batch_norm", "layout", "gather", "products", "pooling"]
NOTES_VIOLATIONS = """
    window.violations = [];
    document.addEventListener('securitypolicyviolation',
        e => window.violations.push(`${e.effectiveDirective} ${e.blockedURI} ${e.sourceFile}`));
"""


@pytest.fixture
def reader(chromium):
    """A tab that notes what the content policy stops, and every request to another host."""
    tab = chromium.new_context(viewport={"width": 1280, "height": 720}, accept_downloads=True).new_page()
    tab.add_init_script(NOTES_VIOLATIONS)
    yield tab
    tab.context.close()


def upload(tab, path):
    tab.locator("[data-testid=stFileUploader] input[type=file]").set_input_files(path)
    tab.wait_for_function("() => document.body.innerText.includes('Edit as a grid')")
    rest(tab)


def downloaded(tab, button):
    with tab.expect_download() as download:
        tab.get_by_role("button", name=button).click()
    return download.value.path().read_bytes()


def test_a_browsers_reader_can_do_everything_under_the_content_policy(site, reader, tmp_path):
    elsewhere = []
    own = (site.url, site.url.replace("http", "ws"), "data:", "blob:")
    reader.on("request", lambda request: None if request.url.startswith(own) else elsewhere.append(request.url))
    large, small = tmp_path / "large.npy", tmp_path / "small.npy"
    np.save(large, np.zeros(700_000))
    np.save(small, np.array([[5.0, 6.0], [7.0, 8.0]]))

    open_page(reader, f"{site.url}/{LINK}")
    reader.locator("[data-testid=stFileUploader] input[type=file]").set_input_files(large)
    reader.get_by_text("File must be 5.0MB or smaller").wait_for()
    upload(reader, small)
    pin(reader, "x", 1, 1)
    assert re.search(r"cell=1%2C(\+|%20)?1\b", reader.url)
    assert "torch" in json.dumps(json.loads(downloaded(reader, "Notebook"))["cells"])
    with reader.expect_download() as picture:
        reader.get_by_role("button", name="PNG: x", exact=True).click()
    assert picture.value.path().read_bytes().startswith(b"\x89PNG")
    open_tab(reader, "Walk through")
    walk = reader.locator(".walk")
    walk.locator(".speed").select_option("5")
    walk.locator(".play").click()
    expect(walk.locator(".where")).not_to_have_text(re.compile("^1 /"))
    reader.get_by_role("button", name="Share").click()
    code = reader.get_by_alt_text("QR code of the link above")
    code.wait_for()
    assert code.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0

    assert reader.evaluate("window.violations") == []
    assert elsewhere == []


# ---- one server is killed --------------------------------------------------------------------------------------


@dataclass
class Visit:
    """One reader's visit: moves made, the servers met, and how the loss of one went."""

    moves: int
    servers: list[str]
    away: float = 0.0  # seconds without a server
    pictures: int = 0  # found again on the other server


async def stay(reader: Reader, over: threading.Event) -> Visit:
    """Move controls until it is over; after a lost connection come back, and find the page as it was."""
    await reader.open()
    visit = Visit(0, [reader.cookie])
    while not over.is_set():
        states, pictures = dict(reader.states), dict(reader.pictures)
        try:
            answer = await reader.move()
        except ConnectionClosed:
            lost = time.monotonic()
            reader.states, reader.pictures = states, {}  # the move that was lost is not made again
            await come_back(reader)
            visit.away = time.monotonic() - lost
            visit.servers.append(reader.cookie)
            visit.pictures = len(reader.pictures)
            # Where the controls stand at what the page refuses, a new session has no last good picture to show.
            assert reader.refused or reader.pictures.items() <= pictures.items(), reader.page
        else:
            assert not answer.failed, reader.page
            visit.moves += 1
            await asyncio.sleep(2 * reader.draw.random())
    await reader.close()
    return visit


async def come_back(reader: Reader, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while True:
            try:
                await reader.open()
                return
            except (OSError, InvalidHandshake, ConnectionClosed):
                await asyncio.sleep(0.2)


async def all_stay(readers: list[Reader], over: threading.Event) -> list[Visit]:
    return await asyncio.gather(*(stay(reader, over) for reader in readers))


def server_of(tab):
    return next(cookie["value"] for cookie in tab.context.cookies() if cookie["name"] == "SERVER")


def test_readers_of_a_killed_server_come_back_on_the_other(mortal_site, reader, tmp_path):
    site = mortal_site
    file = tmp_path / "x.npy"
    np.save(file, np.array([[5.0, 6.0]]))
    room = [Reader(site.port, page, random.Random(number)) for number, page in enumerate(READERS)]
    over = threading.Event()
    # In a thread of its own: this one belongs to Playwright's loop.
    with ThreadPoolExecutor(1) as thread:
        try:
            going = thread.submit(asyncio.run, all_stay(room, over))
            open_page(reader, f"{site.url}/{LINK}")
            upload(reader, file)
            gone = server_of(reader)
            site.servers[gone].kill()
            reader.wait_for_selector("[data-test-connection-state=CONNECTED]", state="detached", timeout=20_000)
            reader.wait_for_selector("[data-test-connection-state=CONNECTED]", timeout=40_000)
            rest(reader)
            assert server_of(reader) != gone
            assert numbers(reader, "x") == [["5", "6"]]
            move_slider(reader, "p", 1)
            assert b"torch" in downloaded(reader, "Python script")
            np.save(file, np.array([[7.0, 8.0, 9.0]]))
            open_page(reader, f"{site.url}/{LINK}")
            upload(reader, file)
            assert numbers(reader, "x") == [["7", "8", "9"]]
        finally:
            over.set()
        visits = going.result(60)
    assert all(visit.moves > 1 for visit in visits)
    here, there = f"SERVER={gone}", "SERVER=" + "ab".replace(gone, "")
    met = [visit.servers for visit in visits]
    assert all(servers in ([here, there], [there]) for servers in met), met
    assert [here, there] in met
    assert any(visit.pictures for visit in visits)
    print(f"{sum(map(len, met)) - len(met)} of {len(met)} readers lost their server, for at most "
          f"{max(visit.away for visit in visits):.1f} s; {sum(visit.moves for visit in visits)} moves")  # fmt: skip
