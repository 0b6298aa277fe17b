"""What the browser tests do over and over: open a page, wait until it rests, click a cell, read a picture."""

from urllib.parse import urlparse

from playwright.sync_api import Locator, Page


def open_page(page: Page, address: str) -> None:
    page.goto(address)
    shown = ".js-plotly-plot .main-svg" if urlparse(address).path.strip("/") else "img"  # the start page has no charts
    page.wait_for_selector(f"[data-testid=stMain] {shown}", timeout=60_000)
    rest(page)


def rest(page: Page) -> None:
    """Wait until the script has run and nothing on the page is stale."""
    page.wait_for_timeout(200)  # what was just done has to reach the server first
    page.wait_for_function(
        """() => {
            const app = document.querySelector('[data-testid=stApp]');
            return app && app.getAttribute('data-test-script-state') === 'notRunning'
                && !document.querySelector('[data-stale=true]');
        }""",
        timeout=30_000,
    )
    page.wait_for_timeout(250)


def picture(page: Page, panel: str) -> Locator:
    """The picture of a board with this name."""
    return page.locator(f"[data-panel='{panel}'] .js-plotly-plot").first


def spot(page: Page, panel: str, row: int, column: int) -> list[float]:
    """Where on the screen the cell at this row and column of a picture is; scrolled to."""
    return picture(page, panel).evaluate(
        """(plot, [row, column]) => {
            plot.scrollIntoView({block: 'center'});
            const {xaxis, yaxis} = plot._fullLayout, box = plot.getBoundingClientRect();
            return [box.x + xaxis._offset + xaxis.d2p(column), box.y + yaxis._offset + yaxis.d2p(row)];
        }""",
        [row, column],
    )


def point(page: Page, panel: str, row: int, column: int) -> None:
    """Move the pointer to a cell of a picture of a board."""
    page.mouse.move(*spot(page, panel, row, column))


def pin(page: Page, panel: str, row: int, column: int) -> None:
    """Click a cell of a picture of a board."""
    page.mouse.click(*spot(page, panel, row, column))
    rest(page)


def outlined(page: Page, panel: str, kind: str = "hovered", role: str = "used") -> set[tuple[int, int]]:
    """Rows and columns of the cells of a picture that are outlined: the pointer's own ("self") or its partners'."""
    found = picture(page, panel).evaluate(
        """(plot, [kind, role]) => {
            const {xaxis, yaxis} = plot._fullLayout, cells = [];
            const paths = plot.closest('[data-panel]').querySelectorAll(`.marks path.${kind}.${role}`);
            for (const path of paths)
                for (const box of path.getAttribute('d').matchAll(/M(\\S+) (\\S+)H(\\S+)V(\\S+)H/g)) {
                    const [left, top, right, bottom] = box.slice(1).map(Number);
                    const column = x => xaxis.p2l(x - xaxis._offset), row = y => yaxis.p2l(y - yaxis._offset);
                    for (let r = Math.round(row(top) + 0.5); r < row(bottom); r++)
                        for (let c = Math.round(column(left) + 0.5); c < column(right); c++) cells.push([r, c]);
                }
            return cells;
        }""",
        [kind, role],
    )
    return {(row, column) for row, column in found}


def line(page: Page, board: str = "board") -> str:
    """What the line under a board says."""
    return page.locator(f".st-key-board-{board.replace(' ', '-')} p.line").inner_text()


def drawn(page: Page, panel: str) -> str:
    """What a picture of a board draws: data, shapes, and what is written in it, as text to compare."""
    return picture(page, panel).evaluate(
        """plot => JSON.stringify([plot.data.map(t => [t.z, t.y]), plot.layout.shapes,
            [...plot.closest('[data-panel]').querySelectorAll('.digits text')].map(text => text.textContent)])"""
    )


def numbers(page: Page, panel: str) -> list[list[str]]:
    """The texts in the cells of a picture of a board, row by row; indices and titles stand outside its axes."""
    return picture(page, panel).evaluate(
        """plot => {
            const {xaxis, yaxis} = plot._fullLayout, rows = [];
            const within = (place, axis) => place > Math.min(...axis.range) && place < Math.max(...axis.range);
            for (const text of plot.closest('[data-panel]').querySelectorAll('.digits text')) {
                const column = xaxis.p2d(text.getAttribute('x') - xaxis._offset);
                const row = yaxis.p2d(text.getAttribute('y') - yaxis._offset);
                if (!within(column, xaxis) || !within(row, yaxis)) continue;
                (rows[Math.round(row)] ??= [])[Math.round(column)] = text.textContent;
            }
            return rows;
        }"""
    )


def reveal(page: Page, key: str) -> None:
    """Open *More settings* if this control stands behind it: an action of its own, with its own entry and word in
    the address."""
    if page.locator(f".st-key-more details:not([open]) .st-key-{key}").count():
        page.locator(".st-key-more summary").click()
        page.locator(f".st-key-{key}").first.wait_for()
        rest(page)


def move_slider(page: Page, key: str, presses: int = 1) -> None:
    """Move a slider by this many steps (to the left if negative)."""
    reveal(page, key)
    thumb = page.locator(f".st-key-{key} input[type=range]").first
    thumb.focus()
    for _ in range(abs(presses)):
        page.keyboard.press("ArrowRight" if presses > 0 else "ArrowLeft")
    rest(page)


def type_into(page: Page, key: str, text: str) -> None:
    """Type into the control with this key, and leave it."""
    reveal(page, key)
    field = page.locator(f".st-key-{key} textarea, .st-key-{key} input").first
    field.fill(text)
    field.press("Control+Enter" if field.evaluate("e => e.tagName") == "TEXTAREA" else "Enter")
    rest(page)


def choose(page: Page, key: str, option: str) -> None:
    """Choose from the list with this key."""
    reveal(page, key)
    page.locator(f".st-key-{key} input[role=combobox]").first.click()
    page.get_by_role("option", name=option, exact=True).click()
    rest(page)


def open_tab(page: Page, name: str) -> None:
    """Open one of the tabs under the pictures."""
    page.get_by_role("tab", name=name, exact=True).click()
    rest(page)
