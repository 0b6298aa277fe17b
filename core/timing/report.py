"""A result as plain text: a line for each operator, size and tier, with its ratio to torch."""

import itertools
from collections.abc import Iterator, Sequence

from core.timing.results import Measurement, Ratio, Result, label, ratios
from core.words import say

HEAD = (
    "operator", "size", "tier", "time", "÷ torch", "spread",
    "of limit", "GB/s", "GFLOP/s", "calls", "memory ÷ torch", "",
)  # fmt: skip
LEFT_ALIGNED = (0, 2, 11)


def seconds(value: float) -> str:
    """Three digits and the unit that suits: "12.3 µs"."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def table(result: Result) -> str:
    """The whole result, its limits and its settings on top."""
    found = {(r.operator, r.size, r.tier): r for r in ratios(result)}
    rows: list[tuple[str, ...]] = []
    for name, group in itertools.groupby(result.measurements, key=lambda m: m.operator):
        measured = list(group)
        if len({(m.status, m.detail) for m in measured}) == 1 and measured[0].status != "ok":
            rows.append(_untimed(measured[0], "all", "all"))
            continue
        rows += [_row(m, found.get((name, m.size, m.tier))) for m in measured]
    return "\n".join([label(result), *notes(result), "", *columns(HEAD, rows, LEFT_ALIGNED)])


def notes(result: Result) -> Iterator[str]:
    """What is to be known of the run as a whole: others at work beside it, and the device's limits."""
    machine = result.machine
    if machine.load is not None and machine.load > machine.cores / 2:
        yield say(
            "others were computing too (load {load:g} on {cores} cores): expect a wide spread",
            load=machine.load,
            cores=machine.cores,
        )
    if result.limits:
        known = result.limits
        moved, matrix, single = (rate.median / 1e9 for rate in (known.memory, known.matrix, known.elementwise))
        yield say(
            "limits measured in this run: copy {moved:.4g} GB/s, matmul {matrix:.4g}, a + b · c {single:.4g} GFLOP/s",
            moved=moved,
            matrix=matrix,
            single=single,
        )


def _row(m: Measurement, ratio: Ratio | None) -> tuple[str, ...]:
    if m.median_s is None:
        return _untimed(m, str(m.size), m.tier)
    share = f"{m.limit_share:.0%}" if m.limit_share is not None else ""
    times = (f"{ratio.ratio:.2f}", f"{ratio.low:.2f}–{ratio.high:.2f}") if ratio else ("", "")
    memory = f"{ratio.memory:.2f}" if ratio and ratio.memory is not None else ""
    rates = (f"{rate / 1e9:.3g}" if rate is not None else "" for rate in (m.bytes_per_s, m.operations_per_s))
    calls = "" if m.calls is None else str(m.calls)
    return (
        _short(m), str(m.size), m.tier, seconds(m.median_s), *times, share, *rates, calls, memory, "; ".join(_apart(m)),
    )  # fmt: skip


def _untimed(m: Measurement, size: str, tier: str) -> tuple[str, ...]:
    return (_short(m), size, tier, *[""] * 8, f"{m.status}: {m.detail}")


def _short(m: Measurement) -> str:
    return m.operator.removeprefix("torch.nn.functional.")


def _apart(m: Measurement) -> Iterator[str]:
    """What is measured apart from the time of a call."""
    if m.compile_s is not None:
        again = (
            say(", from the compiler's cache in {seconds}", seconds=seconds(m.cached_s))
            if m.cached_s is not None
            else ""
        )
        yield say("compiled in {seconds}{again}", seconds=seconds(m.compile_s), again=again)
    if m.kernels_s is not None and m.unsynchronised_s is not None:
        yield say(
            "kernels {seconds}, unsynchronised clock {seconds2}",
            seconds=seconds(m.kernels_s),
            seconds2=seconds(m.unsynchronised_s),
        )


def columns(head: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> list[str]:
    """Lines with every column as wide as its widest entry; numbers to the right, the columns of `left` to the left."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return [
        "  ".join(
            cell.ljust(w) if i in left else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
