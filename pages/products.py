"""Products of tensors: which numbers meet by their letters, which shapes each operation takes, own einsum equations."""

import random
from functools import partial

import streamlit as st

from core.experiments import products as runs
from core.figures import products as draw
from core.ops import products as ops
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, frame, tensor_input, walk
from core.ui.board import At
from core.ui.frame import Pitfall, Try
from core.ui.predict import Draw, Question
from core.ui.take_away import TakeAway
from core.words import N_, _, say
from core.words.numbers import number
from pages.products_parts.refusals import OPERATIONS, SHAPES, refused, room, which_take

LIMITS = Limits(ranks=(0, 1, 2, 3, 4), max_side=8, max_elements=128, allow_nonfinite=True)
DEFAULT = "ik,kj->ij"
HELP = N_(
    "Name each dimension of each operand by a letter, operands apart by commas, up to three; after -> the letters that the result keeps. `ij->ji` transposes, `ii->` sums a diagonal, `i,j->ij` is an outer product, `...ij,...jk->...ik` takes batches."
)


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    pair, equation = "matrices", ""
    with controls.main():
        operation = controls.choice("op", "Operation", OPERATIONS, width=150)
        if operation == "einsum":
            equation = controls.text("equation", "Equation", DEFAULT, longest=40, help=HELP, width=230)
        elif "example" in {tensor_input.source("a"), tensor_input.source("b")}:
            pair = controls.choice("shapes", "Shapes of the example", SHAPES, width=280)
    count = min(runs.operands_named(equation), len(runs.NAMES)) if operation == "einsum" else 2
    with controls.more():
        keys = [name.lower() for name in runs.NAMES[:count]]
        seed = controls.seed() if "example" in map(tensor_input.source, keys) else 0
        operands: list[runs.Tensor] = []
        for key in keys:
            own = bool(operands) and tensor_input.source("a") != "example"
            example = runs.example(operation, equation, pair, operands, own, seed)
            operands.append(tensor_input.tensor(key, key.upper(), example, LIMITS))
        misfit = runs.misfit(operation, equation, operands)
        run = None if misfit else runs.run(operation, equation, operands)
        cell = controls.cell("cell", "Picked cell of C", run.result.shape) if run and run.result.dim() else None
    operator = topic.operator(operation)
    if run:
        st.markdown(say(meeting(run), {"summed": [f"**{letter}**" for letter in run.summed], "twice": run.diagonal}))
        show(run, cell or (0,) * run.result.dim())
        check.show(operator, runs.call_of(operation, equation, operands))
    elif misfit:
        refused(operation, equation, operands, misfit)
    if count == 2:
        which_take(operands)
    frame.below(
        topic,
        pitfalls=PITFALLS,
        walk=partial(four_ways, operands),
        questions=questions(run),
        tries=TRIES,
        take=partial(take, run or runs.run("matmul", "", runs.tutorials())),
        operator=operator,
    )


# ---- the pictures ----------------------------------------------------------------------------------------------


def meeting(run: runs.Run) -> str:
    """Which letters are summed, said of every operation."""
    said = _("Cells meet where equal letters have equal indices. ")
    said += (
        _("{summed} is no letter of C: the products are summed over it.") if len(run.summed) == 1
        else _("{summed} are no letters of C: the products are summed over them.") if run.summed
        else _("Every letter stands in C too: nothing is summed.")
    )  # fmt: skip
    return said + (_(" In {twice} a letter stands twice: of it the diagonal alone is read.") if run.diagonal else "")


def show(run: runs.Run, cell: tuple[int, ...]) -> None:
    """B above C and A left of it where rows meet columns, so that they stand in line; else side by side."""
    p, ties = draw.pictures(run)
    crossed = draw.crossed(run)
    names = [name for name in p if name != "C"]
    sign = {"mul": "⊙", "einsum": ","}.get(run.operation, "@")
    beside = [part for name in names for part in (p[name], sign)][:-1]
    parts = (
        (At(1, 2, p["B"]), At(2, 1, p["A"], align="end"), At(2, 2, p["C"])) if crossed
        else (*beside, "→" if run.operation == "einsum" else "=", p["C"])
    )  # fmt: skip
    board.show(
        *parts, links=ties, spelled=draw.sentences(run), picks=dict.fromkeys(p if run.result.dim() else (), "cell"),
        pinned=("C", cell or (0,) * len(p["C"].axes.split())), height=room(),
        cell=draw.side([p["A"], p["B"], p["C"]], room()) if crossed else None,
    )  # fmt: skip


# ---- pitfalls --------------------------------------------------------------------------------------------------

PITFALLS = (
    Pitfall(
        "`*` is the dot product of two matrices of one shape, as the tutorial has it", runs.star_is_not_dot,
        "For `a = {a}`, `a * a` is {star}: cell by cell, and a matrix again. A dot product is one number: of the two rows of a it is "
        "**{dot}**. Products of rows and columns are `a @ a`, {product}. And `*` takes different shapes too, if they broadcast: (3, 4) * (4,) gives {broadcast}.",
    ),
    Pitfall(
        "matmul is mm with broadcasting, as the tutorial has it", runs.matmul_has_rules_of_its_own,
        "Only the **batch** dimensions broadcast, those ahead of the two matrices: (3, 4) @ (5, 4, 2) gives {batched}. The matrices themselves do not: to (3, 4) @ (1, 2) "
        "torch says “{words}”. And matmul takes vectors: one on the right counts as a column, one on the left as a row, and the result does not keep that added "
        "dimension. (3, 4) @ (4,) gives {by_vector}, (4,) @ (4,) gives {of_vectors}, a single number. mm takes none: “{mm}”.",
    ),
    Pitfall(
        "bmm takes (b, h, w) and (b, w, h), as the tutorial has it", runs.bmm_shapes,
        "The last size of the second tensor may be any: (2, 3, 4) and (2, 4, 5) give {shape}. The batch sizes must be equal: to (2, 3, 4) and (1, 4, 5) torch says “{words}” "
        "matmul broadcasts the one batch, and gives {matmul}.",
    ),
    Pitfall(
        "numpy's dot and matmul are the same", runs.dot_and_matmul_differ,
        "For two matrices they are. From rank 3 on they part: np.dot of (2, 3, 4) and (5, 4, 6) pairs every matrix with every other and gives **{dot}**; np.matmul pairs batch with batch, and refuses: “{words}”.",
    ),
    Pitfall(
        "The order of the factors does not matter", runs.order_matters,
        "It does for matrices. With a stretch `a = {a}` and a turn `b = {b}`, `a @ b` is {ab} and `b @ a` is {ba}: to turn and then stretch is not to stretch and then turn. Only brackets may move: (AB)C = A(BC).",
    ),
    Pitfall(
        "`@` mixes dtypes, as `*` does", runs.dtypes_promote,
        "{left} times {right} with `*` gives {star}. With `@` torch says “{words}”: turn one of them into the other's dtype first.",
    ),
    Pitfall(
        "einsum without an arrow leaves a matrix as it is", runs.without_an_arrow,
        "The letters that stand once make the result, **in the order of the alphabet**. For {a}, `einsum('ij', a)` is {ij}, but `einsum('ji', a)` is {ji}: transposed. Write the arrow.",
    ),
)  # fmt: skip


# ---- walk, questions, what to try, take away -------------------------------------------------------------------

WAYS = {
    "inner": N_("inner products"), "outer": N_("sum of outer products"), "columns": N_("combinations of columns"),
    "manual": N_("the manual version"),
}  # fmt: skip


def four_ways(operands: list[runs.Tensor]) -> None:
    """One product as inner products, as a sum of outer products, as combinations of columns, and all products at once."""
    if len(operands) != 2 or runs.misfit("mm", "", operands):
        st.caption(_("These ways are of two matrices that fit: here the tutorial's."))
        operands = runs.tutorials()
    with controls.row("way"):
        way = controls.choice("way", "Seen as", WAYS)
    steps, scales = draw.walk(way, *operands)
    walk.show(steps, scales, key=f"walk {way}")


def questions(run: runs.Run | None) -> list[Draw]:
    """Questions on what is on screen, and on shapes."""

    def value(pick: random.Random, run: runs.Run) -> Question:
        cell = tuple(pick.randrange(n) for n in run.result.shape)
        terms = ["·".join(map(number, term)) for term in runs.terms(run, cell, 9)]
        total = " + ".join([*terms, *(["…"] if runs.summands(run) > len(terms) else [])])
        right = run.result[cell].item()
        return Question(
            say("What is C{cell}?", cell=str(list(cell)) if cell else ""), number(right, 4).replace("∞", "inf"), say("It is {total} = {right}.", total=total, right=number(right)),
            tolerance=0 if runs.is_whole(right) else 0.01, covers=("C",),
        )  # fmt: skip

    def shape(pick: random.Random) -> Question:
        left, right = pick.choice(runs.random_shapes(*(pick.randint(2, 5) for _ in range(4))))
        inner = _("the last but one of the right") if len(right) > 1 else _("the only one of the right")
        return Question(
            say("Which shape has matmul of {left} and {right}?", left=left, right=right), str(runs.by_shapes("torch.matmul, @", left, right).shape),
            say("The last dimension of the left meets {inner} and is summed. What stands ahead of two matrices broadcasts.", inner=inner), tolerance=0,
        )  # fmt: skip

    def takes(pick: random.Random) -> Question:
        left, right = pick.choice(runs.TAKEN_OR_NOT)
        found = runs.by_shapes(pick.choice(("torch.mm", "torch.matmul, @", "torch.bmm")), left, right)
        why = (
            say("It gives {shape}.", shape=found.shape)
            if found.shape is not None
            else say("torch says “{words}”.", words=found.words)
        )
        return Question(
            say("Does `{operation}` take {left} and {right}?", found, left=left, right=right),
            "no" if found.shape is None else "yes",
            why,
            ("yes", "no"),
        )

    return [*([partial(value, run=run)] if run else []), shape, takes]


TRIES = (
    Try("Batches", "shapes=batches&cell=3, 1, 1",
        "A is one matrix, B five of them: A has no letter b, so every batch of C reads all of it. Point at A: in how many cells of C does it take part?"),
    Try("A shape that mm takes and * refuses", "op=mul",
        "`*` has no letter to sum: both tensors must have equal sizes, or 1, in each dimension. Read torch's words, then choose one of the two ways out."),
    Try("A trace", "op=einsum&equation=ii->",
        "The letter i stands twice in A: only cells with equal indices are read, and all are summed. Point at a cell off the diagonal. What would `ii->i` give?"),
    Try("Three tensors", "op=einsum&equation=bi,ij,bj->b",
        "One number for each b: a row of A, the whole of B, a row of D. Point at C, then at B: which letters does B lack, and over which does its gradient therefore sum?"),
    Try("An equation that is refused", "op=einsum&equation=ik,kj->iq",
        "No operand says how long q is. Read torch's words and take the equation that is offered: what does it do with j?"),
)  # fmt: skip


def take(run: runs.Run) -> TakeAway:
    """The product on screen as a script, and its tensors."""
    names = ", ".join(
        ([repr(run.equation)] if run.operation == "einsum" else []) + [n for n in run.tensors if n != "C"]
    )
    inputs = {name: x for name, x in run.tensors.items() if name != "C"}
    call = f"{run.operation}({names})"
    script = Script(
        f"C = {call}", inputs, (getattr(ops, run.operation),), (f"C = {call}",), ("C",), {"C": f"torch.{call}"}
    )
    return TakeAway(script, run.tensors)


frame.page("products", lesson)
