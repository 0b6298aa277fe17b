"""The pictures of activations: three tensors, the curve with its slope, and a network layer by layer."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.experiments.activations import Activation, Run, slope
from core.experiments.depth import LayerFacts
from core.figures import colour, curves
from core.figures.board import Cells, Panel
from core.figures.heatmap import Picture
from core.figures.montage import Index, cell_size
from core.figures.walk import Walk, record
from core.tensors.dtypes import as_floats
from core.words import Words, _, say
from core.words.numbers import number

PICTURES, CURVE = 570, 390  # pixels of the three tensors, and of the curve beside them
REACH = 5.0  # the curve is drawn from −5 to 5, or to the farthest number on screen

# ---- an activation on a tensor ---------------------------------------------------------------------------------


def tensors(run: Run, axes: str) -> list[Picture | str]:
    """x → f(x), and the slope that a gradient is multiplied by; without f(x) where torch refuses x's dtype."""
    name = run.activation.name
    scale = colour.signed(run.x) if run.y is None else colour.signed(run.x, run.y)
    outputs: list[Picture | str] = (
        [] if run.y is None else ["→", Picture("y", run.y, scale, say("{name}(input)", name=name), axes=axes)]
    )
    return [
        Picture("x", run.x, scale, "input", axes=axes), *outputs, "",
        Picture("slope", run.slope, colour.signed(run.slope), "slope there", axes=axes),
    ]  # fmt: skip


def cell(run: Run) -> int:
    """The side of a cell with which the three tensors fit beside the curve."""
    return min(40, cell_size([run.x.shape] * 3, PICTURES, 360))


def curve(run: Run, picked: Index, beside: Activation | None, axes: str) -> Panel:
    """The function and its slope over all numbers on screen, the picked one's tangent, and another function beside."""
    f, x = run.activation, as_floats(run.x)
    finite = x[x.isfinite()].double()
    ends = [-REACH, REACH, *finite.tolist()]
    xs = torch.linspace(min(ends), max(ends), 161, dtype=torch.float64)
    drawn = {f"{f.name}(x)": (xs, f(xs)), _("slope"): (xs, slope(f, xs)), **_tangent(run, picked)}
    if beside is not None:
        drawn |= {beside.name: (xs, beside(xs)), say("slope of {name}", name=beside.name): (xs, slope(beside, xs))}
    figure = curves.lines(
        drawn, curves.Axis("x", range=(min(ends), max(ends))), curves.Axis(), title="The function and its slope",
        height=260,
    )  # fmt: skip
    first, *_between, last = f(xs).tolist()
    said = say(
        "{name} from {first} at {ends} to {last} at {ends2}; its slope reaches {slope}.",
        name=f.name,
        first=number(first),
        ends=number(min(ends)),
        last=number(last),
        ends2=number(max(ends)),
        slope=number(slope(f, xs).max().item()),
    )
    indices = [", ".join(map(str, index)) for index in torch.ones(run.x.shape).nonzero().tolist()]
    picks = [index for index in indices for _ in range(2)]
    return Panel("curve", figure, said, _points(run, axes), picks=picks, stretch=CURVE)


def _tangent(run: Run, picked: Index) -> dict[str, tuple[Tensor, Tensor]]:
    """The tangent at the picked number; none where its place or its value is not finite."""
    at = as_floats(run.x)[picked].double()
    y, steep = run.activation(at[None])[0], run.slope[picked].double()
    if not torch.stack([at, y, steep]).isfinite().all():
        return {}
    near = torch.stack([at - 1, at + 1])
    return {say("tangent at {at}", at=number(at.item())): (near, y + steep * (near - at))}


def _points(run: Run, axes: str) -> Cells:
    """For each number its point on the function's curve, and its point on the slope's; none where it is not finite."""
    both = torch.stack([run.activation(as_floats(run.x)), run.slope], -1)
    places = zip(as_floats(run.x).flatten().repeat_interleave(2).tolist(), both.flatten().tolist(), strict=True)
    spots = [place if math.isfinite(sum(place)) else None for place in places]
    return Cells(f"{axes} of", tuple(both.shape), both, spots=spots)


# ---- through depth ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measure:
    """What is drawn of every layer."""

    key: str  # of LayerFacts
    title: Words
    log: bool


MEASURES = (
    Measure("dead", "Share of dead units", False), Measure("std", "Standard deviation of the activations", True),
    Measure("gradient", "Size of the gradient", True),
)  # fmt: skip

Networks = Mapping[str, Sequence[LayerFacts]]


def over_layers(measure: Measure, networks: Networks) -> Panel:
    """One measure, layer by layer; a 0 is left out of a logarithmic axis."""
    found = {name: [getattr(layer, measure.key) for layer in of] for name, of in networks.items()}
    shown = {name: [v if v > 0 or not measure.log else math.nan for v in values] for name, values in found.items()}
    layers = range(1, len(next(iter(found.values()))) + 1)
    figure = curves.lines(
        {name: (layers, values) for name, values in shown.items()}, curves.Axis("layer"),
        curves.Axis(log=measure.log, range=None if measure.log else (-0.02, 1.02)), title=measure.title, markers=True,
        height=290,
    )  # fmt: skip
    said = "; ".join(
        say("{name} {first} to {last}", name=name, first=number(values[0]), last=number(values[-1]))
        for name, values in found.items()
    )
    spots = [
        None if math.isnan(v) else (k, v) for values in shown.values() for k, v in zip(layers, values, strict=True)
    ]
    cells = Cells(
        "f layer", (len(found), len(layers)), torch.tensor(list(found.values())), spots=spots,
        notes=[say("{k} of {name}", k=k, name=name) for name in found for k in layers],
    )  # fmt: skip
    return Panel(
        measure.key,
        figure,
        say("{title}, first and last: {said}", title=_(measure.title), said=said),
        cells,
        stretch=290,
    )


# ---- line by line ----------------------------------------------------------------------------------------------


def walk(activation: Activation, x: Tensor, version: str) -> tuple[Walk, dict[str, colour.Scale]]:
    """The lines of one of `versions`, and the panels that show its tensors."""
    function, x = versions(activation)[version], as_floats(x)
    settings = {} if version == "textbook" else activation.settings
    arguments = (torch.ones_like(x), x) if version == "backward" else (x,)
    names = (*function.__code__.co_varnames, "return")
    steps = record(function, *arguments, panels=names, **settings)
    values = {name: [step.values[name] for step in steps.steps if name in step.values] for name in names}
    return steps, {name: colour.signed(*shown) for name, shown in values.items() if shown}


def versions(activation: Activation) -> dict[str, Callable[..., Any]]:
    """What there is to walk through: the textbook form where the function has one, the manual one, and its gradient."""
    operator = activation.operator
    own = {} if operator.textbook_call or not operator.textbook else {"textbook": operator.textbook}
    assert operator.backward is not None
    return own | {"manual": operator.manual, "backward": operator.backward}
