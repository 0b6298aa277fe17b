"""The Timing tab of a topic: its operators' versions against torch, on the device, dtype and sizes asked for."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from core.figures.board import Cells, Panel
from core.figures.timing import Bar, Series, against_size, bar_places, ratio_bars
from core.ops.operator import Operator
from core.timing import devices, results
from core.timing.report import seconds
from core.timing.results import Measurement, Result
from core.ui import board, controls, timing_run

SWEEPS = ("all", "small", "large")
BUDGET = 30  # seconds of a run by default
TO = "\u2060–\u2060"  # a dash at which no line ends
HEAD = ("Size", "Version", "Median", "Quartiles", "÷ torch", "Of the limit", "Peak memory", "÷ torch's", "Besides")


def show(page: str, operators: tuple[Operator, ...], chosen: Operator | None = None) -> None:
    """Settings, the button, and what the session's runs found for the operator; opened at the chosen one."""
    timing_run.attend(page)
    without = devices.without_gpu()
    if without:
        st.markdown(without)
    with controls.row("timing"):
        operator = _operator(operators, chosen)
        settings = timing_run.ask(SWEEPS, textbook=operator.textbook_tier is not None, budget=BUDGET)
    sizes = ", ".join(f"{size:,}" for size in settings.sizes_of(operator))
    st.caption(f"`{operator.mirrors}` at size {sizes} ({operator.size_meaning})")
    if timing_run.control(page, (operator,), settings, _so_far):
        return
    found = list(_found(operator))
    if found:
        _results(operator, found[0], found[1:])
    else:
        st.caption(
            "A run compares every version's values with torch's, then times those that are right in turn, in short "
            "slices, so that whatever else the machine does disturbs all alike."
        )


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


def _so_far(result: Result) -> None:
    if result.measurements:
        st.markdown(table(result))


# ---- one result, and others laid over it -----------------------------------------------------------------------


def _results(operator: Operator, newest: Result, older: Sequence[Result]) -> None:
    st.markdown(f"**{operator.name}**: {timing_run.label(newest)}")
    over = _laid_over(operator, older)
    _pictures(operator, [newest, *over.values()])
    for number, name in enumerate(over, start=2):
        st.caption(f"Run {number}: {name}")
    st.markdown(table(newest))
    _limit(newest)
    timing_run.notes(newest)
    _pitfall(newest)
    timing_run.downloads(operator.name, newest)


def _laid_over(operator: Operator, older: Sequence[Result]) -> dict[str, Result]:
    """The other runs that the reader wants to see with the newest, by their labels; recorded ones say so."""
    offered = {timing_run.label(result): result for result in older}
    for result in timing_run.recorded():
        part = results.narrowed(result, operator.mirrors)
        if part.measurements:
            offered[timing_run.recorded_label(part)] = part
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
    return f"{tier}, run {run + 1}" if run else tier


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
    limit = Series("limit", "torch", list(floors), list(floors.values()))
    figure = against_size(
        series, title="Time of a call", x=operator.size_meaning, unit="s", note=_not_timed(shown[0]), limit=limit
    )
    points = {
        (one.name, size): ((float(size), value), f"{one.name} at size {size:,}: {_span(seconds, value, low, high)}")
        for one in series for size, value, low, high in zip(one.sizes, one.values, one.low, one.high, strict=True)
    }  # fmt: skip
    said = [f"{one.name} {seconds(one.values[-1])} at size {one.sizes[-1]}" for one in series]
    alt = "Time of a call against size: " + ", ".join(said)
    return Panel("call times", figure, alt, at.cells(points), stretch=430)


def _not_timed(result: Result) -> str:
    """Which sizes the picture lacks, and of which version."""
    missing = [m for m in result.measurements if m.status != "ok"]
    parts = []
    for (tier, status), group in itertools.groupby(missing, key=lambda m: (m.tier, m.status)):
        parts.append(f"{tier} at {', '.join(f'{m.size:,}' for m in group)}: {status}")
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
            f"{tier} at size {bar.size:,} ÷ torch: {_span(timing_run.ratio_said, bar.ratio, bar.low, bar.high)}",
        )
        for tier, some in bars.items() for bar, place in zip(some, bar_places(bars, tier), strict=True)
    }  # fmt: skip
    said = "; ".join(
        f"{tier}: " + ", ".join(f"{bar.ratio:.2f} at size {bar.size}" for bar in some) for tier, some in bars.items()
    )
    return Panel("ratios", figure, f"Time divided by torch's: {said}", at.cells(points), stretch=230)


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
        series, title="Peak memory of a call", x="size", unit="B", note="beyond the inputs, outputs included"
    )
    held = {
        (one.name, size): ((float(size), float(value)), f"{one.name} at size {size:,}: **{bytes_said(int(value))}**")
        for one in series for size, value in zip(one.sizes, one.values, strict=True)
    }  # fmt: skip
    said = [f"{one.name} {one.values[-1]:.0f} bytes at size {one.sizes[-1]}" for one in series]
    return Panel("peak memory", figure, "Peak memory of a call: " + ", ".join(said), at.cells(held), stretch=258)


# ---- the table -------------------------------------------------------------------------------------------------


def table(result: Result) -> str:
    """A line of Markdown for each size and version; the reason where there is no time."""
    found = {(r.operator, r.size, r.tier): r for r in results.ratios(result)}
    rows = [
        _cells(m, found.get((m.operator, m.size, m.tier))) for m in sorted(result.measurements, key=lambda m: m.size)
    ]
    wide = len(HEAD) if any(row[-1] for row in rows) else len(HEAD) - 1
    lines = ["| " + " | ".join(row[:wide]) + " |" for row in (HEAD, *rows)]
    return "\n".join([lines[0], "|--:|:--|" + "--:|" * 6 + ":--|" * (wide == len(HEAD)), *lines[1:]])


def _cells(m: Measurement, ratio: results.Ratio | None) -> tuple[str, ...]:
    """The cells of one line; no number may be broken at its unit."""
    head = (f"{m.size:,}", m.tier)
    if m.median_s is None or m.low_s is None or m.high_s is None:
        return (*head, "", "", "", "", "", "", f"**{m.status}**: {plain(m.detail)}")
    times = (seconds(m.median_s), f"{seconds(m.low_s)}{TO}{seconds(m.high_s)}")
    quotient = _quotient(ratio) if ratio else ""
    share = timing_run.share_said(m.limit_share) if m.limit_share is not None else ""
    memory = "" if m.peak_bytes is None else bytes_said(m.peak_bytes)
    memory_ratio = timing_run.ratio_said(ratio.memory) if ratio and ratio.memory is not None else ""
    unbroken = [text.replace(" ", "\u00a0") for text in (*times, quotient, share, memory, memory_ratio)]
    return (*head, *unbroken, _apart(m))


def _span(say: Callable[[float], str], middle: float, low: float, high: float) -> str:
    """A number and its quartiles."""
    return f"**{say(middle)}** ({say(low)}{TO}{say(high)})"


def _quotient(ratio: results.Ratio) -> str:
    return _span(timing_run.ratio_said, ratio.ratio, ratio.low, ratio.high)


def _apart(m: Measurement) -> str:
    """What is measured apart from the time of a call."""
    parts = [f"compiled in {seconds(m.compile_s)}"] if m.compile_s is not None else []
    if m.kernels_s is not None:
        parts.append(f"kernels alone {seconds(m.kernels_s)}")
    return "; ".join(parts)


def plain(text: str) -> str:
    """An error's words as they are: nothing in them may end a cell or be taken for Markdown."""
    bare = text.replace("`", "'").replace("|", "¦").replace("\n", " ")
    return f"`{bare}`" if bare else ""


def bytes_said(count: int) -> str:
    """Three digits and the unit that suits."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{count} B"


# ---- how far from the limit, and what a careless clock says ----------------------------------------------------


def _limit(result: Result) -> None:
    """The share of the limit that torch and the manual version reach at the largest size."""
    shares = {(m.size, m.tier): m.limit_share for m in result.measurements if m.limit_share is not None}
    if not shares:
        return
    size = max(size for size, _ in shares)
    reached = [
        f"**{tier} {timing_run.share_said(shares[size, tier])}**"
        for tier in ("torch", "manual")
        if (size, tier) in shares
    ]
    floor = next(m.floor_s for m in result.measurements if m.size == size and m.floor_s is not None)
    cached = " More than 100% means that the numbers came from a cache, faster than the memory copied for the limit."
    st.markdown(
        f"**The limit** at size {size:,} is {seconds(floor)}: as long as this device takes, at its best measured in "
        "this run, to read the inputs and write the outputs once, or to do the definition's operations, whichever is "
        f"longer. Of it reach {' and '.join(reached)}."
        + (cached if any(share > 1 for share in shares.values()) else "")
    )


def _pitfall(result: Result) -> None:
    with st.container(border=True):
        st.markdown(":material/close: **“`time.time()` before and after the call tells how long it takes”**")
        st.markdown(_unsynchronised(result))


def _unsynchronised(result: Result) -> str:
    if result.settings.device == "cpu":
        return (
            "On the CPU it does: a call returns when its work is done, so that waiting for the device "
            "(`torch.cuda.synchronize()`) makes no difference here. On a GPU the call only queues the work and returns."
        )
    clocked = [m for m in result.measurements if m.unsynchronised_s is not None and m.median_s is not None]
    if not clocked:
        return "This device runs on while the host goes on. The clock here waits for it, before and after each slice."
    lines = ["| Size | Version | Without waiting | The call | Its kernels alone |", "|--:|:--|--:|--:|--:|"]
    for m in clocked:
        times = [seconds(value) for value in (m.unsynchronised_s, m.median_s, m.kernels_s) if value is not None]
        lines.append(f"| {m.size:,} | {m.tier} | " + " | ".join(times) + " |")
    return "The call only queues the work and returns, and an unsynchronised clock stops there:\n\n" + "\n".join(lines)
