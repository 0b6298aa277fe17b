"""How many times torch's time each manual version takes: python -m benchmarks.operators [names, commas between].

For every operator at its sizes: forward and forward + backward, with 1 and with 2 threads, the medians' ratio and
its spread, manual and torch in turn in one run; the larger of the ratios of peak memory; the target for the largest
size, and whether every ratio at that size meets it. The full tables, limits included: python -m core.timing.
"""

import itertools
import sys
from collections.abc import Sequence

from core.ops.operator import Operator
from core.timing import results, runner
from core.timing.__main__ import chosen, progress, registered
from core.timing.report import columns
from core.timing.settings import Settings

RUNS = tuple(itertools.product((False, True), (1, 2)))  # (backward, threads)
HEAD = ("operator", "size", "forward, 1 thread", "2 threads", "+ backward, 1 thread", "2 threads")
HEAD += ("memory", "target", "")


def main() -> None:
    operators = chosen(registered(), ",".join(sys.argv[1:]))
    timed = [_timed(operators, backward, threads) for backward, threads in RUNS]
    print("manual ÷ torch, (lowest–highest from the quartiles)")
    for result in timed:
        print(results.label(result))
    rows = [_row(op, size, timed) for op in operators for size in op.sizes]
    print("\n".join(columns(HEAD, rows, left=(0, 8))))


def _timed(operators: Sequence[Operator], backward: bool, threads: int) -> results.Result:
    settings = Settings(backward=backward, threads=threads, tiers=("manual", "torch"), budget_s=3600)
    last = ""
    for step in runner.run(operators, settings):
        if step.operator != last:
            print(progress(step), file=sys.stderr, flush=True)
        last = step.operator
    return step.result


def _row(operator: Operator, size: int, timed: Sequence[results.Result]) -> tuple[str, ...]:
    found = [_ratio(operator, size, result) for result in timed]
    memory = max((ratio.memory for ratio in found if ratio and ratio.memory is not None), default=None)
    target = operator.target_ratio if size == operator.sizes[-1] else None
    return (
        operator.mirrors,
        str(size),
        *(_cell(operator, size, result) for result in timed),
        f"{memory:.2f}" if memory is not None else "",
        f"{target:.2f}" if target is not None else "",
        _verdict(target, [ratio.ratio for ratio in found if ratio]),
    )


def _cell(operator: Operator, size: int, result: results.Result) -> str:
    """The ratio with its spread, or why there is none."""
    ratio = _ratio(operator, size, result)
    if ratio:
        return f"{ratio.ratio:.2f} ({ratio.low:.2f}–{ratio.high:.2f})"
    manual = result.at(operator.mirrors, size, "manual")
    return manual.status if manual else ""


def _ratio(operator: Operator, size: int, result: results.Result) -> results.Ratio | None:
    return next((r for r in results.ratios(result) if (r.operator, r.size) == (operator.mirrors, size)), None)


def _verdict(target: float | None, measured: Sequence[float]) -> str:
    if target is None or not measured:
        return ""
    return "met" if max(measured) <= target else "missed"


if __name__ == "__main__":
    main()
