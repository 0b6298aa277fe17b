"""Gather: input, index and output linked by picking, and scatter, the way back."""

import random
from collections.abc import Callable
from functools import partial

import streamlit as st

from core.experiments import gather as runs
from core.figures import gather as draw
from core.tensors.limits import Limits
from core.topics import Topic
from core.ui import board, check, controls, frame, take_away, tensor_input, walk
from core.ui.frame import Pitfall, Try
from core.ui.predict import Draw, Question
from core.words import N_, _, say
from core.words.numbers import number

NUMBERS = Limits(ranks=(1, 2, 3), max_side=12, max_elements=144, allow_nonfinite=True)
INDICES = Limits(ranks=(1, 2, 3), max_side=24, max_elements=144, allow_nonfinite=True)
WAYS: dict[runs.Way, str] = {"gather": "gather", "scatter": "scatter"}
PRESETS = {
    runs.TUTORIAL: N_("the tutorial's"),
    runs.LOSS: N_("pick for cross entropy"),
    runs.SORT: N_("reorder each row"),
}
HEIGHT = 290  # pixels of the pictures
FIRST = {
    "gather": N_(
        "Look at the marked place of **index**: its number says where along dim {dim} **input** is read, for the same place of **output**."
    ),
    "scatter": N_(
        "Look at the marked place of **index**: its number says where along dim {dim} **src**'s number is written into a copy of **input**."
    ),
}


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    row, more = controls.main(), controls.more()
    with row:
        way = controls.choice("way", "Operation", WAYS)
        preset = controls.choice("preset", "Example", PRESETS)
    with more:
        seed = controls.seed()
        x = tensor_input.tensor("x", "Input", runs.example_input(preset, seed), NUMBERS)
    with row:
        dim = controls.choice("dim", "dim", tuple(range(x.dim())), 1) if x.dim() > 1 else 0
    with more:
        index = tensor_input.tensor("index", "Index", runs.example_index(preset, x, dim, seed), INDICES)
        first = ",".join(["1" if index.shape[0] > 1 else "0", *["0"] * (index.dim() - 1)])
        cell = controls.cell("cell", "Picked place of index", index.shape, first)
    misfit = runs.misfit(x, dim, index)
    run = runs.run(way, x, dim, index if misfit is None else misfit.mended)
    operator = topic.operator(way)
    if misfit is None:
        st.markdown(say(FIRST[way], dim=dim))
        if preset == runs.TUTORIAL and tensor_input.source("index") == "example" and index is not runs.TUTORIALS_INDEX:
            st.caption(say("The tutorial's own index does not fit this input along dim {dim}: this example takes another.", dim=dim))  # fmt: skip
        show(run, cell or (0,) * index.dim())
        check.show(operator, run.call)
    else:
        refused(way, misfit, x, index)
    frame.below(
        topic,
        pitfalls=pitfalls(run),
        walk=partial(line_by_line, run),
        questions=questions(run),
        tries=TRIES,
        take=lambda: take_away.of(operator, run.call, tensors(run), title=way),
        operator=operator,
    )


def show(run: runs.Run, cell: tuple[int, ...]) -> None:
    """The tensors side by side, each place of index tied to what it names."""
    p = draw.pictures(run)
    parts = (
        (p["input"], "[", p["index"], "] =", p["output"], "", p["grad"]) if run.src is None
        else (p["src"], "→", p["index"], _("into"), p["input"], "=", p["output"])
    )  # fmt: skip
    board.show(
        *parts, links=draw.ties(run), spelled=draw.sentences(run), picks=dict.fromkeys(p, "cell"),
        pinned=("index", cell), height=HEIGHT,
    )  # fmt: skip


WHY = {
    "dtype": N_("The index is {dtype}. It counts places, so torch wants whole numbers: int64 or int32."),
    "rank": N_(
        "The index has {index_shape} as its shape, the input {input_shape}: both need the same number of dimensions."
    ),
    "size": N_(
        "The index {index_shape} may be longer than the input {input_shape} along dim {dim} alone; along every other dimension it must not be."
    ),
    "range": N_("The index holds {wrong}, and along dim {dim} the input has the places 0 to {last}."),
}


def refused(way: runs.Way, misfit: runs.Misfit, x: runs.Tensor, index: runs.Tensor) -> None:
    """torch's words, the two tensors as they are, and an index that fits, in one click."""
    why = say("{why} The tabs below show the run with an index that fits.", why=say(WHY[misfit.kind], misfit))
    mend: Callable[[], None] = partial(tensor_input.hold, "index", misfit.mended)
    frame.refused(f"`torch.{way}`: {runs.theirs(way, x, misfit.dim, index)}", why, {"Make the index fit": mend})
    input, places = draw.inputs(x, misfit, index)
    board.show(input, "[", places, "]", height=HEIGHT)


# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(run: runs.Run) -> tuple[Pitfall, ...]:
    """What people believe of gather, the tutorial's words first."""
    x, dim, index = run.input, run.dim, run.index
    return (
        Pitfall(
            "index holds the values that satisfy the condition, as the tutorial has it",
            partial(runs.places_not_values, x, dim),
            "index holds **places**, not values. Zeros along dim {dim} read whatever stands first there: {picked}. "
            "Turn the input round and the same index reads {other}. Given the values themselves as index, torch says: “{refusal}”.",
        ),
        Pitfall(
            "`gather(a, 1, index)` picks along the first dimension, as the tutorial has it", runs.dims_count_from_0,
            "Dimensions count from 0, so dim 1 is the second: the column changes, the row stays. On the tutorial's matrix, "
            "`index = {index}` reads {along_1} along dim 1, and {along_0} along dim 0, where the row changes and the column stays.",
        ),
        Pitfall("index has to be as large as input, or it broadcasts", partial(runs.index_has_its_own_size, x, dim), sizes),
        Pitfall(
            "A negative index counts from the end, as elsewhere in torch", partial(runs.negative_index, x, dim),
            "Not here. torch says “{refusal}”; the manual version: “{ours}”. Square brackets do count from the end: "
            "place −1 along the same dimension is {by_brackets}.",
        ),
        Pitfall(
            "Picking from log(softmax) with gather, as the tutorial does, is all of cross entropy", runs.loss_by_gather,
            "It is most of it. The tutorial's result has shape {shape}, one loss a sample; only its mean, **{mean:.4f}**, is torch's "
            "loss, **{loss:.4f}**. And where a class's probability rounds to 0 its logarithm is lost: for scores 0 and 150 and "
            "class 0 the tutorial gives **{confident}**, torch **{confident_loss}**, since it takes the logarithm before it can round to 0.",
        ),
        Pitfall("scatter undoes gather", partial(runs.scatter_back, x, dim, index), way_back),
    )  # fmt: skip


def sizes(found: runs.Sizes) -> str:
    """Across dim there is a limit, where there is anything across."""
    if found.rank == 1:
        return N_(
            "It neither has to be that large nor broadcasts: the output always has index's shape. An index of one place gives {small}; one twice as long "
            "along dim {dim} gives {long}. A vector has no other dimension, so that any length is taken."
        )
    return N_(
        "It neither has to be that large nor broadcasts: the output always has index's shape. An index of one place gives {small}; one twice as long "
        "along dim {dim} gives {long}. Along every other dimension it must not be larger than input: for an index of shape {too_large} on an input of "
        "shape {input_shape} torch says “{refusal}”."
    )


def way_back(found: runs.Back) -> str:
    """Whether this index names every cell decides it."""
    if found.undone:
        return N_(
            "Here it does: {restored} of {cells} cells came back, for index names all that are not 0. Without the last place along "
            "dim only {fewer} come back: what no index names is lost."
        )
    if found.most > 1:
        return N_(
            "Scattered into zeros, **{restored} of {cells}** cells are as they were: index names {named}, and the other {unnamed} stay 0. "
            "The way back for a gradient is scatter with addition: a cell that is read several times, here up to {most:|time|times}, "
            "gets the sum of what comes from its readers."
        )
    return N_(
        "Scattered into zeros, **{restored} of {cells}** cells are as they were: index names {named}, and the other {unnamed} stay 0. "
        "The way back for a gradient is scatter with addition: a cell that is read several times (here none is) gets the sum of what "
        "comes from its readers."
    )


# ---- walk, questions, what to try, take away -------------------------------------------------------------------


def line_by_line(run: runs.Run) -> None:
    """The textbook's loop, one place of index at a time, or the manual version's addresses."""
    with controls.row("walk"):
        tier = controls.choice(
            "tier", "Version", {"textbook": "textbook: place by place", "manual": "manual: by addresses"}
        )
    steps, scales = draw.walk(run, tier == "textbook")
    walk.show(steps, scales, key=f"walk {tier}")


def questions(run: runs.Run) -> list[Draw]:
    """Questions on what is on screen, and on shapes."""

    def value(pick: random.Random) -> Question:
        found = runs.picked(run, pick.randrange(len(run.places)))
        if run.src is None:
            return Question(
                say("gather along dim {dim}: what stands at output{place}?", dim=run.dim, place=str(list(found.place))), number(found.value).replace("∞", "inf"),
                say("index holds {names} there, so it is input{cell}.", names=found.names, cell=str(list(found.cell))),
                tolerance=0 if float(found.value).is_integer() else 0.01, covers=("output", "grad"),
            )  # fmt: skip
        return Question(
            say("scatter along dim {dim}: to which cell of the output does src{place} go?", dim=run.dim, place=str(list(found.place))), str(list(found.cell)),
            say("index holds {names} there: it takes coordinate {dim}, the others stay.", names=found.names, dim=run.dim), tolerance=0, covers=("output", "input"),
        )  # fmt: skip

    def shape(pick: random.Random) -> Question:
        found = runs.shaped((3, 4), (pick.randint(1, 5), pick.randint(1, 5)), pick.randint(0, 1))
        return Question(
            say("input is (3, 4), index {index}, dim {dim}. Which shape has the output? Write “{word}” if torch takes no such index.", index=found.index, dim=found.dim, word=_("refused")),
            _("refused") if found.output is None else str(found.output),
            say("torch says: “{refusal}”", refusal=found.refusal) if found.output is None else "The output always has the shape of index.", tolerance=0,
        )  # fmt: skip

    def counted(pick: random.Random) -> Question:
        cell = pick.choice(sorted({*run.cells, (0,) * run.input.dim()}))
        asked = N_("A gradient of 1 comes to every output. How much arrives at input{cell}?") if run.src is None else N_("How many numbers are written at output{cell}?")  # fmt: skip
        return Question(
            say(asked, cell=str(list(cell))), str(len(run.naming(cell))),
            "Each place of index that names the cell brings one.", tolerance=0, covers=("grad",),
        )  # fmt: skip

    return [value, shape, counted]


TRIES = (
    Try("Sort by gathering", "preset=sort",
        "`argsort` says for each row in which order to read it, and gather reads. Every cell is read exactly once: the gradient is 1 everywhere. Which row of input needed the fewest moves? Read it off index."),
    Try("One class a sample", "preset=loss",
        "index is one column, the class of each sample. gather picks one log-probability a row, and the gradient reaches that cell alone: this is how cross entropy begins."),
    Try("One cell, read three times", "index_from=typed&index=[[0, 0, 0], [1, 2, 3]]&cell=0,2",
        "The first row of index names input[0, 0] three times, so the number comes out three times. What does the gradient of input say there, and why is it not 1?"),
    Try("Two writes to one cell", "way=scatter&index_from=typed&index=[[0, 0], [3, 4]]&cell=0,1",
        "src[0, 0] and src[0, 1] both go to output[0, 0]. Only one can stay. Which one does here? Point at the cell: torch does not promise it."),
    Try("The tutorial's index along dim 0", "dim=0&index_from=typed&index=[[0, 2], [3, 4], [1, 4]]",
        "Along dim 0 there are three rows, and the index names row 3. Read torch's words first, then make the index fit: what became of the 3 and of the 4?"),
)  # fmt: skip


def tensors(run: runs.Run) -> dict[str, runs.Tensor]:
    """The run's tensors by the names that the script gives them."""
    given = {"input": run.input, "index": run.index} | ({} if run.src is None else {"src": run.src})
    return given | {"output": run.output}


frame.page("gather", lesson)
