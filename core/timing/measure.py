"""What torch's Timer does not tell: peak memory, and on CUDA the device's own time beside the host's."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

Once = Callable[[], object]  # one call of what is timed

TRACED_S = 0.25  # the longest call traced for its memory on the CPU: the trace keeps every allocation
SPIN_CYCLES = 20_000_000  # some 10 ms of an idle kernel


@dataclass(frozen=True)
class DeviceTimes:
    """Medians on CUDA, which runs while the host goes on."""

    kernels_s: float  # the device's work, by its own events, nothing waiting for a launch
    unsynchronised_s: float  # until the call returns: launching alone, and what time.time() would have said


def device_times(once: Once, device: torch.device, runs: int) -> DeviceTimes:
    """Time the work and the launching of one call apart, each `runs` times."""
    with torch.cuda.device(device):
        kernels = statistics.median(_kernels_s(once) for _ in range(runs))
        launches = statistics.median(_launch_s(once) for _ in range(runs))
    return DeviceTimes(kernels, launches)


def _kernels_s(once: Once) -> float:
    """Between two events in the stream, queued while the device is kept busy, so that it never waits for the host."""
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda._sleep(SPIN_CYCLES)
    start.record()
    once()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1000


def _launch_s(once: Once) -> float:
    torch.cuda.synchronize()
    before = time.perf_counter()
    once()
    return time.perf_counter() - before


def peak_bytes(once: Once, device: torch.device) -> int | None:
    """Most bytes that one call holds at a time beyond what lay there before it, its outputs included.

    CUDA: torch's allocator keeps count. CPU: the sum over the profiler's trace of allocations, which sees what
    goes through torch's allocator (not the scratch memory of oneDNN or a BLAS). None on MPS, which has no count.
    """
    if device.type == "cuda":
        return _cuda_peak(once, device)
    return _cpu_peak(once) if device.type == "cpu" else None


def _cuda_peak(once: Once, device: torch.device) -> int:
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    once()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before


def _cpu_peak(once: Once) -> int:
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # or the profiler writes two lines to stderr each time
    with torch.autograd.profiler.profile(profile_memory=True) as profiler:
        once()
    changes = [event for event in profiler.kineto_results.events() if event.name() == "[memory]"]
    held = peak = 0
    for change in sorted(changes, key=lambda event: event.start_ns()):
        held += change.nbytes()
        peak = max(peak, held)
    return peak
