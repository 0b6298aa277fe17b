"""Bytes that a version moves: what its steps read and write, or what its compiled kernels do."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch._inductor import metrics
from torch._inductor.compile_fx import inductor_metrics_log
from torch.utils._python_dispatch import TorchDispatchMode

from core.calls import tensors
from core.ops.operator import Call
from core.timing.tiers import compiling_afresh

NOTHING = ("aten::empty", "aten::new_empty", "aten::detach")  # allocate, or alias, and move no number


class _Steps(TorchDispatchMode):
    """Adds up, for each operation that is no view, its inputs and its outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        result = func(*args, **(kwargs or {}))
        if not func.is_view and not func.name().startswith(NOTHING):
            self.bytes += sum(_held((args, kwargs))) + sum(_held(result))
        return result


def _held(value: Any) -> Iterator[int]:
    """Bytes of each tensor, once each; of an expanded one those that it has in memory."""
    for tensor in {id(t): t for t in tensors(value)}.values():
        yield min(tensor.numel() * tensor.element_size(), _stored(tensor))


def _stored(tensor: Tensor) -> int:
    cells = 1 + sum((n - 1) * stride for n, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return cells * tensor.element_size()


def in_steps(function: Callable[..., Any], call: Call) -> int:
    """Of the operations that torch is asked for, one after the other; inside one of them a number counts once."""
    with _Steps() as steps:
        call.of(function)
    return steps.bytes


def compiled(function: Callable[..., Any], call: Call) -> int:
    """Of the kernels that the compiler makes of it, as it counts them itself where its metrics are logged."""
    torch.compiler.reset()
    metrics.reset()
    level = inductor_metrics_log.level
    inductor_metrics_log.setLevel(logging.INFO)
    try:
        with compiling_afresh():
            call.of(torch.compile(function, dynamic=False))
    finally:
        inductor_metrics_log.setLevel(level)
    return metrics.num_bytes_accessed
