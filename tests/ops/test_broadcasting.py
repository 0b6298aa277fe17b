"""broadcast_to by hand against torch's: values, strides, gradients and refusals."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ops.broadcasting import broadcast_by_index, broadcast_to
from tests.ops.like_torch import check, check_refused


@st.composite
def broadcasts(draw):
    size = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    own = size[draw(st.integers(0, len(size))) :]
    own = tuple(draw(st.sampled_from([n, 1])) for n in own)
    new = len(size) - len(own)
    asked = tuple(draw(st.sampled_from([n, -1])) if d >= new and own[d - new] == n else n for d, n in enumerate(size))
    x = torch.randn(own, generator=torch.Generator().manual_seed(draw(st.integers(0, 9))), dtype=torch.float64)
    return x.transpose(0, -1).contiguous().transpose(0, -1) if draw(st.booleans()) and x.ndim > 1 else x, asked, size


@given(broadcasts())
@settings(max_examples=150, deadline=None)
def test_values_strides_and_gradients(drawn):
    x, asked, size = drawn
    check(broadcast_to, torch.broadcast_to, x.requires_grad_(), asked)
    ours, theirs = broadcast_to(x, asked), torch.broadcast_to(x, asked)
    assert ours.stride() == theirs.stride()
    assert ours.data_ptr() == theirs.data_ptr()
    torch.testing.assert_close(broadcast_by_index(x.detach(), size), theirs.detach())


@pytest.mark.parametrize(
    ("shape", "size"), [((3, 4), (4,)), ((3,), (4,)), ((3, 1), (2, 4)), ((1,), (-2,)), ((4,), (-1, 4)), ((0,), (3,))]
)
def test_torch_refuses_and_so_do_we(shape, size):
    check_refused(broadcast_to, torch.broadcast_to, torch.zeros(shape), size, naming="size")


def test_what_is_no_tensor_or_no_size():
    check_refused(broadcast_to, torch.broadcast_to, [1.0], (2,), naming="input")
    check_refused(broadcast_to, torch.broadcast_to, torch.ones(1), (2.5,), naming="size")
