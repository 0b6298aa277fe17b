"""The page on products shows what torch computes, and what torch and numpy refuse."""

import numpy as np
import pytest
import torch

from tests.pages.opening import open_page, words

PAIRS = [
    "2×3 times 3×2, the tutorial's",
    "3×4 times 4×2",
    "3×4 times 5×4×2, batches",
    "2×3×4 times 2×4×3, bmm",
    "4 by 4, two vectors",
]


@pytest.mark.parametrize("pair", PAIRS)
def test_matmul_agrees_on_every_pair_of_shapes(pair):
    assert "manual matmul agrees with torch" in words(open_page("products", shapes=pair))


def test_the_tutorials_product():
    assert "= 1·2 + 2·4 + 3·6 = **28**" in words(open_page("products", cell="0,1"))


@pytest.mark.parametrize("op", ["mm", "bmm", "dot", "mul (*)"])
def test_an_operation_that_refuses_the_shapes_says_so(op):
    app = open_page("products", op=op, shapes="3×4 times 5×4×2, batches")
    assert any(error.value for error in app.error)


def test_which_operations_take_the_shapes_is_what_torch_and_numpy_do():
    text = words(open_page("products", shapes="3×4 by 4, broadcast"))
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
