"""Random chains of all operations on random shapes up to the limits, and what torch says of them."""

import math
import random
from collections.abc import Sequence

import numpy as np
import torch

from core.experiments.chain import origins
from core.experiments.chain.operation import MAX_ELEMENTS, MAX_RANK, MAX_STEPS, MOST_PLACES, Parameter
from core.experiments.chain.operations import Step, default_step, is_whole, make_step, predict, too_large, usable
from core.experiments.chain.origins import UNKNOWN, ZERO, Origins
from core.experiments.chain.run import Numbers, Stage, run_chain, whole_storage
from core.experiments.chain.table import OPERATIONS
from core.experiments.chain.text import start_tensor
from core.experiments.layout import addresses, rule
from core.experiments.layout.rule import Copy, Layout
from core.tensors.dtypes import DTYPES

Ints = tuple[int, ...]


# ---- drawing ---------------------------------------------------------------------------------------------------


def shape(draw: random.Random, most: int = MAX_ELEMENTS) -> Ints:
    """A shape of 0 to 8 dimensions and at most so many elements, as often small as large."""
    limit = 2 ** draw.uniform(0, math.log2(most))
    sizes, left = [], limit
    for _ in range(draw.randint(0, MAX_RANK)):
        large = int(2 ** draw.uniform(0, math.log2(max(left, 1))))
        size = 0 if draw.random() < 0.02 else draw.choice([1, 2, 3, large, large])
        size = min(size, int(left)) if left >= 1 else 1
        sizes.append(size)
        left /= max(size, 1)
    draw.shuffle(sizes)
    return tuple(sizes)


def steps(draw: random.Random, layout: Layout, most: int = MAX_STEPS) -> list[Step]:
    """Steps of which most are taken; the last may be refused."""
    drawn: list[Step] = []
    for _ in range(draw.randint(1, most)):
        step = one(draw, layout)
        result, _ = predict(step, layout)
        result = None if result is None or too_large(result) else result
        if result is None and draw.random() < 0.7:
            continue
        drawn.append(step)
        if result is None:
            break
        layout = result.layout if isinstance(result, Copy) else result
    return drawn


def one(draw: random.Random, layout: Layout) -> Step:
    """A step with arguments that often fit."""
    if draw.random() < 0.2:
        return default_step(draw.choice(usable(layout)), layout)
    name = draw.choice(list(OPERATIONS))
    try:
        return make_step(name, *(argument(draw, name, p, layout) for p in OPERATIONS[name].parameters))
    except (ValueError, TypeError):  # more numbers than are taken, or an argument of another kind
        return Step("clone")


def argument(draw: random.Random, name: str, parameter: Parameter, layout: Layout):
    """A value for one argument."""
    n, numel = layout.ndim, layout.numel
    if parameter.optional and draw.random() < 0.4:
        return None
    if parameter.kind == "dim":
        return draw.randint(-n, max(n - 1, 0)) if draw.random() < 0.95 else draw.randint(-n - 2, n + 1)
    if parameter.kind == "int":
        largest = max(layout.shape, default=1)
        return draw.choice([0, 1, 2, 3, draw.randint(-3, 5), draw.randint(0, largest), largest // 2])
    if parameter.kind == "dims":
        dims = list(range(n))
        draw.shuffle(dims)
        return tuple(dims if name == "permute" else dims[: draw.randint(0, min(2, n))])
    if parameter.kind in ("places", "mask"):
        size = draw.choice(layout.shape) if n else 1
        if parameter.kind == "mask":
            return tuple(draw.randint(0, 1) for _ in range(min(size, MOST_PLACES) if draw.random() < 0.9 else 1))
        return tuple(draw.randrange(-1 if draw.random() < 0.2 else 0, max(size, 1)) for _ in range(draw.randint(0, 4)))
    if name == "pad":
        return tuple(draw.choice([0, 1, 2, -1]) for _ in range(draw.choice([0, 2, 2, 4, 6, 3])))
    if name == "roll" and parameter.kind == "ints":
        return tuple(draw.randint(-3, 5) for _ in range(draw.choice([0, 1, 1, 1, 2])))
    if parameter.kind == "ints":
        return tuple(draw.choice([0, 1, 2, 3, *layout.stride]) for _ in range(draw.randint(0, 3)))
    if name == "expand":
        front = [draw.randint(1, 3) for _ in range(draw.randint(0, 1))]
        return (*front, *(draw.choice([-1, draw.randint(1, 50)]) if size == 1 else -1 for size in layout.shape))
    if name in ("view", "reshape") and numel:
        return regrouped(draw, layout.shape)
    return tuple(draw.choice([1, 2, 3, *layout.shape]) for _ in range(draw.randint(0, 3)))


def regrouped(draw: random.Random, old: Ints) -> Ints:
    """Neighbours merged here, sizes cut in two there, and sometimes a -1."""
    new: list[int] = []
    for size in old:
        if new and draw.random() < 0.5:
            new[-1] *= size
        elif (cut := [d for d in (2, 3, 4, 5, 8, 16) if size % d == 0]) and draw.random() < 0.3:
            new += [draw.choice(cut)]
            new += [size // new[-1]]
        else:
            new.append(size)
    if new and draw.random() < 0.3:
        new[draw.randrange(len(new))] = -1
    return tuple(new)


def chain(draw: random.Random, most: int = MAX_ELEMENTS) -> tuple[torch.Tensor, list[Step]]:
    """A tensor to start from and the steps on it."""
    x = start_tensor(shape(draw, most), draw.choice(list(DTYPES.values())))
    return x, steps(draw, Layout.of(x))


# ---- comparing -------------------------------------------------------------------------------------------------


def differences(x: torch.Tensor, drawn: Sequence[Step]) -> list[str]:
    """What torch says otherwise than integers do: of meta tensors, and, where the chain is small, of real ones."""
    stages = run_chain(x, drawn)
    found = [
        f"{stage.code}: predicted {stage.predicted}, torch has {stage.facts}" for stage in stages if not stage.agrees
    ]
    for stage in stages:
        found += [f"{stage.code}: {said}" for said in of_stage(stage)]
    if stages[0].whole and all(is_whole(s.facts.layout) for s in stages if s.facts):
        found += on_meta(x, drawn, stages)
    return found


def of_stage(stage: Stage) -> list[str]:
    """What torch says otherwise of one tensor."""
    if stage.tensor is None or stage.facts is None:
        return [] if stage.explanation else ["refused without a reason"]
    x, layout = stage.tensor, stage.facts.layout
    found = []
    if rule.is_contiguous(layout) != x.is_contiguous():
        found.append("contiguous")
    if rule.is_dense(layout) != torch.ops.aten.is_non_overlapping_and_dense(x):
        found.append("dense")
    if addresses.needed_cells(layout) > whole_storage(x).numel():
        found.append("cells outside the storage")
    merged = [group.size for group in rule.merged_groups(layout)]
    if layout.numel and layout.ndim and tuple(x.view(merged).shape) != tuple(merged):
        found.append("merging")
    if stage.whole and len(np.unique(addresses.addresses(layout))) != stage.facts.extent.distinct:
        found.append("different cells")
    return found


def on_meta(x: torch.Tensor, drawn: Sequence[Step], stages: Sequence[Stage]) -> list[str]:
    """What differs where the same chain runs on meta tensors, and where its numbers are followed by their indices."""
    found = []
    meta = run_chain(torch.empty_like(x, device="meta"), drawn)
    for real, other in zip(stages, meta, strict=True):
        if (real.status, real.explanation and real.status) != (other.status, other.explanation and other.status):
            found.append(f"{real.code}: {real.status} for real, {other.status} on meta")
        elif real.facts and other.facts:
            ours, theirs = (
                (f.layout if f.layout.numel else f.layout.shape, f.verdict, f.storage, f.is_contiguous, f.dtype)
                for f in (real.facts, other.facts)
            )
            found += [] if ours == theirs else [f"{real.code}: {ours} for real, {theirs} on meta"]
    ran = [stage for stage in stages if stage.tensor is not None]
    traced = origins.of(ran)
    traced = Origins(Numbers(stages[0].cells), traced.written, traced.copies)
    return found + [f"{stage.code}: other numbers" for stage in ran if not followed(traced, stage)]


def followed(traced: Origins, stage: Stage) -> bool:
    """Whether the numbers that the indices lead to are those of the storage."""
    assert stage.facts is not None
    cells = np.arange(stage.facts.layout.storage_size)
    if not len(cells) or not traced.written[0]:
        return True
    values, first = traced.numbers(stage.facts.storage, cells)
    known, there = torch.from_numpy(first >= 0), stage.cells
    unwritten = set(cells[(first < 0) & (first != UNKNOWN)].tolist())
    same = torch.equal(values[known], there[known])
    zeros = cells[first == ZERO]
    if there[zeros].any() or not (
        UNKNOWN in first or unwritten - set(zeros.tolist()) == set(stage.facts.uninitialised)
    ):
        return False
    return same
