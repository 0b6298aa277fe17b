"""Show pictures on boards: Plotly draws them in place, and cells that hang together light up under the pointer.

Everything a page draws goes through here. A board keeps its key from move to move, so that nothing on the page is
taken out and built anew; `core/ui/assets/board.js` draws what has changed.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import plotly.graph_objects as go
import streamlit as st
from torch import Tensor

from core.figures import board as figures
from core.figures.board import Board, Cells, Panel, Relation
from core.figures.heatmap import PROJECTED_TEXT, SMALLEST_TEXT, Picture
from core.figures.montage import LARGEST_CELL, PROJECTED, Index, cell_size
from core.ui import link
from core.web import files
from core.words import N_, _
from core.words import Words as Text

DRAWN = "_drawn"  # where session state keeps the boards of this page, to be taken away: {name: Board}
PAGE_WIDTH, PROJECTOR_WIDTH = 890, 1180  # pixels beside the side bar, and without it, on a screen of 1280
LARGE = 100_000  # bytes of a board from which on it is compressed
HINT = N_("Point at a cell, or move with the arrow keys; a click or Enter pins it.")
HTML = '<div class="board"><div class="flow"></div><p class="line" aria-live="polite"></p></div>'
JS = """const loaded = import(new URL("{address}", document.baseURI));
export default function (component) {{ loaded.then((board) => board.mount(component)); }}
"""

Pick = str | Callable[[str], None]  # the control that takes a pinned cell, or what to do with it


@dataclass(frozen=True)
class Words:
    """A line of words between the pictures of a board."""

    text: Text


@dataclass(frozen=True)
class At:
    """A part of a board at this row and column of a grid, counted from 1, so many rows high and columns wide."""

    row: int
    column: int
    part: "Part"
    rows: int = 1
    align: str = ""  # "end": at the foot of its row, so that the cells' rows stand in line
    columns: int = 1


BREAK = Words("")
Part = Picture | Panel | Words | At | str  # a bare text is a sign, as "=" or "→"


@st.cache_resource(show_spinner=False)
def component() -> Callable[..., Any]:
    """The component, registered once a process."""
    js = JS.format(address=f"{files.board_address()}/board.js")
    return st.components.v2.component("board", html=HTML, js=js, isolate_styles=False)


def forget() -> None:
    """Start a page afresh: its boards note themselves as they are shown."""
    st.session_state[DRAWN] = {}


def drawn() -> dict[str, Board]:
    """The boards shown so far on this page, by name."""
    return st.session_state.setdefault(DRAWN, {})


def show(
    *parts: Part,
    links: Sequence[Relation] = (),
    spelled: Text | Mapping[str, Text] = "",
    picks: Mapping[str, Pick] | None = None,
    pinned: tuple[str, Index] | None = None,
    height: int = 400,
    cell: int | None = None,
    name: str = "board",
    hint: Text = HINT,
) -> None:
    """Pictures in reading order with signs between them, all with cells of one size; what hangs together lights up.

    `spelled` is the sentence for the cell under the pointer, for all pictures or by the name of the picture:
    "`C{...}` = {sum:A*B} = **{C}**", see `fill` in links.js. `picks` gives, for the name of a picture, the key of the
    control that takes its pinned cell; `pinned` is the cell that is pinned now. `hint` stands where the sentence
    will be.
    """
    pictures = [part for part in map(bare, parts) if isinstance(part, Picture) and not part.side]
    side = int(cell * (PROJECTED if link.projector() else 1)) if cell else fitting(pictures, height)
    picks = picks or {}
    panels = {panel.name: panel for part in parts if (panel := as_panel(bare(part), side, picks)) is not None}
    any_cells = any(panel.cells for panel in panels.values())
    mount(
        Board(
            list(panels.values()), [placed(part) for part in parts], links,
            {name: _(sentence) for name, sentence in by_picture(spelled).items()},
            pinned, _(hint) if any_cells and any(panel.pick for panel in panels.values()) else "", link.projector(),
        ),
        name, picks,
    )  # fmt: skip


def by_picture(spelled: str | Mapping[str, str]) -> Mapping[str, str]:
    """The sentences by the name of their picture; "" is for all the others."""
    return spelled if isinstance(spelled, Mapping) else {"": spelled} if spelled else {}


def axes_of(values: Tensor, names: str = "l k i j") -> str:
    """The last of these axes, as many as the tensor has dimensions."""
    return " ".join(names.split()[max(0, len(names.split()) - values.dim()) :])


def alone(
    figure: go.Figure,
    alt: str,
    *,
    name: str,
    width: bool | int = False,
    cells: Cells | None = None,
    pick: Pick | None = None,
) -> None:
    """One figure as a board of its own; `width` is True for the room's whole width, or the most pixels it takes."""
    panel = Panel(name, figure, alt, cells, pick is not None, stretch=width)
    show(panel, name=name, picks={name: pick} if pick else None)


def fitting(pictures: Sequence[Picture], height: int) -> int:
    """The side of a cell with which these pictures fit side by side."""
    if not pictures:
        return 0
    shapes = [picture.montage for picture in pictures]
    if link.projector():
        return cell_size(shapes, PROJECTOR_WIDTH, int(height * PROJECTED), int(LARGEST_CELL * PROJECTED))
    return cell_size(shapes, PAGE_WIDTH, height)


def bare(part: Part) -> Part:
    """A part without its place."""
    return part.part if isinstance(part, At) else part


def as_panel(part: Part, side: int, picks: Mapping[str, Pick]) -> Panel | None:
    """A part as a panel that can be pinned where somebody takes its cells; None for signs and words."""
    if isinstance(part, Picture):
        side = int(part.side * (PROJECTED if link.projector() else 1)) or side
        return figures.panel(part, side, part.name in picks, PROJECTED_TEXT if link.projector() else SMALLEST_TEXT)
    if isinstance(part, Panel):
        return replace(part, pick=part.name in picks)
    return None


def placed(part: Part) -> dict[str, Any]:
    """A part's entry in the board's order."""
    if isinstance(part, At):
        return placed(part.part) | {"at": (part.row, part.column, part.rows, part.columns), "align": part.align}
    if isinstance(part, (Picture, Panel)):
        return {"panel": part.name}
    if isinstance(part, Words):
        return {"words": _(part.text)} if part.text else {"break": True}
    return {"sign": part}


def mount(board: Board, name: str, picks: Mapping[str, Pick]) -> None:
    """Put a board on the page; a pinned cell goes where `picks` says."""
    key = f"board {name}"
    if not board.save:
        drawn()[name] = board

    def take() -> None:
        picked = st.session_state[key].get("pick")
        if isinstance(picked, dict):
            hand_over(board, picks, picked)

    component()(data=sent(figures.packed(board, files.plotly_address())), key=key, on_pick_change=take)


def sent(packed: bytes) -> bytes:
    """A board as it travels: a large one, such as a tensor of thousands of cells with a note on each, compressed."""
    return zlib.compress(packed, 1) if len(packed) > LARGE else packed


def hand_over(board: Board, picks: Mapping[str, Pick], picked: Mapping[str, Any]) -> None:
    """Give a pinned cell to its taker: into the control whose key it is, or to the function."""
    index = picked.get("index")
    panel = next((panel for panel in board.panels if panel.name == picked.get("panel")), None)
    if panel is None or panel.cells is None or panel.name not in picks or not isinstance(index, list):
        return  # nothing that a reader's pointer sends
    place = figures.place_of(panel.cells, index)
    if place is None:
        return
    said = ", ".join(map(str, index)) if panel.picks is None else panel.picks[place]
    taker = picks[panel.name]
    if callable(taker):
        taker(said)
    elif said:
        st.session_state[taker] = said
