"""Ctrl-C ends the work, whichever greenlet is running when it comes.

Python raises KeyboardInterrupt wherever it is at that moment. That may be the greenlet which draws
the terminal's spinner, and threads do not pass an exception on: it would be printed, and lost.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

import gevent


@contextlib.contextmanager
def interrupted_by(*numbers: signal.Signals) -> Iterator[None]:
    """Raise KeyboardInterrupt in the calling greenlet, which has to be the main one, for these
    signals; those that are ignored stay so."""
    main, hub = gevent.getcurrent(), gevent.get_hub()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if gevent.getcurrent() is main:
            raise KeyboardInterrupt
        hub.loop.run_callback(hub.handle_system_error, KeyboardInterrupt, KeyboardInterrupt())

    before = {number: signal.getsignal(number) for number in numbers}
    heeded = {number: old for number, old in before.items() if old is not signal.SIG_IGN}
    for number in heeded:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, old in heeded.items():
            signal.signal(number, old)
