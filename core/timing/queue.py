"""One timing run at a time in the whole process, in the order of asking; who stops asking leaves the queue."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MOST = 60  # more than a class: the last of them waits for an hour
WAIT_S = 0.1  # how often a waiting thread looks whether its reader is still there


@dataclass(frozen=True, eq=False)
class Ticket:
    """A place in the queue. Each is its own."""

    refused: bool = False  # the queue was full


class Left(Exception):  # noqa: N818 (what happened, not a fault)
    """The ticket left the queue before its turn came."""


class Queue:
    """A fair queue for several threads, at most MOST of them.

    A ticket stays in the queue as long as someone asks for its place, at least every `patience_s` seconds; one that
    nobody asks for is taken for a reader who closed the page. `clock` counts seconds.
    """

    def __init__(self, patience_s: float = 15.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience_s = patience_s
        self._clock = clock
        self._changed = threading.Condition()
        self._seen: dict[Ticket, float] = {}  # in the order of joining: when its place was last asked for
        self._running: Ticket | None = None

    def join(self) -> Ticket:
        """A new ticket at the end; one that is not in the queue, and says so, where MOST are."""
        with self._changed:
            self._drop_the_gone()
            if len(self._seen) >= MOST:
                return Ticket(refused=True)
            ticket = Ticket()
            self._seen[ticket] = self._clock()
            return ticket

    def place(self, ticket: Ticket) -> int | None:
        """How many are before the ticket, 0 when it has its turn; None when it left. Asking keeps it in the queue."""
        with self._changed:
            if ticket in self._seen:
                self._seen[ticket] = self._clock()
            self._drop_the_gone()
            return list(self._seen).index(ticket) if ticket in self._seen else None

    def wanted(self, ticket: Ticket) -> bool:
        """Whether someone still asks for the ticket's place. This is not asking for it."""
        with self._changed:
            return ticket in self._seen and not self._gone(ticket)

    def leave(self, ticket: Ticket) -> None:
        """Take the ticket out; leaving twice does nothing. A running ticket leaves when its turn ends."""
        with self._changed:
            if ticket is not self._running:
                self._seen.pop(ticket, None)
            self._changed.notify_all()

    @contextlib.contextmanager
    def turn(self, ticket: Ticket) -> Iterator[None]:
        """Wait until the ticket is first, and hold the turn. Raises `Left` when it leaves while waiting."""
        self._wait(ticket)
        try:
            yield
        finally:
            with self._changed:
                self._running = None
            self.leave(ticket)

    def _wait(self, ticket: Ticket) -> None:
        with self._changed:
            while True:
                self._drop_the_gone()
                if ticket not in self._seen:
                    raise Left
                if self._running is None and next(iter(self._seen)) is ticket:
                    self._running = ticket
                    return
                self._changed.wait(WAIT_S)

    def _gone(self, ticket: Ticket) -> bool:
        return self._clock() - self._seen[ticket] > self._patience_s

    def _drop_the_gone(self) -> None:
        """The running ticket stays until its turn ends, or two would run at once."""
        for ticket in [t for t in self._seen if t is not self._running and self._gone(t)]:
            del self._seen[ticket]


QUEUE = Queue()  # the process's own
