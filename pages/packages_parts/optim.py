"""torch.optim: where four optimisers go on a surface, step by step."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
import torch
from torch import Tensor

from core.experiments import descent
from core.experiments.descent import Contestant, Race
from core.figures import colour, curves
from core.figures.board import Cells, Panel
from core.figures.heatmap import Picture
from core.figures.numbers import number
from core.figures.surface import walked
from core.figures.walk import record
from core.ops import weight_decay as optim
from core.ops.operator import Call
from core.tensors.limits import Limits, times
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, tensor_input, walk
from core.ui.frame import Pitfall
from core.ui.predict import Draw, Question
from core.ui.take_away import TakeAway
from pages.packages_parts.lesson import NARROW, Lesson, kept

OWN = "my own ½·pᵀAp"
REACH, MOST_STEPS, GRID = 2.2, 80, 45
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.05, 0.1, 0.2, 0.3, 1.0)
NAMES = ("SGD", "momentum", "Adam", "AdamW")
DEFAULTS = (0.03, 0.03, 0.1, 0.1)  # lr of each of NAMES
STEEP = "Rosenbrock"  # there the first two run away at these
STEEP_DEFAULTS = {"SGD": 0.001, "momentum": 0.0003}
TALL = 305  # pixels of a picture
HIGHEST = 100  # times the height of the start: what is higher leaves the picture
MATRIX = Limits(ranks=(2,), max_side=2, max_elements=4, low=-100, high=100)


@dataclass(frozen=True)
class Descent:
    """What the paths depend on. `A` is of the reader's own surface."""

    surface: str
    A: tuple[float, ...]
    rates: tuple[float, ...]  # of each of NAMES
    momentum: float
    nesterov: bool
    weight_decay: float

    @property
    def heights(self) -> descent.Surface:
        """The surface."""
        if self.surface != OWN:
            return descent.SURFACES[self.surface]
        A = torch.tensor(self.A, dtype=torch.float64).view(2, 2)
        return lambda x, y: descent.quadratic(x, y, A)

    @property
    def contestants(self) -> tuple[Contestant, ...]:
        """One for each of NAMES."""
        sgd, momentum, adam, adamw = self.rates
        heavy = {"lr": momentum, "momentum": self.momentum, "nesterov": self.nesterov and self.momentum > 0}
        return (
            Contestant(optim.sgd_step, {"lr": sgd}),
            Contestant(optim.sgd_step, heavy),
            Contestant(optim.adam_step, {"lr": adam}),
            Contestant(optim.adamw_step, {"lr": adamw, "weight_decay": self.weight_decay}),
        )


@st.cache_resource(max_entries=64, show_spinner=False)
def paths_of(how: Descent, start: tuple[float, float]) -> Race:
    """The longest run: a shorter one begins with the same steps."""
    return descent.race(how.heights, torch.tensor([start], dtype=torch.float64), how.contestants, MOST_STEPS)


@st.cache_resource(max_entries=32, show_spinner=False)
def ground(surface: str, A: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """The places along an axis, and the surface's heights over them (GRID, GRID)."""
    axis, places = descent.grid(-REACH, REACH, GRID)
    heights = Descent(surface, A, (), 0, False, 0).heights
    return axis, heights(places[:, 0], places[:, 1]).view(GRID, GRID)


def optim_part(_: Topic) -> Lesson:
    """Paths of four optimisers on one surface."""
    how, start, steps = choose_descent()
    run = paths_of(how, start)
    pictures = st.container()
    with controls.row("watch"):
        watch = NAMES.index(controls.choice("watch", "Spell out a step of", NAMES, "Adam"))
        at = controls.slider("at", "which step", 1, MOST_STEPS, 1)
    with pictures:
        show_race(how, run, steps, watch, at)
    st.markdown(spelled_out(how, run, watch, at))
    check_step(how, run, watch, at)
    st.markdown(ends_of(run, steps))
    return Lesson(
        optim_pitfalls(how, start), optim_questions(how, run), lambda: walk_step(how, run, watch, at),
        lambda: take_path(how, start, steps, watch), (descent.race, optim.sgd_step, optim.adam_step, optim.adamw_step),
        {"Every start": lambda: every_start(how, steps)},
    )  # fmt: skip


def choose_descent() -> tuple[Descent, tuple[float, float], int]:
    """Surface, start, steps, and the optimisers' settings."""
    row, more = controls.main(), controls.more()
    with row:
        surface = controls.choice("surface", "Surface", (*descent.SURFACES, OWN), "valley", few=0, width=150)
        steps = controls.slider("steps", "Steps", 1, MOST_STEPS, 40, width=NARROW)
        rates = tuple(choose_rate(name, surface, default) for name, default in zip(NAMES, DEFAULTS, strict=True))
    with more:
        x0 = controls.slider("x0", "Start x", -2.0, 2.0, -1.5, step=0.1, width=NARROW)
        y0 = controls.slider("y0", "Start y", -2.0, 2.0, 0.8, step=0.1, width=NARROW)
        momentum = controls.slider("momentum", "momentum", 0.0, 0.99, 0.9, step=0.01, width=NARROW)
        nesterov = controls.toggle("nesterov", "nesterov")
        decay = controls.slider("decay", "weight_decay", 0.0, 1.0, 0.1, step=0.05, width=NARROW, help="Of AdamW alone.")
        A: tuple[float, ...] = (1.0, 0.0, 0.0, 20.0)
        if surface == OWN:
            matrix = tensor_input.tensor("A", "A, 2×2", torch.tensor([[3.0, 2.0], [2.0, 8.0]]), MATRIX).double()
            A = choose_matrix(matrix)
    return Descent(surface, A, rates, momentum, nesterov, decay), (x0, y0), steps


def choose_rate(name: str, surface: str, default: float) -> float:
    """An optimiser's lr. Rosenbrock's walls are so steep that its rates are kept apart from the other surfaces'."""
    key = f"lr_{name.lower()}" + ("_steep" if surface == STEEP else "")
    first = STEEP_DEFAULTS.get(name, default) if surface == STEEP else default
    return float(controls.stops(key, f"lr of {name}", RATES, first, format=lambda v: f"{v:g}", width=NARROW))


def choose_matrix(matrix: Tensor) -> tuple[float, ...]:
    """The reader's matrix as plain numbers, its curvatures said; the example where it is not 2×2."""
    if matrix.shape != (2, 2):
        controls.complain(f"A must be 2×2, but is {times(matrix.shape)}: showing the example.")
        matrix = torch.tensor([[3.0, 2.0], [2.0, 8.0]], dtype=torch.float64)
    low, high = descent.curvatures(matrix)
    stable = (
        f"SGD is stable below lr = 2/{number(high)} = **{number(2 / high)}**." if high > 0 else "It has no minimum."
    )
    st.markdown(f"Curvatures (eigenvalues): {number(low)} and {number(high)}.  \n{stable}", width=330)
    return tuple(matrix.flatten().tolist())


def show_race(how: Descent, run: Race, steps: int, watch: int, at: int) -> None:
    """The paths over the surface and their heights: a point of the one is a point of the other; a pin spells it out."""

    def choose(said: str) -> None:
        name, step = said.split()
        st.session_state["watch"], st.session_state["at"] = name, int(step)

    board.show(
        paths_panel(how, run, steps), heights_panel(run, steps),
        spelled="{paths}: height **{heights}**.", picks=dict.fromkeys(("paths", "heights"), choose),
        pinned=("paths", (watch, at)) if at <= steps else None,
    )  # fmt: skip


def points_of(run: Race, steps: int, spots: list[list[tuple[float, float] | None]], texts: list[str] | None) -> Cells:
    """The steps of the four as cells: the same on the surface and over time; a step that is lost stands nowhere."""
    flat = [spot for path in spots for spot in path]
    heights = run.heights[: steps + 1, :, 0].T
    return Cells("one step", (len(NAMES), steps + 1), heights if texts is None else None, texts, spots=flat)


def padded(points: Sequence[tuple[float, float] | None], count: int) -> list[tuple[float, float] | None]:
    """The points, and None for those that are missing."""
    return [*points, *[None] * (count - len(points))]


def pins_of(steps: int) -> list[str]:
    """For each point whose it is and which step led there; the start stands for the first."""
    return [f"{name} {max(step, 1)}" for name in NAMES for step in range(steps + 1)]


def paths_panel(how: Descent, run: Race, steps: int) -> Panel:
    """The paths over the surface, from above."""
    axis, heights = ground(how.surface, how.A)
    paths = {name: run.path(k)[: steps + 1] for k, name in enumerate(NAMES)}
    figure = walked(
        axis,
        axis,
        heights,
        paths,
        title=f"{how.surface}: {steps} step{'s' * (steps > 1)}",
        width=440,
        height=TALL,
        named=False,
    )
    spots = [padded([p if max(map(abs, p)) <= REACH else None for p in path], steps + 1) for path in paths.values()]
    texts = [
        f"`{name}` at step {t} of {steps}: ({x:.3g}, {y:.3g})"
        for k, name in enumerate(NAMES) for t, (x, y) in enumerate(run.points[: steps + 1, k, 0].tolist())
    ]  # fmt: skip
    said = "; ".join(f"{name} ends at ({p[-1][0]:.3g}, {p[-1][1]:.3g})" for name, p in paths.items() if p)
    cells = points_of(run, steps, spots, texts)
    return Panel("paths", figure, f"Paths on the {how.surface}: {said}", cells, picks=pins_of(steps), stretch=440)


def heights_panel(run: Race, steps: int) -> Panel:
    """Step by step how high each stands; what runs away leaves the picture at the top."""
    finite = [run.heights[: min(steps, run.finite_steps(k)) + 1, k, 0].tolist() for k in range(len(NAMES))]
    every = [h for heights in finite for h in heights]
    start = max((abs(heights[0]) for heights in finite if heights), default=1.0)
    log = bool(every) and min(every) > 0
    top = min(max(every, default=1.0), HIGHEST * max(start, 1e-6))
    bounds = (math.log10(min(every)) - 0.2, math.log10(top) + 0.2) if log else (min(every, default=0.0), top)
    room = 0.0 if log else 0.05 * ((bounds[1] - bounds[0]) or 1.0)
    figure = curves.lines(
        {name: (range(len(h)), h) for name, h in zip(NAMES, finite, strict=True)},
        curves.Axis("step"), curves.Axis("height", log=log, range=(bounds[0] - room, bounds[1] + room)),
        title="Height, step by step", height=TALL,
    )  # fmt: skip
    spots = [padded([(t, y) if y <= top else None for t, y in enumerate(h)], steps + 1) for h in finite]
    said = "; ".join(
        f"{name} from {number(h[0])} to {number(h[-1])}" for name, h in zip(NAMES, finite, strict=True) if h
    )
    return Panel(
        "heights", figure, f"Heights: {said}", points_of(run, steps, spots, None), picks=pins_of(steps), stretch=430
    )


def ends_of(run: Race, steps: int) -> str:
    """Where each ends, as a table."""
    rows = ["| | steps | ends at | height |", "|---|---|---|---|"]
    for k, name in enumerate(NAMES):
        made = min(steps, run.finite_steps(k))
        x, y = run.points[made, k, 0].tolist()
        lost = " (then ∞)" if made < steps else ""
        rows.append(f"| {name} | {made}{lost} | ({x:.3g}, {y:.3g}) | **{number(run.heights[made, k, 0].item())}** |")
    return "\n".join(rows)


def spelled_out(how: Descent, run: Race, watch: int, at: int) -> str:
    """One step with its numbers, for x and for y."""
    if at > run.finite_steps(watch):
        return f"{NAMES[watch]} has left the finite numbers before step {at}."
    function, arguments = descent.lines_of(run, watch, at - 1, how.contestants[watch])
    values: dict[str, Tensor] = {"p": arguments["p"], "g": arguments["g"]}
    for step in record(function, **arguments, panels=SHOWN).steps:
        values |= {name: step.values[name] for name in step.writes if name not in ("p", "g")}
    after = run.points[at, watch, 0] if at < len(run.points) else function(**arguments)
    values["p after"] = after
    head = "| " + " | ".join(["", *(f"`{SPELT.get(name, name)}`" for name in values)]) + " |"
    rows = [
        "| " + " | ".join([f"**{axis}**", *(number(v[i].item(), 4) for v in values.values())]) + " |"
        for i, axis in enumerate("xy")
    ]
    return f"**{NAMES[watch]}, step {at}**\n\n{head}\n{'|--' * (len(values) + 1)}|\n" + "\n".join(rows)


SHOWN = ("buffer", "m", "v", "m_hat", "v_hat", "step")
SPELT = {
    "g": "g = ∇", "buffer": "buf ← μ·buf + g", "m": "m ← β₁m + (1−β₁)g", "v": "v ← β₂v + (1−β₂)g²", "m_hat": "m̂ = m/(1−β₁ᵗ)",
    "v_hat": "v̂ = v/(1−β₂ᵗ)", "step": "step",
}  # fmt: skip


def check_step(how: Descent, run: Race, watch: int, at: int) -> None:
    """The step on screen, by hand and by torch.optim."""
    name = ("SGD", "SGD", "Adam", "AdamW")[watch]
    operator = next(operator for operator in optim.OPERATORS if operator.name == name)
    t = min(at - 1, run.finite_steps(watch))
    call = Call(
        ((run.points[t, watch],), (run.gradients[t, watch],), run.states[t][watch]), how.contestants[watch].options
    )
    check.show(operator, call)


@st.cache_data(max_entries=32, show_spinner=False)
def ends_from_everywhere(how: Descent, steps: int, count: int = 21) -> list[list[float]]:
    """The height at the end from each start of a grid, row by row, for each optimiser."""
    _, starts = descent.grid(-2.0, 2.0, count)
    return descent.race(how.heights, starts, how.contestants, steps).heights[-1].tolist()


def every_start(how: Descent, steps: int) -> None:
    """How high each optimiser ends, from every start; a start is the same cell in all four, and a pin starts there."""
    count = 21
    ends = torch.tensor(ends_from_everywhere(how, steps, count), dtype=torch.float64)
    lowest = ends[ends.isfinite()].min() if ends.isfinite().any() else torch.tensor(0.0)
    above = (ends - lowest).view(len(NAMES), count, count).flip(1)  # y upwards
    shown = above.clamp(min=0).add(1e-6).log10().nan_to_num(9, 9, 9).clamp(-6, 3)
    places = torch.linspace(-2, 2, count).tolist()
    starts = [(x, y) for y in reversed(places) for x in places]
    st.markdown(
        f"Each cell is a start, x from −2 to 2 to the right, y upwards; its colour is how high the optimiser stands after {steps} steps, above the lowest end of all "
        f"({number(lowest.item())}): light is low, dark is high or lost, on a logarithmic scale."
    )
    scale = colour.Scale(colour.MAGNITUDE, -6.0, 3.0)

    def start(said: str) -> None:
        st.session_state["x0"], st.session_state["y0"] = map(float, said.split())

    board.show(
        *(
            Picture(
                name, values, scale, name, axes="down across", picks=[f"{x:.1f} {y:.1f}" for x, y in starts],
                notes=[f"From ({x:.1f}, {y:.1f}) {name} ends " + ("among what is not finite" if high != high or math.isinf(high) else f"**{number(high)}** above the lowest")
                       for (x, y), high in zip(starts, heights.flatten().tolist(), strict=True)],
            )
            for name, values, heights in zip(NAMES, shown, above, strict=True)
        ),
        spelled="; ".join(f"{{note:{name}}}" for name in NAMES) + ".", picks=dict.fromkeys(NAMES, start), cell=9, name="starts",
    )  # fmt: skip
    says = [
        f"{name}: {(e - lowest < 0.01).double().mean().item():.0%} of the starts end within 0.01 of the lowest"
        for name, e in zip(NAMES, ends, strict=True)
    ]
    st.markdown(". ".join(says) + ".")


def walk_step(how: Descent, run: Race, watch: int, at: int) -> None:
    """The step on screen, line by line."""
    function, arguments = descent.lines_of(run, watch, min(at - 1, run.finite_steps(watch)), how.contestants[watch])
    panels = ("p", "g", *(("buffer",) if function is descent.sgd_lines else ("m", "v", "m_hat", "v_hat")), "step")
    steps = record(function, **arguments, panels=panels)
    scale = colour.signed(arguments["p"], arguments["g"])
    walk.show(steps, dict.fromkeys(panels, scale), key="walk")


def optim_pitfalls(how: Descent, start: tuple[float, float]) -> list[Pitfall]:
    """What people believe of optimisers."""
    return [
        Pitfall("With one lr, optimisers take steps of one size", lambda: first_steps(how, start)),
        Pitfall("A larger lr only gets there sooner", stability),
        Pitfall("Momentum only smooths: it keeps the size of the steps", momentum_grows),
        Pitfall("`weight_decay` does not move the minimum", decay_moves),
        Pitfall("`optimizer.step()` starts from a fresh gradient", gradients_add_up),
    ]


def run_one(surface: str, start: tuple[float, float], steps: int, step: Callable[..., Any], **options: Any) -> Tensor:
    """A path on one of the surfaces."""
    return descent.path(descent.SURFACES[surface], torch.tensor(start, dtype=torch.float64), step, steps, **options)


@kept
def first_steps(how: Descent, start: tuple[float, float]) -> None:
    """The first step of each with one lr, along x and along y."""
    one = Descent(how.surface, how.A, (0.01,) * 4, how.momentum, False, how.weight_decay)
    points = descent.race(one.heights, torch.tensor([start], dtype=torch.float64), one.contestants, 1).points[:, :, 0]
    moved = "; ".join(
        f"{name} ({number(dx)}, {number(dy)})"
        for name, (dx, dy) in zip(NAMES, (points[1] - points[0]).tolist(), strict=True)
    )
    st.markdown(
        f"First steps (x, y) from {start} with lr = 0.01: {moved}. SGD's is lr times the gradient; Adam's is lr along every axis that has a slope at all, however steep: "
        "a good lr of the one is none of the other's, hence a slider each."
    )


@kept
def stability() -> None:
    """SGD in the valley below, at and above 2/λ."""
    ends = {
        lr: descent.valley(*run_one("valley", (1.0, 0.5), 40, optim.sgd_step, lr=lr)[-1]).item()
        for lr in (0.05, 0.09, 0.099, 0.101, 0.11)
    }
    said = "; ".join(f"lr {lr:g}: {number(height)}" for lr, height in ends.items())
    st.markdown(
        f"SGD in the valley from (1, 0.5), height after 40 steps: {said}. Across the valley the curvature is 20, and a step multiplies y by 1 − 20·lr: beyond lr = 2/20 = 0.1 that grows."
    )


@kept
def momentum_grows() -> None:
    """The steps' length under a gradient that stays the same."""
    p, state, lengths = torch.zeros(1), None, []
    for _ in range(60):
        (after,), state = optim.sgd_step((p,), (torch.ones(1),), state, lr=0.1, momentum=0.9)
        lengths.append((p - after).item())
        p = after
    st.markdown(
        f"Under a constant gradient of 1, lr = 0.1 and momentum 0.9 the steps are {number(lengths[0])}, {number(lengths[1])}, {number(lengths[2])}, … and the 60th "
        f"**{number(lengths[-1])}**: they grow to lr/(1 − μ), ten times SGD's. Adam weighs its mean by 1 − β₁, and does not."
    )


@kept
def decay_moves() -> None:
    """Where Rosenbrock's minimum goes under weight decay."""
    plain = run_one("Rosenbrock", (1.0, 1.0), 300, optim.adamw_step, lr=0.01, weight_decay=0.0)[-1].tolist()
    decayed = run_one("Rosenbrock", (1.0, 1.0), 300, optim.adamw_step, lr=0.01, weight_decay=1.0)[-1].tolist()
    st.markdown(
        f"AdamW from Rosenbrock's minimum (1, 1), 300 steps: without decay it stays at ({plain[0]:.3g}, {plain[1]:.3g}), with weight_decay = 1 it goes to "
        f"(**{decayed[0]:.3g}, {decayed[1]:.3g}**). Decay pulls towards 0, wherever the minimum is."
    )


@kept
def gradients_add_up() -> None:
    """Two backward passes without zero_grad between them."""
    p = torch.tensor([1.0], requires_grad=True)
    seen = []
    for _ in range(3):
        p.square().sum().backward()
        assert p.grad is not None
        seen.append(p.grad.item())
    torch.optim.SGD([p], lr=0.1).zero_grad()
    st.markdown(
        f"p² at p = 1, backward three times without `zero_grad()`: p.grad is {', '.join(map(number, seen))}. backward adds to what is there. `zero_grad()` makes it {p.grad}."
    )


def optim_questions(how: Descent, run: Race) -> list[Draw]:
    """On the paths on screen."""
    x, y = run.points[0, 0, 0].tolist()
    gx, gy = run.gradients[0, 0, 0].tolist()

    def sgd(_: random.Random) -> Question:
        return Question(
            f"At the start ({x:g}, {y:g}) the gradient is ({number(gx, 5)}, {number(gy, 5)}). Where is x after one step of SGD with lr = {how.rates[0]:g}?",
            f"{run.points[1, 0, 0, 0].item():.5g}", "x − lr·g.",
        )  # fmt: skip

    def adam(_: random.Random) -> Question:
        moved = (run.points[1, 2, 0, 1] - y).abs().item()
        return Question(
            f"How far does Adam's first step move y, with lr = {how.rates[2]:g} and a gradient of {number(gy, 5)}?", f"{moved:.4g}",
            "m̂ = g and √v̂ = |g| in the first step: lr, whatever the gradient, unless it is 0.",
        )  # fmt: skip

    def decay(_: random.Random) -> Question:
        return Question(
            f"By which factor does AdamW shrink a weight at each step, besides Adam's step: lr = {how.rates[3]:g}, weight_decay = {how.weight_decay:g}?",
            f"{1 - how.rates[3] * how.weight_decay:.6g}", "1 − lr·λ; Adam itself would add λp to the gradient.", tolerance=1e-4,
        )  # fmt: skip

    return [sgd, adam, decay]


def take_path(how: Descent, start: tuple[float, float], steps: int, watch: int) -> TakeAway:
    """The watched optimiser's path as a script, and by torch.optim."""
    one = how.contestants[watch]
    options = "".join(f", {name}={value!r}" for name, value in one.options.items())
    kind = ("SGD", "SGD", "Adam", "AdamW")[watch]
    own = how.surface == OWN
    function = descent.quadratic if own else descent.SURFACES[how.surface]
    surface = "lambda x, y: quadratic(x, y, A)" if own else function.__name__
    inputs = {"start": torch.tensor(start, dtype=torch.float64)}
    if own:
        inputs["A"] = torch.tensor(how.A, dtype=torch.float64).view(2, 2)
    script = Script(
        f"The path of {NAMES[watch]}", inputs, (descent.path, descent.path_of_torch, one.step, function),
        (f"path_ = path({surface}, start, {one.step.__name__}, {steps}{options})",), ("path_",),
        {"path_": f"path_of_torch({surface}, start, torch.optim.{kind}, {steps}{options})"},
    )  # fmt: skip
    return TakeAway(script, {"path_": run_path(how, start, steps, watch)})


def run_path(how: Descent, start: tuple[float, float], steps: int, watch: int) -> Tensor:
    """The watched optimiser's places alone."""
    one = how.contestants[watch]
    return descent.path(how.heights, torch.tensor(start, dtype=torch.float64), one.step, steps, **one.options)
