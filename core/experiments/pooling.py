"""A pooling and how it comes about: what each window holds, which of its cells wins, what an average divides by."""

from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.experiments.refusals import Refusal, UnsafeError, refused
from core.experiments.shift import Change, change, shifted
from core.experiments.windows import LARGEST_WITH_NUMBERS, Index, read_by, reads, using
from core.ops import pooling as ops
from core.ops.kit.windows import Windows
from core.ops.operator import Call
from core.words import N_

MAX_SETTINGS = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
AVERAGE_SETTINGS = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")
KINDS = ("max", "average")
FUNCTIONS = (ops.max_pool2d, ops.avg_pool2d)  # by hand
LARGEST_PATCH = 7  # cells along a side of the part of an image that is gone through cell by cell
torchs_max, torchs_average = torch.nn.functional.max_pool2d, torch.nn.functional.avg_pool2d


@dataclass(frozen=True)
class Pool:
    """One kind of pooling of one channel, and how its result came about."""

    kind: str  # of KINDS
    output: Tensor  # (h, w)
    windows: Windows
    winners: Tensor | None  # (h, w), of a maximum: each window's winner as a position in the flattened H·W
    divisors: Tensor | None  # (h, w), of an average

    def winner(self, cell: Index, width: int) -> Index:
        """The input cell (y, x) that is the maximum of this output's window; `width` is the input's."""
        assert self.winners is not None
        return divmod(int(self.winners[cell]), width)

    def holds(self, cell: Index) -> bool:
        """Whether the output has this cell."""
        return all(i < n for i, n in zip(cell, self.output.shape, strict=True))


@dataclass(frozen=True)
class Run:
    """Both poolings of one channel."""

    x: Tensor  # (H, W)
    settings: dict[str, Any]  # of both; dilation is of the maximum alone, count_include_pad of the average
    max: Pool
    average: Pool

    @property
    def pools(self) -> tuple[Pool, Pool]:
        """Both, the maximum first."""
        return self.max, self.average

    @property
    def as_image(self) -> bool:
        """Whether the input is too large for numbers in its cells."""
        return max(self.x.shape) > LARGEST_WITH_NUMBERS

    def call(self, kind: str) -> Call:
        """The arguments of max_pool2d or avg_pool2d, with one channel."""
        return Call((self.x[None],), settings_of(kind, self.settings))

    @property
    def largest(self) -> tuple[int, int]:
        """Rows and columns that hold the cells of both outputs."""
        down, across = (max(self.max.output.shape[d], self.average.output.shape[d]) for d in (0, 1))
        return down, across


def settings_of(kind: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Of all settings those that this kind of pooling has."""
    return {name: settings[name] for name in (MAX_SETTINGS if kind == "max" else AVERAGE_SETTINGS)}


PADDING_ALONE = N_(
    "With this dilation a window of the maximum holds padding alone. torch takes that: it gives −inf and an index "
    "outside the input, and its backward then writes outside the tensor, so that the process may end."
)


def example(size: int, seed: int) -> Tensor:
    """Whole numbers from 0 to 49, so that few maxima are equal."""
    return torch.randint(0, 50, (size, size), generator=torch.Generator().manual_seed(seed)).float()


def floating(x: Tensor) -> Tensor:
    """The input in a dtype that has averages: floating numbers as they are, whole ones as floats that hold them."""
    if x.is_floating_point():
        return x
    return x.double() if x.dtype != torch.bool and bool((x.long().abs() > 2**24).any()) else x.float()


def pool(x: Tensor, settings: dict[str, Any]) -> Run:
    """Run both poolings on one channel (H, W) and keep their steps. RuntimeError where the settings don't fit."""
    given = settings_of("max", settings)
    wide, close = ops.windows_of(x[None], **given), ops.windows_of(x[None], **(given | {"dilation": 1}))
    if not wide.all_hold_input():
        raise UnsafeError(PADDING_ALONE)
    highest = ops.max_pool2d_steps(x[None], wide)
    mean = ops.avg_pool2d_steps(x[None], close, settings["count_include_pad"])
    winners = ops.winners(highest.padded, wide)[0]
    divisors = torch.as_tensor(mean.divisor).expand(close.outputs)
    return Run(
        x, settings, Pool("max", highest.output[0], wide, winners, None),
        Pool("average", mean.output[0], close, None, divisors),
    )  # fmt: skip


@dataclass(frozen=True)
class Misfit:
    """A refusal, and the sizes that it is about."""

    refusal: Refusal
    kernel: int
    dilation: int
    span: int  # of a window
    padded: tuple[int, int]  # the input with its padding


def misfit(x: Tensor, settings: dict[str, Any]) -> Misfit | None:
    """torch's words to settings that it does not take, and which single change of them it would take."""
    kernel, dilation, padding = settings["kernel_size"], settings["dilation"], settings["padding"]

    def call(**given: Any) -> None:
        torchs_max(x[None], **settings_of("max", given))
        torchs_average(x[None], **settings_of("average", given))
        pool(x, given)

    changes = [("dilation", 1), *(("padding", p) for p in range(padding + 1, kernel // 2 + 1)), ("padding", 0)]
    changes += [("kernel_size", k) for k in range(kernel - 1, 2 * padding - 1, -1) if k]
    found = refused(call, settings, changes)
    if found is None:
        return None
    around = (x.shape[0] + 2 * padding, x.shape[1] + 2 * padding)
    return Misfit(found, kernel, dilation, dilation * (kernel - 1) + 1, around)


def nearest(x: Tensor, settings: dict[str, Any]) -> Run:
    """The run with the settings that go with any input and kernel: half a kernel of padding, no dilation."""
    return pool(x, settings | {"padding": settings["kernel_size"] // 2, "dilation": 1, "ceil_mode": False})


def apply(kind: str, x: Tensor, settings: dict[str, Any]) -> Tensor:
    """The pooling of one channel (H, W) → (h, w)."""
    output = (ops.max_pool2d if kind == "max" else ops.avg_pool2d)(x[None], **settings_of(kind, settings))
    assert isinstance(output, Tensor)
    return output[0]


def gradient(kind: str, run: Run, arriving: Tensor) -> Tensor:
    """What comes to the input (H, W) where `arriving` (h, w) comes to the output."""
    leaf = run.x.clone().requires_grad_()
    (grad,) = torch.autograd.grad(apply(kind, leaf, run.settings), leaf, arriving)
    return grad


# ---- what its cells hold and win ---------------------------------------------------------------------------------


def apart(run: Run) -> bool:
    """Whether the windows of the two differ: avg_pool2d has no dilation."""
    return bool(run.settings["dilation"] > 1)


def winners(run: Run) -> np.ndarray:
    """Each output of the maximum (y, x) with the input (y, x) that won it: (n, 4)."""
    assert run.max.winners is not None
    rows, columns = np.indices(run.max.output.shape).reshape(2, -1)
    return np.stack([rows, columns, *np.divmod(run.max.winners.flatten().numpy(), run.x.shape[1])], 1)


def ties(run: Run) -> np.ndarray:
    """How often each window's maximum occurs in it: (h, w)."""
    windows = run.max.windows
    lowest = np.pad(run.x.double().numpy(), windows.pads, constant_values=-np.inf)
    rows, columns = (
        reads(windows, axis)[:, 1].reshape(-1, windows.kernel_size[axis]) + windows.pads[axis][0] for axis in (0, 1)
    )
    held = lowest[rows[:, None, :, None], columns[None, :, None, :]]  # (h, w, kh, kw)
    return (held == run.max.output.double().numpy()[..., None, None]).sum((2, 3))


def inside(run: Run) -> np.ndarray:
    """How many cells of the input each window of the average holds: (h, w)."""
    windows = run.average.windows
    counts = []
    for axis, size in enumerate(run.x.shape):
        output, cell = reads(windows, axis).T
        counts.append(np.bincount(output[(cell >= 0) & (cell < size)], minlength=windows.outputs[axis]))
    return np.outer(*counts)


def won_by(run: Run, pool: Pool, at: Index) -> list[Index]:
    """The outputs whose maximum is this input cell."""
    if pool.winners is None:
        return []
    return [cell for cell in using(pool.windows, at) if pool.winner(cell, run.x.shape[1]) == at]


def window_cells(run: Run, pool: Pool, out: Index) -> list[Index]:
    """The input cells (y, x) of an output's window, its padding left out."""
    (top, _), (left, _) = pool.windows.pads
    cells = [(y - top, x - left) for y, x in read_by(pool.windows, out)]
    return [cell for cell in cells if all(0 <= i < n for i, n in zip(cell, run.x.shape, strict=True))]


# ---- gradients and shifts ----------------------------------------------------------------------------------------


def arriving(which: str, pool: Pool, out: Index) -> Tensor:
    """The gradient (h, w) that comes to the outputs: a 1 to each, to this one alone, or 1, 2, 3, …"""
    if which == "ones":
        return torch.ones_like(pool.output)
    if which == "counting":
        return torch.arange(1.0, pool.output.numel() + 1).reshape(pool.output.shape).to(pool.output.dtype)
    chosen = torch.zeros_like(pool.output)
    if pool.holds(out):
        chosen[out] = 1
    return chosen


@dataclass(frozen=True)
class Flow:
    """The gradient of one pooling: what arrives, and what goes on to the input."""

    kind: str
    came: Tensor
    went: Tensor

    @property
    def arrives(self) -> float:
        """In all."""
        return self.came.double().sum().item()

    @property
    def goes_on(self) -> float:
        """In all; the padding's share is lost."""
        return self.went.double().sum().item()

    @property
    def reached(self) -> int:
        """Cells of the input that get some of it."""
        return int((self.went != 0).sum())


def flows(run: Run, which: str, out: Index) -> dict[str, Flow]:
    """The gradients of both poolings."""
    came = {pool.kind: arriving(which, pool, out) for pool in run.pools}
    return {kind: Flow(kind, came[kind], gradient(kind, run, came[kind])) for kind in KINDS}


def shift_change(run: Run, kind: str, down: int, across: int) -> Change:
    """How one pooling's output changes when the input is shifted."""
    return change(apply(kind, run.x, run.settings), apply(kind, shifted(run.x, down, across), run.settings))


@dataclass(frozen=True)
class Shift:
    """How the input and both outputs change under one shift."""

    down: int
    across: int
    input: Change
    max: Change
    average: Change


def shift(run: Run, down: int, across: int) -> Shift:
    """Move the input; what leaves on one side comes in on the other."""
    moved = change(run.x, shifted(run.x, down, across))
    return Shift(down, across, moved, *(shift_change(run, kind, down, across) for kind in KINDS))


# ---- what people believe -----------------------------------------------------------------------------------------


def patch(run: Run) -> Tensor:
    """The input (H, W), of an image its middle, small enough to go through cell by cell."""
    if not run.as_image:
        return run.x
    top, left = (max((size - LARGEST_PATCH) // 2, 0) for size in run.x.shape)
    return run.x[top : top + LARGEST_PATCH, left : left + LARGEST_PATCH]


def textbook_window(run: Run) -> Tensor:
    """The tutorial's pool_k, as large as the kernel on screen if the input holds it."""
    return torch.ones(tuple(min(run.settings["kernel_size"], size) for size in patch(run).shape))


@dataclass(frozen=True)
class Unread:
    """The tutorial's pooling with ones and with other numbers in its pool_k."""

    kernel: tuple[int, ...]
    drawn: Tensor
    maxima: int  # that differ
    averages: int


def ones_unread(run: Run) -> Unread:
    """Run `pool2d` with ones and with random numbers in pool_k."""
    X, ones = patch(run), textbook_window(run)
    drawn = torch.randn(ones.shape, generator=torch.Generator().manual_seed(0))
    differ = [change(ops.pool2d(X, ones, mode), ops.pool2d(X, drawn, mode)).cells for mode in ("max", "avg")]
    return Unread(tuple(ones.shape), drawn, *differ)


@dataclass(frozen=True)
class WholeNumbers:
    """The tutorial's pooling on the numbers that it was written for."""

    says: str  # of the average of integers
    maxima: list[list[float]]
    averages: list[list[float]]  # of the same numbers as floats
    unknown: list[list[float]]  # what an unknown mode gives


def whole_numbers() -> WholeNumbers:
    """Run `pool2d` on the tutorial's own X."""
    X, pool_k = torch.tensor([[0, 1, 2], [3, 4, 5], [6, 7, 8]]), torch.ones(2, 2)
    found = refused(partial(ops.pool2d, X), {"pool_k": pool_k}, [])
    outputs = ops.pool2d(X, pool_k, "max"), ops.pool2d(X.float(), pool_k), ops.pool2d(X, pool_k, "mean")
    return WholeNumbers(found.says if found else "", *(output.tolist() for output in outputs))


@dataclass(frozen=True)
class Strides:
    """The tutorial's pooling beside torch's, both without a stride."""

    input: tuple[int, ...]
    kernel: tuple[int, ...]
    textbook: tuple[int, ...]
    torchs: tuple[int, ...]
    dtype: torch.dtype  # of the textbook's output for float64


def stride_one(run: Run) -> Strides:
    """Output sizes of the textbook and of torch's default."""
    X, pool_k = patch(run), textbook_window(run)
    theirs, kernel = ops.pool2d(X, pool_k, "max"), tuple(pool_k.shape)
    output = torchs_max(X[None], kernel)[0]
    return Strides(
        tuple(X.shape), kernel, tuple(theirs.shape), tuple(output.shape), ops.pool2d(X.double(), pool_k).dtype
    )


@dataclass(frozen=True)
class Lowest:
    """An input below 0, padded by torch and with zeros by hand."""

    lowered: float  # so much was taken off the input
    kernel: int
    padding: int
    differ: int
    outputs: int
    largest: float  # of torch's outputs
    says: str  # torch, to more than half a kernel of padding


def padding_is_lowest(run: Run) -> Lowest:
    """A maximum over the finite numbers of the input, all of them made negative."""
    x = run.x.double()
    x = torch.where(x.isfinite(), x, torch.zeros_like(x))
    lowered, k = x.max().item() + 1, max(run.settings["kernel_size"], 2)
    below = (x - lowered)[None]
    ours = torchs_max(below, k, 1, k // 2)
    zeros = torchs_max(torch.nn.functional.pad(below, (k // 2,) * 4), k, 1)
    found = refused(partial(torchs_max, below, k, 1), {"padding": k // 2 + 1}, [])
    assert found is not None
    return Lowest(
        lowered, k, k // 2, int((ours != zeros).sum()), ours.numel(), ours.max().item(), found.says
    )  # fmt: skip


@dataclass(frozen=True)
class Divided:
    """What the windows of an average are divided by under one setting."""

    ceil_mode: bool
    count_include_pad: bool
    divisors: list[int]  # the different ones
    last: float  # the last output


@dataclass(frozen=True)
class Divisors:
    """What an average is divided by under the settings that say so."""

    kernel: int
    stride: int
    padding: int
    input: tuple[int, ...]
    found: tuple[Divided, ...]


def divisors_differ(run: Run) -> Divisors:
    """The divisors that occur with half a kernel of padding."""
    k = max(run.settings["kernel_size"], 2)
    s = run.settings["stride"] or k
    settings = {"kernel_size": k, "stride": s, "padding": k // 2, "dilation": 1}
    found = []
    for ceil, counted in ((False, True), (False, False), (True, True), (True, False)):
        pooled = pool(run.x, settings | {"ceil_mode": ceil, "count_include_pad": counted}).average
        assert pooled.divisors is not None
        found.append(Divided(ceil, counted, pooled.divisors.unique().tolist(), pooled.output[-1, -1].item()))
    return Divisors(k, s, k // 2, tuple(run.x.shape), tuple(found))


@dataclass(frozen=True)
class Ties:
    """Windows with several equal maxima, and where their gradient goes."""

    tied: int
    outputs: int
    kernel: int
    torchs: Tensor  # the gradient of equal numbers
    manual: Tensor
    amax: Tensor


def first_wins(run: Run) -> Ties:
    """The gradient of a window of equal numbers: to one cell in max_pool2d, shared in amax."""
    k = max(run.settings["kernel_size"], 2)
    equal = torch.ones((1, k, k), requires_grad=True)
    outputs = torchs_max(equal, k).sum(), apply_max(equal, k).sum(), equal.amax((-2, -1)).sum()
    grads = [torch.autograd.grad(output, equal)[0][0] for output in outputs]
    return Ties(int((ties(run) > 1).sum()), run.max.output.numel(), k, *grads)


def apply_max(x: Tensor, kernel: int) -> Tensor:
    """The manual maximum with its default stride."""
    output = ops.max_pool2d(x, kernel)
    assert isinstance(output, Tensor)
    return output


@dataclass(frozen=True)
class Shifted:
    """What shifts by one cell and by a whole stride change."""

    by_one: Shift
    stride: int
    late: int  # maxima that differ from the old ones moved by one cell, once the input has moved by a stride
    outputs: int


def not_invariant(run: Run) -> Shifted:
    """Shift to the right by one cell, and by a stride."""
    stride = run.settings["stride"] or run.settings["kernel_size"]
    moved = apply("max", shifted(run.x, 0, stride), run.settings)
    late = change(shifted(run.max.output, 0, 1), moved)
    return Shifted(shift(run, 0, 1), stride, late.cells, late.apart.numel())


@dataclass(frozen=True)
class Rounded:
    """Output rows under one stride: rounded down, rounded up, and torch's with ceil_mode."""

    stride: int
    down: int
    up: int
    given: int


@dataclass(frozen=True)
class Dropped:
    """Under which strides a last window is dropped."""

    kernel: int
    padding: int
    rows: int
    found: tuple[Rounded, ...]

    @property
    def dropped(self) -> list[int]:
        """The strides at which ceil_mode gives fewer than the division rounded up."""
        return [each.stride for each in self.found if each.given < each.up]


def window_dropped(run: Run) -> Dropped:
    """Rows for the strides 1 to 6, half a kernel of padding."""
    k, size = run.settings["kernel_size"], run.x.shape[0]
    found = []
    for stride in range(1, 7):
        over = size + 2 * (k // 2) - k
        given = torchs_max(torch.zeros(1, size, k), k, stride, k // 2, ceil_mode=True).shape[1]
        found.append(Rounded(stride, over // stride + 1, -(-over // stride) + 1, given))
    return Dropped(k, k // 2, size, tuple(found))


# ---- questions ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Window:
    """One window of one pooling, and its output."""

    kind: str
    at: Index
    cells: list[float]  # those within the input
    padding: bool  # whether it holds padding too
    value: float
    divisor: int  # of an average, else 0


def drawn_window(run: Run, kind: str, draw: Random) -> Window:
    """An output of the run on screen, and what its window holds."""
    pool: Pool = getattr(run, kind)
    at = tuple(draw.randrange(n) for n in pool.output.shape)
    cells = window_cells(run, pool, at)
    divisor = 0 if pool.divisors is None else int(pool.divisors[at])
    padding = len(cells) < len(read_by(pool.windows, at))
    return Window(kind, at, [run.x[cell].item() for cell in cells], padding, pool.output[at].item(), divisor)


@dataclass(frozen=True)
class Receives:
    """How much gradient arrives at one input cell where a 1 comes to every output."""

    kind: str
    at: Index
    amount: float


def drawn_receiver(run: Run, draw: Random) -> Receives:
    """An input cell of the run on screen."""
    at = tuple(draw.randrange(n) for n in run.x.shape)
    kind = draw.choice(KINDS)
    arrives = gradient(kind, run, torch.ones_like(getattr(run, kind).output))
    return Receives(kind, at, arrives[at].item())


@dataclass(frozen=True)
class Shape:
    """A drawn maximum and its output's shape."""

    size: int
    kernel: int
    stride: int | None
    ceil_mode: bool
    output: tuple[int, ...]


def drawn_shape(draw: Random) -> Shape:
    """Settings that go together, on a batch of one with 8 channels."""
    k, s, size = draw.choice((2, 3)), draw.choice((None, 1, 2, 3)), draw.randint(5, 12)
    ceil = draw.choice((False, True))
    output = torchs_max(torch.zeros(1, 8, size, size), k, s, ceil_mode=ceil)
    return Shape(size, k, s, ceil, tuple(output.shape))
