"""What a run found, with everything needed to read it later: JSON, CSV, and the table of ratios to torch."""

import csv
import dataclasses
import functools
import io
import itertools
import json
import math
import platform
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from core.timing import devices
from core.timing.cuda import Gauge
from core.timing.limits import Limits
from core.timing.settings import Settings
from core.timing.why import Trip
from core.words import N_

NESTED = ("trips", "gauge")  # fields of a measurement that a table has no column for
FORMAT = "torch-underneath timing"
VERSION = 2  # raised when a field changes its meaning; older files are then refused, not misread
STATUSES = N_(("ok", "wrong", "left out", "out of memory", "failed", "not reached"))


@dataclass(frozen=True)
class Machine:
    """Where the run took place."""

    device: str  # the timed device by its maker's name
    cpu: str
    cores: int
    os: str
    load: float | None = None  # processes that wanted the cores in the minute before, as Unix counts them
    cache_bytes: int | None = None  # of the largest cache in front of the device's memory


@dataclass(frozen=True)
class Versions:
    """What the run was made with."""

    python: str
    torch: str
    cuda: str = ""
    tf32: bool = False  # whether products of float32 numbers may round their factors to 10 bits (CUDA)


@dataclass(frozen=True)
class Measurement:
    """One tier of one operator at one size. Times are seconds a call; without `ok` there are none."""

    operator: str  # its dotted name
    size: int
    tier: str
    status: str  # one of STATUSES
    detail: str = ""  # why, where the status is not "ok"
    median_s: float | None = None
    low_s: float | None = None  # first and third quartile of the runs
    high_s: float | None = None
    runs: int = 0  # timed blocks behind the median
    peak_bytes: int | None = None
    floor_s: float | None = None  # the least the device could take
    difference: float | None = None  # largest difference to torch; None where infinite
    input_sets: int = 1  # sets of inputs used in turn
    needed_bytes: int | None = None  # of the definition: inputs read once, outputs written once
    operations: int | None = None  # of the definition
    calls: int | None = None  # that move numbers; None where they were not watched
    moved_bytes: int | None = None  # that these calls read and write
    trips: tuple[Trip, ...] = ()  # the first of these calls
    compile_s: float | None = None  # "compiled": the first call, compiling included
    cached_s: float | None = None  # "compiled": the same once the compiler's cache has it
    kernels_s: float | None = None  # CUDA: the device's own time
    cold_s: float | None = None  # CUDA: as kernels_s, with an L2 cache that holds none of the inputs
    graph_s: float | None = None  # CUDA: as kernels_s, replayed from a graph, without a launch for each kernel
    unsynchronised_s: float | None = None  # CUDA: what a clock read without waiting for the device would say
    kernels: tuple[str, ...] = ()  # CUDA: what a call starts on the device, in order
    gauge: Gauge | None = None  # CUDA: clock and power after the run, where NVML tells them

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"status must be one of {', '.join(STATUSES)}, but got {self.status!r}")

    @property
    def quartiles_s(self) -> tuple[float, float, float] | None:
        """First quartile, median and third quartile, or None where it was not timed."""
        if self.low_s is None or self.median_s is None or self.high_s is None:
            return None
        return self.low_s, self.median_s, self.high_s

    @property
    def limit_share(self) -> float | None:
        """The floor ÷ the median: 1 is as fast as the device's memory and arithmetic allow."""
        return self.floor_s / self.median_s if self.floor_s is not None and self.median_s else None

    @property
    def bytes_per_s(self) -> float | None:
        """Bytes that the version moved ÷ its time; those that the definition needs where its own are not known."""
        moved = self.needed_bytes if self.moved_bytes is None else self.moved_bytes
        return moved / self.median_s if moved is not None and self.median_s else None

    @property
    def operations_per_s(self) -> float | None:
        """Operations of the definition ÷ the version's time."""
        return self.operations / self.median_s if self.operations is not None and self.median_s else None


@dataclass(frozen=True)
class Result:
    """A run: machine, versions, date, settings, limits, measurements in the order they were finished."""

    machine: Machine
    versions: Versions
    date: str  # UTC, ISO 8601
    settings: Settings
    limits: Limits | None = None  # None until measured
    measurements: tuple[Measurement, ...] = ()

    def at(self, operator: str, size: int, tier: str) -> Measurement | None:
        """The measurement of this tier, or None where the run has none."""
        wanted = (operator, size, tier)
        return next((m for m in self.measurements if (m.operator, m.size, m.tier) == wanted), None)


def begin(settings: Settings) -> Result:
    """A result without figures yet, on this machine, now."""
    name = devices.named(settings.device).name
    machine = Machine(
        name, devices.cpu_name(), devices.cores(), platform.platform(), devices.load(),
        devices.last_level_cache(settings.device),
    )  # fmt: skip
    versions = Versions(platform.python_version(), torch.__version__, torch.version.cuda or "", settings.tf32)
    return Result(machine, versions, datetime.now(UTC).isoformat(timespec="seconds"), settings)


# ---- parts and wholes ------------------------------------------------------------------------------------------


def narrowed(result: Result, operator: str) -> Result:
    """The run as if it had timed this operator alone."""
    return dataclasses.replace(result, measurements=tuple(m for m in result.measurements if m.operator == operator))


def joined(newest: Result, older: Sequence[Result]) -> Result:
    """The newest run, and of older ones with the same settings (the budget aside) what it did not come to.

    Machine, date and limits are the newest's; `older` are to be given in the order of their dates.
    """
    found: dict[tuple[str, int, str], Measurement] = {}
    alike = [result for result in older if _same_but_budget(result.settings, newest.settings)]
    for m in itertools.chain.from_iterable(result.measurements for result in [*alike, newest]):
        key = (m.operator, m.size, m.tier)
        if m.status != "not reached" or key not in found:
            found[key] = m
    return dataclasses.replace(newest, measurements=tuple(found.values()))


def _same_but_budget(one: Settings, other: Settings) -> bool:
    return dataclasses.replace(one, budget_s=other.budget_s) == other


# ---- ratios to torch -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ratio:
    """One tier's time ÷ torch's at the same size."""

    operator: str
    size: int
    tier: str
    ratio: float
    low: float  # from quartiles: this tier's first ÷ torch's third
    high: float  # this tier's third ÷ torch's first
    memory: float | None  # peak ÷ torch's peak; None where either is unknown or torch needs nothing


def ratios(result: Result) -> tuple[Ratio, ...]:
    """Every tier that has a time, torch left out, against torch at the same operator and size."""
    found = []
    torchs = {(m.operator, m.size): m for m in result.measurements if m.tier == "torch"}
    for ours in result.measurements:
        theirs = torchs.get((ours.operator, ours.size))
        if ours.tier != "torch" and theirs and ours.quartiles_s and theirs.quartiles_s:
            memory = ours.peak_bytes / theirs.peak_bytes if ours.peak_bytes is not None and theirs.peak_bytes else None
            spread = _quotients(ours.quartiles_s, theirs.quartiles_s)
            found.append(Ratio(ours.operator, ours.size, ours.tier, *spread, memory))
    return tuple(found)


def _quotients(ours: tuple[float, float, float], theirs: tuple[float, float, float]) -> tuple[float, float, float]:
    """Median ÷ median, and how low and how high the quartiles let it be."""
    (low, median, high), (their_low, their_median, their_high) = ours, theirs
    return median / their_median, low / their_high, high / their_low


# ---- JSON and CSV ----------------------------------------------------------------------------------------------


def to_json(result: Result) -> str:
    """The whole result as text that `from_json` reads back the same."""
    content = {"format": FORMAT, "version": VERSION, **dataclasses.asdict(result)}
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(text: str) -> Result:
    """Read `to_json`'s text. ValueError, naming the place, where it is anything else."""
    content = json.loads(text)
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise ValueError(f"this is not a file of {FORMAT}")
    version = content.pop("version", None)
    if version != VERSION:
        raise ValueError(f"version must be {VERSION}, but got {version!r}")
    return _decoded(Result, content, "result")


def _decoded(kind: Any, value: Any, where: str) -> Any:
    """`value`, as JSON gives it, as an object of type `kind`: dataclass, tuple[x, ...], union or plain."""
    if dataclasses.is_dataclass(kind):
        return _decoded_fields(typing.cast(type, kind), value, where)
    if isinstance(kind, types.UnionType):
        return _decoded_union(kind, value, where)
    if typing.get_origin(kind) is tuple:
        _expect(list, value, where)
        inner = typing.get_args(kind)[0]
        return tuple(_decoded(inner, item, f"{where}[{i}]") for i, item in enumerate(value))
    if kind is float and type(value) is int:
        return float(value)
    _expect(kind, value, where)
    if kind is float and not math.isfinite(value):
        raise ValueError(f"{where} must be finite, but got {value}")
    return value


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _decoded_fields(kind: type, value: Any, where: str) -> Any:
    _expect(dict, value, where)
    hints = _hints(kind)
    unknown = sorted(value.keys() - hints.keys())
    if unknown:
        raise ValueError(f"{where} has no field {unknown[0]!r}")
    try:
        return kind(**{name: _decoded(hints[name], item, f"{where}.{name}") for name, item in value.items()})
    except TypeError as error:  # a field without a default is missing
        raise ValueError(f"{where}: {error}") from None


def _decoded_union(kind: Any, value: Any, where: str) -> Any:
    """None where allowed; else as a string where that is allowed and given; else as the other kind."""
    kinds = [one for one in typing.get_args(kind) if one is not types.NoneType]
    if value is None and len(kinds) < len(typing.get_args(kind)):
        return None
    return _decoded(str if str in kinds and isinstance(value, str) else kinds[-1], value, where)


def _expect(kind: type, value: Any, where: str) -> None:
    if type(value) is not kind:  # not isinstance: True is no number here
        raise ValueError(f"{where} must be {kind.__name__}, but got {type(value).__name__}")


def to_csv(result: Result) -> str:
    """One row a measurement, each with the machine, versions, date and settings it belongs to."""
    run = _flat("", dataclasses.asdict(dataclasses.replace(result, measurements=())))
    columns = [field.name for field in dataclasses.fields(Measurement) if field.name not in NESTED]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*columns, "limit_share", *run])
    for m in result.measurements:
        writer.writerow([*(getattr(m, name) for name in columns), m.limit_share, *run.values()])
    return out.getvalue()


def _flat(prefix: str, value: dict) -> dict[str, Any]:
    """Nested dictionaries as one, names joined by a dot; lists as words with a space between."""
    flat: dict[str, Any] = {}
    for name, item in value.items():
        if isinstance(item, dict):
            flat |= _flat(f"{prefix}{name}.", item)
        elif name not in ("measurements", "cached"):
            flat[prefix + name] = " ".join(map(str, item)) if isinstance(item, tuple) else item
    return flat


# ---- recorded results ------------------------------------------------------------------------------------------

RECORDED = Path(__file__).parent / "recorded"


def recorded(folder: Path = RECORDED) -> tuple[Result, ...]:
    """The results kept in the repository, oldest first: other machines' figures, to be shown as recorded.

    ValueError, naming the file, where one can't be read.
    """
    return tuple(sorted((_read(path) for path in folder.glob("*.json")), key=lambda result: result.date))


def _read(path: Path) -> Result:
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None


def label(result: Result) -> str:
    """What a result's figures are labelled with: settings, machine and date in a line."""
    s = result.settings
    direction = "forward + backward" if s.backward else "forward"
    threads = f", {s.threads} thread{'s' * (s.threads > 1)}" if s.device == "cpu" else ""
    return (
        f"{direction}, {s.dtype}{threads} on {result.machine.device}, torch {result.versions.torch}, {result.date[:10]}"
    )
