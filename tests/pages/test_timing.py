"""Timing on the operators' pages and on the page of all of them: start, watch, stop, queue, results."""

import csv
import io
import threading
import time
from dataclasses import replace

import pytest

from core import topics
from core.figures.timing import shortened
from core.timing import devices, process, report, results, runner
from core.timing.devices import Device
from core.timing.results import Machine, Measurement, Result, Versions
from core.timing.runner import Step
from core.timing.settings import Settings
from core.ui import timing_run
from core.ui.timing_run import BUDGETS, End
from tests.linking import partners
from tests.pages.opening import boards, charts, control, kept, open_page, panels, sound, words
from tests.pages.test_every_page import HOSTILE, settings
from tests.timing.fakes import limits

DROPOUT = "torch.nn.functional.dropout"
TAB = {"tab": "Timing"}


def button(app, label):
    return next(b for b in app.button if b.label == label)


def labels(app):
    return [b.label for b in app.button]


def progress(app):
    return " ".join(bar.proto.text for bar in app.get("progress"))


def poll(app, until, timeout=60.0):
    """Look at the page again and again, as the browser does, until it shows what is waited for."""
    end = time.monotonic() + timeout
    while not until(app):
        assert time.monotonic() < end, words(app) + progress(app)
        time.sleep(0.1)
        sound(app.run())
    return app


def over(app):
    return "Run" in labels(app)


def started(name, **parameters):
    app = open_page(name, **parameters)
    return sound(button(app, "Run").click().run())


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(runner, "SLICE_S", 0.002)
    monkeypatch.setattr(runner, "ROUNDS", 2)
    known = limits(1e10, 1e11)
    monkeypatch.setitem(runner.run.__kwdefaults__, "measure_limits", lambda settings, clock: known)
    monkeypatch.setattr(process, "run", runner.run)  # in this process, where the settings above hold


class Gate:
    """A run that measures one version at each opening of the gate, and stops when it is told to."""

    def __init__(self):
        self.open = threading.Event()
        self.settings = None

    def __call__(self, operators, settings, *, stop):
        self.settings = settings
        result = results.begin(settings)
        for i, operator in enumerate(operators):
            yield Step(operator.mirrors, "manual", operator.sizes[0], i / len(operators), 9.0, result)
            while not stop() and not self.open.wait(0.01):
                pass
            if stop():
                return
            done = Measurement(operator.mirrors, operator.sizes[0], "manual", "ok", "", 2e-6, 1e-6, 3e-6, 5)
            result = replace(result, measurements=(*result.measurements, done))
        yield Step("", "", 0, 1.0, 0.0, result)


@pytest.fixture
def gate(monkeypatch):
    made = Gate()
    monkeypatch.setattr(process, "run", made)
    yield made
    made.open.set()


# ---- a run from start to end -----------------------------------------------------------------------------------


def test_a_run_shows_the_figures_that_it_measured():
    app = poll(started("dropout", **TAB, t_sizes="small", t_dtype="float64"), over)
    (end,) = app.session_state["_timing_ends"]
    assert end.phase == "done"
    s = end.result.settings
    assert (s.dtype, s.sizes, s.backward, s.device) == ("float64", "small", False, "cpu")
    shown = words(app)
    assert timing_run.label(end.result) in shown
    assert {m.tier for m in end.result.measurements} == {"textbook", "manual", "torch"}
    for m in end.result.measurements:
        if m.tier == "textbook":  # it gives float32 back, whatever it was given
            assert m.status == "wrong"
            assert "float32" in m.detail
            continue
        assert m.status == "ok"
        assert f"{m.size:,} | {m.tier} | {report.seconds(m.median_s)}".replace(" µs", "\u00a0µs") in shown
    (manual,) = [r for r in results.ratios(end.result) if r.tier == "manual"]
    assert f"**{manual.ratio:.2f}**" in shown
    assert f"divided by torch's: manual: {manual.ratio:.2f} at size 1000" in " ".join(charts(app))
    share = end.result.at(DROPOUT, 1000, "torch").limit_share
    assert f"**torch {timing_run.share_said(share)}**" in shown
    assert "makes no difference here" in shown


def test_the_pictures_draw_every_version_and_the_limit():
    app = poll(started("dropout", **TAB, t_sizes="small"), over)
    result = app.session_state["_timing_ends"][0].result
    (times,) = [figure for alt, figure in charts(app).items() if alt.startswith("Time of a call")]
    drawn = {trace["name"]: trace for trace in times["data"]}
    assert set(drawn) == {"textbook", "manual", "torch", "limit"}
    assert drawn["limit"]["x"] == [1000]
    floors = {m.floor_s for m in result.measurements}
    assert drawn["limit"]["y"] == pytest.approx(list(floors), rel=1e-3)


def test_a_run_stays_until_the_next_and_others_can_be_laid_over_it():
    app = poll(started("dropout", **TAB, t_sizes="small"), over)
    sound(control(app, "p").set_value(0.2).run())
    assert "Peak memory" in words(app)
    sound(control(app, "t_pass").set_value("forward and backward").run())
    poll(sound(button(app, "Run").click().run()), over)
    first, second = app.session_state["_timing_ends"]
    assert second.result.settings.backward
    assert timing_run.label(second.result) in words(app)
    assert timing_run.label(first.result) not in words(app)
    sound(app.multiselect[0].set_value([timing_run.label(first.result)]).run())
    assert f"Run 2: {timing_run.label(first.result)}" in words(app)
    assert "manual, run 2" in " ".join(charts(app))


def test_a_version_at_a_size_is_one_point_of_times_ratios_and_memory():
    app = poll(started("dropout", **TAB, t_sizes="small"), over)
    result = app.session_state["_timing_ends"][0].result
    shown = boards(app)["timing"]
    found = {panel.name: panel.cells for panel in shown.panels}
    assert set(found) == {"call times", "ratios", "peak memory"}
    names = list(result.settings.tiers)
    for tier in names:
        index = (names.index(tier), 0)
        measured = result.at(DROPOUT, 1000, tier)
        assert found["call times"].spots[names.index(tier)] == (1000.0, measured.median_s)
        assert found["peak memory"].spots[names.index(tier)] == (1000.0, float(measured.peak_bytes))
        assert partners(shown, "call times", index)["ratios"] == {index}
    (ratio,) = [r for r in results.ratios(result) if r.tier == "manual"]
    assert found["ratios"].spots[names.index("manual")][1] == ratio.ratio
    assert found["ratios"].spots[names.index("torch")] is None


def test_progress_counts_the_operators(gate):
    everything = topics.operators()
    app = started("timing")
    poll(app, lambda a: "(1 of" in progress(a))
    assert f"(1 of {len(everything)}), size" in progress(app)
    gate.open.set()
    poll(app, over)
    assert app.session_state["_timing_ends"][-1].phase == "done"


def test_stopping_half_way_keeps_what_has_been_measured(monkeypatch):
    monkeypatch.setattr(runner, "ROUNDS", 50)  # the largest size alone takes seconds
    app = started("dropout", **TAB, t_budget="120 s")
    poll(app, lambda a: "Quartiles" in words(a))  # the first size stands in the table
    sound(button(app, "Stop").click().run())
    poll(app, over)
    (end,) = app.session_state["_timing_ends"]
    assert end.phase == "stopped"
    assert "The run was stopped" in words(app)
    assert len(end.result.measurements) == 9
    first = [m for m in end.result.measurements if m.size == 1000]
    assert [m.status for m in first] == ["ok"] * 3
    for m in first:
        assert f"| 1,000 | {m.tier} | {report.seconds(m.median_s)}".replace(" µs", "\u00a0µs") in words(app)
    for m in end.result.measurements:
        if m.status != "ok":
            assert (m.status, m.detail) == ("not reached", "the run was stopped")


def test_a_run_that_fails_says_so(monkeypatch):
    def fails(operators, settings, *, stop):
        raise ValueError("this went wrong")
        yield

    monkeypatch.setattr(process, "run", fails)
    app = poll(started("dropout", **TAB), over)
    assert "ValueError: this went wrong" in words(app)


# ---- one at a time ---------------------------------------------------------------------------------------------


def test_a_second_reader_waits_and_sees_the_place(gate):
    first = poll(started("dropout", **TAB), lambda a: "about" in progress(a))
    second = started("timing")
    assert "1 before you" in progress(second)
    assert "Stop" in labels(second)
    sound(button(first, "Stop").click().run())
    poll(first, over)
    poll(second, lambda a: "(1 of" in progress(a))
    sound(button(second, "Stop").click().run())
    poll(second, over)


def test_a_waiting_reader_can_leave_the_queue(gate):
    first = poll(started("dropout", **TAB), lambda a: "about" in progress(a))
    second = started("dropout", **TAB)
    sound(button(second, "Stop").click().run())
    poll(second, over)
    assert "stopped before its turn came" in words(second)
    assert "about" in progress(first)
    sound(button(first, "Stop").click().run())
    poll(first, over)


def test_opening_the_timing_of_another_page_stops_the_run(gate):
    app = poll(started("dropout", **TAB), lambda a: "about" in progress(a))
    job = app.session_state["_timing_runs"]["dropout"].job
    app.switch_page("pages/timing.py")
    sound(app.run())
    assert job.wait(10)
    sound(app.run())
    assert [end.page for end in app.session_state["_timing_ends"]] == ["dropout"]
    assert "dropout" not in app.session_state["_timing_runs"]


def test_there_is_no_second_run_to_be_had_while_one_is_under_way(gate):
    app = started("dropout", **TAB)
    assert "Run" not in labels(app)
    first = app.session_state["_timing_runs"]["dropout"].job
    app.switch_page("pages/timing.py")
    sound(app.run())
    app.switch_page("pages/dropout.py")
    app.query_params.update(TAB)
    sound(app.run())
    assert first.wait(10)
    poll(app, over)
    gate.open.set()


# ---- settings --------------------------------------------------------------------------------------------------


def test_nothing_of_it_is_drawn_before_the_tab_is_open():
    app = open_page("dropout")
    assert not [key for key in settings(app) if key.startswith("t_")]
    assert "Run" not in labels(app)


def test_the_link_sets_every_setting(gate):
    asked = {"t_dtype": "bfloat16", "t_sizes": "large", "t_pass": "forward and backward", "t_budget": "120 s"}
    app = started("dropout", **TAB, **asked, t_seed="7", t_textbook="false")
    poll(app, lambda a: gate.settings is not None)
    expected = Settings("cpu", "bfloat16", "large", True, ("torch", "manual"), 1, 7, 120.0)
    assert gate.settings == expected
    gate.open.set()
    poll(app, over)


@pytest.mark.parametrize("value", HOSTILE)
def test_a_wrong_value_in_the_link_gives_the_default_and_a_sentence(value):
    plain = {key: s for key, s in settings(open_page("dropout", **TAB)).items() if key.startswith("t_")}
    app = open_page("dropout", **TAB, **dict.fromkeys(plain, value))
    for key, setting in settings(app).items():
        if key in plain:
            assert setting.value == plain[key].default or key == "t_seed", key
    assert "The link asked for" in words(app)


def test_no_run_may_take_longer_than_two_minutes_nor_larger_sizes_than_the_operators_own(gate):
    app = started("dropout", **TAB, t_budget="100000 s", t_sizes="10000000000")
    poll(app, lambda a: gate.settings is not None)
    assert gate.settings.budget_s <= max(BUDGETS) == 120
    assert gate.settings.sizes in ("small", "large", "all")
    gate.open.set()
    poll(app, over)


def test_without_a_gpu_it_says_so_and_without_a_compiler_it_says_why(monkeypatch):
    monkeypatch.setattr(devices, "devices", lambda: (Device("cpu", "Some CPU"),))
    monkeypatch.setattr(devices, "compiler_missing", lambda key: "torch.compile needs a C++ compiler")
    app = open_page("dropout", **TAB, t_compiled="true")
    assert "No GPU here" in words(app)
    assert "torch.compile needs a C++ compiler" in words(app)
    (compiled,) = [t for t in app.toggle if t.label == "Manual, compiled"]
    assert compiled.disabled
    assert not compiled.value


def test_a_gpu_is_offered_by_its_name_and_comes_first(monkeypatch):
    found = (Device("cpu", "Some CPU"), Device("cuda:0", "NVIDIA H100"))
    monkeypatch.setattr(devices, "devices", lambda: found)
    monkeypatch.setattr(devices, "dtypes", lambda key: ("float32", "float16"))
    app = open_page("dropout", **TAB)
    assert control(app, "t_device").options == ["Some CPU (cpu)", "NVIDIA H100 (cuda:0)"]
    assert settings(app)["t_device"].value == "cuda:0"
    assert "No GPU here" not in words(app)
    assert "t_threads" not in settings(app)
    sound(control(app, "t_device").set_value("cpu").run())
    assert "t_threads" in settings(app)


# ---- what a result says ----------------------------------------------------------------------------------------


def result_of(*measurements, device="cpu", **changed):
    machine = Machine("NVIDIA H100" if device != "cpu" else "Some CPU", "Some CPU", 2, "Linux")
    return Result(
        machine, Versions("3.11", "2.13"), "2026-01-02T03:04:05+00:00", Settings(device=device, **changed),
        limits(1e9, 1e9), measurements,
    )  # fmt: skip


def timed(tier, median, size=1000, operator=DROPOUT, **other):
    return Measurement(operator, size, tier, "ok", "", median, median * 0.9, median * 1.2, 9, 800, 1e-6, **other)


def showing(name, result, page="dropout", **parameters):
    app = open_page(name, **parameters)
    app.session_state["_timing_ends"] = [End(page, "done", result)]
    return sound(app.run())


def test_what_could_not_be_timed_is_said_in_the_picture_and_in_the_table():
    app = showing(
        "dropout",
        result_of(
            timed("manual", 3e-6), timed("torch", 2e-6),
            Measurement(DROPOUT, 1000, "textbook", "wrong", "values differ from torch's by 1 | `x`"),
            Measurement(DROPOUT, 4000, "textbook", "left out", "a call would take some 9 s, more than 2 s"),
            Measurement(DROPOUT, 4000, "manual", "out of memory", "tried to allocate 9 GB"),
            Measurement(DROPOUT, 4000, "torch", "failed", "RuntimeError: oh"),
        ),
        **TAB,
    )  # fmt: skip
    shown = words(app)
    for sentence in (
        "**wrong**: `values differ from torch's by 1 ¦ 'x'`",
        "**left out**: `a call would take some 9 s",
        "**out of memory**: `tried",
        "**failed**: `RuntimeError",
    ):
        assert sentence in shown
    (times,) = [figure for alt, figure in charts(app).items() if alt.startswith("Time of a call")]
    note = times["layout"]["title"]["subtitle"]["text"]
    assert "textbook at 4,000: left out" in note
    assert "manual at 4,000: out of memory" in note


def test_a_run_too_short_for_anything_says_so():
    never = [
        Measurement(DROPOUT, 1000, tier, "not reached", "the run's 10 s were over") for tier in ("manual", "torch")
    ]
    app = showing("dropout", result_of(*never), **TAB)
    assert "ended before anything could be timed" in words(app)
    assert "Give it more time" in words(app)
    assert "Run" in labels(app)


def test_a_run_stopped_before_anything_was_timed_is_not_told_to_take_longer():
    app = open_page("timing")
    never = Measurement(DROPOUT, 1000, "manual", "not reached", "the run was stopped")
    app.session_state["_timing_ends"] = [End("timing", "stopped", result_of(never))]
    sound(app.run())
    assert "was stopped before anything could be timed." in words(app)
    assert "more time" not in words(app)


def test_on_a_gpu_the_careless_clock_is_shown_beside_the_call():
    one = timed("torch", 4e-4, kernels_s=3.5e-4, unsynchronised_s=1.2e-5)
    app = showing("dropout", result_of(one, device="cuda:0"), **TAB)
    assert "| 1,000 | torch | 12 µs | 400 µs | 350 µs |" in words(app)
    assert "NVIDIA H100" in words(app)
    assert "kernels alone 350 µs" in words(app)


def test_compile_time_stands_apart():
    app = showing("dropout", result_of(timed("compiled", 1e-6, compile_s=12.5), timed("torch", 2e-6)), **TAB)
    assert "compiled in 12.5 s" in words(app)


def test_a_share_above_the_limit_is_explained():
    app = showing("dropout", result_of(timed("torch", 5e-7), timed("manual", 2e-6)), **TAB)
    assert "**torch 200%** and **manual 50%**" in words(app)
    assert "came from a cache" in words(app)


@pytest.mark.parametrize(
    ("share", "said"), [(2.0, "200%"), (0.364, "36%"), (0.1, "10%"), (0.096, "10%"), (0.021, "2%"), (0.0034, "0.3%")]
)
def test_shares(share, said):
    assert timing_run.share_said(share) == said


@pytest.mark.parametrize(("ratio", "said"), [(0.5, "0.50"), (9.994, "9.99"), (18.34, "18.3"), (4069.2, "4,069")])
def test_ratios(ratio, said):
    assert timing_run.ratio_said(ratio) == said


def test_the_downloads_hold_machine_versions_seed_and_settings():
    app = poll(started("dropout", **TAB, t_sizes="small", t_seed="5"), over)
    result = app.session_state["_timing_ends"][0].result
    assert {b.proto.label for b in app.get("download_button")} >= {"CSV", "JSON"}
    assert results.from_json(results.to_json(result)) == result
    (row, *_) = csv.DictReader(io.StringIO(results.to_csv(result)))
    assert row["settings.seed"] == "5"
    assert row["machine.cpu"] == devices.cpu_name()


# ---- the page of all operators ---------------------------------------------------------------------------------


def test_every_operator_has_a_row():
    app = open_page("timing")
    rows = [name for figure in charts(app).values() for name in figure["layout"]["yaxis"]["ticktext"]]
    assert rows == [shortened(timing_run.short(operator.mirrors)) for operator in topics.operators()]
    assert "none are kept yet" in words(app) or timing_run.recorded()


def test_a_run_of_all_fills_the_table_and_is_found_on_the_operators_page(monkeypatch):
    (operator,) = [op for op in topics.operators() if op.mirrors == DROPOUT]
    monkeypatch.setattr(timing_run, "KEPT", 3)
    app = showing("timing", result_of(timed("manual", 6e-6), timed("torch", 2e-6)), page="timing")
    assert "manual 3.00" in " ".join(charts(app))
    row = str(topics.operators().index(operator))
    (table,) = [panel for panel in panels(app).values() if row in panel.picks]
    place = table.picks.index(row)
    assert table.cells.notes[place].startswith("dropout")
    kept(app).own["picked"] = table.picks[place]
    sound(app.run())
    assert app.title[0].value == "Dropout"
    assert "**3.00**" in words(app)


def all_timed():
    """A result in which the k-th operator's manual version takes 1 + k times torch's time, the last not timed."""
    parts = []
    for k, op in enumerate(topics.operators()[:-1]):
        parts += [
            timed("manual", (1 + k) * 1e-6, op.sizes[0], op.mirrors),
            timed("torch", 1e-6, op.sizes[0], op.mirrors),
        ]
    return result_of(*parts)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("as the pages", lambda ops: ops),
        ("slowest first", lambda ops: [*ops[-2::-1], ops[-1]]),
        ("fastest first", lambda ops: ops),
        ("by name", lambda ops: sorted(ops, key=lambda op: timing_run.short(op.mirrors).casefold())),
    ],
)
def test_rows_are_sorted_and_those_without_a_time_come_last(order, expected):
    app = showing("timing", all_timed(), page="timing", t_sort=order)
    rows = [name for figure in charts(app).values() for name in figure["layout"]["yaxis"]["ticktext"]]
    assert rows == [shortened(timing_run.short(op.mirrors)) for op in expected(list(topics.operators()))]


def test_a_run_that_was_cut_short_goes_on_with_what_is_missing(gate):
    app = open_page("timing")
    app.session_state["_timing_ends"] = [End("timing", "stopped", all_timed())]
    sound(app.run())
    sound(button(app, "Run").click().run())
    missing = topics.operators()[-1]
    poll(app, lambda a: f"{timing_run.short(missing.mirrors)} (1 of" in progress(a))
    gate.open.set()
    poll(app, over)


def test_recorded_results_stand_beside_and_are_called_recorded(monkeypatch):
    theirs = result_of(timed("manual", 5e-6), timed("torch", 1e-6), device="cuda:0")
    monkeypatch.setattr(timing_run, "recorded", lambda: (theirs,))
    app = showing("timing", result_of(timed("manual", 6e-6), timed("torch", 2e-6)), page="timing")
    name = timing_run.recorded_label(theirs)
    assert "NVIDIA H100" in name
    assert "2026-01-02" in name
    assert "recorded, not live" in name
    assert "5.00" not in " ".join(charts(app))
    sound(app.multiselect[0].set_value([name]).run())
    assert f"**rec. 1**: {name}" in words(app)
    told = " ".join(charts(app))
    assert "manual 3.00" in told
    assert "manual<br>rec. 1 5.00" in told


def test_the_figures_link_to_the_pages():
    app = showing("timing", result_of(timed("manual", 6e-6), timed("torch", 2e-6)), page="timing")
    assert "[dropout](dropout?tab=Timing&t_op=dropout) | 1,000 | 2 µs" in words(app)
