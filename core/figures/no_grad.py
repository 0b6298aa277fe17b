"""Pictures of an expression under contexts: its graph beside its tensors, and what a network saves."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from core import words
from core.experiments.autograd import CALLS, Expression, Graph
from core.experiments.no_grad import NetworkMemory
from core.figures import board, colour, curves, graph
from core.figures.board import Panel, Relation
from core.figures.heatmap import PROJECTED_TEXT, SMALLEST_TEXT, Picture
from core.figures.montage import PROJECTED
from core.words import N_, _, say
from core.words.numbers import number

NAME_SPACE, SIDE = 36, 36  # pixels: for the names beside the tensors, and of a cell


def values_of(run: Expression) -> dict[str, Tensor]:
    """The tensors that were made, by name, each as a vector."""
    given = {"x": run.x, "w": run.w} | {facts.name: facts.values for facts in run.tensors}
    return {name: values.detach().reshape(-1) for name, values in given.items()}


def expression(
    run: Expression, whole: Graph, function: str, after: bool, projector: bool
) -> tuple[Panel, Panel, list[Relation]]:
    """The graph as torch recorded it, what `whole` has besides broken, and the tensors, tied by what a node keeps."""
    shown, values = run.graph_after if after else run.graph, values_of(run)
    arrived = {"x": run.x_grad, "w": run.w_grad} if after else {"x": None, "w": None}
    notes = {name: f"{name}.grad = {listed(gradient)}" for name, gradient in arrived.items()}
    notes |= {facts.name: listed(facts.values) for facts in run.tensors}
    nodes, ties = graph.panel(shown, whole, list(values), notes, projector)
    picks = [f"graph[{i}]" for i in range(len(whole.nodes))]
    return replace(nodes, picks=picks), tensors(run, function, shown, projector), ties


def tensors(run: Expression, function: str, shown: Graph, projector: bool = False) -> Panel:
    """The tensors as the rows of one picture, with the arithmetic of each number and which nodes keep it."""
    values = values_of(run)
    count = max(map(len, values.values()))
    cells = [(name, i) for name in values for i in range(count)]
    there = [i < len(values[name]) for name, i in cells]
    rows = torch.stack([torch.nn.functional.pad(row.double(), (0, count - len(row))) for row in values.values()])
    keepers = {name: [n.name for n in shown.nodes if any(saved.tensor == name for saved in n.saved)] for name in values}
    notes = [
        arithmetic(values, name, min(i, len(values[name]) - 1), function) + kept_by(keepers[name]) for name, i in cells
    ]
    picture = Picture(
        "tensors", rows, colour.signed(rows[:4]), "the tensors",
        texts=[number(rows.flatten()[k].item()) if there[k] else "" for k in range(len(cells))],
        muted=[divmod(k, count) for k in range(len(cells)) if not there[k]],
        axes="tensor i", notes=notes, group="tensor",
        picks=[f"{name}[{min(i, len(values[name]) - 1)}]" for name, i in cells],
    )  # fmt: skip
    side, least = (int(SIDE * PROJECTED), PROJECTED_TEXT) if projector else (SIDE, SMALLEST_TEXT)
    return board.with_row_names(board.panel(picture, side, pick=True, least=least), list(values), NAME_SPACE)


def arithmetic(values: Mapping[str, Tensor], name: str, i: int, function: str) -> str:
    """What one number was computed from."""
    result = number(values[name][i].item())
    if name in ("x", "w"):
        return say("`{name}[{i}]` = **{result}** is given", name=name, i=i, result=result)
    if name == "y":
        pairs = zip(values["a"].tolist(), values["h"].tolist(), strict=True)
        return f"`y` = {' + '.join(f'{number(a)}·{in_brackets(h)}' for a, h in pairs)} = **{result}**"
    if name == "h":
        x, w = (values[factor][i % len(values[factor])].item() for factor in "xw")
        return f"`h[{i}]` = {number(x)} · {in_brackets(w)} = **{result}**"
    h = number(values["h"][i].item())
    call = function.replace("h", f"h[{i}]", 1)
    return say("`a[{i}]` = `{call}` with h[{i}] = {h} = **{result}**", i=i, call=call, h=h, result=result)


def in_brackets(value: float) -> str:
    """A factor, in brackets where it is negative."""
    return f"({number(value)})" if value < 0 else number(value)


def kept_by(nodes: list[str]) -> str:
    """Who keeps a tensor for backward."""
    named = words.listed([f"`{name}`" for name in nodes])
    keep = N_("; {named} keeps it for backward") if len(nodes) == 1 else N_("; {named} keep it for backward")
    return say(keep, named=named) if nodes else ""


def listed(values: Tensor | None) -> str:
    """Numbers as Python lists them."""
    if values is None:
        return "None"
    numbers = [number(value) for value in values.flatten().tolist()]
    return f"[{', '.join(numbers)}]" if values.dim() else numbers[0]


def network(found: NetworkMemory) -> Panel:
    """The bytes that a network saves under each context, in training and in eval, as bars."""
    names = ["recorded", *(call.replace("set_grad_", "set_grad_<br>") for call in CALLS.values())]
    modes = {"train()": found.train, "eval()": found.eval}
    kilobytes = {name: (names, [nbytes / 1000 for nbytes in saved.values()]) for name, saved in modes.items()}
    title = _("What a forward pass saves")
    bars = curves.bars(kilobytes, curves.Axis(), curves.Axis("kB saved for backward"), title=title)
    said = "; ".join(
        f"{name} {', '.join(f'{context} {nbytes}' for context, nbytes in saved.items())}"
        for name, saved in modes.items()
    )
    return Panel("network", bars, say("Bytes saved for backward: {said}", said=said), stretch=True)
