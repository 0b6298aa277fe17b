"""Two servers behind the balancer, as deploy/haproxy.cfg has them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.serving import ROOT, free_port, launch, wait_for


@dataclass(frozen=True)
class Site:
    """One address, and the servers behind it by the names that the balancer gives them."""

    port: int
    ports: dict[str, int]
    servers: dict[str, subprocess.Popen]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """Two servers behind a balancer, for all tests that leave them running."""
    with two_servers() as site:
        yield site


@pytest.fixture
def mortal_site() -> Iterator[Site]:
    """Two servers behind a balancer, for a test that kills one."""
    with two_servers() as site:
        yield site


@contextmanager
def two_servers() -> Iterator[Site]:
    """Two servers that share no secret, and the balancer in front of them."""
    if shutil.which("haproxy") is None:
        pytest.skip("the balancer, haproxy, is not installed")
    front, *behind = (free_port() for _ in range(3))
    ports = dict(zip("ab", behind, strict=True))
    servers = {name: launch(port, STREAMLIT_SERVER_COOKIE_SECRET=f"{name}'s own") for name, port in ports.items()}
    processes = list(servers.values())
    try:
        for name, port in ports.items():
            wait_for(f"http://127.0.0.1:{port}/_stcore/health", servers[name])
        where = {f"SERVER_{name.upper()}": f"127.0.0.1:{port}" for name, port in ports.items()}
        balancer = subprocess.Popen(
            ["haproxy", "-db", "-f", ROOT / "deploy" / "haproxy.cfg"],
            env={**os.environ, **where, "BIND": f"127.0.0.1:{front}"},
        )
        processes.append(balancer)
        wait_for(f"http://127.0.0.1:{front}/_stcore/health", balancer)
        yield Site(front, ports, servers)
    finally:
        for process in processes:
            process.kill()
            process.wait(10)
