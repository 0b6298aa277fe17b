"""One call of a tier: its tensors, which of them have a gradient, its results, and whether those are torch's."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.ops.operator import Call, Operator

Function = Callable[..., Any]


# ---- arguments -------------------------------------------------------------------------------------------------


def tensors(value: Any) -> Iterator[Tensor]:
    """Every tensor in the arguments, lists, tuples and dicts looked into, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors(item)
    elif isinstance(value, dict):
        yield from tensors(list(value.values()))


def mapped(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """The same arguments with `function` of each tensor in its place."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, (list, tuple)):
        return type(value)(mapped(item, function) for item in value)
    if isinstance(value, dict):
        return {name: mapped(item, function) for name, item in value.items()}
    return value


def arguments(call: Call) -> list[Tensor]:
    """The tensors of a call, in order."""
    return list(tensors((call.args, dict(call.kwargs))))


def prepared(call: Call, leaves: frozenset[int], copy: bool = False) -> Call:
    """The call with gradients asked for by these of its tensors (counted in order) and by no other."""
    count = itertools.count()

    def ready(tensor: Tensor) -> Tensor:
        bare = tensor.detach().clone() if copy else tensor.detach()
        return bare.requires_grad_(next(count) in leaves)

    args, kwargs = mapped((call.args, dict(call.kwargs)), ready)
    return Call(args, kwargs)


def leaves_of(operator: Operator, call: Call) -> frozenset[int]:
    """Which tensors of the call (counted in order) get a gradient: those marked, else all that torch differentiates."""
    given = arguments(call)
    marked = frozenset(i for i, tensor in enumerate(given) if tensor.requires_grad)
    if marked or not operator.differentiable:
        return marked
    floating = [i for i, tensor in enumerate(given) if tensor.is_floating_point()]
    return frozenset(i for i in floating if _differentiable(operator.torch, call, i))


def _differentiable(function: Function, call: Call, i: int) -> bool:
    """Whether torch gives a gradient for this tensor alone; running statistics and class weights have none."""
    try:
        _, gradients = evaluate(function, prepared(call, frozenset({i}), copy=True))
    except (RuntimeError, ValueError, TypeError):
        return False
    return any(gradient is not None for gradient in gradients)


# ---- results ---------------------------------------------------------------------------------------------------


def results(value: Any) -> Iterator[Tensor]:
    """Every tensor in a result; numbers and NumPy arrays count as tensors."""
    if isinstance(value, (int, float, np.ndarray, np.generic)):
        yield torch.as_tensor(value)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from results(item)
    else:
        yield from tensors(value)


def evaluate(function: Function, call: Call) -> tuple[list[Tensor], list[Tensor | None]]:
    """The outputs and, where tensors of the call ask for them, the gradients of a fixed weighting of the outputs."""
    outputs = list(results(call.of(function)))
    wanted = [tensor for tensor in arguments(call) if tensor.requires_grad]
    ends = [output for output in outputs if output.requires_grad]
    if not wanted or not ends:
        return outputs, []
    return outputs, list(torch.autograd.grad(ends, wanted, weights_for(ends), allow_unused=True))


def weights_for(ends: Sequence[Tensor]) -> list[Tensor]:
    """A gradient for each output, between 0.5 and 1.5 and unlike for neighbours.

    With equal weights, or weights that rise slowly, the gradients of softmax and the norms cancel to rounding noise.
    """
    return [_uneven(end.numel(), end.device).to(end.dtype).reshape(end.shape) for end in ends]


def _uneven(n: int, device: torch.device) -> Tensor:
    return 0.5 + (torch.arange(n, device=device) * 617 % 997) / 997


# ---- whether two results are the same --------------------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """How far a version's results lie from torch's, and how far they may."""

    what: str  # what was compared: "values", "gradients", "distributions of values"
    difference: float  # the largest; infinity for a misfit, and where one has infinity or NaN and the other not
    tolerance: float
    misfit: str = ""  # what makes the two incomparable

    @property
    def right(self) -> bool:
        """Whether the difference lies within the tolerance."""
        return not self.misfit and self.difference <= self.tolerance

    def __str__(self) -> str:
        if self.misfit:
            return f"{self.what} of {self.misfit}"
        return f"{self.what} differ from torch's by {self.difference:.3g}, {self.tolerance:.3g} allowed"


def _misfit(ours: Sequence[Tensor | None], theirs: Sequence[Tensor | None]) -> str:
    """How number, shape or dtype differ; empty where they do not. None, no gradient, fits everything."""
    if len(ours) != len(theirs):
        return f"number {len(ours)} in place of {len(theirs)}"
    for our, their in zip(ours, theirs, strict=True):
        if our is not None and their is not None and our.shape != their.shape:
            return f"shape {tuple(our.shape)} in place of {tuple(their.shape)}"
        if our is not None and their is not None and our.dtype != their.dtype:
            return f"{our.dtype} in place of {their.dtype}"
    return ""


def precision(device: torch.device, dtype: torch.dtype) -> float:
    """The spacing of numbers near 1 in the arithmetic that the device does: TF32 for float32 where that is allowed."""
    tf32 = torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32
    if device.type == "cuda" and dtype == torch.float32 and tf32:
        return 2.0**-10
    return torch.finfo(dtype).eps


def compared(what: str, ours: Sequence[Tensor | None], theirs: Sequence[Tensor | None], eps: float) -> Comparison:
    """The worst difference, against √eps of the largest number: half the digits, wrong and not merely rounded.

    Integers and truth values have to be equal.
    """
    misfit = _misfit(ours, theirs)
    if misfit:
        return Comparison(what, math.inf, 0.0, misfit)
    allowed = math.sqrt(eps) * max((_largest(tensor) for tensor in theirs), default=0.0)
    apart = [
        (difference_of(our, their), allowed if _rounds(their) else 0.0) for our, their in zip(ours, theirs, strict=True)
    ]
    return Comparison(what, *max(apart, key=lambda pair: pair[0] - pair[1], default=(0.0, allowed)))


def _rounds(tensor: Tensor | None) -> bool:
    return tensor is None or tensor.is_floating_point()


def _largest(tensor: Tensor | None) -> float:
    if tensor is None or tensor.numel() == 0:
        return 0.0
    return tensor.detach().cpu().double().nan_to_num(0, 0, 0).abs().max().item()


def difference_of(ours: Tensor | None, theirs: Tensor | None) -> float:
    """Of all elements the largest; an unused input's None is a gradient of zeros."""
    if ours is None or theirs is None:
        return max(_largest(ours), _largest(theirs))
    a, b = ours.detach().cpu().double(), theirs.detach().cpu().double()
    apart = torch.where((a == b) | (a.isnan() & b.isnan()), 0.0, (a - b).abs())
    return apart.nan_to_num(math.inf).max().item() if apart.numel() else 0.0


def distributions(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Comparison:
    """For random versions that draw other numbers from the same seed: the Kolmogorov–Smirnov distance.

    Two samples of n numbers from one distribution lie further apart than 3·√(2/n) once in 30 million times.
    """
    misfit = _misfit(ours, theirs)
    if misfit:
        return Comparison("values", math.inf, 0.0, misfit)
    distances = [
        (_ks(our, their), 3 * math.sqrt(2 / max(our.numel(), 1))) for our, their in zip(ours, theirs, strict=True)
    ]
    worst = max(distances, key=lambda pair: pair[0] - pair[1], default=(0.0, 0.0))
    return Comparison("distributions of values", *worst)


def _ks(ours: Tensor, theirs: Tensor) -> float:
    """The largest gap between the shares of elements at most x, over all x."""
    a, b = (t.detach().cpu().double().flatten().sort().values for t in (ours, theirs))
    if a.numel() == 0:
        return 0.0
    x = torch.cat([a, b])
    shares = [torch.searchsorted(t, x, right=True) / t.numel() for t in (a, b)]
    return (shares[0] - shares[1]).abs().max().item()
