from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing._internal.common_methods_invocations import op_db

from core.ops.einsum import einsum
from core.ops.products import (
    bmm,
    broadcast_shape,
    dot,
    dot_by_loop,
    matmul,
    matmul_by_columns,
    matmul_by_loops,
    matmul_by_outer_products,
    mm,
    mul,
)
from core.timing import measure
from tests.ops.like_torch import check, check_refused

FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
INTS = [torch.int64, torch.int32, torch.int8, torch.uint8]
sizes = st.integers(0, 5)
seeds = st.integers(0, 999)


def drawn(shape, dtype=torch.float64, seed=0, transposed=False):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    x = (x * 3 if not dtype.is_floating_point else x).to(dtype)
    return x.transpose(-1, 0).contiguous().transpose(-1, 0) if transposed and x.ndim > 1 else x


# ---- mul -------------------------------------------------------------------------------------------------------


@st.composite
def broadcastable(draw):
    """Two shapes that broadcast."""
    full = draw(st.lists(sizes, max_size=4))
    shapes = []
    for _ in range(2):
        kept = full[draw(st.integers(0, len(full))) :]
        shapes.append(tuple(1 if draw(st.booleans()) else size for size in kept))
    return shapes


@settings(max_examples=150, deadline=None)
@given(broadcastable())
def test_broadcast_shape(shapes):
    assert broadcast_shape(*shapes) == tuple(torch.broadcast_shapes(*shapes))


@settings(max_examples=200, deadline=None)
@given(broadcastable(), st.sampled_from(FLOATS + INTS), st.sampled_from(FLOATS + INTS), st.booleans(), seeds)
def test_mul_like_torch(shapes, left, right, transposed, seed):
    a, b = (drawn(s, d, seed, transposed) for s, d in zip(shapes, (left, right), strict=True))
    check(mul, torch.mul, a.requires_grad_(left.is_floating_point and left == right), b)


def test_mul_gradient_to_the_other_dtype():
    """torch rounds a gradient to the result's dtype on its way to a wider 0-dim operand; here it stays wide."""
    a, b = drawn((), torch.float64).requires_grad_(), drawn((3,), torch.float16)
    check(mul, torch.mul, a, b, tol=4e-3)
    check(mul, torch.mul, drawn((2, 3), torch.float16).requires_grad_(), drawn((3,), torch.float32), tol=4e-3)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([*FLOATS, *INTS, torch.complex64]), st.sampled_from([2, -3, 0.1, 1e6, True, 2j]))
def test_mul_by_numbers(dtype, number):
    x = drawn((3,), dtype)
    for args in ((x, number), (number, x)):
        ours, theirs = mul(*args), torch.mul(*args)
        assert ours.dtype == theirs.dtype
        torch.testing.assert_close(ours, theirs)


def test_mul_corners():
    tiny = torch.tensor([1e-3]).half()
    check(mul, torch.mul, tiny, 1e6)  # the number does not fit float16, the product does
    check(mul, torch.mul, tiny, torch.tensor(1e6))
    check(mul, torch.mul, tiny, torch.tensor([1e6]).bfloat16())
    check(mul, torch.mul, torch.tensor([2], dtype=torch.int8), 300)
    check(mul, torch.mul, 2.0, 3)
    assert mul(torch.tensor([True]), True).equal(torch.tensor([True]))
    assert mul(torch.tensor([True]), 2).equal(torch.tensor([2]))
    out = torch.empty(2, dtype=torch.float64)
    assert mul(torch.ones(2), 3, out=out) is out
    assert out.tolist() == [3, 3]


# ---- matmul and its relatives ----------------------------------------------------------------------------------


@st.composite
def matmul_operands(draw):
    n, k, m = (draw(sizes) for _ in range(3))
    left, right = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    batch = draw(st.lists(st.integers(1, 3), min_size=2, max_size=2))
    a = (k,) if left == 1 else (*[b if draw(st.booleans()) else 1 for b in batch][4 - left :], n, k)
    b = (k,) if right == 1 else (*[b if draw(st.booleans()) else 1 for b in batch][4 - right :], k, m)
    dtype, seed = draw(st.sampled_from([*FLOATS, torch.int64, torch.int8, torch.uint8])), draw(seeds)
    transposed = draw(st.booleans())
    return drawn(a, dtype, seed, transposed), drawn(b, dtype, seed + 1, transposed)


@settings(max_examples=200, deadline=None)
@given(matmul_operands())
def test_matmul_like_torch(operands):
    a, b = (t.requires_grad_(t.is_floating_point()) for t in operands)
    check(matmul, torch.matmul, a, b)


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, sizes, sizes, st.sampled_from([*FLOATS, torch.int64, torch.complex64]), seeds)
def test_mm_bmm_and_dot_like_torch(b, n, k, m, dtype, seed):
    def close(ours, theirs):
        limit = {torch.float16: 4e-3, torch.bfloat16: 3e-2}.get(dtype, 1e-5)
        torch.testing.assert_close(ours, theirs, rtol=limit, atol=limit)

    close(
        mm(drawn((n, k), dtype, seed), drawn((k, m), dtype)), torch.mm(drawn((n, k), dtype, seed), drawn((k, m), dtype))
    )
    left, right = drawn((b, n, k), dtype, seed), drawn((b, k, m), dtype)
    close(bmm(left, right), torch.bmm(left, right))
    left, right = drawn((k,), dtype, seed), drawn((k,), dtype)
    close(dot(left, right), torch.dot(left, right))


@pytest.mark.parametrize(
    ("a", "b"),
    [((200, 3), (3, 200)), ((200, 40), (40, 200)), ((1, 40000), (40000, 1)), ((40000,), (40000,)),
     ((3, 2, 70, 30), (2, 30, 90)), ((2, 1, 60, 50), (3, 50, 60))],
)  # fmt: skip
def test_every_way_of_blocking(a, b):
    """One block, several blocks, one outer product at a time."""
    left, right = drawn(a, seed=1).requires_grad_(), drawn(b, seed=2).requires_grad_()
    check(matmul, torch.matmul, left, right, tol=1e-12)
    check(matmul, torch.matmul, left.detach().bfloat16(), right.detach().bfloat16())


@pytest.mark.parametrize(("a", "b"), [((2, 3), (3, 2)), ((3,), (3,)), ((2, 1, 2, 3), (2, 3, 2)), ((200, 3), (3, 90))])
def test_matmul_derivatives(a, b):
    left, right = drawn(a, seed=1).requires_grad_(), drawn(b, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(matmul, (left, right), fast_mode=True)
    assert torch.autograd.gradgradcheck(matmul, (left, right), fast_mode=True)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6), seeds)
def test_every_reading_is_the_same_product(n, k, m, seed):
    A, B = drawn((n, k), seed=seed), drawn((k, m), seed=seed + 1)
    for reading in (matmul_by_loops, matmul_by_outer_products, matmul_by_columns):
        torch.testing.assert_close(reading(A, B), A @ B)


def test_textbooks():
    A, B = drawn((4, 3)), drawn((3, 5), seed=1)
    torch.testing.assert_close(matmul_by_loops(A, B), A @ B)
    torch.testing.assert_close(dot_by_loop(A[0], B[:, 0]), A[0] @ B[:, 0])


@pytest.mark.parametrize(
    ("ours", "theirs", "operands"),
    [(matmul, torch.matmul, [(n, n), (n, n)]) for n in (16, 128, 512)]
    + [(bmm, torch.bmm, [(16, 128, 128)] * 2), (matmul, torch.matmul, [(500, 100), (100, 300)])]
    + [(partial(einsum, "ij,jk->ik"), partial(torch.einsum, "ij,jk->ik"), [(128, 128)] * 2)]
    + [(partial(einsum, "ijb,jkb->ikb"), partial(torch.einsum, "ijb,jkb->ikb"), [(16, 16, 128)] * 2)],
)
def test_memory_stays_near_the_results(ours, theirs, operands):
    """All n · k · m products at once would be k times the result."""
    left, right = (torch.randn(shape) for shape in operands)
    peaks = [measure.peak_bytes(lambda f=f: f(left, right), torch.device("cpu")) for f in (ours, theirs)]
    assert peaks[0] <= 6 * peaks[1]


R = torch.ones


@pytest.mark.parametrize(
    ("ours", "theirs", "args", "naming"),
    [
        (mm, torch.mm, (R(2), R(2, 2)), "input"),
        (mm, torch.mm, (R(2, 2), R(2)), "mat2"),
        (mm, torch.mm, (R(2, 3), R(2, 3)), "mat2"),
        (mm, torch.mm, (R(2, 3), R(3, 2).double()), "mat2"),
        (mm, torch.mm, (R(2, 3), [[1.0]]), "mat2"),
        (mm, torch.mm, (R(2, 2).bool(), R(2, 2).bool()), "mat2"),
        (mm, torch.mm, (R(1, 2, 3), R(3, 2)), "input"),
        (bmm, torch.bmm, (R(2, 2), R(2, 2, 2)), "input"),
        (bmm, torch.bmm, (R(2, 2, 2), R(2, 2)), "mat2"),
        (bmm, torch.bmm, (R(1, 2, 2), R(2, 2, 2)), "mat2"),
        (bmm, torch.bmm, (R(2, 2, 3), R(2, 2, 3)), "mat2"),
        (bmm, torch.bmm, (R(2, 2, 2), R(2, 2, 2).double()), "mat2"),
        (dot, torch.dot, (R(2, 2), R(2)), "input"),
        (dot, torch.dot, (R(3), R(2)), "tensor"),
        (dot, torch.dot, (R(2), R(2).double()), "tensor"),
        (matmul, torch.matmul, (R(2, 3), torch.tensor(1.0)), "other"),
        (matmul, torch.matmul, (torch.tensor(1.0), R(2)), "input"),
        (matmul, torch.matmul, (R(2, 3), R(2, 3)), "other"),
        (matmul, torch.matmul, (R(2, 2, 3), R(3, 3, 2)), "other"),
        (matmul, torch.matmul, (R(2), R(3)), "other"),
        (matmul, torch.matmul, (R(2, 2), R(3)), "other"),
        (matmul, torch.matmul, (R(4, 2, 2), R(3)), "other"),
        (matmul, torch.matmul, (R(2), R(2).double()), "other"),
        (matmul, torch.matmul, (R(2), 2.0), "other"),
        (mul, torch.mul, (R(2, 3), R(2, 2)), "other"),
        (mul, torch.mul, (R(2, 3), "a"), "other"),
        (mul, torch.mul, (R(2, 3), None), "other"),
        (mul, torch.mul, (R(2), [1.0, 2.0]), "other"),
    ],
)
def test_refusals(ours, theirs, args, naming):
    check_refused(ours, theirs, *args, naming=rf"\b{naming}\b")


@pytest.mark.parametrize("function", [mm, matmul])
def test_out(function):
    a = drawn((2, 2), torch.float32)
    out = torch.empty(0)
    assert function(a, a, out=out) is out
    torch.testing.assert_close(out, a @ a)
    with pytest.raises(RuntimeError, match=r"\bout\b"):
        function(a, a, out=torch.empty(2, 2).double())
    with pytest.raises(RuntimeError, match=r"\bout\b"):
        function(a.requires_grad_(), a, out=torch.empty(2, 2))


def test_matmul_is_not_simply_mm_that_broadcasts():
    """Only the dimensions before the matrices broadcast; and mul broadcasts where mm and matmul refuse."""
    with pytest.raises(RuntimeError):
        matmul(torch.ones(3, 4), torch.ones(1, 2))  # a size 1 inside the matrices does not stretch
    assert mul(torch.ones(3, 4), torch.ones(1, 4)).shape == (3, 4)
    assert matmul(torch.ones(3, 4), torch.ones(5, 4, 2)).shape == (5, 3, 2)
    assert matmul(torch.ones(4), torch.ones(4)).ndim == 0


# ---- einsum ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_einsum_on_torchs_samples(dtype):
    info = next(info for info in op_db if info.name == "einsum")
    for sample in info.sample_inputs("cpu", dtype, requires_grad=True):
        check(einsum, torch.einsum, *sample.args, *sample.input)


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk", [(2, 3), (3, 4)]), ("ij,jk->ki", [(2, 3), (3, 4)]), ("ij , jk -> i k", [(2, 3), (3, 4)]),
        ("ii", [(3, 3)]), ("ii->i", [(3, 3)]), ("iji->ij", [(3, 2, 3)]), ("iii", [(3, 3, 3)]),
        ("iijj->ij", [(2, 2, 3, 3)]),
        ("ij,jk", [(2, 1), (3, 2)]), ("ij,ij->ij", [(2, 3), (2, 3)]), ("ij,ij->", [(2, 3), (1, 3)]),
        ("...ij->...ji", [(2, 3, 4)]), ("...i,...i", [(2, 3), (4, 1, 3)]), ("...->", [(2, 3)]), ("i->...", [(3,)]),
        ("i...->...", [(3, 3)]), ("...ik, ...j -> ij", [(1, 2, 3), (3,)]), ("..., ...", [(3,), (2, 3)]),
        ("b...i,b...i->b...", [(2, 3, 4), (2, 3, 4)]), ("...ab,...bc->...ac", [(5, 1, 2, 3), (4, 3, 2)]),
        ("", [()]), ("->", [()]), (",", [(), ()]), (",i", [(), (3,)]),
        ("ba", [(2, 3)]), ("aB", [(2, 3)]), ("aB->", [(2, 3)]), ("i,j,k->ijk", [(2,), (3,), (4,)]),
        ("ij,jk,kl", [(2, 3), (3, 4), (4, 5)]), ("bn,anm,bm->ba", [(2, 5), (3, 5, 4), (2, 4)]),
        ("ij,kl->j", [(2, 3), (4, 5)]), ("abc,cd,ad->b", [(2, 3, 4), (4, 5), (2, 5)]),
        ("ij,jk->ik", [(2, 0), (0, 3)]), ("ij->j", [(0, 3)]), ("bij,bjk->bik", [(0, 2, 3), (0, 3, 2)]),
    ],
)  # fmt: skip
def test_einsum_like_torch(equation, shapes):
    operands = [drawn(shape, seed=seed).requires_grad_() for seed, shape in enumerate(shapes)]
    check(einsum, torch.einsum, equation, *operands, tol=1e-12)
    check(einsum, torch.einsum, equation, [operand.detach() for operand in operands], tol=1e-12)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_einsum_on_random_equations(data):
    size = dict(zip("abcdeF", (2, 3, 1, 4, 2, 3), strict=True))
    inputs = data.draw(st.lists(st.text("abcdeF", max_size=4), min_size=1, max_size=3))
    letters = sorted(set("".join(inputs)))
    output = "".join(data.draw(st.permutations(letters))[: data.draw(st.integers(0, len(letters)))])
    equation = ",".join(inputs) + data.draw(st.sampled_from(["", "->" + output]))
    operands = [
        drawn([1 if data.draw(st.booleans()) and part.count(x) == 1 else size[x] for x in part], seed=seed)
        for seed, part in enumerate(inputs)
    ]
    check(einsum, torch.einsum, equation, *operands, tol=1e-11)


def test_einsum_sublists():
    A, B = drawn((2, 3)), drawn((3, 4))
    check(einsum, torch.einsum, A, [0, 1], B, [1, 2])
    check(einsum, torch.einsum, A, [0, 1], B, [1, 2], [2, 0])
    check(einsum, torch.einsum, drawn((2, 3, 4)), [..., 30], [30, ...])
    check_refused(einsum, torch.einsum, A, [0, 52], naming=r"\boperands\b")
    check_refused(einsum, torch.einsum, A, ["a", 1], naming=r"\boperands\b")
    check_refused(einsum, torch.einsum, A, naming=r"\boperands\b")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int64, torch.int8, torch.uint8], ids=str)
def test_einsum_dtypes_and_promotion(dtype):
    A, B = drawn((4, 30), dtype), drawn((30, 5), dtype, seed=1)
    for equation, operands in (("ij,jk->ik", (A, B)), ("ij->i", (A,)), ("ij,jk->j", (A, B)), ("ij,ij->ij", (A, A))):
        check(einsum, torch.einsum, equation, *operands)
    check(einsum, torch.einsum, "i,j->ij", A[0], torch.arange(3.0, dtype=torch.float64))
    assert einsum("i,i->i", A[0] > 0, A[0] > 0).equal(A[0] > 0)


def test_einsum_derivatives():
    A, B, C = (drawn((2, 2), seed=seed).requires_grad_() for seed in range(3))
    assert torch.autograd.gradcheck(lambda *t: einsum("ij,jk,kk->i", *t), (A, B, C))
    assert torch.autograd.gradgradcheck(lambda *t: einsum("ij,jk,kk->i", *t), (A, B, C))


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk->ik", [(2, 3), (4, 2)]), ("ij->ijj", [(2, 3)]), ("ij->k", [(2, 3)]), ("ijk", [(2, 3)]), ("i", [(2, 3)]),
        ("ij,", [(2, 3)]), ("ij,jk", [(2, 3)]), ("ij,jk", [(2, 3), (3, 2), (2, 2)]), ("i$", [(2, 3)]),
        ("i.j", [(2, 3)]), ("i..j", [(2, 3)]), ("...i...", [(2, 3)]), ("ii", [(2, 3)]), ("ii->i", [(1, 3)]),
        ("...i,...i", [(2, 3), (4, 5, 3)]), ("ij- >i", [(2, 3)]), ("i->i->i", [(2,)]), ("i->.", [(3,)]),
        ("i->...i...", [(3,)]), ("i->i,", [(3,)]), ("é", [(3,)]), (5, [(2,)]),
    ],
)  # fmt: skip
def test_einsum_refusals(equation, shapes):
    check_refused(einsum, torch.einsum, equation, *map(torch.ones, shapes), naming=r"\b(equation|operands)\b")


def test_einsum_other_refusals():
    check_refused(einsum, torch.einsum, "i", naming=r"\boperands\b")
    check_refused(einsum, torch.einsum, "i", 2.0, naming=r"\boperands\b")
    check_refused(einsum, torch.einsum, "i,i->", torch.ones(3), torch.ones(3).double(), naming=r"\boperands\b")
    check_refused(einsum, torch.einsum, "ij,j", torch.ones(3, 3).bool(), torch.ones(3).bool(), naming=r"\boperands\b")


@pytest.mark.parametrize(("n", "k", "m"), [(3, 4, 2), (1, 1, 1), (2, 0, 3)])
def test_combinations_of_columns_are_the_product(n, k, m):
    A, B = torch.randn(n, k, dtype=torch.float64), torch.randn(k, m, dtype=torch.float64)
    torch.testing.assert_close(matmul_by_columns(A, B), A @ B)
