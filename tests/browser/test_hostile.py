"""A client that is no browser sends what none would, and the server goes on answering the others."""

import asyncio
import random
from urllib.parse import urlsplit

import pytest

from benchmarks.hostile import attack, plain_page

pytestmark = pytest.mark.browser


def test_the_server_outlives_links_bytes_and_messages_that_no_browser_sends(url):
    port = urlsplit(url).port

    async def all_attacks():
        return {damage.attack: damage async for damage in attack(port, random.Random(0), 6, crowded=20)}

    damages = asyncio.run(all_attacks())
    assert len(damages) == 6
    assert all(damage.requests for damage in damages.values())
    for name in ("links", "noise", "commands", "crowd", "addresses"):  # Streamlit refuses some of the tampered states
        assert damages[name].errors == damages[name].unanswered == [], damages[name]
    assert damages["tampered"].unanswered == []
    _, failed = asyncio.run(plain_page(port))
    assert not failed
