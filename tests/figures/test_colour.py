"""The palettes as each kind of colour blindness sees them.

Nothing rests on these colours alone: cells carry their numbers, lines their dashes and a legend, outlines are dashed
or solid, answers are words. The colours have to help all the same, in every kind of sight.
"""

import tomllib
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest

from core.figures import answers, arrows, colour, curves, memory, sharing, timing
from core.figures.heatmap import Outline

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
SIGHTS = {
    "full": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = np.array([0.95047, 1.0, 1.08883])
THEMES = tomllib.loads((Path(__file__).parents[2] / ".streamlit/config.toml").read_text())["theme"]
PAGES = {name: THEMES[name]["backgroundColor"] for name in ("light", "dark")}
APART = 10.0  # CIEDE2000; 1 is just to be seen on patches side by side, 10 at a glance
READABLE, VISIBLE = 4.5, 3.0  # WCAG's contrasts: of text, and of lines and marks

CELLS = {
    "signed": colour.SIGNED,
    "magnitude": colour.MAGNITUDE,
    "identity": colour.IDENTITY,
    "copied": colour.COPIED,
    "copied again": colour.COPIED_AGAIN,
    "empty": [colour.EMPTY] * 2,
    "answers": answers.FILLS,
}
NAMED = {  # colours that each mean one thing
    "identity": colour.IDENTITY,
    "answers": answers.FILLS,
    "storages": sharing.FILLS,
    "curves": curves.SERIES,
    "versions": list(timing.COLOURS.values()),
    "arrows": [arrows.BEFORE, arrows.AFTER, arrows.BALL],
    "merging": [memory.MERGES, memory.BREAKS],
    "outlines": [colour.PICKED, colour.USED],
}
every_sight = pytest.mark.parametrize("sight", SIGHTS)


def linear(hexadecimal):
    c = np.array([int(hexadecimal[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def seen(hexadecimal, sight):
    """The colour in linear RGB, as this kind of sight sees it."""
    return np.clip(SIGHTS[sight] @ linear(hexadecimal), 0, 1)


def lab(rgb):
    t = TO_XYZ @ rgb / WHITE
    x, y, z = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def ciede2000(one, other):
    """The difference of two colours in Lab (Sharma, Wu and Dalal 2005)."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    flat = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(flat**7 / (flat**7 + 25.0**7)))
    c1, c2 = np.hypot(a1 * (1 + g), b1), np.hypot(a2 * (1 + g), b2)
    h1, h2 = (np.degrees(np.arctan2(b, a * (1 + g))) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0.0
    dl, dc, dh = l2 - l1, c2 - c1, 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn) / 2)
    light, chroma, hue = (l1 + l2) / 2, (c1 + c2) / 2, h1 + turn / 2 if c1 * c2 else h1 + h2
    t = 1 + sum(
        weight * np.cos(np.radians(times * hue + shift))
        for weight, times, shift in ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.2, 4, -63))
    )
    s_l = 1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2)
    s_c, s_h = 1 + 0.045 * chroma, 1 + 0.015 * chroma * t
    bend = 60 * np.exp(-(((hue % 360 - 275) / 25) ** 2))
    r_t = -np.sin(np.radians(bend)) * 2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    return np.sqrt((dl / s_l) ** 2 + (dc / s_c) ** 2 + (dh / s_h) ** 2 + r_t * dc / s_c * dh / s_h)


def apart(one, other, sight):
    return ciede2000(lab(seen(one, sight)), lab(seen(other, sight)))


def contrast(one, other, sight="full"):
    low, high = sorted(TO_XYZ[1] @ seen(c, sight) for c in (one, other))
    return (high + 0.05) / (low + 0.05)


def lightness(colours, sight):
    return [lab(seen(c, sight))[0] for c in colours]


def blend(colours, steps=33):
    """A scale's colours and those between them, as plotly mixes them."""
    stops = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours])
    at = np.linspace(0, len(colours) - 1, steps)
    mixed = np.stack([np.interp(at, range(len(colours)), channel) for channel in stops.T], 1).round().astype(int)
    return ["#{:02X}{:02X}{:02X}".format(*c) for c in mixed]


@pytest.mark.parametrize(
    ("one", "other", "expected"),  # from the paper's table of test data
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ],
)
def test_the_difference_is_the_published_one(one, other, expected):
    assert ciede2000(one, other) == pytest.approx(expected, abs=1e-4)


def test_the_simulated_eye_confuses_what_it_should():
    assert apart("#D62728", "#2CA02C", "full") > 60
    assert apart("#B8860B", "#8B9A2E", "deuteranopia") < apart("#B8860B", "#8B9A2E", "full") / 2
    for sight in SIGHTS:
        assert apart("#FFFFFF", "#FFFFFF", sight) == 0
        assert np.allclose(seen("#808080", sight), linear("#808080"), atol=1e-3)  # greys stay grey


@every_sight
@pytest.mark.parametrize("name", NAMED)
def test_colours_that_mean_something_are_told_apart(name, sight):
    close = {(a, b): apart(a, b, sight) for a, b in combinations(NAMED[name], 2)}
    assert min(close.values()) >= APART, close


@every_sight
def test_signs_are_told_apart_and_lightness_grows_towards_0(sight):
    light = lightness(blend(colour.SIGNED), sight)
    middle = len(light) // 2
    assert all(a < b for a, b in pairwise(light[: middle + 1]))
    assert all(a > b for a, b in pairwise(light[middle:]))
    arms = zip(colour.SIGNED[:3], reversed(colour.SIGNED[4:]), strict=True)
    assert all(apart(low, high, sight) >= 2 * APART for low, high in arms)


@every_sight
def test_lightness_alone_orders_magnitudes_and_identities(sight):
    assert all(a > b for a, b in pairwise(lightness(blend(colour.MAGNITUDE), sight)))
    for palette in memory.PALETTES:
        assert all(a < b for a, b in pairwise(lightness(blend(palette), sight)))


@pytest.mark.parametrize("sight", ["full", "protanopia", "deuteranopia"])
def test_a_copy_has_other_colours_than_its_original(sight):
    for one, other in combinations(memory.PALETTES, 2):
        assert np.mean([apart(a, b, sight) for a, b in zip(one, other, strict=True)]) >= APART


@every_sight
@pytest.mark.parametrize("name", CELLS)
def test_a_number_is_readable_on_every_cell(name, sight):
    assert min(contrast(colour.INK, cell, sight) for cell in blend(CELLS[name])) >= READABLE


@every_sight
@pytest.mark.parametrize("outline", [colour.PICKED, colour.USED])
def test_an_outline_stands_out_from_every_cell(outline, sight):
    cells = [cell for name in CELLS if name not in ("empty", "answers") for cell in blend(CELLS[name])]
    assert min(apart(outline, cell, sight) for cell in cells) >= APART


@pytest.mark.parametrize("name", ["curves", "versions", "arrows", "merging"])
@pytest.mark.parametrize("page", PAGES)
def test_lines_stand_out_from_the_page(name, page):
    assert min(contrast(line, PAGES[page]) for line in NAMED[name]) >= VISIBLE


def test_lines_and_outlines_differ_without_colour():
    assert len(set(curves.DASHES)) == len(curves.SERIES)
    assert len(set(timing.MARKS.values())) == len(timing.COLOURS)
    assert Outline([(0, 0)]).line["dash"] != Outline([(0, 0)], colour.USED).line["dash"]


@pytest.mark.parametrize("name", [*colour.SIGNED, *colour.MAGNITUDE, *colour.IDENTITY, colour.EMPTY])
def test_the_ink_can_be_read_on_every_colour(name):
    assert contrast(name, colour.INK) >= 5
