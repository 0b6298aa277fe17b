"""torch.optim: where four optimisers go on a surface, step by step."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from core.experiments import descent
from core.experiments.descent import MOST_STEPS, NAMES, OWN, Race, Setup, Start
from core.figures import colour
from core.figures import descent as draw
from core.figures.walk import record
from core.ops import weight_decay as optim
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, tensor_input, walk
from core.ui.frame import Try
from core.ui.take_away import TakeAway
from core.words import N_, _, say, spelled
from pages.packages_parts.lesson import NARROW, below, put
from pages.packages_parts.optim_beliefs import pitfalls, questions

SURFACES = {name: name for name in descent.SURFACES} | {OWN: N_("my own ½·pᵀAp")}
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.05, 0.1, 0.2, 0.3, 1.0)
DEFAULTS = (0.03, 0.03, 0.1, 0.1)  # lr of each of NAMES
STEEP = N_("Rosenbrock")  # there the first two run away at these
STEEP_DEFAULTS = {"SGD": 0.001, "momentum": 0.0003}
LR = N_("The learning rate: SGD's step is this many times the gradient, downhill.")
MATRIX = Limits(ranks=(2,), max_side=2, max_elements=4, low=-100, high=100)


def optim_part(topic: Topic) -> None:
    """Paths of four optimisers on one surface."""
    how, start, steps = choose()
    run = descent.run(how, start)
    st.markdown(
        _(
            "**Look first** at the paths, which all begin in the ring: who goes straight down, who swings to and fro, who is slow?"
        )
    )
    pictures = st.container()
    with controls.row("watch"):
        watch = NAMES.index(controls.choice("watch", "Spell out a step of", {name: name for name in NAMES}, _("Adam")))
        at = controls.slider("at", "which step", 1, MOST_STEPS, 1)
    with pictures:
        show_race(how, run, steps, watch, at)
    say_race(run, steps)
    st.markdown(spelled_out(how, run, watch, at))
    check.show(descent.operator_of(watch), descent.call_of(how, run, watch, at))
    below(
        topic, "optim", optim.OPERATORS, operator=descent.operator_of(watch), pitfalls=pitfalls(how, start), questions=questions(how), tries=TRIES,
        walk=partial(walk_step, how, run, watch, at), take=partial(take_path, how, run, start, steps, watch), functions=(descent.race,),
        more={"Every start": partial(every_start, how, steps)},
    )  # fmt: skip


def choose() -> tuple[Setup, Start, int]:
    """Surface, start, steps, and the optimisers' settings."""
    row, more = controls.main(), controls.more()
    with row:
        surface = controls.choice("surface", "Surface", SURFACES, "valley", few=0, width=150)
        steps = controls.slider("steps", "Steps", 1, MOST_STEPS, 40, width=NARROW)
        rates = tuple(choose_rate(name, surface, default) for name, default in zip(NAMES, DEFAULTS, strict=True))
    with more:
        x0 = controls.slider("x0", "Start x", -2.0, 2.0, -1.5, step=0.1, width=NARROW)
        y0 = controls.slider("y0", "Start y", -2.0, 2.0, 0.8, step=0.1, width=NARROW)
        momentum = controls.slider("momentum", "momentum", 0.0, 0.99, 0.9, step=0.01, width=NARROW)
        nesterov = controls.toggle("nesterov", "nesterov")
        decay = controls.slider("decay", "weight_decay", 0.0, 1.0, 0.1, step=0.05, width=NARROW, help="Of AdamW alone.")
        A = choose_matrix() if surface == OWN else (1.0, 0.0, 0.0, 20.0)
    return Setup(surface, A, rates, momentum, nesterov, decay), (x0, y0), steps


def choose_rate(name: str, surface: str, default: float) -> float:
    """An optimiser's lr. Rosenbrock's walls are so steep that its rates are kept apart from the other surfaces'."""
    key = f"lr_{name.lower()}" + ("_steep" if surface == STEEP else "")
    first = STEEP_DEFAULTS.get(name, default) if surface == STEEP else default
    return float(
        controls.stops(
            key,
            say("lr of {name}", name=name),
            RATES,
            first,
            format=lambda v: f"{v:g}",
            width=126,
            help=LR if name == "SGD" else None,
        )
    )


def choose_matrix() -> tuple[float, ...]:
    """The reader's matrix as plain numbers, and what its curvatures mean for SGD; the example where it is not 2×2."""
    matrix = tensor_input.tensor("A", "A, 2×2", descent.EXAMPLE, MATRIX).double()
    if tuple(matrix.shape) != (2, 2):
        controls.complain(
            say("A must be of shape (2, 2), but is {shape}: showing the example.", {"shape": tuple(matrix.shape)})
        )
        matrix = descent.EXAMPLE.double()
    st.markdown(
        say(
            _("The curvatures, which are the eigenvalues of A, are {low} and {high}.  \n")
            + stable(curved := descent.curved(matrix)),
            curved,
        ),
        width=330,
    )
    return tuple(matrix.flatten().tolist())


def stable(curved: descent.Curved) -> str:
    """For which lr SGD keeps to this surface."""
    if curved.low < 0:
        return _(
            "The surface falls for ever along the direction of curvature {low}: each step of SGD multiplies the distance there by 1 − lr·({low}), which is more than 1 **for every lr**."
        )
    if curved.high == 0:
        return _("The surface is level everywhere: nothing pulls SGD anywhere.")
    return _("SGD is stable below lr = 2/{high} = **{stable_below}**.") + (
        _(" Along the other direction the surface is level.") if curved.low == 0 else ""
    )


def show_race(how: Setup, run: Race, steps: int, watch: int, at: int) -> None:
    """The paths over the surface and their heights: a point of the one is a point of the other; a pin spells it out."""

    def choose(said: str) -> None:
        name, step = said.split()
        put(watch=name, at=int(step))

    title = say("{surface}: {steps:|step|steps}", surface=_(SURFACES[how.surface]), steps=steps)
    board.show(
        draw.paths(how, run, steps, title), draw.heights(run, steps), spelled="{paths}: height **{heights}**.",
        picks=dict.fromkeys(("paths", "heights"), choose), pinned=("paths", (watch, at)) if at <= steps else None,
    )  # fmt: skip


def say_race(run: Race, steps: int) -> None:
    """Where each ends, and who ran away."""
    ends = descent.ends(run, steps)
    for end in ends:
        if end.gone is not None:
            st.warning(
                say(
                    "**{name} runs away**: at step {gone} its height passes {bound}, a hundred times that of the start or of 1, and leaves the picture. Its lr is too large for this surface, or the surface has no lowest place.",
                    end,
                    bound=descent.bound(run),
                )
            )
    rows = [_("| after {steps:|step|steps} | ends at (x, y) | height |"), "|:--|:--|--:|"]
    st.markdown(
        say("\n".join(rows), {"steps": steps})
        + "\n"
        + "\n".join(say("| {name} | {place} | **{height}** |", end) for end in ends)
    )


def spelled_out(how: Setup, run: Race, watch: int, at: int) -> str:
    """One step with its numbers, for x and for y."""
    values = draw.step(how, run, watch, at)
    if values is None:
        return say("{names} has left the finite numbers before step {at}.", names=NAMES[watch], at=at)
    head = "| " + " | ".join(["", *(f"`{name}`" for name in values)]) + " |"
    rows = [
        "| " + " | ".join([f"**{axis}**", *(spelled(pair[i]) for pair in values.values())]) + " |"
        for i, axis in enumerate("xy")
    ]
    return f"**{NAMES[watch]}, step {at}**\n\n{head}\n{'|--' * (len(values) + 1)}|\n" + "\n".join(rows)


def every_start(how: Setup, steps: int) -> None:
    """How high each optimiser ends, from every start; a start is the same cell in all four, and a pin starts there."""
    found = descent.everywhere(how, steps)
    st.markdown(say(
        "Each cell is a start, x from −2 to 2 to the right, y upwards. Its colour says how high the optimiser stands after {steps:|step|steps}, above the lowest end of all, {lowest}: "
        "light is low, dark is high or lost, on a logarithmic scale. Click a cell to start there.", found,
    ))  # fmt: skip

    def start(said: str) -> None:
        x, y = map(float, said.split())
        put(x0=x, y0=y)

    board.show(
        *draw.starts(found.ends, found.lowest),
        spelled="; ".join(f"{{note:{name}}}" for name in NAMES) + ".",
        picks=dict.fromkeys(NAMES, start),
        cell=9,
        name="starts",
    )
    st.markdown(
        _("From how many of the starts it ends within 0.01 of the lowest: ")
        + ", ".join(f"{name} {share:.0%}" for name, share in found.shares.items())
        + "."
    )


# ---- below the pictures ----------------------------------------------------------------------------------------

TRIES = (
    Try("At the edge of stability", "part=optim&surface=valley&lr_sgd=0.1", "SGD jumps from wall to wall, and its y never gets smaller: across the valley the curvature is 20, and a step multiplies y by 1 − 20·0.1 = −1. Move its lr one stop up; then to 0.05, where that factor is 0."),
    Try("Stuck on a saddle", "part=optim&surface=saddle&y0=0", "Nobody leaves the line y = 0: along y the gradient is exactly 0 there, though the surface falls on both sides of it. Move *Start y* in More settings to 0.1: who leaves the line, and who is still on the way after 40 steps?"),
    Try("Rosenbrock's bent valley", "part=optim&surface=Rosenbrock&steps=80", "The floor of this valley falls gently to (1, 1), between steep walls. An lr with which SGD does not run away on the walls lets it creep along the floor: who has come furthest after 80 steps?"),
    Try("Many minima", "part=optim&surface=waves&steps=80", "All four end in the same hollow, at a height of −0.4, and there are lower ones. Open *Every start* below: from how many starts does any of them find the lowest?"),
    Try("Too much momentum", "part=optim&surface=valley&momentum=0.99&steps=80", "Momentum sums up a hundred gradients instead of ten, and swings through the lowest place again and again."),
)  # fmt: skip


def walk_step(how: Setup, run: Race, watch: int, at: int) -> None:
    """The step on screen, line by line."""
    function, arguments = descent.lines_of(run, watch, min(at - 1, run.finite_steps(watch)), how.contestants[watch])
    panels: Sequence[str] = (
        "p",
        "g",
        *(("buffer",) if function is descent.sgd_lines else ("m", "v", "m_hat", "v_hat")),
        "step",
    )
    walk.show(
        record(function, **arguments, panels=panels),
        dict.fromkeys(panels, colour.signed(arguments["p"], arguments["g"])),
        key="walk",
    )


def take_path(how: Setup, run: Race, start: Start, steps: int, watch: int) -> TakeAway:
    """The watched optimiser's path as a script, and by torch.optim."""
    one, own = how.contestants[watch], how.surface == OWN
    options = "".join(f", {name}={value!r}" for name, value in one.options.items())
    function = descent.quadratic if own else descent.SURFACES[how.surface]
    surface = "lambda x, y: quadratic(x, y, A)" if own else function.__name__
    script = Script(
        say("The path of {names}", names=NAMES[watch]), descent.inputs_of(how, start), (descent.path, descent.path_of_torch, one.step, function),
        (f"path_ = path({surface}, start, {one.step.__name__}, {steps}{options})",), ("path_",),
        {"path_": f"path_of_torch({surface}, start, torch.optim.{descent.KINDS[watch]}, {steps}{options})"},
    )  # fmt: skip
    return TakeAway(script, {"path_": run.points[: steps + 1, watch, 0]})
