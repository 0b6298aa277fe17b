"""A transposed convolution on screen: input, kernel and output, what is cut off, and the matrix that it is."""

import numpy as np

from core.experiments.conv_transpose2d import Overlap, Run, matrix
from core.experiments.windows import taps
from core.figures import colour
from core.figures.board import Relation
from core.figures.heatmap import Picture
from core.figures.montage import cell_size
from core.tensors.limits import times
from core.words import _, partly, say

MATRIX = (860, 360)  # pixels of the matrix


def equation(run: Run) -> list[Picture]:
    """Input, kernel, bias if there is one, and output."""
    x, weight, y = (run.x[0], run.weight[0, 0], run.output[0]) if run.flat else (run.x, run.weight, run.output)
    axes = ("y x", "u v", "p q") if run.flat else ("c y x", "c g u v", "o p q")
    pictures = [
        Picture("x", x, colour.signed(x), say("x: input {shape}", shape=times(run.x.shape)), axes=axes[0], leading_names=("c",)),
        Picture("w", weight, colour.signed(weight), say("w: weight {shape}", shape=times(run.weight.shape)), axes=axes[1],
                leading_names=("c", "g")),
        Picture("y", y, colour.signed(y), say("y: output {shape}", shape=times(run.output.shape)), axes=axes[2], leading_names=("o",)),
    ]  # fmt: skip
    if run.bias is not None:
        bias = run.bias[0] if run.flat else run.bias
        pictures.insert(2, Picture("b", bias, colour.signed(bias), "b: bias", axes="" if run.flat else "o"))
    return pictures


def links(run: Run) -> list[Relation]:
    """Which cells of input "c y x", kernel "c g u v" and output "o p q" hang together: windows lie in the output."""
    channels = [(c, g, o) for c in range(len(run.x)) for g, o in enumerate(run.reached(c))]
    return [
        Relation("c g o", np.array(channels)), Relation("y u p", taps(run.windows, 0)),
        Relation("x v q", taps(run.windows, 1)),
    ]  # fmt: skip


def sentences(run: Run) -> dict[str, str]:
    """What is said of the cell under the pointer, by its picture."""
    bias = "" if run.bias is None else " + {b}"
    return {
        "y": partly("`{at:y}` = {sum:x*w}{bias} = **{y}**, from {count:x} inputs.", bias=bias),
        "x": _("`{at:x}` = **{x}**, times the kernel, is laid onto {count:y} cells of the output."),
        "w": _("`{at:w}` = **{w}** is laid, times each input, onto {count:y} cells of the output."),
        "b": _(
            "`{at:b}` = **{b}** is added to each output."
            if run.flat
            else "`{at:b}` = **{b}** is added to each output of its channel."
        ),
    }


def indices(run: Run) -> dict[str, list[range]]:
    """What the indices of the cells of input and output run over."""
    found = {"x": list(map(range, run.x.shape)), "y": list(map(range, run.output.shape))}
    return {name: ranges[-2:] for name, ranges in found.items()} if run.flat else found


def matrix_pictures(run: Run) -> tuple[Picture, Picture, int]:
    """The matrix of the convolution and its transpose, between the first channels; and the side of a cell of that."""
    values = matrix(run)
    width, columns = run.output.shape[2], run.x.shape[2]
    notes = [
        say(
            "y[{r}, {r2}] is made of x[{c}, {c2}] times this",
            r=r // width,
            r2=r % width,
            c=c // columns,
            c2=c % columns,
        )
        for r, c in np.ndindex(*values.shape)
    ]
    scale, turned = colour.signed(values), values.t()
    side = cell_size([turned.shape], *MATRIX)
    return (
        Picture("C", turned, scale, f"C: conv2d, {times(turned.shape)}", axes="s r", side=side),
        Picture("M", values, scale, f"M: conv_transpose2d, {times(values.shape)}", axes="r s", notes=notes),
        cell_size([values.shape], *MATRIX),
    )


def overlap_picture(facts: Overlap) -> Picture:
    """How many inputs reach each output cell."""
    return Picture("n", facts.counts, colour.magnitude(facts.counts), "inputs that reach each output", axes="p q")
