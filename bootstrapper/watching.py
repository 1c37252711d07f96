"""A site's files as they change, and the updates that tell a preview of them. Reads only."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import gevent

from deploys.build import FILES

PAUSE_SECONDS = 0.3
SETTLE_SECONDS = 0.05
LONGEST_SETTLING = 1.0
CHUNK = 1 << 18

# What editors keep beside a file while it is open: Vim, Emacs, Kate, gedit, IntelliJ; guard/listen
# leaves such names out too (lib/listen/silencer.rb). For none of them the site is to be built.
_EDITORS_OWN = re.compile(
    r"(^|/)(\.[^/]*\.sw[a-z]+|4913|[^/]*~|\.?#[^/]*|\.[^/]*\.kate-swp|\.goutputstream-[^/]*"
    r"|[^/]*___jb_(tmp|old|bak)___)$"
)


@dataclass(frozen=True)
class Stamp:
    """What tells that a file is not the one that it was."""

    size: int
    modified: int
    inode: int
    mode: int


Tree = Mapping[str, Stamp]


@dataclass(frozen=True)
class Change:
    """What became of a site's files; `files` are those that are new or another than before, and
    `unreadable` those among the new ones that cannot be read."""

    files: Mapping[str, Stamp]
    removed: tuple[str, ...]
    unreadable: tuple[str, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """All that changed, relative to the site."""
        return (*self.files, *self.removed)


class Watch:
    """Looks at a site's files again and again: events do not cross every file system."""

    def __init__(self, site: Path) -> None:
        self._site = site
        self._known: Tree = {}

    def next_change(self, meanwhile: Callable[[float], None]) -> Change:
        """Wait until something is another than at the last call, and has come to rest; at the
        first call, everything is. A site that is not there, while Git changes it say, is waited
        for. `meanwhile` spends the seconds between two looks."""
        while True:
            started = time.monotonic()
            now = tree_of(self._site)
            if now and now != self._known:
                now = self._settled(now)
                change = difference(self._site, self._known, now)
                self._known = now
                if change.paths or change.unreadable:
                    return change
            # However many files there are, looking at them takes a small part of the time.
            meanwhile(max(PAUSE_SECONDS, 5 * (time.monotonic() - started)))

    def _settled(self, now: Tree) -> Tree:
        """An editor may have written half a file, a checkout half its files."""
        end = time.monotonic() + LONGEST_SETTLING
        while time.monotonic() < end:
            gevent.sleep(SETTLE_SECONDS)
            before, now = now, tree_of(self._site) or now
            if now == before:
                break
        return now


def tree_of(site: Path) -> Tree:
    """The files that a build of the site would read, as the build itself finds them."""
    try:
        found = subprocess.run(
            ["sh", str(FILES / "blog" / "site-files.sh")],
            cwd=site,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
        ).stdout
    except OSError:
        return {}
    tree = {}
    for name in sorted(found.split(b"\0")):
        path = os.fsdecode(name.removeprefix(b"./"))
        if path and not _EDITORS_OWN.search(path) and (stamp := _stamp(site / path)):
            tree[path] = stamp
    return tree


def difference(site: Path, before: Tree, now: Tree) -> Change:
    """What has to be told to whoever knows the files as they were before."""
    other = {path: stamp for path, stamp in now.items() if before.get(path) != stamp}
    unreadable = tuple(path for path in other if not os.access(site / path, os.R_OK))
    return Change(
        files={path: stamp for path, stamp in other.items() if path not in unreadable},
        removed=tuple(path for path in before if path not in now),
        unreadable=unreadable,
    )


def update(site: Path, change: Change) -> Iterator[bytes]:
    """A change as the preview reads it (see preview.rb): JSON, then the bytes of the files.

    A file that has become shorter meanwhile is filled up: the next look at it will tell.
    """
    files = [
        (path, stamp.size, stamp.mode & 0o777 | 0o644, stamp.modified / 1e9)
        for path, stamp in change.files.items()
    ]
    told = json.dumps({"files": files, "removed": change.removed}).encode()
    yield f"{len(told):010d}".encode() + told
    for path, stamp in change.files.items():
        missing = stamp.size
        try:
            with (site / path).open("rb") as file:
                for chunk in _chunks(file, stamp.size):
                    missing -= len(chunk)
                    yield chunk
        except OSError:
            pass  # it is gone
        while missing > 0:
            yield bytes(min(missing, CHUNK))
            missing -= CHUNK


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except OSError:  # it went away
        return None
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ino, status.st_mode)


def _chunks(file: IO[bytes], size: int) -> Iterator[bytes]:
    while size > 0 and (chunk := file.read(min(size, CHUNK))):
        size -= len(chunk)
        yield chunk
