"""Time every tier of operators at every size, in turn, step by step, so that a reader can watch it and stop it.

At each size: make the inputs; run each tier once and compare it with torch (a wrong version is not timed); then
rounds of short slices of torch.utils.benchmark, each tier once a round and another tier first each round, so that
whatever disturbs the machine for a while disturbs all alike; last the memory and, on CUDA, the device's own clock.
"""

import contextlib
import gc
import itertools
import math
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch.utils.benchmark import Measurement as Slice
from torch.utils.benchmark import Timer
from torch.utils.benchmark.utils.common import set_torch_threads
from torch.utils.benchmark.utils.timer import timer

from core import calls, compare
from core.ops.operator import Call, Operator
from core.timing import cuda, devices, limits, measure, results, tiers, why
from core.timing.limits import Limits
from core.timing.results import Measurement, Result
from core.timing.settings import Settings

ROUNDS, MOST_ROUNDS = 5, 15  # at least; more only for a tier whose median is not yet sure
NOISE = 0.02  # the standard error of a median that is sure enough, as a share of it
SLICE_S = 0.04  # of each tier in each round; a call that takes longer is run once a round
TIER_S = 1.0  # a tier leaves the rounds once its slices at one size took this long
QUARTILES = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
COMPILES_LONG = "torch.compile takes too long"
WATCHED_S = 0.25  # the longest call that is watched step by step, a few times


@dataclass(frozen=True)
class Step:
    """Where the run is: what it does next, how much is done, and the result so far, whole at any moment."""

    operator: str  # dotted name; empty while the device's limits are measured and after the end
    tier: str
    size: int
    fraction: float  # of the whole run, 0 … 1
    left_s: float  # an estimate, at most what is left of the budget
    result: Result


def run(
    operators: Sequence[Operator],
    settings: Settings,
    *,
    stop: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = timer,
    measure_limits: Callable[[Settings, Callable[[], float]], Limits] = limits.measure,
) -> Iterator[Step]:
    """Time the operators, yielding a step before each piece of work and one at the end.

    `stop` is asked between pieces; when it says True, or the budget is spent, what has been measured is kept
    and the rest is reported as not reached. Closing the iterator stops as well. torch's number of threads is the
    settings' while the iterator is open and the old one afterwards. `clock` counts seconds; torch's own, the
    default, waits for the device first.

    ValueError where the device is not here or does not compute in the dtype.
    """
    if settings.dtype not in devices.dtypes(devices.named(settings.device).key):
        raise ValueError(f"dtype must be one that {settings.device} computes in, but got {settings.dtype}")
    units = sum(len(settings.sizes_of(op)) * len(settings.tiers_of(op)) * (1 + ROUNDS) for op in operators)
    state = _State(settings, stop, clock, units, clock(), results.begin(settings))
    with set_torch_threads(settings.threads), tiers.products_in(settings):
        yield state.step("", "", 0)
        if not state.over():
            state.result = replace(state.result, limits=measure_limits(settings, clock))
        for operator in operators:
            yield from _time_operator(state, operator)
        yield replace(state.step("", "", 0), fraction=1.0, left_s=0.0)


# ---- the run's state -------------------------------------------------------------------------------------------


@dataclass
class _State:
    """The one thing that changes during a run."""

    settings: Settings
    stop: Callable[[], bool]
    clock: Callable[[], float]
    units: int  # pieces of work in all: one comparison and ROUNDS slices for each tier, size and operator
    started: float
    result: Result
    done: int = 0

    def over(self) -> str:
        """Why nothing more is to be measured; empty while the run may go on."""
        if self.stop():
            return "the run was stopped"
        if self.clock() - self.started >= self.settings.budget_s:
            return f"the run's {self.settings.budget_s:g} s were over"
        return ""

    def step(self, operator: str, tier: str, size: int) -> Step:
        """The state, for others to see."""
        spent = self.clock() - self.started
        budget_left = max(self.settings.budget_s - spent, 0.0)
        fraction = min(self.done / self.units, 1.0) if self.units else 1.0
        left = min(spent / fraction * (1 - fraction), budget_left) if fraction else budget_left
        return Step(operator, tier, size, fraction, left, self.result)

    def finish(self, measurement: Measurement) -> None:
        """Add a measurement to the result."""
        self.result = replace(self.result, measurements=(*self.result.measurements, measurement))


@dataclass
class _Contender:
    """A tier at a size that was found right, and its slices so far."""

    operator: Operator
    once: measure.Once
    timer: Timer
    known: Measurement  # all but the times
    written: Sequence[why.Generated] = ()  # what the compiler wrote for it
    slices: list[Slice] = field(default_factory=list)

    def noise(self) -> float:
        """How sure the median of the slices is: its standard error ÷ itself."""
        return cuda.noise(Slice.merge(self.slices)[0].times) if self.slices else 0.0

    def spent_s(self) -> float:
        """Seconds timed so far."""
        return sum(sum(piece.raw_times) for piece in self.slices)


# ---- one operator ----------------------------------------------------------------------------------------------


def _time_operator(state: _State, operator: Operator) -> Iterator[Step]:
    """All sizes, ascending."""
    try:
        leaves = _leaves(operator, state.settings)
    except Exception as error:
        _report_all(state, operator, state.settings.sizes_of(operator), *_torch_refuses(error))
        return
    if state.settings.backward and not leaves:
        _report_all(state, operator, state.settings.sizes_of(operator), "left out", "it has no gradient")
        return
    for size in state.settings.sizes_of(operator):
        yield from _time_size(state, operator, size, leaves)


def _leaves(operator: Operator, settings: Settings) -> frozenset[int]:
    """The tensors of a call that get a gradient in this run; none when it times forward alone."""
    if not settings.backward:
        return frozenset()
    call = operator.make_call(operator.sizes[0], settings.torch_dtype, settings.torch_device, settings.seed)
    return calls.leaves_of(operator, call)


def _report_all(state: _State, operator: Operator, sizes: Sequence[int], status: str, detail: str) -> None:
    for size, tier in itertools.product(sizes, state.settings.tiers_of(operator)):
        state.finish(Measurement(operator.mirrors, size, tier, status, detail))
        state.done += 1 + ROUNDS


def _reason(error: Exception) -> tuple[str, str]:
    """Status and detail for an error: out of memory, or failed with the error's first line."""
    first_line = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return "out of memory", first_line
    if isinstance(error, RuntimeError) and any(sign in str(error) for sign in ("can't allocate", "out of memory")):
        return "out of memory", first_line
    return "failed", f"{type(error).__name__}: {first_line}"


def _torch_refuses(error: Exception) -> tuple[str, str]:
    """Status and detail for all tiers where torch, which they are compared with, gives an error."""
    status, detail = _reason(error)
    return "left out" if status == "failed" else status, f"torch itself gives {detail}"


# ---- one size --------------------------------------------------------------------------------------------------


def _time_size(state: _State, operator: Operator, size: int, leaves: frozenset[int]) -> Iterator[Step]:
    over = state.over()
    if over:
        _report_all(state, operator, (size,), "not reached", over)
        return
    try:
        inputs = tiers.inputs(operator, size, state.settings, leaves)
        with tiers.drawing(operator, state.settings.seed):
            expected = tiers.outcome(operator.torch, inputs[0], leaves)
    except Exception as error:  # an allocation, or an operator or dtype that torch itself refuses
        _report_all(state, operator, (size,), *_torch_refuses(error))
        _free()
        return
    contenders = yield from _admitted(state, operator, inputs, leaves, expected, _blank(state, operator, size, inputs))
    del expected
    for contender in contenders:  # only now: a call may write to the inputs that the others were compared on
        _warm(state, contender)
    yield from _rounds(state, contenders)
    for contender in contenders:
        state.finish(_explained(state, contender, _measured(state, contender)))


def _blank(state: _State, operator: Operator, size: int, inputs: list[Call]) -> Measurement:
    """What is known of every tier at this size before it runs."""
    known = state.result.limits
    floor = limits.floor_s(operator, size, state.settings, known, len(inputs)) if known else None
    moved, done = limits.needed(operator, size, state.settings)
    return Measurement(
        operator.mirrors, size, "", "ok",
        floor_s=floor, input_sets=len(inputs), needed_bytes=moved, operations=done,
    )  # fmt: skip


def _free() -> None:
    """Give memory back after an error that may have been for the lack of it."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


# ---- a tier's first call: right, and not too long? -------------------------------------------------------------


def _admitted(
    state: _State,
    operator: Operator,
    inputs: list[Call],
    leaves: frozenset[int],
    expected: calls.Outcome,
    blank: Measurement,
) -> Generator[Step, None, list[_Contender]]:
    """The tiers to be timed; the others are reported here."""
    contenders = []
    for tier in state.settings.tiers_of(operator):
        yield state.step(operator.mirrors, tier, blank.size)
        known = replace(blank, tier=tier)
        over = state.over()
        left_out = _left_out(state, operator, tier, blank.size)
        if over:
            entry: Measurement | _Contender = replace(known, status="not reached", detail=over)
        elif left_out:
            entry = replace(known, status="left out", detail=left_out)
        else:
            entry = _tried(state, operator, inputs, leaves, expected, known)
        state.done += 1
        if isinstance(entry, _Contender):
            contenders.append(entry)
        else:
            state.done += ROUNDS
            state.finish(entry)
    return contenders


def _left_out(state: _State, operator: Operator, tier: str, size: int) -> str:
    """Why the tier is not even tried at this size; empty where it is."""
    before = [m for m in state.result.measurements if (m.operator, m.tier) == (operator.mirrors, tier)]
    if tier == "compiled" and before and before[-1].detail.startswith(COMPILES_LONG):
        return before[-1].detail  # a loop that is unrolled is no shorter at a larger size
    if tier == "compiled":
        return devices.compile_failure(state.settings.device)
    if tier != "textbook" or not before:
        return ""
    last, limit = before[-1], state.settings.textbook_limit_s
    if last.status == "left out":
        return f"more than {limit:g} s already at size {last.size}"
    growth = operator.operations(size) / max(operator.operations(last.size), 1)
    expected_s = (last.median_s or 0.0) * growth
    return f"a call would take some {expected_s:.2g} s, more than {limit:g} s" if expected_s > limit else ""


def _tried(
    state: _State,
    operator: Operator,
    inputs: list[Call],
    leaves: frozenset[int],
    expected: calls.Outcome,
    known: Measurement,
) -> _Contender | Measurement:
    """The tier after a first call, or why it is not timed."""
    settings, tier = state.settings, known.tier
    try:
        if tier == "compiled":
            try:
                function, ours, known, written = _compiled(state, operator, inputs[0], leaves, known)
            except TimeoutError as over:
                return replace(known, status="left out", detail=f"{COMPILES_LONG}: {over}")
            first_s = 0.0
        else:
            function, written = tiers.function(operator, tier), []
            before = state.clock()
            with tiers.drawing(operator, settings.seed):
                ours = tiers.outcome(function, inputs[0], leaves)
            first_s = state.clock() - before
        comparison = tiers.comparison(operator, tier, settings, inputs[0], ours, expected)
        if not comparison.agrees:
            return _wrong(known, comparison)
        if tier == "textbook" and first_s > settings.textbook_limit_s:
            return replace(known, status="left out", detail=f"a call takes {first_s:.2g} s")
        known = replace(known, difference=comparison.largest)
        once = tiers.once(function, inputs, ours[0] if leaves else [])
        return _Contender(operator, once, _timer(state, once, known), known, written)
    except Exception as error:
        return _failed(known, error)


def _compiled(
    state: _State, operator: Operator, call: Call, leaves: frozenset[int], known: Measurement
) -> tuple[calls.Function, calls.Outcome, Measurement, Sequence[why.Generated]]:
    """The compiled version, compiled twice: once in earnest, and once from the cache that this has filled.

    It takes seconds, for which no other reader should have to wait, and needs no fixed draws.
    """
    budget_left = state.settings.budget_s - (state.clock() - state.started)
    with (
        bounded(min(state.settings.compile_limit_s, max(budget_left, 1.0))),
        tiers.compiling_afresh(),
        why.generated() as written,
    ):
        started = state.clock()
        tiers.outcome(tiers.function(operator, "compiled"), call, leaves)
        filled = state.clock()
        del written[:]
        function = tiers.function(operator, "compiled")
        ours = tiers.outcome(function, call, leaves)
        known = replace(known, compile_s=filled - started, cached_s=state.clock() - filled)
    return function, ours, known, written


@contextlib.contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """End what takes longer with a TimeoutError; only a process's main thread can be interrupted, others go on."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    class Over(BaseException):
        """No Exception: the compiler catches those of the code that it traces."""

    def interrupt(number: int, frame: object) -> None:
        del number, frame
        raise Over

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except Over:
        raise TimeoutError(f"more than {seconds:.3g} s") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _failed(known: Measurement, error: Exception) -> Measurement:
    status, detail = _reason(error)
    _free()
    return replace(known, status=status, detail=detail)


def _wrong(known: Measurement, comparison: compare.Comparison) -> Measurement:
    finite = comparison.largest if math.isfinite(comparison.largest) else None
    return replace(known, status="wrong", detail=str(comparison), difference=finite)


def _timer(state: _State, once: measure.Once, known: Measurement) -> Timer:
    name = f"{known.operator} {known.tier} {known.size}"
    return Timer(
        "once()", globals={"once": once}, timer=state.clock, num_threads=state.settings.threads, description=name
    )


# ---- slices in turn --------------------------------------------------------------------------------------------


def _warm(state: _State, contender: _Contender) -> None:
    """Call it once more, and once with its memory watched."""
    if state.over():
        return
    try:
        with tiers.drawing(contender.operator, state.settings.seed):
            before = state.clock()
            contender.once()
            short = state.clock() - before <= measure.TRACED_S or state.settings.device != "cpu"
            peak = measure.peak_bytes(contender.once, state.settings.torch_device) if short else None
        contender.known = replace(contender.known, peak_bytes=peak)
    except Exception as error:
        contender.known = _failed(contender.known, error)


def _rounds(state: _State, contenders: list[_Contender]) -> Iterator[Step]:
    """A slice of each contender a round, another one first each time, until the run is over."""
    for r, i in itertools.product(range(MOST_ROUNDS), range(len(contenders))):
        contender = contenders[(r + i) % len(contenders)]
        if r < ROUNDS:
            yield state.step(contender.known.operator, contender.known.tier, contender.known.size)
        if state.over():
            return
        noisy = r < ROUNDS or contender.noise() > NOISE
        if noisy and contender.known.status == "ok" and contender.spent_s() < TIER_S:
            _add_slice(state, contender)
        state.done += r < ROUNDS


def _add_slice(state: _State, contender: _Contender) -> None:
    try:
        with tiers.drawing(contender.operator, state.settings.seed):
            contender.slices.append(contender.timer.blocked_autorange(min_run_time=SLICE_S))
    except Exception as error:
        contender.known = _failed(contender.known, error)


def _measured(state: _State, contender: _Contender) -> Measurement:
    """The slices merged: median and quartiles over all their blocks."""
    known = contender.known
    if known.status != "ok":
        return known
    if not contender.slices:
        return replace(known, status="not reached", detail=state.over())
    times = Slice.merge(contender.slices)[0].times
    low, median, high = torch.tensor(times, dtype=torch.float64).quantile(QUARTILES).tolist()
    known = replace(known, median_s=median, low_s=low, high_s=high, runs=len(times))
    if state.settings.torch_device.type != "cuda":
        return known
    try:
        with torch.cuda.device(state.settings.torch_device), tiers.drawing(contender.operator, state.settings.seed):
            apart = cuda.times(contender.once, cuda.Gpu(state.settings.torch_device))
    except Exception as error:
        return _failed(known, error)
    return replace(
        known, kernels_s=apart.kernels_s, cold_s=apart.cold_s, graph_s=apart.graph_s,
        unsynchronised_s=apart.unsynchronised_s, kernels=apart.kernels, gauge=apart.gauge,
    )  # fmt: skip


# ---- where the time goes ---------------------------------------------------------------------------------------


def _explained(state: _State, contender: _Contender, measured: Measurement) -> Measurement:
    """With the calls that the version makes: how many, what they move, and the first of them one by one."""
    if measured.median_s is None or measured.tier == "textbook" or measured.median_s > WATCHED_S or state.over():
        return measured
    try:
        with tiers.drawing(contender.operator, state.settings.seed):
            trips = why.trips(contender.once, contender.written)
    except Exception as error:  # the times stand, whatever stands in the way of watching
        return replace(measured, detail=_reason(error)[1])
    moved = sum(trip.moved for trip in trips)
    return replace(measured, calls=len(trips), moved_bytes=moved, trips=trips[: why.MOST])
