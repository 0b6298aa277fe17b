"""What each chart of a timing says for its numbers: a sentence for each case that the numbers can be."""

from collections.abc import Sequence

from core.timing.explain import LIKE, Compared, Overall, Path, Roof, Standing, Why
from core.timing.report import seconds
from core.words import N_, _, say

# ---- times, ratios, memory -------------------------------------------------------------------------------------

SLOWER = N_(
    "**Time and ratio.** At size {size:,} the formula takes **{manual:.2f}** times as long as torch ({low:.2f} to "
    "{high:.2f}, from quartile to quartile)."
)
FASTER = N_(
    "**Time and ratio.** At size {size:,} the formula is the faster one: it takes **{manual:.2f}** of torch's time "
    "({low:.2f} to {high:.2f}, from quartile to quartile)."
)
ALIKE = N_(
    "**Time and ratio.** At size {size:,} the formula and torch are equally fast as far as this run can tell: the "
    "ratio is {manual:.2f}, and its quartiles, {low:.2f} to {high:.2f}, lie on both sides of 1."
)
FIXED = N_(
    "At the smallest size, {smallest:,}, it takes {manual_small:.2f} times as long: with so few numbers, what a call "
    "costs before it computes anything counts most, and the formula makes more calls."
)
SHRINKS = N_(
    "At the smallest size, {smallest:,}, the ratio is {manual_small:.2f} only: the difference grows with the "
    "numbers, so it lies in the work on them and not in what a call costs."
)
COMPILED_BETTER = N_(
    "Compiled, the same formula takes **{compiled:.2f}** times torch's time: the compiler turned it into fewer calls."
)
COMPILED_WORSE = N_(
    "Compiled, the same formula takes **{compiled:.2f}** times torch's time, no less than as it is written: here the "
    "compiler does not help."
)
MORE_MEMORY = N_(
    "**Memory.** The formula holds up to **{memory:.2f}** times as much as torch at a time: each step puts its "
    "result beside its input before the next one starts."
)
LESS_MEMORY = N_("**Memory.** The formula holds less at a time than torch: **{memory:.2f}** of it.")
SAME_MEMORY = N_("**Memory.** Both hold about as much at a time ({memory:.2f} times).")


def times(found: Compared) -> str:
    """What the charts of times, ratios and memory say."""
    said = [ALIKE if found.alike else SLOWER if found.manual > 1 else FASTER]
    if found.smallest != found.size and found.manual_small > LIKE * found.manual:
        said.append(FIXED)
    elif found.smallest != found.size and LIKE * found.manual_small < found.manual:
        said.append(SHRINKS)
    if found.compiled is not None:
        said.append(COMPILED_BETTER if found.compiled < found.manual / LIKE else COMPILED_WORSE)
    if found.memory is None:
        return paragraphs([say(template, found) for template in said])
    held = MORE_MEMORY if found.memory > LIKE else LESS_MEMORY if found.memory * LIKE < 1 else SAME_MEMORY
    return paragraphs([say(template, found) for template in said], [say(held, found)])


def paragraphs(*parts: Sequence[str]) -> str:
    """Sentences, part by part; empty parts leave no gap."""
    return "\n\n".join(" ".join(part) for part in parts if part)


# ---- trips through memory --------------------------------------------------------------------------------------

LOOK = N_(
    "Each bar is one tensor on its way: read from memory (blue), or written back (orange), as long as it has bytes; "
    "at size {size:,}."
)
TRIPS = {
    "manual": N_("the formula makes **{large:|trip|trips}** with a large tensor, in {calls:|call|calls}"),
    "compiled": N_("the compiled formula **{large:|trip|trips}**, in {calls:|call|calls}"),
    "torch": N_("torch **{large:|trip|trips}**, in {calls:|call|calls}"),
}
COUNTED = N_("Count them: {trips}.")
MEMORY_TELLS = N_(
    "The formula moves **{bytes:.1f}** times torch's bytes and takes **{time:.1f}** times as long: each of its calls "
    "fetches from memory what the one before has just put there. That is why."
)
CACHE_TELLS = N_(
    "The formula moves **{bytes:.1f}** times torch's bytes, but takes only **{time:.2f}** times as long: the work on "
    "each number, or a cache that still holds what the call before put there, hides the trips."
)
WORK_TELLS = N_(
    "The two move about as many bytes, yet the formula takes **{time:.1f}** times as long: not the trips make the "
    "difference, but the work on each number within a call, or what each of the calls costs besides."
)
EVEN = N_("The two move about as many bytes ({bytes:.2f} times) and take about as long ({time:.2f} times).")
OVERLAP = N_(
    "The formula moves **{bytes:.1f}** times torch's bytes. What that costs this run cannot tell: the two times, "
    "{time:.2f} to 1, overlap in their quartiles."
)
QUICKER = N_("The formula takes **{time:.2f}** of torch's time, and moves {bytes:.2f} times its bytes.")
COSTS_CALLS = N_(
    "Of the formula's {whole}, {between} lie between its calls: so few bytes are moved that Python and torch's own "
    "preparations for each call take longer than the numbers."
)
CUT = N_("Of the {calls} calls of {tier} the first {drawn} are drawn.")
ONE_KERNEL = N_(
    "The compiler put all of it into **{n:|kernel|kernels}**, below: within one, a number stays in the processor "
    "until all is done with it."
)


def why(found: Why) -> str:
    """What the picture of the trips says."""
    counted = [say(TRIPS[path.tier], path) for path in found.paths if path.tier in TRIPS]
    look, said = [say(LOOK, found), say(COUNTED, trips="; ".join(counted))], list[str]()
    manual, theirs = found.of("manual"), found.of("torch")
    if manual and theirs and theirs.moved and theirs.seconds:
        facts = {"bytes": manual.moved / theirs.moved, "time": manual.seconds / theirs.seconds}
        overlap = manual.low_s <= theirs.high_s and theirs.low_s <= manual.high_s
        said.append(say(OVERLAP if overlap else _reason(facts["bytes"], facts["time"]), facts))
    if manual:
        said += _between(manual)
    compiled = found.of("compiled")
    kernels = sum(bool(trip.code) for trip in compiled.trips) if compiled else 0
    if kernels:
        said.append(say(ONE_KERNEL, n=kernels))
    for path in found.paths:
        if path.calls > len(path.trips):
            said.append(say(CUT, path, drawn=len(path.trips)))
    return paragraphs(look, said)


def _reason(moved: float, time: float) -> str:
    if time * LIKE < 1:
        return QUICKER
    if moved > LIKE:
        return MEMORY_TELLS if time > max(LIKE, moved / 2) else CACHE_TELLS
    return WORK_TELLS if time > LIKE else EVEN


def _between(path: Path) -> list[str]:
    """Where most of the time lies between the calls."""
    within = sum(trip.seconds for trip in path.trips)
    if path.calls > len(path.trips) or path.seconds < 2 * within:
        return []
    return [say(COSTS_CALLS, whole=seconds(path.seconds), between=seconds(path.seconds - within))]


# ---- the roof --------------------------------------------------------------------------------------------------

ROOF = N_(
    "The line is the roof: what this device reached at most in this run. On the left, where it slopes, bytes are the "
    "limit: {moved:.3g} GB/s in a copy of this size{where}. On the right, where it is level, arithmetic is: "
    "{peak:.3g} GFLOP/s."
)
FROM_CACHE = N_(", which a cache holds")
BY_MEMORY = N_(
    "Of this operator's definition each byte takes part in **{intensity:.2g}** operations: it belongs under the "
    "slope, and could not take less than **{floor}**, however fast the arithmetic."
)
BY_WORK = N_(
    "Of this operator's definition each byte takes part in **{intensity:.3g}** operations: it belongs under the "
    "level part, and could not take less than **{floor}**, however fast the memory."
)
REACHED = N_("**{tier} {share}**")
ALL_REACHED = N_("Of that speed reach {all}.")
LEFT = N_(
    "The formula's dot stands **{times:.1f}** times further left than torch's, since it moves so many times the "
    "bytes for the same operations: the roof is lower there."
)
HIGHER = N_(
    "Its own bytes counted, torch reaches {share} of the roof over its dot. What keeps it from the rest is no trip: "
    "the functions themselves (an exponential counts as one operation here, and is many), steps that wait for each "
    "other, and the start of the call."
)
NO_MATMUL = N_(
    "A matmul in this dtype is slower here ({matrix:.3g} GFLOP/s) than a + b · c on single numbers ({single:.3g} "
    "GFLOP/s), so it is no roof for other work."
)
ABOVE = {
    "moves less": N_(
        "{tier} is above 100%: it moves fewer bytes than the definition, which counts every input as read once."
    ),
    "only reads": N_(
        "{tier} is above 100%: it reads and hardly writes, while the copy that gave the limit does both, and reading "
        "alone is faster."
    ),
    "spread": N_("{tier} is above 100% by no more than the spread of the times and of the limit."),
    "outputs in the cache": N_(
        "{tier} is above 100%: its inputs come from memory, but what it writes goes to the place that the call "
        "before gave back, which the cache still holds."
    ),
    "fewer operations": N_(
        "{tier} is above 100%: it does the work in fewer operations than the definition's, or several of them in one "
        "step of the processor."
    ),
    "unknown": N_("{tier} is above 100%, and this run's numbers do not tell why."),
}  # fmt: skip


def roof(found: Roof) -> str:
    """What the roofline says."""
    where = _(FROM_CACHE) if found.cached else ""
    line = [say(ROOF, moved=found.bandwidth.median / 1e9, peak=found.peak / 1e9, where=where)]
    if found.limits.matrix.median < found.limits.elementwise.median:
        matrix, single = found.limits.matrix.median / 1e9, found.limits.elementwise.median / 1e9
        line.append(say(NO_MATMUL, matrix=matrix, single=single))
    shown = [one for tier in ("torch", "manual", "compiled") if (one := found.of(tier))]
    reached = say(ALL_REACHED, all=[say(REACHED, tier=_(one.tier), share=share(one.share)) for one in shown])
    need = [say(BY_MEMORY if found.memory_bound else BY_WORK, found, floor=seconds(found.floor_s)), reached]
    need += [say(ABOVE[one.above], tier=_(one.tier)) for one in found.standings if one.above]
    return paragraphs(line, need, _positions(found.of("manual"), found.of("torch"), found.memory_bound))


def _positions(manual: Standing | None, theirs: Standing | None, memory_bound: bool) -> list[str]:
    said = []
    if manual and theirs and memory_bound and theirs.intensity > LIKE * manual.intensity:
        said.append(say(LEFT, times=theirs.intensity / manual.intensity))
    if theirs and theirs.own_share < 0.6:
        said.append(say(HIGHER, share=share(theirs.own_share)))
    return said


def share(part: float) -> str:
    """A share of the limit: whole per cents, below ten one digit that is not 0."""
    return f"{part:.0%}" if part >= 0.095 else f"{100 * part:.1g}%"


# ---- all operators together ------------------------------------------------------------------------------------

CELL = N_("A cell is a time ÷ torch's: below 1 (blue) faster, above 1 (orange) slower.")
MEDIAN = N_(
    "Over {operators:|operator|operators} the formula's median is **{manual:.2f}**; it is furthest behind at "
    "{slowest}, with **{slowest_ratio:.1f}**."
)
NEVER_BEHIND = N_(
    "Over {operators:|operator|operators} the formula's median is **{manual:.2f}**: nowhere is it behind torch."
)
ONE = N_("So far {slowest} alone is timed: its formula takes **{manual:.2f}** times as long as torch.")
HELPED = N_(
    "Compiled, the median is **{compiled:.2f}**: {helped} of {compiled_of} formulas are clearly faster, where steps "
    "that follow each other number by number are done in one pass."
)
NOT_HELPED = N_(
    "Compiled, the median is **{compiled:.2f}**: of {compiled_of} formulas the compiler makes none clearly faster."
)


def overall(found: Overall) -> list[str]:
    """What the table of all operators says."""
    median = ONE if found.operators == 1 else MEDIAN if found.slowest_ratio > 1 else NEVER_BEHIND
    said = [say(CELL), say(median, found)]
    if found.compiled is not None:
        said.append(say(HELPED if found.helped else NOT_HELPED, found))
    return said
