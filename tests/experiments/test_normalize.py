"""What the page on normalising finds out is what torch computes, for every p, eps, dim and input."""

import math

import pytest
import torch

from core.experiments import normalize as runs
from core.ops import normalize as ops

INF, NAN = math.inf, math.nan
INPUTS = {
    "example": runs.example(2, 0),
    "wide": runs.example(4, 3),
    "zero row": torch.tensor([[3.0, 4], [0, 0], [0.3, -0.4]]),
    "positive": torch.tensor([[1.0, 3], [2, 2], [0.5, 4.5]]),
    "vector": torch.tensor([1.0, 2, 2]),
    "one": torch.tensor([[7.0]]),
    "zeros": torch.zeros(2, 2),
    "nan and inf": torch.tensor([[NAN, 1], [INF, 2], [1, 2]]),
    "half": torch.tensor([[60000.0, 60000], [0, 0], [3, 4]], dtype=torch.float16),
    "double": torch.tensor([[1e-200, 1e-200], [3, -4]], dtype=torch.float64),
    "far and near": torch.tensor([[1e30, 1e30], [1e-30, 1e-30]]),
    "close": torch.tensor([[1000000.0, 1000001], [1000002, 1000003]]),
}
all_inputs = pytest.mark.parametrize("x", INPUTS.values(), ids=INPUTS)
all_powers = pytest.mark.parametrize("p", [float(p) for p in ("-1", "0", "0.5", "1", "2", "3", "inf", "-inf")])
SETTINGS = [(float(p), 1e-12) for p in runs.POWERS] + [(-1.0, 3.0), (2.0, 3.0), (math.inf, 3.0)]
all_settings = pytest.mark.parametrize(("p", "eps"), SETTINGS)


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, equal_nan=True)


@all_inputs
@all_settings
def test_the_run_is_torchs_and_the_check_agrees_vector_by_vector(x, p, eps):
    for dim in range(x.dim()):
        run = runs.run(x, p, dim, eps)
        close(run.steps.output, torch.nn.functional.normalize(x, p, dim, eps))
        assert run.steps.output.dtype == x.dtype
        found = runs.compared(run)
        assert found.agrees or found.worst.nearer == "ours"
        assert len(found.values) == len(found.gradients) == len(run.vectors)


@pytest.mark.parametrize("what", ["value", "gradient"])
def test_the_check_sees_a_small_fault_beside_a_zero_row(what):
    run = runs.run(INPUTS["zero row"], 2.0, 1, 1e-12)

    def faulty(input, **settings):
        output = ops.normalize(input, **settings)
        wrong = output.abs().sum(1, keepdim=True) * 1e-3  # 0 for the zero row
        return output + (wrong if what == "value" else wrong - wrong.detach())

    assert runs.compared(run).agrees
    found = runs.compared(run, faulty)
    assert not found.agrees
    assert all(d.allowed < 1e-3 for d in found.values), "each output is held against outputs, which are at most 1"


def test_inputs_are_taken_in_their_own_dtype_and_torch_says_which_it_refuses():
    for dtype in (torch.float16, torch.float32, torch.float64, torch.bfloat16):
        x = torch.ones(2, 2, dtype=dtype)
        assert runs.taken(x) == (x, "")
    for dtype in (torch.int64, torch.uint8, torch.bool):
        x = torch.ones(2, 2, dtype=dtype)
        with pytest.raises((RuntimeError, TypeError)) as raised:
            torch.nn.functional.normalize(x, dim=0)
        taken, refusal = runs.taken(x)
        assert (taken.dtype, refusal) == (torch.float32, str(raised.value))


def test_a_vector_has_no_dim_1():
    with pytest.raises(IndexError) as raised:
        torch.nn.functional.normalize(INPUTS["vector"])
    assert runs.refusal(INPUTS["vector"], 1) == str(raised.value)
    assert runs.refusal(INPUTS["vector"], 0) == runs.refusal(INPUTS["example"], 1) == ""


@pytest.mark.parametrize(
    ("name", "p", "eps", "unit", "raised", "zero", "undefined", "overflowed"),
    [
        ("example", 2.0, 1e-12, 5, 0, 0, 0, 0),
        ("example", 2.0, 3.0, 3, 2, 0, 0, 0),
        ("zero row", 2.0, 1e-12, 2, 1, 1, 0, 0),
        ("zeros", INF, 1e-12, 0, 2, 2, 0, 0),
        ("half", 2.0, 1e-12, 1, 0, 0, 1, 1),
        ("half", 2.0, 0.1, 1, 1, 1, 0, 1),
        ("nan and inf", 2.0, 1e-12, 1, 0, 0, 2, 0),
        ("vector", 1.0, 1e-12, 1, 0, 0, 0, 0),
    ],
)
def test_what_became_of_the_lengths(name, p, eps, unit, raised, zero, undefined, overflowed):
    x = INPUTS[name]
    facts = runs.lengths(runs.run(x, p, x.dim() - 1, eps))
    assert (facts.unit, facts.raised, facts.zero) == (unit, raised, zero)
    assert (facts.undefined, facts.overflowed) == (undefined, overflowed)


# ---- gradients -------------------------------------------------------------------------------------------------


@all_inputs
@all_settings
def test_the_gradient_is_torchs_and_at_a_right_angle_where_the_norm_divides(x, p, eps):
    for dim in range(x.dim()):
        given = x.clone().requires_grad_()
        torch.nn.functional.normalize(given, p, dim, eps).sum().backward()
        run = runs.run(x, p, dim, eps)
        facts = runs.gradients(run)
        close(facts.input, given.grad)
        assert facts.shorter == run.raised.sum()
        if facts.shorter > facts.undefined:
            assert facts.largest == pytest.approx(1 / eps, rel=1e-3)
        if p != 0 and x.dtype != torch.float16 and not (x.abs() > 1e29).any():  # whose squares overflow in the backward
            assert facts.right_angles == facts.longer


@pytest.mark.parametrize("eps", [float(eps) for eps in runs.EPS])
def test_the_slope_at_a_zero_row_is_1_over_eps_and_falls_with_the_length(eps):
    facts = runs.slopes(eps)
    assert facts.plateau == runs.at_zero(eps) == pytest.approx(1 / eps)
    expected = 1 / facts.length.clamp(min=eps)
    torch.testing.assert_close(facts.across, expected)
    inside, outside = facts.length < 0.999 * eps, facts.length > 1.001 * eps
    torch.testing.assert_close(facts.along[inside], expected[inside])
    assert (facts.along[outside].abs() < 1e-6 * expected[outside]).all()


# ---- pitfalls --------------------------------------------------------------------------------------------------


@all_inputs
@all_powers
def test_the_range_of_the_output(x, p):
    output = torch.nn.functional.normalize(x, p, 0)
    numbers = output[~output.isnan()]
    facts = runs.ranges(x, p, 0, 1e-12)
    assert facts.cells == len(numbers)
    if facts.cells:
        close(torch.tensor([facts.low, facts.high]), torch.stack([numbers.min(), numbers.max()]).float())
        assert facts.outside == ((numbers < 0) | (numbers > 1)).sum()
        assert (facts.turned_low, facts.turned_high) == (-facts.high, -facts.low)


def test_powers_without_magnitudes():
    one, three = runs.without_magnitudes(INPUTS["zero row"], 1)
    assert (one.wrong, three.wrong, one.vectors) == (1, 1, 3)
    assert one.first == pytest.approx((-0.1, 0.7))
    assert math.isnan(three.first[0])
    positive, _ = runs.without_magnitudes(INPUTS["positive"], 1)
    assert (positive.wrong, positive.first, positive.turned_wrong) == (0, None, 3)
    assert runs.without_magnitudes(INPUTS["zeros"], 0)[0].wrong == 0


def test_integers_wrap_round():
    facts = runs.integer_tensors()
    with pytest.raises(RuntimeError) as raised:
        torch.nn.functional.normalize(torch.tensor(runs.TUTORIAL))
    assert facts.error == str(raised.value)
    assert facts.norm == pytest.approx(14**0.5)
    assert facts.true_cubes == (2**21) ** 3 + 1
    assert facts.cubes == facts.true_cubes - 2**64


@pytest.mark.parametrize(("eps", "half_is_nan"), [(1e-12, True), (0.1, False), (3.0, False)])
def test_a_zero_row_in_both_forms(eps, half_is_nan):
    facts = runs.zero_row(3, eps)
    assert facts.textbook.isnan().all()
    assert facts.torch.tolist() == [0, 0, 0]
    assert facts.torch_half.isnan().all() == half_is_nan == (facts.half_eps == 0)
    assert facts.slope == pytest.approx(1 / eps)
    assert math.isnan(facts.textbook_slope)


@all_inputs
@all_settings
def test_sums_and_norms(x, p, eps):
    facts = runs.row_sums(x, p, x.dim() - 1, eps)
    rows = torch.atleast_2d(torch.nn.functional.normalize(x, p, -1, eps))
    close(facts.sums, rows.sum(1))
    close(facts.norms, torch.linalg.vector_norm(rows.float(), p, 1).to(x.dtype) if x.dtype == torch.float16
          else torch.linalg.vector_norm(rows, p, 1))  # fmt: skip
    assert facts.vectors == len(rows)


def test_positive_vectors_sum_to_1_for_p_1_alone():
    counts = [runs.row_sums(INPUTS["positive"], p, 1, 1e-12) for p in (1.0, 2.0)]
    assert [(facts.sum_to_1, facts.norm_1) for facts in counts] == [(3, 3), (0, 3)]
    assert runs.row_sums(INPUTS["positive"], 0.0, 1, 1e-12).norm_1 == 0


def test_both_dims():
    x = INPUTS["zero row"]
    along = [torch.nn.functional.normalize(x, dim=dim) for dim in (0, 1)]
    assert runs.both_dims(x, 2.0, 1e-12).differ == (along[0] != along[1]).sum() > 0
    assert runs.both_dims(INPUTS["zeros"], 2.0, 1e-12).differ == 0
    assert runs.both_dims(INPUTS["vector"], 2.0, 1e-12).error


def test_answers():
    assert runs.normalized((3, -4), 1) == pytest.approx([3 / 7, -4 / 7])
    assert [runs.grows_by((3.0, 4.0), 10, eps) for eps in (1e-12, 100.0)] == pytest.approx([1, 10])
    assert runs.grows_by((3.0, 4.0), -3, 1e-12) == -1
    assert runs.count_of_norms((4, 3, 2, 5), 1) == 40
