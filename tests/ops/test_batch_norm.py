import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ops.batch_norm import (
    batch_norm,
    batch_norm_steps,
    batch_norm_textbook,
    cumulative_momentum,
    group_norm,
    group_norm_steps,
    instance_norm,
    instance_norm_steps,
    layer_norm,
    layer_norm_steps,
    normalization_groups,
    statistics,
)
from tests.ops.like_torch import check, check_refused, fresh

FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
shapes = st.lists(st.integers(1, 4), min_size=2, max_size=5).filter(
    lambda s: s[0] * math.prod(s[2:]) > 2 and math.prod(s[2:]) != 2
)


def drawn(shape, dtype=torch.float64, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def laid_out(x, layout):
    if layout == "channels_last" and x.ndim == 4:
        return x.to(memory_format=torch.channels_last)
    return x.transpose(0, -1).contiguous().transpose(0, -1) if layout == "transposed" else x


def close_enough(dtype):
    """Relative to 1 or the largest gradient or output: one that cancels to almost nothing is rounding in both."""
    return {torch.float64: 1e-11, torch.float32: 2e-5, torch.float16: 8e-3, torch.bfloat16: 6e-2}[dtype]


def check_norm(manual, reference, *args, dtype, **kwargs):
    """Like `check`, with one scale for all outputs and gradients and the statistics compared too.

    The reference works on a contiguous copy: on the CPU torch 2.13 takes some strides for channels_last in batch
    norm's backward and puts gradients in the wrong places (shape (1, 2, 1, 3) with strides (1, 1, 1, 2), in eval).
    """

    def on_a_copy(input, *args, **kwargs):
        return reference(input.contiguous(), *args, **kwargs)

    results = []
    for function in (manual, on_a_copy):
        own_args, own_kwargs = fresh(list(args)), fresh(kwargs)
        leaves = [t for t in (*own_args, *own_kwargs.values()) if isinstance(t, torch.Tensor) and t.requires_grad]
        output = function(*own_args, **own_kwargs)
        weights = drawn(output.shape, output.dtype, seed=9)
        gradients = torch.autograd.grad(output, leaves, weights) if leaves else ()
        others = [t for t in (*own_args, *own_kwargs.values()) if isinstance(t, torch.Tensor) and not t.requires_grad]
        results.append([output, *gradients, *others])
    scale = max([1.0, *(t.detach().abs().max().item() for t in results[1] if t.numel())])
    limit = close_enough(dtype)
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=limit, atol=limit * scale)


options = {"momentum": st.sampled_from([0.1, 0.0, 1.0, -0.5]), "eps": st.sampled_from([1e-5, 0.5])}
layouts = st.sampled_from(["contiguous", "channels_last", "transposed"])
parameters = st.tuples(st.booleans(), st.booleans(), st.booleans())


def channel_arguments(shape, dtype, given, mixed, seed):
    """running_mean, running_var, weight, bias: float32 beside half precision input where `mixed`."""
    dtype = torch.float32 if mixed and dtype in (torch.float16, torch.bfloat16) else dtype
    running, weight, bias = given
    mean, var = drawn((shape[1],), dtype, seed + 1), drawn((shape[1],), dtype, seed + 2).abs() + 0.5
    return (
        *((mean, var) if running else (None, None)),
        drawn((shape[1],), dtype, seed + 3).requires_grad_() if weight else None,
        drawn((shape[1],), dtype, seed + 4).requires_grad_() if bias else None,
    )


@settings(max_examples=150, deadline=None)
@given(shapes, st.sampled_from(FLOATS), layouts, parameters, st.booleans(), st.booleans(), st.integers(0, 99),
       options["momentum"], options["eps"])  # fmt: skip
def test_batch_norm_like_torch(shape, dtype, layout, given, mixed, training, seed, momentum, eps):
    x = laid_out(drawn(shape, dtype, seed), layout).requires_grad_()
    arguments = channel_arguments(shape, dtype, (given[0] or not training, *given[1:]), mixed, seed)
    check_norm(batch_norm, F.batch_norm, x, *arguments, training=training, momentum=momentum, eps=eps, dtype=dtype)


@settings(max_examples=100, deadline=None)
@given(shapes.filter(lambda s: math.prod(s[2:]) > 1), st.sampled_from(FLOATS), layouts, parameters, st.booleans(),
       st.booleans(), st.integers(0, 99), options["momentum"], options["eps"])  # fmt: skip
def test_instance_norm_like_torch(shape, dtype, layout, given, mixed, own, seed, momentum, eps):
    x = laid_out(drawn(shape, dtype, seed), layout).requires_grad_()
    mixed = mixed and given[1]  # torch's instance norm judges the dtype of a mixture by the weight alone
    arguments = channel_arguments(shape, dtype, (given[0] or not own, *given[1:]), mixed, seed)
    check_norm(
        instance_norm, F.instance_norm, x, *arguments, use_input_stats=own, momentum=momentum, eps=eps, dtype=dtype
    )


@settings(max_examples=100, deadline=None)
@given(shapes, st.integers(1, 3), st.sampled_from(FLOATS), layouts, parameters, st.booleans(), st.integers(0, 99))
def test_group_norm_like_torch(shape, groups, dtype, layout, given, mixed, seed):
    shape = [shape[0], shape[1] * groups, *shape[2:]]
    x = laid_out(drawn(shape, dtype, seed), layout).requires_grad_()
    given = (False, given[1], given[1] and given[2])  # torch's own backward breaks down on a bias without a weight
    _, _, weight, bias = channel_arguments(shape, dtype, given, mixed, seed)
    check_norm(group_norm, F.group_norm, x, groups, weight, bias, 0.1, dtype=dtype)


@settings(max_examples=100, deadline=None)
@given(shapes, st.integers(1, 5), st.sampled_from(FLOATS), layouts, parameters, st.booleans(), st.integers(0, 99))
def test_layer_norm_like_torch(shape, last, dtype, layout, given, mixed, seed):
    x = laid_out(drawn(shape, dtype, seed), layout).requires_grad_()
    normalized = shape[-last:]
    wide = torch.float32 if mixed and given[1] and dtype in (torch.float16, torch.bfloat16) else dtype
    weight = drawn(normalized, wide, seed + 1).requires_grad_() if given[1] else None
    bias = drawn(normalized, wide, seed + 2).requires_grad_() if given[2] else None
    check_norm(layer_norm, F.layer_norm, x, normalized, weight, bias, 0.1, dtype=dtype)


def test_a_bias_without_a_weight():
    """Where torch's group norm breaks down in the backward, and its layer norm on mixed dtypes."""
    x, bias = drawn((3, 4, 2)).requires_grad_(), drawn((4,), seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, b: group_norm(x, 2, None, b), (x, bias))
    half = drawn((3, 4), torch.bfloat16)
    expected = layer_norm(half, (4,), torch.ones(4), bias.float())
    assert layer_norm(half, (4,), None, bias.float()).equal(expected)


def test_derivatives():
    x = drawn((3, 4, 2, 2)).requires_grad_()
    w, b = (drawn((4,), seed=seed).requires_grad_() for seed in (1, 2))
    mean, var = drawn((4,)), torch.ones(4, dtype=torch.float64)
    calls = [
        lambda x, w, b: batch_norm(x, None, None, w, b, True),
        lambda x, w, b: batch_norm(x, mean, var, w, b),
        lambda x, w, b: instance_norm(x, None, None, w, b),
        lambda x, w, b: group_norm(x, 2, w, b),
        lambda x, w, b: layer_norm(x.movedim(1, -1), (4,), w, b),
    ]
    for call in calls:
        assert torch.autograd.gradcheck(call, (x, w, b), fast_mode=True)
        assert torch.autograd.gradgradcheck(call, (x, w, b), fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda x: batch_norm(x, None, None, None, None, True), x, fast_mode=True)


@pytest.mark.parametrize("shape", [(0, 3), (2, 3, 0), (2, 0), (2, 0, 4)])
def test_empty_batches_leave_the_statistics(shape):
    for function in (batch_norm, F.batch_norm):
        mean, var = torch.full((shape[1],), 2.0), torch.full((shape[1],), 3.0)
        output = function(torch.empty(shape), mean, var, None, None, True)
        assert output.shape == shape
        assert mean.eq(2).all()
        assert var.eq(3).all()


def test_empty_for_the_others():
    check(layer_norm, F.layer_norm, torch.empty(2, 0), (0,))
    check(layer_norm, F.layer_norm, torch.empty(0, 2), (2,))
    for shape in ((0, 4), (2, 4, 0), (2, 0, 3)):
        check(group_norm, F.group_norm, torch.empty(shape), 2)
    for shape in ((0, 3, 4), (2, 3, 0), (2, 0, 4)):
        check(instance_norm, F.instance_norm, torch.empty(shape))
    x = torch.empty(0, 3, requires_grad=True)
    weight = torch.ones(3, requires_grad=True)
    check(batch_norm, F.batch_norm, x, torch.zeros(3), torch.ones(3), weight, None, True)


def test_far_from_zero_the_variance_survives():
    x = drawn((64, 3), torch.float32) + 1e4
    check_norm(batch_norm, F.batch_norm, x, None, None, None, None, True, dtype=torch.bfloat16)
    expected = F.batch_norm(x.double(), None, None, None, None, True)
    torch.testing.assert_close(batch_norm(x, None, None, None, None, True).double(), expected, atol=2e-3, rtol=0)


def test_cumulative_momentum_averages_the_batches():
    ours = torch.nn.BatchNorm1d(3, momentum=None, dtype=torch.float64)
    mean, var = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    batches = [drawn((5, 3), seed=seed) for seed in range(4)]
    for seen, x in enumerate(batches, start=1):
        torch.testing.assert_close(batch_norm(x, mean, var, training=True, momentum=cumulative_momentum(seen)), ours(x))
    torch.testing.assert_close(mean, ours.running_mean)
    torch.testing.assert_close(var, ours.running_var)
    torch.testing.assert_close(mean, torch.stack(batches).mean((0, 1)))
    with pytest.raises(ValueError, match="num_batches_tracked"):
        cumulative_momentum(0)


# ---- the steps, and which numbers share a mean -----------------------------------------------------------------


def test_the_output_is_the_last_step():
    x = drawn((4, 6, 3, 2))
    w, b = drawn((6,), seed=1), drawn((6,), seed=2)
    wide = (w[:, None, None], b[:, None, None])
    runs = [
        (batch_norm_steps(x, None, None, w, b, True), batch_norm(x, None, None, w, b, True), wide),
        (batch_norm_steps(x, b, w.abs(), w, b), batch_norm(x, b, w.abs(), w, b), wide),
        (instance_norm_steps(x, None, None, w, b), instance_norm(x, None, None, w, b), wide),
        (group_norm_steps(x, 3, w, b), group_norm(x, 3, w, b), wide),
        (layer_norm_steps(x, (3, 2), x[0, 0], x[0, 1]), layer_norm(x, (3, 2), x[0, 0], x[0, 1]), (x[0, 0], x[0, 1])),
    ]
    for steps, output, (weight, bias) in runs:
        assert steps.output.equal(output)
        torch.testing.assert_close(steps.standardized * weight + bias, output)
    steps = runs[0][0]
    torch.testing.assert_close((steps.mean, steps.var), statistics(x, (0, 2, 3)))
    torch.testing.assert_close(steps.standardized, (x - steps.mean) / (steps.var + 1e-5).sqrt())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=3, max_size=5), st.integers(1, 3))
def test_groups_are_the_numbers_that_share_a_mean(shape, groups):
    """Take each group's mean and variance by its numbering, and get the normalisation of that kind."""
    shape = [shape[0], shape[1] * groups, 2, *shape[2:]]
    x = drawn(shape)
    outputs = {
        "batch": batch_norm(x, None, None, training=True),
        "layer": layer_norm(x, shape[1:]),
        "instance": instance_norm(x),
        "group": group_norm(x, groups),
    }
    for kind, output in outputs.items():
        ids = normalization_groups(kind, shape, groups)
        assert ids.shape == torch.Size(shape)
        assert ids.dtype == torch.int64
        assert ids.unique().tolist() == list(range(int(ids.max()) + 1))
        for group in ids.unique():
            inside = x[ids == group]
            expected = (inside - inside.mean()) / (inside.var(correction=0) + 1e-5).sqrt()
            torch.testing.assert_close(output[ids == group], expected)


def test_group_norm_lies_between_layer_and_instance_norm():
    shape = (2, 6, 3)
    assert normalization_groups("group", shape, 1).equal(normalization_groups("layer", shape))
    assert normalization_groups("group", shape, 6).equal(normalization_groups("instance", shape))


@pytest.mark.parametrize(
    ("args", "naming"), [(("rms", (2, 3)), "kind"), (("batch", (2,)), "shape"), (("group", (2, 3), 2), "num_groups")]
)
def test_groups_refuse(args, naming):
    with pytest.raises(ValueError, match=rf"\b{naming}\b"):
        normalization_groups(*args)


# ---- refusals --------------------------------------------------------------------------------------------------

ONE, THREE, X = torch.ones, torch.ones(3), torch.arange(6.0).reshape(2, 3)
STATS = (torch.zeros(3), torch.ones(3))


@pytest.mark.parametrize(
    ("args", "kwargs", "naming"),
    [
        ((X, torch.zeros(4), ONE(4)), {}, "running_mean"),
        ((X, torch.zeros(3), ONE(2)), {}, "running_var"),
        ((X, torch.zeros(1, 3), ONE(1, 3)), {}, "running_mean"),
        ((X, *STATS), {"weight": ONE(2)}, "weight"),
        ((X, *STATS), {"bias": ONE(2)}, "bias"),
        ((X, None, None), {}, "running_mean"),
        ((X, torch.zeros(3), None), {}, "running_var"),
        ((X, torch.zeros(3), None), {"training": True}, "running_var"),
        ((X, None, ONE(3)), {"training": True}, "running_mean"),
        ((X, *STATS), {"training": True, "eps": 0.0}, "eps"),
        ((X, *STATS), {"eps": -1.0}, "eps"),
        ((X, *STATS), {"eps": "a"}, "eps"),
        ((X[:1], *STATS), {"training": True}, "input"),
        ((ONE(1, 3, 1, 1), *STATS), {"training": True}, "input"),
        ((torch.tensor(1.0), *STATS), {"training": True}, "input"),
        ((X[0], *STATS), {}, "running_mean"),
        ((X, *STATS), {"training": True, "momentum": None}, "momentum"),
        ((X.long(), None, None), {"training": True}, "input"),
        ((X.to(torch.complex64), None, None), {"training": True}, "input"),
        ((X, *STATS), {"weight": ONE(3).double()}, "weight"),
        ((X.double(), *STATS), {}, "running_mean"),
        ((X.half(), None, None, ONE(3).bfloat16()), {"training": True}, "weight"),
        ((X, torch.zeros(3, requires_grad=True), ONE(3)), {"training": True}, "running_mean"),
    ],
)
def test_batch_norm_refusals(args, kwargs, naming):
    check_refused(batch_norm, F.batch_norm, *args, naming=rf"\b{naming}\b", **kwargs)


@pytest.mark.parametrize(
    ("args", "naming"),
    [
        ((X, (2,)), "input"), ((X, (4, 2, 3)), "input"), ((X, (3,), ONE(2)), "weight"),
        ((X, (3,), None, ONE(2)), "bias"),
        ((X, (3,), ONE(1, 3)), "weight"), ((X, ()), "normalized_shape"), ((X, 3), "normalized_shape"),
        ((X, "a"), "normalized_shape"), ((X.long(), (3,)), "input"), ((X, (3,), ONE(3).double()), "weight"),
    ],
)  # fmt: skip
def test_layer_norm_refusals(args, naming):
    check_refused(layer_norm, F.layer_norm, *args, naming=rf"\b{naming}\b")


@pytest.mark.parametrize(
    ("args", "naming"),
    [
        ((ONE(3), 1), "input"), ((X, 2), "num_groups"), ((X, 0), "num_groups"), ((X, -1), "num_groups"),
        ((ONE(2, 4), 2.0), "num_groups"), ((ONE(2, 4), 2, ONE(2)), "weight"), ((ONE(2, 4), 2, None, ONE(2)), "bias"),
        ((ONE(2, 4), 2, ONE(4, 1)), "weight"), ((ONE(1, 2), 2), "input"), ((ONE(2, 4).long(), 2), "input"),
        ((ONE(2, 4, 3), 8), "num_groups"),
    ],
)  # fmt: skip
def test_group_norm_refusals(args, naming):
    check_refused(group_norm, F.group_norm, *args, naming=rf"\b{naming}\b")


IMAGES = ONE(2, 3, 4)


@pytest.mark.parametrize(
    ("args", "kwargs", "naming"),
    [
        ((X,), {}, "input"), ((X[0],), {}, "input"), ((ONE(2, 3, 1),), {}, "input"),
        ((IMAGES,), {"use_input_stats": False}, "running_mean"), ((IMAGES, torch.zeros(3), None), {}, "running_var"),
        ((IMAGES, torch.zeros(2), ONE(2)), {}, "running_mean"), ((IMAGES,), {"weight": ONE(2)}, "weight"),
        ((IMAGES,), {"bias": ONE(2)}, "bias"), ((IMAGES, *STATS), {"momentum": None}, "momentum"),
        ((IMAGES.long(),), {}, "input"), ((IMAGES,), {"weight": ONE(3).double()}, "weight"),
    ],
)  # fmt: skip
def test_instance_norm_refusals(args, kwargs, naming):
    check_refused(instance_norm, F.instance_norm, *args, naming=rf"\b{naming}\b", **kwargs)


def test_a_constant_instance_without_eps_is_nan_where_torch_gives_zero():
    x = torch.ones(1, 1, 4)
    assert instance_norm(x, eps=0.0).isnan().all()
    assert F.instance_norm(x, eps=0.0).eq(0).all()


# ---- the textbook form, and where it differs from torch --------------------------------------------------------


def textbook(x, momentum, training=True):
    """Output and new statistics of the textbook form, started at 0 and 1."""
    ones = torch.ones([1, x.shape[1], *[1] * (x.ndim - 2)], dtype=x.dtype)
    return batch_norm_textbook(training, x, ones, 0 * ones, 0 * ones, ones, 1e-5, momentum)


@pytest.mark.parametrize("shape", [(8, 3), (4, 3, 5, 2)])
@pytest.mark.parametrize("training", [True, False])
def test_textbook_output_is_torchs(shape, training):
    x = drawn(shape)
    expected = F.batch_norm(x, torch.zeros(3).double(), torch.ones(3).double(), training=training)
    torch.testing.assert_close(textbook(x, 0.9, training)[0], expected)


def test_textbook_momentum_is_one_minus_torchs():
    x = drawn((8, 3)) + 5
    mean = torch.zeros(3, dtype=torch.float64)
    batch_norm(x, mean, torch.ones_like(mean), training=True, momentum=0.1)
    torch.testing.assert_close(textbook(x, 0.9)[1].flatten(), mean)
    assert not torch.allclose(textbook(x, 0.1)[1].flatten(), mean)


def test_textbook_stores_the_biased_variance():
    x = drawn((8, 3))
    var = torch.ones(3, dtype=torch.float64)
    batch_norm(x, torch.zeros_like(var), var, training=True, momentum=1.0)
    torch.testing.assert_close(textbook(x, 0.0)[2].flatten(), x.var(0, correction=0))
    torch.testing.assert_close(var, x.var(0, correction=1))


def test_textbook_shape_is_batch_first_whatever_its_comment_says():
    x = drawn((4, 3, 5, 2))
    assert textbook(x, 0.9)[1].flatten().shape == (3,)  # one mean for each of dimension 1, not of dimension 0
    torch.testing.assert_close(textbook(x, 0.0)[1].flatten(), x.mean((0, 2, 3)))


def test_textbook_other_limits():
    with pytest.raises(AssertionError):
        textbook(drawn((4, 3, 5)), 0.9)
    assert textbook(drawn((1, 3)), 0.9)[0].eq(0).all()
    mean = torch.zeros(1, 3)
    batch_norm_textbook(True, torch.ones(2, 3), mean + 1, mean, mean, mean + 1, 1e-5, 0.9)
    assert mean.eq(0).all()  # returned, not updated in place
