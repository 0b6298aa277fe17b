"""A page's board in small, as SVG: the very cells, lines and boxes of its pictures, without their words.

The colours of the cells stay light on both pages, and a thin grey line around each picture holds the palest ones
together on a white one.
"""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.figures import colour
from core.figures.board import Board, Panel

WIDTH, HEIGHT = 240, 92  # pixels of a thumbnail
SIGN, SPACE = 14, 8  # pixels for a sign, and between two pictures
WIDEST = 3.4  # times its height: a longer row of pictures is cut
MOST = 14  # cells along a side: a larger picture shows every second or third of them
POINTS = 48  # of a line
SHADES = 24  # of a scale: enough to see, and few enough to be the same on every machine


@dataclass(frozen=True)
class Area:
    """Where a picture is drawn, in pixels."""

    left: float
    top: float
    width: float
    height: float


def thumbnail(board: Board) -> str:
    """The board's first line of pictures in small; its pictures in a grid where it has one."""
    line = _first_line(board.flow)
    panels = {panel.name: panel for panel in board.panels}
    places = _grid(line, panels) if any("at" in part for part in line) else _cut(_row(line, panels))
    across = max(area.left + area.width for _, area in places)
    down = max(area.top + area.height for _, area in places)
    scale = min(WIDTH / across, HEIGHT / down)
    drawn = "".join(_part(part, panels, _scaled(area, scale)) for part, area in places)
    box = f"-1 -1 {across * scale + 2:.0f} {down * scale + 2:.0f}"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" fill="none">{drawn}</svg>\n'


def _first_line(flow: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    line: list[Mapping[str, Any]] = []
    for part in flow:
        if "words" in part or "break" in part:
            if any("panel" in shown for shown in line):
                break
            continue
        line.append(part)
    return line


def _size(part: Mapping[str, Any], panels: Mapping[str, Panel]) -> tuple[float, float]:
    """Pixels that a part takes on the page, its margins left out."""
    if "panel" not in part:
        return SIGN, SIGN
    layout = panels[part["panel"]].figure.to_dict()["layout"]
    margin = layout.get("margin", {})
    width = layout.get("width") or 440
    return (
        width - margin.get("l", 0) - margin.get("r", 0),
        (layout.get("height") or 300) - margin.get("t", 0) - margin.get("b", 0),
    )


Places = list[tuple[Mapping[str, Any], Area]]


def _row(line: Sequence[Mapping[str, Any]], panels: Mapping[str, Panel]) -> Places:
    sizes = [_size(part, panels) for part in line]
    tallest, left, places = max(height for _, height in sizes), 0.0, []
    for part, (width, height) in zip(line, sizes, strict=True):
        places.append((part, Area(left, (tallest - height) / 2, width, height)))
        left += width + SPACE
    return places


def _cut(places: Places) -> Places:
    """The first pictures of a row, as many as do not make the others too small to be seen."""
    tallest = max(area.height for _, area in places)
    kept = [(part, area) for part, area in places if area.left + area.width <= WIDEST * tallest] or places[:1]
    while len(kept) > 1 and "panel" not in kept[-1][0]:
        kept.pop()  # no sign without what it leads to
    return kept


@dataclass(frozen=True)
class _Placed:
    """A part in a grid: where it begins, how many rows and columns it takes, and its size in pixels."""

    part: Mapping[str, Any]
    at: tuple[int, int]
    span: tuple[int, int]
    size: tuple[float, float]  # height, width


def _grid(line: Sequence[Mapping[str, Any]], panels: Mapping[str, Panel]) -> Places:
    placed = []
    for part in line:
        if "at" in part:
            width, height = _size(part, panels)
            placed.append(_Placed(part, tuple(part["at"][:2]), tuple(part["at"][2:]), (height, width)))
    starts = [_lines(placed, d) for d in (0, 1)]
    return [(p.part, Area(starts[1][p.at[1]], starts[0][p.at[0]], p.size[1], p.size[0])) for p in placed]


def _lines(placed: Sequence[_Placed], d: int) -> dict[int, float]:
    """Where each row (d = 0) or column (d = 1) of a grid begins; a part in several shares its size among them."""
    sizes: dict[int, float] = {}
    for p in placed:
        for line in range(p.at[d], p.at[d] + p.span[d]):
            sizes[line] = max(sizes.get(line, 0.0), p.size[d] / p.span[d])
    lines = sorted(sizes)
    return dict(zip(lines, _starts([sizes[line] for line in lines]), strict=True))


def _starts(sizes: Sequence[float]) -> list[float]:
    return [sum(sizes[:i]) + SPACE * i for i in range(len(sizes))]


def _scaled(area: Area, scale: float) -> Area:
    return Area(area.left * scale, area.top * scale, area.width * scale, area.height * scale)


def _part(part: Mapping[str, Any], panels: Mapping[str, Panel], area: Area) -> str:
    if "panel" in part:
        return _picture(panels[part["panel"]].figure.to_dict(), area)
    middle = f'x="{area.left + area.width / 2:.1f}" y="{area.top + area.height / 2:.1f}"'
    said = part.get("sign", "").replace("&", "&amp;").replace("<", "&lt;")
    style = f'fill="{colour.MUTED}" font-family="sans-serif" font-size="10"'
    return (
        f'<text {middle} {style} text-anchor="middle" dominant-baseline="central">{said}</text>' if said.strip() else ""
    )


def _picture(figure: Mapping[str, Any], area: Area) -> str:
    """All that a figure draws, in its area."""
    layout = figure["layout"]
    x, y = (_axis(figure, name, *span) for name, span in (("x", (area.left, area.left + area.width)),
                                                          ("y", (area.top + area.height, area.top))))  # fmt: skip
    parts = [_shape(shape, x, y) for shape in layout.get("shapes", ()) if shape.get("layer") == "below"]
    for trace in figure["data"]:
        kind = trace.get("type", "scatter")
        if kind == "heatmap":
            parts.append(_cells(trace, area))
        elif kind == "bar":
            parts += _bars(trace, x, y)
        elif kind.startswith("scatter") and "lines" in trace.get("mode", "lines"):
            parts.append(_line(trace, x, y))
    parts += [_shape(shape, x, y) for shape in layout.get("shapes", ()) if shape.get("layer") != "below"]
    return "".join(parts)


def _cells(trace: Mapping[str, Any], area: Area) -> str:
    """A heatmap: one path for each of its shades, and a line around all."""
    z = _numbers(trace["z"])
    step = [max(1, math.ceil(n / MOST)) for n in z.shape]
    z = z[:: step[0], :: step[1]]
    if not np.isfinite(z).any():
        return ""
    low, high = trace.get("zmin", np.nanmin(z)), trace.get("zmax", np.nanmax(z))
    share = np.clip((z - low) / ((high - low) or 1), 0, 1)
    wide, tall = area.width / z.shape[1], area.height / z.shape[0]
    ramp = trace["colorscale"]
    clear = not ramp[0][1].startswith("#")  # the lowest is what lies between the images of a gallery
    shades: dict[int, list[str]] = {}
    for row, column in np.argwhere(np.isfinite(z) & ~(clear & (share == 0))):
        across, down = wide - 0.5, tall - 0.5  # a gap between two cells
        spot = f"M{area.left + column * wide:.1f} {area.top + row * tall:.1f}h{across:.1f}v{down:.1f}h-{across:.1f}z"
        shades.setdefault(round(float(share[row, column]) * SHADES), []).append(spot)
    filled = (
        f'<path fill="{_shade(ramp, shade / SHADES)}" d="{"".join(spots)}"/>' for shade, spots in sorted(shades.items())
    )
    edge = Area(area.left - 0.5, area.top - 0.5, area.width + 0.5, area.height + 0.5)
    return "".join(filled) + f'<rect {_spanned(edge)} stroke="{colour.MUTED}" stroke-opacity=".45" stroke-width=".6"/>'


def _spanned(area: Area) -> str:
    """An area as the attributes of a rectangle."""
    return f'x="{area.left:.1f}" y="{area.top:.1f}" width="{area.width:.1f}" height="{area.height:.1f}"'


def _shade(ramp: Sequence[tuple[float, str]], share: float) -> str:
    hexes = [(place, hue) for place, hue in ramp if hue.startswith("#")]
    stops = [(place, [int(hue[i : i + 2], 16) for i in (1, 3, 5)]) for place, hue in hexes]
    places = [place for place, _ in stops]
    mixed = (round(float(np.interp(share, places, [rgb[i] for _, rgb in stops]))) for i in range(3))
    return "#" + "".join(f"{part:02x}" for part in mixed)


@dataclass(frozen=True)
class Scaling:
    """How an axis's numbers become pixels."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    def __call__(self, value: Any) -> np.ndarray:
        """Pixels of values, kept within the axis."""
        numbers = np.asarray(value, dtype=float)
        with np.errstate(all="ignore"):
            numbers = np.log10(numbers) if self.log else numbers
        share = (numbers - self.low) / ((self.high - self.low) or 1)
        return self.start + np.clip(share, 0, 1) * (self.end - self.start)


def _axis(figure: Mapping[str, Any], name: str, start: float, end: float) -> Scaling:
    axis = figure["layout"].get(f"{name}axis") or {}
    log = axis.get("type") == "log"
    if axis.get("range"):
        low, high = axis["range"]
        return Scaling(float(low), float(high), start, end, log)
    lines = [
        _numbers(t[name]).ravel() for t in figure["data"] if t.get("type") != "heatmap" and _is_numeric(t.get(name))
    ]
    values = np.concatenate(lines) if lines else np.zeros(1)
    with np.errstate(all="ignore"):
        values = np.log10(values) if log else values
    values = values[np.isfinite(values)]
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    if any(t.get("type") == "bar" for t in figure["data"]) and name == "y":
        low = min(low, 0.0)
    return Scaling(float(low), float(high), start, end, log)


def _is_numeric(values: Any) -> bool:
    return values is not None and (
        isinstance(values, dict) or all(isinstance(v, (int, float, np.number)) or v is None for v in values)
    )


def _numbers(values: Any) -> np.ndarray:
    """Numbers as plotly takes them: lists, arrays, or bytes."""
    if not isinstance(values, dict):
        return np.asarray(values, dtype=float)
    flat = np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).astype(float)
    return flat.reshape([int(n) for n in values["shape"].split(",")]) if "shape" in values else flat


def _line(trace: Mapping[str, Any], x: Scaling, y: Scaling) -> str:
    if not _is_numeric(trace.get("x")) or not _is_numeric(trace.get("y")):
        return ""
    across, down = x(_numbers(trace["x"])), y(_numbers(trace["y"]))
    keep = np.unique(np.linspace(0, max(len(across) - 1, 0), min(POINTS, len(across))).astype(int))
    path, pen = [], "M"
    for i in keep:
        if np.isfinite(across[i]) and np.isfinite(down[i]):
            path.append(f"{pen}{across[i]:.1f} {down[i]:.1f}")
            pen = "L"
        else:
            pen = "M"
    line = trace.get("line", {})
    dash = ' stroke-dasharray="3 2"' if line.get("dash", "solid") != "solid" else ""
    return f'<path stroke="{line.get("color", colour.MUTED)}" stroke-width="1.3"{dash} d="{"".join(path)}"/>'


def _bars(trace: Mapping[str, Any], x: Scaling, y: Scaling) -> list[str]:
    heights = y(_numbers(trace["y"]))
    wide = (x.end - x.start) / max(len(heights), 1)
    floor = float(y(0.0))
    hue = trace.get("marker", {}).get("color", colour.MUTED)
    hue = hue if isinstance(hue, str) else colour.MUTED
    return [
        f'<rect fill="{hue}" fill-opacity=".8" '
        f"{_spanned(Area(x.start + i * wide + 0.4, min(h, floor), max(wide - 0.8, 0.4), abs(floor - h)))}/>"
        for i, h in enumerate(heights) if np.isfinite(h)
    ]  # fmt: skip


def _shape(shape: Mapping[str, Any], x: Scaling, y: Scaling) -> str:
    line = shape.get("line", {})
    width = 0 if line.get("width") == 0 else 0.9
    style = f'stroke="{line.get("color", colour.MUTED)}" stroke-width="{width}" fill="{shape.get("fillcolor", "none")}"'
    if shape.get("type") not in ("rect", "line") or shape.get("xref", "x") != "x" or shape.get("yref", "y") != "y":
        return ""
    left, right = sorted((float(x(shape["x0"])), float(x(shape["x1"]))))
    if shape["type"] == "line":
        return (
            f'<path {style} d="M{x(shape["x0"]):.1f} {y(shape["y0"]):.1f}L{x(shape["x1"]):.1f} {y(shape["y1"]):.1f}"/>'
        )
    top, bottom = sorted((float(y(shape["y0"])), float(y(shape["y1"]))))
    return f"<rect {style} {_spanned(Area(left, top, right - left, bottom - top))}/>"
