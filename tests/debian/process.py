"""Processes inside a machine, seen and steered from outside."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from .waiting import wait_for

_SHOWN_LINES = 40


class CommandError(AssertionError):
    """A command in a machine did not end as it should; the message holds what it printed."""

    def __init__(self, argv: Sequence[str], outcome: str, stdout: str, stderr: str) -> None:
        printed = "".join(
            f"\n{name}:\n{_tail(text)}"
            for name, text in (("stdout", stdout), ("stderr", stderr))
            if text
        )
        super().__init__(f"{' '.join(argv)}: {outcome}{printed}")


class InsideProcess(subprocess.Popen[str]):
    """The host's end of a process in a machine; signals go to the process inside.

    Popen itself runs nsenter(1) or unshare(1), which only wait: the process that matters is their
    one child. An exception that leaves its context kills it; otherwise its end is waited for.
    """

    def __exit__(self, kind: type[BaseException] | None, *rest: Any) -> None:
        if kind is not None:
            self.kill_group()
        super().__exit__(kind, *rest)

    @property
    def inside_pid(self) -> int | None:
        """The host's number of the process inside; None when it has ended."""
        # It is there a moment after the start, and until it has been collected.
        wait_for(lambda: self.poll() is not None or self._children(), 10, "a process to start")
        children = self._children()
        return children[0] if children else None

    def send_signal(self, sig: int) -> None:
        """Send `sig` to the process inside, if it still runs."""
        if (pid := self.inside_pid) is not None:
            with suppress(ProcessLookupError):  # it ended meanwhile
                os.kill(pid, sig)

    def kill_group(self) -> None:
        """Kill the process inside with all that it started and that stayed in its group."""
        if (pid := self.inside_pid) is not None:
            # The leader first: one that has not made its group yet shall not go on to make it.
            for kill in (os.kill, os.killpg):
                with suppress(ProcessLookupError):
                    kill(pid, signal.SIGKILL)

    def _children(self) -> list[int]:
        try:
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        except OSError:  # it ended between poll and read
            return []
        return [int(child) for child in children.split()]


def finish(
    process: InsideProcess,
    argv: Sequence[str],
    stdin: str | None,
    *,
    check: bool,
    timeout: float,
) -> subprocess.CompletedProcess[str]:
    """Feed a process, wait for its end, and give what it printed.

    Raises:
        CommandError: it ran longer than `timeout` seconds, or, with `check`, failed.
    """
    with process:
        try:
            stdout, stderr = process.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            process.kill_group()
            stdout, stderr = process.communicate()
            raise CommandError(argv, f"not done after {timeout:g} s", stdout, stderr) from None
    if check and process.returncode != 0:
        raise CommandError(argv, f"exit {process.returncode}", stdout, stderr)
    return subprocess.CompletedProcess(argv, process.returncode, stdout, stderr)


def _tail(text: str) -> str:
    return "\n".join(text.splitlines()[-_SHOWN_LINES:])
