"""One run of a user at a time: a lock that ends with its process, and words for who holds it.

The kernel gives flock(2) back however a process ends, so a dead holder never has to be found out.
What is written into the file is for people only.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import socket
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from bootstrapper.errors import UserError

NAME = "lock"


class LockError(UserError):
    """Another run is at work, or the lock cannot be used; one line with the mend."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lock. `started` tells its process from any other that has had its number."""

    pid: int
    started: str
    user: str
    host: str
    command: str
    since: str

    def __str__(self) -> str:
        return f"{self.command} of {self.user} (process {self.pid} on {self.host})"


@contextlib.contextmanager
def only_run(directory: Path, command: str) -> Iterator[str]:
    """Hold the lock for the length of a `with` block; it ends with the process, however it ends.

    Yields a sentence about the run before, if that one was killed, else "".

    Raises:
        LockError: another run holds it; says who, since when, and whether it is alive.
    """
    path = directory / NAME
    descriptor = _open(path)
    with os.fdopen(descriptor, "r+", encoding="utf-8", errors="replace") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockError(_told(_holder(file.read()), path)) from None
        except OSError as error:
            raise LockError(
                f"{path}: {error.strerror}; locks do not work there. Have it on a local disk: set "
                "XDG_STATE_HOME (on a Mac, HOME)."
            ) from None
        dead = _holder(file.read())
        _write(file.fileno(), json.dumps(asdict(myself(command))))
        try:
            yield _taken_over(dead) if dead else ""
        finally:
            _write(file.fileno(), "")


def started(pid: int) -> str:
    """When a process of this computer began, and since which start of the computer that counts; ""
    if there is none. proc(5) on Linux, ps(1) elsewhere."""
    if Path("/proc/self/stat").exists():
        try:
            told = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            return ""
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return "" if told[0] in "ZX" else f"{boot} {told[19]}"
    words = ["ps", "-o", "lstart=", "-p", str(pid)]
    plain = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    answer = subprocess.run(words, env=plain, capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def _open(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fchmod(descriptor, 0o600)
            return descriptor
        os.close(descriptor)
        problem = "it is no file"
    except OSError as error:
        problem = "it is a link" if path.is_symlink() else str(error.strerror)
    raise LockError(f"{path} cannot be used ({problem}); remove it, or give it back to yourself.")


def _write(descriptor: int, text: str) -> None:
    with contextlib.suppress(OSError):  # a full disk: then nobody is told who holds it
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)


def myself(command: str) -> Holder:
    """This process, at work on a command."""
    pid = os.getpid()
    now = f"{datetime.now():%Y-%m-%d %H:%M:%S}"
    return Holder(pid, started(pid), _user(), socket.gethostname(), command, now)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"user {os.getuid()}"


def _holder(text: str) -> Holder | None:
    """Who is named in a lock's file, or None: nobody, or it was damaged."""
    try:
        told = Holder(**json.loads(text))
    except (ValueError, TypeError):
        return None
    texts = (told.started, told.user, told.host, told.command, told.since)
    return told if isinstance(told.pid, int) and all(isinstance(t, str) for t in texts) else None


def _told(holder: Holder | None, path: Path) -> str:
    if holder is None:
        return (
            f"Another run is at work, and {path} does not say which; `lsof '{path}'` does. Wait "
            "for it, or stop it with Ctrl-C where it runs."
        )
    at_work = f"Another run is at work: {holder}, since {holder.since}."
    if started(holder.pid) == holder.started:
        return f"{at_work} It is alive: wait for it, or stop it with Ctrl-C where it runs."
    if holder.host != socket.gethostname():  # a home directory that computers share
        return f"{at_work} Whether it is alive can be seen there only; wait for it, or stop it."
    return (
        f"{at_work} That process is dead, and something that it left behind holds the lock: "
        f"`lsof '{path}'` says what; end that, and run it again."
    )


def _taken_over(dead: Holder) -> str:
    return f"The last run, {dead}, since {dead.since}, was killed; its lock is taken over."
