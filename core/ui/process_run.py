"""A session's run in a process of its own, behind a button: progress, stop, and what it has found so far.

It waits in the queue of the timing runs. The process has one thread, and is killed at a stop.
"""

import functools
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import streamlit as st

from core.ops.threads import settle_thread
from core.timing import process
from core.timing.job import Job, State
from core.ui import controls, language
from core.words import N_, Words, _, say

POLL_S = 0.5  # how often the page looks
QUEUED = N_("{before} before you in the queue. Leaving this page leaves it.")
KEPT = 6  # runs that a session remembers
RUNS = "_process_runs"  # session state: {(function, set-up): Run}, the oldest first


class Found(Protocol):
    """What a run yields each time that it has found something."""

    @property
    def share(self) -> float:
        """How much of the run is done, from 0 to 1."""


F = TypeVar("F", bound=Found)
Function = Callable[..., Iterator[F]]  # of the set-up and `stop`


@dataclass
class Run(Generic[F]):
    """A run and what it has found so far."""

    job: Job[F] | None = None
    found: list[F] = field(default_factory=list)
    error: str = ""

    def stop(self) -> None:
        """End it: its process is killed."""
        if self.job:
            self.job.stop()


def runs() -> dict[tuple[Function[Any], Hashable], Run[Any]]:
    """The session's runs by what they run, the oldest first."""
    return st.session_state.setdefault(RUNS, {})


def begin(function: Function[F], setup: Hashable) -> None:
    """Start a run, and end any other."""
    for other in runs().values():
        other.stop()
    run: Run[F] = Run()
    runs().pop((function, setup), None)
    runs()[function, setup] = run
    for old in list(runs())[:-KEPT]:
        del runs()[old]

    def work(stop: process.Stop) -> Iterator[F]:
        for found in process.steps_of(function, setup, stop=stop):
            run.found.append(found)
            yield found

    run.job = Job(work)


def show(
    function: Function[F], setup: Hashable, *, start: Words, doing: Words,
    look: Callable[[list[F], bool], None] | None = None,
) -> list[F]:  # fmt: skip
    """The button, which says `start`, or the progress of the run under way; what it has found so far.

    `look` shows what was found, and is told whether the run is under way: then it is called again and again.
    """
    run = runs().get((function, setup))
    if run and run.job:
        state = run.job.state()
        if state.over:
            run.job, run.error = None, state.error
        else:
            _watch(run, doing, look)
            return list(run.found)
    again = N_("Run again") if run and run.found else start
    st.button(_(again), icon=":material/play_arrow:", on_click=functools.partial(begin, function, setup))
    if run and run.error:
        st.error(say("The run failed: {error}", error=controls.quoted(run.error)), icon=":material/block:")
    found = list(run.found) if run else []
    if look:
        look(found, False)
    return found


@st.fragment(run_every=POLL_S)
def _watch(run: Run[F], doing: str, look: Callable[[list[F], bool], None] | None) -> None:
    """Look at the run, which also keeps its place in the queue."""
    language.speak()
    settle_thread()
    state: State[F] = run.job.state() if run.job else State("done")
    if state.over:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(state.step.share if state.step else 0.0, _said(state, doing))
        st.button(_("Stop"), icon=":material/stop:", on_click=run.stop)
    if look:
        look(list(run.found), True)


def _said(state: State[F], doing: str) -> str:
    """Where the run is, in a line."""
    if state.phase == "waiting" and state.before:
        return say(QUEUED, state)
    return _("The process is starting." if state.step is None else doing)
