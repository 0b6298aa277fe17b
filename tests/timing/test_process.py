"""A run in a process of its own: the same results, and an end whatever happens there."""

import sys
import time
from dataclasses import replace

import pytest

from core.ops import dropout, products
from core.timing import process
from core.timing.settings import Settings

MATMUL = next(op for op in products.OPERATORS if op.name == "matmul")
SMALL = Settings(sizes="small", tiers=("textbook", "manual", "torch"), budget_s=30)
ENDLESS = Settings(sizes=(600,), tiers=("textbook", "torch"), budget_s=60)  # the loops of a product take minutes


def test_the_other_process_measures_what_was_asked_for():
    steps = list(process.run(dropout.OPERATORS, SMALL, stop=lambda: False))
    result = steps[-1].result
    assert result.settings == SMALL
    assert {(m.tier, m.status) for m in result.measurements} == {(t, "ok") for t in ("textbook", "manual", "torch")}
    assert all(m.median_s > 0 for m in result.measurements)
    assert [s.fraction for s in steps] == sorted(s.fraction for s in steps)
    assert steps[-1].fraction == 1


def test_a_call_that_does_not_end_is_killed(monkeypatch):
    monkeypatch.setattr(process, "PATIENCE_S", 1.0)
    began: list[float] = []
    for step in process.run([MATMUL], ENDLESS, stop=lambda: bool(began) and time.monotonic() > began[0] + 2):
        if step.tier and not began:
            began.append(time.monotonic())
    assert time.monotonic() - began[0] < 20  # not the minutes that the loops take
    for m in step.result.measurements:
        assert (m.status, "did not end" in m.detail) == ("not reached", True)
    assert [m.tier for m in step.result.measurements] == ["textbook", "torch"]


def test_an_error_there_is_an_error_here():
    unknown = replace(dropout.OPERATORS[0], mirrors="torch.no_such_function")
    with pytest.raises(RuntimeError, match=r"KeyError: 'torch\.no_such_function'"):
        list(process.run([unknown], SMALL, stop=lambda: False))


def test_a_process_that_ends_early_is_reported(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match="ended early"):
        list(process.run(dropout.OPERATORS, SMALL, stop=lambda: False))
