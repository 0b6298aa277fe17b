"""Windows onto chains that are too large to be drawn whole, and the two pictures of a storage."""

import numpy as np
import pytest

from core.experiments.chain.run import facts_of, run_chain
from core.experiments.chain.text import parse_chain, parse_shape, start_tensor
from core.experiments.layout import addresses
from core.figures import board, memory, windowed
from core.figures.memory import Room
from tests import linking
from tests.figures.checking import valid

ROOM = Room(950, 372, 40, 10)
CHAINS = [
    ("4096,4096", "T>contiguous", None),
    ("1048576,1048576", "T>reshape(-1)", (2**40 - 1,)),
    ("32,512,768", "view(32,512,12,64)>transpose(1,2)>contiguous", (3, 5, 100, 7)),
    ("8,3,1024,1024", "channels_last>permute(0,2,3,1)>flatten(0,-1)", None),
    ("1000000", "unfold(0,400,160)", (5000, 3)),
    ("3,4", "expand(100000,3,4)>clone>flip(0)", (99999, 2, 3)),
    ("2,2,2,2,2,2,2,64", "T>resize_(5000)", (4999,)),
    ("5000", "slice(0,0,0,1)", None),
    ("0,3", "resize_(70,80)>T>clone", (3, 4)),
    ("5000,2", "select(0,4000)>select(0,1)", ()),
]


def drawn(shape, chain, cell):
    ran = [s for s in run_chain(start_tensor(parse_shape(shape)), parse_chain(chain)) if s.tensor is not None]
    return ran, windowed.draw_windows(ran, ran[-1], cell, ROOM)


@pytest.mark.parametrize(("shape", "chain", "cell"), CHAINS)
def test_cells_hang_together_that_read_one_address(shape, chain, cell):
    ran, found = drawn(shape, chain, cell)
    panels = {panel.name: panel for panel in [*found.tensors, *found.strips, *found.maps]}
    made = board.Board(list(panels.values()), [], found.relations, found.spelled)
    shown = {memory.name_of(stage): facts_of(stage) for stage in ran if memory.name_of(stage) in panels}
    for name, facts in shown.items():
        cells = panels[name].cells
        if cells is None:
            continue
        start = cells.origin[-facts.layout.ndim :] if facts.layout.ndim else ()
        for place in list(np.ndindex(*cells.shape))[::7]:
            index = tuple(i + a for i, a in zip(place, start, strict=False)) if facts.layout.ndim else ()
            at = addresses.address(facts.layout, index)
            partners = linking.partners(made, name, index or place)
            (strip_place,) = partners[memory.letter(facts.storage)]
            assert f"address {at:,} of" in panels[memory.letter(facts.storage)].cells.notes[strip_place[0]]
            (square,) = partners[f"{memory.letter(facts.storage)} map"]
            assert square[0] == at // max(-(-facts.layout.storage_size // windowed.SQUARES), 1)
            for other, theirs in shown.items():
                if other != name and theirs.storage == facts.storage:
                    assert all(addresses.address(theirs.layout, index) == at for index in partners.get(other, ()))


@pytest.mark.parametrize(("shape", "chain", "cell"), CHAINS)
def test_the_pictures_are_good_plotly_and_the_picked_cell_is_in_its_window(shape, chain, cell):
    ran, found = drawn(shape, chain, cell)
    for panel in [*found.tensors, *found.strips, *found.maps]:
        valid(panel.figure)
    last = next(panel for panel in found.tensors if panel.name == memory.name_of(ran[-1]))
    if cell:
        assert board.place_of(last.cells, cell) is not None


def test_a_window_shows_the_numbers_that_a_whole_tensor_would():
    _, found = drawn("128,64", "T>contiguous>flip(0)", (60, 100))
    x = np.arange(128 * 64).reshape(128, 64).T[::-1]
    cells = found.tensors[-1].cells
    (top, left), (rows, columns) = cells.origin, cells.shape
    assert cells.texts == [str(n) for n in x[top : top + rows, left : left + columns].ravel()]


def test_a_square_of_the_map_leads_to_an_element_that_lies_in_it():
    ran, found = drawn("4096,4096", "slice(0,2048,None,None)>T", None)
    (far,) = found.maps
    assert set(far.picks[:32]) == {""}
    size = 4096 * 4096 // windowed.SQUARES
    for square, pick in list(enumerate(far.picks))[32:]:
        name, index = pick.split(" ", 1)
        stage = ran[int(name[1:])]
        assert addresses.address(facts_of(stage).layout, [int(i) for i in index.split(",")]) // size == square


def test_bytes_are_said_in_units():
    assert [windowed.in_units(n) for n in (0, 12, 2048, 3 * 2**20, 2**42, 2**43 + 2**42)] == [
        "0 B", "12 B", "2 KiB", "3 MiB", "4 TiB", "12 TiB",
    ]  # fmt: skip
