"""Directories for running machines, each held by a lock that ends with the process that holds it.

A directory whose lock nobody holds was left by a run that was killed: the next claim removes it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .cgroup import Cgroup


@contextmanager
def claimed_directory(parent: Path) -> Iterator[Path]:
    """A new directory below `parent`, removed at the end; leftovers of killed runs go first."""
    parent.mkdir(parents=True, exist_ok=True)
    with (parent / "claims.lock").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        _remove_abandoned(parent)
        directory = Path(tempfile.mkdtemp(dir=parent, prefix="machine-"))
        lock = _lock(directory)
    assert lock is not None
    try:
        yield directory
    finally:
        shutil.rmtree(directory)
        os.close(lock)


def _remove_abandoned(parent: Path) -> None:
    for directory in parent.glob("machine-*"):
        lock = _lock(directory)
        if lock is not None:
            # Its owner may have removed it between the listing and the lock.
            if directory.exists():
                Cgroup.existing(directory.name).remove()
                shutil.rmtree(directory)
            os.close(lock)


def _lock(directory: Path) -> int | None:
    """Lock the directory itself: a lock file inside would go before the rest of it does."""
    try:
        lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock
