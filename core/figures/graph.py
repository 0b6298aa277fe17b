"""The autograd graph: its nodes as boxes in layers, the output on top, and what each keeps for backward."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from core.experiments.autograd import Graph, Node
from core.figures import colour
from core.figures.board import Cells, Panel, Relation
from core.figures.drawing import unchecked
from core.words import _, say

WIDTH, NARROWEST = 360, 118  # pixels: of the picture, and of a box
PROJECTED_WIDTH, PROJECTED_GAP = 480, 12  # on a projector: larger letters, and all layers above the fold
MARGIN = 96  # pixels on the right where edges pass that skip a layer
BOX, GAP = 54, 24  # pixels: the height of a box, and between two layers
LINE = 11  # size of the letters
HEAD = 7  # pixels of an arrow's head, at least
EDGE = "#3F7FBF"


def panel(
    graph: Graph, whole: Graph, tensors: Sequence[str], notes: Mapping[str, str], projector: bool = False
) -> tuple[Panel, list[Relation]]:  # fmt: skip
    """The graph as a board's picture, and how its nodes hang together with tensors, counted in the order given.

    A node is tied to the tensors that it keeps for backward, and to the one that it made (or whose .grad it adds into).
    """
    nodes = _recorded(graph, whole)
    kept = [(i, tensors.index(saved.tensor)) for i, node in enumerate(nodes) if node for saved in node.saved
            if saved.tensor in tensors]  # fmt: skip
    made = [(i, tensors.index(node.tensor)) for i, node in enumerate(nodes) if node and node.tensor in tensors]
    boxes, _, _ = _places(whole, *((PROJECTED_WIDTH, PROJECTED_GAP) if projector else (WIDTH, GAP)))
    said = [_said(node, planned) for node, planned in zip(nodes, whole.nodes, strict=True)]
    drawn_as = [(left, right, top, bottom) for left, top, right, bottom in boxes]
    cells = Cells("node", (len(boxes),), texts=said, notes=said, boxes=drawn_as)
    ties = [Relation("node tensor", _pairs(kept)), Relation("node tensor", _pairs(made), "origin")]
    return Panel("graph", draw(graph, whole, notes, projector), describe(graph), cells), ties


def _pairs(rows: Sequence[tuple[int, int]]) -> np.ndarray:
    return np.array(sorted(set(rows)), dtype=np.int64).reshape(-1, 2)


def _said(node: Node | None, planned: Node) -> str:
    """What a node does, in a sentence."""
    if node is None:
        return say("`{name}` was not recorded: no gradient passes here", name=planned.name)
    if node.is_leaf:
        leaf = node.tensor or _("the leaf")
        return say("`{name}` adds the gradient that arrives into `{leaf}.grad`", name=node.name, leaf=leaf)
    made = say("`{name}` made {tensor}; it" if node.tensor else "`{name}`", node)
    return (
        say("{made} has let go of what it kept", made=made)
        if node.freed
        else say("{made} keeps {kept} for backward", made=made, kept=_kept(node) or _("nothing"))
    )


def draw(
    graph: Graph, whole: Graph | None = None, notes: Mapping[str, str] | None = None, projector: bool = False
) -> go.Figure:  # fmt: skip
    """The graph, arrows along the way of the gradient, from the output down to the leaves.

    Nodes and edges of `whole` that are missing in `graph` are drawn broken: not recorded. `notes` are second lines for
    the boxes, by the name of their tensor.
    """
    whole = whole or graph
    least, gap = (PROJECTED_WIDTH, PROJECTED_GAP) if projector else (WIDTH, GAP)
    boxes, height, width = _places(whole, least, gap)
    nodes = _recorded(graph, whole)
    ids = [node.id if node else None for node in nodes]
    marks = [_edge(boxes, gap, i, j, (ids[i], ids[j]) in graph.edges) for i, j in whole.edges]
    marks += [
        _box(box, node, planned, (notes or {}).get(planned.tensor, ""))
        for node, planned, box in zip(nodes, whole.nodes, boxes, strict=True)
    ]
    drawn = {"shapes": [shape for shape, _ in marks], "annotations": [note for _, note in marks]}
    return unchecked([{"type": "scatter", "x": [], "y": []}], _layout(width, height) | drawn)


def layers(graph: Graph) -> list[int]:
    """For each node its depth: the longest way from the output."""
    depth = [0] * len(graph.nodes)
    for _round in graph.nodes:  # as many rounds as the longest way can have edges
        for i, j in graph.edges:
            depth[j] = max(depth[j], depth[i] + 1)
    return depth


def describe(graph: Graph) -> str:
    """The graph in words."""
    if not graph.nodes:
        return _("No graph: the output has no grad_fn")
    said = [f"{node.name}{f' ({node.tensor})' if node.tensor else ''}{_aloud(node)}" for node in graph.nodes]
    return say(
        "Graph of {count} nodes from the output to the leaves: {terms}", count=len(graph.nodes), terms="; ".join(said)
    )


def _aloud(node: Node) -> str:
    return say(", keeps {kept}", kept=_kept(node)) if node.saved else ""


def _recorded(graph: Graph, whole: Graph) -> list[Node | None]:
    """For each node of `whole` that of `graph`, or None: by the tensor's name, without one the first MulBackward0, …"""
    recorded = dict(zip(_keys(graph), graph.nodes, strict=True))
    return [recorded.get(key) for key in _keys(whole)]


def _keys(graph: Graph) -> list[tuple[str, int]]:
    """What a node is called, and how many of the nodes before it are called the same."""
    called = [node.tensor or node.name for node in graph.nodes]
    return [(name, called[:i].count(name)) for i, name in enumerate(called)]


def _kept(node: Node) -> str:
    kept = ((f"{saved.name} = {saved.tensor}" if saved.tensor else saved.name, saved.nbytes) for saved in node.saved)
    return ", ".join(f"{name} {nbytes} B" for name, nbytes in kept)


Box = tuple[float, float, float, float]  # left, top, right, bottom


def _places(graph: Graph, least: int = WIDTH, gap: int = GAP) -> tuple[list[Box], int, int]:
    """A box for each node, and the height and width of the picture, at least so many pixels wide."""
    depth = layers(graph)
    most = max((depth.count(d) for d in depth), default=1)
    width = max(least, most * (NARROWEST + 8))
    boxes: list[Box] = []
    for i, layer in enumerate(depth):
        beside = [j for j, d in enumerate(depth) if d == layer]
        room = (width - MARGIN) if len(beside) == 1 else width
        wide = room / len(beside)
        left = beside.index(i) * wide
        top = layer * (BOX + gap)
        boxes.append((left + 2, top + 1.0, left + wide - 4, float(top + BOX)))
    return boxes, (max(depth, default=0) + 1) * (BOX + gap) - gap + 2, width


def _box(box: Box, node: Node | None, planned: Node, note: str) -> tuple[dict, dict]:
    """A border, and what stands in it."""
    left, top, right, bottom = box
    line = {"color": EDGE, "width": 1.5} if node else {"color": colour.MUTED, "width": 1.2, "dash": "dot"}
    title = f"<b>{planned.tensor}</b> · {planned.name}" if planned.tensor else planned.name
    lines = [title, *_lines(node, note)] if node else [title, _("<i>not recorded</i>")]
    text = {"text": "<br>".join(lines), "font": {"size": LINE}, "showarrow": False, "align": "left"}
    place = {"x": left + 6, "y": (top + bottom) / 2, "xanchor": "left", "yanchor": "middle"}
    return {"type": "rect", "x0": left, "x1": right, "y0": top, "y1": bottom, "line": line}, text | place


def _lines(node: Node, note: str) -> list[str]:
    if node.is_leaf:
        return [say("adds into {leaf}.grad", leaf=node.tensor or _("the leaf")), *([note] if note else [])]
    shape = say("shape {shape}", shape=str(node.shape)) if node.shape is not None else ""
    kept = _("has let go of what it kept") if node.freed else say("keeps {kept}", kept=_kept(node) or _("nothing"))
    return [" · ".join(part for part in (shape, note) if part), kept]


def _edge(boxes: list[Box], gap: int, i: int, j: int, recorded: bool) -> tuple[dict, dict]:
    """A line to the next layer, or around the layers between, and the head of its arrow."""
    line = {"color": EDGE, "width": 2} if recorded else {"color": colour.MUTED, "width": 1.2, "dash": "dot"}
    (left, top, right, bottom), (to_left, to_top, to_right, _) = boxes[i], boxes[j]
    if to_top - bottom > gap + 2:
        out, start, end = max(right, to_right) + MARGIN / 2, (top + bottom) / 2, to_top + BOX / 2
        way = f"M {right} {start} Q {out} {start} {out} {(start + end) / 2} Q {out} {end} {to_right + 8} {end}"
        tail, tip = (to_right + 16, end), (to_right, end)
    else:
        middle = (to_left + to_right) / 2
        start, tip = min(max(middle, left + 10), right - 10), (middle, to_top)
        way = f"M {start} {bottom} L {middle} {to_top - 6}"
        reach = max(0.3 * gap, HEAD)
        tail = (middle - reach / gap * (middle - start), to_top - reach)
    ends = {"x": tip[0], "y": tip[1], "ax": tail[0], "ay": tail[1]}
    head = ends | {"xref": "x", "yref": "y", "axref": "x", "ayref": "y"}
    look = {"showarrow": True, "arrowhead": 2, "arrowwidth": line["width"], "arrowcolor": line["color"], "text": ""}
    return {"type": "path", "path": way, "line": line}, head | look


def _layout(width: int, height: int) -> dict:
    hidden = {"visible": False, "fixedrange": True}
    return {
        "template": None,
        "width": width,
        "height": height,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": hidden | {"range": [0, width]},
        "yaxis": hidden | {"range": [height, 0]},
        "showlegend": False,
        "dragmode": False,
    }
