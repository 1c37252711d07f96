"""Ctrl-C ends what the program waits for, whichever of its greenlets the signal meets."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import gevent
import pytest
from pyinfra.api import StringCommand, operation
from pyinfra.context import host
from pyinfra.facts.server import Command

from bootstrapper.engine import Engine, Interrupted
from bootstrapper.interrupts import interrupted_by
from deploys.operations import Commands
from tests.support import Remembering, local_inventory, stage


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def swallow() -> None:
    """As a thread does, which prints what it meets, and ends: that of the terminal's spinner."""
    with suppress(BaseException):
        interrupt()


def test_a_greenlet_that_swallows_what_it_meets_does_not_keep_it() -> None:
    with interrupted_by(signal.SIGINT):
        gevent.spawn(swallow)
        with pytest.raises(KeyboardInterrupt):
            gevent.sleep(30)


def test_it_meets_the_main_one() -> None:
    with interrupted_by(signal.SIGINT), pytest.raises(KeyboardInterrupt):
        interrupt()


@operation()
def work(commands: tuple[str, ...]) -> Commands:
    for command in commands:
        yield StringCommand(command)


@operation()
def look(question: str) -> Commands:
    host.get_fact(Command, question)
    yield from ()


@pytest.mark.parametrize("next_one", ["command", "question"])
def test_nothing_is_begun_while_what_runs_is_being_stopped(tmp_path: Path, next_one: str) -> None:
    """The first command ends by itself when Ctrl-C comes; the next one would not hear of it."""
    first = f"touch {tmp_path}/first; trap '' INT; sleep 0.2"
    second = f"touch {tmp_path}/second; exec sleep 60"

    def deploy() -> None:
        if next_one == "command":
            work(commands=(first, second), name="work")
        else:
            work(commands=(first,), name="work")
            look(question=second, name="look")

    def press() -> None:
        with gevent.Timeout(10):
            while not (tmp_path / "first").exists():
                gevent.sleep(0.01)
        interrupt()

    gevent.spawn(press)
    engine = Engine(local_inventory(), Remembering())
    with engine, interrupted_by(signal.SIGINT), pytest.raises(Interrupted) as stopped:
        engine.evaluate([stage(deploy)], apply=True)
    (result,) = stopped.value.results
    assert result.operations[-1].status == "interrupted"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first"]


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupted_by(signal.SIGHUP):
            os.kill(os.getpid(), signal.SIGHUP)
            gevent.sleep(0)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
