"""The table of answers: what stands where, which row a click reports, and that a phone holds it."""

from core.figures import answers
from core.figures.answers import Answer

ROWS = {"a": [Answer("yes", "yes"), Answer("no", "no")], "a.data": [Answer("yes", "yes"), Answer("wrong", "wrong")]}
QUESTIONS = ("shares<br>memory", "kept<br>safe")


def test_cells_say_and_colour_their_answers():
    cells = answers.table(ROWS, QUESTIONS).data[0]
    assert [list(row) for row in cells.text] == [["yes", "no"], ["yes", "wrong"]]
    assert [list(row) for row in cells.z] == [[1, 0], [1, 3]]


def test_a_click_anywhere_in_a_row_reports_the_row():
    picks = answers.table(ROWS, QUESTIONS).data[1]
    reported = {(x, y): key for x, y, key in zip(picks.x, picks.y, picks.customdata, strict=True)}
    assert reported[(0.0, 0)] == reported[(1.0, 0)] == reported[(-1.0, 0)] == "a"
    assert reported[(0.0, 1)] == reported[(-2.0, 1)] == "a.data"
    assert len({y for _, y in reported}) == 2


def test_the_chosen_row_alone_has_a_border():
    assert not answers.table(ROWS, QUESTIONS).layout.shapes
    (border,) = answers.table(ROWS, QUESTIONS, chosen="a.data").layout.shapes
    assert (border.y0, border.y1) == (0.5, 1.5)


def test_names_are_written_as_asked():
    figure = answers.table(ROWS, QUESTIONS, names={"a.data": "data"})
    assert [annotation.text for annotation in figure.layout.annotations] == ["a", "data"]


def test_it_fits_a_phone_with_letters_to_read():
    figure = answers.table(ROWS, QUESTIONS)
    assert figure.layout.width <= 364
    assert figure.data[0].textfont.size >= 10
    assert figure.layout.xaxis.tickfont.size >= 10


def test_it_is_told_in_words():
    assert answers.describe(ROWS, QUESTIONS) == "Columns shares memory, kept safe. a: yes, no; a.data: yes, wrong"
