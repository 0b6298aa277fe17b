"""Results travel: JSON and back, CSV, ratios, the folder of recorded ones."""

import csv
import dataclasses
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.timing import results
from core.timing.cuda import Gauge
from core.timing.limits import Copy, Limits, Rate
from core.timing.results import Machine, Measurement, Result, Versions
from core.timing.settings import DTYPES, SWEEPS, TIERS, Settings
from core.timing.why import Trip
from tests.timing.fakes import limits

texts = st.text(max_size=12)
positive = st.floats(min_value=1e-9, max_value=1e9)
maybe = st.none() | positive

machines = st.builds(
    Machine, texts, texts, st.integers(1, 512), texts, st.none() | st.floats(0, 100), st.none() | st.integers(1, 10**9)
)
versions = st.builds(Versions, texts, texts, texts, st.booleans())
chosen = st.builds(
    Settings,
    device=st.sampled_from(["cpu", "cuda:0", "mps"]),
    dtype=st.sampled_from(DTYPES),
    sizes=st.sampled_from(SWEEPS) | st.lists(st.integers(1, 10**9), max_size=4).map(tuple),
    backward=st.booleans(),
    tiers=st.lists(st.sampled_from(TIERS), unique=True).map(tuple),
    threads=st.integers(1, 64),
    seed=st.integers(0, 2**63),
    budget_s=positive,
    textbook_limit_s=positive,
    compile_limit_s=positive,
    tf32=st.booleans(),
)
shapes = st.lists(texts, max_size=2).map(tuple)
counts = st.lists(st.integers(0, 10**12), max_size=2).map(tuple)
trips = st.builds(Trip, texts, shapes, shapes, counts, counts, positive, texts)
rates = st.builds(Rate, positive, positive, positive)
copies = st.lists(st.builds(Copy, st.integers(1, 10**9), rates), max_size=2).map(tuple)
measurements = st.builds(
    Measurement,
    operator=texts,
    size=st.integers(1, 10**9),
    tier=st.sampled_from(TIERS),
    status=st.sampled_from(results.STATUSES),
    detail=texts,
    median_s=maybe,
    low_s=maybe,
    high_s=maybe,
    runs=st.integers(0, 10**6),
    peak_bytes=st.none() | st.integers(0, 10**12),
    floor_s=maybe,
    difference=maybe,
    input_sets=st.integers(1, 16),
    needed_bytes=st.none() | st.integers(0, 10**12),
    operations=st.none() | st.integers(0, 10**12),
    calls=st.none() | st.integers(0, 10**6),
    moved_bytes=st.none() | st.integers(0, 10**12),
    trips=st.lists(trips, max_size=2).map(tuple),
    compile_s=maybe,
    cached_s=maybe,
    kernels_s=maybe,
    cold_s=maybe,
    graph_s=maybe,
    unsynchronised_s=maybe,
    kernels=shapes,
    gauge=st.none() | st.builds(Gauge, positive, positive, positive, texts),
)
every_result = st.builds(
    Result,
    machines,
    versions,
    st.just("2026-01-02T03:04:05+00:00"),
    chosen,
    st.none() | st.builds(Limits, rates, rates, rates, copies),
    st.lists(measurements, max_size=4).map(tuple),
)


def timed(tier, median, size=8, peak=None, operator="torch.x"):
    return Measurement(operator, size, tier, "ok", "", median, median * 0.9, median * 1.2, 10, peak)


def result_of(*measured):
    machine = Machine("Some GPU", "Some CPU", 2, "Linux")
    return Result(machine, Versions("3.11", "2.13"), "2026-01-02T03:04:05+00:00", Settings(), None, measured)


@given(every_result)
@settings(max_examples=150, deadline=None)
def test_json_gives_the_same_result_back(result):
    assert results.from_json(results.to_json(result)) == result


def changed(text, *path, to):
    """The JSON with one value replaced, or one taken out where `to` is None."""
    content = json.loads(text)
    place = content
    for name in path[:-1]:
        place = place[name]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return json.dumps(content)


@pytest.mark.parametrize(
    ("path", "to", "naming"),
    [
        (("format",), "another", "not a file of"),
        (("version",), 1, "version must be 2"),
        (("machine",), None, "machine"),
        (("machine",), "a string", "result.machine must be dict"),
        (("machine", "cores"), "two", r"machine\.cores must be int"),
        (("machine", "cores"), True, r"machine\.cores must be int"),
        (("settings", "dtype"), "float8", "dtype must be among"),
        (("settings", "colour"), "red", "no field 'colour'"),
        (("settings", "tiers"), ["manual", 3], r"tiers\[1\] must be str"),
        (("measurements", 0, "status"), "fine", "status must be one of"),
        (("measurements", 0, "median_s"), float("nan"), r"median_s must be finite"),
        (("measurements", 0, "median_s"), "fast", r"measurements\[0\]\.median_s must be float"),
    ],
)
def test_anything_else_is_refused_by_name(path, to, naming):
    text = results.to_json(result_of(timed("torch", 1.0)))
    with pytest.raises(ValueError, match=naming):
        results.from_json(changed(text, *path, to=to))


@pytest.mark.parametrize("text", ["", "[]", "3", "{}", '{"format": 1}'])
def test_other_text_is_refused(text):
    with pytest.raises(ValueError):
        results.from_json(text)


def test_ratios_against_torch_at_the_same_size():
    result = result_of(
        timed("manual", 3.0, peak=300),
        timed("torch", 2.0, peak=100),
        timed("manual", 1.0, size=9),
        Measurement("torch.x", 8, "textbook", "left out", "slow"),
    )
    (ratio,) = results.ratios(result)
    assert (ratio.tier, ratio.size, ratio.ratio, ratio.memory) == ("manual", 8, 1.5, 3.0)
    assert ratio.low == pytest.approx(2.7 / 2.4)
    assert ratio.high == pytest.approx(3.6 / 1.8)


def test_csv_has_a_row_a_measurement_with_its_machine_and_settings():
    result = dataclasses.replace(result_of(timed("manual", 3.0), timed("torch", 2.0)), limits=limits(1.0, 2.0))
    rows = list(csv.DictReader(io.StringIO(results.to_csv(result))))
    assert [(row["tier"], float(row["median_s"])) for row in rows] == [("manual", 3.0), ("torch", 2.0)]
    for row in rows:
        assert row["machine.device"] == "Some GPU"
        assert row["versions.torch"] == "2.13"
        assert row["settings.seed"] == "0"
        assert row["settings.tiers"] == "textbook manual compiled torch"
        assert row["limits.memory.median"] == "1.0"
        assert None not in row


def test_recorded_results_are_read_oldest_first_and_broken_ones_named(tmp_path):
    new = dataclasses.replace(result_of(), date="2026-02-01T00:00:00+00:00")
    (tmp_path / "a.json").write_text(results.to_json(new))
    (tmp_path / "b.json").write_text(results.to_json(result_of()))
    (tmp_path / "README.md").write_text("not a result")
    assert results.recorded(tmp_path) == (result_of(), new)
    (tmp_path / "c.json").write_text("{}")
    with pytest.raises(ValueError, match=r"c\.json"):
        results.recorded(tmp_path)


def test_the_shipped_recorded_results_can_be_read():
    assert all(result.measurements for result in results.recorded())


def test_the_label_says_settings_machine_and_date():
    label = results.label(result_of())
    assert label == "forward, float32, 1 thread on Some GPU, torch 2.13, 2026-01-02"


def test_begin_describes_this_machine():
    result = results.begin(Settings())
    assert result.machine.cores >= 1
    assert result.machine.cpu
    assert result.versions.torch.startswith("2.")
    assert result.measurements == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dtype", "int8"),
        ("tiers", ("fast",)),
        ("sizes", "huge"),
        ("sizes", (0,)),
        ("threads", 0),
        ("budget_s", 0.0),
        ("budget_s", float("nan")),
        ("textbook_limit_s", -1.0),
        ("compile_limit_s", 0.0),
    ],
)
def test_settings_that_make_no_sense_are_refused(field, value):
    with pytest.raises(ValueError):
        Settings(**{field: value})
