"""What the browser tests do over and over: open a page, wait until it rests, click a cell, read a picture."""

import json

from playwright.sync_api import Locator, Page


def open_page(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("[data-testid=stMain] .js-plotly-plot .main-svg", timeout=60_000)
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


def chart(page: Page, key: str) -> Locator:
    """The chart with this key."""
    return page.locator(f".st-key-{key.replace(' ', '-')} .js-plotly-plot").first


def click_cell(page: Page, key: str, row: int, column: int) -> None:
    """Click the cell at this place of a pickable picture."""
    place = chart(page, key).evaluate(
        """(plot, [row, column]) => {
            plot.scrollIntoView({block: 'center'});
            const {xaxis, yaxis} = plot._fullLayout, box = plot.getBoundingClientRect();
            return [box.x + xaxis._offset + xaxis.l2p(column), box.y + yaxis._offset + yaxis.l2p(row)];
        }""",
        [row, column],
    )
    page.mouse.move(*place)
    page.mouse.click(*place)
    rest(page)


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


def drawn(page: Page, key: str) -> str:
    """What a chart draws: data and shapes, as text to compare."""
    chart(page, key).locator(".main-svg").first.wait_for()  # it may be mounted anew
    return chart(page, key).evaluate(
        "plot => JSON.stringify([plot.data.map(t => [t.z, t.text, t.y]), plot.layout.shapes])"
    )


def numbers(page: Page, key: str) -> list:
    """The texts in the cells of a heatmap."""
    return json.loads(chart(page, key).evaluate("plot => JSON.stringify(plot.data[0].text)"))


def move_slider(page: Page, key: str, presses: int = 1) -> None:
    """Move a slider by this many steps (to the left if negative)."""
    thumb = page.locator(f".st-key-{key} input[type=range]").first
    thumb.focus()
    for _ in range(abs(presses)):
        page.keyboard.press("ArrowRight" if presses > 0 else "ArrowLeft")
    rest(page)


def type_into(page: Page, key: str, text: str) -> None:
    """Type into the control with this key, and leave it."""
    field = page.locator(f".st-key-{key} textarea, .st-key-{key} input").first
    field.fill(text)
    field.press("Control+Enter" if field.evaluate("e => e.tagName") == "TEXTAREA" else "Enter")
    rest(page)


def choose(page: Page, key: str, option: str) -> None:
    """Choose from the list with this key."""
    page.locator(f".st-key-{key} input[role=combobox]").first.click()
    page.get_by_role("option", name=option, exact=True).click()
    rest(page)


def open_tab(page: Page, name: str) -> None:
    """Open one of the tabs under the pictures."""
    page.get_by_role("tab", name=name, exact=True).click()
    rest(page)
