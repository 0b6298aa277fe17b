"""What only a CUDA device can show."""

import dataclasses

import pytest
import torch

from core import calls, compare
from core.ops import normalize, softmax
from core.ops.operator import Call
from core.timing import cuda as clocks
from core.timing import devices, measure, runner
from core.timing.settings import Settings

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device on this machine")


@pytest.fixture
def cuda():
    return torch.device("cuda:0")


def test_it_is_listed_by_name_and_is_the_default():
    assert devices.default().key == "cuda:0"
    assert devices.default().name == torch.cuda.get_device_name(0)
    assert devices.without_gpu() == ""


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("backward", [False, True])
def test_tiers_are_timed_by_both_clocks(dtype, backward):
    chosen = Settings(device="cuda:0", dtype=dtype, sizes="large", backward=backward, tiers=("manual", "torch"))
    *_, last = runner.run([*normalize.OPERATORS, *softmax.OPERATORS[:1]], chosen)
    for m in last.result.measurements:
        assert m.status == "ok", m
        assert m.kernels_s > 0
        assert m.unsynchronised_s > 0
        assert m.cold_s > 0
        assert m.kernels
        assert m.peak_bytes > 0


def test_a_clock_that_does_not_wait_misses_the_work(cuda):
    a = torch.ones(4096, 4096, device=cuda)
    a @ a  # the library's own setting up
    times = clocks.times(lambda: a @ a, clocks.Gpu(cuda))
    assert times.unsynchronised_s < times.kernels_s
    assert times.kernels
    assert times.graph_s is not None


def test_peak_memory(cuda):
    x = torch.ones(1024, 1024, device=cuda)
    assert measure.peak_bytes(lambda: x + 1, cuda) == 4 * 2**20
    assert measure.peak_bytes(lambda: (x + 1) * 2, cuda) == 8 * 2**20


def test_out_of_memory_on_the_device_is_reported(cuda):
    def greedy(input, dim, **other):
        return input + torch.empty(2**50, device=cuda)[0]

    op = dataclasses.replace(softmax.OPERATORS[0], manual=greedy)
    *_, last = runner.run([op], Settings(device="cuda:0", sizes="small", tiers=("manual", "torch")))
    assert {m.tier: m.status for m in last.result.measurements} == {"manual": "out of memory", "torch": "ok"}


def test_random_versions_are_compared_by_distribution(cuda):
    x = torch.randn(100_000, device=cuda)
    ours, _ = calls.evaluate(torch.nn.functional.dropout, Call((x,)))
    theirs, _ = calls.evaluate(torch.nn.functional.dropout, Call((x,)))
    assert compare.distributions(ours, theirs).agrees
