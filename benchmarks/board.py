"""From the key press to the last change of a picture, in a browser, beside the same figures by `st.plotly_chart`.

    python -m benchmarks.board [--moves 8] [--pages dropout,softmax] [--large]

A move is one arrow key on a page's slider (or number). In headless Chromium, a mutation observer notes when anything in
a picture last changed. Both apps run at once and are moved in turn, so that what else the machine does hits both.
`hover` is the time in which a move of the pointer has outlined the partner cells, in 95 of 100 moves over all linked
pictures of the page. `--large` opens pages with the largest pictures they take.
"""

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import TimeoutError as TooLate

from benchmarks.reader import ROOT, running
from core.topics import TOPICS
from tests.conftest import CHROMIUM_FLAGS, executable

BOARD_PORT, PLAIN_PORT = 8661, 8662
QUIET = 900  # milliseconds without a change after which a move has ended
TARGETS = {
    "dropout": 120, "convolution": 120, "pooling": 120, "softmax": 120, "cross_entropy": 120, "gather": 120,
    "weight_decay": 120, "batch_norm": 200, "mlp": 200,
}  # fmt: skip
CONTROLS = {  # where the first slider changes no picture, or the shape
    "convolution": "stride", "pooling": "stride", "gather": "seed", "products": "seed", "mlp": "image",
}  # fmt: skip
OPENED = {  # where that control is not at hand, or changes nothing at first
    "gather": "preset=sort&more=true", "products": "shapes=wider&more=true",
}  # fmt: skip
LARGE = {
    "dropout": "size=16", "convolution": "x_from=photo", "pooling": "x_from=photo", "softmax": "rows=8",
    "accuracy": "", "mlp": "",
}  # fmt: skip

PICTURES = "'.js-plotly-plot, .digits'"
WATCH = f"""() => {{
    const moved = window.moved = {{}};
    const inside = (node) => (node.nodeType === 1 ? node : node.parentElement)?.closest({PICTURES});
    const holds = (node) => node.nodeType === 1 && (node.matches({PICTURES}) || node.querySelector({PICTURES}));
    new MutationObserver((records) => {{
        const ours = records.filter((record) => inside(record.target) || [...record.addedNodes].some(holds));
        if (ours.length) {{ moved.changed = performance.now(); moved.count += ours.length; }}
    }}).observe(document.body, {{ subtree: true, childList: true, attributes: true, characterData: true }});
    addEventListener('keydown', () => {{ moved.pressed = performance.now(); }}, true);
}}"""
START = """() => {
    const seen = new Set(document.querySelectorAll('.js-plotly-plot'));
    Object.assign(window.moved, { changed: 0, count: 0, seen });
}"""
ENDED = f"() => window.moved.changed && performance.now() - window.moved.changed > {QUIET}"
TAKEN = """() => {
    const { pressed, changed, count, seen } = window.moved;
    const anew = [...document.querySelectorAll('.js-plotly-plot')].filter((plot) => !seen.has(plot)).length;
    return [changed - pressed, count, anew];
}"""
POINTED = """() => {
    const times = [];
    for (const panel of document.querySelectorAll('[data-testid=stMain] .panel.linked')) {
        const { x, y, width, height } = panel.getBoundingClientRect();
        for (let i = 0; i < 24; i++) {
            const clientX = x + width * (0.15 + 0.8 * ((i * 7) % 24) / 24);
            const clientY = y + height * (0.3 + 0.65 * i / 24);
            const move = new PointerEvent('pointermove', { clientX, clientY, bubbles: true, pointerType: 'mouse' });
            const start = performance.now();
            panel.dispatchEvent(move);
            document.body.offsetHeight;  // the browser's own work of laying out what was outlined
            times.push(performance.now() - start);
        }
        panel.dispatchEvent(new PointerEvent('pointerleave', { pointerType: 'mouse' }));
    }
    return times;
}"""


@dataclass(frozen=True)
class Move:
    """One move: milliseconds to the last change, changes of the DOM in pictures, and pictures built anew."""

    milliseconds: float
    changes: int
    anew: int


@contextmanager
def plain_app() -> Iterator[None]:
    """The plain app at its port, in a folder made like the app's: Streamlit looks for pages beside the script."""
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
    own = [f".st-key-{CONTROLS[name]} input"] if name in CONTROLS else []
    for selector in [*own, "[data-testid=stMain] input[type=range]", "[data-testid=stMain] input[type=number]"]:
        found = page.locator(f"{selector}:visible")
        if found.count():
            found.first.focus()
            return True
    return False


def move(page: Page, key: str) -> Move | None:
    """Press a key and wait until the pictures rest; None where none of them changed."""
    page.evaluate(START)
    page.keyboard.press(key)
    try:
        page.wait_for_function(ENDED, timeout=8000)
    except TooLate:
        return None
    return Move(*page.evaluate(TAKEN))


def hovering(page: Page) -> float:
    """Milliseconds in which 95 of 100 pointer moves have outlined the partners; nan without linked pictures."""
    times = sorted(page.evaluate(POINTED))
    return times[int(len(times) * 0.95)] if times else float("nan")


def measure(browser: Browser, name: str, moves: int, link: str) -> str:
    """One line of the table: the board, the plain app, and their ratio."""
    taken: dict[int, list[Move]] = {BOARD_PORT: [], PLAIN_PORT: []}
    opened = link or OPENED.get(name, "")
    addresses = {port: f"http://127.0.0.1:{port}/{name}{'?' + opened if opened else ''}" for port in taken}
    with tab(browser, addresses[BOARD_PORT]) as ours, tab(browser, addresses[PLAIN_PORT]) as plain:
        for number in range(moves + 1):  # the first of them warms
            for port, page in ((BOARD_PORT, ours), (PLAIN_PORT, plain)):
                page.bring_to_front()
                if not focus(page, name):
                    return f"{name:14} nothing to move at first sight"
                result = move(page, "ArrowUp" if number % 4 < 2 else "ArrowDown")
                if result and number:
                    taken[port].append(result)
        pointed = hovering(ours)
    return row(name, taken[BOARD_PORT], taken[PLAIN_PORT], pointed)


def row(name: str, ours: list[Move], plain: list[Move], pointed: float) -> str:
    """A page's medians."""
    if not ours or not plain:
        return f"{name:14} nothing changed"
    a, b = (statistics.median(m.milliseconds for m in moves) for moves in (ours, plain))
    changes = [statistics.median(m.changes for m in moves) for moves in (ours, plain)]
    anew = [max(m.anew for m in moves) for moves in (ours, plain)]
    return (
        f"{name:14} {a:8.0f} {TARGETS.get(name, '–'):>6} {b:8.0f} {a / b:7.2f} "
        f"{changes[0]:9.0f} {changes[1]:9.0f} {anew[0]:6} {anew[1]:6} {pointed:8.1f}"
    )


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--moves", type=int, default=8)
    options.add_argument("--pages", default="")
    options.add_argument("--large", action="store_true")
    chosen = options.parse_args()
    names = chosen.pages.split(",") if chosen.pages else list(LARGE) if chosen.large else [t.name for t in TOPICS]
    print("milliseconds from the key press to the last change; changes of the DOM; pictures built anew; hover")
    print(
        f"{'':14} {'board':>8} {'target':>6} {'plain':>8} {'ratio':>7} "
        f"{'changes':>9} {'plain':>9} {'anew':>6} {'plain':>6} {'hover':>8}"
    )
    with running(ROOT / "app.py", BOARD_PORT), plain_app(), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=CHROMIUM_FLAGS)
        for name in names:
            print(measure(browser, name, chosen.moves, LARGE.get(name, "") if chosen.large else ""), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
