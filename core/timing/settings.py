"""What a run times: on which device, in which dtype, at which sizes, which tiers, and for how long at most."""

from dataclasses import dataclass

import torch

from core.ops.operator import Operator
from core.words import N_

TIERS = N_(("textbook", "manual", "compiled", "torch"))  # "compiled": torch.compile of the manual version
DTYPES = ("float32", "float64", "bfloat16", "float16")
SWEEPS = ("small", "large", "all")  # the operator's smallest size, its largest, or every size it names


@dataclass(frozen=True)
class Settings:
    """The settings of one run. They travel with the result, so that no figure is shown without them.

    `sizes` is one of SWEEPS or sizes by number; `threads` are torch's threads inside an operator on the CPU.
    ValueError where a value is not allowed, naming it.
    """

    device: str = "cpu"
    dtype: str = "float32"
    sizes: str | tuple[int, ...] = "all"
    backward: bool = False  # time forward + backward instead of forward alone
    tiers: tuple[str, ...] = TIERS
    threads: int = 1
    seed: int = 0
    budget_s: float = 60.0  # bound on the whole run; checked between calls, so that one call may overrun it
    textbook_limit_s: float = 2.0  # a textbook call expected to take longer is left out
    compile_limit_s: float = 20.0  # a compilation that takes longer is given up, where the run has its own process
    tf32: bool = False  # CUDA: whether products of float32 numbers may round their factors to 10 bits

    def __post_init__(self) -> None:
        _among("dtype", (self.dtype,), DTYPES)
        _among("tiers", self.tiers, TIERS)
        if isinstance(self.sizes, str):
            _among("sizes", (self.sizes,), SWEEPS)
        elif any(size < 1 for size in self.sizes):
            raise ValueError(f"sizes must be at least 1, but got {self.sizes}")
        if self.threads < 1:
            raise ValueError(f"threads must be at least 1, but got {self.threads}")
        bounds = (self.budget_s, self.textbook_limit_s, self.compile_limit_s)
        if not all(bound > 0 for bound in bounds):
            raise ValueError(f"limits of time must be positive, but got {bounds}")

    @property
    def torch_device(self) -> torch.device:
        """The device as torch's own object."""
        return torch.device(self.device)

    @property
    def torch_dtype(self) -> torch.dtype:
        """The dtype as torch's own object."""
        return getattr(torch, self.dtype)

    def sizes_of(self, operator: Operator) -> tuple[int, ...]:
        """The sizes at which this run times the operator, ascending."""
        if not isinstance(self.sizes, str):
            return tuple(sorted(set(self.sizes)))
        named = {"small": operator.sizes[:1], "large": operator.sizes[-1:], "all": operator.sizes}
        return named[self.sizes]

    def tiers_of(self, operator: Operator) -> tuple[str, ...]:
        """The tiers of this run that the operator has, in the order of TIERS."""
        return tuple(tier for tier in TIERS if tier in self.tiers and (tier != "textbook" or operator.textbook_tier))


def _among(name: str, values: tuple[str, ...], allowed: tuple[str, ...]) -> None:
    for value in values:
        if value not in allowed:
            raise ValueError(f"{name} must be among {', '.join(allowed)}, but got {value!r}")
