"""ReLU and its neighbours: curve and slope, on a tensor, at 0, and how units die over depth."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st
import torch
from torch import Tensor

from core.experiments.depth import LayerFacts, through_depth
from core.figures import colour, curves
from core.figures.board import Cells, Panel
from core.figures.heatmap import Picture
from core.figures.montage import cell_size
from core.figures.numbers import number
from core.figures.walk import record
from core.ops import activations as ops
from core.ops.operator import Call, Operator
from core.ops.softmax import OPERATORS as SOFTMAX_OPERATORS
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, frame, tensor_input, walk
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

LIMITS = Limits(ranks=(1, 2), max_side=28, max_elements=784)
ALL: dict[str, Operator] = {
    operator.name: operator for operator in (*ops.OPERATORS, *SOFTMAX_OPERATORS) if "softmax" not in operator.name
}
FORMULAS = {  # the function, its slope
    "relu": ("max(x, 0)", "1 above 0, else 0"),
    "leaky_relu": ("max(x, 0) + negative_slope · min(x, 0)", "1 above 0, else negative_slope"),
    "elu": ("x above 0, else alpha·(exp(x) − 1)", "1 above 0, else alpha·exp(x)"),
    "gelu": ("x·Φ(x), Φ(x) = ½(1 + erf(x/√2))", "Φ(x) + x·φ(x), φ the normal density"),
    "silu": ("x·σ(x) = x/(1 + exp(−x))", "σ(x) + x·σ(x)(1 − σ(x))"),
    "softplus": ("log(1 + exp(beta·x))/beta", "σ(beta·x)"),
    "tanh": ("(exp(x) − exp(−x))/(exp(x) + exp(−x))", "1 − tanh(x)²"),
    "sigmoid": ("σ(x) = 1/(1 + exp(−x))", "σ(x)(1 − σ(x)), ¼ at most"),
    "logsigmoid": ("log σ(x)", "1 − σ(x)"),
}
NONE = "none"
NARROW = 112  # pixels of a slider
PICTURES, CURVE = 570, 390  # pixels of the three tensors, and of the curve beside them
MEASURES = (  # of a layer: attribute, title, whether on a logarithmic axis
    ("dead", "Share of dead units", False), ("std", "Spread of the activations", True),
    ("gradient", "Size of the gradient", True),
)  # fmt: skip

Index = tuple[int, ...]


@dataclass(frozen=True)
class Run:
    """An activation with its settings, on a tensor."""

    operator: Operator
    settings: Mapping[str, Any]
    x: Tensor
    y: Tensor
    slope: Tensor  # f'(x), by autograd
    cell: Index

    def f(self, x: Tensor) -> Tensor:
        """The manual version with the settings on screen."""
        return self.operator.manual(x, **self.settings)


def slope_of(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """f'(x), element by element, by autograd."""
    leaf = x.detach().clone().requires_grad_()
    f(leaf).sum().backward()
    assert leaf.grad is not None
    return leaf.grad


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.main():
        name = controls.choice("f", "Activation", tuple(FORMULAS), width=150)
        settings = choose_settings(name)
        beside = controls.choice("beside", "Beside it", (NONE, *(n for n in FORMULAS if n != name)), width=150)
    with controls.more():
        sized = tensor_input.source("x") == "example"
        size = controls.slider("size", "Size", 2, 12, 5, width=NARROW) if sized else 5
        seed = controls.seed()
        example = (torch.randn(size, size, generator=torch.Generator().manual_seed(seed)) * 1.5).round(decimals=1)
        x = tensor_input.tensor("x", "Input", example, LIMITS, images=True).float()
        cell = controls.cell("cell", "Picked cell", x.shape) or (0,) * x.dim()
    operator = ALL[name]
    f = partial(operator.manual, **settings)
    run = Run(operator, settings, x, f(x), slope_of(f, x), cell)
    tensor_and_curve(run, beside)
    st.markdown(in_words(run))
    check.show(operator, Call((x,), settings))
    frame.below(
        topic,
        pitfalls=pitfalls(run),
        walk=lambda: textbook_walk(run),
        questions=questions(run),
        take=lambda: take(run),
        more={"Through depth": lambda: depth(run, seed), "At 0": lambda: at_zero(run)},
        operator=operator,
    )


def choose_settings(name: str) -> dict[str, Any]:
    """The activation's own arguments, by torch's names."""
    if name == "leaky_relu":
        key = "negative_slope"
        return {key: controls.slider(key, key, 0.0, 1.0, 0.01, step=0.01, width=130)}
    if name == "elu":
        return {"alpha": controls.slider("alpha", "alpha", 0.1, 3.0, 1.0, step=0.1, width=NARROW)}
    if name == "softplus":
        return {"beta": controls.slider("beta", "beta", 0.5, 10.0, 1.0, step=0.5, width=NARROW)}
    if name == "gelu":
        return {"approximate": controls.choice("approximate", "approximate", ("none", "tanh"))}
    return {}


# ---- the pictures ----------------------------------------------------------------------------------------------


def tensor_and_curve(run: Run, beside: str) -> None:
    """x → f(x), the slope that the gradient is multiplied by, and where each number stands on the two curves."""
    scale, axes, name = colour.signed(run.x, run.y), board.axes_of(run.x), run.operator.name
    board.show(
        Picture("x", run.x, scale, "input", axes=axes), "→",
        Picture("y", run.y, scale, f"{name}(x)", axes=axes), "",
        Picture("slope", run.slope, colour.signed(run.slope), "gradient at the input", axes=axes),
        curve(run, beside, axes),
        spelled=f"`{{at:y}}` = {name}({{x}}) = **{{y}}**; the slope there is **{{slope}}**: a gradient of 1 arrives at "
                "`{at:x}` as {slope}.",
        picks=dict.fromkeys(("x", "y", "slope", "curve"), "cell"), pinned=("x", run.cell),
        cell=min(40, cell_size([run.x.shape] * 3, PICTURES, 360)),
    )  # fmt: skip


def in_words(run: Run) -> str:
    """The function and its slope as formulas, and the zeros."""
    formula, derivative = FORMULAS[run.operator.name]
    return (
        f"`{run.operator.name}(x)` = {formula}; slope {derivative}. Of {run.x.numel()} outputs "
        f"**{int((run.y == 0).sum())}** are 0; **{int((run.slope == 0).sum())}** inputs get no gradient."
    )


def curve(run: Run, beside: str, axes: str) -> Panel:
    """The function and its slope over all numbers on screen, the picked one's tangent, and another function beside."""
    low, high = min(-5.0, run.x.min().item()), max(5.0, run.x.max().item())
    xs = torch.linspace(low, high, 161)
    at, y, slope = (values[run.cell].item() for values in (run.x, run.y, run.slope))
    near = torch.tensor([at - 1, at + 1])
    own = {
        f"{run.operator.name}(x)": (xs, run.f(xs)), "slope": (xs, slope_of(run.f, xs)),
        f"tangent at {number(at)}": (near, y + slope * (near - at)),
    }  # fmt: skip
    other = {} if beside == NONE else {
        beside: (xs, ALL[beside].manual(xs)), f"slope of {beside}": (xs, slope_of(ALL[beside].manual, xs)),
    }  # fmt: skip
    figure = curves.lines(
        own | other, curves.Axis("x", range=(low, high)), curves.Axis(), title="The function and its slope", height=320
    )
    said = (
        f"{run.operator.name} from {number(run.f(xs[:1]).item())} at {number(low)} to {number(run.f(xs[-1:]).item())} "
        f"at {number(high)}; its slope reaches {number(slope_of(run.f, xs).max().item())}."
    )
    return Panel("curve", figure, said, on_curves(run, axes), picks=on_curve_picks(run), stretch=CURVE)


def on_curves(run: Run, axes: str) -> Cells:
    """For each number its point on the function's curve, and its point on the slope's."""
    both = torch.stack([run.y, run.slope], -1)
    x = run.x.flatten().repeat_interleave(2)
    spots = list(zip(x.tolist(), both.flatten().tolist(), strict=True))
    return Cells(f"{axes} of", tuple(both.shape), both, spots=spots)


def on_curve_picks(run: Run) -> list[str]:
    """What a pin of each of these points reports: the index of its number."""
    indices = [", ".join(map(str, index)) for index in torch.ones_like(run.x).nonzero().tolist()]
    return [index for index in indices for _ in range(2)]


# ---- through depth, and at 0 -----------------------------------------------------------------------------------


def depth(run: Run, seed: int) -> None:
    """Dead units, activations and gradients, layer by layer, against another activation."""
    with controls.row("depth"):
        layers = controls.slider("depth", "Layers", 2, 30, 15, width=NARROW)
        gain = controls.slider("gain", "Scale of the weights", 0.25, 2.0, 1.0, step=0.25, width=150,
                               help="1 is Kaiming's: √(2/units)")  # fmt: skip
        bias = controls.slider("bias", "Bias of every unit", -2.0, 1.0, -0.3, step=0.1, width=150)
        others = tuple(name for name in FORMULAS if name != run.operator.name)
        default = "leaky_relu" if run.operator.name != "leaky_relu" else "relu"
        against = controls.choice("against", "Against", others, default, width=150)
    facts = {
        run.operator.name: through_depth(run.f, layers, gain=gain, bias=bias, seed=seed),
        against: through_depth(ALL[against].manual, layers, gain=gain, bias=bias, seed=seed),
    }
    board.show(
        *(over_layers(key, title, log, facts) for key, title, log in MEASURES),
        spelled="Layer {note:dead}: {list:dead} of the units are dead; spread {list:std}; gradient {list:gradient}.",
        name="depth",
    )
    missing = [line for key, title, log in MEASURES if log for line in vanished(key, title, facts)]
    if missing:
        st.caption(f"A logarithmic axis has no place for 0. {' '.join(missing)}")
    last = facts[run.operator.name][-1]
    st.markdown(
        "64 units a layer, 256 samples, weights freshly drawn. A unit is **dead** if it is 0 for all samples: in "
        f"layer {layers} **{last.dead:.0%}** with {run.operator.name}, {facts[against][-1].dead:.0%} with {against}. "
        "A dead unit's weights get no gradient from any sample. The gradient is 1 at the last layer and "
        f"**{number(facts[run.operator.name][0].gradient)}** at the first."
    )


def over_layers(key: str, title: str, log: bool, facts: Mapping[str, Sequence[LayerFacts]]) -> Panel:
    """One measure, layer by layer; a 0 is left out of a logarithmic axis."""
    found = {name: [getattr(layer, key) for layer in of] for name, of in facts.items()}
    shown = {name: [v if v > 0 or not log else math.nan for v in values] for name, values in found.items()}
    layers = range(1, len(next(iter(found.values()))) + 1)
    figure = curves.lines(
        {name: (layers, values) for name, values in shown.items()}, curves.Axis("layer"),
        curves.Axis(log=log, range=None if log else (0, 1.02)), title=title, markers=True, height=290,
    )  # fmt: skip
    said = "; ".join(f"{name} {number(values[0])} to {number(values[-1])}" for name, values in found.items())
    spots = [
        None if math.isnan(v) else (k, v) for values in shown.values() for k, v in zip(layers, values, strict=True)
    ]
    cells = Cells(
        "f layer", (len(found), len(layers)), torch.tensor(list(found.values())), spots=spots,
        notes=[f"{k} of {name}" for name in found for k in layers],
    )  # fmt: skip
    return Panel(key, figure, f"{title}, first and last: {said}", cells, stretch=290)


def vanished(key: str, title: str, facts: Mapping[str, Sequence[LayerFacts]]) -> list[str]:
    """A sentence for each activation whose measure is exactly 0 in some layers."""
    zero = {name: [k for k, layer in enumerate(of, 1) if getattr(layer, key) == 0] for name, of in facts.items()}
    return [
        f"{title}: {name} is exactly 0 in {len(layers)} of {len(facts[name])} layers, {spans(layers)}."
        for name, layers in zero.items()
        if layers
    ]


def spans(numbers: Sequence[int]) -> str:
    """Whole numbers in rising order, runs shortened: 1–4, 7."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in runs)


def at_zero(run: Run) -> None:
    """Values and slopes at exactly 0, ours, torch's and the tutorial's."""
    zero, sides = torch.zeros(1), torch.tensor([-1e-3, 1e-3])
    head = ("", "value at 0", "slope: manual", "slope: torch", "from the left", "from the right")
    lines = ["| " + " | ".join(head) + " |", "|:--|--:|--:|--:|--:|--:|"]
    for name, operator in ALL.items():
        settings = run.settings if name == run.operator.name else {}
        ours, theirs = partial(operator.manual, **settings), partial(operator.torch, **settings)
        left, right = slope_of(ours, sides).tolist()
        lines.append(
            f"| `{name}` | {number(ours(zero).item())} | **{number(slope_of(ours, zero).item())}** | "
            f"{number(slope_of(theirs, zero).item())} | {number(left)} | {number(right)} |"
        )
    textbook = slope_of(ops.relu_textbook, zero).item()
    lines.append(f"| tutorial's relu | {number(ops.relu_textbook(zero).item())} | **{number(textbook)}** | | 0 | 1 |")
    st.markdown(
        "Where left and right differ there is a corner, and the slope in it is a convention; any number between both "
        "would do.\n\n" + "\n".join(lines)
    )


# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(run: Run) -> list[Pitfall]:
    """What people believe of activations, the tutorial's own first."""
    return [
        Pitfall(
            "The tutorial's `torch.max(input=X, other=torch.tensor(0.0))` is `F.relu`", lambda: textbook_limits(run)
        ),
        Pitfall("A dead unit comes back to life in training", lambda: stays_dead(run)),
        Pitfall("Layers in a row are deep without an activation between them", lambda: linear_only(run)),
        Pitfall("`inplace=True` saves memory and changes nothing else", lambda: in_place(run)),
        Pitfall("A sigmoid's gradient is small only far out", lambda: sigmoid_shrinks(run)),
        Pitfall("All of them rise with x", lambda: not_monotone(run)),
    ]


def textbook_limits(run: Run) -> None:
    """The textbook on the reader's numbers with their whole part: gradient at 0, dtype."""
    x = run.x.trunc()
    zeros = int((x == 0).sum())
    halves = int((slope_of(ops.relu_textbook, x) == 0.5).sum())
    ours = slope_of(ops.relu, x)
    theirs = slope_of(torch.nn.functional.relu, x)
    whole = ops.relu_textbook(x.long()).dtype
    st.markdown(
        f"The values are the same. Cut to whole numbers, the input has {zeros} zeros, and there `torch.max` meets a "
        f"tie and shares the gradient: **{halves}** slopes are ½, where the manual version has "
        f"{int((ours == 0.5).sum())} and torch {int((theirs == 0.5).sum())}. From int64 it makes "
        f"**{str(whole).removeprefix('torch.')}**, `F.relu` keeps "
        f"{str(torch.relu(x.long()).dtype).removeprefix('torch.')}."
    )


def stays_dead(run: Run) -> None:
    """The gradient of a unit whose bias is far below 0, for relu and for leaky relu."""
    x = torch.atleast_2d(run.x)
    reach = x.abs().sum(1).max().item() + 1
    norms = []
    for f in (ops.relu, ops.leaky_relu):
        w = torch.ones(x.shape[1], requires_grad=True)
        f(x @ w - reach).sum().backward()
        assert w.grad is not None
        norms.append(w.grad.norm().item())
    st.markdown(
        f"A unit with weights 1 and bias {number(-reach)} is below 0 for all {len(x)} rows of the input. Norm of its "
        f"weights' gradient: **{number(norms[0])}** with relu, so no step moves it, whatever the learning rate; "
        f"**{number(norms[1])}** with leaky_relu."
    )


def linear_only(run: Run) -> None:
    """Three layers against the one matrix that they are."""
    x = torch.atleast_2d(run.x).double()
    generator = torch.Generator().manual_seed(0)
    A, B, C = (torch.randn(n, m, generator=generator, dtype=torch.float64) / 3 for n, m in
               ((x.shape[1], 8), (8, 8), (8, 3)))  # fmt: skip
    one = x @ (A @ B @ C)
    st.markdown(
        "Three layers are one: `x·A·B·C` and `x·(A·B·C)` differ by "
        f"**{number((x @ A @ B @ C - one).abs().max().item(), 2)}**, with {A.numel() + B.numel() + C.numel()} weights "
        f"where {x.shape[1] * 3} would do. With {run.operator.name} between them the largest difference is "
        f"**{number((run.f(run.f(x @ A) @ B) @ C - one).abs().max().item())}**."
    )


def in_place(run: Run) -> None:
    """relu over the output of exp, whose backward needs it; and over a leaf."""
    said = []
    for make in (lambda leaf: leaf.exp(), lambda leaf: leaf):
        leaf = run.x.clone().requires_grad_()
        try:
            torch.relu_(make(leaf)).sum().backward()
            said.append("passes")
        except RuntimeError as refusal:
            said.append(f"“{str(refusal).split(':')[0].split('.')[0]}”")
    leaf = run.x.clone()
    torch.relu_(leaf)
    st.markdown(
        f"After `exp`, which needs its output for backward: {said[0]}. On a tensor that requires grad itself: "
        f"{said[1]}. And the input is gone: **{int((leaf != run.x).sum())} of {leaf.numel()}** numbers were "
        "overwritten."
    )


def sigmoid_shrinks(run: Run) -> None:
    """The largest slopes, and their product over ten layers."""
    xs = torch.cat([torch.linspace(-6, 6, 2401), run.x.flatten()])
    most = {name: slope_of(ALL[name].manual, xs).max().item() for name in ("sigmoid", "tanh", "relu")}
    here = slope_of(ALL["sigmoid"].manual, run.x).mean().item()
    st.markdown(
        f"Its slope is **{number(most['sigmoid'])}** at best, at 0, and {number(here)} on average on this input. Ten "
        f"layers multiply: at best **{number(most['sigmoid'] ** 10)}** of the gradient arrive, with tanh "
        f"{number(most['tanh'] ** 10)}, with relu {number(most['relu'] ** 10)}."
    )


def not_monotone(run: Run) -> None:
    """Where gelu and silu are lowest."""
    xs = torch.linspace(-6, 6, 12001, dtype=torch.float64)
    said = []
    for name in ("gelu", "silu"):
        y = ALL[name].manual(xs)
        lowest = int(y.argmin())
        said.append(f"{name} is lowest at x = **{number(xs[lowest].item(), 4)}**, with {number(y[lowest].item(), 4)}")
    falling = int((slope_of(ALL["gelu"].manual, run.x) < 0).sum())
    st.markdown(
        f"{said[0]}; {said[1]}, and both fall to the left of it: **{falling} of {run.x.numel()}** numbers on screen "
        "would get a gradient of the other sign through gelu. relu, leaky_relu, elu, softplus, tanh and sigmoid "
        "never fall."
    )


# ---- walk, questions, take away --------------------------------------------------------------------------------


def textbook_walk(run: Run) -> None:
    """A textbook version, line by line: the chosen activation's, or relu's."""
    name = run.operator.name
    functions = {"relu": ops.relu_textbook, "tanh": ops.tanh_textbook}
    if name == "sigmoid":
        functions["sigmoid"] = ALL["sigmoid"].textbook  # type: ignore[assignment]
    chosen = name if name in functions else "relu"
    if chosen != name:
        st.caption(f"{name} has no textbook version of its own: this is relu's.")
    panel = "X" if chosen == "relu" else "x"
    x = run.x if run.x.numel() <= 1024 else run.x[:16, :16]
    steps = record(functions[chosen], x, panels=(panel, "return"))
    scale = colour.signed(x)
    walk.show(steps, {panel: scale, "return": scale}, key=f"walk {chosen}")


def questions(run: Run) -> list:
    """Questions on what is on screen."""
    name = run.operator.name
    given = "".join(f", {k} = {v}" for k, v in run.settings.items())

    def value(draw: random.Random) -> Question:
        cell = tuple(draw.randrange(n) for n in run.x.shape)
        return Question(
            f"What is {name}({number(run.x[cell].item())}){given}?", f"{run.y[cell].item():.4g}",
            f"{name}(x) = {FORMULAS[name][0]}.", tolerance=0.03,
        )  # fmt: skip

    def slope(draw: random.Random) -> Question:
        cell = tuple(draw.randrange(n) for n in run.x.shape)
        above = draw.choice((2, -1, 10))
        return Question(
            f"A gradient of {above} arrives at {name}(x) at {cell}, x = {number(run.x[cell].item())}{given}. What "
            "does x receive?",
            f"{above * run.slope[cell].item():.4g}", f"It is multiplied by the slope: {FORMULAS[name][1]}.",
            tolerance=0.03,
        )  # fmt: skip

    def zeros(_: random.Random) -> Question:
        count = int((torch.relu(run.x) == 0).sum())
        return Question(
            f"How many of the {run.x.numel()} numbers on screen would relu make 0, or leave 0?", str(count),
            "All that are not above 0.", tolerance=0.0001,
        )  # fmt: skip

    def deep(draw: random.Random) -> Question:
        layers = draw.choice((3, 5, 8))
        best = slope_of(ALL["sigmoid"].manual, torch.zeros(1)).item() ** layers
        return Question(
            f"Of a gradient of 1, how much at most gets through {layers} sigmoids (weights of 1)?", f"{best:.4g}",
            "Each multiplies by ¼ at most.", tolerance=0.02,
        )  # fmt: skip

    return [value, slope, zeros, deep]


def take(run: Run) -> TakeAway:
    """The run on screen as a script, and its tensors."""
    arguments = ", ".join(["x", *(f"{k}={v!r}" for k, v in run.settings.items())])
    script = Script(
        title=f"Activation: {run.operator.name}",
        inputs={"x": run.x},
        functions=(run.operator.manual,),
        calls=(f"output = {run.operator.manual.__name__}({arguments})",),
        results=("output",),
        reference={"output": f"{run.operator.mirrors}({arguments})"},
    )
    return TakeAway(script, {"x": run.x, "output": run.y, "slope": run.slope})


frame.page("activations", lesson)
