"""Time the operators on a terminal: python -m core.timing --help."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from core import topics
from core.ops.operator import Operator
from core.timing import devices, report, results, runner
from core.timing.settings import DTYPES, SWEEPS, TIERS, Settings
from core.words import LANGUAGES, _, say, speak


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table on stdout, progress on stderr. Control-C keeps what has been measured.

    Gives 1 where a version is wrong or fails; the textbook versions may, by limits that their docstrings name.
    """
    speak(_language(os.environ))
    parser = _parser()
    asked = parser.parse_args(arguments)
    try:
        operators = chosen(topics.operators(), ",".join([asked.ops, *asked.names]))
        settings = _settings(asked)
        result = _watched(operators, settings, sys.stderr)
    except ValueError as error:
        parser.error(str(error))
    print(report.table(result))
    if asked.json:
        asked.json.write_text(results.to_json(result), encoding="utf-8")
    return 1 if any(m.tier != "textbook" and m.status in ("wrong", "failed") for m in result.measurements) else 0


def _language(environment: Mapping[str, str]) -> str:
    """The language that a terminal asks for, as gettext finds it; English where the app does not speak it."""
    asked = next(
        (environment[name] for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), ""
    )
    return asked[:2] if asked[:2] in LANGUAGES else "en"


def _parser() -> argparse.ArgumentParser:
    usual = Settings()
    parser = argparse.ArgumentParser("python -m core.timing", description=_("Time the manual operators against torch."))
    parser.add_argument("--device", default=devices.default().key, help=_("cpu, cuda, cuda:1, mps (here: %(default)s)"))
    parser.add_argument("--dtype", choices=DTYPES, default=usual.dtype)
    parser.add_argument("names", nargs="*", metavar="operator", help=_("names such as softmax conv2d; else all"))
    parser.add_argument("--ops", default="", help=_("the same with commas between: softmax,conv2d"))
    parser.add_argument(
        "--sizes", choices=SWEEPS, default="all", help=_("each operator's smallest, largest or all sizes")
    )
    parser.add_argument("--backward", action="store_true", help=_("time forward + backward"))
    parser.add_argument("--tf32", action="store_true", help=_("let float32 products round their factors (CUDA)"))
    parser.add_argument(
        "--tiers", default=",".join(usual.tiers), help=say("of {tiers} (%(default)s)", tiers=",".join(TIERS))
    )
    parser.add_argument("--threads", type=int, default=usual.threads, help=_("of torch on the CPU (%(default)s)"))
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--budget", type=float, default=900.0, help=_("seconds for the whole run (%(default)s)"))
    parser.add_argument("--json", type=Path, metavar="F", help=_("write the result to this file too"))
    return parser


def _settings(asked: argparse.Namespace) -> Settings:
    return Settings(
        device=devices.named(asked.device).key,
        dtype=asked.dtype,
        sizes=asked.sizes,
        backward=asked.backward,
        tiers=tuple(asked.tiers.split(",")),
        threads=asked.threads,
        seed=asked.seed,
        budget_s=asked.budget,
        tf32=asked.tf32,
    )


def chosen(operators: Sequence[Operator], names: str) -> tuple[Operator, ...]:
    """The operators of these names, short ("softmax") or dotted, commas between; all where there are no names.

    ValueError for a name that none of them has.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if not any(name in (op.name, op.mirrors) for op in operators):
            known = ", ".join(sorted({op.name for op in operators}))
            raise ValueError(say("there is no operator {name}; there are {known}", name=repr(name), known=known))
    return tuple(op for op in operators if not wanted or op.name in wanted or op.mirrors in wanted)


def _watched(operators: Sequence[Operator], settings: Settings, out: TextIO) -> results.Result:
    """Run to the end or to Control-C, showing each step on a terminal and each operator in a file."""
    result, last = results.begin(settings), ""
    try:
        for step in runner.run(operators, settings):
            result = step.result
            if out.isatty():
                print(f"\r\x1b[K{progress(step)}", end="", file=out, flush=True)
            elif step.operator != last:
                print(progress(step), file=out, flush=True)
            last = step.operator
    except KeyboardInterrupt:
        print("\n" + _("stopped: the size under way is not in the table"), file=out)
    if out.isatty():
        print("\r\x1b[K", end="", file=out)
    return result


def progress(step: runner.Step) -> str:
    """One line: how far, how long still, and what is next."""
    if step.fraction == 1:
        return "100%"
    what = f"{step.operator} {step.size} {step.tier}" if step.operator else _("the device's limits")
    return say("{fraction:4.0%}, {left_s:4.0f} s left: {what}", step, what=what)


if __name__ == "__main__":
    sys.exit(main())
