"""Threads that work through a list of jobs, and how they end."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass, field

import pytest

from bootstrapper.proof.crew import work_through


@dataclass
class Slow:
    """Does its second job only when it is told for the second time to give up; when it is told for
    the first time, the user presses Ctrl-C again."""

    told: int = 0
    given_up: threading.Event = field(default_factory=threading.Event)

    def abort(self) -> None:
        self.told += 1
        if self.told == 1:
            os.kill(os.getpid(), signal.SIGINT)
        self.given_up.set()

    def work(self, job: str) -> str:
        if job == "second":
            self.given_up.wait(20)
        return job


def test_ctrl_c_pressed_twice_leaves_no_thread_behind() -> None:
    before = set(threading.enumerate())
    slow = Slow()
    results = work_through([slow], ["first", "second"], Slow.work, float("inf"))
    assert next(results) == "first"
    with pytest.raises(KeyboardInterrupt):
        results.close()
    assert set(threading.enumerate()) - before == set()
    assert slow.told == 2


def test_what_was_worked_through_was_not_told_to_give_up() -> None:
    slow = Slow()
    assert list(work_through([slow], ["first"] * 3, Slow.work, float("inf"))) == ["first"] * 3
    assert slow.told == 0
