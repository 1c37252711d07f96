"""Processes of this computer, started by the standard library's own Popen.

pyinfra's command line package, whose inventory loader we use, replaces the standard library's by
gevent's when it is imported (`monkey.patch_all()`, pyinfra 3.10), which connecting to many machines
at once also wants. But gevent forks in Python: it is slow, and runs hooks in every child, some of
which fail aloud there (gevent 25.5.1 with Python 3.11.2).
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from typing import Any, cast

import gevent
from gevent import monkey

Process = subprocess.Popen[bytes]


def start(arguments: Sequence[str], **options: Any) -> Process:
    """Start a process; `options` are those of `subprocess.Popen`."""
    popen = monkey.get_original("subprocess", "Popen")
    return cast(Process, popen(list(arguments), **options))


def exit_code(arguments: Sequence[str], **options: Any) -> int:
    """Run a process to its end, and let greenlets go on meanwhile.

    Raises:
        FileNotFoundError: there is no such program.
    """
    process = start(arguments, **options)
    ended(process, None)
    return process.returncode


def ended(process: Process, seconds: float | None, helpers: Sequence[gevent.Greenlet] = ()) -> bool:
    """Wait until a process ends, at most so many seconds; a helper's end is a hint to look."""
    end = None if seconds is None else time.monotonic() + seconds
    pause = 0.001
    while process.poll() is None:
        if end is not None and time.monotonic() > end:
            return False
        busy = [helper for helper in helpers if not helper.dead]
        gevent.joinall(busy, timeout=pause, count=1) if busy else gevent.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    return True
