"""2-D pooling: each window of the input, channel by channel, becomes its maximum or its average.

Windows lie as in a convolution, with two differences: the stride is the kernel size unless it is given, and
with `ceil_mode` a last window may hang over the end, provided that it starts before the padding after the input.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor

from core.ops.kit import check_integer
from core.ops.kit.windows import Ints, Pair, Windows, output_size, pair, window
from core.ops.operator import Call, Operator

# ---- one axis: how many windows, and what an average divides by ------------------------------------------------


def pool_output_size(
    size: int,
    kernel_size: int,
    stride: int | None = None,
    padding: int = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
) -> int:
    """Windows along one axis: ⌊(size + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1.

    With `ceil_mode` the quotient is rounded up, and the last window dropped if it starts in the padding after
    the input: (windows − 1)·stride ≥ size + padding. Source: torch.nn.MaxPool2d's documentation.
    """
    stride = kernel_size if stride is None else stride
    extra = stride - 1 if ceil_mode else 0  # ⌈a / stride⌉ = ⌊(a + stride − 1) / stride⌋
    windows = output_size(size + extra, kernel_size, stride, padding, dilation)
    starts_in_padding = ceil_mode and (windows - 1) * stride >= size + padding
    return windows - 1 if starts_in_padding else windows


def cells_counted(
    output_index: int,
    size: int,
    kernel_size: int,
    stride: int | None = None,
    padding: int = 0,
    count_include_pad: bool = True,
) -> int:
    """Cells of one window along one axis that an average counts.

    The padding counts unless `count_include_pad` is False. What hangs over the padding's end, which
    `ceil_mode` allows, never counts.
    """
    around = padding if count_include_pad else 0
    cells = window(output_index, kernel_size, kernel_size if stride is None else stride, padding)
    return min(cells.stop, size + around) - max(cells.start, -around)


def divisor(
    output_cell: Pair,
    input_size: Pair,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> int:
    """What the sum of one window is divided by: `divisor_override`, or the cells counted down times across."""
    if divisor_override is not None:
        return divisor_override
    kernel = pair(kernel_size, "kernel_size")
    steps = _stride_pair(stride, kernel)
    around = pair(padding, "padding")
    return prod(
        cells_counted(output_cell[d], input_size[d], kernel[d], steps[d], around[d], count_include_pad) for d in (0, 1)
    )


# ---- textbook --------------------------------------------------------------------------------------------------


def pool2d(X: Tensor, pool_k: Tensor, mode: str = "avg") -> Tensor:
    """Average or maximum of each window of one channel, as the tutorial writes it.

    `pool_k` is a tensor whose numbers are never read: only its shape counts, although the tutorial passes
    ones, as if they were weights. (It also calls the width of the window p_k, as if it were the kernel.)

    Limits: one channel, and windows one cell apart, where torch's default stride is the kernel size; no
    padding, dilation, ceil_mode or indices. Whole numbers have a maximum but no mean: 'avg', the default,
    raises RuntimeError for them. Any other `mode` gives zeros without a word. The output is always float32 on
    the CPU.
    """
    p_h, p_w = pool_k.shape
    h, w = X.shape
    Y = torch.zeros([h - p_h + 1, w - p_w + 1]).float()
    if mode == "avg":
        for i in range(Y.shape[0]):
            for j in range(Y.shape[1]):
                Y[i][j] = X[i : i + p_h, j : j + p_w].mean()
    if mode == "max":
        for i in range(Y.shape[0]):
            for j in range(Y.shape[1]):
                Y[i][j] = X[i : i + p_h, j : j + p_w].max()
    return Y


def _pool2d_channels(input: Tensor, kernel_size: Ints, stride: Ints | None, padding: Ints, mode: str) -> Tensor:
    """`pool2d` for each image and channel, every stride-th output kept; padding that is no maximum, or zero."""
    kernel = pair(kernel_size, "kernel_size")
    (down, across), (rows, cols) = _stride_pair(stride, kernel), pair(padding, "padding")
    empty = lowest(input.dtype) if mode == "max" else 0
    padded = torch.nn.functional.pad(input, (cols, cols, rows, rows), value=empty)
    outputs = [pool2d(X, torch.ones(kernel), mode) for X in padded.flatten(0, -3)]
    output = torch.stack(outputs)[:, ::down, ::across]
    return output.unflatten(0, input.shape[:-2])


def _max_textbook(input: Tensor, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0) -> Tensor:
    return _pool2d_channels(input, kernel_size, stride, padding, "max")


def _avg_textbook(input: Tensor, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0) -> Tensor:
    return _pool2d_channels(input, kernel_size, stride, padding, "avg")


# ---- the windows of a call -------------------------------------------------------------------------------------


def windows_of(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
) -> Windows:
    """The windows that these arguments of a pooling ask for, checked. TypeError, RuntimeError."""
    _check_bool(ceil_mode, "ceil_mode")
    kernel = pair(kernel_size, "kernel_size")
    steps = _stride_pair(stride, kernel)
    around, spread = pair(padding, "padding"), pair(dilation, "dilation")
    _check_numbers(kernel, steps, around, spread)
    _check_rank(input)
    size = (input.shape[-2], input.shape[-1])
    down, across = (pool_output_size(size[d], kernel[d], steps[d], around[d], spread[d], ceil_mode) for d in (0, 1))
    if down < 1 or across < 1:
        padded = tuple(n + 2 * p for n, p in zip(size, around, strict=True))
        span = tuple(d * (k - 1) + 1 for k, d in zip(kernel, spread, strict=True))
        raise RuntimeError(
            f"input of {size[0]}×{size[1]}, {padded[0]}×{padded[1]} with its padding, is too small for a kernel_size "
            f"of {kernel}, which spans {span[0]}×{span[1]} with a dilation of {spread}"
        )
    return Windows(size, kernel, steps, around, spread, (down, across))


PART = 2**18  # numbers at once, 1 MiB in float32


def _by_parts(run: Callable[[Tensor], Tensor], input: Tensor) -> Tensor:
    """`run` on as many images (or channels of the only image) at a time as stay in the cache, one after another."""
    if len(input) == 0:
        return run(input)
    outputs = [run(part) for part in input.split(max(1, PART // input[0].numel()))]
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs)


def lowest(dtype: torch.dtype) -> float:
    """The padding that is never larger than a number of the input: −inf, or the least integer."""
    return -torch.inf if dtype.is_floating_point else torch.iinfo(dtype).min


# ---- max pooling -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MaxPoolSteps:
    """How the result of max pooling comes about."""

    padded: Tensor  # (…, H', W'), −inf around the input
    output: Tensor  # (…, output height, output width)


def max_pool2d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """The maximum of each window of `input` (N, C, H, W) or (C, H, W), as torch gives it.

    Padding is −inf (the least number of an integer dtype), so that it never wins. NaN beats all. The gradient
    goes to one cell of each window: the first maximum in reading order, or the last NaN, as in torch.
    `return_indices` gives beside the maxima where they are, as positions in the flattened H·W.

    Dilation can make a window that holds only padding. It gives −inf, and an index that means nothing: here
    a cell of the plane, where torch's may lie outside it.

    Raises TypeError for an argument of the wrong type, NotImplementedError for dtypes other than floats and
    int64, int32, int16, int8, uint8; RuntimeError for sizes that don't fit: a rank other than 3 or 4, an empty
    dimension other than the batch, padding of more than half the kernel, an output of no cells.
    """
    _check_input(input, MAX_DTYPES)
    windows = windows_of(input, kernel_size, stride, padding, dilation, ceil_mode)
    output = _by_parts(lambda part: max_pool2d_steps(part, windows).output, input)
    if not return_indices:
        return output
    return output, _by_parts(lambda part: winners(windows.pad(part, lowest(part.dtype)), windows), input.detach())


def max_pool2d_steps(input: Tensor, windows: Windows) -> MaxPoolSteps:
    """The run of `max_pool2d`, its intermediates named; `padded` is outside the graph."""
    padded = windows.pad(input.detach(), lowest(input.dtype))
    return MaxPoolSteps(padded, _WindowMax.apply(input, padded, windows))


def winners(padded: Tensor, windows: Windows) -> Tensor:
    """Which cell each window's maximum is, as a position in the flattened H·W of the input."""
    rows, cols = (windows.positions(d, padded.device)[0] for d in (0, 1))  # of each window's first cell
    width = windows.input_size[1]
    tap = _winning_tap(padded, windows)  # (…, output height, output width)
    i, j = (tap // windows.kernel_size[1]).long(), (tap % windows.kernel_size[1]).long()
    down, across = windows.dilation
    return i.mul_(down * width).add_(j, alpha=across).add_(rows[:, None] * width + cols).clamp_(min=0)


def _window_max(padded: Tensor, windows: Windows) -> Tensor:
    """The maximum over the kernel's rows, then over its columns: kh + kw steps instead of kh · kw."""
    rows, cols = windows.taps
    over_rows = padded[..., rows[0], :]
    for row in rows[1:]:
        over_rows = torch.maximum(over_rows, padded[..., row, :])
    output = over_rows[..., cols[0]]
    for col in cols[1:]:
        output = torch.maximum(output, over_rows[..., col])
    return output.clone() if len(rows) == len(cols) == 1 else output


def _winning_tap(padded: Tensor, windows: Windows) -> Tensor:
    """The kernel position of each window's winner, counted in reading order: how many were tried before it."""
    output = _window_max(padded, windows)
    undecided = torch.ones_like(output, dtype=torch.bool)
    count = torch.uint8 if prod(windows.kernel_size) <= 255 else torch.int32  # bytes are quickest by far
    tried = torch.zeros_like(output, dtype=count)
    for cells, inside in _taps(padded, windows):
        undecided &= ~((cells == output) & inside)
        tried += undecided.to(count)
    if undecided.any():  # where the maximum is NaN, the last NaN wins
        tried.masked_fill_(undecided, 0)
        for tap, (cells, inside) in enumerate(_taps(padded, windows)):
            tried.masked_fill_(undecided & cells.isnan() & inside, tap)
    return tried


def _taps(padded: Tensor, windows: Windows) -> Iterator[tuple[Tensor, Tensor]]:
    """For each kernel position the cells it meets, and which of them are input and not padding."""
    rows_inside, cols_inside = (
        (cells >= 0) & (cells < size)
        for cells, size in zip((windows.positions(d, padded.device) for d in (0, 1)), windows.input_size, strict=True)
    )
    for row, row_inside in zip(windows.taps[0], rows_inside, strict=True):
        for col, col_inside in zip(windows.taps[1], cols_inside, strict=True):
            yield padded[..., row, col], row_inside[:, None] & col_inside


class _WindowMax(torch.autograd.Function):
    """The maximum of each window. Left to autograd, equal maxima would share the gradient.

    Backward finds the winners again rather than keep them, so that the result may be changed in place. It is
    made of differentiable parts, and so has a derivative too.
    """

    @staticmethod
    def forward(ctx: Any, input: Tensor, padded: Tensor, windows: Windows) -> Tensor:
        ctx.save_for_backward(input)
        ctx.windows = windows
        return _window_max(padded, windows)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (grad,) = grads
        input = ctx.saved_tensors[0].detach()
        cells = winners(ctx.windows.pad(input, lowest(input.dtype)), ctx.windows)
        flat = grad.new_zeros(input.flatten(-2).shape)
        flat.scatter_add_(-1, cells.flatten(-2), grad.flatten(-2))
        return flat.view(input.shape), None, None


# ---- average pooling -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AvgPoolSteps:
    """How the result of average pooling comes about."""

    padded: Tensor  # (…, H', W'), zeros around the input
    total: Tensor  # (…, output height, output width): the sum of each window
    divisor: Tensor | int  # one number, or (output height, output width) where windows differ
    output: Tensor  # total / divisor


def avg_pool2d(
    input: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The average of each window of `input` (N, C, H, W) or (C, H, W), as torch gives it.

    The sum of a window, zeros around the input, is divided by the number of its cells: those in the padding
    count unless `count_include_pad` is False, those past the padding's end (with `ceil_mode`) never do.
    `divisor_override` takes the place of that number. float16 and bfloat16 are added up in float32. int64 is
    divided towards zero.

    Raises TypeError for an argument of the wrong type, NotImplementedError for dtypes other than floats and
    int64, IndexError for a rank below 3, RuntimeError for sizes that don't fit, as in `max_pool2d`, and for a
    `divisor_override` of 0.
    """
    _check_input(input, AVG_DTYPES)
    _check_bool(count_include_pad, "count_include_pad")
    if input.dim() < 3:
        raise IndexError(f"input must be (C, H, W) or (N, C, H, W), but its shape is {tuple(input.shape)}")
    if divisor_override is not None:
        divisor_override = check_integer(divisor_override, "divisor_override")
        if divisor_override == 0:
            raise RuntimeError("divisor_override must not be 0")
    windows = windows_of(input, kernel_size, stride, padding, 1, ceil_mode)
    return _by_parts(lambda part: avg_pool2d_steps(part, windows, count_include_pad, divisor_override).output, input)


def avg_pool2d_steps(
    input: Tensor, windows: Windows, count_include_pad: bool = True, divisor_override: int | None = None
) -> AvgPoolSteps:
    """The run of `avg_pool2d`, its intermediates named."""
    compute = torch.float32 if input.dtype in (torch.float16, torch.bfloat16) else input.dtype
    padded = windows.pad(input.to(compute), 0)
    total = _WindowSum.apply(padded, windows)
    by = divisor_override or _divisors(windows, count_include_pad, input.device)
    output = total / by if compute.is_floating_point else total.div(by, rounding_mode="trunc")
    return AvgPoolSteps(padded, total, by, output.to(input.dtype))


def _divisors(windows: Windows, count_include_pad: bool, device: torch.device) -> Tensor | int:
    """Cells counted in each window: one number if all have as many."""
    down, across = (
        [
            cells_counted(
                o,
                windows.input_size[d],
                windows.kernel_size[d],
                windows.stride[d],
                windows.padding[d],
                count_include_pad,
            )
            for o in range(windows.outputs[d])
        ]
        for d in (0, 1)
    )
    if len(set(down)) == len(set(across)) == 1:
        return down[0] * across[0]
    return torch.tensor(down, device=device)[:, None] * torch.tensor(across, device=device)


class _WindowSum(torch.autograd.Function):
    """The sum of each window, over rows and then over columns; backward adds each gradient onto its window.

    Left to autograd, each slice's backward would fill a whole image of zeros.
    """

    @staticmethod
    def forward(ctx: Any, padded: Tensor, windows: Windows) -> Tensor:
        ctx.shape, ctx.taps = padded.shape, windows.taps
        rows, cols = windows.taps
        over_rows = padded[..., rows[0], :].clone()
        for row in rows[1:]:
            over_rows += padded[..., row, :]
        total = over_rows[..., cols[0]].clone()
        for col in cols[1:]:
            total += over_rows[..., col]
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (grad,) = grads
        rows, cols = ctx.taps
        over_rows = grad.new_zeros(*grad.shape[:-1], ctx.shape[-1])
        for col in cols:
            over_rows[..., col] += grad
        grad_padded = grad.new_zeros(ctx.shape)
        for row in rows:
            grad_padded[..., row, :] += over_rows
        return grad_padded, None


# ---- what a shift of the input changes -------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """How far two tensors of one shape differ."""

    apart: Tensor  # after − before; 0 where both are the same infinity
    cells: int  # how many of them differ
    relative: float  # ‖after − before‖ / ‖before‖ over the finite cells; 0 where nothing differs


def shifted(input: Tensor, down: int, across: int) -> Tensor:
    """The input (…, H, W) moved by whole cells; what leaves on one side comes in on the other."""
    return input.roll((down, across), (-2, -1))


def change(before: Tensor, after: Tensor) -> Change:
    """How far `after` differs from `before`."""
    apart = torch.where(before == after, 0.0, after - before)
    finite = before.isfinite() & after.isfinite()
    moved, whole = apart[finite].double().norm(), before[finite].double().norm()
    return Change(apart, int((apart != 0).sum()), (moved / whole).item() if moved else 0.0)


# ---- arguments -------------------------------------------------------------------------------------------------

FLOATS = {torch.float64, torch.float32, torch.float16, torch.bfloat16}
MAX_DTYPES = FLOATS | {torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8}
AVG_DTYPES = FLOATS | {torch.int64}


def _stride_pair(stride: Ints | None, kernel_size: Pair) -> Pair:
    if stride is None or (isinstance(stride, (tuple, list)) and len(stride) == 0):
        return kernel_size
    return pair(stride, "stride")


def _check_input(input: Tensor, dtypes: set[torch.dtype]) -> None:
    if not isinstance(input, Tensor):
        raise TypeError(f"input must be a Tensor, not {type(input).__name__}")
    if input.dtype not in dtypes:
        raise NotImplementedError(f"input of dtype {input.dtype} can't be pooled")


def _check_bool(value: bool, name: str) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be a bool, not {value!r}")


def _check_numbers(kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> None:
    for name, numbers in (("kernel_size", kernel_size), ("stride", stride), ("dilation", dilation)):
        if min(numbers) < 1:
            raise RuntimeError(f"{name} must be at least 1, but got {numbers}")
    for kernel, around in zip(kernel_size, padding, strict=True):
        if not 0 <= around <= kernel // 2:
            raise RuntimeError(f"padding must be from 0 to half of kernel_size {kernel}, but got {around}")


def _check_rank(input: Tensor) -> None:
    shape = tuple(input.shape)
    if len(shape) not in (3, 4):
        raise RuntimeError(f"input must be (C, H, W) or (N, C, H, W), but its shape is {shape}")
    if 0 in shape[-3:]:
        raise RuntimeError(f"input must have no empty dimension but the batch, but its shape is {shape}")


# ---- registry --------------------------------------------------------------------------------------------------


def _make_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    input = torch.randn(4, 16, size, size, generator=generator)
    return Call((input.to(device, dtype),), {"kernel_size": 3, "stride": 2, "padding": 1})


def _outputs(size: int) -> int:
    return 4 * 16 * pool_output_size(size, 3, 2, 1) ** 2


OPERATORS = tuple(
    Operator(
        mirrors=f"torch.nn.functional.{manual.__name__}",
        textbook=pool2d,
        textbook_call=textbook_call,
        manual=manual,
        torch=library,
        make_call=_make_call,
        sizes=(8, 32, 256),
        size_meaning="n: input of shape (4, 16, n, n), kernel 3×3, stride 2, padding 1",
        bytes_moved=lambda n, itemsize: (4 * 16 * n**2 + _outputs(n)) * itemsize,
        operations=lambda n: 9 * _outputs(n),
        target_ratio=1.0,
    )
    for manual, textbook_call, library in (
        (max_pool2d, _max_textbook, torch.nn.functional.max_pool2d),
        (avg_pool2d, _avg_textbook, torch.nn.functional.avg_pool2d),
    )
)
