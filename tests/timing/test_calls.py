"""Calls: which tensors have a gradient, what their outcome is, how much memory a call holds."""

import functools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from core import calls
from core.ops.operator import Call
from core.timing import measure, tiers
from tests.timing.fakes import Clock, operator

EPS = torch.finfo(torch.float32).eps


def test_prepared_asks_for_the_gradients_named_and_no_other():
    a, b, c = torch.ones(2, requires_grad=True), torch.ones(3), torch.ones(4)
    call = calls.prepared(Call((a, [b, 5]), {"c": c}), frozenset({1}), copy=True)
    assert [t.requires_grad for t in calls.arguments(call)] == [False, True, False]
    assert call.args[1][1] == 5
    calls.arguments(call)[0].add_(1)
    assert a.tolist() == [1, 1]


def test_leaves_are_those_that_torch_differentiates():
    x, mean, var, weight = torch.randn(4, 3), torch.zeros(3), torch.ones(3), torch.ones(3)
    call = Call((x, mean, var, weight), {"training": True})
    op = operator(Clock(), torch=F.batch_norm)
    assert calls.leaves_of(op, call) == {0, 3}
    classes = Call((torch.randn(4, 3), torch.tensor([0, 1, 2, 0]), torch.ones(3)))
    assert calls.leaves_of(operator(Clock(), torch=F.nll_loss), classes) == {0}
    assert calls.leaves_of(operator(Clock(), torch=F.nll_loss, differentiable=False), classes) == set()


def test_leaves_that_are_marked_stand():
    call = Call((torch.ones(2), torch.ones(2, requires_grad=True)))
    assert calls.leaves_of(operator(Clock(), torch=torch.add), call) == {1}


def test_evaluate_gives_outputs_and_gradients():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (y,), (gradient,) = calls.evaluate(lambda x: x**2, Call((x,)))
    (weight,) = calls.weights_for([y])
    assert y.tolist() == [1, 4]
    assert torch.equal(gradient, 2 * x.detach() * weight)
    assert calls.evaluate(lambda x: 3, Call((x,)))[1] == []


def test_weights_differ_between_neighbours():
    (weights,) = calls.weights_for([torch.empty(300, 100)])
    assert weights.aminmax() == (pytest.approx(0.5), pytest.approx(1.5, abs=0.01))
    assert (weights.diff(dim=-1).abs() > 0.1).all()
    assert calls.weights_for([torch.empty(0)])[0].numel() == 0


def test_numbers_and_arrays_are_results():
    found = list(calls.results((2, np.array([1.5]), [torch.ones(1)], {"a": torch.zeros(1)}, None)))
    assert [t.tolist() for t in found] == [2, [1.5], [1], [0]]


CPU = torch.device("cpu")


def test_peak_memory_counts_what_is_held_at_a_time():
    x = torch.ones(1000, 1000)  # 4 MB; numbers such as the 1 take a few bytes each on top
    about = functools.partial(pytest.approx, abs=100)
    assert measure.peak_bytes(lambda: x + 1, CPU) == about(4_000_000)
    assert measure.peak_bytes(lambda: (x + 1).relu_(), CPU) == about(4_000_000)
    assert measure.peak_bytes(lambda: (x + 1) * 2, CPU) == about(8_000_000)
    assert measure.peak_bytes(lambda: x.add_(0), CPU) == about(0)
    assert measure.peak_bytes(lambda: ((x + 1).sum(), (x + 2).sum()), CPU) == about(4_000_000)
    assert measure.peak_bytes(lambda: x + 1, torch.device("mps")) is None


def test_precision_knows_tf32():
    assert tiers.precision(CPU, torch.float32) == EPS
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=True):
        assert tiers.precision(torch.device("cuda"), torch.float32) == 2**-10
        assert tiers.precision(torch.device("cuda"), torch.float64) == torch.finfo(torch.float64).eps
