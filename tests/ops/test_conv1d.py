"""1-D convolution by hand against torch's: values, gradients and refusals."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.ops.conv1d import conv1d, corr1d_channels
from tests.ops.like_torch import check, check_refused

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even:UserWarning")

small = st.integers(1, 3)
either = st.one_of(small, st.tuples(small))
PLAIN = {"dtypes": (torch.float32,), "leads": [(2,)], "setting": small}


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@st.composite
def calls(
    draw, dtypes=(torch.float64, torch.float32, torch.bfloat16, torch.int64), leads=((), (2,), (0,)), setting=either
):
    groups = draw(small)
    channels, out_channels, length = groups * draw(small), groups * draw(small), draw(st.integers(1, 9))
    dtype, lead = draw(st.sampled_from(dtypes)), draw(st.sampled_from(leads))
    input = normal(*lead, channels, length).mul(3).to(dtype)
    weight = normal(out_channels, channels // groups, draw(st.integers(1, 4)), seed=1).mul(3).to(dtype)
    bias = normal(out_channels, seed=2).mul(3).to(dtype) if draw(st.booleans()) else None
    padding = draw(st.one_of(st.sampled_from(["valid", "same"]), st.integers(0, 3), setting))
    call = input, weight, bias, draw(setting), padding, draw(setting), groups
    try:
        F.conv1d(*call)
    except RuntimeError:
        assume(False)
    return call


@given(calls())
@settings(max_examples=120, deadline=None)
def test_values_and_gradients(call):
    check(conv1d, F.conv1d, *[t.requires_grad_() if torch.is_tensor(t) and t.is_floating_point() else t for t in call])


@given(calls(**PLAIN))
@settings(max_examples=40, deadline=None)
def test_textbook_by_channels_agrees(call):
    check(corr1d_channels, F.conv1d, *call, tol=1e-5)


X, W = normal(2, 4, 6), normal(3, 4, 3)


@pytest.mark.parametrize(
    ("arguments", "naming"),
    [
        ((None, W), "input"), ((X, None), "weight"), ((X, W, 1.0), "bias"), ((X[0, 0], W), "input"),
        ((X[None], W), "input"), ((X, W[0]), "weight"), ((X, W[None]), "weight"), ((X, W[:, :2]), "input"),
        ((X, W[:, :, :0]), "weight"), ((X, W[:0]), "weight"), ((X, normal(4)), "weight"), ((X, W, normal(4)), "bias"),
        ((X, normal(3, 4, 7)), "input"), ((X.float(), W), "weight"), ((X.bool(), W.bool()), "input"),
        *(((X, W, None, stride), "stride") for stride in (0, -1, 1.5, None, (1, 1), (), True)),
        *(((X, W, None, 1, padding), "padding") for padding in (-1, 1.0, None, (1, 1), (), "full")),
        *(((X, W, None, 1, 0, dilation), "dilation") for dilation in (0, "2", None, (1, 1))),
        *(((X, W, None, 1, 0, 1, groups), "groups") for groups in (0, 1.0, None)),
        ((X, W, None, 2, "same"), "stride"),
    ],
)  # fmt: skip
def test_refusals(arguments, naming):
    check_refused(conv1d, F.conv1d, *arguments, naming=rf"\b{naming}\b")
