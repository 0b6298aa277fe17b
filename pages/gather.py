"""Gather: input, index and output linked by picking, and scatter, the way back."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import streamlit as st
import torch
from torch import Tensor

from core.figures import colour
from core.figures.board import Relation
from core.figures.heatmap import Picture
from core.figures.montage import Index
from core.figures.numbers import number
from core.figures.walk import Moment, record
from core.ops import gather as ops
from core.ops.losses import nll_loss
from core.ops.operator import Call
from core.ops.softmax import log_softmax
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, frame, tensor_input, walk
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

NUMBERS = Limits(ranks=(2,), max_side=12, max_elements=144, allow_nonfinite=True)
INDICES = Limits(ranks=(2,), max_side=12, max_elements=144, integers_only=True)
TUTORIAL, LOSS, SORT = "tutorial", "loss", "sort"
PRESETS = {TUTORIAL: "the tutorial's", LOSS: "pick for cross entropy", SORT: "reorder each row"}


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
    with controls.main():
        way = controls.choice("way", "Operation", ("gather", "scatter"))
        preset = controls.choice("preset", "Example", PRESETS)
        dim = controls.choice("dim", "dim", (0, 1), 0 if preset == TUTORIAL and way == "scatter" else 1)
    with controls.more():
        seed = controls.seed()
        first, second = example(preset, seed)
        x = tensor_input.tensor("x", "Input", first, NUMBERS)
        fits = fitting(second, x.shape, dim)
        index = tensor_input.tensor("index", "Index", fits, INDICES)
        cell = controls.cell("cell", "Picked place of index", index.shape)
    if index is fits and not fits.equal(second):
        st.caption(
            f"The example's index does not fit an input of {size(x)} along dim {dim}: it is wrapped and cut to fit."
        )
    output = output_of(way, x, dim, index)
    operator = next(operator for operator in topic.operators if operator.name == way)
    if output is None:
        refused(way, x, dim, index)
    else:
        show(way, x, dim, index, output, cell or (0, 0))
        check.show(operator, call_of(way, x, dim, index))
    frame.below(
        topic,
        pitfalls=pitfalls(x, dim, index if output is not None else fits),
        walk=(lambda: by_loops(way, x, dim, index)) if output is not None else None,
        questions=questions(x, dim, index) if output is not None else (),
        take=(lambda: take(way, x, dim, index, output)) if output is not None else None,
        operator=operator,
    )


def fitting(index: Tensor, shape: Sequence[int], dim: int) -> Tensor:
    """The index, wrapped into the input's size along dim and cut to it across dim."""
    if index.shape[1 - dim] > shape[1 - dim]:
        index = index.narrow(1 - dim, 0, shape[1 - dim])
    return index if int(index.max()) < shape[dim] else index % shape[dim]


def source(x: Tensor, index: Tensor) -> Tensor:
    """What scatter writes: 100, 101, … so that each number tells where it came from."""
    return torch.arange(100, 100 + index.numel(), dtype=torch.float32).reshape(index.shape).to(x.dtype)


def call_of(way: str, x: Tensor, dim: int, index: Tensor) -> Call:
    """The arguments of the operation on screen."""
    return Call((x, dim, index)) if way == "gather" else Call((x, dim, index, source(x, index)))


def output_of(way: str, x: Tensor, dim: int, index: Tensor) -> Tensor | None:
    """What the operation gives; None where it is refused."""
    try:
        result: Tensor = call_of(way, x, dim, index).of(ops.gather if way == "gather" else ops.scatter)
    except frame.REFUSALS:
        return None
    return result


def refused(way: str, x: Tensor, dim: int, index: Tensor) -> None:
    """What torch says, the two tensors as they are, and an index that fits, in one click."""
    st.error(
        f"`torch.{way}` says {said(lambda: call_of(way, x, dim, index).of(getattr(torch, way)))}",
        icon=":material/block:",
    )
    st.button("Wrap and cut the index to fit", on_click=tensor_input.hold, args=("index", fitting(index, x.shape, dim)))
    board.show(
        Picture("input", x, colour.signed(x), f"input {size(x)}"), "[",
        Picture("index", index, colour.identity(int(index.max()) + 1), f"index {size(index)}, along dim {dim}"), "]",
        height=300,
    )  # fmt: skip


# ---- the pictures ----------------------------------------------------------------------------------------------


def show(way: str, x: Tensor, dim: int, index: Tensor, output: Tensor, cell: Index) -> None:
    """The tensors side by side; each place of index ties its cell of input to one of the output."""
    table = np.array([(*place, *there) for place, there in zip(places(index), sources(dim, index), strict=True)])
    used = Relation("p q r s", table)
    if way == "gather":
        show_gather(x, dim, index, output, cell, used)
    else:
        show_scatter(x, dim, index, output, cell, used)


def pictures_of(x: Tensor, dim: int, index: Tensor, numbers: colour.Scale, notes: list[str]) -> tuple[Picture, Picture]:
    """Input, whose cells report the first place of index that names them, and index."""
    return (
        Picture("input", x, numbers, f"input {size(x)}", axes="r s", picks=picks_for(x, dim, index), notes=notes),
        Picture("index", index, colour.identity(x.shape[dim]), f"index {size(index)}, along dim {dim}", axes="p q"),
    )


def show_gather(x: Tensor, dim: int, index: Tensor, output: Tensor, cell: Index, used: Relation) -> None:
    """input[index] = output, and the gradient that comes back to input."""
    numbers, grad = colour.signed(x, output), gradient(x, dim, index)
    tensor, where = pictures_of(x, dim, index, numbers, readers(x, dim, index))
    one = "`{at:output}` = `{at:input}` = **{output}**: `{at:index}` holds {index}, and it stands " + (
        "in the row's place; the column stays." if dim == 0 else "in the column's place; the row stays."
    )
    back = "{note:input} Of a gradient of 1 at every output, **{grad}** arrives at `{at:input}`."
    board.show(
        tensor, "[", where, "] =", Picture("output", output, numbers, f"output {size(output)}", axes="p q"), "",
        Picture("grad", grad, colour.magnitude(grad), "gradient of input", axes="r s", picks=tensor.picks),
        links=[used], spelled={"index": one, "output": one, "input": back, "grad": back},
        picks=dict.fromkeys(("input", "index", "output", "grad"), "cell"), pinned=("index", cell), height=300,
    )  # fmt: skip


def show_scatter(x: Tensor, dim: int, index: Tensor, output: Tensor, cell: Index, used: Relation) -> None:
    """src goes where index says into a copy of input; of several writes to one place one stays."""
    written, ends = source(x, index), sources(dim, index)
    numbers = colour.signed(x, output)
    tensor, where = pictures_of(x, dim, index, numbers, writers(x, dim, index, output))
    stays = [row for row, end in zip(used.rows.tolist(), ends, strict=True) if output[end] == written[tuple(row[:2])]]
    one = "`{at:src}` = **{src}** goes to `{at:output}`, since `{at:index}` = {index}. {note:index}"
    notes = [alone(ends.count(end)) for end in ends]
    board.show(
        Picture("src", written, colour.magnitude(written), f"src {size(written)}", axes="p q"), "→",
        replace(where, notes=notes), "into", tensor, "=",
        Picture("output", output, numbers, f"output {size(output)}", axes="r s", picks=tensor.picks),
        links=[used, *([Relation("p q r s", np.array(stays), "winner")] if len(set(ends)) < len(ends) else [])],
        spelled={"src": one, "index": one, "input": "{note:input}", "output": "{note:input}"},
        picks=dict.fromkeys(("src", "index", "input", "output"), "cell"), pinned=("index", cell), height=300,
    )  # fmt: skip


def gradient(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """What arrives at input from a gradient of 1 at every output: how often each cell was picked."""
    leaf = torch.zeros(x.shape, requires_grad=True)
    ops.gather(leaf, dim, index).sum().backward()
    assert leaf.grad is not None
    return leaf.grad


def sources(dim: int, index: Tensor) -> list[Index]:
    """For each place of index the cell that it names."""
    return [ops.source_of(index, dim, place) for place in places(index)]


def named_by(x: Tensor, dim: int, index: Tensor) -> list[list[list[int]]]:
    """For each cell of input the places of index that name it."""
    found: dict[Index, list[list[int]]] = {}
    for place, there in zip(places(index), sources(dim, index), strict=True):
        found.setdefault(there, []).append(place)
    return [found.get(tuple(cell), []) for cell in places(x)]


def picks_for(x: Tensor, dim: int, index: Tensor) -> list[str]:
    """For each cell of input, the first place of index that names it; empty where none does."""
    return [", ".join(map(str, named[0])) if named else "" for named in named_by(x, dim, index)]


def listed(name: str, indices: list[list[int]]) -> str:
    """Cells of a tensor in code: `index[0, 1]` and `index[2, 2]`."""
    return ", ".join(f"`{name}{list(index)}`" for index in indices)


def readers(x: Tensor, dim: int, index: Tensor) -> list[str]:
    """For each cell of input, who picks it."""
    return [
        f"`input{cell}` = {number(x[tuple(cell)].item())} is picked by {listed('index', named)}." if named
        else f"No place of index names `input{cell}` = {number(x[tuple(cell)].item())}."
        for cell, named in zip(places(x), named_by(x, dim, index), strict=True)
    ]  # fmt: skip


def writers(x: Tensor, dim: int, index: Tensor, output: Tensor) -> list[str]:
    """For each cell of the output, where its number came from."""
    return [
        f"`output{cell}` = **{number(output[tuple(cell)].item())}** comes from {listed('src', named)}"
        + (f": {len(named)} writes to one place, and which of them stays is not promised." if len(named) > 1 else ".")
        if named
        else f"No place of index leads to `output{cell}`: it keeps input's **{number(x[tuple(cell)].item())}**."
        for cell, named in zip(places(x), named_by(x, dim, index), strict=True)
    ]


def alone(count: int) -> str:
    """How many places of index lead to one cell."""
    return (
        "No other place of index leads there." if count == 1
        else f"{count} places of index lead there: which of them stays is not promised."
    )  # fmt: skip


def size(x: Tensor) -> str:
    """A shape in a title."""
    return "×".join(map(str, x.shape))


def places(index: Tensor) -> list[list[int]]:
    """Every place of a tensor, in reading order."""
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
        f"{', '.join(number(v) for v in ops.gather(x, 1, index).flatten().tolist())}, whatever values stand there."
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
    return said(lambda: torch.gather(x, dim, index))


def said(call: Callable[[], object]) -> str:
    """The refusal of a call, quoted."""
    try:
        call()
    except (RuntimeError, IndexError) as error:
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
