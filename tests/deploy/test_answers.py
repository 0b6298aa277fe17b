"""What the balancer adds to every answer, and what it refuses before a server hears of it."""

import http.client
import select
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from core.web.files import plotly_address
from core.web.headers import ALWAYS

MEGABYTE = 2**20
pytestmark = pytest.mark.browser  # two servers are started


def ask(port: int, method: str, path: str, body: bytes = b"", chunked: bool = False, **headers: str):
    """Status, headers and text of an answer. The body goes out until an answer comes in, as from a browser."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), 2**16):
            if select.select([connection.sock], [], [], 0)[0]:
                return
            yield body[start : start + 2**16]

    length = {} if chunked else {"Content-Length": str(len(body))}
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    try:
        with suppress(ConnectionError):  # refused while it was being sent
            connection.request(method, path, pieces() if body else None, named | length)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode(errors="replace")
    finally:
        connection.close()


def directives(policy: str) -> dict[str, list[str]]:
    return {name: sources for name, *sources in (part.split() for part in policy.split(";"))}


@pytest.mark.parametrize("path", ["/", "/dropout", "/_stcore/health", "/_stcore/host-config", "/favicon.png"])
def test_every_answer_carries_the_policy(site, path):
    status, headers, _ = ask(site.port, "GET", path)
    assert status == 200
    policy = directives(headers["Content-Security-Policy"])
    assert policy["default-src"] == ["'none'"]
    assert policy["connect-src"] == ["'self'", f"ws://127.0.0.1:{site.port}", f"wss://127.0.0.1:{site.port}"]
    assert "'unsafe-inline'" not in policy["script-src"]
    assert "'unsafe-eval'" not in policy["script-src"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert "Server" not in headers


@pytest.mark.parametrize("path", ["/", "/dropout", "/_stcore/health"])
def test_the_balancers_headers_and_a_servers_own_are_one(site, path):
    own = ask(site.ports["a"], "GET", path, Host=f"127.0.0.1:{site.port}")[1]
    sent = ask(site.port, "GET", path)[1]
    for name in (*ALWAYS, "Content-Security-Policy"):
        assert len(sent.get_all(name)) == len(own.get_all(name)) == 1
    assert {name: own[name] for name in ALWAYS} == {name: sent[name] for name in ALWAYS}
    assert directives(own["Content-Security-Policy"]) == directives(sent["Content-Security-Policy"])


def test_a_script_passes_the_balancer_compressed_and_is_kept(site):
    headers = ask(site.port, "GET", plotly_address(), Accept_Encoding="gzip")[1]
    assert headers["Content-Encoding"] == "gzip"
    assert int(headers["Content-Length"]) < 1.6 * MEGABYTE
    assert "immutable" in headers["Cache-Control"]
    again = ask(site.port, "GET", plotly_address(), Accept_Encoding="gzip", If_None_Match=headers["ETag"])
    assert (again[0], again[2]) == (304, "")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {"Host": "a.example; script-src *"}, 400),
        ("/_stcore/metrics", {}, 403),
        ("/_stcore/%6detrics", {}, 403),
        ("/_stcore/agent/openapi.json", {}, 403),
    ],
)
def test_what_is_nothing_for_readers_is_refused(site, path, headers, status):
    assert ask(site.port, "GET", path, **headers)[0] == status


def test_a_page_of_another_site_opens_no_session(site):
    address = f"ws://127.0.0.1:{site.port}/_stcore/"
    with connect(f"{address}stream", subprotocols=["streamlit"], origin=site.url) as socket:
        assert socket.response.status_code == 101
    for path in ("stream", "strea%6d"):
        with pytest.raises(InvalidStatus) as refusal:
            connect(f"{address}{path}", subprotocols=["streamlit"], origin="http://localhost.a.example")
        assert refusal.value.response.status_code == 403
        assert refusal.value.response.body.startswith(b"<html>")  # the balancer's word: no server has been asked


# ---- uploads ---------------------------------------------------------------------------------------------------


@contextmanager
def session(port: int) -> Iterator[tuple[str, str]]:
    """An open session: where its uploads go, and the cookie that leads to its server."""
    with connect(f"ws://127.0.0.1:{port}/_stcore/stream", subprotocols=["streamlit"]) as socket:
        socket.send(BackMsg(rerun_script={"page_name": "dropout"}).SerializeToString())
        first = ForwardMsg.FromString(socket.recv(timeout=30))
        cookie = socket.response.headers.get("Set-Cookie", "").split(";")[0]
        yield f"/_stcore/upload_file/{first.new_session.initialize.session_id}/file", cookie


def token(port: int) -> str:
    """What a server hands a browser, to prove that an upload comes from its own page."""
    _, headers, _ = ask(port, "GET", "/_stcore/health")
    cookies = [cookie.split(";")[0] for cookie in headers.get_all("Set-Cookie")]
    return next(cookie.split("=", 1)[1] for cookie in cookies if cookie.startswith("_streamlit_xsrf="))


def form(size: int) -> bytes:
    """A file of this size as a browser sends it."""
    head = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="x.npy"\r\n\r\n'
    return head + bytes(size) + b"\r\n--edge--\r\n"


def put(port: int, path: str, cookie: str, size: int, xsrf: str, header: str | None = None, chunked: bool = False):
    kind = "multipart/form-data; boundary=edge"
    cookies = f"{cookie}; _streamlit_xsrf={xsrf}"
    named = {"Content_Type": kind, "Cookie": cookies, "X_Xsrftoken": header or xsrf}
    status, _, said = ask(port, "PUT", path, form(size), chunked, **named)
    return status, said


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
def test_a_body_above_the_limit_is_refused(site, chunked):
    with session(site.port) as (path, cookie):
        send = partial(put, site.port, path, cookie, xsrf=token(site.port), chunked=chunked)
        assert send(4 * MEGABYTE)[0] == 204
        assert send(5 * MEGABYTE + 1) == (413, "File too large")  # the server's own limit
        status, said = send(50 * MEGABYTE)
        assert status == 413
        assert (
            said.startswith("<html>") != chunked
        )  # the balancer's word by the length; else the server's, as it counts


def test_a_token_of_one_server_holds_on_the_other_though_they_share_no_secret(site):
    ours, theirs = site.ports["a"], site.ports["b"]
    with session(theirs) as (path, cookie):
        assert put(theirs, path, cookie, 8, token(ours))[0] == 204
        assert put(theirs, path, cookie, 8, token(ours), header=token(ours))[0] == 403
