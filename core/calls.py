"""One call of a version: its tensors, which of them have a gradient, its outcome."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.ops.operator import Call, Operator

Function = Callable[..., Any]


# ---- arguments -------------------------------------------------------------------------------------------------


def tensors(value: Any) -> Iterator[Tensor]:
    """Every tensor in the arguments, in order; lists, tuples, dicts and dataclasses are looked into."""
    found: list[Tensor] = []
    mapped(value, lambda item: found.append(item) or item)  # type: ignore[func-returns-value]
    yield from found


def mapped(value: Any, function: Callable[[Any], Any], kind: type | tuple[type, ...] = Tensor) -> Any:
    """The same arguments with `function` of each tensor, or other `kind` of thing, in its place."""
    if isinstance(value, kind):
        return function(value)
    if isinstance(value, (list, tuple)):
        return type(value)(mapped(item, function, kind) for item in value)
    if isinstance(value, dict):
        return {name: mapped(item, function, kind) for name, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(value, **mapped(vars(value), function, kind))
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
    floating = [i for i, tensor in enumerate(given) if tensor.is_floating_point() or tensor.is_complex()]
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


class Outcome(NamedTuple):
    """What a version gave for one call."""

    values: Sequence[Tensor]
    gradients: Sequence[Tensor | None]  # of the tensors that asked for one, in order; none where no output has a graph


def evaluate(function: Function, call: Call) -> Outcome:
    """The outputs and, where tensors of the call ask for them, the gradients of a fixed weighting of the outputs."""
    outputs = list(results(call.of(function)))
    wanted = [tensor for tensor in arguments(call) if tensor.requires_grad]
    ends = [output for output in outputs if output.requires_grad]
    if not wanted or not ends:
        return Outcome(outputs, [])
    return Outcome(outputs, list(torch.autograd.grad(ends, wanted, weights_for(ends), allow_unused=True)))


def weights_for(ends: Sequence[Tensor]) -> list[Tensor]:
    """A gradient for each output, between 0.5 and 1.5 and unlike for neighbours.

    With equal weights, or weights that rise slowly, the gradients of softmax and the norms cancel to rounding noise.
    """
    return [_uneven(end.numel(), end.device).to(end.dtype).reshape(end.shape) for end in ends]


def _uneven(n: int, device: torch.device) -> Tensor:
    return 0.5 + (torch.arange(n, device=device) * 617 % 997) / 997
