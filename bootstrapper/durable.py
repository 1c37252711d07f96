"""Files that are on the disk, whole, before anything else happens."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

# On macOS fsync(2) leaves the bytes in the drive's own cache, where a power cut loses them; this
# asks the drive too (its manual page).
_FLUSH = getattr(fcntl, "F_FULLFSYNC", None)


def flush(descriptor: int) -> None:
    """Have what was written into a file, or a directory, on the disk.

    Raises:
        OSError: it is not there.
    """
    if _FLUSH is not None:
        try:
            fcntl.fcntl(descriptor, _FLUSH)
        except OSError:  # a network volume knows no such thing
            pass
        else:
            return
    os.fsync(descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of it, and have it on the disk.

    Raises:
        OSError: some of it may be there.
    """
    while content:
        content = content[os.write(descriptor, content) :]
    flush(descriptor)


def replace_file(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Give a file another content, whole or not at all; it is on the disk on return.

    Raises:
        OSError: it has its old content.
    """
    new = unfinished(path)
    new.unlink(missing_ok=True)
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.fchmod(descriptor, mode)
            write_all(descriptor, content)
        finally:
            os.close(descriptor)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    flush_directory(path.parent)


def unfinished(path: Path) -> Path:
    """Where a file's next content is written; always there, so that what a killed run has left is
    overwritten by the next one."""
    return path.with_name(f".{path.name}-new")


def flush_directory(directory: Path) -> None:
    """Have the names in a directory on the disk.

    Raises:
        OSError: they are not there.
    """
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        flush(descriptor)
    finally:
        os.close(descriptor)
