"""Pictures of initial weights: standard deviations and histograms, layer by layer."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from core.experiments.initialising import Signals, std
from core.figures import curves
from core.figures.board import Cells, Panel, Relation
from core.figures.ridges import Ridge, boxes, histogram, ridges
from core.words import _, say
from core.words.numbers import number

ROWS = 10  # histograms below each other
PARTS = ("weights", "activations", "gradients")
Runs = Mapping[str, Signals]  # the schemes by their names


def shown_layers(runs: Runs) -> list[int]:
    """The layers whose histograms are drawn, ten at most, counted from 0."""
    count = next(iter(runs.values())).depth
    rows = min(count, ROWS)
    return sorted({round(i * (count - 1) / max(rows - 1, 1)) for i in range(rows)})


def same_layer(shown: Sequence[int]) -> Relation:
    """A layer is the same in the curves ("l") and in the histograms ("r")."""
    return Relation("r l", np.array([(row, i + 1) for row, i in enumerate(shown)]))


def deviations(runs: Runs) -> Panel:
    """Standard deviations layer by layer, on the way forward and on the way back."""
    series = {}
    for name, run in runs.items():
        layers = range(1, run.depth + 1)
        series[f"{name}, activations"] = (layers, [_positive(std(layer.activation)) for layer in run.layers])
        series[f"{name}, gradients"] = (layers, [_positive(std(g)) for g in run.gradients])
    figure = curves.lines(
        series, curves.Axis("layer"), curves.Axis("standard deviation", log=True), title="Standard deviation",
        height=304, markers=True,
    )  # fmt: skip
    points = [(name, layer, y) for name, (layers, ys) in series.items() for layer, y in zip(layers, ys, strict=True)]
    notes = [
        say("Layer {layer}, {name}: standard deviation **{y}**.", layer=layer, name=name, y=number(y))
        for name, layer, y in points
    ]
    cells = Cells(
        "line l", (len(series), len(points) // len(series)), origin=(0, 1), texts=notes, notes=notes,
        spots=[(layer, y) if math.isfinite(y) else None for _, layer, y in points],
    )  # fmt: skip
    said = "; ".join(f"{name} from {number(ys[0])} to {number(ys[-1])}" for name, (_, ys) in series.items())
    return Panel(
        "std", figure, say("Standard deviation from the first layer to the last: {said}", said=said), cells, stretch=270
    )


def _positive(value: float) -> float:
    """A number for a logarithmic axis, which has no 0."""
    return value if value > 0 else math.nan


def histograms(runs: Runs, what: str, shown: Sequence[int], own_scale: bool) -> Panel:
    """A histogram for each layer shown; zeros, of which relu makes a half, are left out."""
    name, *_others = runs
    deviations = [std(runs[name].values(what)[i]) for i in shown]
    reaches = [4 * s if 0 < s < math.inf else 4.0 for s in deviations]
    reaches = reaches if own_scale else [max(reaches)] * len(shown)
    series = {
        scheme: [_ridge(run.values(what)[i], i, reach, own_scale) for i, reach in zip(shown, reaches, strict=True)]
        for scheme, run in runs.items()
    }
    title = say("{what}, layer by layer", what=_(what.capitalize()))
    figure = ridges(series, what, title=title, width=198, row=min(30, 200 // len(shown)), own_scale=own_scale)
    notes = [
        say(
            "Layer {i}: the standard deviation of the {what} is {each}.",
            i=i + 1,
            what=_(what),
            each=_(", ").join(
                say("**{std}** under {scheme}", std=number(std(run.values(what)[i])), scheme=scheme)
                for scheme, run in runs.items()
            ),
        )
        for i in shown
    ]
    cells = Cells("r", (len(shown),), texts=notes, notes=notes, boxes=boxes(series[name], own_scale))
    said = ", ".join(f"layer {i + 1} {number(s)}" for i, s in zip(shown, deviations, strict=True))
    alt = say(
        "Histograms of the {what}, layer by layer; standard deviations under {name}: {said}",
        what=_(what),
        name=name,
        said=said,
    )
    return Panel(what, figure, alt, cells)


def _ridge(values: Tensor, i: int, reach: float, own_scale: bool) -> Ridge:
    """One layer's histogram; as tall as the share of the numbers that it holds."""
    values = values[values != 0]
    drawn = histogram(values, 30, reach)
    share = sum(drawn.counts) / max(values.numel(), 1)
    return Ridge(f"{i + 1} ±{number(reach, 2)}" if own_scale else f"{i + 1}", drawn, share)


def schemes(ends: Mapping[str, Sequence[float]], activation: str) -> Panel:
    """Every scheme's activations through the same depth."""
    figure = curves.lines(
        {name: (range(1, len(ys) + 1), [_positive(y) for y in ys]) for name, ys in ends.items()},
        curves.Axis("layer"), curves.Axis("standard deviation", log=True), title=say("Activations under {activation}", activation=activation),
        height=420, markers=True,
    )  # fmt: skip
    said = "; ".join(say("{name} ends at {ys}", name=name, ys=number(ys[-1])) for name, ys in ends.items())
    return Panel("schemes", figure, said, stretch=700)
