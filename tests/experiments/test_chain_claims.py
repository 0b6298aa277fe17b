"""What is claimed of layout is what torch's tensors do, for any tensor on screen."""

from itertools import pairwise

import pytest
import torch

from core.experiments.chain import claims, large
from core.experiments.chain.run import run_chain, shares_storage
from core.experiments.chain.text import parse_chain, start_tensor
from core.experiments.layout.rule import Layout

CHAINS = [
    "",
    "transpose(0,1)",
    "transpose(0,1)>contiguous>flip(1)",
    "slice(1,None,None,2)",
    "expand(2,3,4)",
    "flatten(0,-1)",
]
SHAPES = [(3, 4), (1, 1), (0, 3), (12,)]


def ran(chain, shape=(3, 4), dtype=torch.int64):
    return [s for s in run_chain(start_tensor(shape, dtype), parse_chain(chain)) if s.tensor is not None]


@pytest.mark.parametrize("chain", CHAINS)
def test_what_moved_is_told_from_the_storages(chain):
    stages = ran(chain)
    found = claims.moved(stages)
    assert found.storages == len({s.tensor.untyped_storage().data_ptr() for s in stages})
    copied = [b for a, b in pairwise(stages) if not shares_storage(a.tensor, b.tensor)]
    assert found.copied == sum(s.tensor.numel() for s in copied)
    assert found.bytes == 8 * found.copied
    assert list(found.copies) == [s.code for s in copied]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("chain", ["", "unsqueeze(0)>squeeze", "flip(0)"])
def test_reshape_is_foretold(chain, shape):
    stage = ran(chain, shape)[-1]
    found = claims.reshape_is_predictable(stage)
    assert found.right == found.shapes
    for view in found.views:
        assert shares_storage(stage.tensor, stage.tensor.reshape(view))


def test_the_others_say_what_torch_does():
    stage = ran("transpose(0,1)")[-1]
    strided = claims.view_without_contiguity(stage)
    assert (strided.contiguous, strided.shared, strided.stride, strided.viewed, strided.groups) == (
        False,
        True,
        (8, 2),
        (2,),
        2,
    )
    assert claims.permuted_and_contiguous() == claims.Permuted(True, True)
    both = claims.view_is_not_permute()
    assert both.viewed.shape == both.permuted.shape
    assert both.differ == 20  # of each six in a row, those at columns 0 and 5 are the same
    cloned = claims.clone_keeps_strides()
    assert cloned.clone_stride == (1, 4)
    assert "view size is not compatible" in cloned.refusal
    held = claims.view_holds_all(stage)
    assert (held.row_shows, held.row_holds, held.clone_holds, held.shows, held.holds) == (4000, 4_000_000, 4000, 96, 96)
    expanded = claims.add_to_expanded()
    assert "unsupported operation" in expanded.refusal
    assert expanded.after_out_of_place.equal(expanded.after_on_a_copy)
    assert expanded.after_out_of_place.equal(torch.tensor([[0.0, 1, 2], [1, 2, 3], [2, 3, 4]]))


@pytest.mark.parametrize("dtype", [torch.int32, torch.float16, torch.uint8])
def test_bytes_read_as_another_dtype(dtype):
    found = claims.view_as_dtype(dtype)
    assert found.shared
    assert found.read.view(torch.float32).equal(found.numbers)
    assert found.read.shape[-1] * found.itemsize == found.numbers.shape[-1] * 4


@pytest.mark.parametrize("chain", ["", "transpose(0,1)", "expand(2,3,4)"])
def test_a_walk_is_timed_in_turn_and_stops(chain, monkeypatch):
    monkeypatch.setattr(large, "RUN_S", 0.001)
    layout = Layout.of(ran(chain)[-1].tensor)
    steps = list(large.walks(layout, stop=lambda: False))
    assert [len(s.strided_ns) for s in steps] == list(range(1, large.ROUNDS + 1))
    assert [s.share for s in steps][-1] == 1
    assert steps[-1].least <= steps[-1].ratio <= steps[-1].most
    assert list(large.walks(layout, stop=lambda: True)) == []


@pytest.mark.parametrize(
    ("shape", "stride"),
    [((2**20, 2**20), (1, 2**20)), ((32, 12, 512, 64), (512 * 768, 64, 768, 1)), ((2**40,), (1,)),
     ((2**20, 2**20), (0, 1))],
)  # fmt: skip
def test_a_tensor_too_large_to_time_is_timed_smaller_with_its_dimensions_in_the_same_order(shape, stride):
    x = large.make_large(Layout(shape, stride), torch.float32, 1 << 16)
    assert x.numel() > 1 << 10 or 0 in stride
    assert max(x.numel(), x.untyped_storage().nbytes() // 4) <= 1 << 16
    assert sorted(range(x.dim()), key=lambda d: x.stride(d)) == sorted(range(x.dim()), key=lambda d: stride[d])
