"""What the page on products states, against torch and numpy: letters, terms, refusals and their mends, claims."""

import math
from itertools import product

import numpy as np
import pytest
import torch

from core.experiments import products as runs

CASES = [
    ("matmul", "", (2, 3), (3, 2)), ("mm", "", (1, 4), (4, 1)), ("matmul", "", (3, 4), (5, 4, 2)),
    ("matmul", "", (1, 2, 3), (4, 3, 2)), ("matmul", "", (2, 1, 2, 2), (3, 2, 2)), ("bmm", "", (2, 3, 4), (2, 4, 3)),
    ("matmul", "", (3, 4), (4,)), ("matmul", "", (4,), (2, 4, 3)), ("dot", "", (4,), (4,)), ("mul", "", (3, 4), (4,)),
    ("mul", "", (3, 1), (1, 4)), ("mul", "", (2, 1, 3), (4, 3)), ("mul", "", (), (2, 3)),
    ("einsum", "ik,jk->ij", (2, 3), (4, 3)), ("einsum", "i,j->ij", (3,), (2,)), ("einsum", "ij,ij->", (2, 3), (2, 3)),
    ("einsum", "ij,j->i", (2, 3), (3,)), ("einsum", "bij,bjk->bik", (2, 2, 3), (2, 3, 2)), ("einsum", "ij->ji", (2, 3)),
    ("einsum", "ii->", (3, 3)), ("einsum", "ii->i", (3, 3)), ("einsum", "ii,i->i", (3, 3), (3,)),
    ("einsum", "ii,jj->", (2, 2), (3, 3)), ("einsum", "bi,ij,bj->b", (2, 3), (3, 4), (2, 4)),
    ("einsum", "ij,jk,kl->il", (2, 2), (2, 3), (3, 2)), ("einsum", "...ij,...jk->...ik", (2, 2, 3), (3, 2)),
    ("einsum", "ba", (2, 3)), ("einsum", "ik,kj", (2, 3), (3, 2)), ("einsum", "ij->i", (2, 3)),
    ("einsum", "ij,ij->ij", (2, 1), (2, 3)),
    ("einsum", " i j , j k -> i k ", (2, 3), (3, 2)), ("einsum", ",->", (), ()),
]  # fmt: skip
every_case = pytest.mark.parametrize(("operation", "equation", "shapes"), [(o, e, s) for o, e, *s in CASES])


def operands(shapes, dtype=torch.float64):
    generator = torch.Generator().manual_seed(3)
    return [torch.randint(-4, 5, shape, generator=generator).to(dtype) for shape in shapes]


def theirs(operation, equation, tensors):
    return runs.call_of(operation, equation, tensors).of(getattr(torch, operation))


@every_case
@pytest.mark.parametrize("dtype", [torch.float32, torch.int64, torch.float16])
def test_the_run_is_torchs_and_each_cell_is_the_sum_of_its_terms(operation, equation, shapes, dtype):
    tensors = operands(shapes, dtype)
    assert runs.misfit(operation, equation, tensors) is None
    run = runs.run(operation, equation, tensors)
    expected = theirs(operation, equation, tensors)
    assert run.result.dtype == expected.dtype == dtype
    assert torch.equal(run.result, expected)
    assert [len(letters) for letters in run.letters] == [*map(len, shapes), expected.dim()]
    for cell in product(*map(range, expected.shape)):
        terms = runs.terms(run, cell)
        assert sum(math.prod(term) for term in terms) == expected[cell]
        assert len(terms) == runs.summands(run)


def test_infinite_numbers_and_large_integers_are_kept():
    run = runs.run("mm", "", [torch.tensor([[math.inf, 1.0]]), torch.tensor([[0.0], [1.0]])])
    assert run.result.isnan().all()
    run = runs.run("mm", "", [torch.tensor([[16777217, 1]]), torch.tensor([[1], [1]])])
    assert run.result.tolist() == [[16777218]]


# ---- examples --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["matmul", "mm", "mul"])
@pytest.mark.parametrize("own", [(2, 2), (1, 1), (5, 3)])
def test_the_example_of_b_fits_a_matrix_of_the_readers(operation, own):
    A = torch.ones(own)
    B = runs.example(operation, "", "matrices", [A], True, 0)
    assert runs.misfit(operation, "", [A, B]) is None


@pytest.mark.parametrize("pair", runs.PAIRS)
@pytest.mark.parametrize("seed", [0, 9999])
def test_the_examples_have_the_shapes_of_their_pair(pair, seed):
    A = runs.example("matmul", "", pair, [], False, seed)
    B = runs.example("matmul", "", pair, [A], False, seed)
    assert (tuple(A.shape), tuple(B.shape)) == runs.PAIRS[pair]
    assert runs.misfit("matmul", "", [A, B]) is None


@pytest.mark.parametrize("equation", [e for _, e, *_ in CASES if e] + ["abcde->e", "...->...", "i...,...->", ""])
def test_the_examples_fit_whatever_equation_is_typed(equation):
    found: list[torch.Tensor] = []
    for _ in range(runs.operands_named(equation)):
        found.append(runs.example("einsum", equation, "matrices", found, False, 0))
    assert runs.misfit("einsum", equation, found) is None


# ---- refusals --------------------------------------------------------------------------------------------------

REFUSED = [
    ("mul", "", "broadcast", (2, 3), (3, 2)), ("mm", "", "inner", (2, 3), (2, 3)), ("mm", "", "rank", (2, 3), (3,)),
    ("bmm", "", "rank", (2, 3), (3, 2)), ("bmm", "", "batch", (2, 3, 4), (1, 4, 5)),
    ("dot", "", "rank", (2, 3), (3, 2)),
    ("dot", "", "inner", (2,), (3,)), ("matmul", "", "rank", (), (2,)), ("matmul", "", "inner", (3, 4), (1, 2)),
    ("matmul", "", "batch", (2, 3, 4), (3, 4, 5)), ("einsum", "ik,kj->iq", "nowhere", (2, 3), (3, 2)),
    ("einsum", "ik,kj->ii", "twice", (2, 3), (3, 2)), ("einsum", "i1,1j->ij", "sign", (2, 3), (3, 2)),
    ("einsum", "ijk,kj->i", "count", (2, 3), (3, 2)), ("einsum", "ik,kj->ij", "size", (2, 3), (4, 2)),
    ("einsum", "a,b,c,d->", "many", (2,), (3,), (4,)), ("einsum", "ii->", "size", (2, 3)),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "equation", "kind", "shapes"), [(o, e, k, s) for o, e, k, *s in REFUSED])
def test_a_refusal_says_torchs_words_and_what_does_not_fit(operation, equation, kind, shapes):
    tensors = [torch.ones(shape) for shape in shapes]
    found = runs.misfit(operation, equation, tensors)
    with pytest.raises((RuntimeError, ValueError, TypeError, IndexError)) as refusal:
        theirs(operation, equation, tensors)
    assert (found.kind, found.by, found.words) == (kind, "torch", str(refusal.value).splitlines()[0])


@pytest.mark.parametrize(
    ("left", "right"), [(torch.int64, torch.float32), (torch.float16, torch.float32), (torch.bool,) * 2]
)
@pytest.mark.parametrize("operation", ["matmul", "mm"])
def test_two_dtypes_are_refused_and_mended_by_one(operation, left, right):
    tensors = [torch.ones(2, 3, dtype=left), torch.ones(3, 2, dtype=right)]
    assert runs.misfit(operation, "", tensors).kind == "dtype"
    mended = runs.one_dtype(tensors)
    assert runs.misfit(operation, "", mended) is None
    assert mended[0].dtype == mended[1].dtype


def test_the_tensors_of_the_fault_are_4_5_once_they_have_one_dtype():
    tensors = [torch.tensor([[1, 2]]), torch.tensor([[0.5], [2.0]])]
    assert runs.misfit("matmul", "", tensors).kind == "dtype"
    assert runs.run("matmul", "", runs.one_dtype(tensors)).result.tolist() == [[4.5]]
    assert runs.misfit("mul", "", tensors) is None


@pytest.mark.parametrize("operation", ["mm", "bmm", "dot", "mul", "matmul"])
@pytest.mark.parametrize("pair", runs.PAIRS)
def test_what_is_offered_instead_is_taken(operation, pair):
    tensors = [torch.ones(shape) for shape in runs.PAIRS[pair]]
    other, fits = runs.operation_for(tensors), runs.pair_for(operation)
    assert runs.misfit(other, "", tensors) is None
    assert runs.misfit(operation, "", [torch.ones(shape) for shape in runs.PAIRS[fits]]) is None


@pytest.mark.parametrize(
    "equation",
    ["ik,kj->iq", "i1,1j->ij", "ik,kj->ii", "a,b,c,d->abcd", "i.j->", "->->", "i>j", "......", "é,i->i", "ij-ji"],
)
def test_a_repaired_equation_is_taken(equation):
    mended = runs.repaired(equation)
    found: list[torch.Tensor] = []
    for _ in range(runs.operands_named(mended)):
        found.append(runs.example("einsum", mended, "matrices", found, False, 0))
    assert runs.misfit("einsum", mended, found) is None
    assert mended != equation


@pytest.mark.parametrize("pair", runs.PAIRS)
def test_what_each_operation_answers_is_what_torch_and_numpy_do(pair):
    A, B = (torch.ones(shape) for shape in runs.PAIRS[pair])
    for answer in runs.answers(A, B):
        assert (answer.shape is None) == bool(answer.words)
    dots = next(a for a in runs.answers(A, B) if a.operation == "np.dot")
    if dots.shape is not None:
        assert dots.shape == np.dot(A.numpy(), B.numpy()).shape


# ---- claims ----------------------------------------------------------------------------------------------------


def test_star_is_cell_by_cell():
    found = runs.star_is_not_dot()
    assert found.star.tolist() == [[1, 4], [4, 9]]
    assert found.product.tolist() == [[5, 8], [8, 13]]
    assert (found.dot, found.broadcast) == (8, (3, 4))


def test_matmul_and_bmm_have_rules_of_their_own():
    found = runs.matmul_has_rules_of_its_own()
    assert (found.batched, found.by_vector, found.of_vectors) == ((5, 3, 2), (3,), ())
    assert found.words
    assert found.mm
    found = runs.bmm_shapes()
    assert (found.shape, found.matmul) == ((2, 3, 5), (2, 3, 5))
    assert found.words


def test_dot_of_numpy_pairs_every_matrix_with_every_other():
    found = runs.dot_and_matmul_differ()
    assert found.dot == (2, 3, 5, 6)
    assert found.words


def test_order_dtypes_and_the_arrow_matter():
    order = runs.order_matters()
    assert torch.equal(order.ab, order.a @ order.b)
    assert not torch.equal(order.ab, order.ba)
    dtypes = runs.dtypes_promote()
    assert (dtypes.left, dtypes.right, dtypes.star) == (torch.int64, torch.float32, torch.float32)
    assert "dtype" in dtypes.words
    arrow = runs.without_an_arrow()
    assert torch.equal(arrow.ij, arrow.a)
    assert torch.equal(arrow.ji, arrow.a.T)


def test_the_shapes_asked_about_are_taken_by_matmul():
    for left, right in runs.random_shapes(2, 3, 4, 5):
        found = runs.by_shapes("torch.matmul, @", left, right)
        assert found.shape == tuple(torch.matmul(torch.ones(left), torch.ones(right)).shape)
