"""The devices that torch can use here, under names a reader knows, and what each can do."""

import functools
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils._triton import has_triton

from core.timing.settings import DTYPES
from core.words import _, say


@dataclass(frozen=True)
class Device:
    """A device: torch's name for it, and the maker's."""

    key: str  # "cpu", "cuda:0", "mps"
    name: str

    def __str__(self) -> str:
        return f"{self.name} ({self.key})"


def devices() -> tuple[Device, ...]:
    """The CPU first, then each CUDA device by name, then MPS."""
    found = [Device("cpu", cpu_name())]
    if torch.cuda.is_available():
        found += [Device(f"cuda:{i}", torch.cuda.get_device_name(i)) for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append(Device("mps", f"GPU of the {cpu_name()}"))
    return tuple(found)


def default() -> Device:
    """The first accelerator, or the CPU where there is none."""
    return (devices()[1:] or devices())[0]


def named(key: str) -> Device:
    """The device of this key; "cuda" is the first CUDA device. ValueError where there is none such here."""
    key = "cuda:0" if key == "cuda" else key
    for device in devices():
        if device.key == key:
            return device
    raise ValueError(f"device must be among {', '.join(d.key for d in devices())}, but got {key!r}")


def without_gpu() -> str:
    """A sentence for machines on which torch finds no GPU; empty where it finds one."""
    if len(devices()) > 1:
        return ""
    built = torch.version.cuda or torch.version.hip
    why = _("this build of torch is for the CPU only") if not built else _("torch sees no device it could use")
    return say("No GPU here ({why}): what follows is timed on the CPU, {cpu}.", why=why, cpu=cpu_name())


def dtypes(key: str) -> tuple[str, ...]:
    """The dtypes that the device computes in. An operator may support fewer; the run says so where it does."""
    device = torch.device(key)
    if device.type == "mps":
        return tuple(name for name in DTYPES if name != "float64")
    if device.type == "cuda" and not torch.cuda.is_bf16_supported():
        return tuple(name for name in DTYPES if name != "bfloat16")
    return DTYPES


@functools.cache
def cpu_name() -> str:
    """The processor as its maker calls it, as far as the system tells."""
    try:
        model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
        if model:
            return model[1].strip()
    except OSError:
        pass
    return _sysctl("machdep.cpu.brand_string") or platform.processor() or platform.machine() or "CPU"


def cores() -> int:
    """Logical processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load() -> float | None:
    """How many processes wanted the cores in the last minute, on average; None where the system does not count."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


@functools.cache
def last_level_cache(key: str) -> int:
    """Bytes of the largest cache in front of the device's memory; 32 MiB where the system does not tell."""
    device = torch.device(key)
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).L2_cache_size
    listed = Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")
    sizes = [_kibibytes(path.read_text()) for path in listed]
    apple = [int(_sysctl(name) or 0) for name in ("hw.perflevel0.l2cachesize", "hw.l3cachesize")]
    return max(sizes + apple) or 32 * 2**20


def _kibibytes(text: str) -> int:
    """Bytes written as the Linux kernel writes them: "32768K"."""
    unit = {"K": 2**10, "M": 2**20, "G": 2**30}.get(text.strip()[-1:], 1)
    return int(text.strip().rstrip("KMG")) * unit


def _sysctl(name: str) -> str:
    """A fact of macOS; empty on other systems and for unknown names."""
    if platform.system() != "Darwin":
        return ""
    return subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, check=False).stdout.strip()


def compiler_missing(key: str) -> str:
    """Why torch.compile can't work on the device, from what is installed; empty where nothing is missing.

    Looks, and compiles nothing, so that a page may ask. `compile_failure` tries it out.
    """
    if torch.device(key).type == "cuda":
        return "" if has_triton() else _("torch.compile needs Triton on a GPU, which is not installed")
    wanted = [os.environ["CXX"]] if os.environ.get("CXX") else ["c++", "g++", "clang++", "cl"]
    if any(shutil.which(name) for name in wanted):
        return ""
    return say(
        "torch.compile needs a C++ compiler, and none is installed here (looked for {wanted})", wanted=", ".join(wanted)
    )


@functools.cache
def compile_failure(key: str) -> str:
    """Why torch.compile can't work on the device, found by compiling `x + 1` once a process; empty where it works.

    The first compilation of a process takes seconds: torch loads its compiler and tries the machine's vector
    instructions.
    """
    missing = compiler_missing(key)
    if missing:
        return missing
    x = torch.zeros(8, device=key)
    try:
        right = torch.compile(lambda t: t + 1)(x).sum().item() == 8
    except Exception as error:  # whatever stands in the way is the reason to show
        return f"torch.compile fails here: {type(error).__name__}: {str(error).strip().splitlines()[0]}"
    return "" if right else "torch.compile gives a wrong sum here"
