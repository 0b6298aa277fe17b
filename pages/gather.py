"""Gather: input, index and output linked by picking, and scatter, the way back."""

import random

import streamlit as st
import torch
from torch import Tensor

from core.figures import colour
from core.figures.heatmap import Index, Outline, Picture, number
from core.figures.walk import Moment, record
from core.ops import gather as ops
from core.ops.losses import nll_loss
from core.ops.operator import Call
from core.ops.softmax import log_softmax
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import check, controls, frame, pictures, tensor_input, walk
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

NUMBERS = Limits(ranks=(2,), max_side=12, max_elements=144, allow_nonfinite=True)
INDICES = Limits(ranks=(2,), max_side=12, max_elements=144, integers_only=True)
TUTORIAL, LOSS, SORT = "the tutorial's", "pick for cross entropy", "reorder each row"


def example(name: str, seed: int) -> tuple[Tensor, Tensor]:
    """Input and index of a preset."""
    generator = torch.Generator().manual_seed(seed)
    if name == TUTORIAL:
        return torch.arange(1.0, 16).reshape(3, 5), torch.tensor([[0, 2], [3, 4], [1, 4]])
    logits = torch.randn(4, 5, generator=generator).round(decimals=1)
    if name == LOSS:
        return log_softmax(logits, 1), torch.randint(5, (4, 1), generator=generator)
    return logits, logits.argsort(1, descending=True)


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.row():
        way = controls.choice("way", "Operation", ("gather", "scatter"))
        preset = controls.choice("preset", "Example", (TUTORIAL, LOSS, SORT))
        dim = controls.choice("dim", "dim", (0, 1), 0 if preset == TUTORIAL and way == "scatter" else 1)
        seed = controls.seed()
    first, second = example(preset, seed)
    if dim == 0:
        second = second.clamp(max=len(first) - 1)
    with controls.row("input"):
        x = tensor_input.tensor("x", "Input", first, NUMBERS)
        index = tensor_input.tensor("index", "Index", second, INDICES)
        cell = controls.cell("cell", "Picked place of index", index.shape)
    run = frame.attempt("gather", lambda: attempted(way, x, dim, index))
    if run is None:
        return
    way, x, dim, index, output = run
    cell = cell if cell and all(i < n for i, n in zip(cell, index.shape, strict=True)) else (0, 0)
    draw(way, x, dim, index, output, cell)
    st.markdown(spelled(way, x, dim, index, output, cell))
    operator = next(operator for operator in topic.operators if operator.name == way)
    check.show(operator, call_of(way, x, dim, index))
    frame.below(
        topic,
        pitfalls=pitfalls(x, dim, index),
        walk=lambda: by_loops(way, x, dim, index),
        questions=questions(x, dim, index),
        take=lambda: take(way, x, dim, index, output),
    )


Run = tuple[str, Tensor, int, Tensor, Tensor]


def source(x: Tensor, index: Tensor) -> Tensor:
    """What scatter writes: 100, 101, … so that each number tells where it came from."""
    return torch.arange(100, 100 + index.numel(), dtype=torch.float32).reshape(index.shape).to(x.dtype)


def call_of(way: str, x: Tensor, dim: int, index: Tensor) -> Call:
    """The arguments of the operation on screen."""
    return Call((x, dim, index)) if way == "gather" else Call((x, dim, index, source(x, index)))


def attempted(way: str, x: Tensor, dim: int, index: Tensor) -> Run:
    """The run, or its refusal."""
    function = ops.gather if way == "gather" else ops.scatter
    return way, x, dim, index, call_of(way, x, dim, index).of(function)


# ---- the pictures ----------------------------------------------------------------------------------------------


def draw(way: str, x: Tensor, dim: int, index: Tensor, output: Tensor, cell: Index) -> None:
    """The three tensors; the picked place of index leads to one cell of each."""
    there = ops.source_of(index, dim, cell)
    numbers = colour.signed(x, output)
    order = colour.identity(x.shape[dim])
    picked, found = [Outline([cell])], [Outline([there], colour.USED)]
    places = picks_for(x, dim, index)
    tensor = Picture("input", x, numbers, f"input {size(x)}", found, pickable=True, picks=places)
    where = Picture("index", index, order, f"index {size(index)}, along dim {dim}", picked, pickable=True)
    if way == "gather":
        out = Picture("output", output, numbers, f"output {size(output)}", picked, pickable=True)
        parts: list[Picture | str] = [tensor, "[", where, "] =", out]
    else:
        written = source(x, index)
        src = Picture("src", written, colour.magnitude(written), f"src {size(written)}", picked, pickable=True)
        out = Picture("output", output, numbers, f"output {size(output)}", found, pickable=True, picks=places)
        parts = [src, "→", where, "into", tensor, "=", out]
    names = [part.name for part in parts if isinstance(part, Picture)]
    pictures.equation(*parts, picks=dict.fromkeys(names, "cell"), height=300, name=way)


def picks_for(x: Tensor, dim: int, index: Tensor) -> list[str]:
    """For each cell of input, the first place of index that reads it; empty where none does."""
    first: dict[Index, str] = {}
    for place in index.new_ones(index.shape).nonzero().tolist():
        first.setdefault(ops.source_of(index, dim, place), ",".join(map(str, place)))
    return [first.get(tuple(cell), "") for cell in torch.ones(x.shape).nonzero().tolist()]


def size(x: Tensor) -> str:
    """A shape in a title."""
    return "×".join(map(str, x.shape))


def spelled(way: str, x: Tensor, dim: int, index: Tensor, output: Tensor, cell: Index) -> str:
    """The formula with its letters, and with the numbers of the picked place."""
    i, j = cell
    chosen = int(index[cell])
    letters = "index[i][j]][j]" if dim == 0 else "i][index[i][j]]"
    inside = f"{chosen}][{j}" if dim == 0 else f"{i}][{chosen}"
    if way == "gather":
        return (
            f"`out[i][j] = input[{letters}`: `out[{i}][{j}]` = `input[{inside}]` = **{number(output[cell].item())}**, "
            f"since `index[{i}][{j}]` is {chosen}."
        )
    readers = sum(ops.source_of(index, dim, place) == ops.source_of(index, dim, cell) for place in places(index))
    return (
        f"`out[{letters} = src[i][j]`: `src[{i}][{j}]` = {number(source(x, index)[cell].item())} "
        f"goes to `out[{inside}]`, since `index[{i}][{j}]` is {chosen}. "
        f"{readers} place{'s' * (readers != 1)} of index lead there"
        + (": which of them stays is not promised." if readers > 1 else ".")
    )


def places(index: Tensor) -> list[list[int]]:
    """Every place of index."""
    return torch.ones(index.shape).nonzero().tolist()


# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(x: Tensor, dim: int, index: Tensor) -> list[Pitfall]:
    """What people believe of gather, the tutorial's words first."""
    return [
        Pitfall("The tutorial: index holds “the values that satisfy the condition”", lambda: places_not_values(x)),
        Pitfall(
            "The tutorial's `gather(a, 1, index)` picks along “the first dimension”", lambda: dim_is_counted_from_0(x)
        ),
        Pitfall("index has to be as large as input, or broadcasts", lambda: index_may_be_smaller(x, dim)),
        Pitfall("A negative index counts from the end, as elsewhere in torch", lambda: negatives_are_refused(x, dim)),
        Pitfall("The tutorial's cross entropy by gather is the loss", loss_by_gather),
        Pitfall("scatter undoes gather", lambda: scatter_back(x, dim, index)),
    ]


def places_not_values(x: Tensor) -> None:
    """The same numbers as values and as places."""
    index = torch.zeros(len(x), 1, dtype=torch.int64)
    st.markdown(
        f"index holds **places** along dim, of dtype int64. With zeros along dim 1 the output is the first column, "
        f"{[number(v) for v in ops.gather(x, 1, index).flatten().tolist()]}, whatever values stand there."
    )


def dim_is_counted_from_0(x: Tensor) -> None:
    """The same index along both dimensions."""
    index = torch.tensor([[0, 0], [1, 0]])[: len(x), : x.shape[1]].clamp(max=min(x.shape) - 1)
    both = [ops.gather(x, dim, index).tolist() for dim in (0, 1)]
    st.markdown(
        f"dim 1 is the second: the column varies, the row stays. From `index = {index.tolist()}` come "
        f"{both[0]} along dim 0 and {both[1]} along dim 1."
    )


def refusal(x: Tensor, dim: int, index: Tensor) -> str:
    """torch's own words where it refuses."""
    try:
        torch.gather(x, dim, index)
    except RuntimeError as error:
        return f"“{str(error).splitlines()[0]}”"
    return "nothing: it takes it"


def index_may_be_smaller(x: Tensor, dim: int) -> None:
    """A smaller index, and one that is too large across."""
    small = torch.zeros(1, 1, dtype=torch.int64)
    wide = torch.zeros(len(x) + (dim == 1), x.shape[1] + (dim == 0), dtype=torch.int64)
    st.markdown(
        f"With a 1×1 index the output is 1×1: {number(ops.gather(x, dim, small).item())}; gather never broadcasts. The "
        f"output has index's shape, which may be smaller than input across dim, never larger: for {size(wide)} torch "
        f"says {refusal(x, dim, wide)}. Along dim it may be as long as one likes."
    )


def negatives_are_refused(x: Tensor, dim: int) -> None:
    """A negative index, refused by both."""
    index = torch.full((1, 1), -1)
    try:
        ops.gather(x, dim, index)
    except RuntimeError as error:
        ours = f"“{error}”"
    st.markdown(f"torch says {refusal(x, dim, index)}; the manual version {ours}. `x[..., -1]` is another mechanism.")


def loss_by_gather() -> None:
    """The tutorial's ce_loss against nll_loss."""
    generator = torch.Generator().manual_seed(0)
    scores, y = log_softmax(torch.randn(4, 5, generator=generator), 1), torch.tensor([1, 0, 4, 2])
    picked = -ops.gather(scores, 1, y[:, None])
    st.markdown(
        f"`-log(y_hat).gather(1, y.view(-1, 1))` has shape {tuple(picked.shape)}: one loss a sample. Its mean, "
        f"**{picked.mean().item():.4f}**, is torch's loss, {nll_loss(scores, y).item():.4f}; the tutorial "
        "leaves the mean out."
    )


def scatter_back(x: Tensor, dim: int, index: Tensor) -> None:
    """Gather, then scatter the result into zeros."""
    back = ops.scatter(torch.zeros_like(x), dim, index, ops.gather(x, dim, index))
    same = int((back == x).sum())
    leaf = x.detach().double().requires_grad_()
    ops.gather(leaf, dim, index).sum().backward()
    assert leaf.grad is not None
    st.markdown(
        f"Scattered into zeros, **{same} of {x.numel()}** cells are as they were: those that no index names stay 0. "
        f"The gradient of gather is scatter with addition: a cell read twice gets 2, here at most "
        f"**{number(leaf.grad.max().item())}**."
    )


# ---- walk, questions, take away --------------------------------------------------------------------------------


def by_loops(way: str, x: Tensor, dim: int, index: Tensor) -> None:
    """The textbook loop, one place of index at a time."""

    def reads(now: Moment) -> dict[str, list[Index]]:
        place = now.names.get("place")
        if place is None:
            return {}
        there = ops.source_of(index, dim, place)
        return {"index": [tuple(place)]} | ({"input": [there]} if way == "gather" else {"src": [tuple(place)]})

    scale = colour.signed(x)
    if way == "gather":
        steps = record(ops.gather_by_loops, x, dim, index, panels=("input", "index", "out"), reads=reads)
        walk.show(steps, {"input": scale, "index": colour.identity(x.shape[dim]), "out": scale}, key="walk")
    else:
        src = source(x, index)
        steps = record(ops.scatter_by_loops, x, dim, index, src, panels=("src", "index", "out"), reads=reads)
        scales = {"src": colour.magnitude(src), "index": colour.identity(x.shape[dim]), "out": colour.signed(x, src)}
        walk.show(steps, scales, key="walk")


def questions(x: Tensor, dim: int, index: Tensor) -> list:
    """Questions on what is on screen."""

    def value(draw: random.Random) -> Question:
        place = tuple(draw.randrange(n) for n in index.shape)
        there = ops.source_of(index, dim, place)
        return Question(
            f"gather along dim {dim}: what stands at {place} of the output?",
            number(ops.gather(x, dim, index)[place].item()),
            f"index holds {int(index[place])} there, so it is input{list(there)}.",
        )

    def shape(draw: random.Random) -> Question:
        rows, columns = draw.randint(1, 4), draw.randint(1, 4)
        output = torch.gather(torch.zeros(4, 4), dim, torch.zeros(rows, columns, dtype=torch.int64))
        return Question(
            f"input is 4×4, index {rows}×{columns}, dim {dim}. Which shape has the output?",
            str(tuple(output.shape)),
            "The output always has the shape of index.",
        )

    def counted(draw: random.Random) -> Question:
        cell = tuple(draw.randrange(n) for n in x.shape)
        count = sum(ops.source_of(index, dim, place) == cell for place in places(index))
        return Question(
            f"A gradient of 1 comes to every output. How much arrives at input{list(cell)}?",
            str(count),
            "Each place of index that names the cell brings 1: the gradient is scattered with addition.",
        )

    return [value, shape, counted]


def take(way: str, x: Tensor, dim: int, index: Tensor, output: Tensor) -> TakeAway:
    """The run on screen as a script, and its tensors."""
    inputs = {"input": x, "index": index} | ({} if way == "gather" else {"src": source(x, index)})
    given = f"(input, {dim}, index{'' if way == 'gather' else ', src'})"
    function = ops.gather if way == "gather" else ops.scatter
    script = Script(
        way, inputs, (function,), (f"output = {way}{given}",), ("output",), {"output": f"torch.{way}{given}"}
    )
    return TakeAway(script, inputs | {"output": output})


frame.page("gather", lesson)
