"""Timing on the operators' pages and on the page of all of them: start, watch, stop, queue, results."""

import csv
import io
import threading
import time
from dataclasses import replace

import pytest

from core import topics
from core.figures.timing import shortened
from core.timing import devices, explain, process, results, runner
from core.timing.devices import Device
from core.timing.limits import Rate
from core.timing.results import Machine, Measurement, Result, Versions
from core.timing.runner import Step
from core.timing.settings import Settings
from core.timing.why import Trip
from core.ui import timing_run, timing_words
from core.ui.timing_run import BUDGETS, End
from tests.linking import partners
from tests.pages.opening import boards, charts, control, kept, open_page, panels, sound, words
from tests.pages.test_every_page import HOSTILE, settings
from tests.timing.fakes import limits

DROPOUT = "torch.nn.functional.dropout"
TAB = {"tab": "Timing", "t_compiled": "false"}  # compiling takes seconds
RUN = "Run it here"


def button(app, label):
    return next(b for b in app.button if b.label == label)


def labels(app):
    return [b.label for b in app.button]


def table(app):
    """The rows of the last table, as they are shown: a mapping each."""
    return app.dataframe[-1].value.to_dict("records")


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
    return RUN in labels(app)


def started(name, **parameters):
    app = open_page(name, **parameters)
    return sound(button(app, RUN).click().run())


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
        (row,) = [row for row in table(app) if (row["Size"], row["Version"]) == (m.size, m.tier)]
        assert row["Median, µs"] == pytest.approx(1e6 * m.median_s, rel=0.01)
        assert row["GB/s"] == pytest.approx(m.bytes_per_s / 1e9, rel=0.01)
        assert row["GFLOP/s"] == pytest.approx(m.operations_per_s / 1e9, rel=0.01)
    (manual,) = [r for r in results.ratios(end.result) if r.tier == "manual"]
    assert f"{manual.ratio:.2f}" in shown
    assert f"divided by torch's: manual: {manual.ratio:.2f} at size 1000" in " ".join(charts(app))
    share = end.result.at(DROPOUT, 1000, "torch").limit_share
    assert f"**torch {timing_words.share(share)}**" in shown
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
    assert "Memory." in words(app)
    sound(control(app, "t_pass").set_value("forward and backward").run())
    poll(sound(button(app, RUN).click().run()), over)
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
    poll(app, lambda a: len(a.dataframe))  # the first size stands in the table
    sound(button(app, "Stop").click().run())
    poll(app, over)
    (end,) = app.session_state["_timing_ends"]
    assert end.phase == "stopped"
    assert "The run was stopped" in words(app)
    assert len(end.result.measurements) == 9
    first = [m for m in end.result.measurements if m.size == 1000]
    assert [m.status for m in first] == ["ok"] * 3
    shown = {(row["Size"], row["Version"]): row["Median, µs"] for row in table(app)}
    for m in first:
        assert shown[1000, m.tier] == pytest.approx(1e6 * m.median_s, rel=0.01)
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
    assert RUN not in labels(app)
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
    assert RUN not in labels(app)


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
    plain = {key: s for key, s in settings(open_page("dropout", tab="Timing")).items() if key.startswith("t_")}
    app = open_page("dropout", tab="Timing", **dict.fromkeys(plain, value))
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
    app = open_page("dropout", tab="Timing")
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
    known = {"needed_bytes": 1_000, "operations": 1_000} | other
    return Measurement(operator, size, tier, "ok", "", median, median * 0.9, median * 1.2, 9, 800, 1e-6, **known)


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
    shown = [row["Besides"] for row in table(app)]
    for sentence in (
        "wrong: values differ from torch's by 1 | `x`", "left out: a call would take some 9 s, more than 2 s",
        "out of memory: tried to allocate 9 GB", "failed: RuntimeError: oh",
    ):  # fmt: skip
        assert sentence in shown
    assert "textbook at 4,000: left out" in words(app)
    assert "manual at 4,000: out of memory" in words(app)


def test_a_run_too_short_for_anything_says_so():
    never = [
        Measurement(DROPOUT, 1000, tier, "not reached", "the run's 10 s were over") for tier in ("manual", "torch")
    ]
    app = showing("dropout", result_of(*never), **TAB)
    assert "ended before anything could be timed" in words(app)
    assert "Give it more time" in words(app)
    assert RUN in labels(app)


def test_a_run_stopped_before_anything_was_timed_is_not_told_to_take_longer():
    app = open_page("timing")
    never = Measurement(DROPOUT, 1000, "manual", "not reached", "the run was stopped")
    app.session_state["_timing_ends"] = [End("timing", "stopped", result_of(never))]
    sound(app.run())
    assert "was stopped before anything could be timed." in words(app)
    assert "more time" not in words(app)


def test_on_a_gpu_the_careless_clock_is_shown_beside_the_call():
    one = timed("torch", 4e-4, kernels_s=3.5e-4, unsynchronised_s=1.2e-5, cold_s=3.8e-4, graph_s=3.4e-4)
    app = showing("dropout", result_of(one, device="cuda:0"), **TAB)
    assert "**12 µs** for torch, whose call takes **400 µs**" in words(app)
    assert "kernels alone **350 µs**" in words(app)
    assert "NVIDIA H100" in words(app)
    (row,) = table(app)
    assert (row["Device, µs"], row["Cold, µs"], row["As a graph, µs"]) == (350, 380, 340)


def test_where_starting_the_work_takes_longer_than_the_work_the_two_clocks_agree():
    one = timed("torch", 1.2e-5, kernels_s=3e-6, unsynchronised_s=1.1e-5)
    app = showing("dropout", result_of(one, device="cuda:0"), **TAB)
    assert "Here the two agree" in words(app)


def test_compile_time_stands_apart_and_the_cache_apart_from_it():
    one = timed("compiled", 1e-6, compile_s=12.5, cached_s=0.07)
    app = showing("dropout", result_of(one, timed("torch", 2e-6)), **TAB)
    row = table(app)[0]
    assert (row["Compiling, s"], row["From the cache, s"]) == (12.5, 0.07)


@pytest.mark.parametrize(
    ("share", "said"), [(2.0, "200%"), (0.364, "36%"), (0.1, "10%"), (0.096, "10%"), (0.021, "2%"), (0.0034, "0.3%")]
)
def test_shares(share, said):
    assert timing_words.share(share) == said


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
    assert "**3.00** times as long as torch" in words(app)


def all_timed():
    """A result in which the k-th operator's manual version takes 1 + k times torch's time, the last not timed."""
    parts = []
    for k, op in enumerate(topics.operators()[:-1]):
        parts += [
            timed("manual", (1 + k) * 1e-6, op.sizes[0], op.mirrors),
            timed("torch", 1e-6, op.sizes[0], op.mirrors),
        ]
    return result_of(*parts)


def test_the_table_can_be_sorted_by_its_numbers_and_a_click_leads_to_the_page():
    app = showing("timing", all_timed(), page="timing")
    rows = table(app)
    assert [row["manual ÷ torch"] for row in rows] == [1 + k for k in range(len(rows))]
    assert [row["Operator"] for row in rows] == [timing_run.short(op.mirrors) for op in topics.operators()[:-1]]
    place = next(i for i, row in enumerate(rows) if row["Operator"] == "dropout")
    kept(app).own["picked"] = str(place)
    sound(app.run())
    assert app.title[0].value == "Dropout"


def test_a_run_that_was_cut_short_goes_on_with_what_is_missing(gate):
    app = open_page("timing")
    app.session_state["_timing_ends"] = [End("timing", "stopped", all_timed())]
    sound(app.run())
    sound(button(app, RUN).click().run())
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
    assert f"rec. 1: {name}" in words(app)
    told = " ".join(charts(app))
    assert "manual 3.00" in told
    assert "manual<br>rec. 1 5.00" in told


# ---- first sight, why, roof ------------------------------------------------------------------------------------


def explained(**changed):
    """A run of one operator whose formula makes more trips than torch, with what the compiler made of it."""
    kernel = Trip("cpp_fused_mul_sub_0", ("1000",), ("1000",), (4000,), (4000,), 1e-6, "void kernel() {}")
    step = Trip("aten::mul.Tensor", ("1000",), ("1000",), (4000,), (4000,), 1e-6)
    moved = {"needed_bytes": 8000, "operations": 2000}
    return result_of(
        timed("manual", 3e-6, calls=3, moved_bytes=24000, trips=(step,) * 3, **moved),
        timed("compiled", 1.1e-6, calls=1, moved_bytes=8000, trips=(kernel,), **moved),
        timed("torch", 1e-6, calls=1, moved_bytes=8000, trips=(step,), **moved),
        **changed,
    )


def test_the_trips_of_every_version_are_drawn_and_counted_and_hang_together_with_their_times():
    app = showing("dropout", explained(), **TAB)
    assert "the formula makes **6 trips**" in words(app)
    assert "torch **2 trips**" in words(app)
    assert "the compiled formula **2 trips**" in words(app)
    found = {panel.name: panel for panel in boards(app)["trips"].panels}
    assert partners(boards(app)["trips"], "bytes", (0, 1))["seconds"] == {(0, 1)}
    assert found["bytes"].cells.shape == (3, 3)
    assert [box is None for box in found["bytes"].cells.boxes] == [False] * 3 + [False, True, True] * 2


def test_the_compilers_code_stands_beside_the_formula():
    app = showing("dropout", explained(), **TAB, t_code="true")
    shown = [block.value for block in app.code]
    assert "void kernel() {}" in shown
    assert any("def dropout(" in text for text in shown)
    assert "fuses mul sub" in words(app)


def test_every_version_stands_under_the_roof():
    app = showing("dropout", explained(), **TAB)
    (drawn,) = [figure for alt, figure in charts(app).items() if alt.startswith("Operations a second against")]
    dots = {trace["name"]: trace for trace in drawn["data"] if trace["mode"] == "markers"}
    assert {name: dot["x"][0] for name, dot in dots.items()} == pytest.approx(
        {"manual": 2000 / 24000, "compiled": 0.25, "torch": 0.25}
    )
    assert dots["torch"]["y"][0] == pytest.approx(2e9)


def test_before_the_first_run_recorded_results_are_shown_as_such(monkeypatch):
    theirs = explained()
    monkeypatch.setattr(timing_run, "recorded", lambda: (theirs,))
    app = open_page("timing")
    assert "**Recorded, not live**" in words(app)
    assert "manual 3.00, compiled 1.10" in " ".join(charts(app))
    (run,) = [b for b in app.button if b.label == RUN]
    assert run.proto.type == "primary"
    app = open_page("dropout", **TAB)
    assert timing_run.recorded_label(theirs) in words(app)
    assert "**3.00** times as long as torch" in words(app)


def test_an_own_run_takes_the_place_of_the_recorded_one(monkeypatch):
    monkeypatch.setattr(timing_run, "recorded", lambda: (explained(device="cuda:0"),))
    app = showing("dropout", result_of(timed("manual", 6e-6), timed("torch", 1e-6)), **TAB)
    assert "**6.00** times as long as torch" in words(app)
    assert "recorded, not live" not in words(app)


def test_the_compiled_version_is_timed_by_default_where_a_compiler_is(monkeypatch, gate):
    monkeypatch.setattr(devices, "compiler_missing", lambda key: "")
    app = poll(started("dropout", tab="Timing"), lambda a: gate.settings is not None)
    assert "compiled" in gate.settings.tiers
    gate.open.set()
    poll(app, over)


def test_the_table_fills_in_while_one_looks(gate):
    app = started("timing")
    poll(app, lambda a: "(1 of" in progress(a))
    assert len(charts(app)) == 3
    gate.open.set()
    poll(app, over)


# ---- sentences -------------------------------------------------------------------------------------------------


def of(manual, low=None, high=None, small=None, compiled=None, memory=None):
    known = (manual if low is None else low, manual if high is None else high, small or manual)
    return timing_words.times(explain.Compared(100, 10, manual, *known, compiled, memory))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (of(3.0), "takes **3.00** times as long as torch"),
        (of(0.5), "is the faster one"),
        (of(1.1, 0.9, 1.3), "equally fast as far as this run can tell"),
        (of(2.0, small=9.0), "what a call costs before it computes"),
        (of(9.0, small=2.0), "the difference grows with the numbers"),
        (of(4.0, compiled=1.0), "the compiler turned it into fewer calls"),
        (of(4.0, compiled=4.0), "the compiler does not help"),
        (of(4.0, memory=3.0), "holds up to **3.00** times as much"),
        (of(4.0, memory=0.5), "holds less at a time"),
        (of(4.0, memory=1.0), "about as much"),
    ],
)
def test_the_charts_of_times_are_read_by_their_numbers(said, expected):
    assert expected in said


def trips_of(moved, time, calls=1, within=None, spread=0.0):
    step = Trip("aten::mul", ("1",), ("1",), (moved,), (0,), time if within is None else within)
    manual = explain.Path("manual", (step,), calls, moved, 1, time, time - spread, time + spread)
    theirs = explain.Path("torch", (replace(step, read=(100,), seconds=1.0),), 1, 100, 1, 1.0, 1 - spread, 1 + spread)
    return timing_words.why(explain.Why(100, (manual, theirs)))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (trips_of(400, 4.0), "That is why."),
        (trips_of(400, 1.2), "hides the trips"),
        (trips_of(400, 3.0, spread=1.5), "overlap in their quartiles"),
        (trips_of(100, 3.0), "but the work on each number"),
        (trips_of(100, 1.01), "take about as long"),
        (trips_of(100, 0.5), "The formula takes **0.50** of torch's time"),
        (trips_of(100, 3.0, within=0.5), "lie between its calls"),
        (trips_of(100, 3.0, calls=90), "Of the 90 calls of manual the first 1 are drawn."),
    ],
)
def test_the_trips_are_read_by_their_numbers(said, expected):
    assert expected in said


def roof_of(m, **rates):
    known = limits(1e9, 1e10)
    result = replace(result_of(m), limits=replace(known, **rates))
    found = explain.roof(result)
    assert found is not None
    return timing_words.roof(found)


def test_the_roof_is_read_by_its_numbers():
    memory = timed("torch", 1e-5, needed_bytes=8000, operations=2000)
    assert "however fast the arithmetic" in roof_of(memory)
    work = timed("torch", 1e-3, needed_bytes=8000, operations=10**6)
    assert "however fast the memory" in roof_of(work)
    slow = Rate(2.9e9, 2.9e9, 2.9e9)
    assert "it is no roof for other work" in roof_of(memory, matrix=slow)
    assert "it is no roof for other work" not in roof_of(memory)
    above = timed("torch", 5e-7, needed_bytes=8000, operations=2000)
    assert "torch is above 100%, and this run's numbers do not tell why." in roof_of(above)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (explain.Overall(1, 2.0, "softmax", 2.0, 0, None, 0), "softmax alone is timed"),
        (explain.Overall(3, 2.0, "softmax", 9.0, 3, 1.0, 2), "2 of 3 formulas are clearly faster"),
        (explain.Overall(3, 2.0, "softmax", 9.0, 3, 2.0, 0), "makes none clearly faster"),
        (explain.Overall(3, 0.5, "softmax", 0.9, 0, None, 0), "nowhere is it behind torch"),
    ],
)
def test_all_operators_together_are_read_by_their_numbers(found, expected):
    assert expected in " ".join(timing_words.overall(found))
