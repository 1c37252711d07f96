"""One password prompt a run, on the terminal, kept alive until the run ends.

sudo itself asks, and keeps its own ticket: no password is ever in this program's memory, in an
argument, in the environment or on disk. pyinfra's own way puts it into the environment of a
process that everybody can list (pyinfra 3.10, connectors/util.py).
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

import gevent

from bootstrapper.errors import UserError
from bootstrapper.processes import exit_code

REFRESH_SECONDS = 50.0  # macOS and Debian forget a ticket after 5 and 15 minutes


class SudoError(UserError):
    """Root is needed and cannot be had; one line with the mend."""


@contextlib.contextmanager
def sudo_ready(*, needed_for: str, can_ask: bool) -> Iterator[None]:
    """Have `sudo -n` succeed for the length of a `with` block.

    Raises:
        SudoError: the user has no sudo right, or no terminal to type a password on.
    """
    if not _has_ticket():
        if not can_ask:
            raise SudoError(
                f"Root is needed for: {needed_for}. sudo wants a password, and there is no "
                "terminal to ask on; run it in a terminal, or run `sudo -v` there first."
            )
        print(f"Root is needed for: {needed_for}.", flush=True)
        if exit_code(["sudo", "-v"]) != 0:
            raise SudoError(
                "sudo was not granted, so nothing was changed. Run it as a user who may use sudo, "
                "or ask an administrator for that right."
            )
    # A greenlet, not a thread: gevent's fork complains about threads in every child it makes.
    keeper = gevent.spawn(_keep)
    try:
        yield
    finally:
        keeper.kill()


def _has_ticket() -> bool:
    try:
        return exit_code(["sudo", "-n", "true"], stderr=subprocess.DEVNULL) == 0
    except FileNotFoundError:
        raise SudoError(
            "Root is needed, and there is no sudo here; run it as root, or have sudo installed."
        ) from None


def _keep() -> None:
    while True:
        gevent.sleep(REFRESH_SECONDS)
        exit_code(["sudo", "-n", "-v"], stderr=subprocess.DEVNULL)
