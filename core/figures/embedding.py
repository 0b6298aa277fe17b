"""embedding as a board: each token ties its row of the table to its row of the output."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import torch
from torch import Tensor

from core.experiments.embedding import Misfit, Run
from core.figures import board, colour
from core.figures.board import Panel, Relation
from core.figures.drawing import unchecked
from core.figures.gather import axes, named_places, titled
from core.figures.heatmap import PROJECTED_TEXT, SMALLEST_TEXT, Outline, Picture
from core.figures.walk import Index, Moment, Walk, record
from core.ops import embedding as ops
from core.words import _, say
from core.words.numbers import letters, number

LONGEST_NAME = 9  # letters of a token at a row
LETTER, GAP, LINE = 7, 12, 12  # pixels: of a letter, beside a name, of a line
PLAIN = " .,:;!?'+-/()=…␣"  # what a label may hold besides letters and digits: markup means something to a chart


def pictures(run: Run) -> dict[str, Picture]:
    """The run's tensors by their names; where there is no gradient, how often each row is picked."""
    numbers, token = colour.signed(run.after, run.output), axes("t", run.input)
    title = titled("weight", run.after)
    weight = say("{weight}, after the call", weight=title) if run.rescaled else title
    found = {
        "input": Picture("input", run.input, colour.identity(len(run.after)), of_input(run.input), axes=token),
        "weight": Picture("weight", run.after, numbers, weight, axes="v d", notes=readers(run), picks=firsts(run)),
        "output": Picture(
            "output",
            run.output,
            numbers,
            titled("output", run.output),
            axes=f"{token} d",
            picks=[spot(cell[:-1]) for cell in cells(run.output)],
        ),
    }
    if run.grad is None:
        counts = Picture(
            "counts", run.counts, colour.magnitude(run.counts), _("how often each row is picked"), axes="v"
        )
        return found | {"counts": counts}
    scale = colour.magnitude(run.grad) if run.loss == "sum" else colour.signed(run.grad)
    return found | {
        "grad": Picture(
            "grad", run.grad, scale, _("gradient of weight"), axes="v d", notes=sums(run), picks=firsts(run)
        ),
    }


def panels(
    run: Run, found: dict[str, Picture], tokens: Sequence[str] | None, vocabulary: Sequence[str] | None, side: int,
    projector: bool,
) -> dict[str, Panel]:  # fmt: skip
    """The pictures with names at their rows: tokens, rows of the table, and how often each is picked."""
    least = PROJECTED_TEXT if projector else SMALLEST_TEXT
    made = {name: board.panel(picture, side, name != "counts", least) for name, picture in found.items()}
    rows = [label(word) for word in vocabulary] if vocabulary is not None else [""] * len(run.after)
    made["weight"] = named(made["weight"], [f"{v} {row}".strip() for v, row in enumerate(rows)], side)
    if tokens is not None:
        made["output"] = named(made["output"], [label(token) for token in tokens], side)
        made["input"] = with_tokens(made["input"], [label(token) for token in tokens], side)
    if "grad" in made:
        counts = run.counts.tolist()
        made["grad"] = named(made["grad"], [f"{row or v} ×{counts[v]}" for v, row in enumerate(rows)], side)
    return made


def of_input(input: Tensor) -> str:
    """The name and shape of input, and its dtype unless it is the usual one, int64."""
    return titled("input", input).removesuffix(" int64")


def with_tokens(panel: Panel, tokens: Sequence[str], side: int) -> Panel:
    """The line of numbers with the token of each over it, where all fit over their cells."""
    if LETTER * max(map(letters, tokens)) > side:
        return panel
    drawn = panel.figure.to_dict()
    axis = drawn["layout"]["xaxis"] | {"tickvals": list(range(len(tokens))), "ticktext": list(tokens)}
    return replace(panel, figure=unchecked(drawn["data"], drawn["layout"] | {"xaxis": axis}))


def named(panel: Panel, names: Sequence[str], side: int) -> Panel:
    """A matrix with these names at its rows, in a margin that holds them; at as many as do not touch."""
    rows = range(0, len(names), max(1, math.ceil(LINE / side)))
    shown = board.with_row_names(panel, [names[row] for row in rows], GAP + LETTER * max(map(letters, names)))
    drawn = shown.figure.to_dict()
    axis = drawn["layout"]["yaxis"] | {"tickvals": list(rows)}
    return replace(panel, figure=unchecked(drawn["data"], drawn["layout"] | {"yaxis": axis}))


def label(token: str) -> str:
    """A token as a chart can write it."""
    plain = "".join(c if c.isalnum() or c in PLAIN else "·" for c in token)
    return plain if len(plain) <= LONGEST_NAME else plain[: LONGEST_NAME - 1] + "…"


def ties(run: Run) -> list[Relation]:
    """Each place of input with the row that it names."""
    rows = [(*place, int(run.input[place])) for place in cells(run.input)]
    return [Relation(f"{axes('t', run.input)} v", np.array(rows))]


def sentences() -> dict[str, str]:
    """What the board's line says of a cell of each picture."""
    return {
        "input": _("`{at:input}` = {input}: it picks `{at:weight}` as `{at:output}`."),
        "output": _("`{at:output}` = `{at:weight}` = **{output}**, since `{at:input}` = {input}."),
        "weight": _("`{at:weight}` = **{weight}**. {note:weight}"),
        "grad": "{note:grad}",
        "counts": "`{at:counts}` = **{counts}**",
    }


def firsts(run: Run) -> list[str]:
    """For each cell of the table, the first place of input that picks its row: what a pin there pins."""
    said = [spot(places[0]) if (places := places_of(run, row)) else "" for row in range(len(run.after))]
    return [text for text in said for _column in range(run.after.shape[1])]


def spot(place: Index) -> str:
    """A place of input as the control of the picked place has it."""
    return ", ".join(map(str, place))


def places_of(run: Run, row: int) -> list[Index]:
    """The places of input that name a row."""
    return [tuple(place) for place in (run.input == row).nonzero().tolist()]


def readers(run: Run) -> list[str]:
    """For each cell of the table, which places of input pick its row."""
    said = []
    for row in range(len(run.after)):
        places = places_of(run, row)
        one = say("Row {row} is picked by {places}.", row=row, places=named_places("input", places))
        said.append(one if places else say("No place of input picks row {row}.", row=row))
    return [text for text in said for _column in range(run.after.shape[1])]


def sums(run: Run) -> list[str]:
    """For each cell of the gradient, what it was added from."""
    assert run.grad is not None
    return [arithmetic(run, row, column) for row, column in cells(run.grad)]


def arithmetic(run: Run, row: int, column: int) -> str:
    """One number of the gradient of the table."""
    assert run.grad is not None
    assert run.upstream is not None
    places = places_of(run, row)
    at = f"grad[{row}, {column}]"
    padding = run.options.padding_idx
    if padding is not None and padding % len(run.after) == row:
        return say("`{at}` = **0**: row {row} is padding_idx, and what comes back to it is left out.", at=at, row=row)
    if not places:
        return say("`{at}` = **0**: no token picks row {row}.", at=at, row=row)
    terms = [number(run.upstream[(*place, column)].item()) for place in places]
    terms = terms if len(terms) < 8 else [*terms[:3], "…", *terms[-2:]]
    total = " + ".join(f"({term})" if term.startswith("-") else term for term in terms)
    if run.options.scale_grad_by_freq:
        return say(
            "`{at}` = ({total}) / {count} = **{value}**: the sum over the places that pick row {row}, divided by their number.",
            at=at, total=total, count=len(places), value=number(run.grad[row, column].item()), row=row,
        )  # fmt: skip
    return say(
        "`{at}` = {total} = **{value}**: one number from each place that picks row {row}.",
        at=at, total=total, value=number(run.grad[row, column].item()), row=row,
    )  # fmt: skip


def refused(input: Tensor, weight: Tensor, misfit: Misfit) -> tuple[Picture, Picture]:
    """The two tensors of a call that is refused; numbers that are no rows are outlined."""
    wrong = [Outline([cell]) for cell in cells(input) if not 0 <= input[cell] <= misfit.last]
    return (
        Picture("input", input, colour.identity(len(weight)), of_input(input),
                outlines=wrong if misfit.kind == "range" else ()),
        Picture("weight", weight, colour.signed(weight), titled("weight", weight)),
    )  # fmt: skip


def cells(x: Tensor) -> list[Index]:
    """Every index of a tensor, in reading order."""
    return list(product(*map(range, x.shape)))


def walk(run: Run, back: bool) -> tuple[Walk, dict[str, colour.Scale]]:
    """The loop that picks, or the loop that adds up the gradient, and the colours of its panels."""
    numbers, rows = colour.signed(run.after, run.output), colour.identity(len(run.after))

    def reads(now: Moment) -> dict[str, list[Index]]:
        place = now.names.get("place")
        if place is None:
            return {}
        source = (*place,) if back else (int(run.input[place]),)
        read = [(*source, column) for column in range(run.after.shape[1])]
        return {"input": [tuple(place)], "grad" if back else "weight": read}

    if back:
        assert run.upstream is not None
        added = ops.gradient_by_loop(run.upstream, run.input, run.after)
        scale = colour.signed(torch.cat([added.flatten(), run.upstream.flatten()]))
        scales = {"grad": scale, "input": rows, "out": scale}
        return record(
            ops.gradient_by_loop, run.upstream, run.input, run.after, panels=tuple(scales), reads=reads
        ), scales
    scales = {"input": rows, "weight": numbers, "out": numbers}
    return record(ops.embedding_by_loop, run.input, run.after, panels=tuple(scales), reads=reads), scales
