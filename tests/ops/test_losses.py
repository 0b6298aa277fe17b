import math
import warnings

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ops import binary_losses, losses
from tests.ops.like_torch import check, check_refused
from tests.ops.test_softmax import GRADIENT_TOLERANCE

INF, NAN = math.inf, math.nan
REDUCTIONS = st.sampled_from(["none", "mean", "sum"])
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5, torch.float16: 5e-3, torch.bfloat16: 4e-2}
DTYPES = st.sampled_from(list(TOLERANCE))
LONG = torch.int64


def same(manual, reference, *args, **kwargs):
    """As `check`, to a tolerance for sums whose order of addition differs.

    Gradients in half precision are left out: they are differences (σ − y) of which few digits are left.
    """
    dtype = args[0].dtype
    check(manual, reference, *detached(args), tol=TOLERANCE[dtype], **kwargs)
    if dtype in (torch.float64, torch.float32):
        check(manual, reference, *args, tol=GRADIENT_TOLERANCE[dtype], **kwargs)


def detached(args):
    return [arg.detach() if isinstance(arg, torch.Tensor) else arg for arg in args]


def generator_of(draw):
    return torch.Generator().manual_seed(draw(st.integers(0, 999)))


@st.composite
def class_problems(draw, log_probabilities=False):
    """(input, target, kwargs) for nll_loss and cross_entropy: unbatched to 5-dim, perhaps empty, weighted, ignoring."""
    generator, dtype = generator_of(draw), draw(DTYPES)
    classes = draw(st.integers(1, 5))
    spatial = draw(st.lists(st.integers(0, 3), max_size=3))
    batch = draw(st.integers(0, 4))
    unbatched = draw(st.booleans()) and not spatial
    shape = (classes,) if unbatched else (batch, classes, *spatial)
    target_shape = () if unbatched else (batch, *spatial)
    input = torch.randn(shape, generator=generator).to(dtype)
    input = input.log_softmax(0 if unbatched else 1) if log_probabilities else input
    if len(shape) == 4 and not log_probabilities and draw(st.booleans()):  # torch's nll_loss can't go back through it
        input = input.to(memory_format=torch.channels_last)
    target = torch.randint(classes, target_shape, generator=generator)
    kwargs = {"reduction": draw(REDUCTIONS)}
    if draw(st.booleans()):
        kwargs["weight"] = torch.rand(classes, generator=generator).to(dtype)
    if draw(st.booleans()):
        kwargs["ignore_index"] = draw(st.sampled_from([-100, 0, classes - 1, 99]))
        target = target.masked_fill(torch.rand(target_shape, generator=generator) < 0.3, kwargs["ignore_index"])
    return input.requires_grad_(), target, kwargs


@st.composite
def yes_or_no_problems(draw, broadcast_weight=True):
    """(input, target, kwargs) with input in 0 … 1 and a target of its shape."""
    generator, dtype = generator_of(draw), draw(DTYPES)
    shape = draw(st.lists(st.integers(0, 4), max_size=3))
    input = torch.rand(shape, generator=generator).mul(0.9).add(0.05).to(dtype).requires_grad_()
    target = torch.rand(shape, generator=generator).to(dtype).requires_grad_(draw(st.booleans()))
    kwargs = {"reduction": draw(REDUCTIONS)}
    if draw(st.booleans()):
        kept = draw(st.integers(0, len(shape))) if broadcast_weight else 0
        weight_shape = [1 if size and draw(st.booleans()) else size for size in shape[kept:]]
        kwargs["weight"] = torch.rand(weight_shape, generator=generator).to(dtype)
    return input, target, kwargs


# ---- nll_loss and cross_entropy as torch -------------------------------------------------------------------------


@given(problem=class_problems(log_probabilities=True))
@settings(max_examples=150, deadline=None)
def test_nll_loss(problem):
    input, target, kwargs = problem
    same(losses.nll_loss, F.nll_loss, input, target, **kwargs)


@given(problem=class_problems(), smoothing=st.sampled_from([0.0, 0.1, 1.0]))
@settings(max_examples=200, deadline=None)
def test_cross_entropy_of_classes(problem, smoothing):
    input, target, kwargs = problem
    if target.shape != input.shape:  # () and () can't be, (0,) and (0,) can
        same(losses.cross_entropy, F.cross_entropy, input, target, label_smoothing=smoothing, **kwargs)


@given(problem=class_problems(), smoothing=st.sampled_from([0.0, 0.1, 1.0]), learned=st.booleans())
@settings(max_examples=150, deadline=None)
def test_cross_entropy_of_probabilities(problem, smoothing, learned):
    input, _, kwargs = problem
    kwargs.pop("ignore_index", None)
    target = torch.rand(input.shape, generator=torch.Generator().manual_seed(0)).to(input.dtype)
    target.requires_grad_(learned)
    if learned and "weight" in kwargs:
        kwargs["weight"].requires_grad_()
    same(losses.cross_entropy, F.cross_entropy, input, target, label_smoothing=smoothing, **kwargs)


def test_nll_loss_goes_back_through_channels_last():
    values = torch.randn(2, 3, 4, 5).log_softmax(1).requires_grad_()
    target = torch.randint(3, (2, 4, 5))
    ours = losses.nll_loss(values.to(memory_format=torch.channels_last), target)
    (expected,) = torch.autograd.grad(F.nll_loss(values, target), values)
    torch.testing.assert_close(torch.autograd.grad(ours, values)[0], expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16], ids=str)
def test_probabilities_of_another_dtype_promote(dtype):
    check(losses.cross_entropy, F.cross_entropy, torch.randn(4, 3), torch.rand(4, 3).to(dtype), tol=1e-3)


@pytest.mark.parametrize(
    ("manual", "reference"), [(losses.nll_loss, F.nll_loss), (losses.cross_entropy, F.cross_entropy)]
)
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_edges_of_the_batch(manual, reference, reduction):
    for input, target in [
        (torch.randn(0, 3), torch.zeros(0, dtype=LONG)),
        (torch.randn(2, 3, 0, 2), torch.zeros(2, 0, 2, dtype=LONG)),
        (torch.randn(2, 3), torch.tensor([-100, -100])),
        (torch.randn(3), torch.tensor(-100)),
        (torch.randn(2, 3), torch.tensor([0, 2], dtype=torch.uint8)),
        (torch.full((2, 3), 1e4), torch.tensor([0, 2])),
        (torch.tensor([[1e4, -1e4, 0.0]]), torch.tensor([1])),
    ]:
        check(manual, reference, input.requires_grad_(), target, reduction=reduction)
    check(manual, reference, torch.randn(3), torch.tensor([1]), reduction=reduction)  # torch's own backward fails here


def test_an_ignored_target_costs_nothing_even_where_the_logit_is_infinite():
    input = torch.tensor([[0.0, -INF], [-INF, 0.0]])
    check(losses.nll_loss, F.nll_loss, input, torch.tensor([0, -100]), reduction="none")


def test_weights_of_0_leave_nothing_to_average():
    check(losses.nll_loss, F.nll_loss, torch.randn(2, 3), torch.tensor([0, 1]), weight=torch.zeros(3))


def test_one_sample_with_smoothing_and_a_target_of_shape_1():
    """torch itself fails here on an internal shape; the 0-dim target shows what the answer is."""
    input = torch.randn(3)
    expected = F.cross_entropy(input, torch.tensor(1), label_smoothing=0.1)
    torch.testing.assert_close(losses.cross_entropy(input, torch.tensor([1]), label_smoothing=0.1), expected)


@pytest.mark.parametrize("kwargs", [{}, {"label_smoothing": 0.2}, {"reduction": "none"}, {"ignore_index": 1}])
def test_cross_entropy_gradients(kwargs):
    input = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([0, 1, 3])
    weight = torch.rand(4, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: losses.cross_entropy(x, target, weight, **kwargs), input)
    assert torch.autograd.gradgradcheck(lambda x: losses.cross_entropy(x, target, weight, **kwargs), input)


def test_probability_target_gradients():
    inputs = [torch.randn(3, 4, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    assert torch.autograd.gradcheck(losses.cross_entropy, inputs)
    assert torch.autograd.gradgradcheck(losses.cross_entropy, inputs)


# ---- the binary losses as torch ----------------------------------------------------------------------------------


@given(problem=yes_or_no_problems())
@settings(max_examples=150, deadline=None)
def test_binary_cross_entropy(problem):
    input, target, kwargs = problem
    same(binary_losses.binary_cross_entropy, F.binary_cross_entropy, input, target, **kwargs)


@given(problem=yes_or_no_problems(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_binary_cross_entropy_with_logits(problem, data):
    input, target, kwargs = problem
    logits = ((input.detach() - 0.5) * data.draw(st.sampled_from([1, 20]))).requires_grad_()
    if data.draw(st.booleans()) and input.ndim:
        kwargs["pos_weight"] = torch.rand(input.shape[-1]).to(input.dtype) * 3
    same(binary_losses.binary_cross_entropy_with_logits, F.binary_cross_entropy_with_logits, logits, target, **kwargs)


@given(problem=yes_or_no_problems())
@settings(max_examples=100, deadline=None)
def test_multilabel_soft_margin_loss(problem):
    input, target, kwargs = problem
    if input.ndim:
        same(binary_losses.multilabel_soft_margin_loss, F.multilabel_soft_margin_loss, input, target, **kwargs)


def test_multilabel_arguments_broadcast():
    ours, theirs = binary_losses.multilabel_soft_margin_loss, F.multilabel_soft_margin_loss
    for target, weight in [((3,), None), ((2, 1), None), ((2, 3), (3,)), ((2, 3), (4, 2, 3))]:
        input = torch.randn(2, 3, requires_grad=True)
        given_weight = None if weight is None else torch.rand(weight, requires_grad=True)
        check(ours, theirs, input, torch.rand(target), given_weight, reduction="none")
    check(ours, theirs, torch.randn(2, 3), torch.tensor([[1, 0, 1], [0, 0, 1]]))
    check(ours, theirs, torch.empty(2, 0), torch.empty(2, 0), reduction="none")


def test_dtypes_that_meet():
    logits, target = torch.randn(4, 3), torch.rand(4, 3)
    ours, theirs = binary_losses.binary_cross_entropy_with_logits, F.binary_cross_entropy_with_logits
    check(ours, theirs, logits, target.double(), tol=1e-6)
    check(ours, theirs, logits, target.half(), tol=1e-2)
    check(ours, theirs, logits, target, torch.tensor([1, 2, 3]), pos_weight=torch.rand(3).double(), tol=1e-6)
    check(binary_losses.binary_cross_entropy, F.binary_cross_entropy, target, target, torch.rand(3).double(), tol=1e-6)


@pytest.mark.parametrize("p", [0.0, 1e-45, 1e-20, 0.5, 1 - 6e-8, 1.0])
@pytest.mark.parametrize("y", [0.0, 0.5, 1.0])
def test_logarithms_are_cut_off_at_minus_100(p, y):
    input = torch.tensor([p], requires_grad=True)
    check(binary_losses.binary_cross_entropy, F.binary_cross_entropy, input, torch.tensor([y], requires_grad=True))
    assert binary_losses.binary_cross_entropy(input, torch.tensor([y])) <= 100


@pytest.mark.parametrize("x", [1e4, -1e4, 100.0, -100.0, 0.0, INF, -INF, NAN])
@pytest.mark.parametrize("y", [0.0, 0.5, 1.0])
def test_logits_of_any_size(x, y):
    input, target = torch.tensor([x], requires_grad=True), torch.tensor([y], requires_grad=True)
    ours, theirs = binary_losses.binary_cross_entropy_with_logits, F.binary_cross_entropy_with_logits
    check(ours, theirs, input, target)
    if math.isfinite(x):
        check(ours, theirs, input, target, pos_weight=torch.tensor([3.0]))
        check(binary_losses.multilabel_soft_margin_loss, F.multilabel_soft_margin_loss, input, target)


@pytest.mark.parametrize(
    ("manual", "kwargs"),
    [
        (binary_losses.binary_cross_entropy, {"weight": torch.rand(3, dtype=torch.float64)}),
        (binary_losses.binary_cross_entropy_with_logits, {}),
        (binary_losses.binary_cross_entropy_with_logits, {"pos_weight": torch.rand(3, dtype=torch.float64)}),
        (binary_losses.multilabel_soft_margin_loss, {"reduction": "none"}),
    ],
)
def test_binary_gradients_of_first_and_second_order(manual, kwargs):
    generator = torch.Generator().manual_seed(0)
    inputs = [
        (torch.rand(4, 3, generator=generator, dtype=torch.float64) * 0.8 + 0.1).requires_grad_() for _ in range(2)
    ]
    assert torch.autograd.gradcheck(lambda x, y: manual(x, y, **kwargs), inputs)
    assert torch.autograd.gradgradcheck(lambda x, y: manual(x, y, **kwargs), inputs)


@pytest.mark.parametrize(("ours", "theirs"), [
    (losses.cross_entropy, F.cross_entropy),
    (binary_losses.binary_cross_entropy_with_logits, F.binary_cross_entropy_with_logits),
    (binary_losses.multilabel_soft_margin_loss, F.multilabel_soft_margin_loss),
])  # fmt: skip
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_losses_of_half_precision_under_autocast_have_torchs_dtype(ours, theirs, dtype):
    x = torch.rand(4, 3).to(dtype)
    with torch.autocast("cpu", torch.bfloat16):
        assert ours(x, x).dtype == theirs(x, x).dtype


# ---- the old reduction arguments ---------------------------------------------------------------------------------

EVERY_LOSS = [
    (losses.nll_loss, F.nll_loss, (torch.randn(4, 3).log_softmax(1), torch.tensor([0, 2, 1, 1]))),
    (losses.cross_entropy, F.cross_entropy, (torch.randn(4, 3), torch.tensor([0, 2, 1, 1]))),
    (binary_losses.binary_cross_entropy, F.binary_cross_entropy, (torch.rand(4, 3), torch.rand(4, 3))),
    (
        binary_losses.binary_cross_entropy_with_logits,
        F.binary_cross_entropy_with_logits,
        (torch.randn(4, 3), torch.rand(4, 3)),
    ),
    (binary_losses.multilabel_soft_margin_loss, F.multilabel_soft_margin_loss, (torch.randn(4, 3), torch.rand(4, 3))),
]
every_loss = pytest.mark.parametrize(
    ("manual", "reference", "args"), EVERY_LOSS, ids=lambda v: getattr(v, "__name__", "")
)


@every_loss
@pytest.mark.parametrize("size_average", [None, True, False])
@pytest.mark.parametrize("reduce", [None, True, False])
def test_size_average_and_reduce_overrule_reduction(manual, reference, args, size_average, reduce):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reduction = "sum" if size_average is reduce is None else "nonsense"
        same(manual, reference, *args, size_average=size_average, reduce=reduce, reduction=reduction)


@every_loss
def test_the_old_arguments_warn(manual, reference, args):
    for function in (manual, reference):
        with pytest.warns(UserWarning, match="size_average and reduce"):
            function(*args, reduce=False)


def test_the_oldest_name_of_mean():
    for manual, reference, args in EVERY_LOSS[:-1]:
        for function in (manual, reference):
            with pytest.warns(UserWarning, match="elementwise_mean"):
                function(*args, reduction="elementwise_mean")
    manual, reference, args = EVERY_LOSS[-1]
    check_refused(manual, reference, *args, reduction="elementwise_mean", naming=r"\breduction\b")


# ---- the four steps ----------------------------------------------------------------------------------------------


@given(n=st.integers(1, 6), classes=st.integers(1, 6), seed=st.integers(0, 999))
@settings(max_examples=50, deadline=None)
def test_other_ways_to_cross_entropy(n, classes, seed):
    generator = torch.Generator().manual_seed(seed)
    input = torch.randn(n, classes, generator=generator, dtype=torch.float64, requires_grad=True)
    target = torch.randint(classes, (n,), generator=generator)
    for by in (losses.cross_entropy_by_gather, losses.cross_entropy_by_one_hot, losses.cross_entropy_by_nll_loss):
        torch.testing.assert_close(by(input, target), F.cross_entropy(input, target))
        check(by, F.cross_entropy, input, target, tol=1e-12)


@given(n=st.integers(1, 6), classes=st.integers(1, 6), seed=st.integers(0, 999))
@settings(max_examples=50, deadline=None)
def test_gradient_is_softmax_minus_one_hot(n, classes, seed):
    generator = torch.Generator().manual_seed(seed)
    input = torch.randn(n, classes, generator=generator, dtype=torch.float64, requires_grad=True)
    target = torch.randint(classes, (n,), generator=generator)
    (expected,) = torch.autograd.grad(F.cross_entropy(input, target), input)
    torch.testing.assert_close(losses.cross_entropy_gradient(input, target), expected)


def test_binary_cross_entropy_is_the_two_class_cross_entropy():
    x = torch.randn(20, dtype=torch.float64)
    y = torch.randint(2, (20,))
    pairs = torch.stack([torch.zeros_like(x), x], dim=1)
    two_class = losses.cross_entropy(pairs, y)
    torch.testing.assert_close(binary_losses.binary_cross_entropy_with_logits(x, y.double()), two_class)
    torch.testing.assert_close(binary_losses.binary_cross_entropy(x.sigmoid(), y.double()), two_class)


# ---- what the tutorial says, and what is so ----------------------------------------------------------------------


def test_ce_loss_forgets_the_mean_and_returns_a_column():
    logits, y = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])
    column = losses.ce_loss(logits.softmax(1), y)
    assert column.shape == (5, 1)
    torch.testing.assert_close(column.mean(), F.cross_entropy(logits, y))
    with pytest.raises(RuntimeError, match="scalar"):
        losses.ce_loss(logits.requires_grad_().softmax(1), y).backward()


def test_ce_loss_takes_probabilities_and_cross_entropy_takes_logits():
    """Softmax twice: the loss can't fall below log(1 + (C − 1)/e), and the gradient of a sure prediction fades."""
    logits, y = torch.tensor([[20.0, 0.0, 0.0]], requires_grad=True), torch.tensor([0])
    assert losses.cross_entropy(logits, y) < 1e-6
    assert losses.cross_entropy(logits.softmax(1), y).item() == pytest.approx(math.log(1 + 2 / math.e), rel=1e-5)
    wrong = torch.tensor([1])
    (once,) = torch.autograd.grad(losses.cross_entropy(logits, wrong), logits)
    (twice,) = torch.autograd.grad(losses.cross_entropy(logits.softmax(1), wrong), logits)
    assert once.abs().max() > 0.99
    assert twice.abs().max() < 1e-6


def test_ce_loss_of_a_probability_that_underflowed_is_infinite_with_a_nan_gradient():
    logits, y = torch.tensor([[0.0, 200.0]], requires_grad=True), torch.tensor([0])
    textbook = losses.ce_loss(logits.softmax(1), y).mean()
    assert textbook == INF
    assert torch.autograd.grad(textbook, logits)[0].isnan().any()
    manual = losses.cross_entropy(logits, y)
    assert manual == 200
    assert torch.autograd.grad(manual, logits)[0].tolist() == [[-1, 1]]


def test_nll_loss_has_no_log_inside():
    """Step 4 has only the choice, the minus and the mean: it takes log probabilities."""
    logits, y = torch.randn(5, 3), torch.tensor([0, 1, 2, 0, 1])
    torch.testing.assert_close(losses.nll_loss(logits.log_softmax(1), y), F.cross_entropy(logits, y))
    assert losses.nll_loss(logits.softmax(1), y) < 0
    torch.testing.assert_close(losses.nll_loss_textbook(logits, y), F.nll_loss(logits, y))


def test_binary_textbook_and_its_limits():
    p, y = torch.rand(20, requires_grad=True), torch.randint(2, (20,)).float()
    check(binary_losses.binary_cross_entropy_textbook, F.binary_cross_entropy, p, y, tol=1e-5)
    sure = torch.tensor([1.0])
    assert binary_losses.binary_cross_entropy_textbook(sure, sure).isnan()
    assert binary_losses.binary_cross_entropy(sure, sure) == 0


def second_derivative(loss, at):
    """vᵀ·H·v for each of many directions v."""
    hessian = torch.autograd.functional.hessian(loss, at)
    directions = torch.randn(50, at.numel(), dtype=at.dtype, generator=torch.Generator().manual_seed(0))
    return ((directions @ hessian) * directions).sum(1)


def test_cross_entropy_is_convex_in_the_logits_but_not_in_the_weights_before_them():
    """The tutorial: "convex, has a global optimum": of the logits, yes; of a network's weights, no."""
    y = torch.tensor([1])
    for seed in range(5):
        logits = torch.randn(4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        assert (second_derivative(lambda x: losses.cross_entropy(x.view(1, 4), y), logits) >= -1e-12).all()

    def two_layers(w):  # the logits are (w₀·w₁, 0): a product of two weights
        return losses.cross_entropy(torch.stack([w[0] * w[1], w[0] * 0]).view(1, 2), torch.tensor([0]))

    assert (second_derivative(two_layers, torch.tensor([0.1, 0.1], dtype=torch.float64)) < 0).any()


def test_convex_does_not_mean_that_the_optimum_is_reached():
    """Separable data: the loss falls for ever as the logits grow."""
    y = torch.tensor([0])
    values = [losses.cross_entropy(torch.tensor([[s, 0.0]], dtype=torch.float64), y) for s in (1, 5, 25, 125)]
    assert values == sorted(values, reverse=True)
    assert all(value > 0 for value in values[:3])


def test_several_labels_at_once_need_sigmoids():
    """Softmax shares one 1 among the labels: two true labels can't both be sure."""
    logits, target = torch.tensor([[20.0, 20.0, -20.0]]), torch.tensor([[1.0, 1.0, 0.0]])
    assert binary_losses.multilabel_soft_margin_loss(logits, target) < 1e-6
    assert logits.softmax(1).max() <= 0.5


# ---- refusals ----------------------------------------------------------------------------------------------------

ONE_OF_C = [(losses.nll_loss, F.nll_loss), (losses.cross_entropy, F.cross_entropy)]
BINARY = [
    (binary_losses.binary_cross_entropy, F.binary_cross_entropy),
    (binary_losses.binary_cross_entropy_with_logits, F.binary_cross_entropy_with_logits),
]
y2 = torch.tensor([0, 2])


@pytest.mark.parametrize(("manual", "reference"), ONE_OF_C, ids=["nll_loss", "cross_entropy"])
@pytest.mark.parametrize(
    ("input", "target", "kwargs", "naming"),
    [
        (torch.rand(2, 3), torch.tensor([0, 5]), {}, "target"),
        (torch.rand(2, 3), torch.tensor([0, -1]), {}, "target"),
        (torch.rand(2, 3), torch.tensor([0, 5]), {"reduction": "none"}, "target"),
        (torch.rand(2, 3, 2, 2), torch.full((2, 2, 2), 7), {}, "target"),
        (torch.rand(2, 3, 2), torch.full((2, 2), 7), {}, "target"),
        (torch.rand(3), torch.tensor(7), {}, "target"),
        (torch.rand(2, 0), torch.tensor([0, 0]), {}, "target"),
        (torch.rand(2, 3), torch.tensor([0, 1, 2]), {}, "target"),
        (torch.rand(3), torch.tensor([1, 2]), {}, "target"),
        (torch.rand(2, 3), torch.tensor(1), {}, "target"),
        (torch.rand(1, 3), torch.tensor(1), {}, "target"),
        (torch.rand(2, 3), torch.zeros(2, 2, dtype=LONG), {}, "target"),
        (torch.rand(2, 3), torch.zeros(2, 1, dtype=LONG), {}, "target"),
        (torch.rand(2, 3, 2, 2), torch.zeros(2, 2, 3, dtype=LONG), {}, "target"),
        (torch.rand(2, 3, 2, 2), torch.zeros(2, 2, dtype=LONG), {}, "target"),
        (torch.rand(2, 3, 4), torch.zeros(2, 5, dtype=LONG), {}, "target"),
        (torch.rand(2, 3, 4), torch.zeros(3, 4, dtype=LONG), {}, "target"),
        (torch.rand(2, 3, 4, 2, 2), torch.zeros(2, 4, 2, 3, dtype=LONG), {}, "target"),
        (torch.rand(2, 3), y2.int(), {}, "target"),
        (torch.rand(2, 3), y2.float(), {}, "target"),
        (torch.rand(2, 3), y2.bool(), {}, "target"),
        (torch.rand(2, 3, 1), y2.view(2, 1).to(torch.uint8), {}, "target"),
        (torch.rand(2, 3), [0, 1], {}, "target"),
        ([[0.0, 1.0]], torch.tensor([0]), {}, "input"),
        (torch.zeros(2, 3, dtype=LONG), y2, {}, "input"),
        (torch.zeros(2, 3, dtype=torch.complex64), y2, {}, "input"),
        (torch.rand(2, 3), y2, {"weight": torch.rand(2)}, "weight"),
        (torch.rand(2, 3), y2, {"weight": torch.rand(1, 3)}, "weight"),
        (torch.rand(2, 3), y2, {"weight": torch.tensor(1.0)}, "weight"),
        (torch.rand(2, 3), y2, {"weight": torch.rand(3).double()}, "weight"),
        (torch.rand(2, 3), y2, {"weight": torch.ones(3, dtype=LONG)}, "weight"),
        (torch.rand(2, 3), y2, {"weight": torch.rand(3, requires_grad=True)}, "weight"),
        (torch.rand(2, 3), y2, {"weight": [1, 1, 1]}, "weight"),
        (torch.rand(2, 3), y2, {"reduction": "bad"}, "reduction"),
        (torch.rand(2, 3), y2, {"reduction": None}, "reduction"),
        (torch.rand(2, 3), y2, {"ignore_index": "a"}, "ignore_index"),
        (torch.rand(2, 3), y2, {"ignore_index": 1.0}, "ignore_index"),
    ],
)
def test_class_refusals(manual, reference, input, target, kwargs, naming):
    check_refused(manual, reference, input, target, **kwargs, naming=rf"\b{naming}\b")


def test_nll_loss_refuses_a_tensor_without_dimensions():
    check_refused(losses.nll_loss, F.nll_loss, torch.tensor(1.0), torch.tensor(0), naming=r"\binput\b")


@pytest.mark.parametrize(
    ("input", "target", "kwargs", "naming"),
    [
        (torch.rand(2, 3), y2, {"label_smoothing": 1.1}, "label_smoothing"),
        (torch.rand(2, 3), y2, {"label_smoothing": "a"}, "label_smoothing"),
        (torch.rand(2, 3), y2, {"label_smoothing": None}, "label_smoothing"),
        (torch.rand(2, 3), torch.rand(2, 3), {"ignore_index": 1}, "ignore_index"),
        (torch.rand(2, 3), torch.zeros(2, 3, dtype=LONG), {}, "target"),
        (torch.rand(2, 3), torch.zeros(2, 3, dtype=torch.complex64), {}, "target"),
        (torch.rand(2, 3), torch.rand(2, 4), {}, "target"),
        (torch.rand(2, 3), torch.rand(2), {}, "target"),
        (torch.rand(2, 3), torch.rand(2, 3), {"weight": torch.rand(2)}, "weight"),
        (torch.tensor(1.0), torch.tensor(1.0), {}, "input"),
    ],
)
def test_cross_entropy_refusals(input, target, kwargs, naming):
    check_refused(losses.cross_entropy, F.cross_entropy, input, target, **kwargs, naming=rf"\b{naming}\b")


@pytest.mark.parametrize(("manual", "reference"), BINARY, ids=["probabilities", "logits"])
@pytest.mark.parametrize(
    ("input", "target", "kwargs", "naming"),
    [
        (torch.rand(2, 3), torch.rand(3), {}, "target"),
        (torch.rand(2, 3), torch.rand(2, 1), {}, "target"),
        (torch.rand(2, 3), torch.ones(2, 3, dtype=LONG), {}, "target"),
        (torch.rand(2, 3), torch.ones(2, 3, dtype=torch.bool), {}, "target"),
        (torch.rand(2, 3), torch.rand(2, 3), {"weight": torch.rand(4)}, "weight"),
        (torch.rand(2, 3), torch.rand(2, 3), {"weight": torch.rand(4, 2, 3)}, "weight"),
        (torch.rand(2, 3), torch.rand(2, 3), {"weight": torch.rand(3, requires_grad=True)}, "weight"),
        (torch.rand(2, 3), torch.rand(2, 3), {"reduction": "bad"}, "reduction"),
        (torch.rand(2, 3), torch.rand(2, 3), {"reduction": None}, "reduction"),
    ],
)
def test_binary_refusals(manual, reference, input, target, kwargs, naming):
    check_refused(manual, reference, input, target, **kwargs, naming=rf"\b{naming}\b")


@pytest.mark.parametrize(
    ("input", "target", "naming"),
    [
        (torch.tensor([1.1]), torch.tensor([1.0]), "input"),
        (torch.tensor([-0.1]), torch.tensor([1.0]), "input"),
        (torch.tensor([NAN]), torch.tensor([1.0]), "input"),
        (torch.tensor([0.5]), torch.tensor([1.1]), "target"),
        (torch.tensor([0.5]), torch.tensor([-0.1]), "target"),
        (torch.tensor([0.5]), torch.tensor([NAN]), "target"),
        (torch.tensor([0.5]), torch.tensor([1.0]).double(), "target"),
        (torch.tensor([1]), torch.tensor([1]), "input"),
        (torch.tensor([1 + 0j]), torch.tensor([1 + 0j]), "input"),
    ],
)
def test_probability_refusals(input, target, naming):
    check_refused(binary_losses.binary_cross_entropy, F.binary_cross_entropy, input, target, naming=rf"\b{naming}\b")


@pytest.mark.parametrize(
    ("input", "target", "kwargs", "naming"),
    [
        (torch.ones(2, 3, dtype=LONG), torch.rand(2, 3), {}, "input"),
        (torch.rand(2, 3), torch.rand(2, 3), {"pos_weight": torch.rand(4)}, "pos_weight"),
        (torch.rand(2, 3), torch.rand(2, 3), {"pos_weight": torch.rand(1, 2, 3)}, "pos_weight"),
        (torch.rand(2, 3), torch.rand(2, 3), {"pos_weight": torch.rand(3, requires_grad=True)}, "pos_weight"),
        (torch.rand(2, 3), torch.rand(2, 3), {"pos_weight": [1.0]}, "pos_weight"),
        (torch.rand(2, 3), torch.rand(2, 3), {"weight": [1.0]}, "weight"),
    ],
)
def test_logits_refusals(input, target, kwargs, naming):
    ours, theirs = BINARY[1]
    check_refused(ours, theirs, input, target, **kwargs, naming=rf"\b{naming}\b")


@pytest.mark.parametrize(
    ("input", "target", "kwargs", "naming"),
    [
        (torch.tensor(1.0), torch.tensor(1.0), {}, "input"),
        ([1.0], torch.tensor([1.0]), {}, "input"),
        (torch.ones(2, 3, dtype=LONG), torch.rand(2, 3), {}, "input"),
        (torch.rand(2, 3), None, {}, "target"),
        (torch.rand(2, 3), torch.ones(2, 3, dtype=torch.bool), {}, "target"),
        (torch.rand(2, 3), torch.rand(2, 4), {}, "target"),
        (torch.rand(2, 3), torch.rand(2, 3), {"weight": torch.rand(4)}, "weight"),
        (torch.rand(2, 3), torch.rand(2, 3), {"weight": [1.0]}, "weight"),
        (torch.rand(2, 3), torch.rand(2, 3), {"reduction": "bad"}, "reduction"),
    ],
)
def test_multilabel_refusals(input, target, kwargs, naming):
    ours, theirs = binary_losses.multilabel_soft_margin_loss, F.multilabel_soft_margin_loss
    check_refused(ours, theirs, input, target, **kwargs, naming=rf"\b{naming}\b")
