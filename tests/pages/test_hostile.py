"""Random and extreme states of every page: no exception, no run that holds the server.

`FUZZ=300 python -m pytest tests/pages/test_hostile.py` opens 300 states a page instead of a few.
"""

import os
import random
import time

import pytest

from core.topics import PAGES
from tests.pages.opening import control, open_page
from tests.pages.test_every_page import HOSTILE, TABS

STATES = int(os.environ.get("FUZZ", "6"))
LONGEST_RUN = 10.0  # seconds: many times what a page takes, on a machine busy with other tests
TENSORS = (
    "[[1, 2], [3, 4]]", "1 2\n3", "nan", "[1e308, -1e308, inf]", "[]", "[[[1]]]", "0", "x" * 3000, "[" * 500, "1,2;3,4",
    "tensor([[True, False]])", "z000000_f32_9x9_", "n3f09a1_f32_2x3_1_2", "-0.0 5e-324", "[[1,2,3],[4,5,6],[7,8,9]]",
)  # fmt: skip
INDICES = ("0", "0,0", "1,1", "-1,-1", "99,99", "0,0,0", "1,0,2,1", "a,b", ",", "0,")


def any_value(draw: random.Random, app, key: str) -> str:
    """Something that a link could hold for this control: what it offers, or what it does not."""
    if draw.random() < 0.25:
        return draw.choice(HOSTILE)
    widget = control(app, key)
    options = [str(option) for option in getattr(widget, "options", [])]
    if options:
        return draw.choice(options)
    if widget.type in ("slider", "number_input"):
        low, high = float(widget.min), float(widget.max)
        value = draw.choice((low, high, low + (high - low) * draw.random()))
        return f"{value:g}" if draw.random() < 0.5 else str(int(value))
    if widget.type in ("toggle", "checkbox"):
        return draw.choice(("true", "false"))
    return draw.choice((*TENSORS, *INDICES))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_state_in_a_link_breaks_the_page(page):
    draw = random.Random(f"{page.name} {STATES}")
    known = open_page(page.name)
    keys = dict.fromkeys(known.session_state["_settings"])
    link: dict[str, str] = {}
    for _ in range(STATES):
        link = {key: any_value(draw, known, key) for key in keys if draw.random() < 0.6}
        link |= {
            f"{key}_from": draw.choice(("typed or pasted", "random numbers", "a file"))
            for key in keys
            if draw.random() < 0.3
        }
        link |= {key: draw.choice(TENSORS) for key in ("x", "input", "a", "weight", "logits") if draw.random() < 0.2}
        link["tab"] = draw.choice(TABS)
        before = time.perf_counter()
        open_page(page.name, **link)
        assert time.perf_counter() - before < LONGEST_RUN, link
