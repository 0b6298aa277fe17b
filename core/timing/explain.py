"""What a run says of one operator: why a version takes its time, and how far it is from the limits."""

import statistics
from dataclasses import dataclass
from typing import Literal

from core.timing.limits import Limits, Rate
from core.timing.results import Measurement, Result, narrowed, ratios
from core.timing.why import Trip

LIKE = 1.15  # times or bytes within so much of each other count as alike
READS = 0.1  # of the bytes: a version that writes less hardly writes
LARGE = 0.5  # of the largest tensor that is moved: a trip with one at least so large counts as a large trip


# ---- why -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Path:
    """A version's way through memory, at one size."""

    tier: str
    trips: tuple[Trip, ...]  # the first of its calls
    calls: int
    moved: int  # bytes, of all calls
    large: int  # how often the drawn calls read or write a large tensor
    seconds: float
    low_s: float  # the first and third quartile of the seconds
    high_s: float


@dataclass(frozen=True)
class Why:
    """The versions' ways at the largest size at which they were watched."""

    size: int
    paths: tuple[Path, ...]

    def of(self, tier: str) -> Path | None:
        """The way of this version, where it was watched."""
        return next((path for path in self.paths if path.tier == tier), None)


def why(result: Result) -> Why | None:
    """For a result of one operator; None where no version was watched."""
    watched = [m for m in result.measurements if m.trips and m.calls is not None and m.moved_bytes is not None]
    size = max((m.size for m in watched), default=0)
    here = [m for m in watched if m.size == size]
    largest = max((bytes_ for m in here for trip in m.trips for bytes_ in (*trip.read, *trip.written)), default=0)
    paths = [
        Path(m.tier, m.trips, m.calls or 0, m.moved_bytes or 0, _large(m.trips, LARGE * largest), median, low, high)
        for m in here
        for low, median, high in [m.quartiles_s or (0.0, 0.0, 0.0)]
    ]
    return Why(size, tuple(paths)) if paths else None


def _large(trips: tuple[Trip, ...], least: float) -> int:
    return sum(size >= least for trip in trips for size in (*trip.read, *trip.written))


# ---- how far from the limits -----------------------------------------------------------------------------------


Above = Literal["", "moves less", "only reads", "spread", "outputs in the cache", "fewer operations", "unknown"]


@dataclass(frozen=True)
class Standing:
    """Where a version stands under the roof: at its own operations for each byte that it moves."""

    tier: str
    intensity: float
    rate: Rate  # operations a second, with the quartiles of the times
    share: float  # of what the definition's bytes and operations would take at the limits
    own_share: float  # of the roof over its own intensity
    above: Above  # why the share is above 1; empty where it is not


@dataclass(frozen=True)
class Roof:
    """The limits that hold for one operator at one size, and its versions under them."""

    size: int
    intensity: float  # operations for each byte that the definition needs
    bandwidth: Rate  # of a copy as large as what the call works on
    cached: bool  # whether that is a copy in a cache
    limits: Limits
    floor_s: float
    standings: tuple[Standing, ...]

    @property
    def peak(self) -> float:
        """Operations a second at most."""
        return self.limits.operations_per_s

    @property
    def memory_bound(self) -> bool:
        """Whether bytes take longer than operations, at the limits."""
        return self.intensity * self.bandwidth.median < self.peak

    def of(self, tier: str) -> Standing | None:
        """Where this version stands, where it was timed."""
        return next((one for one in self.standings if one.tier == tier), None)


def roof(result: Result) -> Roof | None:
    """For a result of one operator, at its largest size; None where the limits or the times are missing."""
    timed = [m for m in result.measurements if m.median_s and m.needed_bytes and m.operations and m.floor_s]
    size = max((m.size for m in timed), default=0)
    here = [m for m in timed if m.size == size]
    limits, first = result.limits, here[0] if here else None
    if limits is None or first is None or not first.needed_bytes or not first.operations or not first.floor_s:
        return None
    bandwidth = limits.bandwidth(first.input_sets * first.needed_bytes)
    standings = [_standing(m, limits, bandwidth, result.machine.cache_bytes) for m in here]
    intensity = first.operations / first.needed_bytes
    cached = bandwidth != limits.memory
    return Roof(size, intensity, bandwidth, cached, limits, first.floor_s, tuple(standings))


def _standing(m: Measurement, limits: Limits, bandwidth: Rate, cache: int | None) -> Standing:
    low, median, high = m.quartiles_s or (1.0, 1.0, 1.0)
    done, moved = m.operations or 0, m.moved_bytes or m.needed_bytes or 1
    own_roof = min(limits.operations_per_s, bandwidth.median * done / moved)
    share = (m.floor_s or 0.0) / median
    above = _above(m, limits, bandwidth, cache) if share > 1 else ""
    rate = Rate(done / median, done / high, done / low)
    return Standing(m.tier, done / moved, rate, share, rate.median / own_roof, above)


def _above(m: Measurement, limits: Limits, bandwidth: Rate, cache: int | None) -> Above:
    """Why the version is faster than the limit, as far as the run's own numbers tell."""
    slow = m.high_s or 0.0
    done, needed = m.operations or 0, m.needed_bytes or 0
    by_memory = needed / bandwidth.median >= done / limits.operations_per_s
    fastest = max(limits.matrix.high, limits.elementwise.high)
    if by_memory and m.moved_bytes is not None and m.moved_bytes * LIKE < needed:
        return "moves less"
    if by_memory and m.trips and sum(size for trip in m.trips for size in trip.written) < READS * needed:
        return "only reads"
    if slow >= max(needed / bandwidth.high, done / fastest):
        return "spread"
    if by_memory and m.input_sets > 1 and cache is not None and needed <= cache:
        return "outputs in the cache"
    return "unknown" if by_memory else "fewer operations"


# ---- what the times say ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Compared:
    """The formula and its compiled form against torch at the largest size that all of them reached."""

    size: int
    smallest: int
    manual: float  # ÷ torch, at the largest size
    low: float
    high: float
    manual_small: float  # ÷ torch, at the smallest size
    compiled: float | None
    memory: float | None  # peak ÷ torch's

    @property
    def alike(self) -> bool:
        """Whether the quartiles let the two be equally fast."""
        return self.low <= 1 <= self.high


def compared(result: Result) -> Compared | None:
    """For a result of one operator; None where the formula or torch has no time."""
    found = {(r.size, r.tier): r for r in ratios(result)}
    sizes = sorted(size for size, tier in found if tier == "manual")
    if not sizes:
        return None
    last, first = found[sizes[-1], "manual"], found[sizes[0], "manual"]
    compiled = found.get((sizes[-1], "compiled"))
    return Compared(
        sizes[-1], sizes[0], last.ratio, last.low, last.high, first.ratio, compiled.ratio if compiled else None,
        last.memory,
    )  # fmt: skip


# ---- all operators together ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One operator at its largest size that was timed."""

    size: int
    torch_s: float
    ratios: dict[str, float]  # of each version but torch
    share: float | None  # of the limit, that torch reaches
    bytes_per_s: float | None  # of torch
    operations_per_s: float | None  # of torch
    moved: float | None  # the formula's bytes ÷ those that the definition needs
    calls: int | None  # of the formula
    compile_s: float | None
    cached_s: float | None


def row(result: Result) -> Row | None:
    """For a result of one operator; None where torch has no time."""
    theirs = max(
        (m for m in result.measurements if m.tier == "torch" and m.median_s), key=lambda m: m.size, default=None
    )
    if theirs is None or theirs.median_s is None:
        return None
    found = {r.tier: r.ratio for r in ratios(result) if r.size == theirs.size}
    manual = result.at(theirs.operator, theirs.size, "manual")
    compiled = result.at(theirs.operator, theirs.size, "compiled")
    moved = manual.moved_bytes / manual.needed_bytes if manual and manual.moved_bytes and manual.needed_bytes else None
    return Row(
        theirs.size, theirs.median_s, found, theirs.limit_share, theirs.bytes_per_s, theirs.operations_per_s, moved,
        manual.calls if manual else None, compiled.compile_s if compiled else None,
        compiled.cached_s if compiled else None,
    )  # fmt: skip


@dataclass(frozen=True)
class Overall:
    """The formula and its compiled form over all operators that were timed."""

    operators: int
    manual: float  # the median of the ratios to torch
    slowest: str
    slowest_ratio: float
    compiled_of: int  # operators of which both forms were timed
    compiled: float | None  # the median of the ratios to torch
    helped: int  # of how many the compiled form is clearly the faster one


def overall(result: Result) -> Overall | None:
    """For a result of several operators; None where no formula was timed."""
    names = dict.fromkeys(m.operator for m in result.measurements)
    parts = {name: row(narrowed(result, name)) for name in names}
    manual = {name: part.ratios["manual"] for name, part in parts.items() if part and "manual" in part.ratios}
    if not manual:
        return None
    compiled = {n: part.ratios["compiled"] for n in manual if (part := parts[n]) and "compiled" in part.ratios}
    slowest = max(manual, key=manual.__getitem__)
    helped = sum(ratio * LIKE < manual[name] for name, ratio in compiled.items())
    return Overall(
        len(manual), statistics.median(manual.values()), slowest.rpartition(".")[2], manual[slowest], len(compiled),
        statistics.median(compiled.values()) if compiled else None, helped,
    )  # fmt: skip
