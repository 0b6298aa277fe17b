"""Runs put together and taken apart."""

from dataclasses import replace

from core.timing.results import Measurement, joined, narrowed
from tests.timing.test_results import result_of, timed


def test_one_operator_of_a_run():
    result = result_of(timed("manual", 1.0), timed("manual", 2.0, operator="other"))
    assert [m.median_s for m in narrowed(result, "other").measurements] == [2.0]
    assert narrowed(result, "none").measurements == ()
    assert narrowed(result, "other").settings == result.settings


def test_what_a_run_did_not_reach_comes_from_an_older_one():
    older = result_of(timed("manual", 1.0), timed("torch", 2.0))
    newest = result_of(timed("manual", 3.0), Measurement(*identity(older, 1), "not reached", "stopped"))
    assert [m.median_s for m in joined(newest, [older]).measurements] == [3.0, 2.0]


def test_a_failure_is_newer_than_an_older_time():
    older = result_of(timed("manual", 1.0))
    newest = result_of(Measurement(*identity(older, 0), "wrong", "values differ"))
    assert [m.status for m in joined(newest, [older]).measurements] == ["wrong"]


def test_the_budget_alone_may_differ():
    newest = result_of(Measurement("op", 10, "manual", "not reached", "stopped"))
    older = result_of(timed("torch", 2.0))
    longer = replace(older, settings=replace(older.settings, budget_s=120.0))
    double = replace(older, settings=replace(older.settings, dtype="float64"))
    assert len(joined(newest, [longer]).measurements) == 2
    assert len(joined(newest, [double]).measurements) == 1


def identity(result, i):
    m = result.measurements[i]
    return m.operator, m.size, m.tier
