"""Matrix products: row meets column, which shapes each operation takes, broadcasting, and three ways to see one product."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from core.figures import colour
from core.figures.heatmap import Picture
from core.figures.montage import Index, Montage, cell_size
from core.figures.numbers import number
from core.figures.products import Operand, goes_into, letters_of, linked, terms_of
from core.figures.walk import Moment, record
from core.ops import products as ops
from core.ops.operator import Call
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, frame, tensor_input, walk
from core.ui.board import At
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

LIMITS = Limits(ranks=(1, 2, 3), max_side=8, max_elements=128)
PAIRS = {
    "matrices": ((2, 3), (3, 2)), "wider": ((3, 4), (4, 2)), "batches": ((3, 4), (5, 4, 2)),
    "bmm": ((2, 3, 4), (2, 4, 3)), "broadcast": ((3, 4), (4,)), "vectors": ((4,), (4,)),
}  # fmt: skip
SHAPES = {
    "matrices": "2×3 times 3×2, the tutorial's", "wider": "3×4 times 4×2", "batches": "3×4 times 5×4×2, batches",
    "bmm": "2×3×4 times 2×4×3, bmm", "broadcast": "3×4 by 4, broadcast", "vectors": "4 by 4, two vectors",
}  # fmt: skip
OPERATIONS = {
    "matmul": "matmul (@)", "mm": "mm", "bmm": "bmm", "dot": "dot", "mul": "mul (*)", "einsum": "einsum",
}  # fmt: skip
EQUATIONS = ("ik,kj->ij", "ij,ij->ij", "ij,ij->", "ik,jk->ij", "bij,bjk->bik", "i,j->ij", "i,i->", "ij,j->i")
ALL: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "torch.mul, *": torch.mul, "torch.mm": torch.mm, "torch.matmul, @": torch.matmul, "torch.bmm": torch.bmm, "torch.dot": torch.dot,
    "np.multiply, *": lambda a, b: np.multiply(a.numpy(), b.numpy()), "np.dot": lambda a, b: np.dot(a.numpy(), b.numpy()),
    "np.matmul, @": lambda a, b: a.numpy() @ b.numpy(),
}  # fmt: skip
HEIGHT = 410  # pixels of the pictures
HEADS, LABELS = 60, 16  # pixels of a picture's title and indices, and of the names of its batches


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.main():
        pair = controls.choice("shapes", "Shapes", SHAPES, width=280)
        operation = controls.choice("op", "Operation", OPERATIONS, width=150)
        equation = controls.choice("equation", "Equation", EQUATIONS, width=150) if operation == "einsum" else ""
    with controls.more():
        seed = controls.seed()
        first, second = examples(pair, seed)
        A = tensor_input.tensor("a", "A", first, LIMITS)
        B = tensor_input.tensor("b", "B", second, LIMITS)
        given, (A, B) = (A.dtype, B.dtype), one_dtype(A, B)
        C = product_of(operation, equation, A, B)
        cell = controls.cell("cell", "Picked cell of C", C.shape) if C is not None else None
    say_dtypes(*given, A.dtype)
    operator = next(o for o in topic.operators if o.name == operation)
    if C is None:
        refused(operation, equation, A, B)
    else:
        draw(operation, equation, A, B, C, cell or (0,) * C.dim())
        check.show(operator, call_of(equation, A, B))
    accepted(A, B)
    frame.below(
        topic,
        pitfalls=pitfalls(),
        walk=lambda: three_ways(A, B),
        questions=questions(operation, equation, A, B, C),
        take=(lambda: take(operation, equation, A, B, C)) if C is not None else None,
        operator=operator,
    )


def examples(pair: str, seed: int) -> tuple[Tensor, Tensor]:
    """Small whole numbers; the tutorial's own for its shapes and seed 0."""
    if pair == "matrices" and seed == 0:
        return torch.arange(1.0, 7).reshape(2, 3), torch.arange(1.0, 7).reshape(3, 2)
    generator = torch.Generator().manual_seed(seed)
    first, second = (torch.randint(0, 5, shape, generator=generator).float() for shape in PAIRS[pair])
    return first, second


def one_dtype(A: Tensor, B: Tensor) -> tuple[Tensor, Tensor]:
    """Both in one dtype: torch multiplies no matrices of two, and none of bools."""
    if A.dtype == B.dtype and A.dtype != torch.bool:
        return A, B
    dtype = torch.float32 if A.dtype == B.dtype else torch.promote_types(A.dtype, B.dtype)
    return A.to(dtype), B.to(dtype)


def say_dtypes(left: torch.dtype, right: torch.dtype, both: torch.dtype) -> None:
    """Beside the picture where the tensors are not in the reader's dtypes."""
    if not left == right == both:
        names = (str(kind).removeprefix("torch.") for kind in (left, right, both))
        controls.complain("A is {}, B {}. torch takes matrices of one dtype only: both are {} here.".format(*names))


def call_of(equation: str, A: Tensor, B: Tensor) -> Call:
    """The arguments of the operation on screen."""
    return Call((equation, A, B) if equation else (A, B))


def product_of(operation: str, equation: str, A: Tensor, B: Tensor) -> Tensor | None:
    """The product; None where it is refused."""
    try:
        result: Tensor = call_of(equation, A, B).of(getattr(ops, operation))
    except frame.REFUSALS:
        return None
    return result


# ---- the pictures ----------------------------------------------------------------------------------------------

SUM = "`{at:C}` = {sum:A*B} = **{C}**"


def draw(operation: str, equation: str, A: Tensor, B: Tensor, C: Tensor, cell: Index) -> None:
    """A left of C and B above it where rows meet columns, so that they stand in line; else side by side."""
    scale = colour.signed(A, B)
    letters = letters_of(operation, equation, A.dim(), B.dim())
    given = [Operand(n, at, tuple(x.shape)) for n, at, x in zip("ABC", letters, (A, B, C), strict=True)]
    (left, above, out), ties = linked(*given)
    crossed = operation in ("matmul", "mm", "bmm") and min(A.dim(), B.dim()) > 1
    a, b, c = (
        Picture(
            o.name, x, colours, f"{o.name} {size(x)}", axes=" ".join(o.letters), across=crossed,
            leading_names=("batch",) * (x.dim() - 2), picks=None if o is out else goes_into(o, out),
        )
        for o, x, colours in ((left, A, scale), (above, B, scale), (out, C, colour.signed(C)))
    )  # fmt: skip
    sign = "⊙" if operation == "mul" else "," if operation == "einsum" else "@"
    parts = (
        (At(1, 2, b), At(2, 1, a, align="end"), At(2, 2, c))
        if crossed
        else (a, sign, b, "=" if sign != "," else "→", c)
    )
    board.show(
        *parts, links=ties, spelled={"C": SUM, "A": factor("A", "B"), "B": factor("B", "A")},
        picks=dict.fromkeys("ABC", "cell"), pinned=("C", cell), cell=side(a, b, c) if crossed else None, height=HEIGHT,
    )  # fmt: skip


def factor(name: str, other: str) -> str:
    """What a cell of an operand is multiplied by, and where that goes."""
    return (
        f"`{{at:{name}}}` = **{{{name}}}** is multiplied by `{{at:{other}}}` ({{list:{other}}}) on its way into `{{at:C}}`. "
        f"The gradient of `C.sum()` at it is the sum of these: **{{total:{other}}}**."
    )


def side(left: Picture, above: Picture, out: Picture) -> int:
    """The side of a cell with which B above C and A left of C fit."""
    rows, columns = zip(*(Montage(tuple(p.values.shape), p.across).cells for p in (left, above, out)), strict=True)
    heads = HEADS + LABELS * sum(p.values.dim() > 2 for p in (above, out))
    return cell_size([(rows[1] + rows[2], columns[0] + columns[2])], height=HEIGHT - heads)


def size(x: Tensor) -> str:
    """A shape in a title."""
    return "×".join(map(str, x.shape)) or "()"


# ---- refusals --------------------------------------------------------------------------------------------------


def refused(operation: str, equation: str, A: Tensor, B: Tensor) -> None:
    """What torch says to these shapes, A and B as they are, and what would fit, in one click."""
    st.error(f"`torch.{operation}` says {refusal(theirs(operation, equation), A, B)}", icon=":material/block:")
    fits = next((o for o in OPERATIONS if o != "einsum" and accepts(theirs(o, ""), A.shape, B.shape)), None)
    shapes = next((s for s, pair in PAIRS.items() if accepts(theirs(operation, equation), *pair)), None)
    with st.container(horizontal=True):
        if fits:
            st.button(f"Take {OPERATIONS[fits]} for these shapes", on_click=put, kwargs={"op": fits})
        if shapes:
            st.button(
                f"Take shapes that fit: {SHAPES[shapes]}", on_click=put,
                kwargs={"shapes": shapes, "a_from": "example", "b_from": "example"},
            )  # fmt: skip
    scale = colour.signed(A, B)
    board.show(Picture("A", A, scale, f"A {size(A)}"), "and", Picture("B", B, scale, f"B {size(B)}"), height=HEIGHT)


def theirs(operation: str, equation: str) -> Callable[[Tensor, Tensor], Any]:
    """torch's own function of A and B."""
    function = getattr(torch, operation)
    return lambda a, b: function(equation, a, b) if equation else function(a, b)


def accepts(function: Callable[[Tensor, Tensor], Any], left: tuple[int, ...], right: tuple[int, ...]) -> bool:
    """Whether torch takes tensors of these shapes."""
    return refusal(function, torch.ones(left), torch.ones(right)).startswith("shape")


def put(**settings: str) -> None:
    """Put the page's controls where a button says; called before they are drawn."""
    st.session_state.update(settings)


def accepted(A: Tensor, B: Tensor) -> None:
    """Which operations take these two shapes, tried now, with torch's and numpy's own refusals."""
    rows = [f"| with A {size(A)} and B {size(B)} | gives | |", "|---|---|---|"]
    for name, function in ALL.items():
        try:
            found = function(A, B)
            rows.append(f"| `{name}` | **{size(torch.as_tensor(found))}** | :green-badge[takes them] |")
        except (RuntimeError, ValueError) as refusal:
            said = str(refusal).splitlines()[0].replace("|", "/")
            rows.append(f"| `{name}` | | :red-badge[refuses] {said[:110]} |")
    with st.expander("Which operations take these shapes"):
        st.markdown("\n".join(rows))


# ---- pitfalls --------------------------------------------------------------------------------------------------


def refusal(function: Callable[[Tensor, Tensor], Any], a: Tensor, b: Tensor) -> str:
    """What torch says to these two."""
    try:
        return f"shape {tuple(function(a, b).shape)}"
    except (RuntimeError, NotImplementedError) as error:
        return f"“{str(error).splitlines()[0]}”"


def pitfalls() -> list[Pitfall]:
    """What people believe of products, the tutorial's words first."""
    return [
        Pitfall("The tutorial: `*` is the dot product of two matrices of one shape", star_is_not_dot),
        Pitfall("The tutorial: matmul is mm with broadcasting", matmul_has_rules_of_its_own),
        Pitfall("The tutorial: bmm takes (b, h, w) and (b, w, h)", bmm_shapes),
        Pitfall("numpy's dot and matmul are the same", dot_and_matmul_differ),
        Pitfall("A matrix product can be had in any order", order_matters),
    ]


def star_is_not_dot() -> None:
    """* against the dot product."""
    a = torch.tensor([[1.0, 2], [2, 3]])
    st.markdown(
        f"`a * a` for the tutorial's `[[1, 2], [2, 3]]` is {(a * a).tolist()}, a matrix, while `a @ a` is {(a @ a).tolist()}. A dot "
        f"product is one number: `torch.dot` of two vectors, here {torch.dot(a[0], a[1]).item():g} of its rows. `*` takes different "
        f"shapes too, if they broadcast: (3, 4) * (4,) gives {tuple((torch.ones(3, 4) * torch.ones(4)).shape)}."
    )


def matmul_has_rules_of_its_own() -> None:
    """What broadcasts in matmul, and what vectors do."""
    three, four = torch.ones(3, 4), torch.ones(4)
    st.markdown(
        f"Only the **batch** dimensions broadcast: (3, 4) @ (5, 4, 2) gives {tuple((three @ torch.ones(5, 4, 2)).shape)}, but (3, 4) @ (1, 2) "
        f"gives {refusal(torch.matmul, three, torch.ones(1, 2))}. And a vector is a row on the left and a column on the right, and goes: "
        f"(3, 4) @ (4,) gives {tuple((three @ four).shape)}, (4,) @ (4,) gives {tuple((four @ four).shape)}. mm refuses it: "
        f"{refusal(torch.mm, three, four)}."
    )


def bmm_shapes() -> None:
    """bmm with another last size, and without broadcasting."""
    a = torch.ones(2, 3, 4)
    st.markdown(
        f"(b, h, w) and (b, w, **any**): (2, 3, 4) and (2, 4, 5) give {refusal(torch.bmm, a, torch.ones(2, 4, 5))}. The batches must be "
        f"equal: with (1, 4, 5) torch says {refusal(torch.bmm, a, torch.ones(1, 4, 5))}; matmul takes it."
    )


def dot_and_matmul_differ() -> None:
    """np.dot and np.matmul on rank 3."""
    a, b = np.ones((2, 3, 4)), np.ones((5, 4, 6))
    try:
        np.matmul(a, b)
        said = "takes it"
    except ValueError as error:
        said = f"“{str(error)[:90]}…”"
    st.markdown(
        f"From rank 3 on they part: np.dot of (2, 3, 4) and (5, 4, 6) pairs every matrix with every other, shape **{np.dot(a, b).shape}**; "
        f"np.matmul pairs batch with batch and says {said}."
    )


def order_matters() -> None:
    """AB against BA."""
    a, b = torch.tensor([[0.0, 1], [0, 0]]), torch.tensor([[0.0, 0], [1, 0]])
    st.markdown(f"`a @ b` is {(a @ b).tolist()}, `b @ a` is {(b @ a).tolist()}. Only brackets may move: (AB)C = A(BC).")


# ---- walk, questions, take away --------------------------------------------------------------------------------

WAYS = {
    "inner products": ops.matmul_by_loops,
    "sum of outer products": ops.matmul_by_outer_products,
    "combinations of columns": ops.matmul_by_columns,
}


def three_ways(A: Tensor, B: Tensor) -> None:
    """One product seen as inner products, as a sum of outer products, and as combinations of columns."""
    if A.dim() != 2 or B.dim() != 2 or A.shape[1] != len(B):
        st.caption("For two matrices that fit: showing 2×3 times 3×2.")
        A, B = torch.arange(1.0, 7).reshape(2, 3), torch.arange(1.0, 7).reshape(3, 2)
    with controls.row("way"):
        way = controls.choice("way", "Seen as", tuple(WAYS))
    scale, product = colour.signed(A, B), colour.signed(A @ B)
    panels = {"A": scale, "B": scale, "column": scale, "row": scale, "C": product}
    run = record(WAYS[way], A, B, panels=tuple(panels), reads=reads)
    walk.show(run, panels, key=f"walk {way}")


def reads(now: Moment) -> dict[str, list[Index]]:
    """The cells of A and B that the line with i, j and k reads."""
    names = now.names
    if "k" not in names or "j" not in names:
        return {}
    j, k = names["j"], names["k"]
    if "i" in names:
        return {"A": [(names["i"], k)], "B": [(k, j)]}
    return {"A": [(i, k) for i in range(len(names["A"]))], "B": [(k, j)]}


def questions(operation: str, equation: str, A: Tensor, B: Tensor, C: Tensor | None) -> list:
    """Questions on what is on screen, and on shapes."""

    def value(draw: random.Random) -> Question:
        assert C is not None
        cell = tuple(draw.randrange(n) for n in C.shape)
        terms = terms_of(A, B, letters_of(operation, equation, A.dim(), B.dim()), cell)
        total = " + ".join(f"{number(a)}·{number(b)}" for a, b in terms)
        return Question(
            f"{OPERATIONS[operation]}: what is C{list(cell)}?", f"{C[cell].item():.4g}",
            f"It is {total} = {number(C[cell].item())}.",
        )  # fmt: skip

    def shape(draw: random.Random) -> Question:
        n, k, m, batch = (draw.randint(2, 5) for _ in range(4))
        left, right = draw.choice(
            (((n, k), (k, m)), ((n, k), (batch, k, m)), ((n, k), (k,)), ((batch, n, k), (k, m)), ((k,), (k, m)))
        )
        answer = tuple(torch.matmul(torch.zeros(left), torch.zeros(right)).shape)
        return Question(
            f"Which shape has matmul of {left} and {right}?", str(answer).replace(",)", ")"),
            "The last dimension of the left meets the last but one of the right; batches broadcast; a vector's own dimension goes.",
        )  # fmt: skip

    def takes(draw: random.Random) -> Question:
        left, right = draw.choice(
            (((2, 3), (3, 2)), ((2, 3), (3,)), ((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (4, 5)), ((4,), (4,)))
        )
        name = draw.choice(("torch.mm", "torch.matmul, @", "torch.bmm"))
        said = refusal(ALL[name], torch.ones(left), torch.ones(right))
        return Question(
            f"Does {name} take {left} and {right}?",
            "yes" if said.startswith("shape") else "no",
            f"It gives {said}.",
            ("yes", "no"),
        )

    return [shape, takes] if C is None else [value, shape, takes]


def take(operation: str, equation: str, A: Tensor, B: Tensor, C: Tensor) -> TakeAway:
    """The product on screen as a script, and its tensors."""
    given = f"({equation!r}, A, B)" if equation else "(A, B)"
    function = getattr(ops, operation)
    script = Script(
        "Product", {"A": A, "B": B}, (function,), (f"C = {operation}{given}",), ("C",),
        {"C": f"torch.{operation}{given}"},
    )  # fmt: skip
    return TakeAway(script, {"A": A, "B": B, "C": C})


frame.page("products", lesson)
