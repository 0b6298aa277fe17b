"""Pictures of a network of layers: what comes out of one, and what each of them holds, hands on and works."""

import math

import torch

from core.experiments import network
from core.experiments.network import Net, Passed
from core.figures import colour, curves
from core.figures.board import Cells, Panel
from core.figures.gallery import panel, signed_bytes
from core.figures.heatmap import Picture
from core.tensors.limits import times
from core.words import say
from core.words.numbers import number

ROW = 32  # cells of a vector side by side


def output(layer: Passed, sample: int) -> Panel | Picture:
    """One sample after a layer: channels as images, vectors as rows of 32, scores as numbers."""
    values = layer.output[sample].detach()
    title = f"sample {sample} after {layer.short}, {times(values.shape)}"
    if values.numel() <= network.CLASSES:
        says = [
            say("The score of class {i} is **{value}**.", i=i, value=number(value))
            for i, value in enumerate(values.tolist())
        ]
        return Picture("output", values, colour.signed(values), title, axes="unit", notes=says, side=36)
    if values.dim() == 1:
        padded = torch.zeros(-(-len(values) // ROW) * ROW)
        padded[: len(values)] = values
        values = padded.view(1, -1, ROW)
    across = math.ceil(len(values) ** 0.5)
    pixel = min(6.0, 380 / (across * values.shape[2]), 230 / (-(-len(values) // across) * values.shape[1]))
    says = [
        say(
            "channel {c}: {o} to {o2}, orange above 0, blue below",
            c=c,
            o=number(o.min().item()),
            o2=number(o.max().item()),
        )
        for c, o in enumerate(values)
    ]
    return panel(
        "output", signed_bytes(values), says, axes="unit", across=across, pixel=pixel, title=title,
        colours=colour.SIGNED,
    )  # fmt: skip


def costs(net: Net) -> Panel:
    """Parameters, numbers and products of each layer, as bars whose ends can be pointed at; a pin names the layer."""
    n = len(net.x)
    series = {
        "parameters": [layer.parameters for layer in net.layers],
        "numbers a sample": [layer.output.numel() // n for layer in net.layers],
        "multiply-adds a sample": [layer.multiply_adds // n for layer in net.layers],
    }
    names = [f"{i} {layer.short}" for i, layer in enumerate(net.layers)]
    figure = curves.bars(
        {name: (names, [float(v) for v in values]) for name, values in series.items()},
        curves.Axis(), curves.Axis("how many", log=True), title="What each layer holds, hands on and works", height=270,
    )  # fmt: skip
    spots = [  # the middle of each bar's end; a third of 0.8 of a layer's room is a bar's width
        (i + 0.8 * (k - 1) / 3, float(v)) if v else None
        for k, values in enumerate(series.values())
        for i, v in enumerate(values)
    ]
    notes = [f"`{names[i]}`: **{v:,}** {name}." for name, values in series.items() for i, v in enumerate(values)]
    cells = Cells("series layer", (3, len(names)), spots=spots, texts=notes, notes=notes, group="layer")
    said = "; ".join(f"{name}: " + ", ".join(f"{v:,}" for v in values) for name, values in series.items())
    return Panel("costs", figure, said, cells, picks=[str(i) for _ in series for i in range(len(names))], stretch=500)


def image(values: torch.Tensor) -> Picture:
    """The input alone, where the network cannot take it."""
    return Picture("x", values, colour.signed(values), say("the image, {shape}", shape=times(values.shape)))
