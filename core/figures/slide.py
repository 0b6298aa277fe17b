"""The window in motion: the walk through a convolution, line by line."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import torch
from torch import Tensor

from core.experiments.convolution import Run
from core.experiments.windows import read_by
from core.figures.walk import Cells, Moment, Walk, record, source_of
from core.figures.windows import spelled
from core.ops.conv_transpose2d import trans_conv
from core.ops.convolution import Pair, conv2d_steps, corr2d
from core.ops.kit.windows import Windows
from core.words import N_, say
from core.words.numbers import number


def slide(padded: Tensor, weight: Tensor, bias: Tensor, s: int, d: int, size: Pair) -> Tensor:
    """One output channel (H, W), window after window, with stride s and dilation d."""
    kh, kw = weight.shape[1:]  # padded is (C, …), weight (C, kh, kw)
    output = torch.zeros(size)
    for y, x in product(range(size[0]), range(size[1])):
        top, left = y * s, x * s
        window = padded[:, top : top + kh * d : d, left : left + kw * d : d]
        output[y, x] = (window * weight).sum() + bias
    return output


def slide_walk(padded: Tensor, weight: Tensor, bias: Tensor, windows: Windows) -> Walk:
    """`slide`, one step a window: what it adds up in words, and the cells that it reads marked."""
    at_the_sum = sum_line(slide)

    def note(now: Moment) -> str:
        if now.line != at_the_sum:
            return ""
        read = now.names["window"]
        added = say(" + bias {bias}", bias=number(bias.item())) if bias.item() else ""
        total = number(((read * weight).sum() + bias).item())
        return f"output[{now.names['y']}, {now.names['x']}] = {spelled(read, weight)}{added} = {total}"

    def reads(now: Moment) -> Cells:
        if now.line != at_the_sum:
            return {}
        spot = read_by(windows, (now.names["y"], now.names["x"]))
        read = [(channel, *cell) for channel in range(len(padded)) for cell in spot]
        return {"padded": read, "weight": list(product(*map(range, weight.shape)))}

    every = record(
        slide, padded, weight, bias, windows.stride[0], windows.dilation[0], windows.outputs,
        panels=("padded", "weight", "output"), reads=reads, note=note,
    )  # fmt: skip
    return replace(every, steps=tuple(step for step in every.steps if step.line == at_the_sum))


def corr2d_walk(X: Tensor, K: Tensor) -> Walk:
    """The textbook's `corr2d` line by line on X and K."""
    at_the_sum = sum_line(corr2d)

    def note(now: Moment) -> str:
        if now.line != at_the_sum:
            return ""
        i, j = now.names["i"], now.names["j"]
        read = X[i : i + K.shape[0], j : j + K.shape[1]]
        return f"Y[{i}, {j}] = {spelled(read, K)} = {number((read * K).sum().item())}"

    def reads(now: Moment) -> Cells:
        if now.line != at_the_sum:
            return {}
        taps = list(product(*map(range, K.shape)))
        return {"X": [(now.names["i"] + a, now.names["j"] + b) for a, b in taps], "K": taps}

    return record(corr2d, X, K, panels=("X", "K", "Y"), reads=reads, note=note)


def trans_conv_walk(X: Tensor, K: Tensor) -> Walk:
    """The textbook's `trans_conv` line by line: what each input lays onto the output."""
    at_the_sum = next(i for i, line in enumerate(source_of(trans_conv).splitlines()) if "+=" in line)

    def note(now: Moment) -> str:
        if now.line != at_the_sum:
            return ""
        i, j = now.names["i"], now.names["j"]
        return say("{X} times the kernel is added to the window at Y[{i}, {j}]", X=number(X[i, j].item()), i=i, j=j)

    def reads(now: Moment) -> Cells:
        if now.line != at_the_sum:
            return {}
        i, j, taps = now.names["i"], now.names["j"], list(product(*map(range, K.shape)))
        return {"X": [(i, j)], "K": taps, "Y": [(i + a, j + b) for a, b in taps]}

    return record(trans_conv, X, K, panels=("X", "K", "Y"), reads=reads, note=note)


def manual_walk(run: Run) -> Walk:
    """`conv2d_steps` line by line: the windows laid out as columns, and the one product that makes all outputs."""
    lines = source_of(conv2d_steps).splitlines()

    def note(now: Moment) -> str:
        name = lines[now.line].split("=")[0].strip()
        return MADE.get(name, "")

    call = run.call
    return record(conv2d_steps, *call.args, panels=MANUAL, note=note, **call.kwargs)


MANUAL = ("padded", "columns", "matrix", "product", "output")
MADE = {
    "padded": N_("Zeros are set around the input."),
    "columns": N_("im2col: each window becomes a column, so that cells of several windows are copied as often."),
    "matrix": N_("Each kernel becomes a row."),
    "product": N_(
        "One matrix product: each row times each column is one output; then they get their places in the plane."
    ),
    "output": N_("The bias is added to each channel."),
}


def sum_line(function: Callable[..., Any]) -> int:
    """The number, in the function's source, of the line that adds up a window."""
    return next(i for i, line in enumerate(source_of(function).splitlines()) if ".sum()" in line)
