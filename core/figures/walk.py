"""A walk through a run: the lines of a function in the order in which they really ran, and the tensors meanwhile.

`record` runs a function under Python's own tracer and keeps, for every line that ran, the tensors that the line
could see. What a line changed is found by comparing, so the picture shows the run and nothing else.
"""

import ast
import dataclasses
import inspect
import math
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch

from core.figures.colour import Scale
from core.figures.montage import Montage
from core.words.numbers import number

Index = tuple[int, ...]
Cells = Mapping[str, Iterable[Index]]  # panel name -> the cells meant

MOST_STEPS = 600  # a longer run is cut there: nobody steps through more
MOST_CELLS = 1024  # of one tensor
LONGEST_ROW = 16  # cells of a vector side by side


@dataclass(frozen=True)
class Moment:
    """One line about to run: its number in the source shown (from 0), and what the function's names hold."""

    line: int
    names: Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """One step of a walk: the line, a sentence, the cells it reads and writes, and what stands in each panel."""

    line: int
    note: str
    reads: Mapping[str, list[int]]
    writes: Mapping[str, list[int]]
    values: Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Walk:
    """A walk, ready to be shown: the source, and the steps over it."""

    source: str
    steps: tuple[Step, ...]
    cut: bool  # whether the run was longer than what is shown


def source_of(function: Callable[..., Any]) -> str:
    """The function's source, as it stands in the module."""
    return textwrap.dedent(inspect.getsource(function)).rstrip()


def moments(function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[list[Moment], Any]:
    """Every line of `function` in the order in which it ran, and the result.

    Tensors are copied as they stood; other functions that it calls run untraced.
    """
    seen: list[Moment] = []
    code, first = function.__code__, function.__code__.co_firstlineno

    def at_line(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line" and len(seen) <= MOST_STEPS:
            seen.append(Moment(frame.f_lineno - first, _copied(frame.f_locals)))
        return at_line

    def at_call(frame: FrameType, event: str, _: Any) -> Any:
        return at_line if event == "call" and frame.f_code is code else None

    before = sys.gettrace()
    sys.settrace(at_call)
    try:
        result = function(*args, **kwargs)
    finally:
        sys.settrace(before)
    return seen, result


def record(
    function: Callable[..., Any],
    *args: Any,
    panels: Sequence[str],
    reads: Callable[[Moment], Cells] | None = None,
    note: Callable[[Moment], str] | None = None,
    **kwargs: Any,
) -> Walk:
    """The walk through one call of `function`.

    `panels` names its variables to show as tensors, in reading order; `reads` says which of their cells a line
    reads, `note` puts a step into words. The cells written are those that differ after the line. The result is
    "return"; of a dataclass its fields are there by their names, too.
    """
    seen, result = moments(function, *args, **kwargs)
    last = Moment(seen[-1].line, {**seen[-1].names, **_returned(result)}) if seen else Moment(0, {})
    steps = []
    for now, after in zip(seen, [*seen[1:], last], strict=True):
        values = {name: after.names[name] for name in panels if _shown(after.names.get(name))}
        wrote = {name: _changed(now.names.get(name), values[name]) for name in values}
        read = {
            name: [_flat(index, values[name].shape) for index in cells]
            for name, cells in (reads(now) if reads else {}).items()
            if name in values
        }
        steps.append(Step(now.line, note(now) if note else "", read, {n: w for n, w in wrote.items() if w}, values))
    return Walk(source_of(function), tuple(steps[:MOST_STEPS]), len(seen) > MOST_STEPS)


def _returned(result: Any) -> dict[str, Any]:
    return {"return": result} | (vars(result) if dataclasses.is_dataclass(result) else {})


def packed(walk: Walk, scales: Mapping[str, Scale]) -> dict[str, Any]:
    """The walk as plain data for the browser: each step holds only what changed since the step before."""
    texts: dict[str, list[str]] = {}
    steps = []
    for step in walk.steps:
        changes: dict[str, Any] = {}
        for name, tensor in step.values.items():
            now = [number(value) for value in tensor.detach().double().flatten().tolist()]
            before = texts.get(name)
            if before is None or len(before) != len(now):
                changes[name] = {
                    "shape": _matrix(tensor.shape),
                    "at": _places(tensor.shape),
                    "size": "×".join(map(str, tensor.shape)),
                    "cells": _inked(range(len(now)), now, tensor, scales[name]),
                }
            else:
                different = [i for i, (old, new) in enumerate(zip(before, now, strict=True)) if old != new]
                if different:
                    changes[name] = {"cells": _inked(different, now, tensor, scales[name])}
            texts[name] = now
        steps.append(
            {"line": step.line, "note": step.note, "reads": step.reads, "writes": step.writes, "changes": changes}
        )
    source = walk.source.splitlines()
    return {
        "source": source, "folded": folded(walk.source), "panels": list(scales), "steps": steps, "cut": walk.cut,
    }  # fmt: skip


def folded(source: str) -> list[int]:
    """The lines of a function's docstring below its first, counted from 0: the walk is about what runs."""
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    if ast.get_docstring(function) is None:
        return []
    said = function.body[0]
    return list(range(said.lineno, said.end_lineno or said.lineno))


def hue(value: float, scale: Scale) -> str:
    """The colour of a value on a scale, as CSS; transparent for what is not a number."""
    if value != value:
        return "transparent"
    share = min(max((value - scale.low) / (scale.high - scale.low), 0.0), 1.0) * (len(scale.colours) - 1)
    left = min(int(share), len(scale.colours) - 2)
    mixed = (
        round(a + (b - a) * (share - left))
        for a, b in zip(_rgb(scale.colours[left]), _rgb(scale.colours[left + 1]), strict=True)
    )
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _copied(names: Mapping[str, Any]) -> dict[str, Any]:
    return {name: v.detach().clone() if isinstance(v, torch.Tensor) else v for name, v in names.items()}


def _shown(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and 0 < value.numel() <= MOST_CELLS


def _changed(before: Any, after: torch.Tensor) -> list[int]:
    if not isinstance(before, torch.Tensor) or before.shape != after.shape:
        return list(range(after.numel()))
    same = (before == after) | ((before != before) & (after != after))
    return (~same).flatten().nonzero().flatten().tolist()


def _flat(index: Index, shape: Sequence[int]) -> int:
    place = 0
    for i, size in zip(index, shape, strict=True):
        place = place * size + i
    return place


def _matrix(shape: Sequence[int]) -> list[int]:
    """Rows and columns to draw a tensor in: matrices as on a board, a long vector in several rows."""
    if len(shape) > 2:
        return list(Montage(tuple(shape)).cells)
    if len(shape) == 1 and shape[0] > LONGEST_ROW:
        return [math.ceil(shape[0] / LONGEST_ROW), LONGEST_ROW]
    return [math.prod(shape[:-1]), shape[-1] if shape else 1]


def _places(shape: Sequence[int]) -> list[list[int]] | None:
    """Row and column of each element, counted from 1, where there are gaps between matrices."""
    if len(shape) < 3:
        return None
    rows, columns = Montage(tuple(shape)).places
    return [[int(row) + 1, int(column) + 1] for row, column in zip(rows, columns, strict=True)]


def _inked(places: Iterable[int], texts: list[str], tensor: torch.Tensor, scale: Scale) -> list[list[Any]]:
    flat = tensor.detach().double().flatten().tolist()
    return [[i, texts[i], hue(flat[i], scale)] for i in places]


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
