"""A client that is no browser sends what none would, and the server goes on answering the others."""

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from benchmarks.hostile import attack, plain_page

pytestmark = pytest.mark.browser


def test_the_server_outlives_links_bytes_and_messages_that_no_browser_sends(url):
    port = urlsplit(url).port

    async def page_after_all():
        return await plain_page(port)

    async def all_attacks():
        return {damage.attack: damage async for damage in attack(port, random.Random(0), 6, crowded=20)}

    with ThreadPoolExecutor(1) as apart:  # Playwright keeps this thread's event loop to itself
        damages, (_, failed) = (apart.submit(asyncio.run, made()).result() for made in (all_attacks, page_after_all))
    assert len(damages) == 6
    assert all(damage.requests for damage in damages.values())
    for name in ("links", "noise", "commands", "crowd", "addresses"):  # Streamlit refuses some of the tampered states
        assert damages[name].errors == damages[name].unanswered == [], damages[name]
    assert damages["tampered"].unanswered == []
    assert not failed
