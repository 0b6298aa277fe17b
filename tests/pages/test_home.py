"""The home page: a picture of each topic, cut from its page's board, and links that lead where they say."""

import re
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import pytest
from streamlit.testing.v1 import AppTest

from core.topics import PAGES
from core.web.files import THUMBNAILS, served, thumbnail_address
from docs.thumbnails import made
from tests.pages.opening import ROOT, open_page

NUMBER = re.compile(r"#[0-9a-f]{6}|-?\d+(?:\.\d+)?")


def told(svg: str) -> tuple[str, list[float]]:
    """A picture's words with its numbers left out, and those numbers; a colour counts as its three parts."""
    numbers: list[float] = []
    for found in NUMBER.findall(svg):
        numbers += [int(found[i : i + 2], 16) for i in (1, 3, 5)] if found.startswith("#") else [float(found)]
    return NUMBER.sub("", svg), numbers


@pytest.mark.parametrize("name", [topic.name for topic in PAGES])
def test_each_picture_is_what_its_page_shows_first(name: str):
    kept, now = told((THUMBNAILS / f"{name}.svg").read_text()), told(made(name))
    assert kept[0] == now[0], "python -m docs.thumbnails makes them anew"
    # A shade is one of two dozen: another machine's last digit may move a cell to the next one.
    assert kept[1] == pytest.approx(now[1], abs=16)


def test_no_two_pictures_are_alike_and_none_is_empty():
    pictures = [(THUMBNAILS / f"{topic.name}.svg").read_text() for topic in PAGES]
    assert len(set(pictures)) == len(PAGES)
    for picture in pictures:
        root = ElementTree.fromstring(picture)
        assert len(root) >= 2, picture[:80]


def test_they_are_small_and_no_file_is_left_over():
    files = {path.stem: path.stat().st_size for path in THUMBNAILS.glob("*.svg")}
    assert set(files) == {topic.name for topic in PAGES}
    assert max(files.values()) < 16_000
    assert all(thumbnail_address(name) in served() for name in files)


def test_every_way_in_leads_to_a_page_that_opens_as_it_says():
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not app.exception
    links = [link.proto for link in app.get("page_link")]
    assert len(links) > len(PAGES)
    for link in links:
        if link.query_string:
            open_page(link.page.rsplit("/", 1)[-1].removesuffix(".py"), **dict(parse_qsl(link.query_string)))
