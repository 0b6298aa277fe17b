"""A session's run of real DataLoader workers: button, progress, stop, and what it found.

The workers are forked from a process of its own, which has one thread, and wait in the queue of the timing runs.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field

import streamlit as st

from core.experiments import worker_seeds
from core.experiments.worker_seeds import Drawn, Setup
from core.ops.threads import settle_thread
from core.timing import apart
from core.timing.job import Job, State
from core.ui import controls

POLL_S = 0.5  # how often the page looks
KEPT = 6  # runs that a session remembers
RUNS = "_worker_runs"  # session state: {Setup: Run}, the oldest first


@dataclass
class Run:
    """A run and what it has found so far."""

    setup: Setup
    job: Job[Drawn] | None
    drawn: list[Drawn] = field(default_factory=list)
    error: str = ""

    def stop(self) -> None:
        """End it: the process and its workers are killed."""
        if self.job:
            self.job.stop()


def runs() -> dict[Setup, Run]:
    """The session's runs by their set-ups, the oldest first."""
    return st.session_state.setdefault(RUNS, {})


def begin(setup: Setup) -> None:
    """Start a run of this set-up, and end any other."""
    for run in runs().values():
        run.stop()
    run = Run(setup, None)
    runs().pop(setup, None)
    runs()[setup] = run
    for old in list(runs())[:-KEPT]:
        del runs()[old]

    def work(stop: apart.Stop) -> Iterator[Drawn]:
        for drawn in apart.steps_of(worker_seeds.runs, setup, stop=stop):
            run.drawn.append(drawn)
            yield drawn

    run.job = Job(work)


def show(setup: Setup) -> list[Drawn]:
    """The button, or the progress of the run under way; what this set-up's last run has found so far."""
    run = runs().get(setup)
    if run and run.job:
        state = run.job.state()
        if state.over:
            run.job, run.error = None, state.error
        else:
            _watch(run)
            return list(run.drawn)
    again = "Run again" if run and run.drawn else "Start the workers"
    st.button(again, icon=":material/play_arrow:", on_click=functools.partial(begin, setup))
    if run and run.error:
        st.error(f"The run failed: {controls.quoted(run.error)}", icon=":material/block:")
    return list(run.drawn) if run else []


@st.fragment(run_every=POLL_S)
def _watch(run: Run) -> None:
    """Look at the run, which also keeps its place in the queue."""
    settle_thread()
    state: State[Drawn] = run.job.state() if run.job else State("done")
    if state.over:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(state.step.share if state.step else 0.0, _said(state))
        st.button("Stop", icon=":material/stop:", on_click=run.stop)


def _said(state: State[Drawn]) -> str:
    """Where the run is, in a line."""
    if state.phase == "waiting" and state.before:
        return f"{state.before} before you in the queue. Leaving this page leaves it."
    return "The process and its workers are starting." if state.step is None else "The workers draw."
