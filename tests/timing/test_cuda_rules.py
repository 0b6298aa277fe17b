"""How a CUDA device is timed, on a stand-in for the device whose costs a test sets; nothing real runs here."""

import contextlib
import sys
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
import torch

from core.timing import cuda, devices, runner, tiers
from core.timing.devices import Device
from core.timing.settings import Settings
from tests.timing.fakes import SETTINGS, Clock, known_limits, operator

CYCLE_S = 1e-9


@dataclass
class FakeGpu:
    """A device that works off its queue while the host goes on. Seconds of a launch, of a kernel warm and cold."""

    launch_s: float = 1e-5
    warm_s: float = 2e-6
    cold_s: float = 5e-6
    kernels_a_call: int = 3
    captures: bool = True
    nvml: bool = True
    host: float = 0.0
    busy_until: float = 0.0
    warm: bool = False
    flushed: int = 0

    def _queue(self, seconds: float, launch_s: float = 1e-6) -> None:
        self.host += launch_s
        self.busy_until = max(self.busy_until, self.host) + seconds

    def once(self) -> None:
        for _ in range(self.kernels_a_call):
            self._queue(self.warm_s if self.warm else self.cold_s, self.launch_s)
        self.warm = True

    def now(self) -> float:
        return self.host

    def event(self):
        gpu = self

        class Event:
            def record(self):
                gpu.host += 1e-7
                self.at = max(gpu.busy_until, gpu.host)

            def elapsed_time(self, other):
                return 1000 * (other.at - self.at)

        return Event()

    def wait(self) -> None:
        self.host = max(self.host, self.busy_until)

    def spin(self, cycles: int) -> None:
        self._queue(cycles * CYCLE_S)

    def flush(self) -> None:
        self.flushed += 1
        self.warm = False
        self._queue(1e-4)

    def graph(self, once):
        if not self.captures:
            raise RuntimeError("operation not permitted when stream is capturing")
        self.warm = True
        return lambda: self._queue(self.kernels_a_call * self.warm_s, self.launch_s)

    def kernels(self, once):
        return ("a", "b", "c")[: self.kernels_a_call]

    def gauge(self):
        return cuda.Gauge(1980.0, 300.0, 45.0) if self.nvml else None


def test_the_work_is_timed_apart_from_launching_however_long_that_takes():
    gpu = FakeGpu(launch_s=1e-3)  # 500 times as long as a kernel
    found = cuda.times(gpu.once, gpu)
    assert found.kernels_s == pytest.approx(3 * 2e-6, rel=0.05)
    assert found.unsynchronised_s == pytest.approx(3e-3)
    assert found.kernels == ("a", "b", "c")


def test_a_cold_cache_costs_more_and_the_flush_is_not_in_the_window():
    gpu = FakeGpu()
    found = cuda.times(gpu.once, gpu)
    assert found.cold_s == pytest.approx(3 * 5e-6, rel=0.05)
    assert found.cold_s > found.kernels_s
    assert gpu.flushed >= cuda.LEAST


def test_a_graph_launches_once():
    gpu = FakeGpu()
    assert cuda.times(gpu.once, gpu).graph_s == pytest.approx(3 * 2e-6, rel=0.05)


def test_what_cannot_be_captured_has_no_time_as_a_graph():
    gpu = FakeGpu(captures=False, nvml=False)
    found = cuda.times(gpu.once, gpu)
    assert found.graph_s is None
    assert found.gauge is None
    assert found.kernels_s > 0


def test_samples_are_taken_until_they_agree_and_no_longer():
    taken = []
    assert cuda.median(lambda: taken.append(1) or 2.0) == 2.0
    assert len(taken) == cuda.LEAST
    values = iter([1.0, 2.0] * 100)
    drawn = []
    cuda.median(lambda: drawn.append(next(values)) or drawn[-1])
    assert len(drawn) == cuda.MOST
    assert cuda.noise([1.0]) == float("inf")


def test_nvml_says_clock_power_and_what_holds_the_clock_down(monkeypatch):
    nvml = SimpleNamespace(
        nvmlDeviceGetCurrentClocksThrottleReasons=lambda handle: 4, nvmlClocksThrottleReasonSwPowerCap=4,
        nvmlClocksThrottleReasonHwSlowdown=8,
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    said = {"_get_pynvml_handler": "handle", "clock_rate": 1500, "power_draw": 700_000, "temperature": 60}
    for name, value in said.items():
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)
    bare = SimpleNamespace(device=torch.device("cuda:0"))
    assert cuda.Gpu.gauge(bare) == cuda.Gauge(1500, 700, 60, "its power limit")
    monkeypatch.setitem(sys.modules, "pynvml", None)  # importing it fails
    assert cuda.Gpu.gauge(bare) is None


@pytest.fixture
def fake_device(monkeypatch):
    """A run that takes the CPU's tensors for a CUDA device's, timed by the stand-in."""
    gpu = FakeGpu()
    monkeypatch.setattr(devices, "devices", lambda: (Device("cpu", "A"), Device("cuda:0", "B")))
    monkeypatch.setattr(devices, "dtypes", lambda key: ("float32",))
    monkeypatch.setattr(devices, "last_level_cache", lambda key: 1000)
    monkeypatch.setattr(Settings, "torch_device", property(lambda self: FakeDevice()))
    monkeypatch.setattr(torch.cuda, "device", lambda device: contextlib.nullcontext())
    monkeypatch.setattr(cuda, "Gpu", lambda device: gpu)
    monkeypatch.setattr(runner.measure, "peak_bytes", lambda once, device: 123)
    return gpu


class FakeDevice:
    type = "cuda"


def run(chosen, **other):
    clock = Clock()
    make = lambda n, dtype, device, seed: operator(clock).make_call(n, dtype, "cpu", seed)  # noqa: E731
    one = operator(clock, sizes=(10,), make_call=make, **other)
    return list(runner.run([one], chosen, clock=clock, measure_limits=known_limits))[-1].result


ON_CUDA = replace(SETTINGS, device="cuda:0", tiers=("manual", "torch"))


def test_a_run_keeps_all_clocks_of_a_cuda_device(fake_device):
    result = run(ON_CUDA)
    for m in result.measurements:
        assert m.status == "ok", m
        assert m.kernels == ("a", "b", "c")
        assert m.gauge.clock_mhz == 1980
        assert None not in (m.kernels_s, m.cold_s, m.graph_s, m.unsynchronised_s)


def test_out_of_memory_while_the_device_is_timed_is_said(fake_device, monkeypatch):
    def full(once, gpu):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(cuda, "times", full)
    assert {m.status for m in run(ON_CUDA).measurements} == {"out of memory"}


@pytest.mark.parametrize("tf32", [False, True])
def test_products_round_their_factors_within_a_run_as_asked_and_afterwards_as_before(tf32):
    flags = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    with tiers.products_in(Settings(tf32=tf32)):
        assert torch.backends.cuda.matmul.allow_tf32 == torch.backends.cudnn.allow_tf32 == tf32
        assert tiers.precision(torch.device("cuda"), torch.float32) == (2.0**-10 if tf32 else 2.0**-23)
    assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == flags
