"""A pooling on screen: what each window holds, which of its cells wins, and what an average divides by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.experiments.pooling import (
    KINDS,
    Flow,
    Pool,
    Run,
    Shift,
    apart,
    gradient,
    inside,
    ties,
    window_cells,
    winners,
    won_by,
)  # fmt: skip
from core.experiments.windows import padding_cells, read_by, reads, using
from core.figures import colour, images
from core.figures.board import Panel, Relation
from core.figures.colour import Scale
from core.figures.heatmap import Picture
from core.figures.montage import Index
from core.figures.walk import Moment, Walk, record, source_of
from core.figures.windows import MOST_TERMS, factor, shortened
from core.ops import pooling as ops
from core.ops.convolution import Pads
from core.tensors.limits import times
from core.words import N_, _, partly, say
from core.words.numbers import number

# ---- pictures ------------------------------------------------------------------------------------------------------

PADDING = N_("is padding, −∞ to the maximum and 0 to the average")
DENSE = "x₂"  # the input once more, for an average beside a dilated maximum


@dataclass(frozen=True)
class Drawn:
    """How pooled tensors are drawn: with numbers, or as images with cells of so many pixels."""

    scale: Scale
    cell: float = 0.0  # 0 with numbers

    def part(
        self, name: str, values: Tensor, axes: str, title: str, pads: Pads = images.NO_PADS,
        notes: Sequence[str] | None = None,
    ) -> Picture | Panel:  # fmt: skip
        """One matrix (H, W); with numbers its padding has cells too, blank ones."""
        if self.cell:
            panel = images.panel(name, values, self.scale, self.cell, axes, title=title, pads=pads)
            return panel if notes is None or panel.cells is None else images.noted(panel, notes)
        (top, bottom), (left, right) = pads
        padded = torch.nn.functional.pad(values, (left, right, top, bottom))
        outside = padding_cells(padded.shape, pads)
        texts = np.array([number(value) for value in padded.flatten().tolist()], dtype=object).reshape(padded.shape)
        if outside:
            texts[tuple(zip(*outside, strict=True))] = ""
        return Picture(
            name, padded, self.scale, title, texts=texts.ravel().tolist() if outside else None, muted=outside,
            origin=(-top, -left), axes=axes, notes=notes,
        )  # fmt: skip


def drawn(run: Run, scale: Scale, matrices: Sequence[tuple[Tensor, Pads]], width: float, height: float) -> Drawn:
    """How these matrices are drawn side by side."""
    if not run.as_image:
        return Drawn(scale)
    return Drawn(scale, images.fitting([(values.shape, pads, 0) for values, pads in matrices], width, height))


def links(run: Run) -> list[Relation]:
    """Which cells hang together: input "y x", maximum "p q", average "r s", and the input of a dense average "j k"."""
    across = reads(run.max.windows, 1), reads(run.average.windows, 1)
    down = reads(run.max.windows, 0), reads(run.average.windows, 0)
    found = [Relation("p y", down[0]), Relation("q x", across[0])]
    if apart(run):
        found += [Relation("r j", down[1]), Relation("s k", across[1])]
    else:
        same = [np.stack([np.arange(n)] * 2, 1) for n in run.max.output.shape]
        found += [Relation("p r", same[0]), Relation("q s", same[1])]
    return [*found, Relation("p q y x", winners(run), role="winner")]


def equation(run: Run, width: float, height: float) -> list[Picture | Panel]:
    """The input, its maximum and its average; where the average has windows of its own, the input before it again."""
    first, second = run.max, run.average
    shown = [(run.x, first.windows.pads), (first.output, images.NO_PADS), (second.output, images.NO_PADS)]
    shown += [(run.x, second.windows.pads)] if apart(run) else []
    scale = images.shades(run.x) if run.as_image else colour.signed(run.x)
    how, numbers = drawn(run, scale, shown, width, height), not run.as_image
    x = how.part(
        "x",
        run.x,
        "y x",
        say("x: input {shape}", shape=times(run.x.shape)),
        first.windows.pads,
        input_notes(run) if numbers else None,
    )
    highest = how.part(
        "max",
        first.output,
        "p q",
        say("max {size}", size=times(first.output.shape)),
        notes=max_notes(run) if numbers else None,
    )
    mean = how.part(
        "average", second.output, "r s", say("average {size}", size=times(second.output.shape)), notes=divisors(run)
    )
    if not apart(run):
        return [x, highest, mean]
    return [x, highest, how.part(DENSE, run.x, "j k", _("x₂: x again, dilation 1"), second.windows.pads), mean]


def input_notes(run: Run) -> list[str]:
    """For each cell of the padded input what it is, and how many maxima."""
    assert run.max.winners is not None
    won = torch.bincount(run.max.winners.flatten(), minlength=run.x.numel()).tolist()
    within = [
        say("= **{value}** is the maximum of **{wins}** of its windows", value=number(value), wins=wins)
        for value, wins in zip(run.x.flatten().tolist(), won, strict=True)
    ]
    around = np.pad(
        np.array(within, dtype=object).reshape(run.x.shape), run.max.windows.pads, constant_values=_(PADDING)
    )
    return around.ravel().tolist()


def max_notes(run: Run) -> list[str]:
    """For each maximum where in the input it stands, and how many are equal to it."""
    return [
        f"`x[{y}, {x}]`" + (say(", the first of {tied} equal ones", tied=tied) if tied > 1 else "")
        for (_, _, y, x), tied in zip(winners(run).tolist(), ties(run).ravel().tolist(), strict=True)
    ]


def divisors(run: Run) -> list[str] | None:
    """For each average what it is divided by; None for an image all of whose windows are divided by one number."""
    by = run.average.divisors
    assert by is not None
    if even(run):
        return None
    if run.as_image:
        return [str(int(n)) for n in by.flatten().tolist()]
    windows = run.average.windows
    found = zip(by.flatten().tolist(), inside(run).ravel().tolist(), strict=True)
    return [said_division(n, within, windows.kernel_size[0] * windows.kernel_size[1]) for n, within in found]


def even(run: Run) -> bool:
    """Whether this is an image all of whose windows are divided by one number."""
    assert run.average.divisors is not None
    return run.as_image and run.average.divisors.unique().numel() == 1


def sentences(run: Run) -> dict[str, str]:
    """What is said of the cell under the pointer, by its picture."""
    source = DENSE if apart(run) else "x"
    assert run.average.divisors is not None
    divided = str(int(run.average.divisors[0, 0])) if even(run) else "{note:average}"
    place = "" if run.as_image else _(", at {note:max}")
    read = _("Windows that read it: {count:max}.")
    return {
        "max": f"`{{at:max}}` = {{max:x}} = **{{max}}**{place}",
        "average": f"`{{at:average}}` = ({{sum:{source}}}) / {divided} = **{{average}}**",
        "x": partly("`{at:x}` = **{x}**. {read} It is the maximum of those in pink.", read=read)
        if run.as_image
        else f"`{{at:x}}` {{note:x}}. {read}",
        DENSE: _("`{at:x₂}` = **{x₂}**. Averages that read it: {count:average}."),
    }


def indices(run: Run) -> dict[str, list[range]]:
    """What the indices of each picture's cells run over: of an input with numbers its padding too."""
    around = images.NO_PADS if run.as_image else run.max.windows.pads
    return {
        "max": list(map(range, run.max.output.shape)), "average": list(map(range, run.average.output.shape)),
        "x": [range(-before, n + after) for n, (before, after) in zip(run.x.shape, around, strict=True)],
    }  # fmt: skip


# ---- the gradients -------------------------------------------------------------------------------------------------


def backward(run: Run, flows: dict[str, Flow], width: float, height: float) -> list[Picture | Panel]:
    """For each pooling the gradient that comes to its outputs, and what goes on from them to the input."""
    came, went = ({kind: getattr(flows[kind], name) for kind in KINDS} for name in ("came", "went"))
    maps = [matrix for kind in KINDS for matrix in (came[kind], went[kind])]
    how = drawn(run, colour.signed(*maps), [(matrix, images.NO_PADS) for matrix in maps[:2]], width, height)
    assert run.average.divisors is not None
    parts = [str(int(n)) for n in run.average.divisors.flatten().tolist()]
    return [
        how.part("dmax", came["max"], "p q", _("dmax: arrives")),
        how.part("dx_max", went["max"], "y x", _("dx_max: goes on")),
        how.part("daverage", came["average"], "r s", _("daverage: arrives"), notes=parts),
        how.part("dx_average", went["average"], "j k", _("dx_average: goes on")),
    ]


def backward_links(run: Run) -> list[Relation]:
    """Where a gradient goes: from a maximum "p q" to the winner "y x", from an average "r s" to its window "j k"."""
    windows = run.average.windows
    return [
        Relation("p q y x", winners(run)), Relation("r j", reads(windows, 0)), Relation("s k", reads(windows, 1)),
    ]  # fmt: skip


def backward_sentences(run: Run) -> dict[str, str]:
    """What is said of the gradient under the pointer, by its picture."""
    assert run.average.divisors is not None
    by = run.average.divisors.unique()
    shares = f"({{sum:daverage}}) / {int(by[0])}" if by.numel() == 1 else _("a share of each of {list:daverage}")
    return {
        "dmax": _("`{at:dmax}` = **{dmax}** goes whole to the winner of the window, `{at:dx_max}`."),
        "dx_max": _("`{at:dx_max}` = {sum:dmax} = **{dx_max}**, from the windows whose maximum it is."),
        "daverage": _("`{at:daverage}` = **{daverage}** goes to {count:dx_average} cells, divided by {note:daverage}."),
        "dx_average": partly(
            "`{at:dx_average}` = {shares} = **{dx_average}**, from the windows that read it.", shares=shares
        ),
    }


# ---- words ---------------------------------------------------------------------------------------------------------


def output_arithmetic(run: Run, pool: Pool, out: Index) -> str:
    """One output from its window, in numbers."""
    name = f"`{pool.kind}[{out[0]}, {out[1]}]`"
    if not pool.holds(out):
        return say(
            "The {kind} has no output at [{out}, {out2}]: it is {shape}.",
            kind=pool.kind,
            out=out[0],
            out2=out[1],
            shape=times(pool.output.shape),
        )
    value = number(pool.output[out].item(), 4)
    cells = window_cells(run, pool, out)
    if pool.kind == "average":
        return f"{name} = ({spelled(run, cells, ' + ')}) / {division(run, out)} = **{value}**"
    padding = ", −∞" if len(cells) < len(read_by(pool.windows, out)) else ""
    y, x = pool.winner(out, run.x.shape[1])
    tied = sum(run.x[cell].item() == run.x[y, x].item() for cell in cells)
    ties = say(", the first of {tied} equal ones", tied=tied) if tied > 1 else ""
    return say(
        "{name} = max({run}{padding}) = **{value}**, at input[{y}, {x}]{ties}",
        name=name,
        run=spelled(run, cells, ", "),
        padding=padding,
        value=value,
        y=y,
        x=x,
        ties=ties,
    )


def spelled(run: Run, cells: Sequence[Index], sign: str) -> str:
    """The numbers in these cells; the middle of a long list is left out."""
    terms = [factor(run.x[cell].item()) if "+" in sign else number(run.x[cell].item()) for cell in cells] or ["0"]
    if len(terms) > MOST_TERMS:
        terms = shortened(terms)
    return sign.join(terms)


def division(run: Run, out: Index) -> str:
    """The divisor of one average, and what it counts."""
    pool = run.average
    assert pool.divisors is not None
    return said_division(
        int(pool.divisors[out]), len(window_cells(run, pool, out)), len(read_by(pool.windows, out))
    )  # fmt: skip


def said_division(by: int, inside: int, whole: int) -> str:
    """A divisor of a window of `whole` cells, `inside` of them within the input: `9 (4 of the input, 5 of padding)`."""
    if inside == whole:
        return f"{by}"
    return say(
        "{by} ({inside} of the input, {padding} of padding)" if whole == by
        else "{by} ({inside} of the input, {left} left out)" if by == inside
        else "{by} ({inside} of the input, {padding} of padding, {left} left out)",
        by=by, inside=inside, padding=by - inside, left=whole - by,
    )  # fmt: skip


def input_arithmetic(run: Run, pool: Pool, at: Index) -> str:
    """Which outputs read one input cell, and how much gradient it gets from a 1 to each."""
    readers, name = using(pool.windows, at), f"`input[{at[0]}, {at[1]}]` = {number(run.x[at].item())}"
    arrives = number(gradient(pool.kind, run, torch.ones_like(pool.output))[at].item())
    if pool.kind == "max":
        return say(
            "{name} is in **{windows:|window|windows}** and the maximum of **{count}**: where a gradient of 1 comes to every output, **{arrives}** arrives here.",
            name=name, windows=len(readers), count=len(won_by(run, pool, at)), arrives=arrives,
        )  # fmt: skip
    assert pool.divisors is not None
    shares = " + ".join(f"1/{int(pool.divisors[cell])}" for cell in readers) or "0"
    return say(
        "In the average it gets a share of each of these windows: {shares} = **{arrives}**.",
        shares=shares,
        arrives=arrives,
    )


def sizes(shape: Sequence[int], settings: dict[str, Any]) -> str:
    """The output's rows by the formula: for the maximum, and for the average where dilation sets them apart."""
    k, p = settings["kernel_size"], settings["padding"]
    s = settings["stride"] or k
    ceil = settings["ceil_mode"]
    left, right = (r"\left\lceil", r"\right\rceil") if ceil else (r"\left\lfloor", r"\right\rfloor")
    lines = []
    kinds = {"": 1} if settings["dilation"] == 1 else {"max: ": settings["dilation"], "average: ": 1}
    for whose, d in kinds.items():
        size = shape[0]
        rows = ops.pool_output_size(size, k, s, p, d, ceil)
        over = size + 2 * p - d * (k - 1) - 1
        rounded = (-(-over // s) if ceil else over // s) + 1
        formula = rf"{left} \frac{{{size} + 2 \cdot {p} - {d} \cdot ({k}-1) - 1}}{{{s}}} {right} + 1 = {rounded}"
        dropped = say(", but a window that starts in the padding after the input is dropped: **{rows}**", rows=rows)
        lines.append(f"{whose}${formula}${dropped if rows < rounded else ''}")
    general = rf"{left} \frac{{H + 2p - d(k-1) - 1}}{{s}} {right} + 1"
    sign = "$=$" if len(lines) == 1 else ":"
    filled = _("; ").join(lines)
    return say(
        "**Output rows**, and columns likewise, &ensp;${general}$ {sign} {filled}",
        general=general, sign=sign, filled=filled,
    )  # fmt: skip


def input_alone(run: Run, width: float, height: float) -> Picture | Panel:
    """The input of a pooling that is refused, without padding."""
    scale = images.shades(run.x) if run.as_image else colour.signed(run.x)
    how = drawn(run, scale, [(run.x, images.NO_PADS)], width, height)
    return how.part("x", run.x, "y x", say("x: input {shape}", shape=times(run.x.shape)))


# ---- shifts and walks ----------------------------------------------------------------------------------------------


def shift_maps(run: Run, moved: Shift, width: float, height: float) -> list[Picture | Panel]:
    """How input and outputs change under a shift, side by side on one signed scale."""
    maps = {"x": moved.input.apart, "max": moved.max.apart, "average": moved.average.apart}
    how = drawn(
        run, colour.signed(*maps.values()), [(values, images.NO_PADS) for values in maps.values()], width, height
    )
    axes = {"x": "y x", "max": "p q", "average": "r s"}
    titles = {"x": _("input"), "max": "max", "average": "average"}
    return [
        how.part(name, values, axes[name], say("{name}: after − before", name=titles[name]))
        for name, values in maps.items()
    ]


def pool2d_walk(X: Tensor, pool_k: Tensor, mode: str) -> Walk:
    """The tutorial's `pool2d` line by line."""
    line = next(i for i, text in enumerate(source_of(ops.pool2d).splitlines()) if f".{METHODS[mode]}()" in text)

    def window(now: Moment) -> list[Index]:
        i, j = now.names["i"], now.names["j"]
        return [(i + a, j + b) for a in range(pool_k.shape[0]) for b in range(pool_k.shape[1])]

    def reads(now: Moment) -> dict[str, list[Index]]:
        return {"X": window(now)} if now.line == line else {}

    def note(now: Moment) -> str:
        if now.line != line:
            return ""
        listed = ", ".join(number(X[cell].item()) for cell in window(now))
        return f"Y[{now.names['i']}, {now.names['j']}] = {METHODS[mode]}({listed})"

    return record(ops.pool2d, X, pool_k, mode, panels=("X", "pool_k", "Y"), reads=reads, note=note)


METHODS = {"avg": "mean", "max": "max"}


def manual_walk(run: Run, kind: str) -> Walk:
    """The steps of max_pool2d or avg_pool2d line by line, with the settings of the run."""
    steps, windows = (
        (ops.max_pool2d_steps, run.max.windows) if kind == "max" else (ops.avg_pool2d_steps, run.average.windows)
    )
    lines = source_of(steps).splitlines()
    more = () if kind == "max" else (run.settings["count_include_pad"],)

    def note(now: Moment) -> str:
        return MADE.get(lines[now.line].split("=")[0].strip(), "")

    return record(steps, run.x, windows, *more, panels=MANUAL[kind], note=note)


MANUAL = {"max": ("padded", "output"), "average": ("padded", "total", "divisor", "output")}
MADE = {
    "padded": N_("The padding is set around the input."),
    "total": N_("The numbers of each window are added."),
    "divisor": N_("The cells that each window counts are multiplied: rows times columns."),
    "output": N_("Each sum is divided by its own number."),
}
