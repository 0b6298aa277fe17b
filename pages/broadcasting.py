"""Broadcasting: how two shapes become one, which cells are read again, and what comes back in the gradient."""

import random
from functools import partial

import streamlit as st

from core.experiments import broadcasting as runs
from core.figures import broadcasting as draw
from core.figures import colour
from core.figures.walk import record
from core.ops import broadcasting as ops
from core.topics import Topic
from core.ui import board, check, controls, frame, take_away, tensor_input, walk
from core.ui.frame import Pitfall, Try
from core.ui.predict import Draw, Question
from core.words import N_, _, say

PAIRS = {name: f"{a} {b}" for name, (a, b) in runs.PAIRS.items()}
SIGNS = {"add": "+", "sub": "−", "mul": "·", "maximum": "maximum"}
MEANING = {
    "add": "{a_read} + {b_read}",
    "sub": "{a_read} − {b_read}",
    "mul": "{a_read} · {b_read}",
    "maximum": "max({a_read}, {b_read})",
}

SIDE = 26  # pixels of a cell: two lines of pictures stand above the fold

LOOK = N_("""Look at the grey cells: they are no numbers of their own. Where a size is 1, the same cell of memory is read for every index, by a **stride of 0**. Here {held:|byte is|bytes are} held, and
read as if they were **{seen}**.""")
SAME = N_(
    "The two have one shape, {shape}: nothing is read again, and nothing has to fit. Choose another pair, or make a size 1."
)
SUMMED = N_(
    "What was read many times gets many gradients, and they are **summed**: the gradient of a has the shape of a again."
)
WHOLE = N_("Numbers of {dtype} have no gradient.")
MISFIT = N_(
    "Counted from the last dimension, number {from_end} has the size {a_size} in a and {b_size} in b: neither is 1, so neither can be read again."
)
NO_MEND = N_(" No dimension of size 1 makes these two fit: they need other sizes.")


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    row, more = controls.main(), controls.more()
    with row:
        pair = controls.choice("pair", "Shapes", PAIRS, "outer", few=0, width=210)
        operation = controls.choice("op", "Operation", SIGNS)
    with more:
        a = tensor_input.tensor("a", "a", runs.example(pair, 0), runs.LIMITS)
        b = tensor_input.tensor("b", "b", runs.example(pair, 1), runs.LIMITS)
    clash = runs.clash(a, b)
    refusal = "" if clash else runs.refusal(operation, a, b)
    run = None
    if clash:
        misfit(operation, a, b, clash)
    elif refusal:
        frame.refused(f"`torch.{operation}`: {refusal}")
        board.show(*draw.inputs(a, b), height=240)
    else:
        run = runs.run(operation, a, b)
        with more:
            cell = (
                controls.cell("cell", "Picked cell of the result", run.output.shape, ",".join(["1"] * run.output.dim()))
                if run.output.dim()
                else None
            )
        show(run, operation, cell)
        check.show(topic.operators[0], run.call)
    shown = run or runs.run("add", runs.example("outer", 0), runs.example("outer", 1))
    frame.below(
        topic, pitfalls=PITFALLS, walk=partial(walk_through, shown), questions=questions(), tries=TRIES,
        take=lambda: take_away.of(topic.operators[0], shown.call, {"a": shown.a, "b": shown.b, "result": shown.output}, title="Broadcasting"),
    )  # fmt: skip


def show(run: runs.Run, operation: str, cell: tuple[int, ...] | None) -> None:
    """a, b and the result; the two as they are read, and what comes back; the shapes aligned at the right."""
    p, links = draw.pictures(run)
    said = LOOK if run.again else SAME
    st.markdown(say(said, run, shape=tuple(run.output.shape)))
    gradients = [p[name] for name in ("a_grad", "b_grad") if name in p]
    board.show(
        p["a"], SIGNS[operation], p["b"], "=", p["c"], board.BREAK, p["a_read"], p["b_read"], *gradients,
        links=links, spelled=spelled(operation, run), picks={"c": "cell"} if run.output.dim() else None,
        pinned=("c", cell) if cell else None, cell=SIDE,
    )  # fmt: skip
    st.table(columns(run))
    st.markdown(_(SUMMED) if gradients else say(WHOLE, dtype=run.output.dtype))


def spelled(operation: str, run: runs.Run) -> dict[str, str]:
    """What the line says of a cell of each picture."""
    where = "`{at:c}`" if run.output.dim() else "`c`"
    made = f"{where} = {MEANING[operation]} = **{{c}}**"
    return {"c": made, "a_read": made, "b_read": made}


def columns(run: runs.Run) -> dict[str, list[str]]:
    """The shapes under each other, aligned at the last dimension, and the strides that read them."""
    named = [N_("a"), N_("b"), N_("result"), N_("stride of a, as it is read"), N_("stride of b, as it is read")]
    found = {_("dimension"): [_(name) for name in named]}
    for d, each in enumerate(run.dimensions):
        sizes = (each.a, each.b, each.result, each.a_stride, each.b_stride)
        found[str(d - len(run.dimensions))] = ["–" if size is None else str(size) for size in sizes]
    return found


def misfit(operation: str, a: runs.Tensor, b: runs.Tensor, clash: runs.Clash) -> None:
    """torch's words, the pair that does not fit, and a dimension of size 1 that mends it, in one click."""
    why = say(MISFIT, clash) + ("" if clash.mends else _(NO_MEND))
    mends = {f"`{code}`": partial(tensor_input.hold, name, longer) for code, name, longer in clash.mends}
    frame.refused(f"`torch.{operation}`: {runs.refusal(operation, a, b)}", why, mends)
    board.show(*draw.inputs(a, b), height=240)


# ---- pitfalls, walk, questions ---------------------------------------------------------------------------------

PITFALLS = (
    Pitfall(
        "Shapes are aligned at the left: (3, 4) + (3,) adds a number to each row", runs.aligned_at_the_right,
        "They are aligned at the **right**. torch says: “{says}.” A column is what was meant: `x + rows[:, None]`, (3, 4) + (3, 1), gives {shape}.",
    ),
    Pitfall(
        "prediction − target is the error, as long as both have N numbers", runs.prediction_and_target,
        "A prediction of shape ({count}, 1) and a target of shape ({count},) give {shape}: each prediction minus *every* target. All {count} predictions are right here, the mean square of that is **{wrong}**, "
        "and with `squeeze(1)` it is **{right}**. torch warns in `mse_loss` alone: “{warning}.”",
    ),
    Pitfall(
        "Broadcasting copies the numbers", runs.no_copy,
        "A row of 1,000 numbers holds {held:,} bytes. `expand(1000, 1000)` reads the same {expanded:,} bytes, by the strides {stride}; `repeat(1000, 1)` fills **{repeated:,}**, and so does `expand(…).contiguous()`, **{contiguous:,}**.",
    ),
    Pitfall(
        "`x += y` works wherever `x + y` does", runs.in_place,
        "`x + y` of (4,) and (3, 4) makes a new tensor of shape {shape}. `x += y` has to put the result where x is: “{smaller}.” And an expanded x is no place for it either: “{expanded}”",
    ),
    Pitfall(
        "A dimension of size 0 broadcasts like one of size 1", runs.size_zero,
        "Only a size of 1 is read again. (3, 1) + (0,) gives {shape}: the 1 becomes 0, and the result holds {numbers} numbers. (3,) + (0,): “{says}.”",
    ),
)  # fmt: skip


def walk_through(run: runs.Run) -> None:
    """The textbook's version, place by place."""
    input, size = run.call.args
    found = record(ops.broadcast_by_index, input, size, panels=("input", "output", "return"))
    scale = colour.signed(input)
    walk.show(found, dict.fromkeys(("input", "output", "return"), scale), key="walk")


def questions() -> list[Draw]:
    """On the shape of a pair, on the cell that is read, on the gradient."""

    def shape(draw: random.Random) -> Question:
        a = tuple(draw.choice((1, 2, 3, 4)) for _d in range(draw.randint(1, 3)))
        b = tuple(draw.choice((1, n, n, 5)) for n in a[draw.randint(0, len(a) - 1) :])
        made = runs.asked_shape(a, b)
        return Question(
            say("Which shape have {a} + {b}? Write “{word}” if torch takes no such pair.", a=a, b=b, word=_("refused")),
            _("refused") if made is None else str(made), "From the last dimension on: equal sizes, or one of them 1.", tolerance=0,
        )  # fmt: skip

    def cell(draw: random.Random) -> Question:
        size = (draw.randint(2, 4), draw.randint(2, 4))
        of = draw.choice(((1, size[1]), (size[0], 1), (size[1],)))
        place = tuple(draw.randrange(n) for n in size)
        return Question(
            say("a has the shape {of} and is read as {size}. Which cell of a does cell {place} of the result read?", of=of, size=size, place=place),
            str(list(runs.read_cell(of, place))), "The index stays, and is 0 where the size is 1.", tolerance=0,
        )  # fmt: skip

    def gradient(draw: random.Random) -> Question:
        of, size = draw.choice((((1, 4), (3, 4)), ((3, 1), (3, 5)), ((4,), (2, 4)), ((1, 1), (3, 4))))
        return Question(
            say("b of shape {of} is added to a tensor of shape {size}. Which gradient has each number of b, for the sum of the result?", of=of, size=size),
            str(runs.times_read(of, size)), "As many as there are cells that read it: each sends back 1.", tolerance=0,
        )  # fmt: skip

    return [shape, cell, gradient]


TRIES = (
    Try("A surprise", "pair=surprise", "A column of 3 and a vector of 3. Before you look at the result: how many numbers has it? Which of the two is a row here?"),
    Try("A column", "pair=column&op=sub", "b has a number for each row. Look at the strides in the table: along which dimension is b read again?"),
    Try("Refused", "pair=refused", "(3, 4) and (3,) do not fit, though both have a 3. Read which pair torch compares, and mend it by one click: what stands in the table then?"),
    Try("A batch", "pair=batch&op=mul", "Three dimensions against two. Point at a cell of b, and count how many cells of the result light up: that is its gradient's number of terms."),
)  # fmt: skip


frame.page("broadcasting", lesson)
