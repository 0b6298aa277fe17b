"""From the key press to the last change of a picture, in a browser, beside the same figures by `st.plotly_chart`.

    python -m benchmarks.board [--moves 8] [--pages dropout,softmax] [--large]

A move is one arrow key on a page's first slider (or step of its first number). In headless Chromium, a mutation
observer notes when anything within a picture last changed. Both apps run at once and are moved in turn, so that what
else the machine does hits both. `--large` opens the pages with the largest pictures they take.
"""

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.reader import ROOT, running
from core.topics import TOPICS
from tests.conftest import CHROMIUM_FLAGS, executable

BOARD_PORT, PLAIN_PORT = 8661, 8662
QUIET = 900  # milliseconds without a change after which a move has ended
TARGETS = {
    "dropout": 120, "convolution": 120, "pooling": 120, "softmax": 120, "cross_entropy": 120, "gather": 120,
    "weight_decay": 120, "batch_norm": 200, "mlp": 200,
}  # fmt: skip
SLIDERS = {
    "convolution": "stride",
    "pooling": "stride",
    "batch_norm": "momentum",
    "gather": "seed",
    "weight_decay": "lambda",
}
LARGE = {
    "dropout": "size=16", "convolution": "x_from=a+photograph", "pooling": "x_from=a+photograph", "softmax": "rows=8",
}  # fmt: skip
WATCH = """() => {
    window.moved = { pressed: 0, changed: 0, count: 0, replaced: 0, seen: new Set(document.querySelectorAll('.js-plotly-plot')) };
    const inside = node => (node.nodeType === 1 ? node : node.parentElement)?.closest('.js-plotly-plot');
    const holds = node => node.nodeType === 1 && (node.matches('.js-plotly-plot') || node.querySelector('.js-plotly-plot'));
    new MutationObserver(records => {
        const ours = records.filter(r => inside(r.target) || [...r.addedNodes].some(holds));
        if (ours.length) { window.moved.changed = performance.now(); window.moved.count += ours.length; }
    }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
    addEventListener('keydown', () => { window.moved.pressed = performance.now(); }, true);
}"""
START = "() => { Object.assign(window.moved, { changed: 0, count: 0, seen: new Set(document.querySelectorAll('.js-plotly-plot')) }) }"
ENDED = f"() => window.moved.changed && performance.now() - window.moved.changed > {QUIET}"
TAKEN = """() => { const now = [...document.querySelectorAll('.js-plotly-plot')];
    return [window.moved.changed - window.moved.pressed, window.moved.count, now.filter(p => !window.moved.seen.has(p)).length] }"""


@contextmanager
def plain_app() -> Iterator[None]:
    """The plain app at its port. Streamlit looks for pages beside the script, so it runs in a folder made like the app's."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for name in ("core", "pages", ".streamlit"):
            (home / name).symlink_to(ROOT / name)
        script = home / "plain_app.py"
        script.write_text((ROOT / "benchmarks" / "plain_app.py").read_text())
        with running(script, PLAIN_PORT):
            yield


@contextmanager
def tab(browser: Browser, address: str) -> Iterator[Page]:
    """A page, open and at rest, with its pictures watched."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("[data-testid=stMain] .js-plotly-plot .main-svg", timeout=60_000)
    page.wait_for_timeout(2500)
    page.evaluate(WATCH)
    yield page
    context.close()


def focus(page: Page, name: str) -> bool:
    """Put the focus on the control to move; whether there is one."""
    own = f".st-key-{SLIDERS.get(name, '')} input" if name in SLIDERS else ""
    for selector in filter(
        None, [own, "[data-testid=stMain] input[type=range]", "[data-testid=stMain] input[type=number]"]
    ):
        found = page.locator(selector)
        if found.count():
            found.first.focus()
            return True
    return False


def move(page: Page, key: str) -> tuple[float, int, int] | None:
    """Milliseconds from the key press to the last change, changes of the DOM, pictures built anew; None for no change."""
    page.evaluate(START)
    page.keyboard.press(key)
    try:
        page.wait_for_function(ENDED, timeout=8000)
    except Exception:
        return None
    milliseconds, changes, replaced = page.evaluate(TAKEN)
    return milliseconds, changes, replaced


def measure(browser: Browser, name: str, moves: int, link: str) -> str:
    """One line of the table: the board, the plain app, and their ratio."""
    taken: dict[int, list[tuple[float, int, int]]] = {BOARD_PORT: [], PLAIN_PORT: []}
    addresses = {port: f"http://127.0.0.1:{port}/{name}{'?' + link if link else ''}" for port in taken}
    with tab(browser, addresses[BOARD_PORT]) as ours, tab(browser, addresses[PLAIN_PORT]) as plain:
        pages = {BOARD_PORT: ours, PLAIN_PORT: plain}
        for number in range(moves + 1):  # the first of them warms
            for port, page in pages.items():
                page.bring_to_front()
                if not focus(page, name):
                    return f"{name:14} no slider on this page"
                result = move(page, "ArrowRight" if number % 4 < 2 else "ArrowLeft")
                if result and number:
                    taken[port].append(result)
    return row(name, taken[BOARD_PORT], taken[PLAIN_PORT])


def row(name: str, ours: list[tuple[float, int, int]], plain: list[tuple[float, int, int]]) -> str:
    """A page's medians."""
    if not ours or not plain:
        return f"{name:14} nothing changed"
    a, b = (statistics.median(one[0] for one in moves) for moves in (ours, plain))
    target = f"{TARGETS[name]:6}" if name in TARGETS else "     –"
    return (
        f"{name:14} {a:8.0f} {target} {b:8.0f} {a / b:7.2f} {statistics.median(m[1] for m in ours):9.0f} "
        f"{statistics.median(m[1] for m in plain):9.0f} {max(m[2] for m in ours):9} {max(m[2] for m in plain):9}"
    )


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--moves", type=int, default=8)
    options.add_argument("--pages", default="")
    options.add_argument("--large", action="store_true")
    chosen = options.parse_args()
    names = chosen.pages.split(",") if chosen.pages else list(LARGE) if chosen.large else [t.name for t in TOPICS]
    print(
        f"{'':14} {'board ms':>8} {'target':>6} {'plain ms':>8} {'ratio':>7} {'changes':>9} {'plain':>9} {'replaced':>9} {'plain':>9}"
    )
    with (
        running(ROOT / "app.py", BOARD_PORT), plain_app(),
        sync_playwright() as playwright,
    ):  # fmt: skip
        browser = playwright.chromium.launch(executable_path=executable(), args=CHROMIUM_FLAGS)
        for name in names:
            print(measure(browser, name, chosen.moves, LARGE.get(name, "") if chosen.large else ""), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
