"""Which storages live while a chain runs: as torch's own reference counts have it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.multiprocessing.reductions import StorageWeakRef

from core.experiments.chain.holding import holding
from core.experiments.chain.run import run_chain
from core.experiments.chain.text import parse_chain, start_tensor

STEPS = (
    "T",
    "contiguous",
    "clone",
    "flip(0)",
    "reshape(-1)",
    "slice(0,1,None,None)",
    "unsqueeze(0)",
    "expand(2,-1,-1)",
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=7), st.sampled_from(["all", "ends", "result"]))
def test_storages_live_as_long_as_torchs_do(texts, kept):
    x = start_tensor((6, 8))
    ran = [stage for stage in run_chain(x, parse_chain(">".join(texts))) if stage.tensor is not None]
    found = holding(ran, kept)
    storages = {0: StorageWeakRef(x.untyped_storage())}
    sizes = {0: x.untyped_storage().nbytes()}
    names = [x] if kept != "result" else []

    def alive():
        return {number: sizes[number] for number, storage in storages.items() if not storage.expired()}

    for stage, moment in zip(ran[1:], found.moments, strict=False):
        y = stage.step.operation.call(x, *stage.step.args)
        storages.setdefault(stage.facts.storage, StorageWeakRef(y.untyped_storage()))
        sizes[stage.facts.storage] = y.untyped_storage().nbytes()
        assert moment.alive == alive()
        x = y
        if kept == "all":
            names.append(y)
        del y
    assert found.moments[-1].alive == alive()
    assert found.after == sum(alive().values()) <= found.peak.total
    assert found.holds == x.untyped_storage().nbytes()
    places = {x[tuple(index)].data_ptr() for index in torch.ones(x.shape).nonzero().tolist()}
    assert found.reads == len(places) * 4


def test_a_storage_that_grows_is_there_twice_for_a_while():
    ran = list(run_chain(start_tensor((3, 4)), parse_chain("clone>resize_(5,5)")))
    found = holding(ran, "ends")
    assert [moment.total for moment in found.moments] == [96, 48 + 100 + 48, 48 + 100]
    assert (found.peak.number, found.after) == (2, 148)


@pytest.mark.parametrize(("kept", "totals"), [("all", [2, 3, 3]), ("ends", [2, 3, 2]), ("result", [2, 2, 1])])
def test_what_is_kept_decides_the_peak(kept, totals):
    size = 2**40 * 4
    ran = list(run_chain(start_tensor((2**20, 2**20)), parse_chain("clone>clone")))
    assert [moment.total for moment in holding(ran, kept).moments] == [n * size for n in totals]


def test_a_row_reads_little_of_what_it_holds():
    ran = list(run_chain(start_tensor((1000, 1000)), parse_chain("select(0,0)")))
    found = holding(ran, "result")
    assert (found.reads, found.holds, found.share) == (4000, 4_000_000, 0.001)
