"""Scripts and styles come compressed, once for all, and are kept by the browser."""

import gzip
import http.client
from urllib.parse import urlsplit

import brotli
import pytest
from starlette.datastructures import Headers

from core.web import files

OPENED = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}


def ask(url: str, path: str, method: str = "GET", **headers: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    """Status, headers and body of an answer; the path goes out as it stands."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request(method, path, headers={name.replace("_", "-"): text for name, text in headers.items()})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("", set()),
        ("gzip, deflate, br, zstd", {"gzip", "br"}),
        ("GZIP;q=0.5,br ; q=0", {"gzip"}),
        ("br;q=0.000, gzip;q=0.001", {"gzip"}),
        ("br;q=banana", {"br"}),
        ("brotli, x-gzip, *", set()),
    ],
)
def test_an_encoding_is_taken_where_the_header_allows_it(header, taken):
    assert files.accepted(header) & set(files.PACKERS) == taken


def test_every_script_and_style_of_streamlit_is_served_and_nothing_else_of_it():
    served = files.served()
    assert {file.path.suffix for file in served.values()} <= set(files.KIND)
    scripts = {f"/static/js/{path.name}" for path in (files.STREAMLIT / "static" / "js").glob("*.js")}
    assert scripts
    assert scripts <= set(served)
    assert not {"/", "/index.html", "/manifest.json"} & set(served)  # these change under the same name


def test_each_file_is_compressed_once(monkeypatch, tmp_path):
    path, calls = tmp_path / "x.js", []
    path.write_bytes(b"let x;" * 1000)
    pack = files.PACKERS["gzip"]
    monkeypatch.setitem(files.PACKERS, "gzip", lambda data: calls.append(len(data)) or pack(data))
    asked = Headers({"accept-encoding": "gzip"})
    answers = [files.answer(files.File(path, files.FOR_EVER), "GET", asked) for _ in range(3)]
    assert calls == [6000]
    assert {gzip.decompress(answer.body) for answer in answers} == {path.read_bytes()}


def test_plotlys_address_changes_with_its_content_and_stands_under_the_base_path(monkeypatch, tmp_path):
    now = files.plotly_address()
    other = tmp_path / "plotly.min.js"
    other.write_text("another version")
    for name in (
        "plotly_address",
        "board_address",
        "thumbnail_address",
        "letters_address",
        "together_address",
        "served",
    ):  # all are kept for the life of the process
        monkeypatch.setattr(files, name, getattr(files, name).__wrapped__)
    monkeypatch.setattr(files, "PLOTLY", other)
    assert files.plotly_address() != now
    monkeypatch.setattr(files.config, "get_option", {"server.baseUrlPath": "/a/b/"}.get)
    assert files.plotly_address().startswith("/a/b/plotly-")
    assert {"/a/b/plotly.min.js", files.plotly_address()} <= set(files.served())
    assert all(address.startswith("/a/b/") for address in files.served())


# ---- over the wire ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def style() -> str:
    """The address of Streamlit's style sheet, the smallest of what every visit loads."""
    return next(address for address in files.served() if address.startswith("/static/css/index."))


@pytest.mark.browser
@pytest.mark.parametrize(
    ("accepts", "encoding"), [("gzip, deflate, br", "br"), ("gzip, deflate", "gzip"), ("identity", None), ("", None)]
)
def test_the_best_encoding_that_is_accepted_is_sent(url, style, accepts, encoding):
    for address in (style, files.plotly_address()):
        status, headers, body = ask(url, address, Accept_Encoding=accepts)
        assert (status, headers["Content-Encoding"]) == (200, encoding)
        assert int(headers["Content-Length"]) == len(body)
        assert headers["Vary"] == "Accept-Encoding"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "immutable" in headers["Cache-Control"]
        assert headers.get_content_type() == ("text/css" if address == style else "text/javascript")
        assert OPENED[encoding](body) == files.served()[address].path.read_bytes()


@pytest.mark.browser
def test_a_browser_that_has_the_file_is_told_so(url, style):
    tags = {}
    for accepts in ("br", "gzip", "identity"):
        tags[accepts] = ask(url, style, Accept_Encoding=accepts)[1]["ETag"]
        for given in (tags[accepts], f'"other", W/{tags[accepts]}'):
            status, headers, body = ask(url, style, Accept_Encoding=accepts, If_None_Match=given)
            assert (status, body, headers["ETag"], headers["Vary"]) == (304, b"", tags[accepts], "Accept-Encoding")
    assert len(set(tags.values())) == 3
    status, _, body = ask(url, style, Accept_Encoding="br", If_None_Match=tags["gzip"])
    assert status == 200
    assert body


@pytest.mark.browser
def test_head_says_what_get_would(url, style):
    _, got, body = ask(url, style, Accept_Encoding="gzip")
    status, headed, nothing = ask(url, style, "HEAD", Accept_Encoding="gzip")
    assert (status, nothing) == (200, b"")
    assert {**headed, "date": ""} == {**got, "date": ""}
    assert int(headed["Content-Length"]) == len(body)


@pytest.mark.browser
def test_a_part_that_is_asked_for_comes_as_the_whole(url, style):
    status, headers, body = ask(url, style, Accept_Encoding="br", Range="bytes=0-9")
    assert (status, headers["Content-Range"], headers["Content-Encoding"]) == (200, None, "br")
    assert brotli.decompress(body) == files.served()[style].path.read_bytes()


@pytest.mark.browser
def test_plotlys_plain_address_is_asked_about_again(url):
    status, headers, body = ask(url, "/plotly.min.js", Accept_Encoding="br")
    assert (status, headers["Cache-Control"]) == (200, "no-cache")
    assert brotli.decompress(body) == files.PLOTLY.read_bytes()
    assert ask(url, "/plotly.min.js", Accept_Encoding="br", If_None_Match=headers["ETag"])[0] == 304


@pytest.mark.browser
@pytest.mark.parametrize(
    "path",
    [
        "/static/js/../../../../../../../../etc/passwd", "/static/js/%2e%2e/%2e%2e/%2e%2e/config.py",
        "/static/..%2f..%2fconfig.py", "//etc/passwd", "/plotly.min.js/../app.py", "/plotly.min.js%00",
        "/static/js/..%5c..%5cconfig.py",
    ],
)  # fmt: skip
def test_no_address_leads_out_of_the_folder(url, path):
    status, headers, body = ask(url, path, Accept_Encoding="identity")
    assert status in (400, 404) or body == (files.STREAMLIT / "index.html").read_bytes()
    assert "Content-Security-Policy" in headers


@pytest.mark.browser
def test_other_methods_and_other_files_are_streamlits_own(url, style):
    assert ask(url, style, "POST")[0] == 405
    status, headers, body = ask(url, "/", Accept_Encoding="br")
    assert (status, headers["Cache-Control"]) == (200, "no-cache")
    assert body == (files.STREAMLIT / "index.html").read_bytes()
    font = next((files.STREAMLIT / "static" / "media").glob("*.woff2"))
    status, headers, body = ask(url, f"/static/media/{font.name}", Accept_Encoding="br")
    assert (status, headers["Content-Encoding"]) == (200, None)
    assert "immutable" in headers["Cache-Control"]
    assert body == font.read_bytes()


@pytest.mark.browser
def test_a_page_may_load_plotly_from_there_and_draw_with_it(url, page):
    page.goto(url)
    page.add_script_tag(url=files.plotly_address())
    drawn = page.evaluate(
        """async () => {
            const plot = document.body.appendChild(document.createElement('div'));
            await Plotly.newPlot(plot, [{type: 'heatmap', z: [[1, 2], [3, 4]]}]);
            return [Plotly.version, plot.querySelectorAll('.main-svg').length > 0,
                    (await Plotly.toImage(plot, {format: 'png'})).slice(0, 15)];
        }"""
    )
    assert drawn[1:] == [True, "data:image/png;"]
