"""Matrix products: row meets column, which shapes each operation takes, broadcasting, and three ways to see one product."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from core.figures import colour
from core.figures.heatmap import Index, Outline, Picture, cell_size, number
from core.figures.walk import Moment, record
from core.ops import products as ops
from core.ops.operator import Call
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import check, controls, frame, pictures, tensor_input, walk
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

LIMITS = Limits(ranks=(1, 2, 3), max_side=8, max_elements=128)
SHAPES = {
    "2×3 times 3×2, the tutorial's": ((2, 3), (3, 2)),
    "3×4 times 4×2": ((3, 4), (4, 2)),
    "3×4 times 5×4×2, batches": ((3, 4), (5, 4, 2)),
    "2×3×4 times 2×4×3, bmm": ((2, 3, 4), (2, 4, 3)),
    "3×4 by 4, broadcast": ((3, 4), (4,)),
    "4 by 4, two vectors": ((4,), (4,)),
}
OPERATIONS = ("matmul (@)", "mm", "bmm", "dot", "mul (*)", "einsum")
EQUATIONS = ("ik,kj->ij", "ij,ij->ij", "ij,ij->", "ik,jk->ij", "bij,bjk->bik", "i,j->ij", "i,i->", "ij,j->i")
ALL: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "torch.mul, *": torch.mul, "torch.mm": torch.mm, "torch.matmul, @": torch.matmul, "torch.bmm": torch.bmm, "torch.dot": torch.dot,
    "np.multiply, *": lambda a, b: np.multiply(a.numpy(), b.numpy()), "np.dot": lambda a, b: np.dot(a.numpy(), b.numpy()),
    "np.matmul, @": lambda a, b: a.numpy() @ b.numpy(),
}  # fmt: skip


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.row():
        shapes = SHAPES[controls.choice("shapes", "Shapes", tuple(SHAPES), width=280)]
        operation = controls.choice("op", "Operation", OPERATIONS)
        equation = controls.choice("equation", "Equation", EQUATIONS) if operation == "einsum" else ""
        seed = controls.seed()
    generator = torch.Generator().manual_seed(seed)
    examples = [torch.randint(0, 5, shape, generator=generator).float() for shape in shapes]
    if shapes == SHAPES["2×3 times 3×2, the tutorial's"] and seed == 0:
        examples = [torch.arange(1.0, 7).reshape(2, 3), torch.arange(1.0, 7).reshape(3, 2)]
    with controls.row("input"):
        A = tensor_input.tensor("a", "A", examples[0], LIMITS).float()
        B = tensor_input.tensor("b", "B", examples[1], LIMITS).float()
    run = frame.attempt("products", lambda: attempted(operation, equation, A, B))
    if run is not None:
        operation, equation, A, B, C = run
        with controls.row("pick"):
            cell = controls.cell("cell", "Picked cell of C", C.shape)
        cell = cell or ((0,) * C.dim() if C.numel() else None)
        draw(operation, A, B, C, cell)
        if cell is not None:
            st.markdown(spelled(operation, A, B, C, cell))
        operator = next(o for o in topic.operators if o.name == operation.split()[0])
        check.show(operator, Call((equation, A, B) if equation else (A, B)))
    accepted(A, B)
    if run is None:
        return
    frame.below(
        topic,
        pitfalls=pitfalls(),
        walk=lambda: three_ways(A, B),
        questions=questions(operation, A, B, C),
        take=lambda: take(operation, equation, A, B, C),
    )


Run = tuple[str, str, Tensor, Tensor, Tensor]


def attempted(operation: str, equation: str, A: Tensor, B: Tensor) -> Run:
    """The product, or its refusal."""
    functions = {"matmul (@)": ops.matmul, "mm": ops.mm, "bmm": ops.bmm, "dot": ops.dot, "mul (*)": ops.mul}
    C = ops.einsum(equation, A, B) if equation else functions[operation](A, B)
    return operation, equation, A, B, C


# ---- the pictures ----------------------------------------------------------------------------------------------


def is_plain(operation: str, A: Tensor, B: Tensor) -> bool:
    """Whether two matrices are multiplied, so that row meets column in one picture."""
    return operation in ("matmul (@)", "mm") and A.dim() == B.dim() == 2


def draw(operation: str, A: Tensor, B: Tensor, C: Tensor, cell: Index | None) -> None:
    """A left of C and B above it for two matrices; else side by side, repeated copies in grey."""
    scale, product = colour.signed(A, B), colour.signed(C)
    mine = [Outline([cell])] if cell is not None else []
    out = Picture("C", C, product, f"C {size(C)}", mine, pickable=True)
    if is_plain(operation, A, B) and cell is not None:
        i, j = cell
        left = Picture("A", A, scale, f"A {size(A)}", [Outline([(i, k) for k in range(A.shape[1])], colour.USED)])
        above = Picture("B", B, scale, f"B {size(B)}", [Outline([(k, j) for k in range(len(B))], colour.USED)])
        side = max(26, min(46, cell_size([(len(A) + len(B), A.shape[1] + B.shape[1])], height=460)))
        with st.container(horizontal=True, gap="xsmall"):
            st.container(width=max(A.shape[1] * side + 28, 150), height=10, border=False)
            pictures.one(above, side, None, "product B")
        with st.container(horizontal=True, gap="xsmall"):
            pictures.one(left, side, None, "product A")
            pictures.one(out, side, "cell", "product C")
        return
    shown = [stretched(A, B, "A", scale), stretched(B, A, "B", scale)] if operation in ("matmul (@)", "mul (*)") else [
        Picture("A", A, scale, f"A {size(A)}"), Picture("B", B, scale, f"B {size(B)}")]  # fmt: skip
    sign = "⊙" if operation == "mul (*)" else "@"
    pictures.equation(shown[0], sign, shown[1], "=", out, picks={"C": "cell"}, height=460, cell=26, name="product")


def stretched(x: Tensor, other: Tensor, name: str, scale: colour.Scale) -> Picture:
    """An operand with the copies that broadcasting reads drawn in grey; nothing is copied in memory."""
    if x.dim() == other.dim() == 3 or x.dim() < 2 or other.dim() < 3:
        return Picture(name, x, scale, f"{name} {size(x)}")
    ghost = x.expand(other.shape[0], *x.shape[-2:])
    muted = [tuple(place) for place in torch.ones(ghost.shape).nonzero().tolist() if place[0] > 0]
    return Picture(name, ghost, scale, f"{name} {size(x)}, read {len(ghost)} times", muted=muted)


def size(x: Tensor) -> str:
    """A shape in a title."""
    return "×".join(map(str, x.shape)) or "()"


def spelled(operation: str, A: Tensor, B: Tensor, C: Tensor, cell: Index) -> str:
    """The picked cell's sum in numbers."""
    place = f"C{list(cell)}"
    if is_plain(operation, A, B):
        steps = ops.cell_steps(A, B, *cell)
        terms = " + ".join(
            f"{number(a)}·{number(b)}" for a, b in zip(steps.row.tolist(), steps.column.tolist(), strict=True)
        )
        return f"`{place}` = row {cell[0]} of A · column {cell[1]} of B = {terms} = **{number(steps.output.item())}**"
    if operation in ("matmul (@)", "bmm") and C.dim() == 3 and min(A.dim(), B.dim()) >= 2:
        batch, i, j = cell
        left, right = (x.expand(len(C), *x.shape[-2:])[batch] for x in (A, B))
        return f"In batch {batch}: {spelled('mm', left, right, C[batch], (i, j))}"
    if operation == "mul (*)":
        a, b = (x.expand(C.shape)[cell].item() for x in (A, B))
        return f"`{place}` = {number(a)} · {number(b)} = **{number(C[cell].item())}**: cell by cell, no sum."
    return f"`{place}` = **{number(C[cell].item())}**"


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
    except RuntimeError as error:
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


def questions(operation: str, A: Tensor, B: Tensor, C: Tensor) -> list:
    """Questions on what is on screen, and on shapes."""

    def value(draw: random.Random) -> Question:
        cell = tuple(draw.randrange(n) for n in C.shape)
        return Question(
            f"{operation}: what is C{list(cell)}?", f"{C[cell].item():.4g}", spelled(operation, A, B, C, cell)
        )

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

    return [value, shape, takes] if C.numel() else [shape, takes, lambda draw: shape(random.Random(draw.random()))]


def take(operation: str, equation: str, A: Tensor, B: Tensor, C: Tensor) -> TakeAway:
    """The product on screen as a script, and its tensors."""
    name = operation.split()[0]
    given = f"({equation!r}, A, B)" if equation else "(A, B)"
    function = getattr(ops, name)
    script = Script(
        "Product", {"A": A, "B": B}, (function,), (f"C = {name}{given}",), ("C",), {"C": f"torch.{name}{given}"}
    )
    return TakeAway(script, {"A": A, "B": B, "C": C})


frame.page("products", lesson)
