"""Pictures of optimisers: their paths over a surface, their heights, one step's numbers, and where every start ends."""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from core.experiments import descent
from core.experiments.descent import NAMES, Race, Setup, grid
from core.figures import colour, curves
from core.figures.board import Cells, Panel
from core.figures.heatmap import Picture
from core.figures.surface import walked
from core.figures.walk import record
from core.words import N_, _, say
from core.words.numbers import number

REACH, GRID, TALL = 2.2, 45, 276  # of the window, points a side, pixels of a picture
FLOOR, TOP = -6.0, 3.0  # powers of ten between which heights above the lowest are told apart
Spots = list[list[tuple[float, float] | None]]


@lru_cache(maxsize=32)
def _ground(surface: str, A: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """The places along an axis, and the surface's heights over them (GRID, GRID)."""
    axis, places = grid(-REACH, REACH, GRID)
    heights = Setup(surface, A, (), 0, False, 0).heights
    return axis, heights(places[:, 0], places[:, 1]).view(GRID, GRID)


def paths(how: Setup, run: Race, steps: int, title: str) -> Panel:
    """The paths over the surface, from above; a pin names the optimiser and the step."""
    axis, heights = _ground(how.surface, how.A)
    walks = {name: run.path(k)[: steps + 1] for k, name in enumerate(NAMES)}
    figure = walked(axis, axis, heights, walks, title=title, width=440, height=TALL, named=False)
    spots = [_padded([p if max(map(abs, p)) <= REACH else None for p in walk], steps + 1) for walk in walks.values()]
    texts = [
        say("`{name}` at step {t} of {steps}: ({x:.3g}, {y:.3g})", name=name, t=t, steps=steps, x=x, y=y)
        for k, name in enumerate(NAMES)
        for t, (x, y) in enumerate(run.points[: steps + 1, k, 0].tolist())
    ]
    said = "; ".join(
        say("{name} ends at ({w:.3g}, {w2:.3g})", name=name, w=w[-1][0], w2=w[-1][1]) for name, w in walks.items() if w
    )
    return Panel(
        "paths", figure, f"{title}: {said}", _points(run, steps, spots, texts), picks=_pins(steps), stretch=440
    )


def heights(run: Race, steps: int) -> Panel:
    """Step by step how high each stands; what runs away leaves the picture at its edge."""
    far = descent.bound(run)
    finite = [run.heights[: min(steps, run.finite_steps(k)) + 1, k, 0].tolist() for k in range(len(NAMES))]
    inside = [h for each in finite for h in each if abs(h) <= far] or [0.0]
    log = min(inside) > 0
    figure = curves.lines(
        {name: (range(len(h)), h) for name, h in zip(NAMES, finite, strict=True)},
        curves.Axis("step"), curves.Axis("height", log=log, range=_with_room(inside, log)),
        title="Height, step by step", height=TALL,
    )  # fmt: skip
    spots = [_padded([(t, y) if abs(y) <= far else None for t, y in enumerate(h)], steps + 1) for h in finite]
    said = "; ".join(
        f"{name} from {number(h[0])} to {number(h[-1])}" for name, h in zip(NAMES, finite, strict=True) if h
    )
    cells = _points(run, steps, spots, None)
    return Panel("heights", figure, f"Heights: {said}", cells, picks=_pins(steps), stretch=430)


def _with_room(values: Sequence[float], log: bool) -> tuple[float, float]:
    """The range of an axis that holds the values, with a little room at both ends."""
    low, high = min(values), max(values)
    if log:
        return math.log10(low) - 0.2, math.log10(high) + 0.2
    room = 0.05 * ((high - low) or 1.0)
    return low - room, high + room


def _points(run: Race, steps: int, spots: Spots, texts: list[str] | None) -> Cells:
    """The steps of the four as cells: the same on the surface and over time; a step that is lost stands nowhere."""
    flat = [spot for path in spots for spot in path]
    values = run.heights[: steps + 1, :, 0].T
    return Cells("one step", (len(NAMES), steps + 1), values if texts is None else None, texts, spots=flat)


def _padded(points: Sequence[tuple[float, float] | None], count: int) -> list[tuple[float, float] | None]:
    return [*points, *[None] * (count - len(points))]


def _pins(steps: int) -> list[str]:
    """For each point whose it is and which step led there; the start stands for the first."""
    return [f"{name} {max(step, 1)}" for name in NAMES for step in range(steps + 1)]


# ---- one step --------------------------------------------------------------------------------------------------

SHOWN = ("buffer", "m", "v", "m_hat", "v_hat", "step")
SPELT = {
    "p": "p before", "g": N_("g, the gradient"), "buffer": "buf ← μ·buf + g", "m": "m ← β₁m + (1−β₁)g",
    "v": "v ← β₂v + (1−β₂)g²", "m_hat": "m̂ = m/(1−β₁ᵗ)", "v_hat": "v̂ = v/(1−β₂ᵗ)", "step": "step",
}  # fmt: skip


def step(how: Setup, run: Race, watch: int, at: int) -> dict[str, tuple[float, ...]] | None:
    """The numbers of one step (from 1), for x and for y; None where the optimiser has left the finite numbers."""
    if at > run.finite_steps(watch):
        return None
    function, arguments = descent.lines_of(run, watch, at - 1, how.contestants[watch])
    values: dict[str, Tensor] = {"p": arguments["p"], "g": arguments["g"]}
    for line in record(function, **arguments, panels=SHOWN).steps:
        values |= {name: line.values[name] for name in line.writes if name not in ("p", "g")}
    values["p after"] = run.points[at, watch, 0]
    return {SPELT.get(name, name): tuple(value.tolist()) for name, value in values.items()}


# ---- every start -----------------------------------------------------------------------------------------------


def starts(ends: Tensor, lowest: float) -> list[Picture]:
    """How high above the lowest each optimiser ends, from every start of a grid; a pin names the start."""
    above = ends - lowest
    shown = above.clamp(min=0).add(10**FLOOR).log10().nan_to_num(9, 9, 9).clamp(FLOOR, TOP)
    places = torch.linspace(-2, 2, ends.shape[-1]).tolist()
    at = [(x, y) for y in reversed(places) for x in places]
    scale = colour.Scale(colour.MAGNITUDE, FLOOR, TOP)
    return [
        Picture(
            name, values, scale, name, axes="down across", picks=[f"{x:.1f} {y:.1f}" for x, y in at],
            notes=[f"From ({x:.1f}, {y:.1f}) {name} ends {_high(h)}" for (x, y), h in zip(at, high, strict=True)],
        )
        for name, values, high in zip(NAMES, shown, above.flatten(1).tolist(), strict=True)
    ]  # fmt: skip


def _high(height: float) -> str:
    return (
        say("**{height}** above the lowest", height=number(height))
        if math.isfinite(height)
        else _("beyond the finite numbers")
    )
