"""The picture of who shares memory: an object, a storage, an arrow, each where it belongs."""

from core.figures import sharing
from core.figures.sharing import Name, Storage

A = Name("a", ("leaf", "version 0"), 0, 0, 3)
MEMORY = Storage("storage of a: 3 cells", ["1", "9", "3"], ["1", "2", "3"], ["", "0", "1"], [1])


def texts(figure):
    return [annotation.text for annotation in figure.layout.annotations]


def rectangles(figure, fill):
    return [shape for shape in figure.layout.shapes if shape.type == "rect" and shape.fillcolor == fill]


def test_shared_memory_is_drawn_once():
    figure = sharing.draw(A, Name("b = a[1:]", ("", ""), 0, 1, 2), [MEMORY], None)
    assert len(rectangles(figure, sharing.FILLS[0])) == 3
    assert not rectangles(figure, sharing.FILLS[1])
    assert "no gradient" in texts(figure)
    assert any("<b>9</b>" in text and "was 2" in text for text in texts(figure))


def test_the_bracket_covers_exactly_what_b_reads():
    figure = sharing.draw(A, Name("b = a[1:]", ("", ""), 0, 1, 2), [MEMORY], None)
    cells = rectangles(figure, sharing.FILLS[0])
    brackets = [shape for shape in figure.layout.shapes if shape.type == "line"]
    assert [bracket.x0 > cells[0].x1 for bracket in brackets] == [False, True]
    assert all(bracket.x1 <= cells[-1].x1 for bracket in brackets)


def test_a_copy_has_a_storage_of_its_own_and_a_path():
    own = Storage("storage of b: 3 cells", ["1", "2", "3"], ["1", "2", "3"], ["0", "1", "2"])
    figure = sharing.draw(A, Name("b = a.clone()", ("", ""), 1, 0, 3), [MEMORY, own], "CloneBackward0")
    assert len(rectangles(figure, sharing.FILLS[1])) == 3
    assert "gradient: CloneBackward0" in texts(figure)
    assert figure.layout.height > sharing.draw(A, Name("b", ("", ""), 0, 0, 3), [MEMORY]).layout.height


def test_one_object_has_one_box_and_no_path():
    figure = sharing.draw(A, None, [MEMORY])
    assert not any("gradient" in text for text in texts(figure))
    assert len([shape for shape in figure.layout.shapes if shape.type == "rect" and not shape.fillcolor]) == 1


def test_only_cells_that_can_be_picked_take_clicks():
    figure = sharing.draw(A, None, [MEMORY])
    assert list(figure.data[0].customdata) == ["0", "1"]
    assert figure.data[0].hoverinfo == "none"


def test_it_fits_a_phone():
    many = [str(i) for i in range(6)]
    memory = Storage("storage of a: 6 cells", many, many, many)
    figure = sharing.draw(Name("a", ("", ""), 0, 0, 6), None, [memory])
    assert figure.layout.width <= 364
    assert max(shape.x1 for shape in figure.layout.shapes) <= sharing.RIGHT + 1
