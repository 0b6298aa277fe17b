"""A product as a board: equal letters are equal indices, and a dimension of size 1 is read again.

A dimension of size 1 that is broadcast belongs to every index of its letter, and a letter that stands twice in one
tensor is its diagonal: both get letters of their own, tied to the letter that they stand for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np
import torch
from torch import Tensor

from core.experiments.products import NAMES, Letters, Run, summands
from core.figures import colour
from core.figures.board import Relation
from core.figures.heatmap import Picture
from core.figures.montage import Index, Montage, cell_size
from core.figures.walk import Moment, Walk, record
from core.ops import products as ops
from core.words import N_, _, say
from core.words.numbers import number

HEADS, LABELS = 60, 16  # pixels of a picture's title and indices, and of the names of its batches
LONGEST_SUM = 2000  # products that a sentence is made from: more would keep the browser waiting
EXACT = 10**6  # integers from here on are written out: rounded they would not be the number


@dataclass(frozen=True)
class Operand:
    """A tensor's name, the letters of its dimensions, their sizes, and the letters that stand for them elsewhere."""

    name: str
    letters: Letters
    shape: tuple[int, ...]
    handles: Letters = ()


def operands_of(run: Run) -> list[Operand]:
    """The tensors of a product; a single number tied to a diagonal has one index, 0, to be tied by."""
    found = [Operand(name, letters, tuple(run.tensors[name].shape)) for name, letters in run.named.items()]
    if run.diagonal and not found[-1].letters:
        found[-1] = Operand("C", ("only",), (1,))
    return found


def linked(*operands: Operand) -> tuple[list[Operand], list[Relation]]:
    """The operands with letters of their own where they are broadcast or a diagonal, and what ties these."""
    sizes = {letter: max(s for o in operands for n, s in zip(o.letters, o.shape, strict=True) if n == letter)
             for o in operands for letter in o.letters}  # fmt: skip
    named, ties = [], []
    for operand in operands:
        own = [_own(operand, d, sizes) for d in range(len(operand.shape))]
        handles = [n if operand.letters.count(n) > 1 else mine for n, mine in zip(operand.letters, own, strict=True)]
        named.append(replace(operand, letters=tuple(own), handles=tuple(handles)))
        for letter in dict.fromkeys(operand.letters):
            at = [d for d, n in enumerate(operand.letters) if n == letter]
            mine = [own[d] for d in at]
            if mine != [letter]:
                rows = [[*(0 if operand.shape[d] == 1 else i for d in at), i] for i in range(sizes[letter])]
                ties.append(Relation(" ".join([*mine, letter]), np.array(rows)))
    return named, ties + _crossed(named)


def _own(operand: Operand, d: int, sizes: dict[str, int]) -> str:
    letter = operand.letters[d]
    if operand.letters.count(letter) > 1:
        return f"{operand.name}.{letter}.{d}"
    return f"{operand.name}.{letter}" if operand.shape[d] == 1 < sizes[letter] else letter


def _crossed(operands: Sequence[Operand]) -> list[Relation]:
    """Tensors without a letter in common still meet, each cell of the one all of the other: an outer product does."""
    strangers = [
        (one, other)
        for one, other in combinations(operands, 2)
        if one.letters and other.letters and not set(one.handles) & set(other.handles)
    ]
    return [
        Relation(f"{one.handles[0]} {other.handles[0]}", np.argwhere(np.ones((one.shape[0], other.shape[0]))))
        for one, other in strangers
    ]


def goes_into(operand: Operand, output: Operand) -> list[str]:
    """For each cell of an operand the first cell of the output that it goes into, as a pin says it; "" for none."""
    at = {letter: d for d, letter in enumerate(operand.handles)}

    def said(index: Index) -> str:
        read = all(index[d] == index[at[n]] for d, n in enumerate(operand.handles))
        return ", ".join(str(index[at[n]] if n in at else 0) for n in output.handles) if read else ""

    return [said(index) for index in product(*map(range, operand.shape))]


# ---- the pictures ----------------------------------------------------------------------------------------------


def crossed(run: Run) -> bool:
    """Whether rows meet columns, so that B stands above C and A left of it."""
    return run.operation in ("matmul", "mm", "bmm") and min(x.dim() for x in run.operands) > 1


def pictures(run: Run) -> tuple[dict[str, Picture], list[Relation]]:
    """The tensors of a product by their names, and what ties their cells besides equal letters."""
    named, ties = linked(*operands_of(run))
    made = {o.name: picture(o.name, run.tensors[o.name], run.named[o.name], scale_of(run, o.name)) for o in named}
    for o in named[:-1]:
        made[o.name] = replace(made[o.name], picks=goes_into(o, named[-1]), notes=read_or_not(run, o))
    across = crossed(run)
    values = {"C": run.result.reshape(1)} if named[-1].letters == ("only",) else {}
    return {
        o.name: replace(made[o.name], axes=" ".join(o.letters), across=across,
                        values=values.get(o.name, made[o.name].values))
        for o in named
    }, ties  # fmt: skip


def scale_of(run: Run, name: str) -> colour.Scale:
    """One scale for the operands, another for their product."""
    return colour.signed(run.result) if name == "C" else colour.signed(*run.operands)


def picture(name: str, x: Tensor, letters: Letters, scale: colour.Scale) -> Picture:
    """A tensor under its name, its letters and its shape; large integers are written out."""
    big = not x.is_floating_point() and bool((x.abs() >= EXACT).any() if x.dtype != torch.bool else False)
    texts = [str(value) for value in x.flatten().tolist()] if big else None
    return Picture(name, x, scale, titled(name, x, letters), texts=texts, leading_names=letters[: max(x.dim() - 2, 0)])


def titled(name: str, x: Tensor, letters: Letters = ()) -> str:
    """A[i, k] 2×3, and the dtype where that is not float32."""
    dtype = "" if x.dtype == torch.float32 else f" {str(x.dtype).removeprefix('torch.')}"
    shape = "×".join(map(str, x.shape)) or _("one number")
    return f"{name}{'[' + ', '.join(letters) + ']' if letters else ''} {shape}{dtype}"


def inputs(operands: Sequence[Tensor]) -> list[Picture]:
    """The operands of a product that is refused."""
    scale = colour.signed(*operands)
    return [replace(picture(name, x, (), scale), across=True) for name, x in zip(NAMES, operands, strict=False)]


READ = N_("`{cell}` = **{value}** is read: its indices of the letter {letter}, which stands twice, are equal.")
NOT_READ = N_(
    "`{cell}` = **{value}** is not read: of its indices those of the letter {letter}, which stands twice, are not equal."
)


def read_or_not(run: Run, operand: Operand) -> list[str] | None:
    """Of a tensor with a letter twice, which cells are read."""
    if operand.name not in run.diagonal:
        return None
    twice = next(n for n in run.named[operand.name] if run.named[operand.name].count(n) > 1)
    values = run.tensors[operand.name].flatten().tolist()
    return [
        say(READ if read else NOT_READ, cell=f"{operand.name}{list(index)}", value=number(value), letter=twice)
        for index, value in zip(product(*map(range, operand.shape)), values, strict=True)
        for read in [all(index[d] == index[operand.handles.index(n)] for d, n in enumerate(operand.handles))]
    ]


def sentences(run: Run) -> dict[str, str]:
    """What the board's line says of a cell of each picture."""
    names = [name for name in run.tensors if name != "C"]
    where = "`C`" if not run.letters[-1] else "`{at:C}`"
    count = summands(run)
    added = f"{{sum:{'*'.join(names)}}}" if count <= LONGEST_SUM else say("the sum of {count:,} products", count=count)
    said = {"C": f"{where} = {added} = **{{C}}**"}
    for name in names:
        others = [other for other in names if other != name]
        if len(others) > 1 and math.prod(run.tensors[other].numel() for other in others) > LONGEST_SUM:
            others = []
        said[name] = "{note:" + name + "}" if name in run.diagonal else factor(name, others, where)
    return said


def factor(name: str, others: Sequence[str], where: str) -> str:
    """What a cell of an operand is multiplied by, where that goes, and the gradient at it."""
    one = f"`{{at:{name}}}` = **{{{name}}}**"
    if not others:
        return say("{one} goes into {where}.", one=one, where=where)
    if len(others) > 1:
        rest = "*".join(others)
        factors, total = f"{{sum:{rest}}}", f"{{total:{rest}}}"
        told = N_("{one} is multiplied by {factors}: **{total}** is the gradient of `C.sum()` at it.")
        return say(told, one=one, factors=factors, total=total)
    (other,) = others
    return say(
        "{one} is multiplied by {partners} on its way into {where}. The gradient of `C.sum()` at it is the sum of these: **{total}**.",
        one=one, partners=f"`{{at:{other}}}` ({{list:{other}}})", where=where, total=f"{{total:{other}}}",
    )  # fmt: skip


def side(shown: Sequence[Picture], height: int) -> int:
    """The side of a cell with which B above C and A left of C fit."""
    left, above, out = ((p, Montage(tuple(p.values.shape), p.across).cells) for p in shown)
    heads = HEADS + LABELS * sum(p.values.dim() > 2 for p, _ in (above, out))
    return cell_size([(above[1][0] + out[1][0], left[1][1] + out[1][1])], height=height - heads)


# ---- walks -----------------------------------------------------------------------------------------------------

WAYS = {
    "inner": ops.matmul_by_loops,
    "outer": ops.matmul_by_outer_products,
    "columns": ops.matmul_by_columns,
    "manual": ops.rows_by_columns,
}


def walk(way: str, A: Tensor, B: Tensor) -> tuple[Walk, dict[str, colour.Scale]]:
    """One product seen in one of these ways, line by line, and the colours of its panels."""
    scale, result = colour.signed(A, B), colour.signed(ops.mm(A, B))
    panels = (
        {"A": scale, "B": scale, "rows": scale, "columns": scale, "return": result} if way == "manual"
        else {"A": scale, "B": scale, "column": scale, "row": scale, "C": result}
    )  # fmt: skip
    return record(WAYS[way], A, B, panels=tuple(panels), reads=reads), panels


def reads(now: Moment) -> dict[str, list[Index]]:
    """The cells of A and B that the line with i, j and k reads."""
    names = now.names
    if "k" not in names or "j" not in names:
        return {}
    j, k = names["j"], names["k"]
    if "i" in names:
        return {"A": [(names["i"], k)], "B": [(k, j)]}
    return {"A": [(i, k) for i in range(len(names["A"]))], "B": [(k, j)]}
