"""Record a run of all operators for the app to show: python -m benchmarks.record NAME [a result's JSON] [--device …].

The result goes to core/timing/recorded/NAME.json: the machine in general words, of each operator the calls at its
largest size, numbers to four digits. With a JSON that `python -m core.timing --json` wrote, nothing is run.
"""

import argparse
import json
import platform
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from core import topics
from core.timing import devices, results, runner
from core.timing.__main__ import progress
from core.timing.results import Result
from core.timing.settings import DTYPES, Settings

LONGEST_S = 3600.0
NONE = ("trips", [])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("result", type=Path, nargs="?")
    parser.add_argument("--device", default=devices.default().key)
    parser.add_argument("--dtype", choices=DTYPES, default="float32")
    asked = parser.parse_args()
    if asked.result:
        result = results.from_json(asked.result.read_text(encoding="utf-8"))
    else:
        result = timed(Settings(device=asked.device, dtype=asked.dtype, budget_s=LONGEST_S))
    text = json.dumps(rounded(json.loads(results.to_json(general(result)))), ensure_ascii=False, separators=(",", ":"))
    (results.RECORDED / f"{asked.name}.json").write_text(text + "\n", encoding="utf-8")


def timed(settings: Settings) -> Result:
    for step in runner.run(topics.operators(), settings):
        print(progress(step), file=sys.stderr, flush=True)
    return step.result


def general(result: Result) -> Result:
    """Without the system's build, and with the calls of each operator at its largest size alone."""
    largest = {m.operator: m.size for m in sorted(result.measurements, key=lambda m: m.size) if m.trips}
    kept = tuple(m if m.size == largest.get(m.operator) else replace(m, trips=()) for m in result.measurements)
    return replace(result, machine=replace(result.machine, os=platform.system()), measurements=kept)


def rounded(value: Any) -> Any:
    """The same with four digits of each number that is not whole, and without what is not there."""
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items() if item not in (None, "") and (name, item) != NONE}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    main()
