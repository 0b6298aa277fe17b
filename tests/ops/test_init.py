"""Initialisation against torch.nn.init: the same numbers from the same seed, and the distributions as promised."""

import inspect
import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ops import init
from tests.ops.like_torch import check_refused

theirs = torch.nn.init
NAMES = [
    *("normal_", "uniform_", "constant_", "trunc_normal_", "xavier_uniform_", "xavier_normal_"),
    *("kaiming_uniform_", "kaiming_normal_", "orthogonal_", "calculate_gain"),
]
MATRIX_NAMES = [n for n in NAMES if n.startswith(("xavier", "kaiming", "orthogonal"))]
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
# torch.std and the like of n normal draws are off by about this share
SAMPLES = 200_000
OFF = 5 / math.sqrt(2 * SAMPLES)


def same_draw(name, tensor, *args, tol=0.0, **kwargs):
    """Both fill a tensor from generators of one seed: the numbers agree, and what the generator gives next."""
    ours, reference = tensor.clone(memory_format=torch.preserve_format), tensor.clone()
    generators = [torch.Generator().manual_seed(7) for _ in range(2)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = getattr(init, name)(ours, *args, generator=generators[0], **kwargs)
        getattr(theirs, name)(reference, *args, generator=generators[1], **kwargs)
    assert result is ours
    torch.testing.assert_close(ours, reference, rtol=tol, atol=tol)
    assert torch.equal(generators[0].get_state(), generators[1].get_state())


@pytest.mark.parametrize("name", NAMES)
def test_signature_is_torchs(name):
    ours, reference = inspect.signature(getattr(init, name)), inspect.signature(getattr(theirs, name))
    assert list(ours.parameters) == list(reference.parameters)
    assert [p.default for p in ours.parameters.values()] == [p.default for p in reference.parameters.values()]
    assert [p.kind for p in ours.parameters.values()] == [p.kind for p in reference.parameters.values()]


@settings(max_examples=50, deadline=None)
@given(
    shape=st.lists(st.integers(0, 4), max_size=4),
    dtype=st.sampled_from(DTYPES),
    low=st.floats(-3, 3),
    spread=st.floats(0, 3),
)
def test_plain_draws(shape, dtype, low, spread):
    same_draw("normal_", torch.empty(shape, dtype=dtype), low, spread)
    same_draw("uniform_", torch.empty(shape, dtype=dtype), low, low + spread)


@settings(max_examples=100, deadline=None)
@given(
    shape=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    dtype=st.sampled_from(DTYPES),
    gain=st.floats(0, 3),
    a=st.floats(-2, 2),
    mode=st.sampled_from(["fan_in", "fan_out", "FAN_OUT"]),
    nonlinearity=st.sampled_from(["leaky_relu", "relu", "tanh", "linear", "selu", "sigmoid", "conv2d"]),
)
def test_scaled_draws(shape, dtype, gain, a, mode, nonlinearity):
    tensor = torch.empty(shape, dtype=dtype)
    # a bound that differs in its last digit moves a draw by one step of the dtype
    tol = 0.0 if dtype == torch.float64 else 4 * torch.finfo(dtype).eps
    for name in ("xavier_uniform_", "xavier_normal_"):
        same_draw(name, tensor, gain, tol=tol)
    for name in ("kaiming_uniform_", "kaiming_normal_"):
        same_draw(name, tensor, a, mode, nonlinearity, tol=tol)


@settings(max_examples=100, deadline=None)
@given(
    dtype=st.sampled_from(DTYPES),
    mean=st.floats(-4, 4),
    std=st.floats(0.1, 3),
    low=st.floats(-3, 3),
    spread=st.floats(0.1, 5),
)
def test_truncated_draws(dtype, mean, std, low, spread):
    same_draw("trunc_normal_", torch.empty(30, dtype=dtype), mean, std, low, low + spread)


@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (5, 2), (4, 3, 2, 2), (2, 3, 2), (1, 1), (0, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_orthogonal_draws(shape, dtype):
    same_draw("orthogonal_", torch.empty(shape, dtype=dtype), 1.5, tol=1e-5)


@settings(max_examples=50, deadline=None)
@given(shape=st.lists(st.integers(1, 5), min_size=2, max_size=4), gain=st.floats(0.1, 3))
def test_orthogonal_rows_or_columns_are_orthonormal(shape, gain):
    W = init.orthogonal_(torch.empty(shape, dtype=torch.float64), gain).flatten(1)
    short = W @ W.T if W.shape[0] <= W.shape[1] else W.T @ W
    torch.testing.assert_close(short, gain**2 * torch.eye(len(short), dtype=torch.float64))


@pytest.mark.parametrize("shape", [(5, 5), (3, 6), (6, 3)])
def test_gram_schmidt_finds_the_same_matrix(shape):
    seeds = [torch.Generator().manual_seed(3) for _ in range(2)]
    ours = init.orthogonal_gram_schmidt_(torch.empty(shape, dtype=torch.float64), generator=seeds[0])
    torch.testing.assert_close(ours, theirs.orthogonal_(torch.empty(shape, dtype=torch.float64), generator=seeds[1]))


def test_layouts_and_gradients():
    for tensor in (torch.empty(6, 4).t(), torch.empty(3, 4, 2, 2).to(memory_format=torch.channels_last)):
        for name in MATRIX_NAMES:
            getattr(init, name)(tensor)  # torch refuses orthogonal_ on channels_last: it views the tensor as a matrix
            assert tensor.isfinite().all()
    leaf = torch.empty(3, 3, requires_grad=True)
    for name in MATRIX_NAMES:
        assert getattr(init, name)(leaf) is leaf
        assert leaf.is_leaf
        assert leaf.requires_grad


def test_numbers_fill():
    assert torch.equal(init.constant_(torch.empty(2, 3, dtype=torch.int64), 3), torch.full((2, 3), 3))


@pytest.mark.parametrize("nonlinearity", ["linear", "conv1d", "conv_transpose3d", "sigmoid", "tanh", "relu", "selu"])
def test_gains(nonlinearity):
    assert init.calculate_gain(nonlinearity) == theirs.calculate_gain(nonlinearity)
    for slope in (None, 0, 0.2, -1):
        assert init.calculate_gain("leaky_relu", slope) == theirs.calculate_gain("leaky_relu", slope)


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 2), (3, 5, 2, 4), (0, 2)])
def test_fans(shape):
    tensor = torch.empty(shape)
    assert init.fan_in_and_fan_out(tensor) == theirs._calculate_fan_in_and_fan_out(tensor)


# ---- the promised distributions --------------------------------------------------------------------------------


def wide():
    return torch.empty(400, SAMPLES // 400, dtype=torch.float64)  # fan out 400, fan in 500


@pytest.mark.parametrize(
    ("name", "std"),
    [
        ("xavier_normal_", math.sqrt(2 / 900)),
        ("xavier_uniform_", math.sqrt(2 / 900)),
        ("kaiming_normal_", math.sqrt(2 / 500)),
        ("kaiming_uniform_", math.sqrt(2 / 500)),
        ("orthogonal_", math.sqrt(1 / 500)),
        ("normal_", 1.0),
        ("uniform_", math.sqrt(1 / 12)),
    ],
)
def test_standard_deviations(name, std):
    W = getattr(init, name)(wide(), generator=torch.Generator().manual_seed(0))
    assert W.std().item() == pytest.approx(std, rel=OFF)


def test_uniform_bounds():
    W = init.xavier_uniform_(wide(), generator=torch.Generator().manual_seed(0))
    bound = math.sqrt(6 / 900)
    assert W.abs().max() <= bound
    assert W.abs().max() > 0.999 * bound


@pytest.mark.parametrize(("mean", "a", "b"), [(0.0, -2.0, 2.0), (0.0, 1.5, 1.6), (3.0, -1.0, 0.0)])
def test_truncated_moments(mean, a, b):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x = init.trunc_normal_(wide(), mean, 1.0, a, b, generator=torch.Generator().manual_seed(0)).flatten()
    assert x.min() >= a
    assert x.max() <= b
    grid = torch.linspace(a, b, 10_001, dtype=torch.float64)
    density = (-0.5 * (grid - mean) ** 2).exp()
    expected = ((density * grid).sum() / density.sum()).item()
    assert x.mean().item() == pytest.approx(expected, abs=5 * x.std().item() / math.sqrt(SAMPLES))


# ---- refusals --------------------------------------------------------------------------------------------------

E = torch.empty


@pytest.mark.parametrize(
    ("name", "args", "naming"),
    [
        ("normal_", (E(3), 0.0, -1.0), "std"),
        ("normal_", (E(3), "x"), "mean"),
        ("normal_", (E(3), 0.0, "x"), "std"),
        ("normal_", (E(3).long(),), "tensor"),
        ("normal_", ([1.0],), "tensor"),
        ("uniform_", (E(3), 1.0, 0.0), "a and b"),
        ("uniform_", (E(3), math.nan), "a and b"),
        ("uniform_", (E(3), 0.0, math.inf), "a and b"),
        ("uniform_", (E(3).half(), 0.0, 1e6), "a and b"),
        ("uniform_", (E(3).long(),), "tensor"),
        ("uniform_", (E(3), "x"), r"\ba\b"),
        ("constant_", ([1.0], 1), "tensor"),
        ("constant_", (E(3), "x"), "val"),
        ("constant_", (E(3), None), "val"),
        ("trunc_normal_", (E(3), 0.0, 1.0, 2.0, -2.0), "a and b"),
        ("trunc_normal_", (E(3), 0.0, 0.0), "std"),
        ("trunc_normal_", (E(3).long(),), "tensor"),
        ("trunc_normal_", ([1.0],), "tensor"),
        ("xavier_uniform_", (E(3),), "tensor"),
        ("xavier_normal_", (E(3),), "tensor"),
        ("xavier_uniform_", (E(2, 3), -1.0), "gain"),
        ("xavier_normal_", (E(2, 3), -1.0), "gain"),
        ("xavier_normal_", (E(0, 0),), "tensor"),
        ("xavier_normal_", ([1.0],), "tensor"),
        ("kaiming_uniform_", (E(3),), "tensor"),
        ("kaiming_normal_", (E(2, 3), 0, "both"), "mode"),
        ("kaiming_normal_", (E(2, 3), 0, 1), "mode"),
        ("kaiming_normal_", (E(2, 3), 0, "fan_in", "swish"), "nonlinearity"),
        ("kaiming_normal_", (E(2, 3), 0, "fan_in", ["relu"]), "nonlinearity"),
        ("kaiming_normal_", (E(2, 3), "x"), r"\ba\b"),
        ("kaiming_normal_", (E(2, 3), True), r"\ba\b"),
        ("kaiming_uniform_", ([1.0],), "tensor"),
        ("orthogonal_", (E(3),), "tensor"),
        ("orthogonal_", (E(3, 3).long(),), "tensor"),
        ("orthogonal_", (E(3, 3).half(),), "tensor"),
        ("orthogonal_", (E(3, 3).cfloat(),), "tensor"),
        ("orthogonal_", (E(3, 3), "x"), "gain"),
        ("orthogonal_", ([1.0],), "tensor"),
        ("calculate_gain", ("swish",), "nonlinearity"),
        ("calculate_gain", ("leaky_relu", "x"), "param"),
        ("calculate_gain", ("leaky_relu", True), "param"),
    ],
)
def test_refusals(name, args, naming):
    check_refused(getattr(init, name), getattr(theirs, name), *args, naming=naming)


def test_warnings():
    with pytest.warns(UserWarning, match="tensor"):
        init.kaiming_normal_(torch.empty(0, 3))
    with pytest.warns(UserWarning, match="mean"):
        init.trunc_normal_(torch.empty(3), mean=10.0)
