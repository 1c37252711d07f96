"""Machines that take long to make: made once, and shared by the parts of `run.py`."""

from __future__ import annotations

import fcntl
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

VARIABLE = "MACHINES"  # the directory where all parts find them

T = TypeVar("T")


@contextmanager
def made_once(cache: Path, name: str, make: Callable[[Path], T]) -> Iterator[tuple[Path, T]]:
    """The directory that `make` has filled with disks, and what it has returned.

    Without a place for all parts it is made below `cache`, and removed at the end of the block.
    """
    own = cache / "machines" / f"own-{os.getpid()}"
    place = Path(os.environ.get(VARIABLE, own))
    place.mkdir(parents=True, exist_ok=True)
    made, seen, lock = (place / f"{name}{suffix}" for suffix in ("", ".pickle", ".lock"))
    with lock.open("w") as making:
        fcntl.flock(making, fcntl.LOCK_EX)
        if not seen.exists():
            shutil.rmtree(made, ignore_errors=True)  # of an attempt that failed
            made.mkdir()
            seen.write_bytes(pickle.dumps(make(made)))
    yield made, pickle.loads(seen.read_bytes())
    if place == own:
        shutil.rmtree(made)
        seen.unlink()
        lock.unlink()
        with suppress(OSError):  # others are in it still, who remove it in their turn
            place.rmdir()
