"""The runner on a clock that only the operators move, and on real operators at small sizes."""

import dataclasses
import math
import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ops import convolution, dropout, linear, normalize, softmax
from core.ops.seeded import seeded
from core.timing import devices, results, runner, tiers
from core.timing.results import ratios
from core.timing.settings import Settings
from tests.timing.fakes import COSTS, LIMITS, SETTINGS, Clock, costing, known_limits, operator


def run(operators, chosen=SETTINGS, clock=None, stop=lambda: False):
    return list(runner.run(operators, chosen, stop=stop, clock=clock or Clock(), measure_limits=known_limits))


def found(operators, chosen=SETTINGS, clock=None, stop=lambda: False):
    return run(operators, chosen, clock, stop)[-1].result


def status(result, size, tier, name="fake.plus_one"):
    return result.at(name, size, tier).status


# ---- order -----------------------------------------------------------------------------------------------------


def test_each_size_is_compared_first_and_then_timed_in_turn():
    clock = Clock()
    steps = run([operator(clock, sizes=(10,))], clock=clock)
    first, compared, timed, last = steps[0], steps[1:4], steps[4:-1], steps[-1]
    assert (first.operator, first.fraction, first.result.limits) == ("", 0.0, None)
    assert [s.tier for s in compared] == ["textbook", "manual", "torch"]
    rounds = ["textbook manual torch", "manual torch textbook", "torch textbook manual"]
    assert [s.tier for s in timed] == " ".join([*rounds, *rounds[:2]]).split()
    assert (last.operator, last.fraction, last.left_s) == ("", 1.0, 0.0)


def test_sizes_ascend_and_operators_come_in_the_order_given():
    clock = Clock()
    operators = [operator(clock, "fake.b"), operator(clock, "fake.a")]
    measured = found(operators, dataclasses.replace(SETTINGS, tiers=("torch",)), clock).measurements
    assert [(m.operator, m.size) for m in measured] == [("fake.b", 10), ("fake.b", 20), ("fake.a", 10), ("fake.a", 20)]


def test_median_is_the_cost_of_a_call():
    clock = Clock()
    result = found([operator(clock)], clock=clock)
    for m in result.measurements:
        assert m.status == "ok"
        assert [m.low_s, m.median_s, m.high_s] == pytest.approx([COSTS[m.tier]] * 3)
        assert m.runs >= runner.ROUNDS
        assert m.floor_s == pytest.approx(2 * m.size * 4 / LIMITS.memory.median)
        assert m.limit_share == pytest.approx(m.floor_s / COSTS[m.tier])


def test_a_machine_that_slows_down_slows_all_tiers_alike():
    clock = Clock(slowness=lambda now: 1 + 2 * now)
    result = found([operator(clock, sizes=(10,))], clock=clock)
    by_tier = {r.tier: r.ratio for r in ratios(result)}
    assert clock.slowness(clock.now) > 3
    assert by_tier == pytest.approx({"textbook": 3.0, "manual": 2.0}, rel=0.35)


def test_a_slow_tier_takes_part_in_fewer_rounds():
    clock, called = Clock(), []
    slow = costing(clock, lambda n: 1.5, called=called)
    result = found([operator(clock, sizes=(10,), manual=slow)], clock=clock)
    assert result.at("fake.plus_one", 10, "manual").runs == 1
    assert len(called) <= 5  # compared, warmed up, block size, timed; no memory trace


# ---- stopping --------------------------------------------------------------------------------------------------


@given(asked=st.integers(0, 60))
@settings(max_examples=30, deadline=None)
def test_stopped_anywhere_it_keeps_what_it_has_and_names_the_rest(asked):
    clock, answers = Clock(), iter(range(10**6))
    result = found([operator(clock)], clock=clock, stop=lambda: next(answers) >= asked)
    keys = [(m.size, m.tier) for m in result.measurements]
    assert sorted(keys) == sorted((n, t) for n in (10, 20) for t in ("textbook", "manual", "torch"))
    assert all((m.status == "ok") == (m.median_s is not None) for m in result.measurements)
    assert all(m.detail == "the run was stopped" for m in result.measurements if m.status != "ok")
    assert {m.status for m in result.measurements} <= {"ok", "not reached"}


def test_stopped_half_way_the_first_size_is_whole():
    clock, stopped = Clock(), []
    for step in runner.run(
        [operator(clock)], SETTINGS, stop=lambda: bool(stopped), clock=clock, measure_limits=known_limits
    ):
        if step.size == 20:
            stopped.append(True)
    assert {m.status for m in step.result.measurements if m.size == 10} == {"ok"}
    assert {m.status for m in step.result.measurements if m.size == 20} == {"not reached"}


def test_the_budget_bounds_the_whole_run():
    clock = Clock()
    steps = run([operator(clock)], dataclasses.replace(SETTINGS, budget_s=1.0), clock)
    assert clock.now < 1.0 + 0.2  # a slice may be under way
    assert all(step.left_s <= 1.0 for step in steps)
    last = steps[-1].result.measurements[-1]
    assert (last.status, last.detail) == ("not reached", "the run's 1 s were over")


def test_progress_rises_and_the_time_left_falls_to_nothing():
    clock = Clock()
    steps = run([operator(clock)], clock=clock)
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    middle = steps[len(steps) // 2]
    assert 0 < middle.left_s < clock.now


def test_threads_are_set_for_the_run_and_put_back():
    before, seen, clock = torch.get_num_threads(), [], Clock()
    watched = costing(clock, lambda n: 0.01, lambda x: seen.append(torch.get_num_threads()) or x + 1)
    op = operator(clock, sizes=(10,), manual=watched)
    chosen = dataclasses.replace(SETTINGS, threads=before + 1)
    steps = runner.run([op], chosen, clock=clock, measure_limits=known_limits)
    while len(seen) < 3:
        next(steps)
    steps.close()
    assert set(seen) == {before + 1}
    assert torch.get_num_threads() == before


# ---- what is not timed -----------------------------------------------------------------------------------------


def raising(error, at=20):
    def function(x):
        if x.numel() == at:
            raise error
        return x + 1

    return function


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        MemoryError("no more"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
    ],
)
def test_out_of_memory_at_a_size_is_reported_and_the_rest_goes_on(error):
    clock = Clock()
    manual = costing(clock, lambda n: 0.01, raising(error))
    result = found([operator(clock, sizes=(10, 20, 30), manual=manual)], clock=clock)
    assert [status(result, n, "manual") for n in (10, 20, 30)] == ["ok", "out of memory", "ok"]
    assert {status(result, n, "torch") for n in (10, 20, 30)} == {"ok"}
    assert str(error).splitlines()[0] in result.at("fake.plus_one", 20, "manual").detail


def test_a_real_refused_allocation_is_out_of_memory():
    clock = Clock()
    manual = costing(clock, lambda n: 0.01, lambda x: x + torch.empty(10**15))
    result = found([operator(clock, sizes=(10,), manual=manual)], clock=clock)
    assert status(result, 10, "manual") == "out of memory"


def test_out_of_memory_while_timing():
    clock, calls = Clock(), []

    def third_time(x):
        calls.append(x)
        if len(calls) > 6:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return x + 1

    op = operator(clock, sizes=(10,), manual=costing(clock, lambda n: 0.01, third_time))
    result = found([op], clock=clock)
    assert status(result, 10, "manual") == "out of memory"
    assert status(result, 10, "torch") == "ok"


def test_torch_itself_out_of_memory():
    clock = Clock()
    library = costing(clock, lambda n: 0.01, raising(torch.OutOfMemoryError("CUDA out of memory"), at=10))
    result = found([operator(clock, torch=library)], clock=clock)
    assert {status(result, 10, t) for t in ("textbook", "manual", "torch")} == {"out of memory"}
    assert {status(result, 20, t) for t in ("textbook", "manual", "torch")} == {"ok"}


def test_what_torch_refuses_is_left_out():
    clock = Clock()
    library = costing(clock, lambda n: 0.01, raising(NotImplementedError("not implemented for 'Half'"), at=10))
    m = found([operator(clock, sizes=(10,), torch=library)], clock=clock).at("fake.plus_one", 10, "manual")
    assert (m.status, m.detail) == ("left out", "torch itself gives NotImplementedError: not implemented for 'Half'")


@pytest.mark.parametrize(
    ("wrong", "difference"),
    [
        (lambda x: x + 1.25, 0.25),
        (lambda x: torch.where(x == 3, 104.0, x + 1), 100.0),
        (lambda x: (x + 1) * torch.nan, None),
        (lambda x: (x + 1)[None], None),
        (lambda x: (x + 1).double(), None),
        (lambda x: (x + 1, x), None),
    ],
    ids=["off", "in one place", "NaN", "shape", "dtype", "number"],
)
def test_a_wrong_version_is_reported_and_not_timed(wrong, difference):
    clock, called = Clock(), []
    op = operator(clock, sizes=(10,), manual=costing(clock, lambda n: 0.01, wrong, called))
    m = found([op], clock=clock).at("fake.plus_one", 10, "manual")
    assert (m.status, m.median_s, m.runs) == ("wrong", None, 0)
    assert len(called) <= 2  # in float32, and where the values differ in float64, which judges
    assert m.difference == (None if difference is None else pytest.approx(difference))


def test_a_wrong_gradient_is_found_when_the_backward_pass_is_timed():
    clock = Clock()
    right_value = costing(clock, lambda n: 0.01, lambda x: x.detach() + 1 + 2 * (x - x.detach()))
    op = operator(clock, sizes=(10,), manual=right_value)
    assert status(found([op], clock=clock), 10, "manual") == "ok"
    m = found([op], dataclasses.replace(SETTINGS, backward=True), clock).at("fake.plus_one", 10, "manual")
    assert m.status == "wrong"
    assert m.detail.startswith("gradient differs")


def test_a_version_that_breaks_is_reported_with_its_reason():
    clock = Clock()
    op = operator(clock, manual=costing(clock, lambda n: 0.01, raising(ValueError("no twenties"))))
    m = found([op], clock=clock).at("fake.plus_one", 20, "manual")
    assert (m.status, m.detail) == ("failed", "ValueError: no twenties")


def test_a_textbook_version_that_would_take_long_is_left_out_of_larger_sizes():
    clock, called = Clock(), []
    textbook = costing(clock, lambda n: n / 100, called=called)  # 0.1 s, 1 s, 10 s, 100 s
    op = operator(clock, sizes=(10, 100, 1000, 10000), textbook=textbook)
    result = found([op], dataclasses.replace(SETTINGS, textbook_limit_s=2.0), clock)
    assert [status(result, n, "textbook") for n in op.sizes] == ["ok", "ok", "left out", "left out"]
    assert max(called) == 100
    assert "10 s" in result.at(op.mirrors, 1000, "textbook").detail
    assert {status(result, n, "manual") for n in op.sizes} == {"ok"}


def test_a_textbook_version_too_slow_at_the_first_size_is_called_once():
    clock, called = Clock(), []
    op = operator(clock, textbook=costing(clock, lambda n: 5.0, called=called))
    result = found([op], clock=clock)
    assert called == [10]
    assert [status(result, n, "textbook") for n in (10, 20)] == ["left out", "left out"]


def test_an_operator_without_a_gradient_is_left_out_of_backward_runs():
    clock = Clock()
    op = operator(clock, differentiable=False)
    result = found([op], dataclasses.replace(SETTINGS, backward=True), clock)
    assert {(m.status, m.detail) for m in result.measurements} == {("left out", "it has no gradient")}


def test_without_a_compiler_the_compiled_tier_is_left_out_with_the_reason(monkeypatch):
    monkeypatch.setattr(devices, "compile_failure", lambda key: "no compiler here")
    clock = Clock()
    result = found([operator(clock, sizes=(10,))], dataclasses.replace(SETTINGS, tiers=("compiled", "torch")), clock)
    m = result.at("fake.plus_one", 10, "compiled")
    assert (m.status, m.detail) == ("left out", "no compiler here")


def test_a_compilation_that_takes_too_long_is_given_up_and_not_tried_at_larger_sizes(monkeypatch):
    monkeypatch.setattr(devices, "compile_failure", lambda key: "")
    tried = []

    def endless():
        tried.append(True)
        while True:
            pass

    real = tiers.outcome
    outcome = lambda function, *rest: real(function, *rest) if function else endless()  # noqa: E731
    monkeypatch.setattr(tiers, "outcome", outcome)
    monkeypatch.setattr(tiers, "function", lambda op, tier: None if tier == "compiled" else op.torch)
    clock = Clock()
    chosen = dataclasses.replace(SETTINGS, tiers=("compiled", "torch"), compile_limit_s=0.3)
    result = found([operator(clock)], chosen, clock)
    assert [(m.status, m.detail) for m in result.measurements if m.tier == "compiled"] == [
        ("left out", "torch.compile takes too long: more than 0.3 s")
    ] * 2
    assert len(tried) == 1
    assert {m.status for m in result.measurements if m.tier == "torch"} == {"ok"}


def test_a_dtype_the_device_lacks_is_refused(monkeypatch):
    monkeypatch.setattr(devices, "dtypes", lambda key: ("float32",))
    with pytest.raises(ValueError, match="dtype"):
        run([], dataclasses.replace(SETTINGS, dtype="float64"))


# ---- inputs ----------------------------------------------------------------------------------------------------


def test_inputs_take_turns_where_they_would_else_stay_in_the_cache(monkeypatch):
    monkeypatch.setattr(devices, "last_level_cache", lambda key: 1000)
    clock, seen = Clock(), set()
    op = operator(clock, sizes=(10, 100))
    watched = costing(clock, lambda n: 0.01, lambda x: seen.add((x.numel(), x[0].item())) or x + 1)
    result = found([dataclasses.replace(op, manual=watched)], clock=clock)
    assert result.at(op.mirrors, 10, "manual").input_sets == 1  # 40 bytes stay in the cache, whatever their number
    assert result.at(op.mirrors, 100, "manual").input_sets == 4  # 400 bytes: by its next turn 1200 others passed
    assert seen == {(10, 0.0)} | {(100, float(seed)) for seed in range(4)}


def test_a_version_that_writes_to_its_input_does_not_spoil_the_comparison():
    clock = Clock()
    in_place = costing(clock, lambda n: 0.01, lambda x: x.add_(1))
    op = operator(clock, sizes=(10,), manual=in_place, torch=in_place, textbook=None)
    assert {m.status for m in found([op], clock=clock).measurements} == {"ok"}


def test_random_versions_are_seeded_alike():
    clock = Clock()
    draw = costing(clock, lambda n: 0.01, lambda x: torch.rand_like(x))
    op = operator(clock, sizes=(1000,), manual=draw, torch=draw, textbook=None, random=True)
    assert found([op], clock=clock).at(op.mirrors, 1000, "manual").difference == 0


@pytest.mark.parametrize(("power", "expected"), [(1, "ok"), (2, "wrong")])
def test_random_textbook_versions_may_draw_other_numbers_of_the_same_distribution(power, expected):
    clock = Clock()
    draw = costing(clock, lambda n: 0.01, lambda x: torch.rand_like(x))
    other = costing(clock, lambda n: 0.01, lambda x: 1 - torch.rand_like(x) ** power)
    op = operator(clock, sizes=(1000,), manual=other, torch=draw, textbook=other, random=True)
    result = found([op], clock=clock)
    assert status(result, 1000, "textbook") == expected
    assert status(result, 1000, "manual") == "wrong"  # it promises torch's own draws


def test_draws_do_not_go_along_with_inputs_of_the_same_seed():
    chosen = dataclasses.replace(SETTINGS, sizes=(100_000,), tiers=("textbook",))
    result = found([dropout.OPERATORS[0]], chosen, clock=runner.timer)
    assert result.measurements[0].status == "ok", result.measurements[0].detail


# ---- real operators, real clock --------------------------------------------------------------------------------

REAL = [module.OPERATORS[0] for module in (linear, normalize, softmax, dropout, convolution)]


@pytest.mark.parametrize("operator", REAL, ids=lambda op: op.name)
@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
def test_real_operators(monkeypatch, operator, backward):
    monkeypatch.setattr(runner, "SLICE_S", 0.002)
    chosen = Settings(sizes="small", backward=backward, tiers=("textbook", "manual", "torch"))
    *_, last = runner.run([operator], chosen, measure_limits=known_limits)
    for m in last.result.measurements:
        assert m.status == "ok", m
        assert 0 < m.low_s <= m.median_s <= m.high_s
        assert m.peak_bytes > 0
        assert math.isfinite(m.difference)
    assert len(last.result.measurements) == len(chosen.tiers_of(operator))
    assert results.from_json(results.to_json(last.result)) == last.result


def test_another_reader_draws_neither_into_a_comparison_nor_out_of_a_timed_slice():
    """One who draws all the time from the same generator, each time from a seed of his own."""
    (drop,) = dropout.OPERATORS
    over, seen = threading.Event(), set()

    def draw():
        with seeded(3):
            return tuple(torch.rand(2).tolist() + torch.rand(2).tolist())

    def read():
        while not over.is_set():
            seen.add(draw())

    reader = threading.Thread(target=read)
    reader.start()
    try:
        chosen = Settings(sizes="small", tiers=("manual", "torch"), budget_s=60.0)
        *_, last = runner.run([drop], chosen, measure_limits=known_limits)
    finally:
        over.set()
        reader.join()
    assert [m.status for m in last.result.measurements] == ["ok", "ok"]
    assert seen == {draw()}
