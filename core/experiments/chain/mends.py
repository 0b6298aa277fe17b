"""What lets a chain go on where torch refuses a step: each way tried, with the bytes that it copies."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from core.experiments.chain.claims import moved
from core.experiments.chain.operation import MAX_STEPS
from core.experiments.chain.operations import Step, predict, too_large
from core.experiments.chain.run import Stage, facts_of
from core.experiments.layout.rule import Copy, Layout, laid_out

Kind = Literal["reshape", "contiguous", "channels_last", "undo", "earlier", "without"]
PLACES: tuple[Kind, ...] = ("contiguous", "channels_last")  # which may go behind any tensor before the refused step
ON_THE_STORAGE = ("as_strided", "resize_")  # a copy ahead of these would make another tensor of them
PERMUTATIONS = ("transpose", "T", "mT", "permute", "movedim")


@dataclass(frozen=True)
class Mend:
    """A chain in which the refused step runs, or is left out."""

    kind: Kind
    step: Step  # what is put in, or moved
    behind: int  # the number of the tensor behind which it stands
    steps: tuple[Step, ...]  # the whole chain, what followed the refused step included
    bytes: int  # copied up to the refused step's result, more than the chain copies up to it now
    same: bool  # whether the result has the numbers that reshape would give, in its order


def mends(stages: Sequence[Stage]) -> list[Mend]:
    """The ways that work for the first step that is refused; the cheapest place of each kind, and the one before it.

    They are tried on integers alone: torch need not run a dozen chains.
    """
    refused = _refused(stages)
    tried = [mend for mend in _tried(stages, refused) if mend is not None]
    places = [mend for mend in tried if mend.kind in PLACES]
    near = refused.number - 1
    keep = [m for m in places if m.behind == near and m.kind == "contiguous"]
    for kind in PLACES:  # farther ahead only where that copies less; another order in memory also where it is the same
        kin = sorted((m for m in places if m.kind == kind and m.behind < near), key=lambda m: (m.bytes, -m.behind))
        keep += [m for m in kin[:1] if not keep or m.bytes < keep[0].bytes + (kind == "channels_last")]
    return [mend for mend in tried if mend not in places or mend in keep]


def _tried(stages: Sequence[Stage], refused: Stage) -> Iterator[Mend | None]:
    steps = [stage.step for stage in stages if stage.step is not None]
    at, rest = refused.number - 1, tuple(steps[refused.number :])
    step, before = steps[at], steps[:at]
    sizes = [facts_of(stage).itemsize for stage in stages[: at + 1]]  # of an element, tensor by tensor

    def made(kind: Kind, put: Step, behind: int, new: Sequence[Step], same: bool, size: Sequence[int]) -> Mend | None:
        results = _predicted(facts_of(stages[0]).layout, new)
        if results is None or len(new) + len(rest) > MAX_STEPS:
            return None
        if kind in PLACES and not isinstance(results[behind], Copy):
            return None  # nothing to do there
        if kind == "earlier" and (refused.instead is None or laid_out(results[-1]).shape != refused.instead.shape):
            return None
        copied = sum(r.layout.numel * n for r, n in zip(results, size, strict=True) if isinstance(r, Copy))
        now = moved([stage for stage in stages if stage.facts is not None]).bytes
        return Mend(kind, put, behind, (*new, *rest), max(copied - now, 0), same)

    if step.op == "view":
        yield made("reshape", put := Step("reshape", step.args), at, [*before, put], True, [*sizes[1:], sizes[at]])
    for kind in PLACES:
        first = next((d + 1 for d in reversed(range(at + 1)) if steps[d].op in ON_THE_STORAGE), 0)
        for behind in reversed(range(first, at + 1)):
            new = [*before[:behind], Step(kind), *before[behind:], step]
            size = [*sizes[1 : behind + 1], sizes[behind], *sizes[behind + 1 :], sizes[at]]
            yield made(kind, Step(kind), behind, new, True, size)
    if before and before[-1].op in PERMUTATIONS:
        back = _inverse(before[-1], facts_of(stages[at - 1]).layout)
        yield made("undo", back, at, [*before, back, step], False, [*sizes[1:], sizes[at], sizes[at]])
    for behind in reversed(range(at)):
        new, size = (
            [*before[:behind], step, *before[behind:]],
            [*sizes[1 : behind + 1], sizes[behind], *sizes[behind + 1 :]],
        )
        yield made("earlier", step, behind, new, False, size)
    yield made("without", step, at, before, False, sizes[1:])


def _predicted(layout: Layout, steps: Sequence[Step]) -> list[Layout | Copy] | None:
    """What integers say of each step; None where one is refused."""
    results: list[Layout | Copy] = []
    for step in steps:
        result, _ = predict(step, layout)
        if result is None or too_large(result):
            return None
        results.append(result)
        layout = laid_out(result)
    return results


def _refused(stages: Sequence[Stage]) -> Stage:
    return next(stage for stage in stages if stage.status == "refused")


def _inverse(step: Step, layout: Layout) -> Step:
    """The permutation that undoes a step on a tensor of this layout; a transpose undoes itself."""
    if step.op not in ("permute", "movedim"):
        return step
    result, _ = predict(step, Layout(layout.shape, tuple(range(layout.ndim))))
    assert isinstance(result, Layout)
    return Step("permute", (tuple(result.stride.index(d) for d in range(layout.ndim)),))
