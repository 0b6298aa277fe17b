"""Convolution by hand against torch's: values, gradients, refusals, and the small facts that the page shows."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.experiments.convolution import FAMOUS_KERNELS
from core.ops.convolution import (
    conv2d,
    conv2d_steps,
    corr2d,
    corr2d_channels,
    count_multiply_adds,
    count_parameters,
    output_size,
    outputs_using,
    same_padding,
    window,
)
from tests.ops.like_torch import check, check_refused

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even:UserWarning")

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
INTEGERS = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8]
small = st.integers(1, 3)
either = st.one_of(small, st.tuples(small), st.tuples(small, small), st.lists(small, min_size=2, max_size=2))


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def layouts(tensor, layout):
    """The same numbers, laid out in memory in another way."""
    if layout == "transposed":
        return tensor.mT.contiguous().mT
    if layout == "sliced":
        return tensor.repeat_interleave(2, -1)[..., ::2]
    if layout == "channels_last" and tensor.dim() == 4:
        return tensor.contiguous(memory_format=torch.channels_last)
    return tensor


@st.composite
def calls(draw, dtypes=DTYPES):
    """Arguments of conv2d that torch takes."""
    groups = draw(small)
    channels, out_channels = groups * draw(small), groups * draw(small)
    kernel = draw(small), draw(small)
    stride, dilation = draw(either), draw(either)
    padding = draw(st.one_of(st.just("valid"), st.just("same"), st.integers(0, 3), st.tuples(small, small)))
    if padding == "same":
        stride = draw(st.sampled_from([1, (1,), (1, 1)]))
    lead = draw(st.sampled_from([(), (1,), (3,), (0,)]))
    size = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    dtype, seed = draw(st.sampled_from(dtypes)), draw(st.integers(0, 9))
    layout = draw(st.sampled_from(["contiguous", "transposed", "sliced", "channels_last"]))
    input = layouts(normal(*lead, channels, *size, seed=seed).mul(3).to(dtype), layout)
    weight = layouts(normal(out_channels, channels // groups, *kernel, seed=seed + 1).mul(3).to(dtype), layout)
    bias = normal(out_channels, seed=seed + 2).mul(3).to(dtype) if draw(st.booleans()) else None
    try:
        F.conv2d(input, weight, bias, stride, padding, dilation, groups)
    except RuntimeError:
        assume(False)
    return input, weight, bias, stride, padding, dilation, groups


def with_grad(arguments):
    return [a.requires_grad_() if isinstance(a, torch.Tensor) else a for a in arguments]


@given(calls())
@settings(max_examples=200, deadline=None)
def test_values_and_gradients(call):
    check(conv2d, F.conv2d, *with_grad(call))


@given(calls(INTEGERS))
@settings(max_examples=60, deadline=None)
def test_integers_wrap_as_in_torch(call):
    check(conv2d, F.conv2d, *call)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_complex_numbers(dtype):
    parts = [torch.complex(normal(*s, seed=1), normal(*s, seed=2)) for s in ((2, 4, 6, 5), (6, 2, 3, 2), (6,))]
    tensors = [part.to(dtype).requires_grad_() for part in parts]
    check(conv2d, F.conv2d, *tensors, padding=1, groups=2, tol=1e-5 if dtype == torch.complex64 else 1e-12)


@given(calls([torch.float64]))
@settings(max_examples=50, deadline=None)
def test_textbook_by_channels_agrees(call):
    input, weight, bias, *rest = call
    assume(input.dim() == 4 and len(input))
    check(
        corr2d_channels,
        F.conv2d,
        input.float(),
        weight.float(),
        None if bias is None else bias.float(),
        *rest,
        tol=1e-5,
    )


@pytest.mark.parametrize(
    "arguments",
    [{}, {"stride": (2, 1), "padding": 1}, {"dilation": (1, 2), "groups": 2}, {"padding": "same", "groups": 2}],
)
@pytest.mark.parametrize("with_bias", [True, False])
def test_first_and_second_derivatives(arguments, with_bias):
    input = normal(2, 2, 4, 5, seed=1).requires_grad_()
    weight = normal(2, 2 // arguments.get("groups", 1), 2, 3, seed=2).requires_grad_()
    bias = normal(2, seed=3).requires_grad_() if with_bias else None

    def run(*tensors):
        return conv2d(*tensors, **arguments)

    inputs = (input, weight, bias) if with_bias else (input, weight)
    assert torch.autograd.gradcheck(run, inputs)
    assert torch.autograd.gradgradcheck(run, inputs)


@pytest.mark.parametrize("wanted", [(True, False, False), (False, True, False), (False, False, True)])
def test_gradient_of_one_argument_alone(wanted):
    tensors = [normal(2, 3, 5, 5), normal(4, 3, 3, 3, seed=1), normal(4, seed=2)]
    check(conv2d, F.conv2d, *(t.requires_grad_(w) for t, w in zip(tensors, wanted, strict=True)))


@pytest.mark.parametrize("unbatched", [False, True])
@pytest.mark.parametrize("arguments", [{}, {"padding": "same"}, {"padding": 2, "stride": 2}])
def test_no_input_channels_give_no_output_channels(unbatched, arguments):
    input = torch.randn(2, 0, 6, 6)
    tensors = [input[0] if unbatched else input, torch.randn(3, 0, 3, 3), torch.randn(3)]
    check(conv2d, F.conv2d, *(t.requires_grad_() for t in tensors), **arguments)


def test_empty_batch_without_rows():
    check(conv2d, F.conv2d, torch.randn(0, 4, 0, 6).requires_grad_(), torch.randn(3, 4, 3, 3), padding=2)


def test_large_and_infinite_numbers():
    check(conv2d, F.conv2d, normal(2, 3, 5, 5) * 1e300, normal(4, 3, 3, 3) * 1e5)
    input = normal(1, 2, 5, 5)
    input[0, 0, 2, 2] = torch.inf
    input[0, 1, 0, 0] = torch.nan
    check(conv2d, F.conv2d, input, normal(3, 2, 2, 2, seed=1))


@pytest.mark.parametrize("which", ["input", "weight", "neither"])
def test_channels_last_stays(which):
    input, weight = normal(2, 4, 6, 6, dtype=torch.float32), normal(3, 4, 3, 3, dtype=torch.float32)
    input = layouts(input, "channels_last") if which == "input" else input
    weight = layouts(weight, "channels_last") if which == "weight" else weight
    assert conv2d(input, weight).stride() == F.conv2d(input, weight).stride()


def test_numbers_that_act_as_ints():
    check(conv2d, F.conv2d, normal(1, 2, 6, 6), normal(3, 2, 3, 3), stride=torch.tensor(2), padding=[1])
    check(conv2d, F.conv2d, input=normal(1, 2, 6, 6), weight=normal(3, 2, 3, 3), stride=(torch.tensor(2), 1))


X, W, B = normal(2, 4, 6, 6), normal(3, 4, 3, 3), normal(3)


@pytest.mark.parametrize(
    ("arguments", "naming"),
    [
        ((None, W), "input"),
        (([1.0], W), "input"),
        ((X, None), "weight"),
        ((X, W, 1.0), "bias"),
        ((X[0, 0], W), "input"),
        ((X[None], W), "input"),
        ((X, W[0]), "weight"),
        ((X, W[0, 0]), "weight"),
        ((X, W[None]), "weight"),
        ((X, torch.tensor(1.0, dtype=torch.float64)), "weight"),
        ((X, W[:, :2]), "input"),
        ((X[:0], W[:, :2]), "input"),
        ((X[:, :0], W), "input"),
        ((X, W[:, :, :0]), "weight"),
        ((X, W[:0]), "weight"),
        ((X[:, :, :0], W, None, 1, 2), "input"),
        ((X, W, normal(4)), "bias"),
        ((X, W, normal(3, 1)), "bias"),
        ((X, W, torch.tensor(1.0, dtype=torch.float64)), "bias"),
        ((X, normal(3, 4, 7, 3)), "input"),
        ((X, W, None, 1, 0, 3), "input"),
        ((X.float(), W), "weight"),
        ((X, W, B.float()), "bias"),
        ((X.long(), W), "weight"),
        ((X.cfloat(), W), "weight"),
        ((X.bool(), W.bool()), "input"),
        ((X.to(torch.float8_e4m3fn), W.to(torch.float8_e4m3fn)), "input"),
        *(
            ((X, W, None, stride), "stride")
            for stride in (0, -1, (1, 0), 1.5, "1", None, True, (1, 1, 1), (), (2.0, 2.0))
        ),
        *(((X, W, None, 1, padding), "padding") for padding in (-1, (0, -1), 1.0, None, True, (1, 1, 1), (), "full")),
        *(((X, W, None, 1, 0, dilation), "dilation") for dilation in (0, -1, 2.0, "2", None, (1, 1, 1), ())),
        *(((X, W, None, 1, 0, 1, groups), "groups") for groups in (0, -1, 1.0, None, "1", True, (1,), 3, 8)),
        ((X, W[:, :2], None, 1, 0, 1, 2), "weight"),
        ((X, W, None, 2, "same"), "stride"),
        ((X, W, None, 0, "valid"), "stride"),
        ((X, W, None, 1, "same", 0), "dilation"),
    ],
)
def test_refusals(arguments, naming):
    check_refused(conv2d, F.conv2d, *arguments, naming=rf"\b{naming}\b")


# ---- steps, and what the page shows ----------------------------------------------------------------------------


def test_steps_are_the_run():
    steps = conv2d_steps(X, W, B, padding=1, stride=2)
    assert steps.padded.shape == (2, 4, 8, 8)
    assert steps.columns.shape == (2, 1, 4 * 9, 9)
    assert torch.equal(steps.columns[1, 0, :, 4].reshape(4, 3, 3), steps.padded[1, :, 2:5, 2:5])
    assert torch.equal(steps.output, steps.product + B[:, None, None])
    assert torch.equal(steps.output, conv2d(X, W, B, padding=1, stride=2))


@given(st.integers(1, 12), small, small, st.integers(0, 3), small)
@settings(max_examples=200, deadline=None)
def test_window_arithmetic(size, kernel_size, stride, padding, dilation):
    outputs = output_size(size, kernel_size, stride, padding, dilation)
    assume(outputs > 0)
    ones = torch.ones(1, 1, size, kernel_size, dtype=torch.float64)
    arguments = {"stride": (stride, 1), "padding": (padding, 0), "dilation": (dilation, 1)}
    assert F.conv2d(ones, torch.ones(1, 1, kernel_size, kernel_size).double(), **arguments).shape[2] == outputs
    for o in range(outputs):
        inside = [i for i in window(o, kernel_size, stride, padding, dilation) if 0 <= i < size]
        impulses = torch.eye(size, dtype=torch.float64)[:, None, :, None]  # one image for each input cell
        row = F.conv2d(impulses, torch.ones(1, 1, kernel_size, 1).double(), **arguments)[:, 0, o, 0]
        assert row.nonzero().flatten().tolist() == inside
    for i in range(size):
        using = outputs_using(i, outputs, kernel_size, stride, padding, dilation)
        assert using == [o for o in range(outputs) if i in window(o, kernel_size, stride, padding, dilation)]


@given(small, st.integers(1, 8), small)
@settings(max_examples=50, deadline=None)
def test_same_padding_keeps_the_size(kernel_size, size, dilation):
    left, right = same_padding(kernel_size, dilation)
    assert right - left in (0, 1)
    assert output_size(size + left + right, kernel_size, 1, 0, dilation) == size


@pytest.mark.parametrize(("groups", "bias"), [(1, True), (2, False)])
def test_counts(groups, bias):
    layer = torch.nn.Conv2d(4, 6, (3, 2), groups=groups, bias=bias)
    assert count_parameters(4, 6, (3, 2), groups, bias) == sum(p.numel() for p in layer.parameters())
    output = layer(torch.zeros(5, 4, 8, 8))
    weights_an_output = layer.weight[0].numel()
    assert count_multiply_adds(output.shape[1:], 4, (3, 2), groups, batch=5) == output.numel() * weights_an_output


@pytest.mark.parametrize("name", FAMOUS_KERNELS)
def test_famous_kernels_keep_or_cancel_a_flat_image(name):
    kernel = torch.tensor([[FAMOUS_KERNELS[name]]], dtype=torch.float64)
    expected = 0.0 if name.startswith(("edges", "Sobel")) else 1.0
    torch.testing.assert_close(
        conv2d(torch.ones(1, 1, 5, 5, dtype=torch.float64), kernel), torch.full((1, 1, 3, 3), expected).double()
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("padding", [1, 3])
def test_half_precision_where_onednn_would_end_the_process(dtype, padding):
    """Width 1, stride 2, dilation 2: the server's start and the tests keep torch to its own kernels."""
    input, weight = normal(1, 2, 5, 1, seed=1, dtype=dtype), normal(3, 2, 1, 1, seed=2, dtype=dtype)
    check(conv2d, F.conv2d, input, weight, None, 2, padding, 2)


# ---- what the tutorial's version cannot do ---------------------------------------------------------------------


def test_textbook_loses_float64_and_gives_an_empty_result_for_a_large_kernel():
    X, K = normal(5, 5), normal(2, 2, seed=1)
    assert corr2d(X, K).dtype == torch.float32
    assert not torch.equal(corr2d(X, K).double(), F.conv2d(X[None, None], K[None, None])[0, 0])
    assert corr2d(torch.ones(2, 2), torch.ones(3, 3)).shape == (0, 0)


def test_textbook_backward_has_a_node_for_every_cell():
    X = torch.randn(4, 4, requires_grad=True)
    nodes, seen = [corr2d(X, torch.ones(2, 2)).grad_fn], set()
    while nodes:
        node = nodes.pop()
        if node is not None and node not in seen:
            seen.add(node)
            nodes += [parent for parent, _ in node.next_functions]
    assert sum(type(node).__name__ == "CopySlices" for node in seen) == 9
