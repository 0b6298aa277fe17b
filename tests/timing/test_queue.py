"""One run at a time: the queue, readers who leave it, and jobs in it."""

import threading
import time

import pytest
import torch

from core.ops import normalize
from core.timing import queue as queue_module
from core.timing import results, runner
from core.timing.job import Job
from core.timing.queue import Left, Queue
from core.timing.runner import Step
from core.timing.settings import Settings
from tests.timing.fakes import Clock, known_limits


def eventually(condition, timeout=10.0):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


def test_places_are_in_the_order_of_joining():
    queue = Queue()
    tickets = [queue.join() for _ in range(3)]
    assert [queue.place(t) for t in tickets] == [0, 1, 2]
    queue.leave(tickets[1])
    queue.leave(tickets[1])
    assert [queue.place(t) for t in tickets] == [0, None, 1]


def test_who_does_not_ask_leaves_the_queue():
    clock = Clock()
    queue = Queue(patience_s=10, clock=clock)
    gone, here = queue.join(), queue.join()
    for _ in range(3):
        clock.spend(6)
        place = queue.place(here)
    assert place == 0
    assert queue.place(gone) is None
    with pytest.raises(Left), queue.turn(gone):
        pass


def test_a_run_nobody_asks_for_keeps_its_turn_until_it_ends():
    clock = Clock()
    queue = Queue(patience_s=10, clock=clock)
    running = queue.join()
    with queue.turn(running):
        waiting = queue.join()
        clock.spend(20)
        assert not queue.wanted(running)
        queue.leave(running)
        waiting = queue.join()
        assert queue.place(waiting) == 1
    assert queue.place(waiting) == 0


def test_a_turn_ends_with_an_error_too():
    queue = Queue()
    with pytest.raises(KeyError), queue.turn(queue.join()):
        raise KeyError
    with queue.turn(queue.join()):
        pass


def test_never_two_at_once_and_in_order():
    queue, inside, order = Queue(), [], []
    tickets = [queue.join() for _ in range(6)]

    def take(i):
        with queue.turn(tickets[i]):
            inside.append(i)
            order.append((i, len(inside)))
            time.sleep(0.01)
            inside.remove(i)

    threads = [threading.Thread(target=take, args=(i,)) for i in reversed(range(6))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order == [(i, 1) for i in range(6)]


# ---- jobs ------------------------------------------------------------------------------------------------------


def step(fraction):
    return Step("torch.x", "manual", 1, fraction, 1.0, results.begin(Settings()))


class Steps:
    """A run of a hundred steps that goes on only when told."""

    def __init__(self):
        self.go = threading.Semaphore(0)
        self.running = False

    def __call__(self, stop):
        self.running = True
        for i in range(100):
            yield step(i / 100)
            while not stop() and not self.go.acquire(timeout=0.01):
                pass
            if stop():
                return


def test_two_readers_the_second_waits_and_then_runs():
    queue, first_steps, second_steps = Queue(), Steps(), Steps()
    first = Job(first_steps, queue)
    eventually(lambda: first.state().phase == "running")
    second = Job(second_steps, queue)
    assert (second.state().phase, second.state().before) == ("waiting", 1)
    for _ in range(100):
        first_steps.go.release()
    eventually(lambda: first.state().phase == "done")
    assert first.state().step.fraction == 0.99
    eventually(lambda: second.state().phase == "running")
    second.stop()
    eventually(lambda: second.state().over)


def test_stop_keeps_what_was_measured():
    steps = Steps()
    job = Job(steps, Queue())
    for _ in range(5):
        steps.go.release()
    eventually(lambda: job.state().step is not None and job.state().step.fraction >= 0.05)
    job.stop()
    job.stop()
    assert job.wait(10)
    state = job.state()
    assert (state.phase, state.over) == ("stopped", True)
    assert state.step.fraction == 0.05


def test_a_waiting_reader_stops():
    queue, steps = Queue(), Steps()
    first, second = Job(Steps(), queue), Job(steps, queue)
    third = Job(Steps(), queue)
    second.stop()
    assert second.wait(10)
    assert second.state().phase == "stopped"
    assert not steps.running
    eventually(lambda: third.state().before == 1)
    first.stop()
    eventually(lambda: third.state().phase == "running")
    third.stop()
    assert third.wait(10)


def test_a_reader_who_closes_the_page_leaves_waiting_or_running():
    clock = Clock()
    queue, waiting_steps = Queue(patience_s=10, clock=clock), Steps()
    running = Job(Steps(), queue)
    eventually(lambda: running.state().phase == "running")
    waiting = Job(waiting_steps, queue)
    clock.spend(11)
    assert waiting.wait(10)
    assert running.wait(10)
    assert (waiting.state().phase, running.state().phase) == ("left", "left")
    assert not waiting_steps.running
    assert running.state().step is not None


def test_a_job_that_fails_says_why_and_gives_its_turn_back():
    def broken(stop):
        yield step(0.5)
        raise ValueError("no such device")

    queue = Queue()
    job = Job(broken, queue)
    assert job.wait(10)
    assert (job.state().phase, job.state().error) == ("failed", "ValueError: no such device")
    assert job.state().step.fraction == 0.5
    assert queue.place(queue.join()) == 0


def test_a_real_run_in_a_job_is_measured_like_any_other():
    chosen = Settings(sizes="small", tiers=("manual", "torch"))
    threads = torch.get_num_threads()
    job = Job(lambda stop: runner.run(normalize.OPERATORS, chosen, stop=stop, measure_limits=known_limits), Queue())
    eventually(lambda: job.state().over, timeout=60)
    assert job.state().phase == "done", job.state().error
    for m in job.state().step.result.measurements:
        assert (m.status, m.peak_bytes is not None) == ("ok", True)
    assert torch.get_num_threads() == threads


def test_a_full_queue_takes_no_more(monkeypatch):
    monkeypatch.setattr(queue_module, "MOST", 2)
    queue = Queue()
    first, second = queue.join(), queue.join()
    refused = queue.join()
    assert (queue.place(first), queue.place(second), queue.place(refused)) == (0, 1, None)
    assert refused.refused
    job = Job(Steps(), queue)
    assert job.wait(10)
    assert (job.state().phase, "wait already" in job.state().error) == ("failed", True)
    queue.leave(first)
    assert queue.place(queue.join()) == 1
