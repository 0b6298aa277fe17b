"""What every page gives its reader, in a real browser: share, own input, take away, predict, walk through."""

import subprocess
import sys
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest

from core.topics import TOPICS
from tests.browser.driving import choose, drawn, move_slider, numbers, open_page, pin, rest, type_into
from tests.serving import free_port, start_server

pytestmark = pytest.mark.browser


def parameters(page):
    return {key: values[0] for key, values in parse_qs(urlparse(page.url).query).items()}


def card(page, topic):
    """The card of a topic on the start page: the innermost box with its picture."""
    picture = page.locator(f"img[src*='/{topic.name}-']")
    return page.locator("[data-testid=stMain] [data-testid=stVerticalBlock]").filter(has=picture).last


def test_the_start_page_leads_to_every_topic(page, url):
    open_page(page, url)
    for topic in TOPICS:
        assert card(page, topic).locator("img").evaluate("img => img.decode().then(() => img.naturalWidth)") > 0
        assert card(page, topic).locator("a").count() == 1
        assert card(page, topic).locator("a").get_attribute("href") == topic.name
    card(page, TOPICS[0]).locator("a").click()
    page.wait_for_selector(f"h1:has-text('{TOPICS[0].title}')")
    rest(page)


def test_the_address_bar_is_the_state_and_opens_the_same_numbers_elsewhere(page, chromium, url):
    open_page(page, f"{url}/dropout")
    before = drawn(page, "y")
    move_slider(page, "p", 3)
    pin(page, "x", 2, 3)
    assert drawn(page, "y") != before
    assert parameters(page) == {"p": "0.65", "cell": "2, 3"}
    assert page.get_by_text("y[2, 3]").count() == 1
    other = chromium.new_context().new_page()
    open_page(other, page.url)
    assert numbers(other, "y") == numbers(page, "y")
    assert drawn(other, "y") == drawn(page, "y")
    other.context.close()


def test_share_shows_the_link_and_a_teachers_version_of_it(page, chromium, url):
    open_page(page, f"{url}/dropout?p=0.25&seed=3")
    page.get_by_role("button", name="Share").click()
    page.locator(".st-key-share_projector label").click()
    rest(page)
    link = page.locator("[data-testid=stPopoverBody] [data-testid=stCode]").first.inner_text().strip()
    assert parse_qs(urlparse(link).query) == {"p": ["0.25"], "seed": ["3"], "projector": ["1"]}
    assert page.locator("[data-testid=stPopoverBody] img").count() == 1
    room = chromium.new_context().new_page()
    open_page(room, link + "&lock=p&hide=code,answers")
    assert not room.locator("[data-testid=stSidebar]").is_visible()
    assert room.get_by_role("tab", name="Code", exact=True).count() == 0
    assert room.locator(".st-key-p input[type=range]").is_disabled()
    room.context.close()


def test_reset_keeps_the_seed(page, url):
    open_page(page, f"{url}/dropout?p=0.25&seed=3&cell=1,1")
    page.get_by_role("button", name="Reset").click()
    rest(page)
    assert parameters(page) == {"seed": "3"}


def test_a_wrong_link_gives_the_default_and_a_sentence(page, url):
    open_page(page, f"{url}/dropout?p=banana&size=-3&masks=1e309&seed=nan")
    assert page.get_by_text("The link asked for").count() == 4
    assert parameters(page) == {"more": "true"}  # opened, since sentences stand in it


def test_pasted_numbers_good_and_bad(page, url):
    open_page(page, f"{url}/dropout?p=0")
    choose(page, "x_from", "typed or pasted")
    assert parameters(page)["x"].startswith("[[")  # the example, to be edited, stands in the link at once
    type_into(page, "x", "tensor([[1., 2.],\n        [3., 4.]])")
    assert [row[:2] for row in numbers(page, "x")] == [["1", "2"], ["3", "4"]]
    type_into(page, "x", "1 2\n3 four")
    assert page.get_by_text("four").count() >= 1
    assert [row[:2] for row in numbers(page, "x")] == [["1", "2"], ["3", "4"]]


def test_uploads_good_and_bad(page, url, tmp_path):
    good, bad = tmp_path / "x.npy", tmp_path / "p.npy"
    np.save(good, np.array([[5.0, 6.0]]))
    np.save(bad, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    open_page(page, f"{url}/dropout?p=0&x_from=a+file&more=true")
    page.locator("[data-testid=stFileUploader] input[type=file]").set_input_files(good)
    page.wait_for_function("() => document.body.innerText.includes('Edit as a grid')")
    rest(page)
    assert numbers(page, "x") == [["5", "6"]]
    assert parameters(page)["x_from"] == "typed"
    other = page.context.browser.new_context().new_page()
    open_page(other, page.url)  # the upload travels in the link
    assert numbers(other, "x") == [["5", "6"]]
    other.context.close()
    open_page(page, f"{url}/dropout?p=0&x_from=a+file&more=true")
    page.locator("[data-testid=stFileUploader] input[type=file]").set_input_files(bad)
    page.wait_for_function("() => document.body.innerText.includes('object')")
    rest(page)


def test_the_downloaded_script_runs(page, url, tmp_path):
    open_page(page, f"{url}/dropout?tab=Take+away&seed=4")
    with page.expect_download() as download:
        page.get_by_role("button", name="Python script").click()
    download.value.save_as(tmp_path / "script.py")
    done = subprocess.run(
        [sys.executable, tmp_path / "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )
    assert "output" in done.stdout


def test_a_question_is_answered_and_explained(page, url):
    open_page(page, f"{url}/dropout?tab=Predict")
    page.get_by_placeholder("your answer").nth(1).fill("18")
    page.get_by_role("button", name="Commit").nth(1).click()
    rest(page)
    assert page.get_by_text("Right: 18").count() == 1
    assert page.get_by_text("1 of 1").count() == 1


def test_the_walk_plays_steps_and_follows_the_keys(page, url):
    open_page(page, f"{url}/dropout?tab=Walk+through&walked=textbook")
    walk = page.locator(".walk")
    walk.wait_for()
    assert walk.locator(".where").inner_text().startswith("1 /")
    walk.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert walk.locator(".where").inner_text().startswith("3 /")
    assert "keep_prob" in walk.locator(".code .now").inner_text()
    walk.locator(".speed").select_option("5")
    walk.locator(".play").click()
    page.wait_for_function("() => true", timeout=1000)
    page.wait_for_timeout(1500)
    total = walk.locator(".where").inner_text().split("/")[1].strip()
    assert walk.locator(".where").inner_text().split("/")[0].strip() == total


def test_a_link_straight_to_a_page_of_a_fresh_server(chromium, tmp_path):
    port = free_port()
    server = start_server(port)
    try:
        tab = chromium.new_context().new_page()
        open_page(tab, f"http://127.0.0.1:{port}/dropout?p=0.1")
        assert tab.locator("[data-testid=stSidebarNav]").get_by_text("Start here").count() == 1
        assert tab.locator(".st-key-p input[type=range]").input_value() == "0.1"
        server.terminate()
        server.wait(20)
        server = start_server(port)
        tab.wait_for_selector("[data-testid=stApp][data-test-connection-state=CONNECTED]", timeout=60_000)
        rest(tab)
        move_slider(tab, "p", 1)
        assert parameters(tab) == {"p": "0.15"}
        tab.context.close()
    finally:
        server.terminate()
        server.wait(20)
