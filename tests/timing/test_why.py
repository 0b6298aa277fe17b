"""Which calls a version makes, what they move, and what the compiler makes of them."""

import pytest
import torch

from core.ops import normalize, softmax
from core.timing import devices, runner, why
from core.timing.settings import Settings
from tests.timing.fakes import known_limits

X = torch.randn(8, 100)
WHOLE = 8 * 100 * 4


def named(found):
    return [trip.short for trip in found]


def test_the_calls_of_a_formula_in_order_with_what_they_move():
    found = why.trips(lambda: softmax.softmax(X, 1))
    assert named(found) == ["amax", "sub", "exp", "sum", "div"]
    assert [trip.read for trip in found] == [(WHOLE,), (WHOLE, 32), (WHOLE,), (WHOLE,), (WHOLE, 32)]
    assert [trip.written for trip in found] == [(32,), (WHOLE,), (WHOLE,), (32,), (WHOLE,)]
    assert found[1].inputs == ("8×100", "8×1")
    assert found[1].outputs == ("8×100",)
    assert all(trip.seconds > 0 for trip in found)
    assert not any(trip.code for trip in found)


def test_torch_makes_one_call_with_two_trips():
    (only,) = why.trips(lambda: torch.softmax(X, 1))
    assert (only.short, only.moved) == ("_softmax", 2 * WHOLE)


def test_the_calls_of_a_backward_pass_are_seen():
    x = X.clone().requires_grad_()
    found = why.trips(lambda: torch.autograd.grad(torch.softmax(x, 1).sum(), x))
    assert named(found)[-1] == "_softmax_backward_data"


@pytest.mark.parametrize(
    ("call", "read", "written"),
    [
        (lambda x: x.expand(4, 8, 100) + 1, (WHOLE,), (4 * WHOLE,)),
        (lambda x: x[:, ::2].exp(), (WHOLE // 2,), (WHOLE // 2,)),
        (lambda x: x * x, (WHOLE,), (WHOLE,)),
        (lambda x: x.add_(1), (WHOLE,), (WHOLE,)),
        (lambda x: x.fill_(1), (), (WHOLE,)),
        (lambda x: torch.add(x, 1, out=torch.empty(8, 100)), (WHOLE,), (WHOLE,)),
    ],
    ids=["expanded", "every second", "twice the same", "in place", "overwritten", "out"],
)
def test_bytes_are_those_in_memory(call, read, written):
    (found,) = why.trips(lambda: call(X.clone()))[-1:]
    assert (found.read, found.written) == (read, written)


def test_what_moves_nothing_is_no_trip():
    assert why.trips(lambda: torch.empty(3).view(3, 1).expand(3, 4).t().detach()) == ()


def compiled(operator, backward=False):
    if reason := devices.compile_failure("cpu"):
        pytest.skip(reason)
    chosen = Settings(sizes="small", backward=backward, tiers=("manual", "compiled", "torch"))
    *_, last = runner.run([operator], chosen, measure_limits=known_limits)
    by_tier = {m.tier: m for m in last.result.measurements}
    assert {m.status for m in by_tier.values()} == {"ok"}, by_tier
    return by_tier


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(runner, "SLICE_S", 0.002)


def test_the_compiler_fuses_the_formula_and_shows_its_code(short):
    found = compiled(softmax.OPERATORS[0], backward=True)
    forward, backward = found["compiled"].trips
    for kernel in (forward, backward):
        assert kernel.name.startswith("cpp_fused")
        assert "void" in kernel.code
        assert "exp" in forward.code
    assert found["compiled"].calls == 2 < found["manual"].calls
    assert found["compiled"].moved_bytes < found["manual"].moved_bytes
    assert forward.inputs == ("16×100",)
    assert "16×100" in forward.outputs


def test_the_compiled_version_runs_as_before_once_it_was_watched(short):
    found = compiled(normalize.OPERATORS[0])
    assert found["compiled"].cached_s is not None
    assert found["compiled"].difference < 1e-4
    (kernel,) = {trip.code for trip in found["compiled"].trips}
    assert kernel


def test_kernels_of_a_gpu_are_read_from_the_generated_module():
    source = (
        "triton_poi_fused_exp_0 = async_compile.triton('triton_poi_fused_exp_0', '''\n"
        "@triton.jit\ndef triton_poi_fused_exp_0(in_out_ptr0, in_ptr0, out_ptr0, xnumel, XBLOCK : tl.constexpr):\n"
        "    pass\n''', device_str='cuda')\n"
        "other = torch.ops.aten\n"
    )
    (kernel,) = why.kernels(source)
    assert kernel.name == "triton_poi_fused_exp_0"
    assert kernel.pointers == ("in_out_ptr0", "in_ptr0", "out_ptr0")
    assert kernel.code.startswith("@triton.jit")


def test_a_kernel_called_by_run_is_watched_and_its_in_out_pointer_is_read_and_written():
    class Triton:
        def run(self, *tensors, **other):
            return "ran"

    found = []
    kernel = why.Kernel("fused", ("in_out_ptr0", "in_ptr0", "out_ptr0"), "code")
    a, b, c = (torch.ones(n) for n in (1, 2, 3))
    assert why._Timed(Triton(), kernel, found).run(a, b, c, 3, stream=0) == "ran"
    assert (found[0].read, found[0].written) == ((4, 8), (4, 12))


def test_without_the_name_in_torch_the_code_is_not_shown(monkeypatch):
    from torch._inductor.codecache import PyCodeCache

    with monkeypatch.context() as patch:
        patch.delattr(PyCodeCache, "load_by_key_path")
        with why.generated() as written:
            pass
    assert written == []
