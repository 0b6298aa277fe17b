"""A pooling on screen: what each window holds, which of its cells wins, and what an average divides by."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from core.figures import colour
from core.figures.heatmap import Index, Outline, Picture, number
from core.figures.windows import LARGEST_WITH_NUMBERS, MOST_TERMS, Windows, factor, padding_cells
from core.ops import pooling as ops
from core.ops.operator import Call
from core.tensors.limits import times

MAX_SETTINGS = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
AVERAGE_SETTINGS = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")
KINDS = ("max", "average")


@dataclass(frozen=True)
class Pool:
    """One kind of pooling of one channel, and how its result came about."""

    kind: str  # of KINDS
    padded: Tensor  # (H', W'): −inf or 0 around the input, as far as the windows reach
    output: Tensor  # (h, w)
    windows: Windows
    winners: Tensor | None  # (h, w), of a maximum: each window's winner as a position in the flattened H·W
    divisors: Tensor | None  # (h, w), of an average

    def winner(self, cell: Index, width: int) -> Index:
        """The input cell (y, x) that is the maximum of this output's window; `width` is the input's."""
        assert self.winners is not None
        return divmod(int(self.winners[cell]), width)

    def holds(self, cell: Index) -> bool:
        """Whether the output has this cell."""
        return all(i < n for i, n in zip(cell, self.output.shape, strict=True))


@dataclass(frozen=True)
class Run:
    """What is on screen: both poolings of one channel."""

    x: Tensor  # (H, W)
    settings: dict[str, Any]  # of both; dilation is of the maximum alone, count_include_pad of the average
    max: Pool
    average: Pool

    @property
    def pools(self) -> tuple[Pool, Pool]:
        """Both, the maximum first."""
        return self.max, self.average

    @property
    def as_image(self) -> bool:
        """Whether the input is too large for numbers in its cells."""
        return max(self.x.shape) > LARGEST_WITH_NUMBERS

    def call(self, kind: str) -> Call:
        """The arguments of max_pool2d or avg_pool2d, with one channel."""
        return Call((self.x[None],), settings_of(kind, self.settings))

    @property
    def largest(self) -> tuple[int, int]:
        """Rows and columns that hold the cells of both outputs."""
        down, across = (max(self.max.output.shape[d], self.average.output.shape[d]) for d in (0, 1))
        return down, across


def settings_of(kind: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Of all settings those that this kind of pooling has."""
    return {name: settings[name] for name in (MAX_SETTINGS if kind == "max" else AVERAGE_SETTINGS)}


PADDING_ALONE = (
    "dilation makes a window that holds padding alone. torch takes it, gives −inf and an index outside the input, and "
    "its backward then writes outside the tensor: the process may end. Lower dilation or padding, or raise the size."
)


def pool(x: Tensor, settings: dict[str, Any]) -> Run:
    """Run both poolings on one channel (H, W) and keep their steps. RuntimeError where the settings don't fit."""
    given = settings_of("max", settings)
    wide, close = ops.windows_of(x[None], **given), ops.windows_of(x[None], **(given | {"dilation": 1}))
    if not wide.all_hold_input():
        raise RuntimeError(PADDING_ALONE)
    highest = ops.max_pool2d_steps(x[None], wide)
    mean = ops.avg_pool2d_steps(x[None], close, settings["count_include_pad"])
    winners = ops.winners(highest.padded, wide)[0]
    divisors = torch.as_tensor(mean.divisor).expand(close.outputs)
    return Run(
        x,
        settings,
        Pool("max", highest.padded[0], highest.output[0], placed(wide, highest.padded), winners, None),
        Pool("average", mean.padded[0], mean.output[0], placed(close, mean.padded), None, divisors),
    )


def placed(windows: ops.Windows, padded: Tensor) -> Windows:
    """The windows of a pooling as pictures know them, with the padding that they reach."""
    pads = [
        (before, whole - size - before)
        for before, whole, size in zip(windows.padding, padded.shape[-2:], windows.input_size, strict=True)
    ]
    return Windows(windows.outputs, windows.kernel_size, windows.stride, windows.dilation, (pads[0], pads[1]))


def apply(kind: str, x: Tensor, settings: dict[str, Any]) -> Tensor:
    """The pooling of one channel (H, W) → (h, w)."""
    output = (ops.max_pool2d if kind == "max" else ops.avg_pool2d)(x[None], **settings_of(kind, settings))
    assert isinstance(output, Tensor)
    return output[0]


def gradient(kind: str, run: Run, arriving: Tensor) -> Tensor:
    """What comes to the input (H, W) where `arriving` (h, w) comes to the output."""
    leaf = run.x.clone().requires_grad_()
    (grad,) = torch.autograd.grad(apply(kind, leaf, run.settings), leaf, arriving)
    return grad


# ---- pictures ------------------------------------------------------------------------------------------------------


def input_picture(run: Run, pool: Pool, out: Index | None, at: Index | None) -> Picture:
    """The input with what this pooling puts around it; a click reports an input cell, nothing on padding."""
    (top, _), (left, _) = pool.windows.pads
    outside = padding_cells(pool.padded.shape, pool.windows.pads)
    uncounted = {cell for cell in outside if pool.kind == "average" and not counts(run, cell)}
    labels = [number(value) for value in pool.padded.flatten().tolist()]
    cells = list(product(*map(range, pool.padded.shape)))
    around = "−∞" if pool.kind == "max" else "0"
    title = f"input {times(run.x.shape)}" + (f", {around} around" if outside else "")
    inside = [(y - top, x - left) for y, x in cells]
    return Picture(
        f"{pool.kind} input", pool.padded, colour.signed(run.x), title, input_outlines(run, pool, out, at),
        texts=["–" if cell in uncounted else label for cell, label in zip(cells, labels, strict=True)],
        muted=outside, pickable=True, origin=(-top, -left),
        picks=["" if cell in outside else f"{y}, {x}" for cell, (y, x) in zip(cells, inside, strict=True)],
    )  # fmt: skip


def counts(run: Run, cell: Index) -> bool:
    """Whether an average counts this cell of the padded input, which lies outside the input."""
    padding = run.settings["padding"]
    within = all(i < n + 2 * padding for i, n in zip(cell, run.x.shape, strict=True))
    return within and run.settings["count_include_pad"]


def output_picture(run: Run, pool: Pool, out: Index | None, at: Index | None) -> Picture:
    """The output; a click reports its cell."""
    picks = [f"{y}, {x}" for y, x in product(*map(range, pool.output.shape))]
    return Picture(
        f"{pool.kind} output", pool.output, colour.signed(run.x), f"{pool.kind} {times(pool.output.shape)}",
        output_outlines(run, pool, out, at), pickable=True, picks=picks,
    )  # fmt: skip


def input_outlines(run: Run, pool: Pool, out: Index | None, at: Index | None, padded: bool = True) -> list[Outline]:
    """The picked output's window and its winner; or the picked input cell. Counted from the padding, or without it."""
    (top, _), (left, _) = pool.windows.pads
    back, over = (0, 0) if padded else (top, left)
    if at:
        return [Outline([(at[0] + top - back, at[1] + left - over)])]
    if not out or not pool.holds(out):
        return []
    window = Outline([(y - back, x - over) for y, x in pool.windows.read_by(out)], colour.USED)
    if pool.winners is None or not window_cells(run, pool, out):
        return [window]
    y, x = pool.winner(out, run.x.shape[1])
    return [window, Outline([(y + top - back, x + left - over)])]


def output_outlines(run: Run, pool: Pool, out: Index | None, at: Index | None) -> list[Outline]:
    """The picked output; or the outputs that read the picked input cell, those that it wins in the picked colour."""
    if not at:
        return [Outline([out])] if out and pool.holds(out) else []
    using = pool.windows.using(at)
    won = won_by(run, pool, at)
    return [Outline([cell], colour.PICKED if cell in won else colour.USED) for cell in using]


def won_by(run: Run, pool: Pool, at: Index) -> list[Index]:
    """The outputs whose maximum is this input cell."""
    if pool.winners is None:
        return []
    return [cell for cell in pool.windows.using(at) if pool.winner(cell, run.x.shape[1]) == at]


def window_cells(run: Run, pool: Pool, out: Index) -> list[Index]:
    """The input cells (y, x) of an output's window, its padding left out."""
    (top, _), (left, _) = pool.windows.pads
    cells = [(y - top, x - left) for y, x in pool.windows.read_by(out)]
    return [cell for cell in cells if all(0 <= i < n for i, n in zip(cell, run.x.shape, strict=True))]


# ---- words ---------------------------------------------------------------------------------------------------------


def output_arithmetic(run: Run, pool: Pool, out: Index) -> str:
    """One output from its window, in numbers."""
    name = f"`{pool.kind}[{out[0]}, {out[1]}]`"
    if not pool.holds(out):
        return f"The {pool.kind} has no output at [{out[0]}, {out[1]}]: it is {times(pool.output.shape)}."
    value = number(pool.output[out].item(), 4)
    cells = window_cells(run, pool, out)
    if pool.kind == "average":
        return f"{name} = ({spelled(run, cells, ' + ')}) / {division(run, out)} = **{value}**"
    padding = ", −∞" if len(cells) < len(pool.windows.read_by(out)) else ""
    y, x = pool.winner(out, run.x.shape[1])
    tied = sum(run.x[cell].item() == run.x[y, x].item() for cell in cells)
    ties = f", the first of {tied} equal ones" if tied > 1 else ""
    return f"{name} = max({spelled(run, cells, ', ')}{padding}) = **{value}**, at input[{y}, {x}]{ties}"


def spelled(run: Run, cells: Sequence[Index], sign: str) -> str:
    """The numbers in these cells; the middle of a long list is left out."""
    terms = [factor(run.x[cell].item()) if "+" in sign else number(run.x[cell].item()) for cell in cells] or ["0"]
    if len(terms) > MOST_TERMS:
        terms = [*terms[:4], f"… {len(terms) - 6} more …", *terms[-2:]]
    return sign.join(terms)


def division(run: Run, out: Index) -> str:
    """The divisor of one average, and what it counts: `9 (4 cells of the input + 5 of padding)`."""
    pool = run.average
    assert pool.divisors is not None
    by, inside, whole = int(pool.divisors[out]), len(window_cells(run, pool, out)), len(pool.windows.read_by(out))
    if inside == whole:
        return f"{by}"
    parts = [f"{inside} of the input"]
    parts += [f"{by - inside} of padding"] if by > inside else []
    parts += [f"{whole - by} left out"] if whole > by else []
    return f"{by} ({', '.join(parts)})"


def input_arithmetic(run: Run, pool: Pool, at: Index) -> str:
    """Which outputs read one input cell, and how much gradient it gets from a 1 to each."""
    using, name = pool.windows.using(at), f"`input[{at[0]}, {at[1]}]` = {number(run.x[at].item())}"
    arrives = number(gradient(pool.kind, run, torch.ones_like(pool.output))[at].item())
    if pool.kind == "max":
        windows = "1 window" if len(using) == 1 else f"{len(using)} windows"
        said = f"{name} is in **{windows}** and the maximum of **{len(won_by(run, pool, at))}**"
        return f"{said}: where a gradient of 1 comes to every output, **{arrives}** arrives here."
    assert pool.divisors is not None
    shares = " + ".join(f"1/{int(pool.divisors[cell])}" for cell in using) or "0"
    return f"In the average it gets a share of each of these windows: {shares} = **{arrives}**."


def sizes(shape: Sequence[int], settings: dict[str, Any]) -> str:
    """The output's rows by the formula: for the maximum, and for the average where dilation sets them apart."""
    k, p = settings["kernel_size"], settings["padding"]
    s = settings["stride"] or k
    ceil = settings["ceil_mode"]
    left, right = (r"\left\lceil", r"\right\rceil") if ceil else (r"\left\lfloor", r"\right\rfloor")
    lines = []
    for d, kind in sorted({(settings["dilation"], "max"), (1, "average")}, key=lambda pair: pair[1] != "max"):
        size = shape[0]
        rows = ops.pool_output_size(size, k, s, p, d, ceil)
        over = size + 2 * p - d * (k - 1) - 1
        rounded = (-(-over // s) if ceil else over // s) + 1
        formula = rf"{left} \frac{{{size} + 2 \cdot {p} - {d} \cdot ({k}-1) - 1}}{{{s}}} {right} + 1 = {rounded}"
        dropped = f", but a window that starts in the padding after the input is dropped: **{rows}**"
        lines.append(f"{kind}: ${formula}${dropped if rows < rounded else ''}")
    if settings["dilation"] == 1:
        lines = [lines[0].removeprefix("max: ")]
    general = rf"{left} \frac{{H + 2p - d(k-1) - 1}}{{s}} {right} + 1"
    return f"**Output rows** (columns likewise) &ensp;${general}$ &ensp;" + "; ".join(lines)
