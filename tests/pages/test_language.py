"""The app in another language: every page whole, and the same links."""

import pytest

from core.topics import PAGES
from core.words import LANGUAGES
from tests.pages.opening import open_page, settings
from tests.words.english import left

OTHERS = [language for language in LANGUAGES if language != "en"]
NAMES = ["home", *(page.name for page in PAGES)]


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
