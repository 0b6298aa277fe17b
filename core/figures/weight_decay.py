"""The pictures of weight decay: runs with and without it, where it enters, and what it does over λ."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor

from core.experiments.descent import adam_lines, sgd_lines
from core.experiments.weight_decay import Place, Run, Sweep, TwoWeights, gradient_at
from core.figures import colour, curves
from core.figures.board import Cells, Panel, Relation
from core.figures.drawing import unchecked
from core.figures.ridges import Ridge, boxes, histogram, ridges
from core.figures.walk import Walk, record
from core.words import N_, _, say
from core.words.numbers import number

HEIGHT = 264  # pixels of a curve
BINS, RIDGES, RIDGE = 40, 6, 27  # of the histograms; how many, and how many pixels each
PARTS = N_(("train", "test"))
WALKED = 8  # weights that a walk shows
ZERO_AT = 0.03  # where λ = 0 is drawn on a logarithmic axis

Named = Mapping[str, Run]  # what each run is called

# ---- runs over their steps ---------------------------------------------------------------------------------------


def losses(named: Named) -> Panel:
    """The loss in training and in the test over the steps."""
    parts = {
        say("{part}, {name}", part=_(part), name=name): [getattr(s, f"{part}_loss") for s in run.steps]
        for name, run in named.items()
        for part in PARTS
    }
    figure = curves.lines(
        {name: (range(len(values)), [v if v > 0 else math.nan for v in values]) for name, values in parts.items()},
        curves.Axis("step"), curves.Axis("loss, without the penalty", log=True), title="Loss", height=HEIGHT,
    )  # fmt: skip
    ends = "; ".join(
        say("{name} {first} to {last}", name=_(name), first=number(values[0]), last=number(values[-1]))
        for name, values in parts.items()
    )
    cells = points("run part s", (len(named), len(PARTS)), parts, log=True)
    return Panel("losses", by_run(figure), say("Loss, first and last: {ends}", ends=ends), cells, stretch=345)


def by_run(figure: go.Figure) -> go.Figure:
    """The two lines of a run, for training and for the test, in the colour that the run has in the other pictures."""
    drawn = figure.to_dict()
    for i, line in enumerate(drawn["data"]):
        line["line"] = line["line"] | {"color": curves.SERIES[i // len(PARTS)]}
    return unchecked(drawn["data"], drawn["layout"])


def norms(named: Named, name: str = "norms", title: str = _("Norm of the weights"), width: int = 245) -> Panel:
    """‖w‖ over the steps."""
    parts = {name: [s.weight_norm for s in run.steps] for name, run in named.items()}
    figure = curves.lines(
        {name: (range(len(values)), values) for name, values in parts.items()},
        curves.Axis("step"), curves.Axis("‖w‖"), title=title, height=HEIGHT,
    )  # fmt: skip
    ends = "; ".join(
        say("{name} {first} to {last}", name=_(name), first=number(values[0]), last=number(values[-1]))
        for name, values in parts.items()
    )
    return Panel(
        name,
        figure,
        say("‖w‖, first and last: {ends}", ends=ends),
        points("run s", (len(parts),), parts),
        stretch=width,
    )


def points(axes: str, shape: tuple[int, ...], parts: Mapping[str, list[float]], log: bool = False) -> Cells:
    """The points of curves over the steps as cells, a step the last axis; a run that broke off has fewer of them."""
    steps = max(map(len, parts.values()))
    padded = [[*values, *[math.nan] * (steps - len(values))] for values in parts.values()]
    drawn = lambda v: math.isfinite(v) and (v > 0 or not log)  # noqa: E731
    return Cells(
        axes, (*shape, steps), torch.tensor(padded, dtype=torch.float64).view(*shape, steps),
        notes=[say("Step {k}, {name}", k=k, name=_(name)) for name in parts for k in range(steps)],
        spots=[(k, v) if drawn(v) else None for values in padded for k, v in enumerate(values)],
    )  # fmt: skip


def weights(named: Named) -> Panel:
    """Histograms of w at a few steps, below each other."""
    first = next(iter(named.values()))
    reach, shown = reach_of(first), shown_steps(named)
    rows = {
        name: [Ridge(say("step {k}", k=k), histogram(run.steps[k].w, BINS, reach)) for k in shown]
        for name, run in named.items()
    }
    said = [
        say("Step {k}: the weights' standard deviation is ", k=k)
        + ", ".join(f"**{number(run.steps[k].w.std().item())}** for {name}" for name, run in named.items())
        for k in shown
    ]
    ends = "; ".join(
        say(
            "{name} {first} to {last}",
            name=_(name),
            first=number(run.steps[0].w.std().item()),
            last=number(run.last.w.std().item()),
        )
        for name, run in named.items()
    )
    cells = Cells(
        "ridge", (len(shown),), texts=said, notes=said, boxes=boxes(next(iter(rows.values())), own_scale=False)
    )
    figure = ridges(rows, "weight", title=_("Histogram of w"), width=290, row=RIDGE)
    return Panel("weights", figure, say("Standard deviation of the weights, first and last: {ends}", ends=ends), cells)


def shown_steps(named: Named) -> list[int]:
    """The steps that have a histogram: denser at first, when the weights move most."""
    last = min(len(run.steps) for run in named.values()) - 1
    return sorted({round(last * (i / (RIDGES - 1)) ** 1.5) for i in range(RIDGES)})


def ridges_of_steps(named: Named) -> Relation:
    """Which histogram is of which step."""
    return Relation("ridge s", torch.tensor(list(enumerate(shown_steps(named)))).numpy())


def reach_of(run: Run) -> float:
    """How far from 0 a histogram goes: to where the run ends, and not beyond its start."""
    return min(run.steps[0].w.abs().max().item(), 2 * run.last.w.abs().max().item()) or 1.0


# ---- the page's own tabs -----------------------------------------------------------------------------------------


def places(found: Mapping[str, Place]) -> Panel:
    """‖w‖ over the steps for every place where the decay can enter."""
    runs = {name: place.run for name, place in found.items()}
    steps = next(iter(runs.values())).setting.epochs
    return norms(runs, "places", say("The first {steps} steps", steps=steps), 430)


def paths(found: TwoWeights, sizes: tuple[float, float]) -> Panel:
    """The two weights over the steps, by Adam and by AdamW."""
    parts = {
        f"{name}, gradient ±{size:g}": path[:, i].tolist()
        for name, path in (("Adam", found.adam), ("AdamW", found.adamw))
        for i, size in enumerate(sizes)
    }
    figure = curves.lines(
        {name: (range(len(path)), path) for name, path in parts.items()}, curves.Axis("step"), curves.Axis("weight"),
        height=320, title="Two weights that start at 1",
    )  # fmt: skip
    alt = _("At the end: ") + "; ".join(f"{name} {number(path[-1])}" for name, path in parts.items())
    return Panel("paths", figure, alt, points("path s", (len(parts),), parts), stretch=640)


def sweep(found: Sweep) -> Panel:
    """The losses over λ: where the runs end, and where more steps would lead."""
    at = [max(lambd, ZERO_AT) for lambd in found.lambdas]
    parts = {N_("training"): found.train, N_("test"): found.test}
    if found.minimum:
        parts[N_("test, after endless steps")] = found.minimum
    figure = curves.lines(
        {name: (at, [v if v > 0 else math.nan for v in values]) for name, values in parts.items()},
        curves.Axis(say("λ (0 stands at {zero_at})", zero_at=ZERO_AT), log=True), curves.Axis("loss at the end", log=True), markers=True,
        title=f"{found.method}, after {found.steps} steps", height=320,
    )  # fmt: skip
    alt = "; ".join(
        f"λ = {lambd:g}: " + ", ".join(f"{_(name)} {number(values[i])}" for name, values in parts.items())
        for i, lambd in enumerate(found.lambdas)
    )
    cells = Cells(
        "part l", (len(parts), len(at)), torch.tensor(list(parts.values()), dtype=torch.float64),
        notes=[f"λ = {lambd:g}, {_(name)}" for name in parts for lambd in found.lambdas],
        spots=[(x, v) if v > 0 else None for values in parts.values() for x, v in zip(at, values, strict=True)],
    )  # fmt: skip
    picks = [str(lambd) for _ in parts for lambd in found.lambdas]
    return Panel("sweep", figure, alt, cells, picks=picks, stretch=640)


def walk(run: Run) -> tuple[Walk, dict[str, colour.Scale]]:
    """The first step of a run, line by line, at its first weights."""
    start, zero = run.steps[0], torch.zeros(WALKED, dtype=torch.float64)
    given: dict[str, Any] = {
        "p": start.w[:WALKED], "g": gradient_at(start.w, start.b, run.setting)[:WALKED], "lr": run.setting.lr,
        "weight_decay": run.lambd,
    }  # fmt: skip
    if run.method.startswith("SGD"):
        function: Callable[..., Tensor] = sgd_lines
        names = ["p", "g", "buffer", "step"]
        given |= {"buffer": None, "momentum": 0.0, "nesterov": False}
    else:
        function = adam_lines
        names = ["p", "g", "m", "v", "m_hat", "v_hat", "step"]
        given |= {"m": zero, "v": zero, "t": 1, "beta1": 0.9, "beta2": 0.999}
        given["decoupled"] = run.method.startswith("AdamW")
    steps = record(function, panels=names, **given)
    values = {name: [step.values[name] for step in steps.steps if name in step.values] for name in names}
    return steps, {name: colour.signed(*shown) for name, shown in values.items() if shown}
