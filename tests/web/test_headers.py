"""The security headers of the app itself, without a balancer before it."""

import base64
import hashlib

import pytest

from core.web import headers
from tests.web.test_files import ask


def directives(policy: str) -> dict[str, list[str]]:
    return {name: sources for name, *sources in (part.split() for part in policy.split(";"))}


def test_the_policy_names_the_sockets_of_the_host_that_was_asked():
    policy = directives(headers.content_policy("class.test:8501"))
    assert policy["connect-src"] == ["'self'", "ws://class.test:8501", "wss://class.test:8501"]
    assert directives(headers.content_policy("[::1]:8501"))["connect-src"][1] == "ws://[::1]:8501"


@pytest.mark.parametrize("host", ["", "a; script-src *", "a b", "a\r\nX: y", "a,b", "ä", "a" * 300])
def test_a_host_that_is_none_gets_no_word_in_the_policy(host):
    policy = directives(headers.content_policy(host))
    assert policy == directives(headers.content_policy(""))
    assert policy["connect-src"] == ["'self'"]


def test_the_only_inline_script_allowed_is_streamlits_own(monkeypatch, tmp_path):
    index = tmp_path / "index.html"
    index.write_text('<script src="x.js"></script>\n<script>\n  let a = 1\n</script>')
    monkeypatch.setattr(headers, "INDEX", index)
    digest = base64.b64encode(hashlib.sha256(b"\n  let a = 1\n").digest()).decode()
    assert headers.inline_scripts.__wrapped__() == (f"'sha256-{digest}'",)


@pytest.mark.browser
@pytest.mark.parametrize(
    "path", ["/", "/dropout", "/_stcore/health", "/_stcore/host-config", "/favicon.png", "/media/x"]
)
def test_every_answer_carries_them(url, path):
    _, given, _ = ask(url, path, Host="class.test")
    policy = directives(given["Content-Security-Policy"])
    assert policy["default-src"] == policy["frame-ancestors"] == ["'none'"]
    assert "wss://class.test" in policy["connect-src"]
    assert not {"'unsafe-inline'", "'unsafe-eval'"} & set(policy["script-src"])
    assert {name: given[name] for name in headers.ALWAYS} == headers.ALWAYS
    assert all(len(given.get_all(name)) == 1 for name in ("Content-Security-Policy", *headers.ALWAYS))
