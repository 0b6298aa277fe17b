"""The app in another language: every page whole, and the same links."""

import re

import pytest

from core import words
from core.experiments.chain.table import OPERATIONS
from core.topics import PAGES
from core.words import LANGUAGES
from tests.pages.opening import open_page, settings
from tests.words.english import left

OTHERS = [language for language in LANGUAGES if language != "en"]
NAMES = ["home", *(page.name for page in PAGES)]


class Heard(dict):
    """A catalogue that notes what was looked up in it and is not there."""

    def __init__(self, entries):
        super().__init__(entries)
        self.missed = set()

    def get(self, text, default=None):
        if text not in self:
            self.missed.add(text)
        return super().get(text, default)


def is_sentence(text):
    """English of three words and more; not a translated text with torch's words in it, nor a field of the browser's."""
    return bool(re.search(r"[a-z]+ [a-z]+ [a-z]+", text)) and not re.search(r"[\u4e00-\u9fff]", text)


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("name", NAMES)
def test_every_sentence_that_is_looked_up_is_in_the_catalogue(name, language, monkeypatch):
    heard = Heard(words.catalogue(language))
    monkeypatch.setattr(words, "catalogue", lambda _: heard)
    open_page(name, lang=language, more="true")
    assert {text for text in heard.missed if is_sentence(text)} == set()


def test_every_operation_of_the_memory_page_says_in_chinese_what_it_does():
    told = [text for op in OPERATIONS.values() for text in (op.description, *(p.meaning for p in op.parameters))]
    assert [text for text in told if text not in words.catalogue("zh")] == []


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("name", NAMES)
def test_no_english_sentence_is_left_in_any_tab(name, language):
    tabs = [tab.label for tab in open_page(name).tabs] or [""]
    english = {tab: left(open_page(name, lang=language, more="true", tab=tab)) for tab in tabs}
    assert {tab: texts for tab, texts in english.items() if texts} == {}


def test_links_are_the_same_in_all_languages():
    english = open_page("dropout", p="0.8", mode="eval", tab="Predict")
    chinese = open_page("dropout", p="0.8", mode="eval", tab="Predict", lang="zh")
    assert settings(chinese) == settings(english)
    assert chinese.query_params["tab"] == english.query_params["tab"]
    assert [tab.label for tab in chinese.tabs] != [tab.label for tab in english.tabs]


def test_a_language_that_is_none_of_the_apps_is_english():
    assert open_page("dropout", lang="xx").title[0].value == "Dropout"
