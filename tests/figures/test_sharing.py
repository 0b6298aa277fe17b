"""The picture of who shares memory: an object, a storage, elements over the cells they read, and what is linked."""

from core.figures import sharing
from core.figures.board import Board
from core.figures.sharing import Name, Storage
from tests import linking
from tests.figures.checking import valid

A = Name("a", "a", ("leaf", "version 0"), 0, 0, 3)
SLICE = Name("b", "b = a[1:]", ("", ""), 0, 1, 2)
CLONE = Name("b", "b = a.clone()", ("", ""), 1, 0, 3)
MEMORY = Storage("storage<br>of a", ["1", "9", "3"], ["1", "2", "3"])
OWN = Storage("storage<br>of b", ["1", "2", "3"], ["1", "2", "3"])


def texts(figure):
    return [annotation.text for annotation in figure.layout.annotations]


def rectangles(figure, fill):
    return [shape for shape in figure.layout.shapes if shape.type == "rect" and shape.fillcolor == fill]


def names_of(names, storages):
    return [(cell.name or "storage", cell.storage, cell.index) for cell in sharing.cells(names, storages)]


def lit(names, storages, cell):
    """The cells of the group that a cell belongs to."""
    found = sharing.cells(names, storages)
    _, tie = sharing.panel(names, storages, "", None, [""] * len(found), [""] * len(found))
    (row,) = (rows for i, rows in enumerate(tie.rows.tolist()) if i == cell)
    return {i for i, address in tie.rows.tolist() if address == row[1]}


def test_shared_memory_is_drawn_once():
    figure = sharing.draw([A, SLICE], [MEMORY], None)
    assert len(rectangles(figure, sharing.FILLS[0])) == 3 + 3 + 2
    assert not rectangles(figure, sharing.FILLS[1])
    assert "no gradient" in texts(figure)
    assert any("<b>9</b>" in text and "was 2" in text for text in texts(figure))
    valid(figure)


def test_an_element_stands_over_the_cell_it_reads():
    found = sharing.cells([A, SLICE], [MEMORY])
    storage = {cell.address: cell.box for cell in found if not cell.name}
    assert all(cell.box[:2] == storage[cell.address][:2] for cell in found if cell.name)
    assert [cell.address for cell in found if cell.name == "b"] == [1, 2]


def test_what_a_write_has_changed_has_a_stronger_border_in_every_name():
    figure = sharing.draw([A, SLICE], [MEMORY], None)
    changed = [shape for shape in figure.layout.shapes if shape.line.color == sharing.CHANGED and shape.type == "rect"]
    assert len(changed) == 3  # a[1], the cell, b[0]


def test_a_copy_has_a_storage_of_its_own_and_a_path():
    figure = sharing.draw([A, CLONE], [MEMORY, OWN], "CloneBackward0")
    assert len(rectangles(figure, sharing.FILLS[1])) == 3 + 3
    assert "gradient: CloneBackward0" in texts(figure)
    assert figure.layout.height > sharing.draw([A, SLICE], [MEMORY]).layout.height


def test_one_object_has_one_box_and_no_path():
    figure = sharing.draw([A], [MEMORY])
    assert not any("gradient" in text for text in texts(figure))
    assert len([shape for shape in figure.layout.shapes if shape.type == "rect" and not shape.fillcolor]) == 1


def test_names_and_storages_hang_together_by_address():
    assert names_of([A, SLICE], [MEMORY])[:3] == [("a", 0, 0), ("a", 0, 1), ("a", 0, 2)]
    assert lit([A, SLICE], [MEMORY], 1) == {1, 4, 6}  # a[1], the cell at 1, b[0]
    assert lit([A, SLICE], [MEMORY], 0) == {0, 3}
    assert lit([A, CLONE], [MEMORY, OWN], 1) == {1, 4}  # a copy's cells are others
    assert lit([A, CLONE], [MEMORY, OWN], 10) == {7, 10}


def test_the_links_are_a_boards_own():
    found = sharing.cells([A], [MEMORY])
    picture, tie = sharing.panel([A], [MEMORY], "", None, [""] * len(found), ["x"] * len(found))
    assert linking.partners(Board([picture], [], [tie]), "sharing", (1,))["sharing"] == {(1,)}
    assert picture.cells.group == "address"
    assert len(picture.cells.boxes) == len(found)


def test_it_fits_a_phone_and_grows_for_a_projector():
    many = [str(i) for i in range(6)]
    memory = Storage("storage<br>of a", many, many)
    figure = sharing.draw([Name("a", "a", ("", ""), 0, 0, 6)], [memory])
    assert figure.layout.width <= 364
    assert max(shape.x1 for shape in figure.layout.shapes) <= sharing.RIGHT + 1
    large = sharing.draw([A, SLICE], [MEMORY], scale=1.2)
    assert large.layout.height > figure.layout.height
    assert "font-size:14px" in "".join(texts(large))
