"""A product's board: a cell lights up what a gradient reaches, and the sentences' sums are the product's."""

from itertools import product

import pytest
import torch

from core.experiments import products as runs
from core.figures import products as draw
from core.figures.board import Board, panel
from tests.experiments.test_products import every_case, operands, theirs
from tests.linking import partners, products_of


def shown(operation, equation, tensors):
    """The board of a product, without a page."""
    pictures, ties = draw.pictures(runs.run(operation, equation, tensors))
    return Board([panel(picture, 32) for picture in pictures.values()], [], ties)


def index_in(board, cell):
    """The index of a cell of C on the board, where a number tied to a diagonal has one index."""
    cells = next(panel.cells for panel in board.panels if panel.name == "C")
    return cell or (0,) * len(cells.shape)


@every_case
def test_a_cell_lights_up_what_a_gradient_reaches_and_the_terms_add_up(operation, equation, shapes):
    tensors = [torch.rand(shape, dtype=torch.float64).add(1).requires_grad_() for shape in shapes]
    board, C = shown(operation, equation, tensors), theirs(operation, equation, tensors)
    names = runs.NAMES[: len(tensors)]
    for cell in product(*map(range, C.shape)):
        found = partners(board, "C", index_in(board, cell))
        grads = torch.autograd.grad(C[cell], tensors, retain_graph=True)
        for name, grad in zip(names, grads, strict=True):
            assert found[name] == {tuple(at) for at in grad.nonzero().tolist()}, (name, cell)
        combinations = products_of(board, "C", index_in(board, cell), list(names))
        total = sum(
            torch.stack([x[at] for x, at in zip(tensors, places, strict=True)]).prod() for places in combinations
        )
        assert total.item() == pytest.approx(C[cell].item())


@every_case
def test_a_cell_of_an_operand_lights_up_where_it_goes_and_its_gradient_is_the_total_of_the_others(
    operation, equation, shapes
):
    tensors = [torch.rand(shape, dtype=torch.float64).add(1).requires_grad_() for shape in shapes]
    board, C = shown(operation, equation, tensors), theirs(operation, equation, tensors)
    names = runs.NAMES[: len(tensors)]
    jacobians = {
        cell: torch.autograd.grad(C[cell], tensors, retain_graph=True) for cell in product(*map(range, C.shape))
    }
    for n, (name, x) in enumerate(zip(names, tensors, strict=True)):
        others = [other for other in names if other != name]
        for at in product(*map(range, x.shape)):
            goes = {index_in(board, cell) for cell, grads in jacobians.items() if grads[n][at] != 0}
            assert partners(board, name, at)["C"] == goes, (name, at)
            if others:
                places = products_of(board, name, at, others)
                rest = [tensors[names.index(other)] for other in others]
                total = sum(torch.stack([r[p] for r, p in zip(rest, where, strict=True)]).prod() for where in places)
                assert float(total) == pytest.approx(sum(float(grads[n][at]) for grads in jacobians.values()))


@every_case
def test_a_pinned_operand_pins_a_cell_that_it_goes_into(operation, equation, shapes):
    tensors = [torch.rand(shape, dtype=torch.float64).add(1).requires_grad_() for shape in shapes]
    C = theirs(operation, equation, tensors)
    pictures, _ = draw.pictures(runs.run(operation, equation, tensors))
    for name, x in zip(runs.NAMES, tensors, strict=False):
        for at, said in zip(product(*map(range, x.shape)), pictures[name].picks, strict=True):
            cell = tuple(map(int, said.split(","))) if said else ()
            if said and len(cell) == C.dim():
                (grad,) = torch.autograd.grad(C[cell], x, retain_graph=True)
                assert grad[at] != 0


def test_the_title_carries_letters_shape_and_dtype():
    (a, b) = operands([(2, 3), (3, 2)], torch.int64)
    pictures, _ = draw.pictures(runs.run("einsum", "ik,kj->ij", [a, b]))
    assert [pictures[name].title for name in "ABC"] == ["A[i, k] 2×3 int64", "B[k, j] 3×2 int64", "C[i, j] 2×2 int64"]


def test_large_integers_are_written_out():
    picture = draw.picture("C", torch.tensor([16777218, -3]), ("i",), draw.colour.signed(torch.ones(1)))
    assert list(picture.texts) == ["16777218", "-3"]


def test_a_sum_too_long_for_a_sentence_is_counted_instead():
    run = runs.run("einsum", "abc,def,ghi->", [torch.ones(4, 4, 4)] * 3)
    said = draw.sentences(run)
    assert f"{64**3:,}" in said["C"]
    assert not any(word in sentence for word in ("{sum:", "{total:") for sentence in said.values())


def test_only_the_diagonal_is_said_to_be_read():
    run = runs.run("einsum", "ii->i", [torch.arange(9.0).reshape(3, 3)])
    pictures, _ = draw.pictures(run)
    notes, (grad,) = pictures["A"].notes, [torch.eye(3).flatten().tolist()]
    assert [" not read" not in note for note in notes] == [bool(value) for value in grad]


@pytest.mark.parametrize("way", draw.WAYS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
def test_each_way_walks_to_the_product_from_zeros(way, dtype):
    A, B = torch.arange(1, 7).reshape(2, 3).to(dtype), torch.arange(1, 7).reshape(3, 2).to(dtype)
    steps = draw.walk(way, A, B)[0].steps
    result = steps[-1].values["return" if way == "manual" else "C"]
    assert torch.equal(result, A @ B)
    assert way == "manual" or next(s.values["C"] for s in steps if "C" in s.values).eq(0).all()
