"""Pictures of a broadcast operation: the two as they lie, as they are read, the result, and what comes back."""

from dataclasses import replace

import numpy as np
from torch import Tensor

from core.experiments.broadcasting import Run
from core.figures import colour
from core.figures.board import Relation
from core.figures.heatmap import Picture
from core.figures.products import Operand, linked
from core.words import _, say

LETTERS = ("h", "i", "j")


def letters(x: Tensor) -> tuple[str, ...]:
    """The last letters, as many as the tensor has dimensions: equal letters are equal indices."""
    return LETTERS[len(LETTERS) - x.ndim :]


def pictures(run: Run) -> tuple[dict[str, Picture], list[Relation]]:
    """The pictures by name, and what ties a dimension of size 1 to every index that reads it."""
    named, ties = linked(
        *(Operand(n, letters(x), tuple(x.shape)) for n, x in (("a", run.a), ("b", run.b), ("c", run.output)))
    )
    inputs, results = colour.signed(run.a, run.b), colour.signed(run.output)
    axes = {operand.name: " ".join(operand.letters) for operand in named}
    whole = " ".join(letters(run.output))
    made = {
        "a": picture("a", run.a, inputs, say("a {shape}", shape=tuple(run.a.shape)), axes["a"]),
        "b": picture("b", run.b, inputs, say("b {shape}", shape=tuple(run.b.shape)), axes["b"]),
        "c": picture("c", run.output, results, say("result {shape}", shape=tuple(run.output.shape)), axes["c"]),
        "a_read": replace(picture("a_read", run.a_read, inputs, _("a, as it is read"), whole), muted=again(run.a_read)),
        "b_read": replace(picture("b_read", run.b_read, inputs, _("b, as it is read"), whole), muted=again(run.b_read)),
    }
    for name, grad in (("a", run.a_grad), ("b", run.b_grad)):
        if grad is not None:
            title = say("gradient of {name}", name=name)
            made[f"{name}_grad"] = picture(f"{name}_grad", grad, colour.signed(grad), title, axes[name])
    return made, ties


def picture(name: str, x: Tensor, scale: colour.Scale, title: str, axes: str) -> Picture:
    """A tensor under its name, its batches in a line."""
    return Picture(name, x, scale, title, axes=axes, across=True, leading_names=letters(x)[: max(x.ndim - 2, 0)])


def again(read: Tensor) -> list[tuple[int, ...]]:
    """The cells of a broadcast view that are another cell's memory: not the first along a stride of 0."""
    places = np.argwhere(np.ones(read.shape, dtype=bool)) if read.ndim else np.zeros((1, 0), dtype=int)
    first = [d for d in range(read.ndim) if read.stride(d) == 0]
    return [tuple(map(int, place)) for place in places if any(place[d] for d in first)]


def inputs(a: Tensor, b: Tensor) -> tuple[Picture, Picture]:
    """The two that do not fit."""
    scale = colour.signed(a, b)
    return (
        picture("a", a, scale, say("a {shape}", shape=tuple(a.shape)), ""),
        picture("b", b, scale, say("b {shape}", shape=tuple(b.shape)), ""),
    )
