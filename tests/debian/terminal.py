"""A terminal of a Debian machine's own, at which a user types."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Callable

from tests.debian.machine import DebianMachine
from tests.debian.process import InsideProcess


def at_a_terminal(machine: DebianMachine, command: str) -> tuple[int, InsideProcess]:
    """Start a command of the user `asked` at a terminal of the machine's own, which sudo knows."""
    upper, lower = os.openpty()
    process = machine.start(
        ["script", "--quiet", "--return", "--flush", "--command", command, "/dev/null"],
        user="asked",
        stdin=lower,
        stdout=lower,
        stderr=lower,
        terminal=True,
        env={"TERM": "xterm"},
    )
    os.close(lower)
    return upper, process


def converse(
    terminal: int,
    answers: list[tuple[str, str]],
    process: subprocess.Popen[str],
    before_each: Callable[[], None] = lambda: None,
) -> str:
    """Type each answer when its question appears; what the terminal showed until the end."""
    shown, seen = "", 0
    end = time.monotonic() + 300
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 0.2)[0]:
            if process.poll() is not None:
                break
            continue
        try:
            shown += os.read(terminal, 65536).decode("utf-8", "replace")
        except OSError:  # the other end is closed
            break
        if answers and answers[0][0] in shown[seen:]:
            seen = len(shown)
            before_each()
            os.write(terminal, answers.pop(0)[1].encode())
    return shown
