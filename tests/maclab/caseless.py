"""Makes a folder of a running Mac case-insensitive and case-preserving, as APFS is on most Macs.

This kernel has no file system that is. So a FUSE over the folder finds names whatever their case;
it is slow, and for tests of just that. Where it is not a Mac: names in different Unicode forms stay
different, and no extended attributes.

    python -m tests.maclab.caseless PID FOLDER     prints "up", and serves until it is killed
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import mfusepy

from .commands.call import LAB

_CLONE_NEWNS, _MS_BIND = 0x00020000, 4096  # <sched.h>, <sys/mount.h>
_FUSE_DEVICE = os.makedev(10, 229)  # Linux, Documentation/admin-guide/devices.txt


class Caseless(mfusepy.Operations):  # type: ignore[misc] # it has no types
    """The files below `root`, under names of any case."""

    use_ns = True

    def __init__(self, root: str) -> None:
        self._root = root

    # Names

    def _real(self, path: str) -> str:
        """The file that a path means: its own name if there is one, else one of another case."""
        plain = self._root + path
        if path == "/" or os.path.lexists(plain):
            return plain
        folder, _, name = path.rpartition("/")
        parent = self._real(folder or "/")
        with suppress(OSError):
            for one in os.listdir(parent):
                if one.casefold() == name.casefold():
                    return f"{parent}/{one}"
        return f"{parent}/{name}"

    def _owned(self, real: str) -> None:
        user, group, _ = mfusepy.fuse_get_context()
        os.chown(real, user, group, follow_symlinks=False)

    # Looking

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        told = os.fstat(fh) if fh is not None else os.lstat(self._real(path))
        names = ("mode", "ino", "nlink", "uid", "gid", "size", "blocks")
        times = ("atime", "mtime", "ctime")
        return {
            **{f"st_{name}": getattr(told, f"st_{name}") for name in names},
            **{f"st_{name}": getattr(told, f"st_{name}_ns") for name in times},
        }

    def readdir(self, path: str, fh: int) -> Iterator[tuple[str, dict[str, int], int]]:
        real = self._real(path)
        for name in (".", "..", *os.listdir(real)):
            with suppress(FileNotFoundError):
                told = os.lstat(f"{real}/{name}")
                yield name, {"st_mode": told.st_mode, "st_ino": told.st_ino}, 0

    def readlink(self, path: str) -> str:
        return os.readlink(self._real(path))

    def statfs(self, path: str) -> dict[str, int]:
        told = os.statvfs(self._real(path))
        names = ("bavail", "bfree", "blocks", "bsize", "favail", "ffree", "files", "flag", "frsize")
        return {f"f_{name}": getattr(told, f"f_{name}") for name in (*names, "namemax")}

    # Files

    def open(self, path: str, flags: int) -> int:
        return os.open(self._real(path), flags & ~os.O_CREAT & ~os.O_EXCL)

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        real = self._real(path)
        file = os.open(real, os.O_RDWR | os.O_CREAT, mode)
        self._owned(real)
        return file

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, fh: int | None = None) -> None:
        os.truncate(fh if fh is not None else self._real(path), length)

    def fsync(self, path: str, datasync: int, fh: int) -> None:
        os.fsync(fh)

    def release(self, path: str, fh: int) -> None:
        os.close(fh)

    # Changing names

    def mkdir(self, path: str, mode: int) -> None:
        real = self._real(path)
        os.mkdir(real, mode)
        self._owned(real)

    def mknod(self, path: str, mode: int, dev: int) -> None:
        real = self._real(path)
        os.mknod(real, mode, dev)
        self._owned(real)

    def symlink(self, target: str, source: str) -> None:
        real = self._real(target)
        os.symlink(source, real)
        self._owned(real)

    def link(self, target: str, source: str) -> None:
        os.link(self._real(source), self._real(target), follow_symlinks=False)

    def unlink(self, path: str) -> None:
        os.unlink(self._real(path))

    def rmdir(self, path: str) -> None:
        os.rmdir(self._real(path))

    def rename(self, old: str, new: str) -> None:
        source, target = self._real(old), self._real(new)
        if source == target:  # only its case changes
            target = f"{os.path.dirname(target)}/{os.path.basename(new)}"
        os.rename(source, target)

    # Changing what is known of them

    def chmod(self, path: str, mode: int) -> None:
        os.chmod(self._real(path), mode)

    def chown(self, path: str, uid: int, gid: int) -> None:
        user, group = (-1 if one == 2**32 - 1 else one for one in (uid, gid))
        os.chown(self._real(path), user, group, follow_symlinks=False)

    def utimens(self, path: str, times: tuple[int, int]) -> None:
        os.utime(self._real(path), ns=times, follow_symlinks=False)

    def init(self, path: str) -> None:
        print("up", flush=True)


def main(pid: str, folder: str) -> None:
    """Enter the Mac's mounts, and serve."""
    libc = ctypes.CDLL(None, use_errno=True)
    beneath = f"{LAB}/beneath"
    with Path(f"/proc/{pid}/ns/mnt").open() as mounts:
        if libc.setns(mounts.fileno(), _CLONE_NEWNS):
            raise OSError(ctypes.get_errno(), "setns")
    os.makedirs(beneath, exist_ok=True)
    if not os.path.exists("/dev/fuse"):
        os.mknod("/dev/fuse", 0o600 | 0o020000, _FUSE_DEVICE)
    if libc.mount(folder.encode(), beneath.encode(), None, _MS_BIND, None):
        raise OSError(ctypes.get_errno(), "mount")
    mfusepy.FUSE(
        Caseless(beneath),
        folder,
        foreground=True,
        nothreads=True,
        allow_other=True,
        default_permissions=True,
        use_ino=True,
        entry_timeout=0,
        negative_timeout=0,
        attr_timeout=0,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
