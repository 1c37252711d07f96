"""The locks that brew holds while it changes a formula, or updates."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from .brew import Brew
from .console import Failure
from .sources import source


@contextmanager
@source("lock-same-formula-install", "lock-uninstall-same", "lock-files")
def formula_lock(brew: Brew, name: str) -> Iterator[None]:
    """Hold the lock of a formula.

    Raises:
        Failure: another process holds it; the message names this process's own command.
    """
    own = f"brew {' '.join(brew.typed)}"
    rack = brew.machine.cellar / name
    with _held(brew, f"{name}.formula.lock", f"A `{own}` process has already locked {rack}."):
        yield


@contextmanager
@source("lock-update-held")
def update_lock(brew: Brew) -> Iterator[None]:
    """Hold the lock of `brew update`.

    Raises:
        Failure: another process holds it.
    """
    with _held(brew, "update", "Another `brew update` process is already running."):
        yield


@contextmanager
def _held(brew: Brew, name: str, taken: str) -> Iterator[None]:
    folder = brew.machine.prefix / "var" / "homebrew" / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Failure(
                f"{taken}\nPlease wait for it to finish or terminate it to continue."
            ) from None
        yield
