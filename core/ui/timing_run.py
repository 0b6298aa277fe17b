"""A session's timing run: its settings, its button, its progress, its end. The pages that time share it."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from core.ops.operator import Operator
from core.ops.threads import settle_thread
from core.timing import devices, process, report, results
from core.timing.job import Job, State
from core.timing.results import Result
from core.timing.runner import Step
from core.timing.settings import Settings
from core.ui import controls, language, process_run
from core.words import N_, _, say

BUDGETS = (10, 30, 60, 120)  # seconds of a whole run; a public server lends no more at a time
MOST_THREADS = 8
POLL_S = 1.0  # how often a page looks at its run; a run nobody looks at for 15 s gives its turn away
KEPT = 24  # runs that a session remembers
RUNS, ENDS = "_timing_runs", "_timing_ends"  # session state: {page: Run} and [End], the oldest first
COMPILING = N_(
    "By torch.compile, which takes seconds for every size, and is left out where it takes more than twenty. What it "
    "takes stands apart in the table, beside what the same costs once the compiler's cache has it."
)
ENDED = {
    "stopped": N_("The run was stopped: what had been measured by then stands below."),
    "left": N_("The run ended because its page was left: what had been measured by then stands below."),
}
NOTHING = {
    "stopped": N_("The run was stopped before anything could be timed."),
    "left": N_("The run ended with its page before anything could be timed."),
}
TOO_SHORT = N_("The run ended before anything could be timed. Give it more time, or fewer versions.")
PASSES = {"forward": N_("forward"), "forward and backward": N_("forward and backward")}


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


@dataclass(frozen=True)
class Asked:
    """The first of a run's controls: what is timed, and on what."""

    device: str
    dtype: str
    sizes: str
    backward: bool


def ask(sweeps: Sequence[str], *, textbook: bool, budget: int) -> Settings:
    """The controls of a run, all of them in the address: `sweeps` of core.timing.settings.SWEEPS, the first by default.

    `textbook` says whether there is such a version to be timed. torch is always timed: the others are compared with it.
    """
    return ask_rest(ask_first(sweeps), textbook=textbook, budget=budget)


def ask_first(sweeps: Sequence[str]) -> Asked:
    """The controls that a reader moves most."""
    device = _device()
    dtype = controls.choice("t_dtype", "dtype", devices.dtypes(device), few=2)
    sizes = controls.choice("t_sizes", "Sizes", sweeps)
    return Asked(device, dtype, sizes, controls.choice("t_pass", "Pass", PASSES) != "forward")


def ask_rest(asked: Asked, *, textbook: bool, budget: int) -> Settings:
    """The others."""
    threads = controls.stops("t_threads", "Threads", _threads()) if asked.device == "cpu" else 1
    seconds = controls.stops("t_budget", "At most", BUDGETS, budget, format=lambda s: f"{s} s")
    seed = controls.number("t_seed", "Seed of the inputs", 0, controls.LARGEST_SEED, 0)
    tf32 = _tf32(asked)
    with st.container(width="content", gap="xxsmall"):
        tiers = _tiers(asked.device, textbook)
    return Settings(
        asked.device, asked.dtype, asked.sizes, asked.backward, tiers, threads, seed, float(seconds), tf32=tf32
    )


def _tf32(asked: Asked) -> bool:
    """Whether float32 products may round their factors, which only a CUDA device does."""
    if not asked.device.startswith("cuda") or asked.dtype != "float32":
        return False
    return controls.toggle("t_tf32", "TF32", help="Products of float32 numbers round their factors to 10 bits.")


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
    """Switches for the versions that one can do without; the compiled one is on where there is a compiler."""
    chosen = ["torch", "manual"]
    if textbook and controls.toggle("t_textbook", "Textbook", True, help="Loops as in the definition"):
        chosen.append("textbook")
    missing = devices.compiler_missing(device)
    if missing:
        st.toggle(_("Manual, compiled"), False, disabled=True)
        st.markdown(f":gray[:small[{missing}.]]", width=controls.WIDTH)
    elif controls.toggle("t_compiled", "Manual, compiled", True, help=COMPILING):
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
    *,
    beside: str = "",
) -> bool:
    """The button that runs, with words beside it; while a run of this page is under way its progress, with `show` of
    the result so far.

    Gives whether one is under way.
    """
    run = _runs().get(page)
    if run:
        _watch(run, show)
        return True
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            _("Run it here"), type="primary", width=260, icon=":material/timer:",
            on_click=_begin, args=(page, operators, settings),
        )  # fmt: skip
        if beside:
            st.markdown(beside)
    ended = [end for end in ends() if end.page == page]
    if ended:
        _tell(ended[-1])
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
    language.speak()
    settle_thread()
    state = run.job.state()
    if state.over:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(state.step.fraction if state.step else 0.0, said(run, state))
        st.button(_("Stop"), icon=":material/stop:", on_click=run.stop, disabled=run.stopping)
    if show and state.step:
        show(state.step.result)


def said(run: Run, state: State[Step]) -> str:
    """Where the run is, in a line."""
    step = state.step
    if run.stopping:
        return _("Stopping after the piece of work under way")
    if state.phase == "waiting" and state.before:
        return say(process_run.QUEUED, state)
    if state.phase == "waiting":
        return _("Starting")
    if step is None or not step.operator:
        return _("Measuring how fast the device copies and multiplies")
    names = [operator.mirrors for operator in run.operators]
    at = {"name": short(step.operator), "size": step.size, "tier": _(step.tier), "left": step.left_s}
    if len(names) == 1:
        return say("{name}, size {size:,}, {tier}: about {left:.0f} s left", at)
    at |= {"number": names.index(step.operator) + 1, "all": len(names)}
    return say("{name} ({number} of {all}), size {size:,}, {tier}: about {left:.0f} s left", at)


def _tell(end: End) -> None:
    if end.phase == "failed":
        st.error(say("The run failed: {error}", error=controls.quoted(end.error)), icon=":material/block:")
    elif end.result is None:
        st.info(_("The run was stopped before its turn came."))
    elif all(m.status == "not reached" for m in end.result.measurements):
        st.info(_(NOTHING.get(end.phase, TOO_SHORT)))
    elif end.phase in ENDED:
        st.info(_(ENDED[end.phase]))


# ---- words that all tables use ---------------------------------------------------------------------------------


def short(operator: str) -> str:
    """An operator's name without the library's longest prefix."""
    return operator.removeprefix("torch.nn.functional.").removeprefix("torch.")


def ratio_said(ratio: float) -> str:
    """Two digits after the point where they matter, none above 100."""
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}" if ratio < 100 else f"{ratio:,.0f}"


def label(result: Result) -> str:
    """A run's settings, machine and moment: two runs of a day have different ones."""
    return f"{results.label(result)} {result.date[11:19]} UTC"


@functools.cache
def recorded() -> tuple[Result, ...]:
    """The results kept with the app, read once a process."""
    return results.recorded()


def recorded_label(result: Result) -> str:
    """A label that can't be taken for a live run's."""
    return say("recorded, not live: {label}", label=results.label(result))


def labelled(result: Result) -> str:
    """The label of a run, which says of one that came with the app that it is recorded."""
    came_with = any((one.date, one.machine) == (result.date, result.machine) for one in recorded())
    return recorded_label(result) if came_with else label(result)


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
