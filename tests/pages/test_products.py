"""The page on products shows what torch computes, and what torch and numpy refuse."""

from itertools import product

import numpy as np
import pytest
import torch

from core.figures.products import Operand, goes_into, letters_of, linked, terms_of
from core.ops import products as ops
from tests.linking import partners, products_of
from tests.pages.opening import boards, control, kept, open_page, panels, sound, words

PAIRS = {"matrices": "mm", "wider": "mm", "batches": "matmul", "bmm": "bmm", "vectors": "dot", "broadcast": "mul"}


@pytest.mark.parametrize("pair", PAIRS)
def test_matmul_agrees_on_every_pair_of_shapes(pair):
    assert "manual matmul agrees with torch" in words(open_page("products", shapes=pair))


def test_a_link_may_name_the_shapes_by_their_label():
    app = open_page("products", shapes="3×4 times 5×4×2, batches")
    assert panels(app)["C"].cells.shape == (5, 3, 2)


# ---- what hangs together ---------------------------------------------------------------------------------------

CASES = [
    ("matmul", "", (2, 3), (3, 2)), ("mm", "", (1, 4), (4, 1)), ("matmul", "", (3, 4), (5, 4, 2)),
    ("matmul", "", (1, 2, 3), (4, 3, 2)), ("bmm", "", (2, 3, 4), (2, 4, 3)), ("matmul", "", (3, 4), (4,)),
    ("matmul", "", (4,), (2, 4, 3)), ("dot", "", (4,), (4,)), ("mul", "", (3, 4), (4,)), ("mul", "", (3, 1), (1, 4)),
    ("mul", "", (2, 1, 3), (4, 3)), ("einsum", "ik,jk->ij", (2, 3), (4, 3)), ("einsum", "i,j->ij", (3,), (2,)),
    ("einsum", "ij,ij->", (2, 3), (2, 3)), ("einsum", "ij,j->i", (2, 3), (3,)),
    ("einsum", "bij,bjk->bik", (2, 2, 3), (2, 3, 2)),
]  # fmt: skip


def shown(operation, equation, left, right):
    """The page's board for two tensors of these shapes, and the product of the same with its graph."""
    numbers = {
        "a_from": "random",
        "b_from": "random",
        "a_shape": "x".join(map(str, left)),
        "b_shape": "x".join(map(str, right)),
    }
    app = open_page("products", op=operation, **({"equation": equation} if equation else {}), **numbers)
    A, B = (kept(app).own[f"good {name}"].double().requires_grad_() for name in "ab")
    function = getattr(torch, operation)
    return boards(app)["board"], A, B, function(equation, A, B) if equation else function(A, B)


@pytest.mark.parametrize(("operation", "equation", "left", "right"), CASES)
def test_a_cell_lights_up_what_a_gradient_reaches_and_an_operand_says_its_own(operation, equation, left, right):
    board, A, B, C = shown(operation, equation, left, right)
    for index in product(*map(range, C.shape)):
        found = partners(board, "C", index)
        grads = torch.autograd.grad(C[index], (A, B), retain_graph=True)
        for name, x, grad in zip("AB", (A, B), grads, strict=True):
            assert found[name] == {tuple(at) for at in grad.nonzero().tolist()}, (name, index, x.shape)
        total = sum(A[a].item() * B[b].item() for a, b in products_of(board, "C", index, ["A", "B"]))
        assert total == pytest.approx(C[index].item())
    grad, _ = torch.autograd.grad(C.sum(), (A, B))
    for index in product(*map(range, A.shape)):
        assert sum(B[at].item() for at in partners(board, "A", index)["B"]) == pytest.approx(grad[index].item())


@pytest.mark.parametrize(("operation", "equation", "left", "right"), CASES)
def test_a_pinned_operand_pins_a_cell_that_it_goes_into(operation, equation, left, right):
    A, B = torch.randn(left), torch.randn(right)
    letters = letters_of(operation, equation, A.dim(), B.dim())
    C = getattr(ops, operation)(*([equation] if equation else []), A, B)
    operands = [Operand(n, at, tuple(x.shape)) for n, at, x in zip("ABC", letters, (A, B, C), strict=True)]
    (a, _, c), _ = linked(*operands)
    for index, said in zip(product(*map(range, A.shape)), goes_into(a, c), strict=True):
        cell = tuple(int(n) for n in said.split(",")) if said else ()
        assert A[index].item() in [left for left, _ in terms_of(A, B, letters, cell)], (index, cell)


def test_the_tutorials_product_is_spelled():
    board = boards(open_page("products", cell="0,1"))["board"]
    assert board.pinned == ("C", (0, 1))
    assert board.spelled["C"] == "`{at:C}` = {sum:A*B} = **{C}**"
    A, B = torch.arange(1.0, 7).reshape(2, 3), torch.arange(1.0, 7).reshape(3, 2)
    assert terms_of(A, B, letters_of("mm", "", 2, 2), (0, 1)) == [(1, 2), (2, 4), (3, 6)]


# ---- refusals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", ["mm", "bmm", "dot", "mul"])
def test_a_refusal_is_torchs_keeps_the_inputs_and_offers_what_fits(op):
    app = open_page("products", op=op, shapes="batches")
    with pytest.raises(RuntimeError) as refusal:
        getattr(torch, op)(torch.ones(3, 4), torch.ones(5, 4, 2))
    assert str(refusal.value).splitlines()[0] in app.error[0].value
    assert set(panels(app)) == {"A", "B"}
    assert "Pitfalls" in [tab.label for tab in app.tabs]
    offered = next(button for button in app.button if button.label.startswith("Take shapes"))
    sound(offered.click().run())
    assert not app.error
    assert "C" in panels(app)


def test_another_operation_is_offered_for_the_same_shapes():
    app = open_page("products", op="dot")
    sound(next(button for button in app.button if button.label.startswith("Take matmul")).click().run())
    assert control(app, "op").value == "matmul"
    assert "agrees with torch" in words(app)


def test_the_readers_dtype_is_kept():
    typed = {"a_from": "typed", "b_from": "typed"}
    app = open_page("products", a="[[16777217, 1]]", b="[[1], [1]]", **typed)
    assert panels(app)["C"].cells.values.tolist() == [[16777218]]
    mixed = open_page("products", a="[[1, 2]]", b="[[0.5], [2]]", **typed)
    assert "both are float32 here" in words(mixed)


def test_which_operations_take_the_shapes_is_what_torch_and_numpy_do():
    text = words(open_page("products", shapes="broadcast"))
    a, b = torch.ones(3, 4), torch.ones(4)
    with pytest.raises(RuntimeError) as refused:
        torch.mm(a, b)
    assert str(refused.value).splitlines()[0][:100] in text
    assert f"| `np.dot` | **{'×'.join(map(str, np.dot(a.numpy(), b.numpy()).shape))}**" in text


@pytest.mark.parametrize("equation", ["ik,kj->ij", "ij,ij->", "i,j->ij"])
def test_einsum_agrees_or_refuses(equation):
    app = open_page("products", op="einsum", equation=equation)
    assert "manual einsum agrees with torch" in words(app) or app.error


@pytest.mark.parametrize("way", ["inner products", "sum of outer products", "combinations of columns"])
def test_three_ways_walk_to_the_same_product(way):
    open_page("products", tab="Walk through", way=way)


@pytest.mark.parametrize("op", ["matmul", "dot"])
def test_the_questions_and_the_script_of_what_is_on_screen_open(op):
    for tab in ("Predict", "Take away"):
        open_page("products", tab=tab, op=op, shapes="vectors")
