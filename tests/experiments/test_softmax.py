"""What the softmax page finds out is what torch computes, whatever the scores."""

import math

import pytest
import torch

from core.experiments import softmax as runs

INF, NAN = math.inf, math.nan
SCORES = {
    "example": runs.example(runs.SCORES, 3, 0),
    "vector": torch.tensor([1.0, 3, 2]),
    "one": torch.tensor([7.0]),
    "one row": torch.tensor([[5.0, -3]]),
    "one column": torch.tensor([[1.0], [2]]),
    "equal": torch.ones(2, 2),
    "huge": torch.tensor([[1e30, -1e30]]),
    "only the sum overflows": torch.full((1, 3), 88.5),
    "all small": torch.tensor([[-110.0, -110, -105]]),
    "hardly a digit": torch.tensor([[-103.5, -103, -103.2]]),
    "masked": torch.tensor([[0, -INF, -INF], [-INF, -INF, -INF]]),
    "nan and inf": torch.tensor([[NAN, 1, 2], [INF, 1, 2], [INF, -INF, 0]]),
    "half": torch.tensor([[12.0, 11], [-20, -18]], dtype=torch.float16),
    "bfloat16": torch.tensor([[1.0, 90]], dtype=torch.bfloat16),
    "double": torch.tensor([[710.0, 700]], dtype=torch.float64),
}
all_scores = pytest.mark.parametrize("x", SCORES.values(), ids=SCORES)


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, equal_nan=True)


@all_scores
@pytest.mark.parametrize(("magnitude", "temperature"), [(1, 1.0), (1000, 0.1), (1, 10.0)])
def test_the_run_is_torchs_softmax_along_every_dim(x, magnitude, temperature):
    for dim in range(x.dim()):
        run = runs.run(x, magnitude, temperature, dim)
        assert run.output.dtype == x.dtype
        close(run.output, torch.softmax((magnitude * x / temperature).to(x.dtype), dim))
        close(run.steps.output.to(x.dtype), run.output)
        close(run.slice(run.output), torch.softmax(run.slice(run.z), 0))


def test_scores_are_taken_in_their_own_dtype_and_torch_says_which_it_refuses():
    for dtype in runs.DTYPES.values():
        x = torch.ones(2, 2, dtype=dtype)
        assert runs.taken(x, "given") == (x, "")
        assert runs.taken(x, "float16")[0].dtype == torch.float16
    for dtype in (torch.int64, torch.uint8, torch.bool):
        x = torch.ones(2, 2, dtype=dtype)
        taken, refusal = runs.taken(x, "given")
        assert taken.dtype == torch.float32
        with pytest.raises(NotImplementedError) as raised:
            torch.softmax(x, 0)
        assert refusal == str(raised.value)


@all_scores
def test_the_sums_and_the_undefined_groups(x):
    for dim in range(x.dim()):
        output = torch.softmax(x, dim)
        facts = runs.sums(output, dim)
        close(facts.along, output.sum(dim))
        assert (facts.across is None) == (x.dim() == 1)
        assert facts.undefined == output.isnan().any(dim).sum()


@all_scores
def test_the_jacobian_is_autograds(x):
    z = (x if x.dim() == 1 else x[0]).double()
    expected = torch.autograd.functional.jacobian(lambda z: torch.softmax(z, 0), z)
    facts = runs.slopes(z)
    torch.testing.assert_close(facts.matrix, expected, atol=1e-12, rtol=1e-9, equal_nan=True)
    assert facts.defined == expected.isfinite().all()
    assert not facts.defined or facts.row_sum < 1e-9


# ---- without the largest ---------------------------------------------------------------------------------------


@all_scores
@pytest.mark.parametrize("magnitude", [1, 20, 1000])
def test_every_wrong_result_of_the_textbook_is_counted_once_with_its_reason(x, magnitude):
    z = runs.scaled(x, magnitude, 1.0)
    for dim in range(x.dim()):
        facts, right = runs.naive(z, dim), torch.softmax(z, dim)
        exp = z.exp()
        output = exp / exp.sum(dim, keepdim=True)
        lost = right.isfinite() & (output.isnan() | ((output == 0) & (right > 0) & (exp != 0)))
        assert facts.wrong == lost.sum()
        assert (facts.cells, facts.undefined) == (right.isfinite().sum(), (~right.isfinite()).sum())


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("only the sum overflows", (0, 0, 3)),
        ("all small", (0, 3, 0)),
        ("huge", (1, 0, 0)),
        ("example", (0, 0, 0)),
        ("masked", (0, 0, 0)),
    ],
)
def test_the_textbook_fails_for_the_reason_given(name, reasons):
    facts = runs.naive(SCORES[name], SCORES[name].dim() - 1)
    assert (facts.inf_by_inf, facts.zero_by_zero, facts.by_inf) == reasons


def test_lost_digits_are_not_called_the_same():
    facts = runs.naive(SCORES["hardly a digit"], 1)
    assert facts.wrong == 0
    assert not facts.rounded
    assert facts.difference > 0.05
    assert runs.naive(SCORES["example"], 1).rounded


@pytest.mark.parametrize("dtype", runs.DTYPES.values(), ids=runs.DTYPES)
def test_between_floor_and_limit_exp_is_a_number(dtype):
    facts = runs.naive(torch.zeros(1, dtype=dtype), 0)
    step = 1 if dtype == torch.bfloat16 else 0.05  # what the dtype can tell apart there
    over, under = (torch.tensor([facts.limit + d, facts.floor + d], dtype=dtype).exp() for d in (step, -step))
    assert [over[0].item(), under[1].item()] == [INF, 0]
    assert under[0].isfinite()


def test_the_smallest_magnitude_that_breaks_the_textbook():
    facts = runs.breaks(SCORES["example"], 1)
    assert facts.magnitude == 50
    exp = (50 * SCORES["example"]).exp()
    naive = exp / exp.sum(1, keepdim=True)
    assert facts.found.inf_by_inf == naive.isnan().sum() > 0
    assert not (20 * SCORES["example"]).exp().sum(1).isinf().any()
    assert runs.breaks(SCORES["all small"], 1).magnitude == 1
    equal_zeros = runs.breaks(torch.zeros(2, 2), 1)
    assert (equal_zeros.magnitude, equal_zeros.found.wrong) == (1000, 0)


# ---- other pitfalls --------------------------------------------------------------------------------------------


def test_without_keepdim():
    refused = runs.keepdim(SCORES["example"])
    with pytest.raises(RuntimeError) as raised:
        SCORES["example"] / SCORES["example"].sum(1)
    assert refused.error == str(raised.value)
    assert (refused.shape, refused.sum_shape, refused.kept_shape) == ((3, 4), (3,), (3, 1))
    assert runs.keepdim(SCORES["one column"]).result_shape == (2, 2)
    assert runs.keepdim(SCORES["one row"]).right
    assert runs.keepdim(SCORES["equal"]).right
    wrong = runs.square(SCORES["example"])
    exp = SCORES["example"][:3, :3].exp()
    close(wrong.row_sums, (exp / exp.sum(1)).sum(1))
    assert not wrong.right
    assert runs.square(SCORES["vector"]) is None


@all_scores
def test_both_dims(x):
    facts, X = runs.both_dims(x), torch.atleast_2d(x)
    rows, columns = torch.softmax(X, 1), torch.softmax(X, 0)
    close(facts.rows_along_1, rows.sum(1))
    close(facts.rows_along_0, columns.sum(1))
    defined = [i for i in range(len(X)) if not (rows[i].isnan().any() or columns[i].isnan().any())]
    assert facts.rows == len(defined)
    assert facts.differ == sum(int((rows[i] != columns[i]).sum()) for i in defined)
    assert facts.moved == sum(int(rows[i].argmax() != columns[i].argmax()) for i in defined)


def test_the_dim_that_torch_guesses():
    facts = runs.guessed_dims()
    with pytest.warns(UserWarning, match="dim") as warned:
        theirs = [torch.nn.functional.softmax(torch.eye(2).expand(*[2] * rank)) for rank in (2, 3, 4)]
    assert facts.warning == str(warned[0].message)
    for guess, result in zip(facts.dims[1:], theirs, strict=True):
        close(result.sum(guess), torch.ones_like(result.sum(guess)))


@all_scores
def test_only_differences_count(x):
    row = x if x.dim() == 1 else x[0]
    facts = runs.doubled_and_shifted(row)
    close(facts.twice, torch.softmax(2 * row.double(), 0))
    assert facts.defined == torch.softmax(row.double(), 0).isfinite().all()
    assert not facts.defined or facts.moved < 1e-9
    assert not facts.defined or (facts.sharper == 0) == torch.equal(facts.plain, facts.twice)


def test_a_probability_of_0_has_a_logarithm_unless_its_score_has_none():
    facts = runs.zero_probabilities(SCORES["example"][0])
    log = torch.log_softmax(1000 * SCORES["example"][0], 0)
    assert (facts.too_small, facts.ruled_out, facts.classes) == (3, 0, 4)
    assert (facts.log_softmax, facts.log_of_softmax) == (log.min().item(), -INF)
    facts = runs.zero_probabilities(torch.tensor([0, -INF, -INF]))
    assert (facts.too_small, facts.ruled_out, facts.log_softmax) == (0, 2, 0)
    assert not runs.zero_probabilities(SCORES["masked"][1]).defined
    assert runs.zero_probabilities(torch.ones(3)).too_small == 0


@all_scores
def test_a_masked_row(x):
    facts = runs.masked(x if x.dim() == 1 else x[0])
    n = len(facts.scores)
    assert facts.all_but_one.tolist() == [1.0] + [0.0] * (n - 1)
    assert facts.all.isnan().all()
    assert facts.torch_all.isnan().all()
    close(facts.all_finite, torch.full_like(facts.scores, 1 / n))


# ---- the page's own tabs, and questions ------------------------------------------------------------------------


@all_scores
def test_two_scores_are_a_sigmoid(x):
    row = (x if x.dim() == 1 else x[0]).double()
    facts = runs.sigmoid(row)
    pair = torch.stack([row[0], row[1] if len(row) > 1 else torch.zeros_like(row[0])])
    close(torch.tensor(facts.pair), torch.softmax(pair, 0)[0].float())
    assert math.isnan(facts.pair) or facts.pair == pytest.approx(facts.one)
    close(torch.tensor(facts.total), torch.sigmoid(row).sum().float())


def test_the_curves_lie_on_each_other():
    assert runs.sigmoid_curve().difference < 1e-15


@all_scores
@pytest.mark.parametrize("magnitude", [1, 1000])
def test_the_logarithm_in_two_steps_loses_what_one_step_keeps(x, magnitude):
    z = runs.scaled(x, magnitude, 1.0)
    facts, one, two = runs.log_softmax(z, 0), torch.log_softmax(z, 0), torch.softmax(z, 0).log()
    close(facts.output, one)
    assert facts.lost == (one.isfinite() & two.isinf()).sum()
    assert facts.kept == one.isfinite().sum()
    assert facts.smallest == pytest.approx(min(one[one.isfinite()].tolist(), default=NAN), nan_ok=True, rel=1e-6)


def test_answers():
    z = (3, 1, 0)
    s = torch.softmax(torch.tensor(z, dtype=torch.float64), 0)
    before, after = runs.change(z, "all + 3", 1)
    assert before == pytest.approx(after) == s[1].item()
    before, after = runs.change(z, "all × 2", 0)
    assert before < after
    assert after == pytest.approx(torch.softmax(torch.tensor([6.0, 2, 0]), 0)[0].item())
    assert runs.times_as_probable(z, 0, 2) == pytest.approx(math.exp(3))
    assert runs.slope((0.5, 0.3, 0.2), 0, 0) == pytest.approx(0.25)
    assert runs.slope((0.5, 0.3, 0.2), 0, 1) == pytest.approx(-0.15)
    assert runs.sum_of_all((2, 3, 4), 1) == 8
