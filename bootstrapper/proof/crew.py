"""A few threads that work through a list of jobs, each with a client of its own."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

from bootstrapper.proof.client import Client

Job = TypeVar("Job")
Result = TypeVar("Result")


class OutOfTime(Exception):
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
        OutOfTime: at the deadline.
    """
    results: queue.SimpleQueue[Result | BaseException] = queue.SimpleQueue()
    pending = iter(jobs)
    taking = threading.Lock()
    stop = threading.Event()

    def take() -> Job | None:
        with taking:
            return None if stop.is_set() else next(pending, None)

    def labour(client: Client) -> None:
        try:
            while (job := take()) is not None:
                results.put(work(client, job))
        except BaseException as error:  # noqa: BLE001 (raised again where the results are taken)
            results.put(error)

    crew = [threading.Thread(target=labour, args=(client,), daemon=True) for client in clients]
    for thread in crew:
        thread.start()
    try:
        for _ in jobs:
            yield _next(results, deadline)
    except BaseException:
        stop.set()
        for client in clients:
            client.abort()
        raise
    finally:
        for thread in crew:
            thread.join()


def _next(results: queue.SimpleQueue[Result | BaseException], deadline: float) -> Result:
    try:
        result = results.get(timeout=max(deadline - time.monotonic(), 0.0))
    except queue.Empty:
        raise OutOfTime from None
    if isinstance(result, BaseException):
        raise result
    return result
