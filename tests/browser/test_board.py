"""The board in a browser: what hangs together is outlined without the server, and moves change pictures in place."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page

from core.figures.board import Board, Cells, Panel, Relation
from core.figures.drawing import unchecked
from core.ui import stand_alone
from core.web.files import board_address
from tests.browser.driving import move_slider, open_page, rest

pytestmark = pytest.mark.browser

PARTNERS = """async ([address, panels, relations, name, index]) => {
    const { bind, partners, rangesOf, placeOf } = await import(address + "/links.js");
    const pictures = Object.fromEntries(panels.map(p => [p.name, p]));
    const factors = bind(relations, pictures[name].axes, index);
    const ranges = rangesOf(panels);
    return Object.fromEntries(panels.map(p => [p.name, partners(factors, p, ranges)]));
}"""


def partners(page: Page, panels: dict[str, tuple], relations: list, name: str, index: list[int]) -> dict[str, set[int]]:
    """The partner cells in each picture of a picked one, as links.js finds them: flat places."""
    described = [
        {"name": key, "axes": axes.split(), "shape": shape, "origin": list(rest[0]) if rest else []}
        for key, (axes, shape, *rest) in panels.items()
    ]
    rows = [{"axes": axes.split(), "rows": np.asarray(table).tolist()} for axes, table in relations]
    found = page.evaluate(PARTNERS, [board_address(), described, rows, name, index])
    return {key: set(places) for key, places in found.items()}


def reached(output: torch.Tensor, x: torch.Tensor) -> set[int]:
    """The flat places of `x` from which a gradient reaches this number: autograd's own word on what it is made of."""
    (grad,) = torch.autograd.grad(output, x, retain_graph=True)
    return set(grad.flatten().nonzero().flatten().tolist())


def test_a_product_links_rows_and_columns(page: Page, url: str):
    page.goto(url + "/_stcore/health")
    A = (torch.rand(3, 4) + 1).requires_grad_()
    B = (torch.rand(4, 2) + 1).requires_grad_()
    C = A @ B
    pictures = {"A": ("i k", [3, 4]), "B": ("k j", [4, 2]), "C": ("i j", [3, 2])}
    for i, j in np.ndindex(3, 2):
        found = partners(page, pictures, [], "C", [i, j])
        assert found["A"] == reached(C[i, j], A)
        assert found["B"] == reached(C[i, j], B)
    assert partners(page, pictures, [], "A", [1, 2]) == {"A": {6}, "B": {4, 5}, "C": {2, 3}}


@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 0, 1), (2, 1, 1), (1, 2, 2), (3, 1, 2)])
def test_a_window_links_both_ways(page: Page, url: str, stride: int, padding: int, dilation: int):
    page.goto(url + "/_stcore/health")
    x = (torch.rand(1, 1, 9) + 1).requires_grad_()
    weight = (torch.rand(1, 1, 3) + 1).requires_grad_()
    y = torch.nn.functional.conv1d(x, weight, stride=stride, padding=padding, dilation=dilation)
    rows = [(p, u, p * stride + u * dilation - padding) for p in range(y.shape[-1]) for u in range(3)]
    pictures = {"x": ("x", [9]), "w": ("u", [3]), "y": ("p", [y.shape[-1]])}
    for p in range(y.shape[-1]):
        found = partners(page, pictures, [("p u x", rows)], "y", [p])
        assert found["x"] == reached(y[0, 0, p], x)
        assert found["w"] == {0, 1, 2}
    for at in range(9):
        found = partners(page, pictures, [("p u x", rows)], "x", [at])
        assert found["y"] == {p for p in range(y.shape[-1]) if at in reached(y[0, 0, p], x)}


def test_a_padded_picture_counts_from_below_zero(page: Page, url: str):
    page.goto(url + "/_stcore/health")
    rows = [(p, u, p + u - 1) for p in range(4) for u in range(3)]
    found = partners(page, {"x": ("x", [6], (-1,)), "y": ("p", [4])}, [("p u x", rows)], "y", [0])
    assert found["x"] == {0, 1, 2}
    found = partners(page, {"x": ("x", [6], (-1,)), "y": ("p", [4])}, [("p u x", rows)], "x", [-1])
    assert found["y"] == {0}


def test_gather_links_by_its_index_both_ways(page: Page, url: str):
    page.goto(url + "/_stcore/health")
    x = torch.rand(3, 2, requires_grad=True)
    index = torch.tensor([[2, 0], [2, 2]])
    out = x.gather(0, index)
    rows = [(i, j, int(index[i, j])) for i, j in np.ndindex(2, 2)]
    pictures = {"x": ("r j", [3, 2]), "index": ("i j", [2, 2]), "out": ("i j", [2, 2])}
    for i, j in np.ndindex(2, 2):
        found = partners(page, pictures, [("i j r", rows)], "out", [i, j])
        assert found["x"] == reached(out[i, j], x)
        assert found["index"] == {2 * i + j}
    assert partners(page, pictures, [("i j r", rows)], "x", [2, 0])["out"] == {0, 2}
    assert partners(page, pictures, [("i j r", rows)], "x", [1, 0])["out"] == set(), "no place picks it"


def test_addresses_link_through_every_stage(page: Page, url: str):
    page.goto(url + "/_stcore/health")
    stages = [torch.arange(6).view(2, 3), torch.arange(6).view(2, 3).t(), torch.arange(6).view(2, 3).t()[1:]]
    relations, pictures = [], {}
    for n, stage in enumerate(stages):
        pictures[f"x{n}"] = (f"r{n} c{n}", list(stage.shape))
        relations.append((f"r{n} c{n} address", [(i, j, int(stage[i, j])) for i, j in np.ndindex(*stage.shape)]))
    found = partners(page, pictures, relations, "x2", [0, 1])
    address = int(stages[2][0, 1])
    assert found["x0"] == {address}
    assert found["x1"] == {int((stages[1].flatten() == address).nonzero())}


SAID = """async ([address, template, panels, name, index]) => {
    const { bind, fill, rangesOf } = await import(address + "/links.js");
    const pictures = Object.fromEntries(panels.map(p => [p.name, { ...p, value: place => p.values[place] }]));
    return fill(template, bind([], pictures[name].axes, index), pictures, rangesOf(panels));
}"""


def test_a_sentence_is_filled_from_the_numbers(page: Page, url: str):
    page.goto(url + "/_stcore/health")
    A, B = [1, 2, 3, -4], [0.5, 1, 1e-6, 2]
    pictures = [
        {"name": "A", "axes": ["i", "k"], "shape": [2, 2], "values": A},
        {"name": "B", "axes": ["k", "j"], "shape": [2, 2], "values": B},
        {"name": "C", "axes": ["i", "j"], "shape": [2, 2], "values": [0, 1, 2, 3]},
    ]
    said = page.evaluate(
        SAID, [board_address(), "{at:A} {at:C} = {sum:A*B} = {total:A*B}, {max:A}", pictures, "C", [1, 1]]
    )
    assert said == "A[1, :] C[1, 1] = 3·1 + (-4)·2 = -5, max(3, -4)"
    assert page.evaluate(SAID, [board_address(), "{B} {count:C}", pictures, "B", [1, 0]]) == "1e-6 2"


def outlined(page: Page, panel: str, kind: str = "hovered") -> int:
    return page.locator(f"[data-panel='{panel}'] .marks path.{kind}").count()


def cell(page: Page, panel: str, row: int, column: int) -> list[float]:
    """Where on the screen a cell of a picture is."""
    return page.locator(f"[data-panel='{panel}'] .js-plotly-plot").first.evaluate(
        """(plot, [row, column]) => {
            plot.scrollIntoView({block: 'center'});
            const {xaxis, yaxis} = plot._fullLayout, box = plot.getBoundingClientRect();
            return [box.x + xaxis._offset + xaxis.l2p(column), box.y + yaxis._offset + yaxis.l2p(row)];
        }""",
        [row, column],
    )


def test_pointing_outlines_the_partners_without_the_server(page: Page, url: str):
    sent: list[object] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    open_page(page, url + "/dropout")
    before = len(sent)
    page.mouse.move(*cell(page, "x", 2, 3))
    assert [outlined(page, name) for name in ("x", "mask", "y", "grad")] == [1, 1, 1, 1]
    line = page.locator(".st-key-board-board .line").inner_text()
    assert line.startswith("y[2, 3] =")
    page.mouse.move(5, 5)
    assert outlined(page, "x") == 0
    assert len(sent) == before, "pointing asks nothing of the server"


def test_the_keys_move_and_pin_a_cell(page: Page, url: str):
    open_page(page, url + "/dropout")
    picture = page.locator("[data-panel='x']")
    page.keyboard.press("Tab")
    picture.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.locator(".st-key-board-board .line").inner_text().startswith("y[1, 1] =")
    page.keyboard.press("Enter")
    rest(page)
    assert "cell=1" in page.url
    page.keyboard.press("Escape")
    assert [outlined(page, name, "pinned") for name in ("x", "y")] == [1, 1]
    page.reload()
    page.wait_for_selector("[data-panel='x'] .marks path.pinned", state="attached")


def test_a_tap_pins(chromium: Browser, url: str):
    context = chromium.new_context(has_touch=True, viewport={"width": 390, "height": 844})
    page = context.new_page()
    open_page(page, url + "/dropout")
    page.touchscreen.tap(*cell(page, "mask", 1, 2))
    rest(page)
    assert "cell=1" in page.url
    assert outlined(page, "mask", "pinned") == 1
    context.close()


def test_a_move_changes_the_pictures_in_place(page: Page, url: str):
    open_page(page, url + "/dropout")
    page.evaluate("document.querySelectorAll('.js-plotly-plot').forEach((plot, i) => { plot.tag = i; })")
    before = page.evaluate("[...document.querySelectorAll('[data-panel=mask] .digits text')].map(t => t.textContent)")
    move_slider(page, "p", 3)
    tags = page.evaluate("[...document.querySelectorAll('.js-plotly-plot')].map(plot => plot.tag)")
    after = page.evaluate("[...document.querySelectorAll('[data-panel=mask] .digits text')].map(t => t.textContent)")
    assert tags == list(range(len(tags)))
    assert before != after


def test_an_unchanged_picture_is_not_drawn_again(page: Page, url: str):
    open_page(page, url + "/dropout")
    page.evaluate("""() => {
        window.drawn = [];
        const react = window.Plotly.react;
        window.Plotly.react = (plot, ...rest) => {
            window.drawn.push(plot.closest('[data-panel]').dataset.panel);
            return react(plot, ...rest);
        };
    }""")
    move_slider(page, "masks", 2)
    assert set(page.evaluate("window.drawn")) == {"means", "variances"}


def test_a_change_of_theme_reaches_the_pictures(page: Page, url: str):
    page.emulate_media(color_scheme="light")
    open_page(page, url + "/dropout")
    ink = "getComputedStyle(document.querySelector('[data-panel=x] .digits text:last-child')).fill"
    light = page.evaluate(ink)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"light => {ink} !== light", arg=light)


def test_a_phone_shows_all_of_it_without_scrolling_sideways(chromium: Browser, url: str):
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    open_page(page, url + "/dropout?size=16")
    wide = page.evaluate("""() => [document.querySelector('[data-testid=stMain]').scrollWidth,
        ...[...document.querySelectorAll('.panel')].map(p => p.getBoundingClientRect().right)]""")
    assert max(wide) <= 390
    context.close()


def test_the_page_to_take_away_links_without_a_server(page: Page, tmp_path: Path):
    row = {"type": "heatmap", "z": [[1.0, 2.0]]}
    layout = {"width": 160, "height": 120, "margin": {"l": 10, "r": 10, "t": 30, "b": 10}}
    panels = [
        Panel(name, unchecked([row], layout), name, Cells(axes, (1, 2), torch.tensor([[1.0, 2.0]])))
        for name, axes in (("a", "i j"), ("b", "i k"))
    ]
    board = Board(
        panels, [{"panel": "a"}, {"panel": "b"}], [Relation("j k", np.array([[0, 1], [1, 0]]))], {"": "{a} and {b}"}
    )
    file = tmp_path / "board.html"
    file.write_text(stand_alone.page(board, "</script> & more"))
    page.goto(file.as_uri())
    page.wait_for_selector(".js-plotly-plot .main-svg")
    page.mouse.move(*cell(page, "a", 0, 0))
    assert page.locator(".line").inner_text() == "1 and 2"
    assert outlined(page, "b") == 1
    assert json.loads(page.evaluate("document.getElementById('numbers').textContent"))["panels"][1]["name"] == "b"
