"""A storage as a strip of cells in address order, and dimensions as boxes that merge or do not."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
import torch

from core.figures import colour
from core.figures.heatmap import LARGEST_CELL, Outline, Picture, draw, unchecked
from core.ops.layout import Layout, ViewRefusal, mergeable

SHORTEST_ROW, LONGEST_ROW = 8, 32  # cells of a strip side by side
BOX_WIDTH, BOX_HEIGHT, SPACE = 104, 56, 116  # pixels of a dimension's box, and from one box to the next
MERGES, BREAKS = "#009E73", "#D55E00"


@dataclass(frozen=True)
class Strip:
    """A storage to draw: what each cell holds, which cells are read, and what picking a cell reports."""

    name: str
    texts: Sequence[str]  # one for each cell, in address order
    picks: Mapping[int, str]  # address -> what picking it reports; a cell that is not here is not read
    outlined: Collection[int] = ()
    title: str = ""


def row_length(cells_a_line: int) -> int:
    """How many cells a row of the strip holds: a cache line's, as far as that can be read."""
    return min(max(cells_a_line, SHORTEST_ROW), LONGEST_ROW)


def strip(wanted: Strip, cells_a_line: int, width: int = 890) -> go.Figure:
    """The storage in rows of a cache line each, coloured by address as the tensor is; unread cells are grey."""
    count = len(wanted.texts)
    long = min(row_length(cells_a_line), max(count, SHORTEST_ROW))
    rows = -(-count // long)
    places = [divmod(address, long) for address in range(rows * long)]
    addresses = torch.arange(rows * long, dtype=torch.float64)
    addresses[count:] = torch.nan
    drawn = draw(
        Picture(
            wanted.name,
            addresses.reshape(rows, long),
            colour.identity(count),
            wanted.title,
            outlines=[Outline([places[address]]) for address in sorted(wanted.outlined)],
            texts=[*wanted.texts, *[""] * (rows * long - count)],
            muted=[places[address] for address in range(count) if address not in wanted.picks],
            pickable=True,
            picks=[wanted.picks.get(address, "") for address in range(rows * long)],
        ),
        min(LARGEST_CELL - 8, (width - 60) // long),
    ).to_dict()
    traces, layout = drawn["data"], drawn["layout"]
    traces[-1]["text"] = [hover(wanted, address) for address in range(rows * long)]
    layout["yaxis"] |= {"tickvals": list(range(rows)), "ticktext": [str(row * long) for row in range(rows)]}
    layout["margin"] |= {"l": 34}
    layout["width"] += 10
    return unchecked(traces, layout)


def hover(wanted: Strip, address: int) -> str:
    """What a cell of the strip says."""
    if address >= len(wanted.texts):
        return ""
    unread = "" if address in wanted.picks else ", not read by this tensor"
    return f"address {address}: {wanted.texts[address]}{unread}"


def dimensions(layout: Layout, refusals: Sequence[ViewRefusal] = ()) -> go.Figure:
    """A tensor's dimensions as boxes, and between neighbours whether one stride could walk both.

    Pairs that a refused view would have to merge are marked.
    """
    refused = {refusal.left_dim: refusal for refusal in refusals}
    joints = range(layout.ndim - 1)
    shapes = [_box(d) for d in range(layout.ndim)] + [_line(layout, d, d in refused) for d in joints]
    words = [_inside(layout, d) for d in range(layout.ndim)]
    words += [word for d in joints for word in _rule(layout, d)] + [_span(refusal) for refusal in refusals]
    unseen = {"type": "scatter", "x": [0], "y": [0], "mode": "markers", "marker": {"opacity": 0}, "hoverinfo": "skip"}
    placed = {"shapes": shapes, "annotations": words}
    return unchecked([unseen], _row_layout(layout.ndim, bool(refusals)) | placed)


def _box(d: int) -> dict:
    left = d * (BOX_WIDTH + SPACE)
    line = {"color": colour.MUTED, "width": 1.5}
    return {"type": "rect", "x0": left, "x1": left + BOX_WIDTH, "y0": 0, "y1": BOX_HEIGHT, "line": line}


def _inside(layout: Layout, d: int) -> dict:
    text = f"<b>dim {d}</b><br>size {layout.shape[d]}<br>stride {layout.stride[d]}"
    return _word(text, d * (BOX_WIDTH + SPACE) + BOX_WIDTH / 2, BOX_HEIGHT / 2)


def _line(layout: Layout, d: int, refused: bool) -> dict:
    """The line between two boxes, whole where one stride walks both."""
    left, fits = _joint(d), mergeable(layout, d)
    line = {"color": MERGES if fits else BREAKS, "width": 5 if refused else 3, "dash": "solid" if fits else "dot"}
    return {"type": "line", "x0": left, "x1": left + SPACE, "y0": BOX_HEIGHT / 2, "y1": BOX_HEIGHT / 2, "line": line}


def _rule(layout: Layout, d: int) -> list[dict]:
    """The rule in numbers, above the line, and below it whether it holds."""
    right = next((r for r in range(d + 1, layout.ndim) if layout.shape[r] != 1), None)
    if right is None or layout.shape[d] == 1:
        rule = "size 1: no step"
    else:
        sign = "=" if layout.stride[d] == layout.stride[right] * layout.shape[right] else "≠"
        rule = f"{layout.stride[d]} {sign} {layout.stride[right]}·{layout.shape[right]}"
    middle = _joint(d) + SPACE / 2
    verdict = "merge" if mergeable(layout, d) else "do not merge"
    return [_word(rule, middle, BOX_HEIGHT / 2 + 13), _word(verdict, middle, BOX_HEIGHT / 2 - 13)]


def _span(refusal: ViewRefusal) -> dict:
    text = f"new dim {refusal.new_dim} (size {refusal.new_size}) would span both"
    return _word(text, _joint(refusal.left_dim) + SPACE / 2, -14)


def _joint(d: int) -> int:
    return d * (BOX_WIDTH + SPACE) + BOX_WIDTH


def _word(text: str, x: float, y: float) -> dict:
    return {"text": text, "x": x, "y": y, "showarrow": False, "font": {"size": 12}}


def _row_layout(count: int, marked: bool) -> dict:
    across = count * BOX_WIDTH + (count - 1) * SPACE
    below = 26 if marked else 4
    hidden = {"visible": False, "fixedrange": True}
    return {
        "template": None,
        "width": max(across + 16, 330),
        "height": BOX_HEIGHT + below + 8,
        "margin": {"l": 2, "r": 2, "t": 2, "b": 2},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": hidden | {"range": [-4, max(across, 318) + 4]},
        "yaxis": hidden | {"range": [-below, BOX_HEIGHT + 4]},
        "showlegend": False,
        "dragmode": False,
    }
