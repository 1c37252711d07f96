"""The journal: each change is written down before it is made, and again when it is done.

`changes.jsonl` in the state directory: one JSON object a line, only ever appended to, on the disk
before the change is made. What a file of the user's held before lies in `kept/`, by its hash.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from calendar import timegm
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from pyinfra.api.exceptions import PyinfraError

from bootstrapper.durable import flush_directory, replace_file, write_all
from bootstrapper.errors import UserError
from bootstrapper.results import Failure
from deploys.changes import KINDS, Change, Made, is_whole

Event = Literal["begun", "done", "failed", "undone"]

NAME = "changes.jsonl"
KEPT = "kept"


class JournalError(UserError):
    """The journal is there, and cannot be read; one line with the mend."""


class NotWritten(PyinfraError):
    """A change could not be written down, and was not made."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(str(error))
        self.failure = Failure(
            f"the change could not be written into {path} ({error.strerror}), and was not made",
            mend="Make room, or make that file writable again; then run it again.",
        )


@dataclass(frozen=True)
class _Entry:
    """One change, with all that was written about it."""

    number: int
    machine: str
    change: Change
    kept: str
    begun: float
    ended: float = 0.0
    finished: bool = False
    undone: bool = False


class Journal:
    """The journal of one state directory. What is read is read at once; `damage` says what of it
    could not be, in sentences."""

    def __init__(self, directory: Path) -> None:
        """Raises JournalError if it is there and cannot be read."""
        self._path = directory / NAME
        self._kept = directory / KEPT
        self._whole = 0  # bytes, up to the end of the last whole line
        self._last = 0
        self._ready = False
        self.damage: tuple[str, ...] = ()
        self._entries = self._read()

    @contextlib.contextmanager
    def recording(self, machine: str, changes: Sequence[Change]) -> Iterator[None]:
        """Write changes down, and at the end of a `with` block what became of them.

        Raises:
            NotWritten: they could not be; the block was not entered.
        """
        try:
            numbers = self.begin(machine, changes)
        except OSError as error:
            raise NotWritten(self._path, error) from error
        try:
            yield
        except Exception:
            self._end_if_possible(numbers, "failed")
            raise
        self._end_if_possible(numbers, "done")

    def begin(self, machine: str, changes: Sequence[Change]) -> tuple[int, ...]:
        """Write down what is about to be changed; their numbers. It is on the disk on return.

        Raises:
            OSError: it could not be written; the change must not be made.
        """
        entries = []
        for number, change in enumerate(changes, start=self._last + 1):
            kept = self._keep(change.content) if change.content is not None else ""
            entries.append(_Entry(number, machine, change, kept, time.time()))
        self._append([_line(entry) for entry in entries])
        self._last += len(entries)
        self._entries.update({entry.number: entry for entry in entries})
        return tuple(entry.number for entry in entries)

    def end(self, numbers: Collection[int], event: Event) -> None:
        """Write down what became of changes: "done", "failed", or later "undone".

        Raises:
            OSError: it could not be written.
        """
        now = time.time()
        told = [{"entry": number, "event": event, "time": _clock(now)} for number in numbers]
        self._append(told)
        for number in numbers:
            self._entries[number] = _after(self._entries[number], event, now)
        if event == "undone" and not self.damage:  # a lost line may have named what is kept
            self._forget_kept()

    def made(self, machine: str) -> tuple[Made, ...]:
        """What was changed on a machine and not taken back, newest first; each thing once.

        Its former state is that before the first change of it. It stands where it was first made, a
        container where it was last: each build makes it anew.
        """
        groups: dict[tuple[str, str], list[_Entry]] = {}
        for entry in self._entries.values():
            if entry.machine == machine and not entry.undone:
                groups.setdefault((entry.change.kind, entry.change.target), []).append(entry)
        ordered = sorted(groups.values(), key=_place, reverse=True)
        return tuple(map(self._as_one, ordered))

    @property
    def machines(self) -> frozenset[str]:
        """The machines that it has ever heard of."""
        return frozenset(entry.machine for entry in self._entries.values())

    # How it is done

    def _end_if_possible(self, numbers: Collection[int], event: Event) -> None:
        with contextlib.suppress(OSError):  # that it was begun is on the disk, and enough for undo
            self.end(numbers, event)

    def _as_one(self, entries: Sequence[_Entry]) -> Made:
        first = entries[0]
        kept = self._kept / first.kept if first.kept else None
        content = kept.read_bytes() if kept and kept.is_file() else None
        return Made(
            change=replace(first.change, content=content),
            entries=tuple(entry.number for entry in entries),
            finished=any(entry.finished for entry in entries),
            begun=first.begun,
            ended=max(entry.ended for entry in entries),
            kept=kept,
        )

    def _content(self) -> bytes:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise JournalError(
                f"{self._path}: {error.strerror}; what was changed here is written there. Make it "
                "readable again, or move it away."
            ) from error

    def _read(self) -> dict[int, _Entry]:
        content = self._content()
        *lines, torn = content.split(b"\n")
        self._whole = len(content) - len(torn)
        entries: dict[int, _Entry] = {}
        problems = []
        for number, line in enumerate(lines, start=1):
            try:
                told = json.loads(line)
                if told["event"] == "begun":  # a newer version's, of another kind, counts too
                    self._last = max(self._last, int(told["entry"]))
                _take(entries, told)
            except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
                problems.append(f"line {number} of {self._path} cannot be read and is passed over.")
        if torn:
            problems.append(f"the last line of {self._path} was cut off and is passed over.")
        for entry in [*entries.values()]:
            if entry.kept and not entry.undone and not self._has(entry.kept):
                # Without them it would pass for a file that was not there before.
                target = entry.change.target
                problems.append(f"what {target} was before is lost; it is left as it is.")
                entries = {n: e for n, e in entries.items() if e.change.target != target}
        self.damage = tuple(f"The journal of changes: {problem}" for problem in problems)
        return entries

    def _has(self, kept: str) -> bool:
        try:
            return hashlib.sha256((self._kept / kept).read_bytes()).hexdigest() == kept
        except OSError:
            return False

    def _append(self, told: Sequence[dict[str, Any]]) -> None:
        """Whole lines or none: what a failed write has left is cut off again."""
        text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in told).encode()
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._make_ready(descriptor)
            os.lseek(descriptor, self._whole, os.SEEK_SET)
            try:
                write_all(descriptor, text)
            except OSError:
                os.ftruncate(descriptor, self._whole)
                raise
            self._whole += len(text)
        finally:
            os.close(descriptor)

    def _make_ready(self, descriptor: int) -> None:
        """Once: the name is on the disk, and a line that a power cut has torn is set aside."""
        if self._ready:
            return
        torn = os.pread(descriptor, os.fstat(descriptor).st_size, self._whole)
        if torn:
            aside = self._path.with_name(f"changes-torn-{int(time.time())}")
            replace_file(aside, torn)
            os.ftruncate(descriptor, self._whole)
        flush_directory(self._path.parent)
        self._ready = True

    def _keep(self, content: bytes) -> str:
        """Former bytes of a file, for this user's eyes only; they may be secret."""
        name = hashlib.sha256(content).hexdigest()
        if not self._has(name):
            self._kept.mkdir(mode=0o700, exist_ok=True)
            replace_file(self._kept / name, content)
        return name

    def _forget_kept(self) -> None:
        """Former bytes that no change needs any more are not for keeping: they may be secret."""
        needed = {entry.kept for entry in self._entries.values() if not entry.undone}
        with contextlib.suppress(OSError):  # the next time that something is taken back
            for file in self._kept.iterdir():
                if file.name not in needed:
                    file.unlink()
            if not needed - {""}:
                self._kept.rmdir()


def _place(entries: Sequence[_Entry]) -> int:
    is_container = entries[0].change.kind == "container"
    return entries[-1 if is_container else 0].number


def _line(entry: _Entry) -> dict[str, Any]:
    change = entry.change
    return {
        "entry": entry.number,
        "event": "begun",
        "time": _clock(entry.begun),
        "machine": entry.machine,
        "kind": change.kind,
        "target": change.target,
        "before": dict(change.before),
        **({"kept": entry.kept} if entry.kept else {}),
    }


def _take(entries: dict[int, _Entry], told: dict[str, Any]) -> None:
    number, at = int(told["entry"]), _seconds(told["time"])
    if told["event"] != "begun":
        if told["event"] not in get_args(Event):
            raise ValueError(told["event"])
        entries[number] = _after(entries[number], told["event"], at)
        return
    if told["kind"] not in KINDS:
        raise ValueError(told["kind"])
    change = Change(told["kind"], told["target"], dict(told["before"]))
    kept, machine = told.get("kept", ""), told["machine"]
    if not (is_whole(change) and re.fullmatch(r"([0-9a-f]{64})?", kept) and machine.isprintable()):
        raise ValueError(told["kind"])
    entries[number] = _Entry(number, machine, change, kept, at)


def _after(entry: _Entry, event: Event, at: float) -> _Entry:
    if event == "undone":
        return replace(entry, undone=True)
    return replace(entry, ended=at, finished=event == "done")


def _clock(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _seconds(clock: str) -> float:
    return float(timegm(time.strptime(clock, "%Y-%m-%dT%H:%M:%SZ")))
