"""A storage as a strip of cells in address order, and dimensions as boxes that merge or do not."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
import torch

from core.figures import colour
from core.figures.heatmap import LARGEST_CELL, Outline, Picture, draw
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
    figure = draw(
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
    )
    figure.data[-1]["text"] = [hover(wanted, address) for address in range(rows * long)]
    figure.update_yaxes(tickvals=list(range(rows)), ticktext=[str(row * long) for row in range(rows)])
    return figure.update_layout(margin_l=34, width=figure.layout.width + 10)


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
    figure = go.Figure(layout=_row_layout(layout.ndim, bool(refusals)))
    for d, (size, stride) in enumerate(zip(layout.shape, layout.stride, strict=True)):
        _box(figure, d, f"<b>dim {d}</b><br>size {size}<br>stride {stride}")
    for d in range(layout.ndim - 1):
        _joint(figure, layout, d, {refusal.left_dim: refusal for refusal in refusals}.get(d))
    return figure


def _box(figure: go.Figure, d: int, text: str) -> None:
    left = d * (BOX_WIDTH + SPACE)
    line = {"color": colour.MUTED, "width": 1.5}
    figure.add_shape(type="rect", x0=left, x1=left + BOX_WIDTH, y0=0, y1=BOX_HEIGHT, line=line)
    figure.add_annotation(text=text, x=left + BOX_WIDTH / 2, y=BOX_HEIGHT / 2, showarrow=False, font_size=12)


def _joint(figure: go.Figure, layout: Layout, d: int, refusal: ViewRefusal | None) -> None:
    """The line between two boxes: the rule in numbers, and whether it holds."""
    left, stride = d * (BOX_WIDTH + SPACE) + BOX_WIDTH, layout.stride[d]
    right = next((r for r in range(d + 1, layout.ndim) if layout.shape[r] != 1), None)
    fits = mergeable(layout, d)
    hue, verdict = (MERGES, "merge") if fits else (BREAKS, "do not merge")
    if right is None or layout.shape[d] == 1:
        rule = "size 1: no step"
    else:
        sign = "=" if stride == layout.stride[right] * layout.shape[right] else "≠"
        rule = f"{stride} {sign} {layout.stride[right]}·{layout.shape[right]}"
    line = {"color": hue, "width": 5 if refusal else 3, "dash": "solid" if fits else "dot"}
    figure.add_shape(type="line", x0=left, x1=left + SPACE, y0=BOX_HEIGHT / 2, y1=BOX_HEIGHT / 2, line=line)
    figure.add_annotation(text=rule, x=left + SPACE / 2, y=BOX_HEIGHT / 2 + 13, showarrow=False, font_size=12)
    figure.add_annotation(text=verdict, x=left + SPACE / 2, y=BOX_HEIGHT / 2 - 13, showarrow=False, font_size=12)
    if refusal:
        figure.add_annotation(
            text=f"new dim {refusal.new_dim} (size {refusal.new_size}) would span both",
            x=left + SPACE / 2, y=-14, showarrow=False, font={"size": 12, "color": hue},
        )  # fmt: skip


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
