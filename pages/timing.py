"""Timing: every operator's versions against torch, in one table, each row a way to the operator's page."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from core.figures.board import Cells, Panel
from core.figures.timing import Cell, ratio_table, table_boxes
from core.ops.operator import Operator
from core.timing import devices, explain, results
from core.timing.results import Result
from core.timing.settings import TIERS
from core.topics import SECTIONS, TOPICS, Topic
from core.ui import board, controls, frame, state, timing_panel, timing_run, timing_words
from core.words import N_, _, say
from pages.timing_parts import methods

SWEEPS = N_(("large", "small"))
BUDGET = 120  # seconds of a run by default
ALL = N_("all")
ROWS, TABLES = 16, 3  # of one table at least, and how many stand side by side
PICKED = "picked"  # what the page keeps: the number of the row that was clicked
TEXTS = {"ok": "", "not reached": "–", "out of memory": N_("memory")}  # of a cell, where not the status itself

FIRST_SIGHT = N_(":small[**Recorded, not live**: {label}]")
YOURS = N_(":small[**Yours**: {label}]")
NOTHING_YET = N_("Nothing has been timed yet: run it here.")
TERMS = N_("""**textbook**: the definition's loops, as a book writes them. **manual**: the formula in tensors. **compiled**: what
torch.compile makes of that formula. **none**: the operator has no textbook form. **–**: not timed in this run; **left out**: too slow, or torch
cannot do it here; point at a cell for the reason. **Of the limit**: the share of the speed that the device's own memory and arithmetic allow.""")
SMALL = N_("At the small sizes a call's fixed cost outweighs its work: this compares what a call costs.")
HINT = N_("Point at a cell for its spread; a click or Enter goes to the operator's page.")


@dataclass(frozen=True)
class Column:
    """One version in one run."""

    title: str
    result: Result | None
    tier: str


def lesson(topic: Topic) -> None:
    """Settings, the button, what the numbers say, the picture of ratios, the table."""
    timing_run.attend(topic.name)
    with controls.main():
        section = controls.choice("t_section", "Operators", _sections(), few=1)
        asked = timing_run.ask_first(SWEEPS)
    with controls.more():
        settings = timing_run.ask_rest(asked, textbook=True, budget=BUDGET)
    homes = {op: t for t in TOPICS if section in (ALL, t.section) for op in t.operators}
    operators, live, kept = list(homes), _found(topic), timing_run.recorded()
    found = live or (kept[-1] if kept else None)
    missing = _missing_first(tuple(homes), live)
    if timing_run.control(topic.name, missing, settings, partial(_so_far, operators), beside=_whose(live, found)):
        return
    overall = explain.overall(found) if found else None
    if overall:
        st.markdown(f":small[{' '.join(timing_words.overall(overall))}]")
    recorded = _recorded(found)
    _go(operators, homes)
    _pictures(operators, _columns(found, settings.tiers, recorded), picks=True)
    for number, result in enumerate(recorded, start=1):
        st.caption(say("rec. {number}: {label}", number=number, label=timing_run.recorded_label(result)))
    st.caption(_(TERMS))
    if live and live.settings.sizes == "small":
        st.caption(_(SMALL))
    without = devices.without_gpu()
    if without:
        st.caption(without)
    if found:
        _table(operators, found)
        timing_run.notes(found)
        timing_run.downloads("all", found)
    methods.show()


def _sections() -> list[str]:
    """All, and the sections that have operators."""
    return [ALL, *(s for s in SECTIONS if any(t.operators and t.section == s for t in TOPICS))]


# ---- what has been measured ------------------------------------------------------------------------------------


def _found(topic: Topic) -> Result | None:
    """The newest run of this page, and what earlier ones with the same settings measured besides."""
    ran = [end.result for end in timing_run.ends() if end.page == topic.name and end.result]
    timed = [result for result in ran if any(m.status != "not reached" for m in result.measurements)]
    return results.joined(timed[-1], timed[:-1]) if timed else None


def _missing_first(operators: tuple[Operator, ...], found: Result | None) -> tuple[Operator, ...]:
    """So that a run which a bound or a stop cut short goes on where it ended when it is run again."""
    there = {m.operator for m in found.measurements if m.status != "not reached"} if found else set()
    return tuple(sorted(operators, key=lambda op: op.mirrors in there))


def _largest(result: Result | None) -> dict[tuple[str, str], results.Ratio]:
    """Of each operator and version the ratio at the largest size that has one."""
    found = sorted(results.ratios(result), key=lambda ratio: ratio.size) if result else []
    return {(ratio.operator, ratio.tier): ratio for ratio in found}


def _recorded(found: Result | None) -> list[Result]:
    """Other machines' results that the reader wants beside what is shown."""
    offered = {timing_run.recorded_label(result): result for result in timing_run.recorded() if result is not found}
    if not offered:
        return []
    chosen = controls.several("timing recorded", "Lay recorded results beside it", list(offered))
    return [offered[name] for name in chosen]


def _whose(live: Result | None, found: Result | None) -> str:
    """Whose numbers these are."""
    if found is None:
        return _(NOTHING_YET)
    return say(YOURS, label=timing_run.label(live)) if live else say(FIRST_SIGHT, label=results.label(found))


# ---- the picture of ratios -------------------------------------------------------------------------------------


def _so_far(operators: Sequence[Operator], result: Result) -> None:
    """What a run under way has measured."""
    _pictures(operators, _columns(result, result.settings.tiers, ()), picks=False)


def _columns(found: Result | None, tiers: Sequence[str], recorded: Sequence[Result]) -> list[Column]:
    """The versions of the run that is shown, or of the one to come; then those of the recorded ones, numbered."""
    tiers = found.settings.tiers if found else tiers
    columns = [Column(_(tier), found, tier) for tier in TIERS if tier in tiers and tier != "torch"]
    for number, result in enumerate(recorded, start=1):
        columns += [
            Column(f"{_(tier)}<br>rec. {number}", result, tier)
            for tier in TIERS
            if tier in result.settings.tiers and tier != "torch"
        ]
    return columns


def _pictures(operators: Sequence[Operator], columns: Sequence[Column], *, picks: bool) -> None:
    """The rows in reading order, in pictures side by side; a click goes to the row's page."""
    rows = max(ROWS, -(-len(operators) // TABLES))
    parts = [_part(operators[first : first + rows], columns, first) for first in range(0, len(operators), rows)]

    def go(row: str) -> None:
        state.own()[PICKED] = row

    board.show(
        *parts, spelled={part.name: f"{{note:{part.name}}}" for part in parts},
        picks={part.name: go for part in parts} if picks else None, hint=HINT,
    )  # fmt: skip


def _part(operators: Sequence[Operator], columns: Sequence[Column], first: int) -> Panel:
    ratios = [_largest(column.result) for column in columns]
    cells = [
        [_cell(op, column, found.get((op.mirrors, column.tier))) for column, found in zip(columns, ratios, strict=True)]
        for op in operators
    ]
    names = [timing_run.short(operator.mirrors) for operator in operators]
    figure = ratio_table(names, [column.title for column in columns], cells)
    said = [cell.hover for row in cells for cell in row]
    drawn = Cells(
        f"row{first} column{first}", (len(names), len(columns)), texts=said, notes=said,
        boxes=table_boxes(len(names), len(columns)),
    )  # fmt: skip
    rows = [str(first + r) for r in range(len(names)) for _column in columns]
    return Panel(f"table {first}", figure, _alt(names, columns, cells), drawn, picks=rows)


def _alt(names: Sequence[str], columns: Sequence[Column], cells: Sequence[Sequence[Cell]]) -> str:
    """The ratios there are, row by row."""
    told = []
    for name, row in zip(names, cells, strict=True):
        ratios = [f"{c.title} {cell.text}" for c, cell in zip(columns, row, strict=True) if cell.ratio is not None]
        told += [f"{name}: {', '.join(ratios)}"] if ratios else []
    if not told:
        return say("Nothing is timed yet of {names}", names=", ".join(names))
    return say("Time divided by torch's. {told}", told="; ".join(told))


def _cell(operator: Operator, column: Column, ratio: results.Ratio | None) -> Cell:
    """The ratio, or why there is none."""
    name = f"{timing_run.short(operator.mirrors)}, {_(column.tier)}"
    if ratio:
        said = say("{name}, size {size:,}: {ratio:.3g} ({low:.3g} to {high:.3g})", ratio, name=name)
        return Cell(timing_run.ratio_said(ratio.ratio), ratio.ratio, said)
    if column.tier == "textbook" and not operator.textbook_tier:
        return Cell(_("none"), hover=say("{name}: there is no textbook form", name=name))
    measured = results.narrowed(column.result, operator.mirrors).measurements if column.result else ()
    last = next((m for m in reversed(measured) if m.tier == column.tier), None)
    if last is None:
        return Cell("–", hover=say("{name}: not timed", name=name))
    return Cell(_(TEXTS.get(last.status, last.status)), hover=f"{name}: {_(last.status)}. {last.detail[:80]}")


# ---- the table -------------------------------------------------------------------------------------------------


def _table(operators: Sequence[Operator], found: Result) -> None:
    """A row for each operator that was timed, to be sorted by any column; a click goes to its page."""
    timed = [(i, results.narrowed(found, operator.mirrors)) for i, operator in enumerate(operators)]
    rows = {i: row for i, part in timed if (row := explain.row(part))}
    if not rows:
        return
    st.caption(
        _(
            "All that was timed, at each operator's largest size. Sort by a click on a column's head; a click on a row's name goes to its page."
        )
    )

    def go() -> None:
        selected: Any = st.session_state["timing table"]
        cells = selected["selection"]["cells"]
        if cells:
            state.own()[PICKED] = str(list(rows)[cells[0][0]])

    shown = [timing_panel.overall_row(timing_run.short(operators[i].mirrors), row) for i, row in rows.items()]
    st.dataframe(
        timing_panel.columns(shown),
        hide_index=True,
        placeholder="",
        height=420,
        key="timing table",
        on_select=go,
        selection_mode="single-cell",
    )


def _go(operators: Sequence[Operator], homes: dict[Operator, Topic]) -> None:
    """To the page of the row that was clicked, its timing open."""
    picked = state.own().pop(PICKED, None)
    if picked is not None and int(picked) < len(operators):
        operator = operators[int(picked)]
        asked = {"tab": "Timing", "t_op": operator.name}
        st.switch_page(f"pages/{homes[operator].name}.py", query_params=asked)


frame.page("timing", lesson)
