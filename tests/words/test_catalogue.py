"""The catalogues are up to the source, whole, and of one mind about the field's terms."""

import csv
import re
import string

import pytest

from core.web import files
from core.words import LANGUAGES
from docs import letters, words

OTHERS = [language for language in LANGUAGES if language != "en"]
AGAIN = "bring it up to date: python -m docs.words"
CODE = re.compile(r"`[^`]*`|\{[^{}]*\}|https?://\S+")
GLUED = re.compile(r"[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9][\u4e00-\u9fff]")


@pytest.fixture(scope="module", params=OTHERS)
def language(request):
    return request.param


@pytest.fixture(scope="module")
def catalogue(language):
    return [entry for entry in words.read(language) if entry.id]


def fields(text: str) -> set[str]:
    """The names that a template's placeholders read."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_it_has_every_text_of_the_source_and_no_other(catalogue):
    assert {entry.id for entry in catalogue} == set(words.found()), AGAIN


def test_every_entry_is_translated_and_certain(catalogue):
    assert [entry.id for entry in catalogue if not entry.string or entry.fuzzy] == []


def test_placeholders_and_code_are_those_of_the_english_text(catalogue):
    wrong = [e.id for e in catalogue if "{" in e.id and _is_template(e.id) and fields(e.id) != fields(e.string)]
    assert wrong == []


def _is_template(text: str) -> bool:
    try:
        fields(text)
    except ValueError:  # braces of a set, or of code
        return False
    return True


def unclosed(text: str) -> list[str]:
    """Bold passages that Markdown leaves as asterisks: a sign closes one at its end only before a space or a sign."""
    shown = CODE.sub("1", text)
    ends = [place.start() for place in re.finditer(r"\*\*", shown)][1::2]
    return [shown[: end + 3] for end in ends if re.search(r"[^\w\s]\*\*\w$", shown[end - 1 : end + 3])]


def test_bold_passages_are_closed(catalogue):
    assert [found for entry in catalogue for found in unclosed(entry.string)] == []
    assert unclosed("**一个数。**另一个") == ["**一个数。**另"]
    assert unclosed("**一个数**。另一个，**再一个**") == []


def test_a_term_is_translated_by_one_word(language, catalogue):
    with (words.path_of(language).parent / "glossary.csv").open() as file:
        terms = {row["term"]: row["translation"] for row in csv.DictReader(file)}
    translated = [entry for entry in catalogue if entry.string]
    other = [
        (term, entry.id)
        for entry in translated
        for term, ours in terms.items()
        if re.search(rf"\b{re.escape(term)}(s|es)?\b", CODE.sub("", entry.id).lower())
        and ours not in entry.string
        and term not in entry.string.lower()  # torch's own name for it stays
    ]
    assert other == []


def test_a_space_stands_between_chinese_and_latin_letters(catalogue):
    glued = [entry.string for entry in catalogue if GLUED.search(CODE.sub(" ", entry.string))]
    assert glued == []


@pytest.mark.parametrize("weight", ["400", "700"])
def test_the_letters_that_are_served_are_all_that_it_uses(language, weight):
    font = letters.font(files.LETTERS / f"{language}-{weight}.woff2")
    missing = {letter for letter in letters.needed(language) if ord(letter) not in font.getBestCmap()}
    assert not missing, "cut them anew: python -m docs.letters"


# ---- finding words in the source ---------------------------------------------------------------------------------

SOURCE = """
def slider(key: str, label: Words, *, help: Words | None = None): ...
def lines(series: Mapping[Words, Values], title: Words = ""): ...
def choice(options: Mapping[str, Words]): ...
class Refusal(ValueError):
    def __init__(self, template: Words, **facts): ...
"""
CALLS = {
    '_("a")': ["a"],
    'controls.slider("p", "a", help="b")': ["a", "b"],
    'slider("p", "a" if x else "b")': ["a", "b"],
    'lines({"a": [1], "b": [2]}, title="c")': ["a", "b", "c"],
    'choice({"id": "a"})': ["a"],
    'N_({"id": "a", "other": ("b", "c")})': ["a", "b", "c"],
    'raise Refusal("a {n}", n=f("b"))': ["a {n}"],
    'st.slider("p", "a")': [],
    'slider("p", f"a {b}")': [],
}


@pytest.mark.parametrize("call", CALLS)
def test_words_are_found_where_they_are_looked_up(call):
    known = words.signatures_in(words.ast.parse(SOURCE))
    assert list(words.words_in(words.ast.parse(call), known)) == CALLS[call]
