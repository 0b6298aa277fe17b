"""The table of answers: what stands where, which row a pin reports, and that a phone holds it."""

from core.figures import answers
from core.figures.answers import Answer

ROWS = {"a": [Answer("yes", "yes"), Answer("no", "no")], "a.data": [Answer("yes", "yes"), Answer("wrong", "wrong")]}
QUESTIONS = ("shares<br>memory", "kept<br>safe")


def test_cells_say_and_colour_their_answers():
    cells = answers.table(ROWS, QUESTIONS).data[0]
    assert [list(row) for row in cells.text] == [["yes", "no"], ["yes", "wrong"]]
    assert [list(row) for row in cells.z] == [[1, 0], [1, 3]]


def test_a_pin_anywhere_in_a_row_reports_the_row():
    made = answers.panel("ways", ROWS, QUESTIONS, "way", ["said"] * 6)
    assert made.cells.shape == (2, 3)
    assert made.picks == ["a"] * 3 + ["a.data"] * 3
    assert made.cells.group == "way"


def test_the_boxes_cover_names_and_cells_without_a_gap():
    made = answers.panel("ways", ROWS, QUESTIONS, "way", ["said"] * 6)
    name, first, second = made.cells.boxes[3:]
    assert name[1] == first[0] == -0.5
    assert first[1] == second[0] == 0.5
    assert {box[2:] for box in (name, first, second)} == {(0.5, 1.5)}
    assert name[0] == made.figure.layout.xaxis.range[0]


def test_names_are_written_as_asked():
    figure = answers.table(ROWS, QUESTIONS, names={"a.data": "data"})
    assert [annotation.text for annotation in figure.layout.annotations] == ["a", "data"]


def test_it_fits_a_phone_with_letters_to_read():
    figure = answers.table(ROWS, QUESTIONS)
    large = answers.table(ROWS, QUESTIONS, scale=1.4)
    assert large.data[0].textfont.size >= 14
    assert large.layout.height > 1.3 * figure.layout.height
    assert figure.layout.width <= 364
    assert figure.data[0].textfont.size >= 10
    assert figure.layout.xaxis.tickfont.size >= 10


def test_it_is_told_in_words():
    assert answers.describe(ROWS, QUESTIONS) == "Columns shares memory, kept safe. a: yes, no; a.data: yes, wrong"
