"""Timing: every operator's versions against torch, in one table, each row a way to the operator's page."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from core.figures.board import Cells, Panel
from core.figures.timing import Cell, ratio_table, table_boxes
from core.ops.operator import Operator
from core.timing import devices, results
from core.timing.report import seconds
from core.timing.results import Result
from core.timing.settings import TIERS, Settings
from core.topics import SECTIONS, TOPICS, Topic
from core.ui import board, controls, frame, state, timing_panel, timing_run

SWEEPS = ("small", "large")
BUDGET = 60  # seconds of a run by default
ORDERS = ("as the pages", "by name", "slowest first", "fastest first")
ALL = "all"
ROWS, TABLES = 16, 3  # of one table at least, and how many stand side by side
PICKED = "picked"  # what the page keeps: the number of the row that was clicked
HINT = "Point at a cell for its spread; a click or Enter goes to the operator's page."
TEXTS = {"ok": "", "not reached": "–", "out of memory": "memory"}  # of a cell, where not the status itself


@dataclass(frozen=True)
class Column:
    """One version in one run."""

    title: str
    result: Result | None
    tier: str


def lesson(topic: Topic) -> None:
    """Settings, the button, the table, its figures."""
    timing_run.attend(topic.name)
    with controls.main():
        section = controls.choice("t_section", "Operators", _sections(), few=1)
        order = controls.choice("t_sort", "Order", ORDERS)
    with controls.more():
        settings = timing_run.ask(SWEEPS, textbook=True, budget=BUDGET)
    homes = {op: t for t in TOPICS if section in (ALL, t.section) for op in t.operators}
    found = _found(topic)
    timing_run.control(topic.name, _missing_first(tuple(homes), found), settings)
    recorded = _recorded()
    shown = _ordered(tuple(homes), found, order)
    _go(shown, homes)
    _table(shown, _columns(found, settings, recorded))
    _about(found, recorded)
    if found:
        _figures(shown, homes, found)
        timing_run.notes(found)
        timing_run.downloads("all", found)


def _sections() -> list[str]:
    """All, and the sections that have operators."""
    return [ALL, *(s for s in SECTIONS if any(t.operators and t.section == s for t in TOPICS))]


# ---- what has been measured ------------------------------------------------------------------------------------


def _found(topic: Topic) -> Result | None:
    """The newest run of this page, and what earlier ones with the same settings measured besides."""
    ran = [end.result for end in timing_run.ends() if end.page == topic.name and end.result]
    return results.joined(ran[-1], ran[:-1]) if ran else None


def _missing_first(operators: tuple[Operator, ...], found: Result | None) -> tuple[Operator, ...]:
    """So that a run which a bound or a stop cut short goes on where it ended when it is run again."""
    there = {m.operator for m in found.measurements if m.status != "not reached"} if found else set()
    return tuple(sorted(operators, key=lambda op: op.mirrors in there))


def _ratio(result: Result | None, operator: Operator, tier: str) -> results.Ratio | None:
    """At the largest size that has one."""
    if result is None:
        return None
    part = results.narrowed(result, operator.mirrors)
    return max((r for r in results.ratios(part) if r.tier == tier), key=lambda r: r.size, default=None)


def _ordered(operators: tuple[Operator, ...], found: Result | None, order: str) -> list[Operator]:
    """Rows in the order asked for, by the manual version's ratio; those without one come last."""
    if order == "by name":
        return sorted(operators, key=lambda op: timing_run.short(op.mirrors).casefold())
    if order == ORDERS[0]:
        return list(operators)
    known = {op: ratio.ratio for op in operators if (ratio := _ratio(found, op, "manual"))}
    timed = sorted(known, key=known.__getitem__, reverse=order == "slowest first")
    return timed + [op for op in operators if op not in known]


def _recorded() -> list[Result]:
    """Other machines' results that the reader wants beside the own."""
    offered = {timing_run.recorded_label(result): result for result in timing_run.recorded()}
    if not offered:
        return []
    chosen = controls.several("timing recorded", "Lay recorded results beside it", list(offered))
    return [offered[name] for name in chosen]


# ---- the table -------------------------------------------------------------------------------------------------


def _columns(found: Result | None, settings: Settings, recorded: Sequence[Result]) -> list[Column]:
    """The versions of the reader's run, or of the one to come; then those of the recorded ones, numbered."""
    tiers = found.settings.tiers if found else settings.tiers
    columns = [Column(tier, found, tier) for tier in TIERS if tier in tiers and tier != "torch"]
    for number, result in enumerate(recorded, start=1):
        columns += [
            Column(f"{tier}<br>rec. {number}", result, tier)
            for tier in TIERS
            if tier in result.settings.tiers and tier != "torch"
        ]
    return columns


def _table(operators: Sequence[Operator], columns: Sequence[Column]) -> None:
    """The rows in reading order, in tables side by side; a click goes to the row's page."""
    rows = max(ROWS, -(-len(operators) // TABLES))
    parts = [_part(operators[first : first + rows], columns, first) for first in range(0, len(operators), rows)]

    def go(row: str) -> None:
        state.own()[PICKED] = row

    board.show(
        *parts, spelled={part.name: f"{{note:{part.name}}}" for part in parts},
        picks={part.name: go for part in parts}, hint=HINT,
    )  # fmt: skip


def _part(operators: Sequence[Operator], columns: Sequence[Column], first: int) -> Panel:
    cells = [[_cell(operator, column) for column in columns] for operator in operators]
    names = [timing_run.short(operator.mirrors) for operator in operators]
    figure = ratio_table(names, [column.title for column in columns], cells)
    said = [cell.hover for row in cells for cell in row]
    drawn = Cells(
        f"row{first} column{first}", (len(names), len(columns)), texts=said, notes=said,
        boxes=table_boxes(len(names), len(columns)),
    )  # fmt: skip
    rows = [str(first + r) for r in range(len(names)) for _ in columns]
    return Panel(f"table {first}", figure, _alt(names, columns, cells), drawn, picks=rows)


def _alt(names: Sequence[str], columns: Sequence[Column], cells: Sequence[Sequence[Cell]]) -> str:
    """The ratios there are, row by row."""
    told = []
    for name, row in zip(names, cells, strict=True):
        ratios = [f"{c.title} {cell.text}" for c, cell in zip(columns, row, strict=True) if cell.ratio is not None]
        told += [f"{name}: {', '.join(ratios)}"] if ratios else []
    return "Time divided by torch's. " + ("; ".join(told) or f"Nothing is timed yet of {', '.join(names)}")


def _cell(operator: Operator, column: Column) -> Cell:
    """The ratio, or why there is none."""
    name = f"{timing_run.short(operator.mirrors)}, {column.tier}"
    ratio = _ratio(column.result, operator, column.tier)
    if ratio:
        spread = f"{ratio.low:.3g} to {ratio.high:.3g}"
        return Cell(
            timing_run.ratio_said(ratio.ratio),
            ratio.ratio,
            f"{name}, size {ratio.size:,}: {ratio.ratio:.3g} ({spread})",
        )
    if column.tier == "textbook" and not operator.textbook_tier:
        return Cell("none", hover=f"{name}: there is no textbook form")
    measured = results.narrowed(column.result, operator.mirrors).measurements if column.result else ()
    last = next((m for m in reversed(measured) if m.tier == column.tier), None)
    if last is None:
        return Cell("–", hover=f"{name}: not timed")
    return Cell(TEXTS.get(last.status, last.status), hover=f"{name}: {last.status}. {last.detail[:80]}")


def _go(operators: Sequence[Operator], homes: dict[Operator, Topic]) -> None:
    """To the page of the row that was clicked, its timing open."""
    picked = state.own().pop(PICKED, None)
    if picked is not None and int(picked) < len(operators):
        operator = operators[int(picked)]
        asked = {"tab": "Timing", "t_op": operator.name}
        st.switch_page(f"pages/{homes[operator].name}.py", query_params=asked)


def _about(found: Result | None, recorded: Sequence[Result]) -> None:
    """What the numbers are, and whose."""
    st.caption(
        "Time of a call ÷ torch's: below 1 (blue) faster than torch, above 1 (orange) slower. Click a cell for the "
        "operator's page, with its sizes, limits and memory."
    )
    without = devices.without_gpu()
    if without:
        st.markdown(without)
    if found:
        st.markdown(f"**Yours**: {timing_run.label(found)}")
        if found.settings.sizes == "small":
            st.caption("At the small sizes a call's fixed cost outweighs its work: this compares what a call costs.")
    if not timing_run.recorded():
        st.caption("Recorded results of other machines can be laid beside yours; none are kept yet.")
    for number, result in enumerate(recorded, start=1):
        st.markdown(f"**rec. {number}**: {timing_run.recorded_label(result)}")


def _figures(operators: Sequence[Operator], homes: dict[Operator, Topic], found: Result) -> None:
    """Every figure of the run in a table, each operator a link to its page."""
    with st.expander("All figures of the run"):
        lines = [
            "| Operator | Size | torch | Of the limit | Version | Median | ÷ torch | |",
            "|:--|--:|--:|--:|:--|--:|--:|:--|",
        ]
        for operator in operators:
            link = f"[{timing_run.short(operator.mirrors)}]({homes[operator].name}?tab=Timing&t_op={operator.name})"
            lines += [f"| {link} | {line}" for line in _lines(results.narrowed(found, operator.mirrors))]
        st.markdown("\n".join(lines))


def _lines(part: Result) -> list[str]:
    """The cells of each version but torch, torch's own beside them."""
    ratios = {(r.size, r.tier): r.ratio for r in results.ratios(part)}
    lines = []
    for m in part.measurements:
        theirs = part.at(m.operator, m.size, "torch")
        if m.tier == "torch" and len(part.measurements) > 1:
            continue
        base = seconds(theirs.median_s) if theirs and theirs.median_s else ""
        share = timing_run.share_said(theirs.limit_share) if theirs and theirs.limit_share else ""
        time = seconds(m.median_s) if m.median_s else ""
        ratio = timing_run.ratio_said(ratios[m.size, m.tier]) if (m.size, m.tier) in ratios else ""
        why = "" if m.status == "ok" else f"{m.status}: {timing_panel.plain(m.detail)}"
        lines.append(f"{m.size:,} | {base} | {share} | {m.tier} | {time} | {ratio} | {why} |")
    return lines


frame.page("timing", lesson)
