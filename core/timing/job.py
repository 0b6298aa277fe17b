"""A run in a thread of its own, which waits for its turn; readers look at it, stop it, or go away."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from core.ops.threads import settle_thread
from core.timing.queue import MOST, QUEUE, Left, Queue

S = TypeVar("S")  # what a run yields as it goes on: a timing's runner.Step, a training's progress
Steps = Callable[[Callable[[], bool]], Iterator[S]]  # given `stop`: runner.run with everything else filled in


@dataclass(frozen=True)
class State(Generic[S]):
    """A job at one moment."""

    phase: str  # "waiting", "running", "done", "stopped", "left" (nobody asked any more) or "failed"
    before: int = 0  # how many runs come before it, while it waits
    step: S | None = None  # the last step; its result is whole and holds what has been measured so far
    error: str = ""  # with "failed"

    @property
    def over(self) -> bool:
        """Whether nothing will change any more."""
        return self.phase not in ("waiting", "running")


class Job(Generic[S]):
    """Starts at once, and waits in the queue.

    Call `state` at least every `patience_s` seconds of the queue: a job that nobody looks at leaves the queue or
    stops its run, and keeps what it has measured.
    """

    def __init__(self, steps: Steps[S], queue: Queue = QUEUE) -> None:
        self._queue = queue
        self._ticket = queue.join()
        self._stopped = threading.Event()
        self._state: State[S] = State("waiting")
        self._cut = ""  # why the run was cut short: a phase of State
        self._thread = threading.Thread(target=self._work, args=(steps,), name="timing", daemon=True)
        self._thread.start()

    def state(self) -> State[S]:
        """How far it is, at once; also the sign that a reader is still there."""
        before = self._queue.place(self._ticket)
        state = self._state  # a frozen whole: no lock
        return State("waiting", before or 0) if state.phase == "waiting" else state

    def stop(self) -> None:
        """Leave the queue, or stop after the piece of work under way. Doing it twice does nothing."""
        self._stopped.set()
        self._queue.leave(self._ticket)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until the job is over; False where the time ran out first. Not asking: patience runs on."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self, steps: Steps[S]) -> None:
        settle_thread()
        step = None
        try:
            with self._queue.turn(self._ticket):
                for step in steps(self._to_stop):
                    self._state = State("running", step=step)
            self._state = State(self._cut or "done", step=step)
        except Left:
            full: State[S] = State("failed", error=f"{MOST} runs wait already. Try again in some minutes")
            self._state = full if self._ticket.refused else State("stopped" if self._stopped.is_set() else "left")
        except Exception as error:  # shown to the reader, the thread has nobody else to tell
            self._state = State("failed", step=step, error=f"{type(error).__name__}: {error}")

    def _to_stop(self) -> bool:
        if self._stopped.is_set():
            self._cut = "stopped"
        elif not self._queue.wanted(self._ticket):
            self._cut = "left"
        return bool(self._cut)
