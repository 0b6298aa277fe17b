"""A chain of tensors over their storages, cell by cell linked by address, and dimensions that merge or do not."""

import functools
import math
from bisect import bisect_left
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, product
from weakref import WeakKeyDictionary

import numpy as np
import plotly.graph_objects as go
import torch

from core.experiments.chain import run as chain
from core.experiments.chain.claims import Both
from core.experiments.chain.run import Facts, Stage, facts_of
from core.experiments.layout import addresses
from core.experiments.layout.cache import LINE_BYTES
from core.experiments.layout.rule import Layout, ViewRefusal, mergeable
from core.figures import board, colour
from core.figures.board import Cells, Panel, Relation
from core.figures.colour import Scale
from core.figures.drawing import unchecked
from core.figures.heatmap import LETTER, NARROWEST, Outline, Picture, describe, draw
from core.figures.montage import MARGIN_TOP, Index, Montage
from core.words import N_, _, say
from core.words.numbers import number

LETTERS = "ABCDEFGHIJKLM"  # names of storages
PALETTES = (colour.IDENTITY, colour.COPIED, colour.COPIED_AGAIN)  # of one storage and the next
SHORTEST_ROW, LONGEST_ROW = 8, 32  # cells of a storage side by side
LONGEST_LINE = 12  # elements of a vector that stand in one row
HIGHER = 2.5  # times the room's height, before digits are left out
LINES_A_ROW = (1, 2, 4)  # cache lines side by side, as few as fit
SMALLEST, SMALLEST_OF_ALL = 14, 7  # pixels of a cell where the neighbours are shown too, and alone
SPACE_BETWEEN = 10  # pixels between two pictures, side by side or below each other
TICK = 13  # pixels from the label of one row to the next
LEFT, LEFT_OF_ROWS, RIGHT, LABEL, BELOW = 24, 34, 4, 16, 8  # pixels around the cells
BOX_WIDTH, BOX_HEIGHT, SPACE = 104, 56, 116  # pixels of a dimension's box, and from one box to the next
MERGES, BREAKS = "#009E73", "#D55E00"


# ---- what fits -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Room:
    """How many pixels there are for pictures, and how large a cell and how small a letter may be."""

    width: int
    height: float
    largest: int
    least: float


@dataclass(frozen=True)
class Block:
    """A picture's cells as a block, and the pixels around them."""

    rows: int
    columns: int
    title: str
    left: int = LEFT
    top: int = MARGIN_TOP

    def size(self, side: int) -> tuple[float, float]:
        """Width and height in pixels with cells of this side."""
        wide = max(self.columns * side + self.left + RIGHT, LETTER * len(self.title) + RIGHT, NARROWEST)
        return wide + SPACE_BETWEEN, self.rows * side + self.top + BELOW


@dataclass(frozen=True)
class Plan:
    """Which stages are shown, how large their cells are, and how the storages stand."""

    stages: Sequence[Stage]
    side: int
    beside: bool  # the storages in a column on the right of the tensors, else below them
    lines: int  # cache lines in a row of a storage


def plan(ran: Sequence[Stage], chosen: int, room: Room) -> Plan:
    """All stages where their digits can be read then; else the chosen one and its neighbours, or those before it.

    Where no digits could be read in this room, pictures that are higher; where none fit those, cells without digits.
    """
    near = [stage for stage in ran if abs(stage.number - chosen) <= 1]
    choices = (ran, near, [stage for stage in near if stage.number <= chosen])
    readable = {storage: smallest_readable(stage, room.least) for storage, stage in storages(ran).items()}
    for height in (room.height, HIGHER * room.height):
        for found in (best(shown, replace(room, height=height)) for shown in choices):
            if found.side >= max(readable[facts_of(stage).storage] for stage in found.stages):
                return found
    tried = [best(shown, room) for shown in choices]
    return next((found for found in tried if found.side >= SMALLEST), tried[-1])


def best(shown: Sequence[Stage], room: Room) -> Plan:
    """The largest cells with which these stages and their storages fit."""
    tensors, held = [block(stage) for stage in shown], storages(shown).values()
    strips = {lines: [strip_block(stage, lines) for stage in held] for lines in LINES_A_ROW}

    def fits(side: int, lines: int, beside: bool) -> bool:
        wide, high = extent(tensors, strips[lines], side, beside, room.width)
        return wide <= room.width and high <= room.height

    found = (0, LINES_A_ROW[-1], False)
    for lines, beside in product(LINES_A_ROW, (True, False)):
        if found[0] < room.largest and fits(max(found[0], SMALLEST_OF_ALL) + 1, lines, beside):
            sides = range(room.largest, max(found[0], SMALLEST_OF_ALL), -1)
            side = sides[bisect_left(sides, True, key=lambda side: fits(side, lines, beside))]
            found = (side, lines, beside)
    return Plan(shown, found[0] or SMALLEST_OF_ALL, found[2], found[1])


def extent(
    tensors: Sequence[Block], strips: Sequence[Block], side: int, beside: bool, width: int
) -> tuple[float, float]:  # fmt: skip
    """The pixels that tensors and storages take together."""
    sizes, held = [block.size(side) for block in tensors], [block.size(side) for block in strips]
    if beside:
        wide = sum(w for w, _ in sizes) + max(w for w, _ in held)
        return wide, max(max(h for _, h in sizes), sum(h for _, h in held) + SPACE_BETWEEN * (len(held) - 1))
    packed = [in_lines(sizes, width), in_lines(held, width)]
    return max(w for w, _ in packed), sum(h for _, h in packed)


def in_lines(sizes: Sequence[tuple[float, float]], width: int) -> tuple[float, float]:
    """The pixels of pictures side by side, as many lines as they need."""
    lines, across, widest = [0.0], 0.0, 0.0
    for wide, high in sizes:
        if across and across + wide > width:
            lines.append(0.0)
            across = 0.0
        across += wide
        widest, lines[-1] = max(widest, across), max(lines[-1], high)
    return widest, sum(lines) + SPACE_BETWEEN * len(lines)


def smallest_readable(stage: Stage, least: float) -> int:
    """The side of a cell that holds the longest number of a stage's storage in letters of `least` pixels."""
    longest = max(map(len, storage_texts(stage)), default=1)
    return math.ceil(max(least / 0.58, 0.58 * longest * least / 0.94))


def block(stage: Stage) -> Block:
    """A stage's tensor as a block of cells."""
    where, title = facts_of(stage).layout, tensor_title(stage)
    if across := row_of(where.shape):
        return Block(-(-where.numel // across), across, title, LEFT_OF_ROWS)
    rows, columns = Montage(where.shape).cells
    return Block(rows, columns, title, LEFT, MARGIN_TOP + (LABEL if where.ndim > 2 else 0))


def strip_block(stage: Stage, lines: int) -> Block:
    """A storage as a block of cells."""
    held, across = facts_of(stage).layout.storage_size, row_length(stage, lines)
    return Block(-(-held // across), across, strip_title(stage), LEFT_OF_ROWS)


def row_of(shape: Sequence[int]) -> int:
    """How many elements of a vector stand in a row, as square as can be; 0 where it is no vector, or a short one."""
    count = math.prod(shape)
    if count <= LONGEST_LINE or count != shape[-1]:
        return 0
    return next(wide for wide in (8, 16, 32, 64) if wide == 64 or wide * wide >= count)


def row_length(stage: Stage, lines: int = 1) -> int:
    """How many cells a row of the storage holds: a cache line's or several, as far as that can be read."""
    line = min(max(LINE_BYTES // facts_of(stage).itemsize, SHORTEST_ROW), LONGEST_ROW)
    return min(line * lines, max(facts_of(stage).layout.storage_size, SHORTEST_ROW))


def storages(shown: Sequence[Stage]) -> dict[int, Stage]:
    """For each storage of these stages, the last that has it: by then it is as long as it gets."""
    return {facts_of(stage).storage: stage for stage in shown}


# ---- the pictures ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trace:
    """What a chain's pictures need of all its stages."""

    copies: Mapping[int, np.ndarray]  # where the cells of each storage that a copy filled came from
    held: Mapping[int, int]  # how many cells each storage has at last: a colour is an address, at every stage
    said: dict[Hashable, list[str]] = field(default_factory=dict)  # notes of cells, once for all stages alike


def trace(ran: Sequence[Stage]) -> Trace:
    """Follow the storages through the whole chain."""
    held = {storage: facts_of(stage).layout.storage_size for storage, stage in storages(ran).items()}
    return Trace(chain.sources(ran), held)


@dataclass(frozen=True)
class Drawn:
    """The pictures of a board, how their cells hang together, and the sentences for them."""

    plan: Plan
    tensors: Sequence[Panel]
    strips: Sequence[Panel]
    relations: Sequence[Relation]
    spelled: Mapping[str, str]
    maps: Sequence[Panel] = ()  # of storages too large to be drawn whole


def draw_chain(ran: Sequence[Stage], chosen: Stage, room: Room) -> Drawn:
    """The stages and their storages, every cell linked to all that read its address, and to where a copy took it."""
    made = plan(ran, chosen.number, room)
    traced, held = trace(ran), storages(made.stages)
    tensors = [tensor(stage, traced, made.side, room.least) for stage in made.stages]
    strips = [strip(stage, chosen, ran, traced, made, room.least) for stage in held.values()]
    readers = [read_table(stage) for stage in made.stages]
    origins = [
        Relation(f"{letter(later)} {letter(earlier)}", copy_table(traced.copies, earlier, later), "origin")
        for earlier, later in zip(list(held), list(held)[1:], strict=False)
    ]
    if origins:  # an origin's other readers, too: the same tables lead on from its address
        origins += [Relation(table.axes, table.rows, "origin") for table in readers]
    return Drawn(made, tensors, strips, readers + origins, sentences(made.stages))


def tensor(
    stage: Stage, traced: Trace, side: int, least: float, changed: Sequence[Index] = (),
    title: str = "",
) -> Panel:  # fmt: skip
    """A stage's tensor, coloured by where each number lies; elements that a write has changed are outlined."""
    facts = facts_of(stage)
    where, across = facts.layout, row_of(facts.layout.shape)
    order = torch.tensor(addresses.reading_order(where), dtype=torch.float32)
    title, texts = title or tensor_title(stage), texts_of(stage)
    picture = Picture(
        name_of(stage), order.reshape(where.shape or (1,)), palette(facts, traced), title, texts=texts,
        axes=axes_of(stage), notes=list(notes(stage, traced)),
        group=letter(facts.storage) if facts.overlaps else "", outlines=[Outline(changed)] if changed else [],
    )  # fmt: skip
    if not across:
        return board.panel(picture, side, least=least)
    cells = Cells(
        picture.axes, where.shape, texts=texts, notes=picture.notes, wrap=across, group=picture.group
    )  # fmt: skip
    return Panel(picture.name, in_rows(picture, across, side, least), describe(picture), cells)


STRIP = N_("{title}, {across} cells a row, {read} read by {reader}. In address order: {texts}")


def strip(stage: Stage, chosen: Stage, ran: Sequence[Stage], traced: Trace, made: Plan, least: float) -> Panel:
    """A storage in address order, in rows of whole cache lines. Cells that the chosen stage does not read are grey."""
    facts, held = facts_of(stage), facts_of(stage).layout.storage_size
    reader = chosen if facts_of(chosen).storage == facts.storage else stage
    read = set(addresses.reading_order(facts_of(reader).layout))
    texts = storage_texts(stage)
    picture = Picture(
        letter(facts.storage), torch.arange(held, dtype=torch.float32), palette(facts, traced),
        strip_title(stage), texts=texts, muted=[(a,) for a in range(held) if a not in read],
    )  # fmt: skip
    across = row_length(stage, made.lines)
    figure = in_rows(picture, across, made.side, least)
    alt = say(
        STRIP, title=picture.title, across=across, read=facts.layout.numel, reader=name_of(reader),
        texts=", ".join(texts[:24]) + (", …" if held > 24 else ""),
    )  # fmt: skip
    cells = Cells(picture.name, (held,), texts=texts, notes=cell_notes(facts, traced), wrap=across)
    return Panel(picture.name, figure, alt, cells if held else None, picks=readers_of(chosen, ran, facts.storage, held))


def in_rows(picture: Picture, across: int, side: int, least: float) -> go.Figure:
    """One long line of cells in rows of so many; each row is labelled with the index of its first cell."""
    count = picture.values.numel()
    rows = -(-count // across)
    rest = rows * across - count
    filled = torch.cat([picture.values.flatten(), torch.full((rest,), torch.nan)])
    drawn = draw(
        Picture(
            picture.name, filled.reshape(rows, across), picture.scale, picture.title,
            texts=[*(picture.texts or ()), *[""] * rest], muted=[divmod(place[-1], across) for place in picture.muted],
            outlines=[
                replace(line, cells=[divmod(place[-1], across) for place in line.cells]) for line in picture.outlines
            ],
        ),
        side, least,
    ).to_dict()  # fmt: skip
    figure = drawn["layout"]
    labelled = range(0, rows, math.ceil(TICK / side))
    figure["yaxis"] |= {"tickvals": list(labelled), "ticktext": [str(row * across) for row in labelled]}
    figure["margin"] |= {"l": LEFT_OF_ROWS}
    figure["width"] += LEFT_OF_ROWS - LEFT
    return unchecked(drawn["data"], figure)


def palette(facts: Facts, traced: Trace) -> Scale:
    """The colours of a storage's cells, other ones than those of the storage before it."""
    return Scale(PALETTES[facts.storage % len(PALETTES)], 0.0, float(max(traced.held[facts.storage] - 1, 1)))


# ---- how cells hang together -----------------------------------------------------------------------------------


def read_table(stage: Stage) -> Relation:
    """Which address each element of a stage reads."""
    where = facts_of(stage).layout
    indices = np.indices(where.shape or (1,)).reshape(max(where.ndim, 1), -1).T
    rows = np.column_stack([np.array(addresses.reading_order(where), dtype=np.int64), indices])
    return Relation(f"{letter(facts_of(stage).storage)} {axes_of(stage)}", rows)


def copy_table(copies: Mapping[int, np.ndarray], earlier: int, later: int) -> np.ndarray:
    """Cells of the later storage beside the addresses in the earlier one that they came from."""
    came = chain.origins(copies, earlier, later)
    (cells,) = np.nonzero(came >= 0)
    return np.column_stack([cells, came[cells]])


def readers_of(chosen: Stage, ran: Sequence[Stage], storage: int, held: int) -> list[str]:
    """For each cell of a storage, the stage and index that read it: the chosen stage where it can, else the first."""
    found = [""] * held
    unread = np.ones(held, dtype=bool)
    for stage in sorted(ran, key=lambda stage: stage is not chosen):
        if facts_of(stage).storage == storage and unread.any():
            places, indices = first_indices(facts_of(stage).layout)
            fresh = unread[places]
            unread[places] = False
            name = name_of(stage)
            for address, index in zip(places[fresh].tolist(), indices[fresh].tolist(), strict=True):
                found[address] = f"{name} {index}"
    return found


def first_indices(where: Layout) -> tuple[np.ndarray, np.ndarray]:
    """The addresses that are read, and the first index that reads each, as the control of the picked cell writes it."""
    places, first = np.unique(addresses.addresses(where), return_index=True)
    written = strung([""], [[f", {i}" for i in range(size)] for size in where.shape])
    return places, np.array([index[2:] for index in written], dtype=object)[first]


def first_at(where: Layout) -> dict[int, str]:
    """For every address read, the first index that reads it."""
    places, indices = first_indices(where)
    return dict(zip(places.tolist(), indices.tolist(), strict=True))


# ---- words -----------------------------------------------------------------------------------------------------


CELL = N_("`{at}` = **{value}**: {note}. Read by: {readers}.")
ELEMENT = N_("`{at}` = **{value}** lies at {note}.")
ELEMENT_SHARED = N_("`{at}` = **{value}** lies at {note}. The same cell: {others}.")
ADDRESS = N_("{sum} of {name}, {cell}")
ADDRESS_SHARED = N_("{sum} of {name}, {cell}, read by {readers} elements of this tensor")
BYTE = N_("byte {byte}, cache line {line}")
COPIED = N_("byte {byte}, cache line {line}, copied from `{source}`")
UNWRITTEN = N_("byte {byte}, cache line {line}, never written to")
COPIED_UNWRITTEN = N_("byte {byte}, cache line {line}, copied from `{source}`, never written to")


def sentences(shown: Sequence[Stage]) -> dict[str, str]:
    """For each picture the sentence of its cells: where one lies, and who else reads it."""
    said = {}
    for storage, sharing in groupby(shown, key=lambda stage: facts_of(stage).storage):
        readers = list(sharing)
        name = letter(storage)
        tokens = {"at": f"{{at:{name}}}", "value": f"{{{name}}}", "note": f"{{note:{name}}}"}
        said[name] = say(CELL, tokens, readers=listed_readers(readers))
        for stage in readers:
            others = [other for other in readers if other is not stage]
            x = name_of(stage)
            at = f"{{at:{x}}}" if facts_of(stage).layout.ndim else x
            tokens = {"at": at, "value": f"{{{x}}}", "note": f"{{note:{x}}}", "others": listed_readers(others)}
            said[x] = say(ELEMENT_SHARED if others else ELEMENT, tokens)
    return said


def listed_readers(readers: Sequence[Stage]) -> str:
    """Which elements of these stages read the cell under the pointer, for the browser to fill in."""
    return ", ".join(
        f"{{each:{name_of(s)}}}" if facts_of(s).layout.ndim else f"{name_of(s)}: {{list:{name_of(s)}}}" for s in readers
    )


def notes(stage: Stage, traced: Trace) -> Iterator[str]:
    """For each element its address as a sum, and what is to be said of that cell."""
    where, order = facts_of(stage).layout, addresses.reading_order(facts_of(stage).layout)
    cells, name = cell_notes(facts_of(stage), traced), letter(facts_of(stage).storage)
    readers = np.bincount(order).tolist() if order else []
    steps = [[f" + {i}·{stride}" for i in range(size)] for size, stride in zip(where.shape, where.stride, strict=True)]
    alone, shared = _(ADDRESS), _(ADDRESS_SHARED)  # looked up once for all elements
    split = alone.format(sum=SUM, name=name, cell=SAID).replace(SUM, SAID).split(SAID)
    in_order = alone.index("{sum}") < alone.index("{cell}")  # else the words are put together for each cell
    around = [
        (split[0], f"{split[1]}{cell}{split[2]}") if count < 2 and in_order
        else (shared if count > 1 else alone).format(sum=SUM, name=name, cell=cell, readers=count).split(SUM)
        for cell, count in zip(cells, readers, strict=False)
    ]  # fmt: skip
    for address, terms in zip(order, strung([str(where.storage_offset)], steps), strict=True):
        before, after = around[address]
        yield f"{before}{terms} = {address}{after}"


SUM, SAID = "\0", "\1"  # stand for the sum and the cell's note while the words around them are put together


def strung(first: list[str], parts: Sequence[Sequence[str]]) -> list[str]:
    """One of each sequence behind the other, in the order of a tensor's elements."""
    return functools.reduce(lambda said, more: [a + b for a in said for b in more], parts, first)


def cell_notes(facts: Facts, traced: Trace) -> list[str]:
    """For each cell of a storage its byte and cache line, and what it was copied from."""
    key = (facts.storage, facts.layout.storage_size, facts.itemsize, facts.uninitialised)
    if key not in traced.said:
        traced.said[key] = _cell_notes(facts, traced.copies)
    return traced.said[key]


def _cell_notes(facts: Facts, copies: Mapping[int, np.ndarray]) -> list[str]:
    came = copies[facts.storage].tolist() if facts.storage in copies else []
    before = letter(max(facts.storage - 1, 0))
    copied, copied_unwritten = _(COPIED), _(COPIED_UNWRITTEN)
    found: list[str] = []
    for line in range(-(-facts.extent.bytes_held // LINE_BYTES)):  # all but the byte is the same along a cache line
        plain, unwritten = (_(said).format(byte=SAID, line=line).split(SAID) for said in (BYTE, UNWRITTEN))
        for address in range(len(found), min((line + 1) * LINE_BYTES // facts.itemsize, facts.layout.storage_size)):
            byte, known = address * facts.itemsize, address not in facts.uninitialised
            if address < len(came) and came[address] >= 0:
                source = f"{before}[{came[address]}]"
                found.append((copied if known else copied_unwritten).format(byte=byte, line=line, source=source))
            else:
                found.append(str(byte).join(plain if known else unwritten))
    return found


STORAGE = N_("storage {name}: {cells} cells of {itemsize} B")


def tensor_title(stage: Stage) -> str:
    """Name, shape and storage."""
    shape = ", ".join(map(str, facts_of(stage).layout.shape)) + ("," if facts_of(stage).layout.ndim == 1 else "")
    return f"{name_of(stage)} ({shape}) · {letter(facts_of(stage).storage)}"


def strip_title(stage: Stage) -> str:
    """The storage's name and size."""
    facts = facts_of(stage)
    return say(STORAGE, name=letter(facts.storage), cells=facts.layout.storage_size, itemsize=facts.itemsize)


def texts_of(stage: Stage) -> list[str]:
    """What stands in each element; a question mark where torch has written nothing."""
    assert stage.tensor is not None
    if (
        stage.tensor.untyped_storage().data_ptr() != facts_of(stage).storage_pointer
    ):  # after a write, that of another run
        values = [spelled(value) for value in stage.tensor.flatten().tolist()]
        unknown = facts_of(stage).uninitialised
        return [
            "?" if a in unknown else v
            for a, v in zip(addresses.reading_order(facts_of(stage).layout), values, strict=True)
        ]
    texts = storage_texts(stage)
    return [texts[address] for address in addresses.reading_order(facts_of(stage).layout)]


KNOWN: WeakKeyDictionary[Stage, list[str]] = WeakKeyDictionary()  # texts that planning and drawing both need


def storage_texts(stage: Stage) -> list[str]:
    """What stands in each cell of a stage's storage."""
    if stage not in KNOWN:
        texts = [spelled(value) for value in stage.cells.tolist()]
        for address in facts_of(stage).uninitialised:
            texts[address] = "?"
        KNOWN[stage] = texts
    return KNOWN[stage]


def spelled(value: complex) -> str:
    """A number as short as it can be said."""
    return str(value) if isinstance(value, (bool, complex)) else short(value)


short = functools.lru_cache(maxsize=1 << 14)(number)  # a chain shows the same numbers again and again


def last(stages: Sequence[Stage]) -> int:
    """The number of the last stage that has a tensor."""
    return max(stage.number for stage in stages if stage.facts is not None)


def name_of(stage: Stage) -> str:
    """The name of a stage's tensor, and of its picture."""
    return f"x{stage.number}"


def axes_of(stage: Stage) -> str:
    """A word for each dimension of a stage; one for a single number."""
    return " ".join(f"{name_of(stage)}.{d}" for d in range(max(facts_of(stage).layout.ndim, 1)))


def letter(storage: int) -> str:
    """The name of a storage."""
    return LETTERS[storage]


# ---- dimensions ------------------------------------------------------------------------------------------------


def pair(layout: Layout, left: int, right: int, refusal: ViewRefusal | None = None) -> go.Figure:
    """Two neighbouring dimensions as boxes, and between them whether one stride could walk both.

    Those of size 1 between them are drawn too; a pair that a refused view would have to merge is marked.
    """
    part = replace(layout, shape=layout.shape[left : right + 1], stride=layout.stride[left : right + 1])
    joints = range(part.ndim - 1)
    shapes = [_box(d) for d in range(part.ndim)] + [_line(part, d, refusal is not None) for d in joints]
    words = [_inside(part, d, left + d) for d in range(part.ndim)]
    words += [word for d in joints for word in _rule(part, d)] + ([_span(refusal)] if refusal else [])
    unseen = {"type": "scatter", "x": [0], "y": [0], "mode": "markers", "marker": {"opacity": 0}, "hoverinfo": "skip"}
    placed = {"shapes": shapes, "annotations": words}
    return unchecked([unseen], _row_layout(part.ndim, refusal is not None) | placed)


def _box(d: int) -> dict:
    left = d * (BOX_WIDTH + SPACE)
    line = {"color": colour.MUTED, "width": 1.5}
    return {"type": "rect", "x0": left, "x1": left + BOX_WIDTH, "y0": 0, "y1": BOX_HEIGHT, "line": line}


def _inside(layout: Layout, d: int, dim: int) -> dict:
    size, stride = layout.shape[d], layout.stride[d]
    text = say("<b>dim {dim}</b><br>size {size}<br>stride {stride}", dim=dim, size=size, stride=stride)
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
        rule = _("size 1: no step")
    else:
        sign = "=" if layout.stride[d] == layout.stride[right] * layout.shape[right] else "≠"
        rule = f"{layout.stride[d]} {sign} {layout.stride[right]}·{layout.shape[right]}"
    middle = _joint(d) + SPACE / 2
    verdict = _("merge") if mergeable(layout, d) else _("do not merge")
    return [_word(rule, middle, BOX_HEIGHT / 2 + 13), _word(verdict, middle, BOX_HEIGHT / 2 - 13)]


def _span(refusal: ViewRefusal) -> dict:
    text = say("new dim {new_dim} (size {new_size}) would span both", refusal)
    return _word(text, _joint(0) + SPACE / 2, -14)


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


# ---- one tensor, viewed and permuted ---------------------------------------------------------------------------


def view_and_permute(found: Both) -> tuple[Picture, str, Picture]:
    """The tutorial's tensor both ways, side by side."""
    scale = colour.identity(5)
    return (
        Picture("view", found.viewed, scale, "x.view(5, 6)", axes="i j"), "≠",
        Picture("permute", found.permuted, scale, "x.permute(1, 0)", axes="i j"),
    )  # fmt: skip
