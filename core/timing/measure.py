"""What torch's Timer does not tell: peak memory."""

import os
from collections.abc import Callable

import torch

Once = Callable[[], object]  # one call of what is timed

TRACED_S = 0.25  # the longest call traced for its memory on the CPU: the trace keeps every allocation


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
