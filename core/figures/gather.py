"""gather and scatter as a board: each place of index ties its cell of input to one of the output."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
from torch import Tensor

from core.experiments.gather import Misfit, Place, Run, staying
from core.figures import colour
from core.figures.board import Relation
from core.figures.heatmap import Outline, Picture
from core.figures.walk import Index, Moment, Walk, record
from core.ops import gather as ops
from core.words import N_, _, listed, say
from core.words.numbers import number


def inputs(input: Tensor, misfit: Misfit, index: Tensor) -> tuple[Picture, Picture]:
    """The two tensors of a call that is refused; where numbers are no places of input, these are outlined."""
    wrong = [Outline([cell]) for cell in cells(index) if not 0 <= index[cell] <= misfit.last]
    return (
        Picture("input", input, colour.signed(input), titled("input", input)),
        Picture("index", index, colour.identity(misfit.places), titled("index", index),
                outlines=wrong if misfit.kind == "range" else ()),
    )  # fmt: skip


def pictures(run: Run) -> dict[str, Picture]:
    """The run's tensors by their names; what scatter writes, or the gradient of what gather reads, is among them."""
    numbers, named, reading = colour.signed(run.input, run.output), axes("r", run.input), axes("p", run.index)
    first = [", ".join(map(str, run.naming(cell)[0])) if run.naming(cell) else "" for cell in cells(run.input)]
    index = Picture("index", run.index, colour.identity(run.input.shape[run.dim]),
                    say("{index}, along dim {dim}", index=titled("index", run.index), dim=run.dim), axes=reading)  # fmt: skip
    if run.src is None:
        input = Picture("input", run.input, numbers, titled("input", run.input), axes=named, picks=first,
                        notes=readers(run))  # fmt: skip
        output = Picture("output", run.output, numbers, titled("output", run.output), axes=reading)
        counts = _("gradient of input") if run.input.is_floating_point() else _("how often each is read")
        grad = Picture("grad", run.reads, colour.magnitude(run.reads), counts, axes=named, picks=first)
        return {"input": input, "index": index, "output": output, "grad": grad}
    shared = [alone(run.cells.count(cell)) for cell in run.cells]
    written = writers(run)
    input = Picture("input", run.input, numbers, titled("input", run.input), axes=named, picks=first, notes=written)
    output = Picture("output", run.output, numbers, titled("output", run.output), axes=named, picks=first)
    src = Picture("src", run.src, colour.magnitude(run.src), titled("src", run.src), axes=reading)
    return {"src": src, "index": replace(index, notes=shared), "input": input, "output": output}


def ties(run: Run) -> list[Relation]:
    """Place by place what index ties together; of several writes to one cell the one that stays is the winner."""
    letters = f"{axes('p', run.index)} {axes('r', run.input)}"
    found = [(*place, *cell) for place, cell in zip(run.places, run.cells, strict=True)]
    used = Relation(letters, np.array(found))
    if run.src is None or len(set(run.cells)) == len(run.cells):
        return [used]
    named = dict(zip(run.places, run.cells, strict=True))
    return [used, Relation(letters, np.array([(*place, *named[place]) for place in staying(run)]), "winner")]


def sentences(run: Run) -> dict[str, str]:
    """What the board's line says of a cell of each picture."""
    if run.src is not None:
        one = _("`{at:src}` = **{src}** goes to `{at:output}`, since `{at:index}` = {index}. {note:index}")
        return {"src": one, "index": one, "input": "{note:input}", "output": "{note:input}"}
    one = read_from(run)
    back = "{note:input}"
    if run.input.is_floating_point():
        back = _("{note:input} Of a gradient of 1 at every output, **{grad}** arrives at `{at:input}`.")
    return {"index": one, "output": one, "input": back, "grad": back}


def read_from(run: Run) -> str:
    """The cell of input that index's number leads to: which coordinate it takes, and what stays."""
    rank = run.input.dim()
    if rank == 1:
        return _("`{at:output}` = `{at:input}` = **{output}**: `{at:index}` holds {index}.")
    if rank == 2 and run.dim:
        return _(
            "`{at:output}` = `{at:input}` = **{output}**: `{at:index}` holds {index}; that is the column, the row stays."
        )
    if rank == 2:
        return _(
            "`{at:output}` = `{at:input}` = **{output}**: `{at:index}` holds {index}; that is the row, the column stays."
        )
    said = _(
        "`{at:output}` = `{at:input}` = **{output}**: `{at:index}` holds {index}; that is the index along dim %s, those along %s stay."
    )
    return said % (run.dim, listed([d for d in range(rank) if d != run.dim]))


def readers(run: Run) -> list[str]:
    """For each cell of input, which places of index read it."""

    def said(cell: Place) -> str:
        named = run.naming(cell)
        return say(
            "`input{cell}` = {input} is read by {places}." if named else "No place of index names `input{cell}` = {input}.",
            cell=str(list(cell)), input=number(run.input[cell].item()), places=named_places("index", named),
        )  # fmt: skip

    return [said(cell) for cell in cells(run.input)]


def writers(run: Run) -> list[str]:
    """For each cell of the output, where its number came from."""

    def said(cell: Place) -> str:
        named = run.naming(cell)
        says = N_("No place of index leads to `output{cell}`: it keeps input's **{value}**.")
        if len(named) == 1:
            says = N_("`output{cell}` = **{value}** comes from {places}.")
        elif named:
            says = N_(
                "`output{cell}` = **{value}** comes from {places}: {count} writes to one cell, and which of them stays is not promised."
            )
        value, places = number(run.output[cell].item()), named_places("src", named)
        return say(says, cell=str(list(cell)), value=value, places=places, count=len(named))

    return [said(cell) for cell in cells(run.input)]


def alone(count: int) -> str:
    """How many places of index lead to one cell."""
    if count == 1:
        return _("No other place leads there.")
    return say("{count} places of index lead there, and which of them stays is not promised.", count=count)


def titled(name: str, x: Tensor) -> str:
    """A tensor's name and shape, and its dtype where that is not the usual one."""
    usual = (x.dtype.is_floating_point and x.itemsize == 4) or (name == "index" and x.itemsize == 8)
    return f"{name} {'×'.join(map(str, x.shape))}" + ("" if usual else f" {str(x.dtype).removeprefix('torch.')}")


def named_places(name: str, places: Sequence[Place]) -> str:
    """Cells of a tensor in code: `index[0, 1]` and `index[2, 2]`."""
    return listed([f"`{name}{list(place)}`" for place in places])


def axes(letter: str, x: Tensor) -> str:
    """A word for each dimension."""
    return " ".join(f"{letter}{d}" for d in range(x.dim()))


def cells(x: Tensor) -> list[Place]:
    """Every index of a tensor, in reading order."""
    return list(product(*map(range, x.shape)))


# ---- walks -----------------------------------------------------------------------------------------------------


def walk(run: Run, textbook: bool) -> tuple[Walk, dict[str, colour.Scale]]:
    """The run line by line, by the textbook's loop or by addresses, and the colours of its panels."""
    numbers, addresses = colour.signed(run.input, run.output), colour.identity(run.input.numel())
    given = {"input" if run.src is None else "src": numbers, "index": colour.identity(run.input.shape[run.dim])}
    panels = {**given, "out": numbers} if textbook else {
        **given, "cells": numbers, "addresses": addresses, "picked" if run.src is None else "written": numbers,
    }  # fmt: skip
    functions = (ops.gather_by_loops, ops.gather) if run.src is None else (ops.scatter_by_loops, ops.scatter)

    def reads(now: Moment) -> dict[str, list[Index]]:
        place = now.names.get("place")
        if place is None:
            return {}
        there = ops.source_of(run.index, run.dim, place)
        return {"index": [tuple(place)]} | ({"input": [there]} if run.src is None else {"src": [tuple(place)]})

    function = functions[0 if textbook else 1]
    return record(function, *run.call.args, panels=tuple(panels), reads=reads if textbook else None), panels
