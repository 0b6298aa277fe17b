"""What is pasted becomes the tensor that was printed, and the error that torch really raised."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.experiments.chain.operations import make_step
from core.experiments.chain.pasted import read, snippet
from core.experiments.chain.run import run_chain
from core.experiments.chain.text import parse_chain, parse_shape, start_tensor
from core.words import say

PRINTED = [
    "{shape} {stride} {offset} {dtype}",
    "({shape}, {stride}, {offset}, {dtype})",
    "x.shape={shape} x.stride()={stride} x.storage_offset()={offset} x.dtype={dtype}",
    "shape: {shape}\nstride: {stride}\noffset: {offset}\ndtype: {dtype}",
    "{dtype} offset={offset}, stride={stride}, shape={shape}, device='cuda:0'",
]


@st.composite
def tensors(draw):
    """Small tensors, permuted, cut and expanded."""
    shape = draw(st.lists(st.integers(0, 4), max_size=4))
    x = torch.arange(float(np.prod(shape))).reshape(shape).to(draw(st.sampled_from([torch.float32, torch.int64])))
    x = x.permute(draw(st.permutations(range(x.dim()))))
    for d in range(x.dim()):
        x = x[(slice(None),) * d + (slice(draw(st.integers(0, 1)), None, draw(st.integers(1, 2))),)]
    return x.expand(2, *x.shape) if draw(st.booleans()) else x


def made(found):
    """The tensor at the end of what was read, over a storage of 0, 1, 2, …"""
    start = start_tensor(found.shape, found.dtype or torch.float32)
    return run_chain(start, found.steps)[-1]


def layout(x):
    return tuple(x.shape), x.stride(), x.storage_offset() * bool(x.numel()), x.dtype


@settings(max_examples=150, deadline=None)
@given(tensors(), st.sampled_from(PRINTED))
def test_a_printed_tensor_is_laid_out_as_it_was(x, form):
    text = form.format(shape=x.shape, stride=x.stride(), offset=x.storage_offset(), dtype=x.dtype)
    found = read(text)
    assert layout(made(found).tensor) == layout(x)
    assert str(tuple(x.shape)) in say(found.says, found.facts)


@settings(max_examples=100, deadline=None)
@given(
    tensors(),
    st.sampled_from(["{0.shape} {0.strides} {0.dtype}", "shape={0.shape}, strides={0.strides}, dtype={0.dtype!r}"]),
)
def test_a_numpy_array_is_laid_out_as_from_numpy_has_it(x, form):
    array = x.numpy()
    found = read(form.format(array))
    ours, theirs = made(found).tensor, torch.from_numpy(array)
    assert (ours.shape, ours.stride(), ours.dtype) == (theirs.shape, theirs.stride(), theirs.dtype)


def test_flags_tell_the_order_in_memory():
    array = np.asfortranarray(np.zeros((3, 4), np.float32))
    assert made(read(f"{array.shape} {array.dtype}\n{array.flags}")).tensor.stride() == (1, 3)
    assert made(read(f"{array.shape} {array.dtype}\n{array.T.flags}")).tensor.stride() == (4, 1)


REFUSED = [
    ((7,), "view(2,-1)"), ((3, 4), "transpose(0,1)>view(12)"), ((2, 3), "expand(4,3)"), ((3, 4), "select(1,9)"),
    ((3, 4), "transpose(0,2)"), ((3, 4), "permute(0,1,2)"), ((5,), "narrow(0,3,4)"), ((5,), "unfold(0,7,1)"),
    ((6,), "as_strided((2,4),(4,1),0)"), ((2, 3), "channels_last"),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "chain"), REFUSED)
def test_an_error_is_shown_by_a_chain_that_torch_refuses_in_the_same_words(shape, chain):
    message = run_chain(start_tensor(shape), parse_chain(chain))[-1].message
    found = read(
        f'Traceback (most recent call last):\n  File "<stdin>", line 1, in <module>\nRuntimeError: {message}\n'
    )
    assert made(found).message == message


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.lists(st.integers(0, 9), min_size=1, max_size=4))
def test_a_wrong_shape_is_found_in_torchs_words(numel, sizes):
    if math.prod(sizes) == numel:
        return
    with pytest.raises(RuntimeError) as error:
        torch.zeros(numel).view(sizes)
    assert made(read(str(error.value))).message == str(error.value)


def test_a_broadcast_that_fails_is_read():
    with pytest.raises(RuntimeError) as error:
        torch.zeros(2, 3) + torch.zeros(2, 4)
    found = read(str(error.value))
    assert (found.shape, found.steps) == ((1, 3), (make_step("expand", 1, 4),))


LINES = [
    "b, n = 2, 3\ny = x.transpose(1, 2).contiguous().view(b, -1)", "b, t, c = x.shape; y = x.view(b, t, 2, c // 2)",
    "y = x.T[0]\nz = y[:, -1]", "import torch\ny = torch.flatten(x, 1)", "y = x.view(x.size(0), -1)",
    "y = x.reshape(*x.shape[:-1], 2, -1)", "y = x.view(len(x), x.numel() // 2)[..., None]",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*T. on tensors|.*T is deprecated")
@pytest.mark.parametrize("lines", LINES)
def test_lines_make_pythons_tensor(lines):
    x = torch.arange(24.0).reshape(2, 3, 4)
    known = {"x": x}
    exec(lines, known)
    ours, theirs = run_chain(x, read(lines, (2, 3, 4)).steps)[-1].tensor, known.get("z", known.get("y"))
    assert ours.equal(theirs)
    assert layout(ours) == layout(theirs)


def test_a_tensor_that_the_lines_make_is_where_the_chain_starts():
    found = read("x = torch.arange(24, dtype=torch.int32).view(2, 12)")
    assert (found.shape, found.dtype, found.steps) == ((24,), torch.int32, (make_step("view", 2, 12),))
    assert read("tensor([[1., 2.],\n        [3., 4.]])").shape == (2, 2)


@pytest.mark.parametrize(("text", "says"), [
    ("hello", "none of what is read"), ("x.shape, x.stride()", "what such a line prints"), ("(4,) (-8,) int64", "copy"),
    ("(2, 3) (3, 1, 1) 0 torch.float32", "differ in length"), ("shape (3,) strides (8,)", "dtype"),
    ("(3,) (6,) float32", "no multiples"), ("y = x.view(n)", "n = 4"), ("while True: pass", "none of"),
    ("__import__('os').system('ls')", "can't read|none of"), ("x.view(9**9**9)", "only whole numbers"),
    ("a = 10**12*10**12", "can't read"),
    ("tensor([1, 2, ..., 9])", "leaves numbers out"), ("x" + ".T" * 900, "steps"), ("torch.Size([-2])", "negative"),
    ("torch.Size([1099511627777])", "the most here"), ("z" * 3000, "characters"),
])  # fmt: skip
def test_what_cannot_be_read_is_said_with_how_to_mend_it(text, says):
    with pytest.raises(ValueError, match=says):
        read(text)


@settings(max_examples=60, deadline=None)
@given(tensors())
def test_the_snippet_prints_a_link_that_carries_the_tensor(x):
    printed = []
    exec(snippet("http://here/layout"), {"x": x, "print": printed.append})
    asked = dict(part.split("=", 1) for part in printed[0].partition("?")[2].split("&"))
    start = start_tensor(parse_shape(asked["shape"]), getattr(torch, asked["dtype"]))
    stage = run_chain(start, parse_chain(asked["chain"]))[-1]
    assert (stage.tensor.shape, stage.tensor.stride(), stage.tensor.storage_offset()) == (
        x.shape, x.stride(), x.storage_offset(),
    )  # fmt: skip
    assert stage.facts.layout.storage_size * x.element_size() == x.untyped_storage().nbytes()
