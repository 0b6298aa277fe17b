"""Two servers behind the balancer: one is killed, and its reader comes back on the other with the page's state."""

import os
import shutil
import subprocess
import time

import numpy as np
import pytest

from tests.browser.conftest import ROOT, chromium, free_port, start_server  # noqa: F401
from tests.browser.driving import move_slider, numbers, open_page, rest

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("haproxy") is None, reason="the balancer, haproxy, is not installed"),
]


def server_of(tab):
    return next(cookie["value"] for cookie in tab.context.cookies() if cookie["name"] == "SERVER")


def upload(tab, path):
    tab.locator("[data-testid=stFileUploader] input[type=file]").set_input_files(path)
    tab.wait_for_function("() => document.body.innerText.includes('Edit as a grid')")
    rest(tab)


def test_readers_of_a_killed_server_come_back_on_the_other(chromium, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setenv("STREAMLIT_SERVER_COOKIE_SECRET", "the same on both")
    front, *ports = (free_port() for _ in range(3))
    servers, tabs = {}, []
    where = {f"SERVER_{name}": f"127.0.0.1:{port}" for name, port in zip("AB", ports, strict=True)}
    balancer = subprocess.Popen(
        ["haproxy", "-db", "-f", ROOT / "deploy" / "haproxy.cfg"],
        env={**os.environ, **where, "BIND": f"127.0.0.1:{front}"},
    )
    try:
        servers = {name: start_server(port) for name, port in zip("ab", ports, strict=True)}
        time.sleep(3)  # two health checks of each server
        file = tmp_path / "x.npy"
        np.save(file, np.array([[5.0, 6.0]]))
        tabs = [chromium.new_context().new_page() for _ in range(2)]
        for tab in tabs:
            open_page(tab, f"http://127.0.0.1:{front}/dropout?p=0&x_from=a+file&tab=Take+away")
            upload(tab, file)
        assert {server_of(tab) for tab in tabs} == {"a", "b"}
        reader = tabs[0]
        gone = server_of(reader)
        address = reader.url
        servers[gone].kill()
        reader.wait_for_selector("[data-test-connection-state=CONNECTED]", state="detached", timeout=20_000)
        reader.wait_for_selector("[data-test-connection-state=CONNECTED]", timeout=40_000)
        rest(reader)
        assert server_of(reader) != gone
        assert numbers(reader, "equation x") == [["5", "6"]], (address, reader.url)
        move_slider(reader, "p", 1)
        with reader.expect_download() as download:
            reader.get_by_role("button", name="Python script").click()
        assert "torch" in download.value.path().read_text()
    finally:
        for tab in tabs:
            tab.context.close()
        for process in (balancer, *servers.values()):
            process.kill()
            process.wait(10)
