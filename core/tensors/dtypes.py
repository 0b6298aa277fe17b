"""The dtypes that a reader can choose, by the names that torch gives them."""

from collections.abc import Mapping

import torch

DTYPES: Mapping[str, torch.dtype] = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float32,
        torch.float64,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
        torch.bool,
        torch.complex64,
    )
}


def as_floats(x: torch.Tensor) -> torch.Tensor:
    """x itself, or the same numbers as float32 where its dtype has no gradient."""
    return x if x.is_floating_point() else x.float()
