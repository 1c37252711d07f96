"""What is known of a comparison so far, kept on disk, so that an interrupted one can go on.

One JSON value a line: first which sites, then where the pages are known from, then each page as it
was compared. A line that was not written to its end is the last one, and is left out.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from bootstrapper.errors import UserError
from bootstrapper.proof.against.differences import Difference
from bootstrapper.proof.against.discovery import MOST_PAGES, Discovery
from bootstrapper.record import private

VERSION = 1
_KEPT = 10


class LedgerError(UserError):
    """Another run compares the same sites, or nothing can be written; one line with the mend."""


@dataclass(frozen=True)
class PageResult:
    """One page, compared. `found` are the pages that it leads to, if a crawl has to find them."""

    path: str
    differences: tuple[Difference, ...] = ()
    found: tuple[str, ...] = ()


class Ledger:
    """The pages that were compared, in that order, and those that are known but were not yet.

    `began` is when the first one was.
    """

    def __init__(self, path: Path, file: TextIO, header: dict[str, Any]) -> None:
        self.began = datetime.now().isoformat(" ", "minutes")
        self.discovery: Discovery | None = None
        self.results: list[PageResult] = []
        self._pending: dict[str, None] = {}
        self._known: set[str] = set()
        self._path = path
        self._file = file
        discovery, results = self._read(header)
        file.seek(0)
        file.truncate()
        self._write({**header, "began": self.began})
        if discovery:
            self.begin(discovery)
        for result in results:
            self.add(result)

    @property
    def pending(self) -> list[str]:
        """The pages that are left, in the order in which they were found."""
        return list(self._pending)

    @property
    def left(self) -> int:
        """How many pages are left."""
        return len(self._pending)

    def begin(self, discovery: Discovery) -> None:
        """Note where the pages are known from."""
        self.discovery = discovery
        self._write(asdict(discovery))
        self._await(discovery.paths)

    def add(self, result: PageResult) -> None:
        """Note a page; of those that it leads to, only the ones that nobody knew."""
        new = tuple(path for path in result.found if path not in self._known)
        self.results.append(replace(result, found=new))
        self._write(asdict(self.results[-1]))
        self._pending.pop(result.path, None)
        self._await(new)

    def finish(self) -> None:
        """Nothing is left to be done: the next comparison begins anew."""
        self._path.unlink(missing_ok=True)

    def _await(self, paths: tuple[str, ...]) -> None:
        for path in paths:
            if path not in self._known and len(self._known) < MOST_PAGES:
                self._known.add(path)
                self._pending[path] = None

    def _write(self, value: object) -> None:
        self._file.write(json.dumps(value) + "\n")
        self._file.flush()

    def _read(self, header: dict[str, Any]) -> tuple[Discovery | None, list[PageResult]]:
        """What an earlier run of the same comparison left."""
        self._file.seek(0)
        values = list(_values(self._file))
        if len(values) < 2 or {**values[0], "began": ""} != {**header, "began": ""}:
            return None, []
        try:
            found = _discovery(values[1]), [_result(value) for value in values[2:]]
            self.began = str(values[0]["began"])
        except (KeyError, TypeError):
            return None, []
        return found


@contextlib.contextmanager
def ledger_of(directory: Path, old_url: str, build_id: str) -> Iterator[Ledger]:
    """The ledger of a comparison, held by this run alone.

    Raises:
        LedgerError: it cannot be had.
    """
    header = {"version": VERSION, "old": old_url, "build": build_id}
    name = hashlib.sha256(json.dumps(header).encode()).hexdigest()[:16]
    place = directory / "comparisons"
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        _tidy(place, keep=f"{name}.jsonl")
        path = place / f"{name}.jsonl"
        with private(path) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield Ledger(path, file, header)
    except BlockingIOError:
        raise LedgerError(
            f"Another run compares with {old_url} at this moment; wait for it, or stop it."
        ) from None
    except OSError as error:
        raise LedgerError(f"{place}: {error.strerror}; make it writable.") from error


def _tidy(place: Path, keep: str) -> None:
    """Remove all but the newest ledgers: of builds that are gone, of sites that were never done."""
    others = [path for path in place.glob("*.jsonl") if path.name != keep]
    for path in sorted(others, key=lambda path: path.stat().st_mtime)[:-_KEPT]:
        path.unlink(missing_ok=True)


def _values(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(value, dict):
            return
        yield value


def _discovery(value: dict[str, Any]) -> Discovery:
    return Discovery(**{**value, "paths": _texts(value["paths"]), "notes": _texts(value["notes"])})


def _result(value: dict[str, Any]) -> PageResult:
    differences = tuple(Difference(**difference) for difference in value["differences"])
    found = _texts(value["found"])
    return PageResult(
        **{**value, "path": str(value["path"]), "differences": differences, "found": found}
    )


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise TypeError
    return tuple(value)
