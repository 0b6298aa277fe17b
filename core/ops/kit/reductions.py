"""The `reduction` of a loss, and the two deprecated arguments that it replaced."""

import warnings
from typing import Any

from torch import Tensor


def reduction_of(reduction: Any, size_average: Any, reduce: Any) -> str:
    """The reduction that the arguments ask for: the two old ones, deprecated in torch too, overrule the new one."""
    if size_average is not None or reduce is not None:
        average, reduced = size_average in (None, True), reduce in (None, True)
        reduction = ("mean" if average else "sum") if reduced else "none"
        warnings.warn(f"size_average and reduce are deprecated, use reduction={reduction!r}", stacklevel=3)
    if reduction == "elementwise_mean":
        warnings.warn("reduction='elementwise_mean' is deprecated, use 'mean'", stacklevel=3)
        return "mean"
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"argument 'reduction' must be one of 'none', 'mean', 'sum', but got {reduction!r}")
    return reduction


def reduced(loss: Tensor, reduction: str, weight: Tensor | None = None) -> Tensor:
    """The losses themselves, their sum or their mean (nan of none at all), each times `weight` before that."""
    loss = loss if weight is None else loss * weight
    if reduction == "none":
        return loss
    return loss.mean() if reduction == "mean" else loss.sum()
