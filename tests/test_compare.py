"""The comparison sees every mistake, in every output and gradient of every operator, and lets rounding pass."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from core import compare, topics
from core.calls import Outcome, leaves_of
from core.ops.operator import Call
from core.ops.softmax import softmax

NAN, INF = math.nan, math.inf
CPU = torch.device("cpu")


def shifted(tensor):
    if tensor.dtype == torch.bool:
        return ~tensor
    if not tensor.is_floating_point():
        return tensor + 1
    return tensor + 0.01 * (tensor.abs().max() or 1)


CHANGES = {"zeroed": torch.zeros_like, "doubled": lambda t: t + t, "shifted": shifted}


def spoiled(outcome, kind, place, change):
    """The outcome with one value (kind 0) or gradient (kind 1) changed."""
    lists = [list(outcome.values), list(outcome.gradients)]
    lists[kind][place] = change(lists[kind][place].detach())
    return Outcome(*lists)


def scaled(outcome, factor):
    """The outcome with all that is not whole numbers multiplied, as tiny or huge numbers would give."""
    return Outcome(*([t * factor if t is not None and t.is_floating_point() else t for t in ts] for ts in outcome))


@pytest.mark.parametrize("factor", [1.0, 2.0**-60, 2.0**60])
@pytest.mark.parametrize("operator", topics.operators(), ids=lambda operator: operator.name)
def test_a_mistake_in_any_output_or_gradient_is_seen(operator, factor):
    call = operator.make_call(operator.sizes[0], torch.float32, CPU, 0)
    leaves = leaves_of(operator, call)
    ours, theirs = (scaled(compare.run(f, call, leaves, 0), factor) for f in (operator.manual, operator.torch))
    again = compare.other_precision(operator.manual, operator.torch, call, leaves)
    ours_64, theirs_64 = (scaled(outcome, factor) for outcome in again)
    assert compare.outcomes(ours, theirs, judge=lambda: (ours_64, theirs_64)).agrees
    seen = 0
    for kind, tensors in enumerate(ours):
        for place, tensor in enumerate(tensors):
            for name, change in CHANGES.items():
                if tensor is None or tensor.numel() == 0 or torch.equal(change(tensor.detach()), tensor):
                    continue  # zeros doubled are zeros
                wrong, wrong_64 = (spoiled(outcome, kind, place, change) for outcome in (ours, ours_64))
                found = compare.outcomes(wrong, theirs, judge=lambda judged=wrong_64: (judged, theirs_64))
                assert not found.agrees, f"{('value', 'gradient')[kind]} {place} {name}"
                seen += 1
    assert seen


def outcome(*values, gradients=()):
    return Outcome(values, gradients)


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_each_tensor_is_held_against_its_own_magnitude(size):
    small = torch.tensor([1.0, -2.0, 3.0]) * size
    large = torch.ones(3) * 1e6 * size
    assert compare.outcomes(outcome(large, small), outcome(large, small)).agrees
    assert not compare.outcomes(outcome(large, small * 0), outcome(large, small)).agrees
    found = compare.outcomes(outcome(large, gradients=(small * 0,)), outcome(large, gradients=(small,)))
    assert (found.agrees, found.worst.what) == (False, "gradient")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (torch.tensor([INF, 1.0, 1.0]), torch.tensor([INF, NAN, 1.0])),
        (torch.tensor([-INF, NAN, 1.0]), torch.tensor([INF, NAN, 1.0])),
        (torch.tensor([10001]), torch.tensor([10000])),
        (torch.tensor([True]), torch.tensor([False])),
        (torch.zeros(3), torch.full((3,), 1e-40)),
        (torch.full((3,), 1e-40), torch.zeros(3)),
        (torch.tensor([1 + 1j]), torch.tensor([1 + 0j])),
        (torch.ones(1, 3), torch.ones(3)),
        (torch.ones(3).double(), torch.ones(3)),
        (torch.ones(2, 3).t().contiguous().t(), torch.ones(2, 3)),
    ],
    ids=["nan", "sign of inf", "integers", "bools", "zeros", "not zeros", "imaginary part", "shape", "dtype", "layout"],
)
def test_what_differs(ours, theirs):
    assert not compare.outcomes(outcome(ours), outcome(theirs)).agrees
    assert compare.outcomes(outcome(theirs), outcome(theirs.clone())).agrees


def test_numbers_of_results_and_gradients_that_are_not_there():
    x = torch.ones(2)
    assert not compare.outcomes(outcome(), outcome(x)).agrees
    assert not compare.outcomes(outcome(x), outcome(x, gradients=(x,))).agrees
    assert compare.outcomes(outcome(x, gradients=(None,)), outcome(x, gradients=(x * 0,))).agrees
    assert not compare.outcomes(outcome(x, gradients=(None,)), outcome(x, gradients=(x,))).agrees
    assert compare.outcomes(outcome(torch.empty(0)), outcome(torch.empty(0))).agrees


def one(manual, reference, *args):
    return compare.functions(manual, reference, Call(args), frozenset({0}))


def test_rounding_of_terms_that_cancel_passes():
    """The gradient of a softmax of one number is 0; the sums that should give it leave rounding of the terms' size."""
    x = torch.tensor([[0.3]])
    noisy = lambda x: softmax(x, 1) * 3.3 / 3.3 + (x - x * 3.3 / 3.3)  # noqa: E731
    found = one(noisy, lambda x: softmax(x, 1), x)
    assert found.agrees
    assert one(lambda x: softmax(x, 1), lambda x: torch.softmax(x, 1), x).agrees


def test_float64_says_which_is_nearer():
    x = torch.tensor([1e4, 1e4 + 1, 1e4 + 3])
    naive = lambda x: (x * x).mean() - x.mean() ** 2  # noqa: E731
    true = lambda x: x.var(correction=0)  # noqa: E731
    found, other = one(naive, true, x), one(true, naive, x)
    assert not found.agrees
    assert found.worst.nearer == "theirs"
    assert found.worst.theirs_off < 1e-5 < found.worst.ours_off
    assert other.agrees  # the nearer one is right
    assert other.worst.nearer == "ours"


def test_an_overflow_is_no_rounding():
    naive = lambda x: x.exp() / x.exp().sum()  # noqa: E731
    found = one(naive, lambda x: torch.softmax(x, 0), torch.tensor([90.0, 1.0]))
    assert (found.agrees, found.worst.nearer) == (False, "theirs")


def test_a_float64_call_is_judged_by_float32():
    x = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)
    assert one(lambda x: (x + 1e8) - 1e8, lambda x: x * 1.0, x).agrees is False
    assert one(lambda x: torch.log_softmax(x, 0), lambda x: x - torch.logsumexp(x, 0), x).agrees


def test_an_operator_is_compared_with_its_own_draws():
    operator = next(o for o in topics.operators() if o.name == "dropout")
    call = Call((torch.ones(50),), {"p": 0.5})
    assert compare.operator(operator, call, seed=3).agrees
    assert not compare.operator(replace(operator, manual=lambda x, p: F.dropout(x, 1 - p / 2)), call, seed=3).agrees


@pytest.mark.parametrize("seed", range(5))
def test_distributions(seed):
    generator = torch.Generator().manual_seed(seed)
    a, b = (torch.randn(2000, generator=generator) for _ in range(2))
    assert compare.distributions([a], [b]).agrees
    for wrong in (a + 0.5, a.abs(), a[:-1]):
        assert not compare.distributions([wrong], [b]).agrees


def test_infinity_in_place_of_nan_is_no_rounding_and_float64_says_who_is_right():
    x = torch.tensor([1.0, math.inf, 2.0, 3.0, -1.0, 0.0, 4.0, 5.0, 6.0, 7.0])  # torch's vector kernel gives NaN
    gelu = next(operator for operator in topics.operators() if operator.name == "gelu")
    found = compare.operator(gelu, Call((x,)))
    theirs = torch.nn.functional.gelu(x)
    assert found.agrees == theirs.equal(gelu.manual(x))
    if not found.agrees:
        assert found.worst.nearer == "ours"
