"""Times on a CUDA device, which runs while the host goes on: by its events, with a warm cache and a cold, by a graph.

`Gpu` is all that is asked of the device; the tests put a stand-in in its place.
"""

import contextlib
import importlib
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from core.timing.measure import Once

LEAST, MOST = 5, 50  # calls behind a median
NOISE = 0.01  # a median is good enough once its standard error is this share of it
SPIN_TRIAL = 1_000_000  # cycles of the spin that tells how long a cycle is
SPARE = 2.0  # the device is kept busy for so many times what queueing a call takes
WARM_UP = 3  # calls before a graph is captured, as torch asks for


@dataclass(frozen=True)
class Gauge:
    """What the device says of itself, by NVML."""

    clock_mhz: float
    power_w: float
    celsius: float
    slowed_by: str = ""  # what holds its clock down, empty where nothing does


@dataclass(frozen=True)
class Times:
    """Medians of one call in seconds, and what ran."""

    kernels_s: float  # the device's work, nothing waiting for a launch, inputs where the call before left them
    cold_s: float  # the same with an L2 cache that holds something else
    graph_s: float | None  # the same from a graph, which launches all kernels at once; None where it can't be captured
    unsynchronised_s: float  # until the call returns: queueing alone, and what time.time() would have said
    kernels: tuple[str, ...]  # by name, in order
    gauge: Gauge | None  # None without NVML


class Gpu:
    """One CUDA device."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        held = torch.cuda.get_device_properties(device).L2_cache_size
        self._other = torch.empty(2 * held, dtype=torch.int8, device=device)

    def now(self) -> float:
        """The host's clock."""
        return time.perf_counter()

    def event(self) -> Any:
        """An event of the stream, with `record` and `elapsed_time`, in milliseconds."""
        return torch.cuda.Event(enable_timing=True)

    def wait(self) -> None:
        """Until the device has done all."""
        torch.cuda.synchronize(self.device)

    def spin(self, cycles: int) -> None:
        """Queue a kernel that does nothing for so many cycles."""
        torch.cuda._sleep(cycles)

    def flush(self) -> None:
        """Queue what fills the L2 cache with something else."""
        self._other.zero_()

    def graph(self, once: Once) -> Once:
        """The call as a graph to be replayed. RuntimeError where it can't be captured, as when it waits for results."""
        aside = torch.cuda.Stream(self.device)
        aside.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                once()
        torch.cuda.current_stream(self.device).wait_stream(aside)
        captured = torch.cuda.CUDAGraph()
        with torch.cuda.graph(captured):
            once()
        return captured.replay

    def kernels(self, once: Once) -> tuple[str, ...]:
        """The names of the kernels that a call starts, in order."""
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profiler:
            once()
            self.wait()
        found = [e for e in profiler.events() or () if e.device_type == torch.autograd.DeviceType.CUDA]
        return tuple(event.name for event in sorted(found, key=lambda event: event.time_range.start))

    def gauge(self) -> Gauge | None:
        """What NVML says; None where it is not installed or does not answer."""
        try:
            pynvml = importlib.import_module("pynvml")
            handle = torch.cuda._get_pynvml_handler(self.device)
            reasons = pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
            slowed = [name for name, bit in _reasons(pynvml).items() if reasons & bit]
            return Gauge(
                torch.cuda.clock_rate(self.device), torch.cuda.power_draw(self.device) / 1000,
                torch.cuda.temperature(self.device), ", ".join(slowed),
            )  # fmt: skip
        except Exception:  # its errors are its own, and the times stand without it
            return None


def _reasons(nvml: Any) -> dict[str, int]:
    """What may hold a clock down, by NVML's bits; idling is none."""
    names = {"SwPowerCap": "its power limit", "HwSlowdown": "the hardware", "SwThermalSlowdown": "its temperature"}
    return {said: getattr(nvml, f"nvmlClocksThrottleReason{name}", 0) for name, said in names.items()}


def times(once: Once, gpu: Gpu) -> Times:
    """One call by every clock. What the queue must hold is found first: a launch may take longer than its kernel."""
    launch_s = median(lambda: _launch_s(once, gpu))
    cycles = max(int(SPARE * launch_s / _cycle_s(gpu)), 1)
    graph_s: float | None = None
    with contextlib.suppress(RuntimeError):
        replay = gpu.graph(once)
        graph_s = median(lambda: _work_s(replay, gpu, cycles))
    gpu.wait()
    return Times(
        kernels_s=median(lambda: _work_s(once, gpu, cycles)),
        cold_s=median(lambda: _work_s(once, gpu, cycles, flushed=True)),
        graph_s=graph_s, unsynchronised_s=launch_s, kernels=gpu.kernels(once), gauge=gpu.gauge(),
    )  # fmt: skip


def median(sample: Callable[[], float]) -> float:
    """Of LEAST samples, and of more until they agree or there are MOST."""
    found: list[float] = []
    while len(found) < LEAST or (len(found) < MOST and noise(found) > NOISE):
        found.append(sample())
    return statistics.median(found)


def noise(found: list[float]) -> float:
    """The standard error of the median ÷ the median, from the quartiles: 1.25 · (q₃ − q₁) / 1.35 / √n."""
    if len(found) < 2:
        return math.inf
    low, middle, high = statistics.quantiles(found, n=4)
    return 1.25 * (high - low) / 1.35 / math.sqrt(len(found)) / middle if middle else 0.0


def _cycle_s(gpu: Gpu) -> float:
    """How long the device spins for a cycle."""
    start, end = gpu.event(), gpu.event()
    gpu.wait()
    start.record()
    gpu.spin(SPIN_TRIAL)
    end.record()
    gpu.wait()
    return start.elapsed_time(end) / 1000 / SPIN_TRIAL


def _work_s(once: Once, gpu: Gpu, cycles: int, flushed: bool = False) -> float:
    """Between two events, queued while the device spins, so that it never waits for the host."""
    start, end = gpu.event(), gpu.event()
    gpu.wait()
    if flushed:
        gpu.flush()
    gpu.spin(cycles)
    start.record()
    once()
    end.record()
    gpu.wait()
    return start.elapsed_time(end) / 1000


def _launch_s(once: Once, gpu: Gpu) -> float:
    gpu.wait()
    before = gpu.now()
    once()
    return gpu.now() - before
