"""A session's timing run: its settings, its button, its progress, its end. The pages that time share it."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from core.ops.operator import Operator
from core.timing import devices, process, report, results
from core.timing.job import Job, State
from core.timing.results import Result
from core.timing.runner import Step
from core.timing.settings import Settings
from core.ui import controls

BUDGETS = (10, 30, 60, 120)  # seconds of a whole run; a public server lends no more at a time
MOST_THREADS = 8
POLL_S = 1.0  # how often a page looks at its run; a run nobody looks at for 15 s gives its turn away
KEPT = 24  # runs that a session remembers
RUNS, ENDS = "_timing_runs", "_timing_ends"  # session state: {page: Run} and [End], the oldest first
COMPILING = (
    "By torch.compile, which takes seconds for every size, on a busy machine minutes. A compilation under way when the "
    "run is over or stopped gets five seconds more."
)
ENDED = {
    "stopped": "The run was stopped: what had been measured by then stands below.",
    "left": "The run ended because its page was left: what had been measured by then stands below.",
}


@dataclass
class Run:
    """A job and the page that started it."""

    page: str
    operators: tuple[Operator, ...]
    settings: Settings
    job: Job[Step]
    stopping: bool = False

    def stop(self) -> None:
        """Ask it to stop after the piece of work under way."""
        self.stopping = True
        self.job.stop()


@dataclass(frozen=True)
class End:
    """A run that is over, and what it leaves: None where its turn never came."""

    page: str
    phase: str  # as in job.State
    result: Result | None
    error: str = ""


# ---- settings --------------------------------------------------------------------------------------------------


def ask(sweeps: Sequence[str], *, textbook: bool, budget: int) -> Settings:
    """The controls of a run, all of them in the address: `sweeps` of core.timing.settings.SWEEPS, the first by default.

    `textbook` says whether there is such a version to be timed. torch is always timed: the others are compared with it.
    """
    device = _device()
    cpu = device == "cpu"
    dtype = controls.choice("t_dtype", "dtype", devices.dtypes(device))
    sizes = controls.choice("t_sizes", "Sizes", sweeps)
    backward = controls.choice("t_pass", "Pass", ("forward", "forward and backward")) != "forward"
    threads = controls.stops("t_threads", "Threads", _threads()) if cpu else 1
    seconds = controls.stops("t_budget", "At most", BUDGETS, budget, format=lambda s: f"{s} s")
    seed = controls.number("t_seed", "Seed of the inputs", 0, controls.LARGEST_SEED, 0)
    with st.container(width="content", gap="xxsmall"):
        tiers = _tiers(device, textbook)
    return Settings(device, dtype, sizes, backward, tiers, threads, seed, float(seconds))


def _device() -> str:
    """The device's key. One that stands alone is said by the sentence above, not offered."""
    found = {device.key: str(device) for device in devices.devices()}
    if len(found) == 1:
        return next(iter(found))
    return controls.choice("t_device", "Device", list(found), devices.default().key, format=found.__getitem__, few=2)


def _threads() -> list[int]:
    """1, 2, 4, …, as many as there are processors."""
    most = min(devices.cores(), MOST_THREADS)
    return sorted({*(n for n in (1, 2, 4) if n <= most), most})


def _tiers(device: str, textbook: bool) -> tuple[str, ...]:
    """Switches for the versions that one can do without."""
    chosen = ["torch", "manual"]
    if textbook and controls.toggle("t_textbook", "Textbook", True, help="Loops as in the definition"):
        chosen.append("textbook")
    missing = devices.compiler_missing(device)
    if missing:
        st.toggle("Manual, compiled", False, disabled=True)
        st.markdown(f":gray[:small[{missing}.]]", width=controls.WIDTH)
    elif controls.toggle("t_compiled", "Manual, compiled", help=COMPILING):
        chosen.append("compiled")
    return tuple(chosen)


# ---- start, watch, stop ----------------------------------------------------------------------------------------


def attend(page: str) -> None:
    """To be called first: put what is over to the ends, and stop the runs of pages that were left for this one."""
    for run in list(_runs().values()):
        if run.page != page:
            run.stop()
        state = run.job.state()
        if state.over:
            del _runs()[run.page]
            ends().append(End(run.page, state.phase, state.step.result if state.step else None, state.error))
            del ends()[:-KEPT]


def control(
    page: str,
    operators: tuple[Operator, ...],
    settings: Settings,
    show: Callable[[Result], None] | None = None,
) -> bool:
    """The button that runs; while a run of this page is under way its progress, with `show` of the result so far.

    Gives whether one is under way.
    """
    run = _runs().get(page)
    if run:
        _watch(run, show)
        return True
    st.button("Run", icon=":material/timer:", on_click=_begin, args=(page, operators, settings))
    ended = [end for end in ends() if end.page == page]
    if ended:
        _say(ended[-1])
    return False


def ends() -> list[End]:
    """The session's runs that are over, the oldest first."""
    return st.session_state.setdefault(ENDS, [])


def _runs() -> dict[str, Run]:
    return st.session_state.setdefault(RUNS, {})


def _begin(page: str, operators: tuple[Operator, ...], settings: Settings) -> None:
    if page not in _runs():
        job = Job(lambda stop: process.run(operators, settings, stop=stop))
        _runs()[page] = Run(page, operators, settings, job)


@st.fragment(run_every=POLL_S)
def _watch(run: Run, show: Callable[[Result], None] | None) -> None:
    """Look at the run once a second, which also keeps its place in the queue."""
    state = run.job.state()
    if state.over:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(state.step.fraction if state.step else 0.0, said(run, state))
        st.button("Stop", icon=":material/stop:", on_click=run.stop, disabled=run.stopping)
    if show and state.step:
        show(state.step.result)


def said(run: Run, state: State[Step]) -> str:
    """Where the run is, in a line."""
    if run.stopping:
        return "Stopping after the piece of work under way"
    if state.phase == "waiting":
        return f"{state.before} before you in the queue. Leaving this page leaves it." if state.before else "Starting"
    step = state.step
    if step is None or not step.operator:
        return "Measuring how fast the device copies and multiplies"
    names = [operator.mirrors for operator in run.operators]
    count = f" ({names.index(step.operator) + 1} of {len(names)})" if len(names) > 1 else ""
    return f"{short(step.operator)}{count}, size {step.size:,}, {step.tier}: about {step.left_s:.0f} s left"


def _say(end: End) -> None:
    if end.phase == "failed":
        st.error(f"The run failed: {controls.quoted(end.error)}", icon=":material/block:")
    elif end.result is None:
        st.info("The run was stopped before its turn came.")
    elif all(m.status == "not reached" for m in end.result.measurements):
        rest = "." if end.phase in ENDED else ". Give it more time, or fewer versions."
        how = {"stopped": "was stopped", "left": "ended with its page"}.get(end.phase, "ended")
        st.info(f"The run {how} before anything could be timed{rest}")
    elif end.phase in ENDED:
        st.info(ENDED[end.phase])


# ---- words that all tables use ---------------------------------------------------------------------------------


def short(operator: str) -> str:
    """An operator's name without the library's longest prefix."""
    return operator.removeprefix("torch.nn.functional.").removeprefix("torch.")


def ratio_said(ratio: float) -> str:
    """Two digits after the point where they matter, none above 100."""
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}" if ratio < 100 else f"{ratio:,.0f}"


def share_said(share: float) -> str:
    """A share of the limit: whole per cents, below ten one digit that is not 0."""
    return f"{share:.0%}" if share >= 0.095 else f"{100 * share:.1g}%"


def label(result: Result) -> str:
    """A run's settings, machine and moment: two runs of a day have different ones."""
    return f"{results.label(result)} {result.date[11:19]} UTC"


@functools.cache
def recorded() -> tuple[Result, ...]:
    """The results kept with the app, read once a process."""
    return results.recorded()


def recorded_label(result: Result) -> str:
    """A label that can't be taken for a live run's."""
    return f"recorded, not live: {results.label(result)}"


def notes(result: Result) -> None:
    """What is to be known of the run as a whole."""
    st.caption("  \n".join(note[:1].upper() + note[1:] + "." for note in report.notes(result)))


def downloads(name: str, result: Result) -> None:
    """The result with its machine, versions, seed and settings; each file is built when it is asked for."""
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "CSV", lambda: results.to_csv(result), f"timing-{name}.csv", "text/csv",
            icon=":material/table:", on_click="ignore", key="timing csv",
        )  # fmt: skip
        st.download_button(
            "JSON", lambda: results.to_json(result), f"timing-{name}.json", "application/json",
            icon=":material/data_object:", on_click="ignore", key="timing json",
        )  # fmt: skip
