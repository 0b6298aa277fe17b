"""Predict takes an answer as people write it, and asks again for what is none."""

import pytest

from core.ui.predict import Question
from tests.pages.opening import open_page, sound, words


def asked(answer, **more):
    return Question("?", answer, "", **more)


@pytest.mark.parametrize(
    ("answer", "given", "right"),
    [
        ("0.646", "64.6 %", True), ("0.646", "0,646", True), ("0.646", "1/1.548", True), ("0.646", "0.66", False),
        ("64.6", "64.6%", True), ("2, 7, 7", "2x7x7", True), ("2, 7, 7", "(2, 7, 7)", True), ("2, 7, 7", "2×7", False),
        ("3, 4", "3,4", True), ("3.4", "3,4", True), ("-0.25", "−1/4", True), ("nan", "nan", True),
        ("1", "1/0", False),
    ],
)  # fmt: skip
def test_an_answer_counts_however_it_is_spelt(answer, given, right):
    assert asked(answer).accepts(given) == right


def test_an_exact_answer_has_no_near_ones():
    assert not asked("2830", tolerance=0).accepts("2805")
    assert not asked("2830", tolerance=0).accepts("2829")
    assert asked("2830", tolerance=0).accepts("2830")


@pytest.mark.parametrize("given", ["abc", "1/0", "x", "3 of 4"])
def test_what_is_no_number_is_asked_for_again(given):
    assert not asked("0.5").understands(given)
    assert asked("a copy", options=("a copy", "a view")).understands(given)
    app = open_page("layout", tab="Predict")
    field = next(field for field in app.text_input if field.key.endswith("0 0 given"))
    field.set_value(given)
    sound(next(b for b in app.button if b.label == "Commit").click().run())
    assert not app.success
    assert not app.error
    assert "number" in words(app)
