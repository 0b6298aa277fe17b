"""How the operators compose with torch's transforms: python -m benchmarks.composes [names] [--kinds …] [--most N].

For every operator and kind (forward-mode and functional derivatives, vmap, compiling, meta and fake tensors, autocast,
channels_last): on how many calls ours gives what torch's gives, of those that torch's takes. `--why` says what fails.
"""

import argparse
from collections import defaultdict

from core import topics
from core.timing.__main__ import chosen
from core.timing.report import columns
from tests.ops.composing import KINDS, Count, compile_kind, tried


def main() -> None:
    options = _options()
    kinds = [kind for kind in (*KINDS, compile_kind(options.backend)) if kind.name in options.kinds.split(",")]
    totals: dict[str, Count] = defaultdict(Count)
    rows, reasons = [], []
    for operator in chosen(topics.operators(), options.names):
        row = [operator.name]
        for kind in kinds:
            found = (
                tried(operator, kind, options.most_compiled if kind.name == "compile" else options.most)
                if kind.applies(operator)
                else Count()
            )
            row.append(f"{found.passed}/{found.tried}" if found.tried else "")
            totals[kind.name].tried += found.tried
            totals[kind.name].passed += found.passed
            reasons += [f"{operator.name} {kind.name}: {why}" for why in dict.fromkeys(found.failures)]
        rows.append(tuple(row))
        print(" ".join(row), flush=True)
    rows.append(("all", *(f"{totals[k.name].passed}/{totals[k.name].tried}" for k in kinds)))
    rows.append(("", *(f"{totals[k.name].passed / max(totals[k.name].tried, 1):.1%}" for k in kinds)))
    print("\n".join(columns(("operator", *(kind.name for kind in kinds)), rows, left=(0,))))
    if options.why:
        print("\n".join(reasons))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="?", default="", help="operators, commas between; all by default")
    parser.add_argument("--kinds", default=",".join([*(kind.name for kind in KINDS), "compile"]))
    parser.add_argument("--most", type=int, default=12, help="calls of each operator and kind")
    parser.add_argument("--most-compiled", type=int, default=3, help="as --most, for compiling")
    parser.add_argument("--backend", default="inductor", help="of torch.compile")
    parser.add_argument("--why", action="store_true", help="print what fails")
    return parser.parse_args()


if __name__ == "__main__":
    main()
