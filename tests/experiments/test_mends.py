"""What mends a refused step: each way, run by torch, does what is said of it."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.experiments.chain.claims import moved
from core.experiments.chain.mends import mends
from core.experiments.chain.run import run_chain
from core.experiments.chain.text import format_chain, parse_chain, start_tensor

BEFORE = ("T", "mT", "transpose(0,-1)", "permute(1,2,0)", "slice(0,1,None,None)", "slice(-1,None,None,2)",
          "unsqueeze(1)", "expand(2,-1,-1,-1)", "flip(0)", "clone", "select(0,0)", "movedim(0,-1)",
          "as_strided((2,3),(1,2),0)")  # fmt: skip


def refused(shape, text):
    stages = run_chain(start_tensor(shape), parse_chain(text))
    return stages, [(m.kind, m.behind, m.bytes, format_chain(m.steps)) for m in mends(stages)]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([(2, 3, 4), (3, 4, 2), (4, 4)]), st.lists(st.sampled_from(BEFORE), max_size=4), st.booleans())
def test_every_mend_runs_copies_what_it_says_and_keeps_the_order_it_claims(shape, before, follows):
    last = run_chain(start_tensor(shape), parse_chain(">".join(before)))[-1]
    assume(last.tensor is not None and last.tensor.numel() > 1)
    text = ">".join([*before, "view(-1)", *["unsqueeze(0)"] * follows])
    stages = run_chain(start_tensor(shape), parse_chain(text))
    assume(stages[len(before) + 1].status == "refused")
    now = moved([stage for stage in stages if stage.facts is not None]).bytes
    wanted = last.tensor.reshape(-1)
    for mend in mends(stages):
        ran = list(run_chain(start_tensor(shape), mend.steps[: len(mend.steps) - follows]))
        assert all(stage.status == "ok" for stage in ran)
        assert max(moved(ran).bytes - now, 0) == mend.bytes
        result = ran[-1].tensor
        if mend.same:
            assert torch.equal(result, wanted)
        elif mend.kind != "without":
            assert result.shape == wanted.shape


def test_a_copy_goes_where_it_copies_least():
    _, found = refused((3, 4), "T>unsqueeze(0)>expand(100,4,3)>view(100,12)")
    assert ("contiguous", 3, 4800, "T>unsqueeze(0)>expand(100,4,3)>contiguous>view(100,12)") in found
    assert ("contiguous", 2, 48, "T>unsqueeze(0)>contiguous>expand(100,4,3)>view(100,12)") in found


def test_channels_last_may_come_first():
    _, found = refused((8, 3, 1024, 1024), "permute(0,2,3,1)>view(-1,3)")
    assert ("channels_last", 0, 8 * 3 * 2**20 * 4, "channels_last>permute(0,2,3,1)>view(-1,3)") in found
    assert ("undo", 1, 0, "permute(0,2,3,1)>permute(0,3,1,2)>view(-1,3)") in found


def test_a_view_ahead_of_the_transpose_is_offered_where_it_leads_to_the_shape():
    _, found = refused((4, 4), "T>view(16)>view(4,4)")
    assert ("earlier", 0, 0, "view(16)>T>view(4,4)") in found
    _, found = refused((2, 3, 4), "transpose(0,1)>unsqueeze(0)>view(24)")
    assert not [mend for mend in found if mend[0] == "earlier"]


@pytest.mark.parametrize("text", ["select(0,9)", "as_strided(99,1,0)"])
def test_what_no_copy_mends_can_be_left_out(text):
    assert [mend[0] for mend in refused((3, 4), text)[1]] == ["without"]


def test_no_copy_is_put_ahead_of_a_step_on_the_storage():
    _, found = refused((3, 4), "T>as_strided((3,4),(1,3),0)>view(12)")
    assert {mend[1] for mend in found if mend[0] == "contiguous"} == {2}
