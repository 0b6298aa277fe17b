"""Larger tensors of the same pattern, to time."""

from dataclasses import replace

import torch

from core.experiments.layout import addresses
from core.experiments.layout.rule import Layout


def enlarged(layout: Layout, factor: int) -> Layout:
    """The same pattern, every dimension above 1 `factor` times as long: permuted stays permuted, stride 0 stays 0.

    A stride grows by one factor for each shorter stride, so that dimensions nest as they did.
    """
    nested = sorted({s for n, s in zip(layout.shape, layout.stride, strict=True) if n > 1 and s > 0})
    stride = tuple(s * factor ** nested.index(s) if s in nested else s for s in layout.stride)
    larger = Layout(tuple(n * factor if n > 1 else n for n in layout.shape), stride)
    return replace(larger, storage_size=addresses.needed_cells(larger))


def make_large(layout: Layout, dtype: torch.dtype, elements: int = 1 << 20) -> torch.Tensor:
    """A tensor of zeros with the pattern of `layout`, as large as `elements` cells and elements allow."""
    factor, steps = 1, any(n > 1 for n in layout.shape) and layout.numel > 0
    while steps and max((larger := enlarged(layout, factor + 1)).storage_size, larger.numel) <= elements:
        factor += 1
    large = enlarged(layout, factor)
    return torch.zeros(large.storage_size, dtype=dtype).as_strided(large.shape, large.stride)
