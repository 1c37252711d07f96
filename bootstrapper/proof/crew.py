"""A few threads that work through a list of jobs, each with a client of its own."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Sequence
from typing import Generic, TypeVar

from bootstrapper.proof.client import Client

Job = TypeVar("Job")
Result = TypeVar("Result")


class OutOfTimeError(Exception):
    """The deadline passed before all the jobs were done."""


def work_through(
    clients: Sequence[Client],
    jobs: Sequence[Job],
    work: Callable[[Client, Job], Result],
    deadline: float,
) -> Generator[Result, None, None]:
    """The results of `work` for all the jobs, in the order in which they are done.

    `deadline` is a moment of `time.monotonic()`. Closing the iterator early (Ctrl-C does) ends all
    requests under way and leaves no thread behind.

    Raises:
        OutOfTimeError: at the deadline.
    """
    tasks = _Tasks(jobs)
    results: queue.SimpleQueue[Result | BaseException] = queue.SimpleQueue()

    def labour(client: Client) -> None:
        try:
            while (job := tasks.take()) is not None:
                results.put(work(client, job))
        except BaseException as error:  # raised again where the results are taken
            results.put(error)

    crew = [threading.Thread(target=labour, args=(client,), daemon=True) for client in clients]
    for thread in crew:
        thread.start()
    try:
        for _ in jobs:
            yield _next(results, deadline)
    except BaseException:
        tasks.stop()
        for client in clients:
            client.abort()
        raise
    finally:
        for thread in crew:
            thread.join()


class _Tasks(Generic[Job]):
    """Jobs that several threads take from, until there are none left or somebody says stop."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._pending = iter(jobs)
        self._stopped = False
        self._lock = threading.Lock()

    def take(self) -> Job | None:
        with self._lock:
            return None if self._stopped else next(self._pending, None)

    def stop(self) -> None:
        self._stopped = True


def _next(results: queue.SimpleQueue[Result | BaseException], deadline: float) -> Result:
    try:
        result = results.get(timeout=max(deadline - time.monotonic(), 0.0))
    except queue.Empty:
        raise OutOfTimeError from None
    if isinstance(result, BaseException):
        raise result
    return result
