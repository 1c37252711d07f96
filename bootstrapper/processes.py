"""Processes of this computer, started by the standard library's own Popen, waited for by gevent.

gevent's Popen forks in Python: it is slow, and runs hooks in every child, some of which fail aloud
there (gevent 25.5.1 with Python 3.11.2).
"""

from __future__ import annotations

import contextlib
import functools
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib import metadata
from types import ModuleType
from typing import Any

import gevent
from gevent import monkey

from bootstrapper.late import imported_late

Process = subprocess.Popen[bytes]


@contextlib.contextmanager
def processes_left_alone() -> Iterator[None]:
    """Import pyinfra's command line package in this block, whose inventory loader we use.

    It calls `monkey.patch_all()` when it is imported (pyinfra 3.10, pyinfra_cli/__init__.py).
    Connecting to many machines at once wants that for sockets and threads; processes do not.
    """
    patch_all = monkey.patch_all
    monkey.patch_all = functools.partial(patch_all, subprocess=False, os=False, signal=False)
    try:
        yield
    finally:
        monkey.patch_all = patch_all


def make_way_for_greenlets() -> None:
    """Have gevent in the places of sockets and threads, before much is imported.

    It looks at every object there is; and it, like pyinfra, asks again and again what all installed
    packages offer, which stays the same. Both together took 0.4 s of every command.
    """
    offered = metadata.entry_points()
    setattr(metadata, "entry_points", offered.select)  # noqa: B010 (typed as overloads)
    # paramiko imports it, slowly, for one function, in whose place pyinfra has one of its own.
    sys.modules.setdefault("invoke", ModuleType("invoke"))
    with processes_left_alone():
        import pyinfra_cli  # noqa: F401 (what importing it does is all that is wanted)
    # For templates, and for the types of arguments such as _sudo: a sixth of what a plan imports.
    with imported_late("jinja2", "typeguard"):
        import pyinfra.api  # noqa: F401 (likewise)


def exit_code(arguments: Sequence[str], **options: Any) -> int:
    """Run a process to its end, and let greenlets go on meanwhile.

    Raises:
        FileNotFoundError: there is no such program.
    """
    process: Process = subprocess.Popen(list(arguments), **options)
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
