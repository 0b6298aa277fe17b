"""Running a chain: each step by torch itself, each stage measured on its real tensors.

What is a view is told from the storages, not from what the operation is called. Beside it stands what
`core.experiments.layout` predicts from integers alone. A chain in which a tensor is too large to be drawn whole runs
on torch's meta tensors from its start to its end: they have shapes, strides and storages, but no numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch

from core.experiments.chain.operation import MAX_STEPS, Fill
from core.experiments.chain.operations import Step, is_whole, predict, too_large
from core.experiments.layout import addresses, rule
from core.experiments.layout.addresses import Extent
from core.experiments.layout.operations import TooMany
from core.experiments.layout.rule import Copy, Ints, Layout, ViewRefusal, ViewRefused
from core.words import N_, _, say

REFUSED = N_("{op}: {why}.")
Verdict = Literal["start", "view", "copy", "itself", "in place"]


@dataclass(frozen=True)
class Facts:
    """What is true of the real tensor of one stage, measured when its step had run."""

    layout: Layout
    dtype: torch.dtype
    itemsize: int
    verdict: Verdict  # told from the storages: a view has the storage of the stage before, a copy has not
    storage: int  # which storage of the chain, counted from 0: stages with the same number share it
    storage_pointer: int  # where it began in the machine's memory at that time; 0 for a meta tensor
    is_contiguous: bool
    is_channels_last: bool
    extent: Extent  # bytes viewed and held, first and last address
    uninitialised: frozenset[int]  # addresses that torch left unwritten, or copied from such; 0 stands there here.
    # Of a meta tensor they are not listed: `core.experiments.chain.origins` finds them.

    @property
    def overlaps(self) -> bool:
        """True where elements share cells, so that a write to one changes others, and where that can't be told."""
        return self.extent.distinct is None or self.extent.distinct < self.layout.numel


@dataclass(frozen=True, eq=False)
class Numbers:
    """What lies in the storage that a chain starts from; counted out where it is too large to be there.

    The count is exact: in float16 most numbers of a large tensor would be infinite.
    """

    cells: torch.Tensor | None  # all of it; None where it is counted out, as `start_tensor` would
    fill: Fill = "arange"
    row: int = 1  # cells a row, in each of which "rows" counts from 0

    def at(self, addresses: np.ndarray) -> torch.Tensor:
        """The numbers at these addresses; where there is no cell at all, any."""
        where = torch.from_numpy(addresses)
        if self.cells is not None:
            return self.cells[where] if len(self.cells) else torch.zeros(where.shape, dtype=self.cells.dtype)
        return where % self.row if self.fill == "rows" else where


@dataclass(frozen=True, eq=False)
class Stage:
    """One step of a chain after the run. Stage 0 is the tensor that the chain starts from, and has no step."""

    number: int
    step: Step | None
    code: str  # "x1 = x0.permute(1, 0)"
    status: Literal["ok", "refused", "not run"]
    tensor: torch.Tensor | None = None  # the real one; None unless ok
    facts: Facts | None = None
    predicted: Layout | Copy | None = None  # by core.experiments.layout alone
    error_type: str = ""  # of torch's refusal: "RuntimeError"
    message: str = ""  # torch's own words, where it refused
    explanation: str = ""  # ours: why it was refused or not run, or what is worth knowing about the step
    refusals: tuple[ViewRefusal, ...] = ()  # of a refused view: the pairs of dimensions that do not merge
    instead: Layout | None = None  # of a refused view: the copy that reshape makes
    start: Numbers = Numbers(None)  # what the chain's first storage held at its start

    @property
    def whole(self) -> bool:
        """Whether the tensor is a real one, which has numbers, and is drawn whole."""
        return self.tensor is not None and not self.tensor.is_meta

    @property
    def agrees(self) -> bool:
        """True where the prediction from integers is what torch did, a refusal included."""
        if self.facts is None:
            return self.predicted is None
        if isinstance(self.predicted, Copy):
            return self.facts.verdict == "copy" and same_copy(self.predicted.layout, self.facts.layout)
        return self.facts.verdict != "copy" and self.predicted == self.facts.layout

    @property
    def cells(self) -> torch.Tensor:
        """The whole storage as a row that shares it, as long as it was when the step had run. ValueError unless ok."""
        if self.tensor is None or self.facts is None:
            raise ValueError(say("stage {number} has no tensor: {status}", number=self.number, status=self.status))
        return whole_storage(self.tensor)[: self.facts.layout.storage_size]


def same_copy(predicted: Layout, made: Layout) -> bool:
    """Whether a copy is laid out as predicted. One without elements has no order: torch's kernels give any strides."""
    return predicted == made or (predicted.numel == 0 and predicted.shape == made.shape)


def facts_of(stage: Stage) -> Facts:
    """The facts of a stage that ran."""
    assert stage.facts is not None
    return stage.facts


def whole_storage(tensor: torch.Tensor) -> torch.Tensor:
    """All cells of a tensor's storage as a row that shares them."""
    storage = tensor.untyped_storage()
    row = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
    return row.set_(storage, 0, (storage.nbytes() // tensor.element_size(),), (1,))


def shares_storage(a: torch.Tensor, b: torch.Tensor) -> bool:
    """True where both tensors read the same storage, told from the storages themselves.

    Their data pointers say so, except for storages of 0 bytes and of meta tensors, whose pointers are all null.
    """
    ours, theirs = a.untyped_storage(), b.untyped_storage()
    if ours.data_ptr() == 0 or theirs.data_ptr() == 0:
        return ours._cdata == theirs._cdata
    return ours.data_ptr() == theirs.data_ptr()


def run_chain(tensor: torch.Tensor, steps: Sequence[Step], fill: Fill = "arange") -> tuple[Stage, ...]:
    """Apply the steps with torch, one after the other, and measure each stage on its tensor.

    The chain works on a copy of the storage, laid out as the given tensor is, which stays as it was. A step that
    torch refuses, or that would pass the limits here, is a stage of status "refused"; those after it are "not run".
    `fill` says what a meta tensor would hold. ValueError where the tensor or the number of steps is beyond the limits.
    """
    layout = Layout.of(tensor)
    if problem := too_large(layout):
        raise ValueError(say("the tensor to start from: {problem}", problem=problem))
    if len(steps) > MAX_STEPS:
        raise ValueError(say("the chain has {steps} steps; at most {most} are run", steps=len(steps), most=MAX_STEPS))
    if not tensor.is_meta and stays_whole(layout, steps):
        return _run(_rebuilt(whole_storage(tensor.detach()), layout), steps)
    row = layout.shape[-1] if layout.ndim else 1
    cells = None if tensor.is_meta else whole_storage(tensor.detach()).clone()
    on_meta = _rebuilt(torch.empty(layout.storage_size, dtype=tensor.dtype, device="meta"), layout)
    return tuple(replace(stage, start=Numbers(cells, fill, row)) for stage in _run(on_meta, steps))


def stays_whole(layout: Layout, steps: Sequence[Step]) -> bool:
    """Whether every tensor of a chain can be made for real, as far as it goes; told from integers alone."""
    if not is_whole(layout):
        return False
    for step in steps:
        result, _ = predict(step, layout)
        if result is None or too_large(result):
            return True
        if not is_whole(result):
            return False
        layout = rule.laid_out(result)
    return True


def _rebuilt(cells: torch.Tensor, layout: Layout) -> torch.Tensor:
    return cells.clone().as_strided(layout.shape, layout.stride, layout.storage_offset)


def _alias(x: torch.Tensor) -> torch.Tensor:
    """Another tensor with the same storage and layout, whose layout can change on its own."""
    return x.as_strided(x.shape, x.stride(), x.storage_offset())


def _run(x: torch.Tensor, steps: Sequence[Step]) -> tuple[Stage, ...]:
    marks = torch.zeros(Layout.of(x).storage_size, dtype=torch.bool, device=x.device)
    unwritten = _rebuilt(marks, Layout.of(x))
    stages = [Stage(0, None, "x0", "ok", x, _measure(x, unwritten, "start", []), Layout.of(x))]
    for number, step in enumerate(steps, start=1):
        todo = Stage(number, step, f"x{number} = {step.code(f'x{number - 1}')}", "not run")
        last = stages[-1]
        if last.tensor is None:
            stopped = next(s.number for s in stages if s.status == "refused")
            stages.append(replace(todo, explanation=say("Not run, because step {number} was refused.", number=stopped)))
            continue
        stage, unwritten = _run_step(todo, step, last.tensor, unwritten, stages)
        stages.append(stage)
    return tuple(stages)


def _run_step(
    todo: Stage, step: Step, x: torch.Tensor, unwritten: torch.Tensor, earlier: list[Stage]
) -> tuple[Stage, torch.Tensor]:
    """Run one step on x and, so as to follow unwritten cells through views and copies, on their marks as well."""
    before = Layout.of(x)  # resize_ lets the storage grow under it
    predicted, why = predict(step, before)
    if predicted is not None and (problem := too_large(predicted)):
        return replace(todo, status="refused", explanation=say(REFUSED, op=step.op, why=problem)), unwritten
    if isinstance(why, TooMany) or (why and x.is_meta and step.operation.by_integers):  # torch is not asked
        return replace(todo, status="refused", explanation=_explained(step, why)), unwritten
    try:
        y, verdict = _apply(step, x, grown=0)
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        return _refused(todo, step, error, why), unwritten
    if predicted is None:  # torch even makes tensors with a size of -1, beside a size of 0
        remark = _explained(step, why)  # a meta tensor has no cells that as_strided could leave
        if not x.is_meta:
            remark = say("{why} torch lets it pass, but the result is no tensor to go on with.", why=remark)
        return replace(todo, status="refused", explanation=remark), unwritten
    unwritten, _ = _apply(step, unwritten, grown=1)
    facts = _measure(y, unwritten, verdict, earlier)
    remark = _remark(step, before, facts)
    return replace(todo, status="ok", tensor=y, facts=facts, predicted=predicted, explanation=remark), unwritten


def _apply(step: Step, x: torch.Tensor, grown: int) -> tuple[torch.Tensor, Verdict]:
    """Call torch. Cells by which resize_ lets the storage grow are set to `grown`: whatever lay there is no number."""
    if step.op != "resize_":
        y = (
            made_by_integers(step, x)
            if x.is_meta and step.operation.by_integers
            else step.operation.call(x, *step.args)
        )
        if y is x:
            return y, "itself"
        return y, "view" if shares_storage(x, y) else "copy"
    before = Layout.of(x).storage_size
    y = step.operation.call(_alias(x), *step.args)  # the earlier stage keeps showing how it looked
    whole_storage(y)[before:] = grown
    return y, "in place"


def made_by_integers(step: Step, x: torch.Tensor) -> torch.Tensor:
    """The meta tensor that torch's real kernel would give."""
    layout = rule.laid_out(step.operation.predict(Layout.of(x), *step.args))
    cells = torch.empty(layout.storage_size, dtype=x.dtype, device="meta")
    return cells.as_strided(layout.shape, layout.stride, layout.storage_offset)


def _refused(todo: Stage, step: Step, error: Exception, why: Exception | None) -> Stage:
    message = str(error).partition("\nException raised from")[0]
    refused = replace(todo, status="refused", error_type=type(error).__name__, message=message)
    refused = replace(refused, explanation=_explained(step, why))
    if isinstance(why, ViewRefused):
        return replace(refused, refusals=why.refusals, instead=rule.fresh(why.shape))
    return refused


def _explained(step: Step, why: Exception | None) -> str:
    return "" if why is None else say(REFUSED, op=step.op, why=str(why).removeprefix(f"{step.op}: "))


def _measure(x: torch.Tensor, unwritten: torch.Tensor, verdict: Verdict, earlier: list[Stage]) -> Facts:
    layout = Layout.of(x)
    return Facts(
        layout=layout,
        dtype=x.dtype,
        itemsize=x.element_size(),
        verdict=verdict,
        storage=_storage_number(x, earlier),
        storage_pointer=x.untyped_storage().data_ptr(),
        is_contiguous=x.is_contiguous(),
        is_channels_last=is_channels_last(x),
        extent=addresses.extent(layout, x.element_size()),
        uninitialised=_marked(unwritten),
    )


def is_channels_last(x: torch.Tensor) -> bool:
    """What torch says of a tensor of images, or of volumes."""
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    return x.dim() in formats and x.is_contiguous(memory_format=formats[x.dim()])


def _marked(unwritten: torch.Tensor) -> frozenset[int]:
    return frozenset() if unwritten.is_meta else frozenset(whole_storage(unwritten).nonzero().flatten().tolist())


def _storage_number(x: torch.Tensor, earlier: list[Stage]) -> int:
    """The number of x's storage: that of an earlier stage which has the same one, or the next free number."""
    known = [(s.tensor, s.facts.storage) for s in earlier if s.tensor is not None and s.facts is not None]
    fresh = max((number for _, number in known), default=-1) + 1
    return next((number for tensor, number in known if shares_storage(tensor, x)), fresh)


def _remark(step: Step, before: Layout, facts: Facts) -> str:
    """What is worth saying about a step that ran."""
    after = facts.layout
    if step.op == "resize_":
        return _resize_remark(before, facts)
    if step.op == "T" and after.ndim != 2:
        return _("torch deprecates .T unless the tensor has 2 dimensions; .mT or permute say what is meant.")
    if facts.verdict == "itself":
        return _("Nothing to do: torch returned the very same tensor.")
    return ""


GROWN = N_("""The tensor itself was changed; the stage before shows how it looked until now. Its storage grew by {grown} cells that torch leaves unwritten: no number is known there.""")  # fmt: skip
CROPPED = N_("""The tensor itself was changed; the stage before shows how it looked until now. No number moved; {unread} cells of the storage are not read.""")  # fmt: skip
CHANGED = N_("The tensor itself was changed; the stage before shows how it looked until now. No number moved.")


def _resize_remark(before: Layout, facts: Facts) -> str:
    if grown := facts.layout.storage_size - before.storage_size:
        return say(GROWN, grown=grown)
    if facts.extent.distinct is None:
        return _(CHANGED)
    return say(CROPPED, unread=facts.layout.storage_size - facts.extent.distinct)


def sources(stages: Sequence[Stage]) -> dict[int, np.ndarray]:
    """For each storage that a copy filled, the address in the storage before it that each cell came from; -1: none."""
    return {
        after.facts.storage: copied_from(before, after)
        for before, after in pairwise(stages)
        if after.facts is not None and after.facts.verdict == "copy"
    }


def copied_from(before: Stage, after: Stage) -> np.ndarray:
    """The sources of one copying step: the step itself, run once more on the addresses in place of the numbers."""
    assert before.facts is not None
    assert after.facts is not None
    assert after.step is not None
    where = before.facts.layout
    counted = torch.arange(1, where.storage_size + 1)  # from 1: tril puts 0 where it copies nothing
    numbered = counted.as_strided(where.shape, where.stride, where.storage_offset)
    copied = after.step.operation.call(numbered, *after.step.args) - 1
    found = np.full(after.facts.layout.storage_size, -1, dtype=np.int64)
    found[addresses.addresses(after.facts.layout)] = copied.numpy()
    return found


def origins(copies: Mapping[int, np.ndarray], earlier: int, later: int) -> np.ndarray:
    """The address in an earlier storage that each cell of a later one came from, over all copies between; -1: none."""
    found = copies[later]
    for storage in range(later - 1, earlier, -1):
        there = np.append(copies[storage], -1)  # last, for cells from nowhere, and for those that resize_ added since
        found = there[np.minimum(found, len(there) - 1)]
    return found


def followed(copies: Mapping[int, np.ndarray], storage: int, address: int, to: int) -> list[int]:
    """The addresses in storage `to` of the number at `address` of `storage`: itself, where it came from, its copies."""
    if to == storage:
        return [address]
    if to > storage:
        return np.flatnonzero(origins(copies, storage, to) == address).tolist()
    back = origins(copies, to, storage)[address : address + 1]  # nothing where resize_ has added the cell
    return back[back >= 0].tolist()


@dataclass(frozen=True, eq=False)
class Written:
    """One stage's tensor after a write through some stage, and which of its elements changed."""

    number: int
    tensor: torch.Tensor
    changed: torch.Tensor  # bool, of the tensor's shape


def write_through(stages: Sequence[Stage], stage_index: int, index: Sequence[int], value: Any) -> tuple[Written, ...]:
    """Run the chain afresh, write one value at `index` of one stage, and compare every stage before and after.

    What changed is told from the bits, so that NaN over NaN is no change, and neither is a number over itself.
    The given stages stay as they are; those without a tensor are left out. torch rounds the value to the dtype.
    ValueError where the stage has no tensor, the index is outside it, or the dtype can't hold the value.
    """
    start = stages[0]
    assert start.facts is not None  # stage 0 always ran
    steps = [stage.step for stage in stages if stage.step is not None]
    again = _run(_rebuilt(start.cells, start.facts.layout), steps)
    tensors = {stage.number: stage.tensor for stage in again if stage.tensor is not None}
    if stage_index not in tensors:
        raise ValueError(
            say(
                "stage {number} has no tensor to write through; it was refused, not run or not there",
                number=stage_index,
            )
        )
    before = {number: _bits(tensor) for number, tensor in tensors.items()}
    _write(tensors[stage_index], tuple(index), value)
    return tuple(Written(n, tensor, (_bits(tensor) != before[n]).any(-1)) for n, tensor in tensors.items())


def reached_by_a_write(stages: Sequence[Stage], stage_index: int, index: Sequence[int]) -> list[int]:
    """The numbers of the stages whose tensors change when another number is written at `index` of one of them."""
    tensor = stages[stage_index].tensor
    assert tensor is not None
    now = tensor[tuple(index)]
    other = not now if tensor.dtype is torch.bool else 1 if now == 0 else 0
    return [written.number for written in write_through(stages, stage_index, index, other) if written.changed.any()]


def _write(tensor: torch.Tensor, index: Ints, value: Any) -> None:
    try:
        addresses.address(Layout.of(tensor), index)
        tensor[index] = value
    except (IndexError, RuntimeError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(
            say("can't write {value} at {index}: {error}", value=value, index=index, error=error)
        ) from error


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    """A copy of every element as its bytes, along a new last dimension."""
    return tensor.clone(memory_format=torch.contiguous_format).unsqueeze(-1).view(torch.uint8)
