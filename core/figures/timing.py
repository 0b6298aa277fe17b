"""Times of calls: against size, as ratios to torch, and as a table of ratios over all operators."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import torch

from core.figures import colour
from core.figures.board import Box
from core.figures.curves import GRID
from core.figures.drawing import unchecked
from core.ops.convolution import conv2d, corr2d
from core.words import Words, _

# One colour a version wherever times are drawn: Okabe and Ito's, as the curves'.
COLOURS = {"textbook": "#CC79A7", "manual": "#D55E00", "compiled": "#009E73", "torch": "#0072B2"}
MARKS = {"textbook": "diamond", "manual": "circle", "compiled": "triangle-up", "torch": "square"}
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")  # one a run, the newest first
CLEAR = "rgba(0,0,0,0)"
SMALL = {"size": 11}
ALL_BARS = 0.6  # of the room of a size: how wide its bars are together


# ---- against size ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Series:
    """One version in one run: a value for each size, and how far its quartiles reach."""

    name: str
    version: str  # a key of COLOURS
    sizes: Sequence[int]
    values: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    run: int = 0  # 0 is the newest; older ones are dashed


def against_size(
    series: Sequence[Series], *, title: Words, x: Words, unit: str, note: Words = "", limit: Series | None = None
) -> go.Figure:
    """Values against size, both axes logarithmic; bars reach from the first quartile to the third.

    `note` stands under the title; `limit` is a dotted line that nothing should be able to pass.
    """
    lines = [_line(one, unit) for one in series if one.values]
    if limit and limit.values:
        lines.append(_limit(limit, unit))
    sizes = sorted({size for one in series for size in one.sizes})
    layout = _layout(title, note, x) | {"hovermode": "x unified"}
    layout["xaxis"] |= {"type": "log", "tickmode": "array", "tickvals": sizes, "ticktext": [f"{n:,}" for n in sizes]}
    layout["xaxis"] |= {"range": list(_around(sizes))} if sizes else {}
    layout["yaxis"] |= {"type": "log", "dtick": 1, "tickformat": "~s", "ticksuffix": unit}
    return unchecked(lines, layout)


def _line(one: Series, unit: str) -> dict:
    middle = np.array(one.values)
    bars = {"array": np.array(one.high) - middle, "arrayminus": middle - np.array(one.low)} if one.low else {}
    return {
        "type": "scatter",
        "name": one.name,
        "x": list(one.sizes),
        "y": middle,
        "mode": "lines+markers",
        "line": {"color": COLOURS[one.version], "width": 2, "dash": DASHES[one.run % len(DASHES)]},
        "marker": {"size": 8, "symbol": MARKS[one.version] + ("" if one.run == 0 else "-open")},
        "opacity": 1 if one.run == 0 else 0.75,
        "hovertemplate": f"%{{y:.3s}}{unit}",
        **({"error_y": {"type": "data", "symmetric": False, "thickness": 1.5, "width": 4, **bars}} if bars else {}),
    }


def _limit(limit: Series, unit: str) -> dict:
    return {
        "type": "scatter",
        "name": limit.name,
        "x": list(limit.sizes),
        "y": np.array(limit.values),
        "mode": "lines+markers",
        "line": {"color": colour.MUTED, "width": 2, "dash": "dot"},
        "marker": {"symbol": "line-ew-open", "size": 14, "color": colour.MUTED},
        "hovertemplate": f"%{{y:.3s}}{unit}",
    }


def _around(sizes: Sequence[int]) -> tuple[float, float]:
    """A logarithmic axis over the sizes with some air, one alone in the middle."""
    low, high = np.log10(sizes[0]), np.log10(sizes[-1])
    air = 0.08 * (high - low) or 0.5
    return float(low - air), float(high + air)


# ---- ratios to torch -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bar:
    """A version's time ÷ torch's at one size, and what the quartiles let it be."""

    size: int
    ratio: float
    low: float
    high: float


def ratio_bars(bars: Mapping[str, Sequence[Bar]], *, title: Words, x: Words) -> go.Figure:
    """Bars of each version for each size; a line where it takes as long as torch."""
    sizes = sizes_of(bars)
    width = ALL_BARS / max(len(bars), 1)
    traces = [_bars(version, some, bar_places(bars, version), width) for version, some in bars.items()]
    even = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 1, "y1": 1, "line": {"color": COLOURS["torch"]}}
    layout = _layout(title, "the line: as fast as torch", x) | {"shapes": [even], "showlegend": len(bars) > 1}
    layout["xaxis"] |= {
        "tickmode": "array", "tickvals": list(range(len(sizes))), "ticktext": [f"{size:,}" for size in sizes],
        "range": [-0.6, len(sizes) - 0.4],
    }  # fmt: skip
    layout["yaxis"] |= {"rangemode": "tozero"}
    return unchecked(traces, layout)


def sizes_of(bars: Mapping[str, Sequence[Bar]]) -> list[int]:
    """The sizes that any version has a bar for, in their order along the axis."""
    return sorted({bar.size for version in bars.values() for bar in version})


def bar_places(bars: Mapping[str, Sequence[Bar]], version: str) -> list[float]:
    """Where a version's bars stand on the axis: side by side about the number of their size."""
    at, sizes, room = list(bars).index(version), sizes_of(bars), ALL_BARS / len(bars)
    return [sizes.index(bar.size) + (at - (len(bars) - 1) / 2) * room for bar in bars[version]]


def _bars(version: str, bars: Sequence[Bar], places: Sequence[float], width: float) -> dict:
    spread = {"array": [b.high - b.ratio for b in bars], "arrayminus": [b.ratio - b.low for b in bars]}
    return {
        "type": "bar",
        "name": version,
        "x": places,
        "y": np.array([bar.ratio for bar in bars]),
        "width": width,
        "marker": {"color": COLOURS[version], "opacity": 0.85},
        "error_y": {"type": "data", "symmetric": False, "thickness": 1.5, "width": 4, **spread},
        "hovertemplate": "%{y:.3g}<extra></extra>",
    }


# ---- the table over all operators ------------------------------------------------------------------------------

LONGEST_NAME = 18  # letters of an operator's name beside its row; the hover says it whole
CELL_WIDTH, ROW_HEIGHT, HEAD_LINE = 54, 15, 22  # pixels; a line of a column's title
REACH = 4.0  # the colours end at 16 times as slow or as fast


@dataclass(frozen=True)
class Cell:
    """What a cell of the table says: a ratio, or in words why there is none."""

    text: str
    ratio: float | None = None
    hover: str = ""


def ratio_table(rows: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[Cell]]) -> go.Figure:
    """A row for each operator, a column for each version; blue is faster than torch, orange slower."""
    ratios = np.array([[np.nan if c.ratio is None else np.log2(c.ratio) for c in row] for row in cells])
    texts = np.array([[c.text for c in row] for row in cells], dtype=object)
    without = np.where(np.isnan(ratios), 0.0, np.nan)
    traces = [
        _coloured(np.clip(ratios, -REACH, REACH), np.where(np.isnan(ratios), "", texts).tolist(), colour.SIGNED),
        _coloured(without, np.where(np.isnan(ratios), texts, "").tolist(), [colour.EMPTY] * 2),
    ]
    return unchecked(traces, _table_layout(rows, columns))


def _coloured(z: np.ndarray, texts: Sequence[Sequence[str]], colours: Sequence[str]) -> dict:
    return {
        "type": "heatmap",
        "z": np.round(z, 3),
        "zmin": -REACH,
        "zmax": REACH,
        "colorscale": [(i / (len(colours) - 1), c) for i, c in enumerate(colours)],
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
        "text": texts,
        "texttemplate": "%{text}",
        "textfont": {"size": 12, "color": colour.INK},
        "hoverinfo": "skip",
    }


def table_boxes(rows: int, columns: int) -> list[Box]:
    """Where the cells of a table stand, row by row."""
    return [(c - 0.5, c + 0.5, r - 0.5, r + 0.5) for r in range(rows) for c in range(columns)]


def _table_layout(rows: Sequence[str], columns: Sequence[str]) -> dict:
    named = [shortened(name) for name in rows]
    left = 12 + round(6.9 * max(map(len, named), default=0))
    head = HEAD_LINE * max((name.count("<br>") + 1 for name in columns), default=1)
    axis = {"showgrid": False, "zeroline": False, "ticks": "", "fixedrange": True, "tickmode": "array"}
    return {
        "template": None,
        "width": left + CELL_WIDTH * len(columns) + 4,
        "height": head + ROW_HEIGHT * len(rows) + 6,
        "margin": {"l": left, "t": head, "r": 4, "b": 6, "pad": 2},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "xaxis": axis
        | _labels(columns)
        | {"side": "top", "range": [-0.5, len(columns) - 0.5], "tickangle": 0},
        "yaxis": axis | _labels(named) | {"range": [len(rows) - 0.5, -0.5]},
        "dragmode": False,
        "showlegend": False,
    }  # fmt: skip


def _labels(names: Sequence[str]) -> dict:
    return {"tickvals": list(range(len(names))), "ticktext": list(names), "tickfont": {"size": 12}}


def shortened(name: str) -> str:
    """A long name without its middle."""
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[: LONGEST_NAME - 8]}…{name[-7:]}"


# ---- shared ----------------------------------------------------------------------------------------------------


def _layout(title: Words, note: Words, x: Words) -> dict:
    axis = {"gridcolor": GRID, "zerolinecolor": GRID, "fixedrange": True, "automargin": True}
    return {
        "template": None,
        "height": 350,
        "margin": {"l": 50, "t": 100, "r": 12, "b": 44},
        "title": {
            "text": _(title), "font": {"size": 14}, "x": 0, "xref": "container", "y": 0.99, "yanchor": "top",
            "subtitle": {"text": _(note), "font": SMALL | {"color": colour.MUTED}},
        },
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "xaxis": axis | {"title": {"text": _(x), "font": {"size": 12}}},
        "yaxis": dict(axis),
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": SMALL},
        "showlegend": True,
        "dragmode": False,
    }  # fmt: skip


def thumbnail() -> go.Figure:
    """Three ways to one convolution, each timed just now: the least of five calls."""
    x, kernel = torch.ones(6, 6), torch.ones(2, 2)
    ways: dict[str, Callable[[], object]] = {
        "textbook": lambda: corr2d(x, kernel),
        "manual": lambda: conv2d(x[None, None], kernel[None, None]),
        "torch": lambda: torch.nn.functional.conv2d(x[None, None], kernel[None, None]),
    }
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": list(ways),
        "x": [1e6 * min(_seconds(call) for _ in range(5)) for call in ways.values()],
        "marker": {"color": [COLOURS[name] for name in ways]},
        "hovertemplate": "%{x:.3g} µs<extra></extra>",
    }
    axis = {"fixedrange": True, "showgrid": False, "zeroline": False}
    layout = {
        "template": None, "width": 248, "height": 113, "margin": {"l": 64, "t": 4, "r": 4, "b": 4},
        "paper_bgcolor": CLEAR, "plot_bgcolor": CLEAR, "dragmode": False,
        "xaxis": axis | {"showticklabels": False}, "yaxis": axis | {"autorange": "reversed", "tickfont": {"size": 12}},
    }  # fmt: skip
    return unchecked([bars], layout)


def _seconds(call: Callable[[], object]) -> float:
    before = time.perf_counter()
    call()
    return time.perf_counter() - before
