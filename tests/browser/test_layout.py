"""The memory page in a real browser: pick in the tensor and in the strip, build a chain, play the walk."""

from urllib.parse import parse_qs, urlparse

import pytest

from tests.browser.driving import line, open_page, outlined, pin, point, rest, type_into

pytestmark = pytest.mark.browser


def parameters(page):
    return {key: values[0] for key, values in parse_qs(urlparse(page.url).query).items()}


def test_pointing_finds_the_address_in_every_stage_and_storage(page, url):
    open_page(page, f"{url}/layout?shape=3,4&dtype=float32&fill=arange&chain=transpose(0,1)>clone")
    point(page, "x1", 3, 2)
    assert outlined(page, "x0") == {(2, 3)}
    assert outlined(page, "A") == {(0, 11)}
    assert not outlined(page, "x2")
    assert outlined(page, "B", role="origin") == {(0, 11)}  # the clone keeps the order in memory
    assert "0 + 3·1 + 2·4 = 11 of A" in line(page)
    assert "x0[2, 3]" in line(page)
    point(page, "x2", 1, 2)
    assert outlined(page, "B") == {(0, 9)}
    assert outlined(page, "x1", role="origin") == {(1, 2)}
    assert outlined(page, "x0", role="origin") == {(2, 1)}
    assert "copied from A[9]" in line(page)
    point(page, "A", 0, 4)
    assert outlined(page, "x0") == {(1, 0)}
    assert outlined(page, "x1") == {(0, 1)}


def test_elements_that_share_a_cell_light_up_together(page, url):
    open_page(page, f"{url}/layout?shape=10&dtype=float32&fill=arange&chain=unfold(0,4,2)")
    point(page, "x1", 1, 0)
    assert outlined(page, "x1", role="self") == {(1, 0)}
    assert outlined(page, "x1", role="group") == {(1, 0), (0, 2)}


def test_a_click_in_any_picture_pins(page, url):
    open_page(page, f"{url}/layout?shape=3,4&dtype=float32&fill=arange&chain=transpose(0,1)")
    pin(page, "x1", 3, 2)
    assert parameters(page)["cell"] == "3, 2"
    pin(page, "A", 0, 5)  # address 5 is x1[1, 1]
    assert parameters(page)["cell"] == "1, 1"
    assert outlined(page, "x0", "pinned") == {(1, 1)}
    pin(page, "x0", 2, 3)
    assert parameters(page)["stage"] == "x0"
    assert parameters(page)["cell"] == "2, 3"
    page.locator(".st-key-stage").get_by_text("x1").click()
    rest(page)
    assert parameters(page)["cell"] == "3, 2"  # the same number


def test_one_preset_is_one_entry_of_the_history(page, url):
    open_page(page, f"{url}/layout?cell=3,4")
    before = page.evaluate("history.length")
    page.locator(".st-key-preset input").click()
    page.get_by_role("option", name="NCHW → NHWC").click()
    rest(page)
    assert parameters(page)["chain"] == "permute(0,2,3,1)>contiguous"
    assert page.evaluate("history.length") == before + 1
    page.get_by_role("link", name="Gather and scatter").click()
    rest(page)
    assert page.get_by_text("There is no cell").count() == 0


def test_building_a_chain(page, url):
    open_page(page, f"{url}/layout?shape=3,4&dtype=float32&fill=arange&chain=transpose(0,1)")
    page.get_by_role("button", name="Add").click()
    page.locator(".st-key-add-contiguous button").click()
    rest(page)
    assert parameters(page)["chain"] == "transpose(0,1)>contiguous"
    written = page.locator("[data-panel=x2] .digits text").all_text_contents()
    assert written[:12] == ["0", "4", "8", "1", "5", "9", "2", "6", "10", "3", "7", "11"]
    page.get_by_role("button", name="transpose(0,1)").click()
    page.get_by_role("button", name="Remove").click()
    rest(page)
    assert parameters(page)["chain"] == "contiguous"


def test_a_refused_view_is_explained(page, url):
    open_page(page, f"{url}/layout?shape=3,4&dtype=float32&fill=arange&chain=transpose(0,1)>view(12)")
    assert page.get_by_text("view size is not compatible").count() >= 1
    assert page.locator(".st-key-board-refused .js-plotly-plot").count() == 1


def test_writing_through_a_view(page, url):
    open_page(page, f"{url}/layout?shape=3,4&dtype=float32&fill=arange&chain=transpose(0,1)&cell=1,1")
    type_into(page, "write", "99")
    assert page.get_by_text("x0 (1), x1 (1)").count() == 1
    assert parameters(page)["write"] == "99"


def test_the_walk_reads_the_strip_in_reading_order(page, url):
    open_page(page, f"{url}/layout?shape=2,3&dtype=float32&fill=arange&chain=transpose(0,1)&tab=Walk+through")
    walk = page.locator(".walk")
    walk.wait_for()
    walk.focus()
    jumps = []
    for _ in range(40):
        page.keyboard.press("ArrowRight")
        cells = walk.locator(".panel").first.locator(".cell")
        reading = [i for i in range(6) if "reads" in (cells.nth(i).get_attribute("class") or "")]
        if reading and (not jumps or jumps[-1] != reading[0]):
            jumps.append(reading[0])
    assert jumps == [0, 3, 1, 4, 2, 5]


def test_a_large_board_travels_compressed_and_is_drawn_whole(page, url):
    open_page(page, f"{url}/layout?shape=40,50&fill=arange&dtype=int64&chain=transpose(0,1)")
    point(page, "x1", 1, 0)
    assert outlined(page, "x0") == {(0, 1)}
    assert "0 + 1·1 + 0·50 = 1 of A" in line(page)


def test_windows_of_a_large_tensor_hang_together_and_the_map_moves_them(page, url):
    open_page(page, f"{url}/layout?shape=4096,4096&dtype=float32&fill=arange&chain=transpose(0,1)>contiguous")
    point(page, "x1", 1, 2)
    assert outlined(page, "x0") == {(2, 1)}
    assert outlined(page, "A") == {(2, 1)}
    assert outlined(page, "A map") == {(0, 0)}
    assert outlined(page, "x2", role="origin") or outlined(page, "B", role="origin")
    assert "0 + 1·1 + 2·4096 = 8193, address 8,193 of A" in line(page)
    pin(page, "B map", 1, 0)  # the middle of the storage
    assert parameters(page)["cell"] == "2048, 0"
    point(page, "x2", 2, 0)  # its window begins at 2046
    assert "x2[2048, 0]" in line(page)
    assert outlined(page, "B map") == {(1, 0)}
    assert "copied from A[2048]" in line(page)


def test_a_warp_lights_up_what_its_threads_read(page, url):
    open_page(page, f"{url}/layout?shape=64,64&dtype=float32&fill=arange&chain=transpose(0,1)&tab=On+a+GPU")
    point(page, "thread", 0, 9)
    assert outlined(page, "memory") == {(9, 0)}
    assert "thread 9 reads x1[0, 9] at address 576: byte 2,304, sector 72" in line(page, "warp")
