"""How fast each manual version is, and how fast compiled: python -m benchmarks.operators [names] [--backward] …

For every operator: the times of the manual version and of its compiled form ÷ torch's, with their spread, all three in
turn in one run; the bytes that each of the three moves going forward; the manual version's peak memory ÷ torch's. At
the end the medians over the operators that memory bounds, at their largest size. Limits and textbooks: core.timing.
"""

import argparse
import statistics
import sys
from collections.abc import Iterator, Sequence

from benchmarks import moved
from core import topics
from core.calls import prepared
from core.ops.operator import Operator
from core.ops.seeded import seeded
from core.timing import results, runner
from core.timing.__main__ import chosen, progress
from core.timing.report import columns
from core.timing.settings import SWEEPS, Settings

TIERS = ("manual", "compiled", "torch")
HEAD = ("operator", "size", "manual ÷ torch", "compiled ÷ torch", *(f"{tier} moves" for tier in TIERS), "memory")
BOUND = ("normalize", "softmax", "cross_entropy", "pooling", "activations", "dropout", "batch_norm")  # by memory


def main() -> None:
    options = _options()
    operators = chosen(topics.operators(), options.names)
    settings = Settings(
        backward=options.backward, threads=options.threads, sizes=options.sizes, tiers=TIERS, budget_s=7200
    )
    result = _timed(operators, settings)
    print(results.label(result))
    rows = [_row(op, size, result) for op in operators for size in settings.sizes_of(op)]
    print("\n".join(columns(HEAD, rows, left=(0,))))
    print("\n".join(_medians(operators, result)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="?", default="", help="operators, commas between; all by default")
    parser.add_argument("--backward", action="store_true", help="time forward + backward")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sizes", choices=SWEEPS, default="large")
    return parser.parse_args()


def _timed(operators: Sequence[Operator], settings: Settings) -> results.Result:
    last = ""
    for step in runner.run(operators, settings):
        if step.operator != last:
            print(progress(step), file=sys.stderr, flush=True)
        last = step.operator
    return step.result


def _row(operator: Operator, size: int, result: results.Result) -> tuple[str, ...]:
    manual = _ratio(operator, size, "manual", result)
    memory = f"{manual.memory:.2f}" if manual and manual.memory is not None else ""
    times = (_cell(operator, size, tier, result) for tier in TIERS[:2])
    return (operator.mirrors, str(size), *times, *_moves(operator, size, result.settings), memory)


def _moves(operator: Operator, size: int, settings: Settings) -> Iterator[str]:
    """Megabytes of the manual version, compiled, and torch's."""
    call = prepared(operator.make_call(size, settings.torch_dtype, settings.torch_device, 0), frozenset())
    versions = ((moved.in_steps, operator.manual), (moved.compiled, operator.manual), (moved.in_steps, operator.torch))
    for counted, function in versions:
        with seeded(0):
            yield f"{counted(function, call) / 1e6:.4g} MB"


def _cell(operator: Operator, size: int, tier: str, result: results.Result) -> str:
    """The ratio with its spread, or why there is none."""
    ratio = _ratio(operator, size, tier, result)
    if ratio:
        return f"{ratio.ratio:.2f} ({ratio.low:.2f}–{ratio.high:.2f})"
    measured = result.at(operator.mirrors, size, tier)
    return measured.status if measured else ""


def _ratio(operator: Operator, size: int, tier: str, result: results.Result) -> results.Ratio | None:
    wanted = (operator.mirrors, size, tier)
    return next((r for r in results.ratios(result) if (r.operator, r.size, r.tier) == wanted), None)


def _medians(operators: Sequence[Operator], result: results.Result) -> Iterator[str]:
    bound = {op.mirrors for topic in topics.TOPICS if topic.name in BOUND for op in topic.operators}
    for tier in TIERS[:2]:
        found = [_ratio(op, op.sizes[-1], tier, result) for op in operators if op.mirrors in bound]
        ratios = [ratio.ratio for ratio in found if ratio]
        if ratios:
            median = f"{statistics.median(ratios):.2f}"
            yield f"{tier} ÷ torch, median of the {len(ratios)} operators that memory bounds: {median}"


if __name__ == "__main__":
    main()
