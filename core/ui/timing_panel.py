"""The Timing tab of a topic: its operators' versions against torch, on the device, dtype and sizes asked for."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from core.figures.board import Cells, Panel
from core.figures.timing import Bar, Series, against_size, bar_places, ratio_bars
from core.ops.operator import Operator
from core.timing import devices, explain, results
from core.timing.report import seconds
from core.timing.results import Measurement, Result
from core.timing.settings import TIERS
from core.ui import board, controls, timing_run, timing_why, timing_words
from core.ui.timing_why import bytes_said
from core.words import N_, _, say

SWEEPS = ("all", "small", "large")
BUDGET = 60  # seconds of a run by default
TO = "\u2060–\u2060"  # a dash at which no line ends
FIRST = N_(
    "A run compares every version's values with torch's, then times those that are right in turn, in short slices, "
    "so that whatever else the machine does disturbs all alike."
)


def show(page: str, operators: tuple[Operator, ...], chosen: Operator | None = None) -> None:
    """Settings, the button, and what the session's runs found for the operator; opened at the chosen one.

    Before the first run stands what was recorded elsewhere, and says so.
    """
    timing_run.attend(page)
    without = devices.without_gpu()
    if without:
        st.markdown(without)
    with controls.row("timing"):
        operator = _operator(operators, chosen)
        settings = timing_run.ask(SWEEPS, textbook=operator.textbook_tier is not None, budget=BUDGET)
    sizes = ", ".join(f"{size:,}" for size in settings.sizes_of(operator))
    st.caption(
        say(
            "`{mirrors}` at size {sizes} ({size_meaning})",
            mirrors=operator.mirrors,
            sizes=sizes,
            size_meaning=_(operator.size_meaning),
        )
    )
    if timing_run.control(page, (operator,), settings, table):
        return
    found = list(_found(operator)) or list(_kept(operator))[-1:]
    if found:
        _results(operator, found[0], found[1:])
    else:
        st.caption(_(FIRST))


def _operator(operators: tuple[Operator, ...], chosen: Operator | None) -> Operator:
    names = [operator.name for operator in operators]
    if len(names) == 1:
        return operators[0]
    key = f"t_op_{chosen.name}" if chosen else "t_op"  # what the page's controls choose next opens anew
    first = chosen.name if chosen else names[0]
    return operators[names.index(controls.choice(key, "Operator", names, first))]


def _found(operator: Operator) -> Iterable[Result]:
    """The session's runs of this operator, here and on the page of all operators, the newest first."""
    for end in reversed(timing_run.ends()):
        part = results.narrowed(end.result, operator.mirrors) if end.result else None
        if part and any(m.status != "not reached" for m in part.measurements):
            yield part


def _kept(operator: Operator) -> Iterable[Result]:
    """What was recorded of this operator, the oldest first."""
    for result in timing_run.recorded():
        part = results.narrowed(result, operator.mirrors)
        if any(m.status == "ok" for m in part.measurements):
            yield part


# ---- one result, and others laid over it -----------------------------------------------------------------------


def _results(operator: Operator, newest: Result, older: Sequence[Result]) -> None:
    st.markdown(f"**{operator.name}**: {timing_run.labelled(newest)}")
    over = _laid_over(operator, newest, older)
    compared = explain.compared(newest)
    if compared:
        st.markdown(timing_words.times(compared))
    _pictures(operator, [newest, *over.values()])
    missing = _not_timed(newest)
    if missing:
        st.caption(say("Not timed: {missing}.", missing=missing))
    for number, name in enumerate(over, start=2):
        st.caption(say("Run {number}: {name}", number=number, name=name))
    timing_why.show(operator, newest)
    table(newest)
    timing_run.notes(newest)
    _pitfall(newest)
    timing_run.downloads(operator.name, newest)


def _laid_over(operator: Operator, newest: Result, older: Sequence[Result]) -> dict[str, Result]:
    """The other runs that the reader wants to see with the newest, by their labels; recorded ones say so."""
    offered = {timing_run.label(result): result for result in older}
    offered |= {timing_run.recorded_label(part): part for part in _kept(operator) if part != newest}
    if not offered:
        return {}
    chosen = controls.several(f"timing over {operator.name}", "Lay other runs over it", list(offered))
    return {name: offered[name] for name in chosen}


def _series(result: Result, run: int) -> list[Series]:
    """Each version's times in one run."""
    timed = [(m, m.quartiles_s) for m in result.measurements]
    found = []
    for tier in result.settings.tiers:
        points = [(m.size, *quartiles) for m, quartiles in timed if m.tier == tier and quartiles]
        if points:
            sizes, low, median, high = zip(*points, strict=True)
            found.append(Series(_named(tier, run), tier, sizes, median, low, high, run))
    return found


def _named(tier: str, run: int) -> str:
    return say("{tier}, run {run}", tier=_(tier), run=run + 1) if run else _(tier)


def _pictures(operator: Operator, shown: Sequence[Result]) -> None:
    """Times, ratios and memory on one board: a version at a size is the same point in all of them."""
    at = Points(
        [_named(tier, run) for run, result in enumerate(shown) for tier in result.settings.tiers],
        sorted({m.size for result in shown for m in result.measurements}),
    )
    made = [_times(operator, shown, at), _ratios(shown[0], at), _memory(shown, at)]
    panels = [panel for panel in made if panel]
    board.show(*panels, spelled={panel.name: f"{{note:{panel.name}}}" for panel in panels}, name="timing")


@dataclass(frozen=True)
class Points:
    """What a point of a picture stands for: a version (of a run) and a size, by their numbers."""

    versions: list[str]
    sizes: list[int]

    def cells(self, said: Mapping[tuple[str, int], tuple[tuple[float, float], str]]) -> Cells:
        """The cells of a picture: where each version and size is drawn, and what is to be said of it."""
        points = [said.get((version, size)) for version in self.versions for size in self.sizes]
        notes = [point[1] if point else "" for point in points]
        spots = [point[0] if point else None for point in points]
        return Cells("version size", (len(self.versions), len(self.sizes)), texts=notes, notes=notes, spots=spots)


def _times(operator: Operator, shown: Sequence[Result], at: Points) -> Panel:
    series = [one for run, result in enumerate(shown) for one in _series(result, run)]
    floors = {m.size: m.floor_s for m in shown[0].measurements if m.floor_s is not None}
    limit = Series(_("limit"), "torch", list(floors), list(floors.values()))
    figure = against_size(series, title="Time of a call", x=operator.size_meaning, unit="s", limit=limit)
    points = {
        (one.name, size): ((float(size), value), say(
            "{name} at size {size:,}: {spread}", name=_(one.name), size=size, spread=_span(seconds, value, low, high)
        ))
        for one in series for size, value, low, high in zip(one.sizes, one.values, one.low, one.high, strict=True)
    }  # fmt: skip
    said = [
        say("{name} {seconds} at size {sizes}", name=_(one.name), seconds=seconds(one.values[-1]), sizes=one.sizes[-1])
        for one in series
    ]
    alt = say("Time of a call against size: {each}", each=", ".join(said))
    return Panel("call times", figure, alt, at.cells(points), stretch=430)


def _not_timed(result: Result) -> str:
    """Which sizes the picture lacks, and of which version."""
    missing = [m for m in result.measurements if m.status != "ok"]
    parts = []
    for (tier, status), group in itertools.groupby(missing, key=lambda m: (m.tier, m.status)):
        sizes = ", ".join(f"{m.size:,}" for m in group)
        parts.append(say("{tier} at {sizes}: {status}", tier=_(tier), sizes=sizes, status=_(status)))
    return "; ".join(parts)


def _ratios(result: Result, at: Points) -> Panel | None:
    """The time of each version but the textbook's ÷ torch's: the loops' would leave the others no height."""
    tiers = [tier for tier in result.settings.tiers if tier not in ("torch", "textbook")]
    found = results.ratios(result)
    bars = {tier: [Bar(r.size, r.ratio, r.low, r.high) for r in found if r.tier == tier] for tier in tiers}
    bars = {tier: some for tier, some in bars.items() if some}
    if not bars:
        return None
    figure = ratio_bars(bars, title="Time ÷ torch's", x="size")
    points = {
        (tier, bar.size): (
            (place, bar.ratio),
            say(
                "{tier} at size {size:,} ÷ torch: {spread}", tier=_(tier), size=bar.size,
                spread=_span(timing_run.ratio_said, bar.ratio, bar.low, bar.high),
            ),
        )
        for tier, some in bars.items() for bar, place in zip(some, bar_places(bars, tier), strict=True)
    }  # fmt: skip
    said = "; ".join(
        f"{tier}: " + ", ".join(say("{ratio:.2f} at size {size}", ratio=bar.ratio, size=bar.size) for bar in some)
        for tier, some in bars.items()
    )
    return Panel("ratios", figure, say("Time divided by torch's: {said}", said=said), at.cells(points), stretch=230)


def _memory(shown: Sequence[Result], at: Points) -> Panel | None:
    """Peak memory on a logarithmic axis, which has no place for 0."""
    series = []
    for run, result in enumerate(shown):
        for tier in result.settings.tiers:
            points = [(m.size, m.peak_bytes) for m in result.measurements if m.tier == tier and m.peak_bytes]
            if points:
                sizes, peaks = zip(*points, strict=True)
                series.append(Series(_named(tier, run), tier, sizes, peaks, run=run))
    if not series:
        return None
    figure = against_size(
        series,
        title="Peak memory of a call",
        x="size",
        unit="B",
        note="beyond the inputs, outputs included",
    )
    held = {
        (one.name, size): ((float(size), float(value)), say(
            "{name} at size {size:,}: **{bytes}**", name=_(one.name), size=size, bytes=bytes_said(int(value))
        ))
        for one in series for size, value in zip(one.sizes, one.values, strict=True)
    }  # fmt: skip
    said = [
        say("{name} {values:.0f} bytes at size {sizes}", name=_(one.name), values=one.values[-1], sizes=one.sizes[-1])
        for one in series
    ]
    return Panel(
        "peak memory", figure, say("Peak memory of a call: {each}", each=", ".join(said)), at.cells(held), stretch=258
    )


# ---- the table -------------------------------------------------------------------------------------------------


def table(result: Result) -> None:
    """A row for each size and version, to be sorted by any column; the reason where there is no time."""
    found = {(r.operator, r.size, r.tier): r for r in results.ratios(result)}
    if not result.measurements:
        return
    rows = [_row(m, found.get((m.operator, m.size, m.tier))) for m in sorted(result.measurements, key=lambda m: m.size)]
    st.dataframe(columns(rows), hide_index=True, height="content", placeholder="")


def _row(m: Measurement, ratio: results.Ratio | None) -> dict[str, object]:
    """The cells of one row by the heads of their columns; None where there is nothing to say."""
    spread = f"{seconds(m.low_s)}{TO}{seconds(m.high_s)}" if m.low_s is not None and m.high_s is not None else None
    return {
        _("Size"): m.size,
        _("Version"): _(m.tier),
        _("Median, µs"): short(m.median_s, 1e6),
        _("Quartiles"): spread,
        _("÷ torch"): short(ratio.ratio) if ratio else None,
        _("Of the limit, %"): short(m.limit_share, 100),
        "GB/s": short(m.bytes_per_s, 1e-9),
        "GFLOP/s": short(m.operations_per_s, 1e-9),
        _("Calls"): m.calls,
        _("Peak memory, kB"): short(m.peak_bytes, 1e-3),
        _("Compiling, s"): short(m.compile_s),
        _("From the cache, s"): short(m.cached_s),
        _("Device, µs"): short(m.kernels_s, 1e6),
        _("Cold, µs"): short(m.cold_s, 1e6),
        _("As a graph, µs"): short(m.graph_s, 1e6),
        _("Kernels"): len(m.kernels) or None,
        _("Clock, MHz"): m.gauge.clock_mhz if m.gauge else None,
        _("Power, W"): short(m.gauge.power_w) if m.gauge else None,
        _("Besides"): "" if m.status == "ok" else f"{_(m.status)}: {m.detail}",
    }


def overall_row(name: str, row: explain.Row) -> dict[str, object]:
    """One operator's cells in the table of all, by the heads of their columns."""
    return {
        _("Operator"): name,
        _("Size"): row.size,
        _("torch, µs"): short(row.torch_s, 1e6),
        **{say("{tier} ÷ torch", tier=_(tier)): short(row.ratios.get(tier)) for tier in TIERS if tier != "torch"},
        _("torch, % of the limit"): short(row.share, 100),
        _("torch, GB/s"): short(row.bytes_per_s, 1e-9),
        _("torch, GFLOP/s"): short(row.operations_per_s, 1e-9),
        _("manual moves ÷ needed"): short(row.moved),
        _("manual's calls"): row.calls,
        _("Compiling, s"): short(row.compile_s),
        _("From the cache, s"): short(row.cached_s),
    }


def columns(rows: Sequence[Mapping[str, object]]) -> dict[str, list[object]]:
    """The rows by columns, without those in which nothing stands."""
    heads = list(rows[0]) if rows else []
    by_head = {head: [row[head] for row in rows] for head in heads}
    return {head: cells for head, cells in by_head.items() if any(cell not in (None, "") for cell in cells)}


def short(value: float | None, scale: float = 1.0) -> float | None:
    """Three digits, so that a column of numbers can be read and sorted."""
    return None if value is None else float(f"{value * scale:.3g}")


def _span(say: Callable[[float], str], middle: float, low: float, high: float) -> str:
    """A number and its quartiles."""
    return f"**{say(middle)}** ({say(low)}{TO}{say(high)})"


# ---- what a careless clock says --------------------------------------------------------------------------------

ON_CPU = N_(
    "On the CPU it does: a call returns when its work is done, so that waiting for the device "
    "(`torch.cuda.synchronize()`) makes no difference here. On a GPU the call only queues the work and returns."
)
WAITED = N_("This device runs on while the host goes on. The clock here waits for it, before and after each slice.")
QUEUED = N_(
    "The call only queues the work and returns, and an unsynchronised clock stops there: at size {size:,} it says "
    "**{without}** for {tier}, whose call takes **{call}** until the device is done, its kernels alone **{kernels}**."
)
SAME_CLOCK = N_(
    "Here the two agree: at size {size:,} an unsynchronised clock says **{without}** for {tier}, and the call takes "
    "**{call}**: starting the work takes longer than the work, so that the device waits for the host."
)


METHODS = N_(
    "The device's own clock gives {kernels} where the call before has left the inputs in its cache, and {cold} where "
    "the cache holds something else: the second is what a call costs in a program that does other things in between."
)
GRAPH = N_(
    "Replayed from a graph, which launches all its kernels at once, it takes **{graph}**, **{gain}** less than the "
    "call: that much is the cost of launching, and the GPU waits for it."
)
GRAPH_SAME = N_("Replayed from a graph it takes {graph}, no less than its kernels: launching hides behind the work.")
NO_GRAPH = N_("As a graph it can't be captured: somewhere the call waits for the device's answer.")
GAUGE = N_("Afterwards the device's clock stood at {clock_mhz:.0f} MHz, at {power_w:.0f} W and {celsius:.0f} °C.")
SLOWED = N_("Its clock was held down by {slowed_by}: the times are those of a slower device.")
NO_NVML = N_("Without NVML nothing tells the device's clock and power: a device that slows down looks like slow work.")


def _pitfall(result: Result) -> None:
    with st.container(border=True):
        st.markdown(
            ":material/close: **" + _("“`time.time()` before and after the call tells how long it takes”") + "**"
        )
        st.markdown(_unsynchronised(result))


def _unsynchronised(result: Result) -> str:
    if result.settings.device == "cpu":
        return _(ON_CPU)
    clocked = [m for m in result.measurements if m.unsynchronised_s is not None and m.median_s is not None]
    if not clocked:
        return _(WAITED)
    m = max(clocked, key=lambda m: m.size)
    without, call, kernels, cold = (value or 0.0 for value in (m.unsynchronised_s, m.median_s, m.kernels_s, m.cold_s))
    times = {"without": seconds(without), "call": seconds(call), "kernels": seconds(kernels), "cold": seconds(cold)}
    facts = times | {"size": m.size, "tier": _(m.tier)}
    said = [say(QUEUED if without < 0.8 * call else SAME_CLOCK, facts)]
    if cold:
        said.append(say(METHODS, facts))
        said.append(_graph(m.graph_s, call, kernels))
        said += _gauge(m)
    return " ".join(said)


def _graph(graph: float | None, call: float, kernels: float) -> str:
    if graph is None:
        return _(NO_GRAPH)
    gains = call > 1.2 * max(graph, kernels)
    return say(GRAPH if gains else GRAPH_SAME, graph=seconds(graph), gain=seconds(max(call - graph, 0.0)))


def _gauge(m: Measurement) -> list[str]:
    if m.gauge is None:
        return [_(NO_NVML)]
    return [say(GAUGE, m.gauge), *([say(SLOWED, m.gauge)] if m.gauge.slowed_by else [])]
