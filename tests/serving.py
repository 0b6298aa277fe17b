"""Start the app for a test: on a free port, answering before the test goes on."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_server(port: int, script: str = "app.py", log: Path | None = None) -> subprocess.Popen:
    """`streamlit run` on this port, answering before it is returned."""
    server = launch(port, script, log)
    wait_for(f"http://127.0.0.1:{port}/_stcore/health", server)
    return server


def launch(port: int, script: str = "app.py", log: Path | None = None, **environment: str) -> subprocess.Popen:
    """`streamlit run` on this port, on its way up."""
    command = [sys.executable, "-m", "streamlit", "run", script]
    output = log.open("w") if log else subprocess.DEVNULL
    return subprocess.Popen(
        [*command, "--server.port", str(port), "--server.headless", "true"],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=output,
        stderr=subprocess.STDOUT,
    )


def wait_for(address: str, server: subprocess.Popen, seconds: float = 120) -> None:
    """Wait until this address of the server answers with success."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    server.kill()
    raise RuntimeError(f"{address} did not answer within {seconds:.0f} s")
