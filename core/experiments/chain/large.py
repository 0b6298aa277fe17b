"""Larger tensors of the same pattern, and how long a walk over them takes."""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count

import torch
from torch.utils.benchmark import Timer

from core.experiments.layout import addresses
from core.experiments.layout.rule import Ints, Layout

ROUNDS = 9
RUN_S = 0.05  # of each measurement, of which a round has one a tensor


def enlarged(layout: Layout, factor: int) -> Layout:
    """The same pattern, every dimension above 1 `factor` times as long: permuted stays permuted, stride 0 stays 0.

    A stride grows by one factor for each shorter stride, so that dimensions nest as they did.
    """
    nested = sorted({s for n, s in zip(layout.shape, layout.stride, strict=True) if n > 1 and s > 0})
    stride = tuple(s * factor ** nested.index(s) if s in nested else s for s in layout.stride)
    larger = Layout(tuple(n * factor if n > 1 else n for n in layout.shape), stride)
    return replace(larger, storage_size=addresses.needed_cells(larger))


def shrunk(layout: Layout, factor: int) -> Layout:
    """The same pattern, every dimension `factor` times as short, and at least 1."""
    nested = sorted({s for n, s in zip(layout.shape, layout.stride, strict=True) if n > 1 and s > 0})
    stride = tuple(-(-s // factor ** nested.index(s)) if s in nested else s for s in layout.stride)
    smaller = Layout(tuple(-(-n // factor) for n in layout.shape), stride)
    return replace(smaller, storage_size=addresses.needed_cells(smaller))


def fitted(layout: Layout, elements: int) -> Layout:
    """The same pattern, as large as `elements` cells and elements allow."""

    def fits(other: Layout) -> bool:
        return max(other.storage_size, other.numel) <= elements

    larger = (enlarged(layout, factor) for factor in count(1))
    if not fits(found := next(larger)):
        factor = 2
        while not fits(found := shrunk(layout, factor)):
            factor += -(-factor // 8)
        return found
    if any(n > 1 for n in layout.shape) and layout.numel:
        while fits(more := next(larger)):
            found = more
    return found


def make_large(layout: Layout, dtype: torch.dtype, elements: int = 1 << 20) -> torch.Tensor:
    """A tensor of random numbers with the pattern of `layout`, as large as `elements` cells and elements allow."""
    large = fitted(layout, elements)
    return torch.rand(large.storage_size).to(dtype).as_strided(large.shape, large.stride)


@dataclass(frozen=True)
class Walked:
    """A walk in reading order over a tensor of these strides and over a contiguous one, in turn."""

    shape: Ints
    stride: Ints
    packed_stride: Ints
    strided_ns: tuple[float, ...]  # nanoseconds an element, a round each
    packed_ns: tuple[float, ...]

    @property
    def share(self) -> float:
        """How much of the rounds is done."""
        return len(self.strided_ns) / ROUNDS

    @property
    def strided(self) -> float:
        """The median over the rounds."""
        return statistics.median(self.strided_ns)

    @property
    def packed(self) -> float:
        """The median over the rounds."""
        return statistics.median(self.packed_ns)

    @property
    def ratios(self) -> list[float]:
        """Strided ÷ contiguous, a round each."""
        return [a / b for a, b in zip(self.strided_ns, self.packed_ns, strict=True)]

    @property
    def ratio(self) -> float:
        """The median ratio."""
        return statistics.median(self.ratios)

    @property
    def least(self) -> float:
        """The smallest ratio of a round."""
        return min(self.ratios)

    @property
    def most(self) -> float:
        """The largest ratio of a round."""
        return max(self.ratios)

    @property
    def busy(self) -> bool:
        """Whether the rounds differ so much that they tell nothing: something else takes the machine."""
        return self.most > 2 * self.least and len(self.ratios) > 2


def walks(layout: Layout, stop: Callable[[], bool]) -> Iterator[Walked]:
    """`cumsum(-1)`, which must walk in reading order as `sum` need not, over both tensors in turn."""
    strided = make_large(layout, torch.float32)
    packed = strided.clone(memory_format=torch.contiguous_format)
    times: tuple[list[float], list[float]] = ([], [])
    while len(times[0]) < ROUNDS and not stop():
        for x, found in zip((strided, packed), times, strict=True):
            timer = Timer("x.cumsum(-1)", globals={"x": x}, num_threads=1)
            found.append(timer.blocked_autorange(min_run_time=RUN_S).median / max(x.numel(), 1) * 1e9)
        shape, stride = tuple(strided.shape), strided.stride()
        yield Walked(shape, stride, packed.stride(), tuple(times[0]), tuple(times[1]))
