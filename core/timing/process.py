"""A run in a process of its own: it shares no interpreter with the pages, and can be ended at any moment.

`python -m core.timing.process FD` is that process. It takes the run from the connection at this file descriptor: a
generator function that the other process can import, and its arguments.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from core import topics
from core.ops.operator import Operator
from core.timing import results, runner
from core.timing.results import Measurement, Result
from core.timing.runner import Step
from core.timing.settings import Settings

T = TypeVar("T")
Stop = Callable[[], bool]

ROOT = Path(__file__).parents[2]
LOOK_S = 0.2  # how often `stop` is asked
PATIENCE_S = 5.0  # a call under way may take so much longer than the run should


def steps_of(function: Callable[..., Iterator[T]], *args: Any, stop: Stop) -> Iterator[T]:
    """What `function(*args, stop=…)` yields in the other process, which is killed at a stop."""
    with _process() as pipe:
        _say(pipe, (function, args))
        while not stop():
            if pipe.poll(LOOK_S):
                answer = _answer(pipe)
                if answer is None:
                    return
                yield answer


def run(operators: Sequence[Operator], settings: Settings, *, stop: Stop) -> Iterator[Step]:
    """As runner.run, but a call or a compilation that outlasts a stop or the budget by PATIENCE_S is killed.

    The operators are those of the registry: the other process finds them by name. RuntimeError where that process
    fails, or ends by itself, as when the system takes its memory away.
    """
    step = Step("", "", 0, 0.0, settings.budget_s, results.begin(settings))
    yield step
    end, stopping = float("inf"), False
    with _process() as pipe:
        _say(pipe, (_timed, ([operator.mirrors for operator in operators], settings)))
        while time.monotonic() < end:
            if pipe.poll(LOOK_S):
                answer = _answer(pipe)
                if answer is None:
                    return
                step, end = answer, min(end, time.monotonic() + settings.budget_s + PATIENCE_S)
                yield step
            if not stopping and stop():
                stopping, end = True, min(end, time.monotonic() + PATIENCE_S)
                _say(pipe, "stop")
    yield replace(step, fraction=1.0, left_s=0.0, result=_with_the_rest(step.result, operators, settings))


@contextlib.contextmanager
def _process() -> Iterator[Connection]:
    """The other process, by the near end of the connection to it; killed at the end with what it has started."""
    near, far = Pipe()
    command = [sys.executable, "-m", __name__, str(far.fileno())]
    process = subprocess.Popen(command, cwd=ROOT, pass_fds=(far.fileno(),), start_new_session=True)
    far.close()
    try:
        with near:
            yield near
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _say(pipe: Connection, what: object) -> None:
    """Send it; that the other process is gone shows when its answer is read."""
    with contextlib.suppress(BrokenPipeError):
        pipe.send(what)


def _answer(pipe: Connection) -> Any:
    """The next step; None at the end."""
    try:
        answer = pipe.recv()
    except (EOFError, ConnectionResetError):
        raise RuntimeError("the process of this run has ended early, perhaps for want of memory") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _with_the_rest(result: Result, operators: Sequence[Operator], settings: Settings) -> Result:
    """The result with a line for all that a killed run did not come to."""
    known = {(m.operator, m.size, m.tier) for m in result.measurements}
    rest = [
        Measurement(
            operator.mirrors, size, tier, "not reached", f"a call did not end within {PATIENCE_S:g} s of the run"
        )
        for operator in operators
        for size in settings.sizes_of(operator)
        for tier in settings.tiers_of(operator)
        if (operator.mirrors, size, tier) not in known
    ]
    return replace(result, measurements=(*result.measurements, *rest))


def _timed(names: Sequence[str], settings: Settings, *, stop: Stop) -> Iterator[Step]:
    """The timing itself, in the other process, which finds the operators by name."""
    known = {operator.mirrors: operator for operator in topics.operators()}
    return runner.run([known[name] for name in names], settings, stop=stop)


def main(descriptor: int) -> None:
    """Run what the connection asks for, and send each step; anything more that arrives, or its end, is a stop."""
    with Connection(descriptor) as asker:
        function, args = asker.recv()
        try:
            for step in function(*args, stop=asker.poll):
                asker.send(step)
            asker.send(None)
        except BrokenPipeError:
            pass  # nobody is there any more
        except Exception as error:
            asker.send(RuntimeError(f"{type(error).__name__}: {error}"))


if __name__ == "__main__":
    main(int(sys.argv[1]))
