"""A convolution of a signal on screen: signal, kernel and output as rows, and which of their cells hang together."""

import numpy as np

from core.experiments.conv1d import Run
from core.experiments.windows import taps
from core.figures import colour
from core.figures.board import Relation
from core.figures.heatmap import Picture
from core.tensors.limits import times
from core.words import _, say


def equation(run: Run) -> tuple[Picture, Picture, Picture, Picture | None]:
    """Signal with its padding, kernel, output, and the bias if there is one."""
    before, after = run.pads
    padded = run.row.steps.padded[0, :, 0]
    length = run.x.shape[1]
    outside = [
        (c, i) for c in range(len(run.x)) for i in (*range(before), *range(before + length, before + length + after))
    ]
    x = Picture(
        "x", padded, colour.signed(run.x), say("x: signal {shape}", shape=times(run.x.shape)), muted=outside, origin=(0, -before),
        axes="c x", notes=[_(" (padding)") if at in set(outside) else "" for at in np.ndindex(*padded.shape)],
    )  # fmt: skip
    weight = run.weight[0] if len(run.weight) == 1 else run.weight
    w = Picture(
        "w", weight, colour.signed(run.weight), say("w: weight {shape}", shape=times(run.weight.shape)), leading_names=("o",),
        axes="g v" if len(run.weight) == 1 else "o g v", across=True,
    )  # fmt: skip
    y = Picture(
        "y", run.output, colour.signed(run.output), say("y: output {shape}", shape=times(run.output.shape)), axes="o q"
    )
    bias = None if run.bias is None else Picture("b", run.bias, colour.signed(run.bias), "b: bias", axes="o")
    return x, w, y, bias


def links(run: Run) -> list[Relation]:
    """Which cells of signal "c x", kernel "o g v" and output "o q" hang together."""
    channels = [(o, g, c) for o in range(len(run.weight)) for g, c in enumerate(run.row.read_channels(o))]
    return [Relation("o g c", np.array(channels)), Relation("q v x", taps(run.row.windows, 1))]


def sentences(run: Run) -> dict[str, str]:
    """What is said of the cell under the pointer, by its picture."""
    bias = "" if run.bias is None else " + {b}"
    return {
        "y": f"`{{at:y}}` = {{sum:x*w}}{bias} = **{{y}}**",
        "x": _("`{at:x}` = {x}{note:x}. Outputs that read it: **{count:y}**, times the weights {list:w}."),
        "w": _("`{at:w}` = {w} meets {count:x} numbers of the signal, one for each output."),
        "b": _("`{at:b}` = **{b}** is added to each output of its channel."),
    }


def indices(run: Run) -> dict[str, list[range]]:
    """What the indices of the cells of signal and output run over."""
    before, after = run.pads
    channels, length = run.x.shape
    return {
        "x": [range(channels), range(-before, length + after)], "y": list(map(range, run.output.shape)),
    }  # fmt: skip
