"""Sentences over facts, in English and in the reader's language."""

from types import SimpleNamespace

import pytest
import torch

from core import words
from core.words import _, listed, say

CELLS = "{dropped:|cell is|cells are} 0; the mean of {shape} is **{mean}**."
FACTS = SimpleNamespace(dropped=1, shape=(2, 3), mean=-0.5)


@pytest.fixture
def chinese(monkeypatch):
    """A catalogue of two entries, spoken during the test."""
    entries = {CELLS: "{shape} 里有 {dropped} 个单元格是 0，均值为 **{mean}**。", "and": "和", ", ": "、"}
    monkeypatch.setattr(words, "catalogue", lambda language: {"zh": entries}[language])
    words.speak("zh")
    yield
    words.speak("en")


def test_a_template_is_filled_as_its_fields_are_spelled():
    assert say(CELLS, FACTS) == "1 cell is 0; the mean of (2, 3) is **−0.5**."
    assert say("{n:|cell|cells} of {dtype}", n=2, dtype=torch.int64) == "2 cells of int64"


def test_a_template_is_looked_up_before_it_is_filled(chinese):
    assert say(CELLS, FACTS) == "(2, 3) 里有 1 个单元格是 0，均值为 **−0.5**。"


def test_what_the_catalogue_has_not_stays_english(chinese):
    assert _("Reset") == "Reset"
    assert say("{n} rows", n=3) == "3 rows"


def test_a_list_is_joined_as_the_language_does(chinese):
    assert listed([1, 2, 3]) == "1、2 和 3"


def test_a_run_that_has_not_said_its_language_is_asked_for_it(monkeypatch):
    monkeypatch.setattr(words, "_spoken", type(words._spoken)("anew"))
    monkeypatch.setattr(words, "_ask", [lambda: "zh"])
    assert words.spoken() == "zh"
    words.speak("en")
    assert words.spoken() == "en"
