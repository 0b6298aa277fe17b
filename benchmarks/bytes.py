"""Bytes on the wire until a page's first picture stands, and until the page rests: a first visit, and a second one.

    python -m benchmarks.bytes [--files] [PORT]

Chromium with an empty profile opens each page of the running app twice: by `localhost`, where a browser takes Brotli as
it does over TLS, and by another name for the same machine, over plain HTTP, as a class in its own network does: then it
takes gzip. Counted is what Chromium says came in (headers and body of each answer, as packed), and the WebSocket's
messages. `--files` prints every file of a first visit.
"""

import argparse
import base64
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from benchmarks.reader import ROOT, running
from tests.conftest import CHROMIUM_FLAGS, executable

PORT = 8651
CLASS = "class.test"  # a name that only this browser knows
CHART = "[data-testid=stMain] .js-plotly-plot .main-svg"
PAGES = {"": f"{CHART}, [data-testid=stMain] :is(img, svg[role=img])", "dropout": CHART}  # and their first picture
AT_REST = "[data-testid=stApp][data-test-script-state=notRunning]"
LEAST = 20_000  # bytes of a file that is printed by itself without --files


@dataclass
class Traffic:
    """What has come in so far, by file."""

    names: dict[str, str] = field(default_factory=dict)  # a request's number to the name of its file
    bytes: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.bytes.total()

    def watch(self, page: Page) -> None:
        """Count everything that this tab receives."""
        devtools = page.context.new_cdp_session(page)
        devtools.on("Network.requestWillBeSent", self.sent)
        devtools.on("Network.loadingFinished", self.finished)
        devtools.on("Network.webSocketFrameReceived", self.message)
        devtools.send("Network.enable")

    def sent(self, event: dict) -> None:
        path = urlsplit(event["request"]["url"]).path
        self.names[event["requestId"]] = path.rsplit("/", 1)[-1] or "index.html"

    def finished(self, event: dict) -> None:
        self.bytes[self.names.get(event["requestId"], "?")] += int(event["encodedDataLength"])

    def message(self, event: dict) -> None:
        frame = event["response"]
        data = frame["payloadData"]
        self.bytes["messages"] += len(base64.b64decode(data) if frame["opcode"] == 2 else data.encode())


def visit(context: BrowserContext, address: str, picture: str) -> tuple[Traffic, int]:
    """Open the page in a new tab: all that came in until it rested, and how much of it before the first picture."""
    page = context.new_page()
    traffic = Traffic()
    traffic.watch(page)
    page.goto(address)
    page.locator(picture).first.wait_for(timeout=60_000)
    first_picture = traffic.total
    page.locator(AT_REST).wait_for(timeout=60_000)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1000)
    page.close()
    return traffic, first_picture


def row(what: str, first_picture: int, rest: int) -> str:
    return f"{what:44} {first_picture / 1000:15,.0f} {rest / 1000:10,.0f}"


def by_file(traffic: Traffic, least: int) -> Iterator[str]:
    """The files of a visit, the largest first; those below `least` bytes in one line."""
    small = [size for size in traffic.bytes.values() if size < least]
    for name, size in traffic.bytes.most_common():
        if size >= least:
            yield f"    {name:40} {'':15} {size / 1000:10,.1f}"
    if small:
        yield f"    {f'{len(small)} smaller files':40} {'':15} {sum(small) / 1000:10,.1f}"


def report(browser: Browser, port: int, least: int) -> None:
    for host, packing in (("localhost", "Brotli"), (CLASS, "gzip")):
        print(f"{f'kB by {host}, {packing}':44} {'first picture':>15} {'at rest':>10}")
        for name, picture in PAGES.items():
            context = browser.new_context(viewport={"width": 1280, "height": 720})
            address = f"http://{host}:{port}/{name}"
            first, first_picture = visit(context, address, picture)
            print(row(f"/{name}, first visit", first_picture, first.total))
            print("\n".join(by_file(first, least)))
            again, again_picture = visit(context, address, picture)
            print(row(f"/{name}, second visit", again_picture, again.total), flush=True)
            context.close()
        print()


@contextmanager
def chromium() -> Iterator[Browser]:
    flags = [*CHROMIUM_FLAGS, f"--host-resolver-rules=MAP {CLASS} 127.0.0.1"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=flags)
        yield browser
        browser.close()


def main() -> None:
    """Measure and print; with a port, the app that runs there already."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("port", nargs="?", type=int)
    options.add_argument("--files", action="store_true")
    chosen = options.parse_args()
    app = nullcontext() if chosen.port else running(ROOT / "app.py", PORT)
    with app, chromium() as browser:
        report(browser, chosen.port or PORT, 0 if chosen.files else LEAST)


if __name__ == "__main__":
    main()
