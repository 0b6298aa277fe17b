"""The language of a page in a browser: the browser's own at first, then the reader's choice, which travels along."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import open_page, rest

pytestmark = pytest.mark.browser
DROPOUT = "丢弃法"


@pytest.fixture
def reader(chromium):
    """Makes a tab of a reader whose browser is in this language."""
    tabs = []

    def tab(locale: str) -> Page:
        tabs.append(chromium.new_context(viewport={"width": 1280, "height": 720}, locale=locale).new_page())
        return tabs[-1]

    yield tab
    for each in tabs:
        each.context.close()


def title(tab: Page):
    return tab.locator("h1")


def choose(tab: Page, language: str) -> None:
    tab.get_by_test_id("stSidebar").get_by_role("radio", name=language).or_(
        tab.get_by_test_id("stSidebar").get_by_role("button", name=language)
    ).first.click()
    rest(tab)


def test_a_first_visit_is_in_the_browsers_own_language(reader, url):
    for locale, said in (("zh-CN", DROPOUT), ("en-GB", "Dropout"), ("fr", "Dropout")):
        tab = reader(locale)
        open_page(tab, f"{url}/dropout")
        expect(title(tab)).to_have_text(said)


def test_a_link_wins_over_the_browsers_language(reader, url):
    tab = reader("zh-CN")
    open_page(tab, f"{url}/dropout?lang=en")
    expect(title(tab)).to_have_text("Dropout")


def test_the_switch_loses_no_setting_and_the_choice_goes_along_to_other_pages(reader, url):
    tab = reader("en-US")
    open_page(tab, f"{url}/dropout?p=0.8&mode=eval&tab=Predict")
    choose(tab, "中文")
    expect(title(tab)).to_have_text(DROPOUT)
    assert "lang=zh" in tab.url
    assert "p=0.8" in tab.url
    assert "tab=Predict" in tab.url
    assert tab.get_by_role("slider").first.input_value() == "0.8"
    tab.get_by_test_id("stSidebarNav").get_by_text("交叉熵").click()
    rest(tab)
    expect(title(tab)).to_have_text("交叉熵")
    choose(tab, "English")
    expect(title(tab)).to_have_text("Cross entropy")
    tab.go_back()
    rest(tab)
    assert "lang=" in tab.url


def test_chinese_letters_are_drawn_where_the_system_has_none(reader, url):
    tab = reader("zh-CN")
    open_page(tab, f"{url}/dropout")
    drawn = tab.evaluate(
        "() => document.fonts.ready.then(fonts => [...fonts].filter(f => f.family.includes('Torch Underneath'))"
        ".map(f => f.status))"
    )
    assert "loaded" in drawn


def test_a_shared_link_has_a_language_only_where_the_teacher_fixes_it(reader, url):
    tab = reader("en-US")
    open_page(tab, f"{url}/dropout?lang=zh")
    tab.get_by_role("button", name="分享").click()
    link = tab.get_by_test_id("stPopoverBody").get_by_test_id("stCode").first
    expect(link).not_to_contain_text("lang=")
    tab.get_by_text("固定语言").click()
    expect(link).to_contain_text("lang=zh")
