"""A session's trainings of the network by hand, with torch.nn's beside it: button, progress, stop, resume.

A training is a job in the queue of the timing runs, so that one thing at a time works the processor hard and no
timing is disturbed. Both networks take each step together, on the same batch.
"""

import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import streamlit as st

from core.experiments import mlp
from core.experiments.mlp import Measured, Parameters, Progress
from core.ops.threads import settle_thread
from core.timing.job import Job, State
from core.ui import controls, language, process_run
from core.words import N_, _, say

BUDGET_S = 60.0  # of one press of the button; what is left can be continued
MEASUREMENTS = 24  # of the accuracy during a training
POLL_S = 1.0  # how often the page looks; a training nobody looks at for 15 s gives its turn away
KEPT = 5  # trainings that a session remembers
BEFORE = N_(
    "This is the network before its first step, drawn by *{scheme}*. *Train* takes {steps} steps by hand, and the same "
    "by `torch.nn`."
)
DONE = N_("Step **{step}** of {steps}, both networks.")
STOPPED = N_("Step **{step}** of {steps}, both networks. Stopped; it goes on from there.")
RUNS = "_trainings"  # session state: {Setup: Run}, the oldest first


@dataclass(frozen=True)
class Setup:
    """All that fixes a training: the same gives the same again."""

    scheme: str  # of core.experiments.schemes
    lr: float
    batch_size: int
    epochs: int
    samples: int  # training images
    seed: int

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return self.epochs * mlp.steps_per_epoch(self.samples, self.batch_size)

    @property
    def settings(self) -> mlp.Settings:
        """As mlp.train wants them."""
        every = max(1, self.steps // MEASUREMENTS)
        return mlp.Settings(self.lr, self.batch_size, self.epochs, self.seed, every)

    def __str__(self) -> str:
        return say("{scheme}, lr {lr:g}, batches of {batch_size} of {samples}, seed {seed}", self)


@dataclass(frozen=True)
class Pair:
    """Both networks after the same step."""

    ours: Progress
    theirs: Progress


@dataclass
class Run:
    """A training: where it stands, and what was measured on the way. Its job's thread adds to it."""

    setup: Setup
    ours: Parameters
    theirs: Parameters
    losses: list[tuple[float, float]] = field(default_factory=list)  # by hand and torch.nn's, one pair a step
    measured: list[Measured] = field(default_factory=list)
    job: Job[Pair] | None = None
    stopping: bool = False
    error: str = ""

    @property
    def step(self) -> int:
        """Steps done."""
        return len(self.losses)

    @property
    def finished(self) -> bool:
        """Whether no step is left."""
        return self.step >= self.setup.steps

    def stop(self) -> None:
        """Ask it to stop after the step under way."""
        self.stopping = True
        if self.job:
            self.job.stop()

    def add(self, pair: Pair) -> None:
        """Note a step of both networks."""
        ours, theirs = pair.ours, pair.theirs
        self.ours, self.theirs = ours.parameters, theirs.parameters
        if ours.train_accuracy is not None and ours.test_accuracy is not None and theirs.test_accuracy is not None:
            self.measured.append(Measured(ours.step, ours.train_accuracy, ours.test_accuracy, theirs.test_accuracy))
        self.losses.append((ours.loss, theirs.loss))


# ---- the work --------------------------------------------------------------------------------------------------


def pairs(run: Run, stop: Callable[[], bool]) -> Iterator[Pair]:
    """Go on with the run from where it stands, adding each step to it, until it ends, is stopped or time is up."""
    before = time.monotonic()
    of, settings = mlp.digits(run.setup.samples), run.setup.settings
    if not run.step:
        train, test = mlp.accuracy(run.ours, of.X, of.y), mlp.accuracy(run.ours, of.X_test, of.y_test)
        run.measured.append(Measured(0, train, test, test))
    ours = mlp.train(run.ours, of, settings, start=run.step)
    theirs = mlp.train_module(mlp.as_module(run.theirs), of, settings, start=run.step)
    for both in zip(ours, theirs, strict=True):
        pair = Pair(*both)
        run.add(pair)
        yield pair
        if stop() or time.monotonic() - before > BUDGET_S:
            return


def fresh(setup: Setup) -> Run:
    """A training before its first step: both networks with the same start."""
    start = mlp.initial_parameters(setup.seed, setup.scheme)
    return Run(setup, start, start)


# ---- in a session ----------------------------------------------------------------------------------------------


def runs() -> dict[Setup, Run]:
    """The session's trainings by their set-ups, the oldest first."""
    return st.session_state.setdefault(RUNS, {})


def under_way() -> Run | None:
    """The training that waits or works now; the one that is over since the last look is put at rest."""
    for run in runs().values():
        if run.job is not None:
            state = run.job.state()
            if not state.over:
                return run
            run.error, run.job, run.stopping = state.error, None, False
    return None


def begin(setup: Setup, *, anew: bool = False) -> None:
    """Start or continue the training of this set-up, unless one is under way."""
    if under_way():
        return
    run = runs().pop(setup, None)
    if run is None or anew:
        run = fresh(setup)
    runs()[setup] = run
    for old in list(runs())[:-KEPT]:
        del runs()[old]
    run.job = Job(functools.partial(pairs, run))


def buttons(setup: Setup) -> None:
    """What starts or continues the training of this set-up; nothing while one is under way."""
    if under_way():
        return
    run = runs().get(setup)
    started = run is not None and run.step > 0
    label = N_("Train") if not started else N_("Train again") if run and run.finished else N_("Continue")
    anew = run is not None and run.finished
    st.button(_(label), icon=":material/play_arrow:", on_click=begin, args=(setup,), kwargs={"anew": anew})


def watch(show: Callable[[Run], None]) -> bool:
    """The progress of the training under way and `show` of it so far; whether there is one."""
    busy = under_way()
    if busy:
        _watch(busy, show)
    return busy is not None


def where(setup: Setup) -> None:
    """How far this set-up's training has come, or why it failed."""
    run = runs().get(setup)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(_where(setup, run), width="content")
        if run and run.step and not run.finished:
            st.button(_("Start again"), icon=":material/replay:", on_click=begin, args=(setup,), kwargs={"anew": True})
    if run and run.error:
        st.error(say("The training failed: {error}", error=controls.quoted(run.error)), icon=":material/block:")


def _where(setup: Setup, run: Run | None) -> str:
    if run is None or not run.step:
        return say(BEFORE, setup)
    return say(DONE if run.finished else STOPPED, setup, step=run.step)


@st.fragment(run_every=POLL_S)
def _watch(run: Run, show: Callable[[Run], None]) -> None:
    """Look at the training, which also keeps its place in the queue."""
    language.speak()
    settle_thread()
    state: State[Pair] = run.job.state() if run.job else State("done")
    if state.over:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(run.step / run.setup.steps, said(run, state))
        st.button(_("Stop"), icon=":material/stop:", on_click=run.stop, disabled=run.stopping)
    show(run)


def said(run: Run, state: State[Pair]) -> str:
    """Where the training is, in a line."""
    if run.stopping:
        return _("Stopping after the step under way")
    if state.phase == "waiting":
        return say(process_run.QUEUED, state) if state.before else _("Starting")
    return say("Step {step} of {steps}: {setup}", step=run.step, steps=run.setup.steps, setup=str(run.setup))
