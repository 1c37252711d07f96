"""Ctrl-C ends what the program waits for, whichever of its greenlets the signal meets."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import gevent
import pytest

from bootstrapper.interrupts import interrupted_by


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


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupted_by(signal.SIGHUP):
            os.kill(os.getpid(), signal.SIGHUP)
            gevent.sleep(0)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
