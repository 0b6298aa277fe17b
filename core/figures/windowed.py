"""The pictures of a chain too large to be drawn whole: a window onto each tensor, and its storage near and from afar.

The windows hang together by the addresses that they read, as whole tensors do. Near, a storage is the cache lines in
which the windows' cells lie; from afar it is a map, each of whose squares stands for very many cells.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from core.experiments.chain import origins
from core.experiments.chain.origins import UNKNOWN, UNWRITTEN, Origins
from core.experiments.chain.run import Stage, facts_of
from core.experiments.layout import addresses, cache, window
from core.experiments.layout.cache import LINE_BYTES
from core.experiments.layout.rule import Ints
from core.experiments.layout.window import Window
from core.figures import board
from core.figures.board import Box, Cells, Panel, Relation
from core.figures.colour import Scale
from core.figures.drawing import unchecked
from core.figures.heatmap import Outline, Picture, describe
from core.figures.memory import (
    ELEMENT,
    ELEMENT_SHARED,
    HIGHER,
    LABEL,
    PALETTES,
    SHORTEST_ROW,
    SPACE_BETWEEN,
    Block,
    Drawn,
    Plan,
    Room,
    axes_of,
    in_lines,
    in_rows,
    letter,
    name_of,
    storages,
    tensor_title,
)  # fmt: skip
from core.figures.montage import MARGIN_TOP, Montage
from core.words import N_, _, say
from core.words.numbers import number

LONGEST_ROW = 16  # cells of a storage side by side
MOST_LINES = 12  # of a storage near the windows
STRIP_SIDE, MAP_SIDE = 15, 9  # pixels of a cell, and of a square of the map
SQUARES, SQUARES_A_ROW = 64, 32  # of a map
MAP_TOP = 24  # pixels above a map: its title alone
LONGEST_NUMBER = 10**7  # from which on a number is rounded in its cell
DIGIT = 6.2  # pixels of a digit of an index beside a picture
READ, HELD = "#B4E0BC", "#D6006C"  # squares that a tensor reads, and those in which the window's cells lie


@dataclass(frozen=True)
class Sight:
    """What is drawn of one stage."""

    stage: Stage
    window: Window
    addresses: np.ndarray  # of the window's elements
    texts: list[str]

    @property
    def storage(self) -> int:
        """The storage that it reads."""
        return facts_of(self.stage).storage

    @functools.cached_property
    def block(self) -> Block:
        """Its cells as a block, with room for their indices on the left."""
        shape = self.window.shape
        rows, columns = Montage(shape).cells
        return Block(rows, columns, title(self), row_margin(self.window), MARGIN_TOP + (LABEL if len(shape) > 2 else 0))


def sights(ran: Sequence[Stage], chosen: Stage, cell: Ints | None, traced: Origins) -> list[Sight]:
    """A window onto each stage: the chosen one's holds the picked cell, the others' the number that is first in it."""
    shown = window.window(facts_of(chosen).layout.shape, cell or ())
    empty = facts_of(chosen).layout.numel == 0
    first = None if empty else addresses.address(facts_of(chosen).layout, cell or shown.start)
    found = []
    for stage in ran:
        facts = facts_of(stage)
        there = None if first is None else traced.followed(facts_of(chosen).storage, first, facts.storage)
        index = None if there is None else window.index_at(facts.layout, there)
        box = shown if stage is chosen else window.window(facts.layout.shape, index or ())
        table = window.addresses(facts.layout, box)
        found.append(Sight(stage, box, table, texts(traced, facts.storage, table.ravel())))
    return found


def texts(traced: Origins, storage: int, cells: np.ndarray) -> list[str]:
    """What stands in these cells; a question mark where torch wrote nothing, nothing where it is not known."""
    values, first = traced.numbers(storage, cells)
    return [
        "?" if source == UNWRITTEN else "" if source == UNKNOWN else spelled(value)
        for value, source in zip(values.tolist(), first.tolist(), strict=True)
    ]


def spelled(value: complex) -> str:
    """A number as short as it can be said; a whole one to its last digit, where it is one of an address."""
    if isinstance(value, (bool, complex)):
        return str(value)
    return str(int(value)) if abs(value) < LONGEST_NUMBER and value == int(value) else number(value)


# ---- what fits -------------------------------------------------------------------------------------------------


def row_margin(box: Window) -> int:
    """Pixels that the indices of the rows take."""
    last = box.start[-2] + box.shape[-2] if len(box.shape) > 1 else 0
    return max(24, int(DIGIT * len(str(last)) + 8))


def title(sight: Sight) -> str:
    """Name, shape and storage; nothing says more of the window than the indices beside it."""
    return tensor_title(sight.stage)


def plan(found: Sequence[Sight], chosen: Stage, near: Mapping[int, "Near"], room: Room) -> Plan:
    """The most stages whose digits can be read; the storages beside them, or below."""
    close = [s for s in found if abs(s.stage.number - chosen.number) <= 1]
    before = [s for s in close if s.stage.number <= chosen.number]
    for height in (room.height, HIGHER * room.height):
        for shown in (found, close, before):
            side = readable(shown, room.least)
            for beside in (True, False):
                for larger in range(max(room.largest, side), side - 1, -1):
                    wide, high = extent(shown, near, larger, beside, room.width)
                    if wide <= room.width and high <= height:
                        return Plan([s.stage for s in shown], larger, beside, 1)
    return Plan([s.stage for s in before], readable(before, room.least), False, 1)


def readable(shown: Sequence[Sight], least: float) -> int:
    """The side of a cell that holds the longest number."""
    longest = max((len(text) for sight in shown for text in sight.texts), default=1)
    return math.ceil(max(least / 0.58, 0.58 * longest * least / 0.94))


def extent(
    shown: Sequence[Sight], near: Mapping[int, "Near"], side: int, beside: bool, width: int
) -> tuple[float, float]:
    """The pixels that windows and storages take together."""
    tensors = [sight.block.size(side) for sight in shown]
    each = [near[storage].sizes for storage in dict.fromkeys(s.storage for s in shown)]
    held = [size for sizes in each for size in sizes]
    if beside:
        high = sum(h for _, h in held) + SPACE_BETWEEN * (len(held) - 1)
        return sum(w for w, _ in tensors) + max(w for w, _ in held), max(high, *(h for _, h in tensors))
    packed = [in_lines(line, width) for line in (tensors, *map(list, zip(*each, strict=True)))]
    return max(w for w, _ in packed), sum(h for _, h in packed)


# ---- a storage near the windows --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Near:
    """The cells of a storage that are drawn: the cache lines that the windows touch, and the addresses they read."""

    stage: Stage  # the last that has the storage
    across: int  # cells a row
    lines: np.ndarray  # numbers of the rows that are drawn
    more: int  # rows that the windows touch besides
    places: np.ndarray  # the addresses drawn anywhere, in order: the place of each is its number on the board

    @property
    def held(self) -> int:
        """Cells of the whole storage."""
        return facts_of(self.stage).layout.storage_size

    @property
    def cells(self) -> np.ndarray:
        """The addresses in the rows that are drawn."""
        all_cells = (self.lines[:, None] * self.across + np.arange(self.across)).ravel()
        return all_cells[all_cells < self.held]

    @functools.cached_property
    def sizes(self) -> list[tuple[float, float]]:
        """Pixels of its two pictures."""
        rows = Block(len(self.lines), self.across, self.title, self.margin)
        far = Block(SQUARES // SQUARES_A_ROW, SQUARES_A_ROW, self.map_title, top=MAP_TOP)
        return [rows.size(STRIP_SIDE), far.size(MAP_SIDE)]

    @property
    def margin(self) -> int:
        """Pixels that the addresses of the rows take."""
        return int(DIGIT * len(str(self.held)) + 8)

    @property
    def title(self) -> str:
        """The storage's name, and what is drawn of it."""
        return say(NEAR_MORE if self.more else NEAR, name=letter(facts_of(self.stage).storage), more=self.more)

    @property
    def map_title(self) -> str:
        """The storage's size."""
        return say(
            FAR, name=letter(facts_of(self.stage).storage), bytes=in_units(self.held * facts_of(self.stage).itemsize)
        )

    def placed(self, cells: np.ndarray) -> np.ndarray:
        """The numbers of these addresses on the board."""
        return np.searchsorted(self.places, cells)


NEAR = N_("storage {name}, where the windows read")
NEAR_MORE = N_("storage {name}, {more:|line|lines} more touched")
FAR = N_("storage {name}, all {bytes}")
UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def in_units(count: int) -> str:
    """Bytes in a unit that says them with few digits: "4 TiB"."""
    power = min((max(count, 1).bit_length() - 1) // 10, len(UNITS) - 1)
    return f"{number(count / 1024**power)} {UNITS[power]}"


def near(stage: Stage, reading: Sequence[Sight]) -> Near:
    """The lines of a storage that these windows touch."""
    across = min(max(LINE_BYTES // facts_of(stage).itemsize, SHORTEST_ROW), LONGEST_ROW)
    read = np.unique(np.concatenate([s.addresses.ravel() for s in reading] or [np.zeros(0, np.int64)]))
    touched = np.unique(read // across)
    made = Near(stage, across, touched[:MOST_LINES], max(len(touched) - MOST_LINES, 0), read)
    return replace(made, places=np.union1d(read, made.cells))


# ---- the pictures ----------------------------------------------------------------------------------------------


def draw_windows(ran: Sequence[Stage], chosen: Stage, cell: Ints | None, room: Room) -> Drawn:
    """A window onto each stage, and its storages; cells hang together that read one address."""
    traced = origins.of(ran)
    found = sights(ran, chosen, cell, traced)
    last = storages(ran)
    close = {n: near(stage, [s for s in found if s.storage == n]) for n, stage in last.items()}
    made = plan(found, chosen, close, room)
    shown = [s for s in found if s.stage in made.stages]
    held = {n: near(last[n], [s for s in shown if s.storage == n]) for n in dict.fromkeys(s.storage for s in shown)}
    strips = [strip(each, chosen, shown, traced) for each in held.values()]
    maps = [map_of(each, chosen, shown) for each in held.values()]
    relations = [read_table(sight, held[sight.storage]) for sight in shown] + [
        map_table(each) for each in held.values()
    ]
    origin = [
        Relation(f"{letter(b)} {letter(a)}", copy_table(traced, held[a], held[b]), "origin")
        for a, b in zip(list(held), list(held)[1:], strict=False)
    ]
    if origin:
        origin += [Relation(r.axes, r.rows, "origin") for r in relations]
    tensors = [tensor(sight, held[sight.storage], traced, made.side, room.least) for sight in shown]
    return Drawn(made, tensors, strips, relations + origin, sentences(shown), maps)


def tensor(sight: Sight, held: Near, traced: Origins, side: int, least: float) -> Panel:
    """A window onto a stage's tensor, coloured by the order of its addresses among those drawn."""
    colours = torch.from_numpy(np.asarray(held.placed(sight.addresses))).float()
    picture = Picture(
        name_of(sight.stage), colours.reshape(sight.window.shape or (1,)), palette(held), title(sight),
        texts=sight.texts, axes=axes_of(sight.stage), notes=notes(sight, traced),
        group=letter(sight.storage) if facts_of(sight.stage).overlaps else "",
        origin=(0, *sight.window.start) if len(sight.window.start) < 2 else sight.window.start,
    )  # fmt: skip
    if not sight.window.shape:
        picture = replace(picture, origin=(0, 0))
    return relabelled(board.panel(picture, side, least=least), row_margin(sight.window), side)


def relabelled(panel: Panel, margin: int, side: int) -> Panel:
    """The picture with room for long indices: the rows' in a wider margin, of the columns' as many as fit."""
    drawn = panel.figure.to_dict()
    wider = board.with_row_names(panel, drawn["layout"]["yaxis"]["ticktext"], margin).figure.to_dict()
    labels = wider["layout"]["xaxis"]["ticktext"]
    every = math.ceil((DIGIT * max(map(len, labels), default=1) + 6) / side)
    axis = wider["layout"]["xaxis"] | {"ticktext": [t if i % every == 0 else "" for i, t in enumerate(labels)]}
    return replace(panel, figure=unchecked(wider["data"], wider["layout"] | {"xaxis": axis}))


def palette(held: Near) -> Scale:
    """The colours of a storage's drawn cells."""
    return Scale(PALETTES[facts_of(held.stage).storage % len(PALETTES)], 0.0, float(max(len(held.places) - 1, 1)))


def reader_of(held: Near, chosen: Stage) -> Stage:
    """The stage whose reading of a storage is shown: the chosen one where it has it."""
    return chosen if facts_of(chosen).storage == facts_of(held.stage).storage else held.stage


def strip(held: Near, chosen: Stage, shown: Sequence[Sight], traced: Origins) -> Panel:
    """The cache lines that the windows touch, one a row; grey is what the chosen stage does not read anywhere."""
    storage, reader, cells = facts_of(held.stage).storage, reader_of(held, chosen), held.cells
    read = [window.index_at(facts_of(reader).layout, address) is not None for address in cells.tolist()]
    name = letter(storage)
    picture = Picture(
        name, torch.from_numpy(held.placed(cells)).float(), palette(held), held.title,
        texts=texts(traced, storage, cells), muted=[(place,) for place, there in enumerate(read) if not there],
        outlines=outlines(cells, of_stage(shown, reader), held.across),
    )  # fmt: skip
    drawn = in_rows(picture, held.across, STRIP_SIDE, 10).to_dict()
    layout = drawn["layout"]
    layout["width"] += held.margin - layout["margin"]["l"]
    layout["margin"] |= {"l": held.margin}
    starts = [str(line * held.across) for line in held.lines.tolist()]
    layout["yaxis"] |= {"tickvals": list(range(len(starts))), "ticktext": starts}
    if not starts:  # nothing to count
        layout["xaxis"] |= {"tickvals": [], "ticktext": []}
    first = first_readers(shown, reader)
    return Panel(
        name, unchecked(drawn["data"], layout), describe(picture),
        Cells(name, (len(held.places),), texts=texts(traced, storage, held.places), notes=cell_notes(held, traced),
              boxes=boxes(held)) if len(cells) else None,
        picks=[first.get(address, "") for address in held.places.tolist()],
    )  # fmt: skip


def boxes(held: Near) -> list[Box | None]:
    """Where each of the places is drawn; None for an address in a line that is not."""
    row_of = {line: row for row, line in enumerate(held.lines.tolist())}
    found: list[Box | None] = []
    for line, column in (divmod(address, held.across) for address in held.places.tolist()):
        row = row_of.get(line)
        found.append(None if row is None else (column - 0.5, column + 0.5, row - 0.5, row + 0.5))
    return found


def outlines(cells: np.ndarray, reading: Sight | None, across: int) -> list[Outline]:
    """Borders around the drawn cells that a window reads: one where they fill a rectangle, else one a run."""
    inside = np.isin(cells, reading.addresses) if reading is not None else np.zeros(len(cells), dtype=bool)
    runs: list[list[int]] = []
    for place in np.flatnonzero(inside).tolist():
        if runs and place == runs[-1][-1] + 1 and place % across:
            runs[-1].append(place)
        else:
            runs.append([place])
    if len({(run[0] % across, len(run)) for run in runs}) == 1:  # rows of the picture below each other
        runs = [[place for run in runs for place in run]]
    return [Outline([(place,) for place in run], width=2) for run in runs]


def of_stage(shown: Sequence[Sight], stage: Stage) -> Sight | None:
    """The window onto this stage, where it is shown."""
    return next((sight for sight in shown if sight.stage is stage), None)


def map_of(held: Near, chosen: Stage, shown: Sequence[Sight]) -> Panel:
    """The whole storage in few squares: which of them the chosen stage reads, and where its window's cells lie."""
    reader, count, size = reader_of(held, chosen), squares(held), per_square(held)
    where, sight = facts_of(reader).layout, of_stage(shown, reader)
    inside = np.bincount(sight.addresses.ravel() // size, minlength=count) if sight else np.zeros(count, dtype=int)
    firsts = [window.next_read(where, n * size) for n in range(count)]
    read = [first is not None and first < (n + 1) * size for n, first in enumerate(firsts)]
    name = letter(facts_of(held.stage).storage)
    picture = Picture(
        f"{name} map", torch.from_numpy((inside > 0).astype(np.float32)), Scale([READ, HELD], 0.0, 1.0), held.map_title,
        texts=[""] * count, muted=[(n,) for n, there in enumerate(read) if not there],
    )  # fmt: skip
    notes = [
        square_note(reader, n * size, min((n + 1) * size, held.held), read[n], int(inside[n])) for n in range(count)
    ]
    picks = [index_of(reader, first) if first is not None and read[n] else "" for n, first in enumerate(firsts)]
    cells = Cells(f"{name}.square", (count,), texts=[""] * count, notes=notes, wrap=SQUARES_A_ROW)
    drawn = in_rows(picture, SQUARES_A_ROW, MAP_SIDE, 10).to_dict()
    layout = drawn["layout"]
    layout["yaxis"] |= {"tickvals": [], "ticktext": []}
    layout["xaxis"] |= {"tickvals": [], "ticktext": []}
    layout["height"] += MAP_TOP - layout["margin"]["t"]
    layout["margin"] |= {"t": MAP_TOP}
    alt = say(MAP_ALT, title=held.map_title, read=sum(read), squares=count, name=name_of(reader))
    return Panel(f"{name} map", unchecked(drawn["data"], layout), alt, cells, picks=picks)


MAP_ALT = N_("{title}, as a map of {squares:|square|squares}; {name} reads in {read} of them")
SQUARE_READ = N_("addresses {low:,} … {high:,}; {reader} reads there, and {inside:|cell|cells} of its window lie in it")
SQUARE_UNREAD = N_("addresses {low:,} … {high:,}; {reader} reads none of them")


def square_note(reader: Stage, low: int, end: int, read: bool, inside: int) -> str:
    """What a square of the map stands for."""
    facts = {"low": low, "high": end - 1, "reader": name_of(reader), "inside": inside}
    return say(SQUARE_READ if read else SQUARE_UNREAD, facts)


def index_of(stage: Stage, address: int) -> str:
    """The stage and index that read an address, as a pin reports them."""
    index = window.index_at(facts_of(stage).layout, address)
    return "" if index is None else f"{name_of(stage)} {', '.join(map(str, index))}"


def per_square(held: Near) -> int:
    """Cells for which a square of the map stands."""
    return max(-(-held.held // SQUARES), 1)


def squares(held: Near) -> int:
    """Squares of the map."""
    return -(-held.held // per_square(held)) or 1


# ---- how cells hang together -----------------------------------------------------------------------------------


def read_table(sight: Sight, held: Near) -> Relation:
    """Which place of a storage each element of a window reads."""
    box = sight.window
    indices = np.indices(box.shape or (1,)).reshape(max(len(box.shape), 1), -1).T
    starts = np.array(box.start or (0,), dtype=np.int64)
    rows = np.column_stack([held.placed(sight.addresses.ravel()), indices + starts])
    return Relation(f"{letter(sight.storage)} {axes_of(sight.stage)}", rows)


def map_table(held: Near) -> Relation:
    """In which square of the map each place lies."""
    name = letter(facts_of(held.stage).storage)
    places = np.arange(len(held.places))
    return Relation(f"{name} {name}.square", np.column_stack([places, held.places // per_square(held)]))


def copy_table(traced: Origins, earlier: Near, later: Near) -> np.ndarray:
    """Places of the later storage beside those of the earlier one that they came from, where both are drawn."""
    came = traced.back(facts_of(later.stage).storage, later.places, facts_of(earlier.stage).storage)
    here = np.isin(came, earlier.places)
    return np.column_stack([np.flatnonzero(here), earlier.placed(came[here])])


def first_readers(shown: Sequence[Sight], reader: Stage) -> dict[int, str]:
    """For each address that a window reads, stage and index as a pin reports them; the reader's own first."""
    first: dict[int, str] = {}
    for sight in sorted(shown, key=lambda sight: sight.stage is not reader):
        if sight.storage == facts_of(reader).storage:
            for index in np.ndindex(*sight.window.shape):
                at = ", ".join(str(i + s) for i, s in zip(index, sight.window.start, strict=True))
                first.setdefault(int(sight.addresses[index]), f"{name_of(sight.stage)} {at}")
    return first


# ---- words -----------------------------------------------------------------------------------------------------

CELL = N_("**{value}**: {note}. Read, in the windows, by: {others}.")
SQUARE = N_("A square of the map: {note}. Click it to move the window there.")
LIES = N_("address {address:,} of {name}: byte {byte:,}, cache line {line:,}")
COPIED_FROM = N_("address {address:,} of {name}: byte {byte:,}, cache line {line:,}, copied from {earlier}[{source}]")


def sentences(shown: Sequence[Sight]) -> dict[str, str]:
    """For each picture the sentence of its cells."""
    said = {}
    for name in dict.fromkeys(letter(sight.storage) for sight in shown):
        readers = [name_of(sight.stage) for sight in shown if letter(sight.storage) == name]
        each = {x: f"{{each:{x}}}" for x in readers}
        said[name] = say(CELL, value=f"{{{name}}}", note=f"{{note:{name}}}", others=", ".join(each.values()))
        said[f"{name} map"] = say(SQUARE, note=f"{{note:{name} map}}")
        for x in readers:
            others = ", ".join(each[other] for other in readers if other != x)
            facts = {"at": f"{{at:{x}}}", "value": f"{{{x}}}", "note": f"{{note:{x}}}", "others": others}
            said[x] = say(ELEMENT_SHARED if others else ELEMENT, facts)
    return said


def notes(sight: Sight, traced: Origins) -> list[str]:
    """For each element of the window its address as a sum, and what is to be said of that cell."""
    where, found = facts_of(sight.stage).layout, []
    about = said_of(sight.addresses.ravel(), sight.storage, facts_of(sight.stage).itemsize, traced)
    for index, said in zip(np.ndindex(*sight.window.shape), about, strict=True):
        terms = addresses.address_terms(where, [i + s for i, s in zip(index, sight.window.start, strict=True)])
        found.append(f"{terms}, {said}")
    return found


def cell_notes(held: Near, traced: Origins) -> list[str]:
    """For each place of a storage its address, byte and cache line, and what it was copied from."""
    return said_of(held.places, facts_of(held.stage).storage, facts_of(held.stage).itemsize, traced)


def said_of(cells: np.ndarray, storage: int, itemsize: int, traced: Origins) -> list[str]:
    """The words for these addresses of a storage."""
    came = traced.back(storage, cells, storage - 1) if storage else np.full(len(cells), UNKNOWN)
    lies, copied = _(LIES), _(COPIED_FROM)  # looked up once: `say` for each of hundreds of cells takes its time
    names = {"name": letter(storage), "earlier": letter(max(storage - 1, 0))}
    return [
        (lies if source < 0 else copied).format(
            address=address, byte=address * itemsize, line=address * itemsize // LINE_BYTES, source=source, **names
        )
        for address, source in zip(cells.tolist(), came.tolist(), strict=True)
    ]


# ---- a walk through the cache ----------------------------------------------------------------------------------

WALKED = N_("{name}, coloured by cache line: {fetched} times the walk waits")
WALKED_WINDOW = N_("{name}, a window alone, coloured by cache line: {fetched} times the walk waits")
WAITS = N_("step {step}: line {line:,} is fetched")
STAYS = N_("step {step}: line {line:,} is in the cache")
WALK_SIDE, WALK_WIDTH = 40, 900  # pixels of a cell at most, and of the picture


def walk(stage: Stage, cell: Ints | None, capacity: int = cache.SCALE_MODEL) -> Panel:
    """A stage's tensor, or a window onto it, coloured by cache line; outlined where a walk waits for one."""
    facts = facts_of(stage)
    shape = facts.layout.shape
    box = Window((0,) * len(shape), shape) if stage.whole else window.window(shape, cell or ())
    cells = window.addresses(facts.layout, box)
    found = cache.walked(cells, facts.itemsize, LINE_BYTES, capacity)
    lines = cells.ravel() * facts.itemsize // LINE_BYTES
    ranks = np.searchsorted(np.unique(lines), lines)
    waits = set(found.fetched_at)
    notes = [say(WAITS if i in waits else STAYS, step=i, line=line) for i, line in enumerate(lines.tolist())]
    places = list(np.ndindex(*(box.shape or (1,))))
    title = say(WALKED if stage.whole else WALKED_WINDOW, name=name_of(stage), fetched=found.fetched)
    picture = Picture(
        "lines", torch.from_numpy(ranks).float().reshape(box.shape or (1,)),
        Scale(PALETTES[0], 0.0, float(max(ranks.max(initial=0), 1))), title,
        texts=[str(line) for line in lines.tolist()], notes=notes,
        outlines=[Outline([places[i]], width=2) for i in waits],
        origin=(0, *box.start) if len(box.start) == 1 else box.start or (0, 0),
    )  # fmt: skip
    rows, columns = Montage(box.shape).cells
    side = max(min(WALK_SIDE, WALK_WIDTH // max(columns, 1), 12 * WALK_SIDE // max(rows, 1)), 7)
    return relabelled(board.panel(picture, side), row_margin(box), side)
