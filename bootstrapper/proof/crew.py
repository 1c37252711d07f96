"""A few threads that work through a list of jobs, each with a client of its own."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from gevent import Timeout


class Abortable(Protocol):
    """What a thread works with: it can be told, from outside, to fail at once."""

    def abort(self) -> None:
        """Let what is under way fail at once."""


Client = TypeVar("Client", bound=Abortable)
Job = TypeVar("Job")
Result = TypeVar("Result")

# Seconds between two looks at what was done: being woken for each of a thousand answers a second
# cost a quarter of the time.
_TICK = 0.02


class OutOfTimeError(Exception):
    """The deadline passed before all the jobs were done."""


def work_through(
    clients: Sequence[Client],
    jobs: Sequence[Job],
    work: Callable[[Client, Job], Result],
    deadline: float,
) -> Generator[Result, None, None]:
    """The results of `work` for all the jobs, in the order in which they are done.

    `deadline` is a moment of `time.monotonic()`. Closing the generator early, as Ctrl-C does, ends
    all requests under way and leaves no thread behind.

    Raises:
        OutOfTimeError: at the deadline.
    """
    labour = _Labour(jobs, work)
    crew = [
        threading.Thread(target=labour.of, args=(client,), daemon=True)
        for client in clients[: len(jobs)]
    ]
    for thread in crew:
        thread.start()
    try:
        for thread in crew:
            while thread.is_alive():
                thread.join(_TICK)
                yield from labour.results()
                if thread.is_alive() and time.monotonic() > deadline:
                    raise OutOfTimeError
        yield from labour.results()
    finally:
        labour.stop()
        _end(crew, clients)


def _end(crew: Sequence[threading.Thread], clients: Sequence[Abortable]) -> None:
    """Wait for threads that have nothing more to do, and let what is still under way fail.

    A second Ctrl-C has to wait for them too: whoever closed a connection meanwhile would close what
    a thread is reading from. Under gevent, which pyinfra puts in the place of threads, the time-out
    of a `join` that Ctrl-C ended may be raised by the next wait (seen with gevent 25.5).
    """
    again = None
    while True:
        try:
            if not any(thread.is_alive() for thread in crew):
                break
            for client in clients:
                client.abort()
            for thread in crew:
                thread.join()
        except Timeout:
            continue
        except KeyboardInterrupt as interrupt:
            again = interrupt
    if again:
        raise again


class _Labour(Generic[Client, Job, Result]):
    """Jobs that several threads take from, until there are none left or somebody says stop."""

    def __init__(self, jobs: Sequence[Job], work: Callable[[Client, Job], Result]) -> None:
        self._pending = iter(jobs)
        self._work = work
        self._done: deque[Result | BaseException] = deque()
        self._stopped = False
        self._taking = threading.Lock()

    def of(self, client: Client) -> None:
        """What each thread does."""
        try:
            while (job := self._take()) is not None:
                self._done.append(self._work(client, job))
        except BaseException as error:  # raised again where the results are taken
            self._done.append(error)

    def results(self) -> Iterator[Result]:
        """What was done since the last call; raises what a thread raised."""
        while self._done:
            result = self._done.popleft()
            if isinstance(result, BaseException):
                raise result
            yield result

    def stop(self) -> None:
        """Start no further job."""
        self._stopped = True

    def _take(self) -> Job | None:
        with self._taking:
            return None if self._stopped else next(self._pending, None)
